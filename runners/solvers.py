"""The estimators of alignment: how scale and shift follow from the valid pixels, each as its reference has it.

A solver takes the sums of a batch and returns a scale and a shift for each image. What a reference does with a constant
prediction, a negative slope or too few pixels is part of its estimator and stands here, nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from runners.l1 import l1_line, l1_scale, masked_nearest
from runners.sums import Moments, Space, as_is, moments, valid_pixels
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
    """The maps of a batch, the space in which they are fitted, and what solvers ask of their valid pixels."""

    def __init__(self, prediction: Tensor, truth: Tensor, mask: Tensor, space: Space = as_is) -> None:
        self.prediction, self.truth, self.mask, self.space = prediction, truth, mask, space

    def within(self, mask: Tensor) -> Fit:
        """Return the same over those valid pixels alone that ``mask`` has too."""
        return Fit(self.prediction, self.truth, self.mask & mask, self.space)

    def row(self, image: int) -> tuple[Tensor, Tensor]:
        """Return the valid pixels of an image in the space of the fit: prediction and target, (N,) each."""
        return self.space(*valid_pixels(self.prediction[image], self.truth[image], self.mask[image]))

    @cached_property
    def sums(self) -> Moments:
        """Means and spreads of the valid pixels."""
        return moments(self.prediction, self.truth, self.mask, self.space)

    @cached_property
    def flat(self) -> Tensor:
        """Which predictions are constant over their valid pixels."""
        sums = self.sums
        return sums.spread_p <= _FLAT * (sums.spread_p + sums.count * sums.mean_p**2)

    @property
    def few(self) -> Tensor:
        """Which images have too few valid pixels for a fit that deserves trust."""
        return self.sums.count < MIN_PIXELS


@dataclass(frozen=True)
class Solution:
    """Scale and shift of each image, float64 (B,), and which of them are a fallback of the reference, bool (B,)."""

    scale: Tensor
    shift: Tensor
    fallback: Tensor


Solver = Callable[[Fit], Solution]
Line = tuple[Tensor, Tensor]
"""Scale and shift of one image."""


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
    return _solution(torch.ones_like(fit.sums.count))


def _numpy_median(fit: Fit) -> Solution:
    return _solution(_each(fit, lambda p, t: (_middle(t) / _middle(p), _none(t))).scale)


def _lower_median(fit: Fit) -> Solution:
    return _solution(_each(fit, lambda p, t: (_lower_middle(t) / _lower_middle(p), _none(t))).scale)


def _least_squares_scale(fit: Fit) -> Solution:
    x = fit.sums
    square, product = x.spread_p + x.count * x.mean_p**2, x.spread_pt + x.count * x.mean_p * x.mean_t
    return _solution(product / square)


def _log_scale(fit: Fit) -> Solution:
    """Take prediction and target as logarithms."""
    return _solution((fit.sums.mean_t - fit.sums.mean_p).exp())


def _least_squares(fit: Fit) -> Solution:
    """As numpy's ``lstsq``: a constant prediction c gets that solution of s c + t = mean that has the least norm."""
    x = fit.sums
    scale = torch.where(fit.flat, x.mean_p * x.mean_t / (x.mean_p**2 + 1), x.spread_pt / x.spread_p)
    shift = torch.where(fit.flat, x.mean_t / (x.mean_p**2 + 1), x.mean_t - scale * x.mean_p)
    return _solution(scale, shift)


def _positive_least_squares(fit: Fit) -> Solution:
    """As Marigold fits disparity: pixels with a prediction of 0 or less are scored but not fitted."""
    positive = fit.within(fit.prediction > 0)
    line = _least_squares(positive)
    return _solution(line.scale, line.shift, positive.flat | positive.few)


def _least_squares_else_zero(fit: Fit) -> Solution:
    """As MiDaS: without a positive determinant scale and shift are 0, so that the whole map becomes the floor."""
    nothing = _solution(torch.zeros_like(fit.sums.count))
    return _choose(~fit.flat, _least_squares(fit), nothing)


def _least_squares_else_median(fit: Fit) -> Solution:
    """As Metric3D: numpy's ``polyfit``; a negative slope gives way to medians, ten pixels or fewer are not fitted."""
    x = fit.sums
    half = _solution(x.mean_t / 2 / x.mean_p, x.mean_t / 2)  # polyfit scales its columns before the least norm
    line = _choose(~fit.flat, _least_squares(fit), half)
    falling = line.scale < 0
    # Most images have no use for medians, which cost far more than the line.
    medians = _each(fit, lambda p, t: (_lower_middle(t) / (_lower_middle(p) + 1e-8), _none(t)), only=falling)
    return _choose(x.count > _METRIC3D_FEWEST, _choose(~falling, line, medians), _identity(fit))


def _ridge(fit: Fit) -> Solution:
    """As UniDepth: the normal equations with 1e-9 on the diagonal, here solved without losing digits."""
    x = fit.sums
    pull = _RIDGE * x.count * x.mean_p / (x.count + _RIDGE)
    scale = (x.spread_pt + pull * x.mean_t) / (x.spread_p + _RIDGE + pull * x.mean_p)
    shift = x.count * (x.mean_t - scale * x.mean_p) / (x.count + _RIDGE)
    return _solution(scale, shift)


def _trimmed(fit: Fit) -> Solution:
    return _each(fit, _trimmed_line)


def _trimmed_line(p: Tensor, t: Tensor) -> Line:
    """Least squares, again and again over the 80 % of the pixels that lie nearest to the line, until they stay."""
    keep = math.ceil(len(p) * (1 - _TRIMMED))
    kept = torch.ones_like(p, dtype=torch.bool)
    line = _line(p, t, kept)
    for _ in range(_TRIM_STEPS):
        away = (line[0] * p + line[1] - t).abs()
        nearest = away <= away.kthvalue(keep).values
        if torch.equal(nearest, kept):
            break
        kept = nearest
        line = _line(p, t, kept)
    return line


def _line(p: Tensor, t: Tensor, kept: Tensor) -> Line:
    """Return the least-squares line of some pixels of a row."""
    solution = _least_squares(Fit(p[None], t[None], kept[None]))
    return solution.scale[0], solution.shift[0]


def _centre_and_deviation(fit: Fit) -> Solution:
    return _each(fit, _bring_together)


def _bring_together(p: Tensor, t: Tensor) -> Line:
    """Bring median and mean absolute deviation of the prediction to those of the target (MiDaS's training losses)."""
    centre_p, centre_t = _middle(p), _middle(t)
    scale = (t - centre_t).abs().mean() / (p - centre_p).abs().mean()
    return scale, centre_t - scale * centre_p


def _absolute_scale(fit: Fit) -> Solution:
    return _each(fit, _finite(lambda p, t: (l1_scale(p, t, torch.ones_like(p)), _none(t))))


def _absolute_line(fit: Fit) -> Solution:
    return _each(fit, _finite(lambda p, t: l1_line(p, t, torch.ones_like(p))))


def _moge_scale(fit: Fit) -> Solution:
    """As MoGe: weights of one over depth, on a 64x64 subsample of the valid pixels."""
    return _each(_subsample(fit), _finite(lambda p, t: (l1_scale(p, t, 1 / t), _none(t))))


def _moge_line(fit: Fit) -> Solution:
    return _each(_subsample(fit), _finite(lambda p, t: l1_line(p, t, 1 / t)))


def _subsample(fit: Fit) -> Fit:
    index, found = masked_nearest(fit.mask, _MOGE_GRID, _MOGE_GRID)
    p, g = (values.flatten(1).gather(1, index)[:, None] for values in (fit.prediction, fit.truth))
    return Fit(p, g, found[:, None], fit.space)


def _each(fit: Fit, solve: Callable[[Tensor, Tensor], Line], only: Tensor | None = None) -> Solution:
    """Solve image after image over their valid pixels in float64; NaN where there is none or one is left out."""
    lines = fit.prediction.new_full((len(fit.mask), 2), torch.nan, dtype=torch.float64)
    for i in range(len(lines)) if only is None else only.nonzero()[:, 0].tolist():
        p, t = (values.double() for values in fit.row(i))
        if len(p):
            lines[i, 0], lines[i, 1] = solve(p, t)
    return _solution(lines[:, 0], lines[:, 1])


def _finite(solve: Callable[[Tensor, Tensor], Line]) -> Callable[[Tensor, Tensor], Line]:
    """Let a solver see finite predictions alone; others get no line."""
    nothing = torch.tensor(torch.nan), torch.tensor(torch.nan)
    return lambda p, t: solve(p, t) if bool(p.isfinite().all()) else nothing


def _none(values: Tensor) -> Tensor:
    return values.new_zeros(())


def _lower_middle(values: Tensor) -> Tensor:
    """Return the median; of an even count the lower of the two middle values."""
    return _middle_two(values)[0]


def _middle(values: Tensor) -> Tensor:
    """Return the median; of an even count the mean of the two middle values."""
    return _middle_two(values).mean()


def _middle_two(values: Tensor) -> Tensor:
    """Return the two middle values, the same one twice of an odd count; NaN counts as the largest."""
    places = [(len(values) - 1) // 2, len(values) // 2]
    if values.device.type == "cpu":  # numpy finds both at once without sorting
        return torch.from_numpy(np.partition(values.detach().numpy(), places)[places])
    return values.sort().values[places]


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
