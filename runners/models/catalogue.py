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

_MIDAS_RELEASES = "https://github.com/isl-org/MiDaS/releases/download"
_MIDAS_LICENCE = "MIT (the repository's; nothing separate is said of the weights)"


def _midas(model_id: str, summary: str, weights: WeightFile, dtypes: tuple[str, ...]) -> ModelEntry:
    return ModelEntry(
        model_id,
        "affine-invariant-disparity",
        summary,
        "runners.models.midas",
        family="midas",
        weights=weights,
        dtypes=dtypes,
        compiles=True,
    )


def _midas_file(release: str, name: str, sha256: str = "", size: int | None = None) -> WeightFile:
    return WeightFile("midas", name, f"{_MIDAS_RELEASES}/{release}/{name}", sha256, size, _MIDAS_LICENCE)


_HALVES = ("float32", "bfloat16", "float16")
_NO_FLOAT16 = ("float32", "bfloat16")
"""For Swin: the reference warns of values that are not finite in float16."""

_MIDAS = (
    _midas(
        "midas-v1",
        "MiDaS v1, ResNet-50",
        WeightFile(
            "midas",
            "model.pt",
            None,
            "",
            None,
            _MIDAS_LICENCE,
            "it stands on a shared drive only; fetch it from "
            "https://drive.google.com/open?id=1Q9q7dVFhXiNOS1djOlaUUmnJlKMenEoU and put it there",
        ),
        _HALVES,
    ),
    _midas("midas-v2-large", "MiDaS v2, ResNeXt-101", _midas_file("v2", "model-f46da743.pt", "f46da743"), _HALVES),
    _midas(
        "midas-v2-1-large-384",
        "MiDaS v2.1 large, ResNeXt-101",
        _midas_file(
            "v2_1",
            "midas_v21_384.pt",
            "f6b980704cfd7259c7cc2b058c2f160159c55e84b3b6c08331b4156a84629f70",
            422_509_849,
        ),
        _HALVES,
    ),
    _midas(
        "midas-v2-1-small-256",
        "MiDaS v2.1 small, EfficientNet-Lite3",
        _midas_file(
            "v2_1",
            "midas_v21_small_256.pt",
            "70d6b9c891758c67f974a6097fb0c608c7ee67fb81ac3e5588847d5596d56fca",
            85_761_505,
        ),
        _HALVES,
    ),
    _midas("midas-v3-1-swin-l-384", "MiDaS v3.1 Swin-L", _midas_file("v3_1", "dpt_swin_large_384.pt"), _NO_FLOAT16),
    _midas(
        "midas-v3-1-next-vit-l-384",
        "MiDaS v3.1 Next-ViT-L",
        _midas_file("v3_1", "dpt_next_vit_large_384.pt"),
        _HALVES,
    ),
    _midas("midas-v3-1-levit-224", "MiDaS v3.1 LeViT", _midas_file("v3_1", "dpt_levit_224.pt"), _HALVES),
)

ENTRIES: tuple[ModelEntry, ...] = (*_BASELINES, *_METER, *_MIDAS)
"""Every model, in the order in which they are listed."""
