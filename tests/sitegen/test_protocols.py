"""Two protocols side by side: every differing leaf is named, identity and titles are not compared."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitegen.protocols import alignment_phrase, differences, differing_parts, field_name, leaves, parts, reading_order
from sitegen.records import Alignment, Protocol
from sitegen.store import load_protocols
from tests.sitegen import factories as make


def protocol(**changes: Any) -> Protocol:
    """A protocol with some fields changed."""
    return Protocol.model_validate({**make.PROTOCOL, **changes})


def test_equal_measurement_has_no_difference() -> None:
    """Id, version, title and notes do not make two protocols differ."""
    assert differences(protocol(), protocol(id="other", version=2, title="New", notes=["x"])) == []


def test_every_differing_leaf_is_named() -> None:
    """Changed, added and removed leaves each give one difference with both values."""
    changed = protocol(
        flip_average=True,
        clamp={"min_m": 0.001, "max_m": 10.0},
        crop={"name": "custom", "frame": "full-image", "rows": [1, 2], "columns": [0, 3], "unit": "pixels"},
    )
    found = {item.path: (item.first, item.second) for item in differences(protocol(), changed)}
    assert found == {
        "crop.name": ("none", "custom"),
        "crop.rows": (None, "1.0, 2.0"),
        "crop.columns": (None, "0.0, 3.0"),
        "crop.unit": (None, "pixels"),
        "clamp.min_m": (None, 0.001),
        "clamp.max_m": (None, 10.0),
        "flip_average": (False, True),
    }


@given(st.booleans(), st.booleans(), st.sampled_from([None, 5.0, 10.0]), st.sampled_from([None, 5.0, 10.0]))
def test_difference_is_symmetric_and_agrees_with_the_digest(
    one: bool, two: bool, cap: float | None, top: float | None
) -> None:
    """Two protocols have the same leaves exactly when they have the same digest; order only swaps the sides."""
    valid = make.PROTOCOL["valid_range"]
    first = protocol(flip_average=one, valid_range={**valid, "max_m": cap})
    second = protocol(flip_average=two, valid_range={**valid, "max_m": top})
    there, back = differences(first, second), differences(second, first)
    assert [(d.path, d.first, d.second) for d in there] == [(d.path, d.second, d.first) for d in back]
    assert (there == []) == (first.digest() == second.digest())


def test_leaves_are_named_in_reading_order() -> None:
    """A page lists the sample list first and the metrics last, with words for the known parts."""
    names = list(leaves(protocol()))
    assert names[0].startswith("sample_list")
    assert names[-1] == "primary_metric"
    assert field_name("valid_range.max_m") == "Valid depth · to, m"


def phrase(key: str, **changes: Any) -> str:
    """The phrase of a part of a changed protocol."""
    return next(part.phrase(protocol(**changes)) for part in parts() if part.key == key)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((0.001, 80.0, False, False), "0.001 < g < 80"),
        ((0.0, 80.0, False, True), "0 < g ≤ 80"),
        ((0.5, 80.0, True, True), "0.5 ≤ g ≤ 80"),
        ((0.0, None, False, False), "g > 0"),
        ((0.1, None, True, False), "g ≥ 0.1"),
        ((None, 10.0, False, True), "g ≤ 10"),
        ((None, None, False, False), "all"),
    ],
)
def test_a_valid_range_says_how_strict_it_is(limits: tuple[Any, ...], said: str) -> None:
    """The signs of a range are those of its limits; a limit that there is not is not written."""
    names = ("min_m", "max_m", "min_inclusive", "max_inclusive")
    assert phrase("valid_range", valid_range=dict(zip(names, limits, strict=True))) == said


def test_every_word_of_a_part_is_said() -> None:
    """Frames, steps, floors, limits and counts of a protocol that uses many of its words are in the phrases."""
    step = {"quantity": "network-output", "to": "375x750", "mode": "nearest"}
    made = {
        "mask": "none",
        "input_crop": "kb-crop-352x1216",
        "crop": {"name": "custom", "frame": "full-image", "rows": [1, 2], "columns": [0, 3], "unit": "pixels"},
        "resize": [
            {"what": "image", "quantity": "colour", "to": "384x768", "mode": "bilinear", "align_corners": True},
            {"what": "ground-truth", "quantity": "depth", "to": "375x750", "mode": "masked-nearest"},
            {"what": "prediction", **step, "antialias": False, "keep_within": [0.1, 200.0]},
        ],
        "clamp": {"min_m": 0.001, "max_m": None, "nan_m": 0.5},
        "aggregation": "pooled-pixels",
        "minimum_valid_pixels": 10,
    }
    expected = {
        "mask": "none: every pixel",
        "input": "KITTI benchmark crop, 352 × 1216; image → 384 × 768, bilinear, align_corners on",
        "window": "a window of its own; in: full image; rows 1–2, columns 0–3, pixels",
        "resize": "ground truth as depth → 375 × 750, masked-nearest; "
        "prediction → 375 × 750, nearest, no antialiasing, zero unless within 0.1–200",
        "clamp": "from 0.001 m; NaN becomes 0.5 m",
        "aggregation": "all pixels together; from 10 valid pixels",
    }
    assert {key: phrase(key, **made) for key in expected} == expected


def test_a_fit_is_said_with_space_solver_estimator_floor_and_narrowing() -> None:
    """A fit's phrase has all of its words; one that a protocol does not have is a dash."""
    fit = {"space": "disparity", "solver": "scale-shift", "estimator": "least squares", "floor_m": 80.0}
    said = alignment_phrase(Alignment.model_validate({**fit, "fit_max_res": 768}))
    assert said == (
        "scale and shift in disparity, least squares, disparity floored at 1 / 80 m, "
        "fitted at most 768 pixels wide or high"
    )
    largest = alignment_phrase(Alignment.model_validate({**fit, "floor_m": None, "floor_rule": "largest-depth"}))
    assert largest.endswith("floored at 1 / the largest depth of each image")
    assert alignment_phrase(None) == "–"


def test_phrases_leave_nothing_out(repo: Path) -> None:
    """Two protocols of the repository that differ in a leaf differ in a phrase, and the other way round."""
    protocols, _findings = load_protocols(repo / "results")
    for first, second in combinations(reading_order(protocols.values()), 2):
        if first.dataset == second.dataset:
            assert bool(differences(first, second)) == bool(differing_parts(first, second)), (first.id, second.id)


def test_phrases_tell_single_leaves_apart(repo: Path) -> None:
    """In every part of two protocols of the repository whose leaves differ the phrases differ too."""
    belongs = {"sample_list": "images", "ground_truth": "ground_truth", "mask": "mask", "mask_rule": "mask"}
    belongs |= {"crop": "window", "clamp": "clamp", "flip_average": "flip", "metrics": "metrics"}
    belongs |= {"aggregation": "aggregation", "minimum_valid_pixels": "aggregation", "primary_metric": "primary"}
    protocols, _findings = load_protocols(repo / "results")
    for first, second in combinations(reading_order(protocols.values()), 2):
        found = {belongs[name] for name in _changed(first, second) & belongs.keys()}
        assert first.dataset != second.dataset or found <= differing_parts(first, second), (first.id, second.id)


def _changed(first: Protocol, second: Protocol) -> set[str]:
    return {difference.path.split(".")[0] for difference in differences(first, second)}
