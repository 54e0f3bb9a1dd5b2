"""Commands about the models themselves: ``new-model`` and ``prove``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli.common import (
    Failure,
    folder_type,
    path_type,
    progress_bar,
    refuse_findings,
    results_option,
    sentences,
    sound_cards,
)
from runners.models.registry import models as known_models
from sitegen.records import PREDICTION_KINDS

if TYPE_CHECKING:
    from sitegen.records import ModelProofs, PredictionKind, Run

__all__ = ["new_model", "prove"]


@click.command("new-model")
@click.argument("model_id", metavar="ID")
@click.option(
    "--kind", type=click.Choice(PREDICTION_KINDS), required=True, help="What its predictions are invariant to."
)
@click.option(
    "--here", is_flag=True, help="Write an adapter into this clone of Fathom instead of a package of its own."
)
@click.option("--out", type=folder_type, help="Where the package's folder goes.  [default: the current folder]")
def new_model(model_id: str, kind: PredictionKind, here: bool, out: Path | None) -> None:
    """Write the files of a new model: by default a package that plugs it in from outside."""
    if here and out:
        raise click.UsageError("--out is for a package, --here writes none")
    from runners.models.errors import ModelError
    from runners.scaffold import carry_out, plan_here, plan_package

    try:
        plan = plan_here(model_id, kind, Path()) if here else plan_package(model_id, kind, out or Path())
        for path in carry_out(plan):
            click.echo(f"wrote {path}")
    except ModelError as error:
        raise Failure(str(error)) from error
    click.echo("Next:")
    for step in plan.after:
        click.echo(f"  {step}")


@click.command()
@click.option("--model", "model_ids", multiple=True, metavar="ID", help="May be given several times.  [default: all]")
@results_option
@click.option(
    "--out", type=path_type, help="File of the record, such as results/adapters.json.  [default: none is written]"
)
def prove(model_ids: tuple[str, ...], results: Path, out: Path | None) -> None:
    """Check every adapter as far as that goes without weights; exit code 1 if a check fails."""
    with sentences():
        from runners.models import describe
        from runners.models.proofs import prove as check
        from runners.models.proofs import record
        from sitegen.files import write_aside
        from sitegen.records import record_text

        entries = [describe(model_id) for model_id in dict.fromkeys(model_ids or known_models())]
        cards, runs = sound_cards(results, [entry.id for entry in entries]), _runs(results)
        proven = []
        with progress_bar("proofs", len(entries), "adapters") as advance:
            for entry in entries:
                proven.append(check(entry, cards.get(entry.id), runs))
                advance(1)
        if out is not None:
            write_aside(out, record_text(record(proven)).encode())
    _report_proofs(proven)


def _runs(results: Path) -> Sequence[Run]:
    from sitegen.store import load_runs

    runs, findings = load_runs(results)
    refuse_findings(findings)
    return runs


def _report_proofs(proven: list[ModelProofs]) -> None:
    """Print every outcome that is not a pass, and a line of counts; a failure ends the command with exit code 1."""
    proofs = [(entry.model, proof) for entry in proven for proof in entry.proofs]
    for model_id, proof in proofs:
        if proof.outcome != "passed":
            click.echo(f"{model_id}: {proof.check}: {proof.outcome}: {proof.note}")
    counts = {
        outcome: sum(proof.outcome == outcome for _, proof in proofs) for outcome in ("passed", "failed", "not-run")
    }
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if counts["failed"]:
        raise Failure(f"{counts['failed']} checks of {len(proven)} adapters failed")
