"""The commands ``runners speed`` and ``runners prove``: what they write, print and refuse, with their exit codes."""

import json
from pathlib import Path

import pytest
import torch

from runners.models import registry
from sitegen.records import AdapterProofs, Speed
from tests.runners.models import stub
from tests.runners.test_cli import call
from tests.sitegen import factories as make

METER = ("--model", "meter-xxs-nyu", "--random-weights")
QUICK = ("--warmup", "1", "--repeats", "2", "--device", "cpu")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with METER's card alone."""
    card = {**make.MODEL, "id": "meter-xxs-nyu", "params_m": 0.713464}
    make.write_yaml(tmp_path / "results/models/meter-xxs-nyu.yaml", card)
    return tmp_path / "results"


def test_speed_writes_one_file_a_model_and_device(results: Path) -> None:
    """Precisions and batches are cases of it; the command, the note and exact precision are recorded."""
    how = ("--dtype", "float32", "--dtype", "bfloat16", "--batch", "2", "--note", "a test", "--submitter", "me")
    result = call("speed", *METER, *QUICK, *how, "--results", results, "--device-id", "toy-cpu")
    assert result.exit_code == 0, result.output
    speed = Speed.model_validate_json((results / "speed/toy-cpu/meter-xxs-nyu.json").read_text(encoding="utf-8"))
    assert [(case.dtype, case.batch, case.note) for case in speed.cases] == [
        ("bfloat16", 2, "a test"), ("float32", 2, "a test"),
    ]  # fmt: skip
    assert {case.environment.deterministic for case in speed.cases} == {False}
    assert "network, float32, batch 2:" in result.output
    assert "ms an image" in result.output


def test_a_busy_machine_is_told(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process had its processor half of the time, the command says so and asks for another try."""
    monkeypatch.setattr("runners.speed._times", lambda *_, **__: iter([1e6, 1e6]))
    result = call("speed", *METER, *QUICK, "--results", results)
    assert result.exit_code == 0
    assert "% of the time; measure again" in result.output


def test_the_device_names_its_folder(results: Path, tmp_path: Path) -> None:
    """Without --device-id the folder is named after the device; --out is another place."""
    assert call("speed", *METER, *QUICK, "--results", results, "--out", tmp_path / "out").exit_code == 0
    (path,) = (tmp_path / "out").rglob("*.json")
    assert path.parent.name.startswith("cpu-")
    assert not (results / "speed").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "nobody"], "unknown model 'nobody'"),
        (
            ["--model", "baseline-dark-channel", "--random-weights"],
            "'baseline-dark-channel': there is nothing to build",
        ),
        (["--model", "baseline-mean-depth"], "'baseline-mean-depth': is fitted on a training split"),
        ([*METER, "--compile"], "'meter-xxs-nyu': cannot be compiled"),
        ([*METER, "--device", "cuda:99"], "device 'cuda:99' cannot be used here"),
        (["--model", "meter-xxs-nyu", "--weights-dir", "nowhere", "--device", "cpu"], "cannot be fetched"),
    ],
)
def test_faults_are_sentences(
    results: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 and a sentence; nothing is written."""
    monkeypatch.setattr("runners.download._opened", _unreachable)
    result = call("speed", *arguments, "--results", results)
    assert result.exit_code == 1, result.output
    assert sentence in result.output
    assert not (results / "speed").exists()


def _unreachable(url: str, start: int) -> bytes:
    raise OSError("no network")


def test_a_card_with_another_size_stops_the_measurement(results: Path) -> None:
    """The counted parameters are held against the card before anything is timed."""
    make.write_yaml(results / "models/meter-xxs-nyu.yaml", {**make.MODEL, "id": "meter-xxs-nyu", "params_m": 1.0})
    result = call("speed", *METER, *QUICK, "--results", results)
    assert result.exit_code == 1
    assert "0.713464 M parameters were counted; the card says 1 M, which is -28.7 % off" in result.output


def test_a_broken_card_is_named(results: Path) -> None:
    """Findings of the cards that are needed stop the command."""
    make.write_yaml(results / "models/meter-xxs-nyu.yaml", {"id": "meter-xxs-nyu"})
    result = call("speed", *METER, *QUICK, "--results", results)
    assert result.exit_code == 1
    assert "models/meter-xxs-nyu.yaml: /name: is missing" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [*METER, "--device-id", "../up"],
        [*METER, "--batch", "0"],
        [*METER, "--repeats", "1"],
        [*METER, "--warmup", "0"],
        [*METER, "--dtype", "int8"],
        [*METER, "--height", "0"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    """Missing and impossible options are usage errors."""
    assert call("speed", *arguments).exit_code == 2


def test_prove_writes_what_passed_and_what_was_not_run(results: Path, tmp_path: Path) -> None:
    """One record for the models asked for; what was not run is printed with its reason."""
    path = tmp_path / "adapters.json"
    models = ("--model", "meter-xxs-nyu", "--model", "baseline-dark-channel")
    result = call("prove", *models, "--results", results, "--out", path)
    assert result.exit_code == 0, result.output
    proven = AdapterProofs.model_validate_json(path.read_text(encoding="utf-8"))
    assert [entry.model for entry in proven.models] == ["meter-xxs-nyu", "baseline-dark-channel"]
    assert "baseline-dark-channel: parameters: not-run: it has no network" in result.output
    assert "11 passed, 0 failed, 3 not-run" in result.output
    assert json.loads(path.read_text(encoding="utf-8"))["environment"]["torch"] == torch.__version__.split("+")[0]


def test_a_failure_is_written_and_ends_with_exit_code_1(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record says failed; the command does not claim success. Without --out nothing is written."""
    monkeypatch.setattr(stub, "FAULT", "nan")
    monkeypatch.setattr(registry, "models", lambda: {"stub-model": stub.ENTRY})
    path = tmp_path / "adapters.json"
    result = call("prove", "--model", "stub-model", "--results", results, "--out", path)
    assert result.exit_code == 1
    assert "stub-model: tiny-checkpoint: failed: 24 of 24 predicted values are not finite" in result.output
    assert '"outcome": "failed"' in path.read_text(encoding="utf-8")
    path.unlink()
    assert call("prove", "--model", "stub-model", "--results", results).exit_code == 1
    assert not path.exists()
