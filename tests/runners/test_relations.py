"""The relations that every image's values must keep never fire on what the runners measure, rounding included."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.metrics import DEPTH_METRICS, depth_metrics
from runners.ordinal import count_pairs
from runners.planes import directed_depth_error
from runners.points import cloud_metrics
from sitegen.records import round_significant
from sitegen.relations import ImageValues, image_faults

NEAREST, FARTHEST = 0.1, 80.0


@st.composite
def depths(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth of one image: any errors, constant ratios, exact hits and pixels at thresholds."""
    count = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = np.exp(rng.uniform(math.log(NEAREST), math.log(FARTHEST), count))
    spread = draw(st.sampled_from([0.0, 1e-7, 1e-3, 0.05, 0.5, 3.0]))
    bias = draw(st.sampled_from([0.0, 1e-6, 0.03, -0.2, math.log(1.25), 1.5, -4.0]))
    ratio = np.exp(bias + spread * rng.standard_normal(count))
    at = draw(st.sampled_from([1.0, 1.03, 1.25, 1 / 1.25, 1.25**2, 1.25**3]))
    ratio[rng.random(count) < draw(st.sampled_from([0.0, 0.5]))] = at
    kind = draw(st.sampled_from([np.float32, np.float64]))
    return (truth * ratio).astype(kind), np.clip(truth.astype(kind), kind(NEAREST), kind(FARTHEST))


@settings(max_examples=400)
@given(depths())
def test_honest_values_break_no_relation(maps: tuple[np.ndarray, np.ndarray]) -> None:
    """All depth metrics of an image together, in six digits, in float32 and float64."""
    p, g = (torch.from_numpy(values)[None, None] for values in maps)
    mask = torch.ones_like(g, dtype=torch.bool)
    values = depth_metrics(p, g, mask) | directed_depth_error(p, g, mask)
    known = {name: round_significant(float(v)) for name, v in values.items() if math.isfinite(float(v))}
    assert known.keys() >= set(DEPTH_METRICS) - {"silog_unbiased"}
    found = list(image_faults(ImageValues(known, {"pixels": g.numel()}, NEAREST, FARTHEST)))
    assert not found, (found, known)


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_honest_pairs_break_no_relation(count: int, seed: int) -> None:
    """WHDR, pair accuracy and ties of the same pairs."""
    rng = np.random.default_rng(seed)
    depth = torch.from_numpy(rng.integers(1, 4, (5, 5)).astype(np.float32))
    first, second = (torch.from_numpy(rng.integers(0, 5, (count, 2))) for _ in range(2))
    pairs = count_pairs(depth, first, second, torch.from_numpy(rng.random(count) < 0.5))
    known = {"whdr": pairs.whdr, "pair_acc": pairs.pair_acc, "pair_tie_share": pairs.tie_share}
    known = {name: round_significant(value) for name, value in known.items()}
    assert not list(image_faults(ImageValues(known, {"pairs": count})))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.1, 5.0]))
def test_honest_clouds_break_no_relation(seed: int, noise: float) -> None:
    """F-scores and intersections over union at both distances, all points found or none."""
    rng = np.random.default_rng(seed)
    truth = torch.from_numpy(rng.uniform(1, 3, (1, 8, 8)))
    depth = truth + torch.from_numpy(noise * rng.random((1, 8, 8)))
    camera = torch.tensor([[[8.0, 0, 3.5], [0, 8.0, 3.5], [0, 0, 1]]], dtype=torch.float64)
    values = cloud_metrics(depth, truth, torch.ones_like(truth, dtype=torch.bool), camera)
    known = {name: round_significant(float(value)) for name, value in values.items()}
    assert not list(image_faults(ImageValues(known, {"pixels": 64})))
