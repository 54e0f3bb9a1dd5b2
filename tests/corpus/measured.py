"""Numbers, inequalities and suspicious patterns of measured runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.corpus.base import FITTED_RUN, METRICS, RUN
from tests.corpus.changes import Case, Change, both, column, forge, put, set_json, set_row, set_yaml, values

RIVAL, SPEED, CSV = "runs/toy-rooms/house/toy-rival.json", "speed/nvidia-t4/toy-net.json", "sources/toy-paper.csv"
SHA = "cd" * 32


def scaled(factor: float, *names: str) -> Change:
    """Multiply columns of a run, as whoever wants better numbers would."""

    def change(root: Path) -> None:
        samples = json.loads((root / RUN).read_text())["samples"]
        forge({f"/samples/{name}": [float(f"{value * factor:.6g}") for value in samples[name]] for name in names})(root)

    return change


def copied(*names: str, reverse: bool = False) -> Change:
    """Take columns of the rival's run."""

    def change(root: Path) -> None:
        samples = json.loads((root / RIVAL).read_text())["samples"]
        forge({f"/samples/{name}": samples[name][:: -1 if reverse else 1] for name in names})(root)

    return change


def without(*images: int, skipped: bool) -> Change:
    """Leave images out, and say so or not."""

    def change(root: Path) -> None:
        data = json.loads((root / RUN).read_text())
        names = [data["samples"]["id"][place] for place in images]
        kept = [place for place in range(6) if place not in images]
        changes: dict[str, Any] = {
            f"/samples/{name}": [values[place] for place in kept]
            for name, values in data["samples"].items()
            if values is not None
        }
        said = [{"id": name, "reason": "could not be read"} for name in names] if skipped else []
        changes |= {"/dataset/evaluated": len(kept), "/dataset/skipped": said}
        changes["/dataset/listed"] = len(kept) + len(said)
        forge(changes)(root)

    return change


NUMBERS = [
    Case(
        "summary too good",
        "the mean is what is read",
        set_json(RUN, {"/summary/abs_rel": 0.01}),
        RUN,
        "the mean of the samples is",
    ),
    Case(
        "summary off by little",
        "a millionth more than rounding gives",
        set_json(RUN, {"/summary/silog": 9.9}),
        RUN,
        "summary does not follow",
    ),
    Case(
        "summary incomplete",
        "the bad metric is left out",
        set_json(RUN, {"/summary/rmse": put}),
        RUN,
        "rmse is missing",
    ),
    Case(
        "summary of nothing",
        "a metric without values",
        set_json(RUN, {"/summary/imae": 0.1}),
        RUN,
        "imae has no column",
    ),
    Case("count wrong", "more images than there are", set_json(RUN, {"/dataset/evaluated": 9}), RUN, "samples hold 6"),
    Case(
        "list shortened",
        "hard images left out of list and count",
        without(3, 4, skipped=False),
        RUN,
        "the protocol's list has 6 images",
        "/dataset/listed",
    ),
    Case(
        "images skipped",
        "hard images could not be read",
        without(3, skipped=True),
        RUN,
        "1 of 6 images were left out",
        "/dataset/skipped",
        "warning",
    ),
    Case(
        "metric left out",
        "rmse is bad, so it is not reported",
        both(forge({"/samples/rmse": put})),
        RUN,
        "has no column 'rmse', which the protocol asks for",
    ),
    Case(
        "metric added",
        "tau looks good",
        both(column("tau", [0.5] * 6), set_json(RUN, {"/summary/tau": 0.5})),
        RUN,
        "sha256 does not agree",
    ),
    Case(
        "value left out",
        "null for the worst image flatters the mean",
        values("abs_rel", 2, None),
        RUN,
        "has no value, but its pixels have",
        "/samples/abs_rel/2",
    ),
    Case(
        "negative error", "less than no error", values("rmse", 1, -0.5), RUN, "outside 0..infinity", "/samples/rmse/1"
    ),
    Case("share above one", "better than perfect", values("delta3", 0, 1.5), RUN, "outside 0..1", "/samples/delta3/0"),
    Case(
        "share of no pixels",
        "invented digits: no count of 240 pixels gives them",
        values("delta1", 0, 0.971234),
        RUN,
        "no whole number of them",
        "/samples/delta1/0",
    ),
    Case("clamped share above one", "nonsense", values("clamped_share", 0, 1.25), RUN, "outside 0..1"),
    Case(
        "clamped without a clamp", "a hidden clamp", values("clamped_share", 0, 0.25), RUN, "neither clamps nor floors"
    ),
    Case(
        "clamped share of no pixels",
        "invented",
        values("clamped_share", 0, 0.251234),
        RUN,
        "no whole number of 240 pixels",
    ),
    Case(
        "scale without a fit",
        "a median fit passes for metric depth",
        values("scale", 3, 0.87),
        RUN,
        "the protocol fits nothing",
        "/samples/scale/3",
    ),
    Case(
        "shift without a fit",
        "a shift passes for metric depth",
        values("shift", 3, 0.2),
        RUN,
        "the protocol fits no shift",
        "/samples/shift/3",
    ),
    Case("scale missing", "a fit that nobody sees", values("scale", 0, None), RUN, "has no value; every fit has"),
    Case(
        "negative scale trusted",
        "a mirrored prediction",
        values("scale", 1, -2.0, FITTED_RUN),
        FITTED_RUN,
        "is false, but scale is -2",
        "/samples/degenerate/1",
    ),
    Case(
        "no pixels",
        "an image that nothing was measured of",
        values("valid_pixels", 1, 0),
        RUN,
        "the protocol asks for at least 1",
    ),
    Case(
        "few pixels trusted",
        "a fit to five pixels",
        values("valid_pixels", 1, 5, FITTED_RUN),
        FITTED_RUN,
        "only 5 pixels are valid",
    ),
    Case(
        "stronger than its card",
        "a relative model passes for a metric one",
        set_yaml("models/toy-net.yaml", output_kind="affine-invariant-depth"),
        RUN,
        "stronger than the",
        "/prediction_kind",
    ),
    Case(
        "kind without a fit",
        "disparity scored as depth",
        forge({"/prediction_kind": "affine-invariant-disparity"}),
        RUN,
        "which the protocol does not score",
    ),
    Case(
        "ids not sorted",
        "values moved from image to image",
        set_json(RUN, {"/samples/id": [f"room-{k}" for k in (1, 0, 2, 3, 4, 5)]}),
        RUN,
        "sorted and unique",
    ),
    Case(
        "image twice",
        "the easy image counts double",
        set_json(RUN, {"/samples/id/1": "room-0"}),
        RUN,
        "sorted and unique",
    ),
    Case(
        "value not as printed",
        "0.051 read as 0.041",
        set_row(value="0.041"),
        CSV,
        "is not the printed '5.0'",
        "/2/value",
    ),
    Case(
        "nothing printed",
        "a number without its source's digits",
        set_row(value_as_printed="n/a"),
        CSV,
        "holds no number",
    ),
    Case(
        "huge number",
        "1e308 overflows every mean",
        set_json(RUN, {"/samples/rmse/0": 1e308}),
        RUN,
        "no measured value is beyond",
    ),
    Case("huge squares", "1e200 squared is no number", values("sq_rel", 0, 1e200), RUN, "no measured value is beyond"),
    Case(
        "huge whole number",
        "2^60 pixels lose digits elsewhere",
        set_json(RUN, {"/samples/valid_pixels/0": 2**60}),
        RUN,
        "whole number beyond",
    ),
]

INEQUALITIES = [
    Case(
        "shares fall",
        "delta2 lowered below delta1",
        values("delta2", 0, 0.5),
        RUN,
        "whose threshold is narrower",
        "/samples/delta2/0",
    ),
    Case("rmse lowered", "rmse is what is compared", scaled(0.5, "rmse"), RUN, "mae is at most rmse", "/samples/mae"),
    Case("mae raised", "columns exchanged", scaled(3.0, "mae"), RUN, "mae is at most rmse", "/samples/mae"),
    Case(
        "silog above rmse_log",
        "spread without bias correction",
        scaled(1.5, "silog"),
        RUN,
        "the spread of log errors exceeds",
        "/samples/silog",
    ),
    Case("rmse_log in base 10", "divided by 2.303", scaled(1 / 2.302585, "rmse_log"), RUN, "exceeds", "/samples/"),
    Case(
        "silog without its 100",
        "another definition",
        scaled(0.01, "silog"),
        RUN,
        "less than the bias that rmse_log and silog imply",
        "/samples/log10",
    ),
    Case(
        "log10 as natural log",
        "another definition",
        scaled(2.302585, "log10"),
        RUN,
        "the mean log error exceeds rmse_log",
        "/samples/log10",
    ),
    Case(
        "log10 lowered",
        "only one metric is improved",
        scaled(0.2, "log10"),
        RUN,
        "less than the bias that rmse_log and silog imply",
        "/samples/log10",
    ),
    Case(
        "abs_rel lowered",
        "only the primary metric is improved",
        scaled(0.05, "abs_rel"),
        RUN,
        "which cannot be",
        "/samples/",
    ),
    Case(
        "sq_rel lowered",
        "only one metric is improved",
        scaled(0.02, "sq_rel"),
        RUN,
        "rmse² <= g_max sq_rel",
        "/samples/rmse",
    ),
    Case("rmse in millimetres", "a unit forgotten", scaled(1000, "rmse"), RUN, "g_max", "/samples/rmse"),
    Case(
        "mae in centimetres",
        "a unit forgotten",
        scaled(100, "mae", "rmse"),
        RUN,
        "mae <= g_max abs_rel",
        "/samples/mae",
    ),
    Case(
        "all within, error large",
        "delta of a perfect model",
        both(
            column("delta1", [1.0] * 6),
            column("delta2", [1.0] * 6),
            column("delta3", [1.0] * 6),
            scaled(20, "abs_rel", "sq_rel", "rmse", "mae"),
        ),
        RUN,
        "more than it can be where every pixel is within delta1",
        "/samples/abs_rel",
    ),
    Case(
        "shares lowered",
        "worse shares than the errors allow: columns of another run",
        both(column("delta1", [0.25] * 6), column("delta2", [0.25] * 6), column("delta3", [0.25] * 6)),
        RUN,
        "less than the pixels outside",
        "/samples/",
    ),
    Case(
        "sq_rel of another run",
        "columns mixed from two runs",
        scaled(1e-4, "sq_rel", "mae", "rmse"),
        RUN,
        "g_min abs_rel <= rmse",
        "/samples/abs_rel",
    ),
]

SUSPICIOUS = [
    Case(
        "constant column",
        "one invented value for all images",
        both(column("log10", [0.0345] * 6)),
        RUN,
        "log10 is 0.0345 for all 6 images",
        "/samples/log10",
        "warning",
    ),
    Case(
        "constant fit",
        "one fit over the whole data set passes for one an image",
        column("scale", [1.01] * 6, FITTED_RUN),
        FITTED_RUN,
        "scale is 1.01 for all 6 images",
        "/samples/scale",
        "warning",
    ),
    Case(
        "values of a rival",
        "a rival's run under one's own name",
        copied(*METRICS),
        RIVAL,
        f"are those of {RUN}",
        "/samples/abs_rel",
        "warning",
    ),
    Case(
        "one column of a rival",
        "the best column of another run",
        copied("rmse", "mae", "sq_rel", "abs_rel"),
        RIVAL,
        "the values of abs_rel, sq_rel, rmse, mae are those of",
        "/samples/",
        "warning",
    ),
    Case(
        "values of a rival, mixed",
        "a rival's values in another order",
        copied(*METRICS, reverse=True),
        RIVAL,
        "are those of",
        "/samples/",
        "warning",
    ),
    Case(
        "weights of a rival",
        "the same weights under two names",
        both(forge({"/model/weights_sha256": SHA}), forge({"/model/weights_sha256": SHA}, RIVAL)),
        RIVAL,
        "is that of the weights of 'toy-net'",
        "/model/weights_sha256",
        "warning",
    ),
    Case(
        "far better than all",
        "everything divided by ten, consistently",
        both(
            scaled(0.1, "abs_rel", "rmse", "mae", "rmse_log", "log10", "silog"),
            scaled(0.01, "sq_rel"),
            column("delta1", [1.0] * 6),
            column("delta2", [1.0] * 6),
            column("delta3", [1.0] * 6),
        ),
        RUN,
        "far better than the best known",
        "/summary/abs_rel",
        "warning",
    ),
    Case(
        "other pixels",
        "an easier mask than everybody else's",
        column("valid_pixels", [480] * 6),
        RUN,
        "valid pixels or group of",
        "/samples/valid_pixels",
        "warning",
    ),
    Case(
        "other groups",
        "groups that narrow the interval",
        column("group", [f"g{k}" for k in range(6)]),
        RUN,
        "valid pixels or group of",
        "/samples/valid_pixels",
        "warning",
    ),
    Case(
        "faster than the device",
        "a thousand times the peak",
        set_json(SPEED, {"/cases/0/latency": {"p10_ms": 0.001, "median_ms": 0.001, "p90_ms": 0.001}}),
        SPEED,
        "more than the device can reach",
        "/cases/0/latency",
        "warning",
    ),
    Case(
        "wrong size",
        "a small network's speed under a large one's name",
        both(set_yaml("models/toy-net.yaml", params_m=300.0)),
        SPEED,
        "parameters were counted",
        "/cases/0/params_m",
    ),
    Case(
        "two cards of a name",
        "a name that is taken",
        set_yaml("models/toy-third.yaml", name="TOY-NET"),
        "models/toy-third.yaml",
        "is the name of another card too",
        "/name",
        "warning",
    ),
    Case(
        "letters of two scripts",
        "a Cyrillic o in a known name",
        set_yaml("models/toy-third.yaml", name="T\u043ey-Net"),
        "models/toy-third.yaml",
        "mixes letters of several scripts",
        "/name",
        "warning",
    ),
]

CASES = {"numbers": NUMBERS, "inequalities": INEQUALITIES, "suspicious": SUSPICIOUS}
