"""Boards become tables: titles, columns, marks, footnotes, filters, and what their downloads hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from sitegen import words
from sitegen.board import Board, BoardCell, BoardRow
from sitegen.metrics import METRICS
from sitegen.records import PREDICTION_KINDS, ModelCard, Run
from sitegen.rendering import slug
from sitegen.store import Store, StoredNumber
from sitegen.tables import LICENCE, Badge, Cell, Column, Facet, Footnotes, Row, Table, Value, displayed
from sitegen.text import _, numeral

__all__ = [
    "board_bibtex",
    "board_description",
    "board_frame",
    "board_table",
    "board_title",
    "degenerate_notes",
    "deviation_notes",
    "number_hint",
    "number_href",
    "size_classes",
    "size_facet",
    "value_of",
]

_PUBLISHED_EXTRAS = ("low", "high", "kind", "source", "place", "printed", "flag")
_MEASURED_EXTRAS = ("published", "published_source", "delta")
_SIZES = (10, 25, 50, 100, 200, 400)
"""Limits of the filter by size, in millions of parameters."""
_VALUE_FIELDS = (
    "model_as_printed",
    "variant",
    "split",
    "protocol_note",
    "place",
    "kind",
    "zero_shot",
    "family_evidence",
    "flag",
    "flag_reason",
    "protocol",
    "measured_on",
    "measured_date",
)


def board_title(store: Store, board: Board) -> str:
    """Return what a board is called: the data set and what its numbers have in common."""
    name = store.datasets[board.dataset].name
    if not board.measured:
        return _("{dataset}: {family}, published").format(dataset=name, family=words.family(board.family))
    title = board.protocol.title if board.protocol else f"{board.protocol_id} ({board.protocol_sha256[:8]})"
    return _("{dataset}: {protocol}, {family}, measured").format(
        dataset=name, protocol=title, family=words.family(board.family)
    )


def board_description(store: Store, board: Board) -> str:
    """Return what a board is and under which protocol or family its numbers stand, in a few sentences."""
    parts = [] if board.citable else [_("Smoke board: it shows that the path works and is not to be cited.")]
    if board.measured:
        protocol = _("Measured by this project under one protocol, {id} (sha256 {digest}); {rule}.")
        parts.append(
            protocol.format(
                id=board.protocol_id, digest=board.protocol_sha256[:12], rule=words.family_rule(board.family)
            )
        )
    else:
        parts.append(_("Published numbers; {rule}.").format(rule=words.family_rule(board.family)))
        parts.append(_("The sources' protocols differ in detail; every value leads to its source."))
    if not board.ranked:
        parts.append(_("Listed, not ranked."))
    if board.grouped:
        speed = board.family == "speed"
        parts.append(_("Compare only on the same hardware.") if speed else _("Compare only within one table."))
    return " ".join(parts)


def board_table(
    store: Store, board: Board, *, limit: int | None = None, metrics: Sequence[str] | None = None, date: str = ""
) -> Table:
    """Return the table of a board.

    Args:
        store: The records.
        board: A board of that store.
        limit: Only so many rows, for an extract; such a table is plain and has no optional columns.
        metrics: Only these metrics, in this order; None for all.
        date: Date of the data (YYYY-MM-DD); a measured board knows that of its newest run.
    """
    return _TableMaker(store, board, limit, tuple(metrics or board.metrics)).table(date)


def board_bibtex(store: Store, board: Board) -> str:
    """Return the BibTeX entries of a board's data set, models and sources, each once, by key."""
    keys = set(store.datasets[board.dataset].bibtex)
    keys.update(key for model in board.models for key in store.models[model].bibtex)
    keys.update(key for source in board.sources for key in store.sources[source].bibtex)
    entries = [store.references[key].to_bibtex() for key in sorted(keys & store.references.keys())]
    head = [f"% {board_title(store, board)}", f"% Fathom. {_('Licence')}: {LICENCE}"]
    return "\n".join(head) + "\n\n" + "".join(f"{entry}\n\n" for entry in entries).rstrip("\n") + "\n"


def board_frame(store: Store, board: Board, metric: str = "") -> pd.DataFrame:
    """Return a board as a tidy frame, one row a model, in the board's order; rows without the metric are left out.

    Columns: label (unique), model, rank (None where not ranked), value, low, high, kind, zero_shot, suspect, text.

    Args:
        store: The records.
        board: A board of that store.
        metric: Which metric; the primary one if empty.
    """
    metric = metric or board.primary
    rows = [(row, row.cells[metric]) for row in board.rows if metric in row.cells]
    columns = ["label", "model", "rank", "value", "low", "high", "kind", "zero_shot", "suspect", "text"]
    return pd.DataFrame([_frame_row(store, row, cell) for row, cell in rows], columns=columns)


def number_href(number: StoredNumber) -> str:
    """Return where a published number stands on the site, relative to its root."""
    return f"sources/{number.source}.html#n{number.line}"


def number_hint(store: Store, number: StoredNumber) -> str:
    """Return where a number was read, how it was printed and on which protocol, in one line."""
    row = number.row
    place = f"{store.sources[number.source].title}, {row.place}: {numeral(row.value_as_printed)}"
    return "; ".join(part for part in (place, row.variant, row.split, row.protocol_note) if part)


def value_of(number: StoredNumber) -> str:
    """Return a number's value with the digits that its source printed."""
    return displayed(number.row.value, number.row.value_as_printed)


def _frame_row(store: Store, row: BoardRow, cell: BoardCell) -> dict[str, Any]:
    name = store.models[row.model].name
    return {
        "label": f"{name} ({row.group})" if row.group else name,
        "model": row.model,
        "rank": row.rank,
        "value": cell.value,
        "low": cell.low.row.value if cell.low else cell.value,
        "high": cell.high.row.value if cell.high else cell.value,
        "kind": cell.kind,
        "zero_shot": cell.zero_shot,
        "suspect": cell.suspect,
        "text": cell.shown,
    }


class _TableMaker:
    """Makes the table of one board, collecting its footnotes in reading order."""

    def __init__(self, store: Store, board: Board, limit: int | None, metrics: tuple[str, ...]) -> None:
        self.store = store
        self.board = board
        self.metrics = metrics
        self.extract = limit is not None
        self.rows = board.rows[:limit]
        self.notes = Footnotes()

    def table(self, date: str) -> Table:
        board = self.board
        columns = tuple(self._columns())
        rows = tuple(self._row(index, row) for index, row in enumerate(self.rows))
        return Table(
            id=f"board-{board.dataset}-{board.id}",
            title=board_title(self.store, board),
            description=board_description(self.store, board),
            columns=columns,
            rows=rows,
            footnotes=self.notes.texts,
            filters=() if self.extract else tuple(_facets(rows)),
            date=date or max((row.run.timings.started[:10] for row in board.rows if row.run), default=""),
            plain=self.extract,
            data=_board_data(board),
        )

    @property
    def _shows_params(self) -> bool:
        known = any(self.store.models[row.model].params_m for row in self.rows)
        return known and "params_m" not in self.board.metrics

    def _columns(self) -> Iterator[Column]:
        if self.board.ranked:
            yield Column("rank", "#", "rank", meaning=_("Rank by the first metric; equal values share one."))
        yield Column("model", _("Model"), "model", extras=("model_id", "zero_shot"))
        if self.board.grouped:
            yield Column("group", _("Hardware") if self.board.family == "speed" else _("Table"), "text")
        for metric in self.metrics:
            yield self._metric_column(metric)
        if self.extract:
            return
        if not self.board.measured:
            yield Column("source", _("Source"), "source", optional=True)
        if self._shows_params:
            yield Column(
                "params_m", _("Params"), "number", unit="M", optional=True, meaning=_("As on the model's card.")
            )
        yield Column("licence_weights", _("Licence of weights"), "text", optional=True)
        yield Column("year", _("Year"), "text", optional=True)

    def _metric_column(self, metric_id: str) -> Column:
        metric = METRICS[metric_id]
        note = _("Several definitions of {metric} are in use: compare it within one source only. No best is marked.")
        extras = _MEASURED_EXTRAS if self.board.measured else _PUBLISHED_EXTRAS
        return Column(
            key=metric_id,
            title=metric.symbol,
            kind="number",
            arrow=metric.arrow,
            unit=metric.unit,
            meaning=_(metric.meaning),
            href=f"metrics.html#{slug(metric_id)}",
            descending=metric.direction == "higher",
            extras=tuple(f"{metric_id}_{name}" for name in extras),
            footnotes=(self.notes.add(note.format(metric=metric.symbol)),)
            if not self.board.one_definition(metric_id)
            else (),
        )

    def _row(self, index: int, row: BoardRow) -> Row:
        card = self.store.models[row.model]
        lead = row.cells.get(self.board.primary) or next(iter(row.cells.values()))
        cells = [self._rank_cell(row)] if self.board.ranked else []
        cells.append(self._model_cell(row, card, lead))
        cells += [Cell(row.group, row.group)] if self.board.grouped else []
        cells += [self._metric_cell(row.cells.get(metric)) for metric in self.metrics]
        cells += [] if self.extract else self._card_cells(card, lead)
        row_id = f"{row.model}-{index + 1}" if self.board.grouped else row.model
        return Row(row_id, tuple(cells), _row_facets(card, lead))

    def _rank_cell(self, row: BoardRow) -> Cell:
        return Cell() if row.rank is None else Cell(str(row.rank), row.rank, tie=row.tied)

    def _model_cell(self, row: BoardRow, card: ModelCard, lead: BoardCell) -> Cell:
        badges = [Badge(_("baseline"))] if card.baseline else []
        if row.run and row.run.sha256 in self.store.verified:
            badges.append(Badge(_("verified"), "ok"))
        notes = [self.notes.add(text) for text in _run_caveats(row)]
        return Cell(
            text=card.name,
            value=card.name,
            href=f"models/{card.id}.html",
            hint=card.variant,
            zero_shot=None if self.board.family in {"size", "speed", "rank"} else lead.zero_shot,
            badges=tuple(badges),
            footnotes=tuple(notes),
            extras={"model_id": card.id, "zero_shot": lead.zero_shot},
        )

    def _metric_cell(self, cell: BoardCell | None) -> Cell:
        if cell is None:
            return Cell()
        return self._measured_cell(cell) if cell.run else self._published_cell(cell)

    def _published_cell(self, cell: BoardCell) -> Cell:
        number = cell.numbers[0]
        row = number.row
        low, high = cell.low, cell.high
        extras: list[Value] = [low.row.value if low else None, high.row.value if high else None]
        extras += [row.kind, number.source, row.place, row.value_as_printed]
        extras.append(row.flag or (f"other-{cell.apart}" if cell.apart else None))
        names = (f"{cell.metric}_{name}" for name in _PUBLISHED_EXTRAS)
        return Cell(
            text=cell.shown,
            value=cell.value,
            href=number_href(number),
            hint=number_hint(self.store, number),
            mark=cell.kind,
            emphasis=cell.emphasis,
            suspect=cell.suspect,
            range=f"{value_of(low)}–{value_of(high)}" if low and high else "",
            range_href=f"models/{row.model}.html#numbers-{row.dataset}" if low and high else "",
            why_href=self._why(row.model, cell.metric) if low and high else "",
            footnotes=tuple(self.notes.add(text) for text in _caveats(cell)),
            extras=dict(zip(names, extras, strict=True)),
            detail={"zero_shot": cell.zero_shot, "values": [_value_data(found) for found in cell.numbers]},
        )

    def _why(self, model: str, metric: str) -> str:
        """Return where it is told why a model's values differ: its one case, or the list of its cases."""
        cases = [
            case
            for case in self.store.disagreements.values()
            if model in case.models
            and any(
                (value.dataset or case.dataset, value.metric or case.metric) == (self.board.dataset, metric)
                for value in case.values
            )
        ]
        if len(cases) > 1:
            return f"models/{model}.html#disagreements"
        return f"disagreements.html#{cases[0].id}" if cases else ""

    def _measured_cell(self, cell: BoardCell) -> Cell:
        published, delta = cell.headline, cell.delta
        extras: list[Value] = [None, None, None]
        hint = ""
        if published is not None and delta is not None:
            extras = [published.row.value, published.source, float(f"{delta:.6g}")]
            hint = _("published: {where}").format(where=number_hint(self.store, published))
        names = (f"{cell.metric}_{name}" for name in _MEASURED_EXTRAS)
        decimals = len(cell.shown.partition(".")[2])
        return Cell(
            text=cell.shown,
            value=cell.value,
            href=f"protocols/{self.board.dataset}/{self.board.protocol_id}.html" if self.board.protocol else "",
            hint=hint,
            mark="measured",
            emphasis=cell.emphasis,
            delta="" if delta is None else f"{delta:+.{decimals}f}".replace("-", "−"),
            extras=dict(zip(names, extras, strict=True)),
            detail={"zero_shot": cell.zero_shot, **_run_data(cell.run)},
        )

    def _card_cells(self, card: ModelCard, lead: BoardCell) -> list[Cell]:
        cells = []
        if not self.board.measured:
            source = self.store.sources[lead.numbers[0].source]
            cells.append(Cell(source.id, source.id, href=f"sources/{source.id}.html", hint=source.title))
        if self._shows_params:
            cells.append(Cell(f"{card.params_m:.5g}", card.params_m) if card.params_m else Cell())
        year = str(card.year or "")
        return [*cells, Cell(card.licence_weights, card.licence_weights or None), Cell(year, year or None)]


def deviation_notes(run: Run) -> Iterator[str]:
    """Yield in what a run's predictions were made otherwise than its protocol says, a sentence each."""
    note = _("Predictions made otherwise than the protocol says: {how}")
    yield from (note.format(how=how) for how in run.deviations)


def degenerate_notes(run: Run) -> Iterator[str]:
    """Yield how many of a run's fits should not be trusted, if any."""
    note = _("The fit of {count} of {scored} images should not be trusted; they are in the mean.")
    if degenerate := sum(run.samples.degenerate):
        yield note.format(count=degenerate, scored=run.dataset.evaluated)


def _run_caveats(row: BoardRow) -> Iterator[str]:
    """Yield what a reader must know of a measured row; nothing of a published one."""
    if row.run is None:
        return
    if row.unscored:
        note = _("Not ranked: {count} of {listed} images have no value.")
        yield note.format(count=row.unscored, listed=row.listed)
    yield from (_("Not ranked. {note}").format(note=note) for note in deviation_notes(row.run))
    yield from degenerate_notes(row.run)


def _caveats(cell: BoardCell) -> Iterator[str]:
    """Yield what a reader must know of the value that is shown."""
    row = cell.numbers[0].row
    if row.flag:
        names = {"suspect": _("Suspect"), "caution": _("Caution"), "secondary": _("Second hand")}
        yield f"{names[row.flag]}: {row.flag_reason}"
    if cell.apart == "images":
        yield _("Not ranked: other images than the usual test set ({split}).").format(split=row.split)
    if cell.apart == "fit":
        yield _("Not ranked: a kinder fit than that of the other values ({note}).").format(note=row.protocol_note)


def _value_data(number: StoredNumber) -> dict[str, Any]:
    """Return one published number as plain data; empty fields are left out."""
    row = number.row
    data = {"value": row.value, "printed": row.value_as_printed, "source": number.source, "line": number.line}
    return data | {name: value for name in _VALUE_FIELDS if (value := getattr(row, name))}


def _run_data(run: Run | None) -> dict[str, Any]:
    """Return which run a measured value is of, and how it deviates, as plain data."""
    if run is None:
        return {"run_sha256": None}
    return {"run_sha256": run.sha256} | ({"deviations": run.deviations} if run.deviations else {})


def _board_data(board: Board) -> dict[str, Any]:
    data: dict[str, Any] = {
        "dataset": board.dataset,
        "board": board.id,
        "family": board.family,
        "measured": board.measured,
        "ranked": board.ranked,
        "citable": board.citable,
        "primary_metric": board.primary,
    }
    return data | ({"protocol": {"id": board.protocol_id, "sha256": board.protocol_sha256}} if board.measured else {})


def _row_facets(card: ModelCard, lead: BoardCell) -> dict[str, str]:
    facets = {
        "zs": lead.zero_shot,
        "kind": lead.kind,
        "output": card.output_kind,
        "arch": card.architecture_class or "",
        "commercial": card.commercial_use,
        "family": card.family,
        "size": size_classes(card.params_m),
        "year": str(card.year or ""),
    }
    return {name: value for name, value in facets.items() if value}


def size_classes(params_m: float | None) -> str:
    """Return the values of the filter by size: every limit that a model with so many million parameters stays under."""
    return " ".join(str(limit) for limit in _SIZES if params_m is not None and params_m <= limit)


def size_facet() -> Facet:
    """Return the filter by size."""
    return Facet("size", _("Size"), tuple((str(limit), _("at most {count} M").format(count=limit)) for limit in _SIZES))


def _facets(rows: Sequence[Row]) -> Iterator[Facet]:
    """Yield the filters that can tell rows apart."""
    kinds = ("measured", "reported", "re-run", "copied", "unclear")
    answers = ("yes", "no", "unknown")
    spoken: dict[str, tuple[str, Callable[[str], str], tuple[str, ...]]] = {
        "zs": (_("Zero-shot"), words.zero_shot, answers),
        "kind": (_("Who ran it"), words.kind, kinds),
        "output": (_("Output"), words.output_kind, (*PREDICTION_KINDS, "unknown")),
        "arch": (_("Architecture"), words.architecture, ()),
        "commercial": (_("Commercial use"), words.yes_no, answers),
        "family": (_("Family"), str, ()),
        "year": (_("Year"), str, ()),
    }
    quick = {
        "zs": ("yes", _("zero-shot only")),
        "kind": ("reported", _("the authors' own only")),
        "commercial": ("yes", _("commercial use allowed")),
    }
    if len({row.facets.get("size") for row in rows}) > 1:
        yield size_facet()
    for name, (title, say, order) in spoken.items():
        found = {row.facets[name] for row in rows if name in row.facets}
        options = tuple((value, say(value)) for value in order or sorted(found) if value in found)
        if len(options) > 1:
            yield Facet(name, title, options, quick[name] if name in quick and quick[name][0] in found else None, True)
