"""The theory as it is written: every page keeps the form that readers count on, and says where its claims come from."""

import re
from itertools import pairwise
from math import ceil
from pathlib import Path

import markdown
import pytest
import yaml

from sitegen.store import Store, load
from sitegen.theory.markup import cited_keys, expand

FOLDERS = sorted(Path(__file__).resolve().parents[3].glob("docs/*/theory"))
PAGES = [page for folder in FOLDERS for page in sorted(folder.glob("*.md"))]
READ_IN_ORDER = (
    *("index", "why-depth", "absolute-and-relative", "measuring", "domain-generalisation"),
    *("midas", "zoedepth", "depth-anything-v2", "marigold", "side-by-side", "further-reading", "glossary"),
)
BOARDS = {"en": "Where this shows on the boards", "el": "Πού φαίνονται αυτά στους πίνακες"}
MOST_WORDS = {"en": 1500, "el": 1700}
WORDS_A_MINUTE = 175
CALL = r"\{\{ \w+\(.*?\) \}\}"

every_page = pytest.mark.parametrize("page", PAGES, ids=[f"{page.parts[-3]}-{page.stem}" for page in PAGES])
every_folder = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.parent.name for folder in FOLDERS])


@pytest.fixture(scope="module")
def store() -> Store:
    """The real records."""
    return load()


def body(page: Path) -> str:
    """A page without its front matter."""
    return page.read_text(encoding="utf-8").split("---\n", 2)[2].lstrip("\n")


def plain_words(page: Path) -> list[str]:
    """The words that a reader reads: no formula, citation, call, address or tag."""
    silent = rf"\$\$.*?\$\$|\$[^$\n]+\$|\[@[^\]]+\]|{CALL}|\]\([^)]*\)|<[^>]+>|\{{#.*?\}}"
    return re.findall(r"[^\W_][\w'’.-]*", re.sub(silent, "", body(page), flags=re.DOTALL))


def shown(page: Path, store: Store) -> str:
    """A page's HTML, its figures and its list of references left empty."""
    empty = {name: lambda _argument: "<div></div>" for name in ("figure", "references")}
    extensions = ["md_in_html", "tables", "attr_list", "toc"]
    return markdown.markdown(expand(body(page), store.references, empty), extensions=extensions)


def anchors(page: Path) -> set[str]:
    """The anchors that a glossary gives."""
    return set(re.findall(r"^### .* \{#([a-z-]+)\}$", body(page), re.MULTILINE))


@every_folder
def test_pages_are_the_ones_that_the_site_links_to(folder: Path) -> None:
    """Nine pages, an overview, the references and the glossary, in every language."""
    assert {page.stem for page in folder.glob("*.md")} == set(READ_IN_ORDER)


@every_page
def test_front_matter_and_title(page: Path) -> None:
    """The title in the front matter is the heading; the description is a sentence."""
    meta = yaml.safe_load(page.read_text(encoding="utf-8").split("---\n", 2)[1])
    assert re.match(r"# (.*?)(?: \{#[a-z0-9-]+\})?\n\n", body(page))[1] == meta["title"]
    assert meta["description"].endswith(".")


@every_page
def test_in_short_stands_right_after_the_title(page: Path) -> None:
    """A reader in a hurry finds two to five points there."""
    after_title = body(page).split("\n\n", 1)[1]
    block = re.match(
        r'<div class="in-short" markdown>\n\n\*\*[^*\n]+\*\*\n\n(.*?)\n\n</div>\n\n', after_title, re.DOTALL
    )
    assert block
    assert 2 <= len(re.findall(r"^- ", block.group(1), re.MULTILINE)) <= 5


@every_page
def test_headings_are_in_order(page: Path) -> None:
    """One title; no level is left out on the way down."""
    levels = [len(marks) for marks in re.findall(r"^(#+) ", body(page), re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@every_page
def test_page_is_short(page: Path) -> None:
    """A student reads the nine pages in about an hour."""
    assert len(plain_words(page)) < MOST_WORDS[page.parts[-3]]


@every_folder
def test_minutes_follow_from_the_words(folder: Path) -> None:
    """The overview says for each of the nine pages how long it takes."""
    table = re.findall(r"^\| \d\. \[.*?\]\(([a-z0-9-]+)\.md\) .* (\d+) \|$", body(folder / "index.md"), re.MULTILINE)
    assert [name for name, _ in table] == list(READ_IN_ORDER[1:10])
    counted = {name: ceil(len(plain_words(folder / f"{name}.md")) / WORDS_A_MINUTE) for name, _ in table}
    assert {name: int(minutes) for name, minutes in table} == counted


@every_page
def test_page_ends_with_the_boards_and_the_next_page(page: Path) -> None:
    """Links to the boards that the page explains, then the page to read next; the references may follow."""
    parts = re.split(r"^## (.*?)(?: \{#.*\})?$", body(page), flags=re.MULTILINE)
    titles, texts = parts[1::2], parts[2::2]
    last = -2 if page.stem == "further-reading" else -1
    assert titles[last] == BOARDS[page.parts[-3]]
    assert re.search(r"\]\(\.\./", texts[last])
    following = (*READ_IN_ORDER[1:], "index")[READ_IN_ORDER.index(page.stem)]
    assert re.search(rf"\]\({following}\.md\)$", texts[last].strip())


@every_page
def test_figures_are_introduced(page: Path) -> None:
    """The paragraph before a figure ends as a sentence that leads to it."""
    for before in re.findall(rf"([^\n]*)\n\n{CALL}", body(page)):
        assert before.endswith((".", ":")) or before.startswith("## "), before


@every_page
def test_formulas_and_citations_can_be_read(page: Path, store: Store) -> None:
    """No unknown work, no formula that cannot be drawn, and none that breaks its paragraph."""
    html = shown(page, store)
    assert "$" not in html
    assert not re.search(r"^<math", html, re.MULTILINE)


@every_page
def test_terms_link_to_the_glossary(page: Path) -> None:
    """Every link to the glossary leads to a term in it, and no term is linked twice on a page."""
    linked = re.findall(r"\]\(glossary\.md#([a-z-]+)\)", body(page))
    assert set(linked) <= anchors(page.with_name("glossary.md"))
    assert sorted(linked) == sorted(set(linked))


@every_folder
def test_every_term_is_used(folder: Path) -> None:
    """The glossary holds nothing that no page needs."""
    pages = "".join(body(page) for page in folder.glob("*.md") if page.stem != "glossary")
    assert anchors(folder / "glossary.md") == set(re.findall(r"glossary\.md#([a-z-]+)", pages))


def test_every_work_is_used(store: Store) -> None:
    """references.bib holds no work that neither a card nor a page of the theory names."""
    cards = (*store.models.values(), *store.datasets.values(), *store.sources.values())
    used = {key for card in cards for key in card.bibtex} | {key for page in PAGES for key in cited_keys(body(page))}
    assert set(store.references) - used == set()
