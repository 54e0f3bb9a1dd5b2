"""What happens in a long command, as events: one JSON object a line, for programs and for the morning after.

Events go through :mod:`logging`. Nothing is written unless a file was asked for (:func:`written_to`).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["LogError", "event", "written_to"]

_LOGGER = logging.getLogger("runners.events")
_LOGGER.addHandler(logging.NullHandler())  # nothing to standard error where no file was asked for
_LOGGER.setLevel(logging.INFO)
_LOGGER.propagate = False


class LogError(Exception):
    """The log cannot be written; the message says why."""


def event(name: str, /, *, level: int = logging.INFO, **fields: Any) -> None:
    """Tell the log, if there is one, what happened.

    Args:
        name: What happened, in one word.
        level: How grave it is, as :mod:`logging` has it.
        fields: What is to be known of it; values that JSON has.
    """
    _LOGGER.log(level, name, extra={"fields": fields})


@contextmanager
def written_to(path: Path, tell: Callable[[str], None], /, **called: Any) -> Iterator[None]:
    """Append every event to a file, each as one line that is there at once.

    Args:
        path: Made if it is not there, with the folders on the way.
        tell: Called with a sentence, once, should the file take no more lines later: a run goes on without its log.
        called: Fields of the first event, ``called``.

    Raises:
        LogError: If that first line cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _Lines(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    _LOGGER.addHandler(handler)
    try:
        event("called", **called)
        handler.tell = tell
        yield
    finally:
        _LOGGER.removeHandler(handler)
        handler.close()


def _unwritable(path: Path, error: OSError) -> LogError:
    return LogError(f"{path}: the log cannot be written: {error.strerror or error}")


class _Json(logging.Formatter):
    """An event as a JSON object: its time (ISO 8601, UTC), its grade and its name before its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {"time": time, "level": record.levelname.lower(), "event": record.getMessage()}
        # ASCII, so that no character of an id is taken for the end of a line.
        return json.dumps({**said, **getattr(record, "fields", {})}, default=str)


class _Lines(logging.Handler):
    """Writes lines without a buffer, so that a killed process has lost none, and begins anew after one that was cut.

    Attributes:
        tell: Told of the first line that is lost; while it is None, a lost line is an error.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setFormatter(_Json())
        self.tell: Callable[[str], None] | None = None
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        self._whole = self._ends_whole()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or say that it is lost; the next may find room again."""
        line = self.format(record).encode("ascii") + b"\n"
        try:
            self._write(line if self._whole else b"\n" + line)
        except OSError as error:
            if self.tell is None:
                raise _unwritable(self._path, error) from error
            self.tell(f"{self._path}: {error.strerror or error}; the run goes on, and lines of its log are lost")
            self.tell = lambda _: None

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        super().close()

    def _ends_whole(self) -> bool:
        """Return whether the file ends with the end of a line; one that has no end, such as a pipe, does."""
        try:
            end = os.lseek(self._file, 0, os.SEEK_END)
            return end == 0 or os.pread(self._file, 1, end - 1) == b"\n"
        except OSError:
            return True

    def _write(self, line: bytes) -> None:
        """Write all of it: a nearly full disk takes a part first and says that it is full at the next part."""
        while line:
            taken = os.write(self._file, line)
            self._whole = line[:taken].endswith(b"\n")
            line = line[taken:]
