"""Hypersim: distance along the ray becomes planar depth, in both packings; lists; depth of the wrong kind is found."""

from pathlib import Path

import numpy as np
import pytest

from runners import datasets
from runners.datasets import DatasetError, SampleError, hypersim, rays
from tests.runners.datasets import trees

SIZE = (768, 1024)
CAMERA = (886.81, 886.81, 511.5, 383.5)
CSV = "metadata_images_split_scene_v1.csv"
COLUMNS = "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"


def room(back: float = 4.0) -> np.ndarray:
    """Planar depth of a room: floor and ceiling 1.2 m below and above, a slanted wall at the back."""
    rows = np.abs(np.arange(768)[:, None] - 383.5)
    wall = back / (1 + (np.arange(1024) - 511.5) * 2e-4)
    return np.minimum(1.2 * 886.81 / rows, wall + np.zeros(SIZE))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect two images of each list."""
    monkeypatch.setattr(hypersim, "LISTS", {name: (title, 2) for name, (title, _) in hypersim.LISTS.items()})


def official(root: Path, distance: np.ndarray, count: int = 1) -> Path:
    """Write frames of the official packing with Marigold's list."""
    frames = [f"{index:04d}" for index in range(count)]
    trees.hypersim_list(root, *frames)
    for frame in frames:
        trees.hypersim(root, distance, frame)
    return root


def test_distance_becomes_planar_depth(tmp_path: Path) -> None:
    """Depth = distance * f / norm(x, y, f), worked out by hand at the corner; NaN is no depth."""
    distance = np.full(SIZE, 8.0)
    distance[0, 1] = np.nan
    (sample,) = datasets.open("hypersim", official(tmp_path, distance))
    assert (sample.id, sample.group, sample.intrinsics) == ("ai_001_010/cam_00/0000", "ai_001_010", CAMERA)
    assert sample.truth[0, 0] == pytest.approx(8 * 886.81 / np.sqrt(511.5**2 + 383.5**2 + 886.81**2), rel=1e-6)
    assert sample.truth[383, 511] == pytest.approx(8, rel=1e-6)
    assert sample.truth[0, 1] == 0
    assert sample.mask.sum() == 768 * 1024 - 1


def test_marigolds_packing_has_the_same_ids(tmp_path: Path) -> None:
    """Millimetres along the axis, 0 = none; the folder may be that of the test part or the one above it."""
    trees.hypersim_list(tmp_path, "0000")
    trees.hypersim_packed(tmp_path / "test", np.array([[0.0, 2.5], [3.0, 65.0]]))
    (sample,) = datasets.open("hypersim", tmp_path)
    assert sample.id == "ai_001_010/cam_00/0000"
    np.testing.assert_allclose(sample.truth, [[0, 2.5], [3, 65]])
    assert sample.mask.tolist() == [[False, True], [True, True]]
    assert sample.intrinsics is None  # a tiny image: the camera is that of 768x1024


def test_the_official_list_is_the_public_test_part(tmp_path: Path) -> None:
    """Rows of other parts, and images that were not published, are left out."""
    rows = [COLUMNS]
    rows += [
        "ai_001_010,cam_00,0,True,,test",
        "ai_001_010,cam_00,1,False,blurred,test",
        "ai_001_001,cam_00,2,True,,train",
    ]
    (tmp_path / CSV).write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert datasets.open("hypersim", tmp_path).ids == ("ai_001_010/cam_00/0000",)
    assert datasets.open("hypersim", tmp_path).split == "test, official split v1"


def test_a_list_is_never_invented(tmp_path: Path) -> None:
    """Without a list there is no data set, and the message says where the lists are."""
    trees.hypersim(tmp_path, np.ones(SIZE))
    with pytest.raises(DatasetError, match=r"none of the lists .*filename_list_test_filtered.txt.*prs-eth/Marigold"):
        datasets.open("hypersim", tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("filename_list_test_filtered.txt", "ai_1/x.png\n", "line 1 names no image"),
        (CSV, "scene_name,camera_name\n", "has no column frame_id, included_in_public_release, split_partition_name"),
        (CSV, "", "has no column"),
        (CSV, f"{COLUMNS}\nai_001_010,cam_00,0,True\n", "line 2 was cut"),
        (CSV, f"{COLUMNS}\n../../x,cam_00,0,True,,test\n", "line 2 names no image"),
    ],
)
def test_a_broken_list_is_told(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    """Lists of another form are refused with their line or column."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=sentence):
        datasets.open("hypersim", tmp_path)


def test_broken_files_are_skips(tmp_path: Path) -> None:
    """A missing file, one that is no HDF5, one of another size."""
    root = official(tmp_path, np.ones(SIZE), 3)
    geometry = root / "ai_001_010/images/scene_cam_00_geometry_hdf5"
    (geometry / "frame.0000.depth_meters.hdf5").unlink()
    (geometry / "frame.0001.depth_meters.hdf5").write_bytes(b"none")
    trees.hypersim(root, np.ones((4, 5)), "0002")
    dataset = datasets.open("hypersim", root)
    assert list(dataset) == []
    assert ["cannot be read" in skip.reason for skip in dataset.skipped] == [True, True, False]
    assert "only for (768, 1024) is the camera known" in dataset.skipped[2].reason


def test_a_packed_pair_of_two_sizes_is_a_skip(tmp_path: Path) -> None:
    """Image and depth of different sizes do not belong together."""
    trees.hypersim_list(tmp_path, "0000")
    trees.hypersim_packed(tmp_path, np.ones((4, 5)))
    trees.photo(tmp_path / "ai_001_010/rgb_cam_00_fr0000.png", (5, 5))
    with pytest.raises(SampleError, match="differ in size"):
        datasets.open("hypersim", tmp_path).read("ai_001_010/cam_00/0000")


@pytest.mark.parametrize("power", [0, 1, -1])
def test_planes_tell_the_kind_of_depth(power: int) -> None:
    """Planar depth, distance, and depth divided once too often are told apart, also with millimetre steps."""
    stored = np.round(room() * rays.lengths(SIZE, CAMERA) ** power, 3)
    assert rays.power(stored, CAMERA) == power


def test_what_shows_no_planes_gives_no_verdict() -> None:
    """Clutter, and a map that is too small or empty."""
    clutter = np.random.default_rng(0).uniform(1, 5, SIZE)
    assert rays.power(clutter, CAMERA) is None
    assert rays.power(np.full(SIZE, np.nan), CAMERA) is None
    assert rays.power(np.ones((8, 8)), (10, 10, 3.5, 3.5)) is None


@pytest.mark.usefixtures("few")
def test_good_trees_have_no_problem(tmp_path: Path) -> None:
    """Both packings."""
    assert hypersim.check_hypersim(official(tmp_path / "a", room() * rays.lengths(SIZE, CAMERA), 2)) == []
    trees.hypersim_list(tmp_path / "b", "0000", "0001")
    for frame in ("0000", "0001"):
        trees.hypersim_packed(tmp_path / "b", room(), frame)
    assert hypersim.check_hypersim(tmp_path / "b") == []


@pytest.mark.usefixtures("few")
def test_distance_packed_as_depth_is_told(tmp_path: Path) -> None:
    """A packing that forgot to convert, and HDF5 files that were converted in place."""
    trees.hypersim_list(tmp_path, "0000")
    trees.hypersim_packed(tmp_path, room() * rays.lengths(SIZE, CAMERA))
    found = trees.said(hypersim.check_hypersim(tmp_path))
    assert "not yet planar depth" in found
    assert "1 listed images are here and 2 were expected" in found
    in_place = official(tmp_path / "in-place", room())
    assert "planar depth was stored where distances belong" in trees.said(hypersim.check_hypersim(in_place))


@pytest.mark.usefixtures("few")
def test_another_size_is_told(tmp_path: Path) -> None:
    """Depth that was made smaller."""
    trees.hypersim_list(tmp_path, "0000", "0001")
    for frame in ("0000", "0001"):
        trees.hypersim_packed(tmp_path, np.full((96, 128), 2.0), frame)
    assert "96 rows and 128 columns, not 768x1024" in trees.said(hypersim.check_hypersim(tmp_path))


def test_missing_files_are_counted(tmp_path: Path) -> None:
    """Most downloads of Hypersim are parts of it: how much of the list is there, in one sentence."""
    trees.hypersim_list(tmp_path, *(f"{index:04d}" for index in range(100)))
    trees.hypersim_packed(tmp_path, np.full((4, 5), 2.0))
    assert "is not there, in all 198 of 200 files that are listed" in trees.said(hypersim.check_hypersim(tmp_path))


def test_a_folder_without_a_list_is_told(tmp_path: Path) -> None:
    """The loader's refusal is the problem."""
    assert "none of the lists" in trees.said(hypersim.check_hypersim(tmp_path))
