"""Works that the theory cites: how they are named in the text and listed at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sitegen.reading import BibEntry
from sitegen.rendering import plain, url
from sitegen.text import _

__all__ = ["anchor", "label", "listed"]


def anchor(key: str) -> str:
    """Return the anchor of a work in the list of references."""
    return f"ref-{key}"


def label(entry: BibEntry) -> str:
    """Return how the text names a work: "Eigen et al., 2014"."""
    names = _surnames(entry)
    few = len(names) <= 2 and names[-1] != "others"
    who = " & ".join(names) if few else f"{names[0]} et al."
    return f"{who}, {entry.plain.get('year', '')}".rstrip(", ")


def listed(references: Mapping[str, BibEntry], keys: Iterable[str]) -> str:
    """Return the list of works as an HTML block, sorted by authors and year, each with its links and its BibTeX."""
    found = sorted(
        (references[key] for key in keys),
        key=lambda entry: (_surnames(entry)[0].casefold(), _authors(entry), _year(entry)),
    )
    items = "\n".join(map(_item, found))
    return f'<ol class="references">\n{items}\n</ol>'


def _item(entry: BibEntry) -> str:
    fields = entry.plain
    where = fields.get("journal") or fields.get("booktitle") or ""
    parts = [_authors(entry), fields.get("title", ""), where, _year(entry)]
    said = ". ".join(str(plain(part)) for part in parts if part)
    links = " ".join(f'<a href="{plain(address)}" rel="noopener">{plain(name)}</a>' for name, address in _links(entry))
    summary, code = plain(_("BibTeX")), _lines(entry.to_bibtex())
    return (
        f'<li id="{anchor(entry.key)}">{said}. {links}'
        f'<details class="fold"><summary>{summary}</summary><pre class="cite"><code>{code}</code></pre></details></li>'
    )


def _lines(text: str) -> str:
    # Line ends as references, so that Markdown takes the block as one piece.
    return "&#10;".join(str(plain(line)) for line in text.splitlines())


def _links(entry: BibEntry) -> Iterable[tuple[str, str]]:
    fields = entry.plain
    if arxiv := fields.get("eprint"):
        yield f"arXiv {arxiv}", f"https://arxiv.org/abs/{arxiv}"
    if doi := fields.get("doi"):
        yield "DOI", f"https://doi.org/{doi}"
    address = url(fields.get("url"))
    if address and not arxiv:
        yield _("Web"), address


def _authors(entry: BibEntry) -> str:
    return entry.plain.get("author", "").replace(" and ", "; ")


def _year(entry: BibEntry) -> str:
    return entry.plain.get("year", "")


def _surnames(entry: BibEntry) -> list[str]:
    shown = entry.plain.get("author", entry.key).split(" and ")
    written = entry.fields.get("author", entry.key).split(" and ")
    return [_surname(name.strip(), code.strip()) for name, code in zip(shown, written, strict=True)]


def _surname(name: str, code: str) -> str:
    """Return "Eigen" of "Eigen, David" or "David Eigen"; a name in braces is that of a group and stays whole."""
    if code.startswith("{") and code.endswith("}"):
        return name
    return name.partition(",")[0] if "," in name else name.rsplit(" ", 1)[-1]
