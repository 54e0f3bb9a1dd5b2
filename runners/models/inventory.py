"""What there is to say of models before one is loaded: how large, under which licence, what it needs. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights, hub_cache
from runners.models.requirements import missing, short
from runners.models.weights import WeightFile, cache_folder
from sitegen.records import ModelCard

__all__ = ["licence", "model_rows", "need_rows", "weights_place"]

Cards = Mapping[str, ModelCard]
_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


def model_rows(entries: Iterable[ModelEntry], cards: Cards) -> list[Sequence[str]]:
    """Return a header and a row for each model: id, kind, family, parameters, what it needs, licence of the weights."""
    header = ("model", "kind", "family", "params", "needs", "licence of the weights")
    return [header, *(_model_row(entry, cards.get(entry.id)) for entry in entries)]


def need_rows(entries: Iterable[ModelEntry], cards: Cards, weights_dir: Path | None = None) -> list[Sequence[str]]:
    """Return a header and a row for each model: what of its needs is met, its memory, where its weights are looked for.

    The memory is that of the weights alone, parameters times bytes; running takes more.
    """
    header = ("model", "beside the runners", "memory of the weights alone", "weights")
    return [header, *(_need_row(entry, cards.get(entry.id), weights_dir) for entry in entries)]


def weights_place(entry: ModelEntry, weights_dir: Path | None = None) -> str:
    """Return where a model's weights are, or where they are looked for first."""
    places = _places(entry, weights_dir)
    if not places:
        return "none"
    found = [place for place in places if place.exists()]
    return str(found[0]) if found else f"not here yet: {places[0]}"


def _model_row(entry: ModelEntry, card: ModelCard | None) -> Sequence[str]:
    params = f"{card.params_m:g} M" if card and card.params_m else ""
    needs = ["the camera"] if entry.needs_intrinsics else []
    needs += map(short, entry.requires)
    return entry.id, entry.kind, entry.family, params, ", ".join(needs), licence(entry, card)


def _need_row(entry: ModelEntry, card: ModelCard | None, weights_dir: Path | None) -> Sequence[str]:
    return entry.id, _packages(entry), _memory(entry, card), weights_place(entry, weights_dir)


def _packages(entry: ModelEntry) -> str:
    lacking = missing(entry.requires)
    if lacking:
        return f"missing: {', '.join(map(short, lacking))}"
    return f"installed: {', '.join(map(short, entry.requires))}" if entry.requires else ""


def _memory(entry: ModelEntry, card: ModelCard | None) -> str:
    """Return the weights' size in each precision of the model, those of one size together."""
    if card is None or card.params_m is None:
        return ""
    sizes: dict[int, list[str]] = {}
    for dtype in ("float32",) if entry.keeps_float32 else entry.dtypes:
        sizes.setdefault(_BYTES[dtype], []).append(dtype)
    return ", ".join(f"{_amount(card.params_m * 1e6 * size)} {'/'.join(names)}" for size, names in sizes.items())


def _amount(count: float) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def licence(entry: ModelEntry, card: ModelCard | None) -> str:
    """Return the licence of a model's weights as its card or its entry says it; empty where neither does."""
    if card and card.licence_weights:
        return card.licence_weights
    return entry.weights.licence if entry.weights else ""


def _places(entry: ModelEntry, weights_dir: Path | None) -> list[Path]:
    cache = cache_folder(weights_dir)
    if isinstance(entry.weights, WeightFile):
        return [cache / entry.weights.family / entry.weights.name, cache / entry.weights.name]
    if isinstance(entry.weights, HubWeights):
        return [cache / entry.weights.repo, *filter(None, [hub_cache(entry.weights)])]
    return []
