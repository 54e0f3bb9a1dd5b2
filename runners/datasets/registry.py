"""Every data set that can be opened by id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runners.datasets import bundled
from runners.datasets.base import Dataset, DatasetError

__all__ = ["DATASETS", "open"]

DATASETS: dict[str, Callable[[Path | None], Dataset]] = {
    "procedural-indoor": bundled.indoor,
    "procedural-outdoor": bundled.outdoor,
}
"""Data set id to what opens it at a root folder (None: where it comes with the package)."""


def open(dataset_id: str, root: Path | None = None) -> Dataset:  # noqa: A001 - the plan's name, used as datasets.open
    """Return a data set's evaluation split.

    Args:
        dataset_id: One of ``DATASETS``.
        root: Its folder; None for those that come with the package.

    Raises:
        DatasetError: If the id is unknown or the files are at fault.
    """
    if dataset_id not in DATASETS:
        raise DatasetError(f"unknown data set '{dataset_id}'; known: {', '.join(DATASETS)}")
    return DATASETS[dataset_id](root)
