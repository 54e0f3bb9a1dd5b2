"""The runners command: what it prints, writes and refuses, with its exit codes."""

import importlib
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from runners.cli import common, main
from runners.cli.common import progress_bar
from runners.models.errors import ModelError
from sitegen.records import Run
from tests.runners import factories as make


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with a house protocol for the bundled indoor set."""
    folder = tmp_path / "results" / "protocols" / "procedural-indoor"
    folder.mkdir(parents=True)
    fields = make.capped(10.0, id="house", dataset="procedural-indoor", house=True).model_dump(mode="json")
    (folder / "house.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return tmp_path / "results"


def test_lists_name_what_can_be_run(results: Path, repo: Path) -> None:
    """Models with what is on their cards, data sets, and protocols with whether they can be carried out."""
    header, *lines = call("list", "models", "--results", repo / "results").output.splitlines()
    assert header.split("  ")[0] == "model"
    shown = {line.split()[0]: line.split() for line in lines}
    assert shown["meter-xxs-nyu"][1:] == ["metric-depth", "meter", "0.713464", "M", "-", "MIT", "(repository)"]
    assert shown["moge-2-vit-l"][1:6] == ["metric-depth", "moge", "326", "M", "moge"]
    assert shown["baseline-row-prior"][1:] == ["metric-depth", "baseline", "-", "-", "-"]
    assert "procedural-indoor" in call("list", "datasets").output
    assert "procedural-indoor/house" in call("list", "protocols", "--results", results).output


def test_doctor_says_what_is_there(tmp_path: Path, repo: Path) -> None:
    """Packages, commit, devices and the weights cache; what each model lacks, weighs and where its weights would be."""
    output = call("doctor", "--weights-dir", tmp_path / "none", "--results", repo / "results").output
    for word in ("torch", "commit", "device", f"{tmp_path / 'none'} (empty"):
        assert word in output
    shown = {line.split()[0]: line for line in output.splitlines() if line}
    marigold = shown["marigold-depth-v1-0"]
    assert "3.54 GiB float32, 1.77 GiB float16/bfloat16" in marigold
    assert f"not here yet: {tmp_path / 'none' / 'prs-eth' / 'marigold-depth-v1-0'}" in marigold
    assert shown["baseline-row-prior"].split() == ["baseline-row-prior", "-", "-", "none"]


def test_lists_need_no_records(tmp_path: Path) -> None:
    """Outside the repository the models are listed all the same, without what their cards would say."""
    assert "meter-xxs-nyu" in call("list", "models", "--results", tmp_path).output


def test_house_protocol_over_a_data_set(tmp_path: Path, results: Path) -> None:
    """Baselines are fitted on the train split and scored on the test split; the record is where it belongs."""
    make.write_toy(tmp_path / "toy")
    models = ["--model", "baseline-mean-depth", "--model", "baseline-row-prior", "--model", "baseline-dark-channel"]
    result = call(
        "evaluate", *models, "--dataset", "procedural-indoor", "--root", tmp_path / "toy", "--results", results
    )
    assert result.exit_code == 0, result.output
    folder = results / "runs" / "procedural-indoor" / "house"
    assert len(list(folder.iterdir())) == 3
    run = Run.model_validate(json.loads((folder / "baseline-row-prior.json").read_text(encoding="utf-8")))
    assert run.dataset.split == "test"
    assert run.samples.id == ["indoor-2", "indoor-3"]
    assert "AbsRel" in result.output


def test_workers_and_cache(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are the same with and without; decoded truth is kept unless the option says not to."""
    monkeypatch.setenv("FATHOM_TRUTH", str(tmp_path / "truth"))
    make.write_toy(tmp_path / "toy")
    arguments = ["--model", "baseline-dark-channel", "--dataset", "procedural-indoor", "--root", tmp_path / "toy"]
    columns = []
    for index, options in enumerate((["--no-cache"], ["--workers", "2"], [])):
        out = tmp_path / f"out{index}"
        result = call("evaluate", *arguments, "--results", results, *options, "--out", out)
        assert result.exit_code == 0, result.output
        assert len(list((tmp_path / "truth").rglob("*.safetensors"))) == (0 if index == 0 else 2)
        (path,) = out.rglob("*.json")
        columns.append(json.loads(path.read_text(encoding="utf-8"))["samples"])
    assert columns[0] == columns[1] == columns[2]
    assert str(tmp_path / "truth") in call("doctor").output


def test_limit_is_said_and_shows_in_the_list(tmp_path: Path, results: Path) -> None:
    """A partial run has another list's hash, so it cannot pass for a whole one."""
    make.write_toy(tmp_path / "toy")
    arguments = ["--model", "baseline-dark-channel", "--dataset", "procedural-indoor", "--root", tmp_path / "toy"]
    result = call("evaluate", *arguments, "--results", results, "--limit", "1", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "note: 1 of 2 images; not for the boards" in result.output
    (path,) = (tmp_path / "out").rglob("*.json")
    assert json.loads(path.read_text(encoding="utf-8"))["dataset"]["listed"] == 1
    assert f"Not for a pull request, as 1 of 2 images were asked for: {path}" in result.stderr
    assert "git add" not in result.output


def test_the_end_says_how_to_contribute(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines after whole runs are commands that git and a shell take: they leave one commit of just these files."""
    make.write_toy(tmp_path / "toy")
    models = ["--model", "baseline-mean-depth", "--model", "baseline-dark-channel"]
    monkeypatch.chdir(tmp_path)
    where = ["--dataset", "procedural-indoor", "--root", tmp_path / "toy", "--results", "results"]
    result = call("evaluate", *models, *where)
    assert "To contribute these 2 records:" in result.stderr
    assert "git add" not in result.stdout
    subprocess.run(["git", "init", "-q", "-b", "main"], check=True)
    for line in result.stderr.splitlines():
        if line.startswith(("  git switch", "  git add", "  git commit")):
            identity = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
            subprocess.run([*identity, *shlex.split(line)[1:]], check=True, capture_output=True)
    shown = subprocess.run(["git", "show", "--name-only", "--format=%s"], check=True, capture_output=True, text=True)
    title, _, *files = shown.stdout.splitlines()
    assert title == "Measure 2 models on procedural-indoor"
    assert files == [f"results/runs/procedural-indoor/house/{model}.json" for model in sorted(models[1::2])]


def test_records_elsewhere_or_of_a_manifest_are_not_to_be_contributed(tmp_path: Path, results: Path) -> None:
    """Each gets its reason, and nobody is told to commit them."""
    make.write_toy(tmp_path / "toy")
    model = ["--model", "baseline-dark-channel", "--results", results, "--out", tmp_path / "out"]
    elsewhere = call("evaluate", *model, "--dataset", "procedural-indoor", "--root", tmp_path / "toy")
    assert f"as it stands outside of {results / 'runs'}: leave out --out" in elsewhere.stderr
    manifest = make.write_manifest(tmp_path, [make.write_pair(tmp_path, "a", np.full((8, 8), 1500, np.uint16))])
    own = call("evaluate", *model, "--manifest", manifest)
    assert "as nobody else has the images of your manifest" in own.stderr
    assert "git add" not in elsewhere.output + own.output


@pytest.mark.shared
def test_real_images_of_every_encoding(shared: Path, tmp_path: Path) -> None:
    """A manifest of real files goes through: 36 images scored, 3 skipped with their reasons."""
    manifest = shared / "data" / "samples.json"
    result = call(
        "evaluate", "--model", "meter-xxs-nyu", "--manifest", manifest, "--weights-dir", shared / "weights",
        "--out", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    path = tmp_path / "samples" / "manifest" / "meter-xxs-nyu.json"
    run = Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    assert (run.dataset.listed, run.dataset.evaluated) == (39, 36)
    assert {skip.id for skip in run.dataset.skipped} == {"nyu-v2-raw", "middlebury-v2/cones", "middlebury-v2/tsukuba"}
    scores = dict(zip(run.samples.id, run.samples.metrics["abs_rel"], strict=True))
    assert scores["nyu-v2-test/0"] == pytest.approx(0.083, abs=1e-3)
    for note in ("3 of 39 images were skipped", "7scenes/000000: image and depth are registered only roughly"):
        assert note in result.output


@pytest.mark.parametrize("command", [["list", "models"], ["doctor"]])
def test_a_broken_plug_in_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]) -> None:
    """What an installed package does wrong is said, with its name."""

    def broken() -> None:
        raise ModelError("plug-in 'toy' cannot be imported (ImportError: no module)")

    monkeypatch.setattr("runners.cli.common.known_models", broken)
    result = call(*command, "--results", tmp_path)
    assert result.exit_code == 1
    assert "plug-in 'toy' cannot be imported" in result.output


def test_settings_reach_the_model_and_the_record(tmp_path: Path, results: Path) -> None:
    """A model's own settings are given as NAME=VALUE, and the record holds what was used."""
    from runners.models import tiny_marigold

    tiny_marigold.write("marigold-depth-v1-1", tmp_path / "weights")
    make.write_toy(tmp_path / "toy")
    result = call(
        "evaluate", "--model", "marigold-depth-v1-1", "--dataset", "procedural-indoor", "--root", tmp_path / "toy",
        "--results", results, "--weights-dir", tmp_path / "weights",
        "--setting", "preset=fast", "--setting", "processing_resolution=0", "--setting", "seed=5",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    path = results / "runs" / "procedural-indoor" / "house" / "marigold-depth-v1-1.json"
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    assert (model["settings"]["seed"], model["settings"]["processing_resolution"]) == (5, 0)
    assert model["settings"]["preset"] == "fast, but other processing_resolution, seed"
    assert model["revision"] == "prs-eth/marigold-depth-v1-1, a local folder"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "marigold-depth-v1-0", "--setting", "step=4"], "no setting 'step'; known: preset (paper"),
        (
            ["--model", "unidepth-v2-base"],
            "'unidepth-v2-base' needs more than is installed; run: pip install 'unidepth @",
        ),
        (["--model", "baseline-dark-channel", "--compile"], "'baseline-dark-channel': cannot be compiled"),
        (["--model", "marigold-depth-v1-0", "--setting", "steps=0"], "setting steps is a whole number from 1 to 1000"),
        (["--model", "nobody"], "unknown model 'nobody'; known: baseline-mean-depth"),
        (["--model", "baseline-row-prior"], "is fitted on training images, and 'samples' brings none"),
        (["--model", "baseline-dark-channel", "--protocol", "nyu/none"], "no protocol 'nyu/none'; known:"),
        (["--model", "meter-xxs-nyu", "--device", "cuda:99"], "device 'cuda:99' cannot be used here"),
    ],
)
def test_faults_are_sentences(tmp_path: Path, results: Path, arguments: list[str], sentence: str) -> None:
    """Exit code 1, one sentence, nothing written."""
    manifest = make.write_toy(tmp_path / "toy").rename(tmp_path / "toy" / "samples.json")
    result = call("evaluate", *arguments, "--manifest", manifest, "--results", results, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert sentence in result.output
    assert not (tmp_path / "out").exists()


def test_pairs_that_may_not_be_scored_are_refused_before_anything_runs(tmp_path: Path, results: Path) -> None:
    """A relative model under a metric-only protocol stops the command before the first model is measured."""
    house = results / "protocols" / "procedural-indoor" / "house.yaml"
    fields = yaml.safe_load(house.read_text(encoding="utf-8"))
    fields["alignment"] = {"metric-depth": fields["alignment"]["metric-depth"]}
    house.write_text(yaml.safe_dump(fields), encoding="utf-8")
    make.write_toy(tmp_path / "toy")
    models = ["--model", "baseline-mean-depth", "--model", "baseline-dark-channel"]
    result = call(
        "evaluate", *models, "--dataset", "procedural-indoor", "--root", tmp_path / "toy", "--results", results
    )
    assert result.exit_code == 1
    assert "is weaker and must not be scored so" in result.output
    assert not (results / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--model", "baseline-mean-depth"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--manifest", "b"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--dtype", "int8"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--batch", "0"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--setting", "steps"],
        ["--model", "baseline-mean-depth", "--dataset", "a", "--setting", "a=1", "--setting", "a=2"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    """Missing, contradicting and impossible options are usage errors."""
    assert call("evaluate", *arguments).exit_code == 2


def test_bad_manifest_and_unknown_data_set(tmp_path: Path, results: Path) -> None:
    """Each with what is wrong and exit code 1."""
    bad = make.write_manifest(tmp_path, [{"id": "a"}, {"id": "b", "encoding": "png16"}])
    result = call("evaluate", "--model", "baseline-dark-channel", "--manifest", bad)
    assert result.exit_code == 1
    assert "samples.json: samples/0 (a): encoding" in result.output
    assert "samples.json: samples/1 (b): rgb: needed" in result.output
    result = call("evaluate", "--model", "baseline-dark-channel", "--dataset", "kitty", "--results", results)
    assert result.exit_code == 1
    assert "unknown data set 'kitty'; known: procedural-indoor, procedural-outdoor" in result.output


@pytest.fixture
def toy(tmp_path: Path, results: Path) -> Path:
    """A manifest called toy.json, and four protocols of the data set `rooms`: two inputs, one for metric depth only."""
    folder = results / "protocols" / "rooms"
    folder.mkdir()
    metric_only = {"alignment": {"metric-depth": make.NO_ALIGNMENT}}
    for protocol in (
        make.capped(10.0, id="house", dataset="rooms", house=True, sample_list={"name": "rooms", "count": 9}),
        make.protocol(id="flipped", dataset="rooms", flip_average=True),
        make.protocol(id="metric", dataset="rooms", **metric_only),
        make.protocol(id="rigid", dataset="rooms", resize=[{**make.RESIZE, "to": "2x2"}]),
    ):
        fields = protocol.model_dump(mode="json")
        (folder / f"{protocol.id}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return make.write_toy(tmp_path / "toy").rename(tmp_path / "toy" / "toy.json")


MODEL = ("--model", "baseline-dark-channel")


def runs(out: Path) -> dict[str, Run]:
    """The runs below a folder by `data set/protocol`."""
    found = {path.parent.relative_to(out).as_posix(): path for path in out.rglob("*.json")}
    return {name: Run.model_validate(json.loads(path.read_text(encoding="utf-8"))) for name, path in found.items()}


def test_predictions_are_saved_and_scored_again(tmp_path: Path, results: Path, toy: Path) -> None:
    """From the folder alone: where the images are, all protocols that can be run, the others named; exit code 0."""
    saved, first, again = tmp_path / "p", tmp_path / "first", tmp_path / "again"
    select = ("--manifest", toy, "--name", "rooms", "--only", "indoor-[012]")
    result = call("evaluate", *MODEL, *select, "--save-predictions", saved, "--results", results, "--out", first)
    assert result.exit_code == 0, result.output
    assert f"{saved}: 3 predictions from input full-image" in result.output
    result = call("rescore", saved, "--protocol", "all", "--results", results, "--out", again)
    assert result.exit_code == 0, result.output
    assert "left out: protocol 'rooms/metric' scores metric-depth" in result.output
    assert "left out: protocol 'rooms/rigid': the prediction is (2, 2)" in result.output
    assert "house/baseline-dark-channel.json: note: 3 images were scored, the protocol is for 9" in result.output
    assert "note: not averaged with the prediction of the mirror image" in result.output
    found = runs(again)
    assert sorted(found) == ["rooms/flipped", "rooms/house", "rooms/manifest"]
    assert found["rooms/manifest"].samples == runs(first)["rooms/manifest"].samples
    assert found["rooms/house"].dataset.split == "toy.json, 3 images of indoor-[012]"
    assert not found["rooms/house"].deviations
    assert found["rooms/flipped"].deviations


def test_several_inputs_are_saved_apart(tmp_path: Path, results: Path, toy: Path) -> None:
    """A folder each below data set and model; the folder above says where they are."""
    saved = tmp_path / "p"
    select = ("--manifest", toy, "--name", "rooms", "--protocol", "house", "--protocol", "flipped")
    arguments = (
        "evaluate",
        *MODEL,
        *select,
        "--results",
        results,
        "--out",
        tmp_path / "out",
        "--save-predictions",
        saved,
    )
    result = call(*arguments, "--predictions-dtype", "float16")
    assert result.exit_code == 0, result.output
    folder = saved / "rooms" / "baseline-dark-channel"
    assert sorted(path.name for path in folder.iterdir()) == ["full-image", "full-image-flip"]
    result = call(
        "rescore", folder / "full-image-flip", "--protocol", "flipped", "--results", results, "--out", tmp_path / "o"
    )
    assert result.exit_code == 0, result.output
    result = call("rescore", saved, "--protocol", "flipped", "--results", results)
    assert result.exit_code == 1
    assert f"there are predictions in {folder / 'full-image'}, {folder / 'full-image-flip'}" in result.output
    again = call(*arguments)
    assert again.exit_code == 1
    assert again.output.count("holds predictions already") == 1


def test_moved_images_are_found_by_the_options(tmp_path: Path, results: Path, toy: Path) -> None:
    """A manifest or a data set that moved is named anew; other images are refused."""
    saved = tmp_path / "p"
    root = tmp_path / "set"
    make.write_toy(root)
    where = ("--dataset", "procedural-indoor", "--root", root, "--results", results, "--out", tmp_path / "out")
    assert call("evaluate", *MODEL, *where, "--save-predictions", saved).exit_code == 0
    root.rename(tmp_path / "moved")
    arguments = ("rescore", saved, "--protocol", "house", "--results", results, "--out", tmp_path / "again")
    assert call(*arguments).exit_code == 1
    assert call(*arguments, "--root", tmp_path / "moved").exit_code == 0
    for options, sentence in (
        (("--manifest", toy), "'procedural-indoor' here lists other samples than the predictions are of"),
        (
            ("--dataset", "procedural-outdoor"),
            "the predictions are of 'procedural-indoor', not of 'procedural-outdoor'",
        ),
    ):
        result = call(*arguments, *options)
        assert result.exit_code == 1
        assert sentence in result.output


def test_all_protocols_are_evaluated_in_one_call(tmp_path: Path, results: Path, toy: Path) -> None:
    """With a pattern those that cannot be run are left out; asked for by name, one of them fails the call."""
    select = ("evaluate", *MODEL, "--manifest", toy, "--results", results, "--out", tmp_path / "out")
    result = call(*select, "--protocol", "rooms/*")
    assert result.exit_code == 0, result.output
    assert sorted(runs(tmp_path / "out")) == ["toy/flipped", "toy/house"]
    result = call(*select, "--protocol", "rooms/rigid", "--protocol", "rooms/house")
    assert result.exit_code == 1
    assert "protocol 'rooms/rigid': the prediction is (2, 2)" in result.output
    assert "AbsRel" in result.output
    for names, sentence in (
        (("rooms/metric", "all"), "is weaker and must not be scored so"),
        (("rooms/m*",), "none of the protocols asked for can be run"),
        (("rooms/x*",), "no protocol matches 'rooms/x*'"),
        (("rooms/house", "procedural-indoor/house"), "their records would have one place"),
    ):
        result = call(*select, *(word for name in names for word in ("--protocol", name)))
        assert result.exit_code == 1, names
        assert sentence in result.output


def test_list_of_a_protocol_is_not_bypassed(tmp_path: Path, results: Path) -> None:
    """Neither by a pattern nor by saved predictions is a data set scored under a protocol for other images."""
    make.write_toy(tmp_path / "toy")
    fields = make.protocol(id="other", dataset="procedural-indoor", sample_list={"name": "long", "count": 9})
    path = results / "protocols" / "procedural-indoor" / "other.yaml"
    path.write_text(yaml.safe_dump(fields.model_dump(mode="json")), encoding="utf-8")
    where = ("--results", results, "--out", tmp_path / "out")
    evaluate = ("evaluate", *MODEL, "--dataset", "procedural-indoor", "--root", tmp_path / "toy", *where)
    result = call(*evaluate, "--protocol", "all", "--save-predictions", tmp_path / "p")
    assert result.exit_code == 0, result.output
    assert "left out: protocol 'procedural-indoor/other' is for the list 'long' of 9 images" in result.output
    for arguments in (evaluate, ("rescore", tmp_path / "p", *where)):
        result = call(*arguments, "--protocol", "other")
        assert result.exit_code == 1
        assert "is for the list 'long' of 9 images" in result.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("evaluate", *MODEL, "--dataset", "procedural-indoor", "--only", "a"), 2),
        (("evaluate", *MODEL, "--dataset", "procedural-indoor", "--name", "a"), 2),
        (("evaluate", *MODEL, "--manifest", "x", "--predictions-dtype", "int8"), 2),
        (("evaluate", *MODEL, "--manifest", "x", "--name", "No Id"), 1),
        (("rescore", "nowhere"), 2),
        (("rescore", "nowhere", "--protocol", "all"), 1),
        (("rescore", "nowhere", "--protocol", "all", "--manifest", "a", "--root", "b"), 2),
    ],
)
def test_wrong_options_of_saving_and_rescoring(arguments: tuple[str, ...], code: int) -> None:
    """Contradictions are usage errors, what is not there or no name is a sentence."""
    assert call(*arguments).exit_code == code


@pytest.mark.shared
def test_meter_is_scored_again_as_at_first(shared: Path, tmp_path: Path, repo: Path) -> None:
    """A real network on real images: a protocol of NYU over saved predictions gives what a direct run gives."""
    manifest, results = shared / "data" / "samples.json", repo / "results"
    where = ("--manifest", manifest, "--only", "nyu-v2-test/[01]", "--name", "nyu-depth-v2", "--results", results)
    model = ("--model", "meter-xxs-nyu", "--weights-dir", shared / "weights")
    saved, direct, again = tmp_path / "p", tmp_path / "direct", tmp_path / "again"
    result = call(
        "evaluate", *model, *where, "--protocol", "unidepth", "--save-predictions", saved, "--out", direct
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    result = call("rescore", saved, "--protocol", "nyu-depth-v2/*", "--results", results, "--out", again)
    assert result.exit_code == 0, result.output
    assert (
        "left out: protocol 'nyu-depth-v2/bts': the prediction is (48, 64), the ground truth (480, 640)"
        in result.output
    )
    first, second = runs(direct)["nyu-depth-v2/unidepth"], runs(again)["nyu-depth-v2/unidepth"]
    assert (first.samples, first.summary, second.deviations) == (second.samples, second.summary, [])
    assert len(runs(again)["nyu-depth-v2/zoedepth"].deviations) == 2


@pytest.mark.parametrize("module", ["runners", "runners.cli"])
def test_the_command_is_a_module_too(module: str) -> None:
    """A checkout that is not installed runs it with ``python -m``."""
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Usage: python -m {module} ")
    assert "evaluate" in done.stdout


def test_a_run_is_logged(tmp_path: Path, results: Path) -> None:
    """From the call to its end: what begins, how far it came, skips with their reasons, notes, and the record."""
    toy = make.write_toy(tmp_path / "toy", 4)
    (toy.parent / "indoor-2.png").write_bytes(b"no picture")
    log = tmp_path / "logs" / "run.jsonl"
    words = ["evaluate", "--model", "baseline-dark-channel", "--manifest", toy, "--name", "toy", "--device", "cpu"]
    result = call(*words, "--no-cache", "--results", results, "--out", tmp_path / "out", "--log", log)
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [e["event"] for e in events if e["event"] != "note"] == [
        "called",
        "started",
        "progress",
        "skipped",
        "written",
        "finished",
    ]
    by_name = {e["event"]: e for e in events}
    started, progress, written = by_name["started"], by_name["progress"], by_name["written"]
    assert (started["model"], started["dataset"], started["images"], started["device"]) == (
        "baseline-dark-channel",
        "toy",
        4,
        "cpu",
    )
    assert (progress["done"], progress["total"], progress["unit"]) == (4, 4, "images")
    assert progress["per_second"] > 0
    record = Run.model_validate_json(Path(written["path"]).read_text(encoding="utf-8"))
    assert (written["sha256"], written["images"]) == (record.sha256, 3)
    assert [(by_name["skipped"]["image"], by_name["skipped"]["reason"])] == [
        (skip.id, skip.reason) for skip in record.dataset.skipped
    ]
    assert by_name["note"]["sentence"] in result.output
    assert by_name["finished"]["exit_code"] == 0
    assert by_name["finished"]["seconds"] > 0


def test_failures_are_logged_once(tmp_path: Path, results: Path) -> None:
    """A fault of the command, and each failure of --all, which the exit repeats only for the person."""
    log = tmp_path / "run.jsonl"
    words = ["evaluate", "--dataset", "procedural-indoor", "--results", results, "--log", log]
    assert call(*words, "--model", "nope").exit_code == 1
    everything = ["--all", "--model", "baseline-dark-channel", "--root", tmp_path / "none", "--out", tmp_path / "out"]
    assert call(*words, *everything).exit_code == 1
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [e["event"] for e in events] == ["called", "failed", "finished"] * 2
    assert events[1]["sentence"].startswith("unknown model 'nope'")
    assert "none" in events[4]["sentence"]
    assert events[5]["exit_code"] == 1


def test_a_log_that_cannot_be_written_ends_the_command_first(tmp_path: Path, results: Path) -> None:
    """Nothing is looked at, not even whether the model is known; a dry run writes no log."""
    words = ["evaluate", "--model", "nope", "--dataset", "procedural-indoor", "--results", results]
    result = call(*words, "--log", "/dev/full")
    assert (result.exit_code, result.output) == (1, "/dev/full: the log cannot be written: No space left on device\n")
    assert "unknown model" in call(*words, "--log", tmp_path / "log", "--dry-run").output
    assert not (tmp_path / "log").exists()


def test_the_bar_tells_images_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal; the rate is of this part of the run. Elsewhere not a character."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    seen: list[tuple[str, str]] = []
    for _ in range(2):
        with progress_bar("m on d", 10) as advance:
            advance(4)  # what an earlier part had done
            time.sleep(0.05)
            advance(1)
        seen.append(capsys.readouterr())
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "120")
    assert seen[0] == ("", "")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen[1][1])
    rate = re.search(r"m on d .*5/10 ([0-9.]+) images/s 0:00:0\d", shown)
    assert rate is not None, shown
    assert 2 < float(rate[1]) <= 20


@pytest.mark.parametrize(("module", "name"), common._FAULTS.items())
def test_faults_of_the_input_are_sentences(module: str, name: str) -> None:
    """Each is there under its name, and ends a command with its message."""
    fault = getattr(importlib.import_module(module), name)
    with pytest.raises(common.Failure, match="what is wrong"), common.sentences():
        raise fault("what is wrong")


def test_other_errors_are_no_sentences() -> None:
    """A fault of ours keeps its traceback; what is not installed is named."""
    with pytest.raises(KeyError), common.sentences():
        raise KeyError("ours")
    with pytest.raises(common.Failure, match=r"torch is not installed; run: pip install"), common.sentences():
        raise ModuleNotFoundError("No module named 'torch'", name="torch")


def test_says_so_before_it_runs_as_well(tmp_path: Path) -> None:
    """The same plan as a note, and then the record."""
    words = ["evaluate", "--model", "baseline-dark-channel", "--dataset", "procedural-indoor", "--limit", "1"]
    result = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out"), "--no-cache", "--device", "cpu"])
    assert result.exit_code == 0
    assert "1 prediction in all" in result.stderr.splitlines()
    assert "in all" not in result.stdout
    assert "house/baseline-dark-channel.json: 1 images" in result.stdout
