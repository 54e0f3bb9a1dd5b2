"""TUM RGB-D: sequences as published, or the people in motion that MiDaS is measured on.

Layouts:

* ``rgbd_dataset_freiburg3_walking_xyz/{rgb.txt,depth.txt,rgb/<time>.png,depth/<time>.png}``, one such folder or several
  in one. Depth is 16 bits, metres times **5000**, 0 = none. Colour and depth have time stamps of their own: each
  colour image gets the depth image nearest in time, no farther than 0.02 s, each used once, nearest pairs first, as the
  benchmark's ``associate.py`` does.
* ``TUM/<id>.h5`` with ``gt/img_1`` (RGB in 0..1) and ``gt/gt_depth`` (metres, 0 = none), as prepared for the mannequin
  challenge paper; MiDaS scores its 1815 files.

Ids are ``<sequence>/<time of the colour image>``, or the name of the .h5 file; groups are sequences.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from runners.datasets import checking, decode
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import remember_depth
from runners.datasets.checking import Problem
from runners.datasets.layout import needed, read_lines
from runners.datasets.matlab import hdf5

__all__ = ["LAYOUT", "MAX_DIFFERENCE_S", "SOURCE", "associate", "check_tum", "open_tum"]

MAX_DIFFERENCE_S = 0.02
LAYOUT = "TUM/<id>.h5 (MiDaS's 1815), or <sequence>/{rgb.txt,depth.txt,rgb,depth}"
SOURCE = (
    "Sequences are at https://cvg.cit.tum.de/data/datasets/rgbd-dataset/download; the 1815 .h5 files of people in "
    "motion come with https://github.com/google/mannequinchallenge."
)

_SCALE = 1 / 5000
_SUBSET = 1815
_SIZE = (480, 640)
_CAMERAS: dict[str, Intrinsics] = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
"""Of the colour cameras, as the benchmark's page on file formats gives them."""

Stamped = list[tuple[float, str]]
"""Times in seconds and files, in the order of the list."""


def open_tum(root: Path | None, variant: str = "raw-sensor") -> Dataset:
    """Return the .h5 files if there are any, else every associated pair of the sequences that are there.

    Raises:
        DatasetError: If there is neither, or a list is at fault.
    """
    folder = needed(root, "tum-rgbd", SOURCE)
    if files := sorted([*folder.glob("*.h5"), *folder.glob("TUM/*.h5")]):
        items = [Item(path.stem, path.stem, partial(_read_h5, path)) for path in files]
        return Dataset("tum-rgbd", "people in motion, .h5 files of the mannequin challenge paper", items)
    sequences = _sequences(folder)
    if not sequences:
        raise DatasetError(f"{folder}: neither .h5 files nor a sequence (rgb.txt, depth.txt) is here. {SOURCE}")
    items = [item for sequence in sequences for item in _items(sequence)]
    return Dataset("tum-rgbd", f"all pairs of {', '.join(path.name for path in sequences)}", items)


def check_tum(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: lists, pairs, count of the subset, sizes, the factor 5000."""
    problems, dataset = checking.opened(lambda: open_tum(root))
    if dataset is None:
        return problems
    unit = f"Metres are the stored value / 5000, not / 1000. {SOURCE}"
    judges = [checking.medians(0.3, 9, unit)]
    if sequences := _sequences(root) if not dataset.split.startswith("people") else []:
        return [
            *(problem for sequence in sequences for problem in _check_pairs(sequence)),
            *checking.present(dataset, SOURCE),
            *checking.samples(dataset, [checking.sizes({_SIZE}, SOURCE), *judges]),
        ]
    return [*checking.counted(root, len(dataset), _SUBSET, ".h5 files", SOURCE), *checking.samples(dataset, judges)]


def associate(first: Stamped, second: Stamped, limit_s: float = MAX_DIFFERENCE_S) -> list[tuple[int, int]]:
    """Return pairs of positions nearer in time than a limit, each position used once, nearest pairs first.

    Args:
        first: Times in seconds with files, sorted by time.
        second: Likewise.
        limit_s: Pairs have to be nearer than this.

    Returns:
        Pairs in the order of the first list.
    """
    near = sorted(_candidates([time for time, _ in first], [time for time, _ in second], limit_s))
    taken: dict[int, int] = {}
    used: set[int] = set()
    for _, i, k in near:
        if i not in taken and k not in used:
            taken[i] = k
            used.add(k)
    return sorted(taken.items())


def _candidates(first: list[float], second: list[float], limit_s: float) -> Iterator[tuple[float, int, int]]:
    for i, time in enumerate(first):
        k = bisect_left(second, time - limit_s)
        while k < len(second) and second[k] < time + limit_s:
            if (difference := abs(second[k] - time)) < limit_s:
                yield difference, i, k
            k += 1


def _sequences(folder: Path) -> list[Path]:
    return [path for path in [folder, *sorted(folder.iterdir())] if (path / "rgb.txt").is_file()]


def _stamped(path: Path) -> Stamped:
    try:
        return sorted((float(words[0]), words[1]) for words in read_lines(path))
    except (IndexError, ValueError) as error:
        raise DatasetError(f"{path}: a time stamp and a file were expected on each line ({error}). {SOURCE}") from error


def _items(sequence: Path) -> list[Item]:
    images, depths = _stamped(sequence / "rgb.txt"), _stamped(sequence / "depth.txt")
    camera = next((camera for name, camera in _CAMERAS.items() if name in sequence.name), None)
    items = []
    for i, k in associate(images, depths):
        image, depth = sequence / images[i][1], sequence / depths[k][1]
        name = f"{sequence.name}/{image.stem}"
        read = partial(_read, name, sequence.name, image, depth, camera)
        items.append(Item(name, sequence.name, read, files=(image, depth)))
    return items


def _check_pairs(sequence: Path) -> list[Problem]:
    images, pairs = len(_stamped(sequence / "rgb.txt")), len(_items(sequence))
    if 2 * pairs >= images:
        return []
    text = (
        f"only {pairs} of {images} colour images have a depth image within {MAX_DIFFERENCE_S} s; is depth.txt of this"
    )
    return [Problem(str(sequence), f"{text} sequence? {SOURCE}")]


def _read(name: str, sequence: str, image: Path, depth: Path, camera: Intrinsics | None) -> Sample:
    truth, mask = remember_depth(depth, f"uint16 * {_SCALE}", lambda: decode.uint16_depth(depth, _SCALE))
    return Sample(name, sequence, decode.read_image(image), truth, mask, camera)


def _read_h5(path: Path) -> Sample:
    with hdf5(path) as file:
        image, depth = np.asarray(file["gt/img_1"]), np.asarray(file["gt/gt_depth"], dtype=np.float32)
    if image.shape != (*depth.shape, 3):
        raise SampleError(
            f"{path.name}: gt/img_1 is {image.shape} and gt/gt_depth {depth.shape}; they do not belong together"
        )
    truth = np.where(np.isfinite(depth), depth, np.float32(0))
    return Sample(path.stem, path.stem, decode.array_image(image, path), truth, truth > 0)
