"""Writing folders of predictions while they are made, so that a run that was killed goes on with what it has kept.

Until its index is written, a folder holds ``parts.jsonl``: checked lines (:mod:`runners.lines`), the first of which
says of what run the predictions are, and each further one what was written of a sample.
docs/adr/0007-saved-predictions.md.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from runners.datasets.base import Dataset, Skip
from runners.datasets.origin import Origin
from runners.inputs import ModelInput
from runners.journal import journal_path
from runners.lines import GOES_ON, BusyError, Lines
from runners.measure import Maker
from runners.saved import INDEX, Index, SavedError, StoredDtype, checked_index, read_index
from runners.shards import SHARD, Appender, end_of, read_content
from runners.stages import Seen
from sitegen.files import write_aside

__all__ = ["PARTS", "Destination", "Piece", "Writer", "encode"]

PARTS = "parts.jsonl"
_VERSION = 1
_HALF_ULP = 2.0**-11
_Line = tuple[int, dict[str, Any]]
"""Where a line of parts ends, and what it says."""


@dataclass(frozen=True)
class Piece:
    """A prediction as it is saved.

    Attributes:
        id: Of the sample.
        entry: What the index says of it, but for its place.
        content: An ``.npz`` with the map, and with the uncertainty if there is one.
    """

    id: str
    entry: Mapping[str, Any]
    content: bytes


def encode(seen: Seen, dtype: StoredDtype) -> Piece:
    """Return a prediction as it is saved; in float32 where float16 would lose more than its last digit."""
    arrays, said = {}, {}
    for name in ("map", "uncertainty"):
        if (values := getattr(seen.prediction, name)) is not None:
            arrays[name], said[name] = _stored(values, dtype)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # no array is called as an option of it
    entry = {
        **said["map"],
        "shape": list(arrays["map"].shape),
        "input_size": list(seen.input_size),
        "uncertainty": said.get("uncertainty"),
        "details": dict(seen.prediction.details),
    }
    return Piece(seen.sample.id, entry, buffer.getvalue())


@dataclass(frozen=True)
class Destination:
    """Where the predictions of one input are to be kept.

    Attributes:
        folder: The folder.
        rule: What the model sees; predictions of another input do not belong there.
        origin: Where the images come from.
        dtype: What to keep them in, where it can hold them.
    """

    folder: Path
    rule: ModelInput
    origin: Origin
    dtype: StoredDtype = "float32"

    def check(self, out: Path, *, fresh: bool = False) -> None:
        """Refuse a folder that holds anything but the beginning of predictions, before a model is loaded.

        Finished predictions are accepted while the journal of their run is there: what is left of that run may be a
        record, or the predictions of another model.

        Args:
            out: Folder of the runs, where the journals are.
            fresh: Whether the run begins anew, which throws no finished predictions away.

        Raises:
            SavedError: With the reason.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise SavedError(f"{self.folder}: is no folder, so no predictions can be saved there")
        if (self.folder / INDEX).exists():
            if fresh or not journal_path(out, read_index(self.folder).run).exists():
                raise self._holds()
        elif self.folder.is_dir() and any(self.folder.iterdir()) and not (self.folder / PARTS).exists():
            raise SavedError(f"{self.folder}: is not empty; empty it, or name another folder")

    def open(self, run: str, *, fresh: bool = False) -> Writer | None:
        """Return what writes there, with what earlier parts of the same run have kept; None if they have kept it all.

        Args:
            run: Digest of the facts that determine the predictions: the key of the run's journal.
            fresh: Whether an unfinished beginning of the same run is thrown away.

        Raises:
            SavedError: If the folder cannot be written, is used by another process, or holds predictions of another
                run.
        """
        if (self.folder / INDEX).exists():
            index = read_index(self.folder)
            if (index.run, index.input, index.dtype) != (run, self.rule, self.dtype):
                raise self._holds()
            (self.folder / PARTS).unlink(missing_ok=True)
            return None
        try:
            parts = Lines(self.folder / PARTS)
        except BusyError as error:
            raise SavedError(
                f"{self.folder}: another process saves predictions there; wait for it, or end it"
            ) from error
        except OSError as error:
            raise SavedError(f"{self.folder}: predictions cannot be saved there: {error.strerror or error}") from error
        try:
            return self._begun(parts, run, fresh=fresh)
        except (OSError, SavedError) as error:
            parts.close()
            raise error if isinstance(error, SavedError) else _unwritten(self.folder, error) from error

    def _begun(self, parts: Lines, run: str, *, fresh: bool) -> Writer:
        header = {"predictions": _VERSION, "run": run, "input": self.rule.model_dump(mode="json"), "dtype": self.dtype}
        found = list(parts.read())
        if found and found[0][1] != header:
            raise SavedError(
                f"{self.folder}: is not empty: it holds the beginning of predictions of another run (other images, "
                "protocols, settings, versions or code); remove it, or name another folder"
            )
        if not found and any(SHARD.fullmatch(path.name) for path in self.folder.iterdir()):
            raise SavedError(f"{parts.path}: its first line is broken: of what run the predictions here are is lost")
        if not found or fresh:
            parts.cut(0)
            parts.append(header)
            return Writer(self, run, parts, Appender(self.folder))
        ends, lines = zip(found[0], *_believed(self.folder, found[1:]), strict=True)
        parts.cut(ends[-1])
        return Writer(self, run, parts, _appender(self.folder, lines[1:]), lines[1:])

    def _holds(self) -> SavedError:
        return SavedError(
            f"{self.folder}: holds predictions already; 'runners rescore' makes records of them. Remove it, or name "
            "another folder"
        )


class Writer:
    """Writes a folder of predictions while they are made; :meth:`Destination.open` makes it.

    Attributes:
        folder: Where to.
        rule: What the model sees.
        dtype: What the predictions are to be kept in.
        done: Ids of the samples that it has a prediction of, or the reason why there is none.
        index: What was written at the end; None until then.
    """

    def __init__(
        self,
        destination: Destination,
        run: str,
        parts: Lines,
        shards: Appender,
        lines: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        self.folder, self.rule, self.dtype = destination.folder, destination.rule, destination.dtype
        self.done: set[str] = set()
        self.index: Index | None = None
        self._origin, self._run, self._parts, self._shards = destination.origin, run, parts, shards
        self._samples: list[Mapping[str, Any]] = []
        self._skipped: list[Mapping[str, Any]] = []
        for line in lines:
            self._remember(line)

    def take(self, kept: Sequence[Piece | Skip]) -> None:
        """Write what a batch gave; what is there already, as after an interruption, is not written again.

        Raises:
            SavedError: If it cannot be written, as on a full disk; what was written before stays good.
        """
        try:
            for item in kept:
                if item.id not in self.done:
                    self._write(item)
        except OSError as error:
            raise _unwritten(self.folder, error) from error
        except (TypeError, ValueError) as error:
            raise SavedError(f"{self.folder}: the model says of an image what no record may hold: {error}") from error

    def _write(self, item: Piece | Skip) -> None:
        # The member first: a line without it would be believed.
        line = {"skip": asdict(item)} if isinstance(item, Skip) else {"sample": self._placed(item)}
        self._parts.append(line)
        self._remember(line)

    def _placed(self, piece: Piece) -> dict[str, Any]:
        """Append a prediction; return its entry of the index."""
        member = f"{len(self._samples):06d}-{_readable(piece.id)}.npz"
        shard, offset = self._shards.append(member, piece.content)
        place = {"shard": shard, "member": member, "offset": offset, "size": len(piece.content)}
        return {"id": piece.id, **place, "sha256": hashlib.sha256(piece.content).hexdigest(), **piece.entry}

    def _remember(self, line: Mapping[str, Any]) -> None:
        entry = line.get("sample") or line["skip"]
        (self._samples if "sample" in line else self._skipped).append(entry)
        self.done.add(entry["id"])

    def finish(self, dataset: Dataset, maker: Maker) -> None:
        """Write the index, which makes the folder complete.

        Raises:
            SavedError: If what is to be said gives no valid index, or it cannot be written.
        """
        fields = {
            "schema_version": 1,
            "run": self._run,
            "model": maker.model,
            "prediction_kind": maker.kind,
            "dtype": self.dtype,
            "input": self.rule,
            "dataset": {"split": dataset.split, "list_sha256": dataset.list_sha256, "origin": self._origin},
            "environment": maker.environment,
            "command": maker.command,
            "samples": sorted(self._samples, key=_id),
            "skipped": sorted(self._skipped, key=_id),
        }
        index = checked_index(fields, self.folder / INDEX)
        text = json.dumps(index.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        try:
            self._shards.close()
            write_aside(self.folder / INDEX, text.encode())
            self._parts.remove()
        except OSError as error:
            raise _unwritten(self.folder, error) from error
        self.index = index

    def close(self) -> None:
        """Let others use the folder; what was written stays."""
        self._shards.release()
        self._parts.close()


def _unwritten(folder: Path, error: OSError) -> SavedError:
    return SavedError(f"{folder}: {error.strerror or error}. {GOES_ON}")


def _believed(folder: Path, lines: Sequence[_Line]) -> Iterator[_Line]:
    """Yield lines up to the first one whose member is not there.

    Only the last shard is read: every other one was closed, and on the disk, before the next began.
    """
    last = max((line["sample"]["shard"] for _, line in lines if "sample" in line), default="")
    for end, line in lines:
        if "sample" in line and not _there(folder, line["sample"], whole=line["sample"]["shard"] == last):
            return
        yield end, line


def _there(folder: Path, entry: Mapping[str, Any], *, whole: bool) -> bool:
    """Return whether a shard reaches as far as an entry says; ``whole`` asks for the content itself, too."""
    path, end = folder / entry["shard"], end_of(entry["offset"], entry["size"])
    if not path.exists() or path.stat().st_size < end:
        return False
    return (
        not whole or hashlib.sha256(read_content(path, entry["offset"], entry["size"])).hexdigest() == entry["sha256"]
    )


def _appender(folder: Path, lines: Sequence[Mapping[str, Any]]) -> Appender:
    """Return what goes on after the last member of some lines."""
    entries = [line["sample"] for line in lines if "sample" in line]
    if not entries:
        return Appender(folder)
    found = SHARD.fullmatch(entries[-1]["shard"])
    assert found  # noqa: S101 - we wrote it, and the line is whole
    return Appender(folder, int(found[1]), end_of(entries[-1]["offset"], entries[-1]["size"]))


def _id(entry: Mapping[str, Any]) -> str:
    return str(entry["id"])


def _readable(sample_id: str) -> str:
    """Return what a person may recognise a sample by; the number before it is what makes the member's name unique."""
    return re.sub(r"[^A-Za-z0-9]+", "-", sample_id)[-80:].strip("-")


def _stored(values: Tensor, wanted: StoredDtype) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """Return values in the type to store them in, and what is said of that.

    float16 only where every value keeps float16's full precision.
    """
    exact = values.cpu().numpy()
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        half = exact.astype(np.float16)
        lost = np.isfinite(exact) & ~(np.abs(half - exact) <= _HALF_ULP * np.abs(exact))
        fits = wanted == "float16" and not lost.any()
        stored = half if fits else exact.astype(np.float32)
    same = bool(np.array_equal(stored.astype(exact.dtype), exact, equal_nan=True))
    return stored, {"dtype": "float16" if fits else "float32", "exact": same}
