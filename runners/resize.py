"""The resize chain of a protocol: each step as it says, in the quantity that it says."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sitegen.records import PredictionKind, ResizeStep

__all__ = ["resize_map", "resize_prediction", "step_faults", "step_size", "truth_size"]

_SMOOTH = ("bilinear", "bicubic")
_MODES = (*_SMOOTH, "nearest")

Size = tuple[int, int]


def step_faults(step: ResizeStep) -> list[str]:
    """Return what in a step cannot be carried out, each as a phrase; empty if nothing.

    Ground truth is never resized here, nor are images with Lanczos: such steps say what a prepared data set has done,
    and its sizes are checked.
    """
    if step.what == "ground-truth":
        return [] if step_size(step) else ["ground truth has a size of its own; name it in rows x columns"]
    faults = []
    known = (*_MODES, "lanczos") if step.what == "image" else _MODES
    if step.mode not in known:
        faults.append(f"mode '{step.mode}' is none of {', '.join(known)}")
    if step.mode in _SMOOTH and (step.align_corners is None or step.antialias is None):
        faults.append("align_corners and antialias must be said")
    if step.what == "image" and not step_size(step):
        faults.append(f"an image is brought to rows x columns, not to '{step.to}'")
    if (step.what == "image") != (step.quantity == "colour"):
        faults.append(f"quantity '{step.quantity}' is not one of the {step.what}")
    if step.keep_within is not None and step.what == "image":
        faults.append("keep_within is for predictions")
    return faults


def step_size(step: ResizeStep) -> Size | None:
    """Return the rows and columns that a step names; None where it names another map."""
    rows, _, columns = step.to.partition("x")
    return (int(rows), int(columns)) if rows.isdigit() else None


def truth_size(steps: list[ResizeStep]) -> Size | None:
    """Return the size that the chain says the ground truth has; None where it says nothing."""
    sizes = [step_size(step) for step in steps if step.what == "ground-truth"]
    return sizes[-1] if sizes else None


def resize_prediction(
    values: Tensor, kind: PredictionKind, steps: list[ResizeStep], *, truth: Size, image: Size
) -> Tensor:
    """Return predictions after every step of the chain that is for predictions.

    Args:
        values: Float (B, h, w).
        kind: What they are: depth, or disparity for ``affine-invariant-disparity``.
        steps: The chain.
        truth: Size of the ground truth.
        image: Size of the image as the model got it.

    Raises:
        ValueError: If a step asks for the depth of a disparity that is known only up to scale and shift.
    """
    named = {"ground-truth": truth, "input-image": image}
    for step in steps:
        if step.what == "prediction":
            inverse = _is_inverse(step, kind)
            size = step_size(step) or named[step.to]
            values = _inverted(resize_map(_inverted(values, inverse), size, step), inverse)
            values = _kept(values, step)
    return values


def resize_map(values: Tensor, size: Size, step: ResizeStep) -> Tensor:
    """Return maps (B, h, w) at another size, with the interpolation of a step; those that have it are kept."""
    if tuple(values.shape[-2:]) == size:
        return values
    if step.mode not in _SMOOTH:
        return F.interpolate(values[:, None], size=size, mode=step.mode)[:, 0]
    antialias = bool(step.antialias)
    resized = F.interpolate(
        values[:, None], size=size, mode=step.mode, align_corners=step.align_corners, antialias=antialias
    )
    return resized[:, 0]


def _is_inverse(step: ResizeStep, kind: PredictionKind) -> bool:
    """Return whether a step runs on the inverse of what the prediction is."""
    own = "disparity" if kind == "affine-invariant-disparity" else "depth"
    if step.quantity in ("network-output", own):
        return False
    if own == "disparity":
        raise ValueError("a disparity known up to scale and shift has no depth that could be resized")
    return True


def _inverted(values: Tensor, wanted: bool) -> Tensor:
    return torch.where(values > 0, 1 / values, torch.nan) if wanted else values


def _kept(values: Tensor, step: ResizeStep) -> Tensor:
    if step.keep_within is None:
        return values
    low, high = step.keep_within
    return torch.where((values > low) & (values < high), values, 0.0)
