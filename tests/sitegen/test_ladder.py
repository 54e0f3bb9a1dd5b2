"""How far a run has come: only what somebody else did counts, and only for the very digest."""

from pathlib import Path

import pytest

from sitegen.ladder import ladder, standing
from sitegen.store import load
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

RUN = toy.run("toy-a", [0.1, 0.2])
ENTRY = toy.verification(RUN).model_dump(mode="json")


def test_steps() -> None:
    """A record that was read is submitted and checked; who ran it again takes it further, each with their entry."""
    maintainer = toy.verification(RUN)
    second = [toy.verification(RUN, "second-party", name) for name in ("B", "C")]
    other = toy.verification(toy.run("toy-b", [0.3]))
    assert [standing(toy.store(runs=[RUN], verified=found), RUN).name for found in ((), (other,), (maintainer,))] == [
        "checked",
        "checked",
        "re-run",
    ]
    steps = ladder(toy.store(runs=[RUN], verified=(other, *second)), RUN)
    assert [(step.name, step.taken, step.number) for step in steps] == [
        ("submitted", True, 1),
        ("checked", True, 2),
        ("re-run", False, 3),
        ("reproduced", True, 4),
    ]
    assert steps[3].entries == tuple(second)


def written(tmp_path: Path, *entries: dict[str, object]) -> list[str]:
    """What a store says of verified.yaml with these entries about its run."""
    root = make.write_results(tmp_path, with_run=True)
    digest = load(root).runs[0].sha256
    made = [{**ENTRY, "sha256": digest, **entry} for entry in entries]
    make.write_yaml(root / "verified.yaml", {"schema_version": 1, "digests": made})
    return [str(finding) for finding in load(root).findings]


def test_a_valid_entry(tmp_path: Path) -> None:
    """A maintainer and a second party may vouch for the same run."""
    assert written(tmp_path, {}, {"relation": "second-party", "verified_by": "B"}) == []


@pytest.mark.parametrize("name", ["a test", " A  TEST".strip(), "ａ test"])
def test_nobody_verifies_themselves(tmp_path: Path, name: str) -> None:
    """The submitter of a run cannot confirm it, in whichever case, spacing or width the name is written."""
    (found,) = written(tmp_path, {"verified_by": name})
    assert found.startswith("error: verified.yaml: /digests/0/verified_by:")
    assert "submitted the run" in found


def test_one_person_is_one_witness(tmp_path: Path) -> None:
    """The same person counts once, and is not both a maintainer and a second party."""
    twice, both = written(tmp_path, {}, {}, {"relation": "second-party"})
    assert "stands here twice" in twice
    assert "cannot be maintainer and second party" in both


def test_not_before_the_run(tmp_path: Path) -> None:
    """Nothing is run again before it was run."""
    (found,) = written(tmp_path, {"date": "2026-11-21"})
    assert "/digests/0/date: is 2026-11-21, but the run is of 2026-11-22" in found


def test_an_unknown_digest(tmp_path: Path) -> None:
    """An entry about a run that is another one now is a warning: it vouches for nothing any more."""
    (found,) = written(tmp_path, {"sha256": "0" * 64})
    assert found.startswith("warning: verified.yaml: /digests/0: no run has the digest")


@pytest.mark.parametrize("field", ["relation", "verified_by", "date", "device", "command", "evidence"])
def test_every_field_is_needed(tmp_path: Path, field: str) -> None:
    """Who, when, on what, with which command and where it can be read: nothing may be left out."""
    root = make.write_results(tmp_path, with_run=True)
    entry = {name: value for name, value in ENTRY.items() if name != field}
    make.write_yaml(root / "verified.yaml", {"schema_version": 1, "digests": [entry]})
    assert [(f.path, f.pointer, f.message) for f in load(root).findings] == [
        ("verified.yaml", f"/digests/0/{field}", "is missing")
    ]


def test_evidence_is_an_address(tmp_path: Path) -> None:
    """Evidence has to be a web address, and no script."""
    (found,) = written(tmp_path, {"evidence": "javascript:alert(1)"})
    assert "must be an address that begins with http" in found
