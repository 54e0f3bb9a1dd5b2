"""What a measurement runs on: versions, device, commit and the exact command."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from sitegen.records import Environment

__all__ = ["VERSIONED", "command_line", "describe", "git_state", "version"]

VERSIONED = ("torch", "torchvision", "transformers", "diffusers", "timm", "numpy", "pillow")
"""Packages whose versions a record keeps."""

_SOURCE = Path(__file__).resolve().parent


def describe(device: str) -> Environment:
    """Return the environment of a run on a torch device; a package that is not installed is None."""
    import torch

    commit, dirty = git_state()
    on_gpu = torch.device(device).type == "cuda"
    return Environment(
        python=platform.python_version(),
        **{name: version(name) for name in VERSIONED},
        cuda=torch.version.cuda if on_gpu else None,
        driver=_driver() if on_gpu else None,
        device=torch.cuda.get_device_name(device) if on_gpu else device,
        cpu=_cpu(),
        platform=f"{platform.system()} {platform.machine()}",
        runner_version=version("fathom-depth") or "not installed",
        git_commit=commit,
        dirty=dirty,
    )


def command_line(arguments: list[str] | None = None) -> str:
    """Return the command as it was typed, quoted for a shell."""
    return shlex.join(["runners", *(sys.argv[1:] if arguments is None else arguments)])


def version(package: str) -> str | None:
    """Return the installed version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Return the commit of the running code and whether tracked files differ from it; None outside a checkout."""
    commit = _output("git", "-C", str(_SOURCE), "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _output("git", "-C", str(_SOURCE), "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _driver() -> str | None:
    found = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return found.splitlines()[0] if found else None


def _cpu() -> str | None:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or None


def _output(*command: str) -> str | None:
    """Return what a program prints, or None if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
