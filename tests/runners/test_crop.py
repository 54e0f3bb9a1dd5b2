"""Crop windows: the pixels that the reference systems score, frame by frame."""

import pytest

from runners.crop import WINDOWS, CropError, frame_slices, window
from sitegen.records import CropWindow


def ranges(crop: CropWindow, height: int, width: int) -> tuple[int, int, int, int]:
    """First and end row, first and end column of a window."""
    rows, columns = window(crop, height, width)
    return rows.start, rows.stop, columns.start, columns.stop


@pytest.mark.parametrize(
    ("height", "width", "garg", "eigen"),
    [
        (375, 1242, (153, 371, 44, 1197), (124, 342, 44, 1197)),
        (370, 1226, (151, 366, 44, 1181), (122, 337, 44, 1181)),
        (370, 1224, (151, 366, 43, 1180), (122, 337, 43, 1180)),
        (376, 1241, (153, 372, 44, 1196), (124, 343, 44, 1196)),
        (374, 1238, (152, 370, 44, 1193), (124, 341, 44, 1193)),
        (352, 1216, (143, 349, 43, 1172), (117, 321, 43, 1172)),
    ],
)
def test_kitti_windows(height: int, width: int, garg: tuple[int, ...], eigen: tuple[int, ...]) -> None:
    """The Garg and Eigen windows of every KITTI image size, as protocols.md 1.2 lists them."""
    assert ranges(WINDOWS["garg"], height, width) == garg
    assert ranges(WINDOWS["eigen_kitti"], height, width) == eigen


def test_window_inside_the_kitti_benchmark_crop_is_another_one() -> None:
    """The same name in the KB frame means rows 166:372 and columns 56:1185 of the full image, not 153:371, 44:1197."""
    crop = WINDOWS["garg"].model_copy(update={"frame": "kb-crop-352x1216"})
    assert ranges(crop, 375, 1242) == (166, 372, 56, 1185)


def test_frame_of_the_benchmark_crop() -> None:
    """The lowest 352 rows and the middle 1216 columns; an image that is too small has none."""
    assert frame_slices("kb-crop-352x1216", 375, 1242) == (slice(23, 375), slice(13, 1229))
    with pytest.raises(CropError, match="1216x352 KITTI benchmark crop"):
        frame_slices("kb-crop-352x1216", 480, 640)


def test_pixel_window_must_fit_the_image() -> None:
    """The NYU window on a smaller image would silently score other pixels, or none: it is refused."""
    assert ranges(WINDOWS["eigen_nyu"], 480, 640) == (45, 471, 41, 601)
    with pytest.raises(CropError, match="rows 45:471 do not fit"):
        window(WINDOWS["eigen_nyu"], 240, 320)
