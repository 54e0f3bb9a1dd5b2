"""The make targets and the scripts behind them: what they install, what they never install, how they fail."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def stub(path: Path, body: str) -> None:
    """Writes a shell script that stands in for a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def dry_run(repo: Path, tmp_path: Path) -> Callable[..., str]:
    """Gives what make would run for a target, in an environment of its own that does not exist yet."""

    def make(*arguments: str, path: str = os.environ["PATH"]) -> str:
        command = ["make", "--dry-run", f"VENV={tmp_path}/venv", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=repo, env={"PATH": path}).stdout

    return make


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A stand-in for an environment in which everything is installed."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    for name in ("bin/python", ".installed-core", ".installed-tools", ".installed-all"):
        (venv / name).touch()
    return venv


def with_uv(folder: Path) -> str:
    """A PATH on which there is a uv."""
    stub(folder / "bin/uv", "")
    return f"{folder}/bin:{os.environ['PATH']}"


def test_site_installs_the_light_core_only(dry_run: Callable[..., str]) -> None:
    """`make site` makes an environment, installs the core, builds; nothing heavy, no tools."""
    commands = dry_run("site")
    assert ".ci/venv" in commands
    assert "--constraint constraints.txt --editable ." in commands
    assert "sitegen build" in commands
    assert not re.search(r"torch|\[|playwright|-m pytest|chromium", commands)


def test_second_run_installs_nothing(dry_run: Callable[..., str], installed: Path) -> None:
    """With all stamps newer than the requirements, neither site nor test nor lint installs."""
    for target in ("site", "test", "lint"):
        assert "install --" not in dry_run(target), target


def test_changed_requirements_install_again(dry_run: Callable[..., str], installed: Path) -> None:
    """A stamp older than pyproject.toml or constraints.txt counts for nothing."""
    for stamp in installed.glob(".installed-*"):
        os.utime(stamp, (0, 0))
    assert dry_run("test").count("install --quiet") == 4  # core, tools, torch, runners
    assert ".ci/venv" not in dry_run("test")


def test_uv_is_used_where_present_but_never_for_torch(dry_run: Callable[..., str], tmp_path: Path) -> None:
    """With uv: it installs the light parts; torch and what needs it always come by pip."""
    lines = dry_run("test", path=with_uv(tmp_path)).splitlines()
    light = [line for line in lines if "uv pip install" in line]
    heavy = [
        line for line in lines if "install" in line and re.search(r"torch|\[runners\b", line) and "echo" not in line
    ]
    assert len(light) == len(heavy) == 2
    assert all("-m pip install" in line and "constraints.txt" in line for line in heavy)


def run_script(repo: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of .ci with nothing but PATH and the given variables."""
    env = {"PATH": os.environ["PATH"]} | environment
    return subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=repo, env=env)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (None, "is not on PATH"),
        ('case "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac', "Python 3.9.1 is not supported"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "apt-get install python3-venv"),
        ('case "$1" in -m) mkdir -p "$3/bin"; touch "$3/bin/python"; exit 1;; esac', "could not make"),
    ],
)
def test_a_python_that_will_not_do_is_named_in_a_sentence(
    repo: Path, tmp_path: Path, body: str | None, sentence: str
) -> None:
    """No Python, a wrong one, one without ensurepip, a failing one: one sentence, and no half-made folder."""
    python = tmp_path / "python"
    if body is not None:
        stub(python, body)
    done = run_script(repo, ".ci/venv", str(python), str(tmp_path / "venv"))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()


def test_a_browser_that_cannot_run_is_named_in_a_sentence(repo: Path, tmp_path: Path) -> None:
    """FATHOM_CHROMIUM is taken at its word: a wrong path is an error, not a reason to install another."""
    done = run_script(repo, ".ci/chromium", str(tmp_path), FATHOM_CHROMIUM="/nowhere/chromium")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere/chromium" in done.stderr


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with no browser: bash, an apt-get that would add one, and a virtual environment that notes its use."""
    path = tmp_path / "bin"
    stub(path / "apt-get", f'echo "apt-get $1"; [ "$1" = update ] || echo > {path}/chromium; /bin/chmod +x {path}/*')
    stub(tmp_path / "venv/bin/python", 'echo "python $*"')
    bash = shutil.which("bash")
    assert bash
    (path / "bash").symlink_to(bash)
    return path


def test_a_browser_on_the_path_is_enough(repo: Path, bare: Path) -> None:
    """Nothing is installed where a Chromium is there already."""
    stub(bare / "chromium", "")
    done = run_script(repo, ".ci/chromium", str(bare.parent / "venv"), PATH=str(bare))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_root_gets_the_distribution_s_browser(repo: Path, bare: Path) -> None:
    """As root with apt-get: Debian's package, not a download."""
    stub(bare / "id", "echo 0")
    done = run_script(repo, ".ci/chromium", str(bare.parent / "venv"), PATH=str(bare))
    assert done.returncode == 0, done.stderr
    assert re.findall("^(?:apt-get|python) .*", done.stdout, re.MULTILINE) == ["apt-get update", "apt-get install"]


def test_an_ordinary_user_gets_playwright_s_browser(repo: Path, bare: Path) -> None:
    """Without root: Playwright's download into the user's own cache, and no apt-get."""
    stub(bare / "id", "echo 1000")
    done = run_script(repo, ".ci/chromium", str(bare.parent / "venv"), PATH=str(bare))
    assert done.returncode == 0, done.stderr
    assert re.findall("^(?:apt-get|python) .*", done.stdout, re.MULTILINE) == ["python -m playwright install chromium"]
