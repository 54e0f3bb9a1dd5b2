"""Strict reading of YAML, JSON, CSV and BibTeX: plain data out, findings for all that is wrong, never an exception.

Stricter than the formats: no duplicate keys, no NaN or Infinity, no YAML anchors, tags or implicit dates, no text that
a spreadsheet would run as a formula, no links, no file over :data:`MAX_BYTES` unless its reader allows more.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import LatexDecodingMiddleware

from sitegen.findings import Finding

__all__ = ["MAX_BYTES", "BibEntry", "CsvRow", "Reader"]

MAX_BYTES = 8 * 2**20
"""Largest file that is read: fifty times the largest honest record."""
MAX_DEPTH = 32
# What does not parse becomes a finding; the library's own log would print it a second time.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
_FORMULA = re.compile(r"^[=+@\t\r]|^-(?![\d.])")
_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_BaseLoader):  # type: ignore[misc]
    """Safe YAML without dates (a date stays the text that was written) and without repeated keys."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own class attribute)
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge"))]
        for first, resolvers in _BaseLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping, refusing a key that stands twice."""
        seen: set[str] = set()
        for key_node, _value in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' stands twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


@dataclass(frozen=True)
class CsvRow:
    """One row of a CSV file: its line number (the header is line 1) and its cells by column name."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class BibEntry:
    """One BibTeX entry: fields as written, and decoded to plain Unicode for showing."""

    key: str
    type: str
    fields: dict[str, str]
    plain: dict[str, str]

    def to_bibtex(self) -> str:
        """Return the entry as BibTeX, without the fields that only this project uses."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields.items() if name not in _OWN_FIELDS]
        return "\n".join([f"@{self.type}{{{self.key},", *lines, "}"])


_OWN_FIELDS = {"sourceids", "seenat"}


@dataclass
class Reader:
    """Reads files below one folder and collects what is wrong with them.

    Attributes:
        root: The folder; findings name files relative to it.
        findings: Everything that was wrong so far.
        max_bytes: Largest file that is read.
    """

    root: Path
    findings: list[Finding] = field(default_factory=list)
    max_bytes: int = MAX_BYTES

    def fault(self, path: Path, pointer: str, message: str) -> None:
        """Record an error in a file."""
        self.findings.append(Finding("error", self.name(path), pointer, message))

    def name(self, path: Path) -> str:
        """Return how findings call a file."""
        return path.relative_to(self.root).as_posix()

    def text(self, path: Path) -> str | None:
        """Return a file's text, or None with a finding when it cannot be read as UTF-8 of a sane size."""
        try:
            if path.is_symlink():
                self._refuse(path, "is a link; records must be plain files")
                return None
            size = path.stat().st_size
            if size > self.max_bytes:
                self._refuse(path, f"has {size:,} bytes; a record has at most {self.max_bytes:,}")
                return None
            text = path.read_bytes().decode("utf-8")
        except OSError as error:
            self._refuse(path, f"cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError as error:
            self._refuse(path, f"is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}")
            return None
        if text.startswith("\ufeff"):
            self._refuse(path, "begins with a byte order mark; save it as plain UTF-8")
            return None
        return text

    def yaml(self, path: Path) -> Any:
        """Return the data of a YAML file, or None with a finding."""
        text = self.text(path)
        if text is None:
            return None
        try:
            _refuse_yaml_tricks(text)
            return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a subclass of the safe loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
            self._refuse(path, f"is not valid YAML: {error.problem or error.context}{where}")
            return None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self._refuse(path, f"is not valid YAML: {_first_line(error)}")
            return None

    def json(self, path: Path) -> Any:
        """Return the data of a JSON file, or None with a finding."""
        text = self.text(path)
        if text is None:
            return None
        try:
            return json.loads(
                text, object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant, parse_float=_finite
            )
        except json.JSONDecodeError as error:
            self._refuse(path, f"is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})")
            return None
        except RecursionError:
            self._refuse(path, "is not valid JSON: it is nested too deeply")
            return None
        except ValueError as error:
            self._refuse(path, f"is not valid JSON: {_first_line(error)}")
            return None

    def csv(self, path: Path, columns: tuple[str, ...]) -> list[CsvRow]:
        """Return the rows of a CSV file whose header is exactly ``columns``; findings for all others."""
        text = self.text(path)
        if text is None:
            return []
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = next(reader, [])
            if tuple(header) != columns:
                self.fault(path, "/1", f"the header must be '{','.join(columns)}', found '{','.join(header)}'")
                return []
            return list(self._csv_rows(path, reader, columns))
        except csv.Error as error:
            self.fault(path, f"/{reader.line_num}", f"is not valid CSV: {error}")
            return []

    def bibtex(self, path: Path) -> dict[str, BibEntry]:
        """Return the entries of a BibTeX file by key; findings for blocks that do not parse or stand twice."""
        text = self.text(path)
        if text is None:
            return {}
        library = parse_string(text)
        for block in library.failed_blocks:
            self.fault(path, f"/{(block.start_line or 0) + 1}", f"is not valid BibTeX: {_first_line(block.error)}")
        decoded = parse_string(text, append_middleware=[LatexDecodingMiddleware()])
        plain = {entry.key: _plain_fields(entry) for entry in decoded.entries}
        return {
            entry.key: BibEntry(entry.key, entry.entry_type, _plain_fields(entry), plain.get(entry.key, {}))
            for entry in library.entries
        }

    def _csv_rows(self, path: Path, reader: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[CsvRow]:
        for line, cells in enumerate(reader, start=2):
            if len(cells) != len(columns):
                self.fault(path, f"/{line}", f"has {len(cells)} cells, the header has {len(columns)}")
                continue
            row = dict(zip(columns, cells, strict=True))
            for name, cell in row.items():
                if _FORMULA.match(cell):
                    self.fault(path, f"/{line}/{name}", f"'{cell[:40]}' would be run as a formula by a spreadsheet")
            yield CsvRow(line, row)

    def _refuse(self, path: Path, message: str) -> None:
        self.fault(path, "/", message)


def _plain_fields(entry: Any) -> dict[str, str]:
    return {item.key: " ".join(str(item.value).split()) for item in entry.fields}


def _first_line(error: object) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"key '{key}' stands twice")
        data[key] = value
    return data


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed; leave the value out or write null")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large for a float")
    return value


def _refuse_yaml_tricks(text: str) -> None:
    """Refuse aliases (they can grow without bound), tags, several documents and deep nesting.

    Raises:
        ValueError: With the reason.
        yaml.YAMLError: If the text is no YAML.
    """
    depth = documents = 0
    for event in yaml.parse(text, Loader=_BaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"anchors and aliases are not allowed (line {line})")
        if tag := getattr(event, "tag", None):
            raise ValueError(f"tags such as '{tag[:40]}' are not allowed (line {line})")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    if documents > 1:
        raise ValueError("it holds several documents")
