"""Both languages are whole: every message translated, no page in one language only, and pages with the same parts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

from sitegen.findings import format_findings
from sitegen.text import LANGUAGES, SOURCE_LANGUAGE
from sitegen.translations import check, translated

DOCS = Path(__file__).parents[2] / "docs"
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_CALL = re.compile(r"^\{\{ .* \}\}$", re.MULTILINE)
_CITED = re.compile(r"@[A-Za-z][\w-]+(?=[;\]])")


def pages(code: str) -> set[str]:
    """Return the paths of a language's hand-written pages."""
    return {path.relative_to(DOCS / code).as_posix() for path in (DOCS / code).rglob("*.md")}


@pytest.mark.parametrize("code", translated())
def test_every_message_is_translated(code: str) -> None:
    """Nothing is missing, unused, fuzzy or at fault in the catalogue."""
    assert not (findings := check(code)), format_findings(findings)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_hand_written_page_stands_in_every_language(code: str) -> None:
    """Guides and theory; generated pages are the same in all languages by construction, which has a test of its own."""
    lacking = {other: sorted(pages(other) - pages(code)) for other in LANGUAGES if pages(other) - pages(code)}
    assert not lacking, f"docs/{code} lacks {lacking}"


def outline(code: str, page: str) -> dict[str, list[str]]:
    """Return what a page has in any language: levels of headings, figures and tables, works cited, code."""
    text = (DOCS / code / page).read_text(encoding="utf-8")
    prose = _CODE.sub("", text)
    return {
        "headings": [level for level, _text in _HEADING.findall(prose)],
        "figures": _CALL.findall(prose),
        "works": sorted(set(_CITED.findall(prose))),
        "code": [str(len(block.splitlines())) for block in _CODE.findall(text)],
    }


def shared_pages() -> Iterator[tuple[str, str]]:
    """Yield each page that stands in another language too."""
    yield from ((code, page) for code in translated() for page in sorted(pages(code) & pages(SOURCE_LANGUAGE)))


def test_hand_written_pages_have_the_same_parts() -> None:
    """A translation has the sections, figures, works and code blocks of the English page, in their order."""
    differing = [
        f"docs/{code}/{page}: {part}"
        for code, page in shared_pages()
        for part, found in outline(SOURCE_LANGUAGE, page).items()
        if outline(code, page)[part] != found
    ]
    assert not differing, "\n".join(differing)


def test_headings_have_the_same_anchors() -> None:
    """Links into a page hold in both languages: where English makes an anchor of the heading, Greek writes it out."""
    differing = []
    for code, page in shared_pages():
        here, there = (_anchors(language, page) for language in (SOURCE_LANGUAGE, code))
        pairs = zip(here, there, strict=False)  # their number is judged by the test above
        differing += [f"docs/{code}/{page}: {wanted} is {found}" for wanted, found in pairs if wanted != found]
    assert not differing, "\n".join(differing)


def _anchors(code: str, page: str) -> list[str]:
    text = _CODE.sub("", (DOCS / code / page).read_text(encoding="utf-8"))
    return [_anchor(heading) for level, heading in _HEADING.findall(text) if level != "#"]


def _anchor(heading: str) -> str:
    """Return a heading's anchor: the one written behind it, else the builder's own."""
    written = re.search(r"\{#([\w-]+)\}\s*$", heading)
    return written[1] if written else slugify(re.sub(r"[`*]", "", heading), "-")
