"""Hand-written theory: formulas, citations and figures become HTML that Markdown leaves alone; faults are named."""

import re
from contextlib import suppress
from html import unescape

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitegen.reading import BibEntry
from sitegen.theory.markup import TheoryError, cited_keys, expand, formula


def entry(key: str, author: str, year: str = "2022") -> BibEntry:
    """A work."""
    fields = {"author": author, "title": "T", "year": year}
    return BibEntry(key, "article", fields, fields)


WORKS = {
    "one": entry("one", "Eigen, David"),
    "two": entry("two", "Ranftl, René and Koltun, Vladlen", "2021"),
    "three": entry("three", "Bhat, S. and Birkl, R. and Wofk, D.", "2023"),
}
CALLS = {"figure": lambda name: f"<figure>{name}</figure>"}


def shown(text: str) -> str:
    """The page's HTML, as the builder makes it."""
    extensions = ["md_in_html", "tables", "attr_list", "toc"]
    return markdown.markdown(expand(text, WORKS, CALLS), extensions=extensions)


def text_of(html: str) -> str:
    """What a reader sees."""
    return unescape(re.sub(r"<[^>]+>", "", html))


def test_formulas_become_mathml() -> None:
    """Inline in its sentence, a block as a block; nothing of LaTeX is left."""
    html = shown("The error $|p_i - g_i|$ of $N$ pixels:\n\n$$\\frac{1}{N}\\sum_{i=1}^{N} \\hat{d}_i^{*}$$\n\nend")
    assert html.count("<math") == 3
    assert html.count('display="block"') == 1
    assert "$" not in html
    assert '<div class="formula" tabindex="0">' in html
    assert text_of(html).startswith("The error |pi−gi| of N pixels:")


def test_decimal_commas_stay_in_their_numbers() -> None:
    """A number with a decimal comma is one number, also where it has an exponent; other commas stay apart."""
    assert "<mn>1,96</mn>" in formula(r"1{,}96\,x")
    assert "<msup><mn>1,25</mn><mn>2</mn></msup>" in formula("1{,}25^2")
    assert "<mn>0.5</mn>" in formula("0.5, 1")


def test_formula_at_the_start_of_a_line_stays_in_its_paragraph() -> None:
    """A line of a paragraph, or the paragraph itself, may begin with a formula."""
    assert shown("$x$ is the code and\n$t$ the step.").count("<p>") == 1
    assert text_of(shown("$x$ is the code and\n$t$ the step.")) == "x is the code and\nt the step."


@pytest.mark.parametrize("latex", ["a*b*c", "x_i x_j", "[a](b)", "p_{a_1} * q_{b_2} * r", "\\{x : y\\}", "a < b", "f'"])
def test_markdown_reads_nothing_in_a_formula(latex: str) -> None:
    """Emphasis, links and lists in a formula are none: the same nodes come out that went in."""
    (math,) = re.findall(r"<math.*?</math>", shown(f"so ${latex}$ holds"), re.DOTALL)
    assert "<em>" not in math
    assert "<a " not in math
    assert text_of(math) == text_of(str(formula(latex)))


def test_money_and_code_are_no_formulas() -> None:
    """Dollars in code, a single dollar and prices stay."""
    for text in ("`echo $HOME $PATH`", "```sh\necho $A $B\n```", "costs $5 and $6", "one \\$x$"):
        assert "<math" not in expand(text, WORKS, CALLS)


def test_citations() -> None:
    """One, two and three authors; several works in one pair of brackets; each linked to its place in the list."""
    html = shown("As in [@one] and [@two; @three].")
    assert text_of(html) == "As in (Eigen, 2022) and (Ranftl & Koltun, 2021; Bhat et al., 2023)."
    assert 'href="further-reading.html#ref-three"' in html
    assert cited_keys("[@one] `[@two]` [@three; @one]") == ["one", "three"]


def test_figures_stand_alone() -> None:
    """A call on a line of its own becomes its block; within a sentence or in code it is text."""
    assert "<figure>dpt</figure>" in shown('before\n\n{{ figure("dpt") }}\n\nafter')
    assert expand('say `{{ figure("dpt") }}`', WORKS, CALLS) == 'say `{{ figure("dpt") }}`'


def test_all_faults_at_once() -> None:
    """Unknown works, unknown calls and formulas that cannot be read."""
    with pytest.raises(TheoryError) as caught:
        expand("[@none; @one] $\\frac{1}{$ $\\arg\\min x$ [@gone]\n\n{{ nothing() }}\n", WORKS, CALLS)
    faults = str(caught.value)
    assert "no work 'none' in references.bib" in faults
    assert "no work 'gone' in references.bib" in faults
    assert "formula '\\frac{1}{'" in faults
    assert "formula '\\arg\\min x': '\\arg' cannot be read" in faults
    assert "nothing is called 'nothing'; there are figure" in faults


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Whatever somebody writes gives a page or a sentence."""
    with suppress(TheoryError):
        expand(text, WORKS, CALLS)
