"""Scoring saved predictions again, under any protocol, without the model.

What the predictions were made from may be something else than what a protocol's model would see. Where that can be
scored all the same, the run says so (``Run.deviations``); where it cannot, it is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from runners.datasets.base import Dataset, Sample, Skip
from runners.environment import command_line, describe
from runners.inputs import ModelInput, input_of, input_size
from runners.measure import Maker, Outcome, Progress, Task, measure
from runners.saved import Index, Saved, SavedError
from runners.score import refusals
from runners.stages import EvaluationError, Group, Scorer, Seen, work_off
from sitegen.records import Environment, Frame, Protocol, ResizeStep

__all__ = ["check_same", "covered", "deviations", "rescore", "rescore_refusals"]


def rescore(
    saved: Saved,
    dataset: Dataset,
    protocols: Sequence[Protocol],
    *,
    submitter: str = "anonymous",
    command: str | None = None,
    progress: Progress = lambda _: None,
) -> list[Outcome]:
    """Score saved predictions under several protocols in one pass; return one outcome a protocol, in their order.

    The records' ``command`` is the one that predicted and then the one that scored. Their ``environment`` is what the
    predictions were made on, but for the version and commit of Fathom, which are those that scored.

    Args:
        saved: The predictions.
        dataset: The samples that they are of, with the truth.
        protocols: How to score; those that :func:`rescore_refusals` refuses have no place here.
        submitter: Who runs it.
        command: The command line to record; this process's own when None.
        progress: Told of each finished image.

    Raises:
        SavedError: If the samples are others, or a file cannot be read.
    """
    check_same(saved.index, dataset)
    index, scoring = saved.index, describe("cpu")
    made = Maker(
        model=index.model,
        kind=index.prediction_kind,
        environment=_environment(index.environment, scoring),
        command=_command(index, scoring, command or command_line()),
        submitter=submitter,
    )
    scorers = [Scorer(protocol, covered(index, protocol)) for protocol in protocols]
    group = Group(index.model.id, index.input.name, partial(_seen, saved), scorers, timed=False)
    tasks = [Task(protocol, deviations(index, protocol)) for protocol in protocols]
    return measure(dataset, partial(work_off, dataset, [group]), tasks, lambda _: made, progress=progress)


def check_same(index: Index, dataset: Dataset) -> None:
    """Refuse to score predictions against other samples than those that they are of.

    Raises:
        SavedError: With what differs.
    """
    origin = index.dataset.origin
    if dataset.id != origin.dataset:
        raise SavedError(f"the predictions are of '{origin.dataset}', not of '{dataset.id}'")
    if dataset.list_sha256 != index.dataset.list_sha256:
        known = {entry.id for entry in index.samples} | {skip.id for skip in index.skipped}
        here = set(dataset.ids)
        raise SavedError(
            f"'{dataset.id}' here lists other samples than the predictions are of (sha256 {dataset.list_sha256}, not "
            f"{index.dataset.list_sha256}): {_some('missing here', known - here)}; {_some('only here', here - known)}"
        )


def rescore_refusals(index: Index, protocol: Protocol) -> list[str]:
    """Return why saved predictions cannot be scored under a protocol, as sentences; empty if they can."""
    found = refusals(index.prediction_kind, protocol)
    crop, wanted = index.input.crop, protocol.input_crop
    if crop not in ("full-image", wanted):
        found.append(
            f"protocol '{protocol.dataset}/{protocol.id}' is for predictions of the {_frame(wanted)}; these are of the "
            f"{_frame(crop)} only, and what was cut away cannot be scored"
        )
    return found


def deviations(index: Index, protocol: Protocol) -> list[str]:
    """Return in what saved predictions were made otherwise than a protocol says, one sentence each."""
    made, wanted = index.input, input_of(protocol)
    found = []
    if made.crop != wanted.crop:
        found.append(f"predicted from the {_frame(made.crop)} and cut afterwards, not from the {_frame(wanted.crop)}")
    if made.steps != wanted.steps:
        found.append(f"predicted from the image {_steps(made)}, not {_steps(wanted)}")
    if made.flip_average != wanted.flip_average:
        found.append(
            "averaged with the prediction of the mirror image, which the protocol does not ask for"
            if made.flip_average
            else "not averaged with the prediction of the mirror image, as the protocol asks"
        )
    rounded = Counter(entry.dtype for entry in index.samples if not entry.exact)
    found += [
        f"{count} of {len(index.samples)} predictions were rounded to {dtype} when they were saved"
        for dtype, count in sorted(rounded.items())
    ]
    return found


def covered(index: Index, protocol: Protocol) -> Frame | None:
    """Return what saved predictions cover, where that is not the protocol's own cut; None where it is."""
    return None if index.input.crop == protocol.input_crop else index.input.crop


def _seen(saved: Saved, samples: list[Sample]) -> Iterator[Seen | Skip]:
    reasons = {skip.id: skip.reason for skip in saved.index.skipped}
    for sample in samples:
        entry = saved.find(sample.id)
        if entry is None:
            yield Skip(sample.id, reasons[sample.id])
            continue
        size = input_size(sample, saved.index.input)
        if list(size) != entry.input_size:
            raise EvaluationError(
                f"'{sample.id}': the model would get {size[1]}x{size[0]} here, and it got "
                f"{entry.input_size[1]}x{entry.input_size[0]}: this is another image"
            )
        yield Seen(sample, saved.read(entry), size)


def _environment(predicted: Environment, scoring: Environment) -> Environment:
    """Return what predicted, with the Fathom that scored: device and libraries made the maps, our code the numbers."""
    own = {name: getattr(scoring, name) for name in _OWN}
    return predicted.model_copy(update=own)


_OWN = ("runner_version", "git_commit", "dirty")


def _command(index: Index, scoring: Environment, command: str) -> str:
    """Return both commands; and, where it was another one, which Fathom the first ran."""
    both = f"{index.command} && {command}"
    predicted = index.environment
    if all(getattr(predicted, name) == getattr(scoring, name) for name in _OWN):
        return both
    commit = f" at {predicted.git_commit}" if predicted.git_commit else ""
    return f"{both} # predicted with {predicted.runner_version}{commit}{' with local changes' * bool(predicted.dirty)}"


def _frame(frame: str) -> str:
    return "full image" if frame == "full-image" else f"image cut to {frame}"


def _steps(rule: ModelInput) -> str:
    return " and ".join(map(_step, rule.steps)) if rule.steps else "at its own size"


def _step(step: ResizeStep) -> str:
    corners = {True: ", align_corners", False: "", None: ""}[step.align_corners]
    smoothed = ", antialiased" if step.antialias else ""
    return f"resized to {step.to} ({step.mode}{corners}{smoothed})"


def _some(what: str, names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return f"{len(names)} {what}{f' ({shown})' if names else ''}"
