"""DIODE's validation images, indoors and outdoors, as their publisher ships them.

``val/{indoors,outdoor}/scene_00021/scan_00189/00021_00189_indoors_200_010{.png,_depth.npy,_depth_mask.npy}``: depth in
metres, float32 (768, 1024, 1); a mask of the same size, 1 = valid. Facts: ``diode-dataset/diode-devkit`` 8b1765b.

The arrays are not compressed, so nothing is gained by keeping them decoded a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runners.datasets import checking, decode, folders
from runners.datasets.base import Dataset, Intrinsics, Item, Sample, SampleError
from runners.datasets.checking import Problem
from runners.datasets.layout import needed

__all__ = ["LAYOUT", "SOURCE", "check_diode", "check_indoor", "check_outdoor", "open_diode", "open_indoor"]
__all__ += ["open_outdoor"]

SOURCE = "Get val.tar.gz (2.6 GB) from http://diode-dataset.s3.amazonaws.com/val.tar.gz and unpack it."
LAYOUT = "val/indoors and val/outdoor, in each scene_*/scan_*/*.png with *_depth.npy and *_depth_mask.npy"

_ADVICE = f"It should hold {LAYOUT}. {SOURCE}"
_CAMERA: Intrinsics = (886.81, 927.06, 512.0, 384.0)
_COUNTS = {"indoors": 325, "outdoor": 446}
_SIZE = (768, 1024)
_MD5 = "5c895d09201b88973c8fe4552a67dd85"
_DEPTH, _MASK, _IMAGE = "_depth.npy", "_depth_mask.npy", ".png"
_PLAUSIBLE_M = (0.3, 300.0)
"""Between which the middle depth of an image lies; the scanner reaches from 0.6 to 350 m."""


def open_diode(root: Path | None, _variant: str) -> Dataset:
    """Return all 771 validation images.

    Raises:
        DatasetError: If the folder holds none.
    """
    return _open(root, "diode", "validation, indoors and outdoor", tuple(_COUNTS))


def open_indoor(root: Path | None, _variant: str) -> Dataset:
    """Return the 325 indoor ones; errors as :func:`open_diode`."""
    return _open(root, "diode-indoor", "validation, indoors", ("indoors",))


def open_outdoor(root: Path | None, _variant: str) -> Dataset:
    """Return the 446 outdoor ones; errors as :func:`open_diode`."""
    return _open(root, "diode-outdoor", "validation, outdoor", ("outdoor",))


def check_diode(root: Path) -> list[Problem]:
    """Return what is wrong with both parts; the archive beside them is looked at, too, if it was kept."""
    archive = root / "val.tar.gz"
    kept = checking.hashed(archive, _MD5, SOURCE, "md5") if archive.is_file() else []
    return [*kept, *_check(root, ("indoors", "outdoor"))]


def check_indoor(root: Path) -> list[Problem]:
    """Return what is wrong with the indoor part."""
    return _check(root, ("indoors",))


def check_outdoor(root: Path) -> list[Problem]:
    """Return what is wrong with the outdoor part."""
    return _check(root, ("outdoor",))


def _open(root: Path | None, dataset_id: str, split: str, parts: tuple[str, ...]) -> Dataset:
    folder = needed(root, dataset_id, _ADVICE)
    items = folders.some((item for part in parts for item in _items(folder, part)), folder, _ADVICE)
    return Dataset(dataset_id, split, items)


def _part(root: Path, part: str) -> Path:
    return root / "val" / part if (root / "val").is_dir() else root / part


def _items(root: Path, part: str) -> Iterator[Item]:
    """Yield whatever has an image or a depth map: what lacks the other is a skip with its reason."""
    scans = _part(root, part)
    for end in (_IMAGE, _DEPTH):
        for path in scans.glob(f"scene_*/scan_*/*{end}"):
            stem = path.with_name(path.name.removesuffix(end))
            if end == _IMAGE or not _beside(stem, _IMAGE).is_file():
                group = f"{part}/{path.parents[1].name}"
                yield Item(stem.name, group, partial(_read, stem, group))


def _beside(stem: Path, end: str) -> Path:
    return stem.with_name(stem.name + end)


def _read(stem: Path, group: str) -> Sample:
    image = decode.read_image(_beside(stem, _IMAGE))
    size = (image.shape[0], image.shape[1])
    truth = _plane(_beside(stem, _DEPTH), size).astype(np.float32)
    mask = _plane(_beside(stem, _MASK), size).astype(bool)
    return Sample(stem.name, group, image, truth, mask, _CAMERA if size == _SIZE else None)


def _plane(path: Path, size: tuple[int, int]) -> npt.NDArray[np.generic]:
    """Return an array as it is stored, since protocols without a mask score what stands at masked pixels, too."""
    with decode.reading(path):
        values = np.load(path, allow_pickle=False)
    if values.shape not in (size, (*size, 1)) or not np.issubdtype(values.dtype, np.number):
        raise SampleError(f"{path.name}: numbers of the image's size {size} were expected, not {values.shape}")
    plane: npt.NDArray[np.generic] = values.reshape(size)
    return plane


def _check(root: Path, parts: tuple[str, ...]) -> list[Problem]:
    folders_of = {part: _part(root, part) for part in parts}
    absent = [name for name, folder in folders_of.items() if not folder.is_dir()]
    if absent:
        return [Problem(str(root), f"there is no 'val/{name}' here. {SOURCE}") for name in absent]
    return [problem for part, folder in folders_of.items() for problem in _check_part(folder, part, root)]


def _check_part(folder: Path, part: str, root: Path) -> list[Problem]:
    stems = {end: set(_stems(folder, end)) for end in (_IMAGE, _DEPTH, _MASK)}
    problems = checking.counted(folder, len(stems[_IMAGE]), _COUNTS[part], "images (.png)", SOURCE)
    problems += _lacking(folder, stems[_IMAGE] - stems[_DEPTH], "depth maps (_depth.npy)", SOURCE)
    problems += _lacking(folder, stems[_IMAGE] - stems[_MASK], "masks (_depth_mask.npy)", _NO_MASK)
    whole = stems[_IMAGE] & stems[_DEPTH] & stems[_MASK]
    dataset = Dataset(part, part, (item for item in _items(root, part) if item.id in whole))
    judges = [checking.sizes({_SIZE}, SOURCE), checking.medians(*_PLAUSIBLE_M, _UNIT), _mask_of_all]
    return problems + checking.samples(dataset, judges) + _zeroed(folder, dataset)


_NO_MASK = (
    "Without them nobody knows which pixels were measured, and depth at object edges is wrong by metres. Converted "
    f"copies often lack them. {SOURCE}"
)
_UNIT = f"DIODE's files hold metres; zeroed maps or millimetres come from conversions. {SOURCE}"


def _stems(folder: Path, end: str) -> Iterator[str]:
    return (path.name.removesuffix(end) for path in folder.glob(f"scene_*/scan_*/*{end}"))


def _lacking(folder: Path, stems: set[str], what: str, advice: str) -> list[Problem]:
    if not stems:
        return []
    return [Problem(str(folder), f"{len(stems)} images lack their {what}, {min(stems)} first. {advice}")]


def _mask_of_all(sample: Sample) -> str:
    """Judge whether the mask says anything: made-up masks are 1 everywhere, also where nothing was measured."""
    if sample.mask.all() and bool((sample.truth <= 0).any()):
        return f"the mask calls every pixel valid, pixels without depth among them: it was made up. {SOURCE}"
    return ""


def _zeroed(folder: Path, dataset: Dataset) -> list[Problem]:
    """Return a problem if no image keeps depth where the mask is 0, as the published files do in many places."""
    kept = [_under_mask(dataset, name) for name in checking.spread(dataset.ids)]
    known = [value for value in kept if value is not None]
    if not known or any(known):
        return []
    text = (
        "depth is 0 wherever the mask is: the maps were multiplied by their masks. Protocols that ignore the mask "
        f"(ZoeDepth's) cannot be scored on them. {SOURCE}"
    )
    return [Problem(str(folder), text)]


def _under_mask(dataset: Dataset, name: str) -> bool | None:
    """Return whether an image has depth under its mask; None where that cannot be told."""
    try:
        sample = dataset.read(name)
    except SampleError:
        return None
    return None if sample.mask.all() else bool((sample.truth[~sample.mask] != 0).any())
