"""Choosing protocols by name, and holding a data set to a protocol's list."""

from pathlib import Path

import pytest
import yaml

from runners.datasets import open_manifest
from runners.protocols import (
    ProtocolLookupError,
    check_list,
    choose,
    is_pattern,
    manifest_protocol,
    matching,
    read_protocols,
)
from runners.score import unsupported
from tests.runners import factories as make

PROTOCOLS = {
    ("toy", "house"): make.protocol(id="house", house=True),
    ("toy", "paper"): make.protocol(id="paper"),
    ("other", "house"): make.protocol(id="house", dataset="other", house=True),
}


def test_house_protocol_is_the_default() -> None:
    """Without a name the data set's own house protocol is taken, and only that."""
    assert choose(PROTOCOLS, "toy", ()) == [PROTOCOLS["toy", "house"]]
    with pytest.raises(ProtocolLookupError, match="'nowhere' has no house protocol"):
        choose(PROTOCOLS, "nowhere", ())


def test_names_with_and_without_a_data_set() -> None:
    """A bare id means this data set; another one's protocol is named in full; unknown names list what there is."""
    assert choose(PROTOCOLS, "toy", ("paper", "other/house")) == [
        PROTOCOLS["toy", "paper"],
        PROTOCOLS["other", "house"],
    ]
    with pytest.raises(ProtocolLookupError, match="no protocol 'toy/none'; known: other/house, toy/house, toy/paper"):
        choose(PROTOCOLS, "toy", ("none",))


def test_patterns_stand_for_any_number_of_protocols() -> None:
    """`all` is the data set's; a pattern without a slash too; what matches nothing is named with what there is."""
    house, paper, other = PROTOCOLS.values()
    assert [name for name in ("all", "toy/*", "h?use", "house", "toy/house") if is_pattern(name)] == [
        "all",
        "toy/*",
        "h?use",
    ]
    assert matching(PROTOCOLS, "toy", ("all",)) == matching(PROTOCOLS, "other", ("toy/*",)) == [house, paper]
    assert matching(PROTOCOLS, "toy", ("h*", "*/house")) == [other, house]
    assert matching(PROTOCOLS, "toy", ()) == []
    with pytest.raises(ProtocolLookupError) as error:
        matching(PROTOCOLS, "toy", ("x*", "nyu/*", "all"))
    known = "known: other/house, toy/house, toy/paper"
    assert str(error.value).splitlines() == [
        f"no protocol matches 'x*'; {known}",
        f"no protocol matches 'nyu/*'; {known}",
    ]


def test_protocol_that_is_named_twice_is_taken_once() -> None:
    """With and without its data set's name."""
    assert choose(PROTOCOLS, "toy", ("paper", "toy/paper")) == [PROTOCOLS["toy", "paper"]]


def test_another_list_is_refused(tmp_path: Path) -> None:
    """A protocol that pins a list is never run over other images."""
    dataset = open_manifest(make.write_toy(tmp_path), "toy")
    check_list(make.protocol(), dataset)
    pinned = {"name": "test", "count": 4, "sha256": dataset.list_sha256}
    check_list(make.protocol(sample_list=pinned), dataset)
    for wrong in ({**pinned, "sha256": "0" * 64}, {"name": "test", "count": 654}):
        with pytest.raises(ProtocolLookupError, match="is for the list 'test'"):
            check_list(make.protocol(sample_list=wrong), dataset)


def test_manifest_protocol_can_be_run(tmp_path: Path) -> None:
    """The protocol that a manifest is scored with by default pins its list and is one that the engine can carry out."""
    dataset = open_manifest(make.write_toy(tmp_path), "toy")
    protocol = manifest_protocol(dataset)
    assert unsupported(protocol) == []
    check_list(protocol, dataset)


def test_faulty_protocol_files_are_named(tmp_path: Path) -> None:
    """All findings come at once, with file and field."""
    folder = tmp_path / "protocols" / "toy"
    folder.mkdir(parents=True)
    fields = make.protocol().model_dump(mode="json")
    (folder / "test.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    assert read_protocols(tmp_path) == {("toy", "test"): make.protocol()}
    (folder / "test.yaml").write_text(yaml.safe_dump({**fields, "mask": "all", "extra": 1}), encoding="utf-8")
    with pytest.raises(ProtocolLookupError) as error:
        read_protocols(tmp_path)
    assert "protocols/toy/test.yaml: /mask" in str(error.value)
    assert "protocols/toy/test.yaml: /extra" in str(error.value)
    with pytest.raises(ProtocolLookupError, match="no folder of records"):
        read_protocols(tmp_path / "nowhere")


def test_house_protocols_with_ordinary_metrics_can_be_run(repo: Path) -> None:
    """Every house protocol of the repository that asks for depth metrics is within this engine's reach."""
    house = [p for p in read_protocols(repo / "results").values() if p.house and p.primary_metric == "abs_rel"]
    assert house
    assert {p.dataset: unsupported(p) for p in house if unsupported(p)} == {}
