"""What somebody should look at before trusting numbers: signs of a wrong unit, a wrong kind, a wrong file.

Each sign is looked for in every image while it is scored, and told once with the number of images that show it. A sign
is no proof: nothing is refused or changed because of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from runners.datasets.base import Sample
from runners.prediction import Prediction
from runners.score import Scores
from sitegen.records import Protocol

__all__ = ["Watch"]

_POINTS = 1000
_REVERSED = -0.5
_UNITS = {1000: "millimetres", 256: "KITTI's 256 steps a metre", 5000: "TUM's 5000 steps a metre", 100: "centimetres"}
_UNIT_SLACK = 1.5
_SATURATED = tuple(65535 / steps for steps in (1, 100, 256, 1000, 5000))
_FEWEST_SATURATED = 10
_FRAME_WIDTH, _WHITE = 4, 250
_SUN_RANGE_M = (0.5, 8.0)


@dataclass(frozen=True)
class _View:
    """One scored image: prediction and truth at up to a thousand valid pixels besides the whole."""

    sample: Sample
    prediction: Prediction
    scores: Scores
    protocol: Protocol
    p: Tensor
    g: Tensor


class Watch:
    """Counts the signs of trouble over the images of one run."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.images = 0
        self.found: Counter[str] = Counter()

    def look(self, sample: Sample, prediction: Prediction, scores: Scores) -> list[str]:
        """Return the signs of one scored image; they are not counted yet."""
        p, g = _paired(sample, prediction)
        if len(g) < 2:
            return []
        view = _View(sample, prediction, scores, self.protocol, p, g)
        return [sign for sign in (look(view) for look in _SIGNS) if sign]

    def count(self, signs: list[str]) -> None:
        """Count one scored image with its signs."""
        self.images += 1
        self.found.update(signs)

    def sentences(self) -> list[str]:
        """Return what was found, one sentence for each sign, the most frequent first."""
        found = [f"{count} of {self.images} images: {sign}" for sign, count in self.found.most_common()]
        expected = self.protocol.sample_list.count
        if expected not in (None, self.images):
            found.append(f"{self.images} images were scored, the protocol is for {expected}")
        return found


def _paired(sample: Sample, prediction: Prediction) -> tuple[Tensor, Tensor]:
    """Return prediction and truth at evenly chosen valid pixels, the prediction's being the nearest ones."""
    truth = torch.from_numpy(sample.truth)
    rows, columns = torch.from_numpy(sample.mask).nonzero(as_tuple=True)
    step = max(1, len(rows) // _POINTS)
    rows, columns = rows[::step], columns[::step]
    height, width = prediction.map.shape
    near = prediction.map.cpu()[rows * height // truth.shape[0], columns * width // truth.shape[1]]
    return near.double(), truth[rows, columns].double()


def _wrong_direction(view: _View) -> str:
    correlation = _rank_correlation(view.p, view.g)
    if view.prediction.kind == "affine-invariant-disparity":
        return "the prediction grows with depth but is declared as disparity" if correlation > -_REVERSED else ""
    return (
        "the prediction falls with depth as disparity does, but is scored as depth" if correlation < _REVERSED else ""
    )


def _wrong_unit(view: _View) -> str:
    if view.scores.scored_as != "metric-depth":
        return ""
    p, g = float(view.p.median()), float(view.g.median())
    for steps, unit in _UNITS.items():
        if g * steps / _UNIT_SLACK < p < g * steps * _UNIT_SLACK:
            return f"the prediction is about {steps} times the truth: {unit} instead of metres?"
        if p * steps / _UNIT_SLACK < g < p * steps * _UNIT_SLACK:
            return f"the truth is about {steps} times the prediction: {unit} instead of metres?"
    return ""


def _eight_bit(view: _View) -> str:
    whole = bool((view.p == view.p.round()).all()) and float(view.p.min()) >= 0 and float(view.p.max()) <= 255
    several = len(set(view.p.tolist())) > 2  # a baseline may well predict one whole number
    return "all predicted values are whole numbers up to 255: saved with 8 bits?" if whole and several else ""


def _saturated(view: _View) -> str:
    truth = view.sample.truth[view.sample.mask]  # numpy gathers several times as fast as torch
    largest = float(truth.max())
    known = any(abs(largest - value) < 1e-4 * value for value in _SATURATED)
    many = int((truth == truth.max()).sum()) >= _FEWEST_SATURATED
    return "true depth holds 65535, the largest 16-bit value: sky or no measurement?" if known and many else ""


def _not_finite(view: _View) -> str:
    return "valid pixels have a prediction that is NaN or infinite" if int(view.scores.not_finite) else ""


def _not_rotated(view: _View) -> str:
    low, high = _SUN_RANGE_M
    odd = view.protocol.dataset == "sun-rgbd" and not low <= float(view.g.median()) <= high
    return "the median true depth is outside 0.5..8 m: SUN RGB-D files not rotated back by 3 bits?" if odd else ""


def _white_frame(view: _View) -> str:
    if view.protocol.dataset != "nyu-depth-v2" or view.protocol.crop.name != "none":
        return ""
    edge = view.sample.image[:_FRAME_WIDTH]
    return "the image has a white frame, and no window keeps it out" if edge.min() >= _WHITE else ""


_SIGNS: tuple[Callable[[_View], str], ...] = (
    _wrong_direction,
    _wrong_unit,
    _eight_bit,
    _saturated,
    _not_finite,
    _not_rotated,
    _white_frame,
)


def _rank_correlation(first: Tensor, second: Tensor) -> float:
    """Return Spearman's rank correlation, ties ranked as they come; 0 where one of the two is constant."""
    if bool((first == first[0]).all()) or bool((second == second[0]).all()):
        return 0.0
    ranks = torch.stack([values.argsort(stable=True).argsort().double() for values in (first, second)])
    return float(torch.corrcoef(ranks)[0, 1])
