"""Saved predictions: one folder for one model on one data set from one input, to be scored again at any time.

Each map is a compressed ``.npz`` with the key ``map``; ``index.json`` says whose they are and holds the sha256 of every
file. The index is written last, so a folder without one was never finished. docs/adr/0007-saved-predictions.md.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationError, model_validator

from runners.datasets.base import Dataset, Skip
from runners.datasets.origin import Origin
from runners.files import write_aside
from runners.inputs import ModelInput
from runners.measure import Maker
from runners.prediction import Prediction
from runners.stages import Seen
from sitegen.reading import Reader
from sitegen.records import Detail, Environment, FileName, PredictionKind, Record, RunModel, Sha256, Text
from sitegen.records import Skip as SkipRecord
from sitegen.store import explain

__all__ = [
    "INDEX",
    "Index",
    "Piece",
    "Saved",
    "SavedError",
    "SavedSample",
    "StoredDtype",
    "Writer",
    "encode",
    "open_saved",
]

INDEX = "index.json"
_KEY = "map"
_MAX_INDEX_BYTES = 64 * 2**20
_HALF_ULP = 2.0**-11

StoredDtype = Literal["float32", "float16"]
Shape = Annotated[list[Annotated[int, Field(ge=1, le=2**16)]], Field(min_length=2, max_length=2)]
"""Rows and columns."""


class SavedError(Exception):
    """Predictions cannot be kept or used; the message says why, all faults at once."""


class SavedSample(Record):
    """One prediction of a folder."""

    id: Text
    file: FileName
    shape: Shape
    """Of the map."""
    input_size: Shape
    """Of the image as the model got it."""
    dtype: StoredDtype
    exact: bool
    """Whether the file holds the prediction to the last bit, or rounded to its type."""
    sha256: Sha256
    """Of the file."""
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
        if len({entry.file for entry in self.samples}) != len(ids):
            faults.append("two samples name the same file")
        if hashlib.sha256(listed.encode()).hexdigest() != self.dataset.list_sha256:
            faults.append("samples and skipped together are not the list of dataset/list_sha256")
        if faults:
            raise ValueError("; ".join(faults))
        return self


@dataclass(frozen=True)
class Piece:
    """A prediction as it is saved.

    Attributes:
        id: Of the sample.
        entry: What the index says of it, but for the file.
        content: An ``.npz`` with the map.
    """

    id: str
    entry: Mapping[str, Any]
    content: bytes


class Writer:
    """Writes a folder of predictions while they are made.

    Attributes:
        folder: Where to.
        rule: What the model sees; predictions of another input do not belong here.
        dtype: What maps are stored in where it can hold them.
        done: Ids of the samples that it has a prediction of, or the reason why there is none.
        index: What was written at the end; None until then.

    Raises:
        SavedError: If the folder holds anything already.
    """

    def __init__(self, folder: Path, rule: ModelInput, origin: Origin, dtype: StoredDtype = "float32") -> None:
        _refuse_used(folder)
        self.folder, self.rule = folder, rule
        self.done: set[str] = set()
        self.index: Index | None = None
        self.dtype = dtype
        self._origin = origin
        self._samples: list[dict[str, Any]] = []
        self._skipped: list[Skip] = []

    def encode(self, seen: Seen) -> Piece:
        """Return a prediction as it is saved."""
        return encode(seen, self.dtype)

    def take(self, kept: Sequence[Piece | Skip]) -> None:
        """Write what a batch gave; what came before is not written twice."""
        for item in kept:
            if item.id in self.done:
                continue
            self.done.add(item.id)
            if isinstance(item, Skip):
                self._skipped.append(item)
            else:
                self._write(item)

    def _write(self, piece: Piece) -> None:
        name = f"{len(self._samples):06d}-{_readable(piece.id)}.npz"
        write_aside(self.folder / name, piece.content)
        sha256 = hashlib.sha256(piece.content).hexdigest()
        self._samples.append({**piece.entry, "id": piece.id, "file": name, "sha256": sha256})

    def finish(self, dataset: Dataset, maker: Maker) -> None:
        """Write the index, which makes the folder complete.

        Raises:
            SavedError: If what is to be said gives no valid index.
        """
        skipped = sorted(self._skipped, key=lambda skip: skip.id)
        fields = {
            "schema_version": 1,
            "model": maker.model,
            "prediction_kind": maker.kind,
            "dtype": self.dtype,
            "input": self.rule,
            "dataset": {"split": dataset.split, "list_sha256": dataset.list_sha256, "origin": self._origin},
            "environment": maker.environment,
            "command": maker.command,
            "samples": sorted(self._samples, key=lambda entry: str(entry["id"])),
            "skipped": [{"id": skip.id, "reason": skip.reason} for skip in skipped],
        }
        index = _checked(fields, self.folder / INDEX)
        text = json.dumps(index.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        write_aside(self.folder / INDEX, text.encode())
        self.index = index


def encode(seen: Seen, wanted: StoredDtype) -> Piece:
    """Return a prediction as it is saved; in float32 where float16 would lose more than its last digit."""
    exact = seen.prediction.map.cpu().numpy()
    stored, dtype = _stored(exact, wanted)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, map=stored)
    entry = {
        "shape": list(stored.shape),
        "input_size": list(seen.input_size),
        "dtype": dtype,
        "exact": bool(np.array_equal(stored.astype(exact.dtype), exact, equal_nan=True)),
        "details": dict(seen.prediction.details),
    }
    return Piece(seen.sample.id, entry, buffer.getvalue())


@dataclass(frozen=True)
class Saved:
    """A folder of predictions that was checked file by file."""

    folder: Path
    index: Index

    def find(self, sample_id: str) -> SavedSample | None:
        """Return the entry of a sample; None where it has no prediction."""
        return self._by_id.get(sample_id)

    def read(self, entry: SavedSample) -> Prediction:
        """Return one prediction, float32 (h, w).

        Raises:
            SavedError: If the file cannot be read, or is another one than when the folder was opened.
        """
        path = self.folder / entry.file
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != entry.sha256:
                raise ValueError("it was changed after it was checked")
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                values = archive[_KEY]
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise SavedError(f"{path}: cannot be read: {error}") from error
        return Prediction(
            self.index.prediction_kind, torch.from_numpy(values.astype(np.float32)), details=entry.details
        )

    @cached_property
    def _by_id(self) -> dict[str, SavedSample]:
        return {entry.id: entry for entry in self.index.samples}


def open_saved(folder: Path) -> Saved:
    """Return a folder of predictions after checking its index and every file that it names.

    Raises:
        SavedError: If the folder was never finished or anything in it is at fault: one line a fault, with file and
            field.
    """
    path = folder / INDEX
    if not folder.is_dir():
        raise SavedError(f"{folder}: there is no such folder of predictions")
    if not path.exists():
        below = sorted(found.parent for found in folder.rglob(INDEX))
        hint = f"; there are predictions in {', '.join(map(str, below[:5]))}" if below else ""
        raise SavedError(f"{folder}: holds no {INDEX}: the predictions were never finished{hint}")
    reader = Reader(folder, max_bytes=_MAX_INDEX_BYTES)
    content = reader.json(path)
    if reader.findings:
        raise SavedError("\n".join(f"{path}: {finding.message}" for finding in reader.findings))
    saved = Saved(folder, _checked(content, path))
    faults = [
        f"{folder / entry.file}: {fault}" for entry in saved.index.samples for fault in _file_faults(folder, entry)
    ]
    if faults:
        raise SavedError("\n".join(faults))
    return saved


def _checked(content: Any, path: Path) -> Index:
    try:
        return Index.model_validate(content)
    except ValidationError as error:
        raise SavedError("\n".join(f"{path}: {pointer}: {message}" for pointer, message in explain(error))) from error


def _refuse_used(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise SavedError(f"{folder}: is no folder, so no predictions can be saved there")
    if (folder / INDEX).exists():
        raise SavedError(f"{folder}: holds predictions already; remove it, or name another folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise SavedError(
            f"{folder}: is not empty (the beginning of predictions that were never finished?); remove it, or name "
            "another folder"
        )


def _readable(sample_id: str) -> str:
    """Return what a person may recognise a sample by; the number before it is what makes the file's name unique."""
    return re.sub(r"[^A-Za-z0-9]+", "-", sample_id)[-80:].strip("-")


def _stored(values: npt.NDArray[Any], wanted: StoredDtype) -> tuple[npt.NDArray[Any], StoredDtype]:
    """Return a map in the type to store it in: float16 only where every value keeps float16's full precision."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        half = values.astype(np.float16)
        lost = np.isfinite(values) & ~(np.abs(half - values) <= _HALF_ULP * np.abs(values))
        if wanted == "float16" and not lost.any():
            return half, "float16"
        return values.astype(np.float32), "float32"


def _file_faults(folder: Path, entry: SavedSample) -> Iterator[str]:
    """Yield what is wrong with a file, looking no further than its header: nothing is unpacked."""
    path = folder / entry.file
    try:
        if path.is_symlink():
            yield "is a link; predictions must be plain files"
            return
        content = path.read_bytes()
    except OSError as error:
        yield f"cannot be read: {error.strerror}"
        return
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        yield f"sha256 is {found}, the index says {entry.sha256}: not the file that was saved"
    try:
        shape, dtype = _header(content)
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        yield f"is no archive with one plain array '{_KEY}': {error}"
        return
    if list(shape) != entry.shape:
        yield f"shape is {list(shape)}, the index says {entry.shape}"
    if dtype != np.dtype(entry.dtype):
        yield f"dtype is {dtype}, the index says {entry.dtype}"


def _header(content: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if names != [f"{_KEY}.npy"]:
            raise ValueError(f"it holds {', '.join(names) or 'nothing'}")
        with archive.open(names[0]) as file:
            shape, dtype = _array_header(file)
        size = archive.getinfo(names[0]).file_size
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    if size > 1024 + dtype.itemsize * int(np.prod(shape)):
        raise ValueError(f"{size:,} bytes are too many for an array of {list(shape)}")
    return shape, dtype


def _array_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
