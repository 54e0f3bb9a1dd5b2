"""Protocol pages: field by field, what differs between two, and an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sitegen.pages.base import Page
from sitegen.protocols import Leaf, differences, field_name, leaves
from sitegen.records import Protocol
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.text import _

__all__ = ["pages", "shown"]

INDEX = "protocols/index.md"


@dataclass(frozen=True)
class Field:
    """One row of the side-by-side table: a leaf and its value in each protocol, as shown."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the protocols disagree in this leaf."""
        return len(set(self.values)) > 1


def pages(store: Store) -> Iterator[Page]:
    """Yield the index, one page a protocol, and one side-by-side page a data set with several protocols."""
    protocols = sorted(store.protocols.values(), key=_order)
    by_dataset = {dataset: list(group) for dataset, group in groupby(protocols, key=lambda p: p.dataset)}
    yield _index(store, by_dataset)
    for group in by_dataset.values():
        yield from (_protocol(store, protocol, group) for protocol in group)
        if len(group) > 1:
            yield _compare(store, group)


def shown(value: Leaf) -> str:
    """Return a leaf's value as the page shows it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _order(protocol: Protocol) -> tuple[str, bool, str]:
    return protocol.dataset, not protocol.house, protocol.id


def _index(store: Store, by_dataset: dict[str, list[Protocol]]) -> Page:
    body = render("protocols.md.j2", INDEX, by_dataset=by_dataset, datasets=store.datasets)
    return Page(INDEX, _("Protocols"), body, _("How each reference system evaluates depth, field by field."))


def _protocol(store: Store, protocol: Protocol, group: list[Protocol]) -> Page:
    path = f"protocols/{protocol.dataset}/{protocol.id}.md"
    others = [(other, differences(protocol, other)) for other in group if other is not protocol]
    body = render(
        "protocol.md.j2",
        path,
        protocol=protocol,
        digest=protocol.digest(),
        dataset=store.datasets[protocol.dataset],
        fields=[(field_name(name), shown(value)) for name, value in leaves(protocol).items()],
        others=others,
        field_name=field_name,
        shown=shown,
        runs=[run for run in store.runs if (run.dataset.id, run.protocol.id) == (protocol.dataset, protocol.id)],
        models=store.models,
    )
    title = _("{protocol} on {dataset}").format(protocol=protocol.title, dataset=store.datasets[protocol.dataset].name)
    return Page(path, title, body, _("An evaluation protocol, field by field, with what sets it apart from others."))


def _compare(store: Store, group: list[Protocol]) -> Page:
    dataset = store.datasets[group[0].dataset]
    path = f"protocols/{dataset.id}/compare.md"
    body = render("compare.md.j2", path, dataset=dataset, protocols=group, fields=_fields(group))
    title = _("Protocols for {dataset}, side by side").format(dataset=dataset.name)
    return Page(path, title, body, _("Every field of every protocol of one data set, with what differs marked."))


def _fields(group: list[Protocol]) -> list[Field]:
    columns = [leaves(protocol) for protocol in group]
    names = dict.fromkeys(name for column in columns for name in column)
    return [Field(field_name(name), tuple(shown(column.get(name)) for column in columns)) for name in _ordered(names)]


def _ordered(names: dict[str, None]) -> list[str]:
    """Keep leaves of one part together, the parts in the order of their first mention."""
    parts = dict.fromkeys(name.split(".")[0] for name in names)
    return [name for part in parts for name in names if name.split(".")[0] == part]
