"""Tables of the theory pages that follow from the records, so that they stay true.

- ``families``: the model families side by side, each by one released checkpoint.
- ``generalisation``: models by data sets, one table for each way of fitting.
- ``one-checkpoint``: the checkpoint that most documented disagreements are about, with its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sitegen import words
from sitegen.board import Board, BoardRow, boards
from sitegen.board_table import board_table, number_hint
from sitegen.charts import figure
from sitegen.grouping import group
from sitegen.metrics import METRICS
from sitegen.pages.base import DataFile
from sitegen.pages.common import board_href
from sitegen.pages.disagreements import (
    Comparison,
    SourceLinks,
    Statement,
    comparison_chart,
    comparisons,
    unique,
    who_measured,
)
from sitegen.records import Disagreement, Family, ModelCard
from sitegen.rendering import english, environment, plain
from sitegen.speed_table import Timing, circumstances, digits, timings
from sitegen.store import Store
from sitegen.tables import Cell, Column, Footnotes, Row, Table
from sitegen.text import _, numeral
from sitegen.theory.figures import Draw, Illustration

__all__ = ["DRAWINGS", "SIDE_BY_SIDE", "Lineage"]

_ROOT = "../"
_METRIC = "abs_rel"
_FITS: tuple[Family, ...] = ("metric", "affine-depth", "affine-disparity")
_FEWEST_RANKED = 5
"""A rank among fewer models says nothing."""
_FEWEST_DATASETS = 5
"""A row with fewer values says nothing about how even a model is."""
_SCENES = ("indoor", "outdoor", "mixed", "objects")


@dataclass(frozen=True)
class Lineage:
    """A family of models as the theory tells it, and the released checkpoint that stands for it.

    Attributes:
        name: What it is called.
        families: Families of model cards that belong to it.
        model: Id of the checkpoint: the largest released one whose numbers the authors' paper reports.
    """

    name: str
    families: tuple[str, ...]
    model: str


SIDE_BY_SIDE = (
    Lineage("MiDaS, DPT", ("midas", "dpt"), "midas-v3-1-beit-l-512"),
    Lineage("ZoeDepth", ("zoedepth",), "zoed-m12-nk"),
    Lineage("Depth Anything V2", ("depth-anything-v2",), "depth-anything-v2-large"),
    Lineage("Marigold", ("marigold",), "marigold-depth-v1-0"),
)
_LINEAGES = {family: lineage for lineage in SIDE_BY_SIDE for family in lineage.families}


def _illustration(parts: Iterable[str], *files: DataFile) -> Illustration:
    """Return HTML blocks as one, without empty lines."""
    lines = (line for part in parts for line in part.splitlines() if line.strip())
    return Illustration('<div class="from-records">\n' + "\n".join(lines) + "\n</div>\n", files)


def _nothing(sentence: str) -> Illustration:
    return _illustration([f'<p class="nothing">{plain(sentence)}</p>'])


def _legend(tables: Sequence[Table]) -> str:
    """Return what the marks of the tables' cells mean."""
    kinds = {mark for table in tables for mark in table.marks}
    macros = environment().get_template("macros.html.j2").module
    return str(macros.legend(kinds)) if kinds else ""  # type: ignore[attr-defined]


def _short(store: Store, dataset: str) -> str:
    """Return a data set's name without what stands in brackets; its id where it has no card."""
    return store.datasets[dataset].name.split(" (")[0] if dataset in store.datasets else dataset


def _published(store: Store) -> list[Board]:
    """Return the boards of published numbers whose models are ranked."""
    return [board for board in boards(store) if board.ranked and board.citable and not board.measured]


# ---------------------------------------------------------------------------------------------------------------------
# Side by side


@dataclass(frozen=True)
class _Standing:
    """A model's rank on a board on which it is zero-shot."""

    board: Board
    row: BoardRow
    rank: int
    ranked: int

    @property
    def ahead(self) -> float:
        """Share of the other models that are better, 0 to 1."""
        return (self.rank - 1) / (self.ranked - 1)


def _families(store: Store) -> Illustration:
    lineages = [lineage for lineage in SIDE_BY_SIDE if lineage.model in store.models]
    if not lineages:
        return _nothing(_("No record of these families is there yet."))
    standings = _standings(store, [lineage.model for lineage in lineages])
    timed = _timed(store)
    table = Table(
        id="table-families",
        title=_("The families side by side"),
        description=" ".join([*_families_rule(), *_timed_rule(timed)]),
        columns=(
            Column("fact", _("What"), "model"),
            *(Column(lineage.model, lineage.name, "text") for lineage in lineages),
        ),
        rows=tuple(_fact_rows(store, lineages, standings, timed)),
    )
    return _illustration([table.to_html(_ROOT), _legend([table])])


def _families_rule() -> Iterator[str]:
    yield _("One released checkpoint stands for each family; a dash means: not stated in what was read.")
    rule = _(
        "Strongest and weakest: of the boards of published numbers that rank at least {count} models and for which the "
        "checkpoint is zero-shot, those on which the smallest and the largest share of the other models is better. "
        "Sources' protocols differ in detail: follow the link before you rely on a rank."
    )
    yield rule.format(count=_FEWEST_RANKED)


def _timed_rule(timed: Sequence[Timing]) -> Iterator[str]:
    if timed:
        speed, case = timed[0].speed, timed[0].case
        rule = _("Speed: the family's fastest checkpoint, {what}, on {device}.")
        yield rule.format(what=circumstances(case), device=speed.device_name)


def _fact_rows(
    store: Store, lineages: Sequence[Lineage], standings: Mapping[str, Sequence[_Standing]], timed: Sequence[Timing]
) -> Iterator[Row]:
    """Yield a row for each fact, with a cell for each family: side by side, they fit a page."""
    facts = [list(_facts(store, lineage, standings[lineage.model], timed)) for lineage in lineages]
    for same in zip(*facts, strict=True):
        identity, title = same[0][:2]
        yield Row(identity, (title, *(cell for _id, _title, cell in same)))


def _facts(
    store: Store, lineage: Lineage, standings: Sequence[_Standing], timed: Sequence[Timing]
) -> Iterator[tuple[str, Cell, Cell]]:
    """Yield (id of the row, its title, the family's cell)."""
    card = store.models[lineage.model]
    output = "" if card.output_kind == "unknown" else words.output_kind(card.output_kind)
    loss = card.training_loss
    commercial = _("commercial use: {answer}").format(answer=words.commercial(card.commercial_use))
    best = min(standings, key=lambda standing: standing.ahead, default=None)
    worst = max(standings, key=lambda standing: standing.ahead, default=None)
    weakest = _standing_cell(store, worst if worst is not best else None)
    yield "checkpoint", Cell(_("Checkpoint")), Cell(card.name, href=f"models/{card.id}.html")
    architecture = Cell(words.architecture(card.architecture_class), range=card.backbone)
    yield "architecture", Cell(_("Architecture")), architecture
    yield "output", Cell(_("Predicts")), Cell(output)
    yield "trained-on", Cell(_("Training data")), Cell(_training_data(store, card))
    yield "loss", Cell(_("Loss")), Cell(loss.text if loss else "", hint=loss.evidence if loss else "")
    yield "params", Cell(_("Parameters, M"), range=_("all released checkpoints")), _params_cell(store, lineage, card)
    yield "speed", Cell(_("Fastest, ms")), _speed_cell(store, lineage, timed)
    yield "licence", Cell(_("Licence of weights")), Cell(card.licence_weights, range=commercial)
    yield "strongest", Cell(_("Strongest")), _standing_cell(store, best)
    yield "weakest", Cell(_("Weakest")), weakest


def _training_data(store: Store, card: ModelCard) -> str:
    """Return the data sets of a card's training by how they entered it."""
    seen = group(card.exposure, lambda exposure: exposure.dataset)
    said = {
        "pretrained_on": _("Pre-trained on {names}."),
        "trained_on": _("Trained on {names}."),
        "fine_tuned_on": _("Fine-tuned on {names}."),
        "same_source": _("Indirectly: {names}."),
    }
    relations = {dataset: {exposure.relation for exposure in found} & said.keys() for dataset, found in seen.items()}
    ways = {
        way: [
            _short(store, dataset) for dataset in card.trained_on if way in (relations.get(dataset) or {"trained_on"})
        ]
        for way in said
    }
    return " ".join(said[way].format(names=", ".join(names)) for way, names in ways.items() if names)


def _members(store: Store, lineage: Lineage) -> list[ModelCard]:
    return [card for card in store.models.values() if card.family in lineage.families]


def _params_cell(store: Store, lineage: Lineage, card: ModelCard) -> Cell:
    if card.params_m is None:
        return Cell()
    sizes = [other.params_m for other in _members(store, lineage) if other.checkpoints and other.params_m]
    spread = f"{min(sizes):g}–{max(sizes):g}" if len(set(sizes)) > 1 else ""
    return Cell(f"{card.params_m:g}", card.params_m, range=spread)


def _timed(store: Store) -> list[Timing]:
    """Return the times that may be compared and tell most families: of one device, image size and thing timed."""
    known = {card.id for lineage in SIDE_BY_SIDE for card in _members(store, lineage)}
    found = [timing for timing in timings(store.speeds) if timing.speed.model in known]
    places = group(found, lambda timing: (timing.place, timing.case.batch, timing.precision)).values()
    return max(places, key=lambda here: len({_kin(store.models[t.speed.model]) for t in here}), default=[])


def _speed_cell(store: Store, lineage: Lineage, timed: Sequence[Timing]) -> Cell:
    members = {card.id: card.name for card in _members(store, lineage)}
    mine = [timing for timing in timed if timing.speed.model in members]
    if not mine:
        return Cell(hint=_("no checkpoint of this family was timed here"))
    fastest = min(mine, key=lambda timing: timing.case.latency.median_ms)
    median = fastest.case.latency.median_ms
    return Cell(digits(median), median, href="speed.html", range=members[fastest.speed.model])


def _standings(store: Store, models: Sequence[str]) -> dict[str, list[_Standing]]:
    """Return the ranks of models on the boards for which they are zero-shot, by model."""
    standings: dict[str, list[_Standing]] = {model: [] for model in models}
    for board in _published(store):
        ranked = sum(row.rank is not None for row in board.rows)
        for row in board.rows if ranked >= _FEWEST_RANKED else ():
            if row.model in standings and row.rank is not None and row.cells[board.primary].zero_shot == "yes":
                standings[row.model].append(_Standing(board, row, row.rank, ranked))
    return standings


def _standing_cell(store: Store, standing: _Standing | None) -> Cell:
    """Return a rank with its board, and below it the value that ranks, with the range of all published ones."""
    if standing is None:
        return Cell(hint=_("no such board"))
    board, metric = standing.board, METRICS[standing.board.primary]
    shown = board_table(store, board, metrics=[board.primary])
    keys = [column.key for column in shown.columns]
    row = next(row for row in shown.rows if row.id == standing.row.model)
    cell = row.cells[keys.index(board.primary)]
    where = _("{dataset}, {fit}: {rank} of {all}").format(
        dataset=_short(store, board.dataset), fit=words.family(board.family), rank=standing.rank, all=standing.ranked
    )
    spread = numeral(f"({cell.range})") if cell.range else ""
    parts = (metric.symbol, metric.arrow, numeral(cell.text), metric.unit, spread)
    value = " ".join(part for part in parts if part)
    return Cell(where, standing.rank, board_href(board), mark=cell.mark, range=value, why_href=cell.why_href)


# ---------------------------------------------------------------------------------------------------------------------
# Domain generalisation


def _generalisation(store: Store) -> Illustration:
    found = _published(store)
    tables = [table for fit in _FITS if (table := _matrix(store, fit, [b for b in found if b.family == fit]))]
    if not tables:
        return _nothing(_("No model has published numbers on enough data sets yet."))
    return _illustration([_matrix_rule(), _legend(tables), *(table.to_html(_ROOT) for table in tables)])


def _matrix(store: Store, fit: Family, found: Sequence[Board]) -> Table | None:
    """Return models by data sets, all fitted in one way; None where no row would be full enough."""
    held = _rankable(found)
    models = _matrix_models(store, held)
    if not models:
        return None
    shown = [board for board in found if any(board.dataset in held[model] for model in models)]
    shown.sort(key=lambda board: _place(store, board.dataset))
    notes = Footnotes()
    cells = [_board_cells(store, board) for board in shown]
    rows = [
        Row(model, (_model_cell(store, model), *(_adopted(column.get(model), notes) for column in cells)))
        for model in models
    ]
    metric = METRICS[_METRIC]
    return Table(
        id=f"table-generalisation-{fit}",
        title=f"{words.depth_of(fit)}: {metric.symbol} {metric.arrow}",
        description=_("Published numbers, {rule}.").format(rule=words.family_rule(fit)),
        columns=(Column("model", _("Model"), "model"), *(_dataset_column(store, board.dataset) for board in shown)),
        rows=tuple(rows),
        footnotes=notes.texts,
    )


def _matrix_rule() -> str:
    rule = _(
        "Shown is what the data set's board shows: the authors' own value where there is one, below it the range of "
        "all that were published. A dash: no published number fitted in this way. One model a family: the checkpoint "
        "that stands for one of the four if it was scored in this way, else the released one with values on most "
        "data sets, at least {count}. Nothing is ranked or averaged: rows have different gaps."
    )
    return f"<p>{plain(rule.format(count=_FEWEST_DATASETS))}</p>"


def _rankable(found: Iterable[Board]) -> Mapping[str, set[str]]:
    """Return on which data sets a model has a value that may be compared, by model."""
    held: dict[str, set[str]] = {}
    for board in found:
        for row in board.rows:
            if _METRIC in row.cells and row.cells[_METRIC].rankable:
                held.setdefault(row.model, set()).add(board.dataset)
    return held


def _matrix_models(store: Store, held: Mapping[str, set[str]]) -> list[str]:
    """Return one model a family: those of the four families in their order, then the others by name."""
    standing = {lineage.model for lineage in SIDE_BY_SIDE}

    def full(model: str) -> bool:
        return model in standing or bool(store.models[model].checkpoints and len(held[model]) >= _FEWEST_DATASETS)

    def preference(model: str) -> tuple[bool, int, float, str]:
        return model not in standing, -len(held[model]), -(store.models[model].params_m or 0), model

    def order(model: str) -> tuple[int, str]:
        card = store.models[model]
        mine = _LINEAGES.get(card.family)
        return (SIDE_BY_SIDE.index(mine) if mine else len(SIDE_BY_SIDE)), card.name.casefold()

    families = group(filter(full, held), lambda model: _kin(store.models[model]))
    return sorted((min(models, key=preference) for models in families.values()), key=order)


def _kin(card: ModelCard) -> str:
    """Return what a card's family is called, families that are one in the theory taken together."""
    lineage = _LINEAGES.get(card.family)
    return lineage.name if lineage else card.family


def _place(store: Store, dataset: str) -> tuple[int, str]:
    """Return what orders data sets: by kind of scene, then by name."""
    card = store.datasets[dataset]
    return (_SCENES.index(card.scene) if card.scene else len(_SCENES)), card.name.casefold()


def _dataset_column(store: Store, dataset: str) -> Column:
    card, metric = store.datasets[dataset], METRICS[_METRIC]
    # What stands behind a title in small letters is the unit elsewhere; here all cells share a metric without one.
    return Column(dataset, _short(store, dataset), "number", unit=words.scene(card.scene), meaning=_(metric.meaning))


def _model_cell(store: Store, model: str) -> Cell:
    card = store.models[model]
    return Cell(card.name, card.name, f"models/{model}.html", card.variant)


def _adopted(found: tuple[Cell, Sequence[str]] | None, notes: Footnotes) -> Cell:
    """Return a board's cell, given with the board's footnotes, for another table; an empty one for none."""
    return notes.adopted(*found) if found else Cell(hint=_("no published number fitted in this way"))


def _board_cells(store: Store, board: Board) -> dict[str, tuple[Cell, Sequence[str]]]:
    """Return a board's cells of the metric, by model, with the board's footnotes.

    Each leads to the board's row and says whether its model is zero-shot there; what is best is for the board to say.
    """
    if _METRIC not in board.metrics:
        return {}
    table = board_table(store, board, metrics=[_METRIC])
    place = [column.key for column in table.columns].index(_METRIC)
    made: dict[str, tuple[Cell, Sequence[str]]] = {}
    for shown, row in zip(table.rows, board.rows, strict=True):
        if _METRIC in row.cells:
            href = f"datasets/{board.dataset}.html#{table.id}-{shown.id}"
            cell = replace(shown.cells[place], href=href, zero_shot=row.cells[_METRIC].zero_shot, emphasis="")
            made[row.model] = cell, table.footnotes
    return made


# ---------------------------------------------------------------------------------------------------------------------
# One checkpoint, several numbers


@dataclass(frozen=True)
class _Telling:
    """A statement about a checkpoint with the case that makes it."""

    subject: tuple[str, str, str]
    """Model, data set and metric."""
    case: Disagreement
    statement: Statement

    @property
    def number(self) -> tuple[str | None, str, str]:
        """What is the same where two cases cite the same number."""
        value = self.statement.value
        return value.source, value.place, value.value_as_printed


def _one_checkpoint(store: Store) -> Illustration:
    tellings = _most_discussed(store)
    if not tellings:
        return _nothing(_("No checkpoint with several documented numbers is recorded yet."))
    told = _worth_telling(tellings)
    path = "data/theory/one-checkpoint.json"
    chart = comparison_chart(store, Comparison(*told[0].subject, "", tuple(telling.statement for telling in told)))
    cases = group(tellings, lambda telling: telling.case.id)
    parts = [
        figure(chart, _ROOT + path),
        _checkpoint_table(store, told).to_html(_ROOT),
        _reasons([store.disagreements[case] for case in cases]),
    ]
    return _illustration(parts, DataFile(path, chart.json))


def _most_discussed(store: Store) -> list[_Telling]:
    """Return what is told of the model, data set and metric with the most explained cases; of equals, of most numbers.

    Values of a part of the images or of another setting, and those that may be of another checkpoint, are left out.
    """
    cases = sorted(store.disagreements.values(), key=lambda case: case.number)
    tellings = [
        _Telling((item.model, item.dataset, item.metric), case, statement)
        for case in cases
        for item in comparisons(case)
        for statement in item.statements
        if not item.setting and statement.value.model in {None, item.model}
    ]
    subjects = group(tellings, lambda telling: telling.subject).values()
    several = [told for told in subjects if len({telling.statement.value.value for telling in told}) > 1]
    return max(several, key=_discussed, default=[])


def _discussed(tellings: Sequence[_Telling]) -> tuple[int, int]:
    explained = {telling.case.id for telling in tellings if telling.case.explained}
    return len(explained), len({telling.number for telling in tellings})


def _worth_telling(tellings: Iterable[_Telling]) -> list[_Telling]:
    """Return each number once, as the first case puts it: the authors' own first, then by value."""
    first: dict[tuple[str | None, str, str], _Telling] = {}
    for telling in tellings:
        first.setdefault(telling.number, telling)
    told = sorted(first.values(), key=lambda t: (t.statement.value.role != "paper", t.statement.value.value))
    labels = unique([telling.statement.label for telling in told])
    return [replace(t, statement=replace(t.statement, label=label)) for t, label in zip(told, labels, strict=True)]


def _checkpoint_table(store: Store, told: Sequence[_Telling]) -> Table:
    model, dataset, metric_id = told[0].subject
    metric = METRICS[metric_id]
    links, origin = SourceLinks(store), told[0].statement.value.value
    return Table(
        id="table-one-checkpoint",
        title=_("{model} on {dataset}").format(model=store.models[model].name, dataset=store.datasets[dataset].name),
        description=_(
            "The checkpoint, data set and metric with the most explained cases in the list of disagreements. Each "
            "number stands once; the protocol is as its source states it."
        ),
        columns=(
            Column("what", _("What was done"), "model"),
            Column("value", metric.symbol, "number", metric.arrow, metric.unit, _(metric.meaning)),
            Column("times", _("Times the first"), "number"),
            Column("fit", _("Fit"), "text"),
            Column("protocol", _("Protocol"), "text"),
            Column("source", _("Source"), "source"),
        ),
        rows=tuple(
            _checkpoint_row(store, links, index, telling, origin) for index, telling in enumerate(told, start=1)
        ),
        plain=True,
    )


def _checkpoint_row(store: Store, links: SourceLinks, index: int, telling: _Telling, origin: float) -> Row:
    case, statement = telling.case, telling.statement
    value, number = statement.value, links.number(case, statement.value)
    source = store.sources[value.source] if value.source else None
    href = links.href(case, value) if source else ""
    ratio = value.value / origin if origin > 0 else None
    cells = (
        Cell(statement.label, href=f"disagreements.html#{case.id}", hint=case.title),
        Cell(statement.shown, value.value, href, number_hint(store, number) if number else "", who_measured(value)),
        Cell() if ratio is None else Cell(f"{ratio:.2f}×", ratio),
        Cell(words.family(number.row.family) if number else ""),
        Cell(number.row.protocol_note if number else ""),
        Cell(source.title, href=f"sources/{source.id}.html") if source else Cell(value.place),
    )
    return Row(f"value-{index}", cells)


def _reasons(cases: Sequence[Disagreement]) -> str:
    """Return what differs, case by case, each with its place in the list of disagreements."""
    unexplained = f' <span class="badge badge-warn">{plain(_("not explained"))}</span>'
    items = (
        f'<li><a href="{_ROOT}disagreements.html#{case.id}">{english(case.title)}</a>: '
        f"{english(' '.join([case.differs, *case.notes]))}{'' if case.explained else unexplained}</li>"
        for case in cases
    )
    link = f'<a href="{_ROOT}disagreements.html">{plain(_("All documented cases"))}</a>'
    return f"<p>{plain(_('What differs, as the cases are recorded:'))}</p>\n<ul>{''.join(items)}</ul>\n<p>{link}</p>"


DRAWINGS: dict[str, Draw] = {
    "families": _families,
    "generalisation": _generalisation,
    "one-checkpoint": _one_checkpoint,
}
"""The tables by the names that theory pages use."""
