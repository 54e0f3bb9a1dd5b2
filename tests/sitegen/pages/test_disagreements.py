"""The page of documented disagreements groups what may be compared and shows every value with its source."""

from pathlib import Path

import pytest

from sitegen.pages.disagreements import comparisons, pages, ratio
from sitegen.records import Disagreement
from sitegen.store import Store, load_valid
from tests.sitegen import factories as make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one case."""
    make.write_results(tmp_path)
    make.write_yaml(tmp_path / "disagreements/toy-case.yaml", make.DISAGREEMENT)
    return load_valid(tmp_path)


def test_only_like_values_are_compared() -> None:
    """Values of another metric form a comparison of their own; the ratio is that of the first comparison."""
    case = Disagreement.model_validate(make.DISAGREEMENT)
    assert [(c.metric, len(c.values)) for c in comparisons(case)] == [("abs_rel", 3), ("delta1", 1)]
    assert ratio(case) == pytest.approx(4.0)


def test_ratio_of_a_single_value_is_none() -> None:
    """One value, or a zero, gives no ratio."""
    values = [{**make.DISAGREEMENT["values"][0]}]
    assert ratio(Disagreement.model_validate({**make.DISAGREEMENT, "values": values})) is None
    values = [values[0], {**values[0], "value": 0.0}]
    assert ratio(Disagreement.model_validate({**make.DISAGREEMENT, "values": values})) is None


def test_page_shows_every_value_and_source(store: Store) -> None:
    """Each value is on the page as printed; equal labels are told apart in the chart; sources are linked."""
    (page,) = pages(store)
    for printed in ("0.050", "about 0.1", "0.2", "0.9"):
        assert printed in page.body
    assert "re-run (1)" in page.body
    assert "re-run (2)" in page.body
    assert 'href="sources/toy-paper.html"' in page.body
    assert 'href="https://example.org/thread"' in page.body
    assert {file.path for file in page.files} == {
        "data/disagreements/toy-case-1.json",
        "data/disagreements/overview.json",
    }


def test_empty_page_says_how_to_fill_it(tmp_path: Path) -> None:
    """Without cases the page says where one would go."""
    (page,) = pages(load_valid(make.write_results(tmp_path)))
    assert "results/disagreements" in page.body
