"""The bundled scenes: complete, readable, the list that their protocols pin; and the runs committed on them."""

from pathlib import Path

import pytest

from runners import datasets
from runners.evaluate import evaluate, fit
from runners.models import load
from runners.protocols import check_list, read_protocols
from sitegen.reading import Reader
from sitegen.records import Run

IDS = ("procedural-indoor", "procedural-outdoor")
BASELINES = ("baseline-mean-depth", "baseline-row-prior", "baseline-dark-channel")
METER = ("meter-xxs-nyu", "meter-xxs-kitti")


@pytest.mark.parametrize("dataset_id", IDS)
def test_every_scene_can_be_read(dataset_id: str) -> None:
    """24 test and 4 training scenes, each with image, camera and depth within the range that its protocol scores."""
    dataset = datasets.open(dataset_id)
    assert dataset.train is not None
    assert not set(dataset.ids) & set(dataset.train.ids)
    for part, count in ((dataset, 24), (dataset.train, 4)):
        samples = list(part)
        assert (len(samples), part.skipped) == (count, [])
        for sample in samples:
            assert sample.image.shape[:2] == sample.truth.shape
            assert sample.intrinsics is not None
            assert sample.mask.mean() > 0.2
            assert sample.truth.max() <= (10 if "indoor" in dataset_id else 80)


@pytest.mark.parametrize("dataset_id", IDS)
def test_house_protocol_pins_this_list(repo: Path, dataset_id: str) -> None:
    """The protocol's list is the bundled one, so that a run on other images cannot pass for one on these."""
    protocol = read_protocols(repo / "results")[dataset_id, "house"]
    assert protocol.sample_list.sha256 is not None
    check_list(protocol, datasets.open(dataset_id))


def committed(repo: Path, dataset_id: str, model_id: str) -> Run:
    """A committed run."""
    reader = Reader(repo / "results")
    data = reader.json(repo / "results" / "runs" / dataset_id / "house" / f"{model_id}.json")
    assert reader.findings == []
    return Run.model_validate(data)


def again(repo: Path, dataset_id: str, model_id: str, weights: Path | None = None) -> Run:
    """The same run, measured now."""
    dataset, model = datasets.open(dataset_id), load(model_id, weights_dir=weights)
    if model.needs_training:
        fit(model, dataset)
    return evaluate(dataset, model, read_protocols(repo / "results")[dataset_id, "house"], command="again")


def agree(one: Run, other: Run) -> bool:
    """Whether two runs stand on the same images, weights and protocol and give the same values to five digits."""
    assert (one.model, one.dataset, one.protocol) == (other.model, other.dataset, other.protocol)
    assert one.samples.valid_pixels == other.samples.valid_pixels
    for name, column in one.samples.metrics.items():
        assert column == pytest.approx(other.samples.metrics[name], rel=1e-5, abs=1e-7), name
    return True


@pytest.mark.parametrize("dataset_id", IDS)
@pytest.mark.parametrize("model_id", BASELINES)
def test_committed_baselines_can_be_measured_again(repo: Path, dataset_id: str, model_id: str) -> None:
    """The numbers on the board follow from the code and the images of this repository."""
    assert agree(committed(repo, dataset_id, model_id), again(repo, dataset_id, model_id))


@pytest.mark.shared
@pytest.mark.parametrize("dataset_id", IDS)
@pytest.mark.parametrize("model_id", METER)
def test_committed_network_runs_can_be_measured_again(repo: Path, shared: Path, dataset_id: str, model_id: str) -> None:
    """So do those of the two checkpoints, where their weights are at hand."""
    assert agree(committed(repo, dataset_id, model_id), again(repo, dataset_id, model_id, shared / "weights"))


@pytest.mark.parametrize("dataset_id", IDS)
def test_committed_runs_are_whole_and_clean(repo: Path, dataset_id: str) -> None:
    """Every listed image was scored, by committed code, with the command and the machine on record."""
    for model_id in (*BASELINES, *METER):
        run = committed(repo, dataset_id, model_id)
        assert run.complete
        assert run.environment.dirty is False
        assert run.environment.git_commit is not None
        assert run.command.startswith("runners evaluate ")
