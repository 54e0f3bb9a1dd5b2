"""The page of documented disagreements: the same checkpoint, different numbers, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pandas as pd
from markupsafe import Markup

from sitegen.charts import Chart, disagreement_overview, dumbbell, figure
from sitegen.metrics import get
from sitegen.pages.base import DataFile, Page
from sitegen.records import Disagreement, DisagreementValue
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.text import _

__all__ = ["Comparison", "comparisons", "pages", "ratio"]

PATH = "disagreements.md"
_THEMES = ("ground-truth", "crop-and-resolution", "alignment", "checkpoint-and-sampling", "unexplained")
_OVERVIEW = 20


@dataclass(frozen=True)
class Comparison:
    """Values of one case that may be set side by side: one model, data set and metric."""

    model: str
    dataset: str
    metric: str
    setting: str
    values: tuple[DisagreementValue, ...]

    @property
    def ratio(self) -> float | None:
        """Largest value over smallest; None where that says nothing (one value, or a zero)."""
        numbers = [value.value for value in self.values]
        return max(numbers) / min(numbers) if len(numbers) > 1 and min(numbers) > 0 else None


def pages(store: Store) -> Iterator[Page]:
    """Yield the page of all cases; other pages link to a case by ``disagreements.html#<id>``."""
    cases = sorted(store.disagreements.values(), key=lambda case: case.number)
    charts = {case.id: list(_case_charts(store, case)) for case in cases}
    overview = _overview(store, cases)
    files = [file for entries in charts.values() for file, _chart in entries]
    body = render(
        "disagreements.md.j2",
        PATH,
        cases=cases,
        themes=[(name, _theme(name), [case for case in cases if case.theme == name]) for name in _THEMES],
        comparisons={case.id: comparisons(case) for case in cases},
        ratios={case.id: ratio(case) for case in cases},
        overview=_figure(overview, "data/disagreements/overview.json") if overview else "",
        figures={case: [_figure(chart, file.path) for file, chart in entries] for case, entries in charts.items()},
        store=store,
        metric=get,
    )
    if overview:
        files.append(DataFile("data/disagreements/overview.json", overview.json))
    yield Page(PATH, _("Same checkpoint, different number"), body, _description(), tuple(files))


def comparisons(case: Disagreement) -> list[Comparison]:
    """Return the values of a case grouped by what they may be compared with, the case's own comparison first."""

    def place(value: DisagreementValue) -> tuple[str, str, str, str]:
        model, dataset = value.model or case.models[0], value.dataset or case.dataset
        return model, dataset, value.metric or case.metric, value.setting

    order = list(dict.fromkeys(place(value) for value in case.values))
    ranked = sorted(case.values, key=lambda value: order.index(place(value)))
    return [Comparison(*key, tuple(values)) for key, values in groupby(ranked, key=place)]


def ratio(case: Disagreement) -> float | None:
    """Return how far apart the values of a case's first comparison are, as largest over smallest."""
    return next((comparison.ratio for comparison in comparisons(case) if comparison.ratio), None)


def _description() -> str:
    return _("Documented cases in which one released depth model gets different numbers because the protocol differs.")


def _theme(name: str) -> str:
    return {
        "ground-truth": _("Ground truth: which file, which mask"),
        "crop-and-resolution": _("Crop, field of view, resolution"),
        "alignment": _("Alignment"),
        "checkpoint-and-sampling": _("Checkpoint, steps, seeds, sampler"),
        "unexplained": _("Not explained by anybody"),
    }[name]


def _figure(chart: Chart, href: str) -> Markup:
    return Markup(figure(chart, href))  # noqa: S704 (figure escapes what it is given)


def _case_charts(store: Store, case: Disagreement) -> Iterator[tuple[DataFile, Chart]]:
    for index, comparison in enumerate(comparisons(case), start=1):
        if len(comparison.values) > 1:
            path = f"data/disagreements/{case.id}-{index}.json"
            chart = _dumbbell(store, comparison)
            yield DataFile(path, chart.json), chart


def _dumbbell(store: Store, comparison: Comparison) -> Chart:
    metric = get(comparison.metric)
    ordered = sorted(comparison.values, key=lambda value: value.role != "paper")
    labels = _unique([value.label for value in ordered])
    frame = pd.DataFrame(
        {
            "label": labels,
            "value": [value.value for value in ordered],
            "kind": ["reported" if value.role == "paper" else "re-run" for value in ordered],
            "text": [_printed(value) for value in ordered],
        }
    )
    model, dataset = store.models[comparison.model].name, store.datasets[comparison.dataset].name
    title = _("{model} on {dataset}").format(model=model, dataset=dataset)
    title = f"{title} ({comparison.setting})" if comparison.setting else title
    said = "; ".join(f"{label}: {_printed(value)}" for label, value in zip(labels, ordered, strict=True))
    return dumbbell(frame, metric=f"{metric.symbol} {metric.arrow}", title=title, alt_text=f"{title}. {said}.")


def _printed(value: DisagreementValue) -> str:
    return _("about {value}").format(value=value.value_as_printed) if value.approximate else value.value_as_printed


def _unique(labels: list[str]) -> list[str]:
    """Number labels that stand twice, so that each is a row of its own."""
    seen: dict[str, int] = {}
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
    counts: dict[str, int] = {}
    unique = []
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
        unique.append(f"{label} ({counts[label]})" if seen[label] > 1 else label)
    return unique


def _overview(store: Store, cases: list[Disagreement]) -> Chart | None:
    found = [(case, ratio(case)) for case in cases]
    widest = sorted([(case, value) for case, value in found if value], key=lambda pair: -pair[1])[:_OVERVIEW]
    if not widest:
        return None
    labels = [_short_name(store, case) for case, _value in widest]
    frame = pd.DataFrame({"label": labels, "ratio": [value for _case, value in widest]})
    title = _("One checkpoint, up to {ratio:.1f} times apart").format(ratio=widest[0][1])
    alt_text = _("The {count} widest cases by largest value over smallest value.").format(count=len(widest))
    return disagreement_overview(frame, title=title, alt_text=alt_text)


def _short_name(store: Store, case: Disagreement) -> str:
    """Name a case by number, model and data set, short enough for the axis of a chart."""
    return f"{case.number}. {store.models[case.models[0]].name}, {store.datasets[case.dataset].name.split(' (')[0]}"
