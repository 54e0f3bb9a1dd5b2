"""A store made in memory for tests of boards: made-up models, data sets and numbers, never a real one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sitegen.reading import BibEntry
from sitegen.records import (
    PROOF_CHECKS,
    AdapterProofs,
    DatasetCard,
    Dispute,
    GalleryIndex,
    ModelCard,
    Protocol,
    PublishedNumber,
    Run,
    Source,
    Speed,
    Verification,
)
from sitegen.store import Store, StoredNumber
from tests.sitegen import factories as make


def number(model: str = "toy-a", source: str = "toy-paper", line: int = 2, **changes: Any) -> StoredNumber:
    """Return a published number; ``value`` 0.051 and ``value_as_printed`` go together unless both are given."""
    row: dict[str, Any] = {**make.NUMBER, "value": 0.051, "model": model, "model_as_printed": model} | changes
    if "value" in changes and "value_as_printed" not in changes:
        row["value_as_printed"] = repr(changes["value"])
    return StoredNumber(source, line, PublishedNumber.model_validate(row))


def model(model_id: str, **changes: Any) -> ModelCard:
    """Return a model card."""
    return ModelCard.model_validate({**make.MODEL, "id": model_id, "name": model_id.title()} | changes)


def source(source_id: str, **changes: Any) -> Source:
    """Return a source card."""
    return Source.model_validate({**make.SOURCE, "id": source_id, "title": f"Text {source_id}"} | changes)


def dataset(dataset_id: str = "toy-rooms", **changes: Any) -> DatasetCard:
    """Return a data set card."""
    return DatasetCard.model_validate({**make.DATASET, "id": dataset_id, "name": dataset_id.title()} | changes)


def run(model_id: str, values: Iterable[float | None], protocol: Protocol | None = None, **changes: Any) -> Run:
    """Return a run whose abs_rel is the given value image by image, under the toy house protocol."""
    column = list(values)
    names = [f"image-{index}" for index in range(len(column))]
    block = (protocol or Protocol.model_validate(make.PROTOCOL)).block()
    samples: dict[str, list[Any]] = {
        "id": names,
        "group": ["g"] * len(names),
        "valid_pixels": [10] * len(names),
        "scale": [1.0] * len(names),
        "shift": [0.0] * len(names),
        "clamped_share": [0.0] * len(names),
        "degenerate": [False] * len(names),
        "abs_rel": column,
    }
    known = [value for value in column if value is not None]
    record = make.make_run(
        model={"id": model_id, "dtype": "float32"},
        dataset={
            "id": "toy-rooms",
            "split": "test",
            "list_sha256": "0" * 64,
            "listed": len(names),
            "evaluated": len(names),
        },
        protocol={"id": block["id"], "sha256": make.sha256_of(block), "block": block},
        samples=samples,
        summary={"abs_rel": float(f"{sum(known) / len(known):.6g}") if known else None},
        **changes,
    )
    return Run.model_validate(record)


def verification(run: Run, relation: str = "maintainer", by: str = "A. Maintainer", **changes: Any) -> Verification:
    """Return that somebody ran a run again."""
    entry = {"sha256": run.sha256, "relation": relation, "verified_by": by, "date": "2026-11-25"}
    entry |= {"device": "another GPU", "command": "runners reproduce", "evidence": "https://example.org/log"}
    return Verification.model_validate(entry | changes)


def dispute(of: Run | StoredNumber, status: str = "withdrawn", **changes: Any) -> dict[str, Dispute]:
    """Return that a result was withdrawn or is disputed, as a store has it."""
    named = {"run": of.sha256} if isinstance(of, Run) else {"number": of.id}
    entry = {"status": status, "reason": "the wrong weights", "date": "2026-11-25", "source": "https://example.org/why"}
    made = Dispute.model_validate({**named, **entry, **changes})
    return {made.of: made}


def speed(model_id: str = "toy-a", device: str = "toy-gpu", *changes: dict[str, Any]) -> Speed:
    """Return the speeds of a model on a device: one case for each set of changes, one as it is without any."""
    cases = [make.SPEED_CASE | change for change in changes or ({},)]
    named = {"model": model_id, "device": device, "device_name": device.replace("-", " ").title()}
    return Speed.model_validate({"schema_version": 1, **named, "cases": cases})


def gallery(
    root: Path,
    sample: str,
    values: Mapping[str, float | None],
    picture: Callable[[str], bytes] = lambda kind: f"{kind} of nothing".encode(),
    **changes: Any,
) -> GalleryIndex:
    """Write the pictures of a gallery entry of Toy Rooms and return its index.

    Args:
        root: Of the results folder.
        sample: Its id.
        values: abs_rel of each model, in the order of their ids.
        picture: Makes the content of a picture from its kind, and of its small copy from ``small.`` and its kind.
        changes: Fields of the index.
    """
    folder = root / "gallery/toy-rooms" / sample
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [("image", None), ("ground-truth", None)]
    kinds += [(kind, model) for model in values for kind in ("prediction", "error")]  # type: ignore[misc]
    images = []
    for kind, model in kinds:
        name = f"{'.'.join(filter(None, (kind, model)))}.webp"
        small = gallery_file(folder / f"small.{name}", picture(f"small.{kind}"), 160, 120)
        file = gallery_file(folder / name, picture(kind), 640, 480)
        images.append({**file, "kind": kind, "model": model, "small": small, "alt": f"{kind} {sample}"})
    protocol = Protocol.model_validate(make.PROTOCOL)
    made = {"environment": {"python": "3.11", "device": "cpu", "runner_version": "0"}, "command": "runners evaluate"}
    index = {
        "schema_version": 1,
        "dataset": "toy-rooms",
        "sample": sample,
        "title": f"rooms/{sample}",
        "licence": "CC BY 4.0",
        "protocol": {"id": protocol.id, "sha256": protocol.digest(), "primary_metric": "abs_rel"},
        "chosen": ["pick"],
        "models": [
            {"model": {"id": model, "dtype": "float32"}, "metrics": {"abs_rel": value}, **made}
            for model, value in values.items()
        ],
        "depth_scale": {"low": 1, "high": 4, "unit": "m", "steps": "ratio"},
        "error_scale": {"low": 0, "high": 0.5, "unit": "relative", "steps": "difference"},
        "images": images,
    }
    return GalleryIndex.model_validate({**index, **changes})


def gallery_file(path: Path, content: bytes, width: int, height: int) -> dict[str, Any]:
    """Write a file of a gallery entry and return the fields that describe it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"file": path.name, "width": width, "height": height, "sha256": hashlib.sha256(content).hexdigest()}


def gallery_cloud(folder: Path, depth: Mapping[str, bytes], width: int = 4, height: int = 3) -> dict[str, Any]:
    """Write depth maps of a gallery entry, by model and ``""`` for the truth; return the field of its index."""
    maps = [
        {
            **gallery_file(folder / f"depth.{model or 'ground-truth'}.webp", content, width, height),
            "model": model or None,
        }
        for model, content in depth.items()
    ]
    lens = {"fx": width, "fy": width, "cx": (width - 1) / 2, "cy": (height - 1) / 2}
    return {**lens, "first_m": 0.001, "ratio": 1.001, "maps": maps}


def proofs(*models: str, **changes: dict[str, str]) -> AdapterProofs:
    """Return the proofs of adapters, all passed but for the checks that are changed (``real_weights={...}``)."""
    found = {check: {"check": check, "outcome": "passed", "note": "as it should"} for check in PROOF_CHECKS}
    found |= {name.replace("_", "-"): {"check": name.replace("_", "-"), **change} for name, change in changes.items()}
    entries = [{"model": name, "family": "toy", "proofs": list(found.values())} for name in models]
    return AdapterProofs.model_validate({**make.PROOFS, "models": entries})


def store(
    numbers: Iterable[StoredNumber] = (),
    *,
    models: Iterable[ModelCard] = (),
    sources: Iterable[Source] = (),
    datasets: Iterable[DatasetCard] = (),
    protocols: Iterable[Protocol] = (),
    runs: Iterable[Run] = (),
    root: Path = Path("toy"),
    **rest: Any,
) -> Store:
    """Return a store of the numbers and runs; cards that are not given are made up."""
    numbers, runs = tuple(numbers), tuple(runs)
    model_ids = {n.row.model for n in numbers} | {r.model.id for r in runs}
    made_models = {name: model(name) for name in sorted(model_ids)}
    made_sources = {name: source(name) for name in sorted({n.source for n in numbers})}
    dataset_ids = {n.row.dataset for n in numbers} | {r.dataset.id for r in runs}
    made_datasets = {name: dataset(name) for name in sorted(dataset_ids)}
    return Store(
        root=root,
        models=made_models | {card.id: card for card in models},
        sources=made_sources | {card.id: card for card in sources},
        datasets=made_datasets | {card.id: card for card in datasets},
        protocols={(card.dataset, card.id): card for card in protocols},
        numbers=numbers,
        runs=runs,
        **rest,
    )


def bib(key: str) -> BibEntry:
    """Return a made-up BibTeX entry."""
    return BibEntry(key, "article", {"title": f"Title of {key}", "sourceids": "toy"}, {})
