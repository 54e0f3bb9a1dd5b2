"""SUN RGB-D: the 5050 test images of ``allsplit.mat``.

Layout: ``SUNRGBD/<sensor>/<collection>/.../{image/*.jpg,depth/*.png,depth_bfx/*.png,intrinsics.txt}`` and
``SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat``, whose ``alltest`` has folders below ``/n/fs/sun3d/data/``.

Depth is 16 bits, **rotated left by three places**: d = (v >> 3) | (v << 13), then millimetres; 0 = none. ``depth`` is
the sensor's, ``depth_bfx`` filled in and fused over frames. The set contains frames of NYU Depth V2.

Ids are the folders below ``SUNRGBD``; groups are the folders that those lie in.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from runners.datasets import checking, decode
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import remember_depth
from runners.datasets.checking import Problem
from runners.datasets.layout import find_file, needed
from runners.datasets.matlab import variable

__all__ = ["LAYOUT", "SOURCE", "TEST_IMAGES", "check_sun", "open_sun"]

TEST_IMAGES = 5050
LAYOUT = "SUNRGBD/{kv1,kv2,realsense,xtion}/... and SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat"
SOURCE = "Get SUNRGBD.zip and SUNRGBDtoolbox.zip from https://rgbd.cs.princeton.edu, or run 'runners fetch sun-rgbd'."

_SPLITS = "traintestSUNRGBD/allsplit.mat"
_FOLDERS = {"raw-sensor": "depth", "filled-sensor": "depth_bfx"}
_LOW_BITS = 0.5
"""Share of measured pixels with one of the three lowest bits set, beyond which a map is not rotated: in a rotated one
only depths from 8.192 m on set them, in millimetres seven of eight values do."""


def open_sun(root: Path | None, variant: str = "raw-sensor") -> Dataset:
    """Return the test split, with the sensor's depth or (``filled-sensor``) the filled one.

    Raises:
        DatasetError: If the list or the folder of images is not there.
    """
    folder = needed(root, "sun-rgbd", SOURCE)
    splits = find_file(folder, (f"SUNRGBDtoolbox/{_SPLITS}", _SPLITS, "allsplit.mat"))
    if splits is None:
        raise DatasetError(f"{folder}: there is no SUNRGBDtoolbox/{_SPLITS}, which lists the test images. {SOURCE}")
    images = folder / "SUNRGBD" if (folder / "SUNRGBD").is_dir() else folder
    names = [_name(cell, splits) for cell in np.asarray(variable(splits, "alltest")).ravel()]
    kind = _FOLDERS[variant]
    items = [_item(name, images / name, kind) for name in names]
    return Dataset("sun-rgbd", f"official test part (alltest of allsplit.mat), {kind}", items)


def check_sun(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: files, count, depth that is not bit-rotated, units, sizes that disagree."""
    problems, dataset = checking.opened(lambda: open_sun(root))
    if dataset is None:
        return problems
    images = root / "SUNRGBD" if (root / "SUNRGBD").is_dir() else root
    chosen = [(name, images / name) for name in checking.spread(dataset.ids)]
    found = [
        *checking.counted(root, len(dataset), TEST_IMAGES, "test images", SOURCE),
        *checking.present(dataset, SOURCE),
        *checking.each(chosen, _judge_rotation),
        *checking.samples(dataset, [_judge_size, checking.medians(0.5, 8, f"Is the depth as published? {SOURCE}")]),
    ]
    return list(dict.fromkeys(found))  # a map that cannot be read is found twice


def _judge_rotation(folder: Path) -> str:
    stored = decode.uint16_codes(_only(folder / "depth", "*.png"))
    measured = stored[stored > 0]
    if measured.size == 0 or float((measured & 7 != 0).mean()) < _LOW_BITS:
        return ""
    return (
        "the depth is not bit-rotated as published: somebody has turned it back already (ZoeDepth's re-packed test/gt) "
        f"and, read as SUN RGB-D, it is wrong. {SOURCE}"
    )


def _judge_size(sample: Sample) -> str:
    if sample.image.shape[:2] == sample.truth.shape:
        return ""
    return f"image ({sample.image.shape[:2]}) and depth ({sample.truth.shape}) differ in size. {SOURCE}"


def _name(cell: object, path: Path) -> str:
    """Return the folder below SUNRGBD that a cell of the list names."""
    text = str(np.asarray(cell).ravel()[0]) if np.asarray(cell).size else ""
    _, found, name = text.partition("/SUNRGBD/")
    if not found:
        raise DatasetError(f"{path}: '{text}' is no folder below SUNRGBD")
    return "/".join(part for part in name.split("/") if part)


def _item(name: str, folder: Path, kind: str) -> Item:
    files = folder / "image", folder / kind
    return Item(name, str(Path(name).parent), partial(_read, name, folder, kind), files=files)


def _read(name: str, folder: Path, kind: str) -> Sample:
    depth = _only(folder / kind, "*.png")
    truth, mask = remember_depth(depth, "rotated uint16 mm", lambda: decode.rotated_depth(depth, 0.001))
    image = decode.read_image(_only(folder / "image", "*.jpg"))
    return Sample(name, str(Path(name).parent), image, truth, mask, _intrinsics(folder / "intrinsics.txt"))


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SampleError(f"{folder}: one file {pattern} was expected here, not {len(found)}")
    return found[0]


def _intrinsics(path: Path) -> Intrinsics | None:
    if not path.is_file():
        return None
    with decode.reading(path):
        matrix = np.array(path.read_text("utf-8").split(), dtype=float).reshape(3, 3)
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])
