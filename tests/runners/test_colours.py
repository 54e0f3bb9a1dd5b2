"""Viridis from its polynomial: the known colours, even steps of lightness, and what has no value."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from runners.colours import NOT_COUNTED, painted, viridis


@pytest.mark.parametrize(
    ("value", "colour"),
    [(0.0, (68, 1, 84)), (0.25, (59, 82, 139)), (0.5, (33, 145, 140)), (0.75, (94, 201, 98)), (1.0, (253, 231, 37))],
)
def test_colours_are_those_of_matplotlib(value: float, colour: tuple[int, int, int]) -> None:
    """Five colours of the original map, to within 2 percent."""
    assert np.abs(viridis(np.array(value)).astype(int) - colour).max() <= 5


def test_lightness_rises_in_even_steps() -> None:
    """L* grows by about the same everywhere, which is what makes the map readable in grey."""
    lightness = rgb2lab(viridis(np.linspace(0, 1, 33))[None])[0, :, 0]
    steps = np.diff(lightness)
    assert (steps > 0).all()
    assert steps.max() < 1.6 * steps.mean()


def test_ends_hold_and_gaps_are_grey() -> None:
    """Beyond the ends the colours stay; NaN and infinity are no value."""
    image = painted(np.array([[-5.0, 0.0, 1.0, 9.0, np.nan, np.inf]]), 0, 1)
    assert (image[0, 0] == image[0, 1]).all()
    assert (image[0, 2] == image[0, 3]).all()
    assert [tuple(pixel) for pixel in image[0, 4:]] == [NOT_COUNTED] * 2


def test_ratios_get_equal_steps() -> None:
    """On a logarithmic scale the middle colour is the geometric mean."""
    image = painted(np.array([[1.0, 10.0, 100.0, 0.0]]), 1, 100, log=True)
    assert (image[0, 1] == viridis(np.array(0.5))).all()
    assert (image[0, 3] == image[0, 0]).all()
