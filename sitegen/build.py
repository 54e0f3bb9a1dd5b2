"""Runs a site builder on the staged sources and puts the finished site in place, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from sitegen.text import _

__all__ = ["CONFIG", "BuildError", "Builder", "base_path", "build", "content_epoch", "derive_config", "serve"]

Builder = Literal["mkdocs", "zensical"]
CONFIG = Path(__file__).resolve().parents[1] / "mkdocs.yml"
SOURCE_LANGUAGE = "en"
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
    environment = _environment(config)
    findings = [
        finding
        for language in sorted(docs, key=lambda name: (name != SOURCE_LANGUAGE, name))
        for finding in _build_language(language, docs[language], aside, builder, config, environment)
    ]
    if not errors(findings):
        findings += _graded(check_site(aside, base_path(config)))
    findings = [_as_error(finding) for finding in findings] if strict else findings
    if errors(findings):
        shutil.rmtree(aside, ignore_errors=True)
    else:
        replace_folder(aside, site)
    return findings


def derive_config(config: Path, language: str) -> dict[str, Any]:
    """Return the builder's configuration for one language; it is written beside the folder "docs" of staged sources.

    Args:
        config: The site's mkdocs.yml.
        language: Language code; its words are the theme's own, the labels of the navigation are translated here.
    """
    with config.open(encoding="utf-8") as stream:
        derived: dict[str, Any] = yaml_load(stream)
    # Relative and below the configuration's folder: Zensical takes no other.
    derived["docs_dir"], derived["site_dir"] = "docs", _BUILT
    derived["theme"] = {**derived["theme"], "language": language, "custom_dir": str(ASSETS / "theme")}
    derived["nav"] = [{_(label): page for label, page in entry.items()} for entry in derived.get("nav", [])]
    extra = derived.get("extra", {})
    links = [{**link, "label": _(link["label"])} for link in extra.get("site_links", [])]
    words = {name: _(extra[name]) for name in ("not_found", "last_changed") if name in extra}
    derived["extra"] = {**extra, "site_links": links, **words}
    return derived


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


def _build_language(
    language: str, docs: Path, aside: Path, builder: Builder, config: Path, environment: dict[str, str]
) -> list[Finding]:
    target = aside if language == SOURCE_LANGUAGE else aside / language
    derived = (docs.parent / "mkdocs.yml").resolve()  # the builder runs in another folder
    derived.write_text(yaml.safe_dump(derive_config(config, language), sort_keys=False), "utf-8")
    shutil.rmtree(docs.parent / _BUILT, ignore_errors=True)
    command = [sys.executable, "-m", builder, "build", "--config-file", str(derived), "--clean"]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, env=environment, cwd=docs.parent, check=False
    )
    findings = _messages(done.stdout + done.stderr)
    if done.returncode and not errors(findings):
        findings.append(Finding("error", "mkdocs.yml", "/", f"{builder} failed: {_tail(done.stderr or done.stdout)}"))
    if not errors(findings):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(docs.parent / _BUILT, target)
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
    with config.open(encoding="utf-8") as stream:
        url = yaml_load(stream).get("site_url") or ""
    return urlsplit(url).path.rstrip("/") + "/"


def _graded(findings: Iterable[Finding]) -> list[Finding]:
    """Make all but requests to the outside warnings, which are errors again under strict."""
    return [Finding("warning", f.path, f.pointer, f.message) if f.message != OUTSIDE else f for f in findings]


def _as_error(finding: Finding) -> Finding:
    severity = "error" if finding.severity == "warning" else finding.severity
    return Finding(severity, finding.path, finding.pointer, finding.message)
