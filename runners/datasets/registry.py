"""Every data set that can be opened by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from runners.datasets import (
    bundled,
    da2k,
    ddad,
    diml,
    diode,
    diw,
    eth3d,
    hypersim,
    ibims,
    kitti,
    moge_bundle,
    nuscenes,
    nyu,
    scannet,
    sintel,
    stereo,
    sun,
    tum,
    vkitti,
)
from runners.datasets.base import Dataset, DatasetError
from runners.datasets.checking import Problem
from runners.download import Download

__all__ = ["DATASETS", "DatasetEntry", "Opener", "find", "open", "unusual"]

Opener = Callable[[Path | None, str], Dataset]
"""Opens a data set at a root folder (None: where it comes with the package), with one of its ground truths."""


@dataclass(frozen=True)
class DatasetEntry:
    """What is known of a data set before it is opened.

    Attributes:
        id: Of the data set and of its card.
        summary: One line.
        open: Opens it.
        variants: Ground truths that it can be opened with, in the words of protocols (``ground_truth.variant``), the
            usual one first. They may differ in their images, too.
        check: Returns what is wrong with a folder; None where the files come with Fathom.
        layout: What a folder must look like.
        source: Where and how to get it, in sentences.
        fetch: What may be downloaded without a login.
        size: Of the download, for people; empty where not known.
        verified: What was proven on real files and what was not, in a sentence.
    """

    id: str
    summary: str
    open: Opener
    variants: tuple[str, ...]
    check: Callable[[Path], list[Problem]] | None = None
    layout: str = ""
    source: str = ""
    fetch: tuple[Download, ...] = ()
    size: str = ""
    verified: str = ""


_FORM_ONLY = "the form of the files as their specification has it; no real file was read"
_UNPACK = "Unpack it in this folder with: unzip"
_NYU_FILES = (
    Download(
        "http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/nyu_depth_v2_labeled.mat",
        "nyu_depth_v2_labeled.mat",
        size=2_972_037_809,
        md5=nyu.MAT_MD5,
    ),
    Download(
        "http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat",
        "splits.mat",
        md5="08e3c3aea27130ac7c01ffd739a4535f",
    ),
)
"""That of splits.mat is as one public loader pins it; the publisher names none."""

_SUN_FILES = (
    Download("https://rgbd.cs.princeton.edu/data/SUNRGBD.zip", "SUNRGBD.zip", then=f"{_UNPACK} SUNRGBD.zip"),
    Download(
        "https://rgbd.cs.princeton.edu/data/SUNRGBDtoolbox.zip",
        "SUNRGBDtoolbox.zip",
        md5="18d22e1761d36352f37232cba102f91f",
        then=f"{_UNPACK} SUNRGBDtoolbox.zip",
    ),
)
"""The hash is the one that mmdetection3d's instructions give."""

_DIODE_FILES = (
    Download(
        "http://diode-dataset.s3.amazonaws.com/val.tar.gz",
        "val.tar.gz",
        md5="5c895d09201b88973c8fe4552a67dd85",
        then="Unpack it in this folder with: tar xf val.tar.gz",
    ),
)
_ETH3D_FILES = tuple(
    Download(f"https://www.eth3d.net/data/{name}", name, then=f"Unpack it in this folder with: 7z x {name}")
    for scene in eth3d.SCENES
    for name in (f"{scene}_dslr_jpg.7z", f"{scene}_dslr_depth.7z")
)
_DA2K_FILES = (
    Download(
        "https://huggingface.co/datasets/depth-anything/DA-2K/resolve/main/DA-2K.zip",
        "DA-2K.zip",
        then=f"{_UNPACK} DA-2K.zip",
    ),
)

_IBIMS_SHARE = "https://dataserv.ub.tum.de/s/m1455541/download?path=%2F&files="
_IBIMS_FILES = (
    Download(f"{_IBIMS_SHARE}imagelist.txt", "imagelist.txt"),
    Download(f"{_IBIMS_SHARE}ibims1_core_mat.zip", "ibims1_core_mat.zip", then=f"{_UNPACK} ibims1_core_mat.zip"),
    Download(
        f"{_IBIMS_SHARE}ibims1_core_raw.zip",
        "ibims1_core_raw.zip",
        sha512=(
            "2641a837c82909e58a34af43d779051c38d57a848308733b10cda747f1e8347d"
            "a035a0cf591422f0448b4c5dba6eff92ae6289aa5ba73e6d79003d33315a80c8"
        ),
        then=f"{_UNPACK} ibims1_core_raw.zip",
    ),
)
"""The hash is the one of Ibims_Dataset.sha512, which lies beside the files, as another project's script copies it."""

_TAR = "Unpack it in this folder with: tar xf"
_KITTI_FILES = tuple(
    Download(f"https://s3.eu-central-1.amazonaws.com/avg-kitti/{name}", name, then=f"{_UNPACK} {name}")
    for name in ("data_depth_annotated.zip", "data_depth_selection.zip")
)
_DDAD_FILES = (
    Download(
        "https://tri-ml-public.s3.amazonaws.com/github/DDAD/datasets/DDAD.tar",
        "DDAD.tar",
        md5="c0da97967f76da80f86d6f97d0d98904",
        then=f"{_TAR} DDAD.tar",
    ),
)
_VKITTI_FILES = tuple(
    Download(f"https://download.europe.naverlabs.com/virtual_kitti_2.0.3/{name}", name, then=f"{_TAR} {name}")
    for name in ("vkitti_2.0.3_rgb.tar", "vkitti_2.0.3_depth.tar")
)
_MIDDLEBURY_FILES = tuple(
    Download(f"https://vision.middlebury.edu/stereo/submit3/zip/{name}", name, then=f"{_UNPACK} {name}")
    for name in ("MiddEval3-data-F.zip", "MiddEval3-GT0-F.zip")
)
_BOOSTER_FILES = (
    Download(
        "https://amsacta.unibo.it/id/eprint/6876/1/booster_gt.zip", "booster_gt.zip", then=f"{_UNPACK} booster_gt.zip"
    ),
)

_ENTRIES = (
    DatasetEntry(
        "procedural-indoor",
        "Rendered rooms with exact depth, bundled",
        lambda root, _: bundled.indoor(root),
        ("rendered",),
        verified="every image and hash, by the project's tests",
    ),
    DatasetEntry(
        "procedural-outdoor",
        "Rendered streets and land with exact depth, bundled",
        lambda root, _: bundled.outdoor(root),
        ("rendered",),
        verified="every image and hash, by the project's tests",
    ),
    DatasetEntry(
        "nyu-depth-v2",
        "Indoor rooms, Kinect: labelled .mat file, BTS's or Marigold's packing",
        nyu.open_nyu,
        ("raw-sensor", "filled-sensor"),
        check=nyu.check_nyu,
        layout=nyu.LAYOUT,
        source=nyu.SOURCE,
        fetch=_NYU_FILES,
        size="3.0 GB",
        verified="METER's AbsRel on five test frames and two of BTS's; not the whole .mat nor splits.mat",
    ),
    DatasetEntry(
        "scannet",
        "Indoor rooms, Structure sensor: the 800 frames that Marigold sampled",
        scannet.open_scannet,
        ("raw-sensor",),
        check=scannet.check_scannet,
        layout=scannet.LAYOUT,
        source=scannet.SOURCE,
        verified="the list's form; no real file was read",
    ),
    DatasetEntry(
        "tum-rgbd",
        "Kinect sequences, or the .h5 files of people in motion that MiDaS is measured on",
        tum.open_tum,
        ("raw-sensor",),
        check=tum.check_tum,
        layout=tum.LAYOUT,
        source=tum.SOURCE,
        verified="two real frames with METER's AbsRel, without their time stamps; no .h5 file was read",
    ),
    DatasetEntry(
        "sun-rgbd",
        "Indoor frames of four sensors, bit-rotated depth",
        sun.open_sun,
        ("raw-sensor", "filled-sensor"),
        check=sun.check_sun,
        layout=sun.LAYOUT,
        source=sun.SOURCE,
        fetch=_SUN_FILES,
        verified="a real frame with rotated depth; neither allsplit.mat nor a whole folder",
    ),
    DatasetEntry(
        "ibims-1",
        "Indoor scenes, laser scanner, with depth edges and planes",
        ibims.open_ibims,
        ("laser-scan",),
        check=ibims.check_ibims,
        layout=ibims.LAYOUT,
        source=ibims.SOURCE,
        fetch=_IBIMS_FILES,
        verified="the form of the files as the official script reads it; no real file was read",
    ),
    DatasetEntry(
        "diode",
        "Laser scans indoors and outdoors, 771 validation images",
        diode.open_diode,
        ("laser-scan",),
        check=diode.check_diode,
        layout=diode.LAYOUT,
        source=diode.SOURCE,
        fetch=_DIODE_FILES,
        size="2.6 GB",
        verified=_FORM_ONLY,
    ),
    DatasetEntry(
        "diode-indoor",
        "The 325 indoor images of DIODE",
        diode.open_indoor,
        ("laser-scan",),
        check=diode.check_indoor,
        layout=diode.LAYOUT,
        source=diode.SOURCE,
        fetch=_DIODE_FILES,
        size="2.6 GB, with the outdoor ones",
        verified=_FORM_ONLY,
    ),
    DatasetEntry(
        "diode-outdoor",
        "The 446 outdoor images of DIODE",
        diode.open_outdoor,
        ("laser-scan",),
        check=diode.check_outdoor,
        layout=diode.LAYOUT,
        source=diode.SOURCE,
        fetch=_DIODE_FILES,
        size="2.6 GB, with the indoor ones",
        verified=_FORM_ONLY,
    ),
    DatasetEntry(
        "eth3d",
        "Photographs with laser scans, 454 training images of 13 scenes",
        eth3d.open_eth3d,
        ("laser-scan-distorted",),
        check=eth3d.check_eth3d,
        layout=eth3d.LAYOUT,
        source=eth3d.SOURCE,
        fetch=_ETH3D_FILES,
        verified=_FORM_ONLY,
    ),
    DatasetEntry(
        "sintel",
        "Frames of an animated film, 1,064 of the training part",
        sintel.open_sintel,
        ("rendered", "rendered-clean"),
        check=sintel.check_sintel,
        layout=sintel.LAYOUT,
        source=sintel.SOURCE,
        verified=_FORM_ONLY,
    ),
    DatasetEntry(
        "hypersim",
        "Rendered rooms, 7,682 test images",
        hypersim.open_hypersim,
        ("rendered-planar",),
        check=hypersim.check_hypersim,
        layout=hypersim.LAYOUT,
        source=hypersim.SOURCE,
        verified="the form of Marigold's list and of the files as specified; no real file was read",
    ),
    DatasetEntry(
        "gso",
        "Scanned objects as MoGe rendered them, 1,030 images",
        lambda root, _: moge_bundle.open_bundle("gso", root),
        (moge_bundle.VARIANT,),
        check=partial(moge_bundle.check_bundle, "gso"),
        layout=moge_bundle.LAYOUT,
        source=moge_bundle.SOURCE,
        verified="the form of the files; samples that MoGe's loader would project again are skipped",
    ),
    DatasetEntry(
        "diw",
        "Photographs with one pair of points each, 74,441 images",
        diw.open_diw,
        ("point-pairs",),
        check=diw.check_diw,
        layout=diw.LAYOUT,
        source=diw.SOURCE,
        verified="the form of the list as the official script reads it; no real file was read",
    ),
    DatasetEntry(
        "da-2k",
        "Photographs with pairs of points, about 1,000 images",
        da2k.open_da2k,
        ("point-pairs",),
        check=da2k.check_da2k,
        layout=da2k.LAYOUT,
        source=da2k.SOURCE,
        fetch=_DA2K_FILES,
        size="681 MB",
        verified=_FORM_ONLY,
    ),
    DatasetEntry(
        "kitti",
        "Streets from a car, Eigen test split: annotated depth, raw sweeps, or the benchmark's selection",
        kitti.open_kitti,
        kitti.VARIANTS,
        check=kitti.check_kitti,
        layout=kitti.LAYOUT,
        source=kitti.SOURCE,
        fetch=_KITTI_FILES,
        size="14 GB of depth, besides the raw drives",
        verified="two annotated maps and the projection of two sweeps; no frame with both, no list, no selection",
    ),
    DatasetEntry(
        "ddad",
        "Driving with laser depth up to 250 m, validation, front camera",
        ddad.open_ddad,
        ("projected-lidar",),
        check=ddad.check_ddad,
        layout=ddad.LAYOUT,
        source=ddad.SOURCE,
        fetch=_DDAD_FILES,
        size="257 GB",
        verified="a DGP scene of the same rig (three frames); not ddad.json, nor a scene of DDAD itself",
    ),
    DatasetEntry(
        "nuscenes",
        "Driving with a 32-beam scanner, validation, front camera",
        nuscenes.open_nuscenes,
        ("projected-lidar",),
        check=nuscenes.check_nuscenes,
        layout=nuscenes.LAYOUT,
        source=nuscenes.SOURCE,
        verified="a real picture and sweep and the list of scenes; not the real tables",
    ),
    DatasetEntry(
        "virtual-kitti-2",
        "Rendered streets, Scene01 as Marigold validates on it",
        vkitti.open_vkitti,
        ("rendered",),
        check=vkitti.check_vkitti,
        layout=vkitti.LAYOUT,
        source=vkitti.SOURCE,
        fetch=_VKITTI_FILES,
        size="15 GB",
        verified="the list (its length, and five places of it); no real file was read",
    ),
    DatasetEntry(
        "diml-outdoor",
        "Outdoors, depth from stereo matching, test",
        diml.open_diml,
        ("stereo-matching",),
        check=diml.check_diml,
        layout=diml.LAYOUT,
        source=diml.SOURCE,
        verified="nothing: the unit is in doubt, and no real file was read",
    ),
    DatasetEntry(
        "middlebury",
        "Stereo scenes of 2014 with structured light, training",
        stereo.open_middlebury,
        stereo.MIDDLEBURY_VARIANTS,
        check=stereo.check_middlebury,
        layout=stereo.MIDDLEBURY_LAYOUT,
        source=stereo.MIDDLEBURY_SOURCE,
        fetch=_MIDDLEBURY_FILES,
        verified="one real scene, quarter size, whose disparity came as an array; no published PFM was read",
    ),
    DatasetEntry(
        "booster",
        "Glass and mirrors in stereo, balanced training images",
        stereo.open_booster,
        ("space-time-stereo",),
        check=stereo.check_booster,
        layout=stereo.BOOSTER_LAYOUT,
        source=stereo.BOOSTER_SOURCE,
        fetch=_BOOSTER_FILES,
        verified="the form of the files as other loaders read them; no real file was read",
    ),
)


def _with_bundle(entry: DatasetEntry) -> DatasetEntry:
    """Return an entry that opens and checks its part of MoGe's bundle, too, where it has one."""
    if entry.id not in moge_bundle.PARTS or moge_bundle.VARIANT in entry.variants:
        return entry

    def opened(root: Path | None, variant: str) -> Dataset:
        bundle = variant == moge_bundle.VARIANT
        return moge_bundle.open_bundle(entry.id, root) if bundle else entry.open(root, variant)

    def checked(root: Path) -> list[Problem]:
        bundle = entry.check is None or moge_bundle.is_bundle(root)
        return moge_bundle.check_bundle(entry.id, root) if bundle or entry.check is None else entry.check(root)

    return replace(entry, open=opened, check=checked, variants=(*entry.variants, moge_bundle.VARIANT))


DATASETS: dict[str, DatasetEntry] = {entry.id: _with_bundle(entry) for entry in _ENTRIES}
"""Every data set by id."""


def find(dataset_id: str) -> DatasetEntry:
    """Return what is known of a data set.

    Raises:
        DatasetError: If the id is unknown.
    """
    if dataset_id not in DATASETS:
        raise DatasetError(f"unknown data set '{dataset_id}'; known: {', '.join(DATASETS)}")
    return DATASETS[dataset_id]


def unusual(dataset_id: str, variant: str) -> str | None:
    """Return the ground truth that a protocol names, None where it is the data set's usual one or not stated."""
    return None if variant in ("not-stated", find(dataset_id).variants[0]) else variant


def open(dataset_id: str, root: Path | None = None, variant: str | None = None) -> Dataset:  # noqa: A001 - the plan's
    """Return a data set's evaluation split.

    Args:
        dataset_id: One of ``DATASETS``.
        root: Its folder; None for those that come with the package.
        variant: Which ground truth; the usual one when None or ``not-stated``.

    Raises:
        DatasetError: If the id is unknown, it has no such ground truth, or the files are at fault.
    """
    entry = find(dataset_id)
    chosen = entry.variants[0] if variant in (None, "not-stated") else variant
    if chosen not in entry.variants:
        raise DatasetError(
            f"data set '{dataset_id}' has no ground truth '{chosen}'; known: {', '.join(entry.variants)}"
        )
    return entry.open(root, chosen)
