"""Manifests: a JSON list of image and depth files, for your own RGB-D images.

Paths are relative to the manifest and may not leave its folder. A fault in the list itself is an error, all of them at
once; a file that turns out to be unreadable, and an entry that says itself that it cannot be scored, are skipped with a
reason that the record keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from runners.crop import WINDOWS, CropError, window
from runners.datasets import decode, lidar
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import Mask, Truth, remember
from runners.datasets.folders import inside
from sitegen.reading import Reader
from sitegen.store import explain

__all__ = ["ENCODINGS", "Entry", "open_manifest", "read_entries", "select"]

Encoding = Literal[
    "png16",
    "pgm16",
    "png16_sun_rotate3",
    "pgm16_byteswapped_kinect_disparity",
    "npy_m",
    "disparity_png8",
    "disparity_png8_palette",
    "disparity_npz",
    "kitti_velodyne",
    "nuscenes_lidar",
    "dgp_scene",
]
Positive = Annotated[float, Field(gt=0)]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=500)]
SampleId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+=-]{0,199}$")]


class Entry(BaseModel):
    """One entry of a manifest.

    A stored value times ``scale`` is metres (or pixels of disparity); ``K`` is [fx, fy, cx, cy] of the image.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    id: SampleId
    encoding: Encoding
    rgb: FilePath | None = None
    depth: FilePath | None = None
    scale: Positive | None = None
    K: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    group: SampleId | None = None
    """Scene or sequence; what stands before the id's last slash where it is not given."""
    split: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] | None = None
    crop: Literal["eigen_nyu", "eigen_kitti", "garg"] | None = None
    """Window that the entry asks to score, on the full image; part of the sample's region."""
    max_m: Positive | None = None
    """Depth below which the entry asks to score; part of the sample's region."""
    depth_size: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    """[width, height] of the depth map where it differs from the image's."""
    registered: bool | Literal["roughly"] = True
    metric: bool = True
    filled: bool = False
    synthetic: bool = False
    calib: FilePath | None = None
    camera: str | None = None
    scene: FilePath | None = None
    focal_px: Positive | None = None
    baseline_m: Positive | None = None
    doffs_px: float = 0.0
    prediction: FilePath | None = None
    """A published prediction for this image; not used here."""

    @property
    def group_id(self) -> str:
        """Return the group, or what the id says about it."""
        return self.group or self.id.rpartition("/")[0] or self.id


_REQUIRED: dict[Encoding, tuple[str, ...]] = {
    "png16": ("rgb", "depth", "scale"),
    "pgm16": ("rgb", "depth", "scale"),
    "png16_sun_rotate3": ("rgb", "depth", "scale"),
    "pgm16_byteswapped_kinect_disparity": ("rgb", "depth"),
    "npy_m": ("rgb", "depth"),
    "disparity_png8": ("rgb", "depth", "scale"),
    "disparity_png8_palette": ("rgb", "depth", "scale"),
    "disparity_npz": ("rgb", "depth"),
    "kitti_velodyne": ("rgb", "depth", "calib"),
    "nuscenes_lidar": ("rgb", "depth", "calib", "camera"),
    "dgp_scene": ("scene",),
}

ENCODINGS: tuple[str, ...] = tuple(_REQUIRED)
"""Every storage format that an entry may name."""

_DEPTH_FIELDS = {"encoding", "scale", "camera", "focal_px", "baseline_m", "doffs_px"}
"""What the depth depends on besides the files."""

_FILE_FIELDS = ("rgb", "depth", "calib", "scene", "prediction")
_TOP_LEVEL = {"note", "samples"}


def open_manifest(
    path: Path, dataset_id: str, split: str = "manifest", keep: Callable[[Entry], bool] = lambda _: True
) -> Dataset:
    """Return the samples that a manifest lists.

    Args:
        path: The manifest.
        dataset_id: What to call the data set.
        split: What to call the list.
        keep: Which entries belong to it.

    Raises:
        DatasetError: If the manifest is at fault: one line a fault, with file, entry and field.
    """
    items = [item for entry, items in _listed(path) if keep(entry) for item in items]
    if not items:
        raise DatasetError(f"{path}: lists no sample for '{dataset_id}', split '{split}'")
    return Dataset(dataset_id, split, items)


def select(path: Path, dataset_id: str, only: Sequence[str] = ()) -> Dataset:
    """Return samples of a manifest as images of a data set that has another name.

    Args:
        path: The manifest.
        dataset_id: What the images are of.
        only: Shell patterns; the samples whose id matches one of them are taken (``*`` matches a slash too), all when
            empty.

    Returns:
        The samples; the split says that they are a selection, from where, and how many.

    Raises:
        DatasetError: If the manifest is at fault, or for each pattern that matches nothing.
    """
    items = [item for _, items in _listed(path) for item in items]
    if idle := [glob for glob in only if not any(fnmatchcase(item.id, glob) for item in items)]:
        raise DatasetError("\n".join(f"{path}: no sample has an id like '{glob}' (--only)" for glob in idle))
    chosen = [item for item in items if not only or any(fnmatchcase(item.id, glob) for glob in only)]
    images = "1 image" if len(chosen) == 1 else f"{len(chosen)} images"
    return Dataset(dataset_id, f"{path.name}, {images}{' of ' if only else ''}{', '.join(only)}", chosen)


def _listed(path: Path) -> list[tuple[Entry, list[Item]]]:
    folder = path.parent.resolve()
    return [(entry, _items(entry, folder)) for entry in read_entries(path)]


def read_entries(path: Path) -> list[Entry]:
    """Return the checked entries of a manifest; every file that they name exists and lies in the manifest's folder.

    Raises:
        DatasetError: If the manifest is at fault: one line a fault, with file, entry and field.
    """
    raw = _samples(path)
    faults: list[str] = []
    entries = []
    for index, item in enumerate(raw):
        place = f"{path.name}: samples/{index}" + (f" ({item['id']})" if _has_id(item) else "")
        found = _entry(item, path.parent.resolve())
        if isinstance(found, Entry):
            entries.append(found)
        else:
            faults += [f"{place}: {fault}" for fault in found]
    faults += [f"{path.name}: the id '{name}' is given more than once" for name in _repeated(e.id for e in entries)]
    if faults:
        raise DatasetError("\n".join(faults))
    return entries


def _samples(path: Path) -> list[Any]:
    reader = Reader(path.parent)
    content = reader.json(path)
    if reader.findings:
        raise DatasetError(reader.sentences())
    if not isinstance(content, dict) or not isinstance(content.get("samples"), list):
        raise DatasetError(f"{path.name}: an object with a list 'samples' was expected")
    if unknown := sorted(set(content) - _TOP_LEVEL):
        raise DatasetError(f"{path.name}: unknown field {', '.join(unknown)}; known: {', '.join(sorted(_TOP_LEVEL))}")
    return list(content["samples"])


def _has_id(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str)


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]


def _entry(item: Any, folder: Path) -> Entry | list[str]:
    """Return the checked entry, or everything that is wrong with it."""
    try:
        entry = Entry.model_validate(item)
    except ValidationError as error:
        return [f"{pointer.strip('/') or 'entry'}: {message}" for pointer, message in explain(error)]
    faults = [f"{name}: needed for encoding '{entry.encoding}'" for name in _missing(entry)]
    faults += [fault for name in _FILE_FIELDS if (fault := _file_fault(name, getattr(entry, name), folder))]
    return faults or entry


def _missing(entry: Entry) -> list[str]:
    return [name for name in _REQUIRED[entry.encoding] if getattr(entry, name) is None]


def _file_fault(name: str, value: str | None, folder: Path) -> str:
    if value is None:
        return ""
    try:
        path = _inside(folder, value)
    except SampleError as error:
        return f"{name}: {error}"
    return "" if path.is_file() else f"{name}: there is no file '{value}'"


def _inside(folder: Path, name: str) -> Path:
    return inside(folder, name, "manifest's")


def _items(entry: Entry, folder: Path) -> list[Item]:
    if reason := _unusable(entry):
        return [Item(entry.id, entry.group_id, partial(_skip, reason))]
    if entry.encoding == "dgp_scene":
        return _dgp_items(entry, folder)
    return [Item(entry.id, entry.group_id, partial(_read, entry, folder), _note(entry))]


def _note(entry: Entry) -> str:
    notes = ["image and depth are registered only roughly"] if entry.registered == "roughly" else []
    notes += ["holes of the ground truth were filled in"] if entry.filled else []
    return "; ".join(notes)


def _unusable(entry: Entry) -> str:
    """Return why an entry cannot be scored by what it says about itself; empty if it can."""
    if entry.registered is False:
        return "the depth map is not registered to the image"
    if not entry.metric:
        return "the ground truth is not metric: depth in metres cannot be had from it"
    if entry.encoding.startswith("disparity") and (entry.focal_px is None or entry.baseline_m is None):
        return "disparity without focal_px and baseline_m: depth in metres cannot be had from it"
    return ""


def _skip(reason: str) -> NoReturn:
    raise SampleError(reason)


def _dgp_items(entry: Entry, folder: Path) -> list[Item]:
    scene = _inside(folder, str(entry.scene))
    try:
        frames = lidar.dgp_frames(scene)
    except SampleError as error:
        return [Item(entry.id, entry.group_id, partial(_skip, str(error)))]
    items = []
    for frame in frames:
        name = f"{entry.id}/{frame.camera}/{Path(frame.image).stem}"
        items.append(Item(name, entry.group or entry.id, partial(_read_dgp, name, entry, frame, folder, scene.parent)))
    return items


def _read_dgp(name: str, entry: Entry, frame: lidar.DgpFrame, folder: Path, base: Path) -> Sample:
    image = decode.read_image(_inside(folder, str(base / frame.image)))
    points = _inside(folder, str(base / frame.points))
    truth, mask = lidar.dgp_truth(points, frame, image.shape[:2])
    return _sample(entry, image, truth, mask, frame.intrinsics, name)


def _read(entry: Entry, folder: Path) -> Sample:
    image = decode.read_image(_inside(folder, str(entry.rgb)))
    path = _inside(folder, str(entry.depth))
    files = [path] if entry.calib is None else [path, _inside(folder, entry.calib)]
    recipe = repr((sorted(entry.model_dump(include=_DEPTH_FIELDS).items()), image.shape[:2]))

    def decoded() -> Truth:
        with decode.reading(path):
            depth = _DECODERS[entry.encoding](entry, path, folder, image.shape[:2])
        return depth, depth > 0

    truth, mask = remember(files, recipe, decoded)
    return _sample(entry, image, truth, mask, _intrinsics(entry, folder))


def _sample(
    entry: Entry,
    image: npt.NDArray[np.uint8],
    truth: decode.Depth,
    mask: Mask,
    intrinsics: Intrinsics | None,
    name: str | None = None,
) -> Sample:
    height, width = truth.shape
    expected = entry.depth_size or [image.shape[1], image.shape[0]]
    if [width, height] != expected:
        raise SampleError(f"the depth map is {width}x{height}, not {expected[0]}x{expected[1]} (see depth_size)")
    return Sample(name or entry.id, entry.group_id, image, truth, mask, intrinsics, _region(entry, truth))


def _region(entry: Entry, truth: decode.Depth) -> npt.NDArray[np.bool_] | None:
    if entry.crop is None and entry.max_m is None:
        return None
    region = np.zeros(truth.shape, dtype=bool)
    try:
        region[window(WINDOWS[entry.crop], *truth.shape) if entry.crop else ...] = True
    except CropError as error:
        raise SampleError(f"crop '{entry.crop}': {error}") from error
    return region & (truth < (np.inf if entry.max_m is None else entry.max_m))


_Decoder = Callable[[Entry, Path, Path, tuple[int, int]], decode.Depth]


def _scaled(read: Callable[[Path, float], decode.Depth]) -> _Decoder:
    return lambda entry, path, _folder, _size: read(path, entry.scale or 1.0)


def _disparity(read: Callable[[Path, float], decode.Depth]) -> _Decoder:
    def decoded(entry: Entry, path: Path, _folder: Path, _size: tuple[int, int]) -> decode.Depth:
        focal, baseline = entry.focal_px or 0.0, entry.baseline_m or 0.0
        return decode.disparity_to_depth(read(path, entry.scale or 1.0), focal, baseline, entry.doffs_px)

    return decoded


def _kinect(_entry: Entry, path: Path, _folder: Path, _size: tuple[int, int]) -> decode.Depth:
    return decode.kinect_depth(path)


def _velodyne(entry: Entry, path: Path, folder: Path, size: tuple[int, int]) -> decode.Depth:
    projection, _ = lidar.kitti_calibration(_inside(folder, str(entry.calib)))
    return lidar.project(lidar.read_floats(path, 4)[:, :3], projection, size)


def _nuscenes(entry: Entry, path: Path, folder: Path, size: tuple[int, int]) -> decode.Depth:
    projection, _ = lidar.nuscenes_calibration(_inside(folder, str(entry.calib)), str(entry.camera))
    return lidar.project(lidar.read_floats(path, 5)[:, :3], projection, size)


_DECODERS: dict[Encoding, _Decoder] = {
    "png16": _scaled(decode.uint16_depth),
    "pgm16": _scaled(decode.uint16_depth),
    "png16_sun_rotate3": _scaled(decode.rotated_depth),
    "pgm16_byteswapped_kinect_disparity": _kinect,
    "npy_m": _scaled(decode.npy_depth),
    "disparity_png8": _disparity(decode.png_disparity),
    "disparity_png8_palette": _disparity(decode.png_disparity),
    "disparity_npz": _disparity(decode.npz_disparity),
    "kitti_velodyne": _velodyne,
    "nuscenes_lidar": _nuscenes,
}


def _intrinsics(entry: Entry, folder: Path) -> Intrinsics | None:
    """Return those of the calibration that the truth was projected with, else those that the entry gives."""
    if entry.encoding == "kitti_velodyne":
        return lidar.kitti_calibration(_inside(folder, str(entry.calib)))[1]
    if entry.encoding == "nuscenes_lidar":
        return lidar.nuscenes_calibration(_inside(folder, str(entry.calib)), str(entry.camera))[1]
    return None if entry.K is None else (entry.K[0], entry.K[1], entry.K[2], entry.K[3])
