"""The theory's figures, operated in a real Chromium: what they show is what numpy computes from the same records."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from sitegen.build import build
from sitegen.pages import data
from sitegen.pages.base import Page as SitePage
from sitegen.records import LessonCrops, LessonEnsemble, LessonPixels
from sitegen.stage import stage
from sitegen.store import Store, load
from sitegen.theory.live import DRAWINGS
from tests.browser.conftest import serving
from tests.browser.demo import demo_pages

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def store(repo: Path) -> Store:
    """The repository's own records."""
    return load(repo / "results")


@pytest.fixture(scope="module")
def address(repo: Path, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a small site with a page that shows every figure."""
    root = tmp_path_factory.mktemp("figures")
    made = [draw(store) for draw in DRAWINGS.values()]
    body = "# Figures\n\n" + "\n\n".join(each.html.strip() for each in made)
    page = SitePage("theory/figures.md", "Figures", body, "All.", tuple(file for each in made for file in each.files))
    others = [each for each in demo_pages() if each.path != data.PATH]
    stage([*others, *data.pages(store), page], root / "docs", cache_dir=repo / "build" / "cache")
    build({"en": root / "docs"}, root / "site")
    with serving(root / "site") as served:
        yield f"{served}/theory/figures.html"


@pytest.fixture
def opened(page: Page, address: str) -> Callable[[str], Locator]:
    """Opens a figure by its name, with the keyboard, and gives it."""
    page.set_default_timeout(15_000)
    page.goto(address)
    return lambda name: open_figure(page, name)


def open_figure(page: Page, name: str) -> Locator:
    """Open a figure with the keyboard."""
    figure = page.locator(f'figure.chart[data-spec$="/{name}.json"]')
    button = figure.get_by_role("button", name="Operate this figure")
    button.focus()
    page.keyboard.press("Enter")
    figure.locator("form.vega-bindings").wait_for()
    return figure


def push(figure: Locator, label: str, key: str, times: int = 1) -> None:
    """Press a key on an input."""
    field = figure.get_by_label(label, exact=True)
    field.focus()
    for _ in range(times):
        field.press(key)


def shows(figure: Locator, *texts: str) -> None:
    """Wait until the drawing has these texts."""
    for text in texts:
        expect(figure.locator("svg text").get_by_text(text, exact=True)).to_have_count(1)


def pixels(store: Store, scene: str = "indoor") -> tuple[np.ndarray, np.ndarray, LessonPixels]:
    """Prediction and truth of an image, in metres."""
    content = cast(LessonPixels, store.lessons[f"pixels-procedural-{scene}"].content)
    return np.array(content.prediction), np.array(content.truth), content


def errors(depth: np.ndarray, truth: np.ndarray) -> tuple[str, str, str]:
    """AbsRel, delta1 and RMSE in the figure's words."""
    ratio = np.maximum(depth / truth, truth / depth)
    rel, hit = np.mean(np.abs(depth - truth) / truth), np.mean((depth > 0) & (ratio < 1.25))
    return f"AbsRel {rel:.3f}", f"δ₁ {hit:.3f}", f"RMSE {np.sqrt(np.mean((depth - truth) ** 2)):.3f} m"


def test_scale_and_shift(opened: Callable[[str], Locator], store: Store) -> None:
    """The sliders change the errors to numpy's; the box gives numpy's least squares, which the record holds."""
    figure, (prediction, truth, content) = opened("scale-shift"), pixels(store)
    shows(figure, *errors(prediction, truth))
    push(figure, "Scale", "ArrowRight", 10)
    push(figure, "Shift, m", "ArrowLeft", 20)
    shows(figure, *errors(1.1 * prediction - 1.0, truth))
    push(figure, "Take the least-squares solution", "Space")
    scale, shift = np.polyfit(prediction, truth, 1)
    shows(figure, *errors(scale * prediction + shift, truth))
    assert (content.fits[0].scale, content.fits[0].shift) == pytest.approx((scale, shift), rel=1e-8)
    assert errors(scale * prediction + shift, truth)[0] == f"AbsRel {content.fits[0].abs_rel:.3f}"


def test_space_of_the_fit(opened: Callable[[str], Locator], store: Store) -> None:
    """Each image in each space has the errors of numpy's fit there."""
    figure = opened("depth-or-disparity")
    for label, scene in (("Procedural Indoor", "indoor"), ("Procedural Outdoor", "outdoor")):
        prediction, truth, content = pixels(store, scene)
        figure.get_by_label(label, exact=True).check()
        figure.get_by_label("depth", exact=True).check()
        shows(figure, *errors(np.polyval(np.polyfit(prediction, truth, 1), prediction), truth))
        push(figure, "depth", "ArrowRight")
        fitted = np.polyval(np.polyfit(1 / prediction, 1 / truth, 1), 1 / prediction)
        shows(figure, *errors(1 / np.maximum(fitted, content.fits[1].floor or 0), truth))


def trimmed(prediction: np.ndarray, truth: np.ndarray, cut: int, wrong: int) -> tuple[str, str]:
    """The trimmed loss and the slope of the line, by numpy, in the figure's words."""
    count = len(truth)
    bad = np.arange(count) * 271 % count < round(wrong / 100 * count)
    guess, label = 1 / prediction, np.where(bad, 1 / truth.min(), 1 / truth)
    guess, label = ((d - np.median(d)) / np.mean(np.abs(d - np.median(d))) for d in (guess, label))
    residual = np.abs(guess - label)
    kept = np.argsort(residual)[: round((1 - cut / 100) * count)]
    slope = np.polyfit(label[kept], guess[kept], 1)[0]
    loss, whole = (found.sum() / (2 * count) for found in (residual[kept], residual))
    return f"loss {loss:.3f} (nothing cut: {whole:.3f})", f"slope of the line {slope:.3f}".replace("-", "−")


def test_trimming(opened: Callable[[str], Locator], store: Store) -> None:
    """Loss and line follow the share that is cut and the labels that are wrong; cut pixels have another form."""
    figure, (prediction, truth, _) = opened("trimming"), pixels(store)
    shows(figure, *trimmed(prediction, truth, 0, 5))
    push(figure, "Residuals cut, %", "ArrowRight", 4)
    shows(figure, *trimmed(prediction, truth, 20, 5))
    push(figure, "Labels made wrong, %", "Home")
    shows(figure, *trimmed(prediction, truth, 20, 0))
    for wrong in (0, 5):  # as the title says
        kept, whole = map(float, re.findall(r"\d\.\d+", trimmed(prediction, truth, 20, wrong)[0]))
        assert kept < whole / 2
    forms = figure.locator("g.mark-symbol path").evaluate_all("all => all.map(path => path.getAttribute('d').length)")
    assert sorted(forms.count(form) for form in set(forms)) == [round(0.2 * len(truth)), round(0.8 * len(truth))]


PLACES = "all => all.map(path => path.getAttribute('transform').match(/[-0-9.]+/g).map(Number).map(Math.round).join())"


def test_many_scenes(opened: Callable[[str], Locator], store: Store) -> None:
    """The scene changes as numpy says, and the image, projected from it anew, does not."""
    figure, (_, truth, _) = opened("many-scenes"), pixels(store)
    panels = figure.locator("g.mark-symbol")
    before = [panels.nth(panel).locator("path").evaluate_all(PLACES) for panel in (0, 1)]
    push(figure, "Size of the scene", "ArrowLeft", 4)
    push(figure, "Bend of the scene", "ArrowRight", 3)
    depth = 0.8 * np.median(truth) * (truth / np.median(truth)) ** 1.15
    shows(figure, f"{depth.min():.2f} to {depth.max():.2f} m ahead")
    after = [panels.nth(panel).locator("path").evaluate_all(PLACES) for panel in (0, 1)]
    assert len(before[0]) == len(truth)
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_attractors(opened: Callable[[str], Locator]) -> None:
    """Centres move by the formula."""
    figure = opened("attractors")
    push(figure, "First attractor, m", "ArrowRight", 5)
    push(figure, "log₁₀ α", "ArrowRight", 4)
    push(figure, "γ", "ArrowLeft", 2)
    centres = 10 * (np.arange(32) + 0.5) / 32
    off = np.array([[3.5], [7.0]]) - centres
    move = np.abs(np.mean(off / (1 + 10 * np.abs(off)), axis=0))
    shows(
        figure,
        f"α = 10, γ = 1.0: centres move by {move.mean():.3f} m on average, by {move.max():.3f} m at most",
    )


def test_ensemble(opened: Callable[[str], Locator], store: Store) -> None:
    """Each number of members shows the means of its draws."""
    figure = opened("ensemble")
    content = cast(LessonEnsemble, store.lessons["ensemble-procedural-indoor"].content)
    for members in (1, 5, 20):
        push(figure, "Members", "Home")
        push(figure, "Members", "ArrowRight", members - 1)
        spread = np.mean(content.uncertainty[members - 2]) if members > 1 else 0
        shows(
            figure,
            f"AbsRel {np.mean(content.abs_rel[members - 1]):.4f}",
            f"uncertainty {spread:.4f}",
            f"between draws {content.between_draws[members - 1]:.4f}",
        )


def test_crop_and_cap(opened: Callable[[str], Locator], store: Store) -> None:
    """A window and a cap show the record's value, with how many pixels it is over."""
    figure = opened("crop-cap")
    content = cast(LessonCrops, store.lessons["crop-cap-nyu-depth-v2"].content)
    figure.get_by_role("radiogroup", name="NYU Depth V2: window").get_by_label("Eigen (NYU)").check()
    figure.get_by_role("radiogroup", name="KITTI (Eigen test split): window").get_by_label("Garg", exact=True).check()
    push(figure, "NYU Depth V2: cap, m", "ArrowLeft", 3)
    value, count = content.abs_rel[1][-4], content.valid_pixels[1][-4]
    shows(figure, f"AbsRel {value:.4f}", f"{len(content.images)} images, {count:,} pixels")
    kitti = cast(LessonCrops, store.lessons["crop-cap-kitti"].content)
    garg = [(crop.name, crop.frame) for crop in kitti.crops].index(("garg-kitti", "full-image"))
    shows(
        figure,
        f"AbsRel {kitti.abs_rel[garg][-1]:.4f}",
        f"{len(kitti.images)} images, {kitti.valid_pixels[garg][-1]:,} pixels",
    )


def test_settings_stay_in_another_palette(opened: Callable[[str], Locator], page: Page, store: Store) -> None:
    """A reader who turns the lights off keeps what is set."""
    figure, (prediction, truth, _) = opened("scale-shift"), pixels(store)
    push(figure, "Scale", "ArrowRight", 30)
    page.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
    expect(figure).to_have_attribute("data-drawn", "slate")
    shows(figure, *errors(1.3 * prediction, truth))
    assert figure.get_by_label("Scale", exact=True).input_value() == "1.3"


def test_on_a_telephone(new_page: Callable[..., Page], address: str) -> None:
    """Every figure opens at 390 pixels, the page does not scroll sideways, and every input lies in the window."""
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto(address)
    for name in DRAWINGS:
        figure = open_figure(page, name)
        for field in figure.locator(".vega-bindings input").all():
            box = field.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
            assert field.evaluate("input => input.labels.length") == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for group in page.get_by_role("radiogroup").all():
        assert re.search(r"\w", group.get_attribute("aria-label") or "")
