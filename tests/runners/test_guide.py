"""The guide "Add a model": its plug-in is built from its text, installed and measured, so that the guide cannot rot."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from runners.models.entry import ModelEntry
from sitegen.records import PREDICTION_KINDS, Run
from sitegen.store import load_model_cards
from tests.runners import factories as make

GUIDE = "docs/en/add-a-model.md"


@pytest.fixture(scope="module")
def text(repo: Path) -> str:
    """The guide."""
    return (repo / GUIDE).read_text(encoding="utf-8")


def shown(text: str, package: str) -> dict[str, str]:
    """The files of a package that the guide shows, by path."""
    found = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', text, re.MULTILINE | re.DOTALL))
    return {name: content for name, content in found.items() if name.startswith(f"{package}/")}


@pytest.fixture(scope="module")
def files(text: str) -> dict[str, str]:
    """The files of the first package, by path."""
    return shown(text, "darkness")


@pytest.fixture(scope="module")
def installed(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the guide's package, without a network."""
    return install(files, "darkness", tmp_path_factory.mktemp("guide"))


def install(files: dict[str, str], package: str, folder: Path) -> Path:
    """Write the files of a package and let pip install it without a network; return where it is then."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(folder / package)]
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
    listed = {line.split()[0]: line.split() for line in runners(listing, repo, installed).splitlines()}
    assert listed["darkness"][1] == "affine-invariant-depth"


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


LOTUS = """
import torch

class _Pipeline:
    @classmethod
    def from_pretrained(cls, folder, use_safetensors):
        assert use_safetensors and (folder / "unet.safetensors").is_file()
        return cls()

    def to(self, device):
        return self

class LotusDPipeline(_Pipeline):
    def __call__(self, rgb_in, prompt, num_inference_steps, timesteps, output_type, generator, task_emb):
        assert rgb_in.shape[:2] == (1, 3) and -1 <= rgb_in.min() and rgb_in.max() <= 1
        assert task_emb.shape == (1, 4) and (prompt, num_inference_steps, timesteps) == ("", 1, [999])
        return type("Output", (), {"images": ((rgb_in + 1) / 2).movedim(1, -1).numpy()})

class LotusGPipeline(LotusDPipeline):
    pass
"""


@pytest.fixture
def lotus(text: str, tmp_path: Path) -> Path:
    """The guide's plug-in for Lotus, installed, and beside it a stand-in for the clone and one for the weights."""
    files = shown(text, "lotus")
    assert len(files) == 3
    make.write_clone(tmp_path / "Lotus", "pipeline.py", LOTUS)
    for name in ("depth-d-v1-0", "depth-g-v2-1-disparity"):
        weights = tmp_path / "weights" / "jingheya" / f"lotus-{name}"
        weights.mkdir(parents=True)
        save_file({"one": torch.ones(1)}, weights / "unet.safetensors")
    return install(files, "lotus", tmp_path)


@pytest.mark.parametrize(
    ("model", "kind"),
    [("lotus-d", "affine-invariant-depth"), ("lotus-g-v2-1-disparity", "affine-invariant-disparity")],
)
def test_a_clone_is_measured_and_named(
    text: str, repo: Path, lotus: Path, tmp_path: Path, model: str, kind: str
) -> None:
    """The guide's own command with the stand-ins: a valid record that says which commit of which repository ran."""
    command = next(words for words in commands(text, "evaluate") if "lotus-d" in words)
    instead = {"lotus-d": model, "repository=Lotus": f"repository={tmp_path / 'Lotus'}", "trial": str(tmp_path / "out")}
    runners([*(instead.get(word, word) for word in command), "--weights-dir", str(tmp_path / "weights")], repo, lotus)
    (path,) = (tmp_path / "out").rglob("*.json")
    run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    assert (run.model.id, run.prediction_kind, run.dataset.evaluated) == (model, kind, 2)
    assert re.fullmatch(r"EnVision-Research/Lotus at [0-9a-f]{40}", str(run.model.settings["code"]))


def test_the_ids_and_kinds_of_lotus_are_those_of_its_cards(text: str, repo: Path) -> None:
    """A plug-in's record finds its card."""
    named = dict(
        re.findall(
            r'^    "(lotus-[^"]+)": \("[^"]+", "([^"]+)"\)',
            shown(text, "lotus")["lotus/fathom_lotus/__init__.py"],
            re.MULTILINE,
        )
    )
    cards, _ = load_model_cards(repo / "results", named)
    assert len(named) == 4
    assert {name: card.output_kind for name, card in cards.items()} == named


def test_prepared_network_of_the_guide_predicts(text: str) -> None:
    """The class that the guide shows gives each image's brightness, prepared ahead or not."""
    import runners.models.base as base

    (block,) = re.findall(r"^```python\n(class Brightness.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = {"torch": torch, "PreparedNetwork": base.PreparedNetwork}
    exec(block, names)  # noqa: S102 - our own guide
    model: base.PreparedNetwork = names["Brightness"]()  # type: ignore[operator, assignment]
    model.kind = "affine-invariant-depth"
    images = [np.full((2, 3, 3), value, dtype=np.uint8) for value in (0, 51, 255)]
    for given in (images, model.prepared(images)):
        assert [float(found.map[0, 0]) for found in model.predict(given)] == pytest.approx([0, 0.2, 1])
