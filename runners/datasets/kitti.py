"""KITTI, Eigen's test split: the raw drives with their scanner, the annotated depth, and its selection.

Layout, each part below the root itself or below one of the folders in brackets:

* raw drives [``raw``, ``kitti_raw``, ``rgb``, ``input``]: ``2011_09_26/2011_09_26_drive_0002_sync/`` with
  ``image_02/data/0000000069.png`` and ``velodyne_points/data/0000000069.bin``, and
  ``2011_09_26/calib_cam_to_cam.txt``, ``calib_velo_to_cam.txt``;
* annotated depth [``data_depth_annotated``, ``gt_depth``, ``gts``, ``depth``]:
  ``{train,val}/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png``. Lists of the BTS kind leave
  ``train`` or ``val`` out, and packings with such a list may do so, too: all three places are looked at;
* selection: ``depth_selection/val_selection_cropped/{image,groundtruth_depth,intrinsics}``, or that folder itself;
* lists: ``splits/eigen/test_files.txt`` and ``splits/eigen_benchmark/test_files.txt`` as Monodepth2 has them, or
  ``eigen_test_files_with_gt.txt`` as BTS, ZoeDepth and Marigold have it (697 lines, 45 of which say ``None``); without
  one the list that comes with the package (``lists/kitti-eigen.txt``, the same frames).

Ground truths: ``annotated-lidar`` (16-bit PNG, metres times 256, 0 = none), ``raw-lidar`` (one sweep, and what is
stored is the scanner's forward coordinate: :func:`runners.datasets.lidar.forward_depth`), and ``annotated-selection``
(the 1000 cropped images of the benchmark's own validation).

Ids are ``<drive>/<frame>`` in all of them; groups are drives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from runners.datasets import checking, decode, lidar
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import Truth, remember, remember_depth
from runners.datasets.checking import Judge, Problem
from runners.datasets.folders import some
from runners.datasets.layout import find_file, needed, read_lines

__all__ = ["LAYOUT", "SOURCE", "VARIANTS", "check_kitti", "open_kitti"]

VARIANTS = ("annotated-lidar", "raw-lidar", "annotated-selection")
"""The ground truths, the usual one first."""

LAYOUT = (
    "It holds the raw drives (2011_09_26/2011_09_26_drive_0002_sync/...) and train/ and val/ of the annotated depth; a "
    "list of test frames beside them is taken instead of the one that comes with Fathom."
)
SOURCE = (
    "Get the raw drives from https://www.cvlibs.net/datasets/kitti/raw_data.php (with a login) and the annotated depth "
    "from https://s3.eu-central-1.amazonaws.com/avg-kitti/data_depth_annotated.zip (14 GB)."
)
COUNTS = {"annotated-lidar": 652, "raw-lidar": 697, "annotated-selection": 1000}

_EIGEN = Path(__file__).parent / "lists" / "kitti-eigen.txt"
_LISTS_SOURCE = "Remove the file, and the list that comes with Fathom is taken."
_SELECTION_SOURCE = "Get https://s3.eu-central-1.amazonaws.com/avg-kitti/data_depth_selection.zip (2 GB)."
_PAIRED = tuple(
    f"{folder}{name}"
    for folder in ("", "data_split/kitti_depth/", "data_split/kitti/", "train_test_inputs/", "splits/")
    for name in ("eigen_test_files_with_gt.txt", "kitti_eigen_test_files_with_gt.txt")
)
_LISTS = {
    "annotated-lidar": ("splits/eigen_benchmark/test_files.txt", "eigen_benchmark/test_files.txt", *_PAIRED),
    "raw-lidar": ("splits/eigen/test_files.txt", "eigen/test_files.txt", *_PAIRED),
}
_RAW = ("", "raw", "kitti_raw", "rgb", "input")
_ANNOTATED = tuple(
    f"{base}/{part}".strip("/")
    for base in ("", "data_depth_annotated", "gt_depth", "gts", "depth")
    for part in ("train", "val", "")
)
_DRIVE = re.compile(r"\d{4}_\d\d_\d\d_drive_\d{4}_sync")
_SIZES = {(375, 1242), (370, 1224), (370, 1226), (376, 1241), (374, 1238)}
"""Rows and columns of the rectified images of the five recording days."""


@dataclass(frozen=True)
class _Frame:
    """A frame of a drive, as a list names it."""

    drive: str
    number: str

    @property
    def id(self) -> str:
        return f"{self.drive}/{self.number}"

    @property
    def day(self) -> str:
        return self.drive[:10]


def open_kitti(root: Path | None, variant: str = "annotated-lidar") -> Dataset:
    """Return the test split.

    Args:
        root: A folder in the layout above.
        variant: One of ``VARIANTS``.

    Raises:
        DatasetError: If a list names no frames, or the part that it is of is not there.
    """
    folder = needed(root, "kitti", SOURCE)
    if variant == "annotated-selection":
        return _selection(folder)
    listing = find_file(folder, _LISTS[variant])
    frames = _published(variant) if listing is None else _listed(listing, variant)
    split = "Eigen test split" if listing is None else str(listing.relative_to(folder))
    base = _base(folder, _RAW, "????_??_??", f"no raw drives (such as 2011_09_26) are here. {SOURCE}")
    item = partial(_raw_item, base) if variant == "raw-lidar" else partial(_annotated_item, base, _depths(folder))
    return Dataset("kitti", split, some(map(item, frames), folder, LAYOUT))


def check_kitti(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: lists, counts, sizes, units, JPEG copies, a sweep instead of its sum."""
    problems: list[Problem] = []
    found = False
    for variant in _present(root):
        faults, dataset = checking.opened(partial(open_kitti, root, variant))
        problems += faults
        if dataset is not None:
            found = True
            problems += _judged(root, dataset, variant)
    return problems if found or problems else [Problem(str(root), f"holds no part of KITTI. {LAYOUT} {SOURCE}")]


def _present(root: Path) -> list[str]:
    """Return which ground truths a folder seems to be meant for.

    The raw drives always come with their sweeps: they are meant where their list is there, or nothing else.
    """
    raw = any(next(root.glob(f"{base}/????_??_??/*/velodyne_points".lstrip("/")), None) for base in _RAW)
    annotated = any(next(root.glob(f"{base}/*_sync/proj_depth".lstrip("/")), None) for base in _ANNOTATED)
    raw = raw and (not annotated or find_file(root, _LISTS["raw-lidar"]) is not None)
    selection = _selection_folder(root) is not None
    present = [name for name, here in zip(VARIANTS, (annotated, raw, selection), strict=True) if here]
    return present or ["annotated-lidar"]


def _judged(root: Path, dataset: Dataset, variant: str) -> list[Problem]:
    advice = _SELECTION_SOURCE if variant == "annotated-selection" else SOURCE
    sizes = {(352, 1216)} if variant == "annotated-selection" else _SIZES
    unit = f"Annotated depth is stored in 1/256 m (value / 256). {advice}"
    judges: list[Judge] = [checking.sizes(sizes, advice), checking.medians(3, 40, unit)]
    judges += [_judge_sweep] if variant != "raw-lidar" else []
    copies = [Problem(name, note) for name, note in dataset.notes.items() if "JPEG" in note][:1]
    what = f"images with {variant}"
    return [
        *checking.counted(root, len(dataset), COUNTS[variant], what, advice),
        *copies,
        *checking.present(dataset, advice),
        *checking.samples(dataset, judges),
    ]


def _judge_sweep(sample: Sample) -> str:
    """Tell annotated depth (eleven sweeps, 15 to 30 % of the pixels) from a single sweep (about 4 %)."""
    share = float(sample.mask.mean())
    if 0.08 <= share <= 0.5:
        return ""
    if share > 0.5:
        return f"more than half of the pixels have depth: this was filled in, or predicted. {SOURCE}"
    return f"fewer than 8 % of the pixels have depth: these are raw sweeps, not the annotated depth. {SOURCE}"


# --- frames -----------------------------------------------------------------------------------------------


def _published(variant: str) -> list[_Frame]:
    """Return the frames of the list that comes with the package; those marked with "-" have no annotated depth."""
    marked = ((drive, number) for drive, *numbers in read_lines(_EIGEN) for number in numbers)
    wanted = (pair for pair in marked if variant == "raw-lidar" or not pair[1].endswith("-"))
    return [_Frame(drive, f"{int(number.rstrip('-')):010d}") for drive, number in wanted]


def _listed(listing: Path, variant: str) -> list[_Frame]:
    lines = read_lines(listing)
    return [_frame(words, listing) for words in lines if variant == "raw-lidar" or "None" not in words[1:2]]


def _frame(words: list[str], listing: Path) -> _Frame:
    """Return the frame of a line: ``<day>/<drive> <frame> l``, or ``<image> <depth or None> <focal length>``."""
    drive = _DRIVE.search(words[0])
    number = Path(words[0]).stem if words[0].endswith((".png", ".jpg")) else (words[1] if len(words) > 1 else "")
    if drive is None or not number.isdecimal():
        raise DatasetError(f"{listing}: '{' '.join(words)}' names no frame of a drive. {_LISTS_SOURCE}")
    return _Frame(drive[0], f"{int(number):010d}")


def _base(folder: Path, names: tuple[str, ...], pattern: str, fault: str) -> Path:
    for name in names:
        if next((folder / name).glob(pattern), None):
            return folder / name
    raise DatasetError(f"{folder}: {fault}")


def _depths(folder: Path) -> list[Path]:
    found = [base for name in _ANNOTATED if next((base := folder / name).glob("*_sync/proj_depth"), None)]
    if not found:
        raise DatasetError(f"{folder}: no annotated depth (such as val/<drive>/proj_depth) is here. {SOURCE}")
    return found


def _image(base: Path, frame: _Frame) -> tuple[Path, str]:
    """Return the left colour image of a frame, and what is to be said of it."""
    path = base / frame.day / frame.drive / "image_02" / "data" / f"{frame.number}.png"
    copy = path.with_suffix(".jpg")
    if path.is_file() or not copy.is_file():
        return path, ""
    return copy, "the image is a JPEG copy of the publisher's PNG, as Monodepth2's instructions make them"


def _sweep(base: Path, frame: _Frame) -> Path:
    return base / frame.day / frame.drive / "velodyne_points" / "data" / f"{frame.number}.bin"


def _raw_item(base: Path, frame: _Frame) -> Item:
    image, note = _image(base, frame)
    return Item(frame.id, frame.drive, partial(_read_raw, base, frame, image), note, (image, _sweep(base, frame)))


def _annotated_item(base: Path, depths: list[Path], frame: _Frame) -> Item:
    image, note = _image(base, frame)
    name = f"{frame.drive}/proj_depth/groundtruth/image_02/{frame.number}.png"
    places = [depth / name for depth in depths]
    depth = next((path for path in places if path.is_file()), places[0])
    return Item(frame.id, frame.drive, partial(_read_annotated, base, frame, image, depth), note, (image, depth))


def _read_raw(base: Path, frame: _Frame, image: Path) -> Sample:
    day, points = base / frame.day, _sweep(base, frame)
    calibration = _day(day)
    files = [points, day / "calib_cam_to_cam.txt", day / "calib_velo_to_cam.txt"]

    def decoded() -> Truth:
        xyz = lidar.read_floats(points, 4)[:, :3]
        depth = lidar.forward_depth(xyz, calibration.projection, calibration.size)
        return depth, depth > 0

    truth, mask = remember(files, "kitti raw-lidar", decoded)
    return Sample(frame.id, frame.drive, decode.read_image(image), truth, mask, calibration.intrinsics)


def _read_annotated(base: Path, frame: _Frame, image: Path, depth: Path) -> Sample:
    truth, mask = _annotated(depth)
    return Sample(frame.id, frame.drive, decode.read_image(image), truth, mask, _intrinsics(base / frame.day))


def _annotated(path: Path) -> Truth:
    """Return annotated depth: 16 bits, metres times 256. 65535 is 256 m: no scanner gave it, so it is no depth."""
    return remember_depth(path, "uint16 / 256", lambda: decode.uint16_depth(path, 1 / 256))


@lru_cache(maxsize=8)
def _day(day: Path) -> lidar.ScannerCalibration:
    return lidar.drive_calibration(day)


def _intrinsics(day: Path) -> Intrinsics | None:
    """Return those of a day's camera, None where the calibration did not come with the annotated depth."""
    try:
        return _day(day).intrinsics
    except SampleError:
        return None


# --- the selection ----------------------------------------------------------------------------------------

_SELECTED = re.compile(r"(?P<drive>\d{4}_\d\d_\d\d_drive_\d{4}_sync)_image_(?P<number>\d{10})_image_(?P<camera>0[23])")


def _selection_folder(folder: Path) -> Path | None:
    names = ("depth_selection/val_selection_cropped", "val_selection_cropped", "")
    return next((base for name in names if ((base := folder / name) / "groundtruth_depth").is_dir()), None)


def _selection(folder: Path) -> Dataset:
    base = _selection_folder(folder)
    if base is None:
        raise DatasetError(f"{folder}: depth_selection/val_selection_cropped is not here. {_SELECTION_SOURCE}")
    return Dataset("kitti", base.name, some(_selected(base), base, _SELECTION_SOURCE))


def _selected(base: Path) -> Iterator[Item]:
    for image in sorted((base / "image").glob("*.png")):
        if match := _SELECTED.fullmatch(image.stem):
            name = f"{match['drive']}/{match['number']}" + ("" if match["camera"] == "02" else "-right")
            yield Item(name, match["drive"], partial(_read_selected, base, image, match["drive"], name))


def _read_selected(base: Path, image: Path, drive: str, name: str) -> Sample:
    depth = image.stem.replace("_sync_image_", "_sync_groundtruth_depth_")
    truth, mask = _annotated(base / "groundtruth_depth" / f"{depth}.png")
    camera = base / "intrinsics" / f"{image.stem}.txt"
    return Sample(name, drive, decode.read_image(image), truth, mask, _matrix(camera))


def _matrix(path: Path) -> Intrinsics:
    with decode.reading(path):
        matrix = np.loadtxt(path).reshape(3, 3)
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])
