"""The MiDaS networks that transformers does not have, for the checkpoints as their authors released them.

``build_midas`` makes one by its model id, ``load_midas_state`` puts a released state dict into it::

    network = build_midas("midas-v2-1-large-384")
    load_midas_state(network, torch.load(path, weights_only=True))
    disparity = network(images)  # (B, 3, H, W) to (B, H, W)

A map is relative inverse depth, larger is nearer, known up to a scale and a shift. How an image has to be prepared is
in ``runners.models.midas_resize``.

Sources: Ranftl et al., arXiv 1907.01341 (v1 to v2.1); Birkl, Wofk and Mueller, arXiv 2307.14460 (v3.1);
https://github.com/isl-org/MiDaS, commit 4545977, and tag v1 (4f28212).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from runners.models.base import ModelError
from runners.models.midas_decoder import Decoder, Fusion, SharedFusion, depth_head, linear_head
from runners.models.midas_encoders import (
    Encoder,
    LevitEncoder,
    NextVitEncoder,
    StagedEncoder,
    SwinEncoder,
    lite3_stages,
    resnet_stages,
)

__all__ = ["MIDAS_NETWORKS", "MidasNetwork", "build_midas", "dpt_decoder", "load_midas_state"]

_STRIDE = 32
_NAMED_AT_MOST = 5


class MidasNetwork(nn.Module):
    """An encoder, called ``pretrained`` in the checkpoints, and a decoder, called ``scratch``.

    Args:
        encoder: Gives the feature maps.
        decoder: Makes a disparity map of them.
        side: Of the square images that the network is made for; None for any multiples of 32.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, side: int | None = None) -> None:
        super().__init__()
        self.pretrained = encoder
        self.scratch = decoder
        self.side = side

    def forward(self, images: Tensor) -> Tensor:
        """Return disparity (B, H, W) of prepared images (B, 3, H, W).

        Raises:
            ValueError: If the images are not of a size that the network takes.
        """
        height, width = images.shape[-2:]
        if self.side is not None and (height, width) != (self.side, self.side):
            raise ValueError(f"this network takes images of {self.side}x{self.side}, not {height}x{width}")
        if height % _STRIDE or width % _STRIDE:
            raise ValueError(f"both sides of an image must be multiples of {_STRIDE}, not {height}x{width}")
        disparity: Tensor = self.scratch(self.pretrained(images))
        return disparity.squeeze(1)

    def file_names(self, names: Iterable[str]) -> dict[str, str]:
        """Return what a released checkpoint calls each of these parameters and buffers."""
        return {name: self._file_name(name) for name in names}

    def _file_name(self, name: str) -> str:
        part, _, rest = name.partition(".")
        return f"{part}.{self.pretrained.file_name(rest)}" if part == "pretrained" else name


def _v1() -> MidasNetwork:
    width = 256
    fusions = [SharedFusion(width) for _ in range(4)]
    decoder = Decoder((256, 512, 1024, 2048), (width,) * 4, fusions, linear_head(width, 128))
    return MidasNetwork(StagedEncoder(resnet_stages("resnet50")), decoder)


def _large() -> MidasNetwork:
    width = 256
    fusions = [Fusion(width, rectified_skip=True) for _ in range(4)]
    head = depth_head(width, 128, 32, align_corners=False)
    decoder = Decoder((256, 512, 1024, 2048), (width,) * 4, fusions, head)
    return MidasNetwork(StagedEncoder(resnet_stages("resnext101_32x8d")), decoder)


def _small() -> MidasNetwork:
    widths = (64, 128, 256, 512)
    # Each fusion hands on as many channels as the next finer level has; the last one keeps its own.
    outs = (64, 64, 128, 256)
    fusions = [Fusion(width, rectified_skip=False, out_channels=out) for width, out in zip(widths, outs, strict=True)]
    decoder = Decoder((32, 48, 136, 384), widths, fusions, depth_head(64, 32, 32, align_corners=False))
    return MidasNetwork(StagedEncoder(lite3_stages()), decoder)


def dpt_decoder(in_channels: tuple[int, ...], width: int = 256) -> Decoder:
    """Return the decoder that every DPT of v3.1 has, but for LeViT's head."""
    fusions = [Fusion(width, rectified_skip=False, out_channels=width) for _ in in_channels]
    head = depth_head(width, width // 2, 32, align_corners=True)
    return Decoder(in_channels, (width,) * len(in_channels), fusions, head)


def _swin() -> MidasNetwork:
    return MidasNetwork(SwinEncoder(), dpt_decoder((192, 384, 768, 1536)), side=384)


def _next_vit() -> MidasNetwork:
    return MidasNetwork(NextVitEncoder(), dpt_decoder((96, 256, 512, 1024)))


def _levit() -> MidasNetwork:
    width = 256
    fusions = [Fusion(width, rectified_skip=False, out_channels=width) for _ in range(3)]
    head = depth_head(64, 32, 8, align_corners=True)
    decoder = Decoder((384, 512, 768), (width,) * 3, fusions, head, enlarge=_mirrored_stem(width))
    return MidasNetwork(LevitEncoder(), decoder, side=224)


def _mirrored_stem(width: int) -> nn.Sequential:
    """Return two transposed convolutions, (B, width, h, w) to (B, width / 4, 4h, 4w), half of LeViT's stem reversed."""
    steps = [
        _TransposedNorm(width, width // 2),
        nn.Hardswish(),
        _TransposedNorm(width // 2, width // 4),
        nn.Hardswish(),
    ]
    return nn.Sequential(*steps)


class _TransposedNorm(nn.Sequential):
    """Doubles height and width by a transposed 3x3 convolution, then normalises."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        # The reference hands its dilation of 1 over as output padding: with it the size doubles exactly.
        self.c = nn.ConvTranspose2d(channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)


MIDAS_NETWORKS: dict[str, Callable[[], MidasNetwork]] = {
    "midas-v1": _v1,
    "midas-v2-large": _large,
    "midas-v2-1-large-384": _large,
    "midas-v2-1-small-256": _small,
    "midas-v3-1-swin-l-384": _swin,
    "midas-v3-1-next-vit-l-384": _next_vit,
    "midas-v3-1-levit-224": _levit,
}
"""How each network is made, by model id. v2 and v2.1 large differ in their training only."""


def build_midas(name: str) -> MidasNetwork:
    """Return a network in evaluation mode, with random weights.

    Args:
        name: One of ``MIDAS_NETWORKS``.

    Raises:
        ModelError: If there is none of that name.
    """
    if name not in MIDAS_NETWORKS:
        raise ModelError(f"unknown MiDaS network '{name}'; known: {', '.join(MIDAS_NETWORKS)}")
    return MIDAS_NETWORKS[name]().eval()


def load_midas_state(network: MidasNetwork, state: Mapping[str, object]) -> MidasNetwork:
    """Put a released checkpoint into a network, whole or not at all.

    Tables that follow from the architecture (relative positions, attention masks), which timm computes and files of
    v3.1 hold all the same, are taken from the file where it has them, as the reference does.

    Args:
        network: From :func:`build_midas`.
        state: A state dict, or one with its optimiser as ``{"model": ..., "optimizer": ...}``.

    Returns:
        The network, in evaluation mode.

    Raises:
        ModelError: If an entry is missing, is unknown or has another shape; the message names it as the file does.
    """
    entries = _unwrapped(state)
    own = network.state_dict()
    tables = {name: buffer for name, buffer in network.named_buffers() if name not in own}
    required, optional = network.file_names(own), network.file_names(tables)
    wanted = {required[name]: tensor for name, tensor in own.items()}
    known = wanted | {optional[name]: table for name, table in tables.items()}
    if faults := _faults(entries, wanted, known):
        raise ModelError(f"the checkpoint does not fit the network: {'; '.join(faults)}")
    network.load_state_dict({name: entries[theirs] for name, theirs in required.items()})
    with torch.no_grad():
        for name, table in tables.items():
            table.copy_(entries.get(optional[name], table))
    # timm's LeViT keeps what it made of its tables in an earlier forward pass; setting the mode makes it forget.
    return network.eval()


def _unwrapped(state: Mapping[str, object]) -> dict[str, Tensor]:
    inner = state.get("model")
    entries = inner if isinstance(inner, Mapping) else state
    if strange := [f"'{name}'" for name, value in entries.items() if not isinstance(value, Tensor)]:
        raise ModelError(f"the checkpoint is not a state dict; no tensors: {_some(strange)}")
    return {str(name): value for name, value in entries.items() if isinstance(value, Tensor)}


def _faults(entries: Mapping[str, Tensor], wanted: Mapping[str, Tensor], known: Mapping[str, Tensor]) -> list[str]:
    missing = [f"'{name}'" for name in wanted if name not in entries]
    unknown = [f"'{name}'" for name in entries if name not in known]
    different = [
        f"'{name}' ({tuple(entry.shape)}, not {tuple(known[name].shape)})"
        for name, entry in entries.items()
        if name in known and entry.shape != known[name].shape
    ]
    found = (("missing", missing), ("unknown", unknown), ("of another shape", different))
    return [f"{fault}: {_some(names)}" for fault, names in found if names]


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    listed = ", ".join(names[:_NAMED_AT_MOST])
    return f"{listed} and {more} more" if more > 0 else listed
