"""Distance along the viewing ray and depth along the optical axis: what turns one into the other and tells which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from runners.datasets.base import Intrinsics

__all__ = ["lengths", "power"]

Array = npt.NDArray[np.float64]

_PATCH = 96
_FEWEST = 6
_AGREE = 0.8
_FLAT = 2e-3
"""Largest relative deviation of a patch that is called a plane."""
_CLEARLY = 0.5
"""How much better than the second the best explanation of a patch has to be."""


def lengths(size: tuple[int, int], camera: Intrinsics) -> Array:
    """Return the length of each pixel's viewing ray at depth 1, (H, W): distance = depth times length."""
    fx, fy, cx, cy = camera
    x = (np.arange(size[1]) - cx) / fx
    y = (np.arange(size[0])[:, None] - cy) / fy
    length: Array = np.sqrt(x**2 + y**2 + 1)
    return length


def power(depth: npt.NDArray[np.floating], camera: Intrinsics) -> int | None:
    """Return which power of the ray's length a map holds besides the depth.

    The inverse depth of a plane is linear in the pixels, and only that of the depth along the axis. So each patch that
    shows a plane votes for the power whose removal makes it linear.

    Args:
        depth: Metres, (H, W), NaN where unknown.
        camera: Of the map's pixels.

    Returns:
        0 for depth along the axis, 1 for distance along the ray, -1 for depth that was divided by the length once too
        often; None where too few planes are seen, or they disagree.
    """
    length = lengths((depth.shape[0], depth.shape[1]), camera)
    votes = Counter(vote for patch in _patches(depth.shape) if (vote := _vote(depth[patch], length[patch])) is not None)
    if votes.total() < _FEWEST:
        return None
    winner, count = votes.most_common(1)[0]
    return winner if count >= _AGREE * votes.total() else None


def _patches(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    for row in range(0, shape[0] - _PATCH + 1, _PATCH // 2):
        for column in range(0, shape[1] - _PATCH + 1, _PATCH // 2):
            yield slice(row, row + _PATCH), slice(column, column + _PATCH)


def _vote(depth: npt.NDArray[np.floating], length: Array) -> int | None:
    """Return the power that makes a patch a plane; None where it is none, or several do about equally well."""
    if not (np.isfinite(depth).all() and (depth > 0).all()):
        return None
    bent = {exponent: _deviation(length**exponent / depth) for exponent in (-1, 0, 1)}
    best, second = sorted(bent, key=lambda exponent: bent[exponent])[:2]
    return best if bent[best] < min(_FLAT, _CLEARLY * bent[second]) else None


def _deviation(values: Array) -> float:
    """Return the relative root mean square by which values deviate from the best linear function of the pixels."""
    rows, columns = np.indices(values.shape)
    terms = np.stack([rows.ravel(), columns.ravel(), np.ones(values.size)], axis=1)
    coefficients, *_ = np.linalg.lstsq(terms, values.ravel(), rcond=None)
    return float(np.sqrt(np.mean((terms @ coefficients - values.ravel()) ** 2)) / np.mean(values))
