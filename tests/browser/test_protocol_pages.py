"""The table of all protocols and the pages of one prediction under many in a real Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.pages import site_pages
from sitegen.stage import stage
from sitegen.store import load_valid
from tests.browser.conftest import serving
from tests.sitegen import factories as make

pytestmark = pytest.mark.browser
TABLE = "protocols/table.html"
SENSITIVITY = "protocols/toy-rooms/sensitivity.html"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, repo: Path) -> Iterator[str]:
    """The address of a site of made-up records in which one prediction was scored under four protocols."""
    root = tmp_path_factory.mktemp("protocols")
    store = load_valid(make.write_sensitivity(root / "results"))
    written = make.write_theory(root / "written")
    stage(site_pages(store, written), root / "docs", docs=repo / "docs/en", cache_dir=repo / "build/cache")
    findings = build({"en": root / "docs"}, root / "site", strict=True)
    assert not findings, format_findings(findings)
    with serving(root / "site") as address:
        yield address


@pytest.mark.parametrize("path", [TABLE, SENSITIVITY])
def test_page_is_open_to_everyone(new_page: Callable[..., Page], toy: str, path: str) -> None:
    """In both palettes axe finds nothing serious; 390 pixels are enough, and without a script all is there."""
    for scheme in ("light", "dark"):
        page = new_page(color_scheme=scheme)
        page.goto(f"{toy}/{path}")
        found = Axe().run(page, context="article, footer").response["violations"]
        assert not [(entry["id"], entry["nodes"]) for entry in found if entry["impact"] in {"serious", "critical"}]
    phone = new_page(viewport={"width": 390, "height": 800}, java_script_enabled=False)
    phone.goto(f"{toy}/{path}")
    assert phone.locator("h1").count() == 1
    assert phone.locator("article table.board tbody tr:visible").count() == 4
    narrow = new_page(viewport={"width": 390, "height": 800})
    narrow.goto(f"{toy}/{path}")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_table_filters_and_an_address_chooses(page: Page, site: str) -> None:
    """Data set and system narrow the rows; ?system= does so at once; what is unknown or absent leaves all rows."""
    rows, system = page.locator("#protocol-table tbody tr:visible"), page.locator(".filters [data-facet=system]")
    page.goto(f"{site}/{TABLE}")
    total = rows.count()
    page.locator(".filters [data-facet=dataset]").select_option("kitti")
    assert 1 < rows.count() < total
    system.select_option("zoedepth")
    assert rows.count() == 1
    page.goto(f"{site}/{TABLE}?system=zoedepth")
    expect(system).to_have_value("zoedepth")
    assert 1 < rows.count() < total
    assert set(rows.evaluate_all("rows => rows.map(row => row.dataset.facetSystem)")) == {"zoedepth"}
    page.goto(f"{site}/{TABLE}?system=nobody&dataset=")
    assert rows.count() == total


def test_what_differs_has_a_sign_besides_its_colour(page: Page, toy: str) -> None:
    """A cell that is not as in the house protocol shows the sign and a bar; the house protocol's row has none."""
    page.goto(f"{toy}/{TABLE}")
    cell = page.locator("#protocol-table-toy-rooms-flip td", has_text="≠")
    expect(cell).to_have_count(1)
    assert "inset" in cell.evaluate("cell => getComputedStyle(cell).boxShadow")
    expect(page.locator("#protocol-table-toy-rooms-house td", has_text="≠")).to_have_count(0)


def test_a_column_can_be_hidden(page: Page, toy: str) -> None:
    """The many columns have their ticks in a fold of the filter bar."""
    page.goto(f"{toy}/{TABLE}")
    header = page.locator("#protocol-table thead th", has_text="Ground truth")
    expect(header).to_be_visible()
    page.locator(".filters summary").click()
    page.locator(".filters").get_by_label("Ground truth").uncheck()
    expect(header).to_be_hidden()


def test_the_chart_of_one_prediction_opens(page: Page, toy: str) -> None:
    """The dot plot is a drawing first and becomes interactive on request."""
    page.goto(f"{toy}/{SENSITIVITY}")
    figure = page.locator("figure.chart")
    expect(figure.locator("svg").first).to_be_visible()
    expect(figure.locator(".chart-title")).to_contain_text("One prediction, 3 protocols")
    figure.locator("button.chart-explore").click()
    expect(figure.locator(".vega-embed")).to_be_visible(timeout=20_000)


def test_the_foot_stays_last_and_leads_stay_on_the_page(page: Page, toy: str) -> None:
    """Sorting moves the rows and not the spread below them; a count of fields opens the fold that lists them."""
    page.goto(f"{toy}/{SENSITIVITY}")
    board = page.locator("table.board")
    board.locator("thead th", has_text="AbsRel").get_by_role("button").click()
    first = board.locator("tbody tr").first
    expect(first.locator("th")).to_contain_text("Clip")
    expect(board.locator("tr").last).to_contain_text("Largest over smallest")
    first.locator("td a").click()
    expect(page.locator("#differs-clip")).to_be_visible()
