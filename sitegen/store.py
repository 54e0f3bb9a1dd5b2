"""Reads everything under ``results/`` into records, with all findings at once.

Nothing is skipped silently: a file that is no record, a record that does not validate and a reference that leads
nowhere each give a finding. What did validate is returned beside the findings, so that one bad file does not hide the
others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sitegen import checks
from sitegen.findings import Finding, closest, errors
from sitegen.metrics import METRICS
from sitegen.plausible import plausibility
from sitegen.reading import MAX_FINDINGS, BibEntry, CsvRow, Reader
from sitegen.records import (
    PATTERN_MEANINGS,
    AdapterProofs,
    Correction,
    Corrections,
    DatasetCard,
    Disagreement,
    Dispute,
    Disputes,
    GalleryIndex,
    Lesson,
    ModelCard,
    Protocol,
    PublishedNumber,
    Record,
    Run,
    Source,
    Speed,
    Verification,
    Verified,
    sha256_of,
)
from sitegen.tree import JOURNALS, tree_findings

__all__ = [
    "DEFAULT_RESULTS",
    "JOURNALS",
    "NUMBER_COLUMNS",
    "InvalidResultsError",
    "Store",
    "StoredNumber",
    "explain",
    "load",
    "load_datasets",
    "load_model_cards",
    "load_protocols",
    "load_runs",
    "load_speed",
    "load_valid",
]

DEFAULT_RESULTS = Path("results")
NUMBER_COLUMNS: tuple[str, ...] = tuple(PublishedNumber.model_fields)
"""Header of every ``results/sources/<source>.csv``."""

R = TypeVar("R", bound=BaseModel)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MAX_IMAGES = 100_000
"""Most images of a run: the longest list of a data set, DIW, has 74,441."""
MAX_ITEMS = 2_000
"""Most items of any other list of a record."""


@dataclass(frozen=True)
class StoredNumber:
    """A published number and where it stands: its source and the line of the source's CSV."""

    source: str
    line: int
    row: PublishedNumber

    @cached_property
    def id(self) -> str:
        """Return a short name that stays when lines move and the value is corrected: it is of what identifies it."""
        row = self.row
        named = (row.model, row.variant, row.dataset, row.split, row.protocol_note, row.metric, row.place)
        return sha256_of([self.source, *named])[:12]

    @cached_property
    def sha256(self) -> str:
        """Return the digest of all that the row says, its value included."""
        return sha256_of([self.source, self.row.model_dump(mode="json")])


@dataclass(frozen=True)
class Store:
    """All records of a results folder, by id, and what is wrong with the files."""

    root: Path
    datasets: dict[str, DatasetCard] = field(default_factory=dict)
    models: dict[str, ModelCard] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    numbers: tuple[StoredNumber, ...] = ()
    protocols: dict[tuple[str, str], Protocol] = field(default_factory=dict)
    disagreements: dict[str, Disagreement] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    sensitivity: tuple[Run, ...] = ()
    """One model's predictions of a few images under many protocols: for comparing protocols, never on a board."""
    speeds: tuple[Speed, ...] = ()
    adapters: AdapterProofs | None = None
    galleries: tuple[GalleryIndex, ...] = ()
    lessons: dict[str, Lesson] = field(default_factory=dict)
    """Numbers of real runs behind figures of the theory pages, by id."""
    verified: tuple[Verification, ...] = ()
    """Each time a run was run again."""
    disputes: dict[str, Dispute] = field(default_factory=dict)
    """Withdrawn and disputed results, by digest of the run or id of the number."""
    corrections: tuple[Correction, ...] = ()
    references: dict[str, BibEntry] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> list[Finding]:
        """Return the findings that stop a build."""
        return errors(self.findings)


class InvalidResultsError(ValueError):
    """The results folder holds errors; ``findings`` has all of them."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(f"{len(findings)} errors in the results folder")
        self.findings = findings


def load(root: Path = DEFAULT_RESULTS) -> Store:
    """Read a results folder.

    Args:
        root: The folder (``results/`` of the repository).

    Returns:
        All records that validate and all findings about those that do not; the cross-file checks are included.
    """
    reader = Reader(root)
    if not root.is_dir():
        return Store(root, findings=(Finding("error", str(root), "/", "is no folder"),))
    loader = _Loader(reader)
    found = list(tree_findings(root))
    store = loader.store()
    found += [*reader.findings, *checks.cross_check(store), *plausibility(store)]
    return replace(store, findings=tuple(dict.fromkeys(found)))


def load_valid(root: Path = DEFAULT_RESULTS) -> Store:
    """Read a results folder that must be free of errors.

    Raises:
        InvalidResultsError: With all errors, if there is one.
    """
    store = load(root)
    if store.errors:
        raise InvalidResultsError(store.errors)
    return store


def load_protocols(root: Path = DEFAULT_RESULTS) -> tuple[dict[tuple[str, str], Protocol], tuple[Finding, ...]]:
    """Return only the protocols of a results folder, by (data set, id), and what is wrong with their files."""
    reader = Reader(root)
    return _Loader(reader).protocols(), tuple(reader.findings)


def load_model_cards(root: Path, ids: Iterable[str]) -> tuple[dict[str, ModelCard], tuple[Finding, ...]]:
    """Return the cards of some models by id, and what is wrong with their files; a model without a card is left out."""
    reader = Reader(root)
    loader = _Loader(reader)
    cards: dict[str, ModelCard] = {}
    for model_id in ids:
        cards |= loader.cards(f"models/{model_id}.yaml", ModelCard)
    return cards, tuple(reader.findings)


def load_runs(root: Path = DEFAULT_RESULTS) -> tuple[tuple[Run, ...], tuple[Finding, ...]]:
    """Return only the measured runs of a results folder, and what is wrong with their files."""
    reader = Reader(root)
    return tuple(_Loader(reader).runs("runs")), tuple(reader.findings)


def load_speed(root: Path, device: str, model: str) -> tuple[Speed | None, tuple[Finding, ...]]:
    """Return what was measured of a model on a device so far, and what is wrong with the file; None where it is absent.

    Args:
        root: A folder of speeds (``results/speed``).
        device: Id of the device.
        model: Id of the model.
    """
    reader = Reader(root)
    found = tuple(_Loader(reader).speeds(f"{device}/{model}.json"))
    return (found[0] if found else None), tuple(reader.findings)


def load_datasets(root: Path = DEFAULT_RESULTS) -> tuple[dict[str, DatasetCard], tuple[Finding, ...]]:
    """Return only the cards of data sets of a results folder, by id, and what is wrong with their files."""
    reader = Reader(root)
    return _Loader(reader).cards_of_datasets(), tuple(reader.findings)


@dataclass
class _Loader:
    """Walks the folder once; each method reads one kind of file."""

    reader: Reader

    def store(self) -> Store:
        sources = self.cards("sources/*.yaml", Source)
        return Store(
            root=self.reader.root,
            datasets=self.cards_of_datasets(),
            models=self.cards("models/*.yaml", ModelCard),
            sources=sources,
            numbers=tuple(self._numbers(sources)),
            protocols=self.protocols(),
            disagreements=self.cards("disagreements/*.yaml", Disagreement),
            runs=tuple(self.runs("runs")),
            sensitivity=tuple(self.runs("sensitivity")),
            speeds=tuple(self.speeds("speed/*/*.json")),
            adapters=self._only("adapters.json", self.reader.json, AdapterProofs),
            galleries=tuple(self._galleries()),
            lessons=self.cards("lessons/*.json", Lesson),
            verified=self._verified(),
            disputes=self._disputes(),
            corrections=self._corrections(),
            references=self._references(),
        )

    def cards_of_datasets(self) -> dict[str, DatasetCard]:
        return self.cards("datasets/*.yaml", DatasetCard)

    def _files(self, pattern: str) -> list[Path]:
        return sorted(self.reader.root.glob(pattern))

    def _record(self, path: Path, read: Callable[[Path], Any], record_type: type[R]) -> R | None:
        data = read(path)
        if data is None:
            if not self.reader.count(path):
                self.reader.fault(path, "/", "is empty")
            return None
        if too_long := next(_long_lists(data), None):
            self.reader.fault(path, *too_long)
            return None
        return self._validate(path, "", data, record_type)

    def _validate(self, path: Path, prefix: str, data: Any, record_type: type[R]) -> R | None:
        try:
            return record_type.model_validate(data)
        except ValidationError as error:
            for fault in islice(_faults(error), MAX_FINDINGS + 1):
                self.reader.fault(path, prefix + fault.pop("pointer"), fault.pop("message"), **fault)
            return None

    def cards(self, pattern: str, record_type: type[R]) -> dict[str, R]:
        """Read the records of a pattern that are called by their ids, by id."""
        cards: dict[str, R] = {}
        read = self.reader.json if pattern.endswith(".json") else self.reader.yaml
        for path in self._files(pattern):
            card = self._record(path, read, record_type)
            if card is not None and self._named(path, "/id", path.stem, str(card.id)):  # type: ignore[attr-defined]
                cards[path.stem] = card
        return cards

    def _named(self, path: Path, pointer: str, expected: str, found: str) -> bool:
        if expected != found:
            message = f"is '{found}', but the file's place says '{expected}'"
            self.reader.fault(path, pointer, message, mend="move the file, or correct the id")
        return expected == found

    def _numbers(self, sources: dict[str, Source]) -> Iterator[StoredNumber]:
        for path in self._files("sources/*.csv"):
            if path.stem not in sources:
                self.reader.fault(path, "/", f"has no valid source card '{path.stem}.yaml' beside it")
            for row in self.reader.csv(path, NUMBER_COLUMNS):
                if self.reader.count(path) > MAX_FINDINGS:
                    break
                number = self._validate(path, f"/{row.line}", self._number_data(path, row), PublishedNumber)
                if number is not None:
                    yield StoredNumber(path.stem, row.line, number)

    def _number_data(self, path: Path, row: CsvRow) -> dict[str, Any]:
        data: dict[str, Any] = {name: cell for name, cell in row.cells.items() if cell != ""}
        for name in _FLOAT_COLUMNS & data.keys():
            if _NUMBER.fullmatch(data[name]):
                data[name] = float(data[name])
        return data

    def protocols(self) -> dict[tuple[str, str], Protocol]:
        """Read every protocol."""
        protocols: dict[tuple[str, str], Protocol] = {}
        for path in self._files("protocols/*/*.yaml"):
            protocol = self._record(path, self.reader.yaml, Protocol)
            if protocol is None:
                continue
            named = self._named(path, "/id", path.stem, protocol.id)
            if self._named(path, "/dataset", path.parent.name, protocol.dataset) and named:
                protocols[protocol.dataset, protocol.id] = protocol
        return protocols

    def runs(self, folder: str) -> Iterator[Run]:
        """Read every run below a folder."""
        for path in self._files(f"{folder}/*/*/*.json"):
            run = self._record(path, self.reader.json, Run)
            if run is None:
                continue
            dataset, protocol = path.parts[-3:-1]
            named = self._named(path, "/model/id", path.stem, run.model.id)
            named &= self._named(path, "/dataset/id", dataset, run.dataset.id)
            if self._named(path, "/protocol/id", protocol, run.protocol.id) and named:
                yield run

    def speeds(self, pattern: str) -> Iterator[Speed]:
        """Read the speeds of a pattern."""
        for path in self._files(pattern):
            speed = self._record(path, self.reader.json, Speed)
            if speed is None:
                continue
            named = self._named(path, "/model", path.stem, speed.model)
            if self._named(path, "/device", path.parent.name, speed.device) and named:
                yield speed

    def _galleries(self) -> Iterator[GalleryIndex]:
        for path in self._files("gallery/*/*/index.json"):
            gallery = self._record(path, self.reader.json, GalleryIndex)
            if gallery is None:
                continue
            dataset, sample = path.parts[-3:-1]
            named = self._named(path, "/dataset", dataset, gallery.dataset)
            if self._named(path, "/sample", sample, gallery.sample) and named:
                yield gallery

    def _only(self, name: str, read: Callable[[Path], Any], record_type: type[R]) -> R | None:
        """Read a file of which there is one or none."""
        path = self.reader.root / name
        return self._record(path, read, record_type) if path.exists() else None

    def _verified(self) -> tuple[Verification, ...]:
        record = self._only("verified.yaml", self.reader.yaml, Verified)
        return tuple(record.digests) if record else ()

    def _disputes(self) -> dict[str, Dispute]:
        path = self.reader.root / "disputes.yaml"
        record = self._only(path.name, self.reader.yaml, Disputes)
        found: dict[str, Dispute] = {}
        for index, entry in enumerate(record.disputes if record else ()):
            if found.setdefault(entry.of, entry) is not entry:
                self.reader.fault(path, f"/disputes/{index}", f"'{entry.of}' stands here twice")
        return found

    def _corrections(self) -> tuple[Correction, ...]:
        record = self._only("corrections.yaml", self.reader.yaml, Corrections)
        return tuple(record.corrections) if record else ()

    def _references(self) -> dict[str, BibEntry]:
        path = self.reader.root / "references.bib"
        return self.reader.bibtex(path) if path.exists() else {}


_FLOAT_COLUMNS = {
    name
    for name, info in PublishedNumber.model_fields.items()
    if float in (info.annotation, *get_args(info.annotation))
}


def explain(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield (JSON pointer, sentence) for each fault that pydantic found."""
    yield from ((fault["pointer"], fault["message"]) for fault in _faults(error))


def _faults(error: ValidationError) -> Iterator[dict[str, str]]:
    """Yield the parts of a finding, but for its file, for each fault that pydantic found."""
    seen: set[str] = set()
    for fault in error.errors(include_url=False):
        way = [str(part) for part in fault["loc"] if not _is_branch(part)]
        pointer = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in way)
        if len(way) == len(fault["loc"]) or pointer not in seen:  # of a field's alternatives the first is told
            yield {"pointer": pointer, "message": _sentence(fault), **_advice(fault)}
        seen.add(pointer)


_BRANCH = re.compile(r"(?:str|int|float|bool|none)$|(?:literal|function-\w+|constrained-\w+|list|dict|nullable)\[")


def _is_branch(part: str | int) -> bool:
    """Return whether a part of pydantic's place is an alternative of a field, which is no place in the data."""
    return isinstance(part, str) and _BRANCH.match(part) is not None


def _advice(fault: ErrorDetails) -> dict[str, str]:
    """Return what was expected, how to mend it and what was probably meant, as far as a fault tells."""
    name = str(fault["loc"][-1]) if fault["loc"] else ""
    if fault["type"] == "missing":
        return {"mend": f"add the field '{name}'; `sitegen schema` shows the fields of a record"}
    if fault["type"] == "extra_forbidden":
        return {"mend": "remove it or correct its name", "suggestion": closest(name, _field_names())}
    if fault["type"] == "literal_error":
        return {"suggestion": closest(str(fault["input"]), re.findall(r"'([^']*)'", fault["ctx"]["expected"]))}
    if unknown := re.match(r"Value error, unknown metric '([^']*)'", fault["msg"]):
        return {"suggestion": closest(unknown.group(1), METRICS)}
    if "sha256 does not agree" in fault["msg"] or "summary does not follow" in fault["msg"]:
        return {"mend": "commit the file as `runners evaluate` wrote it; records are not edited by hand"}
    return {}


@cache
def _field_names() -> frozenset[str]:
    return frozenset(name for record in _all_records(Record) for name in record.model_fields)


def _all_records(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield base
    for record in base.__subclasses__():
        yield from _all_records(record)


def _long_lists(data: Any) -> Iterator[tuple[str, str]]:
    """Yield (pointer, sentence) for lists that no record has: each wrong item of one would be a finding."""
    waiting = [("", data)]
    while waiting:
        pointer, value = waiting.pop()
        most = MAX_IMAGES if pointer.startswith("/samples/") or pointer == "/dataset/skipped" else MAX_ITEMS
        if isinstance(value, list | dict) and len(value) > most:
            yield pointer or "/", f"has {len(value):,} items; at most {most:,} are allowed"
        elif isinstance(value, dict):
            waiting += ((f"{pointer}/{key}", item) for key, item in value.items())


def _sentence(fault: ErrorDetails) -> str:
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] == "extra_forbidden":
        return f"is no field of this record; found {_short(fault['input'])}"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return message
    for pattern, meaning in PATTERN_MEANINGS.items():
        message = f"must be {meaning}" if f"'{pattern}'" in message else message
    return f"{message[0].lower()}{message[1:]}; found {_short(fault['input'])}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
