"""Crop windows: which pixels of an image count, in which frame.

A window is half-open, rows and columns, in pixels or in fractions of its frame; fractions are cut off to whole pixels,
as every reference implementation does.
"""

from __future__ import annotations

from collections.abc import Callable

from sitegen.records import CropWindow, Frame

__all__ = ["WINDOWS", "CropError", "frame_slices", "window"]

_KB_HEIGHT, _KB_WIDTH = 352, 1216


class CropError(ValueError):
    """A crop window does not fit an image."""


def window(crop: CropWindow, height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns of an image that lie in a crop window.

    Args:
        crop: The window and its frame.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Raises:
        CropError: If the image is too small for the frame or the window.
    """
    top, left, frame_height, frame_width = _FRAMES[crop.frame](height, width)
    first_row, end_row = _bounds(crop.rows, crop.unit, frame_height, "rows")
    first_column, end_column = _bounds(crop.columns, crop.unit, frame_width, "columns")
    return slice(top + first_row, top + end_row), slice(left + first_column, left + end_column)


def frame_slices(frame: Frame, height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns of an image that make up a frame.

    Raises:
        CropError: If the image is too small for it.
    """
    top, left, frame_height, frame_width = _FRAMES[frame](height, width)
    return slice(top, top + frame_height), slice(left, left + frame_width)


def _bounds(limits: list[float] | None, unit: str | None, extent: int, name: str) -> tuple[int, int]:
    if limits is None:
        return 0, extent
    factor = extent if unit == "fraction" else 1
    first, end = int(limits[0] * factor), int(limits[1] * factor)
    if not 0 <= first < end <= extent:
        raise CropError(f"window {name} {first}:{end} do not fit a frame of {extent} {name}")
    return first, end


def _full_image(height: int, width: int) -> tuple[int, int, int, int]:
    return 0, 0, height, width


def _kb_crop(height: int, width: int) -> tuple[int, int, int, int]:
    if height < _KB_HEIGHT or width < _KB_WIDTH:
        raise CropError(f"an image of {width}x{height} has no {_KB_WIDTH}x{_KB_HEIGHT} KITTI benchmark crop")
    return height - _KB_HEIGHT, (width - _KB_WIDTH) // 2, _KB_HEIGHT, _KB_WIDTH


_FRAMES: dict[Frame, Callable[[int, int], tuple[int, int, int, int]]] = {
    "full-image": _full_image,
    "kb-crop-352x1216": _kb_crop,
}
"""Frame name to its (top, left, height, width) in an image of a height and width."""

WINDOWS: dict[str, CropWindow] = {
    "eigen_nyu": CropWindow(name="eigen-nyu", frame="full-image", rows=[45, 471], columns=[41, 601], unit="pixels"),
    "eigen_kitti": CropWindow(
        name="eigen-kitti",
        frame="full-image",
        rows=[0.3324324, 0.91351351],
        columns=[0.0359477, 0.96405229],
        unit="fraction",
    ),
    "garg": CropWindow(
        name="garg-kitti",
        frame="full-image",
        rows=[0.40810811, 0.99189189],
        columns=[0.03594771, 0.96405229],
        unit="fraction",
    ),
}
"""The windows that a manifest entry may name, on the full image."""
