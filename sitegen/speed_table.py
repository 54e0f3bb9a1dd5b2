"""The table of measured speeds: one row a case, for the page of all speeds and for a model's own page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sitegen import words
from sitegen.records import Speed, SpeedCase, round_significant
from sitegen.store import Store
from sitegen.tables import Cell, Column, Facet, Footnotes, Row, Table, Value
from sitegen.text import _, numeral

__all__ = ["Timing", "circumstances", "digits", "record_path", "speed_table", "timings"]


@dataclass(frozen=True)
class Timing:
    """One case with the file that it stands in."""

    speed: Speed
    case: SpeedCase

    @property
    def place(self) -> tuple[str | int | bool, ...]:
        """What two cases must share before their times say which is faster."""
        case = self.case
        return (self.speed.device, case.height, case.width, case.timed, case.random_weights)

    @property
    def precision(self) -> str:
        """Precision and compilation as one id."""
        return f"{self.case.dtype}-compiled" if self.case.compiled else self.case.dtype


def timings(speeds: Iterable[Speed]) -> list[Timing]:
    """Return all cases: by device, image size and what was timed; the fastest first within these."""
    found = [Timing(speed, case) for speed in speeds for case in speed.cases]
    return sorted(found, key=lambda timing: (timing.place, timing.case.latency.median_ms, timing.speed.model))


def record_path(speed: Speed) -> str:
    """Return where the record of a model and device is published, from the site's root."""
    return f"data/speed/{speed.device}/{speed.model}.json"


def circumstances(case: SpeedCase) -> str:
    """Return what was timed, and how, in words: what a chart's points share."""
    size = _("image of {height} × {width}").format(height=case.height, width=case.width)
    weights = [_("architecture with random weights")] if case.random_weights else []
    batch = _("batch {count}").format(count=case.batch)
    return ", ".join([size, batch, _precision(case), words.timed(case.timed), *weights])


def digits(value: float) -> str:
    """Return a measured number with three significant digits, never as a power of ten."""
    return f"{round_significant(value, 3):.6f}".rstrip("0").rstrip(".")


def speed_table(store: Store, speeds: Iterable[Speed], *, of_model: bool = False) -> Table:
    """Return the table of all cases.

    Args:
        store: Has the models' names.
        speeds: What to show.
        of_model: Whether all are of one model, whose name and size the page says already.
    """
    notes, shown = Footnotes(), timings(speeds)
    # Where no case has it, as on every CPU, an empty column says nothing.
    powered = any(timing.case.mean_power_w is not None for timing in shown)
    rows = tuple(
        _row(store, timing, number, notes, of_model=of_model, powered=powered)
        for number, timing in enumerate(shown, start=1)
    )
    return Table(
        id="speeds",
        title=_("Measured speed"),
        description=_(
            "By device, image size and what was timed, the fastest first within these: rows that differ in one of the "
            "three are not to be compared. Rows and columns are the image's."
        ),
        columns=tuple(_columns(of_model, powered=powered)),
        rows=rows,
        footnotes=notes.texts,
        filters=() if of_model else _facets(shown),
        date=max((timing.case.date for timing in shown), default=""),
        plain=of_model,
    )


def _columns(of_model: bool, *, powered: bool) -> list[Column]:
    model = [] if of_model else [Column("model", _("Model"), "model")]
    size = [] if of_model else [Column("params_m", _("Params"), "number", unit="M", optional=True)]
    return [
        *model,
        Column("median_ms", _("Median"), "number", "↓", "ms", _("time an image: a batch's time over its images")),
        Column("spread_ms", _("p10 to p90"), "text", unit="ms", extras=("p10_ms", "p90_ms", "repeats")),
        Column("images_per_second", _("Images/s"), "number", meaning=_("1000 over the median"), descending=True),
        Column("input", _("Batch × rows × columns"), "text", extras=("batch", "height", "width", "network_input")),
        Column("precision", _("Precision"), "text"),
        Column("timed", _("What was timed"), "text", extras=("timed", "random_weights")),
        Column("device", _("Device"), "text", extras=("device_id", "threads")),
        Column("peak_memory_mb", _("Peak memory"), "number", unit="MB"),
        *(_power_columns() if powered else []),
        Column("gflops", _("GFLOPs"), "number", meaning=_("an image; a multiplication with its addition is two")),
        *size,
        Column("date", _("Date"), "text"),
    ]


def _power_columns() -> list[Column]:
    power = _("of the whole GPU, mean of the timed repeats; below it the largest sample")
    energy = _("an image: the mean power for the mean time of an image")
    return [
        Column("mean_power_w", _("Power"), "number", unit="W", meaning=power, extras=("peak_power_w",), optional=True),
        Column("energy_j", _("Energy"), "number", "↓", "J", energy, optional=True),
    ]


def _power_cells(case: SpeedCase) -> list[Cell]:
    peak = "" if case.peak_power_w is None else _("peak {watts}").format(watts=digits(case.peak_power_w))
    power = _counted_cell(case.mean_power_w)
    return [replace(power, range=peak, extras={"peak_power_w": case.peak_power_w}), _counted_cell(case.energy_j)]


def _row(store: Store, timing: Timing, number: int, notes: Footnotes, *, of_model: bool, powered: bool) -> Row:
    speed, case = timing.speed, timing.case
    name = store.models[speed.model].name if speed.model in store.models else speed.model
    cells = [
        *([] if of_model else [Cell(name, name, f"models/{speed.model}.html")]),
        *_time_cells(case),
        _input_cell(case),
        Cell(_precision(case)),
        _timed_cell(case, notes),
        _device_cell(timing, notes),
        _counted_cell(case.peak_memory_mb, notes.add(case.memory_note)),
        *(_power_cells(case) if powered else []),
        _counted_cell(case.gflops, *([notes.add(case.counting_note)] if case.counting_note else [])),
        *([] if of_model else [_counted_cell(case.params_m)]),
        Cell(case.date, href=record_path(speed), hint=_("the record: command, versions, commit")),
    ]
    facets = {
        "device": speed.device,
        "precision": timing.precision,
        "timed": case.timed,
        "size": _size(case),
        "batch": str(case.batch),
    }
    return Row(f"{number}-{speed.model}", tuple(cells), facets)


def _time_cells(case: SpeedCase) -> list[Cell]:
    latency = case.latency
    extras = {"p10_ms": latency.p10_ms, "p90_ms": latency.p90_ms, "repeats": case.repeats}
    return [
        Cell(digits(latency.median_ms), latency.median_ms),
        Cell(f"{digits(latency.p10_ms)}–{digits(latency.p90_ms)}", extras=extras),
        Cell(digits(case.images_per_second), round_significant(case.images_per_second)),
    ]


def _input_cell(case: SpeedCase) -> Cell:
    text = f"{case.batch} × {case.height} × {case.width}"
    extras: dict[str, Value] = {name: getattr(case, name) for name in ("batch", "height", "width", "network_input")}
    return Cell(text, range=_network_sees(case.network_input), extras=extras)


def _network_sees(shape: str) -> str:
    """Return the network's own input in words: rows and columns of an image, the whole shape of anything else."""
    if not shape:
        return ""
    sizes = shape.split("x")
    return _("network sees {size}").format(size=" × ".join(sizes[2:] if len(sizes) == 4 else sizes))


def _timed_cell(case: SpeedCase, notes: Footnotes) -> Cell:
    extras: dict[str, Value] = {"timed": case.timed, "random_weights": str(case.random_weights).lower()}
    text, footnotes = _("model with its weights"), []
    if case.random_weights:
        text = _("architecture with random weights")
        footnotes = [
            notes.add(_("Random weights cost what the trained ones do; such a network predicts nothing of use."))
        ]
    return Cell(text, range=words.timed(case.timed), footnotes=tuple(footnotes), extras=extras)


def _device_cell(timing: Timing, notes: Footnotes) -> Cell:
    case, threads = timing.case, timing.case.environment.threads
    said = [case.note] if case.note else []
    if case.disturbed:
        busy = _("Too long: something else used the processor, and the model had it {share} % of the time.")
        said.append(busy.format(share=numeral(digits(100 * (case.cpu_share or 0)))))
    return Cell(
        timing.speed.device_name,
        range=_("threads used: {count}").format(count=threads) if threads else "",
        footnotes=tuple(notes.add(text) for text in said),
        extras={"device_id": timing.speed.device, "threads": threads},
    )


def _counted_cell(value: float | None, *footnotes: int) -> Cell:
    return Cell("" if value is None else digits(value), value, footnotes=footnotes)


def _precision(case: SpeedCase) -> str:
    return ", ".join([case.dtype, *([_("TF32")] if case.environment.tf32 else []), *_compiled(case)])


def _compiled(case: SpeedCase) -> list[str]:
    return [_("compiled")] if case.compiled else []


def _size(case: SpeedCase) -> str:
    return f"{case.height}x{case.width}"


def _facets(shown: list[Timing]) -> tuple[Facet, ...]:
    """Return the filters; one whose rows all have the same value is left out."""
    devices = {timing.speed.device: timing.speed.device_name for timing in shown}
    precisions = {timing.precision: timing.precision.replace("-", ", ") for timing in shown}
    sizes = {_size(timing.case): _size(timing.case).replace("x", " × ") for timing in shown}
    batches = {str(batch): str(batch) for batch in sorted({timing.case.batch for timing in shown})}
    timed = {timing.case.timed: words.timed(timing.case.timed) for timing in shown}
    found = (
        Facet("device", _("Device"), tuple(devices.items())),
        Facet("precision", _("Precision"), tuple(sorted(precisions.items()))),
        Facet("size", _("Image"), tuple(sizes.items())),
        Facet("batch", _("Batch"), tuple(batches.items()), minor=True),
        Facet("timed", _("What was timed"), tuple(timed.items()), minor=True),
    )
    return tuple(facet for facet in found if len(facet.options) > 1)
