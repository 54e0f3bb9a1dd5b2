"""The documented disagreements under ``results/`` are all there and agree with the collected numbers."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from sitegen.records import Disagreement, DisagreementValue

CASES = 52
THEMES = {
    "ground-truth": range(1, 17),
    "crop-and-resolution": range(17, 27),
    "alignment": range(27, 39),
    "checkpoint-and-sampling": range(39, 50),
    "unexplained": range(50, 53),
}
Key = tuple[str, str, str, str, str]


@pytest.fixture(scope="module")
def cases(repo: Path) -> list[Disagreement]:
    """All cases by number, validated, each in the file that its id names."""
    records = []
    for path in (repo / "results/disagreements").glob("*.yaml"):
        record = Disagreement.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        assert record.id == path.stem
        records.append(record)
    return sorted(records, key=lambda record: record.number)


def read(paths: Iterable[Path]) -> list[dict[str, str]]:
    """Return the rows of CSV files."""
    rows: list[dict[str, str]] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    return rows


def key(case: Disagreement, value: DisagreementValue) -> Key:
    """Return what identifies a value among published numbers: model, data set, metric, source, digits."""
    assert value.source is not None
    names = (value.model or case.models[0], value.dataset or case.dataset, value.metric or case.metric)
    return (*names, value.source, value.value_as_printed)


def faults(cases: list[Disagreement], known: dict[Key, float]) -> list[str]:
    """Return the values that should be among the known numbers and are not, or differ, or are there by surprise."""
    found = []
    for case in cases:
        for value in (value for value in case.values if value.source):
            number = known.get(key(case, value))
            if value.place:
                found += [f"{case.id}: {value.label}: is a published number"] if number is not None else []
            elif number is None or abs(number - value.value) > 1e-9:
                found.append(f"{case.id}: {value.label}: {value.value} against {number}")
    return found


def test_all_cases_are_there(cases: list[Disagreement]) -> None:
    """Numbers 1 to 52, each once, each under its theme; the last three are open."""
    assert [case.number for case in cases] == list(range(1, CASES + 1))
    for case in cases:
        assert case.number in THEMES[case.theme], case.id
    assert not any(case.explained for case in cases if case.theme == "unexplained")


def test_cases_can_be_followed(cases: list[Disagreement]) -> None:
    """Each case has at least two values, of which no two say the same, and names where they come from."""
    for case in cases:
        labels = [(value.setting, value.label, value.metric, value.dataset) for value in case.values]
        assert len(labels) == len(set(labels)) >= 2, case.id
        assert case.sources or case.references, case.id
        assert {value.source for value in case.values if value.source} <= set(case.sources), case.id


def test_values_follow_from_their_digits(cases: list[Disagreement]) -> None:
    """A value is what its source printed, as a fraction where the source printed percent."""
    for case in cases:
        for value in case.values:
            printed = float(value.value_as_printed.replace(",", ""))
            assert any(abs(value.value * unit - printed) < 1e-9 for unit in (1, 100)), (case.id, value.label)


def test_a_wrong_digit_is_found(cases: list[Disagreement]) -> None:
    """The comparison below notices a value that differs, one that is missing and one that should not be there."""
    case = cases[2]
    assert [bool(value.place) for value in case.values] == [False, True]
    first, second = (key(case, value) for value in case.values)
    assert faults([case], {first: 0.0689}) == []
    assert "0.07" in faults([case], {first: 0.07})[0]
    assert "None" in faults([case], {})[0]
    assert "is a published number" in faults([case], {first: 0.0689, second: 0.0573})[0]


@pytest.mark.shared
def test_values_agree_with_the_collection(cases: list[Disagreement], shared: Path) -> None:
    """Every value that the collected tables hold is theirs, digit for digit; what they lack says where it stands."""
    rows = read(shared / "literature" / f"{name}.csv" for name in ("reported", "reproduced"))
    known = {
        (row["model_id"], row["dataset_id"], row["metric_id"], row["source_id"], row["value_as_printed"]): row["value"]
        for row in rows
    }
    assert faults(cases, {key: float(value) for key, value in known.items()}) == []


def test_values_agree_with_the_published_numbers(cases: list[Disagreement], repo: Path) -> None:
    """The same over the numbers that are committed under ``results/sources``."""
    paths = sorted((repo / "results/sources").glob("*.csv"))
    if not paths:
        pytest.skip("results/sources holds no numbers yet")
    known = {}
    for path in paths:
        for row in read([path]):
            known[row["model"], row["dataset"], row["metric"], path.stem, row["value_as_printed"]] = float(row["value"])
    assert faults(cases, known) == []


@pytest.mark.shared
def test_ids_exist(cases: list[Disagreement], shared: Path) -> None:
    """Models, data sets and sources are ids of the collection."""
    literature = shared / "literature"
    models = {row["model_id"] for row in read([literature / "model_facts.csv"])}
    datasets = {row["dataset_id"] for row in read([literature / "dataset_facts.csv"])}
    sources = {row["source_id"] for row in read([literature / "sources.csv"])}
    for case in cases:
        assert {*case.models, *(value.model for value in case.values if value.model)} <= models, case.id
        assert {case.dataset, *(value.dataset for value in case.values if value.dataset)} <= datasets, case.id
        assert set(case.sources) <= sources, case.id
