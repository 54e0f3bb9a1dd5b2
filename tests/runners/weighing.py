"""Weighs a run whose model keeps nothing, and one whose model keeps its maps, for test_benchmark.py.

In a process of its own: one that has had gigabytes before takes a leak out of what it gave back. Prints JSON.

    PYTHONPATH=benchmarks python -m tests.runners.weighing IMAGES WARM
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

import soak

from runners.models.base import Cameras, Image
from runners.prediction import Prediction


class Leaking(soak.Constant):
    """Keeps what it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Prediction] = []

    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return new maps."""
        self.kept += [replace(one, map=one.map.clone()) for one in super().predict(images)]
        return super().predict(images)


if __name__ == "__main__":
    images, warm = map(int, sys.argv[1:])
    flat = soak.soak(soak.Constant(), images, warm)
    leaking = soak.soak(Leaking(), images, warm, workers=0, threads=0)
    print(json.dumps({name: [asdict(one) for one in run] for name, run in (("flat", flat), ("leaking", leaking))}))
