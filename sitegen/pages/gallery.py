"""The gallery: images of a data set with their truth, beside what each model predicted and where that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sitegen import words
from sitegen.grouping import group
from sitegen.metrics import METRICS, Metric
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import distinct, gallery_hrefs
from sitegen.records import (
    DatasetCard,
    GalleryFile,
    GalleryImage,
    GalleryIndex,
    GalleryScale,
    mean_and_spread,
    record_text,
)
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.text import _, numeral

__all__ = ["pages"]

_PATH = "gallery/index.md"


@dataclass(frozen=True)
class _Figure:
    """One picture with its words."""

    image: GalleryImage
    src: str
    small: str
    """Picture and small copy, from the page."""
    name: str
    value: str
    """The model's metric on this image; empty where the picture is no model's."""
    scale: str
    """Which legend its colours have: ``depth``, ``error`` or none."""


@dataclass(frozen=True)
class _Shot:
    """One image on the page."""

    entry: GalleryIndex
    figures: Sequence[_Figure]
    values: Sequence[tuple[str, str, str]]
    """(model's id, its name, its value as text), the best first."""

    @cached_property
    def metric(self) -> Metric:
        """Return what the values are of."""
        return METRICS[self.entry.protocol.primary_metric]

    @cached_property
    def badness(self) -> float | str:
        """Return what sorting by worst goes by: high is bad; empty where a model has no value."""
        rating = mean_and_spread(self.entry.values)
        return "" if rating is None else self.metric.badness(rating[0])

    @cached_property
    def spread(self) -> float | str:
        """Return how far the models are apart; empty where one has no value."""
        rating = mean_and_spread(self.entry.values)
        return "" if rating is None else rating[1]

    @property
    def why(self) -> list[str]:
        """Return in words why the image was chosen."""
        return [words.gallery_choice(choice) for choice in self.entry.chosen]

    @property
    def legends(self) -> list[tuple[str, list[str]]]:
        """Return (name, words under the ramp's start, middle and end) of each colour scale."""
        scales = (("depth", self.entry.depth_scale), ("error", self.entry.error_scale))
        return [(name, _ticks(scale)) for name, scale in scales if scale]


def pages(store: Store) -> Iterator[Page]:
    """Yield the index of galleries and a page for each data set that has one."""
    found = group(store.galleries, lambda entry: entry.dataset)
    yield _index(store, found)
    for dataset, path in gallery_hrefs(store).items():
        yield _dataset_page(store, store.datasets[dataset], found[dataset], path.replace(".html", ".md"))


def _index(store: Store, found: dict[str, list[GalleryIndex]]) -> Page:
    cards = [
        {
            "card": store.datasets[dataset],
            "href": href,
            "entries": found[dataset],
            "models": distinct(entry.model.id for shot in found[dataset] for entry in shot.models),
            "thumb": next((_src(shot, shot.images[0]) for shot in found[dataset] if shot.images), ""),
        }
        for dataset, href in gallery_hrefs(store).items()
    ]
    body = render("galleries.md.j2", _PATH, store=store, cards=cards)
    about = _("Images with their true depth, the depth that each model predicts, and where it is wrong.")
    return Page(_PATH, _("Gallery"), body, about)


def _dataset_page(store: Store, card: DatasetCard, entries: Sequence[GalleryIndex], path: str) -> Page:
    shots = [_shot(store, entry) for entry in entries]
    protocol = store.protocols[card.id, entries[0].protocol.id]
    body = render(
        "gallery.md.j2",
        path,
        store=store,
        card=card,
        shots=shots,
        protocol=protocol,
        metric=shots[0].metric,
        models=_by_quality(entries, shots[0].metric),
        deviating=_deviating(entries),
        views=_views(shots),
    )
    about = _("{name}: image, true depth, prediction and error of each model side by side.")
    files = tuple(file for entry in entries for file in _files(store, entry))
    return Page(path, _("{name}: gallery").format(name=card.name), body, about.format(name=card.name), files)


def _files(store: Store, entry: GalleryIndex) -> Iterator[DataFile]:
    place = f"gallery/{entry.dataset}/{entry.sample}"
    yield DataFile(f"{place}/index.json", record_text(entry))
    for image in entry.files.values():
        yield DataFile(f"{place}/{image.file}", (store.root / place / image.file).read_bytes())


def _src(entry: GalleryIndex, image: GalleryFile) -> str:
    return f"{entry.dataset}/{entry.sample}/{image.file}"


def _shot(store: Store, entry: GalleryIndex) -> _Shot:
    metric = METRICS[entry.protocol.primary_metric]
    values = {model.model.id: model.metrics[metric.id] for model in entry.models}
    figures = [
        _Figure(
            image,
            _src(entry, image),
            _src(entry, image.small),
            words.gallery_view(image.kind, store.models[image.model].name if image.model else ""),
            f"{metric.symbol} {_shown(values[image.model])}" if image.model else "",
            {"image": "", "error": "error"}.get(image.kind, "depth"),
        )
        for image in entry.images
    ]
    ranked = sorted(values.items(), key=lambda pair: (pair[1] is None, metric.badness(pair[1] or 0), pair[0]))
    return _Shot(entry, figures, [(model, store.models[model].name, _shown(value)) for model, value in ranked])


def _shown(value: float | None) -> str:
    return _("no value") if value is None else numeral(value, ".3f")


def _ticks(scale: GalleryScale) -> list[str]:
    """Return what stands under start, middle and end of a ramp; what lies beyond an end has its colour."""
    ends = (scale.low, scale.middle, scale.high)
    if scale.unit == "relative":
        low, middle, high = (numeral(100 * value, ".3g") + " %" for value in ends)
        return [low, middle, _("{end} and more").format(end=high)]
    low, middle, high = (numeral(value, ".3g") + " m" for value in ends)
    return [_("{end} and nearer").format(end=low), middle, _("{end} and farther").format(end=high)]


def _by_quality(entries: Sequence[GalleryIndex], metric: Metric) -> list[str]:
    """Return the models, the best on all images together first."""
    values = group(
        ((entry.model.id, entry.metrics[metric.id]) for shot in entries for entry in shot.models), lambda pair: pair[0]
    )
    means = {model: mean_and_spread(value for _model, value in pairs) for model, pairs in values.items()}
    worst = float("inf")
    return sorted(means, key=lambda model: (metric.badness(rating[0]) if (rating := means[model]) else worst, model))


def _views(shots: Sequence[_Shot]) -> list[tuple[str, str]]:
    """Return (view, name) of every picture that some image of the page has."""
    return list({figure.image.view: figure.name for shot in shots for figure in shot.figures}.items())


def _deviating(entries: Sequence[GalleryIndex]) -> list[tuple[str, list[str]]]:
    """Return (model, in what its predictions were made otherwise than the protocol says)."""
    return list(
        {entry.model.id: entry.deviations for shot in entries for entry in shot.models if entry.deviations}.items()
    )
