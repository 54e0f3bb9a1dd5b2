"""Page kinds: each module turns records into pages and data files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from sitegen.pages.base import Page
from sitegen.store import Store

__all__ = ["publishers", "site_pages"]


def publishers() -> tuple[Callable[[Store], Iterator[Page]], ...]:
    """Return one function a page kind; each yields its pages with their data files.

    They are imported here and not above: the stage needs ``sitegen.pages.base`` alone.
    """
    from sitegen.pages import (
        about,
        adapters,
        data,
        datasets,
        disagreements,
        gallery,
        home,
        metrics,
        models,
        protocol_table,
        protocols,
        sensitivity,
        sources,
        speed,
    )

    of_models = (models, speed, adapters)
    of_protocols = (protocols, protocol_table, sensitivity)
    kinds = (home, datasets, gallery, *of_models, sources, disagreements, metrics, *of_protocols, about, data)
    return tuple(kind.pages for kind in kinds)


def site_pages(store: Store, docs: Path | None = None) -> Iterator[Page]:
    """Yield every page of the site.

    Args:
        store: The records.
        docs: Folder of the hand-written pages of one language, whose theory is filled in; None for none.
    """
    from sitegen.pages import theory

    for publish in publishers():
        yield from publish(store)
    if docs is not None:
        yield from theory.pages(store, docs / "theory")
