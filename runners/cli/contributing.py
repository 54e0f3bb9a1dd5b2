"""What to do with the records of a call: which belong into a pull request, and the commands that get them there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.jobs import Job
    from sitegen.records import Run

__all__ = ["Contribution"]


@dataclass
class Contribution:
    """The records of one call, sorted into those to commit and those that are for their maker only.

    Attributes:
        home: Folder whose records make the boards, ``results/runs``.
        out: Where this call writes.
    """

    home: Path
    out: Path
    _fit: list[tuple[Path, Run]] = field(default_factory=list)
    _unfit: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, path: Path, run: Run, job: Job) -> None:
        """Take down a record that was written."""
        reason = self._unfit_because(run, job)
        if reason is None:
            self._fit.append((path, run))
        else:
            self._unfit.setdefault(reason, []).append(path)

    def sentences(self) -> Iterator[str]:
        """Yield what to do next, line by line; nothing if nothing was written."""
        if self._fit:
            yield from self._steps([str(path) for path, _ in self._fit])
        for reason, paths in self._unfit.items():
            yield f"Not for a pull request, {reason}: {', '.join(map(str, paths))}"

    def _steps(self, paths: list[str]) -> Iterator[str]:
        files, title = shlex.join(paths), self._title()
        yield f"To contribute {'this record' if len(paths) == 1 else f'these {len(paths)} records'}:"
        yield f"  sitegen validate {files}"
        yield f"  git switch -c {title.lower().replace(' ', '-')}"
        yield f"  git add {files}"
        yield f"  git commit -m '{title}'"
        yield "  git push -u origin HEAD   # then open a pull request; do not edit the files"

    def _title(self) -> str:
        """Return a commit's title; ids are plain words, so that it needs no quotes of its own."""
        models = sorted({run.model.id for _, run in self._fit})
        datasets = sorted({run.dataset.id for _, run in self._fit})
        what = models[0] if len(models) == 1 else f"{len(models)} models"
        return f"Measure {what} on {datasets[0] if len(datasets) == 1 else f'{len(datasets)} data sets'}"

    def _unfit_because(self, run: Run, job: Job) -> str | None:
        if job.origin.manifest is not None:
            return "as nobody else has the images of your manifest"
        if len(job.dataset) < job.listed:
            return f"as {len(job.dataset)} of {job.listed} images were asked for"
        if run.dataset.skipped:
            return f"as {len(run.dataset.skipped)} of {run.dataset.listed} images were skipped"
        if not run.complete:
            return "as the images are not those of the protocol's list"
        if self.out.resolve() != self.home.resolve():
            return f"as it stands outside of {self.home}: leave out --out"
        return None
