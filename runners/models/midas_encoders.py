"""The encoders of MiDaS as timm has them, under the names that MiDaS' own checkpoints give to their parts.

Every encoder returns feature maps (B, c, h, w), finest first. The convolutional ones are cut into ``layer1`` ..
``layer4`` as the reference does it, so their names are those of the file already. The transformers keep timm's names
below ``model``; :meth:`Encoder.file_name` says what a checkpoint calls each of them. Those were written with
timm 0.6.12 (the version that MiDaS v3.1 asks for; isl-org/MiDaS, issues 219 and 236), and Next-ViT with the code of its
authors.

Sources: https://github.com/isl-org/MiDaS, commit 4545977; https://github.com/bytedance/Next-ViT;
timm 0.6.12 and 1.0.31. Which blocks are tapped: Birkl, Wofk and Mueller, "MiDaS v3.1", arXiv 2307.14460.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import timm
from torch import Tensor, nn

__all__ = ["Encoder", "LevitEncoder", "NextVitEncoder", "StagedEncoder", "SwinEncoder", "lite3_stages", "resnet_stages"]


class Encoder(nn.Module):
    """Returns feature maps, and knows what a checkpoint calls its parts."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return maps (B, c, h, w), finest first, of images (B, 3, H, W)."""
        raise NotImplementedError

    def file_name(self, name: str) -> str:
        """Return what a checkpoint calls the parameter or buffer ``name``, both relative to this module."""
        return name


def _from_timm(name: str, settings: Mapping[str, Any]) -> Any:
    # What a timm model consists of depends on its name, so a type checker cannot know it.
    return timm.create_model(name, **settings)


class StagedEncoder(Encoder):
    """Four stages in a row, each giving a map: strides 4, 8, 16 and 32."""

    def __init__(self, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the four stages' outputs."""
        maps = [self.layer1(images)]
        for stage in (self.layer2, self.layer3, self.layer4):
            maps.append(stage(maps[-1]))
        return maps


def resnet_stages(name: str) -> list[nn.Module]:
    """Return the stages of a ResNet or ResNeXt of timm: 256, 512, 1024 and 2048 channels."""
    net = _from_timm(name, {})
    first = nn.Sequential(net.conv1, net.bn1, net.act1, net.maxpool, net.layer1)
    return [first, net.layer2, net.layer3, net.layer4]


def lite3_stages() -> list[nn.Module]:
    """Return the stages of EfficientNet-Lite3: 32, 48, 136 and 384 channels.

    It has to be the variant with TensorFlow's padding and batch norm epsilon (1e-3), whose weights the checkpoint
    holds: the plain one has the same names and shapes, loads without complaint and computes something else.
    """
    net = _from_timm("tf_efficientnet_lite3", {})
    # timm's bn1 contains the activation; the gap keeps the numbers of the blocks as the file has them.
    first = nn.Sequential(net.conv_stem, net.bn1, nn.Identity(), net.blocks[0], net.blocks[1])
    return [first, *(nn.Sequential(*net.blocks[start:stop]) for start, stop in ((2, 3), (3, 5), (5, 7)))]


class SwinEncoder(Encoder):
    """Swin-L, the output of each stage's last block: 192, 384, 768 and 1536 channels at strides 4 to 32.

    The file puts the merging of patches at the end of a stage, timm at the beginning of the next one.

    Args:
        settings: Of the timm model, where they differ from those of the released network.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.model: Any = _from_timm("swin_large_patch4_window12_384", settings)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return four maps of images at the size that the model was made for."""
        features, maps = self.model.patch_embed(images), []
        for layer in self.model.layers:
            features = layer(features)
            maps.append(features.permute(0, 3, 1, 2))
        return maps

    def file_name(self, name: str) -> str:
        """Return the name in a checkpoint written with timm 0.6.12."""
        name = re.sub(r"layers\.(\d+)\.downsample", lambda found: f"layers.{int(found[1]) - 1}.downsample", name)
        return name.replace("head.fc.", "head.")


class NextVitEncoder(Encoder):
    """Next-ViT-L, the output of each stage: 96, 256, 512 and 1024 channels at strides 4 to 32.

    The file numbers all blocks in a row, timm within their stage.

    Args:
        settings: Of the timm model, where they differ from those of the released network.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.model: Any = _from_timm("nextvit_large", settings)
        self._offsets = _offsets([len(stage.blocks) for stage in self.model.stages])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return four maps of images whose sides are multiples of 32."""
        features, maps = self.model.stem(images), []
        for stage in self.model.stages:
            features = stage(features)
            maps.append(features)
        return maps

    def file_name(self, name: str) -> str:
        """Return the name in a checkpoint written with the code of Next-ViT's authors."""
        found = re.match(r"model\.stages\.(\d+)\.blocks\.(\d+)\.(.*)", name)
        if not found:
            return name.replace("head.fc.", "proj_head.0.")
        rest = re.sub(r"^mlp\.fc(\d)", r"mlp.conv\1", found[3])
        return f"model.features.{self._offsets[int(found[1])] + int(found[2])}.{rest}"


_LEVIT_PARTS = (
    (r"\.attn\.", ".m."),
    (r"\.attn_downsample\.", "."),
    (r"\.(q|proj)\.ln\.", r".\1.1."),
    (r"\.mlp\.ln1\.", ".m.0."),
    (r"\.mlp\.ln2\.", ".m.2."),
    (r"\.linear\.", ".c."),
)
"""What the file calls the parts of a LeViT block: positions in sequences where timm has names."""


class LevitEncoder(Encoder):
    """LeViT-384, a map early in each of its three stages: 384, 512 and 768 channels on 14, 7 and 4 tokens a side.

    The file counts every attention and every MLP as a block of its own, those of the reduction between two stages
    included, and numbers them in a row. The taps are the reference's: its blocks 3, 11 and 21, which are the second,
    the first and the first whole block of the stages.

    Args:
        settings: Of the timm model, where they differ from those of the released network.
    """

    taps = (1, 0, 0)

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.model: Any = _from_timm("levit_384", settings)
        # A stage is its reduction (attention and MLP), except for the first, and two for each of its blocks.
        counts = [2 * len(stage.blocks) + 2 * (number > 0) for number, stage in enumerate(self.model.stages)]
        self._offsets = _offsets(counts)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return three maps of square images at the size that the model was made for."""
        stem = self.model.stem(images)
        tokens, side, maps = stem.flatten(2).transpose(1, 2), stem.shape[-1], []
        for stage, tap in zip(self.model.stages, self.taps, strict=True):
            tapped = stage.blocks[: tap + 1](stage.downsample(tokens))
            maps.append(tapped.transpose(1, 2).unflatten(2, (side, side)))
            if len(maps) < len(self.taps):
                tokens, side = stage.blocks[tap + 1 :](tapped), (side + 1) // 2
        return maps

    def file_name(self, name: str) -> str:
        """Return the name in a checkpoint written with timm 0.6.12."""
        if found := re.match(r"model\.stem\.conv(\d)\.(.*)", name):
            name = f"model.patch_embed.{2 * (int(found[1]) - 1)}.{found[2]}"
        elif found := re.match(r"model\.stages\.(\d+)\.(downsample|blocks\.(\d+))(\..*)", name):
            name = f"model.blocks.{self._number(*found.groups())}{found[4]}"
        name = re.sub(r"(head|head_dist)\.linear\.", r"\1.l.", name)
        for own, theirs in _LEVIT_PARTS:
            name = re.sub(own, theirs, name)
        return name

    def _number(self, stage: str, part: str, block: str | None, rest: str) -> int:
        """Return the file's number of a block: of a reduction's or a block's attention, or of its MLP after that."""
        before = 0 if part == "downsample" else 2 * int(block or 0) + 2 * (int(stage) > 0)
        return self._offsets[int(stage)] + before + rest.startswith(".mlp.")


def _offsets(counts: Sequence[int]) -> list[int]:
    """Return how many blocks lie before each stage."""
    return [0, *accumulate(counts)][:-1]
