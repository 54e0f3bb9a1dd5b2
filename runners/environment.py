"""What a measurement runs on: versions, device, commit and the exact command."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from sitegen.records import Environment

__all__ = [
    "VERSIONED",
    "checkout_state",
    "chosen_device",
    "command_line",
    "committed_at",
    "cores",
    "describe",
    "device_id",
    "device_name",
    "git_state",
    "set_precision",
    "slug",
    "version",
]

VERSIONED = ("torch", "torchvision", "transformers", "diffusers", "timm", "numpy", "pillow")
"""Packages whose versions a record keeps."""

_SOURCE = Path(__file__).resolve().parent


def describe(device: str) -> Environment:
    """Return the environment of a run on a torch device; a package that is not installed is None."""
    import torch

    commit, dirty = git_state()
    on_gpu, on_cpu = (torch.device(device).type == kind for kind in ("cuda", "cpu"))
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
        tf32=_tf32() if on_gpu else None,
        deterministic=torch.are_deterministic_algorithms_enabled(),
        threads=torch.get_num_threads() if on_cpu else None,
    )


def set_precision(*, tf32: bool = False, deterministic: bool = False) -> None:
    """Set how exactly torch computes on a GPU, for the whole process; :func:`describe` records it.

    Args:
        tf32: Whether float32 products and convolutions may be rounded to TF32 (19 bits), which is faster.
        deterministic: Whether only algorithms are used that give the same bits every time; an operation that has none
            raises a RuntimeError.
    """
    import torch

    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.deterministic = deterministic
    torch.use_deterministic_algorithms(deterministic)
    if deterministic:
        torch.backends.cudnn.benchmark = False
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA is first used


def chosen_device(name: str) -> str:
    """Return a torch device by its name, where ``auto`` is a GPU if there is one."""
    import torch

    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name(device: str) -> str:
    """Return a torch device as its driver or the system calls it: a GPU's name; a processor's with its cores."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return f"{_cpu() or platform.machine()}, {cores()} cores" if kind == "cpu" else f"{kind}, {_cpu() or 'unknown'}"


def device_id(device: str) -> str:
    """Return the id of a torch device for ``results/speed``: ``nvidia-h100-80gb-hbm3``, ``cpu-2-cores-amd-epyc``."""
    if device.partition(":")[0] == "cpu":
        return slug(f"cpu {cores()} cores {_cpu() or platform.machine()}")
    return slug(device_name(device))


def slug(name: str) -> str:
    """Return a name as an id, lower case with a hyphen for anything but letters and digits; empty if there are none."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].strip("-")


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
    return checkout_state(_SOURCE)


def checkout_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit that a folder is at and whether tracked files differ from it; None outside a checkout."""
    commit = _output("git", "-C", str(folder), "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _output("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def committed_at(path: Path) -> float:
    """Return when a file was last committed, in seconds since 1970; infinity where git knows of no such commit."""
    said = _output("git", "-C", str(path.parent), "log", "-1", "--format=%ct", "--", path.name)
    return float(said) if said else float("inf")


def _tf32() -> bool:
    import torch

    return bool(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)


def cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


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
