"""A model's own settings: texts on the command line, values in the adapter, all faults said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runners.models.errors import ModelError

__all__ = ["Reader", "one_of", "read_settings", "whole_number"]

Reader = Callable[[str], Any]
"""Turns a setting's text into its value; raises ValueError with what may stand there."""


def read_settings(model_id: str, given: Mapping[str, str], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the values of the settings that were given.

    Args:
        model_id: For the sentences.
        given: Texts by name; names that nobody reads were refused before (``ModelEntry.faults``).
        readers: What reads each setting.

    Raises:
        ModelError: Naming every value that cannot be read.
    """
    values, faults = {}, []
    for name, text in given.items():
        try:
            values[name] = readers[name](text)
        except ValueError as error:
            faults.append(f"model '{model_id}': setting {name} is {error}, not '{text}'")
    if faults:
        raise ModelError("\n".join(faults))
    return values


def whole_number(least: int, most: int | None = None) -> Reader:
    """Return a reader of whole numbers within limits, both included."""
    limits = f"a whole number from {least}" + ("" if most is None else f" to {most}")

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least or (most is not None and int(text) > most):
            raise ValueError(limits)
        return int(text)

    return read


def one_of(*words: str) -> Reader:
    """Return a reader of one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read
