"""Small valid records that tests write to a folder and then spoil; every id is plainly made up."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from sitegen.records import Protocol, Run, sha256_of, summarise
from sitegen.store import NUMBER_COLUMNS

DATASET: dict[str, Any] = {"schema_version": 1, "id": "toy-rooms", "name": "Toy Rooms", "role": "evaluation"}
MODEL: dict[str, Any] = {
    "schema_version": 1,
    "id": "toy-net",
    "name": "Toy Net",
    "family": "toy",
    "output_kind": "metric-depth",
}
SOURCE: dict[str, Any] = {
    "schema_version": 1,
    "id": "toy-paper",
    "title": "A paper that does not exist",
    "seen_at": "made up for a test",
    "kind_of_text": "paper",
    "tables": [
        {
            "place": "Table 1",
            "families": ["metric"],
            "kinds": ["reported"],
            "family_rule": "metric",
            "kind_rule": "all reported",
            "why": "a test",
        }
    ],
}
NUMBER: dict[str, str] = {
    "model": "toy-net",
    "model_as_printed": "Toy",
    "dataset": "toy-rooms",
    "metric": "abs_rel",
    "value": "0.051",
    "value_as_printed": "5.10",
    "zero_shot": "yes",
    "place": "Table 1",
    "family": "metric",
    "family_evidence": "a test",
    "kind": "reported",
}
PROTOCOL: dict[str, Any] = {
    "schema_version": 1,
    "id": "house",
    "version": 1,
    "title": "Toy house protocol",
    "house": True,
    "dataset": "toy-rooms",
    "sample_list": {"name": "all", "count": 2},
    "ground_truth": {"variant": "rendered"},
    "valid_range": {"min_m": 0.0, "max_m": 10.0, "min_inclusive": False, "max_inclusive": True},
    "mask": "sample-mask",
    "crop": {"name": "none", "frame": "full-image"},
    "resize": [],
    "alignment": {"metric-depth": {"space": "none", "solver": "none", "estimator": "none"}},
    "clamp": None,
    "flip_average": False,
    "aggregation": "mean-of-images",
    "metrics": ["abs_rel", "delta1"],
    "primary_metric": "abs_rel",
    "reference": {"repository": "made up for a test"},
}
DISAGREEMENT: dict[str, Any] = {
    "schema_version": 1,
    "id": "toy-case",
    "number": 1,
    "title": "Toy Net on Toy Rooms",
    "theme": "ground-truth",
    "models": ["toy-net"],
    "dataset": "toy-rooms",
    "metric": "abs_rel",
    "values": [
        {"label": "own paper", "value": 0.05, "value_as_printed": "0.050", "role": "paper", "source": "toy-paper"},
        {"label": "re-run", "value": 0.1, "value_as_printed": "0.1", "role": "re-run", "approximate": True},
        {"label": "re-run", "value": 0.2, "value_as_printed": "0.2", "role": "re-run"},
        {"label": "other metric", "value": 0.9, "value_as_printed": "0.9", "role": "re-run", "metric": "delta1"},
    ],
    "differs": "the mask",
    "references": ["https://example.org/thread", "a thread"],
}
SPEED_CASE: dict[str, Any] = {
    "timed": "network",
    "random_weights": True,
    "dtype": "float32",
    "compiled": False,
    "batch": 1,
    "height": 480,
    "width": 640,
    "network_input": "1x3x384x512",
    "warmup": 1,
    "repeats": 3,
    "latency": {"p10_ms": 1.5, "median_ms": 2.5, "p90_ms": 3.5},
    "peak_memory_mb": 64.0,
    "memory_note": "all of it",
    "gflops": 12.345,
    "params_m": 20.0,
    "command": "runners speed --model toy-net",
    "environment": {"python": "3.11", "device": "toy", "runner_version": "0"},
    "date": "2026-11-22",
    "submitter": "a test",
}
PROOFS: dict[str, Any] = {
    "schema_version": 1,
    "date": "2026-11-22",
    "command": "runners prove",
    "environment": {
        "python": "3.11",
        "device": "cpu",
        "runner_version": "0",
        "torch": "2.14.1",
        "git_commit": "abcdef0",
    },
}
LIST_SHA256 = hashlib.sha256(b"a\nb\n").hexdigest()
"""Of the two images of Toy Rooms."""
BIB = "@article{toy2026,\n  author = {Doe, J{\\'e}r{\\^o}me},\n  title = {Toy},\n  year = {2026},\n}\n"


def make_run(**changes: Any) -> dict[str, Any]:
    """Return a run record whose hashes and summary agree with its content, after the changes."""
    block = Protocol.model_validate(PROTOCOL).block()
    samples: dict[str, list[Any]] = {
        "id": ["a", "b"],
        "group": ["g", "g"],
        "valid_pixels": [10, 20],
        "scale": [1.0, 1.0],
        "shift": [0.0, 0.0],
        "clamped_share": [0.0, 0.0],
        "degenerate": [False, False],
        "abs_rel": [0.1, 0.2],
        "delta1": [0.9, 0.8],
    }
    fixed = {"id", "group", "valid_pixels", "scale", "shift", "clamped_share", "degenerate"}
    run: dict[str, Any] = {
        "schema_version": 1,
        "model": {"id": "toy-net", "dtype": "float32"},
        "dataset": {"id": "toy-rooms", "split": "test", "list_sha256": LIST_SHA256, "listed": 2, "evaluated": 2},
        "protocol": {"id": "house", "sha256": sha256_of(block), "block": block},
        "prediction_kind": "metric-depth",
        "command": "runners evaluate --model toy-net",
        "samples": samples,
        "summary": summarise({name: column for name, column in samples.items() if name not in fixed}),
        "environment": {"python": "3.11", "device": "cpu", "runner_version": "0"},
        "timings": {"started": "2026-11-22T00:00:00Z", "seconds_total": 1.0},
        "submitter": "a test",
    } | changes
    return Run.sealed(run).model_dump(mode="json")


def make_sensitivity(protocol: dict[str, Any], columns: dict[str, list[float]], **changes: Any) -> dict[str, Any]:
    """Return a run of Toy Net's saved predictions of two images under a protocol, with these metric columns."""
    block = Protocol.model_validate(protocol).block()
    samples: dict[str, list[Any]] = {
        "id": ["a", "b"],
        "group": ["g", "g"],
        "valid_pixels": [1000, 2000],
        "scale": [1.0, 1.0],
        "shift": [0.0, 0.0],
        "clamped_share": [0.0, 0.0],
        "degenerate": [False, False],
    }
    return make_run(
        model={"id": "toy-net", "dtype": "float32", "weights_sha256": "ab" * 32},
        dataset={
            "id": "toy-rooms",
            "split": "two images of the test split",
            "list_sha256": LIST_SHA256,
            "listed": 2,
            "evaluated": 2,
        },
        protocol={"id": block["id"], "sha256": sha256_of(block), "block": block},
        samples=samples | changes.pop("samples", {}) | columns,
        summary=summarise(columns),
        **changes,
    )


def write_sensitivity(root: Path, *, with_run: bool = False) -> Path:
    """Write a valid results folder in which one prediction was scored under four protocols, and return it."""
    write_results(root, with_run=with_run)
    rooms = "toy-rooms"
    flip = {**PROTOCOL, "id": "flip", "title": "Flip & mean", "house": False, "flip_average": True}
    clip = {**PROTOCOL, "id": "clip", "title": "Clip", "house": False, "metrics": ["abs_rel", "rmse"]}
    clip["clamp"] = {"min_m": 0.001, "max_m": 10.0}
    alone = {**PROTOCOL, "id": "alone", "title": "Alone", "house": False, "metrics": ["one_minus_delta1_pct"]}
    alone["primary_metric"] = "one_minus_delta1_pct"
    known = {"abs_rel": [0.1, 0.2], "delta1": [0.9, 0.8]}
    runs = [
        make_sensitivity(PROTOCOL, known),
        make_sensitivity(flip, {"abs_rel": [0.3, 0.3], "delta1": [0.5, 0.7]}, deviations=["no flip"]),
        make_sensitivity(clip, {"abs_rel": [0.1, 0.14], "rmse": [0.5, 0.6]}, samples={"clamped_share": [0.1, 0.02]}),
        make_sensitivity(alone, {"one_minus_delta1_pct": [10.0, 20.0]}, samples={"degenerate": [True, False]}),
    ]
    for protocol, run in zip((PROTOCOL, flip, clip, alone), runs, strict=True):
        write_yaml(root / f"protocols/{rooms}/{protocol['id']}.yaml", protocol)
        write_json(root / f"sensitivity/{rooms}/{protocol['id']}/toy-net.json", run)
    return root


def write_results(root: Path, *, with_run: bool = False) -> Path:
    """Write a small valid results folder and return it."""
    write_yaml(root / "datasets/toy-rooms.yaml", DATASET)
    write_yaml(root / "models/toy-net.yaml", MODEL)
    write_yaml(root / "sources/toy-paper.yaml", SOURCE)
    write_numbers(root / "sources/toy-paper.csv", [NUMBER])
    write_yaml(root / "protocols/toy-rooms/house.yaml", PROTOCOL)
    (root / "references.bib").write_text(BIB, encoding="utf-8")
    if with_run:
        write_json(root / "runs/toy-rooms/house/toy-net.json", make_run())
    return root


def write_yaml(path: Path, data: Any) -> None:
    """Write YAML, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write JSON, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")


def write_numbers(path: Path, rows: list[dict[str, str]]) -> None:
    """Write the CSV of a source."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, NUMBER_COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_theory(root: Path) -> Path:
    """Write the theory that navigation and guides link to, without links to real records; return the folder given."""
    (root / "theory").mkdir(parents=True)
    for page in ("index", "glossary"):
        text = f"---\ntitle: {page}\ndescription: Made up.\n---\n\n# {page}\n\nSo $x$.\n"
        (root / "theory" / f"{page}.md").write_text(text, encoding="utf-8")
    return root
