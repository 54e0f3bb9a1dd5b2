"""One pass over predictions: any number of protocols score each of them, and each protocol gets a run record."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError

from runners.datasets.base import Dataset, Sample, Skip
from runners.datasets.pipeline import iterate
from runners.inputs import InputError, check_prepared
from runners.journal import Done, Entry, Finished, Journal
from runners.prediction import KindError, Prediction
from runners.resize import Size
from runners.score import ProtocolError, Scores, score
from runners.warnings import Watch
from sitegen.metrics import METRICS
from sitegen.records import (
    Environment,
    Frame,
    PredictionKind,
    Protocol,
    Run,
    RunModel,
    round_significant,
    summarise,
)
from sitegen.store import explain

__all__ = [
    "MAY_BE_MISSING",
    "EvaluationError",
    "Group",
    "Maker",
    "Outcome",
    "Progress",
    "Seen",
    "StoppedError",
    "Task",
    "counting_mask",
    "measure",
    "now",
]

Progress = Callable[[int], None]
"""Called with the number of samples that have just been dealt with."""

MAY_BE_MISSING = frozenset(
    metric.id for metric in METRICS.values() if metric.group in ("boundary", "ordinal") or metric.counted != "pixels"
)
"""Metrics that an image may honestly have no value of: it has no edge, no annotated plane, no pair of points."""


class EvaluationError(Exception):
    """A run cannot give a record; the message says why."""


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
class Seen:
    """A sample with its prediction, and the rows and columns of the image as the model got it."""

    sample: Sample
    prediction: Prediction
    input_size: Size


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
        protocol: How to score.
        covers: What the predictions cover, where that is not the protocol's ``input_crop``.
        deviations: In what the predictions were made otherwise than the protocol says.
        watch: Looks at each scored image.
        columns: The columns of the run.
        skipped: What was left out.
        done: Ids of what was scored or left out.
        fresh: What was done since it was last written down (:meth:`write_down`).
        seconds_predict: Spent on its predictions; None where they were there already.
        failure: Why there will be no run; nothing more is scored then.
    """

    protocol: Protocol
    covers: Frame | None = None
    deviations: Sequence[str] = ()
    watch: Watch = field(init=False)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    skipped: list[Skip] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    fresh: Done = field(default_factory=lambda: Done([]))
    seconds_predict: float | None = None
    failure: Exception | None = None

    @property
    def name(self) -> str:
        """Return what tells its protocol from the others of a pass."""
        return f"{self.protocol.dataset}/{self.protocol.id}"

    def __post_init__(self) -> None:
        """Begin to watch."""
        self.watch = Watch(self.protocol)

    def take(self, seen: Seen, model_id: str) -> None:
        """Score one prediction of a model; what cannot be scored becomes the task's failure."""
        if self.failure:
            return
        try:
            self.keep(self._entry(seen, model_id))
        except InputError as error:
            self.failure = EvaluationError(str(error))
        except (EvaluationError, KindError, ProtocolError) as error:
            self.failure = error

    def keep(self, entry: Entry) -> None:
        """Take what became of a sample into the run."""
        self.done.add(entry.id)
        self.fresh.entries.append(entry)
        if entry.row is None:
            self.skipped.append(Skip(entry.id, entry.reason))
            return
        self.watch.count(entry.signs)
        for name, value in entry.row.items():
            self.columns.setdefault(name, []).append(value)

    def spend(self, seconds: float | None) -> None:
        """Add time that predicting took."""
        if seconds is not None:
            self.seconds_predict = (self.seconds_predict or 0.0) + seconds
            self.fresh = Done(self.fresh.entries, (self.fresh.seconds_predict or 0.0) + seconds)

    def write_down(self) -> Done:
        """Return what was done since this was last called."""
        fresh, self.fresh = self.fresh, Done([])
        return fresh

    def replay(self, done: Done) -> None:
        """Take what an earlier part of the run has written down."""
        for entry in done.entries:
            if entry.id not in self.done:
                self.keep(entry)
        self.spend(done.seconds_predict)
        self.write_down()

    def _entry(self, seen: Seen, model_id: str) -> Entry:
        check_prepared(seen.sample, self.protocol)
        scores = _score(seen, self)
        counted, least = int(scores.counted), self.protocol.minimum_valid_pixels
        if counted < least:
            what = "pairs" if scores.scored_as == "ordinal" else "valid pixels"
            return Entry(seen.sample.id, reason=f"{counted} {what}; the protocol asks for at least {least}")
        signs = self.watch.look(seen.sample, seen.prediction, scores)
        return Entry(seen.sample.id, _row(seen, scores, model_id), signs=signs)


@dataclass
class Group:
    """Tasks that share predictions.

    Attributes:
        model_id: Whose predictions they are.
        predict: Gives the predictions of a few samples, or the reasons why there are none.
        tasks: What they are scored under.
        kept: Whether predictions are wanted even where no task is left that could be scored.
        timed: Whether predicting takes time that the records should tell.
        skipped: The samples without a prediction so far.
    """

    model_id: str
    predict: Callable[[list[Sample]], Iterator[Seen | Skip]]
    tasks: list[Task]
    kept: bool = False
    timed: bool = True
    skipped: list[Skip] = field(default_factory=list)

    def wanted(self, ids: Sequence[str]) -> bool:
        """Return whether one of these samples has still to be predicted."""
        return self.kept or bool(self._lacking(ids))

    def unfinished(self, listed: int) -> bool:
        """Return whether any of all listed samples has still to be predicted."""
        return self.kept or any(task.failure is None and len(task.done) < listed for task in self.tasks)

    def _lacking(self, ids: Sequence[str]) -> list[Task]:
        return [task for task in self.tasks if task.failure is None and not task.done.issuperset(ids)]

    def run(self, samples: list[Sample], skips: list[Skip]) -> None:
        """Predict a few samples and score them under every task; ``skips`` are those that could not be read."""
        ids = [sample.id for sample in samples] + [skip.id for skip in skips]
        if not self.wanted(ids):
            return
        tasks = self._lacking(ids)
        clock = time.perf_counter()
        try:
            found = list(self.predict(samples)) if samples else []
        except (EvaluationError, InputError) as error:
            self._fail(error)
            return
        seconds = time.perf_counter() - clock
        skips = [*skips, *(item for item in found if isinstance(item, Skip))]
        self.skipped += skips
        for task in tasks:
            task.spend(seconds if self.timed else None)
            for skip in skips:
                task.keep(Entry(skip.id, reason=skip.reason))
            for item in found:
                if isinstance(item, Seen):
                    task.take(item, self.model_id)

    def _fail(self, error: Exception) -> None:
        """Give up: the same fault would come with every protocol of the group."""
        self.kept = False
        for task in self.tasks:
            task.failure = task.failure or EvaluationError(str(error))


def measure(
    dataset: Dataset,
    groups: Sequence[Group],
    tasks: Sequence[Task],
    maker: Callable[[], Maker],
    *,
    batch: int = 1,
    workers: int = 0,
    progress: Progress = lambda _: None,
    journal: Journal | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Read every sample once, predict it once a group, score it under every task; return one outcome a task, in order.

    ``workers`` processes read ahead, two samples each and the batch; none reads in this process. ``maker`` is asked at
    the end: a model may note in its settings what happened while it predicted.
    ``timings.seconds_total`` of each record is the time of the whole pass that the record came from, all parts of it.
    What ``journal`` holds is not done again, and every batch is added to it.

    Raises:
        JournalError: If the journal cannot be written.
        StoppedError: If ``stop`` said so after a batch, and there was more to do.
    """
    started, seconds = now(), 0.0
    if journal:
        started, seconds = journal.started, _replay(journal, tasks)
    clock = time.perf_counter()
    left = _left(dataset, groups, batch)
    progress(len(dataset) - len(left))

    def unfinished() -> bool:
        return any(group.unfinished(len(dataset)) for group in groups)

    with closing(iterate(left, workers, 2 * workers + batch)) as reading:
        while unfinished() and (read := list(islice(reading, batch))):
            samples, skips = _sorted(read)
            for group in groups:
                group.run(samples, skips)
            clock, spent = time.perf_counter(), time.perf_counter() - clock
            seconds += spent
            protocols = _written_down(tasks)
            if journal:
                journal.append(Finished(spent, protocols, journal.noting()))
            progress(len(read))
            if stop() and unfinished():
                done = f"{_finished(tasks, dataset)} of {len(dataset)} images"
                raise StoppedError(f"stopped after {done} of '{dataset.id}'")
    seconds += time.perf_counter() - clock
    made = maker()
    return [_outcome(dataset, task, made, started, seconds) for task in tasks]


def now() -> str:
    """Return the time as records say it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _replay(journal: Journal, tasks: Sequence[Task]) -> float:
    """Give every task what earlier parts have written down; return the seconds that they took."""
    for line in journal.lines:
        for task in tasks:
            if task.name in line.protocols:
                task.replay(line.protocols[task.name])
    seconds = sum(line.seconds for line in journal.lines)
    journal.lines.clear()  # the tasks hold it all now
    return seconds


def _left(dataset: Dataset, groups: Sequence[Group], batch: int) -> Dataset:
    """Return the samples of those batches that are not finished.

    Whole batches, cut as in a run that nothing interrupts: a network's last bits may depend on what else is in a batch.
    """
    cut = [dataset.ids[first : first + batch] for first in range(0, len(dataset), batch)]
    left = [name for ids in cut if any(group.wanted(ids) for group in groups) for name in ids]
    return dataset if len(left) == len(dataset) else dataset.only(left)


def _written_down(tasks: Sequence[Task]) -> dict[str, Done]:
    """Return what a batch gave; nothing of a protocol that failed, which is tried again should the run be resumed."""
    found = [(task, task.write_down()) for task in tasks]
    return {task.name: done for task, done in found if task.failure is None and done.entries}


def _finished(tasks: Sequence[Task], dataset: Dataset) -> int:
    return min((len(task.done) for task in tasks if task.failure is None), default=len(dataset))


def _sorted(read: Sequence[Sample | Skip]) -> tuple[list[Sample], list[Skip]]:
    return [item for item in read if isinstance(item, Sample)], [item for item in read if isinstance(item, Skip)]


def _score(seen: Seen, task: Task) -> Scores:
    sample, prediction = seen.sample, seen.prediction
    return score(
        prediction.map.cpu()[None],
        prediction.kind,
        torch.from_numpy(sample.truth)[None],
        torch.from_numpy(counting_mask(sample, task.protocol))[None],
        task.protocol,
        image_size=seen.input_size,
        covers=task.covers,
        annotations=[sample.annotations],
        intrinsics=[sample.truth_intrinsics],
    )


def counting_mask(sample: Sample, protocol: Protocol) -> npt.NDArray[np.bool_]:
    """Return which pixels of a sample the mask source of a protocol leaves, bool (H, W)."""
    if protocol.mask != "sample-mask-and-region" or sample.region is None:
        return sample.mask
    return sample.mask & sample.region


def _row(seen: Seen, scores: Scores, model_id: str) -> dict[str, Any]:
    values = {
        "scale": float(scores.scale),
        "shift": float(scores.shift),
        "clamped_share": float(scores.clamped_share),
        **{name: float(value) for name, value in scores.metrics.items()},
    }
    bad = int(scores.not_finite)
    missing = {name for name, value in values.items() if math.isnan(value) and name in MAY_BE_MISSING and not bad}
    if wrong := [name for name, value in values.items() if not math.isfinite(value) and name not in missing]:
        raise EvaluationError(
            f"model '{model_id}' on '{seen.sample.id}': {', '.join(wrong)} came out as no number ({bad} of the "
            f"{int(scores.valid_pixels)} valid pixels have a prediction that is NaN or infinite). Leaving the image "
            "out would flatter the model, so there is no record"
        )
    rounded = {name: None if name in missing else round_significant(value) for name, value in values.items()}
    return {
        "id": seen.sample.id,
        "group": seen.sample.group,
        "valid_pixels": int(scores.valid_pixels),
        "degenerate": bool(scores.degenerate),
        "details": dict(seen.prediction.details),
        **{unit: int(count) for unit, count in scores.counts.items()},
        **rounded,
    }


_COUNTS = ("pairs", "planes")
_FIXED = {"id", "group", "valid_pixels", "degenerate", "scale", "shift", "clamped_share", "details", *_COUNTS}


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
    counts = {unit: columns[unit] for unit in _COUNTS if unit in columns}
    return summarise(metrics, columns["valid_pixels"] if pooled else None, counts)


def _sealed(data: dict[str, Any]) -> Run:
    try:
        return Run.sealed(data)
    except ValidationError as error:
        faults = "; ".join(f"{pointer}: {message}" for pointer, message in explain(error))
        raise EvaluationError(f"the run gives no valid record: {faults}") from error
