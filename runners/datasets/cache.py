"""Decoded ground truth, kept from one run to the next.

A loader wraps the decoding of its truth in :func:`remember`. While a :class:`TruthCache` is in use
(:func:`using`), what was decoded is stored as contiguous float32 with its mask, and the next run reads that instead
of a compressed file, a point cloud or a .mat. Without one, :func:`remember` only decodes.

An entry's key is the sha256 of the files' *contents*, of how they are decoded, and of this package's sources: a file
that was exchanged under its old name, size and date, another scale, or a corrected loader never meets old truth.
Hashing a file costs less than decoding it, but not for containers of gigabytes: above 64 MiB the hash is remembered
by path, size and time of change.

Entries are safetensors files, written aside and renamed, so that several processes may share a folder. The folder is
bounded: what was used longest ago goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from runners.datasets.base import SampleError
from sitegen.files import write_aside

__all__ = [
    "CACHE_VARIABLE",
    "DEFAULT_LIMIT",
    "Mask",
    "Truth",
    "TruthCache",
    "active",
    "cache_folder",
    "remember",
    "use",
]
__all__ += ["remember_depth", "using"]

CACHE_VARIABLE = "FATHOM_TRUTH"
"""Environment variable with the folder of the cache."""

DEFAULT_LIMIT = 16 << 30
"""Bytes that a cache may hold."""

Depth = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Truth = tuple[Depth, Mask]
"""Depth in metres, float32 (H, W), and where it is a measurement, bool (H, W)."""

_LARGE = 64 << 20
_SWEEP_EVERY = 256 << 20
_KEPT_AFTER_SWEEP = 0.9
_HOUR_S = 3600


@dataclass
class TruthCache:
    """A folder of decoded ground truth.

    Attributes:
        folder: Where; made when the first entry is written.
        limit: Bytes that it may hold, checked at the first entry of a process and again after each 256 MiB.
    """

    folder: Path
    limit: int = DEFAULT_LIMIT
    _written: int = field(default=_SWEEP_EVERY, init=False)

    def recall(self, key: str) -> Truth | None:
        """Return an entry; None if there is none, or it is not whole."""
        path = self._path(key)
        try:
            with safe_open(path, framework="numpy") as entry:
                truth, mask = entry.get_tensor("truth"), entry.get_tensor("mask")
                valid = int((entry.metadata() or {})["valid"])
        except (FileNotFoundError, SafetensorError, KeyError, ValueError, OSError):
            return None
        if truth.shape != mask.shape or int(np.count_nonzero(mask)) != valid:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # when it was last used
        return truth, mask

    def keep(self, key: str, truth: Truth) -> None:
        """Store an entry; a full or read-only disk costs the entry and nothing else."""
        depth, mask = truth
        tensors = {"truth": np.ascontiguousarray(depth, np.float32), "mask": np.ascontiguousarray(mask)}
        content = save(tensors, {"valid": str(int(np.count_nonzero(mask)))})
        try:
            write_aside(self._path(key), content)
        except OSError:
            return
        self._written += len(content)
        if self._written >= min(_SWEEP_EVERY, self.limit):
            self.sweep()

    def sweep(self) -> None:
        """Remove what was used longest ago until nine tenths of the limit are left, if the limit is passed."""
        self._written = 0
        _remove_remains(self.folder)
        found = sorted(_entries(self.folder))
        total = sum(size for _, size, _ in found)
        if total <= self.limit:
            return
        for _, size, path in found:
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
            if total <= self.limit * _KEPT_AFTER_SWEEP:
                return

    def digest(self, path: Path) -> str:
        """Return the sha256 of a file; that of a large one is remembered by its path, size and time of change."""
        state = path.stat()
        if state.st_size < _LARGE:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        name = hashlib.sha256(f"{path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}".encode()).hexdigest()
        note = self.folder / "hashes" / name
        with contextlib.suppress(OSError):
            return note.read_text(encoding="ascii")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with contextlib.suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(digest, encoding="ascii")
        return digest

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def cache_folder(folder: Path | None = None) -> Path:
    """Return the folder of the cache: the one given, else ``FATHOM_TRUTH``, else one in the user's cache."""
    if folder is not None:
        return folder
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fathom" / "truth"


_used: TruthCache | None = None


def use(cache: TruthCache | None) -> None:
    """Let this process keep its truth there from now on; nowhere if None. Workers are told so when they start."""
    global _used
    _used = cache


def active() -> TruthCache | None:
    """Return the cache in use."""
    return _used


@contextmanager
def using(cache: TruthCache | None) -> Iterator[None]:
    """Keep truth there for a while."""
    before = active()
    use(cache)
    try:
        yield
    finally:
        use(before)


def remember(files: Sequence[Path], recipe: str, decode: Callable[[], Truth]) -> Truth:
    """Return what ``decode`` gives, from the cache if it was decoded before.

    Args:
        files: Every file that the truth depends on.
        recipe: Everything else that it depends on (names within a container, scale, size).
        decode: Reads the files.

    Raises:
        SampleError: If a file cannot be read; whatever else ``decode`` raises.
    """
    if (cache := active()) is None:
        return decode()
    key = _key(cache, files, recipe)
    if (known := cache.recall(key)) is not None:
        return known
    truth = decode()
    cache.keep(key, truth)
    return truth


def remember_depth(path: Path, recipe: str, decode: Callable[[], Depth]) -> Truth:
    """Return what is decoded from one file, as :func:`remember` does, with the mask of what is finite and positive."""

    def decoded() -> Truth:
        depth = decode()
        return depth, np.isfinite(depth) & (depth > 0)

    return remember([path], recipe, decoded)


def _key(cache: TruthCache, files: Sequence[Path], recipe: str) -> str:
    try:
        digests = [cache.digest(path) for path in files]
    except OSError as error:
        raise SampleError(f"{Path(error.filename or files[0]).name}: cannot be read ({error.strerror})") from error
    return hashlib.sha256("\n".join([_sources(), recipe, *digests]).encode()).hexdigest()


@cache
def _sources() -> str:
    """Return a hash of this package's code: what another version decoded is not trusted."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _remove_remains(folder: Path) -> None:
    """Remove what processes that were killed an hour ago or more were writing."""
    for path in folder.glob("*/.*.part"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _HOUR_S:
                path.unlink()


def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for path in folder.glob("*/*.safetensors"):
        with contextlib.suppress(OSError):
            state = path.stat()
            yield state.st_mtime, state.st_size, path
