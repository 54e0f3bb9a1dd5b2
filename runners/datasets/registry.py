"""Every data set that can be opened by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runners.datasets import bundled, da2k, diode, diw, eth3d, hypersim, moge_bundle, sintel
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


def _or_bundle(dataset_id: str, opener: Opener) -> Opener:
    """Return an opener that reads a data set's part of MoGe's bundle where that is the ground truth asked for."""

    def opened(root: Path | None, variant: str) -> Dataset:
        bundle = variant == moge_bundle.VARIANT
        return moge_bundle.open_bundle(dataset_id, root) if bundle else opener(root, variant)

    return opened


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
    DatasetEntry(
        "diode",
        "Laser scans indoors and outdoors, 771 validation images",
        _or_bundle("diode", diode.open_diode),
        ("laser-scan", moge_bundle.VARIANT),
    ),
    DatasetEntry("diode-indoor", "The 325 indoor images of DIODE", diode.open_indoor, ("laser-scan",)),
    DatasetEntry("diode-outdoor", "The 446 outdoor images of DIODE", diode.open_outdoor, ("laser-scan",)),
    DatasetEntry(
        "eth3d",
        "Photographs with laser scans, 454 training images of 13 scenes",
        _or_bundle("eth3d", eth3d.open_eth3d),
        ("laser-scan-distorted", moge_bundle.VARIANT),
    ),
    DatasetEntry(
        "sintel",
        "Frames of an animated film, 1,064 of the training part",
        _or_bundle("sintel", sintel.open_sintel),
        ("rendered", "rendered-clean", moge_bundle.VARIANT),
    ),
    DatasetEntry("hypersim", "Rendered rooms, 7,682 test images", hypersim.open_hypersim, ("rendered-planar",)),
    DatasetEntry(
        "gso",
        "Scanned objects as MoGe rendered them, 1,030 images",
        lambda root, _: moge_bundle.open_bundle("gso", root),
        (moge_bundle.VARIANT,),
    ),
    DatasetEntry("diw", "Photographs with one pair of points each, 74,441 images", diw.open_diw, ("point-pairs",)),
    DatasetEntry("da-2k", "Photographs with pairs of points, about 1,000 images", da2k.open_da2k, ("point-pairs",)),
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
