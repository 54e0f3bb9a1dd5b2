"""Tables of the theory pages that follow from the records, so that they stay true."""

from __future__ import annotations

from sitegen.theory.figures import Draw

__all__ = ["DRAWINGS"]

DRAWINGS: dict[str, Draw] = {}
