"""iBims-1: 100 images with a laser scanner's depth, depth edges and planes.

Layouts, tried in this order:

* ``ibims1_core_mat/<name>.mat`` with a struct ``data``: ``rgb``, ``depth`` (metres), ``edges``, ``calib`` (the camera
  matrix **transposed**), ``mask_invalid``, ``mask_transp``, ``mask_{wall,table,floor}`` (numbers of planes from 1) and
  their ``_paras`` (K, 7 or more; columns 4..6 from 0 are the normal in the axes right, forward, up);
* ``ibims1_core_raw/{rgb,depth,edges,mask_invalid,mask_transp,calib}/<name>.png|txt``: depth is 16 bits, metres = value
  * 50 / 65535 (the shipped readme states the inverse), 65535 is saturated. The planes have no normals there.

``imagelist.txt`` lists the images. In both masks **1 means valid**; the mask here is both and a depth above 0.
Ids are names (``corridor_01``), groups their scenes without the number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runners.datasets import checking, decode
from runners.datasets.base import Annotations, Dataset, DatasetError, Intrinsics, Item, Planes, Sample, SampleError
from runners.datasets.cache import remember_depth
from runners.datasets.checking import Problem
from runners.datasets.layout import find_file, needed, read_lines
from runners.datasets.matlab import read_mat, struct_field

__all__ = ["IMAGES", "LAYOUT", "SOURCE", "check_ibims", "open_ibims"]

IMAGES = 100
LAYOUT = (
    "imagelist.txt and ibims1_core_mat/<name>.mat, or ibims1_core_raw/{rgb,depth,mask_invalid,mask_transp,edges,calib}"
)
SOURCE = (
    "Get ibims1_core_mat.zip (or ibims1_core_raw.zip) and imagelist.txt from https://www.asg.ed.tum.de/lmf/ibims1/, "
    "or run 'runners fetch ibims-1'."
)

_MAT, _RAW, _LIST = "ibims1_core_mat", "ibims1_core_raw", "imagelist.txt"
_SCALE = 50 / 65535
_SIZE = (480, 640)
_KINDS = ("wall", "table", "floor")
_NORMAL = slice(4, 7)
Mask = npt.NDArray[np.bool_]


def open_ibims(root: Path | None, variant: str = "laser-scan") -> Dataset:
    """Return all core images, from the .mat files where they are there.

    Raises:
        DatasetError: If the list or the files are not there.
    """
    folder = needed(root, "ibims-1", SOURCE)
    listing = find_file(folder, (_LIST, f"{_MAT}/{_LIST}", f"{_RAW}/{_LIST}"))
    if listing is None:
        raise DatasetError(f"{folder}: there is no {_LIST}, which lists the images. {SOURCE}")
    reader, split = _reader(folder)
    names = [words[0] for words in read_lines(listing)]
    items = [Item(name, name.rpartition("_")[0] or name, partial(reader, name)) for name in names]
    return Dataset("ibims-1", f"all core images ({_LIST}), {split}", items)


def check_ibims(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: files, count, sizes, units, masks the wrong way round or not applied."""
    problems, dataset = checking.opened(lambda: open_ibims(root))
    if dataset is None:
        return problems
    unit = f"Metres are the PNG's value * 50 / 65535, or those of the .mat file; other PNGs are re-packed. {SOURCE}"
    judges = [checking.sizes({_SIZE}, SOURCE), checking.medians(0.5, 30, unit), _judge_masks]
    return [*checking.counted(root, len(dataset), IMAGES, "images", SOURCE), *checking.samples(dataset, judges, IMAGES)]


def _judge_masks(sample: Sample) -> str:
    measured = sample.truth > 0
    if sample.mask.sum() * 2 >= measured.sum():
        return ""
    return (
        "mask_invalid and mask_transp leave less than half of the measured pixels: in both files 1 means valid, and "
        f"these seem to be the other way round. {SOURCE}"
    )


def _reader(folder: Path) -> tuple[Callable[[str], Sample], str]:
    mats = [base for base in (folder / _MAT, folder) if next(base.glob("*.mat"), None)]
    if mats:
        return partial(_read_mat_sample, mats[0]), _MAT
    raws = [base for base in (folder / _RAW, folder) if (base / "depth").is_dir()]
    if raws:
        return partial(_read_png_sample, raws[0]), _RAW
    raise DatasetError(f"{folder}: neither {_MAT}/*.mat nor {_RAW}/depth is here. {SOURCE}")


def _read_mat_sample(folder: Path, name: str) -> Sample:
    path = folder / f"{name}.mat"
    content = read_mat(path)
    if "data" not in content:
        raise SampleError(f"{path.name}: has no struct 'data'")

    def field(key: str) -> Any:
        return struct_field(content["data"], key, path)

    with decode.reading(path):
        truth = np.asarray(field("depth"), dtype=np.float32)
        valid = _both(np.asarray(field("mask_invalid")), np.asarray(field("mask_transp")), truth, path)
        marked = Annotations(edges=np.asarray(field("edges")) > 0, planes=_planes(field, truth.shape, path))
        image: npt.NDArray[np.uint8] = np.ascontiguousarray(field("rgb"), dtype=np.uint8)
        camera = _camera(np.asarray(field("calib"), dtype=float).ravel(), path)
    return Sample(name, name.rpartition("_")[0] or name, image, truth, valid, camera, annotations=marked)


def _read_png_sample(folder: Path, name: str) -> Sample:
    def mask(kind: str) -> Mask:
        return decode.read_mask(folder / kind / f"{name}.png")

    depth = folder / "depth" / f"{name}.png"
    truth, _ = remember_depth(depth, f"uint16 * {_SCALE}", lambda: decode.uint16_depth(depth, _SCALE))
    valid = _both(mask("mask_invalid"), mask("mask_transp"), truth, depth)
    image = decode.read_image(folder / "rgb" / f"{name}.png")
    calibration, edges = folder / "calib" / f"{name}.txt", folder / "edges" / f"{name}.png"
    marked = Annotations(edges=decode.read_mask(edges) if edges.is_file() else None)
    camera = _read_camera(calibration) if calibration.is_file() else None
    return Sample(name, name.rpartition("_")[0] or name, image, truth, valid, camera, annotations=marked)


def _both(invalid: npt.NDArray[Any], transparent: npt.NDArray[Any], truth: decode.Depth, path: Path) -> Mask:
    """Return where both masks say 1, which means valid in spite of their names, and a depth was measured."""
    if not invalid.shape == transparent.shape == truth.shape:
        raise SampleError(f"{path.name}: masks {invalid.shape}, {transparent.shape} do not fit the depth {truth.shape}")
    valid: Mask = (invalid > 0) & (transparent > 0) & np.isfinite(truth) & (truth > 0)
    return valid


def _planes(field: Callable[[str], Any], size: tuple[int, ...], path: Path) -> Planes:
    """Return walls, tables and floors as one list of planes."""
    labels, normals = np.zeros(size, dtype=np.int64), np.zeros((0, 3))
    for kind in _KINDS:
        parameters = np.asarray(field(f"mask_{kind}_paras"), dtype=float)
        if parameters.size == 0:
            continue
        numbers, parameters = np.asarray(field(f"mask_{kind}")).astype(np.int64), np.atleast_2d(parameters)
        if numbers.shape != size or parameters.shape[1] < _NORMAL.stop or numbers.max() > len(parameters):
            raise SampleError(f"{path.name}: mask_{kind} and mask_{kind}_paras do not belong together")
        labels = np.where(numbers > 0, numbers + len(normals), labels)
        normals = np.concatenate([normals, parameters[:, _NORMAL]])
    return Planes(labels, normals)


def _read_camera(path: Path) -> Intrinsics:
    with decode.reading(path):
        numbers = np.array(path.read_text("utf-8").replace(",", " ").split(), dtype=float)
    return _camera(numbers, path)


def _camera(numbers: npt.NDArray[np.float64], path: Path) -> Intrinsics:
    """Return fx, fy, cx, cy from these four numbers or from a camera matrix, which is stored transposed.

    They stay as published, for a grid that starts at 1: the planarity metric uses them with such a grid.
    """
    if numbers.size == 9:
        matrix = numbers.reshape(3, 3)
        matrix = matrix.T if matrix[2, 0] or matrix[2, 1] else matrix
        numbers = np.array([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]])
    if numbers.size != 4 or numbers[:2].min() <= 0:
        raise SampleError(f"{path.name}: fx, fy, cx and cy were expected as calibration")
    fx, fy, cx, cy = map(float, numbers)
    return fx, fy, cx, cy
