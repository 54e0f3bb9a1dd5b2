"""Alignment of predictions to ground truth: batched, one fit per image.

A mode says what is fitted and in which space, an estimator how (``runners.solvers``). A fit has at most two unknowns,
so that a handful of sums over the valid pixels solves it. The sums are taken in float64 and after centring: in float32
a sum of squares over a large image loses several digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from runners.solvers import MIN_PIXELS, SOLVERS, Fit, Solution, Solver
from sitegen.records import Estimator

__all__ = ["MIN_PIXELS", "MODES", "Aligned", "Mode", "align"]

Mode = Literal["none", "median", "scale", "log-scale", "scale-shift", "scale-shift-disparity"]

MODES: tuple[Mode, ...] = get_args(Mode)
"""Every alignment mode, from no unknown to two."""


@dataclass(frozen=True)
class Aligned:
    """Predictions brought to the scale of the ground truth.

    Attributes:
        depth: Aligned depth in metres, (B, H, W), in the prediction's dtype. With ``scale-shift-disparity`` and no
            floor, a disparity that is not positive becomes infinitely far.
        scale: Fitted scale of each image, float64 (B,); NaN where no pixel is valid.
        shift: Fitted shift of each image in the space of the fit (metres or 1/m), float64 (B,).
        degenerate: Whether the fit of an image should not be trusted, bool (B,): fewer than ``MIN_PIXELS`` valid
            pixels, a constant prediction, a scale that is not positive, a fit that is not finite, or one that the
            estimator had to replace (a median for a negative slope, nothing for a singular system).
    """

    depth: Tensor
    scale: Tensor
    shift: Tensor
    degenerate: Tensor


def align(
    prediction: Tensor,
    truth: Tensor,
    mask: Tensor,
    mode: Mode,
    *,
    estimator: Estimator | None = None,
    floor: float | Tensor | None = None,
) -> Aligned:
    """Fit each prediction to its ground truth over the masked pixels and apply the fit to the whole map.

    Args:
        prediction: Float (B, H, W): depth, or disparity for ``scale-shift-disparity``.
        truth: Float (B, H, W), metres, positive wherever ``mask`` is set.
        mask: Bool (B, H, W), the pixels of the fit.
        mode: ``none`` keeps the map. ``median`` and ``scale`` multiply it. ``log-scale`` multiplies it by the least
            squares scale of the logarithms. ``scale-shift`` adds a shift in depth. ``scale-shift-disparity`` does so
            on 1/truth and inverts the result.
        estimator: How the mode is solved, in the words of protocols; None for the usual way: ``numpy median`` (an even
            count takes the mean of the two middle values) or ``least squares`` (a constant prediction gets the solution
            of least norm, as from numpy's ``lstsq``).
        floor: Smallest aligned disparity in 1/m, one number or one an image; only for ``scale-shift-disparity``.

    Returns:
        The aligned depth with scale, shift and a degeneracy flag for each image.

    Raises:
        ValueError: If shapes or types disagree, mode or estimator is unknown or a floor is given to another mode.
    """
    _check(prediction, truth, mask)
    solve = _solver(mode, estimator)
    if floor is not None and mode != "scale-shift-disparity":
        raise ValueError(f"a disparity floor was given, but the mode is '{mode}'")
    p, g = prediction.double(), truth.double()
    fit = Fit(*_in_space(p, g, mode), mask)
    solution = solve(fit)
    fitted = solution.scale[:, None, None] * p + solution.shift[:, None, None]
    depth = _invert(fitted, floor) if mode == "scale-shift-disparity" else fitted
    return Aligned(depth.to(prediction.dtype), solution.scale, solution.shift, _degenerate(fit, solution, mode))


def _solver(mode: Mode, estimator: Estimator | None) -> Solver:
    if mode not in SOLVERS:
        raise ValueError(f"unknown alignment mode '{mode}'; known: {', '.join(MODES)}")
    known = SOLVERS[mode]
    chosen = next(iter(known)) if estimator is None else estimator
    if chosen not in known:
        raise ValueError(f"mode '{mode}' has no estimator '{chosen}'; known: {', '.join(known)}")
    return known[chosen]


def _in_space(prediction: Tensor, truth: Tensor, mode: Mode) -> tuple[Tensor, Tensor]:
    """Return prediction and truth in the space in which a mode compares them."""
    if mode == "log-scale":
        return prediction.log(), truth.log()
    return prediction, 1.0 / truth if mode == "scale-shift-disparity" else truth


def _invert(disparity: Tensor, floor: float | Tensor | None) -> Tensor:
    if floor is None:
        return torch.where(disparity > 0, 1.0 / disparity, torch.where(disparity.isnan(), torch.nan, torch.inf))
    least = torch.as_tensor(floor, dtype=disparity.dtype, device=disparity.device)
    if not bool((least > 0).all()):
        raise ValueError("the disparity floor must be positive")
    return 1.0 / torch.maximum(disparity, least.reshape(-1, 1, 1))


def _degenerate(fit: Fit, solution: Solution, mode: Mode) -> Tensor:
    if mode == "none":
        return fit.count == 0
    unfit = solution.fallback | fit.few | ~solution.scale.isfinite() | ~solution.shift.isfinite()
    if mode.startswith("scale-shift"):
        unfit = unfit | fit.flat
    return unfit | ~(solution.scale > 0)


def _check(prediction: Tensor, truth: Tensor, mask: Tensor) -> None:
    if not (prediction.shape == truth.shape == mask.shape) or prediction.dim() != 3:
        shapes = ", ".join(str(tuple(x.shape)) for x in (prediction, truth, mask))
        raise ValueError(f"prediction, truth and mask must all be (B, H, W); got {shapes}")
    if mask.dtype != torch.bool:
        raise ValueError(f"the mask must be boolean, not {mask.dtype}")
    if not (prediction.is_floating_point() and truth.is_floating_point()):
        raise ValueError(f"prediction and truth must be floating point, not {prediction.dtype} and {truth.dtype}")
