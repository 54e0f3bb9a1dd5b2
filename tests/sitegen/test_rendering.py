"""Tests of sitegen.rendering."""

import html

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from sitegen import rendering

HOSTILE = (
    "<script>alert(1)</script> `x`\n```\n~~~ *[a]: b {: onclick=alert(1)} [x](javascript:1) [^1] _a_ <!-- &amp; ' \""
)
EXTENSIONS = (
    "abbr admonition attr_list footnotes md_in_html tables toc "
    "pymdownx.highlight pymdownx.inlinehilite pymdownx.superfences"
)
TEMPLATE = """{{ heading(2, n, "anchor") }}

<div title="{{ n }}">{{ n }}

<p>{{ n }}</p>
<pre><code>{{ n|code }}</code></pre>
</div>

<p>{% trans x=n|plain %}Value {{ x }}{% endtrans %}</p>
"""


def through_markdown(source: str, **context: object) -> str:
    """Return what a reader's browser gets from a template."""
    body = rendering.environment().from_string(source).render(**context)
    return markdown.markdown(body, extensions=EXTENSIONS.split())


def test_hostile_text_stays_text_through_jinja_and_markdown() -> None:
    """Markup, Markdown, attribute lists and fences in contributed text come out as the text they are."""
    page = through_markdown(TEMPLATE, n=HOSTILE)
    assert "<script" not in page
    assert "<a " not in page
    assert ' onclick="' not in page
    assert "<em>" not in page
    assert page.count("<code>") == 1
    assert page.count(html.escape("<script>alert(1)</script>", quote=False)) == 5
    assert '<h2 id="anchor">' in page


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=80))
def test_a_heading_shows_any_text_as_it_is(text: str) -> None:
    """Whatever a heading's text holds, its only element is the heading and its words are unchanged."""
    page = markdown.markdown(rendering.heading(2, f"x{text}x"), extensions=EXTENSIONS.split())
    inner = page.split(">", 1)[1].rsplit("</h2>", 1)[0]
    assert "<" not in inner
    assert html.unescape(inner).split() == f"x{text}x".split()


def test_missing_variable_is_an_error() -> None:
    """A template that names what it was not given fails instead of showing nothing."""
    with pytest.raises(UndefinedError):
        rendering.environment().from_string("{{ nothing }}").render()


@pytest.mark.parametrize(
    "bad", ["javascript:alert(1)", "data:text/html,x", "//host/x", "https://a b", 'https://a"b', "", None]
)
def test_only_web_addresses_become_links(bad: str | None) -> None:
    """Anything but http and https gives no address."""
    assert rendering.url(bad) == ""
    assert rendering.url("https://example.org/a?b=c#d") == "https://example.org/a?b=c#d"


@given(st.text(max_size=60))
def test_slug_is_a_plain_anchor(text: str) -> None:
    """An anchor holds lower-case ASCII letters, digits and single hyphens, and making one twice changes nothing."""
    anchor = rendering.slug(text)
    assert anchor
    assert set(anchor) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert rendering.slug(anchor) == anchor


def test_words_between_backticks_become_code() -> None:
    """Backticks mark code in prose; what stands between them stays text."""
    assert rendering.prose("use `a<b>`, not `") == "use <code>a&lt;b&gt;</code>, not &#96;"


def test_root_leads_back() -> None:
    """The way to the root climbs one folder for each folder of the page's path."""
    assert rendering.root_of("index.md") == ""
    assert rendering.root_of("protocols/kitti/eigen.md") == "../../"


def test_markup_is_not_escaped_twice() -> None:
    """What was rendered already passes through unchanged."""
    assert rendering.plain(Markup("<b>")) == "<b>"
    assert rendering.environment().from_string("{{ x }} {{ 3500|count }}").render(x=Markup("<b>")) == "<b> 3,500"
