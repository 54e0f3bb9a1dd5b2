"""What a command line asks for, checked as a whole before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from runners.datasets.base import Dataset, DatasetError
from runners.datasets.origin import Origin
from runners.datasets.registry import find, unusual
from runners.evaluate import inputs_of
from runners.models import describe
from runners.protocols import (
    ProtocolLookupError,
    Protocols,
    check_list,
    choose,
    is_pattern,
    manifest_protocol,
    matching,
    read_protocols,
)
from runners.saved import StoredDtype
from runners.saving import Destination
from runners.score import refusals
from sitegen.records import Protocol

__all__ = ["Job", "JobError", "NothingLeftError", "Work", "destinations", "plan", "plans", "truth_of", "works"]

Refuse = Callable[[Protocol], list[str]]
"""Returns why a protocol cannot be run, as sentences; empty if it can."""


class JobError(Exception):
    """What was asked for cannot be done; the message says why, all faults at once."""


class NothingLeftError(JobError):
    """None of a job's protocols can be run; the message says why of each."""


@dataclass(frozen=True)
class Job:
    """A data set with the protocols that are asked for.

    Attributes:
        dataset: The samples.
        origin: Where they come from.
        named: Protocols asked for by their names: each of them has to run.
        matched: Protocols asked for by a pattern: those that cannot be run are left out by name.
        mislisted: Of ``matched``, those that are for another list of images or another ground truth, with the reason.
        listed: How many images the data set has; ``dataset`` may have fewer.
    """

    dataset: Dataset
    origin: Origin
    named: list[Protocol]
    matched: list[Protocol]
    mislisted: list[str]
    listed: int

    def sort_out(self, refuse: Refuse) -> tuple[list[Protocol], list[str]]:
        """Return the protocols that can be run, and why the others of ``matched`` are left out.

        Raises:
            JobError: If one of ``named`` cannot be run.
            NothingLeftError: If no protocol can be run.
        """
        if faults := [fault for protocol in self.named for fault in refuse(protocol)]:
            raise JobError("\n".join(dict.fromkeys(faults)))
        left_out = self.mislisted + [fault for protocol in self.matched for fault in refuse(protocol)]
        runnable = self.named + [protocol for protocol in self.matched if not refuse(protocol)]
        if not runnable:
            raise NothingLeftError(
                "\n".join([*left_out, f"'{self.dataset.id}': none of the protocols asked for can be run"])
            )
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


def plans(origin: Origin, names: tuple[str, ...], results: Path) -> list[Job]:
    """Return the jobs of a data set, one for each ground truth that the protocols asked for compare with.

    Args:
        origin: Where it comes from, without a ground truth.
        names: Protocols: ``id``, ``DATASET/id``, ``all`` or a pattern. Without any, the house protocols; for a
            manifest, as the manifest says.
        results: Folder of the records.

    Returns:
        The jobs. Protocols of a pattern whose ground truth cannot be opened are left out by name, in the first job.

    Raises:
        DatasetError: If the data set, or a ground truth that a named protocol needs, cannot be opened.
        ProtocolLookupError: If a name is unknown, or a named protocol is for another list of images.
    """
    if origin.manifest:
        return [plan(origin.open(), origin, names, results)]
    find(origin.dataset)  # before protocols: an unknown data set has none
    named, matched = _choose(read_protocols(results), origin.dataset, names)
    jobs, closed = [], []
    for variant in dict.fromkeys(truth_of(protocol, origin) for protocol in [*named, *matched]):
        wanted, others = ([p for p in chosen if truth_of(p, origin) == variant] for chosen in (named, matched))
        place = origin.model_copy(update={"variant": variant})
        try:
            dataset = place.open()
        except DatasetError as error:
            if wanted:
                raise
            closed.append((others, error))
        else:
            jobs.append(_job(dataset, place, wanted, others))
    if not jobs:
        raise closed[0][1]
    reasons = [f"protocol '{p.dataset}/{p.id}': {error}" for others, error in closed for p in others]
    return [replace(jobs[0], mislisted=[*jobs[0].mislisted, *reasons]), *jobs[1:]]


def plan(dataset: Dataset, origin: Origin, names: tuple[str, ...], results: Path) -> Job:
    """Return the job of a data set that is open, which has one ground truth.

    Args:
        dataset: The whole data set, as :meth:`Origin.open` gives it.
        origin: Where it comes from; its limit is applied.
        names: As for :func:`plans`.
        results: Folder of the records.

    Raises:
        ProtocolLookupError: If a name is unknown, or a named protocol is for another list of images or another ground
            truth.
    """
    own = [manifest_protocol(origin.limited(dataset))] if origin.manifest else []
    if own and not names:
        return Job(origin.limited(dataset), origin, own, [], [], len(dataset))
    protocols = {**read_protocols(results), **{(protocol.dataset, protocol.id): protocol for protocol in own}}
    return _job(dataset, origin, *_choose(protocols, dataset.id, names))


def truth_of(protocol: Protocol, origin: Origin) -> str | None:
    """Return the ground truth of a data set that a protocol compares with; None for the usual one.

    A protocol of another data set, whose words may mean nothing here, takes the usual one.
    """
    variant = unusual(origin.dataset, protocol.ground_truth.variant)
    foreign = protocol.dataset != origin.dataset and variant not in find(origin.dataset).variants
    return None if foreign else variant


def _choose(protocols: Protocols, dataset_id: str, names: tuple[str, ...]) -> tuple[list[Protocol], list[Protocol]]:
    """Return protocols asked for by their names and by patterns."""
    plain = tuple(name for name in names if not is_pattern(name))
    named = choose(protocols, dataset_id, plain) if plain or not names else []
    return named, [p for p in matching(protocols, dataset_id, tuple(filter(is_pattern, names))) if p not in named]


def _job(dataset: Dataset, origin: Origin, named: list[Protocol], matched: list[Protocol]) -> Job:
    """Return the job once named protocols are found to fit the data set and others that do not are set aside."""
    limited = origin.limited(dataset)
    if origin.manifest:
        return Job(limited, origin, named, matched, [], len(dataset))
    for protocol in named:
        _check(protocol, dataset, origin)
    faults = {(p.dataset, p.id): fault for p in matched if (fault := _fault(p, dataset, origin))}
    fitting = [protocol for protocol in matched if (protocol.dataset, protocol.id) not in faults]
    return Job(limited, origin, named, fitting, list(faults.values()), len(dataset))


def works(model_ids: Sequence[str], jobs: Sequence[Job]) -> tuple[list[Work], list[str]]:
    """Return every model on every job, and what is left out of them.

    Raises:
        JobError: If a model may not be scored under a protocol that was asked for by its name: all such pairs.
        ModelError: If a model is unknown.
    """
    found, left_out, faults = [], [], []
    for model_id in model_ids:
        works, reasons, refused = _works_of(model_id, jobs)
        found += works
        left_out += reasons
        faults += refused
    if faults:
        raise JobError("\n".join(dict.fromkeys("\n".join(faults).splitlines())))
    return found, list(dict.fromkeys(left_out))


def _works_of(model_id: str, jobs: Sequence[Job]) -> tuple[list[Work], list[str], list[str]]:
    """Return a model's works, what is left out of them, and what cannot be done.

    Where nothing is left of one ground truth of a data set and something of another, that is no fault.
    """
    kind = describe(model_id).kind
    works, left_out, faults = [], [], []
    empty: list[tuple[Job, NothingLeftError]] = []
    for job in jobs:
        try:
            protocols, reasons = job.sort_out(partial(refusals, kind))
        except NothingLeftError as error:
            empty.append((job, error))
        except JobError as error:
            faults.append(str(error))
        else:
            works.append(Work(model_id, job, protocols))
            left_out += reasons
    done = {work.job.dataset.id for work in works}
    for job, reason in empty:
        (left_out if job.dataset.id in done else faults).extend(str(reason).splitlines())
    return works, left_out, [*faults, *_same_places(works)]


def _same_places(works: Sequence[Work]) -> list[str]:
    """Return which records of a model would have one place, though they are of several ground truths or calls."""
    places = Counter((work.job.dataset.id, protocol.id) for work in works for protocol in work.protocols)
    return [
        f"'{dataset}', protocol '{protocol}': {count} records would have one place; make them in calls of their own"
        for (dataset, protocol), count in places.items()
        if count > 1
    ]


def destinations(
    works: Sequence[Work], folder: Path | None, dtype: StoredDtype, out: Path, *, fresh: bool = False
) -> list[list[Destination]]:
    """Return where the predictions of each work go, one place for each input of its protocols; none without a folder.

    If there is one set of predictions in all, it is kept in the folder itself, else each in
    ``<folder>/<data set>/<model>/<input>``; those with an unusual ground truth, whose images may be others, in a folder
    of its name below the data set's.

    Args:
        works: What is run.
        folder: Where predictions are to be kept.
        dtype: What in.
        out: Folder of the runs, whose journals say what goes on.
        fresh: Whether the runs begin anew.

    Raises:
        SavedError: If a folder holds anything but what a run that goes on has kept there.
    """
    if folder is None:
        return [[] for _ in works]
    rules = [inputs_of(work.protocols) for work in works]
    alone = sum(map(len, rules)) == 1

    def place(work: Work, name: str) -> Path:
        truth = [work.job.origin.variant] if work.job.origin.variant else []
        return folder if alone else folder.joinpath(work.job.dataset.id, *truth, work.model_id, name)

    found = [
        [Destination(place(work, rule.name), rule, work.job.origin, dtype) for rule in inputs]
        for work, inputs in zip(works, rules, strict=True)
    ]
    for destination in chain.from_iterable(found):
        destination.check(out, fresh=fresh)
    return found


def _check(protocol: Protocol, dataset: Dataset, origin: Origin) -> None:
    """Refuse another list of images than the protocol's, and another ground truth."""
    if (truth := truth_of(protocol, origin)) != origin.variant:
        usual = find(origin.dataset).variants[0]
        raise ProtocolLookupError(
            f"protocol '{protocol.dataset}/{protocol.id}' compares with the ground truth '{truth or usual}'; "
            f"'{dataset.id}' is opened with '{origin.variant or usual}' here"
        )
    check_list(protocol, dataset)


def _fault(protocol: Protocol, dataset: Dataset, origin: Origin) -> str:
    try:
        _check(protocol, dataset, origin)
    except ProtocolLookupError as error:
        return str(error)
    return ""
