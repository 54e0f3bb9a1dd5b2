"""nuScenes: the validation scenes' key frames of the front camera, with the points of LIDAR_TOP projected into it.

Layout: ``v1.0-trainval/{scene,sample,sample_data,calibrated_sensor,ego_pose,sensor}.json``,
``samples/CAM_FRONT/*.jpg`` and ``samples/LIDAR_TOP/*.pcd.bin`` (float32 x, y, z, intensity, ring). ``v1.0-mini`` is
taken where ``v1.0-trainval`` is not there; its list is another one and its split says so.

The tables are read here as plain JSON, a row at a time, since the publisher's package (nuscenes-devkit) wants numpy
below 2. ``sample_data.json`` and ``ego_pose.json`` have 2.6 million rows each: about 15 s each at the rate that a
made-up table of 300 000 rows was read with on a busy machine, and little memory.

Points go the publisher's way, from the scanner through the vehicle at the scan, the world, and the vehicle at the
picture, into the camera (``map_pointcloud_to_image``), and those up to 1 m before the camera are left out as there.

Ids are ``<scene>/<name of the image file>``; groups are scenes. Which 881 images Depth Pro scores was not published:
this is the whole split.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from runners.datasets import checking, decode, lidar
from runners.datasets.base import Dataset, DatasetError, Item, Sample
from runners.datasets.cache import Truth, remember
from runners.datasets.checking import Judge, Problem
from runners.datasets.folders import inside, some
from runners.datasets.layout import needed

__all__ = ["LAYOUT", "SOURCE", "VALIDATION", "check_nuscenes", "open_nuscenes"]

LAYOUT = "It holds v1.0-trainval (or v1.0-mini) with its tables, and samples/CAM_FRONT and samples/LIDAR_TOP."
SOURCE = (
    "Get the metadata and the key frames of v1.0-trainval from https://www.nuscenes.org/nuscenes#download (an account "
    "and consent to the terms are needed)."
)
IMAGES = {"v1.0-trainval": 6019, "v1.0-mini": 81}
"""Key frames of the validation scenes, one camera."""

_CAMERA, _SCANNER = "CAM_FRONT", "LIDAR_TOP"
_SIZE = (900, 1600)
_LEAST_M = 1.0
_CHUNK = 1 << 20
_LONGEST_ROW = 1 << 22
"""Characters after which a row that cannot be read is not one that only goes on."""

_VALIDATION_NUMBERS = """
3 12-18 35-36 38-39 92-110 221 268-278 329-332 344-346 519-524 552-565 625-627 629-630 632-638 770-771 775 777-778
780-784 794-800 802 904-917 919-931 962-963 966-969 971-972 1059-1073
"""
"""Scenes of ``create_splits_scenes()["val"]``, nuscenes-devkit 1.2.0, nuscenes/utils/splits.py (Apache-2.0)."""

_MINI_VALIDATION = {"scene-0103", "scene-0916"}


def _spelt_out(numbers: str) -> frozenset[str]:
    ranges = (word.partition("-") for word in numbers.split())
    return frozenset(f"scene-{n:04d}" for low, _, high in ranges for n in range(int(low), int(high or low) + 1))


VALIDATION = _spelt_out(_VALIDATION_NUMBERS)
"""The 150 scenes of the validation split."""

_Row = dict[str, Any]


@dataclass(frozen=True)
class _Frame:
    """A key frame with its camera and scanner.

    Attributes:
        scene: Name of the scene.
        image: Path of the picture below the root.
        points: Path of the sweep below the root.
        projection: (3, 4), from points of the scanner to pixels times depth.
        camera: (3, 3), intrinsics.
    """

    scene: str
    image: str
    points: str
    projection: lidar.Array
    camera: lidar.Array


def open_nuscenes(root: Path | None, _variant: str = "projected-lidar") -> Dataset:
    """Return the validation split of the front camera.

    Raises:
        DatasetError: If a table is not there or not readable.
    """
    folder = needed(root, "nuscenes", SOURCE)
    version = next((name for name in IMAGES if (folder / name / "scene.json").is_file()), None)
    if version is None:
        raise DatasetError(f"{folder}: there is no v1.0-trainval with scene.json and the other tables. {SOURCE}")
    try:
        frames = _frames(folder / version, _MINI_VALIDATION if version == "v1.0-mini" else VALIDATION)
    except (OSError, KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise DatasetError(
            f"{folder / version}: its tables cannot be read ({type(error).__name__}: {error}). {SOURCE}"
        ) from error
    return Dataset(
        "nuscenes", f"{version} validation, {_CAMERA}", some(map(partial(_item, folder), frames), folder, LAYOUT)
    )


def check_nuscenes(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: tables, counts, sizes, density and reach of the points."""
    problems, dataset = checking.opened(lambda: open_nuscenes(root))
    if dataset is None:
        return problems
    dense = f"The scanner's 32 beams cover less than 1 % of the pixels; denser maps are somebody's own sum. {SOURCE}"
    judges: list[Judge] = [
        checking.sizes({_SIZE}, SOURCE),
        checking.medians(3, 60, f"Points are in metres. {SOURCE}"),
        checking.invalid_share(0.98, 0.9999, dense),
    ]
    expected = IMAGES[dataset.split.split()[0]]
    return [
        *checking.counted(root, len(dataset), expected, f"validation key frames of {_CAMERA}", SOURCE),
        *checking.present(dataset, SOURCE),
        *checking.samples(dataset, judges),
    ]


# --- samples ----------------------------------------------------------------------------------------------


def _item(folder: Path, frame: _Frame) -> Item:
    name = f"{frame.scene}/{Path(frame.image).stem}"
    files = folder / frame.image, folder / frame.points
    return Item(name, frame.scene, partial(_read, name, folder, frame), files=files)


def _read(name: str, folder: Path, frame: _Frame) -> Sample:
    image = decode.read_image(inside(folder, frame.image))
    points, size = inside(folder, frame.points), (image.shape[0], image.shape[1])

    def decoded() -> Truth:
        depth = lidar.project(lidar.read_floats(points, 5)[:, :3], frame.projection, size, _LEAST_M)
        return depth, depth > 0

    truth, mask = remember([points], f"nuscenes {frame.projection.tolist()} {size}", decoded)
    k = frame.camera
    return Sample(
        name, frame.scene, image, truth, mask, (float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]))
    )


# --- tables -----------------------------------------------------------------------------------------------


def _frames(tables: Path, scenes: frozenset[str] | set[str]) -> Iterator[_Frame]:
    names = {row["token"]: row["name"] for row in _rows(tables / "scene.json") if row["name"] in scenes}
    samples = {row["token"]: names[r] for row in _rows(tables / "sample.json") if (r := row["scene_token"]) in names}
    sensors = {row["token"]: row["channel"] for row in _rows(tables / "sensor.json")}
    calibrated = _table(
        tables / "calibrated_sensor.json", lambda row: sensors[row["sensor_token"]] in (_CAMERA, _SCANNER)
    )
    data = [row for row in _rows(tables / "sample_data.json") if _is_wanted(row, samples, calibrated)]
    at = {row["ego_pose_token"] for row in data}
    poses = _table(tables / "ego_pose.json", lambda row: row["token"] in at)
    pairs: dict[str, dict[str, _Row]] = {}
    for row in data:
        channel = sensors[calibrated[row["calibrated_sensor_token"]]["sensor_token"]]
        pairs.setdefault(row["sample_token"], {})[channel] = row
    return (_frame(samples[token], pair, calibrated, poses) for token, pair in pairs.items())


def _is_wanted(row: _Row, samples: dict[str, str], calibrated: dict[str, _Row]) -> bool:
    return row["is_key_frame"] and row["sample_token"] in samples and row["calibrated_sensor_token"] in calibrated


def _frame(scene: str, pair: dict[str, _Row], calibrated: dict[str, _Row], poses: dict[str, _Row]) -> _Frame:
    picture, sweep = pair[_CAMERA], pair[_SCANNER]
    sensors = [calibrated[row["calibrated_sensor_token"]] for row in (picture, sweep)]
    vehicles = [poses[row["ego_pose_token"]] for row in (picture, sweep)]
    camera_to_world, scanner_to_world = (
        _pose(vehicle) @ _pose(sensor) for vehicle, sensor in zip(vehicles, sensors, strict=True)
    )
    intrinsics = np.array(sensors[0]["camera_intrinsic"], dtype=float)
    projection = intrinsics @ (np.linalg.inv(camera_to_world) @ scanner_to_world)[:3]
    return _Frame(scene, picture["filename"], sweep["filename"], projection, intrinsics)


def _pose(row: _Row) -> lidar.Array:
    return lidar.pose_matrix(row["rotation"], row["translation"])


def _table(path: Path, keep: Callable[[_Row], bool]) -> dict[str, _Row]:
    return {row["token"]: row for row in _rows(path) if keep(row)}


def _rows(path: Path) -> Iterator[_Row]:
    """Yield the objects of a JSON list without holding the list: the longest has more than a gigabyte."""
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8") as file:
        text = file.read(_CHUNK)
        at = text.index("[") + 1
        while True:
            try:
                row, end = decoder.raw_decode(text, _start(text, at))
            except json.JSONDecodeError:
                more = file.read(_CHUNK)
                if not more or len(text) - at > _LONGEST_ROW:
                    _check_end(text[at:], path)
                    return
                text, at = text[at:] + more, 0
            else:
                yield row
                at = end


def _start(text: str, at: int) -> int:
    while at < len(text) and text[at] in ", \n\r\t":
        at += 1
    return at


def _check_end(rest: str, path: Path) -> None:
    if rest.strip(", \n\r\t") != "]":
        raise ValueError(f"{path.name} is cut off, broken, or no list of objects")
