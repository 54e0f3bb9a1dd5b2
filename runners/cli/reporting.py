"""What a command that writes runs says of them, and its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli.common import Failure, Stopped, sentences, tell
from sitegen.metrics import METRICS

if TYPE_CHECKING:
    from runners.jobs import Job, Work
    from runners.journal import Journal
    from runners.measure import Outcome
    from runners.saved import Writer
    from sitegen.records import Run

__all__ = ["Report"]


class Report:
    """Writes runs and says what came of each protocol; the exit code depends on those asked for by name."""

    def __init__(self, out: Path, *, every: bool = False) -> None:
        self.out = out
        self.every = every
        self.written = 0
        self.failures: list[str] = []
        self._finished: list[Journal] = []
        self._subject = ""

    @contextmanager
    def going_on(self, work: Work) -> Iterator[None]:
        """With --all, whatever stops a work is a failure that is said, and the rest goes on."""
        self._subject = f"{work.model_id} on {work.job.dataset.id}: "
        try:
            with sentences():
                yield
        except Stopped:
            raise
        except Exception as error:  # of a hundred models in a night, one may raise anything
            if not self.every:
                raise
            said = error.message if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
            self.fail(said)
        finally:
            self._subject = ""

    def fail(self, reason: str) -> None:
        """Take down what will make the command fail in the end, and say it now: the end may be hours away."""
        tell(f"failed: {self._subject}{reason}")
        self.failures.append(self._subject + reason)

    def leave_out(self, reasons: list[str]) -> None:
        """Say what is left out, which is no failure."""
        for reason in reasons:
            self._left_out(reason)

    def add(self, outcomes: list[Outcome], job: Job, journal: Journal | None = None) -> None:
        """Write the runs of one pass; its journal has served when the whole command has, or the cells are filled."""
        if journal and all(outcome.run for outcome in outcomes):
            self._finished.append(journal)
        scored: set[str] = set()
        for outcome in outcomes:
            if outcome.run is None:
                self._no_run(outcome, job)
            else:
                self._write(outcome.run, outcome)
                scored.update(outcome.run.samples.id)
        if self.every:  # the next --all finds the records
            self._remove_journals()
        for name, note in job.dataset.notes.items():
            if name in scored:
                click.echo(f"{job.dataset.id}: note: {name}: {note}", err=True)

    def saved(self, writers: list[Writer]) -> None:
        """Say where predictions were kept, and which of them in another type than was asked for."""
        for writer in writers:
            if writer.index is None:
                click.echo(f"{writer.folder}: note: the predictions were not finished and cannot be used", err=True)
                continue
            click.echo(f"{writer.folder}: {len(writer.index.samples)} predictions from input {writer.rule.name}")
            if wide := sum(entry.dtype != writer.index.dtype for entry in writer.index.samples):
                text = f"{wide} of them kept in float32: float16 cannot hold their values"
                click.echo(f"{writer.folder}: note: {text}", err=True)

    def conclude(self) -> None:
        """Remove the journals; fail if a protocol that was asked for by name gave no run, or none at all did.

        Not earlier: if the command is interrupted at a later model, the same command must not repeat the first ones.
        """
        self._remove_journals()
        if self.failures:
            raise Failure("\n".join(self.failures))
        if not self.written:
            if not self.every:
                raise Failure("no protocol gave a run")
            click.echo("no cell is empty that can be filled here")

    def _remove_journals(self) -> None:
        while self._finished:
            self._finished.pop().remove()

    def _no_run(self, outcome: Outcome, job: Job) -> None:
        from runners.score import ProtocolError

        protocol = outcome.protocol
        reason = f"protocol '{protocol.dataset}/{protocol.id}': {outcome.failure}"
        if self.every and not isinstance(outcome.failure, ProtocolError):
            self.fail(reason)
        elif protocol in job.named:
            self.failures.append(reason)
        else:
            self._left_out(reason)

    def _write(self, run: Run, outcome: Outcome) -> None:
        from runners.evaluate import concerns, write_run

        path = write_run(run, self.out)
        self.written += 1
        values = ", ".join(f"{METRICS[name].symbol} {run.summary[name]}" for name in run.protocol.block["metrics"][:3])
        click.echo(f"{path}: {run.dataset.evaluated} images, {values}; sha256 {run.sha256}")
        for note in [*concerns(run), *outcome.notes]:
            click.echo(f"{path}: note: {note}", err=True)

    def _left_out(self, reason: str) -> None:
        click.echo(f"left out: {reason}", err=True)
