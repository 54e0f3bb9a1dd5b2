"""Draws the block diagrams of :mod:`sitegen.theory.drawing` as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Literal

from sitegen.charts import COLOURS
from sitegen.theory.drawing import BAND, HEAD, SIZES, STACK, Box, Drawing, Edge, Group, Kind, Label, Path, lay_out

__all__ = ["PALETTE", "svg", "swatch"]

# The light palette of assets/fathom.css (a test holds the two together).
PALETTE = {**COLOURS, "wash": "#f5f3ec", "accent-wash": "#e3efee", "warn-wash": "#f9e9e4"}
# Fill and line of each kind; its form differs as well, so that nothing rests on colour alone.
_COLOURS: dict[Kind, tuple[str, str]] = {
    "image": ("paper", "ink"),
    "data": ("paper", "reported"),
    "trained": ("accent-wash", "accent"),
    "frozen": ("wash", "strong-rule"),
    "step": ("paper", "strong-rule"),
    "tensor": ("paper", "strong-rule"),
    "loss": ("warn-wash", "warn"),
}


def svg(drawing: Drawing) -> str:
    """Return the diagram as an ``<svg>`` element on one line, in the style sheet's custom properties."""
    layout = lay_out(drawing)
    name = f"diagram-{drawing.key}"
    size = {"width": _number(layout.width), "height": _number(layout.height)}
    root = ET.Element(
        "svg",
        {
            "viewBox": f"0 0 {size['width']} {size['height']}",
            **size,
            "style": f"--natural: {size['width']}px",
            "role": "img",
        }
        | {"aria-labelledby": f"{name}-title {name}-desc", "font-family": "system-ui, sans-serif"},
    )
    ET.SubElement(root, "title", {"id": f"{name}-title"}).text = drawing.title
    ET.SubElement(root, "desc", {"id": f"{name}-desc"}).text = drawing.description
    for group in drawing.groups:
        _draw_group(root, group, layout.groups[group.key])
    for edge, path in zip(drawing.edges, layout.paths, strict=True):
        _draw_edge(root, edge, path)
    for node in drawing.nodes:
        _draw_shape(root, node.kind, layout.nodes[node.key])
    _draw_labels(root, layout.labels)
    return ET.tostring(root, encoding="unicode")


def swatch(kind: Kind | Literal["signal"]) -> str:
    """Return a small ``<svg>`` of a kind of node, or of a dashed arrow, for a legend."""
    root = ET.Element("svg", {"viewBox": "0 0 30 18", "width": "30", "height": "18", "aria-hidden": "true"})
    if kind == "signal":
        _draw_edge(root, Edge("", "", signal=True), ((1, 9), (29, 9)))
    else:
        _draw_shape(root, kind, Box(1, 1, 28, 16))
    return ET.tostring(root, encoding="unicode")


def _number(value: float) -> str:
    return f"{round(value, 1):g}"


def _paint(name: str) -> str:
    return f"var(--fathom-{name}, {PALETTE[name]})"


def _element(parent: ET.Element, tag: str, fill: str, stroke: str = "", **attributes: str | float) -> ET.Element:
    values = {key.replace("_", "-"): v if isinstance(v, str) else _number(v) for key, v in attributes.items()}
    paints = {"fill": _paint(fill) if fill else "none"} | ({"stroke": _paint(stroke)} if stroke else {})
    return ET.SubElement(parent, tag, {**values, **paints})


def _rect(parent: ET.Element, box: Box, fill: str, stroke: str, radius: float = 0, **more: str | float) -> None:
    place = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    _element(parent, "rect", fill, stroke, **place, **({"rx": radius} if radius else {}), **more)


def _draw_group(root: ET.Element, group: Group, box: Box) -> None:
    if group.copies:
        _rect(root, Box(box.x + STACK, box.y + STACK, *box[2:]), "wash", "strong-rule", 8)
    _rect(root, box, "paper" if group.copies else "wash", "strong-rule" if group.copies else "rule", 8)


def _draw_edge(root: ET.Element, edge: Edge, path: Path) -> None:
    """Draw a line with round corners and a head; the line ends inside the head."""
    (last_x, last_y), (tip_x, tip_y) = path[-2:]
    length = abs(tip_x - last_x) + abs(tip_y - last_y)
    across, down = (tip_x - last_x) / length, (tip_y - last_y) / length
    neck = tip_x - HEAD * across, tip_y - HEAD * down
    dashes = {"stroke_dasharray": "4 3"} if edge.signal else {}
    _element(root, "path", "", "strong-rule", d=_rounded((*path[:-1], neck)), stroke_width=1.4, **dashes)
    half = HEAD / 2
    sides = [(neck[0] + sign * half * down, neck[1] + sign * half * across) for sign in (1, -1)]
    _element(root, "path", "strong-rule", d=_polygon([path[-1], *sides]))


def _rounded(points: Path, radius: float = 6) -> str:
    parts = [f"M{_pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        parts.append(f"L{_pair(_near(corner, before, radius))}Q{_pair(corner)} {_pair(_near(corner, after, radius))}")
    return "".join(parts) + f"L{_pair(points[-1])}"


def _near(corner: tuple[float, float], other: tuple[float, float], radius: float) -> tuple[float, float]:
    """Return the point on the way from a corner to another point, at most half the way along."""
    length = abs(other[0] - corner[0]) + abs(other[1] - corner[1])
    share = min(radius, length / 2) / length
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def _pair(point: tuple[float, float]) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _polygon(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(_pair(point) for point in points) + "Z"


def _draw_shape(root: ET.Element, kind: Kind, box: Box) -> None:
    fill, stroke = _COLOURS[kind]
    if kind == "tensor":
        front = Box(box.x, box.y + STACK, box.width - STACK, box.height - STACK)
        for offset in (STACK, STACK / 2, 0):
            _rect(root, Box(front.x + offset, front.y - offset, *front[2:]), fill, stroke)
    elif kind == "data":
        _draw_cylinder(root, box, fill, stroke)
    elif kind == "loss":
        _element(root, "path", fill, stroke, d=_polygon(_chamfered(box)), stroke_width=1.4)
    else:
        _rect(root, box, fill, stroke, {"image": 0, "step": min(box.height / 2, 14)}.get(kind, 4))
    if kind == "image":
        _rect(root, Box(box.x + 3, box.y + 3, box.width - 6, box.height - 6), "", "strong-rule", stroke_width=0.7)
    if kind in ("trained", "frozen"):
        _draw_band(root, box, kind)


def _draw_band(root: ET.Element, box: Box, kind: Kind) -> None:
    """Draw the band at the left of a network's part: full where it is trained, hatched where it is frozen."""
    if kind == "trained":
        _rect(root, Box(box.x, box.y, BAND, box.height), "accent", "accent", 3)
        return
    count = int((box.height - BAND) // 4)
    lines = [f"M{_pair((box.x, box.y + BAND + 4 * n))}l{BAND} {-BAND}" for n in range(count + 1)]
    edge = f"M{_pair((box.x + BAND, box.y))}v{_number(box.height)}"
    _element(root, "path", "", "strong-rule", d="".join([*lines, edge]))


def _draw_cylinder(root: ET.Element, box: Box, fill: str, stroke: str) -> None:
    half, lid = box.width / 2, min(5.0, box.height / 4)
    arc = f"a{_number(half)} {_number(lid)} 0 0 "
    width, wall = _number(box.width), _number(box.height - 2 * lid)
    start = f"M{_pair((box.x, box.y + lid))}"
    body = f"{start}{arc}1 {width} 0v{wall}{arc}1 -{width} 0Z"
    _element(root, "path", fill, stroke, d=body, stroke_width=1.4)
    _element(root, "path", "", stroke, d=f"{start}{arc}0 {width} 0", stroke_width=1.4)


def _chamfered(box: Box, cut: float = 7) -> list[tuple[float, float]]:
    cut = min(cut, box.height / 3)
    xs = (box.x, box.x + cut, box.right - cut, box.right)
    ys = (box.y, box.y + cut, box.bottom - cut, box.bottom)
    corners = [(1, 0), (2, 0), (3, 1), (3, 2), (2, 3), (1, 3), (0, 2), (0, 1)]
    return [(xs[across], ys[down]) for across, down in corners]


def _draw_labels(root: ET.Element, labels: Iterable[Label]) -> None:
    for label in labels:
        x = label.box.middle[0] if label.centred else label.box.x
        y = label.box.bottom - 0.29 * label.box.height
        more = {"font_weight": "600"} if label.role in ("text", "group") else {}
        more |= {"text_anchor": "middle"} if label.centred else {}
        more |= {"class": f"diagram-{label.role}"}
        colour = "ink" if label.role == "text" else "soft"
        _element(root, "text", colour, x=x, y=y, font_size=SIZES[label.role], **more).text = label.text
