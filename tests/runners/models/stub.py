"""An adapter as the other families write them, small enough for tests: a linear map of the image's mean colour.

``FAULT`` makes it misbehave in one way; tests set it and put it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from runners.models.base import DTYPES, Image, Network
from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights, find_snapshot
from runners.models.registry import ModelOptions
from runners.prediction import Prediction

FAULT = ""
WEIGHTS = HubWeights("stub/depth", "made up for a test")
ENTRY = ModelEntry(
    "stub-model", "metric-depth", "A stub", __name__, family="stub", weights=WEIGHTS,
    dtypes=("float32", "bfloat16"), compiles=True,
)  # fmt: skip
PARAMETERS = 3 * 4 + 4 + 4 * 4 * 4


class Net(nn.Module):
    """A 1x1 convolution and an attention over its pixels: (B, 3, h, w) to (B, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 1)
        self.projections = nn.Parameter(torch.ones(4, 4, 4))

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Return a map for each image."""
        if FAULT == "memory" and len(pixel_values) > 1:
            raise torch.OutOfMemoryError("no memory")
        if FAULT == "values":
            assert pixel_values.sum() > 0
        tokens = self.convolution(pixel_values).flatten(2).transpose(1, 2)
        query, key, value, out = (tokens @ projection for projection in self.projections)
        mixed = nn.functional.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])[:, 0]
        return (mixed + out).mean(2).reshape(-1, *pixel_values.shape[2:])


class Stub(Network):
    """The adapter."""

    id, kind = "stub-model", "metric-depth"

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        snapshot = find_snapshot(WEIGHTS, options.weights_dir)
        self.settings, self.dtype = {}, options.dtype
        self.revision, self.weights_sha256 = snapshot.revision, snapshot.sha256
        self.net = architecture(entry)
        self.net.load_state_dict(load_file(snapshot.folder / "model.safetensors"))
        self.net.to(DTYPES[options.dtype])

    def infer(self, images: Sequence[Image]) -> list[Prediction]:
        """Return a map of 4x6 for each image."""
        batch = torch.stack([torch.from_numpy(image.mean((0, 1))) for image in images])
        maps = self.net(batch[..., None, None].expand(-1, -1, 4, 6).to(DTYPES[self.dtype]) / 255)
        if FAULT == "batch":
            maps = maps * len(images)
        if FAULT == "nan" or (FAULT == "half" and self.dtype != "float32"):
            maps = maps / 0
        kind = "ordinal" if FAULT == "kind" else self.kind
        return [Prediction(kind, found.float()) for found in maps]

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Predict, and lose or mix up images where the fault says so."""
        found = super().predict(images)
        if FAULT == "order":
            return found[::-1]
        return found[:-1] if FAULT == "lost" and len(found) > 1 else found


def build(entry: ModelEntry, options: ModelOptions) -> Stub:
    """Return the adapter with its weights."""
    return Stub(entry, options)


def architecture(entry: ModelEntry) -> Net:
    """Return the network with random weights."""
    if FAULT == "build":
        raise KeyError(entry.id)
    return Net()


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return the network's input: an eighth of the image."""
    return {"pixel_values": torch.zeros(batch, 3, height // 8, width // 8)}


def write_tiny(entry: ModelEntry, folder: Path) -> None:
    """Write random weights where the hub's would be."""
    torch.manual_seed(0)
    path = folder / WEIGHTS.repo / "model.safetensors"
    path.parent.mkdir(parents=True)
    save_file(Net().state_dict(), path)
