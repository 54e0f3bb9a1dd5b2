"""The ``runners`` command: thin; each command reads its options, calls one function and reports."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runners.models.registry import models as known_models
from sitegen.metrics import METRICS
from sitegen.records import PREDICTION_KINDS
from sitegen.store import DEFAULT_RESULTS

if TYPE_CHECKING:
    from runners.cells import Wanted
    from runners.datasets import Dataset
    from runners.datasets.origin import Origin
    from runners.jobs import Job, Work
    from runners.journal import Journal
    from runners.measure import Outcome
    from runners.measure import Progress as Advance
    from runners.models.base import Model
    from runners.models.entry import ModelEntry
    from runners.pictures import Part
    from runners.saved import StoredDtype
    from runners.saving import Destination, Writer
    from sitegen.findings import Finding
    from sitegen.records import ModelCard, ModelProofs, PredictionKind, Protocol, Run, RunModel, SpeedCase

__all__ = ["main"]

DTYPES = ("float32", "float16", "bfloat16", "float64")
STORED_DTYPES = ("float32", "float16")

_path = click.Path(path_type=Path)
_folder = click.Path(path_type=Path, file_okay=False)
_results = click.option(
    "--results", type=_folder, default=DEFAULT_RESULTS, show_default=True, help="Folder of the records (protocols)."
)
_submitter = click.option("--submitter", default="anonymous", show_default=True, help="Who runs it, for the record.")
_no_cache = click.option(
    "--no-cache", is_flag=True, help="Decode all ground truth anew and keep none of it for the next run."
)
_workers = click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Processes that read images and ground truth ahead; 0 reads between predictions.",
)
_weights = click.option(
    "--weights-dir",
    type=_folder,
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


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return NAME=VALUE options as a mapping."""
    pairs: dict[str, str] = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name or name in pairs:
            raise click.BadParameter(f"'{value}' is no NAME=VALUE, or its name was given before", context, parameter)
        pairs[name] = text
    return pairs


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fathom-depth")
def main() -> None:
    """Measure depth models on data sets and write run records."""


@main.group("list")
def listing() -> None:
    """Show what can be run."""


@listing.command()
@_results
def models(results: Path) -> None:
    """Models by id: what they predict, how large they are, what they need beside the runners, and their licence."""
    from runners.columns import columns
    from runners.models.inventory import model_rows

    entries = _known_models()
    for line in columns(model_rows(entries, _model_cards(results, entries))):
        click.echo(line)


@listing.command()
@_results
def datasets(results: Path) -> None:
    """Data sets by id, with images, licence, size of the download, ground truths, and what is verified."""
    from runners.datasets import DATASETS
    from runners.datasets.describe import facts
    from sitegen.store import load_datasets

    cards, _ = load_datasets(results)
    for entry in DATASETS.values():
        click.echo(f"{entry.id:<24}{entry.summary}")
        for name, fact in facts(entry, cards.get(entry.id)):
            click.echo(f"    {name:<20}{fact}")


@listing.command()
@_results
def protocols(results: Path) -> None:
    """Protocols by data set, and whether this version can carry them out."""
    from runners.protocols import read_protocols
    from runners.score import unsupported

    with _sentences():
        for (dataset, protocol_id), protocol in sorted(read_protocols(results).items()):
            faults = unsupported(protocol)
            click.echo(f"{dataset}/{protocol_id:<28}{'not yet: ' + faults[0] if faults else 'ready'}")


@main.command()
@click.argument("dataset_id", metavar="DATASET")
@click.option("--root", type=_folder, required=True, help="Folder of the data set's files.")
def check(dataset_id: str, root: Path) -> None:
    """Say what is wrong with a data set's files in DIR, and where to get the right ones."""
    with _sentences():
        from runners.datasets.describe import check_folder

        problems, good = check_folder(dataset_id, root)
        if problems:
            raise Failure("\n".join(map(str, problems)))
        for line in good:
            click.echo(line)


@main.command()
@click.argument("dataset_id", metavar="DATASET")
@click.option("--root", type=_folder, help="Folder to put the files into.")
@_results
def fetch(dataset_id: str, root: Path | None, results: Path) -> None:
    """Download what may be had of a data set without a login, or say how to get it.

    What a broken download left is taken up again.
    """
    with _sentences():
        from runners.datasets.describe import facts
        from runners.datasets.registry import find
        from runners.download import fetch_into, human_size
        from sitegen.store import load_datasets

        entry = find(dataset_id)
        for name, fact in facts(entry, load_datasets(results)[0].get(entry.id)):
            click.echo(f"{name:<20}{fact}")
        if entry.fetch and root is None:
            raise Failure("name the folder to put the files into with --root")
        for download in entry.fetch:
            click.echo(f"{download.url} ({human_size(download.size)})", err=True)
            path, fresh = fetch_into(root or Path(), download)
            click.echo(f"{path}: {'fetched' if fresh else 'was here already'}. {download.then}".strip())


@main.command()
@_weights
@_results
def doctor(weights_dir: Path | None, results: Path) -> None:
    """Say what this machine has, what each model needs, where its weights are looked for, and what is missing."""
    from runners.columns import columns
    from runners.environment import VERSIONED, git_state, version
    from runners.models.inventory import need_rows
    from runners.models.weights import cache_folder

    for package in ("fathom-depth", *VERSIONED):
        click.echo(f"{package:<16}{version(package) or 'missing: pip install fathom-depth[runners]'}")
    commit, dirty = git_state()
    click.echo(f"{'commit':<16}{commit or 'not a git checkout'}{' with local changes' if dirty else ''}")
    for line in _devices():
        click.echo(f"{'device':<16}{line}")
    cache = cache_folder(weights_dir)
    click.echo(f"{'ground truth':<16}{_truth_folder()}")
    click.echo(f"{'weights':<16}{cache}{'' if cache.is_dir() else ' (empty; weights are fetched at first use)'}")
    entries = _known_models()
    click.echo()
    for line in columns(need_rows(entries, _model_cards(results, entries), weights_dir)):
        click.echo(line)


@main.command()
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
    "--manifest", type=_path, metavar="FILE", help="JSON list of your own RGB-D images, instead of --dataset."
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
    type=_folder,
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
    callback=_pairs,
    help="One of the model's own settings, such as steps=4. May be given several times.",
)
@click.option("--compile", "compiled", is_flag=True, help="Compile the network with torch.compile.")
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Images per prediction.")
@_workers
@_no_cache
@click.option("--limit", type=click.IntRange(1), help="Only the first N images; for trying out, not for the boards.")
@click.option("--dry-run", is_flag=True, help="Say what would run, for how long and under which licences, and stop.")
@click.option("--fresh", is_flag=True, help="Begin anew, whatever an interrupted run of this command has finished.")
@click.option(
    "--save-predictions",
    "save",
    type=_folder,
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
@_submitter
@_weights
@_results
@click.option("--out", type=_folder, help="Folder of the runs.  [default: results/runs; for a manifest: runs]")
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
    no_cache: bool,
    limit: int | None,
    dry_run: bool,
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
    same command goes on where it stopped. Ctrl-C lets the batch finish first and ends with exit code 1.
    """
    if every and (manifest or limit or save):
        raise click.UsageError("--all goes without --manifest, --limit and --save-predictions")
    if not every:
        _check_asked(model_ids, dataset_ids, manifest)
    if not manifest and (name or only):
        raise click.UsageError("--name and --only are for a --manifest")
    with _sentences(), _truth_kept(not no_cache):
        from runners import jobs
        from runners.cells import Wanted
        from runners.environment import set_precision

        chosen, place = _device(device), out or (Path("runs") if manifest else results / "runs")
        set_precision()
        how = {"dtype": dtype, "settings": settings, "compiled": compiled}
        report = _Report(place, every=every)
        if every:
            works = _empty(Wanted(model_ids, dataset_ids, protocol_ids, root), results, report, **how)
        else:
            origins = _origins(dataset_ids, manifest, name, only, root, limit)
            works = _asked(model_ids, origins, protocol_ids, results, report, **how)
        if dry_run:
            _print_plan(works, results, place, chosen, dtype, weights_dir=weights_dir, compiled=compiled)
            return
        bench = _Bench(place, chosen, batch=batch, fresh=fresh, weights_dir=weights_dir, **how)
        places = jobs.destinations(works, save, predictions_dtype, place, fresh=fresh)
        for work, destinations in zip(works, places, strict=True):
            with report.going_on(work):
                bench.measure(work, destinations, report, workers=workers, submitter=submitter)
        report.conclude()


def _check_asked(model_ids: tuple[str, ...], dataset_ids: tuple[str, ...], manifest: Path | None) -> None:
    if not model_ids:
        raise click.UsageError("name a model with --model, or give --all")
    if bool(dataset_ids) == bool(manifest):
        raise click.UsageError("give either --dataset or --manifest")


def _asked(
    model_ids: tuple[str, ...],
    origins: list[Origin],
    protocol_ids: tuple[str, ...],
    results: Path,
    report: _Report,
    **how: Any,
) -> list[Work]:
    """Return what the options ask for, every model on every data set; ``how`` is what the models are to be."""
    from runners import jobs
    from runners.models.registry import refusals

    if faults := [fault for model_id in model_ids for fault in refusals(model_id, **how)]:
        raise Failure("\n".join(faults))
    asked = [job for origin in origins for job in _said(jobs.plans(origin, protocol_ids, results))]
    works, left_out = jobs.works(model_ids, asked)
    report.leave_out(left_out)
    return works


def _empty(wanted: Wanted, results: Path, report: _Report, **how: Any) -> list[Work]:
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


class _Bench:
    """Loads one model at a time, as each may fill the device, and measures with it."""

    def __init__(self, place: Path, device: str, *, batch: int, fresh: bool, **loading: Any) -> None:
        self.place, self.device, self.batch, self.fresh = place, device, batch, fresh
        self._loading = loading
        self._loaded: dict[str, Model] = {}

    def measure(self, work: Work, destinations: list[Destination], report: _Report, **how: Any) -> None:
        """Measure a work and report it; ``how`` is for :func:`_run`."""
        from runners.resume import kept

        model = self._model(work.model_id)
        where: dict[str, Any] = {"device": self.device, "batch": self.batch}
        _fit(model, work.job.dataset)
        with kept(work, model, self.place, destinations, fresh=self.fresh, **where) as (journal, writers):
            for folder in {place.folder for place in destinations} - {writer.folder for writer in writers}:
                click.echo(f"{folder}: all its predictions are there already")
            outcomes = _run(model, work, writers, journal, **where, **how)
        report.add(outcomes, work.job, journal)
        report.saved(writers)

    def _model(self, model_id: str) -> Model:
        from runners.models import load

        if model_id not in self._loaded:
            self._loaded.clear()
            how = {**self._loading, "compile": self._loading["compiled"]}
            del how["compiled"]
            self._loaded[model_id] = load(model_id, self.device, **how)
        return self._loaded[model_id]


@main.command()
@click.argument("folder", type=_folder, metavar="DIR")
@click.option(
    "--protocol",
    "protocol_ids",
    multiple=True,
    required=True,
    metavar="ID",
    help="As for evaluate: ID, DATASET/ID, 'all' or 'DATASET/*'. May be given several times; all in one pass.",
)
@click.option("--manifest", type=_path, metavar="FILE", help="Where the images' manifest is now, if it was moved.")
@click.option("--dataset", "dataset_id", metavar="ID", help="Open the images as this data set instead.")
@click.option("--root", type=_folder, help="Where the data set's files are now, if they were moved.")
@_no_cache
@_submitter
@_results
@click.option("--out", type=_folder, default=Path("runs"), show_default=True, help="Folder of the runs.")
def rescore(
    folder: Path,
    protocol_ids: tuple[str, ...],
    manifest: Path | None,
    dataset_id: str | None,
    root: Path | None,
    no_cache: bool,
    submitter: str,
    results: Path,
    out: Path,
) -> None:
    """Score predictions that 'runners evaluate --save-predictions' kept in DIR under other protocols.

    Needs the images' truth, but neither the model nor a GPU. Where the predictions were made otherwise than a protocol
    says, the record says so.
    """
    if manifest and (dataset_id or root):
        raise click.UsageError("give either --manifest or --dataset and --root")
    with _sentences(), _truth_kept(not no_cache):
        from runners import jobs
        from runners import rescore as again
        from runners.saved import open_saved

        saved = open_saved(folder)
        origin = _moved(saved.index.dataset.origin, manifest, dataset_id, root)
        dataset = origin.open()
        again.check_same(saved.index, origin.limited(dataset))
        [job] = _said([jobs.plan(dataset, origin, protocol_ids, results)])
        protocols, left_out = job.sort_out(lambda protocol: again.rescore_refusals(saved.index, protocol))
        report = _Report(out)
        report.leave_out(left_out)
        with _progress(f"{saved.index.model.id} on {job.dataset.id}", len(job.dataset)) as advance:
            outcomes = again.rescore(saved, job.dataset, protocols, submitter=submitter, progress=advance)
        report.add(outcomes, job)
        report.conclude()


@main.command()
@click.argument("record", type=_path, metavar="RECORD")
@click.option("--root", type=_folder, help="Folder of the data set's files, where it does not come with Fathom.")
@click.option("--manifest", type=_path, metavar="FILE", help="Where the images' manifest is, for a record of one.")
@click.option("--device", help="As for evaluate.  [default: cpu where the record was made on one, else auto]")
@_workers
@_no_cache
@_weights
@_results
def reproduce(
    record: Path,
    root: Path | None,
    manifest: Path | None,
    device: str | None,
    workers: int,
    no_cache: bool,
    weights_dir: Path | None,
    results: Path,
) -> None:
    """Run a record again, exactly as it says, and print the difference for each metric and image.

    Model, precision, settings, images and protocol are those of RECORD. Nothing is written. Exit code 0 if every value
    agrees to the six digits that records keep (relative 1e-5), 1 if not.
    """
    if manifest and root:
        raise click.UsageError("give either --manifest or --root")
    with _sentences(), _truth_kept(not no_cache):
        from runners import reproduce as again
        from runners.environment import set_precision

        run = again.read_record(record)
        protocol, options = again.protocol_of(run), _options_of(run.command)
        _say_protocol(protocol, results)
        dataset = again.open_images(run, protocol, manifest=manifest, only=options.get("only") or (), root=root)
        chosen = _device(device or ("cpu" if run.environment.device == "cpu" else "auto"))
        set_precision(tf32=bool(run.environment.tf32), deterministic=bool(run.environment.deterministic))
        model = _same_model(run.model, chosen, weights_dir)
        batch = options.get("batch") or 1
        found = again.compare(run, _again(run, model, dataset, protocol, device=chosen, batch=batch, workers=workers))
    for line in found.lines():
        click.echo(line)
    if not found.agrees:
        raise Failure(f"{record}: not every value agrees")
    click.echo(f"{record}: every value agrees")


def _options_of(command: str) -> dict[str, Any]:
    """Return the options of the 'runners evaluate' that made a record; none where it was made otherwise."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quotation that is never closed
        words = []
    if words[:2] != ["runners", "evaluate"]:
        return {}
    return evaluate.make_context("evaluate", words[2:], resilient_parsing=True).params


def _say_protocol(protocol: Protocol, results: Path) -> None:
    """Say where the folder of records holds another protocol of that name than is run."""
    from sitegen.store import load_protocols

    known = load_protocols(results)[0].get((protocol.dataset, protocol.id)) if results.is_dir() else None
    if known and known.digest() != protocol.digest():
        _tell(
            f"protocol '{protocol.dataset}/{protocol.id}' is another one in {results} by now; the record's own is run"
        )


def _same_model(said: RunModel, device: str, weights_dir: Path | None) -> Model:
    from runners.models import describe, load
    from runners.reproduce import given_settings

    how: dict[str, Any] = {"compile": bool(said.settings.get("compiled")), "weights_dir": weights_dir}
    return load(said.id, device, said.dtype, settings=given_settings(describe(said.id), said.settings), **how)


def _again(run: Run, model: Model, dataset: Dataset, protocol: Protocol, **how: Any) -> Run:
    """Return a record's run made again; ``how`` are settings of :func:`evaluate_all` (device, batch, workers)."""
    from runners.evaluate import evaluate_all

    _fit(model, dataset)
    how |= {"command": run.command, "submitter": run.submitter}
    with _progress(f"{model.id} on {dataset.id}", len(dataset)) as advance:
        (outcome,) = evaluate_all(dataset, model, [protocol], progress=advance, **how)
    if outcome.run is None:
        raise Failure(f"protocol '{protocol.dataset}/{protocol.id}': {outcome.failure}")
    return outcome.run


@main.command()
@click.argument("folders", type=_folder, nargs=-1, required=True, metavar="DIR...")
@click.option("--protocol", "protocol_id", metavar="ID", help="How to score.  [default: as for evaluate]")
@_results
@click.option("--out", type=_folder, default=Path("build/report"), show_default=True, help="Folder to write.")
def report(folders: tuple[Path, ...], protocol_id: str | None, results: Path, out: Path) -> None:
    """Write a page with image, truth, prediction and error of predictions that were saved in each DIR.

    It shows the images of the data sets and is for your own eyes: their licences may forbid to publish them.
    """
    with _sentences():
        from runners.report import write_report

        parts = [_part(folder, () if protocol_id is None else (protocol_id,), results) for folder in folders]
        with _progress("pictures", sum(len(part.run.samples.id) for part in parts)) as advance:
            page = write_report(parts, out, advance)
        click.echo(f"{page}: {sum(len(part.run.samples.id) for part in parts)} images")


@main.command()
@click.argument("folders", type=_folder, nargs=-1, required=True, metavar="DIR...")
@click.option("--protocol", "protocol_id", metavar="ID", help="How to score.  [default: as for evaluate]")
@click.option("--picks", type=click.IntRange(0), default=2, show_default=True, help="Images spread over the list.")
@click.option("--worst", type=click.IntRange(0), default=1, show_default=True, help="Images that all do badly on.")
@click.option("--best", type=click.IntRange(0), default=1, show_default=True, help="Images that all do well on.")
@click.option(
    "--disagreeing", type=click.IntRange(0), default=1, show_default=True, help="Images with the widest spread."
)
@_results
@click.option("--out", type=_folder, help="Folder of the galleries.  [default: results/gallery]")
def gallery(folders: tuple[Path, ...], protocol_id: str | None, results: Path, out: Path | None, **counts: int) -> None:
    """Write pictures of chosen images for the site, from predictions that were saved in each DIR, one a model.

    The gallery of the data set is replaced whole. Pictures are written only where the data set's card says that its
    images may be shown again; elsewhere the entries hold the models' values and say why there are no pictures.
    """
    with _sentences():
        from runners.gallery import Wanted, write_gallery
        from sitegen.store import load_datasets

        parts = [_part(folder, () if protocol_id is None else (protocol_id,), results) for folder in folders]
        cards, findings = load_datasets(results)
        _refuse_findings(findings)
        dataset = parts[0].dataset.id
        if dataset not in cards:
            raise Failure(
                f"{results / 'datasets' / dataset}.yaml: no such card: whether images may be shown is unknown"
            )
        with _progress("images", sum(counts.values())) as advance:
            path = write_gallery(parts, cards[dataset], Wanted(**counts), out or results / "gallery", advance)
        click.echo(f"{path}: {len(list(path.glob('*/index.json')))} images of {len(parts)} models")


def _part(folder: Path, protocol_ids: tuple[str, ...], results: Path) -> Part:
    from runners import jobs
    from runners import rescore as again
    from runners.pictures import Part, ReportError
    from runners.saved import open_saved

    saved = open_saved(folder)
    origin = saved.index.dataset.origin
    [job] = _said([jobs.plan(origin.open(), origin, protocol_ids, results)])
    (protocol, *others), _ = job.sort_out(lambda protocol: again.rescore_refusals(saved.index, protocol))
    if others:
        raise ReportError(f"{folder}: a page shows one protocol; name it with --protocol")
    with _progress(f"{saved.index.model.id} on {job.dataset.id}", len(job.dataset)) as advance:
        (outcome,) = again.rescore(saved, job.dataset, [protocol], progress=advance)
    if outcome.run is None:
        raise ReportError(f"{folder}: {outcome.failure}")
    return Part(saved, job.dataset, protocol, outcome.run)


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
        return [_origin(dataset=name or manifest_id(manifest), **where)]
    folder = None if root is None else str(root.resolve())
    return [_origin(dataset=dataset_id, root=folder, limit=limit) for dataset_id in dataset_ids]


def _origin(**fields: Any) -> Origin:
    from pydantic import ValidationError

    from runners.datasets.origin import Origin
    from sitegen.store import explain

    try:
        return Origin.model_validate(fields)
    except ValidationError as error:
        faults = [f"--{pointer.strip('/')}: {message}" for pointer, message in explain(error)]
        raise Failure("\n".join(fault.replace("--dataset:", "name of the data set:") for fault in faults)) from error


def _moved(origin: Origin, manifest: Path | None, dataset_id: str | None, root: Path | None) -> Origin:
    """Return where the images are now, by what the options say; as the predictions say without any."""
    fields = origin.model_dump()
    if manifest is not None:
        fields.update(manifest=str(manifest.resolve()), root=None, variant=None)
    elif dataset_id or root:
        folder = str(root.resolve()) if root else None
        fields.update(dataset=dataset_id or origin.dataset, manifest=None, only=[], root=folder)
        if dataset_id not in (None, origin.dataset):
            fields.update(variant=None)
    return _origin(**fields)


def _said(jobs: list[Job]) -> list[Job]:
    """Return jobs once it is said which of them do not take all images."""
    for job in jobs:
        if len(job.dataset) < job.listed:
            click.echo(f"{job.dataset.id}: {len(job.dataset)} of {job.listed} images; not for the boards", err=True)
    return jobs


def _fit(model: Model, dataset: Dataset) -> None:
    from runners.evaluate import fit

    if model.needs_training:
        fit(model, dataset)


def _run(model: Model, work: Work, writers: list[Writer], journal: Journal, **how: Any) -> list[Outcome]:
    """Return what :func:`evaluate_all` gives; ``how`` are its settings (device, batch, workers, submitter)."""
    from runners.evaluate import evaluate_all
    from runners.measure import StoppedError
    from runners.resume import stop_when_asked

    dataset = work.job.dataset
    how |= {"writers": writers, "journal": journal}
    if journal.lines:
        _tell(f"{model.id} on {dataset.id}: goes on with what {journal.path} says is finished")
    try:
        with _progress(f"{model.id} on {dataset.id}", len(dataset)) as advance, stop_when_asked(_tell) as stop:
            return evaluate_all(dataset, model, work.protocols, progress=advance, stop=stop, **how)
    except StoppedError as error:
        raise Stopped(f"{model.id}: {error}; the same command goes on from there") from error


def _print_plan(works: list[Work], *about: Any, **options: Any) -> None:
    from runners.plan import plan_lines

    for line in plan_lines(works, *about, **options):
        click.echo(line)


class _Report:
    """Writes runs and says what came of each protocol; the exit code depends on those asked for by name."""

    def __init__(self, out: Path, *, every: bool = False) -> None:
        self.out = out
        self.every = every
        self.written = 0
        self.failures: list[str] = []
        self._finished: list[Journal] = []
        self._subject = ""

    @contextmanager
    def going_on(self, work: Work) -> Iterator[None]:
        """With --all, whatever stops a work is a failure that is said, and the rest goes on."""
        self._subject = f"{work.model_id} on {work.job.dataset.id}: "
        try:
            with _sentences():
                yield
        except Stopped:
            raise
        except Exception as error:  # of a hundred models in a night, one may raise anything
            if not self.every:
                raise
            said = error.message if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
            self.fail(said)
        finally:
            self._subject = ""

    def fail(self, reason: str) -> None:
        """Take down what will make the command fail in the end, and say it now: the end may be hours away."""
        _tell(f"failed: {self._subject}{reason}")
        self.failures.append(self._subject + reason)

    def leave_out(self, reasons: list[str]) -> None:
        """Say what is left out, which is no failure."""
        for reason in reasons:
            self._left_out(reason)

    def add(self, outcomes: list[Outcome], job: Job, journal: Journal | None = None) -> None:
        """Write the runs of one pass; its journal has served when the whole command has, or the cells are filled."""
        if journal and all(outcome.run for outcome in outcomes):
            self._finished.append(journal)
        scored: set[str] = set()
        for outcome in outcomes:
            if outcome.run is None:
                self._no_run(outcome, job)
            else:
                self._write(outcome.run, outcome)
                scored.update(outcome.run.samples.id)
        if self.every:  # the next --all finds the records
            self._remove_journals()
        for name, note in job.dataset.notes.items():
            if name in scored:
                click.echo(f"{job.dataset.id}: note: {name}: {note}", err=True)

    def saved(self, writers: list[Writer]) -> None:
        """Say where predictions were kept, and which of them in another type than was asked for."""
        for writer in writers:
            if writer.index is None:
                text = "the predictions were not finished and cannot be used; the same command goes on with them"
                click.echo(f"{writer.folder}: note: {text}", err=True)
                continue
            click.echo(f"{writer.folder}: {len(writer.index.samples)} predictions from input {writer.rule.name}")
            if wide := sum(entry.dtype != writer.index.dtype for entry in writer.index.samples):
                text = f"{wide} of them kept in float32: float16 cannot hold their values"
                click.echo(f"{writer.folder}: note: {text}", err=True)

    def conclude(self) -> None:
        """Remove the journals; fail if a protocol that was asked for by name gave no run, or none at all did.

        Not earlier: if the command is interrupted at a later model, the same command must not repeat the first ones.
        """
        self._remove_journals()
        if self.failures:
            raise Failure("\n".join(self.failures))
        if not self.written:
            if not self.every:
                raise Failure("no protocol gave a run")
            click.echo("no cell is empty that can be filled here")

    def _remove_journals(self) -> None:
        while self._finished:
            self._finished.pop().remove()

    def _no_run(self, outcome: Outcome, job: Job) -> None:
        from runners.score import ProtocolError

        protocol = outcome.protocol
        reason = f"protocol '{protocol.dataset}/{protocol.id}': {outcome.failure}"
        if self.every and not isinstance(outcome.failure, ProtocolError):
            self.fail(reason)
        elif protocol in job.named:
            self.failures.append(reason)
        else:
            self._left_out(reason)

    def _write(self, run: Run, outcome: Outcome) -> None:
        from runners.evaluate import concerns, write_run

        path = write_run(run, self.out)
        self.written += 1
        values = ", ".join(f"{METRICS[name].symbol} {run.summary[name]}" for name in run.protocol.block["metrics"][:3])
        click.echo(f"{path}: {run.dataset.evaluated} images, {values}; sha256 {run.sha256}")
        for note in [*concerns(run), *outcome.notes]:
            click.echo(f"{path}: note: {note}", err=True)

    def _left_out(self, reason: str) -> None:
        click.echo(f"left out: {reason}", err=True)


@main.command("new-model")
@click.argument("model_id", metavar="ID")
@click.option(
    "--kind", type=click.Choice(PREDICTION_KINDS), required=True, help="What its predictions are invariant to."
)
@click.option(
    "--here", is_flag=True, help="Write an adapter into this clone of Fathom instead of a package of its own."
)
@click.option("--out", type=_folder, help="Where the package's folder goes.  [default: the current folder]")
def new_model(model_id: str, kind: PredictionKind, here: bool, out: Path | None) -> None:
    """Write the files of a new model: by default a package that plugs it in from outside."""
    if here and out:
        raise click.UsageError("--out is for a package, --here writes none")
    from runners.models.errors import ModelError
    from runners.scaffold import carry_out, plan_here, plan_package

    try:
        plan = plan_here(model_id, kind, Path()) if here else plan_package(model_id, kind, out or Path())
        for path in carry_out(plan):
            click.echo(f"wrote {path}")
    except ModelError as error:
        raise Failure(str(error)) from error
    click.echo("Next:")
    for step in plan.after:
        click.echo(f"  {step}")


@main.command()
@click.option("--model", "model_ids", multiple=True, required=True, metavar="ID", help="May be given several times.")
@click.option(
    "--random-weights", is_flag=True, help="Build the architecture without weights and time its network alone."
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps; auto takes a GPU if any.")
@click.option("--device-id", metavar="ID", help="What the device is called in results/speed.  [default: from its name]")
@click.option(
    "--dtype", "dtypes", type=click.Choice(DTYPES), multiple=True, default=["float32"], show_default=True,
    help="Precision; may be given several times.",
)  # fmt: skip
@click.option(
    "--batch", "batches", type=click.IntRange(1), multiple=True, default=[1], show_default=True,
    help="Images at once; may be given several times.",
)  # fmt: skip
@click.option("--height", type=click.IntRange(1), default=480, show_default=True, help="Rows of the image.")
@click.option("--width", type=click.IntRange(1), default=640, show_default=True, help="Columns of the image.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the network with torch.compile.")
@click.option("--warmup", type=click.IntRange(1), default=5, show_default=True, help="Untimed repeats.")
@click.option("--repeats", type=click.IntRange(2), default=30, show_default=True, help="Timed repeats.")
@click.option("--submitter", default="anonymous", show_default=True, help="Who runs it, for the record.")
@click.option("--note", default="", help="What a reader has to know, for the record: that others used the machine too.")
@_weights
@_results
@click.option("--out", type=_folder, help="Folder of the speeds.  [default: results/speed]")
def speed(
    model_ids: tuple[str, ...], device: str, device_id: str | None, results: Path, out: Path | None, **options: Any
) -> None:
    """Measure latency, throughput, memory and operations, and add them to the record of each model and device."""
    with _sentences():
        from runners.environment import device_id as id_of
        from runners.environment import device_name, set_precision, slug
        from runners.models import describe
        from runners.models.registry import checked_device
        from runners.speed import Plan, add_cases, measure, refusals

        if device_id is not None and slug(device_id) != device_id:
            raise click.UsageError("--device-id takes lower-case letters, digits and hyphens, such as nvidia-h100")
        set_precision()
        plan = Plan(device=checked_device(_device(device)), **options)
        entries = [describe(model_id) for model_id in model_ids]
        if faults := [fault for entry in entries for fault in refusals(entry, plan)]:
            raise Failure("\n".join(faults))
        cards = _cards(results, model_ids)
        for entry in entries:
            with _progress(entry.id, plan.rounds) as advance:
                params = cards[entry.id].params_m if entry.id in cards else None
                cases = measure(entry, plan, card_params_m=params, tick=lambda: advance(1), tell=_tell)
            name = device_name(plan.device)
            path = add_cases(out or results / "speed", entry.id, device_id or id_of(plan.device), name, cases)
            _report_speed(path, cases)


def _cards(results: Path, model_ids: Sequence[str]) -> dict[str, ModelCard]:
    from sitegen.store import load_model_cards

    cards, findings = load_model_cards(results, model_ids)
    _refuse_findings(findings)
    return cards


def _runs(results: Path) -> Sequence[Run]:
    from sitegen.store import load_runs

    runs, findings = load_runs(results)
    _refuse_findings(findings)
    return runs


def _refuse_findings(findings: Sequence[Finding]) -> None:
    if findings:
        raise Failure("\n".join(str(finding) for finding in findings))


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


def _report_speed(path: Path, cases: list[SpeedCase]) -> None:
    for case in cases:
        latency, how = case.latency, f"{case.timed}, {case.dtype}{', compiled' if case.compiled else ''}"
        click.echo(
            f"{path}: {how}, batch {case.batch}: {latency.median_ms:.4g} ms an image ({latency.p10_ms:.4g} to "
            f"{latency.p90_ms:.4g}), {case.images_per_second:.4g} images/s"
        )
        if case.disturbed:
            _tell(f"{path}: the process had a processor {100 * (case.cpu_share or 0):.0f} % of the time; measure again")


@main.command()
@click.option("--model", "model_ids", multiple=True, metavar="ID", help="May be given several times.  [default: all]")
@_results
@click.option(
    "--out", type=_path, help="File of the record, such as results/adapters.json.  [default: none is written]"
)
def prove(model_ids: tuple[str, ...], results: Path, out: Path | None) -> None:
    """Check every adapter as far as that goes without weights; exit code 1 if a check fails."""
    with _sentences():
        from runners.files import write_aside
        from runners.models import describe
        from runners.models.proofs import prove as check
        from runners.models.proofs import record
        from sitegen.records import record_text

        entries = [describe(model_id) for model_id in dict.fromkeys(model_ids or known_models())]
        cards, runs = _cards(results, [entry.id for entry in entries]), _runs(results)
        proven = []
        with _progress("adapters", len(entries)) as advance:
            for entry in entries:
                proven.append(check(entry, cards.get(entry.id), runs))
                advance(1)
        if out is not None:
            write_aside(out, record_text(record(proven)).encode())
    _report_proofs(proven)


def _report_proofs(proven: list[ModelProofs]) -> None:
    """Print every outcome that is not a pass, and a line of counts; a failure ends the command with exit code 1."""
    proofs = [(entry.model, proof) for entry in proven for proof in entry.proofs]
    for model_id, proof in proofs:
        if proof.outcome != "passed":
            click.echo(f"{model_id}: {proof.check}: {proof.outcome}: {proof.note}")
    counts = {
        outcome: sum(proof.outcome == outcome for _, proof in proofs) for outcome in ("passed", "failed", "not-run")
    }
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if counts["failed"]:
        raise Failure(f"{counts['failed']} checks of {len(proven)} adapters failed")


@contextmanager
def _progress(label: str, total: int) -> Iterator[Advance]:
    """Show a bar on a terminal while images are measured, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


def _truth_folder() -> str:
    from runners.datasets.cache import DEFAULT_LIMIT, cache_folder

    return f"{cache_folder()} (decoded truth, at most {DEFAULT_LIMIT >> 30} GiB; may be removed at any time)"


@contextmanager
def _truth_kept(kept: bool) -> Iterator[None]:
    """Keep decoded ground truth for the next run, or not."""
    from runners.datasets.cache import TruthCache, cache_folder, using

    with using(TruthCache(cache_folder()) if kept else None):
        yield


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn whatever is the input's fault into a sentence and exit code 1."""
    try:
        from runners.datasets import DatasetError
        from runners.download import DownloadError
        from runners.jobs import JobError
        from runners.journal import JournalError
        from runners.models.base import ModelError
        from runners.pictures import ReportError
        from runners.prediction import KindError
        from runners.protocols import ProtocolLookupError
        from runners.reproduce import ReproduceError
        from runners.saved import SavedError
        from runners.score import ProtocolError
        from runners.stages import EvaluationError
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is not installed; run: pip install 'fathom-depth[runners]'") from error
    try:
        yield
    except (DatasetError, DownloadError, EvaluationError, JobError, KindError, ModelError) as error:
        raise Failure(str(error)) from error
    except (JournalError, ProtocolError, ProtocolLookupError, ReportError, ReproduceError, SavedError) as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{error.filename or 'a file'}: {error.strerror or error}") from error
    except MemoryError as error:
        raise Failure("no memory is left on this machine; lower --batch or --workers") from error


def _device(name: str) -> str:
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _devices() -> list[str]:
    try:
        import torch
    except ModuleNotFoundError:
        return ["none: torch is missing"]
    if not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        return ["cpu", f"no GPU that torch can use (it is {built})"]
    return ["cpu", *(f"cuda:{index}, {_gpu(index)}" for index in range(torch.cuda.device_count()))]


def _gpu(index: int) -> str:
    """Return a GPU's name and memory, and whether it computes."""
    import torch

    try:
        torch.ones(1, device=f"cuda:{index}").add(1).item()
        free, total = torch.cuda.mem_get_info(index)
    except RuntimeError as error:
        return f"{torch.cuda.get_device_name(index)}, cannot be used: {str(error).splitlines()[0]}"
    return f"{torch.cuda.get_device_name(index)}, usable, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free"


def _known_models() -> list[ModelEntry]:
    """Return every model, without torch; a plug-in at fault is a sentence."""
    from runners.models.errors import ModelError

    try:
        return list(known_models().values())
    except ModelError as error:
        raise Failure(str(error)) from error


def _model_cards(results: Path, entries: list[ModelEntry]) -> dict[str, ModelCard]:
    """Return the models' cards; what is wrong with one is said, and it is left out."""
    from sitegen.store import load_model_cards

    cards, findings = load_model_cards(results, [entry.id for entry in entries])
    for finding in findings:
        click.echo(str(finding), err=True)
    return cards
