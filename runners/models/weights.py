"""Weight files: found in a cache or fetched from their origin, and never used unless their hash is the pinned one."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from runners.models.errors import ModelError

__all__ = ["CACHE_VARIABLE", "WeightFile", "cache_folder", "find_weights"]

CACHE_VARIABLE = "FATHOM_WEIGHTS"
"""Environment variable with the folder of the weights cache."""

_TIMEOUT_S = 60


@dataclass(frozen=True)
class WeightFile:
    """A released weight file, pinned.

    Attributes:
        family: Folder below the cache.
        name: File name.
        url: Origin at a fixed revision.
        sha256: Of the file.
        size: In bytes; a longer download is cut off.
        licence: What is known of its licence, printed before a download.
    """

    family: str
    name: str
    url: str
    sha256: str
    size: int
    licence: str


def cache_folder(folder: Path | None = None) -> Path:
    """Return the weights cache: the folder given, else ``FATHOM_WEIGHTS``, else one in the user's cache."""
    if folder is not None:
        return folder
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fathom" / "weights"


def find_weights(weights: WeightFile, folder: Path | None = None) -> Path:
    """Return the path of a checked weight file, fetching it into the cache where it is missing.

    Raises:
        ModelError: If the file has another hash, or can be neither found nor fetched.
    """
    cache = cache_folder(folder)
    for path in (cache / weights.family / weights.name, cache / weights.name):
        if path.is_file():
            _check(path, weights)
            return path
    return _fetch(weights, cache / weights.family / weights.name)


def _check(path: Path, weights: WeightFile) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != weights.sha256:
        raise ModelError(
            f"{path}: sha256 is {found}, not the pinned {weights.sha256}; this is another file than the one that was "
            f"measured. Remove it, and it is fetched again from {weights.url}"
        )


def _fetch(weights: WeightFile, path: Path) -> Path:
    sys.stderr.write(f"Fetching {weights.url}\nLicence: {weights.licence}\n")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as aside:
            part = Path(aside) / weights.name
            part.write_bytes(_download(weights))
            _check(part, weights)
            part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(
            f"{weights.name} is not in {path.parent} and cannot be fetched from {weights.url} ({error}). Without a "
            f"network, put the file there by hand; --weights-dir or {CACHE_VARIABLE} names another cache"
        ) from error
    return path


def _download(weights: WeightFile) -> bytes:
    if not weights.url.startswith("https://"):
        raise ModelError(f"{weights.url}: weights are fetched over https only")
    with urllib.request.urlopen(weights.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - https was checked above
        content: bytes = answer.read(weights.size + 1)
    return content
