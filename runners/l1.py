"""Exact fits of least absolute error: a scale by a weighted median, a line by descent from corner to corner.

One image at a time, since the number of points differs from image to image. The error is convex and piecewise linear,
so its minimum is reached on a line through two points; each step keeps one point of the present line, turns the line
about it to the best slope (a weighted median), and stops when no turn about any point on the line lowers the error.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["l1_line", "l1_scale", "masked_nearest"]

_GUARD = 1e-7
"""What MoGe divides by where two predictions are equal."""
_ON_LINE = 1e-12
_STEPS = 500


def l1_scale(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Return the scale a that minimises the sum of weight * |a x - y|; all are (N,), N above 0.

    It is the ratio y / x at which the running sum of weight * |x| crosses half of the total.
    """
    sign = x.sign()
    mass = weight * x.abs()
    ratio, order = (y * sign / x.abs().clamp_min(_GUARD)).sort()
    derivative = 2 * mass[order].cumsum(0) - mass.sum()
    crossing = torch.searchsorted(derivative, derivative.new_zeros(1)).clamp_max(len(x) - 1)
    return ratio[crossing[0]]


def l1_line(x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return scale a and shift b that minimise the sum of weight * |a x + b - y|; all are (N,), N above 0.

    Where all x are equal no line is better than another: the result is then what MoGe's guarded division gives, a
    huge scale whose line meets the last point.
    """
    if bool((x == x[0]).all()):
        scale = (y[0] - y[-1]) / _GUARD
        return scale, y[-1] - scale * x[-1]
    scale, shift = _turn(x, y, weight, _first_anchor(x, y))
    for _ in range(_STEPS):
        anchor = _better_anchor(x, y, weight, scale, shift)
        if anchor is None:
            break
        turned = _turn(x, y, weight, anchor)
        if not bool(_loss(x, y, weight, *turned) < _loss(x, y, weight, scale, shift)):
            break
        scale, shift = turned
    return scale, shift


def _turn(x: Tensor, y: Tensor, weight: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best line through a point."""
    scale = l1_scale(x - x[anchor], y - y[anchor], weight)
    return scale, y[anchor] - scale * x[anchor]


def _loss(x: Tensor, y: Tensor, weight: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return (weight * (scale * x + shift - y).abs()).sum()


def _first_anchor(x: Tensor, y: Tensor) -> Tensor:
    """Return the point nearest to the least-squares line."""
    centred = x - x.mean()
    slope = (centred * y).sum() / (centred**2).sum()
    return (slope * centred + y.mean() - y).abs().argmin()


def _better_anchor(x: Tensor, y: Tensor, weight: Tensor, scale: Tensor, shift: Tensor) -> Tensor | None:
    """Return the point on the line about which turning lowers the error fastest; None at the minimum.

    Turning about the point with abscissa c changes the error at the rate +-(A - B c) + sum of w |x - c| over the points
    on the line, A and B being the signed sums of w x and w over all others. Between two such turns the rate is linear,
    so none needs to be tried but these.
    """
    residual = scale * x + shift - y
    size = scale.abs() * x.abs().max() + shift.abs() + y.abs().max()
    on_line = residual.abs() <= _ON_LINE * size
    pull = torch.where(on_line, 0.0, weight * residual.sign())
    a, b = (pull * x).sum(), pull.sum()
    points = on_line.nonzero()[:, 0]
    points = points[x[points].argsort()]
    rate = _spread(x[points], weight[points]) - (a - b * x[points]).abs()
    best = rate.argmin()
    enough = -1e-10 * (weight * (x - x.mean()).abs()).sum()
    return points[best] if bool(rate[best] < enough) else None


def _spread(x: Tensor, weight: Tensor) -> Tensor:
    """Return the sum of w |x - c| for each c of an ascending x."""
    below, moment = weight.cumsum(0), (weight * x).cumsum(0)
    return x * (2 * below - below[-1]) - 2 * moment + moment[-1]


def masked_nearest(mask: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the flat indices (B, height * width) of the valid pixel nearest to each cell, and which cells have one.

    Each cell looks for it within its own window of the image alone, as MoGe does (``mask_aware_nearest_resize``); of
    equally near pixels the first in reading order is taken.

    Args:
        mask: Bool (B, H, W).
        height: Rows of the grid.
        width: Columns of the grid.
    """
    rows, row_distance, row_inside = _window(mask.shape[1], height, mask.device)
    columns, column_distance, column_inside = _window(mask.shape[2], width, mask.device)
    flat = rows[:, None, :, None] * mask.shape[2] + columns[None, :, None, :]
    inside = row_inside[:, None, :, None] & column_inside[None, :, None, :]
    distance = row_distance[:, None, :, None] ** 2 + column_distance[None, :, None, :] ** 2
    valid = mask.flatten(1)[:, flat.flatten()].view(len(mask), height * width, -1) & inside.flatten(2).flatten(0, 1)
    nearest = torch.where(valid, distance.flatten(2).flatten(0, 1), torch.inf).argmin(dim=2, keepdim=True)
    cells = flat.flatten(2).flatten(0, 1).expand(len(mask), -1, -1).gather(2, nearest)[..., 0]
    return cells, valid.any(dim=2)


def _window(extent: int, cells: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each cell along one side: pixel indices of its window, their distances, and which lie in the image."""
    size = max(1.0, extent / cells)
    centre = (torch.arange(cells, device=device, dtype=torch.float64) + 0.5) * extent / cells
    first = (centre - size / 2).round().long()
    pixels = first[:, None] + torch.arange(math.ceil(size), device=device)
    inside = (pixels >= 0) & (pixels < extent)
    return pixels.clamp(0, extent - 1), pixels + 0.5 - centre[:, None], inside
