"""How much power an NVIDIA GPU draws while something runs, as its driver's NVML tells it.

Tested with a stand-in for NVML alone: no GPU was at hand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch

__all__ = ["Meter", "Power", "metered"]

SETTLED_S = 1.0
"""Seconds of load before a sample counts: newer GPUs tell the mean of the last second (NVML's reference,
``nvmlDeviceGetPowerUsage``), which is of the time before, until then."""
_EVERY_S = 0.05
_FEWEST = 10


@dataclass(frozen=True)
class Power:
    """The power of a whole board, in watts."""

    mean_w: float
    peak_w: float


@dataclass
class Meter:
    """Samples that are taken while something runs; in milliwatts, as NVML has them."""

    samples: list[int] = field(default_factory=list)

    @property
    def power(self) -> Power | None:
        """Return what was drawn; None where NVML told nothing, or too little for a mean."""
        if len(self.samples) < _FEWEST:
            return None
        return Power(sum(self.samples) / len(self.samples) / 1000, max(self.samples) / 1000)


@contextmanager
def metered(device: torch.device, nvml: Any = None, *, settled_s: float = SETTLED_S) -> Iterator[Meter]:
    """Sample a GPU's power in a thread until the block is left.

    Args:
        device: Where what is metered runs; anything but a CUDA device gives no samples.
        nvml: The module ``pynvml``, or what does as well; the installed one when None.
        settled_s: Seconds before the first sample that counts.
    """
    meter, ended = Meter(), threading.Event()
    with _handle(device, nvml) as found:
        if found is None:
            yield meter
            return
        thread = threading.Thread(target=_sample, args=(*found, meter, ended, settled_s), daemon=True)
        thread.start()
        try:
            yield meter
        finally:
            ended.set()
            thread.join()


@contextmanager
def _handle(device: torch.device, nvml: Any) -> Iterator[tuple[Any, Any] | None]:
    """Give NVML with its word for a device; None where the device, its driver or the bindings have none."""
    nvml = nvml or _bindings() if device.type == "cuda" else None
    if nvml is None:
        yield None
        return
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        yield None
        return
    try:
        yield _found(device, nvml)
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _bindings() -> Any:
    try:
        import pynvml
    except ModuleNotFoundError:
        return None
    return pynvml


def _found(device: torch.device, nvml: Any) -> tuple[Any, Any] | None:
    """Return NVML with a device's handle, by the device's own id: CUDA may count devices otherwise than NVML."""
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    try:
        return nvml, nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
    except nvml.NVMLError:
        return None


def _sample(nvml: Any, handle: Any, meter: Meter, ended: threading.Event, settled_s: float) -> None:
    """Take samples until it is ended; one that fails spoils them all, for a mean with a gap is another mean."""
    begin = time.monotonic()
    while not ended.wait(_EVERY_S):
        try:
            drawn = nvml.nvmlDeviceGetPowerUsage(handle)
        except nvml.NVMLError:
            meter.samples.clear()
            return
        if time.monotonic() - begin >= settled_s:
            meter.samples.append(drawn)
