"""The distribution: what is required, what is pinned, what a wheel holds, which licences and versions it states."""

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

HEAVY = {"torch", "torchvision", "transformers", "diffusers", "timm", "accelerate", "scipy"}
PYTHONS = ("3.11.2", "3.12.0", "3.13.0", "3.14.0")
LOADED = """
import importlib, json, pkgutil, sys, sitegen
for module in pkgutil.walk_packages(sitegen.__path__, "sitegen."):
    if module.name != "sitegen.__main__":
        importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def pyproject(repo: Path) -> dict[str, Any]:
    """pyproject.toml, parsed."""
    return tomllib.loads((repo / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def pins(repo: Path) -> dict[str, str]:
    """constraints.txt: canonical name to version."""
    lines = (repo / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def required(lines: list[str]) -> Iterator[tuple[str, Requirement]]:
    """Requirements with their canonical names."""
    for line in lines:
        requirement = Requirement(line)
        yield canonicalize_name(requirement.name), requirement


def test_light_core_holds_nothing_heavy(pyproject: dict[str, Any]) -> None:
    """Who only builds the site installs no model library."""
    core = {name for name, _ in required(pyproject["project"]["dependencies"])}
    assert not core & HEAVY
    assert {name for name, _ in required(pyproject["project"]["optional-dependencies"]["runners"])} >= HEAVY


def test_constraints_pin_everything_that_ci_installs(pyproject: dict[str, Any], pins: dict[str, str]) -> None:
    """Each requirement has one tested version, and that version is within the stated range."""
    project = pyproject["project"]
    extras = [line for extra in ("runners", "test", "dev") for line in project["optional-dependencies"][extra]]
    for name, requirement in required(project["dependencies"] + extras):
        assert name in pins, f"{name} has no line in constraints.txt: run make constraints"
        assert pins[name] in requirement.specifier, f"{requirement} does not allow the pinned {pins[name]}"


def test_pinned_versions_run_on_every_supported_python() -> None:
    """Every installed version allows Debian 12's Python 3.11.2 as well as 3.14: pip would refuse the pins otherwise."""
    asked = {d.name: SpecifierSet(d.metadata.get("Requires-Python") or "") for d in distributions()}
    assert [name for name, allowed in asked.items() if not all(python in allowed for python in PYTHONS)] == []


def test_torch_and_torchvision_are_the_pair_that_fits(pins: dict[str, str]) -> None:
    """A torchvision that does not fit its torch breaks every model, so both are pinned by hand."""
    assert (pins["torch"], pins["torchvision"]) == ("2.14.1", "0.29.1")


def test_importing_the_site_loads_no_model_library(repo: Path) -> None:
    """Every module of sitegen imports without torch, and without runners, even where they are installed."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, cwd=repo)
    assert not set(json.loads(done.stdout)) & (HEAVY | {"runners"})


def test_import_rules_hold(repo: Path, tool: Callable[[str], str]) -> None:
    """import-linter: the site knows no runner, runners know only the contract."""
    done = subprocess.run([tool("lint-imports"), "--no-cache"], capture_output=True, text=True, check=False, cwd=repo)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def wheel(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=repo)
    return next(folder.glob("*.whl"))


def test_wheel_holds_every_tracked_file_of_the_packages(wheel: Path, repo: Path) -> None:
    """Templates, assets, translations and the procedural data set travel with the code."""
    if not (repo / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout: nothing says which files belong to the packages")
    command = ["git", "ls-files", "sitegen", "runners"]
    tracked = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repo).stdout.split("\n")
    present = {name for name in tracked if name and (repo / name).exists()}
    assert {"sitegen/__init__.py", "runners/__init__.py"} <= present
    assert present <= set(zipfile.ZipFile(wheel).namelist())


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    """No tests, no results, no caches: two packages and the metadata with the licence."""
    names = zipfile.ZipFile(wheel).namelist()
    version = wheel.name.split("-")[1]
    assert {name.partition("/")[0] for name in names} == {"sitegen", "runners", f"fathom_depth-{version}.dist-info"}
    assert not [name for name in names if "__pycache__" in name]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_version_is_the_same_everywhere(pyproject: dict[str, Any], repo: Path) -> None:
    """The citation names the version that the distribution has."""
    citation = yaml.safe_load((repo / "CITATION.cff").read_text())
    assert citation["version"] == pyproject["project"]["version"]


def test_licences_are_the_declared_ones(pyproject: dict[str, Any], repo: Path) -> None:
    """Apache-2.0 in full for the code; CC BY 4.0 by name and link for the results."""
    assert pyproject["project"]["license"] == "Apache-2.0"
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in (repo / "LICENSE").read_text()
    assert "https://creativecommons.org/licenses/by/4.0/" in (repo / "results/LICENSE").read_text()


def test_image_for_gpus_holds_every_tracked_file(repo: Path) -> None:
    """What .dockerignore leaves out is untracked, or records made in the image would call the code changed."""
    words = ["git", "ls-files", "--cached", "--ignored", "--exclude-from=.dockerignore"]
    assert subprocess.run(words, capture_output=True, text=True, check=True, cwd=repo).stdout == ""


def test_image_for_gpus_is_pinned_and_not_run_by_root(repo: Path) -> None:
    """Every pip install of the Dockerfile has the constraints, a user is named, and the entry point is the runners."""
    lines = (repo / "Dockerfile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs
    assert all("--constraint constraints.txt" in line for line in installs)
    assert "USER fathom" in lines
    assert 'ENTRYPOINT ["runners"]' in lines
