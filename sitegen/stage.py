"""Writes the staged sources: the Markdown and data files that a site builder turns into the site.

The stage is a plain folder: generated pages, hand-written pages, data files and assets. Only what changed is written,
and what no longer belongs is removed, so that a second stage over unchanged input touches nothing.

Files that hold no words of a language, or only English ones (data, pictures, Vega), stand once, in the stage of the
source language; pages of other languages link to them there.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import vl_convert
import yaml

from sitegen.files import write_aside
from sitegen.pages.base import DataFile, Page

__all__ = ["ASSETS", "StageError", "Staged", "front_matter", "stage", "vega_bundle", "write_if_changed"]

ASSETS = Path(__file__).parent / "assets"
_LINK = re.compile(r'\b(href|src|data-record)="([^"#?:]+)')
_SPEC = re.compile(r'\bdata-spec="([^"]+)"')
_ASSET_FILES = ("favicon.svg", "fathom.css", "fathom.js", "logo.svg")
_THREE = "static/r130/three.min.js"
"""In the package jupyter_threejs_sage: three.js with OrbitControls, one script that sets ``globalThis.THREE``."""


class StageError(ValueError):
    """The pages cannot be staged; the message lists every problem, one a line."""


@dataclass(frozen=True)
class Staged:
    """What a stage did: the paths it wrote, left alone and removed, sorted, relative to the stage."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def stage(
    pages: Iterable[Page],
    out: Path,
    *,
    files: Iterable[DataFile] = (),
    docs: Path | None = None,
    cache_dir: Path | None = None,
    source: bool = True,
) -> Staged:
    """Write pages, data files, hand-written pages and assets into a folder, so that it holds these and nothing else.

    Args:
        pages: Generated pages with their data files.
        out: The folder to fill ("build/en/docs"); files in it that are not part of this stage are removed.
        files: Data files that belong to no page.
        docs: Folder of hand-written pages, taken over as they are; absent or None for none.
        cache_dir: Where the Vega bundle is kept between builds; None builds it anew (1.5 s).
        source: Whether this is the stage of the source language, which has the files that all languages share.

    Returns:
        The paths written, unchanged and removed.

    Raises:
        StageError: A path leaves the stage or two sources claim the same path.
    """
    own = pages if source else _without_shared(list(pages))
    entries = [*_page_entries(own), *_data_entries(files), *_docs_entries(docs), *_asset_entries()]
    entries += _shared_assets(cache_dir) if source else []
    contents = _collect(entries)
    written = [path for path, content in contents.items() if write_if_changed(out / path, content)]
    removed = list(_remove_others(out, contents))
    unchanged = contents.keys() - set(written)
    return Staged(tuple(sorted(written)), tuple(sorted(unchanged)), tuple(sorted(removed)))


def front_matter(page: Page) -> str:
    """Return the page's YAML front matter.

    Title and description are plain text, but the theme writes them into HTML without escaping: they are escaped here.
    The page list is hidden because the top navigation holds all of it and boards need the width.
    """
    meta: dict[str, object] = {"title": html.escape(page.title)}
    if page.description:
        meta["description"] = html.escape(page.description)
    meta["hide"] = ["navigation"]
    if page.boost != 1:
        meta["search"] = {"boost": page.boost}
    block = yaml.safe_dump(meta, allow_unicode=True, sort_keys=False, width=10_000)
    return f"---\n{block}---\n\n"


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file aside and rename it into place unless it already has this content; tell whether it was written."""
    if path.is_file() and path.read_bytes() == content:
        return False
    write_aside(path, content)
    return True


def vega_bundle(cache_dir: Path | None = None) -> bytes:
    """Return Vega, Vega-Lite and Vega-Embed as one script that sets ``globalThis.fathomVega`` to Vega-Embed.

    Args:
        cache_dir: Folder where the bundle is kept, named by its versions; None keeps it in memory only.
    """
    if cache_dir is None:
        return _bundle()
    versions = (version("vl-convert-python"), vl_convert.get_vega_version(), vl_convert.get_vega_embed_version())
    kept = cache_dir / f"vega-{'-'.join(versions)}.js"
    if not kept.is_file():
        write_if_changed(kept, _bundle())
    return kept.read_bytes()


@cache
def _bundle() -> bytes:
    banner = (
        f"/*! Vega {vl_convert.get_vega_version()}, Vega-Lite {vl_convert.get_vegalite_versions()[-1]}, "
        f"Vega-Embed {vl_convert.get_vega_embed_version()}: BSD-3-Clause, "
        "University of Washington Interactive Data Lab, https://github.com/vega/vega/blob/main/LICENSE */\n"
    )
    script: str = vl_convert.javascript_bundle("globalThis.fathomVega = vegaEmbed;")
    return (banner + script).encode()


def _page_entries(pages: Iterable[Page]) -> Iterator[tuple[str, str, bytes]]:
    for page in pages:
        source = f"page {page.title!r}"
        yield page.path, source, (front_matter(page) + page.body.rstrip("\n") + "\n").encode()
        for file in page.files:
            yield file.path, source, _bytes(file.content)


def _data_entries(files: Iterable[DataFile]) -> Iterator[tuple[str, str, bytes]]:
    for file in files:
        yield file.path, "data file", _bytes(file.content)


def _docs_entries(docs: Path | None) -> Iterator[tuple[str, str, bytes]]:
    if docs is None or not docs.is_dir():
        return
    for path in sorted(docs.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.parent.name != "theory":  # those are filled in
            yield path.relative_to(docs).as_posix(), f"hand-written {docs.name}", path.read_bytes()


def _asset_entries() -> Iterator[tuple[str, str, bytes]]:
    for name in _ASSET_FILES:
        yield f"assets/{name}", "asset", (ASSETS / name).read_bytes()


def _shared_assets(cache_dir: Path | None) -> Iterator[tuple[str, str, bytes]]:
    """Yield the scripts that come with the first chart or cloud of points: they stand once for all languages."""
    yield "assets/cloud.js", "asset", (ASSETS / "cloud.js").read_bytes()
    yield "assets/three.js", "asset", (resources.files("jupyter_threejs_sage") / _THREE).read_bytes()
    yield "assets/vega.js", "asset", vega_bundle(cache_dir)


def _without_shared(pages: list[Page]) -> Iterator[Page]:
    """Yield the pages of another language, linked to the files that stand once and without these files.

    A chart's specification has the page's words in it and stays; it is what a page names as ``data-spec``.
    """
    spoken = {_target(page, address) for page in pages for address in _SPEC.findall(page.body)}
    shared = {file.path for page in pages for file in page.files} - spoken
    for page in pages:
        own = tuple(file for file in page.files if file.path not in shared)
        yield replace(page, body=_linked_to_shared(page, shared), files=own)


def _linked_to_shared(page: Page, shared: set[str]) -> str:
    up = "../" * (page.path.count("/") + 1)

    def link(found: re.Match[str]) -> str:
        target = _target(page, found[2])
        return f'{found[1]}="{up}{target}' if target in shared else found[0]

    return _LINK.sub(link, page.body)


def _target(page: Page, address: str) -> str:
    """Return what a relative address on a page leads to, from the site's root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page.path), address))


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _collect(entries: Iterable[tuple[str, str, bytes]]) -> dict[str, bytes]:
    """Return path -> content; all paths that are unsafe or claimed twice with different content are one error."""
    contents: dict[str, bytes] = {}
    owners: dict[str, tuple[str, str]] = {}
    problems: list[str] = []
    for path, source, content in entries:
        if not _is_safe(path):
            problems.append(f"{source}: the path {path!r} is not a plain relative path")
            continue
        first_path, first_source = owners.setdefault(path.casefold(), (path, source))
        if first_path != path or contents.get(path, content) != content:
            problems.append(f"{path}: written by {first_source} (as {first_path}) and by {source}")
            continue
        contents[path] = content
    if problems:
        raise StageError("\n".join(problems))
    return contents


def _is_safe(path: str) -> bool:
    parts = PurePosixPath(path).parts
    plain = str(PurePosixPath(path)) == path and "\\" not in path and path.isprintable()
    return bool(parts) and plain and not any(part.startswith(".") or ":" in part or part == "/" for part in parts)


def _remove_others(out: Path, keep: Mapping[str, bytes]) -> Iterator[str]:
    for path in sorted(out.rglob("*"), reverse=True):
        relative = path.relative_to(out).as_posix()
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif relative not in keep:
            path.unlink()
            yield relative
