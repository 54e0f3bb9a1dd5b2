"""What is known of a model before it is loaded. No torch here: listing models must be quick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runners.models.hub import HubWeights
from runners.models.weights import WeightFile
from sitegen.records import PredictionKind

__all__ = ["ModelEntry"]


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be loaded by id.

    Attributes:
        id: Of the model and of its card.
        kind: What its predictions are invariant to.
        summary: One line.
        module: Where its adapter is, a full module name.
        build: Name of the adapter's function ``(entry, options) -> Model``.
        needs_training: Whether it is fitted on a training split first.
        family: Models that share an adapter.
        weights: Where its weights come from; None for a model without any.
        dtypes: Precisions that it can be run in, the safe one first.
        compiles: Whether it can be compiled.
        settings: Its own settings: name to what may stand there, in words.
        requires: Packages that it needs beyond the ``runners`` extra, as pip takes them: ``name``, ``name==1.2``,
            ``name @ git+https://...``.
        needs_intrinsics: Whether it has to be told the camera of each image (its adapter is a ``CameraNetwork``).
        keeps_float32: Whether its weights stay in float32 whatever it computes in (autocast).
    """

    id: str
    kind: PredictionKind
    summary: str
    module: str
    build: str = "build"
    needs_training: bool = False
    family: str = "baseline"
    weights: HubWeights | WeightFile | None = None
    dtypes: tuple[str, ...] = ("float32",)
    compiles: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    needs_intrinsics: bool = False
    keeps_float32: bool = False

    def faults(self, dtype: str, settings: Mapping[str, str], *, compiled: bool = False) -> list[str]:
        """Return what of a wish cannot be had, one sentence each; values of settings are the adapter's to judge."""
        found = [f"no setting '{name}'; known: {self._known()}" for name in settings if name not in self.settings]
        if dtype not in self.dtypes:
            found.append(f"runs in {', '.join(self.dtypes)}, not {dtype}")
        if compiled and not self.compiles:
            found.append("cannot be compiled")
        return found

    def _known(self) -> str:
        return "; ".join(f"{name} ({meaning})" for name, meaning in self.settings.items()) or "none"
