"""Running a record again: what agrees, what is named, and which records are refused."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from runners.cli import main
from runners.models import describe
from runners.reproduce import AGREES, compare, given_settings
from sitegen.records import Run, summarise
from tests.runners import factories as make

RECORDS = "results/runs/procedural-indoor/house"


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def fields_of(path: Path) -> dict[str, Any]:
    """The fields of a record."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def resealed(fields: dict[str, Any]) -> Run:
    """A valid record of changed fields, as somebody who tampers would make it."""
    columns = {name: fields["samples"][name] for name in fields["summary"]}
    return Run.sealed({**fields, "summary": summarise(columns, None, {})})


@pytest.fixture
def tampered(repo: Path, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """Gives a copy of a committed record with changed fields and a digest that agrees with them."""

    def copied(change: Callable[[dict[str, Any]], None]) -> Path:
        fields = fields_of(repo / RECORDS / "baseline-dark-channel.json")
        change(fields)
        path = tmp_path / "record.json"
        path.write_text(resealed(fields).model_dump_json(), encoding="utf-8")
        return path

    return copied


@pytest.mark.parametrize("model", ["baseline-row-prior", "baseline-dark-channel"])
def test_committed_baselines_agree(repo: Path, model: str) -> None:
    """Fitted and not: exit code 0, and the commit that differs is named."""
    path = repo / RECORDS / f"{model}.json"
    commit = json.loads(path.read_text(encoding="utf-8"))["environment"]["git_commit"]
    result = call("reproduce", path, "--results", repo / "results")
    assert result.exit_code == 0, result.output
    assert f"environment: git_commit was {commit}, is" in result.output
    assert f"{model}.json: every value agrees" in result.output


@pytest.mark.shared
def test_committed_network_agrees(repo: Path, shared: Path) -> None:
    """METER from its weights, with the settings that only its adapter writes."""
    record = repo / RECORDS / "meter-xxs-nyu.json"
    result = call("reproduce", record, "--weights-dir", shared / "weights", "--results", repo / "results")
    assert result.exit_code == 0, result.output
    assert "weights_sha256" not in result.output
    assert "settings/" not in result.output


def test_own_record_is_the_same(repo: Path, tmp_path: Path) -> None:
    """Of the same code on the same machine the digest is the same, which evaluate prints; a limit is kept."""
    call_of = ("--model", "baseline-dark-channel", "--dataset", "procedural-indoor", "--limit", "3", "--batch", "2")
    words = ["runners", "evaluate", *call_of]
    result = call("evaluate", *call_of, "--results", repo / "results", "--out", tmp_path)
    (path,) = tmp_path.rglob("*.json")
    digest = fields_of(path)["sha256"]
    assert f"; sha256 {digest}" in result.output
    fields = {**fields_of(path), "command": " ".join(words)}
    path.write_text(resealed(fields).model_dump_json(), encoding="utf-8")
    result = call("reproduce", path, "--results", repo / "results")
    assert result.exit_code == 0, result.output
    assert f"the record is the same: sha256 {fields_of(path)['sha256']}" in result.output
    assert "all values of 3 images are equal" in result.output


def test_a_changed_value_is_found(repo: Path, tampered: Callable[..., Path]) -> None:
    """Exit code 1; the metric, its largest difference and the image are named, and the record is as it was."""

    def flatter(fields: dict[str, Any]) -> None:
        fields["samples"]["abs_rel"][3] *= 0.99
        fields["environment"]["torch"] = "1.0"

    path = tampered(flatter)
    text, name = path.read_text(encoding="utf-8"), fields_of(path)["samples"]["id"][3]
    result = call("reproduce", path, "--results", repo / "results")
    assert result.exit_code == 1
    assert "environment: torch was 1.0, is" in result.output
    assert f"relative 0.01 ({name})" in result.output
    assert f"    {name}: abs_rel was" in result.output
    assert "1 of 24 images differ by more than 1e-06" in result.output
    assert "record.json: not every value agrees" in result.output
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda fields: fields.update(deviations=["no flip"]), "not made as its protocol says (no flip)"),
        (lambda fields: fields["timings"].update(seconds_predict=None), "scored from saved predictions"),
        (lambda fields: fields["dataset"].update(list_sha256="0" * 64), "'procedural-indoor' here lists 24 images"),
        (lambda fields: fields["dataset"].update(id="nowhere"), "unknown data set 'nowhere'"),
        (lambda fields: fields["model"].update(id="nobody"), "unknown model 'nobody'"),
    ],
)
def test_refused_records_are_sentences(
    repo: Path, tampered: Callable[..., Path], change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    """What cannot be run again as it was is not run."""
    result = call("reproduce", tampered(change), "--results", repo / "results")
    assert result.exit_code == 1
    assert sentence in result.output


def test_no_record(repo: Path, tmp_path: Path) -> None:
    """A file that is absent, is no JSON, or whose digest does not agree; contradicting options are usage errors."""
    (tmp_path / "text.json").write_text("{", encoding="utf-8")
    fields = fields_of(repo / RECORDS / "baseline-dark-channel.json")
    (tmp_path / "digest.json").write_text(json.dumps({**fields, "sha256": "0" * 64}), encoding="utf-8")
    for name, sentence in (("none", "No such file"), ("text", "no run record"), ("digest", "sha256 does not agree")):
        result = call("reproduce", tmp_path / f"{name}.json")
        assert result.exit_code == 1
        assert sentence in result.output
    assert call("reproduce", "a", "--root", "b", "--manifest", "c").exit_code == 2


def test_images_that_one_side_lacks_do_not_agree(repo: Path) -> None:
    """A value that is none is no small difference either."""
    run = Run.model_validate(fields_of(repo / RECORDS / "baseline-dark-channel.json"))
    fewer = {name: column[1:] if column else column for name, column in run.samples.model_dump().items()}
    other = run.model_copy(update={"samples": run.samples.model_validate({k: v for k, v in fewer.items() if v})})
    found = compare(run, other)
    assert not found.agrees
    assert f"{run.samples.id[0]}: scored in the record only" in list(found.lines())
    assert all(difference.relative == 0 for difference in found.differences)
    assert compare(run, run).agrees
    assert AGREES > 1e-6


def test_options_are_told_from_what_adapters_write() -> None:
    """Of a record's settings those that evaluate takes are given again, a preset by its name alone."""
    said = {"preset": "fast, but other seed", "steps": 1, "seed": 5, "scheduler": "DDIM", "noise": "on the CPU"}
    assert given_settings(describe("marigold-depth-v1-1"), said) == {"preset": "fast", "steps": "1", "seed": "5"}
    assert given_settings(describe("meter-xxs-nyu"), {"input": "256x192"}) == {}


def test_part_of_a_manifest(tmp_path: Path, repo: Path) -> None:
    """The manifest is named anew, and which of its images were taken stands in the record's command."""
    manifest = make.write_toy(tmp_path / "toy")
    options = ("--model", "baseline-dark-channel", "--name", "rooms", "--only", "indoor-[123]")
    out = tmp_path / "out"
    result = call("evaluate", *options, "--manifest", manifest, "--results", repo / "results", "--out", out)
    assert result.exit_code == 0, result.output
    (path,) = out.rglob("*.json")
    command = shlex.join(["runners", "evaluate", *options, "--manifest", "gone.json"])
    path.write_text(resealed({**fields_of(path), "command": command}).model_dump_json(), encoding="utf-8")
    result = call("reproduce", path, "--manifest", manifest, "--results", repo / "results")
    assert result.exit_code == 0, result.output
    assert "all values of 3 images are equal" in result.output
    other = resealed({**fields_of(path), "command": "python my-script.py 'unclosed"})
    path.write_text(other.model_dump_json(), encoding="utf-8")
    result = call("reproduce", path, "--manifest", manifest, "--results", repo / "results")
    assert result.exit_code == 1
    assert "and the record is of 3 others" in result.output


def test_a_protocol_that_has_changed_is_said(repo: Path, tmp_path: Path) -> None:
    """The record's own is run all the same."""
    path = tmp_path / "protocols" / "procedural-indoor" / "house.yaml"
    path.parent.mkdir(parents=True)
    fields = make.capped(7.0, id="house", dataset="procedural-indoor").model_dump(mode="json")
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    result = call("reproduce", repo / RECORDS / "baseline-mean-depth.json", "--results", tmp_path)
    assert result.exit_code == 0, result.output
    assert "protocol 'procedural-indoor/house' is another one in" in result.output
