"""NYU Depth V2 in its three layouts: axes, indices, units, the wrong ground truth, the wrong JPEGs."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from runners.datasets import DatasetError, SampleError, nyu
from runners.datasets.cache import TruthCache, using
from runners.datasets.nyu import BTS_LIST, INTRINSICS, MARIGOLD_LIST, check_nyu, open_nyu
from tests.runners.datasets import files

SCENES = ["kitchen_0004", "kitchen_0004", "office_0005"]


def labelled(root: Path) -> Path:
    """The publisher's files: three images, of which the first and the third are for tests."""
    images = np.zeros((480, 640, 3, 3), np.uint8)
    raw, filled = np.zeros((2, 480, 640, 3), np.float32)
    for i in range(3):
        images[..., i] = 255
        images[7:474, 7:632, :, i] = (10, 20, 30 + i)
        raw[..., i] = files.holed(value=2 + i)
        filled[..., i] = 2 + i
    images[100, 200, :, 0] = (1, 2, 3)
    texts = {"scenes": SCENES}
    files.put_mat73(root / "nyu_depth_v2_labeled.mat", texts, images=images, rawDepths=raw, depths=filled)
    files.put_mat5(root / "splits.mat", testNdxs=np.array([[1], [3]], np.uint16), trainNdxs=np.array([[2]], np.uint16))
    return root


def bts(root: Path) -> Path:
    """BTS's packing: numbers count from 0, folders are types of scene, frames are black."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[7:474, 7:632] = 90
    files.put_rgb(root / "test" / "kitchen" / "rgb_00000.jpg", image)
    files.put_uint16(root / "test" / "kitchen" / "sync_depth_00000.png", files.holed(value=2345))
    files.put_lines(root / BTS_LIST, "kitchen/rgb_00000.jpg kitchen/sync_depth_00000.png 518.8579")
    return root


def marigold(root: Path) -> Path:
    """Marigold's packing: numbers count from 1, the files called filled are not read."""
    folder = root / "test" / "kitchen_0004"
    files.put_image(folder / "rgb_0001.png", value=255)
    files.put_uint16(folder / "depth_0001.png", files.holed(value=2345))
    name = "test/kitchen_0004/"
    line = f"{name}rgb_0001.png {name}depth_0001.png {name}filled_0001.png"
    files.put_lines(root / "data_split" / "nyu" / "labeled" / MARIGOLD_LIST, line)
    return root


def test_publishers_file(tmp_path: Path) -> None:
    """Indices count from 1, axes are turned back, the raw depth is the usual truth."""
    dataset = open_nyu(labelled(tmp_path))
    assert dataset.ids == ("0001", "0003")
    first, third = dataset
    assert (first.group, third.group) == ("kitchen_0004", "office_0005")
    assert first.image.shape == (480, 640, 3)
    assert first.image[100, 200].tolist() == [1, 2, 3]
    assert third.image[50, 50].tolist() == [10, 20, 32]
    assert (first.truth.dtype, first.truth[5, 7], first.truth[100, 100], third.truth[100, 100]) == (np.float32, 1, 2, 4)
    assert first.mask.sum() == 480 * 640 - 16
    assert first.intrinsics == INTRINSICS
    filled = open_nyu(tmp_path, "filled-sensor").read("0001")
    assert filled.mask.all()
    assert filled.truth[5, 7] == 2


@pytest.mark.parametrize("build", [bts, marigold])
def test_packings_have_the_publishers_ids(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    """BTS counts from 0 and Marigold from 1; the same image has one id. Depth is in millimetres."""
    dataset = open_nyu(build(tmp_path))
    assert dataset.ids == ("0001",)
    sample = dataset.read("0001")
    assert sample.truth[100, 100] == pytest.approx(2.345)
    assert (sample.mask[0, 0], sample.mask[5, 7]) == (False, True)


def test_depth_of_the_mat_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cache, a second pass opens the file for the image alone; the truth is the same."""
    opened = []
    hdf5 = nyu.hdf5

    def spy(path: Path) -> AbstractContextManager[object]:
        opened.append(path)
        return hdf5(path)

    monkeypatch.setattr(nyu, "hdf5", spy)
    dataset = open_nyu(labelled(tmp_path))
    with using(TruthCache(tmp_path / "cache")):
        opened.clear()
        first, second = dataset
        assert len(opened) == 4
        again, _ = dataset
        assert len(opened) == 6
    np.testing.assert_array_equal(first.truth, again.truth)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert not np.array_equal(first.truth, second.truth)


def test_faults_of_a_folder_are_told(tmp_path: Path) -> None:
    """No folder, an empty one, no splits, a list of something else, filled depth where there is none."""
    with pytest.raises(DatasetError, match=r"name its folder with --root\. Get nyu_depth"):
        open_nyu(None)
    with pytest.raises(DatasetError, match="there is no such folder"):
        open_nyu(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"neither nyu_depth_v2_labeled\.mat nor a packing"):
        open_nyu(tmp_path)
    with pytest.raises(DatasetError, match=r"filled depth is in nyu_depth_v2_labeled\.mat alone"):
        open_nyu(bts(tmp_path / "bts"), "filled-sensor")
    files.put_lines(tmp_path / "bts" / BTS_LIST, "kitchen/rgb_00000.jpg")
    with pytest.raises(DatasetError, match="is no pair of files"):
        open_nyu(tmp_path / "bts")
    labelled(tmp_path / "mat")
    files.put_mat5(tmp_path / "mat" / "splits.mat", testNdxs=np.array([[0]], np.uint16))
    with pytest.raises(DatasetError, match="count from 1"):
        open_nyu(tmp_path / "mat")
    files.put_mat5(tmp_path / "mat" / "splits.mat", other=1)
    with pytest.raises(DatasetError, match="has no variable 'testNdxs'"):
        open_nyu(tmp_path / "mat")
    (tmp_path / "mat" / "splits.mat").unlink()
    with pytest.raises(DatasetError, match=r"there is no splits\.mat"):
        open_nyu(tmp_path / "mat")


def test_broken_files_are_told(tmp_path: Path) -> None:
    """A file that was cut off is no data set; a missing image of a packing is a recorded skip."""
    labelled(tmp_path)
    whole = (tmp_path / "nyu_depth_v2_labeled.mat").read_bytes()
    (tmp_path / "nyu_depth_v2_labeled.mat").write_bytes(whole[:1000])
    with pytest.raises(DatasetError, match=r"nyu_depth_v2_labeled\.mat: cannot be read"):
        open_nyu(tmp_path)
    (tmp_path / "splits.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(DatasetError, match=r"splits\.mat: cannot be read"):
        open_nyu(tmp_path)
    (bts(tmp_path / "bts") / "test" / "kitchen" / "rgb_00000.jpg").write_bytes(b"no image")
    dataset = open_nyu(tmp_path / "bts")
    assert list(dataset) == []
    assert "rgb_00000.jpg: cannot be read" in dataset.skipped[0].reason


def messages(root: Path) -> list[str]:
    """What the check says besides count and hashes, which three images cannot have."""
    told = [problem.message for problem in check_nyu(root)]
    return [message for message in told if "were expected" not in message and "than the official" not in message]


@pytest.mark.parametrize(("build", "algorithm"), [(labelled, "md5"), (bts, "sha256"), (marigold, None)])
def test_good_folders_pass(tmp_path: Path, build: Callable[[Path], Path], algorithm: str | None) -> None:
    """Only the number of images is wrong here, and the hash where one is known."""
    assert messages(build(tmp_path)) == []
    count, *hashes = (problem.message for problem in check_nyu(tmp_path))
    assert "654 were expected" in count
    assert [message.split()[1] for message in hashes] == ([algorithm] if algorithm else [])


def test_traps_are_found(tmp_path: Path) -> None:
    """Filled depth, metres times 6000, PNGs from BTS's JPEGs, BTS's training images, other sizes, no files."""
    folder = marigold(tmp_path / "filled") / "test" / "kitchen_0004"
    files.put_uint16(folder / "depth_0001.png", np.full((480, 640), 2000))
    assert "take 'rawdepths'" in messages(tmp_path / "filled")[0].lower()
    files.put_uint16(folder / "depth_0001.png", files.holed(value=12000))
    assert "1/6000 m" in messages(tmp_path / "filled")[0]
    files.put_uint16(folder / "depth_0001.png", files.holed(value=2000))
    files.put_image(folder / "rgb_0001.png", value=0)
    assert "re-packed from BTS's JPEGs" in messages(tmp_path / "filled")[0]
    files.put_image(folder / "rgb_0001.png", (240, 320))
    assert "the image has 240 rows and 320 columns, not 480x640" in messages(tmp_path / "filled")[0]
    files.put_image(bts(tmp_path / "bts") / "test" / "kitchen" / "rgb_00000.jpg", value=255)
    assert "its training archive (sync.zip) are white" in messages(tmp_path / "bts")[0]
    assert "neither nyu_depth_v2_labeled.mat" in check_nyu(tmp_path)[0].message


@pytest.mark.shared
def test_real_files_in_all_layouts(tmp_path: Path, shared: Path) -> None:
    """The real pixel (240, 320) of the first test image is 3.361 m; the real BTS files have 27 % holes.

    The test image's depth is the filled-in one, which the check says; its frame is white as in the publisher's file.
    """
    real = shared / "data" / "nyu-v2-test"
    folder = tmp_path / "mg" / "test" / "kitchen_0004"
    folder.mkdir(parents=True)
    shutil.copy(real / "image_0.png", folder / "rgb_0001.png")
    shutil.copy(real / "depth_0.png", folder / "depth_0001.png")
    files.put_lines(tmp_path / "mg" / MARIGOLD_LIST, "test/kitchen_0004/rgb_0001.png test/kitchen_0004/depth_0001.png")
    sample = open_nyu(tmp_path / "mg").read("0001")
    assert sample.truth[240, 320] == pytest.approx(3.361)
    assert (sample.truth.min(), sample.truth.max()) == pytest.approx((1.798, 3.615))
    assert [text.split(":")[0] for text in messages(tmp_path / "mg")] == ["the depth has no hole"]

    images, raw = sample.image[..., None], sample.truth[..., None]
    files.put_mat73(tmp_path / "nyu_depth_v2_labeled.mat", {"scenes": SCENES[:1]}, images=images, rawDepths=raw)
    files.put_mat5(tmp_path / "splits.mat", testNdxs=np.array([[1]]))
    again = open_nyu(tmp_path).read("0001")
    assert np.array_equal(again.image, sample.image)
    assert np.array_equal(again.truth, sample.truth)

    listing = tmp_path / "bts" / BTS_LIST
    name = "basement_0001a"
    files.put_lines(listing, *(f"/{name}/rgb_{i:05d}.jpg /{name}/sync_depth_{i:05d}.png 518.8579" for i in (0, 50)))
    (tmp_path / "bts" / name).symlink_to(shared / "data" / "nyu-v2-sync" / name)
    dataset = open_nyu(tmp_path / "bts")
    assert dataset.ids == ("0001", "0051")
    sample = dataset.read("0001")
    assert sample.truth[240, 320] == pytest.approx(3.015)
    assert 1 - sample.mask.mean() == pytest.approx(0.267184, abs=1e-6)
    assert ["sync.zip" in text for text in messages(tmp_path / "bts")] == [True]


def test_a_bad_sample_names_its_file(tmp_path: Path) -> None:
    """An array that a labelled file lacks is told for the sample."""
    labelled(tmp_path)
    dataset = open_nyu(tmp_path)
    files.put_mat73(tmp_path / "nyu_depth_v2_labeled.mat", {"scenes": SCENES})
    with pytest.raises(SampleError, match=r"nyu_depth_v2_labeled\.mat: cannot be read"):
        dataset.read("0001")
