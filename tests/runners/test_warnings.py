"""Warnings: each sign of trouble is found where it is and nowhere else, and told once for all images."""

from typing import Any

import numpy as np
import pytest
import torch

from runners.datasets.base import Sample
from runners.prediction import Prediction
from runners.score import score
from runners.warnings import Watch
from sitegen.records import PredictionKind, Protocol
from tests.runners import factories as make

TRUTH = np.linspace(1, 9, 24 * 32, dtype=np.float32).reshape(24, 32)


def sentences(
    values: torch.Tensor,
    kind: PredictionKind = "metric-depth",
    truth: np.ndarray = TRUTH,
    image: int = 120,
    rules: Protocol | None = None,
) -> list[str]:
    """Watch one image be scored three times over."""
    rules = rules or make.protocol()
    sample = Sample("a", "g", np.full((*truth.shape, 3), image, np.uint8), truth, truth > 0)
    prediction = Prediction(kind, values)
    scores = score(values[None], kind, torch.from_numpy(truth)[None], torch.from_numpy(truth > 0)[None], rules)
    watch = Watch(rules)
    for _ in range(3):
        watch.count(watch.look(sample, prediction, scores))
    return watch.sentences()


def good() -> torch.Tensor:
    """A prediction that is a little off."""
    return torch.from_numpy(TRUTH) * 1.05 + 0.013


@pytest.mark.parametrize("kind", ["metric-depth", "affine-invariant-depth"])
def test_nothing_is_said_of_a_good_prediction(kind: PredictionKind) -> None:
    """Depth that is nearly right, disparity that is, and a constant baseline give no warning."""
    assert sentences(good(), kind) == []
    assert sentences(1 / good(), "affine-invariant-disparity") == []
    assert sentences(torch.full((2, 2), 4.0), kind) == []


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        (1 / good(), "affine-invariant-depth", "falls with depth as disparity does, but is scored as depth"),
        (good(), "affine-invariant-disparity", "grows with depth but is declared as disparity"),
        (good() * 1000, "metric-depth", "about 1000 times the truth: millimetres"),
        (good() * 256, "metric-depth", "about 256 times the truth: KITTI"),
        (good() / 5000, "metric-depth", "the truth is about 5000 times the prediction: TUM"),
        ((good() * 25).round(), "affine-invariant-depth", "whole numbers up to 255: saved with 8 bits?"),
        (good().masked_fill(good() > 9, torch.nan), "metric-depth", "NaN or infinite"),
    ],
)
def test_signs_in_the_prediction(values: torch.Tensor, kind: PredictionKind, said: str) -> None:
    """Wrong direction, wrong unit, eight bits, no numbers: one sentence with the number of images."""
    (sentence,) = sentences(values, kind)
    assert sentence.startswith("3 of 3 images: ")
    assert said in sentence


def test_largest_stored_value_in_the_truth() -> None:
    """A patch of 65535 in millimetres, which is 65.535 m, is a sign; one pixel of it is chance."""
    truth = TRUTH.copy()
    truth[0, 0] = 65.535
    assert sentences(good(), truth=truth) == []
    truth[:4, :4] = 65.535
    (sentence,) = sentences(good(), truth=truth)
    assert "65535" in sentence


@pytest.mark.parametrize(
    ("changes", "image", "factor", "said"),
    [
        ({"dataset": "sun-rgbd"}, 120, 8, "SUN RGB-D files not rotated back"),
        ({"dataset": "nyu-depth-v2"}, 255, 1, "white frame"),
        ({"sample_list": {"name": "toy", "count": 654}}, 120, 1, "3 images were scored, the protocol is for 654"),
    ],
)
def test_signs_that_belong_to_a_data_set(changes: dict[str, Any], image: int, factor: int, said: str) -> None:
    """Bit-rotated SUN RGB-D depth, the white frame of NYU, and a list of another length."""
    (sentence,) = sentences(good() * factor, truth=TRUTH * factor, image=image, rules=make.protocol(**changes))
    assert said in sentence


def test_image_without_valid_pixels_is_passed_over() -> None:
    """There is nothing to look at."""
    assert sentences(good(), truth=np.zeros_like(TRUTH)) == []
