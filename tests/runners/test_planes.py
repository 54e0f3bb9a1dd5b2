"""The metrics of iBims-1: the reference values, planes of known tilt, and what happens where nothing can be scored."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from runners.planes import depth_boundary_error, directed_depth_error, planarity_errors
from tests.runners.factories import plane

CAMERA = (500.0, 500.0, 320.0, 240.0)
FACING = np.array([[0.0, 1.0, 0.0]])
Map = NDArray[np.float64]


def step(column: int) -> Map:
    """A wall at 4 m with a nearer one at 2 m from a column on."""
    return np.where(np.arange(640)[None] < column, 4.0, 2.0) * np.ones((480, 1))


def edge(column: int) -> NDArray[np.bool_]:
    """A vertical line of annotated edges."""
    return (np.arange(640)[None] == column) & np.ones((480, 1), dtype=bool)


def test_boundary_reference_values() -> None:
    """Vector T12: an equal prediction is not quite 0 since Canny leaves out the border; 3 px off; no edges at all."""
    for depth, expected in (
        (step(320), (0.008368, 0.011303)),
        (1.05 * step(323), (2.991632, 2.988101)),
        (np.full((480, 640), 3.0), (10, 10)),
    ):
        assert depth_boundary_error(depth, edge(320)) == pytest.approx(expected, abs=1e-6)


def test_boundary_error_ignores_scale_shift_and_masked_pixels() -> None:
    """Depth is normalised, so scale and shift cost nothing; missing pixels may hold anything and are left out alike."""
    depth, hole = step(323), np.zeros((480, 640), dtype=bool)
    hole[100:140, 100:150] = True
    expected = depth_boundary_error(np.where(hole, 0, depth), edge(320))
    for rubbish in (0.0, np.nan, np.inf, -1e6):
        assert depth_boundary_error(np.where(hole, rubbish, depth), edge(320), ~hole) == expected
    assert depth_boundary_error(3 * depth + 1, edge(320)) == pytest.approx(depth_boundary_error(depth, edge(320)))


def test_no_annotated_edge_is_nan() -> None:
    """Without an edge to find there is no value; without a prediction the worst one."""
    assert all(np.isnan(depth_boundary_error(step(320), np.zeros((480, 640)))))
    assert depth_boundary_error(np.full((480, 640), np.nan), edge(320)) == (10, 10)


def test_planarity_reference_values() -> None:
    """Vector T12: a wall at 3 m seen as such, and bent by a ramp of 20 cm from left to right."""
    truth, walls = np.full((480, 640), 3.0), np.ones((480, 640), dtype=np.int64)
    perfect = planarity_errors(truth, truth, walls, FACING, CAMERA)
    assert (perfect["pe_fla"].item(), perfect["pe_ori"].item()) == pytest.approx((0, 0), abs=1e-6)
    ramp = planarity_errors(truth + np.linspace(-0.1, 0.1, 640), truth, walls, FACING, CAMERA)
    assert (ramp["pe_fla"].item(), ramp["pe_ori"].item()) == pytest.approx((0.099536, 2.985080), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.2, 5), st.booleans())
def test_a_perfect_plane_has_no_error(right: float, up: float, scale: float, flipped: bool) -> None:
    """Any plane, at any scale and with either sign of its normal, is flat and has the annotated orientation."""
    normal = np.array([right, 1.0, up]) / np.linalg.norm([right, 1.0, up])
    rows, columns = np.mgrid[1:61, 1:81]
    camera = (90.0, 80.0, 40.0, 30.0)
    ray = np.stack([(columns - 40) / 90, np.ones((60, 80)), -(rows - 30) / 80])
    depth = 2 / np.tensordot(normal, ray, axes=1)
    kinds = np.ones((60, 80), dtype=np.int64)
    values = planarity_errors(scale * depth, depth, kinds, -normal if flipped else normal, camera, min_pixels=100)
    assert values["pe_fla"].item() == pytest.approx(0, abs=1e-6)
    assert values["pe_ori"].item() == pytest.approx(0, abs=1e-4)


def test_planes_are_scored_one_by_one() -> None:
    """Each label meets its own normal; a plane that is small, or seen nowhere, has no value and no effect."""
    truth = np.full((60, 80), 3.0)
    kinds = np.repeat([1, 2, 3, 0], 20)[None] * np.ones((60, 1), dtype=np.int64)
    kinds[5:, 40:60] = 0
    prediction = np.where(kinds == 2, np.nan, truth)
    normals = np.repeat(FACING, 3, axis=0)
    values = planarity_errors(prediction, truth, kinds, normals, (90.0, 90.0, 40.0, 30.0), min_pixels=500)
    assert values["pe_fla"][0] == pytest.approx(0, abs=1e-9)
    assert np.isnan(values["pe_fla"][1:]).all()
    assert np.isnan(values["pe_ori"][1:]).all()


def test_directed_depth_reference_values() -> None:
    """Vector T10: shares of right, too near and too far at 3 m."""
    truth, prediction = plane([[1, 2.9, 3, 5]]), plane([[1, 3.2, 2, 2]])
    values = directed_depth_error(prediction, truth, truth > 0)
    assert {name: value.item() for name, value in values.items()} == {"dde_0": 0.5, "dde_m": 0.25, "dde_p": 0.25}


@given(arrays(np.float64, (2, 3, 4), elements=st.floats(0.5, 9)), arrays(np.bool_, (3, 4)), st.floats(1, 8))
def test_directed_depth_shares_add_up(maps: Map, mask: NDArray[np.bool_], distance: float) -> None:
    """The three shares add up to 1, a perfect prediction is all right, and masked pixels may hold anything."""
    p, g, m = (torch.from_numpy(x)[None] for x in (*maps, mask))
    values = directed_depth_error(torch.where(m, p, torch.nan), g, m, distance)
    perfect = directed_depth_error(g, g, m, distance)["dde_0"]
    if not mask.any():
        assert all(value.isnan().all() for value in (*values.values(), perfect))
        return
    assert sum(values.values()).item() == pytest.approx(1)
    assert perfect.item() == 1
    swapped = directed_depth_error(g, p, m, distance)
    assert (swapped["dde_m"], swapped["dde_p"]) == (values["dde_p"], values["dde_m"])


def test_nan_prediction_has_no_directed_error() -> None:
    """A valid pixel without a prediction is on no side: the image has no value."""
    truth = plane([[1, 2, 3, 4]])
    values = directed_depth_error(plane([[1, torch.nan, 3, 4]]), truth, truth > 0)
    assert all(value.isnan().all() for value in values.values())


def test_bad_input_is_refused() -> None:
    """Shapes that do not fit are named in a sentence."""
    truth, kinds = np.ones((3, 4)), np.ones((3, 4), dtype=np.int64)
    with pytest.raises(ValueError, match=r"normals \(K, 3\)"):
        planarity_errors(truth, truth, kinds, np.ones((1, 2)), CAMERA)
    with pytest.raises(ValueError, match=r"\(H, W\) maps of one size"):
        depth_boundary_error(truth, np.ones((4, 3)))
    with pytest.raises(ValueError, match="the mask bool alike"):
        directed_depth_error(plane([[1]]), plane([[1]]), plane([[1]]))
