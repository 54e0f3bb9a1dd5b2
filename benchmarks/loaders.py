"""Times how fast images with ground truth are read: our KITTI loader beside the loops that most repositories carry.

Everybody reads the same tree in the publisher's layout and must give the same RGB image, float32 metres and mask of
every frame, or the benchmark fails. Frames are read one after another; torch and OpenCV get one thread each.

Run it from the repository's root: ``python benchmarks/loaders.py``. With ``--kitti DIR`` frames are made of real ones
(a folder with ``image_02/data/*.png`` and ``proj_depth/groundtruth/image_02/*.png``), else they are drawn, which
compresses otherwise. Each frame differs in a pixel of its depth: our cache goes by content.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runners.datasets.base import Sample
from runners.datasets.cache import TruthCache, using
from runners.datasets.kitti import open_kitti
from runners.datasets.lidar import drive_calibration
from runners.datasets.pipeline import iterate

Array = NDArray[Any]
Frame = tuple[Array, Array, Array]
"""RGB uint8, metres float32, mask."""

DRIVE = "2011_09_26_drive_0002_sync"
SIZE = (375, 1242)
REFERENCE = "PIL loop"
CALIBRATION = {
    "calib_cam_to_cam.txt": (
        "S_rect_02: 1.242e+03 3.75e+02\nR_rect_00: 1 0 0 0 1 0 0 0 1\n"
        "P_rect_02: 721.5377 0 609.5593 44.85728 0 721.5377 172.854 0.2163791 0 0 1 0.002745884\n"
    ),
    "calib_velo_to_cam.txt": "R: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.07 -0.27\n",
}


@dataclass(frozen=True)
class Contender:
    """Something that reads all frames of a tree.

    Attributes:
        read: Yields the frames in the order of their numbers.
        module: What must be installed.
        warm: Whether a first pass, not counted, fills its cache.
    """

    read: Callable[[Path], Iterator[Frame]]
    module: str = "PIL"
    warm: bool = False


# --- the tree ---------------------------------------------------------------------------------------------


def image_path(root: Path, number: str) -> Path:
    """Return the place of a frame's image."""
    return root / "2011_09_26" / DRIVE / "image_02/data" / f"{number}.png"


def depth_path(root: Path, number: str) -> Path:
    """Return the place of a frame's annotated depth."""
    return root / "val" / DRIVE / "proj_depth/groundtruth/image_02" / f"{number}.png"


def sweep_path(root: Path, number: str) -> Path:
    """Return the place of a frame's sweep."""
    return root / "2011_09_26" / DRIVE / "velodyne_points/data" / f"{number}.bin"


def numbers(root: Path) -> list[str]:
    """Return the frames of a tree."""
    return sorted(path.stem for path in image_path(root, "0").parent.glob("*.png"))


def write_tree(root: Path, frames: int, real: Path | None) -> None:
    """Write frames with images, annotated depth, sweeps, calibration and lists."""
    models = list(_real(real)) if real else [_drawn()]
    for index in range(frames):
        number = f"{index:010d}"
        image, depth = models[index % len(models)]
        depth = depth.copy()
        depth[0, index] = 1000 + index
        for path in (image_path(root, number), depth_path(root, number), sweep_path(root, number)):
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, image_path(root, number))
        Image.fromarray(depth).save(depth_path(root, number))
        _sweep(index).astype("<f4").tofile(sweep_path(root, number))
    for name, text in CALIBRATION.items():
        (root / "2011_09_26" / name).write_text(text, "utf-8")
    for name in ("eigen", "eigen_benchmark"):
        listing = root / "splits" / name / "test_files.txt"
        listing.parent.mkdir(parents=True)
        listing.write_text("".join(f"2011_09_26/{DRIVE} {number} l\n" for number in numbers(root)), "utf-8")


def _real(folder: Path) -> Iterator[tuple[Path, Array]]:
    for image in sorted((folder / "image_02/data").glob("*.png")):
        yield image, np.array(Image.open(folder / "proj_depth/groundtruth/image_02" / image.name))


def _drawn() -> tuple[Path, Array]:
    """Return a soft picture with noise and a sparse depth map, of KITTI's size."""
    random = np.random.default_rng(0)
    soft = np.array(
        Image.fromarray(random.integers(0, 255, (24, 78, 3), np.uint8)).resize(SIZE[::-1], Image.Resampling.BICUBIC)
    )
    picture = np.clip(soft + random.normal(0, 4, soft.shape), 0, 255).astype(np.uint8)
    path = Path(tempfile.mkstemp(suffix=".png")[1])
    Image.fromarray(picture).save(path)
    depth = np.linspace(20000, 1500, SIZE[0])[:, None] + random.normal(0, 40, SIZE)
    return path, np.where(random.random(SIZE) < 0.2, depth, 0).astype(np.uint16)


def _sweep(seed: int) -> Array:
    """Return 120 000 points around the scanner, as many as a sweep of KITTI has."""
    random = np.random.default_rng(seed)
    angle, distance = random.uniform(-np.pi, np.pi, 120_000), random.uniform(3, 70, 120_000)
    height = distance * random.uniform(-0.4, 0.05, 120_000)
    return np.stack([distance * np.cos(angle), distance * np.sin(angle), height, random.random(120_000)], axis=1)


# --- annotated depth --------------------------------------------------------------------------------------


def ours(variant: str, workers: int = 0, cached: bool = False) -> Callable[[Path], Iterator[Frame]]:
    """Return our loader, with so many processes, and with a cache or without."""

    def read(root: Path) -> Iterator[Frame]:
        with using(TruthCache(root / "cache") if cached else None):
            for sample in iterate(open_kitti(root, variant), workers):
                if not isinstance(sample, Sample):
                    raise click.ClickException(sample.reason)
                yield sample.image, sample.truth, sample.mask

    return read


def pil_loop(root: Path) -> Iterator[Frame]:
    """Read with PIL and numpy."""
    for number in numbers(root):
        image = np.array(Image.open(image_path(root, number)).convert("RGB"))
        depth = np.array(Image.open(depth_path(root, number))).astype(np.float32) / 256
        yield image, depth, depth > 0


def cv2_loop(root: Path) -> Iterator[Frame]:
    """Read with OpenCV."""
    import cv2

    cv2.setNumThreads(1)
    for number in numbers(root):
        image = cv2.cvtColor(cv2.imread(str(image_path(root, number))), cv2.COLOR_BGR2RGB)
        depth = cv2.imread(str(depth_path(root, number)), cv2.IMREAD_UNCHANGED).astype(np.float32) / 256
        yield image, depth, depth > 0


def torchvision_loop(root: Path) -> Iterator[Frame]:
    """Read with torchvision's decoders, which give 16-bit PNG as uint16."""
    import torch
    from torchvision.io import ImageReadMode, decode_image, read_file

    torch.set_num_threads(1)
    for number in numbers(root):
        image = decode_image(read_file(str(image_path(root, number))), ImageReadMode.RGB)
        depth = decode_image(read_file(str(depth_path(root, number))), ImageReadMode.UNCHANGED)[0].float() / 256
        yield image.permute(1, 2, 0).contiguous().numpy(), depth.numpy(), (depth > 0).numpy()


# --- sweeps -----------------------------------------------------------------------------------------------


def sweep_loop(root: Path) -> Iterator[Frame]:
    """Read the image with PIL and project the sweep in numpy; pixels with several points are found with a Counter."""
    calibration = drive_calibration(root / "2011_09_26")
    height, width = calibration.size
    for number in numbers(root):
        image = np.array(Image.open(image_path(root, number)).convert("RGB"))
        points = np.fromfile(sweep_path(root, number), np.float32).reshape(-1, 4).astype(np.float64)
        points[:, 3] = 1
        points = points[points[:, 0] >= 0]
        seen = (calibration.projection @ points.T).T
        pixels = np.round(seen[:, :2] / seen[:, 2:]) - 1
        inside = (pixels >= 0).all(axis=1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
        at, forward = pixels[inside].astype(int), points[inside, 0]
        depth = np.zeros((height, width))
        depth[at[:, 1], at[:, 0]] = forward
        places = at[:, 1] * width + at[:, 0]
        for place in [place for place, count in Counter(places.tolist()).items() if count > 1]:
            depth[place // width, place % width] = forward[places == place].min()
        yield image, depth.astype(np.float32), depth > 0


ANNOTATED = {
    "fathom": Contender(ours("annotated-lidar")),
    "fathom, second run (cache)": Contender(ours("annotated-lidar", cached=True), warm=True),
    "fathom, 2 workers": Contender(ours("annotated-lidar", 2)),
    "fathom, 2 workers, second run (cache)": Contender(ours("annotated-lidar", 2, cached=True), warm=True),
    REFERENCE: Contender(pil_loop),
    "OpenCV loop": Contender(cv2_loop, "cv2"),
    "torchvision decoders": Contender(torchvision_loop, "torchvision"),
}
SWEEPS = {
    "fathom": Contender(ours("raw-lidar")),
    "fathom, second run (cache)": Contender(ours("raw-lidar", cached=True), warm=True),
    "fathom, 2 workers": Contender(ours("raw-lidar", 2)),
    "fathom, 2 workers, second run (cache)": Contender(ours("raw-lidar", 2, cached=True), warm=True),
    REFERENCE: Contender(sweep_loop),
}


# --- timing -----------------------------------------------------------------------------------------------


def check_same(frame: Frame, expected: Frame, name: str) -> None:
    """Stop if a contender reads something else."""
    for one, other, what in zip(frame, expected, ("image", "depth", "mask"), strict=True):
        if one.dtype != other.dtype or not np.array_equal(one, other):
            raise click.ClickException(f"{name}: another {what} than the {REFERENCE} reads")


def seconds(read: Callable[[Path], Iterator[Frame]], root: Path) -> float:
    """Return the time of one pass, the start of processes included."""
    clock = time.perf_counter()
    for _ in read(root):
        pass
    return time.perf_counter() - clock


def compare(contenders: dict[str, Contender], root: Path, rounds: int) -> dict[str, float]:
    """Return images a second of each contender that is installed, the best of the rounds; they take turns."""
    here = {name: one for name, one in contenders.items() if importlib.util.find_spec(one.module)}
    for name in contenders.keys() - here.keys():
        click.echo(f"{name}: not installed, left out", err=True)
    for name, one in here.items():  # warms caches, too
        for frame, expected in zip(one.read(root), contenders[REFERENCE].read(root), strict=True):
            check_same(frame, expected, name)
    count, best = len(numbers(root)), dict.fromkeys(here, float("inf"))
    for _ in range(rounds):
        for name, one in here.items():
            best[name] = min(best[name], seconds(one.read, root))
    return {name: count / took for name, took in best.items()}


def show(title: str, rates: dict[str, float]) -> None:
    """Print a table."""
    click.echo(f"\n| {title} | images/s | to the {REFERENCE} |\n| --- | --- | --- |")
    for name, rate in rates.items():
        click.echo(f"| {name} | {rate:.1f} | {rate / rates[REFERENCE]:.2f} |")


@click.command()
@click.option("--frames", type=click.IntRange(2), default=60, show_default=True, help="How many frames to read.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="The best of so many counts.")
@click.option("--kitti", type=click.Path(path_type=Path, exists=True), help="Folder of real frames to copy.")
def main(frames: int, rounds: int, kitti: Path | None) -> None:
    """Show images a second of our loader and of plain loops."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_tree(root, frames, kitti)
        show("image and annotated depth (PNG)", compare(ANNOTATED, root, rounds))
        show("image and sweep (.bin), projected", compare(SWEEPS, root, rounds))


if __name__ == "__main__":
    sys.exit(main())
