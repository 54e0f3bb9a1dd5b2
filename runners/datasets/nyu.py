"""NYU Depth V2: the 654 test images of the labelled set, from the publisher's file or from either usual packing.

Layouts, tried in this order:

* the publisher's: ``nyu_depth_v2_labeled.mat`` (MATLAB 7.3, so HDF5 with axes reversed: ``images`` (1449, 3, 640, 480)
  uint8, ``depths`` and ``rawDepths`` (1449, 640, 480) float32 metres, 0 = none) and ``splits.mat`` (``testNdxs``, which
  count from 1);
* Marigold's: ``test/<scene>/rgb_0001.png`` and ``depth_0001.png`` (millimetres) with ``filename_list_test.txt``; its
  ``filled_*.png`` hold the raw depth again (github.com/prs-eth/Marigold/issues/114) and are not read;
* BTS's: ``<type of scene>/rgb_00000.jpg`` and ``sync_depth_00000.png`` (millimetres, cut off, not rounded) with
  ``nyudepthv2_test_files_with_gt.txt``. Its numbers count from 0, its images are JPEGs with a black frame.

Ids are the labelled set's index from 1 in all of them (``0001`` to ``1449``); groups are scenes, in BTS's packing only
types of scene. The mask is where the depth is positive; truth is metres.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runners.datasets import checking, decode
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import remember_depth
from runners.datasets.checking import Judge, Problem
from runners.datasets.layout import base_of, find_file, needed, read_lines
from runners.datasets.matlab import hdf5, matlab_strings, variable

__all__ = ["BTS_LIST", "INTRINSICS", "LAYOUT", "MARIGOLD_LIST", "MAT_MD5", "SOURCE", "TEST_IMAGES"]
__all__ += ["check_nyu", "open_nyu"]

TEST_IMAGES = 654
LAYOUT = (
    "nyu_depth_v2_labeled.mat and splits.mat; or BTS's test folder with nyudepthv2_test_files_with_gt.txt; or "
    "Marigold's nyu_labeled_extracted with filename_list_test.txt"
)
SOURCE = (
    "Get nyu_depth_v2_labeled.mat (3.0 GB) and splits.mat from https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html, "
    "or run 'runners fetch nyu-depth-v2'."
)
BTS_LIST = "nyudepthv2_test_files_with_gt.txt"
MARIGOLD_LIST = "filename_list_test.txt"
INTRINSICS: Intrinsics = (518.8579, 519.4696, 325.5824, 253.7362)
"""Of the colour camera, as the toolbox publishes them for a grid that starts at 1."""

MAT_MD5 = "520609c519fba3ba5ac58c8fefcc3530"
"""Of nyu_depth_v2_labeled.mat, as several public loaders pin it; its page gives none."""

_BTS_SHA256 = "e92c191d5835a22589b843c11b80cd7235d5bd0d4136e42a6debcea4511bf906"
"""Of BTS's list, as two public projects pin it."""
_MAT, _SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
_BTS_PLACES = (BTS_LIST, f"train_test_inputs/{BTS_LIST}")
_BTS_SOURCE = f"Get {BTS_LIST} from https://github.com/cleinc/bts/tree/master/train_test_inputs."
_MARIGOLD_PLACES = (
    MARIGOLD_LIST,
    f"data_split/nyu_depth/labeled/{MARIGOLD_LIST}",
    f"data_split/nyu/labeled/{MARIGOLD_LIST}",
)
_SIZE = (480, 640)
_DARK = 16
_FRAME = (slice(7, 474), slice(7, 632))
"""Rows and columns that BTS's JPEGs leave as they are: outside they are black."""


def open_nyu(root: Path | None, variant: str = "raw-sensor") -> Dataset:
    """Return the test split.

    Args:
        root: A folder in one of the layouts above.
        variant: ``raw-sensor`` (holes as the Kinect left them) or ``filled-sensor`` (``depths``, only in the
            publisher's file).

    Raises:
        DatasetError: If none of the layouts is there or its list is at fault.
    """
    folder = needed(root, "nyu-depth-v2", SOURCE)
    if (folder / _MAT).is_file():
        return _labelled(folder, variant)
    if variant != "raw-sensor":
        raise DatasetError(f"{folder}: filled depth is in {_MAT} alone, which is not here. {SOURCE}")
    if path := find_file(folder, _MARIGOLD_PLACES):
        return _packed(folder, path, ("", "nyu_labeled_extracted", "nyuv2"), counts_from=1)
    if path := find_file(folder, _BTS_PLACES):
        return _packed(folder, path, ("", "test", "official_splits/test"), counts_from=0)
    raise DatasetError(
        f"{folder}: neither {_MAT} nor a packing with its list is here (BTS's {BTS_LIST} from "
        f"https://github.com/cleinc/bts/tree/master/train_test_inputs, Marigold's {MARIGOLD_LIST} from data_split/ of "
        f"https://github.com/prs-eth/Marigold). {SOURCE}"
    )


def check_nyu(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: files, counts, sizes, filled instead of raw depth, units, JPEGs re-packed."""
    problems, dataset = checking.opened(lambda: open_nyu(root))
    if dataset is None:
        return problems
    frame = partial(_judge_frame, dataset.split == BTS_LIST)
    judges: list[Judge] = [checking.sizes({_SIZE}, SOURCE), checking.medians(0.7, 9, _UNIT), _judge_holes, frame]
    count = checking.counted(root, len(dataset), TEST_IMAGES, "test images", SOURCE)
    files = [*checking.present(dataset, SOURCE), *_judge_hashes(root, dataset)]
    return [*count, *files, *checking.samples(dataset, judges)]


def _judge_hashes(root: Path, dataset: Dataset) -> list[Problem]:
    """Hold the publisher's file or BTS's list against its known hash."""
    if (root / _MAT).is_file():
        return checking.hashed(root / _MAT, MAT_MD5, SOURCE, "md5")
    listing = find_file(root, _BTS_PLACES) if dataset.split == BTS_LIST else None
    return checking.hashed(listing, _BTS_SHA256, _BTS_SOURCE) if listing else []


_UNIT = f"Depth is stored in millimetres (value / 1000); Metric3D's own PNGs are in 1/6000 m. {SOURCE}"


def _judge_holes(sample: Sample) -> str:
    if not sample.mask.all():
        return ""
    return (
        "the depth has no hole: this is the filled-in 'depths', not the raw depth that protocols score. Take "
        f"'rawDepths'. {SOURCE}"
    )


def _judge_frame(black: bool, sample: Sample) -> str:
    """Tell a black frame (BTS's test JPEGs) from the white one (all others) by the middle value outside it."""
    if sample.image.shape[:2] != _SIZE:
        return ""
    outside = np.ones(_SIZE, dtype=bool)
    outside[_FRAME] = False
    middle = float(np.median(sample.image[outside]))
    if black and middle > _DARK:
        return (
            "the image's frame is not black as in the test images that BTS's "
            "extract_official_train_test_set_from_mat.py writes; those of its training archive (sync.zip) are white. "
            f"{SOURCE}"
        )
    if not black and middle <= _DARK:
        return f"the image's frame is black: re-packed from BTS's JPEGs, whose compression changes scores. {SOURCE}"
    return ""


def _labelled(folder: Path, variant: str) -> Dataset:
    path, splits = folder / _MAT, folder / _SPLITS
    if not splits.is_file():
        raise DatasetError(f"{folder}: there is no {_SPLITS}, which lists the test images. {SOURCE}")
    indices = np.asarray(variable(splits, "testNdxs")).ravel()
    key = "depths" if variant == "filled-sensor" else "rawDepths"
    try:
        with hdf5(path) as file:
            scenes, count = matlab_strings(file, "scenes"), len(file[key])
    except SampleError as error:
        raise DatasetError(f"{folder}: {error}. {SOURCE}") from error
    if len(indices) == 0 or indices.min() < 1 or indices.max() > min(count, len(scenes)):
        raise DatasetError(f"{splits}: its test images are not within the {count} of {_MAT} (they count from 1)")
    items = [
        Item(f"{i:04d}", scenes[i - 1], partial(_read_labelled, path, key, i, scenes[i - 1])) for i in map(int, indices)
    ]
    return Dataset("nyu-depth-v2", f"official test split (testNdxs of {_SPLITS}), {key} of {_MAT}", items)


def _read_labelled(path: Path, key: str, index: int, scene: str) -> Sample:
    def decoded() -> decode.Depth:
        with hdf5(path) as file:
            return np.ascontiguousarray(file[key][index - 1].T, dtype=np.float32)

    with hdf5(path) as file:
        image: npt.NDArray[np.uint8] = np.ascontiguousarray(file["images"][index - 1].transpose(2, 1, 0))
    truth, mask = remember_depth(path, f"{key} {index}", decoded)
    return Sample(f"{index:04d}", scene, image, truth, mask, INTRINSICS)


def _packed(folder: Path, listing: Path, bases: tuple[str, ...], counts_from: int) -> Dataset:
    """Return a packing whose list has image and depth first on each line."""
    lines = read_lines(listing)
    items = [_packed_item(words, listing, folder, bases, counts_from) for words in lines]
    return Dataset("nyu-depth-v2", listing.name, items)


def _packed_item(words: list[str], listing: Path, folder: Path, bases: tuple[str, ...], counts_from: int) -> Item:
    number = re.search(r"rgb_(\d+)\.\w+$", words[0])
    if len(words) < 2 or number is None:
        raise DatasetError(f"{listing}: '{' '.join(words)}' is no pair of files such as 'kitchen/rgb_00000.jpg ...'")
    image, depth = (word.lstrip("/") for word in words[:2])
    base = base_of(folder, bases, depth)
    index, scene = int(number[1]) + 1 - counts_from, Path(image).parent.name
    name = f"{index:04d}"
    files = base / image, base / depth
    return Item(name, scene, partial(_read_packed, name, scene, *files), files=files)


def _read_packed(name: str, scene: str, image: Path, depth: Path) -> Sample:
    truth, mask = remember_depth(depth, "uint16 mm", lambda: decode.uint16_depth(depth, 0.001))
    return Sample(name, scene, decode.read_image(image), truth, mask, INTRINSICS)
