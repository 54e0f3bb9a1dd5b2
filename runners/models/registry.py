"""Every model that can be loaded by id, ours and those of plug-ins. Listing imports no torch; loading does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from runners.models.catalogue import ENTRIES
from runners.models.entry import ModelEntry
from runners.models.errors import ModelError
from runners.models.requirements import install_line, missing

if TYPE_CHECKING:
    from runners.models.base import Model

__all__ = [
    "PLUGIN_GROUP",
    "ModelEntry",
    "ModelOptions",
    "build",
    "checked_device",
    "describe",
    "load",
    "models",
    "refusals",
]

PLUGIN_GROUP = "fathom.models"
"""Entry point group of plug-ins; each entry point is a ``ModelEntry`` or a sequence of them."""


@dataclass(frozen=True)
class ModelOptions:
    """How a model is to be loaded.

    Attributes:
        device: A torch device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: Floating-point type of the computation.
        weights_dir: The weights cache; None for the usual one.
        compile: Whether the network is compiled (``torch.compile``) at first use.
        settings: The model's own settings by name, as text; each adapter knows which there are.
    """

    device: str = "cpu"
    dtype: str = "float32"
    weights_dir: Path | None = None
    compile: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@cache
def models() -> dict[str, ModelEntry]:
    """Return every model by id: those of this package first, then those of plug-ins.

    Raises:
        ModelError: If a plug-in cannot be imported, gives something else than entries, or takes an id that is in use.
    """
    found = {entry.id: entry for entry in ENTRIES}
    for point in sorted(entry_points(group=PLUGIN_GROUP), key=lambda point: point.name):
        for entry in _plugged(point.name, point.load):
            if entry.id in found:
                raise ModelError(f"plug-in '{point.name}': the model id '{entry.id}' is in use already")
            found[entry.id] = entry
    return found


def _plugged(name: str, load_entries: Callable[[], object]) -> list[ModelEntry]:
    try:
        loaded = load_entries()
    except Exception as error:  # whatever a plug-in raises is its own fault, and is named so
        raise ModelError(f"plug-in '{name}' cannot be imported ({type(error).__name__}: {error})") from error
    entries = [loaded] if isinstance(loaded, ModelEntry) else list(loaded) if isinstance(loaded, list | tuple) else []
    if not entries or not all(isinstance(entry, ModelEntry) for entry in entries):
        raise ModelError(f"plug-in '{name}' gives no ModelEntry")
    return entries


def describe(model_id: str) -> ModelEntry:
    """Return what is known of a model without loading it.

    Raises:
        ModelError: If the id is unknown.
    """
    known = models()
    if model_id not in known:
        raise ModelError(f"unknown model '{model_id}'; known: {', '.join(known)}")
    return known[model_id]


def refusals(model_id: str, dtype: str, settings: Mapping[str, str], *, compiled: bool = False) -> list[str]:
    """Return why a model cannot be loaded so, one sentence each, as far as that shows without loading it.

    Raises:
        ModelError: If the id is unknown.
    """
    entry = describe(model_id)
    found = [f"model '{model_id}': {fault}" for fault in entry.faults(dtype, settings, compiled=compiled)]
    if lacking := missing(entry.requires):
        found.append(f"model '{model_id}' needs more than is installed; run: {install_line(lacking)}")
    return found


def load(
    model_id: str,
    device: str = "cpu",
    dtype: str = "float32",
    *,
    weights_dir: Path | None = None,
    compile: bool = False,  # noqa: A002 - the option's name
    settings: Mapping[str, str] | None = None,
) -> Model:
    """Return a model that is ready to predict (or to be fitted).

    Args:
        model_id: One of :func:`models`.
        device: A torch device.
        dtype: ``float32``, ``float16``, ``bfloat16`` or ``float64``.
        weights_dir: The weights cache; None for ``FATHOM_WEIGHTS`` or the user's cache.
        compile: Whether to compile the network.
        settings: The model's own settings; unknown names and values are refused.

    Raises:
        ModelError: If the id, a setting or the precision is unknown to the model, a package that it needs or the device
            is not there, or the weights cannot be had.
    """
    entry = describe(model_id)
    chosen = dict(settings or {})
    if faults := refusals(model_id, dtype, chosen, compiled=compile):
        raise ModelError("\n".join(faults))
    return build(entry, ModelOptions(checked_device(device), dtype, weights_dir, compile, chosen))


def build(entry: ModelEntry, options: ModelOptions) -> Model:
    """Return the model that an entry's adapter makes with these options, which are taken to be possible.

    Raises:
        ModelError: If a setting has an impossible value, or the weights cannot be had.
    """
    make: Callable[[ModelEntry, ModelOptions], Model] = getattr(import_module(entry.module), entry.build)
    return make(entry, options)


def checked_device(name: str) -> str:
    """Return the name of a torch device if it can be used here.

    Raises:
        ModelError: If it cannot.
    """
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"device '{name}' cannot be used here: {str(error).splitlines()[0]}") from error
    return name
