"""KITTI: three ground truths, the lists and their traps, and the projection of real sweeps."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from runners.cli import main
from runners.datasets import DatasetError, SampleError, decode, lidar
from runners.datasets.kitti import check_kitti, open_kitti
from sitegen.records import Run
from sitegen.store import load_protocols
from tests.runners import factories as make
from tests.runners.datasets.files import put_image, put_lines, put_uint16

DRIVE = "2011_09_26_drive_0002_sync"
SIZE = (375, 1242)
CAMERA = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: 1.242000e+03 3.750000e+02
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 100 0 600 0 0 100 180 0 0 0 1 0
"""
SCANNER = """calib_time: 15-Mar-2012 11:37:16
R: 0 -1 0 0 0 -1 1 0 0
T: 0 0 -0.25
delta_f: 0.000000e+00 0.000000e+00
"""


def put_frame(root: Path, number: str = "0000000069", part: str = "val") -> None:
    """Write a frame in all of its parts: image, calibration, sweep, annotated depth."""
    day = root / "2011_09_26"
    put_image(day / DRIVE / "image_02/data" / f"{number}.png", SIZE)
    put_lines(day / "calib_cam_to_cam.txt", *CAMERA.splitlines())
    put_lines(day / "calib_velo_to_cam.txt", *SCANNER.splitlines())
    # forward, left, up, reflectance: two on one pixel, one behind, one beside the image, one on its left edge
    points = [[10.25, 1, 0.5, 0.1], [20.25, 1.99, 0.99, 0.1], [-5, 1, 0, 0], [2, 50, 0, 0], [10.25, 60, 0, 0]]
    sweep = day / DRIVE / "velodyne_points/data" / f"{number}.bin"
    sweep.parent.mkdir(parents=True, exist_ok=True)
    np.array(points, dtype="<f4").tofile(sweep)
    codes = np.zeros(SIZE)
    codes[100:200] = 10 * 256 + 128
    codes[150, 10], codes[150, 11] = 65535, 1
    put_uint16(root / part / DRIVE / "proj_depth/groundtruth/image_02" / f"{number}.png", codes)


def put_lists(root: Path) -> None:
    """Write Monodepth2's two lists of one frame."""
    for name in ("eigen", "eigen_benchmark"):
        put_lines(root / "splits" / name / "test_files.txt", f"2011_09_26/{DRIVE} 0000000069 l")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One frame with everything, in its own folder."""
    folder = tmp_path / "kitti"
    put_frame(folder)
    put_lists(folder)
    return folder


def test_annotated_depth(root: Path) -> None:
    """Metres are the value over 256, 0 is none, and so is the top code; id, group and camera are the drive's."""
    dataset = open_kitti(root)
    assert (dataset.ids, dataset.split) == ((f"{DRIVE}/0000000069",), "splits/eigen_benchmark/test_files.txt")
    sample = dataset.read(dataset.ids[0])
    assert sample.group == DRIVE
    assert sample.intrinsics == (100, 100, 600, 180)
    assert (sample.truth[120, 5], sample.truth[150, 11], sample.truth[0, 0]) == (10.5, 1 / 256, 0)
    assert (sample.mask[120, 5], sample.mask[150, 10], sample.mask[0, 0]) == (True, False, False)


def test_depth_is_found_in_train_or_val_or_neither(tmp_path: Path) -> None:
    """A list does not say which; a packing may have neither folder; each may lie in a folder of its archive."""
    for part in ("train", "data_depth_annotated/val", "gts"):
        put_frame(tmp_path / part.replace("/", "-"), part=part)
        put_lists(tmp_path / part.replace("/", "-"))
        assert len(list(open_kitti(tmp_path / part.replace("/", "-")))) == 1


def test_raw_truth_is_the_forward_coordinate(root: Path) -> None:
    """Not the camera's z, which is 0.25 m less here; pixels are one to the left and up; the nearest point wins."""
    sample = open_kitti(root, "raw-lidar").read(f"{DRIVE}/0000000069")
    # u = 600 - 100 * 1 / 10 = 590, v = 180 - 100 * 0.5 / 10 = 175, both less one
    assert sample.truth[174, 589] == 10.25
    # 600 - 100 * 60 / 10 = 0 falls out of the image by that one pixel
    assert np.argwhere(sample.mask).tolist() == [[174, 589]]
    xyz = lidar.read_floats(root / "2011_09_26" / DRIVE / "velodyne_points/data/0000000069.bin", 4)[:, :3]
    calibration = lidar.drive_calibration(root / "2011_09_26")
    true = lidar.project(xyz, calibration.projection, calibration.size)
    assert true[175, 590] == 10.0
    assert true[180, 0] == 10.0


def test_list_of_bts(root: Path) -> None:
    """Lines that say None are frames without annotated depth: left out of that truth, part of the other."""
    shutil.rmtree(root / "splits")
    put_frame(root, "0000000000")
    image, depth = f"2011_09_26/{DRIVE}/image_02/data", f"{DRIVE}/proj_depth/groundtruth/image_02"
    put_lines(
        root / "eigen_test_files_with_gt.txt",
        f"{image}/0000000069.png {depth}/0000000069.png 721.5377",
        f"{image}/0000000000.png None 721.5377",
    )
    assert open_kitti(root).ids == (f"{DRIVE}/0000000069",)
    assert open_kitti(root, "raw-lidar").ids == (f"{DRIVE}/0000000000", f"{DRIVE}/0000000069")


def test_eigen_frames_come_with_the_package(root: Path, repo: Path) -> None:
    """Without a list of its own a root has the 652 and 697 published frames, whose hashes the protocols pin."""
    shutil.rmtree(root / "splits")
    protocols = load_protocols(repo / "results")[0]
    for variant, protocol in (("annotated-lidar", "house"), ("raw-lidar", "monodepth2-eigen")):
        dataset, wanted = open_kitti(root, variant), protocols["kitti", protocol].sample_list
        assert (len(dataset), dataset.list_sha256) == (wanted.count, wanted.sha256)
    assert len({sample_id.split("/")[0] for sample_id in dataset.ids}) == 28


def test_jpeg_copies_are_noted(root: Path) -> None:
    """They are read where the PNG is gone, as Monodepth2 did, and the item and the check say so."""
    path = root / "2011_09_26" / DRIVE / "image_02/data/0000000069.png"
    Image.open(path).save(path.with_suffix(".jpg"))
    assert not open_kitti(root).notes
    path.unlink()
    assert "JPEG copy" in open_kitti(root).notes[f"{DRIVE}/0000000069"]
    assert open_kitti(root).read(f"{DRIVE}/0000000069").image.shape == (*SIZE, 3)
    assert any("JPEG copy" in problem.message for problem in check_kitti(root))


def test_selection(tmp_path: Path) -> None:
    """Names say drive, frame and camera; depth and intrinsics are found by them."""
    base = tmp_path / "depth_selection/val_selection_cropped"
    for camera, name in (("02", f"{DRIVE}/0000000005"), ("03", f"{DRIVE}/0000000005-right")):
        put_image(base / f"image/{DRIVE}_image_0000000005_image_{camera}.png", (352, 1216))
        depth = np.full((352, 1216), 512)
        put_uint16(base / f"groundtruth_depth/{DRIVE}_groundtruth_depth_0000000005_image_{camera}.png", depth)
        put_lines(base / f"intrinsics/{DRIVE}_image_0000000005_image_{camera}.txt", "721 0 609 0 722 172 0 0 1")
        sample = open_kitti(tmp_path, "annotated-selection").read(name)
        assert (sample.truth[0, 0], sample.intrinsics) == (2, (721, 722, 609, 172))


def test_broken_trees_are_told_in_sentences(root: Path, tmp_path: Path) -> None:
    """Each says what is wrong and where to get the right thing."""
    with pytest.raises(DatasetError, match=r"--root.*cvlibs"):
        open_kitti(None)
    with pytest.raises(DatasetError, match=r"no raw drives.*cvlibs"):
        open_kitti(tmp_path)
    with pytest.raises(DatasetError, match=r"val_selection_cropped is not here.*data_depth_selection"):
        open_kitti(root, "annotated-selection")
    shutil.rmtree(root / "val")
    with pytest.raises(DatasetError, match=r"no annotated depth.*data_depth_annotated.zip"):
        open_kitti(root)
    put_lines(root / "splits/eigen/test_files.txt", "kitchen/rgb_00045.jpg")
    with pytest.raises(DatasetError, match="names no frame"):
        open_kitti(root, "raw-lidar")


def test_broken_files_are_skips(root: Path) -> None:
    """Cut off, of 8 bits, or gone: a reason with the file's name."""
    depth = root / "val" / DRIVE / "proj_depth/groundtruth/image_02/0000000069.png"
    sweep = root / "2011_09_26" / DRIVE / "velodyne_points/data/0000000069.bin"
    depth.write_bytes(depth.read_bytes()[:200])
    sweep.write_bytes(sweep.read_bytes()[:-5])
    for variant in ("annotated-lidar", "raw-lidar"):
        with pytest.raises(SampleError, match=r"0000000069\.(png|bin)"):
            open_kitti(root, variant).read(f"{DRIVE}/0000000069")
    put_image(depth, SIZE)
    with pytest.raises(SampleError, match="16-bit"):
        open_kitti(root).read(f"{DRIVE}/0000000069")
    (root / "2011_09_26/calib_velo_to_cam.txt").write_text("R: 1 2 3\n")
    shutil.copytree(root, root.parent / "again")  # calibration is remembered by its folder
    with pytest.raises(SampleError, match=r"calib_velo_to_cam\.txt \(R, T\) are needed"):
        open_kitti(root.parent / "again", "raw-lidar").read(f"{DRIVE}/0000000069")


def test_check_of_a_good_and_of_wrong_trees(root: Path) -> None:
    """One frame of 652 is a wrong count and nothing else; millimetres, filled depth and single sweeps are told."""
    assert [p.message.split(". ")[0] for p in check_kitti(root)] == [
        "1 images with annotated-lidar are here and 652 were expected",
        "1 images with raw-lidar are here and 697 were expected",
    ]
    depth = root / "val" / DRIVE / "proj_depth/groundtruth/image_02/0000000069.png"

    def told(codes: np.ndarray) -> str:
        put_uint16(depth, codes)
        return " ".join(problem.message for problem in check_kitti(root))

    sparse = np.zeros(SIZE)
    sparse[100:200] = 10000
    assert "1/256 m" not in told(sparse / 4)
    assert "1/256 m" in told(np.minimum(sparse * 6, 60000))
    assert "more than half" in told(np.full(SIZE, 2560))
    assert "raw sweeps" in told(np.where(np.arange(SIZE[0])[:, None] % 25, 0, 2560 + np.zeros(SIZE)))
    assert "375x1242" in told(np.full((352, 1216), 2560))
    assert "no raw drives" in check_kitti(root.parent)[0].message


def put_real_frames(root: Path, shared: Path) -> Path:
    """Two real frames of an unknown drive in the official layout; returns where they come from."""
    source = shared / "data/kitti-depth"
    for number in ("0000000005", "0000000050"):
        put_frame(root, number)
        name = f"image_02/data/{number}.png"
        shutil.copy(source / name, root / "2011_09_26" / DRIVE / name)
        name = f"proj_depth/groundtruth/image_02/{number}.png"
        shutil.copy(source / name, root / "val" / DRIVE / name)
    frames = [f"2011_09_26/{DRIVE} {number} l" for number in ("0000000005", "0000000050")]
    put_lines(root / "splits/eigen_benchmark/test_files.txt", *frames)
    return source


@pytest.mark.shared
def test_real_annotated_depth(shared: Path, tmp_path: Path) -> None:
    """Real frames in the official layout: ranges of the README, a pixel by hand, and nothing but the count to say."""
    source = put_real_frames(tmp_path, shared)
    for sample in open_kitti(tmp_path):
        number = sample.id.split("/")[1]
        stored = np.asarray(Image.open(source / f"proj_depth/groundtruth/image_02/{number}.png"))
        row, column = np.argwhere(stored)[1000]
        assert sample.truth[row, column] == stored[row, column] / 256
        assert sample.truth.shape == SIZE
        assert 0.1 < sample.mask.mean() < 0.3
        assert 1 < sample.truth[sample.mask].min() < sample.truth.max() < 90
    assert ["2 images with annotated-lidar" in problem.message for problem in check_kitti(tmp_path)] == [True]


@pytest.mark.shared
def test_real_network_on_real_frames(shared: Path, tmp_path: Path) -> None:
    """METER-XXS through the command, with workers: AbsRel as ../shared/weights/meter-xxs/README.md has it."""
    put_real_frames(tmp_path / "data", shared)
    truth = {"variant": "annotated-lidar"}
    protocol = make.capped(80.0, id="notes", dataset="kitti", crop=make.GARG, ground_truth=truth)
    put_lines(tmp_path / "results/protocols/kitti/notes.yaml", protocol.model_dump_json())
    words = ["evaluate", "--model", "meter-xxs-kitti", "--weights-dir", shared / "weights", "--dataset", "kitti"]
    words += ["--root", tmp_path / "data", "--protocol", "notes", "--results", tmp_path / "results", "--workers", 2]
    result = CliRunner().invoke(main, [*map(str, words), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "out").rglob("*.json")
    run = Run.model_validate_json(path.read_text("utf-8"))
    assert run.samples.model_dump()["abs_rel"] == pytest.approx([0.099, 0.069], abs=6e-4)


@pytest.mark.shared
@pytest.mark.parametrize("number", ["000000", "000001"])
def test_real_sweeps(shared: Path, number: str) -> None:
    """Camera z against the historic forward coordinate, on real sweeps.

    No frame here has both a sweep and an annotated map, so the projection is held against itself: the historic map
    is the same map one pixel up and left, and its values are the forward coordinate, about 0.27 m more than the
    camera's z (the scanner stands behind the camera), not the same.
    """
    folder = shared / "data/kitti-object/training"
    projection, _ = lidar.kitti_calibration(folder / f"calib/{number}.txt")
    image = decode.read_image(folder / f"image_2/{number}.png")
    points = lidar.read_floats(folder / f"velodyne/{number}.bin", 4)[:, :3]
    size = (image.shape[0], image.shape[1])
    true, historic = lidar.project(points, projection, size), lidar.forward_depth(points, projection, size)
    moved, historic = true[1:, 1:], historic[:-1, :-1]
    np.testing.assert_array_equal(moved > 0, historic > 0)
    offset = (historic - moved)[moved > 0]
    assert 0.26 < np.median(offset) < 0.34
    assert (np.abs(offset - np.median(offset)) < 0.5).mean() > 0.99
    assert 0.03 < (true > 0).mean() < 0.06
