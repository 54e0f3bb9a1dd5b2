"""Decoded ground truth: decoded once, never taken for another's, and never more than the folder may hold."""

import os
from pathlib import Path

import numpy as np
import pytest

from runners.datasets import SampleError, cache, decode, manifest, open_manifest
from runners.datasets.cache import Truth, TruthCache, remember, using
from runners.datasets.pipeline import iterate
from tests.runners import factories as make


def truth(value: float = 2, size: tuple[int, int] = (3, 4)) -> Truth:
    """A plane without its first pixel."""
    mask = np.ones(size, dtype=bool)
    mask[0, 0] = False
    return np.full(size, value, dtype=np.float32), mask


class Spy:
    """Counts how often it decodes."""

    def __init__(self, value: float = 2) -> None:
        self.calls, self.value = 0, value

    def __call__(self) -> Truth:
        """Give a plane."""
        self.calls += 1
        return truth(self.value)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file that truth is decoded from."""
    path = tmp_path / "depth.png"
    path.write_bytes(b"depth")
    return path


@pytest.fixture
def kept(tmp_path: Path) -> TruthCache:
    """An empty cache."""
    return TruthCache(tmp_path / "cache")


def test_second_run_decodes_nothing(source: Path, kept: TruthCache) -> None:
    """The same array, mask and type come back, contiguous."""
    spy = Spy()
    with using(kept):
        first, again = remember([source], "mm", spy), remember([source], "mm", spy)
    assert spy.calls == 1
    for one, other in zip(first, again, strict=True):
        assert one.dtype == other.dtype
        assert other.flags.c_contiguous
        np.testing.assert_array_equal(one, other)


def test_without_a_cache_everything_is_decoded(source: Path, tmp_path: Path) -> None:
    """And nothing is written."""
    spy = Spy()
    with using(None):
        remember([source], "mm", spy)
        remember([source], "mm", spy)
    assert spy.calls == 2
    assert list(tmp_path.iterdir()) == [source]


def test_another_file_or_recipe_is_another_entry(
    source: Path, kept: TruthCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other content under the old name, size and date; another scale; another version of the loaders."""
    state = source.stat()
    with using(kept):
        remember([source], "mm", Spy(1))
        source.write_bytes(b"other")
        os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert remember([source], "mm", Spy(2))[0][1, 1] == 2
        assert remember([source], "cm", Spy(3))[0][1, 1] == 3
        monkeypatch.setattr(cache, "_sources", lambda: "corrected")
        assert remember([source], "mm", Spy(4))[0][1, 1] == 4


def test_large_file_is_hashed_once(source: Path, kept: TruthCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash is remembered by path, size and time of change."""
    monkeypatch.setattr(cache, "_LARGE", 3)
    digest = kept.digest(source)
    with monkeypatch.context() as blind:
        blind.setattr(Path, "open", None)
        blind.setattr(cache.hashlib, "file_digest", None)
        source_again = kept.folder / "hashes"
        assert [len(path.name) for path in source_again.iterdir()] == [64]
    assert kept.digest(source) == digest
    source.write_bytes(b"another one")
    assert kept.digest(source) != digest


def test_damaged_entry_is_decoded_again(source: Path, kept: TruthCache) -> None:
    """Cut off, or with another number of valid pixels than it says."""
    with using(kept):
        remember([source], "mm", Spy())
        (entry,) = kept.folder.glob("*/*.safetensors")
        entry.write_bytes(entry.read_bytes()[:-3])
        remember([source], "mm", spy := Spy())
        entry.write_bytes(entry.read_bytes().replace(b'"valid":"11"', b'"valid":"12"'))
        remember([source], "mm", spy)
    assert spy.calls == 2


def test_folder_is_bounded(tmp_path: Path) -> None:
    """What was used longest ago goes; what was just used stays."""
    kept = TruthCache(tmp_path / "cache", limit=40_000)
    for index in range(12):
        kept.keep(f"{index:064x}", truth(index, (40, 50)))  # 10 kB each
        for old in kept.folder.glob("*/*.safetensors"):
            os.utime(old, ns=(10**18, old.stat().st_mtime_ns - 10**9))
        assert kept.recall(f"{0:064x}") is not None or index > 11
    kept.sweep()
    left = list(kept.folder.glob("*/*.safetensors"))
    assert 1 < len(left) <= 4
    assert kept.recall(f"{0:064x}") is not None
    assert kept.recall(f"{1:064x}") is None


def test_many_short_runs_are_bounded(tmp_path: Path) -> None:
    """Each process looks at its first entry; what a killed one was writing goes, too, an hour later."""
    for index in range(12):
        TruthCache(tmp_path / "cache", limit=40_000).keep(f"{index:064x}", truth(index, (40, 50)))
    assert len(list(tmp_path.rglob("*.safetensors"))) <= 4
    old, new = (tmp_path / "cache/00" / name for name in (".a.safetensors.7.part", ".b.safetensors.7.part"))
    for path in (old, new):
        path.touch()
    os.utime(old, (10**9, 10**9))
    TruthCache(tmp_path / "cache").sweep()
    assert (old.exists(), new.exists()) == (False, True)


def test_disk_that_cannot_be_written_costs_the_entry_alone(source: Path, tmp_path: Path) -> None:
    """The folder is a file: everything is decoded each time, and nothing fails."""
    with using(TruthCache(source)):
        assert remember([source], "mm", Spy())[0].shape == (3, 4)


def test_file_that_is_gone_is_a_skip(tmp_path: Path, kept: TruthCache) -> None:
    """With its name."""
    with using(kept), pytest.raises(SampleError, match=r"gone\.png: cannot be read"):
        remember([tmp_path / "gone.png"], "mm", Spy())


def test_second_pass_over_a_data_set_decodes_no_depth(
    tmp_path: Path, kept: TruthCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers fill the cache; then a decoder that would fail is never asked, and the samples are the same."""
    path = make.write_toy(tmp_path / "toy")
    with using(kept):
        first = list(iterate(open_manifest(path, "toy"), workers=2))

        def never(*_: object) -> None:
            raise AssertionError

        monkeypatch.setattr(decode, "uint16_codes", never)
        monkeypatch.setitem(manifest._DECODERS, "png16", never)
        again = list(iterate(open_manifest(path, "toy")))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.truth, other.truth)  # type: ignore[union-attr]
        np.testing.assert_array_equal(one.mask, other.mask)  # type: ignore[union-attr]
