"""Fixtures of the browser tests: a site served on 127.0.0.1 and a page that fails on any error or outside request."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.stage import stage
from sitegen.text import LANGUAGES, SOURCE_LANGUAGE, speaking

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing for each request."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of 127.0.0.1 and give its address, without a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def demo_folder(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo site, built once from invented pages (tests/browser/demo.py); no finding of any kind is allowed."""
    from tests.browser.demo import demo_pages

    root = tmp_path_factory.mktemp("demo")
    stage(demo_pages(), root / "docs", cache_dir=repo / "build" / "cache")
    findings = build({"en": root / "docs"}, root / "site", strict=True)
    assert not findings, format_findings(findings)
    return root / "site"


@pytest.fixture(scope="session")
def demo(demo_folder: Path) -> Iterator[str]:
    """The address of the demo site."""
    with serving(demo_folder) as address:
        yield address


@pytest.fixture(scope="session")
def site_folder(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real site in both languages, built once from the repository's own records."""
    from sitegen import charts
    from sitegen.pages import site_pages
    from sitegen.store import load

    store = load(repo / "results")
    assert not store.errors, format_findings(store.errors)
    root, cache = tmp_path_factory.mktemp("real"), repo / "build" / "cache"
    charts.use_cache(cache / "charts")
    for code in LANGUAGES:
        docs, out, source = repo / "docs" / code, root / code / "docs", code == SOURCE_LANGUAGE
        with speaking(code):
            stage(site_pages(store, docs), out, docs=docs, cache_dir=cache, source=source)
    findings = build({code: root / code / "docs" for code in LANGUAGES}, root / "site")
    assert (root / "site").is_dir(), format_findings(findings)
    return root / "site"


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[str]:
    """The address of the real site."""
    with serving(site_folder) as address:
        yield address


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The running Playwright."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str | None) -> Iterator[Browser]:
    """One Chromium for all tests."""
    launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield launched
    launched.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Gives a page in its own context; options are those of Playwright's ``new_context`` (viewport, color_scheme ...).

    The test fails if any page logs an error, throws, or asks for anything outside 127.0.0.1, or gets no answer.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def make(**options: object) -> Page:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = context.new_page()
        _guard(page, problems)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A guarded page, 1280 by 900, light."""
    return new_page()


@pytest.fixture
def browser_page_without_guard(browser: Browser) -> Iterator[Page]:
    """A page on which errors are expected."""
    with browser.new_context() as context:
        yield context.new_page()


def _guard(page: Page, problems: list[str]) -> None:
    allowed = ("http://127.0.0.1:", "data:", "blob:", "file:")
    page.on("console", lambda message: problems.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(f"thrown: {error}"))
    page.on("request", lambda ask: None if ask.url.startswith(allowed) else problems.append(f"outside: {ask.url}"))
    page.on("response", lambda got: problems.append(f"{got.status}: {got.url}") if got.status >= 400 else None)
