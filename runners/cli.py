"""The ``runners`` command: thin; each command reads its options, calls one function and reports."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    from runners.datasets import Dataset
    from runners.evaluate import Progress as Advance
    from runners.models.base import Model
    from runners.models.entry import ModelEntry
    from runners.warnings import Watch
    from sitegen.records import ModelCard, PredictionKind, Protocol, Run

__all__ = ["main"]

DTYPES = ("float32", "float16", "bfloat16", "float64")

_path = click.Path(path_type=Path)
_folder = click.Path(path_type=Path, file_okay=False)
_results = click.option(
    "--results", type=_folder, default=DEFAULT_RESULTS, show_default=True, help="Folder of the records (protocols)."
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
def datasets() -> None:
    """Data sets by id."""
    from runners.datasets import DATASETS

    for entry in DATASETS.values():
        click.echo(f"{entry.id:<24}{entry.summary}")


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
    click.echo(f"{'weights':<16}{cache}{'' if cache.is_dir() else ' (empty; weights are fetched at first use)'}")
    entries = _known_models()
    click.echo()
    for line in columns(need_rows(entries, _model_cards(results, entries), weights_dir)):
        click.echo(line)


@main.command()
@click.option("--model", "model_ids", multiple=True, required=True, metavar="ID", help="May be given several times.")
@click.option("--dataset", "dataset_ids", multiple=True, metavar="ID", help="May be given several times.")
@click.option(
    "--manifest", type=_path, metavar="FILE", help="JSON list of your own RGB-D images, instead of --dataset."
)
@click.option(
    "--protocol",
    "protocol_ids",
    multiple=True,
    metavar="ID",
    help="Protocol of the data set, or DATASET/ID. Default: its house protocol; for a manifest, as the manifest says.",
)
@click.option("--root", type=_folder, help="Folder of the data set's files, where it does not come with Fathom.")
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
@click.option("--limit", type=click.IntRange(1), help="Only the first N images; for trying out, not for the boards.")
@click.option("--submitter", default="anonymous", show_default=True, help="Who runs it, for the record.")
@_weights
@_results
@click.option("--out", type=_folder, help="Folder of the runs.  [default: results/runs; for a manifest: runs]")
def evaluate(
    model_ids: tuple[str, ...],
    dataset_ids: tuple[str, ...],
    manifest: Path | None,
    protocol_ids: tuple[str, ...],
    root: Path | None,
    device: str,
    dtype: str,
    settings: dict[str, str],
    compiled: bool,
    batch: int,
    limit: int | None,
    submitter: str,
    weights_dir: Path | None,
    results: Path,
    out: Path | None,
) -> None:
    """Measure models on data sets and write one run record for each combination."""
    if bool(dataset_ids) == bool(manifest):
        raise click.UsageError("give either --dataset or --manifest")
    with _sentences():
        from runners.models import load
        from runners.models.registry import refusals
        from runners.warnings import Watch

        if faults := [fault for m in model_ids for fault in refusals(m, dtype, settings, compiled=compiled)]:
            raise Failure("\n".join(faults))
        chosen = _device(device)
        jobs = list(_jobs(dataset_ids, manifest, protocol_ids, root, results, limit))
        _refuse_hopeless(model_ids, [protocol for _, protocol in jobs])
        for model_id in model_ids:
            model = load(model_id, chosen, dtype, weights_dir=weights_dir, compile=compiled, settings=settings)
            for dataset, protocol in jobs:
                watch = Watch(protocol)
                run = _run(model, dataset, protocol, device=chosen, batch=batch, submitter=submitter, watch=watch)
                _report(run, dataset, watch, out or (Path("runs") if manifest else results / "runs"))


def _jobs(
    dataset_ids: tuple[str, ...],
    manifest: Path | None,
    protocol_ids: tuple[str, ...],
    root: Path | None,
    results: Path,
    limit: int | None,
) -> Iterator[tuple[Dataset, Protocol]]:
    """Yield every data set with every protocol asked for, all checked before anything runs."""
    from runners import datasets as sets
    from runners.protocols import check_list, choose, manifest_protocol, read_protocols

    if manifest is not None:
        dataset = _limited(sets.open_manifest(manifest, _slug(manifest.stem)), limit)
        named = choose(read_protocols(results), dataset.id, protocol_ids) if protocol_ids else []
        yield from ((dataset, protocol) for protocol in named or [manifest_protocol(dataset)])
    for dataset_id in dataset_ids:
        dataset = sets.open(dataset_id, root)
        for protocol in choose(read_protocols(results), dataset_id, protocol_ids):
            check_list(protocol, dataset)
            yield _limited(dataset, limit), protocol


def _refuse_hopeless(model_ids: tuple[str, ...], protocols: list[Protocol]) -> None:
    """Refuse, before anything runs, what no run could give: an unknown model or a pair that may not be scored."""
    from runners.models import describe
    from runners.score import refusals

    if faults := list(dict.fromkeys(f for m in model_ids for p in protocols for f in refusals(describe(m).kind, p))):
        raise Failure("\n".join(faults))


def _limited(dataset: Dataset, limit: int | None) -> Dataset:
    if limit is None or limit >= len(dataset):
        return dataset
    click.echo(f"{dataset.id}: {limit} of {len(dataset)} images; not for the boards", err=True)
    return dataset.limited(limit)


def _run(
    model: Model, dataset: Dataset, protocol: Protocol, *, device: str, batch: int, submitter: str, watch: Watch
) -> Run:
    from runners.evaluate import evaluate as measure
    from runners.evaluate import fit

    if model.needs_training:
        fit(model, dataset)
    label = f"{model.id} on {dataset.id}/{protocol.id}"
    with _progress(label, len(dataset)) as advance:
        return measure(
            dataset, model, protocol, device=device, batch=batch, submitter=submitter, progress=advance, watch=watch
        )


def _report(run: Run, dataset: Dataset, watch: Watch, out: Path) -> None:
    from runners.evaluate import concerns, write_run

    path = write_run(run, out)
    values = ", ".join(f"{METRICS[name].symbol} {run.summary[name]}" for name in run.protocol.block["metrics"][:3])
    click.echo(f"{path}: {run.dataset.evaluated} images, {values}")
    notes = [f"{name}: {note}" for name, note in dataset.notes.items() if name in set(run.samples.id)]
    for note in [*concerns(run), *watch.sentences(), *notes]:
        click.echo(f"{path}: note: {note}", err=True)


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


@contextmanager
def _progress(label: str, total: int) -> Iterator[Advance]:
    """Show a bar on a terminal while images are measured, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn whatever is the input's fault into a sentence and exit code 1."""
    try:
        from runners.datasets import DatasetError
        from runners.evaluate import EvaluationError
        from runners.models.base import ModelError
        from runners.prediction import KindError
        from runners.protocols import ProtocolLookupError
        from runners.score import ProtocolError
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is not installed; run: pip install 'fathom-depth[runners]'") from error
    try:
        yield
    except (DatasetError, EvaluationError, KindError, ModelError, ProtocolError, ProtocolLookupError) as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{error.filename or 'a file'}: {error.strerror or error}") from error


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


def _slug(name: str) -> str:
    """Return a name as an id: lower case, anything else than letters and digits becomes a hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].strip("-") or "manifest"
