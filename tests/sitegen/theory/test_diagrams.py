"""Diagrams: legible in any language, arrows from box to box, every word translatable, colours of the palette."""

import gettext
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from sitegen.stage import ASSETS
from sitegen.store import Store, load
from sitegen.text import speaking
from sitegen.theory.diagrams import DIAGRAMS, DRAWINGS
from sitegen.theory.drawing import Box, Drawing, Edge, Layout, Node, lay_out
from sitegen.theory.figures import drawings
from sitegen.theory.svg import PALETTE
from tests.sitegen import factories as make

GOLDEN = Path(__file__).parents[2] / "golden" / "diagrams"
SLACK = 0.51  # widths are whole pixels, and halves of them
T = TypeVar("T")


class Marked(gettext.NullTranslations):
    """Puts every message between marks, so that text that is no message shows."""

    def gettext(self, message: str) -> str:
        """Return the message between marks."""
        return f"‹{message}›"


class Long(gettext.NullTranslations):
    """Makes every word of a message 1.4 times as long, as no real language does throughout."""

    def gettext(self, message: str) -> str:
        """Return the message with longer words; places to be filled in stay."""
        words = message.split(" ")
        return " ".join(w if "{" in w else w + "x" * round(0.4 * len(w)) for w in words)


LANGUAGES = {"English": gettext.NullTranslations(), "long": Long()}


def in_language(catalogue: gettext.NullTranslations, make_it: Callable[[], T]) -> T:
    """Return what is made while a catalogue is in force, which ends with it."""
    with speaking("en", catalogue):
        return make_it()


@pytest.fixture(params=[(name, language) for name in DIAGRAMS for language in LANGUAGES], ids="-".join)
def drawing(request: pytest.FixtureRequest) -> Drawing:
    """Each drawing in English and in a language with long words."""
    name, language = request.param
    return in_language(LANGUAGES[language], DIAGRAMS[name]).drawing


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A small valid store."""
    return load(make.write_results(tmp_path / "results"))


def inside(inner: Box, outer: Box) -> bool:
    """Whether a box lies in another one, up to half a pixel."""
    return (
        inner.x >= outer.x - SLACK
        and inner.y >= outer.y - SLACK
        and inner.right <= outer.right + SLACK
        and inner.bottom <= outer.bottom + SLACK
    )


def apart(one: Box, other: Box) -> bool:
    """Whether two boxes have nothing but a border in common."""
    return one.right <= other.x or other.right <= one.x or one.bottom <= other.y or other.bottom <= one.y


def on_border(point: tuple[float, float], box: Box) -> bool:
    """Whether a point lies on a box's border."""
    x, y = point
    at_side = x in (box.x, box.right) and box.y <= y <= box.bottom
    return at_side or (y in (box.y, box.bottom) and box.x <= x <= box.right)


def segments(layout: Layout) -> list[list[Box]]:
    """Return the straight pieces of each arrow as boxes without width or height."""
    return [
        [
            Box(min(x, to_x), min(y, to_y), abs(to_x - x), abs(to_y - y))
            for (x, y), (to_x, to_y) in itertools.pairwise(path)
        ]
        for path in layout.paths
    ]


def cross(one: Box, other: Box) -> bool:
    """Whether two straight pieces cross or run over each other, but do not only touch at an end."""
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def thick(line: Box) -> Box:
    """Return a straight piece with some width, shorter at both ends than it is."""
    return Box(line.x + (1 if line.width else -1), line.y + (1 if line.height else -1),
               line.width + (-2 if line.width else 2), line.height + (-2 if line.height else 2))  # fmt: skip


def test_text_stays_in_its_box(drawing: Drawing) -> None:
    """Every line of text has room in its node or frame by the estimate, also where words are 1.4 times as long."""
    layout = lay_out(drawing)
    places = {**layout.nodes, **layout.groups}
    outside = [label.text for label in layout.labels if label.place and not inside(label.box, places[label.place])]
    assert not outside


def test_boxes_do_not_overlap(drawing: Drawing) -> None:
    """Nodes lie apart; frames hold whole nodes or none of them; everything is within the drawing."""
    layout = lay_out(drawing)
    assert all(apart(one, other) for one, other in itertools.combinations(layout.nodes.values(), 2))
    for frame in layout.groups.values():
        assert any(inside(box, frame) for box in layout.nodes.values())
        assert all(inside(box, frame) or apart(box, frame) for box in layout.nodes.values())
    assert all(apart(one, other) for one, other in itertools.combinations(layout.groups.values(), 2))
    page = Box(0, 0, layout.width, layout.height)
    assert all(inside(box, page) for box in [*layout.nodes.values(), *layout.groups.values()])


def test_arrows_lead_from_box_to_box(drawing: Drawing) -> None:
    """Every arrow starts and ends on the border of what it names and passes through no other node."""
    layout = lay_out(drawing)
    places = {**layout.nodes, **layout.groups}
    for edge, path, pieces in zip(drawing.edges, layout.paths, segments(layout), strict=True):
        assert on_border(path[0], places[edge.source])
        assert on_border(path[-1], places[edge.target])
        assert all(apart(thick(piece), box) for piece in pieces for box in layout.nodes.values()), edge


def test_arrows_do_not_cross(drawing: Drawing) -> None:
    """No two arrows cross, but arrows from one node may share their way."""
    arrows = zip(drawing.edges, segments(lay_out(drawing)), strict=True)
    for (one, pieces), (other, others) in itertools.combinations(arrows, 2):
        if one.source != other.source:
            assert not any(cross(thick(a), thick(b)) for a in pieces for b in others), (one, other)


def test_names_of_frames_and_arrows_are_free(drawing: Drawing) -> None:
    """No arrow runs through a text that stands in no node, and no such text touches a node or another text."""
    layout = lay_out(drawing)
    lines = [piece for pieces in segments(layout) for piece in pieces]
    for label in layout.labels:
        if label.role in ("group", "edge"):
            assert all(apart(thick(line), label.box) for line in lines), label.text
            assert all(apart(box, label.box) for box in layout.nodes.values()), label.text
    assert all(apart(one.box, other.box) for one, other in itertools.combinations(layout.labels, 2))


def test_every_word_is_translatable() -> None:
    """With a catalogue that marks messages, all text is marked but for shapes, which hold numbers and names only."""
    for draw in DRAWINGS.values():
        root = parsed(in_language(Marked(), lambda draw=draw: draw(None).html))  # type: ignore[misc]
        texts = [
            text
            for element in root.iter()
            if element.get("class") != "diagram-shape"
            for text in [element.text, element.tail]
            if text and text.strip()
        ]
        # A message is broken into lines: its marks may stand in different elements.
        assert re.fullmatch(r"\s*(‹[^‹›]*›\s*)*", " ".join(texts)), texts
        assert all(v.startswith("‹") for e in root.iter() for k, v in e.attrib.items() if k == "aria-label")


def test_shapes_hold_no_words() -> None:
    """What is not translated is numbers, formulas and names: no English word in small letters."""
    shapes = {node.shape for make_it in DIAGRAMS.values() for node in make_it().drawing.nodes}
    assert "256 @ 1/4" in shapes
    assert not [shape for shape in shapes if re.search(r"\b[a-z]{2,}\b", shape)]


def parsed(html: str) -> ET.Element:
    """Return a figure as an element; raises if it is not well-formed."""
    return ET.fromstring(html)  # noqa: S314 - drawn here


@pytest.mark.parametrize("name", DIAGRAMS)
def test_figure(name: str) -> None:
    """A figure is well-formed and one block for Markdown; its drawing has a name, a real description, a legend."""
    html = DRAWINGS[name](None).html  # type: ignore[arg-type]
    root = parsed(html)
    assert (root.tag, root.get("class")) == ("figure", "diagram")
    assert "\n\n" not in html.strip()
    drawn = root.find("div/svg")
    assert drawn is not None
    assert drawn.get("role") == "img"
    names = [drawn.find("title"), drawn.find("desc")]
    assert drawn.get("aria-labelledby") == " ".join(str(e.get("id")) for e in names if e is not None)
    assert names[1] is not None
    assert 2 <= len(re.findall(r"\.( |$)", names[1].text or "")) <= 4
    assert len(root.findall("figcaption/ul/li")) >= 2
    assert len(root.findall("figcaption/details/ol/li")) >= 4


def test_six_diagrams_stand_on_one_page(store: Store) -> None:
    """A page may show each by its name, and no two share an id."""
    known = drawings()
    names = {"midas-cnn", "dpt", "zoedepth", "depth-anything-v2", "marigold-training", "marigold-inference"}
    ids = [found for name in names for found in re.findall(r'\bid="([^"]+)"', known[name](store).html)]
    assert len(ids) == len(set(ids)) == 2 * len(names)


def test_colours_are_those_of_the_style_sheet() -> None:
    """The palette here and in fathom.css are the same, and a drawing has no other colour."""
    sheet = (ASSETS / "fathom.css").read_text("utf-8")
    light = sheet[: sheet.index('[data-md-color-scheme="slate"]')]
    defined = dict(re.findall(r"--fathom-([a-z-]+): (#[0-9a-f]{6});", light))
    assert {name: defined[name] for name in PALETTE} == PALETTE
    for draw in DRAWINGS.values():
        used = set(re.findall(r'(?:fill|stroke)="([^"]+)"', draw(None).html)) - {"none"}  # type: ignore[arg-type]
        assert used
        assert all(re.fullmatch(r"var\(--fathom-[a-z-]+, #[0-9a-f]{6}\)", colour) for colour in used)


def test_kinds_differ_without_colour() -> None:
    """The forms of trained parts, frozen parts, data, images, steps, maps and losses differ with the colours away."""
    html = "".join(draw(None).html for draw in DRAWINGS.values())  # type: ignore[arg-type]
    swatches = re.findall(r'<li>(<svg viewBox="0 0 30 18".*?</svg>)', html)
    forms = {re.sub(r' (fill|stroke)="[^"]*"', "", found) for found in swatches}
    assert len(set(swatches)) == len(forms) == 8


def test_unknown_key_is_an_error() -> None:
    """An arrow to what is not there is no drawing."""
    broken = Drawing("x", "t", "d", (Node("a", "step", 0, 0, "A"),), (Edge("a", "b"),))
    with pytest.raises(KeyError, match="b"):
        lay_out(broken)


def test_golden() -> None:
    """The DPT figure is, to the byte, the one that was looked at and kept."""
    assert DRAWINGS["dpt"](None).html == (GOLDEN / "dpt.html").read_text("utf-8")  # type: ignore[arg-type]
