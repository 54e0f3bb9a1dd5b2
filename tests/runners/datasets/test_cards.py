"""Every data set that can be opened has a card that tells what its folder looks like, in the loader's own words."""

import re
from pathlib import Path

import pytest

from runners.datasets import DATASETS
from sitegen.records import DatasetCard
from sitegen.store import load_datasets


@pytest.fixture(scope="module")
def cards(repo: Path) -> dict[str, DatasetCard]:
    """The cards of the repository."""
    found, faults = load_datasets(repo / "results")
    assert not faults
    return found


def as_text(words: str) -> str:
    """Names that stand for any, as a card may write them: in capitals, since its text holds no angle brackets."""
    return re.sub(r"<(\w+)>", lambda found: found[1].upper(), words)


@pytest.mark.parametrize("dataset_id", DATASETS)
def test_card_has_the_layout_of_the_loader(cards: dict[str, DatasetCard], dataset_id: str) -> None:
    """What the site shows and what ``runners list datasets`` shows are the same sentences."""
    entry, card = DATASETS[dataset_id], cards[dataset_id]
    assert card.layout
    if entry.check is not None:
        assert card.layout == as_text(entry.layout), "copy DatasetEntry.layout into the card"
        assert card.how_to_get == as_text(entry.source), "copy DatasetEntry.source into the card"
