"""What a command would run, said before it runs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import runners.models
from runners.cli import main
from runners.environment import device_id
from tests.runners import factories as make


def dry(tmp_path: Path, *options: str | Path, results: Path | None = None) -> list[str]:
    """The lines of a dry run on two images; nothing may be loaded for it, and nothing written."""
    make.write_toy(tmp_path / "toy")
    words = ["evaluate", "--dataset", "procedural-indoor", "--root", tmp_path / "toy", "--device", "cpu", "--dry-run"]
    words += ["--results", results or Path("results"), "--out", tmp_path / "out", *options]
    result = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


@pytest.fixture(autouse=True)
def unloaded(monkeypatch: pytest.MonkeyPatch, repo: Path) -> None:
    """No model can be loaded here; the records are the project's own."""

    def load(*_: object, **__: object) -> None:
        raise AssertionError("a dry run loads no model")

    monkeypatch.setattr(runners.models, "load", load)
    monkeypatch.chdir(repo)


def fact(lines: list[str], name: str) -> str:
    """What a line says of something."""
    (found,) = [line for line in lines if line.strip().startswith(name)]
    return found.strip().removeprefix(name).strip()


@pytest.fixture
def pinned(tmp_path: Path, repo: Path) -> Path:
    """The project's records, with a house protocol that takes any list of images."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("models", "datasets", "sources"):
        shutil.copytree(repo / "results" / name, folder / name)
    place = folder / "protocols" / "procedural-indoor" / "house.yaml"
    place.parent.mkdir(parents=True)
    fields = make.capped(10.0, id="house", dataset="procedural-indoor", house=True, flip_average=True)
    place.write_text(yaml.safe_dump(fields.model_dump(mode="json")), encoding="utf-8")
    return folder


def test_says_what_would_run(tmp_path: Path, pinned: Path) -> None:
    """Models, images, protocols, licences, downloads; the time is unknown where no speed is recorded."""
    models = ("--model", "meter-xxs-nyu", "--model", "baseline-dark-channel")
    lines = dry(tmp_path, *models, "--weights-dir", tmp_path / "none", results=pinned)
    assert lines[0] == "meter-xxs-nyu on procedural-indoor: 2 images, protocols house"
    assert fact(lines[:8], "licence of the weights") == "MIT (repository)"
    assert fact(lines[:8], "weights").endswith("to be downloaded: 3.0 MB")
    assert fact(lines[:8], "licence of the images").startswith("CC BY 4.0")
    assert fact(lines[:8], "predictions an image") == "2"  # flips
    assert fact(lines[:8], "finished") == "nothing"
    assert fact(lines[:8], "time").startswith("unknown: no speed of it in float32 on ")
    assert fact(lines[8:], "licence of the weights") == "no weights"
    assert lines[-2:] == ["8 predictions in all", "nothing was run (--dry-run)"]
    assert not (tmp_path / "out").exists()


def recorded(repo: Path, model_id: str) -> dict[str, Any]:
    """The project's measured speed of a model, as one of this very machine."""
    [known, *_] = (repo / "results" / "speed").glob(f"*/{model_id}.json")
    return {**json.loads(known.read_text(encoding="utf-8")), "device": device_id("cpu")}


def keep(pinned: Path, speed: dict[str, Any]) -> None:
    """Write a measured speed below the records."""
    place = pinned / "speed" / speed["device"] / f"{speed['model']}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(speed), encoding="utf-8")


def test_time_is_estimated_from_a_recorded_speed(tmp_path: Path, pinned: Path, repo: Path) -> None:
    """Of the whole way rather than of the network alone, in the precision asked for."""
    keep(pinned, speed := recorded(repo, "meter-xxs-nyu"))
    lines = dry(tmp_path, "--model", "meter-xxs-nyu", results=pinned)
    timed = {case["timed"] for case in speed["cases"] if case["dtype"] == "float32" and not case["compiled"]}
    assert fact(lines, "time").startswith("about 0 s")
    assert ("network alone" in fact(lines, "time")) == ("predict" not in timed)
    assert "decoding and scoring come on top" in fact(lines, "time")


def test_memory_is_the_peak_of_the_nearest_case(tmp_path: Path, pinned: Path, repo: Path) -> None:
    """The batch that is nearest to the one asked for, with what the peak is of; another precision does not count."""
    speed = recorded(repo, "meter-xxs-nyu")
    (case,) = [c for c in speed["cases"] if c["timed"] == "predict" and c["batch"] == 1 and c["dtype"] == "float32"]
    sizes = {1: 40, 2: 70, 8: 250}
    speed["cases"] = [
        {**case, "batch": batch, "peak_memory_mb": peak, "memory_note": f"of {batch}"} for batch, peak in sizes.items()
    ]
    keep(pinned, speed)

    def said(*options: str) -> str:
        return fact(dry(tmp_path, "--model", "meter-xxs-nyu", *options, results=pinned), "memory")

    assert said() == "about 40.0 MB: the peak that was measured (640x480, batch of 1): of 1"
    assert said("--batch", "3").startswith("about 70.0 MB: the peak that was measured (640x480, batch of 2)")
    assert said("--batch", "64").startswith("about 250.0 MB")
    assert said("--dtype", "float64").startswith(
        "more than 5.7 MB, which its 0.7135 M parameters take in float64: no p"
    )


def test_memory_without_a_peak_is_that_of_the_parameters_at_least(tmp_path: Path, pinned: Path) -> None:
    """Labelled as what it is; without a card's number it is unknown."""
    lines = dry(tmp_path, "--model", "depth-anything-v2-base", "--model", "baseline-dark-channel", results=pinned)
    assert fact(lines[:8], "memory").startswith(
        "more than 390.0 MB, which its 97.5 M parameters take in float32: no peak"
    )
    assert fact(lines[8:], "memory").startswith("unknown: no peak of it in float32 on ")


def test_says_what_is_finished(tmp_path: Path, pinned: Path) -> None:
    """The journal of an interrupted run is named with how far it came; one of another model is not."""
    from runners.datasets import bundled
    from runners.journal import Done, Entry, Finished, open_journal
    from runners.protocols import read_protocols

    dry(tmp_path, "--model", "baseline-dark-channel", results=pinned)
    dataset = bundled.indoor(tmp_path / "toy")
    house = read_protocols(pinned)["procedural-indoor", "house"]
    facts = {
        "model": {"id": "baseline-dark-channel", "dtype": "float32"},
        "dataset": {"id": dataset.id, "split": dataset.split, "list_sha256": dataset.list_sha256},
        "protocols": {"procedural-indoor/house": house.digest()},
    }
    journal = open_journal(tmp_path / "out", facts, "now")
    journal.append(Finished(1.0, {"procedural-indoor/house": Done([Entry(dataset.ids[0], reason="x")])}))
    journal.close()
    models = ("--model", "baseline-dark-channel", "--model", "meter-xxs-nyu")
    lines = dry(tmp_path, *models, results=pinned)
    assert fact(lines[:8], "finished").startswith("1 of 2 images, if weights, settings, code and environment are still")
    assert str(journal.path) in fact(lines[:8], "finished")
    assert fact(lines[8:], "finished") == "nothing"
