"""Middlebury 2014 and Booster: disparity and calibration, and what has none."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runners.datasets import DatasetError, SampleError
from runners.datasets.stereo import check_booster, check_middlebury, open_booster, open_middlebury
from tests.runners.datasets.files import put_image, put_lines

CALIBRATION = """cam0=[994.978 0 311.193; 0 994.978 254.877; 0 0 1]
cam1=[994.978 0 342.279; 0 994.978 254.877; 0 0 1]
doffs=31.086
baseline=193.001
width=741
height=500
ndisp=70
isint=0
vmin=8
vmax=61
"""
XML = """<?xml version="1.0"?>
<opencv_storage>
<mtxL type_id="opencv-matrix">
  <rows>3</rows><cols>3</cols><dt>d</dt>
  <data>
    4000. 0. 2000. 0. 4100. 1500. 0. 0.
    1.</data></mtxL>
<baselineLR>80.</baselineLR>
</opencv_storage>
"""


def put_pfm(path: Path, values: np.ndarray) -> Path:
    """Write a map of one channel as Middlebury does: from the bottom row up, little-endian, unknown as inf."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f"Pf\n{values.shape[1]} {values.shape[0]}\n-0.00333333\n".encode()
    path.write_bytes(header + values[::-1].astype("<f4").tobytes())
    return path


def put_scene(scene: Path, truth: str = "disp0GT.pfm", size: tuple[int, int] = (10, 14)) -> Path:
    """Write a scene of Middlebury: 68.914 pixels everywhere, unknown in the first row's first pixel."""
    disparity = np.full(size, 68.914)
    disparity[0, 0], disparity[1, 0], disparity[9, 13] = np.inf, -1, 0.5
    put_image(scene / "im0.png", size)
    put_lines(scene / "calib.txt", *CALIBRATION.splitlines())
    seen = np.full(size, 255, np.uint8)
    seen[5, :3] = 128
    Image.fromarray(seen).save(scene / "mask0nocc.png")
    put_pfm(scene / truth, disparity)
    return scene


@pytest.mark.parametrize(
    ("place", "truth"), [("trainingF", "disp0GT.pfm"), ("", "disp0.pfm"), ("MiddEval3/trainingQ", "disp0GT.pfm")]
)
def test_middlebury(tmp_path: Path, place: str, truth: str) -> None:
    """The offset counts, rows run from the top, unknown and negative disparity is no depth."""
    put_scene(tmp_path / place / "Adirondack", truth)
    sample = open_middlebury(tmp_path).read("Adirondack")
    assert sample.truth[5, 5] == pytest.approx(994.978 * 0.193001 / 100)
    assert sample.truth[9, 13] == pytest.approx(994.978 * 0.193001 / 31.586)
    assert (~sample.mask).sum() == 2
    assert not sample.mask[0, 0]
    assert sample.intrinsics == (994.978, 994.978, 311.193, 254.877)


def test_middlebury_without_the_occluded(tmp_path: Path) -> None:
    """A ground truth of its own: what the right camera does not see is left out."""
    put_scene(tmp_path / "trainingF/Adirondack")
    sample = open_middlebury(tmp_path, "structured-light-non-occluded").read("Adirondack")
    assert (~sample.mask).sum() == 5
    assert sample.truth[5, 0] > 0
    assert "non-occluded" in open_middlebury(tmp_path, "structured-light-non-occluded").split


def test_middlebury_broken(tmp_path: Path) -> None:
    """No scene; calibration without an offset or gone; a map cut off or of three channels."""
    with pytest.raises(DatasetError, match="MiddEval3-data-F"):
        open_middlebury(tmp_path)
    scene = put_scene(tmp_path / "trainingF/Adirondack")
    put_lines(scene / "calib.txt", "cam0=[1 0 1; 0 1 1; 0 0 1]", "baseline=3")
    with pytest.raises(SampleError, match=r"calib\.txt.*doffs"):
        open_middlebury(tmp_path).read("Adirondack")
    put_lines(scene / "calib.txt", *CALIBRATION.splitlines())
    whole = (scene / "disp0GT.pfm").read_bytes()
    for broken in (whole[:-8], b"PF" + whole[2:], b"P5 2 2 255\n1234"):
        (scene / "disp0GT.pfm").write_bytes(broken)
        with pytest.raises(SampleError, match=r"disp0GT\.pfm"):
            open_middlebury(tmp_path).read("Adirondack")


def test_middlebury_check(tmp_path: Path) -> None:
    """The count; a reduced size; calibration of another size."""
    scene = put_scene(tmp_path / "trainingH/Adirondack")
    text = " ".join(problem.message for problem in check_middlebury(tmp_path))
    assert "1 scenes with truth are here and 15 were expected" in text
    assert "of a reduced size; papers score F" in text
    assert "calib.txt belongs to one size" not in text
    put_lines(scene / "calib.txt", *CALIBRATION.replace("193.001", "0.193001").splitlines())
    put_image(scene / "im0.png", (20, 28))
    text = " ".join(problem.message for problem in check_middlebury(tmp_path))
    assert "calib.txt belongs to one size" in text
    assert "differ in size" in text


def put_booster(root: Path) -> Path:
    """Write a scene under two lights."""
    scene = root / "train/balanced/Bathroom"
    for name in ("im0.png", "im1.png"):
        put_image(scene / "camera_00" / name, (6, 8))
    disparity = np.full((6, 8), 200, dtype=np.float32)
    disparity[0, 0] = 0
    np.save(scene / "disp_00.npy", disparity)
    (scene / "calib_00-02.xml").write_text(XML)
    return scene


def test_booster(tmp_path: Path) -> None:
    """Every light is an image of the same truth; the baseline is in millimetres."""
    put_booster(tmp_path)
    dataset = open_booster(tmp_path)
    assert dataset.ids == ("Bathroom/im0", "Bathroom/im1")
    for sample in dataset:
        assert sample.truth[1, 1] == pytest.approx(4000 * 0.08 / 200)
        assert (~sample.mask).sum() == 1
        assert (sample.intrinsics, sample.group) == ((4000, 4100, 2000, 1500), "Bathroom")


def test_booster_broken(tmp_path: Path) -> None:
    """No scene; calibration that is no XML, or without a baseline."""
    with pytest.raises(DatasetError, match=r"booster_gt.zip"):
        open_booster(tmp_path)
    scene = put_booster(tmp_path)
    for text in (XML[:60], XML.replace("baselineLR", "base"), XML.replace("80.", "-80.")):
        (scene / "calib_00-02.xml").write_text(text)
        with pytest.raises(SampleError, match=r"calib_00-02\.xml"):
            open_booster(tmp_path).read("Bathroom/im0")
    text = " ".join(problem.message for problem in check_booster(tmp_path))
    assert "2 training images are here and 228 were expected" in text


@pytest.mark.shared
def test_real_motorcycle(shared: Path, tmp_path: Path) -> None:
    """Depth between 2.11 and 5.02 m and 7.3 % unknown, as the sample's README says; one pixel by hand."""
    source = shared / "data/middlebury-2014-motorcycle-q"
    scene = put_scene(tmp_path / "trainingQ/Motorcycle")
    shutil.copy(source / "motorcycle_left.png", scene / "im0.png")
    disparity = np.load(source / "motorcycle_disp.npz")["arr_0"]
    put_pfm(scene / "disp0GT.pfm", disparity)
    sample = open_middlebury(tmp_path).read("Motorcycle")
    assert sample.truth.shape == sample.image.shape[:2] == (500, 741)
    assert sample.truth[250, 300] == pytest.approx(994.978 * 0.193001 / (disparity[250, 300] + 31.086))
    assert sample.truth[sample.mask].min() == pytest.approx(2.11, abs=0.005)
    assert sample.truth.max() == pytest.approx(5.02, abs=0.005)
    assert 1 - sample.mask.mean() == pytest.approx(0.073, abs=0.0005)


@pytest.mark.shared
def test_real_scenes_of_version_two_have_no_metres(shared: Path) -> None:
    """Neither focal length nor baseline was published, and the sentence says so."""
    with pytest.raises(DatasetError, match=r"2001 or 2003.*no depth in metres"):
        open_middlebury(shared / "data/middlebury-v2")
