"""What every model gives: predictions that declare their kind, and the facts that a record keeps about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import ClassVar

import torch
from torch import Tensor

from runners.datasets.base import Intrinsics, Sample
from runners.models.errors import ModelError
from runners.models.images import Image, as_rgb
from runners.prediction import Prediction
from sitegen.records import PredictionKind

__all__ = [
    "DTYPES",
    "BatchedNetwork",
    "CameraNetwork",
    "Cameras",
    "Image",
    "Intrinsics",
    "Model",
    "ModelError",
    "Network",
    "Setting",
    "rehearse",
]

Setting = str | int | float | bool | None

Cameras = Sequence[Intrinsics | None]
"""fx, fy, cx, cy of each image, in pixels of the image as the model gets it; None where nothing is known of one."""

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64}
"""torch's floating-point types by the names that options and records have."""


class Model(ABC):
    """A depth model that is ready to predict.

    Attributes:
        id: Equals the id of the model's card.
        kind: What its predictions are invariant to.
        revision: Which release of code or weights this is.
        weights_sha256: Of the weight file; None for a model without one.
        dtype: In which it computes.
        settings: Everything else that changes its numbers; kept in the record.
        needs_training: Whether :meth:`fit` has to be called before :meth:`predict`.
        needs_intrinsics: Whether :meth:`predict` has to be told the camera of each image. A model that does not need it
            is never told, so that every such model sees the same: the image alone.
    """

    id: str
    kind: PredictionKind
    revision: str = ""
    weights_sha256: str | None = None
    dtype: str = "float32"
    settings: dict[str, Setting]
    needs_training: ClassVar[bool] = False
    needs_intrinsics: ClassVar[bool] = False

    @abstractmethod
    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return one prediction for each RGB image, at the model's own output size.

        Args:
            images: The images.
            intrinsics: The camera of each image; only for models that need them.
        """

    def fit(self, samples: Iterable[Sample], source: str) -> None:
        """Learn from training samples; only baselines do.

        Args:
            samples: The training samples.
            source: What they are, for the record.

        Raises:
            ModelError: If there is nothing to learn from.
        """
        raise ModelError(f"model '{self.id}' is not fitted here")


class BatchedNetwork(Model):
    """What :class:`Network` and :class:`CameraNetwork` share; an adapter is one of those.

    Images of one size go through the network together, and a batch that finds no memory is halved.

    Attributes:
        largest_batch: How many images may go through at once; None for no limit of its own.
    """

    largest_batch: ClassVar[int | None] = None

    @abstractmethod
    def _infer(self, images: Sequence[Image], cameras: Cameras) -> Sequence[Prediction]:
        """Return the prediction of each image of a batch whose images all have one size."""

    @torch.inference_mode()
    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return one prediction for each image, in the order given, whatever the sizes are.

        Args:
            images: As :func:`runners.models.images.as_rgb` takes them.
            intrinsics: The camera of each image; only for models that need them.

        Raises:
            ModelError: If something is no image, or a camera that is needed is missing or is none.
            torch.OutOfMemoryError: If there is no memory for a single image.
        """
        rgb = [as_rgb(image) for image in images]
        cameras = self._cameras(len(rgb), intrinsics)
        found: dict[int, Prediction] = {}
        for places in self._batches(rgb):
            batch = self._halving([rgb[place] for place in places], [cameras[place] for place in places])
            found.update(zip(places, batch, strict=True))
        return [found[place] for place in range(len(rgb))]

    def _cameras(self, count: int, given: Cameras | None) -> Cameras:
        """Return one camera an image; refuse what a model that needs them cannot use."""
        cameras = [None] * count if given is None else given
        if len(cameras) != count:
            raise ModelError(f"model '{self.id}' was given {len(cameras)} cameras for {count} images")
        if self.needs_intrinsics and not all(camera and _possible(camera) for camera in cameras):
            raise ModelError(
                f"model '{self.id}' needs the intrinsics of every image (fx, fy, cx, cy in pixels, focal lengths above "
                "0), and one has none"
            )
        return cameras

    def _batches(self, images: Sequence[Image]) -> Iterator[list[int]]:
        """Yield the places of images that may go through together."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, image in enumerate(images):
            groups.setdefault(image.shape, []).append(place)
        for places in groups.values():
            step = self.largest_batch or len(places)
            yield from (places[first : first + step] for first in range(0, len(places), step))

    def _halving(self, images: Sequence[Image], cameras: Cameras) -> list[Prediction]:
        """Infer a batch, in halves where it finds no memory; the record then says how many went through at once."""
        try:
            return list(self._infer(images, cameras))
        except torch.OutOfMemoryError:
            if len(images) == 1:
                raise
        # Outside the handler: the exception would keep the failed batch's memory alive.
        half = (len(images) + 1) // 2
        self.settings["batch_halved_to"] = half
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return [*self._halving(images[:half], cameras[:half]), *self._halving(images[half:], cameras[half:])]

    def as_predictions(self, maps: Tensor | Sequence[Tensor]) -> list[Prediction]:
        """Return maps (h, w) as predictions of the model's kind, in float32 (float64 stays)."""
        return [Prediction(self.kind, depth if depth.dtype == torch.float64 else depth.float()) for depth in maps]


class Network(BatchedNetwork):
    """A neural network that sees images alone; a subclass says what becomes of a batch of one size (:meth:`infer`)."""

    @abstractmethod
    def infer(self, images: Sequence[Image]) -> Sequence[Prediction]:
        """Return the prediction of each image of a batch whose images all have one size."""

    def _infer(self, images: Sequence[Image], cameras: Cameras) -> Sequence[Prediction]:
        return self.infer(images)


class CameraNetwork(BatchedNetwork):
    """A neural network that cannot do without the camera: it gets the true one with each image (:meth:`infer`)."""

    needs_intrinsics = True

    @abstractmethod
    def infer(self, images: Sequence[Image], intrinsics: Sequence[Intrinsics]) -> Sequence[Prediction]:
        """Return the prediction of each image of a batch of one size, given fx, fy, cx, cy in pixels of each image."""

    def _infer(self, images: Sequence[Image], cameras: Cameras) -> Sequence[Prediction]:
        return self.infer(images, [camera for camera in cameras if camera])


def rehearse(model: Model, images: Sequence[Image]) -> list[Prediction]:
    """Return predictions of images that belong to no camera (checks, timing): one is made up where it is needed.

    The made-up camera looks 53 degrees wide, straight through the middle; what comes out measures nothing.
    """
    if not model.needs_intrinsics:
        return model.predict(images)
    sizes = [(image.shape[0], image.shape[1]) for image in images]
    cameras = [(float(width), float(width), (width - 1) / 2, (height - 1) / 2) for height, width in sizes]
    return model.predict(images, cameras)


def _possible(camera: Intrinsics) -> bool:
    return all(map(isfinite, camera)) and min(camera[:2]) > 0
