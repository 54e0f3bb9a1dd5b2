"""MoGe's bundle: log-coded depth, what is far too far, and every reason for which a sample is not prepared."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from runners import datasets
from runners.datasets import DatasetError, SampleError, moge_bundle
from tests.runners.datasets import trees

SIZE = (4, 8)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the parts be tiny."""
    monkeypatch.setattr(moge_bundle, "PARTS", dict.fromkeys(moge_bundle.PARTS, (*SIZE, 1)))


def codes(*first: int) -> np.ndarray:
    """Stored values: these first, then the nearest depth."""
    stored = np.ones(SIZE, dtype=np.uint16)
    stored.ravel()[: len(first)] = first
    return stored


def test_sizes_and_counts_are_those_of_the_protocols(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part has a protocol; both say the same."""
    monkeypatch.undo()
    for path in sorted((repo / "results/protocols").glob("*/moge.yaml")):
        protocol = yaml.safe_load(path.read_text(encoding="utf-8"))
        if protocol["ground_truth"]["variant"] == moge_bundle.VARIANT:
            rows, columns, count = moge_bundle.PARTS[protocol["dataset"]]
            assert protocol["sample_list"]["count"] == count
            assert protocol["resize"][0]["to"] == f"{rows}x{columns}"


def test_depth_is_logarithmic_between_near_and_far(tmp_path: Path) -> None:
    """0 is none, 65535 infinite, 1 the nearest, 65534 the farthest, the middle their geometric mean."""
    trees.bundle(tmp_path, "room/0", codes(0, 65535, 1, 65534, 32767, 32768), near=1, far=100)
    (sample,) = moge_bundle.open_bundle("gso", tmp_path)
    assert sample.truth.ravel()[:6] == pytest.approx([0, 0, 1, 100, 10, 10], rel=1e-3)
    assert sample.mask.ravel()[:6].tolist() == [False, False, True, True, True, True]
    assert (sample.id, sample.group) == ("room/0", "room")
    assert sample.intrinsics == (8.0, 8.0, 3.5, 1.5)


def test_depth_beyond_a_thousand_times_the_nearest_does_not_count(tmp_path: Path) -> None:
    """The rule of the protocol: above 1000 times the 1 percent quantile."""
    trees.bundle(tmp_path, "a", codes(65534, 60000), near=0.1, far=1000)
    (sample,) = moge_bundle.open_bundle("gso", tmp_path)
    assert sample.mask.ravel()[:3].tolist() == [False, False, True]
    assert sample.truth.ravel()[0] == pytest.approx(1000)


def test_no_depth_at_all_is_an_empty_mask(tmp_path: Path) -> None:
    """Such an image is left to the protocol's least count of pixels."""
    trees.bundle(tmp_path, "a", codes() * 0)
    (sample,) = moge_bundle.open_bundle("gso", tmp_path)
    assert not sample.mask.any()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": (6, 8)}, r"image \(6, 8\) and depth \(4, 8\) are not of the protocol's size \(4, 8\)"),
        ({"matrix": [[1, 0, 0.6], [0, 2, 0.5], [0, 0, 1]]}, r"the principal point \(4.3, 1.5\) is not in the middle"),
        ({"matrix": [[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]}, "pixels are not square"),
        ({"text": False}, "lost its text chunk near, far"),
        ({"matrix": [[1, 0]]}, "meta.json: cannot be read"),
    ],
)
def test_what_would_have_to_be_projected_again_is_a_skip(tmp_path: Path, changes, sentence: str) -> None:
    """Another size, another camera, a depth map that lost its range, a broken camera."""
    trees.bundle(tmp_path, "a", codes(), **changes)
    with pytest.raises(SampleError, match=sentence):
        moge_bundle.open_bundle("gso", tmp_path).read("a")


def test_an_8_bit_depth_map_is_a_skip(tmp_path: Path) -> None:
    """Depth that went through another program."""
    trees.bundle(tmp_path, "a", codes())
    trees.photo(tmp_path / "a/depth.png", SIZE)
    with pytest.raises(SampleError, match="a 16-bit depth map was expected, not an image of mode RGB"):
        moge_bundle.open_bundle("gso", tmp_path).read("a")


def test_data_sets_open_their_part(tmp_path: Path) -> None:
    """The ground truth ``moge-bundle`` of DIODE, ETH3D and Sintel is this one; GSO has no other."""
    trees.bundle(tmp_path, "a", codes())
    for name in ("diode", "eth3d", "sintel"):
        dataset = datasets.open(name, tmp_path, "moge-bundle")
        assert (dataset.id, len(list(dataset))) == (name, 1)
    assert datasets.open("gso", tmp_path).split == "MoGe's bundle, .index.txt"


def test_checks(tmp_path: Path) -> None:
    """A good part; one of another size; a folder that is none."""
    trees.bundle(tmp_path / "a", "0", codes())
    assert moge_bundle.check_bundle("gso", tmp_path / "a") == []
    trees.bundle(tmp_path / "a", "1", np.ones((5, 5)))
    found = trees.said(moge_bundle.check_bundle("gso", tmp_path / "a"))
    assert "2 samples are here and 1 were expected" in found
    assert "MoGe projects such samples again, which is not done here" in found
    assert "there is no '.index.txt' here" in trees.said(moge_bundle.check_bundle("gso", tmp_path))


def test_a_path_may_not_lead_out(tmp_path: Path) -> None:
    """An index from elsewhere reads nothing outside its folder."""
    (tmp_path / ".index.txt").write_text("../elsewhere\n", encoding="utf-8")
    with pytest.raises(SampleError, match="leads out"):
        moge_bundle.open_bundle("gso", tmp_path).read("../elsewhere")
    with pytest.raises(DatasetError, match="--root"):
        moge_bundle.open_bundle("gso", None)
