"""Weight files: found in a cache or fetched from their origin, and never used unless their hash is the pinned one."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from runners.download import DownloadError, fetch, file_digest
from runners.models.errors import ModelError

__all__ = ["CACHE_VARIABLE", "FoundFile", "WeightFile", "cache_folder", "find_weights"]

CACHE_VARIABLE = "FATHOM_WEIGHTS"
"""Environment variable with the folder of the weights cache."""


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


def _checked(path: Path, weights: WeightFile) -> FoundFile:
    found = file_digest(path)
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
    try:
        return fetch(weights.url, path, weights.size, lambda part: _checked(part, weights))
    except DownloadError as error:
        raise ModelError(
            f"{weights.name} is not in {path.parent} and {error}. Without a network, put the file there by hand; "
            f"--weights-dir or {CACHE_VARIABLE} names another cache"
        ) from error
