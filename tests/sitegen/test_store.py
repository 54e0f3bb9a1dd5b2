"""The store reads what is right, and says all that is wrong without hiding, guessing or falling over."""

import json
from pathlib import Path
from typing import Any

import pytest

from sitegen.findings import format_findings
from sitegen.reading import MAX_BYTES
from sitegen.records import Protocol, sha256_of
from sitegen.store import InvalidResultsError, load, load_model_cards, load_runs, load_speed, load_valid
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A small valid results folder with one run."""
    return make.write_results(tmp_path, with_run=True)


def messages(root: Path) -> str:
    """All findings of a folder as text."""
    return format_findings(load(root).findings)


def test_valid_folder(results: Path) -> None:
    """A valid folder gives every record and no finding."""
    store = load_valid(results)
    assert store.findings == ()
    assert [number.line for number in store.numbers] == [2]
    assert store.runs[0].complete
    assert store.references["toy2026"].plain["author"] == "Doe, Jérôme"
    assert "J{\\'e}r{\\^o}me" in store.references["toy2026"].to_bibtex()


def test_all_findings_at_once(results: Path) -> None:
    """Faults of several files and fields are told together, and a card's are not told again where it is named."""
    make.write_yaml(results / "datasets/toy-rooms.yaml", {**make.DATASET, "year": "2012", "colour": "red"})
    make.write_yaml(results / "models/other.yaml", {**make.MODEL, "name": 3})
    found = messages(results)
    assert "error: datasets/toy-rooms.yaml: /year: input should be a valid integer; found '2012'" in found
    assert "error: datasets/toy-rooms.yaml: /colour: is no field of this record; found 'red'" in found
    assert "error: models/other.yaml: /id: is 'toy-net', but the file's place says 'other'" not in found
    assert "error: models/other.yaml: /name: input should be a valid string; found 3" in found
    assert "no data set card 'toy-rooms'" not in found


def test_invalid_folder_raises_with_all(results: Path) -> None:
    """load_valid carries all findings in its error."""
    (results / "models/toy-net.yaml").unlink()
    with pytest.raises(InvalidResultsError) as caught:
        load_valid(results)
    assert {finding.path for finding in caught.value.findings} == {
        "sources/toy-paper.csv",
        "runs/toy-rooms/house/toy-net.json",
    }


BROKEN_YAML = {
    "empty": ("", "is empty"),
    "unfinished": ("a: [1", "is not valid YAML"),
    "alias": ("a: &x [1]\nb: *x\n", "anchors and aliases are not allowed"),
    "tag": ("a: !!python/object/apply:os.system [ls]", "tags such as"),
    "duplicate": ("a: 1\na: 2\n", "key 'a' stands twice"),
    "two documents": ("a: 1\n---\nb: 2\n", "several documents"),
    "deep": ("[" * 5000 + "]" * 5000, "nested more than"),
    "huge integer": (f"a: {'9' * 6000}", "Exceeds the limit"),
    "list": ("- 1\n- 2\n", "input should be a valid dictionary"),
    "byte order mark": ("\ufeffa: 1\n", "byte order mark"),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN_YAML.values(), ids=BROKEN_YAML)
def test_broken_yaml(results: Path, text: str, expected: str) -> None:
    """A broken card is named with its fault; the other records are still read."""
    (results / "models/broken.yaml").write_text(text, encoding="utf-8")
    store = load(results)
    assert [f.path for f in store.errors] == ["models/broken.yaml"]
    assert expected in str(store.errors[0])
    assert "toy-net" in store.models


BROKEN_JSON = {
    "truncated": ('{"a": ', "is not valid JSON"),
    "NaN": ('{"a": NaN}', "NaN is not allowed"),
    "Infinity": ('{"a": -Infinity}', "-Infinity is not allowed"),
    "overflow": ('{"a": 1e999}', "is inf: no number"),
    "duplicate": ('{"a": 1, "a": 2}', "key 'a' stands twice"),
    "deep": ("[" * 200_000, "nested more than 32 deep"),
    "null": ("null", "is empty"),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN_JSON.values(), ids=BROKEN_JSON)
def test_broken_json(results: Path, text: str, expected: str) -> None:
    """A broken run record is named with its fault."""
    (results / "runs/toy-rooms/house/other.json").write_text(text, encoding="utf-8")
    errors = load(results).errors
    assert [f.path for f in errors] == ["runs/toy-rooms/house/other.json"]
    assert expected in str(errors[0])


def test_large_file_is_not_read(results: Path) -> None:
    """A file over the limit is refused by its size."""
    with (results / "runs/toy-rooms/house/big.json").open("wb") as stream:
        stream.truncate(50 * 2**20)
    assert f"has 52,428,800 bytes; a record has at most {MAX_BYTES:,}" in messages(results)


def test_bad_encoding_and_links(results: Path, tmp_path: Path) -> None:
    """Bytes that are not UTF-8 and links out of the folder are refused."""
    (results / "models/latin.yaml").write_bytes(b"name: J\xe9")
    (results / "models/link.yaml").symlink_to(tmp_path / "models/toy-net.yaml")
    found = messages(results)
    assert "models/latin.yaml: /: is not UTF-8: byte 7 is 0xe9" in found
    assert "models/link.yaml: /: is a link" in found


def test_strangers_are_named(results: Path) -> None:
    """A file in no known place is an error, not silently left out."""
    (results / "models/notes.txt").write_text("x")
    (results / "runs/loose.json").write_text("{}")
    paths = {finding.path for finding in load(results).errors}
    assert paths == {"models/notes.txt", "runs/loose.json"}


HOSTILE_TEXT = (
    "<script>alert(1)</script>",
    "a <img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "left\u202eright",
    "bell\u0007",
)


@pytest.mark.parametrize("text", HOSTILE_TEXT)
@pytest.mark.parametrize("field", ["name", "licence", "summary"])
def test_markup_in_text_is_refused(results: Path, field: str, text: str) -> None:
    """Text fields hold text: markup, script addresses and control characters are findings."""
    path = results / "datasets/toy-rooms.yaml"
    path.write_text(json.dumps({**make.DATASET, field: text}), encoding="utf-8")
    assert f"datasets/toy-rooms.yaml: /{field}: " in messages(results)


BAD_IDS = ("../../etc/passwd", "Toy", "a b", "toy/net", "-toy", "x" * 65, "toy\n")


@pytest.mark.parametrize("bad", BAD_IDS)
def test_path_like_ids_are_refused(results: Path, bad: str) -> None:
    """An id that is no kebab-case word is refused, whatever it would lead to."""
    make.write_yaml(results / "models/toy-net.yaml", {**make.MODEL, "id": bad})
    assert "models/toy-net.yaml: /id: must be an id: lower-case letters, digits and hyphens" in messages(results)


BAD_ROWS: list[tuple[dict[str, str], str]] = [
    ({"value": "nan"}, "/2/value: input should be a valid number; found 'nan'"),
    ({"value": "1e999"}, "/2/value: input should be a finite number"),
    ({"value": ""}, "/2/value: is missing"),
    ({"value": "-0.1"}, "abs_rel of -0.1 is outside 0..infinity"),
    ({"metric": "abs-rel"}, "/2/metric: unknown metric 'abs-rel'"),
    ({"family": "median"}, "/2/family: input should be 'metric', 'scale'"),
    ({"place": "Table 9"}, "/2/place: 'Table 9' is no table of the source's card"),
    ({"family": "scale"}, "/2/family: 'scale' is not declared for 'Table 1'"),
    ({"kind": "copied"}, "/2/kind: 'copied' is not declared for 'Table 1'"),
    ({"model": "nobody"}, "/2/model: no model card 'nobody'"),
    ({"dataset": "nowhere"}, "/2/dataset: no data set card 'nowhere'"),
    ({"protocol": "none-such"}, "/2/protocol: no protocol 'toy-rooms/none-such'"),
    ({"compared_source": "none-such"}, "/2/compared_source: no source card 'none-such'"),
    ({"flag": "suspect"}, "a flag needs its reason"),
    ({"split": '=HYPERLINK("x")'}, "/2/split: '=HYPERLINK(\"x\")' would be run as a formula"),
    ({"variant": "@SUM(A1)"}, "/2/variant: '@SUM(A1)' would be run as a formula"),
    ({"variant": "<b>bold</b>"}, "/2/variant: markup or a script address"),
]


@pytest.mark.parametrize(("change", "expected"), BAD_ROWS)
def test_bad_number_rows(results: Path, change: dict[str, str], expected: str) -> None:
    """Each fault of a row names line, column and what was expected."""
    make.write_numbers(results / "sources/toy-paper.csv", [{**make.NUMBER, **change}])
    assert expected in messages(results)


def test_csv_header_and_shape(results: Path) -> None:
    """A wrong header and a short row are findings, and good rows after a short one are kept."""
    path = results / "sources/toy-paper.csv"
    second = path.read_text().splitlines()[1].replace("abs_rel", "delta1")
    path.write_text(f"{path.read_text()}a,b\n{second}\n")
    store = load(results)
    assert [f.pointer for f in store.errors] == ["/3"]
    assert len(store.numbers) == 2
    path.write_text("model,value\nx,1\n")
    assert "/1: the header must be 'model,model_as_printed" in messages(results)


def test_source_card_and_numbers_belong_together(results: Path) -> None:
    """A CSV without a card, a card without numbers and a declared table without numbers are findings."""
    make.write_numbers(results / "sources/orphan.csv", [make.NUMBER])
    make.write_yaml(results / "sources/empty.yaml", {**make.SOURCE, "id": "empty"})
    found = messages(results)
    assert "sources/orphan.csv: /: has no valid source card 'orphan.yaml' beside it" in found
    assert "sources/empty.yaml: /: has no valid number in empty.csv" in found
    assert "sources/empty.yaml: /tables/0: 'Table 1' has no valid number" in found


RUN_FAULTS: list[tuple[list[str], Any, str]] = [
    (["sha256"], "0" * 64, "sha256 does not agree with the record"),
    (["summary", "abs_rel"], 0.1, "abs_rel is 0.1, the mean of the samples is 0.15"),
    (["summary"], {}, "abs_rel is missing; delta1 is missing"),
    (["samples", "abs_rel"], [0.1], "columns differ in length"),
    (["samples", "id"], ["b", "a"], "ids must be sorted and unique"),
    (["samples", "mystery"], [0.1, 0.2], "unknown metric 'mystery'"),
    (["dataset", "listed"], 3, "dataset.listed must be evaluated plus skipped"),
    (["dataset", "evaluated"], 3, "dataset.evaluated is 3, samples hold 2"),
    (["protocol", "sha256"], "1" * 64, "sha256 is not that of the block"),
    (["environment", "torch"], 2, "/environment/torch: input should be a valid string"),
    (["extra"], 1, "/extra: is no field of this record"),
]


@pytest.mark.parametrize(("place", "value", "expected"), RUN_FAULTS)
def test_bad_runs(results: Path, place: list[str], value: Any, expected: str) -> None:
    """A run whose parts contradict each other is refused."""
    path = results / "runs/toy-rooms/house/toy-net.json"
    run = json.loads(path.read_text())
    target = run
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    make.write_json(path, run)
    assert expected in messages(results)


def test_changed_protocol_is_noticed(results: Path) -> None:
    """A run refers to its protocol by hash: when the protocol changes, the run no longer belongs to it."""
    make.write_yaml(results / "protocols/toy-rooms/house.yaml", {**make.PROTOCOL, "flip_average": True})
    assert "/protocol/sha256: the protocol's sha256 is" in messages(results)


def test_the_journal_of_a_run_that_goes_on_is_no_record(results: Path) -> None:
    """What the runners keep beside the runs until they are through is no stranger in the folder."""
    path = results / "runs" / ".journal" / "0123.jsonl"
    path.parent.mkdir()
    path.write_text("half a li", encoding="utf-8")
    assert load(results).findings == ()


def test_a_part_of_a_list_is_no_run_of_the_protocol(results: Path) -> None:
    """A run of other or fewer images than the protocol's list has no place among the runs."""
    path = results / "runs/toy-rooms/house/toy-net.json"
    wanted = {**make.PROTOCOL, "sample_list": {"name": "all", "count": 3, "sha256": "1" * 64}}
    make.write_yaml(results / "protocols/toy-rooms/house.yaml", wanted)
    block = Protocol.model_validate(wanted).block()
    make.write_json(path, make.make_run(protocol={"id": "house", "sha256": sha256_of(block), "block": block}))
    found = messages(results)
    assert "/dataset/listed: is 2, the protocol's list has 3 images" in found
    assert f"/dataset/list_sha256: the protocol's list has sha256 {'1' * 64}" in found


def test_titles_do_not_change_a_protocol(results: Path) -> None:
    """Title, notes and reference are no part of what a protocol measures."""
    make.write_yaml(results / "protocols/toy-rooms/house.yaml", {**make.PROTOCOL, "title": "New", "notes": ["x"]})
    assert load(results).findings == ()


def test_run_must_stand_in_its_place(results: Path) -> None:
    """A run under another model's name is refused."""
    path = results / "runs/toy-rooms/house/toy-net.json"
    path.rename(path.with_name("other.json"))
    assert "/model/id: is 'toy-net', but the file's place says 'other'" in messages(results)


def test_main_variant_must_exist(results: Path) -> None:
    """A model's main variant must be the variant of one of its numbers."""
    make.write_yaml(results / "models/toy-net.yaml", {**make.MODEL, "main_variants": ["ensemble"]})
    assert "/main_variants/0: no number of this model has the variant 'ensemble'" in messages(results)


def test_bibtex_faults(results: Path) -> None:
    """Repeated keys and unfinished entries are findings; a card's key must exist."""
    (results / "references.bib").write_text("@misc{a, title={x}}\n@misc{a, title={y}}\n@misc{b, title={z")
    make.write_yaml(results / "models/toy-net.yaml", {**make.MODEL, "bibtex": ["none2020"]})
    found = messages(results)
    assert "references.bib: /2: is not valid BibTeX: Duplicate entry key 'a'" in found
    assert "references.bib: /3: is not valid BibTeX" in found
    assert "models/toy-net.yaml: /bibtex/0: no entry 'none2020' in references.bib" in found


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that does not exist is one clear finding."""
    assert str(load(tmp_path / "nowhere").errors[0]).endswith("nowhere: /: is no folder")


def test_speeds_and_proofs_are_read(results: Path) -> None:
    """A file a device and model, and one file of proofs; both are part of the layout."""
    make.write_json(results / "speed/toy-gpu/toy-net.json", speed_record())
    make.write_json(results / "adapters.json", toy.proofs("toy-net").model_dump(mode="json"))
    store = load_valid(results)
    assert [(speed.device, speed.model, len(speed.cases)) for speed in store.speeds] == [("toy-gpu", "toy-net", 1)]
    assert store.adapters is not None
    assert store.adapters.models[0].model == "toy-net"


def speed_record(**changes: Any) -> dict[str, Any]:
    """A record of one case; ``toy-net``'s card names no number of parameters."""
    return toy.speed("toy-net", "toy-gpu", changes).model_dump(mode="json")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model": "other"}, "/model: is 'other', but the file's place says 'toy-net'"),
        ({"device": "other"}, "/device: is 'other', but the file's place says 'toy-gpu'"),
        ({"cases": []}, "/cases: list should have at least 1 item"),
        ({"cases": [make.SPEED_CASE, make.SPEED_CASE]}, "none may stand twice"),
        ({"cases": [make.SPEED_CASE | {"repeats": 1}]}, "/cases/0/repeats: input should be greater than or equal to 2"),
        ({"cases": [make.SPEED_CASE | {"timed": "predict"}]}, "only the network is timed with them"),
        ({"cases": [make.SPEED_CASE | {"latency": {"p10_ms": 2, "median_ms": 1, "p90_ms": 3}}]}, "must rise: 2"),
    ],
)
def test_bad_speeds(results: Path, change: dict[str, Any], expected: str) -> None:
    """A speed in another's place, without cases, with a case twice, or that cannot be, is named."""
    make.write_json(results / "speed/toy-gpu/toy-net.json", {**speed_record(), **change})
    assert expected in messages(results)


def test_a_speed_of_another_network_than_the_cards(results: Path) -> None:
    """More than 1 % off the card's parameters is an error; a model without a card is one too."""
    make.write_yaml(results / "models/toy-net.yaml", {**make.MODEL, "params_m": 20.1})
    make.write_json(results / "speed/toy-gpu/toy-net.json", speed_record())
    assert messages(results) == ""
    make.write_yaml(results / "models/toy-net.yaml", {**make.MODEL, "params_m": 20.3})
    found = messages(results)
    assert "speed/toy-gpu/toy-net.json: /cases/0/params_m: 20 M parameters were counted; the card says 20.3 M" in found
    (results / "models/toy-net.yaml").unlink()
    assert "speed/toy-gpu/toy-net.json: /model: no model card 'toy-net'" in messages(results)


def test_bad_proofs(results: Path) -> None:
    """Proofs of an unknown model, without a reason, out of order or of a model twice are named."""
    path, proofs = results / "adapters.json", toy.proofs("toy-net").model_dump(mode="json")
    make.write_json(path, toy.proofs("nobody").model_dump(mode="json"))
    assert "adapters.json: /models/0/model: no model card 'nobody'" in messages(results)
    make.write_json(path, {**proofs, "models": proofs["models"] * 2})
    assert "models stand twice: toy-net" in messages(results)
    for change, expected in (
        ([{"check": "kind", "outcome": "failed"}], "needs a note that says why"),
        (proofs["models"][0]["proofs"][::-1], "every check stands once and in order: parameters"),
    ):
        make.write_json(path, {**proofs, "models": [{**proofs["models"][0], "proofs": change}]})
        assert expected in messages(results)


def test_parts_of_a_folder_can_be_read_alone(results: Path) -> None:
    """Cards of some models, all runs and one speed, each with its own findings."""
    cards, findings = load_model_cards(results, ["toy-net", "nobody"])
    assert (list(cards), findings) == (["toy-net"], ())
    runs, findings = load_runs(results)
    assert ([run.model.id for run in runs], findings) == (["toy-net"], ())
    assert load_speed(results / "speed", "toy-gpu", "toy-net") == (None, ())
    make.write_json(results / "speed/toy-gpu/toy-net.json", {})
    found, findings = load_speed(results / "speed", "toy-gpu", "toy-net")
    assert found is None
    assert findings[0].path == "toy-gpu/toy-net.json"


def test_alternatives_of_a_field_are_no_place(results: Path) -> None:
    """A field that may be of several types has one finding, whose pointer leads to a value of the file."""
    path = results / "runs/toy-rooms/house/toy-net.json"
    run = json.loads(path.read_text())
    run["model"]["settings"] = {"steps": [4]}
    make.write_json(path, run)
    (finding,) = (error for error in load(results).errors if "settings" in error.pointer)
    assert finding.pointer == "/model/settings/steps"


@pytest.mark.parametrize(
    ("card", "suggestion"),
    [
        ({**make.MODEL, "licence_weight": "MIT"}, "licence_weights"),
        ({**make.MODEL, "output_kind": "metric_depth"}, "metric-depth"),
        ({**make.MODEL, "bibtex": ["toy2025"]}, "toy2026"),
    ],
)
def test_what_was_meant(results: Path, card: dict[str, Any], suggestion: str) -> None:
    """A finding on a name that is not known gives the known one that is most like it."""
    make.write_yaml(results / "models/toy-net.yaml", card)
    assert suggestion in {finding.suggestion for finding in load(results).errors}
