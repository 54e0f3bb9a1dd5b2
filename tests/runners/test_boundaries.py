"""Boundary metrics: the reference values, slow and obvious re-tellings of each definition, masks and speed."""

import time
from itertools import groupby

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from runners.boundaries import boundary_f1, canny_edges, edge_errors, matting_recall, si_boundary_f1
from tests.runners.factories import plane

DEPTHS = arrays(np.float64, (6, 7), elements=st.sampled_from([1.0, 1.04, 1.1, 1.2, 1.3, 2.0]))
MASKS = arrays(np.bool_, (6, 7))
THRESHOLDS = np.linspace(1.05, 1.25, 10)
Map = NDArray[np.float64]


def square(rows: slice, columns: slice, far: float) -> torch.Tensor:
    """A 5x5 map: a nearer rectangle at 1 m before a wall."""
    depth = torch.full((1, 5, 5), far, dtype=torch.float64)
    depth[:, rows, columns] = 1
    return depth


TRUTH, SHIFTED = square(slice(1, 4), slice(1, 4), 2.0), square(slice(1, 4), slice(2, 5), 2.2)
EVERYWHERE = torch.ones(1, 5, 5, dtype=torch.bool)


def batch(depth: Map) -> torch.Tensor:
    """A batch of one map out of numpy."""
    return torch.from_numpy(depth)[None]


def test_depth_pro_reference_values() -> None:
    """Vector T8: itself, a multiple of itself, a shifted square; a zero in the truth makes edges of its own."""
    hole = TRUTH.clone()
    hole[0, 2, 2] = 0
    for p, g, value in ((TRUTH, TRUTH, 1), (3 * TRUTH, TRUTH, 1), (SHIFTED, TRUTH, 1 / 3), (TRUTH, hole, 6 / 7)):
        assert si_boundary_f1(p, g).item() == pytest.approx(value, abs=1e-6)
    assert si_boundary_f1(TRUTH, hole, hole > 0).item() == 1
    assert matting_recall(SHIFTED, TRUTH < 1.5).item() == pytest.approx(1 / 3, abs=1e-6)


def test_moge_reference_values() -> None:
    """Vector T8: itself, and the shifted square at radius 1 and 2."""
    for p, radius, value in ((TRUTH, 1, 1), (SHIFTED, 1, 0.421053), (SHIFTED, 2, 0.6)):
        assert boundary_f1(p, TRUTH, EVERYWHERE, radius).item() == pytest.approx(value, abs=1e-6)


def test_what_a_perfect_prediction_scores() -> None:
    """Vector T8: a vertical step has edges in one direction of four, a flat map in none; MoGe pools the directions."""
    step, flat = plane([[1, 1, 2, 2]] * 3), plane([[3, 3, 3, 3]] * 3)
    assert si_boundary_f1(step, step).item() == pytest.approx(0.25)
    assert boundary_f1(step, step, step > 0).item() == pytest.approx(1)
    assert (si_boundary_f1(flat, flat).item(), boundary_f1(flat, flat, flat > 0).item()) == (0, 0)


def test_thresholds_meet_single_precision_as_numpy_does() -> None:
    """A ratio just at a threshold falls on the same side as in numpy, which compares in double precision."""
    ratios = np.float32(1.0) * THRESHOLDS.astype(np.float32)
    for ratio in ratios:
        depth = np.array([[ratio, 1]], dtype=np.float32)
        inverse = 1 / depth
        hits = (inverse[0, 1] / inverse[0, 0]).astype(np.float64) > THRESHOLDS
        expected = float((0.25 * hits * THRESHOLDS).sum() / THRESHOLDS.sum())
        assert si_boundary_f1(torch.from_numpy(depth)[None], torch.from_numpy(depth)[None]).item() == pytest.approx(
            expected, abs=1e-12
        )


def told_slowly(p: Map, g: Map, mask: NDArray[np.bool_]) -> float:
    """Depth Pro's F1, map by map and threshold by threshold."""
    near_p, near_g = 1 / p, 1 / g
    scores = []
    for t in THRESHOLDS:
        precision, recall = [], []
        for turns in range(4):
            a, b, m = (np.rot90(x, turns) for x in (near_p, near_g, mask))
            valid = m[:, 1:] & m[:, :-1]
            found, true = (valid & (x[:, 1:] / x[:, :-1] > t) for x in (a, b))
            precision.append((found & true).sum() / max(found.sum(), 1))
            recall.append((found & true).sum() / max(true.sum(), 1))
        both = np.mean(precision) + np.mean(recall)
        scores.append(2 * np.mean(precision) * np.mean(recall) / both if both else 0.0)
    return float(np.average(scores, weights=THRESHOLDS))


@settings(max_examples=40, deadline=None)
@given(DEPTHS, DEPTHS, MASKS)
def test_depth_pro_equals_its_slow_telling(p: Map, g: Map, mask: NDArray[np.bool_]) -> None:
    """All thresholds in one pass give the same as one after another, with and without a mask."""
    everywhere = np.ones_like(mask)
    assert si_boundary_f1(batch(p), batch(g)).item() == pytest.approx(told_slowly(p, g, everywhere), abs=1e-12)
    if mask.any():
        value = si_boundary_f1(batch(p), batch(g), batch(mask)).item()
        assert value == pytest.approx(told_slowly(p, g, mask), abs=1e-12)


def moge_told_slowly(p: Map, g: Map, mask: NDArray[np.bool_], radius: int) -> float:
    """MoGe's F1, pixel by pixel."""
    jumps = torch.linspace(0.05, 0.25, 10).tolist()
    counts = np.zeros((10, 3))
    height, width = mask.shape
    steps = range(-radius, radius + 1)
    disc = [(y, x) for y in steps for x in steps if 0 < y * y + x * x <= radius * radius]
    for row in range(radius, height - radius):
        for column in range(radius, width - radius):
            for down, right in disc:
                far = (row + down, column + right)
                if not (mask[row, column] and mask[far]):
                    continue
                for k, t in enumerate(jumps):
                    found, true = (x[far] / x[row, column] > 1 + t for x in (p, g))
                    counts[k] += (found, true, found and true)
    found, true, common = counts.T
    precision, recall = common / np.maximum(found, 1), common / np.maximum(true, 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(np.average(f1, weights=jumps))


@settings(max_examples=15, deadline=None)
@given(DEPTHS, DEPTHS, MASKS, st.integers(1, 2))
def test_moge_equals_its_slow_telling(p: Map, g: Map, mask: NDArray[np.bool_], radius: int) -> None:
    """The windows of all pixels at once give the same as one pixel after another."""
    if mask.any():
        value = boundary_f1(batch(p), batch(g), batch(mask), radius).item()
        assert value == pytest.approx(moge_told_slowly(p, g, mask, radius), abs=1e-12)


def matting_told_slowly(p: Map, inside: NDArray[np.bool_]) -> float:
    """Depth Pro's recall on mattes: runs found by walking, the first largest pixel of each kept."""
    scores = []
    for t in THRESHOLDS:
        recall = []
        for near, matte in ((1 / p, inside), (1 / p.T, inside.T)):
            for ratio, outline in (
                (near[:, 1:] / near[:, :-1], matte[:, 1:] & ~matte[:, :-1]),
                (near[:, :-1] / near[:, 1:], matte[:, :-1] & ~matte[:, 1:]),
            ):
                kept = np.zeros_like(outline)
                for row in range(len(ratio)):
                    columns = enumerate(ratio[row])
                    for above, run in groupby(columns, key=lambda item, t=t: item[1] > t):  # type: ignore[misc]
                        if above:
                            kept[row, max(run, key=lambda item: item[1])[0]] = True
                recall.append((kept & outline).sum() / max(outline.sum(), 1))
        scores.append(np.mean(recall))
    return float(np.average(scores, weights=THRESHOLDS))


@settings(max_examples=40, deadline=None)
@given(DEPTHS, MASKS)
def test_matting_recall_equals_its_slow_telling(p: Map, inside: NDArray[np.bool_]) -> None:
    """Runs found without a loop over pixels are the same runs, with ties and at the ends of rows."""
    value = matting_recall(batch(p), batch(inside.astype(np.float64))).item()
    assert value == pytest.approx(matting_told_slowly(p, inside), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(DEPTHS, DEPTHS, MASKS, st.sampled_from([0.25, 8.0]))
def test_scale_and_masked_pixels_never_matter(p: Map, g: Map, mask: NDArray[np.bool_], scale: float) -> None:
    """A power of two as scale changes no ratio; NaN, infinity and zero under the mask change nothing."""
    if not mask.any():
        return
    m = batch(mask)
    rubbish = np.resize([np.nan, np.inf, 0.0, -1.0], mask.shape)
    broken = batch(np.where(mask, scale * p, rubbish)), batch(np.where(mask, g, rubbish))
    assert si_boundary_f1(*broken, m).item() == si_boundary_f1(batch(p), batch(g), m).item()
    assert boundary_f1(*broken, m).item() == boundary_f1(batch(p), batch(g), m).item()


def test_empty_mask_is_nan_beside_its_neighbours() -> None:
    """An image without a valid pixel has no value; the other one of the batch has the value that it has alone."""
    p, g = torch.cat([SHIFTED, SHIFTED]), torch.cat([TRUTH, TRUTH])
    mask = torch.cat([~EVERYWHERE, EVERYWHERE])
    for values, alone in (
        (si_boundary_f1(p, g, mask), si_boundary_f1(SHIFTED, TRUTH)),
        (boundary_f1(p, g, mask), boundary_f1(SHIFTED, TRUTH, EVERYWHERE)),
    ):
        assert values[0].isnan()
        assert values[1] == alone[0]


def test_nan_predictions_are_no_edges() -> None:
    """A NaN at a valid pixel can only cost recall."""
    holed = TRUTH.clone()
    holed[0, 2, 1] = torch.nan
    assert 0 < si_boundary_f1(holed, TRUTH).item() < 1


def test_mdec_edges_of_a_step() -> None:
    """The distances are those of a full table of distances between edge pixels."""
    depth = np.where(np.arange(40)[None] < 20, 2.0, 5.0) * np.ones((30, 1))
    edges = np.zeros((30, 40), dtype=bool)
    edges[:, 22] = True
    found = canny_edges(np.log(depth), sigma=1)
    table = cdist(np.argwhere(found), np.argwhere(edges))
    accuracy, completeness = edge_errors(depth, edges)
    assert accuracy == pytest.approx(table.min(axis=1).mean())
    assert completeness == pytest.approx(table.min(axis=0).mean())


def test_mdec_without_edges() -> None:
    """No predicted edge near a true one gives 10 and 10; no true edge gives no value."""
    edges = np.zeros((30, 40), dtype=bool)
    flat = np.full((30, 40), 3.0)
    assert all(np.isnan(edge_errors(flat, edges)))
    edges[5, 5] = True
    assert edge_errors(flat, edges) == (10, 10)


def test_bad_input_is_refused() -> None:
    """Shapes, types and windows that do not fit are named in a sentence."""
    with pytest.raises(ValueError, match=r"must be float \(B, H, W\)"):
        si_boundary_f1(TRUTH, TRUTH[:, 1:])
    with pytest.raises(ValueError, match=r"depth must be floating point, not torch\.int64"):
        si_boundary_f1(TRUTH.long(), TRUTH.long())
    with pytest.raises(ValueError, match="radius 3 does not fit into a map of 5x5 pixels"):
        boundary_f1(TRUTH, TRUTH, EVERYWHERE, 3)
    with pytest.raises(ValueError, match=r"\(H, W\) maps of one size"):
        edge_errors(np.ones((3, 4)), np.ones((4, 3), dtype=bool))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu() -> None:
    """The counts of edges are whole numbers and the same on both devices."""
    p, g = (torch.rand(2, 40, 50, generator=torch.Generator().manual_seed(seed)) + 0.5 for seed in (0, 1))
    mask = p > 0.6
    for score in (si_boundary_f1, boundary_f1):
        torch.testing.assert_close(score(p.cuda(), g.cuda(), mask.cuda()).cpu(), score(p, g, mask))


def test_depth_pro_is_fast() -> None:
    """A 480x640 image full of edges takes far less than the 0.09 to 0.2 s of the reference on an idle core."""
    noise = torch.rand(2, 480, 640, generator=torch.Generator().manual_seed(0)) + 0.5
    times = []
    for _ in range(3):
        start = time.process_time()
        si_boundary_f1(noise[:1], noise[1:])
        times.append(time.process_time() - start)
    assert min(times) < 0.2
