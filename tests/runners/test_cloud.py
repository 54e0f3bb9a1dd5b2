"""Depth maps of the gallery: the coding that the record states, intrinsics at their size, no point in the air."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from runners.cloud import FIRST_M, RATIO, coded, write_cloud
from runners.datasets.base import Sample
from runners.datasets.decode import read_image
from runners.pictures import Float, Maps
from sitegen.records import GalleryCloud

WHOLE = (slice(None), slice(None))


def decoded(picture: npt.NDArray[np.uint8], first: float = FIRST_M, ratio: float = RATIO) -> Float:
    """Depth as the docstring of GalleryCloud says; 0 for none."""
    code = 256.0 * picture[..., 0] + picture[..., 1]
    return np.where(code > 0, first * ratio ** (code - 1), 0)


def sample(truth: Float, lens: tuple[float, float, float, float] | None) -> Sample:
    """An image of the size of its truth."""
    image = np.zeros((*truth.shape, 3), np.uint8)
    return Sample("one", "scene", image, truth.astype(np.float32), truth > 0, lens)


def scored(depth: Float, truth: Float, cut: tuple[slice, slice] = WHOLE, *, in_metres: bool = True) -> Maps:
    """A prediction that counts wherever there is truth."""
    return Maps(depth[cut], truth[cut], truth[cut] > 0, cut, in_metres)


def read(cloud: GalleryCloud, folder: Path) -> dict[str | None, Float]:
    """The maps as depth, by model."""
    return {depth.model: decoded(read_image(folder / depth.file), cloud.first_m, cloud.ratio) for depth in cloud.maps}


def test_codes_are_depth_to_a_twentieth_of_a_percent() -> None:
    """From 2 mm to 10 km within 0.05 %; no depth is code 0; what is nearer than the first code has it."""
    depth = np.geomspace(0.002, 1e4, 1000).reshape(20, 50)
    assert np.abs(decoded(coded(depth)) / depth - 1).max() < 5.1e-4
    assert coded(np.array([[0.0, 1e-9]])).tolist() == [[[0, 0, 0], [0, 1, 0]]]
    assert coded(np.array([[1e300]])).tolist() == [[[255, 255, 0]]]


def test_files_hold_what_was_scored(tmp_path: Path) -> None:
    """Truth where it counted, predictions wherever they are a depth, without loss; a model without metres has none."""
    truth = np.linspace(1, 4, 12 * 16).reshape(12, 16)
    truth[0] = 0
    guess = truth + 1
    guess[5, :4] = [np.nan, np.inf, -1, 0]
    maps = {"a": scored(guess, truth), "b": scored(guess, truth, in_metres=False)}
    cloud = write_cloud(maps, sample(truth, (20, 21, 7.5, 5.5)), tmp_path)
    assert cloud is not None
    assert (cloud.fx, cloud.fy, cloud.cx, cloud.cy) == (20, 21, 7.5, 5.5)
    found = read(cloud, tmp_path)
    assert list(found) == [None, "a"]
    np.testing.assert_allclose(found[None], truth, rtol=5.1e-4)
    assert found["a"][5, :4].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(found["a"][6:], guess[6:], rtol=5.1e-4)


def test_no_intrinsics_no_points(tmp_path: Path) -> None:
    """A data set that says nothing of its camera gets no depth maps."""
    truth = np.ones((4, 4))
    assert write_cloud({"a": scored(truth, truth)}, sample(truth, None), tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("rows", "columns"), [(480, 640), (300, 650)])
def test_wide_maps_shrink_with_their_camera(tmp_path: Path, rows: int, columns: int) -> None:
    """At 320 columns a slanted plane has the same points as before, and the edge of a box none in between."""
    lens = (600.0, 610.0, 300.0, 200.0)
    across, down = np.meshgrid(np.arange(columns), np.arange(rows))
    plane = 2 / (1 - 0.2 * (across - lens[2]) / lens[0] - 0.4 * (down - lens[3]) / lens[1])  # z = 2 + 0.2 x + 0.4 y
    truth = np.where(across < 201, plane, 50.0)
    cloud = write_cloud({"a": scored(truth, truth)}, sample(truth, lens), tmp_path)
    assert cloud is not None
    depth = read(cloud, tmp_path)[None]
    assert depth.shape == (round(rows * 320 / columns), 320)
    on_plane = depth < 20
    assert np.abs(depth[~on_plane] - 50).max() < 0.03
    x, y = np.meshgrid(np.arange(depth.shape[1]), np.arange(depth.shape[0]))
    points = (x - cloud.cx) / cloud.fx * depth, (y - cloud.cy) / cloud.fy * depth, depth
    off = points[2] - 2 - 0.2 * points[0] - 0.4 * points[1]
    assert np.abs(off[on_plane]).max() < 0.01  # half a pixel of the larger map, which is as near as one of them lies


def test_a_cut_stays_in_its_place(tmp_path: Path) -> None:
    """What a protocol cuts away is no depth; the rest lies where it lay in the image, so that colours fit."""
    truth = np.full((6, 8), 3.0)
    cut = slice(2, 5), slice(1, 7)
    cloud = write_cloud({"a": scored(truth, truth, cut)}, sample(truth, (8, 8, 3.5, 2.5)), tmp_path)
    assert cloud is not None
    inside = np.zeros((6, 8), dtype=bool)
    inside[cut] = True
    assert ((read(cloud, tmp_path)["a"] > 0) == inside).all()
    assert (cloud.cx, cloud.cy) == (3.5, 2.5)
