"""DIODE: depth and mask as they are stored, and every way in which copies of it are spoilt."""

from pathlib import Path

import numpy as np
import pytest

from runners import datasets
from runners.datasets import DatasetError, SampleError, diode
from tests.runners.datasets import trees

OFFICIAL = (768, 1024)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect two images a part."""
    monkeypatch.setattr(diode, "_COUNTS", {"indoors": 2, "outdoor": 2})


def test_depth_under_the_mask_stays(tmp_path: Path) -> None:
    """What the mask leaves out is kept, since one protocol ignores the mask."""
    trees.diode(tmp_path)
    sample = diode.open_indoor(tmp_path, "laser-scan").read("00021_00189_indoors_200_000")
    assert sample.group == "indoors/scene_00021"
    assert sample.truth.dtype == np.float32
    assert not sample.mask[0].any()
    assert sample.mask[1:].all()
    np.testing.assert_allclose(sample.truth[:, 0], np.linspace(1, 5, 6), rtol=1e-6)


def test_the_whole_is_both_parts(tmp_path: Path) -> None:
    """Three ids share the files; the root may be the folder above val or val itself."""
    trees.diode(tmp_path, "indoors", 2)
    trees.diode(tmp_path, "outdoor", 3)
    counts = {name: len(datasets.open(name, tmp_path)) for name in ("diode", "diode-indoor", "diode-outdoor")}
    assert counts == {"diode": 5, "diode-indoor": 2, "diode-outdoor": 3}
    assert datasets.open("diode", tmp_path / "val").ids == datasets.open("diode", tmp_path).ids


def test_the_camera_is_that_of_the_official_size(tmp_path: Path) -> None:
    """Intrinsics are given where the image has the size that they are for."""
    trees.diode(tmp_path, size=OFFICIAL)
    (sample,) = diode.open_diode(tmp_path, "laser-scan")
    assert sample.intrinsics == (886.81, 927.06, 512.0, 384.0)


@pytest.mark.parametrize("end", [".png", "_depth.npy", "_depth_mask.npy"])
def test_a_missing_file_is_a_skip(tmp_path: Path, end: str) -> None:
    """Whichever of the three files is missing, the sample is listed and its reason names the file."""
    stem = trees.diode(tmp_path)[0]
    stem.with_name(stem.name + end).unlink()
    if end == "_depth_mask.npy":
        stem.with_name(stem.name + ".png").touch()
        trees.photo(stem.with_name(stem.name + ".png"), (6, 8))
    dataset = diode.open_diode(tmp_path, "laser-scan")
    assert list(dataset) == []
    assert f"{stem.name}{end}: cannot be read" in dataset.skipped[0].reason


def test_depth_of_another_size_is_a_skip(tmp_path: Path) -> None:
    """Depth that is not of the image's size says so."""
    stem = trees.diode(tmp_path)[0]
    np.save(stem.with_name(f"{stem.name}_depth.npy"), np.ones((3, 4)))
    with pytest.raises(SampleError, match=r"_depth.npy: numbers of the image's size \(6, 8\) were expected"):
        diode.open_diode(tmp_path, "laser-scan").read(stem.name)


def test_an_empty_folder_says_where_to_get_it(tmp_path: Path) -> None:
    """Neither no root, nor a wrong one, nor an empty one is a traceback."""
    for root, words in ((None, "--root"), (tmp_path / "no", "no such folder"), (tmp_path, "holds no sample")):
        with pytest.raises(DatasetError, match=f"{words}.*val.tar.gz"):
            diode.open_diode(root, "laser-scan")


@pytest.mark.usefixtures("few")
def test_a_good_tree_has_no_problem(tmp_path: Path) -> None:
    """The official layout and sizes are found to be right, from the whole and from the parts."""
    trees.diode(tmp_path, "indoors", 2, OFFICIAL)
    trees.diode(tmp_path, "outdoor", 2, OFFICIAL)
    assert diode.check_diode(tmp_path) == []
    assert diode.check_indoor(tmp_path) == []
    assert diode.check_outdoor(tmp_path) == []


@pytest.mark.usefixtures("few")
def test_missing_masks_and_images_are_counted(tmp_path: Path) -> None:
    """A copy without masks, and one with too few images."""
    stem = trees.diode(tmp_path, "indoors", 1, OFFICIAL)[0]
    stem.with_name(f"{stem.name}_depth_mask.npy").unlink()
    found = trees.said(diode.check_indoor(tmp_path))
    assert "1 images (.png) are here and 2 were expected" in found
    assert "1 images lack their masks (_depth_mask.npy), 00021_00189_indoors_200_000 first" in found
    assert "Without them nobody knows which pixels were measured" in found


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda depth: depth * 0, "middle depth is not between"),
        (lambda depth: depth * 1000, "middle depth is not between"),
        (lambda depth: np.where(np.arange(768)[:, None, None] == 0, 0, depth), "multiplied by their masks"),
    ],
)
def test_spoilt_depth_is_told(tmp_path: Path, spoil, sentence: str) -> None:
    """Zeroed maps, millimetres, and maps that lost the depth under their masks."""
    for stem in trees.diode(tmp_path, "indoors", 2, OFFICIAL):
        path = stem.with_name(f"{stem.name}_depth.npy")
        np.save(path, spoil(np.load(path)))
    found = trees.said(diode.check_indoor(tmp_path))
    assert sentence in found
    assert "val.tar.gz" in found


@pytest.mark.usefixtures("few")
def test_a_mask_that_was_made_up_is_told(tmp_path: Path) -> None:
    """A mask of ones over pixels without depth."""
    for stem in trees.diode(tmp_path, "indoors", 2, OFFICIAL):
        depth = np.load(stem.with_name(f"{stem.name}_depth.npy"))
        depth[:10] = 0
        np.save(stem.with_name(f"{stem.name}_depth.npy"), depth)
        np.save(stem.with_name(f"{stem.name}_depth_mask.npy"), np.ones(OFFICIAL))
    assert "it was made up" in trees.said(diode.check_indoor(tmp_path))


@pytest.mark.usefixtures("few")
def test_another_archive_is_told(tmp_path: Path) -> None:
    """An archive that lies beside the files is held against the published hash; a folder without parts is named."""
    (tmp_path / "val.tar.gz").write_bytes(b"cut")
    found = trees.said(diode.check_diode(tmp_path))
    assert "not 5c895d09201b88973c8fe4552a67dd85: another file than the official" in found
    assert "there is no 'val/indoors' here" in found
