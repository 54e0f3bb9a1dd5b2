"""Results as they were at a commit, read from git's objects: nothing of the commit is checked out or run.

Objects are read one by one and not by ``git archive``, which obeys ``.gitattributes`` of the commit: with
``export-ignore`` a contribution could hide its own records.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sitegen.findings import Finding
from sitegen.store import DEFAULT_RESULTS, Store, load

__all__ = ["WORK_TREE", "GitError", "Revision", "common_ancestor", "git", "read_revision", "resolve"]

WORK_TREE = "."
"""How the files as they lie in the work tree are named, in the place of a commit."""
_PLAIN = {"100644", "100755"}
_LONGEST_NAME = 255
_LARGEST = 16 * 2**20
"""Bytes of a file that is read; the largest record of the layout has a twentieth of that."""


class GitError(ValueError):
    """Git does not know what was asked for; the message says what."""


@dataclass(frozen=True)
class Revision:
    """The records of a commit, or of the work tree.

    Attributes:
        commit: The commit's full name; empty for the work tree.
        store: What could be read, with all findings. Its root is gone after reading, but for the work tree.
    """

    commit: str
    store: Store


def resolve(results: Path, name: str) -> str:
    """Return the full name of a commit; empty for the work tree.

    Raises:
        GitError: If there is no such commit.
    """
    if name == WORK_TREE:
        return ""
    try:
        return git(results, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    except GitError:
        raise GitError(f"git knows no commit '{name}' in {results.resolve()}") from None


def common_ancestor(results: Path, first: str, second: str) -> str:
    """Return the last commit that two commits have in common, so that what only one gained is no difference.

    Args:
        results: A folder of the repository.
        first: Full name of a commit, returned where the two share no history, as in a shallow clone.
        second: Another one; empty for what is checked out.
    """
    try:
        return git(results, "merge-base", first, second or "HEAD").strip()
    except GitError:
        return first


def read_revision(results: Path, commit: str) -> Revision:
    """Read the records of a commit with the same checks as any others.

    Args:
        results: The results folder in the work tree; the commit's is at the same place.
        commit: Full name of the commit; empty for the work tree.

    Raises:
        GitError: If git cannot read it.
    """
    if not commit:
        return Revision("", load(results))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, DEFAULT_RESULTS)
        folder.mkdir()
        refused = list(_write(results, commit, folder))
        store = load(folder)
    return Revision(commit, replace(store, findings=(*store.findings, *refused)))


@dataclass(frozen=True)
class _Blob:
    mode: str
    sha: str
    size: int
    path: str


def _write(results: Path, commit: str, folder: Path) -> Iterator[Finding]:
    """Write the plain files of a commit into a folder; yield a finding for each that is not written."""
    kept = []
    for blob in _listed(results, commit):
        if fault := _refusal(blob):
            yield Finding("error", blob.path, "/", fault)
        else:
            kept.append(blob)
    for blob, content in zip(kept, _contents(results, [blob.sha for blob in kept]), strict=True):
        path = folder / blob.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _refusal(blob: _Blob) -> str:
    """Return why a file is not read; empty for one that is."""
    parts = PurePosixPath(blob.path).parts
    if blob.mode not in _PLAIN:
        return "is no plain file (a link or another repository) and was not read"
    if blob.path.startswith("/") or ".." in parts or "\0" in blob.path or "\\" in blob.path:
        return "its path leads elsewhere; it was not read"
    if any(len(part.encode()) > _LONGEST_NAME for part in parts):
        return "its name is too long; it was not read"
    if blob.size > _LARGEST:
        return f"has {blob.size:,} bytes and was not read; at most {_LARGEST:,}"
    return ""


def _listed(results: Path, commit: str) -> Iterator[_Blob]:
    raw = _git(results, "ls-tree", "-r", "-l", "-z", commit, "--", ".")
    for entry in raw.split(b"\0")[:-1]:
        head, _, path = entry.partition(b"\t")
        mode, _kind, sha, size = head.decode().split()
        # A name that is no UTF-8 is shown as such: the checks refuse it by its characters.
        yield _Blob(mode, sha, int(size) if size != "-" else 0, path.decode("utf-8", "replace"))


def _contents(results: Path, names: list[str]) -> Iterator[bytes]:
    """Yield the content of each object, in order."""
    raw, position = _git(results, "cat-file", "--batch", stdin="\n".join(names).encode()), 0
    for _name in names:
        end = raw.index(b"\n", position)
        size = int(raw[position:end].split()[2])
        yield raw[end + 1 : end + 1 + size]
        position = end + size + 2


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints; names that are no UTF-8 keep their bytes as surrogates.

    Raises:
        GitError: If git fails.
    """
    return _git(folder, *arguments).decode("utf-8", "surrogateescape")


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-c", "core.quotepath=off", *arguments],  # noqa: S607
            cwd=folder,
            input=stdin,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise GitError(f"git cannot run in {folder}: {error.strerror}") from None
    if done.returncode:
        raise GitError(f"git {arguments[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
