"""Checks a built site: every internal link and anchor resolves, and no page requests anything outside the site."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from sitegen.findings import Finding

__all__ = ["OUTSIDE", "check_site", "external_links"]

OUTSIDE = "is requested from outside the site; everything must be self-hosted"

_TAG = re.compile(r"<([a-zA-Z][\w-]*)((?:\s+[^\s=>\"']+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?)*)\s*/?>")
_ATTRIBUTE = re.compile(r"([^\s=\"']+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_RAW_TEXT = re.compile(r"<!--.*?-->|(<(script|style)\b[^>]*>).*?</\2>", re.DOTALL | re.IGNORECASE)
_CSS_URL = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")\s]+)")
_LINKS = {"href", "src", "data-spec", "poster", "data", "action"}
_NAMES = {"id", "name"}
# Elements whose address is fetched without the reader asking for it.
_FETCHED = {"script", "img", "link", "iframe", "source", "video", "audio", "object", "embed", "use", "image", "track"}
_PASSIVE_RELATIONS = {"canonical", "alternate", "prev", "next", "license", "author"}
_NO_ADDRESS = SplitResult("", "no address", "", "", "")


@dataclass
class _Document:
    path: str
    links: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    fetched: set[str] = field(default_factory=set)


def check_site(site: Path, base: str = "/") -> list[Finding]:
    """Return what is wrong with the links of a built site.

    Args:
        site: Folder of the built site.
        base: Path under which the site is served ("/fathom/"); links that start with ``/`` must start with it.

    Returns:
        An error for each link to a missing file or anchor, each id that occurs twice and each address outside
        the site that a page would request by itself; ``path`` is the page, ``pointer`` the link.
    """
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    documents = {name: _read(site, name) for name in sorted(files) if name.endswith(".html")}
    check = _Checker(documents, files, base)
    findings = [finding for document in documents.values() for finding in check.document(document)]
    return findings + [_external(name, url) for name in sorted(files) for url in _css_requests(site, name)]


def external_links(site: Path) -> dict[str, str]:
    """Return every http(s) address that the pages of a built site link to, with the first page that does."""
    found: dict[str, str] = {}
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        for url in _read(site, name).links:
            if _parts(url).scheme in {"http", "https"}:
                found.setdefault(url, name)
    return found


def _read(site: Path, name: str) -> _Document:
    document = _Document(name)
    text = _RAW_TEXT.sub(lambda match: match.group(1) or "", (site / name).read_text("utf-8"))
    for tag, attributes in _TAG.findall(text):
        values = {key.lower(): html.unescape(a or b or c) for key, a, b, c in _ATTRIBUTE.findall(attributes)}
        document.twice.update({values["id"]} & document.anchors if "id" in values else ())
        document.anchors.update(values[key] for key in _NAMES & values.keys())
        document.links.update(values[key] for key in _LINKS & values.keys())
        document.fetched.update(_requests(tag.lower(), values))
    return document


def _requests(tag: str, values: dict[str, str]) -> Iterator[str]:
    if tag not in _FETCHED or (tag == "link" and _PASSIVE_RELATIONS.issuperset(values.get("rel", "?").split())):
        return
    for key in ("href", "src", "data", "poster", "srcset"):
        if _parts(values.get(key, "")).netloc:
            yield values[key]


@dataclass(frozen=True)
class _Checker:
    documents: dict[str, _Document]
    files: set[str]
    base: str

    def document(self, document: _Document) -> Iterator[Finding]:
        for url in sorted(document.fetched):
            yield _external(document.path, url)
        for name in sorted(document.twice):
            yield Finding(
                "error", document.path, f"#{name}", "is the id of two elements; links and scripts find the first"
            )
        for url in sorted(document.links):
            problem = self.problem(document.path, url)
            if problem:
                yield Finding("error", document.path, url, problem)

    def problem(self, page: str, url: str) -> str | None:
        parts = _parts(url)
        if parts == _NO_ADDRESS:
            return "is no address"
        if parts.scheme or parts.netloc:
            return None
        target = self.target(page, unquote(parts.path))
        if target is None:
            return "links to a file that the site does not have"
        anchor = unquote(parts.fragment)
        if anchor and target in self.documents and anchor not in self.documents[target].anchors:
            return f"links to the anchor #{anchor}, which {target} does not have"
        return None

    def target(self, page: str, path: str) -> str | None:
        """Return the file that a link's path leads to, or None."""
        if not path:
            return page
        # 404.html is served at any depth, so the theme links it from the root.
        rooted = path.startswith("/")
        joined = path.removeprefix(self.base) if rooted else posixpath.join(posixpath.dirname(page), path)
        target = posixpath.normpath(joined) if joined else "."
        index = "index.html" if target == "." else f"{target}/index.html"
        return next((name for name in (target, index) if name in self.files), None)


def _parts(url: str) -> SplitResult:
    """Return the parts of an address; brackets that enclose no host (``http://[``) make it none."""
    try:
        return urlsplit(url)
    except ValueError:
        return _NO_ADDRESS


def _css_requests(site: Path, name: str) -> list[str]:
    return sorted(set(_CSS_URL.findall((site / name).read_text("utf-8")))) if name.endswith(".css") else []


def _external(path: str, url: str) -> Finding:
    return Finding("error", path, url, OUTSIDE)
