"""Findings read the same in a terminal, in JSON and as annotations."""

from sitegen.findings import Finding, errors, format_findings

ERROR = Finding("error", "a.yaml", "/x", "is 50 % wrong\nindeed")
WARNING = Finding("warning", "b:1,2.csv", "/2/value", "is odd")


def test_order_and_form() -> None:
    """Errors stand first, one finding a line, as severity: path: pointer: message."""
    assert format_findings([WARNING, Finding("error", "z", "/", "no")]).splitlines() == [
        "error: z: /: no",
        "warning: b:1,2.csv: /2/value: is odd",
    ]


def test_errors_only() -> None:
    """Only errors stop a build."""
    assert errors([WARNING, ERROR]) == [ERROR]


def test_github_annotation_is_one_safe_line() -> None:
    """Line breaks, percent signs and the command's own separators are escaped."""
    assert ERROR.to_github() == "::error file=a.yaml::/x: is 50 %25 wrong%0Aindeed"
    assert WARNING.to_github() == "::warning file=b%3A1%2C2.csv::/2/value: is odd"
