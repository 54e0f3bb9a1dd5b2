"""ScanNet: the 800 validation images that Marigold sampled.

Layout: ``<scene>/color/<frame>.jpg`` and ``<scene>/depth/<frame>.png`` (480x640, 16 bits, millimetres, 0 = none), with
Marigold's list ``scannet_val_sampled_list_800_1.txt``, whose lines name both. Colour is 968x1296 as ScanNet exports it
or of the depth's size as in Marigold's archive; both are taken as they are.

Ids are ``<scene>/<frame>``, groups are scans (``scene0406_02``).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from runners.datasets import checking, decode
from runners.datasets.base import Dataset, DatasetError, Item, Sample
from runners.datasets.cache import remember_depth
from runners.datasets.checking import Problem
from runners.datasets.layout import base_of, find_file, needed, read_lines

__all__ = ["LAYOUT", "LIST", "SOURCE", "check_scannet", "open_scannet"]

LIST = "scannet_val_sampled_list_800_1.txt"
LAYOUT = f"<scene>/color/<frame>.jpg, <scene>/depth/<frame>.png and {LIST}"
SOURCE = (
    "ScanNet's terms need a signed agreement (http://www.scan-net.org); once you have it, its 800 frames are in "
    "Marigold's scannet_val_sampled_800_1.tar "
    "(https://share.phys.ethz.ch/~pf/bingkedata/marigold/evaluation_dataset/scannet), the list in "
    "data_split/scannet_depth of https://github.com/prs-eth/Marigold."
)

_COUNT = 800
_PLACES = (LIST, f"data_split/scannet_depth/{LIST}", f"data_split/scannet/{LIST}")
_BASES = ("", "scannet_val_sampled_800_1", "scannet", "scans")
_DEPTH = (480, 640)
_COLOUR = {_DEPTH, (968, 1296)}


def open_scannet(root: Path | None, variant: str = "raw-sensor") -> Dataset:
    """Return Marigold's sample; the one ground truth is the sensor's.

    Raises:
        DatasetError: If the list is not there or is at fault.
    """
    folder = needed(root, "scannet", SOURCE)
    listing = find_file(folder, _PLACES)
    if listing is None:
        raise DatasetError(f"{folder}: there is no list {LIST} here. {SOURCE}")
    return Dataset("scannet", LIST, [_item(words, listing, folder) for words in read_lines(listing)])


def check_scannet(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: files, count, sizes, units."""
    problems, dataset = checking.opened(lambda: open_scannet(root))
    if dataset is None:
        return problems
    unit = f"Depth is stored in millimetres (value / 1000). {SOURCE}"
    judges = [checking.sizes({_DEPTH}, SOURCE, _COLOUR), checking.medians(0.3, 9, unit)]
    count = checking.counted(root, len(dataset), _COUNT, "images", SOURCE)
    return [*count, *checking.present(dataset, SOURCE), *checking.samples(dataset, judges)]


def _item(words: list[str], listing: Path, folder: Path) -> Item:
    parts = Path(words[0]).parts
    if len(words) < 2 or len(parts) < 3:
        raise DatasetError(
            f"{listing}: '{' '.join(words)}' is no pair of files such as 'scene0406_02/color/000300.jpg'"
        )
    scene, frame = parts[-3], Path(parts[-1]).stem
    base, name = base_of(folder, _BASES, words[1]), f"{scene}/{frame}"
    files = base / words[0], base / words[1]
    return Item(name, scene, partial(_read, name, scene, *files), files=files)


def _read(name: str, scene: str, image: Path, depth: Path) -> Sample:
    truth, mask = remember_depth(depth, "uint16 mm", lambda: decode.uint16_depth(depth, 0.001))
    return Sample(name, scene, decode.read_image(image), truth, mask)
