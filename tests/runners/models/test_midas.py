"""The MiDaS adapters: a random checkpoint in the released format goes through the real loading path to predictions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.models import ModelEntry, describe, load, models
from runners.models import registry as module
from runners.models.errors import ModelError
from runners.models.midas import architecture, example_input, write_tiny
from runners.models.midas_resize import MIDAS_INPUTS, input_size
from runners.models.weights import WeightFile
from sitegen.store import load as load_store

SMALL = "midas-v2-1-small-256"
MIDAS = [entry.id for entry in models().values() if entry.family == "midas"]


@pytest.fixture
def unpinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A weights cache with a random checkpoint of the small network, whose hash nobody asks for."""
    entry = describe(SMALL)
    assert isinstance(entry.weights, WeightFile)
    free: ModelEntry = replace(entry, weights=replace(entry.weights, sha256="", size=None))
    monkeypatch.setattr(module, "ENTRIES", (free,))
    models.cache_clear()
    torch.manual_seed(0)
    write_tiny(free, tmp_path)
    yield tmp_path
    models.cache_clear()


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A random RGB image."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_checkpoint_becomes_predictions(unpinned: Path) -> None:
    """Disparity at the network's input size, not negative, and the record says what was loaded and how."""
    model = load(SMALL, weights_dir=unpinned)
    (prediction,) = model.predict([noise(120, 160)])
    assert prediction.kind == "affine-invariant-disparity"
    assert prediction.map.shape == input_size(120, 160, MIDAS_INPUTS[SMALL]) == (192, 256)
    assert prediction.map.min() >= 0
    assert model.revision == "midas_v21_small_256.pt"
    assert model.weights_sha256
    assert model.settings["input"] == "reference: 256, rule 'upper_bound', multiple of 32, cubic, aspect kept"


def test_images_of_several_sizes_are_predicted_as_alone(unpinned: Path) -> None:
    """A batch of mixed sizes gives each image what it gets alone."""
    model = load(SMALL, weights_dir=unpinned)
    images = [noise(60, 80, 1), noise(80, 60, 2), noise(60, 80, 3)]
    for together, image in zip(model.predict(images), images, strict=True):
        (alone,) = model.predict([image])
        assert torch.allclose(together.map, alone.map, rtol=1e-4, atol=1e-5 * float(alone.map.abs().max()))


def test_bfloat16_runs_and_comes_back_as_single(unpinned: Path) -> None:
    """The reduced precision is the one that was asked for, and the map is float32."""
    model = load(SMALL, dtype="bfloat16", weights_dir=unpinned)
    assert model.predict([noise(64, 64)])[0].map.dtype == torch.float32
    assert model.dtype == "bfloat16"


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    """A random checkpoint has not the pinned hash."""
    write_tiny(describe(SMALL), tmp_path)
    with pytest.raises(ModelError, match="not the pinned 70d6b9c8"):
        load(SMALL, weights_dir=tmp_path)


def test_a_checkpoint_that_would_run_code_is_refused(unpinned: Path) -> None:
    """A pickle with anything but tensors is not opened."""
    path = unpinned / "midas" / "midas_v21_small_256.pt"
    torch.save({"model": Path("x")}, path)
    with pytest.raises(ModelError, match="no checkpoint that can be read safely"):
        load(SMALL, weights_dir=unpinned)


def test_what_stands_on_a_drive_says_so(tmp_path: Path) -> None:
    """v1 is fetched by a person."""
    with pytest.raises(ModelError, match=r"model\.pt is not in .*drive\.google\.com"):
        load("midas-v1", weights_dir=tmp_path)


def test_swin_does_not_run_in_float16(tmp_path: Path) -> None:
    """The reference warns of values that are not finite."""
    with pytest.raises(ModelError, match="runs in float32, bfloat16, not float16"):
        load("midas-v3-1-swin-l-384", dtype="float16", weights_dir=tmp_path)


@pytest.mark.parametrize("model_id", MIDAS)
def test_the_architecture_has_the_parameters_of_its_card(repo: Path, model_id: str) -> None:
    """Counted without memory, within one percent; the example input is of a size that the network takes."""
    card = load_store(repo / "results").models[model_id]
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in architecture(describe(model_id)).parameters())
    assert card.params_m is not None
    assert count / 1e6 == pytest.approx(card.params_m, rel=0.01)
    assert example_input(describe(model_id), 2, 480, 640).shape[-2:] == input_size(480, 640, MIDAS_INPUTS[model_id])
