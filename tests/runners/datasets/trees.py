"""Writes tiny trees of data sets, each file in the very format of its publisher."""

import json
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image, PngImagePlugin

from runners.datasets.checking import Problem


def photo(path: Path, size: tuple[int, int], seed: int = 0, kind: str | None = None) -> Path:
    """Write a random image of (rows, columns); the kind is for names whose ending does not tell it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format=kind)
    return path


def hazy(path: Path, size: tuple[int, int], kind: str | None = None) -> Path:
    """Write an image that is bright in its upper half and dark below: hazy, so far, to the dark channel prior."""
    pixels = np.full((*size, 3), 10, dtype=np.uint8)
    pixels[: size[0] // 2] = 230
    Image.fromarray(pixels).save(path, format=kind)
    return path


def ramp(size: tuple[int, int], near: float = 1.0, far: float = 5.0) -> np.ndarray:
    """Depth that grows from top to bottom, float32."""
    return (np.linspace(near, far, size[0])[:, None] + np.zeros(size)).astype(np.float32)


def diode(root: Path, part: str = "indoors", count: int = 1, size: tuple[int, int] = (6, 8)) -> list[Path]:
    """Write images of one scan with depth and mask; return their common beginnings."""
    stems = []
    for index in range(count):
        scan = root / "val" / part / "scene_00021" / "scan_00189"
        stem = scan / f"00021_00189_{part}_200_{index:03d}"
        photo(stem.with_name(f"{stem.name}.png"), size, index)
        mask = np.ones(size)
        mask[0] = 0
        np.save(stem.with_name(f"{stem.name}_depth.npy"), ramp(size)[..., None])
        np.save(stem.with_name(f"{stem.name}_depth_mask.npy"), mask)
        stems.append(stem)
    return stems


def eth3d(root: Path, scene: str = "office", name: str = "DSC_0219", size: tuple[int, int] = (6, 9)) -> Path:
    """Write a photograph and its headerless depth, infinite in the first row; return the path of the depth."""
    photo(root / scene / "images/dslr_images" / f"{name}.JPG", size, kind="JPEG")
    depth = ramp(size)
    depth[0] = np.inf
    path = root / scene / "ground_truth_depth/dslr_images" / f"{name}.JPG"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(depth.astype("<f4").tobytes())
    return path


def dpt(path: Path, depth: np.ndarray, tag: float = 202021.25) -> Path:
    """Write Sintel's depth format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = depth.shape
    path.write_bytes(struct.pack("<fii", tag, width, height) + depth.astype("<f4").tobytes())
    return path


def sintel(root: Path, scene: str = "alley_1", frame: str = "frame_0001", size: tuple[int, int] = (6, 9)) -> Path:
    """Write both passes of a frame with depth (sky in the first row) and camera; return the path of the depth."""
    training = root / "training"
    for index, name in enumerate(("final", "clean")):
        photo(training / name / scene / f"{frame}.png", size, index)
    depth = ramp(size)
    depth[0] = 1e9
    camera = training / "camdata_left" / scene / f"{frame}.cam"
    camera.parent.mkdir(parents=True, exist_ok=True)
    matrix = [1120.0, 0, 511.5, 0, 1120.0, 217.5, 0, 0, 1]
    camera.write_bytes(struct.pack("<f", 202021.25) + struct.pack("<21d", *matrix, *[0.0] * 12))
    return dpt(training / "depth" / scene / f"{frame}.dpt", depth)


def hypersim(root: Path, distance: np.ndarray, frame: str = "0000") -> None:
    """Write a frame of the official packing with its distances (NaN = none) as 16-bit floats, as they come."""
    images = root / "ai_001_010" / "images"
    photo(images / "scene_cam_00_final_preview" / f"frame.{frame}.tonemap.jpg", distance.shape)
    path = images / "scene_cam_00_geometry_hdf5" / f"frame.{frame}.depth_meters.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("dataset", data=distance.astype(np.float16), compression="gzip")


def hypersim_packed(root: Path, depth: np.ndarray, frame: str = "0000") -> None:
    """Write a frame of Marigold's packing with its planar depth (0 = none)."""
    scene = root / "ai_001_010"
    photo(scene / f"rgb_cam_00_fr{frame}.png", depth.shape)
    Image.fromarray((depth * 1000).astype(np.uint16)).save(scene / f"depth_plane_cam_00_fr{frame}.png")


def hypersim_list(root: Path, *frames: str, name: str = "filename_list_test_filtered.txt") -> None:
    """Write Marigold's list of these frames."""
    lines = [f"ai_001_010/rgb_cam_00_fr{f}.png ai_001_010/depth_plane_cam_00_fr{f}.png\n" for f in frames]
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("".join(lines), encoding="utf-8")


def diw(root: Path, rows: dict[str, str], size: tuple[int, int] = (6, 9)) -> None:
    """Write the list and its images: hash to the second line."""
    lines = []
    for index, (name, row) in enumerate(rows.items()):
        photo(root / "DIW_test" / f"{name}.thumb", size, index, kind="JPEG")
        lines += [f"./DIW_test/{name}.thumb", row]
    (root / "DIW_test.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def pair(first: list[int], second: list[int], closer: str = "point1") -> dict[str, Any]:
    """A pair of DA-2K, [row, column] from 0."""
    return {"point1": first, "point2": second, "closer_point": closer}


def da2k(root: Path, listed: dict[str, list[Any]], size: tuple[int, int] = (6, 9)) -> None:
    """Write the annotations and their images."""
    for index, name in enumerate(listed):
        photo(root / name, size, index)
    (root / "annotations.json").write_text(json.dumps(listed), encoding="utf-8")


def bundle(root: Path, name: str, stored: np.ndarray, near: float = 1, far: float = 100, **changes: Any) -> None:
    """Write a sample of MoGe's bundle and add it to the index; changes: ``matrix``, ``size`` of the image, ``text``."""
    place = root / name
    photo(place / "image.jpg", changes.get("size", stored.shape))
    text = PngImagePlugin.PngInfo()
    if changes.get("text", True):
        text.add_text("near", str(near))
        text.add_text("far", str(far))
    Image.fromarray(stored.astype(np.uint16)).save(place / "depth.png", pnginfo=text)
    height, width = stored.shape
    matrix = changes.get("matrix", [[1.0, 0, 0.5], [0, width / height, 0.5], [0, 0, 1]])
    (place / "meta.json").write_text(json.dumps({"intrinsics": matrix}), encoding="utf-8")
    with (root / ".index.txt").open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")


def said(problems: list[Problem]) -> str:
    """All problems as one text."""
    return "\n".join(map(str, problems))
