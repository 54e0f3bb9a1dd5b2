"""DPT, the MiDaS networks 3.0 and 3.1 that transformers has: relative inverse depth, larger is nearer.

Ranftl, Bochkovskiy, Koltun, "Vision Transformers for Dense Prediction", ICCV 2021, arXiv 2103.13413; Birkl, Wofk,
Müller, "MiDaS v3.1 - A Model Zoo for Robust Monocular Relative Depth Estimation", 2023, arXiv 2307.14460. Reference
code: https://github.com/isl-org/MiDaS, commit 4545977.

The output is what the network gives, at the network's input size: not resized, not clamped (it ends in a ReLU).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import BeitConfig, DPTConfig, DPTForDepthEstimation, Swinv2Config
from transformers.modeling_outputs import DepthEstimatorOutput

from runners.models.base import Image
from runners.models.entry import ModelEntry
from runners.models.inputs import INPUTS, Input, input_named
from runners.models.midas_resize import MIDAS_INPUTS, input_size
from runners.models.pretrained import PretrainedNetwork, chosen, on_default_device
from runners.models.registry import ModelOptions
from runners.models.tiny import write_tiny
from runners.prediction import Prediction

__all__ = [
    "Dpt",
    "DptNetwork",
    "architecture",
    "build",
    "classifier_parameters",
    "example_input",
    "full_config",
    "write_tiny",
]


class DptNetwork(DPTForDepthEstimation):  # type: ignore[misc]
    """DPT for images of any shape whose sides are multiples of 32, whatever its encoder is.

    transformers runs DPT's own ViT and hybrid stem on squares only: the hybrid checks the size, and the neck takes the
    grid of tokens for a square. Here the same modules get the grid that the image has. The stem itself resizes position
    embeddings bilinearly, as the reference does. On squares, and on other encoders, the result is the inherited one.
    """

    def forward(self, pixel_values: Tensor) -> DepthEstimatorOutput:
        """Return ``predicted_depth`` (B, h, w) for pixels (B, 3, h, w)."""
        if self.backbone is not None:
            return super().forward(pixel_values=pixel_values)
        taps, tokens = self._stem(pixel_values)
        wanted = self.config.backbone_out_indices[len(taps) :]
        for index, layer in enumerate(self.dpt.encoder.layer):
            tokens = layer(tokens)
            if index in wanted:
                taps.append(tokens)
        rows, columns = (side // self.config.patch_size for side in pixel_values.shape[-2:])
        return DepthEstimatorOutput(predicted_depth=self.head(self.neck(taps, rows, columns)))

    def _stem(self, pixel_values: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the feature maps that the hybrid's convolutions contribute (none for the ViT), and the tokens."""
        if not self.config.is_hybrid:
            return [], self.dpt.embeddings(pixel_values).last_hidden_states
        stem = self.dpt.embeddings(pixel_values, interpolate_pos_encoding=True)
        return list(stem.intermediate_activations), stem.last_hidden_states


class Dpt(PretrainedNetwork):
    """The adapter.

    Setting ``input``: ``reference`` prepares images as the reference code, ``hub`` as the published processor, which
    squashes them to a square.

    Attributes:
        input: Makes what the network takes.
    """

    input: Input

    architecture = DptNetwork

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        named = chosen(entry, options, "input", INPUTS)
        super().__init__(entry, options)
        self.input = input_named(named, MIDAS_INPUTS[entry.id], self.snapshot.folder)
        self.settings |= {"input": named, **self.input.settings()}
        self.settings["output"] = "relative inverse depth at network size, as the network gives it"

    def check(self, config: Any) -> None:
        """Refuse a DPT on another kind of encoder than the id names."""
        encoder = getattr(config.backbone_config, "model_type", "vit")
        wanted = _FULL[self.id].backbone
        if encoder != wanted:
            raise self.refuse(f"holds a DPT on '{encoder}', and the id promises '{wanted}'")

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return images of one size as the network takes them, float32 (B, 3, h, w)."""
        return self.input.prepare(images)

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Return relative inverse depth, larger is nearer, float32 (h, w) at the network's input size."""
        return self.as_predictions(self.run(pixels).predicted_depth)


def build(entry: ModelEntry, options: ModelOptions) -> Dpt:
    """Return a DPT adapter with its snapshot loaded."""
    return Dpt(entry, options)


@dataclass(frozen=True)
class _Full:
    """The published size of a network.

    Attributes:
        backbone: ``model_type`` of its encoder's configuration; ``vit`` for DPT's own, ``bit`` for the hybrid's stem.
        side: Side of the square that it was trained on.
        width: Channels of the encoder (of its first stage, SwinV2).
        depths: Layers, of each stage for SwinV2.
        heads: Attention heads, of each stage for SwinV2.
    """

    backbone: str
    side: int
    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]


_FULL = {
    "midas-v3-0-dpt-large-384": _Full("vit", 384, 1024, (24,), (16,)),
    "midas-v3-0-dpt-hybrid-384": _Full("bit", 384, 768, (12,), (12,)),
    "midas-v3-1-beit-l-512": _Full("beit", 512, 1024, (24,), (16,)),
    "midas-v3-1-beit-l-384": _Full("beit", 384, 1024, (24,), (16,)),
    "midas-v3-1-beit-b-384": _Full("beit", 384, 768, (12,), (12,)),
    "midas-v3-1-swinv2-l-384": _Full("swinv2", 384, 192, (2, 2, 18, 2), (6, 12, 24, 48)),
    "midas-v3-1-swinv2-b-384": _Full("swinv2", 384, 128, (2, 2, 18, 2), (4, 8, 16, 32)),
    "midas-v3-1-swinv2-t-256": _Full("swinv2", 256, 96, (2, 2, 6, 2), (3, 6, 12, 24)),
}


def full_config(entry: ModelEntry) -> DPTConfig:
    """Return the configuration of the published network, from the facts of its paper and of transformers' converter."""
    full = _FULL[entry.id]
    return {"vit": _own, "bit": _own, "beit": _on_beit, "swinv2": _on_swinv2}[full.backbone](full)


def _own(full: _Full) -> DPTConfig:
    hybrid = full.backbone == "bit"
    shape = {"backbone_out_indices": [0, 1, 8, 11], "reassemble_factors": [1, 1, 1, 0.5]} if hybrid else {}
    return DPTConfig(
        is_hybrid=hybrid,
        image_size=full.side,
        hidden_size=full.width,
        num_hidden_layers=full.depths[0],
        num_attention_heads=full.heads[0],
        intermediate_size=4 * full.width,
        neck_hidden_sizes=[256, 512, full.width, full.width],
        backbone_config=_stem() if hybrid else None,
        **(shape or {"backbone_out_indices": [5, 11, 17, 23]}),
    )


def _stem() -> dict[str, Any]:
    """Return the ResNet-50 stem of the hybrid: BiT with dynamic padding and three stages."""
    return {
        "model_type": "bit",
        "global_padding": "same",
        "layer_type": "bottleneck",
        "depths": [3, 4, 9],
        "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
    }


def _on_beit(full: _Full) -> DPTConfig:
    quarter = full.depths[0] // 4
    encoder = BeitConfig(
        image_size=full.side,
        hidden_size=full.width,
        num_hidden_layers=full.depths[0],
        num_attention_heads=full.heads[0],
        intermediate_size=4 * full.width,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=[f"stage{(i + 1) * quarter}" for i in range(4)],
    )
    neck = [256, 512, 1024, 1024] if full.width == 1024 else [96, 192, 384, 768]
    return DPTConfig(backbone_config=encoder, neck_hidden_sizes=neck)


def _on_swinv2(full: _Full) -> DPTConfig:
    large = full.side == 384
    encoder = Swinv2Config(
        image_size=full.side,
        embed_dim=full.width,
        depths=full.depths,
        num_heads=full.heads,
        window_size=24 if large else 16,
        pretrained_window_sizes=(12, 12, 12, 6) if large else (0, 0, 0, 0),
        out_features=[f"stage{i + 1}" for i in range(4)],
    )
    return DPTConfig(backbone_config=encoder, neck_hidden_sizes=[full.width * 2**i for i in range(4)])


def architecture(entry: ModelEntry) -> nn.Module:
    """Return the published network with random weights, on torch's default device."""
    net: nn.Module = DptNetwork(full_config(entry)).eval()
    return net


def classifier_parameters(entry: ModelEntry) -> int:
    """Return how many parameters the reference counts that this network lacks.

    MiDaS keeps the encoder's classifier of 1000 classes, which it never runs, in its networks and in the numbers of its
    read-me; transformers' port leaves it out. Only DPT-Large's card gives the count without it.
    """
    full = _FULL[entry.id]
    width: int = full.width << (len(full.depths) - 1)
    return 1000 * width + 1000


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return random pixels as the network takes them for images of a size, under ``input=reference``."""
    return on_default_device(batch, *input_size(height, width, MIDAS_INPUTS[entry.id]))
