"""The real site in a real Chromium: every page kind renders, fits, is open to everyone, and leads to its sources."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sitegen.findings import format_findings
from sitegen.links import check_site

pytestmark = pytest.mark.browser
PAGES = (
    "index.html",
    "datasets/index.html",
    "datasets/nyu-depth-v2.html",
    "datasets/sa-1b.html",
    "datasets/none.html",
    "models/index.html",
    "models/depth-anything-v2-large.html",
    "models/meter-xxs-nyu.html",
    "models/adapters.html",
    "speed.html",
    "sources/index.html",
    "sources/marigold-paper.html",
    "disagreements.html",
    "metrics.html",
    "protocols/index.html",
    "protocols/table.html",
    "protocols/kitti/house.html",
    "protocols/kitti/compare.html",
    "datasets/procedural-indoor.html",
    "gallery/index.html",
    "gallery/procedural-indoor.html",
    "manifest.html",
    "about.html",
    "contribute.html",
    "data.html",
    "el/index.html",
    "el/datasets/nyu-depth-v2.html",
    "el/models/depth-anything-v2-large.html",
    "el/sources/marigold-paper.html",
    "el/disagreements.html",
    "el/protocols/table.html",
    "el/gallery/procedural-indoor.html",
    "el/contribute.html",
)
BOARD = "#board-nyu-depth-v2-metric"


@pytest.mark.parametrize("path", PAGES)
def test_page_renders_without_errors_and_fits(new_page: Callable[..., Page], site: str, path: str) -> None:
    """Each page kind has one heading, logs nothing, asks for nothing outside, and fits 390 pixels."""
    page = new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{site}/{path}")
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "datasets/ddad.html",
        "models/marigold-depth-v1-0.html",
        "sources/marigold-paper.html",
        "models/index.html",
        "models/adapters.html",
        "speed.html",
        "disagreements.html",
        "metrics.html",
        "protocols/index.html",
        "protocols/table.html",
        "protocols/kitti/zoedepth.html",
        "protocols/kitti/compare.html",
        "datasets/procedural-indoor.html",
        "gallery/procedural-outdoor.html",
        "about.html",
        "el/index.html",
        "el/datasets/ddad.html",
        "el/models/marigold-depth-v1-0.html",
        "el/gallery/procedural-outdoor.html",
    ],
)
def test_no_serious_accessibility_violation(new_page: Callable[..., Page], site: str, path: str, scheme: str) -> None:
    """axe-core finds nothing serious or critical in what is ours (the theme's search box is not), in either palette."""
    page = new_page(color_scheme=scheme)
    page.goto(f"{site}/{path}")
    found = Axe().run(page, context="article, footer").response["violations"]
    serious = [violation for violation in found if violation["impact"] in {"serious", "critical"}]
    assert not serious, "\n".join(_described(violation) for violation in serious)


def _described(violation: dict[str, Any]) -> str:
    nodes = "; ".join(str(node["target"]) for node in violation["nodes"][:5])
    return f"{violation['id']}: {violation['help']}: {nodes}"


def test_every_link_of_the_site_resolves(site_folder: Path) -> None:
    """No page links to a page, file or anchor that is not there, and none asks for anything outside the site."""
    findings = check_site(site_folder)
    assert not findings, format_findings(findings)


def test_a_value_leads_to_the_place_where_it_was_printed(page: Page, site: str) -> None:
    """One click on a board's value opens its source's page at that number."""
    page.goto(f"{site}/datasets/nyu-depth-v2.html")
    link = page.locator(f"{BOARD} tbody td.num a").first
    target = str(link.get_attribute("href"))
    link.click()
    page.wait_for_url(re.compile(r"/sources/.*#n\d+$"))
    assert target.endswith(page.url.rsplit("/", 1)[1])
    expect(page.locator(f"[id={page.url.rsplit('#', 1)[1]}]")).to_be_in_viewport()


def test_boards_sort_and_filter(page: Page, site: str) -> None:
    """On a real board a header sorts and a filter hides rows."""
    page.goto(f"{site}/datasets/nyu-depth-v2.html")
    board = page.locator(BOARD)
    header = board.locator("thead th", has_text="RMSE").first
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    rows = board.locator("tbody tr")
    bar = page.locator(f'.filters[data-for="{BOARD[1:]}"]')
    bar.get_by_label("zero-shot only").check()
    shown = board.locator("tbody tr:visible").count()
    assert 0 < shown < rows.count()
    expect(board.locator("tbody tr:visible .zs-no")).to_have_count(0)


def test_a_tick_and_its_list_do_not_fight(page: Page, site: str) -> None:
    """A facet's tick and its list behind "more filters" choose the same thing: the one used last counts."""
    page.goto(f"{site}/datasets/nyu-depth-v2.html")
    bar = page.locator(f'.filters[data-for="{BOARD[1:]}"]')
    bar.get_by_label("zero-shot only").check()
    bar.locator("summary").click()
    bar.locator('select[data-facet="zs"]').select_option("no")
    expect(bar.get_by_label("zero-shot only")).not_to_be_checked()
    expect(page.locator(f"{BOARD} tbody tr:visible .zs-no").first).to_be_visible()
    bar.get_by_label("zero-shot only").check()
    expect(bar.locator('select[data-facet="zs"]')).to_have_value("")


def test_a_range_opens_all_its_values(page: Page, site: str) -> None:
    """The range below a value leads to the model's published numbers, and the fold that holds them opens."""
    page.goto(f"{site}/datasets/nyu-depth-v2.html")
    row = page.locator("#board-nyu-depth-v2-affine-disparity-depth-anything-v2-large")
    expect(row.locator("a.why").first).to_be_visible()
    row.locator(".range a").first.click()
    page.wait_for_url(re.compile(r"/models/depth-anything-v2-large\.html#numbers-nyu-depth-v2$"))
    expect(page.locator("#numbers-nyu-depth-v2")).to_be_visible()


def test_what_is_not_there_leads_on(page: Page, site: str) -> None:
    """The page for a missing address has links to what there is."""
    page.goto(f"{site}/404.html")
    page.locator(".md-content").get_by_role("link", name="Models").click()
    expect(page.locator("#models-table")).to_be_visible()


def test_charts_open(page: Page, site: str) -> None:
    """The chart of the home page is a drawing first and becomes interactive on request."""
    page.goto(f"{site}/index.html")
    figure = page.locator("figure.chart").first
    expect(figure.locator("svg").first).to_be_visible()
    figure.locator("button.chart-explore").click()
    expect(figure.locator(".vega-embed")).to_be_visible(timeout=20_000)


def test_every_board_is_reached_from_the_home_page(page: Page, site: str, site_folder: Path) -> None:
    """Each board of a data set page has a link on the home page: nobody needs the search box."""
    page.goto(f"{site}/index.html")
    links = set(page.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))"))
    boards = {
        f"datasets/{file.parent.name}.html#{file.stem}"
        for file in (site_folder / "data" / "boards").glob("*/*.csv")
        if not file.stem.startswith("measured-")
    }
    assert boards <= links


def test_two_protocols_are_compared(page: Page, site: str) -> None:
    """Choosing two protocols hides the others and counts the fields in which the two differ."""
    page.goto(f"{site}/protocols/kitti/compare.html")
    choice, table = page.locator(".compare-choice"), page.locator("table.diff")
    columns = table.locator("thead th:visible")
    assert columns.count() > 10
    choice.locator("[data-side=first]").select_option(label="House protocol of KITTI")
    choice.locator("[data-side=second]").select_option(index=3)
    assert columns.count() == 3
    choice.locator("[data-side=same]").uncheck()
    shown = table.locator("tbody tr:visible")
    expect(choice.locator("output")).to_contain_text(f"{shown.count()} of ")
    for row in shown.all():
        first, second = row.locator("td:visible").all_inner_texts()
        assert first != second
