"""The journal of a run: what is written is read again, and nothing else is."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from runners import lines as module
from runners.journal import Done, Entry, Finished, Journal, JournalError, headers, open_journal

FACTS = {"model": {"id": "toy"}, "dataset": "rooms"}


def line(name: str) -> Finished:
    """A line of one sample that was scored and one that was skipped."""
    row = {"id": name, "abs_rel": 0.1, "details": {"é": 1.5}}
    entries = [Entry(name, row, signs=["odd"]), Entry(name + "x", reason="no")]
    return Finished(1.5, {"toy/house": Done(entries, 0.25)}, {"batch_halved_to": 1})


def opened(out: Path, facts: dict[str, Any] = FACTS, **options: Any) -> Journal:
    """The journal of a run that begins now."""
    return open_journal(out, facts, "2026-11-26T00:00:00+00:00", **options)


def written(out: Path, count: int = 2) -> Path:
    """A journal with some lines, closed."""
    journal = opened(out)
    for index in range(count):
        journal.append(line(f"{index}"))
    journal.close()
    return journal.path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Every value of every line, and when the first part began."""
    written(tmp_path)
    journal = open_journal(tmp_path, FACTS, "later")
    assert journal.lines == [line("0"), line("1")]
    assert journal.started == "2026-11-26T00:00:00+00:00"
    (header,) = headers(tmp_path)
    assert (header.facts, header.samples) == (FACTS, 4)
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_cut_is_dropped_wherever_it_was_cut(tmp_path: Path) -> None:
    """Cut at each byte of the last line, the first line stays, and what is appended then can be read."""
    path = written(tmp_path)
    whole = path.read_bytes()
    first = whole[: -len(whole.splitlines(keepends=True)[-1])]
    for end in range(len(first), len(whole), 7):
        path.write_bytes(whole[:end])
        journal = opened(tmp_path)
        assert journal.lines == [line("0")]
        journal.append(line("1"))
        journal.close()
        assert path.read_bytes() == whole


def test_a_line_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    """Nor what follows it; a header that was changed leaves nothing."""
    path = written(tmp_path, 3)
    header, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + lines[0] + lines[1].replace(b"0.1", b"0.2") + lines[2])
    journal = opened(tmp_path)
    assert journal.lines == [line("0")]
    journal.close()
    path.write_bytes(header.replace(b"rooms", b"roams") + lines[0])
    assert opened(tmp_path).lines == []


def test_the_journal_of_something_else_is_not_used(tmp_path: Path) -> None:
    """Other facts have another file; one that was renamed is begun anew."""
    path = written(tmp_path)
    other = opened(tmp_path, {**FACTS, "dataset": "streets"})
    assert other.lines == []
    other.close()
    path.replace(other.path)
    assert opened(tmp_path, {**FACTS, "dataset": "streets"}).lines == []


def test_fresh_throws_away(tmp_path: Path) -> None:
    """What was finished is gone for good."""
    written(tmp_path)
    opened(tmp_path, fresh=True).close()
    assert opened(tmp_path).lines == []


def test_two_processes_are_not_at_one_run(tmp_path: Path) -> None:
    """The second is told so; once the first is through, it may."""
    first = opened(tmp_path)
    with pytest.raises(JournalError, match="another process is at this very run"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line may be there; what came before is kept and found again."""
    journal = opened(tmp_path)
    journal.append(line("0"))
    write, room = os.write, [100]

    def nearly_full(file: int, content: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, room[0] = content[: room[0]], 0
        return write(file, taken)

    monkeypatch.setattr(module.os, "write", nearly_full)
    with pytest.raises(JournalError, match=r"No space left on device.*the\s+same command goes on"):
        journal.append(line("1"))
    monkeypatch.undo()
    journal.close()
    assert opened(tmp_path).lines == [line("0")]


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A file in the place of the folder."""
    (tmp_path / ".journal").write_text("")
    with pytest.raises(JournalError, match="the journal cannot be written"):
        opened(tmp_path)


def test_what_no_record_may_hold_is_a_sentence(tmp_path: Path) -> None:
    """A model's details may be anything; what is no JSON would be refused by the record, too."""
    with pytest.raises(JournalError, match="the model says of an image what no record may hold"):
        opened(tmp_path).append(Finished(0, {"p": Done([Entry("a", {"details": object()})])}))


def test_headers_leave_out_what_says_nothing(tmp_path: Path) -> None:
    """An empty file and one of another kind are no journals."""
    written(tmp_path)
    for name, text in (("empty", ""), ("other", "{}\n")):
        (tmp_path / ".journal" / f"{name}.jsonl").write_text(text)
    assert len(headers(tmp_path)) == 1
