"""Runs: deterministic, complete, honest about what was left out."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.datasets import Dataset, Sample, open_manifest
from runners.datasets.base import Item
from runners.environment import version
from runners.evaluate import (
    EvaluationError,
    concerns,
    evaluate,
    evaluate_all,
    fit,
    inputs_of,
    run_path,
    run_text,
    write_run,
)
from runners.models import load
from runners.models.base import Cameras, Image
from runners.prediction import Prediction
from sitegen.reading import Reader
from sitegen.records import Run
from tests.runners import factories as make
from tests.runners.factories import Constant, LeftBright, Spy


class NotANumber(Constant):
    """Predicts something that is no number in the upper half."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return 24x32 maps."""
        upper, lower = torch.full((12, 32), self.value), torch.full((12, 32), self.depth)
        return [Prediction(self.kind, torch.cat([upper, lower])) for _ in images]


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    """Four slanted planes."""
    return open_manifest(make.write_toy(tmp_path / "toy"), "toy")


def test_two_runs_are_the_same_but_for_the_time(toy: Dataset) -> None:
    """The digest, which leaves the timings out, and every other byte agree; the batch size does not matter."""
    first, second = (evaluate(toy, Constant(), make.protocol(), batch=b, command="runners x") for b in (1, 3))
    assert first.sha256 == second.sha256
    texts = [run_text(run.model_copy(update={"timings": first.timings})) for run in (first, second)]
    assert texts[0] == texts[1]


def test_record_says_what_was_run(toy: Dataset) -> None:
    """Model, list, protocol, groups and derived summary are all there and agree with the samples."""
    run = evaluate(toy, Constant(), make.protocol(), submitter="somebody", command="runners evaluate")
    assert (run.dataset.listed, run.dataset.evaluated, run.complete) == (4, 4, True)
    pinned = make.protocol(sample_list={"name": "toy", "count": 4, "sha256": toy.list_sha256})
    assert evaluate(toy, Constant(), pinned).complete
    assert not evaluate(toy.limited(3), Constant(), pinned).complete
    assert run.dataset.list_sha256 == toy.list_sha256
    assert run.protocol.sha256 == make.protocol().digest()
    assert run.samples.group == ["scene-0", "scene-1", "scene-2", "scene-3"]
    assert run.samples.valid_pixels == [24 * 32] * 4
    assert run.samples.degenerate == [False] * 4
    assert run.model.settings == {"depth_m": 2.0}
    truth = next(iter(toy)).truth
    expected = float(np.mean(np.abs(2 - truth) / truth))
    assert run.samples.metrics["abs_rel"][0] == pytest.approx(expected, rel=1e-5)
    assert run.summary["abs_rel"] == pytest.approx(np.mean(run.samples.metrics["abs_rel"]), rel=1e-5)
    assert run.environment.torch == version("torch")


def test_flips_are_averaged_where_the_protocol_says_so(toy: Dataset) -> None:
    """A model that always puts the far half on the right predicts 2 m everywhere once flips are averaged."""
    flipped = evaluate(toy, LeftBright(), make.protocol(flip_average=True))
    assert flipped.summary == evaluate(toy, Constant(2.0), make.protocol()).summary
    assert flipped.summary != evaluate(toy, LeftBright(), make.protocol()).summary


SEVERAL = [
    make.protocol(),
    make.capped(2.0, id="capped"),
    make.protocol(id="flipped", flip_average=True),
    make.protocol(
        id="small", resize=[{**make.RESIZE, "what": "image", "quantity": "colour", "to": "12x20"}, make.RESIZE]
    ),
    make.protocol(id="pooled", aggregation="pooled-pixels"),
]


def test_image_is_predicted_once_for_each_input(toy: Dataset) -> None:
    """Five protocols with three inputs: one prediction, two for the flips, one of the small image; one read."""
    model, reads = Spy(), []
    reader, toy.reader = toy.reader, lambda name: reads.append(name) or reader(name)  # type: ignore[method-assign]
    outcomes = evaluate_all(toy, model, SEVERAL)
    assert [outcome.run.protocol.id for outcome in outcomes if outcome.run] == [p.id for p in SEVERAL]
    assert reads == list(toy.ids)
    assert len(inputs_of(SEVERAL)) == 3
    assert model.calls == 4 * [(24, 32), (24, 32), (24, 32), (12, 20)]


@pytest.mark.parametrize("batch", [1, 3])
def test_one_pass_gives_what_separate_runs_give(toy: Dataset, batch: int) -> None:
    """Each record of a pass over several protocols equals, digest and all, that of a call of its own."""
    together = evaluate_all(toy, LeftBright(), SEVERAL, batch=batch, command="runners x")
    alone = [evaluate(toy, LeftBright(), protocol, command="runners x") for protocol in SEVERAL]
    assert [outcome.run.sha256 for outcome in together if outcome.run] == [run.sha256 for run in alone]


def test_protocol_that_fails_takes_no_other_with_it(toy: Dataset) -> None:
    """A protocol that resizes nothing has no run, in its own words; one whose input fails stops its own input only."""
    protocols = [
        make.protocol(id="rigid", resize=[]),
        make.protocol(),
        make.protocol(id="cut", input_crop="kb-crop-352x1216"),
    ]
    rigid, fine, cut = evaluate_all(toy, Spy(), protocols)
    assert fine.run is not None
    assert rigid.run is cut.run is None
    assert "the protocol resizes nothing to its size" in str(rigid.failure)
    assert "has no 1216x352 KITTI benchmark crop" in str(cut.failure)


def test_nothing_is_predicted_for_nobody(toy: Dataset) -> None:
    """Once no protocol is left that could be scored, the model rests."""
    model = Spy()
    (outcome,) = evaluate_all(toy, model, [make.protocol(resize=[])])
    assert outcome.run is None
    assert len(model.calls) == 1


class Half(Constant):
    """Predicts a slope in half precision."""

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return 1x3 maps."""
        return [Prediction(self.kind, torch.tensor([[1.0, 2.5, 3.1]], dtype=torch.float16)) for _ in images]


class Widened(Half):
    """Predicts the same in single precision."""

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return 1x3 maps."""
        return [Prediction(p.kind, p.map.float()) for p in super().predict(images)]


def test_half_precision_is_resized_in_single(toy: Dataset) -> None:
    """What a network puts out in float16 is widened before it is interpolated, as saved predictions are."""
    runs = [evaluate(toy, model, make.protocol(), command="x") for model in (Half(), Widened())]
    assert runs[0].sha256 == runs[1].sha256


def test_image_is_brought_to_the_size_that_the_protocol_says(toy: Dataset) -> None:
    """ZoeDepth's fixed input: the model gets 12x20; data that must come prepared is refused in a sentence."""
    step = {**make.RESIZE, "what": "image", "quantity": "colour", "to": "12x20"}
    model = LeftBright()
    evaluate(toy, model, make.protocol(resize=[step, make.RESIZE]))
    assert model.seen == [(12, 20, 3)]
    with pytest.raises(EvaluationError, match="the image is 32x24, and the protocol is for prepared data of 20x12"):
        evaluate(toy, model, make.protocol(resize=[{**step, "mode": "lanczos"}, make.RESIZE]))


def test_pooled_summary_is_that_of_all_pixels_together(tmp_path: Path) -> None:
    """Images of 24 and of 6 pixels: RMSE over the 30 pixels, not the mean of two, and the record proves it itself."""
    entries = [
        make.write_pair(tmp_path, "a", np.full((4, 6), 1000)),
        make.write_pair(tmp_path, "b", np.full((2, 3), 5000)),
    ]
    dataset = open_manifest(make.write_manifest(tmp_path, entries), "toy")
    run = evaluate(dataset, Constant(), make.protocol(aggregation="pooled-pixels"), command="runners evaluate")
    assert run.summary["rmse"] == pytest.approx(((24 * 1 + 6 * 9) / 30) ** 0.5, rel=1e-5)
    assert run.summary["abs_rel"] == pytest.approx((24 * 1 + 6 * 0.6) / 30, rel=1e-5)
    assert run.samples.metrics["rmse"] == [1.0, 3.0]


def test_file_is_canonical_and_reads_back(toy: Dataset, tmp_path: Path) -> None:
    """Sorted keys, a column a line, 6 digits, one newline at the end, nothing left beside it."""
    run = evaluate(toy, Constant(), make.protocol(), command="runners evaluate")
    path = write_run(run, tmp_path / "runs")
    assert path == run_path(run, tmp_path / "runs") == tmp_path / "runs" / "toy" / "test" / "constant.json"
    assert list(path.parent.iterdir()) == [path]
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    keys = list(json.loads(text))
    assert keys == sorted(keys)
    assert '"id": ["indoor-0","indoor-1","indoor-2","indoor-3"]' in text
    reader = Reader(tmp_path)
    assert Run.model_validate(reader.json(path)) == run
    assert reader.findings == []


def test_unreadable_and_empty_images_are_skipped_with_a_reason(tmp_path: Path) -> None:
    """A corrupt file and an image without valid depth are listed, not scored, and the run says so."""
    entries = [make.write_pair(tmp_path, name, np.full((4, 6), depth)) for name, depth in (("a", 2000), ("b", 0))]
    entries.append(make.write_pair(tmp_path, "c", np.full((4, 6), 1000)))
    (tmp_path / "c-depth.png").write_bytes(b"broken")
    dataset = open_manifest(make.write_manifest(tmp_path, entries), "toy")
    run = evaluate(dataset, Constant(), make.protocol(), command="runners evaluate")
    assert run.samples.id == ["a"]
    reasons = {skip.id: skip.reason for skip in run.dataset.skipped}
    assert reasons["b"] == "0 valid pixels; the protocol asks for at least 1"
    assert "c-depth.png: cannot be read" in reasons["c"]
    assert not run.complete
    assert concerns(run) == ["2 of 3 images were skipped"]


def test_nothing_scored_is_no_record(tmp_path: Path) -> None:
    """A run without any image is an error that says why each one failed."""
    entries = [make.write_pair(tmp_path, "a", np.zeros((4, 6)))]
    dataset = open_manifest(make.write_manifest(tmp_path, entries), "toy")
    with pytest.raises(EvaluationError, match=r"no image of 'toy' could be scored \(a: 0 valid pixels"):
        evaluate(dataset, Constant(), make.protocol())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_prediction_that_is_no_number_is_no_record(toy: Dataset, value: float) -> None:
    """Leaving such an image out of the mean would flatter the model; the message counts the pixels at fault."""
    with pytest.raises(EvaluationError, match=r"model 'constant' on 'indoor-0': .*\(384 of the 768 valid pixels have"):
        evaluate(toy, NotANumber(value), make.protocol())


def test_clamped_and_degenerate_shares_are_said(toy: Dataset) -> None:
    """Numbers that rest on the clamp or on a fit that means nothing come with a note."""
    run = evaluate(toy, Constant(99.0), make.capped(10.0), command="runners evaluate")
    assert concerns(run) == ["100.0 % of the pixels were clamped"]
    model = Constant()
    model.kind = "affine-invariant-depth"
    run = evaluate(toy, model, make.protocol(), command="runners evaluate")
    assert concerns(run) == ["4 of 4 fits are degenerate"]


def test_region_counts_only_where_the_protocol_asks_for_it(tmp_path: Path) -> None:
    """A manifest's farthest depth narrows the mask under sample-mask-and-region only."""
    ramp = np.repeat(np.linspace(1000, 4000, 4)[:, None], 6, axis=1)
    entry = {**make.write_pair(tmp_path, "a", ramp), "max_m": 3.0}
    dataset = open_manifest(make.write_manifest(tmp_path, [entry]), "toy")
    counts = [
        evaluate(dataset, Constant(), make.protocol(mask=mask), command="x").samples.valid_pixels
        for mask in ("sample-mask", "sample-mask-and-region")
    ]
    assert counts == [[24], [12]]


def test_baselines_are_fitted_on_the_training_split(tmp_path: Path) -> None:
    """What they were fitted on is in the record's settings; without such a split there is a sentence."""
    index = make.write_toy(tmp_path / "toy")
    test = open_manifest(index, "toy", "test", lambda entry: entry.split == "test")
    model = load("baseline-mean-depth")
    with pytest.raises(EvaluationError, match="'toy' brings none"):
        fit(model, test)
    test.train = open_manifest(index, "toy", "train", lambda entry: entry.split == "train")
    fit(model, test)
    run = evaluate(test, model, make.protocol(), command="runners evaluate")
    assert run.model.settings["fitted_on"] == f"toy train, list sha256 {test.train.list_sha256}"
    assert run.samples.id == ["indoor-2", "indoor-3"]
    (tmp_path / "toy" / "indoor-0-depth.png").write_bytes(b"")
    with pytest.raises(
        EvaluationError, match="cannot be fitted on part of a split: 'indoor-0' of 'toy': indoor-0-depth"
    ):
        fit(model, test)


def test_image_is_cut_where_the_protocol_cuts_it() -> None:
    """The model sees the KITTI benchmark crop; an image of another size than its truth cannot be cut so."""
    seen = []

    class Sizes(Constant):
        def predict(self, images: Sequence[Image]) -> list[Prediction]:
            seen.extend(image.shape for image in images)
            return super().predict(images)

    def dataset(image: tuple[int, int], truth: tuple[int, int]) -> Dataset:
        depth = np.full(truth, 5, dtype=np.float32)
        sample = Sample("a", "g", np.zeros((*image, 3), dtype=np.uint8), depth, depth > 0)
        return Dataset("toy", "test", [Item("a", "g", lambda: sample)])

    rules = make.protocol(input_crop="kb-crop-352x1216")
    evaluate(dataset((375, 1242), (375, 1242)), Sizes(), rules, command="x")
    assert seen == [(352, 1216, 3)]
    with pytest.raises(EvaluationError, match="differ in size"):
        evaluate(dataset((375, 1242), (370, 1226)), Sizes(), rules, command="x")
    with pytest.raises(EvaluationError, match="has no 1216x352"):
        evaluate(dataset((100, 100), (100, 100)), Sizes(), rules, command="x")


def test_text_that_no_record_may_hold_is_said(toy: Dataset) -> None:
    """What the contract refuses comes out as a sentence with the field."""
    with pytest.raises(EvaluationError, match="/submitter: markup"):
        evaluate(toy, Constant(), make.protocol(), submitter="<b>me</b>", command="x")


class Told(Constant):
    """Needs the camera, and remembers what it was told."""

    needs_intrinsics = True

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Cameras | None] = []

    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return 2x2 maps."""
        self.told.append(intrinsics)
        return super().predict(images)


def with_cameras(folder: Path, cameras: Sequence[tuple[float, float, float, float] | None]) -> Dataset:
    """Small planes whose manifest states these cameras."""
    index = make.write_toy(folder, count=len(cameras))
    content = json.loads(index.read_text(encoding="utf-8"))
    for entry, camera in zip(content["samples"], cameras, strict=True):
        if camera:
            entry["K"] = camera
    index.write_text(json.dumps(content), encoding="utf-8")
    return open_manifest(index, "toy")


def test_the_camera_reaches_the_model_as_the_model_sees_the_image(tmp_path: Path) -> None:
    """The image of 24x32 is brought to 12x64, once as it is and once mirrored; the record says that it was told."""
    model = Told()
    step = {**make.RESIZE, "what": "image", "quantity": "colour", "to": "12x64"}
    protocol = make.protocol(resize=[step, make.RESIZE], flip_average=True)
    run = evaluate(with_cameras(tmp_path, [(30.0, 40.0, 15.0, 11.0)] * 2), model, protocol, batch=2)
    straight, mirrored = model.told
    assert straight == [(60.0, 20.0, 30.5, 5.25)] * 2
    assert mirrored == [(60.0, 20.0, 32.5, 5.25)] * 2
    assert run.model.settings["intrinsics"] == "the camera of each image, as the data set states it"
    assert model.settings == {"depth_m": 2.0}


def test_an_image_without_a_camera_stops_the_run(tmp_path: Path) -> None:
    """No skip, which would flatter, and no guess: the sentence names the image and what to do."""
    data = with_cameras(tmp_path, [(30.0, 40.0, 15.0, 11.0), None])
    with pytest.raises(EvaluationError, match=r"states no intrinsics for 'indoor-1'\. .*write K \(fx, fy, cx, cy\)"):
        evaluate(data, Told(), make.protocol())
    assert "intrinsics" not in evaluate(data, Constant(), make.protocol()).model.settings
