"""Depth metrics: batched, one value an image, the definitions of ``sitegen.metrics``.

Everything is computed in float64 over the valid pixels of each image. What is not valid may hold any value, NaN
included, and never reaches a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["DEPTH_METRICS", "depth_metrics"]


def depth_metrics(
    prediction: Tensor, truth: Tensor, mask: Tensor, metrics: Iterable[str] | None = None
) -> dict[str, Tensor]:
    """Return the value of each metric for each image.

    Args:
        prediction: Float (B, H, W), metres. A valid pixel that is not positive makes the logarithmic metrics NaN and
            counts as wrong in the threshold accuracies.
        truth: Float (B, H, W), metres, positive wherever ``mask`` is set.
        mask: Bool (B, H, W).
        metrics: Ids to compute; all of ``DEPTH_METRICS`` when None.

    Returns:
        Float64 (B,) for each id, in the order asked for. An image without a valid pixel gives NaN in every metric.

    Raises:
        ValueError: If the shapes disagree, the mask is not boolean or an id is unknown.
    """
    if not (prediction.shape == truth.shape == mask.shape) or mask.dim() != 3 or mask.dtype != torch.bool:
        shapes = ", ".join(f"{tuple(x.shape)} {x.dtype}" for x in (prediction, truth, mask))
        raise ValueError(f"prediction and truth must be float (B, H, W) and the mask bool alike; got {shapes}")
    wanted = DEPTH_METRICS if metrics is None else tuple(metrics)
    if unknown := [name for name in wanted if name not in _FORMULAS]:
        raise ValueError(f"unknown metric {', '.join(unknown)}; known: {', '.join(DEPTH_METRICS)}")
    pixels = _Pixels(prediction, truth, mask)
    return {name: _FORMULAS[name](pixels) for name in wanted}


class _Pixels:
    """The masked pixels of a batch and what several metrics share, each computed at most once."""

    def __init__(self, prediction: Tensor, truth: Tensor, mask: Tensor) -> None:
        # A pixel that is not valid becomes 1 on both sides: no error and no NaN, whatever the metric.
        self.p = torch.where(mask, prediction.double(), 1.0)
        self.g = torch.where(mask, truth.double(), 1.0)
        self.mask = mask
        self.count = mask.sum(dim=(1, 2)).double()

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the valid pixels of each image, (B,); NaN where there is none."""
        return torch.where(self.mask, values, 0.0).sum(dim=(1, 2)) / self.count

    @cached_property
    def error(self) -> Tensor:
        return self.p - self.g

    @cached_property
    def log_error(self) -> Tensor:
        return self.p.log() - self.g.log()

    @cached_property
    def inverse_error(self) -> Tensor:
        return 1 / self.p - 1 / self.g

    @cached_property
    def ratio(self) -> Tensor:
        ratio = torch.maximum(self.p / self.g, self.g / self.p)
        # Both quotients of a negative depth are negative and would pass for a hit.
        return torch.where(self.p > 0, ratio, torch.inf)


def _silog(x: _Pixels) -> Tensor:
    # Centred: the difference of two means cancels for a constant ratio and may turn negative under the root.
    centred = x.log_error - x.mean(x.log_error)[:, None, None]
    return 100 * x.mean(centred**2).sqrt()


def _delta(order: int) -> Callable[[_Pixels], Tensor]:
    return lambda x: x.mean((x.ratio < 1.25**order).double())


_FORMULAS: dict[str, Callable[[_Pixels], Tensor]] = {
    "abs_rel": lambda x: x.mean(x.error.abs() / x.g),
    "sq_rel": lambda x: x.mean(x.error**2 / x.g),
    "rmse": lambda x: x.mean(x.error**2).sqrt(),
    "rmse_log": lambda x: x.mean(x.log_error**2).sqrt(),
    "log10": lambda x: x.mean(x.log_error.abs()) / torch.log(x.g.new_tensor(10.0)),
    "silog": _silog,
    "delta1": _delta(1),
    "delta2": _delta(2),
    "delta3": _delta(3),
    "one_minus_delta1_pct": lambda x: 100 * (1 - _delta(1)(x)),
    "mae": lambda x: x.mean(x.error.abs()),
    "irmse": lambda x: x.mean(x.inverse_error**2).sqrt(),
    "imae": lambda x: x.mean(x.inverse_error.abs()),
}

DEPTH_METRICS: tuple[str, ...] = tuple(_FORMULAS)
"""Ids of the metrics that compare two depth maps, as ``sitegen.metrics`` names them."""
