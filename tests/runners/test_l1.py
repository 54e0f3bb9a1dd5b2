"""Fits of least absolute error: the reference's numbers, and that no other line is better."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runners.align import align
from runners.l1 import l1_line, l1_scale, masked_nearest
from runners.metrics import depth_metrics

G, P = torch.tensor([1.0, 2, 4, 10], dtype=torch.float64), torch.tensor([1, 1.5, 2, 9], dtype=torch.float64)
# Coarse values, so that points coincide, share an abscissa and lie on common lines.
COARSE = arrays(np.float64, (2, 9), elements=st.integers(1, 6).map(float))
FINE = arrays(np.float64, (2, 9), elements=st.floats(0.125, 100, width=32))


def loss(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> float:
    """The error that the fits minimise."""
    return float((w * (a * x + b - y).abs()).sum())


def test_weighted_l1_of_the_reference() -> None:
    """Vector T7: scale 10/9 with loss .722222; line 1.125 x - .125."""
    scale, nothing = l1_scale(P, G, 1 / G), torch.zeros((), dtype=torch.float64)
    assert scale.item() == pytest.approx(10 / 9)
    assert loss(scale, nothing, P, G, 1 / G) == pytest.approx(0.722222, abs=1e-6)
    assert [value.item() for value in l1_line(P, G, 1 / G)] == pytest.approx([1.125, -0.125])


@pytest.mark.parametrize(("mode", "abs_rel", "delta"), [("scale", 0.180556, 0.75), ("scale-shift", 0.171875, 0.5)])
def test_weighted_l1_as_alignment(mode: str, abs_rel: float, delta: float) -> None:
    """Vector T7 through the alignment, whose 64x64 grid repeats each of the four pixels alike."""
    g, p = G.reshape(1, 2, 2), P.reshape(1, 2, 2)
    fit = align(p, g, g > 0, mode, estimator="weighted L1")
    values = depth_metrics(fit.depth, g, g > 0)
    assert values["abs_rel"].item() == pytest.approx(abs_rel, abs=1e-6)
    assert values["delta1"].item() == delta


@settings(max_examples=150, deadline=None)
@given(st.one_of(COARSE, FINE))
def test_no_line_through_two_points_is_better(points: np.ndarray) -> None:
    """Property: the minimum of a piecewise linear error lies on a line through two points; none of them beats ours."""
    x, y = torch.from_numpy(points)
    if bool((x == x[0]).all()):
        return
    found = loss(*l1_line(x, y, 1 / y), x, y, 1 / y)
    for i, j in itertools.combinations(range(len(x)), 2):
        if x[i] != x[j]:
            a = (y[i] - y[j]) / (x[i] - x[j])
            assert found <= loss(a, y[i] - a * x[i], x, y, 1 / y) * (1 + 1e-9) + 1e-9


@settings(max_examples=100, deadline=None)
@given(st.one_of(COARSE, FINE))
def test_no_scale_through_a_point_is_better(points: np.ndarray) -> None:
    """Property: the best scale is the ratio of some point, and ours is at least as good as each."""
    x, y = torch.from_numpy(points)
    nothing = torch.zeros((), dtype=torch.float64)
    found = loss(l1_scale(x, y, 1 / y), nothing, x, y, 1 / y)
    assert all(found <= loss(y[i] / x[i], nothing, x, y, 1 / y) * (1 + 1e-9) for i in range(len(x)))


def test_negative_slope_is_kept() -> None:
    """Vector T6: the reversed ramp has slope -1 and shift 13, as MoGe leaves it."""
    y = torch.arange(1.0, 13.0, dtype=torch.float64)
    assert [value.item() for value in l1_line(13 - y, y, 1 / y)] == pytest.approx([-1, 13])


def test_grid_takes_the_nearest_valid_pixel_of_each_cell() -> None:
    """Cells of 2x2 pixels: a full cell takes its first pixel, one with a hole another, an empty one none."""
    mask = torch.ones(1, 4, 4, dtype=torch.bool)
    mask[0, 0, 2] = False
    mask[0, 2:, 2:] = False
    index, found = masked_nearest(mask, 2, 2)
    assert found.tolist() == [[True, True, True, False]]
    assert index[0, :3].tolist() == [0, 3, 8]


def test_grid_finer_than_the_image_repeats_pixels() -> None:
    """A 2x2 image on a 4x4 grid: each pixel fills four cells."""
    index, found = masked_nearest(torch.ones(1, 2, 2, dtype=torch.bool), 4, 4)
    assert found.all()
    assert index.reshape(4, 4).tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2
