"""Times an evaluation from files to record beside its network alone and beside the loop that most repositories have.

- ``network alone``: the network on input that lies prepared on its device.
- ``evaluate_all``: reading, preparing, predicting, scoring under the house protocol, journal; truth from a warm cache.
- ``pipeline loop``: ``transformers.pipeline("depth-estimation")`` on the same files, then numpy's metrics.

All have the same network with random weights in the same precision, in one process, and take turns. Weights do not
change the time. Depth Anything V2 Small gets what its published image processor makes, in all three; METER, which is
no network of transformers, is the extreme of a network so fast that everything else shows.

Run it from the repository's root: ``python benchmarks/runner.py``; with ``--device cuda`` on a GPU.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import torch
from evaluator import numpy_loop
from PIL import Image
from soak import DATASET, evaluate_journalled, repeated
from torch import Tensor
from transformers.utils import logging

from runners import datasets
from runners.datasets.base import Dataset
from runners.datasets.cache import TruthCache, using
from runners.datasets.procedural import INDEX
from runners.download import file_digest
from runners.models import describe, tiny
from runners.models.base import DTYPES, Cameras, Model, PreparedNetwork
from runners.models.base import Image as ModelImage
from runners.models.registry import ModelOptions, build
from runners.prediction import Prediction
from runners.transfer import Stopwatch

DEPTH_ANYTHING, METER = "depth-anything-v2-small", "meter-xxs-nyu"
ALONE, LOOP = "network alone", "pipeline loop"
GOALS = {"cpu": 0.90, "cuda": 0.95}
"""How fast an evaluation is to be, to the network alone."""


@dataclass(frozen=True)
class Setup:
    """What is timed, and how.

    Attributes:
        model: With random weights.
        dataset: The images, repeated.
        batch: Images per prediction.
        device: A torch device.
        folder: Room for the journals.
    """

    model: PreparedNetwork
    dataset: Dataset
    batch: int
    device: str
    folder: Path


@dataclass(frozen=True)
class Time:
    """What a contender took an image: seconds by the clock, and of this process's CPU."""

    wall: float
    cpu: float


# --- the networks -----------------------------------------------------------------------------------------


def random_model(model_id: str, folder: Path, device: str, dtype: str) -> PreparedNetwork:
    """Return the adapter of a model around its full-size network with random weights, loaded as real ones are."""
    entry, settings = describe(model_id), {}
    torch.manual_seed(0)
    module = import_module(entry.module)
    if model_id == METER:
        module.write_tiny(entry, folder)  # of full size: there is none smaller
        weights: Any = entry.weights
        digest = file_digest(folder / weights.family / weights.name)
        entry = replace(entry, weights=replace(weights, sha256=digest))
    else:
        logging.disable_progress_bar()
        tiny.write(model_id, folder)  # for its image processor
        network = module.architecture(entry)
        _open_end(network)
        network.save_pretrained(tiny.folder_of(model_id, folder))
        settings = {"input": "hub"}
    return cast(PreparedNetwork, build(entry, ModelOptions(device, dtype, folder, settings=settings)))


def _open_end(network: torch.nn.Module) -> None:
    """Raise the last bias: behind it is a ReLU, and a map of zeros cannot be fitted."""
    last = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    cast(Tensor, last.bias).data.fill_(1.0)


# --- the contenders ---------------------------------------------------------------------------------------


def alone(setup: Setup) -> Time:
    """Time the network on prepared input; nothing of its maps leaves the device."""
    images = [setup.dataset.read(name).image for name in setup.dataset.ids]
    cuts = [images[first : first + setup.batch] for first in range(0, len(images), setup.batch)]
    with torch.inference_mode():
        prepared = [setup.model.prepare(cut).to(setup.device) for cut in cuts]
        setup.model.forward(prepared[0])
        begin, watch = time.process_time(), Stopwatch(setup.device)
        for pixels in prepared:
            setup.model.forward(pixels)
        wall = watch.stop()()
    return Time(wall / len(images), (time.process_time() - begin) / len(images))


def whole(setup: Setup, *, workers: int, threads: int) -> Time:
    """Time an evaluation from its first prediction to its last scored batch: what is started only once is not in it."""
    marks: list[Time] = []

    def mark(*_: object) -> None:
        marks.append(Time(time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory(dir=setup.folder) as folder, _before_predicting(setup.model, mark):
        how = {"device": setup.device, "batch": setup.batch, "workers": workers, "threads": threads, "progress": mark}
        evaluate_journalled(setup.dataset, setup.model, Path(folder), **how)
    begin, end = marks[1], marks[-1]  # before the first, progress tells what was finished already: nothing
    return Time((end.wall - begin.wall) / len(setup.dataset), (end.cpu - begin.cpu) / len(setup.dataset))


@contextmanager
def _before_predicting(model: Model, mark: Callable[[], None]) -> Iterator[None]:
    """Call ``mark`` before each prediction."""
    predict = model.predict

    def marked(images: Sequence[ModelImage], intrinsics: Cameras | None = None) -> list[Prediction]:
        mark()
        return predict(images, intrinsics)

    model.predict = marked  # type: ignore[method-assign]
    try:
        yield
    finally:
        del model.predict


def loop(setup: Setup) -> Time:
    """Time transformers' pipeline on the files, one after another, with numpy's fit in disparity and ten metrics."""
    from transformers import DPTImageProcessorPil, pipeline

    model: Any = setup.model
    processor = DPTImageProcessorPil.from_pretrained(model.snapshot.folder, local_files_only=True)
    predict = pipeline("depth-estimation", model=model.net, image_processor=processor, device=setup.device)
    files = list(_files(setup.dataset))
    predict(str(files[0][0]))
    begin, wall = time.process_time(), time.perf_counter()
    for image, truth in files:
        _score(predict(str(image))["predicted_depth"].float().cpu().numpy(), _read_truth(truth))
    wall = time.perf_counter() - wall
    return Time(wall / len(files), (time.process_time() - begin) / len(files))


def _files(dataset: Dataset) -> Iterator[tuple[Path, Path]]:
    """Yield image and truth of each sample, as the bundled index names them."""
    entries = {entry["id"]: entry for entry in json.loads(INDEX.read_text("utf-8"))["samples"]}
    original = datasets.open(DATASET).ids
    for index in range(len(dataset)):
        entry = entries[original[index % len(original)]]
        yield INDEX.parent / entry["rgb"], INDEX.parent / entry["depth"]


def _read_truth(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(path)).astype(np.float32) / 1000


def _score(disparity: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> dict[str, float]:
    mask = (truth > 0.001) & (truth < 10)
    p, g = disparity[mask].astype(np.float64), 1 / truth[mask].astype(np.float64)
    scale, shift = np.linalg.lstsq(np.stack([p, np.ones_like(p)], axis=1), g, rcond=None)[0]
    depth = 1 / np.maximum(scale * disparity + shift, 1 / 10)
    return numpy_loop("none")(depth, truth, mask)


def contenders(setup: Setup, ways: Sequence[tuple[int, int]]) -> dict[str, Callable[[], Time]]:
    """Return what is timed, by name; ``ways`` are workers and threads of the evaluations."""
    found: dict[str, Callable[[], Time]] = {ALONE: lambda: alone(setup)}
    for workers, threads in ways:
        name = f"evaluate_all, {workers} workers, {threads} threads"
        found[name] = lambda w=workers, t=threads: whole(setup, workers=w, threads=t)  # type: ignore[misc]
    if setup.model.id != METER:
        found[LOOP] = lambda: loop(setup)
    return found


# --- the table --------------------------------------------------------------------------------------------


def report(rounds: Sequence[dict[str, Time]]) -> str:
    """Return a Markdown table: images a second, and ratios that are medians over rounds, each within one round."""
    lines = [
        "| | images/s, median | best | to the network alone | the same by CPU time | to the pipeline loop |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in rounds[0]:
        rates = [1 / times[name].wall for times in rounds]
        cells = [f"{statistics.median(rates):.2f}", f"{max(rates):.2f}", ratio(rounds, name, ALONE, "wall")]
        cells += [ratio(rounds, name, ALONE, "cpu"), ratio(rounds, name, LOOP, "wall")]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def ratio(rounds: Sequence[dict[str, Time]], name: str, other: str, clock: str) -> str:
    """Return how many times as fast a contender is as another, with the range over the rounds."""
    if other not in rounds[0]:
        return ""
    found = [getattr(times[other], clock) / max(getattr(times[name], clock), 1e-9) for times in rounds]
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@click.command()
@click.option("--model", type=click.Choice([DEPTH_ANYTHING, METER]), default=DEPTH_ANYTHING, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="A torch device.")
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True, help="Of the network.")
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Images per prediction.")
@click.option("--images", type=click.IntRange(3), default=24, show_default=True, help="How many images a round.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often each takes its turn.")
@click.option("--torch-threads", type=click.IntRange(0), default=1, show_default=True, help="Of torch; 0 for all.")
@click.option(
    "--way",
    "ways",
    type=(click.IntRange(0), click.IntRange(0)),
    multiple=True,
    default=[(0, 0), (0, 1), (1, 0), (1, 1)],
    show_default=True,
    help="Workers and threads of an evaluation. May be given several times.",
)
def main(
    model: str,
    device: str,
    dtype: str,
    batch: int,
    images: int,
    rounds: int,
    torch_threads: int,
    ways: Sequence[tuple[int, int]],
) -> None:
    """Time an evaluation beside its network alone and a loop over transformers' pipeline, and print the ratios."""
    found: list[dict[str, Time]] = []
    with tempfile.TemporaryDirectory() as name, _threads(torch_threads), using(TruthCache(Path(name) / "truth")):
        folder = Path(name)
        network = random_model(model, folder / "weights", device, dtype)
        setup = Setup(network, repeated(datasets.open(DATASET), images), batch, device, folder)
        for number in range(rounds):
            loads = [os.getloadavg()[0]]
            found.append({})
            for contender, run in contenders(setup, ways).items():
                found[-1][contender] = run()
                loads.append(os.getloadavg()[0])
            click.echo(f"round {number + 1}: load {min(loads):.1f} to {max(loads):.1f}", err=True)
        told = f"{model}, {dtype} on {device}, {torch.get_num_threads()} threads of torch, batches of {batch}"
    click.echo(f"{told}, {images} images, {rounds} rounds; goal {GOALS.get(device.split(':')[0], 0.9):.2f}\n")
    click.echo(report(found))


if __name__ == "__main__":
    main()
