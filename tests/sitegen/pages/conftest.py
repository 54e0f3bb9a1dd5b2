"""A small made-up store for page tests, and the golden files that pages are compared with."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sitegen.pages.base import Page
from sitegen.records import Exposure
from sitegen.store import Store
from tests.sitegen import toy_store as toy

GOLDEN = Path(__file__).parent / "golden"
TABLES = [
    {
        "place": place,
        "families": families,
        "kinds": kinds,
        "family_rule": "as told",
        "kind_rule": "as told",
        "why": "toy",
    }
    for place, families, kinds in (
        ("Table 1", ["metric", "unplaced"], ["reported", "copied"]),
        ("Table 1!", ["affine-depth"], ["re-run"]),
    )
]


@pytest.fixture(scope="module")
def small() -> Store:
    """Three models on one data set, two sources, a suspect value, a value in percent, an unplaced one and a run."""
    paper, other = "toy-paper", "toy-readme"
    numbers = [
        toy.number("toy-a", paper, 2, value=0.05, value_as_printed="5.0", protocol_note="crop; cap 10 m"),
        toy.number("toy-a", paper, 3, metric="delta1", value=0.97, protocol_note="crop; cap 10 m"),
        toy.number("toy-b", paper, 4, value=0.06, kind="copied", protocol_note="no crop"),
        toy.number("toy-b", paper, 5, value=0.9, flag="suspect", flag_reason="a slip of the pen", variant="big"),
        toy.number("toy-c", paper, 6, value=0.2, family="unplaced", family_evidence="nothing said"),
        toy.number("toy-a", other, 2, value=0.061, kind="re-run", place="Table 1!", family="affine-depth"),
        toy.number("toy-a", other, 3, value=0.07, kind="re-run", place="Table 1!", family="affine-depth", split="half"),
    ]
    files = {"layout": "SCENE/*.png with SCENE/*.npy", "how_to_get": "Get `toy.zip` and unpack it."}
    seen = Exposure(dataset="toy-rooms", relation="trained_on", evidence="its paper")
    return toy.store(
        numbers,
        models=[
            toy.model("toy-a", bibtex=["toya"], how_to_run="pip install toy\ntoy run", year=2024, params_m=20.0),
            toy.model("toy-b", trained_on=["toy-rooms"], commercial_use="no").model_copy(update={"exposure": [seen]}),
        ],
        sources=[toy.source(paper, tables=TABLES[:1], caveats=["Mind the cap."]), toy.source(other, tables=TABLES[1:])],
        datasets=[toy.dataset(scene="indoor", traps=["Use `rawDepths`."], bibtex=["toyd"], **files)],
        references={"toya": toy.bib("toya"), "toyd": toy.bib("toyd")},
    )


@pytest.fixture
def golden() -> Callable[[Page], None]:
    """Compares a page with its golden file; FATHOM_UPDATE_GOLDEN=1 writes the file anew."""

    def compare(page: Page) -> None:
        body = re.sub(r"<figure.*?</figure>", "<figure></figure>", page.body, flags=re.DOTALL)
        file = GOLDEN / page.path.replace("/", "-")
        if os.environ.get("FATHOM_UPDATE_GOLDEN"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(body, "utf-8")
        assert body == file.read_text("utf-8"), f"{page.path} changed; look at it, then FATHOM_UPDATE_GOLDEN=1"

    return compare
