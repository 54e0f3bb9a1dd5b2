"""Virtual KITTI 2: Scene01, the validation images of Marigold, with rendered depth.

Layout: ``Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg`` and ``.../depth/Camera_0/depth_00000.png``, both below the
root, or each below the folder that its archive makes (``vkitti_2.0.3_rgb``, ``vkitti_2.0.3_depth``) or that Marigold's
packing has (``rgb``, ``depth``).

The list is Marigold's ``data_split/vkitti_depth/vkitti_val.txt``, which is a rule: all 447 frames of both cameras in
six of the ten variations. (Read in five places of the file at commit 55faf78; the rule gives 5364 lines and the file's
624 011 characters exactly.)

Depth is 16-bit PNG in centimetres; 65535 is sky, farther than can be stored, and no measurement. Ids are
``Scene01/<variation>/Camera_<n>/<frame>``; the group is the variation.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from runners.datasets import checking, decode
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample
from runners.datasets.cache import Truth, remember
from runners.datasets.checking import Judge, Problem
from runners.datasets.layout import needed

__all__ = ["LAYOUT", "SOURCE", "VARIATIONS", "check_vkitti", "open_vkitti"]

LAYOUT = "It holds Scene01/<variation>/frames/{rgb,depth}/Camera_{0,1}, in one tree or one tree each for rgb and depth."
SOURCE = (
    "Get vkitti_2.0.3_rgb.tar (7 GB) and vkitti_2.0.3_depth.tar (8 GB) from "
    "https://europe.naverlabs.com/research/computer-vision/proxy-virtual-worlds-vkitti-2/ and unpack both."
)
VARIATIONS = ("15-deg-left", "15-deg-right", "clone", "morning", "overcast", "sunset")
"""Of Marigold's list; fog, rain and the turns by 30 degrees are not in it."""

FRAMES, CAMERAS = 447, 2
INTRINSICS: Intrinsics = (725.0087, 725.0087, 620.5, 187.0)
"""Of every camera, as ``intrinsic.txt`` says [from memory]."""

_SIZE = (375, 1242)
_TREES = {"rgb": ("", "vkitti_2.0.3_rgb", "rgb"), "depth": ("", "vkitti_2.0.3_depth", "depth")}


def open_vkitti(root: Path | None, _variant: str = "rendered") -> Dataset:
    """Return the validation images; those whose files are missing are skips.

    Raises:
        DatasetError: If Scene01's images or depth are not there.
    """
    folder = needed(root, "virtual-kitti-2", SOURCE)
    images, depths = (_tree(folder, kind) for kind in ("rgb", "depth"))
    items = [
        _item(images, depths, variation, camera, frame)
        for variation in VARIATIONS
        for camera in range(CAMERAS)
        for frame in range(FRAMES)
    ]
    return Dataset("virtual-kitti-2", "Scene01, data_split/vkitti_depth/vkitti_val.txt of Marigold", items)


def check_vkitti(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: files, sizes, units, sky that was measured."""
    problems, dataset = checking.opened(lambda: open_vkitti(root))
    if dataset is None:
        return problems
    unit = f"Depth is stored in centimetres (value / 100). {SOURCE}"
    judges: list[Judge] = [checking.sizes({_SIZE}, SOURCE), checking.medians(3, 100, unit), _judge_sky]
    return [*checking.present(dataset, SOURCE), *checking.samples(dataset, judges)]


def _judge_sky(sample: Sample) -> str:
    if float(sample.truth[sample.mask].max(initial=0)) < 655:
        return ""
    return f"depth of 655 m is measured: sky (65535) was rewritten as a depth. {SOURCE}"


def _tree(folder: Path, kind: str) -> Path:
    for name in _TREES[kind]:
        if next((folder / name).glob(f"Scene01/*/frames/{kind}"), None):
            return folder / name
    raise DatasetError(f"{folder}: there is no Scene01/<variation>/frames/{kind}. {LAYOUT} {SOURCE}")


def _item(images: Path, depths: Path, variation: str, camera: int, frame: int) -> Item:
    place = f"Scene01/{variation}/frames/{{0}}/Camera_{camera}/{{0}}_{frame:05d}{{1}}"
    name = f"Scene01/{variation}/Camera_{camera}/{frame:05d}"
    image, depth = images / place.format("rgb", ".jpg"), depths / place.format("depth", ".png")
    return Item(name, variation, partial(_read, name, variation, image, depth), files=(image, depth))


def _read(name: str, variation: str, image: Path, depth: Path) -> Sample:
    def decoded() -> Truth:
        codes = decode.uint16_codes(depth)
        return (codes * np.float32(0.01)).astype(np.float32), (codes > 0) & (codes < 65535)

    truth, mask = remember([depth], "virtual-kitti-2", decoded)
    return Sample(name, variation, decode.read_image(image), truth, mask, INTRINSICS)
