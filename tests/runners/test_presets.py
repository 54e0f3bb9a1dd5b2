"""The reference protocols end to end: each record gives what a plain loop over numpy arrays gives on a random image.

The loops are written from the description of each evaluator, one after another, and share nothing with the engine but
the interpolation of torch.
"""

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import yaml

from runners.align import align
from runners.score import ProtocolError, score
from sitegen.records import PredictionKind, Protocol

Array = npt.NDArray[np.float64]
Loop = Callable[[Array, Array], dict[str, float]]
KB = (slice(23, 375), slice(13, 1229))
GARG_FULL, GARG_IN_KB = (slice(153, 371), slice(44, 1197)), (slice(143, 349), slice(43, 1172))
NYU = (slice(45, 471), slice(41, 601))
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


CASES: list[tuple[str, PredictionKind, Loop]] = [
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


def scene(
    kind: PredictionKind, size: tuple[int, int], small: tuple[int, int], near: float = 3, far: float = 90
) -> tuple[Array, Array]:
    """A random smooth scene with every fifth pixel measured up to 90 m, and a noisy small prediction of a kind."""
    rng = np.random.default_rng(7)
    smooth = up(rng.uniform(0, 1, (9, 20)), size)
    depth = near + (far - near) * smooth**2
    truth = np.where(rng.uniform(size=size) < 0.2, depth, 0.0)
    rough = up(depth, small) * rng.uniform(0.8, 1.25, small)
    if kind == "affine-invariant-disparity":
        return 3 / rough - 0.05, truth
    return rough * 0.6 + 1, truth


def read(repo: Path, dataset: str, name: str) -> Protocol:
    """Return a protocol of the repository."""
    path = repo / "results/protocols" / dataset / f"{name}.yaml"
    return Protocol.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("name", "kind", "loop"), CASES, ids=[f"{name}-{kind}" for name, kind, _ in CASES])
def test_record_gives_what_the_loop_gives(repo: Path, name: str, kind: PredictionKind, loop: Loop) -> None:
    """KITTI: window and frame, range, resize, fit, floor, clamp and metrics all as described, to nine digits."""
    record = read(repo, "kitti", name)
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
    record = read(repo, "nyu-depth-v2", "bts")
    rng = np.random.default_rng(8)
    g, p = rng.uniform(0, 11, (2, 480, 640)), rng.uniform(-1, 12, (2, 480, 640))
    scores = score(torch.from_numpy(p), "metric-depth", torch.from_numpy(g), torch.from_numpy(g > 0), record)
    for i in range(2):
        window = g[i, 45:471, 41:601], np.clip(p[i, 45:471, 41:601], 1e-3, 10)
        mask = (window[0] > 1e-3) & (window[0] < 10)
        expected = common(window[1][mask], window[0][mask])
        for metric in set(expected) & set(scores.metrics):
            assert scores.metrics[metric][i].item() == pytest.approx(expected[metric], rel=1e-9), metric


def clipped(
    low: float, high: float, window: tuple[slice, slice] | None, frame: tuple[slice, slice] = (slice(None), slice(None))
) -> Loop:
    """ZoeDepth: corners aligned, clamp to the range, strictly within it, in a window of a frame."""

    def loop(p: Array, g: Array) -> dict[str, float]:
        g = g[frame]
        p = np.clip(up(p, g.shape, corners=True), low, high)
        inside = np.zeros(g.shape, bool)
        inside[window or ...] = True
        mask = inside & (g > low) & (g < high)
        return common(p[mask], g[mask])

    return loop


def fitted(low: float, high: float, window: tuple[slice, slice] | None = None, kb: bool = False) -> Loop:
    """Marigold: least squares in depth over the range, clamp to it; antialiased."""

    def loop(p: Array, g: Array) -> dict[str, float]:
        g = g[KB] if kb else g
        p = up(p, g.shape, antialias=True)
        inside = np.zeros(g.shape, bool)
        inside[window or ...] = True
        mask = inside & (g > low) & (g < high)
        s, t = line(p[mask], g[mask])
        return common(np.clip(s * p[mask] + t, low, high), g[mask])

    return loop


def marigold_diode(p: Array, g: Array) -> dict[str, float]:
    """The mask file says what counts, whatever its depth; only the prediction is kept within 0.6 and 350 m."""
    p, mask = up(p, g.shape, antialias=True), g > 0
    s, t = line(p[mask], g[mask])
    return common(np.clip(s * p[mask] + t, 0.6, 350), g[mask])


def capped(cap: float) -> Loop:
    """MiDaS: least squares in disparity over true depths below a cap, floored at its inverse."""

    def loop(p: Array, g: Array) -> dict[str, float]:
        p, mask = up(p, g.shape), (g > 0) & (g < cap)
        s, t = line(p[mask], 1 / g[mask])
        return common(1 / np.maximum(s * p[mask] + t, 1 / cap), g[mask])

    return loop


def medians(cap: float) -> Loop:
    """UniDepth: the far end counts, lower medians, no clamp."""

    def loop(p: Array, g: Array) -> dict[str, float]:
        p, mask = up(p, g.shape, antialias=True), (g > 0) & (g <= cap)
        return common(p[mask] * lower_median(g[mask]) / lower_median(p[mask]), g[mask])

    return loop


def within(p: Array, g: Array) -> dict[str, float]:
    """Metric3D on ETH3D: 100 m itself counts; what is not between 0 and 300 m becomes 0 before the fit."""
    p = up(p, g.shape)
    p = np.where((p > 0) & (p < 300), p, 0)
    mask = (g > 1e-8) & (g <= 100)
    s, t = np.polyfit(p[mask], g[mask], 1)
    return common(s * p[mask] + t, g[mask])


def indoor_anything(p: Array, g: Array) -> dict[str, float]:
    """Depth Anything V2 on Hypersim: both ends of 1 mm to 20 m count, corners aligned."""
    p, mask = up(p, g.shape, corners=True), (g >= 1e-3) & (g <= 20)
    return common(p[mask], g[mask])


GARG_DIODE = (slice(313, 761), slice(36, 987))
GARG_DDAD = (slice(496, 1206), slice(69, 1866))
# Data set, system, kind, size of the ground truth, farthest true depth, loop.
BEYOND: list[tuple[str, str, PredictionKind, tuple[int, int], float, Loop]] = [
    ("ibims-1", "zoedepth", "metric-depth", (480, 640), 12, clipped(0, 10, NYU)),
    ("sun-rgbd", "zoedepth", "metric-depth", (530, 730), 10, clipped(0, 8, NYU)),
    ("diode-indoor", "zoedepth", "metric-depth", (768, 1024), 12, clipped(1e-3, 10, NYU)),
    ("diode-outdoor", "zoedepth", "metric-depth", (768, 1024), 120, clipped(1e-3, 80, GARG_DIODE)),
    ("hypersim", "zoedepth", "metric-depth", (768, 1024), 90, clipped(1e-3, 80, NYU)),
    ("virtual-kitti-2", "zoedepth", "metric-depth", (375, 1242), 90, clipped(1e-3, 80, GARG_IN_KB, KB)),
    ("ddad", "zoedepth", "metric-depth", (1216, 1936), 120, clipped(1e-3, 80, GARG_DDAD)),
    ("diode", "marigold", "affine-invariant-depth", (768, 1024), 400, marigold_diode),
    ("scannet", "marigold", "affine-invariant-depth", (480, 640), 12, fitted(1e-3, 10)),
    ("hypersim", "marigold", "affine-invariant-depth", (768, 1024), 70, fitted(1e-5, 65)),
    ("virtual-kitti-2", "marigold", "affine-invariant-depth", (375, 1242), 90, fitted(1e-5, 80, EIGEN_IN_KB, kb=True)),
    ("eth3d", "midas", "affine-invariant-disparity", (504, 756), 90, capped(72)),
    ("sintel", "midas", "affine-invariant-disparity", (436, 1024), 1000, capped(72)),
    ("tum-rgbd", "midas", "affine-invariant-disparity", (480, 640), 12, capped(10)),
    ("ibims-1", "unidepth", "scale-invariant-depth", (480, 640), 30, medians(25)),
    ("diode-indoor", "unidepth", "scale-invariant-depth", (768, 1024), 30, medians(25)),
    ("eth3d", "unidepth", "scale-invariant-depth", (504, 756), 60, medians(50)),
    ("ddad", "unidepth", "scale-invariant-depth", (1216, 1936), 130, medians(120)),
    ("eth3d", "metric3d", "affine-invariant-depth", (504, 756), 600, within),
    ("hypersim", "depth-anything-v2-metric", "metric-depth", (768, 1024), 25, indoor_anything),
    ("eth3d", "moge", "affine-invariant-disparity", (1365, 2048), 90, moge),
    ("ddad", "moge", "affine-invariant-disparity", (700, 1400), 90, moge),
    ("diode", "moge", "affine-invariant-disparity", (768, 1024), 90, moge),
    ("gso", "moge", "affine-invariant-disparity", (512, 512), 9, moge),
]


@pytest.mark.parametrize(
    ("dataset", "name", "kind", "size", "far", "loop"), BEYOND, ids=[f"{case[0]}-{case[1]}" for case in BEYOND]
)
def test_record_beyond_kitti_gives_what_the_loop_gives(
    repo: Path, dataset: str, name: str, kind: PredictionKind, size: tuple[int, int], far: float, loop: Loop
) -> None:
    """Caps with their strictness, windows on maps that they were not made for, clamps and floors, to nine digits."""
    record = read(repo, dataset, name)
    p, g = scene(kind, size, (size[0] // 4, size[1] // 4), 1, far)
    if record.valid_range.max_m is not None:
        g[size[0] // 2, 60:600:2] = record.valid_range.max_m  # whether the far end counts decides the value
    truth = torch.from_numpy(g)[None]
    scores = score(torch.from_numpy(p)[None], kind, truth, truth > 0, record)
    expected = loop(p, g)
    compared = set(expected) & set(scores.metrics)
    assert record.primary_metric in compared
    for metric in compared:
        assert scores.metrics[metric].item() == pytest.approx(expected[metric], rel=1e-9), metric


@pytest.mark.parametrize("size", [(427, 561), (441, 591), (40, 640)])
def test_a_window_that_does_not_fit_is_refused(repo: Path, size: tuple[int, int]) -> None:
    """ZoeDepth on small images of SUN RGB-D: no number, but a sentence that names the window and the size."""
    p, g = scene("metric-depth", size, size, 1, 7)
    truth = torch.from_numpy(g)[None]
    with pytest.raises(ProtocolError, match=f"crop: window rows 45:471 do not fit a frame of {size[0]} rows"):
        score(torch.from_numpy(p)[None], "metric-depth", truth, truth > 0, read(repo, "sun-rgbd", "zoedepth"))


def test_a_window_without_truth_has_no_number(repo: Path) -> None:
    """ZoeDepth on DIODE indoor: an image measured outside the top left alone has no valid pixel, hence NaN."""
    p, g = scene("metric-depth", (768, 1024), (192, 256), 1, 9)
    g[:471, :601] = 0
    truth = torch.from_numpy(g)[None]
    scores = score(torch.from_numpy(p)[None], "metric-depth", truth, truth > 0, read(repo, "diode-indoor", "zoedepth"))
    assert scores.valid_pixels.item() == 0
    assert all(values.isnan().all() for values in scores.metrics.values())


def test_a_bundle_without_a_unit_scores_no_metric_depth(repo: Path) -> None:
    """MoGe on GSO: a metric prediction is scored as one known up to a scale."""
    p, g = scene("metric-depth", (512, 512), (128, 128), 1, 3)
    truth = torch.from_numpy(g)[None]
    scores = score(torch.from_numpy(p)[None], "metric-depth", truth, truth > 0, read(repo, "gso", "moge"))
    assert scores.scored_as == "scale-invariant-depth"


@pytest.mark.skipif(
    "fit_max_res" not in inspect.signature(align).parameters,
    reason="runners.align does not narrow the fit yet (fit_max_res)",
)
@pytest.mark.parametrize("size", [(96, 2048), (1024, 1536), (1536, 96), (480, 640)])
@pytest.mark.parametrize("kind", ["affine-invariant-depth", "affine-invariant-disparity"])
def test_marigold_fits_eth3d_on_fewer_columns(repo: Path, kind: PredictionKind, size: tuple[int, int]) -> None:
    """A longer side above 1024 thins the columns, never the rows; fit on those, score everything, no upper clamp."""
    p, g = scene(kind, size, (size[0] // 4, size[1] // 4), 1, 120)
    factor = min(1024 / size[0], 1024 / size[1], 1.0)
    columns = (np.arange(int(np.floor(size[1] * factor))) / factor).astype(int)
    large, mask = up(p, size, antialias=True), g > 1e-5
    thin_p, thin_g, thin = large[:, columns], g[:, columns], mask[:, columns]
    if kind == "affine-invariant-depth":
        s, t = line(thin_p[thin], thin_g[thin])
        depth = s * large[mask] + t
    else:
        thin = thin & (thin_p > 0)
        s, t = line(thin_p[thin], 1 / thin_g[thin])
        depth = 1 / np.maximum(s * large[mask] + t, 1e-3)
    expected = common(np.maximum(depth, 1e-5), g[mask])
    truth = torch.from_numpy(g)[None]
    scores = score(torch.from_numpy(p)[None], kind, truth, truth > 0, read(repo, "eth3d", "marigold"))
    for metric in set(expected) & set(scores.metrics):
        assert scores.metrics[metric].item() == pytest.approx(expected[metric], rel=1e-9), metric
