"""Ways to spoil a results folder, and what a case of the corpus is."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sitegen.findings import Severity
from sitegen.records import sha256_of, summarise
from sitegen.store import NUMBER_COLUMNS
from tests.corpus.base import GALLERY, METRICS, RUN

Change = Callable[[Path], None]
"""Spoils the results folder that it is given."""


@dataclass(frozen=True)
class Case:
    """A submission.

    Attributes:
        name: A few words, once in the corpus.
        hope: What the attacker hoped for, or what the careless person did not see.
        change: What is done to the honest folder.
        path: The file that the finding must name.
        says: A part of the finding's message.
        pointer: How the finding's pointer must begin.
        severity: Of the finding.
        against: Whether the honest folder is the base that it is judged against.
    """

    name: str
    hope: str
    change: Change
    path: str
    says: str
    pointer: str = "/"
    severity: Severity = "error"
    against: bool = False


def write(path: str, content: str | bytes) -> Change:
    """Write a file as it is."""

    def change(root: Path) -> None:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))

    return change


def both(*changes: Change) -> Change:
    """Do several things."""

    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


def remove(path: str) -> Change:
    """Remove a file."""
    return lambda root: (root / path).unlink()


def move(path: str, to: str) -> Change:
    """Move a file."""

    def change(root: Path) -> None:
        (root / to).parent.mkdir(parents=True, exist_ok=True)
        (root / path).rename(root / to)

    return change


def link(path: str, target: str) -> Change:
    """Put a symbolic link there."""

    def change(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)

    return change


def put(data: Any, pointer: str, value: Any) -> None:
    """Set a value of nested data; a value that is ``put`` itself removes it."""
    *way, last = pointer.strip("/").split("/")
    for name in way:
        data = data[int(name) if isinstance(data, list) else name]
    key: Any = int(last) if isinstance(data, list) else last
    if value is put:
        del data[key]
    else:
        data[key] = value


def set_yaml(path: str, **values: Any) -> Change:
    """Set fields of a YAML record; ``__`` in a name stands for a slash of its pointer."""

    def change(root: Path) -> None:
        data = yaml.safe_load((root / path).read_text("utf-8"))
        for name, value in values.items():
            put(data, name.replace("__", "/"), value)
        (root / path).write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), "utf-8")

    return change


def set_json(path: str, values: dict[str, Any]) -> Change:
    """Set values of a JSON record by pointer."""

    def change(root: Path) -> None:
        data = json.loads((root / path).read_text("utf-8"))
        for pointer, value in values.items():
            put(data, pointer, value)
        (root / path).write_text(json.dumps(data), "utf-8")

    return change


def forge(values: dict[str, Any], path: str = RUN, *, to: str | None = None, relist: bool = True) -> Change:
    """Set values of a run and make summary, list and digest agree again, as whoever knows the rules would."""

    def change(root: Path) -> None:
        data = json.loads((root / path).read_text("utf-8"))
        for pointer, value in values.items():
            put(data, pointer, value)
        samples, pooled = data["samples"], data["protocol"]["block"].get("aggregation") == "pooled-pixels"
        columns = {name: samples[name] for name in METRICS if name in samples}
        data["summary"] = summarise(columns, samples["valid_pixels"] if pooled else None)
        names = sorted([*samples["id"], *(skip["id"] for skip in data["dataset"].get("skipped", []))])
        if relist:
            data["dataset"]["list_sha256"] = hashlib.sha256("".join(f"{n}\n" for n in names).encode()).hexdigest()
        data["sha256"] = sha256_of({key: data[key] for key in data if key not in ("sha256", "timings")})
        target = root / (to or path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(data), "utf-8")

    return change


def values(column: str, place: int, value: Any, path: str = RUN) -> Change:
    """Set one image's value of a run and forge the rest."""
    return forge({f"/samples/{column}/{place}": value}, path)


def column(name: str, new: list[Any], path: str = RUN) -> Change:
    """Set a whole column of a run and forge the rest."""
    return forge({f"/samples/{name}": new}, path)


def set_row(line: int = 0, **cells: str) -> Change:
    """Set cells of a published number."""

    def change(root: Path) -> None:
        path = root / "sources/toy-paper.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        rows[line].update(cells)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, NUMBER_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    return change


def picture(content: bytes, *, width: int = 640, height: int = 480) -> Change:
    """Put another picture into the gallery and make its index agree."""
    digest = hashlib.sha256(content).hexdigest()
    index = set_json(
        f"{GALLERY}/index.json",
        {"/images/0/sha256": digest, "/images/0/width": width, "/images/0/height": height},
    )
    return both(write(f"{GALLERY}/image.webp", content), index)
