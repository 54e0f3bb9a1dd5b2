"""Scoring saved predictions again: the same numbers as at first, and every difference from the protocol said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runners.datasets import Dataset, Sample, open_manifest
from runners.datasets.base import Item
from runners.datasets.origin import Origin
from runners.evaluate import evaluate, evaluate_all
from runners.inputs import input_of
from runners.measure import Outcome
from runners.models.base import Image
from runners.prediction import Prediction
from runners.rescore import check_same, deviations, rescore, rescore_refusals
from runners.saved import Saved, SavedError, StoredDtype, open_saved
from runners.saving import Destination
from runners.stages import EvaluationError
from sitegen.records import Protocol
from tests.runners import factories as make
from tests.runners.factories import Constant, LeftBright

SMALL = {**make.RESIZE, "what": "image", "quantity": "colour", "to": "12x20"}
KB_CROP = {"input_crop": "kb-crop-352x1216"}
PROTOCOLS = [make.protocol(), make.capped(2.0, id="capped"), make.protocol(id="pooled", aggregation="pooled-pixels")]


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    """Four slanted planes."""
    return open_manifest(make.write_toy(tmp_path / "toy"), "toy")


def keep(
    folder: Path, dataset: Dataset, protocol: Protocol, model: Constant | None = None, dtype: StoredDtype = "float32"
) -> Saved:
    """Predict what a protocol's model sees, and keep it."""
    writer = Destination(folder, input_of(protocol), Origin(dataset="toy"), dtype).open("0" * 64)
    assert writer
    command = "runners evaluate --save-predictions p"
    evaluate_all(dataset, model or LeftBright(), [protocol], command=command, writers=[writer])
    return open_saved(folder)


def runs(outcomes: list[Outcome]) -> list[Any]:
    """The runs, all of them there."""
    assert [outcome.failure for outcome in outcomes if outcome.failure] == []
    return [outcome.run for outcome in outcomes]


def test_same_numbers_as_at_first(toy: Dataset, tmp_path: Path) -> None:
    """Samples, summary, model and data set of every protocol equal those of a direct run; nothing deviates."""
    saved = keep(tmp_path / "p", toy, make.protocol())
    for run, protocol in zip(runs(rescore(saved, toy, PROTOCOLS)), PROTOCOLS, strict=True):
        direct = evaluate(toy, LeftBright(), protocol)
        for part in ("samples", "summary", "model", "dataset", "protocol", "prediction_kind", "deviations"):
            assert getattr(run, part) == getattr(direct, part), part
        assert run.timings.seconds_predict is None


def test_record_says_what_predicted_and_what_scored(toy: Dataset, tmp_path: Path) -> None:
    """Device and libraries are the prediction's, Fathom's version and commit the scorer's; both commands are kept."""
    saved = keep(tmp_path / "p", toy, make.protocol())
    (run,) = runs(rescore(saved, toy, [make.protocol()], command="runners rescore p", submitter="somebody"))
    assert run.command == "runners evaluate --save-predictions p && runners rescore p"
    assert run.submitter == "somebody"
    elsewhere = {"device": "NVIDIA H100", "torch": "9.9", "git_commit": "0123456", "dirty": True}
    index = saved.index.model_copy(update={"environment": saved.index.environment.model_copy(update=elsewhere)})
    (moved,) = runs(rescore(Saved(saved.folder, index), toy, [make.protocol()], command="runners rescore p"))
    assert (moved.environment.device, moved.environment.torch) == ("NVIDIA H100", "9.9")
    assert moved.environment.git_commit == run.environment.git_commit
    version = index.environment.runner_version
    assert moved.command == f"{run.command} # predicted with {version} at 0123456 with local changes"


def test_no_model_and_only_one_read_is_needed(toy: Dataset, tmp_path: Path) -> None:
    """Each sample is read once for all protocols."""
    saved, reads = keep(tmp_path / "p", toy, make.protocol()), []
    read, toy.reader = toy.reader, lambda name: reads.append(name) or read(name)  # type: ignore[method-assign]
    rescore(saved, toy, PROTOCOLS)
    assert reads == list(toy.ids)


@pytest.mark.parametrize(
    ("made", "asked", "sentences"),
    [
        ({}, {}, []),
        ({}, {"resize": []}, []),
        ({}, {"flip_average": True}, ["not averaged with the prediction of the mirror image, as the protocol asks"]),
        (
            {"flip_average": True},
            {},
            ["averaged with the prediction of the mirror image, which the protocol does not ask for"],
        ),
        ({"flip_average": True}, {"flip_average": True}, []),
        (
            {},
            {"resize": [SMALL, make.RESIZE]},
            ["predicted from the image at its own size, not resized to 12x20 (bilinear)"],
        ),
        (
            {"resize": [{**SMALL, "align_corners": True}, make.RESIZE]},
            {"resize": [SMALL, make.RESIZE]},
            [
                "predicted from the image resized to 12x20 (bilinear, align_corners), not resized to 12x20 (bilinear)",
            ],
        ),
        ({}, KB_CROP, ["predicted from the full image and cut afterwards, not from the image cut to kb-crop-352x1216"]),
        ({}, {"resize": [{**SMALL, "mode": "lanczos", "to": "24x32"}, make.RESIZE]}, []),
    ],
)
def test_every_deviation_is_a_sentence(
    made: dict[str, Any], asked: dict[str, Any], sentences: list[str], toy: Dataset, tmp_path: Path
) -> None:
    """Cut, size and flips of the input, in both directions; what only concerns scoring is none."""
    saved = keep(tmp_path / "p", toy, make.protocol(**made))
    assert deviations(saved.index, make.protocol(**asked)) == sentences


def test_deviations_stand_in_the_record(toy: Dataset, tmp_path: Path) -> None:
    """A run whose flips are missing is scored, with the sentence; its numbers are those without flips."""
    saved = keep(tmp_path / "p", toy, make.protocol())
    (run,) = runs(rescore(saved, toy, [make.protocol(flip_average=True)]))
    assert run.deviations == ["not averaged with the prediction of the mirror image, as the protocol asks"]
    assert run.samples == evaluate(toy, LeftBright(), make.protocol()).samples


def test_rounding_to_float16_is_a_deviation(toy: Dataset, tmp_path: Path) -> None:
    """Only where it changed something: a map of whole numbers loses nothing."""
    exact = keep(tmp_path / "exact", toy, make.protocol(), Constant(2.0), "float16")
    assert deviations(exact.index, make.protocol()) == []
    saved = keep(tmp_path / "rounded", toy, make.protocol(), Constant(2.1), "float16")
    sentence = "4 of 4 predictions were rounded to float16 when they were saved"
    (run,) = runs(rescore(saved, toy, [make.protocol()]))
    assert run.deviations == [sentence]
    assert run.summary["abs_rel"] == pytest.approx(
        evaluate(toy, Constant(2.1), make.protocol()).summary["abs_rel"], rel=1e-2
    )


def wide(image: tuple[int, int] = (375, 1242)) -> Dataset:
    """One image of KITTI's size, 5 m away on the left, 1 m on the right."""
    depth = np.full(image, 5, dtype=np.float32)
    depth[:, image[1] // 2 :] = 1
    sample = Sample("a", "g", np.zeros((*image, 3), dtype=np.uint8), depth, depth > 0)
    return Dataset("toy", "test", [Item("a", "g", lambda: sample)])


def test_what_was_cut_away_cannot_be_scored(tmp_path: Path) -> None:
    """Predictions of the benchmark crop are refused under a protocol of the full image, not under one of the crop."""
    saved = keep(tmp_path / "p", wide(), make.protocol(**KB_CROP))
    (sentence,) = rescore_refusals(saved.index, make.protocol())
    assert sentence == (
        "protocol 'toy/test' is for predictions of the full image; these are of the image cut to kb-crop-352x1216 "
        "only, and what was cut away cannot be scored"
    )
    assert rescore_refusals(saved.index, make.protocol(**KB_CROP)) == []
    assert len(rescore_refusals(saved.index, make.protocol(metrics=["whdr"], primary_metric="whdr"))) == 2


def test_prediction_of_the_full_image_is_cut_for_a_protocol_that_cuts(tmp_path: Path) -> None:
    """Resized on the full image and then cut: the two halves meet in its middle, not in that of the crop."""
    saved = keep(tmp_path / "p", wide(), make.protocol())
    (run,) = runs(rescore(saved, wide(), [make.protocol(**KB_CROP)]))
    assert run.samples.valid_pixels == [352 * 1216]
    assert len(run.deviations) == 1
    full = torch.nn.functional.interpolate(torch.tensor([[[[1.0, 3.0]]]]), (375, 1242), mode="bilinear")[0, 0]
    truth = next(iter(wide())).truth
    cut = slice(23, 375), slice(13, 1229)
    expected = float(np.mean(np.abs(full.numpy()[cut] - truth[cut]) / truth[cut]))
    assert run.summary["abs_rel"] == pytest.approx(expected, rel=1e-5)
    assert run.summary != evaluate(wide(), LeftBright(), make.protocol(**KB_CROP)).summary


class Deciding(LeftBright):
    """Says which head it took for each image."""

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return 1x2 maps."""
        return [replace(p, details={"head": "indoor", "focal_px": 500.5}) for p in super().predict(images)]


def test_what_the_model_decided_is_kept(toy: Dataset, tmp_path: Path) -> None:
    """The column of details comes back from saved predictions; a model that decides nothing has none."""
    protocol = make.protocol(flip_average=True)
    saved = keep(tmp_path / "p", toy, protocol, Deciding())
    (run,) = runs(rescore(saved, toy, [protocol]))
    assert run.samples.details == [{"head": "indoor", "focal_px": 500.5}] * 4
    assert run.samples == evaluate(toy, Deciding(), protocol).samples
    assert evaluate(toy, LeftBright(), protocol).samples.details is None


def test_other_samples_are_refused(toy: Dataset, tmp_path: Path) -> None:
    """Another data set, another list and another image under the same id, each in a sentence."""
    saved = keep(tmp_path / "p", toy, make.protocol())
    other = open_manifest(make.write_toy(tmp_path / "more", count=5), "toy")
    with pytest.raises(SavedError, match=r"0 missing here; 1 only here \(indoor-4\)"):
        check_same(saved.index, other)
    with pytest.raises(SavedError, match="are of 'toy', not of 'other'"):
        check_same(saved.index, open_manifest(make.write_toy(tmp_path / "b"), "other"))
    larger = open_manifest(make.write_toy(tmp_path / "c", height=30), "toy")
    (outcome,) = rescore(saved, larger, [make.protocol()])
    assert isinstance(outcome.failure, EvaluationError)
    assert "'indoor-0': the model would get 32x30 here, and it got 32x24: this is another image" in str(outcome.failure)


def test_samples_without_a_prediction_keep_their_reason(tmp_path: Path) -> None:
    """What could not be read then is skipped with the reason of then, what cannot be read now with that of now."""
    folder = tmp_path / "toy"
    entries = [make.write_pair(folder, name, np.full((4, 6), 2000)) for name in "abc"]
    manifest = make.write_manifest(folder, entries)
    whole = (folder / "a-depth.png").read_bytes()
    (folder / "a-depth.png").write_bytes(b"broken")
    saved = keep(tmp_path / "p", open_manifest(manifest, "toy"), make.protocol())
    assert [skip.id for skip in saved.index.skipped] == ["a"]
    (folder / "a-depth.png").write_bytes(whole)
    (folder / "b-depth.png").write_bytes(b"broken")
    (run,) = runs(rescore(saved, open_manifest(manifest, "toy"), [make.protocol()]))
    assert run.samples.id == ["c"]
    assert [(skip.id, skip.reason.partition(":")[0]) for skip in run.dataset.skipped] == [
        ("a", "a-depth.png"),
        ("b", "b-depth.png"),
    ]


def test_file_that_changes_meanwhile_stops_the_pass(toy: Dataset, tmp_path: Path) -> None:
    """What was checked at first is what is scored, or nothing is."""
    saved = keep(tmp_path / "p", toy, make.protocol())
    path, entry = saved.folder / saved.index.samples[2].shard, saved.index.samples[2]
    whole = path.read_bytes()
    path.write_bytes(whole[: entry.offset] + bytes(entry.size) + whole[entry.offset + entry.size :])
    with pytest.raises(
        SavedError, match=r"id-2\.npz|indoor-2\.npz: cannot be read: it was changed after it was checked"
    ):
        rescore(saved, toy, [make.protocol()])
