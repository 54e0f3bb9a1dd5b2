"""MPI Sintel's training part with depth, as its publisher ships it.

``training/{final,clean}/<scene>/frame_0001.png``, ``training/depth/<scene>/frame_0001.dpt`` and
``training/camdata_left/<scene>/frame_0001.cam``. A .dpt file is a float32 tag 202021.25, int32 width, int32 height and
float32 depth row by row; a .cam file is the same tag, then the 3x3 intrinsics and 3x4 extrinsics in float64 (all
little-endian). Units are those of the film's world and are taken as metres. Sky holds very large finite values: cutting
it is the protocol's business, so it counts as measured here. Nothing is compressed, so nothing is kept decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from runners.datasets import checking, decode, folders
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.checking import Problem
from runners.datasets.layout import needed

__all__ = ["LAYOUT", "SOURCE", "check_sintel", "open_sintel"]

SOURCE = (
    "Get http://files.is.tue.mpg.de/sintel/MPI-Sintel-complete.zip and "
    "http://files.is.tue.mpg.de/jwulff/sintel/MPI-Sintel-depth-training-20150305.zip, and unpack both into one folder."
)
LAYOUT = "training/final/<scene>/frame_*.png, training/depth/<scene>/frame_*.dpt, training/camdata_left/<scene>/*.cam"

_ADVICE = f"It should hold {LAYOUT}. {SOURCE}"
_PASSES = {"rendered": "final", "rendered-clean": "clean"}
_TAG = 202021.25
_SIZE = (436, 1024)
_FRAMES, _SCENES = 1064, 23
_PLAUSIBLE_M = (0.1, 1e6)
"""Of the middle depth: wide, since sky may fill more than half of a frame."""


def open_sintel(root: Path | None, variant: str) -> Dataset:
    """Return the frames of the final pass, or of the clean one (``rendered-clean``); the depth is the same.

    Raises:
        DatasetError: If the folder holds none.
    """
    folder = needed(root, "sintel", _ADVICE)
    name = _PASSES[variant]
    if not (folder / "training" / name).is_dir():
        raise DatasetError(f"{folder}: there is no 'training/{name}' here. {_ADVICE}")
    items = folders.some(_items(folder / "training", name), folder, _ADVICE)
    return Dataset("sintel", f"training, {name} pass", items)


def check_sintel(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: passes, counts, sizes, the tag of depth files."""
    if problems := checking.missing(root, ["training/final", "training/depth"], SOURCE):
        return problems
    depth = root / "training" / "depth"
    problems = checking.counted(depth, len(list(depth.glob("*/frame_*.dpt"))), _FRAMES, "depth maps", SOURCE)
    problems += checking.counted(depth, len(list(depth.glob("*/"))), _SCENES, "scenes", SOURCE)
    found, dataset = checking.opened(lambda: open_sintel(root, "rendered"))
    problems += found
    if dataset is None:
        return problems
    training = root / "training"
    lacking = {name for name in dataset.ids if not (training / "final" / f"{name}.png").is_file()}
    if lacking:
        text = f"{len(lacking)} frames of the final pass are missing, {min(lacking)} first. {SOURCE}"
        problems.append(Problem(str(training / "final"), text))
    whole = Dataset("sintel", dataset.split, (item for item in _items(training, "final") if item.id not in lacking))
    judges = [checking.sizes({_SIZE}, SOURCE), checking.medians(*_PLAUSIBLE_M, SOURCE)]
    return problems + checking.samples(whole, judges)


def _items(training: Path, name: str) -> Iterator[Item]:
    for path in (training / "depth").glob("*/frame_*.dpt"):
        scene = path.parent.name
        yield Item(f"{scene}/{path.stem}", scene, partial(_read, training, name, scene, path.stem))


def _read(training: Path, name: str, scene: str, frame: str) -> Sample:
    image = decode.read_image(training / name / scene / f"{frame}.png")
    path = training / "depth" / scene / f"{frame}.dpt"
    truth = _dpt(path)
    if truth.shape != image.shape[:2]:
        raise SampleError(f"{path.name}: depth {truth.shape} and image {image.shape[:2]} differ in size. {SOURCE}")
    camera = _camera(training / "camdata_left" / scene / f"{frame}.cam")
    return Sample(f"{scene}/{frame}", scene, image, truth, np.isfinite(truth) & (truth > 0), camera)


def _dpt(path: Path) -> decode.Depth:
    with decode.reading(path), path.open("rb") as file:
        _expect_tag(file, path)
        width, height = (int(side) for side in np.fromfile(file, dtype="<i4", count=2))
        values = np.fromfile(file, dtype="<f4")
        if min(width, height) < 1 or values.size != width * height:
            raise SampleError(f"{path.name}: {values.size} values do not fill the {width}x{height} that it announces")
        return values.astype(np.float32).reshape(height, width)


def _camera(path: Path) -> Intrinsics | None:
    """Return the intrinsics, None where the camera files were not unpacked."""
    if not path.is_file():
        return None
    with decode.reading(path), path.open("rb") as file:
        _expect_tag(file, path)
        matrix = np.fromfile(file, dtype="<f8", count=9).reshape(3, 3)
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])


def _expect_tag(file: BinaryIO, path: Path) -> None:
    tag = np.fromfile(file, dtype="<f4", count=1)
    if tag.size != 1 or float(tag[0]) != _TAG:
        raise SampleError(f"{path.name}: does not begin with Sintel's tag {_TAG}: another format, or broken. {SOURCE}")
