"""Schema, ids, references and hashes."""

from __future__ import annotations

from tests.corpus.base import FITTED_RUN, GALLERY, RUN
from tests.corpus.changes import Case, both, forge, link, move, put, remove, set_json, set_row, set_yaml, write

MODEL, DATASET, SOURCE = "models/toy-net.yaml", "datasets/toy-rooms.yaml", "sources/toy-paper.yaml"
CSV, CASE, SPEED = "sources/toy-paper.csv", "disagreements/toy-case.yaml", "speed/nvidia-t4/toy-net.json"
INDEX, PROTOCOL = f"{GALLERY}/index.json", "protocols/toy-rooms/house.yaml"
SHA = "ab" * 32

SCHEMA = [
    Case("field forgotten", "a card without what it outputs", set_yaml(MODEL, output_kind=put), MODEL, "is missing"),
    Case("field misspelt", "params_m was meant", set_yaml(MODEL, parms_m=3.0), MODEL, "is no field of this record"),
    Case("number as text", "YAML quotes were put round a year", set_yaml(MODEL, year="2020"), MODEL, "valid integer"),
    Case("yes as bool", "YAML reads yes as true", set_yaml(MODEL, schema_version=True), MODEL, "input should be 1"),
    Case(
        "kind unknown",
        "a kind of prediction of one's own",
        set_yaml(MODEL, output_kind="metric"),
        MODEL,
        "input should be",
    ),
    Case("future version", "a record of a later schema", set_yaml(MODEL, schema_version=2), MODEL, "input should be 1"),
    Case("list for a card", "an empty list passes for an empty card", write(MODEL, "[]\n"), MODEL, "valid dictionary"),
    Case("empty card", "an empty file hides a model", write(MODEL, ""), MODEL, "is empty"),
    Case("comment only", "a card commented out", write(MODEL, "# id: toy-net\n"), MODEL, "is empty"),
    Case("negative size", "a smaller network wins on size", set_yaml(MODEL, params_m=-1.0), MODEL, "greater than 0"),
    Case("year out of range", "a typing slip", set_yaml(MODEL, year=20200), MODEL, "less than or equal to 2100"),
    Case(
        "no such date",
        "a month that does not exist",
        set_yaml("verified.yaml", digests__0__date="2026-13-01"),
        "verified.yaml",
        "month must be in 1..12",
    ),
    Case(
        "date of words",
        "the date in another order",
        set_yaml("verified.yaml", digests__0__date="22.11.2026"),
        "verified.yaml",
        "must be a date such as",
    ),
    Case("nested too little", "settings as a list", set_json(RUN, {"/model/settings": ["a"]}), RUN, "valid dictionary"),
    Case(
        "precision unknown",
        "fp8 is not measured here",
        set_json(RUN, {"/model/dtype": "float8"}),
        RUN,
        "input should be",
    ),
    Case(
        "columns differ",
        "a value more than there are images",
        set_json(RUN, {"/samples/rmse": [1.0] * 7}),
        RUN,
        "columns differ in length",
    ),
    Case(
        "column missing",
        "no image says how many pixels it has",
        set_json(RUN, {"/samples/valid_pixels": put}),
        RUN,
        "is missing",
    ),
    Case("column of text", "numbers as text", set_json(RUN, {"/samples/rmse": ["1.0"] * 6}), RUN, "valid number"),
    Case("bool for a number", "true counts as 1", set_json(RUN, {"/samples/rmse/0": True}), RUN, "valid number"),
    Case(
        "fraction of a pixel", "half a pixel", set_json(RUN, {"/samples/valid_pixels/0": 240.5}), RUN, "valid integer"
    ),
    Case(
        "metric of one's own",
        "a metric that only this model wins",
        set_json(RUN, {"/samples/my_score": [1.0] * 6}),
        RUN,
        "unknown metric 'my_score'",
    ),
    Case(
        "flag without reason", "a rival's number struck out", set_row(1, flag="suspect"), CSV, "a flag needs its reason"
    ),
    Case("percent for a share", "93 percent as 93", set_row(metric="delta1", value="93"), CSV, "outside 0..1"),
    Case(
        "latency falls",
        "percentiles in any order",
        set_json(SPEED, {"/cases/0/latency/p90_ms": 0.1}),
        SPEED,
        "must rise",
    ),
    Case(
        "random weights with digest",
        "random weights pass for trained ones",
        set_json(SPEED, {"/cases/0/weights_sha256": SHA}),
        SPEED,
        "random weights have no sha256",
    ),
    Case(
        "window without bounds",
        "a crop that crops nothing",
        set_yaml(PROTOCOL, crop__name="eigen-nyu"),
        PROTOCOL,
        "rows, columns and unit",
    ),
]

IDS = [
    Case(
        "id of another",
        "one's numbers under a better known name",
        set_yaml(MODEL, id="toy-rival"),
        MODEL,
        "the file's place says 'toy-net'",
    ),
    Case(
        "run of another model",
        "a run moved to a rival's name",
        move(RUN, "runs/toy-rooms/house/other.json"),
        "runs/toy-rooms/house/other.json",
        "the file's place says 'other'",
        "/model/id",
    ),
    Case(
        "run under another protocol",
        "a kinder protocol's number on the strict board",
        both(remove(RUN), forge({}, FITTED_RUN, to=RUN)),
        RUN,
        "the file's place says 'house'",
        "/protocol/id",
    ),
    Case(
        "run of another data set",
        "easy images on a hard board",
        forge({"/dataset/id": "toy-streets"}),
        RUN,
        "the file's place says 'toy-rooms'",
        "/dataset/id",
    ),
    Case("path in an id", "writes outside the folder", set_yaml(MODEL, id="../../etc/passwd"), MODEL, "must be an id"),
    Case("capitals in an id", "two ids that differ in case", set_yaml(MODEL, id="Toy-Net"), MODEL, "must be an id"),
    Case("id too long", "breaks a layout", set_yaml(MODEL, family="x" * 65), MODEL, "must be an id"),
    Case(
        "id ends with a line",
        "a second line in a page's address",
        set_yaml(MODEL, id="toy-net\n"),
        MODEL,
        "must be an id",
    ),
    Case(
        "id like another",
        "Cyrillic letters that look Latin",
        set_yaml(MODEL, id="t\u043ey-net"),
        MODEL,
        "must be an id",
    ),
    Case("no such model", "a slip in an id", set_row(model="toy-nett"), CSV, "no model card 'toy-nett'", "/2/model"),
    Case("no such data set", "a slip in an id", set_row(dataset="toy-room"), CSV, "no data set card 'toy-room'"),
    Case(
        "no such protocol",
        "a protocol that nobody can read",
        set_row(protocol="hous"),
        CSV,
        "no protocol 'toy-rooms/hous'",
    ),
    Case("no such source", "compared with nothing", set_row(compared_source="toy-papers"), CSV, "no source card"),
    Case(
        "no such table",
        "a table that the card does not place",
        set_row(place="Table 7"),
        CSV,
        "no table of the source's card",
    ),
    Case(
        "no such reference", "a citation of nothing", set_yaml(SOURCE, bibtex=["toy2025"]), SOURCE, "no entry 'toy2025'"
    ),
    Case(
        "run without a card",
        "a model that nobody described",
        remove("models/toy-third.yaml"),
        "runs/toy-rooms/house/toy-third.json",
        "no model card 'toy-third'",
    ),
    Case(
        "run without a protocol",
        "a protocol that is not there",
        remove("protocols/toy-rooms/fitted.yaml"),
        FITTED_RUN,
        "no protocol 'toy-rooms/fitted'",
    ),
    Case(
        "speed of nobody",
        "a speed without a model",
        both(move(SPEED, "speed/nvidia-t4/ghost.json"), set_json("speed/nvidia-t4/ghost.json", {"/model": "ghost"})),
        "speed/nvidia-t4/ghost.json",
        "no model card 'ghost'",
    ),
    Case(
        "exposure to nowhere",
        "a training set that has no card",
        set_yaml(MODEL, exposure=[{"dataset": "toy-street", "relation": "trained_on", "evidence": "x"}]),
        MODEL,
        "no data set card 'toy-street'",
    ),
    Case(
        "case names nobody",
        "a disagreement about a ghost",
        set_yaml(CASE, models=["ghost"]),
        CASE,
        "no model card 'ghost'",
    ),
    Case(
        "same number twice",
        "a number that counts double",
        both(set_row(1, model="toy-net")),
        CSV,
        "is the same number as in line 2",
        "/3",
    ),
    Case(
        "table without numbers",
        "a table that nothing is read from",
        set_yaml(SOURCE, tables__0__place="Table 2"),
        SOURCE,
        "'Table 2' has no valid number",
    ),
    Case(
        "CSV without a card",
        "numbers of no source",
        write("sources/rumour.csv", "model\n"),
        "sources/rumour.csv",
        "has no valid source card",
    ),
    Case(
        "link to a card",
        "reads a file outside the folder",
        link("models/evil.yaml", "/etc/passwd"),
        "models/evil.yaml",
        "is a link",
    ),
]

HASHES = [
    Case(
        "digest not renewed",
        "a value changed by hand",
        set_json(RUN, {"/submitter": "somebody else"}),
        RUN,
        "sha256 does not agree",
    ),
    Case(
        "digest made up", "a digest that looks like one", set_json(RUN, {"/sha256": SHA}), RUN, "sha256 does not agree"
    ),
    Case("digest too short", "git's short form", set_json(RUN, {"/sha256": "abc123"}), RUN, "must be a sha256"),
    Case(
        "block not that of its digest",
        "a kinder protocol under the strict one's digest",
        set_json(RUN, {"/protocol/block/valid_range/max_m": 3.0}),
        RUN,
        "sha256 is not that of the block",
    ),
    Case(
        "protocol of one's own",
        "block and digest agree, the repository's protocol is another",
        set_yaml(PROTOCOL, clamp={"min_m": 0.5, "max_m": 10.0}),
        RUN,
        "the protocol's sha256 is",
        "/protocol/sha256",
    ),
    Case(
        "gallery of another protocol",
        "pictures of a kinder fit",
        set_json(INDEX, {"/protocol/sha256": SHA}),
        INDEX,
        "the protocol's sha256 is",
    ),
    Case(
        "list of other images",
        "the easy half of the list",
        forge({"/samples/id/0": "easy-0", "/dataset/id": "toy-rooms"}),
        RUN,
        "the protocol's list has sha256",
        "/dataset/list_sha256",
    ),
    Case(
        "list digest copied",
        "the digest of the list without its images",
        forge({"/dataset/list_sha256": SHA}, relist=False),
        RUN,
        "the sha256 of the images that stand here is",
    ),
    Case(
        "verified by the submitter",
        "one's own word for one's own run",
        set_yaml("verified.yaml", digests__0__verified_by="A  Test"),
        "verified.yaml",
        "submitted the run",
        "/digests/0/verified_by",
    ),
    Case(
        "evidence that runs",
        "a script behind the link to a log",
        set_yaml("verified.yaml", digests__0__evidence="javascript:alert(1)"),
        "verified.yaml",
        "must be an address",
        "/digests/0/evidence",
    ),
    Case(
        "verified by nobody",
        "a mark of trust for a run that is not there",
        set_yaml("verified.yaml", digests__0__sha256=SHA),
        "verified.yaml",
        "no run has the digest",
        "/digests/0",
        "warning",
    ),
    Case(
        "picture exchanged",
        "a better picture than was predicted",
        write(f"{GALLERY}/image.webp", b"RIFF"),
        INDEX,
        "the sha256 of 'image.webp' is",
    ),
    Case(
        "picture missing",
        "an index of pictures that are not there",
        remove(f"{GALLERY}/image.webp"),
        INDEX,
        "no file 'image.webp' beside it",
    ),
]

CASES = {"schema": SCHEMA, "ids": IDS, "hashes": HASHES}
