"""Virtual KITTI 2: centimetres, sky, the rule of the list, and where its archives unpack to."""

from pathlib import Path

import numpy as np
import pytest

from runners.datasets import DatasetError, SampleError, vkitti
from runners.datasets.vkitti import check_vkitti, open_vkitti
from tests.runners.datasets.files import put_image, put_uint16

NAME = "Scene01/clone/Camera_0/00000"


def put_frame(rgb: Path, depth: Path, codes: np.ndarray | None = None, size: tuple[int, int] = (375, 1242)) -> None:
    """Write a frame."""
    if codes is None:
        codes = np.full(size, 1234)
        codes[:20] = 65535
    put_image(rgb / "Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg", size)
    put_uint16(depth / "Scene01/clone/frames/depth/Camera_0/depth_00000.png", codes)


@pytest.mark.parametrize(("rgb", "depth"), [("", ""), ("vkitti_2.0.3_rgb", "vkitti_2.0.3_depth"), ("rgb", "depth")])
def test_centimetres_and_sky(tmp_path: Path, rgb: str, depth: str) -> None:
    """In one tree, as the archives unpack, and as Marigold packs it; what the sky stores stays under the mask."""
    put_frame(tmp_path / rgb, tmp_path / depth)
    sample = open_vkitti(tmp_path).read(NAME)
    assert (sample.group, sample.truth.dtype) == ("clone", np.float32)
    assert sample.truth[100, 0] == pytest.approx(12.34)
    assert (sample.mask[100, 0], sample.mask[0, 0]) == (True, False)
    assert sample.truth[0, 0] == pytest.approx(655.35)


def test_list_is_the_rule(tmp_path: Path) -> None:
    """5364 images, whether they are there or not: what is missing is a skip with the file's name."""
    put_frame(tmp_path, tmp_path)
    dataset = open_vkitti(tmp_path)
    assert len(dataset) == 5364
    assert dataset.ids[-1] == "Scene01/sunset/Camera_1/00446"
    assert not any("fog" in name or "rain" in name or "30-deg" in name for name in dataset.ids)
    # the published file has these lines, without a newline after the last
    line = "rgb/Scene01/{0}/frames/rgb/Camera_1/rgb_00000.jpg depth/Scene01/{0}/frames/depth/Camera_1/depth_00000.png\n"
    assert sum(len(line.format(name.split("/")[1])) for name in dataset.ids) - 1 == 624_011
    with pytest.raises(SampleError, match=r"depth_00001\.png"):
        dataset.read("Scene01/clone/Camera_0/00001")


def test_broken_trees_are_told_in_sentences(tmp_path: Path) -> None:
    """Without the depth's archive, and with nothing."""
    with pytest.raises(DatasetError, match=r"no Scene01/<variation>/frames/rgb.*naverlabs"):
        open_vkitti(tmp_path)
    put_image(tmp_path / "vkitti_2.0.3_rgb/Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg")
    assert "frames/depth" in check_vkitti(tmp_path)[0].message


def test_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole tree has nothing wrong; sky taken for depth, millimetres and a cut are told."""
    monkeypatch.setattr(vkitti, "VARIATIONS", ("clone",))
    monkeypatch.setattr(vkitti, "CAMERAS", 1)
    monkeypatch.setattr(vkitti, "FRAMES", 1)

    def told(**frame: object) -> str:
        put_frame(tmp_path, tmp_path, **frame)  # type: ignore[arg-type]
        return " ".join(problem.message for problem in check_vkitti(tmp_path))

    assert told() == ""
    sky = np.full((375, 1242), 1234)
    sky[:20] = 65534
    assert "sky (65535) was rewritten" in told(codes=sky)
    assert "centimetres" in told(codes=np.full((375, 1242), 12340))
    assert "375x1242" in told(codes=np.full((352, 1216), 1234), size=(352, 1216))
    (tmp_path / "Scene01/clone/frames/depth/Camera_0/depth_00000.png").unlink()
    text = " ".join(problem.message for problem in check_vkitti(tmp_path))
    assert "is not there, in all 1 of 2 files that are listed" in text
