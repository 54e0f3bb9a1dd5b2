"""Files of data sets: checked, taken up again, and over a channel that anybody could change only with a hash.

What is shared with weights (a break, a longer file, no network) is in tests/runners/models/test_weights.py.
"""

import hashlib
import io
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from runners import download as module
from runners.download import Download, DownloadError, fetch_into, human_size

CONTENT = b"archive"
FILE = Download(
    "http://origin.invalid/a.zip",
    "sub/a.zip",
    len(CONTENT),
    md5=hashlib.md5(CONTENT, usedforsecurity=False).hexdigest(),
)


class Answer(io.BytesIO):
    """What an origin sends, whole or from the asked place on."""

    status = HTTPStatus.PARTIAL_CONTENT


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The places from which bytes were asked."""
    places: list[int] = []

    def answer(url: str, start: int) -> Answer:
        places.append(start)
        return Answer(CONTENT[start:])

    monkeypatch.setattr(module, "_opened", answer)
    return places


def test_file_lands_in_its_place(tmp_path: Path, asked: list[int]) -> None:
    """Folders are made; what is there already is checked and not fetched again."""
    assert fetch_into(tmp_path, FILE) == (tmp_path / "sub" / "a.zip", True)
    assert fetch_into(tmp_path, FILE) == (tmp_path / "sub" / "a.zip", False)
    assert asked == [0]
    assert (tmp_path / "sub" / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize(("left", "expected"), [(b"arc", [3]), (CONTENT, []), (CONTENT + b"more", [0])])
def test_what_a_break_left_is_taken_up(tmp_path: Path, asked: list[int], left: bytes, expected: list[int]) -> None:
    """The rest is asked for, nothing if all is there, everything if there is too much."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.zip.part").write_bytes(left)
    fetch_into(tmp_path, FILE)
    assert asked == expected
    assert (tmp_path / "sub" / "a.zip").read_bytes() == CONTENT


def test_another_file_is_refused(tmp_path: Path, asked: list[int]) -> None:
    """By hash or by size; it is not kept, and one that was there before is left for its owner to remove."""
    with pytest.raises(DownloadError, match=r"md5 is .*, not 00; this is another file"):
        fetch_into(tmp_path, replace(FILE, md5="00"))
    assert list((tmp_path / "sub").iterdir()) == []
    (tmp_path / "sub" / "a.zip").write_bytes(b"short")
    with pytest.raises(DownloadError, match="has 5 bytes, not 7"):
        fetch_into(tmp_path, replace(FILE, md5=""))
    assert asked == [0]


def test_plain_http_needs_a_hash(tmp_path: Path, asked: list[int]) -> None:
    """Without one anybody on the way could send another file."""
    with pytest.raises(DownloadError, match="over https only, unless their hash is known"):
        fetch_into(tmp_path, replace(FILE, md5=""))
    fetch_into(tmp_path, replace(FILE, md5="", url="https://origin.invalid/a.zip"))


def test_sizes_are_for_people() -> None:
    """Gigabytes, megabytes, or that nobody knows."""
    assert [human_size(size) for size in (2_972_037_809, 2_600_000, None)] == ["3.0 GB", "2.6 MB", "size not known"]
