"""Depth Anything: input sizes, position embeddings as the reference, ranges that the ids promise."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.models import load, tiny
from runners.models.depth_anything import DepthAnything, _positions
from runners.models.errors import ModelError
from tests.runners.models.test_pretrained import agree, image

RELATIVE, INDOOR, OUTDOOR = (
    "depth-anything-v2-small",
    "depth-anything-v2-base-metric-indoor",
    "depth-anything-v2-large-metric-outdoor",
)


def adapter(cache: Path, name: str = RELATIVE, **settings: str) -> DepthAnything:
    """A loaded adapter."""
    model = load(name, weights_dir=cache, settings=settings)
    assert isinstance(model, DepthAnything)
    return model


@pytest.mark.parametrize(
    ("size", "reference", "hub"),
    [
        ((480, 640), (518, 686), (518, 686)),
        ((375, 1242), (518, 1722), (518, 1722)),
        ((40, 60), (518, 784), (350, 518)),
    ],
)
def test_input_sizes(cache: Path, size: tuple[int, int], reference: tuple[int, int], hub: tuple[int, int]) -> None:
    """The shorter side is at least 518 in the reference; the published rule differs on small images."""
    for mode, expected in (("reference", reference), ("hub", hub)):
        assert adapter(cache, input=mode).input.prepare([image(*size)]).shape == (1, 3, *expected)


def test_the_map_is_what_the_network_gives(cache: Path) -> None:
    """At the size that the network's input has, not resized and not clamped."""
    model = adapter(cache)
    (found,) = model.predict([image()])
    with torch.inference_mode():
        expected = model.net(model.input.prepare([image()])).predicted_depth[0]
    assert torch.equal(found.map, expected)
    assert found.map.shape == (518, 784)


def cubic(distance: float) -> float:
    """Weight of a sample in cubic convolution with a = -0.75."""
    x, a = abs(distance), -0.75
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def resized(row: list[float], count: int) -> list[float]:
    """A row brought to a number of samples as the reference does: steps of len / (count + 0.1), borders repeated."""
    found = []
    for i in range(count):
        place = (i + 0.5) * len(row) / (count + 0.1) - 0.5
        first = math.floor(place)
        near = range(first - 1, first + 3)
        found.append(sum(cubic(place - j) * row[min(max(j, 0), len(row) - 1)] for j in near))
    return found


class Embeddings:
    """Stands in for the network's: a table of 4x4 with one channel that varies along the columns only."""

    patch_size = 14

    def __init__(self, row: list[float]) -> None:
        grid = torch.tensor(row).expand(len(row), -1).reshape(1, -1, 1)
        self.position_embeddings = torch.cat([torch.full((1, 1, 1), 9.0), grid], dim=1)


def test_position_embeddings_by_hand() -> None:
    """Columns follow the cubic weights at the reference's places; rows of equal values stay; the class token stays."""
    row = [1.0, -2.0, 0.5, 3.0]
    found = _positions(Embeddings(row), torch.empty(0), 14 * 5, 14 * 7)
    assert found[0, 0, 0] == 9
    expected = torch.tensor(resized(row, 7)).expand(5, -1)
    assert torch.allclose(found[0, 1:, 0].reshape(5, 7), expected, atol=1e-5)


def test_position_embeddings_of_the_training_size_are_the_table() -> None:
    """Nothing is interpolated there."""
    embeddings = Embeddings([1.0, 2.0, 3.0, 4.0])
    assert _positions(embeddings, torch.empty(0), 56, 56) is embeddings.position_embeddings


def test_reference_and_transformers_differ_away_from_squares_only(cache: Path) -> None:
    """Same pixels: equal maps at 518x518, nearly equal ones at 518x686."""
    ours, theirs = adapter(cache).net, adapter(cache, input="hub").net
    with torch.inference_mode():
        for size, equal in (((518, 518), True), ((518, 686), False)):
            pixels = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
            one, other = ours(pixels).predicted_depth, theirs(pixels).predicted_depth
            assert torch.equal(one, other) == equal
            assert float((one - other).abs().mean()) < 0.05 * float(other.mean())


def test_hub_says_what_it_does(cache: Path) -> None:
    """Both the processor and the embeddings are transformers' own."""
    settings = adapter(cache, input="hub").settings
    assert settings["resize"] == "518x518, multiple of 14, aspect kept, rule 'minimal', Pillow's filter 3"
    assert settings["position_embeddings"] == "transformers"
    assert settings["normalisation"] == adapter(cache).settings["normalisation"]


@pytest.mark.parametrize(("name", "largest"), [(INDOOR, 20), (OUTDOOR, 80)])
def test_metric_networks_give_metres_in_their_range(cache: Path, name: str, largest: int) -> None:
    """Strictly between 0 and the largest depth, and using most of it."""
    model = adapter(cache, name)
    (found,) = model.predict([image()])
    assert found.kind == "metric-depth"
    assert 0 < float(found.map.min()) < float(found.map.max()) < largest
    assert float(found.map.max()) > largest / 2
    assert str(model.settings["output"]).startswith(f"metres below {largest}")


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        (INDOOR, {"max_depth": 80}, "'metric' and max_depth 80; the id promises 'metric' and 20"),
        (OUTDOOR, {"max_depth": 20}, "'metric' and max_depth 20; the id promises 'metric' and 80"),
        (
            OUTDOOR,
            {"depth_estimation_type": "relative", "max_depth": 1},
            "'relative' and max_depth 1; the id promises 'metric' and 80",
        ),
        (
            RELATIVE,
            {"depth_estimation_type": "metric", "max_depth": 20},
            "'metric' and max_depth 20; the id promises 'relative' and 1",
        ),
    ],
)
def test_another_kind_or_range_is_refused(tmp_path: Path, name: str, changes: dict[str, Any], sentence: str) -> None:
    """An outdoor network under an indoor id would be wrong by a factor of four."""
    tiny.write(name, tmp_path, **changes)
    with pytest.raises(ModelError, match=sentence):
        load(name, weights_dir=tmp_path)


def test_versions_share_the_code_path(cache: Path, tmp_path: Path) -> None:
    """The same weights under V1's and V2's id give the same map: only the taps of the configuration differ."""
    shutil.copytree(tiny.folder_of(RELATIVE, cache), tiny.folder_of("depth-anything-v1-small", tmp_path))
    one, other = adapter(cache), adapter(tmp_path, "depth-anything-v1-small")
    assert agree(one.predict([image()])[0].map, other.predict([image()])[0].map, 0)
