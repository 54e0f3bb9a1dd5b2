"""The procedural data set that comes with the package: small, rendered, with exact ground truth.

Its index is a manifest; entries are told apart by split (``train``, ``test``) and by the first part of their id
(``indoor``, ``outdoor``).
"""

from __future__ import annotations

from pathlib import Path

from runners.datasets.base import Dataset
from runners.datasets.manifest import Entry, open_manifest
from runners.datasets.procedural import INDEX

__all__ = ["indoor", "outdoor"]


def indoor(root: Path | None = None) -> Dataset:
    """Return the indoor test scenes; their training scenes are ``train``."""
    return _open("indoor", root)


def outdoor(root: Path | None = None) -> Dataset:
    """Return the outdoor test scenes; their training scenes are ``train``."""
    return _open("outdoor", root)


def _open(kind: str, root: Path | None) -> Dataset:
    index = INDEX if root is None else root / "index.json"

    def belongs(entry: Entry, split: str) -> bool:
        return entry.split == split and entry.id.startswith(kind)

    dataset = open_manifest(index, f"procedural-{kind}", "test", lambda entry: belongs(entry, "test"))
    dataset.train = open_manifest(index, dataset.id, "train", lambda entry: belongs(entry, "train"))
    return dataset
