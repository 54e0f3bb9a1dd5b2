"""Writes a Marigold pipeline of random weights, a few thousand of them, as a hub's snapshot would lie on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, LCMScheduler, MarigoldDepthPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from runners.models.entry import ModelEntry

__all__ = ["pipeline", "write", "write_tiny"]

_WIDTH = 16
"""Of the text embedding."""
_TRAINING = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}


def write(entry_id: str, weights_dir: Path, **saving: Any) -> Path:
    """Write the snapshot of one Marigold model and return its folder, ``<weights_dir>/prs-eth/<entry_id>``.

    Args:
        entry_id: The model; its published scheduler goes with it.
        weights_dir: The weights cache.
        saving: For ``save_pretrained``: ``variant="fp16"``.
    """
    folder = weights_dir / "prs-eth" / entry_id
    pipeline(entry_id).save_pretrained(folder, **saving)
    return folder


def write_tiny(entry: ModelEntry, folder: Path) -> None:
    """Write a model's tiny snapshot where its adapter looks for the real one; the adapter hands this on as its own."""
    write(entry.id, folder)


def pipeline(entry_id: str, *, in_channels: int = 8) -> Any:
    """Return the tiny pipeline itself; the same weights at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MarigoldDepthPipeline(
            unet=_unet(in_channels),
            vae=_vae(),
            scheduler=_scheduler(entry_id),
            text_encoder=CLIPTextModel(_text()),
            tokenizer=_tokenizer(),
            prediction_type="depth",
            default_denoising_steps=1 if "lcm" in entry_id else 4,
            default_processing_resolution=48,
        )


def _unet(in_channels: int) -> Any:
    return UNet2DConditionModel(
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=_WIDTH,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


def _vae() -> Any:
    # Four levels, as the real one: the latent is an eighth of the image.
    return AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )


def _scheduler(entry_id: str) -> Any:
    if "lcm" in entry_id:
        return LCMScheduler(**_TRAINING, prediction_type="v_prediction")
    trailing = {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True} if "v1-1" in entry_id else {}
    return DDIMScheduler(
        **_TRAINING, prediction_type="v_prediction", set_alpha_to_one=False, steps_offset=1, **trailing
    )


def _text() -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=8,
        hidden_size=_WIDTH,
        intermediate_size=_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )


def _tokenizer() -> CLIPTokenizer:
    words = ["<|startoftext|>", "<|endoftext|>", "a", "b", "a</w>", "b</w>"]
    # Without a length a loaded tokenizer has one that overflows.
    return CLIPTokenizer({word: place for place, word in enumerate(words)}, [], model_max_length=77)
