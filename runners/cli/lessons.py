"""``runners lessons``: the numbers behind the figures of the theory pages that a reader can operate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runners.cli.common import (
    folder_type,
    progress_bar,
    results_option,
    sentences,
    submitter_option,
    weights_option,
)
from runners.cli.pictures import card_of, part_of

if TYPE_CHECKING:
    from sitegen.records import Lesson

__all__ = ["lessons"]

out_option = click.option("--out", type=folder_type, help="Folder of the lessons.  [default: results/lessons]")
protocol_option = click.option(
    "--protocol", "protocol_id", default="house", show_default=True, metavar="ID", help="How to score."
)


@click.group()
def lessons() -> None:
    """Write the numbers behind the figures of the theory pages, one record a command, from real predictions."""


@lessons.command()
@click.argument("folder", type=folder_type, metavar="DIR")
@click.option("--image", required=True, metavar="ID", help="Whose pixels.")
@click.option("--count", type=click.IntRange(20), default=440, show_default=True, help="Points of the grid, about.")
@protocol_option
@submitter_option
@results_option
@out_option
def pixels(
    folder: Path, image: str, count: int, protocol_id: str, submitter: str, results: Path, out: Path | None
) -> None:
    """Truth and prediction at pixels of one image, from predictions of metric depth that were saved in DIR."""
    with sentences():
        from runners.lessons import pixels as lesson_of

        part = part_of(folder, (protocol_id,), results, submitter)
        _write(lesson_of(part, card_of(part.dataset.id, results), image, count), out or results / "lessons")


@lessons.command()
@click.argument("folder", type=folder_type, metavar="DIR")
@click.option("--cap", "caps", type=click.FloatRange(0, min_open=True), multiple=True, required=True, metavar="METRES",
    help="Largest true depth that counts; given several times, in equal steps.",
)  # fmt: skip
@protocol_option
@submitter_option
@results_option
@out_option
def crops(
    folder: Path, caps: tuple[float, ...], protocol_id: str, submitter: str, results: Path, out: Path | None
) -> None:
    """AbsRel over every window that the data set's protocols name, from predictions that were saved in DIR."""
    with sentences():
        from runners.lessons import crops as lesson_of
        from runners.protocols import read_protocols

        part = part_of(folder, (protocol_id,), results, submitter)
        known = [found for (dataset, _), found in read_protocols(results).items() if dataset == part.dataset.id]
        _write(lesson_of(part, known, sorted(caps)), out or results / "lessons")


@lessons.command()
@click.option("--model", "model_id", required=True, metavar="ID", help="Whose predictions are the members.")
@click.option("--dataset", "dataset_id", required=True, metavar="ID")
@click.option("--image", required=True, metavar="ID", help="Of which image.")
@click.option("--members", type=click.IntRange(2, 100), default=20, show_default=True, help="Most that are merged.")
@click.option("--draws", type=click.IntRange(2, 100), default=8, show_default=True, help="Each with its own members.")
@click.option("--noise", type=click.FloatRange(0, 255, min_open=True), default=8, show_default=True,
    help="On the image, which makes members differ: standard deviation in grey levels.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the noise.")
@click.option("--root", type=folder_type, help="Folder of the data set's files, where it does not come with Fathom.")
@protocol_option
@submitter_option
@weights_option
@results_option
@out_option
def ensemble(
    model_id: str,
    dataset_id: str,
    image: str,
    root: Path | None,
    protocol_id: str,
    submitter: str,
    weights_dir: Path | None,
    results: Path,
    out: Path | None,
    **how: Any,
) -> None:
    """What Marigold's merging, as diffusers has it, makes of a model's predictions of one image with noise on it."""
    with sentences():
        from runners import lessons as made
        from runners.cli.common import checked_origin
        from runners.models.registry import load
        from runners.protocols import choose, read_protocols

        what = made.Ensembles(**how)
        dataset = checked_origin(dataset=dataset_id, root=root).open()
        (protocol,) = choose(read_protocols(results), dataset_id, (protocol_id,))
        sample = made.find_sample(dataset, image)
        model = load(model_id, weights_dir=weights_dir)
        with progress_bar("ensembles", what.draws, "draws") as advance:
            lesson = made.ensemble(model, sample, dataset_id, protocol, what, submitter=submitter, progress=advance)
        _write(lesson, out or results / "lessons")


def _write(lesson: Lesson, out: Path) -> None:
    from runners.lessons import write_lesson

    path = write_lesson(lesson, out)
    click.echo(f"{path}: {path.stat().st_size:,} bytes; sha256 {lesson.sha256}")
