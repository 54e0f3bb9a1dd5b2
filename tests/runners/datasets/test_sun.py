"""SUN RGB-D: the rotated bits, the list, both depths."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from runners.datasets import DatasetError
from runners.datasets.sun import check_sun, open_sun
from tests.runners.datasets import files

NAME = "kv2/kinect2data/000065_2014-05-16_20-14-38_260595134347_rgbf000121-resize"
NYU = "kv1/NYUdata/NYU0001"


def rotate(values: files.Array) -> files.Array:
    """Rotate 16 bits left by three places, as the set stores them."""
    stored = values.astype(np.uint16)
    return (stored << 3) | (stored >> 13)


def sun(root: Path, *names: str) -> Path:
    """Frames with the sensor's depth at 3 m and filled depth at 4 m."""
    for name in names or (NAME,):
        folder = root / "SUNRGBD" / name
        files.put_image(folder / "image" / "0000121.jpg", (530, 730))
        files.put_uint16(folder / "depth" / "0000121.png", rotate(files.holed((530, 730), 3000)))
        files.put_uint16(folder / "depth_bfx" / "0000121.png", rotate(np.full((530, 730), 4000)))
        files.put_lines(folder / "intrinsics.txt", "529.5 0 365 0 529.6 265 0 0 1 ")
    paths = [f"/n/fs/sun3d/data/SUNRGBD/{name}/" for name in names or (NAME,)]
    path = root / "SUNRGBDtoolbox" / "traintestSUNRGBD" / "allsplit.mat"
    files.put_mat5(path, alltest=paths, alltrain=["/n/fs/sun3d/data/SUNRGBD/kv1/b3dodata/img_0001"])
    return root


def test_frames_are_read(tmp_path: Path) -> None:
    """Bits are rotated back; the list's folders lose their beginning and slashes at the end; groups are collections."""
    dataset = open_sun(sun(tmp_path, NAME, NYU))
    assert dataset.ids == (NYU, NAME)
    sample = dataset.read(NAME)
    assert (sample.truth[9, 9], sample.truth[5, 7], sample.mask[0, 0]) == (3, 1.5, False)
    assert (sample.group, sample.intrinsics) == ("kv2/kinect2data", (529.5, 529.6, 365, 265))
    assert open_sun(tmp_path, "filled-sensor").read(NAME).truth[0, 0] == 4


def test_only_the_count_is_wrong(tmp_path: Path) -> None:
    """A good folder passes but for the number of images."""
    assert ["5050 were expected" in problem.message for problem in check_sun(sun(tmp_path))] == [True]


def test_faults_are_told(tmp_path: Path) -> None:
    """No list, other paths, depth rotated back already, two files in a folder, sizes that differ, a broken matrix."""
    with pytest.raises(DatasetError, match=r"there is no SUNRGBDtoolbox/traintestSUNRGBD/allsplit\.mat"):
        open_sun(tmp_path)
    folder = sun(tmp_path) / "SUNRGBD" / NAME
    files.put_uint16(folder / "depth" / "0000121.png", np.arange(530 * 730).reshape(530, 730) % 4000 + 1000)
    assert "not bit-rotated as published" in check_sun(tmp_path)[1].message
    files.put_uint16(folder / "depth" / "0000121.png", rotate(files.holed((427, 561), 3000)))
    assert "differ in size" in check_sun(tmp_path)[1].message
    (folder / "intrinsics.txt").write_text("1 2 3")
    assert "intrinsics.txt: cannot be read" in check_sun(tmp_path)[1].message
    shutil.copy(folder / "depth" / "0000121.png", folder / "depth" / "b.png")
    assert "one file *.png was expected here, not 2" in check_sun(tmp_path)[1].message
    files.put_mat5(tmp_path / "SUNRGBDtoolbox" / "traintestSUNRGBD" / "allsplit.mat", alltest=["/elsewhere/a"])
    with pytest.raises(DatasetError, match="'/elsewhere/a' is no folder below SUNRGBD"):
        open_sun(tmp_path)


@pytest.mark.shared
def test_real_frame(tmp_path: Path, shared: Path) -> None:
    """The corridor reaches from 1.057 to 9.870 m once its bits are turned back; read without that it is refused."""
    folder = tmp_path / "SUNRGBD" / "xtion" / "sun3ddata" / "corridor"
    for kind, source, name in (("image", "SUN_color.jpg", "a.jpg"), ("depth", "SUN_depth.png", "a.png")):
        (folder / kind).mkdir(parents=True)
        shutil.copy(shared / "data" / "sun-rgbd" / source, folder / kind / name)
    path = tmp_path / "SUNRGBDtoolbox" / "traintestSUNRGBD" / "allsplit.mat"
    files.put_mat5(path, alltest=["/n/fs/sun3d/data/SUNRGBD/xtion/sun3ddata/corridor"])
    sample = open_sun(tmp_path).read("xtion/sun3ddata/corridor")
    assert (sample.truth[sample.mask].min(), sample.truth.max()) == pytest.approx((1.057, 9.87))
    assert np.median(sample.truth[sample.mask]) == pytest.approx(2.723)
    assert sample.intrinsics is None
    assert ["were expected" in problem.message for problem in check_sun(tmp_path)] == [True]
    files.put_uint16(folder / "depth" / "a.png", sample.truth * 1000)
    assert "not bit-rotated" in check_sun(tmp_path)[1].message
