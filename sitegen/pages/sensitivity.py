"""One prediction under every protocol: saved predictions of a model on a few images, scored by each protocol's rules.

Whatever differs between the rows is the protocols' doing. The images are too few to say anything of the model: such
runs stand on no board, and nothing here is ranked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from statistics import fmean

import pandas as pd
from markupsafe import Markup

from sitegen import charts
from sitegen.board_table import degenerate_notes, deviation_notes
from sitegen.grouping import group
from sitegen.metrics import METRICS, Metric
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import distinct
from sitegen.protocols import alignment_phrase, differences, field_name, house_of, reading_order, shown, solver_phrase
from sitegen.records import Protocol, Run
from sitegen.rendering import render, root_of, slug
from sitegen.store import Store
from sitegen.tables import Badge, Cell, Column, Footnotes, Row, Table
from sitegen.text import _, numeral

__all__ = ["Comparison", "comparisons", "pages", "significant"]

_NOTABLE_CLAMPING = 0.01
_LEAST_DOTS = 2


@dataclass(frozen=True)
class Comparison:
    """The runs of one model on one data set, a run a protocol, in the reading order of the protocols."""

    dataset: str
    model: str
    runs: tuple[tuple[Protocol, Run], ...]

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """The metrics that at least two protocols have a value of, in the registry's order."""
        counts = Counter(
            name for _protocol, run in self.runs for name, value in run.summary.items() if value is not None
        )
        return tuple(name for name in METRICS if counts[name] > 1)

    @cached_property
    def primary(self) -> str:
        """The primary metric of most protocols that is shared; empty where there is none."""
        counts = Counter(protocol.primary_metric for protocol, _run in self.runs)
        wanted = [name for name, _count in counts.most_common() if name in self.shared]
        return next(iter([*wanted, *self.shared]), "")

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The ids of all images that a protocol scored, sorted."""
        return tuple(sorted({image for _protocol, run in self.runs for image in run.samples.id}))

    @property
    def anchor(self) -> str:
        """The name of the table, and of the files of the comparison."""
        return f"sensitivity-{self.dataset}-{self.model}"

    def values(self, metric: str) -> dict[str, float]:
        """Return a metric's value by protocol id, for the protocols that have one."""
        found = {protocol.id: run.summary.get(metric) for protocol, run in self.runs}
        return {name: value for name, value in found.items() if value is not None}

    def spread(self, metric: str) -> float | None:
        """Return a metric's largest value over its smallest; None where the smallest is not above zero."""
        values = self.values(metric).values()
        return max(values) / min(values) if min(values) > 0 else None


def comparisons(store: Store) -> dict[str, list[Comparison]]:
    """Return what can be compared, by data set; models in the order of their ids."""
    by_place = group(store.sensitivity, lambda run: (run.dataset.id, run.model.id))
    found: dict[str, list[Comparison]] = {}
    for (dataset, model), runs in sorted(by_place.items()):
        of_protocol = {run.protocol.id: run for run in runs}
        ordered = reading_order(store.protocols[dataset, name] for name in of_protocol)
        pairs = tuple((protocol, of_protocol[protocol.id]) for protocol in ordered)
        found.setdefault(dataset, []).append(Comparison(dataset, model, pairs))
    return found


def significant(value: float, digits: int = 4) -> str:
    """Return a number with that many significant digits and no exponent: 0.1230, 12.34, 12340."""
    return f"{Decimal(f'{value:.{digits - 1}e}'):f}".replace("-", "−")


def pages(store: Store) -> Iterator[Page]:
    """Yield a page for each data set that has such runs."""
    for dataset, found in comparisons(store).items():
        yield _page(store, dataset, found)


def _page(store: Store, dataset: str, found: Sequence[Comparison]) -> Page:
    path = f"protocols/{dataset}/sensitivity.md"
    card, house = store.datasets[dataset], house_of(store.protocols.values(), dataset)
    drawn = [(comparison, _table(store, comparison, house), _chart(store, comparison)) for comparison in found]
    files = [file for entry in drawn for file in _files(*entry)]
    protocols = reading_order({protocol.id: protocol for one in found for protocol, _run in one.runs}.values())
    names = {protocol.id for protocol in protocols}
    body = render(
        "sensitivity.md.j2",
        path,
        dataset=card,
        sections=[(comparison, table, _figure(comparison, chart, path)) for comparison, table, chart in drawn],
        house=house,
        others=[(other, differences(house, other)) for other in protocols if house and other.id != house.id],
        protocols=protocols,
        absent=sorted(name for owner, name in store.protocols if owner == dataset and name not in names),
        data=_data,
        field_name=field_name,
        shown=shown,
        models=store.models,
    )
    title = _("{dataset}: one prediction under every protocol").format(dataset=card.name)
    about = _(
        "The same saved predictions scored by the rules of each protocol: what the protocol alone does to a number."
    )
    return Page(path, title, body, about, tuple(files))


def _data(comparison: Comparison, ending: str) -> str:
    return f"data/sensitivity/{comparison.dataset}/{comparison.model}.{ending}"


def _files(comparison: Comparison, table: Table, chart: charts.Chart | None) -> Iterator[DataFile]:
    yield DataFile(_data(comparison, "csv"), table.to_csv())
    yield DataFile(_data(comparison, "json"), table.to_json())
    if chart:
        yield DataFile(_data(comparison, "chart.json"), chart.json)


def _figure(comparison: Comparison, chart: charts.Chart | None, path: str) -> Markup:
    href = root_of(path) + _data(comparison, "chart.json")
    return Markup(charts.figure(chart, href) if chart else "")  # noqa: S704 - figure() escapes


# ---------------------------------------------------------------------------------------------------------------------
# The table


def _table(store: Store, comparison: Comparison, house: Protocol | None) -> Table:
    notes = Footnotes()
    columns = tuple(_columns(comparison))
    rows = tuple(_row(comparison, protocol, run, house, notes) for protocol, run in comparison.runs)
    model, dataset = store.models[comparison.model].name, store.datasets[comparison.dataset].name
    description = _("The same predictions for {count} images in every row; nothing is ranked.")
    return Table(
        id=comparison.anchor,
        title=_("{model} on {dataset} under {count} protocols").format(
            model=model, dataset=dataset, count=len(comparison.runs)
        ),
        description=description.format(count=len(comparison.images)),
        columns=columns,
        rows=rows,
        footnotes=notes.texts,
        foot=tuple(_foot_cell(comparison, column) for column in columns),
        date=max(run.timings.started[:10] for _protocol, run in comparison.runs),
        data=_table_data(comparison),
    )


def _columns(comparison: Comparison) -> Iterator[Column]:
    extras = ("protocol_id", "protocol_sha256", "scored_as", "degenerate_fits", "clamped_share", "deviations")
    yield Column("protocol", _("Protocol"), "model", extras=extras)
    yield from (_metric_column(METRICS[name]) for name in comparison.shared)
    yield Column("valid_pixels", _("Pixels"), "number", meaning=_("Pixels that count, mean of the images"))
    yield Column("scale", _("Scale"), "number", meaning=_("Of the fit, mean of the images"))
    yield Column("shift", _("Shift"), "number", meaning=_("Of the fit, mean of the images"))
    yield Column("fit", _("Scored with"), "text", meaning=_("How this protocol fits the prediction"))
    yield Column("differs", _("From house"), "number", meaning=_("Fields in which it differs from the house protocol"))


def _metric_column(metric: Metric) -> Column:
    return Column(
        metric.id,
        metric.symbol,
        "number",
        metric.arrow,
        metric.unit,
        _(metric.meaning),
        descending=metric.direction == "higher",
        href=f"metrics.html#{slug(metric.id)}",
    )


def _row(comparison: Comparison, protocol: Protocol, run: Run, house: Protocol | None, notes: Footnotes) -> Row:
    samples = run.samples
    cells = (
        _protocol_cell(comparison, protocol, run, notes),
        *(_number_cell(run.summary.get(name)) for name in comparison.shared),
        _pixels_cell(fmean(samples.valid_pixels)),
        _number_cell(_mean(samples.scale)),
        _number_cell(_mean(samples.shift)),
        Cell(alignment_phrase(protocol.alignment.get(run.scored_as))),
        _difference_cell(comparison, protocol, house),
    )
    return Row(protocol.id, cells)


def _protocol_cell(comparison: Comparison, protocol: Protocol, run: Run, notes: Footnotes) -> Cell:
    badges = [Badge(_("house"))] if protocol.house else []
    badges += [Badge(_("deviates"))] if run.deviations else []
    return Cell(
        text=protocol.title,
        value=protocol.title,
        href=f"protocols/{protocol.dataset}/{protocol.id}.html",
        badges=tuple(badges),
        footnotes=tuple(notes.add(text) for text in _caveats(comparison, run)),
        extras={
            "protocol_id": protocol.id,
            "protocol_sha256": run.protocol.sha256,
            "scored_as": run.scored_as,
            "degenerate_fits": sum(run.samples.degenerate),
            "clamped_share": _mean(run.samples.clamped_share),
            "deviations": "; ".join(run.deviations) or None,
        },
    )


def _caveats(comparison: Comparison, run: Run) -> Iterator[str]:
    """Yield what a reader must know of a row."""
    yield from deviation_notes(run)
    yield from degenerate_notes(run)
    clamped = _mean(run.samples.clamped_share) or 0.0
    if clamped > _NOTABLE_CLAMPING:
        yield _("{share} % of the pixels were clamped or floored.").format(share=numeral(significant(100 * clamped, 3)))
    if missing := len(comparison.images) - len(run.samples.id):
        yield _("Without {missing} of the {count} images.").format(missing=missing, count=len(comparison.images))
    own = [name for name, value in run.summary.items() if value is not None and name not in comparison.shared]
    if own:
        listed = ", ".join(_with_unit(METRICS[name], run.summary[name] or 0.0) for name in own)
        yield _("Metrics that no other of these protocols has: {listed}.").format(listed=listed)


def _with_unit(metric: Metric, value: float) -> str:
    return f"{metric.symbol} {numeral(significant(value))} {metric.unit}".rstrip()


def _number_cell(value: float | None) -> Cell:
    return Cell() if value is None else Cell(significant(value), value)


def _pixels_cell(value: float) -> Cell:
    return Cell(f"{value:,.0f}", float(f"{value:.6g}"))


def _difference_cell(comparison: Comparison, protocol: Protocol, house: Protocol | None) -> Cell:
    if house is None or protocol.id == house.id:
        return Cell()
    count = len(differences(house, protocol))
    href = f"protocols/{comparison.dataset}/sensitivity.html#differs-{protocol.id}"
    return Cell(str(count), count, href, hint=_("what differs from the house protocol"))


def _foot_cell(comparison: Comparison, column: Column) -> Cell:
    """Return how far apart a metric's values are; nothing below what is no metric."""
    if column.kind == "model":
        return Cell(_("Largest over smallest"))
    ratio = comparison.spread(column.key) if column.key in comparison.shared else None
    return Cell() if ratio is None else Cell(f"{ratio:.2f}×", float(f"{ratio:.6g}"))


def _mean(column: Sequence[float | None]) -> float | None:
    known = [value for value in column if value is not None]
    return float(f"{fmean(known):.6g}") if known else None


def _table_data(comparison: Comparison) -> dict[str, object]:
    """Return what the JSON says of the prediction and of each run, metrics of one protocol alone included."""
    first = comparison.runs[0][1]
    return {
        "dataset": comparison.dataset,
        "model": comparison.model,
        "weights_sha256": first.model.weights_sha256,
        "split": first.dataset.split,
        "images": list(comparison.images),
        "benchmark": False,
        "summaries": {protocol.id: run.summary for protocol, run in comparison.runs},
    }


# ---------------------------------------------------------------------------------------------------------------------
# The chart


def _chart(store: Store, comparison: Comparison) -> charts.Chart | None:
    """Draw the metric that most protocols put first, sorted; None where fewer than two protocols have one."""
    values = comparison.values(comparison.primary) if comparison.primary else {}
    if len(values) < _LEAST_DOTS:
        return None
    metric = METRICS[comparison.primary]
    ordered = sorted(values, key=lambda name: (values[name], name))
    texts = [significant(values[name]) for name in ordered]
    numbers = [values[name] for name in ordered]
    labels = {protocol.id: _dot_label(protocol, run) for protocol, run in comparison.runs}
    frame = pd.DataFrame(
        {"label": [labels[name] for name in ordered], "value": numbers, "kind": "measured", "text": texts}
    )
    title = _("One prediction, {count} protocols: {metric} from {low} to {high}")
    said = _("{model}: {listed}.")
    chart = charts.protocol_dots(
        frame,
        origin=labels[comparison.runs[0][0].id if comparison.runs[0][0].id in values else ordered[0]],
        metric=" ".join(filter(None, (metric.symbol, f"[{metric.unit}]" if metric.unit else "", metric.arrow))),
        title=title.format(count=len(values), metric=metric.symbol, low=numeral(texts[0]), high=numeral(texts[-1])),
        alt_text=said.format(
            model=store.models[comparison.model].name,
            listed=", ".join(f"{name} {numeral(text)}" for name, text in zip(ordered, texts, strict=True)),
        ),
    )
    absent = distinct(protocol.id for protocol, _run in comparison.runs if protocol.id not in values)
    note = _("Without {metric}: {listed}.").format(metric=metric.symbol, listed=", ".join(absent))
    return replace(chart, note=note if absent else "")


def _dot_label(protocol: Protocol, run: Run) -> str:
    """Return a protocol's id, with what it fits first: that forgives more than any other of its rules."""
    solver = solver_phrase(protocol.alignment[run.scored_as])
    return f"{protocol.id} ({solver})" if solver else protocol.id
