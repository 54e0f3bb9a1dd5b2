"""``runners evaluate``: measure models on data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runners.cli.common import (
    DTYPES,
    Failure,
    Stopped,
    checked_origin,
    fit_where_needed,
    folder_type,
    no_cache_option,
    path_type,
    progress_bar,
    results_option,
    said,
    sentences,
    submitter_option,
    tell,
    truth_kept,
    weights_option,
    workers_option,
)
from runners.cli.contributing import Contribution
from runners.cli.reporting import Report, logged
from runners.environment import chosen_device
from runners.log import event

if TYPE_CHECKING:
    from runners.cells import Wanted
    from runners.cluster import Pool, Where
    from runners.datasets.origin import Origin
    from runners.jobs import Work
    from runners.journal import Journal
    from runners.measure import Outcome
    from runners.models.base import Model
    from runners.saved import StoredDtype
    from runners.saving import Destination, Writer

    EvaluateAll = Callable[..., list[Outcome]]

__all__ = ["evaluate"]

STORED_DTYPES = ("float32", "float16")


def pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return NAME=VALUE options as a mapping."""
    pairs: dict[str, str] = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name or name in pairs:
            raise click.BadParameter(f"'{value}' is no NAME=VALUE, or its name was given before", context, parameter)
        pairs[name] = text
    return pairs


def cluster(context: click.Context, parameter: click.Parameter, value: str | None) -> Where | None:
    """Return which cluster an option names."""
    if value is None:
        return None
    from runners.cluster import parse

    try:
        return parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.command()
@click.option("--model", "model_ids", multiple=True, metavar="ID", help="May be given several times.")
@click.option("--dataset", "dataset_ids", multiple=True, metavar="ID", help="May be given several times.")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Fill every empty cell of the runs: all models, data sets and protocols but for those that --model, --dataset "
    "and --protocol name, newest protocols first. What cannot be run is said, and the rest goes on.",
)
@click.option(
    "--manifest", type=path_type, metavar="FILE", help="JSON list of your own RGB-D images, instead of --dataset."
)
@click.option("--name", metavar="ID", help="What data set the manifest's images are of.  [default: its file's name]")
@click.option(
    "--only",
    multiple=True,
    metavar="GLOB",
    help="Only the manifest's samples whose id matches, such as 'kitchen/*'. May be given several times.",
)
@click.option(
    "--protocol",
    "protocol_ids",
    multiple=True,
    metavar="ID",
    help="Protocol of the data set, or DATASET/ID; 'all' or 'DATASET/*' for all that can be run. All are scored in one "
    "pass. Default: the house protocol; for a manifest, as the manifest says.",
)
@click.option(
    "--root",
    type=folder_type,
    help="Folder of the data set's files, where it does not come with Fathom; with --all and not one --dataset, the "
    "folder that holds each in one of its id.",
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps; auto takes a GPU if any.")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the network.")
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=pairs,
    help="One of the model's own settings, such as steps=4. May be given several times.",
)
@click.option("--compile", "compiled", is_flag=True, help="Compile the network with torch.compile.")
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Images per prediction.")
@workers_option
@click.option(
    "--cluster",
    "where",
    metavar="local[:N]|ADDRESS",
    callback=cluster,
    help="Measure on the workers of a dask cluster: 'local' starts a process for each GPU of this machine (several on "
    "the CPU; N in all), ADDRESS is that of a scheduler, such as tcp://10.0.0.1:8786.",
)
@no_cache_option
@click.option("--limit", type=click.IntRange(1), help="Only the first N images; for trying out, not for the boards.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would run, for how long, in how much memory and under which licences, and stop.",
)
@click.option(
    "--log",
    type=path_type,
    metavar="FILE",
    help="Append what happens, one JSON object a line: what begins, how far it is, what is skipped and why, failures, "
    "each record with its sha256. Nothing with --dry-run.",
)
@click.option("--fresh", is_flag=True, help="Begin anew, whatever an interrupted run of this command has finished.")
@click.option(
    "--save-predictions",
    "save",
    type=folder_type,
    metavar="DIR",
    help="Keep the predictions for 'runners rescore': in DIR, or below it where the call makes several sets of them. "
    "Interrupted, they go on as the run does.",
)
@click.option(
    "--predictions-dtype",
    type=click.Choice(STORED_DTYPES),
    default="float32",
    show_default=True,
    help="Of saved predictions; what float16 cannot hold is kept in float32.",
)
@submitter_option
@weights_option
@results_option
@click.option("--out", type=folder_type, help="Folder of the runs.  [default: results/runs; for a manifest: runs]")
def evaluate(
    model_ids: tuple[str, ...],
    dataset_ids: tuple[str, ...],
    every: bool,
    manifest: Path | None,
    name: str | None,
    only: tuple[str, ...],
    protocol_ids: tuple[str, ...],
    root: Path | None,
    device: str,
    dtype: str,
    settings: dict[str, str],
    compiled: bool,
    batch: int,
    workers: int,
    where: Where | None,
    no_cache: bool,
    limit: int | None,
    dry_run: bool,
    log: Path | None,
    fresh: bool,
    save: Path | None,
    predictions_dtype: StoredDtype,
    submitter: str,
    weights_dir: Path | None,
    results: Path,
    out: Path | None,
) -> None:
    """Measure models on data sets and write one run record for each combination.

    What is finished is kept in .journal below --out until the records are written. Interrupted in whatever way, the
    same command goes on where it stopped. Ctrl-C lets the batch finish first and ends with exit code 1. The end says
    how to contribute the records, or why they are not for the boards.
    """
    if every and (manifest or limit or save):
        raise click.UsageError("--all goes without --manifest, --limit and --save-predictions")
    if not every:
        _check_asked(model_ids, dataset_ids, manifest)
    if not manifest and (name or only):
        raise click.UsageError("--name and --only are for a --manifest")
    told = logged(None if dry_run else log)
    with told, sentences(), truth_kept(not no_cache), _pool(where, device, workers, dry_run=dry_run) as pool:
        from runners import jobs
        from runners.cells import Wanted
        from runners.environment import set_precision
        from runners.models.registry import checked_device

        chosen, place = chosen_device(device), out or (Path("runs") if manifest else results / "runs")
        how = {"dtype": dtype, "settings": settings, "compiled": compiled}
        report = Report(place, every=every, contribution=Contribution(results / "runs", place))
        if every:
            works = _empty(Wanted(model_ids, dataset_ids, protocol_ids, root), results, report, **how)
        else:
            origins = _origins(dataset_ids, manifest, name, only, root, limit)
            works = _asked(model_ids, origins, protocol_ids, results, report, **how)
        about: dict[str, Any] = {"batch": batch, "weights_dir": weights_dir, "compiled": compiled}
        if not pool:  # what the devices of a pool's workers are is not known here
            _print_plan(works, results, place, checked_device(chosen), dtype, err=not dry_run, **about)
        if dry_run:
            click.echo("nothing was run (--dry-run)")
            return
        set_precision()
        how |= {"weights_dir": weights_dir}
        bench = _Bench(place, device, pool, batch=batch, workers=workers, fresh=fresh, **how)
        places = jobs.destinations(works, save, predictions_dtype, place, fresh=fresh)
        for work, destinations in zip(works, places, strict=True):
            with report.going_on(work):
                bench.measure(work, destinations, report, submitter=submitter)
        report.conclude()


def _check_asked(model_ids: tuple[str, ...], dataset_ids: tuple[str, ...], manifest: Path | None) -> None:
    if not model_ids:
        raise click.UsageError("name a model with --model, or give --all")
    if bool(dataset_ids) == bool(manifest):
        raise click.UsageError("give either --dataset or --manifest")


def _origins(
    dataset_ids: tuple[str, ...],
    manifest: Path | None,
    name: str | None,
    only: tuple[str, ...],
    root: Path | None,
    limit: int | None,
) -> list[Origin]:
    from runners.datasets.origin import manifest_id

    if manifest is not None:
        where = {"manifest": str(manifest.resolve()), "only": list(only), "limit": limit}
        return [checked_origin(dataset=name or manifest_id(manifest), **where)]
    folder = None if root is None else str(root.resolve())
    return [checked_origin(dataset=dataset_id, root=folder, limit=limit) for dataset_id in dataset_ids]


def _asked(
    model_ids: tuple[str, ...],
    origins: list[Origin],
    protocol_ids: tuple[str, ...],
    results: Path,
    report: Report,
    **how: Any,
) -> list[Work]:
    """Return what the options ask for, every model on every data set; ``how`` is what the models are to be."""
    from runners import jobs
    from runners.models.registry import refusals

    if faults := [fault for model_id in model_ids for fault in refusals(model_id, **how)]:
        raise Failure("\n".join(faults))
    asked = [job for origin in origins for job in said(jobs.plans(origin, protocol_ids, results))]
    works, left_out = jobs.works(model_ids, asked)
    report.leave_out(left_out)
    return works


def _empty(wanted: Wanted, results: Path, report: Report, **how: Any) -> list[Work]:
    """Return the cells that have no run yet; ``how`` is what the models are to be."""
    from runners.cells import missing
    from runners.models.registry import refusals

    cells = missing(wanted, results, report.out, lambda model_id: refusals(model_id, **how))
    report.leave_out(cells.left_out)
    for line in cells.there:
        click.echo(line)
    for failure in cells.failures:
        report.fail(failure)
    return cells.works


def _pool(where: Where | None, device: str, readers: int, *, dry_run: bool) -> AbstractContextManager[Pool | None]:
    """Return what gives the workers of a cluster; none where all is done in this process."""
    if where and readers:
        raise click.UsageError("--workers reads ahead without a --cluster; with one, have more workers than GPUs")
    if where is None or dry_run:
        return nullcontext()
    from runners.cluster import opened

    return opened(where, device, tell)


class _Bench:
    """Measures with one model at a time, as each may fill the device: loaded here, or by the workers of a pool."""

    def __init__(
        self, place: Path, device: str, pool: Pool | None, *, batch: int, workers: int, fresh: bool, **loading: Any
    ) -> None:
        self.place, self.pool, self.fresh = place, pool, fresh
        self.device = device if pool else chosen_device(device)
        self.batch, self.workers = batch, workers
        self._loading = loading
        self._loaded: dict[str, Model] = {}

    def measure(self, work: Work, destinations: list[Destination], report: Report, **how: Any) -> None:
        """Measure a work and report it; ``how`` is for :func:`_run`."""
        from runners.resume import kept

        facts, evaluate_all = self._spread(self.pool, work, destinations) if self.pool else self._here(work)
        with kept(facts, self.place, destinations, fresh=self.fresh) as (journal, writers):
            _log_start(work, device=self.device, batch=self.batch)
            report.saved_before(destinations, writers)
            outcomes = _run(evaluate_all, work, writers, journal, **how)
        report.add(outcomes, work.job, journal)
        report.saved(writers)

    def _here(self, work: Work) -> tuple[Mapping[str, Any], EvaluateAll]:
        """Return what determines the rows of a work, and what measures it, in this process."""
        from runners.evaluate import evaluate_all
        from runners.resume import facts_of

        model, dataset = self._model(work.model_id), work.job.dataset
        fit_where_needed(model, dataset)
        where: dict[str, Any] = {"device": self.device, "batch": self.batch}
        evaluate = partial(evaluate_all, dataset, model, work.protocols, workers=self.workers, **where)
        return facts_of(work, model, **where), evaluate

    def _spread(self, pool: Pool, work: Work, destinations: list[Destination]) -> tuple[Mapping[str, Any], EvaluateAll]:
        """Return the same for the workers of a pool, once they have taken it up."""
        from runners.cluster import LostError, spec_of

        spec = spec_of(work, destinations, device=self.device, batch=self.batch, **self._loading)
        try:
            facts = pool.prepare(spec, work.job.dataset)
        except LostError as error:
            raise Stopped(str(error)) from error
        return facts, partial(pool.evaluate_all, work.job.dataset, spec, facts)

    def _model(self, model_id: str) -> Model:
        from runners.models import load

        if model_id not in self._loaded:
            self._loaded.clear()
            how = {**self._loading, "compile": self._loading["compiled"]}
            del how["compiled"]
            self._loaded[model_id] = load(model_id, self.device, **how)
        return self._loaded[model_id]


def _log_start(work: Work, **where: Any) -> None:
    dataset, protocols = work.job.dataset, [f"{protocol.dataset}/{protocol.id}" for protocol in work.protocols]
    event("started", model=work.model_id, dataset=dataset.id, images=len(dataset), protocols=protocols, **where)


def _run(evaluate_all: EvaluateAll, work: Work, writers: list[Writer], journal: Journal, **how: Any) -> list[Outcome]:
    """Return what measuring gives; ``how`` are settings of it (submitter)."""
    from runners.cluster import LostError
    from runners.measure import StoppedError
    from runners.resume import stop_when_asked

    model, dataset, images = work.model_id, work.job.dataset.id, len(work.job.dataset)
    if journal.lines:
        tell(f"{model} on {dataset}: goes on with what {journal.path} says is finished")
        event("resumed", model=model, dataset=dataset, images=journal.samples, journal=str(journal.path))
    try:
        with progress_bar(f"{model} on {dataset}", images) as advance, stop_when_asked(tell) as stop:
            return evaluate_all(writers=writers, journal=journal, progress=advance, stop=stop, **how)
    except (LostError, StoppedError) as error:
        raise Stopped(f"{model}: {error}; the same command goes on from there") from error


def _print_plan(works: list[Work], *about: Any, err: bool, **options: Any) -> None:
    """Say what will run before it runs: as a note beside the results, or as the result itself."""
    from runners.plan import plan_lines

    for line in plan_lines(works, *about, **options):
        click.echo(line, err=err)
