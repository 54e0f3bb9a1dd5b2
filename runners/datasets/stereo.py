"""Stereo sets whose disparity becomes depth by the scene's calibration: Middlebury 2014 and Booster.

depth = focal length * baseline / (disparity + offset), all in pixels but the baseline, which both publish in
millimetres. The reference view is the left one. What is not finite, or not positive, is no measurement.

**Middlebury 2014**: ``<scene>/im0.png``, ``calib.txt`` and ``disp0GT.pfm`` (third evaluation, in ``trainingF``,
``trainingH`` or ``trainingQ``, whichever is found first) or ``disp0.pfm`` (the data set's own folders, such as
``Adirondack-perfect``). ``calib.txt`` has ``cam0=[f 0 cx; 0 f cy; 0 0 1]``, ``doffs``, ``baseline``. The variant
``structured-light-non-occluded`` leaves out what the right camera does not see (``mask0nocc.png`` other than 255).

**Booster**: ``train/balanced/<scene>/camera_00/*.png`` (one scene under several lights), ``disp_00.npy`` and
``calib_00-02.xml`` (OpenCV; ``mtxL``, ``baselineLR``). Disparity is of rectified views with one principal point, so
without offset.

Ids are ``<scene>`` and ``<scene>/<image>``; groups are scenes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
from PIL import Image

from runners.datasets import checking, decode
from runners.datasets.base import Dataset, DatasetError, Intrinsics, Item, Sample, SampleError
from runners.datasets.cache import Mask, Truth, remember
from runners.datasets.checking import Judge, Problem
from runners.datasets.folders import some
from runners.datasets.layout import find_file, needed

__all__ = ["BOOSTER_LAYOUT", "BOOSTER_SOURCE", "MIDDLEBURY_LAYOUT", "MIDDLEBURY_SOURCE", "MIDDLEBURY_VARIANTS"]
__all__ += ["check_booster", "check_middlebury", "open_booster", "open_middlebury"]

MIDDLEBURY_VARIANTS = ("structured-light", "structured-light-non-occluded")
MIDDLEBURY_SOURCE = (
    "Get MiddEval3-data-F.zip and MiddEval3-GT0-F.zip (15 training scenes at full size) from "
    "https://vision.middlebury.edu/stereo/submit3/ and unpack both into one folder."
)
BOOSTER_SOURCE = "Get booster_gt.zip (228 training images with truth) from https://amsacta.unibo.it/id/eprint/6876/."
MIDDLEBURY_LAYOUT = (
    "It holds trainingF/<scene>/{im0.png,disp0GT.pfm,calib.txt}, or <scene>/{im0.png,disp0.pfm,calib.txt}."
)
BOOSTER_LAYOUT = "It holds train/balanced/<scene>/{camera_00/*.png,disp_00.npy,calib_00-02.xml}."
_PARTS = (
    "trainingF",
    "trainingH",
    "trainingQ",
    "MiddEval3/trainingF",
    "MiddEval3/trainingH",
    "MiddEval3/trainingQ",
    "",
)


@dataclass(frozen=True)
class _Rig:
    """What makes depth of disparity: focal length, baseline in metres and offset; and the reference view's camera."""

    intrinsics: Intrinsics
    baseline_m: float
    offset_px: float = 0.0

    def depth(self, disparity: decode.Depth) -> Truth:
        known = np.isfinite(disparity) & (disparity > 0)
        depth = decode.disparity_to_depth(
            np.where(known, disparity, 0), self.intrinsics[0], self.baseline_m, self.offset_px
        )
        return depth, known


# --- Middlebury -------------------------------------------------------------------------------------------


def open_middlebury(root: Path | None, variant: str = "structured-light") -> Dataset:
    """Return the scenes with ground truth.

    Raises:
        DatasetError: If there are none; scenes without calibration are told apart.
    """
    folder = needed(root, "middlebury", MIDDLEBURY_SOURCE)
    part = next((base for name in _PARTS if _middlebury_scenes(base := folder / name)), folder)
    scenes = _middlebury_scenes(part)
    if not scenes and next(folder.glob("*/imL.png"), None):
        raise DatasetError(
            f"{folder}: these are scenes of 2001 or 2003 (imL.png, groundtruth.png). Neither focal length nor baseline "
            f"of theirs were published, so their disparity gives no depth in metres. {MIDDLEBURY_SOURCE}"
        )
    items = (Item(s.name, s.name, partial(_read_middlebury, s, variant.endswith("non-occluded"))) for s in scenes)
    name = part.relative_to(folder).as_posix()
    split = f"{'scenes of 2014' if name == '.' else name}, {variant}"
    return Dataset("middlebury", split, some(items, folder, f"{MIDDLEBURY_LAYOUT} {MIDDLEBURY_SOURCE}"))


def check_middlebury(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: counts, a reduced size, calibration of another size, units."""
    problems, dataset = checking.opened(lambda: open_middlebury(root))
    if dataset is None:
        return problems
    size = dataset.split.split(",")[0]
    if size.endswith(("H", "Q")):
        problems.append(Problem(size, f"these scenes are of a reduced size; papers score F. {MIDDLEBURY_SOURCE}"))
    unit = f"The baseline is in millimetres, and calib.txt belongs to one size of the images. {MIDDLEBURY_SOURCE}"
    judges: list[Judge] = [checking.medians(0.3, 12, unit), partial(_judge_sizes, MIDDLEBURY_SOURCE)]
    return [
        *problems,
        *checking.counted(root, len(dataset), 15, "scenes with truth", MIDDLEBURY_SOURCE),
        *checking.samples(dataset, judges, count=15),
    ]


def _middlebury_scenes(part: Path) -> list[Path]:
    return [path.parent for path in sorted(part.glob("*/im0.png")) if _disparity_file(path.parent)]


def _disparity_file(scene: Path) -> Path | None:
    return find_file(scene, ("disp0GT.pfm", "disp0.pfm"))


def _read_middlebury(scene: Path, non_occluded: bool) -> Sample:
    image, rig = decode.read_image(scene / "im0.png"), _text_rig(scene / "calib.txt")
    disparity = _disparity_file(scene) or scene / "disp0GT.pfm"
    occlusion = [scene / "mask0nocc.png"] if non_occluded else []

    def decoded() -> Truth:
        depth, known = rig.depth(_pfm(disparity))
        for path in occlusion:
            known = known & _same_size(_seen_by_both(path), known, path)
        return depth, known

    truth, mask = remember([disparity, *occlusion], f"middlebury {rig} {non_occluded}", decoded)
    return Sample(scene.name, scene.name, image, truth, mask, rig.intrinsics)


_PFM = re.compile(rb"P(?P<kind>[fF])\s+(?P<width>\d+)\s+(?P<height>\d+)\s+(?P<scale>[-+.\deE]+)\s")


def _pfm(path: Path) -> decode.Depth:
    """Return a PFM of one channel: rows from the bottom up, little-endian where its scale is negative.

    Read here: Pillow 13 refuses a scale of more than ten characters, and such were written.
    """
    with decode.reading(path):
        content = path.read_bytes()
        header = _PFM.match(content)
        if header is None or header["kind"] == b"F":
            raise SampleError(f"{path.name}: a PFM of one channel was expected")
        rows, columns = int(header["height"]), int(header["width"])
        order = "<f4" if float(header["scale"]) < 0 else ">f4"
        values = np.frombuffer(content, order, offset=header.end()).reshape(rows, columns)
        return values[::-1].astype(np.float32)


def _seen_by_both(path: Path) -> Mask:
    with decode.reading(path), Image.open(path) as image:
        seen: Mask = np.asarray(image.convert("L")) == 255
        return seen


def _same_size(mask: Mask, other: Mask, path: Path) -> Mask:
    if mask.shape != other.shape:
        raise SampleError(f"{path.name}: {mask.shape[1]}x{mask.shape[0]}, but the disparity is {other.shape[::-1]}")
    return mask


def _text_rig(path: Path) -> _Rig:
    with decode.reading(path):
        fields = dict(re.findall(r"^(\w+)=(.+?)\s*$", path.read_text("utf-8"), re.MULTILINE))
        camera = np.array([row.split() for row in fields["cam0"].strip("[]").split(";")], dtype=float)
        intrinsics = (camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2])
        return _rig(intrinsics, float(fields["baseline"]), float(fields["doffs"]))


def _rig(camera: tuple[float, float, float, float], baseline_mm: float, offset_px: float = 0.0) -> _Rig:
    fx, fy, cx, cy = map(float, camera)
    if not (fx > 0 and baseline_mm > 0):
        raise ValueError(f"focal length {fx} and baseline {baseline_mm} must be positive")
    return _Rig((fx, fy, cx, cy), baseline_mm / 1000, offset_px)


# --- Booster ----------------------------------------------------------------------------------------------


def open_booster(root: Path | None, _variant: str = "space-time-stereo") -> Dataset:
    """Return the balanced training images, the only ones whose truth is published.

    Raises:
        DatasetError: If there are none.
    """
    folder = needed(root, "booster", BOOSTER_SOURCE)
    items = (
        Item(f"{scene.name}/{image.stem}", scene.name, partial(_read_booster, scene, image))
        for base in ("train/balanced", "balanced", "")
        for scene in sorted(path.parent for path in (folder / base).glob("*/disp_00.npy"))
        for image in sorted((scene / "camera_00").glob("*.png"))
    )
    return Dataset("booster", "training, balanced", some(items, folder, f"{BOOSTER_LAYOUT} {BOOSTER_SOURCE}"))


def check_booster(root: Path) -> list[Problem]:
    """Return what is wrong with a folder: counts, sizes, units."""
    problems, dataset = checking.opened(lambda: open_booster(root))
    if dataset is None:
        return problems
    unit = f"The baseline is in millimetres. {BOOSTER_SOURCE}"
    judges: list[Judge] = [checking.sizes({(3008, 4112)}, BOOSTER_SOURCE), checking.medians(0.2, 12, unit)]
    return [
        *checking.counted(root, len(dataset), 228, "training images", BOOSTER_SOURCE),
        *checking.samples(dataset, judges),
    ]


def _read_booster(scene: Path, image: Path) -> Sample:
    disparity, rig = scene / "disp_00.npy", _xml_rig(scene / "calib_00-02.xml")

    def decoded() -> Truth:
        return rig.depth(decode.npy_depth(disparity, 1.0))

    truth, mask = remember([disparity], f"booster {rig}", decoded)
    return Sample(f"{scene.name}/{image.stem}", scene.name, decode.read_image(image), truth, mask, rig.intrinsics)


def _xml_rig(path: Path) -> _Rig:
    with decode.reading(path):
        try:
            # expat bounds what entities expand to, since 2.4.1
            top = Xml.parse(path).getroot()  # noqa: S314
        except Xml.ParseError as error:
            raise SampleError(f"{path.name}: is no XML ({error})") from error
        camera = np.array((top.findtext("mtxL/data") or "").split(), dtype=float).reshape(3, 3)
        intrinsics = (camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2])
        return _rig(intrinsics, float(top.findtext("baselineLR") or ""))


def _judge_sizes(advice: str, sample: Sample) -> str:
    if sample.truth.shape == sample.image.shape[:2]:
        return ""
    return f"image and disparity differ in size: they are of two of the sizes F, H and Q. {advice}"
