"""Every protocol in one table, part by part, with what sets it apart from its data set's house protocol."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence

from sitegen.escaping import csv_text
from sitegen.grouping import group
from sitegen.pages.base import DataFile, Page
from sitegen.pages.common import distinct
from sitegen.protocols import Leaf, differences, differing_parts, house_of, leaves, parts, reading_order
from sitegen.records import PREDICTION_KINDS, Protocol, Reference
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.tables import LICENCE, LICENCE_URL, Badge, Cell, Column, Facet, Row, Table
from sitegen.text import _

__all__ = ["DIFFERS", "PATH", "pages", "protocol_table", "reference_phrase", "system_href", "systems"]

PATH = "protocols/table.md"
DIFFERS = "≠"
"""The sign of a cell that is not as in the house protocol; the style sheet adds colour to it."""
_CSV = "data/protocols/table.csv"
_JSON = "data/protocols/table.json"


def pages(store: Store) -> Iterator[Page]:
    """Yield the table of all protocols with its downloads; nothing while there is no protocol."""
    protocols = _by_dataset(store)
    if not protocols:
        return
    sizes = Counter(protocol.dataset for protocol in protocols)
    body = render(
        "protocol_table.md.j2",
        PATH,
        table=protocol_table(store),
        protocols=protocols,
        datasets=list(sizes),
        compared=[dataset for dataset, size in sizes.items() if size > 1],
        unhoused=[dataset for dataset in sizes if house_of(protocols, dataset) is None],
        cards=store.datasets,
        systems=systems(protocols),
        system_href=system_href,
        differs=DIFFERS,
        downloads=((_CSV, "CSV"), (_JSON, "JSON")),
    )
    files = (DataFile(_CSV, _csv(protocols)), DataFile(_JSON, _json(protocols)))
    about = _("All evaluation protocols of monocular depth in one table, part by part, with what differs marked.")
    yield Page(PATH, _("Every preset, field by field"), body, about, files)


def systems(protocols: Sequence[Protocol]) -> dict[str, list[Protocol]]:
    """Return the protocols of each system (protocol id) that evaluates several data sets."""
    found = group(protocols, lambda protocol: protocol.id)
    return {system: members for system, members in sorted(found.items()) if len(members) > 1}


def system_href(system: str) -> str:
    """Return where a system's protocols on all data sets stand together, from the site's root."""
    return f"protocols/table.html?system={system}"


def reference_phrase(reference: Reference) -> str:
    """Return where a protocol is defined, in short: repository and commit, else the paper."""
    where = reference.repository or reference.paper or _("this project")
    return f"{where} @ {reference.commit[:7]}" if reference.commit else where


def protocol_table(store: Store) -> Table:
    """Return a row a protocol and a column a part; a part that is not as in the house protocol is marked."""
    protocols = _by_dataset(store)
    kinds = {kind for protocol in protocols for kind in protocol.alignment}
    unused = {f"align_{kind}" for kind in PREDICTION_KINDS if kind not in kinds}
    shown = [part for part in parts() if part.key not in unused]
    keys = [part.key for part in shown]
    return Table(
        id="protocol-table",
        title=_("Every preset, field by field"),
        description=_("{sign} marks what is not as in the house protocol of the same data set.").format(sign=DIFFERS),
        columns=(
            Column("protocol", _("Protocol"), "model"),
            Column(
                "system", _("System"), "source", meaning=_("Id of the protocol: one system has one on each data set.")
            ),
            *(Column(part.key, part.title, "text", optional=True) for part in shown),
            Column("reference", _("Defined in"), "text", optional=True),
        ),
        rows=tuple(_row(store, protocol, keys) for protocol in protocols),
        filters=_facets(store, protocols),
    )


def _by_dataset(store: Store) -> list[Protocol]:
    """Return all protocols by data set, those with most protocols first; in each the house protocol first."""
    found = group(reading_order(store.protocols.values()), lambda protocol: protocol.dataset)
    return [protocol for members in sorted(found.values(), key=len, reverse=True) for protocol in members]


def _row(store: Store, protocol: Protocol, keys: Sequence[str]) -> Row:
    page = f"protocols/{protocol.dataset}/{protocol.id}.html"
    house = house_of(store.protocols.values(), protocol.dataset)
    differing = differing_parts(protocol, house) if house else frozenset()
    phrases = {part.key: part.phrase(protocol) for part in parts()}
    name = Cell(
        text=protocol.title,
        value=" ".join([store.datasets[protocol.dataset].name, *([] if protocol.house else [protocol.id])]),
        href=page,
        badges=(Badge(_("house")),) if protocol.house else (),
    )
    cells = (_cell(phrases[key], differs=key in differing) for key in keys)
    reference = Cell(reference_phrase(protocol.reference), href=f"{page}#reference")
    facets = {"dataset": protocol.dataset, "system": protocol.id}
    return Row(f"{protocol.dataset}-{protocol.id}", (name, Cell(protocol.id), *cells, reference), facets)


def _cell(phrase: str, *, differs: bool) -> Cell:
    return Cell(phrase, badges=(Badge(DIFFERS, "differs"),) if differs else ())


def _facets(store: Store, protocols: Sequence[Protocol]) -> tuple[Facet, ...]:
    datasets = distinct(protocol.dataset for protocol in protocols)
    ids = sorted({protocol.id for protocol in protocols})
    return (
        Facet("dataset", _("Data set"), tuple((name, store.datasets[name].name) for name in datasets)),
        Facet("system", _("System"), tuple((name, name) for name in ids)),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Downloads: every leaf, not its phrase


def _identity(protocol: Protocol) -> dict[str, Leaf]:
    reference = protocol.reference
    return {
        "dataset": protocol.dataset,
        "id": protocol.id,
        "version": protocol.version,
        "title": protocol.title,
        "house": protocol.house,
        "sha256": protocol.digest(),
        "reference.repository": reference.repository or None,
        "reference.commit": reference.commit,
        "reference.paper": reference.paper or None,
        "reference.place": reference.place or None,
    }


def _csv(protocols: Sequence[Protocol]) -> str:
    """Return a row a protocol and a column a leaf; a leaf that a protocol does not have or leaves open is empty."""
    records = [_identity(protocol) | leaves(protocol) for protocol in protocols]
    names = distinct(name for record in records for name in record)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_csv_value(record.get(name)) for name in names] for record in records)
    return stream.getvalue()


def _csv_value(value: Leaf) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else csv_text(value) if isinstance(value, str) else repr(value)


def _json(protocols: Sequence[Protocol]) -> str:
    rows = [
        _identity(protocol) | {"leaves": leaves(protocol), "differs_from_house": _paths(protocol, protocols)}
        for protocol in protocols
    ]
    data = {
        "title": _("Every preset, field by field"),
        "licence": {"name": LICENCE, "url": LICENCE_URL},
        "protocols": rows,
    }
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _paths(protocol: Protocol, protocols: Sequence[Protocol]) -> list[str] | None:
    """Return the paths of the leaves that are not as in the house protocol; None without one."""
    house = house_of(protocols, protocol.dataset)
    return [difference.path for difference in differences(house, protocol)] if house else None
