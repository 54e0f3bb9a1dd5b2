"""The sums over valid pixels from which metrics and fits follow, taken tile by tile in float64.

Almost every metric is a formula over a few sums, and a fit of scale and shift over five. Here they are defined once for
torch on any device: a whole batch at a time, nothing read back to the host. For tensors on the CPU compiled loops
(``runners.kernels``) take the same sums, image by image, several times faster. Either way the maps are read in tiles
that stay in the cache, so that no copy of a whole map in float64 is ever made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners import kernels

__all__ = [
    "GROUPS",
    "LIMITS",
    "Group",
    "Moments",
    "Space",
    "as_is",
    "below",
    "counted",
    "error_sums",
    "log_error",
    "moments",
    "ratio",
    "tiles",
    "valid_pixels",
]

Group = Literal["errors", "logs", "hits", "inverse"]
GROUPS: tuple[Group, ...] = get_args(Group)
"""What may be left out where no metric needs it."""

LIMITS = (1.03, *(1.25**power for power in (0.25, 0.5, 1, 2, 3)))
"""The factors below which the ratio of prediction and truth may stay; the sums of ``hits`` are in this order."""

Space = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Brings a part of prediction and truth into the space of a fit."""


def below(limit: float) -> str:
    """Return the name under which the ratios below a limit are counted."""
    return f"below_{limit:.6f}"


_NAMES: dict[Group, tuple[str, ...]] = {
    "errors": ("absolute", "square", "relative", "relative_square", "square_relative"),
    "logs": ("log_absolute", "log_square", "log_shifted", "log_shifted_square"),
    "hits": tuple(below(limit) for limit in LIMITS),
    "inverse": ("inverse_absolute", "inverse_square"),
}
_CPU_TILE = 1 << 15
"""Pixels of a tile: some rows of float64 this long fit into a core's second-level cache."""
_DEVICE_TILE = 1 << 22
"""Elsewhere a tile has to keep the whole device busy and only bounds the memory."""


def as_is(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Leave prediction and truth in the space that they are in."""
    return prediction, truth


def tiles(length: int, batch: int, device: torch.device) -> Iterator[slice]:
    """Yield slices of pixels that together cover ``length`` of them, the shorter the more images a batch has."""
    step = max(1, (_CPU_TILE if device.type == "cpu" else _DEVICE_TILE) // max(1, batch))
    yield from (slice(start, min(start + step, length)) for start in range(0, length, step))


def counted(mask: Tensor) -> Tensor:
    """Return how many pixels of each image a mask has, int64 (B,); torch's sum would first copy it as int64."""
    counts = [image.count_nonzero() for image in mask]
    return torch.stack(counts) if counts else mask.new_zeros(0, dtype=torch.int64)


def valid_pixels(prediction: Tensor, truth: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the masked pixels of one image, (N,) each; looking for them once is faster than ``map[mask]`` on each."""
    places = mask.reshape(-1).nonzero()[:, 0]
    return prediction.reshape(-1).index_select(0, places), truth.reshape(-1).index_select(0, places)


def log_error(p: Tensor, g: Tensor) -> Tensor:
    """Return d = log(p/g): one logarithm a pixel; NaN for a negative p."""
    return torch.div(p, g).log_()


def ratio(p: Tensor, g: Tensor) -> Tensor:
    """Return max(p/g, g/p); both are negative for a negative depth and would pass for a hit, so it is infinite."""
    return torch.where(p > 0, torch.maximum(p / g, g / p), torch.inf)


def error_sums(
    prediction: Tensor, truth: Tensor, mask: Tensor, groups: Sequence[Group] = GROUPS, *, fused: bool | None = None
) -> dict[str, Tensor]:
    """Return sums over the masked pixels of each image.

    With e = p - g and d = log(p/g): ``count``; *errors*: ``absolute`` |e|, ``square`` e², ``relative`` |e|/g,
    ``relative_square`` (e/g)², ``square_relative`` e²/g; *logs*: ``log_absolute`` |d|, ``log_square`` d², and of d less
    ``log_shift``, which is that of the first masked pixel, ``log_shifted`` and ``log_shifted_square`` (so nothing
    cancels where all d are alike); *inverse*: ``inverse_absolute`` and ``inverse_square`` of 1/p - 1/g; *hits*:
    ``below(limit)``, how many ratios are below each of ``LIMITS``.

    Args:
        prediction: Float (B, H, W), metres.
        truth: Float (B, H, W), metres, positive wherever ``mask`` is set.
        mask: Bool (B, H, W); what it leaves out may hold any value.
        groups: Which sums to take.
        fused: Whether the compiled loops take them; where they can if None.

    Returns:
        Float64 (B,) for each name.
    """
    p, g, m = (_flat(values) for values in (prediction, truth, mask))
    first = _first(m)
    shift = _finite_or_zero(log_error(_at(p, first), _at(g, first)))
    total = (_fused_errors if _can_fuse(m, fused) else _torch_errors)(p, g, m, shift, groups)
    names = ["count", *(name for group in groups for name in _NAMES[group])]
    return dict(zip(names, total.unbind(1), strict=True)) | {"log_shift": shift}


@dataclass(frozen=True)
class Moments:
    """The moments of prediction p and target t over the masked pixels of each image, float64 (B,).

    Attributes:
        count: Masked pixels.
        mean_p: Mean prediction, NaN where there is no pixel.
        mean_t: Mean target.
        spread_p: Sum of the squared prediction less its mean, NaN where there is no pixel.
        spread_pt: Sum of the products of prediction and target less their means.
    """

    count: Tensor
    mean_p: Tensor
    mean_t: Tensor
    spread_p: Tensor
    spread_pt: Tensor


def moments(
    prediction: Tensor, truth: Tensor, mask: Tensor, space: Space = as_is, *, fused: bool | None = None
) -> Moments:
    """Return the moments of a batch in the space of a fit.

    Both maps are taken less their values at the first masked pixel, so that a large offset costs no digits.

    Args:
        prediction: Float (B, H, W).
        truth: Float (B, H, W).
        mask: Bool (B, H, W); what it leaves out may hold any value.
        space: Applied to both, part by part.
        fused: Whether the compiled loops take the sums; where they can if None.
    """
    p, g, m = (_flat(values) for values in (prediction, truth, mask))
    first = _first(m)
    first_p, first_t = (_finite_or_zero(values) for values in space(_at(p, first), _at(g, first)))
    total = (_fused_moments if _can_fuse(m, fused) else _torch_moments)(p, g, m, space, first_p, first_t)
    count, x, y, xx, xy = total.unbind(1)
    spread = (xx - x * x / count).clamp(min=0)
    return Moments(count, first_p + x / count, first_t + y / count, spread, xy - x * y / count)


def _flat(values: Tensor) -> Tensor:
    """Return a map as (B, H * W) in a type that the loops know."""
    known = values.dtype in (torch.bool, torch.float32, torch.float64)
    return (values if known else values.double()).detach().flatten(1)


def _first(mask: Tensor) -> Tensor:
    """Return the place of the first masked pixel of each image, (B,); 0 where none is masked."""
    if not mask.shape[1]:
        return mask.new_zeros(len(mask), dtype=torch.long)
    if mask.device.type == "cpu":  # numpy stops at the first, torch looks at all
        return torch.from_numpy(mask.numpy().argmax(1))
    return mask.view(torch.uint8).argmax(1)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Return the value of each image at a place, float64 (B,); NaN for an image without pixels."""
    if not values.shape[1]:
        return values.new_full((len(values),), torch.nan, dtype=torch.float64)
    return values.gather(1, places[:, None])[:, 0].double()


def _finite_or_zero(shift: Tensor) -> Tensor:
    """Return a shift that leaves an infinite sum infinite instead of making it NaN."""
    return torch.where(shift.isfinite(), shift, 0.0).double()


def _can_fuse(mask: Tensor, fused: bool | None) -> bool:
    return mask.device.type == "cpu" if fused is None else fused


def _torch_errors(p: Tensor, g: Tensor, mask: Tensor, shift: Tensor, groups: Sequence[Group]) -> Tensor:
    width = 1 + sum(len(_NAMES[group]) for group in groups)
    total = p.new_zeros((len(p), width), dtype=torch.float64)
    for part in tiles(p.shape[1], len(p), p.device):
        m = mask[:, part]
        # A pixel that does not count becomes a perfect one: no error, no logarithm.
        x, y = (torch.where(m, values[:, part], 1.0).double() for values in (p, g))
        sums = [m.sum(1).double(), *(value.sum(1) for group in groups for value in _TERMS[group](x, y, m, shift))]
        total += torch.stack(sums, 1)
    return total


def _error_terms(p: Tensor, g: Tensor, _mask: Tensor, _shift: Tensor) -> Iterator[Tensor]:
    error = p - g
    share = error / g
    yield from (error.abs(), error * error, share.abs(), share * share, error * share)


def _log_terms(p: Tensor, g: Tensor, mask: Tensor, shift: Tensor) -> Iterator[Tensor]:
    d = log_error(p, g)
    yield from (d.abs(), d * d)
    away = torch.where(mask, d - shift[:, None], 0.0)
    yield from (away, away * away)


def _inverse_terms(p: Tensor, g: Tensor, _mask: Tensor, _shift: Tensor) -> Iterator[Tensor]:
    error = 1 / p - 1 / g
    yield from (error.abs(), error * error)


def _hit_terms(p: Tensor, g: Tensor, mask: Tensor, _shift: Tensor) -> Iterator[Tensor]:
    apart = ratio(p, g)
    yield from ((mask & (apart < limit)).double() for limit in LIMITS)


_TERMS: dict[Group, Callable[[Tensor, Tensor, Tensor, Tensor], Iterator[Tensor]]] = {
    "errors": _error_terms,
    "logs": _log_terms,
    "inverse": _inverse_terms,
    "hits": _hit_terms,
}


def _torch_moments(p: Tensor, g: Tensor, mask: Tensor, space: Space, first_p: Tensor, first_t: Tensor) -> Tensor:
    total = p.new_zeros((len(p), 5), dtype=torch.float64)
    for part in tiles(p.shape[1], len(p), p.device):
        m = mask[:, part]
        pair = zip(space(p[:, part], g[:, part]), (first_p, first_t), strict=True)
        x, y = (torch.where(m, values.double() - first[:, None], 0.0) for values, first in pair)
        total += torch.stack([m.sum(1).double(), x.sum(1), y.sum(1), (x * x).sum(1), (x * y).sum(1)], 1)
    return total


def _fused_errors(p: Tensor, g: Tensor, mask: Tensor, shift: Tensor, groups: Sequence[Group]) -> Tensor:
    rows = zip(p.numpy(), g.numpy(), mask.numpy(), shift.tolist(), strict=True)
    width = 1 + sum(len(_NAMES[group]) for group in groups)
    return torch.from_numpy(np.array([_image_errors(*row, groups) for row in rows]).reshape(len(p), width))


def _image_errors(
    p: kernels.Values, g: kernels.Values, mask: NDArray[np.bool_], shift: float, groups: Sequence[Group]
) -> NDArray[np.float64]:
    room = np.empty((3, _CPU_TILE + 1))
    total = {group: np.zeros(len(_NAMES[group])) for group in groups}
    count = 0
    for part in tiles(len(p), 1, torch.device("cpu")):
        taken = kernels.take(p[part], g[part], mask[part], room[0], room[1])
        _add(room[:, :taken], shift, total)
        count += taken
    return np.concatenate([np.array([float(count)]), *total.values()])


def _add(room: NDArray[np.float64], shift: float, total: dict[Group, NDArray[np.float64]]) -> None:
    """Add the sums of a tile; the first two rows are its valid pixels, the third is free."""
    p, g, free = room
    if "errors" in total:
        kernels.add_errors(p, g, total["errors"])
    if "logs" in total:
        d = log_error(torch.from_numpy(p), torch.from_numpy(g))  # torch's logarithm uses vector units, numba's does not
        kernels.add_logs(d.numpy(), shift, total["logs"])
    if "inverse" in total:
        kernels.add_inverse_errors(p, g, total["inverse"])
    if "hits" in total:
        kernels.add_hits(p, g, _LIMITS, free, total["hits"])


_LIMITS = np.array(LIMITS)


def _fused_moments(p: Tensor, g: Tensor, mask: Tensor, space: Space, first_p: Tensor, first_t: Tensor) -> Tensor:
    total = np.zeros((len(p), 5))
    rows = zip(p, g, mask.numpy(), first_p.tolist(), first_t.tolist(), total, strict=True)
    for image_p, image_g, valid, shift_p, shift_t, sums in rows:
        for part in tiles(len(valid), 1, p.device):
            x, y = space(image_p[part], image_g[part])
            kernels.add_moments(x.numpy(), y.numpy(), valid[part], shift_p, shift_t, sums)
    return torch.from_numpy(total)
