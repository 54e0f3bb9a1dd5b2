"""The rehearsal of contributing: three ways in, and the ways round that the check, the bot and the reviewer stop."""

import pytest

from sitegen.store import load
from tests.rehearsal import play


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> play.Theatre:
    """An upstream repository; the tests below are scenes that follow one another."""
    return play.Theatre(tmp_path_factory.mktemp("theatre"))


@pytest.fixture(scope="module")
def measured(theatre: play.Theatre) -> play.Seen:
    """A baseline was measured, contributed as the end of the run says, checked, built and merged."""
    return play.measured_run(theatre)


def test_a_measured_run(theatre: play.Theatre, measured: play.Seen) -> None:
    """The lines that ``runners evaluate`` ends with make a submission of one record that passes and is built."""
    assert measured.passed, measured.log
    assert "### The records pass\n" in measured.comment
    assert "| runs | 1 | 0 | 0 |" in measured.comment
    site = theatre.root / "ci-measure-baseline-dark-channel-on-procedural-indoor/site"
    assert "Dark channel prior" in (site / "datasets/procedural-indoor.html").read_text()
    assert {run.model.id for run in load(theatre.upstream / "results").runs} >= {"baseline-dark-channel"}


def test_published_numbers(theatre: play.Theatre) -> None:
    """A scaffolded source is asked for its numbers, and with them passes."""
    asked, seen = play.published_numbers(theatre)
    assert "has no valid number in rehearsed-paper.csv" in asked
    assert seen.passed, seen.log
    assert "| sources | 2 | 0 | 0 |" in seen.comment
    assert {number.source for number in load(theatre.upstream / "results").numbers} >= {"rehearsed-paper"}


def test_a_model(theatre: play.Theatre) -> None:
    """A card by answers, two of them wrong at first, passes."""
    seen = play.new_model(theatre)
    assert seen.passed, seen.log
    assert "| models | 1 | 0 | 0 |" in seen.comment
    assert load(theatre.upstream / "results").models["rehearsed-net"].output_kind == "metric-depth"


def test_a_mean_that_was_made_better(theatre: play.Theatre, measured: play.Seen) -> None:
    """The check names the record and both numbers, and the comment says that the records do not pass."""
    seen = play.tampered_mean(theatre)
    assert not seen.passed
    assert "runs/procedural-indoor/house/baseline-dark-channel.json" in seen.log
    assert "summary does not follow from samples" in seen.log
    assert "### The records do not pass" in seen.comment


def test_values_that_were_made_better_with_care(theatre: play.Theatre, measured: play.Seen) -> None:
    """A record that agrees with itself cannot hide that one of main was changed: "Fix a typo" changes a run."""
    assert "| runs | 0 | 1 | 0 |" in play.tampered_with_care(theatre).comment


def test_a_check_of_ones_own(theatre: play.Theatre) -> None:
    """Who has CI run other code gets a green check and a comment that says what it is worth."""
    seen = play.own_check(theatre, '{"schema_version": 1, "findings": {"error": 0}, "files": {}}')
    assert seen.passed
    assert "### The records pass, by their own check" in seen.comment
    assert "**1 file outside of `results/` is touched.**" in seen.comment


def test_words_instead_of_numbers(theatre: play.Theatre) -> None:
    """What is no number is not posted, and none of it is repeated."""
    seen = play.own_check(theatre, '{"schema_version": 1, "findings": {"error": "0, by @maintainers"}, "files": {}}')
    assert seen.comment == ""
    assert seen.refusal == "the verdict has 1 fault: it must be numbers alone\n"
