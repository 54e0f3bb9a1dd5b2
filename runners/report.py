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
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from runners import colours
from runners.datasets.base import Skip
from runners.measure import Progress
from runners.pictures import (
    WORST_ERROR,
    Part,
    ends,
    metric_of,
    own_pictures,
    scored,
    shared_pictures,
    webp,
)
from sitegen.files import write_aside
from sitegen.metrics import METRICS

__all__ = ["write_report"]

_WIDTH = 320
"""Columns of a picture, at most."""


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
    metric = metric_of(parts)
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


def _skipped(parts: Sequence[Part]) -> list[Skip]:
    found = {Skip(skip.id, skip.reason) for part in parts for skip in part.run.dataset.skipped}
    return sorted(found, key=lambda skip: skip.id)


def _rows(part: Part, metric: str, out: Path, index: int) -> Iterator[_Row]:
    samples = part.run.samples
    for place, name in enumerate(samples.id):
        value = samples.metrics[metric][place]
        maps = scored(part, sample := part.dataset.read(name))
        near, far = ends(np.concatenate([maps.truth[maps.valid], maps.depth[maps.valid]]))
        pictures = {**shared_pictures(sample, maps, near, far, _WIDTH), **own_pictures(maps, near, far, _WIDTH)}
        yield _Row(
            sample=name,
            model=part.run.model.id,
            value="none" if value is None else f"{value:.3f}",
            pixels=samples.valid_pixels[place],
            near=_metres(near),
            middle=_metres((near * far) ** 0.5),
            far=_metres(far),
            sparse=maps.sparse,
            fit=_fit(samples.scale[place], samples.shift[place]),
            note=part.dataset.notes.get(name, ""),
            pictures={key: _save(out, f"{index}-{place:04d}-{key}.webp", image) for key, image in pictures.items()},
        )


def _save(out: Path, name: str, image: npt.NDArray[np.uint8]) -> str:
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(webp(image))
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
