"""Models: adapters that turn RGB images into predictions of a declared kind."""

from __future__ import annotations

from runners.models.registry import MODELS, ModelEntry, ModelOptions, describe, load

__all__ = ["MODELS", "ModelEntry", "ModelOptions", "describe", "load"]
