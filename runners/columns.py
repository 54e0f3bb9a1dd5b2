"""Plain text in columns: the same on a terminal and in a file, so that a script may read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["columns"]

_GAP = 2


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line, its cells below each other, an empty cell as ``-``.

    Args:
        rows: The first is the header; all have as many cells.
    """
    filled = [[cell or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) + _GAP for column in zip(*filled, strict=True)]
    for row in filled:
        yield "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
