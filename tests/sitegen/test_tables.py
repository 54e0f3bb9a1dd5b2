"""One table, five outputs that agree; digits as printed; nothing in a cell gets out of it."""

import csv
import io
import json
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitegen.tables import (
    Badge,
    Cell,
    Column,
    Facet,
    Footnotes,
    Row,
    Table,
    displayed,
    footnote_label,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "tables"
HOSTILE = "<img src=x onerror=alert(1)>\"'`|=1+1 [x](javascript:alert(1)) \\input{x} %$&#_^~{}"


class Reader(HTMLParser):
    """Reads HTML into its tags with attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.text += data


def small_table() -> Table:
    """A table with every feature: ties, marks, ranges, a suspect value, footnotes, badges, an optional column."""
    columns = (
        Column("rank", "#", "rank"),
        Column("model", "Model", "model", extras=("model_id",)),
        Column("abs_rel", "AbsRel", "number", arrow="↓", meaning="Mean error.", extras=("abs_rel_printed",)),
        Column("delta1", "δ₁", "number", arrow="↑", unit="%", descending=True, footnotes=(0,)),
        Column("source", "Source", "source", optional=True),
    )
    best = Cell(
        "0.0510",
        0.051,
        href="sources/toy-paper.html#n2",
        hint="Toy, Table 1: 5.10",
        mark="reported",
        emphasis="best",
        range="0.0510–0.06",
        footnotes=(1,),
        extras={"abs_rel_printed": "5.10"},
    )
    suspect = Cell("0.5", 0.5, suspect=True, mark="copied", footnotes=(2, 1), extras={"abs_rel_printed": "=0.5"})
    toy = Cell("Toy A", "Toy A", href="models/toy-a.html", zero_shot="no", extras={"model_id": "toy-a"})
    other = Cell("Toy_B", "Toy_B", zero_shot="unknown", badges=(Badge("baseline"),), extras={"model_id": "toy-b"})
    rows = (
        Row("toy-a", (Cell("1", 1, tie=True), toy, best, Cell("90", 90.0, emphasis="second", mark="re-run"), Cell())),
        Row("toy-b", (Cell(), other, suspect, Cell("91.0", 91.25, delta="+0.1"), Cell("toy-paper")), {"zs": "unknown"}),
    )
    return Table(
        id="board-toy-rooms-metric",
        title="Toy Rooms: metric",
        description="Made up for a test.",
        columns=columns,
        rows=rows,
        footnotes=("Two definitions.", "Caution: a reason", "Suspect: another reason"),
        filters=(Facet("zs", "Zero-shot", (("unknown", "not stated"), ("yes", "zero-shot"))),),
        date="2026-11-22",
        data={"dataset": "toy-rooms"},
    )


@pytest.mark.parametrize("name", ["table.html", "table.md", "table.csv", "table.json", "table.tex"])
def test_golden(name: str) -> None:
    """Each output is, to the byte, the one that was looked at and kept."""
    table = small_table()
    outputs = {
        "table.html": table.to_html("../", filters=True) + "\n",
        "table.md": table.to_markdown(),
        "table.csv": table.to_csv(),
        "table.json": table.to_json(),
        "table.tex": table.to_latex(),
    }
    assert outputs[name] == (GOLDEN / name).read_text("utf-8")


def test_outputs_agree() -> None:
    """The shown values of HTML, Markdown, LaTeX and JSON are the same, and CSV has the same numbers."""
    table = small_table()
    shown = [cell.text for row in table.rows for cell in row.cells if cell.text]
    html, json_text = Reader(table.to_html()).text, table.to_json()
    for text in shown:
        assert text in html
        assert f'"text": "{text}"' in json_text
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert rows[0]["abs_rel"] == "0.0510"
    assert rows[1]["delta1"] == "91.25"  # shown as 91.0: programs get the number in full


def test_suspect_is_kept_from_programs() -> None:
    """A suspect value is struck through, sorts last, and is no number of the CSV, but is not hidden."""
    table = small_table()
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert rows[1]["abs_rel"] == ""
    assert rows[1]["abs_rel_printed"] == "'=0.5"
    assert r"\sout{0.5}" in table.to_latex()
    assert "~~0.5~~" in table.to_markdown()
    cell = re.search(r'<td class="num suspect"[^>]*>', table.to_html())
    assert cell is not None
    assert "data-value" not in cell.group(0)


def test_licence_and_date_everywhere() -> None:
    """Every output with room for it says what it is, of when, and under which licence."""
    table = small_table()
    for text in (table.to_markdown(), table.to_latex(), table.to_json()):
        assert "CC BY 4.0" in text
        assert "2026-11-22" in text
        assert "Toy Rooms: metric" in text
        assert "Made up for a test." in text


def hostile_table() -> Table:
    """A table whose every text tries to be more than text."""
    columns = (
        Column("rank", HOSTILE, "rank", meaning=HOSTILE, footnotes=(0,)),
        Column("model", HOSTILE, "model"),
        Column("x", HOSTILE, "number", arrow="↓", unit=HOSTILE),
        Column("text", HOSTILE, "text"),
    )
    number = Cell(HOSTILE, 1.0, href='sources/a".html', hint=HOSTILE, range=HOSTILE, delta=HOSTILE, footnotes=(0,))
    cells = (Cell(HOSTILE, 1), Cell(HOSTILE, badges=(Badge(HOSTILE),), zero_shot="no"), number, Cell(HOSTILE))
    facet = Facet("zs", HOSTILE, ((HOSTILE, HOSTILE),))
    return Table(
        id="board-x",
        title=HOSTILE,
        description=HOSTILE,
        columns=columns,
        rows=(Row("a", cells, {"zs": HOSTILE}),),
        footnotes=(HOSTILE,),
        filters=(facet,),
        date=HOSTILE,
    )


def test_hostile_html() -> None:
    """No text becomes a tag, an attribute or a script address."""
    tags = Reader(hostile_table().to_html(filters=True)).tags
    assert {tag for tag, _attributes in tags}.isdisjoint({"img", "script"})
    assert not any(name.startswith("on") for _tag, attributes in tags for name in attributes)
    links = [attributes["href"] for _tag, attributes in tags if "href" in attributes]
    assert all(link.startswith(("#", "sources/")) for link in links)


def test_hostile_text_formats() -> None:
    """Markdown keeps its columns, LaTeX has no command of a name's, CSV runs nothing, JSON gives the text back."""
    table = hostile_table()
    rows = [line for line in table.to_markdown().splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert "<img" not in table.to_markdown().replace("\\<img", "")
    body = [line for line in table.to_latex().splitlines() if not line.startswith("%")]
    assert not any(r"\input" in line or "<" in line.replace(r"\ensuremath{<}", "") for line in body)
    assert json.loads(table.to_json())["title"] == HOSTILE
    for row in csv.reader(io.StringIO(table.to_csv())):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


@pytest.mark.parametrize("href", ["javascript:alert(1)", "//evil.example", "data:text/html,x", "/etc", "JAVASCRIPT:x"])
def test_bad_links_are_refused(href: str) -> None:
    """A cell leads into the site or to http(s), nowhere else."""
    with pytest.raises(ValueError, match="may link"):
        Cell("x", href=href)
    with pytest.raises(ValueError, match="may link"):
        Cell("x", range_href=href)
    with pytest.raises(ValueError, match="may link"):
        Cell("x", why_href=href)


def test_bad_names_are_refused() -> None:
    """What stands in an id or an attribute's name cannot break out of it."""
    with pytest.raises(ValueError, match="attribute's name"):
        Row("a", (), {'x onclick="': "1"})
    with pytest.raises(ValueError, match="attribute's name"):
        Row('a" onclick="x', ())
    with pytest.raises(ValueError, match="attribute's name"):
        Facet("a b", "", ())


def test_rows_must_fit() -> None:
    """A row with a cell too few is a fault, not a shifted table."""
    with pytest.raises(ValueError, match="row 'a' has 0 cells for 1 columns"):
        Table("t", "", "", (Column("a", "A", "text"),), (Row("a", ()),))


def test_a_foot_follows_the_rows_everywhere_but_in_csv() -> None:
    """The foot is no row of the body, which sorting moves, and no line of the CSV, which programs read as data."""
    table = small_table()
    foot = tuple(Cell(f"foot {column.key}") for column in table.columns)
    footed = replace(table, foot=foot)
    body, after = footed.to_html().split("</tbody>")
    assert "foot abs_rel" not in body
    assert after.index("<tfoot>") < after.index("foot abs_rel") < after.index("</tfoot>")
    assert "foot abs\\_rel" in footed.to_markdown().splitlines()[4 + len(table.rows) + 2]
    assert json.loads(footed.to_json())["foot"]["abs_rel"]["text"] == "foot abs_rel"
    assert r"\midrule" in footed.to_latex().split(r"\midrule", 1)[1]
    assert footed.to_csv() == table.to_csv()
    with pytest.raises(ValueError, match="the foot has 1 cells"):
        replace(table, foot=foot[:1])


def test_links_are_relative_to_the_page() -> None:
    """Links into the site get the way to its root; addresses outside stay."""
    assert Cell("x", href="models/a.html").link("../../") == "../../models/a.html"
    assert Cell("x", href="https://example.org/a").link("../") == "https://example.org/a"
    assert Cell("x").link("../") == ""


def test_markers_lead_to_their_notes() -> None:
    """Every footnote marker links to a note that exists, and every note is used."""
    tags = Reader(small_table().to_html()).tags
    ids = {attributes["id"] for _tag, attributes in tags if "id" in attributes}
    targets = {a["href"][1:] for tag, a in tags if tag == "a" and a["href"].startswith("#")}
    assert targets == {name for name in ids if "-note-" in name}
    assert len(ids) == sum("id" in attributes for _tag, attributes in tags)


def test_table_is_accessible() -> None:
    """Header cells have a scope, the caption names the scrolling region, marks have words."""
    tags = Reader(small_table().to_html()).tags
    assert all(attributes.get("scope") in {"col", "row"} for tag, attributes in tags if tag == "th")
    region = next(attributes for _tag, attributes in tags if attributes.get("role") == "region")
    caption = next(attributes for tag, attributes in tags if tag == "caption")
    assert region["aria-labelledby"] == caption["id"]
    marks = [attributes for _tag, attributes in tags if attributes.get("class", "").startswith("mark ")]
    assert marks
    assert all(mark["aria-label"] and mark["role"] == "img" for mark in marks)


def test_footnotes_in_reading_order() -> None:
    """A text gets one letter, in the order of first use; letters go on after z."""
    notes = Footnotes()
    assert [notes.add("x"), notes.add("y"), notes.add("x")] == [0, 1, 0]
    assert notes.texts == ("x", "y")
    assert [footnote_label(index) for index in (0, 25, 26, 27, 701, 702)] == ["a", "z", "aa", "ab", "zz", "aaa"]


def test_footnotes_of_another_table() -> None:
    """A cell that moves to another table takes its footnotes along, numbered as there; other cells are not changed."""
    notes = Footnotes()
    notes.add("first here")
    moved = notes.adopted(Cell("0.1", 0.1, footnotes=(1, 0)), ("there a", "first here"))
    assert moved == Cell("0.1", 0.1, footnotes=(0, 1))
    assert notes.texts == ("first here", "there a")
    assert notes.adopted(Cell(), ()) == Cell()


@pytest.mark.parametrize(
    ("value", "printed", "shown"),
    [
        (0.0408, "4.08", "0.0408"),
        (0.051, "0.0510", "0.0510"),
        (0.955, "95.5", "0.955"),
        (0.1, "10.0", "0.100"),
        (1.0, "100", "1.00"),
        (345.0, "345M", "345"),
        (1300.0, "1.3B", "1300"),
        (568.0, "0.568 s/image", "568"),
        (790.0, "~0.79s", "790"),
        (43.865, "43.8647", "43.865"),
        (8.71, "8.71", "8.71"),
        (2.0, "two", "2"),
        (0.0, "0.00", "0.00"),
        (1e-7, "x", "0.0000001"),
    ],
)
def test_displayed(value: float, printed: str, shown: str) -> None:
    """The digits are the source's, in the unit of the stored value; else the value's own."""
    assert displayed(value, printed) == shown


@settings(max_examples=60, deadline=None)
@given(st.decimals(min_value=0, max_value=1000, places=4), st.integers(0, 4), st.sampled_from([0, -2]))
def test_displayed_is_the_value(number: Decimal, places: int, shift: int) -> None:
    """What is shown is always exactly the stored value, with as many significant places as were printed."""
    printed = round(number, places)
    value = float(printed.scaleb(shift))
    shown = displayed(value, f"{printed:f}")
    assert float(shown) == value
    if value and shift:
        assert len(shown.partition(".")[2]) == places - shift
    elif value:
        assert shown == f"{printed:f}"


@settings(max_examples=60, deadline=None)
@given(st.floats(min_value=0, allow_infinity=False), st.text(max_size=10))
def test_displayed_never_lies(value: float, printed: str) -> None:
    """Whatever was printed, the shown text reads back as the stored value."""
    assert float(displayed(value, printed)) == value
