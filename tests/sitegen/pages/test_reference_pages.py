"""Metrics, protocols, data and about: generated from the records, complete, with every address that others link to."""

import json
from pathlib import Path

import pytest

from sitegen.metrics import METRICS
from sitegen.pages import about, data, metrics, protocols
from sitegen.protocols import shown
from sitegen.records import RECORD_TYPES, Protocol
from sitegen.rendering import slug
from sitegen.store import Store, load_valid
from tests.sitegen import factories as make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a run and two protocols that differ in two fields."""
    make.write_results(tmp_path, with_run=True)
    other = {**make.PROTOCOL, "id": "other", "title": "Other", "house": False, "flip_average": True}
    make.write_yaml(tmp_path / "protocols/toy-rooms/other.yaml", {**other, "minimum_valid_pixels": 10})
    return load_valid(tmp_path)


def test_every_metric_has_an_anchor_and_a_formula(store: Store) -> None:
    """Boards link to metrics.html#<metric>: each metric has that heading and its formula as MathML."""
    (page,) = metrics.pages(store)
    for name in METRICS:
        assert f"{{#{slug(name)}}}" in page.body
    assert page.body.count("<math") == len(METRICS)


def test_protocol_page_shows_every_leaf_and_the_digest(store: Store) -> None:
    """Nothing that enters a protocol's hash is missing from its page."""
    pages = {page.path: page.body for page in protocols.pages(store)}
    house = store.protocols["toy-rooms", "house"]
    body = pages["protocols/toy-rooms/house.md"]
    assert house.digest() in body
    assert "Mean of image and mirror image" in body
    assert "../../models/toy-net.html" in body
    assert "2 fields differ" in body
    assert set(pages) == {
        "protocols/index.md",
        "protocols/toy-rooms/house.md",
        "protocols/toy-rooms/other.md",
        "protocols/toy-rooms/compare.md",
    }


def test_compare_page_marks_what_differs(store: Store) -> None:
    """The side-by-side table has a row for each leaf and marks exactly those that differ."""
    body = next(page.body for page in protocols.pages(store) if page.path.endswith("compare.md"))
    assert body.count('<tr class="differs">') == 2
    assert body.count('<tr class="same">') > 10


def test_missing_values_are_shown_as_such() -> None:
    """A value that is not given is a dash, a truth value is a word, a float has no needless digits."""
    assert [shown(value) for value in (None, True, False, 80.0, 0.001, "x")] == [
        "–",
        "yes",
        "no",
        "80",
        "0.001",
        "x",
    ]


def test_data_files_are_whole_and_valid(store: Store) -> None:
    """The published JSON holds every record, and a protocol read back from it has the published hash."""
    (page,) = data.pages(store)
    files = {file.path: json.loads(file.content) for file in page.files}
    assert files["data/numbers.json"][0]["value_as_printed"] == "5.10"
    assert len(files["data/runs.json"]) == 1
    entry = dict(files["data/protocols.json"]["toy-rooms/house"])
    assert entry.pop("sha256") == Protocol.model_validate(entry).digest()
    assert {f"data/schemas/{name}.json" for name in RECORD_TYPES} <= set(files)
    for listed in files["data/index.json"]["files"]:
        assert f"data/{listed['path']}" in files


def test_about_counts_come_from_the_records(store: Store) -> None:
    """The numbers on the page are counted, not typed."""
    (page,) = about.pages(store)
    assert "<dd>1</dd>" in page.body
    assert "no fit: metres against metres" in page.body


def test_metrics_say_where_they_are_not_counted_in_pixels(store: Store) -> None:
    """A metric that is counted in pairs or planes says so in its entry; the others need no word."""
    (page,) = metrics.pages(store)
    counted = [metric.counted for metric in METRICS.values()]
    assert page.body.count("the mean over all its pairs") == counted.count("pairs") > 0
    assert page.body.count("the mean over all its planes") == counted.count("planes") > 0
