"""Depth metrics: batched, one value an image, the definitions of ``sitegen.metrics``.

The valid pixels of each image are gathered once and turned into float64; every metric is a pass or two over that row
and shares what it can. What is not valid may hold any value, NaN included, and never reaches a sum.
"""

from __future__ import annotations

import math
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
    rows = [_values(*_valid(p, g, m), wanted) for p, g, m in zip(prediction, truth, mask, strict=True)]
    return {name: torch.stack([row[name] for row in rows]) if rows else truth.new_empty(0).double() for name in wanted}


def _valid(prediction: Tensor, truth: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the valid pixels of both maps; looking for them once is four times faster than ``map[mask]`` on each."""
    places = mask.reshape(-1).nonzero()[:, 0]
    return prediction.reshape(-1).index_select(0, places), truth.reshape(-1).index_select(0, places)


def _values(prediction: Tensor, truth: Tensor, wanted: tuple[str, ...]) -> dict[str, Tensor]:
    """Return the metrics of one image from its valid pixels, (N,) each; NaN where there is none."""
    if not len(truth):
        return dict.fromkeys(wanted, truth.new_tensor(torch.nan, dtype=torch.float64))
    pixels = _Pixels(prediction.double(), truth.double())
    return {name: _FORMULAS[name](pixels) for name in wanted}


class _Pixels:
    """The valid pixels of one image and what several metrics share, each computed at most once."""

    def __init__(self, prediction: Tensor, truth: Tensor) -> None:
        self.p, self.g = prediction, truth

    @cached_property
    def error(self) -> Tensor:
        return self.p - self.g

    @cached_property
    def absolute(self) -> Tensor:
        return self.error.abs()

    @cached_property
    def log_error(self) -> Tensor:
        return self.p.log() - self.g.log()

    @cached_property
    def log_mean(self) -> Tensor:
        return self.log_error.mean()

    @cached_property
    def log_variance(self) -> Tensor:
        # Centred: the difference of two means cancels for a constant ratio and may turn negative under a root.
        return _mean_square(self.log_error - self.log_mean)

    @cached_property
    def inverse_error(self) -> Tensor:
        return 1 / self.p - 1 / self.g

    @cached_property
    def ratio(self) -> Tensor:
        quotient = self.p / self.g
        # Both quotients of a negative depth are negative and would pass for a hit.
        return torch.where(self.p > 0, torch.maximum(quotient, self.g / self.p), torch.inf)


def _mean_square(values: Tensor) -> Tensor:
    return torch.dot(values, values) / len(values)


def _within(factor: float) -> Callable[[_Pixels], Tensor]:
    """Return the share of pixels whose ratio is below a factor."""
    return lambda x: (x.ratio < factor).count_nonzero() / x.ratio.new_tensor(len(x.ratio))


def _log_spread(weight: float) -> Callable[[_Pixels], Tensor]:
    """Return mean(d^2) - weight * mean(d)^2 of the log error d."""
    return lambda x: x.log_variance + (1 - weight) * x.log_mean**2


def _unbiased_silog(x: _Pixels) -> Tensor:
    count = len(x.g)
    return 100 * (x.log_variance * count / (count - 1) if count > 1 else x.log_variance * torch.nan).sqrt()


_AUC_STEPS, _AUC_FIRST, _AUC_LAST = 100, 0.01, 5.0


def _delta_auc(x: _Pixels) -> Tensor:
    """Integrate the share of pixels within 1.25^e over e by trapezoids, in one look-up for each pixel."""
    exponents = torch.linspace(_AUC_FIRST, _AUC_LAST, _AUC_STEPS, dtype=torch.float64, device=x.g.device)
    step = (_AUC_LAST - _AUC_FIRST) / (_AUC_STEPS - 1)
    reached = (_AUC_LAST - exponents + step / 2).clamp(max=_AUC_LAST - _AUC_FIRST)
    area = torch.cat(
        [reached, reached.new_zeros(1)]
    )  # from the first exponent that holds the pixel; none holds the last
    return area[torch.searchsorted(1.25**exponents, x.ratio, right=True)].mean() / _AUC_LAST


_FORMULAS: dict[str, Callable[[_Pixels], Tensor]] = {
    "abs_rel": lambda x: (x.absolute / x.g).mean(),
    "sq_rel": lambda x: (x.error**2 / x.g).mean(),
    "sq_rel_g2_pct": lambda x: 100 * _mean_square(x.error / x.g),
    "rmse": lambda x: _mean_square(x.error).sqrt(),
    "rmse_log": lambda x: _mean_square(x.log_error).sqrt(),
    "rmse_log10": lambda x: _mean_square(x.log_error).sqrt() / math.log(10),
    "log10": lambda x: x.log_error.abs().mean() / math.log(10),
    "median_log_pct": lambda x: 100 * x.log_error.median().abs(),
    "silog": lambda x: 100 * x.log_variance.sqrt(),
    "silog_unbiased": _unbiased_silog,
    "silog_half_root": lambda x: _log_spread(0.5)(x).sqrt(),
    "silog_log10": lambda x: x.log_variance.sqrt() / math.log(10),
    "silog_eigen_half": _log_spread(0.5),
    "silog_eigen": _log_spread(1.0),
    "delta1": _within(1.25),
    "delta2": _within(1.25**2),
    "delta3": _within(1.25**3),
    "delta_half": _within(1.25**0.5),
    "delta_quarter": _within(1.25**0.25),
    "tau": _within(1.03),
    "delta_auc": _delta_auc,
    "one_minus_delta1_pct": lambda x: 100 * (1 - _within(1.25)(x)),
    "mae": lambda x: x.absolute.mean(),
    "irmse": lambda x: _mean_square(x.inverse_error).sqrt(),
    "imae": lambda x: x.inverse_error.abs().mean(),
}

DEPTH_METRICS: tuple[str, ...] = tuple(_FORMULAS)
"""Ids of the metrics that compare two depth maps, as ``sitegen.metrics`` names them."""
