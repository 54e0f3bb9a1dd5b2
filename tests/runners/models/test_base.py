"""Networks: images of one size go together, order is kept, a batch without memory is halved and the record says so."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from runners.models.base import CameraNetwork, Image, Intrinsics, ModelError, Network, PreparedNetwork, rehearse
from runners.prediction import Prediction


class Spy(Network):
    """Predicts each image's first pixel and remembers the batches; more than ``fits`` images find no memory."""

    id, kind = "spy", "metric-depth"

    def __init__(self, fits: int = 99) -> None:
        self.settings, self.fits = {}, fits
        self.batches: list[list[tuple[int, ...]]] = []

    def infer(self, images: Sequence[Image]) -> list[Prediction]:
        """Return maps of the image's size."""
        if len(images) > self.fits:
            raise torch.OutOfMemoryError("no memory")
        self.batches.append([image.shape for image in images])
        return self.as_predictions([torch.full(image.shape[:2], float(image[0, 0, 0])) for image in images])


class One(Spy):
    """Takes one image at a time."""

    largest_batch = 1


def image(value: int, height: int = 2, width: int = 3) -> Image:
    """An image of one value."""
    return np.full((height, width, 3), value, dtype=np.uint8)


def values(found: Sequence[Prediction]) -> list[float]:
    """The value of each prediction."""
    return [float(prediction.map[0, 0]) for prediction in found]


def test_mixed_sizes_go_in_groups_and_come_back_in_order() -> None:
    """Two sizes make two batches; each prediction belongs to its image."""
    spy = Spy()
    assert values(spy.predict([image(1), image(2, 4), image(3), image(4, 4)])) == [1, 2, 3, 4]
    assert [len(batch) for batch in spy.batches] == [2, 2]
    assert all(len(set(batch)) == 1 for batch in spy.batches)


def test_a_batch_without_memory_is_halved_and_recorded() -> None:
    """Seven images where two fit: all are predicted in order, and the settings name what went through at once."""
    spy = Spy(fits=2)
    assert values(spy.predict([image(i) for i in range(7)])) == list(range(7))
    assert max(len(batch) for batch in spy.batches) == 2
    assert spy.settings["batch_halved_to"] in (1, 2)


def test_no_memory_for_one_image_is_an_error() -> None:
    """There is nothing to halve."""
    with pytest.raises(torch.OutOfMemoryError):
        Spy(fits=0).predict([image(1)])


def test_a_model_may_take_one_image_at_a_time() -> None:
    """The adapter's own limit is kept without being an event."""
    one = One()
    assert values(one.predict([image(1), image(2)])) == [1, 2]
    assert [len(batch) for batch in one.batches] == [1, 1]
    assert one.settings == {}


def test_grey_images_are_taken() -> None:
    """What is handed to predict may be any form of an image."""
    assert values(Spy().predict([np.full((2, 3), 7, dtype=np.uint8)])) == [7]


def test_half_precision_comes_back_as_single() -> None:
    """Predictions are float32, float64 where the network computed in it."""
    spy = Spy()
    assert spy.as_predictions(torch.ones(1, 2, 2, dtype=torch.float16))[0].map.dtype == torch.float32
    assert spy.as_predictions(torch.ones(1, 2, 2, dtype=torch.float64))[0].map.dtype == torch.float64


class Wide(CameraNetwork):
    """Predicts each image's own focal length; more than two images find no memory."""

    id, kind = "wide", "metric-depth"

    def __init__(self) -> None:
        self.settings = {}

    def infer(self, images: Sequence[Image], intrinsics: Sequence[Intrinsics]) -> list[Prediction]:
        """Return maps of the image's size."""
        if len(images) > 2:
            raise torch.OutOfMemoryError("no memory")
        return self.as_predictions(
            [torch.full(image.shape[:2], camera[0]) for image, camera in zip(images, intrinsics, strict=True)]
        )


def test_each_image_keeps_its_camera() -> None:
    """Through groups of sizes and halved batches alike."""
    images = [image(0), image(0, 4), image(0), image(0), image(0, 4), image(0)]
    cameras = [(float(10 + i), 1.0, 0.0, 0.0) for i in range(6)]
    assert values(Wide().predict(images, cameras)) == [10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    ("cameras", "sentence"),
    [
        (None, "model 'wide' needs the intrinsics of every image"),
        ([None], "model 'wide' needs the intrinsics of every image"),
        ([(0.0, 1.0, 0.0, 0.0)], "focal lengths above 0"),
        ([(float("nan"), 1.0, 0.0, 0.0)], "focal lengths above 0"),
        ([], "was given 0 cameras for 1 images"),
    ],
)
def test_a_camera_that_is_needed_and_is_none_is_refused(cameras: list[Intrinsics] | None, sentence: str) -> None:
    """Bad input: nothing is assumed in its place."""
    with pytest.raises(ModelError, match=sentence):
        Wide().predict([image(1)], cameras)


def test_a_network_that_needs_no_camera_takes_no_notice_of_one() -> None:
    """The same prediction with and without."""
    assert values(Spy().predict([image(3)], [(9.0, 9.0, 0.0, 0.0)])) == values(Spy().predict([image(3)])) == [3]


def test_a_rehearsal_makes_a_camera_up() -> None:
    """Checks and timing need a camera where there is none: as many pixels of focal length as the image is wide."""
    assert values(rehearse(Wide(), [image(0, width=7)])) == [7]
    assert values(rehearse(Spy(), [image(5)])) == [5]


class Halves(PreparedNetwork):
    """Predicts each image's first pixel in two steps and counts what it prepared; more than two find no memory."""

    id, kind = "halves", "metric-depth"

    def __init__(self) -> None:
        self.settings, self.count = {}, 0

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return the first channel, (B, h, w)."""
        self.count += len(images)
        return torch.stack([torch.from_numpy(image[..., 0]) for image in images])

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Return maps of the image's size."""
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("no memory")
        return self.as_predictions(pixels)


def test_what_was_prepared_is_used_and_halved() -> None:
    """Two sizes, five and two images: the same predictions in the same order, and nothing is prepared twice."""
    images = [image(i, height=4 if i in (1, 4) else 2) for i in range(7)]
    model = Halves()
    ready = model.prepared(images)
    assert model.count == 7
    assert values(model.predict(ready)) == values(Halves().predict(images)) == list(range(7))
    assert (model.count, model.settings) == (7, {"batch_halved_to": 2})


def test_a_model_may_have_nothing_to_prepare() -> None:
    """One that only predicts gets the images as they are."""
    images = [image(1)]
    assert Spy().prepared(images) is images


def test_what_is_no_image_is_refused_while_it_is_prepared() -> None:
    """Bad input: the sentence is that of predict."""
    with pytest.raises(ModelError, match="an image is"):
        Halves().prepared([np.zeros(3, dtype=np.uint8)])
