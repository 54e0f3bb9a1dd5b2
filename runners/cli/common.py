"""What the commands share: options, sentences for what is at fault, a bar, and the look-up of models and images."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from runners.log import event
from runners.models.registry import models as known_models
from sitegen.store import DEFAULT_RESULTS

if TYPE_CHECKING:
    from runners.datasets import Dataset
    from runners.datasets.origin import Origin
    from runners.jobs import Job
    from runners.measure import Progress as Advance
    from runners.models.base import Model
    from runners.models.entry import ModelEntry
    from sitegen.findings import Finding
    from sitegen.records import ModelCard

__all__ = [
    "DTYPES",
    "Failure",
    "Stopped",
    "checked_origin",
    "fit_where_needed",
    "folder_type",
    "model_cards",
    "model_entries",
    "no_cache_option",
    "path_type",
    "progress_bar",
    "refuse_findings",
    "results_option",
    "said",
    "sentences",
    "sound_cards",
    "submitter_option",
    "tell",
    "tell_note",
    "truth_kept",
    "weights_option",
    "workers_option",
]

DTYPES = ("float32", "float16", "bfloat16", "float64")
path_type = click.Path(path_type=Path)
folder_type = click.Path(path_type=Path, file_okay=False)
results_option = click.option(
    "--results", type=folder_type, default=DEFAULT_RESULTS, show_default=True, help="Folder of the records (protocols)."
)
submitter_option = click.option(
    "--submitter", default="anonymous", show_default=True, help="Who runs it, for the record."
)
no_cache_option = click.option(
    "--no-cache", is_flag=True, help="Decode all ground truth anew and keep none of it for the next run."
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Processes that read images and ground truth ahead; 0 reads between predictions.",
)
weights_option = click.option(
    "--weights-dir",
    type=folder_type,
    envvar="FATHOM_WEIGHTS",
    show_envvar=True,
    help="Weights cache; what is missing there is fetched into it.",
)


class Failure(click.ClickException):
    """The input or the run is at fault: a sentence, exit code 1, no traceback."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        """Print the sentence to standard error."""
        click.echo(self.message, err=True, file=file)


class Stopped(Failure):
    """Somebody asked the command to stop."""


_FAULTS = {
    "runners.datasets.base": "DatasetError",
    "runners.download": "DownloadError",
    "runners.jobs": "JobError",
    "runners.journal": "JournalError",
    "runners.lessons": "LessonError",
    "runners.models.errors": "ModelError",
    "runners.pictures": "ReportError",
    "runners.prediction": "KindError",
    "runners.protocols": "ProtocolLookupError",
    "runners.reproduce": "ReproduceError",
    "runners.saved": "SavedError",
    "runners.score": "ProtocolError",
    "runners.stages": "EvaluationError",
}
"""Exceptions whose message is a sentence for the person, by the module that defines them."""


def _faults() -> tuple[type[Exception], ...]:
    """Return those that can have been raised: of modules that are not loaded, which may take seconds, none can."""
    return tuple(getattr(sys.modules[module], name) for module, name in _FAULTS.items() if module in sys.modules)


@contextmanager
def sentences() -> Iterator[None]:
    """Turn whatever is the input's fault into a sentence and exit code 1."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is not installed; run: pip install 'fathom-depth[runners]'") from error
    except OSError as error:
        raise Failure(f"{error.filename or 'a file'}: {error.strerror or error}") from error
    except MemoryError as error:
        raise Failure("no memory is left on this machine; lower --batch or --workers") from error
    except Exception as error:
        if isinstance(error, _faults()):
            raise Failure(str(error)) from error
        raise


def tell(sentence: str) -> None:
    """Print a sentence to standard error, where it does not mix with results."""
    click.echo(sentence, err=True)


def tell_note(subject: object, note: str) -> None:
    """Say, and have the log say, what a person should look at; ``subject`` is what it is about."""
    tell(f"{subject}: note: {note}")
    event("note", level=logging.WARNING, subject=str(subject), sentence=note)


_LOG_EVERY_S = 5.0


class _Rate(ProgressColumn):
    """Steps a second; of a run that goes on, what an earlier part has done does not count."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the number with its unit."""
        return Text(f"{task.speed:.3g} {self._unit}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def progress_bar(label: str, total: int, unit: str = "images") -> Iterator[Advance]:
    """Show a bar on a terminal while something is counted, and nothing elsewhere; the log hears of it now and then.

    Args:
        label: Of what, for the person and the log.
        total: How many there are.
        unit: What is counted.
    """
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(unit), TimeRemainingColumn()
    # The first step has no time of its own, and is what an earlier part has done: rich leaves it out of the speed,
    # which is over the last 1,000 steps here, not over the seconds of a slow model's one.
    how: dict[str, Any] = {"speed_estimate_period": math.inf, "transient": True, "disable": not console.is_terminal}
    with Progress(*columns, console=console, **how) as bar:
        bar.add_task(label, total=total)
        yield partial(_advance, bar, unit, [time.monotonic()])


def _advance(bar: Progress, unit: str, logged: list[float], count: int) -> None:
    """Move a bar on; ``logged`` holds when the log last heard of it."""
    (task,) = bar.tasks
    bar.advance(task.id, count)
    if time.monotonic() - logged[0] < _LOG_EVERY_S and not task.finished:
        return
    logged[0] = time.monotonic()
    rate = None if task.speed is None else round(task.speed, 3)
    event("progress", subject=task.description, unit=unit, done=int(task.completed), total=task.total, per_second=rate)


@contextmanager
def truth_kept(kept: bool) -> Iterator[None]:
    """Keep decoded ground truth for the next run, or not."""
    from runners.datasets.cache import TruthCache, cache_folder, using

    with using(TruthCache(cache_folder()) if kept else None):
        yield


def model_entries() -> list[ModelEntry]:
    """Return every model, without torch; a plug-in at fault is a sentence."""
    from runners.models.errors import ModelError

    try:
        return list(known_models().values())
    except ModelError as error:
        raise Failure(str(error)) from error


def model_cards(results: Path, entries: list[ModelEntry]) -> dict[str, ModelCard]:
    """Return the models' cards; what is wrong with one is said, and it is left out."""
    from sitegen.store import load_model_cards

    cards, findings = load_model_cards(results, [entry.id for entry in entries])
    for finding in findings:
        click.echo(str(finding), err=True)
    return cards


def sound_cards(results: Path, model_ids: Sequence[str]) -> dict[str, ModelCard]:
    """Return the models' cards; one that is wrong is a failure."""
    from sitegen.store import load_model_cards

    cards, findings = load_model_cards(results, model_ids)
    refuse_findings(findings)
    return cards


def refuse_findings(findings: Sequence[Finding]) -> None:
    """Fail with everything that was found, if anything was."""
    if findings:
        raise Failure("\n".join(str(finding) for finding in findings))


def checked_origin(**fields: Any) -> Origin:
    """Return where images come from, or fail with the options that are wrong."""
    from pydantic import ValidationError

    from runners.datasets.origin import Origin
    from sitegen.store import explain

    try:
        return Origin.model_validate(fields)
    except ValidationError as error:
        faults = [f"--{pointer.strip('/')}: {message}" for pointer, message in explain(error)]
        raise Failure("\n".join(fault.replace("--dataset:", "name of the data set:") for fault in faults)) from error


def said(jobs: list[Job]) -> list[Job]:
    """Return jobs once it is said which of them do not take all images."""
    for job in jobs:
        if len(job.dataset) < job.listed:
            tell_note(job.dataset.id, f"{len(job.dataset)} of {job.listed} images; not for the boards")
    return jobs


def fit_where_needed(model: Model, dataset: Dataset) -> None:
    """Fit a model that learns from the data set's training part; others need nothing."""
    from runners.evaluate import fit

    if model.needs_training:
        fit(model, dataset)
