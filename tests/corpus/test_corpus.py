"""Every broken or hostile submission gives its finding: no traceback, no hang, and an honest one gives none."""

import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from sitegen.findings import Finding, format_findings
from sitegen.store import load
from sitegen.submission import submission_findings
from tests.corpus import files, history, measured, records, texts
from tests.corpus.base import write_base
from tests.corpus.changes import Case

CATEGORIES: dict[str, list[Case]] = {
    **records.CASES,
    **measured.CASES,
    **history.CASES,
    **files.CASES,
    **texts.CASES,
}
CASES = [pytest.param(case, id=f"{name}: {case.name}") for name, cases in CATEGORIES.items() for case in cases]
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
LONGEST_S = 5.0


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The honest folder, in a repository of its own."""
    root = tmp_path_factory.mktemp("honest")
    write_base(root / "results")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "base")):
        subprocess.run([*GIT, *command], cwd=root, check=True)
    return root


@pytest.fixture
def copy(honest: Path, tmp_path: Path) -> Path:
    """A copy of the honest folder to spoil."""
    return Path(shutil.copytree(honest, tmp_path / "copy")) / "results"


def judged(results: Path, against: bool) -> list[Finding]:
    """The findings of a folder, alone or against the honest one."""
    store = load(results)
    return submission_findings(results, "HEAD", store) if against else list(store.findings)


@pytest.mark.parametrize("case", CASES)
def test_submission_gives_its_finding(copy: Path, case: Case) -> None:
    """The finding names the file, the place in it and what is wrong, within seconds."""
    case.change(copy)
    started = time.process_time()  # others use the machine too
    found = judged(copy, case.against)
    took = time.process_time() - started
    matching = [f for f in found if (f.severity, f.path) == (case.severity, case.path) and case.says in f.message]
    assert any(f.pointer.startswith(case.pointer) for f in matching), format_findings(found)
    assert took < LONGEST_S


@pytest.mark.parametrize("against", [False, True])
def test_honest_folder_gives_none(copy: Path, against: bool) -> None:
    """The base of all cases has neither errors nor warnings, so every finding is of its change."""
    assert judged(copy, against) == []


def test_corpus_is_large_and_each_case_has_a_name() -> None:
    """At least 150 cases; a name stands for one case of its category."""
    assert len(CASES) >= 150
    assert not [name for name, count in Counter(param.id for param in CASES).items() if count > 1]
