"""The page of all measured speeds: every model on every device, never ranked across devices or image sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from markupsafe import Markup

from sitegen import charts
from sitegen.grouping import group
from sitegen.pages.base import DataFile, Page
from sitegen.records import record_text
from sitegen.rendering import render
from sitegen.speed_table import Timing, circumstances, digits, record_path, speed_table, timings
from sitegen.store import Store
from sitegen.text import _, numeral

__all__ = ["pages"]

PATH = "speed.md"
_FEWEST = 3
"""Models that a chart needs: two dots show no relation."""


def pages(store: Store) -> Iterator[Page]:
    """Yield the page of all measured speeds, with the records and the table as CSV."""
    table, drawn = speed_table(store, store.speeds), list(_charts(store))
    files = [DataFile(record_path(speed), record_text(speed)) for speed in store.speeds]
    files += [DataFile(path, chart.json) for path, chart in drawn]
    files += [DataFile("data/speed.csv", table.to_csv())] if store.speeds else []
    shown = timings(store.speeds)
    body = render(
        "speed.md.j2",
        PATH,
        store=store,
        table=table,
        shown=shown,
        powered=any(timing.case.mean_power_w is not None for timing in shown),
        devices={timing.speed.device for timing in shown},
        models={timing.speed.model for timing in shown},
        random_weights=any(timing.case.random_weights for timing in shown),
        charts=[Markup(charts.figure(chart, path)) for path, chart in drawn],  # noqa: S704 (figure escapes)
    )
    about = _("How long models take for an image, measured here: device, precision, resolution, batch, memory.")
    yield Page(PATH, _("Measured speed"), body, about, tuple(files))


def _charts(store: Store) -> Iterator[tuple[str, charts.Chart]]:
    """Yield a chart a device: time against parameters of the cases that most models share."""
    for device, found in group(timings(store.speeds), lambda timing: timing.speed.device).items():
        alike = group(_sized(found), lambda timing: (timing.place, timing.precision, *_rest(timing)))
        widest = max(alike.values(), key=lambda cases: (len(cases), -cases[0].case.batch), default=[])
        if len(widest) >= _FEWEST:
            yield f"data/speed/{device}.chart.json", _chart(store, widest)


def _sized(found: Sequence[Timing]) -> list[Timing]:
    return [timing for timing in found if timing.case.params_m is not None]


def _rest(timing: Timing) -> tuple[int | bool | None, ...]:
    environment = timing.case.environment
    return timing.case.batch, environment.threads, environment.tf32


def _chart(store: Store, alike: Sequence[Timing]) -> charts.Chart:
    """Draw cases that differ in the model alone, which are sorted by time."""
    names = [store.models[timing.speed.model].name for timing in alike]
    times = [timing.case.latency.median_ms for timing in alike]
    frame = pd.DataFrame({"label": names, "x": [timing.case.params_m for timing in alike], "y": times})
    title = _("On {device}, {slow} takes {ratio} times as long as {fast}").format(
        device=alike[0].speed.device_name, slow=names[-1], fast=names[0], ratio=numeral(digits(times[-1] / times[0]))
    )
    how = circumstances(alike[0].case)
    alt = _("Milliseconds an image against millions of parameters of {count} models: {how}.")
    return charts.cost_plane(
        frame.assign(kind="measured"),
        x_label=_("parameters (M)"),
        y_label=_("milliseconds an image ↓"),
        title=title,
        alt_text=alt.format(count=len(alike), how=how),
        note=_("All of it: {how}.").format(how=how),
    )
