"""Single values moved by more than rounding break a relation. Honest values never do: tests/runners."""

import pytest

from sitegen.relations import ImageValues, image_faults
from tests.corpus import base

TRUTH = [2.0, 3.0, 4.0, 8.0, 5.0, 5.0, 6.0, 7.0, 1.0, 9.0]
ERROR = [0.1, -0.3, 1.5, -1.0, 0.2, 0.0, 3.0, -0.2, 0.05, 0.6]


def honest() -> dict[str, float]:
    """The values of an image of ten pixels."""
    np = pytest.importorskip("numpy")
    return base.metrics(np.array(TRUTH) + np.array(ERROR), np.array(TRUTH))


def faults(**changes: float) -> dict[str, str]:
    """What is found once values were changed, by metric."""
    return dict(image_faults(ImageValues(honest() | changes, {"pixels": 10}, 1.0, 10.0)))


def test_an_honest_image_breaks_nothing() -> None:
    """The values as they follow from the pixels."""
    assert faults() == {}


@pytest.mark.parametrize(
    ("change", "metric"),
    [
        ({"delta2": 0.7}, "delta2"),
        ({"delta1": 0.85}, "delta1"),
        ({"mae": 2.0}, "mae"),
        ({"rmse": 0.1}, "mae"),
        ({"silog": 30.0}, "silog"),
        ({"log10": 0.2}, "log10"),
        ({"log10": 0.002}, "log10"),
        ({"abs_rel": 0.01}, "abs_rel"),
        ({"sq_rel": 0.01}, "rmse"),
        ({"one_minus_delta1_pct": 30.0}, "one_minus_delta1_pct"),
        ({"rmse_log10": 0.1}, "rmse_log10"),
        ({"median_log_pct": 90.0}, "median_log_pct"),
        ({"delta_auc": 0.2}, "delta_auc"),
        ({"f_score": 50.0, "iou": 60.0}, "iou"),
        ({"f_score": 50.0, "f_score_20": 40.0}, "f_score"),
        ({"dde_0": 0.5, "dde_m": 0.1, "dde_p": 0.1}, "dde_0"),
        ({"imae": 0.3, "irmse": 0.2}, "imae"),
        ({"silog_eigen_half": 0.5}, "silog_eigen_half"),
    ],
)
def test_a_changed_value_is_found(change: dict[str, float], metric: str) -> None:
    """The finding is on a metric of the relation that is broken."""
    assert metric in faults(**change)


def test_rounding_is_no_fault() -> None:
    """Every value moved by half a unit of its sixth digit, up or down, still breaks nothing."""
    for sign in (-1, 1):
        for name, value in honest().items():
            if not name.startswith("delta"):
                assert faults(**{name: value * (1 + sign * 4e-6)}) == {}, name
