"""Sparse depth maps out of point clouds: KITTI, nuScenes and DGP (DDAD) layouts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runners.datasets.base import Intrinsics, SampleError
from runners.datasets.cache import Truth, remember
from runners.datasets.decode import reading

__all__ = ["Array", "DgpFrame", "ScannerCalibration", "dgp_frames", "dgp_truth", "drive_calibration", "forward_depth"]
__all__ += ["kitti_calibration", "nuscenes_calibration", "pose_matrix", "project", "read_floats"]

Array = npt.NDArray[np.float64]


def project(points: Array, projection: Array, size: tuple[int, int], least_m: float = 0) -> npt.NDArray[np.float32]:
    """Return the depth map of a point cloud: nearest point of each pixel, 0 where there is none.

    Args:
        points: (N, 3), metres.
        projection: (3, 4), from homogeneous points to pixels times depth; its last row gives the depth.
        size: (height, width) of the image.
        least_m: Depth up to which points are left out (the vehicle itself).
    """
    u, v, depth = _projected(points, projection)
    ahead = depth > least_m
    column, row = (np.rint(x[ahead] / depth[ahead]) for x in (u, v))
    return _nearest(row, column, depth[ahead], size)


def forward_depth(points: Array, projection: Array, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the depth map that Monodepth2 (b676244, ``generate_depth_map`` with ``vel_depth``) makes of a sweep.

    It is the historic ground truth of the Eigen split, with what it does differently from :func:`project`: it keeps
    the *forward coordinate of the scanner* instead of the camera's depth (monodepth2 issue 274), and moves every
    pixel by one to the left and up, "to get the exact same value as KITTI matlab code".

    Its search for pixels with several points takes the last column of a row and the first of the next for one pixel;
    that is not repeated here. Those columns lie outside every window that is scored.

    Args:
        points: (N, 3), metres: forward, left, up.
        projection: (3, 4), from homogeneous points to pixels times depth.
        size: (height, width) of the image.
    """
    points = points[points[:, 0] >= 0]
    u, v, depth = _projected(points, projection)
    with np.errstate(divide="ignore", invalid="ignore"):  # no camera is in the scanner, but a file may say so
        column, row = np.rint(u / depth) - 1, np.rint(v / depth) - 1
    return _nearest(row, column, points[:, 0], size)


def _projected(points: Array, projection: Array) -> Array:
    found: Array = projection @ np.vstack([points.T, np.ones(len(points))])
    return found


def _nearest(row: Array, column: Array, values: Array, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    height, width = size
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    nearest = np.full(size, np.inf)
    at = row[inside].astype(np.intp), column[inside].astype(np.intp)
    np.minimum.at(nearest, at, values[inside])
    return np.where(np.isfinite(nearest), nearest, 0).astype(np.float32)


def read_floats(path: Path, columns: int) -> Array:
    """Return a headerless file of little-endian float32 rows as (N, columns).

    Raises:
        SampleError: If the file cannot be read or does not hold whole rows.
    """
    try:
        values = np.fromfile(path, dtype="<f4")
    except OSError as error:
        raise SampleError(f"{path.name}: cannot be read ({error.strerror or error})") from error
    if values.size == 0 or values.size % columns or path.stat().st_size % 4:
        raise SampleError(f"{path.name}: {path.stat().st_size} bytes are not whole rows of {columns} float32 values")
    return values.reshape(-1, columns).astype(np.float64)


def kitti_calibration(path: Path) -> tuple[Array, Intrinsics]:
    """Return the projection of Velodyne points to the left colour camera (P2 R0_rect Tr_velo_to_cam), intrinsics.

    Raises:
        SampleError: If the calibration file of an object-detection frame lacks a matrix.
    """
    rows = _calibration_rows(path)
    try:
        p2 = _matrix(rows["P2"], 3, 4)
        rectification = _homogeneous(_matrix(rows["R0_rect"], 3, 3))
        to_camera = _homogeneous(_matrix(rows["Tr_velo_to_cam"], 3, 4))
    except (KeyError, ValueError) as error:
        raise SampleError(f"{path.name}: P2, R0_rect and Tr_velo_to_cam are needed, but {error}") from error
    return p2 @ rectification @ to_camera, _intrinsics(p2)


@dataclass(frozen=True)
class ScannerCalibration:
    """How the points of a recording day's scanner come into its left colour camera.

    Attributes:
        projection: (3, 4), P_rect_02 R_rect_00 T_velo.
        intrinsics: Of the rectified image.
        size: (height, width) of the rectified image, S_rect_02.
    """

    projection: Array
    intrinsics: Intrinsics
    size: tuple[int, int]


def drive_calibration(day: Path) -> ScannerCalibration:
    """Return what ``calib_cam_to_cam.txt`` and ``calib_velo_to_cam.txt`` of a KITTI recording day say.

    Raises:
        SampleError: If a file is missing or lacks a matrix.
    """
    camera, scanner = (_calibration_rows(day / name) for name in ("calib_cam_to_cam.txt", "calib_velo_to_cam.txt"))
    try:
        p2 = _matrix(camera["P_rect_02"], 3, 4)
        rectification = _homogeneous(_matrix(camera["R_rect_00"], 3, 3))
        to_camera = _homogeneous(np.hstack([_matrix(scanner["R"], 3, 3), _matrix(scanner["T"], 3, 1)]))
        width, height = _matrix(camera["S_rect_02"], 1, 2)[0]
    except (KeyError, ValueError) as error:
        raise SampleError(
            f"{day.name}: calib_cam_to_cam.txt (P_rect_02, R_rect_00, S_rect_02) and calib_velo_to_cam.txt (R, T) are "
            f"needed, but {error}"
        ) from error
    return ScannerCalibration(p2 @ rectification @ to_camera, _intrinsics(p2), (int(height), int(width)))


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


def dgp_frames(scene: Path, camera: str | None = None) -> list[DgpFrame]:
    """Return the images of a scene that come with a point cloud, of all cameras or of one.

    A point goes to the world by the point cloud's pose and to the camera by the inverse of the image's.

    Raises:
        SampleError: If the scene or calibration file is not in that layout.
    """
    try:
        content = json.loads(scene.read_text(encoding="utf-8"))
        data = {item["key"]: item for item in content["data"]}
        calibrations = _Calibrations(scene.parent / "calibration")
        return [
            _frame(image, cloud, calibrations[key])
            for key, cloud, images in (_sampled(data, sample) for sample in content["samples"])
            for image in images
            if cloud is not None and camera in (None, image["id"]["name"])
        ]
    except (OSError, KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise SampleError(f"{scene.name}: not a readable DGP scene ({type(error).__name__}: {error})") from error


def dgp_truth(path: Path, frame: DgpFrame, size: tuple[int, int]) -> Truth:
    """Return the depth map of a frame's point cloud and where it is a measurement.

    Raises:
        SampleError: If the archive cannot be read.
    """

    def decoded() -> Truth:
        # opened here: np.load leaves the file open where it is no archive
        with reading(path), path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            points = np.asarray(archive["data"], dtype=np.float64)
            depth = project(points[:, :3], frame.projection, size)
        return depth, depth > 0

    return remember([path], f"dgp {frame.projection.tolist()} {size}", decoded)


class _Calibrations(dict[str, dict[str, Any]]):
    """The calibration files of a scene by key, each read once."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, key: str) -> dict[str, Any]:
        if Path(key).name != key:
            raise ValueError(f"calibration_key '{key}' is a path")
        read: dict[str, Any] = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
        return self.setdefault(key, read)


def _sampled(data: dict[str, Any], sample: dict[str, Any]) -> tuple[str, dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the calibration key of a sample, its point cloud if it has one, and its images."""
    items = [data[key] for key in sample["datum_keys"]]
    clouds = [item["datum"]["point_cloud"] for item in items if "point_cloud" in item["datum"]]
    images = [item for item in items if "image" in item["datum"]]
    return sample["calibration_key"], clouds[0] if clouds else None, images


def _frame(item: dict[str, Any], cloud: dict[str, Any], calibration: dict[str, Any]) -> DgpFrame:
    camera, image = item["id"]["name"], item["datum"]["image"]
    values = calibration["intrinsics"][calibration["names"].index(camera)]
    matrix = np.array([[values["fx"], values["skew"], values["cx"]], [0, values["fy"], values["cy"]], [0, 0, 1]])
    to_camera = np.linalg.inv(_pose(image["pose"])) @ _pose(cloud["pose"])
    return DgpFrame(camera, image["filename"], cloud["filename"], matrix @ to_camera[:3], _intrinsics(matrix))


def _pose(pose: dict[str, Any]) -> Array:
    rotation, translation = pose["rotation"], pose["translation"]
    return pose_matrix([rotation[name] for name in ("qw", "qx", "qy", "qz")], [translation[name] for name in "xyz"])


def pose_matrix(rotation: Sequence[float], translation: Sequence[float]) -> Array:
    """Return the (4, 4) matrix of a rotation, as a quaternion w, x, y, z, and a translation in metres."""
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(np.roll(np.asarray(rotation, dtype=float), -1)).as_matrix()
    matrix[:3, 3] = translation
    return matrix


def _calibration_rows(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SampleError(f"{path.name}: cannot be read ({error})") from error
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _matrix(text: str, rows: int, columns: int) -> Array:
    return np.array([float(word) for word in text.split()]).reshape(rows, columns)


def _homogeneous(matrix: Array) -> Array:
    result = np.eye(4)
    result[: matrix.shape[0], : matrix.shape[1]] = matrix
    return result


def _intrinsics(matrix: Array) -> Intrinsics:
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])
