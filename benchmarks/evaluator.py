"""Times our evaluator beside two PyPI packages and a plain numpy loop on the same image pairs, and compares values.

Each contender runs in a process of its own with one thread, one after another, over the same generated 480x640 pairs,
one pair a call as an evaluation loop would. A package that is not installed is named and left out. Metrics that two
contenders share must agree, or the benchmark fails.

Run it from the repository's root: ``python benchmarks/evaluator.py``. How to install the packages: README.md beside it.
With ``--large`` it also scores one image of DIODE's and one of ETH3D's size, and shows milliseconds a megapixel and the
peak of resident memory.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Fit = Literal["none", "affine", "disparity", "median"]
Map = NDArray[Any]
Score = Callable[[Map, Map, Map], dict[str, float]]

SEVEN = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3")
TEN = (*SEVEN, "mae", "log10", "silog")
SINGLE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
GOAL_MS = 5.0
"""What a fit and the ten metrics may take on one thread."""
MODES = {"affine": "scale-shift", "disparity": "scale-shift-disparity", "median": "median"}
LARGE = {"480x640": (480, 640), "768x1024": (768, 1024), "4032x6048": (4032, 6048)}
OURS = "fathom, 10 metrics"
SCORED = "fathom, score under the house protocol"
REFERENCE = "numpy loop"
FLOOR = "floor"
PACKAGES = ("depth_estimation", "euler_eval")
TOLERANCE = {"delta": 1e-5, "error": 2e-4}
"""How far values may lie apart: absolute for shares of pixels, relative for errors (one package works in float32)."""


@dataclass(frozen=True)
class Contender:
    """Something that scores one pair: its maker (imports inside), the module it needs, and what it computes."""

    make: Callable[[Fit], Score]
    module: str
    metrics: tuple[str, ...]


def pairs(count: int) -> Iterator[tuple[Map, Map, Map]]:
    """Yield prediction, truth (float32, metres) and mask: blocks, 5 percent noise, a fifth of the truth missing."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        blocks = np.kron(rng.uniform(1, 9, (12, 16)), np.ones((40, 40)))
        truth = (blocks * (1 + 0.02 * rng.standard_normal(blocks.shape))).astype(np.float32)
        noise = np.exp(0.05 * rng.standard_normal(blocks.shape)).astype(np.float32)
        mask = np.kron(rng.random((48, 64)) > 0.2, np.ones((10, 10), dtype=bool))
        yield np.clip(0.9 * truth * noise + 0.2, 0.1, 20), np.where(mask, truth, 0), mask


def ours(wanted: tuple[str, ...] | None) -> Callable[[Fit], Score]:
    """Return the maker of our evaluator for some metrics, all of them when None."""

    def make(fit: Fit) -> Score:
        from runners.align import align
        from runners.metrics import depth_metrics

        def score(prediction: Map, truth: Map, mask: Map) -> dict[str, float]:
            p, g, m = (torch.from_numpy(x)[None] for x in (prediction, truth, mask))
            depth = align(p, g, m, MODES[fit]).depth if fit in MODES else p
            return {name: value.item() for name, value in depth_metrics(depth, g, m, wanted).items()}

        return score

    return make


def depth_estimation(fit: Fit) -> Score:
    """Return the evaluator of the package depth-estimation: DepthMetrics after its own least squares."""
    from depth_estimation.evaluation.metrics import DepthMetrics, align_least_squares

    metrics = DepthMetrics()

    def score(prediction: Map, truth: Map, mask: Map) -> dict[str, float]:
        if fit == "affine":
            scale, shift = align_least_squares(prediction, truth, mask)
            prediction = scale * prediction + shift
        values: dict[str, float] = metrics(*(torch.from_numpy(x) for x in (prediction, truth, mask)))
        return values

    return score


def euler_eval(fit: Fit) -> Score:
    """Return the evaluator of the package euler-eval: evaluate_dense_depth_sample."""
    from euler_eval import evaluate_dense_depth_sample

    names = {"absrel": "abs_rel", "sqrel": "sq_rel"}

    def score(prediction: Map, truth: Map, mask: Map) -> dict[str, float]:
        result = evaluate_dense_depth_sample(prediction, truth, mask, alignment=fit)
        values = {names.get(name, name): value for name, value in result.metrics.items()}
        return values | {"silog": 100 * values["silog"]}  # it prints the root without the customary factor

    return score


def numpy_loop(fit: Fit) -> Score:
    """Return what most repositories do: masked copies in float64, numpy's lstsq, one expression a metric."""

    def score(prediction: Map, truth: Map, mask: Map) -> dict[str, float]:
        p, g = prediction[mask].astype(np.float64), truth[mask].astype(np.float64)
        if fit == "affine":
            scale, shift = np.linalg.lstsq(np.stack([p, np.ones_like(p)], axis=1), g, rcond=None)[0]
            p = scale * p + shift
        ratio = np.maximum(p / g, g / p)
        log_error = np.log(p) - np.log(g)
        return {
            "abs_rel": np.mean(np.abs(p - g) / g),
            "sq_rel": np.mean((p - g) ** 2 / g),
            "rmse": np.sqrt(np.mean((p - g) ** 2)),
            "rmse_log": np.sqrt(np.mean(log_error**2)),
            **{f"delta{k}": np.mean(ratio < 1.25**k) for k in (1, 2, 3)},
            "mae": np.mean(np.abs(p - g)),
            "log10": np.mean(np.abs(np.log10(p) - np.log10(g))),
            "silog": 100 * np.sqrt(np.mean(log_error**2) - np.mean(log_error) ** 2),
        }

    return score


CONTENDERS = {
    "fathom, 7 metrics": Contender(ours(SEVEN), "runners", SEVEN),
    OURS: Contender(ours(TEN), "runners", TEN),
    "fathom, all metrics": Contender(ours(None), "runners", TEN),
    "depth-estimation": Contender(depth_estimation, "depth_estimation", SEVEN),
    "euler-eval": Contender(euler_eval, "euler_eval", TEN),
    REFERENCE: Contender(numpy_loop, "numpy", TEN),
}


def measure(name: str, fit: Fit, count: int) -> dict[str, Any]:
    """Score all pairs once after a warm-up; return CPU milliseconds of each and the values of each metric."""
    score = CONTENDERS[name].make(fit)
    score(*next(pairs(1)))
    times, values = [], []
    for pair in pairs(count):
        start = time.process_time()
        values.append(score(*pair))
        times.append(1000 * (time.process_time() - start))
    metrics = CONTENDERS[name].metrics
    return {
        "milliseconds": times,
        "computed": len(values[0]),
        "values": {metric: [float(value[metric]) for value in values] for metric in metrics},
    }


@dataclass(frozen=True)
class Valid:
    """One pair as tensors: the maps, and their valid pixels in single and double precision."""

    maps: tuple[Tensor, Tensor]
    mask: Tensor
    single: tuple[Tensor, Tensor]
    double: tuple[Tensor, Tensor]


STEPS: dict[str, Callable[[Valid], Any]] = {
    "read both maps and the mask once (2.8 MB)": lambda x: [values.sum() for values in (*x.maps, x.mask)],
    "gather the valid pixels of both, torch `p[mask]`": lambda x: [values[x.mask] for values in x.maps],
    "the same, numpy `p[mask]`": lambda x: [values.numpy()[x.mask.numpy()] for values in x.maps],
    "turn them into float64": lambda x: [values.double() for values in x.single],
    "one division, float64": lambda x: x.double[0] / x.double[1],
    "one sum of products, float64": lambda x: x.double[0].dot(x.double[1]),
    "logarithm of both, float64": lambda x: [values.log() for values in x.double],
    "logarithm of both, float32": lambda x: [values.log() for values in x.single],
}
"""What an evaluator is made of. No evaluator can do without reading and a logarithm a pixel."""


def our_steps() -> dict[str, Callable[[Valid], Any]]:
    """Return what ours is made of; the sums of one group alone include gathering the valid pixels."""
    from runners.align import align
    from runners.sums import GROUPS, error_sums, moments

    def batch(pair: Valid) -> tuple[Tensor, Tensor, Tensor]:
        return pair.maps[0][None], pair.maps[1][None], pair.mask[None]

    ten = GROUPS[:3]
    return {
        "ours: align with scale and shift": lambda x: align(*batch(x), "scale-shift"),
        "of it the moments": lambda x: moments(*batch(x)),
        "the moments by torch's operators": lambda x: moments(*batch(x), fused=False),
        f"ours: sums of {', '.join(ten)}": lambda x: error_sums(*batch(x), ten),
        "the same by torch's operators": lambda x: error_sums(*batch(x), ten, fused=False),
        **{f"ours: sums of {group} alone": lambda x, group=group: error_sums(*batch(x), [group]) for group in GROUPS},
    }


def floor(count: int) -> dict[str, float]:
    """Return CPU milliseconds of each step, the median over the pairs."""
    steps = STEPS | our_steps()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for prediction, truth, mask in pairs(count):
        p, g, m = (torch.from_numpy(x) for x in (prediction, truth, mask))
        valid = Valid((p, g), m, (p[m], g[m]), (p[m].double(), g[m].double()))
        for name, step in steps.items():
            start = time.process_time()
            step(valid)
            times[name].append(1000 * (time.process_time() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def house(_: Fit) -> Score:
    """Return our scoring of a relative depth under ETH3D's house protocol: range, resize, fit, clamp and metrics."""
    from runners.protocols import read_protocols
    from runners.score import score as score_batch

    protocol = read_protocols(Path(__file__).parents[1] / "results")["eth3d", "house"]

    def score(prediction: Map, truth: Map, mask: Map) -> dict[str, float]:
        p, g, m = (torch.from_numpy(x)[None] for x in (prediction, truth, mask))
        scores = score_batch(p, "affine-invariant-depth", g, m, protocol)
        return {name: value.item() for name, value in scores.metrics.items()}

    return score


LARGE_CONTENDERS = {OURS: ours(TEN), SCORED: house, REFERENCE: numpy_loop}


def peak_mb() -> float:
    """Return the largest resident memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_large(name: str, size: tuple[int, int], repeats: int = 3) -> dict[str, float]:
    """Fit and score one image of a size; return CPU milliseconds a megapixel, and the peak of memory in MB.

    The image repeats a pair of 480x640. The peak is what the process took above its state after all imports; the two
    maps and the mask, 9 bytes a pixel, are a part of it. The first of the repeats is a warm-up.
    """
    score = LARGE_CONTENDERS[name]("affine")
    imported = peak_mb()
    small = next(pairs(1))
    places = np.ix_(*(np.arange(extent) % there for extent, there in zip(size, small[0].shape, strict=True)))
    pair = [values[places] for values in small]
    times = []
    for _ in range(1 + repeats):
        start = time.process_time()
        score(*pair)
        times.append(1000 * (time.process_time() - start))
    return {"ms": min(times[1:]) / (math.prod(size) / 1e6), "mb": peak_mb() - imported}


def report_large() -> str:
    """Return the Markdown table of the large images."""
    lines = ["| fit and 10 metrics | size | ms a megapixel | MB above import |", "| --- | --- | --- | --- |"]
    for name in LARGE_CONTENDERS:
        for size in LARGE:
            result = in_process(name, "affine", 1, "--size", size)
            lines.append(f"| {name} | {size} | {result['ms']:.1f} | {result['mb']:.0f} |")
    return "\n".join(lines)


def report_fits(count: int, rounds: int) -> str:
    """Return the Markdown table of our ten metrics after each fit."""
    lines = ["| fathom, 10 metrics | ms a pair |", "| --- | --- |"]
    for fit in ("none", *MODES):
        results = [in_process(OURS, fit, count)["milliseconds"] for _ in range(rounds)]
        lines.append(f"| {fit} | {min(math.fsum(times) / count for times in results):.2f} |")
        if fit == "affine":
            met = "reached" if min(map(math.fsum, results)) / count <= GOAL_MS else "not reached"
            lines[0] = f"| fathom, 10 metrics (goal after affine: {GOAL_MS:.0f} ms, {met}) | ms a pair |"
    return "\n".join(lines)


def in_process(name: str, fit: str, count: int, *options: str) -> dict[str, Any]:
    """Measure in a process of its own with one thread.

    Raises:
        click.ClickException: If the process fails; its last lines are shown.
    """
    command = [sys.executable, __file__, "--only", name, "--fit", fit, "--pairs", str(count), *options]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **SINGLE_THREAD}, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"{name} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def disagreements(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each metric of a contender that is not the numpy loop's on some pair."""
    for name, result in results.items():
        for metric, values in result["values"].items():
            expected = np.array(results[REFERENCE]["values"][metric])
            share = metric.startswith("delta")
            apart = np.abs(np.array(values) - expected) / (1 if share else np.abs(expected))
            if not apart.max() <= TOLERANCE["delta" if share else "error"]:
                yield f"{name}: {metric} lies {apart.max():.2e} from the {REFERENCE}'s"


def report(fit: Fit, results: dict[str, dict[str, Any]]) -> str:
    """Return the Markdown table of one fit."""
    best = results[OURS]["best"]
    lines = [f"| {'no fit' if fit == 'none' else 'scale and shift in depth'} | metrics | ms a pair | to ours |"]
    lines += ["| --- | --- | --- | --- |"]
    for name, result in results.items():
        lines.append(f"| {name} | {result['computed']} | {result['best']:.1f} | {result['best'] / best:.2f} |")
    return "\n".join(lines)


def run(fit: Fit, count: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Return the results of all installed contenders; ``best`` is the least mean milliseconds of the rounds."""
    results: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):  # contenders take turns, so that a busy minute of the machine meets them all
        for name, contender in CONTENDERS.items():
            if contender.module not in missing():
                result = in_process(name, fit, count)
                mean = math.fsum(result["milliseconds"]) / count
                results[name] = result | {"best": min(mean, results.get(name, {}).get("best", math.inf))}
    return results


def alone(name: str, fit: Fit, count: int, size: str | None) -> dict[str, Any]:
    """Return what a process that was started for one measurement has measured."""
    if size:
        return measure_large(name, LARGE[size])
    return floor(count) if name == FLOOR else measure(name, fit, count)


def missing() -> list[str]:
    """Return the modules of other packages that are not installed."""
    return [module for module in PACKAGES if importlib.util.find_spec(module) is None]


@click.command()
@click.option("--pairs", "count", default=100, show_default=True, help="How many image pairs.")
@click.option("--rounds", default=3, show_default=True, help="How often each contender runs; the best round counts.")
@click.option("--large", is_flag=True, help="Also one image of 768x1024 and of 4032x6048: time and memory.")
@click.option("--only", type=click.Choice([*CONTENDERS, SCORED, FLOOR]), hidden=True)
@click.option("--fit", type=click.Choice(get_args(Fit)), default="none", hidden=True)
@click.option("--size", type=click.Choice(list(LARGE)), hidden=True)
def main(count: int, rounds: int, large: bool, only: str | None, fit: Fit, size: str | None) -> None:
    """Time all evaluators on the same pairs, without a fit and with a scale and shift, and check that they agree."""
    if only:
        click.echo(json.dumps(alone(only, fit, count, size)))
        return
    for module in missing():
        click.echo(f"The package {module.replace('_', '-')} is not installed, so its row is left out.", err=True)
    fits: tuple[Fit, ...] = ("none", "affine")
    wrong = []
    for each in fits:
        results = run(each, count, rounds)
        click.echo(report(each, results) + "\n")
        wrong += [f"{each}: {sentence}" for sentence in disagreements(results)]
    click.echo(report_fits(count, rounds) + "\n")
    if large:
        click.echo(report_large() + "\n")
    steps = in_process(FLOOR, "none", count)
    click.echo("\n".join(["| step | ms |", "| --- | --- |", *(f"| {k} | {v:.2f} |" for k, v in steps.items())]) + "\n")
    if wrong:
        raise click.ClickException("metrics of the same name do not agree:\n" + "\n".join(wrong))
    click.echo(f"All metrics agree with the {REFERENCE} on all {count} pairs.")


if __name__ == "__main__":
    main()
