"""Columns of plain text."""

from runners.columns import columns


def test_cells_stand_below_each_other() -> None:
    """Widths follow the widest cell; an empty cell shows; nothing trails."""
    assert list(columns([("id", "x"), ("longer", ""), ("a", "b")])) == ["id      x", "longer  -", "a       b"]
