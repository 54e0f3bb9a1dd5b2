"""Checks across files: every id that a record names must exist and every hash must be that of the thing it names."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING

from sitegen.findings import Finding, closest
from sitegen.reading import MAX_FINDINGS
from sitegen.records import parameter_fault
from sitegen.tree import MAX_PICTURE_BYTES
from sitegen.webp import webp_faults, webp_size

if TYPE_CHECKING:
    from sitegen.records import (
        DatasetCard,
        Disagreement,
        GalleryFile,
        GalleryIndex,
        GalleryProtocol,
        ModelCard,
        PublishedNumber,
        Run,
        RunProtocol,
        SampleList,
        Source,
        SourceTable,
        Verification,
    )
    from sitegen.store import Store, StoredNumber

__all__ = ["cross_check", "number_name"]


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
    yield from _some(_adapters(store))
    yield from _galleries(store)
    yield from _lessons(store)
    yield from _verified(store)
    yield from _disputes(store)
    yield from _names(store)


def _some(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Return the first findings of a file: to look for what was meant takes time, which a hostile file wants."""
    return islice(findings, MAX_FINDINGS)


def _error(path: str, pointer: str, message: str, **advice: str) -> Finding:
    return Finding("error", path, pointer, message, **advice)


_FOLDERS = {"model": "models", "data set": "datasets", "source": "sources"}
"""Kinds of cards that records name, and their folders."""


def _cards(store: Store, kind: str) -> Mapping[str, object]:
    known: dict[str, Mapping[str, object]]
    known = {"model": store.models, "data set": store.datasets, "source": store.sources}
    return known[kind]


def _is_card(store: Store, kind: str, name: str) -> bool:
    """Return whether there is a card of an id, be it one with faults of its own: these are told once."""
    return name in _cards(store, kind) or (store.root / _FOLDERS[kind] / f"{name}.yaml").is_file()


def _no_card(store: Store, path: str, pointer: str, kind: str, name: str) -> Iterator[Finding]:
    """Yield a finding if there is no card of an id."""
    if not _is_card(store, kind, name):
        mend = f"name a card that is there, or add {_FOLDERS[kind]}/{name}.yaml"
        yield _error(
            path, pointer, f"no {kind} card '{name}'", mend=mend, suggestion=closest(name, _cards(store, kind))
        )


def _no_protocol(store: Store, path: str, pointer: str, dataset: str, name: str) -> Iterator[Finding]:
    """Yield a finding if a data set has no protocol of an id."""
    known = {protocol for owner, protocol in store.protocols if owner == dataset}
    file = store.root / "protocols" / dataset / f"{name}.yaml"
    if name not in known and not file.exists():
        yield _error(path, pointer, f"no protocol '{dataset}/{name}'", suggestion=closest(name, known))


def _keys(store: Store, path: str, keys: list[str]) -> Iterator[Finding]:
    for index, key in enumerate(keys):
        if key not in store.references:
            known = closest(key, store.references)
            yield _error(path, f"/bibtex/{index}", f"no entry '{key}' in references.bib", suggestion=known)


def _datasets(store: Store) -> Iterator[Finding]:
    for card in store.datasets.values():
        yield from _some(_dataset(store, card))


def _dataset(store: Store, card: DatasetCard) -> Iterator[Finding]:
    path = f"datasets/{card.id}.yaml"
    yield from _keys(store, path, card.bibtex)
    for index, part in enumerate(card.parts):
        yield from _no_card(store, path, f"/parts/{index}", "data set", part)


def _models(store: Store) -> Iterator[Finding]:
    variants = {(number.row.model, number.row.variant) for number in store.numbers}
    for card in store.models.values():
        yield from _some(_model(store, card, variants))


def _model(store: Store, card: ModelCard, variants: set[tuple[str, str]]) -> Iterator[Finding]:
    path = f"models/{card.id}.yaml"
    yield from _keys(store, path, card.bibtex)
    for index, seen in enumerate(card.exposure):
        yield from _no_card(store, path, f"/exposure/{index}/dataset", "data set", seen.dataset)
    for index, variant in enumerate(card.main_variants):
        if (card.id, variant) not in variants:
            yield _error(path, f"/main_variants/{index}", f"no number of this model has the variant '{variant}'")


def _sources(store: Store) -> Iterator[Finding]:
    with_numbers = {number.source for number in store.numbers}
    for source in store.sources.values():
        yield from _some(_source(store, source, with_numbers))


def _source(store: Store, source: Source, with_numbers: set[str]) -> Iterator[Finding]:
    path = f"sources/{source.id}.yaml"
    yield from _keys(store, path, source.bibtex)
    if source.id not in with_numbers:
        yield _error(path, "/", f"has no valid number in {source.id}.csv")
    places = Counter(table.place for table in source.tables)
    for place in sorted(place for place, count in places.items() if count > 1):
        yield _error(path, "/tables", f"place '{place}' stands twice")


def _numbers(store: Store) -> Iterator[Finding]:
    by_source: dict[str, list[StoredNumber]] = defaultdict(list)
    for number in store.numbers:
        by_source[number.source].append(number)
    for name, numbers in by_source.items():
        yield from _some(_repeated(numbers))
        yield from _some(_numbers_of(store, store.sources.get(name), numbers))
    used = {(number.source, number.row.place) for number in store.numbers}
    for source in store.sources.values():
        yield from _unused_tables(source, used)


def _numbers_of(store: Store, source: Source | None, numbers: list[StoredNumber]) -> Iterator[Finding]:
    tables = {table.place: table for table in source.tables} if source else {}
    for number in numbers:
        yield from _number_ids(store, number)
        yield from _as_printed(number)
        if source:
            yield from _placing(number, tables.get(number.row.place))


def _placing(number: StoredNumber, table: SourceTable | None) -> Iterator[Finding]:
    """Yield where a number's table is not on the source's card, or its card says otherwise of it."""
    where, row = f"sources/{number.source}.csv", number.row
    if table is None:
        yield _error(where, f"/{number.line}/place", f"'{row.place}' is no table of the source's card")
    elif row.family not in table.families:
        yield _error(where, f"/{number.line}/family", f"'{row.family}' is not declared for '{table.place}'")
    elif row.kind not in table.kinds:
        yield _error(where, f"/{number.line}/kind", f"'{row.kind}' is not declared for '{table.place}'")


def _unused_tables(source: Source, used: set[tuple[str, str]]) -> Iterator[Finding]:
    for index, table in enumerate(source.tables):
        if (source.id, table.place) not in used:
            yield _error(f"sources/{source.id}.yaml", f"/tables/{index}", f"'{table.place}' has no valid number")


def _number_ids(store: Store, number: StoredNumber) -> Iterator[Finding]:
    path, row = f"sources/{number.source}.csv", number.row
    yield from _no_card(store, path, f"/{number.line}/model", "model", row.model)
    yield from _no_card(store, path, f"/{number.line}/dataset", "data set", row.dataset)
    if row.protocol is not None:
        yield from _no_protocol(store, path, f"/{number.line}/protocol", row.dataset, row.protocol)
    if row.compared_source is not None:
        yield from _no_card(store, path, f"/{number.line}/compared_source", "source", row.compared_source)


_PRINTED = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")


def _as_printed(number: StoredNumber) -> Iterator[Finding]:
    """Yield where a value is not what was printed, or that times a power of ten (percent, millimetres)."""
    row, where = number.row, f"sources/{number.source}.csv"
    found = _PRINTED.search(row.value_as_printed.replace(",", ""))
    if found is None:
        yield _error(where, f"/{number.line}/value_as_printed", f"'{row.value_as_printed}' holds no number")
        return
    printed = float(found.group())
    if not any(math.isclose(row.value, printed * 10.0**power, rel_tol=1e-5) for power in range(-6, 7)):
        message = f"is {row.value:g}, which is not the printed '{row.value_as_printed}' or that times a power of ten"
        yield _error(where, f"/{number.line}/value", message)


def number_name(row: PublishedNumber) -> str:
    """Return what tells a published number from the others of its source."""
    parts = (row.model, row.variant, row.dataset, row.split, row.protocol_note, row.metric, row.place)
    return " | ".join(part for part in parts if part)


def _repeated(numbers: list[StoredNumber]) -> Iterator[Finding]:
    """Yield numbers that stand twice in a source."""
    first: dict[str, int] = {}
    for number in numbers:
        line = first.setdefault(number_name(number.row), number.line)
        if line != number.line:
            yield _error(f"sources/{number.source}.csv", f"/{number.line}", f"is the same number as in line {line}")


def _disagreements(store: Store) -> Iterator[Finding]:
    numbers: dict[int, str] = {}
    for case in store.disagreements.values():
        path = f"disagreements/{case.id}.yaml"
        if case.number in numbers:
            yield _error(path, "/number", f"{case.number} is also the number of '{numbers[case.number]}'")
        numbers[case.number] = case.id
        named = (_no_card(store, path, pointer, kind, name) for pointer, kind, name in _named_by(case))
        yield from _some(chain.from_iterable(named))


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


def _protocols(store: Store) -> Iterator[Finding]:
    for protocol in store.protocols.values():
        path = f"protocols/{protocol.dataset}/{protocol.id}.yaml"
        yield from _no_card(store, path, "/dataset", "data set", protocol.dataset)


def _runs(store: Store) -> Iterator[Finding]:
    for folder, run in [*(("runs", run) for run in store.runs), *(("sensitivity", run) for run in store.sensitivity)]:
        path = f"{folder}/{run.place}"
        yield from _no_card(store, path, "/model/id", "model", run.model.id)
        yield from _no_card(store, path, "/dataset/id", "data set", run.dataset.id)
        yield from _list_digest(run, path)
        faults = list(_protocol_faults(store, run.dataset.id, run.protocol, path))
        yield from faults
        protocol = store.protocols.get((run.dataset.id, run.protocol.id))
        if protocol and not faults and folder == "runs":
            yield from _list_faults(run, protocol.sample_list, path)


def _list_digest(run: Run, path: str) -> Iterator[Finding]:
    """Yield where the digest of the list of images is not that of the ids that the run has scored or left out."""
    ids = sorted([*run.samples.id, *(skip.id for skip in run.dataset.skipped)])
    digest = hashlib.sha256("".join(f"{name}\n" for name in ids).encode()).hexdigest()
    if digest != run.dataset.list_sha256:
        yield _error(path, "/dataset/list_sha256", f"the sha256 of the images that stand here is {digest}")


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
            path = f"sensitivity/{run.place}"
            yield _error(
                path, "/model/weights_sha256", "is not that of the model's other runs: not the same prediction"
            )


def _speeds(store: Store) -> Iterator[Finding]:
    for speed in store.speeds:
        path, card = f"speed/{speed.device}/{speed.model}.json", store.models.get(speed.model)
        if card is None:
            yield from _no_card(store, path, "/model", "model", speed.model)
            continue
        for index, case in enumerate(speed.cases):
            if fault := parameter_fault(case.params_m, card.params_m, case.classifier_params_m):
                yield _error(path, f"/cases/{index}/params_m", fault)


def _adapters(store: Store) -> Iterator[Finding]:
    for index, entry in enumerate(store.adapters.models if store.adapters else ()):
        yield from _no_card(store, "adapters.json", f"/models/{index}/model", "model", entry.model)


def _galleries(store: Store) -> Iterator[Finding]:
    protocols: dict[str, str] = {}
    for path in sorted(store.root.glob("gallery/*/*/*.webp")):
        if not path.with_name("index.json").is_file():
            yield _error(path.relative_to(store.root).as_posix(), "/", "is no picture of an index.json beside it")
    for gallery in store.galleries:
        folder = f"gallery/{gallery.dataset}/{gallery.sample}"
        yield from _some(_gallery_references(store, gallery, f"{folder}/index.json"))
        yield from _gallery_pictures(store, gallery, folder)
        first = protocols.setdefault(gallery.dataset, gallery.protocol.sha256)
        if gallery.protocol.sha256 != first:
            yield _error(f"{folder}/index.json", "/protocol", "is not that of the data set's other entries")


def _gallery_references(store: Store, gallery: GalleryIndex, path: str) -> Iterator[Finding]:
    card = store.datasets.get(gallery.dataset)
    if card is None:
        yield from _no_card(store, path, "/dataset", "data set", gallery.dataset)
    elif gallery.images and card.images_republishable != "yes":
        yield _error(path, "/images", f"images of '{card.id}' may not be shown: its card does not say that they may")
    yield from _protocol_faults(store, gallery.dataset, gallery.protocol, path)
    for index, entry in enumerate(gallery.models):
        yield from _no_card(store, path, f"/models/{index}/model/id", "model", entry.model.id)


def _protocol_faults(store: Store, dataset: str, named: GalleryProtocol | RunProtocol, path: str) -> Iterator[Finding]:
    """Yield where a record was scored under a protocol that is not there, or not there as it was."""
    protocol = store.protocols.get((dataset, named.id))
    if protocol is None:
        yield from _no_protocol(store, path, "/protocol/id", dataset, named.id)
    elif protocol.digest() != named.sha256:
        yield _error(path, "/protocol/sha256", f"the protocol's sha256 is {protocol.digest()}: it has changed since")


def _gallery_pictures(store: Store, gallery: GalleryIndex, folder: str) -> Iterator[Finding]:
    """Yield a finding for a picture that is absent, that is another one than the index says, or that no index names."""
    for pointer, image in gallery.files.items():
        path = store.root / folder / image.file
        if path.is_symlink() or not path.is_file():
            yield _error(f"{folder}/index.json", f"{pointer}/file", f"no file '{image.file}' beside it")
        elif path.stat().st_size <= MAX_PICTURE_BYTES:  # what is larger is refused by its size
            yield from _picture_faults(path.read_bytes(), image, folder, pointer)
    named = {image.file for image in gallery.files.values()}
    for path in sorted((store.root / folder).glob("*.webp")):
        if path.name not in named:
            yield _error(f"{folder}/{path.name}", "/", "is no picture of the index.json beside it")


def _picture_faults(data: bytes, image: GalleryFile, folder: str, pointer: str) -> Iterator[Finding]:
    """Yield where a file is not what its index says, or no still WebP picture and nothing else."""
    index = f"{folder}/index.json"
    if (found := hashlib.sha256(data).hexdigest()) != image.sha256:
        yield _error(index, f"{pointer}/sha256", f"the sha256 of '{image.file}' is {found}")
    faults = list(webp_faults(data))
    yield from (_error(f"{folder}/{image.file}", "/", fault) for fault in faults)
    if not faults and (size := webp_size(data)) != (image.width, image.height):
        yield _error(index, f"{pointer}/width", f"is {image.width} x {image.height}; '{image.file}' has {size}")


def _lessons(store: Store) -> Iterator[Finding]:
    for lesson in store.lessons.values():
        path, card = f"lessons/{lesson.id}.json", store.datasets.get(lesson.dataset)
        yield from _no_card(store, path, "/model/id", "model", lesson.model.id)
        if card is None:
            yield from _no_card(store, path, "/dataset", "data set", lesson.dataset)
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
        earlier[_folded(entry.verified_by)] = entry.relation


def _no_witness(entry: Verification, run: Run, earlier: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield why an entry proves nothing; ``earlier`` has who vouched for the run before, and in which relation."""
    name = _folded(entry.verified_by)
    if name == _folded(run.submitter):
        yield "verified_by", f"'{entry.verified_by}' submitted the run: somebody else has to run it again"
    if name in earlier:
        same = "stands here twice" if earlier[name] == entry.relation else "cannot be maintainer and second party"
        yield "verified_by", f"'{entry.verified_by}' {same} for the run {entry.sha256[:12]}"
    if entry.date < run.timings.started[:10]:
        yield "date", f"is {entry.date}, but the run is of {run.timings.started[:10]}"


def _disputes(store: Store) -> Iterator[Finding]:
    known = {run.sha256 for run in store.runs} | {number.id for number in store.numbers}
    for index, entry in enumerate(store.disputes.values()):
        if entry.of not in known:
            what = "run has the digest" if entry.run else "published number has the id"
            message = f"no {what} {entry.of}: what is withdrawn or disputed has to stay"
            yield _error("disputes.yaml", f"/disputes/{index}", message)


_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "FULLWIDTH", "MATHEMATICAL")
"""First words of the names of letters that look like others."""


def _names(store: Store) -> Iterator[Finding]:
    """Yield a warning for names that look like others: letters of two scripts in a word, or two cards of one name."""
    for folder, cards in (("models", store.models), ("datasets", store.datasets)):
        named = Counter(_folded(card.name) for card in cards.values())
        for card in cards.values():
            path = f"{folder}/{card.id}.yaml"
            for word in filter(_mixed, card.name.split()):
                yield Finding("warning", path, "/name", f"'{word}' mixes letters of several scripts")
            if named[_folded(card.name)] > 1:
                yield Finding("warning", path, "/name", f"'{card.name}' is the name of another card too")


def _folded(name: str) -> str:
    """Return a name as it is compared: case, white space and forms of the same letters aside."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _mixed(word: str) -> bool:
    first_words = {unicodedata.name(char, "").split(" ")[0] for char in word if char.isalpha()}
    return len(first_words & set(_SCRIPTS)) > 1
