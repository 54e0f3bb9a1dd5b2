"""The page of all metrics: formula, unit, direction, what it rewards and what it hides."""

from __future__ import annotations

from collections.abc import Iterator

from latex2mathml.converter import convert
from markupsafe import Markup

from sitegen.metrics import METRICS, Metric
from sitegen.pages.base import Page
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.text import _

__all__ = ["mathml", "pages"]

PATH = "metrics.md"


def pages(store: Store) -> Iterator[Page]:
    """Yield the page of all metrics; boards link to a metric by ``metrics.html#<id as slug>``."""
    counts = _counts(store)
    body = render("metrics.md.j2", PATH, metrics=list(METRICS.values()), mathml=mathml, counts=counts, groups=_groups())
    yield Page(PATH, _("Metrics"), body, _("Every metric of the boards with its formula, unit, direction and limits."))


def mathml(metric: Metric) -> Markup:
    """Return a metric's formula as a MathML block, drawn by the browser without any script."""
    return Markup(convert(metric.latex, display="block"))  # noqa: S704 (formulas are ours, not contributed)


def _counts(store: Store) -> dict[str, int]:
    counts = dict.fromkeys(METRICS, 0)
    for number in store.numbers:
        counts[number.row.metric] += 1
    return counts


def _groups() -> dict[str, str]:
    return {
        "error": _("error"),
        "accuracy": _("accuracy"),
        "ordinal": _("order of point pairs"),
        "boundary": _("edges"),
        "size": _("size"),
        "speed": _("speed"),
        "rank": _("rank"),
    }
