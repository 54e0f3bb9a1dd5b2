"""Loops over the pixels of a tile for the CPU, compiled by numba; what they sum is said in ``runners.sums``.

torch's operators each write a temporary and read it again. Here every pixel is read once and all sums that concern it
are added up in registers. The compiler may reorder the additions (``reassoc``), else it could not use vector units; it
may not assume that NaN and infinity do not occur. Each loop works on one image; batches are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["add_errors", "add_hits", "add_inverse_errors", "add_logs", "add_moments", "take"]

Loop = TypeVar("Loop", bound=Callable[..., Any])
Values = NDArray[np.float32] | NDArray[np.float64]


def _compiled(loop: Loop) -> Loop:
    """Compile at the first call and keep the machine code on disk; where no folder can be written, in memory alone."""
    compiled = njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy", nogil=True)(loop)
    with suppress(RuntimeError):
        compiled.enable_caching()
    return cast(Loop, compiled)


@_compiled
def take(
    p: Values, g: Values, mask: NDArray[np.bool_], taken_p: NDArray[np.float64], taken_g: NDArray[np.float64]
) -> int:
    """Copy the masked pixels of two rows to the front of others, which have room for one more; return how many."""
    count = 0
    for i in range(mask.size):
        # Written always and kept if masked: a branch would be mispredicted at every edge of the mask.
        taken_p[count] = p[i]
        taken_g[count] = g[i]
        count += mask[i]
    return count


@_compiled
def add_errors(p: NDArray[np.float64], g: NDArray[np.float64], total: NDArray[np.float64]) -> None:
    """Add the sums of |e|, e², |e|/g, (e/g)² and e²/g with e = p - g."""
    absolute = square = relative = relative_square = square_relative = 0.0
    for i in range(p.size):
        error = p[i] - g[i]
        share = error / g[i]
        absolute += abs(error)
        square += error * error
        relative += abs(share)
        relative_square += share * share
        square_relative += error * share
    total[0] += absolute
    total[1] += square
    total[2] += relative
    total[3] += relative_square
    total[4] += square_relative


@_compiled
def add_logs(d: NDArray[np.float64], shift: float, total: NDArray[np.float64]) -> None:
    """Add the sums of |d|, d², d - shift and its square."""
    absolute = square = shifted = shifted_square = 0.0
    for i in range(d.size):
        away = d[i] - shift
        absolute += abs(d[i])
        square += d[i] * d[i]
        shifted += away
        shifted_square += away * away
    total[0] += absolute
    total[1] += square
    total[2] += shifted
    total[3] += shifted_square


@_compiled
def add_inverse_errors(p: NDArray[np.float64], g: NDArray[np.float64], total: NDArray[np.float64]) -> None:
    """Add the sums of |1/p - 1/g| and its square."""
    absolute = square = 0.0
    for i in range(p.size):
        error = 1 / p[i] - 1 / g[i]
        absolute += abs(error)
        square += error * error
    total[0] += absolute
    total[1] += square


@_compiled
def add_hits(
    p: NDArray[np.float64],
    g: NDArray[np.float64],
    limits: NDArray[np.float64],
    ratio: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add for each limit how often max(p/g, g/p) is below it where p is positive; ``ratio`` is room to work in."""
    for i in range(p.size):
        ratio[i] = max(p[i] / g[i], g[i] / p[i]) if p[i] > 0 else np.inf
    for k in range(limits.size):
        hits = 0
        for i in range(p.size):
            hits += ratio[i] < limits[k]
        total[k] += hits


@_compiled
def add_moments(
    p: Values, t: Values, mask: NDArray[np.bool_], first_p: float, first_t: float, total: NDArray[np.float64]
) -> None:
    """Add how many pixels are masked and their sums of x, y, x² and x y, with x = p - first_p and y = t - first_t."""
    count = 0
    sum_x = sum_y = sum_xx = sum_xy = 0.0
    for i in range(mask.size):
        # Not multiplied by the mask: what is left out may be NaN.
        x = p[i] - first_p if mask[i] else 0.0
        y = t[i] - first_t if mask[i] else 0.0
        count += mask[i]
        sum_x += x
        sum_y += y
        sum_xx += x * x
        sum_xy += x * y
    total[0] += count
    total[1] += sum_x
    total[2] += sum_y
    total[3] += sum_xx
    total[4] += sum_xy
