"""The page of documented disagreements: the same checkpoint, different numbers, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from sitegen.board_table import number_href
from sitegen.charts import Chart, disagreement_overview, dumbbell, figure
from sitegen.grouping import group
from sitegen.metrics import get
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import sensitivity_hrefs
from sitegen.records import Disagreement, DisagreementValue
from sitegen.rendering import render
from sitegen.store import Store, StoredNumber
from sitegen.tables import Provenance, displayed
from sitegen.text import _, numeral

__all__ = [
    "Comparison",
    "SourceLinks",
    "Statement",
    "comparison_chart",
    "comparisons",
    "main_comparison",
    "pages",
    "unique",
    "who_measured",
]

PATH = "disagreements.md"
_THEMES = ("ground-truth", "crop-and-resolution", "alignment", "checkpoint-and-sampling", "unexplained")
_OVERVIEW = 20


@dataclass(frozen=True)
class Statement:
    """One value of a comparison, as shown: its label is unique there, its digits are those of the metric's unit."""

    label: str
    shown: str
    value: DisagreementValue


@dataclass(frozen=True)
class Comparison:
    """Values of one case that may be set side by side: one model, data set and metric, and one setting of the case."""

    model: str
    dataset: str
    metric: str
    setting: str
    statements: tuple[Statement, ...]

    @property
    def ratio(self) -> float | None:
        """Largest value over smallest; None where that says nothing (one value, or a zero)."""
        numbers = [statement.value.value for statement in self.statements]
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
        mains={case.id: main_comparison(case) for case in cases},
        sensitivity=sensitivity_hrefs(store),
        overview=_figure(overview, "data/disagreements/overview.json") if overview else "",
        figures={case: [_figure(chart, file.path) for file, chart in entries] for case, entries in charts.items()},
        store=store,
        metric=get,
        source_href=SourceLinks(store).href,
    )
    if overview:
        files.append(DataFile("data/disagreements/overview.json", overview.json))
    yield Page(PATH, _("Same checkpoint, different number"), body, _description(), tuple(files))


def comparisons(case: Disagreement) -> list[Comparison]:
    """Return the values of a case grouped by model, data set, metric and setting, in the order of first mention.

    A value may name a model that is no subject of the case (an umbrella card, where a paper does not say which size it
    ran): it belongs to the case's first model, and its label says so.
    """
    groups = group(case.values, lambda value: _subject(case, value))
    return [Comparison(*subject, _statements(case, values)) for subject, values in groups.items()]


def main_comparison(case: Disagreement) -> Comparison | None:
    """Return the comparison that stands for a case: on its own data set and metric, else the widest there is."""
    wide = [comparison for comparison in comparisons(case) if comparison.ratio]
    own = [item for item in wide if (item.dataset, item.metric) == (case.dataset, case.metric)]
    return own[0] if own else max(wide, key=lambda item: item.ratio or 0, default=None)


def _subject(case: Disagreement, value: DisagreementValue) -> tuple[str, str, str, str]:
    model = value.model if value.model in case.models else case.models[0]
    return str(model), value.dataset or case.dataset, value.metric or case.metric, value.setting


def _statements(case: Disagreement, values: list[DisagreementValue]) -> tuple[Statement, ...]:
    ordered = sorted(values, key=lambda value: value.role != "paper")
    labels = unique([_label(case, value) for value in ordered])
    return tuple(Statement(label, _shown(value), value) for label, value in zip(labels, ordered, strict=True))


def _label(case: Disagreement, value: DisagreementValue) -> str:
    umbrella = value.model is not None and value.model not in case.models
    return _("{label} (size not stated)").format(label=value.label) if umbrella else value.label


def _shown(value: DisagreementValue) -> str:
    digits = displayed(value.value, value.value_as_printed)
    return _("about {value}").format(value=digits) if value.approximate else digits


class SourceLinks:
    """Finds the very number on its source's page that a value of a case is."""

    def __init__(self, store: Store) -> None:
        self._numbers = {
            (n.source, n.row.model, n.row.dataset, n.row.metric, n.row.value_as_printed): n for n in store.numbers
        }

    def number(self, case: Disagreement, value: DisagreementValue) -> StoredNumber | None:
        """Return the published number that a value of a case is; None where the source's tables do not hold it."""
        model, dataset = value.model or case.models[0], value.dataset or case.dataset
        metric = value.metric or case.metric
        return self._numbers.get((str(value.source), model, dataset, metric, value.value_as_printed))

    def href(self, case: Disagreement, value: DisagreementValue) -> str:
        """Return the address of the number, or of its source where the source's tables do not hold it."""
        number = self.number(case, value)
        return number_href(number) if number else f"sources/{value.source}.html"


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
        if len(comparison.statements) > 1:
            chart = comparison_chart(
                store, comparison, comparison.setting if _is_one_of_several(case, comparison) else ""
            )
            yield DataFile(f"data/disagreements/{case.id}-{index}.json", chart.json), chart


def _is_one_of_several(case: Disagreement, comparison: Comparison) -> bool:
    """Return whether only the setting tells a comparison from another one of its case."""
    place = (comparison.model, comparison.dataset, comparison.metric)
    return sum(place == (other.model, other.dataset, other.metric) for other in comparisons(case)) > 1


def who_measured(value: DisagreementValue) -> Provenance:
    """Return the mark of a value: its model's authors print it, or somebody else measured it."""
    return "reported" if value.role == "paper" else "re-run"


def comparison_chart(store: Store, comparison: Comparison, setting: str = "") -> Chart:
    """Draw a comparison, measured from its first statement; ``setting`` is put behind the title."""
    metric, statements = get(comparison.metric), comparison.statements
    frame = pd.DataFrame(
        {
            "label": [statement.label for statement in statements],
            "value": [statement.value.value for statement in statements],
            "kind": [who_measured(statement.value) for statement in statements],
            "text": [statement.shown for statement in statements],
        }
    )
    model, dataset = store.models[comparison.model].name, store.datasets[comparison.dataset].name
    title = _("{model} on {dataset}").format(model=model, dataset=dataset)
    title = f"{title} ({setting})" if setting else title
    said = "; ".join(f"{statement.label}: {numeral(statement.shown)}" for statement in statements)
    return dumbbell(frame, metric=f"{metric.symbol} {metric.arrow}", title=title, alt_text=f"{title}. {said}.")


def unique(labels: list[str]) -> list[str]:
    """Number labels that stand twice, so that each is a row of its own."""
    total, so_far, made = Counter(labels), Counter[str](), []
    for label in labels:
        so_far[label] += 1
        made.append(f"{label} ({so_far[label]})" if total[label] > 1 else label)
    return made


def _overview(store: Store, cases: list[Disagreement]) -> Chart | None:
    found = [(case, comparison.ratio) for case in cases if (comparison := main_comparison(case))]
    widest = sorted([(case, value) for case, value in found if value], key=lambda pair: -pair[1])[:_OVERVIEW]
    if not widest:
        return None
    labels = [_short_name(store, case) for case, _value in widest]
    frame = pd.DataFrame({"label": labels, "ratio": [value for _case, value in widest]})
    title = _("One checkpoint, up to {ratio} times apart").format(ratio=numeral(widest[0][1], ".1f"))
    alt_text = _("The {count} widest cases by largest value over smallest value.").format(count=len(widest))
    return disagreement_overview(frame, title=title, alt_text=alt_text)


def _short_name(store: Store, case: Disagreement) -> str:
    """Name a case by number, model and data set, short enough for the axis of a chart."""
    return f"{case.number}. {store.models[case.models[0]].name}, {store.datasets[case.dataset].name.split(' (')[0]}"
