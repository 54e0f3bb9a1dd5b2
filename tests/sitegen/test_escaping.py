"""Whatever a name holds, each format shows that name and runs nothing."""

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pylatexenc.latex2text import LatexNodes2Text

from sitegen.escaping import csv_text, latex, markdown, one_line

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
