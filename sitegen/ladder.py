"""How far a measured result has been verified: four steps, each with what shows that it was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sitegen.records import Checker, Run, Verification
from sitegen.store import Store

__all__ = ["STEPS", "Step", "StepName", "ladder", "record_path", "run_href", "standing"]

StepName = Literal["submitted", "checked", "re-run", "reproduced"]
STEPS: tuple[StepName, ...] = get_args(StepName)
_BY: dict[StepName, Checker] = {"re-run": "maintainer", "reproduced": "second-party"}


@dataclass(frozen=True)
class Step:
    """One step of a run's ladder.

    Attributes:
        name: Which step.
        entries: Who took it, for the steps that others take; empty where nobody has.
    """

    name: StepName
    entries: tuple[Verification, ...] = ()

    @property
    def taken(self) -> bool:
        """Return whether it was taken; a record that was read has been submitted and has passed every check."""
        return self.name not in _BY or bool(self.entries)

    @property
    def number(self) -> int:
        """Return the step's place from below, from 1."""
        return STEPS.index(self.name) + 1


def ladder(store: Store, run: Run) -> tuple[Step, ...]:
    """Return the steps of a run from below."""
    mine = [entry for entry in store.verified if entry.sha256 == run.sha256]
    return tuple(Step(name, tuple(e for e in mine if e.relation == _BY.get(name))) for name in STEPS)


def standing(store: Store, run: Run) -> Step:
    """Return the highest step that was taken."""
    return [step for step in ladder(store, run) if step.taken][-1]


def record_path(run: Run) -> str:
    """Return where a run's record is published, from the site's root."""
    return f"data/runs/{run.place}"


def run_href(run: Run) -> str:
    """Return where a run is told in full, from the site's root."""
    return f"models/{run.model.id}.html#run-{run.sha256[:12]}"
