"""ETH3D's high-resolution multi-view training images, as their publisher ships them.

``<scene>/images/dslr_images/DSC_0219.JPG`` and ``<scene>/ground_truth_depth/dslr_images/DSC_0219.JPG``. The latter is
no JPEG: little-endian float32 metres without a header, row by row, at the size of the *distorted* photograph; infinity
where nothing was measured. Marigold's packing of the same files (``rgb/<scene>/...``,
``depth/<scene>_dslr_depth/<scene>/...``; ``prs-eth/Marigold`` b1dffaa) is read as well, with the same ids.

The photographs are distorted, so no pinhole camera describes them and no intrinsics are given. Bare floats are read as
fast as kept ones, so they are not kept a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from runners.datasets import checking, decode, folders
from runners.datasets.base import Dataset, Item, Sample, SampleError
from runners.datasets.checking import Problem
from runners.datasets.layout import needed

__all__ = ["LAYOUT", "SCENES", "SOURCE", "check_eth3d", "open_eth3d"]

SOURCE = (
    "Get <scene>_dslr_jpg.7z and <scene>_dslr_depth.7z of each training scene from https://www.eth3d.net/datasets and "
    "unpack them into one folder."
)
LAYOUT = "<scene>/images/dslr_images/*.JPG and <scene>/ground_truth_depth/dslr_images/*.JPG"

SCENES = {
    "courtyard": 38,
    "delivery_area": 44,
    "electro": 45,
    "facade": 76,
    "kicker": 31,
    "meadow": 15,
    "office": 26,
    "pipes": 14,
    "playground": 38,
    "relief": 31,
    "relief_2": 31,
    "terrace": 23,
    "terrains": 42,
}
"""Images with ground truth of each training scene, 454 in all."""

_ADVICE = f"It should hold {LAYOUT} of 13 scenes. {SOURCE}"
_PHOTOS = "images/dslr_images"
_TRUTH = "ground_truth_depth/dslr_images"
_MIX_UP = (
    "Depth maps belong to the distorted photographs (images/dslr_images of <scene>_dslr_jpg.7z), not to those of "
    "<scene>_dslr_undistorted.7z"
)
_PLAUSIBLE_M = (0.2, 150.0)
_SAMPLED = 6
"""Fewer than of other data sets: each has 24 megapixels."""


def open_eth3d(root: Path | None, _variant: str) -> Dataset:
    """Return every image that has ground truth.

    Raises:
        DatasetError: If the folder holds none.
    """
    folder = needed(root, "eth3d", _ADVICE)
    return Dataset("eth3d", "training, high-resolution multi-view", folders.some(_items(folder), folder, _ADVICE))


def check_eth3d(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: scenes, counts, sizes (distorted or not), depth that is no depth."""
    found = {scene: len(list(_truth_folder(root, scene).glob("*.JPG"))) for scene in SCENES}
    if not any(found.values()):
        return [Problem(str(root), f"no ground truth of any scene is here. {_ADVICE}")]
    problems = [problem for scene in SCENES for problem in _check_scene(root, scene, found[scene])]
    judges = [checking.medians(*_PLAUSIBLE_M, f"The files hold float32 metres. {SOURCE}"), _filled]
    whole = (item for item in _items(root) if (_photo_folder(root, item.group) / f"{Path(item.id).name}.JPG").is_file())
    return problems + checking.samples(Dataset("eth3d", "", whole), judges, _SAMPLED)


def _items(root: Path) -> Iterator[Item]:
    for scene in SCENES:
        for path in _truth_folder(root, scene).glob("*.JPG"):
            name = f"{scene}/{path.stem}"
            yield Item(name, scene, partial(_read, name, scene, _photo_folder(root, scene) / path.name, path))


def _truth_folder(root: Path, scene: str) -> Path:
    packed = root / "depth" / f"{scene}_dslr_depth" / scene
    return (packed if packed.is_dir() else root / scene) / _TRUTH


def _photo_folder(root: Path, scene: str) -> Path:
    packed = root / "rgb" / scene
    return (packed if packed.is_dir() else root / scene) / _PHOTOS


def _read(name: str, scene: str, photo: Path, truth: Path) -> Sample:
    with decode.reading(photo), Image.open(photo) as image:
        width, height = image.size
    depth = _headerless(truth, (height, width))
    measured = np.isfinite(depth) & (depth > 0)
    return Sample(name, scene, decode.read_image(photo), np.where(np.isfinite(depth), depth, 0), measured)


def _headerless(path: Path, size: tuple[int, int]) -> decode.Depth:
    """Return a file of bare float32 values at the image's size; its length tells whether it is of that image."""
    with decode.reading(path):
        stored = path.stat().st_size
        if stored != 4 * size[0] * size[1]:
            raise SampleError(
                f"{path.name}: {stored} bytes are not float32 depth for a photograph of {size[1]}x{size[0]}. {_MIX_UP}"
            )
        return np.fromfile(path, dtype="<f4").astype(np.float32, copy=False).reshape(size)


def _check_scene(root: Path, scene: str, found: int) -> list[Problem]:
    problems = checking.counted(root / scene, found, SCENES[scene], "depth maps", SOURCE)
    names = {path.name for path in _truth_folder(root, scene).glob("*.JPG")}
    photos = _photo_folder(root, scene)
    lacking = sorted(name for name in names if not (photos / name).is_file())
    if not lacking:
        return problems
    undistorted = photos.with_name("dslr_images_undistorted").is_dir()
    advice = f"Only undistorted ones are here. {_MIX_UP}" if undistorted else SOURCE
    return [*problems, Problem(str(photos), f"{len(lacking)} photographs are missing, {lacking[0]} first. {advice}")]


def _filled(sample: Sample) -> str:
    if sample.mask.all():
        return f"every pixel has depth, while the scans leave holes (infinity): these maps were filled in. {SOURCE}"
    return ""
