"""Data sets: samples with an image, ground truth in metres and the reason for each one that cannot be used."""

from __future__ import annotations

from runners.datasets.base import (
    Annotations,
    Dataset,
    DatasetError,
    Intrinsics,
    Planes,
    PointPairs,
    Sample,
    SampleError,
    Skip,
)
from runners.datasets.manifest import open_manifest
from runners.datasets.registry import DATASETS, open  # noqa: A004 - the plan's name; always used as datasets.open

__all__ = [
    "DATASETS",
    "Annotations",
    "Dataset",
    "DatasetError",
    "Intrinsics",
    "Planes",
    "PointPairs",
    "Sample",
    "SampleError",
    "Skip",
    "open",
    "open_manifest",
]
