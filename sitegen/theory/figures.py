"""Figures and tables that theory pages show by name: each is made from the records, or drawn by code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sitegen.pages.base import DataFile
from sitegen.store import Store

__all__ = ["Draw", "Illustration", "drawings"]


@dataclass(frozen=True)
class Illustration:
    """A figure or table on a theory page.

    Attributes:
        html: One HTML block without an empty line, so that Markdown takes it as one piece. Links are relative to a page
            in ``theory/``.
        files: What it loads when a reader opens it.
    """

    html: str
    files: tuple[DataFile, ...] = ()


Draw = Callable[[Store], Illustration]


def drawings() -> dict[str, Draw]:
    """Return everything that a page may show, by the name that its text uses."""
    from sitegen.theory import diagrams, live, tables

    return {**diagrams.DRAWINGS, **live.DRAWINGS, **tables.DRAWINGS}
