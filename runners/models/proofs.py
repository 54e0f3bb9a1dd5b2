"""What can be proven of an adapter without its weights, check by check.

The network is built at full size on the meta device and counted; a tiny checkpoint of random weights, which the
adapter's module writes if it has a function ``write_tiny(entry, folder)``, goes through the real loading path and
predicts. What fails and what was not run is said so.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from runners.datasets.base import Sample
from runners.environment import command_line, describe
from runners.models.architecture import count_classifier, count_parameters, offers
from runners.models.base import Image, Model, rehearse
from runners.models.entry import ModelEntry
from runners.models.errors import ModelError, as_note
from runners.models.registry import ModelOptions, build
from runners.models.requirements import missing, short
from runners.models.weights import WeightFile
from runners.prediction import Prediction
from sitegen.records import (
    PROOF_CHECKS,
    AdapterProofs,
    ModelCard,
    ModelProofs,
    Proof,
    ProofCheck,
    Run,
    parameter_fault,
)

__all__ = ["prove", "record"]

_SIZES = ((96, 128), (128, 96))
_TOLERANCE = 1e-4
_GPU_ONLY = "float16"
"""Processors emulate it, a hundred times slower: what that shows is not worth the minutes."""


class _NotRunError(Exception):
    """A check cannot be run here; the message says why."""


@dataclass(frozen=True)
class _Bench:
    """A model's adapter and what its checks need: a folder for a tiny checkpoint, its card, its runs."""

    entry: ModelEntry
    folder: Path
    card: ModelCard | None = None
    runs: Sequence[Run] = ()
    images: tuple[Image, ...] = field(default_factory=lambda: _images())

    @cached_property
    def model(self) -> Model:
        """The model with random weights, loaded as a real one is."""
        return self.load(self.entry.dtypes[0])

    @cached_property
    def _tiny(self) -> ModelEntry:
        """The entry whose weights are a tiny checkpoint in the folder; that of a model without weights as it is."""
        entry = self.entry
        if entry.weights is None:
            return entry
        if lacking := missing(entry.requires):
            raise _NotRunError(f"not installed: {', '.join(map(short, lacking))}")
        if not offers(entry, "write_tiny"):
            raise _NotRunError("not available: the adapter writes no tiny checkpoint")
        import_module(entry.module).write_tiny(entry, self.folder)
        return _pinned(entry, self.folder) if isinstance(entry.weights, WeightFile) else entry

    def load(self, dtype: str) -> Model:
        """Return the model in a precision, on the CPU; a baseline is fitted on one made-up sample."""
        model = build(self._tiny, ModelOptions("cpu", dtype, self.folder))
        if self.entry.needs_training:
            model.fit([_sample(self.images[0])], "a made-up sample")
        return model


def prove(entry: ModelEntry, card: ModelCard | None, runs: Iterable[Run] = ()) -> ModelProofs:
    """Run every check of a model's adapter.

    Args:
        entry: The model.
        card: Its card; None where it has none.
        runs: Measured runs, of any model.

    Returns:
        The outcome of each check. Nothing that an adapter raises stops the others.
    """
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(entry, Path(folder), card, [run for run in runs if run.model.id == entry.id])
        proofs = [_proof(check, bench) for check in PROOF_CHECKS]
    return ModelProofs(model=entry.id, family=entry.family, proofs=proofs)


def record(models: Sequence[ModelProofs]) -> AdapterProofs:
    """Return the record of what was proven, with this machine's environment and command."""
    return AdapterProofs(
        schema_version=1,
        date=datetime.now(UTC).date().isoformat(),
        command=command_line(),
        environment=describe("cpu"),
        models=list(models),
    )


def _proof(check: ProofCheck, bench: _Bench) -> Proof:
    outcome: Literal["passed", "failed", "not-run"] = "passed"
    try:
        note = _CHECKS[check](bench)
    except _NotRunError as reason:
        outcome, note = "not-run", str(reason)
    except Exception as error:  # whatever an adapter or a library raises is what the record has to say
        outcome, note = "failed", as_note(error)
    return Proof(check=check, outcome=outcome, note=note)


# ---------------------------------------------------------------------------------------------------------------------
# The checks: each returns what it found, or raises


def _parameters(bench: _Bench) -> str:
    """The full-size network has as many parameters as its card says."""
    if bench.entry.weights is None:
        raise _NotRunError("it has no network")
    if not offers(bench.entry, "architecture"):
        raise _NotRunError("not available: the adapter builds no network without weights")
    counted, classifier = count_parameters(bench.entry) / 1e6, count_classifier(bench.entry) / 1e6
    stated = bench.card.params_m if bench.card else None
    if fault := parameter_fault(counted, stated, classifier):
        raise ModelError(fault)
    if stated is None:
        raise _NotRunError(f"{counted:.6g} M counted; no card says how many there should be")
    left_out = f" without the {classifier:.3g} M of a classifier" if classifier else ""
    return f"{counted:.6g} M counted{left_out}, {stated:.6g} M on the card"


def _tiny_checkpoint(bench: _Bench) -> str:
    """A checkpoint of random weights, loaded as the real one is, gives a finite map."""
    (prediction,) = rehearse(bench.model, bench.images[:1])
    shape = _sound(prediction)
    how = "no weights to load" if bench.entry.weights is None else "random weights loaded as the real ones are"
    return f"{how}; {shape} map for an image of {_size(bench.images[0])}"


def _kind(bench: _Bench) -> str:
    """Predictions are of the kind that registry and card say."""
    (prediction,) = rehearse(bench.model, bench.images[:1])
    stated: dict[str, str] = {"the registry": bench.entry.kind, "the model": bench.model.kind}
    stated |= {"the card": bench.card.output_kind} if bench.card else {}
    if wrong := [f"{who} says {kind}" for who, kind in stated.items() if kind != prediction.kind]:
        raise ModelError(f"the prediction is {prediction.kind}; {', '.join(wrong)}")
    return prediction.kind


def _batch_equals_single(bench: _Bench) -> str:
    """Images of one size give the same maps together as alone."""
    same_size = [image for image in bench.images if image.shape == bench.images[0].shape]
    return f"{len(same_size)} images of one size: {_compared(bench.model, same_size)}"


def _mixed_sizes(bench: _Bench) -> str:
    """Images of several sizes come back in the order given, each with the map that it has alone."""
    return f"{len(bench.images)} images of {len(_SIZES)} sizes: {_compared(bench.model, bench.images)}"


def _precisions(bench: _Bench) -> str:
    """Every precision of the registry that a processor computes in gives finite maps."""
    tried = [dtype for dtype in bench.entry.dtypes if dtype != _GPU_ONLY]
    for dtype in tried:
        try:
            _sound(rehearse(bench.load(dtype), bench.images[:1])[0])
        except _NotRunError:
            raise
        except Exception as error:  # named by its precision, then told like any other
            raise ModelError(f"{dtype}: {as_note(error)}") from error
    rest = f"; {_GPU_ONLY} waits for a GPU" if _GPU_ONLY in bench.entry.dtypes else ""
    return f"{', '.join(tried)} on a CPU{rest}"


def _real_weights(bench: _Bench) -> str:
    """A measured run of this model names the weights that it was made with."""
    if bench.entry.weights is None:
        raise _NotRunError("it has no weights")
    pinned = getattr(bench.entry.weights, "sha256", None)
    found = {run.model.weights_sha256: run for run in bench.runs if run.model.weights_sha256}
    if not found:
        raise _NotRunError("no run with its real weights is recorded yet")
    if pinned and pinned not in found:
        raise ModelError(f"runs are recorded with the weights {', '.join(sorted(found))}, and {pinned} are pinned")
    run = found[pinned or min(found)]
    return f"run on {run.dataset.id}, weights sha256 {str(run.model.weights_sha256)[:12]}"


_CHECKS: dict[ProofCheck, Callable[[_Bench], str]] = {
    "parameters": _parameters,
    "tiny-checkpoint": _tiny_checkpoint,
    "kind": _kind,
    "batch-equals-single": _batch_equals_single,
    "mixed-sizes": _mixed_sizes,
    "precisions": _precisions,
    "real-weights": _real_weights,
}


# ---------------------------------------------------------------------------------------------------------------------
# What the checks need


def _images() -> tuple[Image, ...]:
    """Return four images of two sizes in turn, all different."""
    noise = np.random.default_rng(0)
    return tuple(noise.integers(0, 256, (*_SIZES[place % 2], 3), dtype=np.uint8) for place in range(4))


def _sample(image: Image) -> Sample:
    truth = np.linspace(1, 5, image[..., 0].size, dtype=np.float32).reshape(image.shape[:2])
    return Sample("made-up", "made-up", image, truth, truth > 0)


def _pinned(entry: ModelEntry, folder: Path) -> ModelEntry:
    """Return the entry with the tiny file's hash in the place of the pinned one: the file is still checked."""
    weights: Any = entry.weights
    content = (folder / weights.family / weights.name).read_bytes()
    return replace(entry, weights=replace(weights, sha256=hashlib.sha256(content).hexdigest(), size=len(content)))


def _sound(prediction: Prediction) -> str:
    """Return the size of a prediction's map; refuse one that is no map or not finite."""
    found = prediction.map
    if found.ndim != 2:
        raise ModelError(f"the prediction has the shape {tuple(found.shape)}, not that of a map")
    if bad := int((~torch.isfinite(found)).sum()):
        raise ModelError(f"{bad} of {found.numel()} predicted values are not finite")
    return _size(found)


def _size(plane: Image | torch.Tensor) -> str:
    return f"{plane.shape[0]}x{plane.shape[1]}"


def _compared(model: Model, images: Sequence[Image]) -> str:
    """Compare what a model predicts for images together and one by one; return the largest relative difference."""
    together, alone = rehearse(model, images), [rehearse(model, [image])[0] for image in images]
    if len(together) != len(images):
        raise ModelError(f"{len(together)} predictions for {len(images)} images")
    for place, (one, other) in enumerate(zip(together, alone, strict=True)):
        if _sound(one) != _sound(other):
            raise ModelError(f"image {place}: {_size(one.map)} in the batch, {_size(other.map)} alone")
    worst = max(_difference(one.map, other.map) for one, other in zip(together, alone, strict=True))
    if worst > _TOLERANCE:
        raise ModelError(f"maps differ by {worst:.2g} of their largest value, more than {_TOLERANCE:g}")
    return f"maps differ by at most {worst:.1g} of their largest value"


def _difference(one: torch.Tensor, other: torch.Tensor) -> float:
    largest = float(other.abs().max()) or 1.0
    return float((one - other).abs().max()) / largest
