"""A change against its base: honest ones pass, corrections cover what they say. Dishonest ones: tests/corpus."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sitegen.findings import format_findings
from sitegen.store import load
from sitegen.submission import GitError, submission_findings
from tests.corpus import base
from tests.corpus.changes import Change, both, forge, remove, set_row, set_yaml, write
from tests.sitegen import factories as make

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The honest folder of the corpus, committed in a repository."""
    root = base.write_base(tmp_path / "repo" / "results")
    git(root.parent, "init", "-q", "-b", "main")
    commit(root)
    return root


def git(folder: Path, *arguments: str) -> None:
    """Run git."""
    subprocess.run([*GIT, *arguments], cwd=folder, check=True)


def commit(results: Path) -> None:
    """Commit everything."""
    git(results.parent, "add", ".")
    git(results.parent, "commit", "-q", "-m", "x")


def said(results: Path, reference: str = "main") -> str:
    """What is found against a commit."""
    return format_findings(submission_findings(results, reference, load(results)))


def suggested(text: str) -> list[dict[str, Any]]:
    """The corrections that findings give, to be pasted."""
    lines = [line.strip().removeprefix("| ") for line in text.splitlines() if line.startswith("    | ")]
    entries: list[dict[str, Any]] = yaml.safe_load("\n".join(lines))
    return entries


def corrected(results: Path, text: str) -> None:
    """Paste the corrections that were given, with a reason, a source and a date."""
    data = yaml.safe_load((results / "corrections.yaml").read_text())
    for index, entry in enumerate(suggested(text)):
        filled = {"id": f"mended-{index}", "date": "2026-11-26", "reason": "a slip", "source": "Table 1"}
        data["corrections"].append(entry | filled)
    make.write_yaml(results / "corrections.yaml", data)


NEW_CARD = write("models/toy-new.yaml", yaml.safe_dump({**make.MODEL, "id": "toy-new", "name": "Toy New"}))
HONEST: dict[str, Change] = {
    "a model": NEW_CARD,
    "a run": both(
        NEW_CARD,
        lambda root: make.write_json(
            root / "runs/toy-rooms/house/toy-new.json", base.make_run("toy-new", 0.11, base.PROTOCOL)
        ),
    ),
    "a note": set_yaml("models/toy-net.yaml", notes=["a word"]),
    "timings": lambda root: (
        (root / base.RUN).write_text(
            (root / base.RUN).read_text().replace('"seconds_total": 1.0', '"seconds_total": 2.0')
        )
        and None
    ),
}


@pytest.mark.parametrize("change", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize("committed", [False, True])
def test_what_only_adds_passes(results: Path, change: Change, committed: bool) -> None:
    """New records, new words and other timings need no correction, committed on a branch or not yet."""
    git(results.parent, "switch", "-q", "-c", "branch")
    change(results)
    if committed:
        commit(results)
    assert said(results) == ""


CHANGED: dict[str, Change] = {
    "number": set_row(value="0.06", value_as_printed="6.0"),
    "run": forge({"/samples/group": ["h"] * 6}),
    "disagreement": set_yaml("disagreements/toy-case.yaml", values__0__value=0.04),
    "removed case": remove("disagreements/toy-case.yaml"),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_the_correction_that_is_given_covers_the_change(results: Path, change: Change) -> None:
    """Pasting what the finding gives, with a reason, is all that is to be done."""
    change(results)
    errors = [line for line in said(results).splitlines() if line.startswith("error: ")]
    assert all("without a correction" in line for line in errors)
    assert errors
    corrected(results, said(results))
    assert "error: " not in said(results)


def test_a_file_is_withdrawn_with_one_correction(results: Path) -> None:
    """A whole source may go with one entry that names its file alone, instead of one a number."""
    for path in ("sources/toy-paper.csv", "sources/toy-paper.yaml", "disagreements/toy-case.yaml"):
        (results / path).unlink()
    data = yaml.safe_load((results / "corrections.yaml").read_text())
    for index, path in enumerate(("sources/toy-paper.csv", "sources/toy-paper.yaml", "disagreements/toy-case.yaml")):
        entry = {"id": f"gone-{index}", "date": "2026-11-26", "path": path, "old": "all of it", "new": None}
        data["corrections"].append({**entry, "reason": "retracted", "source": "the authors' notice"})
    make.write_yaml(results / "corrections.yaml", data)
    assert said(results) == ""


def test_only_what_the_change_brings_is_told(results: Path) -> None:
    """A fault of the base is no finding of the change; one that it causes in a file it did not touch is."""
    write("models/broken.yaml", "a: [")(results)
    commit(results)
    write("models/other.yaml", "b: [")(results)
    remove("models/toy-fourth.yaml")(results)
    found = said(results)
    assert "models/broken.yaml" not in found
    assert "models/other.yaml" in found
    assert "runs/toy-rooms/house/toy-fourth.json: /model/id: no model card" in found


def test_what_the_base_did_since_is_not_the_changes(results: Path) -> None:
    """The last common commit is the base: what main published meanwhile was not removed by a branch without it."""
    git(results.parent, "branch", "mine")
    NEW_CARD(results)
    commit(results)
    git(results.parent, "switch", "-q", "mine")
    assert said(results, "main") == ""


def test_modes_are_judged_as_git_has_them(results: Path) -> None:
    """A mode that only git knows, as on a system without such, is found."""
    git(results.parent, "update-index", "--chmod=+x", "results/models/toy-net.yaml")
    git(results.parent, "config", "core.fileMode", "false")
    git(results.parent, "commit", "-q", "-m", "x")
    assert "a file that may be executed" in said(results, "HEAD~1")


@pytest.mark.parametrize("reference", ["no-such-commit", "--output=/tmp/x", "-x"])
def test_unknown_references_are_a_sentence(results: Path, reference: str) -> None:
    """A commit that git does not know, or an option in its place, is an error of its own."""
    with pytest.raises(GitError):
        submission_findings(results, reference, load(results))


def test_outside_a_repository(tmp_path: Path) -> None:
    """Without git there is nothing to compare with."""
    root = base.write_base(tmp_path / "results")
    with pytest.raises(GitError, match="git"):
        submission_findings(root, "HEAD", load(root))
