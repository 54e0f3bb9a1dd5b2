"""Boundary metrics: does the prediction jump in depth where the truth does?

Three families that share a name and nothing else. Depth Pro compares depth ratios of direct neighbours (``apple/
ml-depth-pro`` 9efe5c1, ``eval/boundary_metrics.py``; arXiv 2410.02073). MoGe compares them in a window and pools all
directions (``microsoft/MoGe`` 0744441, ``moge/test/metrics.py``; arXiv 2410.19115). MDEC measures distances between
Canny edges (``jspenmar/monodepth_benchmark`` 692c4eb, ``src/core/metrics.py``; arXiv 2208.01489).

The ratios are taken in the dtype of the maps, as the references take them, so that a pixel at a threshold falls on the
same side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.feature import canny
from torch import Tensor

__all__ = [
    "MAX_EDGE_DISTANCE",
    "boundary_f1",
    "canny_edges",
    "edge_errors",
    "edge_map",
    "matting_recall",
    "si_boundary_f1",
]

MAX_EDGE_DISTANCE = 10.0
"""Pixels from which on MDEC and iBims-1 no longer call two edges the same."""

canny_edges: Callable[..., NDArray[np.bool_]] = canny
"""scikit-image's Canny detector, under a type."""

_RATIOS = torch.linspace(1.05, 1.25, 10, dtype=torch.float64)
_JUMPS = torch.linspace(0.05, 0.25, 10).double()  # MoGe lists its thresholds in float32
_NEAREST = 1e-6  # metres; Depth Pro clips depth here before it inverts


def si_boundary_f1(prediction: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return Depth Pro's scale-invariant boundary F1 of each image.

    An edge is a pair of neighbours whose inverse depths differ by more than a factor t. Precision and recall are means
    over the four directions; a direction without any edge counts as zero there. So a perfect prediction reaches 1 only
    where the truth has edges of all four directions, a flat truth gives 0, and a zero in the truth makes edges of its
    own. Scale-invariant, not shift-invariant.

    Args:
        prediction: Float (B, H, W), depth at any scale.
        truth: Float (B, H, W), depth.
        mask: Bool (B, H, W): both pixels of a pair must be set. The reference has no mask; None is its value.

    Returns:
        Float64 (B,), 0 to 1; NaN for an image without a valid pixel.

    Raises:
        ValueError: If shapes or types disagree.
    """
    prediction, truth, mask = _maps(prediction, truth, mask)
    thresholds = _not_above(_RATIOS, prediction.dtype)

    def score(p: Tensor, g: Tensor, valid: Tensor) -> Tensor:
        near_p, near_g = (1 / depth.clamp(min=_NEAREST) for depth in (p, g))
        pairs = zip(_ratios(near_p), _ratios(near_g), _both(valid), strict=True)
        edges = torch.stack([_edge_counts(*pair, thresholds) for pair in pairs]).double()
        predicted, true, common = edges.unbind(dim=1)
        precision, recall = ((common / of.clamp(min=1)).mean(dim=0) for of in (predicted, true))
        return _weighted(_f1(precision, recall), _RATIOS)

    return _each(score, prediction, truth, mask)


def boundary_f1(prediction: Tensor, truth: Tensor, mask: Tensor, radius: int = 1) -> Tensor:
    """Return MoGe's boundary F1 of each image.

    An edge is a pixel and a neighbour within ``radius`` whose depth is more than a factor 1 + t larger. All neighbours
    are pooled, so a perfect prediction gives 1 wherever an edge exists, and 0 where there is none.

    Args:
        prediction: Float (B, H, W), depth; MoGe takes the first aligned map it has.
        truth: Float (B, H, W), depth.
        mask: Bool (B, H, W): both pixels of a pair must be set.
        radius: Of the window in pixels; MoGe reports 1, 2 and 3. So many pixels at each border are no centre.

    Returns:
        Float64 (B,), 0 to 1; NaN for an image without a valid pixel.

    Raises:
        ValueError: If shapes or types disagree, or the image is smaller than the window.
    """
    prediction, truth, mask = _maps(prediction, truth, mask)
    if radius < 1 or min(mask.shape[1:]) <= 2 * radius:
        size = f"{mask.shape[1]}x{mask.shape[2]}"
        raise ValueError(f"a window of radius {radius} does not fit into a map of {size} pixels")
    thresholds = (1 + _JUMPS).to(prediction.dtype).tolist()

    def score(p: Tensor, g: Tensor, valid: Tensor) -> Tensor:
        windows = zip(*(_window(values, radius) for values in (p, g, valid)), strict=True)
        edges = sum(
            _edge_counts(p_far / p_at, g_far / g_at, far & at, thresholds)
            for (p_far, p_at), (g_far, g_at), (far, at) in windows
        )
        predicted, true, common = torch.as_tensor(edges).double()
        return _weighted(_f1(common / predicted.clamp(min=1), common / true.clamp(min=1)), _JUMPS)

    return _each(score, prediction, truth, mask)


def matting_recall(prediction: Tensor, alpha: Tensor, *, threshold: float = 0.1) -> Tensor:
    """Return Depth Pro's boundary recall of each image against a foreground matte.

    The outline of ``alpha > threshold`` is asked for, in four directions; of the prediction only the largest jump of
    each unbroken run of jumps counts. A matte without outline gives 0, as in the reference. Runs on the CPU.

    Args:
        prediction: Float (B, H, W), positive depth at any scale.
        alpha: Float or bool (B, H, W), opacity of the foreground, 0 to 1.
        threshold: Opacity above which a pixel is foreground.

    Returns:
        Float64 (B,), 0 to 1.

    Raises:
        ValueError: If shapes disagree.
    """
    foreground = alpha > threshold
    prediction, _, _ = _maps(prediction, prediction, foreground)
    values = [_matte_score(p, f) for p, f in zip(prediction.cpu(), foreground.cpu().numpy(), strict=True)]
    return torch.tensor(values, dtype=torch.float64, device=prediction.device)


def edge_errors(prediction: NDArray[Any], edges: NDArray[np.bool_]) -> tuple[float, float]:
    """Return MDEC's edge accuracy and completeness of one image, in pixels.

    Predicted edges are Canny edges (sigma 1) of log depth. Accuracy is the mean distance of those nearer than 10 pixels
    to a true edge; completeness is the mean distance of a true edge to any predicted one. Without such a predicted edge
    both are 10. Completeness is not cut at 10. Canny pads with zeros, so the border may turn into an edge where
    log depth is far from 0: scale and unit have a say.

    Args:
        prediction: Float numpy (H, W), depth; what is not positive counts as log depth 0, as in the reference.
        edges: Bool numpy (H, W), true edges at valid pixels.

    Returns:
        Accuracy and completeness; both NaN where the truth has no edge (the reference skips such an image).

    Raises:
        ValueError: If the shapes disagree.
    """
    edges = edge_map(edges, prediction)
    if not edges.any():
        return float("nan"), float("nan")
    positive = prediction > 0
    found = canny_edges(np.log(prediction, out=np.zeros_like(prediction), where=positive), sigma=1)
    to_truth = distance_transform_edt(~edges)
    near = found & (to_truth < MAX_EDGE_DISTANCE)
    if not near.any():
        return MAX_EDGE_DISTANCE, MAX_EDGE_DISTANCE
    return float(to_truth[near].mean()), float(distance_transform_edt(~found)[edges].mean())


def edge_map(edges: NDArray[Any], prediction: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a map of true edges as booleans.

    Raises:
        ValueError: If the prediction is not a floating-point (H, W) map of the same shape.
    """
    if prediction.ndim != 2 or prediction.shape != edges.shape or not np.issubdtype(prediction.dtype, np.floating):
        shapes = f"{prediction.shape} {prediction.dtype} and {edges.shape}"
        raise ValueError(f"prediction (floating point) and edges must be (H, W) maps of one size; got {shapes}")
    return edges.astype(bool)


def _maps(prediction: Tensor, truth: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the maps in one dtype of at least single precision, with a mask; refuse what does not fit together."""
    mask = torch.ones_like(truth, dtype=torch.bool) if mask is None else mask
    if not (prediction.shape == truth.shape == mask.shape) or prediction.dim() != 3 or mask.dtype != torch.bool:
        shapes = ", ".join(f"{tuple(x.shape)} {x.dtype}" for x in (prediction, truth, mask))
        raise ValueError(f"the maps must be float (B, H, W) and the mask bool alike; got {shapes}")
    if not (prediction.is_floating_point() and truth.is_floating_point()):
        raise ValueError(f"depth must be floating point, not {prediction.dtype} and {truth.dtype}")
    dtype = torch.promote_types(torch.promote_types(prediction.dtype, truth.dtype), torch.float32)
    return prediction.to(dtype), truth.to(dtype), mask


def _each(score: Callable[[Tensor, Tensor, Tensor], Tensor], p: Tensor, g: Tensor, mask: Tensor) -> Tensor:
    """Return the score of each image, NaN where the mask is empty."""
    empty = torch.tensor(torch.nan, dtype=torch.float64, device=p.device)
    values = [score(*image) if bool(image[2].any()) else empty for image in zip(p, g, mask, strict=True)]
    return torch.stack(values) if values else empty.new_empty(0)


def _neighbours(values: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Return (value, value beside it) for the four directions: left, right, up, down."""
    across, down = (values[:, :-1], values[:, 1:]), (values[:-1], values[1:])
    return across, across[::-1], down, down[::-1]


def _ratios(values: Tensor) -> Iterator[Tensor]:
    return (first / second for first, second in _neighbours(values))


def _both(mask: Tensor) -> Iterator[Tensor]:
    return (first & second for first, second in _neighbours(mask))


def _window(values: Tensor, radius: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (neighbour, centre) for each neighbour within the radius, over the pixels that have them all."""
    height, width = values.shape[0] - 2 * radius, values.shape[1] - 2 * radius
    centre = values[radius : radius + height, radius : radius + width]
    steps = range(-radius, radius + 1)
    for down, right in ((y, x) for y in steps for x in steps if 0 < y * y + x * x <= radius * radius):
        top, left = radius + down, radius + right
        yield values[top : top + height, left : left + width], centre


def _edge_counts(p: Tensor, g: Tensor, valid: Tensor, thresholds: list[float]) -> Tensor:
    """Return how many predicted, true and common edges exceed each threshold, int64 (3, T).

    Each ratio is turned into the number of thresholds that it exceeds; the lesser number of the two maps is how many
    times they agree on an edge.
    """
    predicted, true = (_levels(ratio, thresholds) * valid for ratio in (p, g))
    return torch.stack([_exceeding(x, len(thresholds)) for x in (predicted, true, torch.minimum(predicted, true))])


def _levels(ratio: Tensor, thresholds: list[float]) -> Tensor:
    """Return how many of the thresholds each ratio exceeds, uint8; none where it is NaN."""
    level = torch.zeros_like(ratio, dtype=torch.uint8)
    for threshold in thresholds:  # ten vectorised comparisons are faster than one binary search for each pixel
        level += ratio > threshold
    return level


def _exceeding(levels: Tensor, count: int) -> Tensor:
    """Return for each threshold how many of the levels lie above it."""
    return torch.bincount(levels.flatten(), minlength=count + 1).flip(0).cumsum(0).flip(0)[1:]


def _not_above(thresholds: Tensor, dtype: torch.dtype) -> list[float]:
    """Return the largest numbers of a type that are no larger than double thresholds: numpy compares in double."""
    near = thresholds.to(dtype)
    below = near.nextafter(near.new_tensor(-torch.inf))
    return torch.where(near.double() > thresholds, below, near).tolist()


def _f1(precision: Tensor, recall: Tensor) -> Tensor:
    return torch.where(precision + recall > 0, 2 * precision * recall / (precision + recall), 0.0)


def _weighted(scores: Tensor, weights: Tensor) -> Tensor:
    weights = weights.to(scores.device)
    return (scores * weights).sum() / weights.sum()


def _matte_score(prediction: Tensor, foreground: NDArray[np.bool_]) -> float:
    """Return the recall of one image: mean over the directions, then weighted over the thresholds."""
    near = (1 / prediction.clamp(min=_NEAREST)).numpy()
    views = ((near, foreground), (near.T, foreground.T))
    recall = [
        _run_recall(ratio, outline)
        for depth, inside in views
        for ratio, outline in (
            (depth[:, 1:] / depth[:, :-1], inside[:, 1:] & ~inside[:, :-1]),
            (depth[:, :-1] / depth[:, 1:], inside[:, :-1] & ~inside[:, 1:]),
        )
    ]
    return float(np.average(np.mean(recall, axis=0), weights=_RATIOS.numpy()))


def _run_recall(ratio: NDArray[Any], outline: NDArray[np.bool_]) -> list[float]:
    """Return the recall along rows for each threshold: the share of the outline that is the peak of a run."""
    wanted, total = outline.ravel(), max(int(outline.sum()), 1)
    place = np.flatnonzero(ratio > float(_RATIOS[0]))
    value = ratio.ravel()[place]
    levels = ((place[above], value[above]) for above in (value > t for t in _RATIOS.tolist()))
    return [np.count_nonzero(wanted[_run_peaks(at, size, ratio.shape[1])]) / total for at, size in levels]


def _run_peaks(place: NDArray[np.intp], value: NDArray[Any], width: int) -> NDArray[np.intp]:
    """Return the place of the first largest value of each unbroken run within a row of ``width`` places."""
    if not len(place):
        return place
    starts = np.r_[True, (np.diff(place) != 1) | (place[1:] % width == 0)]
    run = np.cumsum(starts) - 1
    largest = np.flatnonzero(value == np.maximum.reduceat(value, np.flatnonzero(starts))[run])
    return place[largest[np.unique(run[largest], return_index=True)[1]]]
