"""The figure of crops and caps: the same predictions, scored over other pixels."""

from __future__ import annotations

from typing import cast

import altair as alt
import pandas as pd

from sitegen import words
from sitegen.charts import COLOURS, TITLE_ABOVE
from sitegen.records import CropWindow, Lesson, LessonCrops
from sitegen.store import Store
from sitegen.text import _
from sitegen.theory.operable import Operable, Panel, at, choice, number, slider, text

__all__ = ["crop_cap"]

_DASHES = ([1, 0], [6, 3], [2, 3], [8, 3, 2, 3], [1, 4])


def crop_cap(store: Store, *lessons: Lesson) -> Operable:
    """Return AbsRel over the cap, a line a crop, with a choice of both, for each data set."""
    contents = {lesson.dataset: cast(LessonCrops, lesson.content) for lesson in lessons}
    names = {dataset: store.datasets[dataset].name for dataset in contents}
    inputs = [
        each for place, dataset in enumerate(contents) for each in _inputs(place, names[dataset], contents[dataset])
    ]
    panels = [_panel(place, names[dataset], contents[dataset]) for place, dataset in enumerate(contents)]
    rows = {f"rows{place}": _rows(content) for place, content in enumerate(contents.values())}
    return Operable(
        alt.hconcat(*panels, spacing=50).resolve_scale(strokeDash="independent").add_params(*inputs),
        rows,
        title=_("One prediction, many numbers: which pixels count decides"),
        alt=" ".join(_in_words(names[dataset], content) for dataset, content in contents.items()),
        note=_(
            "Choose the window and drag the cap, the largest true depth that counts. The predictions stay the same. "
            "Everything else is as in the protocol that is named below."
        ),
        lessons=lessons,
        remark=_(
            "The images are samples of these data sets that were at hand, no test split: they say what crop and cap "
            "do, and nothing about the model."
        ),
    )


def _label(crop: CropWindow) -> str:
    """Return what a window is called."""
    name = words.window(crop.name)
    return name if crop.frame == "full-image" else f"{name}; {words.frame(crop.frame)}"


def _inputs(place: int, name: str, content: LessonCrops) -> list[alt.Parameter]:
    caps = content.caps
    options = {str(index): _label(crop) for index, crop in enumerate(content.crops)}
    return [
        choice(f"crop{place}", _("{dataset}: window").format(dataset=name), options),
        slider(
            f"cap{place}", _("{dataset}: cap, m").format(dataset=name), (caps[0], caps[-1]), caps[1] - caps[0], caps[-1]
        ),
    ]


def _rows(content: LessonCrops) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "crop": str(index),
                "label": _label(crop),
                "cap": cap,
                "v": content.abs_rel[index][place],
                "images": content.evaluated[index][place],
                "pixels": content.valid_pixels[index][place],
            }
            for index, crop in enumerate(content.crops)
            for place, cap in enumerate(content.caps)
        ]
    )


def _panel(place: int, name: str, content: LessonCrops) -> Panel:
    base = alt.Chart(alt.NamedData(f"rows{place}"))
    chosen = base.transform_filter(f"datum.crop == crop{place}")
    point = chosen.transform_filter(f"datum.cap == cap{place}")
    count = len(content.crops)
    dashes = alt.Scale(domain=[str(index) for index in range(count)], range=list(_DASHES[:count]))
    x = alt.X("cap:Q", title=_("cap, m"), scale=alt.Scale(zero=False, padding=10, nice=False))
    y = alt.Y("v:Q", title=_("AbsRel ↓"), scale=alt.Scale(zero=False, padding=10), axis=alt.Axis(**TITLE_ABOVE))
    dash = alt.StrokeDash("crop:N", scale=dashes, legend=None)
    lines = base.mark_line(stroke=COLOURS["strong-rule"], strokeWidth=1)
    ours = chosen.mark_line(stroke=COLOURS["accent"], strokeWidth=2.2)
    disc = point.mark_point(size=90, stroke=COLOURS["accent"], fill=COLOURS["accent"])
    tooltip = [alt.Tooltip("label:N", title=_("window")), alt.Tooltip("cap:Q"), alt.Tooltip("v:Q", title=_("AbsRel"))]
    said = (
        text(_("AbsRel {value}"), value=number("datum.v", ".4f")),
        text(
            _("{images} images, {pixels} pixels"),
            images=number("datum.images", "d"),
            pixels=number("datum.pixels", ",d"),
        ),
    )
    layers = [
        lines.encode(x=x, y=y, strokeDash=dash, tooltip=tooltip),
        ours.encode(x=x, y=y, strokeDash=dash),
        disc.encode(x=x, y=y),
        at(point, (70, 12), said[0]),
        at(point, (70, 32), said[1], size=12),
    ]
    title = alt.TitleParams(name, anchor="start", fontSize=12, fontWeight="normal", color=COLOURS["soft"], offset=16)
    return alt.layer(*layers).properties(width=280, height=240, title=title)


def _in_words(name: str, content: LessonCrops) -> str:
    values = [value for row in content.abs_rel for value in row]
    return _("{dataset}: AbsRel of the same {count} predictions lies between {low} and {high}.").format(
        dataset=name, count=len(content.images), low=f"{min(values):.3f}", high=f"{max(values):.3f}"
    )
