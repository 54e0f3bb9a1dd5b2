"""Tables of the theory: they say what boards and cards say, change with them, and rank nothing that boards refuse."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sitegen.board import Board, BoardRow, boards
from sitegen.records import Disagreement, Family
from sitegen.store import Store, StoredNumber, load_valid
from sitegen.theory.figures import Illustration, drawings
from sitegen.theory.tables import DRAWINGS, SIDE_BY_SIDE
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

MIDAS, ZOE, ANYTHING, MARIGOLD = (lineage.model for lineage in SIDE_BY_SIDE)
ROOMS = [f"rooms-{letter}" for letter in "abcde"]
STRONGEST, WEAKEST = -2, -1


@dataclass
class Drawn:
    """A cell as it is shown: its texts, where it leads, and the classes of what is in it."""

    text: str = ""
    links: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Reads the tables of a page: rows of cells by the table's id."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[Drawn]]] = {}
        self.rows: list[list[Drawn]] = []
        self.cell: Drawn | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "table":
            self.rows = self.tables[known["id"]] = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.cell = Drawn(attributes=known)
            self.rows[-1].append(self.cell)
        elif self.cell is not None:
            self.cell.links += [known["href"]] if "href" in known else []
            self.cell.classes += known.get("class", "").split()

    def handle_endtag(self, tag: str) -> None:
        self.cell = None if tag in {"td", "th"} else self.cell

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.text += data


def tables(drawn: Illustration) -> dict[str, list[list[Drawn]]]:
    """Return the rows of each table by its id, the header first."""
    reader = _Reader()
    reader.feed(drawn.html)
    return reader.tables


def rows(drawn: Illustration, table: str) -> dict[str, list[Drawn]]:
    """Return a table's rows by the text of their first cell."""
    return {row[0].text: row for row in tables(drawn)[table][1:]}


def families(drawn: Illustration) -> dict[str, list[Drawn]]:
    """Return the columns of the families' table by the text of their heads."""
    _facts, *others = zip(*tables(drawn)["table-families"], strict=True)
    return {column[0].text: list(column) for column in others}


def numbers(model: str, values: dict[str, float], **changes: Any) -> list[StoredNumber]:
    """Return a published number of a model for each data set."""
    return [toy.number(model, dataset=name, value=value, **changes) for name, value in values.items()]


def released(model: str, **changes: Any) -> Any:
    """Return the card of a model with a checkpoint; its family is its own unless it is given."""
    return toy.model(model, **{"checkpoints": [{"url": "https://example.org"}], "family": model} | changes)


@pytest.fixture(scope="module")
def real() -> Store:
    """The records of this repository."""
    return load_valid(Path(__file__).parents[3] / "results")


@pytest.fixture(scope="module")
def known_boards(real: Store) -> dict[str, Board]:
    """The real boards by name."""
    return {board.name: board for board in boards(real)}


def row_of(board: Board, model: str) -> BoardRow:
    """Return a model's row of a board."""
    return next(row for row in board.rows if row.model == model)


def field_of(count: int, dataset: str = "toy-rooms") -> list[StoredNumber]:
    """Return the numbers of other models on a data set: 0.10, 0.11, and so on."""
    return [toy.number(f"toy-{index}", dataset=dataset, value=round(0.1 + index / 100, 2)) for index in range(count)]


def side_by_side(*found: StoredNumber, **card: Any) -> list[Drawn]:
    """Return the row of ZoeDepth in a store of some numbers and a card of it."""
    store = toy.store(found, models=[released(ZOE, family="zoedepth", **card)])
    return families(DRAWINGS["families"](store))["ZoeDepth"]


def matrix(store: Store, fit: Family = "metric") -> dict[str, list[Drawn]]:
    """Return the rows of a matrix."""
    return rows(DRAWINGS["generalisation"](store), f"table-generalisation-{fit}")


# ---------------------------------------------------------------------------------------------------------------------
# All of them


@pytest.mark.parametrize("name", DRAWINGS)
def test_small_store(name: str, tmp_path: Path) -> None:
    """Without the records it needs, a figure is one sentence; its name is known to pages."""
    drawn = DRAWINGS[name](load_valid(make.write_results(tmp_path)))
    assert drawn.html.count('<p class="nothing">') == 1
    assert "<table" not in drawn.html
    assert drawn.files == ()
    assert drawings()[name] is DRAWINGS[name]


@pytest.mark.parametrize("name", DRAWINGS)
def test_one_block(name: str, real: Store) -> None:
    """Markdown takes the real figure as one block; its tables have captions, scopes and boxes that scroll."""
    html = DRAWINGS[name](real).html
    assert html.startswith("<div")
    assert not re.search(r"\n\s*\n", html)
    count = html.count("<table")
    assert count == html.count("<caption") == html.count('<div class="board-scroll" role="region"') > 0
    heads = [cell for table in tables(DRAWINGS[name](real)).values() for cell in table[0]]
    assert {cell.attributes["scope"] for cell in heads} == {"col"}


@pytest.mark.parametrize("name", DRAWINGS)
def test_hostile_text(name: str) -> None:
    """A name with markup stays text."""
    name_of = "<b>Toy</b>"
    found = [number for room in ROOMS for number in (toy.number(ZOE, dataset=room), *field_of(5, room))]
    case = Disagreement.model_validate(make.DISAGREEMENT | {"models": [ZOE], "dataset": "rooms-a", "sources": []})
    cards = [toy.model(ZOE, family="zoedepth").model_copy(update={"name": name_of, "backbone": name_of})]
    rooms = [toy.dataset(room).model_copy(update={"name": name_of}) for room in ROOMS]
    store = toy.store(found, models=cards, datasets=rooms, disagreements={case.id: case})
    html = DRAWINGS[name](store).html
    assert "&lt;b&gt;Toy" in html
    assert "<b>" not in html


# ---------------------------------------------------------------------------------------------------------------------
# Side by side


def test_facts_are_the_cards(real: Store) -> None:
    """Each family's column has its checkpoint's own facts and nothing else."""
    found = families(DRAWINGS["families"](real))
    assert list(found) == [lineage.name for lineage in SIDE_BY_SIDE]
    for lineage, column in zip(SIDE_BY_SIDE, found.values(), strict=True):
        card = real.models[lineage.model]
        _name, checkpoint, architecture, _output, trained_on, loss, params, _speed, licence, *_standings = column
        assert card.family in lineage.families
        assert card.checkpoints
        assert card.training_loss is not None
        assert (checkpoint.text, checkpoint.links) == (card.name, [f"../models/{card.id}.html"])
        assert card.backbone in architecture.text
        assert loss.text == card.training_loss.text
        assert params.attributes["data-value"] == f"{card.params_m:g}"
        assert licence.text.startswith(card.licence_weights)
        for dataset in card.trained_on:
            assert real.datasets[dataset].name.split(" (")[0] in trained_on.text


@pytest.mark.parametrize("place", [STRONGEST, WEAKEST])
def test_ranks_are_the_boards(real: Store, known_boards: dict[str, Board], place: int) -> None:
    """Every rank, its number of models and its value stand on the linked board, where the model is zero-shot."""
    for lineage, row in zip(SIDE_BY_SIDE, families(DRAWINGS["families"](real)).values(), strict=True):
        found = re.fullmatch(r"\.\./datasets/([a-z0-9-]+)\.html#([a-z-]+)", row[place].links[0])
        assert found
        board = known_boards[f"{found[1]}/{found[2]}"]
        mine = row_of(board, lineage.model)
        ranked = sum(other.rank is not None for other in board.rows)
        cell = mine.cells[board.primary]
        assert f": {mine.rank} of {ranked} " in row[place].text
        assert f" {cell.shown}" in row[place].text
        assert cell.zero_shot == "yes"
        assert f"mark-{cell.kind}" in row[place].classes


def test_strongest_and_weakest() -> None:
    """By the share of other models that are better, not by the rank: 3 of 21 is stronger than 2 of 6."""
    small, large = field_of(5), field_of(20, "rooms-a")
    row = side_by_side(*small, *large, toy.number(ZOE, value=0.105), toy.number(ZOE, dataset="rooms-a", value=0.115))
    assert "Rooms-A, metric: 3 of 21" in row[STRONGEST].text
    assert "Toy-Rooms, metric: 2 of 6" in row[WEAKEST].text


def test_changed_number_changes_rank() -> None:
    """A better value on the weak data set, and it is the strong one."""
    others = [*field_of(5), *field_of(5, "rooms-a"), toy.number(ZOE, value=0.115)]
    before = side_by_side(*others, toy.number(ZOE, dataset="rooms-a", value=0.2))
    after = side_by_side(*others, toy.number(ZOE, dataset="rooms-a", value=0.05))
    assert "Rooms-A, metric: 6 of 6" in before[WEAKEST].text
    assert "Rooms-A, metric: 1 of 6" in after[STRONGEST].text


@pytest.mark.parametrize(
    "found",
    [
        [*field_of(3), toy.number(ZOE)],
        [*field_of(5), toy.number(ZOE, zero_shot="no")],
        [*field_of(5), toy.number(ZOE, zero_shot="unknown")],
        [*field_of(5), toy.number(ZOE, flag="suspect", flag_reason="a slip")],
        [toy.number(n.row.model, family="affine-unspecified", value=n.row.value) for n in field_of(5)]
        + [toy.number(ZOE, family="affine-unspecified")],
    ],
    ids=["too few models", "in-domain", "not stated", "suspect", "no ranking"],
)
def test_what_boards_do_not_rank(found: list[StoredNumber]) -> None:
    """No rank among few models, of a model that knows the data, of a suspect value, or where the fit is not known."""
    row = side_by_side(*found)
    assert (row[STRONGEST].text, row[WEAKEST].text) == ("–", "–")


def test_only_board_is_no_weakness() -> None:
    """What is said once is not said again from the other side."""
    row = side_by_side(*field_of(5), toy.number(ZOE))
    assert "1 of 6" in row[STRONGEST].text
    assert row[WEAKEST].text == "–"


def test_nothing_recorded() -> None:
    """A card without facts has dashes; nothing is filled in."""
    row = side_by_side()
    assert [row[index].text for index in (4, 5, 6, 7)] == ["–"] * 4


def test_training_data_by_way() -> None:
    """How a data set entered the training is told apart; what is named without evidence was trained on."""
    seen = [
        {"dataset": "a", "relation": "pretrained_on", "evidence": "x"},
        {"dataset": "a", "relation": "fine_tuned_on", "evidence": "x"},
        {"dataset": "b", "relation": "same_source", "evidence": "x"},
        {"dataset": "d", "relation": "same_source", "evidence": "not in the training"},
    ]
    row = side_by_side(trained_on=["a", "b", "c"], exposure=seen)
    assert row[4].text == "Pre-trained on a. Trained on c. Fine-tuned on a. Indirectly: b."


def test_speed_of_one_place() -> None:
    """Times of one device and size only: those that tell most families; the fastest checkpoint by its name."""
    cards = [
        released(ZOE, family="zoedepth"),
        released("zoe-small", family="zoedepth"),
        released(MARIGOLD, family="marigold"),
    ]
    slow, fast = ({"latency": {"p10_ms": ms, "median_ms": ms, "p90_ms": ms}} for ms in (90.0, 8.0))
    speeds = (
        toy.speed(ZOE, "toy-gpu", slow),
        toy.speed("zoe-small", "toy-gpu", fast),
        toy.speed(ZOE, "other-gpu", {"latency": {"p10_ms": 0.1, "median_ms": 0.1, "p90_ms": 0.1}}),
        toy.speed(MARIGOLD, "toy-gpu", slow),
    )
    drawn = DRAWINGS["families"](toy.store(models=cards, speeds=speeds))
    found = families(drawn)
    assert [row[7].text for row in found.values()] == ["8 Zoe-Small", f"90 {MARIGOLD.title()}"]
    assert "on Toy Gpu." in drawn.html


# ---------------------------------------------------------------------------------------------------------------------
# Domain generalisation


@pytest.mark.parametrize("fit", ["metric", "affine-depth", "affine-disparity"])
def test_cells_are_the_boards(real: Store, known_boards: dict[str, Board], fit: Family) -> None:
    """Every cell has the board's value, mark and zero-shot word and leads to its row."""
    shown = tables(DRAWINGS["generalisation"](real))[f"table-generalisation-{fit}"]
    cells = [cell for row in shown[1:] for cell in row[1:] if cell.text != "–"]
    assert len(cells) > 20
    for cell in cells:
        found = re.fullmatch(rf"\.\./datasets/([a-z0-9-]+)\.html#board-\1-{fit}-([a-z0-9-]+)", cell.links[0])
        assert found
        known = row_of(known_boards[f"{found[1]}/{fit}"], found[2]).cells["abs_rel"]
        assert re.fullmatch(rf"{re.escape(known.shown)}[a-z,]* .+", cell.text)  # letters are footnotes
        assert {f"mark-{known.kind}", f"zs-{known.zero_shot}"} <= set(cell.classes)
        word = {"yes": "zero-shot", "no": "in-domain", "unknown": "not stated"}[known.zero_shot]
        assert word in cell.text


def test_no_value_is_missing(real: Store) -> None:
    """A table has a value for each data set on which a shown model has a published one of that fit, else a dash."""
    for table, shown in tables(DRAWINGS["generalisation"](real)).items():
        fit = table.removeprefix("table-generalisation-")
        models = {row[0].links[0].removeprefix("../models/").removesuffix(".html") for row in shown[1:]}
        filled = sum(cell.text != "–" for row in shown[1:] for cell in row[1:])
        held = {
            (number.row.model, number.row.dataset)
            for number in real.numbers
            if (number.row.family, number.row.metric) == (fit, "abs_rel") and number.row.model in models
        }
        assert filled == len({pair for pair in held if real.datasets[pair[1]].kind == "dataset"})


def test_changed_number_changes_cell() -> None:
    """The cell is the record's."""
    for value in (0.07, 0.08):
        store = toy.store(numbers(ZOE, {"rooms-a": value}), models=[released(ZOE, family="zoedepth")])
        assert matrix(store)[ZOE.title()][1].text == f"{value} zero-shot"


def test_authors_own_and_range() -> None:
    """The authors' own value, below it the range, as on the board; nothing is marked as the best."""
    others = [
        *numbers(ZOE, {"rooms-a": 0.09}),
        *numbers(ZOE, {"rooms-a": 0.05}, kind="re-run", line=3),
        *numbers("toy-b", {"rooms-a": 0.2}),
    ]
    (row,) = matrix(toy.store(others, models=[released(ZOE, family="zoedepth")])).values()
    assert row[1].text == "0.09 zero-shot 0.05–0.09"
    assert row[1].attributes["class"] == "num"


def test_measured_stays_out() -> None:
    """A run of this project is in no cell of published numbers."""
    card, runs = released(ZOE, family="zoedepth"), [toy.run(ZOE, [0.01])]
    assert "<table" not in DRAWINGS["generalisation"](toy.store(models=[card], runs=runs)).html
    drawn = DRAWINGS["generalisation"](toy.store(numbers(ZOE, {"toy-rooms": 0.5}), models=[card], runs=runs))
    assert "0.01" not in drawn.html


def test_fits_stay_apart() -> None:
    """Two fits of one model and data set are two tables; one without a known fit is none."""
    store = toy.store(
        [
            *numbers(ZOE, {"rooms-a": 0.1}),
            *numbers(ZOE, {"rooms-a": 0.05}, family="affine-depth"),
            *numbers(ZOE, {"rooms-b": 0.01}, family="affine-unspecified"),
        ],
        models=[released(ZOE, family="zoedepth")],
    )
    found = tables(DRAWINGS["generalisation"](store))
    assert list(found) == ["table-generalisation-metric", "table-generalisation-affine-depth"]
    assert [table[1][1].text.split()[0] for table in found.values()] == ["0.1", "0.05"]


def test_suspect_is_struck() -> None:
    """A suspect value is shown as such with its reason; alone it does not make a column."""
    suspect = {"flag": "suspect", "flag_reason": "a slip of the pen"}
    found = [*numbers(ZOE, {"rooms-a": 0.1}), *numbers(MIDAS, {"rooms-a": 0.9, "rooms-b": 0.9}, **suspect)]
    found += numbers(MIDAS, {"rooms-c": 0.3})
    cards = [released(ZOE, family="zoedepth"), released(MIDAS, family="dpt")]
    drawn = DRAWINGS["generalisation"](toy.store(found, models=cards))
    head, midas, _zoe = tables(drawn)["table-generalisation-metric"]
    assert [cell.text.strip() for cell in head] == ["Model", "Rooms-A", "Rooms-C"]
    assert "suspect" in midas[1].attributes["class"]
    assert drawn.html.count("a slip of the pen") == 2  # the letter's tooltip and the footnote


def test_peers() -> None:
    """Of other families the released model with most values, if these are enough; none beside a standing checkpoint."""
    full, less = dict.fromkeys(ROOMS, 0.1), dict.fromkeys(ROOMS[:4], 0.1)
    held = {ZOE: less, "zoe-other": full, "peer-a": full, "peer-b": full, "few": less, "unreleased": full}
    cards = [
        released(ZOE, family="zoedepth"),
        released("zoe-other", family="zoedepth"),
        released("peer-a", family="peer", params_m=10),
        released("peer-b", family="peer", params_m=20),
        released("few"),
    ]
    found = [number for model, values in held.items() for number in numbers(model, values)]
    assert list(matrix(toy.store(found, models=cards))) == [ZOE.title(), "Peer-B"]
    without = [number for number in found if number.row.model != ZOE]
    assert list(matrix(toy.store(without, models=cards))) == ["Zoe-Other", "Peer-B"]


def test_columns_by_scene() -> None:
    """Indoor, outdoor, then the others; within these by name."""
    scenes = {"rooms-a": "outdoor", "rooms-b": None, "rooms-c": "indoor", "rooms-d": "mixed", "rooms-e": "indoor"}
    datasets = [toy.dataset(name, scene=scene) for name, scene in scenes.items()]
    store = toy.store(
        numbers(ZOE, dict.fromkeys(scenes, 0.1)), models=[released(ZOE, family="zoedepth")], datasets=datasets
    )
    head = tables(DRAWINGS["generalisation"](store))["table-generalisation-metric"][0]
    assert [cell.text.split()[0] for cell in head[1:]] == ["Rooms-C", "Rooms-E", "Rooms-A", "Rooms-D", "Rooms-B"]


# ---------------------------------------------------------------------------------------------------------------------
# One checkpoint


def said(label: str, printed: str, **changes: Any) -> dict[str, Any]:
    """A value of a case."""
    return {"label": label, "value": float(printed), "value_as_printed": printed, "role": "re-run", **changes}


def cases(*found: dict[str, Any]) -> dict[str, Disagreement]:
    """Return cases of toy-a on toy-rooms, numbered."""
    made = [
        Disagreement.model_validate(
            {**make.DISAGREEMENT, "models": ["toy-a"], "id": f"case-{n}", "number": n, "title": f"Case {n}", **changes}
        )
        for n, changes in enumerate(found, start=1)
    ]
    return {case.id: case for case in made}


def checkpoint(*found: dict[str, Any]) -> dict[str, list[Drawn]]:
    """Return the table of a store of these cases."""
    models = [toy.model("toy-a"), toy.model("toy-b")]
    store = toy.store([toy.number("toy-a", value=0.05)], models=models, disagreements=cases(*found))
    return rows(DRAWINGS["one-checkpoint"](store), "table-one-checkpoint")


OWN = said("own paper", "0.05", role="paper", source="toy-paper")


def test_values_are_the_records(real: Store) -> None:
    """Every value with a link to a number is that number; its ratio is to the authors' own; its case is linked."""
    drawn = DRAWINGS["one-checkpoint"](real)
    by_place = {f"../sources/{n.source}.html#n{n.line}": n for n in real.numbers}
    found = list(rows(drawn, "table-one-checkpoint").values())
    linked = [(row, by_place[row[1].links[0]]) for row in found if row[1].links]
    assert len(linked) >= 5
    assert len({(n.row.model, n.row.dataset, n.row.metric) for _row, n in linked}) == 1
    origin = linked[0][1].row.value
    assert linked[0][1].row.kind == "reported"
    for row, number in linked:
        assert row[1].attributes["data-value"] == f"{number.row.value:g}"
        assert row[2].text == f"{number.row.value / origin:.2f}×"
        assert row[4].text == number.row.protocol_note
        assert row[0].links[0].removeprefix("../disagreements.html#") in real.disagreements


def test_most_explained_cases_win() -> None:
    """Two explained cases before three that nobody explains."""
    of_b = {"models": ["toy-b"], "values": [said("b", "0.1"), said("c", "0.3")], "explained": False}
    of_a = [{"values": [OWN, said("x", "0.1")]}, {"values": [OWN, said("y", "0.2")]}]
    assert list(checkpoint(of_b, of_b, of_b, *of_a)) == ["own paper", "x", "y"]
    assert list(checkpoint(*(case | {"explained": True} for case in (of_b, of_b, of_b)), *of_a)) == ["b", "c"]


def test_each_number_once() -> None:
    """A number that two cases cite stands once, as the first puts it; the authors' own is first, then by value."""
    again = OWN | {"label": "the paper"}
    found = checkpoint({"values": [said("far", "0.2"), OWN]}, {"values": [again, said("near", "0.06")]})
    assert list(found) == ["own paper", "near", "far"]
    assert [row[2].text for row in found.values()] == ["1.00×", "1.20×", "4.00×"]
    assert found["near"][0].links == ["../disagreements.html#case-2"]


def test_other_subjects_stay_out() -> None:
    """Another metric, another setting, another data set or a model that is not named for sure is no value of it."""
    strangers = [
        said("metric", "0.9", metric="delta1"),
        said("ten images", "0.07", setting="10 images"),
        said("elsewhere", "0.08", dataset="other-rooms"),
        said("size not stated", "0.09", model="toy-b"),
    ]
    assert list(checkpoint({"values": [OWN, said("x", "0.1"), *strangers]})) == ["own paper", "x"]


def test_one_value_is_no_example() -> None:
    """Equal values do not disagree."""
    store = toy.store(
        models=[toy.model("toy-a")],
        datasets=[toy.dataset()],
        disagreements=cases({"values": [said("x", "0.1"), said("y", "0.10")]}),
    )
    assert '<p class="nothing">' in DRAWINGS["one-checkpoint"](store).html


def test_reasons_and_chart() -> None:
    """What differs is told case by case, unexplained ones marked; the chart's file comes along."""
    found = cases(
        {"values": [OWN, said("x", "0.1")], "differs": "The mask.", "notes": ["Seen twice."]},
        {"values": [OWN, said("y", "0.2")], "differs": "Not stated.", "explained": False},
    )
    drawn = DRAWINGS["one-checkpoint"](toy.store([toy.number("toy-a", value=0.05)], disagreements=found))
    assert '<a href="../disagreements.html#case-1">Case 1</a>: The mask. Seen twice.</li>' in drawn.html
    assert re.search(r"Not stated\. <span class=\"badge badge-warn\">not explained</span></li>", drawn.html)
    (file,) = drawn.files
    assert f'data-spec="../{file.path}"' in drawn.html
    assert '"value":0.2' in str(file.content)
