"""Small protocols, models, tensors and data sets for the tests of ``runners``."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from click.testing import CliRunner
from PIL import Image

from runners.cli import main
from runners.models import base
from runners.prediction import Prediction
from sitegen.records import Protocol

EIGEN_NYU = {"name": "eigen-nyu", "frame": "full-image", "rows": [45, 471], "columns": [41, 601], "unit": "pixels"}
GARG = {
    "name": "garg-kitti",
    "frame": "full-image",
    "rows": [0.40810811, 0.99189189],
    "columns": [0.03594771, 0.96405229],
    "unit": "fraction",
}
NO_ALIGNMENT = {"space": "none", "solver": "none", "estimator": "none"}
AFFINE_DEPTH = {"space": "depth", "solver": "scale-shift", "estimator": "least squares"}
AFFINE_DISPARITY = {"space": "disparity", "solver": "scale-shift", "estimator": "least squares"}
RESIZE = {
    "what": "prediction",
    "quantity": "network-output",
    "to": "ground-truth",
    "mode": "bilinear",
    "align_corners": False,
    "antialias": False,
}


def plane(rows: list[list[float]], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """A batch of one map."""
    return torch.tensor(rows, dtype=dtype)[None]


def protocol(**changes: Any) -> Protocol:
    """A protocol without crop or cap for any kind of prediction, with some fields changed."""
    fields: dict[str, Any] = {
        "schema_version": 1,
        "id": "test",
        "version": 1,
        "title": "Test",
        "dataset": "toy",
        "sample_list": {"name": "toy", "count": None},
        "ground_truth": {"variant": "rendered"},
        "valid_range": {"min_m": 0.001, "max_m": None, "min_inclusive": False, "max_inclusive": False},
        "mask": "sample-mask",
        "crop": {"name": "none", "frame": "full-image"},
        "resize": [RESIZE],
        "alignment": {
            "metric-depth": NO_ALIGNMENT,
            "affine-invariant-depth": AFFINE_DEPTH,
            "affine-invariant-disparity": AFFINE_DISPARITY,
        },
        "clamp": None,
        "flip_average": False,
        "aggregation": "mean-of-images",
        "metrics": ["abs_rel", "rmse", "delta1"],
        "primary_metric": "abs_rel",
        "reference": {},
    }
    return Protocol.model_validate({**fields, **changes})


def capped(maximum: float, **changes: Any) -> Protocol:
    """The same with ground truth strictly below a cap and predictions clamped to it."""
    limits = {"min_m": 0.001, "max_m": maximum, "min_inclusive": False, "max_inclusive": False}
    return protocol(valid_range=limits, clamp={"min_m": 0.001, "max_m": maximum}, **changes)


def write_pair(folder: Path, name: str, depth_mm: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Write a random image with a 16-bit depth map and return its manifest entry."""
    folder.mkdir(parents=True, exist_ok=True)
    height, width = depth_mm.shape
    colours = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(colours).save(folder / f"{name}.png")
    Image.fromarray(depth_mm.astype(np.uint16)).save(folder / f"{name}-depth.png")
    return {"id": name, "rgb": f"{name}.png", "depth": f"{name}-depth.png", "encoding": "png16", "scale": 0.001}


def write_manifest(folder: Path, entries: list[Any], name: str = "samples.json") -> Path:
    """Write a manifest of these entries."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps({"samples": entries}), encoding="utf-8")
    return path


def write_toy(folder: Path, count: int = 4, height: int = 24, width: int = 32) -> Path:
    """Write a manifest of small slanted planes, the first half ``train``, the rest ``test``."""
    ramp = np.linspace(1000, 4000, height)[:, None] + np.zeros(width)
    entries = []
    for index in range(count):
        entry = write_pair(folder, f"indoor-{index}", ramp + 100 * index, seed=index)
        entries.append({**entry, "group": f"scene-{index}", "split": "train" if index < count / 2 else "test"})
    return write_manifest(folder, entries, "index.json")


def write_clone(folder: Path, name: str, content: str) -> Path:
    """Write a repository of one file and one commit; return its folder."""
    folder.mkdir(parents=True)
    (folder / name).write_text(content, encoding="utf-8")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message", "one"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


class Constant(base.Model):
    """Predicts one depth everywhere."""

    id, kind, revision = "constant", "metric-depth", "1"

    def __init__(self, depth: float = 2.0) -> None:
        self.depth, self.settings = depth, {"depth_m": depth}

    def predict(self, images: Sequence[base.Image]) -> list[Prediction]:
        """Return 2x2 maps."""
        return [Prediction(self.kind, torch.full((2, 2), self.depth)) for _ in images]


class LeftBright(Constant):
    """Predicts 1 m in the left half, 3 m in the right, whatever it sees, and remembers the sizes of what it saw."""

    def predict(self, images: Sequence[base.Image]) -> list[Prediction]:
        """Return 1x2 maps."""
        self.seen = [image.shape for image in images]
        return [Prediction(self.kind, torch.tensor([[1.0, 3.0]])) for _ in images]


class Spy(LeftBright):
    """Counts its calls and what they were for."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, int]] = []

    def predict(self, images: Sequence[base.Image]) -> list[Prediction]:
        """Return 1x2 maps."""
        self.calls += [(image.shape[0], image.shape[1]) for image in images]
        return super().predict(images)


def run(*command: str | Path) -> tuple[int, str]:
    """Run a command; return its exit code and what it said."""
    found = CliRunner().invoke(main, [str(word) for word in command])
    assert "Traceback" not in found.output
    return found.exit_code, found.output
