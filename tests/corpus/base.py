"""An honest results folder of made-up records: every metric follows from made-up depth, every hash agrees."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sitegen.records import Protocol, Run, round_significant, sha256_of, summarise
from tests.sitegen import factories as make

Depth = npt.NDArray[np.float64]

IMAGES = [f"room-{index}" for index in range(6)]
PIXELS = 240
AGAIN = {
    "relation": "maintainer",
    "verified_by": "a maintainer",
    "date": "2026-11-22",
    "device": "a GPU",
    "command": "runners reproduce",
    "evidence": "https://example.org/log",
}
MODELS = {"toy-net": 0.1, "toy-rival": 0.12, "toy-third": 0.15, "toy-fourth": 0.2}
"""Models and the spread of their log errors."""
METRICS = ["abs_rel", "sq_rel", "rmse", "mae", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3"]
PROTOCOL: dict[str, Any] = {
    **make.PROTOCOL,
    "sample_list": {
        "name": "all",
        "count": len(IMAGES),
        "sha256": hashlib.sha256("".join(f"{name}\n" for name in IMAGES).encode()).hexdigest(),
    },
    "valid_range": {"min_m": 0.5, "max_m": 10.0, "min_inclusive": True, "max_inclusive": True},
    "metrics": METRICS,
}
FITTED: dict[str, Any] = {
    **PROTOCOL,
    "id": "fitted",
    "title": "Toy protocol with a fit",
    "house": False,
    "alignment": {"metric-depth": {"space": "depth", "solver": "scale-shift", "estimator": "least squares"}},
}
RUN = "runs/toy-rooms/house/toy-net.json"
FITTED_RUN = "runs/toy-rooms/fitted/toy-net.json"
GALLERY = "gallery/toy-rooms/one"


def write_base(root: Path) -> Path:
    """Write the folder and return it."""
    make.write_yaml(root / "datasets/toy-rooms.yaml", {**make.DATASET, "images_republishable": "yes"})
    for model in MODELS:
        make.write_yaml(root / f"models/{model}.yaml", {**make.MODEL, "id": model, "name": model.title()})
    make.write_yaml(root / "sources/toy-paper.yaml", {**make.SOURCE, "bibtex": ["toy2026"]})
    rows = [
        {**make.NUMBER, "model": model, "value": f"0.0{n}", "value_as_printed": f"{n}.0"} for n, model in _numbered()
    ]
    make.write_numbers(root / "sources/toy-paper.csv", rows)
    make.write_yaml(root / "disagreements/toy-case.yaml", make.DISAGREEMENT)
    for protocol in (PROTOCOL, FITTED):
        make.write_yaml(root / f"protocols/toy-rooms/{protocol['id']}.yaml", protocol)
    for model, spread in MODELS.items():
        make.write_json(root / f"runs/toy-rooms/house/{model}.json", make_run(model, spread, PROTOCOL))
    make.write_json(root / FITTED_RUN, make_run("toy-net", 0.1, FITTED))
    speed = {"schema_version": 1, "model": "toy-net", "device": "nvidia-t4", "device_name": "NVIDIA T4"}
    case = {**make.SPEED_CASE, "environment": {"python": "3.11", "device": "cuda:0", "runner_version": "0"}}
    make.write_json(root / "speed/nvidia-t4/toy-net.json", {**speed, "cases": [case]})
    _write_gallery(root)
    entry = {"sha256": json.loads((root / RUN).read_text())["sha256"], **AGAIN}
    make.write_yaml(root / "verified.yaml", {"schema_version": 1, "digests": [entry]})
    correction = {"id": "first", "date": "2026-11-20", "path": "sources/toy-paper.csv", "row": "gone long ago"}
    correction |= {"old": "0.1", "new": None, "reason": "it was another table's", "source": "Table 2"}
    make.write_yaml(root / "corrections.yaml", {"schema_version": 1, "corrections": [correction]})
    (root / "references.bib").write_text(make.BIB, encoding="utf-8")
    return root


def _numbered() -> list[tuple[int, str]]:
    return list(enumerate(MODELS, start=5))


def make_run(model: str, spread: float, protocol: dict[str, Any]) -> dict[str, Any]:
    """Return a sealed run of made-up predictions."""
    rng = np.random.default_rng(sum(model.encode()))
    block = Protocol.model_validate(protocol).block()
    fitted = protocol is FITTED
    columns: dict[str, list[Any]] = {name: [] for name in METRICS}
    for index, _ in enumerate(IMAGES):
        truth = np.random.default_rng(index).uniform(0.5, 10.0, PIXELS)
        values = metrics(truth * np.exp(spread * rng.standard_normal(PIXELS) + 0.02), truth)
        for name in METRICS:
            columns[name].append(values[name])
    count = len(IMAGES)
    samples = {
        "id": IMAGES,
        "group": ["g"] * count,
        "valid_pixels": [PIXELS] * count,
        "scale": [round_significant(1.0 + 0.01 * k) if fitted else 1.0 for k in range(count)],
        "shift": [round_significant(0.1 - 0.01 * k) if fitted else 0.0 for k in range(count)],
        "clamped_share": [0.0] * count,
        "degenerate": [False] * count,
    }
    fields = make.make_run() | {
        "model": {"id": model, "dtype": "float32"},
        "dataset": {
            "id": "toy-rooms",
            "split": "test",
            "list_sha256": PROTOCOL["sample_list"]["sha256"],
            "listed": count,
            "evaluated": count,
        },
        "protocol": {"id": block["id"], "sha256": sha256_of(block), "block": block},
        "samples": samples | columns,
        "summary": summarise(columns),
    }
    fields.pop("sha256")
    return Run.sealed(fields).model_dump(mode="json")


def metrics(prediction: Depth, truth: Depth) -> dict[str, float]:
    """Return the metrics of one image, to six digits, from the definitions."""
    error, log = prediction - truth, np.log(prediction / truth)
    ratio = np.maximum(prediction / truth, truth / prediction)
    values = {
        "abs_rel": np.mean(np.abs(error) / truth),
        "sq_rel": np.mean(error**2 / truth),
        "rmse": np.sqrt(np.mean(error**2)),
        "mae": np.mean(np.abs(error)),
        "rmse_log": np.sqrt(np.mean(log**2)),
        "log10": np.mean(np.abs(log)) / math.log(10),
        "silog": 100 * np.std(log),
        **{f"delta{k}": np.mean(ratio < 1.25**k) for k in (1, 2, 3)},
    }
    return {name: round_significant(float(value)) for name, value in values.items()}


def webp(width: int, height: int, picture: bytes = bytes(20)) -> bytes:
    """Return a lossless WebP as far as its headers tell; nothing here decodes pictures."""
    head = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    return riff(chunk(b"VP8L", head + picture))


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a RIFF file."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    """Return a RIFF file that says it is WebP."""
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _write_gallery(root: Path) -> None:
    folder = root / GALLERY
    folder.mkdir(parents=True)
    images = []
    views: list[tuple[str, str | None]] = [("image", None), ("ground-truth", None)]
    for kind, model in [*views, ("prediction", "toy-net"), ("error", "toy-net")]:
        name = f"{'.'.join(filter(None, (kind, model)))}.webp"
        small = _picture(folder / f"small.{name}", 160, 120, name)
        images.append(
            {**_picture(folder / name, 640, 480, name), "kind": kind, "model": model, "small": small, "alt": kind}
        )
    protocol = Protocol.model_validate(PROTOCOL)
    made = {"environment": {"python": "3.11", "device": "cpu", "runner_version": "0"}, "command": "runners evaluate"}
    index = {
        "schema_version": 1,
        "dataset": "toy-rooms",
        "sample": "one",
        "title": "rooms/one",
        "licence": "CC BY 4.0",
        "protocol": {"id": "house", "sha256": protocol.digest(), "primary_metric": "abs_rel"},
        "chosen": ["pick"],
        "models": [{"model": {"id": "toy-net", "dtype": "float32"}, "metrics": {"abs_rel": 0.1}, **made}],
        "depth_scale": {"low": 1.0, "high": 4.0, "unit": "m", "steps": "ratio"},
        "error_scale": {"low": 0.0, "high": 0.5, "unit": "relative", "steps": "difference"},
        "images": images,
    }
    make.write_json(folder / "index.json", index)


def _picture(path: Path, width: int, height: int, name: str) -> dict[str, Any]:
    content = webp(width, height, hashlib.sha256(f"{path.name} {name}".encode()).digest())
    path.write_bytes(content)
    return {"file": path.name, "width": width, "height": height, "sha256": hashlib.sha256(content).hexdigest()}
