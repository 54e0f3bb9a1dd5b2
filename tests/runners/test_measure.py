"""Metrics that an image may have no value of, and the counts that others are weighed by."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runners import measure
from runners.datasets import Dataset, open_manifest
from runners.evaluate import EvaluationError, evaluate
from runners.measure import MAY_BE_MISSING
from runners.score import Scores
from tests.runners import factories as make
from tests.runners.factories import Constant


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    """Four slanted planes."""
    return open_manifest(make.write_toy(tmp_path / "toy"), "toy")


@dataclass(frozen=True)
class Counted(Scores):
    """Scores that say how many planes and pairs they were counted in."""

    counts: dict[str, Tensor] = field(default_factory=dict)


def scores(metrics: dict[str, float], not_finite: int = 0, **counts: int) -> Counted:
    """The scores of one image."""
    return Counted(
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


def in_turn(monkeypatch: pytest.MonkeyPatch, given: list[Counted]) -> None:
    """Let the engine give these scores, an image each."""
    waiting = iter(given)

    def score(*_: Any, **__: Any) -> Counted:
        return next(waiting)

    monkeypatch.setattr(measure, "score", score)


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
def test_only_honest_absence_is_let_pass(toy: Dataset, monkeypatch: pytest.MonkeyPatch, wrong: Counted) -> None:
    """NaN from predictions that are no numbers, infinity, or any other metric without a value still give no record."""
    in_turn(monkeypatch, [wrong])
    with pytest.raises(EvaluationError, match=r"came out as no number \([03] of the 100 valid pixels"):
        evaluate(toy, Constant(), make.protocol(metrics=["abs_rel", "edge_acc"]), command="x")


def test_planes_are_counted_and_weigh_the_summary(toy: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """One plane at 1 and three at 5: the mean over planes is 4; an image without a plane counts none."""
    rows = [(1.0, 1), (5.0, 3), (float("nan"), 0), (float("nan"), 0)]
    in_turn(monkeypatch, [scores({"abs_rel": 0.1, "pe_fla": value}, planes=count) for value, count in rows])
    run = evaluate(toy, Constant(), make.protocol(metrics=["abs_rel", "pe_fla"]), command="x")
    assert run.samples.planes == [1, 3, 0, 0]
    assert run.summary["pe_fla"] == 4.0
