"""Every model of this package, family by family: ids, kinds, weights, precisions. Facts only, no adapter."""

from __future__ import annotations

from runners.models.entry import ModelEntry
from runners.models.weights import WeightFile

__all__ = ["ENTRIES"]

_BASELINES = (
    ModelEntry(
        "baseline-mean-depth",
        "metric-depth",
        "Mean depth of the training images",
        "runners.models.baselines",
        needs_training=True,
    ),
    ModelEntry(
        "baseline-row-prior",
        "metric-depth",
        "Mean depth of each image row in training",
        "runners.models.baselines",
        needs_training=True,
    ),
    ModelEntry(
        "baseline-dark-channel",
        "affine-invariant-depth",
        "Dark channel prior (He et al. 2011)",
        "runners.models.baselines",
    ),
)

_METER_COMMIT = "0f9a49ada3af88393ba5dce3839ab471329e37bd"
_METER_ORIGIN = f"https://raw.githubusercontent.com/lorenzopapa5/METER/{_METER_COMMIT}/models"


def _meter(model_id: str, data: str, file: str, sha256: str, licence: str) -> ModelEntry:
    terms = f"the origin repository is MIT and says nothing separate about the weights; trained on {data} ({licence})"
    weights = WeightFile("meter-xxs", file, f"{_METER_ORIGIN}/{file}", sha256, 2965623, terms)
    every = ("float32", "float16", "bfloat16", "float64")
    summary = f"METER-XXS trained on {data}"
    return ModelEntry(
        model_id, "metric-depth", summary, "runners.models.meter", family="meter", weights=weights, dtypes=every
    )


_METER = (
    _meter(
        "meter-xxs-nyu",
        "NYU Depth V2",
        "build_model_best_nyu_xxs",
        "327cddf3bfc85f4a13b8d18d2f13d8e40cdeb022ea397995c409ef1569bcbb53",
        "research use, no explicit licence",
    ),
    _meter(
        "meter-xxs-kitti",
        "KITTI",
        "build_model_best_kitti_xxs",
        "e55544ae36f9ad74237017fd5f8e761db4b258dbed44623c71ce305d44488bea",
        "CC BY-NC-SA 3.0",
    ),
)

ENTRIES: tuple[ModelEntry, ...] = (*_BASELINES, *_METER)
"""Every model, in the order in which they are listed."""
