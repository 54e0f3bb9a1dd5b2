"""Diagrams of the model families, drawn as SVG in the colours of the page."""

from __future__ import annotations

from sitegen.theory.figures import Draw

__all__ = ["DRAWINGS"]

DRAWINGS: dict[str, Draw] = {}
