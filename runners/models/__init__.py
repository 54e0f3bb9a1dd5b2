"""Models: adapters that turn RGB images into predictions of a declared kind."""

from __future__ import annotations

from runners.models.entry import ModelEntry
from runners.models.registry import ModelOptions, describe, load, models

__all__ = ["ModelEntry", "ModelOptions", "describe", "load", "models"]
