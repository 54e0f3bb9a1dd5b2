"""Collecting a run: what batches gave becomes columns, the columns a run record for every protocol of the pass.

Where the batches are worked off is not said here: :func:`runners.stages.work_off` does it in this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from runners.datasets.base import Dataset, Skip
from runners.journal import Done, Entry, Finished, Journal
from runners.stages import COUNTS, Batch, EvaluationError, Order, name_of
from runners.warnings import Watch
from sitegen.records import Environment, PredictionKind, Protocol, Run, RunModel, round_significant, summarise
from sitegen.store import explain

if TYPE_CHECKING:
    from runners.saving import Writer

__all__ = ["Maker", "Outcome", "Produce", "Progress", "StoppedError", "Task", "measure", "now"]

Progress = Callable[[int], None]
"""Called with the number of samples that have just been dealt with."""

Produce = Callable[[Sequence[Order]], Generator[Batch]]
"""Gives what becomes of each order, in any sequence."""


class StoppedError(Exception):
    """A pass was asked to stop, and did so after a batch; the message says how far it came."""


@dataclass(frozen=True)
class Maker:
    """How the predictions of a pass were made, as all records of it say."""

    model: RunModel
    kind: PredictionKind
    environment: Environment
    command: str
    submitter: str


@dataclass(frozen=True)
class Outcome:
    """What a protocol gave: a run with what to look at before trusting it, or the reason why there is none."""

    protocol: Protocol
    run: Run | None = None
    failure: Exception | None = None
    notes: tuple[str, ...] = ()


@dataclass
class Task:
    """A protocol while the columns of its run fill.

    Attributes:
        protocol: How it is scored.
        deviations: In what the predictions were made otherwise than the protocol says.
        watch: Counts what should be looked at before the numbers are trusted.
        columns: The columns of the run.
        skipped: What was left out.
        done: Ids of what was scored or left out.
        seconds_predict: Spent on its predictions; None where they were there already.
        failure: Why there will be no run; nothing more is taken then.
    """

    protocol: Protocol
    deviations: Sequence[str] = ()
    watch: Watch = field(init=False)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    skipped: list[Skip] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    seconds_predict: float | None = None
    failure: Exception | None = None

    def __post_init__(self) -> None:
        """Begin to watch."""
        self.watch = Watch(self.protocol)

    @property
    def name(self) -> str:
        """Return the name of its protocol."""
        return name_of(self.protocol)

    def take(self, done: Done) -> Done:
        """Take what a batch gave into the run; return what of it was new, its time only if anything was."""
        fresh = [entry for entry in done.entries if entry.id not in self.done]
        for entry in fresh:
            self._keep(entry)
        seconds = done.seconds_predict if fresh else None
        if seconds is not None:
            self.seconds_predict = (self.seconds_predict or 0.0) + seconds
        return Done(fresh, seconds)

    def _keep(self, entry: Entry) -> None:
        self.done.add(entry.id)
        if entry.row is None:
            self.skipped.append(Skip(entry.id, entry.reason))
            return
        self.watch.count(entry.signs)
        for name, value in entry.row.items():
            self.columns.setdefault(name, []).append(value)


def measure(
    dataset: Dataset,
    produce: Produce,
    tasks: Sequence[Task],
    maker: Callable[[Mapping[str, Any]], Maker],
    *,
    batch: int = 1,
    progress: Progress = lambda _: None,
    writers: Mapping[str, Writer] | None = None,
    journal: Journal | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Have every batch of a data set worked off, and return one outcome a task, in order.

    ``timings.seconds_total`` of each record is the time of the whole pass that the record came from, all parts of it.
    What ``journal`` holds is not done again, and every batch is added to it.

    Args:
        dataset: The samples.
        produce: Works off what is left to do.
        tasks: What is collected.
        maker: Asked at the end, with what the model has noted in its settings.
        batch: How many samples are predicted at once.
        progress: Told of each finished batch.
        writers: What keeps the predictions of inputs, by the input's name.
        journal: What of this run is finished already, and where the rest is written down.
        stop: Asked after each batch whether to leave it at that.

    Raises:
        JournalError: If the journal cannot be written.
        SavedError: If predictions cannot be kept.
        StoppedError: If ``stop`` said so, and there was more to do.
    """
    collector = _Collector(dataset, tasks, dict(writers or {}), journal)
    orders = list(collector.orders(batch))
    progress(len(dataset) - sum(len(order.ids) for order in orders))
    if orders:
        with closing(produce(orders)) as batches:
            for done in batches:
                collector.take(done)
                progress(len(done.order.ids))
                if not collector.unfinished():
                    break
                if stop():
                    raise StoppedError(f"stopped after {collector.count()} of {len(dataset)} images of '{dataset.id}'")
    made = maker(collector.noted)
    for writer in collector.writers.values():
        writer.finish(dataset, made)
    return collector.outcomes(made)


def now() -> str:
    """Return the time as records say it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Collector:
    """Takes what batches gave into tasks, journal and writers, in that one place."""

    def __init__(
        self, dataset: Dataset, tasks: Sequence[Task], writers: dict[str, Writer], journal: Journal | None
    ) -> None:
        self.dataset, self.tasks, self.writers, self.journal = dataset, tasks, writers, journal
        self.started, self.seconds = now(), 0.0
        self.noted: dict[str, Any] = {}
        if journal:
            self.started = journal.started
            self._replay(journal)
        self.clock = time.perf_counter()

    def _replay(self, journal: Journal) -> None:
        for line in journal.lines:
            self.seconds += line.seconds
            self.noted |= line.noted
            for task in self.tasks:
                if task.name in line.protocols:
                    task.take(line.protocols[task.name])
        journal.lines.clear()  # the tasks hold it all now

    def orders(self, batch: int) -> Iterator[Order]:
        """Yield the batches that something is left to do of."""
        ids = self.dataset.ids
        for cut in (ids[first : first + batch] for first in range(0, len(ids), batch)):
            names = frozenset(task.name for task in self._open() if not task.done.issuperset(cut))
            keep = frozenset(name for name, writer in self.writers.items() if not writer.done.issuperset(cut))
            if names or keep:
                yield Order(tuple(cut), names, keep)

    def take(self, batch: Batch) -> None:
        """Take what a batch gave; what it gave of a protocol that failed is tried again should the run be resumed."""
        for task in self._open():
            task.failure = batch.failures.get(task.name)
        for name in batch.lost:
            self.writers.pop(name, None)
        for name, kept in batch.kept.items():
            if name in self.writers:
                self.writers[name].take(kept)
        fresh = {
            task.name: task.take(batch.protocols[task.name]) for task in self._open() if task.name in batch.protocols
        }
        self.noted |= batch.noted
        self._write_down(fresh)

    def _write_down(self, fresh: dict[str, Done]) -> None:
        self.clock, spent = time.perf_counter(), time.perf_counter() - self.clock
        self.seconds += spent
        if self.journal:
            self.journal.append(Finished(spent, fresh, self.noted))

    def unfinished(self) -> bool:
        """Return whether anything is left to do."""
        everything = len(self.dataset)
        open_writers = any(len(writer.done) < everything for writer in self.writers.values())
        return open_writers or any(len(task.done) < everything for task in self._open())

    def count(self) -> int:
        """Return how many samples are through."""
        done = [task.done for task in self._open()] + [writer.done for writer in self.writers.values()]
        return min(map(len, done), default=len(self.dataset))

    def outcomes(self, maker: Maker) -> list[Outcome]:
        """Return what became of each task."""
        seconds = self.seconds + time.perf_counter() - self.clock
        return [_outcome(self.dataset, task, maker, self.started, seconds) for task in self.tasks]

    def _open(self) -> list[Task]:
        return [task for task in self.tasks if task.failure is None]


_FIXED = {"id", "group", "valid_pixels", "degenerate", "scale", "shift", "clamped_share", "details", *COUNTS}


def _outcome(dataset: Dataset, task: Task, maker: Maker, started: str, seconds: float) -> Outcome:
    if task.failure:
        return Outcome(task.protocol, failure=task.failure)
    predicting = None if task.seconds_predict is None else round_significant(task.seconds_predict)
    timings = {"started": started, "seconds_total": round_significant(seconds), "seconds_predict": predicting}
    try:
        run = _sealed({**_measured(dataset, task, maker), "timings": timings})
    except EvaluationError as error:
        return Outcome(task.protocol, failure=error)
    return Outcome(task.protocol, run, notes=tuple(task.watch.sentences()))


def _measured(dataset: Dataset, task: Task, maker: Maker) -> dict[str, Any]:
    if not task.columns:
        reasons = "; ".join(f"{skip.id}: {skip.reason}" for skip in task.skipped[:5])
        raise EvaluationError(f"no image of '{dataset.id}' could be scored ({reasons})")
    protocol, columns = task.protocol, _in_order(task.columns)
    skipped = [{"id": skip.id, "reason": skip.reason} for skip in sorted(task.skipped, key=lambda skip: skip.id)]
    return {
        "schema_version": 1,
        "model": maker.model.model_dump(),
        "dataset": {
            "id": dataset.id,
            "split": dataset.split,
            "list_sha256": dataset.list_sha256,
            "listed": len(dataset),
            "evaluated": len(columns["id"]),
            "skipped": skipped,
        },
        "protocol": {"id": protocol.id, "sha256": protocol.digest(), "block": protocol.block()},
        "prediction_kind": maker.kind,
        "deviations": list(task.deviations),
        "command": maker.command,
        "samples": {name: column for name, column in columns.items() if name != "details" or any(column)},
        "summary": _summary(columns, protocol),
        "environment": maker.environment.model_dump(),
        "submitter": maker.submitter,
    }


def _in_order(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return columns by sorted id, whatever the order was in which parts of the run finished them."""
    if columns["id"] == sorted(columns["id"]):
        return columns
    order = sorted(range(len(columns["id"])), key=columns["id"].__getitem__)
    return {name: [column[place] for place in order] for name, column in columns.items()}


def _summary(columns: dict[str, list[Any]], protocol: Protocol) -> dict[str, float | None]:
    metrics = {name: column for name, column in columns.items() if name not in _FIXED}
    pooled = protocol.aggregation == "pooled-pixels"
    counts = {unit: columns[unit] for unit in COUNTS if unit in columns}
    return summarise(metrics, columns["valid_pixels"] if pooled else None, counts)


def _sealed(data: dict[str, Any]) -> Run:
    try:
        return Run.sealed(data)
    except ValidationError as error:
        faults = "; ".join(f"{pointer}: {message}" for pointer, message in explain(error))
        raise EvaluationError(f"the run gives no valid record: {faults}") from error
