"""Writing predictions in parts: what was kept is kept once, the rest follows, and the bytes are those of one part."""

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from runners import shards
from runners.datasets import Dataset, open_manifest
from runners.datasets.base import Skip
from runners.datasets.origin import Origin
from runners.environment import describe
from runners.inputs import input_of
from runners.measure import Maker
from runners.prediction import Prediction
from runners.saved import INDEX, Saved, SavedError, StoredDtype, open_saved
from runners.saving import PARTS, Destination, Piece, Writer, encode
from runners.stages import Seen
from sitegen.records import RunModel
from tests.runners import factories as make

RUN, OTHER = "0" * 64, "1" * 64
NAMES = ["a", "b", "c", "d", "e"]
MAKER = Maker(RunModel(id="toy", dtype="float32"), "metric-depth", describe("cpu"), "runners evaluate x", "me")


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    """Five images."""
    ramp = np.full((4, 6), 2000)
    entries = [make.write_pair(tmp_path / "toy", name, ramp) for name in NAMES]
    return open_manifest(make.write_manifest(tmp_path / "toy", entries), "toy")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two members fit into a shard."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 3072)


@pytest.fixture
def pieces(toy: Dataset) -> list[Piece | Skip]:
    """A prediction of each image but the last, which has a reason instead."""
    return [*(piece(toy, name) for name in NAMES[:-1]), Skip("e", "no such file")]


def piece(toy: Dataset, name: str, dtype: StoredDtype = "float32", uncertainty: torch.Tensor | None = None) -> Piece:
    """A prediction of 2x3 as it is saved, other values for each image."""
    values = torch.arange(6.0).reshape(2, 3) + ord(name) + 1 / 3
    return encode(Seen(toy.read(name), Prediction("metric-depth", values, uncertainty), (4, 6)), dtype)


def place(folder: Path, dtype: StoredDtype = "float32") -> Destination:
    """Where predictions go."""
    return Destination(folder, input_of(make.protocol()), Origin(dataset="toy"), dtype)


def opened(folder: Path, run: str = RUN, *, fresh: bool = False) -> Writer:
    """What writes there; something is left to do."""
    destination = place(folder)
    destination.check(folder.parent / "out", fresh=fresh)
    writer = destination.open(run, fresh=fresh)
    assert writer
    return writer


def begun(folder: Path, taken: Sequence[Piece | Skip]) -> None:
    """Take what some batches gave, and stop."""
    with closing(opened(folder)) as writer:
        writer.take(taken)


def finished(folder: Path, toy: Dataset, taken: Sequence[Piece | Skip]) -> Saved:
    """Take the rest, write the index, and open the folder."""
    with closing(opened(folder)) as writer:
        writer.take(taken)
        writer.finish(toy, MAKER)
    return open_saved(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_are_plain_tar_files(tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip]) -> None:
    """Tar reads them to the end without a word; a member is what the index says; two shards of two members."""
    saved = finished(tmp_path / "p", toy, pieces)
    assert sorted(contents(tmp_path / "p")) == [INDEX, "predictions-00000.tar", "predictions-00001.tar"]
    for path in sorted((tmp_path / "p").glob("*.tar")):
        listed = subprocess.run(["tar", "tvf", path], capture_output=True, text=True, check=True)
        assert listed.stderr == ""
        assert [line.split()[-1] for line in listed.stdout.splitlines()] == [
            entry.member for entry in saved.index.samples if entry.shard == path.name
        ]
        subprocess.run(["tar", "xf", path, "-C", tmp_path], check=True)
        assert path.stat().st_size <= shards.SHARD_BYTES
    with np.load(tmp_path / "000002-c.npz") as archive:
        assert np.array_equal(archive["map"], saved.read(saved.index.samples[2]).map.numpy())


def test_a_member_larger_than_a_shard_has_one_for_itself(
    tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit never stops a run."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 100)
    saved = finished(tmp_path / "p", toy, pieces)
    assert [entry.shard[12:17] for entry in saved.index.samples] == ["00000", "00001", "00002", "00003"]


def test_only_what_is_asked_for_is_read(
    tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One prediction is one read of its own bytes."""
    saved, reads = finished(tmp_path / "p", toy, pieces), []
    read = shards.read_content
    monkeypatch.setattr("runners.saved.read_content", lambda *args: reads.append(args[1:]) or read(*args))
    entry = saved.index.samples[1]
    saved.read(entry)
    assert reads == [(entry.offset, entry.size)]


def test_uncertainty_comes_back(tmp_path: Path, toy: Dataset) -> None:
    """To the last bit in float32; in float16 it is rounded on its own, and the entry says so of each."""
    unsure = torch.full((2, 3), 0.1)
    exact, rounded = piece(toy, "a", "float32", unsure), piece(toy, "b", "float16", unsure)
    huge = piece(toy, "c", "float16", torch.full((2, 3), 1e6))
    whole = encode(Seen(toy.read("d"), Prediction("metric-depth", torch.ones(2, 3), unsure), (4, 6)), "float16")
    saved = finished(tmp_path / "p", toy, [exact, rounded, huge, whole, piece(toy, "e")])
    found = [
        (e.dtype, e.exact, e.uncertainty and (e.uncertainty.dtype, e.uncertainty.exact)) for e in saved.index.samples
    ]
    assert found == [
        ("float32", True, ("float32", True)),
        ("float16", False, ("float16", False)),
        ("float16", False, ("float32", True)),
        ("float16", True, ("float16", False)),
        ("float32", True, None),
    ]
    back = [saved.read(entry).uncertainty for entry in saved.index.samples]
    assert back[0] is not None
    assert torch.equal(back[0], unsure)
    assert back[1] is not None
    assert back[1].dtype == torch.float32
    assert torch.allclose(back[1], unsure, rtol=2**-11, atol=0)
    assert back[2] is not None
    assert torch.equal(back[2], torch.full((2, 3), 1e6))
    assert back[4] is None


@pytest.mark.parametrize("parts", [[1, 3], [2], [0, 4], [1, 2, 3, 4], [5]])
def test_parts_give_the_bytes_of_a_whole(
    parts: list[int], tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip]
) -> None:
    """Wherever it is stopped: index, shards and all; nothing of the parts is left."""
    finished(tmp_path / "whole", toy, pieces)
    for end in parts:
        begun(tmp_path / "p", pieces[:end])
    finished(tmp_path / "p", toy, pieces)
    assert contents(tmp_path / "p") == contents(tmp_path / "whole")


def test_cut_anywhere_the_rest_follows(tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip]) -> None:
    """Bytes missing or too many in the last shard, lines half written: only what is whole is believed."""
    finished(tmp_path / "whole", toy, pieces)
    folder = tmp_path / "p"
    for kept in range(4):
        for cut in (0, 1, 60, 200):
            begun(folder, pieces[:3])
            lines = (folder / PARTS).read_bytes().splitlines(keepends=True)
            last = sorted(folder.glob("*.tar"))[-1]
            (folder / PARTS).write_bytes(b"".join(lines[: 1 + kept]) + lines[-1][:cut])
            last.write_bytes(last.read_bytes()[: -cut or None] if kept == 3 else last.read_bytes() + bytes(cut))
            with closing(opened(folder)) as writer:
                assert len(writer.done) == (kept if kept < 3 or cut < 1 else 2)
                writer.take(pieces)
                writer.finish(toy, MAKER)
            assert contents(folder) == contents(tmp_path / "whole")
            for path in folder.iterdir():
                path.unlink()


def test_a_member_that_the_disk_lost_is_predicted_again(
    tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip]
) -> None:
    """After a power cut a shard may be long enough and hold zeros; and a whole shard may be gone."""
    finished(tmp_path / "whole", toy, pieces)
    folder = tmp_path / "p"
    begun(folder, pieces[:4])
    second = folder / "predictions-00001.tar"
    second.write_bytes(bytes(second.stat().st_size))
    with closing(opened(folder)) as writer:
        assert writer.done == {"a", "b"}
    begun(folder, pieces[:4])
    (folder / "predictions-00000.tar").unlink()
    with closing(opened(folder)) as writer:
        assert writer.done == set()
    finished(folder, toy, pieces)
    assert contents(folder) == contents(tmp_path / "whole")


def test_what_comes_twice_or_in_another_order_is_kept_once(
    tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip]
) -> None:
    """Batches of a cluster: the index is sorted all the same, every map is its own."""
    saved = finished(tmp_path / "p", toy, [*pieces[2:], *pieces[::-1], *pieces])
    assert [entry.id for entry in saved.index.samples] == NAMES[:-1]
    assert [skip.id for skip in saved.index.skipped] == ["e"]
    assert [float(saved.read(entry).map[0, 0]) for entry in saved.index.samples] == [
        pytest.approx(ord(name) + 1 / 3) for name in NAMES[:-1]
    ]
    assert saved.index.samples[2].member == "000000-c.npz"


def test_another_run_does_not_go_on_with_them(tmp_path: Path, pieces: list[Piece | Skip]) -> None:
    """Other facts or another type: refused, --fresh or not, and nothing of it is touched."""
    folder = tmp_path / "p"
    begun(folder, pieces[:2])
    before = contents(folder)
    for fresh in (False, True):
        with pytest.raises(SavedError, match="the beginning of predictions of another run"):
            opened(folder, OTHER, fresh=fresh)
        with pytest.raises(SavedError, match="the beginning of predictions of another run"):
            place(folder, "float16").open(RUN, fresh=fresh)
    assert contents(folder) == before


def test_fresh_throws_away_only_what_it_wrote(tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip]) -> None:
    """Shards and parts go; a file of somebody else stays."""
    folder = tmp_path / "p"
    begun(folder, pieces[:4])
    (folder / "notes.txt").write_text("mine")
    with closing(opened(folder, fresh=True)) as writer:
        assert writer.done == set()
        assert sorted(contents(folder)) == ["notes.txt", PARTS]
    finished(folder, toy, pieces)
    assert (folder / "notes.txt").read_text() == "mine"


def test_finished_predictions_stay(tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip]) -> None:
    """While the journal of their run is there they need no writer; without it, anew or for another run: refused."""
    folder, out = tmp_path / "p", tmp_path / "out"
    finished(folder, toy, pieces)
    (folder / PARTS).touch()  # killed between the index and this
    for fresh in (False, True):
        with pytest.raises(SavedError, match="holds predictions already; 'runners rescore' makes records of them"):
            place(folder).check(out, fresh=fresh)
    journal = out / ".journal" / f"{RUN}.jsonl"
    journal.parent.mkdir(parents=True)
    journal.touch()
    place(folder).check(out)
    with pytest.raises(SavedError, match="holds predictions already"):
        place(folder).check(out, fresh=True)
    for destination, run in ((place(folder), OTHER), (place(folder, "float16"), RUN)):
        with pytest.raises(SavedError, match="holds predictions already"):
            destination.open(run)
    assert place(folder).open(RUN) is None
    assert not (folder / PARTS).exists()
    open_saved(folder)


def test_two_processes_do_not_write_one_folder(tmp_path: Path) -> None:
    """The second is told so."""
    with closing(opened(tmp_path / "p")), pytest.raises(SavedError, match="another process saves predictions there"):
        opened(tmp_path / "p")
    opened(tmp_path / "p").close()


def test_a_first_line_that_is_lost(tmp_path: Path, pieces: list[Piece | Skip]) -> None:
    """Killed before the first line was whole, it begins; where predictions are there already, nobody guesses whose."""
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / PARTS).write_bytes(b"0123")
    begun(folder, pieces[:1])
    (folder / PARTS).write_bytes(b"0123")
    with pytest.raises(SavedError, match="its first line is broken"):
        opened(folder)


def test_a_link_in_the_place_of_a_shard_is_not_followed(tmp_path: Path, pieces: list[Piece | Skip]) -> None:
    """What it leads to is not written."""
    folder = tmp_path / "p"
    begun(folder, pieces[:1])
    (folder / "predictions-00000.tar").rename(tmp_path / "moved.tar")
    (folder / "predictions-00000.tar").symlink_to(tmp_path / "moved.tar")
    before = (tmp_path / "moved.tar").read_bytes()
    with pytest.raises(SavedError, match="Too many levels of symbolic links"):
        begun(folder, pieces)
    assert (tmp_path / "moved.tar").read_bytes() == before


@pytest.mark.parametrize("room", [0, 100, 1000, 2000])
def test_a_full_disk_is_a_sentence(
    room: int, tmp_path: Path, toy: Dataset, pieces: list[Piece | Skip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it fills up, in a member or in a line; with room again, the rest follows."""
    finished(tmp_path / "whole", toy, pieces)
    with closing(opened(tmp_path / "p")) as writer:
        writer.take(pieces[:1])
        with monkeypatch.context() as patch:
            patch.setattr(shards.os, "write", filling(room))
            with pytest.raises(SavedError, match=r"p: No space left on device\. What was finished before is kept"):
                writer.take(pieces)
    finished(tmp_path / "p", toy, pieces)
    assert contents(tmp_path / "p") == contents(tmp_path / "whole")


def filling(room: int) -> Callable[[int, bytes], int]:
    """Write as long as there is room."""
    write, left = os.write, [room]

    def nearly_full(file: int, content: bytes) -> int:
        if not left[0]:
            raise OSError(28, "No space left on device")
        taken = content[: left[0]]
        left[0] -= len(taken)
        return write(file, taken)

    return nearly_full


def test_what_no_record_may_hold_is_a_sentence(tmp_path: Path, toy: Dataset) -> None:
    """A model's details may be anything; the sample is not taken for done."""
    odd = encode(
        Seen(toy.read("a"), Prediction("metric-depth", torch.ones(1, 1), details={"x": object()}), (4, 6)), "float32"
    )  # type: ignore[dict-item]
    with closing(opened(tmp_path / "p")) as writer:
        with pytest.raises(SavedError, match="the model says of an image what no record may hold"):
            writer.take([odd])
        assert writer.done == set()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "file").touch()
    with pytest.raises(SavedError, match="predictions cannot be saved there"):
        place(tmp_path / "file" / "p").open(RUN)
