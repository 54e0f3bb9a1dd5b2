"""Networks without weights: counted on no memory, given the right input, and every fault a sentence with the model."""

from dataclasses import replace

import pytest
import torch

from runners.models import describe, models
from runners.models.architecture import (
    architecture,
    count_operations,
    count_parameters,
    example_input,
    forward,
    offers,
    shape_of,
)
from runners.models.errors import ModelError, as_note
from tests.runners.models import stub

METER = [model_id for model_id in models() if model_id.startswith("meter-")]


@pytest.mark.parametrize("model_id", METER)
def test_meter_has_the_parameters_of_its_card(model_id: str) -> None:
    """713,464 of them, and its input takes any image to the checkpoint's own size."""
    entry = describe(model_id)
    assert count_parameters(entry) == 713_464
    given = example_input(entry, 2, 480, 640)
    assert shape_of(given) == ("2x3x192x256" if model_id.endswith("nyu") else "2x3x192x636")
    with torch.inference_mode():
        assert forward(architecture(entry), given).shape[:2] == (2, 1)


def test_counting_takes_no_memory() -> None:
    """All parameters are on the meta device, in evaluation mode and without gradients."""
    network = architecture(stub.ENTRY, "meta")
    assert {parameter.device.type for parameter in network.parameters()} == {"meta"}
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert count_parameters(stub.ENTRY) == stub.PARAMETERS


def test_operations_are_those_counted_by_hand() -> None:
    """Two for a multiplication with its addition: the convolution, four projections, and both products of attention."""
    pixels = 4 * 6
    convolution, projections, attention = 3 * 4, 4 * 4 * 4, 2 * pixels * 4
    assert count_operations(stub.ENTRY, 8 * 4, 8 * 6) == 2 * pixels * (convolution + projections + attention)


def test_a_network_that_needs_values_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that asks for a value cannot be counted without memory."""
    monkeypatch.setattr(stub, "FAULT", "values")
    with pytest.raises(ModelError, match="model 'stub-model': its operations are not known"):
        count_operations(stub.ENTRY, 32, 48)


def test_a_network_that_cannot_be_built_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an adapter raises comes out as a sentence with the model's id."""
    monkeypatch.setattr(stub, "FAULT", "build")
    with pytest.raises(ModelError, match=r"model 'stub-model': its network cannot be built .KeyError: 'stub-model'"):
        architecture(stub.ENTRY)


def test_an_adapter_without_the_functions_is_refused_by_name() -> None:
    """Baselines have no network."""
    entry = describe("baseline-row-prior")
    assert not offers(entry, "architecture")
    with pytest.raises(ModelError, match=r"'baseline-row-prior': its adapter \(runners.models.baselines\) has no"):
        count_parameters(entry)


def test_a_missing_package_is_named() -> None:
    """An adapter whose package is not installed says what to install."""
    entry = replace(stub.ENTRY, module="no_such_package", requires=("no-such-package>=1",))
    with pytest.raises(ModelError, match="no_such_package is not installed; run: pip install no-such-package>=1"):
        offers(entry, "architecture")


def test_errors_become_plain_notes() -> None:
    """One line without markup or control characters; the type is named unless the sentence is ours."""
    assert as_note(ModelError("no\nnetwork")) == "no network"
    assert as_note(ValueError("<class 'x'>\x07")) == "ValueError: (class 'x')"
    assert len(as_note(ModelError("x" * 999))) == 300
