"""Measuring on the workers of a dask cluster: several GPUs of one machine, or those of many.

A task is a shard: a few batches of one model on one data set (:mod:`runners.worker`). What a shard gave comes back as a
whole and goes to the one place that collects (:func:`runners.measure.measure`), so a shard whose worker died is simply
run again. docs/adr/0017-cluster.md.
"""

from __future__ import annotations

import logging
import math
import os
import re
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from runners.datasets.base import Dataset
from runners.datasets.cache import active
from runners.environment import command_line, cores
from runners.evaluate import model_with
from runners.jobs import Work
from runners.measure import Maker, Outcome, Task, measure
from runners.resume import code_sha256
from runners.saving import Destination, Writer
from runners.stages import Batch, Order
from runners.worker import Answer, ClusterError, Loading, Spec, answer, differences, work
from sitegen.records import Environment

if TYPE_CHECKING:
    from distributed import Client, Future, SpecCluster

__all__ = [
    "LARGEST",
    "PATIENCE_S",
    "SHARD_S",
    "ClusterError",
    "LostError",
    "Pool",
    "Where",
    "opened",
    "parse",
    "spec_of",
]

SHARD_S = 5.0
"""How long a shard should take, in seconds: at most so much work is lost with a worker."""

LARGEST = 64
"""No shard has more batches."""

PATIENCE_S = 120.0
"""How long a cluster may be without a worker, in seconds."""

_CONNECT_S, _TICK_S = 10.0, 1.0


class LostError(ClusterError):
    """The cluster is gone: no worker is left, or its scheduler is not."""


@dataclass(frozen=True)
class Where:
    """Which cluster.

    Attributes:
        address: Of a scheduler; None for workers of our own on this machine.
        count: How many of those; None for as many as there are GPUs, or as fit on the cores.
    """

    address: str | None = None
    count: int | None = None


def parse(text: str) -> Where:
    """Return what ``--cluster`` says.

    Raises:
        ValueError: If it says neither ``local``, ``local:N`` nor an address.
    """
    if found := re.fullmatch(r"local(?::([1-9][0-9]{0,3}))?", text):
        return Where(count=None if found[1] is None else int(found[1]))
    if re.fullmatch(r"(?:tcp|tls)://[^\s/]+:[0-9]{1,5}", text):
        return Where(address=text)
    raise ValueError(f"'{text}' is neither local, local:N with N from 1, nor an address such as tcp://10.0.0.1:8786")


def spec_of(
    work: Work, destinations: Sequence[Destination], *, device: str, batch: int, weights_dir: Path | None, **how: Any
) -> Spec:
    """Return what workers are told of a work; ``how`` are the other fields of :class:`runners.worker.Loading`."""
    folder = None if weights_dir is None else weights_dir.resolve()
    loading = Loading(work.model_id, device, weights_dir=folder, **how)
    kept = {destination.rule.name: destination.dtype for destination in destinations}
    return Spec(loading, work.job.origin, tuple(work.protocols), batch, kept, truth_kept=active() is not None)


@contextmanager
def opened(where: Where, device: str, tell: Callable[[str], None] = lambda _: None) -> Iterator[Pool]:
    """Give the workers of a cluster; our own are started, and gone at the end, however it ends.

    Args:
        where: Which cluster.
        device: Where models are to run; ``auto`` for a GPU where there is one.
        tell: Called with what a person should know.

    Raises:
        ClusterError: If dask is not installed, no scheduler answers, or the device cannot be had.
    """
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ClusterError(f"{error.name} is not installed; run: pip install 'fathom-depth[cluster]'") from error
    with ExitStack() as stack:
        address = where.address or stack.enter_context(_local(where.count, device, tell)).scheduler_address
        try:
            client = stack.enter_context(distributed.Client(address, timeout=_CONNECT_S, set_as_default=False))
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise ClusterError(f"no scheduler answers at {address}: {error or type(error).__name__}") from error
        yield Pool(client, address)


@contextmanager
def _local(count: int | None, device: str, tell: Callable[[str], None]) -> Iterator[SpecCluster]:
    """Give worker processes of our own: they listen on the loopback alone, and each may use one GPU, if any."""
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    gpus = _gpus(device)
    places = [gpus[index % len(gpus)] if gpus else None for index in range(count or len(gpus) or _cpu_workers())]
    if not gpus and (said := _crowded(len(places))):
        tell(said)
    with TemporaryDirectory(prefix="fathom-") as folder, dask.config.set(_settings()):
        preload = ["runners.worker", *dask.config.get("distributed.worker.preload")]
        quiet: dict[str, Any] = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
        common = {**quiet, "nthreads": 1, "memory_limit": 0, "preload": preload, "local_directory": folder}
        common |= {"silence_logs": logging.ERROR}
        workers = {
            index: {"cls": Nanny, "options": {**common, "env": {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}}}
            for index, gpu in enumerate(places)
        }
        scheduler = {"cls": Scheduler, "options": {**quiet, "port": 0}}
        try:
            cluster = SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.ERROR)
        except (OSError, RuntimeError) as error:
            raise ClusterError(f"workers cannot be started here: {_root(error)}") from error
        with cluster:
            yield cluster


def _gpus(device: str) -> list[str]:
    """Return the GPUs that workers of our own are given, as CUDA_VISIBLE_DEVICES names them; none for the CPU."""
    if device not in ("auto", "cpu", "cuda"):
        raise ClusterError(f"--device {device}: workers of our own take auto, cuda (one GPU each) or cpu")
    found = torch.cuda.device_count() if device != "cpu" else 0
    if device == "cuda" and not found:
        raise ClusterError("--device cuda: there is no GPU that torch can use")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else [str(index) for index in range(found)])[:found]


def _cpu_workers() -> int:
    return max(2, cores() // torch.get_num_threads())


def _crowded(count: int) -> str:
    """Return what is wrong with so many workers on the CPU; empty if they fit."""
    threads, here = torch.get_num_threads(), cores()
    if threads == 1 or count * threads <= here:
        return ""
    return (
        f"{count} workers compute with {threads} threads each, as a run without a cluster would, on {here} cores; "
        "OMP_NUM_THREADS=1 before the command is faster, and the records will say so"
    )


def _root(error: BaseException) -> BaseException:
    while error.__cause__:
        error = error.__cause__
    return error


def _settings() -> dict[str, Any]:
    """Return dask's settings for workers of our own: the numbers of threads that this process has, not dask's."""
    import dask

    name = "distributed.nanny.pre-spawn-environ"
    return {name: dict.fromkeys(dask.config.get(name))}


@dataclass
class Pool:
    """The workers of a cluster.

    Attributes:
        client: Connected.
        address: Of the scheduler.
    """

    client: Client
    address: str

    def prepare(self, spec: Spec, dataset: Dataset) -> dict[str, Any]:
        """Have every worker take up what is measured; return the facts that they agree on.

        Args:
            spec: What is measured.
            dataset: The images as they are listed here.

        Raises:
            ClusterError: If a worker cannot, or they do not agree; all faults at once.
            LostError: If no worker is there.
        """
        answers, faults = self._answers(spec)
        code = code_sha256()
        faults += [fault for address, said in answers.items() for fault in _strange(address, said, dataset, code)]
        first, *others = sorted(answers) or [""]
        faults += [
            f"worker {other} is not like worker {first}: {fault}"
            for other in others
            for fault in _unlike(answers[other], answers[first])
        ]
        if faults:
            raise ClusterError("\n".join(faults))
        return answers[first].facts

    def _answers(self, spec: Spec) -> tuple[dict[str, Answer], list[str]]:
        done: SimpleQueue[Future[Any]] = SimpleQueue()
        asked: dict[Future[Any], str] = {}
        for address in self._workers_there():
            # Should it die meanwhile, another one may answer in its place.
            pinned = {"workers": [address], "allow_other_workers": True}
            asked[self._submit(done, answer, spec, **pinned)] = address
        answers: dict[str, Answer] = {}
        faults: list[str] = []
        for _ in range(len(asked)):
            future = self._next(done)
            try:
                answers[asked[future]] = self._result(future, f"worker {asked[future]}")
            except LostError:
                raise
            except ClusterError as error:
                faults.append(str(error))
        return answers, sorted(faults)

    def evaluate_all(
        self,
        dataset: Dataset,
        spec: Spec,
        facts: Mapping[str, Any],
        *,
        submitter: str = "anonymous",
        command: str | None = None,
        writers: Sequence[Writer] = (),
        **how: Any,
    ) -> list[Outcome]:
        """Measure what a spec says; as :func:`runners.evaluate.evaluate_all`, but for where.

        Args:
            dataset: The images as they are listed here.
            spec: What is measured, as it was prepared.
            facts: What the workers agreed on.
            submitter: Who runs it.
            command: The command line to record; this process's own when None.
            writers: Keep the predictions of the inputs that they are for.
            how: Of :func:`runners.measure.measure`: progress, journal, stop.

        Raises:
            ClusterError: If something goes wrong on a worker.
            JournalError: If the journal cannot be written.
            LostError: If the cluster is gone.
            SavedError: If predictions cannot be kept.
            StoppedError: If ``stop`` said so, and there was more to do.
        """

        def maker(noted: Mapping[str, Any]) -> Maker:
            environment = Environment.model_validate(facts["environment"])
            model = model_with(facts["model"], noted)
            return Maker(model, facts["kind"], environment, command or command_line(), submitter)

        by_input = {writer.rule.name: writer for writer in writers}
        produce = partial(self._produce, spec, facts)
        tasks = [Task(protocol) for protocol in spec.protocols]
        return measure(dataset, produce, tasks, maker, batch=spec.batch, writers=by_input, **how)

    def _produce(self, spec: Spec, facts: Mapping[str, Any], orders: Sequence[Order]) -> Generator[Batch]:
        done: SimpleQueue[Future[Any]] = SimpleQueue()
        running: dict[Future[Any], list[int]] = {}
        line, left, pace = _Line(orders), deque(range(len(orders))), math.inf
        try:
            while left or running:
                workers = len(self._workers())
                while left and len(running) < 2 * max(1, workers):
                    if shard := line.shard(left, _size(pace, len(left), workers)):
                        wanted = [line.wanted(place) for place in shard]
                        running[self._submit(done, work, spec, facts, wanted)] = shard
                if running:
                    shard = running.pop(future := self._next(done))
                    batches, seconds = self._result(future, f"images {_span(orders, shard)}")
                    pace = seconds / len(batches)
                    for place, batch in zip(shard, batches, strict=True):
                        yield from line.through(place, batch)
        finally:
            self._leave(list(running))

    def _submit(self, done: SimpleQueue[Future[Any]], task: Callable[..., Any], *args: Any, **how: Any) -> Future[Any]:
        future = self.client.submit(task, *args, pure=False, **how)
        future.add_done_callback(done.put)
        return future

    def _next(self, done: SimpleQueue[Future[Any]]) -> Future[Any]:
        """Return the next task that is through, unless no worker has been there for too long."""
        while True:
            try:
                return done.get(timeout=_TICK_S)
            except Empty:
                self._workers_there()

    def _workers_there(self) -> list[str]:
        """Return the addresses of the workers, at least one, as soon as there is one.

        Raises:
            LostError: If there is none for too long.
        """
        until = time.monotonic() + PATIENCE_S
        while not (found := self._workers()):
            if time.monotonic() > until:
                raise LostError(f"the cluster at {self.address} has been without a worker for {PATIENCE_S:g} seconds")
            time.sleep(_TICK_S / 4)
        return found

    def _workers(self) -> list[str]:
        try:
            return sorted(self.client.nthreads())
        except (OSError, RuntimeError) as error:
            raise LostError(self._gone()) from error

    def _result(self, future: Future[Any], what: str) -> Any:
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise LostError(self._gone())
        try:
            return future.result(timeout=PATIENCE_S)
        except ClusterError:
            raise
        except KilledWorker as error:
            count = error.allowed_failures + 1
            raise ClusterError(
                f"{what}: {count} workers died over it, one after the other (no memory left?)"
            ) from error
        except TimeoutError as error:
            self._workers_there()  # the worker that kept the result may have gone with it, and no other come
            raise LostError(self._gone()) from error
        except Exception as error:  # it did not even begin there
            said = str(error).partition("\n")[0].partition(". ")[0]
            hint = "do the scheduler and all workers run this version of Fathom, with all that it needs?"
            raise ClusterError(f"{what}: {type(error).__name__}: {said} ({hint})") from error

    def _gone(self) -> str:
        return f"the scheduler at {self.address} is gone"

    def _leave(self, running: list[Future[Any]]) -> None:
        """Have nothing more begun; what a worker is at ends there and is not waited for."""
        if running and self.client.status == "running":
            self.client.cancel(running, force=True)


@dataclass
class _Line:
    """The orders of a pass on their way.

    Batches go through as they come, but one with a failure waits for all before it: the first failure of the list is
    the one that a run without a cluster would tell.
    """

    orders: Sequence[Order]
    _open: set[int] = field(init=False)
    _held: dict[int, Batch] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._open = set(range(len(self.orders)))

    def shard(self, left: deque[int], size: int) -> list[int]:
        """Take the places of the next orders from those left; not of orders that nothing is left of."""
        taken = [left.popleft() for _ in range(min(size, len(left)))]
        idle = [place for place in taken if self.wanted(place).idle]
        self._open.difference_update(idle)
        return [place for place in taken if place not in idle]

    def wanted(self, place: int) -> Order:
        """Return an order without what has failed meanwhile."""
        return self.orders[place].without(self._over)

    def through(self, place: int, batch: Batch) -> Iterator[Batch]:
        """Yield what may go on once a batch has come."""
        self._held[place] = batch
        self._over |= batch.over
        for held in sorted(self._held):
            if not self._held[held].over or held == min(self._open):
                self._open.remove(held)
                yield self._held.pop(held)


def _size(pace: float, left: int, workers: int) -> int:
    """Return of how many batches the next shard is, given the seconds of one: none waits for the others at the end."""
    fair = math.ceil(left / (2 * max(1, workers)))
    return max(1, min(int(SHARD_S / max(pace, 1e-6)), LARGEST, fair))


def _span(orders: Sequence[Order], shard: Sequence[int]) -> str:
    return f"'{orders[shard[0]].ids[0]}' to '{orders[shard[-1]].ids[-1]}'"


def _strange(address: str, said: Answer, dataset: Dataset, code: str) -> Iterator[str]:
    """Yield in what a worker differs from this process."""
    if said.code != code:
        yield f"worker {address} runs another version of the sources of Fathom than this command"
    found = said.facts["dataset"]
    if found["list_sha256"] != dataset.list_sha256:
        yield f"worker {address} lists other images of '{dataset.id}' than are listed here"


def _unlike(one: Answer, other: Answer) -> list[str]:
    found = differences(one.facts, other.facts)
    if one.unreadable != other.unreadable:
        found.append(f"reading the first image says '{one.unreadable or 'fine'}', there '{other.unreadable or 'fine'}'")
    return found
