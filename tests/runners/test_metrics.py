"""Depth metrics: the reference values, masks, and the properties that every definition must have."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runners.metrics import DEPTH_METRICS, depth_metrics
from sitegen.metrics import METRICS
from tests.runners.factories import plane

MAPS = arrays(np.float64, (1, 3, 4), elements=st.floats(0.125, 100, width=32))


def check(values: dict[str, torch.Tensor], expected: dict[str, float]) -> None:
    """Hold the values of one image against the expected ones."""
    for name, value in expected.items():
        assert values[name].item() == pytest.approx(value, abs=1e-6), name


def test_reference_values() -> None:
    """Vector T1: the values that the reference systems print; a ratio of exactly 1.25 is no hit."""
    g, p = plane([[1, 2], [4, 8]]), plane([[1.1, 1.8], [5, 8]])
    expected = {"abs_rel": 0.1125, "sq_rel": 0.07, "rmse": 0.512348, "rmse_log": 0.132267, "log10": 0.046015}
    expected |= {"delta1": 0.75, "delta2": 1, "delta3": 1, "irmse": 0.058845, "imae": 0.049116, "mae": 0.325}
    check(depth_metrics(p, g, g > 0), expected | {"silog": 12.106376})


def test_reference_values_of_other_definitions() -> None:
    """Vector T1: the five SILogs, Eigen's original, and what UniDepth, Metric3D and KITTI compute besides."""
    g, p = plane([[1, 2], [4, 8]]), plane([[1.1, 1.8], [5, 8]])
    silogs = {"silog": 12.106376, "silog_unbiased": 13.979239, "silog_half_root": 0.126789, "silog_log10": 0.052577}
    silogs |= {"silog_eigen_half": 0.016075, "silog_eigen": 0.014656}
    others = {"median_log_pct": 0, "delta_auc": 0.903492, "tau": 0.25, "rmse_log10": 0.057443, "sq_rel_g2_pct": 2.0625}
    narrow = {"delta_half": 0.75, "delta_quarter": 0.25}
    check(depth_metrics(p, g, g > 0), silogs | others | narrow)
    check(depth_metrics(p.float(), g.float(), g > 0), {name: value for name, value in silogs.items() if value < 1})


def test_area_under_the_thresholds_is_the_trapezoid_sum() -> None:
    """The look-up for each pixel is the sum over 100 thresholds that UniDepth takes; perfect is 0.998."""
    generator = torch.Generator().manual_seed(3)
    g, p = (torch.rand(1, 20, 30, generator=generator, dtype=torch.float64) * 9 + 0.5 for _ in range(2))
    exponents = torch.linspace(0.01, 5, 100, dtype=torch.float64)
    ratio = torch.maximum(p / g, g / p)
    shares = torch.stack([(ratio < 1.25**e).double().mean() for e in exponents])
    expected = (torch.trapezoid(shares, exponents) / 5).item()
    assert depth_metrics(p, g, g > 0, ["delta_auc"])["delta_auc"].item() == pytest.approx(expected, abs=1e-9)
    assert depth_metrics(g, g, g > 0, ["delta_auc"])["delta_auc"].item() == pytest.approx(0.998)


def test_one_pixel_has_no_sample_deviation() -> None:
    """With N - 1 = 0 in the denominator there is no value, while the others have one."""
    g = plane([[2.0]])
    values = depth_metrics(g, g, g > 0, ["silog_unbiased", "silog"])
    assert values["silog_unbiased"].isnan()
    assert values["silog"].item() == 0


def test_masked_and_clamped_values() -> None:
    """Vector T2: three pixels within the caps, the others hold zero, infinity and NaN and count for nothing."""
    g = plane([[2, 0, 4], [80.5, torch.inf, 1]])
    p = plane([[2.2, 5, -1], [3, torch.nan, 1]]).clamp(1e-3, 80)
    expected = {"abs_rel": 0.366583, "sq_rel": 1.339333, "rmse": 2.311709, "rmse_log": 4.788888, "log10": 1.214484}
    expected |= {"delta1": 2 / 3, "delta2": 2 / 3, "delta3": 2 / 3, "irmse": 577.205932, "silog": 393.250982}
    check(depth_metrics(p, g, (g > 1e-3) & (g < 80)), expected)


def test_empty_mask_is_nan_in_every_metric() -> None:
    """Vector T6: an image without a valid pixel has no value, while its neighbour in the batch keeps its own."""
    g = torch.ones(2, 2, 2)
    mask = torch.stack([torch.zeros(2, 2), torch.ones(2, 2)]).bool()
    for name, values in depth_metrics(g, g, mask).items():
        assert values[0].isnan(), name
        assert not values[1].isnan(), name


def test_silog_of_a_constant_ratio_is_zero_in_float32() -> None:
    """Vector T10: the uncentred form gives 0.0244 here (or NaN); the centred ones give nothing."""
    g = torch.linspace(1, 80, 300_000).reshape(1, 500, 600)
    for name in ("silog", "silog_unbiased", "silog_log10", "silog_eigen"):
        assert depth_metrics(2 * g, g, g > 0, [name])[name].item() < 1e-5, name


def test_negative_depth_is_no_hit() -> None:
    """Both quotients of a negative prediction are below 1.25, which must not count as accurate."""
    g = torch.ones(1, 1, 4)
    values = depth_metrics(plane([[-1, 1, 1, 0]], torch.float32), g, g > 0)
    assert values["delta1"].item() == 0.5
    assert values["silog"].isnan()


def test_ids_are_those_of_the_registry_and_of_the_question() -> None:
    """Every metric computed is in the registry; only those asked for come back, in that order."""
    assert set(DEPTH_METRICS) <= set(METRICS)
    g = torch.ones(1, 2, 2)
    assert list(depth_metrics(g, g, g > 0, ["rmse", "abs_rel"])) == ["rmse", "abs_rel"]


def test_bad_arguments_are_named() -> None:
    """An unknown id and a mask of numbers are refused in words."""
    g = torch.ones(1, 2, 2)
    with pytest.raises(ValueError, match="unknown metric ssim"):
        depth_metrics(g, g, g > 0, ["ssim"])
    with pytest.raises(ValueError, match="mask bool"):
        depth_metrics(g, g, g)


@settings(max_examples=50, deadline=None)
@given(MAPS, MAPS)
def test_values_stay_in_the_registered_range(truth: np.ndarray, prediction: np.ndarray) -> None:
    """Property: every value lies within what the registry says is possible."""
    g, p = torch.from_numpy(truth), torch.from_numpy(prediction)
    for name, value in depth_metrics(p, g, g > 0).items():
        metric = METRICS[name]
        assert metric.low <= value.item() <= (np.inf if metric.high is None else metric.high), name


@settings(max_examples=50, deadline=None)
@given(MAPS)
def test_perfect_prediction_is_best(truth: np.ndarray) -> None:
    """Property: a prediction equal to the truth has every error at 0 and every accuracy at 1 (the area at 0.998)."""
    g = torch.from_numpy(truth)
    best = {name: 1.0 if METRICS[name].direction == "higher" else 0.0 for name in DEPTH_METRICS} | {"delta_auc": 0.998}
    for name, value in depth_metrics(g, g, g > 0).items():
        assert value.item() == pytest.approx(best[name], abs=1e-12), name


@settings(max_examples=50, deadline=None)
@given(MAPS, MAPS, st.floats(0.1, 10))
def test_silog_does_not_see_a_scale(truth: np.ndarray, prediction: np.ndarray, factor: float) -> None:
    """Property: SILog is the same for p and c p; delta is the same for (p, g) and (g, p)."""
    g, p = torch.from_numpy(truth), torch.from_numpy(prediction)
    one, other = (depth_metrics(c * p, g, g > 0, ["silog"])["silog"].item() for c in (1, factor))
    assert one == pytest.approx(other, abs=1e-6)
    swapped = depth_metrics(g, p, g > 0, ["delta2"])["delta2"]
    assert torch.equal(swapped, depth_metrics(p, g, g > 0, ["delta2"])["delta2"])


@settings(max_examples=30, deadline=None)
@given(MAPS, MAPS, arrays(np.bool_, (1, 3, 4)))
def test_masking_is_the_same_as_leaving_out(truth: np.ndarray, prediction: np.ndarray, chosen: np.ndarray) -> None:
    """Property: metrics under a mask equal those of the chosen pixels alone."""
    g, p, mask = torch.from_numpy(truth), torch.from_numpy(prediction), torch.from_numpy(chosen)
    if not mask.any():
        return
    short = torch.ones(1, 1, int(mask.sum()), dtype=torch.bool)
    masked, alone = depth_metrics(p, g, mask), depth_metrics(p[mask][None, None], g[mask][None, None], short)
    for name in DEPTH_METRICS:
        assert torch.allclose(masked[name], alone[name], rtol=1e-9, equal_nan=True), name


@settings(max_examples=30, deadline=None)
@given(MAPS, MAPS, st.permutations(range(12)))
def test_order_of_pixels_and_of_images_changes_nothing(
    truth: np.ndarray, prediction: np.ndarray, order: list[int]
) -> None:
    """Property: shuffled pixels give the same values, and a batch gives each image the values it has alone."""
    g, p = torch.from_numpy(truth), torch.from_numpy(prediction)
    shuffled = [x.reshape(1, 1, 12)[:, :, order] for x in (p, g)]
    alone, other = depth_metrics(p, g, g > 0), depth_metrics(*shuffled, shuffled[1] > 0)
    both = depth_metrics(torch.cat([g, p]), torch.cat([p, g]), torch.ones(2, 3, 4, dtype=torch.bool))
    for name, value in alone.items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-9, abs=1e-9), name
        assert both[name][1].item() == value.item(), name


def test_float32_agrees_with_float64() -> None:
    """Maps given in float32 lose only what their own digits lose."""
    generator = torch.Generator().manual_seed(4)
    g, p = (torch.rand(2, 40, 50, generator=generator, dtype=torch.float64) * 9 + 1 for _ in range(2))
    single, double = depth_metrics(p.float(), g.float(), g > 0), depth_metrics(p, g, g > 0)
    for name, values in double.items():
        assert torch.allclose(single[name], values, rtol=1e-5, atol=1e-5), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu() -> None:
    """Every metric is the same on both devices."""
    generator = torch.Generator().manual_seed(4)
    g, p = (torch.rand(2, 40, 50, generator=generator) * 9 + 1 for _ in range(2))
    there = depth_metrics(p.cuda(), g.cuda(), g.cuda() > 3)
    for name, values in depth_metrics(p, g, g > 3).items():
        assert torch.allclose(there[name].cpu(), values, rtol=1e-9), name
