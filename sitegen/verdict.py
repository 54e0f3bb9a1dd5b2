"""The numbers of a checked submission, and the comment that is made of them.

The numbers come out of a job that ran on contributed files and is trusted with nothing. What reads them here and puts
them into words runs with the right to comment: it takes counts and nothing else, so that no contributed word gets into
a comment.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError

from sitegen.findings import Finding, Severity
from sitegen.history import common_ancestor, git, resolve
from sitegen.records import Record

__all__ = ["MARK", "Change", "Kind", "Verdict", "VerdictError", "changes", "comment", "count", "read_verdict"]

MARK = "<!-- fathom-verdict -->"
"""First line of a comment, by which the next one replaces it."""
NAME = "verdict.json"
_MAX_BYTES = 4096
_MAX_ARCHIVE = 16_384

Change = Literal["added", "changed", "removed"]
Kind = Literal[
    "datasets",
    "models",
    "sources",
    "protocols",
    "disagreements",
    "runs",
    "sensitivity",
    "speed",
    "gallery",
    "lessons",
    "corrections",
    "disputes",
    "verified",
    "other",
]
_KINDS: tuple[Kind, ...] = get_args(Kind)
_CHANGES: tuple[Change, ...] = get_args(Change)
_LETTERS: dict[str, Change] = {"A": "added", "D": "removed"}
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class VerdictError(ValueError):
    """A verdict cannot be used; the message says why, and holds no word of the verdict's own."""


class Verdict(Record):
    """How many findings a check gave, and how many files of each kind were added, changed and removed."""

    schema_version: Literal[1]
    findings: dict[Severity, Count]
    files: dict[Change, dict[Kind, Count]]


def count(findings: Iterable[Finding], changes: Mapping[Change, Iterable[str]]) -> Verdict:
    """Return the numbers of a check.

    Args:
        findings: What was found.
        changes: Files by what happened to them, relative to the results folder.
    """
    severities = Counter(finding.severity for finding in findings)
    return Verdict(
        schema_version=1,
        findings={severity: severities[severity] for severity in _SEVERITIES},
        files={change: dict(Counter(map(_kind, paths))) for change, paths in changes.items()},
    )


def changes(results: Path, reference: str) -> dict[Change, list[str]]:
    """Return the tracked files below a folder that differ from the last common commit with a reference.

    Raises:
        GitError: If git does not know the reference.
    """
    base = common_ancestor(results, resolve(results, reference), "")
    raw = git(results, "diff", "--name-status", "--no-renames", "-z", "--relative", base, "--", ".")
    fields = raw.split("\0")[:-1]
    found: dict[Change, list[str]] = {change: [] for change in _CHANGES}
    for letter, path in zip(fields[::2], fields[1::2], strict=True):
        found[_LETTERS.get(letter, "changed")].append(path)
    return found


def read_verdict(path: Path) -> Verdict:
    """Read a verdict that anybody may have written: the JSON file, or the archive in which GitHub keeps it.

    Raises:
        VerdictError: If it is anything else than numbers in the expected places, or larger than such numbers are.
    """
    data = _limited(path)
    if zipfile.is_zipfile(io.BytesIO(data)):
        data = _unpacked(data)
    if len(data) > _MAX_BYTES:
        raise VerdictError(f"the verdict has more than {_MAX_BYTES} bytes")
    try:
        return Verdict.model_validate_json(data)
    except ValidationError as error:
        raise VerdictError(f"the verdict has {_many(error.error_count(), 'fault')}: it must be numbers alone") from None


def comment(verdict: Verdict, *, commit: str, outside: int) -> str:
    """Return a comment in Markdown: counts in fixed words.

    Args:
        verdict: The numbers.
        commit: Which commit was checked, in hexadecimal digits.
        outside: How many files outside of ``results/`` the submission touches.
    """
    found = {severity: verdict.findings.get(severity, 0) for severity in _SEVERITIES}
    lines = [
        MARK,
        f"### The records {'do not pass' if found['error'] else 'pass'}{', by their own check' if outside else ''}",
        "",
        *_distrust(outside),
        f"`sitegen validate` on {commit[:12]}: {', '.join(_many(found[word], word) for word in _SEVERITIES)}. "
        "The run shows them in full and has the built site among its artifacts.",
        "",
        *_table(verdict),
    ]
    if found["warning"]:
        lines += ["Each warning wants an answer here, by the author or a reviewer, before the merge.", ""]
    return "\n".join(lines)


def _distrust(outside: int) -> list[str]:
    if not outside:
        return []
    return [
        f"**{_many(outside, 'file')} outside of `results/` {'is' if outside == 1 else 'are'} touched.** The check ran "
        "with this pull request's own code, so its numbers prove nothing until that code is read.",
        "",
    ]


def _limited(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_ARCHIVE + 1)
    except OSError as error:
        raise VerdictError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _MAX_ARCHIVE:
        raise VerdictError(f"the verdict has more than {_MAX_ARCHIVE} bytes")
    return data


def _unpacked(data: bytes) -> bytes:
    """Return what an archive's only member holds, and no more of it than a verdict has; nothing is put on disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.namelist() != [NAME]:
                raise VerdictError(f"the archive does not hold {NAME} alone")
            with archive.open(NAME) as member:
                return member.read(_MAX_BYTES + 1)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        if isinstance(error, VerdictError):
            raise
        raise VerdictError("the archive cannot be read") from None


def _kind(path: str) -> Kind:
    first = path.partition("/")[0].removesuffix(".yaml")
    return next((kind for kind in _KINDS if kind == first), "other")


def _table(verdict: Verdict) -> list[str]:
    rows = {kind: [verdict.files.get(change, {}).get(kind, 0) for change in _CHANGES] for kind in _KINDS}
    shown = [f"| {kind} | {' | '.join(map(str, counts))} |" for kind, counts in rows.items() if any(counts)]
    if not shown:
        return ["No file below `results/` differs.", ""]
    return [f"| files | {' | '.join(_CHANGES)} |", "| --- | ---: | ---: | ---: |", *shown, ""]


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
