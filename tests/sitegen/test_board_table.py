"""A board's table says what it is, where each value comes from, and what to beware of."""

import csv
import io
import json
import re
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sitegen.board import Board, boards, find_board
from sitegen.board_table import board_bibtex, board_frame, board_table, size_classes
from sitegen.records import Disagreement, Protocol
from sitegen.store import Store, load
from sitegen.tables import Cell, Table
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

GOLDEN = Path(__file__).parents[1] / "golden" / "tables"


def table_of(store: Store, name: str = "toy-rooms/metric", **options: Any) -> Table:
    """The table of a board."""
    return board_table(store, find_board(store, name), **options)


def cell(table: Table, row: str, column: str) -> Cell:
    """A cell by row id and column key."""
    index = [found.key for found in table.columns].index(column)
    return next(found for found in table.rows if found.id == row).cells[index]


def make_case(name: str, number: int) -> Disagreement:
    """A documented disagreement about the toy board."""
    about = {"id": name, "number": number, "models": ["toy-a"], "dataset": "toy-rooms", "metric": "abs_rel"}
    return Disagreement.model_validate({**make.DISAGREEMENT, **about})


@pytest.fixture
def published() -> Store:
    """Three models with several values, flags and origins."""
    numbers = [
        toy.number("toy-a", line=2, value=0.051, value_as_printed="5.10", variant="head X"),
        toy.number("toy-a", line=3, value=0.06, kind="re-run", source="toy-bench", protocol_note="own crop"),
        toy.number("toy-a", line=4, metric="silog", value=8.0),
        toy.number("toy-b", line=5, value=0.05, flag="suspect", flag_reason="conflicts with itself", kind="copied"),
        toy.number("toy-b", line=6, metric="silog", value=9.0, source="toy-bench"),
        toy.number("toy-c", line=7, value=0.07, flag="caution", flag_reason="not reached", zero_shot="no"),
        toy.number("toy-d", line=8, value=0.08, split="ten images"),
    ]
    models = [
        toy.model("toy-a", year=2024, commercial_use="yes", licence_weights="MIT", params_m=12.5, bibtex=["a2024"]),
        toy.model("toy-b", baseline=True, architecture_class="cnn"),
    ]
    return toy.store(
        numbers,
        models=models,
        sources=[toy.source("toy-paper", bibtex=["paper2020", "a2024"])],
        datasets=[toy.dataset(unranked_splits=["ten images"], bibtex=["rooms2019"])],
        references={key: toy.bib(key) for key in ("a2024", "paper2020", "rooms2019", "unused")},
    )


def measured(**card: Any) -> Store:
    """A measured board of two runs, one with a published value beside it."""
    protocol = Protocol.model_validate(make.PROTOCOL)
    runs = [toy.run("toy-a", [0.1, 0.2]), toy.run("toy-b", [0.3, None])]
    numbers = [toy.number("toy-a", value=0.16)]
    verified = (toy.verification(runs[0]),)
    return toy.store(numbers, runs=runs, protocols=[protocol], datasets=[toy.dataset(**card)], verified=verified)


@pytest.mark.parametrize("name", ["board.html", "board.md", "board.csv", "board.json", "board.tex"])
def test_golden(published: Store, name: str) -> None:
    """The whole way from records to each output gives, to the byte, what was looked at and kept."""
    table = table_of(published, date="2026-11-22")
    outputs = {
        "board.html": table.to_html("../", filters=True) + "\n",
        "board.md": table.to_markdown(),
        "board.csv": table.to_csv(),
        "board.json": table.to_json(),
        "board.tex": table.to_latex(),
    }
    assert outputs[name] == (GOLDEN / name).read_text("utf-8")


def test_cell_leads_to_its_source(published: Store) -> None:
    """A value links to its line on the source's page; the tooltip says where and how it was printed."""
    found = cell(table_of(published), "toy-a", "abs_rel")
    assert found.href == "sources/toy-paper.html#n2"
    assert found.hint == "Text toy-paper, Table 1: 5.10; head X"
    assert (found.text, found.range, found.mark) == ("0.0510", "0.0510–0.06", "reported")


def test_footnotes_of_flags(published: Store) -> None:
    """Suspect, caution and other images each have their footnote with the reason, in reading order."""
    table = table_of(published)
    assert table.footnotes == (
        "Several definitions of SILog are in use: compare it within one source only. No best is marked.",
        "Caution: not reached",
        "Suspect: conflicts with itself",
        "Not ranked: other images than the usual test set (ten images).",
    )
    assert [row.id for row in table.rows] == ["toy-a", "toy-c", "toy-b", "toy-d"]
    suspect = cell(table, "toy-b", "abs_rel")
    assert suspect.suspect
    assert suspect.emphasis == ""
    assert suspect.sort_value == ""


def test_footnote_of_a_kinder_fit() -> None:
    """A value that is only listed for its fit says so, with the fit, also in the data."""
    numbers = [toy.number("toy-a"), toy.number("toy-b", protocol_note="robust fit")]
    found = table_of(toy.store(numbers, sources=[toy.source("toy-paper", unranked_fits=["robust fit"])]))
    assert found.footnotes == ("Not ranked: a kinder fit than that of the other values (robust fit).",)
    assert cell(found, "toy-b", "abs_rel").extras["abs_rel_flag"] == "other-fit"


def test_all_values_are_in_the_json(published: Store) -> None:
    """The JSON of a cell has every published value with source, line and printed text, not only the headline."""
    data = json.loads(table_of(published).to_json())
    found = data["rows"][0]["cells"]["abs_rel"]
    assert [(value["source"], value["line"], value["printed"]) for value in found["values"]] == [
        ("toy-paper", 2, "5.10"),
        ("toy-bench", 3, "0.06"),
    ]
    assert (found["value"], found["abs_rel_low"], found["abs_rel_high"]) == (0.051, 0.051, 0.06)
    assert data["family"] == "metric"


def test_csv_has_the_provenance(published: Store) -> None:
    """Each number of the CSV stands beside who measured it, where it was read and how it is flagged."""
    rows = list(csv.DictReader(io.StringIO(table_of(published).to_csv())))
    assert rows[0]["model_id"] == "toy-a"
    assert rows[0]["abs_rel_source"] == "toy-paper"
    assert rows[0]["abs_rel_kind"] == "reported"
    assert (rows[2]["abs_rel"], rows[2]["abs_rel_printed"], rows[2]["abs_rel_flag"]) == ("", "0.05", "suspect")
    assert rows[3]["abs_rel_flag"] == "other-images"


def test_filters(published: Store) -> None:
    """A filter is offered where it tells rows apart, in words; rows carry its values."""
    table = table_of(published)
    filters = {facet.name: dict(facet.options) for facet in table.filters}
    assert filters["zs"] == {"yes": "zero-shot", "no": "in-domain"}
    assert filters["commercial"] == {"yes": "yes", "unknown": "unknown"}
    assert "output" not in filters
    assert table.rows[0].facets["year"] == "2024"
    ticks = {facet.name: facet.quick[0] for facet in table.filters if facet.quick}
    assert ticks == {"zs": "yes", "kind": "reported", "commercial": "yes"}
    assert "25" in filters["size"]


@pytest.mark.parametrize(
    ("params", "expected"), [(None, ""), (25.0, "25 50 100 200 400"), (25.1, "50 100 200 400"), (500, "")]
)
def test_size_classes(params: float | None, expected: str) -> None:
    """A model is in every class whose limit it keeps; one of unknown size is in none."""
    assert size_classes(params) == expected


def test_a_range_leads_to_its_values_and_reasons(published: Store) -> None:
    """Differing values lead to the list of all; where a case tells why, to that too; several cases to their list."""
    plain = cell(table_of(published), "toy-a", "abs_rel")
    assert (plain.range_href, plain.why_href) == ("models/toy-a.html#numbers-toy-rooms", "")
    cases = {name: make_case(name, number) for number, name in enumerate(("one-case", "two-case"), start=1)}
    one = replace(published, disagreements={"one-case": cases["one-case"]})
    assert cell(table_of(one), "toy-a", "abs_rel").why_href == "disagreements.html#one-case"
    both = replace(published, disagreements=cases)
    assert cell(table_of(both), "toy-a", "abs_rel").why_href == "models/toy-a.html#disagreements"
    assert cell(table_of(both), "toy-a", "silog").why_href == ""


def test_measured_table() -> None:
    """A measured value shows its delta; an incomplete run its footnote; a re-run one its badge."""
    store = measured()
    table = table_of(store, "toy-rooms/measured-house")
    found = cell(table, "toy-a", "abs_rel")
    assert (found.text, found.delta, found.mark) == ("0.1500", "−0.0100", "measured")
    assert found.href == "protocols/toy-rooms/house.html"
    assert found.extras["abs_rel_published"] == 0.16
    badges = [cell(table, model, "model").badges[0] for model in ("toy-a", "toy-b")]
    assert [(badge.text, badge.step) for badge in badges] == [("re-run by maintainers", 3), ("checked", 2)]
    assert badges[0].href == f"models/toy-a.html#run-{store.runs[0].sha256[:12]}"
    assert (found.range, found.extras["abs_rel_low"], found.extras["abs_rel_high"]) == ("0.1000–0.2000", 0.1, 0.2)
    assert found.range_hint == "95 % interval, by drawing 2 images of one scene or drive anew"
    assert table.footnotes[1:] == ("Not ranked: 1 of 2 images have no value.",)
    assert table.date == "2026-11-22"
    assert table.data["protocol"]["sha256"] == store.runs[0].protocol.sha256


def test_smoke_board_says_so() -> None:
    """A data set that is not to be cited says so in every output that has words."""
    table = table_of(measured(citable=False), "toy-rooms/measured-house")
    for text in (table.to_html(), table.to_markdown(), table.to_latex(), table.to_json()):
        assert "not to be cited" in text
    assert "not to be cited" not in table_of(measured(), "toy-rooms/measured-house").to_html()


def test_extract(published: Store) -> None:
    """An extract has the first rows, the wanted metrics and nothing optional, and the same values."""
    table = table_of(published, limit=1, metrics=("abs_rel",))
    assert [column.key for column in table.columns] == ["rank", "model", "abs_rel"]
    assert len(table.rows) == 1
    assert table.plain
    assert table.filters == ()


def test_bibtex(published: Store) -> None:
    """The BibTeX has the data set, the models and the sources of the board, each once."""
    text = board_bibtex(published, find_board(published, "toy-rooms/metric"))
    assert [line for line in text.splitlines() if line.startswith("@")] == [
        "@article{a2024,",
        "@article{paper2020,",
        "@article{rooms2019,",
    ]
    assert "sourceids" not in text


def test_frame(published: Store) -> None:
    """The frame for charts has one row a model in the board's order, with the range."""
    frame = board_frame(published, find_board(published, "toy-rooms/metric"))
    assert list(frame["label"]) == ["Toy-A", "Toy-C", "Toy-B", "Toy-D"]
    assert frame.loc[0, ["value", "low", "high", "text"]].tolist() == [0.051, 0.051, 0.06, "0.0510"]
    assert frame["suspect"].tolist() == [False, False, True, False]
    silog = board_frame(published, find_board(published, "toy-rooms/metric"), "silog")
    assert list(silog["model"]) == ["toy-a", "toy-b"]


def test_a_deviation_stands_in_a_footnote_and_in_the_data() -> None:
    """A run that deviates says how below its board and in its JSON; other runs say nothing of it."""
    made = [toy.run("toy-a", [0.1]), toy.run("toy-b", [0.2], deviations=["predicted without a flip"])]
    store = toy.store(runs=made)
    table = board_table(store, boards(store)[0])
    assert [text for text in table.footnotes if "predicted without a flip" in text] == list(table.footnotes[1:])
    assert table.footnotes[1].startswith("Not ranked.")
    first, second = json.loads(table.to_json())["rows"]
    assert "deviations" not in first["cells"]["abs_rel"]
    assert second["cells"]["abs_rel"]["deviations"] == ["predicted without a flip"]


@pytest.mark.parametrize(
    ("status", "note", "csv_value"),
    [("withdrawn", "Withdrawn on 2026-11-25, not ranked:", ""), ("disputed", "Disputed since 2026-11-25:", "0.051")],
)
def test_withdrawn_and_disputed_numbers_are_struck_out(status: str, note: str, csv_value: str) -> None:
    """Both stay in every output, struck out and with the reason; a withdrawn one is no number for programs to rank."""
    number = toy.number("toy-a", value=0.051)
    table = table_of(toy.store([number, toy.number("toy-b", line=3, value=0.06)], disputes=toy.dispute(number, status)))
    found = cell(table, "toy-a", "abs_rel")
    assert found.struck
    assert table.footnotes == (f"{note} the wrong weights (https://example.org/why)",)
    assert "~~0.051~~ (a)" in table.to_markdown()
    assert r"\sout{0.051}" in table.to_latex()
    assert 'class="num suspect' in table.to_html().replace("best ", "")
    rows = {row["model_id"]: row for row in csv.DictReader(io.StringIO(table.to_csv()))}
    assert (rows["toy-a"]["abs_rel"], rows["toy-a"]["abs_rel_flag"]) == (csv_value, status)
    data = {row["id"]: row["cells"]["abs_rel"] for row in json.loads(table.to_json())["rows"]}
    assert data["toy-a"]["dispute"]["status"] == status
    assert "dispute" not in data["toy-b"]


def test_a_withdrawn_run_is_struck_out() -> None:
    """Its row stays at the end of the board, without a rank, a difference to the paper or a number in CSV."""
    runs = [toy.run("toy-a", [0.1, 0.1]), toy.run("toy-b", [0.2, 0.2])]
    store = toy.store([toy.number("toy-a")], runs=runs, disputes=toy.dispute(runs[0]))
    table = table_of(store, next(board.name for board in boards(store) if board.measured))
    found = cell(table, "toy-a", "abs_rel")
    assert [row.id for row in table.rows] == ["toy-b", "toy-a"]
    assert (cell(table, "toy-a", "rank").text, found.delta, found.suspect) == ("", "", True)
    assert table.footnotes[1] == "Withdrawn on 2026-11-25, not ranked: the wrong weights (https://example.org/why)"


# ---- the real results ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(repo: Path) -> Store:
    """The results of this repository."""
    return load(repo / "results")


@pytest.fixture(scope="module")
def real_boards(real: Store) -> tuple[Board, ...]:
    """All boards of this repository."""
    return boards(real)


def test_every_number_is_on_one_board(real: Store, real_boards: tuple[Board, ...]) -> None:
    """Each published number of the repository is in exactly one cell of one published board."""
    cells = [c for b in real_boards if not b.measured for row in b.rows for c in row.cells.values()]
    found = sorted((number.source, number.line) for cell in cells for number in cell.numbers)
    assert found == sorted((number.source, number.line) for number in real.numbers)


def test_shown_values_are_the_stored_ones(real_boards: tuple[Board, ...]) -> None:
    """A published cell shows exactly the stored value: the printed one, a percentage, or rounded to 3 places."""
    for cell in (c for b in real_boards if not b.measured for row in b.rows for c in row.cells.values()):
        headline = cell.numbers[0]
        assert float(cell.shown) == headline.row.value
        if re.fullmatch(r"[0-9.]+", headline.row.value_as_printed):
            printed = Decimal(headline.row.value_as_printed)
            assert Decimal(cell.shown) in {printed, printed.scaleb(-2), round(printed, 3)}


def test_no_suspect_value_is_ranked(real_boards: tuple[Board, ...]) -> None:
    """No rank and no best mark of the repository rests on a suspect value or one on other images."""
    for board in real_boards:
        for row in board.rows:
            assert row.rank is None or row.cells[board.primary].rankable
            assert all(cell.rankable or not cell.emphasis for cell in row.cells.values())


def test_real_boards_are_fast(real: Store) -> None:
    """All boards of the repository are made in well under two seconds."""
    start = time.process_time()
    for board in boards(real):
        board_table(real, board)
    assert time.process_time() - start < 2


@pytest.mark.shared
def test_nyu_headlines_against_the_literature(shared: Path, real_boards: tuple[Board, ...]) -> None:
    """Values of the NYU metric board, looked up by hand in their papers' tables, with rank and who measured them."""
    board = next(board for board in real_boards if board.name == "nyu-depth-v2/metric")
    found = {row.model: row.cells["abs_rel"] for row in board.rows if "abs_rel" in row.cells}
    printed = {
        "zoed-m12-n": ("0.075", "reported", "zoedepth-paper"),
        "depth-anything-v1-large-metric-nyu": ("0.056", "reported", "depth-anything-v1-paper"),
        "unidepth-v1-vit-l": ("5.78", "reported", "unidepth-v1-paper"),
        "metric3d-v2-vit-g-finetuned": ("0.045", "reported", "metric3d-readme"),
        "midas-v3-0-dpt-hybrid-finetuned-nyu": ("0.110", "reported", "dpt-paper"),
    }
    with (shared / "literature/reported.csv").open(encoding="utf-8", newline="") as stream:
        keys = ("model_id", "dataset_id", "metric_id", "value_as_printed", "kind", "source_id")
        known = {tuple(row[key] for key in keys) for row in csv.DictReader(stream)}
    for model, (text, kind, source) in printed.items():
        number = found[model].numbers[0]
        assert (number.row.value_as_printed, number.row.kind, number.source) == (text, kind, source)
        assert (model, "nyu-depth-v2", "abs_rel", text, kind, source) in known
