"""The matrix of what was proven for every model's adapter, and of what awaits real weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sitegen import words
from sitegen.pages.base import Page
from sitegen.records import PROOF_CHECKS, AdapterProofs, ModelProofs, Proof
from sitegen.rendering import render
from sitegen.store import Store
from sitegen.tables import Badge, Cell, Column, Facet, Footnotes, Row, Table
from sitegen.text import _

__all__ = ["PATH", "pages"]

PATH = "models/adapters.md"
_PACKAGES = ("torch", "transformers", "diffusers", "timm")


def pages(store: Store) -> Iterator[Page]:
    """Yield the page; without a record it says how to make one."""
    proven = store.adapters
    body = render(
        "adapters.md.j2",
        PATH,
        proven=proven,
        table=_table(store, proven) if proven else None,
        outcomes=Counter(proof.outcome for entry in (proven.models if proven else ()) for proof in entry.proofs),
        versions=_versions(proven) if proven else "",
        awaiting=_awaiting(store, proven) if proven else 0,
        checks=PROOF_CHECKS,
    )
    about = _("For every model that can be run here: which checks its adapter passed, and what awaits real weights.")
    yield Page(PATH, _("What was proven for every adapter"), body, about)


def _versions(proven: AdapterProofs) -> str:
    found = [(name, getattr(proven.environment, name)) for name in _PACKAGES]
    return ", ".join(f"{name} {version}" for name, version in found if version)


def _awaiting(store: Store, proven: AdapterProofs) -> int:
    """Return how many learned models were not yet run with their real weights."""
    baselines = {card.id for card in store.models.values() if card.baseline}
    outcomes = [
        proof.outcome
        for entry in proven.models
        for proof in entry.proofs
        if proof.check == "real-weights" and entry.model not in baselines
    ]
    return len(outcomes) - outcomes.count("passed")


def _table(store: Store, proven: AdapterProofs) -> Table:
    notes = Footnotes()
    rows = tuple(_row(store, entry, notes) for entry in proven.models)
    families = sorted({entry.family for entry in proven.models})
    return Table(
        id="adapters",
        title=_("Adapters"),
        description=_("What was run, and how it came out; a letter leads to why something failed or was not run."),
        columns=(
            Column("model", _("Model"), "model"),
            *(Column(check, words.proof_check(check), "text") for check in PROOF_CHECKS),
        ),
        rows=rows,
        footnotes=notes.texts,
        filters=(
            Facet("family", _("Family"), tuple((name, name) for name in families)),
            Facet("failed", _("Checks"), (("yes", _("a check failed")), ("no", _("none failed")))),
        ),
        date=proven.date,
    )


def _row(store: Store, entry: ModelProofs, notes: Footnotes) -> Row:
    name = store.models[entry.model].name if entry.model in store.models else entry.model
    failed = any(proof.outcome == "failed" for proof in entry.proofs)
    cells = (Cell(name, name, f"models/{entry.model}.html"), *(_cell(proof, notes) for proof in entry.proofs))
    return Row(entry.model, cells, {"family": entry.family, "failed": "yes" if failed else "no"})


def _cell(proof: Proof, notes: Footnotes) -> Cell:
    text = words.proof_outcome(proof.outcome)
    if proof.outcome == "passed":
        return Cell(text, hint=proof.note)
    badges = (Badge(_("look"), "warn"),) if proof.outcome == "failed" else ()
    return Cell(text, badges=badges, footnotes=(notes.add(proof.note),))
