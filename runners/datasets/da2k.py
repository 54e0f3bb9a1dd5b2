"""DA-2K, as its publisher ships it: photographs of eight kinds of scenes with pairs of points.

``annotations.json`` maps an image's path to its pairs, ``{"point1": [row, column], "point2": [...], "closer_point":
"point1"}``, counted from 0 in the original image; the kind of scene is a folder of the path (``DepthAnything/
Depth-Anything-V2`` a561b84, ``DA-2K.md``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from runners.datasets import checking, decode, folders
from runners.datasets.base import Annotations, Dataset, DatasetError, Item, PointPairs, Sample, SampleError
from runners.datasets.checking import Problem
from runners.datasets.layout import needed
from sitegen.reading import Reader

__all__ = ["LAYOUT", "SOURCE", "check_da2k", "open_da2k"]

LIST = "annotations.json"
SOURCE = "Get DA-2K.zip (681 MB) from https://huggingface.co/datasets/depth-anything/DA-2K and unpack it."
LAYOUT = "annotations.json and the images that it names (images/<scene>/*)"

_ADVICE = f"It should hold {LAYOUT}. {SOURCE}"
_CLOSER = ("point1", "point2")
_LEAST_IMAGES, _LEAST_PAIRS = 900, 1900
"""Its paper says about 1,000 images and 2,000 pairs; the exact counts were not read."""


def open_da2k(root: Path | None, _variant: str) -> Dataset:
    """Return every image of the annotations; the group of an image is its kind of scene.

    Raises:
        DatasetError: If there are no annotations, or they are not in that form.
    """
    folder = needed(root, "da-2k", _ADVICE)
    return Dataset("da-2k", "annotations.json, all pairs", folders.some(_items(folder), folder, _ADVICE))


def check_da2k(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: annotations, counts, kinds of scenes, missing images, points outside."""
    problems, dataset = checking.opened(lambda: open_da2k(root, ""))
    if dataset is None:
        return problems
    listed = _annotations(root)
    problems += _few(root, len(listed), _LEAST_IMAGES, "images")
    problems += _few(root, sum(map(len, listed.values())), _LEAST_PAIRS, "pairs")
    lacking = {name for name in listed if not _is_there(root, name)}
    if lacking:
        problems.append(Problem(str(root), f"{len(lacking)} listed images are missing, {min(lacking)} first. {SOURCE}"))
    whole = Dataset("da-2k", dataset.split, (item for item in _items(root) if item.id not in lacking))
    return [*problems, *_order(root, listed), *checking.samples(whole, [])]


def _annotations(folder: Path) -> dict[str, list[Any]]:
    path = folder / LIST
    if not path.is_file():
        raise DatasetError(f"{folder}: there is no '{LIST}' here. {SOURCE}")
    reader = Reader(folder)
    content = reader.json(path)
    if reader.findings:
        raise DatasetError(reader.sentences())
    if not isinstance(content, dict) or not all(isinstance(pairs, list) for pairs in content.values()):
        raise DatasetError(f"{path}: an object with a list of pairs for each image was expected. {SOURCE}")
    return content


def _items(folder: Path) -> Iterator[Item]:
    from runners.ordinal import da2k_scene  # torch comes with it, which listing data sets should not wait for

    for name, pairs in _annotations(folder).items():
        try:
            scene = da2k_scene(name)
        except ValueError as error:
            raise DatasetError(f"{folder / LIST}: {error}. {SOURCE}") from error
        yield Item(name, scene, partial(_read, folder, name, scene, pairs))


def _image_path(folder: Path, name: str) -> Path:
    """Return where a listed image lies; a path that begins with the folder's own name is taken from beside it."""
    path = folders.inside(folder, name)
    parts = PurePosixPath(name).parts
    return path if path.is_file() or len(parts) < 2 else folders.inside(folder, str(PurePosixPath(*parts[1:])))


def _is_there(folder: Path, name: str) -> bool:
    try:
        return _image_path(folder, name).is_file()
    except SampleError:
        return False


def _read(folder: Path, name: str, scene: str, pairs: list[Any]) -> Sample:
    found = _pairs(pairs, name)
    image = decode.read_image(_image_path(folder, name))
    size = (image.shape[0], image.shape[1])
    points = np.concatenate([found.first, found.second])
    if (points < 0).any() or (points >= size).any():
        raise SampleError(f"{name}: a point lies outside the image of {size[1]}x{size[0]}: resized? {SOURCE}")
    nothing = np.zeros(size, dtype=np.float32)
    return Sample(name, scene, image, nothing, nothing > 0, annotations=Annotations(pairs=found))


def _pairs(pairs: list[Any], name: str) -> PointPairs:
    try:
        closer = [_CLOSER.index(pair["closer_point"]) for pair in pairs]
        first, second = (np.array([pair[key] for pair in pairs], dtype=np.int64).reshape(-1, 2) for key in _CLOSER)
    except (KeyError, TypeError, ValueError) as error:
        raise SampleError(f"{name}: a pair is not {{point1, point2, closer_point}}: {error}") from error
    return PointPairs(first, second, np.array(closer, dtype=np.int64) == 1)


def _second_is_closer(pair: Any) -> bool:
    return isinstance(pair, dict) and pair.get("closer_point") == "point2"


def _few(root: Path, found: int, least: int, what: str) -> list[Problem]:
    if found >= least:
        return []
    return [Problem(str(root / LIST), f"{found} {what} are listed; the paper has at least {least}. {SOURCE}")]


def _order(root: Path, listed: dict[str, list[Any]]) -> list[Problem]:
    """Return a problem where point1 is not always the closer one, as the publisher says it is."""
    other = [name for name, pairs in listed.items() if any(_second_is_closer(pair) for pair in pairs)]
    if not other:
        return []
    text = f"in {len(other)} images, {other[0]} first, point1 is not the closer point: not the published file. {SOURCE}"
    return [Problem(str(root / LIST), text)]
