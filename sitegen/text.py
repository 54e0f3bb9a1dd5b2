"""The language that the site speaks: translation of every string a visitor can read, and numbers and dates in it.

English is the source language: a message is its own key. The others come as Babel catalogues (``locale/``); a message
that a catalogue does not have stands in English. What is data (exports, attributes that scripts read) is not spoken:
it has the point and ISO dates in every language.
"""

from __future__ import annotations

import datetime
import gettext as _gettext
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol

__all__ = [
    "LANGUAGES",
    "SOURCE_LANGUAGE",
    "_",
    "catalogue_path",
    "date",
    "language",
    "local",
    "name_of",
    "ngettext",
    "number_locale",
    "numeral",
    "speaking",
]

SOURCE_LANGUAGE = "en"
LANGUAGES = (SOURCE_LANGUAGE, "el")
"""Languages that the site is written in; the source language stands at the root, each other in its own folder."""

# English dates stay as records have them: the order of day and month in figures is read differently here and there.
_DATES = {"en": "yyyy-MM-dd", "el": "d MMM yyyy"}
_NUMERAL = re.compile(r"\d[\d.,]*\d|\.\d+")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLAIN = r"[~<>≤≥+−-]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)"
_NUMBERS = re.compile(rf"{_PLAIN}(?:\s?[–×/-]\s?{_PLAIN})*\s?[×%]?")
_ENGLISH = (SOURCE_LANGUAGE, _gettext.NullTranslations())
_current: ContextVar[tuple[str, _gettext.NullTranslations]] = ContextVar("language", default=_ENGLISH)


def language() -> str:
    """Return the code of the language in force; English where none was chosen."""
    return _current.get()[0]


@contextmanager
def speaking(code: str, catalogue: _gettext.NullTranslations | None = None) -> Iterator[None]:
    """Speak a language inside the block.

    Args:
        code: One of ``LANGUAGES``.
        catalogue: Translations; None for those of the site.

    Raises:
        ValueError: If the site is not written in it.
    """
    if code not in LANGUAGES:
        raise ValueError(f"the site is not written in '{code}', but in {', '.join(LANGUAGES)}")
    token = _current.set((code, catalogue or _catalogue(code)))
    try:
        yield
    finally:
        _current.reset(token)


def _(message: str) -> str:
    """Return the message in the language in force."""
    return _current.get()[1].gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """Return the message for so many, in the language in force."""
    return _current.get()[1].ngettext(singular, plural, count)


def catalogue_path(code: str) -> Path:
    """Return the file of a language's translations."""
    return Path(__file__).parent / "locale" / code / "LC_MESSAGES" / "messages.po"


def name_of(code: str) -> str:
    """Return what a language calls itself."""
    return str(Locale(code).display_name).capitalize()


def numeral(value: float | str, form: str = "") -> str:
    """Return a number with the decimal and thousands marks of the language in force; its digits stay.

    Args:
        value: A number, or text with numbers that have the point (as a source printed them); words stay as they are.
        form: How Python formats a number (".2f", ",").
    """
    text = value if isinstance(value, str) else format(value, form)
    marks = _marks(language())
    return _NUMERAL.sub(lambda found: found.group().translate(marks), text) if marks else text


def date(iso: str) -> str:
    """Return a date (YYYY-MM-DD) as the language in force writes it; text that is no date stays."""
    try:
        day = datetime.date.fromisoformat(iso)
    except ValueError:
        return iso
    return str(format_date(day, _DATES[language()], locale=language()))


def local(text: str) -> str:
    """Return a value's text: a date or numbers as the language in force writes them, words as they are."""
    if language() == SOURCE_LANGUAGE:
        return text
    if _ISO_DATE.fullmatch(text):
        return date(text)
    parts = text.split(", ")
    # A comma inside of numbers leaves the semicolon to stand between them.
    return "; ".join(map(numeral, parts)) if all(map(_NUMBERS.fullmatch, parts)) else text


def number_locale() -> dict[str, object] | None:
    """Return the marks of the language in force as Vega's number locale; None for its own."""
    if language() == SOURCE_LANGUAGE:
        return None
    decimal, group = _symbols(language())
    return {"decimal": decimal, "thousands": group, "grouping": [3], "currency": ["", " €"]}


def _symbols(code: str) -> tuple[str, str]:
    return get_decimal_symbol(code), get_group_symbol(code)


@cache
def _marks(code: str) -> dict[int, str]:
    """Return what stands for the point and the comma in numbers; empty where they stay."""
    decimal, group = _symbols(code)
    return {} if (decimal, group) == (".", ",") else {ord("."): decimal, ord(","): group}


@cache
def _catalogue(code: str) -> _gettext.NullTranslations:
    """Return a language's translations, compiled in memory."""
    if code == SOURCE_LANGUAGE:
        return _ENGLISH[1]
    compiled = io.BytesIO()
    with catalogue_path(code).open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)
