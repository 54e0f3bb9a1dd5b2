"""Source pages: every number of one text as it printed them, table by table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sitegen import words
from sitegen.grouping import group
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import bibtex, count_cell, distinct, numbers_csv, place_anchors
from sitegen.pages.printed import PrintedTable, lay_out
from sitegen.records import Dispute, Source, SourceTable
from sitegen.rendering import render
from sitegen.store import Store, StoredNumber
from sitegen.tables import Cell, Column, Facet, Row, Table, displayed
from sitegen.text import _

__all__ = ["pages"]

_MANY_TABLES = 20


def pages(store: Store) -> Iterator[Page]:
    """Yield the index of sources and a page for each."""
    numbers = group(store.numbers, lambda number: number.source)
    yield _index(store, numbers)
    for source in store.sources.values():
        yield _source_page(store, source, numbers.get(source.id, []))


@dataclass(frozen=True)
class _Section:
    table: SourceTable
    anchor: str
    numbers: Sequence[StoredNumber]
    grid: PrintedTable

    @property
    def evidence(self) -> list[tuple[str, str, int]]:
        """Return (family, what tells it, how many numbers), each once."""
        found = group(self.numbers, lambda number: (number.row.family, number.row.family_evidence))
        return [(family, evidence, len(numbers)) for (family, evidence), numbers in found.items()]

    @property
    def flagged(self) -> list[tuple[str, str, list[StoredNumber]]]:
        """Return (flag, reason, numbers), each pair of flag and reason once."""
        flagged = [number for number in self.numbers if number.row.flag]
        found = group(flagged, lambda number: (number.row.flag or "", number.row.flag_reason))
        return [(flag, reason, numbers) for (flag, reason), numbers in found.items()]

    def disputed(self, store: Store) -> list[tuple[StoredNumber, Dispute]]:
        """Return the numbers that were withdrawn or are disputed, each with why."""
        if not store.disputes:
            return []
        return [(number, store.disputes[number.id]) for number in self.numbers if number.id in store.disputes]


def _source_page(store: Store, source: Source, numbers: Sequence[StoredNumber]) -> Page:
    path = f"sources/{source.id}.md"
    anchors = place_anchors(source)
    by_place = group(numbers, lambda number: number.row.place)
    sections = [
        _Section(table, anchors[table.place], found, lay_out(found))
        for table in source.tables
        if (found := by_place.get(table.place))
    ]
    data = f"data/sources/{source.id}.csv"
    body = render(
        "source.md.j2",
        path,
        store=store,
        source=source,
        numbers=numbers,
        sections=sections,
        models=distinct(number.row.model for number in numbers),
        datasets=distinct(number.row.dataset for number in numbers),
        many=len(sections) > _MANY_TABLES,
        data=data,
        kinds={number.row.kind for number in numbers},
        bibtex=bibtex(store, source.bibtex),
        displayed=displayed,
    )
    about = _("Every number of {title} as printed, with its protocol.").format(title=source.title)
    return Page(path, source.title, body, about, (DataFile(data, numbers_csv(numbers)),))


def _index(store: Store, numbers: dict[str, list[StoredNumber]]) -> Page:
    path = "sources/index.md"
    body = render("sources.md.j2", path, table=index_table(store, numbers), store=store)
    about = _("Every text that Fathom quotes numbers from, with what it compared.")
    return Page(path, _("Papers and other sources"), body, about)


def index_table(store: Store, numbers: dict[str, list[StoredNumber]]) -> Table:
    """Return all sources as one table, the newest first, with filters for year and kind of text."""
    sources = sorted(store.sources.values(), key=lambda source: (-(source.year or 0), source.title))
    kinds = distinct(source.kind_of_text for source in sources)
    return Table(
        id="sources-table",
        title=_("Sources"),
        description=_("Every text that numbers are quoted from."),
        columns=(
            Column("source", _("Source"), "model"),
            Column("year", _("Year"), "number", descending=True),
            Column("kind", _("What it is"), "text"),
            Column("numbers", _("Numbers"), "number", descending=True),
            Column("models", _("Models"), "number", descending=True),
            Column("datasets", _("Data sets"), "number", descending=True),
            Column("who", _("Who ran them"), "text"),
        ),
        rows=tuple(_index_row(source, numbers.get(source.id, [])) for source in sources),
        filters=(
            Facet("kind", _("What it is"), tuple((kind, words.text_kind(kind)) for kind in kinds)),
            Facet("year", _("Year"), tuple((year, year) for year in distinct(str(s.year) for s in sources if s.year))),
            Facet("who", _("Who ran them"), tuple((k, words.kind(k)) for k in ("reported", "re-run", "copied"))),
        ),
    )


def _index_row(source: Source, numbers: Sequence[StoredNumber]) -> Row:
    kinds = distinct(number.row.kind for number in numbers)
    models, datasets = ({getattr(number.row, name) for number in numbers} for name in ("model", "dataset"))
    cells = (
        Cell(source.title, source.title, f"sources/{source.id}.html"),
        count_cell(source.year),
        Cell(words.text_kind(source.kind_of_text), source.kind_of_text),
        count_cell(len(numbers)),
        count_cell(len(models)),
        count_cell(len(datasets - {"none"})),
        Cell(", ".join(words.kind(kind) for kind in kinds)),
    )
    return Row(source.id, cells, {"kind": source.kind_of_text, "year": str(source.year or ""), "who": " ".join(kinds)})
