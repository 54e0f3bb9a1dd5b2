"""Works in the text and in the list: names, links, BibTeX."""

from sitegen.reading import BibEntry
from sitegen.theory.references import label, listed


def entry(key: str, author: str, **fields: str) -> BibEntry:
    """A work."""
    known = {"author": author, "title": f"On {key}", "year": "2020", **fields}
    return BibEntry(key, "article", known, known)


def test_labels() -> None:
    """Surnames with and without a comma; two are both named, more by the first; a group keeps its whole name."""
    group = BibEntry(
        "a", "misc", {"author": "{Hugging Face} and {others here}"}, {"author": "Hugging Face and others here"}
    )
    assert label(group) == "Hugging Face & others here"
    assert label(entry("a", "Koch, T. and others")) == "Koch et al., 2020"
    assert label(entry("a", "Eigen, David")) == "Eigen, 2020"
    assert label(entry("a", "David Eigen and Rob Fergus")) == "Eigen & Fergus, 2020"
    assert label(entry("a", "Eigen, D. and Puhrsch, C. and Fergus, R.")) == "Eigen et al., 2020"


def test_list_is_sorted_and_linked() -> None:
    """By authors; arXiv and DOI as links; markup in a field is text; an address that is none is left out."""
    works = {
        "b": entry("b", "Zhang, J.", eprint="2501.11841"),
        "a": entry("a", "Bhat, S. <b>", doi="10.1/x", url="javascript:alert(1)"),
    }
    html = listed(works, works)
    assert html.index("ref-a") < html.index("ref-b")
    assert 'href="https://arxiv.org/abs/2501.11841"' in html
    assert 'href="https://doi.org/10.1/x"' in html
    assert "javascript:" not in html.replace("{javascript:", "")  # the BibTeX says what the file says
    assert "<b>" not in html
    assert "\n\n" not in html
    assert "@article{a,&#10;" in html
