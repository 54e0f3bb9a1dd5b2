"""How an image becomes the input of a MiDaS or DPT network in the reference code: its size, its pixels, its scale.

The reference resizes with OpenCV; torch does the same here. Bicubic interpolation with a = -0.75 and no antialiasing is
OpenCV's ``INTER_CUBIC`` (to 1e-4 of the range, since OpenCV rounds positions to single precision), and :func:`_area` is
its ``INTER_AREA``, which v1 uses.

Sources: https://github.com/isl-org/MiDaS, commit 4545977 (``transforms.py``, ``model_loader.py``), and ``utils.py`` of
tag v1 (4f28212).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from runners.models.base import Image

__all__ = ["IMAGENET", "MIDAS_INPUTS", "PLAIN", "SYMMETRIC", "InputRule", "SizeRule", "input_size", "prepare"]

SizeRule = Literal["lower_bound", "upper_bound", "minimal", "long_side_up"]
Size = tuple[int, int]
Colours = tuple[float, float, float]
Scaling = tuple[Colours, Colours]
"""Mean and standard deviation of red, green and blue in 0..1."""

IMAGENET: Scaling = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SYMMETRIC: Scaling = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PLAIN: Scaling = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class InputRule:
    """What a network is fed.

    Attributes:
        side: Target of height and of width, in pixels.
        rule: How the target is meant. ``lower_bound``: neither side gets smaller than it. ``upper_bound``: neither
            gets larger. ``minimal``: the side that has to change least (by its factor) meets it. ``long_side_up``: the
            longer side meets it, and both sides are then rounded up (v1).
        scaling: Mean and standard deviation that colours in 0..1 are normalised with.
        keep_aspect: Whether one factor is applied to both sides; if not, the input is a square.
        multiple: Both sides are multiples of it.
        interpolation: ``cubic``, or ``area`` (v1).
    """

    side: int
    rule: SizeRule
    scaling: Scaling
    keep_aspect: bool = True
    multiple: int = 32
    interpolation: Literal["cubic", "area"] = "cubic"


MIDAS_INPUTS: dict[str, InputRule] = {
    "midas-v1": InputRule(384, "long_side_up", PLAIN, interpolation="area"),
    "midas-v2-large": InputRule(384, "upper_bound", IMAGENET),
    "midas-v2-1-large-384": InputRule(384, "upper_bound", IMAGENET),
    "midas-v2-1-small-256": InputRule(256, "upper_bound", IMAGENET),
    "midas-v3-0-dpt-large-384": InputRule(384, "minimal", SYMMETRIC),
    "midas-v3-0-dpt-hybrid-384": InputRule(384, "minimal", SYMMETRIC),
    "midas-v3-1-beit-l-512": InputRule(512, "minimal", SYMMETRIC),
    "midas-v3-1-beit-l-384": InputRule(384, "minimal", SYMMETRIC),
    "midas-v3-1-beit-b-384": InputRule(384, "minimal", SYMMETRIC),
    "midas-v3-1-swinv2-l-384": InputRule(384, "minimal", SYMMETRIC, keep_aspect=False),
    "midas-v3-1-swinv2-b-384": InputRule(384, "minimal", SYMMETRIC, keep_aspect=False),
    "midas-v3-1-swinv2-t-256": InputRule(256, "minimal", SYMMETRIC, keep_aspect=False),
    "midas-v3-1-swin-l-384": InputRule(384, "minimal", SYMMETRIC, keep_aspect=False),
    "midas-v3-1-next-vit-l-384": InputRule(384, "minimal", SYMMETRIC),
    "midas-v3-1-levit-224": InputRule(224, "minimal", SYMMETRIC, keep_aspect=False),
}
"""The reference's input of every MiDaS and DPT network, by model id."""


def input_size(height: int, width: int, rule: InputRule) -> Size:
    """Return the size, (height, width) in pixels, that an image is brought to.

    Sides are rounded to the nearest multiple, halves to the even one; where that breaks a bound, away from it.

    Raises:
        ValueError: If the rule leaves a side without a pixel, as ``upper_bound`` does for an extreme panorama.
    """
    if rule.rule == "long_side_up":
        # Divided twice, as in the reference: this is where its rounding errors decide.
        factor = max(height, width) / rule.side
        size = _up(height / factor, rule.multiple), _up(width / factor, rule.multiple)
    else:
        vertical, horizontal = _factors(height, width, rule)
        size = _side(vertical * height, rule), _side(horizontal * width, rule)
    if not all(size):
        raise ValueError(
            f"an image of {height}x{width} cannot be brought to {rule.side} pixels with rule '{rule.rule}'"
        )
    return size


def _factors(height: int, width: int, rule: InputRule) -> tuple[float, float]:
    vertical, horizontal = rule.side / height, rule.side / width
    if not rule.keep_aspect:
        return vertical, horizontal
    if rule.rule == "lower_bound":
        factor = max(vertical, horizontal)
    elif rule.rule == "upper_bound":
        factor = min(vertical, horizontal)
    else:
        factor = horizontal if abs(1 - horizontal) < abs(1 - vertical) else vertical
    return factor, factor


def _side(length: float, rule: InputRule) -> int:
    rounded = round(length / rule.multiple) * rule.multiple
    if rule.rule == "upper_bound" and rounded > rule.side:
        return math.floor(length / rule.multiple) * rule.multiple
    if rule.rule == "lower_bound" and rounded < rule.side:
        return _up(length, rule.multiple)
    return rounded


def _up(length: float, multiple: int) -> int:
    return math.ceil(length / multiple) * multiple


def prepare(image: Image, rule: InputRule) -> Tensor:
    """Return an image as a network takes it.

    Args:
        image: RGB, uint8 (h, w, 3).
        rule: Of the network; see ``MIDAS_INPUTS``.

    Returns:
        Float32 (3, H, W) on the CPU, computed in float64. Cubic interpolation may leave the range of the image.

    Raises:
        ValueError: If the image is not RGB in uint8, or the rule leaves a side without a pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image is uint8 (h, w, 3), not {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    colours = torch.from_numpy(image).permute(2, 0, 1).double() / 255
    mean, deviation = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in rule.scaling)
    resized = _RESIZED[rule.interpolation](colours, input_size(height, width, rule))
    return ((resized - mean) / deviation).float()


def _cubic(colours: Tensor, size: Size) -> Tensor:
    return F.interpolate(colours[None], size=size, mode="bicubic", align_corners=False, antialias=False)[0]


def _area(colours: Tensor, size: Size) -> Tensor:
    height, width = size
    shrinks = colours.shape[-2] >= height and colours.shape[-1] >= width
    along = _averaged if shrinks else _mixed
    return along(along(colours, width).mT, height).mT


def _averaged(values: Tensor, target: int) -> Tensor:
    """Return (..., target) means over equal stretches of (..., source); a value on a border counts by its parts.

    The running sum of the values, read at the borders of the stretches and subtracted.
    """
    source = values.shape[-1]
    sums = F.pad(values.cumsum(-1), (1, 0))
    edges = torch.arange(target + 1, dtype=torch.float64) * (source / target)
    before = edges.floor().long().clamp(max=source - 1)
    at_edges = torch.lerp(sums[..., before], sums[..., before + 1], edges - before)
    return at_edges.diff(dim=-1) * (target / source)


def _mixed(values: Tensor, target: int) -> Tensor:
    """Return (..., target) from (..., source) as OpenCV's area interpolation as soon as one side of the image grows.

    Each target value lies within one source value, or mixes two where a border between them runs through it.
    """
    source, places = values.shape[-1], torch.arange(target, dtype=torch.float64)
    first = (places * (source / target)).floor()
    share = (places + 1) - (first + 1) * (target / source)
    share = torch.where(share <= 0, 0.0, share - share.floor())
    index = first.long()
    return torch.lerp(values[..., index], values[..., (index + 1).clamp(max=source - 1)], share)


_RESIZED = {"cubic": _cubic, "area": _area}
