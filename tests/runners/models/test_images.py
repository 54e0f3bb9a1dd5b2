"""Images that are handed to a model: grey, RGBA, 16 bits and fractions become RGB of 8 bits, the rest is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runners.models.errors import ModelError
from runners.models.images import as_rgb

GREY = np.array([[0, 100, 255]], dtype=np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        GREY,
        GREY[..., None],
        np.repeat(GREY[..., None], 3, axis=2),
        np.concatenate([np.repeat(GREY[..., None], 3, axis=2), np.zeros((1, 3, 1), np.uint8)], axis=2),
        GREY.astype(np.uint16) * 257,
        GREY / 255,
        (GREY / 255).astype(np.float32),
    ],
    ids=["grey", "grey-plane", "rgb", "rgba", "uint16", "float64", "float32"],
)
def test_every_form_of_an_image_is_the_same_rgb(image: np.ndarray) -> None:
    """One grey ramp in seven forms gives one RGB array in one piece; opacity is left out."""
    rgb = as_rgb(image)
    assert rgb.dtype == np.uint8
    assert rgb.flags["C_CONTIGUOUS"]
    assert np.array_equal(rgb, np.repeat(GREY[..., None], 3, axis=2))


@given(arrays(np.uint8, (2, 3, 3), elements=st.integers(0, 255)))
def test_rgb_stays_what_it_is(image: np.ndarray) -> None:
    """An RGB image of 8 bits is not touched."""
    assert np.array_equal(as_rgb(image), image)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((2, 3, 2), np.uint8), r"not \(2, 3, 2\)"),
        (np.zeros((0, 3, 3), np.uint8), r"not \(0, 3, 3\)"),
        (np.zeros(4, np.uint8), r"not \(4,\)"),
        (np.zeros((2, 3, 3), np.int64), "not int64"),
        (np.full((2, 3, 3), 1.5), "within 0..1, not float64"),
        (np.full((2, 3, 3), np.nan), "within 0..1, not float64"),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray, sentence: str) -> None:
    """A wrong shape, an unknown type and values out of range are named."""
    with pytest.raises(ModelError, match=sentence):
        as_rgb(image)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3), (3, 4, 4)])
def test_images_may_be_written_to(shape: tuple[int, ...]) -> None:
    """Otherwise torch warns when it takes one, once in a program, and a warning is an error in these tests."""
    image = as_rgb(np.zeros(shape, dtype=np.uint8))
    assert image.flags.writeable
    assert image.flags.c_contiguous
