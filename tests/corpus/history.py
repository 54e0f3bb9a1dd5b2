"""What a change does to what was published before it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.corpus.base import FITTED_RUN, GALLERY, RUN, make_run, write_base
from tests.corpus.base import PROTOCOL as HOUSE
from tests.corpus.changes import Case, Change, both, forge, move, put, remove, set_json, set_row, set_yaml, write
from tests.sitegen import factories as make

MODEL, CSV, CASE = "models/toy-net.yaml", "sources/toy-paper.csv", "disagreements/toy-case.yaml"
SPEED, INDEX, PROTOCOL = "speed/nvidia-t4/toy-net.json", f"{GALLERY}/index.json", "protocols/toy-rooms/house.yaml"
CORRECTIONS, ROW = "corrections.yaml", "toy-net | toy-rooms | abs_rel | Table 1"
OLD = "0.05, printed 5.0, metric, reported, zero-shot yes"


def base_case(name: str, hope: str, change: Change, path: str, says: str, **rest: Any) -> Case:
    """A case that is judged against the honest folder."""
    return Case(name, hope, change, path, says, against=True, **rest)


def correct(**fields: Any) -> Change:
    """Add a correction."""

    def change(root: Path) -> None:
        data = yaml.safe_load((root / CORRECTIONS).read_text())
        entry = {"id": "second", "date": "2026-11-25", "path": CSV, "row": ROW, "old": OLD, "new": None}
        data["corrections"].append({**entry, "reason": "a slip", "source": "Table 1"} | fields)
        make.write_yaml(root / CORRECTIONS, data)

    return change


def cut_row(root: Path) -> None:
    """Remove a published number."""
    lines = (root / CSV).read_text().splitlines(keepends=True)
    (root / CSV).write_text("".join(line for line in lines if not line.startswith("toy-net,")))


def remove_gallery(root: Path) -> None:
    """Remove a gallery entry."""
    shutil.rmtree(root / GALLERY)


def another_run(root: Path) -> None:
    """Measure again, with another outcome."""
    make.write_json(root / RUN, make_run("toy-net", 0.08, HOUSE))


def another_protocol(root: Path) -> None:
    """Change what a protocol measures."""
    make.write_yaml(root / PROTOCOL, {**HOUSE, "flip_average": True})


def everything_anew(root: Path) -> None:
    """Replace the whole folder by one with other predictions."""
    for path in list(root.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_base(root)
    another_run(root)


def code_too(root: Path) -> None:
    """Change records and what checks them, both known to git."""
    write("../sitegen/checks.py", "x = 1\n")(root)
    set_yaml(MODEL, notes=["a word"])(root)
    subprocess.run(["git", "add", "-N", "../sitegen"], cwd=root, check=True)


def many_files(root: Path) -> None:
    """Add more files than a person reads."""
    for number in range(2100):
        write(f"models/m{number}.yaml", "")(root)


HISTORY = [
    base_case(
        "number changed",
        "a rival's number made worse",
        set_row(value="0.06", value_as_printed="6.0"),
        CSV,
        f"{ROW} was '{OLD}' and is '0.06, printed 6.0",
    ),
    base_case(
        "number changed, printed kept",
        "the value that is ranked, not the one that is shown",
        set_row(value="0.005"),
        CSV,
        "and is '0.005, printed 5.0",
    ),
    base_case("number removed", "a rival's number gone", cut_row, CSV, f"{ROW} was '{OLD}' and is gone"),
    base_case(
        "number flagged",
        "a rival's number no longer ranked",
        set_row(flag="suspect", flag_reason="I think so"),
        CSV,
        "suspect', without a correction",
    ),
    base_case(
        "number placed elsewhere",
        "a rival moved to another board",
        both(set_row(family="scale"), set_yaml("sources/toy-paper.yaml", tables__0__families=["metric", "scale"])),
        CSV,
        "scale, reported",
    ),
    base_case(
        "number copied, not reported",
        "a rival's own number passes for hearsay",
        both(set_row(kind="copied"), set_yaml("sources/toy-paper.yaml", tables__0__kinds=["reported", "copied"])),
        CSV,
        "copied, zero-shot yes",
    ),
    base_case(
        "number no longer zero-shot", "a rival leaves the zero-shot board", set_row(zero_shot="no"), CSV, "zero-shot no"
    ),
    base_case(
        "number under another variant",
        "the old one is gone, a new one looks added",
        set_row(variant="large"),
        CSV,
        "and is gone, without a correction",
    ),
    base_case("run measured again", "a run replaced by a better one", another_run, RUN, "was 'sha256"),
    base_case(
        "run forged",
        "a value changed, digest and summary renewed",
        forge({"/samples/group": ["h"] * 6}),
        RUN,
        "the record was 'sha256",
    ),
    base_case(
        "run removed",
        "a bad result gone",
        remove("runs/toy-rooms/house/toy-third.json"),
        "runs/toy-rooms/house/toy-third.json",
        "and is gone",
    ),
    base_case(
        "run moved",
        "a result under another protocol",
        move(FITTED_RUN, "sensitivity/toy-rooms/fitted/toy-net.json"),
        FITTED_RUN,
        "and is gone",
    ),
    base_case(
        "runs all removed", "a data set's results gone", lambda root: shutil.rmtree(root / "runs"), RUN, "and is gone"
    ),
    base_case(
        "speed changed",
        "a faster model",
        set_json(SPEED, {"/cases/0/latency": {"p10_ms": 1.0, "median_ms": 2.0, "p90_ms": 3.0}}),
        SPEED,
        "was 'sha256",
    ),
    base_case("speed removed", "a slow model's time gone", remove(SPEED), SPEED, "and is gone"),
    base_case(
        "gallery number changed",
        "a better number beside a picture",
        set_json(INDEX, {"/models/0/metrics/abs_rel": 0.05}),
        INDEX,
        "toy-net was 'sha256",
    ),
    base_case("gallery entry removed", "an unflattering picture gone", remove_gallery, INDEX, "and is gone"),
    base_case("protocol changed", "rules that fit one's model", another_protocol, PROTOCOL, "was 'sha256"),
    base_case(
        "protocol removed",
        "a board gone",
        both(remove("protocols/toy-rooms/fitted.yaml"), remove(FITTED_RUN)),
        "protocols/toy-rooms/fitted.yaml",
        "and is gone",
    ),
    base_case(
        "disagreement changed",
        "a documented value made better",
        set_yaml(CASE, values__0__value=0.04),
        CASE,
        "was '0.05, printed 0.050' and is '0.04",
    ),
    base_case("disagreement removed", "an unwelcome case gone", remove(CASE), CASE, "and is gone"),
    base_case(
        "model removed",
        "a rival gone with all it has",
        remove("models/toy-fourth.yaml"),
        "models/toy-fourth.yaml",
        "was 'a card' and is gone",
    ),
    base_case(
        "what refers to it",
        "files that were not touched break",
        remove("models/toy-fourth.yaml"),
        "runs/toy-rooms/house/toy-fourth.json",
        "no model card 'toy-fourth'",
    ),
    base_case("everything anew", "a change too large to read", everything_anew, RUN, "was 'sha256"),
    base_case(
        "correction of another value",
        "a correction that does not say what was",
        both(
            set_row(value="0.06", value_as_printed="6.0"),
            correct(old="0.07", new="0.06, printed 6.0, metric, reported, zero-shot yes"),
        ),
        CSV,
        "without a correction",
    ),
    base_case(
        "correction of nothing",
        "a correction for a later change",
        correct(),
        CORRECTIONS,
        "says of toy-net | toy-rooms | abs_rel | Table 1 in sources/toy-paper.csv what this change does not do",
        pointer="/corrections/1",
    ),
    base_case(
        "correction without a reason",
        "nobody learns why",
        correct(reason=""),
        CORRECTIONS,
        "at least 1 character",
        pointer="/corrections/1/reason",
    ),
    base_case(
        "correction removed",
        "the history of a number gone",
        set_yaml(CORRECTIONS, corrections=[]),
        CORRECTIONS,
        "'first' was changed or removed",
    ),
    base_case(
        "correction reworded",
        "the reason reads otherwise now",
        set_yaml(CORRECTIONS, corrections__0__reason="never mind"),
        CORRECTIONS,
        "'first' was changed or removed",
    ),
    base_case(
        "corrections file removed", "likewise", remove(CORRECTIONS), CORRECTIONS, "'first' was changed or removed"
    ),
    base_case(
        "correction twice",
        "two reasons under one id",
        correct(id="first"),
        CORRECTIONS,
        "corrections stand twice: first",
    ),
    base_case(
        "verified by oneself",
        "a mark of trust for one's own run",
        set_yaml("verified.yaml", digests=[]),
        "verified.yaml",
        "is for maintainers to change",
        severity="warning",
    ),
    base_case(
        "protocol retitled",
        "a protocol that reads otherwise",
        set_yaml(PROTOCOL, title="Another"),
        PROTOCOL,
        "is for maintainers to change",
        severity="warning",
    ),
    base_case(
        "journal committed",
        "half a run",
        write("runs/.journal/0123.jsonl", "x"),
        "runs/.journal/0123.jsonl",
        "belongs to a run that goes on",
    ),
    base_case(
        "code in the same change",
        "what checks the records is changed with them",
        code_too,
        "",
        "other files change together",
        severity="warning",
    ),
    base_case(
        "two thousand files",
        "a change that nobody reads",
        many_files,
        "",
        "2,100 files",
    ),
    base_case(
        "field removed silently with an error",
        "a broken file hides that a value is gone",
        set_json(RUN, {"/submitter": put}),
        RUN,
        "is missing",
        pointer="/submitter",
    ),
]


CASES = {"history": HISTORY}
