"""Depth Anything V1 and V2: relative inverse depth (larger is nearer), or metres for the fine-tuned networks.

Yang et al., "Depth Anything: Unleashing the Power of Large-Scale Unlabeled Data", CVPR 2024, arXiv 2401.10891; Yang et
al., "Depth Anything V2", NeurIPS 2024, arXiv 2406.09414. Reference code: https://github.com/LiheYoung/Depth-Anything,
https://github.com/DepthAnything/Depth-Anything-V2.

The output is what the network gives, at the network's input size: not resized, not clamped (relative networks end in a
ReLU, metric ones in a sigmoid times the largest depth).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from runners.models.base import Image
from runners.models.entry import ModelEntry
from runners.models.inputs import INPUTS, Input, input_named
from runners.models.midas_resize import IMAGENET, InputRule, input_size
from runners.models.pretrained import PretrainedNetwork, chosen, on_default_device
from runners.models.registry import ModelOptions
from runners.models.tiny import write_tiny
from runners.prediction import Prediction

__all__ = ["RULE", "DepthAnything", "architecture", "build", "example_input", "full_config", "max_depth", "write_tiny"]

RULE = InputRule(518, "lower_bound", IMAGENET, multiple=14)
"""The reference's input: the shorter side becomes 518, OpenCV's cubic interpolation."""

_OFFSET = 0.1
"""What the reference adds to the grid of tokens before it divides by that of the table; the interpolation's step
follows."""


class DepthAnything(PretrainedNetwork):
    """The adapter.

    Setting ``input``: ``reference`` prepares images and resizes position embeddings as the reference code, ``hub`` uses
    the published processor and transformers' own embeddings.

    Attributes:
        input: Makes what the network takes.
    """

    input: Input

    architecture = DepthAnythingForDepthEstimation

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        self._input = chosen(entry, options, "input", INPUTS)
        self._largest = max_depth(entry)
        super().__init__(entry, options)
        self.input = input_named(self._input, RULE, self.snapshot.folder)
        self.settings |= {"input": self._input, **self.input.settings()}
        self.settings["position_embeddings"] = "as the reference" if self._input == "reference" else "transformers"
        what = f"metres below {self._largest}" if self._largest else "relative inverse depth"
        self.settings["output"] = f"{what} at network size, as the network gives it"

    def check(self, config: Any) -> None:
        """Refuse a network of another kind or range than the id promises.

        The head multiplies by ``max_depth`` whatever its kind is; relative networks have 1 there.
        """
        found = config.depth_estimation_type, config.max_depth
        promised = ("metric", self._largest) if self._largest else ("relative", 1)
        if found != promised:
            raise self.refuse(
                f"holds a network with depth_estimation_type '{found[0]}' and max_depth {found[1]}; the id promises "
                f"'{promised[0]}' and {promised[1]}"
            )

    def adapted(self, net: nn.Module) -> nn.Module:
        """Return the network, with the reference's position embeddings where its input is the reference's."""
        if self._input == "reference":
            embeddings: Any = net.get_submodule("backbone.embeddings")
            embeddings.interpolate_pos_encoding = partial(_positions, embeddings)
        return net

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return images of one size as the network takes them, float32 (B, 3, h, w)."""
        return self.input.prepare(images)

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Return relative inverse depth (larger is nearer) or metres, float32 (h, w) at the network's input size."""
        return self.as_predictions(self.run(pixels).predicted_depth)


def build(entry: ModelEntry, options: ModelOptions) -> DepthAnything:
    """Return a Depth Anything adapter with its snapshot loaded."""
    return DepthAnything(entry, options)


def max_depth(entry: ModelEntry) -> int | None:
    """Return the largest depth in metres that a metric network can give; None for a relative one.

    20 m for the indoor networks (Hypersim), 80 m for the outdoor ones (Virtual KITTI 2).
    """
    if entry.kind != "metric-depth":
        return None
    return 20 if entry.id.endswith("indoor") else 80


def _positions(embeddings: Any, tokens: Tensor, height: int, width: int) -> Tensor:
    """Return position embeddings (1, 1 + tokens, channels) for an image, interpolated as the reference code does.

    The reference names a factor and not a size, (grid + 0.1) / table, and torch then steps by its inverse; transformers
    names the size, and its steps are a little larger. Where the grid is the table's, both leave it as it is.

    Args:
        embeddings: The network's own, with ``position_embeddings`` and ``patch_size``.
        tokens: Ignored; the image's size says everything.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
    """
    table: Tensor = embeddings.position_embeddings
    side = isqrt(table.shape[1] - 1)
    grid = height // embeddings.patch_size, width // embeddings.patch_size
    if grid == (side, side):
        return table
    planes = table[:, 1:].float().reshape(1, side, side, -1).movedim(-1, 1)
    factors = tuple((count + _OFFSET) / side for count in grid)
    resized = F.interpolate(planes, scale_factor=factors, mode="bicubic", align_corners=False)
    return torch.cat([table[:, :1], resized.flatten(2).mT.to(table.dtype)], dim=1)


@dataclass(frozen=True)
class _Full:
    """The published size of a network: of its DINOv2 encoder, and of the decoder that each has."""

    width: int
    layers: int
    heads: int
    fusion: int
    neck: tuple[int, int, int, int]
    taps: tuple[int, int, int, int]


_FULL = {
    "small": _Full(384, 12, 6, 64, (48, 96, 192, 384), (3, 6, 9, 12)),
    "base": _Full(768, 12, 12, 128, (96, 192, 384, 768), (3, 6, 9, 12)),
    "large": _Full(1024, 24, 16, 256, (256, 512, 1024, 1024), (5, 12, 18, 24)),
}
"""V2; V1 takes the last four layers instead of these."""


def full_config(entry: ModelEntry) -> DepthAnythingConfig:
    """Return the configuration of the published network, from the facts of the reference code."""
    full = _FULL[entry.id.removeprefix("depth-anything-").split("-")[1]]
    last = tuple(full.layers - back for back in (3, 2, 1, 0))
    encoder = Dinov2Config(
        image_size=RULE.side,
        hidden_size=full.width,
        num_hidden_layers=full.layers,
        num_attention_heads=full.heads,
        out_indices=list(last if "-v1-" in entry.id else full.taps),
        reshape_hidden_states=False,
    )
    largest = max_depth(entry)
    return DepthAnythingConfig(
        backbone_config=encoder,
        reassemble_hidden_size=full.width,
        neck_hidden_sizes=list(full.neck),
        fusion_hidden_size=full.fusion,
        depth_estimation_type="metric" if largest else "relative",
        max_depth=largest or 1,
    )


def architecture(entry: ModelEntry) -> nn.Module:
    """Return the published network with random weights, on torch's default device."""
    net: nn.Module = DepthAnythingForDepthEstimation(full_config(entry)).eval()
    return net


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return random pixels as the network takes them for images of a size, under ``input=reference``."""
    return on_default_device(batch, *input_size(height, width, RULE))
