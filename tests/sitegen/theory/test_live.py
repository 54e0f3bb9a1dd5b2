"""Figures that a reader can operate: complete without a script, honest about their data, and a sentence without any."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import altair as alt
import pytest

from sitegen.records import Lesson
from sitegen.store import Store, load
from sitegen.theory.live import DRAWINGS
from tests.sitegen import factories as make

FROM_RECORDS = sorted(DRAWINGS.keys() - {"attractors"})


@pytest.fixture(scope="module")
def store(repo: Path) -> Store:
    """The repository's own records."""
    return load(repo / "results")


@pytest.mark.parametrize("name", FROM_RECORDS)
def test_without_its_record_a_figure_is_a_sentence(name: str, tmp_path: Path) -> None:
    """It says which command writes the numbers."""
    drawn = DRAWINGS[name](load(make.write_results(tmp_path / "results")))
    assert re.search(r"<code>runners lessons (pixels|crops|ensemble)</code>", drawn.html)
    assert not drawn.files


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_a_figure_is_whole_without_a_script(name: str, store: Store) -> None:
    """One block of HTML: a drawing with title and words, a note, and a specification that Altair finds valid."""
    drawn = DRAWINGS[name](store)
    assert "\n\n" not in drawn.html
    svg = ET.fromstring(re.search(r"<svg.*</svg>", drawn.html)[0])  # type: ignore[index]  # noqa: S314 - drawn here
    title, words = (svg.find(f"{{http://www.w3.org/2000/svg}}{tag}") for tag in ("title", "desc"))
    assert title is not None
    assert words is not None
    assert len(words.text or "") > 80
    assert "<figcaption>" in drawn.html
    (file,) = drawn.files
    assert f'data-spec="../{file.path}"' in drawn.html
    spec = json.loads(file.content)
    kind = alt.HConcatChart if "hconcat" in spec else alt.LayerChart
    assert kind.from_dict(spec).to_dict()
    bound = [param["bind"] for param in spec["params"] if "bind" in param]
    assert bound
    assert all(bind["name"] for bind in bound)
    assert "NaN" not in file.content


@pytest.mark.parametrize("name", FROM_RECORDS)
def test_a_figure_names_its_data(name: str, store: Store) -> None:
    """Model, data set, protocol, date and commit of each record, with a link to it; what was not run is said."""
    html = DRAWINGS[name](store).html
    linked = re.findall(r'href="\.\./data/lessons/([a-z0-9-]+)\.json"', html)
    assert linked
    for each in (store.lessons[lesson] for lesson in linked):
        assert f'href="../models/{each.model.id}.html"' in html
        assert f'href="../datasets/{each.dataset}.html"' in html
        assert f'href="../protocols/{each.dataset}/{each.protocol.id}.html"' in html
        assert each.date in html
        assert (each.environment.git_commit or "unknown")[:7] in html
    if name == "ensemble":
        assert "not of Marigold, whose weights were not run here" in html


def test_attractors_say_that_no_network_was_run(store: Store) -> None:
    """The figure needs no record and says so."""
    html = DRAWINGS["attractors"](store).html
    assert "From the formula" in html
    assert "data/lessons" not in html


def test_lessons_are_small_and_of_a_clean_tree(store: Store, repo: Path) -> None:
    """Each record is under 60 kB and was made at a commit without local changes."""
    assert len(store.lessons) == 5
    for lesson in store.lessons.values():
        assert (repo / f"results/lessons/{lesson.id}.json").stat().st_size < 60_000
        assert lesson.environment.dirty is False
        assert lesson.environment.git_commit


def test_the_image_of_a_lesson_has_no_colour_of_the_palette(store: Store) -> None:
    """Colours of an image are not written as hexadecimal: no change of palette touches them."""
    file = DRAWINGS["many-scenes"](store).files[0]
    rows = json.loads(file.content)["datasets"]["rows"]
    assert {re.sub(r"\d+", "0", row["c"]) for row in rows} == {"rgb(0, 0, 0)"}


def test_a_lesson_keeps_to_its_name(store: Store) -> None:
    """A record under another id than that of its kind and data set is refused."""
    data = store.lessons["crop-cap-kitti"].model_dump(mode="json")
    with pytest.raises(ValueError, match="id must be 'crop-cap-kitti'"):
        Lesson.sealed({**data, "id": "pixels-kitti"})
