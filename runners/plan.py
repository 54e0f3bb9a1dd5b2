"""What a command would run, before it runs: models, images, protocols, licences, downloads, time, memory, progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners.datasets.registry import find
from runners.download import human_size
from runners.environment import device_id, device_name
from runners.evaluate import inputs_of
from runners.jobs import Work
from runners.journal import Header, headers
from runners.models import describe
from runners.models.entry import ModelEntry
from runners.models.inventory import licence, weights_place
from runners.models.weights import WeightFile
from sitegen.records import DatasetCard, ModelCard, Speed, SpeedCase
from sitegen.store import load_datasets, load_model_cards, load_speed

__all__ = ["plan_lines"]

_WIDTH = 24
_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
"""Of one parameter."""


@dataclass(frozen=True)
class _Place:
    """Where it would run and what is known there; fields as :func:`plan_lines` takes them."""

    results: Path
    out: Path
    device: str
    dtype: str
    batch: int
    weights_dir: Path | None
    compiled: bool
    models: Mapping[str, ModelCard]
    datasets: Mapping[str, DatasetCard]


def plan_lines(
    works: Sequence[Work],
    results: Path,
    out: Path,
    device: str,
    dtype: str,
    *,
    batch: int = 1,
    weights_dir: Path | None = None,
    compiled: bool = False,
) -> Iterator[str]:
    """Yield what the works would be, a few lines each; nothing is loaded and nothing fetched.

    Args:
        works: Models on data sets.
        results: Folder of the records: cards, and speeds to estimate time and memory from.
        out: Folder of the runs, with the journals of interrupted ones.
        device: A torch device.
        dtype: What the networks would compute in.
        batch: Images a prediction.
        weights_dir: Weights cache; the usual one when None.
        compiled: Whether the networks would be compiled.
    """
    cards = load_model_cards(results, sorted({work.model_id for work in works}))[0]
    place = _Place(results, out, device, dtype, batch, weights_dir, compiled, cards, load_datasets(results)[0])
    found = headers(out)
    for work in works:
        mine = [header for header in found if _is_of(header, work, dtype)]
        protocols = ", ".join(protocol.id for protocol in work.protocols)
        yield f"{work.model_id} on {work.job.dataset.id}: {len(work.job.dataset)} images, protocols {protocols}"
        for name, fact in _facts(work, place, mine):
            yield f"    {name:<{_WIDTH}}{fact}"
    count = _predictions(works)
    yield f"{count} prediction{'s' * (count != 1)} in all"


def _predictions(works: Sequence[Work]) -> int:
    return sum(len(work.job.dataset) * _passes(work) for work in works)


def _passes(work: Work) -> int:
    """Return how often the model sees each image: once an input, twice where flips are averaged."""
    return sum(2 if rule.flip_average else 1 for rule in inputs_of(work.protocols))


def _facts(work: Work, place: _Place, journals: Sequence[Header]) -> Iterator[tuple[str, str]]:
    entry, card = describe(work.model_id), place.models.get(work.model_id)
    yield "licence of the weights", licence(entry, card) or ("not stated" if entry.weights else "no weights")
    yield "weights", _weights(entry, place)
    yield "licence of the images", _images(work, place)
    yield "predictions an image", str(_passes(work))
    most = max(journals, key=lambda header: header.samples, default=None)
    yield "finished", _finished(most, work)
    yield "time", _time(work, place, most.samples if most else 0)
    yield "memory", _memory(card, _cases(work.model_id, place), place)


def _weights(entry: ModelEntry, place: _Place) -> str:
    where = weights_place(entry, place.weights_dir)
    if not where.startswith("not here yet"):
        return where
    size = entry.weights.size if isinstance(entry.weights, WeightFile) else None
    return f"{where}; to be downloaded: {human_size(size)}"


def _images(work: Work, place: _Place) -> str:
    origin = work.job.origin
    if origin.manifest:
        return "your own images: you know"
    card = place.datasets.get(origin.dataset)
    size = find(origin.dataset).size
    return f"{card.licence if card and card.licence else 'not stated'}{f' (download: {size})' if size else ''}"


def _is_of(header: Header, work: Work, dtype: str) -> bool:
    """Return whether a journal is of a work, as far as can be told before the model is loaded."""
    dataset, facts = work.job.dataset, header.facts
    return (
        (facts["model"]["id"], facts["model"]["dtype"]) == (work.model_id, dtype)
        and facts["dataset"] == {"id": dataset.id, "split": dataset.split, "list_sha256": dataset.list_sha256}
        and facts["protocols"] == {f"{p.dataset}/{p.id}": p.digest() for p in work.protocols}
    )


def _finished(header: Header | None, work: Work) -> str:
    if header is None:
        return "nothing"
    return (
        f"{header.samples} of {len(work.job.dataset)} images, if weights, settings, code and environment are still the "
        f"same ({header.path})"
    )


def _time(work: Work, place: _Place, finished: int) -> str:
    cases = [case for case in _cases(work.model_id, place) if case.compiled == place.compiled]
    case = min(cases, key=lambda case: (case.timed != "predict", case.batch), default=None)
    if case is None:
        return f"unknown: no speed of it in {place.dtype} on {device_name(place.device)} is recorded"
    left = (len(work.job.dataset) - finished) * _passes(work)
    alone = "for its network alone " if case.timed == "network" else ""
    return (
        f"about {_duration(left * case.latency.median_ms / 1000)} {alone}({case.latency.median_ms:.4g} ms an image of "
        f"{case.width}x{case.height} in batches of {case.batch}); decoding and scoring come on top"
    )


def _memory(card: ModelCard | None, cases: Sequence[SpeedCase], place: _Place) -> str:
    """Return the recorded peak that is nearest to what would run; without one, what the parameters alone take."""
    measured = [(case, case.peak_memory_mb) for case in cases if case.peak_memory_mb is not None]
    if measured:
        case, peak = min(measured, key=lambda found: _distance(found[0], place))
        how = f"{'network alone, ' if case.timed == 'network' else ''}{case.width}x{case.height}, batch of {case.batch}"
        return f"about {human_size(round(1e6 * peak))}: the peak that was measured ({how}): {case.memory_note}"
    none = f"no peak of it in {place.dtype} on {device_name(place.device)} is recorded"
    if card is None or card.params_m is None:
        return f"unknown: {none}, and its card names no number of parameters"
    least = human_size(round(1e6 * card.params_m * _BYTES[place.dtype]))
    return f"more than {least}, which its {card.params_m:.4g} M parameters take in {place.dtype}: {none}"


def _distance(case: SpeedCase, place: _Place) -> tuple[bool, bool, int]:
    return case.compiled != place.compiled, case.timed != "predict", abs(case.batch - place.batch)


def _cases(model_id: str, place: _Place) -> list[SpeedCase]:
    """Return what is recorded of a model on the device in the precision that would run."""
    speed: Speed | None = load_speed(place.results / "speed", device_id(place.device), model_id)[0]
    return [case for case in (speed.cases if speed else []) if case.dtype == place.dtype]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
