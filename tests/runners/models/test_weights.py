"""Weight files: pinned, cached, fetched aside; every failure a sentence."""

import hashlib
from pathlib import Path

import pytest

from runners.models import weights as module
from runners.models.base import ModelError
from runners.models.weights import WeightFile, cache_folder, find_weights

CONTENT = b"weights"
FILE = WeightFile(
    "toy", "toy.bin", "https://origin.invalid/toy.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "MIT"
)


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Stands in for the network; what the origin answers is the list's only item."""
    answer = [CONTENT]
    monkeypatch.setattr(module, "_download", lambda _: answer[0])
    return answer


@pytest.mark.parametrize("place", ["toy/toy.bin", "toy.bin"])
def test_cached_file_is_used(tmp_path: Path, place: str) -> None:
    """A file in the family's folder or in the cache itself is taken without a download."""
    (tmp_path / "toy").mkdir()
    (tmp_path / place).write_bytes(CONTENT)
    assert find_weights(FILE, tmp_path) == tmp_path / place


def test_missing_file_is_fetched_and_kept(
    tmp_path: Path, origin: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """The licence is printed first, the file lands under its name, and nothing else is left behind."""
    path = find_weights(FILE, tmp_path / "new")
    assert path.read_bytes() == CONTENT
    assert list((tmp_path / "new").rglob("*")) == [tmp_path / "new" / "toy", path]
    assert "Licence: MIT" in capsys.readouterr().err
    origin[0] = b"never asked again"
    assert find_weights(FILE, tmp_path / "new") == path


def test_file_with_another_hash_is_refused(tmp_path: Path, origin: list[bytes]) -> None:
    """Neither a changed file in the cache nor a changed origin is used, and a bad download is not kept."""
    (tmp_path / "toy.bin").write_bytes(b"other")
    with pytest.raises(ModelError, match=f"not the pinned {FILE.sha256}"):
        find_weights(FILE, tmp_path)
    origin[0] = b"changed upstream"
    with pytest.raises(ModelError, match="sha256 is"):
        find_weights(FILE, tmp_path / "new")
    assert list((tmp_path / "new" / "toy").iterdir()) == []


def test_no_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the sentence names the file, the origin and the way round."""

    def unreachable(_: WeightFile) -> bytes:
        raise OSError("no route to host")

    monkeypatch.setattr(module, "_download", unreachable)
    with pytest.raises(ModelError, match=r"toy\.bin is not in .* cannot be fetched from https.*FATHOM_WEIGHTS"):
        find_weights(FILE, tmp_path)


def test_only_https_is_fetched(tmp_path: Path) -> None:
    """Weights never come over a channel that anybody could change."""
    insecure = WeightFile("toy", "toy.bin", "http://origin.invalid/toy.bin", FILE.sha256, 7, "MIT")
    with pytest.raises(ModelError, match="https only"):
        find_weights(insecure, tmp_path)


def test_cache_is_where_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument wins over FATHOM_WEIGHTS, which wins over the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("FATHOM_WEIGHTS", raising=False)
    assert cache_folder() == tmp_path / "user" / "fathom" / "weights"
    monkeypatch.setenv("FATHOM_WEIGHTS", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
