"""Commands that show saved predictions: ``report`` and ``gallery``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli.common import Failure, folder_type, progress_bar, refuse_findings, results_option, said, sentences

if TYPE_CHECKING:
    from runners.pictures import Part
    from sitegen.records import DatasetCard

__all__ = ["card_of", "gallery", "part_of", "report"]


@click.command()
@click.argument("folders", type=folder_type, nargs=-1, required=True, metavar="DIR...")
@click.option("--protocol", "protocol_id", metavar="ID", help="How to score.  [default: as for evaluate]")
@results_option
@click.option("--out", type=folder_type, default=Path("build/report"), show_default=True, help="Folder to write.")
def report(folders: tuple[Path, ...], protocol_id: str | None, results: Path, out: Path) -> None:
    """Write a page with image, truth, prediction and error of predictions that were saved in each DIR.

    It shows the images of the data sets and is for your own eyes: their licences may forbid to publish them.
    """
    with sentences():
        from runners.report import write_report

        parts = [part_of(folder, () if protocol_id is None else (protocol_id,), results) for folder in folders]
        with progress_bar("pictures", sum(len(part.run.samples.id) for part in parts)) as advance:
            page = write_report(parts, out, advance)
        click.echo(f"{page}: {sum(len(part.run.samples.id) for part in parts)} images")


@click.command()
@click.argument("folders", type=folder_type, nargs=-1, required=True, metavar="DIR...")
@click.option("--protocol", "protocol_id", metavar="ID", help="How to score.  [default: as for evaluate]")
@click.option("--picks", type=click.IntRange(0), default=2, show_default=True, help="Images spread over the list.")
@click.option("--worst", type=click.IntRange(0), default=1, show_default=True, help="Images that all do badly on.")
@click.option("--best", type=click.IntRange(0), default=1, show_default=True, help="Images that all do well on.")
@click.option(
    "--disagreeing", type=click.IntRange(0), default=1, show_default=True, help="Images with the widest spread."
)
@results_option
@click.option("--out", type=folder_type, help="Folder of the galleries.  [default: results/gallery]")
def gallery(folders: tuple[Path, ...], protocol_id: str | None, results: Path, out: Path | None, **counts: int) -> None:
    """Write pictures of chosen images for the site, from predictions that were saved in each DIR, one a model.

    The gallery of the data set is replaced whole. Pictures are written only where the data set's card says that its
    images may be shown again; elsewhere the entries hold the models' values and say why there are no pictures.
    """
    with sentences():
        from runners.gallery import Wanted, write_gallery

        parts = [part_of(folder, () if protocol_id is None else (protocol_id,), results) for folder in folders]
        card = card_of(parts[0].dataset.id, results)
        with progress_bar("images", sum(counts.values())) as advance:
            path = write_gallery(parts, card, Wanted(**counts), out or results / "gallery", advance)
        click.echo(f"{path}: {len(list(path.glob('*/index.json')))} images of {len(parts)} models")


def card_of(dataset: str, results: Path) -> DatasetCard:
    """Return the card of a data set, or fail: it says whether images may be shown."""
    from sitegen.store import load_datasets

    cards, findings = load_datasets(results)
    refuse_findings(findings)
    if dataset not in cards:
        raise Failure(f"{results / 'datasets' / dataset}.yaml: no such card: whether images may be shown is unknown")
    return cards[dataset]


def part_of(folder: Path, protocol_ids: tuple[str, ...], results: Path, submitter: str = "anonymous") -> Part:
    """Return saved predictions, scored under one protocol.

    Raises:
        ReportError: If there are several protocols, or they cannot be scored.
    """
    from runners import jobs
    from runners import rescore as again
    from runners.pictures import Part, ReportError
    from runners.saved import open_saved

    saved = open_saved(folder)
    origin = saved.index.dataset.origin
    [job] = said([jobs.plan(origin.open(), origin, protocol_ids, results)])
    (protocol, *others), _ = job.sort_out(lambda protocol: again.rescore_refusals(saved.index, protocol))
    if others:
        raise ReportError(f"{folder}: a page shows one protocol; name it with --protocol")
    with progress_bar(f"{saved.index.model.id} on {job.dataset.id}", len(job.dataset)) as advance:
        (outcome,) = again.rescore(saved, job.dataset, [protocol], submitter=submitter, progress=advance)
    if outcome.run is None:
        raise ReportError(f"{folder}: {outcome.failure}")
    return Part(saved, job.dataset, protocol, outcome.run)
