"""Model pages: what a model is, how to run it, and every number it has, with the board and the source of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sitegen import charts, words
from sitegen.board import Board, BoardRow, boards, model_numbers
from sitegen.board_table import board_table, deviation_notes, number_href, size_classes, size_facet, value_of
from sitegen.grouping import group
from sitegen.ladder import ladder, record_path
from sitegen.metrics import METRICS
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import bibtex, board_href, count_cell, numbers_csv
from sitegen.records import Exposure, ModelCard, Run, ZeroShot, record_text
from sitegen.rendering import render, root_of
from sitegen.report import history_href, number_report, run_report
from sitegen.speed_table import speed_table
from sitegen.store import Store, StoredNumber
from sitegen.tables import Badge, Cell, Column, Facet, Footnotes, Row, Table
from sitegen.text import _, numeral

__all__ = ["pages"]

_RELATIONS = ("trained_on", "fine_tuned_on", "pretrained_on", "same_source", "zero_shot")


_SHOWN_BESIDE = ("delta1", "rmse")
_NO_DEPTH = {"speed", "size", "rank"}


@dataclass(frozen=True)
class _Standing:
    """A board that a model is on, its row there and the row's cells as the board's table has them."""

    board: Board
    table: Table
    row: BoardRow
    cells: Mapping[str, Cell]


def pages(store: Store) -> Iterator[Page]:
    """Yield the index of models and a page for each."""
    standings = _standings(store)
    yield _index(store, standings)
    for card in store.models.values():
        yield _model_page(store, card, standings[card.id])


def _standings(store: Store) -> dict[str, list[_Standing]]:
    """Return the boards of depth that each model is on (sizes, speeds and ranks inside one paper left out)."""
    standings: dict[str, list[_Standing]] = {model: [] for model in store.models}
    for board in boards(store):
        if board.family in _NO_DEPTH:
            continue
        table = board_table(store, board)
        keys = [column.key for column in table.columns]
        for row, shown in zip(board.rows, table.rows, strict=True):
            cells = dict(zip(keys, shown.cells, strict=True))
            standings[row.model].append(_Standing(board, table, row, cells))
    return standings


def _model_page(store: Store, card: ModelCard, standings: Sequence[_Standing]) -> Page:
    path = f"models/{card.id}.md"
    numbers = model_numbers(store, card.id)
    chart = _chart(store, card, numbers)
    files = [DataFile(f"data/models/{card.id}.csv", numbers_csv(numbers))] if numbers else []
    runs = [run for run in store.runs if run.model.id == card.id]
    files += [DataFile(record_path(run), record_text(run)) for run in runs]
    on_board = {standing.row.run.sha256: standing.board.name for standing in standings if standing.row.run}
    spec = f"data/models/{card.id}.chart.json"
    files += [DataFile(spec, chart.json)] if chart else []
    body = render(
        "model.md.j2",
        path,
        store=store,
        card=card,
        numbers=numbers,
        standings=standings,
        overview=_overview(store, standings),
        chart=charts.figure(chart, root_of(path) + spec) if chart else "",
        exposures=_by_relation(card),
        relatives=[other for other in store.models.values() if other.family == card.family and other.id != card.id],
        cases=[case for case in store.disagreements.values() if card.id in case.models],
        runs=runs,
        record_path=record_path,
        ladder_of=ladder,
        history_href=_history,
        run_report=lambda run: run_report(run, on_board.get(run.sha256, run.dataset.id)),
        deviation_notes=deviation_notes,
        speeds=speed_table(store, [speed for speed in store.speeds if speed.model == card.id], of_model=True),
        proven=store.adapters is not None and any(entry.model == card.id for entry in store.adapters.models),
        by_dataset=group(numbers, lambda number: number.row.dataset),
        kinds={number.row.kind for number in numbers},
        bibtex=bibtex(store, card.bibtex),
        number_href=number_href,
        number_report=number_report,
        value_of=value_of,
        metrics=METRICS,
    )
    about = _("{name}: what it predicts, how to run it, and all its published and measured numbers with their sources.")
    return Page(path, card.name, body, about.format(name=card.name), tuple(files))


def _history(run: Run) -> str:
    return history_href(f"results/runs/{run.place}")


def _by_relation(card: ModelCard) -> dict[str, list[Exposure]]:
    return {name: found for name in _RELATIONS if (found := [seen for seen in card.exposure if seen.relation == name])}


# ---------------------------------------------------------------------------------------------------------------------
# Where it stands


def _overview(store: Store, standings: Sequence[_Standing]) -> Table:
    """Return a row a board: the model's rank there and its cells, as the board shows them."""
    wanted = {standing.board.primary for standing in standings} | {*_SHOWN_BESIDE}
    shown = [name for name in METRICS if name in wanted and any(name in standing.cells for standing in standings)]
    notes = Footnotes()
    rows = tuple(_overview_row(store, standing, shown, notes) for standing in standings)
    return Table(
        id="standings",
        title=_("Boards"),
        description=_(
            "The authors' own value where there is one; below it the range of all published values, or the 95 % "
            "interval of a measured one."
        ),
        columns=(
            Column("board", _("Data set"), "model"),
            Column("fit", _("Fit"), "text"),
            Column("rank", _("Rank"), "number"),
            *(_metric_column(name) for name in shown),
        ),
        rows=rows,
        footnotes=notes.texts,
        plain=True,
    )


def _metric_column(name: str) -> Column:
    metric = METRICS[name]
    high = metric.direction == "higher"
    return Column(name, metric.symbol, "number", metric.arrow, metric.unit, _(metric.meaning), descending=high)


def _overview_row(store: Store, standing: _Standing, shown: Sequence[str], notes: Footnotes) -> Row:
    board, row = standing.board, standing.row
    ranked = sum(1 for other in board.rows if other.rank is not None)
    badges = (Badge(_("smoke"), "smoke"),) if not board.citable else ()
    cells = [
        Cell(store.datasets[board.dataset].name, href=board_href(board), zero_shot=_lead(standing), badges=badges),
        Cell(words.family(board.family) + (", " + _("measured here") if board.measured else "")),
        _rank_cell(row.rank, ranked),
        *(notes.adopted(standing.cells.get(name, Cell()), standing.table.footnotes) for name in shown),
    ]
    return Row(f"{board.dataset}-{board.id}", tuple(cells))


def _rank_cell(rank: int | None, ranked: int) -> Cell:
    if rank is None:
        return Cell()
    return Cell(_("{rank} of {all}").format(rank=rank, all=ranked) if ranked > 1 else _("alone"), rank)


def _lead(standing: _Standing) -> ZeroShot | None:
    return standing.cells["model"].zero_shot


# ---------------------------------------------------------------------------------------------------------------------
# The chart


def _chart(store: Store, card: ModelCard, numbers: Sequence[StoredNumber]) -> charts.Chart | None:
    """Draw all values of the metric that was published most often for the same board; None where none was repeated."""
    sound = [
        number
        for number in numbers
        if number.row.flag != "suspect"
        and number.id not in store.disputes
        and METRICS[number.row.metric].group == "error"
    ]
    places = group(sound, lambda number: (number.row.metric, number.row.dataset, number.row.family))
    repeated = {place: found for place, found in places.items() if len({n.row.value for n in found}) > 1}
    if not repeated:
        return None
    metric = Counter(place[0] for place in repeated).most_common(1)[0][0]
    shown = {place: found for place, found in repeated.items() if place[0] == metric}
    symbol = METRICS[metric].symbol
    labels = _labels(store, list(shown))
    widest = max(shown, key=lambda place: _ratio(shown[place]))
    title = _("One model, several values: {symbol} differs up to {ratio}-fold on {board}")
    alt = _("{symbol} of {name} on {count} boards, a mark for each published value.")
    points = [_point(store, labels[place], number) for place, found in shown.items() for number in found]
    return charts.range_vs_reruns(
        pd.DataFrame(points),
        metric=f"{symbol} {METRICS[metric].arrow}",
        title=title.format(symbol=symbol, ratio=numeral(_ratio(shown[widest]), ".1f"), board=labels[widest]),
        alt_text=alt.format(symbol=symbol, name=card.name, count=len(shown)),
    )


def _ratio(numbers: Sequence[StoredNumber]) -> float:
    values = [number.row.value for number in numbers]
    return max(values) / min(values) if min(values) > 0 else 1.0


def _labels(store: Store, places: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
    """Return the rows' names: the data set, with the fit only where a data set has several rows."""
    several = Counter(dataset for _metric, dataset, _family in places)
    names = {place: store.datasets[place[1]].name for place in places}
    return {
        place: name if several[place[1]] == 1 else f"{name}, {words.family(place[2])}" for place, name in names.items()
    }


def _point(store: Store, label: str, number: StoredNumber) -> dict[str, object]:
    source = store.sources[number.source].title
    return {
        "board": label,
        "value": number.row.value,
        "kind": number.row.kind,
        "text": value_of(number),
        "source": source,
    }


# ---------------------------------------------------------------------------------------------------------------------
# The index


def _index(store: Store, standings: dict[str, list[_Standing]]) -> Page:
    path = "models/index.md"
    body = render("models.md.j2", path, store=store, table=_index_table(store, standings))
    about = _("Every model of the boards: what it predicts, how large it is, and under which licence.")
    return Page(path, _("Models"), body, about)


def _index_table(store: Store, standings: dict[str, list[_Standing]]) -> Table:
    cards = sorted(store.models.values(), key=lambda card: card.name.casefold())
    counts = Counter(number.row.model for number in store.numbers)
    return Table(
        id="models-table",
        title=_("Models"),
        description=_("A dash means: not stated in what was read."),
        columns=(
            Column("model", _("Model"), "model"),
            Column("year", _("Year"), "number", descending=True),
            Column("output", _("Predicts"), "text"),
            Column("architecture", _("Architecture"), "text", optional=True),
            Column("params", _("Params"), "number", unit="M"),
            Column("licence", _("Licence of weights"), "text", meaning=_("Licence of the weights")),
            Column("boards", _("Boards"), "number", descending=True),
            Column("numbers", _("Numbers"), "number", descending=True),
        ),
        rows=tuple(_index_row(card, len(standings[card.id]), counts[card.id]) for card in cards),
        filters=_facets(cards),
    )


def _index_row(card: ModelCard, on_boards: int, numbers: int) -> Row:
    cells = (
        Cell(card.name, card.name, f"models/{card.id}.html"),
        count_cell(card.year),
        Cell(words.output_kind(card.output_kind) if card.output_kind != "unknown" else ""),
        Cell(words.architecture(card.architecture_class)),
        Cell() if card.params_m is None else Cell(f"{card.params_m:g}", card.params_m),
        Cell(_short(card.licence_weights), hint=card.licence_weights),
        count_cell(on_boards),
        count_cell(numbers),
    )
    facets = {
        "family": card.family,
        "output": card.output_kind,
        "architecture": card.architecture_class or "",
        "commercial": card.commercial_use,
        "size": size_classes(card.params_m),
        "year": str(card.year or ""),
    }
    return Row(card.id, cells, facets)


def _short(text: str, most: int = 28) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip(" ,;(") + "…"


def _facets(cards: Sequence[ModelCard]) -> tuple[Facet, ...]:
    families = [family for family, found in group(cards, lambda card: card.family).items() if len(found) > 1]
    outputs = sorted({card.output_kind for card in cards})
    kinds = sorted({card.architecture_class for card in cards if card.architecture_class})
    years = sorted({card.year for card in cards if card.year}, reverse=True)
    return (
        Facet("output", _("Predicts"), tuple((name, words.output_kind(name)) for name in outputs)),
        size_facet(),
        Facet(
            "commercial",
            _("Commercial use of the weights"),
            tuple((name, words.commercial(name)) for name in ("yes", "no", "unknown")),
            quick=("yes", _("commercial use allowed")),
            minor=True,
        ),
        Facet("family", _("Family"), tuple((name, name) for name in sorted(families)), minor=True),
        Facet("architecture", _("Architecture"), tuple((name, words.architecture(name)) for name in kinds), minor=True),
        Facet("year", _("Year"), tuple((str(year), str(year)) for year in years), minor=True),
    )
