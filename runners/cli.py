"""The ``runners`` command: thin; each command reads its options, calls one function and reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runners.models.registry import models as known_models
from sitegen.metrics import METRICS
from sitegen.store import DEFAULT_RESULTS

if TYPE_CHECKING:
    from runners.datasets import Dataset
    from runners.evaluate import Progress as Advance
    from runners.models.base import Model
    from runners.warnings import Watch
    from sitegen.findings import Finding
    from sitegen.records import ModelCard, ModelProofs, Protocol, Run, SpeedCase

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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fathom-depth")
def main() -> None:
    """Measure depth models on data sets and write run records."""


@main.group("list")
def listing() -> None:
    """Show what can be run."""


@listing.command()
def models() -> None:
    """Models by id, with the kind of their predictions."""
    for entry in known_models().values():
        click.echo(f"{entry.id:<24}{entry.kind:<28}{entry.summary}")


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
def doctor(weights_dir: Path | None) -> None:
    """Say what this machine has and what is missing."""
    from runners.environment import VERSIONED, git_state, version
    from runners.models.weights import cache_folder

    for package in ("fathom-depth", *VERSIONED):
        click.echo(f"{package:<16}{version(package) or 'missing: pip install fathom-depth[runners]'}")
    commit, dirty = git_state()
    click.echo(f"{'commit':<16}{commit or 'not a git checkout'}{' with local changes' if dirty else ''}")
    for line in _devices():
        click.echo(f"{'device':<16}{line}")
    cache = cache_folder(weights_dir)
    click.echo(f"{'weights':<16}{cache}{'' if cache.is_dir() else ' (empty; weights are fetched at first use)'}")


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
        from runners.warnings import Watch

        chosen = _device(device)
        jobs = list(_jobs(dataset_ids, manifest, protocol_ids, root, results, limit))
        _refuse_hopeless(model_ids, [protocol for _, protocol in jobs])
        for model_id in model_ids:
            model = load(model_id, chosen, dtype, weights_dir=weights_dir)
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
    found = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ["cpu", *found]


def _slug(name: str) -> str:
    """Return a name as an id: lower case, anything else than letters and digits becomes a hyphen."""
    from runners.environment import slug

    return slug(name) or "manifest"
