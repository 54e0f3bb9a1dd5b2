"""``sitegen new``: cards from answers, judged at once, written whole or not at all."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sitegen.cli import main
from sitegen.scaffold import FORMS
from sitegen.store import NUMBER_COLUMNS, load
from tests.sitegen import factories as make

MODEL = {
    "id": "new-net",
    "name": "New Net: it's 2.0",
    "family": "new",
    "output_kind": "affine-invariant-disparity",
    "year": "2026",
    "code_url": "https://example.org/new-net",
    "commercial_use": "no",
    "params_m": "24.5",
    "seen_at": "made up for a test",
}
SOURCE = {
    "id": "new-paper",
    "title": "Another paper that does not exist",
    "kind_of_text": "paper",
    "seen_at": "made up for a test",
    "place": "Table 2",
    "families": "metric, affine-depth",
    "kinds": "reported",
    "family_rule": "upper half metric, lower half affine",
    "kind_rule": "all reported",
    "why": "a test says so",
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A small valid results folder."""
    return make.write_results(tmp_path / "results")


def new(kind: str, results: Path, answers: dict[str, str], *more: str, typed: str | None = None) -> Result:
    """Call ``sitegen new`` with answers as options."""
    options = [word for name, text in answers.items() for word in (f"--{name.replace('_', '-')}", text)]
    return CliRunner().invoke(main, ["new", kind, "--results", str(results), *options, *more], input=typed)


def files(results: Path) -> set[str]:
    """Every file of the folder."""
    return {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}


def typed(kind: str, answers: dict[str, str]) -> str:
    """What somebody types who answers every question in turn, with Return for what is left out."""
    return "".join(f"{answers.get(question.name, '')}\n" for question in FORMS[kind].questions)


def test_a_model_by_options_is_a_valid_card(results: Path) -> None:
    """The card holds the answers with their types, validates, and the end names the commands that come next."""
    done = new("model", results, MODEL, "--no-input")
    assert done.exit_code == 0, done.output
    store = load(results)
    assert store.findings == ()
    card = store.models["new-net"]
    assert (card.year, card.params_m, card.commercial_use, card.name) == (2026, 24.5, "no", MODEL["name"])
    assert f"git add {results}/models/new-net.yaml" in done.output
    assert f"sitegen validate {results}/models/new-net.yaml" in done.output


@pytest.mark.parametrize(("kind", "answers"), [("model", MODEL), ("source", SOURCE)])
def test_questions_give_the_same_as_options(kind: str, answers: dict[str, str], results: Path, tmp_path: Path) -> None:
    """Who is asked and who gives options get the same files."""
    other = make.write_results(tmp_path / "other")
    assert new(kind, other, answers, "--no-input").exit_code == 0
    done = new(kind, results, {}, typed=typed(kind, answers))
    assert done.exit_code == 0, done.output
    assert files(results) == files(other)
    for name in files(other) - files(make.write_results(tmp_path / "third")):
        assert (results / name).read_text() == (other / name).read_text()


def test_a_source_wants_its_numbers(results: Path) -> None:
    """Card and CSV are there, with the right header; validate says that numbers are missing, and nothing else."""
    assert new("source", results, SOURCE, "--no-input").exit_code == 0
    assert (results / "sources/new-paper.csv").read_text() == ",".join(NUMBER_COLUMNS) + "\n"
    store = load(results)
    assert {finding.path for finding in store.findings} == {"sources/new-paper.yaml"}
    assert all("no valid number" in finding.message for finding in store.findings)
    row = make.NUMBER | {"place": "Table 2", "family": "affine-depth"}
    make.write_numbers(results / "sources/new-paper.csv", [row])
    assert load(results).errors == []


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("id", "toy-net", "toy-net.yaml is there already, and nothing is overwritten"),
        ("id", "../../evil", "must be an id"),
        ("id", "Toy-Net", "must be an id"),
        ("id", "con" * 30, "must be an id"),
        ("name", "<script>alert(1)</script>", "markup or a script address is not allowed"),
        ("name", "gnp.\u202e", "control character U+202E"),
        ("name", "a\x00b", "control character U+0000"),
        ("output_kind", "metric", "did you mean 'metric-depth'?"),
        ("output_kind", "", "an answer is needed"),
        ("year", "20x6", "input should be a valid integer; found '20x6'"),
        ("year", "9" * 5000, "input should be a valid integer"),
        ("year", "1492", "greater than or equal to 1900"),
        ("params_m", "nan", "finite number"),
        ("params_m", "-3", "greater than 0"),
        ("code_url", "javascript:alert(1)", "must be an address that begins with http"),
    ],
)
def test_a_bad_answer_is_refused_as_option_and_when_typed(name: str, text: str, sentence: str, results: Path) -> None:
    """An option at fault ends the command with its sentence and no file; a typed one is said and asked again."""
    before = files(results)
    done = new("model", results, MODEL | {name: text}, "--no-input")
    assert done.exit_code == 1
    assert f"--{name.replace('_', '-')}: " in done.stderr
    assert sentence in done.stderr
    assert files(results) == before
    if text:
        right = typed("model", MODEL).split("\n")
        position = [question.name for question in FORMS["model"].questions].index(name)
        done = new("model", results, {}, typed="\n".join([*right[:position], text, *right[position:]]))
        assert done.exit_code == 0, done.output
        assert sentence in done.output
        assert load(results).models["new-net"].name == MODEL["name"]


def test_all_faults_of_options_at_once(results: Path) -> None:
    """Nobody mends one option to be told of the next."""
    done = new("source", results, {"id": "toy-paper", "families": "metric, affine", "kinds": "copy"}, "--no-input")
    assert done.exit_code == 1
    for sentence in (
        "toy-paper.csv is there already",
        "did you mean 'affine-depth'?",
        "did you mean 'copied'?",
        "--title: an answer is needed",
        "--why: an answer is needed",
    ):
        assert sentence in done.stderr
    assert "Traceback" not in done.output


def test_a_csv_that_is_there_stops_the_card(results: Path) -> None:
    """Of two files neither is written where one would be overwritten, even as a link that leads nowhere."""
    (results / "sources/new-paper.csv").symlink_to("nowhere")
    done = new("source", results, SOURCE, "--no-input")
    assert done.exit_code == 1
    assert "new-paper.csv is there already" in done.stderr
    assert not (results / "sources/new-paper.yaml").exists()


def test_a_name_that_is_nearly_another_is_pointed_out(results: Path) -> None:
    """A second card of the same model is caught while it is typed."""
    done = new("model", results, {}, typed=typed("model", MODEL | {"id": "toy-nett", "family": "toys"}))
    assert "there is toy-net already; go on only if 'toy-nett' is another one" in done.output
    assert "there is toy already" in done.output


def test_interrupted_answers_leave_nothing(results: Path) -> None:
    """The end of input before the last question is no card."""
    before = files(results)
    done = new("model", results, {}, typed="new-net\nNew Net\n")
    assert done.exit_code == 1
    assert files(results) == before


def test_outside_of_a_repository(tmp_path: Path) -> None:
    """Where there are no records a card would be lost: a sentence."""
    done = new("model", tmp_path / "nowhere", MODEL, "--no-input")
    assert done.exit_code == 1
    assert "no folder of records" in done.stderr
