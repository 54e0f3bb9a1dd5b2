"""What a command line asks for, checked as a whole before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from runners.datasets.base import Dataset
from runners.datasets.origin import Origin
from runners.evaluate import inputs_of
from runners.models import describe
from runners.protocols import (
    ProtocolLookupError,
    check_list,
    choose,
    is_pattern,
    manifest_protocol,
    matching,
    read_protocols,
)
from runners.saved import StoredDtype, Writer
from runners.score import refusals
from sitegen.records import Protocol

__all__ = ["Job", "JobError", "Work", "plan", "works", "writers"]

Refuse = Callable[[Protocol], list[str]]
"""Returns why a protocol cannot be run, as sentences; empty if it can."""


class JobError(Exception):
    """What was asked for cannot be done; the message says why, all faults at once."""


@dataclass(frozen=True)
class Job:
    """A data set with the protocols that are asked for.

    Attributes:
        dataset: The samples.
        origin: Where they come from.
        named: Protocols asked for by their names: each of them has to run.
        matched: Protocols asked for by a pattern: those that cannot be run are left out by name.
        mislisted: Of ``matched``, those that are for another list of images, with the reason.
    """

    dataset: Dataset
    origin: Origin
    named: list[Protocol]
    matched: list[Protocol]
    mislisted: list[str]

    def sort_out(self, refuse: Refuse) -> tuple[list[Protocol], list[str]]:
        """Return the protocols that can be run, and why the others of ``matched`` are left out.

        Raises:
            JobError: If one of ``named`` cannot be run, or nothing is left.
        """
        if faults := [fault for protocol in self.named for fault in refuse(protocol)]:
            raise JobError("\n".join(dict.fromkeys(faults)))
        left_out = self.mislisted + [fault for protocol in self.matched for fault in refuse(protocol)]
        runnable = self.named + [protocol for protocol in self.matched if not refuse(protocol)]
        if not runnable:
            raise JobError("\n".join([*left_out, f"'{self.dataset.id}': none of the protocols asked for can be run"]))
        if twice := [name for name, count in Counter(protocol.id for protocol in runnable).items() if count > 1]:
            owners = ", ".join(f"{p.dataset}/{p.id}" for p in runnable if p.id in twice)
            raise JobError(f"{owners}: their records would have one place; give them in calls of their own, each --out")
        return runnable, left_out


@dataclass(frozen=True)
class Work:
    """A model on a data set under all protocols of one pass."""

    model_id: str
    job: Job
    protocols: list[Protocol]


def plan(dataset: Dataset, origin: Origin, names: tuple[str, ...], results: Path) -> Job:
    """Return a data set's job.

    Args:
        dataset: The whole data set, as :meth:`Origin.open` gives it.
        origin: Where it comes from; its limit is applied.
        names: Protocols: ``id``, ``DATASET/id``, ``all`` or a pattern. Without any, the house protocols; for a
            manifest, as the manifest says.
        results: Folder of the records.

    Raises:
        ProtocolLookupError: If a name is unknown, or a named protocol is for another list of images.
    """
    limited = origin.limited(dataset)
    own = [manifest_protocol(limited)] if origin.manifest else []
    if own and not names:
        return Job(limited, origin, own, [], [])
    protocols = {**read_protocols(results), **{(protocol.dataset, protocol.id): protocol for protocol in own}}
    plain = tuple(name for name in names if not is_pattern(name))
    named = choose(protocols, dataset.id, plain) if plain or not names else []
    matched = [p for p in matching(protocols, dataset.id, tuple(filter(is_pattern, names))) if p not in named]
    if origin.manifest:
        return Job(limited, origin, named, matched, [])
    for protocol in named:
        check_list(protocol, dataset)
    faults = {(p.dataset, p.id): fault for p in matched if (fault := _list_fault(p, dataset))}
    fitting = [protocol for protocol in matched if (protocol.dataset, protocol.id) not in faults]
    return Job(limited, origin, named, fitting, list(faults.values()))


def works(model_ids: Sequence[str], jobs: Sequence[Job]) -> tuple[list[Work], list[str]]:
    """Return every model on every job, and what is left out of them.

    Raises:
        JobError: If a model may not be scored under a protocol that was asked for by its name: all such pairs.
        ModelError: If a model is unknown.
    """
    found, left_out, faults = [], [], []
    for model_id in model_ids:
        kind = describe(model_id).kind
        for job in jobs:
            try:
                protocols, reasons = job.sort_out(partial(refusals, kind))
            except JobError as error:
                faults.append(str(error))
            else:
                found.append(Work(model_id, job, protocols))
                left_out += reasons
    if faults:
        raise JobError("\n".join(dict.fromkeys("\n".join(faults).splitlines())))
    return found, list(dict.fromkeys(left_out))


def writers(works: Sequence[Work], folder: Path | None, dtype: StoredDtype) -> list[list[Writer]]:
    """Return what keeps the predictions of each work, one for each input of its protocols; none without a folder.

    If there is one set of predictions in all, it is kept in the folder itself, else each in
    ``<folder>/<data set>/<model>/<input>``.

    Raises:
        SavedError: If a folder holds anything already.
    """
    if folder is None:
        return [[] for _ in works]
    rules = [inputs_of(work.protocols) for work in works]
    alone = sum(map(len, rules)) == 1

    def place(work: Work, name: str) -> Path:
        return folder if alone else folder / work.job.dataset.id / work.model_id / name

    return [
        [Writer(place(work, rule.name), rule, work.job.origin, dtype) for rule in inputs]
        for work, inputs in zip(works, rules, strict=True)
    ]


def _list_fault(protocol: Protocol, dataset: Dataset) -> str:
    try:
        check_list(protocol, dataset)
    except ProtocolLookupError as error:
        return str(error)
    return ""
