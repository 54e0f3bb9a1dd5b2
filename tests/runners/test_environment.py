"""The environment of a run."""

import subprocess
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from runners import environment
from runners.environment import command_line, describe, device_id, device_name, git_state, set_precision, slug, version


@pytest.fixture
def precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts the process's settings back to the exact ones."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    yield
    set_precision()


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


@pytest.mark.usefixtures("precision")
def test_precision_is_exact_unless_it_is_asked_for() -> None:
    """TF32 is off in products and convolutions by default, determinism is a choice, and the record names it."""
    set_precision(tf32=True, deterministic=True)
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32
    assert describe("cpu").deterministic is True
    set_precision()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert describe("cpu").deterministic is False


def test_a_processor_has_threads_and_no_tf32() -> None:
    """What does not apply is None and stays out of the record."""
    found = describe("cpu")
    assert found.threads == torch.get_num_threads()
    assert found.tf32 is None
    assert "tf32" not in found.model_dump()


@pytest.mark.usefixtures("precision")
def test_a_gpu_has_tf32_and_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a GPU, whose name and driver are asked for; none is needed for this test."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(environment, "_driver", lambda: "570.1")
    set_precision(tf32=True)
    found = describe("cuda")
    assert (found.device, found.driver, found.tf32, found.threads) == ("NVIDIA H100 80GB HBM3", "570.1", True, None)
    assert device_id("cuda") == "nvidia-h100-80gb-hbm3"


def test_a_device_has_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cores and name of a processor; what else torch runs on, by the processor beside it."""
    monkeypatch.setattr(environment, "_cpu", lambda: "Made-Up (R) 7 @ 3.0 GHz")
    monkeypatch.setattr(environment, "os", SimpleNamespace(sched_getaffinity=lambda _: {0, 1}))
    assert device_id("cpu") == "cpu-2-cores-made-up-r-7-3-0-ghz"
    assert device_name("cpu") == "Made-Up (R) 7 @ 3.0 GHz, 2 cores"
    assert device_id("mps") == "mps-made-up-r-7-3-0-ghz"
    monkeypatch.setattr(environment, "os", SimpleNamespace(cpu_count=lambda: None))
    assert device_id("cpu").startswith("cpu-1-cores")


def test_ids_are_short_and_plain() -> None:
    """Whatever a name holds, an id has lower-case letters, digits and hyphens, at most 64."""
    assert slug("NVIDIA GeForce RTX 4090 (Ti)") == "nvidia-geforce-rtx-4090-ti"
    assert len(slug("x y" * 40)) <= 64
    assert slug("…") == ""
