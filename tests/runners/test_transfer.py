"""Copies that are not waited for. No GPU is at hand: its queue is a list here, worked off when it is waited for."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from runners import transfer
from runners.transfer import Stopwatch, bring, pinned


class Queue:
    """Stands in for CUDA: copies and marks are done when one is waited for, each mark 250 ms after the last."""

    def __init__(self) -> None:
        self.put: list[Callable[[], object]] = []
        self.now = 0.0

    def work_off(self) -> None:
        """Do what was put in."""
        while self.put:
            self.put.pop(0)()


class Late(Tensor):
    """Room on the host whose copy is put into the queue."""

    queue: Queue

    def copy_(self, other: Tensor, non_blocking: bool = False) -> "Late":
        """Put the copy into the queue."""
        assert non_blocking
        plain = self.as_subclass(Tensor)  # type: ignore[arg-type]
        self.queue.put.append(lambda: plain.copy_(other))
        return self


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The queue of the only device."""
    queue = Queue()

    class Mark:
        """An event of that queue."""

        def __init__(self, **_: object) -> None:
            self.at = float("nan")

        def record(self) -> None:
            """Put it in."""
            queue.put.append(self.reached)

        def reached(self) -> None:
            """Note the time."""
            queue.now += 250
            self.at = queue.now

        def synchronize(self) -> None:
            """Wait."""
            queue.work_off()

        def elapsed_time(self, other: "Mark") -> float:
            """Return milliseconds."""
            return other.at - self.at

    def room(like: Tensor) -> Tensor:
        late = torch.full(like.shape, -1.0).as_subclass(Late)
        late.queue = queue
        return late

    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", Mark)
    monkeypatch.setattr(transfer, "_host_like", room)
    return queue


def test_nothing_is_pinned_or_waited_for_on_the_cpu() -> None:
    """Tensors stay what they are."""
    one = torch.ones(2, 3)
    assert pinned(one, "cpu") is one
    assert bring([one], "cpu")()[0] is one
    assert Stopwatch("cpu").stop()() >= 0


def test_maps_of_a_gpu_are_waited_for_where_they_are_needed(queue: Queue) -> None:
    """Bringing them only puts copies and a mark into the queue; who asks for them waits for that mark."""
    maps = [torch.ones(2, 3), torch.full((1, 1), 7.0)]
    wait = bring(maps, "cuda")
    assert len(queue.put) == 3
    there = wait()
    assert not queue.put
    assert all(torch.equal(a.as_subclass(Tensor), b) for a, b in zip(there, maps, strict=True))  # type: ignore[arg-type]


def test_a_gpu_is_timed_by_its_own_marks(queue: Queue) -> None:
    """Seconds between two marks, told once the device has come to the second."""
    seconds = Stopwatch("cuda:0").stop()
    assert len(queue.put) == 2
    assert seconds() == pytest.approx(0.25)
