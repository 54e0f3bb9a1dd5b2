"""Scoring under a protocol: crop, resize, align, clamp and metrics exactly as the record says.

A protocol record may describe more than this engine can carry out, since it also documents other people's evaluators.
Whatever is not understood here is refused by name (:func:`unsupported`), never left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from runners.align import Aligned, Mode, align
from runners.crop import CropError, frame_slices, window
from runners.datasets.base import Annotations, Intrinsics
from runners.image_metrics import IMAGE_METRICS, ImageView, MissingAnnotationError, image_metrics, needs
from runners.metrics import DEPTH_METRICS, depth_metrics
from runners.prediction import KindError, as_kind
from runners.resize import resize_prediction, step_faults, truth_size
from runners.slices import Slice, slice_masks
from runners.solvers import SOLVERS
from runners.sums import counted
from sitegen.metrics import METRICS, POOLED
from sitegen.records import Alignment, Clamp, CropWindow, Frame, PredictionKind, Protocol, ValidRange, nearest_kind

__all__ = ["Maps", "ProtocolError", "Scores", "SliceScores", "refusals", "score", "scored_kind", "scored_maps"]
__all__ += ["unsupported"]

_MODES: dict[tuple[str, str], Mode] = {
    ("none", "none"): "none",
    ("depth", "median"): "median",
    ("depth", "scale"): "scale",
    ("log-depth", "scale"): "log-scale",
    ("depth", "scale-shift"): "scale-shift",
    ("disparity", "scale-shift"): "scale-shift-disparity",
}


class ProtocolError(ValueError):
    """A protocol cannot be carried out, or not on this prediction."""


@dataclass(frozen=True)
class Scores:
    """The scores of a batch; every tensor has one value an image.

    Attributes:
        metrics: Metric id to float64 (B,), in the protocol's order; NaN for an image without a valid pixel, or without
            an edge, plane or pair where a metric is about those.
        valid_pixels: Pixels that counted, int64 (B,).
        scale: Fitted scale, float64 (B,).
        shift: Fitted shift, float64 (B,).
        degenerate: Whether the fit should not be trusted, bool (B,).
        clamped_share: Share of the valid pixels that the floor of the fit or the clamp changed, float64 (B,).
        not_finite: Valid pixels whose prediction is NaN or infinite, int64 (B,).
        scored_as: The kind under which the predictions were scored.
        slices: The depth metrics over parts of the valid pixels, by slice.
        counts: ``pairs`` and ``planes`` that metrics are over, int64 (B,), where the protocol has such metrics.
    """

    metrics: dict[str, Tensor]
    valid_pixels: Tensor
    scale: Tensor
    shift: Tensor
    degenerate: Tensor
    clamped_share: Tensor
    not_finite: Tensor
    scored_as: PredictionKind
    slices: dict[Slice, SliceScores] = field(default_factory=dict)
    counts: dict[str, Tensor] = field(default_factory=dict)

    @property
    def counted(self) -> Tensor:
        """Return how much of each image counted: pairs where only pairs are scored, else valid pixels, int64 (B,)."""
        return self.counts["pairs"] if self.scored_as == "ordinal" else self.valid_pixels


@dataclass(frozen=True)
class SliceScores:
    """The scores over a part of each image: pixels that counted, int64 (B,), and each metric, float64 (B,)."""

    valid_pixels: Tensor
    metrics: dict[str, Tensor]


@dataclass(frozen=True)
class Maps:
    """What is compared in the end, at the size of the truth as the protocol cuts it.

    Attributes:
        depth: The predictions as metrics see them, aligned and clamped, float (B, H, W) in metres; for an order, the
            predictions as they are.
        truth: Float (B, H, W), metres.
        valid: Which pixels count, bool (B, H, W).
        values: The predictions before they were aligned, likewise.
        aligned: The fit.
        floor: The smallest disparity that the fit allows, in 1/m, of all images or each.
        scored_as: The kind under which the predictions are scored.
        cut: The rows and columns of the full truth that these are.
    """

    depth: Tensor
    truth: Tensor
    valid: Tensor
    values: Tensor
    aligned: Aligned
    floor: float | Tensor | None
    scored_as: PredictionKind
    cut: tuple[slice, slice]


def score(
    prediction: Tensor,
    kind: PredictionKind,
    truth: Tensor,
    mask: Tensor,
    protocol: Protocol,
    *,
    image_size: tuple[int, int] | None = None,
    covers: Frame | None = None,
    slices: tuple[Slice, ...] = (),
    sky: Tensor | None = None,
    annotations: Sequence[Annotations] = (),
    intrinsics: Sequence[Intrinsics | None] = (),
) -> Scores:
    """Score a batch of predictions as a protocol says.

    Args:
        prediction: Float (B, h, w) of any size, what the network put out for the image (cut to the protocol's
            ``input_crop``, if it has one). With ``flip_average`` it is the mean over the image and its mirror image
            (:func:`runners.prediction.flip_average`): flips need the model, so they are made before.
        kind: The kind that the predictions declare. Where the protocol has no alignment for it, the nearest weaker
            kind that it has is used.
        truth: Float (B, H, W), metres.
        mask: Bool (B, H, W), the pixels that the protocol's mask source leaves; not looked at where that is ``none``.
        protocol: The record.
        image_size: Rows and columns of the image as the model got it; those of the ground truth when None.
        covers: What the prediction covers, where that is not the protocol's ``input_crop``: the resize chain then runs
            at that frame's size and its result is cut. That is another measurement than the protocol's, and whoever
            asks for it says so beside the numbers.
        slices: Parts of the valid pixels to score besides, under the same alignment.
        sky: Bool (B, H, W), where the image shows sky; only for the slice ``no-sky``.
        annotations: What is marked on each image; only for metrics that need it.
        intrinsics: fx, fy, cx, cy of each truth in its pixels; only for metrics of planes and point clouds.

    Raises:
        ProtocolError: If the protocol asks for something that this engine cannot do, or does not fit the size of the
            ground truth, the slices or what is marked on the images.
        KindError: If the protocol only scores kinds that are stronger than the prediction's.
    """
    maps = scored_maps(prediction, kind, truth, mask, protocol, image_size=image_size, covers=covers)
    depth, truth, valid, target = maps.depth, maps.truth, maps.valid, maps.scored_as
    special, counts = _image_metrics(depth, truth, valid, protocol, kind, annotations, intrinsics)
    depth_names = [name for name in protocol.metrics if name in DEPTH_METRICS]
    found = {**depth_metrics(depth, truth, valid, depth_names), **special}
    return Scores(
        metrics={name: found[name] for name in protocol.metrics},
        valid_pixels=counted(valid),
        scale=maps.aligned.scale,
        shift=maps.aligned.shift,
        degenerate=maps.aligned.degenerate & (target != "ordinal"),  # nothing is fitted to pairs
        clamped_share=_changed(maps.aligned, depth, valid, maps.floor, protocol.clamp) / _out_of(valid, target),
        not_finite=counted(valid & ~maps.values.isfinite()),
        scored_as=target,
        slices=_slices(depth, truth, valid, protocol, slices, None if sky is None else sky[:, *maps.cut]),
        counts=counts,
    )


def scored_maps(
    prediction: Tensor,
    kind: PredictionKind,
    truth: Tensor,
    mask: Tensor,
    protocol: Protocol,
    *,
    image_size: tuple[int, int] | None = None,
    covers: Frame | None = None,
) -> Maps:
    """Return the maps that a protocol compares; arguments and errors as in :func:`score`."""
    if faults := unsupported(protocol):
        raise ProtocolError(_cannot_run(protocol, faults))
    target = scored_kind(kind, protocol)
    expected = truth_size(protocol.resize)
    if expected not in (None, tuple(truth.shape[-2:])):
        raise ProtocolError(f"the ground truth is {tuple(truth.shape[-2:])}, the protocol is for data of {expected}")
    valid = _in_range(truth, protocol.valid_range) & _window(protocol.crop, truth)
    valid = valid if protocol.mask == "none" else valid & mask
    values = as_kind(_covering(prediction, kind, truth, protocol, image_size, covers), kind, target)
    cut = _frame(protocol.input_crop, truth)
    truth, valid = truth[:, *cut], valid[:, *cut]
    rule = protocol.alignment[target]
    floor = _floor(rule, truth, valid)
    aligned = align(
        values, truth, valid, _mode(rule), estimator=rule.estimator, floor=floor, fit_max_res=rule.fit_max_res
    )
    depth = _clamp(aligned.depth, protocol.clamp)
    return Maps(depth, truth, valid, values, aligned, floor, target, cut)


def scored_kind(kind: PredictionKind, protocol: Protocol) -> PredictionKind:
    """Return the kind under which a protocol scores a prediction: its own, else the nearest weaker one it aligns.

    Raises:
        KindError: If the protocol has neither.
    """
    if found := nearest_kind(kind, protocol.alignment):
        return found
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
    faults += [f"resize/{i}: {fault}" for i, step in enumerate(protocol.resize) for fault in step_faults(step)]
    return faults


def _clamp_faults(protocol: Protocol) -> list[str]:
    note = protocol.clamp.note if protocol.clamp else ""
    return [f"clamp/note: '{note}' is a rule in words"] if note else []


def _procedure_faults(protocol: Protocol) -> list[str]:
    known = {*DEPTH_METRICS, *IMAGE_METRICS}
    faults = [f"metrics: '{name}' is not computed here" for name in protocol.metrics if name not in known]
    if protocol.aggregation == "pooled-pixels":
        pixels = [name for name in protocol.metrics if METRICS[name].counted == "pixels"]
        faults += [f"metrics: '{name}' cannot be pooled from images" for name in pixels if name not in POOLED]
    return faults


def _metric_faults(protocol: Protocol) -> list[str]:
    """Return which metrics do not go with the cut or the kinds of a protocol."""
    of_pairs = {name for name in protocol.metrics if METRICS[name].counted == "pairs"}
    cut = {name for name in protocol.metrics if protocol.input_crop != "full-image" and needs(name)}
    faults = [f"metrics: '{name}' is marked on the whole image, and the protocol cuts it" for name in sorted(cut)]
    if of_pairs and (set(protocol.alignment) != {"ordinal"} or of_pairs != set(protocol.metrics)):
        faults.append(f"metrics: {', '.join(sorted(of_pairs))} stand alone, under the kind 'ordinal'")
    if "ordinal" in protocol.alignment and not of_pairs:
        faults.append("alignment/ordinal: an order has no depth that could be scored")
    return faults


def _rule_faults(rule: Alignment) -> list[str]:
    faults = []
    mode = _MODES.get((rule.space, rule.solver))
    if mode is None or rule.estimator not in SOLVERS[mode]:
        faults.append(f"space '{rule.space}', solver '{rule.solver}', estimator '{rule.estimator}' is not available")
    if rule.space != "disparity" and (rule.floor_m is not None or rule.floor_rule is not None):
        faults.append("floor_m and floor_rule are for fits in disparity")
    if rule.floor_m is not None and rule.floor_rule is not None:
        faults.append("floor_m and floor_rule exclude each other")
    if rule.floor and rule.floor_m is None and rule.floor_rule is None:
        faults.append(f"floor '{rule.floor}' is a rule in words")
    return faults


_CHECKS = (_clamp_faults, _procedure_faults, _metric_faults)


def _mode(rule: Alignment) -> Mode:
    return _MODES[rule.space, rule.solver]


def _floor(rule: Alignment, truth: Tensor, valid: Tensor) -> float | Tensor | None:
    """Return the smallest disparity that a rule allows, in 1/m, of each image where it has its own."""
    if rule.floor_rule == "largest-depth":
        largest = torch.where(valid, truth, 0.0).amax(dim=(1, 2))
        return 1 / torch.where(largest > 0, largest, 1.0)  # an image without a valid pixel is NaN anyway
    return None if rule.floor_m is None else 1 / rule.floor_m


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


def _frame(frame: Frame, truth: Tensor) -> tuple[slice, slice]:
    """Return the rows and columns that the input image was cut to, since that is what the prediction covers."""
    try:
        return frame_slices(frame, *truth.shape[-2:])
    except CropError as error:
        raise ProtocolError(f"input_crop: {error}") from error


def _covering(
    prediction: Tensor,
    kind: PredictionKind,
    truth: Tensor,
    protocol: Protocol,
    image_size: tuple[int, int] | None,
    covers: Frame | None,
) -> Tensor:
    """Return the predictions at the size of the truth as the protocol cuts it."""
    cut = _frame(protocol.input_crop, truth)
    if covers in (None, protocol.input_crop):
        return _resized(prediction, kind, truth[:, *cut], protocol, image_size)
    if covers != "full-image":
        raise ProtocolError(f"covers: a prediction of '{covers}' has no values for all of '{protocol.input_crop}'")
    return _resized(prediction, kind, truth, protocol, image_size)[:, *cut]


def _resized(
    prediction: Tensor, kind: PredictionKind, truth: Tensor, protocol: Protocol, image_size: tuple[int, int] | None
) -> Tensor:
    size = (truth.shape[-2], truth.shape[-1])
    try:
        values = resize_prediction(prediction, kind, protocol.resize, truth=size, image=image_size or size)
    except ValueError as error:
        raise ProtocolError(f"resize: {error}") from error
    if values.shape[-2:] != size:
        raise ProtocolError(
            f"the prediction is {tuple(values.shape[-2:])}, the ground truth {size}, and the protocol resizes nothing "
            "to its size"
        )
    return values


def _image_metrics(
    depth: Tensor,
    truth: Tensor,
    valid: Tensor,
    protocol: Protocol,
    kind: PredictionKind,
    annotations: Sequence[Annotations],
    intrinsics: Sequence[Intrinsics | None],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the metrics that look at images one by one, float64 (B,), and the pairs and planes, int64 (B,)."""
    wanted = [name for name in protocol.metrics if name in IMAGE_METRICS]
    if not wanted:
        return {}, {}
    marked = annotations or [Annotations()] * len(truth)
    cameras = intrinsics or [None] * len(truth)
    nearer = kind == "affine-invariant-disparity" and "ordinal" in protocol.alignment
    try:
        found = [
            image_metrics(ImageView(p, g, None if protocol.mask == "none" else v, notes, camera, nearer), wanted)
            for p, g, v, notes, camera in zip(depth, truth, valid, marked, cameras, strict=True)
        ]
    except MissingAnnotationError as error:
        raise ProtocolError(str(error)) from error
    values, counts = ([row[part] for row in found] for part in (0, 1))
    return _columns(values, torch.float64, truth.device), _columns(counts, torch.int64, truth.device)


def _columns(rows: Sequence[Mapping[str, float]], dtype: torch.dtype, device: torch.device) -> dict[str, Tensor]:
    names = rows[0] if rows else {}
    return {name: torch.tensor([row[name] for row in rows], dtype=dtype, device=device) for name in names}


def _changed(
    aligned: Aligned, depth: Tensor, valid: Tensor, floor: float | Tensor | None, clamp: Clamp | None
) -> Tensor:
    """Return how many valid pixels the floor of the fit or the clamp changed, float64 (B,)."""
    clamped = counted(valid & (depth != aligned.depth) & ~depth.isnan()).double()
    if floor is None or clamp is None or clamp.max_m is None:
        return clamped + aligned.floored
    # A floor beyond the clamp: the clamp has changed every floored pixel once more, and they are counted already.
    beyond = 1 / torch.as_tensor(floor, dtype=torch.float64, device=depth.device) > clamp.max_m
    return clamped + torch.where(beyond, 0, aligned.floored)


def _out_of(valid: Tensor, target: PredictionKind) -> Tensor:
    """Return the valid pixels of each image, int64 (B,); 1 where pairs are scored, which have none."""
    count = counted(valid)
    return torch.ones_like(count) if target == "ordinal" else count


def _slices(
    depth: Tensor, truth: Tensor, valid: Tensor, protocol: Protocol, names: tuple[Slice, ...], sky: Tensor | None
) -> dict[Slice, SliceScores]:
    try:
        masks = slice_masks(truth, valid, names, farthest=protocol.valid_range.max_m, sky=sky)
    except ValueError as error:
        raise ProtocolError(str(error)) from error
    depth_names = [name for name in protocol.metrics if name in DEPTH_METRICS]
    return {
        name: SliceScores(counted(mask), depth_metrics(depth, truth, mask, depth_names)) for name, mask in masks.items()
    }


def _clamp(depth: Tensor, clamp: Clamp | None) -> Tensor:
    if clamp is None:
        return depth
    if clamp.min_m is not None or clamp.max_m is not None:
        depth = depth.clamp(clamp.min_m, clamp.max_m)
    return depth if clamp.nan_m is None else torch.where(depth.isnan(), clamp.nan_m, depth)
