"""Models on data sets: predictions, each made once, and a run record for every protocol that scores them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from runners.datasets.base import Dataset, Intrinsics, Sample, SampleError
from runners.environment import command_line, describe
from runners.inputs import ModelInput, input_image, input_intrinsics, input_of, mirrored_intrinsics
from runners.journal import Journal
from runners.measure import Maker, Outcome, Progress, Task, measure
from runners.models.base import Image, Model
from runners.prediction import Prediction, flip_average
from runners.saved import StoredDtype
from runners.saving import Writer, encode
from runners.stages import EvaluationError, Group, Scorer, Seen, threads_for, work_off
from runners.transfer import bring
from sitegen.files import write_aside
from sitegen.records import Protocol, Run, RunModel
from sitegen.store import explain

__all__ = [
    "EvaluationError",
    "concerns",
    "evaluate",
    "evaluate_all",
    "fit",
    "groups_of",
    "inputs_of",
    "model_with",
    "noting",
    "run_model",
    "run_path",
    "run_text",
    "write_run",
]


def fit(model: Model, dataset: Dataset) -> None:
    """Fit a baseline on a data set's training split.

    Raises:
        EvaluationError: If the data set has none, or some of it cannot be read.
        ModelError: If there is nothing to learn from.
    """
    train = dataset.train
    if train is None:
        raise EvaluationError(f"model '{model.id}' is fitted on training images, and '{dataset.id}' brings none")
    model.fit(_all_of(train, model), f"{train.id} {train.split}, list sha256 {train.list_sha256}")


def _all_of(train: Dataset, model: Model) -> Iterator[Sample]:
    for sample_id in train.ids:
        try:
            yield train.read(sample_id)
        except SampleError as error:
            raise EvaluationError(
                f"model '{model.id}' cannot be fitted on part of a split: '{sample_id}' of '{train.id}': {error}"
            ) from error


def evaluate(
    dataset: Dataset,
    model: Model,
    protocol: Protocol,
    *,
    device: str = "cpu",
    batch: int = 1,
    submitter: str = "anonymous",
    command: str | None = None,
) -> Run:
    """Measure a model under one protocol and return the record; arguments as in :func:`evaluate_all`.

    Raises:
        EvaluationError: If a prediction gives a value that is not a number, or no image could be scored.
        ProtocolError: If the protocol cannot be carried out.
        KindError: If the protocol does not score predictions of this kind.
    """
    (outcome,) = evaluate_all(
        dataset, model, [protocol], device=device, batch=batch, submitter=submitter, command=command
    )
    if outcome.run is None:
        raise outcome.failure or EvaluationError("there is no record")
    return outcome.run


def evaluate_all(
    dataset: Dataset,
    model: Model,
    protocols: Sequence[Protocol],
    *,
    device: str = "cpu",
    batch: int = 1,
    workers: int = 0,
    threads: int | None = None,
    submitter: str = "anonymous",
    command: str | None = None,
    progress: Progress = lambda _: None,
    writers: Sequence[Writer] = (),
    journal: Journal | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Measure a model under several protocols in one pass; return one outcome a protocol, in their order.

    Each image is read once and predicted once for each distinct input (:func:`inputs_of`).

    Args:
        dataset: The samples; those that cannot be read are skipped with their reason.
        model: Loaded, and fitted if it needs to be (:func:`fit`).
        protocols: How to score.
        device: Where the model runs, for the record.
        batch: How many images the model gets at once.
        workers: How many processes read images and truth ahead; none reads in this one.
        threads: As :func:`runners.stages.work_off` takes them; as many as serve the device when None.
        submitter: Who runs it.
        command: The command line to record; this process's own when None.
        progress: Told of each finished batch.
        writers: Keep the predictions of the inputs that they are for.
        journal: What of this run is finished already, and where the rest is written down.
        stop: Asked after each batch whether to leave it at that.

    Raises:
        JournalError: If the journal cannot be written.
        SavedError: If predictions cannot be kept.
        StoppedError: If ``stop`` said so, and there was more to do.
    """
    by_input = {writer.rule.name: writer for writer in writers}
    produce = partial(
        work_off,
        dataset,
        groups_of(model, protocols, {name: writer.dtype for name, writer in by_input.items()}),
        workers=workers,
        threads=threads_for(device) if threads is None else threads,
        noting=noting(model),
    )

    def maker(noted: Mapping[str, Any]) -> Maker:
        return Maker(run_model(model, noted), model.kind, describe(device), command or command_line(), submitter)

    return measure(
        dataset,
        produce,
        [Task(protocol) for protocol in protocols],
        maker,
        batch=batch,
        progress=progress,
        writers=by_input,
        journal=journal,
        stop=stop,
    )


def groups_of(model: Model, protocols: Sequence[Protocol], stored: Mapping[str, StoredDtype]) -> list[Group]:
    """Return how a model's predictions are made and scored, a group for each distinct input.

    Args:
        model: Loaded, and fitted if it needs to be.
        protocols: How to score.
        stored: In which type the predictions of inputs are saved, by the input's name; those of others are not.
    """
    return [
        Group(
            model.id,
            rule.name,
            partial(_predicted, model),
            [Scorer(protocol) for protocol in protocols if input_of(protocol) == rule],
            encode=partial(encode, dtype=stored[rule.name]) if rule.name in stored else None,
            prepare=partial(_prepared, model, rule),
            device=model.device,
        )
        for rule in inputs_of(protocols)
    ]


def inputs_of(protocols: Sequence[Protocol]) -> list[ModelInput]:
    """Return the distinct inputs that protocols ask for, in the order in which they come."""
    rules: list[ModelInput] = []
    for protocol in protocols:
        if (rule := input_of(protocol)) not in rules:
            rules.append(rule)
    return rules


def concerns(run: Run) -> list[str]:
    """Return what somebody should look at before trusting a run, one sentence each; empty if nothing."""
    degenerate, clamped = sum(run.samples.degenerate), _mean(run.samples.clamped_share)
    found = list(run.deviations)
    if run.dataset.skipped:
        found.append(f"{len(run.dataset.skipped)} of {run.dataset.listed} images were skipped")
    if degenerate:
        found.append(f"{degenerate} of {run.dataset.evaluated} fits are degenerate")
    if clamped > 0.01:
        found.append(f"{100 * clamped:.1f} % of the pixels were clamped")
    return found


def run_path(run: Run, out: Path) -> Path:
    """Return where a run belongs below the folder of runs."""
    return out / run.place


def run_text(run: Run) -> str:
    """Return the text of a run's file: sorted keys, each column on one line, one newline at the end."""
    return _dump(run.model_dump(mode="json")) + "\n"


def write_run(run: Run, out: Path) -> Path:
    """Write a run aside and rename it into its place; return that place."""
    path = run_path(run, out)
    write_aside(path, run_text(run).encode())
    return path


def noting(model: Model) -> Callable[[], dict[str, Any]]:
    """Return what tells what a model has noted in its settings from now on, such as a batch that it had to halve."""
    before = dict(model.settings)
    return lambda: {
        name: value for name, value in model.settings.items() if name not in before or before[name] != value
    }


def run_model(model: Model, noted: Mapping[str, Any] | None = None) -> RunModel:
    """Return what a record says of a model, with what it noted in its settings while it predicted.

    Raises:
        EvaluationError: If it says of itself what no record may hold.
    """
    fields = {name: getattr(model, name) for name in ("id", "revision", "weights_sha256", "dtype")}
    fields["settings"] = dict(model.settings)
    if model.needs_intrinsics:
        # A reader has to know that this model was told what others had to guess.
        fields["settings"]["intrinsics"] = "the camera of each image, as the data set states it"
    return model_with(fields, noted or {})


def model_with(said: Mapping[str, Any], noted: Mapping[str, Any]) -> RunModel:
    """Return what a record says of a model, given the fields of that with the settings before it noted anything.

    Raises:
        EvaluationError: If it says of itself what no record may hold.
    """
    try:
        return RunModel.model_validate({**said, "settings": {**said["settings"], **noted}})
    except ValidationError as error:
        faults = "; ".join(f"{pointer}: {message}" for pointer, message in explain(error))
        raise EvaluationError(f"model '{said['id']}' says of itself what no record may hold: {faults}") from error


View = tuple[Sequence[Image], list[Intrinsics] | None]
"""Images as a model gets them, with their cameras where it needs them."""


@dataclass(frozen=True)
class _Inputs:
    """What a model gets of samples: the images as they are and, where that is asked for, their mirror images."""

    samples: list[Sample]
    views: list[View]


def _prepared(model: Model, rule: ModelInput, samples: list[Sample]) -> _Inputs:
    """Return what a model sees of samples by a rule, and is to be asked for."""
    images, cameras = [input_image(sample, rule) for sample in samples], _cameras(model, samples, rule)
    views = [(images, cameras), *([_mirrored(images, cameras)] if rule.flip_average else [])]
    return _Inputs(samples, [(model.prepared(seen), told) for seen, told in views])


def _predicted(model: Model, inputs: _Inputs) -> Iterator[Seen]:
    """Predict; what is returned waits for the maps when it is gone through."""
    try:
        views = [_arriving(_asked(model, *view), model.device) for view in inputs.views]
    except torch.OutOfMemoryError as error:
        raise EvaluationError(
            f"model '{model.id}': no memory for {len(inputs.samples)} images at once; lower --batch"
        ) from error
    return _seen(inputs, views)


def _seen(inputs: _Inputs, views: list[Callable[[], list[Prediction]]]) -> Iterator[Seen]:
    straight, *mirrored = (arrived() for arrived in views)
    for turned in mirrored:
        straight = [_averaged(a, b) for a, b in zip(straight, turned, strict=True)]
    for sample, image, prediction in zip(inputs.samples, inputs.views[0][0], straight, strict=True):
        yield Seen(sample, prediction, (image.shape[0], image.shape[1]))


def _arriving(predictions: list[Prediction], device: torch.device | str) -> Callable[[], list[Prediction]]:
    """Begin to bring predictions to the CPU; what is returned waits for them.

    They come in no less than float32: half precision is too coarse to resize and average in.
    """
    unsure = [prediction.uncertainty for prediction in predictions if prediction.uncertainty is not None]
    wait = bring([*(prediction.map for prediction in predictions), *unsure], device)

    def arrived() -> list[Prediction]:
        there = iter([one.to(torch.promote_types(one.dtype, torch.float32)) for one in wait()])
        maps = [replace(prediction, map=next(there)) for prediction in predictions]
        return [one if one.uncertainty is None else replace(one, uncertainty=next(there)) for one in maps]

    return arrived


def _cameras(model: Model, samples: list[Sample], rule: ModelInput) -> list[Intrinsics] | None:
    """Return the cameras of what the model sees; None for a model that needs none.

    Raises:
        EvaluationError: If the data set does not state one. No skip: the others alone would flatter the model.
    """
    if not model.needs_intrinsics:
        return None
    found = {sample.id: input_intrinsics(sample, rule) for sample in samples}
    if lacking := [sample_id for sample_id, camera in found.items() if camera is None]:
        raise EvaluationError(
            f"model '{model.id}' needs the camera of every image, and the data set states no intrinsics for "
            f"'{lacking[0]}'. Leaving images out would flatter the model, so there is no record; take a data set that "
            "states them, or write K (fx, fy, cx, cy) into its manifest"
        )
    return [camera for camera in found.values() if camera is not None]


def _asked(model: Model, images: Sequence[Image], cameras: list[Intrinsics] | None) -> list[Prediction]:
    """Return what a model predicts; one that needs no camera is asked as ever: plug-ins know no other way."""
    return model.predict(images) if cameras is None else model.predict(images, cameras)


def _mirrored(images: Sequence[Image], cameras: list[Intrinsics] | None) -> View:
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    if cameras is None:
        return flipped, None
    return flipped, [mirrored_intrinsics(c, image.shape[1]) for c, image in zip(cameras, images, strict=True)]


def _averaged(straight: Prediction, mirrored: Prediction) -> Prediction:
    """Return the mean of both; what the model decided is told of the image as it is, and no uncertainty is left."""
    return replace(straight, map=flip_average(straight.map, mirrored.map), uncertainty=None)


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def _dump(value: Any, indent: str = "") -> str:
    """Return JSON with objects spread over lines and lists of plain values on one."""
    if isinstance(value, dict) and value:
        inner = indent + " "
        lines = [f"{inner}{json.dumps(key)}: {_dump(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
