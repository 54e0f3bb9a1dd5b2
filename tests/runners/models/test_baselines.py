"""Baselines: they learn exactly what they say, and the dark channel sees haze."""

import numpy as np
import pytest
import torch

from runners.datasets import Sample
from runners.models import load, models
from runners.models.base import ModelError


def sample(truth: list[list[float]], region: list[list[bool]] | None = None) -> Sample:
    """A sample with this depth; 0 is no measurement."""
    depth = np.array(truth, dtype=np.float32)
    image = np.zeros((*depth.shape, 3), dtype=np.uint8)
    return Sample("a", "g", image, depth, depth > 0, region=None if region is None else np.array(region))


IMAGE = np.zeros((4, 3, 3), dtype=np.uint8)


def test_mean_depth_is_the_mean_of_the_images_means() -> None:
    """Every training image weighs the same; what is not valid counts for nothing."""
    model = load("baseline-mean-depth")
    model.fit([sample([[1, 0], [3, 0]]), sample([[6, 6], [6, 6]])], "toy")
    (prediction,) = model.predict([IMAGE])
    assert prediction.map.shape == (4, 3)
    assert prediction.map.unique().tolist() == [4]
    assert model.settings == {"rows": 1, "fitted_on": "toy", "fitted_images": 2, "fitted_mean_m": 4.0}


def test_region_of_a_training_sample_is_kept() -> None:
    """Depth beyond what the list asks to score does not pull the mean."""
    model = load("baseline-mean-depth")
    model.fit([sample([[2, 500]], [[True, False]])], "toy")
    assert model.predict([IMAGE])[0].map.unique().tolist() == [2]


def test_row_prior_knows_the_rows() -> None:
    """Bands take their own mean; a band that nowhere has depth takes the value of its neighbours."""
    model = load("baseline-row-prior")
    truth = np.repeat(np.linspace(10, 1, 128)[:, None], 4, axis=1)
    truth[:32] = 0
    model.fit([sample(truth.tolist())], "toy")
    depth = model.predict([np.zeros((128, 5, 3), dtype=np.uint8)])[0].map.numpy()
    np.testing.assert_allclose(depth[34:, 0], truth[34:, 0], atol=0.1)
    assert np.ptp(depth[:32]) < 1e-6
    assert (depth == depth[:, :1]).all()


def test_unfitted_and_empty_fits_are_refused() -> None:
    """No training depth, no number."""
    model = load("baseline-row-prior")
    with pytest.raises(ModelError, match="has not been fitted"):
        model.predict([IMAGE])
    for samples in ([], [sample([[0, 0]])]):
        with pytest.raises(ModelError, match="no valid depth"):
            model.fit(samples, "toy")


def test_dark_channel_recovers_depth_up_to_scale_and_shift() -> None:
    """On a hazy image made by the model itself, with a dark surface, -ln t grows linearly with depth."""
    depth = np.repeat(np.linspace(1, 5, 160)[:, None], 60, axis=1)
    transmission = np.exp(-0.5 * depth)
    hazy = 0.02 * transmission + 1.0 * (1 - transmission)
    hazy[:20] = 1.0  # sky, from which the light is taken
    image = np.repeat(np.rint(255 * hazy)[..., None], 3, axis=2).astype(np.uint8)
    (prediction,) = load("baseline-dark-channel").predict([image])
    found = prediction.map[40:-10, 30].double().numpy()
    correlation = np.corrcoef(found, depth[40:-10, 30])[0, 1]
    assert prediction.kind == "affine-invariant-depth"
    assert correlation > 0.995


def test_dark_channel_survives_black_and_white() -> None:
    """Images without any colour to tell give finite maps."""
    for value in (0, 255):
        image = np.full((20, 30, 3), value, dtype=np.uint8)
        assert torch.isfinite(load("baseline-dark-channel").predict([image])[0].map).all()


def test_registry_agrees_with_the_adapters() -> None:
    """What is listed before loading is what the loaded baseline says of itself."""
    for entry in models().values():
        if entry.id.startswith("baseline-"):
            model = load(entry.id)
            assert (model.id, model.kind, model.needs_training) == (entry.id, entry.kind, entry.needs_training)


def test_baselines_compute_in_float32_only() -> None:
    """Another precision is refused, not ignored."""
    with pytest.raises(ModelError, match="runs in float32, not float16"):
        load("baseline-mean-depth", dtype="float16")
