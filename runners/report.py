"""A page to look through: each image with its truth, its prediction, where that is wrong and by how much.

It is made from saved predictions (``runners evaluate --save-predictions``). The pictures are the images of the data
set, whose licence may forbid to show them again: the folder gets a ``.gitignore`` that keeps it out of commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, max_pool2d

from runners import colours
from runners.datasets.base import Dataset, Sample, Skip
from runners.files import write_aside
from runners.measure import Progress, counting_mask
from runners.rescore import covered
from runners.saved import Saved
from runners.score import scored_maps
from sitegen.metrics import METRICS
from sitegen.records import Protocol, Run

__all__ = ["Part", "ReportError", "write_report"]

WORST_ERROR = 0.5
"""Relative error of the brightest colour."""

_WIDTH = 320
"""Columns of a picture, at most."""
_SPARSE = 0.1
"""Share of measured pixels below which points are drawn larger, to be seen at all."""

Float = npt.NDArray[np.float64]


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
class _Row:
    """One image on the page; paths are relative to it."""

    sample: str
    model: str
    value: str
    pixels: int
    near: str
    middle: str
    far: str
    sparse: bool
    fit: str
    note: str
    pictures: dict[str, str]


def write_report(parts: Sequence[Part], out: Path, progress: Progress = lambda _: None) -> Path:
    """Write ``index.html`` and its pictures; return the page.

    Args:
        parts: What to show. All are scored by the same metric, the primary one of their protocols.
        out: Folder to write; what lies there already stays, but for files of the same names.
        progress: Told of each finished image.

    Raises:
        ReportError: If the parts have different primary metrics, or one that is not about depth.
        SavedError: If a prediction cannot be read.
    """
    metric = _metric(parts)
    rows = []
    for index, part in enumerate(parts):
        for row in _rows(part, metric, out, index):
            rows.append(row)
            progress(1)
    text = _template().render(
        rows=sorted(rows, key=lambda row: (row.sample, row.model)),
        skipped=_skipped(parts),
        metric=METRICS[metric],
        means=[(part.run.model.id, part.run.summary[metric], len(part.run.samples.id)) for part in parts],
        protocols=dict.fromkeys(f"{part.dataset.id}: {part.protocol.title}" for part in parts),
        worst=f"{WORST_ERROR:.0%}",
        ramp=_ramp(),
        empty=_hex(colours.NOT_COUNTED),
    )
    write_aside(out / ".gitignore", b"# Images of data sets: their licences may forbid to publish them.\n*\n")
    write_aside(out / "index.html", text.encode())
    return out / "index.html"


def _metric(parts: Sequence[Part]) -> str:
    names = {part.protocol.primary_metric for part in parts}
    if len(names) != 1:
        raise ReportError(f"one page shows one metric, and the protocols' primary ones are {', '.join(sorted(names))}")
    if any("ordinal" in part.protocol.alignment for part in parts):
        raise ReportError("an order of points has no depth that could be drawn")
    return names.pop()


def _skipped(parts: Sequence[Part]) -> list[Skip]:
    found = {Skip(skip.id, skip.reason) for part in parts for skip in part.run.dataset.skipped}
    return sorted(found, key=lambda skip: skip.id)


def _rows(part: Part, metric: str, out: Path, index: int) -> Iterator[_Row]:
    samples = part.run.samples
    for place, name in enumerate(samples.id):
        value = samples.metrics[metric][place]
        depth, truth, valid = _maps(part, sample := part.dataset.read(name))
        near, far = _ends(np.concatenate([truth[valid], depth[valid]]))
        pictures = _pictures(sample, depth, truth, valid, near, far)
        yield _Row(
            sample=name,
            model=part.run.model.id,
            value="none" if value is None else f"{value:.3f}",
            pixels=samples.valid_pixels[place],
            near=_metres(near),
            middle=_metres((near * far) ** 0.5),
            far=_metres(far),
            sparse=float(valid.mean()) < _SPARSE,
            fit=_fit(samples.scale[place], samples.shift[place]),
            note=part.dataset.notes.get(name, ""),
            pictures={key: _save(out, f"{index}-{place:04d}-{key}.webp", image) for key, image in pictures.items()},
        )


def _maps(part: Part, sample: Sample) -> tuple[Float, Float, npt.NDArray[np.bool_]]:
    """Return the depth as it was scored, the truth and which pixels counted, all (H, W)."""
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
    return maps.depth[0].double().numpy(), maps.truth[0].double().numpy(), maps.valid[0].numpy()


def _ends(depth: Float) -> tuple[float, float]:
    """Return between which depths the colours run: nearly all that was measured or predicted where it counts."""
    usable = depth[np.isfinite(depth) & (depth > 0)]
    near, far = (float(value) for value in np.quantile(usable, (0.02, 0.98))) if usable.size else (1.0, 10.0)
    return (near, far) if far > near * 1.01 else (near / 1.1, far * 1.1)


def _pictures(
    sample: Sample, depth: Float, truth: Float, valid: npt.NDArray[np.bool_], near: float, far: float
) -> dict[str, npt.NDArray[np.uint8]]:
    error = np.abs(depth - truth) / np.where(valid, truth, 1)
    small = {"truth": _shrunk(truth, valid), "prediction": _shrunk(depth, depth > 0), "error": _shrunk(error, valid)}
    return {
        "image": _thumbnail(sample.image),
        "truth": colours.painted(small["truth"], near, far, log=True),
        "prediction": colours.painted(small["prediction"], near, far, log=True),
        "error": colours.painted(small["error"], 0, WORST_ERROR),
    }


def _shrunk(values: Float, known: npt.NDArray[np.bool_]) -> Float:
    """Return a map at picture size, each pixel the mean of what is known under it, NaN where nothing is."""
    share, total = (_pooled(torch.from_numpy(plane)) for plane in (known.astype(float), np.where(known, values, 0)))
    if float(known.mean()) < _SPARSE:
        share, total = (_spread(plane, share) for plane in (share, total))
    return torch.where(share > 0, total / share, torch.nan).numpy()


def _pooled(plane: Tensor) -> Tensor:
    rows, columns = plane.shape
    width = min(_WIDTH, columns)
    return adaptive_avg_pool2d(plane[None], (max(1, round(rows * width / columns)), width))[0]


def _spread(plane: Tensor, share: Tensor) -> Tensor:
    """Return a plane with each point of a sparse map also on its neighbours that have none."""
    return torch.where(share > 0, plane, max_pool2d(plane[None], 3, stride=1, padding=1)[0])


def _thumbnail(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    rows, columns = image.shape[:2]
    size = (min(_WIDTH, columns), max(1, round(rows * min(_WIDTH, columns) / columns)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _save(out: Path, name: str, image: npt.NDArray[np.uint8]) -> str:
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / name, "WEBP", quality=90, method=4)
    return f"pictures/{name}"


def _metres(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _fit(scale: float | None, shift: float | None) -> str:
    """Return the fit in words; empty where nothing was fitted."""
    return "" if scale in (None, 1.0) and shift in (None, 0.0) else f"scale {scale:.3g}, shift {shift:.3g}"


def _ramp() -> str:
    stops = colours.viridis(np.linspace(0, 1, 17))
    return ", ".join(_hex(stop) for stop in stops)


def _hex(colour: Sequence[int] | npt.NDArray[np.uint8]) -> str:
    return "#" + "".join(f"{int(value):02x}" for value in colour)


def _template() -> Template:
    environment = Environment(loader=PackageLoader("runners"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.j2")
