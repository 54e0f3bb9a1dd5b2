"""Scoring under a protocol: crop, resize, align, clamp and metrics exactly as the record says.

A protocol record may describe more than this engine can carry out, since it also documents other people's evaluators.
Whatever is not understood here is refused by name (:func:`unsupported`), never left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from runners.align import Mode, align
from runners.crop import CropError, frame_slices, window
from runners.metrics import DEPTH_METRICS, depth_metrics
from runners.prediction import KindError, as_kind, weaker_kinds
from sitegen.records import (
    Alignment,
    Clamp,
    CropWindow,
    Frame,
    PredictionKind,
    Protocol,
    ResizeStep,
    ValidRange,
)

__all__ = ["ProtocolError", "Scores", "refusals", "score", "scored_kind", "unsupported"]

_ESTIMATORS: dict[tuple[str, str, str], Mode] = {
    ("none", "none", "none"): "none",
    ("depth", "median", "numpy median"): "median",
    ("depth", "scale", "least squares"): "scale",
    ("depth", "scale-shift", "least squares"): "scale-shift",
    ("disparity", "scale-shift", "least squares"): "scale-shift-disparity",
}
_INTERPOLATIONS = ("bilinear", "bicubic")


class ProtocolError(ValueError):
    """A protocol cannot be carried out, or not on this prediction."""


@dataclass(frozen=True)
class Scores:
    """The scores of a batch; every tensor has one value an image.

    Attributes:
        metrics: Metric id to float64 (B,), in the protocol's order; NaN for an image without a valid pixel.
        valid_pixels: Pixels that counted, int64 (B,).
        scale: Fitted scale, float64 (B,).
        shift: Fitted shift, float64 (B,).
        degenerate: Whether the fit should not be trusted, bool (B,).
        clamped_share: Share of the valid pixels that the clamp changed, float64 (B,).
        scored_as: The kind under which the predictions were scored.
    """

    metrics: dict[str, Tensor]
    valid_pixels: Tensor
    scale: Tensor
    shift: Tensor
    degenerate: Tensor
    clamped_share: Tensor
    scored_as: PredictionKind


def score(prediction: Tensor, kind: PredictionKind, truth: Tensor, mask: Tensor, protocol: Protocol) -> Scores:
    """Score a batch of predictions as a protocol says.

    Args:
        prediction: Float (B, h, w) of any size, what the network put out for the image (cut to the protocol's
            ``input_crop``, if it has one).
        kind: The kind that the predictions declare. Where the protocol has no alignment for it, the nearest weaker
            kind that it has is used.
        truth: Float (B, H, W), metres.
        mask: Bool (B, H, W), the pixels that the protocol's mask source leaves (:func:`sample_mask`).
        protocol: The record.

    Raises:
        ProtocolError: If the protocol asks for something that this engine cannot do, or does not fit the size of the
            ground truth.
        KindError: If the protocol only scores kinds that are stronger than the prediction's.
    """
    if faults := unsupported(protocol):
        raise ProtocolError(_cannot_run(protocol, faults))
    target = scored_kind(kind, protocol)
    valid = mask & _in_range(truth, protocol.valid_range) & _window(protocol.crop, truth)
    truth, valid = _cut(protocol.input_crop, truth, valid)
    values = as_kind(_resize(prediction, truth.shape[-2:], protocol.resize), kind, target)
    rule = protocol.alignment[target]
    floor = None if rule.floor_m is None else 1 / rule.floor_m
    aligned = align(values, truth, valid, _mode(rule), floor=floor)
    depth = _clamp(aligned.depth, protocol.clamp)
    count = valid.sum(dim=(1, 2))
    changed = ((depth != aligned.depth) & valid).sum(dim=(1, 2))
    metrics = depth_metrics(depth, truth, valid, protocol.metrics)
    share = changed.double() / count
    return Scores(metrics, count, aligned.scale, aligned.shift, aligned.degenerate, share, target)


def scored_kind(kind: PredictionKind, protocol: Protocol) -> PredictionKind:
    """Return the kind under which a protocol scores a prediction: its own, else the nearest weaker one it aligns.

    Raises:
        KindError: If the protocol has neither.
    """
    for candidate in weaker_kinds(kind):
        if candidate in protocol.alignment:
            return candidate
    raise KindError(
        f"protocol '{protocol.dataset}/{protocol.id}' scores {', '.join(protocol.alignment)}; a prediction of kind "
        f"'{kind}' is weaker and must not be scored so"
    )


def refusals(kind: PredictionKind, protocol: Protocol) -> list[str]:
    """Return why predictions of a kind cannot be scored under a protocol, as sentences; empty if they can."""
    found = [_cannot_run(protocol, faults)] if (faults := unsupported(protocol)) else []
    try:
        scored_kind(kind, protocol)
    except KindError as error:
        found.append(str(error))
    return found


def _cannot_run(protocol: Protocol, faults: list[str]) -> str:
    return f"protocol '{protocol.dataset}/{protocol.id}' cannot be run: " + "; ".join(faults)


def unsupported(protocol: Protocol) -> list[str]:
    """Return everything in a protocol that this engine cannot carry out, each as ``field: what``; empty if none."""
    faults = [fault for check in _CHECKS for fault in check(protocol)]
    faults += [
        f"alignment/{kind}: {fault}" for kind, rule in protocol.alignment.items() for fault in _rule_faults(rule)
    ]
    faults += [f"resize/{i}: {fault}" for i, step in enumerate(protocol.resize) for fault in _step_faults(step)]
    return faults


def _clamp_faults(protocol: Protocol) -> list[str]:
    note = protocol.clamp.note if protocol.clamp else ""
    return [f"clamp/note: '{note}' is a rule in words"] if note else []


def _procedure_faults(protocol: Protocol) -> list[str]:
    faults = ["flip_average: not available"] if protocol.flip_average else []
    if protocol.aggregation != "mean-of-images":
        faults.append(f"aggregation: '{protocol.aggregation}' is not available")
    if len(protocol.resize) > 1:
        faults.append("resize: more than one step")
    faults += [f"metrics: '{name}' is not computed here" for name in protocol.metrics if name not in DEPTH_METRICS]
    return faults


def _rule_faults(rule: Alignment) -> list[str]:
    faults = []
    if (rule.space, rule.solver, rule.estimator) not in _ESTIMATORS:
        faults.append(f"space '{rule.space}', solver '{rule.solver}', estimator '{rule.estimator}' is not available")
    if rule.floor_m is not None and rule.space != "disparity":
        faults.append("floor_m is for fits in disparity")
    if rule.floor and rule.floor_m is None:
        faults.append(f"floor '{rule.floor}' is a rule in words")
    return faults


def _step_faults(step: ResizeStep) -> list[str]:
    faults = []
    if (step.what, step.quantity, step.to) != ("prediction", "network-output", "ground-truth"):
        faults.append(f"only the network-output of the prediction can be resized, to the ground-truth, not {step}")
    if step.mode not in _INTERPOLATIONS:
        faults.append(f"mode '{step.mode}' is none of {', '.join(_INTERPOLATIONS)}")
    if step.align_corners is None or step.antialias is None:
        faults.append("align_corners and antialias must be said")
    return faults


_CHECKS = (_clamp_faults, _procedure_faults)


def _mode(rule: Alignment) -> Mode:
    return _ESTIMATORS[rule.space, rule.solver, rule.estimator]


def _in_range(truth: Tensor, limits: ValidRange) -> Tensor:
    """Return where the ground truth is finite, positive and within the protocol's limits."""
    inside = truth.isfinite() & (truth > 0)
    if limits.min_m is not None:
        inside &= truth >= limits.min_m if limits.min_inclusive else truth > limits.min_m
    if limits.max_m is not None:
        inside &= truth <= limits.max_m if limits.max_inclusive else truth < limits.max_m
    return inside


def _window(crop: CropWindow, truth: Tensor) -> Tensor:
    """Return which pixels of the full image lie in the crop window, bool (H, W)."""
    height, width = truth.shape[-2:]
    inside = torch.zeros(height, width, dtype=torch.bool, device=truth.device)
    try:
        inside[window(crop, height, width)] = True
    except CropError as error:
        raise ProtocolError(f"crop: {error}") from error
    return inside


def _cut(frame: Frame, truth: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return truth and mask cut as the input image was, since that is what the prediction covers."""
    try:
        rows, columns = frame_slices(frame, *truth.shape[-2:])
    except CropError as error:
        raise ProtocolError(f"input_crop: {error}") from error
    return truth[:, rows, columns], mask[:, rows, columns]


def _resize(prediction: Tensor, size: torch.Size, steps: list[ResizeStep]) -> Tensor:
    if prediction.shape[-2:] == size:
        return prediction
    if not steps:
        raise ProtocolError(
            f"the prediction is {tuple(prediction.shape[-2:])}, the ground truth {tuple(size)}, "
            "and the protocol resizes nothing"
        )
    step = steps[0]
    return F.interpolate(
        prediction[:, None],
        size=tuple(size),
        mode=step.mode,
        align_corners=step.align_corners,
        antialias=bool(step.antialias),
    )[:, 0]


def _clamp(depth: Tensor, clamp: Clamp | None) -> Tensor:
    if clamp is None or (clamp.min_m is None and clamp.max_m is None):
        return depth
    return depth.clamp(clamp.min_m, clamp.max_m)
