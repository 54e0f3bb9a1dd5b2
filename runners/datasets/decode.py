"""Reading images and depth maps from files, every storage format that a manifest may name.

Depth comes out as float32 metres with 0 where there is no measurement. In integer formats 0 means "none" and the top
code 65535 means saturated (or sky), which is no measurement either.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from runners.datasets.base import SampleError

__all__ = ["Depth", "array_image", "disparity_to_depth", "kinect_depth", "npy_depth", "npz_disparity", "png_disparity"]
__all__ += ["read_image", "read_mask", "reading", "rotated_depth", "uint16_codes", "uint16_depth"]

Depth = npt.NDArray[np.float32]

_SATURATED = 65535
_KINECT_NONE = 2047
_BROKEN = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    EOFError,
    SyntaxError,  # Pillow raises it for a broken PNG
    MemoryError,
    OverflowError,
    RecursionError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a broken file raises while it is read into a :class:`SampleError` that names it."""
    try:
        yield
    except SampleError:
        raise
    except _BROKEN as error:
        raise SampleError(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from error


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Return an image file, or a .npy array with RGB in 0..1 or 0..255, as uint8 (h, w, 3).

    Raises:
        SampleError: If the file is broken or holds something else.
    """
    with reading(path):
        if path.suffix.lower() == ".npy":
            return array_image(np.load(path, allow_pickle=False), path)
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """Return where an image of one channel (1, 8 or 16 bits) is not 0.

    Raises:
        SampleError: If the file is broken or holds several channels.
    """
    with reading(path), Image.open(path) as image:
        values = np.asarray(image)
    if values.ndim != 2:
        raise SampleError(f"{path.name}: a mask was expected, not {values.shape}")
    marked: npt.NDArray[np.bool_] = values != 0
    return marked


def uint16_depth(path: Path, scale: float) -> Depth:
    """Return a 16-bit PNG or PGM as metres: stored value times scale."""
    return _scaled(uint16_codes(path), scale)


def rotated_depth(path: Path, scale: float) -> Depth:
    """Return a SUN RGB-D depth map, whose 16 bits are stored rotated left by three places."""
    stored = uint16_codes(path)
    rotated: npt.NDArray[np.uint16] = np.bitwise_or(stored >> 3, stored << 13, dtype=np.uint16)
    return _scaled(rotated, scale)


def kinect_depth(path: Path) -> Depth:
    """Return the raw 11-bit disparity of a Kinect v1, written with its bytes swapped, as metres.

    Depth is 351.3 / (1092.5 - r), seen from the infrared camera: NOT registered to the colour image. 2047 is no
    measurement, and neither is anything beyond the pole of the formula.
    """
    raw = uint16_codes(path).byteswap().astype(np.float64)
    valid = (raw != _KINECT_NONE) & (raw < 1092.5)
    return np.where(valid, 351.3 / np.where(valid, 1092.5 - raw, 1), 0).astype(np.float32)


def npy_depth(path: Path, scale: float) -> Depth:
    """Return a .npy array as metres; what is not finite or not positive is no measurement."""
    with reading(path):
        values = np.load(path, allow_pickle=False)
        return _plane(values, path) * np.float32(scale)


def png_disparity(path: Path, scale: float) -> Depth:
    """Return an 8-bit PNG (grey, or a palette that is read as grey) as disparity in pixels, 0 where unknown."""
    with reading(path), Image.open(path) as image:
        if image.mode not in {"L", "P"}:
            raise SampleError(f"{path.name}: an 8-bit grey or palette image was expected, not mode {image.mode}")
        return np.asarray(image.convert("L")).astype(np.float32) * np.float32(scale)


def npz_disparity(path: Path, scale: float) -> Depth:
    """Return the array ``arr_0`` of an archive as disparity in pixels; what is not finite becomes 0 (unknown)."""
    with reading(path), np.load(path, allow_pickle=False) as archive:
        return _plane(archive["arr_0"], path) * np.float32(scale)


def disparity_to_depth(disparity: Depth, focal_px: float, baseline_m: float, offset_px: float) -> Depth:
    """Return focal * baseline / (disparity + offset) in metres, 0 where the disparity is unknown."""
    known = disparity > 0
    shifted = np.where(known, disparity.astype(np.float64) + offset_px, 1)
    return np.where(known, focal_px * baseline_m / shifted, 0).astype(np.float32)


def uint16_codes(path: Path) -> npt.NDArray[np.uint16]:
    """Return the values of a 16-bit PNG or PGM as stored."""
    with reading(path), Image.open(path) as image:
        if image.mode not in {"I;16", "I;16B", "I"}:
            raise SampleError(f"{path.name}: a 16-bit depth map was expected, not an image of mode {image.mode}")
        return np.asarray(image).astype(np.uint16)


def _scaled(stored: npt.NDArray[np.uint16], scale: float) -> Depth:
    return np.take(_metres(scale), stored)


@lru_cache(maxsize=16)
def _metres(scale: float) -> Depth:
    """Return the metres of each of the 65536 codes: looked up in a tenth of the time that computing them takes."""
    metres = (np.arange(_SATURATED + 1) * np.float64(scale)).astype(np.float32)
    metres[_SATURATED] = 0
    return metres


def _plane(values: npt.NDArray[np.generic], path: Path) -> Depth:
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise SampleError(f"{path.name}: a plane of numbers was expected, not {values.dtype} {values.shape}")
    plane = values.astype(np.float32)
    return np.where(np.isfinite(plane) & (plane > 0), plane, np.float32(0))


def array_image(values: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.uint8]:
    """Return RGB of shape (h, w, 3), uint8 or floating point in 0..1, as uint8; the path is for messages."""
    if values.ndim != 3 or values.shape[2] != 3:
        raise SampleError(f"{path.name}: an image of shape (h, w, 3) was expected, not {values.shape}")
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    floats = values.astype(np.float64)
    if not (np.isfinite(floats).all() and floats.min() >= 0 and floats.max() <= 1):
        raise SampleError(f"{path.name}: RGB must be uint8, or floating point within 0..1")
    return np.rint(floats * 255).astype(np.uint8)
