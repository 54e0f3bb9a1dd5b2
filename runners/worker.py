"""What a worker of a cluster does: it holds one model and one data set, and works off shards of batches with them.

Everything here runs in the worker's process; :mod:`runners.cluster` is what asks. One thing is done at a time in a
process, however many threads the worker was given: a model is not made for several.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.datasets.base import Dataset, DatasetError, SampleError
from runners.datasets.cache import TruthCache, cache_folder, using
from runners.datasets.origin import Origin
from runners.environment import chosen_device, set_precision
from runners.evaluate import fit, groups_of, noting
from runners.jobs import Job, Work
from runners.models import load
from runners.models.base import Model, ModelError
from runners.resume import code_sha256, facts_of
from runners.saved import StoredDtype
from runners.score import ProtocolError
from runners.stages import Batch, EvaluationError, Group, Order, threads_for, work_off
from sitegen.records import Protocol

__all__ = ["Answer", "ClusterError", "Loading", "Spec", "answer", "dask_setup", "differences", "work"]

_OURS = (DatasetError, EvaluationError, ModelError, ProtocolError)
"""What tells in a sentence of its own what is wrong."""


class ClusterError(EvaluationError):
    """A cluster cannot do what is asked of it; the message says why, and which worker where it is one's fault."""


@dataclass(frozen=True)
class Loading:
    """How a model is loaded; fields as for :func:`runners.models.load`, ``auto`` being a GPU where there is one."""

    model_id: str
    device: str
    dtype: str
    settings: Mapping[str, str]
    compiled: bool
    weights_dir: Path | None

    def load(self) -> Model:
        """Return the model."""
        how: dict[str, Any] = {"weights_dir": self.weights_dir, "compile": self.compiled, "settings": self.settings}
        return load(self.model_id, chosen_device(self.device), self.dtype, **how)


@dataclass(frozen=True)
class Spec:
    """What is measured.

    Attributes:
        loading: The model.
        origin: The data set.
        protocols: How its predictions are scored.
        batch: How many images the model gets at once.
        kept: In which type the predictions of inputs are saved, by the input's name; the others are not.
        truth_kept: Whether decoded ground truth is kept for the next run, on the worker's machine.
    """

    loading: Loading
    origin: Origin
    protocols: tuple[Protocol, ...]
    batch: int = 1
    kept: Mapping[str, StoredDtype] | None = None
    truth_kept: bool = False


@dataclass(frozen=True)
class Answer:
    """What a worker says before it begins.

    Attributes:
        facts: Everything that determines the rows, as :func:`runners.resume.facts_of` has it.
        code: Digest of the sources that it runs (:func:`runners.resume.code_sha256`).
        unreadable: Why it cannot read the first image; empty if it can.
    """

    facts: dict[str, Any]
    code: str
    unreadable: str


class _Bench:
    """Holds one model, as each may fill the device, and one data set."""

    spec: Spec | None = None
    dataset: Dataset
    groups: list[Group]
    facts: dict[str, Any]
    noting: Callable[[], dict[str, Any]]
    _loading: Loading | None = None
    _model: Model
    _settings: dict[str, Any]

    def take_up(self, spec: Spec) -> None:
        """Load and open what is not at hand."""
        if spec == self.spec:
            return
        self.spec = None
        set_precision()
        model, self.dataset = self._loaded(spec.loading), spec.origin.limited(spec.origin.open())
        if model.needs_training:
            fit(model, self.dataset)
        job = Job(self.dataset, spec.origin, list(spec.protocols), [], [], len(self.dataset))
        found = Work(model.id, job, list(spec.protocols))
        self.facts = facts_of(found, model, device=chosen_device(spec.loading.device), batch=spec.batch)
        self.groups, self.noting = groups_of(model, spec.protocols, spec.kept or {}), noting(model)
        self.spec = spec

    def _loaded(self, loading: Loading) -> Model:
        if loading != self._loading:
            self._loading, self._model = None, None  # type: ignore[assignment]
            self._model = loading.load()
            self._loading, self._settings = loading, dict(self._model.settings)
        # What it noted while it was at another data set is no fact of this one.
        self._model.settings = dict(self._settings)
        return self._model

    def unreadable(self) -> str:
        """Return why the first image cannot be read; empty if it can."""
        try:
            self.dataset.read(self.dataset.ids[0])
        except SampleError as error:
            return str(error)
        return ""


_BENCH, _LOCK = _Bench(), threading.Lock()


def answer(spec: Spec) -> Answer:
    """Take up what is measured and say what determines the rows here.

    Raises:
        ClusterError: If it cannot be taken up.
    """
    with _at(spec) as bench:
        return Answer(bench.facts, code_sha256(), bench.unreadable())


def work(spec: Spec, facts: Mapping[str, Any], orders: Sequence[Order]) -> tuple[list[Batch], float]:
    """Return what becomes of the orders of a shard, and how many seconds that took.

    Args:
        spec: What is measured.
        facts: What the workers that began agreed on.
        orders: The shard.

    Raises:
        ClusterError: If this worker does not agree with the facts, or anything goes wrong.
    """
    with _at(spec) as bench:
        if faults := differences(bench.facts, facts):
            raise ClusterError(f"came later and is not like those that began: {'; '.join(faults)}")
        clock = time.perf_counter()
        threads = threads_for(chosen_device(spec.loading.device))
        batches = list(work_off(bench.dataset, bench.groups, orders, threads=threads, noting=bench.noting))
        return batches, time.perf_counter() - clock


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Return in which fields two nested mappings differ, as ``environment/torch is '2.14.1', there '2.13.0'``."""
    mine, theirs = dict(_leaves(here)), dict(_leaves(there))
    names = [name for name in sorted({*mine, *theirs}) if mine.get(name) != theirs.get(name)]
    return [f"{name} is {mine.get(name)!r}, there {theirs.get(name)!r}" for name in names]


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{above}{name}/")
        else:
            yield f"{above}{name}", inner


def dask_setup(_: object) -> None:
    """Leave Ctrl-C and SIGTERM, which reach all processes of a terminal, to the command; for its own workers alone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


_TRUTH: list[TruthCache] = []


def _truth() -> TruthCache:
    """Return this process's cache of decoded truth, always the same one."""
    if not _TRUTH:
        _TRUTH.append(TruthCache(cache_folder()))
    return _TRUTH[0]


@contextmanager
def _at(spec: Spec) -> Iterator[_Bench]:
    """Give the bench once it has taken up what is measured; whatever goes wrong is a sentence that names the worker."""
    try:
        with _LOCK, using(_truth() if spec.truth_kept else None):
            _BENCH.take_up(spec)
            yield _BENCH
    except Exception as error:
        from distributed import get_worker

        said = str(error) if isinstance(error, _OURS) else f"{type(error).__name__}: {error}"
        # Without its cause: what is raised here travels, and not everything can.
        raise ClusterError(f"worker {get_worker().address}: {said}") from None
