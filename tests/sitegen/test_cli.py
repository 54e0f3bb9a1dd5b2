"""The command line: exit codes, sentences instead of tracebacks, and output that programs can read."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sitegen.cli import main
from sitegen.records import RECORD_TYPES
from tests.sitegen import factories as make


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A small valid results folder."""
    return make.write_results(tmp_path / "results", with_run=True)


def run(*arguments: object) -> Result:
    """Run the command and return what it printed."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_valid_results(results: Path) -> None:
    """Nothing to say, exit code 0."""
    done = run("validate", "--results", results)
    assert (done.exit_code, done.output) == (0, "")


def test_findings_in_three_forms(results: Path) -> None:
    """The same findings as text, JSON and annotations; exit code 1."""
    (results / "models/toy-net.yaml").write_text("name: 3\n")
    text = run("validate", "--results", results)
    assert text.exit_code == 1
    assert "error: models/toy-net.yaml: /name: input should be a valid string; found 3" in text.output
    as_json = json.loads(run("validate", "--results", results, "--format", "json").output)
    assert len(as_json) == text.output.count("error: ")
    github = run("validate", "--results", results, "--format", "github").output
    assert github.startswith("::error file=")


def test_only_named_paths(results: Path) -> None:
    """Only findings on the named files or folders are shown."""
    (results / "models/broken.yaml").write_text("a: [")
    (results / "datasets/broken.yaml").write_text("a: [")
    done = run("validate", "--results", results, results / "models")
    assert "models/broken.yaml" in done.output
    assert "datasets/broken.yaml" not in done.output


def test_against_a_commit(results: Path) -> None:
    """Against a commit only what it brings is judged; an unknown commit is a sentence."""
    git = ["git", "-C", str(results), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    (results / "models/old-fault.yaml").write_text("a: [")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    (results / "models/new-fault.yaml").write_text("b: [")
    done = run("validate", "--results", results, "--against", "HEAD")
    assert "new-fault" in done.output
    assert "old-fault" not in done.output
    missing = run("validate", "--results", results, "--against", "no-such-commit")
    assert missing.exit_code == 1
    assert "git knows no commit 'no-such-commit'" in missing.stderr


@pytest.mark.parametrize("name", RECORD_TYPES)
def test_schema_is_json(name: str) -> None:
    """Every record type prints its schema."""
    assert json.loads(run("schema", name).output)["title"]


def test_table_of_a_board(results: Path) -> None:
    """A board prints in each format; an unknown board is a sentence."""
    assert "Toy Net" in run("table", "toy-rooms/metric", "--results", results).output
    assert json.loads(run("table", "toy-rooms/metric", "--results", results, "--format", "json").output)
    unknown = run("table", "toy-rooms/metrics", "--results", results)
    assert unknown.exit_code == 1
    assert "toy-rooms/metric" in unknown.stderr


def test_build_refuses_bad_results(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build over invalid records stops with the whole list, and nothing is built."""
    monkeypatch.chdir(tmp_path)
    (results / "models/broken.yaml").write_text("a: [")
    (results / "datasets/broken.yaml").write_text("a: [")
    done = run("build", "--results", results, "--site", tmp_path / "site")
    assert done.exit_code == 1
    assert "models/broken.yaml" in done.stderr
    assert "2 errors in" in done.stderr
    assert not (tmp_path / "site").exists()


def test_usage_errors(results: Path) -> None:
    """Wrong options are usage errors with exit code 2 and a sentence."""
    done = run("render", "--results", results, "--out", "x", "--lang", "en,xx")
    assert done.exit_code == 2
    assert "no pages in 'xx'; the site is written in en, el" in done.stderr
    done = run("render", "--results", results, "--out", "x", "--lang", "el")
    assert done.exit_code == 2
    assert "'en' must be among them: the others link to its data" in done.stderr
    assert run("schema", "nothing").exit_code == 2
    assert run("validate", "no/such/path").exit_code == 2


def test_diff(results: Path) -> None:
    """Between two commits, and from a commit to the files as they lie there, the summary names what changed."""
    git = ["git", "-C", str(results.parent), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    assert "no record differs" in run("diff", "HEAD", "HEAD", "--results", results).output
    make.write_numbers(results / "sources/toy-paper.csv", [{**make.NUMBER, "value": "0.06", "value_as_printed": "6.0"}])
    lying = run("diff", "HEAD", "--results", results)
    assert lying.exit_code == 0
    assert "0.051 → 0.06" in lying.output
    assert "to `the work tree`" in lying.output
    subprocess.run([*git, "commit", "-qam", "y"], check=True)
    committed = run("diff", "HEAD~1", "HEAD", "--results", results)
    assert committed.output.splitlines()[4:] == lying.output.splitlines()[4:]


def test_diff_of_what_is_broken(results: Path) -> None:
    """Findings come first and stop nothing; an unknown commit is a sentence and exit code 1."""
    git = ["git", "-C", str(results.parent), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    (results / "models/toy-net.yaml").write_text("a: [")
    done = run("diff", "HEAD", "--results", results)
    assert done.exit_code == 0
    assert "| error | models/toy-net.yaml |" in done.output
    assert "A record with an error may be missing below." in done.output
    unknown = run("diff", "no-such-commit", "--results", results)
    assert (unknown.exit_code, unknown.output) == (1, f"git knows no commit 'no-such-commit' in {results}\n")
