"""One table object for every output: HTML, Markdown, CSV, JSON and LaTeX say the same because they come from the same.

A cell keeps what is shown (``text``) apart from what it is (``value``): people read the digits that a source printed,
programs read the number.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from sitegen import escaping, words
from sitegen.records import NumberKind, ZeroShot
from sitegen.rendering import environment
from sitegen.text import _

__all__ = [
    "EMPTY",
    "LICENCE",
    "LICENCE_URL",
    "Badge",
    "Cell",
    "Column",
    "Facet",
    "Footnotes",
    "Provenance",
    "Row",
    "Table",
    "Value",
    "displayed",
    "footnote_label",
]

LICENCE = "CC BY 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
EMPTY = "–"
"""What stands in a cell without a value."""

Value = float | int | str | None
"""What a cell is, for programs."""
Provenance = NumberKind | Literal["measured"]
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_PRINTED = re.compile(r"^~?\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*[A-Za-z%/ ]*$")
_SHIFTS = (0, -2, 3, -3)  # as printed, percent to fraction, seconds to milliseconds or billions to millions, and back
_SIGNS: dict[Provenance, str] = {"re-run": "†", "copied": "‡", "unclear": "§"}


def displayed(value: float, value_as_printed: str) -> str:
    """Return a stored value with exactly the digits that its source printed.

    ``displayed(0.0408, "4.08")`` is ``0.0408`` and ``displayed(0.051, "0.0510")`` is ``0.0510``: a percentage loses two
    places, trailing zeros stay. Units and a leading ``~`` are left out. Where the printed text is no plain power-of-ten
    multiple of the value, the value's own shortest digits are returned.
    """
    stored = Decimal(repr(value))
    if match := _PRINTED.match(value_as_printed):
        printed = Decimal(match.group(1))
        for shift in _SHIFTS:
            if printed.scaleb(shift) == stored:
                return f"{printed.scaleb(shift):f}"
    return f"{stored:f}".removesuffix(".0")


def footnote_label(index: int) -> str:
    """Return the letters of a footnote: a to z, then aa, ab and so on (letters, since exponents are numbers)."""
    letters = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return letters


class Footnotes:
    """Collects footnotes in reading order, each text once."""

    def __init__(self) -> None:
        self._indexes: dict[str, int] = {}

    def add(self, text: str) -> int:
        """Return the index of a footnote, adding it if it is new."""
        return self._indexes.setdefault(text, len(self._indexes))

    def adopted(self, cell: Cell, texts: Sequence[str]) -> Cell:
        """Return a cell of another table with its footnotes, ``texts`` there, numbered as in this one."""
        return replace(cell, footnotes=tuple(self.add(texts[index]) for index in cell.footnotes))

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all texts in order."""
        return tuple(self._indexes)


@dataclass(frozen=True)
class Badge:
    """A word in a pill.

    Attributes:
        text: The word.
        kind: The class after ``badge-`` (smoke, warn, new, ok) or empty.
        step: How many steps of verification are taken, shown as filled circles; 0 for none of that.
        href: Where it leads, relative to the site's root.
    """

    text: str
    kind: str = ""
    step: int = 0
    href: str = ""

    def __post_init__(self) -> None:
        if not _inside(self.href):
            raise ValueError(f"a badge may link into the site only, not to '{self.href}'")


@dataclass(frozen=True)
class Facet:
    """A filter over the rows: the attribute ``data-facet-<name>`` and its options as (value, label).

    Attributes:
        name: What the attribute is called.
        title: What the filter is called.
        options: Values and their labels.
        quick: (value, label) of a tick that chooses this value at once; None for none.
        minor: Whether the list of options stands behind "more filters".
    """

    name: str
    title: str
    options: tuple[tuple[str, str], ...]
    quick: tuple[str, str] | None = None
    minor: bool = False

    def __post_init__(self) -> None:
        _refuse_name(self.name)


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: Its name in CSV and JSON.
        title: What the header shows.
        kind: ``rank``, ``model`` (the row's header), ``number``, ``text`` or ``source`` (text set small).
        arrow: ↓ or ↑ for a metric.
        unit: Shown behind the title.
        meaning: One line for the header's tooltip.
        descending: Whether the first click sorts from high to low.
        optional: Whether a reader may hide it; left out of LaTeX, which is as narrow as a page.
        extras: Names of further CSV columns, filled from each cell's ``extras``.
        footnotes: Indexes into the table's footnotes.
        href: Where it is explained, relative to the site's root; empty for nowhere.
    """

    key: str
    title: str
    kind: Literal["rank", "model", "number", "text", "source"]
    arrow: str = ""
    unit: str = ""
    meaning: str = ""
    descending: bool = False
    optional: bool = False
    extras: tuple[str, ...] = ()
    footnotes: tuple[int, ...] = ()
    href: str = ""

    @property
    def sort(self) -> str:
        """Return how the column sorts in the browser."""
        return "number" if self.kind in {"rank", "number"} else "text"

    @property
    def css_class(self) -> str:
        """Return the classes of its header."""
        return {"rank": "rank", "model": "model", "number": "metric"}.get(self.kind, "")

    @property
    def heading(self) -> str:
        """Return title, unit and arrow as plain text."""
        unit = f"[{self.unit}]" if self.unit else ""
        return " ".join(part for part in (self.title, unit, self.arrow) if part)


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What a reader sees; empty for no value.
        value: What it is: sorts in the browser, stands in JSON; a text cell has its text.
        href: Where it leads, relative to the site's root, or an http(s) address.
        hint: Fuller words for the link's tooltip.
        mark: Who measured it.
        emphasis: ``best`` or ``second`` of its column.
        suspect: Suspect or withdrawn: struck through, sorted last, its value left out of CSV's number column.
        disputed: Struck through, and otherwise like any other.
        tie: Whether a rank is shared.
        zero_shot: Mark behind a model's name.
        badges: Words in pills behind the text.
        range: Second line: lowest to highest published value, or the interval of a measured one.
        range_hint: What the second line is, where it leads nowhere.
        range_href: Where all these values are listed, relative to the site's root.
        why_href: Where it is told why they differ, relative to the site's root.
        delta: Second line: measured minus published.
        footnotes: Indexes into the table's footnotes.
        extras: Values of the column's further CSV columns.
        detail: Further plain data for JSON.
    """

    text: str = ""
    value: Value = None
    href: str = ""
    hint: str = ""
    mark: Provenance | None = None
    emphasis: Literal["", "best", "second"] = ""
    suspect: bool = False
    disputed: bool = False
    tie: bool = False
    zero_shot: ZeroShot | None = None
    badges: tuple[Badge, ...] = ()
    range: str = ""
    range_hint: str = ""
    range_href: str = ""
    why_href: str = ""
    delta: str = ""
    footnotes: tuple[int, ...] = ()
    extras: Mapping[str, Value] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _inside(self.href) and urlsplit(self.href).scheme not in {"http", "https"}:
            raise ValueError(f"a cell may link to http(s) or into the site, not to '{self.href}'")
        for href in (self.range_href, self.why_href):
            if not _inside(href):
                raise ValueError(f"a range may link into the site only, not to '{href}'")

    @property
    def sort_value(self) -> str:
        """Return what the browser sorts by; empty sorts last."""
        return "" if self.suspect or self.value is None else _plain_number(self.value)

    @property
    def struck(self) -> bool:
        """Return whether the text is struck through."""
        return self.suspect or self.disputed

    def css_class(self, column: Column) -> str:
        """Return the classes of the cell in a column."""
        names = {"rank": "rank num", "model": "model", "number": "num", "source": "src"}.get(column.kind, "").split()
        names += [name for name in (self.emphasis,) if name]
        names += ["suspect"] if self.struck else []
        names += ["tie"] if self.tie else []
        names += ["empty"] if not self.text else []
        return " ".join(names)

    def link(self, root: str) -> str:
        """Return the address from a page whose way to the root is ``root``."""
        return self.href if urlsplit(self.href).scheme or not self.href else root + self.href


def _inside(href: str) -> bool:
    """Return whether an address is relative, so that it stays on the site."""
    parts = urlsplit(href)
    return not parts.scheme and not parts.netloc and not href.startswith(("/", "\\"))


@dataclass(frozen=True)
class Row:
    """One row: its cells in column order, an id that is unique in the table, and its facets."""

    id: str
    cells: tuple[Cell, ...]
    facets: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (self.id, *self.facets):
            _refuse_name(name)


@dataclass(frozen=True)
class Table:
    """A table with what a reader has to know to use it.

    Attributes:
        id: Id of the HTML element ("board-kitti-metric").
        title: What it is called.
        description: What it is and under which protocol or family its numbers stand.
        columns: Its columns.
        rows: Its rows in order; each has one cell a column.
        footnotes: Texts; cells refer to them by index.
        foot: A last row that sorting and filtering leave in place, one cell a column; not in CSV. Empty for none.
        filters: Filters that a page may show above it.
        date: Date of the data (YYYY-MM-DD), or empty where it is not known.
        plain: A small table without sticky parts.
        data: Further plain data at the top of the JSON.
    """

    id: str
    title: str
    description: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...] = ()
    foot: tuple[Cell, ...] = ()
    filters: tuple[Facet, ...] = ()
    date: str = ""
    plain: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _refuse_name(self.id)
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"row '{row.id}' has {len(row.cells)} cells for {len(self.columns)} columns")
        if len(self.foot) not in {0, len(self.columns)}:
            raise ValueError(f"the foot has {len(self.foot)} cells for {len(self.columns)} columns")

    @property
    def marks(self) -> tuple[Provenance, ...]:
        """Return the provenance marks that occur, strongest first."""
        used = {cell.mark for row in self.rows for cell in row.cells}
        order: tuple[Provenance, ...] = ("measured", "reported", "re-run", "copied", "unclear")
        return tuple(mark for mark in order if mark in used)

    def to_html(self, root: str = "", *, filters: bool = False) -> str:
        """Return the table as HTML of the site's class vocabulary, with its footnotes below.

        Args:
            root: The way from the page to the site's root ("../"); put before relative links.
            filters: Whether the filter bar stands above it.
        """
        template = environment().get_template("table.html.j2")
        return template.render(
            table=self,
            root=root,
            show_filters=filters,
            empty=EMPTY,
            label=footnote_label,
        ).strip()

    def to_markdown(self) -> str:
        """Return the table as GitHub-flavoured Markdown: best bold, second in italics, suspect struck through."""
        lines = [f"## {escaping.markdown(self.title)}", "", escaping.markdown(self.description), ""]
        lines.append(_pipes(_markdown_heading(column) for column in self.columns))
        lines.append(_pipes("--:" if column.sort == "number" else ":--" for column in self.columns))
        lines += [_pipes(_markdown_cell(cell) for cell in row.cells) for row in self.rows]
        lines += [_pipes(_markdown_cell(cell) for cell in self.foot)] if self.foot else []
        notes = [f"({footnote_label(index)}) {text}" for index, text in enumerate(self.footnotes)]
        for note in [self._legend(), *notes, self._origin()]:
            lines += ["", escaping.markdown(note)] if note else []
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """Return the table as CSV: numbers with the digits shown, text that no spreadsheet runs as a formula.

        A column's ``extras`` follow it. A suspect number is left out of its column, so that no program ranks it; its
        flag and what was printed stand in the extras. CSV has no place for title and licence: they are in the JSON.
        """
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([escaping.csv_text(name) for column in self.columns for name in (column.key, *column.extras)])
        for row in self.rows:
            pairs = zip(self.columns, row.cells, strict=True)
            writer.writerow([text for column, cell in pairs for text in _csv_cells(column, cell)])
        return stream.getvalue()

    def to_json(self) -> str:
        """Return the table as JSON with full machine values, footnotes and licence."""
        data = {
            "title": self.title,
            "description": self.description,
            "date": self.date or None,
            "licence": {"name": LICENCE, "url": LICENCE_URL},
            **self.data,
            "columns": [_column_data(column) for column in self.columns],
            "rows": [self._row_data(row) for row in self.rows],
            **({"foot": self._cells_data(self.foot)} if self.foot else {}),
            "footnotes": {footnote_label(index): text for index, text in enumerate(self.footnotes)},
        }
        return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    def to_latex(self) -> str:
        r"""Return the table as LaTeX for ``booktabs``: best bold, second underlined, suspect struck through.

        Optional columns are left out. ``\sout`` is ulem's where that is loaded, else brackets.
        """
        kept = [index for index, column in enumerate(self.columns) if not column.optional]
        columns = [self.columns[index] for index in kept]
        body = [[_latex_cell(row.cells[index]) for index in kept] for row in self.rows]
        foot = [_latex_cell(self.foot[index]) for index in kept] if self.foot else []
        spec = "".join("r" if column.sort == "number" else "l" for column in columns)
        notes = [f"$^{{{footnote_label(i)}}}$ {escaping.latex(text)}" for i, text in enumerate(self.footnotes)]
        notes = [escaping.latex(self._legend()), *notes] if self.marks else notes
        lines = [
            *(f"% {escaping.one_line(text)}" for text in (self.title, self.description, self._origin())),
            r"% Needs \usepackage{booktabs}; \usepackage[normalem]{ulem} strikes suspect values through.",
            r"\providecommand{\sout}[1]{(#1)}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaping.latex(self.title)}. {escaping.latex(self.description)}}}",
            rf"\label{{tab:{self.id}}}",
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            " & ".join(_latex_heading(column) for column in columns) + r" \\",
            r"\midrule",
            *(" & ".join(cells) + r" \\" for cells in body),
            *((r"\midrule", " & ".join(foot) + r" \\") if foot else ()),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\smallskip\footnotesize {note}" for note in notes if note),
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def _legend(self) -> str:
        """Return what the signs of the text formats mean."""
        signs = [f"{_SIGNS[mark]} {words.kind(mark)}" for mark in self.marks if mark in _SIGNS]
        plain = [words.kind(mark) for mark in self.marks if mark not in _SIGNS]
        if plain:
            signs.insert(0, _("No sign: {words}").format(words=", ".join(plain)))
        return "; ".join(signs) + "." if signs else ""

    def _origin(self) -> str:
        date = _("Data of {date}.").format(date=self.date) if self.date else ""
        return f"Fathom. {date} {_('Licence')}: {LICENCE} ({LICENCE_URL})".replace("  ", " ")

    def _row_data(self, row: Row) -> dict[str, Any]:
        return {"id": row.id, "facets": dict(row.facets), "cells": self._cells_data(row.cells)}

    def _cells_data(self, cells: tuple[Cell, ...]) -> dict[str, Any]:
        pairs = zip(self.columns, cells, strict=True)
        return {column.key: _cell_data(cell) for column, cell in pairs if cell.text or cell.detail}


def _refuse_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' cannot stand in an id or an attribute's name: letters, digits and hyphens can")


def _plain_number(value: float | int | str) -> str:
    return value if isinstance(value, str) else f"{Decimal(repr(value)):f}".removesuffix(".0")


def _column_data(column: Column) -> dict[str, Any]:
    data: dict[str, Any] = {"key": column.key, "title": column.title}
    if column.arrow:
        better = "higher" if column.descending else "lower"
        data |= {"unit": column.unit, "better": better, "meaning": column.meaning}
    return data


def _cell_data(cell: Cell) -> dict[str, Any]:
    data: dict[str, Any] = {"value": cell.value, "text": cell.text}
    data |= {"mark": cell.mark} if cell.mark else {}
    data |= {"suspect": True} if cell.suspect else {}
    data |= {"emphasis": cell.emphasis} if cell.emphasis else {}
    data |= {"footnotes": [footnote_label(index) for index in cell.footnotes]} if cell.footnotes else {}
    return data | dict(cell.extras) | dict(cell.detail)


def _csv_cells(column: Column, cell: Cell) -> Iterator[str]:
    yield "" if cell.suspect else _csv_value(cell)
    for name in column.extras:
        value = cell.extras.get(name)
        yield "" if value is None else (escaping.csv_text(value) if isinstance(value, str) else _plain_number(value))


def _csv_value(cell: Cell) -> str:
    """Return a number with the digits shown where they lose nothing, else in full; text as harmless text."""
    if isinstance(cell.value, float | int):
        shown = _PRINTED.match(cell.text)
        exact = shown and shown.group(1) == cell.text and Decimal(cell.text) == Decimal(repr(cell.value))
        return cell.text if exact else _plain_number(cell.value)
    return escaping.csv_text(cell.text)


def _pipes(cells: Iterator[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _labels(footnotes: tuple[int, ...]) -> str:
    return ",".join(footnote_label(index) for index in footnotes)


def _markdown_heading(column: Column) -> str:
    notes = f" ({_labels(column.footnotes)})" if column.footnotes else ""
    return escaping.markdown(column.heading) + notes


def _words(cell: Cell) -> Iterator[str]:
    """Yield what follows a cell's text in the text formats, unescaped."""
    if cell.zero_shot == "no":
        yield f"({words.zero_shot('no')})"
    if cell.zero_shot == "unknown":
        yield _("(zero-shot: not stated)")
    yield from (f"({badge.text})" for badge in cell.badges)
    yield from (f"({text})" for text in (cell.range, cell.delta) if text)


def _markdown_cell(cell: Cell) -> str:
    text = escaping.markdown(cell.text) or EMPTY
    wrap = "~~" if cell.struck else {"best": "**", "second": "*"}.get(cell.emphasis, "")
    sign = _SIGNS.get(cell.mark, "") if cell.mark else ""
    notes = f" ({_labels(cell.footnotes)})" if cell.footnotes else ""
    return " ".join([f"{wrap}{text}{wrap}{sign}{notes}", *map(escaping.markdown, _words(cell))])


def _latex_heading(column: Column) -> str:
    notes = f"$^{{{_labels(column.footnotes)}}}$" if column.footnotes else ""
    return escaping.latex(column.heading) + notes


def _latex_cell(cell: Cell) -> str:
    command = r"\sout" if cell.struck else {"best": r"\textbf", "second": r"\underline"}.get(cell.emphasis, "")
    text = escaping.latex(cell.text or EMPTY)
    text = f"{command}{{{text}}}" if command else text
    sign = _SIGNS.get(cell.mark, "") if cell.mark else ""
    marks = (rf"\textsuperscript{{{escaping.latex(sign)}}}" if sign else "") + (
        f"$^{{{_labels(cell.footnotes)}}}$" if cell.footnotes else ""
    )
    return " ".join([text + marks, *(rf"{{\scriptsize {escaping.latex(text)}}}" for text in _words(cell))])
