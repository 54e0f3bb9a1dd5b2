"""Two languages in a real Chromium: the switch, the search without accents, numbers, and scripts that stand once."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.pages.base import Page as StagedPage
from sitegen.stage import stage
from sitegen.text import LANGUAGES, speaking
from tests.browser.conftest import serving
from tests.browser.demo import demo_pages

pytestmark = pytest.mark.browser
FORMS = ("Το βάθος", "ΒΑΘΟΣ", "Χάρτες βάθους", "Βάθη χωρίς κλίμακα")


@pytest.fixture(scope="session")
def languages(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo site in both languages, with a page in Greek for each form of a word."""
    root, cache = tmp_path_factory.mktemp("languages"), repo / "build" / "cache"
    forms = [StagedPage(f"forms/{i}.md", form, f"# {form}\n\nΚείμενο.\n") for i, form in enumerate(FORMS)]
    for code in LANGUAGES:
        with speaking(code):
            stage([*demo_pages(), *forms], root / code / "docs", cache_dir=cache, source=code == "en")
    findings = build({code: root / code / "docs" for code in LANGUAGES}, root / "site", strict=True)
    assert not findings, format_findings(findings)
    with serving(root / "site") as address:
        yield address


def switch(page: Page) -> Locator:
    """Return the header's link to the other language."""
    return page.locator("header a.language")


@pytest.mark.parametrize("path", ["index.html", "datasets/index.html", "datasets/fake.html", "speed.html"])
def test_switch_leads_to_the_same_page_and_back(new_page: Callable[..., Page], languages: str, path: str) -> None:
    """Without a script, from any depth; the page says which language it is in."""
    page = new_page(java_script_enabled=False)
    page.goto(f"{languages}/{path}")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(switch(page)).to_have_text(re.compile("Ελληνικά"))
    switch(page).click()
    assert page.url == f"{languages}/el/{path}"
    expect(page.locator("html")).to_have_attribute("lang", "el")
    switch(page).click()
    assert page.url == f"{languages}/{path}"


def test_switch_fits_a_phone(new_page: Callable[..., Page], languages: str) -> None:
    """Its code stands for its name, which screen readers still have; nothing overflows."""
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{languages}/el/index.html")
    expect(switch(page).locator(".language-code")).to_be_visible()
    assert page.get_by_role("link", name="English").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = switch(page).bounding_box()
    assert box is not None
    assert box["height"] >= 24


def found(page: Page, query: str) -> list[str]:
    """Return the titles that the theme's search gives for a query, the best first."""
    field = page.locator("input.md-search__input")
    field.click()
    field.fill(query)
    field.press("End")
    expect(page.locator(".md-search-result__meta")).to_contain_text(re.compile(r"\d|No matching|δεν βρήκε"))
    return page.locator(".md-search-result__item > .md-search-result__link h1").all_inner_texts()


@pytest.mark.parametrize("query", ["βαθος", "βάθος", "ΒΑΘΟΣ", "ΒΆΘΟΣ", "βαθοσ", "βαθο", "βάθους", '"βάθος"'])
def test_greek_is_found_however_it_is_typed(page: Page, languages: str, query: str) -> None:
    """With and without accents, in any case, with either sigma, in any of its forms, in quotation marks."""
    page.goto(f"{languages}/el/index.html")
    assert set(FORMS) <= set(found(page, query))


def test_greek_search_shows_text_as_it_is_written(page: Page, languages: str) -> None:
    """What was folded for the index is nowhere to be seen, and what was found is marked."""
    page.goto(f"{languages}/el/index.html")
    assert found(page, "κλιμακα")[0] == "Βάθη χωρίς κλίμακα"
    expect(page.locator(".md-search-result__link mark").first).to_have_text("κλίμακα")
    assert "βαθη" not in page.locator(".md-search-result").inner_text()


@pytest.mark.parametrize("folder", ["", "el/"])
def test_results_stay_in_their_language(page: Page, languages: str, folder: str) -> None:
    """Every result is a page of the language that is searched in."""
    page.goto(f"{languages}/{folder}index.html")
    assert found(page, "metrics")
    addresses = page.locator(".md-search-result__link").evaluate_all("links => links.map(link => link.pathname)")
    assert {address.startswith("/el/") for address in addresses} == {bool(folder)}


def test_table_filter_ignores_accents(page: Page, languages: str) -> None:
    """What is typed in a table's own field finds rows with and without accents."""
    page.goto(f"{languages}/el/datasets/fake.html")
    page.locator("#fake-board tbody tr th").first.evaluate("cell => cell.append(' Πηγή ΒΆΘΟΥΣ')")
    page.locator(".filters[data-for=fake-board] input[type=search]").fill("πηγη βαθουσ")
    expect(page.locator("#fake-board tbody tr:visible")).to_have_count(1)


def test_chart_of_a_greek_page_opens_with_the_shared_script(page: Page, languages: str) -> None:
    """Vega comes from the site's root, and the axes have the comma before and after."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{languages}/el/datasets/fake.html")
    figure = page.locator("figure.chart").first
    assert re.search(r"\b0,\d", figure.locator("svg").text_content() or "")
    figure.locator("button.chart-explore").click()
    drawn = figure.locator(".vega-embed svg")
    expect(drawn).to_be_visible()
    assert [url for url in asked if url.endswith("vega.js")] == [f"{languages}/assets/vega.js"]
    assert re.search(r"\b0,\d", drawn.text_content() or "")
    assert not re.search(r"\b0\.\d", drawn.text_content() or "")
