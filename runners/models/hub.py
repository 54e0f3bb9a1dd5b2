"""Model repositories of a hub: found beside the weight cache or fetched at a pinned revision, never as pickles.

A folder ``<weights cache>/<owner>/<name>`` is taken before any network is asked, so that a machine without one, and a
test with a small random checkpoint, go through the same loading path.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from runners.download import file_digest
from runners.models.errors import ModelError
from runners.models.weights import CACHE_VARIABLE, cache_folder

__all__ = ["HubWeights", "Snapshot", "find_snapshot", "hub_cache"]

_PATTERNS = ("*.json", "*.txt", "*.model", "*.safetensors")
"""What a snapshot holds: configurations, vocabularies and safetensors. Pickles (.bin, .pt) are never fetched."""


@dataclass(frozen=True)
class HubWeights:
    """A repository of a hub.

    Attributes:
        repo: ``owner/name``.
        licence: What is known of the weights' licence, printed before a download.
        revision: The commit to fetch; None where none is known, then the newest is taken and its commit recorded.
        patterns: Which files to fetch.
        weight_files: Which of them hold weights. Anything but safetensors is for a package whose own loader reads it,
            and its adapter sees to it that no code in it is run.
    """

    repo: str
    licence: str
    revision: str | None = None
    patterns: tuple[str, ...] = _PATTERNS
    weight_files: str = "*.safetensors"


@dataclass(frozen=True)
class Snapshot:
    """A repository on this machine.

    Attributes:
        folder: Where its files are.
        revision: ``owner/name@commit``, or that it is a local folder.
        sha256: Of the one weight file; of the lines ``sha256  path`` of all of them where there are several.
    """

    folder: Path
    revision: str
    sha256: str


def find_snapshot(weights: HubWeights, weights_dir: Path | None = None) -> Snapshot:
    """Return a repository's files, fetching them where they are missing.

    ``HF_HUB_OFFLINE`` is respected; an interrupted download is resumed at the next call.

    Raises:
        ModelError: If the files can be neither found nor fetched, or hold no safetensors.
    """
    local = cache_folder(weights_dir) / weights.repo
    if local.is_dir():
        return Snapshot(local, f"{weights.repo}, a local folder", _weights_sha256(local, weights))
    folder = _fetch(weights)
    return Snapshot(folder, f"{weights.repo}@{folder.name}", _weights_sha256(folder, weights))


def hub_cache(weights: HubWeights) -> Path | None:
    """Return the folder of a repository in the hub's own cache, there or not; None without the hub's client."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ModuleNotFoundError:
        return None
    return Path(HF_HUB_CACHE) / f"models--{weights.repo.replace('/', '--')}"


def _fetch(weights: HubWeights) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    sys.stderr.write(f"Looking for {weights.repo} on the hub\nLicence: {weights.licence}\n")
    try:
        return Path(snapshot_download(weights.repo, revision=weights.revision, allow_patterns=list(weights.patterns)))
    except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{weights.repo} is neither in {cache_folder()} nor in the hub's cache, and cannot be fetched ({reason}). "
            f"Without a network, put a copy of the repository into <cache>/{weights.repo}; --weights-dir or "
            f"{CACHE_VARIABLE} names the cache"
        ) from error


def _weights_sha256(folder: Path, weights: HubWeights) -> str:
    files = sorted(path for path in folder.rglob(weights.weight_files) if path.is_file())
    if not files:
        wanted = weights.weight_files.removeprefix("*")
        raise ModelError(f"{folder}: no {wanted} file of {weights.repo}; other formats may run code and are refused")
    if len(files) == 1:
        return file_digest(files[0])
    lines = "".join(f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()
