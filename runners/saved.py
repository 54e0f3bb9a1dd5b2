"""Saved predictions: one folder for one model on one data set from one input, to be scored again at any time.

Each prediction is a compressed ``.npz`` (``map``, and ``uncertainty`` where the model tells it) in one of a few tar
files; ``index.json`` says whose they are, where each stands, and its sha256. The index is written last, so a folder
without one was never finished. :mod:`runners.saving` writes them. docs/adr/0007-saved-predictions.md.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, StringConstraints, ValidationError, model_validator

from runners.datasets.origin import Origin
from runners.inputs import ModelInput
from runners.prediction import Prediction
from runners.shards import BLOCK, END, SHARD, end_of, member_bytes, read_content
from sitegen.reading import Reader
from sitegen.records import Detail, Environment, FileName, PredictionKind, Record, RunModel, Sha256, Text
from sitegen.records import Skip as SkipRecord
from sitegen.store import explain

__all__ = [
    "INDEX",
    "Index",
    "Saved",
    "SavedError",
    "SavedSample",
    "SavedUncertainty",
    "StoredDtype",
    "checked_index",
    "open_saved",
    "read_index",
]

INDEX = "index.json"
_MAP, _UNCERTAINTY = "map", "uncertainty"
_MAX_INDEX_BYTES = 256 * 2**20
_FAULTS = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)
"""What reading an archive that was tampered with may raise."""

StoredDtype = Literal["float32", "float16"]
Shape = Annotated[list[Annotated[int, Field(ge=1, le=2**16)]], Field(min_length=2, max_length=2)]
"""Rows and columns."""
ShardName = Annotated[str, StringConstraints(pattern=f"^{SHARD.pattern}$")]
MemberName = Annotated[FileName, StringConstraints(max_length=100)]
"""As long as a plain tar header holds."""


class SavedError(Exception):
    """Predictions cannot be kept or used; the message says why, all faults at once."""


class SavedUncertainty(Record):
    """How the uncertainty of a prediction is kept, which has the shape of the map."""

    dtype: StoredDtype
    exact: bool
    """As for the map."""


class SavedSample(Record):
    """One prediction of a folder."""

    id: Text
    shard: ShardName
    member: MemberName
    offset: Annotated[int, Field(ge=BLOCK)]
    """Of the member's content in the shard, in bytes."""
    size: Annotated[int, Field(ge=1)]
    """Of the content, in bytes."""
    sha256: Sha256
    """Of the content."""
    shape: Shape
    """Of the map."""
    input_size: Shape
    """Of the image as the model got it."""
    dtype: StoredDtype
    """Of the map."""
    exact: bool
    """Whether the map is kept to the last bit, or rounded to its type."""
    uncertainty: SavedUncertainty | None = None
    """None where the model tells none."""
    details: dict[str, Detail] = Field(default_factory=dict)
    """What the model decided for this image (which head, which focal length)."""


class SavedDataset(Record):
    """Which images the predictions are of, and where they were opened from."""

    split: Text
    list_sha256: Sha256
    origin: Origin


class Index(Record):
    """``index.json`` of a folder of predictions."""

    schema_version: Literal[1]
    run: Sha256
    """Of the facts of the run that made them, as its journal has them: what may go on with the folder."""
    model: RunModel
    prediction_kind: PredictionKind
    dtype: StoredDtype
    """What was asked for; a map that float16 cannot hold is kept in float32, and its own entry says so."""
    input: ModelInput
    dataset: SavedDataset
    environment: Environment
    """What the predictions were made on."""
    command: Text
    samples: list[SavedSample]
    skipped: list[SkipRecord] = Field(default_factory=list)

    @model_validator(mode="after")
    def _hangs_together(self) -> Index:
        ids = [entry.id for entry in self.samples]
        listed = "".join(f"{name}\n" for name in sorted([*ids, *(skip.id for skip in self.skipped)]))
        faults = [] if ids == sorted(set(ids)) else ["the ids of samples must be sorted and unique"]
        faults += [fault for entries in self.shards().values() for fault in _gaps(entries)]
        if hashlib.sha256(listed.encode()).hexdigest() != self.dataset.list_sha256:
            faults.append("samples and skipped together are not the list of dataset/list_sha256")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def shards(self) -> dict[str, list[SavedSample]]:
        """Return the entries by shard, as they stand in it."""
        found: dict[str, list[SavedSample]] = defaultdict(list)
        for entry in sorted(self.samples, key=lambda entry: (entry.shard, entry.offset)):
            found[entry.shard].append(entry)
        return dict(found)


@dataclass(frozen=True)
class Saved:
    """A folder of predictions that was checked member by member."""

    folder: Path
    index: Index

    def find(self, sample_id: str) -> SavedSample | None:
        """Return the entry of a sample; None where it has no prediction."""
        return self._by_id.get(sample_id)

    def read(self, entry: SavedSample) -> Prediction:
        """Return one prediction, float32 (h, w), with its uncertainty, float32 (h, w), where it has one.

        Raises:
            SavedError: If it cannot be read, or is another one than when the folder was opened.
        """
        path = self.folder / entry.shard
        try:
            content = read_content(path, entry.offset, entry.size)
            if hashlib.sha256(content).hexdigest() != entry.sha256:
                raise ValueError("it was changed after it was checked")
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                found = {name: torch.from_numpy(archive[name].astype(np.float32)) for name in _keys(entry)}
        except _FAULTS as error:
            raise SavedError(f"{path}: {entry.member}: cannot be read: {error}") from error
        return Prediction(self.index.prediction_kind, found[_MAP], found.get(_UNCERTAINTY), entry.details)

    @cached_property
    def _by_id(self) -> dict[str, SavedSample]:
        return {entry.id: entry for entry in self.index.samples}


def open_saved(folder: Path) -> Saved:
    """Return a folder of predictions after checking its index and everything in the shards that it names.

    Raises:
        SavedError: If the folder was never finished or anything in it is at fault: one line a fault, with file and
            member or field.
    """
    path = folder / INDEX
    if not folder.is_dir():
        raise SavedError(f"{folder}: there is no such folder of predictions")
    if not path.exists():
        below = sorted(found.parent for found in folder.rglob(INDEX))
        hint = f"; there are predictions in {', '.join(map(str, below[:5]))}" if below else ""
        raise SavedError(f"{folder}: holds no {INDEX}: the predictions were never finished{hint}")
    index = read_index(folder)
    faults = [
        f"{folder / shard}: {fault}"
        for shard, entries in index.shards().items()
        for fault in _shard_faults(folder / shard, entries)
    ]
    if faults:
        raise SavedError("\n".join(faults))
    return Saved(folder, index)


def read_index(folder: Path) -> Index:
    """Return the index of a folder; the shards that it names are not looked at.

    Raises:
        SavedError: With everything that is wrong with it.
    """
    path = folder / INDEX
    reader = Reader(folder, max_bytes=_MAX_INDEX_BYTES)
    content = reader.json(path)
    if reader.findings:
        raise SavedError(reader.sentences())
    return checked_index(content, path)


def checked_index(content: Any, path: Path) -> Index:
    """Return an index from its data; the path is for the messages.

    Raises:
        SavedError: With every field at fault.
    """
    try:
        return Index.model_validate(content)
    except ValidationError as error:
        raise SavedError("\n".join(f"{path}: {pointer}: {message}" for pointer, message in explain(error))) from error


def _keys(entry: SavedSample) -> list[str]:
    return [_MAP, _UNCERTAINTY] if entry.uncertainty else [_MAP]


def _gaps(entries: Sequence[SavedSample]) -> Iterator[str]:
    """Yield where the members of a shard do not follow one another: they overlap, or something unnamed is between."""
    end = 0
    for entry in entries:
        if entry.offset != end + BLOCK:
            yield f"'{entry.id}' begins at byte {entry.offset} of {entry.shard}, its place is at {end + BLOCK}"
        end = end_of(entry.offset, entry.size)


def _shard_faults(path: Path, entries: Sequence[SavedSample]) -> Iterator[str]:
    """Yield what is wrong with a shard; its members fill it, as the index has been found to say."""
    end = end_of(entries[-1].offset, entries[-1].size)
    try:
        if path.is_symlink():
            yield "is a link; predictions must be plain files"
            return
        if (found := path.stat().st_size) != end + len(END):
            yield f"has {found:,} bytes, by the index {end + len(END):,}"
            return
        if read_content(path, end, len(END)) != END:
            yield "does not end as a tar file does"
        for entry in entries:
            yield from (f"{entry.member}: {fault}" for fault in _member_faults(path, entry))
    except OSError as error:
        yield f"cannot be read: {error.strerror}"


def _member_faults(path: Path, entry: SavedSample) -> Iterator[str]:
    """Yield what is wrong with a member, looking no further than its headers: nothing is unpacked."""
    begin = entry.offset - BLOCK
    member = read_content(path, begin, end_of(entry.offset, entry.size) - begin)
    content = member[BLOCK : BLOCK + entry.size]
    if member != member_bytes(entry.member, content):
        yield "stands in the shard with another header than that of its name and size"
    if (found := hashlib.sha256(content).hexdigest()) != entry.sha256:
        yield f"sha256 is {found}, the index says {entry.sha256}: not what was saved"
    try:
        arrays = _headers(content, _keys(entry))
    except _FAULTS as error:
        yield f"is no archive with {' and '.join(_keys(entry))} as plain arrays: {error}"
        return
    dtypes = {_MAP: entry.dtype, _UNCERTAINTY: entry.uncertainty.dtype if entry.uncertainty else None}
    for name, (shape, dtype) in arrays.items():
        if list(shape) != entry.shape:
            yield f"{name}: shape is {list(shape)}, the index says {entry.shape}"
        if dtype != np.dtype(dtypes[name]):
            yield f"{name}: dtype is {dtype}, the index says {dtypes[name]}"


_ArrayHeader = tuple[tuple[int, ...], np.dtype[Any]]


def _headers(content: bytes, keys: Sequence[str]) -> dict[str, _ArrayHeader]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if names != [f"{key}.npy" for key in keys]:
            raise ValueError(f"it holds {', '.join(names) or 'nothing'}")
        return {key: _plain_header(archive, f"{key}.npy") for key in keys}


def _plain_header(archive: zipfile.ZipFile, name: str) -> _ArrayHeader:
    with archive.open(name) as file:
        shape, dtype = _array_header(file)
    size = archive.getinfo(name).file_size
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    if size > 1024 + dtype.itemsize * int(np.prod(shape)):
        raise ValueError(f"{size:,} bytes are too many for an array of {list(shape)}")
    return shape, dtype


def _array_header(file: IO[bytes]) -> _ArrayHeader:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
