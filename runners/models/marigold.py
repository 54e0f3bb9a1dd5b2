"""Marigold: Stable Diffusion 2 turned into an estimator of affine-invariant depth; runs through diffusers.

Ke, Obukhov, Huang, Metzger, Daudt, Schindler, "Repurposing Diffusion-Based Image Generators for Monocular Depth
Estimation", CVPR 2024, arXiv 2312.02145; Ke et al., "Marigold: Affordable Adaptation of Diffusion-Based Image
Generators for Image Analysis", arXiv 2505.09358. Settings as their authors' repository has them
(prs-eth/Marigold@b1dffaa: README, script/depth/eval*, marigold/util/ensemble.py).

The resize chain is ours, in float32, and is that of diffusers' pipeline to the letter: longer side to the processing
resolution, bilinear with antialiasing; the map back to the image's size, bilinear without. It is done here because the
pipeline resizes in the network's precision, which the CPU cannot do in half, and because it refuses resolutions that
are no multiple of 8, such as the 756 that the authors take for ETH3D. The authors' own code differs in three small
ways: it rounds the resized image to grey levels, it smooths the map where that is made smaller, and it cuts sides that
are no multiple of 8 where diffusers repeats the border.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import AutoencoderKL, MarigoldDepthPipeline, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from torch import Tensor, nn
from transformers import CLIPTextModel
from transformers.utils import logging as transformers_logging

from runners.models.base import DTYPES, Image, ModelError, Network
from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights, find_snapshot
from runners.models.registry import ModelOptions
from runners.models.settings import one_of, read_settings, whole_number
from runners.models.tiny_marigold import write_tiny
from runners.prediction import Prediction

__all__ = ["PRESETS", "Marigold", "OneStep", "Recipe", "architecture", "build", "example_input", "write_tiny"]

_MULTIPLE = 8
"""Pixels of the image for one of the latent."""
_USUAL_RESOLUTION = 768
"""Where the snapshot does not say; Stable Diffusion 2 was trained at this size (README)."""


@dataclass(frozen=True)
class Recipe:
    """How one image is predicted.

    Attributes:
        steps: Denoising steps.
        ensemble: Predictions that are merged, each from noise of its own.
        alignment_iterations: At most, of the solver that brings the ensemble's members to one scale and shift.
        alignment_tolerance: Of that solver.
        resolution: Longer side in pixels at which the network sees the image; 0 for the image's own size, None for what
            the snapshot says.
        seed: Of the noise; every image starts from it anew.
    """

    steps: int
    ensemble: int
    alignment_iterations: int = 2
    alignment_tolerance: float = 1e-3
    resolution: int | None = None
    seed: int = 1234


PRESETS: dict[str, dict[str, Recipe]] = {
    "marigold-depth-v1-0": {"paper": Recipe(50, 10), "fast": Recipe(10, 1)},
    "marigold-depth-v1-1": {"paper": Recipe(1, 10, 50, 1e-6), "fast": Recipe(1, 1)},
    "marigold-depth-lcm-v1-0": {"paper": Recipe(4, 5), "fast": Recipe(1, 1)},
}
"""Model id to its presets.

``paper`` is what the authors run for comparisons: 50 steps of DDIM and an ensemble of 10 for v1-0, with the alignment
of that time; 1 step and 10 for v1-1. No paper has the LCM: its ``paper`` is what the repository ran it with when it
came out. ``fast`` has no ensemble and the fewest steps that are recommended.
"""

_READERS = {
    "preset": one_of("paper", "fast"),
    "steps": whole_number(1, 1000),
    "ensemble": whole_number(1, 100),
    "processing_resolution": whole_number(0, 8192),
    "seed": whole_number(0, 2**63 - 1),
}
_LOGS: tuple[Any, ...] = (diffusers_logging, transformers_logging)
_PIPELINE: Any = MarigoldDepthPipeline
_NETWORKS: dict[str, Any] = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}
_FIELDS = {"steps": "steps", "ensemble": "ensemble", "processing_resolution": "resolution", "seed": "seed"}


class Marigold(Network):
    """The adapter: RGB images in, depth within 0..1 (near to far) of the image's size out, one image at a time.

    A single prediction is clipped to 0..1 and not stretched to it; an ensemble is stretched. The uncertainty of an
    ensemble is the median absolute deviation of its aligned members.
    """

    kind = "affine-invariant-depth"
    largest_batch = 1

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        self.id, self.dtype = entry.id, options.dtype
        recipe, preset = _chosen(entry.id, options.settings)
        snapshot = find_snapshot(cast(HubWeights, entry.weights), options.weights_dir)
        self.revision, self.weights_sha256 = snapshot.revision, snapshot.sha256
        self._pipeline = _load(snapshot.folder, options)
        self._recipe = replace(recipe, resolution=_resolution(recipe, self._pipeline))
        self.settings = {"preset": preset, **_described(self._recipe), "scheduler": _scheduler(self._pipeline)}
        if options.compile:
            self._pipeline.unet.compile()
            self.settings["compiled"] = "U-Net"

    def infer(self, images: Sequence[Image]) -> list[Prediction]:
        """Return depth, float32 (h, w) within 0..1, with the ensemble's uncertainty where there is an ensemble."""
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Prediction:
        recipe, size = self._recipe, (image.shape[0], image.shape[1])
        output = self._pipeline(
            _as_input(image, recipe.resolution or 0),
            num_inference_steps=recipe.steps,
            ensemble_size=recipe.ensemble,
            processing_resolution=0,
            match_input_resolution=False,
            ensembling_kwargs={"max_iter": recipe.alignment_iterations, "tol": recipe.alignment_tolerance},
            # On the CPU whatever the device: the same noise everywhere.
            generator=torch.Generator("cpu").manual_seed(recipe.seed),
            output_type="pt",
            output_uncertainty=recipe.ensemble > 1,
        )
        uncertainty = None if output.uncertainty is None else _as_map(output.uncertainty, size)
        return Prediction(self.kind, _as_map(output.prediction, size).clamp(0, 1), uncertainty)


def build(entry: ModelEntry, options: ModelOptions) -> Marigold:
    """Return a Marigold adapter with its pipeline loaded."""
    return Marigold(entry, options)


def _chosen(model_id: str, given: Mapping[str, str]) -> tuple[Recipe, str]:
    """Return what to do, and the preset's name with whatever was set otherwise."""
    values = read_settings(model_id, given, _READERS)
    preset = values.pop("preset", "paper")
    usual = PRESETS[model_id][preset]
    recipe = replace(usual, **{_FIELDS[name]: value for name, value in values.items()})
    other = [name for name, field in _FIELDS.items() if getattr(recipe, field) != getattr(usual, field)]
    return recipe, f"{preset}, but other {', '.join(other)}" if other else preset


def _described(recipe: Recipe) -> dict[str, str | int]:
    """Return a recipe as a record keeps it."""
    return {
        "steps": recipe.steps,
        "ensemble": recipe.ensemble,
        "ensemble_alignment": f"BFGS, {recipe.alignment_iterations} iterations, "
        f"tolerance {recipe.alignment_tolerance:g}",
        "processing_resolution": recipe.resolution or 0,
        "seed": recipe.seed,
        "noise": "generator on the CPU, anew for each image",
        "resize": "float32, bilinear; image with antialiasing, map without",
    }


def _as_input(image: Image, resolution: int) -> Tensor:
    """Return an image as float32 (1, 3, h, w) within 0..1, its longer side at a resolution (0: left as it is)."""
    # A copy: images may be read-only.
    planes = torch.tensor(image).permute(2, 0, 1)[None].float() / 255
    if not resolution:
        return planes
    longer = max(planes.shape[-2:])
    size = [max(1, side * resolution // longer) for side in planes.shape[-2:]]
    return F.interpolate(planes, size, mode="bilinear", antialias=True).clamp(0, 1)


def _as_map(output: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a pipeline's output (1, 1, h', w') as float32 (h, w) on the CPU."""
    return F.interpolate(output.float().cpu(), size, mode="bilinear")[0, 0]


def _load(folder: Path, options: ModelOptions) -> Any:
    """Return the pipeline of a snapshot on its device; a foreign, broken or incomplete one is refused."""
    if not sys.stderr.isatty():
        for log in _LOGS:
            log.disable_progress_bar()
    how = {
        "variant": _variant(folder, options.dtype),
        "dtype": DTYPES[options.dtype],
        "use_safetensors": True,
        "local_files_only": True,
    }
    try:
        parts, faults = _networks(folder, how)
        pipeline = _PIPELINE.from_pretrained(folder, **how, **parts)
    except Exception as error:  # whatever the libraries make of files that are not what they should be
        raise ModelError(f"{folder}: holds no Marigold pipeline ({type(error).__name__}: {_first(error)})") from error
    if faults := [*faults, *_faults(pipeline)]:
        raise ModelError("\n".join(f"{folder}: {fault}" for fault in faults))
    pipeline.set_progress_bar_config(disable=True)
    # Not moved where it is already: diffusers then warns that half precision cannot run on the CPU, which it can here.
    return pipeline if options.device == "cpu" else pipeline.to(options.device)


def _networks(folder: Path, how: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the three networks of a snapshot, and which weights it lacks: both libraries would make up random ones."""
    parts, faults = {}, []
    for name, network in _NETWORKS.items():
        parts[name], info = network.from_pretrained(folder / name, **how, output_loading_info=True)
        lacking = sorted(str(key) for key in [*info["missing_keys"], *info["mismatched_keys"]])
        if lacking:
            faults.append(f"{name}: {len(lacking)} weights are missing or of another shape, such as {lacking[0]}")
    return parts, faults


def _variant(folder: Path, dtype: str) -> str | None:
    """Return which files to read: the full ones wherever they are, since half of them is what the others hold."""
    if (folder / "unet" / "diffusion_pytorch_model.safetensors").is_file() or not list(folder.rglob("*.fp16.*")):
        return None
    if dtype != "float16":
        raise ModelError(f"{folder}: holds only weights in half precision; ask for --dtype float16")
    return "fp16"


def _faults(pipeline: Any) -> list[str]:
    """Return why a pipeline is not one whose output is affine-invariant depth."""
    faults, config = [], pipeline.config
    if pipeline.unet.config.in_channels != 8:
        faults.append(f"the U-Net takes {pipeline.unet.config.in_channels} channels, not image and depth, 8")
    if config.prediction_type not in ("depth", None):
        faults.append(f"predicts {config.prediction_type}, not depth")
    if not (config.scale_invariant and config.shift_invariant):
        faults.append("is not affine-invariant")
    return faults


def _resolution(recipe: Recipe, pipeline: Any) -> int:
    if recipe.resolution is not None:
        return recipe.resolution
    return int(pipeline.default_processing_resolution or _USUAL_RESOLUTION)


def _scheduler(pipeline: Any) -> str:
    """Return the published scheduler in words; no setting changes it."""
    config = pipeline.scheduler.config
    parts = [type(pipeline.scheduler).__name__, config.timestep_spacing, config.prediction_type]
    return ", ".join([*parts, "zero terminal SNR"] if config.rescale_betas_zero_snr else parts)


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


# ---------------------------------------------------------------------------------------------------------------------
# The architecture without weights

_UNET: dict[str, Any] = {
    "sample_size": 96,
    "in_channels": 8,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "use_linear_projection": True,
}
_VAE: dict[str, Any] = {
    "sample_size": 768,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
_PROMPT = (2, 1024)
"""Tokens and width of the empty prompt's embedding."""
_LAST_TIMESTEP = 999


class OneStep(nn.Module):
    """What an image costs that is denoised in one step: VAE encoding, one pass of the U-Net, VAE decoding.

    The weights are random, so the output means nothing; the time and the memory are the true ones. A latency of this
    module is that of one step and one member: the U-Net's share is to be counted ``steps`` x ``ensemble`` times, the
    decoder's ``ensemble`` times, the encoder's once. The text encoder (340.4 million parameters) is no part of it: it
    runs once in a model's life, for the empty prompt, whose embedding stands here as zeros.
    """

    text: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.unet: Any = _NETWORKS["unet"](**_UNET)
        self.vae: Any = _NETWORKS["vae"](**_VAE)
        self.register_buffer("text", torch.zeros(1, *_PROMPT))

    def forward(self, image: Tensor) -> Tensor:
        """Return a map (B, h, w) for images (B, 3, h, w) within -1..1, h and w multiples of 8."""
        scale = self.vae.config.scaling_factor
        latent = self.vae.encode(image).latent_dist.mode() * scale
        text = self.text.expand(len(image), -1, -1)
        # Zeros instead of noise: they cost the same.
        both = torch.cat([latent, torch.zeros_like(latent)], dim=1)
        denoised = self.unet(both, _LAST_TIMESTEP, encoder_hidden_states=text, return_dict=False)[0]
        depth: Tensor = self.vae.decode(denoised / scale, return_dict=False)[0].mean(dim=1)
        return depth


def architecture(entry: ModelEntry) -> nn.Module:
    """Return the full-size network of a Marigold model with random weights: U-Net and VAE, 949.6 million parameters.

    All three releases have one architecture, that of Stable Diffusion 2 with eight input channels.
    """
    if entry.id not in PRESETS:
        raise ModelError(f"model '{entry.id}' is no Marigold model")
    return OneStep().eval()


def example_input(entry: ModelEntry, batch: int, height: int, width: int) -> Tensor:
    """Return what :class:`OneStep` takes: float32 (batch, 3, h, w) in -1..1, sides raised to multiples of 8."""
    sides = [-(-side // _MULTIPLE) * _MULTIPLE for side in (height, width)]
    return torch.rand(batch, 3, *sides) * 2 - 1
