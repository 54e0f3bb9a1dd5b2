"""DIML outdoor: its folders, and the unit that nobody is sure of."""

from pathlib import Path

import numpy as np
import pytest

from runners.datasets import DatasetError, SampleError
from runners.datasets.diml import check_diml, open_diml
from tests.runners.datasets.files import put_image, put_uint16


def put_pair(
    folder: Path, name: str = "0001", codes: np.ndarray | None = None, size: tuple[int, int] = (384, 640)
) -> None:
    """Write an image and its depth."""
    put_image(folder / "outleft" / f"{name}.png", size)
    put_uint16(folder / "depthmap" / f"{name}.png", np.full(size, 8000) if codes is None else codes)


@pytest.mark.parametrize("place", ["", "LR", "test/LR", "outdoor/test/LR", "building"])
def test_folders(tmp_path: Path, place: str) -> None:
    """Every folder that holds an ``outleft``, as ZoeDepth takes them."""
    codes = np.full((384, 640), 8000)
    codes[0, 0] = 0
    put_pair(tmp_path / place, codes=codes)
    (sample,) = open_diml(tmp_path)
    assert sample.id == f"{place or 'test'}/0001"
    assert (sample.truth[1, 1], sample.mask[0, 0], sample.group) == (8, False, place or "test")


def test_doubt_is_noted(tmp_path: Path) -> None:
    """With every image that is scored."""
    put_pair(tmp_path)
    assert "in doubt (ZoeDepth issue 96)" in open_diml(tmp_path).notes["test/0001"]


def test_broken_trees(tmp_path: Path) -> None:
    """Nothing, and an image without depth."""
    with pytest.raises(DatasetError, match=r"outleft.*dimlrgbd.github.io"):
        open_diml(tmp_path)
    put_image(tmp_path / "outleft/0001.png")
    with pytest.raises(SampleError, match=r"0001\.png"):
        open_diml(tmp_path).read("test/0001")


def test_check(tmp_path: Path) -> None:
    """Whether the unit can be millimetres is told from the middle depth."""
    for name in (f"{index:04d}" for index in range(3)):
        put_pair(tmp_path, name)
    assert [p.message.split(". ")[0] for p in check_diml(tmp_path)] == ["3 test images are here and 500 were expected"]
    put_pair(tmp_path, "0000", np.full((384, 640), 800))
    assert "Its unit is in doubt" in " ".join(problem.message for problem in check_diml(tmp_path))
    put_pair(tmp_path, "0000", np.full((480, 640), 8000), (480, 640))
    assert "384x640 or 1080x1920" in " ".join(problem.message for problem in check_diml(tmp_path))
