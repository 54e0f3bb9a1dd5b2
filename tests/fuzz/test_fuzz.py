"""A few seconds of fuzzing in the suite; ten minutes by hand, see tests/fuzz/fuzz.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sitegen.store import load
from tests.corpus.base import write_base
from tests.fuzz.fuzz import Judge, TooSlowError
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("engine", ["mutate", "hypothesis"])
def test_reader_survives(engine: str, repo: Path, tmp_path: Path) -> None:
    """No traceback, no file that takes more than 5 s, no process over 1 GB; some files were judged."""
    command = [sys.executable, "-m", "tests.fuzz.fuzz", "--engine", engine, "--seconds", "4", "--keep", tmp_path]
    seed = str(int.from_bytes(os.urandom(4), "big")) if "CI" not in os.environ else "0"
    done = subprocess.run(
        [*map(str, command), "--seed", seed], cwd=repo, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, (seed, done.stderr)
    assert json.loads(done.stdout)["files"] > 5


def test_every_target_is_a_file_that_is_read(tmp_path: Path) -> None:
    """Each fuzzed file counts: emptied, it gives a finding."""
    root = write_base(tmp_path / "results")
    for target in TARGETS:
        content = (root / target).read_bytes()
        (root / target).write_bytes(b"\xff")
        assert load(root).findings, target
        (root / target).write_bytes(content)


def test_what_breaks_a_limit_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that raises ends the run and is kept to be looked at; so is one that takes too long."""
    judge = Judge(tmp_path / "results", tmp_path / "keep")

    def broken(root: Path, target: str, content: bytes) -> int:
        raise TooSlowError(target) if content == b"slow" else KeyError(target)

    monkeypatch.setattr("tests.fuzz.targets.judge", broken)
    with pytest.raises(KeyError):
        judge("references.bib", b"x")
    assert (tmp_path / "keep/references.bib").read_bytes() == b"x"
    with pytest.raises(TooSlowError):
        judge("references.bib", b"slow")
    assert (tmp_path / "keep/references.bib").read_bytes() == b"slow"
