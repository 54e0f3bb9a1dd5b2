"""What several page kinds need: anchors, CSV and BibTeX of records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TypeVar

import pandas as pd

from sitegen.board import Board
from sitegen.escaping import csv_text
from sitegen.metrics import Direction
from sitegen.records import PublishedNumber, Source
from sitegen.rendering import slug
from sitegen.store import Store, StoredNumber
from sitegen.tables import Cell
from sitegen.text import _, numeral

__all__ = [
    "BOARD_FORMATS",
    "NUMBER_HEADER",
    "bibtex",
    "board_href",
    "count_cell",
    "distinct",
    "gallery_hrefs",
    "near_best",
    "numbers_csv",
    "place_anchors",
    "sensitivity_hrefs",
]

V = TypeVar("V")

BOARD_FORMATS = {"csv": "CSV", "json": "JSON", "md.txt": "Markdown", "tex": "LaTeX", "bib": "BibTeX"}
"""File endings of a board's downloads and what they are called."""
NUMBER_HEADER = ("source", "line", *PublishedNumber.model_fields)
"""Columns of every list of published numbers that the site publishes."""
_FARTHEST = 4.0


def distinct(values: Iterable[V]) -> list[V]:
    """Return each value once, in the order of first appearance."""
    return list(dict.fromkeys(values))


def place_anchors(source: Source) -> dict[str, str]:
    """Return the anchor of each table on its source's page; places with equal slugs are numbered."""
    anchors: dict[str, str] = {}
    for table in source.tables:
        anchor = base = slug(table.place)
        number = 2
        while anchor in anchors.values():
            anchor, number = f"{base}-{number}", number + 1
        anchors[table.place] = anchor
    return anchors


def numbers_csv(numbers: Sequence[StoredNumber]) -> str:
    """Return published numbers as CSV with their source and line, without text that a spreadsheet runs as a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(NUMBER_HEADER)
    for number in numbers:
        cells = (getattr(number.row, name) for name in NUMBER_HEADER[2:])
        writer.writerow((number.source, number.line, *(_csv_cell(cell) for cell in cells)))
    return stream.getvalue()


def _csv_cell(value: object) -> object:
    return csv_text(value) if isinstance(value, str) else value


def bibtex(store: Store, keys: Iterable[str]) -> str:
    """Return the BibTeX entries of the keys that the store has."""
    return "\n\n".join(store.references[key].to_bibtex() for key in keys if key in store.references)


def near_best(frame: pd.DataFrame, direction: Direction) -> tuple[pd.DataFrame, str]:
    """Return the rows that a scatter chart can show together, and a sentence about those left out (empty for none).

    Args:
        frame: Rows with a quality ``y``.
        direction: Whether lower or higher is better; only errors have no upper end.
    """
    if direction == "higher" or frame.empty:
        return frame, ""
    near = frame[frame["y"] <= _FARTHEST * frame["y"].min()]
    left_out = len(frame) - len(near)
    note = _("Left out, with more than {times} times the best error: {count}.")
    return near, note.format(times=numeral(_FARTHEST, "g"), count=left_out) if left_out else ""


def board_href(board: Board) -> str:
    """Return where a board stands on the site, from its root."""
    return f"datasets/{board.dataset}.html#{board.id}"


def sensitivity_hrefs(store: Store) -> dict[str, str]:
    """Return where one prediction stands under every protocol, from the site's root, by data set that has such."""
    datasets = sorted({run.dataset.id for run in store.sensitivity})
    return {dataset: f"protocols/{dataset}/sensitivity.html" for dataset in datasets}


def gallery_hrefs(store: Store) -> dict[str, str]:
    """Return where the gallery of a data set stands, from the site's root, by data set that has one."""
    return {dataset: f"gallery/{dataset}.html" for dataset in sorted({entry.dataset for entry in store.galleries})}


def count_cell(value: int | None) -> Cell:
    """Return a table cell with a whole number; None gives an empty one, a year stays without separators."""
    return Cell() if value is None else Cell(str(value), value)
