"""Where a data set is opened from, so that it can be opened again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from runners.datasets.base import Dataset
from runners.datasets.manifest import open_manifest, select
from runners.datasets.registry import open as open_registered
from runners.environment import slug
from sitegen.records import Id, Record, Text

__all__ = ["Origin", "manifest_id"]


class Origin(Record):
    """The place of a data set's files, and which of its images are taken."""

    dataset: Id
    manifest: Text | None = None
    """Path of the manifest that lists the images; None for a data set that is opened by its id."""
    only: list[Text] = Field(default_factory=list)
    """Shell patterns of the sample ids that are taken from the manifest; all when empty."""
    root: Text | None = None
    """Folder of the files; None where they come with the package or a manifest names them."""
    variant: Text | None = None
    """Which ground truth, in the words of protocols; the usual one when None, and then it is not written down."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Only so many images, the first by id."""

    @model_validator(mode="after")
    def _one_place(self) -> Origin:
        if self.manifest is not None and self.root is not None:
            raise ValueError("manifest and root exclude each other")
        if self.manifest is None and self.only:
            raise ValueError("only selects from a manifest, and there is none")
        if self.manifest is not None and self.variant is not None:
            raise ValueError("a manifest has one ground truth, and variant chooses among several")
        return self

    @model_serializer(mode="wrap")
    def _without_usual(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the usual ground truth: indexes of predictions stay as they were before there was a choice."""
        fields: dict[str, Any] = serialize(self)
        return {name: value for name, value in fields.items() if name != "variant" or value is not None}

    def open(self) -> Dataset:
        """Return the data set without regard to ``limit``, so that its list can be held against a protocol's.

        Raises:
            DatasetError: If it cannot be opened.
        """
        if self.manifest is None:
            return open_registered(self.dataset, None if self.root is None else Path(self.root), self.variant)
        path = Path(self.manifest)
        if not self.only and self.dataset == manifest_id(path):
            return open_manifest(path, self.dataset)
        return select(path, self.dataset, self.only)

    def limited(self, dataset: Dataset) -> Dataset:
        """Return a data set cut to ``limit``; the same where that takes nothing away."""
        return dataset if self.limit is None or self.limit >= len(dataset) else dataset.limited(self.limit)


def manifest_id(path: Path) -> str:
    """Return what a manifest's images are called unless somebody says it: its file's name as an id."""
    return slug(path.stem) or "manifest"
