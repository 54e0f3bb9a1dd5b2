"""The gallery's pages: every picture with its words and value, nothing of what is withheld, a state that helps."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sitegen.pages import datasets, gallery
from sitegen.pages.base import Page
from sitegen.records import GalleryIndex, Protocol
from sitegen.stage import ASSETS
from sitegen.store import Store
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

VALUES = {"toy-a": 0.1, "toy-b": 0.3}


def store_of(root: Path, *entries: GalleryIndex) -> Store:
    """A store of these entries, with cards of what they name."""
    cards = [toy.model(name) for name in ("toy-a", "toy-b")]
    house = Protocol.model_validate(make.PROTOCOL)
    return toy.store(models=cards, datasets=[toy.dataset()], protocols=[house], galleries=entries, root=root)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One image with pictures and depth maps, one without a value and one that may not be shown."""
    bare = {"images": [], "depth_scale": None, "error_scale": None, "withheld": "No pictures: the licence forbids it."}
    cloud = toy.gallery_cloud(tmp_path / "gallery/toy-rooms/one", {"": b"truth", "toy-b": b"guess"})
    return store_of(
        tmp_path,
        toy.gallery(tmp_path, "one", VALUES, chosen=["pick", "worst"], cloud=cloud),
        toy.gallery(tmp_path, "two", {"toy-a": None, "toy-b": 0.2}),
        toy.gallery(tmp_path, "zwei", VALUES, **bare),
    )


def pages(store: Store) -> dict[str, Page]:
    """The gallery's pages by path."""
    return {page.path: page for page in gallery.pages(store)}


def _is_picture(path: str) -> bool:
    return path.endswith(".webp") and "/depth." not in path


def test_gallery_is_as_it_was_looked_at(golden: Callable[[Page], None], store: Store) -> None:
    """The page of a data set equals its golden file."""
    golden(pages(store)["gallery/toy-rooms.md"])


def test_every_picture_has_words_and_is_lazy(store: Store) -> None:
    """Six pictures an image, each with alternative text, size, laziness, its file, and the value beside it."""
    page = pages(store)["gallery/toy-rooms.md"]
    tags = re.findall(r"<img [^>]+>", page.body)
    assert len(tags) == 12
    assert all(all(word in tag for word in ('alt="', 'loading="lazy"', 'width="640"', 'height="480"')) for tag in tags)
    small = re.findall(r'<img [^>]*src="([^"]+)"', page.body)
    full = re.findall(r'<a href="([^"]+\.webp)">', page.body)
    assert [Path(path).name for path in small] == [f"small.{Path(path).name}" for path in full]
    assert {f"gallery/{path}" for path in [*small, *full]} == {f.path for f in page.files if _is_picture(f.path)}
    assert '<span class="view-name">Toy-B: prediction</span> <span class="num">AbsRel 0.300</span>' in page.body
    assert '<span class="view-name">Toy-A: error</span> <span class="num">AbsRel no value</span>' in page.body


def test_legend_says_what_colours_are(store: Store) -> None:
    """Metres with the middle of equal ratios; parts of the truth for errors; and which colour is beyond an end."""
    body = pages(store)["gallery/toy-rooms.md"].body
    for said in ("1 m and nearer", "<span>2 m</span>", "4 m and farther", "25 %", "50 % and more"):
        assert said in body


def test_what_is_withheld_says_so(store: Store) -> None:
    """An entry without pictures has its reason and the models' values, and publishes no picture."""
    page = pages(store)["gallery/toy-rooms.md"]
    shot = page.body[page.body.index('id="shot-zwei"') :]
    assert '<p class="shot-withheld">No pictures: the licence forbids it.</p>' in shot
    assert "0.300" in shot
    assert "<img" not in shot
    assert not [file.path for file in page.files if "zwei" in file.path and not file.path.endswith("index.json")]


def test_points_are_offered_where_there_are_intrinsics(store: Store) -> None:
    """An image with depth maps has a button and publishes the maps; a page without any has neither button nor words."""
    page = pages(store)["gallery/toy-rooms.md"]
    assert re.findall(r'<button class="shot-cloud"[^>]* data-record="([^"]+)"', page.body) == [
        "toy-rooms/one/index.json"
    ]
    assert page.body.count('<template id="cloud-view"') == 1
    maps = [Path(file.path).name for file in page.files if "/depth." in file.path]
    assert maps == ["depth.ground-truth.webp", "depth.toy-b.webp"]
    assert "cloud" not in pages(store_of(store.root, store.galleries[1]))["gallery/toy-rooms.md"].body


def test_index_lists_data_sets(store: Store) -> None:
    """The index leads to the data set, whose own page leads to its gallery; without any it says how to make one."""
    assert 'href="../gallery/toy-rooms.html"' in pages(store)["gallery/index.md"].body
    (card,) = (page for page in datasets.pages(store) if page.path == "datasets/toy-rooms.md")
    assert 'href="../gallery/toy-rooms.html"' in card.body
    assert "runners gallery DIR" in pages(toy.store())["gallery/index.md"].body


def test_the_best_model_is_shown_first(tmp_path: Path) -> None:
    """The prediction beside each image is that of the model with the best mean."""
    entry = toy.gallery(tmp_path, "one", {"toy-a": 0.5, "toy-b": 0.2})
    assert '<option value="prediction.toy-b" selected>' in pages(store_of(tmp_path, entry))["gallery/toy-rooms.md"].body


def test_the_ramp_is_that_of_the_pictures() -> None:
    """The legend's colours in the style sheet are those that the runners paint with."""
    colours = pytest.importorskip("runners.colours")
    stops = ["#" + bytes(stop).hex() for stop in colours.viridis(np.linspace(0, 1, 9))]
    assert f"linear-gradient(to right, {', '.join(stops)})" in (ASSETS / "fathom.css").read_text(encoding="utf-8")
