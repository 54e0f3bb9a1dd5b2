"""The pages of measured speeds and of proofs, with made-up records, in a real Chromium: fit, filter, accessibility."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.pages import adapters, speed
from sitegen.pages.base import Page as SitePage
from sitegen.stage import stage
from sitegen.store import Store
from tests.browser.conftest import serving
from tests.browser.demo import demo_pages
from tests.sitegen import toy_store as toy

pytestmark = pytest.mark.browser
PATHS = ("speed.html", "models/adapters.html")
MODELS = ("toy-a", "toy-b", "toy-c")


def made_up() -> Store:
    """Three models on two devices, in two precisions, and proofs of which one failed."""
    speeds = [
        toy.speed(name, device, *(_change(place, dtype) for dtype in ("bfloat16", "float32")))
        for device in ("toy-cpu", "toy-gpu-with-a-long-name")
        for place, name in enumerate(MODELS, start=1)
    ]
    failed = {"outcome": "failed", "note": "maps differ by 0.5 of their largest value, more than 0.0001"}
    proofs = toy.proofs(*MODELS, mixed_sizes=failed, real_weights={"outcome": "not-run", "note": "no run yet"})
    cards = [toy.model(name, name=f"Toy {name} with a long name") for name in MODELS]
    return toy.store(models=cards, speeds=tuple(speeds), adapters=proofs)


def _change(place: int, dtype: str) -> dict[str, Any]:
    times = {"p10_ms": 1.0 * place, "median_ms": 2.0 * place, "p90_ms": 3.0 * place}
    return {"dtype": dtype, "latency": times, "params_m": 10.0 * place}


@pytest.fixture(scope="module")
def small_site(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site of these two pages among the demo's, which has what they link to."""
    root, store = tmp_path_factory.mktemp("speed"), made_up()
    shown: list[SitePage] = [*speed.pages(store), *adapters.pages(store)]
    linked = [f"models/{name}.md" for name in MODELS]
    others = [page for page in demo_pages() if page.path != "speed.md"]
    shown += [*others, *(SitePage(path, "Toy", "# Toy") for path in linked)]
    stage(shown, root / "docs", cache_dir=repo / "build" / "cache")
    findings = [finding for finding in build({"en": root / "docs"}, root / "site") if "speeds.json" not in str(finding)]
    assert not findings, format_findings(findings)
    with serving(root / "site") as address:
        yield address


@pytest.mark.parametrize("path", PATHS)
def test_pages_fit_a_telephone(new_page: Callable[..., Page], small_site: str, path: str) -> None:
    """One heading, nothing wider than 390 pixels, whatever the table holds."""
    page = new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{small_site}/{path}")
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_pages_are_open_to_everyone(new_page: Callable[..., Page], small_site: str, path: str, scheme: str) -> None:
    """axe-core finds nothing serious in either palette."""
    page = new_page(color_scheme=scheme)
    page.goto(f"{small_site}/{path}")
    found = Axe().run(page, context="article").response["violations"]
    assert not [violation["id"] for violation in found if violation["impact"] in {"serious", "critical"}]


def test_speeds_can_be_chosen_by_device_and_precision(page: Page, small_site: str) -> None:
    """A filter leaves the rows of one device and precision, in the order of their times."""
    page.goto(f"{small_site}/speed.html")
    rows, bar = page.locator("#speeds tbody tr"), page.locator('.filters[data-for="speeds"]')
    expect(rows).to_have_count(12)
    bar.get_by_label("Device").select_option("toy-cpu")
    bar.get_by_label("Precision").select_option("float32")
    visible = page.locator("#speeds tbody tr:visible")
    expect(visible).to_have_count(3)
    assert visible.locator("td.num:first-of-type").all_inner_texts() == ["2", "4", "6"]


def test_a_failure_leads_to_its_reason(page: Page, small_site: str) -> None:
    """The letter behind a failed check is a link to the sentence below the table."""
    page.goto(f"{small_site}/models/adapters.html")
    page.locator("#adapters-toy-a td", has_text="failed").locator("a").click()
    expect(page.locator("#adapters-note-a")).to_contain_text("maps differ by 0.5")
    expect(page.locator("#adapters-note-a")).to_be_in_viewport()
