"""What is wrong with an input, said once and shown everywhere.

The store, the command line, CI annotations and the pull-request summary all speak in findings, so that a contributor
reads the same sentence in each place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Finding", "Severity", "errors", "format_findings"]

Severity = Literal["error", "warning", "note"]
_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
_GITHUB: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


@dataclass(frozen=True)
class Finding:
    """One thing a person should know about one place of one file.

    Attributes:
        severity: ``error`` stops a build, ``warning`` wants an answer, ``note`` is for information.
        path: The file, relative to the results folder.
        pointer: JSON pointer to the value (``/numbers/3/value``), ``/`` for the whole file; for CSV ``/LINE/COLUMN``.
        message: A sentence: what was found, what was expected.
    """

    severity: Severity
    path: str
    pointer: str
    message: str

    def __str__(self) -> str:
        """Show the finding as ``severity: path: pointer: message``."""
        return f"{self.severity}: {self.path}: {self.pointer}: {self.message}"

    def to_dict(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return asdict(self)

    def to_github(self) -> str:
        """Return the finding as a GitHub Actions annotation command."""
        text = _github_escape(f"{self.pointer}: {self.message}")
        path = _github_escape(self.path).replace(":", "%3A").replace(",", "%2C")
        return f"::{_GITHUB[self.severity]} file={path}::{text}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return only the findings that stop a build."""
    return [finding for finding in findings if finding.severity == "error"]


def format_findings(findings: Iterable[Finding]) -> str:
    """Return the findings one a line: errors first, then by file and place."""
    ordered = sorted(findings, key=lambda f: (_ORDER[f.severity], f.path, f.pointer, f.message))
    return "\n".join(str(finding) for finding in ordered)


def _github_escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
