"""Charts: one Vega-Lite specification each, drawn as an SVG for the page and published as JSON to be opened there.

A chart takes a tidy frame and knows nothing of records. It is drawn in the light palette's colours; the SVG then refers
to the style sheet's custom properties instead, and the specification lists its colours in ``usermeta.colours``, so that
both follow the reader's palette.
"""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import altair as alt
import pandas as pd
import vl_convert
from altair.utils.schemapi import debug_mode

from sitegen import words
from sitegen.stage import write_if_changed
from sitegen.text import _, number_locale, numeral

__all__ = [
    "COLOURS",
    "KINDS",
    "TITLE_ABOVE",
    "Chart",
    "cost_plane",
    "disagreement_overview",
    "dumbbell",
    "figure",
    "operable",
    "pareto",
    "protocol_dots",
    "range_vs_reruns",
    "ranked_dots",
    "text_width",
    "use_cache",
    "year_trend",
]

# The light palette of assets/fathom.css (a test holds the two together). Each colour is unique: it stands for its name.
COLOURS = {
    "ink": "#1b2225",
    "soft": "#4f5a5e",
    "rule": "#d8d4c8",
    "strong-rule": "#5d676a",
    "paper": "#fdfcf8",
    "accent": "#0b5b62",
    "measured": "#0b5c63",
    "re-run": "#a34a08",
    "reported": "#3d4b94",
    "copied": "#666d74",
    "unclear": "#7d6114",
    "warn": "#a0261e",
}
KINDS = ("measured", "re-run", "reported", "copied", "unclear")
_TOTAL_WIDTH = 780
_SCATTER_WIDTH = 700
_HEIGHT = 340
_ROW = 22
_MOST_ROWS = 25
_LONGEST_LABEL = 52
# Text is measured with this face when the chart is laid out; the page shows its own system font.
_FONT = "Liberation Sans, Arial, sans-serif"
_SIZE = 12
_HALF_DISC = "M0,-1A1,1,0,0,0,0,1Z"
_CROSS = "M-1.2,-1.2L1.2,1.2M1.2,-1.2L-1.2,1.2"
_DOT = 75
Direction = Literal["lower", "higher"]
# Channels are given as objects and never as strings: Altair needs 10 ms to find the class of a string.
# Checking each part against the schema is a third of the time; the tests check every kind of chart as a whole.
_DRAWN_BY = version("vl-convert-python")
TITLE_ABOVE: dict[str, Any] = {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleY": -12, "titleX": 0}
"""Of a vertical axis: its title stands above it."""
_unvalidated = debug_mode(False)
_cache_dir: Path | None = None


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        spec: Vega-Lite specification with its data, in the light palette's colours.
        svg: The same chart as an ``<svg>`` element without background, in the style sheet's custom properties.
        title: Plain text: what to see.
        alt: Plain text: what the drawing says, for those who do not see it.
        note: Plain text under the chart, may be empty.
        kinds: The provenance marks that occur, for the legend.
        faded: Whether some marks are faded (trained on the data set).
    """

    spec: dict[str, Any]
    svg: str
    title: str
    alt: str
    note: str = ""
    kinds: tuple[str, ...] = ()
    faded: bool = False

    @property
    def json(self) -> str:
        """The specification as deterministic JSON text."""
        return json.dumps(self.spec, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def use_cache(folder: Path | None) -> None:
    """Keep drawn SVGs in a folder, named by the digest of their specification; None draws each anew (about 30 ms)."""
    global _cache_dir
    _cache_dir = folder


@_unvalidated
def ranked_dots(
    frame: pd.DataFrame, *, metric: str, title: str, alt_text: str, log: bool = False, most: int = _MOST_ROWS
) -> Chart:
    """Draw a board: a row a model, a dot at its headline value, a line over all values published for it.

    Args:
        frame: Rows in the board's order with the columns ``label`` (unique), ``value``, ``low``, ``high`` (the range of
            all values, in the metric's unit), ``kind`` (of ``KINDS``), ``zero_shot`` ("yes", "no", "unknown"),
            ``suspect`` (bool) and ``text`` (the value as printed). Models trained on the data set are faded.
        metric: The axis title, with unit and arrow.
        title: What to see.
        alt_text: What the drawing says, in words.
        log: Whether the axis is logarithmic (positive values only).
        most: At most so many rows are drawn, the first of the frame; the note then says so.

    Raises:
        ValueError: A column is missing, a label occurs twice or a kind is unknown.
    """
    columns = ["label", "value", "low", "high", "kind", "zero_shot", "suspect", "text"]
    data = _checked(frame, columns, unique="label").head(most)
    data = data.assign(shade=data["zero_shot"].map({"no": 0.45}).fillna(1.0))
    base = alt.Chart().encode(y=_rows("label"), opacity=alt.Opacity("shade:Q", scale=None, legend=None))
    x = _value_axis("value:Q", metric, log=log)
    tooltip = [alt.Tooltip("label:N", title=_("model")), alt.Tooltip("text:N", title=_plain(metric))]
    ranges = base.mark_rule(stroke=COLOURS["strong-rule"], strokeWidth=1).encode(x=alt.X("low:Q"), x2=alt.X2("high"))
    crosses = base.transform_filter("datum.suspect").mark_point(
        shape=_CROSS, size=_DOT, stroke=COLOURS["warn"], strokeWidth=1.5
    )
    marks = _kind_marks(base, data, x, tooltip)
    layers = [ranges, *marks, *([crosses.encode(x=x)] if data["suspect"].any() else [])]
    note = _("The first {shown} of {total} rows; the table has all of them.") if len(frame) > len(data) else ""
    faded = bool((data["zero_shot"] == "no").any())
    return _row_chart(
        data,
        layers,
        title,
        alt_text,
        note=note.format(shown=len(data), total=len(frame)),
        kinds=_present(data),
        faded=faded,
    )


@_unvalidated
def dumbbell(frame: pd.DataFrame, *, metric: str, title: str, alt_text: str) -> Chart:
    """Draw one case of a checkpoint with several values: a row a statement, measured from the first row's value.

    Args:
        frame: Columns ``label`` (who says so, unique), ``value``, ``kind``, ``text`` (as printed); the first row is the
            authors' own value, from which the others are drawn.
        metric: The axis title, with unit and arrow.
        title: What to see.
        alt_text: What the drawing says, in words.

    Raises:
        ValueError: A column is missing, a label occurs twice or a kind is unknown.
    """
    data = _checked(frame, ["label", "value", "kind", "text"], unique="label")
    return _from_origin(data, 0, _("source"), metric, title, alt_text)


@_unvalidated
def protocol_dots(frame: pd.DataFrame, *, origin: str, metric: str, title: str, alt_text: str) -> Chart:
    """Draw one prediction under several protocols: a row a protocol, measured from one of them.

    Args:
        frame: Columns ``label`` (the protocol, unique), ``value``, ``kind`` and ``text``, in the order to draw.
        origin: The label of the protocol from which the others are drawn.
        metric: The axis title, with unit and arrow.
        title: What to see.
        alt_text: What the drawing says, in words.

    Raises:
        ValueError: A column is missing, a label occurs twice, a kind is unknown or no row has the label ``origin``.
    """
    data = _checked(frame, ["label", "value", "kind", "text"], unique="label")
    labels = data["label"].tolist()
    if origin not in labels:
        raise ValueError(f"No row has the label '{origin}'; there are {', '.join(labels)}.")
    return _from_origin(data, labels.index(origin), _("protocol"), metric, title, alt_text)


def _from_origin(data: pd.DataFrame, origin: int, row: str, metric: str, title: str, alt_text: str) -> Chart:
    """Return the chart of values in rows (what a row is says ``row``), each drawn from that of the row ``origin``."""
    data = data.assign(first=data["value"].iloc[origin], own=[index == origin for index in range(len(data))])
    base = alt.Chart().encode(y=_rows("label"))
    x = _value_axis("value:Q", metric)
    tooltip = [alt.Tooltip("label:N", title=row), alt.Tooltip("text:N", title=_plain(metric))]
    own = (
        alt.Chart()
        .transform_filter("datum.own")
        .mark_rule(stroke=COLOURS["strong-rule"], strokeDash=[3, 3])
        .encode(x=x)
    )
    spans = base.mark_rule(stroke=COLOURS["strong-rule"], strokeWidth=1.5).encode(
        x=alt.X("first:Q"), x2=alt.X2("value")
    )
    layers = [own, spans, *_kind_marks(base, data, x, tooltip)]
    return _row_chart(data, layers, title, alt_text, kinds=_present(data))


@_unvalidated
def disagreement_overview(frame: pd.DataFrame, *, title: str, alt_text: str) -> Chart:
    """Draw all cases of one checkpoint with different numbers by how far the largest is from the smallest.

    Args:
        frame: Columns ``label`` (the case, unique) and ``ratio`` (largest value over smallest, at least 1), in order.
        title: What to see.
        alt_text: What the drawing says, in words.

    Raises:
        ValueError: A column is missing or a label occurs twice.
    """
    data = _checked(frame, ["label", "ratio"], unique="label")
    data = data.assign(one=1.0, text=[numeral(ratio, ".2f") + "×" for ratio in data["ratio"]])
    base = alt.Chart().encode(y=_rows("label"))
    x = _value_axis("ratio:Q", _("largest value ÷ smallest value"), log=True)
    spans = base.mark_rule(stroke=COLOURS["accent"], strokeWidth=1.5).encode(x=alt.X("one:Q"), x2=alt.X2("ratio"))
    dots = base.mark_point(filled=True, size=_DOT, color=COLOURS["accent"], opacity=1).encode(
        x=x, tooltip=[alt.Tooltip("label:N", title=_("case")), alt.Tooltip("text:N", title=_("ratio"))]
    )
    return _row_chart(data, [spans, dots], title, alt_text)


@_unvalidated
def range_vs_reruns(frame: pd.DataFrame, *, metric: str, title: str, alt_text: str) -> Chart:
    """Draw a model's numbers: a row a board, the authors' value beside what others copied, re-ran and measured.

    Args:
        frame: One row a number with the columns ``board`` (the row's label), ``value``, ``kind``, ``text`` (as printed)
            and ``source``; boards appear in the frame's order.
        metric: The axis title, with unit and arrow.
        title: What to see.
        alt_text: What the drawing says, in words.

    Raises:
        ValueError: A column is missing or a kind is unknown.
    """
    data = _checked(frame, ["board", "value", "kind", "text", "source"])
    base = alt.Chart().encode(y=_rows("board"))
    x = _value_axis("value:Q", metric)
    tooltip = [
        alt.Tooltip("board:N", title=_("board")),
        alt.Tooltip("text:N", title=_plain(metric)),
        alt.Tooltip("source:N", title=_("source")),
    ]
    spans = base.mark_rule(stroke=COLOURS["strong-rule"], strokeWidth=1).encode(
        x=alt.X("min(value):Q"), x2=alt.X2("max(value):Q")
    )
    layers = [spans, *_kind_marks(base, data, x, tooltip)]
    return _row_chart(data, layers, title, alt_text, row="board", kinds=_present(data))


@_unvalidated
def pareto(
    frame: pd.DataFrame, *, x_label: str, y_label: str, title: str, alt_text: str, direction: Direction = "lower"
) -> Chart:
    """Draw cost against quality, with the models that no other beats in both joined by a step line and named.

    Args:
        frame: Columns ``label``, ``x`` (cost, positive, drawn on a logarithmic axis: parameters in millions), ``y``
            (quality) and ``kind``.
        x_label: Title of the cost axis, with unit.
        y_label: Title of the quality axis, with unit and arrow.
        title: What to see.
        alt_text: What the drawing says, in words.
        direction: Whether lower or higher ``y`` is better.

    Raises:
        ValueError: A column is missing or a kind is unknown.
    """
    scale = alt.Scale(type="log", nice=False, padding=14)
    x = alt.X("x:Q", title=x_label, scale=scale, axis=alt.Axis(grid=False, tickCount=8))
    return _frontier_chart(frame, x, [x_label, y_label], title, alt_text, direction)


@_unvalidated
def year_trend(
    frame: pd.DataFrame, *, y_label: str, title: str, alt_text: str, direction: Direction = "lower"
) -> Chart:
    """Draw quality against the year of publication, with the best value so far as a step line.

    Args:
        frame: Columns ``label``, ``x`` (year, fractions allowed), ``y`` (quality) and ``kind``.
        y_label: Title of the quality axis, with unit and arrow.
        title: What to see.
        alt_text: What the drawing says, in words.
        direction: Whether lower or higher ``y`` is better.

    Raises:
        ValueError: A column is missing or a kind is unknown.
    """
    axis = alt.Axis(format="d", tickMinStep=1, grid=False)
    x = alt.X("x:Q", title=None, axis=axis, scale=alt.Scale(zero=False, nice=False, padding=24))
    return _frontier_chart(frame, x, [_("year"), y_label], title, alt_text, direction)


@_unvalidated
def cost_plane(frame: pd.DataFrame, *, x_label: str, y_label: str, title: str, alt_text: str, note: str = "") -> Chart:
    """Draw one cost against another, both on logarithmic axes, with the names that find room.

    Args:
        frame: Columns ``label``, ``x`` and ``y`` (positive) and ``kind``.
        x_label: Title of the horizontal axis, with unit.
        y_label: Title of the vertical axis, with unit and arrow.
        title: What to see.
        alt_text: What the drawing says, in words.
        note: What all points share, in words.

    Raises:
        ValueError: A column is missing or a kind is unknown.
    """
    data = _checked(frame, ["label", "x", "y", "kind"])
    log = alt.Scale(type="log", nice=False, padding=26)
    x = alt.X("x:Q", title=x_label, scale=log, axis=alt.Axis(grid=False, tickCount=8))
    y = alt.Y("y:Q", title=y_label, scale=log, axis=alt.Axis(tickCount=5, **TITLE_ABOVE))
    base = alt.Chart().encode(x=x, y=y)
    layers = [*_kind_marks(base, data, x, _point_tooltip(x_label, y_label), opacity=0.85)]
    placed = data.sort_values("y", kind="stable", ascending=False)  # the last names are placed first: the fastest
    names, named = _name_layers(
        x, y, placed.assign(y=placed["y"].map(math.log)), data.assign(y=data["y"].map(math.log))
    )
    datasets = {"rows": data} | {side: rows.assign(y=data["y"].loc[rows.index]) for side, rows in named.items()}
    chart = alt.layer(*layers, *names, data=alt.NamedData("rows"))
    sized = chart.properties(width=_SCATTER_WIDTH, height=_HEIGHT).interactive()
    return _draw(sized, datasets, title, alt_text, note=note)


@_unvalidated
def operable(
    chart: alt.TopLevelMixin, datasets: Mapping[str, pd.DataFrame], *, title: str, alt_text: str, note: str
) -> Chart:
    """Draw a chart of a theory page, whose parameters a reader may set; the drawing has them at their first values.

    Args:
        chart: The chart; its data are ``alt.NamedData``.
        datasets: Their rows, by name.
        title: What to see.
        alt_text: What the drawing says, in words.
        note: What to do, and what to watch.
    """
    return _draw(chart, datasets, title, alt_text, note=note)


def figure(chart: Chart, spec_href: str, *, source: str = "", invitation: str = "") -> str:
    """Return the chart as a ``<figure>`` that is complete without JavaScript and offers to be opened with it.

    Args:
        chart: The chart.
        spec_href: Where its specification (``chart.json``) is published, relative to the page.
        source: HTML that says where its data come from.
        invitation: What the button of a chart says that is made to be operated: it then comes before the caption. Empty
            for the usual words.
    """
    title, alt_text = html.escape(chart.title), html.escape(chart.alt)
    caption = html.escape(chart.note) + _legend(chart) + source
    caption = f"<figcaption>{caption}</figcaption>\n" if caption else ""
    messages = {
        "file": _("Interactive charts need a web server; from disk the drawing above is what there is."),
        "error": _("The interactive chart could not be loaded."),
    }
    data = " ".join(f'data-{name}="{html.escape(text)}"' for name, text in messages.items())
    words_of_button = html.escape(invitation or _("Explore this chart"))
    button = f'<button class="chart-explore" type="button" hidden {data}>{words_of_button}</button>\n'
    return (
        f'<figure class="chart{" operable" if invitation else ""}" data-spec="{html.escape(spec_href)}">\n'
        f'<p class="chart-title">{title}</p>\n'
        f'<div class="chart-canvas" role="group" aria-label="{alt_text}" tabindex="0">{chart.svg}</div>\n'
        + (button + caption if invitation else caption + button)
        + "</figure>\n"
    )


def _legend(chart: Chart) -> str:
    items = [f'<span class="mark mark-{kind}"></span>{html.escape(words.kind(kind))}' for kind in chart.kinds]
    if chart.faded:
        items.append(html.escape(_("faded: trained on this data set")))
    return f'<ul class="legend">{"".join(f"<li>{item}</li>" for item in items)}</ul>' if items else ""


def _frontier_chart(
    frame: pd.DataFrame, x: alt.X, labels: Sequence[str], title: str, alt_text: str, direction: Direction
) -> Chart:
    data = _checked(frame, ["label", "x", "y", "kind"])
    best = data[_frontier(data, direction)].sort_values("x", kind="stable")
    y = alt.Y("y:Q", title=labels[1], scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(**TITLE_ABOVE))
    base = alt.Chart().encode(x=x, y=y)
    until_now = best.tail(1).assign(x=data["x"].max())
    line = alt.Chart(alt.NamedData("best")).mark_line(
        interpolate="step-after", stroke=COLOURS["accent"], strokeWidth=1.2
    )
    names, named = _name_layers(x, y, best, data)
    marks = _kind_marks(base, data, x, _point_tooltip(*labels), opacity=0.85)
    chart = alt.layer(line.encode(x=x, y=y), *marks, *names, data=alt.NamedData("rows"))
    datasets = {"rows": data, "best": pd.concat([best, until_now]), **named}
    sized = chart.properties(width=_SCATTER_WIDTH, height=_HEIGHT).interactive()
    return _draw(sized, datasets, title, alt_text, kinds=_present(data))


def _point_tooltip(x_label: str, y_label: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title=_("model")),
        alt.Tooltip("x:Q", title=x_label),
        alt.Tooltip("y:Q", title=_plain(y_label)),
    ]


def _name_layers(
    x: alt.X, y: alt.Y, wanted: pd.DataFrame, data: pd.DataFrame
) -> tuple[list[alt.Chart], dict[str, pd.DataFrame]]:
    """Return the layers of names beside points, and the points that have room for theirs, by the layers' data."""
    at_right, at_left = _named(wanted, data)
    text: dict[str, Any] = {"dy": 11, "fontSize": _SIZE - 1, "stroke": COLOURS["paper"], "strokeWidth": 3}
    names = [
        alt.Chart(alt.NamedData("right")).mark_text(align="left", dx=9, **text),
        alt.Chart(alt.NamedData("left")).mark_text(align="right", dx=-9, **text),
    ]
    layers = [name.encode(x=x, y=y, text=alt.Text("label:N")) for name in names]
    return layers, {"right": at_right, "left": at_left}


def _named(best: pd.DataFrame, data: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the frontier's points whose name has room at the right, and, near the right edge, at the left."""
    across = _share(best["x"].map(math.log), data["x"].map(math.log)) * _SCATTER_WIDTH
    down = _share(best["y"], data["y"]) * _HEIGHT
    width = best["label"].map(text_width)
    at_left = across > 0.7 * _SCATTER_WIDTH
    boxes = list(zip(across.where(~at_left, across - width), down, width, strict=True))
    roomy = pd.Series(_apart(boxes), index=best.index)
    return best[roomy & ~at_left], best[roomy & at_left]


def _share(values: pd.Series[float], whole: pd.Series[float]) -> pd.Series[float]:
    """Return where values lie in the range of a whole, from 0 to 1."""
    return (values - whole.min()) / ((whole.max() - whole.min()) or 1.0)


def _apart(boxes: Sequence[tuple[float, float, int]]) -> list[bool]:
    """Tell which boxes (left, middle, width; pixels) overlap none that was kept; the last, the best, comes first."""
    kept: list[tuple[float, float, int]] = []
    shown = []
    for left, middle, width in reversed(boxes):
        free = all(abs(middle - m) > _SIZE + 2 or left > a + w or a > left + width for a, m, w in kept)
        kept += [(left, middle, width)] if free else []
        shown.append(free)
    return shown[::-1]


def _frontier(data: pd.DataFrame, direction: Direction) -> pd.Series[bool]:
    """Tell which rows are better than every row that costs as little or less."""
    quality = data["y"] if direction == "lower" else -data["y"]
    order = data.assign(quality=quality).sort_values(["x", "quality"], kind="stable")
    before = order["quality"].cummin().shift(1, fill_value=float("inf"))
    return (order["quality"] < before).reindex(data.index)


def _checked(frame: pd.DataFrame, columns: Sequence[str], unique: str = "") -> pd.DataFrame:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(
            f"The chart's frame lacks the columns {', '.join(missing)}; it has {', '.join(frame.columns)}."
        )
    if frame.empty:
        raise ValueError("The chart's frame has no rows; a page without numbers shows its empty state instead.")
    if unique and frame[unique].duplicated().any():
        twice = ", ".join(sorted(set(frame.loc[frame[unique].duplicated(), unique])))
        raise ValueError(f"The chart's rows need different labels; twice: {twice}.")
    unknown = sorted(set(frame["kind"]) - set(KINDS)) if "kind" in columns else []
    if unknown:
        raise ValueError(f"Unknown kinds of number: {', '.join(unknown)}; known: {', '.join(KINDS)}.")
    data = frame.loc[:, list(columns)].reset_index(drop=True)
    return data.assign(text=data["text"].map(numeral)) if "text" in columns else data


def _present(data: pd.DataFrame) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if (data["kind"] == kind).any())


def _rows(field: str) -> alt.Y:
    """Return the axis of rows, in the data's order; hair lines only, since labels of an axis cost 3 ms each."""
    axis = alt.Axis(labels=False, grid=True, gridColor=COLOURS["rule"], gridDash=[1, 3])
    return alt.Y(f"{field}:N", sort=None, title=None, axis=axis)


def _row_chart(
    data: pd.DataFrame, layers: Sequence[alt.Chart], title: str, alt_text: str, *, row: str = "label", **more: Any
) -> Chart:
    """Return the chart of layers over rows, with the rows' names at the left and the printed numbers at the right."""
    labels = data.drop_duplicates(row)
    labels = labels.assign(name=[_shortened(text) for text in labels[row]])
    left = 20 + text_width(max(labels["name"], key=len))
    printed = row == "label"  # one number a row stands beside it; several numbers would lie over each other
    right = 28 + (text_width(max(data["text"], key=len)) if printed else 0)
    width = max(_TOTAL_WIDTH - left - right, _TOTAL_WIDTH // 3)
    names = alt.Chart(alt.NamedData("labels")).mark_text(align="right", dx=-12, fontSize=_SIZE)
    drawn = [*layers, names.encode(x=_at(0), y=_rows(row), text=alt.Text("name:N"))]
    if printed:
        numbers = alt.Chart().mark_text(align="left", dx=12, fontSize=_SIZE)
        drawn.append(numbers.encode(x=_at(width), y=_rows(row), text=alt.Text("text:N")))
    chart = alt.layer(*drawn, data=alt.NamedData("rows")).properties(width=width, height=alt.Step(_ROW))
    datasets = {"rows": data, "labels": labels[[row, "name"]]}
    # The page's own font may be a fifth wider than the one that the chart is laid out with.
    return _draw(chart, datasets, title, alt_text, left=left // 5, **more)


def _at(pixels: int) -> alt.XValue:
    place: alt.XValue = alt.XValue(pixels)  # type: ignore[no-untyped-call]
    return place


def _rows_of(data: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the frame as rows; whatever JSON has no word for (NaN) is null."""
    rows: list[dict[str, Any]] = json.loads(data.to_json(orient="records", double_precision=10))
    return rows


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1].rstrip() + "…"


def text_width(text: str, size: float = _SIZE) -> int:
    """Return a generous width in pixels: the page's own font is not known here."""
    return round(len(text) * size * 0.56)


def _value_axis(field: str, metric: str, *, log: bool = False) -> alt.X:
    scale = alt.Scale(type="log", nice=False, padding=12) if log else alt.Scale(zero=False, padding=12)
    axis = alt.Axis(orient="top", grid=False, titleAlign="left", titleAnchor="start", tickCount=6)
    return alt.X(field, title=metric, scale=scale, axis=axis)


def _plain(metric: str) -> str:
    return metric.rstrip(" ↓↑")


def _kind_marks(
    base: alt.Chart, data: pd.DataFrame, x: alt.X, tooltip: list[alt.Tooltip], opacity: float | None = None
) -> list[alt.Chart]:
    """Return the layers of dots, the shapes of the tables' marks: disc, half disc, ring, dotted ring, diamond."""
    layers = []
    for kind in reversed(_present(data)):
        chosen = base.transform_filter(alt.datum.kind == kind).encode(x=x, tooltip=tooltip)
        colour = COLOURS[kind]
        look: dict[str, Any] = {"size": _DOT, "stroke": colour, "strokeWidth": 1.6, "fill": COLOURS["paper"]}
        look |= {"fill": colour} if kind == "measured" else {}
        look |= {"strokeDash": [2, 1.7]} if kind == "copied" else {}
        look |= {"opacity": opacity} if opacity else {}
        layers.append(chosen.mark_point(shape="diamond" if kind == "unclear" else "circle", **look))
        if kind == "re-run":
            half: dict[str, Any] = {**look, "fill": colour, "strokeWidth": 0}
            layers.append(chosen.mark_point(shape=_HALF_DISC, **half))
    return layers


def _config() -> dict[str, Any]:
    ink, soft, rule = COLOURS["ink"], COLOURS["soft"], COLOURS["strong-rule"]
    axis = {"labelColor": ink, "titleColor": soft, "domainColor": rule, "tickColor": rule, "tickSize": 4}
    sizes = {"labelFontSize": _SIZE, "titleFontSize": _SIZE, "titleFontWeight": "normal", "titlePadding": 8}
    locale = number_locale()
    return {
        **({"locale": {"number": locale}} if locale else {}),
        "aria": False,
        "background": "transparent",
        "font": _FONT,
        "axis": {**axis, **sizes, "grid": True, "gridColor": COLOURS["rule"]},
        "axisY": {"domain": False, "ticks": False},
        "mark": {"aria": False},
        "point": {"opacity": 1},
        "text": {"fill": ink, "font": _FONT},
        "view": {"stroke": None},
    }


def _draw(
    chart: alt.TopLevelMixin,
    datasets: Mapping[str, pd.DataFrame],
    title: str,
    alt_text: str,
    *,
    left: int = 0,
    note: str = "",
    kinds: tuple[str, ...] = (),
    faded: bool = False,
) -> Chart:
    spec: dict[str, Any] = chart.to_dict(validate=False)
    # Put in only now: the layers would copy their rows at every step.
    spec["datasets"] = {name: _rows_of(rows) for name, rows in datasets.items()}
    spec["padding"] = {"left": 8 + left, "top": 6, "right": 24, "bottom": 6}
    spec["config"] = _config()
    spec["description"] = alt_text
    spec["usermeta"] = {"colours": {colour: f"--fathom-{name}" for name, colour in COLOURS.items()}}
    return Chart(spec, _svg(spec, title, alt_text), title, alt_text, note, kinds, faded)


def _svg(spec: dict[str, Any], title: str, alt_text: str) -> str:
    text = json.dumps(spec, sort_keys=True)
    digest = hashlib.sha256(f"{_DRAWN_BY} {title} {text}".encode()).hexdigest()[:16]
    kept = _cache_dir / f"{digest}.svg" if _cache_dir else None
    if kept and kept.is_file():
        return kept.read_text("utf-8")
    svg = _dressed(vl_convert.vegalite_to_svg(text), f"chart-{digest[:8]}", title, alt_text)
    if kept:
        write_if_changed(kept, svg.encode())
    return svg


def _dressed(svg: str, name: str, title: str, alt_text: str) -> str:
    """Return a drawn SVG as one of ours: palette by custom properties, own ids, a name, the page's font."""
    svg = re.sub(r'(fill|stroke)="(#[0-9a-f]{6})"', _as_property, svg)
    svg = re.sub(r' (font-family|class|role|aria-[a-z]+)="[^"]*"', "", svg)
    for number, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)), start=1):
        svg = re.sub(rf'(id="|url\(#|href="#){re.escape(old)}(?=["\)])', rf"\g<1>{name}-{number}", svg)
    names = (
        f'<title id="{name}-title">{html.escape(title)}</title><desc id="{name}-desc">{html.escape(alt_text)}</desc>'
    )
    opening = f'<svg role="img" aria-labelledby="{name}-title {name}-desc" font-family="system-ui, sans-serif"'
    svg = svg.replace("<svg", opening, 1)
    return re.sub(r"(<svg[^>]*>)", rf"\g<1>{_literal(names)}", svg, count=1).replace("\n", "")


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


def _as_property(match: re.Match[str]) -> str:
    name = next((name for name, colour in COLOURS.items() if colour == match.group(2)), None)
    value = f"var(--fathom-{name}, {match.group(2)})" if name else match.group(2)
    return f'{match.group(1)}="{value}"'
