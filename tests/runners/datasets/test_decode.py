"""Storage formats, where the real manifest cannot reach them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runners.datasets import SampleError
from runners.datasets.decode import disparity_to_depth, kinect_depth, png_disparity, read_image, rotated_depth
from runners.datasets.lidar import project


@pytest.mark.shared
def test_raw_kinect_disparity(shared: Path) -> None:
    """The unregistered NYU frame decodes to a room, though it may not be scored."""
    depth = kinect_depth(shared / "data" / "nyu-v2-raw" / "NYU_depth.pgm")
    assert 0.3 < depth[depth > 0].min() < np.median(depth[depth > 0]) < 10


@pytest.mark.shared
def test_palette_disparity_is_read_as_grey(shared: Path) -> None:
    """Tsukuba's palette image holds 5 to 14 pixels after conversion, not palette indices."""
    disparity = png_disparity(shared / "data" / "middlebury-v2" / "tsukuba" / "groundtruth.png", 1 / 16)
    assert (disparity[disparity > 0].min(), disparity.max()) == (5, 14)


def test_rotated_bits(tmp_path: Path) -> None:
    """A value rotated left by three places, its top bits wrapped round, comes back."""
    depth = np.array([[1, 8191, 8192, 60000]], dtype=np.uint16)
    Image.fromarray((depth << 3) | (depth >> 13)).save(tmp_path / "d.png")
    assert rotated_depth(tmp_path / "d.png", 1.0).tolist() == [[1, 8191, 8192, 60000]]


def test_unknown_disparity_stays_unknown() -> None:
    """Zero disparity is no measurement, even where an offset would make it one."""
    depth = disparity_to_depth(np.array([[0, 10]], dtype=np.float32), 100.0, 0.5, 40.0)
    assert depth.tolist() == [[0, 1]]


def test_image_arrays(tmp_path: Path) -> None:
    """Floating-point RGB in 0..1 becomes bytes; other ranges and shapes are refused."""
    np.save(tmp_path / "a.npy", np.full((2, 2, 3), 0.5))
    assert read_image(tmp_path / "a.npy").tolist()[0][0] == [128, 128, 128]
    np.save(tmp_path / "b.npy", np.full((2, 2, 3), 200.0))
    with pytest.raises(SampleError, match=r"within 0\.\.1"):
        read_image(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.zeros((2, 2)))
    with pytest.raises(SampleError, match="shape"):
        read_image(tmp_path / "c.npy")


def test_projection_keeps_the_nearest_point() -> None:
    """Two points on one pixel leave the nearer; points behind the camera or outside the image leave none."""
    camera = np.array([[10.0, 0, 1, 0], [0, 10, 1, 0], [0, 0, 1, 0]])
    points = np.array([[0, 0, 5.0], [0, 0, 2], [0, 0, -3], [9, 0, 1]])
    depth = project(points, camera, (3, 3))
    assert depth[1, 1] == 2
    assert (depth > 0).sum() == 1
