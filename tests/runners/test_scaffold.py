"""New models from nothing: what is written is in form, runs, and overwrites nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from runners.cli import main
from runners.scaffold import plan_package
from sitegen.records import PREDICTION_KINDS, PredictionKind

LONGEST = "9" + "a-long-name" * 5 + "-is-here"


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["new-model", *map(str, arguments)], catch_exceptions=False)


def in_form(tool: Callable[[str], str], repo: Path, folder: Path) -> None:
    """Check format and style of every file below a folder by this project's rules."""
    rules = ["--config", str(repo / "pyproject.toml"), "--no-cache"]
    for command in (["format", "--check", "--diff"], ["check"]):
        done = subprocess.run(
            [tool("ruff"), *command, *rules, "."], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def run_tests(folder: Path, *paths: str, found: list[Path]) -> None:
    """Run tests in a process of its own that finds these folders' modules first."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, found))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def plug_in(package: Path, name: str, entry_point: str) -> None:
    """Write beside a package what an installation would, so that its entry point is found."""
    record = package / f"{name.replace('-', '_')}-0.1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (record / "entry_points.txt").write_text(f"[fathom.models]\n{entry_point}\n")


def test_a_package_is_in_form_and_its_test_runs(tmp_path: Path, repo: Path, tool: Callable[[str], str]) -> None:
    """Scaffolded, installed as a plug-in, found by id, and predicting."""
    result = call("my-depth", "--kind", "metric-depth", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    package = tmp_path / "fathom-my-depth"
    assert f"wrote {package / 'pyproject.toml'}" in result.output
    assert f"pip install -e {package}" in result.output
    in_form(tool, repo, package)
    plug_in(package, "fathom-my-depth", "my-depth = fathom_my_depth:ENTRY")
    run_tests(package, "tests", found=[package, repo])


@pytest.mark.parametrize("kind", PREDICTION_KINDS)
def test_every_kind_and_any_id_is_in_form(
    tmp_path: Path, repo: Path, tool: Callable[[str], str], kind: PredictionKind
) -> None:
    """A first digit and 64 characters are no trouble."""
    assert len(LONGEST) == 64
    assert call(LONGEST, "--kind", kind, "--out", tmp_path).exit_code == 0
    in_form(tool, repo, tmp_path / f"fathom-{LONGEST}")


@pytest.fixture
def clone(tmp_path: Path, repo: Path) -> Path:
    """A part of this repository that is enough to add a model to."""
    left_out = shutil.ignore_patterns("data", "__pycache__")
    shutil.copytree(repo / "runners", tmp_path / "clone" / "runners", ignore=left_out)
    shutil.copy(repo / "pyproject.toml", tmp_path / "clone")
    (tmp_path / "clone" / "sitegen").symlink_to(repo / "sitegen")
    models = tmp_path / "clone" / "results" / "models"
    models.mkdir(parents=True)
    shutil.copy(repo / "results" / "models" / "lotus-g.yaml", models)
    return tmp_path / "clone"


def test_an_adapter_here_is_in_form_and_its_test_runs(
    clone: Path, repo: Path, tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Module, card, test and a line in the catalogue, all that a model needs to be found."""
    monkeypatch.chdir(clone)
    result = call("2nd-depth", "--kind", "affine-invariant-disparity", "--here")
    assert result.exit_code == 0, result.output
    assert "wrote runners/models/catalogue.py" in result.output
    in_form(tool, repo, clone)
    run_tests(clone, "tests/runners/models/test_model_2nd_depth.py", found=[clone, repo])
    card = (clone / "results/models/2nd-depth.yaml").read_text()
    assert "output_kind: affine-invariant-disparity" in card
    assert not list(clone.rglob("*.part"))


def test_a_card_that_is_there_stays(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many models have a card before they have an adapter; it must say the same kind."""
    monkeypatch.chdir(clone)
    card = clone / "results/models/lotus-g.yaml"
    before = card.read_bytes()
    result = call("lotus-g", "--kind", "metric-depth", "--here")
    assert result.exit_code == 1
    assert "lotus-g.yaml: says affine-invariant-depth, not metric-depth" in result.output
    assert call("lotus-g", "--kind", "affine-invariant-depth", "--here").exit_code == 0
    assert card.read_bytes() == before


def test_nothing_is_overwritten(tmp_path: Path, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is in the way stops everything, and is named."""
    call("my-depth", "--kind", "ordinal", "--out", tmp_path)
    pyproject = tmp_path / "fathom-my-depth" / "pyproject.toml"
    pyproject.write_text("mine")
    result = call("my-depth", "--kind", "ordinal", "--out", tmp_path)
    assert result.exit_code == 1
    assert f"already there, and nothing is overwritten: {pyproject}" in result.output
    assert pyproject.read_text() == "mine"

    monkeypatch.chdir(clone)
    (clone / "runners/models/mine.py").write_text("mine")
    catalogue = (clone / "runners/models/catalogue.py").read_bytes()
    assert call("mine", "--kind", "ordinal", "--here").exit_code == 1
    assert (clone / "runners/models/catalogue.py").read_bytes() == catalogue


def test_faults_are_sentences(tmp_path: Path, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No id, a taken id, no clone, a catalogue of another form; an unknown kind is a usage error."""
    assert "is no model id" in call("My Depth", "--kind", "ordinal").output
    assert "'meter-xxs-nyu' is in use already" in call("meter-xxs-nyu", "--kind", "metric-depth").output
    assert call("a", "--kind", "depth").exit_code == 2
    assert call("a", "--kind", "ordinal", "--here", "--out", tmp_path).exit_code == 2
    monkeypatch.chdir(tmp_path)
    assert "no clone of Fathom" in call("a", "--kind", "ordinal", "--here").output
    monkeypatch.chdir(clone)
    (clone / "runners/models/catalogue.py").write_text("ENTRIES = ()\n")
    assert "there is no line 'ENTRIES" in call("a", "--kind", "ordinal", "--here").output


def test_every_kind_has_a_placeholder(tmp_path: Path) -> None:
    """A kind that is added to the records is known to the scaffold."""
    for kind in get_args(PredictionKind):
        assert plan_package("a", kind, tmp_path).new
