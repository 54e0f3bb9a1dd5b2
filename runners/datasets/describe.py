"""What is said of a data set on the command line: facts of its entry and its card, and the outcome of a check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runners.datasets.base import DatasetError
from runners.datasets.checking import SAMPLED, Problem
from runners.datasets.layout import needed
from runners.datasets.registry import DatasetEntry, find
from sitegen.records import DatasetCard

__all__ = ["check_folder", "facts"]


def facts(entry: DatasetEntry, card: DatasetCard | None) -> Iterator[tuple[str, str]]:
    """Yield what is known as (name, text), empty facts left out.

    Args:
        entry: Of the data set.
        card: Of the data set, where the folder of records is there.
    """
    known = {
        "images": "; ".join(filter(None, (card.images_eval, card.split_name))) if card else "",
        "licence": card.licence if card else "not known here: name the folder of records with --results",
        "download": entry.size,
        "login": {"none": "none", "login": "account", "form": "signed form"}.get(card.download_requires, "")
        if card
        else "",
        "ground truths": ", ".join(entry.variants),
        "verified": entry.verified,
        "folder": entry.layout,
        "how to get it": entry.source,
    }
    return ((name, fact) for name, fact in known.items() if fact)


def check_folder(dataset_id: str, root: Path) -> tuple[list[Problem], list[str]]:
    """Return what is wrong with a data set's folder, or else what was looked at, a line for each ground truth.

    Raises:
        DatasetError: If the data set is unknown, comes with Fathom, or there is no such folder.
    """
    entry = find(dataset_id)
    if entry.check is None:
        raise DatasetError(f"'{dataset_id}' comes with Fathom; there is no folder of yours to check")
    folder = needed(root, dataset_id, entry.source)
    if problems := entry.check(folder):
        return problems, []
    return [], list(_openable(entry, folder))


def _openable(entry: DatasetEntry, folder: Path) -> Iterator[str]:
    """Yield which ground truths are there; only the usual one has to be."""
    for variant in entry.variants:
        try:
            dataset = entry.open(folder, variant)
        except DatasetError:
            yield f"{entry.id}: ground truth '{variant}' is not here"
        else:
            yield f"{entry.id}: {len(dataset)} images with ground truth '{variant}' ({dataset.split})"
    yield f"{entry.id}: nothing wrong found; at least {SAMPLED} images were read, or all if there are fewer"
