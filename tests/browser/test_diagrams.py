"""Diagrams in a real Chromium: letters stay in their boxes and can be read, wide and narrow, light and dark."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.pages.base import Page as SitePage
from sitegen.stage import stage
from sitegen.theory.diagrams import DRAWINGS
from tests.browser.conftest import serving
from tests.browser.demo import demo_pages
from tests.browser.test_front import contrast

pytestmark = pytest.mark.browser

VIEWS = [(width, scheme) for width in (1200, 390) for scheme in ("light", "dark")]
# Texts that reach out of the smallest shape (of equal ones the topmost) that has their middle.
OUTSIDE = """svg => {
  const shapes = [...svg.querySelectorAll(":scope > rect, :scope > path[d*=Z]")].map(shape => shape.getBBox())
    .filter(box => box.width > 40 && box.height > 20).reverse();
  const holds = (box, x, y) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  return [...svg.querySelectorAll("text:not(.diagram-edge)")].filter(text => {
    const box = text.getBBox();
    const around = shapes.filter(shape => holds(shape, box.x + box.width / 2, box.y + box.height / 2))
      .sort((one, other) => one.width * one.height - other.width * other.height)[0];
    return !around || !holds(around, box.x, box.y) || !holds(around, box.x + box.width, box.y + box.height);
  }).map(text => text.textContent);
}"""
# Colours of text, and those that it may stand on: all fills of the drawing but those of arrow heads and bands.
COLOURS = """svg => {
  const fills = (query) => [...new Set([...svg.querySelectorAll(query)].map(e => getComputedStyle(e).fill))]
    .filter(fill => fill !== "none")
    .map(fill => "#" + fill.match(/[0-9]+/g).map(part => Number(part).toString(16).padStart(2, "0")).join(""));
  return [fills("text"), fills("rect[fill*=paper], rect[fill*=wash], path[fill*=paper], path[fill*=wash]")];
}"""


@pytest.fixture(scope="module")
def address(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a small site with a page that shows every diagram."""
    root = tmp_path_factory.mktemp("diagrams")
    body = "# Diagrams\n\n" + "\n\n".join(draw(None).html.strip() for draw in DRAWINGS.values())  # type: ignore[arg-type]
    page = SitePage("theory/diagrams.md", "Diagrams", body, "All diagrams.")
    stage([*demo_pages(), page], root / "docs", cache_dir=repo / "build" / "cache")
    findings = build({"en": root / "docs"}, root / "site")
    assert not findings, format_findings(findings)
    with serving(root / "site") as served:
        yield f"{served}/theory/diagrams.html"


@pytest.fixture(params=VIEWS, ids=lambda view: f"{view[0]}-{view[1]}")
def shown(request: pytest.FixtureRequest, new_page: Callable[..., Page], address: str) -> Page:
    """The page, wide and narrow, light and dark."""
    width, scheme = request.param
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(address)
    assert page.locator("figure.diagram svg[role=img]").count() == len(DRAWINGS)
    return page


def test_letters_stay_in_their_boxes(shown: Page) -> None:
    """Every text's real extent lies within the shape that it stands in."""
    for drawn in shown.locator("svg[role=img]").all():
        assert drawn.evaluate(OUTSIDE) == []


def test_letters_can_be_read(shown: Page) -> None:
    """The smallest letters have 9 pixels, and every text colour a contrast of 4.5 against all grounds (WCAG AA)."""
    for drawn in shown.locator("svg[role=img]").all():
        scale = drawn.evaluate("svg => svg.getScreenCTM().a")
        assert scale * 11 >= 9
        texts, grounds = drawn.evaluate(COLOURS)
        assert len(texts) == 2
        assert grounds
        assert min(contrast(text, ground) for text in texts for ground in grounds) >= 4.5


def test_page_does_not_scroll_sideways(shown: Page) -> None:
    """A drawing that is too wide scrolls in its own box; the page does not."""
    assert shown.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert shown.locator(".diagram-canvas").evaluate_all(
        "boxes => boxes.every(box => box.getBoundingClientRect().right <= innerWidth)"
    )


def test_words_unfold_by_keyboard(shown: Page) -> None:
    """The drawing in words is closed, and opens by keyboard."""
    words = shown.locator("figure.diagram details").first
    assert words.get_attribute("open") is None
    words.locator("summary").press("Enter")
    assert words.locator("li").first.is_visible()
