"""Strict reading of YAML, JSON, CSV and BibTeX: plain data out, findings for all that is wrong, never an exception.

Stricter than the formats: no duplicate keys, no NaN or Infinity, no numbers that arithmetic cannot bear, no YAML
anchors, tags or implicit dates, no characters that show nothing, no text that a spreadsheet would run as a formula, no
BibTeX that defines or runs anything, no links, no file over :data:`MAX_BYTES` unless its reader allows more.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import re
import stat
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import LatexDecodingMiddleware

from sitegen.characters import character_name, hidden_character, visible
from sitegen.findings import Finding

__all__ = ["MAX_BYTES", "MAX_FINDINGS", "MAX_YAML_BYTES", "BibEntry", "CsvRow", "Reader", "data_faults"]

MAX_BYTES = 8 * 2**20
"""Largest file that is read: fifty times the largest honest record."""
MAX_YAML_BYTES = 256 * 2**10
"""Largest YAML, CSV or BibTeX file that is read: people write them, and their parsers are slow."""
MAX_CSV_BYTES = 2**20
"""Largest CSV file that is read: eight times the largest source."""
MAX_DEPTH = 32
MAX_VALUES = 1_000_000
"""Most values of a file: twelve columns of the longest list of images have fewer."""
MAX_INTEGER = 2**53
"""Largest whole number that every reader of JSON keeps."""
MAX_FLOAT = 1e100
"""Largest magnitude of a number: its square and sums of such are still numbers."""
MAX_COMMANDS = 10_000
"""Most commands of LaTeX in a BibTeX file: each takes a tenth of a millisecond to decode."""
MAX_FINDINGS = 100
"""How many findings of one file are kept: whoever wrote it has enough to do."""
# What does not parse becomes a finding; the library's own log would print it a second time.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
_FORMULA = re.compile(r"^[=+@\t\r]|^-(?![\d.])")
_BIB_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_-]{0,79}")
_BIB_TYPES = {"article", "book", "inbook", "incollection", "inproceedings", "mastersthesis", "misc", "phdthesis"}
_BIB_TYPES |= {"proceedings", "techreport", "unpublished", "online", "software", "dataset"}
_LATEX_THAT_ACTS = re.compile(
    r"\\(?:write|immediate|input|include|open(?:in|out)|read|catcode|[egx]?def|let|csname|newcommand|renewcommand|"
    r"usepackage|special|href|loop|expandafter|everypar|directlua|ShellEscape|verbatiminput)(?![a-z])",
)
_BIB_MARKUP = re.compile(r"<\s*[A-Za-z/!?]|\b(?:javascript|vbscript|data)\s*:", re.IGNORECASE)
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
                twice = f"key '{visible(key)[:80]}' stands twice"
                raise yaml.constructor.ConstructorError(None, None, twice, key_node.start_mark)
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
    _counts: dict[Path, int] = field(default_factory=dict)

    def fault(
        self, path: Path, pointer: str, message: str, *, expected: str = "", mend: str = "", suggestion: str = ""
    ) -> None:
        """Record an error in a file; the last that is kept says that there are more."""
        count = self.count(path)
        if count == MAX_FINDINGS:
            message, expected, mend, suggestion = "has more faults than are listed here", "", "mend those first", ""
        if count <= MAX_FINDINGS:
            self.findings.append(Finding("error", self.name(path), pointer, message, expected, mend, suggestion))
            self._counts[path] = count + 1

    def count(self, path: Path) -> int:
        """Return how many errors were found in a file."""
        return self._counts.get(path, 0)

    def name(self, path: Path) -> str:
        """Return how findings call a file."""
        return path.relative_to(self.root).as_posix()

    def sentences(self) -> str:
        """Return all findings, one a line, each with its file and, where it is one of many, the place in it."""
        places = [(f, f"{f.pointer}: " if f.pointer != "/" else "") for f in self.findings]
        return "\n".join(f"{self.root / finding.path}: {place}{finding.message}" for finding, place in places)

    def text(self, path: Path, max_bytes: int | None = None) -> str | None:
        """Return a file's text, or None with a finding when it is no plain UTF-8 of a sane size.

        Args:
            path: The file, below the reader's folder.
            max_bytes: The most that it may have, where that is less than the reader's.
        """
        try:
            if self._linked(path):
                self._refuse(path, "is a link; records must be plain files", mend="put the file itself there")
                return None
            state, most = path.stat(), min(self.max_bytes, max_bytes or self.max_bytes)
            if not stat.S_ISREG(state.st_mode):
                self._refuse(path, "is no plain file")
                return None
            if state.st_size > most:
                self._refuse(path, f"has {state.st_size:,} bytes; a record has at most {most:,}")
                return None
            text = path.read_bytes().decode("utf-8")
        except OSError as error:
            self._refuse(path, f"cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError as error:
            found = f"is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
            self._refuse(path, found, mend="save it as UTF-8")
            return None
        return text if self._shows_all(path, text) else None

    def _linked(self, path: Path) -> bool:
        """Return whether a file, or a folder on the way to it, is a link."""
        way = [path, *path.parents]
        return any(part.is_symlink() for part in way[: way.index(self.root)] if part != self.root)

    def _shows_all(self, path: Path, text: str) -> bool:
        """Return whether a text has no character that shows nothing; CR counts as one unless a line ends with it."""
        if text.startswith("\ufeff"):
            self._refuse(path, "begins with a byte order mark; save it as plain UTF-8")
            return False
        char = hidden_character(text, "\n\t\r") or ("\r" if "\r" in text.replace("\r\n", "") else None)
        if char is None:
            return True
        line = text.count("\n", 0, text.index(char)) + 1
        self._refuse(path, f"holds {character_name(char)}, which shows nothing (line {line})", mend="remove it")
        return False

    def yaml(self, path: Path) -> Any:
        """Return the data of a YAML file, or None with a finding."""
        text = self.text(path, MAX_YAML_BYTES)
        if text is None:
            return None
        try:
            _refuse_yaml_tricks(text)
            return self._sane(path, yaml.load(text, Loader=_StrictLoader))  # noqa: S506 (a subclass of the safe loader)
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
            return self._sane(path, json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant))
        except json.JSONDecodeError as error:
            self._refuse(path, f"is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})")
            return None
        except RecursionError:
            self._refuse(path, f"is not valid JSON: it is nested more than {MAX_DEPTH} deep")
            return None
        except ValueError as error:
            self._refuse(path, f"is not valid JSON: {_first_line(error)}")
            return None

    def csv(self, path: Path, columns: tuple[str, ...]) -> list[CsvRow]:
        """Return the rows of a CSV file whose header is exactly ``columns``; findings for all others."""
        text = self.text(path, MAX_CSV_BYTES)
        if text is None:
            return []
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = next(reader, [])
            if tuple(header) != columns:
                found = ",".join(header)
                found = found if len(found) <= 400 else f"{found[:400]}…"
                self.fault(path, "/1", f"the header must be '{','.join(columns)}', found '{found}'")
                return []
            return list(self._csv_rows(path, reader, columns))
        except csv.Error as error:
            self.fault(path, f"/{reader.line_num}", f"is not valid CSV: {error}")
            return []

    def bibtex(self, path: Path) -> dict[str, BibEntry]:
        """Return the entries of a BibTeX file by key; findings for blocks that are none, stand twice or could act."""
        text = self.text(path, MAX_YAML_BYTES)
        if text is None:
            return {}
        if _braces(text) > MAX_DEPTH:  # the parsers of LaTeX are recursive
            self._refuse(path, f"is not valid BibTeX: braces are nested more than {MAX_DEPTH} deep")
            return {}
        if (commands := text.count("\\")) > MAX_COMMANDS:
            self._refuse(path, f"has {commands:,} commands of LaTeX; at most {MAX_COMMANDS:,} are allowed")
            return {}
        try:
            library = parse_string(text)
            decoded = parse_string(text, append_middleware=[LatexDecodingMiddleware()])
        except Exception as error:  # the library documents no errors of its own
            self._refuse(path, f"is not valid BibTeX: {_first_line(error)}")
            return {}
        for block in library.failed_blocks:
            self.fault(path, f"/{(block.start_line or 0) + 1}", f"is not valid BibTeX: {_first_line(block.error)}")
        for other in (*library.preambles, *library.strings):
            line = (other.start_line or 0) + 1
            self.fault(path, f"/{line}", "is no entry", mend="write what it stands for into the entries")
        plain = {entry.key: _plain_fields(entry) for entry in decoded.entries}
        entries = [
            BibEntry(entry.key, entry.entry_type, _plain_fields(entry), plain.get(entry.key, {}))
            for entry in library.entries
        ]
        return {entry.key: entry for entry in entries if self._harmless(path, entry)}

    def _harmless(self, path: Path, entry: BibEntry) -> bool:
        """Return whether an entry is text and nothing else, with findings where it is not."""
        faults = list(_bib_faults(entry))
        for where, message in faults:
            self.fault(path, where, message)
        return not faults

    def _sane(self, path: Path, data: Any) -> Any:
        """Return data that no later step can stumble over, else None with findings."""
        faults = list(islice(data_faults(data), MAX_FINDINGS + 1))
        for pointer, message in faults:
            self.fault(path, pointer, message)
        return None if faults else data

    def _csv_rows(self, path: Path, reader: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[CsvRow]:
        for line, cells in enumerate(reader, start=2):
            if self.count(path) > MAX_FINDINGS:
                return
            if len(cells) != len(columns):
                self.fault(path, f"/{line}", f"has {len(cells)} cells, the header has {len(columns)}")
                continue
            row = dict(zip(columns, cells, strict=True))
            for name, cell in row.items():
                if _FORMULA.match(cell):
                    self.fault(path, f"/{line}/{name}", f"'{cell[:40]}' would be run as a formula by a spreadsheet")
            yield CsvRow(line, row)

    def _refuse(self, path: Path, message: str, *, mend: str = "") -> None:
        self.fault(path, "/", message, mend=mend)


def data_faults(data: Any) -> Iterator[tuple[str, str]]:
    """Yield (JSON pointer, sentence) for what is nested too deeply, too much, too large a number, or shows nothing.

    Looks at keys and values alike, without recursion: escapes of JSON and YAML may hide what the file's text does not
    show.
    """
    waiting: list[tuple[str, Any, int]] = [("", data, 0)]
    values = 1
    while waiting:
        pointer, value, depth = waiting.pop()
        values += len(value) if isinstance(value, dict | list) else 0
        if values > MAX_VALUES:
            yield "/", f"holds more than {MAX_VALUES:,} values"
            return
        if fault := _value_fault(value, depth):
            yield pointer or "/", fault
        elif isinstance(value, dict | list):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += ((f"{pointer}/{_pointer_part(key)}", item, depth + 1) for key, item in pairs)


def _value_fault(value: Any, depth: int) -> str | None:
    if isinstance(value, str):
        return _text_fault([value], "holds")
    if isinstance(value, int | float):
        return _number_fault(value)
    if isinstance(value, dict | list) and depth >= MAX_DEPTH:
        return f"is nested more than {MAX_DEPTH} deep"
    return _text_fault(map(str, value), "a name in it holds") if isinstance(value, dict) else None


def _text_fault(texts: Iterable[str], what: str) -> str | None:
    char = next(filter(None, map(hidden_character, texts)), None)
    return f"{what} {character_name(char)}, which shows nothing" if char else None


def _number_fault(value: float) -> str | None:
    if isinstance(value, int):
        return f"is a whole number beyond {MAX_INTEGER:,}" if abs(value) > MAX_INTEGER else None
    if not math.isfinite(value):
        return f"is {value}: no number; leave the value out or write null"
    return f"is {value:g}; no measured value is beyond {MAX_FLOAT:g}" if abs(value) > MAX_FLOAT else None


def _pointer_part(key: object) -> str:
    return visible(str(key))[:200].replace("~", "~0").replace("/", "~1")


def _braces(text: str) -> int:
    """Return how deeply braces are nested, at the deepest."""
    depth = deepest = 0
    for brace in re.findall(r"[{}]", text):
        depth = depth + 1 if brace == "{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _bib_faults(entry: BibEntry) -> Iterator[tuple[str, str]]:
    """Yield (place, sentence) for what is no plain reference in an entry."""
    place = f"/{_pointer_part(entry.key)}"
    if not _BIB_KEY.fullmatch(entry.key):
        yield place, "a key must be of letters, digits, colons, underscores and hyphens, at most 80"
    if entry.type not in _BIB_TYPES:
        yield place, f"'@{entry.type[:40]}' is no type of reference; known: {', '.join(sorted(_BIB_TYPES))}"
    for name, value in entry.fields.items():
        where = f"{place}/{_pointer_part(name)}"
        if found := _LATEX_THAT_ACTS.search(value):
            yield where, f"'{found.group()}' is a command that acts; a reference is text"
        if found := _BIB_MARKUP.search(value) or _BIB_MARKUP.search(entry.plain.get(name, "")):
            yield where, f"markup or a script address is not allowed in text: '{found.group()}'"
        if (char := hidden_character(value + entry.plain.get(name, ""))) is not None:
            yield where, f"holds {character_name(char)}, which shows nothing"
        if name == "url" and not re.match(r"https?://", value):
            yield where, f"must begin with http:// or https://; found '{value[:80]}'"


def _plain_fields(entry: Any) -> dict[str, str]:
    return {item.key: " ".join(str(item.value).split()) for item in entry.fields}


def _first_line(error: object) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"key '{visible(key)[:80]}' stands twice")
        data[key] = value
    return data


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed; leave the value out or write null")


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
