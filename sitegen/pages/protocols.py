"""Protocol pages: field by field, what differs between two, and an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sitegen.grouping import group
from sitegen.pages.base import Page
from sitegen.pages.common import sensitivity_hrefs
from sitegen.pages.protocol_table import reference_phrase, system_href, systems
from sitegen.protocols import differences, field_name, leaves, parts, reading_order, shown, window_phrase
from sitegen.records import Protocol
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.text import _

__all__ = ["pages"]

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
    by_dataset = group(reading_order(store.protocols.values()), lambda protocol: protocol.dataset)
    yield _index(store, by_dataset)
    for members in by_dataset.values():
        yield from (_protocol(store, protocol, members) for protocol in members)
        if len(members) > 1:
            yield _compare(store, members)


def _index(store: Store, by_dataset: dict[str, list[Protocol]]) -> Page:
    body = render(
        "protocols.md.j2",
        INDEX,
        by_dataset=by_dataset,
        datasets=store.datasets,
        window_phrase=window_phrase,
        reference_phrase=reference_phrase,
        sensitivity=sensitivity_hrefs(store),
        systems=systems(list(store.protocols.values())),
        system_href=system_href,
    )
    return Page(INDEX, _("Protocols"), body, _("How each reference system evaluates depth, field by field."))


def _protocol(store: Store, protocol: Protocol, members: list[Protocol]) -> Page:
    path = f"protocols/{protocol.dataset}/{protocol.id}.md"
    others = [(other, differences(protocol, other)) for other in members if other is not protocol]
    body = render(
        "protocol.md.j2",
        path,
        protocol=protocol,
        digest=protocol.digest(),
        dataset=store.datasets[protocol.dataset],
        short=[(part.title, phrase) for part in parts() if (phrase := part.phrase(protocol)) != shown(None)],
        elsewhere=[other for other in _system(store, protocol) if other is not protocol],
        datasets=store.datasets,
        system_href=system_href,
        fields=[(field_name(name), shown(value)) for name, value in leaves(protocol).items()],
        others=others,
        field_name=field_name,
        shown=shown,
        runs=[run for run in store.runs if (run.dataset.id, run.protocol.id) == (protocol.dataset, protocol.id)],
        models=store.models,
    )
    title = _("{protocol} on {dataset}").format(protocol=protocol.title, dataset=store.datasets[protocol.dataset].name)
    return Page(path, title, body, _("An evaluation protocol, field by field, with what sets it apart from others."))


def _system(store: Store, protocol: Protocol) -> list[Protocol]:
    """Return the protocols of the same system on all data sets; a house protocol is of no system."""
    found = [other for other in store.protocols.values() if other.id == protocol.id and not other.house]
    return reading_order(found) if protocol in found else []


def _compare(store: Store, members: list[Protocol]) -> Page:
    dataset = store.datasets[members[0].dataset]
    path = f"protocols/{dataset.id}/compare.md"
    body = render(
        "compare.md.j2",
        path,
        dataset=dataset,
        protocols=members,
        fields=_fields(members),
        sensitivity=sensitivity_hrefs(store).get(dataset.id, ""),
    )
    title = _("Protocols for {dataset}, side by side").format(dataset=dataset.name)
    return Page(path, title, body, _("Every field of every protocol of one data set, with what differs marked."))


def _fields(members: list[Protocol]) -> list[Field]:
    columns = [leaves(protocol) for protocol in members]
    names = dict.fromkeys(name for column in columns for name in column)
    return [Field(field_name(name), tuple(shown(column.get(name)) for column in columns)) for name in _ordered(names)]


def _ordered(names: dict[str, None]) -> list[str]:
    """Keep leaves of one part together, the parts in the order of their first mention."""
    parts = dict.fromkeys(name.split(".")[0] for name in names)
    return [name for part in parts for name in names if name.split(".")[0] == part]
