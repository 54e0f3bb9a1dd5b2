"""The metrics of iBims-1: planarity (PE), depth boundaries (DBE) and the side of a plane (DDE).

Koch et al., "Evaluation of CNN-based Single-Image Depth Estimation Methods", ECCV workshops 2018 (arXiv 1805.01328) and
the evaluation scripts that come with the data set (https://www.asg.ed.tum.de/lmf/ibims1/).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from runners.boundaries import MAX_EDGE_DISTANCE, canny_edges, edge_map

__all__ = ["MIN_PLANE_PIXELS", "depth_boundary_error", "directed_depth_error", "planarity_errors"]

MIN_PLANE_PIXELS = 15360
"""Smallest plane that is scored: 5 percent of iBims-1's 480x640 pixels."""


def directed_depth_error(prediction: Tensor, truth: Tensor, mask: Tensor, distance: float = 3.0) -> dict[str, Tensor]:
    """Return the share of pixels on the right side of a plane parallel to the image, and of both kinds of error.

    A pixel at the very distance is in front. MDEC takes 10 m and percent (``monodepth_benchmark`` 692c4eb).

    Args:
        prediction: Float (B, H, W), metres.
        truth: Float (B, H, W), metres.
        mask: Bool (B, H, W).
        distance: Of the plane from the camera, metres.

    Returns:
        Float64 (B,) under ``dde_0`` (right), ``dde_m`` (predicted in front, lies behind) and ``dde_p`` (the reverse);
        the three add up to 1. NaN for an image without a valid pixel, or with a NaN prediction on one.

    Raises:
        ValueError: If shapes disagree or the mask is not boolean.
    """
    if not (prediction.shape == truth.shape == mask.shape) or mask.dim() != 3 or mask.dtype != torch.bool:
        shapes = ", ".join(f"{tuple(x.shape)} {x.dtype}" for x in (prediction, truth, mask))
        raise ValueError(f"prediction and truth must be float (B, H, W) and the mask bool alike; got {shapes}")
    broken = (prediction.isnan() & mask).any(dim=(1, 2))
    count = mask.sum(dim=(1, 2)).double().masked_fill(broken, torch.nan)
    front_p, front_g = prediction <= distance, truth <= distance
    sides = {"dde_0": front_p == front_g, "dde_m": front_p & ~front_g, "dde_p": ~front_p & front_g}
    return {name: (side & mask).sum(dim=(1, 2)) / count for name, side in sides.items()}


def depth_boundary_error(
    prediction: NDArray[Any], edges: NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """Return the accuracy and completeness of predicted depth boundaries of one image, in pixels.

    Predicted edges are Canny edges (sigma √2, thresholds 0.15 and 0.3) of the depth normalised to 0..1 in float32.
    Accuracy is the mean distance of those nearer than 10 pixels to an annotated edge. Completeness is the mean of the
    distances both ways, each cut at 10. Canny finds nothing in the outermost rows and columns, so even a perfect
    prediction of an edge that reaches the border is not quite 0.

    Args:
        prediction: Float numpy (H, W), depth; 0 and NaN count as missing.
        edges: Numpy (H, W), annotated edges, non-zero where there is one.
        mask: Bool numpy (H, W), where the prediction counts; everywhere when None.

    Returns:
        Accuracy and completeness; both 10 where no predicted edge is near an annotated one, both NaN where the image
        has no annotated edge.

    Raises:
        ValueError: If the shapes disagree.
    """
    edges = edge_map(edges, prediction)
    if not edges.any():
        return float("nan"), float("nan")
    found = _depth_edges(prediction, mask)
    to_truth = distance_transform_edt(~edges)
    near = found & (to_truth < MAX_EDGE_DISTANCE)
    if not near.any():
        return MAX_EDGE_DISTANCE, MAX_EDGE_DISTANCE
    to_found = distance_transform_edt(~found)
    both = np.concatenate([to_truth[found], to_found[edges]])
    return float(to_truth[near].mean()), float(np.minimum(both, MAX_EDGE_DISTANCE).mean())


def planarity_errors(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    planes: NDArray[np.integer[Any]],
    normals: NDArray[Any],
    intrinsics: tuple[float, float, float, float],
    *,
    min_pixels: int = MIN_PLANE_PIXELS,
) -> dict[str, NDArray[np.float64]]:
    """Return flatness and orientation error of each annotated plane of one image.

    The depth of a plane is scaled by the ratio of medians on it, projected to space with axes X right, Y forward, Z up
    from a pixel grid that starts at 1, and a plane is fitted (principal components). The value of a data set is the
    mean over the planes of all images, NaN left out.

    Args:
        prediction: Float numpy (H, W), depth at any scale; 0 and NaN count as missing.
        truth: Float numpy (H, W), metres; 0 and NaN count as missing.
        planes: Integer numpy (H, W): 0 for none, k for the k-th plane (``mask_wall``, ``mask_table``, ``mask_floor``).
        normals: Numpy (K, 3), unit normals of the planes in those axes (columns 4..6 of the ``*_paras`` of iBims-1).
        intrinsics: fx, fy, cx, cy in pixels (iBims-1 stores the matrix transposed).
        min_pixels: Planes with fewer pixels are not scored.

    Returns:
        Float64 (K,) under ``pe_fla`` (standard deviation from the fitted plane, centimetres) and ``pe_ori`` (angle to
        the annotated normal, degrees, 0 to 90). NaN for a plane that is too small or has fewer than three points.

    Raises:
        ValueError: If shapes disagree.
    """
    normals = np.atleast_2d(np.asarray(normals, dtype=np.float64))
    if not (prediction.ndim == 2 and prediction.shape == truth.shape == planes.shape) or normals.shape[1:] != (3,):
        shapes = f"{prediction.shape}, {truth.shape}, {planes.shape} and {normals.shape}"
        raise ValueError(f"prediction, truth and planes must be (H, W) maps and normals (K, 3); got {shapes}")
    p, g = (np.where(depth == 0, np.nan, depth).astype(np.float64) for depth in (prediction, truth))
    values = [_plane_error(p, g, planes == k, n, intrinsics, min_pixels) for k, n in enumerate(normals, start=1)]
    flat, tilt = np.array(values, dtype=np.float64).reshape(-1, 2).T
    return {"pe_fla": flat, "pe_ori": tilt}


def _depth_edges(prediction: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return the Canny edges of normalised depth; none where the map is flat or missing."""
    depth = prediction.astype(np.float32)
    missing = (depth == 0) | ~np.isfinite(depth)
    depth[missing if mask is None else missing | ~mask] = np.nan
    if np.isnan(depth).all() or np.nanmin(depth) == np.nanmax(depth):
        return np.zeros(depth.shape, dtype=np.bool_)
    depth -= np.nanmin(depth)
    depth /= np.nanmax(depth)
    return canny_edges(depth, sigma=np.sqrt(2), low_threshold=0.15, high_threshold=0.3)


def _plane_error(
    prediction: NDArray[np.float64],
    truth: NDArray[np.float64],
    plane: NDArray[np.bool_],
    normal: NDArray[np.float64],
    intrinsics: tuple[float, float, float, float],
    min_pixels: int,
) -> tuple[float, float]:
    """Return flatness in centimetres and tilt in degrees of one plane."""
    p, g = prediction[plane], truth[plane]
    seen = np.isfinite(p)
    if np.count_nonzero(plane) < min_pixels or np.count_nonzero(seen) < 3 or not np.isfinite(g).any():
        return float("nan"), float("nan")
    depth = p[seen] * (np.nanmedian(g) / np.median(p[seen]))
    row, column = (index[seen] + 1 for index in np.nonzero(plane))
    fx, fy, cx, cy = intrinsics
    points = np.stack([(column - cx) * depth / fx, depth, -(row - cy) * depth / fy], axis=1)
    points -= points.mean(axis=0)
    fitted = np.linalg.eigh(points.T @ points)[1][:, 0]
    tilt = np.arctan2(np.linalg.norm(np.cross(normal, fitted)), abs(np.dot(normal, fitted)))
    return 100 * float(np.std(points @ fitted)), float(np.degrees(tilt))
