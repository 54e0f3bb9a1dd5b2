"""What worker processes are asked to read in tests. Imports little: each process reads this module."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from runners.datasets import Sample, SampleError


def read(name: str, folder: Path, wait_s: float = 0) -> Sample:
    """Leave a trace that the sample was read, and give it."""
    time.sleep(wait_s)
    (folder / f"{name}-{os.getpid()}").touch()
    plane = np.full((4, 6), 2, dtype=np.float32)
    return Sample(name, "g", np.zeros((4, 6, 3), np.uint8), plane, plane > 0)


def broken(name: str) -> Sample:
    """Fail as a loader does whose file is corrupt."""
    raise SampleError(f"{name}.png: cannot be read")


def deadly(folder: Path) -> Sample:
    """End the process without a word, as a crash in a library or the kernel would."""
    (folder / f"death-{time.monotonic_ns()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def short_of_memory(name: str, folder: Path) -> Sample:
    """End the process the first time only."""
    if not (marker := folder / f"{name}-tried").exists():
        marker.touch()
        os._exit(1)
    return read(name, folder)
