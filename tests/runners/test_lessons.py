"""Lessons: what the figures show follows from saved predictions, and nothing is written from bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from runners.datasets.base import Sample
from runners.lessons import Ensembles, ensemble
from runners.models import base
from runners.prediction import Prediction
from sitegen.findings import Finding
from sitegen.records import Lesson
from sitegen.store import load
from tests.runners import factories as make
from tests.runners.factories import run

MODEL = "baseline-dark-channel"


@pytest.fixture
def results(repo: Path, tmp_path: Path) -> Path:
    """A results folder with the card of a toy set, two protocols, and the card of the baseline."""
    root = tmp_path / "results"
    for name in ("models", "datasets", "protocols/toy"):
        (root / name).mkdir(parents=True)
    (root / f"models/{MODEL}.yaml").write_bytes((repo / f"results/models/{MODEL}.yaml").read_bytes())
    allow(root, "yes")
    window = {"name": "custom", "frame": "full-image", "rows": [0.5, 1.0], "columns": [0.0, 1.0], "unit": "fraction"}
    for protocol in (make.protocol(id="house", house=True), make.protocol(id="half", crop=window)):
        path = root / f"protocols/toy/{protocol.id}.yaml"
        path.write_text(protocol.model_dump_json(), encoding="utf-8")
    return root


def allow(results: Path, word: str) -> None:
    """Let the card of the toy set say whether its images may be shown."""
    card = {"schema_version": 1, "id": "toy", "name": "Toy Set", "role": "evaluation", "images_republishable": word}
    (results / "datasets/toy.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")


@pytest.fixture
def saved(tmp_path: Path, results: Path) -> Path:
    """Predictions of a baseline for four slanted planes with cameras."""
    manifest = make.write_toy(tmp_path / "toy")
    entries = json.loads(manifest.read_text(encoding="utf-8"))["samples"]
    make.write_manifest(tmp_path / "toy", [{**entry, "K": [30, 30, 16, 12]} for entry in entries], "index.json")
    for index in range(4):  # brighter downwards, so that what the baseline predicts is no constant
        fog = np.linspace(60, 240, 24)[:, None, None] + np.random.default_rng(index).uniform(0, 15, (24, 32, 3))
        Image.fromarray(fog.astype(np.uint8)).save(tmp_path / f"toy/indoor-{index}.png")
    folder = tmp_path / "saved"
    where = ("--manifest", manifest, "--name", "toy", "--results", results, "--out", tmp_path / "runs")
    code, output = run("evaluate", *where, "--model", MODEL, "--protocol", "house", "--save-predictions", folder)
    assert code == 0, output
    index = folder / "index.json"  # the only baseline that learns nothing says less than metres
    index.write_text(index.read_text(encoding="utf-8").replace("affine-invariant-depth", "metric-depth"), "utf-8")
    return folder


def lesson(results: Path, name: str) -> Lesson:
    """A lesson as it was written."""
    return Lesson.model_validate_json((results / f"lessons/{name}.json").read_text(encoding="utf-8"))


def faults(results: Path) -> list[Finding]:
    """What the store has to say against lessons."""
    return [finding for finding in load(results).errors if finding.path.startswith("lessons/")]


def test_pixels_and_their_fits(results: Path, saved: Path) -> None:
    """On a grid, with colours; the fit in depth is numpy's least squares, and the store has nothing to say."""
    code, output = run("lessons", "pixels", saved, "--image", "indoor-1", "--count", "48", "--results", results)
    assert code == 0, output
    content = lesson(results, "pixels-toy").content
    assert content.kind == "pixels"
    assert (content.step, content.rows[0], content.columns[0], len(content.rows)) == (4, 2, 2, 48)
    assert len(content.colours) == 48
    truth, prediction = np.array(content.truth), np.array(content.prediction)
    scale, shift = np.polyfit(prediction, truth, 1)
    assert (content.fits[0].scale, content.fits[0].shift) == pytest.approx((scale, shift), rel=1e-6)
    inverse = np.polyfit(1 / prediction, 1 / truth, 1)
    assert (content.fits[1].scale, content.fits[1].shift) == pytest.approx(tuple(inverse), rel=1e-6)
    error = np.abs(scale * prediction + shift - truth) / truth
    assert content.fits[0].abs_rel == pytest.approx(error.mean(), rel=1e-5)
    assert not faults(results)


def test_no_colour_of_what_may_not_be_shown(results: Path, saved: Path) -> None:
    """Without the card's yes there are none, and a record with some is refused."""
    command = ("lessons", "pixels", saved, "--image", "indoor-1", "--count", "48", "--results", results)
    assert run(*command)[0] == 0
    allow(results, "no")
    assert [fault.pointer for fault in faults(results)] == ["/content/colours"]
    assert run(*command)[0] == 0
    assert getattr(lesson(results, "pixels-toy").content, "colours", None) == []
    assert not faults(results)


def test_crops_are_those_of_protocols(results: Path, saved: Path) -> None:
    """Each window and cap is scored as a protocol with them would; fewer pixels, and none, are said."""
    caps = [word for cap in (3, 4, 5) for word in ("--cap", str(cap))]
    code, output = run("lessons", "crops", saved, *caps, "--results", results)
    assert code == 0, output
    content = lesson(results, "crop-cap-toy").content
    assert content.kind == "crop-cap"
    assert [crop.name for crop in content.crops] == ["none", "custom"]
    assert content.valid_pixels[0][0] < content.valid_pixels[0][1] < content.valid_pixels[0][2]
    assert content.valid_pixels[1][2] < content.valid_pixels[0][2]
    direct = run("rescore", saved, "--protocol", "half", "--results", results, "--out", results / "again")
    assert direct[0] == 0, direct[1]
    scored = json.loads((results / f"again/toy/half/{MODEL}.json").read_text(encoding="utf-8"))
    assert content.abs_rel[1][2] == scored["summary"]["abs_rel"]  # no truth is beyond 5 m


class Ramp(base.Model):
    """Predicts the mean grey level of each column, in metres: noise on the image is noise on the map."""

    id, kind, revision = "ramp", "metric-depth", "1"

    def __init__(self) -> None:
        self.settings = {}

    def predict(self, images: list[base.Image]) -> list[Prediction]:  # type: ignore[override]
        """Return 4xW maps."""
        return [Prediction(self.kind, torch.from_numpy(image.mean((0, 2))).float().expand(4, -1)) for image in images]


def test_more_members_leave_less_to_chance() -> None:
    """Merged maps of many members differ less between draws than single ones; the same seed gives the same record."""
    image = np.broadcast_to(np.linspace(40, 200, 16).astype(np.uint8)[None, :, None], (4, 16, 3)).copy()
    truth = image.mean(2).astype(np.float32) / 40
    sample = Sample("one", "one", image, truth, np.ones((4, 16), dtype=bool))
    made = [ensemble(Ramp(), sample, "toy", make.protocol(), Ensembles(6, 6, 5)) for _ in range(2)]
    assert made[0].sha256 == made[1].sha256
    content = made[0].content
    assert content.kind == "ensemble"
    assert content.between_draws[-1] < content.between_draws[0]
    assert [len(content.abs_rel), len(content.uncertainty), len(content.merged[0])] == [6, 5, 16]


def test_bad_input_is_a_sentence(results: Path, saved: Path, tmp_path: Path) -> None:
    """Unknown image, one cap alone, caps that do not rise evenly, no predictions: said, and nothing is written."""
    for command, sentence in (
        (("pixels", saved, "--image", "nobody"), "has no image 'nobody'; there are indoor-0"),
        (("crops", saved, "--cap", "3"), "/caps"),
        (("crops", saved, "--cap", "3", "--cap", "4", "--cap", "6"), "caps must rise in equal steps"),
        (("crops", saved, "--cap", "2", "--cap", "3"), "no image of 'toy' could be scored"),
        (("pixels", tmp_path / "nothing", "--image", "indoor-1"), "there is no such folder of predictions"),
        (("ensemble", "--model", MODEL, "--dataset", "toy", "--image", "x"), "toy"),
    ):
        code, output = run("lessons", *command, "--results", results)
        assert code == 1, output
        assert sentence in output
    assert not (results / "lessons").exists()


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("content", "truth", 0), 1.0, "abs_rel of the fit in depth does not follow from the pixels"),
        (("content", "rows", 0), 99, "outside the 24 rows"),
        (("content", "colours"), ["#000000"], "columns differ in length"),
        (("dataset",), "other", "sha256 does not agree"),
        (("protocol", "sha256"), "0" * 64, "sha256 is not that of the block"),
    ],
)
def test_a_changed_record_is_refused(
    results: Path, saved: Path, place: tuple[str | int, ...], value: object, sentence: str
) -> None:
    """What was written by hand does not hang together, and the finding names the file."""
    assert run("lessons", "pixels", saved, "--image", "indoor-1", "--count", "48", "--results", results)[0] == 0
    path = results / "lessons/pixels-toy.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    path.write_text(json.dumps(data), encoding="utf-8")
    found = faults(results)
    assert any(sentence in fault.message for fault in found), found
