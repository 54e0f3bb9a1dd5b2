"""DIW: two lines an image, 1-based, row first, > = the first is farther; and a whole evaluation of pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from runners import datasets
from runners.cli import main
from runners.datasets import DatasetError, SampleError, diw
from sitegen.records import Run
from tests.runners.datasets import trees

# A photograph of 6 rows and 9 columns: row 1 is the top, so the first point is the upper one.
UPPER_IS_FARTHER = "1,1,6,9,>,9,6"
UPPER_IS_NEARER = "2,1,6,9,<,9,6"


def test_points_count_from_0_here_and_the_row_is_first(tmp_path: Path) -> None:
    """``yA,xA,yB,xB``, counted from 1 in the file; the truth is empty at the image's size."""
    trees.diw(tmp_path, {"a1": "2,3,6,9,>,9,6", "b2": "1,2,3,4,<,9,6"})
    one, other = datasets.open("diw", tmp_path)
    assert (one.id, one.group, one.truth.shape) == ("a1", "a1", (6, 9))
    assert not one.mask.any()
    assert not one.truth.any()
    pairs = one.annotations.pairs
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([[1, 2]], [[5, 8]])
    assert pairs.first_is_farther.tolist() == [True]
    assert other.annotations.pairs.first_is_farther.tolist() == [False]
    assert pairs.first.dtype == np.int64


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("1,1,7,9,>,9,6", "a point lies outside the image"),
        ("0,1,6,9,>,9,6", "a point lies outside the image"),
        ("1,1,6,9,=,9,6", "is not 'yA,xA,yB,xB,> or <"),
        ("1,1,6,>,9,6", "is not 'yA,xA,yB,xB,> or <"),
        ("1,1,6,x,>,9,6", "is not 'yA,xA,yB,xB,> or <"),
        ("", "is not 'yA,xA,yB,xB,> or <"),
        ("1,1,6,9,>,90,60", "the image is 9x6, and the list has another size"),
    ],
)
def test_a_bad_row_is_a_skip(tmp_path: Path, row: str, sentence: str) -> None:
    """Points outside, equal depth, missing fields, and images that were resized."""
    trees.diw(tmp_path, {"a1": row})
    with pytest.raises(SampleError, match=sentence):
        datasets.open("diw", tmp_path).read("a1")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("./DIW_test/a.thumb\n", r"odd number of lines \(1\)"),
        ("1,1,6,9,>,9,6\n./DIW_test/a.thumb\n", "line 1 should name an image"),
        ("", "holds no sample"),
        (None, "there is no 'DIW_test.csv'"),
    ],
)
def test_a_bad_list_is_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    """A list that is cut, or shifted by a line, or absent."""
    if text is not None:
        (tmp_path / "DIW_test.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=sentence):
        datasets.open("diw", tmp_path)


def test_a_path_may_not_lead_out(tmp_path: Path) -> None:
    """A list from elsewhere reads nothing outside its folder."""
    (tmp_path / "DIW_test.csv").write_text("../../x.thumb\n1,1,2,2,>,9,6\n", encoding="utf-8")
    with pytest.raises(SampleError, match="leads out of the data set's folder"):
        datasets.open("diw", tmp_path).read("x")


def test_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good tree; then one image is missing, and the list is not the whole."""
    trees.diw(tmp_path, {"a1": UPPER_IS_FARTHER, "b2": UPPER_IS_NEARER})
    monkeypatch.setattr(diw, "_PAIRS", 2)
    assert diw.check_diw(tmp_path) == []
    (tmp_path / "DIW_test/b2.thumb").unlink()
    monkeypatch.setattr(diw, "_PAIRS", 74_441)
    found = trees.said(diw.check_diw(tmp_path))
    assert "2 images are here and 74441 were expected" in found
    assert "1 listed images are missing, ./DIW_test/b2.thumb first" in found
    assert "DIW_Annotations_splitted.tar.gz" in found


def test_an_evaluation_counts_pairs(tmp_path: Path, repo: Path) -> None:
    """The house protocol from the command line: the dark channel takes the bright upper half for the farther one."""
    rows = {"a1": "1,1,60,90,>,90,60", "b2": "1,1,60,90,<,90,60", "c3": "60,1,1,90,<,90,60"}
    trees.diw(tmp_path / "data", rows, (60, 90))
    for name in rows:
        trees.hazy(tmp_path / "data/DIW_test" / f"{name}.thumb", (60, 90), "JPEG")
    results = tmp_path / "results" / "protocols" / "diw"
    results.mkdir(parents=True)
    text = (repo / "results/protocols/diw/house.yaml").read_text(encoding="utf-8")
    (results / "house.yaml").write_text(text.replace("count: 74441", "count: 3"), encoding="utf-8")
    command = ["evaluate", "--model", "baseline-dark-channel", "--dataset", "diw", "--root", str(tmp_path / "data")]
    command += ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "runs")]
    found = CliRunner().invoke(main, command)
    assert found.exit_code == 0, found.output
    (path,) = (tmp_path / "runs").rglob("*.json")
    run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    assert run.samples.pairs == [1, 1, 1]
    assert run.samples.valid_pixels == [0, 0, 0]
    assert run.summary["whdr"] == pytest.approx(1 / 3, abs=1e-5)
    assert run.summary["pair_tie_share"] == 0
