"""Alignment of predictions to ground truth: batched, one fit per image.

A mode says what is fitted and in which space, an estimator how (``runners.solvers``). A fit has at most two unknowns,
so that a handful of sums over the valid pixels solves it (``runners.sums``). They are taken in float64 and less a value
of the map: in float32 a sum of squares over a large image loses several digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from runners.solvers import MIN_PIXELS, SOLVERS, Fit, Solution, Solver
from runners.sums import Space, as_is, tiles
from sitegen.records import Estimator

__all__ = ["MIN_PIXELS", "MODES", "Aligned", "Mode", "align"]

Mode = Literal["none", "median", "scale", "log-scale", "scale-shift", "scale-shift-disparity"]

MODES: tuple[Mode, ...] = get_args(Mode)
"""Every alignment mode, from no unknown to two."""


@dataclass(frozen=True)
class Aligned:
    """Predictions brought to the scale of the ground truth.

    Attributes:
        depth: Aligned depth in metres, (B, H, W), in the prediction's dtype; with ``none`` the prediction itself. With
            ``scale-shift-disparity`` and no floor, a disparity that is not positive becomes infinitely far.
        scale: Fitted scale of each image, float64 (B,); NaN where no pixel is valid.
        shift: Fitted shift of each image in the space of the fit (metres or 1/m), float64 (B,).
        degenerate: Whether the fit of an image should not be trusted, bool (B,): fewer than ``MIN_PIXELS`` valid
            pixels, a constant prediction, a scale that is not positive, a fit that is not finite, or one that the
            estimator had to replace (a median for a negative slope, nothing for a singular system).
        floored: Masked pixels whose aligned disparity was below the floor, int64 (B,); 0 without one.
    """

    depth: Tensor
    scale: Tensor
    shift: Tensor
    degenerate: Tensor
    floored: Tensor


def align(
    prediction: Tensor,
    truth: Tensor,
    mask: Tensor,
    mode: Mode,
    *,
    estimator: Estimator | None = None,
    floor: float | Tensor | None = None,
    fit_max_res: int | None = None,
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
        fit_max_res: Where the map has a side longer than this, the fit sees fewer columns, as many as would bring the
            longer side to it, and every row of them: Marigold's rule (``alignment_max_res``). None for all pixels.

    Returns:
        The aligned depth with scale, shift and a degeneracy flag for each image.

    Raises:
        ValueError: If shapes or types disagree, mode or estimator is unknown or a floor is given to another mode.
    """
    _check(prediction, truth, mask)
    solve = _solver(mode, estimator)
    least = _least(floor, mode, prediction.device)
    seen = (prediction, truth, mask) if fit_max_res is None else _fewer_columns(prediction, truth, mask, fit_max_res)
    fit = Fit(*seen, _space(mode))
    solution = solve(fit)
    depth, floored = _apply(solution, prediction, mask, mode, least)
    return Aligned(depth, solution.scale, solution.shift, _degenerate(fit, solution, mode), floored)


def _solver(mode: Mode, estimator: Estimator | None) -> Solver:
    if mode not in SOLVERS:
        raise ValueError(f"unknown alignment mode '{mode}'; known: {', '.join(MODES)}")
    known = SOLVERS[mode]
    chosen = next(iter(known)) if estimator is None else estimator
    if chosen not in known:
        raise ValueError(f"mode '{mode}' has no estimator '{chosen}'; known: {', '.join(known)}")
    return known[chosen]


def _least(floor: float | Tensor | None, mode: Mode, device: torch.device) -> Tensor | None:
    """Return the floor as float64 (B,) or (1,)."""
    if floor is None:
        return None
    if mode != "scale-shift-disparity":
        raise ValueError(f"a disparity floor was given, but the mode is '{mode}'")
    least = torch.as_tensor(floor, dtype=torch.float64).reshape(-1)
    if not bool((least > 0).all()):
        raise ValueError("the disparity floor must be positive")
    return least.to(device)


def _fewer_columns(prediction: Tensor, truth: Tensor, mask: Tensor, longest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the columns that torch's nearest upsampling picks for a map viewed as rows of values."""
    if longest < 1:
        raise ValueError(f"fit_max_res must be a number of pixels, not {longest}")
    height, width = mask.shape[1:]
    factor = min(longest / max(height, 1), longest / max(width, 1))
    if factor >= 1:
        return prediction, truth, mask
    # torch chooses, since its rounding of j / factor in float32 is part of the rule.
    picked = F.interpolate(torch.arange(float(width))[None, None], scale_factor=factor, mode="nearest")[0, 0].long()
    columns = picked.to(mask.device)
    return prediction[..., columns], truth[..., columns], mask[..., columns]


def _space(mode: Mode) -> Space:
    """Return what brings prediction and truth into the space in which a mode compares them."""
    return {"log-scale": _as_logarithms, "scale-shift-disparity": _as_disparity}.get(mode, as_is)


def _as_logarithms(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    return prediction.double().log(), truth.double().log()


def _as_disparity(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    return prediction, truth.double().reciprocal()


def _apply(
    solution: Solution, prediction: Tensor, mask: Tensor, mode: Mode, least: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the aligned depth, and how many masked pixels of each image were below the floor."""
    floored = torch.zeros_like(solution.scale, dtype=torch.long)
    if mode == "none":
        return prediction, floored
    values, valid = prediction.flatten(1), mask.flatten(1)
    depth = torch.empty_like(values)
    for part in tiles(values.shape[1], len(values), values.device):
        fitted = (values[:, part] * solution.scale[:, None]).add_(solution.shift[:, None])  # in float64
        if least is not None:
            floored += ((fitted < least[:, None]) & valid[:, part]).sum(1)
        depth[:, part] = _invert(fitted, least) if mode == "scale-shift-disparity" else fitted
    return depth.view(prediction.shape), floored


def _invert(disparity: Tensor, least: Tensor | None) -> Tensor:
    if least is None:
        return torch.where(disparity > 0, 1.0 / disparity, torch.where(disparity.isnan(), torch.nan, torch.inf))
    return torch.maximum(disparity, least[:, None]).reciprocal_()


def _degenerate(fit: Fit, solution: Solution, mode: Mode) -> Tensor:
    if mode == "none":
        return fit.sums.count == 0
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
