"""Records of a commit are those of its objects: nothing is checked out, run, hidden or written elsewhere."""

import subprocess
from pathlib import Path

import pytest

from sitegen.history import GitError, common_ancestor, read_revision, resolve
from sitegen.store import load
from tests.sitegen import factories as make


def git(folder: Path, *words: str, stdin: str = "") -> str:
    """Run git and return what it prints."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout.strip()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A committed results folder inside of a repository."""
    root = make.write_results(tmp_path / "repo/results", with_run=True)
    git(root.parent, "init", "-q", "-b", "main")
    git(root.parent, "add", ".")
    git(root.parent, "commit", "-q", "-m", "base")
    return root


def test_a_commit_is_read_as_the_folder_is(results: Path) -> None:
    """What the store says of a commit is what it says of its files, whatever lies in the work tree now."""
    expected = load(results)
    (results / "models/toy-net.yaml").write_text("a: [")
    found = read_revision(results, resolve(results, "main")).store
    assert (found.models, found.runs, found.numbers) == (expected.models, expected.runs, expected.numbers)
    assert found.findings == expected.findings == ()
    assert read_revision(results, resolve(results, ".")).store.findings != ()


def test_attributes_hide_nothing(results: Path) -> None:
    """``export-ignore``, ``export-subst`` and filters in .gitattributes change nothing of what is read."""
    text = "* export-ignore export-subst ident filter=evil\n"
    (results.parent / ".gitattributes").write_text(text)
    (results / ".gitattributes").write_text(text)
    git(results.parent, "add", "-A", "-f")
    git(results.parent, "commit", "-q", "-m", "hide")
    found = read_revision(results, resolve(results, "HEAD")).store
    assert len(found.runs) == 1
    assert [finding.path for finding in found.findings] == [".gitattributes"]


def test_links_are_not_followed(results: Path, tmp_path: Path) -> None:
    """A link in a commit is named and not read, wherever it leads."""
    (tmp_path / "secret.yaml").write_text("secret: 1")
    (results / "models/link.yaml").symlink_to(tmp_path / "secret.yaml")
    git(results.parent, "add", ".")
    git(results.parent, "commit", "-q", "-m", "link")
    (finding,) = read_revision(results, resolve(results, "HEAD")).store.findings
    assert (finding.path, finding.severity) == ("models/link.yaml", "error")
    assert "was not read" in finding.message


def test_paths_that_lead_elsewhere_are_not_written(results: Path) -> None:
    """A tree made by hand whose names climb out of the folder writes nothing there."""
    blob = git(results.parent, "hash-object", "-w", "--stdin", stdin="stolen")
    inner = git(results.parent, "mktree", stdin=f"100644 blob {blob}\tpwned.yaml")
    climbing = git(results.parent, "mktree", stdin=f"040000 tree {inner}\t..")
    top = git(results.parent, "mktree", stdin=f"040000 tree {climbing}\tresults")
    commit = git(results.parent, "commit-tree", top, "-m", "x")
    found = read_revision(results, commit).store
    assert [finding.message for finding in found.findings] == ["its path leads elsewhere; it was not read"]


def test_large_files_are_not_read(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond any record's size is named and not read."""
    monkeypatch.setattr("sitegen.history._LARGEST", 100)
    messages = [finding.message for finding in read_revision(results, resolve(results, "HEAD")).store.findings]
    assert any(message.endswith("bytes and was not read; at most 100") for message in messages)


def test_a_commit_without_the_folder(results: Path) -> None:
    """Before there were records there were none; that is no error."""
    empty = git(results.parent, "hash-object", "-t", "tree", "-w", "--stdin")
    commit = git(results.parent, "commit-tree", empty, "-m", "nothing")
    assert read_revision(results, commit).store.numbers == ()


@pytest.mark.parametrize("name", ["nothing-like-it", "--output=/tmp/x", "", "HEAD:results"])
def test_unknown_commits(results: Path, name: str) -> None:
    """What is no commit is said in a sentence, and an option is none."""
    with pytest.raises(GitError, match="git knows no commit"):
        resolve(results, name)


def test_the_last_common_commit(results: Path) -> None:
    """What only main gained after a branch began is no difference of the branch; without history the base itself is."""
    base = resolve(results, "main")
    git(results.parent, "checkout", "-q", "-b", "branch")
    git(results.parent, "commit", "-q", "--allow-empty", "-m", "mine")
    git(results.parent, "checkout", "-q", "main")
    git(results.parent, "commit", "-q", "--allow-empty", "-m", "theirs")
    main, branch = resolve(results, "main"), resolve(results, "branch")
    assert common_ancestor(results, main, branch) == base
    alone = git(results.parent, "commit-tree", f"{main}^{{tree}}", "-m", "alone")
    assert common_ancestor(results, main, alone) == main


def test_no_repository(tmp_path: Path) -> None:
    """Outside of a repository, and without a folder, there is a sentence."""
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(GitError):
            resolve(folder, "HEAD")
