"""Fixtures for the whole suite: where the repository, the real samples, the tools and the browser are."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: no time limit for single examples. Continuous integration tries the same ones each time,
# so that a change is blamed only for what it broke; everybody else looks for new ones.
settings.register_profile("fathom", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("fathom")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep decoded ground truth out of the user's cache, and out of other tests."""
    monkeypatch.setenv("FATHOM_TRUTH", str(tmp_path_factory.getbasetemp() / "truth"))


@pytest.fixture(scope="session")
def repo() -> Path:
    """The repository's root."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared(repo: Path) -> Path:
    """The folder of real samples, weights and literature beside the repository; skips where it is absent."""
    folder = repo.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no real samples here: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Gives the path of a command that is installed beside the running Python."""
    return lambda name: str(Path(sys.executable).with_name(name))


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """Playwright's `executable_path`: FATHOM_CHROMIUM, a browser on PATH, or None for Playwright's own download."""
    return os.environ.get("FATHOM_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
