"""Measured speeds and proofs of adapters: honest labels, nothing ranked across devices, empty states that help."""

import csv
import io
import re
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from sitegen.pages import adapters, speed
from sitegen.pages.base import Page
from sitegen.records import SpeedCase
from sitegen.speed_table import digits, speed_table, timings
from sitegen.store import Store
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy


def latency(median: float) -> dict[str, dict[str, float]]:
    """The change that gives a case this median."""
    return {"latency": {"p10_ms": median, "median_ms": median, "p90_ms": median}}


@pytest.fixture
def store() -> Store:
    """Three models on a GPU and a CPU; on the CPU the machine was shared and one model has its weights."""
    shared = {
        "environment": {**make.SPEED_CASE["environment"], "threads": 1},
        "note": "others used the machine too",
        "peak_memory_mb": None,
        "memory_note": "not measured",
    }
    real = {"random_weights": False, "timed": "predict", "weights_sha256": "0" * 64}
    speeds = [
        toy.speed("toy-a", "toy-gpu", {}, {"batch": 8, **latency(1.0)}),
        toy.speed("toy-b", "toy-gpu", {**latency(1.25), "params_m": 5.0, "compiled": True}),
        toy.speed("toy-b", "toy-cpu", {**shared, **latency(1234.567), "params_m": 5.0}),
        toy.speed("toy-c", "toy-cpu", {**shared, **latency(99.5), "dtype": "bfloat16", "params_m": 1.0}),
        toy.speed("toy-a", "toy-cpu", {**shared, **latency(80.0)}, {**shared, **real, **latency(90.0)}),
    ]
    return toy.store(models=[toy.model(name) for name in ("toy-a", "toy-b", "toy-c")], speeds=tuple(speeds))


def page_of(kind: object, store: Store) -> Page:
    """The one page of a kind."""
    (page,) = kind.pages(store)  # type: ignore[attr-defined]
    return page


def test_speed_page_is_as_it_was_looked_at(golden: Callable[[Page], None], store: Store) -> None:
    """The page equals its golden file."""
    golden(page_of(speed, store))


def test_rows_stand_by_device_size_and_what_was_timed(store: Store) -> None:
    """The fastest comes first only within a device, an image size and what was timed."""
    shown = [(t.speed.device, t.case.timed, t.case.latency.median_ms) for t in timings(store.speeds)]
    assert shown == [
        ("toy-cpu", "network", 80.0), ("toy-cpu", "network", 99.5), ("toy-cpu", "network", 1234.567),
        ("toy-cpu", "predict", 90.0),
        ("toy-gpu", "network", 1.0), ("toy-gpu", "network", 1.25), ("toy-gpu", "network", 2.5),
    ]  # fmt: skip


def test_nothing_is_ranked(store: Store) -> None:
    """No rank, no best and no second: a time belongs to its circumstances."""
    table = speed_table(store, store.speeds)
    assert "rank" not in {column.kind for column in table.columns}
    assert not any(cell.emphasis for row in table.rows for cell in row.cells)


def test_labels_are_honest(store: Store) -> None:
    """Random weights, the shared machine, missing memory, compilation and threads are said."""
    body = page_of(speed, store).body
    assert body.count("architecture with random weights<") == 6
    for said in ("model with its weights", "others used the machine too", "not measured", "float32, compiled"):
        assert said in body
    assert "threads used: 1" in body


def test_a_time_of_a_busy_machine_says_that_it_is_too_long() -> None:
    """Where the model had its processor half of the time, a footnote says so; a free machine needs none."""
    speeds = toy.speed("toy-a", "toy-cpu", {"cpu_share": 0.52}, {"cpu_share": 0.99, "batch": 2})
    body = page_of(speed, toy.store(models=[toy.model("toy-a")], speeds=(speeds,))).body
    assert "and the model had it 52 % of the time.</li>" in body
    assert "99 %" not in body


def test_filters_are_those_that_choose_something(store: Store) -> None:
    """Device and precision can be chosen; the one image size cannot."""
    names = [facet.name for facet in speed_table(store, store.speeds).filters]
    assert names == ["device", "precision", "batch", "timed"]


def test_table_for_programs_holds_the_circumstances(store: Store) -> None:
    """CSV has a column for everything that the cells say in words."""
    (text,) = (file.content for file in page_of(speed, store).files if file.path == "data/speed.csv")
    rows = list(csv.DictReader(io.StringIO(str(text))))
    expected = {"device_id": "toy-cpu", "threads": "1", "batch": "1", "random_weights": "true", "p90_ms": "80"}
    assert {name: rows[0][name] for name in expected} == expected
    assert [row["random_weights"] for row in rows].count("false") == 1


def test_records_are_published(store: Store) -> None:
    """Every record can be downloaded where the table's dates lead."""
    page = page_of(speed, store)
    linked = set(re.findall(r'href="(data/speed/[^"]+)"', page.body))
    assert linked == {file.path for file in page.files if file.path.count("/") == 3}
    assert len(linked) == 5


def test_a_chart_needs_three_models_alike(store: Store) -> None:
    """Two dots show no relation; three of one device, size, precision and batch do, each device apart."""
    assert "<figure" not in page_of(speed, store).body
    more = [toy.speed(name, "toy-gpu", {**latency(value), "params_m": value}) for name, value in
            (("toy-b", 4.0), ("toy-c", 9.0))]  # fmt: skip
    fuller = toy.store(models=list(store.models.values()), speeds=(toy.speed("toy-a"), *more))
    page = page_of(speed, fuller)
    assert "On Toy Gpu, Toy-C takes 3.6 times as long as Toy-A" in page.body
    assert "image of 480 × 640, batch 1, float32, network alone, architecture with random weights" in page.body
    assert "data/speed/toy-gpu.chart.json" in {file.path for file in page.files}


def test_a_network_of_unknown_size_is_in_the_table_and_in_no_chart() -> None:
    """Without parameters there is no place on the axis."""
    speeds = [toy.speed(name, "toy-gpu", {"params_m": None}) for name in ("toy-a", "toy-b", "toy-c")]
    store = toy.store(models=[toy.model(f"toy-{letter}") for letter in "abc"], speeds=tuple(speeds))
    assert "<figure" not in page_of(speed, store).body


def test_without_a_speed_the_page_says_how_to_measure_one() -> None:
    """The empty state names the command."""
    page = page_of(speed, toy.store())
    assert '<p class="nothing">' in page.body
    assert "runners speed --model meter-xxs-nyu --random-weights" in page.body
    assert page.files == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.567, "1230"), (0.123456, "0.123"), (12.0, "12"), (1e7, "10000000"), (0.0001234, "0.000123")],
)
def test_measured_numbers_have_three_digits(value: float, text: str) -> None:
    """No false precision and no powers of ten."""
    assert digits(value) == text


def test_adapters_page_is_as_it_was_looked_at(golden: Callable[[Page], None]) -> None:
    """The matrix with a failure and something that was not run equals its golden file."""
    golden(page_of(adapters, proven()))


def proven() -> Store:
    """A baseline and two models; batches differ, and the real weights are not here."""
    changes = {
        "batch_equals_single": {"outcome": "failed", "note": "maps differ by 0.5"},
        "real_weights": {"outcome": "not-run", "note": "no run yet"},
    }
    cards = [toy.model("toy-a"), toy.model("toy-b", baseline=True)]
    return toy.store(models=cards, adapters=toy.proofs("toy-a", "toy-b", "toy-net", **changes))


def test_the_matrix_claims_nothing_that_was_not_run() -> None:
    """Failures and what was not run have a footnote each; what passed has none; baselines wait for no weights."""
    body = page_of(adapters, proven()).body
    assert body.count(">passed</span>") == 15
    assert len(re.findall(r"failed ?<sup", body)) == 3
    assert len(re.findall(r"not run ?<sup", body)) == 3
    assert "maps differ by 0.5</li>" in body
    assert "<dt>Await real weights</dt><dd>2</dd>" in body


def test_without_proofs_the_page_says_how_to_make_them() -> None:
    """The empty state names the command."""
    body = page_of(adapters, toy.store()).body
    assert "runners prove --out results/adapters.json" in body
    assert "<table" not in body


def test_power_is_shown_where_some_case_has_it(store: Store) -> None:
    """Two columns with their units and the peak, an explanation, and empty cells elsewhere; without any, none of it."""
    assert "Power and energy" not in page_of(speed, store).body
    drawn = {"mean_power_w": 301.25, "peak_power_w": 350.0, "energy_j": 0.75}
    powered = toy.store(
        models=[toy.model("toy-a")],
        speeds=(toy.speed("toy-a", "toy-gpu", {}, {"batch": 8, **drawn}), toy.speed("toy-a", "toy-cpu")),
    )
    page = page_of(speed, powered)
    for said in ("Power and energy", ">301", "peak 350", ">0.75"):
        assert said in page.body
    (text,) = (file.content for file in page.files if file.path == "data/speed.csv")
    rows = [row for row in csv.DictReader(io.StringIO(str(text))) if row["batch"] == "8"]
    assert [(row["mean_power_w"], row["peak_power_w"], row["energy_j"]) for row in rows] == [("301.25", "350", "0.75")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mean_power_w": 1.0}, "are there together or not at all"),
        ({"mean_power_w": 2.0, "peak_power_w": 1.0, "energy_j": 1.0}, "is larger than peak_power_w"),
        ({"mean_power_w": 0.0, "peak_power_w": 1.0, "energy_j": 1.0}, "greater than 0"),
    ],
)
def test_power_that_cannot_be_is_refused(change: dict[str, float], said: str) -> None:
    """Half of it, a mean above the peak, and none at all written as a number."""
    with pytest.raises(ValidationError, match=said):
        SpeedCase.model_validate({**make.SPEED_CASE, **change})
