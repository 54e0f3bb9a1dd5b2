"""Reading ahead in processes: the order, the bound, and what becomes of a process that dies."""

import os
import time
from functools import partial
from pathlib import Path

import pytest

from runners.datasets import Dataset, DatasetError, Sample, Skip, cache, pipeline
from runners.datasets.base import Item
from runners.datasets.pipeline import iterate
from runners.evaluate import evaluate_all
from tests.runners import factories as make
from tests.runners.datasets.readers import broken, deadly, read, short_of_memory
from tests.runners.factories import Constant


def toy(folder: Path, count: int = 8, **others: object) -> Dataset:
    """Samples a0, a1, ... that take less time the later they come; some are read otherwise."""
    names = [f"a{index}" for index in range(count)]
    items = [others.get(name) or partial(read, name, folder, 0.05 * (count - at)) for at, name in enumerate(names)]
    return Dataset("toy", "test", [Item(name, "g", item) for name, item in zip(names, items, strict=True)])  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, 3])
def test_order_is_that_of_the_list(tmp_path: Path, workers: int) -> None:
    """However long each takes; a corrupt file is a skip with its reason, in its place."""
    dataset = toy(tmp_path, a3=partial(broken, "a3"))
    found = list(iterate(dataset, workers))
    assert [item.id for item in found] == list(dataset.ids)
    assert [item for item in found if isinstance(item, Skip)] == [Skip("a3", "a3.png: cannot be read")]
    readers = {path.name.split("-")[1] for path in tmp_path.iterdir()}
    assert readers == {str(os.getpid())} if workers == 0 else len(readers) == 3


def test_no_more_is_read_ahead_than_asked(tmp_path: Path) -> None:
    """With three ahead, at most three are read or being read beyond the one that was yielded."""
    found = iterate(toy(tmp_path), workers=2, ahead=3)
    for taken in range(1, 4):
        next(found)
        time.sleep(1)
        assert taken <= len(list(tmp_path.iterdir())) <= taken + 3
    found.close()
    assert len(list(tmp_path.iterdir())) <= 6


def test_process_that_dies_costs_its_sample_alone(tmp_path: Path) -> None:
    """Killed twice, so it is a skip; all others are there, and nothing hangs."""
    found = list(iterate(toy(tmp_path, a2=partial(deadly, tmp_path), a3=partial(deadly, tmp_path)), workers=2))
    assert [item.id for item in found if isinstance(item, Sample)] == ["a0", "a1", "a4", "a5", "a6", "a7"]
    assert [item.id for item in found if isinstance(item, Skip)] == ["a2", "a3"]
    assert all("died" in item.reason for item in found if isinstance(item, Skip))
    assert len(list(tmp_path.glob("death-*"))) == 4


def test_sample_is_tried_again(tmp_path: Path) -> None:
    """A process that died once, as for want of memory, is no skip."""
    found = list(iterate(toy(tmp_path, count=3, a1=partial(short_of_memory, "a1", tmp_path)), workers=1))
    assert all(isinstance(item, Sample) for item in found)


def test_processes_that_cannot_start_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a skip of every sample: nothing was read at all."""
    monkeypatch.setattr(pipeline, "_begin", os._exit)
    monkeypatch.setattr(cache, "active", lambda: 1)
    with pytest.raises(DatasetError, match="--workers 0"):
        list(iterate(toy(tmp_path), workers=2))


def test_runs_are_the_same(tmp_path: Path) -> None:
    """With workers and without: values, order and skips; a batch is filled across a skip."""
    dataset = toy(tmp_path, a1=partial(broken, "a1"), a4=partial(deadly, tmp_path))
    twice = [
        evaluate_all(data, Constant(), [make.protocol()], batch=3, workers=workers)[0].run
        for workers, data in ((0, toy(tmp_path, a1=partial(broken, "a1"), a4=partial(broken, "a4"))), (2, dataset))
    ]
    alone, parallel = (run.model_dump(include={"samples", "summary"}) for run in twice if run)
    assert alone == parallel
    assert twice[1] is not None
    assert [skip.id for skip in twice[1].dataset.skipped] == ["a1", "a4"]
