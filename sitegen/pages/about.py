"""The page about the data: how numbers are placed, which value stands in a cell, and what is never ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sitegen import words
from sitegen.pages.base import Page
from sitegen.records import FAMILIES
from sitegen.rendering import render
from sitegen.stats import RESAMPLES
from sitegen.store import Store
from sitegen.text import _

__all__ = ["pages"]

PATH = "about.md"


def pages(store: Store) -> Iterator[Page]:
    """Yield the page about the data."""
    families = Counter(number.row.family for number in store.numbers)
    kinds = Counter(number.row.kind for number in store.numbers)
    flags = Counter(number.row.flag for number in store.numbers if number.row.flag)
    body = render(
        "about.md.j2",
        PATH,
        total=len(store.numbers),
        sources=len(store.sources),
        runs=len(store.runs),
        families=[(name, words.family(name), words.family_rule(name), families[name]) for name in FAMILIES],
        kinds=kinds,
        flags=flags,
        intervals=RESAMPLES,
    )
    description = _("How published numbers are placed, which value a cell shows, and what is never ranked.")
    yield Page(PATH, _("About the data"), body, description, boost=4)
