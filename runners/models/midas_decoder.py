"""The decoder of MiDaS: features of several strides are fused from the coarsest to the finest, then read out.

Written after the paper and after the facts of the reference code; names of modules are those of its checkpoints, so
that its files load as they are.

Sources: Ranftl, Lasinger, Hafner, Schindler and Koltun, "Towards Robust Monocular Depth Estimation: Mixing Datasets for
Zero-Shot Cross-Dataset Transfer", TPAMI 2022, arXiv 1907.01341; https://github.com/isl-org/MiDaS, commit 4545977
(v2 to v3.1) and tag v1 (4f28212). The scheme goes back to RefineNet, Lin et al., CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

__all__ = ["Decoder", "Double", "Fusion", "ResidualUnit", "SharedFusion", "depth_head", "linear_head"]

Size = tuple[int, int]


class ResidualUnit(nn.Module):
    """Two rectified 3x3 convolutions and a skip.

    Args:
        channels: Of input and output.
        rectified_skip: What the skip adds. The reference rectifies its input in place in v1, v2 and v2.1 large, so
            there the skip carries the *rectified* input; in v2.1 small and in every DPT it carries the input itself.
            The released weights were trained with the one or the other: it is part of the model.
        last_bias: Whether the second convolution has a bias.
    """

    def __init__(self, channels: int, *, rectified_skip: bool, last_bias: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=last_bias)
        self.rectified_skip = rectified_skip

    def forward(self, features: Tensor) -> Tensor:
        """Return refined features, (B, channels, h, w) like the input, which is left as it is."""
        rectified = F.relu(features)
        residual: Tensor = self.conv2(F.relu(self.conv1(rectified)))
        return residual + (rectified if self.rectified_skip else features)


class Fusion(nn.Module):
    """Adds the features of one level to what comes from the coarser ones, refines the sum and enlarges it.

    The coarsest level has nothing to add to, so its first unit is never used; the checkpoints hold its weights
    nevertheless.

    Args:
        channels: Of both inputs.
        rectified_skip: See :class:`ResidualUnit`.
        out_channels: Of a 1x1 convolution after the enlargement; None for no such convolution.
    """

    def __init__(self, channels: int, *, rectified_skip: bool, out_channels: int | None = None) -> None:
        super().__init__()
        self.resConfUnit1 = ResidualUnit(channels, rectified_skip=rectified_skip)
        self.resConfUnit2 = ResidualUnit(channels, rectified_skip=rectified_skip)
        self.out_conv = nn.Conv2d(channels, out_channels, 1) if out_channels else nn.Identity()

    def forward(self, path: Tensor | None, features: Tensor, size: Size) -> Tensor:
        """Return (B, out_channels, height, width) from the coarser path and the features, both (B, channels, h, w).

        Args:
            path: What the next coarser level gave; None at the coarsest.
            features: Of this level.
            size: Height and width of the result.
        """
        merged = features if path is None else path + self.resConfUnit1(features)
        fused: Tensor = self.out_conv(_enlarged(self.resConfUnit2(merged), size))
        return fused


class SharedFusion(nn.Module):
    """The fusion of v1: one residual unit does both jobs, and its second convolution has no bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.resConfUnit = ResidualUnit(channels, rectified_skip=True, last_bias=False)

    def forward(self, path: Tensor | None, features: Tensor, size: Size) -> Tensor:
        """Return (B, channels, height, width); the arguments are those of :meth:`Fusion.forward`."""
        merged = features if path is None else path + self.resConfUnit(features)
        return _enlarged(self.resConfUnit(merged), size)


def _enlarged(features: Tensor, size: Size) -> Tensor:
    return F.interpolate(features, size=size, mode="bilinear", align_corners=True)


class Double(nn.Module):
    """Twice the height and the width, bilinear."""

    def __init__(self, *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, c, 2h, 2w) from (B, c, h, w)."""
        return F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=self.align_corners)


def depth_head(channels: int, middle: int, last: int, *, align_corners: bool) -> nn.Sequential:
    """Return the read-out of v2 and later: (B, channels, h, w) to (B, 1, 2h, 2w), never negative.

    Args:
        channels: Of the input.
        middle: Channels after the first convolution.
        last: Channels after the second one.
        align_corners: Of the enlargement: False in the convolutional networks, True in every DPT.
    """
    return nn.Sequential(
        nn.Conv2d(channels, middle, 3, padding=1),
        Double(align_corners=align_corners),
        nn.Conv2d(middle, last, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(last, 1, 1),
        nn.ReLU(),
    )


def linear_head(channels: int, middle: int) -> nn.Sequential:
    """Return the read-out of v1: (B, channels, h, w) to (B, 1, 2h, 2w), of either sign.

    There is no rectification anywhere in it, and it enlarges last.
    """
    return nn.Sequential(
        nn.Conv2d(channels, middle, 3, padding=1), nn.Conv2d(middle, 1, 3, padding=1), Double(align_corners=False)
    )


class Decoder(nn.Module):
    """From feature maps to one map, by a fusion at every level.

    Args:
        in_channels: Of the encoder's maps, finest first.
        fusions: One for each map.
        widths: Channels that each map is brought to before its fusion.
        head: Reads the map out; see :func:`depth_head`.
        enlarge: What lies between the last fusion and the head; None for nothing.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        widths: Sequence[int],
        fusions: Sequence[nn.Module],
        head: nn.Module,
        enlarge: nn.Module | None = None,
    ) -> None:
        super().__init__()
        for level, (channels, width, fusion) in enumerate(zip(in_channels, widths, fusions, strict=True), start=1):
            self.add_module(f"layer{level}_rn", nn.Conv2d(channels, width, 3, padding=1, bias=False))
            self.add_module(f"refinenet{level}", fusion)
        self.stem_transpose = nn.Identity() if enlarge is None else enlarge
        self.output_conv = head

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return (B, 1, H, W) from maps (B, c, h, w), finest first; H and W are four times those of the finest.

        A fusion enlarges to the size of the next finer map, which is twice its own for images whose sides are
        multiples of 32. With an ``enlarge`` the result is larger by as much as that enlarges.
        """
        sizes = [_double(maps[0])] + [_size(finer) for finer in maps[:-1]]
        path: Tensor | None = None
        for level in range(len(maps), 0, -1):
            features = self.get_submodule(f"layer{level}_rn")(maps[level - 1])
            path = self.get_submodule(f"refinenet{level}")(path, features, sizes[level - 1])
        out: Tensor = self.output_conv(self.stem_transpose(path))
        return out


def _size(features: Tensor) -> Size:
    return features.shape[-2], features.shape[-1]


def _double(features: Tensor) -> Size:
    return 2 * features.shape[-2], 2 * features.shape[-1]
