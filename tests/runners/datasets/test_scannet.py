"""ScanNet's 800 frames as Marigold lists them."""

from pathlib import Path

import pytest

from runners.datasets import DatasetError
from runners.datasets.scannet import LIST, check_scannet, open_scannet
from tests.runners.datasets import files

LINE = "scene0406_02/color/000300.jpg scene0406_02/depth/000300.png"


def scannet(root: Path, base: str = "", colour: tuple[int, int] = (480, 640)) -> Path:
    """One frame, 2.5 m away."""
    scene = root / base / "scene0406_02"
    files.put_image(scene / "color" / "000300.jpg", colour)
    files.put_uint16(scene / "depth" / "000300.png", files.holed(value=2500))
    files.put_lines(root / "data_split" / "scannet_depth" / LIST, LINE)
    return root


@pytest.mark.parametrize("base", ["", "scannet_val_sampled_800_1"])
def test_frames_are_read(tmp_path: Path, base: str) -> None:
    """Millimetres; scans are groups; the folder that Marigold's archive unpacks to is found."""
    dataset = open_scannet(scannet(tmp_path, base))
    sample = dataset.read("scene0406_02/000300")
    assert (sample.group, sample.truth[9, 9], sample.truth[5, 7]) == ("scene0406_02", 2.5, 1.25)
    assert sample.mask.sum() == 480 * 640 - 16


def test_large_colour_is_kept(tmp_path: Path) -> None:
    """Colour as ScanNet exports it is larger than depth; both are as published."""
    sample = open_scannet(scannet(tmp_path, colour=(968, 1296))).read("scene0406_02/000300")
    assert (sample.image.shape, sample.truth.shape) == ((968, 1296, 3), (480, 640))
    assert [problem.message.split(".")[0] for problem in check_scannet(tmp_path)] == [
        "1 images are here and 800 were expected"
    ]


def test_faults_are_told(tmp_path: Path) -> None:
    """No list, a line that is no pair, another size, another unit, a missing file."""
    with pytest.raises(DatasetError, match=f"there is no list {LIST}"):
        open_scannet(tmp_path)
    files.put_lines(tmp_path / LIST, "scene0406_02")
    with pytest.raises(DatasetError, match="is no pair of files"):
        open_scannet(tmp_path)
    assert "is no pair of files" in check_scannet(tmp_path)[0].message
    (tmp_path / LIST).unlink()
    scannet(tmp_path, colour=(240, 320))
    assert "the image has 240 rows and 320 columns, not 480x640 or 968x1296" in check_scannet(tmp_path)[1].message
    files.put_uint16(tmp_path / "scene0406_02" / "depth" / "000300.png", files.holed(value=12500))
    assert any("Depth is stored in millimetres" in problem.message for problem in check_scannet(tmp_path))
    (tmp_path / "scene0406_02" / "depth" / "000300.png").unlink()
    assert ["in all 1 of 2 files" in text.message for text in check_scannet(tmp_path)[1:]] == [True, False]
    assert "000300.png: cannot be read" in check_scannet(tmp_path)[2].message
