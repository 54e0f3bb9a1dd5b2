"""Tiny random checkpoints for every model that is loaded with transformers, written as a hub's repository would be.

A network of the same kind as the published one, thinner and shallower, with a configuration and an image processor
beside it, so that a test or a proof goes through the real loading path: ``write("zoed-m12-n", folder)``, then
``load("zoed-m12-n", weights_dir=folder)``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    BeitConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    DepthProConfig,
    DepthProForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessorPil,
    Swinv2Config,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
    ZoeDepthImageProcessorPil,
)

from runners.models import describe, models
from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights

__all__ = ["FAMILIES", "folder_of", "ids", "network", "write", "write_tiny"]

NECK = [8, 8, 16, 16]
ENCODER = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2}
DECODER = {"neck_hidden_sizes": NECK, "fusion_hidden_size": 8}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


def write(entry_id: str, weights_dir: Path, **changes: Any) -> None:
    """Write a tiny random checkpoint of a model into a weights cache.

    Args:
        entry_id: Of a model that is loaded with transformers.
        weights_dir: The weights cache; the repository becomes ``<weights_dir>/<owner>/<name>``.
        changes: Attributes of the configuration that differ from the model's own.
    """
    entry = describe(entry_id)
    net = network(entry_id, **changes)
    folder = folder_of(entry_id, weights_dir)
    net.save_pretrained(folder)
    _PROCESSORS[entry.family](entry).save_pretrained(folder)


def write_tiny(entry: ModelEntry, folder: Path) -> None:
    """Write a model's tiny checkpoint where its adapter looks for the real one; adapters hand this on as their own."""
    write(entry.id, folder)


def network(entry_id: str, **changes: Any) -> Any:
    """Return the tiny network of a model, always the same one.

    Freshly made layers give next to nothing, and a ReLU may close at the end; here the weights are larger and the last
    biases positive, so that there is something to compare.
    """
    entry = describe(entry_id)
    kind, configured = FAMILIES[entry.family]
    config = configured(entry)
    for name, value in changes.items():
        setattr(config, name, value)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = kind(config).eval()
        for parameter in net.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.2)
        for bias in _last_biases(net):
            bias.fill_(0.5)
        if entry.id == "depth-pro":
            _last_biases(net)[-1].fill_(50.0)  # degrees
    return net


def ids(*families: str) -> list[str]:
    """Return the ids of the models of some families, of all that can be written here by default."""
    return [entry.id for entry in models().values() if entry.family in (families or tuple(FAMILIES))]


def folder_of(entry_id: str, weights_dir: Path) -> Path:
    """Return where a model's repository is in a weights cache."""
    return weights_dir / cast(HubWeights, describe(entry_id).weights).repo


def _last_biases(net: Any) -> list[torch.Tensor]:
    """Return the biases of convolutions that end in one channel."""
    return [
        m.bias.data
        for m in net.modules()
        if isinstance(m, torch.nn.Conv2d) and m.out_channels == 1 and m.bias is not None
    ]


def _dpt(entry: ModelEntry) -> DPTConfig:
    name = entry.id.rpartition("-")[0]
    if "beit" in name:
        encoder = BeitConfig(
            image_size=64,
            intermediate_size=32,
            use_relative_position_bias=True,
            reshape_hidden_states=False,
            out_features=["stage1", "stage2", "stage3", "stage4"],
            **ENCODER,
        )
        return DPTConfig(backbone_config=encoder, **DECODER)
    if "swinv2" in name:
        encoder = Swinv2Config(
            image_size=256 if entry.id.endswith("256") else 384,
            embed_dim=8,
            depths=(1, 1, 1, 1),
            num_heads=(1, 1, 2, 2),
            window_size=4,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )
        return DPTConfig(backbone_config=encoder, neck_hidden_sizes=[8, 16, 32, 64], fusion_hidden_size=8)
    own = {"intermediate_size": 32, "backbone_out_indices": [0, 1, 2, 3], **ENCODER, **DECODER}
    return DPTConfig(**(own | _HYBRID if "hybrid" in name else own))


_HYBRID = {
    "is_hybrid": True,
    "reassemble_factors": [1, 1, 1, 0.5],
    "backbone_featmap_shape": [1, 32, 24, 24],
    "backbone_config": {
        "model_type": "bit",
        "embedding_size": 8,
        "hidden_sizes": [8, 8, 32],
        "depths": [1, 1, 1],
        "num_groups": 2,
        "global_padding": "same",
        "layer_type": "bottleneck",
        "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
    },
}


def _dinov2(image_size: int, **more: Any) -> Dinov2Config:
    return Dinov2Config(image_size=image_size, mlp_ratio=2, **ENCODER, **more)


def _depth_anything(entry: ModelEntry) -> DepthAnythingConfig:
    largest = {"indoor": 20, "outdoor": 80}.get(entry.id.rpartition("-")[2])
    return DepthAnythingConfig(
        backbone_config=_dinov2(518, out_indices=[1, 2, 3, 4], reshape_hidden_states=False),
        reassemble_hidden_size=ENCODER["hidden_size"],
        head_hidden_size=8,
        depth_estimation_type="metric" if largest else "relative",
        max_depth=largest or 1,
        **DECODER,
    )


def _zoedepth(entry: ModelEntry) -> ZoeDepthConfig:
    encoder = BeitConfig(
        image_size=64,
        intermediate_size=32,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        **ENCODER,
    )
    ranges = {"zoed-m12-n": {"nyu": 10.0}, "zoed-m12-k": {"kitti": 80.0}, "zoed-m12-nk": {"nyu": 10.0, "kitti": 80.0}}
    return ZoeDepthConfig(
        backbone_config=encoder,
        bottleneck_features=8,
        num_relative_features=8,
        bin_embedding_dim=8,
        num_attractors=[4, 2, 2, 1],
        bin_centers_type="normed" if entry.id == "zoed-m12-k" else "softplus",
        bin_configurations=[
            {"name": name, "n_bins": 8, "min_depth": 1e-3, "max_depth": largest}
            for name, largest in ranges[entry.id].items()
        ],
        num_patch_transformer_layers=4,  # and no other depth than that of the published one
        patch_transformer_hidden_size=128,  # the router takes no other width
        patch_transformer_intermediate_size=16,
        patch_transformer_num_attention_heads=2,
        **DECODER,
    )


def _depth_pro(entry: ModelEntry) -> DepthProConfig:
    image, patch, view = (_dinov2(64, patch_size=8) for _ in range(3))
    return DepthProConfig(
        image_model_config=image,
        patch_model_config=patch,
        fov_model_config=view,
        patch_size=64,
        use_fov_model=True,
        intermediate_hook_ids=[2, 1],
        intermediate_feature_dims=[8, 8],
        scaled_images_feature_dims=[8, 8, 8],
        fusion_hidden_size=16,
        merge_padding_value=1,
    )


FAMILIES: dict[str, tuple[Any, Callable[[ModelEntry], Any]]] = {
    "dpt": (DPTForDepthEstimation, _dpt),
    "depth-anything": (DepthAnythingForDepthEstimation, _depth_anything),
    "zoedepth": (ZoeDepthForDepthEstimation, _zoedepth),
    "depth-pro": (DepthProForDepthEstimation, _depth_pro),
}
"""Family to the class of its network and what makes its tiny configuration."""


def _dpt_processor(entry: ModelEntry) -> DPTImageProcessorPil:
    side = int(entry.id.rpartition("-")[2])
    return DPTImageProcessorPil(size={"height": side, "width": side}, resample=2, keep_aspect_ratio=False, **HALF)


def _depth_anything_processor(_: ModelEntry) -> DPTImageProcessorPil:
    size = {"height": 518, "width": 518}
    return DPTImageProcessorPil(size=size, resample=3, keep_aspect_ratio=True, ensure_multiple_of=14, **IMAGENET)


def _zoedepth_processor(_: ModelEntry) -> ZoeDepthImageProcessorPil:
    return ZoeDepthImageProcessorPil(size={"height": 384, "width": 512}, ensure_multiple_of=32, **HALF)


def _depth_pro_processor(_: ModelEntry) -> DPTImageProcessorPil:
    # The published one needs torchvision and is not read; any will do.
    return DPTImageProcessorPil(size={"height": 256, "width": 256}, resample=2, **HALF)


_PROCESSORS: dict[str, Callable[[ModelEntry], Any]] = {
    "dpt": _dpt_processor,
    "depth-anything": _depth_anything_processor,
    "zoedepth": _zoedepth_processor,
    "depth-pro": _depth_pro_processor,
}
