"""The figure of the scenes that one image may show."""

from __future__ import annotations

import math
from statistics import median

import altair as alt
import pandas as pd

from sitegen.charts import COLOURS, TITLE_ABOVE
from sitegen.records import Lesson, LessonPixels
from sitegen.store import Store
from sitegen.text import _
from sitegen.theory.live_fits import pixels_of
from sitegen.theory.operable import Operable, Panel, at, number, slider, text, value

__all__ = ["many_scenes"]

_WIDTH = 300


def many_scenes(_store: Store, lesson: Lesson) -> Operable:
    """Return an image as its camera sees it, and the scene from above, which may be enlarged and bent."""
    content = pixels_of(lesson)
    far = math.ceil(2 * max(content.truth))
    inputs = [
        slider("size", _("Size of the scene"), (0.25, 2), 0.05, 1),
        slider("bend", _("Bend of the scene"), (-0.5, 0.5), 0.05, 0),
        value("middle", median(content.truth)),
    ]
    height = round(_WIDTH * content.height / content.width)
    chart = alt.hconcat(
        _camera(content).properties(width=_WIDTH, height=height, title=_title(_("the image"))),
        _above(content, far).properties(width=320, height=320, title=_title(_("the scene from above"))),
        spacing=30,
    ).add_params(*inputs)
    return Operable(
        chart,
        {"rows": _rows(content)},
        title=_("One image, a family of scenes"),
        alt=_(
            "Left: an image as {count} coloured squares. Right: the points that it shows from above, in front of the "
            "camera, from {near} to {far} m."
        ).format(count=len(content.truth), near=f"{min(content.truth):.1f}", far=f"{max(content.truth):.1f}"),
        note=_(
            "Enlarge the scene or bend it. The squares on the left are projected anew from the points on the right "
            "each time: every point moves along its own ray, and the image stays as it is. Where a "
            "square is missing, the image has no true depth."
        ),
        lessons=(lesson,),
        remark=_("Depths are the true ones of the rendered image at size 1 without bend; no model takes part."),
    )


def _title(words: str) -> alt.TitleParams:
    return alt.TitleParams(words, anchor="start", fontSize=12, fontWeight="normal", color=COLOURS["soft"])


def _rows(content: LessonPixels) -> pd.DataFrame:
    """Return each pixel's ray, as X/Z and Y/Z, its depth and its colour."""
    fx, fy, cx, cy = content.intrinsics
    return pd.DataFrame(
        {
            "a": [(column - cx) / fx for column in content.columns],
            "b": [(row - cy) / fy for row in content.rows],
            "g": content.truth,
            "c": [_rgb(colour) for colour in content.colours] or COLOURS["accent"],
        }
    )


def _rgb(colour: str) -> str:
    """Return a colour of an image so that no palette takes it for one of its own."""
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:]))


def _points() -> alt.Chart:
    """Return the points of the scene in metres: X to the right, Y down, Z ahead."""
    return (
        alt.Chart(alt.NamedData("rows"))
        .transform_calculate(Z="size * middle * pow(datum.g / middle, 1 + bend)")
        .transform_calculate(X="datum.a * datum.Z", Y="datum.b * datum.Z")
    )


def _camera(content: LessonPixels) -> alt.Chart:
    fx, fy, cx, cy = content.intrinsics
    seen = _points().transform_calculate(u=f"{fx} * datum.X / datum.Z + {cx}", v=f"{fy} * datum.Y / datum.Z + {cy}")
    side = _WIDTH * content.step / content.width
    x = alt.X("u:Q", axis=None, scale=alt.Scale(domain=[0, content.width], nice=False))
    y = alt.Y("v:Q", axis=None, scale=alt.Scale(domain=[content.height, 0], nice=False))
    squares = seen.mark_square(size=(side + 0.6) ** 2, opacity=1)
    drawn: alt.Chart = squares.encode(x=x, y=y, color=alt.Color("c:N", scale=None))
    return drawn


def _above(content: LessonPixels, far: int) -> Panel:
    half = math.ceil(
        far * max(abs(column - content.intrinsics[2]) for column in content.columns) / content.intrinsics[0]
    )
    x = alt.X("X:Q", title=_("to the right, m"), scale=alt.Scale(domain=[-half, half], nice=False))
    y = alt.Y("Z:Q", title=_("ahead, m"), scale=alt.Scale(domain=[0, far], nice=False), axis=alt.Axis(**TITLE_ABOVE))
    points = _points()
    dots = points.mark_circle(size=22, opacity=1, stroke=COLOURS["strong-rule"], strokeWidth=0.4, clip=True)
    ends = points.transform_aggregate(near="min(Z)", far="max(Z)")
    said = text(_("{near} to {far} m ahead"), near=number("datum.near", ".2f"), far=number("datum.far", ".2f"))
    return alt.layer(
        dots.encode(x=x, y=y, color=alt.Color("c:N", scale=None)),
        at(ends, (10, 12), said, stroke=COLOURS["paper"], strokeWidth=3),
    )
