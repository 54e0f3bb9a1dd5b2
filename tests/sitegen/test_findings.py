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


def test_all_that_is_known_is_in_every_form() -> None:
    """What was expected, what was meant and how to mend it stand in text, JSON and annotations."""
    finding = Finding("error", "a.yaml", "/x", "no card 'b'", expected="a card", mend="add it", suggestion="c")
    assert str(finding).splitlines() == [
        "error: a.yaml: /x: no card 'b'",
        "    expected: a card",
        "    did you mean 'c'?",
        "    to mend: add it",
    ]
    assert finding.to_dict()["suggestion"] == "c"
    assert finding.to_github("results") == (
        "::error file=results/a.yaml::/x: no card 'b'%0Aexpected: a card%0Adid you mean 'c'?%0Ato mend: add it"
    )


def test_a_finding_is_harmless_to_show() -> None:
    """What a hostile file says neither acts on a terminal, nor passes for a command of a log, nor fills it."""
    finding = Finding("error", "a\n::error::b", "/\x1b[2J", "x\n::add-mask::y ##[error] \u202e\ud800" + "z" * 9000)
    shown = str(finding)
    assert not [line for line in shown.splitlines() if line.strip().startswith("::")]
    assert "##[" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown.encode("utf-8")) < 5000
    assert "\n" not in finding.to_github()
