"""Depth in the Wild, the test part, as its publisher ships it: photographs with one pair of points each.

``DIW_test.csv`` has two lines an image: its path (``./DIW_test/<hash>.thumb``), then
``yA,xA,yB,xB,relation,width,height`` with coordinates counted from 1 and the row first; ``>`` says that the first point
is farther (``princeton-vl/relative_depth`` e26f3d3, ``test_model_on_DIW.lua``). That script does not use width and
height; which of them stands first was not verified, so either order is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from runners.datasets import checking, decode, folders
from runners.datasets.base import Annotations, Dataset, DatasetError, Item, PointPairs, Sample, SampleError
from runners.datasets.checking import Problem
from runners.datasets.layout import needed
from runners.datasets.lists import lines

__all__ = ["LAYOUT", "SOURCE", "check_diw", "open_diw"]

LIST = "DIW_test.csv"
SOURCE = (
    "Get DIW_test.tar.gz from http://www-personal.umich.edu/~wfchen/depth-in-the-wild/ and "
    "https://vl-lab.eecs.umich.edu/data/nips2016/DIW_Annotations_splitted.tar.gz, and unpack both into one folder."
)
LAYOUT = "DIW_test.csv and DIW_test/*.thumb"

_ADVICE = f"It should hold {LAYOUT}. {SOURCE}"
_PAIRS = 74_441
_FARTHER = {">": True, "<": False}


def open_diw(root: Path | None, _variant: str) -> Dataset:
    """Return every image of the test list.

    Raises:
        DatasetError: If there is no list, or it is not in pairs of lines.
    """
    folder = needed(root, "diw", _ADVICE)
    return Dataset("diw", "DIW_test", folders.some(_items(folder), folder, _ADVICE))


def check_diw(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: list, count, missing images, pairs that do not fit their images."""
    problems, dataset = checking.opened(lambda: open_diw(root, ""))
    if dataset is None:
        return problems
    problems += checking.counted(root / LIST, len(dataset), _PAIRS, "images", SOURCE)
    lacking = {path for path, _ in _pairs_of_lines(root) if not (root / path).is_file()}
    if lacking:
        problems.append(Problem(str(root), f"{len(lacking)} listed images are missing, {min(lacking)} first. {SOURCE}"))
    whole = Dataset("diw", dataset.split, _items(root, lacking))
    return [*problems, *checking.samples(whole, [])]


def _items(folder: Path, lacking: Collection[str] = ()) -> Iterator[Item]:
    for path, row in _pairs_of_lines(folder):
        if path not in lacking:
            name = path.rpartition("/")[2].removesuffix(".thumb")
            yield Item(name, name, partial(_read, folder, name, path, row))


def _pairs_of_lines(folder: Path) -> list[tuple[str, str]]:
    path = folder / LIST
    found = lines(path, SOURCE)
    names, rows = found[0::2], found[1::2]
    if len(names) != len(rows):
        raise DatasetError(
            f"{path}: an odd number of lines ({len(found)}); each image has two, so it was cut. {SOURCE}"
        )
    for number, name in enumerate(names):
        if "," in name:
            raise DatasetError(f"{path}: line {2 * number + 1} should name an image. {SOURCE}")
    return list(zip(names, rows, strict=True))


def _read(folder: Path, name: str, path: str, row: str) -> Sample:
    first, second, farther, sides = _pair(row)
    image = decode.read_image(folders.inside(folder, path))
    size = (image.shape[0], image.shape[1])
    if set(size) != sides:
        raise SampleError(f"{name}: the image is {size[1]}x{size[0]}, and the list has another size: resized? {SOURCE}")
    points = np.array([first, second], dtype=np.int64)
    if (points < 0).any() or (points >= size).any():
        raise SampleError(f"{name}: a point lies outside the image: {row}")
    pairs = PointPairs(points[:1], points[1:], np.array([farther]))
    nothing = np.zeros(size, dtype=np.float32)
    return Sample(name, name, image, nothing, nothing > 0, annotations=Annotations(pairs=pairs))


def _pair(row: str) -> tuple[tuple[int, int], tuple[int, int], bool, set[int]]:
    """Return both points (row, column from 0), whether the first is farther, and the sides of the image."""
    try:
        *coordinates, relation, one, other = row.split(",")
        ya, xa, yb, xb = (int(value) - 1 for value in coordinates)
        return (ya, xa), (yb, xb), _FARTHER[relation.strip()[:1]], {int(one), int(other)}
    except (ValueError, KeyError) as error:
        raise SampleError(f"'{row[:100]}' is not 'yA,xA,yB,xB,> or <,width,height': {error}") from error
