"""Hypersim, as its publisher ships it and as Marigold packs it.

Official: ``ai_001_010/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg`` and
``.../scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5``, key ``dataset``: metres *along the viewing ray* from
the camera centre, NaN where nothing was hit (``apple/ml-hypersim`` c85b287). Marigold's (``prs-eth/Marigold`` b1dffaa):
``ai_001_010/rgb_cam_00_fr0000.png`` and ``depth_plane_cam_00_fr0000.png``, 16-bit millimetres along the optical axis,
0 = none; its images are tone mapped from HDF5 by Marigold's script, so they are not quite the published previews.

Which images belong to a list, only its file says; one of ``LISTS`` has to lie in the folder.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runners.datasets import checking, decode, folders, rays
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import Truth, remember
from runners.datasets.checking import Problem
from runners.datasets.layout import needed
from runners.datasets.lists import lines
from runners.datasets.matlab import hdf5

__all__ = ["LAYOUT", "LISTS", "SOURCE", "check_hypersim", "open_hypersim"]

LISTS = {
    "filename_list_test_filtered.txt": ("test, Marigold's filtered list", 7682),
    "filename_list_val_filtered.txt": ("validation, Marigold's filtered list", 7370),
    "metadata_images_split_scene_v1.csv": ("test, official split v1", 7690),
}
"""Files that list images, the first that is there is used: name of the list, and its count (the last one's is said)."""

SOURCE = (
    "Get the images with the download script of https://github.com/apple/ml-hypersim (or Marigold's packing), and a "
    "list: "
    "data_split/hypersim_depth/filename_list_test_filtered.txt of https://github.com/prs-eth/Marigold, or "
    "evermotion_dataset/analysis/metadata_images_split_scene_v1.csv of ml-hypersim."
)
LAYOUT = (
    "ai_*/images/scene_cam_*_final_preview/*.tonemap.jpg with scene_cam_*_geometry_hdf5/*.depth_meters.hdf5 (or "
    "Marigold's ai_*/rgb_*.png with depth_plane_*.png), and the file of a list"
)

_ADVICE = f"It should hold {LAYOUT}. {SOURCE}"
_FOCAL = 886.81
_SIZE = (768, 1024)
_CAMERA: Intrinsics = (_FOCAL, _FOCAL, 511.5, 383.5)
_PLAUSIBLE_M = (0.1, 100.0)
_PACKED = re.compile(r"(ai_\d{3}_\d{3})/rgb_(cam_\d\d)_fr(\d{4})\.png")
_OFFICIAL_COLUMNS = {"scene_name", "camera_name", "frame_id", "included_in_public_release", "split_partition_name"}


@dataclass(frozen=True)
class _Frame:
    scene: str
    camera: str
    number: str

    @property
    def id(self) -> str:
        return f"{self.scene}/{self.camera}/{self.number}"


def open_hypersim(root: Path | None, _variant: str) -> Dataset:
    """Return the images of the first of ``LISTS`` that lies in the folder, in the packing that lies there.

    Raises:
        DatasetError: If there is no list, or a list is at fault.
    """
    folder = needed(root, "hypersim", _ADVICE)
    path = next((folder / name for name in LISTS if (folder / name).is_file()), None)
    if path is None:
        raise DatasetError(f"{folder}: none of the lists {', '.join(LISTS)} is here. {SOURCE}")
    frames = _official_list(path) if path.suffix == ".csv" else _marigold_list(path)
    base, packing = _packing(folder)
    items = (_item(frame, packing, packing.files(base, frame)) for frame in frames)
    return Dataset("hypersim", LISTS[path.name][0], folders.some(items, folder, _ADVICE))


def check_hypersim(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: list and its count, missing files, sizes, distance taken for depth."""
    problems, dataset = checking.opened(lambda: open_hypersim(root, ""))
    if dataset is None:
        return problems
    expected = next(count for name, count in LISTS.values() if name == dataset.split)
    problems += checking.counted(root, len(dataset), expected, "listed images", SOURCE)
    judges = [checking.sizes({_SIZE}, SOURCE), checking.medians(*_PLAUSIBLE_M, f"Depth is metres here. {SOURCE}")]
    problems += checking.present(dataset, SOURCE)
    return problems + checking.samples(dataset, [*judges, _along_the_axis])


def _marigold_list(path: Path) -> Iterator[_Frame]:
    for number, line in enumerate(lines(path, SOURCE), 1):
        if line:
            yield _frame(line.split()[0], path, number)


def _frame(packed: str, path: Path, line: int) -> _Frame:
    """Return the frame that a name of Marigold's packing says; any other name could lead anywhere."""
    found = _PACKED.fullmatch(packed)
    if found is None:
        raise DatasetError(f"{path}: line {line} names no image like ai_001_010/rgb_cam_00_fr0000.png. {SOURCE}")
    return _Frame(*found.groups())


def _official_list(path: Path) -> Iterator[_Frame]:
    rows = csv.DictReader(lines(path, SOURCE))
    if lacking := sorted(_OFFICIAL_COLUMNS - set(rows.fieldnames or ())):
        raise DatasetError(f"{path}: has no column {', '.join(lacking)}. {SOURCE}")
    for row in rows:
        if any(row[name] is None for name in _OFFICIAL_COLUMNS):
            raise DatasetError(f"{path}: line {rows.line_num} was cut. {SOURCE}")
        if row["split_partition_name"] == "test" and row["included_in_public_release"].lower() == "true":
            packed = f"{row['scene_name']}/rgb_{row['camera_name']}_fr{row['frame_id'].zfill(4)}.png"
            yield _frame(packed, path, rows.line_num)


@dataclass(frozen=True)
class _Packing:
    """How frames lie in a folder: paths of a frame's image and depth, and the recipe and reader of its truth."""

    files: Callable[[Path, _Frame], tuple[Path, Path]]
    recipe: str
    truth: Callable[[Path], Truth]


def _packing(root: Path) -> tuple[Path, _Packing]:
    """Return where the scenes lie and how they are packed; the official way where neither is to be seen."""
    for base in (root, root / "test", root / "val"):
        if next(base.glob("ai_*/rgb_cam_*.png"), None):
            return base, _Packing(_packed_files, "hypersim plane in millimetres", _packed)
    return root, _Packing(_official_files, "hypersim distance", _planar)


def _official_files(root: Path, frame: _Frame) -> tuple[Path, Path]:
    images, stem = root / frame.scene / "images", f"frame.{frame.number}"
    return (
        images / f"scene_{frame.camera}_final_preview" / f"{stem}.tonemap.jpg",
        images / f"scene_{frame.camera}_geometry_hdf5" / f"{stem}.depth_meters.hdf5",
    )


def _packed_files(root: Path, frame: _Frame) -> tuple[Path, Path]:
    scene, end = root / frame.scene, f"{frame.camera}_fr{frame.number}.png"
    return scene / f"rgb_{end}", scene / f"depth_plane_{end}"


def _item(frame: _Frame, packing: _Packing, files: tuple[Path, Path]) -> Item:
    return Item(frame.id, frame.scene, partial(_read, frame, packing, *files), files=files)


def _read(frame: _Frame, packing: _Packing, image: Path, depth: Path) -> Sample:
    pixels = decode.read_image(image)
    truth, mask = remember([depth], packing.recipe, lambda: packing.truth(depth))
    if pixels.shape[:2] != truth.shape:
        raise SampleError(f"{frame.id}: image {pixels.shape[:2]} and depth {truth.shape} differ in size. {SOURCE}")
    return Sample(frame.id, frame.scene, pixels, truth, mask, _CAMERA if truth.shape == _SIZE else None)


def _planar(path: Path) -> Truth:
    depth = _hdf5(path) / rays.lengths(_SIZE, _CAMERA)
    truth = np.where(np.isfinite(depth), depth, 0).astype(np.float32)
    return truth, truth > 0


def _packed(path: Path) -> Truth:
    depth = decode.uint16_depth(path, 0.001)
    return depth, depth > 0


def _hdf5(path: Path) -> npt.NDArray[np.float64]:
    """Return the distances of a file, which must be of the standard size: only for that is the camera known."""
    with hdf5(path) as file:
        distance = np.asarray(file["dataset"], dtype=np.float64)
    if distance.shape != _SIZE:
        raise SampleError(f"{path.name}: distances {distance.shape}; only for {_SIZE} is the camera known")
    return distance


def _along_the_axis(sample: Sample) -> str:
    """Judge by planar surfaces whether the depth is along the optical axis."""
    if sample.truth.shape != _SIZE:
        return ""
    power = rays.power(np.where(sample.mask, sample.truth, np.nan), _CAMERA)
    if power == 1:
        return f"walls and floors are bent as in distances along the ray: these maps are not yet planar depth. {SOURCE}"
    if power == -1:
        return f"walls and floors are bent the other way: planar depth was stored where distances belong. {SOURCE}"
    return ""
