"""Shards: plain tar files that members are appended to, one write each, and read from by their offset.

Equal members in equal order give equal bytes: no member has a time, an owner or a group.
"""

from __future__ import annotations

import contextlib
import os
import re
import tarfile
from pathlib import Path

from runners.lines import write_all

__all__ = ["BLOCK", "END", "SHARD", "SHARD_BYTES", "Appender", "end_of", "member_bytes", "read_content"]

SHARD_BYTES = 256 * 2**20
"""A shard is closed before it becomes larger, unless it holds a single member."""

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
"""What says that a tar file is finished."""

SHARD = re.compile(r"predictions-(\d{5})\.tar")

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none


class Appender:
    """Appends members to the shards of a folder.

    Attributes:
        folder: Where they are.
        number: Of the shard that grows.
        end: How many bytes it has.
    """

    def __init__(self, folder: Path, number: int = 0, end: int = 0) -> None:
        """Go on after so many bytes of a shard; what follows there, and every later shard, is removed."""
        self.folder, self.number, self.end = folder, number, end
        self._file = -1
        for path in folder.iterdir():
            if (found := SHARD.fullmatch(path.name)) and int(found[1]) >= number + (end > 0):
                path.unlink()

    @property
    def path(self) -> Path:
        """Return the shard that grows."""
        return self.folder / f"predictions-{self.number:05d}.tar"

    def append(self, name: str, content: bytes) -> tuple[str, int]:
        """Write a member; return the name of its shard and the offset of its content.

        Raises:
            OSError: If it cannot be written; what was written before stays good.
        """
        member = member_bytes(name, content)
        if self.end and self.end + len(member) + len(END) > SHARD_BYTES:
            self.close()
            self.number, self.end = self.number + 1, 0
        write_all(self._opened(), member)
        begin, self.end = self.end, self.end + len(member)
        return self.path.name, begin + BLOCK

    def close(self) -> None:
        """Finish the shard that grows, and have the disk hold it.

        Raises:
            OSError: If it cannot be written.
        """
        if self.end:
            write_all(self._opened(), END)
            os.fsync(self._file)
        self.release()

    def release(self) -> None:
        """Let go of the file, finished or not."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def _opened(self) -> int:
        if self._file < 0:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | _NOFOLLOW, 0o666)
            os.ftruncate(self._file, self.end)
            os.lseek(self._file, self.end, os.SEEK_SET)
        return self._file


def member_bytes(name: str, content: bytes) -> bytes:
    """Return a member as it stands in a shard: a header block, the content, and zeros up to a whole block."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict") + content + bytes(-len(content) % BLOCK)


def end_of(offset: int, size: int) -> int:
    """Return where a member ends whose content begins at an offset and has so many bytes."""
    return offset + size + -size % BLOCK


def read_content(path: Path, offset: int, size: int) -> bytes:
    """Return a part of a shard.

    Raises:
        OSError: If it cannot be read.
        ValueError: If the shard ends before.
    """
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read(size)
    if len(content) < size:
        raise ValueError("the shard ends within it")
    return content
