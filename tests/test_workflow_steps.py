"""The shell steps of the workflows, run here word for word; ``gh`` is a stand-in that answers as GitHub would.

Those of submission.yml are run by the rehearsal (tests/rehearsal). Those of ci.yml run this very suite.
"""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.play import Theatre
from tests.sitegen import factories as make
from tests.workflow_steps import Environment, steps

HEAD_SHA = "0123456789abcdef0123456789abcdef01234567"
EVIL = "x$(touch canary)`touch canary`;touch canary #\"'"
GH = """
import json, os, subprocess, sys
here, words = os.environ["STAND_IN"], sys.argv[1:]
with open(f"{here}/calls.jsonl", "a") as stream:
    body = next((word[6:] for word in words if word.startswith("body=@")), None)
    stream.write(json.dumps({"words": words, "body": body and open(body).read()}) + "\\n")
if words[:2] == ["run", "download"]:
    subprocess.run(["cp", "-R", f"{here}/records/.", words[words.index("--dir") + 1]], check=True)
if words[0] == "api" and "PATCH" not in words and "POST" not in words:
    path = next(word for word in words if word.startswith("repos/")).removeprefix("repos/o/r/")
    answer = f"{here}/{path.replace('/', '_')}"
    if "--jq" in words:
        sys.exit(subprocess.run(["jq", "-r", words[words.index("--jq") + 1], answer]).returncode)
    sys.stdout.buffer.write(open(answer, "rb").read())
"""
ANSWERS: dict[str, Any] = {
    "pulls": [
        {"number": 6, "head": {"sha": "f" * 40}},
        {"number": 7, "head": {"sha": HEAD_SHA}},
    ],
    "actions_runs_99_artifacts": {"artifacts": [
        {"id": 4, "name": "preview", "size_in_bytes": 9_000_000},
        {"id": 5, "name": "verdict", "size_in_bytes": 300},
    ]},
    "pulls_7_files": [{"filename": "results/runs/a/b/c.json"}],
    "issues_7_comments": [
        {"id": 1, "user": {"login": "evil"}, "body": "<!-- fathom-verdict -->\nmine"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "hello"},
    ],
}  # fmt: skip
VERDICT = {"schema_version": 1, "findings": {"error": 0, "warning": 1}, "files": {"added": {"runs": 1}}}


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    """A repository with a few records and this checkout's Makefile, scripts and workflows."""
    return Theatre(tmp_path_factory.mktemp("theatre"))


class GitHub:
    """What the stand-in for ``gh`` answers, and what it was asked."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        if not shutil.which("jq"):
            pytest.skip("no jq on PATH: the stand-in for gh cannot filter as gh does")
        self.folder = folder
        (folder / "gh.py").write_text(GH)
        environment.script("gh", f'exec "{sys.executable}" "{folder}/gh.py" "$@"')
        for name, answer in ANSWERS.items():
            self.answer(name, answer)
        self.keep(VERDICT)

    def answer(self, name: str, answer: Any) -> None:
        """Have it answer something else."""
        (self.folder / name).write_text(json.dumps(answer))

    def keep(self, verdict: Any) -> None:
        """Keep a verdict as an artifact."""
        with zipfile.ZipFile(self.folder / "actions_artifacts_5_zip", "w") as archive:
            archive.writestr("verdict.json", json.dumps(verdict))

    def written(self) -> list[dict[str, Any]]:
        """Every call that changes something."""
        calls = [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]
        return [call for call in calls if {"PATCH", "POST"} & set(call["words"]) or call["words"][0] == "pr"]


@pytest.fixture
def github(theatre: Theatre, tmp_path: Path) -> GitHub:
    """A GitHub with pull request 7, whose check has just ended."""
    return GitHub(tmp_path, theatre.environment)


def play(
    theatre: Theatre, folder: Path, workflow: str, job: str, values: dict[str, str], **env: str
) -> tuple[int, str]:
    """Run a job's shell steps until one fails; return its exit status and all that was printed."""
    output = ""
    for step in steps(workflow, job, values):
        done = theatre.environment.run(step.run, folder, **env, **step.env)
        output += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, output
    return 0, output


def comment(theatre: Theatre, github: GitHub, branch: str = "toy") -> tuple[int, str]:
    """Run the steps of comment.yml after a check of a branch."""
    values = {
        "github.token": "no-token",
        "github.event.workflow_run.id": "99",
        "github.event.workflow_run.head_sha": HEAD_SHA,
        "github.event.workflow_run.head_repository.owner.login": "somebody",
        "github.event.workflow_run.head_branch": branch,
    }
    env = {"STAND_IN": str(github.folder), "GITHUB_REPOSITORY": "o/r"}
    return play(theatre, theatre.upstream, "comment.yml", "comment", values, **env)


def test_a_comment_is_posted_on_the_right_pull_request(theatre: Theatre, github: GitHub) -> None:
    """Of the pull requests of that branch it is the one whose newest commit was checked; a stranger's mark is none."""
    status, output = comment(theatre, github)
    assert status == 0, output
    (call,) = github.written()
    assert call["words"][-1].startswith("body=@")
    assert "repos/o/r/issues/7/comments" in call["words"]
    assert "POST" in call["words"]
    assert "### The records pass\n" in call["body"]


def test_a_comment_takes_the_place_of_the_one_before(theatre: Theatre, github: GitHub) -> None:
    """The bot's own is changed, so that a pull request has one."""
    github.answer("issues_7_comments", [{"id": 3, "user": {"login": "github-actions[bot]"},
                                         "body": "<!-- fathom-verdict -->\n"}])  # fmt: skip
    assert comment(theatre, github)[0] == 0
    (call,) = github.written()
    assert "PATCH" in call["words"]
    assert "repos/o/r/issues/comments/3" in call["words"]


def test_touched_code_is_counted_by_github_and_not_by_the_artifact(theatre: Theatre, github: GitHub) -> None:
    """A file that was moved out of code into results/ counts, and so does a name that is made to look like them."""
    names = ["results/models/a.yaml", "sitegen/checks.py", "results\n/x", "resultsx", "../results/y"]
    moved = {"filename": "results/models/b.yaml", "previous_filename": "sitegen/cli.py"}
    github.answer("pulls_7_files", [{"filename": name} for name in names] + [moved])
    assert comment(theatre, github)[0] == 0
    assert "**5 files outside of `results/` are touched.**" in github.written()[0]["body"]


@pytest.mark.parametrize("branch", [EVIL, "-x", "a\nb", "$(shell touch canary)"])
def test_a_branch_cannot_be_named_into_a_command(branch: str, theatre: Theatre, github: GitHub) -> None:
    """Neither bash nor make nor gh takes any of it for more than a name."""
    status, output = comment(theatre, github, branch)
    assert status == 0, output
    assert not list(theatre.root.rglob("canary"))
    asked = json.loads((github.folder / "calls.jsonl").read_text().splitlines()[0])["words"]
    assert f"head=somebody:{branch}" in asked


@pytest.mark.parametrize(
    ("name", "answer", "status"),
    [
        ("pulls", [{"number": 7, "head": {"sha": "e" * 40}}], 0),
        ("actions_runs_99_artifacts", {"artifacts": []}, 0),
        ("actions_runs_99_artifacts", {"artifacts": [{"id": 5, "name": "verdict", "size_in_bytes": 90_000}]}, 0),
        (None, VERDICT | {"findings": {"error": "0, approved by @maintainers"}}, 2),
    ],
    ids=["a newer commit", "no verdict", "a large verdict", "words"],
)
def test_nothing_is_posted_where_there_is_no_honest_verdict(
    name: str | None, answer: Any, status: int, theatre: Theatre, github: GitHub
) -> None:
    """No pull request of that commit, no artifact, one too large, or one with words: silence, or a failed job."""
    if name:
        github.answer(name, answer)
    else:
        github.keep(answer)
    assert comment(theatre, github)[0] == status
    assert github.written() == []


VALUES = {
    "inputs.model": "toy-net",
    "inputs.dataset": "toy-rooms",
    "inputs.protocol": "house",
    "vars.FATHOM_DATA && format('{0}/{1}', vars.FATHOM_DATA, inputs.dataset) || ''": "",
    "vars.FATHOM_WEIGHTS": "",
    "github.actor": "a maintainer",
    "github.token": "no-token",
    "github.run_id": "99",
}


def test_measuring_passes_inputs_on_as_they_are(theatre: Theatre, tmp_path: Path) -> None:
    """Each input is one argument, whatever it holds; what is empty is left out."""
    environment = Environment(tmp_path / "venv")
    environment.script("runners", f"printf '%s\\n' \"$@\" > '{tmp_path}/words'")
    (step,) = steps(
        "evaluate.yml", "measure", VALUES | {"inputs.protocol": EVIL, "inputs.model": "$(shell touch canary)"}
    )
    done = environment.run(step.run, theatre.upstream, **step.env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "words").read_text().splitlines() == [
        "evaluate", "--model", "$(shell touch canary)", "--dataset", "toy-rooms", "--protocol", EVIL,
        "--submitter", "a maintainer", "--results", "results", "--out", "build/measured",
    ]  # fmt: skip
    assert not list(theatre.root.rglob("canary"))


def test_records_are_proposed(theatre: Theatre, github: GitHub) -> None:
    """Measured records are checked, committed alone on a branch of their own, pushed, and a pull request is opened."""
    make.write_json(github.folder / "records/toy-rooms/house/toy-net.json", make.make_run())
    clone = theatre.clone("propose")
    env = {"STAND_IN": str(github.folder), "GITHUB_REPOSITORY": "upstream", "GITHUB_SERVER_URL": str(theatre.root)}
    status, output = play(theatre, clone, "evaluate.yml", "propose", VALUES, **env)
    assert status == 0, output
    show = ["git", "-C", str(theatre.upstream), "show", "--name-only", "--format=%s", "measured-99"]
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    assert shown == "Measure toy-net on toy-rooms\n\nresults/runs/toy-rooms/house/toy-net.json\n"
    (call,) = github.written()
    assert call["words"][:2] == ["pr", "create"]
    assert "measured-99" in call["words"]


@pytest.mark.parametrize("record", [None, make.make_run() | {"submitter": "somebody else"}], ids=["none", "changed"])
def test_bad_records_are_not_proposed(record: dict[str, Any] | None, theatre: Theatre, github: GitHub) -> None:
    """No record, or one that the check refuses: the job fails, and nothing is pushed."""
    (github.folder / "records").mkdir()
    if record:
        make.write_json(github.folder / "records/toy-rooms/house/toy-net.json", record)
    clone = theatre.clone(f"bad-{record is None}")
    env = {"STAND_IN": str(github.folder), "GITHUB_REPOSITORY": "upstream", "GITHUB_SERVER_URL": str(theatre.root)}
    status, output = play(theatre, clone, "evaluate.yml", "propose", VALUES | {"github.run_id": "98"}, **env)
    assert status != 0
    assert ("sha256 does not agree" if record else "no record that differs") in output
    branches = ["git", "-C", str(theatre.upstream), "branch", "--list", "measured-98"]
    assert subprocess.run(branches, capture_output=True, text=True, check=True).stdout == ""


def test_weekly_check_of_records_site_and_links(theatre: Theatre) -> None:
    """All records, the site from nothing, and every outside address; without a network each gives a warning."""
    status, output = play(theatre, theatre.clone("weekly"), "scheduled.yml", "links", {})
    assert status == 0, output
    assert "gave no answer" in output
    assert "addresses outside the site were asked" in output


def test_published_site_is_built(theatre: Theatre) -> None:
    """The only step of the workflow that publishes builds into the folder that is uploaded."""
    (step,) = steps("pages.yml", "build", {})
    assert step.run == "make site"


def test_audit_looks_at_the_pinned_versions(theatre: Theatre) -> None:
    """It asks PyPI, so here it is only shown what would run: an auditor of its own environment on constraints.txt."""
    (step,) = steps("scheduled.yml", "audit", {})
    shown = theatre.environment.run(f"{step.run} --dry-run", theatre.upstream).stdout
    assert "--requirement tests/tools/audit.txt" in shown
    assert "pip-audit --requirement constraints.txt --no-deps --disable-pip" in shown
