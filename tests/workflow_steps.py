"""Runs the shell steps of a workflow here, word for word, in a clone and with commands that are this checkout's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).resolve().parents[1]
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_STAMPS = (".installed-core", ".installed-tools", ".installed-all")


@dataclass(frozen=True)
class Step:
    """One shell step: its name, its words and the variables that it and its job set."""

    name: str
    run: str
    env: Mapping[str, str]


def steps(workflow: str, job: str, values: Mapping[str, str]) -> Iterator[Step]:
    """Yield the shell steps of a job.

    Args:
        workflow: File name below ``.github/workflows``.
        job: Its key.
        values: What each expression (``inputs.model``) of a variable stands for; one that is missing is a KeyError.
    """
    text = (REPO / ".github/workflows" / workflow).read_text()
    told = yaml.safe_load(text)["jobs"][job]
    for step in told["steps"]:
        if "run" in step:
            assert not _EXPRESSION.search(step["run"])
            yield Step(step["name"], step["run"], _filled({**told.get("env", {}), **step.get("env", {})}, values))


def _filled(env: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    return {name: _EXPRESSION.sub(lambda found: values[found[1]], str(text)) for name, text in env.items()}


class Environment:
    """Stands in for ``.venv``: everything counts as installed, and the commands are those of this checkout.

    Attributes:
        venv: The folder; give it to make as ``VENV``.
    """

    def __init__(self, venv: Path) -> None:
        self.venv = venv.resolve()
        for command, module in (("sitegen", "sitegen"), ("runners", "runners.cli")):
            self.script(command, f'exec "{sys.executable}" -m {module} "$@"')
        self.script("python", f'exec "{sys.executable}" "$@"')

    def script(self, name: str, body: str) -> None:
        """Put a shell script among the commands."""
        path = self.venv / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run(self, words: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run words as GitHub does (bash that stops at a failure), with few variables, none of them a secret."""
        for stamp in _STAMPS:  # a clone that was just made has newer requirements
            (self.venv / stamp).write_text("")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", words]
        return subprocess.run(
            command, cwd=folder, env=self.variables() | env, capture_output=True, text=True, check=False
        )

    def variables(self) -> dict[str, str]:
        """Return what every command is given; no user's configuration of git has a say, and nothing gets out."""
        return {
            "PATH": f"{self.venv / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.venv),
            "VENV": str(self.venv),
            "PYTHONPATH": str(REPO),
            "OMP_NUM_THREADS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER")
               for what, text in (("NAME", "A Test"), ("EMAIL", "test@example.org"))},
            **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        }  # fmt: skip
