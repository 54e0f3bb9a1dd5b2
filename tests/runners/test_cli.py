"""The runners command: what it prints, writes and refuses, with its exit codes."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from runners.cli import main
from runners.models.errors import ModelError
from sitegen.records import Run
from tests.runners import factories as make


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with a house protocol for the bundled indoor set."""
    folder = tmp_path / "results" / "protocols" / "procedural-indoor"
    folder.mkdir(parents=True)
    fields = make.capped(10.0, id="house", dataset="procedural-indoor", house=True).model_dump(mode="json")
    (folder / "house.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return tmp_path / "results"


def test_lists_name_what_can_be_run(results: Path, repo: Path) -> None:
    """Models with what is on their cards, data sets, and protocols with whether they can be carried out."""
    header, *lines = call("list", "models", "--results", repo / "results").output.splitlines()
    assert header.split("  ")[0] == "model"
    shown = {line.split()[0]: line.split() for line in lines}
    assert shown["meter-xxs-nyu"][1:] == ["metric-depth", "meter", "0.713464", "M", "-", "MIT", "(repository)"]
    assert shown["moge-2-vit-l"][1:6] == ["metric-depth", "moge", "326", "M", "moge"]
    assert shown["baseline-row-prior"][1:] == ["metric-depth", "baseline", "-", "-", "-"]
    assert "procedural-indoor" in call("list", "datasets").output
    assert "procedural-indoor/house" in call("list", "protocols", "--results", results).output


def test_doctor_says_what_is_there(tmp_path: Path, repo: Path) -> None:
    """Packages, commit, devices and the weights cache; what each model lacks, weighs and where its weights would be."""
    output = call("doctor", "--weights-dir", tmp_path / "none", "--results", repo / "results").output
    for word in ("torch", "commit", "device", f"{tmp_path / 'none'} (empty"):
        assert word in output
    shown = {line.split()[0]: line for line in output.splitlines() if line}
    marigold = shown["marigold-depth-v1-0"]
    assert "3.54 GiB float32, 1.77 GiB float16/bfloat16" in marigold
    assert f"not here yet: {tmp_path / 'none' / 'prs-eth' / 'marigold-depth-v1-0'}" in marigold
    assert shown["baseline-row-prior"].split() == ["baseline-row-prior", "-", "-", "none"]


def test_lists_need_no_records(tmp_path: Path) -> None:
    """Outside the repository the models are listed all the same, without what their cards would say."""
    assert "meter-xxs-nyu" in call("list", "models", "--results", tmp_path).output


def test_house_protocol_over_a_data_set(tmp_path: Path, results: Path) -> None:
    """Baselines are fitted on the train split and scored on the test split; the record is where it belongs."""
    make.write_toy(tmp_path / "toy")
    models = ["--model", "baseline-mean-depth", "--model", "baseline-row-prior", "--model", "baseline-dark-channel"]
    result = call(
        "evaluate", *models, "--dataset", "procedural-indoor", "--root", tmp_path / "toy", "--results", results
    )
    assert result.exit_code == 0, result.output
    folder = results / "runs" / "procedural-indoor" / "house"
    assert len(list(folder.iterdir())) == 3
    run = Run.model_validate(json.loads((folder / "baseline-row-prior.json").read_text(encoding="utf-8")))
    assert run.dataset.split == "test"
    assert run.samples.id == ["indoor-2", "indoor-3"]
    assert "AbsRel" in result.output


def test_limit_is_said_and_shows_in_the_list(tmp_path: Path, results: Path) -> None:
    """A partial run has another list's hash, so it cannot pass for a whole one."""
    make.write_toy(tmp_path / "toy")
    arguments = ["--model", "baseline-dark-channel", "--dataset", "procedural-indoor", "--root", tmp_path / "toy"]
    result = call("evaluate", *arguments, "--results", results, "--limit", "1", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "1 of 2 images; not for the boards" in result.output
    (path,) = (tmp_path / "out").rglob("*.json")
    assert json.loads(path.read_text(encoding="utf-8"))["dataset"]["listed"] == 1


@pytest.mark.shared
def test_real_images_of_every_encoding(shared: Path, tmp_path: Path) -> None:
    """A manifest of real files goes through: 36 images scored, 3 skipped with their reasons."""
    manifest = shared / "data" / "samples.json"
    result = call(
        "evaluate", "--model", "meter-xxs-nyu", "--manifest", manifest, "--weights-dir", shared / "weights",
        "--out", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    path = tmp_path / "samples" / "manifest" / "meter-xxs-nyu.json"
    run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    assert (run.dataset.listed, run.dataset.evaluated) == (39, 36)
    assert {skip.id for skip in run.dataset.skipped} == {"nyu-v2-raw", "middlebury-v2/cones", "middlebury-v2/tsukuba"}
    scores = dict(zip(run.samples.id, run.samples.metrics["abs_rel"], strict=True))
    assert scores["nyu-v2-test/0"] == pytest.approx(0.083, abs=1e-3)
    for note in ("3 of 39 images were skipped", "7scenes/000000: image and depth are registered only roughly"):
        assert note in result.output


@pytest.mark.parametrize("command", [["list", "models"], ["doctor"]])
def test_a_broken_plug_in_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]) -> None:
    """What an installed package does wrong is said, with its name."""

    def broken() -> None:
        raise ModelError("plug-in 'toy' cannot be imported (ImportError: no module)")

    monkeypatch.setattr("runners.cli.known_models", broken)
    result = call(*command, "--results", tmp_path)
    assert result.exit_code == 1
    assert "plug-in 'toy' cannot be imported" in result.output


def test_settings_reach_the_model_and_the_record(tmp_path: Path, results: Path) -> None:
    """A model's own settings are given as NAME=VALUE, and the record holds what was used."""
    from tests.runners.models import tiny_marigold

    tiny_marigold.write("marigold-depth-v1-1", tmp_path / "weights")
    make.write_toy(tmp_path / "toy")
    result = call(
        "evaluate", "--model", "marigold-depth-v1-1", "--dataset", "procedural-indoor", "--root", tmp_path / "toy",
        "--results", results, "--weights-dir", tmp_path / "weights",
        "--setting", "preset=fast", "--setting", "processing_resolution=0", "--setting", "seed=5",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    path = results / "runs" / "procedural-indoor" / "house" / "marigold-depth-v1-1.json"
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    assert (model["settings"]["seed"], model["settings"]["processing_resolution"]) == (5, 0)
    assert model["settings"]["preset"] == "fast, but other processing_resolution, seed"
    assert model["revision"] == "prs-eth/marigold-depth-v1-1, a local folder"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "marigold-depth-v1-0", "--setting", "step=4"], "no setting 'step'; known: preset (paper"),
        (
            ["--model", "unidepth-v2-base"],
            "'unidepth-v2-base' needs more than is installed; run: pip install 'unidepth @",
        ),
        (["--model", "baseline-dark-channel", "--compile"], "'baseline-dark-channel': cannot be compiled"),
        (["--model", "marigold-depth-v1-0", "--setting", "steps=0"], "setting steps is a whole number from 1 to 1000"),
        (["--model", "nobody"], "unknown model 'nobody'; known: baseline-mean-depth"),
        (["--model", "baseline-row-prior"], "is fitted on training images, and 'samples' brings none"),
        (["--model", "baseline-dark-channel", "--protocol", "nyu/none"], "no protocol 'nyu/none'; known:"),
        (["--model", "meter-xxs-nyu", "--device", "cuda:99"], "device 'cuda:99' cannot be used here"),
    ],
)
def test_faults_are_sentences(tmp_path: Path, results: Path, arguments: list[str], sentence: str) -> None:
    """Exit code 1, one sentence, nothing written."""
    manifest = make.write_toy(tmp_path / "toy").rename(tmp_path / "toy" / "samples.json")
    result = call("evaluate", *arguments, "--manifest", manifest, "--results", results, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert sentence in result.output
    assert not (tmp_path / "out").exists()


def test_pairs_that_may_not_be_scored_are_refused_before_anything_runs(tmp_path: Path, results: Path) -> None:
    """A relative model under a metric-only protocol stops the command before the first model is measured."""
    house = results / "protocols" / "procedural-indoor" / "house.yaml"
    fields = yaml.safe_load(house.read_text(encoding="utf-8"))
    fields["alignment"] = {"metric-depth": fields["alignment"]["metric-depth"]}
    house.write_text(yaml.safe_dump(fields), encoding="utf-8")
    make.write_toy(tmp_path / "toy")
    models = ["--model", "baseline-mean-depth", "--model", "baseline-dark-channel"]
    result = call(
        "evaluate", *models, "--dataset", "procedural-indoor", "--root", tmp_path / "toy", "--results", results
    )
    assert result.exit_code == 1
    assert "is weaker and must not be scored so" in result.output
    assert not (results / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--model", "baseline-mean-depth"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--manifest", "b"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--dtype", "int8"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--batch", "0"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--setting", "steps"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--setting", "a=1", "--setting", "a=2"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    """Missing, contradicting and impossible options are usage errors."""
    assert call("evaluate", *arguments).exit_code == 2


def test_bad_manifest_and_unknown_data_set(tmp_path: Path, results: Path) -> None:
    """Each with what is wrong and exit code 1."""
    bad = make.write_manifest(tmp_path, [{"id": "a"}, {"id": "b", "encoding": "png16"}])
    result = call("evaluate", "--model", "baseline-dark-channel", "--manifest", bad)
    assert result.exit_code == 1
    assert "samples.json: samples/0 (a): encoding" in result.output
    assert "samples.json: samples/1 (b): rgb: needed" in result.output
    result = call("evaluate", "--model", "baseline-dark-channel", "--dataset", "kitty", "--results", results)
    assert result.exit_code == 1
    assert "unknown data set 'kitty'; known: procedural-indoor, procedural-outdoor" in result.output
