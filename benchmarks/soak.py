"""Evaluates the procedural images over and over in one run and prints the memory of all its processes on the way.

With worker processes, scoring threads and a journal, as a long run has them. Memory must not grow with the number of
images, but for their rows in the record (some hundred bytes an image).

Run it from the repository's root: ``python benchmarks/soak.py``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil
import torch

from runners import datasets
from runners.datasets.base import Dataset, Item, Sample
from runners.datasets.cache import TruthCache, using
from runners.evaluate import evaluate_all
from runners.journal import open_journal
from runners.measure import now
from runners.models.base import Cameras, Image, Model
from runners.prediction import Prediction
from sitegen.records import Protocol
from sitegen.store import load_protocols

REPO = Path(__file__).resolve().parent.parent
DATASET = "procedural-indoor"
MIB = 1 << 20


def house_protocol() -> Protocol:
    """Return the protocol that the data set's board has."""
    return load_protocols(REPO / "results")[0][DATASET, "house"]


def repeated(dataset: Dataset, count: int) -> Dataset:
    """Return a data set that lists the samples of another again and again, each time under new ids."""
    names = [(f"{index:06d}", dataset.ids[index % len(dataset)]) for index in range(count)]
    items = [Item(new, old, partial(_renamed, dataset.reader(old), new)) for new, old in names]
    return Dataset(dataset.id, "repeated", items)


def _renamed(read: Callable[[], Sample], name: str) -> Sample:
    return replace(read(), id=name)


class Constant(Model):
    """Predicts 2 m everywhere, at the image's size: nothing is cheaper, and every map is a new one."""

    id, kind = "constant", "metric-depth"

    def __init__(self) -> None:
        self.settings = {}

    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return maps of 2 m."""
        return [Prediction(self.kind, torch.full(image.shape[:2], 2.0)) for image in images]


@dataclass(frozen=True)
class Weight:
    """The resident memory of a run at one moment, in MiB: this process, and those that it started."""

    images: int
    seconds: float
    own: float
    children: float

    @property
    def total(self) -> float:
        """Return the sum of both; what processes share is counted in each."""
        return self.own + self.children


def weighed(images: int, seconds: float) -> Weight:
    """Return what the processes of this run hold now."""
    process = psutil.Process()
    children = sum(_resident(child) for child in process.children(recursive=True))
    return Weight(images, seconds, _resident(process), children)


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / MIB
    except psutil.NoSuchProcess:
        return 0.0


def soak(
    model: Model,
    images: int,
    every: int,
    *,
    workers: int = 1,
    threads: int = 1,
    batch: int = 4,
    tell: Callable[[Weight], None] = lambda _: None,
) -> list[Weight]:
    """Evaluate so many images in one run; return, and tell, what the processes hold after each ``every`` of them.

    Raises:
        click.ClickException: If the run gives no record of all images.
    """
    weights: list[Weight] = []
    done, begin = 0, time.perf_counter()

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if done // every > before // every:
            weights.append(weighed(done, time.perf_counter() - begin))
            tell(weights[-1])

    dataset = repeated(datasets.open(DATASET), images)
    with tempfile.TemporaryDirectory() as folder, using(TruthCache(Path(folder) / "truth")):
        how = {"batch": batch, "workers": workers, "threads": threads, "progress": advance}
        evaluate_journalled(dataset, model, Path(folder), **how)
    return weights


def evaluate_journalled(dataset: Dataset, model: Model, folder: Path, **how: Any) -> None:
    """Evaluate under the house protocol with a journal in a folder; ``how`` is for :func:`evaluate_all`.

    Raises:
        click.ClickException: If the run gives no record of all images.
    """
    journal = open_journal(folder, {"benchmark": True}, now())
    (outcome,) = evaluate_all(dataset, model, [house_protocol()], command="benchmark", journal=journal, **how)
    journal.close()
    if outcome.run is None or outcome.run.dataset.evaluated != len(dataset):
        raise click.ClickException(f"there is no record of {len(dataset)} images: {outcome.failure}")


@click.command()
@click.option("--images", type=click.IntRange(1), default=10_000, show_default=True, help="How many images.")
@click.option("--every", type=click.IntRange(1), default=1000, show_default=True, help="Weigh after each so many.")
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that read ahead.")
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="Threads ahead and behind.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Images per prediction.")
def main(images: int, every: int, workers: int, threads: int, batch: int) -> None:
    """Evaluate a constant map on the procedural images, repeated, and print the memory as a Markdown table."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    click.echo(f"{workers} workers, {threads} threads, batches of {batch}; load {load}\n")
    click.echo("| images | s | this process, MiB | its children, MiB |\n| --- | --- | --- | --- |")

    def tell(weight: Weight) -> None:
        click.echo(f"| {weight.images} | {weight.seconds:.0f} | {weight.own:.1f} | {weight.children:.1f} |")
        sys.stdout.flush()

    soak(Constant(), images, every, workers=workers, threads=threads, batch=batch, tell=tell)


if __name__ == "__main__":
    main()
