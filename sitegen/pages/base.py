"""What a page kind hands to the stage: Markdown pages and the data files that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DataFile", "Page"]


@dataclass(frozen=True)
class DataFile:
    """A file that is published as it is.

    Attributes:
        path: Where it is published, relative to the site root, with ``/`` ("data/boards/kitti/metric.csv").
        content: Its text (written as UTF-8) or its bytes.
    """

    path: str
    content: str | bytes


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Attributes:
        path: Its Markdown file relative to the site root ("datasets/kitti.md" becomes "datasets/kitti.html").
        title: Plain text, for the browser's title and the search index; no markup is read in it.
        body: Markdown whose text was rendered by Jinja with autoescape; starts with the ``# Heading``.
        description: Plain text, one sentence, for the page's ``<meta name="description">``.
        files: Data files that this page links to.
        boost: Weight in search; a page that explains terms stands before those that only use them.
    """

    path: str
    title: str
    body: str
    description: str = ""
    files: tuple[DataFile, ...] = ()
    boost: int = 1
