"""Charts: valid specifications, deterministic drawings that follow the palette, honest frames only."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import altair as alt
import pandas as pd
import pytest

from sitegen import charts
from sitegen.stage import ASSETS

SVG = "{http://www.w3.org/2000/svg}"
WORDS = {"title": "What <to> see", "alt_text": "Three models & their errors."}


def parsed(svg: str) -> ET.Element:
    """Return the SVG's root element."""
    return ET.fromstring(svg)  # noqa: S314 - drawn here


def board(**columns: object) -> pd.DataFrame:
    """Return a board's frame of three invented models."""
    frame = {
        "label": ["Alpha", "Beta", "Gamma"],
        "value": [0.05, 0.06, 0.09],
        "low": [0.05, 0.05, 0.09],
        "high": [0.05, 0.08, 0.09],
        "kind": ["reported", "re-run", "copied"],
        "zero_shot": ["yes", "no", "unknown"],
        "suspect": [False, False, True],
        "text": ["0.050", "0.060", "0.090"],
    }
    return pd.DataFrame({**frame, **columns})


BOARD = board


def ranked(**columns: object) -> charts.Chart:
    """Return the board drawn."""
    return charts.ranked_dots(board(**columns), metric="AbsRel ↓", **WORDS)


def cloud() -> pd.DataFrame:
    """Return costs and qualities where Alpha and Gamma are on the frontier and Beta is beaten by Alpha."""
    return board().assign(x=[10.0, 20.0, 300.0], y=[0.08, 0.09, 0.05])


EVERY_KIND: dict[str, Callable[[], charts.Chart]] = {
    "ranked_dots": ranked,
    "dumbbell": lambda: charts.dumbbell(board(), metric="AbsRel ↓", **WORDS),
    "protocols": lambda: charts.protocol_dots(board(), origin="Beta", metric="AbsRel ↓", **WORDS),
    "overview": lambda: charts.disagreement_overview(board().assign(ratio=[3.2, 1.5, 1.1]), **WORDS),
    "range": lambda: charts.range_vs_reruns(
        board().rename(columns={"label": "board"}).assign(source="paper"), metric="AbsRel ↓", **WORDS
    ),
    "costs": lambda: charts.cost_plane(cloud(), x_label="parameters (M)", y_label="ms ↓", note="all alike", **WORDS),
    "pareto": lambda: charts.pareto(cloud(), x_label="parameters (millions)", y_label="AbsRel ↓", **WORDS),
    "trend": lambda: charts.year_trend(cloud().assign(x=[2019, 2021, 2024]), y_label="AbsRel ↓", **WORDS),
}


@pytest.fixture(params=EVERY_KIND)
def chart(request: pytest.FixtureRequest) -> charts.Chart:
    """One chart of each kind."""
    return EVERY_KIND[request.param]()


def test_specification_is_valid_vega_lite(chart: charts.Chart) -> None:
    """Each specification passes Vega-Lite's schema, which the fast path does not ask."""
    assert alt.LayerChart.from_dict(json.loads(chart.json)).to_dict()["layer"]


def test_svg_is_well_formed_named_and_without_faces_of_its_own(chart: charts.Chart) -> None:
    """The SVG parses, has a title and a description, real text, no background and no font of its own."""
    root = parsed(chart.svg)
    names = [root.find(f"{SVG}title"), root.find(f"{SVG}desc")]
    assert [name.text for name in names if name is not None] == list(WORDS.values())
    assert root.get("aria-labelledby") == " ".join(name.get("id", "") for name in names if name is not None)
    assert root.findall(f".//{SVG}text")
    assert {element.get("font-family") for element in root.iter()} == {None, "system-ui, sans-serif"}
    assert not re.search(r"https?://(?!www\.w3\.org/)", chart.svg)


def test_every_colour_follows_the_palette(chart: charts.Chart) -> None:
    """No colour of the SVG stands fixed: each is a custom property with the light value behind it."""
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', chart.svg)) - {"none", "transparent"}
    assert colours
    assert all(re.fullmatch(r"var\(--fathom-[a-z-]+, #[0-9a-f]{6}\)", colour) for colour in colours)


def test_same_input_gives_the_same_bytes() -> None:
    """A chart drawn twice is the same text, specification and drawing, whatever was drawn between."""
    first = ranked()
    EVERY_KIND["pareto"]()
    second = ranked()
    assert (first.json, first.svg) == (second.json, second.svg)


def test_two_charts_share_no_id() -> None:
    """The ids of two charts differ, so that they can stand on one page."""
    ids = [set(re.findall(r'\bid="([^"]+)"', EVERY_KIND[name]().svg)) for name in ("pareto", "trend")]
    assert all(ids)
    assert not ids[0] & ids[1]


def test_colours_are_those_of_the_style_sheet() -> None:
    """The light palette here and in fathom.css are the same, and each colour stands for one name only."""
    sheet = (ASSETS / "fathom.css").read_text("utf-8")
    light = sheet[: sheet.index('[data-md-color-scheme="slate"]')]
    defined = dict(re.findall(r"--fathom-([a-z-]+): (#[0-9a-f]{6});", light))
    assert {name: defined[name] for name in charts.COLOURS} == charts.COLOURS
    assert len(set(charts.COLOURS.values())) == len(charts.COLOURS)


def test_cache_keeps_the_drawing(tmp_path: Path) -> None:
    """With a cache the second drawing comes from the file of the first and is equal to a fresh one."""
    fresh = ranked()
    charts.use_cache(tmp_path)
    try:
        kept = [ranked().svg, ranked().svg]
    finally:
        charts.use_cache(None)
    assert kept == [fresh.svg, fresh.svg]
    assert len(list(tmp_path.iterdir())) == 1


def test_rows_beyond_the_most_are_named_in_the_note() -> None:
    """A long board is cut to its first rows and says so; a short one says nothing."""
    chart = charts.ranked_dots(board(), metric="AbsRel ↓", most=2, **WORDS)
    assert chart.note == "The first 2 of 3 rows; the table has all of them."
    assert "Gamma" not in chart.svg
    assert ranked().note == ""


@pytest.mark.parametrize("name", ["ranked_dots", "dumbbell", "overview", "range"])
def test_rows_stand_in_the_frames_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a chart are those of the frame from top to bottom, whatever their names."""
    names = ["Zeta", "Alpha", "Mu"]
    monkeypatch.setitem(globals(), "board", lambda: BOARD().assign(label=names))
    texts = parsed(EVERY_KIND[name]().svg).iter(f"{SVG}text")
    heights = {text.text: _height(text) for text in texts if text.text in names}
    assert sorted(heights, key=heights.__getitem__) == names


def _height(text: ET.Element) -> float:
    match = re.search(r"translate\([^,]+,([\d.]+)\)", text.get("transform", ""))
    assert match
    return float(match.group(1))


def test_legend_names_what_occurs() -> None:
    """The chart says which provenance marks occur and whether some are faded."""
    assert ranked().kinds == ("re-run", "reported", "copied")
    assert ranked().faded
    assert not ranked(zero_shot="yes").faded


def test_suspect_is_crossed() -> None:
    """Only a chart with a suspect value draws in the warning colour."""
    assert "--fathom-warn" in ranked().svg
    assert "--fathom-warn" not in ranked(suspect=False).svg


@pytest.mark.parametrize(("direction", "named"), [("lower", {"Alpha", "Gamma"}), ("higher", {"Alpha", "Beta"})])
def test_frontier(direction: charts.Direction, named: set[str]) -> None:
    """The names on a Pareto chart are those that no cheaper or equal one beats, in either direction of better."""
    chart = charts.pareto(cloud(), x_label="MB", y_label="quality", direction=direction, **WORDS)
    texts = {element.text for element in parsed(chart.svg).iter(f"{SVG}text")}
    assert texts & {"Alpha", "Beta", "Gamma"} == named


def test_bad_frames_are_refused_with_a_sentence() -> None:
    """Missing columns, no rows, rows with one label and unknown kinds are each named."""
    with pytest.raises(ValueError, match=r"lacks the columns suspect, text"):
        charts.ranked_dots(board().drop(columns=["suspect", "text"]), metric="m", **WORDS)
    with pytest.raises(ValueError, match="no rows"):
        charts.ranked_dots(board().head(0), metric="m", **WORDS)
    with pytest.raises(ValueError, match=r"twice: Alpha\."):
        ranked(label=["Alpha", "Alpha", "Beta"])
    with pytest.raises(ValueError, match="Unknown kinds of number: guessed"):
        ranked(kind=["guessed", "copied", "copied"])


def test_hostile_labels_stay_text() -> None:
    """Markup in a label, a title or an alternative text is shown as text."""
    evil = "</svg><script>alert(1)</script>"
    frame = board(label=[evil, "b", "c"])
    chart = charts.ranked_dots(frame, metric="m", title=evil, alt_text=evil)
    markup = charts.figure(chart, '"><script>')
    assert "<script" not in markup.lower()
    assert parsed(chart.svg).findtext(f"{SVG}title") == evil


def test_figure_is_complete_without_javascript() -> None:
    """The figure holds title, drawing, note and legend; the button that needs JavaScript is hidden."""
    markup = charts.figure(ranked(), "../data/chart.json")
    assert 'data-spec="../data/chart.json"' in markup
    assert "What &lt;to&gt; see" in markup
    assert "<svg" in markup
    assert "faded: trained on this data set" in markup
    assert re.search(r"<button [^>]*\bhidden\b", markup)


def test_protocols_are_measured_from_the_one_that_is_named() -> None:
    """Every row starts at the value of the named protocol wherever it stands; a name that is not there is refused."""
    chart = charts.protocol_dots(board(), origin="Beta", metric="AbsRel ↓", **WORDS)
    rows = chart.spec["datasets"]["rows"]
    assert {row["first"] for row in rows} == {0.06}
    assert [row["label"] for row in rows if row["own"]] == ["Beta"]
    with pytest.raises(ValueError, match="No row has the label 'Delta'"):
        charts.protocol_dots(board(), origin="Delta", metric="AbsRel ↓", **WORDS)
