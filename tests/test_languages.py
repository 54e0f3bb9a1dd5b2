"""The hand-written pages say the same in every language: form, formulas, sources, links, code and numbers."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

DOCS = Path(__file__).resolve().parents[1] / "docs"
SOURCE, TRANSLATION = "en", "el"
NAMES = sorted(page.relative_to(DOCS / SOURCE).as_posix() for page in (DOCS / SOURCE).rglob("*.md"))

FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^(#+) (.+?)(?: \{#([a-z0-9-]+)\})?$", re.MULTILINE)
CALL = r"\{\{ \w+\(.*?\) \}\}"
PARTS = {
    "formulas": r"\$\$(.+?)\$\$|\$([^$\n]+)\$",
    "citations": r"\[(@[^\]]+)\]",
    "figures": rf"({CALL})",
    "links": r"\]\(([^)\s]+)\)",
    "inline code": r"`([^`\n]+)`",
}
SILENT = re.compile(
    "|".join((*PARTS.values(), r"\]\([^)]*\)", "<[^>]+>", r"\{#.*?\}", r'^!!! \w+ "|"$')), re.DOTALL | re.MULTILINE
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?!D\b)")  # 3D is a word in Greek
MINUTES = re.compile(r"\| \d+ \|$", re.MULTILINE)  # counted in each language's own words
VERSIONS = {"2.0", "2.1", "3.0", "3.1", "4.0"}  # of models and licences: written with a point in every language

every_page = pytest.mark.parametrize("name", NAMES)


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it, code blocks left out."""

    level: int
    anchor: str
    text: str


def read(language: str, name: str) -> str:
    """A page as it is written."""
    return (DOCS / language / name).read_text(encoding="utf-8")


def sections(text: str) -> list[Section]:
    """The sections of a page; a heading without an anchor gets the one that Python-Markdown gives it."""
    body = FENCE.sub("", text.split("---\n", 2)[2])
    found = list(HEADING.finditer(body))
    ends = [heading.start() for heading in found[1:]] + [len(body)]
    return [
        Section(len(h[1]), h[3] or slugify(re.sub(r"[`*]", "", h[2]), "-"), body[h.end() : end])
        for h, end in zip(found, ends, strict=True)
    ]


def parts(text: str, pattern: str) -> list[str]:
    """What a pattern finds, sorted, since word order differs; a decimal comma counts as a point."""
    found = ("".join(match.groups("")) for match in re.finditer(pattern, text, re.DOTALL))
    return sorted(part.replace("{,}", ".") for part in found)


def prose(text: str) -> str:
    """The words and numbers that a reader reads."""
    return SILENT.sub(" ", FENCE.sub("", text))


def numbers(text: str, language: str) -> list[str]:
    """The numbers in a text, sorted, without separators of thousands and with decimal points."""
    thousands = "," if language == SOURCE else "."
    found = NUMBER.findall(prose(MINUTES.sub("|", text)))
    plain = [re.sub(rf"\{thousands}(?=\d{{3}}\b)", "", number) for number in found]
    return sorted(number.replace(",", ".") for number in plain)


def form(text: str) -> list[str]:
    """The blocks of a section in their order: a list with its items, a table with its rows, or another block."""

    def kind(block: str) -> str:
        items = re.findall(r"^(?:[-*]|\d+\.) |^\|", block, re.MULTILINE)
        opening = re.match(r"\{\{|\$\$|<|!!!", block)
        return opening[0] if opening else f"{len(items)} items" if items else "paragraph"

    return [kind(block) for block in re.split(r"\n\s*\n", text.strip()) if block]


def differences(source: Section, translated: Section) -> Iterator[str]:
    """Where two sections differ."""
    pairs = {label: (parts(source.text, pattern), parts(translated.text, pattern)) for label, pattern in PARTS.items()}
    pairs["numbers"] = (numbers(source.text, SOURCE), numbers(translated.text, TRANSLATION))
    pairs["blocks"] = (form(source.text), form(translated.text))
    for label, (expected, found) in pairs.items():
        if expected != found:
            lacking = [part for part in expected if expected.count(part) > found.count(part)]
            more = [part for part in found if found.count(part) > expected.count(part)]
            yield f"#{source.anchor}: {label}: lacks {lacking}, has {more}" + (
                "" if lacking or more else ", in another order"
            )


def page_differences(name: str) -> Iterator[str]:
    """Where a page and its translation differ."""
    source, translated = read(SOURCE, name), read(TRANSLATION, name)
    expected, found = sections(source), sections(translated)
    if name.endswith("glossary.md"):  # each language has its own alphabet
        expected, found = ([*sorted(each, key=lambda s: (s.level == 3, s.anchor))] for each in (expected, found))
    if FENCE.findall(source) != FENCE.findall(translated):
        yield "code blocks differ"
    if (headings := [(s.level, s.anchor) for s in found]) != [(s.level, s.anchor) for s in expected]:
        yield f"headings differ: {headings}"
        return
    for before, after in zip(expected, found, strict=True):
        yield from differences(before, after)


def slips(text: str) -> Iterator[str]:
    """What is no Greek: letters of two alphabets in a word, Latin letters that pass for Greek, English signs."""
    words = prose(text)
    for word in re.findall(r"[^\W\d_]+", words):
        if re.search(r"[A-Za-z]", word) and re.search(r"[Ͱ-Ͽἀ-῿]", word):
            yield f"two alphabets in '{word}'"
    yield from (f"a Latin letter alone: '{found}'" for found in re.findall(r"(?<!\w)[AEHOTaov](?!\w)[^\n]{,20}", words))
    yield from (f"an English sign: '{found}'" for found in re.findall(r".{,20}[?\"“”].{,5}", words))
    points = set(re.findall(r"\d+\.\d+(?!\d)", re.sub(r"\d+\.\d{3}\b", "", words)))
    yield from (f"a decimal point: {number}" for number in sorted(points - VERSIONS))
    if unicodedata.normalize("NFC", text) != text:
        yield "letters and accents that are not composed (NFC)"


def test_every_page_is_there_in_every_language() -> None:
    """No page stands in one language alone."""
    translated = sorted(page.relative_to(DOCS / TRANSLATION).as_posix() for page in (DOCS / TRANSLATION).rglob("*.md"))
    assert translated == NAMES


@every_page
def test_page_says_the_same(name: str) -> None:
    """Same headings, anchors and code; in each section the same blocks, formulas, works, figures, links and numbers."""
    found = list(page_differences(name))
    assert not found, "\n".join(found)


@every_page
def test_page_is_written_in_greek(name: str) -> None:
    """No letter or sign of the other alphabet where it does not belong."""
    found = list(slips(read(TRANSLATION, name)))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        ("Το βάθoς.", "two alphabets in 'βάθoς'"),
        ("και o χάρτης", "a Latin letter alone"),
        ("Γιατί?", "an English sign"),
        ("σφάλμα 0.05", "a decimal point: 0.05"),
        (unicodedata.normalize("NFD", "βάθος"), "not composed"),
    ],
)
def test_slips_are_found(text: str, slip: str) -> None:
    """Each kind of slip is one that the check sees."""
    assert any(slip in found for found in slips(text))


def test_differences_are_found() -> None:
    """All that may differ in a section is named at once."""
    source = Section(2, "a", "\n\nOf $1.5$ and `x`, 0.5 m and 1,300 [@one] [b](b.md).\n\n- item\n")
    assert (
        list(differences(source, Section(2, "a", "\n\n`x` και $1{,}5$, 0,5 m, 1.300 [@one] [β](b.md).\n\n- ένα\n")))
        == []
    )
    found = list(differences(source, Section(2, "a", "\n\n`y` και $1{,}6$, 0,6 m, 1.300 [@two] [β](c.md).\n")))
    labels = [line.split(": ")[1] for line in found]
    assert labels == ["formulas", "citations", "links", "inline code", "numbers", "blocks"]


def glossary(language: str) -> dict[str, tuple[str, str]]:
    """Anchor -> term and its counterpart in brackets, in the order of the page."""
    found = re.findall(r"^### (.+) \((.+)\) \{#([a-z-]+)\}$", read(language, "theory/glossary.md"), re.MULTILINE)
    return {anchor: (term.casefold(), other.casefold()) for term, other, anchor in found}


def test_glossaries_mirror_each_other() -> None:
    """A term and its counterpart are the same two in both."""
    assert glossary(TRANSLATION) == {anchor: (other, term) for anchor, (term, other) in glossary(SOURCE).items()}


@pytest.mark.parametrize("language", [SOURCE, TRANSLATION])
def test_glossary_is_alphabetical(language: str) -> None:
    """In each part, accents aside."""
    for part in re.split(r"^## ", read(language, "theory/glossary.md"), flags=re.MULTILINE):
        terms = re.findall(r"^### (.+) \{#", part, re.MULTILINE)
        spoken = [unicodedata.normalize("NFD", term) for term in terms]
        keys = ["".join(c for c in term if not unicodedata.combining(c)).casefold() for term in spoken]
        assert keys == sorted(keys)
