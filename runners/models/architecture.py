"""Networks without their weights: built at full size, counted without memory, given an input of the right shape.

An adapter's module offers two functions for it, ``architecture(entry) -> torch.nn.Module``, built on torch's default
device, and ``example_input(entry, batch, height, width) -> Tensor | dict[str, Tensor]``: what that module takes for
images of that size. Where the network is built without a classifier that published numbers of parameters have,
``classifier_parameters(entry) -> int`` says how many these are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from runners.models.entry import ModelEntry
from runners.models.errors import ModelError

__all__ = [
    "NetworkInput",
    "architecture",
    "count_classifier",
    "count_operations",
    "count_parameters",
    "example_input",
    "explaining",
    "forward",
    "offers",
    "shape_of",
]

NetworkInput = Tensor | dict[str, Tensor]
"""What a network takes: one tensor, or several by the names of its parameters; images first, batch first."""


def offers(entry: ModelEntry, *functions: str) -> bool:
    """Return whether an adapter's module has all of these functions.

    Raises:
        ModelError: If the module needs a package that is not installed.
    """
    module = _module(entry)
    return all(callable(getattr(module, name, None)) for name in functions)


def architecture(entry: ModelEntry, device: str = "cpu") -> nn.Module:
    """Return a model's full-size network with random weights, in float32, ready for inference, on a device.

    Raises:
        ModelError: If the adapter has no network to build, or cannot build it.
    """
    build = _function(entry, "architecture")
    with torch.device(device), explaining(entry, "its network cannot be built"):
        module = build(entry)
    return cast(nn.Module, module).eval().requires_grad_(False)


def example_input(entry: ModelEntry, batch: int, height: int, width: int, device: str = "cpu") -> NetworkInput:
    """Return what a model's network takes for a batch of images of a size, in float32, on a device.

    Raises:
        ModelError: If the adapter has no network, or none that takes this.
    """
    make = _function(entry, "example_input")
    with torch.device(device), explaining(entry, f"no input for {batch} images of {height}x{width} (rows x columns)"):
        return cast(NetworkInput, make(entry, batch, height, width))


def forward(network: Callable[..., Any], given: NetworkInput) -> Any:
    """Return what a network makes of an input."""
    return network(**given) if isinstance(given, dict) else network(given)


def shape_of(given: NetworkInput) -> str:
    """Return an input's shape, batch first: ``1x3x384x512``; of several tensors, the largest."""
    tensors = list(given.values()) if isinstance(given, dict) else [given]
    return "x".join(str(size) for size in max(tensors, key=Tensor.numel).shape)


def count_parameters(entry: ModelEntry) -> int:
    """Return how many parameters a full-size network has, without giving it memory.

    Raises:
        ModelError: If the adapter has no network to build, or cannot build it.
    """
    return sum(parameter.numel() for parameter in architecture(entry, "meta").parameters())


def count_classifier(entry: ModelEntry) -> int:
    """Return how many parameters a published number has that the network is built without; 0 if none is said."""
    return int(_function(entry, "classifier_parameters")(entry)) if offers(entry, "classifier_parameters") else 0


def count_operations(entry: ModelEntry, height: int, width: int, device: str = "meta") -> int:
    """Return the floating-point operations that a network needs for an image; on the meta device without memory.

    Convolutions, matrix products and attention are counted, two operations for a multiplication with its addition.

    Raises:
        ModelError: If the adapter has no network, or one that cannot be run there: on meta, one that asks for values.
    """
    network, given = architecture(entry, device), example_input(entry, 1, height, width, device)
    # Written-out attention: the fused kernels of a processor are unknown to torch's counter.
    counter, written_out = FlopCounterMode(display=False), sdpa_kernel(SDPBackend.MATH)
    with counter, torch.no_grad(), written_out, torch.device(device), explaining(entry, "its operations are not known"):
        forward(network, given)
    return int(counter.get_total_flops())


def _function(entry: ModelEntry, name: str) -> Callable[..., Any]:
    if not offers(entry, name):
        raise ModelError(
            f"model '{entry.id}': its adapter ({entry.module}) has no function '{name}', so there is no network to "
            "build without weights"
        )
    return cast(Callable[..., Any], getattr(_module(entry), name))


def _module(entry: ModelEntry) -> Any:
    try:
        return import_module(entry.module)
    except ModuleNotFoundError as error:
        wanted = " ".join(entry.requires) or error.name
        raise ModelError(f"model '{entry.id}': {error.name} is not installed; run: pip install {wanted}") from error


@contextmanager
def explaining(entry: ModelEntry, what: str) -> Iterator[None]:
    """Turn whatever an adapter or a library raises into a sentence that names the model; no memory stays what it is."""
    try:
        yield
    except (ModelError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # adapters call foreign libraries, which raise what they like
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise ModelError(f"model '{entry.id}': {what} ({type(error).__name__}: {reason})") from error
