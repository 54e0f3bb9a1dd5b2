"""The theory: hand-written pages of one language, with formulas, citations and figures put in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from sitegen.pages.base import DataFile, Page
from sitegen.store import Store
from sitegen.theory.figures import drawings
from sitegen.theory.markup import TheoryError, cited_keys, expand
from sitegen.theory.references import listed

__all__ = ["TheoryError", "pages"]


@dataclass(frozen=True)
class _Source:
    """A page as it is written."""

    path: Path
    title: str
    description: str
    text: str


def pages(store: Store, folder: Path) -> Iterator[Page]:
    """Yield a page for each Markdown file in a folder.

    Args:
        store: The records that figures and tables are made from, and the references.
        folder: Hand-written pages of one language; none where it is absent.

    Raises:
        TheoryError: If pages hold what cannot be made: every fault of every page, with its file.
    """
    sources = [_read(path) for path in sorted(folder.glob("*.md"))]
    cited = dict.fromkeys(key for source in sources for key in cited_keys(source.text))
    keys = [key for key in cited if key in store.references]  # the others are faults of the pages that cite them
    made, faults = [], []
    for source in sources:
        try:
            made.append(_page(store, source, keys))
        except TheoryError as error:
            faults += [f"{source.path}: {line}" for line in str(error).splitlines()]
    if faults:
        raise TheoryError("\n".join(faults))
    yield from made


def _read(path: Path) -> _Source:
    _empty, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    meta = yaml.safe_load(front)
    return _Source(path, meta["title"], meta["description"], text.lstrip("\n"))


def _page(store: Store, source: _Source, keys: list[str]) -> Page:
    files: list[DataFile] = []

    def figure(name: str) -> str:
        known = drawings()
        if name not in known:
            raise TheoryError(f"there is no figure '{name}'; there are {', '.join(sorted(known))}")
        drawn = known[name](store)
        files.extend(drawn.files)
        return drawn.html

    calls = {"figure": figure, "references": lambda _: listed(store.references, keys)}
    body = expand(source.text, store.references, calls)
    return Page(f"theory/{source.path.name}", source.title, body, source.description, tuple(files), boost=2)
