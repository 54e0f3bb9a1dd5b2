"""Depth metrics: batched, one value an image, the definitions of ``sitegen.metrics``.

Nearly every metric is a formula over a few sums (``runners.sums``), taken in one pass over the maps for all that are
asked for. The median and the area under the thresholds need the pixels themselves, which are then gathered image by
image. What is not valid may hold any value, NaN included, and never counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from runners.sums import Group, below, error_sums, log_error, ratio, valid_pixels

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
    if unknown := [name for name in wanted if name not in DEPTH_METRICS]:
        raise ValueError(f"unknown metric {', '.join(unknown)}; known: {', '.join(DEPTH_METRICS)}")
    values = _from_sums(prediction, truth, mask, wanted) | _from_pixels(prediction, truth, mask, wanted)
    return {name: values[name] for name in wanted}


def _from_sums(prediction: Tensor, truth: Tensor, mask: Tensor, wanted: tuple[str, ...]) -> dict[str, Tensor]:
    """Return those metrics that follow from sums; sums that none of them needs are not taken."""
    groups = [group for group, formulas in _FORMULAS.items() if not formulas.keys().isdisjoint(wanted)]
    if not groups:
        return {}
    means = _Means(error_sums(prediction, truth, mask, groups))
    formulas = {name: value for group in groups for name, value in _FORMULAS[group].items()}
    return {name: formulas[name](means) for name in wanted if name in formulas}


def _from_pixels(prediction: Tensor, truth: Tensor, mask: Tensor, wanted: tuple[str, ...]) -> dict[str, Tensor]:
    """Return those metrics that need the pixels, NaN where there is none."""
    names = [name for name in wanted if name in _PIXELWISE]
    values = {name: truth.new_full((len(truth),), torch.nan, dtype=torch.float64) for name in names}
    for i, image in enumerate(zip(prediction, truth, mask, strict=True) if names else ()):
        p, g = valid_pixels(*image)
        for name in names if len(g) else ():
            values[name][i] = _PIXELWISE[name](p, g)
    return values


class _Means:
    """Means over the valid pixels of each image, float64 (B,)."""

    def __init__(self, sums: dict[str, Tensor]) -> None:
        self.sums, self.count = sums, sums["count"]

    def __getitem__(self, name: str) -> Tensor:
        return self.sums[name] / self.count

    @property
    def log_variance(self) -> Tensor:
        # From d less a shift: the difference of two means cancels for a constant ratio and may turn negative.
        return (self["log_shifted_square"] - self["log_shifted"] ** 2).clamp(min=0)

    def log_spread(self, weight: float) -> Tensor:
        """Return mean(d^2) - weight * mean(d)^2 of the log error d."""
        return self.log_variance + (1 - weight) * (self.sums["log_shift"] + self["log_shifted"]) ** 2


def _within(factor: float) -> Callable[[_Means], Tensor]:
    """Return the share of pixels whose ratio is below a factor."""
    return lambda x: x[below(factor)]


_FORMULAS: dict[Group, dict[str, Callable[[_Means], Tensor]]] = {
    "errors": {
        "abs_rel": lambda x: x["relative"],
        "sq_rel": lambda x: x["square_relative"],
        "sq_rel_g2_pct": lambda x: 100 * x["relative_square"],
        "rmse": lambda x: x["square"].sqrt(),
        "mae": lambda x: x["absolute"],
    },
    "logs": {
        "rmse_log": lambda x: x["log_square"].sqrt(),
        "rmse_log10": lambda x: x["log_square"].sqrt() / math.log(10),
        "log10": lambda x: x["log_absolute"] / math.log(10),
        "silog": lambda x: 100 * x.log_variance.sqrt(),
        "silog_unbiased": lambda x: 100 * (x.log_variance * x.count / (x.count - 1)).sqrt(),  # one pixel: 0 / 0
        "silog_half_root": lambda x: x.log_spread(0.5).sqrt(),
        "silog_log10": lambda x: x.log_variance.sqrt() / math.log(10),
        "silog_eigen_half": lambda x: x.log_spread(0.5),
        "silog_eigen": lambda x: x.log_spread(1.0),
    },
    "hits": {
        "delta1": _within(1.25),
        "delta2": _within(1.25**2),
        "delta3": _within(1.25**3),
        "delta_half": _within(1.25**0.5),
        "delta_quarter": _within(1.25**0.25),
        "tau": _within(1.03),
        "one_minus_delta1_pct": lambda x: 100 * (1 - x[below(1.25)]),
    },
    "inverse": {
        "irmse": lambda x: x["inverse_square"].sqrt(),
        "imae": lambda x: x["inverse_absolute"],
    },
}

_PART = 1 << 20
"""How many pixels are turned into float64 at a time."""


def _parts(p: Tensor, g: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    yield from ((x.double(), y.double()) for x, y in zip(torch.split(p, _PART), torch.split(g, _PART), strict=True))


def _median_log_pct(p: Tensor, g: Tensor) -> Tensor:
    return 100 * torch.cat([log_error(*part) for part in _parts(p, g)]).median().abs()


_AUC_STEPS, _AUC_FIRST, _AUC_LAST = 100, 0.01, 5.0


def _delta_auc(p: Tensor, g: Tensor) -> Tensor:
    """Integrate the share of pixels within 1.25^e over e by trapezoids, in one look-up for each pixel."""
    exponents = torch.linspace(_AUC_FIRST, _AUC_LAST, _AUC_STEPS, dtype=torch.float64, device=g.device)
    step = (_AUC_LAST - _AUC_FIRST) / (_AUC_STEPS - 1)
    reached = (_AUC_LAST - exponents + step / 2).clamp(max=_AUC_LAST - _AUC_FIRST)
    area = torch.cat([reached, reached.new_zeros(1)])  # from the first exponent that holds the pixel; none: the last
    places = (torch.searchsorted(1.25**exponents, ratio(*part), right=True) for part in _parts(p, g))
    return torch.stack([area[place].sum() for place in places]).sum() / len(g) / _AUC_LAST


_PIXELWISE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "median_log_pct": _median_log_pct,
    "delta_auc": _delta_auc,
}

DEPTH_METRICS: tuple[str, ...] = (*(name for formulas in _FORMULAS.values() for name in formulas), *_PIXELWISE)
"""Ids of the metrics that compare two depth maps, as ``sitegen.metrics`` names them."""
