"""The published numbers and their cards: nothing of the literature is lost, changed or left without a card."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sitegen.records import ModelCard, Source
from sitegen.store import Store, load

CARD_FOLDERS = ("datasets/", "models/", "sources/", "references.bib")
SEED_FAMILIES = {"midas", "dpt", "zoedepth", "depth-anything-v2", "marigold"}
WORKING_FILES = re.compile(r"\b(?:reported|reproduced|models|overlap|sources)\.csv|\b(?:models|protocols)\.md")
# Rows of each source of the literature collected on 2026-11-22; later sources may stand beside them.
ROWS = {
    "adabins-issue-24": 9,
    "adabins-issue-4": 18,
    "adabins-issue-58": 7,
    "aivfi-rankings-2024": 3,
    "bts-issue-52": 7,
    "bts-readme": 114,
    "da-v2-issue-177": 3,
    "da-v2-issue-261": 3,
    "da-v2-issue-280": 4,
    "da-v2-issue-58": 1,
    "da3-paper": 83,
    "da3-readme": 6,
    "depth-anything-onnx-readme": 3,
    "depth-anything-tensorrt-readme": 3,
    "depth-anything-v1-paper": 122,
    "depth-anything-v1-readme": 60,
    "depth-anything-v2-neurips": 1,
    "depth-anything-v2-paper": 186,
    "depth-anything-v2-readme": 4,
    "depth-pro-paper": 355,
    "diffusers-marigold-doc": 2,
    "dpt-evaluation-doc": 27,
    "dpt-paper": 56,
    "e2e-ft-paper": 79,
    "e2e-ft-readme": 18,
    "emlyqi-benchmark": 10,
    "genpercept-notes": 65,
    "geowizard-issue-36": 2,
    "geowizard-notes": 20,
    "lotus-2-issue-13": 2,
    "lotus-2-notes": 20,
    "lotus-paper": 144,
    "maaz-zubairi-repro": 18,
    "marigold-issue-96": 4,
    "marigold-paper": 88,
    "metric3d-readme": 124,
    "midas-mobile-readme": 10,
    "midas-paper": 90,
    "midas-readme-2020": 28,
    "midas-readme-2022": 42,
    "midas-readme-2023": 118,
    "midas-v31-paper": 146,
    "moge-paper": 496,
    "morningdusk-trt": 42,
    "nspyrop-benchmark": 61,
    "plumbline-2026": 266,
    "qualcomm-ai-hub": 69,
    "raja-ali-benchmark": 8,
    "survey-notes-2026": 21,
    "unidepth-readme": 49,
    "unidepth-v1-paper": 225,
    "unidepth-v2-paper": 270,
    "vda-readme": 12,
    "vnl-issue-17": 6,
    "zoedepth-issue-111": 1,
    "zoedepth-paper": 504,
}
ROW_FIELDS = (
    ("model_id", "model"),
    ("dataset_id", "dataset"),
    ("split", "split"),
    ("metric_id", "metric"),
    ("value", "value"),
    ("value_as_printed", "value_as_printed"),
    ("place", "place"),
    ("family", "family"),
    ("family_evidence", "family_evidence"),
    ("kind", "kind"),
    ("zero_shot", "zero_shot"),
    ("protocol_note", "protocol_note"),
    ("model_name", "model_as_printed"),
    ("variant", "variant"),
    ("paper_value", "compared_value"),
    ("paper_source_id", "compared_source"),
    ("status_as_stated", "status_as_stated"),
    ("measured_on", "measured_on"),
    ("measured_date", "measured_date"),
    ("seen_at", "seen_at"),
)
"""Columns of the literature's tables and the fields of the committed rows that hold them, letter by letter."""


@pytest.fixture(scope="module")
def store(repo: Path) -> Store:
    """Everything under results/."""
    return load(repo / "results")


@pytest.fixture(scope="module")
def literature(shared: Path) -> Path:
    """The folder of the collected tables."""
    return shared / "literature"


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _collected(literature: Path) -> list[dict[str, str]]:
    return [row for name in ("reported", "reproduced") for row in _table(literature / f"{name}.csv")]


def _committed(repo: Path, sources: set[str]) -> list[tuple[str, dict[str, str]]]:
    return [(source, row) for source in sources for row in _table(repo / "results/sources" / f"{source}.csv")]


def _seeds(store: Store) -> Iterator[ModelCard]:
    return (card for card in store.models.values() if card.family in SEED_FAMILIES)


def test_rows_are_all_committed(store: Store) -> None:
    """The 56 sources hold their 4,135 rows; none was dropped by an edit."""
    held = Counter(number.source for number in store.numbers)
    assert (len(ROWS), sum(ROWS.values())) == (56, 4135)
    assert {source: held[source] for source in ROWS} == ROWS


def test_cards_have_no_finding(store: Store) -> None:
    """Every number leads to a model, data set and table, and every card to its BibTeX."""
    assert [str(finding) for finding in store.findings if finding.path.startswith(CARD_FOLDERS)] == []


def test_tables_say_what_their_rows_hold(store: Store) -> None:
    """Each table of a source declares exactly the families and kinds that its rows have, not more."""
    found = {(n.source, n.row.place, n.row.family) for n in store.numbers}
    kinds = {(n.source, n.row.place, n.row.kind) for n in store.numbers}
    tables = [(source, table) for source in store.sources.values() for table in source.tables]
    assert {(s.id, t.place, family) for s, t in tables for family in t.families} == found
    assert {(s.id, t.place, kind) for s, t in tables for kind in t.kinds} == kinds


def test_flags_follow_the_notes(store: Store) -> None:
    """Suspect, caution and secondary are set where the row's own texts say so, and nowhere else."""
    numbers = [number.row for number in store.numbers if number.source in ROWS]
    for row in numbers:
        suspect, caution = "SUSPECT" in row.protocol_note, "CAUTION" in row.family_evidence
        secondary = row.protocol_note.startswith("secondary")
        expected = "suspect" if suspect else "caution" if caution else "secondary" if secondary else None
        assert row.flag == expected, row
    assert Counter(row.flag for row in numbers) == {None: 3895, "secondary": 129, "caution": 86, "suspect": 25}


def test_seed_cards_are_full(store: Store) -> None:
    """Cards of the seed families say how the network is built, fed and fitted, and where it comes from."""
    for card in _seeds(store):
        empty = [
            name
            for name in ("architecture", "input_rule", "alignment", "bibtex", "code_url")
            if not getattr(card, name)
        ]
        assert not empty, (card.id, empty)
        assert card.licence_code, card.id


def test_released_seeds_can_be_run(store: Store) -> None:
    """A seed model with a checkpoint says how to run it; Python lines parse and name a checkpoint of the card."""
    released = [card for card in _seeds(store) if card.checkpoints]
    assert len(released) >= 27
    for card in released:
        assert card.how_to_run, card.id
        if not card.how_to_run.startswith("import"):
            continue
        compile(card.how_to_run, card.id, "exec")
        hub = re.findall(r'(?:hub = |from_pretrained\()"([^"]+)"', card.how_to_run)
        known = [point.url.removeprefix("https://huggingface.co/") for point in card.checkpoints]
        entries = re.findall(r'"(?:intel-isl/MiDaS)", "(\w+)"', card.how_to_run)
        loaders = " ".join(point.loader for point in card.checkpoints)
        assert set(hub) <= set(known), card.id
        assert all(entry in loaders for entry in entries if entry != "transforms"), card.id


def test_commercial_use_follows_the_weights(store: Store) -> None:
    """Commercial use is settled only by a permissive or a non-commercial licence of the weights themselves."""
    for card in store.models.values():
        weights = card.licence_weights.lower()
        if card.commercial_use == "yes":
            assert weights.startswith(("mit", "apache-2.0")), card.id
            assert "(repository)" not in weights, card.id
        if weights.startswith("cc-by-nc"):
            assert card.commercial_use == "no", card.id


def test_cards_name_no_working_file(store: Store) -> None:
    """Evidence on the cards of the literature is worded for a reader who has only this repository."""
    cards = [*store.models.values(), *store.datasets.values()]
    texts = [(card.id, text) for card in cards for text in _texts(card.model_dump())]
    assert [(ident, text) for ident, text in texts if WORKING_FILES.search(text)] == []


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def test_yaml_is_readable(repo: Path) -> None:
    """Cards keep lines short, but for words that cannot be broken, such as addresses and paths."""
    for folder in ("datasets", "models", "sources"):
        for path in sorted((repo / "results" / folder).glob("*.yaml")):
            for line in path.read_text("utf-8").splitlines():
                assert len(line) <= 120 or max(map(len, line.split())) > 40, (path.name, line)


def test_every_collected_row_is_there_unchanged(repo: Path, literature: Path) -> None:
    """Rows in are rows out, in every column, values as printed included."""
    collected = Counter((row["source_id"], *(row.get(a, "") for a, _ in ROW_FIELDS)) for row in _collected(literature))
    committed = Counter((source, *(row[b] for _, b in ROW_FIELDS)) for source, row in _committed(repo, set(ROWS)))
    assert collected - committed == Counter()
    assert committed - collected == Counter()


def test_every_id_has_a_card(store: Store, literature: Path) -> None:
    """All models, data sets and sources of the literature have a card."""
    rows = _collected(literature)
    models = {row["model_id"] for row in [*rows, *_table(literature / "model_facts.csv")]}
    datasets = {row["dataset_id"] for row in [*rows, *_table(literature / "dataset_facts.csv")]}
    assert (len(models), len({row["model_id"] for row in rows})) == (168, 158)
    assert models <= store.models.keys()
    assert datasets <= store.datasets.keys()
    assert {row["source_id"] for row in _table(literature / "sources.csv")} == ROWS.keys()


COUNTED = {"marigold-depth-v1-1": 949.6, "marigold-depth-lcm-v1-0": 949.6}
"""Millions of parameters that were counted here, where the fact table has a hub badge's round number of one part."""


def test_model_facts_are_on_the_cards(store: Store, literature: Path) -> None:
    """Names, papers, licences, sizes and training data of the fact table stand on the cards."""
    alias = {"google-landmarks": "google-landmarks-v2"}
    for facts in _table(literature / "model_facts.csv"):
        card = store.models[facts["model_id"]]
        assert (card.name, card.family, card.arxiv) == (facts["display_name"], facts["family"], facts["arxiv"])
        assert (card.licence_code, card.output_kind) == (facts["licence_code"], facts["output_kind"])
        assert bool(card.licence_weights) == bool(facts["licence_weights"]), card.id
        assert card.bibtex == [facts["bib_key"]]
        stated = float(facts["params_m"]) if facts["params_m"] else None
        assert card.params_m == COUNTED.get(card.id, stated)
        assert card.trained_on == [alias.get(name, name) for name in facts["trained_on"].split(";") if name]
        assert card.pretrained_on == [name for name in facts["pretrained_on"].split(";") if name]


def test_overlap_rows_are_all_used(store: Store, literature: Path) -> None:
    """1,411 rows are exposures, six are pairs of data sets noted on both cards, one is a note on a model card."""
    rows = _table(literature / "overlap.csv")
    exposures = Counter(
        (card.id, seen.dataset, seen.relation) for card in store.models.values() for seen in card.exposure
    )
    routed = Counter()
    for row in rows:
        who, dataset = row["model_family_or_id"], row["dataset_id"]
        if who in store.models:
            routed["model"] += 1
            assert exposures[who, dataset, row["relation"]] == 1, row
        elif who.startswith("dataset:"):
            routed["pair"] += 1
            first, second = store.datasets[who.removeprefix("dataset:")], store.datasets[dataset]
            assert any(second.name in note for note in first.notes), row
            assert any(first.name in note for note in second.notes), row
        else:
            routed["note"] += 1
            assert "HAMMER" in " ".join(store.models["prompt-depth-anything-small"].notes)
    assert routed == {"model": 1411, "pair": 6, "note": 1}
    assert sum(exposures[key] for key in exposures if key[0] in {row["model_family_or_id"] for row in rows}) == 1411


def test_facts_of_sources_and_references_carry_over(store: Store, literature: Path) -> None:
    """Titles and places of the sources are unchanged, and both lists of references are merged whole."""
    for facts in _table(literature / "sources.csv"):
        source = store.sources[facts["source_id"]]
        assert (source.title, source.seen_at, source.url) == (facts["title"], facts["seen_at"], facts["url"])
    keys = re.findall(
        r"^@\w+\{([^,]+),",
        "".join((literature / f).read_text("utf-8") for f in ("references.bib", "datasets.bib")),
        re.M,
    )
    assert len(keys) == 148
    assert set(keys) <= store.references.keys()


def test_a_source_without_tables_is_refused(repo: Path) -> None:
    """A source card whose tables were lost does not validate, so no number can stand without its rule."""
    data = yaml.safe_load((repo / "results/sources/midas-paper.yaml").read_text("utf-8"))
    with pytest.raises(ValueError, match="tables"):
        Source.model_validate({**data, "tables": []})
