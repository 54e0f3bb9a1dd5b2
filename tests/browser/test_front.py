"""The front in a real Chromium: what the script and the style sheet add to pages that are complete without them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser
BOARD = "/datasets/fake.html"


def column(page: Page, index: int) -> list[str]:
    """Return the texts of a column of the visible rows, first line only."""
    return page.locator("#fake-board tbody tr:visible").evaluate_all(
        "(rows, index) => rows.map(row => row.cells[index].innerText.split('\\n')[0].trim())", index
    )


def header(page: Page, name: str) -> Locator:
    """Return a column's header by its name."""
    return page.locator("#fake-board thead th").filter(has_text=re.compile(rf"^\s*{name}"))


def test_board_is_complete_without_javascript(new_page: Callable[..., Page], demo: str) -> None:
    """Without JavaScript the table, the drawings and the legend are there, and nothing that needs the script."""
    page = new_page(java_script_enabled=False)
    page.goto(demo + BOARD)
    expect(page.locator("#fake-board tbody tr")).to_have_count(30)
    expect(page.locator("figure.chart svg").first).to_be_visible()
    for needs_script in (".filters", "button.chart-explore"):
        expect(page.locator(needs_script).first).to_be_hidden()


def test_sorting_by_click_and_keyboard(page: Page, demo: str) -> None:
    """A header sorts best first, then the other way round; says so to assistive technology; empty cells come last."""
    page.goto(demo + BOARD)
    delta = header(page, "δ")
    delta.get_by_role("button").click()
    assert delta.get_attribute("aria-sort") == "descending"
    values = column(page, 6)
    numbers = [float(value) for value in values if value != "–"]
    assert numbers == sorted(numbers, reverse=True)
    assert set(values[len(numbers) :]) == {"–"}
    delta.get_by_role("button").press("Enter")
    assert delta.get_attribute("aria-sort") == "ascending"
    values = column(page, 6)
    assert [float(value) for value in values if value != "–"] == numbers[::-1]
    assert values[-1] == "–"
    header(page, "AbsRel").get_by_role("button").press("Space")
    assert page.locator("#fake-board th[aria-sort]").count() == 1


def test_sorting_is_stable(page: Page, demo: str) -> None:
    """Rows that are equal in the sorted column keep the order that they had."""
    page.goto(demo + BOARD)
    before = column(page, 1)
    header(page, "Source").get_by_role("button").click()
    assert column(page, 1) == before


def test_filters(page: Page, demo: str) -> None:
    """Words, a facet and a tick each narrow the rows, together too, and the count follows."""
    page.goto(demo + BOARD)
    bar = page.locator(".filters[data-for=fake-board]")
    expect(bar.locator("output")).to_have_text("30 of 30 rows")
    bar.get_by_label("Filter").fill("fakenet-s V2")
    assert column(page, 1) == ["FakeNet-S v2 trained on it"]
    expect(bar.locator("output")).to_have_text("1 of 30 rows")
    bar.get_by_label("Filter").fill("")
    bar.get_by_label("Zero-shot").select_option("yes")
    assert len(column(page, 1)) == 10
    bar.get_by_label("the authors' own only").check()
    assert 0 < len(column(page, 1)) < 10


def test_filters_of_cards(page: Page, demo: str) -> None:
    """The same filter bar narrows an index of cards."""
    page.goto(demo + "/datasets/index.html")
    page.get_by_label("Scene").select_option("outdoor")
    expect(page.locator("li.card:visible")).to_have_count(3)


def test_columns_can_be_hidden(page: Page, demo: str) -> None:
    """An optional column goes and comes with its checkbox, header and cells together."""
    page.goto(demo + BOARD)
    page.get_by_label("log10").uncheck()
    expect(header(page, "log10")).to_be_hidden()
    expect(page.locator("#fake-board tbody tr").first.locator("td").nth(4)).to_be_hidden()
    page.get_by_label("log10").check()
    expect(header(page, "log10")).to_be_visible()


def test_vega_is_loaded_only_when_a_chart_is_opened(page: Page, demo: str) -> None:
    """Opening a chart loads Vega once and puts the interactive chart in the drawing's place."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(demo + BOARD)
    assert not [url for url in asked if url.endswith("vega.js")]
    for figure in page.locator("figure.chart").all()[:2]:
        figure.get_by_role("button", name="Explore this chart").click()
        expect(figure.locator(".vega-embed svg")).to_be_visible()
        expect(figure.locator("button.chart-explore")).to_have_count(0)
    assert len([url for url in asked if url.endswith("vega.js")]) == 1


def test_charts_follow_the_palette(page: Page, demo: str) -> None:
    """Static and opened charts take the palette's ink, and change it when the reader changes the palette."""
    page.goto(demo + BOARD)
    figures = page.locator("figure.chart")
    figures.nth(0).get_by_role("button", name="Explore").click()
    drawn, still = figures.nth(0).locator(".vega-embed svg text").first, figures.nth(1).locator("svg text").first

    def fill(text: Locator) -> str:
        return text.evaluate("element => getComputedStyle(element).fill")

    expect(drawn).to_be_visible()
    light = fill(drawn), fill(still)
    page.get_by_title("Switch to the dark scheme").click()
    expect(figures.nth(0)).to_have_attribute("data-drawn", "slate")
    dark = fill(drawn), fill(still)
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_chart_that_cannot_load_says_so(browser_page_without_guard: Page, demo: str) -> None:
    """A specification that is gone is a sentence under the drawing, and the drawing stays."""
    page = browser_page_without_guard
    page.route("**/data/charts/*.json", lambda route: route.fulfill(status=404))
    page.goto(demo + BOARD)
    figure = page.locator("figure.chart").first
    figure.get_by_role("button", name="Explore").click()
    expect(figure.get_by_role("status")).to_contain_text("The interactive chart could not be loaded.")
    expect(figure.locator("svg")).to_be_visible()


def test_opened_from_disk(browser_page_without_guard: Page, demo_folder: Path) -> None:
    """From disk tables sort; a chart says in a sentence that it needs a web server.

    The page is not guarded: the theme's search looks for an index that only its own offline plugin writes.
    """
    page = browser_page_without_guard
    page.goto((demo_folder / "datasets" / "fake.html").as_uri())
    header(page, "Model").get_by_role("button").click()
    assert header(page, "Model").get_attribute("aria-sort") == "ascending"
    figure = page.locator("figure.chart").first
    figure.get_by_role("button", name="Explore").click()
    expect(figure.get_by_role("status")).to_contain_text("need a web server")


def test_no_sideways_scroll_on_a_phone(new_page: Callable[..., Page], demo: str) -> None:
    """At 390 pixels the page itself does not scroll sideways; the board does, in its own box, by keyboard too."""
    page = new_page(viewport={"width": 390, "height": 844})
    for path in (BOARD, "/index.html", "/datasets/index.html"):
        page.goto(demo + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.goto(demo + BOARD)
    box = page.locator(".board-scroll").first
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    assert box.get_attribute("tabindex") == "0"


def test_header_and_first_columns_stay_in_sight(page: Page, demo: str) -> None:
    """On a wide screen the header of a long board sticks below the site's header."""
    page.goto(demo + BOARD)
    row = page.locator("#fake-board tbody tr").nth(25)
    row.scroll_into_view_if_needed()
    page.mouse.wheel(0, 400)
    top = page.locator("#fake-board thead th.model").bounding_box()
    assert top is not None
    assert 0 < top["y"] < 80


def test_section_of_a_page_outside_the_navigation_is_marked(page: Page, demo: str) -> None:
    """A data set's page marks Datasets in the top navigation."""
    page.goto(demo + BOARD)
    expect(page.locator(".md-tabs__item--active")).to_have_text("Datasets")


def test_search_finds_pages(page: Page, demo: str) -> None:
    """The theme's search runs on the site's own index and finds a page by its words."""
    page.goto(demo + "/index.html")
    page.get_by_role("textbox", name="Search").click()
    page.get_by_role("textbox", name="Search").press_sequentially("rooms")
    expect(page.locator(".md-search-result__link").first).to_have_attribute("href", re.compile(r"datasets/fake\.html"))


def test_numbers_stand_under_each_other(page: Page, demo: str) -> None:
    """Numbers of a column end at one edge and use figures of one width."""
    page.goto(demo + BOARD)
    cells = page.locator("#fake-board tbody td.num:nth-child(4)")
    edges = cells.locator("a").evaluate_all(
        "links => links.map(link => Math.round(link.getBoundingClientRect().right))"
    )
    assert len(set(edges)) == 1
    assert "tabular-nums" in cells.first.evaluate("cell => getComputedStyle(cell).fontVariantNumeric")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_the_palette(new_page: Callable[..., Page], demo: str, scheme: str) -> None:
    """Every text colour has a contrast of at least 4.5 against paper, in both palettes (WCAG AA)."""
    page = new_page(color_scheme=scheme)
    page.goto(demo + BOARD)
    names = ["ink", "soft", "accent", "measured", "re-run", "reported", "copied", "unclear", "warn"]
    read = "names => names.map(name => getComputedStyle(document.body).getPropertyValue(`--fathom-${name}`).trim())"
    paper, *colours = page.evaluate(read, ["paper", *names])
    ratios = {name: contrast(colour, paper) for name, colour in zip(names, colours, strict=True)}
    assert min(ratios.values()) >= 4.5, ratios


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [BOARD, "/datasets/index.html"])
def test_axe_finds_nothing_serious(new_page: Callable[..., Page], demo: str, scheme: str, path: str) -> None:
    """axe-core finds no serious or critical violation on the front's own parts."""
    from axe_playwright_python.sync_playwright import Axe

    page = new_page(color_scheme=scheme)
    page.goto(demo + path)
    for figure in page.locator("figure.chart").all()[:1]:
        figure.get_by_role("button", name="Explore").click()
        expect(figure.locator(".vega-embed svg")).to_be_visible()
    found = Axe().run(page, context="article, footer").response["violations"]
    serious = [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
    assert not serious, "\n".join(serious)


def test_copy_button(new_page: Callable[..., Page], demo: str) -> None:
    """A copy button, hidden without the script, copies its element's text and says that it did."""
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(demo + BOARD)
    button = page.locator("button.copy")
    button.click()
    expect(button).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "fake words"
