"""What every model gives: predictions that declare their kind, and the facts that a record keeps about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from runners.datasets.base import Sample
from runners.models.errors import ModelError
from runners.models.images import Image, as_rgb
from runners.prediction import Prediction
from sitegen.records import PredictionKind

__all__ = ["DTYPES", "Image", "Model", "ModelError", "Network", "Setting"]

Setting = str | int | float | bool | None

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
    """

    id: str
    kind: PredictionKind
    revision: str = ""
    weights_sha256: str | None = None
    dtype: str = "float32"
    settings: dict[str, Setting]
    needs_training: ClassVar[bool] = False

    @abstractmethod
    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return one prediction for each RGB image, at the model's own output size."""

    def fit(self, samples: Iterable[Sample], source: str) -> None:
        """Learn from training samples; only baselines do.

        Args:
            samples: The training samples.
            source: What they are, for the record.

        Raises:
            ModelError: If there is nothing to learn from.
        """
        raise ModelError(f"model '{self.id}' is not fitted here")


class Network(Model):
    """A neural network: images of one size go through it together, and a batch that finds no memory is halved.

    A subclass says what becomes of a batch of RGB images of one size (:meth:`infer`).

    Attributes:
        largest_batch: How many images may go through at once; None for no limit of its own.
    """

    largest_batch: ClassVar[int | None] = None

    @abstractmethod
    def infer(self, images: Sequence[Image]) -> Sequence[Prediction]:
        """Return the prediction of each image of a batch whose images all have one size."""

    @torch.inference_mode()
    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return one prediction for each image, in the order given, whatever the sizes are.

        Args:
            images: As :func:`runners.models.images.as_rgb` takes them.

        Raises:
            ModelError: If something is no image.
            torch.OutOfMemoryError: If there is no memory for a single image.
        """
        rgb = [as_rgb(image) for image in images]
        found: dict[int, Prediction] = {}
        for places in self._batches(rgb):
            found.update(zip(places, self._halving([rgb[place] for place in places]), strict=True))
        return [found[place] for place in range(len(rgb))]

    def _batches(self, images: Sequence[Image]) -> Iterator[list[int]]:
        """Yield the places of images that may go through together."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, image in enumerate(images):
            groups.setdefault(image.shape, []).append(place)
        for places in groups.values():
            step = self.largest_batch or len(places)
            yield from (places[first : first + step] for first in range(0, len(places), step))

    def _halving(self, images: Sequence[Image]) -> list[Prediction]:
        """Infer a batch, in halves where it finds no memory; the record then says how many went through at once."""
        try:
            return list(self.infer(images))
        except torch.OutOfMemoryError:
            if len(images) == 1:
                raise
        # Outside the handler: the exception would keep the failed batch's memory alive.
        half = (len(images) + 1) // 2
        self.settings["batch_halved_to"] = half
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return [*self._halving(images[:half]), *self._halving(images[half:])]

    def as_predictions(self, maps: Tensor | Sequence[Tensor]) -> list[Prediction]:
        """Return maps (h, w) as predictions of the model's kind, in float32 (float64 stays)."""
        return [Prediction(self.kind, depth if depth.dtype == torch.float64 else depth.float()) for depth in maps]
