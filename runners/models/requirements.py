"""Which of the packages that a model needs are not installed, and the line that installs them. Imports none of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

__all__ = ["install_line", "missing", "short"]


def missing(requires: Iterable[str]) -> list[str]:
    """Return the requirements that are not met, as they were given.

    Only the names are looked at: a package is there if it is installed under its name, or if a module of that name can
    be imported (a clone on ``PYTHONPATH``, a fork under another name).
    """
    return [requirement for requirement in requires if not _installed(_name(requirement))]


def install_line(requires: Iterable[str]) -> str:
    """Return the pip command that installs requirements, quoted for a shell."""
    return shlex.join(["pip", "install", *requires])


def short(requirement: str) -> str:
    """Return a requirement without the address that it comes from."""
    return requirement.partition(" @ ")[0]


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found.group() if found else requirement


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return find_spec(re.sub(r"[-.]+", "_", name)) is not None
    return True
