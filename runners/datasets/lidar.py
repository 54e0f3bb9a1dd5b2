"""Sparse depth maps out of point clouds: KITTI, nuScenes and DGP (DDAD) layouts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runners.datasets.base import Intrinsics, SampleError

__all__ = ["Array", "DgpFrame", "dgp_depth", "dgp_frames", "kitti_calibration", "nuscenes_calibration", "project"]

Array = npt.NDArray[np.float64]


def project(points: Array, projection: Array, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the depth map of a point cloud: nearest point of each pixel, 0 where there is none.

    Args:
        points: (N, 3), metres.
        projection: (3, 4), from homogeneous points to pixels times depth; its last row gives the depth.
        size: (height, width) of the image.
    """
    u, v, depth = projection @ np.vstack([points.T, np.ones(len(points))])
    ahead = depth > 0
    column, row = (np.rint(x[ahead] / depth[ahead]) for x in (u, v))
    height, width = size
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    nearest = np.full(size, np.inf)
    at = row[inside].astype(np.intp), column[inside].astype(np.intp)
    np.minimum.at(nearest, at, depth[ahead][inside])
    return np.where(np.isfinite(nearest), nearest, 0).astype(np.float32)


def read_floats(path: Path, columns: int) -> Array:
    """Return a headerless file of little-endian float32 rows as (N, columns).

    Raises:
        SampleError: If the file does not hold whole rows.
    """
    values = np.fromfile(path, dtype="<f4")
    if values.size == 0 or values.size % columns or path.stat().st_size % 4:
        raise SampleError(f"{path.name}: {path.stat().st_size} bytes are not whole rows of {columns} float32 values")
    return values.reshape(-1, columns).astype(np.float64)


def kitti_calibration(path: Path) -> tuple[Array, Intrinsics]:
    """Return the projection of Velodyne points to the left colour camera (P2 R0_rect Tr_velo_to_cam), intrinsics.

    Raises:
        SampleError: If the calibration file lacks a matrix.
    """
    rows = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
    try:
        p2 = _matrix(rows["P2"], 3, 4)
        rectification = _homogeneous(_matrix(rows["R0_rect"], 3, 3))
        to_camera = _homogeneous(_matrix(rows["Tr_velo_to_cam"], 3, 4))
    except (KeyError, ValueError) as error:
        raise SampleError(f"{path.name}: P2, R0_rect and Tr_velo_to_cam are needed, but {error}") from error
    return p2 @ rectification @ to_camera, _intrinsics(p2)


def nuscenes_calibration(path: Path, camera: str) -> tuple[Array, Intrinsics]:
    """Return the projection of LIDAR_TOP points to one camera and its intrinsics.

    Raises:
        SampleError: If the file does not describe that camera.
    """
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))[camera]
        to_camera, matrix = np.array(entry["lidar2cam"], dtype=float), np.array(entry["cam2img"], dtype=float)
        return matrix @ to_camera[:3], _intrinsics(matrix)
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise SampleError(f"{path.name}: no usable lidar2cam and cam2img of camera '{camera}' ({error})") from error


@dataclass(frozen=True)
class DgpFrame:
    """One camera image of a DGP scene with the point cloud of the same sample.

    Attributes:
        camera: Name of the camera.
        image: Path of the image, relative to the scene file's folder.
        points: Path of the point cloud, relative to the scene file's folder.
        projection: (3, 4), from points in the sensor's frame to pixels times depth.
        intrinsics: Of the image.
    """

    camera: str
    image: str
    points: str
    projection: Array
    intrinsics: Intrinsics


def dgp_frames(scene: Path) -> list[DgpFrame]:
    """Return all camera images of a scene that come with a point cloud.

    A point goes to the world by the point cloud's pose and to the camera by the inverse of the image's.

    Raises:
        SampleError: If the scene or calibration file is not in that layout.
    """
    try:
        content = json.loads(scene.read_text(encoding="utf-8"))
        data = {item["key"]: item for item in content["data"]}
        return [frame for sample in content["samples"] for frame in _sample_frames(scene, data, sample)]
    except (OSError, KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise SampleError(f"{scene.name}: not a readable DGP scene ({type(error).__name__}: {error})") from error


def dgp_depth(path: Path, frame: DgpFrame, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the depth map of a frame's point cloud."""
    with np.load(path, allow_pickle=False) as archive:
        points = np.asarray(archive["data"], dtype=np.float64)
    return project(points[:, :3], frame.projection, size)


def _sample_frames(scene: Path, data: dict[str, Any], sample: dict[str, Any]) -> list[DgpFrame]:
    items = [data[key] for key in sample["datum_keys"]]
    clouds = [item["datum"]["point_cloud"] for item in items if "point_cloud" in item["datum"]]
    if not clouds:
        return []
    key = sample["calibration_key"]
    if Path(key).name != key:
        raise ValueError(f"calibration_key '{key}' is a path")
    calibration = json.loads((scene.parent / "calibration" / f"{key}.json").read_text(encoding="utf-8"))
    images = [item for item in items if "image" in item["datum"]]
    return [_frame(item, clouds[0], calibration) for item in images]


def _frame(item: dict[str, Any], cloud: dict[str, Any], calibration: dict[str, Any]) -> DgpFrame:
    camera, image = item["id"]["name"], item["datum"]["image"]
    values = calibration["intrinsics"][calibration["names"].index(camera)]
    matrix = np.array([[values["fx"], values["skew"], values["cx"]], [0, values["fy"], values["cy"]], [0, 0, 1]])
    to_camera = np.linalg.inv(_pose(image["pose"])) @ _pose(cloud["pose"])
    return DgpFrame(camera, image["filename"], cloud["filename"], matrix @ to_camera[:3], _intrinsics(matrix))


def _pose(pose: dict[str, Any]) -> Array:
    from scipy.spatial.transform import Rotation

    quaternion = [pose["rotation"][name] for name in ("qx", "qy", "qz", "qw")]
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    matrix[:3, 3] = [pose["translation"][name] for name in "xyz"]
    return matrix


def _matrix(text: str, rows: int, columns: int) -> Array:
    return np.array([float(word) for word in text.split()]).reshape(rows, columns)


def _homogeneous(matrix: Array) -> Array:
    result = np.eye(4)
    result[: matrix.shape[0], : matrix.shape[1]] = matrix
    return result


def _intrinsics(matrix: Array) -> Intrinsics:
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])
