"""How sure a measured mean is: a cluster bootstrap over scenes or drives.

Images of one scene resemble each other, so whole scenes (``samples.group``) are drawn with replacement, not images
(Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8). The ends of the interval are
percentiles of the resampled values. They are too close together where there are few groups: below about twenty an
interval says "at least this unsure".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sitegen.records import Run, round_significant, weighing

__all__ = ["CONFIDENCE", "RESAMPLES", "Interval", "bootstrap", "interval"]

CONFIDENCE = 0.95
RESAMPLES = 1_000
SEED = 20_261_126
"""The same draws every time and for every run: a record has one interval."""


@dataclass(frozen=True)
class Interval:
    """Between which values a mean lies with 95 % confidence.

    Attributes:
        low: Lower end, in the metric's unit, to 6 significant digits.
        high: Upper end.
        units: How many groups or images were drawn from.
        drawn: What was drawn: ``groups``, or ``images`` where all of them are of one group (too narrow if they resemble
            each other).
    """

    low: float
    high: float
    units: int
    drawn: Literal["groups", "images"]


def interval(run: Run, metric: str) -> Interval | None:
    """Return the interval of a run's value of a metric, weighed and pooled as its protocol says.

    Returns:
        None where fewer than two images have a value, or the metric cannot be pooled as the protocol pools.
    """
    column = run.samples.metrics.get(metric)
    pixels = None if run.pooled_pixels is None else list(map(float, run.pooled_pixels))
    units = {unit: list(map(float, counts)) for unit, counts in run.samples.counts.items()}
    weights, power = weighing(metric, pixels, units)
    power = 1 if weights is None else power
    if column is None or power is None:
        return None
    return bootstrap(run.samples.id, run.samples.group, column, weights, power)


def bootstrap(
    ids: Sequence[str],
    groups: Sequence[str],
    values: Sequence[float | None],
    weights: Sequence[float] | None = None,
    power: int = 1,
) -> Interval | None:
    """Return the percentile interval of the weighted power mean ``(sum(w v^p) / sum(w))^(1/p)``.

    Args:
        ids: Unique name of each image; the order of images makes no difference.
        groups: The scene or drive of each image.
        values: Value of each image; None where it has none.
        weights: Weight of each image, such as its valid pixels; None for equal ones.
        power: 2 for roots of a mean square, else 1.

    Returns:
        None where fewer than two images have a value and a weight.
    """
    known = sorted(
        (name, group, float(value), float(weight))
        for name, group, value, weight in zip(ids, groups, values, weights or [1.0] * len(ids), strict=True)
        if value is not None and weight > 0
    )
    if len(known) < 2:
        return None
    scenes = {group for _, group, _, _ in known}
    drawn: Literal["groups", "images"] = "groups" if len(scenes) > 1 else "images"
    sums = np.array(list(_sums(known, power, by_group=drawn == "groups")))
    low, high = np.quantile(_resampled(sums, power), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(round_significant(float(low)), round_significant(float(high)), len(sums), drawn)


def _sums(
    known: Sequence[tuple[str, str, float, float]], power: int, *, by_group: bool
) -> Iterator[tuple[float, float]]:
    """Yield (sum of weighted powers, sum of weights) of each group in the order of its name, or of each image."""
    units: dict[str, list[tuple[float, float]]] = {}
    for name, group, value, weight in known:
        units.setdefault(group if by_group else name, []).append((weight * value**power, weight))
    for _, parts in sorted(units.items()):
        yield sum(part for part, _ in parts), sum(weight for _, weight in parts)


def _resampled(sums: np.ndarray, power: int) -> np.ndarray:
    """Return the mean of each resample: how often each unit is drawn is multinomial."""
    count = len(sums)
    times = np.random.default_rng(SEED).multinomial(count, [1 / count] * count, size=RESAMPLES)
    totals = times @ sums
    means: np.ndarray = (totals[:, 0] / totals[:, 1]) ** (1 / power)
    return means
