"""Two ways to make the input of a network: as its authors' code, or as the processor published beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DPTImageProcessorPil

from runners.models.base import Image, ModelError, Setting
from runners.models.midas_resize import InputRule, prepare

__all__ = ["INPUTS", "HubInput", "Input", "ReferenceInput", "input_named"]

INPUTS = ("reference", "hub")
"""What the setting ``input`` may be, the default first."""


class ReferenceInput:
    """The input as the authors' code makes it.

    Args:
        rule: Size, interpolation and normalisation.
    """

    def __init__(self, rule: InputRule) -> None:
        self._rule = rule

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return images of one size as float32 (B, 3, h, w).

        Raises:
            ModelError: If nothing is left of such an image at the network's size.
        """
        try:
            return torch.stack([prepare(image, self._rule) for image in images])
        except ValueError as error:
            raise ModelError(str(error)) from error

    def settings(self) -> dict[str, Setting]:
        """Return what is done, for the record."""
        rule = self._rule
        aspect = f"aspect kept, rule '{rule.rule}'" if rule.keep_aspect else "aspect not kept"
        return {
            "resize": f"{rule.side}, multiple of {rule.multiple}, {aspect}, cubic as OpenCV's",
            "normalisation": f"mean {list(rule.scaling[0])}, deviation {list(rule.scaling[1])}",
            "preparation": "Fathom, as the reference code",
        }


class HubInput:
    """The input as the image processor published beside the weights makes it, always the one that resizes with Pillow.

    transformers takes torchvision where that is installed, and its pixels differ by up to 0.035 in normalised units.
    DPT's class reads the files of Depth Anything too, and those written for the older ``DPTFeatureExtractor``.

    Args:
        folder: Of the snapshot.

    Raises:
        ModelError: If there is no preprocessor_config.json.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._processor: Any = DPTImageProcessorPil.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder}: no image processor can be read ({error})") from error

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return images of one size as float32 (B, 3, h, w)."""
        made = self._processor(images=list(images), return_tensors="pt", input_data_format="channels_last")
        pixels: Tensor = made["pixel_values"]
        return pixels

    def settings(self) -> dict[str, Setting]:
        """Return what the processor does, for the record."""
        told = self._processor
        size = f"{told.size['height']}x{told.size['width']}, multiple of {told.ensure_multiple_of}"
        aspect = "aspect kept, rule 'minimal'" if told.keep_aspect_ratio else "aspect not kept"
        return {
            "resize": f"{size}, {aspect}, Pillow's filter {int(told.resample)}",
            "normalisation": f"mean {_three(told.image_mean)}, deviation {_three(told.image_std)}",
            "preparation": "DPTImageProcessorPil of transformers, as published",
        }


def _three(value: float | Sequence[float]) -> list[float]:
    return [value] * 3 if isinstance(value, int | float) else list(value)


Input = ReferenceInput | HubInput


def input_named(name: str, rule: InputRule, folder: Path) -> Input:
    """Return the input that a value of the setting ``input`` means.

    Raises:
        ModelError: If the published processor cannot be read.
    """
    return HubInput(folder) if name == "hub" else ReferenceInput(rule)
