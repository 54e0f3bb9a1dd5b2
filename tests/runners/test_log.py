"""The log of a command: one JSON object a line, whatever the disk does."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runners.log import LogError, event, written_to
from tests.full_disk import full_beyond


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a log."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_events_are_lines_with_time_grade_and_fields(tmp_path: Path) -> None:
    """The time is UTC; a line is there at once; an id with the end of a line in it stays one line."""
    path = tmp_path / "new" / "run.log"
    with written_to(path, pytest.fail, command="runners x"):
        event("skipped", level=30, image="a\u2028b\n", reason="é")
        assert len(read(path)) == 2
    called, skipped = read(path)
    assert (called["event"], called["level"], called["command"]) == ("called", "info", "runners x")
    assert (skipped["event"], skipped["level"], skipped["image"], skipped["reason"]) == (
        "skipped",
        "warning",
        "a\u2028b\n",
        "é",
    )
    moment = datetime.fromisoformat(skipped["time"])
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    """A line that was cut by a full disk or a kill does not spoil the next one."""
    path = tmp_path / "run.log"
    path.write_text('{"event": "old"}\n{"event": "cu')
    for _ in range(2):
        with written_to(path, pytest.fail):
            pass
    assert [line[:11] for line in path.read_text().splitlines()[:2]] == ['{"event": "', '{"event": "']
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()[2:]] == ["called", "called"]


def test_without_a_log_events_go_nowhere(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Neither to standard error, however grave, nor to a log that was closed."""
    with written_to(tmp_path / "run.log", pytest.fail):
        pass
    event("failed", level=40, sentence="x")
    assert capfd.readouterr() == ("", "")
    assert len(read(tmp_path / "run.log")) == 1


@pytest.mark.parametrize("path", ["/dev/full", "/proc/none/run.log", "{tmp}", "{tmp}/file/run.log"])
def test_a_log_that_cannot_be_written_is_a_sentence(tmp_path: Path, path: str) -> None:
    """Before anything runs: a full disk, no such place, a folder, a file in the place of a folder."""
    (tmp_path / "file").touch()
    with pytest.raises(LogError, match="the log cannot be written"), written_to(Path(path.format(tmp=tmp_path)), print):
        pytest.fail("it has begun")


def test_a_disk_that_fills_up_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    """It is said once; once there is room again, lines are whole again."""
    path, said = tmp_path / "run.log", []
    with written_to(path, said.append):
        with full_beyond(path.stat().st_size + 20):
            event("lost")
            event("lost-too")
        event("found")
    assert said == [f"{path}: File too large; the run goes on, and lines of its log are lost"]
    called, cut, found = path.read_text().splitlines()
    assert (json.loads(called)["event"], len(cut), json.loads(found)["event"]) == ("called", 20, "found")
