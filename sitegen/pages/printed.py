"""One table of a source as the source prints it: models down, data sets and metrics across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sitegen.grouping import group
from sitegen.metrics import METRICS, Metric
from sitegen.pages.common import distinct
from sitegen.records import PublishedNumber
from sitegen.rendering import slug
from sitegen.store import StoredNumber
from sitegen.tables import footnote_label

__all__ = ["PrintedCell", "PrintedColumn", "PrintedRow", "PrintedTable", "lay_out"]

_METRIC_ORDER = {metric: index for index, metric in enumerate(METRICS)}


@dataclass(frozen=True)
class PrintedColumn:
    """A column of a source's table: one metric on one data set, in one family."""

    dataset: str
    family: str
    metric: Metric
    note: str = ""


@dataclass(frozen=True)
class PrintedRow:
    """A row of a source's table: one model in one variant, under the name that the source prints."""

    model: str
    variant: str
    printed: str
    note: str
    """Letter of the protocol note that holds for the row where its columns have none."""
    cells: tuple[PrintedCell | None, ...]

    def renamed(self, name: str) -> bool:
        """Whether the source's name for the model says something else than ours, punctuation aside."""
        return slug(f"{self.printed} {self.variant}") != slug(name) != slug(self.printed)


@dataclass(frozen=True)
class PrintedCell:
    """One number with the letter of its protocol note, if neither its column nor its row has it."""

    number: StoredNumber
    note: str = ""

    @property
    def restated(self) -> bool:
        """Whether the stored value is in another unit than the printed one (percent, mostly)."""
        try:
            return float(self.number.row.value_as_printed) != self.number.row.value
        except ValueError:
            return True


@dataclass(frozen=True)
class PrintedTable:
    """One table of a source, laid out as the source does: models down, data sets and metrics across."""

    columns: tuple[PrintedColumn, ...]
    rows: tuple[PrintedRow, ...]
    notes: tuple[tuple[str, str], ...]
    """Letter and text of each distinct protocol note; no letter if one note holds for all numbers."""

    @property
    def groups(self) -> list[tuple[PrintedColumn, int]]:
        """Neighbouring columns of one data set and family: the first of them and how many they are."""
        spans: list[tuple[PrintedColumn, int]] = []
        for column in self.columns:
            if spans and (spans[-1][0].dataset, spans[-1][0].family) == (column.dataset, column.family):
                spans[-1] = (spans[-1][0], spans[-1][1] + 1)
            else:
                spans.append((column, 1))
        return spans


def lay_out(numbers: Sequence[StoredNumber]) -> PrintedTable:
    """Lay out the numbers of one table; a protocol note stands where it says most with least.

    A note that all numbers share needs no letter; one that a whole column or a whole row shares is lettered there,
    any other at the number itself.
    """
    notes = distinct(filter(None, (_note(number.row) for number in numbers)))
    letters = {note: footnote_label(index) for index, note in enumerate(notes)}
    shared = len({_note(number.row) for number in numbers}) == 1
    columns = group(_in_column_order(numbers), _column_key)
    rows = _by_row(numbers)
    column_notes = {key: "" if shared else _common_note(found, letters) for key, found in columns.items()}
    made = [_row(found, list(columns), column_notes, letters, shared) for found in rows]
    return PrintedTable(
        tuple(PrintedColumn(d, f, METRICS[m], column_notes[d, f, m]) for d, f, m in columns),
        tuple(made),
        tuple(("" if shared else letters[note], note) for note in notes),
    )


def _row(
    numbers: list[StoredNumber],
    columns: list[tuple[str, str, str]],
    column_notes: dict[tuple[str, str, str], str],
    letters: dict[str, str],
    shared: bool,
) -> PrintedRow:
    open_numbers = [number for number in numbers if not column_notes[_column_key(number)]]
    row_note = "" if shared or not open_numbers else _common_note(open_numbers, letters)
    by_column = {_column_key(number): number for number in numbers}

    def cell(number: StoredNumber) -> PrintedCell:
        elsewhere = shared or column_notes[_column_key(number)] or row_note
        return PrintedCell(number, "" if elsewhere else letters.get(_note(number.row), ""))

    cells = tuple(cell(by_column[column]) if column in by_column else None for column in columns)
    first = numbers[0].row
    return PrintedRow(first.model, first.variant, first.model_as_printed, row_note, cells)


def _note(row: PublishedNumber) -> str:
    measured = " ".join(filter(None, (row.measured_on, row.measured_date)))
    return "; ".join(filter(None, (row.split, row.protocol_note, measured)))


def _common_note(numbers: Sequence[StoredNumber], letters: dict[str, str]) -> str:
    found = {_note(number.row) for number in numbers}
    return letters.get(found.pop(), "") if len(found) == 1 else ""


def _column_key(number: StoredNumber) -> tuple[str, str, str]:
    return number.row.dataset, number.row.family, number.row.metric


def _by_row(numbers: Sequence[StoredNumber]) -> list[list[StoredNumber]]:
    """Return the numbers by printed row.

    A source lists its numbers row by row, so a model's next number opens a new row when its column is taken; a row that
    stands under the same protocol note goes first.
    """
    rows: list[list[StoredNumber]] = []
    for found in group(numbers, lambda n: (n.row.model, n.row.variant, n.row.model_as_printed)).values():
        rows += _rows_of_one_model(found)
    return rows


def _rows_of_one_model(numbers: Sequence[StoredNumber]) -> list[list[StoredNumber]]:
    rows: list[list[StoredNumber]] = []
    for number in numbers:
        free = [row for row in rows if _column_key(number) not in map(_column_key, row)]
        same = [row for row in free if _note(number.row) in (_note(other.row) for other in row)]
        last = [row for row in free if row is rows[-1]]
        if chosen := same or last:
            chosen[0].append(number)
        else:
            rows.append([number])
    return rows


def _in_column_order(numbers: Sequence[StoredNumber]) -> list[StoredNumber]:
    """Return the numbers with a data set's metrics side by side, data sets in the order of the source."""
    blocks = group(numbers, lambda number: (number.row.family, number.row.dataset))
    return [number for block in blocks.values() for number in sorted(block, key=lambda n: _METRIC_ORDER[n.row.metric])]
