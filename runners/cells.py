"""Which cells (model, data set, protocol) of the results are still empty: what ``runners evaluate --all`` runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from runners.datasets.base import Dataset, DatasetError
from runners.datasets.origin import Origin
from runners.datasets.registry import DATASETS
from runners.environment import committed_at
from runners.jobs import Job, JobError, Work, plans, works
from runners.models import describe, models
from runners.models.errors import ModelError
from runners.protocols import ProtocolLookupError, is_pattern, read_protocols
from sitegen.records import Protocol, Run

__all__ = ["Cells", "Wanted", "missing", "newest_first"]


@dataclass(frozen=True)
class Wanted:
    """What cells are asked for; an empty field stands for all there are.

    Attributes:
        models: Ids.
        datasets: Ids.
        protocols: As for :func:`runners.jobs.plans`.
        root: Folder of the data set's files where one data set is named, else that of a folder for each by its id.
    """

    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    root: Path | None = None

    def origin(self, dataset_id: str) -> Origin:
        """Return where a data set is opened from."""
        if self.root is None or self.datasets == (dataset_id,):
            folder = self.root
        else:
            folder = found if (found := self.root / dataset_id).is_dir() else None
        return Origin(dataset=dataset_id, root=None if folder is None else str(folder.resolve()))


@dataclass
class Cells:
    """What is to be run, and what is not.

    Attributes:
        works: The empty cells, those of the newest protocols first.
        there: What is measured already, one sentence a model and data set.
        left_out: What cannot be run and was not asked for by its name.
        failures: What cannot be run and was.
    """

    works: list[Work] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def refuse(self, error: Exception | str, *, named: bool) -> None:
        """Take down why something cannot be run."""
        place = self.failures if named else self.left_out
        place += [line for line in str(error).splitlines() if line not in place]


def missing(wanted: Wanted, results: Path, out: Path, refusals: Callable[[str], list[str]]) -> Cells:
    """Return the cells without a record under the same protocol digest of the same list of images.

    Args:
        wanted: Which cells.
        results: Folder of the records; how new a protocol is says git of its file there. One that git does not know
            counts as the newest.
        out: Folder of the runs.
        refusals: Returns why a model cannot be loaded.

    Raises:
        ProtocolLookupError: If the protocols cannot be read.
    """
    read_protocols(results)
    cells = Cells()
    jobs = [found for dataset_id in wanted.datasets or DATASETS if (found := _jobs(wanted, dataset_id, results, cells))]
    for model_id in wanted.models or models():
        try:
            faults = refusals(model_id)
        except ModelError as error:
            faults = [str(error)]
        if faults:
            cells.refuse("\n".join(faults), named=bool(wanted.models))
            continue
        for group in jobs:
            _add(cells, model_id, group, out, named=any(not is_pattern(name) for name in wanted.protocols))
    cells.works = newest_first(cells.works, results)
    return cells


def _jobs(wanted: Wanted, dataset_id: str, results: Path, cells: Cells) -> list[Job]:
    """Return the jobs of a data set, one a ground truth; none where it cannot be opened or has no protocol."""
    try:
        return plans(wanted.origin(dataset_id), wanted.protocols or ("all",), results)
    except (DatasetError, JobError, ProtocolLookupError) as error:
        cells.refuse(_short(error, dataset_id), named=bool(wanted.datasets))
        return []


def _short(error: Exception, dataset_id: str) -> str:
    """Return the first line of what is wrong, with the data set: a list of all protocols helps nobody here."""
    lines = [line.partition("; known:")[0] for line in str(error).splitlines()]
    return next((line if dataset_id in line else f"{dataset_id}: {line}" for line in lines), dataset_id)


def _add(cells: Cells, model_id: str, jobs: Sequence[Job], out: Path, *, named: bool) -> None:
    """Add the works of a model on a data set, without the cells that are filled."""
    dataset = jobs[0].dataset
    if describe(model_id).needs_training and dataset.train is None:
        cells.refuse(f"model '{model_id}' is fitted on training images, and '{dataset.id}' brings none", named=False)
        return
    try:
        found, left_out = works([model_id], jobs)
    except JobError as error:
        cells.refuse(error, named=named)
        return
    cells.refuse("\n".join(left_out), named=False)
    for work in found:
        done = [p for p in work.protocols if _filled(out / dataset.id / p.id / f"{model_id}.json", p, work.job.dataset)]
        if done:
            cells.there.append(f"{model_id} on {dataset.id}: measured already: {', '.join(p.id for p in done)}")
        if left := [protocol for protocol in work.protocols if protocol not in done]:
            cells.works.append(replace(work, protocols=left))


def _filled(path: Path, protocol: Protocol, dataset: Dataset) -> bool:
    """Return whether a file is a run of these images under this very protocol, made as it says."""
    try:
        run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return False
    same = run.protocol.sha256 == protocol.digest() and run.dataset.list_sha256 == dataset.list_sha256
    return same and not run.deviations


def newest_first(found: Sequence[Work], results: Path) -> list[Work]:
    """Return works by the newest protocol of each; those of one time by the ids of their protocols."""
    protocols = {(p.dataset, p.id) for work in found for p in work.protocols}
    dates = {key: committed_at(results / "protocols" / key[0] / f"{key[1]}.yaml") for key in protocols}

    def key(work: Work) -> tuple[float, str, list[str]]:
        mine = [(p.dataset, p.id) for p in work.protocols]
        return -max(dates[name] for name in mine), work.job.dataset.id, [name for _, name in mine]

    return sorted(found, key=key)
