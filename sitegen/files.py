"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

__all__ = ["replace_folder", "write_aside"]


def write_aside(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it into it; folders on the way are made.

    Raises:
        OSError: If it cannot be written, as on a full disk; it names the file, and nothing is left of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")  # two processes may write the same file
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def replace_folder(aside: Path, folder: Path) -> None:
    """Put a finished folder in the place of another one beside it, which is gone only when the new one stands."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
