"""Commands that measure once more: ``rescore`` and ``reproduce``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runners.cli.common import (
    Failure,
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
from runners.cli.evaluate import evaluate
from runners.cli.reporting import Report

if TYPE_CHECKING:
    from runners.datasets import Dataset
    from runners.datasets.origin import Origin
    from runners.models.base import Model
    from sitegen.records import Protocol, Run, RunModel

__all__ = ["reproduce", "rescore"]


@click.command()
@click.argument("folder", type=folder_type, metavar="DIR")
@click.option(
    "--protocol",
    "protocol_ids",
    multiple=True,
    required=True,
    metavar="ID",
    help="As for evaluate: ID, DATASET/ID, 'all' or 'DATASET/*'. May be given several times; all in one pass.",
)
@click.option("--manifest", type=path_type, metavar="FILE", help="Where the images' manifest is now, if it was moved.")
@click.option("--dataset", "dataset_id", metavar="ID", help="Open the images as this data set instead.")
@click.option("--root", type=folder_type, help="Where the data set's files are now, if they were moved.")
@no_cache_option
@submitter_option
@results_option
@click.option("--out", type=folder_type, default=Path("runs"), show_default=True, help="Folder of the runs.")
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
    with sentences(), truth_kept(not no_cache):
        from runners import jobs
        from runners import rescore as again
        from runners.saved import open_saved

        saved = open_saved(folder)
        origin = _moved(saved.index.dataset.origin, manifest, dataset_id, root)
        dataset = origin.open()
        again.check_same(saved.index, origin.limited(dataset))
        [job] = said([jobs.plan(dataset, origin, protocol_ids, results)])
        protocols, left_out = job.sort_out(lambda protocol: again.rescore_refusals(saved.index, protocol))
        report = Report(out)
        report.leave_out(left_out)
        with progress_bar(f"{saved.index.model.id} on {job.dataset.id}", len(job.dataset)) as advance:
            outcomes = again.rescore(saved, job.dataset, protocols, submitter=submitter, progress=advance)
        report.add(outcomes, job)
        report.conclude()


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
    return checked_origin(**fields)


@click.command()
@click.argument("record", type=path_type, metavar="RECORD")
@click.option("--root", type=folder_type, help="Folder of the data set's files, where it does not come with Fathom.")
@click.option("--manifest", type=path_type, metavar="FILE", help="Where the images' manifest is, for a record of one.")
@click.option("--device", help="As for evaluate.  [default: cpu where the record was made on one, else auto]")
@workers_option
@no_cache_option
@weights_option
@results_option
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
    with sentences(), truth_kept(not no_cache):
        from runners import reproduce as again
        from runners.environment import chosen_device, set_precision

        run = again.read_record(record)
        protocol, options = again.protocol_of(run), _options_of(run.command)
        _say_protocol(protocol, results)
        dataset = again.open_images(run, protocol, manifest=manifest, only=options.get("only") or (), root=root)
        chosen = chosen_device(device or ("cpu" if run.environment.device == "cpu" else "auto"))
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
        tell(f"protocol '{protocol.dataset}/{protocol.id}' is another one in {results} by now; the record's own is run")


def _same_model(said: RunModel, device: str, weights_dir: Path | None) -> Model:
    from runners.models import describe, load
    from runners.reproduce import given_settings

    how: dict[str, Any] = {"compile": bool(said.settings.get("compiled")), "weights_dir": weights_dir}
    return load(said.id, device, said.dtype, settings=given_settings(describe(said.id), said.settings), **how)


def _again(run: Run, model: Model, dataset: Dataset, protocol: Protocol, **how: Any) -> Run:
    """Return a record's run made again; ``how`` are settings of :func:`evaluate_all` (device, batch, workers)."""
    from runners.evaluate import evaluate_all

    fit_where_needed(model, dataset)
    how |= {"command": run.command, "submitter": run.submitter}
    with progress_bar(f"{model.id} on {dataset.id}", len(dataset)) as advance:
        (outcome,) = evaluate_all(dataset, model, [protocol], progress=advance, **how)
    if outcome.run is None:
        raise Failure(f"protocol '{protocol.dataset}/{protocol.id}': {outcome.failure}")
    return outcome.run
