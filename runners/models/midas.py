"""MiDaS from the checkpoints as their authors released them: v1, v2, v2.1, and the v3.1 networks off transformers.

Ranftl et al., arXiv 1907.01341; Birkl, Wofk and Müller, arXiv 2307.14460; https://github.com/isl-org/MiDaS, commit
4545977, and tag v1 (4f28212). The output is the network's own, at the network's input size: relative inverse depth,
larger is nearer, not resized and not clamped. Only v1 can put out a value below zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from runners.models.base import DTYPES, Image, ModelError, PreparedNetwork
from runners.models.checkpoints import read_checkpoint
from runners.models.entry import ModelEntry
from runners.models.midas_networks import MidasNetwork, build_midas, load_midas_state
from runners.models.midas_resize import MIDAS_INPUTS, input_size, prepare
from runners.models.registry import ModelOptions
from runners.models.weights import WeightFile, find_weights
from runners.prediction import Prediction

__all__ = ["Midas", "architecture", "build", "example_input", "write_tiny"]


class Midas(PreparedNetwork):
    """The adapter; images are prepared as the reference code does it."""

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        found = find_weights(cast(WeightFile, entry.weights), options.weights_dir)
        self.id, self.kind, self.dtype, self.weights_sha256 = entry.id, entry.kind, options.dtype, found.sha256
        self.revision = cast(WeightFile, entry.weights).name
        self.device, self.rule = torch.device(options.device), MIDAS_INPUTS[entry.id]
        self.settings = {
            "input": f"reference: {self.rule.side}, rule '{self.rule.rule}', multiple of {self.rule.multiple}, "
            f"{self.rule.interpolation}, aspect {'' if self.rule.keep_aspect else 'not '}kept",
            "output": "relative inverse depth at network size, as the network gives it",
        }
        network = load_midas_state(build_midas(entry.id), read_checkpoint(found.path)).to(
            self.device, DTYPES[options.dtype]
        )
        self.net: Any = torch.compile(network) if options.compile else network
        if options.compile:
            self.settings["compiled"] = True

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return images of one size as the network takes them, float32 (B, 3, h, w)."""
        try:
            return torch.stack([prepare(image, self.rule) for image in images])
        except ValueError as error:
            raise ModelError(f"model '{self.id}': {error}") from error

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Return relative inverse depth, larger is nearer, float32 (h, w) at the network's input size."""
        return self.as_predictions(self.net(pixels.to(DTYPES[self.dtype])))


def build(entry: ModelEntry, options: ModelOptions) -> Midas:
    """Return a MiDaS adapter with its checkpoint loaded."""
    return Midas(entry, options)


def architecture(entry: ModelEntry) -> nn.Module:
    """Return the network with random weights, on torch's default device."""
    return build_midas(entry.id)


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> Tensor:
    """Return random prepared images (B, 3, h, w) as the network takes them for images of a size."""
    return torch.rand(batch, 3, *input_size(height, width, MIDAS_INPUTS[entry.id]))


def write_tiny(entry: ModelEntry, folder: Path) -> None:
    """Write a random checkpoint where the adapter looks for it; these networks have no size but their own."""
    weights = cast(WeightFile, entry.weights)
    path = folder / weights.family / weights.name
    path.parent.mkdir(parents=True, exist_ok=True)
    network: MidasNetwork = build_midas(entry.id)
    state = network.state_dict()
    torch.save({name: state[own] for own, name in network.file_names(state).items()}, path)
