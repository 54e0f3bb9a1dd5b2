"""Two protocols side by side: every differing leaf is named, identity and titles are not compared."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sitegen.protocols import differences, field_name, leaves
from sitegen.records import Protocol
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
