"""Alignment of predictions to ground truth: closed form, batched, one fit per image.

Every mode is a least-squares problem with at most two unknowns, so its solution is a handful of sums over the valid
pixels. The sums are taken in float64 and after centring: in float32 a sum of squares over a large image loses several
digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

__all__ = ["MIN_PIXELS", "MODES", "Aligned", "Mode", "align"]

Mode = Literal["none", "median", "scale", "scale-shift", "scale-shift-disparity"]

MODES: tuple[Mode, ...] = get_args(Mode)
"""Every alignment mode, from no unknown to two."""

MIN_PIXELS = 10
"""A fit over fewer pixels than this is called degenerate."""

_FLAT = 1e-12
"""Variance over mean square below which a prediction is called constant (float32 noise is about 1e-14)."""


@dataclass(frozen=True)
class Aligned:
    """Predictions brought to the scale of the ground truth.

    Attributes:
        depth: Aligned depth in metres, (B, H, W), in the prediction's dtype. With ``scale-shift-disparity`` and no
            floor, a disparity that is not positive becomes infinitely far.
        scale: Fitted scale of each image, float64 (B,); NaN where no pixel is valid.
        shift: Fitted shift of each image in the space of the fit (metres or 1/m), float64 (B,).
        degenerate: Whether the fit of an image should not be trusted, bool (B,): fewer than ``MIN_PIXELS`` valid
            pixels, a constant prediction, a scale that is not positive, or a fit that is not finite.
    """

    depth: Tensor
    scale: Tensor
    shift: Tensor
    degenerate: Tensor


def align(
    prediction: Tensor, truth: Tensor, mask: Tensor, mode: Mode, *, floor: float | Tensor | None = None
) -> Aligned:
    """Fit each prediction to its ground truth over the masked pixels and apply the fit to the whole map.

    Args:
        prediction: Float (B, H, W): depth, or disparity for ``scale-shift-disparity``.
        truth: Float (B, H, W), metres, positive wherever ``mask`` is set.
        mask: Bool (B, H, W), the pixels of the fit.
        mode: ``none`` keeps the map. ``median`` multiplies by median(truth) / median(prediction), an even count taking
            the mean of the two middle values as numpy does. ``scale`` is the least-squares scale. ``scale-shift`` adds
            a least-squares shift in depth. ``scale-shift-disparity`` does so on 1/truth and inverts the result.
        floor: Smallest aligned disparity in 1/m, one number or one an image; only for ``scale-shift-disparity``.

    Returns:
        The aligned depth with scale, shift and a degeneracy flag for each image. A constant prediction gets the
        solution of least norm, as numpy's ``lstsq`` gives it.

    Raises:
        ValueError: If shapes or types disagree, the mode is unknown or a floor is given to another mode.
    """
    _check(prediction, truth, mask)
    if mode not in MODES:
        raise ValueError(f"unknown alignment mode '{mode}'; known: {', '.join(MODES)}")
    if floor is not None and mode != "scale-shift-disparity":
        raise ValueError(f"a disparity floor was given, but the mode is '{mode}'")
    target = 1.0 / truth.double() if mode == "scale-shift-disparity" else truth.double()
    fit = _Sums(prediction.double(), target, mask)
    scale, shift = _SOLVERS[mode](fit)
    fitted = scale[:, None, None] * fit.prediction + shift[:, None, None]
    depth = _invert(fitted, floor) if mode == "scale-shift-disparity" else fitted
    return Aligned(depth.to(prediction.dtype), scale, shift, _degenerate(fit, scale, shift, mode))


class _Sums:
    """The sums over the valid pixels of each image that the solvers need, in float64."""

    def __init__(self, prediction: Tensor, target: Tensor, mask: Tensor) -> None:
        self.prediction, self.target, self.mask = prediction, target, mask
        self.count = mask.sum(dim=(1, 2)).double()
        self.mean_p = self.total(prediction) / self.count
        self.mean_t = self.total(target) / self.count

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of the masked values of each image; what is not masked may be NaN."""
        return torch.where(self.mask, values, 0.0).sum(dim=(1, 2))

    def centred(self) -> tuple[Tensor, Tensor]:
        """Return prediction and target less their means."""
        return self.prediction - self.mean_p[:, None, None], self.target - self.mean_t[:, None, None]

    def is_flat(self) -> Tensor:
        """Return which predictions are constant over their valid pixels."""
        centred, _ = self.centred()
        return self.total(centred**2) <= _FLAT * self.total(self.prediction**2)


def _solve_none(fit: _Sums) -> tuple[Tensor, Tensor]:
    return torch.ones_like(fit.mean_p), torch.zeros_like(fit.mean_p)


def _solve_median(fit: _Sums) -> tuple[Tensor, Tensor]:
    scale = _masked_median(fit.target, fit.mask) / _masked_median(fit.prediction, fit.mask)
    return scale, torch.zeros_like(scale)


def _solve_scale(fit: _Sums) -> tuple[Tensor, Tensor]:
    scale = fit.total(fit.prediction * fit.target) / fit.total(fit.prediction**2)
    return scale, torch.zeros_like(scale)


def _solve_scale_shift(fit: _Sums) -> tuple[Tensor, Tensor]:
    p, t = fit.centred()
    slope = fit.total(p * t) / fit.total(p**2)
    # Of all solutions for a constant prediction c (s * c + t = mean), the one of least norm.
    least_norm = fit.mean_p * fit.mean_t / (fit.mean_p**2 + 1)
    flat = fit.is_flat()
    scale = torch.where(flat, least_norm, slope)
    shift = torch.where(flat, fit.mean_t / (fit.mean_p**2 + 1), fit.mean_t - scale * fit.mean_p)
    return scale, shift


_SOLVERS: dict[Mode, Callable[[_Sums], tuple[Tensor, Tensor]]] = {
    "none": _solve_none,
    "median": _solve_median,
    "scale": _solve_scale,
    "scale-shift": _solve_scale_shift,
    "scale-shift-disparity": _solve_scale_shift,
}


def _masked_median(values: Tensor, mask: Tensor) -> Tensor:
    """Return the median of the masked values of each image: the mean of the two middle ones of an even count."""
    # Sorted by hand: torch.median takes the lower middle one, torch.nanquantile refuses more than 2**24 values.
    ordered = torch.where(mask, values, torch.nan).flatten(1).sort(dim=1).values  # NaN sorts last
    count = mask.sum(dim=(1, 2))[:, None]
    low = ordered.gather(1, (count - 1).clamp(min=0) // 2)
    high = ordered.gather(1, (count // 2).clamp(max=ordered.shape[1] - 1))
    return ((low + high) / 2)[:, 0]


def _invert(disparity: Tensor, floor: float | Tensor | None) -> Tensor:
    if floor is None:
        return torch.where(disparity > 0, 1.0 / disparity, torch.where(disparity.isnan(), torch.nan, torch.inf))
    least = torch.as_tensor(floor, dtype=disparity.dtype, device=disparity.device)
    if not bool((least > 0).all()):
        raise ValueError("the disparity floor must be positive")
    return 1.0 / torch.maximum(disparity, least.reshape(-1, 1, 1))


def _degenerate(fit: _Sums, scale: Tensor, shift: Tensor, mode: Mode) -> Tensor:
    unfit = (fit.count < MIN_PIXELS) | ~scale.isfinite() | ~shift.isfinite()
    if mode == "none":
        return fit.count == 0
    if mode.startswith("scale-shift"):
        unfit = unfit | fit.is_flat()
    return unfit | ~(scale > 0)


def _check(prediction: Tensor, truth: Tensor, mask: Tensor) -> None:
    if not (prediction.shape == truth.shape == mask.shape) or prediction.dim() != 3:
        shapes = ", ".join(str(tuple(x.shape)) for x in (prediction, truth, mask))
        raise ValueError(f"prediction, truth and mask must all be (B, H, W); got {shapes}")
    if mask.dtype != torch.bool:
        raise ValueError(f"the mask must be boolean, not {mask.dtype}")
    if not (prediction.is_floating_point() and truth.is_floating_point()):
        raise ValueError(f"prediction and truth must be floating point, not {prediction.dtype} and {truth.dtype}")
