"""What a WebP file says of itself, without decoding it: size, and everything that a still picture has no need of."""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["MAX_PIXELS", "webp_faults", "webp_size"]

MAX_PIXELS = 640 * 2560
"""Most pixels of a picture: the widest that the gallery has, four times as high as wide."""
_PICTURES = {b"VP8 ", b"VP8L"}
_STILL = {*_PICTURES, b"VP8X", b"ALPH"}
_MEANINGS = {
    b"ANIM": "an animation",
    b"ANMF": "an animation",
    b"EXIF": "metadata (EXIF)",
    b"XMP ": "metadata (XMP)",
    b"ICCP": "a colour profile",
}


def webp_faults(data: bytes) -> Iterator[str]:
    """Yield a sentence for each reason why bytes are no plain still WebP picture, and nothing besides.

    A file that is also something else (an archive or a page behind the picture, or in a chunk of its own) is refused:
    its length must be what its header says, and its chunks those of a picture.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        yield f"is no WebP picture: it begins with {data[:12]!r}"
        return
    if (said := struct.unpack("<I", data[4:8])[0] + 8) != len(data):
        yield f"has {len(data):,} bytes, its header says {said:,}: there is something else in the file"
        return
    chunks = list(_chunks(data))
    if sum(8 + size + size % 2 for _, size, _ in chunks) + 12 != len(data):
        yield "its chunks do not fill it"
        return
    for name in dict.fromkeys(name for name, _, _ in chunks if name not in _STILL):
        yield f"holds {_MEANINGS.get(name, f'a chunk {name!r}')}; a picture of the gallery has none"
    if sum(name in _PICTURES for name, _, _ in chunks) != 1:
        yield "does not hold exactly one picture"
    elif (size := webp_size(data)) is None:
        yield "does not say how large it is"
    elif size[0] * size[1] > MAX_PIXELS:
        yield f"says that it has {size[0]:,} x {size[1]:,} pixels; at most {MAX_PIXELS:,} are allowed"


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels as the picture's own header has them; None without a picture."""
    sizes = {
        (_lossy_size if name == b"VP8 " else _lossless_size)(data[place : place + 10])
        for name, _, place in _chunks(data)
        if name in _PICTURES
    }
    canvases = {_canvas(data[place : place + 10]) for name, _, place in _chunks(data) if name == b"VP8X"}
    return next(iter(sizes)) if len(sizes) == 1 and canvases <= sizes else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, length and place of each chunk's content."""
    place = 12
    while place + 8 <= len(data):
        size = struct.unpack("<I", data[place + 4 : place + 8])[0]
        yield data[place : place + 4], size, place + 8
        place += 8 + size + size % 2


def _lossy_size(head: bytes) -> tuple[int, int] | None:
    """RFC 6386, 9.1: three bytes of frame tag, the start code, then 14 bits each for width and height."""
    if len(head) < 10 or head[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = struct.unpack("<HH", head[6:10])
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(head: bytes) -> tuple[int, int] | None:
    """RFC 9649, 3.4: a signature byte, then 14 bits each for width and height less one."""
    if len(head) < 5 or head[0] != 0x2F:
        return None
    bits = struct.unpack("<I", head[1:5])[0]
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _canvas(head: bytes) -> tuple[int, int] | None:
    """RFC 9649, 2.7: four bytes of flags, then 24 bits each for width and height less one."""
    if len(head) < 10:
        return None
    return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
