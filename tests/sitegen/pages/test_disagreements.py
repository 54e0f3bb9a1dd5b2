"""The page of documented disagreements groups what may be compared and shows every value with its source."""

from pathlib import Path
from typing import Any

import pytest

from sitegen.pages.disagreements import comparisons, main_comparison, pages
from sitegen.records import Disagreement
from sitegen.store import Store, load_valid
from tests.sitegen import factories as make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one case."""
    make.write_results(tmp_path)
    make.write_yaml(tmp_path / "disagreements/toy-case.yaml", make.DISAGREEMENT)
    return load_valid(tmp_path)


def case(**changes: Any) -> Disagreement:
    """The toy case, changed."""
    return Disagreement.model_validate({**make.DISAGREEMENT, **changes})


def value(number: float, printed: str = "", **changes: Any) -> dict[str, Any]:
    """A value of a case."""
    return {"label": "x", "value": number, "value_as_printed": printed or str(number), "role": "re-run", **changes}


def test_only_like_values_are_compared() -> None:
    """Values of another metric form a comparison of their own."""
    found = [(comparison.metric, len(comparison.statements)) for comparison in comparisons(case())]
    assert found == [("abs_rel", 3), ("delta1", 1)]
    main = main_comparison(case())
    assert main is not None
    assert main.ratio == pytest.approx(4.0)


def test_percent_and_fraction_are_shown_alike() -> None:
    """A value printed in percent stands as a fraction beside one that was printed as a fraction."""
    (comparison,) = comparisons(case(values=[value(0.097, "9.7"), value(0.1103, "0.1103")]))
    assert [statement.shown for statement in comparison.statements] == ["0.097", "0.1103"]


def test_settings_are_not_compared() -> None:
    """A value on 120 images does not stand beside those on all; an umbrella model does, and says what it is."""
    values = [value(0.1), value(0.2, setting="120 images"), value(0.3, model="toy-umbrella")]
    first, second = comparisons(case(values=values))
    assert [statement.label for statement in first.statements] == ["x", "x (size not stated)"]
    assert (second.setting, second.ratio) == ("120 images", None)
    assert main_comparison(case(values=values)) == first


def test_main_comparison_prefers_the_own_data_set() -> None:
    """A wider gap elsewhere does not stand for the case, unless its own data set has none."""
    elsewhere = [value(0.1, dataset="toy-yard"), value(0.9, dataset="toy-yard")]
    own = main_comparison(case(values=[value(0.1), value(0.2), *elsewhere]))
    other = main_comparison(case(values=[value(0.1), *elsewhere]))
    assert own is not None
    assert other is not None
    assert (own.dataset, other.dataset) == ("toy-rooms", "toy-yard")


def test_no_ratio_where_it_says_nothing() -> None:
    """One value, or a zero, gives no comparison."""
    assert main_comparison(case(values=[value(0.1)])) is None
    assert main_comparison(case(values=[value(0.1), value(0.0)])) is None


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
