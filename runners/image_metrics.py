"""Metrics that need more of an image than its valid pixels: neighbours, a camera, or what annotators marked.

One place where the ids of such metrics meet their functions and say what a sample must bring for them. Each function
takes one scored image and returns the values of its ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from runners.boundaries import boundary_f1, edge_errors, matting_recall, si_boundary_f1
from runners.datasets.base import Annotations, Intrinsics, Planes, PointPairs
from runners.ordinal import count_pairs
from runners.planes import depth_boundary_error, directed_depth_error, planarity_errors
from runners.points import cloud_metrics

__all__ = ["IMAGE_METRICS", "ImageView", "MissingAnnotationError", "image_metrics", "needs"]

Values = dict[str, float]


class MissingAnnotationError(ValueError):
    """A metric needs something that the sample does not bring."""


@dataclass(frozen=True)
class ImageView:
    """One image as it is scored.

    Attributes:
        depth: Float (H, W), the aligned prediction in metres; for pairs the prediction as it is.
        truth: Float (H, W), metres.
        valid: Bool (H, W), the pixels that count; None where the protocol takes every pixel, measured or not.
        annotations: What is marked on the image, at the size of the truth.
        intrinsics: Of the truth's pixels, where known.
        larger_is_nearer: Whether ``depth`` is a disparity.
    """

    depth: Tensor
    truth: Tensor
    valid: Tensor | None
    annotations: Annotations
    intrinsics: Intrinsics | None = None
    larger_is_nearer: bool = False

    @property
    def maps(self) -> tuple[Tensor, Tensor]:
        """Return prediction and truth as batches of one."""
        return self.depth[None], self.truth[None]

    @property
    def mask(self) -> Tensor:
        """Return the valid pixels as a batch of one."""
        return (torch.ones_like(self.truth, dtype=torch.bool) if self.valid is None else self.valid)[None]


@dataclass(frozen=True)
class _Group:
    """Metrics that come out of one computation, what they need (fields of Annotations, or ``intrinsics``)."""

    ids: tuple[str, ...]
    needs: tuple[str, ...]
    compute: Callable[[ImageView], Values]


def image_metrics(view: ImageView, wanted: Iterable[str]) -> tuple[Values, dict[str, int]]:
    """Return the values of the wanted metrics that are of this kind, and how many pairs and planes they are over.

    A value is NaN where the image has nothing to score: no edge, no plane that is large enough, no pair.

    Raises:
        MissingAnnotationError: If the sample lacks what a metric needs; the message names metric and need.
    """
    names = [name for name in wanted if name in IMAGE_METRICS]
    values: Values = {}
    for group in dict.fromkeys(IMAGE_METRICS[name] for name in names):
        _require(group, view)
        values |= group.compute(view)
    counts = {unit: int(values[key]) for unit, key in (("pairs", _PAIRS), ("planes", _PLANES)) if key in values}
    return {name: values[name] for name in names}, counts


def needs(metric: str) -> tuple[str, ...]:
    """Return what a sample must bring for a metric: fields of ``Annotations``, or ``intrinsics``."""
    return IMAGE_METRICS[metric].needs if metric in IMAGE_METRICS else ()


def _require(group: _Group, view: ImageView) -> None:
    have = {**vars(view.annotations), "intrinsics": view.intrinsics}
    if missing := [name for name in group.needs if have[name] is None]:
        raise MissingAnnotationError(f"{', '.join(group.ids)}: the sample has no {' and no '.join(missing)}")


_PAIRS, _PLANES = "pair count", "plane count"
"""Keys of the counts among the values; no metric can have such an id."""


def _floats(values: dict[str, Tensor]) -> Values:
    return {name: float(value) for name, value in values.items()}


def _si_boundary(view: ImageView) -> Values:
    mask = None if view.valid is None else view.mask
    return {"si_boundary_f1": float(si_boundary_f1(*view.maps, mask))}


def _matting(view: ImageView) -> Values:
    matte = torch.from_numpy(np.asarray(view.annotations.matte))
    return {"matting_recall": float(matting_recall(view.depth[None], matte[None]))}


def _window_boundary(radius: int) -> Callable[[ImageView], Values]:
    return lambda view: {f"boundary_f1_r{radius}": float(boundary_f1(*view.maps, view.mask, radius))}


def _canny_edges(view: ImageView) -> Values:
    accuracy, completeness = edge_errors(view.depth.cpu().numpy(), np.asarray(view.annotations.edges))
    return {"edge_acc": accuracy, "edge_comp": completeness}


def _depth_boundaries(view: ImageView) -> Values:
    mask = view.mask[0].cpu().numpy()
    accuracy, completeness = depth_boundary_error(view.depth.cpu().numpy(), np.asarray(view.annotations.edges), mask)
    return {"dbe_acc": accuracy, "dbe_com": completeness}


def _planes(view: ImageView) -> Values:
    """Return the means over the planes of the image that could be scored, and how many those are."""
    marked, camera = cast(Planes, view.annotations.planes), cast(Intrinsics, view.intrinsics)
    valid = view.mask[0].cpu().numpy()
    depth, truth = (np.where(valid, values.cpu().numpy(), 0) for values in (view.depth, view.truth))
    found = planarity_errors(depth, truth, np.where(valid, marked.labels, 0), marked.normals, camera)
    scored = ~np.isnan(found["pe_fla"])
    means = {name: float(values[scored].mean()) if scored.any() else float("nan") for name, values in found.items()}
    return {**means, _PLANES: int(scored.sum())}


def _directed(view: ImageView) -> Values:
    return _floats(directed_depth_error(*view.maps, view.mask))


def _clouds(view: ImageView) -> Values:
    fx, fy, cx, cy = cast(Intrinsics, view.intrinsics)
    matrix = torch.tensor([[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]], dtype=torch.float64, device=view.depth.device)
    return _floats(cloud_metrics(*view.maps, view.mask, matrix))


def _pairs(view: ImageView) -> Values:
    pairs = cast(PointPairs, view.annotations.pairs)
    first, second, farther = (
        torch.from_numpy(values).to(view.depth.device) for values in (pairs.first, pairs.second, pairs.first_is_farther)
    )
    counts = count_pairs(view.depth, first, second, farther, disparity=view.larger_is_nearer)
    shares = {"whdr": counts.whdr, "pair_acc": counts.pair_acc, "pair_tie_share": counts.tie_share}
    return {**shares, _PAIRS: counts.pairs}


_GROUPS = (
    _Group(("si_boundary_f1",), (), _si_boundary),
    _Group(("matting_recall",), ("matte",), _matting),
    *(_Group((f"boundary_f1_r{radius}",), (), _window_boundary(radius)) for radius in (1, 2, 3)),
    _Group(("edge_acc", "edge_comp"), ("edges",), _canny_edges),
    _Group(("dbe_acc", "dbe_com"), ("edges",), _depth_boundaries),
    _Group(("pe_fla", "pe_ori"), ("planes", "intrinsics"), _planes),
    _Group(("dde_0", "dde_m", "dde_p"), (), _directed),
    _Group(("chamfer", "f_score", "iou", "f_score_20", "iou_20"), ("intrinsics",), _clouds),
    _Group(("whdr", "pair_acc", "pair_tie_share"), ("pairs",), _pairs),
)

IMAGE_METRICS: dict[str, _Group] = {name: group for group in _GROUPS for name in group.ids}
"""The metrics of this module by id, as ``sitegen.metrics`` names them, each with the group that computes it."""
