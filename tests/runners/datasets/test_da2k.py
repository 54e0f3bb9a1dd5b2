"""DA-2K: pairs of [row, column] with the closer point named, kinds of scenes as groups, and a whole evaluation."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from runners import datasets
from runners.cli import main
from runners.datasets import DatasetError, SampleError, da2k
from sitegen.records import Run
from tests.runners.datasets import trees

INDOOR, AERIAL = "images/indoor/a.jpg", "images/aerial/b.jpg"


def test_pairs_groups_and_an_empty_truth(tmp_path: Path) -> None:
    """Points are taken as they stand; which is farther follows from the closer one; the scene is the group."""
    trees.da2k(tmp_path, {INDOOR: [trees.pair([1, 2], [3, 4]), trees.pair([5, 8], [0, 0], "point2")]})
    (sample,) = datasets.open("da-2k", tmp_path)
    assert (sample.id, sample.group, sample.truth.shape) == (INDOOR, "indoor", (6, 9))
    assert not sample.mask.any()
    pairs = sample.annotations.pairs
    assert pairs.first.tolist() == [[1, 2], [5, 8]]
    assert pairs.second.tolist() == [[3, 4], [0, 0]]
    assert pairs.first_is_farther.tolist() == [False, True]


def test_a_path_may_begin_with_the_folders_name(tmp_path: Path) -> None:
    """``DA-2K/images/...`` is found when the root is that folder."""
    trees.da2k(tmp_path, {INDOOR: []})
    listed = {f"DA-2K/{INDOOR}": [trees.pair([0, 0], [1, 1])]}
    (tmp_path / "annotations.json").write_text(json.dumps(listed), encoding="utf-8")
    assert len(list(datasets.open("da-2k", tmp_path))) == 1


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ({"point1": [0, 0], "point2": [1, 1], "closer_point": "point3"}, "a pair is not"),
        ({"point1": [0, 0], "closer_point": "point1"}, "a pair is not"),
        ({"point1": [0], "point2": [1, 1], "closer_point": "point1"}, "a pair is not"),
        ("text", "a pair is not"),
        (trees.pair([6, 0], [1, 1]), "a point lies outside the image of 9x6"),
        (trees.pair([0, 0], [0, -1]), "a point lies outside the image"),
    ],
)
def test_a_bad_pair_is_a_skip(tmp_path: Path, pair, sentence: str) -> None:
    """What is no pair, or does not fit the image, is said of the image."""
    trees.da2k(tmp_path, {INDOOR: [pair]})
    with pytest.raises(SampleError, match=sentence):
        datasets.open("da-2k", tmp_path).read(INDOOR)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "an object with a list of pairs"),
        ('{"images/indoor/a.jpg": 3}', "an object with a list of pairs"),
        ('{"images/kitchen/a.jpg": []}', "must name one scene type"),
        ("{", "annotations.json"),
        ("{}", "holds no sample"),
        (None, "there is no 'annotations.json'"),
    ],
)
def test_bad_annotations_are_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    """Annotations of another form, and none."""
    if text is not None:
        (tmp_path / "annotations.json").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=sentence):
        datasets.open("da-2k", tmp_path)


def test_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good tree; then too few images, one missing, and an order that is not the publisher's."""
    trees.da2k(tmp_path, {INDOOR: [trees.pair([1, 2], [3, 4])], AERIAL: [trees.pair([1, 2], [3, 4], "point2")]})
    found = trees.said(da2k.check_da2k(tmp_path))
    assert "2 images are listed; the paper has at least 900" in found
    assert "2 pairs are listed" in found
    assert "in 1 images, images/aerial/b.jpg first, point1 is not the closer point" in found
    monkeypatch.setattr(da2k, "_LEAST_IMAGES", 2)
    monkeypatch.setattr(da2k, "_LEAST_PAIRS", 2)
    trees.da2k(tmp_path, {INDOOR: [trees.pair([1, 2], [3, 4])], AERIAL: [trees.pair([1, 2], [3, 4])]})
    assert da2k.check_da2k(tmp_path) == []
    (tmp_path / AERIAL).unlink()
    assert "1 listed images are missing, images/aerial/b.jpg first" in trees.said(da2k.check_da2k(tmp_path))
    assert "there is no 'annotations.json'" in trees.said(da2k.check_da2k(tmp_path / "images"))


def test_an_evaluation_pools_pairs(tmp_path: Path, repo: Path) -> None:
    """The house protocol from the command line: two images with three pairs and one; each pair weighs the same."""
    down, up = trees.pair([59, 0], [0, 0]), trees.pair([0, 0], [59, 0])
    trees.da2k(tmp_path / "data", {INDOOR: [down, down, up], AERIAL: [up]}, (60, 90))
    for name in (INDOOR, AERIAL):
        trees.hazy(tmp_path / "data" / name, (60, 90))
    command = ["evaluate", "--model", "baseline-dark-channel", "--dataset", "da-2k", "--root", str(tmp_path / "data")]
    command += ["--results", str(repo / "results"), "--out", str(tmp_path / "runs")]
    found = CliRunner().invoke(main, command)
    assert found.exit_code == 0, found.output
    (path,) = (tmp_path / "runs").rglob("*.json")
    run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    assert run.samples.pairs == [1, 3]
    assert run.samples.group == ["aerial", "indoor"]
    assert run.summary["pair_acc"] == 0.5
