"""How a run is taken up again: what its journal has to agree in, and how it is asked to stop."""

from __future__ import annotations

import hashlib
import inspect
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from runners.datasets.base import Dataset
from runners.environment import describe
from runners.evaluate import run_model
from runners.jobs import Work
from runners.journal import Journal, open_journal
from runners.measure import now
from runners.models.base import Model
from runners.saving import Destination, Writer
from runners.stages import name_of
from sitegen import metrics, records
from sitegen.records import sha256_of

__all__ = ["code_sha256", "facts_of", "kept", "stop_when_asked"]


@contextmanager
def kept(
    facts: Mapping[str, Any], out: Path, destinations: Sequence[Destination] = (), *, fresh: bool = False
) -> Iterator[tuple[Journal, list[Writer]]]:
    """Give the journal of a model's work, and what writes its predictions, with what earlier parts have finished.

    Both are closed in the end. A place where all predictions are finished has no writer.

    Args:
        facts: Everything that determines the rows (:func:`facts_of`).
        out: Folder of the runs.
        destinations: Where predictions are to be kept.
        fresh: Whether what was finished is thrown away.

    Raises:
        JournalError: If the journal cannot be written, or another process is at the same run.
        SavedError: If a place for predictions cannot be written, or holds those of another run.
    """
    with ExitStack() as stack:
        # The predictions first: where they are refused, the journal is not thrown away.
        found = [destination.open(sha256_of(facts), fresh=fresh) for destination in destinations]
        writers = [stack.enter_context(closing(writer)) for writer in found if writer]
        yield stack.enter_context(closing(open_journal(out, facts, now(), fresh=fresh))), writers


def facts_of(work: Work, model: Model, *, device: str, batch: int) -> dict[str, Any]:
    """Return everything that determines the rows of a work, as JSON has it: what its journal is of.

    Args:
        work: What is run.
        model: Loaded, and fitted if it needs to be.
        device: Where the model runs.
        batch: How many images the model gets at once.
    """
    dataset = work.job.dataset
    parts = [dataset, *([dataset.train] if model.needs_training and dataset.train else [])]
    return {
        "model": run_model(model).model_dump(mode="json"),
        "kind": model.kind,
        "dataset": {"id": dataset.id, "split": dataset.split, "list_sha256": dataset.list_sha256},
        "origin": work.job.origin.model_dump(mode="json"),
        "manifest": _manifest_sha256(work.job.origin.manifest),
        "files": [_files_sha256(part) for part in parts],
        # What the model sees under a protocol follows from the protocol.
        "protocols": {name_of(protocol): protocol.digest() for protocol in work.protocols},
        "batch": batch,  # a network's last bits may depend on what else is in a batch
        "environment": describe(device).model_dump(mode="json"),
        "code": code_sha256(type(model)),
    }


def _manifest_sha256(path: str | None) -> str | None:
    return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _files_sha256(dataset: Dataset) -> str:
    """Return a digest over path, size and time of change of the files of a data set, as far as its loader names them.

    Not over their contents: reading hundreds of gigabytes would take as long as what the journal saves.
    """
    found = hashlib.sha256()
    for name, files in dataset.files.items():
        for path in files:
            state = path.stat() if path.exists() else None
            found.update(repr((name, str(path), state and (state.st_size, state.st_mtime_ns))).encode())
    return found.hexdigest()


def code_sha256(*more: type) -> str:
    """Return a digest over the code that makes rows, and that of more classes.

    A commit alone would not tell of local changes.
    """
    told: tuple[ModuleType | type, ...] = (records, metrics, *more)
    modules = [inspect.getsourcefile(module) for module in told]
    paths = [*sorted(Path(__file__).parent.rglob("*.py")), *(Path(path) for path in modules if path)]
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()


@contextmanager
def stop_when_asked(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Give what says whether Ctrl-C was pressed (or SIGTERM came) since; a second one ends the process as ever.

    Args:
        tell: Called with a sentence the first time.
    """
    asked = threading.Event()
    before: dict[int, Any] = {}

    def ask(number: int, _: FrameType | None) -> None:
        asked.set()
        _restore(before)
        tell("stopping after this batch; once more ends it now, which loses the batch alone")

    if threading.current_thread() is threading.main_thread():
        before |= {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        _restore(before)


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
