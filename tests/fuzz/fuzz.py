"""Fuzz the reader of records for some seconds: ``python -m tests.fuzz.fuzz --seconds 600 [--engine atheris]``.

A child process does the work under limits that the system keeps: no file may take longer than 5 s or make the process
larger than 1 GB, and nothing may raise. What breaks a limit is kept in the folder of ``--keep``.

Engines: ``mutate`` puts what the corpus of submissions has found to matter into honest files, ``hypothesis`` makes JSON
and YAML values from nothing, ``atheris`` is led by coverage (``pip install atheris``, where it has a wheel).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

LONGEST_S, LARGEST_BYTES = 5, 10**9
LONGEST_WAIT_S = 60
"""How long a file may take by the clock: whoever waits for ever uses no time of the processor."""
ENGINES = ("mutate", "hypothesis", "atheris")


class TooSlowError(BaseException):
    """A file took too long; no ``except Exception`` may catch it."""


def main() -> int:
    """Run the child and say what became of it."""
    options = _options()
    if options.child:
        return _work(options)
    command = [sys.executable, "-m", "tests.fuzz.fuzz", "--child", "--engine", options.engine]
    command += ["--seconds", str(options.seconds), "--seed", str(options.seed), "--keep", str(options.keep)]
    done = subprocess.run(command, check=False, timeout=options.seconds + 120)
    if done.returncode:
        print(f"{options.engine}: failed with {done.returncode}; the file is in {options.keep}", file=sys.stderr)
    return done.returncode


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--engine", choices=ENGINES, default="mutate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


class Judge:
    """Judges files one by one, and keeps the one that breaks a limit."""

    def __init__(self, root: Path, keep: Path) -> None:
        from tests.corpus.base import write_base
        from tests.fuzz.targets import TARGETS

        write_base(root)
        self.root, self.keep = root, keep
        self.honest = {target: (root / target).read_bytes() for target in TARGETS}
        self.files = self.findings = 0
        self.slowest = 0.0
        signal.signal(signal.SIGPROF, _too_slow)
        signal.signal(signal.SIGALRM, _too_slow)

    def __call__(self, target: str, content: bytes) -> None:
        """Judge the folder with a file of that content, then put the honest one back.

        Raises:
            TooSlowError: After 5 s.
            BaseException: Whatever the reader raised: there should be nothing.
        """
        from tests.fuzz.targets import judge

        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LONGEST_S)  # of its own time: others use the machine too
        signal.alarm(LONGEST_WAIT_S)
        try:
            self.findings += judge(self.root, target, content)
        except BaseException:
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / target.replace("/", "_")).write_bytes(content)
            raise
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
            (self.root / target).write_bytes(self.honest[target])
        self.files += 1
        self.slowest = max(self.slowest, time.process_time() - started)


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlowError(f"more than {LONGEST_S} s of work, or {LONGEST_WAIT_S} s in all")


def _work(options: argparse.Namespace) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    engines: dict[str, Callable[[Judge, argparse.Namespace], None]] = {
        "mutate": _mutate,
        "hypothesis": _hypothesis,
        "atheris": _atheris,
    }
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(folder) / "results", options.keep)
        if options.engine != "atheris":  # which needs address space for its own tables
            resource.setrlimit(resource.RLIMIT_AS, (LARGEST_BYTES, LARGEST_BYTES))
        engines[options.engine](judge, options)
        _report(judge, options)
    return 0


def _report(judge: Judge, options: argparse.Namespace) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    said = {"engine": options.engine, "seed": options.seed, "files": judge.files, "findings": judge.findings}
    print(json.dumps({**said, "slowest_s": round(judge.slowest, 2), "peak_mb": round(peak / 1e6)}))
    if peak > LARGEST_BYTES:
        raise MemoryError(f"the process had {peak:,} bytes")


def _mutate(judge: Judge, options: argparse.Namespace) -> None:
    from tests.fuzz.targets import TARGETS, mutated

    seed, end = random.Random(options.seed), time.monotonic() + options.seconds  # noqa: S311 (no secret)
    while time.monotonic() < end:
        target = seed.choice(TARGETS)
        judge(target, mutated(judge.honest[target], seed))


def _hypothesis(judge: Judge, options: argparse.Namespace) -> None:
    """Any nested values, under the names of fields, as JSON (which is YAML as well)."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    from tests.fuzz.targets import TARGETS

    names = sorted({key for content in judge.honest.values() for key in _keys(content)})
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(names)
    values = st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(st.sampled_from(names) | st.text(max_size=9), inner, max_size=9)
        ),
        max_leaves=40,
    )
    end = time.monotonic() + options.seconds
    texts = [target for target in TARGETS if target.endswith((".json", ".yaml"))]

    @settings(
        max_examples=300, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(st.sampled_from(texts), st.dictionaries(st.sampled_from(names), values, max_size=12))
    def attempt(target: str, data: object) -> None:
        if time.monotonic() < end:
            judge(target, json.dumps(_completed(judge.honest[target], data)).encode("ascii"))

    round_ = options.seed
    while time.monotonic() < end:
        seeded(round_)(attempt)()
        round_ += 1


def _keys(content: bytes) -> set[str]:
    import yaml

    try:
        data = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError):
        return set()
    return set(data) if isinstance(data, dict) else set()


def _completed(honest: bytes, data: object) -> object:
    """Return the honest record with those fields, so that more than "is missing" is reached."""
    import yaml

    return {**yaml.safe_load(honest), **data} if isinstance(data, dict) else data


def _atheris(judge: Judge, options: argparse.Namespace) -> None:
    """Bytes led by coverage: the first chooses the file, the others are what is in it."""
    import atheris

    from tests.fuzz.targets import TARGETS

    def attempt(data: bytes) -> None:
        if data:
            judge(TARGETS[data[0] % len(TARGETS)], data[1:])

    seeds = options.keep / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for index, target in enumerate(TARGETS):
        (seeds / str(index)).write_bytes(bytes([index]) + judge.honest[target])
    atheris.instrument_all()
    arguments = [f"-max_total_time={int(options.seconds)}", "-rss_limit_mb=1000", f"-seed={options.seed + 1}"]
    atheris.Setup(
        [sys.argv[0], *arguments, "-max_len=65536", "-len_control=0", "-print_final_stats=1", str(seeds)], attempt
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
