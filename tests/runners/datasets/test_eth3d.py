"""ETH3D: headerless depth that is called JPG, infinity, both packings, and the mix-up with undistorted photographs."""

from pathlib import Path

import numpy as np
import pytest

from runners import datasets
from runners.datasets import DatasetError, SampleError, eth3d
from tests.runners.datasets import trees


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect one image of one scene."""
    monkeypatch.setattr(eth3d, "SCENES", {"office": 1})


def test_the_published_list_is_454_images_of_13_scenes() -> None:
    """The counts of the scenes are those of the published list."""
    assert (len(eth3d.SCENES), sum(eth3d.SCENES.values())) == (13, 454)


def test_infinity_is_no_depth(tmp_path: Path) -> None:
    """Bare little-endian floats at the photograph's size; infinity becomes 0 and is masked."""
    trees.eth3d(tmp_path)
    (sample,) = datasets.open("eth3d", tmp_path)
    assert (sample.id, sample.group, sample.intrinsics) == ("office/DSC_0219", "office", None)
    assert (sample.truth[0] == 0).all()
    assert not sample.mask[0].any()
    assert sample.mask[1:].all()
    np.testing.assert_allclose(sample.truth[1:, 3], trees.ramp((6, 9))[1:, 3])
    assert sample.truth.dtype == np.float32


def test_marigolds_packing_has_the_same_ids(tmp_path: Path) -> None:
    """The same files in other folders are the same samples."""
    trees.eth3d(tmp_path / "official")
    packed = tmp_path / "packed"
    (packed / "rgb").mkdir(parents=True)
    (packed / "depth/office_dslr_depth/office").mkdir(parents=True)
    (tmp_path / "official/office/images").rename(packed / "rgb/office-images")
    (packed / "rgb/office").mkdir()
    (packed / "rgb/office-images").rename(packed / "rgb/office/images")
    (tmp_path / "official/office/ground_truth_depth").rename(
        packed / "depth/office_dslr_depth/office/ground_truth_depth"
    )
    (sample,) = datasets.open("eth3d", packed)
    assert sample.id == "office/DSC_0219"


def test_an_undistorted_photograph_is_a_skip(tmp_path: Path) -> None:
    """A photograph of another size than the depth names the mix-up."""
    trees.eth3d(tmp_path)
    trees.photo(tmp_path / "office/images/dslr_images/DSC_0219.JPG", (7, 10), kind="JPEG")
    with pytest.raises(SampleError, match=r"216 bytes are not float32 depth for a photograph of 10x7.*distorted"):
        datasets.open("eth3d", tmp_path).read("office/DSC_0219")


def test_a_real_jpeg_as_depth_is_a_skip(tmp_path: Path) -> None:
    """A truth folder that holds photographs is told by the length of its files."""
    path = trees.eth3d(tmp_path)
    trees.photo(path, (6, 9), kind="JPEG")
    dataset = datasets.open("eth3d", tmp_path)
    assert list(dataset) == []
    assert "are not float32 depth" in dataset.skipped[0].reason


def test_an_empty_folder_says_where_to_get_it(tmp_path: Path) -> None:
    """The message names the archives."""
    with pytest.raises(DatasetError, match=r"_dslr_depth.7z"):
        datasets.open("eth3d", tmp_path)
    assert "no ground truth of any scene" in trees.said(eth3d.check_eth3d(tmp_path))


@pytest.mark.usefixtures("few")
def test_a_good_tree_has_no_problem(tmp_path: Path) -> None:
    """Layout, count and depth are right."""
    trees.eth3d(tmp_path)
    assert eth3d.check_eth3d(tmp_path) == []


@pytest.mark.usefixtures("few")
def test_only_undistorted_photographs(tmp_path: Path) -> None:
    """The usual mistake: the other archive was unpacked."""
    trees.eth3d(tmp_path)
    images = tmp_path / "office/images"
    (images / "dslr_images").rename(images / "dslr_images_undistorted")
    found = trees.said(eth3d.check_eth3d(tmp_path))
    assert "1 photographs are missing, DSC_0219.JPG first. Only undistorted ones are here." in found


@pytest.mark.usefixtures("few")
def test_undistorted_photographs_in_place_of_the_others(tmp_path: Path) -> None:
    """Their size gives them away."""
    trees.eth3d(tmp_path)
    trees.photo(tmp_path / "office/images/dslr_images/DSC_0219.JPG", (7, 10), kind="JPEG")
    assert "not to those of <scene>_dslr_undistorted.7z" in trees.said(eth3d.check_eth3d(tmp_path))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("factor", "fill", "sentence"), [(1000, np.inf, "middle depth is not between"), (1, 2.0, "maps were filled in")]
)
def test_spoilt_depth_is_told(tmp_path: Path, factor: float, fill: float, sentence: str) -> None:
    """Millimetres, and maps without a hole."""
    path = trees.eth3d(tmp_path)
    depth = trees.ramp((6, 9)) * factor
    depth[0] = fill
    path.write_bytes(depth.astype("<f4").tobytes())
    assert sentence in trees.said(eth3d.check_eth3d(tmp_path))


def test_counts_of_scenes_are_checked(tmp_path: Path) -> None:
    """Each scene that is not complete is named."""
    trees.eth3d(tmp_path)
    found = trees.said(eth3d.check_eth3d(tmp_path))
    assert "office: 1 depth maps are here and 26 were expected" in found
    assert "pipes: 0 depth maps are here and 14 were expected" in found
