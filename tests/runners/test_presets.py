"""The reference protocols end to end: each record gives what a plain loop over numpy arrays gives on a random image.

The loops are written from the description of each evaluator, one after another, and share nothing with the engine but
the interpolation of torch.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import yaml

from runners.score import score
from sitegen.records import PredictionKind, Protocol

Array = npt.NDArray[np.float64]
KB = (slice(23, 375), slice(13, 1229))
GARG_FULL, GARG_IN_KB = (slice(153, 371), slice(44, 1197)), (slice(143, 349), slice(43, 1172))
EIGEN_FULL, EIGEN_IN_KB = (slice(124, 342), slice(44, 1197)), (slice(117, 321), slice(43, 1172))


def up(values: Array, size: tuple[int, int], corners: bool = False, antialias: bool = False) -> Array:
    """Bilinear interpolation."""
    tensor = torch.from_numpy(values)[None, None]
    return F.interpolate(tensor, size=size, mode="bilinear", align_corners=corners, antialias=antialias)[0, 0].numpy()


def line(p: Array, g: Array) -> tuple[float, float]:
    """Scale and shift by numpy's least squares."""
    design = np.stack([p, np.ones_like(p)], axis=1)
    scale, shift = np.linalg.lstsq(design, g, rcond=None)[0]
    return float(scale), float(shift)


def common(p: Array, g: Array) -> dict[str, float]:
    """Metrics as most evaluators write them."""
    d, ratio = np.log(p) - np.log(g), np.maximum(p / g, g / p)
    return {
        "abs_rel": np.mean(np.abs(p - g) / g),
        "sq_rel": np.mean((p - g) ** 2 / g),
        "rmse": np.sqrt(np.mean((p - g) ** 2)),
        "rmse_log": np.sqrt(np.mean(d**2)),
        "log10": np.mean(np.abs(np.log10(p) - np.log10(g))),
        "silog": 100 * np.sqrt(np.mean(d**2) - np.mean(d) ** 2),
        "silog_unbiased": 100 * np.std(d, ddof=1),
        "silog_half_root": np.sqrt(np.mean(d**2) - 0.5 * np.mean(d) ** 2),
        "delta1": np.mean(ratio < 1.25),
        "tau": np.mean(ratio < 1.03),
        "one_minus_delta1_pct": 100 * np.mean(ratio > 1.25),
        "irmse": np.sqrt(np.mean((1 / p - 1 / g) ** 2)),
    }


def lower_median(values: Array) -> float:
    """The lower of the two middle values."""
    return float(np.sort(values)[(len(values) - 1) // 2])


def marigold(p: Array, g: Array) -> dict[str, float]:
    """Eigen window in the benchmark crop, least squares in depth, clamp."""
    g = g[KB]
    p = up(p, g.shape, antialias=True)
    window = np.zeros(g.shape, bool)
    window[EIGEN_IN_KB] = True
    mask = window & (g > 1e-5) & (g < 80)
    s, t = line(p[mask], g[mask])
    return common(np.clip(s * p[mask] + t, 1e-5, 80), g[mask])


def zoedepth(p: Array, g: Array) -> dict[str, float]:
    """Garg window in the benchmark crop, corners aligned, clamp."""
    g = g[KB]
    p = np.clip(up(p, g.shape, corners=True), 1e-3, 80)
    window = np.zeros(g.shape, bool)
    window[GARG_IN_KB] = True
    mask = window & (g > 1e-3) & (g < 80)
    return common(p[mask], g[mask])


def unidepth(p: Array, g: Array) -> dict[str, float]:
    """Garg window in the benchmark crop, upper end included, lower medians, no clamp."""
    g = g[KB]
    p = up(p, g.shape, antialias=True)
    window = np.zeros(g.shape, bool)
    window[GARG_IN_KB] = True
    mask = window & (g > 0) & (g <= 80)
    return common(p[mask] * lower_median(g[mask]) / lower_median(p[mask]), g[mask])


def depth_anything(p: Array, g: Array) -> dict[str, float]:
    """No window, both ends included, corners aligned."""
    p = up(p, g.shape, corners=True)
    mask = (g >= 1e-3) & (g <= 80)
    return common(p[mask], g[mask])


def monodepth2(p: Array, g: Array) -> dict[str, float]:
    """Disparity enlarged, Garg window in the full image, numpy medians, clamp."""
    p = 1 / up(1 / p, g.shape)
    window = np.zeros(g.shape, bool)
    window[GARG_FULL] = True
    mask = window & (g > 1e-3) & (g < 80)
    return common(np.clip(p[mask] * np.median(g[mask]) / np.median(p[mask]), 1e-3, 80), g[mask])


def improved(p: Array, g: Array) -> dict[str, float]:
    """The same without window and without a largest true depth."""
    p, mask = 1 / up(1 / p, g.shape), g > 0
    return common(np.clip(p[mask] * np.median(g[mask]) / np.median(p[mask]), 1e-3, 80), g[mask])


def metric3d(p: Array, g: Array) -> dict[str, float]:
    """Eigen window in the full image, no cap, numpy's polynomial fit."""
    p = up(p, g.shape)
    window = np.zeros(g.shape, bool)
    window[EIGEN_FULL] = True
    mask = window & (g > 1e-8)
    s, t = np.polyfit(p[mask], g[mask], 1)
    return common(s * p[mask] + t, g[mask])


def midas(p: Array, g: Array) -> dict[str, float]:
    """Least squares in disparity over every true depth, floored at 1/80."""
    p, mask = up(p, g.shape), g > 0
    s, t = line(p[mask], 1 / g[mask])
    return common(1 / np.maximum(s * p[mask] + t, 1 / 80), g[mask])


def marigold_disparity(p: Array, g: Array) -> dict[str, float]:
    """Fit over positive predictions alone, floor at 1/1000, clamp; every pixel is scored."""
    g = g[KB]
    p = up(p, g.shape, antialias=True)
    window = np.zeros(g.shape, bool)
    window[EIGEN_IN_KB] = True
    mask = window & (g > 1e-5) & (g < 80)
    fitted = mask & (p > 0)
    s, t = line(p[fitted], 1 / g[fitted])
    return common(np.clip(1 / np.maximum(s * p[mask] + t, 1e-3), 1e-5, 80), g[mask])


def moge(p: Array, g: Array) -> dict[str, float]:
    """Least squares in disparity, floored at the inverse of the largest true depth of the image."""
    p, mask = up(p, g.shape), g > 0
    s, t = line(p[mask], 1 / g[mask])
    return common(1 / np.maximum(s * p[mask] + t, 1 / g[mask].max()), g[mask])


CASES: list[tuple[str, PredictionKind, Callable[[Array, Array], dict[str, float]]]] = [
    ("marigold", "affine-invariant-depth", marigold),
    ("marigold", "affine-invariant-disparity", marigold_disparity),
    ("zoedepth", "metric-depth", zoedepth),
    ("unidepth", "scale-invariant-depth", unidepth),
    ("depth-anything-v2-metric", "metric-depth", depth_anything),
    ("monodepth2-eigen", "scale-invariant-depth", monodepth2),
    ("monodepth2-eigen-benchmark", "scale-invariant-depth", improved),
    ("metric3d", "affine-invariant-depth", metric3d),
    ("midas", "affine-invariant-disparity", midas),
    ("moge", "affine-invariant-disparity", moge),
]


def scene(kind: PredictionKind, size: tuple[int, int], small: tuple[int, int]) -> tuple[Array, Array]:
    """A random smooth scene with every fifth pixel measured up to 90 m, and a noisy small prediction of a kind."""
    rng = np.random.default_rng(7)
    smooth = up(rng.uniform(0, 1, (9, 20)), size)
    depth = 3 + 87 * smooth**2
    truth = np.where(rng.uniform(size=size) < 0.2, depth, 0.0)
    rough = up(depth, small) * rng.uniform(0.8, 1.25, small)
    if kind == "affine-invariant-disparity":
        return 3 / rough - 0.05, truth
    return rough * 0.6 + 1, truth


@pytest.mark.parametrize(("name", "kind", "loop"), CASES, ids=[f"{name}-{kind}" for name, kind, _ in CASES])
def test_record_gives_what_the_loop_gives(
    repo: Path, name: str, kind: PredictionKind, loop: Callable[[Array, Array], dict[str, float]]
) -> None:
    """KITTI: window and frame, range, resize, fit, floor, clamp and metrics all as described, to nine digits."""
    path = repo / "results/protocols/kitti" / f"{name}.yaml"
    record = Protocol.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    p, g = scene(kind, (375, 750) if name == "moge" else (375, 1242), (96, 320))
    truth = torch.from_numpy(g)[None]
    scores = score(torch.from_numpy(p)[None], kind, truth, truth > 0, record)
    expected = loop(p, g)
    compared = set(expected) & set(scores.metrics)
    assert record.primary_metric in compared
    for metric in compared:
        assert scores.metrics[metric].item() == pytest.approx(expected[metric], rel=1e-9), metric
    assert not scores.degenerate.any()


def test_nyu_window_and_cap(repo: Path) -> None:
    """NYU under BTS: the window of 426x560, strictly between 1 mm and 10 m, clamped; the batch is image by image."""
    path = repo / "results/protocols/nyu-depth-v2/bts.yaml"
    record = Protocol.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    rng = np.random.default_rng(8)
    g, p = rng.uniform(0, 11, (2, 480, 640)), rng.uniform(-1, 12, (2, 480, 640))
    scores = score(torch.from_numpy(p), "metric-depth", torch.from_numpy(g), torch.from_numpy(g > 0), record)
    for i in range(2):
        window = g[i, 45:471, 41:601], np.clip(p[i, 45:471, 41:601], 1e-3, 10)
        mask = (window[0] > 1e-3) & (window[0] < 10)
        expected = common(window[1][mask], window[0][mask])
        for metric in set(expected) & set(scores.metrics):
            assert scores.metrics[metric][i].item() == pytest.approx(expected[metric], rel=1e-9), metric
