"""Whatever a name holds, each format shows that name and runs nothing."""

import csv
import io
import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pylatexenc.latex2text import LatexNodes2Text

from sitegen.escaping import csv_text, fenced, github, latex, markdown, one_line

NAMES = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=30)
HOSTILE = ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://evil)", "**b** _i_ `c` ~~s~~ | $x$"]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_hostile(text: str) -> None:
    """Markup, links, images and emphasis come out as the characters that were typed."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parseInline(markdown(text))
    assert [token.type for token in tokens[0].children or [] if token.type not in {"text", "text_special"}] == []


@settings(max_examples=60, deadline=None)
@given(NAMES)
@example("1. no list")
@example("- no list")
@example("&lt;b&gt; &#60;")
@example("a\\*b")
def test_markdown_is_the_name(text: str) -> None:
    """A Markdown reader shows exactly the name, as one paragraph, for any printable ASCII text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown(text))
    shown = "".join(child.content for token in tokens for child in token.children or [])
    assert shown == one_line(text)
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}


REFERENCES = [
    "@someone",
    "org/repo#1",
    "#1",
    "GH-1",
    "https://evil.example",
    "www.evil.example",
    "a@b.example",
    ":tada:",
]


@pytest.mark.parametrize("text", REFERENCES)
def test_github_finds_nothing_to_link(text: str) -> None:
    """Neither a mention, a reference, an address nor a shortcode is left in one piece, also in what a reader sees."""
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).renderInline(github(f"by {text} now"))
    assert text not in rendered
    assert rendered.replace("\u200b", "") == f"by {text} now"
    assert not re.search(r"[@#]\w|:\w|://|GH-|www\.", rendered)


@settings(max_examples=60, deadline=None)
@given(NAMES)
@example("<img src=x> ![x](y) | `c` @a #1")
def test_github_is_the_name(text: str) -> None:
    """A Markdown reader shows exactly the name, but for spaces of no width; a table's cell stays one cell."""
    table = f"| a | b |\n| --- | --- |\n| {github(text)} | x |"
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(table)
    cells = [token for before, token in itertools.pairwise(tokens) if before.type == "td_open"]
    assert len(cells) == 2
    shown = "".join(child.content for child in cells[0].children or []).replace("\u200b", "")
    assert shown == one_line(text)


def test_github_cuts_and_hides_nothing_that_shows() -> None:
    """Long text ends with an ellipsis; characters that reverse or hide text become spaces."""
    assert github("x" * 300) == "x" * 199 + "…"
    assert github("a\u202eb\u200bc\nd") == "a b c d"


@pytest.mark.parametrize("line", ["```", "````` and more", "plain", "a\n```\nb", "\u202ereversed"])
def test_a_code_block_cannot_be_left(line: str) -> None:
    """Whatever a line holds, the block is one block with as many lines, each printable."""
    tokens = MarkdownIt("commonmark").parse(fenced(["first", line, "last"]))
    assert [token.type for token in tokens] == ["fence"]
    assert len(tokens[0].content.splitlines()) == 3
    assert all(shown.isprintable() for shown in tokens[0].content.splitlines())


@settings(max_examples=60, deadline=None)
@given(NAMES)
@example(r"\input{/etc/passwd} \write18{ls} ^^M % $ & # _ ~")
def test_latex_is_the_name(text: str) -> None:
    """Decoding the LaTeX gives the name back: nothing in it is read as a command, comment or formula."""
    decoded = LatexNodes2Text(math_mode="text").latex_to_text(latex(text))
    swapped = {"”": '"', "’": "'", "‘": "`", "ˆ": "^", "˜": "~", "–": "--", "—": "---", "¡": "!`", "¿": "?`"}
    for shown, typed in swapped.items():
        decoded = decoded.replace(shown, typed)
    assert "".join(decoded.split()) == "".join(one_line(text).replace("''", '"').split())


def test_latex_after_a_row_end() -> None:
    r"""A name that begins with a bracket or a star is no argument of the ``\\`` before it; no raw special is left."""
    assert latex("[2em] *x") == "{[}2em{]} {*}x"
    assert latex("δ₁ ↓ é") == r"\ensuremath{\delta}\ensuremath{_1} \textdownarrow{} \'e"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\r\n=1"])
def test_csv_formula(text: str) -> None:
    """Text that a spreadsheet would run begins with an apostrophe; white space before it does not help."""
    assert csv_text(text).startswith("'")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_csv_keeps_rows(text: str) -> None:
    """No text can end its cell or its row, and harmless text stays as it is."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([csv_text(text), "next"])
    rows = list(csv.reader(io.StringIO(stream.getvalue())))
    assert rows == [[csv_text(text), "next"]]
    assert csv_text(text).removeprefix("'") == one_line(text).removeprefix("'")
