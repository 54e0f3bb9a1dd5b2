"""The gallery: chosen images with their truth, and each model's prediction and error, for the site.

An image is shown only where the card of its data set says that it may be. The gallery of a data set is written aside
and takes the old one's place whole: equal predictions give equal bytes. docs/adr/0014-gallery.md.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runners.cloud import write_cloud
from runners.datasets.base import Sample
from runners.measure import Progress
from runners.pictures import (
    WORST_ERROR,
    Maps,
    Part,
    Picture,
    ReportError,
    ends,
    metric_of,
    own_pictures,
    scored,
    shared_pictures,
    thumbnail,
    write_webp,
)
from sitegen.files import replace_folder, write_aside
from sitegen.metrics import METRICS, Metric
from sitegen.records import (
    DatasetCard,
    GalleryChoice,
    GalleryImage,
    GalleryIndex,
    GalleryModel,
    GalleryProtocol,
    GalleryScale,
    GallerySmall,
    PictureKind,
    mean_and_spread,
    record_text,
    round_significant,
)
from sitegen.store import explain

__all__ = ["WIDTH", "Wanted", "choose", "write_gallery"]

WIDTH = 640
"""Columns of a picture, at most."""
_SMALL = 160
"""Columns of its small copy, at most."""
_QUALITY = 80
_SMALL_QUALITY = 60


@dataclass(frozen=True)
class Wanted:
    """How many images to show of each sort; one image may be of several sorts."""

    picks: int = 2
    """Spread evenly over the sorted ids, whatever the models do."""
    worst: int = 1
    best: int = 1
    disagreeing: int = 1


def write_gallery(
    parts: Sequence[Part], card: DatasetCard, wanted: Wanted, out: Path, progress: Progress = lambda _: None
) -> Path:
    """Write the gallery of a data set, in the place of the one that was there; return its folder.

    Args:
        parts: One a model, all of the same images and protocol.
        card: Of the data set; pictures are written only if it says that images may be shown again.
        wanted: Which images.
        out: Folder of all galleries.
        progress: Told of each finished image.

    Raises:
        ReportError: If the parts do not belong together, nothing is to be shown, or the folder is no gallery.
        SavedError: If a prediction cannot be read.
    """
    metric = _checked(parts, card)
    parts = sorted(parts, key=lambda part: part.run.model.id)
    chosen = choose(_values(parts, metric), wanted, METRICS[metric])
    if not chosen:
        raise ReportError("no image is to be shown: ask for more, or for images that all models were scored on")
    folder = out / card.id
    _refuse_strangers(folder)
    aside = out / f".{card.id}.part"
    shutil.rmtree(aside, ignore_errors=True)
    for slug, (sample, why) in zip(_slugs(chosen), sorted(chosen.items()), strict=True):
        _write_entry(parts, card, sample, why, aside / slug)
        progress(1)
    replace_folder(aside, folder)
    return folder


def choose(
    values: Mapping[str, Sequence[float | None]], wanted: Wanted, metric: Metric
) -> dict[str, list[GalleryChoice]]:
    """Return which images to show, by id, and why each.

    Args:
        values: The models' values of each image, by its id. An image that a model has no value of is neither worst
            nor best nor disagreed on.
        wanted: How many of each sort.
        metric: What the values are of.
    """
    rated = {sample: rating for sample in sorted(values) if (rating := mean_and_spread(values[sample]))}
    by_error = sorted(rated, key=lambda sample: metric.badness(rated[sample][0]))
    by_spread = sorted(rated, key=lambda sample: -rated[sample][1])
    sorts: dict[GalleryChoice, list[str]] = {
        "pick": _evenly(sorted(values), wanted.picks),
        "worst": by_error[::-1][: wanted.worst],
        "best": by_error[: wanted.best],
        "disagreeing": by_spread[: wanted.disagreeing],
    }
    found = dict.fromkeys(sorted({sample for samples in sorts.values() for sample in samples}))
    return {sample: [why for why, samples in sorts.items() if sample in samples] for sample in found}


def _evenly(names: Sequence[str], count: int) -> list[str]:
    """Return that many of the names, as far apart as they go; the first is always among them."""
    count = min(count, len(names))
    return [names[index * len(names) // count] for index in range(count)]


def _checked(parts: Sequence[Part], card: DatasetCard) -> str:
    """Return the primary metric of parts that belong together."""
    metric = metric_of(parts)
    faults = []
    if strangers := sorted({part.dataset.id for part in parts} - {card.id}):
        faults.append(f"a gallery is of one data set; these are of '{card.id}' and of {', '.join(strangers)}")
    if len({part.protocol.digest() for part in parts}) > 1:
        faults.append("a gallery is scored under one protocol; name it with --protocol")
    if len({part.dataset.list_sha256 for part in parts}) > 1:
        faults.append("the predictions are of different lists of images")
    models = [part.run.model.id for part in parts]
    if twice := sorted({name for name in models if models.count(name) > 1}):
        faults.append(f"a gallery shows a model once; several folders are of {', '.join(twice)}")
    if faults:
        raise ReportError("\n".join(faults))
    return metric


def _values(parts: Sequence[Part], metric: str) -> dict[str, list[float | None]]:
    """Return each model's value of every image that all models were scored on."""
    columns = [dict(zip(p.run.samples.id, p.run.samples.metrics[metric], strict=True)) for p in parts]
    return {name: [column[name] for column in columns] for name in columns[0] if all(name in c for c in columns)}


def _refuse_strangers(folder: Path) -> None:
    strangers = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_ours(path, folder)]
    if strangers:
        raise ReportError(f"{folder}: would be replaced, and {strangers[0]} is no file of a gallery")


def _is_ours(path: Path, folder: Path) -> bool:
    return path.parent.parent == folder and (path.name == "index.json" or path.suffix == ".webp")


def _slugs(samples: Iterable[str]) -> Iterator[str]:
    """Yield the folder of each image, in the order of their ids: what is readable of it, numbered where that is equal.

    Deterministic: a folder depends on the ids of the gallery's images alone.
    """
    used: set[str] = set()
    for sample in sorted(samples):
        base = re.sub(r"[^a-z0-9]+", "-", sample.lower())[-56:].strip("-") or "image"
        slug, number = base, 2
        while slug in used:
            slug, number = f"{base}-{number}", number + 1
        used.add(slug)
        yield slug


def _write_entry(parts: Sequence[Part], card: DatasetCard, sample: str, why: list[GalleryChoice], folder: Path) -> None:
    shown = card.images_republishable == "yes"
    protocol = parts[0].protocol
    try:
        index = GalleryIndex(
            schema_version=1,
            dataset=card.id,
            sample=folder.name,
            title=sample,
            licence=card.licence or "not stated",
            protocol=GalleryProtocol(id=protocol.id, sha256=protocol.digest(), primary_metric=protocol.primary_metric),
            chosen=why,
            models=[_model(part, sample) for part in parts],
            **(_drawn(parts, sample, folder) if shown else {"withheld": _withheld(card)}),
        )
    except ValidationError as error:
        raise ReportError("\n".join(f"{sample}: {pointer}: {text}" for pointer, text in explain(error))) from error
    write_aside(folder / "index.json", record_text(index).encode())


def _withheld(card: DatasetCard) -> str:
    said = {"no": "forbids to show its images again", "unknown": "is not known to allow its images to be shown again"}
    return f"No pictures: the licence of {card.name} {said[card.images_republishable]}."


def _model(part: Part, sample: str) -> GalleryModel:
    samples = part.run.samples
    place = samples.id.index(sample)
    return GalleryModel(
        model=part.run.model,
        metrics={name: column[place] for name, column in samples.metrics.items()},
        scale=samples.scale[place],
        shift=samples.shift[place],
        deviations=part.run.deviations,
        environment=part.run.environment,
        command=part.saved.index.command,
    )


def _drawn(parts: Sequence[Part], name: str, folder: Path) -> dict[str, Any]:
    """Write an image's pictures; return the fields of the index that say what they are."""
    sample = parts[0].dataset.read(name)
    maps = {part.run.model.id: scored(part, sample) for part in parts}
    first = next(iter(maps.values()))
    near, far = (round_significant(end, 4) for end in ends(first.truth[first.valid]))
    images = [_image(folder, picture, *what) for what, picture in _pictures(maps, sample, near, far)]
    return {
        "cloud": write_cloud(maps, sample, folder),
        "depth_scale": GalleryScale(low=near, high=far, unit="m", steps="ratio"),
        "error_scale": GalleryScale(low=0, high=WORST_ERROR, unit="relative", steps="difference"),
        "images": images,
    }


def _pictures(
    maps: Mapping[str, Maps], sample: Sample, near: float, far: float
) -> Iterator[tuple[tuple[PictureKind, str | None, str], Picture]]:
    """Yield (kind, model, alternative text) and picture, in the order of the index."""
    first = next(iter(maps.values()))
    shared = shared_pictures(sample, first, near, far, WIDTH)
    scale = f"dark is {near:g} m and nearer, bright {far:g} m and farther"
    yield ("image", None, f"The image {sample.id}"), shared["image"]
    yield ("ground-truth", None, f"True depth of {sample.id}: {scale}"), shared["truth"]
    for model, found in maps.items():
        own = own_pictures(found, near, far, WIDTH)
        yield ("prediction", model, f"Depth of {sample.id} by {model}: {scale}"), own["prediction"]
        text = f"Error of {model} on {sample.id}: dark is none, bright {WORST_ERROR:.0%} of the true depth and more"
        yield ("error", model, text), own["error"]


def _image(folder: Path, picture: Picture, kind: PictureKind, model: str | None, alt: str) -> GalleryImage:
    name = f"{'.'.join(filter(None, (kind, model)))}.webp"
    small = GallerySmall(**write_webp(folder / f"small.{name}", thumbnail(picture, _SMALL), quality=_SMALL_QUALITY))
    file = write_webp(folder / name, picture, quality=_QUALITY)
    return GalleryImage(**file, kind=kind, model=model, small=small, alt=alt)
