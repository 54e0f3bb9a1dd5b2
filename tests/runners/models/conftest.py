"""Tiny checkpoints, written once for all tests of adapters."""

from pathlib import Path

import pytest

from runners.models import tiny


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights cache with a tiny random checkpoint of every model that is loaded with transformers."""
    folder = tmp_path_factory.mktemp("weights")
    for name in tiny.ids():
        tiny.write(name, folder)
    return folder
