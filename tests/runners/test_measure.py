"""Metrics that an image may have no value of, and the counts that others are weighed by."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runners import stages
from runners.datasets import Annotations, Dataset, PointPairs, Sample, open_manifest
from runners.datasets.base import Item
from runners.datasets.origin import Origin
from runners.environment import describe
from runners.evaluate import EvaluationError, evaluate, groups_of, run_model
from runners.inputs import input_of
from runners.journal import Done
from runners.measure import Maker, Task, measure
from runners.models.base import Image
from runners.prediction import Prediction
from runners.saved import open_saved
from runners.saving import Destination
from runners.score import Scores
from runners.stages import Batch, Group, Order
from sitegen.metrics import MAY_BE_MISSING
from tests.runners import factories as make
from tests.runners.factories import Constant, LeftBright


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    """Four slanted planes."""
    return open_manifest(make.write_toy(tmp_path / "toy"), "toy")


def scores(metrics: dict[str, float], not_finite: int = 0, **counts: int) -> Scores:
    """The scores of one image."""
    return Scores(
        metrics={name: torch.tensor([value], dtype=torch.float64) for name, value in metrics.items()},
        valid_pixels=torch.tensor([100]),
        scale=torch.ones(1),
        shift=torch.zeros(1),
        degenerate=torch.tensor([False]),
        clamped_share=torch.zeros(1),
        not_finite=torch.tensor([not_finite]),
        scored_as="metric-depth",
        counts={unit: torch.tensor([count]) for unit, count in counts.items()},
    )


def in_turn(monkeypatch: pytest.MonkeyPatch, given: list[Scores]) -> None:
    """Let the engine give these scores, an image each."""
    waiting = iter(given)

    def score(*_: Any, **__: Any) -> Scores:
        return next(waiting)

    monkeypatch.setattr(stages, "score", score)


def test_what_may_be_missing() -> None:
    """Boundaries, pairs and planes; never a metric that every image with a valid pixel has."""
    for name in ("edge_acc", "dbe_com", "si_boundary_f1", "boundary_f1_r2", "whdr", "pair_acc", "pe_fla"):
        assert name in MAY_BE_MISSING
    assert not MAY_BE_MISSING & {"abs_rel", "rmse", "delta1", "silog"}


def test_image_without_an_edge_has_no_value_of_it(toy: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """None in the column, the mean over the others, and a record all the same."""
    given = [scores({"abs_rel": 0.1, "edge_acc": value}) for value in (1.0, float("nan"), 3.0, float("nan"))]
    in_turn(monkeypatch, given)
    run = evaluate(toy, Constant(), make.protocol(metrics=["abs_rel", "edge_acc"]), command="x")
    assert run.samples.metrics["edge_acc"] == [1.0, None, 3.0, None]
    assert run.summary["edge_acc"] == 2.0


@pytest.mark.parametrize(
    "wrong",
    [
        scores({"edge_acc": float("nan"), "abs_rel": 0.1}, not_finite=3),
        scores({"edge_acc": float("inf"), "abs_rel": 0.1}),
        scores({"edge_acc": 1.0, "abs_rel": float("nan")}),
    ],
)
def test_only_honest_absence_is_let_pass(toy: Dataset, monkeypatch: pytest.MonkeyPatch, wrong: Scores) -> None:
    """NaN from predictions that are no numbers, infinity, or any other metric without a value still give no record."""
    in_turn(monkeypatch, [wrong])
    with pytest.raises(EvaluationError, match=r"came out as no number \([03] of the 100 valid pixels"):
        evaluate(toy, Constant(), make.protocol(metrics=["abs_rel", "edge_acc"]), command="x")


def test_point_pairs_are_scored_and_counted() -> None:
    """Truth that is an order only: the pairs are counted, an image without enough of them is skipped by that word."""
    order = {"alignment": {"ordinal": make.NO_ALIGNMENT}, "metrics": ["whdr"], "primary_metric": "whdr"}
    pairs = PointPairs(np.array([[0, 0], [1, 5]]), np.array([[1, 5], [0, 0]]), np.array([True, True]))
    none = np.zeros((2, 6), dtype=np.float32)
    sample = Sample("a", "g", np.zeros((2, 6, 3), np.uint8), none, none > 0, annotations=Annotations(pairs=pairs))
    dataset = Dataset("toy", "test", [Item("a", "g", lambda: sample)])
    run = evaluate(dataset, LeftBright(), make.protocol(**order), command="x")
    assert (run.samples.pairs, run.summary) == ([2], {"whdr": 0.5})
    with pytest.raises(EvaluationError, match="a: 2 pairs; the protocol asks for at least 3"):
        evaluate(dataset, LeftBright(), make.protocol(**order, minimum_valid_pixels=3), command="x")


def test_protocol_without_a_mask_takes_every_pixel() -> None:
    """Neither the sample's mask nor its region narrows it; what is marked reaches the engine."""
    truth = np.full((8, 8), 2, dtype=np.float32)
    truth[:, 4:] = 4
    nowhere = np.zeros((8, 8), dtype=bool)
    sample = Sample("a", "g", np.zeros((8, 8, 3), np.uint8), truth, nowhere, region=nowhere)
    dataset = Dataset("toy", "test", [Item("a", "g", lambda: sample)])
    rules = make.protocol(mask="none", metrics=["si_boundary_f1"], primary_metric="si_boundary_f1")
    assert evaluate(dataset, LeftBright(), rules, command="x").samples.valid_pixels == [64]


class Halving(Constant):
    """Notes something in its settings while it predicts, as a network does whose batch finds no memory."""

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return 2x2 maps."""
        self.settings["batch_halved_to"] = 1
        return super().predict(images)


def test_settings_are_those_after_the_last_prediction(toy: Dataset) -> None:
    """What a model notes while it predicts is in the record."""
    run = evaluate(toy, Halving(), make.protocol(), command="x")
    assert run.model.settings == {"depth_m": 2.0, "batch_halved_to": 1}


def test_planes_are_counted_and_weigh_the_summary(toy: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """One plane at 1 and three at 5: the mean over planes is 4; an image without a plane counts none."""
    rows = [(1.0, 1), (5.0, 3), (float("nan"), 0), (float("nan"), 0)]
    in_turn(monkeypatch, [scores({"abs_rel": 0.1, "pe_fla": value}, planes=count) for value, count in rows])
    run = evaluate(toy, Constant(), make.protocol(metrics=["abs_rel", "pe_fla"]), command="x")
    assert run.samples.planes == [1, 3, 0, 0]
    assert run.summary["pe_fla"] == 4.0


def test_what_comes_twice_counts_once(tmp_path: Path) -> None:
    """A batch that is given again changes no column, adds no seconds and saves no prediction a second time."""
    dataset, protocol = open_manifest(make.write_toy(tmp_path / "toy", 4), "toy"), make.protocol()
    origin = Origin(dataset="toy", manifest=str(tmp_path / "toy" / "index.json"))
    runs, samples = [], []
    for times in (1, 2):
        writer = Destination(tmp_path / f"saved-{times}", input_of(protocol), origin).open("0" * 64)
        assert writer
        groups = groups_of(Constant(), [protocol], {writer.rule.name: writer.dtype})

        def produce(orders: Sequence[Order], groups: list[Group] = groups, times: int = times) -> Generator[Batch]:
            for batch in stages.work_off(dataset, groups, orders[::-1]):
                done = {name: Done(found.entries, 2.0) for name, found in batch.protocols.items()}
                yield from [replace(batch, protocols=done)] * times

        def maker(_: Any) -> Maker:
            return Maker(run_model(Constant()), "metric-depth", describe("cpu"), "x", "y")

        (outcome,) = measure(dataset, produce, [Task(protocol)], maker, writers={writer.rule.name: writer})
        assert outcome.run
        runs.append(outcome.run)
        samples.append([entry.id for entry in open_saved(writer.folder).index.samples])
    assert runs[0].sha256 == runs[1].sha256
    assert [run.timings.seconds_predict for run in runs] == [8.0, 8.0]
    assert samples[0] == samples[1] == list(dataset.ids)
