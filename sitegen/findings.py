"""What is wrong with an input, said once and shown everywhere.

The store, the command line, CI annotations and the pull-request summary all speak in findings, so that a contributor
reads the same sentence in each place.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from sitegen.characters import visible

__all__ = ["Finding", "Severity", "closest", "errors", "format_findings"]

Severity = Literal["error", "warning", "note"]
_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
_GITHUB: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}
_LONGEST = 4000
"""Characters of a part of a finding: a hostile file must not fill the screen of whoever checks it."""


@dataclass(frozen=True)
class Finding:
    """One thing a person should know about one place of one file.

    All parts may quote what was contributed: what shows nothing is escaped, what is too long is cut.

    Attributes:
        severity: ``error`` stops a build, ``warning`` wants an answer, ``note`` is for information.
        path: The file, relative to the results folder.
        pointer: JSON pointer to the value (``/numbers/3/value``), ``/`` for the whole file; for CSV ``/LINE/COLUMN``.
        message: A sentence: what was found.
        expected: What should stand there, where the message does not say so already.
        mend: What to do about it.
        suggestion: The known name that was probably meant.
    """

    severity: Severity
    path: str
    pointer: str
    message: str
    expected: str = ""
    mend: str = ""
    suggestion: str = ""

    def __post_init__(self) -> None:
        """Make every part harmless to show."""
        for name in ("path", "pointer", "suggestion"):
            object.__setattr__(self, name, _harmless(getattr(self, name)))
        for name in ("message", "expected", "mend"):
            object.__setattr__(self, name, _harmless(getattr(self, name), allowed="\n"))

    def __str__(self) -> str:
        """Show ``severity: path: pointer: message``, and below it, indented, what else is known."""
        lines = [f"{self.severity}: {self.path}: {self.pointer}: {self.message}", *self._advice()]
        # Quoted lines begin with a bar: in a log of GitHub Actions "::" at the start of a line would be a command.
        return "\n    ".join(line.replace("\n", "\n    | ") for line in lines)

    def to_dict(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return asdict(self)

    def to_github(self, folder: str = "") -> str:
        """Return the finding as a GitHub Actions annotation command.

        Args:
            folder: The results folder as seen from the repository's root, which annotations name files from.
        """
        text = _github_escape("\n".join([f"{self.pointer}: {self.message}", *self._advice()]))
        path = _github_escape("/".join(filter(None, (folder, self.path)))).replace(":", "%3A").replace(",", "%2C")
        return f"::{_GITHUB[self.severity]} file={path}::{text}"

    def _advice(self) -> Iterator[str]:
        if self.expected:
            yield f"expected: {self.expected}"
        if self.suggestion:
            yield f"did you mean '{self.suggestion}'?"
        if self.mend:
            yield f"to mend: {self.mend}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return only the findings that stop a build."""
    return [finding for finding in findings if finding.severity == "error"]


def format_findings(findings: Iterable[Finding]) -> str:
    """Return the findings one below the other: errors first, then by file and place."""
    ordered = sorted(findings, key=lambda f: (_ORDER[f.severity], f.path, f.pointer, f.message))
    return "\n".join(str(finding) for finding in ordered)


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like another one; empty if none is."""
    return next(iter(difflib.get_close_matches(name[:100], sorted(set(known)), n=1, cutoff=0.75)), "")


def _harmless(text: str, allowed: str = "") -> str:
    text = visible(text[:_LONGEST], allowed) + ("…" if len(text) > _LONGEST else "")
    return text.replace("##[", "## [")  # an older form of commands, which is looked for anywhere in a line


def _github_escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
