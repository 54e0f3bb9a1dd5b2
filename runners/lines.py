"""Files of lines that are checked one by one: a process that is killed loses at most the line that it was writing.

A line is the sha256 of its rest, a space, and JSON. It goes to the system in one write.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

try:
    import fcntl
except ModuleNotFoundError:  # Windows: two runs of one command at once are not told from each other there
    fcntl = None  # type: ignore[assignment]

__all__ = ["GOES_ON", "BusyError", "Lines", "read_lines", "write_all"]

GOES_ON = "What was finished before is kept; once that is mended, the same command goes on from there"
"""What a message says after the reason why something could not be written."""

_FSYNC_EVERY_S = 2.0


class BusyError(Exception):
    """Another process has the file open."""


class Lines:
    """A file of checked lines that is open for appending; others are kept out.

    Attributes:
        path: Where it is.

    Raises:
        BusyError: If another process has it open.
        OSError: If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._synced = time.monotonic()
        self._lock()

    def read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield where each line ends and what it says, up to the first one that is not whole.

        What follows a broken line is not believed either: the disk lost something there.
        """
        with os.fdopen(os.dup(self._file), "rb") as reader:
            reader.seek(0)
            yield from read_lines(reader)

    def cut(self, end: int) -> None:
        """Remove what comes after so many bytes; what is appended then follows there."""
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)

    def append(self, content: Mapping[str, Any]) -> None:
        """Write one line; a process that is killed from now on has not lost it, a machine loses two seconds at most.

        Raises:
            OSError: If it cannot be written, as on a full disk; what was written before stays good.
            TypeError: If the content is no JSON.
        """
        write_all(self._file, _line(content))
        if time.monotonic() - self._synced > _FSYNC_EVERY_S:
            self.sync()

    def sync(self) -> None:
        """Have the disk hold every line."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Let others use it."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self.sync()
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Take it away."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise BusyError(f"{self.path}: another process has it open") from error


def read_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield where each line of a file ends and what it says, up to the first one that is not whole."""
    end = 0
    for line in lines:
        digest, _, text = line.partition(b" ")
        if not text.endswith(b"\n") or hashlib.sha256(text[:-1]).hexdigest().encode() != digest:
            return
        end += len(line)
        yield end, json.loads(text)


def write_all(file: int, content: bytes) -> None:
    """Write all of it to a file descriptor: a nearly full disk takes a part, and refuses the next one.

    Raises:
        OSError: If some of it cannot be written.
    """
    while content:
        content = content[os.write(file, content) :]


def _line(content: Mapping[str, Any]) -> bytes:
    # ASCII, so that no character of an id is taken for the end of a line.
    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")
    return hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
