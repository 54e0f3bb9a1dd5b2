"""Depth Pro: metres, and the field of view, from one image.

Bochkovskii et al., "Depth Pro: Sharp Monocular Metric Depth in Less Than a Second", ICLR 2025, arXiv 2410.02073.
Reference code: https://github.com/apple/ml-depth-pro, commit 9efe5c1.

The network gives inverse depth for a camera whose focal length is the image's width. With its own estimate of the field
of view that becomes metres: the width in question is the image's, not the network's. The output is of the image's size.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import DepthProConfig, DepthProForDepthEstimation, Dinov2Config

from runners.models.entry import ModelEntry
from runners.models.pretrained import PretrainedNetwork, on_default_device
from runners.models.registry import ModelOptions
from runners.models.tiny import write_tiny
from runners.prediction import Prediction

__all__ = ["DepthPro", "architecture", "build", "example_input", "full_config", "metres", "write_tiny"]


class DepthPro(PretrainedNetwork):
    """The adapter. Images are prepared here, as in the reference: the published processor needs torchvision.

    ``details`` keep the field of view in degrees and the focal length in pixels of the image.
    """

    architecture = DepthProForDepthEstimation

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        super().__init__(entry, options)
        self.settings |= {
            "resize": f"{self._side}x{self._side}, aspect not kept, bilinear without antialiasing, after normalising",
            "normalisation": "mean 0.5, deviation 0.5",
            "preparation": "Fathom, as the reference code",
            "focal_length": "the network's own estimate",
            "output": "metres at image size: inverse depth bilinear, clamped to 1e-4..1e4 per metre",
        }

    def check(self, config: Any) -> None:
        """Refuse a network without a field of view, whose depth has no scale; note the input's size."""
        if not config.use_fov_model:
            raise self.refuse("holds a network that estimates no field of view; without it depth is not metric")
        self._side = _side(config)

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Return metres, float32 of the image's size."""
        height, width = pixels.shape[1:3]
        output = self.run(self.squares(pixels))
        degrees = output.field_of_view.float()
        focal = 0.5 * width / torch.tan(0.5 * torch.deg2rad(degrees))
        maps = metres(output.predicted_depth.float(), focal, (height, width))
        return [
            Prediction(self.kind, one, details={"field_of_view": float(angle), "focal_length": float(length)})
            for one, angle, length in zip(maps, degrees, focal, strict=True)
        ]

    def squares(self, planes: Tensor) -> Tensor:
        """Return images, uint8 (B, h, w, 3), as the network takes them, float32 (B, 3, side, side) in -1..1."""
        size = self._side, self._side
        return F.interpolate((self.colours(planes) - 0.5) / 0.5, size=size, mode="bilinear", align_corners=False)


def metres(canonical: Tensor, focal: Tensor, size: tuple[int, int]) -> Tensor:
    """Return depth in metres (B, h, w).

    Args:
        canonical: Inverse depth (B, H, W) for a focal length of one image width.
        focal: Focal lengths (B,) in pixels of the image.
        size: Height and width of the image.
    """
    inverse = canonical * (size[1] / focal)[:, None, None]
    resized = F.interpolate(inverse[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    return 1 / resized.clamp(1e-4, 1e4)


def build(entry: ModelEntry, options: ModelOptions) -> DepthPro:
    """Return a Depth Pro adapter with its snapshot loaded."""
    return DepthPro(entry, options)


def _side(config: Any) -> int:
    """Return the side of the square input: the coarsest of the scaled images is one patch of the encoder."""
    side: int = round(config.patch_size / min(config.scaled_images_ratios))
    return side


def full_config(entry: ModelEntry) -> DepthProConfig:
    """Return the configuration of the published network: three DINOv2 ViT-L/16 encoders for patches of 384 pixels."""
    encoder = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 16}
    image, patch, view = (Dinov2Config(image_size=384, **encoder) for _ in range(3))
    return DepthProConfig(image_model_config=image, patch_model_config=patch, fov_model_config=view, use_fov_model=True)


def architecture(entry: ModelEntry) -> nn.Module:
    """Return the published network with random weights, on torch's default device."""
    net: nn.Module = DepthProForDepthEstimation(full_config(entry)).eval()
    return net


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return random pixels as the network takes them; its input is one square whatever the image's size is."""
    side = _side(full_config(entry))
    return on_default_device(batch, side, side)
