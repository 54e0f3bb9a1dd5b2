"""Text for formats that are no HTML: whatever a name holds, it comes out as that name and nothing else."""

from __future__ import annotations

import re

__all__ = ["csv_text", "latex", "markdown", "one_line"]

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # full-width forms too: some spreadsheets fold them
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&!$^=])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "`": "{`}",  # alone in its group, so that ?` and !` stay two characters
    "[": "{[}",  # a bracket after \\ would be read as its argument
    "]": "{]}",
    "*": "{*}",
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "δ": r"$\delta$",
    "σ": r"$\sigma$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "§": r"\S{}",
    **{digit: f"$_{index}$" for index, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{digit: f"$^{index}$" for index, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}
_LATEX_TABLE = str.maketrans(_LATEX)


def one_line(text: str) -> str:
    """Return text on one line, every run of white space and control characters being one space."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def csv_text(text: str) -> str:
    """Return text for a CSV cell that no spreadsheet runs as a formula (a leading apostrophe marks it as text)."""
    return "'" + one_line(text) if text.startswith(_FORMULA) or one_line(text).startswith(_FORMULA) else one_line(text)


def markdown(text: str) -> str:
    """Return text for a cell of a Markdown table or a line of Markdown: every inline special stands escaped."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def latex(text: str) -> str:
    """Return text for a LaTeX document body: all specials escaped, common symbols as commands."""
    return one_line(text).translate(_LATEX_TABLE)
