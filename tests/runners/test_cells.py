"""`runners evaluate --all`: which cells are filled, in which order, and what a failure stops."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from runners.cells import Wanted, missing, newest_first
from runners.cli import main
from tests.runners import factories as make

MODELS = ("--model", "baseline-dark-channel", "--model", "baseline-mean-depth")
SET = "procedural-indoor"


def write_protocol(results: Path, protocol_id: str, limit: float) -> Path:
    """A protocol of the bundled indoor set."""
    path = results / "protocols" / SET / f"{protocol_id}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = make.capped(limit, id=protocol_id, dataset=SET).model_dump(mode="json")
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with two protocols."""
    for protocol_id, limit in (("near", 5.0), ("wide", 10.0)):
        write_protocol(tmp_path / "results", protocol_id, limit)
    return tmp_path / "results"


@pytest.fixture
def call(tmp_path: Path, results: Path) -> Callable[..., Result]:
    """Runs `runners evaluate --all` over two small images; the data set lies in a folder of its id."""
    make.write_toy(tmp_path / "sets" / SET)

    def run(*options: str | Path) -> Result:
        words = ("evaluate", "--all", "--root", tmp_path / "sets", "--results", results, *options)
        result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
        assert "Traceback" not in result.output
        return result

    return run


def runs(results: Path) -> list[str]:
    """The runs there are, as protocol/model."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in (results / "runs").rglob("*.json"))


def test_empty_cells_are_filled_once(call: Callable[..., Result], results: Path) -> None:
    """All protocols of each model; again nothing is run; what changed or is gone is, and no journal is left."""
    result = call(*MODELS)
    assert result.exit_code == 0, result.output
    cells = [f"{protocol}/{model}" for protocol in ("near", "wide") for model in (MODELS[1], MODELS[3])]
    assert runs(results) == cells
    assert f"left out: data set '{SET}'" not in result.output
    assert "left out: kitti" in result.output
    result = call(*MODELS)
    assert result.exit_code == 0
    assert f"baseline-mean-depth on {SET}: measured already: near, wide" in result.output
    assert "no cell is empty that can be filled here" in result.output
    write_protocol(results, "near", 4.0)
    (results / "runs" / SET / "wide" / "baseline-mean-depth.json").write_text("{", encoding="utf-8")
    result = call(*MODELS, "--dry-run")
    assert f"baseline-dark-channel on {SET}: 2 images, protocols near\n" in result.output
    assert f"baseline-mean-depth on {SET}: 2 images, protocols near, wide\n" in result.output
    assert call(*MODELS).exit_code == 0
    assert "no cell is empty" in call(*MODELS).output
    assert not (results / "runs" / ".journal").exists()


def test_a_failure_is_said_and_the_rest_goes_on(
    call: Callable[..., Result], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is unknown and one that raises whatever it likes: exit code 1, and the third is measured."""
    from runners.models.baselines import DarkChannel

    def broken(*_: object) -> None:
        raise RuntimeError("the GPU fell off the bus")

    monkeypatch.setattr(DarkChannel, "predict", broken)
    result = call("--model", "nobody", *MODELS)
    assert result.exit_code == 1
    assert "failed: unknown model 'nobody'" in result.output
    assert f"failed: baseline-dark-channel on {SET}: RuntimeError: the GPU fell off the bus" in result.output
    assert runs(results) == ["near/baseline-mean-depth", "wide/baseline-mean-depth"]


def test_a_protocol_without_a_run_is_a_failure_of_its_model(
    call: Callable[..., Result], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all protocols are meant: the sentence names model and data set."""
    import torch

    from runners.models.baselines import DarkChannel
    from runners.prediction import Prediction

    def nothing(_: object, images: list[object]) -> list[Prediction]:
        return [Prediction("scale-invariant-depth", torch.full((2, 2), float("nan"))) for _ in images]

    monkeypatch.setattr(DarkChannel, "predict", nothing)
    result = call(*MODELS)
    assert result.exit_code == 1
    assert f"failed: baseline-dark-channel on {SET}: protocol '{SET}/near': " in result.output
    assert runs(results) == ["near/baseline-mean-depth", "wide/baseline-mean-depth"]


def test_named_data_sets_have_to_open(call: Callable[..., Result], results: Path) -> None:
    """One that is named and not here is a failure; the other is measured."""
    result = call(*MODELS[:2], "--dataset", "kitti", "--dataset", SET)
    assert result.exit_code == 1
    assert "failed: " in result.output
    assert runs(results) == ["near/baseline-dark-channel", "wide/baseline-dark-channel"]


def test_newest_protocols_come_first(tmp_path: Path, results: Path) -> None:
    """By the date of the commit; a protocol that git does not know is the newest; without git, by id."""
    make.write_toy(tmp_path / "toy")

    def order() -> list[str]:
        wanted = [Wanted(("baseline-dark-channel",), (SET,), (name,), tmp_path / "toy") for name in ("near", "wide")]
        works = [work for each in wanted for work in missing(each, results, tmp_path, no_faults).works]
        return [protocol.id for work in newest_first(works, results) for protocol in work.protocols]

    assert order() == ["near", "wide"]
    git(results, "init", "-q")
    for protocol_id, date in (("near", "2026-01-01T00:00:00Z"), ("wide", "2026-02-01T00:00:00Z")):
        git(results, "add", f"protocols/{SET}/{protocol_id}.yaml")
        git(results, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x", date=date)
    assert order() == ["wide", "near"]


def no_faults(_: str) -> list[str]:
    """Nothing speaks against any model."""
    return []


def git(folder: Path, *words: str, date: str = "") -> None:
    """Run git."""
    environment = {**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date} if date else None
    subprocess.run(["git", *words], cwd=folder, check=True, env=environment)


@pytest.mark.parametrize("options", [("--limit", "1"), ("--manifest", "a"), ("--save-predictions", "a")])
def test_contradictions_are_usage_errors(call: Callable[..., Result], options: tuple[str, str]) -> None:
    """Partial runs, one's own images and saved predictions are no cells of the boards."""
    assert call(*options).exit_code == 2
