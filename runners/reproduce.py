"""Running a record again, exactly as it says, and telling what came out otherwise."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runners.datasets.base import Dataset
from runners.datasets.origin import Origin
from runners.jobs import truth_of
from runners.models.entry import ModelEntry
from sitegen.records import Protocol, Reference, Run, RunModel, sha256_of
from sitegen.store import explain

__all__ = [
    "AGREES",
    "Comparison",
    "Difference",
    "ReproduceError",
    "compare",
    "given_settings",
    "open_images",
    "protocol_of",
    "read_record",
]

AGREES = 1e-5
"""Largest relative difference of two values that agree: one unit of the last of the six digits that records keep."""

_NAMED = 1e-6
"""Images with a larger relative difference than this are named."""

_NAMED_AT_MOST = 10


class ReproduceError(Exception):
    """A record cannot be run again; the message says why."""


@dataclass(frozen=True)
class Difference:
    """One value of one image: what the record says and what came out now."""

    sample: str
    column: str
    was: Any
    now: Any

    @property
    def absolute(self) -> float:
        """Return by how much the values differ; infinite where one of them is no number."""
        if self.was == self.now:
            return 0.0
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (self.was, self.now))
        return abs(self.was - self.now) if numbers else math.inf

    @property
    def relative(self) -> float:
        """Return the difference over the larger of both values."""
        gap = self.absolute
        return gap / max(abs(self.was), abs(self.now)) if 0 < gap < math.inf else gap


@dataclass(frozen=True)
class Comparison:
    """A record beside the same run made again.

    Attributes:
        was: The record.
        now: What came out, with the record's command and submitter.
        differences: Every value of the images that both have scored, equal ones included.
    """

    was: Run
    now: Run
    differences: Sequence[Difference]

    @property
    def lost(self) -> list[str]:
        """Return the images that only one of both has scored."""
        return sorted(set(self.was.samples.id) ^ set(self.now.samples.id))

    @property
    def agrees(self) -> bool:
        """Return whether every value agrees to the digits that records keep."""
        return not self.lost and all(found.relative <= AGREES for found in self.differences)

    def lines(self) -> Iterator[str]:
        """Yield what differs around the values, and then how far the values do."""
        yield from _changed("model", _flat(self.was.model), _flat(self.now.model))
        yield from _changed("environment", self.was.environment.model_dump(), self.now.environment.model_dump())
        for name in self.lost:
            yield f"{name}: scored {'in the record' if name in self.was.samples.id else 'now'} only"
        if self._same_samples():
            yield f"all values of {len(self.now.samples.id)} images are equal (sha256 {sha256_of(_samples(self.now))})"
            if self.was.digest() == self.now.digest():
                yield f"the record is the same: sha256 {self.was.sha256}"
            return
        yield from self._by_column()
        yield from self._by_image()

    def _same_samples(self) -> bool:
        return sha256_of(_samples(self.was)) == sha256_of(_samples(self.now))

    def _by_column(self) -> Iterator[str]:
        for column in dict.fromkeys(found.column for found in self.differences):
            mine = [found for found in self.differences if found.column == column]
            widest, worst = (max(mine, key=key) for key in (lambda d: d.absolute, lambda d: d.relative))
            yield (
                f"{column}: equal"
                if not worst.absolute
                else f"{column}: at most {widest.absolute:.3g} ({widest.sample}), relative {worst.relative:.3g} "
                f"({worst.sample})"
            )

    def _by_image(self) -> Iterator[str]:
        worst: dict[str, Difference] = {}
        for found in sorted(self.differences, key=lambda found: -found.relative):
            if found.relative > _NAMED:
                worst.setdefault(found.sample, found)
        yield f"{len(worst)} of {len(self.was.samples.id)} images differ by more than {_NAMED:g}"
        for found in list(worst.values())[:_NAMED_AT_MOST]:
            yield f"    {found.sample}: {found.column} was {found.was}, is {found.now} (relative {found.relative:.3g})"


def read_record(path: Path) -> Run:
    """Return the run of a file that can be run again.

    Raises:
        ReproduceError: If the file holds no run record, or one that another command than ``runners evaluate`` made.
        OSError: If it cannot be read.
    """
    try:
        run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        faults = "; ".join(f"{pointer}: {message}" for pointer, message in explain(error))
        raise ReproduceError(f"{path}: no run record: {faults}") from error
    except ValueError as error:
        raise ReproduceError(f"{path}: no run record: {error}") from error
    if run.deviations:
        raise ReproduceError(f"{path}: its predictions were not made as its protocol says ({run.deviations[0]})")
    if run.timings.seconds_predict is None:
        raise ReproduceError(f"{path}: it was scored from saved predictions; 'runners rescore' does that again")
    return run


def protocol_of(run: Run) -> Protocol:
    """Return the protocol that a record holds, whatever has become of it since.

    Raises:
        ReproduceError: If this version reads other fields in it than the record's digest is of.
    """
    words = {"schema_version": 1, "title": run.protocol.id, "reference": Reference()}
    try:
        protocol = Protocol.model_validate({**run.protocol.block, **words})
    except ValidationError as error:
        faults = "; ".join(f"{pointer}: {message}" for pointer, message in explain(error))
        raise ReproduceError(f"protocol '{run.protocol.id}' of the record cannot be read: {faults}") from error
    if protocol.digest() != run.protocol.sha256:
        raise ReproduceError(
            f"protocol '{run.protocol.id}' of the record is from another version of Fathom: its sha256 is "
            f"{run.protocol.sha256}, and read here it is {protocol.digest()}"
        )
    return protocol


def given_settings(entry: ModelEntry, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return those of a record's settings that were options, as text; the adapter writes the others by itself.

    A preset's name stands in the record with what was set otherwise: ``fast, but other steps``.
    """
    found = {name: str(settings[name]) for name in entry.settings if name in settings}
    return {name: text.partition(", but other ")[0] for name, text in found.items()}


def open_images(
    run: Run, protocol: Protocol, *, manifest: Path | None, only: Sequence[str] = (), root: Path | None
) -> Dataset:
    """Return the images of a record, with the ground truth of its protocol.

    Args:
        run: The record.
        protocol: Its protocol.
        manifest: What lists the images, where they are one's own.
        only: Which of the manifest's were taken.
        root: Folder of the data set's files, where it does not come with Fathom.

    Raises:
        DatasetError: If they cannot be opened.
        ReproduceError: If they are others.
    """
    origin = Origin(
        dataset=run.dataset.id,
        manifest=None if manifest is None else str(manifest.resolve()),
        only=list(only) if manifest else [],
        root=None if root is None else str(root.resolve()),
        limit=max(1, run.dataset.listed),
    )
    if manifest is None:
        origin = origin.model_copy(update={"variant": truth_of(protocol, origin)})
    dataset = origin.limited(origin.open())
    if dataset.list_sha256 != run.dataset.list_sha256:
        raise ReproduceError(
            f"'{dataset.id}' here lists {len(dataset)} images (sha256 {dataset.list_sha256}), and the record is of "
            f"{run.dataset.listed} others (sha256 {run.dataset.list_sha256})"
        )
    return dataset


def compare(was: Run, now: Run) -> Comparison:
    """Return how a run made again differs from its record."""
    before, after = _rows(was), _rows(now)
    both = [name for name in before if name in after]
    differences = [
        Difference(name, column, before[name].get(column), after[name].get(column))
        for name in both
        for column in {**before[name], **after[name]}
    ]
    return Comparison(was, now, differences)


def _changed(what: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for every field that two mappings hold otherwise."""
    for name in sorted({**was, **now}):
        if was.get(name) != now.get(name):
            before, after = ("not said" if value is None else value for value in (was.get(name), now.get(name)))
            yield f"{what}: {name} was {before}, is {after}"


def _flat(model: RunModel) -> dict[str, Any]:
    return {**model.model_dump(exclude={"settings"}), **{f"settings/{k}": v for k, v in model.settings.items()}}


def _samples(run: Run) -> dict[str, Any]:
    return run.samples.model_dump(mode="json")


def _rows(run: Run) -> dict[str, dict[str, Any]]:
    """Return the values of each image by column; what the model decided in columns of their own."""
    columns = {name: column for name, column in _samples(run).items() if column is not None}
    details = columns.pop("details", [{} for _ in run.samples.id])
    return {
        name: {
            **{column: values[place] for column, values in columns.items() if column != "id"},
            **{f"details/{key}": value for key, value in details[place].items()},
        }
        for place, name in enumerate(run.samples.id)
    }
