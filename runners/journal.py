"""What a run has finished, kept on disk while it goes on, so that a killed one goes on where it stopped.

A journal is a file of checked lines (:mod:`runners.lines`). The first one says what the journal is of; each further one
holds all that one batch gave. docs/adr/0013-journal.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runners.lines import GOES_ON, BusyError, Lines, read_lines
from sitegen.records import sha256_of
from sitegen.store import JOURNALS

__all__ = ["Done", "Entry", "Finished", "Header", "Journal", "JournalError", "headers", "journal_path", "open_journal"]

_VERSION = 1


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
    """

    path: Path
    started: str
    lines: list[Finished]
    _file: Lines

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
            self._file.append(asdict(finished))
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror or error}. {GOES_ON}") from error
        except (TypeError, ValueError) as error:
            raise JournalError(f"{self.path}: the model says of an image what no record may hold: {error}") from error

    def close(self) -> None:
        """Let others use it; what is finished stays."""
        self._file.close()

    def remove(self) -> None:
        """Take it away once its records are written, and its folder if it was the last one."""
        self._file.remove()
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()


def journal_path(out: Path, key: str) -> Path:
    """Return where the journal of a run is below a folder of runs; the key is the digest of the run's facts."""
    return out / JOURNALS / f"{key}.jsonl"


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
    path = journal_path(out, sha256_of(facts))
    try:
        file = Lines(path)
        header, lines = ({}, []) if fresh else _resumed(file, facts)
        if not header:
            header = {"journal": _VERSION, "facts": facts, "started": started}
            file.cut(0)
            file.append(header)
        return Journal(path, header["started"], lines, file)
    except BusyError as error:
        raise JournalError(f"{path}: another process is at this very run; wait for it, or end it") from error
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be written: {error.strerror or error}") from error


def headers(out: Path) -> list[Header]:
    """Return what the journals below a folder of runs are of, sorted by path; those that say nothing are left out."""
    return [header for path in sorted((out / JOURNALS).glob("*.jsonl")) if (header := _header(path))]


def _header(path: Path) -> Header | None:
    try:
        with path.open("rb") as file:
            first, *rest = [content for _, content in read_lines(file)]
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


def _resumed(file: Lines, facts: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finished]]:
    """Return header and lines of a journal, cut after its last whole line; nothing of one that is of other facts."""
    good = list(file.read())
    header = good[0][1] if good else {}
    # The facts themselves, though their digest is the name: a file may have been renamed.
    if header.get("journal") != _VERSION or sha256_of(header.get("facts")) != sha256_of(facts):
        return {}, []
    file.cut(good[-1][0])
    return header, [_finished(content) for _, content in good[1:]]


def _finished(content: dict[str, Any]) -> Finished:
    protocols = {
        name: Done([Entry(**entry) for entry in done["entries"]], done["seconds_predict"])
        for name, done in content["protocols"].items()
    }
    return Finished(content["seconds"], protocols, content["noted"])
