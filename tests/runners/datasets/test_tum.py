"""TUM RGB-D: time stamps, the factor 5000, the .h5 subset."""

from pathlib import Path

import numpy as np
import pytest

from runners.datasets import DatasetError
from runners.datasets.tum import associate, check_tum, open_tum
from tests.runners.datasets import files

SEQUENCE = "rgbd_dataset_freiburg3_walking_xyz"


def sequence(root: Path, value: float = 7500) -> Path:
    """Three colour images; the second has no depth image within 0.02 s."""
    folder = root / SEQUENCE
    for time in ("1.000000", "1.100000", "1.200000"):
        files.put_image(folder / "rgb" / f"{time}.png")
    for time in ("1.019000", "1.121000", "1.199000", "1.205000"):
        files.put_uint16(folder / "depth" / f"{time}.png", files.holed(value=value))
    for kind in ("rgb", "depth"):
        names = sorted(path.stem for path in (folder / kind).iterdir())
        lines = [f"{name} {kind}/{name}.png" for name in names]
        files.put_lines(folder / f"{kind}.txt", "# color images", "# timestamp filename", *lines)
    return root


def subset(root: Path) -> Path:
    """One file as prepared for the mannequin challenge paper."""
    image = np.full((288, 512, 3), 0.5, np.float32)
    files.put_hdf5(root / "TUM" / "00007.h5", gt__img_1=image, gt__gt_depth=files.holed((288, 512), 3))
    return root


def test_nearest_pairs_come_first() -> None:
    """Each position is used once; what is just as far as the limit is no pair."""
    first = [(0.00, "a"), (0.01, "b"), (5.0, "c")]
    second = [(0.008, "x"), (0.02, "y"), (5.02, "z")]
    assert associate(first, second, 0.02) == [(1, 0)]
    assert associate(first, second, 0.03) == [(0, 1), (1, 0), (2, 2)]


@pytest.mark.parametrize("deep", [True, False])
def test_sequence(tmp_path: Path, deep: bool) -> None:
    """The folder of sequences or one sequence; ids are times of the colour images; metres are the value / 5000."""
    root = sequence(tmp_path)
    dataset = open_tum(root if deep else root / SEQUENCE)
    assert dataset.ids == (f"{SEQUENCE}/1.000000", f"{SEQUENCE}/1.200000")
    sample = dataset.read(f"{SEQUENCE}/1.000000")
    assert (sample.truth[9, 9], sample.truth[5, 7], sample.mask[0, 0]) == (1.5, 0.75, False)
    assert (sample.group, sample.intrinsics) == (SEQUENCE, (535.4, 539.2, 320.1, 247.6))
    assert check_tum(root) == []


def test_subset_of_midas(tmp_path: Path) -> None:
    """RGB in 0..1 and metres; the count is that of the protocol."""
    sample = open_tum(subset(tmp_path)).read("00007")
    assert (sample.image[0, 0].tolist(), sample.truth[9, 9], sample.truth.dtype) == ([128] * 3, 3, np.float32)
    assert sample.mask.sum() == 288 * 512 - 16
    assert ["1815 were expected" in problem.message for problem in check_tum(tmp_path)] == [True]


def test_faults_are_told(tmp_path: Path) -> None:
    """No files, a list of something else, millimetres, another sequence's list, arrays that do not fit."""
    with pytest.raises(DatasetError, match=r"neither \.h5 files nor a sequence"):
        open_tum(tmp_path)
    sequence(tmp_path, value=1400)
    assert "value / 5000, not / 1000" in check_tum(tmp_path)[0].message
    files.put_lines(tmp_path / SEQUENCE / "depth.txt", "9.0 depth/9.png")
    assert "only 0 of 3 colour images" in check_tum(tmp_path)[0].message
    files.put_lines(tmp_path / SEQUENCE / "depth.txt", "depth/9.png")
    with pytest.raises(DatasetError, match="a time stamp and a file were expected"):
        open_tum(tmp_path)
    files.put_hdf5(tmp_path / "a.h5", gt__img_1=np.zeros((4, 4, 3)), gt__gt_depth=np.ones((5, 4)))
    files.put_hdf5(tmp_path / "b.h5", gt__img_1=np.zeros((4, 4, 3)))
    (tmp_path / "c.h5").write_bytes(b"no HDF5")
    dataset = open_tum(tmp_path)
    assert list(dataset) == []
    assert [skip.reason.partition(":")[2][:22] for skip in dataset.skipped] == [
        " gt/img_1 is (4, 4, 3)",
        " cannot be read (KeyEr",
        " cannot be read (OSErr",
    ]


@pytest.mark.shared
def test_real_frames(tmp_path: Path, shared: Path) -> None:
    """The real frames have 8026 and 8624 at pixel (240, 320), a third of holes, and nothing beyond 10.5 m."""
    folder = tmp_path / "rgbd_dataset_freiburg2_desk"
    for kind in ("rgb", "depth"):
        folder.mkdir(exist_ok=True)
        (folder / kind).symlink_to(shared / "data" / "tum-rgbd" / kind)
        files.put_lines(folder / f"{kind}.txt", f"# {kind}", f"1.0 {kind}/1.png", f"2.0 {kind}/2.png")
    one, two = open_tum(tmp_path)
    assert (one.truth[240, 320], two.truth[240, 320]) == pytest.approx((8026 / 5000, 8624 / 5000))
    assert two.truth.max() == pytest.approx(52492 / 5000)
    assert 1 - one.mask.mean() == pytest.approx(0.333141, abs=1e-6)
    assert one.intrinsics == (520.9, 521.0, 325.1, 249.7)
    assert check_tum(tmp_path) == []
