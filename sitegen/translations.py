"""The catalogues of messages: collected from code, templates and mkdocs.yml, merged into translations, checked.

A translator works in ``sitegen/locale/<language>/LC_MESSAGES/messages.po``. It is sorted by message and names files
without lines, so that a change of code changes only the messages that it changes.
"""

from __future__ import annotations

import ast
import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from mkdocs.utils.yaml import yaml_load

from sitegen.build import CONFIG, worded
from sitegen.findings import Finding
from sitegen.metrics import METRICS
from sitegen.stage import write_if_changed
from sitegen.text import LANGUAGES, SOURCE_LANGUAGE, catalogue_path, name_of

__all__ = ["check", "extract", "translated", "update"]

_PACKAGE = Path(__file__).parent
_TEMPLATES = "templates/**.j2"
_OPTIONS = {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
_HEADER = "# {name}: the messages of Fathom. How to work here: CONTRIBUTING.md, Languages."
# What a translation must take over as it is: {name}, %(name)s, per cent signs of formats, markup.
_FIXED = re.compile(r"\{[^{}]*\}|%\([a-z_]+\)[a-z]|%%|%|<[^<>]+>")
# Dates and versions would change with every update.
_NOISE = re.compile(rb'^"(?!Language:|Plural-Forms|MIME|Content)[A-Z][A-Za-z-]+: .*\\n"\n', re.MULTILINE)


def translated() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(code for code in LANGUAGES if code != SOURCE_LANGUAGE)


def extract() -> Catalog:
    """Return every message that the site can show, with the files that it stands in."""
    catalogue = Catalog(charset="utf-8")
    found = extract_from_dir(_PACKAGE, [(_TEMPLATES, "jinja2")], {_TEMPLATES: _OPTIONS})
    for name, _line, message, _comments, _context in found:
        catalogue.add(message, None, [(f"sitegen/{name}", 0)])
    for place, message in [*_of_python(), *_of_configuration(), *_of_metrics()]:
        catalogue.add(message, None, [(place, 0)])
    return catalogue


def update(code: str) -> Path:
    """Merge the messages of today into a language's catalogue and return its file.

    New messages come in empty, unused ones go. A changed message counts as new: matching similar ones makes more wrong
    suggestions than right ones among short messages; its old translation stands in the history.
    """
    catalogue = _read(code)
    catalogue.update(extract(), no_fuzzy_matching=True)
    catalogue.fuzzy = False
    written = io.BytesIO()
    write_po(written, catalogue, width=100, sort_output=True, ignore_obsolete=True, include_lineno=False)
    path = catalogue_path(code)
    write_if_changed(path, _NOISE.sub(b"", written.getvalue()))
    return path


def check(code: str) -> list[Finding]:
    """Return what is wrong with a language's catalogue: an error for each message, all at once."""
    path = os.path.relpath(catalogue_path(code))
    wanted, catalogue = extract(), _read(code)
    faults = [(message, "is not in the catalogue") for message in wanted if message.id and message.id not in catalogue]
    for message in (message for message in catalogue if message.id):
        faults += [(message, fault) for fault in _faults(message, used=message.id in wanted)]
    return [Finding("error", path, f"“{_first(message.id)}”", fault) for message, fault in faults]


def _read(code: str) -> Catalog:
    path = catalogue_path(code)
    if not path.is_file():
        return Catalog(locale=code, charset="utf-8", header_comment=_HEADER.format(name=name_of(code)))
    with path.open("rb") as file:
        return read_po(file, locale=code)


def _of_python() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield the messages of all modules, those inside of f-strings too, which Babel's own extractor leaves out."""
    for source in sorted(_PACKAGE.rglob("*.py")):
        place = f"sitegen/{source.relative_to(_PACKAGE).as_posix()}"
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "ngettext"}:
                texts = tuple(str(part.value) for part in node.args if isinstance(part, ast.Constant))
                yield from [(place, texts if len(texts) > 1 else texts[0])] if texts else []


def _of_configuration() -> list[tuple[str, str]]:
    found: list[str] = []

    def note(word: str) -> str:
        found.append(word)
        return word

    with CONFIG.open(encoding="utf-8") as file:
        worded(yaml_load(file), note)
    return [(CONFIG.name, word) for word in found]


def _of_metrics() -> Iterable[tuple[str, str]]:
    """Yield what the registry says of metrics; their names and symbols stay as they are in every language."""
    for metric in METRICS.values():
        yield from (("sitegen/metrics.py", text) for text in (metric.meaning, metric.hides) if text)


def _faults(message: Message, *, used: bool) -> Iterator[str]:
    if not used:
        yield "is not used any more"
        return
    strings = _forms(message.string)
    if not all(strings):
        yield "is not translated"
        return
    if message.fuzzy:
        yield "is marked as fuzzy: look at its translation and take out the mark"
    wanted = [set(_FIXED.findall(text)) for text in _forms(message.id)]
    for text in strings:
        if (found := set(_FIXED.findall(text))) not in wanted:
            yield _differs(wanted[-1], found)


def _differs(wanted: set[str], found: set[str]) -> str:
    lost, added = sorted(wanted - found), sorted(found - wanted)
    parts = [f"lacks {', '.join(lost)}"] * bool(lost) + [f"has {', '.join(added)}"] * bool(added)
    return f"its translation {' and '.join(parts)}"


def _forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """Return a message's forms: one, or singular and plural."""
    return tuple(text) if isinstance(text, tuple | list) else (text or "",)


def _first(identity: str | tuple[str, ...] | list[str]) -> str:
    text = _forms(identity)[0]
    return text if len(text) <= 60 else f"{text[:59]}…"
