"""Checks across files: every id that a record names must exist and every hash must be that of the thing it names."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from sitegen.findings import Finding
from sitegen.records import parameter_fault

if TYPE_CHECKING:
    from sitegen.records import (
        Disagreement,
        GalleryIndex,
        GalleryProtocol,
        Run,
        RunProtocol,
        SampleList,
        Source,
        Verification,
    )
    from sitegen.store import Store, StoredNumber

__all__ = ["cross_check"]


def cross_check(store: Store) -> Iterator[Finding]:
    """Yield a finding for each reference between records that does not hold.

    Args:
        store: Records that have passed the checks of their own types.
    """
    yield from _datasets(store)
    yield from _models(store)
    yield from _sources(store)
    yield from _numbers(store)
    yield from _disagreements(store)
    yield from _protocols(store)
    yield from _runs(store)
    yield from _sensitivity(store)
    yield from _speeds(store)
    yield from _adapters(store)
    yield from _galleries(store)
    yield from _lessons(store)
    yield from _verified(store)
    yield from _disputes(store)


def _error(path: str, pointer: str, message: str) -> Finding:
    return Finding("error", path, pointer, message)


def _keys(store: Store, path: str, keys: list[str]) -> Iterator[Finding]:
    for index, key in enumerate(keys):
        if key not in store.references:
            yield _error(path, f"/bibtex/{index}", f"no entry '{key}' in references.bib")


def _datasets(store: Store) -> Iterator[Finding]:
    for card in store.datasets.values():
        path = f"datasets/{card.id}.yaml"
        yield from _keys(store, path, card.bibtex)
        for index, part in enumerate(card.parts):
            if part not in store.datasets:
                yield _error(path, f"/parts/{index}", f"no data set card '{part}'")


def _models(store: Store) -> Iterator[Finding]:
    variants = {(number.row.model, number.row.variant) for number in store.numbers}
    for card in store.models.values():
        path = f"models/{card.id}.yaml"
        yield from _keys(store, path, card.bibtex)
        for index, seen in enumerate(card.exposure):
            if seen.dataset not in store.datasets:
                yield _error(path, f"/exposure/{index}/dataset", f"no data set card '{seen.dataset}'")
        for index, variant in enumerate(card.main_variants):
            if (card.id, variant) not in variants:
                yield _error(path, f"/main_variants/{index}", f"no number of this model has the variant '{variant}'")


def _sources(store: Store) -> Iterator[Finding]:
    with_numbers = {number.source for number in store.numbers}
    for source in store.sources.values():
        path = f"sources/{source.id}.yaml"
        yield from _keys(store, path, source.bibtex)
        if source.id not in with_numbers:
            yield _error(path, "/", f"has no valid number in {source.id}.csv")
        places = [table.place for table in source.tables]
        for place in sorted({place for place in places if places.count(place) > 1}):
            yield _error(path, "/tables", f"place '{place}' stands twice")


def _numbers(store: Store) -> Iterator[Finding]:
    tables = {source.id: {table.place: table for table in source.tables} for source in store.sources.values()}
    used: set[tuple[str, str]] = set()
    for number in store.numbers:
        used.add((number.source, number.row.place))
        yield from _number_ids(store, number)
        table = tables.get(number.source, {}).get(number.row.place)
        if number.source not in tables:
            continue
        where = f"sources/{number.source}.csv"
        if table is None:
            yield _error(where, f"/{number.line}/place", f"'{number.row.place}' is no table of the source's card")
        elif number.row.family not in table.families:
            yield _error(where, f"/{number.line}/family", f"'{number.row.family}' is not declared for '{table.place}'")
        elif number.row.kind not in table.kinds:
            yield _error(where, f"/{number.line}/kind", f"'{number.row.kind}' is not declared for '{table.place}'")
    for source in store.sources.values():
        yield from _unused_tables(source, used)


def _unused_tables(source: Source, used: set[tuple[str, str]]) -> Iterator[Finding]:
    for index, table in enumerate(source.tables):
        if (source.id, table.place) not in used:
            yield _error(f"sources/{source.id}.yaml", f"/tables/{index}", f"'{table.place}' has no valid number")


def _number_ids(store: Store, number: StoredNumber) -> Iterator[Finding]:
    path, row = f"sources/{number.source}.csv", number.row
    if row.model not in store.models:
        yield _error(path, f"/{number.line}/model", f"no model card '{row.model}'")
    if row.dataset not in store.datasets:
        yield _error(path, f"/{number.line}/dataset", f"no data set card '{row.dataset}'")
    if row.protocol is not None and (row.dataset, row.protocol) not in store.protocols:
        yield _error(path, f"/{number.line}/protocol", f"no protocol '{row.dataset}/{row.protocol}'")
    if row.compared_source is not None and row.compared_source not in store.sources:
        yield _error(path, f"/{number.line}/compared_source", f"no source card '{row.compared_source}'")


def _disagreements(store: Store) -> Iterator[Finding]:
    numbers: dict[int, str] = {}
    for case in store.disagreements.values():
        path = f"disagreements/{case.id}.yaml"
        if case.number in numbers:
            yield _error(path, "/number", f"{case.number} is also the number of '{numbers[case.number]}'")
        numbers[case.number] = case.id
        for pointer, kind, name in _named_by(case):
            if name not in _cards(store, kind):
                yield _error(path, pointer, f"no {kind} card '{name}'")


def _named_by(case: Disagreement) -> Iterator[tuple[str, str, str]]:
    """Yield (pointer, kind of card, id) for every card that a case names."""
    yield from ((f"/models/{index}", "model", name) for index, name in enumerate(case.models))
    yield from ((f"/sources/{index}", "source", name) for index, name in enumerate(case.sources))
    yield "/dataset", "data set", case.dataset
    for index, value in enumerate(case.values):
        for field, kind, name in (
            ("source", "source", value.source),
            ("dataset", "data set", value.dataset),
            ("model", "model", value.model),
        ):
            if name:
                yield f"/values/{index}/{field}", kind, name


def _cards(store: Store, kind: str) -> Collection[str]:
    cards: dict[str, Collection[str]] = {"model": store.models, "data set": store.datasets, "source": store.sources}
    return cards[kind]


def _protocols(store: Store) -> Iterator[Finding]:
    for protocol in store.protocols.values():
        if protocol.dataset not in store.datasets:
            path = f"protocols/{protocol.dataset}/{protocol.id}.yaml"
            yield _error(path, "/dataset", f"no data set card '{protocol.dataset}'")


def _runs(store: Store) -> Iterator[Finding]:
    for folder, run in [*(("runs", run) for run in store.runs), *(("sensitivity", run) for run in store.sensitivity)]:
        path = f"{folder}/{run.dataset.id}/{run.protocol.id}/{run.model.id}.json"
        if run.model.id not in store.models:
            yield _error(path, "/model/id", f"no model card '{run.model.id}'")
        if run.dataset.id not in store.datasets:
            yield _error(path, "/dataset/id", f"no data set card '{run.dataset.id}'")
        faults = list(_protocol_faults(store, run.dataset.id, run.protocol, path))
        yield from faults
        if not faults and folder == "runs":
            yield from _list_faults(run, store.protocols[run.dataset.id, run.protocol.id].sample_list, path)


def _list_faults(run: Run, wanted: SampleList, path: str) -> Iterator[Finding]:
    """Yield where a run is of other images than its protocol's: part of a list must never pass for the whole."""
    if wanted.sha256 not in (None, run.dataset.list_sha256):
        yield _error(path, "/dataset/list_sha256", f"the protocol's list has sha256 {wanted.sha256}")
    if wanted.count not in (None, run.dataset.listed):
        yield _error(path, "/dataset/listed", f"is {run.dataset.listed}, the protocol's list has {wanted.count} images")


def _sensitivity(store: Store) -> Iterator[Finding]:
    """Yield a finding for a run that is not of the same weights as the others of its model and data set."""
    weights: dict[tuple[str, str], str | None] = {}
    for run in store.sensitivity:
        expected = weights.setdefault((run.dataset.id, run.model.id), run.model.weights_sha256)
        if run.model.weights_sha256 != expected:
            path = f"sensitivity/{run.dataset.id}/{run.protocol.id}/{run.model.id}.json"
            yield _error(
                path, "/model/weights_sha256", "is not that of the model's other runs: not the same prediction"
            )


def _speeds(store: Store) -> Iterator[Finding]:
    for speed in store.speeds:
        path, card = f"speed/{speed.device}/{speed.model}.json", store.models.get(speed.model)
        if card is None:
            yield _error(path, "/model", f"no model card '{speed.model}'")
            continue
        for index, case in enumerate(speed.cases):
            if fault := parameter_fault(case.params_m, card.params_m, case.classifier_params_m):
                yield _error(path, f"/cases/{index}/params_m", fault)


def _adapters(store: Store) -> Iterator[Finding]:
    for index, entry in enumerate(store.adapters.models if store.adapters else ()):
        if entry.model not in store.models:
            yield _error("adapters.json", f"/models/{index}/model", f"no model card '{entry.model}'")


def _galleries(store: Store) -> Iterator[Finding]:
    protocols: dict[str, str] = {}
    for gallery in store.galleries:
        folder = f"gallery/{gallery.dataset}/{gallery.sample}"
        yield from _gallery_references(store, gallery, f"{folder}/index.json")
        yield from _gallery_pictures(store, gallery, folder)
        first = protocols.setdefault(gallery.dataset, gallery.protocol.sha256)
        if gallery.protocol.sha256 != first:
            yield _error(f"{folder}/index.json", "/protocol", "is not that of the data set's other entries")


def _gallery_references(store: Store, gallery: GalleryIndex, path: str) -> Iterator[Finding]:
    card = store.datasets.get(gallery.dataset)
    if card is None:
        yield _error(path, "/dataset", f"no data set card '{gallery.dataset}'")
    elif gallery.images and card.images_republishable != "yes":
        yield _error(path, "/images", f"images of '{card.id}' may not be shown: its card does not say that they may")
    yield from _protocol_faults(store, gallery.dataset, gallery.protocol, path)
    for index, entry in enumerate(gallery.models):
        if entry.model.id not in store.models:
            yield _error(path, f"/models/{index}/model/id", f"no model card '{entry.model.id}'")


def _protocol_faults(store: Store, dataset: str, named: GalleryProtocol | RunProtocol, path: str) -> Iterator[Finding]:
    """Yield where a record was scored under a protocol that is not there, or not there as it was."""
    protocol = store.protocols.get((dataset, named.id))
    if protocol is None:
        yield _error(path, "/protocol/id", f"no protocol '{dataset}/{named.id}'")
    elif protocol.digest() != named.sha256:
        yield _error(path, "/protocol/sha256", f"the protocol's sha256 is {protocol.digest()}: it has changed since")


def _gallery_pictures(store: Store, gallery: GalleryIndex, folder: str) -> Iterator[Finding]:
    """Yield a finding for a picture that is absent, that is another one than the index says, or that no index names."""
    for pointer, image in gallery.files.items():
        path = store.root / folder / image.file
        if path.is_symlink() or not path.is_file():
            yield _error(f"{folder}/index.json", f"{pointer}/file", f"no file '{image.file}' beside it")
        elif (found := hashlib.sha256(path.read_bytes()).hexdigest()) != image.sha256:
            yield _error(f"{folder}/index.json", f"{pointer}/sha256", f"the sha256 of '{image.file}' is {found}")
    named = {image.file for image in gallery.files.values()}
    for path in sorted((store.root / folder).glob("*.webp")):
        if path.name not in named:
            yield _error(f"{folder}/{path.name}", "/", "is no picture of the index.json beside it")


def _lessons(store: Store) -> Iterator[Finding]:
    for lesson in store.lessons.values():
        path, card = f"lessons/{lesson.id}.json", store.datasets.get(lesson.dataset)
        if lesson.model.id not in store.models:
            yield _error(path, "/model/id", f"no model card '{lesson.model.id}'")
        if card is None:
            yield _error(path, "/dataset", f"no data set card '{lesson.dataset}'")
        elif getattr(lesson.content, "colours", None) and card.images_republishable != "yes":
            yield _error(
                path, "/content/colours", f"images of '{card.id}' may not be shown: its card does not say that they may"
            )
        yield from _protocol_faults(store, lesson.dataset, lesson.protocol, path)


def _verified(store: Store) -> Iterator[Finding]:
    runs = {run.sha256: run for run in store.runs}
    by: dict[str, dict[str, str]] = {}
    for index, entry in enumerate(store.verified):
        pointer, run = f"/digests/{index}", runs.get(entry.sha256)
        if run is None:
            yield Finding("warning", "verified.yaml", pointer, f"no run has the digest {entry.sha256}")
            continue
        earlier = by.setdefault(entry.sha256, {})
        yield from (_error("verified.yaml", f"{pointer}/{at}", text) for at, text in _no_witness(entry, run, earlier))
        earlier[_same_person(entry.verified_by)] = entry.relation


def _no_witness(entry: Verification, run: Run, earlier: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield why an entry proves nothing; ``earlier`` has who vouched for the run before, and in which relation."""
    name = _same_person(entry.verified_by)
    if name == _same_person(run.submitter):
        yield "verified_by", f"'{entry.verified_by}' submitted the run: somebody else has to run it again"
    if name in earlier:
        same = "stands here twice" if earlier[name] == entry.relation else "cannot be maintainer and second party"
        yield "verified_by", f"'{entry.verified_by}' {same} for the run {entry.sha256[:12]}"
    if entry.date < run.timings.started[:10]:
        yield "date", f"is {entry.date}, but the run is of {run.timings.started[:10]}"


def _same_person(name: str) -> str:
    """Return a name as it is compared: case, white space and look-alike forms aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _disputes(store: Store) -> Iterator[Finding]:
    known = {run.sha256 for run in store.runs} | {number.id for number in store.numbers}
    for index, entry in enumerate(store.disputes.values()):
        if entry.of not in known:
            what = "run has the digest" if entry.run else "published number has the id"
            message = f"no {what} {entry.of}: what is withdrawn or disputed has to stay"
            yield _error("disputes.yaml", f"/disputes/{index}", message)
