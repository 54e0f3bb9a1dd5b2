"""Runs that are interrupted: nothing is lost, nothing repeated, and the record is that of an uninterrupted run."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import runners.models
from runners.cli import main
from runners.datasets import Dataset, open_manifest
from runners.evaluate import EvaluationError, evaluate_all
from runners.journal import Journal, headers, open_journal
from runners.measure import StoppedError
from runners.models.base import Image
from runners.prediction import Prediction
from runners.saved import SavedError, open_saved
from sitegen.records import Run
from tests.full_disk import full_beyond
from tests.runners import factories as make
from tests.runners.factories import Constant

PROTOCOLS = [make.protocol(), make.protocol(id="flipped", flip_average=True), make.capped(2.0, id="capped")]


class Counting(Constant):
    """Counts the images that it is shown, and does something before one of them."""

    def __init__(self, at: int = -1, act: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.count, self.at, self.act = 0, at, act

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return 2x2 maps."""
        for _ in images:
            if self.count == self.at:
                self.at = -1
                self.act()
            self.count += 1
        return super().predict(images)


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    """Seven slanted planes."""
    return open_manifest(make.write_toy(tmp_path / "toy", 7), "toy")


def opened(tmp_path: Path) -> Journal:
    """The journal of the run of a test."""
    return open_journal(tmp_path / "out", {"a": 1}, "2026-11-26T00:00:00+00:00")


def sealed(dataset: Dataset, model: Constant, journal: Journal | None, **options: object) -> list[Run]:
    """The records of a pass."""
    how = {"batch": 2, "command": "x", **options}
    try:
        outcomes = evaluate_all(dataset, model, PROTOCOLS, journal=journal, **how)  # type: ignore[arg-type]
    finally:
        if journal:
            journal.close()
    return [outcome.run for outcome in outcomes if outcome.run]


def after(batches: int) -> Callable[[], bool]:
    """Ask to stop after so many batches."""
    left = iter([False] * (batches - 1) + [True])
    return lambda: next(left)


def test_stopped_runs_go_on_and_give_the_same_records(toy: Dataset, tmp_path: Path) -> None:
    """Each of four parts does a batch; the digests are those of one run, the images are predicted once a pass."""
    whole, seen = sealed(toy, Counting(), None), []
    for done in (2, 4, 6):
        model = Counting()
        with pytest.raises(StoppedError, match=f"stopped after {done} of 7"):
            sealed(toy, model, opened(tmp_path), stop=after(1))
        seen.append(model.count)
    model, steps = Counting(), []
    runs = sealed(toy, model, opened(tmp_path), progress=steps.append)
    assert [run.sha256 for run in runs] == [run.sha256 for run in whole]
    assert [*seen, model.count] == [6, 6, 6, 3]  # two images, each three times: as it is, and for the flips
    assert steps == [6, 1]
    assert runs[0].timings.started == "2026-11-26T00:00:00+00:00"


def test_times_add_up(toy: Dataset, tmp_path: Path) -> None:
    """Predicting and all of it: no less than the lines of the first part say."""
    with pytest.raises(StoppedError):
        sealed(toy, Counting(), opened(tmp_path), stop=after(2))
    journal = opened(tmp_path)
    total = sum(line.seconds for line in journal.lines)
    predicting = sum(line.protocols["toy/test"].seconds_predict or 0 for line in journal.lines)
    run, *_ = sealed(toy, Counting(), journal)
    assert run.timings.seconds_total > total > 0
    assert run.timings.seconds_predict is not None
    assert run.timings.seconds_predict > predicting > 0


def test_a_finished_run_needs_no_prediction(toy: Dataset, tmp_path: Path) -> None:
    """Killed between the last image and its record: the record is written from the journal alone."""
    whole = sealed(toy, Counting(), opened(tmp_path))
    model = Counting()
    assert [run.sha256 for run in sealed(toy, model, opened(tmp_path))] == [run.sha256 for run in whole]
    assert model.count == 0


def test_a_fault_in_the_middle_is_tried_again(toy: Dataset, tmp_path: Path) -> None:
    """No memory at the third batch: nothing of it is lost or taken for finished, and the next call gets through."""

    def no_memory() -> None:
        raise torch.OutOfMemoryError("no memory")

    outcomes = evaluate_all(toy, Counting(12, no_memory), PROTOCOLS, batch=2, journal=(journal := opened(tmp_path)))
    journal.close()
    assert [type(outcome.failure) for outcome in outcomes] == [EvaluationError, type(None), EvaluationError]
    model = Counting()
    assert [run.sha256 for run in sealed(toy, model, opened(tmp_path))] == [
        run.sha256 for run in sealed(toy, Counting(), None)
    ]
    assert model.count == 3  # the flips had been done


def test_what_a_model_notes_is_not_lost(toy: Dataset, tmp_path: Path) -> None:
    """A batch that was halved in the first part is in the record that the second part writes."""
    model = Counting()
    model.at, model.act = 0, lambda: model.settings.update(batch_halved_to=1)
    with pytest.raises(StoppedError):
        sealed(toy, model, opened(tmp_path), stop=after(1))
    run, *_ = sealed(toy, Counting(), opened(tmp_path))
    assert run.model.settings == {"depth_m": 2.0, "batch_halved_to": 1}


def test_signs_are_counted_over_all_parts(toy: Dataset, tmp_path: Path) -> None:
    """What the person is told of the whole run does not forget the first part."""
    thousands = Counting()
    thousands.depth = 2300.0
    with pytest.raises(StoppedError):
        sealed(toy, thousands, opened(tmp_path), stop=after(1))
    outcomes = evaluate_all(toy, thousands, PROTOCOLS, batch=2, journal=(journal := opened(tmp_path)))
    journal.close()
    assert any(note.startswith("7 of 7 images: the prediction is about 1000 times") for note in outcomes[0].notes)


# ---------------------------------------------------------------------------------------------------------------------
# The command


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command with a given model on four images, whatever model it names."""
    manifest = make.write_toy(tmp_path / "toy", 4)
    monkeypatch.setattr("runners.environment.sys.argv", ["runners", "evaluate"])

    def call(model: Constant, *options: str, models: tuple[str, ...] = ("baseline-dark-channel",)) -> Result:
        def load(model_id: str, *_: object, **__: object) -> Constant:
            model.id = model_id
            return model

        monkeypatch.setattr(runners.models, "load", load)
        named = [word for name in models for word in ("--model", name)]
        words = ["evaluate", *named, "--manifest", str(manifest), "--name", "toy", "--device", "cpu", "--no-cache"]
        result = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out"), *options], catch_exceptions=False)
        assert "Traceback" not in result.output
        return result

    return call


def interrupt() -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def digest(out: Path, name: str = "baseline-dark-channel") -> str:
    """The digest of the record below a folder."""
    (path,) = out.rglob(f"{name}.json")
    return Run.model_validate_json(path.read_text(encoding="utf-8")).sha256


def test_ctrl_c_finishes_the_batch(command: Callable[..., Result], tmp_path: Path) -> None:
    """A sentence, exit code 1, and the same command goes on; then nothing is left of the journal."""
    before = signal.getsignal(signal.SIGINT)
    result = command(Counting(1, interrupt))
    assert result.exit_code == 1
    assert "stopping after this batch" in result.output
    assert "stopped after 2 of 4 images of 'toy'; the same command goes on from there" in result.output
    assert signal.getsignal(signal.SIGINT) == before
    model = Counting()
    result = command(model)
    assert (result.exit_code, model.count) == (0, 2)
    assert "goes on with what" in result.output
    resumed = digest(tmp_path / "out")
    assert headers(tmp_path / "out") == []
    assert command(Counting()).exit_code == 0
    assert digest(tmp_path / "out") == resumed


def test_fresh_begins_anew(command: Callable[..., Result]) -> None:
    """All images are predicted again."""
    command(Counting(1, interrupt))
    model = Counting()
    assert command(model, "--fresh").exit_code == 0
    assert model.count == 4


@pytest.mark.parametrize("options", [("--batch", "2"), ("--limit", "3"), ("--only", "*[012]")])
def test_another_command_does_not_use_it(command: Callable[..., Result], options: tuple[str, ...]) -> None:
    """Another batch, another list: everything is predicted."""
    command(Counting(1, interrupt))
    model = Counting()
    assert command(model, *options).exit_code == 0
    assert model.count == (4 if "--batch" in options else 3)


def test_first_models_are_not_repeated_for_the_last(command: Callable[..., Result], tmp_path: Path) -> None:
    """Interrupted at the second model, the first one's journal is still there, and none is at the end."""
    models = ("baseline-dark-channel", "baseline-mean-depth")
    assert command(Counting(5, interrupt), models=models).exit_code == 1
    assert len(headers(tmp_path / "out")) == 2
    model = Counting()
    assert command(model, models=models).exit_code == 0
    assert model.count == 2
    assert not (tmp_path / "out" / ".journal").exists()


def kept(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def saving(folder: Path) -> tuple[str, str]:
    """The option that keeps the predictions in a folder."""
    return "--save-predictions", str(folder)


def test_saved_predictions_go_on_with_the_run(command: Callable[..., Result], tmp_path: Path) -> None:
    """Nothing is predicted twice; index and shards are, byte by byte, those of a run that nobody stopped."""
    folder = tmp_path / "saved"
    whole = command(Counting(), *saving(tmp_path / "whole"))
    assert whole.exit_code == 0, whole.output
    record = digest(tmp_path / "out")
    result = command(Counting(1, interrupt), *saving(folder))
    assert (result.exit_code, "the same command goes on from there" in result.output) == (1, True)
    with pytest.raises(SavedError, match="were never finished"):
        open_saved(folder)
    model = Counting()
    result = command(model, *saving(folder))
    assert (result.exit_code, model.count) == (0, 2)
    assert f"{folder}: 4 predictions from input full-image" in result.output
    assert kept(folder) == kept(tmp_path / "whole")
    assert digest(tmp_path / "out") == record
    assert len(open_saved(folder).index.samples) == 4


def test_saving_may_begin_later_than_the_run(command: Callable[..., Result], tmp_path: Path) -> None:
    """What was scored without saving is predicted once more, for its prediction alone."""
    command(Counting(1, interrupt))
    model = Counting()
    assert command(model, *saving(tmp_path / "saved")).exit_code == 0
    assert model.count == 4
    command(Counting(), *saving(tmp_path / "whole"))
    assert kept(tmp_path / "saved") == kept(tmp_path / "whole")


def test_fresh_predicts_all_that_is_saved(command: Callable[..., Result], tmp_path: Path) -> None:
    """The unfinished beginning is thrown away; what is finished is not."""
    options = saving(tmp_path / "saved")
    command(Counting(1, interrupt), *options)
    model = Counting()
    assert command(model, *options, "--fresh").exit_code == 0
    assert model.count == 4
    before = kept(tmp_path / "saved")
    for more in ((), ("--fresh",)):
        result = command(Counting(), *options, *more)
        assert (result.exit_code, "holds predictions already" in result.output) == (1, True)
    assert kept(tmp_path / "saved") == before


def test_another_command_does_not_save_there(command: Callable[..., Result], tmp_path: Path) -> None:
    """The beginning of one list's predictions is not the beginning of another's; its own command goes on with it."""
    command(Counting(1, interrupt), *saving(tmp_path / "saved"))
    model = Counting()
    result = command(model, *saving(tmp_path / "saved"), "--limit", "3")
    assert (result.exit_code, model.count) == (1, 0)
    assert "holds the beginning of predictions of another run" in result.output
    assert command(model, *saving(tmp_path / "saved")).exit_code == 0
    assert model.count == 2


def test_finished_predictions_of_the_first_model_stay(command: Callable[..., Result], tmp_path: Path) -> None:
    """Interrupted at the second model: what the first one predicted is neither refused nor predicted again."""
    models = ("baseline-dark-channel", "baseline-mean-depth")
    options = saving(tmp_path / "saved")
    assert command(Counting(5, interrupt), *options, models=models).exit_code == 1
    first = kept(tmp_path / "saved" / "toy" / models[0])
    model = Counting()
    result = command(model, *options, models=models)
    assert (result.exit_code, model.count) == (0, 2), result.output
    assert f"{models[0]}/full-image: all its predictions are there already" in result.output
    assert kept(tmp_path / "saved" / "toy" / models[0]) == first
    assert len(list((tmp_path / "saved").rglob("index.json"))) == 2


class Noise(Counting):
    """Predicts maps that no compression makes small."""

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return maps of 200x200."""
        shape = (200, 200)
        plain = super().predict(images)
        made = [torch.rand(shape, generator=torch.Generator().manual_seed(int(image.sum()))) + 1 for image in images]
        return [Prediction(p.kind, values) for p, values in zip(plain, made, strict=True)]


def test_full_disk_at_a_prediction(command: Callable[..., Result], tmp_path: Path) -> None:
    """The system refuses to let a file grow: a sentence, exit code 1; with room, the rest, and the same bytes."""
    command(Noise(), *saving(tmp_path / "whole"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))  # two maps and a half
    try:
        result = command(Noise(), *saving(tmp_path / "saved"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 1
    assert f"{tmp_path / 'saved'}: File too large. What was finished before is kept" in result.output
    model = Noise()
    assert command(model, *saving(tmp_path / "saved")).exit_code == 0
    assert model.count == 2
    assert kept(tmp_path / "saved") == kept(tmp_path / "whole")


def test_a_fault_keeps_what_was_predicted(command: Callable[..., Result], tmp_path: Path) -> None:
    """No memory at the third image: no index, and the next call predicts the rest alone."""

    def no_memory() -> None:
        raise torch.OutOfMemoryError("no memory")

    result = command(Counting(2, no_memory), *saving(tmp_path / "saved"))
    assert result.exit_code == 1
    assert "were not finished and cannot be used; the same command goes on with them" in result.output
    model = Counting()
    assert command(model, *saving(tmp_path / "saved")).exit_code == 0
    assert model.count == 2
    assert len(open_saved(tmp_path / "saved").index.samples) == 4


def test_full_disk_at_the_journal(command: Callable[..., Result], tmp_path: Path) -> None:
    """It is full in the middle of the third line: a sentence, and the same command predicts what is not whole."""
    with contextlib.ExitStack() as disk:

        def fill() -> None:
            (journal,) = (tmp_path / "out").glob(".journal/*")
            disk.enter_context(full_beyond(journal.stat().st_size + 100))

        result = command(Counting(2, fill))
    assert result.exit_code == 1
    assert "File too large. What was finished before is kept; once that is mended, the same command" in result.output
    model = Counting()
    assert command(model).exit_code == 0
    assert model.count == 2
    resumed = digest(tmp_path / "out")
    assert command(Counting()).exit_code == 0
    assert digest(tmp_path / "out") == resumed


def test_full_disk_at_the_record(command: Callable[..., Result], tmp_path: Path) -> None:
    """A sentence with the file, of which nothing is left; nothing is predicted again once there is room."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "toy").touch()  # a file in the place of the folder: every line is written, the record is not
    assert command(Counting()).exit_code == 1
    (tmp_path / "out" / "toy").unlink()
    with full_beyond(500):
        result = command(Counting())
    assert result.exit_code == 1
    assert "baseline-dark-channel.json: File too large" in result.output
    assert not [path for path in (tmp_path / "out" / "toy").rglob("*") if path.is_file()]
    model = Counting()
    assert command(model).exit_code == 0
    assert model.count == 0
    resumed = digest(tmp_path / "out")
    assert command(Counting()).exit_code == 0
    assert digest(tmp_path / "out") == resumed


def test_no_memory_is_a_sentence(command: Callable[..., Result]) -> None:
    """Whatever asked for it."""

    def nothing() -> None:
        raise MemoryError

    result = command(Counting(1, nothing))
    assert result.exit_code == 1
    assert "no memory is left on this machine; lower --batch or --workers" in result.output


@pytest.mark.parametrize("words", [[], ["0", "save"]], ids=["records", "records and predictions"])
def test_kills_at_random(words: list[str], tmp_path: Path, repo: Path) -> None:
    """SIGKILL at random moments, time and again: equal records, no image predicted again once it was journalled.

    Saved predictions have the bytes of those that nobody interrupted, index and shards.
    """
    command = [sys.executable, "-m", "tests.runners.killing", str(tmp_path), "16", *words]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["kills"] >= 16
    assert seen["mid"] >= 5  # most of them while images were predicted
    assert seen["files"] >= (6 if words else 0)  # of each input several shards
    assert (seen["repeated"], seen["unequal"], seen["left"]) == (0, 0, 0)


def begin(out: Path, log: Path) -> subprocess.Popen[str]:
    """Start a run with worker processes, in a process group of its own."""
    words = "evaluate --model baseline-dark-channel --dataset procedural-indoor --device cpu --workers 2 --no-cache"
    command = [sys.executable, "-m", "runners", *words.split(), "--out", str(out), "--log", str(log)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for_batches(out: Path, count: int) -> None:
    """Return once the journal has so many more lines than its header, or more."""
    late = time.monotonic() + 60
    while sum(header.samples for header in headers(out)) < count:
        assert time.monotonic() < late
        time.sleep(0.01)


def alive(group: int) -> list[str]:
    """The processes of a group that have not ended; one that has and was not waited for does not count."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, of_group = (place / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in "ZX":
                found.append((place / "cmdline").read_text())
    return found


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """What a run said, with its exit code, once no process of its group is left."""
    said, _ = process.communicate(timeout=120)
    late = time.monotonic() + 20
    while left := alive(process.pid):
        assert time.monotonic() < late, left
        time.sleep(0.05)
    return process.returncode, said


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_whatever_ends_a_run_with_workers_leaves_no_process_and_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL to the run, SIGTERM to every process of it (as schedulers do), and the same command gets through."""
    out, log = tmp_path / "out", tmp_path / "run.jsonl"
    killed = begin(out, log)
    wait_for_batches(out, 1)
    killed.kill()
    ended(killed)
    finished = sum(header.samples for header in headers(out))

    stopped = begin(out, log)
    wait_for_batches(out, finished + 1)
    os.killpg(stopped.pid, signal.SIGTERM)
    code, said = ended(stopped)
    assert code == 1
    assert "stopping after this batch" in said
    assert "of 24 images of 'procedural-indoor'; the same command goes on from there" in said
    assert "Traceback" not in said

    assert ended(begin(out, log))[0] == 0
    resumed = digest(out)
    assert headers(out) == []
    assert ended(begin(out, log))[0] == 0
    assert digest(out) == resumed
    events = [json.loads(line) for line in log.read_text().splitlines()]
    calls = " ".join(event["event"] for event in events if event["event"] not in ("progress", "note"))
    assert calls == (
        "called started called started resumed stopped finished "
        "called started resumed written finished called started written finished"
    )
    assert not any(event["event"] == "skipped" for event in events)
