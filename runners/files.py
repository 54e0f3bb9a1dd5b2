"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_aside"]


def write_aside(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it into it; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(content)
    aside.replace(path)
