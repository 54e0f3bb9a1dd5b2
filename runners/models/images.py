"""Images as networks want them: RGB, 8 bits, upright.

Data sets give RGB already; these are for images that somebody hands to a model, whatever their file held.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from runners.models.errors import ModelError

__all__ = ["Image", "as_rgb"]

Image = npt.NDArray[np.uint8]
"""RGB, (h, w, 3)."""


def as_rgb(image: npt.NDArray[Any]) -> Image:
    """Return an image as RGB of 8 bits.

    Args:
        image: (h, w) or (h, w, 1) grey, (h, w, 3) RGB, or (h, w, 4) RGBA, whose opacity is left out; uint8, uint16
            (scaled down by 257, so that white stays white) or floating point within 0..1.

    Returns:
        Uint8 (h, w, 3), in one piece.

    Raises:
        ModelError: If the array is no such image.
    """
    planes = image[..., None] if image.ndim == 2 else image
    if planes.ndim != 3 or planes.shape[2] not in (1, 3, 4) or 0 in planes.shape:
        raise ModelError(f"an image is (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), not {image.shape}")
    colours = _eight_bit(planes[..., :3])
    # torch warns of memory that it may not write to, which a broadcast array is.
    rgb: Image = np.require(np.broadcast_to(colours, (*colours.shape[:2], 3)), requirements=["C", "W"])
    return rgb


def _eight_bit(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return np.asarray(values, dtype=np.uint8)
    if values.dtype == np.uint16:
        return np.asarray(np.rint(values / 257), dtype=np.uint8)
    if (
        np.issubdtype(values.dtype, np.floating)
        and np.isfinite(values).all()
        and 0 <= values.min() <= values.max() <= 1
    ):
        return np.asarray(np.rint(values * 255), dtype=np.uint8)
    raise ModelError(f"an image is uint8, uint16, or floating point within 0..1, not {values.dtype}")
