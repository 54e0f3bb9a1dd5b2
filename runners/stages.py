"""Batches of samples on their way: read, prepared, predicted, scored. :mod:`runners.measure` collects what comes out.

Everything here is about one batch at a time and keeps nothing of it, so that batches may be worked off anywhere.
docs/adr/0016-pipeline.md says which stage runs where.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from runners.datasets.base import Dataset, Sample, Skip
from runners.datasets.pipeline import iterate
from runners.environment import cores
from runners.inputs import InputError, check_prepared
from runners.journal import Done, Entry
from runners.prediction import KindError, Prediction
from runners.resize import Size
from runners.score import ProtocolError, Scores, score
from runners.transfer import Stopwatch
from runners.warnings import Watch
from sitegen.metrics import MAY_BE_MISSING
from sitegen.records import Frame, Protocol, round_significant

if TYPE_CHECKING:
    from runners.saving import Piece

__all__ = [
    "COUNTS",
    "Batch",
    "EvaluationError",
    "Group",
    "Order",
    "Scorer",
    "Seen",
    "counting_mask",
    "name_of",
    "threads_for",
    "work_off",
]

COUNTS = ("pairs", "planes")
"""Columns that count what a metric is a mean over, besides the valid pixels."""

_MOST_THREADS = 4
"""More copies of what is on its way would only take memory."""


class EvaluationError(Exception):
    """A run cannot give a record; the message says why."""


@dataclass(frozen=True)
class Order:
    """A batch that has still to be done.

    Attributes:
        ids: Its samples: a whole batch, cut as in a run that nothing interrupts, since a network's last bits may depend
            on what else is in a batch.
        protocols: Which protocols lack some of them, by name (:func:`name_of`).
        keep: Of which inputs the predictions are wanted, by name.
    """

    ids: tuple[str, ...]
    protocols: frozenset[str]
    keep: frozenset[str] = frozenset()

    @property
    def idle(self) -> bool:
        """Return whether nothing of it is left to do."""
        return not self.protocols and not self.keep

    def without(self, over: Collection[str]) -> Order:
        """Return it without what is over: protocols that failed, inputs that are lost."""
        return Order(self.ids, self.protocols.difference(over), self.keep.difference(over))


@dataclass(frozen=True)
class Seen:
    """A sample with its prediction, and the rows and columns of the image as the model got it."""

    sample: Sample
    prediction: Prediction
    input_size: Size


@dataclass(frozen=True)
class Batch:
    """What became of an order.

    Attributes:
        order: The order.
        protocols: What each protocol gave, by name; nothing of one that failed.
        failures: Why protocols give no run, by name.
        kept: What is to be saved of each input: predictions, or the reasons why there are none.
        lost: Inputs whose predictions cannot be saved as a whole, since predicting failed.
        noted: What the model has noted in its settings so far.
    """

    order: Order
    protocols: dict[str, Done] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    kept: dict[str, list[Piece | Skip]] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    noted: dict[str, Any] = field(default_factory=dict)

    @property
    def over(self) -> frozenset[str]:
        """Return what is over with it: protocols that failed, inputs that are lost."""
        return self.lost.union(self.failures)


def name_of(protocol: Protocol) -> str:
    """Return what tells a protocol from the others of a pass."""
    return f"{protocol.dataset}/{protocol.id}"


@dataclass(frozen=True)
class Scorer:
    """A protocol that predictions are scored under.

    Attributes:
        protocol: How to score.
        covers: What the predictions cover, where that is not the protocol's ``input_crop``.
    """

    protocol: Protocol
    covers: Frame | None = None

    @property
    def name(self) -> str:
        """Return the name of its protocol."""
        return name_of(self.protocol)

    @cached_property
    def _watch(self) -> Watch:
        return Watch(self.protocol)

    def entry(self, seen: Seen, model_id: str) -> Entry:
        """Score one prediction of a model.

        Raises:
            EvaluationError: If a metric came out as no number.
            InputError: If the sample is not what the protocol needs.
            KindError: If the protocol does not score predictions of this kind.
            ProtocolError: If the protocol cannot be carried out on this sample.
        """
        check_prepared(seen.sample, self.protocol)
        scores = self.scores(seen)
        counted, least = int(scores.counted), self.protocol.minimum_valid_pixels
        if counted < least:
            what = "pairs" if scores.scored_as == "ordinal" else "valid pixels"
            return Entry(seen.sample.id, reason=f"{counted} {what}; the protocol asks for at least {least}")
        signs = self._watch.look(seen.sample, seen.prediction, scores)
        return Entry(seen.sample.id, _row(seen, scores, model_id), signs=signs)

    def scores(self, seen: Seen) -> Scores:
        """Return the scores of one prediction, before they are judged.

        Raises:
            KindError: If the protocol does not score predictions of this kind.
            ProtocolError: If the protocol cannot be carried out on this sample.
        """
        sample, prediction = seen.sample, seen.prediction
        return score(
            prediction.map[None],
            prediction.kind,
            torch.from_numpy(sample.truth)[None],
            torch.from_numpy(counting_mask(sample, self.protocol))[None],
            self.protocol,
            image_size=seen.input_size,
            covers=self.covers,
            annotations=[sample.annotations],
            intrinsics=[sample.truth_intrinsics],
        )


@dataclass(frozen=True)
class Group:
    """Protocols that share predictions.

    Attributes:
        model_id: Whose predictions they are.
        input_name: What the model sees, by name.
        predict: Begins to predict what ``prepare`` gave, in one thread. What it returns is gone through where it is
            scored and gives the predictions, or the reasons why there are none.
        scorers: What they are scored under.
        encode: Makes a prediction into what is saved of it; None where none is.
        timed: Whether predicting takes time that the records should tell.
        prepare: Makes samples into what ``predict`` takes; called in any thread, while ``predict`` is at others.
        device: Where it predicts, by whose time that is measured.
    """

    model_id: str
    input_name: str
    predict: Callable[[Any], Iterable[Seen | Skip]]
    scorers: Sequence[Scorer]
    encode: Callable[[Seen], Piece] | None = None
    timed: bool = True
    prepare: Callable[[list[Sample]], Any] = list
    device: torch.device | str = "cpu"

    def left(self, order: Order) -> Order:
        """Return what concerns this group of an order."""
        names = frozenset(scorer.name for scorer in self.scorers)
        return Order(order.ids, order.protocols & names, order.keep & {self.input_name})


@dataclass(frozen=True)
class _Begun:
    """A batch before it is predicted: what was read, and what its groups make of it ahead, by the input's name."""

    order: Order
    read: Future[list[Sample | Skip]]
    inputs: dict[str, Future[_Inputs]]


@dataclass(frozen=True)
class _Inputs:
    """What a group predicts a batch from; None where no sample could be read. ``seconds`` is what it took to make."""

    given: Any
    seconds: float


@dataclass(frozen=True)
class _Predicted:
    """A batch between its last two stages: what one group makes of it."""

    group: Group
    order: Order
    skips: list[Skip]
    coming: Iterable[Seen | Skip]
    seconds: Callable[[], float]
    failure: Exception | None = None

    def finished(self) -> Batch:
        """Score it, once it is there."""
        if self.failure:
            return self._failed(self.failure)
        try:
            found = [*self.skips, *self.coming]
        except (EvaluationError, InputError) as error:
            return self._failed(error)
        seconds = self.seconds() if self.group.timed else None
        protocols: dict[str, Done] = {}
        failures: dict[str, Exception] = {}
        for scorer in self.group.scorers:
            if scorer.name in self.order.protocols:
                try:
                    protocols[scorer.name] = Done(list(self._entries(scorer, found)), seconds)
                except InputError as error:
                    failures[scorer.name] = EvaluationError(str(error))
                except (EvaluationError, KindError, ProtocolError) as error:
                    failures[scorer.name] = error
        return Batch(self.order, protocols, failures, dict(self._kept(found)))

    def _failed(self, error: Exception) -> Batch:
        """Return the same fault for every protocol of the group: it would come with each."""
        fault = EvaluationError(str(error))
        return Batch(self.order, failures=dict.fromkeys(self.order.protocols, fault), lost=self.order.keep)

    def _entries(self, scorer: Scorer, found: Sequence[Seen | Skip]) -> Iterator[Entry]:
        for item in found:
            if isinstance(item, Skip):
                yield Entry(item.id, reason=item.reason)
            else:
                yield scorer.entry(item, self.group.model_id)

    def _kept(self, found: Sequence[Seen | Skip]) -> Iterator[tuple[str, list[Piece | Skip]]]:
        if self.order.keep and (encode := self.group.encode):
            yield self.group.input_name, [item if isinstance(item, Skip) else encode(item) for item in found]


def threads_for(device: str) -> int:
    """Return how many threads serve a model on a device best, for :func:`work_off`."""
    if torch.device(device).type != "cuda":
        return 0
    return max(1, min(_MOST_THREADS, cores() // 2))


def work_off(
    dataset: Dataset,
    groups: Sequence[Group],
    orders: Sequence[Order],
    *,
    workers: int = 0,
    threads: int = 0,
    noting: Callable[[], dict[str, Any]] = dict,
) -> Generator[Batch]:
    """Yield what becomes of each order, in their sequence.

    Args:
        dataset: The samples.
        groups: How they are predicted and scored.
        orders: What is to be done. A protocol that fails is left out of those that have not begun.
        workers: How many processes read ahead, two samples each and a batch; none reads in this one.
        threads: How many batches are ahead of the one that is predicted, in as many threads that prepare them, and how
            many behind it, in as many threads that score; none does everything in turn. All predicting is done in the
            thread that asks for the batches.
        noting: Returns what the model has noted in its settings.

    Raises:
        DatasetError: If worker processes cannot be started.
    """
    ids = [name for order in orders for name in order.ids]
    left = dataset if len(ids) == len(dataset) else dataset.only(ids)
    largest = max((len(order.ids) for order in orders), default=0)
    over: set[str] = set()
    waiting: deque[Future[Batch]] = deque()

    with (
        closing(iterate(left, workers, 2 * workers + largest)) as reading,
        _pool("read", min(threads, 1)) as reader,
        _pool("prepare", threads) as preparers,
        _pool("score", threads) as scorers,
    ):

        def begin(order: Order) -> _Begun:
            read = reader.submit(lambda: list(islice(reading, len(order.ids))))
            parts = _parts(groups, order.without(over))
            return _Begun(order, read, {group.input_name: preparers.submit(_inputs, group, read) for group, _ in parts})

        for begun in _delayed(map(begin, orders), threads):
            predicted = [_predicted(group, part, begun) for group, part in _parts(groups, begun.order.without(over))]
            waiting.append(scorers.submit(_scored, begun.order, predicted, noting()))
            while waiting and (len(waiting) > threads or waiting[0].done()):
                batch = waiting.popleft().result()
                over |= batch.over
                yield batch
        while waiting:
            yield waiting.popleft().result()


class _Here(ThreadPoolExecutor):
    """A pool of no threads: what is submitted is done at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # raised where the result is asked for, as from a thread
            done.set_exception(error)
        return done


@contextmanager
def _pool(what: str, threads: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool; what has not begun when it is left is not done."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=what) if threads else _Here()
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _delayed(items: Iterable[_Begun], count: int) -> Iterator[_Begun]:
    """Yield items in their order once so many more have been taken, or there are no more."""
    waiting: deque[_Begun] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting


def _parts(groups: Sequence[Group], order: Order) -> list[tuple[Group, Order]]:
    """Return the groups that something of an order is left for, each with that."""
    parts = [(group, group.left(order)) for group in groups]
    return [(group, part) for group, part in parts if not part.idle]


def _inputs(group: Group, read: Future[list[Sample | Skip]]) -> _Inputs:
    samples = [item for item in read.result() if isinstance(item, Sample)]
    clock = time.perf_counter()
    given = group.prepare(samples) if samples else None
    return _Inputs(given, time.perf_counter() - clock)


def _predicted(group: Group, order: Order, begun: _Begun) -> _Predicted:
    skips = [item for item in begun.read.result() if isinstance(item, Skip)]
    try:
        inputs = begun.inputs[group.input_name].result()
        watch = Stopwatch(group.device)
        coming = [] if inputs.given is None else group.predict(inputs.given)
        predicting = watch.stop()
    except (EvaluationError, InputError) as error:
        return _Predicted(group, order, [], [], float, error)
    return _Predicted(group, order, skips, coming, lambda: inputs.seconds + predicting())


def _scored(order: Order, parts: Sequence[_Predicted], noted: dict[str, Any]) -> Batch:
    batches = [part.finished() for part in parts]
    return Batch(
        order,
        {name: done for batch in batches for name, done in batch.protocols.items()},
        {name: error for batch in batches for name, error in batch.failures.items()},
        {name: kept for batch in batches for name, kept in batch.kept.items()},
        frozenset[str]().union(*(batch.lost for batch in batches)),
        noted,
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
