"""The table of all protocols and the pages of one prediction under many: whole, marked, linked, the same every time."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sitegen.pages import site_pages
from sitegen.pages.base import Page
from sitegen.pages.protocol_table import DIFFERS, protocol_table
from sitegen.pages.sensitivity import comparisons, significant
from sitegen.protocols import leaves
from sitegen.store import Store, load, load_valid
from tests.sitegen import factories as make

TABLE, SENSITIVITY = "protocols/table.md", "protocols/toy-rooms/sensitivity.md"
DATA = "data/sensitivity/toy-rooms/toy-net"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One prediction under four protocols of a data set."""
    return load_valid(make.write_sensitivity(tmp_path_factory.mktemp("results")))


@pytest.fixture(scope="module")
def made(store: Store) -> dict[str, Page]:
    """All pages of that store."""
    return {page.path: page for page in site_pages(store)}


def files(page: Page) -> dict[str, str]:
    """A page's data files by path."""
    return {file.path: str(file.content) for file in page.files}


@pytest.mark.parametrize("path", [TABLE, SENSITIVITY])
def test_pages_are_as_they_were_looked_at(made: dict[str, Page], golden: Callable[[Page], None], path: str) -> None:
    """The body equals its golden file, drawings aside."""
    golden(made[path])


# ---- every preset ----


def test_every_protocol_is_a_row_and_house_comes_first(store: Store) -> None:
    """Rows are by data set, the house protocol before the others, each linked to its page and found by its facets."""
    rows = protocol_table(store).rows
    assert [row.facets["system"] for row in rows] == ["house", "alone", "clip", "flip"]
    assert {row.facets["dataset"] for row in rows} == {"toy-rooms"}
    assert [row.cells[0].href for row in rows][1] == "protocols/toy-rooms/alone.html"


def test_exactly_what_differs_from_house_is_marked(store: Store) -> None:
    """A cell has the sign where its part is not as in the house protocol; the house protocol has none."""
    table = protocol_table(store)
    keys = [column.key for column in table.columns]
    marked = {
        row.facets["system"]: {
            key for key, cell in zip(keys, row.cells, strict=True) if DIFFERS in [badge.text for badge in cell.badges]
        }
        for row in table.rows
    }
    assert marked == {"house": set(), "alone": {"metrics", "primary"}, "clip": {"clamp", "metrics"}, "flip": {"flip"}}


def test_without_a_house_protocol_nothing_is_marked(store: Store) -> None:
    """Where there is nothing to compare with, no cell differs, and the page says so."""
    others = {key: protocol for key, protocol in store.protocols.items() if not protocol.house}
    unhoused = replace(store, protocols=others, sensitivity=())
    assert not [cell for row in protocol_table(unhoused).rows for cell in row.cells if cell.badges]
    page = next(page for page in site_pages(unhoused) if page.path == TABLE)
    assert "There is no house protocol, and so no mark, for Toy Rooms." in page.body


def test_a_fit_that_no_protocol_has_takes_no_column(store: Store) -> None:
    """Of the kinds of prediction only those that some protocol scores have a column."""
    keys = [column.key for column in protocol_table(store).columns]
    assert [key for key in keys if key.startswith("align_")] == ["align_metric-depth"]


def test_downloads_hold_every_leaf(store: Store, made: dict[str, Page]) -> None:
    """CSV and JSON have each leaf of each protocol under its path, and which differ from the house protocol."""
    found = files(made[TABLE])
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(found["data/protocols/table.csv"]))}
    entries = {entry["id"]: entry for entry in json.loads(found["data/protocols/table.json"])["protocols"]}
    for protocol in store.protocols.values():
        assert entries[protocol.id]["leaves"] == leaves(protocol)
        assert leaves(protocol).keys() <= rows[protocol.id].keys()
        assert rows[protocol.id]["sha256"] == protocol.digest()
    assert rows["flip"]["flip_average"] == "true"
    assert rows["clip"]["clamp.max_m"] == "10.0"
    assert rows["house"]["clamp.max_m"] == ""
    assert entries["flip"]["differs_from_house"] == ["flip_average"]


def test_no_protocol_no_table(store: Store) -> None:
    """Without any protocol there is neither the page nor a link to it."""
    pages = {page.path: page for page in site_pages(replace(store, protocols={}, sensitivity=()))}
    assert TABLE not in pages
    assert "table.html" not in pages["protocols/index.md"].body


def test_a_system_leads_to_itself_elsewhere(store: Store) -> None:
    """A protocol's page links to the same id on other data sets, and the table lists such systems."""
    flip = store.protocols["toy-rooms", "flip"]
    other = store.datasets["toy-rooms"].model_copy(update={"id": "toy-roads", "name": "Toy Roads"})
    protocols = {**store.protocols, ("toy-roads", "flip"): flip.model_copy(update={"dataset": "toy-roads"})}
    wide = replace(store, protocols=protocols, datasets={**store.datasets, "toy-roads": other})
    pages = {page.path: page.body for page in site_pages(wide)}
    assert '"../toy-roads/flip.html">Toy Roads' in pages["protocols/toy-rooms/flip.md"]
    for path in (TABLE, "protocols/index.md"):
        assert 'table.html?system=flip">flip</a> (2)' in pages[path]


# ---- one prediction under every protocol ----


def test_shared_metrics_spread_and_lead(store: Store) -> None:
    """Columns are the metrics of at least two protocols; the lead is the primary metric of most that is shared."""
    ((comparison,),) = comparisons(store).values()
    assert comparison.shared == ("abs_rel", "delta1")
    assert comparison.primary == "abs_rel"
    assert [protocol.id for protocol, _run in comparison.runs] == ["house", "alone", "clip", "flip"]
    assert comparison.values("abs_rel") == pytest.approx({"house": 0.15, "clip": 0.12, "flip": 0.3})
    assert comparison.spread("abs_rel") == pytest.approx(2.5)
    assert comparison.images == ("a", "b")


def test_page_says_what_it_is_and_what_to_beware_of(made: dict[str, Page]) -> None:
    """Model, weights, images and their origin, and each caveat of a row are told."""
    body = made[SENSITIVITY].body
    for said in (
        "no benchmark",
        "../../models/toy-net.html",
        "ab" * 32,
        "two images of the test split",
        "a, b",
        "Predictions made otherwise than the protocol says: no flip",
        "The fit of 1 of 2 images should not be trusted",
        "6.00 % of the pixels were clamped or floored.",
        "Metrics that no other of these protocols has: RMSE 0.5500 m.",
        "One prediction, 3 protocols: AbsRel from 0.1200 to 0.3000",
        "Without AbsRel: alone.",
        '<div id="differs-flip">',
    ):
        assert said in body, said
    assert "mark-measured" in body
    assert "best" not in body.split("<table", 1)[1].split("</table", 1)[0]


def test_downloads_of_the_comparison(made: dict[str, Page]) -> None:
    """CSV has a row a protocol with caveats; JSON has the spread, the images and the metrics of one protocol alone."""
    found = files(made[SENSITIVITY])
    rows = {row["protocol_id"]: row for row in csv.DictReader(io.StringIO(found[f"{DATA}.csv"]))}
    assert list(rows) == ["house", "alone", "clip", "flip"]
    assert rows["flip"]["deviations"] == "no flip"
    assert (rows["alone"]["degenerate_fits"], rows["alone"]["abs_rel"]) == ("1", "")
    assert float(rows["house"]["valid_pixels"]) == 1500
    data = json.loads(found[f"{DATA}.json"])
    assert data["foot"]["abs_rel"]["value"] == 2.5
    assert data["summaries"]["alone"] == {"one_minus_delta1_pct": 15.0}
    assert data["images"] == ["a", "b"]
    assert json.loads(found[f"{DATA}.chart.json"])["description"].startswith("Toy Net: clip 0.1200")


@pytest.mark.parametrize(
    "path", ["protocols/index.md", "protocols/toy-rooms/compare.md", "disagreements.md", "datasets/toy-rooms.md"]
)
def test_other_pages_lead_there_only_where_there_is_something(store: Store, made: dict[str, Page], path: str) -> None:
    """Index, comparison, disagreements and data set link to the page, and do not without such runs."""
    assert "toy-rooms/sensitivity.html" in made[path].body or 'href="sensitivity.html"' in made[path].body
    without = {page.path: page for page in site_pages(replace(store, sensitivity=()))}
    assert SENSITIVITY not in without
    assert "sensitivity.html" not in without[path].body
    assert "runners rescore" in without["protocols/index.md"].body


def test_one_run_has_neither_chart_nor_spread(store: Store) -> None:
    """With one protocol there is nothing to compare: a table of one row, no metric column, no drawing."""
    one = replace(store, sensitivity=store.sensitivity[:1])
    page = next(page for page in site_pages(one) if page.path == SENSITIVITY)
    assert "<figure" not in page.body
    assert not [path for path in files(page) if path.endswith("chart.json")]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "0.1230"), (12.345678, "12.35"), (12345.0, "12340"), (0.0, "0.000"), (-0.05, "−0.05000")],
)
def test_numbers_have_four_significant_digits(value: float, text: str) -> None:
    """No exponent, trailing zeros kept."""
    assert significant(value) == text


def test_runs_of_other_weights_are_no_same_prediction(tmp_path: Path) -> None:
    """Two runs of a model and data set with different weights are an error of the record."""
    make.write_sensitivity(tmp_path)
    model: dict[str, Any] = {"id": "toy-net", "dtype": "float32", "weights_sha256": "cd" * 32}
    run = make.make_run(model=model)
    make.write_json(tmp_path / "sensitivity/toy-rooms/house/toy-net.json", run)
    (error,) = load(tmp_path).errors
    assert error.pointer == "/model/weights_sha256"
