"""The gallery, with made-up pictures, in a real Chromium: slider, order, restored views, weight, points, no script."""

import hashlib
import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.pages import gallery
from sitegen.pages.base import Page as SitePage
from sitegen.records import GalleryIndex, Protocol
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
HEAVY = {"image": 34_000, "error": 3_700, "small.image": 2_700, "small.error": 1_350}
"""Bytes of 17 photographs of data sets and of the error maps of this project's galleries, in the mean."""


@cache
def picture(kind: str) -> bytes:
    """A picture as heavy as those of photographs and of depth maps at 640 columns, or its small copy.

    Like these it has something at every scale, less of it the smaller the scale.
    """
    noise = np.random.default_rng(len(kind))
    finest, loss = (8, 0.72) if kind.endswith("image") else (5, 0.3)
    octaves = [noise.integers(0, 256, (3 * 2**power, 4 * 2**power, 3), dtype=np.uint8) for power in range(1, finest)]
    spread = [np.asarray(Image.fromarray(octave).resize((640, 480), Image.Resampling.BICUBIC)) for octave in octaves]
    mixed = np.sum([loss**power * plane for power, plane in enumerate(spread)], axis=0)
    mixed = (255 * (mixed - mixed.min()) / np.ptp(mixed)).astype(np.uint8)
    if not kind.startswith("small."):
        return encoded(mixed, quality=80)
    return encoded(np.asarray(Image.fromarray(mixed).resize((160, 120), Image.Resampling.LANCZOS)), quality=60)


def encoded(pixels: npt.NDArray[np.uint8], **how: Any) -> bytes:
    """Return pixels, (H, W, 3), as a WebP file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", **how)
    return buffer.getvalue()


def red_before_blue(near: float, far: float) -> tuple[bytes, bytes]:
    """Return an image of 40 by 30, a red square before a blue wall, and its depth in metres."""
    inside = np.zeros((30, 40), dtype=bool)
    inside[10:20, 15:25] = True
    code = np.rint(np.log(np.where(inside, near, far) / 0.001) / np.log(1.001)).astype(int) + 1
    depth = np.stack([code // 256, code % 256, 0 * code], axis=-1).astype(np.uint8)
    colours = np.where(inside[..., None], (200, 20, 20), (20, 20, 200)).astype(np.uint8)
    return encoded(colours, lossless=True), encoded(depth, lossless=True)


def add_points(root: Path, entry: GalleryIndex) -> GalleryIndex:
    """Give an image of 40 by 30 and its depth to an entry: true, and far too far by the second model."""
    folder = root / "gallery/toy-rooms" / entry.sample
    image, truth = red_before_blue(1.2, 4)
    (folder / entry.images[0].file).write_bytes(image)
    cloud = toy.gallery_cloud(folder, {"": truth, "toy-b": red_before_blue(3, 4)[1]}, 40, 30)
    first = {"width": 40, "height": 30, "sha256": hashlib.sha256(image).hexdigest()}
    pictures = [picture.model_dump() for picture in entry.images]
    changes = {"images": [{**pictures[0], **first}, *pictures[1:]], "cloud": cloud}
    return GalleryIndex.model_validate({**entry.model_dump(), **changes})


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
    entries[:2] = [add_points(root, entry) for entry in entries[:2]]
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


@pytest.mark.parametrize(("kind", "size"), HEAVY.items())
def test_made_up_pictures_are_as_heavy_as_real_ones(kind: str, size: int) -> None:
    """The budgets are tested with pictures at least as heavy as those of real galleries."""
    assert len(picture(kind)) >= size


def test_weight(new_page: Callable[..., Page], small_site: str) -> None:
    """48 images of 5 models weigh less than 1.5 MB, with all that a page needs, until the reader asks for more."""
    page = new_page()
    sizes = weighed(page, f"{small_site}/{PAGE}")
    assert sum(sizes) < BUDGET
    before = len(sizes)
    page.locator("#shot-room-02 summary").click()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#shot-room-02 figure img").last).to_be_visible()
    page.wait_for_function("[...document.querySelectorAll('#shot-room-02 figure img')].every(img => img.complete)")
    assert len(sizes) > before


@pytest.mark.parametrize("density", [1, 3])
def test_weight_without_a_script(new_page: Callable[..., Page], small_site: str, density: int) -> None:
    """Without a script browsers fetch every picture at once: all small copies, on any screen, weigh less than 1.5 MB.

    Each is a link to the whole picture.
    """
    page = new_page(java_script_enabled=False, device_scale_factor=density)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sizes = weighed(page, f"{small_site}/{PAGE}")
    pictures = [url for url in asked if url.endswith(".webp")]
    assert len(pictures) == (COUNT - 1) * (2 + 2 * len(MODELS))
    assert all("/small." in url for url in pictures)
    assert sum(sizes) < BUDGET
    whole = page.get_by_role("link", name="prediction room-03").first.evaluate("link => link.href")
    assert page.request.get(whole).body() == picture("prediction")


def weighed(page: Page, address: str) -> list[int]:
    """Go to a page; return the bytes of each answer, to which later ones are added."""
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return sizes


@pytest.mark.parametrize("density", [1, 2])
def test_pictures_are_fetched_at_fitting_sizes(new_page: Callable[..., Page], small_site: str, density: int) -> None:
    """The slider shows the whole picture; the list of figures takes what the screen needs."""
    page = new_page(device_scale_factor=density)
    page.goto(f"{small_site}/{PAGE}")
    shot = page.locator("#shot-room-02")
    shot.scroll_into_view_if_needed()
    expect(shot.locator("img.side-left")).to_have_attribute("src", "toy-rooms/room-02/image.webp")
    assert shot.locator("img.side-left").evaluate("img => img.decode().then(() => img.naturalWidth)") == 640
    shot.locator("summary").click()
    figure = shot.locator("figure img").nth(2)
    figure.scroll_into_view_if_needed()
    source = figure.evaluate("img => img.decode().then(() => img.currentSrc)")
    assert source.endswith("/prediction.toy-a.webp")


def pixels(canvas: Locator) -> npt.NDArray[np.int64]:
    """What a canvas shows, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(np.int64)


def is_red(seen: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where a picture is red."""
    return (seen[..., 0] > 120) & (seen[..., 1] < 80) & (seen[..., 2] < 80)


def column_of_red(canvas: Locator) -> float:
    """The mean column of what is red on a canvas, from 0 to 1."""
    red = is_red(pixels(canvas))
    assert red.sum() > 50
    return float(np.nonzero(red)[1].mean() / red.shape[1])


def open_points(page: Page, address: str, sample: str = "room-00") -> Locator:
    """Open the points of an image; return the canvas."""
    page.goto(f"{address}/{PAGE}")
    button = page.locator(f"#shot-{sample}").get_by_role("button", name="Points in 3D")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    canvas = page.locator(f"#shot-{sample} canvas")
    canvas.scroll_into_view_if_needed()
    return canvas


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_points_come_on_request(new_page: Callable[..., Page], small_site: str, scheme: str) -> None:
    """Neither three.js nor a depth map is fetched before the button is pressed; then the canvas shows the scene."""
    page = new_page(color_scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(f"{small_site}/{PAGE}")
    page.wait_for_load_state("networkidle")
    lazily = {"three.js", "cloud.js", "depth.ground-truth.webp"}
    assert not lazily & set(asked)
    canvas = open_points(page, small_site)
    assert lazily <= set(asked)
    assert "depth.toy-b.webp" not in asked
    seen = pixels(canvas)
    blue = (seen[..., 2] > 120) & (seen[..., 0] < 80)
    assert 0.2 < blue.mean() < 0.9
    assert 0.3 < column_of_red(canvas) < 0.7
    paper = (245, 243, 236) if scheme == "light" else (25, 33, 37)
    assert (np.abs(seen - paper).max(axis=-1) < 3).any()


def test_points_turn_by_keyboard(page: Page, small_site: str) -> None:
    """Arrows turn the scene: what is near goes with them; plus comes nearer; Home brings the first view back."""
    canvas = open_points(page, small_site)
    first, column = pixels(canvas), column_of_red(canvas)
    canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert column_of_red(canvas) > column + 0.01
    assert not np.array_equal(pixels(canvas), first)
    page.keyboard.press("Home")
    assert np.abs(pixels(canvas) - first).mean() < 0.5
    page.keyboard.press("ArrowLeft")
    assert column_of_red(canvas) < column - 0.005
    page.keyboard.press("Home")
    page.keyboard.press("+")
    assert is_red(pixels(canvas)).sum() > 1.1 * is_red(first).sum()


def test_points_turn_by_mouse_and_buttons(page: Page, small_site: str) -> None:
    """Dragging turns it; buttons do the same, for who can neither drag nor type; and nothing moves by itself."""
    canvas = open_points(page, small_site)
    column = column_of_red(canvas)
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=3)
    page.mouse.up()
    dragged = column_of_red(canvas)
    assert dragged > column + 0.01
    still = pixels(canvas)
    page.wait_for_timeout(300)
    assert np.array_equal(pixels(canvas), still)
    view = page.get_by_role("group", name="Points in 3D of rooms/room-00")
    view.get_by_role("button", name="Reset").click()
    view.get_by_role("button", name="Turn right").click()
    assert column_of_red(canvas) > column + 0.005


def test_points_turn_by_touch(new_page: Callable[..., Page], small_site: str) -> None:
    """A finger that goes to the right takes the scene with it; nothing is wider than the telephone."""
    page = new_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    canvas = open_points(page, small_site)
    column = column_of_red(canvas)
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for shift in (10, 20, 30):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + shift, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert column_of_red(canvas) > column + 0.01
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_points_of_a_model(page: Page, small_site: str) -> None:
    """The list has the truth and each model with a depth map; choosing one shows its own depth."""
    canvas = open_points(page, small_site)
    column = column_of_red(canvas)
    depth = page.locator("#shot-room-00 .cloud select")
    assert depth.locator("option").all_inner_texts() == ["True depth", "Toy toy-b with a long name: prediction"]
    with page.expect_response("**/depth.toy-b.webp"):
        depth.select_option("depth.toy-b.webp")
    page.wait_for_timeout(200)
    # Seen from the right, what is before the middle of the scene stands to the left, what is behind it to the right.
    assert column_of_red(canvas) > column + 0.05


def test_one_view_of_points_is_open(page: Page, small_site: str) -> None:
    """Opening a second one closes the first; pressing its button again closes it."""
    open_points(page, small_site)
    second = page.locator("#shot-room-01").get_by_role("button", name="Points in 3D")
    second.click()
    expect(second).to_have_attribute("aria-expanded", "true")
    expect(page.locator("canvas")).to_have_count(1)
    second.click()
    expect(page.locator("canvas")).to_have_count(0)
    expect(second).to_have_attribute("aria-expanded", "false")


def test_points_without_webgl_say_so(page: Page, small_site: str) -> None:
    """Where there is no WebGL a sentence stands there, and nothing more is fetched."""
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{small_site}/{PAGE}")
    shot = page.locator("#shot-room-00")
    shot.get_by_role("button", name="Points in 3D").click()
    expect(shot.get_by_role("status")).to_have_text("This browser has no WebGL, which draws the points.")
    assert not [url for url in asked if url.endswith("three.js")]


def test_points_that_cannot_be_fetched_say_so(browser_page_without_guard: Page, small_site: str) -> None:
    """A depth map that does not come is a sentence, and the button works again."""
    page = browser_page_without_guard
    page.route("**/depth.ground-truth.webp", lambda route: route.abort())
    page.goto(f"{small_site}/{PAGE}")
    shot = page.locator("#shot-room-00")
    button = shot.get_by_role("button", name="Points in 3D")
    button.click()
    expect(shot.get_by_role("status")).to_contain_text("The points could not be shown.")
    expect(button).to_be_enabled()
    expect(page.locator("canvas")).to_have_count(0)


def test_open_points_are_open_to_everyone(page: Page, small_site: str) -> None:
    """axe-core finds nothing serious in the view; the canvas has a name and takes the focus."""
    canvas = open_points(page, small_site)
    expect(page.get_by_role("img", name="rooms/room-00 as points in 3D. Arrow keys turn it")).to_have_count(1)
    canvas.focus()
    expect(canvas).to_be_focused()
    assert not serious_faults(page)


@pytest.mark.parametrize("path", [PAGE, "gallery/index.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_open_to_everyone(new_page: Callable[..., Page], small_site: str, path: str, scheme: str) -> None:
    """axe-core finds nothing serious in either palette, and nothing is wider than a telephone."""
    page = new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto(f"{small_site}/{path}")
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not serious_faults(page)


def serious_faults(page: Page) -> list[str]:
    """What axe-core has to say against the article of a page."""
    found = Axe().run(page, context="article").response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found if rule["impact"] in {"serious", "critical"}]
