"""The home page: the headline boards, every other board one click away, and what is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sitegen import charts, words
from sitegen.board import HEADLINES, Board, boards
from sitegen.board_table import board_frame, board_table
from sitegen.grouping import group
from sitegen.metrics import METRICS
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import board_href, near_best
from sitegen.records import FAMILIES, Family, Run, Source
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.tables import Cell, Column, Row, Table
from sitegen.text import _, numeral

__all__ = ["pages"]

PATH = "index.md"
_CHART = "data/home.chart.json"
_HEADLINES = (*HEADLINES, ("nyu-depth-v2", "affine-depth"), ("kitti", "affine-depth"))
_ROWS = 8
_NEWS = 6
_METRICS = ("abs_rel", "delta1")
_OTHER: frozenset[Family] = frozenset({"speed", "size", "rank"})


@dataclass(frozen=True)
class _Extract:
    """The first rows of a headline board."""

    board: Board
    table: Table
    href: str


def pages(store: Store) -> Iterator[Page]:
    """Yield the home page."""
    made = boards(store)
    chart = _chart(store, made)
    body = render(
        "home.md.j2",
        PATH,
        store=store,
        headlines=group(_extracts(store, made), lambda extract: extract.board.family),
        matrix=_matrix(store, made),
        others=[board for board in made if board.family in _OTHER],
        board_href=board_href,
        chart=charts.figure(chart, _CHART) if chart else "",
        runs=_newest_runs(store),
        sources=_newest_sources(store),
        unexplained=[case for case in store.disagreements.values() if not case.explained],
    )
    about = _(
        "Leaderboard of monocular depth estimation: metric and relative depth, indoors and outdoors, every number "
        "with its protocol and its source."
    )
    files = (DataFile(_CHART, chart.json),) if chart else ()
    yield Page(PATH, _("Leaderboard"), body, about, files)


def _extracts(store: Store, made: Sequence[Board]) -> Iterator[_Extract]:
    found = {(board.dataset, board.id): board for board in made}
    for board in (found[key] for key in _HEADLINES if key in found):
        metrics = [metric for metric in _METRICS if metric in board.metrics] or list(board.metrics[:2])
        table = board_table(store, board, limit=_ROWS, metrics=metrics)
        card = store.datasets[board.dataset]
        place = _("{scene}, first {count}").format(scene=words.scene(card.scene), count=len(table.rows))
        yield _Extract(board, replace(table, title=card.name, description=place), board_href(board))


def _chart(store: Store, made: Sequence[Board]) -> charts.Chart | None:
    """Draw how the first headline board's primary metric went down over the years."""
    board = next((board for board in made if (board.dataset, board.id) == HEADLINES[0]), None)
    if board is None:
        return None
    frame = board_frame(store, board)
    frame = frame.assign(x=frame["model"].map(lambda model: store.models[model].year), y=frame["value"])
    frame = frame[frame["x"].notna() & ~frame["suspect"].astype(bool)]
    if frame["x"].nunique() < 2:
        return None
    frame, note = near_best(frame, METRICS[board.primary].direction)
    metric, dataset = METRICS[board.primary], store.datasets[board.dataset].name
    first, last = frame[frame["x"] == frame["x"].min()], frame.iloc[0]
    title = _("{symbol} on {dataset}, metric depth: {old} in {then}, {new} in {now}")
    alt = _("Published {symbol} of {count} models against the year of publication; the line joins the best so far.")
    chart = charts.year_trend(
        frame,
        y_label=f"{metric.symbol} {metric.arrow}",
        title=title.format(
            symbol=metric.symbol,
            dataset=dataset,
            old=numeral(first.iloc[0]["text"]),
            then=int(first.iloc[0]["x"]),
            new=numeral(last["text"]),
            now=int(last["x"]),
        ),
        alt_text=alt.format(symbol=metric.symbol, count=len(frame)),
        direction=metric.direction,
    )
    return replace(chart, note=note)


def _matrix(store: Store, made: Sequence[Board]) -> Table:
    """Return every board of depth: data sets down, fits across, in a cell the number of models."""
    shown = [board for board in made if board.family not in _OTHER]
    families = [family for family in FAMILIES if any(board.family == family and not board.measured for board in shown)]
    measured = any(board.measured for board in shown)
    return Table(
        id="all-boards-table",
        title=_("All boards"),
        description=_("Models on each board, by data set and by how predictions were fitted."),
        columns=(
            Column("dataset", _("Data set"), "model"),
            *(
                Column(name, words.family(name), "number", meaning=words.family_rule(name), descending=True)
                for name in families
            ),
            *((Column("measured", _("measured here"), "number", descending=True),) if measured else ()),
        ),
        rows=tuple(
            Row(dataset, _matrix_cells(store, dataset, found, families, measured=measured))
            for dataset, found in _by_weight(shown)
        ),
        plain=True,
    )


def _by_weight(made: Sequence[Board]) -> list[tuple[str, list[Board]]]:
    """Return boards by data set, the data set with most models first."""
    found = group(made, lambda board: board.dataset)
    return sorted(found.items(), key=lambda pair: -sum(len(board.models) for board in pair[1]))


def _matrix_cells(
    store: Store, dataset: str, found: Sequence[Board], families: Sequence[Family], *, measured: bool
) -> tuple[Cell, ...]:
    published = {board.family: board for board in found if not board.measured}
    here = [board for board in found if board.measured]
    cells = [Cell(store.datasets[dataset].name, href=f"datasets/{dataset}.html")]
    cells += [_matrix_cell([published[name]] if name in published else []) for name in families]
    cells += [_matrix_cell(here)] if measured else []
    return tuple(cells)


def _matrix_cell(found: Sequence[Board]) -> Cell:
    models = len({model for board in found for model in board.models})
    return Cell(str(models), models, board_href(found[0])) if found else Cell()


def _newest_runs(store: Store) -> list[Run]:
    return sorted(store.runs, key=lambda run: (run.timings.started, run.model.id), reverse=True)[:_NEWS]


def _newest_sources(store: Store) -> list[Source]:
    """Return the newest sources by year, those with most numbers first; second-hand notes are no news."""
    numbers = group(store.numbers, lambda number: number.source)
    dated = [source for source in store.sources.values() if source.year and source.kind_of_text != "notes"]
    return sorted(dated, key=lambda source: (-(source.year or 0), -len(numbers.get(source.id, [])), source.id))[:_NEWS]
