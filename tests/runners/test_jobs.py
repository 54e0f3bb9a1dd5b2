"""Data sets whose protocols compare with several ground truths, as KITTI's do: each is opened once."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from runners.cli import main
from runners.datasets import DATASETS, Dataset, DatasetError, bundled
from runners.datasets.origin import Origin
from runners.datasets.registry import DatasetEntry
from runners.jobs import JobError, plan, plans, works
from runners.protocols import ProtocolLookupError
from sitegen.records import Run
from tests.runners import factories as make

TRUTHS = {"annotated": "rendered", "house": "not-stated", "raw": "sparse", "bundle": "moge-bundle"}
"""Protocols and the ground truths that they name; nothing here can be opened with the last."""


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of two images, of which the ground truth ``sparse`` has one, with four protocols."""

    def opened(root: Path | None, variant: str) -> Dataset:
        dataset = bundled.indoor(root)
        dataset.id = "toy"
        return dataset.limited(1) if variant == "sparse" else dataset

    monkeypatch.setitem(DATASETS, "toy", DatasetEntry("toy", "Two truths", opened, ("rendered", "sparse")))
    make.write_toy(tmp_path / "toy")
    for name, variant in TRUTHS.items():
        fields = make.protocol(id=name, dataset="toy", ground_truth={"variant": variant}, house=name == "house")
        put(tmp_path / "results", fields.model_dump(mode="json"))
    return tmp_path / "results"


def put(results: Path, fields: dict[str, object]) -> None:
    """Write a protocol's file."""
    path = results / "protocols" / str(fields["dataset"]) / f"{fields['id']}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """Where the toy is."""
    return Origin(dataset="toy", root=str(tmp_path / "toy"))


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_protocols_are_grouped_by_truth(results: Path, origin: Origin) -> None:
    """The usual truth is not named in the origin; a truth that cannot be opened leaves its protocols out by name."""
    usual, sparse = plans(origin, ("all",), results)
    assert [p.id for p in usual.matched] == ["annotated", "house"]
    assert [p.id for p in sparse.matched] == ["raw"]
    assert (usual.origin.variant, sparse.origin.variant) == (None, "sparse")
    assert (len(usual.dataset), len(sparse.dataset), usual.listed) == (2, 1, 2)
    assert usual.mislisted == [
        "protocol 'toy/bundle': data set 'toy' has no ground truth 'moge-bundle'; known: rendered, sparse"
    ]
    assert [job.named[0].id for job in plans(origin, (), results)] == ["house"]
    assert [job.named[0].id for job in plans(origin, ("raw", "annotated"), results)] == ["raw", "annotated"]


def test_named_truth_has_to_open(results: Path, origin: Origin) -> None:
    """What was asked for by its name is not left out, nor is there anything to do if nothing opens."""
    for names in (("bundle", "all"), ("bundle",), ("b*",)):
        with pytest.raises(DatasetError, match="no ground truth 'moge-bundle'"):
            plans(origin, names, results)
    with pytest.raises(DatasetError, match="unknown data set 'nowhere'"):
        plans(Origin(dataset="nowhere"), (), results)


def test_foreign_words_mean_the_usual_truth(results: Path, origin: Origin) -> None:
    """A protocol of another data set may name a truth that only that one has."""
    fields = make.protocol(id="garg", dataset="kitti", ground_truth={"variant": "annotated-lidar"})
    put(results, fields.model_dump(mode="json"))
    [job] = plans(origin, ("kitti/garg",), results)
    assert (job.origin.variant, job.named[0].id) == (None, "garg")


def test_open_data_set_has_one_truth(results: Path, origin: Origin) -> None:
    """Saved predictions are scored with the truth that they were made with, or refused with a sentence."""
    with pytest.raises(ProtocolLookupError, match="compares with the ground truth 'sparse'; 'toy' is"):
        plan(origin.open(), origin, ("toy/raw",), results)
    job = plan(origin.open(), origin, ("toy/*",), results)
    assert [p.id for p in job.matched] == ["annotated", "house"]
    assert len(job.mislisted) == 2


def test_records_have_places_of_their_own(results: Path, origin: Origin) -> None:
    """Two jobs of one data set may not write one record."""
    jobs = plans(origin, ("annotated", "raw"), results)
    assert [[p.id for p in work.protocols] for work in works(["baseline-mean-depth"], jobs)[0]] == [
        ["annotated"],
        ["raw"],
    ]
    with pytest.raises(JobError, match="protocol 'annotated': 2 records would have one place"):
        works(["baseline-mean-depth"], [jobs[0], jobs[0]])


def test_nothing_left_of_one_truth_is_no_fault(results: Path, origin: Origin) -> None:
    """A pattern's protocols that cannot be run are left out, though they are all of one ground truth."""
    fields = make.protocol(
        id="raw", dataset="toy", ground_truth={"variant": "sparse"}, sample_list={"name": "9", "count": 9}
    )
    put(results, fields.model_dump(mode="json"))
    found, left_out = works(["baseline-mean-depth"], plans(origin, ("all",), results))
    assert [[p.id for p in work.protocols] for work in found] == [["annotated", "house"]]
    assert any("none of the protocols asked for can be run" in line for line in left_out)
    with pytest.raises(JobError, match="none of the protocols asked for can be run"):
        works(["baseline-mean-depth"], plans(origin, ("raw*",), results))


def test_evaluation_and_rescoring(tmp_path: Path, results: Path) -> None:
    """One call gives the records of both truths; predictions of each are in a folder of their own and say which."""
    model = ("--model", "baseline-mean-depth", "--dataset", "toy", "--root", tmp_path / "toy", "--results", results)
    saved, out = tmp_path / "p", tmp_path / "out"
    result = call("evaluate", *model, "--protocol", "all", "--save-predictions", saved, "--out", out)
    assert result.exit_code == 0, result.output
    assert "left out: protocol 'toy/bundle': data set 'toy' has no ground truth" in result.output
    runs = [Run.model_validate_json(path.read_text("utf-8")) for path in out.rglob("*.json")]
    assert {(run.protocol.block["id"], run.dataset.evaluated) for run in runs} == {
        ("annotated", 2),
        ("house", 2),
        ("raw", 1),
    }
    indexes = {path.parent.relative_to(saved).parts[1]: path for path in saved.rglob("index.json")}
    origins = {name: json.loads(path.read_text("utf-8"))["dataset"]["origin"] for name, path in indexes.items()}
    assert origins["sparse"]["variant"] == "sparse"
    assert "variant" not in origins["baseline-mean-depth"]
    result = call(
        "rescore", indexes["sparse"].parent, "--protocol", "toy/*", "--results", results, "--out", tmp_path / "r"
    )
    assert result.exit_code == 0, result.output
    assert [path.parent.name for path in (tmp_path / "r").rglob("*.json")] == ["raw"]
    assert "compares with the ground truth 'rendered'; 'toy' is opened with 'sparse' here" in result.output
