"""results/disputes.yaml: what is withdrawn or disputed stays, and the entry says of what, why and where."""

from pathlib import Path
from typing import Any

import pytest

from sitegen.store import load
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

ENTRY = {"status": "withdrawn", "reason": "wrong weights", "date": "2026-11-25", "source": "https://example.org/1"}


def written(root: Path, *entries: dict[str, Any]) -> list[str]:
    """What a store says of disputes.yaml with these entries."""
    make.write_results(root, with_run=True)
    made = [{**ENTRY, **entry} for entry in entries]
    make.write_yaml(root / "disputes.yaml", {"schema_version": 1, "disputes": made})
    return [str(finding) for finding in load(root).findings]


def test_a_run_and_a_number(tmp_path: Path) -> None:
    """A run is named by its digest, a number by its id."""
    store = load(make.write_results(tmp_path, with_run=True))
    run, number = store.runs[0].sha256, store.numbers[0].id
    assert written(tmp_path, {"run": run}, {"number": number, "status": "disputed"}) == []
    assert set(load(tmp_path).disputes) == {run, number}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, "/disputes/0: name a run or a number, and not both"),
        ({"run": "0" * 64, "number": "0" * 12}, "/disputes/0: name a run or a number, and not both"),
        (
            {"run": "0" * 64},
            f"/disputes/0: no run has the digest {'0' * 64}: what is withdrawn or disputed has to stay",
        ),
        ({"number": "0" * 12}, "no published number has the id 000000000000"),
        ({"number": "x"}, "must be the id of a published number"),
        ({"number": "0" * 12, "status": "fine"}, "/disputes/0/status: input should be 'withdrawn' or 'disputed'"),
        ({"number": "0" * 12, "reason": ""}, "/disputes/0/reason"),
        ({"number": "0" * 12, "source": "a mail"}, "/disputes/0/source: must be an address"),
    ],
)
def test_what_is_refused(tmp_path: Path, entry: dict[str, Any], expected: str) -> None:
    """An entry about nothing, about two things, without a reason or without a place to read it is an error."""
    (found,) = written(tmp_path, entry)
    assert found.startswith("error: disputes.yaml")
    assert expected in found


def test_one_entry_a_result(tmp_path: Path) -> None:
    """Of two entries about one result neither is hidden by the other: it is an error."""
    number = load(make.write_results(tmp_path)).numbers[0].id
    (found,) = written(tmp_path, {"number": number}, {"number": number, "status": "disputed"})
    assert f"error: disputes.yaml: /disputes/1: '{number}' stands here twice" in found


def test_ids_outlive_lines_and_corrections() -> None:
    """A number keeps its id when its line moves or its value is corrected; another table's number has another one."""
    first = toy.number(line=2, value=0.05)
    assert first.id == toy.number(line=9, value=0.06).id
    assert first.sha256 != toy.number(line=9, value=0.06).sha256
    assert first.id != toy.number(line=2, value=0.05, place="Table 2").id
    assert first.id != toy.number(source="toy-bench", line=2, value=0.05).id


def test_ids_of_the_real_numbers_differ(repo: Path) -> None:
    """No two published numbers share an id."""
    numbers = load(repo / "results").numbers
    assert len({number.id for number in numbers}) == len(numbers) > 4000
