"""The evaluator's benchmark: our values are the numpy loop's, and it would notice if they were not."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def evaluator(repo: Path) -> ModuleType:
    """benchmarks/evaluator.py as a module."""
    spec = importlib.util.spec_from_file_location("evaluator", repo / "benchmarks" / "evaluator.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluator"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


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


def test_help_needs_no_package(repo: Path) -> None:
    """The script starts from the repository's root."""
    script = [sys.executable, "benchmarks/evaluator.py", "--help"]
    shown = subprocess.run(script, cwd=repo, capture_output=True, text=True, check=True)
    assert "check that they agree" in " ".join(shown.stdout.split())
