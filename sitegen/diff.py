"""What a change of records does to the boards: rows, ranks, numbers and records before and after.

Both sides are read by the same store with the same checks. A record that does not validate is in neither; it has a
finding, and the summary shows that first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal, TypeVar

from sitegen.board import Board, BoardRow, boards
from sitegen.findings import Finding
from sitegen.grouping import group
from sitegen.ladder import ladder
from sitegen.records import Record, sha256_of
from sitegen.store import Store, StoredNumber
from sitegen.submission import value_findings

__all__ = ["BoardChange", "Diff", "NumberChange", "RecordChange", "RowChange", "compare"]


Change = Literal["new", "changed", "gone"]
Key = tuple[str, str]
"""Model and group of a row."""


_Side = TypeVar("_Side")


def _either(now: _Side | None, before: _Side | None) -> _Side:
    side = now or before
    assert side is not None  # noqa: S101 - a change has at least one side
    return side


@dataclass(frozen=True)
class RowChange:
    """A row of a board before and after.

    Attributes:
        kind: ``moved`` for a row whose rank alone is another one, ``beside`` for an unchanged neighbour of a changed
            one.
        before: The row at the base; None if it is new.
        now: The row at the head; None if it is gone.
    """

    kind: Literal["new", "changed", "gone", "moved", "beside"]
    before: BoardRow | None
    now: BoardRow | None

    @property
    def row(self) -> BoardRow:
        """Return the row as it is now, or as it was."""
        return _either(self.now, self.before)


@dataclass(frozen=True)
class BoardChange:
    """A board with the rows that a reviewer should see, in the board's order, those that are gone last."""

    before: Board | None
    now: Board | None
    rows: tuple[RowChange, ...]

    @property
    def board(self) -> Board:
        """Return the board as it is now, or as it was."""
        return _either(self.now, self.before)


@dataclass(frozen=True)
class NumberChange:
    """A published number before and after."""

    kind: Change
    before: StoredNumber | None
    now: StoredNumber | None

    @property
    def number(self) -> StoredNumber:
        """Return the number as it is now, or as it was."""
        return _either(self.now, self.before)


@dataclass(frozen=True)
class RecordChange:
    """A record of any kind that is new, changed or gone, by its kind and name."""

    kind: Change
    record: str
    name: str


@dataclass(frozen=True)
class Diff:
    """Everything that differs between two sets of records.

    Attributes:
        base: The records before.
        head: The records after.
        boards: Boards with another row, rank or dispute, in the order of the site.
        numbers: Published numbers that differ, by source and line.
        records: Records that differ, by kind and name.
        findings: What the checks say of the head and did not say of the base, and what changed without a correction.
        known: How many findings both have.
    """

    base: Store
    head: Store
    boards: tuple[BoardChange, ...]
    numbers: tuple[NumberChange, ...]
    records: tuple[RecordChange, ...]
    findings: tuple[Finding, ...]
    known: int


def compare(base: Store, head: Store) -> Diff:
    """Return what differs between two sets of records."""
    silent = value_findings(base, head)
    base, head = _placeable(base), _placeable(head)
    before = set(base.findings)
    return Diff(
        base=base,
        head=head,
        boards=tuple(_boards(base, head)),
        numbers=tuple(_numbers(base, head)),
        records=tuple(_records(base, head)),
        findings=tuple(dict.fromkeys(finding for finding in (*head.findings, *silent) if finding not in before)),
        known=len(before & set(head.findings)),
    )


def _placeable(store: Store) -> Store:
    """Return a store without numbers and runs whose cards are missing: a finding says so, a board has no place."""
    return replace(
        store,
        numbers=tuple(
            number
            for number in store.numbers
            if number.row.model in store.models
            and number.row.dataset in store.datasets
            and number.source in store.sources
        ),
        runs=tuple(run for run in store.runs if run.model.id in store.models and run.dataset.id in store.datasets),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Boards


def _boards(base: Store, head: Store) -> Iterator[BoardChange]:
    before = {board.name: board for board in boards(base)}
    now = {board.name: board for board in boards(head)}
    for name in [*now, *(name for name in before if name not in now)]:
        rows = tuple(_rows(base, head, before.get(name), now.get(name)))
        if rows:
            yield BoardChange(before.get(name), now.get(name), rows)


def _rows(base: Store, head: Store, before: Board | None, now: Board | None) -> Iterator[RowChange]:
    old, new = _by_key(before), _by_key(now)
    kinds: dict[Key, Literal["new", "changed", "gone", "moved", "beside"]] = {}
    for key in [*new, *(key for key in old if key not in new)]:
        first, second = old.get(key), new.get(key)
        if first is None or second is None:
            kinds[key] = "new" if first is None else "gone"
        elif _content(base, first) != _content(head, second):
            kinds[key] = "changed"
        elif first.rank != second.rank:
            kinds[key] = "moved"
    for key in _beside([*new], kinds):
        kinds[key] = "beside"
    for key in [*new, *(key for key in old if key not in new)]:
        if key in kinds:
            yield RowChange(kinds[key], old.get(key), new.get(key))


def _by_key(board: Board | None) -> dict[Key, BoardRow]:
    return {(row.model, row.group): row for row in board.rows} if board else {}


def _beside(order: Sequence[Key], kinds: Mapping[Key, str]) -> list[Key]:
    """Return the unchanged rows directly above and below new and changed ones."""
    places = [index for index, key in enumerate(order) if kinds.get(key) in {"new", "changed"}]
    near = {index for place in places for index in (place - 1, place + 1) if 0 <= index < len(order)}
    return [order[index] for index in sorted(near) if order[index] not in kinds]


def _content(store: Store, row: BoardRow) -> Hashable:
    """Return what a row says, its rank aside: the run with its verification, or all published values, and disputes."""
    disputes = tuple(cell.dispute.model_dump_json() for cell in row.cells.values() if cell.dispute)
    if row.run is not None:
        return row.run.sha256, disputes, tuple(step.entries for step in ladder(store, row.run))
    numbers = sorted(number.sha256 for cell in row.cells.values() for number in cell.numbers)
    return tuple(numbers), disputes


# ---------------------------------------------------------------------------------------------------------------------
# Numbers and records


def _numbers(base: Store, head: Store) -> Iterator[NumberChange]:
    old, new = (group(store.numbers, lambda n: f"{n.source}/{n.id}") for store in (base, head))
    changes = []
    for name in old.keys() | new.keys():
        # More than one number of a name is an error of its own; they are compared in order.
        for before, now in zip_longest(old.get(name, []), new.get(name, [])):
            if before is None or now is None:
                changes.append(NumberChange("new" if before is None else "gone", before, now))
            elif before.sha256 != now.sha256:
                changes.append(NumberChange("changed", before, now))
    return iter(sorted(changes, key=lambda change: (change.number.source, change.number.line, change.kind)))


def _records(base: Store, head: Store) -> Iterator[RecordChange]:
    old, new = dict(_digests(base)), dict(_digests(head))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            kind: Change = "new" if key not in old else "gone" if key not in new else "changed"
            yield RecordChange(kind, *key)


def _digests(store: Store) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the digest of every record but published numbers, by kind and name."""
    cards: dict[str, Mapping[str, Record]] = {
        "data set": store.datasets,
        "model": store.models,
        "source": store.sources,
        "disagreement": store.disagreements,
        "lesson": store.lessons,
        "dispute": store.disputes,
        "correction": {entry.id: entry for entry in store.corrections},
        "protocol": {f"{dataset}/{name}": found for (dataset, name), found in store.protocols.items()},
        "speed": {f"{speed.device}/{speed.model}": speed for speed in store.speeds},
        "gallery entry": {f"{entry.dataset}/{entry.sample}": entry for entry in store.galleries},
        "verification": {f"{e.sha256[:12]} {e.relation} {e.verified_by}": e for e in store.verified},
        "adapters": {"adapters.json": store.adapters} if store.adapters else {},
    }
    for kind, found in cards.items():
        yield from (((kind, name), sha256_of(record.model_dump(mode="json"))) for name, record in found.items())
    yield from ((("run", run.place.removesuffix(".json")), run.sha256) for run in store.runs)
    yield from ((("sensitivity run", run.place.removesuffix(".json")), run.sha256) for run in store.sensitivity)
    yield from ((("reference", key), sha256_of(entry.to_bibtex())) for key, entry in store.references.items())
