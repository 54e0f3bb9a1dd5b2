"""Weight files: found in a cache or fetched from their origin, and never used unless their hash is the pinned one."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from runners.models.errors import ModelError

__all__ = ["CACHE_VARIABLE", "FoundFile", "WeightFile", "cache_folder", "file_sha256", "find_weights"]

CACHE_VARIABLE = "FATHOM_WEIGHTS"
"""Environment variable with the folder of the weights cache."""

_TIMEOUT_S = 60
_CHUNK = 1 << 20


@dataclass(frozen=True)
class WeightFile:
    """A released weight file, pinned as far as its hash is known.

    Attributes:
        family: Folder below the cache.
        name: File name.
        url: Origin at a fixed revision; None where only a person can fetch it, as from a shared drive.
        sha256: Of the file, or as much of its beginning as is known; empty where nothing is.
        size: In bytes; a download that goes on beyond it is broken off. None where it is not known.
        licence: What is known of its licence, printed before a download.
        note: How a person gets it, where there is no ``url``.
    """

    family: str
    name: str
    url: str | None
    sha256: str
    size: int | None
    licence: str
    note: str = ""


@dataclass(frozen=True)
class FoundFile:
    """A weight file on this machine, and the sha256 of what it holds."""

    path: Path
    sha256: str


def cache_folder(folder: Path | None = None) -> Path:
    """Return the weights cache: the folder given, else ``FATHOM_WEIGHTS``, else one in the user's cache."""
    if folder is not None:
        return folder
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fathom" / "weights"


def find_weights(weights: WeightFile, folder: Path | None = None) -> FoundFile:
    """Return a checked weight file, fetching it into the cache where it is missing.

    What an interrupted download left is taken up at the next call.

    Raises:
        ModelError: If the file has another hash, or can be neither found nor fetched.
    """
    cache = cache_folder(folder)
    places = (cache / weights.family / weights.name, cache / weights.name)
    path = next((place for place in places if place.is_file()), None)
    return _checked(path or _fetch(weights, places[0]), weights)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(path: Path, weights: WeightFile) -> FoundFile:
    found = file_sha256(path)
    if not found.startswith(weights.sha256):
        raise ModelError(
            f"{path}: sha256 is {found}, not the pinned {weights.sha256}; this is another file than the one that is "
            f"meant. Remove it, and get it again from {weights.url or weights.note}"
        )
    return FoundFile(path, found)


def _fetch(weights: WeightFile, path: Path) -> Path:
    """Return the path of the file once it has been fetched aside, checked and put there."""
    if weights.url is None:
        raise ModelError(f"{weights.name} is not in {path.parent}: {weights.note}")
    sys.stderr.write(f"Fetching {weights.url}\nLicence: {weights.licence}\n")
    part = path.with_name(f"{weights.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(weights.url, part, weights.size)
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(
            f"{weights.name} is not in {path.parent} and cannot be fetched from {weights.url} ({error}). Without a "
            f"network, put the file there by hand; --weights-dir or {CACHE_VARIABLE} names another cache"
        ) from error
    try:
        _checked(part, weights)
    except ModelError:
        part.unlink()  # a wrong file would be taken up again for ever
        raise
    return part.replace(path)


def _download(url: str, part: Path, size: int | None) -> None:
    """Fetch a file, going on where an earlier download stopped if the origin can."""
    start = part.stat().st_size if part.is_file() else 0
    with _opened(url, start) as answer:
        resumed = start > 0 and answer.status == http.HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if resumed else "wb") as file:
            _copy(answer, file, start if resumed else 0, size)


def _opened(url: str, start: int) -> http.client.HTTPResponse:
    if not url.startswith("https://"):
        raise ModelError(f"{url}: weights are fetched over https only")
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310
    answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310 - https only
    return answer


def _copy(source: IO[bytes] | http.client.HTTPResponse, target: IO[bytes], done: int, size: int | None) -> None:
    """Copy to the end, with a bar on a terminal; stop where more comes than there should be."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=size, completed=done)
        while chunk := source.read(_CHUNK):
            target.write(chunk)
            done += len(chunk)
            bar.update(task, completed=done)
            if size is not None and done > size:
                raise OSError(f"more than the {size} bytes that the file has came")
