"""One model on one data set under one protocol: the run record."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError

from runners.crop import CropError, frame_slices
from runners.datasets.base import Dataset, Sample, SampleError, Skip
from runners.environment import command_line, describe
from runners.files import write_aside
from runners.models.base import Image, Model
from runners.prediction import Prediction, flip_average
from runners.resize import resize_map, step_size
from runners.score import Scores, score
from runners.warnings import Watch
from sitegen.records import Protocol, ResizeStep, Run, round_significant, summarise
from sitegen.store import explain

__all__ = ["EvaluationError", "concerns", "evaluate", "fit", "run_path", "run_text", "write_run"]

Progress = Callable[[int], None]
"""Called with the number of samples that have just been dealt with."""


class EvaluationError(Exception):
    """A run cannot give a record; the message says why."""


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
    progress: Progress = lambda _: None,
    watch: Watch | None = None,
) -> Run:
    """Measure a model and return the record.

    Args:
        dataset: The samples; those that cannot be read are skipped with their reason.
        model: Loaded, and fitted if it needs to be (:func:`fit`).
        protocol: How to score.
        device: Where the model runs, for the record.
        batch: How many images the model gets at once.
        submitter: Who runs it.
        command: The command line to record; this process's own when None.
        progress: Told of each finished batch.
        watch: Shown every scored image, to look for signs of trouble.

    Raises:
        EvaluationError: If a prediction gives a value that is not a number, or no image could be scored.
        ProtocolError: If the protocol cannot be carried out.
        KindError: If the protocol does not score predictions of this kind.
    """
    started, clock, rows = (
        datetime.now(UTC).isoformat(timespec="seconds"),
        time.perf_counter(),
        _Rows(watch or Watch(protocol)),
    )
    for first in range(0, len(dataset), batch):
        ids = dataset.ids[first : first + batch]
        _score_batch(list(_readable(dataset, ids, rows)), model, protocol, rows)
        progress(len(ids))
    if not rows.columns:
        reasons = "; ".join(f"{skip.id}: {skip.reason}" for skip in rows.skipped[:5])
        raise EvaluationError(f"no image of '{dataset.id}' could be scored ({reasons})")
    return _sealed(
        {
            **_measured(dataset, model, protocol, rows),
            "command": command or command_line(),
            "environment": describe(device).model_dump(),
            "submitter": submitter,
            "timings": {
                "started": started,
                "seconds_total": round_significant(time.perf_counter() - clock),
                "seconds_predict": round_significant(rows.seconds_predict),
            },
        }
    )


def concerns(run: Run) -> list[str]:
    """Return what somebody should look at before trusting a run, one sentence each; empty if nothing."""
    degenerate, clamped = sum(run.samples.degenerate), _mean(run.samples.clamped_share)
    found = []
    if run.dataset.skipped:
        found.append(f"{len(run.dataset.skipped)} of {run.dataset.listed} images were skipped")
    if degenerate:
        found.append(f"{degenerate} of {run.dataset.evaluated} fits are degenerate")
    if clamped > 0.01:
        found.append(f"{100 * clamped:.1f} % of the pixels were clamped")
    return found


def run_path(run: Run, out: Path) -> Path:
    """Return where a run belongs below the folder of runs."""
    return out / run.dataset.id / run.protocol.id / f"{run.model.id}.json"


def run_text(run: Run) -> str:
    """Return the text of a run's file: sorted keys, each column on one line, one newline at the end."""
    return _dump(run.model_dump(mode="json")) + "\n"


def write_run(run: Run, out: Path) -> Path:
    """Write a run aside and rename it into its place; return that place."""
    path = run_path(run, out)
    write_aside(path, run_text(run).encode())
    return path


@dataclass
class _Rows:
    """The columns of a run while they fill, and what was left out."""

    watch: Watch
    columns: dict[str, list[Any]] = field(default_factory=dict)
    skipped: list[Skip] = field(default_factory=list)
    seconds_predict: float = 0.0

    def add(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)


def _readable(dataset: Dataset, ids: Sequence[str], rows: _Rows) -> Iterator[Sample]:
    for sample_id in ids:
        try:
            yield dataset.read(sample_id)
        except SampleError as error:
            rows.skipped.append(Skip(sample_id, str(error)))


def _score_batch(samples: list[Sample], model: Model, protocol: Protocol, rows: _Rows) -> None:
    if not samples:
        return
    images = [_input_image(sample, protocol) for sample in samples]
    clock = time.perf_counter()
    predictions = _predict(model, images, flip=protocol.flip_average)
    rows.seconds_predict += time.perf_counter() - clock
    for sample, image, prediction in zip(samples, images, predictions, strict=True):
        scores = _score_one(sample, image, prediction, protocol)
        valid = int(scores.valid_pixels)
        if valid < protocol.minimum_valid_pixels:
            reason = f"{valid} valid pixels; the protocol asks for at least {protocol.minimum_valid_pixels}"
            rows.skipped.append(Skip(sample.id, reason))
        else:
            rows.watch.look(sample, prediction, scores)
            rows.add(_row(sample, scores, prediction, model))


def _predict(model: Model, images: list[Image], *, flip: bool) -> list[Prediction]:
    try:
        straight = model.predict(images)
        mirrored = model.predict([np.ascontiguousarray(image[:, ::-1]) for image in images]) if flip else []
    except torch.OutOfMemoryError as error:
        raise EvaluationError(
            f"model '{model.id}': no memory for {len(images)} images at once; lower --batch"
        ) from error
    if not flip:
        return straight
    return [Prediction(a.kind, flip_average(a.map, b.map)) for a, b in zip(straight, mirrored, strict=True)]


def _input_image(sample: Sample, protocol: Protocol) -> Image:
    """Return the image that the model sees under a protocol: cut, then resized."""
    image = _cut_image(sample, protocol)
    for step in protocol.resize:
        if step.what == "image":
            image = _resized_image(image, step, sample.id)
    return image


def _cut_image(sample: Sample, protocol: Protocol) -> Image:
    if protocol.input_crop == "full-image":
        return sample.image
    if sample.image.shape[:2] != sample.truth.shape:
        raise EvaluationError(f"'{sample.id}': image and truth differ in size, and the protocol cuts the image")
    try:
        return sample.image[frame_slices(protocol.input_crop, *sample.truth.shape)]
    except CropError as error:
        raise EvaluationError(f"'{sample.id}': {error}") from error


def _resized_image(image: Image, step: ResizeStep, sample_id: str) -> Image:
    """Return an image at the size that a step names, rounded to whole grey levels."""
    size = step_size(step)
    if size is None or image.shape[:2] == size:
        return image
    if step.mode == "lanczos":
        raise EvaluationError(
            f"'{sample_id}': the image is {image.shape[1]}x{image.shape[0]}, and the protocol is for prepared data of "
            f"{size[1]}x{size[0]}"
        )
    planes = resize_map(torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, 0).float(), size, step)
    resized: Image = planes.round().clamp(0, 255).byte().movedim(0, -1).contiguous().numpy()
    return resized


def _score_one(sample: Sample, image: Image, prediction: Prediction, protocol: Protocol) -> Scores:
    truth, mask = torch.from_numpy(sample.truth)[None], torch.from_numpy(_mask(sample, protocol))[None]
    size = (image.shape[0], image.shape[1])
    return score(prediction.map.cpu()[None], prediction.kind, truth, mask, protocol, image_size=size)


def _mask(sample: Sample, protocol: Protocol) -> npt.NDArray[np.bool_]:
    if protocol.mask == "sample-mask" or sample.region is None:
        return sample.mask
    return sample.mask & sample.region


def _row(sample: Sample, scores: Scores, prediction: Prediction, model: Model) -> dict[str, Any]:
    values = {
        "scale": float(scores.scale),
        "shift": float(scores.shift),
        "clamped_share": float(scores.clamped_share),
        **{name: float(value) for name, value in scores.metrics.items()},
    }
    if wrong := [name for name, value in values.items() if not math.isfinite(value)]:
        bad = int((~prediction.map.isfinite()).sum())
        raise EvaluationError(
            f"model '{model.id}' on '{sample.id}': {', '.join(wrong)} came out as no number ({bad} of "
            f"{prediction.map.numel()} predicted values are not finite). Leaving the image out would flatter the "
            "model, so there is no record"
        )
    rounded = {name: round_significant(value) for name, value in values.items()}
    counted = {"valid_pixels": int(scores.valid_pixels), "degenerate": bool(scores.degenerate)}
    return {"id": sample.id, "group": sample.group, **counted, **rounded}


_FIXED = {"id", "group", "valid_pixels", "degenerate", "scale", "shift", "clamped_share"}


def _measured(dataset: Dataset, model: Model, protocol: Protocol, rows: _Rows) -> dict[str, Any]:
    metrics = {name: column for name, column in rows.columns.items() if name not in _FIXED}
    pooled = protocol.aggregation == "pooled-pixels"
    skipped = [{"id": skip.id, "reason": skip.reason} for skip in sorted(rows.skipped, key=lambda skip: skip.id)]
    return {
        "schema_version": 1,
        "model": {
            "id": model.id,
            "revision": model.revision,
            "weights_sha256": model.weights_sha256,
            "dtype": model.dtype,
            "settings": model.settings,
        },
        "dataset": {
            "id": dataset.id,
            "split": dataset.split,
            "list_sha256": dataset.list_sha256,
            "listed": len(dataset),
            "evaluated": len(rows.columns["id"]),
            "skipped": skipped,
        },
        "protocol": {"id": protocol.id, "sha256": protocol.digest(), "block": protocol.block()},
        "prediction_kind": model.kind,
        "samples": rows.columns,
        "summary": summarise(metrics, rows.columns["valid_pixels"] if pooled else None),
    }


def _sealed(data: dict[str, Any]) -> Run:
    try:
        return Run.sealed(data)
    except ValidationError as error:
        faults = "; ".join(f"{pointer}: {message}" for pointer, message in explain(error))
        raise EvaluationError(f"the run gives no valid record: {faults}") from error


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
