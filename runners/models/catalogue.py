"""Every model of this package, family by family: ids, kinds, weights, precisions. Facts only, no adapter."""

from __future__ import annotations

from typing import Any

from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights
from runners.models.weights import WeightFile
from sitegen.records import PredictionKind

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

_MARIGOLD_SETTINGS = {
    "preset": "paper (the authors' comparisons; the default) or fast (few steps, no ensemble)",
    "steps": "denoising steps, from 1",
    "ensemble": "predictions to merge, from 1",
    "processing_resolution": "longer side in pixels; 0 for the image's own size. Default: the snapshot's, 768; the "
    "authors take 0 for NYU, KITTI and ScanNet, 756 for ETH3D, 640 for DIODE",
    "seed": "of the noise, 1234 by default",
}
_MARIGOLD_FILES = ("*.json", "*.txt", "*/diffusion_pytorch_model.safetensors", "*/model.safetensors")
"""Without the half-precision copies, which hold nothing that the full files do not."""


def _marigold(version: str, summary: str, licence: str, revision: str | None) -> ModelEntry:
    model_id = f"marigold-depth-{version}"
    return ModelEntry(
        model_id,
        "affine-invariant-depth",
        summary,
        "runners.models.marigold",
        family="marigold",
        weights=HubWeights(f"prs-eth/{model_id}", licence, revision, _MARIGOLD_FILES),
        dtypes=("float32", "float16", "bfloat16"),
        compiles=True,
        settings=_MARIGOLD_SETTINGS,
    )


_RAIL = "RAIL++-M, by LICENSE-MODEL.txt of prs-eth/Marigold"
_MARIGOLD = (
    _marigold(
        "v1-0",
        "Marigold v1-0 (DDIM)",
        f"apache-2.0 by the hub's tag, {_RAIL}",
        "ea6ffc5544afe9175ae97df01d55a88a8c990a3b",
    ),
    # Only the short hash 9571e71 was seen, and the hub wants all forty digits.
    _marigold("v1-1", "Marigold v1-1 (DDIM, trailing steps)", _RAIL, None),
    _marigold("lcm-v1-0", "Marigold LCM v1-0", _RAIL, "25caee574c15e2b3989a0c9c4d43198743ad8322"),
)

_MOGE_CODE = "moge @ git+https://github.com/microsoft/MoGe.git@637e23e250bf761f2a7a5b5e2f642996331e02f4"
_UNIDEPTH_CODE = (
    "unidepth @ git+https://github.com/lpiccinelli-eth/UniDepth.git@04de17323981807e2354068dbcc1889a8de3ca7d"
)
_DA3_CODE = "depth-anything-3==0.1.1"


def _peer(
    model_id: str,
    kind: PredictionKind,
    summary: str,
    weights: HubWeights,
    requires: str,
    dtypes: tuple[str, ...],
    **fields: Any,
) -> ModelEntry:
    """A model whose code is a package of its own; nobody ran it here with its real weights."""
    return ModelEntry(
        model_id,
        kind,
        summary,
        "runners.models.plugins.packages",
        weights=weights,
        requires=(requires,),
        dtypes=dtypes,
        keeps_float32=True,
        **fields,
    )


def _moge(model_id: str, kind: PredictionKind, summary: str, repo: str) -> ModelEntry:
    # The authors publish one file; their loader reads it with weights_only, and the adapter insists on that.
    weights = HubWeights(
        f"Ruicheng/{repo}", "code MIT (DINOv2 part Apache-2.0); the weights' own was not read",
        patterns=("model.pt",), weight_files="model.pt",
    )  # fmt: skip
    settings = {"mask": "none (depth everywhere, as its authors evaluate; the default) or nan (none where it says so)"}
    return _peer(model_id, kind, summary, weights, _MOGE_CODE, ("float32", "float16"), family="moge", settings=settings)


def _unidepth(size: str, letter: str) -> ModelEntry:
    weights = HubWeights(f"lpiccinelli/unidepth-v2-vit{letter}14", "CC-BY-NC-4.0 (repository)")
    return _peer(
        f"unidepth-v2-{size}",
        "metric-depth",
        f"UniDepth V2 ViT-{letter.upper()}",
        weights,
        _UNIDEPTH_CODE,
        ("float32", "float16"),
        family="unidepth",
    )


_PEERS = (
    _moge("moge-1-vit-l", "scale-invariant-depth", "MoGe-1 ViT-L", "moge-vitl"),
    _moge("moge-2-vit-l", "metric-depth", "MoGe-2 ViT-L", "moge-2-vitl"),
    _moge("moge-2-vit-l-normal", "metric-depth", "MoGe-2 ViT-L with normals", "moge-2-vitl-normal"),
    _moge("moge-2-vit-b-normal", "metric-depth", "MoGe-2 ViT-B with normals", "moge-2-vitb-normal"),
    _moge("moge-2-vit-s-normal", "metric-depth", "MoGe-2 ViT-S with normals", "moge-2-vits-normal"),
    _unidepth("small", "s"),
    _unidepth("base", "b"),
    _unidepth("large", "l"),
    _peer(
        "da3mono-large",
        "affine-invariant-depth",
        # 0.1.1 asks for numpy below 2 and moviepy 1.0.3: pip refuses it beside this project's runners as it is.
        "Depth Anything 3, monocular, ViT-L; on a GPU only, and its package asks for numpy below 2",
        HubWeights("depth-anything/DA3MONO-LARGE", "Apache-2.0"),
        _DA3_CODE,
        ("bfloat16",),
        family="depth-anything-3",
    ),
)

ENTRIES: tuple[ModelEntry, ...] = (*_BASELINES, *_METER, *_MARIGOLD, *_PEERS)
"""Every model, in the order in which they are listed."""
