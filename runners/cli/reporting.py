"""What a command that writes runs says of them, and its exit code."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runners.cli.common import Failure, Stopped, sentences, tell, tell_note
from runners.environment import command_line, version
from runners.log import LogError, event, written_to
from sitegen.metrics import METRICS

if TYPE_CHECKING:
    from runners.cli.contributing import Contribution
    from runners.jobs import Job, Work
    from runners.journal import Journal
    from runners.measure import Outcome
    from runners.saving import Destination, Writer
    from sitegen.records import Run

__all__ = ["Report", "logged"]


_UNFINISHED = "the predictions were not finished and cannot be used; the same command goes on with them"


class _Told(Failure):
    """Sums up failures that the log has already, each on its own."""


@contextmanager
def logged(path: Path | None) -> Iterator[None]:
    """Have everything that happens appended to a log, from ``called`` to ``finished``; to none without a path.

    A log without ``finished`` after the last ``called`` is that of a command that goes on, or was killed.
    """
    if path is None:
        yield
        return
    called = {"command": command_line(), "version": version("fathom-depth"), "process": os.getpid()}
    try:
        with written_to(path, tell, **called), _ending():
            yield
    except LogError as error:
        raise Failure(str(error)) from error


@contextmanager
def _ending() -> Iterator[None]:
    """Log how a command ends, whatever ends it."""
    began, exit_code = time.monotonic(), 1
    try:
        yield
        exit_code = 0
    except Stopped as error:
        event("stopped", level=logging.WARNING, sentence=error.message)
        raise
    except _Told:
        raise
    except BaseException as error:  # a second Ctrl-C, too
        event("failed", level=logging.ERROR, sentence=_sentence(error))
        raise
    finally:
        event("finished", exit_code=exit_code, seconds=round(time.monotonic() - began, 3))


def _sentence(error: BaseException) -> str:
    return error.message if isinstance(error, Failure) else f"{type(error).__name__}: {error}"


class Report:
    """Writes runs and says what came of each protocol; the exit code depends on those asked for by name.

    Args:
        out: Folder of the runs.
        every: Whether all empty cells are filled (``--all``).
        contribution: Told of each record, and asked in the end what to do with them.
    """

    def __init__(self, out: Path, *, every: bool = False, contribution: Contribution | None = None) -> None:
        self.out = out
        self.every = every
        self.contribution = contribution
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
            self.fail(_sentence(error))
        finally:
            self._subject = ""

    def fail(self, reason: str) -> None:
        """Take down what will make the command fail in the end, and say it now: the end may be hours away."""
        tell(f"failed: {self._subject}{reason}")
        self._take_down(self._subject + reason)

    def _take_down(self, failure: str) -> None:
        event("failed", level=logging.ERROR, sentence=failure)
        self.failures.append(failure)

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
                self._write(outcome.run, outcome, job)
                scored.update(outcome.run.samples.id)
        if self.every:  # the next --all finds the records
            self._remove_journals()
        for name, note in job.dataset.notes.items():
            if name in scored:
                tell_note(job.dataset.id, f"{name}: {note}")

    def saved_before(self, destinations: list[Destination], writers: list[Writer]) -> None:
        """Say where all predictions were kept by earlier parts of the run, so that nothing writes there."""
        written = {writer.folder for writer in writers}
        for destination in destinations:
            if destination.folder not in written:
                click.echo(f"{destination.folder}: all its predictions are there already")

    def saved(self, writers: list[Writer]) -> None:
        """Say where predictions were kept, and which of them in another type than was asked for."""
        for writer in writers:
            if writer.index is None:
                tell_note(writer.folder, _UNFINISHED)
                continue
            click.echo(f"{writer.folder}: {len(writer.index.samples)} predictions from input {writer.rule.name}")
            event("saved", path=str(writer.folder), predictions=len(writer.index.samples))
            if wide := sum(entry.dtype != writer.index.dtype for entry in writer.index.samples):
                tell_note(writer.folder, f"{wide} of them kept in float32: float16 cannot hold their values")

    def conclude(self) -> None:
        """Remove the journals; fail if a protocol that was asked for by name gave no run, or none at all did.

        Not earlier: if the command is interrupted at a later model, the same command must not repeat the first ones.
        """
        self._remove_journals()
        for sentence in self.contribution.sentences() if self.contribution else ():
            tell(sentence)
        if self.failures:
            raise _Told("\n".join(self.failures))
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
            self._take_down(reason)
        else:
            self._left_out(reason)

    def _write(self, run: Run, outcome: Outcome, job: Job) -> None:
        from runners.evaluate import concerns, write_run

        path = write_run(run, self.out)
        self.written += 1
        values = ", ".join(f"{METRICS[name].symbol} {run.summary[name]}" for name in run.protocol.block["metrics"][:3])
        click.echo(f"{path}: {run.dataset.evaluated} images, {values}; sha256 {run.sha256}")
        for skip in run.dataset.skipped:
            event("skipped", level=logging.WARNING, **_whose(run), image=skip.id, reason=skip.reason)
        event("written", **_whose(run), path=str(path), sha256=run.sha256, images=run.dataset.evaluated)
        for note in [*concerns(run), *outcome.notes]:
            tell_note(path, note)
        if self.contribution:
            self.contribution.add(path, run, job)

    def _left_out(self, reason: str) -> None:
        tell(f"left out: {reason}")
        event("left-out", sentence=reason)


def _whose(run: Run) -> dict[str, Any]:
    return {"model": run.model.id, "dataset": run.dataset.id, "protocol": run.protocol.id}
