"""What the model sees: the same rule gives the same image, its size is known before, and names tell rules apart."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runners.datasets import Sample
from runners.datasets.base import Intrinsics
from runners.inputs import (
    InputError,
    ModelInput,
    check_prepared,
    input_image,
    input_intrinsics,
    input_of,
    input_size,
    mirrored_intrinsics,
)
from runners.resize import resize_map
from sitegen.records import ResizeStep
from tests.runners import factories as make

COLOUR = {**make.RESIZE, "what": "image", "quantity": "colour"}


def sample(height: int, width: int) -> Sample:
    """A random image with truth of the same size."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    truth = np.ones((height, width), dtype=np.float32)
    return Sample("a", "g", image, truth, truth > 0)


@given(
    crop=st.sampled_from(["full-image", "kb-crop-352x1216"]),
    sizes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=2),
    flip=st.booleans(),
)
def test_size_is_known_without_making_the_image(crop: str, sizes: list[tuple[int, int]], flip: bool) -> None:
    """For any cut and any steps the promised size is the one that comes out; the sample's image is left alone."""
    steps = [ResizeStep.model_validate({**COLOUR, "to": f"{rows}x{columns}"}) for rows, columns in sizes]
    rule = ModelInput(crop=crop, steps=steps, flip_average=flip)
    seen = sample(360, 1220)
    before = seen.image.copy()
    assert input_image(seen, rule).shape[:2] == input_size(seen, rule)
    assert np.array_equal(seen.image, before)


def test_protocols_that_differ_in_scoring_only_have_one_input() -> None:
    """Window, cap and resizing of the prediction do not matter; cut, resizing of the image and flip do."""
    plain = input_of(make.protocol())
    assert input_of(make.capped(10.0, crop=make.GARG, resize=[])) == plain
    others = [
        make.protocol(input_crop="kb-crop-352x1216"),
        make.protocol(resize=[{**COLOUR, "to": "12x20"}, make.RESIZE]),
        make.protocol(resize=[{**COLOUR, "to": "12x20", "align_corners": True}, make.RESIZE]),
        make.protocol(flip_average=True),
    ]
    rules = [plain, *map(input_of, others)]
    assert len({rule.name for rule in rules}) == len(rules)
    assert [rule for rule in rules if rule == plain] == [plain]
    assert plain.name == "full-image"


def test_lanczos_step_asks_for_prepared_data() -> None:
    """It changes no image, so it is no input of its own; an image of another size is refused."""
    protocol = make.protocol(resize=[{**COLOUR, "mode": "lanczos", "to": "4x6"}, make.RESIZE])
    assert input_of(protocol) == input_of(make.protocol())
    check_prepared(sample(4, 6), protocol)
    with pytest.raises(InputError, match="the image is 6x5, and the protocol is for prepared data of 6x4"):
        check_prepared(sample(5, 6), protocol)


def camera_of(
    height: int, width: int, rule: ModelInput, intrinsics: Intrinsics | None, truth: tuple[int, int] | None = None
) -> Intrinsics | None:
    """What the model is told of the camera of an image of this size."""
    depth = np.ones(truth or (height, width), dtype=np.float32)
    image = np.zeros((height, width, 3), dtype=np.uint8)
    return input_intrinsics(Sample("a", "g", image, depth, depth > 0, intrinsics), rule)


def rule_of(*sizes: str, crop: str = "full-image", **changes: object) -> ModelInput:
    """An input with resize steps to these sizes."""
    steps = [ResizeStep.model_validate({**COLOUR, "to": size, **changes}) for size in sizes]
    return ModelInput(crop=crop, steps=steps, flip_average=False)


def test_the_camera_is_that_of_the_image_as_the_model_gets_it() -> None:
    """Against hand computations: a cut moves the principal point, a resize scales everything with its half pixel."""
    camera = (700.0, 710.0, 600.0, 180.0)
    assert camera_of(370, 1226, rule_of(), camera) == camera
    assert camera_of(370, 1226, rule_of(), camera, truth=(100, 100)) == camera
    # The KITTI benchmark cut of 370x1226: 18 rows from the top, 5 columns from the left.
    assert camera_of(370, 1226, rule_of(crop="kb-crop-352x1216"), camera) == (700, 710, 595, 162)
    cut = camera_of(370, 1226, rule_of("176x304", crop="kb-crop-352x1216"), camera)
    assert cut == pytest.approx((175, 355, 595.5 / 4 - 0.5, 162.5 / 2 - 0.5))
    assert camera_of(370, 1226, rule_of(), None) is None


def test_a_resize_that_keeps_the_corners_has_a_camera_of_its_own() -> None:
    """With ``align_corners`` the first and the last centre stay where they are: (n - 1) pixels become (m - 1)."""
    found = camera_of(5, 9, rule_of("9x5", align_corners=True), (80.0, 80.0, 4.0, 2.0))
    assert found == pytest.approx((40, 160, 2, 4))
    assert camera_of(5, 9, rule_of("1x1", align_corners=True), (80.0, 80.0, 4.0, 2.0)) == (80, 80, 4, 2)


@pytest.mark.parametrize(("corners", "tolerance"), [(False, 1e-9), (True, 1e-9)])
def test_a_point_is_seen_where_the_resized_camera_sees_it(corners: bool, tolerance: float) -> None:
    """A slope of grey that is the ray's own coordinate is still that after the resize of the pixels, by torch."""
    fx, fy, cx, cy = 50.0, 60.0, 20.3, 11.1
    rays = (torch.arange(40, dtype=torch.float64) - cx) / fx
    step = ResizeStep.model_validate({**COLOUR, "to": "24x100", "align_corners": corners})
    resized = resize_map(rays.expand(1, 24, 40), (24, 100), step)[0, 0]
    found = camera_of(24, 40, ModelInput(crop="full-image", steps=[step], flip_average=False), (fx, fy, cx, cy))
    assert found is not None
    expected = (torch.arange(100, dtype=torch.float64) - found[2]) / found[0]
    # Torch repeats the border where a centre lies outside it.
    torch.testing.assert_close(resized[2:-2], expected[2:-2], atol=tolerance, rtol=0)


def test_the_mirror_image_has_its_principal_point_mirrored() -> None:
    """Twice mirrored is the camera itself; a principal point in the middle stays."""
    assert mirrored_intrinsics((7.0, 8.0, 0.0, 3.0), 10) == (7, 8, 9, 3)
    assert mirrored_intrinsics((7.0, 8.0, 4.5, 3.0), 10) == (7, 8, 4.5, 3)


def test_a_cut_that_does_not_fit_has_no_camera() -> None:
    """Bad input: the same sentence as for the image."""
    with pytest.raises(InputError, match="has no 1216x352 KITTI benchmark crop"):
        camera_of(100, 100, rule_of(crop="kb-crop-352x1216"), (1.0, 1.0, 0.0, 0.0))
    with pytest.raises(InputError, match="image and truth differ in size"):
        camera_of(370, 1226, rule_of(crop="kb-crop-352x1216"), (1.0, 1.0, 0.0, 0.0), truth=(10, 10))
