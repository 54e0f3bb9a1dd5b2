"""Every model of this package, family by family: ids, kinds, weights, precisions. Facts only, no adapter."""

from __future__ import annotations

from typing import Any

from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights
from runners.models.weights import WeightFile
from sitegen.records import PredictionKind

__all__ = ["ENTRIES"]

_ALL = ("float32", "bfloat16", "float16")
_NO_HALF = ("float32", "bfloat16")
"""For Swin and SwinV2, of which the reference warns in half precision, and ZoeDepth, which nobody is known to run
in it."""

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
        _ALL,
    ),
    _midas("midas-v2-large", "MiDaS v2, ResNeXt-101", _midas_file("v2", "model-f46da743.pt", "f46da743"), _ALL),
    _midas(
        "midas-v2-1-large-384",
        "MiDaS v2.1 large, ResNeXt-101",
        _midas_file(
            "v2_1",
            "midas_v21_384.pt",
            "f6b980704cfd7259c7cc2b058c2f160159c55e84b3b6c08331b4156a84629f70",
            422_509_849,
        ),
        _ALL,
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
        _ALL,
    ),
    _midas("midas-v3-1-swin-l-384", "MiDaS v3.1 Swin-L", _midas_file("v3_1", "dpt_swin_large_384.pt"), _NO_HALF),
    _midas(
        "midas-v3-1-next-vit-l-384",
        "MiDaS v3.1 Next-ViT-L",
        _midas_file("v3_1", "dpt_next_vit_large_384.pt"),
        _ALL,
    ),
    _midas("midas-v3-1-levit-224", "MiDaS v3.1 LeViT", _midas_file("v3_1", "dpt_levit_224.pt"), _ALL),
)

_INPUT = {
    "input": "reference (the default: size and pixels as the authors' code) or hub (the image processor as published)"
}


def _dpt(
    model_id: str, name: str, repo: str, licence: str, revision: str | None = None, dtypes: tuple[str, ...] = _ALL
) -> ModelEntry:
    return ModelEntry(
        model_id,
        "affine-invariant-disparity",
        f"{name}, relative inverse depth",
        "runners.models.dpt",
        family="dpt",
        weights=HubWeights(f"Intel/{repo}", licence, revision),
        dtypes=dtypes,
        compiles=True,
        settings=_INPUT,
    )


_MIT = "MIT (repository); the hub copy's tag was read as mit"
_MIT_UNSEEN = "MIT (repository); the hub copy's tag is mit as far as is known, not verified"

_DPT = (
    # Commit ce734de was seen in a mirror only, and whether it holds safetensors was not: not pinned.
    _dpt(
        "midas-v3-0-dpt-large-384",
        "DPT-Large (MiDaS 3.0)",
        "dpt-large",
        "MIT (repository); the hub copy is apache-2.0 according to a third party's list",
    ),
    _dpt(
        "midas-v3-0-dpt-hybrid-384",
        "DPT-Hybrid (MiDaS 3.0)",
        "dpt-hybrid-midas",
        "MIT (repository); the hub copy's tag is apache-2.0 as far as is known, not verified",
    ),
    _dpt(
        "midas-v3-1-beit-l-512",
        "DPT-BEiT-L-512 (MiDaS 3.1)",
        "dpt-beit-large-512",
        _MIT_UNSEEN,
        "2071eb5052c91c8c386c4898d66ebd44ad3b3baf",
    ),
    _dpt(
        "midas-v3-1-beit-l-384",
        "DPT-BEiT-L-384 (MiDaS 3.1)",
        "dpt-beit-large-384",
        _MIT_UNSEEN,
        "2811c0ab660bb3bd38b5a431bd7e6a34cc9671e8",
    ),
    # Neither this repository's name nor a commit was seen.
    _dpt("midas-v3-1-beit-b-384", "DPT-BEiT-B-384 (MiDaS 3.1)", "dpt-beit-base-384", _MIT_UNSEEN),
    _dpt("midas-v3-1-swinv2-l-384", "DPT-SwinV2-L-384 (MiDaS 3.1)", "dpt-swinv2-large-384", _MIT, dtypes=_NO_HALF),
    _dpt(
        "midas-v3-1-swinv2-b-384",
        "DPT-SwinV2-B-384 (MiDaS 3.1)",
        "dpt-swinv2-base-384",
        _MIT,
        "eeea6391bff1ac346bf260290c26cc9e0cd04b50",
        _NO_HALF,
    ),
    _dpt(
        "midas-v3-1-swinv2-t-256",
        "DPT-SwinV2-T-256 (MiDaS 3.1)",
        "dpt-swinv2-tiny-256",
        _MIT,
        "f7f350e1a10a5ea58671b68ab5f49dc18ec00483",
        _NO_HALF,
    ),
)


def _title(model_id: str) -> str:
    """Return ``depth-anything-v2-base`` as "Depth Anything V2 Base"."""
    return model_id.replace("-", " ").title()


def _depth_anything(
    model_id: str, repo: str, licence: str, revision: str | None = None, largest: int | None = None
) -> ModelEntry:
    what = f"metres up to {largest}" if largest else "relative inverse depth"
    return ModelEntry(
        model_id,
        "metric-depth" if largest else "affine-invariant-disparity",
        f"{_title(model_id)}, {what}",
        "runners.models.depth_anything",
        family="depth-anything",
        weights=HubWeights(repo, licence, revision),
        dtypes=_ALL,
        compiles=True,
        settings=_INPUT,
    )


_NO_TAG = "the hub copy shows no licence tag"
_STRICTER = (
    f"CC-BY-NC-4.0 by the repository's rule for this size; {_NO_TAG}, and the card of another copy "
    "(Depth-Anything-V2-Metric-VKITTI-Large) says apache-2.0: conflict, the stricter one is taken"
)
_METRIC_LICENCES = {
    "Small": f"Apache-2.0 by the repository's rule for this size; {_NO_TAG}",
    "Base": _STRICTER,
    "Large": _STRICTER,
}
_METRIC_RANGES = {"Indoor": 20, "Outdoor": 80}
_METRIC_REVISIONS = {("Indoor", "Small"): "034ea2398ce54e1d0fefe42edbc8fbdfa2ee53e2"}

_DEPTH_ANYTHING = (
    _depth_anything("depth-anything-v1-small", "LiheYoung/depth-anything-small-hf", "Apache-2.0"),
    *(
        _depth_anything(
            f"depth-anything-v1-{size}",
            f"LiheYoung/depth-anything-{size}-hf",
            "Apache-2.0 (repository); not verified for the hub copy of this size",
        )
        for size in ("base", "large")
    ),
    _depth_anything(
        "depth-anything-v2-small",
        "depth-anything/Depth-Anything-V2-Small-hf",
        "Apache-2.0",
        "5426e4f0f36572d16453bbda7a8389317b1bef99",
    ),
    _depth_anything(
        "depth-anything-v2-base", "depth-anything/Depth-Anything-V2-Base-hf", "CC-BY-NC-4.0 (not for commercial use)"
    ),
    _depth_anything(
        "depth-anything-v2-large", "depth-anything/Depth-Anything-V2-Large-hf", "CC-BY-NC-4.0 (not for commercial use)"
    ),
    # The names of the outdoor repositories are by analogy with the indoor ones.
    *(
        _depth_anything(
            f"depth-anything-v2-{size.lower()}-metric-{place.lower()}",
            f"depth-anything/Depth-Anything-V2-Metric-{place}-{size}-hf",
            licence,
            _METRIC_REVISIONS.get((place, size)),
            largest,
        )
        for place, largest in _METRIC_RANGES.items()
        for size, licence in _METRIC_LICENCES.items()
    ),
)


def _zoedepth(model_id: str, repo: str, trained_on: str, revision: str | None = None) -> ModelEntry:
    mode = (
        "infer (the default: the authors' public functions, padding and flip included; for protocols without "
        "flip_average) or eval (the paper's tables; for protocols 'zoedepth', which average the flip)"
    )
    return ModelEntry(
        model_id,
        "metric-depth",
        f"ZoeDepth with heads for {trained_on}, metres",
        "runners.models.zoedepth",
        family="zoedepth",
        weights=HubWeights(f"Intel/{repo}", "MIT", revision),
        dtypes=_NO_HALF,
        compiles=True,
        settings={"mode": mode},
    )


_ZOEDEPTH = (
    _zoedepth("zoed-m12-n", "zoedepth-nyu", "NYU Depth V2"),
    _zoedepth("zoed-m12-k", "zoedepth-kitti", "KITTI", "0347db85b019f309d5544c70ad2ac998ad570899"),
    _zoedepth(
        "zoed-m12-nk", "zoedepth-nyu-kitti", "NYU Depth V2 and KITTI", "5829597ea717e7f107db9b878aa9b59a8edc5255"
    ),
)

_DEPTH_PRO = (
    ModelEntry(
        "depth-pro",
        "metric-depth",
        "Depth Pro, metres and field of view",
        "runners.models.depth_pro",
        family="depth-pro",
        weights=HubWeights("apple/DepthPro-hf", "apple-amlr (hub tag; research use), licence of the repository"),
        dtypes=_ALL,
        compiles=True,
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
    _peer(
        "da3metric-large",
        "metric-depth",
        "Depth Anything 3, metric, ViT-L: needs the camera; GPU and packages as the monocular one",
        HubWeights("depth-anything/DA3METRIC-LARGE", "Apache-2.0"),
        _DA3_CODE,
        ("bfloat16",),
        family="depth-anything-3",
        needs_intrinsics=True,
    ),
)


def _metric3d(letter: str, size: str) -> ModelEntry:
    # Addresses as in the authors' hubconf.py; the files themselves were never seen, so no hash is pinned.
    name = f"metric_depth_vit_{size}_800k.pth"
    licence = "code BSD-2-Clause; nothing was read about the weights' own"
    return ModelEntry(
        f"metric3d-v2-vit-{letter}",
        "metric-depth",
        f"Metric3D v2 ViT-{letter}, metres: needs the camera, and a GPU",
        "runners.models.plugins.metric3d",
        family="metric3d",
        weights=WeightFile(
            "metric3d", name, f"https://huggingface.co/JUGGHM/Metric3D/resolve/main/{name}", "", None, licence
        ),
        settings={"repository": "folder of a clone of YvanYin/Metric3D; by default the pinned commit is fetched"},
        requires=("mmengine",),
        needs_intrinsics=True,
    )


_METRIC3D = (_metric3d("s", "small"), _metric3d("l", "large"), _metric3d("g", "giant2"))

ENTRIES: tuple[ModelEntry, ...] = (
    *_BASELINES,
    *_METER,
    *_MIDAS,
    *_DPT,
    *_DEPTH_ANYTHING,
    *_ZOEDEPTH,
    *_DEPTH_PRO,
    *_MARIGOLD,
    *_PEERS,
    *_METRIC3D,
)
"""Every model, in the order in which they are listed."""
