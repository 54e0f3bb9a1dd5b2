"""The benchmarks: what they compare does the same, every contender is timed, and a leak would show."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from runners import datasets
from runners.models import tiny
from runners.models.registry import load
from runners.score import score


@pytest.fixture(scope="module")
def scripts(repo: Path) -> Iterator[None]:
    """benchmarks/ as a place to import from, here and in worker processes; its scripts import one another."""
    sys.path.insert(0, str(repo / "benchmarks"))
    yield
    sys.path.remove(str(repo / "benchmarks"))


@pytest.fixture(scope="module")
def evaluator(scripts: None) -> ModuleType:
    """benchmarks/evaluator.py as a module."""
    return importlib.import_module("evaluator")


@pytest.fixture(scope="module")
def runner(scripts: None) -> ModuleType:
    """benchmarks/runner.py as a module."""
    return importlib.import_module("runner")


@pytest.fixture(scope="module")
def soak(scripts: None) -> ModuleType:
    """benchmarks/soak.py as a module."""
    return importlib.import_module("soak")


@pytest.mark.parametrize("fit", ["none", "affine"])
def test_values_agree_with_the_numpy_loop(evaluator: ModuleType, fit: str) -> None:
    """Ten metrics of ours are those of the plain loop; a value changed by a thousandth is named in a sentence."""
    results = {name: evaluator.measure(name, fit, 1) for name in ("fathom, all metrics", evaluator.REFERENCE)}
    assert list(evaluator.disagreements(results)) == []
    assert len(results["fathom, all metrics"]["milliseconds"]) == 1
    results["fathom, all metrics"]["values"]["silog"][0] *= 1.001
    (sentence,) = evaluator.disagreements(results)
    assert sentence.startswith("fathom, all metrics: silog lies 1.00e-03 from the numpy loop's")


def test_table_names_the_ratio_to_ours(evaluator: ModuleType) -> None:
    """The row of a contender shows its time and its ratio to our ten metrics."""
    results = {"fathom, 10 metrics": {"computed": 10, "best": 4.0}, "euler-eval": {"computed": 10, "best": 10.0}}
    assert "| euler-eval | 10 | 10.0 | 2.50 |" in evaluator.report("none", results)


def test_every_step_is_timed(evaluator: ModuleType) -> None:
    """The parts of an evaluator each get a time."""
    assert all(value >= 0 for value in evaluator.floor(1).values())
    assert set(evaluator.floor(1)) == {*evaluator.STEPS, *evaluator.our_steps()}


def test_large_images_are_timed_and_weighed(evaluator: ModuleType) -> None:
    """A megapixel has a time and a peak of memory for each contender, the scoring under a house protocol among them."""
    for name in evaluator.LARGE_CONTENDERS:
        result = evaluator.measure_large(name, (96, 100), repeats=1)
        assert result["ms"] > 0
        assert result["mb"] >= 0


@pytest.mark.parametrize("script", ["evaluator", "runner", "soak"])
def test_help_needs_no_package(repo: Path, script: str) -> None:
    """The script starts from the repository's root."""
    words = [sys.executable, f"benchmarks/{script}.py", "--help"]
    here = {**os.environ, "PYTHONPATH": str(repo)}
    shown = subprocess.run(words, cwd=repo, env=here, capture_output=True, text=True, check=True)
    assert "Usage:" in shown.stdout


def test_evaluation_is_timed_beside_its_network(runner: ModuleType, soak: ModuleType, tmp_path: Path) -> None:
    """METER with random weights: every contender takes time, and the network's input is that of the evaluation."""
    model = runner.random_model(runner.METER, tmp_path / "weights", "cpu", "float32")
    dataset = soak.repeated(datasets.open(soak.DATASET), 5)
    contenders = runner.contenders(runner.Setup(model, dataset, 2, "cpu", tmp_path), [(0, 0), (0, 1)])
    assert list(contenders) == [
        runner.ALONE,
        "evaluate_all, 0 workers, 0 threads",
        "evaluate_all, 0 workers, 1 threads",
    ]
    for run in contenders.values():
        assert run().wall > 0
    assert not list(tmp_path.glob("tmp*"))  # journals


def test_pipeline_loop_scores_as_we_do(runner: ModuleType, soak: ModuleType, tmp_path: Path) -> None:
    """The loop reads the files of the same samples, runs the network on them, and numpy's metrics are ours."""
    tiny.write(runner.DEPTH_ANYTHING, tmp_path)
    model = load(runner.DEPTH_ANYTHING, weights_dir=tmp_path, settings={"input": "hub"})
    original = datasets.open(soak.DATASET)
    setup = runner.Setup(model, soak.repeated(original, 3), 1, "cpu", tmp_path)
    assert runner.loop(setup).wall > 0
    for (image, truth), name in zip(runner._files(setup.dataset), original.ids, strict=False):
        sample = original.read(name)
        assert np.array_equal(np.asarray(runner.Image.open(image)), sample.image)
        assert np.allclose(runner._read_truth(truth), sample.truth, atol=1e-6)
    disparity = np.random.default_rng(0).uniform(0.1, 2, sample.truth.shape).astype(np.float32)
    given = [torch.from_numpy(one)[None] for one in (disparity, sample.truth, sample.mask)]
    ours = score(given[0], "affine-invariant-disparity", *given[1:], soak.house_protocol()).metrics
    theirs = runner._score(disparity, sample.truth)
    for metric in ("abs_rel", "rmse", "log10", "silog", "delta1"):
        assert theirs[metric] == pytest.approx(float(ours[metric]), rel=1e-4)


def test_ratios_are_made_within_a_round(runner: ModuleType) -> None:
    """A machine that is twice as slow in one round has the same ratio in both."""
    slow, fast = ({runner.ALONE: runner.Time(w, w), "x": runner.Time(1.25 * w, 2 * w)} for w in (0.2, 0.1))
    (*_, line) = runner.report([slow, fast]).splitlines()
    assert line == "| x | 6.00 | 8.00 | 0.80 (0.80 to 0.80) | 0.50 (0.50 to 0.50) |  |"


IMAGES, WARM, MAP_MIB = 300, 100, 240 * 320 * 4 / (1 << 20)
BOUND_MIB = (IMAGES - WARM) * MAP_MIB / 3
"""What memory may grow by after the warm-up: a third of a map an image."""


@pytest.fixture(scope="module")
def weights(repo: Path) -> dict[str, list[dict[str, float]]]:
    """What a run held after every so many images: one that keeps nothing, and one that keeps its maps."""
    words = [sys.executable, "-m", "tests.runners.weighing", str(IMAGES), str(WARM)]
    here = {**os.environ, "PYTHONPATH": str(repo / "benchmarks")}
    done = subprocess.run(words, cwd=repo, env=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, float]]] = json.loads(done.stdout)
    return found


def grown(run: list[dict[str, float]]) -> float:
    """Return by how many MiB a run grew after its warm-up, with the processes that it started."""
    first, *_, last = [one["own"] + one["children"] for one in run]
    return last - first


def test_memory_stays_flat(weights: dict[str, list[dict[str, float]]]) -> None:
    """Three hundred images with a worker, threads and a journal: no process keeps even a third of a map an image."""
    flat = weights["flat"]
    assert flat[-1]["images"] == IMAGES
    assert flat[-1]["children"] > 0
    assert grown(flat) < BOUND_MIB


def test_a_leak_of_one_map_an_image_shows(weights: dict[str, list[dict[str, float]]]) -> None:
    """A model that keeps its maps is over the bound: the test above can fail."""
    assert grown(weights["leaking"]) > BOUND_MIB
