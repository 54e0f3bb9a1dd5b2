"""Measuring on a dask cluster: the record is that of a run without one, whatever dies, and nothing counts twice."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import psutil
import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from dask_jobqueue import SLURMCluster
from distributed import KilledWorker, LocalCluster, get_worker

from runners import cluster, worker
from runners.cli import main
from runners.cluster import ClusterError, LostError, Pool, Where, opened, parse
from runners.datasets.origin import Origin
from runners.journal import Journal, headers, open_journal
from runners.models.base import Image
from runners.models.baselines import DarkChannel
from runners.prediction import Prediction
from runners.saved import open_saved
from runners.stages import Batch, EvaluationError, Order
from runners.worker import Loading, Spec
from sitegen.records import Run
from tests.runners import factories as make
from tests.runners.slow import SECONDS

MODEL = "baseline-dark-channel"
PROTOCOLS = [make.protocol(id="plain"), make.protocol(id="flipped", flip_average=True), make.capped(3.0, id="capped")]
PATIENT_S = 300.0  # for a machine with much else to do


@pytest.fixture(scope="module")
def dask_cluster() -> Iterator[LocalCluster]:
    """A cluster on the loopback with two workers that are threads of this process: what a test patches holds there."""
    options = {"dashboard_address": "127.0.0.1:0", "protocol": "tcp", "host": "127.0.0.1", "silence_logs": 40}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, **options) as found:
        yield found


@pytest.fixture
def pool(dask_cluster: LocalCluster) -> Iterator[Pool]:
    """Its workers."""
    dask_cluster.scale(2)
    with opened(Where(address=dask_cluster.scheduler_address), "cpu") as found:
        found.client.wait_for_workers(2, timeout=PATIENT_S)
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with eleven images of planes and three protocols for them."""
    make.write_toy(tmp_path / "toy", 11)
    for protocol in PROTOCOLS:
        path = tmp_path / "results" / "protocols" / "toy" / f"{protocol.id}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(protocol.model_dump(mode="json")), encoding="utf-8")
    return tmp_path


def words(place: Path, *options: str) -> list[str]:
    """The command line of a test."""
    images = ["--manifest", str(place / "toy" / "index.json"), "--name", "toy", "--protocol", "toy/*"]
    where = ["--results", str(place / "results"), "--out", str(place / "out")]
    return ["evaluate", "--model", MODEL, *images, *where, "--device", "cpu", "--batch", "2", "--no-cache", *options]


@pytest.fixture
def call(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command in this process."""
    monkeypatch.setattr("runners.environment.sys.argv", ["runners", "evaluate"])

    def run(*options: str) -> Result:
        result = CliRunner().invoke(main, words(place, *options), catch_exceptions=False)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def there(pool: Pool) -> tuple[str, str]:
    """The option that names the cluster."""
    return "--cluster", pool.address


def records(out: Path) -> dict[str, Run]:
    """The records below a folder, by protocol."""
    return {path.parent.name: Run.model_validate_json(path.read_bytes()) for path in sorted(out.rglob(f"{MODEL}.json"))}


def digests(out: Path) -> dict[str, str]:
    """Their digests, which timings are no part of."""
    return {name: run.sha256 for name, run in records(out).items()}


def spec(place: Path, **changes: Any) -> Spec:
    """What the workers of a test measure."""
    origin = Origin(dataset="toy", manifest=str(place / "toy" / "index.json"))
    return Spec(Loading(MODEL, "cpu", "float32", {}, False, None), origin, tuple(PROTOCOLS), 2, **changes)


# ---------------------------------------------------------------------------------------------------------------------
# What comes out


def test_records_are_those_of_a_run_without_a_cluster(
    call: Callable[..., Result], place: Path, there: tuple[str, str]
) -> None:
    """Equal digests under all protocols, and not a journal left."""
    assert call().exit_code == 0
    alone = digests(place / "out")
    assert set(alone) >= {protocol.id for protocol in PROTOCOLS}
    result = call(*there)
    assert result.exit_code == 0, result.output
    assert digests(place / "out") == alone
    assert not (place / "out" / ".journal").exists()


def test_predictions_are_saved_here(call: Callable[..., Result], place: Path, there: tuple[str, str]) -> None:
    """The client writes what workers made: the same maps under the same ids, one file an image."""
    for name, options in (("alone", ()), ("spread", there)):
        result = call("--save-predictions", str(place / name), "--predictions-dtype", "float16", *options)
        assert result.exit_code == 0, result.output
    found = {}
    for name in ("alone", "spread"):
        indexes = [open_saved(path.parent).index for path in sorted((place / name).rglob("index.json"))]
        assert len(indexes) == 2  # one with flips, one without
        found[name] = [{entry.id: entry.sha256 for entry in index.samples} for index in indexes]
    assert found["alone"] == found["spread"]


def test_a_fitted_model_is_fitted_by_every_worker(place: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that needs training images and has none says so once a worker, in the words of a run without a cluster."""
    asked = spec(place)
    loading = Loading("baseline-mean-depth", "cpu", "float32", {}, False, None)
    with pytest.raises(ClusterError) as caught:
        pool.prepare(Spec(loading, asked.origin, asked.protocols), asked.origin.open())
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    for line, address in zip(lines, sorted(pool.client.nthreads()), strict=True):
        assert line.startswith(f"worker {address}: model 'baseline-mean-depth' is fitted on training images, and")


# ---------------------------------------------------------------------------------------------------------------------
# What goes wrong


def nowhere(self: DarkChannel, images: Sequence[Image]) -> list[Prediction]:
    """Predict no number."""
    return [Prediction(self.kind, torch.full((2, 2), float("nan"))) for _ in images]


def test_a_protocol_that_fails_says_what_it_says_alone(
    call: Callable[..., Result], there: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every image is at fault; the first of the list is named, whichever worker was first."""
    monkeypatch.setattr(DarkChannel, "predict", nowhere)
    alone, spread = call("--fresh"), call("--fresh", *there)
    assert (alone.exit_code, spread.exit_code) == (1, 1)
    assert "on 'indoor-0': " in alone.output
    assert alone.output.endswith(spread.output)  # which begins with the plan: what the workers have is not known


def test_any_exception_is_a_sentence_with_the_worker(
    call: Callable[..., Result], there: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that cannot travel."""

    class StubbornError(RuntimeError):
        def __reduce__(self) -> str:
            raise TypeError("not me")

    def broken(*_: object) -> None:
        raise StubbornError("the GPU fell off the bus")

    monkeypatch.setattr(DarkChannel, "predict", broken)
    result = call(*there)
    assert result.exit_code == 1
    assert "worker tcp://127.0.0.1:" in result.output
    assert ": StubbornError: the GPU fell off the bus" in result.output


def second(pool: Pool) -> str:
    """The worker whose address comes last."""
    return sorted(pool.client.nthreads())[-1]


def test_workers_with_another_environment_are_refused(place: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker and every field are named; so are other sources, and images that one cannot read."""
    other, facts_of = second(pool), worker.facts_of

    def changed(*args: Any, **how: Any) -> dict[str, Any]:
        facts = facts_of(*args, **how)
        if get_worker().address == other:
            facts["environment"] |= {"torch": "1.0"}
            facts["model"] |= {"weights_sha256": "0" * 64}
        return facts

    # The bench is one for both workers here: forget what the first one took up.
    monkeypatch.setattr(worker, "facts_of", changed)
    monkeypatch.setattr(worker._Bench, "spec", property(lambda _: None, lambda *_: None))
    monkeypatch.setattr(worker, "code_sha256", lambda: "0" * 64 if get_worker().address == other else here)
    monkeypatch.setattr(worker._Bench, "unreadable", lambda _: "gone" if get_worker().address == other else "")
    here = cluster.code_sha256()
    with pytest.raises(ClusterError) as caught:
        pool.prepare(spec(place), spec(place).origin.open())
    assert f"worker {other} runs another version of the sources of Fathom" in str(caught.value)
    for said in (
        f"environment/torch is '1.0', there '{version('torch')}'",
        f"model/weights_sha256 is '{'0' * 64}', there None",
        "reading the first image says 'gone', there 'fine'",
    ):
        assert f"worker {other} is not like worker " in str(caught.value)
        assert said in str(caught.value)


def test_a_worker_that_came_later_is_held_to_the_same(place: Path, pool: Pool) -> None:
    """Facts that are not its own: it does nothing and says in which field."""
    asked = spec(place)
    facts = pool.prepare(asked, asked.origin.open())
    other = {**facts, "environment": {**facts["environment"], "threads": 99}}
    with pytest.raises(ClusterError, match=r"^worker tcp://.*: came later .*: environment/threads is \d+, there 99$"):
        pool.evaluate_all(asked.origin.open(), asked, other)


def test_other_images_there_are_refused(place: Path, pool: Pool) -> None:
    """The list here has ten images, the workers' eleven."""
    asked = spec(place)
    with pytest.raises(ClusterError, match="lists other images of 'toy' than are listed here"):
        pool.prepare(asked, asked.origin.open().limited(10))


def test_images_that_are_not_there_are_a_sentence_of_each_worker(place: Path, pool: Pool) -> None:
    """With the path that was asked for."""
    asked, dataset = spec(place), spec(place).origin.open()
    (place / "toy" / "index.json").rename(place / "moved.json")
    with pytest.raises(ClusterError) as caught:
        pool.prepare(asked, dataset)
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        f"worker {address}" for address in sorted(pool.client.nthreads())
    ]
    assert str(place / "toy" / "index.json") in str(caught.value)


def test_what_a_model_noted_elsewhere_is_no_fact(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch halved at one data set is not said of the next one, so that workers agree."""
    bench = worker._Bench()
    bench.take_up(spec(place))
    bench._model.settings["batch_halved_to"] = 1
    assert bench.noting() == {"batch_halved_to": 1}
    before = bench._model
    bench.take_up(spec(place, truth_kept=True))
    assert bench._model is before
    assert "batch_halved_to" not in bench.facts["model"]["settings"]
    assert bench.noting() == {}


@pytest.mark.parametrize(
    "value", ["remote", "local:0", "local:", "local:x", "10.0.0.1:8786", "tcp://host", "http://a:1"]
)
def test_other_words_are_usage_errors(call: Callable[..., Result], value: str) -> None:
    """Exit code 2, and what is taken."""
    result = call("--cluster", value)
    assert result.exit_code == 2
    assert f"'{value}' is neither local, local:N" in result.output


def test_readers_are_for_runs_without_a_cluster(call: Callable[..., Result]) -> None:
    """They are refused, not left out in silence."""
    result = call("--cluster", "local", "--workers", "2")
    assert result.exit_code == 2
    assert "--workers reads ahead without a --cluster" in result.output


def test_what_is_taken() -> None:
    """The three ways to name a cluster."""
    assert [parse(text) for text in ("local", "local:3", "tcp://10.0.0.1:8786", "tls://node-1:8786")] == [
        Where(),
        Where(count=3),
        Where(address="tcp://10.0.0.1:8786"),
        Where(address="tls://node-1:8786"),
    ]


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_no_scheduler_is_a_sentence(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Nobody listens, or TLS is asked for and not set up: exit code 1."""
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.5)
    result = call("--cluster", f"{scheme}://127.0.0.1:9")
    assert result.exit_code == 1
    assert f"no scheduler answers at {scheme}://127.0.0.1:9: " in result.output


def test_without_workers_it_does_not_wait_for_ever(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler alone: a sentence after the time that is set."""
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.5)
    with LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0") as empty:
        result = call("--cluster", empty.scheduler_address)
    assert result.exit_code == 1
    assert "has been without a worker for 0.5 seconds" in result.output


class Fallen:
    """A task that ended with an exception."""

    status = "error"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def result(self, timeout: float) -> None:
        """Raise it."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KilledWorker("task", None, 3), r"^images 'a' to 'b': 4 workers died over it, one after the other"),
        (ModuleNotFoundError("No module named 'runners'"), r"^images 'a' to 'b': ModuleNotFoundError: .* this version"),
    ],
)
def test_what_never_ran_is_a_sentence(pool: Pool, error: Exception, said: str) -> None:
    """A shard that kills workers, and one that none can unpack."""
    with pytest.raises(ClusterError, match=said):
        pool._result(Fallen(error), "images 'a' to 'b'")  # type: ignore[arg-type]


def test_workers_that_cannot_be_started_are_a_sentence(call: Callable[..., Result]) -> None:
    """As where dask's own settings forbid what our workers do."""
    with dask.config.set({"distributed.comm.require-encryption": True}):
        result = call("--cluster", "local:1")
    assert result.exit_code == 1
    assert "workers cannot be started here: encryption required" in result.output


def test_without_dask_it_says_what_to_install(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = call("--cluster", "local")
    assert result.exit_code == 1
    assert "pip install 'fathom-depth[cluster]'" in result.output


# ---------------------------------------------------------------------------------------------------------------------
# What is interrupted


def interrupting(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Press Ctrl-C before the prediction of an image, once."""
    predict, seen = DarkChannel.predict, iter(range(10_000))

    def pressed(self: DarkChannel, images: Sequence[Image]) -> list[Prediction]:
        if next(seen) == after:
            os.kill(os.getpid(), signal.SIGINT)
        return predict(self, images)

    monkeypatch.setattr(DarkChannel, "predict", pressed)


@pytest.mark.parametrize("first", ["alone", "spread"])
def test_a_run_goes_on_wherever_it_began(
    call: Callable[..., Result], place: Path, there: tuple[str, str], monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Begun without a cluster it goes on with one, and the other way round; the records are those of one run."""
    assert call().exit_code == 0
    whole = digests(place / "out")
    begin, go_on = ((), there) if first == "alone" else (there, ())
    with monkeypatch.context() as patch:
        interrupting(patch, 4)
        stopped = call(*begin)
    assert stopped.exit_code == 1
    assert "stopping after this batch" in stopped.output
    assert "the same command goes on from there" in stopped.output
    (header,) = headers(place / "out")
    assert 0 < header.samples < 11
    result = call(*go_on)
    assert result.exit_code == 0, result.output
    assert "goes on with what" in result.output
    assert digests(place / "out") == whole
    assert records(place / "out")["plain"].samples.id == [f"indoor-{i}" for i in (0, 1, 10, *range(2, 10))]


def journal(place: Path, facts: dict[str, Any]) -> Journal:
    """The journal of a test's run."""
    return open_journal(place / "out", facts, "2026-11-26T00:00:00+00:00")


def test_without_any_worker_left_the_journal_is_kept(
    place: Path, dask_cluster: LocalCluster, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All workers go in the middle: a sentence; with workers again, the rest is done and the records are equal."""
    asked, dataset = spec(place), spec(place).origin.open()
    facts = pool.prepare(asked, dataset)
    whole = pool.evaluate_all(dataset, asked, facts, command="x")
    steps: list[int] = []

    def leave(count: int) -> None:
        steps.append(count)
        if len(steps) == 3:
            dask_cluster.scale(0)
            while pool.client.nthreads():
                time.sleep(0.01)

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "PATIENCE_S", 1.0)
        patch.setattr(cluster, "SHARD_S", 0.0)
        with pytest.raises(LostError, match="has been without a worker for 1 seconds"):
            pool.evaluate_all(dataset, asked, facts, journal=(kept := journal(place, facts)), progress=leave)
        kept.close()
    dask_cluster.scale(2)
    kept, more = journal(place, facts), []
    outcomes = pool.evaluate_all(dataset, asked, facts, command="x", journal=kept, progress=more.append)
    kept.close()
    assert more[0] >= 4  # the first batches
    assert [o.run.sha256 for o in outcomes if o.run] == [o.run.sha256 for o in whole if o.run]


def test_a_scheduler_that_goes_is_a_sentence(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a run."""
    options = {"dashboard_address": "127.0.0.1:0", "protocol": "tcp", "host": "127.0.0.1", "silence_logs": 50}
    monkeypatch.setattr(cluster, "SHARD_S", 0.0)
    monkeypatch.setattr(cluster, "_CONNECT_S", 2.0)
    other = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **options)
    with opened(Where(address=other.scheduler_address), "cpu") as pool:
        asked, dataset = spec(place), spec(place).origin.open()
        facts = pool.prepare(asked, dataset)
        monkeypatch.setattr(cluster, "PATIENCE_S", 5.0)
        with pytest.raises(LostError, match=r"the scheduler at tcp://\S+ is gone|without a worker"):
            pool.evaluate_all(dataset, asked, facts, progress=lambda count: other.close() if count else None)


def test_the_first_failure_of_the_list_is_told_first() -> None:
    """Batches come out of order: good ones go through at once, a failure waits for all before it."""
    orders = [Order((str(place),), frozenset("ab")) for place in range(4)]
    line = cluster._Line(orders)

    def come(place: int, **gave: Any) -> list[str]:
        return [batch.order.ids[0] for batch in line.through(place, Batch(orders[place], **gave))]

    assert come(2, failures={"a": EvaluationError("later")}) == []
    assert line.wanted(3).protocols == {"b"}
    assert come(3) == ["3"]
    assert come(1, failures={"a": EvaluationError("first")}) == []
    assert come(0) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("pace", "left", "size"), [(float("inf"), 1000, 1), (0.5, 1000, 10), (1e-9, 1000, 64), (0.5, 8, 2), (60.0, 9, 1)]
)
def test_a_shard_takes_seconds(pace: float, left: int, size: int) -> None:
    """As many batches as take five seconds, at most 64, and no more than a fair part of what is left of two workers."""
    assert cluster._size(pace, left, 2) == size


# ---------------------------------------------------------------------------------------------------------------------
# Workers of our own


def test_each_gpu_has_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the names that this process sees them by; what cannot be had is a sentence."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert cluster._gpus("auto") == cluster._gpus("cuda") == ["0", "1"]
    assert cluster._gpus("cpu") == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-8f1b")
    assert cluster._gpus("auto") == ["3", "GPU-8f1b"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert cluster._gpus("auto") == []
    for device, said in (("cuda", "there is no GPU that torch can use"), ("cuda:1", "one GPU each")):
        with pytest.raises(ClusterError, match=said):
            cluster._gpus(device)


def test_workers_on_the_cpu_compute_like_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the cores have room for, two at least; too many threads are said."""
    monkeypatch.setattr(cluster, "cores", lambda: 16)
    for threads, workers in ((1, 16), (4, 4), (16, 2)):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert cluster._cpu_workers() == workers
    assert "2 workers compute with 16 threads each" in cluster._crowded(2)
    assert cluster._crowded(1) == ""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert cluster._crowded(40) == ""


@pytest.fixture
def begin(place: Path, repo: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Begins the command on slow workers of its own, in a session of its own; none outlives the test."""
    make.write_toy(place / "toy", 30)
    environment = {**os.environ, "DASK_DISTRIBUTED__WORKER__PRELOAD": '["tests.runners.slow"]'}
    begun: list[subprocess.Popen[str]] = []

    def start(where: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "runners.cli", *words(place, "--cluster", where, "--batch", "1")]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        begun.append(subprocess.Popen(command, cwd=repo, env=environment, start_new_session=True, **pipes))  # type: ignore[call-overload]
        return begun[-1]

    yield start
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def finished(place: Path) -> int:
    """How many images the journal holds."""
    return sum(header.samples for header in headers(place / "out"))


def wait_for(process: subprocess.Popen[str], done: Callable[[], bool]) -> None:
    """Wait until something is so, while the command runs."""
    until = time.monotonic() + PATIENT_S
    while not done():
        assert process.poll() is None, process.stdout.read()  # type: ignore[union-attr]
        assert time.monotonic() < until
        time.sleep(0.05)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The worker processes of a command."""
    return [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether processes end, soon."""
    return psutil.wait_procs(processes, timeout=PATIENT_S)[1] == []


def test_killed_workers_lose_nothing(
    call: Callable[..., Result], place: Path, begin: Callable[[str], subprocess.Popen[str]]
) -> None:
    """One of three workers is killed, then all and the command, too; given again it writes the serial record."""
    first = begin("local:3")
    wait_for(first, lambda: finished(place) >= 3)
    workers = workers_of(first)
    assert len(workers) == 3
    before = finished(place)
    workers[0].kill()
    wait_for(first, lambda: finished(place) >= before + 4)
    everyone = [*workers_of(first), psutil.Process(first.pid)]
    for process in everyone:
        process.kill()
    first.wait()
    assert all_gone(everyone)
    assert 7 <= finished(place) < 30

    last = begin("local:3")
    output, _ = last.communicate(timeout=PATIENT_S)
    assert last.returncode == 0, output
    assert "goes on with what" in output
    found = records(place / "out")
    assert call("--batch", "1").exit_code == 0
    alone, apart = records(place / "out"), {"timings", "command", "sha256"}
    assert found["plain"].command != alone["plain"].command
    assert {name: run.model_dump(exclude=apart) for name, run in found.items()} == {
        name: run.model_dump(exclude=apart) for name, run in alone.items()
    }
    ids = found["plain"].samples.id
    assert (len(ids), len(set(ids))) == (30, 30)
    assert (found["plain"].timings.seconds_predict or 0) >= 30 * SECONDS  # of workers alone: no batch is left out
    assert not (place / "out" / ".journal").exists()


def test_ctrl_c_in_a_terminal_leaves_nothing_behind(
    call: Callable[..., Result], place: Path, begin: Callable[[str], subprocess.Popen[str]]
) -> None:
    """It reaches every process: a sentence, no worker left, a journal to go on from. All listened on the loopback."""
    process = begin("local:1")
    wait_for(process, lambda: finished(place) >= 2)
    workers = workers_of(process)
    assert len(workers) == 1
    listening = {
        connection.laddr.ip
        for one in [psutil.Process(process.pid), *workers]
        for connection in one.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENT_S)
    assert process.returncode == 1, output
    assert "stopping after this batch" in output
    assert "the same command goes on from there" in output
    assert "Traceback" not in output
    assert all_gone(workers)
    assert 2 <= finished(place) < 30
    assert "goes on with what" in call("--batch", "1").output


# ---------------------------------------------------------------------------------------------------------------------
# Slurm


def test_the_guide_for_slurm_shows_the_script_that_is_rendered(repo: Path) -> None:
    """Its Python file makes a cluster whose job script is the one that the guide shows, but for address and folder."""
    text = (repo / "docs" / "en" / "measure-everything.md").read_text(encoding="utf-8")
    (code,) = re.findall(r'^```python title="slurm.py"\n(.*?)^```', text, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"^```sh\n(#!/usr/bin/env bash\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    made: list[str] = []

    class Loopback(SLURMCluster):  # type: ignore[misc]
        def __init__(self, **how: Any) -> None:
            assert how.pop("interface") == "ib0"
            super().__init__(**how, scheduler_options={"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"})
            made.append(self.job_script())

        def scale(self, n: int = 0, jobs: int = 0) -> Any:
            assert jobs in (0, 4)  # none in the end
            return super().scale(0)

        def wait_for_workers(self, count: int) -> None:
            assert count == 4

    def run(command: list[str], check: bool) -> None:
        known = {option for parameter in main.commands["evaluate"].params for option in parameter.opts}
        assert {word for word in command if word.startswith("-")} <= known
        parse(command[command.index("--cluster") + 1])
        assert check

    source = code.replace("from dask_jobqueue import SLURMCluster\n", "").replace("import subprocess\n", "")
    exec(source, {"SLURMCluster": Loopback, "subprocess": SimpleNamespace(run=run)})  # noqa: S102 - the guide's own
    (script,) = made
    script = re.sub(r"tcp://\S+", "tcp://10.0.0.1:40001", script).replace(" --interface ib0", "")
    assert [line for line in script.splitlines() if line] == [line for line in shown.splitlines() if line]
