"""Reading samples ahead in worker processes: in the order of the list, with bounded memory, and never a hang.

Each worker is an executor with one process and a queue of its own, and samples are dealt to them in turn. So if a
process dies (a crash in a library, killed for want of memory), the oldest sample of its queue is the one that it was
reading. It is read once more in a new process, since memory may only have been short; if that process dies, too, the
sample is a skip with the reason. The rest of the queue goes to the new process.

Arrays come back through a file that is written, read and removed at once, which stays in memory: through the pipe of an
executor they took longer than their decoding. Shared memory was not taken since a container often has 64 MB of it, and
a process that writes more is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import BaseContext
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from runners.datasets import cache
from runners.datasets.base import Dataset, DatasetError, Sample, SampleError, Skip

__all__ = ["iterate"]

_DIED = "the process that read it died, twice (a crash while decoding, or no memory left)"

_TRIES = 2

_Read = Callable[[], Sample]


def iterate(dataset: Dataset, workers: int = 0, ahead: int | None = None) -> Generator[Sample | Skip]:
    """Yield every listed sample, or the reason why it cannot be used, in the order of the list.

    Args:
        dataset: What to read.
        workers: Processes that read; 0 reads in this one, when a sample is asked for.
        ahead: How many samples may be waiting or being read besides the one that was yielded last; at most so many
            are in memory. Default: two a worker.

    Raises:
        DatasetError: If worker processes cannot be started.
    """
    if workers == 0:
        return (_outcome(sample_id, partial(dataset.read, sample_id)) for sample_id in dataset.ids)
    return _parallel(dataset, workers, max(ahead or 2 * workers, workers))


def _parallel(dataset: Dataset, workers: int, ahead: int) -> Generator[Sample | Skip]:
    with TemporaryDirectory(prefix="fathom-") as folder:
        yield from _dealt(dataset, [_Lane(Path(folder)) for _ in range(min(workers, len(dataset)))], ahead)


def _dealt(dataset: Dataset, lanes: list[_Lane], ahead: int) -> Generator[Sample | Skip]:
    waiting: deque[_Lane] = deque()
    try:
        for lane in lanes:
            lane.start()
        for index, sample_id in enumerate(dataset.ids):
            lane = lanes[index % len(lanes)]
            lane.put(sample_id, dataset.reader(sample_id))
            waiting.append(lane)
            if len(waiting) >= ahead:
                yield waiting.popleft().take()
        while waiting:
            yield waiting.popleft().take()
    finally:
        for lane in lanes:
            lane.stop()


class _Lane:
    """One worker process with the samples that it was given, oldest first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._executor = _executor()
        self._given: deque[tuple[str, _Read, Future[_Parcel]]] = deque()
        self._first: Future[None] | None = None

    def start(self) -> None:
        """Begin to start the process; whether it could be is seen by the first :meth:`take`."""
        self._first = self._executor.submit(_ready)

    def put(self, sample_id: str, read: _Read) -> None:
        """Have one more sample read."""
        self._given.append((sample_id, read, self._submit(read)))

    def take(self) -> Sample | Skip:
        """Return the oldest sample, or why there is none, as soon as it is known."""
        self._started()
        sample_id = self._given[0][0]
        for attempt in range(_TRIES):
            try:
                found = _outcome(sample_id, lambda: self._given[0][2].result().unpack())
            except BrokenProcessPool:
                if attempt + 1 < _TRIES:
                    self._renew()
            else:
                self._given.popleft()
                return found
        self._given.popleft()
        self._renew()
        return Skip(sample_id, _DIED)

    def stop(self) -> None:
        """End the process after what it reads now."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _started(self) -> None:
        if self._first is None:
            return
        try:
            self._first.result()
        except BrokenProcessPool as error:
            raise DatasetError("worker processes cannot be started here; read without them (--workers 0)") from error
        self._first = None

    def _submit(self, read: _Read) -> Future[_Parcel]:
        try:
            return self._executor.submit(_pack, read, self._folder)
        except BrokenProcessPool as error:  # it died just now; take() will find out which sample did it
            failed: Future[_Parcel] = Future()
            failed.set_exception(error)
            return failed

    def _renew(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor = _executor()
        self._given = deque((sample_id, read, self._submit(read)) for sample_id, read, _ in self._given)


@dataclass(frozen=True)
class _Parcel:
    """A sample on its way: everything but its arrays, and a file with those and their sizes."""

    content: bytes
    file: Path
    sizes: tuple[int, ...]

    def unpack(self) -> Sample:
        with self.file.open("rb") as file:
            arrays = [bytearray(size) for size in self.sizes]
            for array in arrays:
                file.readinto(array)
        self.file.unlink()
        sample: Sample = pickle.loads(self.content, buffers=arrays)  # noqa: S301 - from a process of our own
        return sample


def _pack(read: _Read, folder: Path) -> _Parcel:
    arrays: list[pickle.PickleBuffer] = []
    content = pickle.dumps(read(), protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    with NamedTemporaryFile(dir=folder, delete=False) as file:
        for view in views:
            file.write(view)
    return _Parcel(content, Path(file.name), tuple(view.nbytes for view in views))


def _outcome(sample_id: str, read: _Read) -> Sample | Skip:
    try:
        return read()
    except SampleError as error:
        return Skip(sample_id, str(error))


def _executor() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=_context(), initializer=_begin, initargs=(cache.active(),))


def _context() -> BaseContext:
    """Return how processes start: never by a fork of this one, whose threads (torch, a GPU) would not survive it."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    _start_server()
    return multiprocessing.get_context("forkserver")


def _start_server() -> None:
    """Start the process that starts workers, deaf to SIGTERM: what stops a run is often sent to every process of it."""
    from multiprocessing import forkserver, resource_tracker  # not there on Windows

    resource_tracker.ensure_running()  # else it is started on the way, and lets SIGTERM through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(kept: cache.TruthCache | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C and SIGTERM are the parent's to answer
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cache.use(kept)


def _end_with_parent() -> None:
    """End this process when the one that it reads for is gone, killed perhaps: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ready() -> None:
    """Do nothing: shows that a process runs."""
