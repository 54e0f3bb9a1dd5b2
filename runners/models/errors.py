"""The error of everything under ``runners.models``, in a module of its own: listing models must need no torch."""

from __future__ import annotations

import re

__all__ = ["ModelError", "as_note"]

_LONGEST = 300


class ModelError(Exception):
    """A model cannot be loaded, fitted or run; the message says why and what helps."""


def as_note(error: Exception) -> str:
    """Return an error as one line of plain text that a record takes: no markup, no control characters, not too long."""
    name = "" if isinstance(error, ModelError) else f"{type(error).__name__}: "
    text = re.sub(r"\s+", " ", f"{name}{error}").translate({ord("<"): "(", ord(">"): ")"})
    plain = "".join(char for char in text if char.isprintable()).strip()
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 3].rstrip() + "..."
