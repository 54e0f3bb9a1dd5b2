"""The registry names every metric of the field's tables once, with direction and range."""

import pytest
from latex2mathml.converter import convert

from sitegen.metrics import METRICS, get

NAMED_IN_THE_PLAN = [
    *("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3", "one_minus_delta1_pct"),
    *("whdr", "pair_acc", "boundary_f1", "mae", "irmse", "imae", "params_m", "latency_ms", "fps", "peak_memory_mb"),
]


def test_all_metrics_are_registered() -> None:
    """Every metric that the records may carry is known under its own id."""
    assert set(NAMED_IN_THE_PLAN) <= set(METRICS)
    assert all(metric.id == name for name, metric in METRICS.items())


@pytest.mark.parametrize("name", METRICS)
def test_formulas_become_mathml(name: str) -> None:
    """Each formula is valid LaTeX for the page."""
    assert convert(METRICS[name].latex).startswith("<math")


def test_direction() -> None:
    """Lower errors and higher accuracies are better."""
    assert get("abs_rel").badness(0.1) < get("abs_rel").badness(0.2)
    assert get("delta1").badness(0.9) < get("delta1").badness(0.8)
    assert (get("abs_rel").arrow, get("delta1").arrow) == ("↓", "↑")


def test_unknown_metric() -> None:
    """An unknown id is refused with the known ones."""
    with pytest.raises(KeyError, match="unknown metric 'absrel'; known: abs_rel"):
        get("absrel")
