"""MoGe's evaluation bundle, as far as it is prepared already.

A folder of the bundle (``NYUv2``, ``KITTI``, ...) holds ``.index.txt``, one sample folder a line, and in each of those
``image.jpg``, ``depth.png`` and ``meta.json``. Depth is 16-bit, logarithmic between the text chunks ``near`` and
``far``: 0 is none, 65535 is infinite, else near^(1-q) * far^q with q = (v - 1) / 65533. The intrinsics of ``meta.json``
are in widths and heights of the image, a 3x3 matrix (``microsoft/MoGe`` 0744441, ``moge/test/dataloader.py``).

MoGe's loader projects every sample into a pinhole camera that looks through the image's centre, at a size of each data
set's own. That resampling is **not** done here: it depends on the versions of two libraries (the mask-aware nearest
resize of utils3d differs between its commits), and there is no output of it to hold ours against. A sample is used only
where it would change nothing, that is, of that size, with its principal point in the middle and square pixels. Every
other one is skipped with that reason. The rest of the rule is kept: depth above 1000 times the 1 percent quantile of
the image does not count.

Whether the values of all parts are metres was not verified; the loader's configuration gives a unit that is not known
here. Fits of scale do not ask.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from runners.datasets import checking, decode, folders
from runners.datasets.base import Dataset, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import Truth, remember
from runners.datasets.checking import Problem
from runners.datasets.layout import needed
from runners.datasets.lists import lines

__all__ = ["LAYOUT", "PARTS", "SOURCE", "VARIANT", "check_bundle", "is_bundle", "open_bundle"]

VARIANT = "moge-bundle"
INDEX = ".index.txt"
SOURCE = "Get it from https://huggingface.co/datasets/Ruicheng/monocular-geometry-evaluation and unpack it."
LAYOUT = "a part of MoGe's bundle: .index.txt and, in each folder that it names, image.jpg, depth.png, meta.json"

PARTS = {
    "nyu-depth-v2": (480, 640, 654),
    "kitti": (375, 750, 652),
    "eth3d": (1365, 2048, 454),
    "ibims-1": (480, 640, 100),
    "gso": (512, 512, 1030),
    "sintel": (436, 872, 1064),
    "ddad": (700, 1400, 1000),
    "diode": (768, 1024, 771),
}
"""Rows, columns and number of samples of each part, by data set."""

_INFINITE = 65535
_STEPS = 65533
_FARTHEST = 1000.0
_SLACK_PX = 0.5
"""By how much the principal point may be off the middle: less than the distance of two pixels does not move a nearest
depth."""


def is_bundle(root: Path) -> bool:
    """Return whether a folder is a part of the bundle."""
    return (root / INDEX).is_file()


def open_bundle(dataset_id: str, root: Path | None) -> Dataset:
    """Return the part of the bundle that is of one data set.

    Raises:
        DatasetError: If the folder has no index.
    """
    advice = f"It should hold {LAYOUT}. {SOURCE}"
    folder = needed(root, dataset_id, advice)
    names = filter(None, lines(folder / INDEX, advice))
    rows, columns, _ = PARTS[dataset_id]
    items = (
        Item(
            name,
            _group(name),
            partial(_read, folder, name, (rows, columns)),
            files=tuple(folder / name / file for file in ("image.jpg", "depth.png", "meta.json")),
        )
        for name in names
    )
    return Dataset(dataset_id, f"MoGe's bundle, {INDEX}", folders.some(items, folder, advice))


def check_bundle(dataset_id: str, root: Path) -> list[Problem]:
    """Return what is wrong with a part of the bundle: index, count, sizes, cameras."""
    problems, dataset = checking.opened(lambda: open_bundle(dataset_id, root))
    if dataset is None:
        return problems
    problems += checking.counted(root / INDEX, len(dataset), PARTS[dataset_id][2], "samples", SOURCE)
    return [*problems, *checking.present(dataset, SOURCE), *checking.samples(dataset, [])]


def _group(name: str) -> str:
    return name.rpartition("/")[0] or name


def _read(folder: Path, name: str, size: tuple[int, int]) -> Sample:
    place = folders.inside(folder, name)
    image = decode.read_image(place / "image.jpg")
    camera = _intrinsics(place / "meta.json", (image.shape[0], image.shape[1]))
    path = place / "depth.png"
    truth, mask = remember([path], "moge bundle", lambda: _truth(path))
    if fault := _unprepared(image.shape[:2], truth.shape, camera, size):
        raise SampleError(f"{fault}; MoGe projects such samples again, which is not done here")
    return Sample(name, _group(name), image, truth, mask, camera)


def _truth(path: Path) -> Truth:
    depth = _depth(path)
    known = np.isfinite(depth)
    near_enough = depth <= _FARTHEST * np.nanquantile(np.where(known, depth, np.nan), 0.01) if known.any() else known
    return np.where(known, depth, 0).astype(np.float32), known & near_enough


def _depth(path: Path) -> npt.NDArray[np.float64]:
    """Return the depth of a log-coded PNG, NaN where there is none, infinity where it says so."""
    with decode.reading(path), Image.open(path) as image:
        if not image.mode.startswith("I"):
            raise SampleError(f"{path.name}: a 16-bit depth map was expected, not an image of mode {image.mode}")
        if lacking := [key for key in ("near", "far") if key not in image.info]:
            raise SampleError(
                f"{path.name}: lost its text chunk {', '.join(lacking)}, so its values mean nothing. {SOURCE}"
            )
        near, far = float(image.info["near"]), float(image.info["far"])
        stored = np.asarray(image).astype(np.float64)
    share = (stored - 1) / _STEPS
    depth: npt.NDArray[np.float64] = near ** (1 - share) * far**share
    return np.where(stored == 0, np.nan, np.where(stored == _INFINITE, np.inf, depth))


def _intrinsics(path: Path, size: tuple[int, int]) -> Intrinsics:
    """Return intrinsics in pixels, whose centres are at whole numbers; the file counts in sides of the image."""
    with decode.reading(path):
        matrix: Any = json.loads(path.read_text(encoding="utf-8"))["intrinsics"]
        fx, _, cx = (float(value) for value in matrix[0])
        _, fy, cy = (float(value) for value in matrix[1])
    height, width = size
    return fx * width, fy * height, cx * width - 0.5, cy * height - 0.5


def _unprepared(image: tuple[int, ...], depth: tuple[int, ...], camera: Intrinsics, size: tuple[int, int]) -> str:
    """Return in what a sample differs from what MoGe's loader would make of it; empty where in nothing."""
    fx, fy, cx, cy = camera
    if image != size or depth != size:
        return f"image {image} and depth {depth} are not of the protocol's size {size}"
    if max(abs(cx - (size[1] - 1) / 2), abs(cy - (size[0] - 1) / 2)) > _SLACK_PX:
        return f"the principal point ({cx:.1f}, {cy:.1f}) is not in the middle of the image"
    if abs(fx / fy - 1) * max(size) > _SLACK_PX:
        return f"pixels are not square (focal lengths {fx:.1f} and {fy:.1f})"
    return ""
