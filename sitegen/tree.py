"""What may lie in the results folder: which files, under which names, of which size; no content is judged here."""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sitegen.findings import Finding, closest

__all__ = ["JOURNALS", "LAYOUT", "MAX_PICTURE_BYTES", "name_faults", "tree_findings"]

JOURNALS = ".journal"
"""Folder in which the runners keep what a run that goes on has finished."""
LAYOUT = (
    "datasets/*.yaml",
    "models/*.yaml",
    "sources/*.yaml",
    "sources/*.csv",
    "protocols/*/*.yaml",
    "disagreements/*.yaml",
    "runs/*/*/*.json",
    "sensitivity/*/*/*.json",
    "speed/*/*.json",
    "adapters.json",
    "gallery/*/*/index.json",
    "gallery/*/*/*.webp",
    "lessons/*.json",
    "verified.yaml",
    "corrections.yaml",
    "disputes.yaml",
    "references.bib",
    "LICENSE",
    "README.md",
)
"""Patterns of the files that belong there."""
MAX_PICTURE_BYTES = 256 * 2**10
"""Largest picture: ten times the largest of the gallery."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_NAME, _LONGEST_PATH = 128, 200
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, with any ending."""


def tree_findings(root: Path) -> Iterator[Finding]:
    """Yield a finding for each file or folder below a results folder that has no place there."""
    seen: dict[str, list[str]] = defaultdict(list)
    for path in _walk(root):
        name = path.relative_to(root).as_posix()
        seen[name.casefold()].append(name)
        faults = [*name_faults(name), *_kind_faults(path)]
        yield from (_error(name, fault) for fault in faults)
        if not faults and not path.is_dir():
            yield from _placement(path, name)
    for names in seen.values():
        if len(names) > 1:
            yield _error(names[1], f"differs from '{names[0]}' in case alone: some systems keep only one of them")


def name_faults(path: str) -> Iterator[str]:
    """Yield what is wrong with a path below the results folder, as it stands in git."""
    if len(path) > _LONGEST_PATH:
        yield f"its path has {len(path)} characters; at most {_LONGEST_PATH} are allowed"
    for part in path.split("/"):
        if part in ("", ".", "..") or "\\" in part:
            yield "its path leads elsewhere"
        elif not _NAME.fullmatch(part) and part != JOURNALS:
            yield f"'{part}' is no plain name: letters, digits, dots, underscores and hyphens of ASCII"
        elif part.endswith(".") or len(part) > _LONGEST_NAME:
            yield f"'{part}' ends with a dot or has more than {_LONGEST_NAME} characters"
        elif _RESERVED.fullmatch(part):
            yield f"'{part}' is a name that Windows keeps for a device"


def _walk(root: Path) -> Iterator[Path]:
    """Yield everything below a folder, links not followed, what is in journals left out."""
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name != JOURNALS)
        yield from (Path(folder, name) for name in sorted([*folders, *files]))


def _kind_faults(path: Path) -> Iterator[str]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield "is a link; records must be plain files"
    elif stat.S_ISREG(mode) and mode & 0o111:
        yield "may be executed; records are data (chmod 644)"
    elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        yield "is no plain file"


def _placement(path: Path, name: str) -> Iterator[Finding]:
    if not any(_matches(name, pattern) for pattern in LAYOUT):
        expected = ", ".join(LAYOUT)
        folder = closest(name.split("/")[0], {pattern.split("/")[0] for pattern in LAYOUT})
        message = f"is no file of this folder's layout: {expected}"
        yield Finding("error", name, "/", message, suggestion=folder if folder != name.split("/")[0] else "")
    elif path.suffix == ".webp" and (size := path.lstat().st_size) > MAX_PICTURE_BYTES:
        yield _error(name, f"has {size:,} bytes; a picture has at most {MAX_PICTURE_BYTES:,}")


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(_part_matches, parts, wanted))


def _part_matches(part: str, wanted: str) -> bool:
    return part == wanted or (wanted.startswith("*") and part.endswith(wanted[1:]) and len(part) >= len(wanted))


def _error(path: str, message: str) -> Finding:
    return Finding("error", path, "/", message)
