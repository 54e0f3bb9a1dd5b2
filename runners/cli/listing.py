"""Commands that show what can be run and what is missing for it: ``list``, ``check``, ``fetch`` and ``doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from runners.cli.common import (
    Failure,
    folder_type,
    model_cards,
    model_entries,
    results_option,
    sentences,
    weights_option,
)

__all__ = ["check", "doctor", "fetch", "listing"]


@click.group("list")
def listing() -> None:
    """Show what can be run."""


@listing.command()
@results_option
def models(results: Path) -> None:
    """Models by id: what they predict, how large they are, what they need beside the runners, and their licence."""
    from runners.columns import columns
    from runners.models.inventory import model_rows

    entries = model_entries()
    for line in columns(model_rows(entries, model_cards(results, entries))):
        click.echo(line)


@listing.command()
@results_option
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
@results_option
def protocols(results: Path) -> None:
    """Protocols by data set, and whether this version can carry them out."""
    from runners.protocols import read_protocols
    from runners.score import unsupported

    with sentences():
        for (dataset, protocol_id), protocol in sorted(read_protocols(results).items()):
            faults = unsupported(protocol)
            click.echo(f"{dataset}/{protocol_id:<28}{'not yet: ' + faults[0] if faults else 'ready'}")


@click.command()
@click.argument("dataset_id", metavar="DATASET")
@click.option("--root", type=folder_type, required=True, help="Folder of the data set's files.")
def check(dataset_id: str, root: Path) -> None:
    """Say what is wrong with a data set's files in DIR, and where to get the right ones."""
    with sentences():
        from runners.datasets.describe import check_folder

        problems, good = check_folder(dataset_id, root)
        if problems:
            raise Failure("\n".join(map(str, problems)))
        for line in good:
            click.echo(line)


@click.command()
@click.argument("dataset_id", metavar="DATASET")
@click.option("--root", type=folder_type, help="Folder to put the files into.")
@results_option
def fetch(dataset_id: str, root: Path | None, results: Path) -> None:
    """Download what may be had of a data set without a login, or say how to get it.

    What a broken download left is taken up again.
    """
    with sentences():
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


@click.command()
@weights_option
@results_option
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
    entries = model_entries()
    click.echo()
    for line in columns(need_rows(entries, model_cards(results, entries), weights_dir)):
        click.echo(line)


def _truth_folder() -> str:
    from runners.datasets.cache import DEFAULT_LIMIT, cache_folder

    return f"{cache_folder()} (decoded truth, at most {DEFAULT_LIMIT >> 30} GiB; may be removed at any time)"


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
