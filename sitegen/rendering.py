"""Renders templates: contributed text comes out as text, whatever it holds.

Three layers: the records refuse markup; here every string is HTML-escaped with the characters that open a Markdown
fence, on one line; and the filter ``md`` encodes all punctuation for the places that Markdown reads (headings).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sitegen import text, words

__all__ = ["code", "english", "environment", "heading", "md", "plain", "prose", "render", "root_of", "slug", "url"]

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "`": "&#96;", "~": "&#126;"}
_CODE = str.maketrans(_ESCAPES)
_PLAIN = str.maketrans({**_ESCAPES, "\n": " ", "\r": " "})
_PUNCTUATION = str.maketrans({chr(code): f"&#{code};" for code in range(33, 127) if not chr(code).isalnum()})
_URL = re.compile(r"https?://[^\s<>\"'`\\]+")
_TICKED = re.compile(r"&#96;(.+?)&#96;")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def plain(value: object) -> Markup:
    """Return text for the inside of an HTML block or attribute: one line, escaped, unable to open a Markdown fence."""
    return value if isinstance(value, Markup) else _safe(str(value).translate(_PLAIN))


def code(value: str) -> Markup:
    """Return text for the inside of ``<pre>``: escaped, lines kept, unable to open a Markdown fence."""
    return _safe(value.translate(_CODE))


def md(value: str) -> Markup:
    """Return text for a place that Markdown reads: on one line, with all punctuation as character references."""
    return _safe(" ".join(str(value).split()).translate(_PUNCTUATION))


def prose(value: str) -> Markup:
    """Return contributed text for the inside of an HTML block, with words between backticks as code."""
    return english(_safe(_TICKED.sub(r"<code>\1</code>", str(plain(value)))))


def english(value: object) -> Markup:
    """Return text of a record for the inside of an HTML block; pages in another language say that it is English."""
    shown = plain("" if value is None else value)
    return shown if text.language() == "en" or not shown else _safe(f'<span lang="en">{shown}</span>')


def heading(level: int, title: str, anchor: str = "") -> Markup:
    """Return a Markdown heading, so that the table of contents and the search know it."""
    return _safe("#" * level + f" {md(title)}" + (f" {{#{slug(anchor)}}}" if anchor else ""))


def url(value: str | None) -> str:
    """Return an address if it is a plain http or https one, else nothing."""
    return value if value and _URL.fullmatch(value) else ""


def slug(value: str) -> str:
    """Return an anchor name: lower-case ASCII letters and digits with single hyphens between; never empty."""
    ascii_text = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("-", ascii_text).strip("-") or "section"


def root_of(path: str) -> str:
    """Return the way from a page to the site's root: "" for "index.md", "../" for "models/index.md"."""
    return "../" * path.count("/")


def render(template: str, path: str, **context: object) -> str:
    """Render the body of a page.

    Args:
        template: File name in ``sitegen/templates``.
        path: The page's path ("datasets/kitti.md"); templates reach other pages through ``root``.
        context: What the template shows.
    """
    return environment().get_template(template).render(root=root_of(path), **context)


@cache
def environment() -> Environment:
    """Return the one environment of all templates."""
    made = Environment(
        loader=PackageLoader("sitegen"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_callables(text._, text.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(plain=plain, prose=prose, english=english, code=code, md=md, url=url, slug=slug)
    made.filters.update(count=_count, numeral=text.numeral, date=text.date, local=text.local)
    made.globals.update(heading=heading, words=words)
    return made


def _safe(html: str) -> Markup:
    return Markup(html)  # noqa: S704 - every caller has escaped it


def _finalize(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


def _count(value: int) -> str:
    """Return a whole number with a thousands separator."""
    return text.numeral(value, ",")
