"""What the figures that a reader can operate share: inputs, numbers in words, and where the data come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd

from sitegen import charts
from sitegen.pages.base import DataFile
from sitegen.pages.data import lesson_file
from sitegen.records import Lesson
from sitegen.rendering import plain
from sitegen.store import Store
from sitegen.text import _
from sitegen.theory.figures import Illustration

__all__ = [
    "Operable",
    "Panel",
    "absent",
    "at",
    "choice",
    "illustration",
    "number",
    "slider",
    "switch",
    "text",
    "value",
]


Panel = alt.LayerChart | alt.FacetChart
"""What Altair says that layers make."""


@dataclass(frozen=True)
class Operable:
    """A figure before it is drawn.

    Attributes:
        chart: Its data are ``alt.NamedData``.
        datasets: Their rows, by name.
        title: What to see.
        alt: What the drawing says, in words.
        note: What to do, and what to watch.
        lessons: The records that the data are of.
        remark: What has to be known of the data besides.
    """

    chart: alt.TopLevelMixin
    datasets: Mapping[str, pd.DataFrame]
    title: str
    alt: str
    note: str
    lessons: Sequence[Lesson] = ()
    remark: str = field(default="")


def illustration(store: Store, name: str, made: Operable) -> Illustration:
    """Return a figure with its specification as a file, and the records that it is made from as links."""
    chart = charts.operable(made.chart, made.datasets, title=made.title, alt_text=made.alt, note=made.note)
    path = f"data/charts/theory/{name}.json"
    source = " ".join([*(_source(store, lesson) for lesson in made.lessons), str(plain(made.remark))])
    html = charts.figure(
        chart, f"../{path}", source=f'<p class="src">{source}</p>', invitation=_("Operate this figure")
    )
    return Illustration(html, (DataFile(path, chart.json),))


def absent(command: str) -> Illustration:
    """Return what stands in a figure's place where the records do not hold its data."""
    said = _(
        "This figure is made from numbers of a real run, and they are not among these records. They are written by"
    )
    return Illustration(f'<p class="nothing">{plain(said)} <code>{plain(command)}</code>.</p>\n')


def _source(store: Store, lesson: Lesson) -> str:
    """Return in a sentence what was run on what, when and with which code, with links."""
    model, dataset = store.models[lesson.model.id], store.datasets[lesson.dataset]
    protocol = store.protocols[lesson.dataset, lesson.protocol.id]
    commit = lesson.environment.git_commit
    links = {
        "model": (f"models/{model.id}", model.name),
        "dataset": (f"datasets/{dataset.id}", dataset.name),
        "protocol": (f"protocols/{dataset.id}/{protocol.id}", protocol.title),
    }
    said = str(plain(_("Data: {model} on {dataset}, {images}; protocol: {protocol}; run of {date}, commit {commit}.")))
    return (
        said.format(
            **{key: f'<a href="../{path}.html">{plain(words)}</a>' for key, (path, words) in links.items()},
            images=plain(_images(lesson)),
            date=plain(lesson.date),
            commit=plain(commit[:7] if commit else _("unknown")),
        )
        + f' <a href="../{lesson_file(lesson)}">{plain(_("The record."))}</a>'
    )


def _images(lesson: Lesson) -> str:
    if lesson.content.kind == "crop-cap":
        return _("{count} images").format(count=len(lesson.content.images))
    return _("image {id}").format(id=lesson.content.image)


def slider(name: str, label: str, ends: tuple[float, float], step: float, first: float) -> alt.Parameter:
    """Return a parameter that a range input sets."""
    return alt.param(name=name, value=first, bind=alt.binding_range(min=ends[0], max=ends[1], step=step, name=label))


def switch(name: str, label: str) -> alt.Parameter:
    """Return a parameter that a box sets, off at first."""
    return alt.param(name=name, value=False, bind=alt.binding_checkbox(name=label))


def choice(name: str, label: str, options: Mapping[str, str]) -> alt.Parameter:
    """Return a parameter that is one of several values, with what each is called; the first is chosen at first."""
    bind = alt.binding_radio(options=list(options), labels=list(options.values()), name=label)
    return alt.param(name=name, value=next(iter(options)), bind=bind)


def value(name: str, what: Any = None, *, expr: str = "") -> alt.Parameter:
    """Return a parameter that nobody sets: a constant, or one that follows from others."""
    return alt.param(name=name, expr=expr) if expr else alt.param(name=name, value=what)


def text(pattern: str, **numbers: str) -> str:
    """Return a Vega expression for a sentence with numbers in it.

    Args:
        pattern: The sentence with ``{name}`` where a number stands.
        numbers: The expression of each, as :func:`number` gives it.
    """
    words = json.dumps(pattern, ensure_ascii=False)
    for name, expression in numbers.items():
        words = words.replace(f"{{{name}}}", f'" + {expression} + "')
    return words


def number(expression: str, form: str = ".3f") -> str:
    """Return the expression of a number as text, in d3's format."""
    return f"format({expression}, '{form}')"


def at(base: alt.Chart, place: tuple[float, float], expression: str, *, size: int = 14, **look: Any) -> alt.Chart:
    """Return a line of text at pixels of the plot; the chart's data must have one row by then."""
    x, y = (alt.value(pixels) for pixels in place)
    mark = base.transform_calculate(text=expression).mark_text(align="left", baseline="middle", fontSize=size, **look)
    line: alt.Chart = mark.encode(x=x, y=y, text=alt.Text("text:N"))
    return line
