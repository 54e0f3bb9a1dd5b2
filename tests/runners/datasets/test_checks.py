"""``runners check`` of every data set: a wrong folder is told in sentences that say where to get the right files."""

import pickle
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from runners import datasets
from runners.cli import main
from runners.datasets import DATASETS, DatasetError, diw, moge_bundle, sintel
from runners.datasets.cache import TruthCache, using
from runners.datasets.lists import lines
from tests.runners.datasets import trees

CHECKED = [name for name, entry in DATASETS.items() if entry.check]


@pytest.mark.parametrize("dataset_id", CHECKED)
def test_an_empty_folder_is_told(tmp_path: Path, dataset_id: str) -> None:
    """Exit code 1, no traceback, and an address in the sentence."""
    found = CliRunner().invoke(main, ["check", dataset_id, "--root", str(tmp_path)])
    assert found.exit_code == 1
    assert isinstance(found.exception, SystemExit)
    assert re.search(r"https?://", found.output)


def test_a_good_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at, by ground truth."""
    trees.diw(tmp_path, {"a1": "1,1,6,9,>,9,6"})
    monkeypatch.setattr(diw, "_PAIRS", 1)
    found = CliRunner().invoke(main, ["check", "diw", "--root", str(tmp_path)])
    assert found.exit_code == 0, found.output
    assert "diw: 1 images with ground truth 'point-pairs'" in found.output
    assert "nothing wrong found" in found.output


@pytest.mark.parametrize("dataset_id", [name for name in moge_bundle.PARTS if name in DATASETS])
def test_a_part_of_moges_bundle_is_checked_as_such(tmp_path: Path, dataset_id: str) -> None:
    """A folder with the bundle's index is held against the bundle, not against the publisher's layout."""
    (tmp_path / ".index.txt").write_text("a\n", encoding="utf-8")
    entry = DATASETS[dataset_id]
    assert moge_bundle.VARIANT in entry.variants
    assert entry.check is not None
    found = trees.said(entry.check(tmp_path))
    assert f"1 samples are here and {moge_bundle.PARTS[dataset_id][2]} were expected" in found
    assert "image.jpg: cannot be read" in found


def test_a_missing_pass_of_sintel_is_not_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the clean images their ground truth is not here."""
    trees.sintel(tmp_path, size=(436, 1024))
    for path in (tmp_path / "training/clean").rglob("*.png"):
        path.unlink()
    (tmp_path / "training/clean/alley_1").rmdir()
    (tmp_path / "training/clean").rmdir()
    monkeypatch.setattr(sintel, "_FRAMES", 1)
    monkeypatch.setattr(sintel, "_SCENES", 1)
    found = CliRunner().invoke(main, ["check", "sintel", "--root", str(tmp_path)])
    assert "sintel: 1 images with ground truth 'rendered' (training, final pass)" in found.output
    assert "ground truth 'rendered-clean' is not here" in found.output


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A picture in place of a list is a sentence."""
    (tmp_path / "DIW_test.csv").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DatasetError, match=r"cannot be read as text .*DIW_Annotations"):
        datasets.open("diw", tmp_path)
    with pytest.raises(DatasetError, match="cannot be read as text"):
        lines(tmp_path, "")


def test_decoded_truth_is_kept(tmp_path: Path) -> None:
    """What is compressed is decoded once: a second read gives the same truth from the cache."""
    trees.hypersim_list(tmp_path / "packed", "0000")
    trees.hypersim_packed(tmp_path / "packed", trees.ramp((6, 9)))
    trees.hypersim_list(tmp_path / "official", "0000")
    trees.hypersim(tmp_path / "official", trees.ramp((768, 1024)))
    kept = TruthCache(tmp_path / "cache")
    for folder in ("packed", "official"):
        plain = datasets.open("hypersim", tmp_path / folder).read("ai_001_010/cam_00/0000")
        with using(kept):
            first, again = (datasets.open("hypersim", tmp_path / folder).read(plain.id) for _ in range(2))
        for sample in (first, again):
            assert (sample.truth == plain.truth).all()
            assert (sample.mask == plain.mask).all()
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 2


def test_samples_can_be_read_elsewhere(tmp_path: Path) -> None:
    """What reads a sample goes to another process: it can be pickled."""
    trees.diode(tmp_path / "diode")
    trees.eth3d(tmp_path / "eth3d")
    trees.sintel(tmp_path / "sintel")
    trees.diw(tmp_path / "diw", {"a1": "1,1,6,9,>,9,6"})
    trees.da2k(tmp_path / "da-2k", {"images/indoor/a.jpg": [trees.pair([0, 0], [1, 1])]})
    for folder in sorted(tmp_path.iterdir()):
        for item in datasets.open(folder.name, folder)._items.values():
            assert pickle.loads(pickle.dumps(item.read))().id == item.id  # noqa: S301 - our own bytes
