"""Full-size networks without weights: as many parameters as the card says, and the input that an adapter would make."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.models import describe, load, tiny
from sitegen.store import load as load_store
from tests.runners.models.test_pretrained import image


@pytest.fixture(scope="module")
def cards(repo: Path) -> dict[str, Any]:
    """Model cards by id."""
    return dict(load_store(repo / "results").models)


def module_of(name: str) -> Any:
    """The adapter's module."""
    return import_module(describe(name).module)


@pytest.mark.parametrize("name", tiny.ids())
def test_parameters_are_those_of_the_card(cards: dict[str, Any], name: str) -> None:
    """Within 1 %, on the meta device: no memory, no weights.

    MiDaS counts an ImageNet classifier that its networks keep and never run; the port has none. It is added where the
    card's number is the reference's (all but DPT-Large, whose card has the port's).
    """
    module, entry = module_of(name), describe(name)
    with torch.device("meta"):
        net = module.architecture(entry)
    count = sum(parameter.numel() for parameter in net.parameters())
    if entry.family == "dpt" and name != "midas-v3-0-dpt-large-384":
        count += module.classifier_parameters(entry)
    assert {parameter.device.type for parameter in net.parameters()} == {"meta"}
    assert not net.training
    assert count / 1e6 == pytest.approx(cards[name].params_m, rel=0.01)


@pytest.mark.parametrize(
    "name",
    [*tiny.ids("dpt"), "depth-anything-v1-small", "depth-anything-v2-large-metric-outdoor"],
)
@pytest.mark.parametrize("size", [(48, 64), (37, 124)])
def test_example_input_is_what_the_adapter_makes(cache: Path, name: str, size: tuple[int, int]) -> None:
    """The same size as for an image under the default settings."""
    adapter: Any = load(name, weights_dir=cache)
    example = module_of(name).example_input(describe(name), 2, *size)
    assert list(example) == ["pixel_values"]
    assert example["pixel_values"].shape == (2, *adapter.input.prepare([image(*size)]).shape[1:])


def test_example_inputs_of_metric_networks() -> None:
    """ZoeDepth's is padded first; Depth Pro's is one square; both on the default device."""
    with torch.device("meta"):
        zoe = module_of("zoed-m12-k").example_input(describe("zoed-m12-k"), 1, 375, 1242)["pixel_values"]
        pro = module_of("depth-pro").example_input(describe("depth-pro"), 3, 480, 640)["pixel_values"]
    assert (zoe.shape, zoe.device.type) == ((1, 3, 384, 1152), "meta")
    assert pro.shape == (3, 3, 1536, 1536)
