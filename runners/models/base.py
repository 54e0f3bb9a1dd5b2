"""What every model gives: predictions that declare their kind, and the facts that a record keeps about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from runners.datasets.base import Sample
from runners.prediction import Prediction
from sitegen.records import PredictionKind

__all__ = ["Image", "Model", "ModelError", "Setting"]

Image = npt.NDArray[np.uint8]
"""RGB, (h, w, 3)."""
Setting = str | int | float | bool | None


class ModelError(Exception):
    """A model cannot be loaded or fitted; the message says why and what helps."""


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
