"""Grouping records by what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["group"]

K = TypeVar("K")
V = TypeVar("V")


def group(items: Iterable[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    """Return the items by key, keys in the order of their first item."""
    groups: dict[K, list[V]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
