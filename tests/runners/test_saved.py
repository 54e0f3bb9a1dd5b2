"""Folders of predictions: what was predicted comes back to the last bit, and nothing else is ever taken for it."""

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from runners.datasets import Dataset, Sample
from runners.datasets.base import Item
from runners.datasets.origin import Origin
from runners.evaluate import evaluate_all
from runners.inputs import input_of
from runners.models.base import Image
from runners.prediction import Prediction
from runners.saved import INDEX, Saved, SavedError, StoredDtype, open_saved
from runners.saving import PARTS, Destination, Piece, Writer, encode
from runners.shards import Appender
from runners.stages import Seen
from tests.runners import factories as make
from tests.runners.factories import Constant

ORIGIN = Origin(dataset="toy")
RUN = "0" * 64


class Given(Constant):
    """Predicts these maps, one after the other."""

    def __init__(self, maps: Sequence[np.ndarray]) -> None:
        super().__init__()
        self.maps: Iterator[np.ndarray] = iter(maps)

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return the next maps."""
        return [Prediction(self.kind, torch.from_numpy(next(self.maps))) for _ in images]


def dataset(*ids: str) -> Dataset:
    """Images of 2x3 pixels with these ids, 2 m away."""
    truth = np.full((2, 3), 2, dtype=np.float32)

    def item(name: str) -> Item:
        sample = Sample(name, "g", np.zeros((2, 3, 3), dtype=np.uint8), truth, truth > 0)
        return Item(name, "g", lambda: sample)

    return Dataset("toy", "test", map(item, ids))


def save(folder: Path, maps: Sequence[np.ndarray], dtype: StoredDtype = "float32", ids: Sequence[str] = ()) -> None:
    """Predict these maps and keep them in a folder."""
    names = ids or [f"id-{index}" for index in range(len(maps))]
    with closing(opened(folder, dtype)) as writer:
        evaluate_all(dataset(*names), Given(maps), [make.protocol()], command="runners evaluate x", writers=[writer])


def opened(folder: Path, dtype: StoredDtype = "float32", run: str = RUN, *, fresh: bool = False) -> Writer:
    """What writes into a folder."""
    destination = Destination(folder, input_of(make.protocol()), ORIGIN, dtype)
    destination.check(folder.parent, fresh=fresh)
    writer = destination.open(run, fresh=fresh)
    assert writer
    return writer


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with two predictions of 1x2."""
    save(tmp_path / "kept", [np.array([[1, 2]], dtype=np.float32), np.array([[3, 4]], dtype=np.float32)])
    return tmp_path / "kept"


def maps(saved: Saved) -> list[np.ndarray]:
    """All maps of a folder."""
    return [saved.read(entry).map.numpy() for entry in saved.index.samples]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    predicted=hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)),
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_round_trip(predicted: np.ndarray, dtype: StoredDtype, tmp_path_factory: pytest.TempPathFactory) -> None:
    """float32 comes back bit for bit, NaN and infinity too; float16 to half a unit of its last place or not at all."""
    folder = tmp_path_factory.mktemp("saved") / "p"
    save(folder, [predicted], dtype)
    saved = open_saved(folder)
    (entry,), (back,) = saved.index.samples, maps(saved)
    assert back.dtype == np.float32
    if entry.exact:
        assert back.tobytes() == predicted.tobytes() or np.array_equal(back, predicted, equal_nan=True)
    assert entry.exact == np.array_equal(back, predicted, equal_nan=True)
    if entry.dtype == "float32":
        assert entry.exact
    else:
        finite = np.isfinite(predicted)
        assert np.array_equal(np.isfinite(back), finite)
        assert (np.abs(back[finite] - predicted[finite]) <= np.abs(predicted[finite]) / 2048).all()


@pytest.mark.parametrize("value", [70000.0, -70000.0, 1e-9, 3e-6])
def test_what_float16_cannot_hold_is_kept_in_float32_and_said(value: float, tmp_path: Path) -> None:
    """Overflow, loss to zero and loss of digits: that map keeps its type, the index says so, the others are float16."""
    plain = np.array([[1.0, 2.0]], dtype=np.float32)
    save(tmp_path / "p", [plain, np.array([[1.0, value]], dtype=np.float32)], "float16")
    saved = open_saved(tmp_path / "p")
    assert saved.index.dtype == "float16"
    assert [(entry.dtype, entry.exact) for entry in saved.index.samples] == [("float16", True), ("float32", True)]
    assert maps(saved)[1][0, 1] == np.float32(value)


def test_double_precision_is_rounded_and_said(tmp_path: Path) -> None:
    """A map of float64 is stored in float32; its entry says that it is not exact."""
    save(tmp_path / "p", [np.array([[1.0, 1 / 3]]), np.array([[1.0, 0.5]])])
    assert [entry.exact for entry in open_saved(tmp_path / "p").index.samples] == [False, True]


def test_any_id_gives_a_safe_name(tmp_path: Path) -> None:
    """Slashes, dots, colons, very long ids and ids that differ in case only: plain names, all different."""
    ids = sorted(["a/b", "A/b", "../../etc/passwd", "a-b", "..", "c:\\d", "é" * 100, "x" * 300])
    predicted = [np.full((1, 1), index + 1, dtype=np.float32) for index in range(len(ids))]
    save(tmp_path / "p", predicted, ids=ids)
    saved = open_saved(tmp_path / "p")
    assert [entry.id for entry in saved.index.samples] == ids
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [INDEX, "predictions-00000.tar"]
    assert len({entry.member.lower() for entry in saved.index.samples}) == len(ids)
    assert [float(values[0, 0]) for values in maps(saved)] == [float(index + 1) for index in range(len(ids))]


def test_index_says_what_the_predictions_are(kept: Path) -> None:
    """Model, kind, input, data set, environment, command; and the same predictions give the same bytes."""
    index = open_saved(kept).index
    assert (index.model.id, index.model.settings, index.prediction_kind) == (
        "constant",
        {"depth_m": 2.0},
        "metric-depth",
    )
    assert index.input == input_of(make.protocol())
    assert (index.dataset.origin, index.dataset.split) == (ORIGIN, "test")
    assert (index.command, index.environment.device) == ("runners evaluate x", "cpu")
    assert [(entry.shape, entry.input_size) for entry in index.samples] == [([1, 2], [2, 3])] * 2
    again = kept.parent / "again"
    save(again, maps(open_saved(kept)))
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in kept.iterdir()}


def test_folder_that_is_in_use_is_not_written_into(kept: Path, tmp_path: Path) -> None:
    """Other predictions, an unfinished folder and a file are refused before anything is predicted."""
    with pytest.raises(SavedError, match="holds predictions already"):
        save(kept, [])
    (kept / INDEX).unlink()
    with pytest.raises(SavedError, match="is not empty"):
        save(kept, [])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / INDEX).write_text("{}")
    with pytest.raises(SavedError, match="/samples: is missing"):
        save(tmp_path / "broken", [])
    (tmp_path / "file").touch()
    with pytest.raises(SavedError, match="is no folder"):
        save(tmp_path / "file", [])


def test_half_written_folder_is_refused(tmp_path: Path) -> None:
    """The index comes last, so a run that was broken off has none; missing and outer folders get a hint."""
    folder = tmp_path / "p"
    with pytest.raises(RuntimeError):  # the model has no second map
        save(folder, [np.ones((1, 1), dtype=np.float32)], ids=["a", "b"])
    assert sorted(path.name for path in folder.iterdir()) == [PARTS, "predictions-00000.tar"]
    with pytest.raises(SavedError, match=r"holds no index\.json: the predictions were never finished"):
        open_saved(folder)
    with pytest.raises(SavedError, match="no such folder"):
        open_saved(tmp_path / "nowhere")
    save(tmp_path / "outer" / "inner", [np.ones((1, 1), dtype=np.float32)])
    with pytest.raises(SavedError, match=r"there are predictions in .*inner"):
        open_saved(tmp_path / "outer")


def archive(**arrays: Any) -> bytes:
    """An archive of arrays, objects pickled."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def content(folder: Path) -> bytes:
    """The content of the first member."""
    with tarfile.open(shard(folder)) as file:
        member = file.extractfile(file.next())
        assert member
        return member.read()


def shard(folder: Path) -> Path:
    """The first shard of a folder."""
    return folder / "predictions-00000.tar"


def changed(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of the first shard."""
    shard(folder).write_bytes(change(shard(folder).read_bytes()))


def replaced(folder: Path, new: bytes, agree: bool = True) -> None:
    """Put other content in the place of the first member, the shard being as it should, and let the index agree."""
    names = [entry["member"] for entry in json.loads((folder / INDEX).read_text())["samples"]]
    with tarfile.open(shard(folder)) as file:
        second = file.extractfile(names[1])
        assert second
        rest = second.read()
    shard(folder).unlink()
    appender = Appender(folder)
    places = [appender.append(name, part)[1] for name, part in zip(names, (new, rest), strict=True)]
    appender.close()

    def agreed(index: Any) -> None:
        for entry, offset, part in zip(index["samples"], places, (new, rest), strict=True):
            entry.update(offset=offset, size=len(part))
        if agree:
            index["samples"][0]["sha256"] = hashlib.sha256(new).hexdigest()

    edit(folder, agreed)


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    """Change the index."""
    index = json.loads((folder / INDEX).read_text())
    change(index)
    (folder / INDEX).write_text(json.dumps(index))


def link(folder: Path) -> None:
    """Replace the shard by a link to a copy of it."""
    shard(folder).rename(folder.parent / "moved.tar")
    shard(folder).symlink_to(folder.parent / "moved.tar")


def zipped(name: str, content: bytes) -> bytes:
    """A zip of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, content)
    return buffer.getvalue()


def bomb() -> bytes:
    """An archive whose array is followed by ten thousand bytes too many."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([[1, 2]], dtype=np.float32))
    return zipped("map.npy", buffer.getvalue() + bytes(10000))


PLAIN = np.ones((1, 2), np.float32)
MEMBER = r"predictions-00000\.tar: 000000-id-0\.npz"
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda p: shard(p).unlink(), "cannot be read: No such file"),
    "link": (link, "is a link"),
    "truncated": (lambda p: changed(p, lambda whole: whole[:-30]), r"has [\d,]+ bytes, by the index [\d,]+"),
    "longer": (lambda p: changed(p, lambda whole: whole + b"x"), r"has [\d,]+ bytes, by the index [\d,]+"),
    "other end": (lambda p: changed(p, lambda whole: whole[:-1] + b"x"), "does not end as a tar file does"),
    "edited": (lambda p: replaced(p, archive(map=PLAIN), agree=False), f"{MEMBER}: sha256 .* not what was saved"),
    "other name": (
        lambda p: changed(p, lambda whole: whole.replace(b"000000-id-0", b"000000-id-9")),
        f"{MEMBER}: stands in the shard with another header",
    ),
    "padding": (
        lambda p: changed(p, lambda whole: whole[:512] + content(p) + b"x" + whole[513 + len(content(p)) :]),
        f"{MEMBER}: stands in the shard with another header",
    ),
    "cut member": (lambda p: replaced(p, content(p)[:-30]), f"{MEMBER}: is no archive with map as plain arrays"),
    "no archive": (lambda p: replaced(p, b"text"), f"{MEMBER}: is no archive with map"),
    "pickled": (lambda p: replaced(p, archive(map=np.array([[{}, {}]]))), f"{MEMBER}: .*it holds pickled objects"),
    "other key": (lambda p: replaced(p, archive(depth=PLAIN)), f"{MEMBER}: .*it holds depth.npy"),
    "second key": (lambda p: replaced(p, archive(map=PLAIN, x=1)), f"{MEMBER}: .*it holds map.npy, x.npy"),
    "unasked": (lambda p: replaced(p, archive(map=PLAIN, uncertainty=PLAIN)), "it holds map.npy, uncertainty.npy"),
    "no array": (lambda p: replaced(p, zipped("map.npy", b"text")), f"{MEMBER}: is no archive with map"),
    "too long": (lambda p: replaced(p, bomb()), f"{MEMBER}: .*are too many for an array"),
    "shape": (
        lambda p: replaced(p, archive(map=np.ones((2, 2), np.float32))),
        rf"{MEMBER}: map: shape is \[2, 2\], the index says \[1, 2\]",
    ),
    "dtype": (
        lambda p: replaced(p, archive(map=np.ones((1, 2)))),
        f"{MEMBER}: map: dtype is float64, the index says float32",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_faulty_files_are_refused(case: str, kept: Path) -> None:
    """Each with the file's name and what is wrong; nothing is unpacked or run, even where the index agrees."""
    damage, sentence = FILES[case]
    damage(kept)
    with pytest.raises(SavedError, match=sentence) as error:
        open_saved(kept)
    assert all(line.startswith(str(shard(kept))) for line in str(error.value).splitlines())


INDICES: dict[str, tuple[Callable[[Any], object], str]] = {
    "leads out": (lambda i: i["samples"][0].update(shard="../predictions-00000.tar"), "/samples/0/shard"),
    "absolute": (lambda i: i["samples"][0].update(shard="/etc/passwd"), "/samples/0/shard"),
    "other shard name": (lambda i: i["samples"][0].update(shard="index.json"), "/samples/0/shard"),
    "member leads out": (lambda i: i["samples"][0].update(member="../x.npz"), "/samples/0/member: must be a plain"),
    "before the first": (lambda i: i["samples"][0].update(offset=0), "/samples/0/offset"),
    "negative": (lambda i: i["samples"][0].update(size=-1), "/samples/0/size"),
    "one place twice": (
        lambda i: i["samples"][1].update(offset=512),
        r"'id-1' begins at byte 512 of predictions-00000\.tar, its place is at",
    ),
    "overlap": (lambda i: i["samples"][0].update(size=10**6), "'id-1' begins at byte .*, its place is at 1001472"),
    "outside": (lambda i: i["samples"][1].update(offset=2**40), "'id-1' begins at byte 1099511627776"),
    "between": (lambda i: i["samples"][0].update(offset=1024), "'id-0' begins at byte 1024 .*, its place is at 512"),
    "other list": (lambda i: i["dataset"].update(list_sha256="0" * 64), "are not the list of dataset/list_sha256"),
    "lost sample": (lambda i: i["samples"].pop(), "are not the list of dataset/list_sha256"),
    "order": (lambda i: i["samples"].reverse(), "must be sorted"),
    "version": (lambda i: i.update(schema_version=2), "/schema_version"),
    "unknown field": (lambda i: i.update(extra=1), "/extra: is no field"),
    "no model": (lambda i: i.pop("model"), "/model: is missing"),
    "text for a number": (lambda i: i["samples"][0].update(shape=["1", 2]), "/samples/0/shape/0"),
    "no size": (lambda i: i["samples"][0].update(shape=[0, 2]), "/samples/0/shape/0"),
    "unknown dtype": (lambda i: i["samples"][0].update(dtype="int8"), "/samples/0/dtype"),
    "two places": (lambda i: i["dataset"]["origin"].update(root="a", manifest="b"), "manifest and root exclude"),
    "only of nothing": (lambda i: i["dataset"]["origin"].update(only=["*"]), "only selects from a manifest"),
}


@pytest.mark.parametrize("case", INDICES)
def test_faulty_indices_are_refused(case: str, kept: Path) -> None:
    """Each with the field and what is wrong."""
    damage, sentence = INDICES[case]
    edit(kept, damage)
    with pytest.raises(SavedError, match=sentence):
        open_saved(kept)


def test_index_that_is_no_json_is_refused(kept: Path) -> None:
    """Truncated text and a key that stands twice."""
    text = (kept / INDEX).read_text()
    (kept / INDEX).write_text(text[:200])
    with pytest.raises(SavedError, match=r"index\.json: is not valid JSON"):
        open_saved(kept)
    (kept / INDEX).write_text(text.replace('"schema_version": 1', '"schema_version": 1, "schema_version": 1'))
    with pytest.raises(SavedError, match="stands twice"):
        open_saved(kept)


def test_all_faults_come_at_once(kept: Path) -> None:
    """Two files at fault are two lines; two fields of the index are two lines."""
    changed(kept, lambda whole: whole.replace(b"map.npy", b"mop.npy"))
    with pytest.raises(SavedError) as error:
        open_saved(kept)
    assert len(str(error.value).splitlines()) == 4  # both sha256 and both archives
    assert [word in str(error.value) for word in ("000000-id-0.npz", "000001-id-1.npz")] == [True, True]
    edit(kept, lambda index: (index.pop("command"), index["samples"][0].update(sha256="x")))
    with pytest.raises(SavedError) as error:
        open_saved(kept)
    assert [word in str(error.value) for word in ("/command", "/samples/0/sha256")] == [True, True]


def test_fault_inside_an_archive_is_a_sentence(kept: Path) -> None:
    """A file that goes bad between the check and the reading is named too."""
    saved = open_saved(kept)
    changed(kept, lambda whole: whole.replace(b"map.npy", b"mop.npy"))
    with pytest.raises(SavedError, match=r"id-0\.npz: cannot be read: it was changed"):
        saved.read(saved.index.samples[0])
    changed(kept, lambda whole: whole[:600])
    with pytest.raises(SavedError, match=r"id-0\.npz: cannot be read: the shard ends within it"):
        saved.read(saved.index.samples[0])


def test_size_of_the_input_is_kept(tmp_path: Path) -> None:
    """A writer keeps what the model got, not what the image was."""
    piece = encoded("a", torch.ones(1, 1))
    assert piece.entry["input_size"] == [7, 9]
    with closing(opened(tmp_path / "p")) as writer:
        writer.take([piece])
        assert (writer.done, writer.index) == ({"a"}, None)
    assert not (tmp_path / "p" / INDEX).exists()


def encoded(name: str, values: torch.Tensor, uncertainty: torch.Tensor | None = None) -> Piece:
    """A prediction of one sample as it is saved."""
    prediction = Prediction("metric-depth", values, uncertainty)
    return encode(Seen(next(iter(dataset(name))), prediction, (7, 9)), "float16")
