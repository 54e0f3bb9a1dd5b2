"""The input of MiDaS and DPT: sizes as the reference's, pixels as OpenCV's.

Values of OpenCV come from opencv-python-headless 5.0.0, sizes from ``transforms.py`` of isl-org/MiDaS, commit 4545977.
"""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from runners.models.midas_networks import MIDAS_NETWORKS
from runners.models.midas_resize import (
    IMAGENET,
    MIDAS_INPUTS,
    PLAIN,
    SYMMETRIC,
    InputRule,
    SizeRule,
    input_size,
    prepare,
)

V21, SMALL, DPT = (MIDAS_INPUTS[f"midas-{name}"] for name in ("v2-1-large-384", "v2-1-small-256", "v3-0-dpt-large-384"))
SQUARE, LEVIT = MIDAS_INPUTS["midas-v3-1-swin-l-384"], MIDAS_INPUTS["midas-v3-1-levit-224"]
V1, BEIT_512 = MIDAS_INPUTS["midas-v1"], MIDAS_INPUTS["midas-v3-1-beit-l-512"]

RAMP = (np.arange(5 * 7 * 3).reshape(5, 7, 3) * 37 % 256).astype(np.uint8)
RAMP_IN_OPENCV = {
    ("cubic", 3, 4): [
        [0.137316, 0.847102, 0.735904, 0.41873],
        [0.198753, 0.90854, 0.797342, 0.480168],
        [0.305534, 0.30461, 0.865833, 0.541606],
    ],
    ("cubic", 8, 9): [
        [-0.031938, 0.246614, 0.71408, 0.785949, 0.298684, 0.688646, 0.405218, 0.239207, 0.629306],
        [-0.016342, 0.26221, 0.729676, 0.801545, 0.314281, 0.704243, 0.420814, 0.254803, 0.644903],
        [0.009743, 0.288295, 0.755761, 0.82763, 0.340366, 0.730328, 0.446899, 0.280888, 0.670988],
        [0.029475, 0.308028, 0.775494, 0.847362, 0.360098, 0.75006, 0.466631, 0.300621, 0.69072],
        [0.054378, 0.327313, 0.826677, 0.917893, 0.385, 0.773506, 0.491534, 0.325523, 0.715622],
        [0.07411, 0.348067, 0.841631, 0.929329, 0.404732, 0.793503, 0.511266, 0.345255, 0.735355],
        [0.100195, 0.442351, 0.548614, 0.401406, 0.430817, 0.837269, 0.537351, 0.37134, 0.76144],
        [0.115791, 0.516246, 0.291427, -0.056589, 0.446414, 0.86798, 0.552947, 0.386937, 0.777036],
    ],
    ("cubic", 4, 9): [
        [-0.025336, 0.253217, 0.720683, 0.792551, 0.305287, 0.695249, 0.41182, 0.24581, 0.635909],
        [0.020902, 0.299454, 0.76692, 0.838788, 0.351524, 0.741486, 0.458058, 0.292047, 0.682146],
        [0.062951, 0.329249, 0.86631, 0.98039, 0.393574, 0.780359, 0.500107, 0.334097, 0.724196],
        [0.109189, 0.487633, 0.387815, 0.115615, 0.439811, 0.855671, 0.546345, 0.380334, 0.770433],
    ],
    ("area", 3, 4): [
        [0.200672, 0.660056, 0.54577, 0.431485],
        [0.257143, 0.716527, 0.602241, 0.487955],
        [0.313613, 0.428796, 0.658712, 0.544426],
    ],
    ("area", 8, 9): [
        [0.0, 0.310924, 0.621849, 0.789356, 0.301961, 0.67507, 0.412325, 0.292997, 0.603922],
        [0.014118, 0.325042, 0.635966, 0.803473, 0.316078, 0.689188, 0.426443, 0.307115, 0.618039],
        [0.035294, 0.346218, 0.657143, 0.82465, 0.337255, 0.710364, 0.447619, 0.328291, 0.639216],
        [0.063529, 0.374454, 0.685378, 0.852885, 0.36549, 0.738599, 0.475854, 0.356527, 0.667451],
        [0.077647, 0.388571, 0.699496, 0.867003, 0.379608, 0.752717, 0.489972, 0.370644, 0.681569],
        [0.105882, 0.416807, 0.727731, 0.895238, 0.407843, 0.780952, 0.518207, 0.39888, 0.709804],
        [0.127059, 0.437983, 0.490756, 0.400112, 0.42902, 0.802129, 0.539384, 0.420056, 0.73098],
        [0.141176, 0.452101, 0.332773, 0.070028, 0.443137, 0.816247, 0.553501, 0.434174, 0.745098],
    ],
    ("area", 4, 9): [
        [0.007059, 0.317983, 0.628908, 0.796415, 0.30902, 0.682129, 0.419384, 0.300056, 0.61098],
        [0.049412, 0.360336, 0.671261, 0.838768, 0.351373, 0.724482, 0.461737, 0.342409, 0.653333],
        [0.091765, 0.402689, 0.713613, 0.88112, 0.393725, 0.766835, 0.50409, 0.384762, 0.695686],
        [0.134118, 0.445042, 0.411765, 0.23507, 0.436078, 0.809188, 0.546443, 0.427115, 0.738039],
    ],
}


@pytest.mark.parametrize(
    ("rule", "image", "expected"),
    [
        (V21, (480, 640), (288, 384)),
        (V21, (375, 1242), (128, 384)),
        (SMALL, (480, 640), (192, 256)),
        (SMALL, (375, 1242), (64, 256)),
        (DPT, (480, 640), (384, 512)),
        (DPT, (375, 1242), (384, 1280)),
        (DPT, (768, 1024), (384, 512)),
        (BEIT_512, (480, 640), (512, 672)),
        (SQUARE, (480, 640), (384, 384)),
        (SQUARE, (375, 1242), (384, 384)),
        (LEVIT, (375, 1242), (224, 224)),
        (V1, (480, 640), (288, 384)),
        (V1, (375, 1242), (128, 384)),
        (V1, (768, 1024), (288, 384)),
    ],
)
def test_sizes_of_known_images(rule: InputRule, image: tuple[int, int], expected: tuple[int, int]) -> None:
    """NYU Depth V2, KITTI and a few more, as the reference's protocols name them."""
    assert input_size(*image, rule) == expected


@pytest.mark.parametrize(
    ("rule", "image", "expected"),
    [
        ("minimal", (100, 210), (96, 192)),  # 96 / 100 is nearer to 1 than 96 / 210; 201.6 / 32 = 6.3
        ("minimal", (100, 125), (96, 128)),  # 120 / 32 = 3.75
        ("minimal", (96, 80), (96, 64)),  # 80 / 32 = 2.5: halves to the even multiple
        ("minimal", (96, 112), (96, 128)),  # 3.5 goes up to 4
        ("upper_bound", (96, 112), (96, 96)),  # factor 96/112: 82.3 -> 3
        ("upper_bound", (192, 160), (96, 64)),  # 80 / 32 = 2.5
        ("lower_bound", (96, 112), (96, 128)),
        ("lower_bound", (192, 160), (128, 96)),  # 115.2 / 32 = 3.6
        ("lower_bound", (1000, 96), (992, 96)),  # 31.25
    ],
)
def test_rounding(rule: SizeRule, image: tuple[int, int], expected: tuple[int, int]) -> None:
    """To the nearest multiple of 32 with a target of 96, halves to the even one."""
    assert input_size(*image, InputRule(96, rule, PLAIN)) == expected


def test_bounds_hold_where_the_target_is_no_multiple() -> None:
    """Rounding would pass the target: then a lower bound is rounded up and an upper bound down."""
    image = (100, 100)
    assert input_size(*image, InputRule(100, "lower_bound", PLAIN)) == (128, 128)
    assert input_size(*image, InputRule(100, "minimal", PLAIN)) == (96, 96)
    assert input_size(*image, InputRule(120, "minimal", PLAIN)) == (128, 128)
    assert input_size(*image, InputRule(120, "upper_bound", PLAIN)) == (96, 96)


@given(
    height=st.integers(20, 4000),
    width=st.integers(20, 4000),
    side=st.sampled_from((224, 256, 384, 512)),
    rule=st.sampled_from(("lower_bound", "upper_bound", "minimal", "long_side_up")),
)
def test_every_size_is_a_multiple_within_its_bound(height: int, width: int, side: int, rule: SizeRule) -> None:
    """Whatever the image: multiples of 32, the bound kept, and a turned image turns the size."""
    assume(max(height, width) < 10 * min(height, width) and abs(height - width) > 0)
    made = InputRule(side, rule, PLAIN)
    size = input_size(height, width, made)
    assert all(length % 32 == 0 and length > 0 for length in size)
    if rule == "lower_bound":
        assert min(size) >= side
    if rule == "upper_bound":
        assert max(size) <= side
    if rule != "minimal":
        assert input_size(width, height, made) == size[::-1]


def test_image_that_would_vanish_is_refused() -> None:
    """An upper bound leaves nothing of an extreme panorama; the sentence says so."""
    with pytest.raises(ValueError, match="image of 10x4000 cannot be brought to 384 pixels with rule 'upper_bound'"):
        input_size(10, 4000, V21)


@pytest.mark.parametrize("kind", RAMP_IN_OPENCV)
def test_pixels_are_opencv_s(kind: tuple[str, int, int]) -> None:
    """Shrunk, enlarged and both at once; cubic and area."""
    interpolation, height, width = kind
    size = (height, width)
    made = InputRule(1, "minimal", PLAIN, multiple=1, interpolation=interpolation)  # type: ignore[arg-type]
    red = _brought_to(made, size)[0]
    assert red.shape == size
    assert red.numpy() == pytest.approx(np.array(RAMP_IN_OPENCV[kind]), abs=2e-6)


def _brought_to(rule: InputRule, size: tuple[int, int]) -> torch.Tensor:
    """Return the ramp at a size that no rule would choose."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runners.models.midas_resize.input_size", lambda *_: size)
        return prepare(RAMP, rule)


def test_colours_are_normalised_after_the_resize() -> None:
    """(colour - mean) / deviation by channel, red first."""
    grey = np.full((96, 96, 3), 51, dtype=np.uint8)
    by_imagenet = prepare(grey, InputRule(96, "minimal", IMAGENET))
    expected = [(0.2 - mean) / deviation for mean, deviation in zip(*IMAGENET, strict=True)]
    assert by_imagenet.dtype == torch.float32
    assert by_imagenet.shape == (3, 96, 96)
    assert by_imagenet.amax(dim=(1, 2)).tolist() == pytest.approx(expected)
    assert prepare(grey, InputRule(96, "minimal", SYMMETRIC)).unique().tolist() == pytest.approx([-0.6])
    assert prepare(grey, V1).shape == (3, 384, 384)
    assert prepare(grey, V1).flatten().numpy() == pytest.approx(np.float32(0.2))


def test_colours_keep_their_order() -> None:
    """The first plane is red."""
    red = np.zeros((40, 40, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert prepare(red, InputRule(32, "minimal", PLAIN)).amax(dim=(1, 2)).tolist() == pytest.approx([1, 0, 0])


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))])
def test_other_images_are_refused(image: np.ndarray) -> None:
    """Grey, RGBA and floating-point images are somebody else's to convert."""
    with pytest.raises(ValueError, match=r"an image is uint8 \(h, w, 3\), not"):
        prepare(image, V21)


def test_every_network_has_its_input() -> None:
    """The networks built here all have a rule, and a fixed side where the network has one."""
    assert set(MIDAS_NETWORKS) <= set(MIDAS_INPUTS)
