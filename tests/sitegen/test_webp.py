"""The headers of WebP files as pictures of the gallery have them, and as Pillow writes them."""

import io
import struct
from pathlib import Path

import pytest

from sitegen.webp import webp_faults, webp_size

Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (640, 480), (333, 7)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_pillow_writes_is_a_picture(lossless: bool, size: tuple[int, int], mode: str) -> None:
    """Lossy, lossless and with transparency: the size is right and nothing is found."""
    stream = io.BytesIO()
    Image.new(mode, size, (10, 20, 30, 40)[: len(mode)]).save(stream, "WEBP", lossless=lossless)
    assert list(webp_faults(stream.getvalue())) == []
    assert webp_size(stream.getvalue()) == size


@pytest.mark.parametrize(
    "extra", [{"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, {"icc_profile": b"x" * 8}, {"xmp": b"<x/>"}]
)
def test_metadata_is_found(extra: dict[str, bytes]) -> None:
    """What Pillow writes besides the picture is named."""
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "WEBP", **extra)
    (fault,) = webp_faults(stream.getvalue())
    assert "a picture of the gallery has none" in fault


def test_an_animation_is_found() -> None:
    """Several frames are no still picture."""
    stream = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:])
    assert any("an animation" in fault for fault in webp_faults(stream.getvalue()))


def test_the_gallery_is_of_such_pictures(repo: Path) -> None:
    """Every picture that is published passes."""
    files = sorted((repo / "results/gallery").rglob("*.webp"))
    assert files
    assert not [path for path in files if list(webp_faults(path.read_bytes()))]


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_any_length_is_a_sentence(length: int) -> None:
    """A file cut anywhere gives faults, never an exception."""
    data = b"RIFF" + struct.pack("<I", 52) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(10) + b"VP8L" + bytes(40)
    assert list(webp_faults(data[:length]))
    webp_size(data[:length])
