"""Reading two protocols side by side: every leaf by its path, in words, and the leaves that differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sitegen.records import Protocol
from sitegen.text import _

__all__ = ["GROUPS", "Leaf", "differences", "field_name", "leaves"]

Leaf = str | int | float | bool | None


@dataclass(frozen=True)
class Difference:
    """One leaf in which two protocols differ; None stands for a leaf that one of them does not have."""

    path: str
    first: Leaf
    second: Leaf


GROUPS = (
    "sample_list",
    "ground_truth",
    "valid_range",
    "mask",
    "input_crop",
    "crop",
    "resize",
    "alignment",
    "clamp",
    "flip_average",
    "aggregation",
    "minimum_valid_pixels",
    "metrics",
    "primary_metric",
)
"""The parts of a protocol in the order in which an evaluation meets them."""
_IDENTITY = {"id", "version", "dataset"}


def leaves(protocol: Protocol) -> dict[str, Leaf]:
    """Return every value that defines a protocol by its path (``crop.rows.0``), in reading order.

    Identity (id, version, data set) is left out: two protocols that only differ in it measure the same thing.
    """
    block = {name: value for name, value in protocol.block().items() if name not in _IDENTITY}
    ordered = sorted(block, key=lambda name: (_rank(name), name))
    return dict(pair for name in ordered for pair in _flatten(name, block[name]))


def differences(first: Protocol, second: Protocol) -> list[Difference]:
    """Return every leaf in which two protocols differ, in reading order."""
    one, two = leaves(first), leaves(second)
    paths = sorted({*one, *two}, key=lambda path: (_rank(path.split(".")[0]), path))
    return [Difference(path, one.get(path), two.get(path)) for path in paths if one.get(path) != two.get(path)]


def field_name(path: str) -> str:
    """Return what a leaf is called on a page; parts without a name of their own stand as they are."""
    names = _names()
    return " · ".join(names.get(part, part.replace("_", " ")) for part in path.split("."))


def _rank(name: str) -> int:
    return GROUPS.index(name) if name in GROUPS else len(GROUPS)


def _flatten(path: str, value: Any) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flatten(f"{path}.{key}", item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value, start=1):
            yield from _flatten(f"{path}.{index}", item)
    elif isinstance(value, list):
        yield path, ", ".join(str(item) for item in value)
    elif value != "":
        yield path, value


def _names() -> dict[str, str]:
    return {
        "sample_list": _("Sample list"),
        "ground_truth": _("Ground truth"),
        "valid_range": _("Valid depth"),
        "min_m": _("from, m"),
        "max_m": _("to, m"),
        "min_inclusive": _("lower limit counts"),
        "max_inclusive": _("upper limit counts"),
        "mask": _("Mask"),
        "mask_rule": _("Mask rule"),
        "input_crop": _("Input cut"),
        "crop": _("Crop window"),
        "resize": _("Resize step"),
        "alignment": _("Alignment"),
        "clamp": _("Clamp after alignment"),
        "flip_average": _("Mean of image and mirror image"),
        "aggregation": _("Aggregation"),
        "minimum_valid_pixels": _("Fewest valid pixels"),
        "metrics": _("Metrics"),
        "primary_metric": _("Primary metric"),
    }
