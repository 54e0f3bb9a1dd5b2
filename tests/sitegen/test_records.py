"""The contract: canonical form, digests, strictness and the published schemas."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sitegen.records import (
    RECORD_TYPES,
    DatasetCard,
    Protocol,
    Run,
    Samples,
    canonical_json,
    parameter_fault,
    record_text,
    round_significant,
    sha256_of,
    summarise,
)
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), PLAIN))
def test_digest_ignores_key_order(data: dict[str, object]) -> None:
    """The digest depends on content, not on the order of keys."""
    assert sha256_of(data) == sha256_of(dict(reversed(list(data.items()))))


def test_digest_of_equal_numbers_is_equal() -> None:
    """80 and 80.0 are the same limit; 80 and '80' are not."""
    assert sha256_of({"max": 80}) == sha256_of({"max": 80.0}) != sha256_of({"max": "80"})


def test_canonical_json_refuses_nan() -> None:
    """There is no canonical form of NaN."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(math.nan)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_rounding_is_stable(value: float) -> None:
    """Rounding to six significant digits twice changes nothing and stays within half a unit of the sixth digit."""
    rounded = round_significant(value)
    assert round_significant(rounded) == rounded
    assert abs(rounded - value) <= 5.000001e-6 * abs(value)


def test_summary_leaves_out_images_without_a_value() -> None:
    """A missing value is left out of the mean, never counted as zero; a column without values has no mean."""
    assert summarise({"abs_rel": [0.1, None, 0.3], "delta1": [None]}) == {"abs_rel": 0.2, "delta1": None}


def test_pooled_summary_weighs_pixels_and_squares_roots() -> None:
    """Weighted by valid pixels, means as means, roots of means as such; what cannot be pooled has no value."""
    columns = {"abs_rel": [0.1, 0.4], "rmse": [1.0, 2.0], "silog": [3.0, 4.0]}
    assert summarise(columns, [30, 10]) == {"abs_rel": 0.175, "rmse": 1.32288, "silog": None}


def test_pairs_and_planes_count_alike_whatever_image_they_are_in() -> None:
    """A metric that is counted in pairs or planes is the mean over all of them, pooled pixels or not."""
    columns = {"pair_acc": [1.0, 0.5], "pe_ori": [None, 3.0], "abs_rel": [0.1, 0.3]}
    counts = {"pairs": [1, 3], "planes": [0, 2]}
    assert summarise(columns, None, counts) == {"pair_acc": 0.625, "pe_ori": 3.0, "abs_rel": 0.2}
    assert summarise(columns, [10, 30], counts)["pair_acc"] == 0.625


def test_a_metric_counted_in_pairs_needs_their_number() -> None:
    """A run whose images have a pair accuracy and no number of pairs proves nothing and is refused."""
    run = make.make_run()
    samples = {**run["samples"], "pair_acc": [1.0, 0.5]}
    with pytest.raises(ValidationError, match="a metric is counted in pairs, and there is no column 'pairs'"):
        Samples.model_validate(samples)
    assert Samples.model_validate({**samples, "pairs": [1, 3]}).counts == {"pairs": [1, 3]}


def test_deviations_are_part_of_the_record_only_where_there_are_any() -> None:
    """A run made as its protocol says keeps the digest it had before runs could say otherwise."""
    plain, other = make.make_run(), make.make_run(deviations=["predicted from the full image"])
    assert "deviations" not in plain
    assert other["deviations"] == ["predicted from the full image"]
    assert plain["sha256"] != other["sha256"]


def test_words_that_came_later_leave_old_digests_alone() -> None:
    """A protocol that does not use them has a block without them, so that runs keep the digest they were made with."""
    block = json.dumps(Protocol.model_validate(make.PROTOCOL).block())
    assert not any(word in block for word in ("nan_m", "floor_rule", "keep_within"))
    clamp = {"min_m": 0.001, "max_m": 10.0, "nan_m": 0.001}
    assert Protocol.model_validate({**make.PROTOCOL, "clamp": clamp}).block()["clamp"]["nan_m"] == 0.001


def test_timings_do_not_enter_a_digest() -> None:
    """Two runs that differ in nothing but timings have the same digest."""
    first = Run.model_validate(make.make_run())
    second = Run.model_validate(make.make_run(timings={"started": "later", "seconds_total": 9.0}))
    assert first.sha256 == second.sha256
    assert first.sha256 != Run.model_validate(make.make_run(command="other")).sha256


def test_incomplete_run_says_so() -> None:
    """A run with a skipped image is not complete."""
    dataset = make.make_run()["dataset"] | {"listed": 3, "skipped": [{"id": "c", "reason": "no valid pixel"}]}
    assert not Run.model_validate(make.make_run(dataset=dataset)).complete


@pytest.mark.parametrize("name", RECORD_TYPES)
def test_schemas_are_closed(name: str) -> None:
    """Every published schema refuses unknown fields, but for the metric columns of a run's samples."""
    schema = RECORD_TYPES[name].model_json_schema()
    assert schema["additionalProperties"] is False


def test_records_are_immutable_and_strict() -> None:
    """A card cannot be changed after validation, and a number is never taken for text or the other way round."""
    card = DatasetCard.model_validate(make.DATASET)
    with pytest.raises(ValidationError, match="frozen"):
        card.name = "Other"
    with pytest.raises(ValidationError, match="valid string"):
        DatasetCard.model_validate({**make.DATASET, "name": 5})


def test_protocol_primary_metric_is_measured() -> None:
    """A protocol cannot rank by what it does not measure."""
    with pytest.raises(ValidationError, match="primary_metric 'rmse' is not among metrics"):
        Protocol.model_validate({**make.PROTOCOL, "primary_metric": "rmse"})


@pytest.mark.parametrize(
    "crop",
    [
        {"name": "none", "frame": "full-image", "rows": [0, 1], "columns": [0, 1], "unit": "fraction"},
        {"name": "garg-kitti", "frame": "full-image"},
        {"name": "custom", "frame": "full-image", "rows": [9, 1], "columns": [0, 1], "unit": "pixels"},
    ],
)
def test_crop_window_is_whole(crop: dict[str, object]) -> None:
    """A window is either fully given or absent, and not empty."""
    with pytest.raises(ValidationError, match=r"rows"):
        Protocol.model_validate({**make.PROTOCOL, "crop": crop})


def test_words_that_environments_learned_later_leave_old_digests_alone() -> None:
    """TF32, determinism and threads are absent from records that do not name them, so that digests stay."""
    environment = make.make_run()["environment"]
    assert not {"tf32", "deterministic", "threads"} & set(environment)
    named = make.make_run(environment={**environment, "tf32": False, "threads": 2})["environment"]
    assert (named["tf32"], named["threads"]) == (False, 2)
    with pytest.raises(ValidationError, match="threads"):
        make.make_run(environment={**environment, "threads": 0})


@pytest.mark.parametrize(
    ("counted", "card", "sentence"),
    [
        (1.009, 1.0, None),
        (0.98, 1.0, "0.98 M parameters were counted; the card says 1 M, which is -2.0 % off"),
        (None, 1.0, None),
        (1.0, None, None),
    ],
)
def test_parameters_may_be_one_percent_off(counted: float | None, card: float | None, sentence: str | None) -> None:
    """Cards round; a number that is not known is no fault."""
    assert parameter_fault(counted, card) == sentence


def test_cases_of_a_speed_are_told_apart_by_what_changes_the_time() -> None:
    """Threads and TF32 are part of what a case is; images a second follow from the median."""
    one, two = (make.SPEED_CASE | {"environment": {**make.SPEED_CASE["environment"], "threads": n}} for n in (1, 2))
    speed = toy.speed("toy-net", "toy-cpu", one, two)
    assert [case.environment.threads for case in speed.cases] == [1, 2]
    assert speed.cases[0].images_per_second == 400
    with pytest.raises(ValidationError, match="cases must be sorted"):
        toy.speed("toy-net", "toy-cpu", two, one)


def test_text_of_a_record_is_one_text() -> None:
    """Sorted keys and one newline at the end; reading it gives the record back."""
    speed = toy.speed()
    text = record_text(speed)
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert type(speed).model_validate_json(text) == speed
