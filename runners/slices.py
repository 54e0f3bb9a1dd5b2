"""Parts of an image that are scored on their own: depth ranges, object boundaries, everything but sky."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

__all__ = ["SLICES", "Slice", "slice_masks"]

Slice = Literal["near", "middle", "far", "boundary", "inside", "no-sky"]
"""``near``, ``middle`` and ``far`` end at a quarter, at half and at the whole of the protocol's farthest depth (20, 40
and 80 m on KITTI). ``boundary`` is what lies within 3 pixels of a jump of more than 10 % between two neighbouring true
depths, ``inside`` the rest. ``no-sky`` leaves out what the sky mask has."""
SLICES: tuple[Slice, ...] = get_args(Slice)

_JUMP = 1.1
_REACH = 3


def slice_masks(
    truth: Tensor, valid: Tensor, names: tuple[Slice, ...], *, farthest: float | None = None, sky: Tensor | None = None
) -> dict[Slice, Tensor]:
    """Return the valid pixels of each slice, bool (B, H, W).

    Args:
        truth: Float (B, H, W), metres.
        valid: Bool (B, H, W), the pixels that count at all.
        names: The slices.
        farthest: The protocol's largest depth in metres.
        sky: Bool (B, H, W), where the image shows sky.

    Raises:
        ValueError: If a slice needs a farthest depth or a sky mask and there is none, or is unknown.
    """
    return {name: valid & _where(name, truth, valid, farthest, sky) for name in names}


def _where(name: Slice, truth: Tensor, valid: Tensor, farthest: float | None, sky: Tensor | None) -> Tensor:
    if name in ("near", "middle", "far"):
        if farthest is None:
            raise ValueError(f"slice '{name}' is a part of the depth range, and the protocol has no farthest depth")
        first, second = farthest / 4, farthest / 2
        return {"near": truth < first, "middle": (truth >= first) & (truth < second), "far": truth >= second}[name]
    if name in ("boundary", "inside"):
        near_jump = _near_jump(truth, valid)
        return near_jump if name == "boundary" else ~near_jump
    if name != "no-sky":
        raise ValueError(f"unknown slice '{name}'; known: {', '.join(SLICES)}")
    if sky is None:
        raise ValueError("slice 'no-sky' needs a sky mask, and the samples have none")
    return ~sky


def _near_jump(truth: Tensor, valid: Tensor) -> Tensor:
    """Return which pixels lie near a jump; neighbours count only where both are valid."""
    jump = torch.zeros_like(valid)
    for dim in (1, 2):
        length = truth.shape[dim] - 1
        one, two = truth.narrow(dim, 0, length), truth.narrow(dim, 1, length)
        both = valid.narrow(dim, 0, length) & valid.narrow(dim, 1, length)
        broken = both & (torch.maximum(one, two) > _JUMP * torch.minimum(one, two))
        jump.narrow(dim, 0, length).logical_or_(broken)
        jump.narrow(dim, 1, length).logical_or_(broken)
    reach = F.max_pool2d(jump[:, None].float(), 2 * _REACH + 1, stride=1, padding=_REACH)
    return reach[:, 0] > 0
