"""Every data set that can be opened by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runners.datasets import bundled, ddad, diml, kitti, nuscenes, stereo, vkitti
from runners.datasets.base import Dataset, DatasetError

__all__ = ["DATASETS", "DatasetEntry", "Opener", "open"]

Opener = Callable[[Path | None, str], Dataset]
"""Opens a data set at a root folder (None: where it comes with the package), with one of its ground truths."""


@dataclass(frozen=True)
class DatasetEntry:
    """What is known of a data set before it is opened.

    Attributes:
        id: Of the data set and of its card.
        summary: One line.
        open: Opens it.
        variants: Ground truths that it can be opened with, in the words of protocols (``ground_truth.variant``), the
            usual one first. They may differ in their images, too.
    """

    id: str
    summary: str
    open: Opener
    variants: tuple[str, ...]


_ENTRIES = (
    DatasetEntry(
        "procedural-indoor",
        "Rendered rooms with exact depth, bundled",
        lambda root, _: bundled.indoor(root),
        ("rendered",),
    ),
    DatasetEntry(
        "procedural-outdoor",
        "Rendered streets and land with exact depth, bundled",
        lambda root, _: bundled.outdoor(root),
        ("rendered",),
    ),
    DatasetEntry("kitti", "Streets from a car, Eigen test split", kitti.open_kitti, kitti.VARIANTS),
    DatasetEntry("ddad", "Driving with laser depth to 250 m, validation", ddad.open_ddad, ("projected-lidar",)),
    DatasetEntry("nuscenes", "Driving, 32-beam laser, validation", nuscenes.open_nuscenes, ("projected-lidar",)),
    DatasetEntry("virtual-kitti-2", "Rendered streets, Scene01", vkitti.open_vkitti, ("rendered",)),
    DatasetEntry("diml-outdoor", "Outdoors, depth from stereo, test", diml.open_diml, ("stereo-matching",)),
    DatasetEntry("middlebury", "Stereo scenes of 2014, training", stereo.open_middlebury, stereo.MIDDLEBURY_VARIANTS),
    DatasetEntry("booster", "Glass and mirrors in stereo, training", stereo.open_booster, ("space-time-stereo",)),
)

DATASETS: dict[str, DatasetEntry] = {entry.id: entry for entry in _ENTRIES}
"""Every data set by id."""


def open(dataset_id: str, root: Path | None = None, variant: str | None = None) -> Dataset:  # noqa: A001 - the plan's
    """Return a data set's evaluation split.

    Args:
        dataset_id: One of ``DATASETS``.
        root: Its folder; None for those that come with the package.
        variant: Which ground truth; the usual one when None or ``not-stated``.

    Raises:
        DatasetError: If the id is unknown, it has no such ground truth, or the files are at fault.
    """
    if dataset_id not in DATASETS:
        raise DatasetError(f"unknown data set '{dataset_id}'; known: {', '.join(DATASETS)}")
    entry = DATASETS[dataset_id]
    chosen = entry.variants[0] if variant in (None, "not-stated") else variant
    if chosen not in entry.variants:
        raise DatasetError(
            f"data set '{dataset_id}' has no ground truth '{chosen}'; known: {', '.join(entry.variants)}"
        )
    return entry.open(root, chosen)
