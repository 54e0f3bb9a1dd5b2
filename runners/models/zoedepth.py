"""ZoeDepth: metres from a relative network with metric heads, trained on NYU Depth V2 (N), KITTI (K) or both (NK).

Bhat, Birkl, Wofk, Wonka, Müller, "ZoeDepth: Zero-shot Transfer by Combining Relative and Metric Depth", 2023, arXiv
2302.12288. Reference code: https://github.com/isl-org/ZoeDepth, commit d87f17b (``depth_model.py``, ``midas.py``,
``evaluate.py`` and the three ``config_zoedepth*.json``).

The reference has two ways to predict, which give different numbers, and so has the setting ``mode``:

- ``infer``, its public functions: the image is padded by reflection, resized with its aspect kept, predicted together
  with its mirror image, brought back to the padded size (bicubic) and cropped. The output is of the image's size.
- ``eval``, the paper's tables: the image is squeezed to the training size, nothing is padded, and the output stays at
  that size. The mean with the mirror image is part of the protocol there (``flip_average``), not of the model.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import ZoeDepthConfig, ZoeDepthForDepthEstimation

from runners.models.base import ModelError
from runners.models.entry import ModelEntry
from runners.models.pretrained import PretrainedNetwork, chosen, on_default_device
from runners.models.registry import ModelOptions
from runners.models.tiny import write_tiny
from runners.prediction import Prediction, flip_average
from sitegen.records import Detail

__all__ = [
    "ZoeDepth",
    "ZoeDepthNK",
    "architecture",
    "build",
    "example_input",
    "full_config",
    "input_size",
    "padding",
    "write_tiny",
]

Size = tuple[int, int]

_MULTIPLE = 32


@dataclass(frozen=True)
class _Variant:
    """What an id promises.

    Attributes:
        target: Input size of the reference's configuration, rows and columns.
        centres: How bin centres are bounded.
        ranges: Largest depth of each head in metres, by its name.
    """

    target: Size
    centres: str
    ranges: Mapping[str, float]


_VARIANTS = {
    "zoed-m12-n": _Variant((384, 512), "softplus", {"nyu": 10.0}),
    "zoed-m12-k": _Variant((384, 768), "normed", {"kitti": 80.0}),
    "zoed-m12-nk": _Variant((384, 512), "softplus", {"nyu": 10.0, "kitti": 80.0}),
}


class ZoeDepth(PretrainedNetwork):
    """The adapter of the networks with one head; settings and output are described at the top of the module."""

    architecture = ZoeDepthForDepthEstimation

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        self._mode = chosen(entry, options, "mode", ("infer", "eval"))
        self._variant = _VARIANTS[entry.id]
        super().__init__(entry, options)
        rows, columns = self._variant.target
        target = f"{rows}x{columns}, bilinear with align_corners"
        self.settings |= {"mode": self._mode, "preparation": "Fathom, as the reference code"}
        self.settings |= {"normalisation": "mean 0.5, deviation 0.5 after resizing"}
        if self._mode == "infer":
            self.settings |= {
                "padding": "reflection, int(3 sqrt(side / 2)) on each side",
                "resize": f"{target}, aspect kept, rule 'minimal', multiple of {_MULTIPLE}",
                "flip": "mean with the mirror image, by the model",
                "output": "metres at image size: bicubic to the padded image, then cropped",
            }
        else:
            self.settings |= {
                "padding": "none",
                "resize": f"{target}, aspect not kept",
                "flip": "none by the model; the protocol's flip_average",
                "output": "metres at network size, as the network gives them",
            }

    def check(self, config: Any) -> None:
        """Refuse a network with other heads than the id promises, and correct the range of K's head.

        The configuration published for K says 10 m (transformers' converter wrote the range of N for both), and centres
        of type ``normed`` scale with the range: depth would come out eight times too small.
        """
        heads, promised = config.bin_configurations, self._variant
        if (config.bin_centers_type, len(heads)) != (promised.centres, len(promised.ranges)):
            raise self.refuse(
                f"holds a network with {len(heads)} heads whose bin centres are '{config.bin_centers_type}'; the id "
                f"promises {len(promised.ranges)}, '{promised.centres}'"
            )
        if promised.centres == "normed":
            self._correct(heads[0], *promised.ranges.values())

    def _correct(self, head: dict[str, Any], largest: float) -> None:
        if head["max_depth"] == largest:
            return
        if head["max_depth"] != 10:
            raise self.refuse(f"holds a head that ends at {head['max_depth']} m; the id promises {largest:g} m")
        head["max_depth"] = largest
        said = f"max_depth of the published configuration, 10 m, replaced by the {largest:g} m of the reference"
        self.settings["correction"] = said
        sys.stderr.write(f"model '{self.id}': {said}\n")

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Return metres, float32: of the image's size (``infer``) or of the network's (``eval``)."""
        colours = self.colours(pixels)
        if self._mode == "eval":
            output = self.run(_prepared(colours, self._variant.target))
            return self._predictions(output.predicted_depth.float(), {"": output})
        straight, plain = self._padded(colours)
        turned, mirrored = self._padded(colours.flip(-1))
        return self._predictions(flip_average(straight, turned), {"": plain, "_mirrored": mirrored})

    def _padded(self, colours: Tensor) -> tuple[Tensor, Any]:
        """Return metres (B, h, w) of images (B, 3, h, w) by way of the padded image, and the network's output."""
        height, width = colours.shape[-2:]
        down, across = padding(height, width)
        if down >= height or across >= width:
            raise ModelError(f"model '{self.id}': an image of {height}x{width} is too small to be padded by reflection")
        wide = F.pad(colours, (across, across, down, down), mode="reflect")
        size = input_size(wide.shape[-2], wide.shape[-1], self._variant.target)
        if not all(size):
            raise ModelError(f"model '{self.id}': an image of {height}x{width} is too narrow for the network")
        output = self.run(_prepared(wide, size))
        depth = output.predicted_depth[:, None].float()
        if depth.shape[-2:] != wide.shape[-2:]:
            depth = F.interpolate(depth, size=wide.shape[-2:], mode="bicubic", align_corners=False)
        return depth[:, 0, down : down + height, across : across + width], output

    def _predictions(self, depth: Tensor, outputs: Mapping[str, Any]) -> list[Prediction]:
        """Return maps as predictions; which heads gave them is for the network that has several."""
        return self.as_predictions(depth)


class ZoeDepthNK(ZoeDepth):
    """The adapter of the network with two heads.

    A router chooses one head for the whole batch, in the reference and in transformers alike, so images go through one
    by one. ``details`` keep its choice and both logits, those of the mirror image (``infer``) apart: it is routed by
    itself.
    """

    largest_batch = 1

    def check(self, config: Any) -> None:
        """Refuse heads that are not named as the router's logits are counted: NYU first, then KITTI."""
        super().check(config)
        if (names := [head.get("name") for head in config.bin_configurations]) != list(self._variant.ranges):
            raise self.refuse(f"holds heads {names}; the id promises {list(self._variant.ranges)}")

    def _predictions(self, depth: Tensor, outputs: Mapping[str, Any]) -> list[Prediction]:
        names, details = list(self._variant.ranges), dict[str, Detail]()
        for suffix, output in outputs.items():
            logits = output.domain_logits[0].float()
            details[f"head{suffix}"] = names[int(logits.argmax())]
            details |= {f"logit_{n}{suffix}": round(float(v), 6) for n, v in zip(names, logits, strict=True)}
        return [Prediction(self.kind, one.map, details=details) for one in self.as_predictions(depth)]


def build(entry: ModelEntry, options: ModelOptions) -> ZoeDepth:
    """Return a ZoeDepth adapter with its snapshot loaded."""
    return (ZoeDepthNK if len(_VARIANTS[entry.id].ranges) > 1 else ZoeDepth)(entry, options)


def padding(height: int, width: int) -> Size:
    """Return how many rows and columns the reference pads an image with on each side."""
    return int(sqrt(height / 2) * 3), int(sqrt(width / 2) * 3)


def input_size(height: int, width: int, target: Size) -> Size:
    """Return the rows and columns that an image is resized to with its aspect kept.

    The factor nearest to 1 of the two that meet the target, then the nearest multiple of 32; nothing where that is 0.
    """
    vertical, horizontal = target[0] / height, target[1] / width
    factor = horizontal if abs(1 - horizontal) < abs(1 - vertical) else vertical
    rows, columns = (round(factor * side / _MULTIPLE) * _MULTIPLE for side in (height, width))
    return rows, columns


def _prepared(colours: Tensor, size: Size) -> Tensor:
    """Return images (B, 3, h, w) in 0..1 at the network's input size, normalised to -1..1."""
    return (F.interpolate(colours, size=size, mode="bilinear", align_corners=True) - 0.5) / 0.5


def full_config(entry: ModelEntry) -> ZoeDepthConfig:
    """Return the configuration of the published network, from the reference's own; the encoder is BEiT-L-384."""
    variant = _VARIANTS[entry.id]
    router = {"layers": 4, "hidden_size": 128, "intermediate_size": 1024, "num_attention_heads": 4}
    several = len(variant.ranges) > 1
    return ZoeDepthConfig(
        neck_hidden_sizes=[256, 512, 1024, 1024],
        bin_centers_type=variant.centres,
        bin_configurations=[
            {"name": name, "n_bins": 64, "min_depth": 1e-3, "max_depth": largest}
            for name, largest in variant.ranges.items()
        ],
        num_patch_transformer_layers=router["layers"] if several else None,
        patch_transformer_hidden_size=router["hidden_size"] if several else None,
        patch_transformer_intermediate_size=router["intermediate_size"] if several else None,
        patch_transformer_num_attention_heads=router["num_attention_heads"] if several else None,
    )


def architecture(entry: ModelEntry) -> nn.Module:
    """Return the published network with random weights, on torch's default device."""
    net: nn.Module = ZoeDepthForDepthEstimation(full_config(entry)).eval()
    return net


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return random pixels as one pass takes them for images of a size, under ``mode=infer`` (which makes two)."""
    down, across = padding(height, width)
    size = input_size(height + 2 * down, width + 2 * across, _VARIANTS[entry.id].target)
    return on_default_device(batch, *size)
