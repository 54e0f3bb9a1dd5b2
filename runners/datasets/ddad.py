"""DDAD: the validation split, front camera, with the points of the laser scanners projected into it.

Layout, in the root itself or in its ``ddad_train_val``: ``ddad.json`` (DGP; ``scene_splits`` by number: 0 training,
1 validation) and for each scene ``000150/scene_<sha1>.json``, ``calibration/<sha1>.json``,
``rgb/CAMERA_01/<time>.png`` and ``point_cloud/LIDAR/<time>.npz``.

Truth is the camera's z in metres of the nearest point on each pixel; a point goes through the world by the poses of
scanner and camera, so the way between the two moments is taken out. Ids are ``<scene>/CAMERA_01/<time>``; groups are
scenes.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path, PurePosixPath

from runners.datasets import checking, decode, lidar
from runners.datasets.base import Dataset, DatasetError, Item, Sample, SampleError
from runners.datasets.checking import Judge, Problem
from runners.datasets.folders import inside, some
from runners.datasets.layout import find_file, needed

__all__ = ["LAYOUT", "SOURCE", "check_ddad", "open_ddad"]

LAYOUT = "It holds ddad.json and a folder for each scene (000150/scene_*.json, rgb, point_cloud, calibration)."
SOURCE = (
    "Get https://tri-ml-public.s3.amazonaws.com/github/DDAD/datasets/DDAD.tar (257 GB, md5 "
    "c0da97967f76da80f86d6f97d0d98904) and name the folder that holds ddad.json."
)
IMAGES, SCENES = 3950, 50
"""Of the validation split, for one camera."""

_CAMERA = "CAMERA_01"
_VALIDATION = "1"
_SIZE = (1216, 1936)


def open_ddad(root: Path | None, _variant: str = "projected-lidar") -> Dataset:
    """Return the validation split of the front camera.

    Raises:
        DatasetError: If ``ddad.json`` or a scene that it lists is not there or not readable: all of them.
    """
    folder = needed(root, "ddad", SOURCE)
    index = _index(folder)
    faults: list[str] = []
    items: list[Item] = []
    for scene in _scenes(index):
        try:
            items += _items(inside(index.parent, scene))
        except SampleError as error:
            faults.append(f"{index.parent / scene}: {error}")
    if faults:
        raise DatasetError("\n".join([*faults, SOURCE]))
    return Dataset("ddad", f"validation, {_CAMERA}", some(items, index.parent, LAYOUT))


def check_ddad(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: index, scenes, counts, sizes, density and reach of the points."""
    problems, dataset = checking.opened(lambda: open_ddad(root))
    if dataset is None:
        return problems
    dense = f"Projected laser points cover about 1 % of the pixels; a dense map is somebody's own completion. {SOURCE}"
    judges: list[Judge] = [
        checking.sizes({_SIZE}, SOURCE),
        checking.medians(3, 120, f"Points are in metres. {SOURCE}"),
        checking.invalid_share(0.9, 0.9999, dense),
    ]
    return [
        *checking.counted(root, len(dataset), IMAGES, f"validation images of {_CAMERA}", SOURCE),
        *checking.counted(root, len({name.split("/")[0] for name in dataset.ids}), SCENES, "scenes", SOURCE),
        *checking.present(dataset, SOURCE),
        *checking.samples(dataset, judges),
    ]


def _index(folder: Path) -> Path:
    index = find_file(folder, ("ddad.json", "ddad_train_val/ddad.json"))
    if index is None:
        raise DatasetError(f"{folder}: there is no ddad.json. {SOURCE}")
    return index


def _scenes(index: Path) -> list[str]:
    try:
        found = json.loads(index.read_text("utf-8"))["scene_splits"][_VALIDATION]["filenames"]
        return [str(PurePosixPath(name)) for name in found]
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DatasetError(
            f"{index}: lists no validation scenes (scene_splits, {_VALIDATION}, filenames; "
            f"{type(error).__name__}: {error}). {SOURCE}"
        ) from error


def _items(scene: Path) -> list[Item]:
    return [_item(scene.parent, frame) for frame in lidar.dgp_frames(scene, _CAMERA)]


def _item(folder: Path, frame: lidar.DgpFrame) -> Item:
    name = f"{folder.name}/{_CAMERA}/{Path(frame.image).stem}"
    files = folder / frame.image, folder / frame.points
    return Item(name, folder.name, partial(_read, name, folder, frame), files=files)


def _read(name: str, folder: Path, frame: lidar.DgpFrame) -> Sample:
    image = decode.read_image(inside(folder, frame.image))
    truth, mask = lidar.dgp_truth(inside(folder, frame.points), frame, (image.shape[0], image.shape[1]))
    return Sample(name, folder.name, image, truth, mask, frame.intrinsics)
