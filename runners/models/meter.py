"""METER-XXS: a small mobile vision transformer for metric depth, one checkpoint for NYU Depth V2, one for KITTI.

Papa, Russo, Amerini, "METER: a mobile vision transformer architecture for monocular depth estimation", IEEE TCSVT 2023,
arXiv 2403.08368. Written from the paper's description and the names and shapes of the released tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image as PilImage
from torch import Tensor, nn

from runners.models.base import DTYPES, Image, ModelError, PreparedNetwork
from runners.models.checkpoints import read_checkpoint
from runners.models.entry import ModelEntry
from runners.models.registry import ModelOptions
from runners.models.weights import WeightFile, find_weights
from runners.prediction import Prediction

__all__ = ["VARIANTS", "Meter", "MeterNet", "Variant", "architecture", "build", "example_input", "write_tiny"]

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


@dataclass(frozen=True)
class Variant:
    """What differs between the two checkpoints.

    Attributes:
        width: Input width in pixels; the height is 192.
        imagenet: Whether the input is normalised with ImageNet's mean and deviation, or only divided by 255.
        units_per_metre: Of the network's output.
    """

    width: int
    imagenet: bool
    units_per_metre: float


VARIANTS: dict[str, Variant] = {
    "meter-xxs-nyu": Variant(width=256, imagenet=True, units_per_metre=100),
    "meter-xxs-kitti": Variant(width=636, imagenet=False, units_per_metre=10),
}
"""Model id to its input rule."""

_HEIGHT = 192


class Meter(PreparedNetwork):
    """The adapter: RGB images in, metric depth at a quarter of the network's input size out."""

    kind = "metric-depth"

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        variant, weights = VARIANTS[entry.id], cast(WeightFile, entry.weights)
        found = find_weights(weights, options.weights_dir)
        self.id, self.dtype, self.weights_sha256 = entry.id, options.dtype, found.sha256
        self.revision = "lorenzopapa5/METER@0f9a49a"
        self._variant, self.device = variant, torch.device(options.device)
        self.settings = {
            "input": f"{variant.width}x{_HEIGHT}, bilinear (Pillow), aspect not kept",
            "normalisation": "ImageNet mean and deviation" if variant.imagenet else "divided by 255",
            "output": f"1/{variant.units_per_metre:g} m",
        }
        self._net = _load(found.path).to(self.device, DTYPES[options.dtype])

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return images as the network takes them, float32 (B, 3, 192, 256) or (B, 3, 192, 636)."""
        return torch.stack([self._input(image) for image in images])

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Return metric depth in metres, float32 (48, 64) or (48, 160), for each image."""
        return self.as_predictions(self.raw(pixels) / self._variant.units_per_metre)

    @torch.inference_mode()
    def raw(self, pixels: Tensor) -> Tensor:
        """Return the network's own output, float32 (B, h, w): centimetres (NYU) or decimetres (KITTI)."""
        output: Tensor = self._net(pixels.to(self.device, DTYPES[self.dtype]))
        return output[:, 0].float()

    def _input(self, image: Image) -> Tensor:
        size = self._variant.width, _HEIGHT
        resized = PilImage.fromarray(image).resize(size, PilImage.Resampling.BILINEAR)
        scaled = np.asarray(resized, dtype=np.float32) / 255
        if self._variant.imagenet:
            scaled = (scaled - _IMAGENET_MEAN) / _IMAGENET_STD
        return torch.from_numpy(scaled).permute(2, 0, 1)


def build(entry: ModelEntry, options: ModelOptions) -> Meter:
    """Return a METER adapter with its checkpoint loaded."""
    return Meter(entry, options)


def architecture(entry: ModelEntry) -> MeterNet:
    """Return the network with random weights; both checkpoints are of this one size."""
    return MeterNet()


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> Tensor:
    """Return what the network takes for images of any size: (batch, 3, 192, 256), or (batch, 3, 192, 636) for KITTI."""
    del height, width  # every image is brought to the checkpoint's own size
    return torch.zeros(batch, 3, _HEIGHT, VARIANTS[entry.id].width)


def write_tiny(entry: ModelEntry, folder: Path) -> None:
    """Write a checkpoint of random weights where the real one is looked for; the network is tiny as it is."""
    weights = cast(WeightFile, entry.weights)
    path = folder / weights.family / weights.name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.save(MeterNet().state_dict(), path)


def _load(path: Path) -> MeterNet:
    net = MeterNet()
    try:
        net.load_state_dict(read_checkpoint(path), strict=True)
    except RuntimeError as error:
        raise ModelError(f"{path}: does not hold METER-XXS weights ({error})") from error
    return net.eval()


class MeterNet(nn.Module):
    """The network of the XXS size: (B, 3, H, W) to (B, 1, H/4, W/4), H and W multiples of 64 up to padding."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Encoder()
        self.decoder = _Decoder()

    def forward(self, image: Tensor) -> Tensor:
        """Return the raw depth map in the checkpoint's unit."""
        features, skips = self.encoder(image)
        depth: Tensor = self.decoder(features, skips)
        return depth


class _Separable(nn.Module):
    """A 3x3 convolution and a 1x1 one, named as in the checkpoint (the first is a full one, not depthwise)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.pointwise = nn.Conv2d(outputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


def _separable_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_Separable(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.ReLU())


def _pointwise_block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class _InvertedResidual(nn.Module):
    """MobileNetV2's block with expansion 2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        hidden = 2 * inputs
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class _PreNorm(nn.Module):
    """Layer normalisation before a block."""

    def __init__(self, width: int, block: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = block

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fn(self.norm(x))
        return y


class _Attention(nn.Module):
    """Self-attention with four heads of width 8 over the last but one axis."""

    heads, head_width = 4, 8

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = self.heads * self.head_width
        self.to_qkv = nn.Linear(width, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.to_qkv(x).unflatten(-1, (3, self.heads, self.head_width))
        q, k, v = (part.transpose(-3, -2) for part in qkv.unbind(-3))
        attended = F.scaled_dot_product_attention(q, k, v).transpose(-3, -2).flatten(-2)
        y: Tensor = self.to_out(attended)
        return y


class _FeedForward(nn.Module):
    """Two linear layers with a ReLU; the dropouts only keep the checkpoint's numbering."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0), nn.Linear(hidden, width), nn.Dropout(0)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class _Transformer(nn.Module):
    """One pre-norm layer: attention, then feed-forward, each with a residual."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        layer = [_PreNorm(width, _Attention(width)), _PreNorm(width, _FeedForward(width, hidden))]
        self.layers = nn.ModuleList([nn.ModuleList(layer)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            for block in layer.children():
                x = x + block(x)
        return x


class _MobileVit(nn.Module):
    """A transformer over 2x2 patches between convolutions; the input is concatenated after its output."""

    def __init__(self, channels: int, width: int, expansion: int) -> None:
        super().__init__()
        self.conv1 = _separable_block(channels, channels)
        self.conv2 = _pointwise_block(channels, width)
        self.transformer = _Transformer(width, expansion * width)
        self.conv3 = _pointwise_block(width, channels)
        self.conv4 = _separable_block(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv2(self.conv1(x))
        attended = _from_patches(self.transformer(_to_patches(inner)), inner.shape[-2:])
        y: Tensor = self.conv4(torch.cat([self.conv3(attended), x], dim=1))
        return y


def _to_patches(x: Tensor) -> Tensor:
    """Return (B, 4, patches, C): pixels at the same place of their 2x2 patch attend to each other."""
    batch, channels = x.shape[:2]
    return F.pixel_unshuffle(x, 2).reshape(batch, channels, 4, -1).permute(0, 2, 3, 1)


def _from_patches(x: Tensor, size: torch.Size) -> Tensor:
    batch, _, _, channels = x.shape
    planes = x.permute(0, 3, 1, 2).reshape(batch, 4 * channels, size[0] // 2, size[1] // 2)
    return F.pixel_shuffle(planes, 2)


class _Encoder(nn.Module):
    """Stem and seven inverted residuals, a transformer after each of the last three."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [(16, 16, 1), (16, 24, 2), (24, 24, 1), (24, 24, 1), (24, 48, 2), (48, 64, 2), (64, 80, 2)]
        self.conv1 = _separable_block(3, 16, stride=2)
        self.mv2 = nn.ModuleList([_InvertedResidual(*block) for block in blocks])
        self.mvit = nn.ModuleList([_MobileVit(48, 64, 2), _MobileVit(64, 80, 4), _MobileVit(80, 96, 4)])
        self.conv2 = _pointwise_block(80, 160)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features at 1/32 and the skips at 1/4, 1/8 and 1/16."""
        x, after = self.conv1(image), []
        for index, block in enumerate(self.mv2):
            x = block(x)
            after.append(x)
            if index >= 4:
                x = self.mvit[index - 4](x)
        return self.conv2(x), [after[1], after[4], after[5]]


class _Up(nn.Module):
    """Doubles the size, joins the skip and mixes."""

    def __init__(self, inputs: int, outputs: int, skip: int) -> None:
        super().__init__()
        self.conv2d_transpose = nn.ConvTranspose2d(
            inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False
        )
        self.end_up_layer = nn.Sequential(_Separable(outputs + skip, outputs), nn.ReLU())

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up = self.conv2d_transpose(x)
        y: Tensor = self.end_up_layer(torch.cat([up, _widened(skip, up.shape[-1])], dim=1))
        return y


def _widened(skip: Tensor, width: int) -> Tensor:
    """Return a skip padded to a width: one column of zeros on the left, then one on the right if still narrower."""
    missing = width - skip.shape[-1]
    return F.pad(skip, (min(missing, 1), max(missing - 1, 0))) if missing > 0 else skip


class _Decoder(nn.Module):
    """Three doublings from 1/32 to 1/4, each with its skip, then one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_in = nn.Conv2d(160, 64, 1, bias=False)
        self.ups_block_1 = _Up(64, 32, 64)
        self.ups_block_2 = _Up(32, 16, 48)
        self.ups_block_3 = _Up(16, 8, 24)
        self.conv2d_out = nn.Conv2d(8, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        x = self.conv2d_in(x)
        for up, skip in zip((self.ups_block_1, self.ups_block_2, self.ups_block_3), reversed(skips), strict=True):
            x = up(x, skip)
        y: Tensor = self.conv2d_out(x)
        return y
