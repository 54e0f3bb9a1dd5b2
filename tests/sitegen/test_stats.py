"""The interval of a mean: it covers what it should, follows from the values alone, and says what it was drawn from."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitegen.records import Run, summarise
from sitegen.stats import Interval, bootstrap, interval
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

VALUES = st.lists(st.floats(0.01, 10), min_size=3, max_size=12)


def names(count: int) -> list[str]:
    """So many ids in order."""
    return [f"i{index:03}" for index in range(count)]


def drawn_scenes(rng: np.random.Generator, scenes: int = 40, images: int = 6) -> tuple[list[str], list[float]]:
    """Values around 5 whose scenes differ more than the images of a scene; the group of each."""
    groups = [f"s{scene:02}" for scene in range(scenes) for _ in range(images)]
    centres = rng.normal(0, 1, scenes).repeat(images)
    return groups, list(5 + centres + rng.normal(0, 0.5, scenes * images))


def test_covers_the_truth() -> None:
    """Of 300 simulated data sets whose scenes differ, about 95 % have the true mean inside; images alone do not."""
    rng = np.random.default_rng(7)
    covered = naive = 0
    for _ in range(300):
        groups, values = drawn_scenes(rng)
        ids = names(len(values))
        found, images = bootstrap(ids, groups, values), bootstrap(ids, ["one"] * len(ids), values)
        assert found
        assert images
        covered += found.low <= 5 <= found.high
        naive += images.low <= 5 <= images.high
    assert 0.91 <= covered / 300 <= 0.98
    assert naive / 300 < 0.75


@settings(max_examples=40, deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_order_makes_no_difference(values: list[float], rng: random.Random) -> None:
    """Images in any order give the same interval, to the last digit."""
    rows = list(zip(names(len(values)), ["abc"[i % 3] for i in range(len(values))], values, strict=True))
    shuffled = rows[:]
    rng.shuffle(shuffled)
    assert bootstrap(*map(list, zip(*rows, strict=True))) == bootstrap(*map(list, zip(*shuffled, strict=True)))


@settings(max_examples=40, deadline=None)
@given(VALUES, st.floats(0.5, 20))
def test_scales_with_the_values(values: list[float], factor: float) -> None:
    """Another unit scales the interval; it lies within the smallest and largest value and is in order."""
    ids = names(len(values))
    found, scaled = bootstrap(ids, ids, values), bootstrap(ids, ids, [value * factor for value in values])
    assert found
    assert scaled
    assert min(values) * (1 - 1e-5) <= found.low <= found.high <= max(values) * (1 + 1e-5)
    assert math.isclose(scaled.low, found.low * factor, rel_tol=1e-4)
    assert math.isclose(scaled.high, found.high * factor, rel_tol=1e-4)


def test_one_group_draws_images_and_says_so() -> None:
    """Without several scenes images are drawn; the interval names what it was drawn from."""
    one = bootstrap(names(4), ["g"] * 4, [1.0, 2.0, 3.0, 4.0])
    several = bootstrap(names(4), ["a", "a", "b", "b"], [1.0, 2.0, 3.0, 4.0])
    assert one
    assert several
    assert (one.drawn, one.units) == ("images", 4)
    assert (several.drawn, several.units, several.low, several.high) == ("groups", 2, 1.5, 3.5)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, None], [None, None]])
def test_too_few_values(values: list[float | None]) -> None:
    """One value has no interval, and an image without a value does not count."""
    assert bootstrap(names(len(values)), ["g"] * len(values), values) is None


def test_images_without_a_weight_do_not_count() -> None:
    """An image without a valid pixel changes nothing of a pooled value."""
    whole = bootstrap(names(3), names(3), [1.0, 2.0, 9.0], [5.0, 5.0, 0.0], 2)
    assert whole == bootstrap(names(2), names(2), [1.0, 2.0], [5.0, 5.0], 2)


def pooled_run(metric: str, values: list[float]) -> Run:
    """A run under the toy protocol with pooled pixels."""
    protocol = make.PROTOCOL | {"aggregation": "pooled-pixels", "metrics": [metric], "primary_metric": metric}
    block = make.Protocol.model_validate(protocol).block()
    record = make.make_run()
    pixels = record["samples"]["valid_pixels"]
    columns = {name: column for name, column in record["samples"].items() if name not in {"abs_rel", "delta1"}}
    return Run.model_validate(
        make.make_run(
            protocol={"id": "house", "sha256": make.sha256_of(block), "block": block},
            samples=columns | {metric: values},
            summary=summarise({metric: values}, pixels),
        )
    )


def test_pools_as_the_protocol_does() -> None:
    """Of a root of a mean square over all pixels every resample is one too: the value itself lies inside."""
    run = pooled_run("rmse", [0.5, 2.0])
    found, value = interval(run, "rmse"), run.summary["rmse"]
    assert found == Interval(0.5, 2.0, 2, "images")
    assert value == pytest.approx(math.sqrt((10 * 0.25 + 20 * 4) / 30), rel=1e-5)


def test_what_cannot_be_pooled_has_none() -> None:
    """A metric without a form over pixels of all images has no value there, and no interval; nor has an absent one."""
    run = pooled_run("silog", [0.5, 2.0])
    assert run.summary["silog"] is None
    assert interval(run, "silog") is None
    assert interval(run, "abs_rel") is None


def test_a_run_has_one_interval() -> None:
    """The same record gives the same interval every time."""
    run = toy.run("toy-a", [0.1, 0.2, 0.4, 0.3])
    found = interval(run, "abs_rel")
    assert found == interval(Run.model_validate(run.model_dump(mode="json")), "abs_rel")
    assert found
    assert found.low < 0.25 < found.high
