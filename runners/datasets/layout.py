"""Finding a data set's files below the folder that a user names, and the lists that come with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from runners.datasets.base import DatasetError

__all__ = ["base_of", "find_file", "needed", "read_lines"]


def needed(root: Path | None, dataset_id: str, source: str) -> Path:
    """Return the folder of a data set that does not come with Fathom.

    Raises:
        DatasetError: If none was named, or it is no folder; the message says where to get the data set.
    """
    if root is None:
        raise DatasetError(f"'{dataset_id}' does not come with Fathom; name its folder with --root. {source}")
    if not root.is_dir():
        raise DatasetError(f"{root}: there is no such folder. {source}")
    return root


def find_file(root: Path, names: Iterable[str]) -> Path | None:
    """Return the first of these files that is below the root, or None."""
    return next((path for name in names if (path := root / name).is_file()), None)


def read_lines(path: Path) -> list[list[str]]:
    """Return the words of each line of a list, empty lines and comments (``#``) left out.

    Raises:
        DatasetError: If the file is not text or lists nothing.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a list of files ({error})") from error
    found = [words for line in lines if (words := line.split()) and not words[0].startswith("#")]
    if not found:
        raise DatasetError(f"{path}: lists nothing")
    return found


def base_of(root: Path, folders: Sequence[str], name: str) -> Path:
    """Return the first of these folders that holds a listed file; the first of all if none does."""
    return next((base for folder in folders if ((base := root / folder) / name).is_file()), root / folders[0])
