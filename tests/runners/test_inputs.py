"""What the model sees: the same rule gives the same image, its size is known before, and names tell rules apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.datasets import Sample
from runners.inputs import InputError, ModelInput, check_prepared, input_image, input_of, input_size
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
