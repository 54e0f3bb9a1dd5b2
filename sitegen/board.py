"""Records become boards: which numbers stand in one table, which of them is shown, and who ranks where.

Published numbers share a board when they share data set and family, measured ones when they share data set, protocol
and the way their predictions are fitted. The two never share a ranking.

**Which of several published values is shown** (the headline; the range and all values stay one click away):

1. never a suspect or withdrawn one, nor one on other images than the usual test set or by a fit that its source's card
   names as kinder than the family's others, as long as there is another;
2. the authors' own (``reported``) before ``re-run`` before ``copied`` before ``unclear``;
3. read in the source itself before read in somebody's notes (flag ``secondary``);
4. the variant that the model's card names as the main one, where the authors print several;
5. of the run that the row's primary metric is shown from (same source, variant and protocol), and of its table, so that
   a row hangs together;
6. from the model's own paper (the source shares a BibTeX key with the model's card);
7. from the newest source, then by source id, in the order in which the source's card lists its tables, and by line.

**Zero-shot**: ``no`` where the model's card says that it saw the data set or data of the same origin; else what the
headline's source says.

**The range** is that of all values but the suspect and withdrawn ones and those on other images or by a kinder fit.

**Ranks**: by the primary metric's stored value; equal values share a rank (1, 2, 2, 4). A suspect or withdrawn value,
one on other images or by a kinder fit, a row without the primary metric, an incomplete run (images skipped, or fewer
listed than by another run of the board) and one whose predictions were made otherwise than the protocol says get none.
Families whose fit is not known and tables that mix hardware or sources are listed, never ranked. A column whose metric
has several definitions in use marks a best value only where all its values come from one source.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from sitegen.grouping import group
from sitegen.metrics import METRICS
from sitegen.records import FAMILIES, PREDICTION_KINDS, Dispute, Family, Protocol, Run, ZeroShot
from sitegen.store import Store, StoredNumber
from sitegen.tables import Provenance, displayed

__all__ = [
    "HEADLINES",
    "RANKED_FAMILIES",
    "SEVERAL_DEFINITIONS",
    "Board",
    "BoardCell",
    "BoardNotFoundError",
    "BoardRow",
    "boards",
    "find_board",
    "headline_boards",
    "model_numbers",
    "preferred",
    "size_and_speed",
    "source_numbers",
]


Apart = Literal["", "images", "fit", "predictions"]
RANKED_FAMILIES: frozenset[Family] = frozenset({"metric", "scale", "affine-depth", "affine-disparity", "ordinal"})
"""Families whose numbers may be ranked: it is known how predictions were fitted."""
SEVERAL_DEFINITIONS = frozenset({"sq_rel", "silog", "boundary_f1"})
"""Metrics that sources define differently, so that their values compare within one source only."""
HEADLINES = (
    ("nyu-depth-v2", "metric"),
    ("kitti", "metric"),
    ("nyu-depth-v2", "affine-disparity"),
    ("kitti", "affine-disparity"),
)
"""Boards of the home page: metric and relative depth, indoor and outdoor."""

_KIND_ORDER = {"reported": 0, "re-run": 1, "copied": 2, "unclear": 3}
_SEEN = {"trained_on", "fine_tuned_on", "pretrained_on", "same_source"}
_USUAL_PRIMARY: dict[Family, tuple[str, ...]] = {
    "ordinal": ("whdr", "pair_acc"),
    "size": ("params_m",),
    "speed": ("latency_ms", "fps"),
    "rank": ("avg_rank",),
}
_DECIMALS = {"m": 3, "×100": 2, "%": 2}
_METRIC_ORDER = {name: index for index, name in enumerate(METRICS)}
_DATASET_ORDER = {"dataset": 0, "average": 1, "none": 2}


@dataclass(frozen=True)
class BoardCell:
    """What a board knows about one model and metric.

    Attributes:
        metric: Id of the metric.
        value: The headline or measured value, in the metric's unit.
        shown: The value with the digits to show.
        kind: Who measured it.
        zero_shot: Whether the model had seen the data set.
        suspect: Whether there are only suspect values.
        apart: What keeps the value from being compared: other ``images`` than the usual ones, a kinder ``fit``, or
            ``predictions`` that were made otherwise than the protocol says (measured values only).
        emphasis: ``best`` or ``second`` among the ranked rows.
        numbers: All published values, the headline first; of a measured cell those to compare with.
        low: The lowest published value that may be compared, if they differ.
        high: The highest.
        run: The run of a measured value.
        dispute: Why the value that is shown was withdrawn or is disputed.
    """

    metric: str
    value: float
    shown: str
    kind: Provenance
    zero_shot: ZeroShot
    suspect: bool = False
    apart: Apart = ""
    emphasis: Literal["", "best", "second"] = ""
    numbers: tuple[StoredNumber, ...] = ()
    low: StoredNumber | None = None
    high: StoredNumber | None = None
    run: Run | None = None
    dispute: Dispute | None = None

    @property
    def withdrawn(self) -> bool:
        """Return whether the value was withdrawn; a disputed one keeps its rank."""
        return self.dispute is not None and self.dispute.status == "withdrawn"

    @property
    def rankable(self) -> bool:
        """Return whether the value may be compared with those of other models."""
        return not self.suspect and not self.apart and not self.withdrawn

    @property
    def headline(self) -> StoredNumber | None:
        """Return the published number that is shown or compared with."""
        return self.numbers[0] if self.numbers else None

    @property
    def delta(self) -> float | None:
        """Return measured minus published, where both are known and may be compared."""
        if self.run is None or self.headline is None:
            return None
        return self.value - self.headline.row.value


@dataclass(frozen=True)
class BoardRow:
    """One model of a board.

    Attributes:
        model: Id of the model.
        cells: Its cells by metric id.
        rank: 1 for the best; None where the row is not ranked.
        tied: Whether another row has the same rank.
        group: Hardware or table, for boards that may only be read within one.
        run: The run of a measured row.
        unscored: Listed images without a value for the primary metric (measured rows only).
        listed: Images that should have one: those of the longest run of the board.
    """

    model: str
    cells: dict[str, BoardCell]
    rank: int | None = None
    tied: bool = False
    group: str = ""
    run: Run | None = None
    unscored: int = 0
    listed: int = 0


@dataclass(frozen=True)
class Board:
    """Numbers that may stand in one table.

    Attributes:
        dataset: Id of the data set.
        id: The family ("metric") of a published board, "measured-..." of a measured one.
        family: How predictions were fitted; of a measured board, the family to compare with.
        primary: Metric by which rows are ordered.
        metrics: Metrics that occur, the primary one first.
        rows: Ranked rows in order, then the others.
        ranked: Whether ranks are given at all.
        citable: False for smoke boards.
        measured: Whether the numbers are runs of this project.
        protocol: The protocol of a measured board; None where the store holds another version of it.
        protocol_id: Its id.
        protocol_sha256: Its digest, for a measured board.
    """

    dataset: str
    id: str
    family: Family
    primary: str
    metrics: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    ranked: bool
    citable: bool = True
    measured: bool = False
    protocol: Protocol | None = None
    protocol_id: str = ""
    protocol_sha256: str = ""

    @property
    def name(self) -> str:
        """Return the board's address: "nyu-depth-v2/metric"."""
        return f"{self.dataset}/{self.id}"

    @property
    def grouped(self) -> bool:
        """Return whether rows may only be compared within their group (hardware, or a source's table)."""
        return any(row.group for row in self.rows)

    def one_definition(self, metric: str) -> bool:
        """Return whether the shown values of a metric follow one definition, so that they may be compared."""
        return _one_definition(self.rows, metric)

    @property
    def models(self) -> tuple[str, ...]:
        """Return the ids of its models in the order of their first row."""
        return tuple(dict.fromkeys(row.model for row in self.rows))

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the ids of all sources of its numbers, sorted."""
        cells = [cell for row in self.rows for cell in row.cells.values()]
        return tuple(sorted({number.source for cell in cells for number in cell.numbers}))


class BoardNotFoundError(LookupError):
    """There is no board of that name; the message lists the nearest ones."""


def boards(store: Store) -> tuple[Board, ...]:
    """Return every board: by data set (averages and numbers without one last), published before measured."""
    made = [*_Builder(store).published(), *_Builder(store).measured()]
    return tuple(sorted(made, key=lambda board: _board_order(store, board)))


def find_board(store: Store, name: str) -> Board:
    """Return a board by its name ("nyu-depth-v2/metric").

    Raises:
        BoardNotFoundError: If there is none; the message lists near matches.
    """
    found = {board.name: board for board in boards(store)}
    if name in found:
        return found[name]
    same = [known for known in found if known.split("/")[0] == name.split("/")[0]]
    near = same or difflib.get_close_matches(name, list(found), n=5, cutoff=0.4) or list(found)[:5]
    hint = f"; perhaps {', '.join(near)}" if near else ""
    raise BoardNotFoundError(f"no board '{name}'; a board is named DATASET/BOARD{hint}")


def headline_boards(store: Store) -> tuple[Board, ...]:
    """Return the boards of the home page that exist, in order."""
    found = {(board.dataset, board.id): board for board in boards(store)}
    return tuple(found[key] for key in HEADLINES if key in found)


def size_and_speed(store: Store) -> tuple[Board, ...]:
    """Return the boards without a data set: parameter counts and published speeds."""
    return tuple(board for board in boards(store) if store.datasets[board.dataset].kind == "none")


def model_numbers(store: Store, model: str) -> tuple[StoredNumber, ...]:
    """Return all published numbers of a model: by data set, family and metric, the headline of each first."""
    mine = [number for number in store.numbers if number.row.model == model]
    order = _Builder(store).preference

    def key(number: StoredNumber) -> tuple[Any, ...]:
        row = number.row
        return (row.dataset, FAMILIES.index(row.family), _METRIC_ORDER[row.metric], order(number))

    return tuple(sorted(mine, key=key))


def source_numbers(store: Store, source: str) -> tuple[StoredNumber, ...]:
    """Return all numbers of a source: by its tables in the order of its card, then by line."""
    places = [table.place for table in store.sources[source].tables]
    rank = {place: index for index, place in enumerate(places)}
    mine = [number for number in store.numbers if number.source == source]
    return tuple(sorted(mine, key=lambda number: (rank.get(number.row.place, len(rank)), number.line)))


def preferred(store: Store, numbers: Iterable[StoredNumber]) -> tuple[StoredNumber, ...]:
    """Return published numbers of one model and metric with the headline first (the rule is the module's)."""
    return tuple(sorted(numbers, key=_Builder(store).preference))


@dataclass(frozen=True)
class _Builder:
    """Makes boards of one store; holds what every board asks for."""

    store: Store

    @cached_property
    def _seen(self) -> set[tuple[str, str]]:
        cards = self.store.models.values()
        return {(card.id, seen.dataset) for card in cards for seen in card.exposure if seen.relation in _SEEN}

    @cached_property
    def _unseen(self) -> set[tuple[str, str]]:
        cards = self.store.models.values()
        return {(card.id, seen.dataset) for card in cards for seen in card.exposure if seen.relation == "zero_shot"}

    def preference(self, number: StoredNumber, lead: StoredNumber | None = None) -> tuple[Any, ...]:
        """Return the sort key that puts the headline first; ``lead`` is the headline of the row's primary metric."""
        source, model, row = self.store.sources[number.source], self.store.models[number.row.model], number.row
        own = bool(set(model.bibtex) & set(source.bibtex))
        standing = (not self.sound(number), self.apart(number) != "", _KIND_ORDER[row.kind], row.flag == "secondary")
        choice = (row.variant not in model.main_variants, *_strays(number, lead), not own)
        return (*standing, *choice, -(source.year or 0), number.source, self._table_rank(number), number.line)

    def dispute(self, number: StoredNumber) -> Dispute | None:
        """Return why a published number was withdrawn or is disputed; most are not, and their id is not asked for."""
        return self.store.disputes.get(number.id) if self.store.disputes else None

    def sound(self, number: StoredNumber) -> bool:
        """Return whether a number is neither suspect nor withdrawn."""
        dispute = self.dispute(number)
        return number.row.flag != "suspect" and (dispute is None or dispute.status != "withdrawn")

    def _table_rank(self, number: StoredNumber) -> int:
        """Return where a number's table stands in its source's card, which lists them in order."""
        places = self._places[number.source]
        return places.get(number.row.place, len(places))

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        cards = self.store.sources.values()
        return {card.id: {table.place: index for index, table in enumerate(card.tables)} for card in cards}

    def apart(self, number: StoredNumber) -> Apart:
        """Return what keeps a sound number from being compared: other images than the usual ones, or a kinder fit."""
        if number.row.split in self.store.datasets[number.row.dataset].unranked_splits:
            return "images"
        return "fit" if number.row.protocol_note in self.store.sources[number.source].unranked_fits else ""

    def published(self) -> Iterator[Board]:
        """Yield a board for each data set and family that has numbers."""
        for (dataset, family), numbers in group(self.store.numbers, lambda n: (n.row.dataset, n.row.family)).items():
            yield self._published(dataset, family, numbers)

    def measured(self) -> Iterator[Board]:
        """Yield a board for each data set, protocol digest and alignment that has runs."""
        for (dataset, _sha256, board_id), runs in group(self.store.runs, self._run_key).items():
            yield self._measured(dataset, board_id, runs)

    def _published(self, dataset: str, family: Family, numbers: list[StoredNumber]) -> Board:
        card = self.store.datasets[dataset]
        split = family in {"speed", "rank"} or card.kind == "average"
        keyed = group(numbers, lambda n: (self._group(n) if split else "", n.row.model))
        wanted = [card.primary_metrics.get(family, ""), *_USUAL_PRIMARY.get(family, ("abs_rel",))]
        rows = [self._published_row(model, within, found, wanted) for (within, model), found in keyed.items()]
        ranked = family in RANKED_FAMILIES and card.kind == "dataset"
        metrics = _metrics(rows, wanted)
        return Board(
            dataset=dataset,
            id=family,
            family=family,
            primary=metrics[0],
            metrics=metrics,
            rows=_placed(rows, metrics, ranked=ranked, by_value=ranked or split or family == "size"),
            ranked=ranked,
            citable=card.citable,
        )

    def _group(self, number: StoredNumber) -> str:
        """Return what a number may be compared within: the hardware as named, or the table of a source."""
        row = number.row
        note = "; ".join(part for part in (row.measured_on, row.protocol_note) if part)
        return note if row.family == "speed" else f"{self.store.sources[number.source].title}, {row.place}: {note}"

    def _published_row(self, model: str, within: str, numbers: list[StoredNumber], wanted: Sequence[str]) -> BoardRow:
        by_metric = group(numbers, lambda number: number.row.metric)
        primary = next((by_metric[metric] for metric in wanted if metric in by_metric), [])
        lead = min(primary, key=self.preference, default=None)
        return BoardRow(model, {metric: self._cell(found, lead) for metric, found in by_metric.items()}, group=within)

    def _cell(self, numbers: list[StoredNumber], lead: StoredNumber | None) -> BoardCell:
        ordered = tuple(sorted(numbers, key=lambda number: self.preference(number, lead)))
        row = ordered[0].row
        sound = [number for number in ordered if self.sound(number)]
        alike = [number for number in sound if not self.apart(number)]
        low = min(alike, key=_value, default=None)
        high = max(alike, key=_value, default=None)
        differ = low is not None and high is not None and low.row.value != high.row.value
        return BoardCell(
            metric=row.metric,
            value=row.value,
            shown=displayed(row.value, row.value_as_printed),
            kind=row.kind,
            zero_shot="no" if (row.model, row.dataset) in self._seen else row.zero_shot,
            suspect=not sound and row.flag == "suspect",
            dispute=self.dispute(ordered[0]),
            apart=self.apart(ordered[0]) if sound and not alike else "",
            numbers=ordered,
            low=low if differ else None,
            high=high if differ else None,
        )

    def _run_key(self, run: Run) -> tuple[str, str, str]:
        """Return (data set, protocol digest, board id) of a run.

        One protocol may fit each kind of prediction in its own way; what was fitted differently is not comparable, so
        each way has its own board, named after the strongest kind that is fitted so.
        """
        alignments = run.protocol.block.get("alignment", {})
        mine = alignments.get(run.prediction_kind)
        alike = [kind for kind in PREDICTION_KINDS if alignments.get(kind) == mine]
        stored = self.store.protocols.get((run.dataset.id, run.protocol.id))
        name = f"measured-{run.protocol.id}"
        name += f"-{alike[0]}" if alike and any(other != mine for other in alignments.values()) else ""
        name += "" if stored and stored.digest() == run.protocol.sha256 else f"-{run.protocol.sha256[:8]}"
        return run.dataset.id, run.protocol.sha256, name

    def _measured(self, dataset: str, board_id: str, runs: list[Run]) -> Board:
        protocol = runs[0].protocol
        stored = self.store.protocols.get((dataset, protocol.id))
        family = _measured_family(runs[0])
        # A protocol whose list could not be had pins no number of images: then a part of one shows beside the whole.
        longest = max(run.dataset.listed for run in runs)
        rows = [self._measured_row(run, family, longest) for run in runs]
        card = self.store.datasets[dataset]
        metrics = _metrics(rows, [protocol.block.get("primary_metric", ""), "abs_rel"])
        return Board(
            dataset=dataset,
            id=board_id,
            family=family,
            primary=metrics[0],
            metrics=metrics,
            rows=_placed(rows, metrics, ranked=True, by_value=True),
            ranked=True,
            citable=card.citable,
            measured=True,
            protocol=stored if stored and stored.digest() == protocol.sha256 else None,
            protocol_id=protocol.id,
            protocol_sha256=protocol.sha256,
        )

    def _measured_row(self, run: Run, family: Family, listed: int) -> BoardRow:
        seen, dispute = (run.model.id, run.dataset.id), self.store.disputes.get(run.sha256)
        alone = bool(run.deviations) or (dispute is not None and dispute.status == "withdrawn")
        zero_shot: ZeroShot = "no" if seen in self._seen else "yes" if seen in self._unseen else "unknown"
        cells = {
            metric: BoardCell(
                metric=metric,
                value=value,
                shown=f"{value:.{_DECIMALS.get(METRICS[metric].unit, 4)}f}",
                kind="measured",
                zero_shot=zero_shot,
                apart="predictions" if run.deviations else "",
                numbers=() if alone else self._published_beside(run, family, metric),
                run=run,
                dispute=dispute,
            )
            for metric, value in run.summary.items()
            if value is not None
        }
        unscored = _unscored(run) + listed - run.dataset.listed
        return BoardRow(run.model.id, cells, run=run, unscored=unscored, listed=listed)

    def _published_beside(self, run: Run, family: Family, metric: str) -> tuple[StoredNumber, ...]:
        found = self._by_place.get((run.dataset.id, family, run.model.id, metric), [])
        alike = [number for number in found if self.sound(number) and not self.apart(number)]
        return tuple(sorted(alike, key=self.preference))

    @cached_property
    def _by_place(self) -> dict[tuple[str, Family, str, str], list[StoredNumber]]:
        return group(self.store.numbers, lambda n: (n.row.dataset, n.row.family, n.row.model, n.row.metric))


def _strays(number: StoredNumber, lead: StoredNumber | None) -> tuple[bool, bool]:
    """Return whether a number is of another run than the row's lead, and whether it stands in another table.

    A run is told, as far as sources tell, by the source, the variant and the protocol. One run may fill several tables.
    """
    if lead is None:
        return False, False
    mine, leads = ((n.source, n.row.variant, n.row.protocol_note) for n in (number, lead))
    table = (number.source, number.row.place) != (lead.source, lead.row.place)
    return mine != leads, mine != leads or table


def _value(number: StoredNumber) -> tuple[float, int, str, int]:
    """Return what orders numbers by value; of equal ones the first in a source's file stands for them."""
    return (number.row.value, len(number.row.value_as_printed), number.source, number.line)


def _metrics(rows: Sequence[BoardRow], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the metrics that occur: the first wanted one (else the most frequent), then the registry's order."""
    counts = Counter(metric for row in rows for metric in row.cells)
    usual = sorted(counts, key=lambda metric: _METRIC_ORDER[metric])
    primary = next((metric for metric in wanted if metric in counts), None)
    primary = primary or min(usual, key=lambda metric: -counts[metric])
    return (primary, *(metric for metric in usual if metric != primary))


def _placed(
    rows: Sequence[BoardRow], metrics: tuple[str, ...], *, ranked: bool, by_value: bool
) -> tuple[BoardRow, ...]:
    """Return the rows ranked, marked and in order."""
    if ranked:
        rows = _with_ranks(rows, metrics[0])
        for metric in filter(lambda metric: _one_definition(rows, metric), metrics):
            rows = _with_emphasis(rows, metric)

    def key(row: BoardRow) -> tuple[Any, ...]:
        lead = next((row.cells[metric] for metric in metrics if metric in row.cells), None) if row.group else None
        cell = lead or row.cells.get(metrics[0])
        standing = _goodness(cell) if by_value and cell and cell.rankable else 0.0
        last = ranked and row.rank is None
        return (row.group, last, by_value and (cell is None or not cell.rankable), standing, row.model)

    return tuple(sorted(rows, key=key))


def _one_definition(rows: Sequence[BoardRow], metric: str) -> bool:
    """Return whether the shown values of a column follow one definition: any metric's but those of several."""
    cells = [row.cells[metric] for row in rows if metric in row.cells]
    sources = {cell.headline.source for cell in cells if cell.headline is not None and cell.run is None}
    return metric not in SEVERAL_DEFINITIONS or len(sources) <= 1


def _goodness(cell: BoardCell) -> float:
    """Return a number that is the smaller the better the value is."""
    return METRICS[cell.metric].badness(cell.value)


def _with_ranks(rows: Sequence[BoardRow], primary: str) -> list[BoardRow]:
    def standing(row: BoardRow) -> float | None:
        cell = row.cells.get(primary)
        return None if cell is None or not cell.rankable or row.unscored else _goodness(cell)

    values = sorted(value for row in rows if (value := standing(row)) is not None)
    ranks = {value: index + 1 for index, value in reversed(list(enumerate(values)))}
    counts = Counter(values)
    made = []
    for row in rows:
        value = standing(row)
        made.append(row if value is None else replace(row, rank=ranks[value], tied=counts[value] > 1))
    return made


def _with_emphasis(rows: Sequence[BoardRow], metric: str) -> list[BoardRow]:
    """Mark the best and second-best value of a column among ranked rows, if there is anything to compare."""
    values = [
        _goodness(row.cells[metric])
        for row in rows
        if row.rank is not None and metric in row.cells and row.cells[metric].rankable
    ]
    distinct = sorted(set(values))[:2] if len(values) > 1 else []
    names: dict[float, Literal["best", "second"]] = dict(zip(distinct, ("best", "second"), strict=False))
    made = []
    for row in rows:
        cell = row.cells.get(metric)
        name = names.get(_goodness(cell)) if cell and row.rank is not None and cell.rankable else None
        made.append(row if name is None or cell is None else _with_cell(row, replace(cell, emphasis=name)))
    return made


def _with_cell(row: BoardRow, cell: BoardCell) -> BoardRow:
    return replace(row, cells={**row.cells, cell.metric: cell})


def _unscored(run: Run) -> int:
    """Return how many listed images have no value although their ground truth has pixels to score.

    A model that fails on the hard images must not gain by it.
    """
    least = int(run.protocol.block.get("minimum_valid_pixels", 1))
    primary = run.samples.metrics.get(run.protocol.block.get("primary_metric", ""), [])
    failed = sum(
        value is None and pixels >= least for value, pixels in zip(primary, run.samples.valid_pixels, strict=False)
    )
    return run.dataset.listed - run.dataset.evaluated + failed


def _measured_family(run: Run) -> Family:
    """Return the family of published numbers that a run may be compared with."""
    block = run.protocol.block
    primary = block.get("primary_metric", "")
    if primary in METRICS and METRICS[primary].group == "ordinal":
        return "ordinal"
    alignment = block.get("alignment", {}).get(run.scored_as, {})
    families: dict[tuple[str, str], Family] = {
        ("none", "none"): "metric",
        ("depth", "median"): "scale",
        ("depth", "scale"): "scale",
        ("depth", "scale-shift"): "affine-depth",
        ("disparity", "scale-shift"): "affine-disparity",
    }
    return families.get((alignment.get("space", ""), alignment.get("solver", "")), "unplaced")


def _board_order(store: Store, board: Board) -> tuple[Any, ...]:
    card = store.datasets[board.dataset]
    house = board.protocol is not None and board.protocol.house
    return (
        _DATASET_ORDER[card.kind],
        board.dataset,
        board.measured,
        board.measured and not house,
        FAMILIES.index(board.family),
        board.id,
    )
