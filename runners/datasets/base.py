"""What every data set gives: samples with an image and its ground truth, and reasons for those it cannot give."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = [
    "Annotations",
    "Dataset",
    "DatasetError",
    "Intrinsics",
    "Item",
    "Planes",
    "PointPairs",
    "Sample",
    "SampleError",
    "Skip",
    "resized_intrinsics",
]

Intrinsics = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels of the image."""


def resized_intrinsics(
    intrinsics: Intrinsics, before: tuple[int, int], after: tuple[int, int], *, corners: bool = False
) -> Intrinsics:
    """Return the intrinsics of an image that was brought to another size.

    Pixel centres are at whole numbers from 0, so a principal point moves with its half pixel.

    Args:
        intrinsics: Of the image as it was.
        before: Rows and columns that it had.
        after: Rows and columns that it has now.
        corners: Whether the centres of the corner pixels stayed where they were (``align_corners``).
    """
    fx, fy, cx, cy = intrinsics
    (rows, columns), (height, width) = before, after
    if corners:
        # torch maps an axis of one pixel to its first pixel: there is no scale to speak of, and 1 is kept.
        x, y = ((now - 1) / (was - 1) if min(now, was) > 1 else 1.0 for was, now in ((columns, width), (rows, height)))
        return fx * x, fy * y, cx * x, cy * y
    x, y = width / columns, height / rows
    return fx * x, fy * y, (cx + 0.5) * x - 0.5, (cy + 0.5) * y - 0.5


class DatasetError(Exception):
    """A data set cannot be opened; the message says which files are at fault, all of them."""


class SampleError(Exception):
    """One sample cannot be used; the message is the reason that the record keeps."""


@dataclass(frozen=True)
class PointPairs:
    """Pairs of points of which annotators said which is farther.

    Attributes:
        first: Row and column of the first points, 0-based, int64 (K, 2).
        second: Of the second points, likewise.
        first_is_farther: Bool (K,).
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    first_is_farther: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Planes:
    """Planar regions of an image.

    Attributes:
        labels: Int (H, W): 0 for none, k for the k-th plane.
        normals: Float64 (K, 3), unit normals in the axes right, forward, up.
    """

    labels: npt.NDArray[np.int64]
    normals: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Annotations:
    """What annotators marked on an image besides depth, at the size of the truth; None where nobody marked any.

    Attributes:
        pairs: Ordinal point pairs (DIW, DA-2K).
        edges: Depth boundaries, bool (H, W) (iBims-1, SYNS-Patches).
        planes: Planar regions (iBims-1).
        matte: Opacity of the foreground, 0 to 1, float32 (H, W) (AM-2k and other matting sets).
    """

    pairs: PointPairs | None = None
    edges: npt.NDArray[np.bool_] | None = None
    planes: Planes | None = None
    matte: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Sample:
    """One image with its ground truth.

    Attributes:
        id: Unique within the data set.
        group: The scene, drive or sequence that the image belongs to.
        image: RGB, uint8 (h, w, 3).
        truth: Depth along the optical axis in metres, float32 (H, W); 0 where there is none. What is stored where the
            mask is False stays, since some protocols score it. May be of another size than the image: predictions are
            brought to the size of the truth.
        mask: Where the truth is a measurement, bool (H, W).
        intrinsics: Of the image, where known.
        region: The part of the mask that the sample's own list asks to score (its crop and farthest depth), bool
            (H, W); None where it says nothing. Only protocols with mask ``sample-mask-and-region`` use it.
        annotations: What is marked on the image besides depth. An ordinal set has point pairs alone: its truth is 0
            everywhere, at the size that the points are in.
    """

    id: str
    group: str
    image: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    intrinsics: Intrinsics | None = None
    region: npt.NDArray[np.bool_] | None = None
    annotations: Annotations = Annotations()

    @property
    def truth_intrinsics(self) -> Intrinsics | None:
        """Return fx, fy, cx, cy in pixels of the truth, whose size may differ from the image's."""
        if self.intrinsics is None:
            return None
        rows, columns = self.image.shape[:2]
        height, width = self.truth.shape
        return resized_intrinsics(self.intrinsics, (rows, columns), (height, width))


@dataclass(frozen=True)
class Skip:
    """A listed sample that could not be used, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Item:
    """A listed sample before it is read.

    Attributes:
        id: Of the sample.
        group: Of the sample.
        read: Returns the sample or raises :class:`SampleError`.
        note: What somebody should know about it who reads its numbers; empty if nothing.
        files: Files and folders that it is read from, as far as the loader says; only checks look at them.
    """

    id: str
    group: str
    read: Callable[[], Sample]
    note: str = ""
    files: tuple[Path, ...] = ()


class Dataset:
    """A list of samples, read one at a time, in the order of their sorted ids.

    Attributes:
        id: Of the data set.
        split: Name of the sample list.
        train: The split that baselines may be fitted on; None where there is none.
        skipped: What the last iteration could not read.

    Raises:
        DatasetError: If an id is listed more than once.
    """

    def __init__(self, dataset_id: str, split: str, items: Iterable[Item], train: Dataset | None = None) -> None:
        self.id = dataset_id
        self.split = split
        self.train = train
        self.skipped: list[Skip] = []
        listed = sorted(items, key=lambda item: item.id)
        if twice := sorted({one.id for one, other in pairwise(listed) if one.id == other.id}):
            raise DatasetError(f"data set '{dataset_id}' lists more than once: {', '.join(twice)}")
        self._items = {item.id: item for item in listed}

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the sorted ids of all listed samples."""
        return tuple(self._items)

    @property
    def list_sha256(self) -> str:
        """Return the sha256 of the sorted ids, one a line with a newline after each."""
        return hashlib.sha256("".join(f"{name}\n" for name in self.ids).encode()).hexdigest()

    @property
    def notes(self) -> dict[str, str]:
        """Return what should be known about single samples, by id."""
        return {item.id: item.note for item in self._items.values() if item.note}

    @property
    def files(self) -> dict[str, tuple[Path, ...]]:
        """Return what samples are read from, by id, where the loader says it."""
        return {item.id: item.files for item in self._items.values() if item.files}

    def read(self, sample_id: str) -> Sample:
        """Return one sample.

        Raises:
            KeyError: If the id is not listed.
            SampleError: If the sample cannot be used; the message is the reason.
        """
        return self.reader(sample_id)()

    def reader(self, sample_id: str) -> Callable[[], Sample]:
        """Return what reads one sample, to be called elsewhere (another process).

        Raises:
            KeyError: If the id is not listed.
        """
        return self._items[sample_id].read

    def limited(self, count: int) -> Dataset:
        """Return the data set cut to its first samples; its list, and so its list's hash, is another one."""
        return self.only(self.ids[:count])

    def only(self, ids: Iterable[str]) -> Dataset:
        """Return the data set with these of its samples alone.

        Raises:
            KeyError: If one is not listed.
        """
        return Dataset(self.id, self.split, [self._items[name] for name in ids], self.train)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Sample]:
        """Yield every sample that can be read; the others are in ``skipped`` afterwards."""
        self.skipped = []
        for sample_id in self.ids:
            try:
                sample = self.read(sample_id)
            except SampleError as error:
                self.skipped.append(Skip(sample_id, str(error)))
            else:
                yield sample
