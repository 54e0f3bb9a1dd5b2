"""Data set pages: the card, and every board with what hides in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from sitegen import charts, words
from sitegen.board import Board, boards
from sitegen.board_table import board_bibtex, board_frame, board_table
from sitegen.grouping import group
from sitegen.metrics import METRICS
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import (
    BOARD_FORMATS,
    bibtex,
    count_cell,
    distinct,
    gallery_hrefs,
    near_best,
    sensitivity_hrefs,
)
from sitegen.records import DatasetCard, Disagreement, ModelCard
from sitegen.rendering import render, root_of
from sitegen.store import Store, StoredNumber
from sitegen.tables import Badge, Cell, Column, Facet, Row, Table
from sitegen.text import _, numeral

__all__ = ["pages"]

_LEAST_ROWS = 4
"""A chart of fewer rows says no more than the table."""
_LEAST_POINTS = 6
_DRAWN = 25


@dataclass(frozen=True)
class _Section:
    """One board on its page."""

    board: Board
    title: str
    table: Table
    notes: Sequence[tuple[str, Sequence[StoredNumber]]]
    """Each distinct protocol description of the board's numbers, the most frequent first."""
    figures: Sequence[Markup]
    files: Sequence[DataFile]

    @property
    def downloads(self) -> list[tuple[str, str]]:
        """Return (path, name) of the board's files."""
        return [(_board_path(self.board, ending), name) for ending, name in BOARD_FORMATS.items()]


def pages(store: Store) -> Iterator[Page]:
    """Yield the index of data sets and a page for each."""
    found = group(boards(store), lambda board: board.dataset)
    yield _index(store, found)
    for card in store.datasets.values():
        yield _dataset_page(store, card, _in_order(found.get(card.id, [])))


def _in_order(found: Sequence[Board]) -> list[Board]:
    """Return what was measured here first, then ranked boards, then listings."""
    return sorted(found, key=lambda board: (not board.measured, not board.ranked))


def _dataset_page(store: Store, card: DatasetCard, found: Sequence[Board]) -> Page:
    path = f"datasets/{card.id}.md"
    numbers = [number for number in store.numbers if number.row.dataset == card.id]
    drawn = _boards_to_draw(found)
    sections = [_section(store, board, path, drawn=board in drawn) for board in found]
    body = render(
        "dataset.md.j2",
        path,
        store=store,
        card=card,
        sections=sections,
        numbers=numbers,
        models=distinct(model for board in found for model in board.models),
        sources=distinct(number.source for number in numbers),
        runs=[run for run in store.runs if run.dataset.id == card.id],
        protocols=[protocol for (dataset, _id), protocol in store.protocols.items() if dataset == card.id],
        sensitivity=sensitivity_hrefs(store).get(card.id, ""),
        gallery=gallery_hrefs(store).get(card.id, ""),
        cases=[case for case in store.disagreements.values() if _concerns(case, card.id)],
        seen_by=_seen_by(store, card.id),
        wholes=[other for other in store.datasets.values() if card.id in other.parts],
        bibtex=bibtex(store, card.bibtex),
    )
    files = tuple(file for section in sections for file in section.files)
    about = _("{name}: what it is, and its boards of monocular depth models with the source of every number.")
    return Page(path, card.name, body, about.format(name=card.name), files)


def _concerns(case: Disagreement, dataset: str) -> bool:
    return dataset in {case.dataset, *(value.dataset for value in case.values)}


def _seen_by(store: Store, dataset: str) -> dict[str, list[ModelCard]]:
    """Return the models that have seen a data set, by what they did with it."""
    pairs = [
        (seen.relation, card) for card in store.models.values() for seen in card.exposure if seen.dataset == dataset
    ]
    pairs += [("trained_on", card) for card in store.models.values() if dataset in card.trained_on]
    pairs += [("pretrained_on", card) for card in store.models.values() if dataset in card.pretrained_on]
    order = ("trained_on", "fine_tuned_on", "pretrained_on", "same_source")
    cards = {relation: {card.id: card for name, card in pairs if name == relation} for relation in order}
    return {relation: list(found.values()) for relation, found in cards.items() if found}


# ---------------------------------------------------------------------------------------------------------------------
# One board


def _section(store: Store, board: Board, path: str, *, drawn: bool) -> _Section:
    table = board_table(store, board, metrics=_by_coverage(board))
    drawings = _drawings(store, board) if drawn else {}
    contents = {
        "csv": table.to_csv(),
        "json": table.to_json(),
        "md.txt": table.to_markdown(),
        "tex": table.to_latex(),
        "bib": board_bibtex(store, board),
        **{ending: chart.json for ending, chart in drawings.items()},
    }
    return _Section(
        board=board,
        title=_title(board),
        table=table,
        notes=_notes(board),
        figures=[
            Markup(charts.figure(chart, root_of(path) + _board_path(board, ending)))  # noqa: S704 - figure() escapes
            for ending, chart in drawings.items()
        ],
        files=[DataFile(_board_path(board, ending), content) for ending, content in contents.items()],
    )


def _by_coverage(board: Board) -> list[str]:
    """Return the board's metrics, the primary one first, then those that most models have a value of."""
    having = Counter(metric for row in board.rows for metric in row.cells)
    return sorted(board.metrics, key=lambda metric: (metric != board.primary, -having[metric]))


def _board_path(board: Board, ending: str) -> str:
    return f"data/boards/{board.dataset}/{board.id}.{ending}"


def _title(board: Board) -> str:
    if board.measured:
        fit = words.depth_of(board.family)
        if board.protocol is not None and board.protocol.house:
            return _("Measured here: {fit}").format(fit=fit)
        name = board.protocol.title if board.protocol else board.protocol_id
        return _("Measured here: {fit}, {protocol}").format(fit=fit, protocol=name)
    name = words.depth_of(board.family)
    return name[0].upper() + name[1:]


def _notes(board: Board) -> list[tuple[str, Sequence[StoredNumber]]]:
    """Return the distinct protocol descriptions behind a board's published numbers, the most frequent first."""
    if board.measured:
        return []
    numbers = [number for row in board.rows for cell in row.cells.values() for number in cell.numbers]
    described = group(numbers, lambda n: "; ".join(filter(None, (n.row.split, n.row.protocol_note))))
    return sorted(described.items(), key=lambda pair: (pair[0] == "", -len(pair[1])))


# ---------------------------------------------------------------------------------------------------------------------
# Charts


def _boards_to_draw(found: Sequence[Board]) -> list[Board]:
    """Return the boards that get a chart: the largest measured one and the largest published one that are ranked."""
    ranked = [board for board in found if board.ranked and len(board.rows) >= _LEAST_ROWS and board.rows[0].rank]
    largest = [
        max((board for board in ranked if board.measured == measured), key=lambda board: len(board.rows), default=None)
        for measured in (True, False)
    ]
    return [board for board in largest if board]


def _drawings(store: Store, board: Board) -> dict[str, charts.Chart]:
    """Return the charts of a board by the ending of their file."""
    drawings = {"chart.json": _dots(store, board)}
    pareto = _pareto(store, board)
    return drawings | ({"size.chart.json": pareto} if pareto else {})


def _dots(store: Store, board: Board) -> charts.Chart:
    frame = board_frame(store, board)
    metric = METRICS[board.primary]
    leader = frame.iloc[0]
    title = _("{model} leads with {value}; lines span all values published for a model")
    if board.measured:
        title = _("{model} leads with {value}")
    alt = _("{symbol} of {count} models on {dataset}, the best first.")
    return charts.ranked_dots(
        frame,
        metric=_axis(board),
        title=title.format(model=leader["label"], value=numeral(leader["text"])),
        alt_text=alt.format(symbol=metric.symbol, count=len(frame), dataset=store.datasets[board.dataset].name),
        most=_DRAWN,
        log=_spreads([float(value) for value in frame["value"].head(_DRAWN)]),
    )


def _spreads(values: Sequence[float]) -> bool:
    """Tell whether values reach so far apart that a linear axis would hide the differences of the best."""
    return min(values) > 0 and max(values) / min(values) > 8


def _pareto(store: Store, board: Board) -> charts.Chart | None:
    """Draw error against size, if enough models say how large they are."""
    frame = board_frame(store, board)
    frame = frame.assign(x=frame["model"].map(lambda model: store.models[model].params_m), y=frame["value"])
    frame = frame[frame["x"].notna() & frame["rank"].notna()]
    metric = METRICS[board.primary]
    frame, note = near_best(frame, metric.direction)
    if len(frame) < _LEAST_POINTS:
        return None
    alt = _("{symbol} against millions of parameters for {count} models on {dataset}.")
    chart = charts.pareto(
        frame,
        x_label=_("parameters, millions"),
        y_label=_axis(board),
        title=_("What size buys: no smaller model beats the named ones"),
        alt_text=alt.format(symbol=metric.symbol, count=len(frame), dataset=store.datasets[board.dataset].name),
        direction=metric.direction,
    )
    return replace(chart, note=note)


def _axis(board: Board) -> str:
    metric = METRICS[board.primary]
    return " ".join(filter(None, (metric.symbol, f"[{metric.unit}]" if metric.unit else "", metric.arrow)))


# ---------------------------------------------------------------------------------------------------------------------
# The index


def _index(store: Store, found: dict[str, list[Board]]) -> Page:
    path = "datasets/index.md"
    body = render("datasets.md.j2", path, store=store, table=_index_table(store, found))
    about = _("Every data set of the boards: scene, sensor, ground truth, licence, and how many models stand on it.")
    return Page(path, _("Data sets"), body, about)


def _index_table(store: Store, found: dict[str, list[Board]]) -> Table:
    numbers = group(store.numbers, lambda number: number.row.dataset)
    cards = sorted(store.datasets.values(), key=lambda c: (c.kind != "dataset", -len(numbers.get(c.id, [])), c.name))
    return Table(
        id="datasets-table",
        title=_("Data sets"),
        description=_("A dash means: not stated in what was read."),
        columns=(
            Column("dataset", _("Data set"), "model"),
            Column("scene", _("Scene"), "text"),
            Column("origin", _("Origin"), "text"),
            Column("truth", _("Ground truth"), "text"),
            Column("range", _("Range, m"), "text"),
            Column("images", _("Test images"), "text"),
            Column("boards", _("Boards"), "number", descending=True),
            Column("models", _("Models"), "number", descending=True),
            Column("numbers", _("Numbers"), "number", descending=True),
        ),
        rows=tuple(_index_row(card, found.get(card.id, []), len(numbers.get(card.id, []))) for card in cards),
        filters=_facets(store),
    )


def _index_row(card: DatasetCard, found: Sequence[Board], numbers: int) -> Row:
    badges = () if card.citable else (Badge(_("smoke"), "smoke"),)
    cells = (
        Cell(card.name, card.name, f"datasets/{card.id}.html", badges=badges),
        Cell(words.scene(card.scene)),
        Cell(words.origin(card.real_or_synthetic)),
        Cell(words.ground_truth(card.ground_truth_kind)),
        Cell(card.depth_range_m),
        Cell(card.images_eval),
        count_cell(len(found)),
        count_cell(len({model for board in found for model in board.models})),
        count_cell(numbers),
    )
    facets = {
        "scene": card.scene or "",
        "origin": card.real_or_synthetic or "",
        "truth": card.ground_truth_kind or "",
        "role": "training evaluation" if card.role == "both" else card.role,
    }
    return Row(card.id, cells, facets)


def _facets(store: Store) -> tuple[Facet, ...]:
    cards = store.datasets.values()
    scenes = sorted({card.scene for card in cards if card.scene})
    truths = sorted({card.ground_truth_kind for card in cards if card.ground_truth_kind})
    return (
        Facet("scene", _("Scene"), tuple((name, words.scene(name)) for name in scenes)),
        Facet("origin", _("Origin"), tuple((name, words.origin(name)) for name in ("real", "synthetic"))),
        Facet("truth", _("Ground truth"), tuple((name, words.ground_truth(name)) for name in truths)),
        Facet("role", _("Used for"), tuple((name, words.role(name)) for name in ("evaluation", "training"))),
    )
