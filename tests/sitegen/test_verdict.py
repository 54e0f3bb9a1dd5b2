"""The comment on a pull request: numbers in, fixed words out, whatever the file holds that anybody may have written."""

import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sitegen.cli import main
from sitegen.findings import Finding
from sitegen.verdict import MARK, count, read_verdict
from tests.sitegen import factories as make

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD: dict[str, Any] = {
    "schema_version": 1,
    "findings": {"error": 0, "warning": 2, "note": 1},
    "files": {"added": {"runs": 3}, "changed": {"models": 1}, "removed": {}},
}


def run(*arguments: object) -> Result:
    """Run sitegen and return what it printed."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def comment(path: Path, outside: int = 0) -> Result:
    """Print the comment of a file."""
    return run("comment", path, "--commit", COMMIT, "--outside", outside)


def archive(path: Path, members: dict[str, str | bytes]) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        for name, content in members.items():
            stream.writestr(name, content)
    return path


def test_comment_says_the_numbers(tmp_path: Path) -> None:
    """Plain file and archive give the same: counts by kind, and what to do about warnings."""
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(GOOD))
    plain = comment(path)
    zipped = comment(archive(tmp_path / "verdict.zip", {"verdict.json": json.dumps(GOOD)}))
    assert plain.exit_code == 0, plain.output
    assert plain.output == zipped.output
    assert plain.output.startswith(f"{MARK}\n### The records pass\n")
    assert "on 0123456789ab: 0 errors, 2 warnings, 1 note." in plain.output
    assert "| runs | 3 | 0 | 0 |\n| models | 0 | 1 | 0 |" not in plain.output  # in the order of the kinds:
    assert "| models | 0 | 1 | 0 |\n| runs | 3 | 0 | 0 |" in plain.output
    assert "Each warning wants an answer" in plain.output


def test_a_check_by_own_code_is_called_that(tmp_path: Path) -> None:
    """Where a pull request touches code, its own verdict is worth nothing, and the heading says whose it is."""
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(GOOD))
    output = comment(path, outside=2).output
    assert "### The records pass, by their own check" in output
    assert "**2 files outside of `results/` are touched.**" in output


HOSTILE: dict[str, Any] = {
    "markdown in a key": GOOD | {"findings": {"error": 0, "[x](https://evil.example)": 1}},
    "text for a number": GOOD | {"findings": {"error": "0 <img src=x>"}},
    "text for the version": GOOD | {"schema_version": "1"},
    "a field more": GOOD | {"note": "@everyone approved"},
    "an unknown kind": GOOD | {"files": {"added": {"@maintainers": 1}}},
    "negative": GOOD | {"findings": {"error": -1}},
    "too many": GOOD | {"findings": {"error": 10**7}},
    "a fraction": GOOD | {"findings": {"error": 0.5}},
    "true": GOOD | {"findings": {"error": True}},
    "null": GOOD | {"findings": None},
    "a list": [GOOD],
    "no object": "verdict",
}
RAW: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"<h1>approved</h1>",
    "not UTF-8": b'{"schema_version": "\xff"}',
    "infinity": json.dumps(GOOD).replace("2", "Infinity").encode(),
    "a huge integer": json.dumps(GOOD).replace('"error": 0', '"error": ' + "9" * 3000).encode(),
    "deep": b"[" * 4000,
    "long": json.dumps(GOOD).encode() + b" " * 5000,
    "very long": b" " * 1_000_000,
}


@pytest.mark.parametrize("data", [*(json.dumps(value).encode() for value in HOSTILE.values()), *RAW.values()],
                         ids=[*HOSTILE, *RAW])  # fmt: skip
def test_what_is_no_verdict_is_refused_without_a_word_of_it(data: bytes, tmp_path: Path) -> None:
    """Exit code 1, one sentence, nothing to post, and nothing of the content in it."""
    path = tmp_path / "verdict.json"
    path.write_bytes(data)
    done = comment(path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("the verdict ")
    for word in ("evil", "img", "everyone", "maintainers", "approved", "Traceback"):
        assert word not in done.stderr


def damaged() -> dict[str, bytes]:
    """Archives that are none, by what is wrong."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as stream:
        stream.writestr("verdict.json", json.dumps(GOOD))
    data = whole.getvalue()
    return {
        "cut": data[:-10],
        "wrong sum": data.replace(b'"error": 0', b'"error": 9', 1),
        "encrypted": data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
    }


@pytest.mark.parametrize("data", damaged().values(), ids=damaged())
def test_a_damaged_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    """It is no verdict, and no traceback either."""
    path = tmp_path / "verdict.zip"
    path.write_bytes(data)
    done = comment(path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "members",
    [
        {"../verdict.json": json.dumps(GOOD)},
        {"verdict.json": json.dumps(GOOD), "more.json": "{}"},
        {"other.json": json.dumps(GOOD)},
        {},
        {"verdict.json": b" " * 10_000_000},
    ],
    ids=["outside", "two", "another name", "none", "a bomb"],
)
def test_an_archive_with_anything_else_is_refused(members: dict[str, str | bytes], tmp_path: Path) -> None:
    """Nothing is unpacked to disk, and no more is unpacked in memory than a verdict has."""
    folder = tmp_path / "in"
    folder.mkdir()
    done = comment(archive(folder / "verdict.zip", members))
    assert done.exit_code == 1
    assert done.stdout == ""
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "verdict.zip"]


@pytest.mark.parametrize("commit", ["main", "0123456`id`", "", "A" * 40])
def test_the_commit_is_no_free_text(commit: str, tmp_path: Path) -> None:
    """Only hexadecimal digits get into the comment."""
    assert run("comment", tmp_path / "none", "--commit", commit).exit_code == 2


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """No verdict, no comment."""
    done = comment(tmp_path / "none.json")
    assert done.exit_code == 1
    assert "cannot be read" in done.stderr


def test_count_knows_every_kind() -> None:
    """What stands in no folder of records is counted as something else, whatever it is called."""
    found = [Finding("warning", "x", "/", "y"), Finding("error", "x", "/", "y"), Finding("error", "x", "/", "z")]
    numbers = count(found, {"added": ["runs/a/b/c.json", "runs/a/b/d.json", "<b>/x", "verified.yaml"], "removed": []})
    assert numbers.findings == {"error": 2, "warning": 1, "note": 0}
    assert numbers.files == {"added": {"runs": 2, "verified": 1, "other": 1}, "removed": {}}


def test_validate_writes_what_comment_reads(tmp_path: Path) -> None:
    """From a git repository to a comment by the two commands; a failed check writes its numbers, too."""
    results = make.write_results(tmp_path / "results", with_run=True)
    git = ["git", "-C", str(results), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    (results / "models/toy-net.yaml").write_text("name: 3\n")
    (results / "references.bib").unlink()
    make.write_yaml(results / "models/toy-two.yaml", make.MODEL | {"id": "toy-two"})
    subprocess.run([*git, "add", "."], check=True)
    path = tmp_path / "build/verdict.json"
    assert run("validate", "--results", results, "--against", "HEAD", "--verdict", path).exit_code == 1
    numbers = read_verdict(path)
    assert numbers.findings["error"] > 0
    assert numbers.files == {"added": {"models": 1}, "changed": {"models": 1}, "removed": {"other": 1}}
    assert "### The records do not pass" in comment(path).output
    assert run("validate", "--results", results, "--verdict", path).exit_code == 2
