"""Predictions: what a kind may be scored under."""

import pytest
import torch

from runners.prediction import (
    KindError,
    Prediction,
    as_kind,
    flip_average,
    flip_blend,
    may_score_as,
    weaker_kinds,
)
from sitegen.records import PREDICTION_KINDS

ORDER = {
    "metric-depth": set(PREDICTION_KINDS),
    "scale-invariant-depth": set(PREDICTION_KINDS) - {"metric-depth"},
    "affine-invariant-depth": {"affine-invariant-depth", "ordinal"},
    "affine-invariant-disparity": {"affine-invariant-disparity", "ordinal"},
    "ordinal": {"ordinal"},
}


@pytest.mark.parametrize("kind", PREDICTION_KINDS)
def test_a_kind_is_scored_under_itself_and_weaker_ones_only(kind: str) -> None:
    """The lattice: never under a stronger kind, and affine depth and affine disparity are not comparable."""
    assert {target for target in PREDICTION_KINDS if may_score_as(kind, target)} == ORDER[kind]
    assert weaker_kinds(kind)[0] == kind


def test_order_is_transitive() -> None:
    """What is weaker than a weaker kind is weaker."""
    for kind in PREDICTION_KINDS:
        for weaker in weaker_kinds(kind):
            assert set(weaker_kinds(weaker)) <= set(weaker_kinds(kind))


def test_depth_becomes_disparity_by_inversion() -> None:
    """A depth that is not positive has no disparity; other steps down keep the values."""
    depth = torch.tensor([[2.0, 0.0, -1.0]])
    disparity = as_kind(depth, "metric-depth", "affine-invariant-disparity")
    assert disparity[0, 0] == 0.5
    assert disparity[0, 1:].isnan().all()
    assert as_kind(depth, "metric-depth", "affine-invariant-depth") is depth
    assert as_kind(depth, "affine-invariant-disparity", "affine-invariant-disparity") is depth


def test_a_stronger_kind_is_refused() -> None:
    """Relative depth cannot be read as metres."""
    with pytest.raises(KindError, match="must not be scored as 'metric-depth'"):
        as_kind(torch.ones(2, 2), "affine-invariant-depth", "metric-depth")


def test_a_prediction_is_one_float_map() -> None:
    """A batch, or whole numbers, are refused."""
    with pytest.raises(ValueError, match="one float"):
        Prediction("metric-depth", torch.ones(1, 2, 2))
    with pytest.raises(ValueError, match="one float"):
        Prediction("metric-depth", torch.ones(2, 2, dtype=torch.int32))


def test_flips_are_averaged_or_blended() -> None:
    """Vector T11: Monodepth2's blend keeps one map at each border and the mean between; the plain mean does not."""
    left, right = torch.tensor([1.0, 2, 3, 4, 5]), torch.full((5,), 2.0)
    assert flip_blend(left, right).tolist() == [2, 2, 2.5, 3, 5]
    assert flip_average(left, left).tolist() == [3] * 5


def test_uncertainty_is_of_the_size_of_the_map() -> None:
    """A model's uncertainty belongs to its pixels."""
    with pytest.raises(ValueError, match="one size"):
        Prediction("metric-depth", torch.ones(2, 3), torch.ones(3, 2))
    assert Prediction("metric-depth", torch.ones(2, 3), details={"head": "nyu"}).details == {"head": "nyu"}
