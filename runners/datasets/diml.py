"""DIML/CVL RGB-D outdoor: the test images, with depth from stereo matching.

Layout: ``outleft/*.png`` and ``depthmap/*.png`` of the same names, in the root, in its ``LR`` or ``HR``, or those of
``test`` or ``outdoor/test``; ZoeDepth takes every folder that holds an ``outleft``.

Depth is 16-bit PNG, 0 = none. **Its unit is in doubt.** ZoeDepth reads it as millimetres, and so does this loader;
with the official files a user got an AbsRel of 9.2 that nobody explained (ZoeDepth issue 96). Nothing here could be
held against a real file: every item says so, and ``check_diml`` judges the middle depth.

Ids are the files' names with the folder below the root before it; the group is that folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from runners.datasets import checking, decode
from runners.datasets.base import Dataset, Item, Sample
from runners.datasets.cache import remember_depth
from runners.datasets.checking import Judge, Problem
from runners.datasets.folders import some
from runners.datasets.layout import needed

__all__ = ["LAYOUT", "NOTE", "SOURCE", "check_diml", "open_diml"]

LAYOUT = "It holds outleft/*.png and depthmap/*.png, itself or in folders such as LR, HR, test/LR, outdoor/test/LR."
SOURCE = "Get the outdoor test data (500 images, in low resolution) from https://dimlrgbd.github.io/."
NOTE = "depth is taken as millimetres, which is in doubt (ZoeDepth issue 96)"
IMAGES = 500

_SIZES = {(384, 640), (1080, 1920)}
_PLACES = ("", "*", "test/*", "outdoor/test/*")


def open_diml(root: Path | None, _variant: str = "stereo-matching") -> Dataset:
    """Return the test images.

    Raises:
        DatasetError: If there are none.
    """
    folder = needed(root, "diml-outdoor", SOURCE)
    return Dataset("diml-outdoor", "outdoor test", some(_items(folder), folder, f"{LAYOUT} {SOURCE}"))


def check_diml(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: counts, sizes, and a middle depth that no street has in millimetres."""
    problems, dataset = checking.opened(lambda: open_diml(root))
    if dataset is None:
        return problems
    unit = f"Its unit is in doubt: read as millimetres this is no street. See ZoeDepth issue 96. {SOURCE}"
    judges: list[Judge] = [checking.sizes(_SIZES, SOURCE), checking.medians(2, 60, unit)]
    return [
        *checking.counted(root, len(dataset), IMAGES, "test images", SOURCE),
        *checking.present(dataset, SOURCE),
        *checking.samples(dataset, judges),
    ]


def _items(folder: Path) -> Iterator[Item]:
    for place in _PLACES:
        for image in sorted(folder.glob(f"{place}/outleft/*.png".lstrip("/"))):
            group = image.parent.parent.relative_to(folder).as_posix().strip(".") or "test"
            depth = image.parent.parent / "depthmap" / image.name.replace("outleft", "depthmap")
            name = f"{group}/{image.stem}"
            yield Item(name, group, partial(_read, name, group, image, depth), NOTE, (image, depth))


def _read(name: str, group: str, image: Path, depth: Path) -> Sample:
    truth, mask = remember_depth(depth, "uint16 mm", lambda: decode.uint16_depth(depth, 0.001))
    return Sample(name, group, decode.read_image(image), truth, mask)
