"""Depth and errors as colours: viridis, perceptually uniform and readable without red or green.

The map is computed from a polynomial fit to matplotlib's viridis (van der Walt and Smith, CC0): coefficients by Matt
Zucker, https://www.shadertoy.com/view/WlfXRN, public domain. It differs from the original by less than 2 percent.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["NOT_COUNTED", "painted", "viridis"]

_COEFFICIENTS = np.array(
    [
        [0.2777273272234177, 0.005407344544966578, 0.3340998053353061],
        [0.1050930431085774, 1.404613529898575, 1.384590162594685],
        [-0.3308618287255563, 0.214847559468213, 0.09509516302823659],
        [-4.634230498983486, -5.799100973351585, -19.33244095627987],
        [6.228269936347081, 14.17993336680509, 56.69055260068105],
        [4.776384997670288, -13.74514537774601, -65.35303263337234],
        [-5.435455855934631, 4.645852612178535, 26.3124352495832],
    ]
)
NOT_COUNTED = (226, 223, 215)
"""Of pixels without a value: a light grey, which viridis does not contain."""


def viridis(values: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return colours, (..., 3), of values from 0 (dark violet) to 1 (yellow); what lies outside gets the end's."""
    colours = np.polynomial.polynomial.polyval(np.clip(values, 0, 1), _COEFFICIENTS)
    bytes_: npt.NDArray[np.uint8] = np.rint(np.clip(np.moveaxis(colours, 0, -1), 0, 1) * 255).astype(np.uint8)
    return bytes_


def painted(values: npt.NDArray[np.floating], low: float, high: float, *, log: bool = False) -> npt.NDArray[np.uint8]:
    """Return a map as an image.

    Args:
        values: (H, W), NaN where there is nothing to show.
        low: Value of the darkest colour.
        high: Value of the brightest colour, above ``low``.
        log: Whether equal ratios, not equal differences, get equal steps of colour; both ends are positive then.

    Returns:
        RGB, (H, W, 3).
    """
    known = np.isfinite(values)
    scaled, ends = np.where(known, values, low), np.array([low, high])
    if log:
        scaled, ends = np.log(np.maximum(scaled, low)), np.log(ends)
    image = viridis((scaled - ends[0]) / (ends[1] - ends[0]))
    image[~known] = NOT_COUNTED
    return image
