"""Which samples lie in a folder that somebody has downloaded, and which of its files may be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runners.datasets.base import DatasetError, Item, SampleError

__all__ = ["inside", "some"]


def some(items: Iterable[Item], root: Path, advice: str) -> list[Item]:
    """Return the items that were found below a folder.

    Raises:
        DatasetError: If there is none, which means that the folder is another one; the advice says what it should hold.
    """
    if not (found := list(items)):
        raise DatasetError(f"{root}: holds no sample in the layout of its publisher. {advice}")
    return found


def inside(folder: Path, name: str, whose: str = "data set's") -> Path:
    """Return the path of a file that a list names, below a folder; links are followed before it is judged.

    Raises:
        SampleError: If the path is not usable or leads out of the folder.
    """
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError) as error:
        raise SampleError(f"'{name}' is not a usable path ({error})") from error
    if not path.is_relative_to(folder.resolve()):
        raise SampleError(f"'{name}' leads out of the {whose} folder")
    return path
