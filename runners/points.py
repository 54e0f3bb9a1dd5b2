"""Point clouds and point maps: from depth to space, and metrics there.

Three references: MDEC (``jspenmar/monodepth_benchmark`` 692c4eb, after Örnek et al., arXiv 2203.08122), UniDepth
(``lpiccinelli-eth/UniDepth`` 8d8cfe4, ``utils/evaluation_depth.py``; arXiv 2403.18913) and MoGe (``microsoft/MoGe``
0744441, ``moge/test/metrics.py`` and ``moge/utils/alignment.py``; arXiv 2410.19115). Nearest neighbours come from
scipy's k-d tree, exact and on the CPU. Everything is computed in float64.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from runners.l1 import l1_scale

__all__ = [
    "POINT_FITS",
    "PointFit",
    "back_project",
    "cloud_metrics",
    "cloud_scores",
    "fit_points",
    "nearest_distances",
    "point_f1",
    "point_metrics",
    "point_thresholds",
]

Cloud = NDArray[np.float64]

PointFit = Literal["none", "shift", "scale", "scale-shift"]

POINT_FITS: tuple[PointFit, ...] = get_args(PointFit)
"""How a point map may be fitted: not at all, shifted in space (MoGe's metric points), scaled, or both."""

_FEW = 1e-3  # MDEC: where fewer points than this share are right on both sides, F and IoU are the share itself
_EPS = 1e-6  # metres; MoGe adds it to the distance it divides by


def back_project(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Return the point of each pixel in camera axes: x right, y down, z forward.

    Args:
        depth: Float (B, H, W), metres along z.
        intrinsics: Float (B, 3, 3), pixels, pixel centres at whole numbers from 0 (MDEC's convention). A larger matrix
            such as (B, 4, 4) is cut to its upper left part.

    Returns:
        Float64 (B, H, W, 3), metres.

    Raises:
        ValueError: If shapes disagree.
    """
    if depth.dim() != 3 or intrinsics.dim() != 3 or len(depth) != len(intrinsics) or min(intrinsics.shape[1:]) < 3:
        shapes = f"{tuple(depth.shape)} and {tuple(intrinsics.shape)}"
        raise ValueError(f"depth must be (B, H, W) and the intrinsics (B, 3, 3); got {shapes}")
    y, x = (torch.arange(n, dtype=torch.float64, device=depth.device) for n in depth.shape[1:])
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    pixels = torch.stack([columns, rows, torch.ones_like(rows)], dim=-1)
    inverse = torch.linalg.inv(intrinsics[:, :3, :3].double())
    return torch.einsum("bij,hwj->bhwi", inverse, pixels) * depth.double()[..., None]


def nearest_distances(predicted: Cloud, true: Cloud) -> tuple[Cloud, Cloud]:
    """Return the distance of each predicted point to the nearest true one, and of each true point to a predicted one.

    Args:
        predicted: Numpy (N, 3), metres.
        true: Numpy (M, 3), metres.

    Returns:
        Float64 (N,) and (M,), metres; neither cloud may be empty.

    Raises:
        ValueError: If a cloud is empty, has another shape or holds a value that is not finite.
    """
    for name, cloud in (("predicted", predicted), ("true", true)):
        if cloud.ndim != 2 or cloud.shape[1] != 3 or not len(cloud):
            raise ValueError(f"the {name} cloud must be (N, 3) and not empty; got {cloud.shape}")
        if not np.isfinite(cloud).all():
            raise ValueError(f"the {name} cloud holds {int((~np.isfinite(cloud)).any(axis=1).sum())} points not finite")
    return KDTree(true).query(predicted)[0], KDTree(predicted).query(true)[0]


def cloud_scores(to_true: Cloud, to_predicted: Cloud) -> dict[str, float]:
    """Return MDEC's point cloud metrics out of the nearest distances of both directions.

    Args:
        to_true: Float numpy (N,), distance of each predicted point to the true cloud, metres.
        to_predicted: Float numpy (M,), distance of each true point to the predicted cloud, metres.

    Returns:
        ``chamfer`` (the sum of both means, metres, not squared), ``f_score`` and ``iou`` (percent) at 10 cm,
        ``f_score_20`` and ``iou_20`` at 20 cm.
    """
    f_near, iou_near = _f_and_iou(to_true, to_predicted, 0.1)
    f_far, iou_far = _f_and_iou(to_true, to_predicted, 0.2)
    chamfer = float(to_true.mean() + to_predicted.mean())
    return {"chamfer": chamfer, "f_score": f_near, "iou": iou_near, "f_score_20": f_far, "iou_20": iou_far}


def cloud_metrics(prediction: Tensor, truth: Tensor, mask: Tensor, intrinsics: Tensor) -> dict[str, Tensor]:
    """Back-project two depth maps with the same camera and compare the clouds as MDEC does.

    MDEC scales the prediction by the ratio of medians and clamps it before; that is the protocol's part.

    Args:
        prediction: Float (B, H, W), metres.
        truth: Float (B, H, W), metres.
        mask: Bool (B, H, W), the pixels of both clouds.
        intrinsics: Float (B, 3, 3), pixels.

    Returns:
        Float64 (B,) for each id of ``cloud_scores``; NaN for an image without a valid pixel, or with a prediction that
        is not finite on one.

    Raises:
        ValueError: If shapes disagree or the mask is not boolean.
    """
    _check(prediction, truth, mask, 3)
    clouds = (back_project(depth, intrinsics) for depth in (prediction, truth))
    values = [_image_scores(p[m], g[m]) for p, g, m in zip(*clouds, mask, strict=True)]
    names = ("chamfer", "f_score", "iou", "f_score_20", "iou_20")
    found = [[value[name] for value in values] for name in names]
    return dict(zip(names, torch.tensor(found, dtype=torch.float64, device=prediction.device), strict=True))


def point_thresholds(min_depth: float, max_depth: float, count: int = 100) -> Cloud:
    """Return UniDepth's thresholds: log-spaced from ``min_depth`` to a twentieth of ``max_depth``."""
    return np.geomspace(min_depth, max_depth / 20, count)


def point_f1(to_true: Cloud, to_predicted: Cloud, thresholds: Cloud) -> float:
    """Return UniDepth's F1 over thresholds.

    *Squared* distances meet the thresholds, and the trapezoids over n thresholds are divided by n: a perfect cloud
    gives (n - 1) / n, and a single threshold gives 0.

    Args:
        to_true: Float numpy (N,), distance of each predicted point to the true cloud, metres.
        to_predicted: Float numpy (M,), distance of each true point to the predicted cloud, metres.
        thresholds: Numpy (n,), square metres, see ``point_thresholds``.

    Returns:
        0 to (n - 1) / n.
    """
    precision, recall = (
        np.searchsorted(np.sort(distances**2), thresholds, side="left") / len(distances)
        for distances in (to_true, to_predicted)
    )
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return float(np.trapezoid(f1) / len(thresholds))


def point_metrics(prediction: Tensor, truth: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return MoGe's metrics of point maps.

    Args:
        prediction: Float (B, H, W, 3), metres, fitted before (``fit_points``).
        truth: Float (B, H, W, 3), metres.
        mask: Bool (B, H, W).

    Returns:
        Float64 (B,) under ``rel_point`` and ``delta_point``; NaN for an image without a valid pixel.

    Raises:
        ValueError: If shapes disagree or the mask is not boolean.
    """
    _check(prediction, truth, mask, 4)
    p, g = (torch.where(mask[..., None], points.double(), 1.0) for points in (prediction, truth))
    error, far_p, far_g = (points.norm(dim=-1) for points in (p - g, p, g))
    count = mask.sum(dim=(1, 2)).double()
    values = {
        "rel_point": error / (far_g + _EPS),
        "delta_point": (error < 0.25 * torch.minimum(far_g, far_p)).double(),
    }
    return {name: torch.where(mask, value, 0.0).sum(dim=(1, 2)) / count for name, value in values.items()}


def fit_points(prediction: Tensor, truth: Tensor, weight: Tensor, fit: PointFit) -> tuple[Tensor, Tensor]:
    """Return the scale and shift that bring predicted points to true ones, least in weighted absolute error.

    MoGe fits on the valid ones of 64x64 pixels, weighs by 1 / ‖truth‖, and then scores all pixels. The scale is a
    weighted median of coordinate ratios, a shift one of differences for each axis. For both, each point is tried as one
    that is met exactly, which takes O(n² log n): 4096 points take many seconds.

    Args:
        prediction: Float (N, 3), metres.
        truth: Float (N, 3), metres.
        weight: Float (N,), not negative.
        fit: What is free.

    Returns:
        Scale, float64 scalar, and shift, float64 (3,), metres. NaN without any point of positive weight.

    Raises:
        ValueError: If shapes disagree or the fit is unknown.
    """
    if prediction.shape != truth.shape or prediction.shape != (len(weight), 3):
        shapes = ", ".join(str(tuple(x.shape)) for x in (prediction, truth, weight))
        raise ValueError(f"points must be (N, 3) and weights (N,); got {shapes}")
    if fit not in POINT_FITS:
        raise ValueError(f"unknown fit '{fit}'; known: {', '.join(POINT_FITS)}")
    p, g, w = prediction.double(), truth.double(), weight.double()
    one, zero = p.new_ones(()), p.new_zeros(3)
    if not bool((w > 0).any()):
        return one * torch.nan, zero + torch.nan
    if fit == "shift":
        return one, _shift(p, g, w)
    if fit == "scale":
        return _scale(p, g, w), zero
    return (one, zero) if fit == "none" else _scale_and_shift(p, g, w)


def _check(prediction: Tensor, truth: Tensor, mask: Tensor, dims: int) -> None:
    wanted = "(B, H, W)" if dims == 3 else "(B, H, W, 3)"
    fitting = prediction.shape == truth.shape and prediction.shape[:3] == mask.shape and prediction.dim() == dims
    if not fitting or mask.dtype != torch.bool or (dims == 4 and prediction.shape[3] != 3):
        shapes = ", ".join(f"{tuple(x.shape)} {x.dtype}" for x in (prediction, truth, mask))
        raise ValueError(f"prediction and truth must be float {wanted} and the mask bool (B, H, W); got {shapes}")


def _f_and_iou(to_true: Cloud, to_predicted: Cloud, threshold: float) -> tuple[float, float]:
    """Return F-score and intersection over union in percent."""
    precision, recall = (float(np.mean(distances < threshold)) for distances in (to_true, to_predicted))
    if precision < _FEW and recall < _FEW:
        return 100 * precision, 100 * precision
    both = precision * recall
    return 100 * 2 * both / (precision + recall), 100 * both / (precision + recall - both)


def _image_scores(predicted: Tensor, true: Tensor) -> dict[str, float]:
    if not len(predicted) or not bool(predicted.isfinite().all()):
        nothing = np.full(1, np.nan)
        return dict.fromkeys(cloud_scores(nothing, nothing), float("nan"))
    return cloud_scores(*nearest_distances(predicted.cpu().numpy(), true.cpu().numpy()))


def _scale(p: Tensor, g: Tensor, w: Tensor) -> Tensor:
    return l1_scale(p.flatten(), g.flatten(), w.repeat_interleave(3))


def _shift(p: Tensor, g: Tensor, w: Tensor) -> Tensor:
    return torch.stack([l1_scale(torch.ones_like(w), along, w) for along in (g - p).T])


def _scale_and_shift(p: Tensor, g: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best scale and shift among those that meet one of the points exactly."""
    anchors = torch.nonzero(w > 0)[:, 0]
    scales = torch.stack([_scale(p - p[anchor], g - g[anchor], w) for anchor in anchors])
    shifts = g[anchors] - scales[:, None] * p[anchors]
    losses = torch.stack([((a * p + b - g).abs().sum(dim=1) * w).sum() for a, b in zip(scales, shifts, strict=True)])
    best = losses.argmin()
    return scales[best], shifts[best]
