"""What every model gives: predictions that declare their kind, and the facts that a record keeps about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import torch
from torch import Tensor

from runners.datasets.base import Intrinsics, Sample
from runners.models.errors import ModelError
from runners.models.images import Image, as_rgb
from runners.prediction import Prediction
from runners.transfer import pinned
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
    "PreparedNetwork",
    "Ready",
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
        device: Where it computes. Who sets it is not waited for: the maps of :meth:`predict` may still be on their way.
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
    device: torch.device | str = "cpu"
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

    def prepared(self, images: Sequence[Image]) -> Sequence[Image]:
        """Return images for :meth:`predict` once everything is done that need not wait for the images before them.

        Called in another thread than :meth:`predict`, which is at earlier images meanwhile. There may be nothing to do.
        """
        return images

    def fit(self, samples: Iterable[Sample], source: str) -> None:
        """Learn from training samples; only baselines do.

        Args:
            samples: The training samples.
            source: What they are, for the record.

        Raises:
            ModelError: If there is nothing to learn from.
        """
        raise ModelError(f"model '{self.id}' is not fitted here")


class Ready(list[Image]):
    """RGB images with what :meth:`PreparedNetwork.prepare` has made of them.

    Args:
        images: The images.
        made: What was made, by the places of the images that go through the network together.
    """

    def __init__(self, images: Iterable[Image], made: Mapping[tuple[int, ...], Tensor] | None = None) -> None:
        super().__init__(images)
        self.made = made or {}


@dataclass(frozen=True)
class _Batch:
    """Images of one size that go through a network together; ``pixels`` are what was prepared of them."""

    images: Sequence[Image]
    cameras: Cameras
    pixels: Tensor | None

    def halves(self) -> tuple[_Batch, _Batch]:
        """Return two batches, the first the larger one."""
        middle = (len(self.images) + 1) // 2
        return self._cut(slice(middle)), self._cut(slice(middle, None))

    def _cut(self, part: slice) -> _Batch:
        return _Batch(self.images[part], self.cameras[part], None if self.pixels is None else self.pixels[part])


class BatchedNetwork(Model):
    """What :class:`Network`, :class:`PreparedNetwork` and :class:`CameraNetwork` share; an adapter is one of those.

    Images of one size go through the network together, and a batch that finds no memory is halved.

    Attributes:
        largest_batch: How many images may go through at once; None for no limit of its own.
    """

    largest_batch: ClassVar[int | None] = None

    @abstractmethod
    def _infer(self, batch: _Batch) -> Sequence[Prediction]:
        """Return the prediction of each image of a batch whose images all have one size."""

    @torch.inference_mode()
    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return one prediction for each image, in the order given, whatever the sizes are.

        Args:
            images: As :func:`runners.models.images.as_rgb` takes them, or what :meth:`prepared` gave.
            intrinsics: The camera of each image; only for models that need them.

        Raises:
            ModelError: If something is no image, or a camera that is needed is missing or is none.
            torch.OutOfMemoryError: If there is no memory for a single image.
        """
        ready = images if isinstance(images, Ready) else Ready(map(as_rgb, images))
        cameras = self._cameras(len(ready), intrinsics)
        found: dict[int, Prediction] = {}
        for places in self._batches(ready):
            batch = [ready[place] for place in places], [cameras[place] for place in places], ready.made.get(places)
            found.update(zip(places, self._halving(_Batch(*batch)), strict=True))
        return [found[place] for place in range(len(ready))]

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

    def _batches(self, images: Sequence[Image]) -> Iterator[tuple[int, ...]]:
        """Yield the places of images that may go through together."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, image in enumerate(images):
            groups.setdefault(image.shape, []).append(place)
        for places in groups.values():
            step = self.largest_batch or len(places)
            yield from (tuple(places[first : first + step]) for first in range(0, len(places), step))

    def _halving(self, batch: _Batch) -> list[Prediction]:
        """Infer a batch, in halves where it finds no memory; the record then says how many went through at once."""
        try:
            return list(self._infer(batch))
        except torch.OutOfMemoryError:
            if len(batch.images) == 1:
                raise
        # Outside the handler: the exception would keep the failed batch's memory alive.
        first, second = batch.halves()
        self.settings["batch_halved_to"] = len(first.images)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return [*self._halving(first), *self._halving(second)]

    def as_predictions(self, maps: Tensor | Sequence[Tensor]) -> list[Prediction]:
        """Return maps (h, w) as predictions of the model's kind, in float32 (float64 stays)."""
        return [Prediction(self.kind, depth if depth.dtype == torch.float64 else depth.float()) for depth in maps]


class Network(BatchedNetwork):
    """A neural network that sees images alone; a subclass says what becomes of a batch of one size (:meth:`infer`)."""

    @abstractmethod
    def infer(self, images: Sequence[Image]) -> Sequence[Prediction]:
        """Return the prediction of each image of a batch whose images all have one size."""

    def _infer(self, batch: _Batch) -> Sequence[Prediction]:
        return self.infer(batch.images)


class PreparedNetwork(BatchedNetwork):
    """A neural network that sees images alone, and whose input is made on the CPU before it runs on its device.

    A subclass says both halves, :meth:`prepare` and :meth:`forward`; the first is then done ahead where that gains
    time. It sets ``device``.
    """

    @abstractmethod
    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return what the network takes of images of one size, on the CPU; the first axis counts the images.

        Called in several threads: it must change nothing of the adapter and leave the device alone.
        """

    @abstractmethod
    def forward(self, pixels: Tensor) -> Sequence[Prediction]:
        """Return the prediction of each image, given on the device what :meth:`prepare` made of them."""

    @torch.inference_mode()
    def prepared(self, images: Sequence[Image]) -> Ready:
        """Return images with what :meth:`prepare` makes of them, in pinned memory where the device is a GPU.

        Raises:
            ModelError: As :meth:`predict`.
        """
        rgb = list(map(as_rgb, images))
        batches = {places: self.prepare([rgb[place] for place in places]) for places in self._batches(rgb)}
        return Ready(rgb, {places: pinned(pixels, self.device) for places, pixels in batches.items()})

    def _infer(self, batch: _Batch) -> Sequence[Prediction]:
        pixels = self.prepare(batch.images) if batch.pixels is None else batch.pixels
        return self.forward(pixels.to(self.device, non_blocking=True))


class CameraNetwork(BatchedNetwork):
    """A neural network that cannot do without the camera: it gets the true one with each image (:meth:`infer`)."""

    needs_intrinsics = True

    @abstractmethod
    def infer(self, images: Sequence[Image], intrinsics: Sequence[Intrinsics]) -> Sequence[Prediction]:
        """Return the prediction of each image of a batch of one size, given fx, fy, cx, cy in pixels of each image."""

    def _infer(self, batch: _Batch) -> Sequence[Prediction]:
        return self.infer(batch.images, [camera for camera in batch.cameras if camera])


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
