"""Every model that can be loaded by id. Listing them imports no torch; loading one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sitegen.records import PredictionKind

if TYPE_CHECKING:
    from runners.models.base import Model

__all__ = ["MODELS", "ModelEntry", "ModelOptions", "describe", "load"]


@dataclass(frozen=True)
class ModelOptions:
    """How a model is to be loaded.

    Attributes:
        device: A torch device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: Floating-point type of the computation.
        weights_dir: The weights cache; None for the usual one.
    """

    device: str = "cpu"
    dtype: str = "float32"
    weights_dir: Path | None = None


@dataclass(frozen=True)
class ModelEntry:
    """What is known of a model before it is loaded.

    Attributes:
        id: Of the model and of its card.
        kind: What its predictions are invariant to.
        summary: One line.
        module: Where its adapter is.
        build: Name of the adapter's function ``(model_id, options) -> Model``.
        needs_training: Whether it is fitted on a training split first.
    """

    id: str
    kind: PredictionKind
    summary: str
    module: str
    build: str = "build"
    needs_training: bool = False


_ENTRIES = (
    ModelEntry("baseline-mean-depth", "metric-depth", "Mean depth of the training images", "baselines", "build", True),
    ModelEntry(
        "baseline-row-prior", "metric-depth", "Mean depth of each image row in training", "baselines", "build", True
    ),
    ModelEntry("baseline-dark-channel", "affine-invariant-depth", "Dark channel prior (He et al. 2011)", "baselines"),
    ModelEntry("meter-xxs-nyu", "metric-depth", "METER-XXS trained on NYU Depth V2", "meter"),
    ModelEntry("meter-xxs-kitti", "metric-depth", "METER-XXS trained on KITTI", "meter"),
)

MODELS: dict[str, ModelEntry] = {entry.id: entry for entry in _ENTRIES}
"""Every model by id."""


def describe(model_id: str) -> ModelEntry:
    """Return what is known of a model without loading it.

    Raises:
        ModelError: If the id is unknown.
    """
    from runners.models.base import ModelError

    if model_id not in MODELS:
        raise ModelError(f"unknown model '{model_id}'; known: {', '.join(MODELS)}")
    return MODELS[model_id]


def load(model_id: str, device: str = "cpu", dtype: str = "float32", *, weights_dir: Path | None = None) -> Model:
    """Return a model that is ready to predict (or to be fitted).

    Args:
        model_id: One of ``MODELS``.
        device: A torch device.
        dtype: ``float32``, ``float16``, ``bfloat16`` or ``float64``.
        weights_dir: The weights cache; None for ``FATHOM_WEIGHTS`` or the user's cache.

    Raises:
        ModelError: If the id is unknown, the device is not there or the weights cannot be had.
    """
    entry = describe(model_id)
    build: Callable[[str, ModelOptions], Model] = getattr(import_module(f"runners.models.{entry.module}"), entry.build)
    return build(model_id, ModelOptions(_checked_device(device), dtype, weights_dir))


def _checked_device(name: str) -> str:
    import torch

    from runners.models.base import ModelError

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"device '{name}' cannot be used here: {str(error).splitlines()[0]}") from error
    return name
