"""Lists of samples that come as text files, line by line as their publishers write them."""

from __future__ import annotations

from pathlib import Path

from runners.datasets.base import DatasetError

__all__ = ["lines"]


def lines(path: Path, advice: str) -> list[str]:
    """Return the lines of a list, spaces at their ends cut off, empty ones kept.

    Raises:
        DatasetError: If the file is missing or no text; the advice says where to get it.
    """
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError as error:
        raise DatasetError(f"{path.parent}: there is no '{path.name}' here. {advice}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as text ({error}). {advice}") from error
