"""Every data set that can be opened by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runners.datasets import bundled
from runners.datasets.base import Dataset, DatasetError

__all__ = ["DATASETS", "DatasetEntry", "open"]


@dataclass(frozen=True)
class DatasetEntry:
    """What is known of a data set before it is opened.

    Attributes:
        id: Of the data set and of its card.
        summary: One line.
        open: Opens it at a root folder (None: where it comes with the package).
    """

    id: str
    summary: str
    open: Callable[[Path | None], Dataset]


_ENTRIES = (
    DatasetEntry("procedural-indoor", "Rendered rooms with exact depth, bundled", bundled.indoor),
    DatasetEntry("procedural-outdoor", "Rendered streets and land with exact depth, bundled", bundled.outdoor),
)

DATASETS: dict[str, DatasetEntry] = {entry.id: entry for entry in _ENTRIES}
"""Every data set by id."""


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
    return DATASETS[dataset_id].open(root)
