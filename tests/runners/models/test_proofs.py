"""Proofs of adapters: what is right passes, each fault fails the check for it, what cannot run is not claimed."""

from dataclasses import replace

import pytest

from runners.models import describe
from runners.models.entry import ModelEntry
from runners.models.proofs import prove, record
from sitegen.records import PROOF_CHECKS, ModelCard, ModelProofs, Run
from tests.runners.models import stub
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy


def card(entry: ModelEntry, params_m: float | None = None) -> ModelCard:
    """The card of a model."""
    return toy.model(entry.id, output_kind=entry.kind, params_m=params_m)


def run(entry: ModelEntry, sha256: str | None) -> Run:
    """A run with these weights."""
    model = {"id": entry.id, "dtype": "float32", "weights_sha256": sha256}
    return Run.model_validate(make.make_run(model=model))


def outcomes(proofs: ModelProofs) -> dict[str, str]:
    """Each check and how it came out."""
    return {proof.check: proof.outcome for proof in proofs.proofs}


def note(proofs: ModelProofs, check: str) -> str:
    """What was found."""
    return next(proof.note for proof in proofs.proofs if proof.check == check)


def test_a_sound_adapter_passes_all_but_its_real_weights() -> None:
    """A tiny checkpoint goes through the real loading path; real weights were not run, and that is said."""
    proofs = prove(stub.ENTRY, card(stub.ENTRY, stub.PARAMETERS / 1e6))
    assert outcomes(proofs) == dict.fromkeys(PROOF_CHECKS, "passed") | {"real-weights": "not-run"}
    assert note(proofs, "real-weights") == "no run with its real weights is recorded yet"
    assert "4x6 map for an image of 96x128" in note(proofs, "tiny-checkpoint")


@pytest.mark.parametrize("model_id", ["meter-xxs-nyu", "meter-xxs-kitti"])
def test_meter_is_proven_without_its_weights(model_id: str) -> None:
    """A file with a pinned hash is replaced by a random one, whose hash is checked in its place."""
    entry = describe(model_id)
    proofs = prove(entry, card(entry, 0.713464))
    assert outcomes(proofs) == dict.fromkeys(PROOF_CHECKS, "passed") | {"real-weights": "not-run"}, proofs


@pytest.mark.parametrize("model_id", ["baseline-mean-depth", "baseline-row-prior", "baseline-dark-channel"])
def test_baselines_have_no_network_to_prove(model_id: str) -> None:
    """They are fitted on a made-up sample and predict; parameters and weights are none."""
    proofs = prove(describe(model_id), card(describe(model_id)))
    expected = {"parameters": "not-run", "real-weights": "not-run"}
    assert outcomes(proofs) == dict.fromkeys(PROOF_CHECKS, "passed") | expected, proofs


@pytest.mark.parametrize(
    ("fault", "failing", "sentence"),
    [
        ("build", {"parameters", "tiny-checkpoint", "kind", "batch-equals-single", "mixed-sizes", "precisions"}, "Key"),
        ("nan", {"tiny-checkpoint", "precisions", "batch-equals-single", "mixed-sizes"}, "values are not finite"),
        ("kind", {"kind"}, "the prediction is ordinal; the registry says metric-depth"),
        ("batch", {"batch-equals-single", "mixed-sizes"}, "maps differ by 1 of their largest value"),
        ("order", {"batch-equals-single", "mixed-sizes"}, "of their largest value, more than 0.0001"),
        ("lost", {"batch-equals-single", "mixed-sizes"}, "1 predictions for 2 images"),
        ("half", {"precisions"}, "bfloat16: 24 of 24 predicted values are not finite"),
    ],
)
def test_each_fault_fails_its_check(
    monkeypatch: pytest.MonkeyPatch, fault: str, failing: set[str], sentence: str
) -> None:
    """A fault is found by the check that is for it, told in a sentence, and stops no other check."""
    monkeypatch.setattr(stub, "FAULT", fault)
    proofs = prove(stub.ENTRY, None)
    assert {check for check, outcome in outcomes(proofs).items() if outcome == "failed"} == failing, proofs
    assert any(sentence in proof.note for proof in proofs.proofs if proof.outcome == "failed"), proofs


def test_parameters_are_held_against_the_card() -> None:
    """Another number fails; without a number nothing is claimed."""
    wrong, silent = (prove(stub.ENTRY, card(stub.ENTRY, params)) for params in (1.0, None))
    assert outcomes(wrong)["parameters"] == "failed"
    assert "the card says 1 M" in note(wrong, "parameters")
    assert outcomes(silent)["parameters"] == "not-run"
    assert "no card says how many" in note(silent, "parameters")


def test_a_classifier_that_the_card_counts_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network built without its encoder's classifier passes, and the note says so."""
    monkeypatch.setattr(stub, "classifier_parameters", lambda entry: 1000, raising=False)
    proofs = prove(stub.ENTRY, card(stub.ENTRY, (stub.PARAMETERS + 1000) / 1e6))
    assert outcomes(proofs)["parameters"] == "passed"
    assert "without the 0.001 M of a classifier" in note(proofs, "parameters")


def test_an_adapter_that_offers_nothing_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the two functions every check says that it was not run."""
    monkeypatch.delattr(stub, "write_tiny")
    monkeypatch.delattr(stub, "architecture")
    proofs = prove(stub.ENTRY, None)
    assert set(outcomes(proofs).values()) == {"not-run"}
    assert note(proofs, "kind") == "not available: the adapter writes no tiny checkpoint"


def test_real_weights_are_claimed_of_recorded_runs_only() -> None:
    """A run with weights counts; one without, of another model, or with other weights than the pinned does not."""
    meter = describe("meter-xxs-nyu")
    pinned = meter.weights.sha256  # type: ignore[union-attr]
    assert outcomes(prove(stub.ENTRY, None, [run(stub.ENTRY, "1" * 64)]))["real-weights"] == "passed"
    assert outcomes(prove(stub.ENTRY, None, [run(stub.ENTRY, None), run(meter, pinned)]))["real-weights"] == "not-run"
    assert outcomes(prove(meter, None, [run(meter, pinned)]))["real-weights"] == "passed"
    other = prove(meter, None, [run(meter, "1" * 64)])
    assert outcomes(other)["real-weights"] == "failed"
    assert "are pinned" in note(other, "real-weights")


def test_a_missing_package_is_a_failure_with_its_name() -> None:
    """An adapter that cannot be imported fails, and the note says what to install."""
    entry = replace(stub.ENTRY, module="no_such_package", requires=("no-such-package",))
    proofs = prove(entry, None)
    assert outcomes(proofs)["parameters"] == "failed"
    assert "pip install no-such-package" in note(proofs, "parameters")


def test_record_names_the_machine() -> None:
    """Date, command, versions and commit stand once for all models."""
    made = record([prove(describe("baseline-dark-channel"), None)])
    assert [entry.model for entry in made.models] == ["baseline-dark-channel"]
    assert made.environment.torch
    assert made.command.startswith("runners")
