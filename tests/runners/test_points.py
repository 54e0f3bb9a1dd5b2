"""Points in space: the reference values, brute force against the k-d tree, and fits of known scale and shift."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from runners.points import (
    PointFit,
    back_project,
    cloud_metrics,
    cloud_scores,
    fit_points,
    nearest_distances,
    point_f1,
    point_metrics,
    point_thresholds,
)
from sitegen.metrics import METRICS
from tests.runners.factories import plane

CAMERA = plane([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
TRUTH, PREDICTION = plane([[1, 1], [2, 2]]), plane([[1.05, 1], [2.3, 2]])
G = torch.tensor([[0, 0, 1.0], [1, 0, 2], [0, 1, 4]], dtype=torch.float64)
P = torch.tensor([[0, 0, 1.1], [1.2, 0, 2.2], [0, 1, 3.6]], dtype=torch.float64)
CLOUDS = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(-2, 2, width=32))
Cloud = NDArray[np.float64]


def cloud(depth: torch.Tensor) -> Cloud:
    """The points of the first map of a batch."""
    points: Cloud = back_project(depth, CAMERA)[0].reshape(-1, 3).numpy()
    return points


def test_mdec_reference_values() -> None:
    """Vector T9: Chamfer in metres, F-score and IoU in percent, the same at 20 cm."""
    values = cloud_metrics(PREDICTION, TRUTH, TRUTH > 0, CAMERA)
    expected = {"chamfer": 0.185616, "f_score": 75, "iou": 60, "f_score_20": 75, "iou_20": 60}
    assert {name: value.item() for name, value in values.items()} == pytest.approx(expected, abs=1e-6)
    assert set(values) <= set(METRICS)


def test_unidepth_reference_values() -> None:
    """Vector T9: squared distances meet the thresholds; a perfect cloud has (n - 1) / n, one threshold gives 0."""
    thresholds = np.array([0.05, 0.1, 0.15])
    assert point_f1(*nearest_distances(cloud(PREDICTION), cloud(TRUTH)), thresholds) == pytest.approx(
        0.541667, abs=1e-6
    )
    same = nearest_distances(cloud(TRUTH), cloud(TRUTH))
    assert point_f1(*same, thresholds) == pytest.approx(2 / 3, abs=1e-6)
    assert point_f1(*same, thresholds[:1]) == 0
    assert point_f1(*same, point_thresholds(0.01, 10)) == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("fit", "scale", "shift", "rel"),
    [
        ("none", 1, (0, 0, 0), 0.107835),
        ("scale", 0.909091, (0, 0, 0), 0.072806),
        ("scale-shift", 0.909091, (0, 0, 0), 0.072806),
        ("shift", 1, (0, 0, -0.1), 0.073756),
    ],
)
def test_moge_reference_values(fit: PointFit, scale: float, shift: tuple[float, ...], rel: float) -> None:
    """Vector T10: each fit of three points, and the errors after it."""
    found_scale, found_shift = fit_points(P, G, 1 / G.norm(dim=1), fit)
    assert found_scale.item() == pytest.approx(scale, abs=1e-6)
    assert found_shift.tolist() == pytest.approx(shift, abs=1e-6)
    fitted = (found_scale * P + found_shift).reshape(1, 1, 3, 3)
    values = point_metrics(fitted, G.reshape(1, 1, 3, 3), torch.ones(1, 1, 3, dtype=torch.bool))
    assert values["rel_point"].item() == pytest.approx(rel, abs=1e-6)
    assert values["delta_point"].item() == 1
    assert set(values) <= set(METRICS)


def test_back_projection_meets_the_camera() -> None:
    """A point projects back to its own pixel at its own depth, also with a 4x4 matrix."""
    camera = torch.eye(4, dtype=torch.float64)[None].repeat(2, 1, 1)
    camera[:, :2, :3] = torch.tensor([[90.0, 0, 40], [0, 80, 30]])
    depth = torch.rand(2, 5, 7, dtype=torch.float64) + 1
    points = back_project(depth, camera)
    seen = torch.einsum("bij,bhwj->bhwi", camera[:, :3, :3], points)
    rows, columns = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing="ij")
    pixels = torch.stack([columns, rows], dim=-1).double().expand(2, 5, 7, 2)
    torch.testing.assert_close(seen[..., :2] / seen[..., 2:], pixels)
    torch.testing.assert_close(points[..., 2], depth)


@settings(max_examples=40, deadline=None)
@given(CLOUDS, CLOUDS)
def test_tree_equals_brute_force(first: Cloud, second: Cloud) -> None:
    """Nearest distances are those of the full table; swapping the clouds swaps them and keeps every score."""
    table = cdist(first, second)
    forward, backward = nearest_distances(first, second)
    np.testing.assert_allclose(forward, table.min(axis=1), atol=1e-12)
    np.testing.assert_allclose(backward, table.min(axis=0), atol=1e-12)
    assert cloud_scores(forward, backward) == pytest.approx(cloud_scores(backward, forward))


@settings(max_examples=40, deadline=None)
@given(CLOUDS)
def test_perfect_cloud(points: Cloud) -> None:
    """A cloud against itself: no distance, everything found; far away from itself: nothing found."""
    same = cloud_scores(*nearest_distances(points, points))
    assert same == {"chamfer": 0, "f_score": 100, "iou": 100, "f_score_20": 100, "iou_20": 100}
    away = cloud_scores(*nearest_distances(points, points + 50))
    assert (away["f_score"], away["iou_20"]) == (0, 0)


def test_masked_pixels_and_empty_masks() -> None:
    """What the mask leaves out may hold anything; an empty mask or a NaN on a valid pixel gives NaN in that image."""
    mask = torch.tensor([[True, True], [True, False]])[None]
    broken = PREDICTION.clone()
    broken[~mask] = torch.nan
    clean = cloud_metrics(PREDICTION, TRUTH, mask, CAMERA)
    assert cloud_metrics(broken, TRUTH, mask, CAMERA) == clean
    batch = [torch.cat([x, x]) for x in (broken, TRUTH, mask, CAMERA)]
    batch[2][0] = False
    assert cloud_metrics(*batch)["chamfer"].isnan().tolist() == [True, False]
    assert cloud_metrics(broken, TRUTH, TRUTH > 0, CAMERA)["chamfer"].isnan().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu() -> None:
    """Back-projection and point errors are the same on both devices; the tree runs on the CPU for both."""
    there = [x.cuda() for x in (PREDICTION, TRUTH, TRUTH > 0, CAMERA)]
    here = cloud_metrics(PREDICTION, TRUTH, TRUTH > 0, CAMERA)
    for name, value in cloud_metrics(*there).items():
        torch.testing.assert_close(value.cpu(), here[name])


def test_masked_points_and_empty_masks() -> None:
    """The same of point maps."""
    p, g = P.reshape(1, 1, 3, 3).repeat(2, 1, 1, 1), G.reshape(1, 1, 3, 3).repeat(2, 1, 1, 1)
    mask = torch.tensor([[[True, True, False]], [[False, False, False]]])
    expected = point_metrics(p, g, mask)["rel_point"]
    p[0, 0, 2] = torch.nan
    values = point_metrics(p, g, mask)
    assert values["rel_point"][0] == expected[0]
    assert values["rel_point"][1].isnan()
    assert values["delta_point"].isnan().tolist() == [False, True]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.25, 4), arrays(np.float64, (3,), elements=st.floats(-2, 2)), st.integers(0, 9))
def test_known_fits_are_found_beside_an_outlier(scale: float, shift: Cloud, outlier: int) -> None:
    """Points that are a scaled and shifted truth but for one are fitted exactly: the error is absolute, not squared."""
    truth = torch.rand(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 1
    prediction = (truth - torch.from_numpy(shift)) / scale
    truth[outlier] += 3
    found_scale, found_shift = fit_points(prediction, truth, 1 / truth.norm(dim=1), "scale-shift")
    assert found_scale.item() == pytest.approx(scale, abs=1e-6)
    assert found_shift.tolist() == pytest.approx(shift.tolist(), abs=1e-6)


def test_points_without_weight_fit_nothing() -> None:
    """No point of positive weight, or no point at all, gives NaN; weightless points have no say."""
    for count in (0, 3):
        scale, shift = fit_points(P[:count], G[:count], torch.zeros(count), "scale-shift")
        assert scale.isnan()
        assert shift.isnan().all()
    weight = torch.tensor([1.0, 1.0, 0.0])
    moved = P.clone()
    moved[2] = 1e6
    assert fit_points(moved, G, weight, "scale")[0] == fit_points(P, G, weight, "scale")[0]


def test_few_right_points_give_their_share() -> None:
    """MDEC: below a thousandth on both sides, F and IoU are the share itself rather than a quotient of crumbs."""
    distances = np.full(2000, 5.0)
    distances[0] = 0.01
    scores = cloud_scores(distances, distances)
    assert (scores["f_score"], scores["iou"]) == pytest.approx((0.05, 0.05))


def test_bad_input_is_refused() -> None:
    """Shapes, empty or broken clouds and unknown fits are named in a sentence."""
    with pytest.raises(ValueError, match=r"the intrinsics \(B, 3, 3\)"):
        back_project(TRUTH, CAMERA[0])
    with pytest.raises(ValueError, match=r"the true cloud must be \(N, 3\) and not empty"):
        nearest_distances(np.ones((1, 3)), np.ones((0, 3)))
    with pytest.raises(ValueError, match="the predicted cloud holds 1 points not finite"):
        nearest_distances(np.array([[0, np.nan, 1]]), np.ones((1, 3)))
    with pytest.raises(ValueError, match="unknown fit 'affine'; known: none, shift, scale, scale-shift"):
        fit_points(P, G, torch.ones(3), "affine")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"points must be \(N, 3\)"):
        fit_points(P, G[:2], torch.ones(3), "scale")
    with pytest.raises(ValueError, match=r"float \(B, H, W, 3\)"):
        point_metrics(TRUTH, TRUTH, TRUTH > 0)
