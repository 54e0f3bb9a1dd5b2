"""Sintel: the .dpt format with its tag, both passes, cameras, and what a wrong tree says."""

from pathlib import Path

import numpy as np
import pytest

from runners import datasets
from runners.datasets import DatasetError, SampleError, sintel
from tests.runners.datasets import trees

OFFICIAL = (436, 1024)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect two frames of one scene."""
    monkeypatch.setattr(sintel, "_FRAMES", 2)
    monkeypatch.setattr(sintel, "_SCENES", 1)


def test_sky_is_depth_and_the_camera_is_read(tmp_path: Path) -> None:
    """Very large values stay: cutting them is the protocol's business."""
    trees.sintel(tmp_path)
    (sample,) = datasets.open("sintel", tmp_path)
    assert (sample.id, sample.group) == ("alley_1/frame_0001", "alley_1")
    assert sample.mask.all()
    assert (sample.truth[0] == np.float32(1e9)).all()
    assert sample.intrinsics == (1120.0, 1120.0, 511.5, 217.5)


def test_the_passes_differ_in_their_images(tmp_path: Path) -> None:
    """The usual one is the final pass; the clean one has the same ids and the same depth."""
    trees.sintel(tmp_path)
    final, clean = datasets.open("sintel", tmp_path), datasets.open("sintel", tmp_path, "rendered-clean")
    assert final.ids == clean.ids
    assert "final" in final.split
    one, other = final.read(final.ids[0]), clean.read(final.ids[0])
    assert (one.image != other.image).any()
    assert (one.truth == other.truth).all()


def test_a_camera_is_not_needed(tmp_path: Path) -> None:
    """Without camera files there are no intrinsics."""
    trees.sintel(tmp_path)
    (tmp_path / "training/camdata_left/alley_1/frame_0001.cam").unlink()
    assert datasets.open("sintel", tmp_path).read("alley_1/frame_0001").intrinsics is None


def test_a_wrong_tag_or_a_cut_file_is_a_skip(tmp_path: Path) -> None:
    """Both say what is wrong."""
    path = trees.sintel(tmp_path)
    dataset = datasets.open("sintel", tmp_path)
    trees.dpt(path, trees.ramp((6, 9)), tag=1.0)
    with pytest.raises(SampleError, match=r"does not begin with Sintel's tag 202021.25"):
        dataset.read("alley_1/frame_0001")
    trees.dpt(path, trees.ramp((6, 9)))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(SampleError, match="53 values do not fill the 9x6"):
        dataset.read("alley_1/frame_0001")
    path.write_bytes(b"")
    with pytest.raises(SampleError, match="tag"):
        dataset.read("alley_1/frame_0001")


def test_depth_of_another_size_is_a_skip(tmp_path: Path) -> None:
    """Width stands first in the file: turned round, it does not fit."""
    trees.dpt(trees.sintel(tmp_path), trees.ramp((9, 6)))
    with pytest.raises(SampleError, match=r"depth \(9, 6\) and image \(6, 9\) differ"):
        datasets.open("sintel", tmp_path).read("alley_1/frame_0001")


def test_an_empty_folder_says_where_to_get_it(tmp_path: Path) -> None:
    """Both archives are named."""
    with pytest.raises(DatasetError, match=r"MPI-Sintel-complete.zip and .*MPI-Sintel-depth-training"):
        datasets.open("sintel", tmp_path)
    assert "there is no 'training/depth' here" in trees.said(sintel.check_sintel(tmp_path))


@pytest.mark.usefixtures("few")
def test_a_good_tree_has_no_problem(tmp_path: Path) -> None:
    """Two frames of the official size."""
    for frame in ("frame_0001", "frame_0002"):
        trees.sintel(tmp_path, frame=frame, size=OFFICIAL)
    assert sintel.check_sintel(tmp_path) == []


@pytest.mark.usefixtures("few")
def test_a_broken_tree_is_told(tmp_path: Path) -> None:
    """Counts, a missing image, a wrong tag and a wrong size, all at once."""
    trees.sintel(tmp_path, frame="frame_0001")
    (tmp_path / "training/final/alley_1/frame_0001.png").unlink()
    trees.dpt(trees.sintel(tmp_path, frame="frame_0002", size=OFFICIAL), trees.ramp(OFFICIAL), tag=2.0)
    trees.sintel(tmp_path, frame="frame_0003")
    found = trees.said(sintel.check_sintel(tmp_path))
    assert "3 depth maps are here and 2 were expected" in found
    assert "1 frames of the final pass are missing, alley_1/frame_0001 first" in found
    assert "does not begin with Sintel's tag" in found
    assert "the depth map has 6 rows and 9 columns, not 436x1024" in found
