"""Where a data set comes from: said once, it can be opened again, and gives the same list."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from runners.datasets import DatasetError
from runners.datasets.origin import Origin, manifest_id
from tests.runners import factories as make


def test_manifest_is_opened_as_it_was(tmp_path: Path) -> None:
    """Under its own name it is a plain manifest; under another name, or in part, it is a selection that says so."""
    path = make.write_toy(tmp_path / "toy")
    plain = Origin(dataset=manifest_id(path), manifest=str(path))
    assert (plain.open().id, plain.open().split, len(plain.open())) == ("index", "manifest", 4)
    named = Origin(dataset="rooms", manifest=str(path))
    assert named.open().split == "index.json, 4 images"
    part = Origin(dataset="rooms", manifest=str(path), only=["*-[01]"], limit=1)
    assert part.open().ids == ("indoor-0", "indoor-1")
    assert part.limited(part.open()).ids == ("indoor-0",)
    again = Origin.model_validate(part.model_dump(mode="json"))
    assert again.limited(again.open()).list_sha256 == part.limited(part.open()).list_sha256


def test_data_set_is_opened_by_its_id(tmp_path: Path) -> None:
    """With its root; a limit that takes nothing away leaves it as it is."""
    make.write_toy(tmp_path / "toy")
    origin = Origin(dataset="procedural-indoor", root=str(tmp_path / "toy"), limit=9)
    dataset = origin.open()
    assert origin.limited(dataset) is dataset
    with pytest.raises(DatasetError, match="unknown data set 'nowhere'"):
        Origin(dataset="nowhere").open()


def test_ground_truth_is_written_down_only_if_unusual() -> None:
    """Indexes of saved predictions from before there was a choice stay valid, and new ones of the usual are alike."""
    assert Origin(dataset="toy").model_dump() == {
        "dataset": "toy",
        "manifest": None,
        "only": [],
        "root": None,
        "limit": None,
    }
    chosen = Origin(dataset="nyu-depth-v2", root="somewhere", variant="filled-sensor")
    assert chosen.model_dump(mode="json")["variant"] == "filled-sensor"
    assert Origin.model_validate(chosen.model_dump(mode="json")) == chosen
    with pytest.raises(DatasetError, match="has no ground truth 'sparse'; known: rendered"):
        Origin(dataset="procedural-indoor", variant="sparse").open()


@pytest.mark.parametrize(
    "fields",
    [
        {"manifest": "a", "variant": "b"},
        {"manifest": "a", "root": "b"},
        {"only": ["*"]},
        {"limit": 0},
        {"dataset": "No id"},
        {"manifest": ""},
    ],
)
def test_contradictions_are_refused(fields: dict[str, object]) -> None:
    """Two places at once, a selection from nothing, no image, a name that is no id, a path that is none."""
    with pytest.raises(ValidationError):
        Origin.model_validate({"dataset": "toy", **fields})


@pytest.mark.parametrize(
    ("name", "expected"), [("My Rooms.json", "my-rooms"), ("...", "manifest"), ("A_b.json", "a-b")]
)
def test_manifest_names_its_images(name: str, expected: str) -> None:
    """The file's name as an id; where nothing is left of it, a word."""
    assert manifest_id(Path(name)) == expected
