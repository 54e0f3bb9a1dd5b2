"""Predictions and what they are invariant to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sitegen.records import WEAKER_KINDS, Detail, PredictionKind

__all__ = ["KindError", "Prediction", "as_kind", "flip_average", "flip_blend", "may_score_as", "weaker_kinds"]


class KindError(ValueError):
    """A prediction was asked for more than it claims to know."""


@dataclass(frozen=True)
class Prediction:
    """A model's output for one image.

    Attributes:
        kind: What the map is invariant to, the strongest claim that the model makes.
        map: Float (h, w) at the model's own output size: metres for ``metric-depth``, any unit otherwise; larger is
            farther, except for ``affine-invariant-disparity``, where larger is nearer.
        uncertainty: Float (h, w), the model's own estimate of how unsure it is, in its own unit; None for most.
        details: What the model decided for this image (which head, which focal length); kept in the record.
    """

    kind: PredictionKind
    map: Tensor
    uncertainty: Tensor | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a map that is not a single floating-point plane, and an uncertainty of another size."""
        if self.map.dim() != 2 or not self.map.is_floating_point():
            raise ValueError(f"a prediction is one float (h, w) map, not {self.map.dtype} {tuple(self.map.shape)}")
        if self.uncertainty is not None and self.uncertainty.shape != self.map.shape:
            sizes = f"{tuple(self.uncertainty.shape)} and {tuple(self.map.shape)}"
            raise ValueError(f"uncertainty and map must be of one size, not {sizes}")


def weaker_kinds(kind: PredictionKind) -> tuple[PredictionKind, ...]:
    """Return the kinds that a prediction may be scored under: its own first, then every weaker one."""
    return WEAKER_KINDS[kind]


def may_score_as(kind: PredictionKind, target: PredictionKind) -> bool:
    """Return whether a prediction of one kind may be scored under another: never under a stronger one."""
    return target in weaker_kinds(kind)


def as_kind(values: Tensor, kind: PredictionKind, target: PredictionKind) -> Tensor:
    """Return a map as a weaker kind sees it.

    Depth becomes disparity by inversion (a depth that is not positive becomes NaN); every other step down keeps the
    values.

    Raises:
        KindError: If ``target`` is stronger than, or not comparable with, ``kind``.
    """
    if not may_score_as(kind, target):
        raise KindError(f"a prediction of kind '{kind}' must not be scored as '{target}': it does not know that much")
    return _inverse(values) if kind != target == "affine-invariant-disparity" else values


def _inverse(values: Tensor) -> Tensor:
    return torch.where(values > 0, 1 / values, torch.nan)


def flip_average(straight: Tensor, mirrored: Tensor) -> Tensor:
    """Return the mean of a map (..., W) and of that of the mirror image, turned back."""
    return (straight + mirrored.flip(-1)) / 2


def flip_blend(straight: Tensor, mirrored: Tensor) -> Tensor:
    """Return a map (..., W) blended with that of the mirror image as Monodepth2 post-processes disparity.

    The mean in the middle; towards each side a ramp over the outer tenth of the width leads to the map whose border
    there is not the one that stereo training leaves without a view.
    """
    turned = mirrored.flip(-1)
    across = torch.linspace(0, 1, straight.shape[-1], dtype=straight.dtype, device=straight.device)
    left = 1 - (20 * (across - 0.05)).clamp(0, 1)
    right = left.flip(-1)
    return right * straight + left * turned + (1 - left - right) * (straight + turned) / 2
