"""To a device and back without waiting for it: pinned memory, copies in its queue, and its own time.

All but CUDA is waited for where it is called, as ever. docs/adr/0016-pipeline.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["Stopwatch", "bring", "pinned"]


def pinned(tensor: Tensor, device: torch.device | str) -> Tensor:
    """Return a tensor of the CPU in memory that a device can copy from by itself; as it is where there is none such."""
    return tensor.pin_memory() if _queues(device) else tensor


def bring(maps: Sequence[Tensor], device: torch.device | str) -> Callable[[], list[Tensor]]:
    """Begin to copy maps to the CPU, and return what waits for them and gives them.

    Args:
        maps: What a model gave, in any precision.
        device: Where it computes. On CUDA the copies are put into the device's queue and this returns at once.
    """
    if not _queues(device):
        there = [one.cpu() for one in maps]
        return lambda: there
    with torch.cuda.device(device):
        there = [_host_like(one).copy_(one, non_blocking=True) for one in maps]
    arrived = _mark(device)

    def wait() -> list[Tensor]:
        arrived.synchronize()
        return there

    return wait


class Stopwatch:
    """Times what a device is given to do: by marks in its queue on CUDA, else by the clock.

    Args:
        device: A torch device.
    """

    def __init__(self, device: torch.device | str) -> None:
        self._device, self._clock = device, time.perf_counter()
        self._mark = _mark(device) if _queues(device) else None

    def stop(self) -> Callable[[], float]:
        """Return what gives the seconds until now, once the device has come so far."""
        if self._mark is None:
            seconds = time.perf_counter() - self._clock
            return lambda: seconds
        begin, end = self._mark, _mark(self._device)

        def elapsed() -> float:
            end.synchronize()
            return float(begin.elapsed_time(end)) / 1000

        return elapsed


def _mark(device: torch.device | str) -> torch.cuda.Event:
    """Put a mark into a device's queue; who waits for it sleeps."""
    with torch.cuda.device(device):
        mark = torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
        mark.record()
    return mark


def _queues(device: torch.device | str) -> bool:
    """Return whether a device works off a queue that marks can be put into here."""
    return torch.device(device).type == "cuda"


def _host_like(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
