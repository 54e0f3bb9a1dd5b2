"""What hand-written theory may hold besides Markdown: formulas, citations, and figures by their names.

- ``$...$`` and, as a paragraph of its own, ``$$...$$``: LaTeX, which becomes MathML, drawn by the browser.
- ``[@key]`` or ``[@one; @two]``: works of ``results/references.bib``, linked to the list of references.
- ``{{ figure("name") }}`` and ``{{ references() }}`` as paragraphs of their own: see :mod:`sitegen.theory.figures`.

Code, fenced or between backticks, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from latex2mathml.converter import convert
from markupsafe import Markup

from sitegen.reading import BibEntry
from sitegen.rendering import plain
from sitegen.text import _
from sitegen.theory.references import anchor, label

__all__ = ["TheoryError", "cited_keys", "expand", "formula"]

_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\\\w$])\$(?P<inline>[^$\s](?:[^$\n]*[^$\s])?)\$(?!\d)", re.DOTALL)
_CITATION = re.compile(r"\[(@[A-Za-z0-9_-]+(?:; @[A-Za-z0-9_-]+)*)\]")
_CALL = re.compile(r"^\{\{ (?P<name>[a-z_]+)\((?:\"(?P<argument>[a-z0-9-]+)\")?\) \}\}$", re.MULTILINE)
_TEXT_NODE = re.compile(r">([^<]+)<")
_UNREAD = re.compile(r"<mi>(\\\w+|[{}])</mi>")
_DECIMAL_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_DECIMAL = re.compile(r"(<mn>\d+)\.(\d+</mn>)")
_ENTITY = re.compile(r"(&[#\w]+;)")
_PUNCTUATION = str.maketrans({sign: f"&#{ord(sign)};" for sign in "_*[]`~\\!|{}()"})

Call = Callable[[str], str]
"""Gives the HTML block of a call in the text; its argument is empty where the text has none."""


class TheoryError(ValueError):
    """A theory page cannot be made; the message lists every fault, one a line."""


def expand(text: str, references: Mapping[str, BibEntry], calls: Mapping[str, Call]) -> str:
    """Return a page's Markdown with its formulas, citations and calls as HTML.

    Args:
        text: As it is written.
        references: Works by their keys.
        calls: What may be called, by name.

    Raises:
        TheoryError: If the text cites or calls what there is not, or a formula cannot be read: all faults at once.
    """
    faults: list[str] = []

    def replaced(pattern: re.Pattern[str], part: str, make: Callable[[re.Match[str]], str]) -> str:
        def one(match: re.Match[str]) -> str:
            try:
                return make(match)
            except TheoryError as error:
                faults.append(str(error))
                return ""

        return pattern.sub(one, part)

    def outside_code(part: str) -> str:
        part = replaced(_MATH, part, _formula_of)
        part = replaced(_CITATION, part, lambda match: _citation(match, references))
        return replaced(_CALL, part, lambda match: _called(match, calls))

    expanded, end = "", 0
    for code in _CODE.finditer(text):
        expanded += outside_code(text[end : code.start()]) + code.group()
        end = code.end()
    expanded += outside_code(text[end:])
    if faults:
        raise TheoryError("\n".join(faults))
    return expanded


def cited_keys(text: str) -> list[str]:
    """Return the keys that a text cites, in their order, each once."""
    found = [key for match in _CITATION.finditer(_CODE.sub("", text)) for key in _keys(match)]
    return list(dict.fromkeys(found))


def formula(latex: str, *, block: bool = False) -> Markup:
    """Return LaTeX as MathML that Markdown leaves alone.

    A decimal comma is written ``{,}``, as in LaTeX; the number stays one number.

    Raises:
        TheoryError: If it cannot be read.
    """
    points, commas = _DECIMAL_COMMA.subn(".", latex.strip())
    try:
        math = convert(points, display="block" if block else "inline")
    except Exception as error:  # the library raises many sorts
        raise TheoryError(f"formula '{latex.strip()}': {type(error).__name__} {error}") from error
    if unread := _UNREAD.search(math):
        raise TheoryError(f"formula '{latex.strip()}': '{unread.group(1)}' cannot be read")
    if commas:
        math = _DECIMAL.sub(r"\1,\2", math)
    return Markup(_TEXT_NODE.sub(_untouchable, math))  # noqa: S704 - formulas are ours, not contributed


def _formula_of(match: re.Match[str]) -> str:
    if match["inline"]:
        # Markdown would take a <math> that begins a line for a block of its own.
        return f"<span>{formula(match['inline'])}</span>"
    return f'<div class="formula" tabindex="0">{formula(match["block"], block=True)}</div>'


def _untouchable(match: re.Match[str]) -> str:
    """Return a text node whose punctuation means nothing to Markdown."""
    pieces = _ENTITY.split(match.group(1))
    return ">" + "".join(piece if _ENTITY.fullmatch(piece) else piece.translate(_PUNCTUATION) for piece in pieces) + "<"


def _keys(match: re.Match[str]) -> list[str]:
    return [key.removeprefix("@") for key in match.group(1).split("; ")]


def _citation(match: re.Match[str], references: Mapping[str, BibEntry]) -> str:
    if unknown := [key for key in _keys(match) if key not in references]:
        raise TheoryError("\n".join(f"no work '{key}' in references.bib" for key in unknown))
    links = [_cited(key, references[key]) for key in _keys(match)]
    return f'<span class="citation" aria-label="{plain(_("Source"))}">({"; ".join(links)})</span>'


def _cited(key: str, work: BibEntry) -> str:
    # Two works of one year can have one label: the title tells them apart.
    title = plain(work.plain.get("title", ""))
    return f'<a class="cite-link" href="further-reading.html#{anchor(key)}" title="{title}">{plain(label(work))}</a>'


def _called(match: re.Match[str], calls: Mapping[str, Call]) -> str:
    name = match["name"]
    if name not in calls:
        raise TheoryError(f"nothing is called '{name}'; there are {', '.join(sorted(calls))}")
    return calls[name](match["argument"] or "").strip("\n")
