"""Reading protocols side by side: every leaf by its path, each part in a short phrase, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sitegen import words
from sitegen.metrics import METRICS
from sitegen.records import PREDICTION_KINDS, Alignment, CropWindow, PredictionKind, Protocol, ResizeStep
from sitegen.text import _, local, numeral

__all__ = [
    "GROUPS",
    "Leaf",
    "Part",
    "alignment_phrase",
    "differences",
    "differing_parts",
    "field_name",
    "house_of",
    "leaves",
    "parts",
    "reading_order",
    "shown",
    "solver_phrase",
    "window_phrase",
]

Leaf = str | int | float | bool | None


@dataclass(frozen=True)
class Part:
    """A part of a protocol as tables have it: its key, what it is called, and how a protocol's is put in a phrase."""

    key: str
    title: str
    phrase: Callable[[Protocol], str]


@dataclass(frozen=True)
class Difference:
    """One leaf in which two protocols differ; None stands for a leaf that one of them does not have."""

    path: str
    first: Leaf
    second: Leaf


GROUPS = (
    "sample_list",
    "ground_truth",
    "valid_range",
    "mask",
    "input_crop",
    "crop",
    "resize",
    "alignment",
    "clamp",
    "flip_average",
    "aggregation",
    "minimum_valid_pixels",
    "metrics",
    "primary_metric",
)
"""The parts of a protocol in the order in which an evaluation meets them."""
_IDENTITY = {"id", "version", "dataset"}


def leaves(protocol: Protocol) -> dict[str, Leaf]:
    """Return every value that defines a protocol by its path (``crop.rows.0``), in reading order.

    Identity (id, version, data set) is left out: two protocols that only differ in it measure the same thing.
    """
    block = {name: value for name, value in protocol.block().items() if name not in _IDENTITY}
    ordered = sorted(block, key=lambda name: (_rank(name), name))
    return dict(pair for name in ordered for pair in _flatten(name, block[name]))


def differences(first: Protocol, second: Protocol) -> list[Difference]:
    """Return every leaf in which two protocols differ, in reading order."""
    one, two = leaves(first), leaves(second)
    paths = sorted({*one, *two}, key=lambda path: (_rank(path.split(".")[0]), path))
    return [Difference(path, one.get(path), two.get(path)) for path in paths if one.get(path) != two.get(path)]


def field_name(path: str) -> str:
    """Return what a leaf is called on a page; kinds of prediction and numbers of steps stand as they are."""
    names = _names()
    return " · ".join(names.get(part, part.replace("_", " ")) for part in path.split("."))


def shown(value: Leaf) -> str:
    """Return a leaf's value as a page shows it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return words.yes_no("yes" if value else "no")
    return numeral(value, "g") if isinstance(value, float) else local(str(value))


def reading_order(protocols: Iterable[Protocol]) -> list[Protocol]:
    """Return protocols by data set, the house protocol first, then by id."""
    return sorted(protocols, key=lambda protocol: (protocol.dataset, not protocol.house, protocol.id))


def house_of(protocols: Iterable[Protocol], dataset: str) -> Protocol | None:
    """Return the house protocol of a data set; None where there is none."""
    return next((protocol for protocol in protocols if protocol.house and protocol.dataset == dataset), None)


def parts() -> tuple[Part, ...]:
    """Return the parts of a protocol in the order in which an evaluation meets them, with their phrases.

    Together the phrases tell apart whatever the leaves do, but for the strictness of a limit that there is not.
    """
    return (
        Part("images", _("Images"), _images),
        Part("ground_truth", _("Ground truth"), _ground_truth),
        Part("valid_range", _("Valid depth g, m"), _valid_range),
        Part("mask", _("Mask"), _mask),
        Part("input", _("What the model sees"), _input),
        Part("window", _("Window and its frame"), _window),
        Part("resize", _("Resizing before the fit"), _resizing),
        *(Part(f"align_{kind}", _fit_title(kind), partial(_fit, kind)) for kind in PREDICTION_KINDS),
        Part("clamp", _("Clamp after the fit"), _clamp),
        Part("flip", _("Mean with the mirror image"), lambda protocol: shown(protocol.flip_average)),
        Part("aggregation", _("Aggregation"), _aggregation),
        Part("metrics", _("Metrics"), lambda protocol: ", ".join(METRICS[name].symbol for name in protocol.metrics)),
        Part("primary", _("Primary metric"), lambda protocol: METRICS[protocol.primary_metric].symbol),
    )


def differing_parts(first: Protocol, second: Protocol) -> frozenset[str]:
    """Return the keys of the parts whose phrases differ between two protocols."""
    return frozenset(part.key for part in parts() if part.phrase(first) != part.phrase(second))


def solver_phrase(fit: Alignment) -> str:
    """Return what of a prediction is fitted; empty where nothing is."""
    return {"none": "", "median": _("median"), "scale": _("scale"), "scale-shift": _("scale and shift")}[fit.solver]


def alignment_phrase(fit: Alignment | None) -> str:
    """Return how predictions of a kind are fitted, in a phrase; a dash where the protocol does not score the kind."""
    if fit is None:
        return shown(None)
    if (fit.space, fit.solver, fit.estimator) == ("none", "none", "none"):
        return _("no fit")
    space = {"none": "", "depth": _("in depth"), "disparity": _("in disparity"), "log-depth": _("in log depth")}
    what = " ".join(filter(None, (solver_phrase(fit), space[fit.space])))
    narrowed = (
        _("fitted at most {pixels} pixels wide or high").format(pixels=fit.fit_max_res) if fit.fit_max_res else ""
    )
    estimator = fit.estimator if fit.estimator != "none" else ""
    return ", ".join(filter(None, (what, estimator, _floor(fit), narrowed)))


def window_phrase(crop: CropWindow) -> str:
    """Return what a window is called and which frame it is taken in."""
    return _("{window}; in: {frame}").format(window=words.window(crop.name), frame=words.frame(crop.frame))


def _floor(fit: Alignment) -> str:
    rules = {None: "", "largest-depth": _("disparity floored at 1 / the largest depth of each image")}
    fixed = ""
    if fit.floor_m is not None:
        fixed = _("disparity floored at 1 / {metres} m").format(metres=shown(fit.floor_m))
    return ", ".join(filter(None, (fixed, rules[fit.floor_rule], fit.floor)))


def _fit_title(kind: PredictionKind) -> str:
    return _("Fit of {kind}").format(kind=words.output_kind(kind))


def _fit(kind: PredictionKind, protocol: Protocol) -> str:
    return alignment_phrase(protocol.alignment.get(kind))


def _images(protocol: Protocol) -> str:
    images = protocol.sample_list
    digest = f"sha256 {images.sha256[:8]}" if images.sha256 else ""
    count = _("{count} images").format(count=images.count) if images.count else ""
    return "; ".join(filter(None, (count, images.name, digest)))


def _ground_truth(protocol: Protocol) -> str:
    truth = protocol.ground_truth
    return "; ".join(filter(None, (words.truth_variant(truth.variant), truth.storage)))


def _valid_range(protocol: Protocol) -> str:
    limits = protocol.valid_range
    below, above = ("≤" if inclusive else "<" for inclusive in (limits.min_inclusive, limits.max_inclusive))
    if limits.min_m is None:
        return _("all") if limits.max_m is None else f"g {above} {shown(limits.max_m)}"
    if limits.max_m is None:
        return f"g {'≥' if limits.min_inclusive else '>'} {shown(limits.min_m)}"
    return f"{shown(limits.min_m)} {below} g {above} {shown(limits.max_m)}"


def _mask(protocol: Protocol) -> str:
    source = {
        "sample-mask": _("the sample's valid pixels"),
        "sample-mask-and-region": _("the sample's valid pixels within its region"),
        "none": _("none: every pixel"),
    }[protocol.mask]
    return f"{source}: {protocol.mask_rule}" if protocol.mask_rule else source


def _input(protocol: Protocol) -> str:
    steps = [_step(step) for step in protocol.resize if step.what == "image"]
    return "; ".join([words.frame(protocol.input_crop), *(steps or [_("size: the model's own rule")])])


def _window(protocol: Protocol) -> str:
    crop = protocol.crop
    if crop.rows is None or crop.columns is None:
        return window_phrase(crop)
    unit = {"pixels": _("pixels"), "fraction": _("as fractions"), None: ""}[crop.unit]
    place = _("rows {rows}, columns {columns}, {unit}")
    place = place.format(rows=_span(crop.rows), columns=_span(crop.columns), unit=unit)
    return f"{window_phrase(crop)}; {place}"


def _span(bounds: list[float]) -> str:
    return "–".join(shown(bound) for bound in bounds)


def _resizing(protocol: Protocol) -> str:
    return "; ".join(_step(step) for step in protocol.resize if step.what != "image") or _("none")


def _step(step: ResizeStep) -> str:
    """Return one step of a resize chain: what, to where, how; what is not stated is left out."""
    what = {
        "image": _("image"),
        "prediction": _("prediction"),
        "ground-truth": _("ground truth"),
    }[step.what]
    usual = (step.what, step.quantity) in {("image", "colour"), ("prediction", "network-output")}
    what = what if usual else _("{what} as {quantity}").format(what=what, quantity=words.quantity(step.quantity))
    to = {"ground-truth": _("ground truth"), "input-image": _("input image")}.get(step.to, step.to.replace("x", " × "))
    corners = {None: "", True: _("align_corners on"), False: _("align_corners off")}[step.align_corners]
    smooth = {None: "", True: _("antialiased"), False: _("no antialiasing")}[step.antialias]
    kept = _("zero unless within {span}").format(span=_span(step.keep_within)) if step.keep_within else ""
    return ", ".join(filter(None, (f"{what} → {to}", step.mode, corners, smooth, kept)))


def _clamp(protocol: Protocol) -> str:
    clamp = protocol.clamp
    if clamp is None:
        return _("none")
    low = _("from {metres} m").format(metres=shown(clamp.min_m)) if clamp.min_m is not None else ""
    high = _("to {metres} m").format(metres=shown(clamp.max_m)) if clamp.max_m is not None else ""
    nan = _("NaN becomes {metres} m").format(metres=shown(clamp.nan_m)) if clamp.nan_m is not None else ""
    limits = " ".join(filter(None, (low, high))) or _("no limits")
    return "; ".join(filter(None, (limits, nan, clamp.note)))


def _aggregation(protocol: Protocol) -> str:
    how = {"mean-of-images": _("mean of images"), "pooled-pixels": _("all pixels together")}[protocol.aggregation]
    least = protocol.minimum_valid_pixels
    return _("{how}; from {least} valid pixels").format(how=how, least=least) if least > 1 else how


def _rank(name: str) -> int:
    return GROUPS.index(name) if name in GROUPS else len(GROUPS)


def _flatten(path: str, value: Any) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flatten(f"{path}.{key}", item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value, start=1):
            yield from _flatten(f"{path}.{index}", item)
    elif isinstance(value, list):
        yield path, ", ".join(str(item) for item in value)
    elif value != "":
        yield path, value


def _names() -> dict[str, str]:
    return {
        "sample_list": _("Sample list"),
        "ground_truth": _("Ground truth"),
        "valid_range": _("Valid depth"),
        "min_m": _("from, m"),
        "max_m": _("to, m"),
        "min_inclusive": _("lower limit counts"),
        "max_inclusive": _("upper limit counts"),
        "mask": _("Mask"),
        "mask_rule": _("Mask rule"),
        "input_crop": _("Input cut"),
        "crop": _("Crop window"),
        "resize": _("Resize step"),
        "alignment": _("Alignment"),
        "clamp": _("Clamp after alignment"),
        "flip_average": _("Mean of image and mirror image"),
        "aggregation": _("Aggregation"),
        "minimum_valid_pixels": _("Fewest valid pixels"),
        "metrics": _("Metrics"),
        "primary_metric": _("Primary metric"),
        "name": _("name"),
        "count": _("count"),
        "variant": _("variant"),
        "storage": _("storage"),
        "frame": _("frame"),
        "rows": _("rows"),
        "columns": _("columns"),
        "unit": _("unit"),
        "what": _("what"),
        "to": _("to size"),
        "mode": _("mode"),
        "quantity": _("quantity"),
        "align_corners": _("align corners"),
        "antialias": _("antialias"),
        "keep_within": _("keep within"),
        "space": _("space"),
        "solver": _("solver"),
        "estimator": _("estimator"),
        "floor": _("floor"),
        "floor_m": _("floor, m"),
        "floor_rule": _("floor rule"),
        "fit_max_res": _("largest size of the fit"),
        "nan_m": _("in place of NaN, m"),
        "note": _("note"),
    }
