"""What a model sees of a sample under a protocol: the image cut, then resized, with or without its mirror image.

Protocols that agree in this share their predictions, however differently they score them.
"""

from __future__ import annotations

import numpy as np
import torch

from runners.crop import CropError, frame_slices
from runners.datasets.base import Intrinsics, Sample, resized_intrinsics
from runners.models.base import Image
from runners.resize import Size, resize_map, step_size
from sitegen.records import Frame, Protocol, Record, ResizeStep, sha256_of

__all__ = [
    "InputError",
    "ModelInput",
    "check_prepared",
    "input_image",
    "input_intrinsics",
    "input_of",
    "input_size",
    "mirrored_intrinsics",
]


class InputError(Exception):
    """An image cannot be made what a protocol wants the model to see."""


class ModelInput(Record):
    """How an image becomes what the model gets."""

    crop: Frame
    steps: list[ResizeStep]
    """Resize steps of the image, in their order."""
    flip_average: bool

    @property
    def name(self) -> str:
        """Return a name for a folder; inputs that differ have different ones."""
        sizes = [step.to for step in self.steps]
        flip = ["flip"] if self.flip_average else []
        # Steps to one size may still differ in their interpolation.
        steps = [sha256_of([step.model_dump(mode="json") for step in self.steps])[:8]] if self.steps else []
        return "-".join([self.crop, *sizes, *steps, *flip])


def input_of(protocol: Protocol) -> ModelInput:
    """Return what the model sees under a protocol.

    A Lanczos step is none of it: it says what a prepared data set has done (:func:`check_prepared`).
    """
    steps = [step for step in protocol.resize if step.what == "image" and step.mode != "lanczos"]
    return ModelInput(crop=protocol.input_crop, steps=steps, flip_average=protocol.flip_average)


def input_image(sample: Sample, rule: ModelInput) -> Image:
    """Return the image as the model gets it, uint8 RGB; what is resized is rounded to whole grey levels.

    Raises:
        InputError: If the image cannot be cut.
    """
    image = _cut(sample, rule.crop)
    for step in rule.steps:
        image = _resized(image, step)
    return image


def input_size(sample: Sample, rule: ModelInput) -> Size:
    """Return the rows and columns of :func:`input_image`, without making it.

    Raises:
        InputError: If the image cannot be cut.
    """
    named = [size for step in rule.steps if (size := step_size(step))]
    rows, columns = _cut(sample, rule.crop).shape[:2]
    return named[-1] if named else (rows, columns)


def input_intrinsics(sample: Sample, rule: ModelInput) -> Intrinsics | None:
    """Return fx, fy, cx, cy in pixels of :func:`input_image`; None where the data set states none.

    Raises:
        InputError: If the image cannot be cut.
    """
    if sample.intrinsics is None:
        return None
    rows, columns = _window(sample, rule.crop)
    fx, fy, cx, cy = sample.intrinsics
    found, size = (fx, fy, cx - columns.start, cy - rows.start), (rows.stop - rows.start, columns.stop - columns.start)
    for step in rule.steps:
        after = step_size(step) or size
        found, size = resized_intrinsics(found, size, after, corners=bool(step.align_corners)), after
    return found


def mirrored_intrinsics(intrinsics: Intrinsics, width: int) -> Intrinsics:
    """Return the intrinsics of the mirror image of an image of a width."""
    fx, fy, cx, cy = intrinsics
    return fx, fy, width - 1 - cx, cy


def check_prepared(sample: Sample, protocol: Protocol) -> None:
    """Refuse an image of another size than that of the prepared data that a protocol is for.

    Raises:
        InputError: If the image has another size, or cannot be cut.
    """
    lanczos = [step for step in protocol.resize if step.what == "image" and step.mode == "lanczos"]
    for rows, columns in filter(None, map(step_size, lanczos)):
        height, width = _cut(sample, protocol.input_crop).shape[:2]
        if (height, width) != (rows, columns):
            raise InputError(
                f"'{sample.id}': the image is {width}x{height}, and the protocol is for prepared data of "
                f"{columns}x{rows}"
            )


def _cut(sample: Sample, frame: Frame) -> Image:
    rows, columns = _window(sample, frame)
    return sample.image[rows, columns]


def _window(sample: Sample, frame: Frame) -> tuple[slice, slice]:
    """Return the rows and columns of the image that the model sees."""
    if frame == "full-image":
        return frame_slices(frame, *sample.image.shape[:2])
    if sample.image.shape[:2] != sample.truth.shape:
        raise InputError(f"'{sample.id}': image and truth differ in size, and the protocol cuts the image")
    try:
        return frame_slices(frame, *sample.truth.shape)
    except CropError as error:
        raise InputError(f"'{sample.id}': {error}") from error


def _resized(image: Image, step: ResizeStep) -> Image:
    size = step_size(step)
    if size is None or image.shape[:2] == size:
        return image
    planes = resize_map(torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, 0).float(), size, step)
    resized: Image = planes.round().clamp(0, 255).byte().movedim(0, -1).contiguous().numpy()
    return resized
