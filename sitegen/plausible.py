"""Whether measured values can be what they say they are, and which of them a person should look at.

Errors are what no measurement can give: a value out of its metric's range, values of one image that exclude each other,
a fit that its protocol does not make. Warnings are what an honest measurement may give and a copied or invented one
would: a reviewer answers them in the pull request.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sitegen.findings import Finding
from sitegen.metrics import MAY_BE_MISSING, METRICS, Metric
from sitegen.records import WEAKER_KINDS, PredictionKind, Run, Samples, nearest_kind
from sitegen.relations import ImageValues, image_faults

if TYPE_CHECKING:
    from sitegen.records import Speed, SpeedCase
    from sitegen.store import Store

__all__ = ["WIDE_MARGIN", "plausibility"]

WIDE_MARGIN = 0.5
"""A run is looked at when its error, or what it lacks to a perfect score, is below this part of the best known one."""
_FEWEST = 3
"""Fewer values than this may agree by chance."""
_FEWEST_FITTED = 10
"""With fewer valid pixels than this a fit is called degenerate (docs/adr/0006-protocol-engine.md)."""
_FAMILIES: dict[PredictionKind, str] = {
    "metric-depth": "metric",
    "scale-invariant-depth": "scale",
    "affine-invariant-depth": "affine-depth",
    "affine-invariant-disparity": "affine-disparity",
    "ordinal": "ordinal",
}
"""The family of published numbers that a kind of scored prediction is compared with."""
_MOST_FAULTS = 5_000
"""How many faults of a run's images are looked at."""
_MOST_VALUES = 500_000
"""Most values of metrics in a run: twice those of the longest list, DIW's 74,441 images under three metrics."""
_ANSWER = "say in the pull request why it is right, or correct it"


def plausibility(store: Store) -> Iterator[Finding]:
    """Yield a finding for each measured value that cannot be, or that a person has to answer for.

    Args:
        store: Records that have passed the checks of their own types.
    """
    runs = [(f"{folder}/{run.place}", run) for folder, run in _all_runs(store)]
    for path, run in runs:
        yield from _run_errors(path, run)
        yield from _run_warnings(path, run)
        yield from _kind_faults(store, path, run)
    measured = [(path, run) for path, run in runs if path.startswith("runs/")]
    yield from _compared(measured)
    yield from _weights(runs)
    yield from _margins(store, measured)
    for speed in store.speeds:
        yield from _speed_warnings(speed)


def _all_runs(store: Store) -> Iterator[tuple[str, Run]]:
    yield from (("runs", run) for run in store.runs)
    yield from (("sensitivity", run) for run in store.sensitivity)


def _error(path: str, pointer: str, message: str, **advice: str) -> Finding:
    return Finding("error", path, pointer, message, **advice)


def _warning(path: str, pointer: str, message: str) -> Finding:
    return Finding("warning", path, pointer, message, mend=_ANSWER)


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be


def _run_errors(path: str, run: Run) -> Iterator[Finding]:
    yield from _metric_columns(path, run)
    if (values := len(run.samples.id) * len(run.samples.metrics)) > _MOST_VALUES:
        yield _error(path, "/samples", f"holds {values:,} values of metrics; at most {_MOST_VALUES:,} are allowed")
        return
    yield from _gathered(path, run.samples, _image_errors(run))
    yield from _gathered(path, run.samples, _fit_errors(run))


def _metric_columns(path: str, run: Run) -> Iterator[Finding]:
    """Yield where a run does not have exactly the metrics of its protocol: a bad one must not be left out."""
    wanted, found = set(run.protocol.block.get("metrics", [])), set(run.samples.metrics)
    for name in sorted(wanted - found):
        yield _error(path, "/samples", f"has no column '{name}', which the protocol asks for")
    for name in sorted(found - wanted):
        yield _error(path, f"/samples/{name}", "is no metric of the protocol", mend="remove the column and its summary")


ImageFault = tuple[int, str, str]
"""Place of an image, column, sentence."""


def _gathered(path: str, samples: Samples, faults: Iterable[ImageFault]) -> Iterator[Finding]:
    """Yield one finding for each column and kind of fault: that of the first image, and how many others have it."""
    groups: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for place, column, sentence in islice(faults, _MOST_FAULTS):
        groups[column, re.sub(r"[-+.\d]+(?:e[-+]?\d+)?", "#", sentence)].append((place, sentence))
    for (column, _), found in groups.items():
        place, sentence = found[0]
        others = f" (and {len(found) - 1} more images)" if len(found) > 1 else ""
        message = f"{column} of '{samples.id[place]}' {sentence}{others}"
        mend = "measure again with `runners evaluate`; records are not written by hand"
        yield _error(path, f"/samples/{column}/{place}", message, mend=mend)


def _image_errors(run: Run) -> Iterator[ImageFault]:
    limits, samples = run.protocol.block.get("valid_range", {}), run.samples
    nearest, farthest = limits.get("min_m") or 0.0, limits.get("max_m")
    farthest = math.inf if farthest is None else farthest
    for place, pixels in enumerate(samples.valid_pixels):
        values = {name: value for name, column in samples.metrics.items() if (value := column[place]) is not None}
        yield from _ranges(place, values)
        yield from ((place, name, "has no value, but its pixels have") for name in _missing(run, place, values))
        counts = {"pixels": pixels, **{unit: column[place] for unit, column in samples.counts.items()}}
        image = ImageValues(values, counts, nearest, farthest)
        yield from ((place, name, sentence) for name, sentence in image_faults(image))


def _ranges(place: int, values: Mapping[str, float]) -> Iterator[ImageFault]:
    for name, value in values.items():
        metric = METRICS[name]
        if value < metric.low or (metric.high is not None and value > metric.high):
            high = "infinity" if metric.high is None else f"{metric.high:g}"
            yield place, name, f"is {value:g}, outside {metric.low:g}..{high}"


def _missing(run: Run, place: int, values: Mapping[str, float]) -> Iterator[str]:
    """Yield metrics without a value that every image with valid pixels has: leaving one out would flatter the mean."""
    pixels = run.samples.valid_pixels[place]
    for name in run.samples.metrics:
        lone = name == "silog_unbiased" and pixels == 1
        if name not in values and name not in MAY_BE_MISSING and not lone:
            yield name


def _fit_errors(run: Run) -> Iterator[ImageFault]:
    """Yield where scale, shift, degenerate, clamped_share or the count of pixels are not what the protocol makes."""
    rule = run.protocol.block.get("alignment", {}).get(run.scored_as, {})
    least = run.protocol.block.get("minimum_valid_pixels", 1)
    of_pairs = run.scored_as == "ordinal"
    columns = run.samples
    counted = columns.counts.get("pairs", []) if of_pairs else columns.valid_pixels
    for place, count in enumerate(counted):
        if count < least:
            yield place, "pairs" if of_pairs else "valid_pixels", f"is {count}; the protocol asks for at least {least}"
    for place, share in enumerate(columns.clamped_share):
        yield from ((place, "clamped_share", fault) for fault in _share_faults(share, run, place))
    for place in range(len(columns.id)):
        fit = (columns.scale[place], columns.shift[place], columns.degenerate[place], columns.valid_pixels[place])
        yield from ((place, name, fault) for name, fault in _fit_faults(rule.get("solver"), of_pairs, *fit))


def _share_faults(share: float | None, run: Run, place: int) -> Iterator[str]:
    if share is None or not 0 <= share <= 1:
        yield f"is {share}, outside 0..1"
    elif run.scored_as != "ordinal":
        pixels = run.samples.valid_pixels[place]
        if abs(share * pixels - round(share * pixels)) > 6e-7 * pixels + 1e-6:
            yield f"is {share:g}: that is no whole number of {pixels} pixels"
    if share and run.protocol.block.get("clamp") is None and "disparity" not in str(run.protocol.block["alignment"]):
        yield f"is {share:g}, but the protocol neither clamps nor floors"


def _fit_faults(
    solver: str | None, of_pairs: bool, scale: float | None, shift: float | None, degenerate: bool, pixels: int
) -> Iterator[tuple[str, str]]:
    """Yield (column, sentence) for a fit that the solver cannot have given; see ``runners.align``."""
    if scale is None or shift is None:
        yield "scale" if scale is None else "shift", "has no value; every fit has"
        return
    if solver == "none" and scale != 1:
        yield "scale", f"is {scale:g}, but the protocol fits nothing: it must be 1"
    if solver in ("none", "median", "scale") and shift != 0:
        yield "shift", f"is {shift:g}, but the protocol fits no shift: it must be 0"
    if solver != "none" and not of_pairs and not degenerate and (scale <= 0 or pixels < _FEWEST_FITTED):
        why = f"scale is {scale:g}" if scale <= 0 else f"only {pixels} pixels are valid"
        yield "degenerate", f"is false, but {why}"


def _kind_faults(store: Store, path: str, run: Run) -> Iterator[Finding]:
    """Yield where a prediction passes for a stronger kind than its card's, or one that the protocol has no fit of."""
    card = store.models.get(run.model.id)
    if card and card.output_kind != "unknown" and run.prediction_kind not in WEAKER_KINDS[card.output_kind]:
        message = f"is '{run.prediction_kind}', stronger than the '{card.output_kind}' of the model's card"
        yield _error(path, "/prediction_kind", message, expected=", ".join(WEAKER_KINDS[card.output_kind]))
    if nearest_kind(run.prediction_kind, run.protocol.block.get("alignment", {})) is None:
        yield _error(path, "/prediction_kind", f"is '{run.prediction_kind}', which the protocol does not score")


# ---------------------------------------------------------------------------------------------------------------------
# What a person should look at


def _run_warnings(path: str, run: Run) -> Iterator[Finding]:
    if skipped := run.dataset.skipped:
        left = f"{len(skipped)} of {run.dataset.listed} images were left out, the first because: {skipped[0].reason}"
        yield _warning(path, "/dataset/skipped", left)
    rule = run.protocol.block.get("alignment", {}).get(run.scored_as, {})
    fitted = {"median": ["scale"], "scale": ["scale"], "scale-shift": ["scale", "shift"]}.get(rule.get("solver"), [])
    columns: dict[str, tuple[list[float | None], Metric | None]]
    columns = {name: (getattr(run.samples, name), None) for name in fitted}
    columns |= {name: (column, METRICS[name]) for name, column in run.samples.metrics.items()}
    for name, (column, metric) in columns.items():
        if _constant(column, metric):
            yield _warning(path, f"/samples/{name}", f"{name} is {column[0]:g} for all {len(column)} images")


def _constant(column: list[float | None], metric: Metric | None) -> bool:
    """Return whether a column holds one value throughout, other than a bound of its metric."""
    bounds = (metric.low, metric.high) if metric else ()
    return len(column) >= _FEWEST and len(set(column)) == 1 and column[0] is not None and column[0] not in bounds


def _compared(runs: list[tuple[str, Run]]) -> Iterator[Finding]:
    """Yield what runs of different models under one protocol cannot well share, or must share and do not."""
    boards: dict[tuple[str, str], list[tuple[str, Run]]] = defaultdict(list)
    for path, run in runs:
        boards[run.dataset.id, run.protocol.sha256].append((path, run))
    for board in boards.values():
        yield from _copied(board)
        first_path, first = board[0]
        for path, run in board[1:]:
            yield from _other_truth(path, run, first_path, first)


def _copied(board: list[tuple[str, Run]]) -> Iterator[Finding]:
    """Yield runs that have the values of another one, in whatever order."""
    seen: dict[tuple[str, tuple[float, ...]], str] = {}
    for path, run in board:
        same: dict[str, list[str]] = defaultdict(list)
        for name, column in run.samples.metrics.items():
            values = _sorted(column)
            if len(set(values)) >= _FEWEST and (other := seen.setdefault((name, values), path)) != path:
                same[other].append(name)
        for other, names in same.items():
            yield _warning(path, f"/samples/{names[0]}", f"the values of {', '.join(names)} are those of {other}")


def _sorted(column: list[float | None]) -> tuple[float, ...]:
    return tuple(sorted(value for value in column if value is not None))


def _other_truth(path: str, run: Run, other_path: str, other: Run) -> Iterator[Finding]:
    """Yield where two runs did not see the same images and truth; how many pixels count depends on no model."""
    if run.dataset.list_sha256 != other.dataset.list_sha256:
        yield _warning(path, "/dataset/list_sha256", f"is another list of images than that of {other_path}")
    known = dict(zip(other.samples.id, zip(other.samples.valid_pixels, other.samples.group, strict=True), strict=True))
    mine = zip(run.samples.id, run.samples.valid_pixels, run.samples.group, strict=True)
    differing = [name for name, pixels, group in mine if known.get(name, (pixels, group)) != (pixels, group)]
    if differing:
        message = (
            f"valid pixels or group of '{differing[0]}' and {len(differing) - 1} more are not those of {other_path}"
        )
        yield _warning(path, "/samples/valid_pixels", message)


def _weights(runs: list[tuple[str, Run]]) -> Iterator[Finding]:
    """Yield where different models have the same weights."""
    seen: dict[str, tuple[str, str]] = {}
    for path, run in runs:
        if run.model.weights_sha256 is None:
            continue
        model, other = seen.setdefault(run.model.weights_sha256, (run.model.id, path))
        if model != run.model.id:
            yield _warning(path, "/model/weights_sha256", f"is that of the weights of '{model}' in {other}")


def _margins(store: Store, runs: list[tuple[str, Run]]) -> Iterator[Finding]:
    """Yield runs far better than everything known of their data set, metric and kind, where enough is known."""
    published: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for number in store.numbers:
        if number.row.flag is None:
            published[number.row.dataset, number.row.metric, number.row.family].append(number.row.value)
    for path, run in runs:
        name = run.protocol.block.get("primary_metric", "")
        value = run.summary.get(name)
        if value is None:
            continue
        known = [*published[run.dataset.id, name, _FAMILIES[run.scored_as]], *_rivals(store, run, name, runs)]
        lacks = sorted((_lack(METRICS[name], other), other) for other in known)
        if len(lacks) >= _FEWEST and _lack(METRICS[name], value) < WIDE_MARGIN * lacks[0][0]:
            best = lacks[0][1]
            message = f"{name} of {value:g} is far better than the best known, {best:g}"
            yield _warning(path, f"/summary/{name}", message)


def _rivals(store: Store, run: Run, metric: str, runs: list[tuple[str, Run]]) -> Iterator[float]:
    """Yield the values of the other learned models under the same protocol."""
    for _, other in runs:
        card, value = store.models.get(other.model.id), other.summary.get(metric)
        same = other.protocol.sha256 == run.protocol.sha256 and other.model.id != run.model.id
        if same and value is not None and not (card and card.baseline):
            yield value


def _lack(metric: Metric, value: float) -> float:
    """Return how far a value is from a perfect one."""
    return value - metric.low if metric.direction == "lower" else (metric.high or math.inf) - value


def _speed_warnings(speed: Speed) -> Iterator[Finding]:
    for index, case in enumerate(speed.cases):
        rate, peak = (case.gflops or 0.0) * case.images_per_second, _peak(speed.device_name, case)
        if peak is not None and rate > peak:
            path = f"speed/{speed.device}/{speed.model}.json"
            message = f"{rate:,.0f} GFLOP/s is more than the device can reach, {peak:,.0f} ({_precision(case)})"
            yield _warning(path, f"/cases/{index}/latency/median_ms", message)


def _precision(case: SpeedCase) -> str:
    return "tf32" if case.dtype == "float32" and case.environment.tf32 else case.dtype


def _peak(device_name: str, case: SpeedCase) -> float | None:
    """Return the highest rate of a device in GFLOP/s, None where the table does not tell."""
    name = f"{device_name} {case.environment.platform or ''}" if case.environment.device == "cpu" else device_name
    for entry in _devices():
        per_thread = entry.get("per_thread", False)
        if per_thread == (case.environment.device == "cpu") and re.search(entry["match"], name, re.IGNORECASE):
            peak: float | None = entry["gflops"].get(_precision(case), entry["gflops"].get(case.dtype))
            threads = case.environment.threads if per_thread else 1
            return None if peak is None or threads is None else peak * threads
    return None


@cache
def _devices() -> list[dict[str, Any]]:
    text = Path(__file__).with_name("devices.yaml").read_text(encoding="utf-8")
    devices: list[dict[str, Any]] = yaml.safe_load(text)["devices"]
    return devices
