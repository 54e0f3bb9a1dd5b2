"""Alignment: the reference implementations' numbers, degenerate fits, and the mathematics as properties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runners.align import MIN_PIXELS, Aligned, align
from runners.metrics import depth_metrics
from runners.solvers import SOLVERS
from tests.runners.factories import plane

# Depths and predictions that float64 sums can tell apart.
VALUES = st.floats(0.125, 100, width=32)
MAPS = arrays(np.float64, (1, 4, 5), elements=VALUES)

EVERY_FIT = [(mode, estimator) for mode, known in SOLVERS.items() if mode != "none" for estimator in known]
"""Every mode that fits with every estimator that it has."""


def approx(tensor: torch.Tensor, expected: object, tolerance: float = 2e-6) -> bool:
    """Whether every value is the expected one to the digits that the vectors have."""
    return torch.allclose(tensor, torch.as_tensor(expected, dtype=tensor.dtype), atol=tolerance, rtol=0)


def test_scale_and_shift_in_depth_as_the_references_fit_it() -> None:
    """Vector T3: fit over the four pixels within the caps, s = 11.5 and t = 0.65."""
    g, p = plane([[2, 4, 6], [9, 0, 20]]), plane([[0.1, 0.3, 0.5], [0.7, 0.4, 0.9]])
    mask = (g > 1e-3) & (g < 10)
    fit = align(p, g, mask, "scale-shift")
    assert approx(fit.scale, [11.5])
    assert approx(fit.shift, [0.65])
    assert approx(fit.depth[mask], [1.8, 4.1, 6.4, 8.7])
    values = depth_metrics(fit.depth, g, mask)
    expected = {"abs_rel": 0.05625, "sq_rel": 0.014792, "rmse": 0.273861, "rmse_log": 0.06524, "log10": 0.024808}
    expected |= {"delta1": 1, "irmse": 0.02849, "silog": 6.402993}
    for name, value in expected.items():
        assert approx(values[name], [value]), name


def test_scale_and_shift_in_disparity_as_the_references_fit_it() -> None:
    """Vector T4: fit in disparity, then clamped to 80 m (Marigold) or floored at 1/10 m (MiDaS, MoGe)."""
    g, p = plane([[1, 2, 4], [5, 10, 0]]), plane([[10, 6, 3], [1, 0.5, 4]])
    fit = align(p, g, g > 0, "scale-shift-disparity", floor=1e-3)
    assert approx(fit.scale, [0.089952])
    assert approx(fit.shift, [0.041198])
    assert approx(fit.depth[g > 0], [1.063021, 1.721442, 3.214886, 7.624885, 11.604478], 2e-5)
    wide = depth_metrics(fit.depth.clamp(1e-3, 80), g, g > 0)
    for name, value in {"abs_rel": 0.216801, "sq_rel": 0.366462, "rmse": 1.425647, "silog": 22.816941}.items():
        assert approx(wide[name], [value]), name
    floored = align(p, g, g > 0, "scale-shift-disparity", floor=torch.tensor([0.1]))
    near = depth_metrics(floored.depth, g, g > 0)
    expected = {"abs_rel": 0.184711, "rmse": 1.231908, "rmse_log": 0.224517, "log10": 0.073967, "silog": 22.334434}
    for name, value in (expected | {"delta1": 0.8, "one_minus_delta1_pct": 20.0}).items():
        assert approx(near[name], [value]), name


def test_median_scaling_takes_the_mean_of_the_two_middle_values() -> None:
    """Vector T5: numpy medians 3 and 2, so the scale is 1.5."""
    g, p = plane([[1, 2], [4, 8]]), plane([[1, 1], [3, 5]])
    fit = align(p, g, g > 0, "median")
    assert approx(fit.scale, [1.5])
    values = depth_metrics(fit.depth, g, g > 0)
    expected = {"abs_rel": 0.234375, "sq_rel": 0.117188, "rmse": 0.5, "rmse_log": 0.257488, "delta1": 0.5, "delta2": 1}
    for name, value in expected.items():
        assert approx(values[name], [value]), name


def test_median_scaling_with_the_lower_median() -> None:
    """Vector T5: torch's medians 2 and 1, so the scale is 2 and every number is another one."""
    g, p = plane([[1, 2], [4, 8]]), plane([[1, 1], [3, 5]])
    fit = align(p, g, g > 0, "median", estimator="lower median")
    assert approx(fit.scale, [2.0])
    values = depth_metrics(fit.depth, g, g > 0)
    expected = {"abs_rel": 0.4375, "rmse": 1.5, "sq_rel": 0.625, "silog": 25.391356, "delta1": 0.25, "delta2": 0.75}
    for name, value in expected.items():
        assert approx(values[name], [value]), name


def test_ridge_gives_the_aligned_values_of_the_plain_fit() -> None:
    """Vector T3: UniDepth's fit with 1e-9 on the diagonal agrees to about 1e-8."""
    g, p = plane([[2, 4, 6], [9, 0, 20]]), plane([[0.1, 0.3, 0.5], [0.7, 0.4, 0.9]])
    mask = (g > 1e-3) & (g < 10)
    assert approx(align(p, g, mask, "scale-shift", estimator="ridge least squares").depth[mask], [1.8, 4.1, 6.4, 8.7])


@pytest.mark.parametrize(
    ("estimator", "scale", "shift"),
    [
        ("least squares", 1.2, 2.4),
        ("ridge least squares", 1.2, 2.4),
        ("least squares else lower median", 3, 1.5),
        ("least squares else zero", 0, 0),
        ("weighted L1", -4e7, 2e7 + 5),
    ],
)
def test_constant_prediction_as_each_reference_treats_it(estimator: str, scale: float, shift: float) -> None:
    """Vector T6: all 0.5 against a mean of 3; flagged, whatever the estimator does with it."""
    g = plane([[1, 2], [4, 5]]).repeat(1, 1, 4)
    fit = align(torch.full_like(g, 0.5), g, g > 0, "scale-shift", estimator=estimator)
    assert approx(fit.scale, [scale])
    assert approx(fit.shift, [shift])
    assert fit.degenerate.tolist() == [True]


def test_constant_disparity_becomes_the_cap_under_midas() -> None:
    """Vector T6: without a determinant scale and shift are 0, and the floor of 1/10 makes everything 10 m."""
    g = plane([[1, 2], [4, 5]])
    half = torch.full_like(g, 0.5)
    fit = align(half, g, g > 0, "scale-shift-disparity", estimator="least squares else zero", floor=0.1)
    assert approx(fit.depth, torch.full_like(g, 10.0))
    least_norm = align(half, g, g > 0, "scale-shift-disparity")
    assert approx(torch.stack([least_norm.scale, least_norm.shift]), [[0.195], [0.39]])


def test_reversed_ramp_under_metric3d_falls_back_to_medians() -> None:
    """Vector T6: the slope of -1 gives way to the ratio of the lower medians, which is 1; ten pixels are not fitted."""
    g = torch.arange(1.0, 13.0, dtype=torch.float64).reshape(1, 3, 4)
    fit = align(13 - g, g, g > 0, "scale-shift", estimator="least squares else lower median")
    assert approx(fit.scale, [1.0])
    assert approx(fit.depth, 13 - g)
    assert fit.degenerate.tolist() == [True]
    few = align(g * 3, g, g < 11, "scale-shift", estimator="least squares else lower median")
    assert (few.scale.item(), few.shift.item()) == (1, 0)
    assert few.degenerate.tolist() == [True]


def test_fit_over_positive_predictions_scores_the_others_too() -> None:
    """Marigold's fit in disparity leaves out what is not positive; the map is aligned everywhere."""
    g = torch.linspace(1, 8, 24, dtype=torch.float64).reshape(1, 4, 6)
    p = (1 / g - 0.1) / 2
    p[0, 0, :3] = -5.0
    fit = align(p, g, g > 0, "scale-shift-disparity", estimator="least squares over positive predictions", floor=0.001)
    assert approx(torch.stack([fit.scale, fit.shift]), [[2.0], [0.1]])
    assert approx(fit.depth[0, 0, :3], [1000.0] * 3)
    assert fit.degenerate.tolist() == [False]
    nothing = align(-p.abs(), g, g > 0, "scale-shift-disparity", estimator="least squares over positive predictions")
    assert nothing.degenerate.tolist() == [True]


def test_log_scale_is_the_geometric_mean_of_the_ratios() -> None:
    """Log-space least squares: ratios 2 and 8 give 4; a prediction that is not positive gives no number."""
    g, p = plane([[2, 8]]), plane([[1, 1]])
    assert approx(align(p, g, g > 0, "log-scale").scale, [4.0])
    assert align(-p, g, g > 0, "log-scale").scale.isnan().all()


@pytest.mark.parametrize("estimator", ["trimmed least squares", "least absolute deviations"])
def test_robust_fits_do_not_see_a_tenth_of_outliers(estimator: str) -> None:
    """Every tenth pixel is far off, and the line is still that of the others."""
    p = torch.linspace(0, 1, 200, dtype=torch.float64).reshape(1, 10, 20)
    g = 3 * p + 1
    g.view(-1)[::10] += 7
    fit = align(p, g, g > 0, "scale-shift", estimator=estimator)
    assert approx(torch.stack([fit.scale, fit.shift]), [[3.0], [1.0]])
    assert not approx(align(p, g, g > 0, "scale-shift").shift, [1.0], 0.1)


def test_median_and_mean_deviation_brings_both_to_those_of_the_truth() -> None:
    """Medians 2 and 20, mean deviations 2/3 and 20/3: scale 10, no shift."""
    fit = align(
        plane([[1, 2, 3]]),
        plane([[10, 20, 30]]),
        plane([[1, 1, 1]]) > 0,
        "scale-shift",
        estimator="median and mean deviation",
    )
    assert approx(torch.stack([fit.scale, fit.shift]), [[10.0], [0.0]])


def test_unknown_estimator_is_named() -> None:
    """An estimator that a mode does not have is refused with those that it has."""
    g = torch.ones(1, 2, 2)
    with pytest.raises(ValueError, match="mode 'median' has no estimator 'least squares'; known: numpy median, lower"):
        align(g, g, g > 0, "median", estimator="least squares")


def test_reversed_prediction_fits_perfectly_and_is_called_degenerate() -> None:
    """Vector T6: a reversed ramp has s = -1, t = 13 and no error at all, which nobody should take for depth."""
    g = torch.arange(1.0, 13.0, dtype=torch.float64).reshape(1, 3, 4)
    fit = align(13 - g, g, g > 0, "scale-shift")
    assert approx(fit.scale, [-1])
    assert approx(fit.shift, [13])
    assert approx(fit.depth, g)
    assert fit.degenerate.tolist() == [True]


@pytest.mark.parametrize(("mode", "estimator"), EVERY_FIT)
def test_empty_mask_gives_no_number(mode: str, estimator: str) -> None:
    """Vector T6: without a valid pixel there is no fit, which is flagged; only Metric3D has one, the identity."""
    g = torch.ones(1, 2, 2)
    fit = align(g, g, torch.zeros(1, 2, 2, dtype=torch.bool), mode, estimator=estimator)
    assert fit.degenerate.all()
    if estimator != "least squares else lower median":
        assert fit.scale.isnan().all()
        assert fit.depth.isnan().all()


@pytest.mark.parametrize(("mode", "estimator"), EVERY_FIT)
def test_every_fit_recovers_the_truth_and_sees_no_masked_pixel(mode: str, estimator: str) -> None:
    """Each estimator undoes what its mode can, with NaN, infinity and zero outside the mask, in float32 as well."""
    g = torch.rand(2, 12, 15, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 8 + 1
    p = {"scale-shift": (g - 0.5) / 2, "scale-shift-disparity": (1 / g + 0.25) / 2}.get(mode, g / 2)
    mask = torch.ones_like(g, dtype=torch.bool)
    for place, (bad_p, bad_g) in enumerate([(torch.nan, 1.0), (torch.inf, 0.0), (0.0, torch.inf), (1.0, torch.nan)]):
        mask[:, 0, place] = False
        p[:, 0, place], g[:, 0, place] = bad_p, bad_g
    fit = align(p, g, mask, mode, estimator=estimator)
    assert approx(fit.depth[mask], g[mask], 1e-6)
    assert not fit.degenerate.any()
    single = align(p.float(), g.float(), mask, mode, estimator=estimator)
    assert torch.allclose(single.depth[mask].double(), g[mask], rtol=1e-5)
    alone = align(p[1:], g[1:], mask[1:], mode, estimator=estimator)
    assert torch.equal(alone.scale, fit.scale[1:])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu() -> None:
    """Every fit is the same on both devices."""
    generator = torch.Generator().manual_seed(6)
    g, p = (torch.rand(2, 70, 90, generator=generator, dtype=torch.float64) + 1 for _ in range(2))
    mask = torch.rand(2, 70, 90, generator=generator) > 0.2
    for mode, estimator in EVERY_FIT:
        here = align(p, g, mask, mode, estimator=estimator)
        there = align(p.cuda(), g.cuda(), mask.cuda(), mode, estimator=estimator)
        assert torch.allclose(there.depth.cpu(), here.depth, rtol=1e-9), (mode, estimator)
        assert torch.equal(there.degenerate.cpu(), here.degenerate), (mode, estimator)


def test_few_pixels_are_called_degenerate() -> None:
    """A fit over fewer than the smallest number of pixels is flagged, one over just enough is not."""
    g = torch.arange(1.0, 13.0).reshape(1, 3, 4)
    enough = torch.arange(12).reshape(1, 3, 4) < MIN_PIXELS
    assert not align(g, g, enough, "scale-shift").degenerate.any()
    few = torch.arange(12).reshape(1, 3, 4) < MIN_PIXELS - 1
    assert align(g, g, few, "scale-shift").degenerate.all()


def test_what_is_masked_may_be_nan() -> None:
    """Values outside the mask never reach a sum."""
    g, p = torch.arange(1.0, 13.0).reshape(1, 3, 4), torch.arange(2.0, 26.0, 2).reshape(1, 3, 4)
    mask = torch.ones_like(g, dtype=torch.bool)
    mask[0, 0, 0] = False
    g[0, 0, 0], p[0, 0, 0] = torch.inf, torch.nan
    for mode in ("median", "scale", "scale-shift"):
        assert approx(align(p, g, mask, mode).scale, [0.5]), mode


def test_disparity_that_is_not_positive_is_infinitely_far_without_a_floor() -> None:
    """Inverting a negative disparity would put a pixel behind the camera."""
    g = plane([[1, 2, 4, 5]])
    fit = align(plane([[1, 0.5, -3, 0.2]]), g, plane([[1, 1, 0, 1]]).bool(), "scale-shift-disparity")
    assert fit.depth[0, 0, 2] == torch.inf


def test_pixels_at_the_floor_are_counted() -> None:
    """Masked pixels whose aligned disparity is below the floor of their image count; other modes have none."""
    g = plane([[1, 2, 4, 5, 10]]).expand(2, 1, 5)
    p = (1 / g).clone()
    p[0, 0, 0] = -9.0
    mask = torch.tensor([[[False, True, True, True, True]], [[True] * 5]])
    fit = align(p, g, mask, "scale-shift-disparity", floor=torch.tensor([0.22, 0.05]))
    assert fit.floored.tolist() == [2, 0]
    assert align(p, g, mask, "scale-shift-disparity").floored.tolist() == [0, 0]
    assert align(p, g, mask, "median").floored.tolist() == [0, 0]


@pytest.mark.parametrize(("height", "width", "longest"), [(2, 6048, 1024), (9, 640, 100), (700, 300, 173), (5, 97, 96)])
def test_fit_at_most_so_large_sees_the_columns_that_marigold_picks(height: int, width: int, longest: int) -> None:
    """The upsampler gets a map as rows of values, so that columns are left out and rows stay; the whole is aligned."""
    generator = torch.Generator().manual_seed(9)
    p, g = (torch.rand(1, height, width, generator=generator) * 5 + 1 for _ in range(2))
    mask = torch.rand(1, height, width, generator=generator) > 0.3
    factor = min(longest / height, longest / width)
    down = torch.nn.Upsample(scale_factor=factor, mode="nearest")
    seen = (down(p), down(g), down(mask.float()) > 0.5)
    assert seen[0].shape == (1, height, int(width * factor))
    fit, small = align(p, g, mask, "scale-shift", fit_max_res=longest), align(*seen, "scale-shift")
    assert torch.equal(torch.stack([fit.scale, fit.shift]), torch.stack([small.scale, small.shift]))
    assert fit.depth.shape == p.shape
    assert not torch.equal(fit.scale, align(p, g, mask, "scale-shift").scale)
    places = (torch.arange(seen[0].shape[2], dtype=torch.float32) * torch.tensor(1 / factor)).long()
    assert torch.equal(seen[0], p[..., places.clamp(max=width - 1)])


def test_fit_of_a_small_map_sees_every_column() -> None:
    """Where no side is longer than asked, or nothing is asked, nothing is left out; zero pixels are refused."""
    generator = torch.Generator().manual_seed(9)
    p, g = (torch.rand(1, 8, 9, generator=generator) + 1 for _ in range(2))
    whole = align(p, g, g > 0, "scale-shift").scale
    assert all(torch.equal(align(p, g, g > 0, "scale-shift", fit_max_res=r).scale, whole) for r in (9, 1024))
    with pytest.raises(ValueError, match="fit_max_res must be a number of pixels, not 0"):
        align(p, g, g > 0, "scale-shift", fit_max_res=0)


@pytest.mark.parametrize("mode", ["scale-shift", "scale-shift-disparity"])
def test_map_of_several_tiles_is_aligned_everywhere(mode: str) -> None:
    """A map larger than a tile is the fitted line at every pixel, and the given prediction stays what it was."""
    g = torch.rand(2, 200, 301, generator=torch.Generator().manual_seed(9), dtype=torch.float64) * 8 + 1
    p = (g if mode == "scale-shift" else 1 / g) * 3 - 0.1
    given = p.clone()
    fit = align(p, g, g > 2, mode)
    assert approx(fit.depth, g, 1e-9)
    assert torch.equal(p, given)


def test_batch_is_the_same_as_one_by_one() -> None:
    """Each image has its own fit, whatever stands beside it."""
    generator = torch.Generator().manual_seed(1)
    g, p = torch.rand(3, 6, 7, generator=generator) + 1, torch.rand(3, 6, 7, generator=generator)
    mask = torch.rand(3, 6, 7, generator=generator) > 0.3
    whole = align(p, g, mask, "scale-shift")
    for i in range(3):
        single = align(p[i : i + 1], g[i : i + 1], mask[i : i + 1], "scale-shift")
        assert torch.equal(single.depth[0], whole.depth[i])


def test_float32_input_keeps_float64_sums() -> None:
    """A large offset, on which float32 sums would lose the fit, does not hurt."""
    p = torch.linspace(0, 1, 4_000_000).reshape(1, 2000, 2000) + 1000
    fit = align(p, (p - 1000) * 2 + 5, torch.ones_like(p, dtype=torch.bool), "scale-shift")
    assert approx(fit.scale, [2.0], 1e-4)
    assert fit.depth.dtype == torch.float32


@pytest.mark.parametrize(
    ("mode", "floor", "message"),
    [("affine", None, "unknown alignment mode 'affine'"), ("scale", 0.1, "but the mode is 'scale'")],
)
def test_wrong_arguments_are_named(mode: str, floor: float | None, message: str) -> None:
    """A mode that does not exist and a floor without disparity are refused in words."""
    g = torch.ones(1, 2, 2)
    with pytest.raises(ValueError, match=message):
        align(g, g, g > 0, mode, floor=floor)


def test_wrong_tensors_are_refused() -> None:
    """Shapes that differ, a mask of numbers and integer depth are refused in words."""
    g = torch.ones(1, 2, 2)
    with pytest.raises(ValueError, match=r"\(B, H, W\)"):
        align(torch.ones(1, 2, 3), g, g > 0, "none")
    with pytest.raises(ValueError, match="boolean"):
        align(g, g, g, "none")
    with pytest.raises(ValueError, match="floating point"):
        align(g.int(), g, g > 0, "none")
    with pytest.raises(ValueError, match="floor must be positive"):
        align(g, g, g > 0, "scale-shift-disparity", floor=0.0)


def _spread(values: np.ndarray) -> bool:
    return bool(np.ptp(values) > 0.5)


@settings(max_examples=60, deadline=None)
@given(MAPS, st.floats(0.05, 20), st.floats(-5, 5))
def test_fit_undoes_any_scale_and_shift(truth: np.ndarray, scale: float, shift: float) -> None:
    """Property: scale-shift alignment gives the same depth for p and for a p + b, the truth if p came from it."""
    if not _spread(truth):
        return
    g = torch.from_numpy(truth)
    fit = align((g - shift) / scale, g, torch.ones_like(g, dtype=torch.bool), "scale-shift")
    assert approx(fit.depth, g, 1e-6)
    assert approx(fit.scale, [scale], 1e-6 * max(1, scale))


@settings(max_examples=60, deadline=None)
@given(MAPS, MAPS)
def test_fit_is_the_least_squares_solution(truth: np.ndarray, prediction: np.ndarray) -> None:
    """Property: scale and shift are those of numpy's lstsq over the same pixels."""
    if not _spread(prediction):
        return
    g, p = torch.from_numpy(truth), torch.from_numpy(prediction)
    fit = align(p, g, torch.ones_like(g, dtype=torch.bool), "scale-shift")
    design = np.stack([prediction.ravel(), np.ones(prediction.size)], axis=1)
    expected = np.linalg.lstsq(design, truth.ravel(), rcond=None)[0]
    assert approx(torch.stack([fit.scale[0], fit.shift[0]]), expected, 1e-6)


@settings(max_examples=40, deadline=None)
@given(MAPS, MAPS, st.sampled_from(["median", "scale"]), st.floats(0.05, 20))
def test_scaling_modes_do_not_see_a_scale(truth: np.ndarray, prediction: np.ndarray, mode: str, factor: float) -> None:
    """Property: p and c p give the same depth under median and least-squares scaling."""
    g, p = torch.from_numpy(truth), torch.from_numpy(prediction)
    mask = torch.ones_like(g, dtype=torch.bool)
    one, other = align(p, g, mask, mode), align(factor * p, g, mask, mode)
    assert torch.allclose(one.depth, other.depth, rtol=1e-9)
    assert isinstance(one, Aligned)
