"""Speeds: what is timed and counted, what is refused, what the file keeps. Times themselves are the machine's."""

import platform
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runners import speed as module
from runners.models import describe
from runners.models.errors import ModelError
from runners.speed import Plan, add_cases, measure, procedural_image, refusals, statistics
from sitegen.records import SpeedCase, SpeedStatistics
from sitegen.store import load_speed
from tests.runners.models import stub

QUICK = Plan(height=32, width=48, warmup=1, repeats=3, command="runners speed")
RANDOM = replace(QUICK, random_weights=True)
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here: times on it were not tried")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights cache with the stub's checkpoint."""
    stub.write_tiny(stub.ENTRY, tmp_path / "weights")
    return tmp_path / "weights"


def test_an_architecture_is_timed_in_every_precision_and_batch() -> None:
    """The network alone, on the input that its adapter makes of the image; counts are the hand's."""
    plan = replace(RANDOM, dtypes=("float32", "bfloat16"), batches=(1, 3), note="a test")
    ticks: list[None] = []
    cases = measure(stub.ENTRY, plan, card_params_m=stub.PARAMETERS / 1e6, tick=lambda: ticks.append(None))
    assert [(case.dtype, case.batch) for case in cases] == [
        ("float32", 1), ("float32", 3), ("bfloat16", 1), ("bfloat16", 3),
    ]  # fmt: skip
    assert [case.network_input for case in cases[:2]] == ["1x3x4x6", "3x3x4x6"]
    assert {(case.timed, case.random_weights, case.weights_sha256, case.note) for case in cases} == {
        ("network", True, None, "a test")
    }
    assert {case.params_m for case in cases} == {stub.PARAMETERS / 1e6}
    assert {case.gflops for case in cases} == {2 * 24 * (12 + 64 + 192) / 1e9}
    assert len(ticks) == plan.rounds == 16


def test_a_loaded_model_is_timed_whole(weights: Path) -> None:
    """From RGB values to the map, with the weights' hash and what the model says of itself."""
    (case,) = measure(stub.ENTRY, replace(QUICK, weights_dir=weights))
    assert (case.timed, case.random_weights, case.revision) == ("predict", False, "stub/depth, a local folder")
    assert case.weights_sha256
    assert case.latency.median_ms > 0
    assert case.environment.threads == torch.get_num_threads()
    assert case.cpu_share is not None
    assert "mean_power_w" not in case.model_dump()  # a CPU tells none


def test_meter_is_measured_as_it_is() -> None:
    """The real adapter gives its card's parameters and 0.446 GFLOPs at its own input size."""
    entry = describe("meter-xxs-nyu")
    (case,) = measure(entry, replace(RANDOM, height=480, width=640), card_params_m=0.713464)
    assert (case.params_m, case.gflops, case.network_input) == (0.713464, 0.445833, "1x3x192x256")


def test_a_model_without_a_network_can_be_timed_and_not_counted() -> None:
    """A classical baseline has a time, and a sentence in the place of counts."""
    (case,) = measure(describe("baseline-dark-channel"), QUICK)
    assert (case.params_m, case.gflops) == (None, None)
    assert "nothing could be counted" in case.counting_note


def test_what_cannot_be_counted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that needs values has a time, its parameters, and the reason."""
    monkeypatch.setattr(module, "count_operations", raising(ModelError("its operations are not known")))
    (case,) = measure(stub.ENTRY, RANDOM)
    assert (case.gflops, case.counting_note) == (None, "its operations are not known")
    assert case.params_m


def test_a_network_that_asks_for_values_is_counted_on_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be counted without memory is counted with it, to the same number."""
    monkeypatch.setattr(stub, "FAULT", "values")
    monkeypatch.setattr(stub, "example_input", lambda *_: {"pixel_values": torch.ones(1, 3, 4, 6)})
    (case,) = measure(stub.ENTRY, RANDOM)
    assert (case.gflops, case.counting_note) == (2 * 24 * (12 + 64 + 192) / 1e9, "")


def test_a_classifier_that_the_card_counts_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card may count what the network is built without; the record keeps both numbers."""
    card_m = (stub.PARAMETERS + 1000) / 1e6
    monkeypatch.setattr(stub, "classifier_parameters", lambda entry: 1000, raising=False)
    (case,) = measure(stub.ENTRY, RANDOM, card_params_m=card_m)
    assert (case.params_m, case.classifier_params_m) == (stub.PARAMETERS / 1e6, 0.001)
    (case,) = measure(stub.ENTRY, RANDOM, card_params_m=stub.PARAMETERS / 1e6)
    with pytest.raises(
        ModelError, match=r"8e-05 M parameters were counted \(0.00108 M with its classifier\); the card"
    ):
        measure(stub.ENTRY, RANDOM, card_params_m=2 * card_m)


def raising(error: Exception) -> Callable[..., Any]:
    """A function that raises."""

    def fails(*_: object, **__: object) -> None:
        raise error

    return fails


@pytest.mark.parametrize(
    ("model_id", "plan", "sentence"),
    [
        ("baseline-row-prior", RANDOM, "model 'baseline-row-prior': there is nothing to build .*: it has no network"),
        ("baseline-row-prior", QUICK, "is fitted on a training split before it predicts"),
        ("meter-xxs-nyu", replace(RANDOM, compiled=True), "model 'meter-xxs-nyu': cannot be compiled"),
        ("baseline-dark-channel", replace(QUICK, dtypes=("float16",)), "runs in float32, not float16"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_loaded(model_id: str, plan: Plan, sentence: str) -> None:
    """Each reason is a sentence with the model's id."""
    assert any(re.search(sentence, found) for found in refusals(describe(model_id), plan))


def test_an_adapter_without_the_functions_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the module and what it lacks."""
    monkeypatch.delattr(stub, "example_input")
    (sentence,) = refusals(stub.ENTRY, RANDOM)
    assert f"{stub.__name__} has no architecture or no example_input" in sentence
    assert refusals(stub.ENTRY, QUICK) == []


def test_another_network_than_the_cards_is_refused() -> None:
    """More than 1 % off the card's parameters: it would be the time of something else."""
    with pytest.raises(ModelError, match=r"model 'stub-model': 8e-05 M parameters were counted; the card says 1 M"):
        measure(stub.ENTRY, RANDOM, card_params_m=1.0)


def test_a_batch_without_memory_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other batches are measured; with none left there is an error."""
    monkeypatch.setattr(stub, "FAULT", "memory")
    said: list[str] = []
    cases = measure(stub.ENTRY, replace(RANDOM, batches=(1, 4)), tell=said.append)
    assert [case.batch for case in cases] == [1]
    assert said == ["model 'stub-model': no memory for 4 images at once in float32; left out"]
    with pytest.raises(ModelError, match="no memory for any of the batches"):
        measure(stub.ENTRY, replace(RANDOM, batches=(4,)))


def test_a_batch_that_went_through_in_parts_is_not_that_batch(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    """A network halves a batch by itself; its time would be that of another batch."""
    monkeypatch.setattr(stub, "FAULT", "memory")
    cases = measure(stub.ENTRY, replace(QUICK, batches=(2, 1), weights_dir=weights))
    assert [case.batch for case in cases] == [1]
    assert cases[0].settings == {}


def test_a_network_that_breaks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library raises while running comes out as a sentence."""
    monkeypatch.setattr(module, "forward", raising(RuntimeError("not implemented for 'Half'\nlong trace")))
    with pytest.raises(ModelError, match=r"'stub-model': cannot be run \(RuntimeError: not implemented for 'Half'\)"):
        measure(stub.ENTRY, RANDOM)


def test_compiled_networks_are_compiled_for_their_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is not timed with a program for any batch."""
    options: list[dict[str, object]] = []
    monkeypatch.setattr(torch, "compile", lambda network, **given: options.append(given) or network)
    (case,) = measure(stub.ENTRY, replace(RANDOM, compiled=True))
    assert case.compiled
    assert options == [{"dynamic": False}]


def test_latency_is_an_images() -> None:
    """Percentiles of the repeats over the images of the batch, to six digits."""
    times = [10.0, 20.0, 30.0, 40.0, 50.0]
    assert statistics(times, 2) == SpeedStatistics(p10_ms=7.0, median_ms=15.0, p90_ms=23.0)
    assert statistics([1 / 3] * 3, 1).median_ms == 0.333333


def test_the_image_is_the_same_everywhere() -> None:
    """It depends on nothing but its size, and uses the whole range."""
    image = procedural_image(48, 64)
    assert np.array_equal(image, procedural_image(48, 64))
    assert (image.shape, image.dtype) == ((48, 64, 3), np.uint8)
    assert (image.min(), image.max()) == (0, 255)
    assert procedural_image(1, 1).shape == (1, 1, 3)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep freed memory")
def test_freed_memory_is_kept_while_times_are_taken() -> None:
    """Blocks that are freed and taken again cost no new pages; in a process whose heap no other test has shaped."""
    program = """
import resource, torch
from runners import speed
speed._keep_freed_memory()
def faults(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        torch.ones(5_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(3)
print(faults(10))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 5_000  # 48,000 if each were new


def test_memory_that_a_network_takes_is_seen() -> None:
    """Resident memory grows by about what is allocated, and its note says of what it is; skipped off Linux."""
    peak = module._memory_meter(torch.device("cpu"))
    kept = torch.ones(25_000_000)
    found, note = peak()
    if "does not let" in note:
        pytest.skip(note)
    assert kept.sum() == 25_000_000
    assert found is not None
    assert 95 < found < 130
    assert "resident memory" in note


def test_memory_that_cannot_be_measured_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Linux' counters, on another device, or without growth there is a reason and no number."""
    assert module._memory_meter(torch.device("mps"))() == (
        None, "not measured: there is no counter of peak memory for mps",
    )  # fmt: skip
    monkeypatch.setattr(module, "_kilobytes", lambda _: 5)
    assert module._growth(5)[0] is None
    monkeypatch.setattr(module, "_CLEAR", Path("/nowhere/clear_refs"))
    assert module._memory_meter(torch.device("cpu"))()[0] is None


# ---------------------------------------------------------------------------------------------------------------------
# The file


@pytest.fixture
def case() -> SpeedCase:
    """One case."""
    return measure(stub.ENTRY, RANDOM)[0]


def written(folder: Path) -> list[tuple[int, str]]:
    """Batch and note of the cases in the stub's file."""
    found, findings = load_speed(folder, "toy", "stub-model")
    assert findings == ()
    assert found is not None
    return [(case.batch, case.note) for case in found.cases]


def test_a_re_run_replaces_equal_cases_and_keeps_the_others(tmp_path: Path, case: SpeedCase) -> None:
    """Cases stand in one order whatever the order of measuring; nothing is left beside the file."""
    add_cases(tmp_path, "stub-model", "toy", "Toy", [case.model_copy(update={"batch": 4}), case])
    path = add_cases(tmp_path, "stub-model", "toy", "Toy", [case.model_copy(update={"note": "again"})])
    assert written(tmp_path) == [(1, "again"), (4, "")]
    assert list(path.parent.iterdir()) == [path]
    text = path.read_text(encoding="utf-8")
    add_cases(tmp_path, "stub-model", "toy", "Toy", [case.model_copy(update={"note": "again"})])
    assert path.read_text(encoding="utf-8") == text


def test_a_file_of_another_device_or_a_broken_one_is_not_touched(tmp_path: Path, case: SpeedCase) -> None:
    """Two devices under one id, or a file that is no record, are errors."""
    path = add_cases(tmp_path, "stub-model", "toy", "Toy", [case])
    with pytest.raises(ModelError, match="holds measurements on 'Toy', and this is 'Other'; name another --device-id"):
        add_cases(tmp_path, "stub-model", "toy", "Other", [case])
    with pytest.raises(ModelError, match="/device: must be an id"):
        add_cases(tmp_path, "stub-model", "Not An Id", "Toy", [case])
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="is missing"):
        add_cases(tmp_path, "stub-model", "toy", "Toy", [case])
    assert path.read_text(encoding="utf-8") == "{}"


# ---------------------------------------------------------------------------------------------------------------------
# GPUs


def test_a_gpus_network_is_timed_by_its_own_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network between two events, the whole predict() between two looks at the clock; no GPU is needed for this."""
    called: list[str] = []
    monkeypatch.setattr(module, "_event_time", lambda run: called.append("event") or 1.0)
    monkeypatch.setattr(module, "_wall_time", lambda run, device: called.append("wall") or 1.0)
    monkeypatch.setattr(module, "_synchronise", lambda device: called.append("wait"))
    for events in (True, False):
        module._warm_up(lambda: None, QUICK, torch.device("cuda"), lambda: None)
        list(module._times(lambda: None, QUICK, torch.device("cuda"), events=events, tick=lambda: None))
    assert called == ["wait", *["event"] * 3, "wait", *["wall"] * 3]


@CUDA
def test_on_a_gpu() -> None:
    """Both ways of timing, in two precisions, with the allocator's memory and TF32 recorded as off."""
    plan = replace(RANDOM, device="cuda", dtypes=("float32", "bfloat16"))
    cases = measure(stub.ENTRY, plan)
    assert all(case.peak_memory_mb for case in cases)
    assert {case.environment.tf32 for case in cases} == {False}
