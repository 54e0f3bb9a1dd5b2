"""How fast a model is: latency an image, throughput by batch, peak memory, operations and parameters, as a record.

With random weights the network alone is timed, on an input that lies on the device already: what an architecture costs
is known before its weights are. Otherwise the whole ``predict()`` is timed, from RGB values to the map.
"""

from __future__ import annotations

import ctypes
import gc
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from pydantic import ValidationError

from runners.environment import command_line, describe
from runners.models.architecture import (
    NetworkInput,
    architecture,
    count_classifier,
    count_operations,
    count_parameters,
    example_input,
    explaining,
    forward,
    offers,
    shape_of,
)
from runners.models.base import DTYPES, Model, rehearse
from runners.models.entry import ModelEntry
from runners.models.errors import ModelError, as_note
from runners.models.images import Image
from runners.models.registry import ModelOptions, build
from runners.power import Power, metered
from sitegen.files import write_aside
from sitegen.records import Record, Speed, SpeedCase, SpeedStatistics, parameter_fault, record_text, round_significant
from sitegen.store import explain, load_speed

__all__ = ["Plan", "add_cases", "measure", "procedural_image", "refusals", "statistics"]

R = TypeVar("R", bound=Record)
_NETWORK = ("architecture", "example_input")
_COUNTED_BY_TORCH = "weights, input and intermediate results, as torch's allocator counts them"
_RESIDENT_GROWTH = "growth of the process's resident memory while it runs; the loaded weights are not in it"


@dataclass(frozen=True)
class Plan:
    """What is to be timed, and what the record says of the circumstances.

    Attributes:
        device: A torch device.
        dtypes: Precisions, each timed with every batch.
        batches: Numbers of images at once.
        height: Rows of the image.
        width: Columns of the image.
        random_weights: Whether the network is built without its weights and timed alone.
        compiled: Whether it is compiled by ``torch.compile``.
        warmup: Untimed repeats before the timed ones; compiling happens in the first.
        repeats: Timed repeats.
        weights_dir: The weights cache; None for the usual one.
        submitter: Who measures.
        note: What a reader has to know of the circumstances.
        command: The command line to record; this process's own when None.
    """

    device: str = "cpu"
    dtypes: tuple[str, ...] = ("float32",)
    batches: tuple[int, ...] = (1,)
    height: int = 480
    width: int = 640
    random_weights: bool = False
    compiled: bool = False
    warmup: int = 5
    repeats: int = 30
    weights_dir: Path | None = None
    submitter: str = "anonymous"
    note: str = ""
    command: str | None = None

    @property
    def rounds(self) -> int:
        """Return how many repeats a model needs, warm-up included."""
        return len(self.dtypes) * len(self.batches) * (self.warmup + self.repeats)


def refusals(entry: ModelEntry, plan: Plan) -> list[str]:
    """Return what of a plan cannot be had of a model, one sentence each, before anything is loaded."""
    faults = [fault for dtype in plan.dtypes for fault in entry.faults(dtype, {}, compiled=plan.compiled)]
    if plan.random_weights and not offers(entry, *_NETWORK):
        what = "it has no network" if entry.weights is None else f"{entry.module} has no {' or no '.join(_NETWORK)}"
        faults.append(f"there is nothing to build with random weights: {what}")
    if not plan.random_weights and entry.needs_training:
        faults.append("is fitted on a training split before it predicts, and there is none here")
    return [f"model '{entry.id}': {fault}" for fault in dict.fromkeys(faults)]


def measure(
    entry: ModelEntry,
    plan: Plan,
    *,
    card_params_m: float | None = None,
    tick: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda _: None,
) -> list[SpeedCase]:
    """Time a model in every precision and batch of a plan.

    Args:
        entry: The model; :func:`refusals` has nothing against it.
        plan: What to time.
        card_params_m: Millions of parameters that the model's card names; None where it names none.
        tick: Called after each repeat.
        tell: Told, in a sentence, of each case that finds no memory and is left out.

    Raises:
        ModelError: If the model cannot be built or run, if its parameters are not as many as its card says, or if no
            case is left.
    """
    counted = _counted(entry, plan, card_params_m)
    _keep_freed_memory()
    cases = []
    for dtype in plan.dtypes:
        subject = (_architecture if plan.random_weights else _loaded)(entry, plan, dtype)
        for batch in plan.batches:
            case = _case(entry, plan, subject, batch, tick)
            if case is None:
                tell(f"model '{entry.id}': no memory for {batch} images at once in {dtype}; left out")
            else:
                facts = {**_circumstances(plan, dtype, batch), **counted, **subject.facts(), **case}
                cases.append(_valid(SpeedCase, facts))
        del subject
        _tidy()
    if not cases:
        raise ModelError(f"model '{entry.id}': there is no memory for any of the batches asked for")
    return cases


def add_cases(folder: Path, model_id: str, device: str, name: str, cases: Sequence[SpeedCase]) -> Path:
    """Write cases to the file of their model and device, in the place of equal ones; return that file.

    Args:
        folder: The folder of speeds (``results/speed``).
        model_id: The model.
        device: Id of the device.
        name: What the device is called; a file of another device is not written to.
        cases: What was measured.

    Raises:
        ModelError: If the file holds no valid record, or one of another device.
    """
    path = folder / device / f"{model_id}.json"
    before, findings = load_speed(folder, device, model_id)
    if findings:
        raise ModelError("\n".join(f"{folder / finding.path}: {finding.message}" for finding in findings))
    if before and before.device_name != name:
        raise ModelError(
            f"{path}: holds measurements on '{before.device_name}', and this is '{name}'; name another --device-id"
        )
    by_identity = {case.identity: case for case in [*(before.cases if before else ()), *cases]}
    ordered = [by_identity[identity].model_dump() for identity in sorted(by_identity)]
    named = {"schema_version": 1, "model": model_id, "device": device, "device_name": name}
    write_aside(path, record_text(_valid(Speed, {**named, "cases": ordered})).encode())
    return path


def procedural_image(height: int, width: int) -> Image:
    """Return an image that is the same everywhere: slopes of colour under a fine pattern, uint8 (height, width, 3)."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = (255 * rows // max(height - 1, 1), 255 * columns // max(width - 1, 1), (rows * 7 ^ columns * 13) % 256)
    return np.stack(planes, axis=-1).astype(np.uint8)


def statistics(milliseconds: Sequence[float], batch: int) -> SpeedStatistics:
    """Return the latency an image of timed batches."""
    p10, median, p90 = np.percentile(np.asarray(milliseconds) / batch, [10, 50, 90])
    rounded = [round_significant(float(value)) for value in (p10, median, p90)]
    return SpeedStatistics(p10_ms=rounded[0], median_ms=rounded[1], p90_ms=rounded[2])


# ---------------------------------------------------------------------------------------------------------------------
# What is timed


@dataclass(frozen=True)
class _Subject:
    """Something that can be timed, in one precision, on its device.

    Attributes:
        timed: As the record says it.
        prepare: Gives, for a batch, the function to time and the shape of the network's input.
        facts: Which weights these are and how they are run, asked for after the runs.
        halved: Whether a batch went through in parts since this was last asked.
    """

    timed: Literal["network", "predict"]
    prepare: Callable[[int], tuple[Callable[[], object], str]]
    facts: Callable[[], dict[str, Any]] = field(default=dict)
    halved: Callable[[], bool] = field(default=lambda: False)


def _architecture(entry: ModelEntry, plan: Plan, dtype: str) -> _Subject:
    """Return a network with random weights; its input lies on the device before time is taken."""
    torch.manual_seed(0)
    network = architecture(entry, plan.device).to(DTYPES[dtype])
    # One program a shape: a batch is not timed with what was compiled for any batch.
    run = torch.compile(network, dynamic=False) if plan.compiled else network

    def prepare(batch: int) -> tuple[Callable[[], object], str]:
        given = _cast(example_input(entry, batch, plan.height, plan.width, plan.device), DTYPES[dtype])
        return lambda: forward(run, given), shape_of(given)

    return _Subject("network", prepare)


def _cast(given: NetworkInput, dtype: torch.dtype) -> NetworkInput:
    """Return an input with its floating-point tensors in a precision."""
    if isinstance(given, dict):
        return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in given.items()}
    return given.to(dtype)


def _loaded(entry: ModelEntry, plan: Plan, dtype: str) -> _Subject:
    """Return a model with its weights; an image goes all the way through it."""
    model = build(entry, ModelOptions(plan.device, dtype, plan.weights_dir, plan.compiled))
    image = procedural_image(plan.height, plan.width)
    known = offers(entry, *_NETWORK)

    def prepare(batch: int) -> tuple[Callable[[], object], str]:
        shape = shape_of(example_input(entry, batch, plan.height, plan.width, "meta")) if known else ""
        return lambda: rehearse(model, [image] * batch), shape

    return _Subject("predict", prepare, lambda: _facts(model), lambda: _was_halved(model))


def _facts(model: Model) -> dict[str, Any]:
    return {"revision": model.revision, "weights_sha256": model.weights_sha256, "settings": dict(model.settings)}


def _was_halved(model: Model) -> bool:
    return model.settings.pop("batch_halved_to", None) is not None


# ---------------------------------------------------------------------------------------------------------------------
# How it is timed


def _case(
    entry: ModelEntry, plan: Plan, subject: _Subject, batch: int, tick: Callable[[], None]
) -> dict[str, Any] | None:
    """Return what was measured of a batch; None if there is no memory for it at once."""
    _tidy()
    device = torch.device(plan.device)
    try:
        with explaining(entry, "cannot be run"), torch.inference_mode(), _current(device):
            run, shape = subject.prepare(batch)
            peak_memory = _memory_meter(device)
            _warm_up(run, plan, device, tick)
            used = time.process_time()
            with metered(device) as meter:
                times = list(_times(run, plan, device, events=subject.timed == "network", tick=tick))
            used = time.process_time() - used
            memory, memory_note = peak_memory()
    except torch.OutOfMemoryError:
        return None
    if subject.halved():
        return None
    return {
        "timed": subject.timed,
        "network_input": shape,
        "latency": statistics(times, batch).model_dump(),
        "cpu_share": round_significant(1000 * used / sum(times), 3) or None if device.type == "cpu" else None,
        "peak_memory_mb": memory,
        "memory_note": memory_note,
        **_drawn(meter.power, times, batch),
    }


def _drawn(power: Power | None, times: Sequence[float], batch: int) -> dict[str, float]:
    """Return the power, and the energy an image: the mean power for the mean time of an image; nothing of nothing."""
    if power is None:
        return {}
    seconds = sum(times) / len(times) / batch / 1000
    found = {"mean_power_w": power.mean_w, "peak_power_w": power.peak_w, "energy_j": power.mean_w * seconds}
    return {name: round_significant(value, 4) for name, value in found.items()}


def _warm_up(run: Callable[[], object], plan: Plan, device: torch.device, tick: Callable[[], None]) -> None:
    for _ in range(plan.warmup):
        run()
        tick()
    _synchronise(device)


def _times(
    run: Callable[[], object], plan: Plan, device: torch.device, *, events: bool, tick: Callable[[], None]
) -> Iterator[float]:
    """Yield the milliseconds of each timed repeat."""
    for _ in range(plan.repeats):
        yield _event_time(run) if events and device.type == "cuda" else _wall_time(run, device)
        tick()


def _event_time(run: Callable[[], object]) -> float:
    """Return the milliseconds between two marks in the GPU's own queue."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    run()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end))


def _wall_time(run: Callable[[], object], device: torch.device) -> float:
    """Return the milliseconds until the device has nothing left to do."""
    begin = time.perf_counter()
    run()
    _synchronise(device)
    return 1000 * (time.perf_counter() - begin)


def _synchronise(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _current(device: torch.device) -> Any:
    """Make a GPU the current one: events are recorded on its stream."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _tidy() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# ---------------------------------------------------------------------------------------------------------------------
# Memory

_LARGEST_KEPT, _MOST_KEPT = 2**25, 2**30


def _keep_freed_memory() -> None:
    """Let glibc keep freed blocks of up to 32 MiB for the next ones, as in a process that has run for a while.

    A fresh process gives them back after each repeat and pays thousands of page faults for new ones, or not, by what it
    happened to free before: METER-XXS alone took 25 to 29 ms so and 17 ms with memory kept.
    """
    with suppress(AttributeError, OSError, TypeError):  # elsewhere than on glibc there is nothing to tell
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, _LARGEST_KEPT)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, _MOST_KEPT)  # M_TRIM_THRESHOLD


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _memory_meter(device: torch.device) -> Callable[[], tuple[float | None, str]]:
    """Begin to watch the memory; the function returned gives the peak since, in MB (10^6 bytes), and of what it is."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return lambda: (round_significant(torch.cuda.max_memory_allocated(device) / 1e6), _COUNTED_BY_TORCH)
    if device.type != "cpu":
        return lambda: (None, f"not measured: there is no counter of peak memory for {device.type}")
    try:
        before = _reset_resident()
    except (OSError, AttributeError, TypeError):
        return lambda: (None, "not measured: this system does not let a process reset its peak of resident memory")
    return lambda: _growth(before)


def _reset_resident() -> int:
    """Give unused memory back, begin a new peak and return the resident memory in kB (Linux)."""
    ctypes.CDLL(None).malloc_trim(0)
    _CLEAR.write_text("5")
    return _kilobytes("VmRSS")


def _growth(before: int) -> tuple[float | None, str]:
    grown = _kilobytes("VmHWM") - before
    if grown <= 0:
        return None, "not measured: the resident memory did not grow"
    return round_significant(grown * 1024 / 1e6, 3), _RESIDENT_GROWTH


def _kilobytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"{_STATUS} has no {name}")
    return int(found[1])


# ---------------------------------------------------------------------------------------------------------------------
# What is written down


def _counted(entry: ModelEntry, plan: Plan, card_m: float | None) -> dict[str, Any]:
    """Return parameters and operations; a network of another size than its card's is another network."""
    if not offers(entry, *_NETWORK):
        return {"counting_note": "the adapter builds no network without weights, so nothing could be counted"}
    params_m, classifier_m = count_parameters(entry) / 1e6, count_classifier(entry) / 1e6
    if fault := parameter_fault(params_m, card_m, classifier_m):
        raise ModelError(f"model '{entry.id}': {fault}")
    found = {"params_m": round_significant(params_m), "classifier_params_m": round_significant(classifier_m) or None}
    return found | _operations(entry, plan)


def _operations(entry: ModelEntry, plan: Plan) -> dict[str, Any]:
    """Return the operations, counted without memory or, where the network asks for values, on the device."""
    for device in ("meta", plan.device):
        try:
            operations = count_operations(entry, plan.height, plan.width, device)
        except (ModelError, torch.OutOfMemoryError) as error:
            reason = as_note(error)
        else:
            return {"gflops": round_significant(operations / 1e9) or None}
        finally:
            _tidy()
    return {"counting_note": reason}


def _circumstances(plan: Plan, dtype: str, batch: int) -> dict[str, Any]:
    return {
        "random_weights": plan.random_weights,
        "dtype": dtype,
        "compiled": plan.compiled,
        "batch": batch,
        "height": plan.height,
        "width": plan.width,
        "warmup": plan.warmup,
        "repeats": plan.repeats,
        "note": plan.note,
        "command": plan.command or command_line(),
        "environment": describe(plan.device).model_dump(),
        "date": datetime.now(UTC).date().isoformat(),
        "submitter": plan.submitter,
    }


def _valid(record_type: type[R], data: dict[str, Any]) -> R:
    try:
        return record_type.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(f"{pointer}: {message}" for pointer, message in explain(error))
        raise ModelError(f"the measurement gives no valid record: {faults}") from error
