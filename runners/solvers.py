"""The estimators of alignment: how scale and shift follow from the valid pixels, each as its reference has it.

A solver takes the sums of a batch and returns a scale and a shift for each image. What a reference does with a constant
prediction, a negative slope or too few pixels is part of its estimator and stands here, nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from runners.l1 import l1_line, l1_scale, masked_nearest
from sitegen.records import Estimator

__all__ = ["MIN_PIXELS", "SOLVERS", "Fit", "Solution", "Solver"]

MIN_PIXELS = 10
"""A fit over fewer pixels than this is called degenerate."""

_FLAT = 1e-12
"""Variance over mean square below which a prediction is called constant (float32 noise is about 1e-14)."""
_RIDGE = 1e-9
"""What UniDepth adds to the diagonal of the normal equations."""
_METRIC3D_FEWEST = 10
"""Metric3D fits only above this number of pixels."""
_MOGE_GRID = 64
_TRIMMED = 0.2
_TRIM_STEPS = 20


class Fit:
    """Prediction and target of a batch in the space of the fit, and the float64 sums over their valid pixels."""

    def __init__(self, prediction: Tensor, target: Tensor, mask: Tensor) -> None:
        self.prediction, self.target, self.mask = prediction, target, mask
        self.count = mask.sum(dim=(1, 2)).double()

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of the masked values of each image; what is not masked may be NaN."""
        return torch.where(self.mask, values, 0.0).sum(dim=(1, 2))

    def within(self, mask: Tensor) -> Fit:
        """Return the same over those valid pixels alone that ``mask`` has too."""
        return Fit(self.prediction, self.target, self.mask & mask)

    @cached_property
    def mean_p(self) -> Tensor:
        """Mean prediction."""
        return self.total(self.prediction) / self.count

    @cached_property
    def mean_t(self) -> Tensor:
        """Mean target."""
        return self.total(self.target) / self.count

    @cached_property
    def spread_p(self) -> Tensor:
        """Sum of the squared prediction less its mean."""
        return self.total(self._centred_p**2)

    @cached_property
    def spread_pt(self) -> Tensor:
        """Sum of the products of prediction and target less their means."""
        return self.total(self._centred_p * (self.target - self.mean_t[:, None, None]))

    @cached_property
    def flat(self) -> Tensor:
        """Which predictions are constant over their valid pixels."""
        return self.spread_p <= _FLAT * (self.spread_p + self.count * self.mean_p**2)

    @cached_property
    def few(self) -> Tensor:
        """Which images have too few valid pixels for a fit that deserves trust."""
        return self.count < MIN_PIXELS

    @cached_property
    def _centred_p(self) -> Tensor:
        return self.prediction - self.mean_p[:, None, None]


@dataclass(frozen=True)
class Solution:
    """Scale and shift of each image, float64 (B,), and which of them are a fallback of the reference, bool (B,)."""

    scale: Tensor
    shift: Tensor
    fallback: Tensor


Solver = Callable[[Fit], Solution]


def _solution(scale: Tensor, shift: Tensor | None = None, fallback: Tensor | None = None) -> Solution:
    shift = torch.zeros_like(scale) if shift is None else shift
    return Solution(scale, shift, torch.zeros_like(scale, dtype=torch.bool) if fallback is None else fallback)


def _choose(condition: Tensor, first: Solution, second: Solution) -> Solution:
    """Return the first solution where the condition holds, else the second as a fallback."""
    return Solution(
        torch.where(condition, first.scale, second.scale),
        torch.where(condition, first.shift, second.shift),
        ~condition | first.fallback,
    )


def _identity(fit: Fit) -> Solution:
    return _solution(torch.ones_like(fit.count))


def _numpy_median(fit: Fit) -> Solution:
    return _solution(_middle(fit.target, fit.mask) / _middle(fit.prediction, fit.mask))


def _lower_median(fit: Fit) -> Solution:
    return _solution(_middle(fit.target, fit.mask, lower=True) / _middle(fit.prediction, fit.mask, lower=True))


def _least_squares_scale(fit: Fit) -> Solution:
    return _solution(fit.total(fit.prediction * fit.target) / fit.total(fit.prediction**2))


def _log_scale(fit: Fit) -> Solution:
    """Take prediction and target as logarithms."""
    return _solution((fit.mean_t - fit.mean_p).exp())


def _least_squares(fit: Fit) -> Solution:
    """As numpy's ``lstsq``: a constant prediction c gets that solution of s c + t = mean that has the least norm."""
    scale = torch.where(fit.flat, fit.mean_p * fit.mean_t / (fit.mean_p**2 + 1), fit.spread_pt / fit.spread_p)
    shift = torch.where(fit.flat, fit.mean_t / (fit.mean_p**2 + 1), fit.mean_t - scale * fit.mean_p)
    return _solution(scale, shift)


def _positive_least_squares(fit: Fit) -> Solution:
    """As Marigold fits disparity: pixels with a prediction of 0 or less are scored but not fitted."""
    positive = fit.within(fit.prediction > 0)
    line = _least_squares(positive)
    return _solution(line.scale, line.shift, positive.flat | positive.few)


def _least_squares_else_zero(fit: Fit) -> Solution:
    """As MiDaS: without a positive determinant scale and shift are 0, so that the whole map becomes the floor."""
    nothing = _solution(torch.zeros_like(fit.count))
    return _choose(~fit.flat, _least_squares(fit), nothing)


def _least_squares_else_median(fit: Fit) -> Solution:
    """As Metric3D: numpy's ``polyfit``; a negative slope gives way to medians, ten pixels or fewer are not fitted."""
    half = _solution(fit.mean_t / 2 / fit.mean_p, fit.mean_t / 2)  # polyfit scales its columns before the least norm
    line = _choose(~fit.flat, _least_squares(fit), half)
    low = [_middle(values, fit.mask, lower=True) for values in (fit.target, fit.prediction)]
    rising = _choose(~(line.scale < 0), line, _solution(low[0] / (low[1] + 1e-8)))
    return _choose(fit.count > _METRIC3D_FEWEST, rising, _identity(fit))


def _ridge(fit: Fit) -> Solution:
    """As UniDepth: the normal equations with 1e-9 on the diagonal, here solved without losing digits."""
    pull = _RIDGE * fit.count * fit.mean_p / (fit.count + _RIDGE)
    scale = (fit.spread_pt + pull * fit.mean_t) / (fit.spread_p + _RIDGE + pull * fit.mean_p)
    shift = fit.count * (fit.mean_t - scale * fit.mean_p) / (fit.count + _RIDGE)
    return _solution(scale, shift)


def _trimmed(fit: Fit) -> Solution:
    """Least squares, again and again over the 80 % of the pixels that lie nearest to the line, until they stay."""
    keep = (fit.count * (1 - _TRIMMED)).ceil().long().clamp(min=1)
    inner = fit
    for _ in range(_TRIM_STEPS):
        line = _least_squares(inner)
        away = (line.scale[:, None, None] * fit.prediction + line.shift[:, None, None] - fit.target).abs()
        ordered = torch.where(fit.mask, away, torch.inf).flatten(1).sort(dim=1).values
        nearest = fit.mask & (away <= ordered.gather(1, keep[:, None] - 1)[:, :, None])
        if torch.equal(nearest, inner.mask):
            break
        inner = fit.within(nearest)
    return _least_squares(inner)


def _centre_and_deviation(fit: Fit) -> Solution:
    """Bring median and mean absolute deviation of the prediction to those of the target (MiDaS's training losses)."""
    centres = [_middle(values, fit.mask) for values in (fit.prediction, fit.target)]
    p, t = (
        fit.total((values - centre[:, None, None]).abs()) / fit.count
        for values, centre in zip((fit.prediction, fit.target), centres, strict=True)
    )
    return _solution(t / p, centres[1] - t / p * centres[0])


def _absolute_scale(fit: Fit) -> Solution:
    return _each(fit, lambda p, t: (l1_scale(p, t, torch.ones_like(p)), p.new_zeros(())))


def _absolute_line(fit: Fit) -> Solution:
    return _each(fit, lambda p, t: l1_line(p, t, torch.ones_like(p)))


def _moge_scale(fit: Fit) -> Solution:
    """As MoGe: weights of one over depth, on a 64x64 subsample of the valid pixels."""
    return _each(_subsample(fit), lambda p, t: (l1_scale(p, t, 1 / t), p.new_zeros(())))


def _moge_line(fit: Fit) -> Solution:
    return _each(_subsample(fit), lambda p, t: l1_line(p, t, 1 / t))


def _subsample(fit: Fit) -> Fit:
    index, found = masked_nearest(fit.mask, _MOGE_GRID, _MOGE_GRID)
    p, t = (values.flatten(1).gather(1, index)[:, None] for values in (fit.prediction, fit.target))
    return Fit(p, t, found[:, None])


def _each(fit: Fit, solve: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Solution:
    """Solve image after image over their valid pixels; NaN where there is none or one is not finite."""
    solved = []
    for p, t, mask in zip(fit.prediction, fit.target, fit.mask, strict=True):
        p, t = p[mask], t[mask]
        sound = len(p) > 0 and bool(p.isfinite().all())
        solved.append(torch.stack(solve(p, t)) if sound else fit.count.new_full((2,), torch.nan))
    both = torch.stack(solved) if solved else fit.count.new_empty((0, 2))
    return _solution(both[:, 0], both[:, 1])


def _middle(values: Tensor, mask: Tensor, *, lower: bool = False) -> Tensor:
    """Return the median of the masked values of each image; an even count has two middle ones."""
    # Sorted by hand: torch.median knows the lower one alone, torch.nanquantile refuses more than 2**24 values.
    ordered = torch.where(mask, values, torch.nan).flatten(1).sort(dim=1).values  # NaN sorts last
    count = mask.sum(dim=(1, 2))[:, None]
    low = ordered.gather(1, (count - 1).clamp(min=0) // 2)
    high = low if lower else ordered.gather(1, (count // 2).clamp(max=ordered.shape[1] - 1))
    return ((low + high) / 2)[:, 0]


_LINES: dict[Estimator, Solver] = {
    "least squares": _least_squares,
    "least squares over positive predictions": _positive_least_squares,
    "least squares else zero": _least_squares_else_zero,
    "least squares else lower median": _least_squares_else_median,
    "ridge least squares": _ridge,
    "trimmed least squares": _trimmed,
    "median and mean deviation": _centre_and_deviation,
    "least absolute deviations": _absolute_line,
}

SOLVERS: dict[str, dict[Estimator, Solver]] = {
    "none": {"none": _identity},
    "median": {"numpy median": _numpy_median, "lower median": _lower_median},
    "scale": {
        "least squares": _least_squares_scale,
        "weighted L1": _moge_scale,
        "least absolute deviations": _absolute_scale,
    },
    "log-scale": {"least squares": _log_scale},
    "scale-shift": {**_LINES, "weighted L1": _moge_line},
    "scale-shift-disparity": _LINES,
}
"""Solvers by alignment mode and estimator; the first estimator of a mode is the usual one."""
