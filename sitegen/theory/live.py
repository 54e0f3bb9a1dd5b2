"""Figures that a reader can operate: Vega-Lite charts with parameters over data of real runs."""

from __future__ import annotations

from sitegen.theory.figures import Draw

__all__ = ["DRAWINGS"]

DRAWINGS: dict[str, Draw] = {}
