"""The guide "Add a model": its plug-in is built from its text, installed and measured, so that the guide cannot rot."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from runners.models.entry import ModelEntry
from sitegen.records import PREDICTION_KINDS, Run

GUIDE = "docs/en/add-a-model.md"


@pytest.fixture(scope="module")
def text(repo: Path) -> str:
    """The guide."""
    return (repo / GUIDE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def files(text: str) -> dict[str, str]:
    """The files that the guide shows, by path."""
    return dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def installed(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the guide's package, without a network."""
    folder = tmp_path_factory.mktemp("guide")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(folder / "darkness")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def runners(arguments: list[str], repo: Path, installed: Path) -> str:
    """Run the command where the guide's package is installed, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(repo)])}
    program = "from runners.cli import main; main()"
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=repo, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(text: str, name: str) -> list[list[str]]:
    """The guide's own command lines of one subcommand, without the program."""
    joined = text.replace("\\\n", " ")
    lines = [shlex.split(line) for line in re.findall(r"^runners .*$", joined, re.MULTILINE)]
    return [words[1:] for words in lines if words[1] == name]


def test_the_plug_in_has_fewer_than_fifty_lines(files: dict[str, str]) -> None:
    """Three files, all of them shown."""
    lines = [line for content in files.values() for line in content.splitlines()]
    assert len(files) == 3
    assert len([line for line in lines if line.strip()]) < 50


def test_the_plug_in_is_listed(text: str, repo: Path, installed: Path) -> None:
    """Installed, it is a model among the others."""
    (listing,) = commands(text, "list")
    shown = {line.split()[0]: line.split() for line in runners(listing, repo, installed).splitlines()}
    assert shown["darkness"][1] == "affine-invariant-depth"


def test_the_plug_in_is_measured(text: str, repo: Path, installed: Path, tmp_path: Path) -> None:
    """The guide's own command gives a valid record that holds the setting."""
    first, *_ = commands(text, "evaluate")
    place = first.index("--out") + 1
    runners([*first[:place], str(tmp_path), *first[place + 1 :]], repo, installed)
    (path,) = tmp_path.rglob("*.json")
    run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    assert (run.model.id, run.model.settings, run.dataset.evaluated) == ("darkness", {"gamma": 0.5}, 2)


def test_the_guide_names_what_exists(text: str, files: dict[str, str]) -> None:
    """Every kind, every field of the entry but those that only this package needs, and one entry point."""
    for kind in PREDICTION_KINDS:
        assert f"| `{kind}` |" in text
    named = set(re.findall(r"`(\w+)`", text))
    inner = {"summary", "needs_training", "family", "keeps_float32"}
    assert set(ModelEntry.__dataclass_fields__) - inner <= named
    project = tomllib.loads(files["darkness/pyproject.toml"])["project"]
    assert list(project["entry-points"]) == ["fathom.models"]
