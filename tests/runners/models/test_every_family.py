"""Every family end to end: a tiny random checkpoint through the command line to a run record that validates."""

import json
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from runners.cli import main
from runners.models import describe, models
from sitegen.records import Run

ONE_OF_EACH = {
    "midas": "midas-v3-1-levit-224",  # the only size that it has is its own, and its hash is not pinned yet
    "dpt": "midas-v3-1-swinv2-t-256",
    "depth-anything": "depth-anything-v2-small-metric-indoor",
    "zoedepth": "zoed-m12-nk",
    "depth-pro": "depth-pro",
    "marigold": "marigold-depth-v1-1",
}


def test_every_family_with_a_checkpoint_of_its_own_is_here() -> None:
    """A new family whose adapter can write a tiny checkpoint has to be added above."""
    entries = [entry for entry in models().values() if entry.weights is not None and entry.family != "meter"]
    assert {entry.family for entry in entries if hasattr(import_module(entry.module), "write_tiny")} == set(ONE_OF_EACH)


@pytest.mark.parametrize("model_id", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_tiny_checkpoint_becomes_a_run_record(tmp_path: Path, repo: Path, model_id: str) -> None:
    """Found in the weights cache, loaded, predicted and scored on the bundled scenes; never a result of the project."""
    entry = describe(model_id)
    import_module(entry.module).write_tiny(entry, tmp_path / "weights")
    done = CliRunner().invoke(
        main,
        [
            *("evaluate", "--model", model_id, "--dataset", "procedural-indoor", "--limit", "2"),
            *("--weights-dir", str(tmp_path / "weights"), "--results", str(repo / "results")),
            *("--out", str(tmp_path / "runs")),
        ],
    )
    assert done.exit_code == 0, done.output
    (path,) = (tmp_path / "runs").rglob("*.json")
    run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    assert (run.model.id, run.prediction_kind, run.dataset.evaluated) == (model_id, entry.kind, 2)
    assert run.model.weights_sha256
    assert run.model.settings
