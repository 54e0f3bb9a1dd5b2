"""Weight files: pinned, cached, fetched aside, taken up again; every failure a sentence."""

import hashlib
import io
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from runners import download
from runners.models.base import ModelError
from runners.models.weights import FoundFile, WeightFile, cache_folder, find_weights

CONTENT = b"weights"
FILE = WeightFile(
    "toy", "toy.bin", "https://origin.invalid/toy.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "MIT"
)


class Answer(io.BytesIO):
    """What an origin sends: some bytes under a status."""

    def __init__(self, content: bytes, status: int = HTTPStatus.OK) -> None:
        super().__init__(content)
        self.status = status


class Origin:
    """Stands in for the network: sends its content from the asked place on, or all of it if it cannot resume."""

    def __init__(self) -> None:
        self.content, self.resumes, self.asked = CONTENT, True, list[int]()
        self.breaks_after: int | None = None

    def open(self, url: str, start: int) -> Answer:
        """Answer a request for the bytes from ``start`` on."""
        self.asked.append(start)
        begin, status = (start, HTTPStatus.PARTIAL_CONTENT) if start and self.resumes else (0, HTTPStatus.OK)
        answer = Answer(self.content[begin:], status)
        if self.breaks_after is not None:
            return Breaking(self.content[begin : begin + self.breaks_after], status)
        return answer


class Breaking(Answer):
    """A connection that breaks once its bytes are out."""

    def read(self, size: int | None = -1) -> bytes:
        """Read what there is, then fail."""
        if chunk := super().read(size):
            return chunk
        raise ConnectionResetError("connection reset")


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Origin:
    """An origin that can be told what to do."""
    found = Origin()
    monkeypatch.setattr(download, "_opened", found.open)
    return found


@pytest.mark.parametrize("place", ["toy/toy.bin", "toy.bin"])
def test_cached_file_is_used(tmp_path: Path, place: str) -> None:
    """A file in the family's folder or in the cache itself is taken without a download."""
    (tmp_path / "toy").mkdir()
    (tmp_path / place).write_bytes(CONTENT)
    assert find_weights(FILE, tmp_path) == FoundFile(tmp_path / place, FILE.sha256)


def test_missing_file_is_fetched_and_kept(tmp_path: Path, origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    """The licence is printed first, the file lands under its name, and nothing else is left behind."""
    path = find_weights(FILE, tmp_path / "new").path
    assert path.read_bytes() == CONTENT
    assert list((tmp_path / "new").rglob("*")) == [tmp_path / "new" / "toy", path]
    assert "Licence: MIT" in capsys.readouterr().err
    find_weights(FILE, tmp_path / "new")
    assert origin.asked == [0]


@pytest.mark.parametrize("resumes", [True, False])
def test_a_broken_download_is_taken_up(tmp_path: Path, origin: Origin, resumes: bool) -> None:
    """What came before the connection broke is kept; an origin that cannot go on from there sends all again."""
    origin.breaks_after = 3
    with pytest.raises(ModelError, match="connection reset"):
        find_weights(FILE, tmp_path)
    origin.breaks_after, origin.resumes = None, resumes
    assert find_weights(FILE, tmp_path).path.read_bytes() == CONTENT
    assert origin.asked == [0, 3]


def test_file_with_another_hash_is_refused(tmp_path: Path, origin: Origin) -> None:
    """Neither a changed file in the cache nor a changed origin is used, and a bad download is not kept."""
    (tmp_path / "toy.bin").write_bytes(b"other")
    with pytest.raises(ModelError, match=f"not the pinned {FILE.sha256}"):
        find_weights(FILE, tmp_path)
    origin.content = b"changed"
    with pytest.raises(ModelError, match="sha256 is"):
        find_weights(FILE, tmp_path / "new")
    assert list((tmp_path / "new" / "toy").iterdir()) == []


def test_more_than_the_file_has_is_broken_off(tmp_path: Path, origin: Origin) -> None:
    """An origin that sends on and on does not fill the disk."""
    origin.content = CONTENT * 2
    with pytest.raises(ModelError, match="more than the 7 bytes"):
        find_weights(FILE, tmp_path)


def test_a_known_beginning_of_a_hash_is_held(tmp_path: Path) -> None:
    """Where only the first digits are known they must agree, and the record gets the whole."""
    (tmp_path / "toy.bin").write_bytes(CONTENT)
    assert find_weights(replace(FILE, sha256=FILE.sha256[:8], size=None), tmp_path).sha256 == FILE.sha256
    with pytest.raises(ModelError, match="not the pinned 00000000"):
        find_weights(replace(FILE, sha256="00000000"), tmp_path)


def test_what_only_a_person_can_fetch_says_how(tmp_path: Path) -> None:
    """Without an address the sentence says where to put the file and where it is."""
    by_hand = replace(FILE, url=None, note="download it from a shared drive")
    with pytest.raises(ModelError, match=r"toy\.bin is not in .*: download it from a shared drive"):
        find_weights(by_hand, tmp_path)


def test_no_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the sentence names the file, the origin and the way round."""

    def unreachable(url: str, start: int) -> Answer:
        raise OSError("no route to host")

    monkeypatch.setattr(download, "_opened", unreachable)
    with pytest.raises(ModelError, match=r"toy\.bin is not in .* cannot be fetched from https.*FATHOM_WEIGHTS"):
        find_weights(FILE, tmp_path)


def test_only_https_is_fetched(tmp_path: Path) -> None:
    """Weights never come over a channel that anybody could change."""
    with pytest.raises(ModelError, match="https only"):
        find_weights(replace(FILE, url="http://origin.invalid/toy.bin"), tmp_path)


def test_cache_is_where_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument wins over FATHOM_WEIGHTS, which wins over the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("FATHOM_WEIGHTS", raising=False)
    assert cache_folder() == tmp_path / "user" / "fathom" / "weights"
    monkeypatch.setenv("FATHOM_WEIGHTS", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
