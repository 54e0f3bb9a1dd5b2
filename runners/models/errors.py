"""The error of everything under ``runners.models``, in a module of its own: listing models must need no torch."""

from __future__ import annotations

__all__ = ["ModelError"]


class ModelError(Exception):
    """A model cannot be loaded, fitted or run; the message says why and what helps."""
