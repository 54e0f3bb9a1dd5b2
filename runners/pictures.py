"""Pictures of scored predictions: image, truth, prediction and error as colours, at picture size.

The report and the gallery are made of them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, max_pool2d

from runners import colours
from runners.datasets.base import Dataset, Sample
from runners.rescore import covered
from runners.saved import Saved
from runners.score import scored_maps
from runners.stages import counting_mask
from sitegen.files import write_aside
from sitegen.records import Protocol, Run

__all__ = [
    "WORST_ERROR",
    "Float",
    "Maps",
    "Part",
    "Picture",
    "ReportError",
    "ends",
    "metric_of",
    "own_pictures",
    "scored",
    "shared_pictures",
    "thumbnail",
    "webp",
    "write_webp",
]

WORST_ERROR = 0.5
"""Relative error of the brightest colour."""
_SPARSE = 0.1
"""Share of measured pixels below which points are drawn larger, to be seen at all."""

Float = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]
"""RGB, (H, W, 3)."""


class ReportError(Exception):
    """There is nothing to draw; the message says why."""


@dataclass(frozen=True)
class Part:
    """Predictions of one model that were scored, to be drawn: the run's samples are the rows."""

    saved: Saved
    dataset: Dataset
    protocol: Protocol
    run: Run


@dataclass(frozen=True)
class Maps:
    """One prediction as it was scored, all (H, W): depth and truth in metres, and which pixels counted."""

    depth: Float
    truth: Float
    valid: npt.NDArray[np.bool_]
    cut: tuple[slice, slice]
    """The rows and columns of the full truth that these are."""
    in_metres: bool
    """False where the protocol compares without alignment what has no unit; depth is then in the model's own."""

    @property
    def sparse(self) -> bool:
        """Return whether points are drawn larger than they are."""
        return float(self.valid.mean()) < _SPARSE


def metric_of(parts: Sequence[Part]) -> str:
    """Return the primary metric that all parts share.

    Raises:
        ReportError: If they have several, or one that is not about depth.
    """
    names = {part.protocol.primary_metric for part in parts}
    if len(names) != 1:
        raise ReportError(f"one page shows one metric, and the protocols' primary ones are {', '.join(sorted(names))}")
    if any("ordinal" in part.protocol.alignment for part in parts):
        raise ReportError("an order of points has no depth that could be drawn")
    return names.pop()


def scored(part: Part, sample: Sample) -> Maps:
    """Return the prediction of a sample as its protocol scores it.

    Raises:
        ReportError: If there is none.
        SavedError: If it cannot be read.
    """
    entry = part.saved.find(sample.id)
    if entry is None:
        raise ReportError(f"'{sample.id}' was scored and has no prediction")
    prediction = part.saved.read(entry)
    maps = scored_maps(
        prediction.map[None],
        prediction.kind,
        torch.from_numpy(sample.truth)[None],
        torch.from_numpy(counting_mask(sample, part.protocol))[None],
        part.protocol,
        image_size=(entry.input_size[0], entry.input_size[1]),
        covers=covered(part.saved.index, part.protocol),
    )
    aligned = part.protocol.alignment[maps.scored_as].space != "none"
    return Maps(
        depth=maps.depth[0].double().numpy(),
        truth=maps.truth[0].double().numpy(),
        valid=maps.valid[0].numpy(),
        cut=maps.cut,
        in_metres=aligned or maps.scored_as == "metric-depth",
    )


def ends(depth: Float) -> tuple[float, float]:
    """Return between which depths the colours run: nearly all of those given that are a depth."""
    usable = depth[np.isfinite(depth) & (depth > 0)]
    near, far = (float(value) for value in np.quantile(usable, (0.02, 0.98))) if usable.size else (1.0, 10.0)
    return (near, far) if far > near * 1.01 else (near / 1.1, far * 1.1)


def shared_pictures(sample: Sample, maps: Maps, near: float, far: float, width: int) -> dict[str, Picture]:
    """Return what is the same for every model: ``image`` and ``truth``, at most ``width`` columns wide."""
    truth = _shrunk(maps.truth, maps.valid, width)
    return {"image": thumbnail(sample.image, width), "truth": colours.painted(truth, near, far, log=True)}


def own_pictures(maps: Maps, near: float, far: float, width: int) -> dict[str, Picture]:
    """Return what is one model's: ``prediction`` and ``error``, which is relative to the truth."""
    error = np.abs(maps.depth - maps.truth) / np.where(maps.valid, maps.truth, 1)
    prediction = _shrunk(maps.depth, maps.depth > 0, width)
    return {
        "prediction": colours.painted(prediction, near, far, log=True),
        "error": colours.painted(_shrunk(error, maps.valid, width), 0, WORST_ERROR),
    }


def webp(picture: Picture, quality: int = 90, *, lossless: bool = False) -> bytes:
    """Return a picture as a WebP file; where it is lossless, ``quality`` is the effort to make it small."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=quality, method=4, lossless=lossless)
    return buffer.getvalue()


def write_webp(path: Path, picture: Picture, *, quality: int, lossless: bool = False) -> dict[str, Any]:
    """Write a picture as a WebP file; return the fields of a record that describe it."""
    content = webp(picture, quality, lossless=lossless)
    write_aside(path, content)
    rows, columns = picture.shape[:2]
    return {"file": path.name, "width": columns, "height": rows, "sha256": hashlib.sha256(content).hexdigest()}


def _shrunk(values: Float, known: npt.NDArray[np.bool_], width: int) -> Float:
    """Return a map at picture size, each pixel the mean of what is known under it, NaN where nothing is."""
    planes = known.astype(float), np.where(known, values, 0)
    share, total = (_pooled(torch.from_numpy(plane), width) for plane in planes)
    if float(known.mean()) < _SPARSE:
        share, total = (_spread(plane, share) for plane in (share, total))
    return torch.where(share > 0, total / share, torch.nan).numpy()


def _pooled(plane: Tensor, width: int) -> Tensor:
    rows, columns = plane.shape
    width = min(width, columns)
    return adaptive_avg_pool2d(plane[None], (max(1, round(rows * width / columns)), width))[0]


def _spread(plane: Tensor, share: Tensor) -> Tensor:
    """Return a plane with each point of a sparse map also on its neighbours that have none."""
    return torch.where(share > 0, plane, max_pool2d(plane[None], 3, stride=1, padding=1)[0])


def thumbnail(image: Picture, width: int) -> Picture:
    """Return a picture at most ``width`` columns wide."""
    rows, columns = image.shape[:2]
    size = (min(width, columns), max(1, round(rows * min(width, columns) / columns)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
