"""Runs a site builder on the staged sources and puts the finished site in place, whole or not at all."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from mkdocs.utils.yaml import yaml_load

from sitegen.files import replace_folder
from sitegen.findings import Finding, errors
from sitegen.links import OUTSIDE, check_site
from sitegen.stage import ASSETS
from sitegen.text import SOURCE_LANGUAGE, _, date, name_of, speaking

__all__ = ["CONFIG", "BuildError", "Builder", "base_path", "build", "content_epoch", "derive_config", "serve", "worded"]

Builder = Literal["mkdocs", "zensical"]
CONFIG = Path(__file__).resolve().parents[1] / "mkdocs.yml"
_BUILT = "built"
_MESSAGE = re.compile(r"^(WARNING|ERROR|CRITICAL)\s+-\s+(.*)$", re.MULTILINE)
_QUOTED_FILE = re.compile(r"'([^']+\.md)'")
# Before 1980 the archives that some tools write cannot hold the date.
_OLDEST_EPOCH = 315_532_800


class BuildError(RuntimeError):
    """The builder cannot run at all; the message says why and what to do."""


def build(
    docs: Mapping[str, Path],
    site: Path,
    *,
    builder: Builder = "mkdocs",
    strict: bool = False,
    config: Path = CONFIG,
) -> list[Finding]:
    """Build the site aside, check it, and swap it in; a site with errors is not swapped in and the old one stays.

    Args:
        docs: Language -> folder of staged sources, named "docs" ("en" -> build/en/docs). English stands at the
            site's root, another language in the folder of its name. The derived mkdocs.yml is written beside it.
        site: Folder of the finished site.
        builder: Which program turns sources into pages.
        strict: Warnings (of the builder, broken links) count as errors.
        config: The site's mkdocs.yml.

    Returns:
        Everything that the builder and the link check found.

    Raises:
        BuildError: The builder is not installed.
    """
    if find_spec(builder) is None:
        raise BuildError(f"The builder {builder} is not installed; try: pip install {builder}")
    aside = site.with_name(f"{site.name}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    findings = [*_alone(docs), *_build_languages(docs, builder, config)]
    if not errors(findings):
        _join(docs, aside)
        findings += _graded(check_site(aside, base_path(config)))
    findings = [_as_error(finding) for finding in findings] if strict else findings
    if errors(findings):
        shutil.rmtree(aside, ignore_errors=True)
    else:
        replace_folder(aside, site)
    return findings


def derive_config(config: Path, language: str, lacking: Mapping[str, Collection[str]] | None = None) -> dict[str, Any]:
    """Return the builder's configuration for one language; it is written beside the folder "docs" of staged sources.

    Args:
        config: The site's mkdocs.yml.
        language: Language code; the theme has words of its own in it, those of mkdocs.yml are translated here.
        lacking: All languages of the site, each with the addresses of the pages that it does not have; None for a site
            in this language alone.
    """
    with speaking(language):
        derived = worded(_read(config), _)
        extra = derived.get("extra", {})
        changed = _last_changed(extra.get("last_changed", ""), content_epoch(config.parent))
    home = "" if language == SOURCE_LANGUAGE else "../"
    given = (derived.get("site_url") or "").rstrip("/")
    address = given and f"{given}/"
    # Relative and below the configuration's folder: Zensical takes no other.
    derived |= {"docs_dir": "docs", "site_dir": _BUILT, "site_url": address and address + _folder(language)}
    derived["theme"] = {**derived["theme"], "language": language, "custom_dir": str(ASSETS / "theme")}
    if language != SOURCE_LANGUAGE:
        # Suggestions are words of the search index, which stand there without accents (see lunr.el.min.js).
        kept = [feature for feature in derived["theme"].get("features", []) if feature != "search.suggest"]
        derived["theme"]["features"] = kept
    languages = [
        {
            "code": code,
            "name": name_of(code),
            "way": home + _folder(code),
            "address": address and address + _folder(code),
            "lacks": sorted(lacks),
            "here": code == language,
        }
        for code, lacks in (lacking or {}).items()
    ]
    # The theme asks `alternate` whether there is a choice of languages; its own lists lead to home pages only.
    derived["extra"] = {
        **extra,
        "last_changed": changed,
        "home": home,
        "languages": languages,
        "alternate": len(languages) > 1,
    }
    return derived


def worded(config: Mapping[str, Any], say: Callable[[str], str]) -> dict[str, Any]:
    """Return the site's configuration with every word that a reader sees put through ``say``."""
    extra, theme = config.get("extra", {}), config.get("theme", {})
    words = {name: say(extra[name]) for name in ("not_found", "last_changed") if name in extra}
    links = [{**link, "label": say(link["label"])} for link in extra.get("site_links", [])]
    toggles = [
        {**scheme, "toggle": {**scheme["toggle"], "name": say(scheme["toggle"]["name"])}}
        for scheme in theme.get("palette", [])
    ]
    return {
        **config,
        **{name: say(config[name]) for name in ("site_description", "copyright") if name in config},
        "nav": [{say(label): page for label, page in entry.items()} for entry in config.get("nav", [])],
        "theme": {**theme, **({"palette": toggles} if toggles else {})},
        "extra": {**extra, **words, "site_links": links},
    }


def content_epoch(root: Path) -> int:
    """Return the time, in seconds since 1970, that the site is dated with, so that equal content gives equal bytes.

    It is ``SOURCE_DATE_EPOCH`` where that is set, else the newest commit that touched what the site is made of.
    Outside a repository it is the first day of 1980: a build then says nothing about its date.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isdigit():
        return int(given)
    sources = ["results", "docs", "sitegen", "mkdocs.yml"]
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct", "--", *sources]
    with suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode == 0 and done.stdout.strip():
            return int(done.stdout)
    return _OLDEST_EPOCH


def serve(
    site: Path,
    rebuild: Callable[[], object],
    watch: Sequence[Path],
    *,
    port: int = 8000,
    interval: float = 1.0,
    ready: Callable[[str], object] = print,
) -> None:
    """Serve the site on 127.0.0.1 until interrupted, and rebuild it when a watched file changes.

    Args:
        site: Folder of the built site.
        rebuild: Builds the site again; called from this thread, errors of the input are its own to show.
        watch: Files and folders whose change calls for a rebuild.
        port: Port to listen on; 0 takes a free one.
        interval: Seconds between two looks at the watched files.
        ready: Told the address once the server listens.
    """
    handler = partial(_QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ready(f"http://127.0.0.1:{server.server_port}/")
        try:
            _rebuild_on_change(rebuild, watch, interval)
        except KeyboardInterrupt:
            server.shutdown()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing for each request."""


def _rebuild_on_change(rebuild: Callable[[], object], watch: Sequence[Path], interval: float) -> None:
    seen = _fingerprint(watch)
    while True:
        time.sleep(interval)
        now = _fingerprint(watch)
        if now != seen:
            rebuild()
            seen = now


def _fingerprint(watch: Iterable[Path]) -> frozenset[tuple[str, int, int]]:
    files = (file for path in watch for file in ([path] if path.is_file() else path.rglob("*")))
    stats = ((str(file), file.stat()) for file in files if file.is_file() and "__pycache__" not in file.parts)
    return frozenset((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _read(config: Path) -> dict[str, Any]:
    with config.open(encoding="utf-8") as stream:
        read: dict[str, Any] = yaml_load(stream)
    return read


def _folder(language: str) -> str:
    """Return the folder of a language below the site's root."""
    return "" if language == SOURCE_LANGUAGE else f"{language}/"


def _last_changed(phrase: str, epoch: int) -> str:
    """Return when the content changed; outside a repository the clock stands at 1980 and says nothing."""
    if epoch <= _OLDEST_EPOCH:
        return ""
    return phrase.format(date=date(datetime.datetime.fromtimestamp(epoch, datetime.UTC).date().isoformat()))


def _pages_of(docs: Path) -> set[str]:
    return {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}


def _alone(docs: Mapping[str, Path]) -> list[Finding]:
    """Return a warning for each page that some language lacks."""
    pages = {language: _pages_of(folder) for language, folder in docs.items()}
    return [
        Finding("warning", page, "/", f"exists in {', '.join(sorted(having))} only; a page stands in every language")
        for page in sorted(set[str]().union(*pages.values()))
        if len(having := {language for language, found in pages.items() if page in found}) < len(pages)
    ]


def _lacking(docs: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return the addresses of the pages that each language lacks, languages in the site's order."""
    pages = {language: _pages_of(docs[language]) for language in _in_order(docs)}
    every = set[str]().union(*pages.values())
    return {
        language: {f"{page.removesuffix('.md')}.html" for page in every - found} for language, found in pages.items()
    }


def _in_order(languages: Iterable[str]) -> list[str]:
    return sorted(languages, key=lambda name: (name != SOURCE_LANGUAGE, name))


def _build_languages(docs: Mapping[str, Path], builder: Builder, config: Path) -> list[Finding]:
    """Build every language at once: each is a process of its own."""
    environment, lacking = _environment(config), _lacking(docs)
    for language, folder in docs.items():
        derived = yaml.safe_dump(derive_config(config, language, lacking), sort_keys=False, allow_unicode=True)
        (folder.parent / "mkdocs.yml").write_text(derived, "utf-8")
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda language: _build_language(docs[language], builder, environment), _in_order(docs))
        return [finding for findings in found for finding in findings]


def _join(docs: Mapping[str, Path], aside: Path) -> None:
    """Put the built languages together: the source language at the root, each other one in its folder."""
    for language in _in_order(docs):
        built = docs[language].parent / _BUILT
        if language != SOURCE_LANGUAGE:
            # Hosts serve the root's page for whatever is not there.
            (built / "404.html").unlink(missing_ok=True)
            _search_in(built / "search" / "search_index.json", language)
        target = aside / _folder(language)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(built, target)


def _search_in(index: Path, language: str) -> None:
    """Let the theme's search fold words as a language asks: MkDocs lets only languages through that it knows itself."""
    if index.is_file():
        content = json.loads(index.read_text("utf-8"))
        content["config"]["lang"] = [language]
        index.write_text(json.dumps(content, separators=(",", ":")), "utf-8")


def _build_language(docs: Path, builder: Builder, environment: dict[str, str]) -> list[Finding]:
    derived = (docs.parent / "mkdocs.yml").resolve()  # the builder runs in another folder
    shutil.rmtree(docs.parent / _BUILT, ignore_errors=True)
    command = [sys.executable, "-m", builder, "build", "--config-file", str(derived), "--clean"]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, env=environment, cwd=docs.parent, check=False
    )
    findings = _messages(done.stdout + done.stderr)
    if done.returncode and not errors(findings):
        findings.append(Finding("error", "mkdocs.yml", "/", f"{builder} failed: {_tail(done.stderr or done.stdout)}"))
    return findings


def _messages(output: str) -> list[Finding]:
    """Turn the builder's log lines into findings."""
    findings = []
    for level, message in _MESSAGE.findall(output):
        place = _QUOTED_FILE.search(message)
        severity: Literal["warning", "error"] = "warning" if level == "WARNING" else "error"
        findings.append(Finding(severity, place.group(1) if place else "mkdocs.yml", "/", message.strip()))
    return findings


def _tail(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _environment(config: Path) -> dict[str, str]:
    """Return the builder's environment: a fixed date and hash seed, and no banner."""
    return {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(content_epoch(config.parent)),
        "PYTHONHASHSEED": "0",
        "NO_MKDOCS_2_WARNING": "1",
    }


def base_path(config: Path = CONFIG) -> str:
    """Return the path under which the site is served, such as ``/fathom/``."""
    url = _read(config).get("site_url") or ""
    return urlsplit(url).path.rstrip("/") + "/"


def _graded(findings: Iterable[Finding]) -> list[Finding]:
    """Make all but requests to the outside warnings, which are errors again under strict."""
    return [Finding("warning", f.path, f.pointer, f.message) if f.message != OUTSIDE else f for f in findings]


def _as_error(finding: Finding) -> Finding:
    severity = "error" if finding.severity == "warning" else finding.severity
    return Finding(severity, finding.path, finding.pointer, finding.message)
