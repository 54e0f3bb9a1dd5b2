"""METER-XXS: the network against reference outputs, the adapter against the scores that were measured elsewhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.datasets import Dataset, open_manifest
from runners.models import ModelOptions, describe, load
from runners.models.base import ModelError
from runners.models.meter import VARIANTS, Meter, MeterNet
from runners.score import score
from sitegen.records import Protocol
from tests.runners import factories as make


@pytest.fixture(scope="module")
def nyu(shared: Path) -> Meter:
    """The NYU checkpoint."""
    model = load("meter-xxs-nyu", weights_dir=shared / "weights")
    assert isinstance(model, Meter)
    return model


@pytest.fixture(scope="module")
def kitti(shared: Path) -> Meter:
    """The KITTI checkpoint."""
    model = load("meter-xxs-kitti", weights_dir=shared / "weights")
    assert isinstance(model, Meter)
    return model


@pytest.fixture(scope="module")
def real(shared: Path) -> Dataset:
    """The real samples."""
    return open_manifest(shared / "data" / "samples.json", "samples")


def measured(model: Meter, dataset: Dataset, sample_id: str, protocol: Protocol) -> dict[str, float]:
    """Metrics of one sample."""
    sample = dataset.read(sample_id)
    (prediction,) = model.predict([sample.image])
    truth, mask = torch.from_numpy(sample.truth)[None], torch.from_numpy(sample.mask)[None]
    values = score(prediction.map[None], prediction.kind, truth, mask, protocol).metrics
    return {name: value.item() for name, value in values.items()}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("variant", "sample_id", "file"),
    [
        ("nyu", "nyu-v2-test/0", "nyu-v2-test_0_raw_cm_48x64.npy"),
        ("nyu", "nyu-v2-test/1", "nyu-v2-test_1_raw_cm_48x64.npy"),
        ("kitti", "kitti-depth/0000000005", "kitti-depth_0000000005_raw_dm_48x160.npy"),
    ],
)
def test_network_gives_the_reference_output(
    request: pytest.FixtureRequest, shared: Path, real: Dataset, variant: str, sample_id: str, file: str
) -> None:
    """The raw maps agree with those of another implementation to float32 noise (centimetres, decimetres)."""
    model: Meter = request.getfixturevalue(variant)
    expected = np.load(shared / "weights" / "meter-xxs" / "reference" / file).squeeze()
    found = model.raw(model.prepare([real.read(sample_id).image]))[0].numpy()
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.shared
def test_scores_on_nyu(nyu: Meter, real: Dataset) -> None:
    """AbsRel of the five test images and their mean, 0.182, under the Eigen window and a cap of 10 m."""
    protocol = make.capped(10.0, crop=make.EIGEN_NYU)
    values = [measured(nyu, real, f"nyu-v2-test/{i}", protocol) for i in range(5)]
    assert [round(v["abs_rel"], 3) for v in values] == [0.083, 0.246, 0.331, 0.116, 0.135]
    assert np.mean([v["abs_rel"] for v in values]) == pytest.approx(0.182, abs=5e-4)
    # The reference gives the means of values that were rounded before.
    assert np.mean([v["rmse"] for v in values]) == pytest.approx(0.457, abs=1e-3)
    assert np.mean([v["delta1"] for v in values]) == pytest.approx(0.703, abs=1e-3)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("sample_id", "abs_rel", "rmse"),
    [
        ("kitti-depth/0000000005", 0.099, 2.66),
        ("kitti-depth/0000000050", 0.069, 2.16),
        ("kitti-object/000000", 0.381, 4.48),
        ("kitti-object/000001", 0.217, 5.57),
    ],
)
def test_scores_on_kitti(kitti: Meter, real: Dataset, sample_id: str, abs_rel: float, rmse: float) -> None:
    """AbsRel and RMSE under the Garg window and a cap of 80 m; the last two also prove the LiDAR projection."""
    values = measured(kitti, real, sample_id, make.capped(80.0, crop=make.GARG))
    assert values["abs_rel"] == pytest.approx(abs_rel, abs=1e-3)
    assert values["rmse"] == pytest.approx(rmse, abs=1e-2)


@pytest.mark.shared
def test_batch_is_the_same_as_one_by_one(nyu: Meter, real: Dataset) -> None:
    """Images of different sizes go through together; each map is its own in metres."""
    images = [real.read(name).image for name in ("nyu-v2-test/0", "hololens/00003")]
    together, alone = nyu.predict(images), [nyu.predict([image])[0] for image in images]
    for one, other in zip(together, alone, strict=True):
        assert one.kind == "metric-depth"
        assert torch.allclose(one.map, other.map, atol=1e-4)


def test_names_and_shapes_are_those_of_the_checkpoint(shared: Path) -> None:
    """Every tensor of the released file has its place, and the network has 713,464 parameters."""
    lines = (shared / "weights" / "meter-xxs" / "tensors.txt").read_text(encoding="utf-8").splitlines()
    expected = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
    net = MeterNet()
    assert {name: str(tuple(tensor.shape)) for name, tensor in net.state_dict().items()} == expected
    assert sum(p.numel() for p in net.parameters()) == 713_464


@pytest.mark.shared
def test_wrong_normalisation_would_show(shared: Path, real: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """KITTI with ImageNet's mean and deviation still gives plausible maps, but AbsRel rises above 0.3."""
    wrong = replace(VARIANTS["meter-xxs-kitti"], imagenet=True)
    monkeypatch.setitem(VARIANTS, "meter-xxs-kitti", wrong)
    model = Meter(describe("meter-xxs-kitti"), ModelOptions(weights_dir=shared / "weights"))
    values = measured(model, real, "kitti-depth/0000000005", make.capped(80.0, crop=make.GARG))
    assert 0.3 < values["abs_rel"] < 0.5


def test_unknown_model_and_device_are_named() -> None:
    """What is wrong is said with what there is."""
    with pytest.raises(ModelError, match="unknown model 'midas'; known: baseline-mean-depth"):
        load("midas")
    with pytest.raises(ModelError, match="device 'toaster' cannot be used here"):
        load("meter-xxs-nyu", "toaster")
