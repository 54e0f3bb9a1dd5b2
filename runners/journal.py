"""What a run has finished, kept on disk while it goes on, so that a killed one goes on where it stopped.

A journal is a file of lines: the sha256 of the rest of the line, a space, and JSON. The first line says what the
journal is of; each further one holds all that one batch gave. docs/adr/0013-journal.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sitegen.records import sha256_of
from sitegen.store import JOURNALS

try:
    import fcntl
except ModuleNotFoundError:  # Windows: two runs of one command at once are not told from each other there
    fcntl = None  # type: ignore[assignment]

__all__ = ["Done", "Entry", "Finished", "Header", "Journal", "JournalError", "headers", "open_journal"]

_VERSION = 1
_FSYNC_EVERY_S = 2.0


class JournalError(Exception):
    """A journal cannot be kept; the message says why and what is to be done."""


@dataclass(frozen=True)
class Entry:
    """What became of one sample under one protocol.

    Attributes:
        id: Of the sample.
        row: Its values in the columns of the run; None where it was skipped.
        reason: Why it was skipped.
        signs: What should be looked at before the numbers are trusted.
    """

    id: str
    row: dict[str, Any] | None = None
    reason: str = ""
    signs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Done:
    """One batch under one protocol; ``seconds_predict`` is None where nothing had to be predicted."""

    entries: list[Entry]
    seconds_predict: float | None = None


@dataclass(frozen=True)
class Finished:
    """One line: a batch under every protocol that has not failed.

    Attributes:
        seconds: Since the line before, or since this part of the run began.
        protocols: By ``dataset/id``.
        noted: What the model has noted in its settings so far.
    """

    seconds: float
    protocols: dict[str, Done]
    noted: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Header:
    """What a journal is of, without opening it for a run: for those who want to know what is there."""

    path: Path
    facts: Mapping[str, Any]
    samples: int
    """How many samples are finished under every protocol that the journal has lines of."""


@dataclass
class Journal:
    """A journal that is open for one run; others of the same command are kept out.

    Attributes:
        path: Where it is.
        started: When its first part began, as records say it.
        lines: What was finished before this part, until it is taken up.
        noting: Returns what the model has noted in its settings, to be kept with each line.
    """

    path: Path
    started: str
    lines: list[Finished]
    _file: int
    noting: Callable[[], dict[str, Any]] = dict
    _synced: float = field(default_factory=time.monotonic)

    @property
    def samples(self) -> int:
        """Return how many samples earlier parts have finished under every protocol, until they are taken up."""
        return _samples(self.lines)

    def append(self, finished: Finished) -> None:
        """Write one line; a process that is killed from now on has not lost it, a machine loses two seconds at most.

        Raises:
            JournalError: If it cannot be written, as on a full disk; what was written before stays good.
        """
        try:
            _write(self._file, _line(asdict(finished)))
            if time.monotonic() - self._synced > _FSYNC_EVERY_S:
                self.sync()
        except OSError as error:
            raise JournalError(
                f"{self.path}: {error.strerror or error}. What was finished before is kept; once that is mended, the "
                "same command goes on from there"
            ) from error
        except (TypeError, ValueError) as error:
            raise JournalError(f"{self.path}: the model says of an image what no record may hold: {error}") from error

    def sync(self) -> None:
        """Have the disk hold every line."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Let others use it; what is finished stays."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self.sync()
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Take it away once its records are written, and its folder if it was the last one."""
        self.path.unlink(missing_ok=True)
        self.close()
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()


def open_journal(out: Path, facts: Mapping[str, Any], started: str, *, fresh: bool = False) -> Journal:
    """Return the journal of a run, with what earlier parts of it have finished.

    Args:
        out: Folder of the runs; the journal is in ``.journal`` below it.
        facts: Everything that determines the rows. Their digest is the file's name, so the journal of anything else is
            never met.
        started: When this part begins.
        fresh: Whether what is there is thrown away.

    Raises:
        JournalError: If it cannot be written, or another process is at the same run.
    """
    path = out / JOURNALS / f"{sha256_of(facts)}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        _lock(file, path)
        header, lines = ({}, []) if fresh else _resumed(file, facts)
        if not header:
            header = {"journal": _VERSION, "facts": facts, "started": started}
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            _write(file, _line(header))
        return Journal(path, header["started"], lines, file)
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be written: {error.strerror or error}") from error


def headers(out: Path) -> list[Header]:
    """Return what the journals below a folder of runs are of, sorted by path; those that say nothing are left out."""
    return [header for path in sorted((out / JOURNALS).glob("*.jsonl")) if (header := _header(path))]


def _header(path: Path) -> Header | None:
    try:
        first, *rest = [content for _, content in _good(path.read_bytes())]
        lines = list(map(_finished, rest))
        return Header(path, first["facts"], _samples(lines))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _samples(lines: list[Finished]) -> int:
    counts: dict[str, int] = {}
    for line in lines:
        for name, done in line.protocols.items():
            counts[name] = counts.get(name, 0) + len(done.entries)
    return min(counts.values(), default=0)


def _lock(file: int, path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise JournalError(f"{path}: another process is at this very run; wait for it, or end it") from error


def _resumed(file: int, facts: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finished]]:
    """Return header and lines of a journal, cut after its last whole line, and nothing of one that is of other facts.

    What follows a broken line is not believed either: the disk lost something there.
    """
    good = list(_good(_content(file)))
    header = good[0][1] if good else {}
    # The facts themselves, though their digest is the name: a file may have been renamed.
    if header.get("journal") != _VERSION or sha256_of(header.get("facts")) != sha256_of(facts):
        return {}, []
    end = good[-1][0]
    os.ftruncate(file, end)
    os.lseek(file, end, os.SEEK_SET)
    return header, [_finished(content) for _, content in good[1:]]


def _content(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as reader:
        reader.seek(0)
        return reader.read()


def _good(content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield where each line ends and what it says, up to the first one that is not whole."""
    end = 0
    for line in content.splitlines(keepends=True):
        digest, _, text = line.partition(b" ")
        if not text.endswith(b"\n") or hashlib.sha256(text[:-1]).hexdigest().encode() != digest:
            return
        end += len(line)
        yield end, json.loads(text)


def _line(content: Mapping[str, Any]) -> bytes:
    # ASCII, so that no character of an id is taken for the end of a line.
    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")
    return hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"


def _write(file: int, content: bytes) -> None:
    """Write all of it: a nearly full disk takes a part first and says that it is full at the next part."""
    while content:
        content = content[os.write(file, content) :]


def _finished(content: dict[str, Any]) -> Finished:
    protocols = {
        name: Done([Entry(**entry) for entry in done["entries"]], done["seconds_predict"])
        for name, done in content["protocols"].items()
    }
    return Finished(content["seconds"], protocols, content["noted"])
