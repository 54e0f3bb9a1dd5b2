"""The check of a built site: broken links and anchors and requests to the outside are found, everything else is not."""

from pathlib import Path

import pytest

from sitegen.links import OUTSIDE, check_site, external_links

GOOD = {
    "index.html": '<h1 id="top">x</h1><a href="a/b.html#two">x</a><a href="a/">x</a><a href="#top">x</a>',
    "a/index.html": '<a href="../index.html">x</a> <a href="b.html">x</a> <a href=../data/x.csv>x</a>',
    "a/b.html": "<a id='two'></a><a href='https://example.org'>o</a><a href='mailto:a@b.c'>m</a><img src='i%20j.svg'>",
    "a/i j.svg": "",
    "data/x.csv": "",
    "404.html": '<link rel="stylesheet" href="/s.css"><a href="/">home</a><link rel="canonical" href="https://example.org/">',
    "s.css": "a{background:url(data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E)}",
}


def site(folder: Path, **pages: str) -> Path:
    """Write the good site with more or other pages; ``__`` in a name stands for the dot."""
    for name, text in {**GOOD, **{name.replace("__", "."): text for name, text in pages.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def test_a_good_site_has_no_findings(tmp_path: Path) -> None:
    """Relative links, folders, anchors, quoted names, data addresses and links to the outside are all fine."""
    assert check_site(site(tmp_path)) == []


@pytest.mark.parametrize(
    ("html", "pointer", "words"),
    [
        ('<a href="gone.html">x</a>', "gone.html", "a file that the site does not have"),
        ('<a href="a/b.html#gone">x</a>', "a/b.html#gone", "the anchor #gone, which a/b.html does not have"),
        ('<a href="#gone">x</a>', "#gone", "the anchor #gone, which new.html does not have"),
        ('<figure data-spec="data/gone.json"></figure>', "data/gone.json", "a file that the site does not have"),
        ('<a href="../outside.html">x</a>', "../outside.html", "a file that the site does not have"),
    ],
)
def test_broken_links_are_found(tmp_path: Path, html: str, pointer: str, words: str) -> None:
    """A link to a missing file or anchor is an error that names the page, the link and what is missing."""
    (finding,) = check_site(site(tmp_path, new__html=html))
    assert (finding.severity, finding.path, finding.pointer) == ("error", "new.html", pointer)
    assert words in finding.message


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<img src="//example.org/x.png">',
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<link rel="preconnect" href="https://fonts.example.org">',
        "<iframe src='http://example.org'></iframe>",
    ],
)
def test_requests_to_the_outside_are_found(tmp_path: Path, html: str) -> None:
    """Whatever a browser would fetch by itself from elsewhere is an error."""
    (finding,) = check_site(site(tmp_path, new__html=html))
    assert "requested from outside" in finding.message


def test_style_sheets_are_searched(tmp_path: Path) -> None:
    """A style sheet that imports or paints from elsewhere is an error."""
    css = "@import 'https://example.org/a.css'; a{background:url(https://example.org/b.png)}"
    assert len(check_site(site(tmp_path, s__css=css))) == 2


def test_text_is_not_mistaken_for_links(tmp_path: Path) -> None:
    """Links in comments, scripts and escaped code are no links."""
    html = '<!-- <a href="x.html"> --><script>"<a href=\'y.html\'>"</script><code>&lt;a href="z.html"&gt;</code>'
    assert check_site(site(tmp_path, new__html=html)) == []


def test_an_id_that_occurs_twice_is_found(tmp_path: Path) -> None:
    """Two elements with one id are an error: a link or a filter bar would find the wrong one."""
    (finding,) = check_site(site(tmp_path, new__html='<h1 id="models">x</h1><table id="models"></table>'))
    assert (finding.pointer, "two elements" in finding.message) == ("#models", True)


def test_site_below_a_path(tmp_path: Path) -> None:
    """On a project page the rooted links of 404.html start with the project's path."""
    folder = site(tmp_path, **{"404__html": '<a href="/fathom/">home</a><a href="/fathom/a/b.html">x</a>'})
    assert check_site(folder, "/fathom/") == []
    assert len(check_site(folder, "/")) == 2


def test_an_address_that_is_none_is_a_finding(tmp_path: Path) -> None:
    """Brackets that enclose no host stop neither the check nor the list of outside addresses."""
    (tmp_path / "index.html").write_text(
        '<a href="http://[">x</a> <img src="http://[::"> <a href="https://a.example">y</a>'
    )
    found = {(finding.pointer, finding.message) for finding in check_site(tmp_path)}
    assert ("http://[", "is no address") in found
    assert ("http://[::", OUTSIDE) in found
    assert list(external_links(tmp_path)) == ["https://a.example"]


def test_addresses_that_begin_something_are_not_asked(tmp_path: Path) -> None:
    """What only opens a form ("report this number", thousands of them) is no link whose answer says anything."""
    link = "<a href='https://b.example/issues/new?row=1' rel='noopener nofollow'>o</a>"
    (tmp_path / "index.html").write_text(f"<a href='https://a.example' rel='noopener'>o</a>{link}")
    assert list(external_links(tmp_path)) == ["https://a.example"]
