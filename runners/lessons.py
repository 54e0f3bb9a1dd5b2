"""The numbers behind the figures of the theory pages that a reader can operate, from real predictions.

Three kinds: pixels of one image with truth and prediction; the same predictions over other windows and up to other
depths; and what Marigold's merging makes of several predictions. docs/adr/0020-lessons.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import Tensor

from runners.align import Mode, align
from runners.datasets.base import Dataset, Sample, SampleError
from runners.environment import command_line, describe
from runners.evaluate import run_model
from runners.measure import Progress
from runners.metrics import depth_metrics
from runners.models.base import Model
from runners.pictures import Part, scored
from runners.prediction import Prediction
from runners.rescore import rescore
from runners.stages import Scorer, Seen
from sitegen.files import write_aside
from sitegen.records import (
    CropWindow,
    DatasetCard,
    Lesson,
    LessonCrops,
    LessonEnsemble,
    LessonFit,
    LessonPixels,
    Protocol,
    RunModel,
    RunProtocol,
    record_text,
    round_significant,
)
from sitegen.store import explain

__all__ = ["Ensembles", "LessonError", "crops", "ensemble", "find_sample", "pixels", "write_lesson"]

Float = npt.NDArray[np.float64]


class LessonError(Exception):
    """A lesson cannot be made of what was given; the message says why."""


def write_lesson(lesson: Lesson, out: Path) -> Path:
    """Write a lesson into a folder; return its file."""
    path = out / f"{lesson.id}.json"
    write_aside(path, record_text(lesson).encode())
    return path


# ---------------------------------------------------------------------------------------------------------------------
# Pixels of one image


def pixels(part: Part, card: DatasetCard, image: str, count: int) -> Lesson:
    """Return truth and prediction at pixels of one image, on a grid of about that many points.

    Args:
        part: Scored predictions of metric depth.
        card: Of the data set; the image's colours are recorded only if it says that images may be shown again.
        image: The sample's id.
        count: Points of the grid; those that the protocol does not score are left out.

    Raises:
        LessonError: If the predictions are of another kind, the image is not among them, or it has no camera.
        ReportError: If the image has no prediction.
        SavedError: If the prediction cannot be read.
    """
    _refuse_other_kinds(part.saved.index.prediction_kind)
    sample = find_sample(part.dataset, image)
    if sample.truth_intrinsics is None:
        raise LessonError(f"'{image}' comes without its camera's focal length, which the figures need")
    maps = scored(part, sample)
    height, width = maps.truth.shape
    step = max(1, round((height * width / count) ** 0.5))
    rows, columns = _grid(maps.valid & (maps.depth > 0), step)
    truth, prediction = (_rounded(values[rows, columns]) for values in (maps.truth, maps.depth))
    shown = card.images_republishable == "yes" and sample.image.shape[:2] == maps.truth.shape
    return _from_part(
        f"pixels-{card.id}",
        part,
        LessonPixels,
        kind="pixels",
        image=image,
        height=height,
        width=width,
        step=step,
        intrinsics=[float(value) for value in sample.truth_intrinsics],
        rows=rows.tolist(),
        columns=columns.tolist(),
        truth=truth,
        prediction=prediction,
        colours=[_hex(sample.image[row, column]) for row, column in zip(rows, columns, strict=True)] if shown else [],
        fits=[_fit(truth, prediction, "depth", None), _fit(truth, prediction, "disparity", _floor(part.protocol))],
    )


def _grid(valid: npt.NDArray[np.bool_], step: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return rows and columns of the pixels of a grid that are valid."""
    rows, columns = np.meshgrid(*(np.arange(step // 2, side, step) for side in valid.shape), indexing="ij")
    kept = valid[rows, columns]
    return rows[kept], columns[kept]


def _fit(truth: list[float], prediction: list[float], space: str, floor: float | None) -> LessonFit:
    """Return the least squares fit over pixels as they stand in the record."""
    known, guess = (torch.tensor(values, dtype=torch.float64)[None, None] for values in (truth, prediction))
    mode: Mode = "scale-shift" if space == "depth" else "scale-shift-disparity"
    everywhere = torch.ones_like(known, dtype=torch.bool)
    aligned = align(guess if space == "depth" else guess.reciprocal(), known, everywhere, mode, floor=floor)
    metrics = depth_metrics(aligned.depth, known, everywhere, ["abs_rel", "delta1"])
    found = {"scale": aligned.scale, "shift": aligned.shift}
    return LessonFit.model_validate(
        {
            "space": space,
            "floor": floor,
            **{name: round_significant(float(value), 12) for name, value in found.items()},
            **{name: round_significant(float(value)) for name, value in metrics.items()},
        }
    )


def _floor(protocol: Protocol) -> float | None:
    rule = protocol.alignment.get("affine-invariant-disparity")
    return None if rule is None or rule.floor_m is None else 1 / rule.floor_m


# ---------------------------------------------------------------------------------------------------------------------
# Windows and caps


def crops(part: Part, known: Iterable[Protocol], caps: Sequence[float]) -> Lesson:
    """Return AbsRel of predictions over every window that protocols of the data set name, up to several depths.

    Args:
        part: Scored predictions; everything but the window and the largest true depth stays as in their protocol.
        known: Protocols of the data set, for their windows.
        caps: Largest true depths in metres, rising in equal steps.

    Raises:
        LessonError: If the predictions cannot be scored so.
        SavedError: If they cannot be read.
    """
    windows = _windows(known)
    variants = [_variant(part.protocol, window, cap) for window in windows for cap in caps]
    outcomes = rescore(part.saved, part.dataset, variants)
    if failed := [outcome.failure for outcome in outcomes if outcome.run is None]:
        raise LessonError("\n".join(dict.fromkeys(map(str, failed))))
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    table = [runs[start : start + len(caps)] for start in range(0, len(runs), len(caps))]
    return _from_part(
        f"crop-cap-{part.dataset.id}",
        part,
        LessonCrops,
        kind="crop-cap",
        images=part.run.samples.id,
        crops=windows,
        caps=[float(cap) for cap in caps],
        abs_rel=[[run.summary["abs_rel"] for run in row] for row in table],
        evaluated=[[run.dataset.evaluated for run in row] for row in table],
        valid_pixels=[[sum(run.samples.valid_pixels) for run in row] for row in table],
    )


def _windows(known: Iterable[Protocol]) -> list[CropWindow]:
    """Return no window and every other that protocols name, each once."""
    found = {crop.model_dump_json(): crop for crop in (protocol.crop for protocol in known) if crop.name != "none"}
    named = sorted(found.values(), key=lambda crop: (crop.name, crop.frame))
    return [CropWindow(name="none", frame="full-image"), *named]


def _variant(protocol: Protocol, window: CropWindow, cap: float) -> Protocol:
    return protocol.model_copy(
        update={
            "id": f"{protocol.id}-{window.name}-{window.frame}-{cap:g}",
            "crop": window,
            "valid_range": protocol.valid_range.model_copy(update={"max_m": float(cap)}),
            "metrics": ["abs_rel"],
            "primary_metric": "abs_rel",
        }
    )


# ---------------------------------------------------------------------------------------------------------------------
# Ensembles


@dataclass(frozen=True)
class Ensembles:
    """What is drawn: members differ by noise on the image.

    Attributes:
        members: At most so many are merged.
        draws: How often all of it is done, each with members of its own.
        noise: Standard deviation in grey levels of 255.
        seed: Of the noise.
    """

    members: int = 20
    draws: int = 8
    noise: float = 8.0
    seed: int = 0


_MERGING = {"reduction": "median", "regularizer_strength": 0.02, "max_iter": 2, "tol": 1e-3}
"""As the authors of Marigold v1-0 merge, which is also what diffusers does unasked (``runners.models.marigold``)."""


def ensemble(
    model: Model,
    sample: Sample,
    dataset: str,
    protocol: Protocol,
    what: Ensembles,
    *,
    submitter: str = "anonymous",
    progress: Progress = lambda _: None,
) -> Lesson:
    """Return what Marigold's own merging makes of a model's predictions of one image with noise on it.

    Args:
        model: Predicts metric depth or affine-invariant depth; its maps are merged at its own output size.
        sample: The image with its truth.
        dataset: Id of the data set.
        protocol: Scores merged maps as affine-invariant depth.
        what: How much is drawn.
        submitter: Who runs it.
        progress: Told of each finished draw.

    Raises:
        LessonError: If the model's predictions are of another kind.
        ProtocolError: If the protocol cannot score the image.
    """
    _refuse_other_kinds(model.kind, "affine-invariant-depth")
    noise, draws = np.random.default_rng(what.seed), []
    for _ in range(what.draws):
        members = torch.stack([model.predict([image])[0].map for image in _noisy(sample.image, what, noise)])
        draws.append([_merged(members[:count]) for count in range(1, what.members + 1)])
        progress(1)
    by_count = list(zip(*draws, strict=True))  # for each number of members, the draws
    row = by_count[0][0][0].shape[0] // 2
    return _lesson(
        f"ensemble-{dataset}",
        run_model(model),
        dataset,
        protocol,
        LessonEnsemble,
        {"environment": describe("cpu"), "command": command_line(), "submitter": submitter},
        kind="ensemble",
        image=sample.id,
        noise=what.noise,
        seed=what.seed,
        merging=_merging_in_words(),
        abs_rel=[[_abs_rel(merged, sample, protocol) for merged, _ in found] for found in by_count],
        uncertainty=[[_mean(spread) for _, spread in found] for found in by_count[1:]],
        between_draws=[_mean(torch.stack([merged for merged, _ in found]).std(0)) for found in by_count],
        row=row,
        merged=[_rounded(found[0][0][row], 4) for found in by_count],
        spread=[_rounded(found[0][1][row], 4) for found in by_count[1:]],
    )


def _noisy(
    image: npt.NDArray[np.uint8], what: Ensembles, noise: np.random.Generator
) -> Iterator[npt.NDArray[np.uint8]]:
    for _ in range(what.members):
        yield (image + noise.normal(0, what.noise, image.shape)).round().clip(0, 255).astype(np.uint8)


def _merged(members: Tensor) -> tuple[Tensor, Tensor]:
    """Return the merged map (h, w) within 0..1 and its uncertainty; a single member is brought to 0..1 by its ends."""
    if len(members) == 1:
        (only,) = members.double()
        return (only - only.min()) / (only.max() - only.min()).clamp(min=1e-6), torch.zeros_like(only)
    from diffusers import MarigoldDepthPipeline

    merged, spread = MarigoldDepthPipeline.ensemble_depth(
        members[:, None].float(), scale_invariant=True, shift_invariant=True, output_uncertainty=True, **_MERGING
    )
    return merged[0, 0].double(), spread[0, 0].double()


def _merging_in_words() -> str:
    settings = ", ".join(f"{name} {value}" for name, value in _MERGING.items())
    return f"diffusers.MarigoldDepthPipeline.ensemble_depth with scale and shift; {settings}"


def _abs_rel(merged: Tensor, sample: Sample, protocol: Protocol) -> float:
    alone = protocol.model_copy(update={"metrics": ["abs_rel"], "primary_metric": "abs_rel"})
    size = (sample.image.shape[0], sample.image.shape[1])
    scores = Scorer(alone).scores(Seen(sample, Prediction("affine-invariant-depth", merged), size))
    return round_significant(float(scores.metrics["abs_rel"]))


# ---------------------------------------------------------------------------------------------------------------------
# What they share


def _refuse_other_kinds(kind: str, *others: str) -> None:
    wanted = ("metric-depth", *others)
    if kind not in wanted:
        raise LessonError(f"the figure needs predictions of {' or '.join(wanted)}, and these are of {kind}")


def find_sample(dataset: Dataset, image: str) -> Sample:
    """Return one sample of a data set.

    Raises:
        LessonError: If there is none, or it cannot be used.
    """
    if image not in dataset.ids:
        raise LessonError(f"'{dataset.id}' has no image '{image}'; there are {', '.join(dataset.ids)}")
    try:
        return dataset.read(image)
    except SampleError as error:
        raise LessonError(f"'{image}': {error}") from error


def _from_part(name: str, part: Part, content: type, **fields: Any) -> Lesson:
    run = part.run
    made = {"environment": run.environment, "command": run.command, "submitter": run.submitter}
    return _lesson(name, run.model, part.dataset.id, part.protocol, content, made, **fields)


def _lesson(
    name: str, model: RunModel, dataset: str, protocol: Protocol, content: type, made: dict[str, Any], **fields: Any
) -> Lesson:
    try:
        return Lesson.sealed(
            {
                "schema_version": 1,
                "id": name,
                "model": model,
                "dataset": dataset,
                "protocol": RunProtocol(id=protocol.id, sha256=protocol.digest(), block=protocol.block()),
                "content": content(**fields),
                "date": datetime.now(UTC).date().isoformat(),
                **made,
            }
        )
    except ValidationError as error:
        raise LessonError("\n".join(f"{name}: {pointer}: {text}" for pointer, text in explain(error))) from error


def _rounded(values: Float | Tensor, digits: int = 6) -> list[float]:
    return [round_significant(float(value), digits) for value in values]


def _mean(values: Tensor) -> float:
    return round_significant(float(values.mean()))


def _hex(colour: npt.NDArray[np.uint8]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*map(int, colour))
