"""Reading checkpoint files without running what is in them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from runners.models.errors import ModelError

__all__ = ["read_checkpoint"]


def read_checkpoint(path: Path) -> dict[str, object]:
    """Return what a checkpoint holds, on the CPU; only tensors and plain containers are ever unpickled.

    Raises:
        ModelError: If it is no checkpoint, holds anything else, or is no dictionary.
    """
    try:
        state: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path}: is no checkpoint that can be read safely ({reason})") from error
    if not isinstance(state, dict):
        raise ModelError(f"{path}: a state dict was expected, not {type(state).__name__}")
    return state
