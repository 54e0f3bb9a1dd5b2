"""The environment of a run."""

import subprocess

import pytest

from runners import environment
from runners.environment import command_line, describe, git_state, version


def test_versions_and_machine_are_recorded() -> None:
    """Installed packages have their version, others None; a CPU run names no GPU."""
    found = describe("cpu")
    assert found.python
    assert found.numpy == version("numpy")
    assert found.device == "cpu"
    assert found.cuda is None
    assert version("no-such-package") is None


def test_command_is_quoted_for_a_shell() -> None:
    """What is recorded can be pasted."""
    assert command_line(["evaluate", "--root", "my data"]) == "runners evaluate --root 'my data'"


def test_outside_a_checkout_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a missing git nor a folder without history is an error."""

    def fails(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(128, "git")

    git_state.cache_clear()
    monkeypatch.setattr(environment.subprocess, "run", fails)
    assert git_state() == (None, None)
    git_state.cache_clear()
