"""Text for formats that are no HTML: whatever a name holds, it comes out as that name and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pylatexenc.latexencode import RULE_DICT, UnicodeToLatexConversionRule, UnicodeToLatexEncoder

__all__ = ["csv_text", "fenced", "github", "latex", "markdown", "one_line"]

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # full-width forms too: some spreadsheets fold them
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&!$^=]|^[-+])")
_LINKED = re.compile(r"[@#]|:(?=\S)|\bGH(?=-)|\bwww(?=\.)", re.IGNORECASE)
_NOTHING = "&#8203;"
"""A space of no width, as a reference: the character itself would not be seen in the source."""
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
# A bracket or a star after \\ would be read as its argument; a grave accent could join ? or ! to another character.
_LATEX_ALONE = {ord("|"): r"\ensuremath{|}", **{ord(char): f"{{{char}}}" for char in "[]*`"}}
_LATEX = UnicodeToLatexEncoder(
    conversion_rules=[UnicodeToLatexConversionRule(RULE_DICT, _LATEX_ALONE), "defaults"],
    replacement_latex_protection="braces-after-macro",
    unknown_char_policy="keep",
    unknown_char_warning=False,
)


def one_line(text: str) -> str:
    """Return text on one line, every run of white space and control characters being one space."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def csv_text(text: str) -> str:
    """Return text for a CSV cell that no spreadsheet runs as a formula (a leading apostrophe marks it as text)."""
    return "'" + one_line(text) if text.startswith(_FORMULA) or one_line(text).startswith(_FORMULA) else one_line(text)


def markdown(text: str) -> str:
    """Return text for a cell of a Markdown table or a paragraph: every special and list marker stands escaped."""
    return _NUMBERED.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", one_line(text)))


def github(text: str, most: int = 200) -> str:
    """Return text for a table or paragraph on GitHub, which finds mentions, references and addresses in plain text.

    A space of no width keeps @name, #1, GH-1, www., :// and :shortcode: from being read as such; escapes alone do not,
    since GitHub looks for them in what the Markdown has become.

    Args:
        text: Whatever was contributed.
        most: Characters that are shown; the rest gives an ellipsis.
    """
    shown = one_line(text)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return _LINKED.sub(lambda found: f"{found.group()}{_NOTHING}", markdown(shown))


def fenced(lines: Iterable[str]) -> str:
    """Return lines as a code block of Markdown that none of them can end."""
    shown = ["".join(char if char.isprintable() else " " for char in line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *shown, fence])


@lru_cache(maxsize=20_000)
def latex(text: str) -> str:
    """Return text for a LaTeX document body: all specials escaped, accents and symbols as commands."""
    return str(_LATEX.unicode_to_latex(one_line(text)))
