"""The gallery, with made-up pictures, in a real Chromium: slider, order, restored views, weight, no script."""

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.pages import gallery
from sitegen.pages.base import Page as SitePage
from sitegen.records import Protocol
from sitegen.stage import stage
from sitegen.store import Store
from tests.browser.conftest import serving
from tests.browser.demo import demo_pages
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

pytestmark = pytest.mark.browser
PAGE = "gallery/toy-rooms.html"
MODELS = [f"toy-{letter}" for letter in "abcde"]
COUNT = 48
BUDGET = 1.5e6


@cache
def picture(kind: str) -> bytes:
    """A picture as heavy as those of photographs and of depth maps at 640 columns."""
    side = 80 if kind == "image" else 12
    noise = np.random.default_rng(len(kind)).integers(0, 256, (side * 3 // 4, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC).save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def made_up(root: Path) -> Store:
    """Forty-eight images of five models: the first is neither best nor worst, the last may not be shown."""
    entries = [
        toy.gallery(
            root,
            f"room-{index:02d}",
            {
                model: round(0.1 + 0.01 * ((index * 7 + 3) % COUNT) * (1 + place), 4)
                for place, model in enumerate(MODELS)
            },
            picture,
        )
        for index in range(COUNT - 1)
    ]
    bare = {"images": [], "depth_scale": None, "error_scale": None, "withheld": "No pictures: the licence forbids it."}
    entries.append(toy.gallery(root, f"room-{COUNT - 1}", dict.fromkeys(MODELS), picture, **bare))
    cards = [toy.model(name, name=f"Toy {name} with a long name") for name in MODELS]
    house = Protocol.model_validate(make.PROTOCOL)
    return toy.store(models=cards, datasets=[toy.dataset()], protocols=[house], galleries=tuple(entries), root=root)


@pytest.fixture(scope="module")
def small_site(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site of the gallery among the demo's pages, which have what it links to."""
    root = tmp_path_factory.mktemp("gallery")
    shown: list[SitePage] = [*gallery.pages(made_up(root / "results"))]
    linked = [*(f"models/{name}.md" for name in MODELS), "datasets/toy-rooms.md", "protocols/toy-rooms/house.md"]
    shown += [page for page in demo_pages() if page.path != "gallery/index.md"]
    shown += [SitePage(path, "Toy", "# Toy") for path in linked]
    stage(shown, root / "docs", cache_dir=repo / "build" / "cache")
    findings = build({"en": root / "docs"}, root / "site", strict=True)
    assert not findings, format_findings(findings)
    with serving(root / "site") as address:
        yield address


def titles(page: Page) -> list[str]:
    """The images in the order of the page."""
    return page.locator("#shots > li").evaluate_all("items => items.map(item => item.dataset.sample)")


def cut(page: Page, sample: str) -> str:
    """Where the right picture of an image begins."""
    return page.locator(f"#shot-{sample} .shot-stage").evaluate("stage => stage.style.getPropertyValue('--at')")


def test_slider_by_keyboard(page: Page, small_site: str) -> None:
    """The range is native: arrows and Home and End move the line, and the link says where it is."""
    page.goto(f"{small_site}/{PAGE}")
    shot = page.locator("#shot-room-00")
    slider = shot.get_by_role("slider", name="Line between the two")
    slider.focus()
    for key, expected in (("ArrowRight", "51%"), ("ArrowRight", "52%"), ("Home", "0%"), ("End", "100%")):
        page.keyboard.press(key)
        assert cut(page, "room-00") == expected
    assert "at=100" in str(shot.locator(".shot-link").get_attribute("href"))
    assert cut(page, "room-01") == "50%"


def test_slider_by_touch(new_page: Callable[..., Page], small_site: str) -> None:
    """A tap on a picture puts the line there."""
    page = new_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(f"{small_site}/{PAGE}")
    stage_box = page.locator("#shot-room-00 .shot-stage")
    stage_box.scroll_into_view_if_needed()
    size = stage_box.bounding_box()
    assert size is not None
    page.touchscreen.tap(size["x"] + 0.25 * size["width"], size["y"] + 0.5 * size["height"])
    assert abs(float(cut(page, "room-00").rstrip("%")) - 25) <= 2


def test_any_two_pictures_with_their_words(page: Page, small_site: str) -> None:
    """Each side takes any picture: its alternative text, caption with the value, and the legend that goes with it."""
    page.goto(f"{small_site}/{PAGE}")
    shot = page.locator("#shot-room-00")
    shot.get_by_label("Left picture").select_option("ground-truth")
    shot.get_by_label("Right picture").select_option("error.toy-c")
    expect(shot.locator("img.side-left")).to_have_attribute("alt", "ground-truth room-00")
    expect(shot.locator("img.side-right")).to_have_attribute("src", "toy-rooms/room-00/error.toy-c.webp")
    expect(shot.locator('[data-caption="right"]')).to_contain_text("error AbsRel 0.")
    expect(shot.locator(".ramp-legend:visible")).to_have_count(2)
    shot.get_by_label("Left picture").select_option("image")
    expect(shot.locator(".ramp-legend:visible")).to_have_count(1)
    expect(shot.locator(".ramp-legend:visible")).to_contain_text("50 % and more")


def test_order(page: Page, small_site: str) -> None:
    """Worst, best and most disagreeing first; an image without values is last each time; and back again."""
    page.goto(f"{small_site}/{PAGE}")
    before = titles(page)
    means = {item: (index * 7 + 3) % COUNT for index, item in enumerate(before[:-1])}
    order = page.get_by_label("Order")
    for choice, sign in (("best", 1), ("worst", -1), ("disagreeing", -1)):
        order.select_option(choice)
        assert titles(page) == [*sorted(means, key=lambda item: sign * means[item]), before[-1]]
    order.select_option("")
    assert titles(page) == before


def test_a_link_restores_the_view(page: Page, new_page: Callable[..., Page], small_site: str) -> None:
    """The link of an image brings another reader to it, in the same order, with the same two pictures and line."""
    page.goto(f"{small_site}/{PAGE}")
    page.get_by_label("Order").select_option("worst")
    shot = page.locator("#shot-room-20")
    shot.get_by_label("Left picture").select_option("prediction.toy-b")
    shot.get_by_label("Right picture").select_option("error.toy-b")
    shot.get_by_role("slider").fill("73")
    link = shot.get_by_role("link", name="Link to this view").evaluate("link => link.href")
    other = new_page()
    other.goto(link)
    same = other.locator("#shot-room-20")
    expect(same.get_by_role("slider")).to_be_focused()
    expect(same.locator(".shot-stage")).to_be_in_viewport()
    expect(same.get_by_label("Left picture")).to_have_value("prediction.toy-b")
    expect(same.get_by_label("Right picture")).to_have_value("error.toy-b")
    assert cut(other, "room-20") == "73%"
    assert titles(other) == titles(page)
    expect(other.locator("#shot-room-00").get_by_label("Left picture")).to_have_value("image")


def test_a_view_of_all_images_is_in_the_address(page: Page, small_site: str) -> None:
    """What is chosen for all images is in the address and survives a reload; nonsense in it does no harm."""
    page.goto(f"{small_site}/{PAGE}")
    page.get_by_label("Left, all images").select_option("ground-truth")
    page.reload()
    expect(page.locator("#shot-room-05").get_by_label("Left picture")).to_have_value("ground-truth")
    page.goto(f"{small_site}/{PAGE}#shot=nobody&left=%22%5D&at=<b>&sort=x")
    page.reload()
    expect(page.locator("#shot-room-05").get_by_label("Left picture")).to_have_value("image")
    assert cut(page, "room-05") == "50%"


def test_without_a_script_it_is_a_list_of_figures(new_page: Callable[..., Page], small_site: str) -> None:
    """Every picture stands there with its caption and text, both legends, and no control that would do nothing."""
    page = new_page(java_script_enabled=False)
    page.goto(f"{small_site}/{PAGE}")
    shot = page.locator("#shot-room-00")
    expect(shot.locator("figure:visible")).to_have_count(2 + 2 * len(MODELS))
    expect(shot.locator("figcaption").first).to_have_text("Image")
    expect(shot.get_by_role("img", name="ground-truth room-00")).to_be_visible()
    expect(shot.locator(".ramp-legend:visible")).to_have_count(2)
    expect(page.locator("article :is(select, input):visible")).to_have_count(0)


def test_what_is_withheld_says_so(page: Page, small_site: str) -> None:
    """The placeholder stands where pictures would, without a slider."""
    page.goto(f"{small_site}/{PAGE}")
    shot = page.locator(f"#shot-room-{COUNT - 1}")
    expect(shot).to_contain_text("the licence forbids it")
    expect(shot.locator("img, input")).to_have_count(0)


def test_weight(new_page: Callable[..., Page], small_site: str) -> None:
    """48 images of 5 models weigh less than 1.5 MB, with all that a page needs, until the reader asks for more.

    Without a script browsers fetch every picture at once, whatever the page says: that is what the HTML standard asks.
    """
    assert len(picture("image")) > 2e4
    page = new_page()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(f"{small_site}/{PAGE}")
    page.wait_for_load_state("networkidle")
    assert sum(sizes) < BUDGET
    before = len(sizes)
    page.locator("#shot-room-00 summary").click()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#shot-room-00 figure img").last).to_be_visible()
    page.wait_for_function("[...document.querySelectorAll('#shot-room-00 figure img')].every(img => img.complete)")
    assert len(sizes) > before


@pytest.mark.parametrize("path", [PAGE, "gallery/index.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_open_to_everyone(new_page: Callable[..., Page], small_site: str, path: str, scheme: str) -> None:
    """axe-core finds nothing serious in either palette, and nothing is wider than a telephone."""
    page = new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto(f"{small_site}/{path}")
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = Axe().run(page, context="article").response["violations"]
    serious = [
        f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found if rule["impact"] in {"serious", "critical"}
    ]
    assert not serious, "\n".join(serious)
