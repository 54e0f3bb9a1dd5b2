"""Pages in two languages: every word is spoken, nothing of one language stays in the next, data are the same."""

import gettext
import html
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from sitegen.board import boards
from sitegen.board_table import board_table
from sitegen.metrics import METRICS
from sitegen.pages import site_pages
from sitegen.records import RECORD_TYPES
from sitegen.store import Store
from sitegen.text import LANGUAGES, speaking

_OPEN, _CLOSE = "⟪⟫"
_SPOKEN = re.compile(r'(?:title|alt|aria-label|placeholder|data-(?:file|error|template|done))="([^"]*)"')
_CODE = re.compile(r"<(pre|code|math|svg)\b.*?</\1>", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_FORMATS = ("CSV", "JSON", "Markdown", "LaTeX", "BibTeX", *RECORD_TYPES)
_FILE = re.compile(r"[a-z]+\.json")


class _Marking(gettext.NullTranslations):
    """Puts every message in marks, so that a text outside of marks was never translated."""

    def gettext(self, message: str) -> str:
        """Return the message in marks."""
        return f"{_OPEN}{message}{_CLOSE}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the form for so many, in marks."""
        return self.gettext(msgid1 if n == 1 else msgid2)


def _outside(marked: str) -> str:
    """Return what is not in marks; messages may stand inside of messages."""
    depth, kept = 0, []
    for sign in marked:
        depth += {_OPEN: 1, _CLOSE: -1}.get(sign, 0)
        kept.append(sign if not depth and sign != _CLOSE else "")
    return "".join(kept)


def _texts(body: str) -> Iterator[str]:
    """Yield what a reader sees outside of marks, in the page and in attributes."""
    said = html.unescape(_CODE.sub("\n", _outside(body)))
    yield from _SPOKEN.findall(said)
    yield from re.sub(r"<[^>]*>", "\n", re.sub(r" \{#[^}]*\}", "", said)).splitlines()


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield " ".join(data.split())
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from (*_strings(key), *_strings(value))
    elif isinstance(data, list | tuple | set):
        for value in data:
            yield from _strings(value)


def _contributed(store: Store) -> str:
    """Return all text of the records, and the names that stay as they are in every language."""
    cards = (store.models, store.datasets, store.sources, store.protocols, store.disagreements)
    records = [*(card for found in cards for card in found.values()), *store.runs, *(n.row for n in store.numbers)]
    data = [record.model_dump(mode="json") for record in records]
    return "\n".join({*_strings(data), *_strings([asdict(metric) for metric in METRICS.values()]), *_FORMATS})


def test_every_word_is_translated(small: Store) -> None:
    """Whatever a page says is a message of the catalogue, or text of a record, or a name of a metric or format."""
    known = _contributed(small)
    with speaking("el", _Marking()):
        pages = list(site_pages(small))
    escaped = {
        piece
        for page in pages
        for line in (*_texts(page.body), _outside(page.title), _outside(page.description))
        for part in re.split(r"[;:()#\xa0]| – |, ", line)
        if _LETTERS.search(piece := part.strip(" ,.·→×↓↑%")) and piece not in known and not _FILE.fullmatch(piece)
    }
    assert not escaped, sorted(escaped)


def test_nothing_of_one_language_stays_in_the_next(small: Store) -> None:
    """English, Greek, English in one process: equal English both times, data files too, and Greek is another page."""
    first, greek, second = (_spoken(small, code) for code in ("en", "el", "en"))
    assert first == second
    assert first.keys() == greek.keys()
    assert first["index.md"] != greek["index.md"]


def _spoken(store: Store, code: str) -> dict[str, object]:
    with speaking(code):
        pages = list(site_pages(store))
    return {page.path: page for page in pages}


def test_both_languages_have_the_same_pages(small: Store) -> None:
    """No page kind depends on the language."""
    paths = [_spoken(small, code).keys() for code in LANGUAGES]
    assert all(found == paths[0] for found in paths)


def test_numbers_of_a_table_in_greek(small: Store) -> None:
    """A reader sees the comma; what is sorted by, CSV, LaTeX and Markdown have the point."""
    (board,) = (board for board in boards(small) if board.name == "toy-rooms/metric")
    with speaking("el"):
        table = board_table(small, board)
        shown = table.to_html()
        exports = (table.to_csv(), table.to_latex(), table.to_markdown())
    assert 'data-value="0.05"' in shown
    assert ">0,050</a>" in shown
    assert not re.search(r">\d+\.\d+<", shown)
    for export in exports:
        assert "0.050" in export
        assert "0,050" not in export


def test_text_of_records_says_that_it_is_english(small: Store) -> None:
    """On a Greek page alone."""
    with speaking("el"):
        greek = next(page for page in site_pages(small) if page.path == "datasets/toy-rooms.md")
    assert '<span lang="en">Use <code>rawDepths</code>.</span>' in greek.body
    assert 'lang="en"' not in next(page for page in site_pages(small) if page.path == greek.path).body


@pytest.mark.parametrize("code", LANGUAGES)
def test_hand_written_pages_name_no_language_folder(code: str) -> None:
    """Links between hand-written pages stay inside of their language."""
    folder = Path("docs") / code
    for page in folder.rglob("*.md"):
        assert not re.search(r"\]\(/?(en|el)/", page.read_text("utf-8")), page
