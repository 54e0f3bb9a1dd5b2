"""The site's data for programs: everything that the pages show, as documented JSON under ``/data/``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sitegen.metrics import METRICS
from sitegen.pages.base import DataFile, Page
from sitegen.records import RECORD_TYPES, Lesson, Record
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.text import _

__all__ = ["lesson_file", "pages"]

PATH = "data.md"


@dataclass(frozen=True)
class Dump:
    """One file for programs: its name, what it holds in words, the record type of its entries, and its content."""

    name: str
    meaning: str
    schema: str | None
    content: Callable[[Store], Any]


def pages(store: Store) -> Iterator[Page]:
    """Yield the page that documents the data, with all files."""
    dumps = _dumps()
    files = [DataFile(f"data/{dump.name}.json", _json(dump.content(store))) for dump in dumps]
    files += [DataFile(lesson_file(lesson), _json(_plain(lesson))) for lesson in store.lessons.values()]
    files += [DataFile(f"data/schemas/{name}.json", _json(_schema(name))) for name in RECORD_TYPES]
    files.append(DataFile("data/index.json", _json(_index(dumps))))
    body = render("data.md.j2", PATH, dumps=dumps, schemas=list(RECORD_TYPES))
    yield Page(PATH, _("Data for programs"), body, _("Every number and card of the site as JSON."), tuple(files))


def lesson_file(lesson: Lesson) -> str:
    """Return where a lesson's record is published, from the site's root."""
    return f"data/lessons/{lesson.id}.json"


def _dumps() -> tuple[Dump, ...]:
    return (
        Dump("datasets", _("Data set cards by id."), "dataset", lambda store: _cards(store.datasets)),
        Dump("models", _("Model cards by id."), "model", lambda store: _cards(store.models)),
        Dump(
            "sources", _("Sources by id, with the rule by which each table's numbers are placed."), "source", _sources
        ),
        Dump(
            "numbers",
            _("Every published number, as printed, with source, line, table, family and kind."),
            "number",
            _numbers,
        ),
        Dump("protocols", _("Protocols as dataset/id, each with its sha256."), "protocol", _protocols),
        Dump(
            "disagreements",
            _("Documented cases of one checkpoint with different numbers."),
            "disagreement",
            lambda store: _cards(store.disagreements),
        ),
        Dump(
            "runs",
            _("Measured runs with all per-image values."),
            "run",
            lambda store: [_plain(run) for run in store.runs],
        ),
        Dump(
            "sensitivity",
            _("One model's predictions of a few images under many protocols: for comparing protocols, never a board."),
            "run",
            lambda store: [_plain(run) for run in store.sensitivity],
        ),
        Dump(
            "speeds",
            _("Measured speeds: a record a model and device, each with all its cases."),
            "speed",
            lambda store: [_plain(speed) for speed in store.speeds],
        ),
        Dump(
            "adapters",
            _("What was proven for every adapter; null without a record."),
            "adapters",
            lambda store: store.adapters and _plain(store.adapters),
        ),
        Dump(
            "lessons",
            _("Numbers of real runs behind the figures of the theory pages, by id."),
            "lesson",
            lambda store: _cards(store.lessons),
        ),
        Dump("metrics", _("The metric registry."), None, lambda _store: {k: asdict(m) for k, m in METRICS.items()}),
        Dump("references", _("Bibliography entries by BibTeX key."), None, _references),
    )


def _cards(cards: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(card) for name, card in sorted(cards.items())}


def _plain(record: Record) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_defaults=True)


def _sources(store: Store) -> dict[str, Any]:
    return _cards(store.sources)


def _numbers(store: Store) -> list[dict[str, Any]]:
    return [{"source": number.source, "line": number.line, **_plain(number.row)} for number in store.numbers]


def _protocols(store: Store) -> dict[str, Any]:
    return {
        f"{dataset}/{name}": {**_plain(protocol), "sha256": protocol.digest()}
        for (dataset, name), protocol in sorted(store.protocols.items())
    }


def _references(store: Store) -> dict[str, Any]:
    return {key: {"type": entry.type, **entry.plain} for key, entry in sorted(store.references.items())}


def _schema(name: str) -> dict[str, Any]:
    return RECORD_TYPES[name].model_json_schema()


def _index(dumps: tuple[Dump, ...]) -> dict[str, Any]:
    return {
        "title": "Fathom",
        "licence": "Results CC BY 4.0. Published numbers belong to the works they are quoted from.",
        "files": [
            {
                "path": f"{dump.name}.json",
                "holds": dump.meaning,
                "schema": dump.schema and f"schemas/{dump.schema}.json",
            }
            for dump in dumps
        ],
        "boards": "boards/<dataset>/<board>.json",
        "schemas": [f"schemas/{name}.json" for name in RECORD_TYPES],
    }


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
