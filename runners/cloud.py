"""Depth maps with intrinsics for the gallery: truth and predictions of an image as points in space.

How depth is coded is said where it is read: :class:`sitegen.records.GalleryCloud`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.nn.functional import adaptive_max_pool2d

from runners.datasets.base import Sample, resized_intrinsics
from runners.pictures import Float, Maps, Picture, write_webp
from sitegen.records import GalleryCloud, GalleryDepth, round_significant

__all__ = ["FIRST_M", "RATIO", "coded", "write_cloud"]

FIRST_M = 0.001
"""Depth of code 1, metres."""
RATIO = 1.001
"""Depth of a code divided by that of the code before: depth is right to 0.05 %, from 1 mm to 10^25 m."""
_WIDTH = 320
"""Columns of a map, at most."""


def write_cloud(maps: Mapping[str, Maps], sample: Sample, folder: Path) -> GalleryCloud | None:
    """Write depth maps of an image beside its pictures; return what the index says of them.

    Args:
        maps: The predictions by model, scored under one protocol.
        sample: What they are of.
        folder: Of the gallery's entry.

    Returns:
        None if the data set states no intrinsics of the image.
    """
    camera, shape = sample.truth_intrinsics, cast(tuple[int, int], sample.truth.shape)
    if camera is None:
        return None
    first = next(iter(maps.values()))
    planes: dict[str | None, Float] = {None: np.where(first.valid, first.truth, 0)}
    planes |= {model: found.depth for model, found in maps.items() if found.in_metres}
    codes = {model: coded(_nearest(_whole(plane, first.cut, shape))) for model, plane in planes.items()}
    fx, fy, cx, cy = resized_intrinsics(camera, shape, cast(tuple[int, int], codes[None].shape[:2]))
    return GalleryCloud(
        fx=round_significant(fx),
        fy=round_significant(fy),
        cx=round_significant(cx),
        cy=round_significant(cy),
        first_m=FIRST_M,
        ratio=RATIO,
        maps=[GalleryDepth(model=model, **_written(folder, model, picture)) for model, picture in codes.items()],
    )


def coded(depth: Float) -> Picture:
    """Return depth in metres, (H, W), as codes in red and green, (H, W, 3); code 0 where it is no depth (0)."""
    code = np.rint(np.log(np.where(depth > 0, depth, FIRST_M) / FIRST_M) / np.log(RATIO)).astype(np.int64) + 1
    code = np.where(depth > 0, code.clip(1, 0xFFFF), 0)
    return np.stack([code >> 8, code & 0xFF, np.zeros_like(code)], axis=-1).astype(np.uint8)


def _whole(plane: Float, cut: tuple[slice, slice], shape: tuple[int, int]) -> Float:
    """Return a map over the whole truth, 0 outside what the protocol cuts and where there is no depth."""
    whole = np.zeros(shape)
    whole[cut] = np.where(np.isfinite(plane) & (plane > 0), plane, 0)
    return whole


def _nearest(depth: Float) -> Float:
    """Return a map at most ``_WIDTH`` columns wide, each pixel the nearest depth under it.

    A mean over the edge of an object would be a point in the air between it and what is behind.
    """
    rows, columns = depth.shape
    width = min(_WIDTH, columns)
    away = torch.from_numpy(np.where(depth > 0, -depth, -np.inf))
    found = -adaptive_max_pool2d(away[None], (max(1, round(rows * width / columns)), width))[0].numpy()
    return np.where(np.isfinite(found), found, 0)


def _written(folder: Path, model: str | None, picture: Picture) -> dict[str, Any]:
    return write_webp(folder / f"depth.{model or 'ground-truth'}.webp", picture, quality=100, lossless=True)
