"""Block diagrams: nodes on a grid, arrows between them, frames around them; sizes follow the texts.

A diagram says what stands in which row and column and what leads where; :func:`lay_out` works out places and sizes, and
:mod:`sitegen.theory.svg` draws them. All columns are equally wide and all nodes of a row equally high, so that edges
align. Text breaks at spaces: a longer language makes boxes higher, and wider only for a word that does not fit. No
library does this without a program of its own: those for SVG write elements and leave the layout to their caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sitegen.charts import text_width

__all__ = [
    "BAND",
    "HEAD",
    "SIZES",
    "STACK",
    "Box",
    "Drawing",
    "Edge",
    "Group",
    "Kind",
    "Label",
    "Layout",
    "Node",
    "Path",
    "Role",
    "lay_out",
]

Kind = Literal["image", "data", "trained", "frozen", "step", "tensor", "loss"]
Route = Literal["straight", "down-across", "right"]
Role = Literal["text", "note", "shape", "group", "edge"]
Path = tuple[tuple[float, float], ...]

SIZES: dict[Role, int] = {"text": 13, "note": 11, "shape": 11, "group": 11, "edge": 11}
_LINES: dict[Role, int] = {"text": 16, "note": 14, "shape": 14, "group": 14, "edge": 14}
# Bold text is wider, and some systems' own font is wider than most.
_WEIGHTS: dict[Role, float] = {"text": 1.1, "note": 1.05, "shape": 1.05, "group": 1.15, "edge": 1.05}
STACK, BAND, HEAD = 6, 6, 7
_GAP_X, _GAP_Y, _LANE, _PAD, _MARGIN = 24, 26, 12, 9, 3
# Room that a shape takes from its text: left, top, right, bottom.
_INSETS: dict[Kind, tuple[int, int, int, int]] = {
    "image": (9, 9, 9, 9),
    "data": (7, 16, 7, 9),
    "trained": (BAND + 6, 8, 6, 8),
    "frozen": (BAND + 6, 8, 6, 8),
    "step": (9, 8, 9, 8),
    "tensor": (7, 7 + STACK, 7 + STACK, 7),
    "loss": (11, 9, 11, 9),
}


@dataclass(frozen=True)
class Node:
    """A part of a diagram.

    Attributes:
        key: By which arrows name it.
        kind: Its form: an image, a data set, a trained or frozen part, a step without weights, feature maps, a loss.
        row: From 0 at the top.
        col: From 0 at the left.
        text: What it is.
        note: More about it, smaller.
        shape: Numbers, formulas and names that no language changes ("256 @ 1/4").
        span: How many columns it takes.
    """

    key: str
    kind: Kind
    row: int
    col: int
    text: str
    note: str = ""
    shape: str = ""
    span: int = 1


@dataclass(frozen=True)
class Edge:
    """An arrow between two nodes or frames.

    Attributes:
        source: Key of where it starts.
        target: Key of where it ends.
        label: What it carries, beside a straight arrow that leads down.
        route: Straight; down and then across; or through a lane at the right.
        signal: Whether it carries no data: a loss, a choice, weights. Such an arrow is dashed.
    """

    source: str
    target: str
    label: str = ""
    route: Route = "straight"
    signal: bool = False


@dataclass(frozen=True)
class Group:
    """A frame around the nodes of some rows and columns (first and last), with a name.

    Attributes:
        key: By which arrows name it.
        text: What it is called.
        rows: First and last row.
        cols: First and last column.
        name: Where its name stands: in its head; there, but left of an arrow that enters its first column; in its foot.
        lane: Whether it has room at the right for an arrow that passes beside its nodes.
        copies: Whether it stands for several of its kind: a second frame shows behind it.
    """

    key: str
    text: str
    rows: tuple[int, int]
    cols: tuple[int, int]
    name: Literal["head", "beside", "foot"] = "head"
    lane: bool = False
    copies: bool = False

    @property
    def span(self) -> int:
        """How many columns it takes."""
        return self.cols[1] - self.cols[0] + 1


@dataclass(frozen=True)
class Drawing:
    """A diagram: its name, what it holds, and the least width of a column in pixels."""

    key: str
    title: str
    description: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    column: int = 112

    @property
    def rows(self) -> dict[str, int]:
        """The row of each node, and the first row of each frame."""
        return {node.key: node.row for node in self.nodes} | {group.key: group.rows[0] for group in self.groups}


class Box(NamedTuple):
    """A rectangle in pixels, from its top left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2


class Label(NamedTuple):
    """A line of text, its estimated extent, and the key of the node or frame that it stands in ("" for an arrow's)."""

    text: str
    role: Role
    box: Box
    place: str

    @property
    def centred(self) -> bool:
        """Whether its middle is fixed, and not its left end."""
        return self.role in ("text", "note", "shape")


@dataclass(frozen=True)
class Layout:
    """Where everything is: boxes of nodes and frames by key, the points of each edge, lines of text, and the size."""

    nodes: dict[str, Box]
    groups: dict[str, Box]
    paths: tuple[Path, ...]
    labels: tuple[Label, ...]
    width: float
    height: float


def lay_out(drawing: Drawing) -> Layout:
    """Return the places and sizes of a diagram's parts.

    Raises:
        KeyError: An edge names what there is not.
    """
    column = _column(drawing)
    left = _MARGIN + (_PAD if drawing.groups else 0)
    tops, heights = _rows(drawing, column)
    nodes = {
        node.key: Box(left + node.col * (column + _GAP_X), tops[node.row], _width(column, node.span), heights[node.row])
        for node in drawing.nodes
    }
    groups = {group.key: _frame(drawing, group, column, left, tops, heights) for group in drawing.groups}
    places = {**nodes, **groups}
    paths = tuple(_path(edge, places[edge.source], places[edge.target]) for edge in drawing.edges)
    ends = {group.key: tops[group.rows[1]] + heights[group.rows[1]] for group in drawing.groups}
    labels = (
        *(label for node in drawing.nodes for label in _node_labels(node, nodes[node.key], column)),
        *(label for g in drawing.groups for label in _group_labels(g, groups[g.key], column, ends[g.key])),
        *(
            label
            for edge, path in zip(drawing.edges, paths, strict=True)
            for label in _edge_labels(drawing, edge, path[0][0], column, tops)
        ),
    )
    spare = _MARGIN + STACK * any(group.copies for group in drawing.groups)
    width = max(box.right for box in places.values()) + spare
    height = max(box.bottom for box in places.values()) + spare
    return Layout(nodes, groups, paths, labels, width, height)


def _measured(text: str, role: Role) -> int:
    """Return a generous width in pixels."""
    return text_width(text, SIZES[role] * _WEIGHTS[role])


def _lines(text: str, role: Role, room: float) -> list[str]:
    """Return text broken at its spaces into lines that fit; a word that is too long stands alone."""
    lines: list[str] = []
    for word in text.split(" ") if text else []:
        if lines and _measured(f"{lines[-1]} {word}", role) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _longest_word(text: str, role: Role) -> int:
    return max(_measured(word, role) for word in text.split(" "))


def _width(column: float, span: int) -> float:
    return span * column + (span - 1) * _GAP_X


def _column(drawing: Drawing) -> float:
    """Return the width of a column in which every word of every text has room."""
    needs: list[float] = [drawing.column]
    for node in drawing.nodes:
        word = max(_longest_word(node.text, "text"), _longest_word(node.note, "note"), _measured(node.shape, "shape"))
        needs.append(_share(word + _INSETS[node.kind][0] + _INSETS[node.kind][2], node.span))
    for group in drawing.groups:
        word = _longest_word(group.text, "group")
        needs.append(2 * (word + 6) if group.name == "beside" else _share(word, group.span))
    needs += [2 * (_longest_word(edge.label, "edge") + 6) for edge in drawing.edges if edge.label]
    return round(max(needs))


def _share(width: float, span: int) -> float:
    """Return how wide columns must be so that some of them together have a width."""
    return (width - (span - 1) * _GAP_X) / span


def _node_lines(node: Node, column: float) -> list[tuple[Role, str]]:
    room = _width(column, node.span) - _INSETS[node.kind][0] - _INSETS[node.kind][2]
    lines: list[tuple[Role, str]] = [("text", text) for text in _lines(node.text, "text", room)]
    lines += [("note", text) for text in _lines(node.note, "note", room)]
    return lines + ([("shape", node.shape)] if node.shape else [])


def _group_lines(group: Group, column: float) -> list[str]:
    return _lines(group.text, "group", column / 2 - 6 if group.name == "beside" else _width(column, group.span))


def _edge_lines(edge: Edge, column: float) -> list[str]:
    return _lines(edge.label, "edge", column / 2 - 6)


def _rows(drawing: Drawing, column: float) -> tuple[list[float], list[float]]:
    """Return the tops and heights of the rows."""
    rows = range(1 + max(node.row for node in drawing.nodes))
    heights = [max(_node_height(node, column) for node in drawing.nodes if node.row == row) for row in rows]
    tops: list[float] = []
    for row in rows:
        before = tops[-1] + heights[row - 1] if row else _MARGIN
        tops.append(before + sum(_room_above(drawing, column, row)))
    return tops, heights


def _node_height(node: Node, column: float) -> float:
    lines = sum(_LINES[role] for role, _text in _node_lines(node, column))
    return lines + _INSETS[node.kind][1] + _INSETS[node.kind][3]


def _room_above(drawing: Drawing, column: float, row: int) -> tuple[float, float, float]:
    """Return the space above a row: for frames that end there, for arrows and their labels, for frames that begin."""
    rows = drawing.rows
    ending = [edge for edge in drawing.edges if edge.label and rows[edge.target] == row]
    labels = [len(_edge_lines(edge, column)) * _LINES["edge"] + 14 for edge in ending]
    copies = any(group.copies for group in drawing.groups if group.rows[1] == row - 1)
    arrows = max([_GAP_Y, *labels]) if row else 0
    return _below(drawing, column, row - 1) + STACK * copies, arrows, _above(drawing, column, row)


def _above(drawing: Drawing, column: float, row: int) -> float:
    """Return how far frames reach above their first row: all that begin there alike."""
    opening = [group for group in drawing.groups if group.rows[0] == row]
    names = [_name_height(group, column) for group in opening if group.name != "foot"]
    return max(names, default=_PAD if opening else 0)


def _below(drawing: Drawing, column: float, row: int) -> float:
    """Return how far frames reach below their last row: all that end there alike."""
    closing = [group for group in drawing.groups if group.rows[1] == row]
    names = [_name_height(group, column) for group in closing if group.name == "foot"]
    return max(names, default=_PAD if closing else 0)


def _name_height(group: Group, column: float) -> float:
    return len(_group_lines(group, column)) * _LINES["group"] + 12


def _frame(drawing: Drawing, group: Group, column: float, left: float, tops: list[float], heights: list[float]) -> Box:
    first, last = group.rows
    x = left + group.cols[0] * (column + _GAP_X) - _PAD
    top = tops[first] - _above(drawing, column, first)
    bottom = tops[last] + heights[last] + _below(drawing, column, last)
    width = _width(column, group.span) + _PAD + (_LANE + _PAD if group.lane else _PAD)
    return Box(x, top, width, bottom - top)


def _path(edge: Edge, source: Box, target: Box) -> Path:
    """Return the corners of an arrow from the border of one box to that of another."""
    (from_x, from_y), (to_x, to_y) = source.middle, target.middle
    if edge.route == "right":
        lane = max(source.right, target.right) + _LANE
        return (source.right, from_y), (lane, from_y), (lane, to_y), (target.right, to_y)
    if edge.route == "down-across":
        return (from_x, source.bottom), (from_x, to_y), (_side_x(target, from_x), to_y)
    if source.x < target.right and target.x < source.right:
        x = (source if source.width <= target.width else target).middle[0]
        return (x, _side_y(source, to_y)), (x, _side_y(target, from_y))
    y = (source if source.height <= target.height else target).middle[1]
    return (_side_x(source, to_x), y), (_side_x(target, from_x), y)


def _side_x(box: Box, towards: float) -> float:
    return box.right if towards > box.middle[0] else box.x


def _side_y(box: Box, towards: float) -> float:
    return box.bottom if towards > box.middle[1] else box.y


def _node_labels(node: Node, box: Box, column: float) -> Iterator[Label]:
    left, top, right, _bottom = _INSETS[node.kind]
    lines = _node_lines(node, column)
    middle = (box.x + left + box.right - right) / 2
    y = box.y + top + (box.height - _node_height(node, column)) / 2
    for role, text in lines:
        width = _measured(text, role)
        yield Label(text, role, Box(middle - width / 2, y, width, _LINES[role]), node.key)
        y += _LINES[role]


def _group_labels(group: Group, box: Box, column: float, foot: float) -> Iterator[Label]:
    """Yield the lines of a frame's name; ``foot`` is the lower edge of its last row."""
    y = foot if group.name == "foot" else box.y
    for number, text in enumerate(_group_lines(group, column)):
        place = Box(box.x + _PAD, y + 6 + number * _LINES["group"], _measured(text, "group"), _LINES["group"])
        yield Label(text, "group", place, group.key)


def _edge_labels(drawing: Drawing, edge: Edge, x: float, column: float, tops: list[float]) -> Iterator[Label]:
    """Yield the lines of an arrow's label: right of it, in the space between two rows that belongs to arrows."""
    row, lines = drawing.rows[edge.target], _edge_lines(edge, column)
    _closing, arrows, opening = _room_above(drawing, column, row)
    y = tops[row] - opening - arrows / 2 - (len(lines) / 2) * _LINES["edge"] - HEAD / 3
    for number, text in enumerate(lines):
        place = Box(x + 6, y + number * _LINES["edge"], _measured(text, "edge"), _LINES["edge"])
        yield Label(text, "edge", place, "")
