"""Batches on their way: what threads score is what one thread scores, and a protocol that fails stops alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.datasets import Dataset, open_manifest
from runners.evaluate import evaluate_all, groups_of
from runners.models.base import Image
from runners.prediction import Prediction
from runners.stages import EvaluationError, Order, name_of, work_off
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
