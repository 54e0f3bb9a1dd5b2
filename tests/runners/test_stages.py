"""Batches on their way: what threads score is what one thread scores, and a protocol that fails stops alone."""

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runners.datasets import Dataset, open_manifest
from runners.datasets.base import Sample
from runners.evaluate import evaluate_all, groups_of
from runners.inputs import InputError
from runners.models.base import Image, ModelError, PreparedNetwork
from runners.prediction import Prediction
from runners.stages import EvaluationError, Group, Order, Scorer, Seen, name_of, threads_for, work_off
from sitegen.records import Protocol
from tests.runners import factories as make
from tests.runners.factories import Constant

PROTOCOLS = [make.protocol(), make.protocol(id="flipped", flip_average=True), make.capped(2.0, id="capped")]


class Broken(Constant):
    """Predicts no number for the image with a certain place in the list."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.count = at, 0

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return 2x2 maps."""
        self.count += len(images)
        value = float("nan") if self.count > self.at else 2.0
        return [Prediction(self.kind, torch.full((2, 2), value)) for _ in images]


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    """Seven slanted planes."""
    return open_manifest(make.write_toy(tmp_path / "toy", 7), "toy")


def orders(dataset: Dataset, protocols: Sequence[Protocol], batch: int = 2) -> list[Order]:
    """Everything."""
    names = frozenset(map(name_of, protocols))
    cuts = [dataset.ids[first : first + batch] for first in range(0, len(dataset), batch)]
    return [Order(tuple(cut), names) for cut in cuts]


@pytest.mark.parametrize("how", [{"threads": 1}, {"threads": 3}, {"threads": 2, "workers": 1}])
def test_threads_change_nothing(toy: Dataset, how: dict[str, int]) -> None:
    """Equal digests of all protocols, however the batches were scored."""
    alone = evaluate_all(toy, Constant(), PROTOCOLS, batch=2, command="x")
    behind = evaluate_all(toy, Constant(), PROTOCOLS, batch=2, command="x", **how)
    assert [o.run.sha256 for o in alone if o.run] == [o.run.sha256 for o in behind if o.run]
    assert all(outcome.run for outcome in behind)


def test_batches_come_in_the_sequence_of_the_orders(toy: Dataset) -> None:
    """Also where threads finish in another."""
    wanted = orders(toy, PROTOCOLS)
    found = list(work_off(toy, groups_of(Constant(), PROTOCOLS, {}), wanted, threads=4))
    assert [batch.order for batch in found] == wanted
    assert {name: len(done.entries) for name, done in found[0].protocols.items()} == dict.fromkeys(
        map(name_of, PROTOCOLS), 2
    )


def test_only_what_an_order_names_is_done(toy: Dataset) -> None:
    """An order for one protocol gives that one, and the other inputs are not predicted."""
    model = Broken(99)
    (batch,) = work_off(
        toy, groups_of(model, PROTOCOLS, {}), [Order(tuple(toy.ids[2:4]), frozenset([name_of(PROTOCOLS[2])]))]
    )
    assert list(batch.protocols) == [name_of(PROTOCOLS[2])]
    assert [entry.id for entry in batch.protocols[name_of(PROTOCOLS[2])].entries] == list(toy.ids[2:4])
    assert model.count == 2


@pytest.mark.parametrize("threads", [0, 2])
def test_failure_is_told_and_not_tried_again(toy: Dataset, threads: int) -> None:
    """A prediction that is no number ends its protocol; batches that were on their way are no harm."""
    model = Broken(2)
    found = list(work_off(toy, groups_of(model, PROTOCOLS[:1], {}), orders(toy, PROTOCOLS[:1]), threads=threads))
    assert isinstance(found[1].failures[name_of(PROTOCOLS[0])], EvaluationError)
    assert not found[1].protocols
    assert model.count <= 4 + 2 * threads
    (outcome,) = evaluate_all(toy, Broken(2), PROTOCOLS[:1], batch=2, threads=threads)
    assert "came out as no number" in str(outcome.failure)


def test_what_the_model_notes_comes_with_the_batch(toy: Dataset) -> None:
    """As it was when that batch was predicted."""
    noted: list[dict[str, Any]] = [{}, {"batch_halved_to": 1}, {"batch_halved_to": 1}, {"batch_halved_to": 1}]
    waiting = iter(noted)
    groups = groups_of(Constant(), PROTOCOLS, {})
    found = work_off(toy, groups, orders(toy, PROTOCOLS), threads=2, noting=lambda: next(waiting))
    assert [batch.noted for batch in found] == noted


class Split(PreparedNetwork):
    """Predicts the mean brightness; notes in which thread which half was done, in the sequence of their beginnings."""

    id, kind, patience_s = "split", "metric-depth", 10.0

    def __init__(self, ahead: int = 0, fails_at: int = 99, fits: int = 99) -> None:
        self.settings, self.ahead, self.fails_at, self.fits = {}, ahead, fails_at, fits
        self.begun: list[tuple[str, str]] = []
        self.seen = threading.Condition()

    def _note(self, half: str) -> int:
        with self.seen:
            self.begun.append((half, threading.current_thread().name))
            self.seen.notify_all()
            return self._count(half)

    def _count(self, half: str) -> int:
        return sum(one == half for one, _ in self.begun)

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return brightness (B, h, w), the first batches later than those after them."""
        number = self._note("prepare")
        if number >= self.fails_at:
            raise ModelError(f"model '{self.id}': cannot be prepared")
        time.sleep(0.02 * max(0, 3 - number))
        return torch.stack([torch.from_numpy(image).float().mean(dim=-1) for image in images])

    def forward(self, pixels: Tensor) -> list[Prediction]:
        """Wait until as many batches as were asked for are ahead."""
        if len(pixels) > self.fits:
            raise torch.OutOfMemoryError("no memory")
        number = self._note("forward")
        with self.seen:
            self.seen.wait_for(lambda: self._count("prepare") >= min(number + self.ahead, 4), self.patience_s)
        return self.as_predictions(1 + pixels / 255)


def test_batches_are_prepared_ahead_in_other_threads(toy: Dataset) -> None:
    """While a batch is predicted the next two are prepared elsewhere; all predicting stays in the thread that asks."""
    model = Split(ahead=2)
    begin = time.monotonic()
    found = list(work_off(toy, groups_of(model, PROTOCOLS[:1], {}), orders(toy, PROTOCOLS[:1]), threads=2))
    assert time.monotonic() - begin < model.patience_s  # nothing was waited for in vain
    assert [batch.order.ids for batch in found] == [order.ids for order in orders(toy, PROTOCOLS[:1])]
    assert {name for half, name in model.begun if half == "forward"} == {threading.current_thread().name}
    assert all(name.startswith("prepare") for half, name in model.begun if half == "prepare")


def test_without_threads_each_batch_is_prepared_when_its_turn_comes(toy: Dataset) -> None:
    """Everything in the thread that asks, one after the other."""
    model = Split()
    list(work_off(toy, groups_of(model, PROTOCOLS[:1], {}), orders(toy, PROTOCOLS[:1])))
    assert model.begun == [(half, threading.current_thread().name) for half in ("prepare", "forward")] * 4


@pytest.mark.parametrize("how", [{"threads": 1}, {"threads": 3, "workers": 1}])
def test_preparing_ahead_changes_nothing(toy: Dataset, how: dict[str, int]) -> None:
    """Equal digests, mirror images and a batch that finds no memory included; the record tells of the latter."""
    alone = evaluate_all(toy, Split(fits=1), PROTOCOLS, batch=2, command="x")
    ahead = evaluate_all(toy, Split(fits=1), PROTOCOLS, batch=2, command="x", **how)
    assert [o.run.sha256 for o in alone if o.run] == [o.run.sha256 for o in ahead if o.run]
    assert all(outcome.run and outcome.run.model.settings["batch_halved_to"] == 1 for outcome in ahead)


@pytest.mark.parametrize("threads", [0, 2])
def test_what_fails_while_it_is_prepared_is_said_as_ever(toy: Dataset, threads: int) -> None:
    """The model's own sentence, when the batch's turn has come: those before it are predicted."""
    model = Split(fails_at=3)
    with pytest.raises(ModelError, match="model 'split': cannot be prepared"):
        evaluate_all(toy, model, PROTOCOLS[:1], batch=2, threads=threads)
    assert [half for half, _ in model.begun].count("forward") == 2


@pytest.mark.parametrize("threads", [0, 2])
def test_no_memory_for_one_image_is_said_as_ever(toy: Dataset, threads: int) -> None:
    """The protocol fails with what can be done about it."""
    (outcome,) = evaluate_all(toy, Split(fits=0), PROTOCOLS[:1], batch=2, threads=threads)
    assert "model 'split': no memory for 2 images at once; lower --batch" in str(outcome.failure)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("where", ["prepare", "predict", "while it is scored"])
def test_an_input_that_cannot_be_made_fails_its_protocols(toy: Dataset, where: str, threads: int) -> None:
    """In whichever stage it shows, the sentence is the failure of each protocol of the group."""

    def refuse(*_: object) -> list[Any]:
        raise InputError("cannot be cut")

    def late(_: list[Sample]) -> Iterable[Seen]:
        yield from refuse()

    stages = {"prepare": {"prepare": refuse}, "predict": {"predict": refuse}}.get(where, {})
    fields: dict[str, Any] = {"predict": late, **stages}
    group = Group("x", "full-image", scorers=[Scorer(PROTOCOLS[0])], **fields)
    for batch in work_off(toy, [group], orders(toy, PROTOCOLS[:1])[:2], threads=threads):
        assert {name: str(error) for name, error in batch.failures.items()} in (
            {name_of(PROTOCOLS[0]): "cannot be cut"},
            {},  # the second batch, once the first has failed
        )
        assert not batch.protocols


def test_threads_go_by_the_device() -> None:
    """None beside a network that has the CPU to itself; a few beside a GPU, which needs none of them to be there."""
    assert threads_for("cpu") == 0
    assert 1 <= threads_for("cuda:1") <= 4
