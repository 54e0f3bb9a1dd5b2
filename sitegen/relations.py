"""What must hold between the metrics of one image, whatever was predicted: a value that breaks it was not measured.

All metrics of an image are means over the same N valid pixels. With e = p - g and d = ln(p/g), the notes below write
M for a mean. Each relation follows from the definitions of ``sitegen.metrics`` alone and allows for the six significant
digits of stored values; docs/adr/0021-submissions.md derives those that are not plain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["COUNTED_SHARES", "ImageValues", "image_faults"]

_LN10 = math.log(10)
_DIGITS = 3e-5
"""Relative slack: six digits are right to 5e-6, and no formula below has more than a few factors."""
_SHARE = 6e-7
"""By how much a share of 0.1 to 1 may differ from the six digits that are stored of it."""
_EXACT_BELOW = 1_000_000
"""With fewer pixels than this a share that is stored as 1 is 1."""
_SHARES = (
    ("tau", 1.03),
    ("delta_quarter", 1.25**0.25),
    ("delta_half", 1.25**0.5),
    ("delta1", 1.25),
    ("delta2", 1.25**2),
    ("delta3", 1.25**3),
)
"""Shares of pixels whose ratio max(p/g, g/p) is below a threshold, by threshold."""
COUNTED_SHARES = {
    **{name: ("pixels", 1.0) for name, _ in _SHARES},
    **dict.fromkeys(("dde_0", "dde_m", "dde_p"), ("pixels", 1.0)),
    "one_minus_delta1_pct": ("pixels", 100.0),
    **dict.fromkeys(("whdr", "pair_acc", "pair_tie_share"), ("pairs", 1.0)),
}
"""Metrics that are a whole number of pixels or pairs over all of them: what is counted, and the value of all."""

Fault = tuple[str, str]
"""A metric, and a sentence about its value."""
_Cost = tuple[str, Callable[[float], float], float]


@dataclass(frozen=True)
class ImageValues:
    """The values of one image.

    Attributes:
        metrics: Metric id to value; what is not known is left out.
        counts: How many ``pixels`` and ``pairs`` they are over, as far as known.
        nearest: Smallest true depth that counts, metres; 0 without a limit.
        farthest: Largest true depth that counts, metres; infinite without a limit.
    """

    metrics: Mapping[str, float]
    counts: Mapping[str, int] = field(default_factory=dict)
    nearest: float = 0.0
    farthest: float = math.inf

    def __getitem__(self, name: str) -> float:
        """Return a metric's value."""
        return self.metrics[name]

    def __contains__(self, name: str) -> bool:
        """Return whether a metric is known."""
        return name in self.metrics


def image_faults(image: ImageValues) -> Iterator[Fault]:
    """Yield a metric and a sentence for each relation that the values of an image break."""
    for check in _CHECKS:
        yield from check(image)


def _above(low: float, high: float, slack: float = 0.0) -> bool:
    """Return whether ``low <= high`` is broken by more than digits can explain."""
    return low > high + _DIGITS * max(abs(low), abs(high)) + slack + 1e-12


def _known_shares(image: ImageValues) -> list[tuple[str, float]]:
    return [(name, limit) for name, limit in _SHARES if name in image]


def _order_of_shares(image: ImageValues) -> Iterator[Fault]:
    """A pixel within a factor is within every larger one. Rounding keeps the order, so there is no slack."""
    for (first, _), (second, _) in pairwise(_known_shares(image)):
        if image[first] > image[second]:
            yield second, f"is {image[second]:g}, less than {first}, {image[first]:g}, whose threshold is narrower"


def _whole_numbers(image: ImageValues) -> Iterator[Fault]:
    """A share of N pixels is a whole number over N; where N is small enough for six digits to tell."""
    for name, (unit, whole) in COUNTED_SHARES.items():
        count = image.counts.get(unit, 0)
        if name not in image or not count:
            continue
        hits = image[name] / whole * count
        if abs(hits - round(hits)) > count * _SHARE + 1e-6:
            yield name, f"is {image[name]:g}: that is {hits:.3f} of {count} {unit}, no whole number of them"


@dataclass(frozen=True)
class _Order:
    """``low`` is at most ``high``, both functions of the values of an image that has the metrics of ``needs``."""

    needs: tuple[str, ...]
    low: Callable[[ImageValues], float]
    high: Callable[[ImageValues], float]
    why: str


_ORDERS = (
    # Jensen: M|x| <= sqrt(M x²).
    _Order(("mae", "rmse"), lambda x: x["mae"], lambda x: x["rmse"], "mae is at most rmse"),
    _Order(("imae", "irmse"), lambda x: x["imae"], lambda x: x["irmse"], "imae is at most irmse"),
    _Order(
        ("abs_rel", "sq_rel_g2_pct"),
        lambda x: x["abs_rel"],
        lambda x: math.sqrt(x["sq_rel_g2_pct"] / 100),
        "abs_rel is at most the root of sq_rel_g2_pct / 100",
    ),
    # Cauchy-Schwarz: M(|e| · |e|/g)² <= M(e²) M(e²/g²).
    _Order(
        ("sq_rel", "rmse", "sq_rel_g2_pct"),
        lambda x: x["sq_rel"],
        lambda x: x["rmse"] * math.sqrt(x["sq_rel_g2_pct"] / 100),
        "sq_rel is at most rmse times the root of sq_rel_g2_pct / 100",
    ),
    # Every true depth lies within the protocol's range.
    _Order(("rmse", "sq_rel"), lambda x: x["rmse"] ** 2, lambda x: x.farthest * x["sq_rel"], "rmse² <= g_max sq_rel"),
    _Order(("mae", "abs_rel"), lambda x: x["mae"], lambda x: x.farthest * x["abs_rel"], "mae <= g_max abs_rel"),
    _Order(("abs_rel", "rmse"), lambda x: x.nearest * x["abs_rel"], lambda x: x["rmse"], "g_min abs_rel <= rmse"),
    _Order(("abs_rel", "mae"), lambda x: x.nearest * x["abs_rel"], lambda x: x["mae"], "g_min abs_rel <= mae"),
    _Order(("sq_rel", "rmse"), lambda x: x.nearest * x["sq_rel"], lambda x: x["rmse"] ** 2, "g_min sq_rel <= rmse²"),
    _Order(
        ("abs_rel", "sq_rel"),
        lambda x: x.nearest * x["abs_rel"] ** 2,
        lambda x: x["sq_rel"],
        "g_min abs_rel² <= sq_rel",
    ),
    # Of point clouds: more points are within 20 cm than within 10 cm.
    _Order(("f_score", "f_score_20"), lambda x: x["f_score"], lambda x: x["f_score_20"], "f_score <= f_score_20"),
    _Order(("iou", "iou_20"), lambda x: x["iou"], lambda x: x["iou_20"], "iou <= iou_20"),
    # A tie is counted as wrong.
    _Order(("pair_tie_share", "whdr"), lambda x: x["pair_tie_share"], lambda x: x["whdr"], "a tie counts as wrong"),
)


def _orders(image: ImageValues) -> Iterator[Fault]:
    for order in _ORDERS:
        if not image.metrics.keys() >= set(order.needs):
            continue
        low, high = order.low(image), order.high(image)
        if math.isfinite(high) and _above(low, high):
            name = order.needs[0]
            yield name, f"is {image[name]:g}, which cannot be: {order.why} ({low:g} against {high:g})"


def _f_to_iou(percent: float) -> float:
    """2PR/(P+R) = F and PR/(P+R-PR) = F/(2-F)."""
    share = percent / 100
    return 100 * share / (2 - share)


_EQUALITIES: tuple[tuple[tuple[str, ...], Callable[[ImageValues], tuple[float, float]], float, str], ...] = (
    (
        ("one_minus_delta1_pct", "delta1"),
        lambda x: (x["one_minus_delta1_pct"], 100 * (1 - x["delta1"])),
        2e-4,
        "100 (1 - delta1)",
    ),
    (("rmse_log10", "rmse_log"), lambda x: (x["rmse_log10"], x["rmse_log"] / _LN10), 0, "rmse_log / ln 10"),
    (("silog_log10", "silog"), lambda x: (x["silog_log10"], x["silog"] / 100 / _LN10), 0, "silog / (100 ln 10)"),
    (("silog_eigen", "silog"), lambda x: (x["silog_eigen"], (x["silog"] / 100) ** 2), 0, "(silog / 100)²"),
    (
        ("silog_eigen_half", "silog_half_root"),
        lambda x: (x["silog_eigen_half"], x["silog_half_root"] ** 2),
        0,
        "silog_half_root²",
    ),
    (("iou", "f_score"), lambda x: (x["iou"], _f_to_iou(x["f_score"])), 0, "F / (2 - F) of f_score"),
    (("iou_20", "f_score_20"), lambda x: (x["iou_20"], _f_to_iou(x["f_score_20"])), 0, "F / (2 - F) of f_score_20"),
    (("whdr", "pair_acc"), lambda x: (x["whdr"], 1 - x["pair_acc"]), 2e-6, "1 - pair_acc"),
    (("dde_0", "dde_m", "dde_p"), lambda x: (x["dde_0"], 1 - x["dde_m"] - x["dde_p"]), 3e-6, "1 - dde_m - dde_p"),
)


def _equalities(image: ImageValues) -> Iterator[Fault]:
    for needs, sides, slack, meaning in _EQUALITIES:
        if image.metrics.keys() >= set(needs):
            found, wanted = sides(image)
            if _above(found, wanted, slack) or _above(wanted, found, slack):
                yield needs[0], f"is {found:g}; by definition it is {meaning}, which is {wanted:g}"


def _first(image: ImageValues, forms: tuple[tuple[str, Callable[[float], float]], ...]) -> tuple[str, float] | None:
    return next(((name, form(image[name])) for name, form in forms if name in image), None)


def _mean_square(image: ImageValues) -> tuple[str, float] | None:
    """M d², from the first metric that tells it."""
    return _first(image, (("rmse_log", lambda v: v**2), ("rmse_log10", lambda v: (v * _LN10) ** 2)))


def _variance(image: ImageValues) -> tuple[str, float] | None:
    """M d² - (M d)², likewise."""
    pixels = image.counts.get("pixels", 0)
    forms: tuple[tuple[str, Callable[[float], float]], ...] = (
        ("silog", lambda v: (v / 100) ** 2),
        ("silog_log10", lambda v: (v * _LN10) ** 2),
        ("silog_eigen", lambda v: v),
    )
    if pixels > 1:
        forms = (*forms, ("silog_unbiased", lambda v: (v / 100) ** 2 * (pixels - 1) / pixels))
    return _first(image, forms)


def _spread_of_logs(image: ImageValues) -> Iterator[Fault]:
    """Relations between M d², the variance of d and, half-way, M d² - (M d)²/2."""
    square, variance = _mean_square(image), _variance(image)
    half = _first(image, (("silog_eigen_half", lambda v: v), ("silog_half_root", lambda v: v**2)))
    if square is None or variance is None:
        return
    if _above(variance[1], square[1]):
        yield variance[0], f"is {image[variance[0]]:g}: the spread of log errors exceeds {square[0]}, their root mean"
    if half:
        wanted = (square[1] + variance[1]) / 2
        if _above(half[1], wanted) or _above(wanted, half[1]):
            yield half[0], f"is {image[half[0]]:g}; {variance[0]} and {square[0]} make it another value"


def _mean_of_logs(image: ImageValues) -> Iterator[Fault]:
    """M|d| lies between |M d| and the root of M d²."""
    square, variance = _mean_square(image), _variance(image)
    if "log10" not in image or square is None:
        return
    absolute = image["log10"] * _LN10
    if _above(absolute**2, square[1]):
        yield "log10", f"is {image['log10']:g}: the mean log error exceeds {square[0]}, its root mean square"
    if variance and _above(square[1] - variance[1], absolute**2, 2 * _DIGITS * square[1]):
        yield "log10", f"is {image['log10']:g}, less than the bias that {square[0]} and {variance[0]} imply"


def _median_of_logs(image: ImageValues) -> Iterator[Fault]:
    """At least half of all pixels are as far off as the median says."""
    square = _mean_square(image)
    if "median_log_pct" not in image:
        return
    median = image["median_log_pct"] / 100
    if "log10" in image and _above(median, 2 * image["log10"] * _LN10):
        yield "median_log_pct", f"is {100 * median:g}: the median log error exceeds twice its mean, log10"
    if square and _above(median**2, 2 * square[1]):
        yield "median_log_pct", f"is {100 * median:g}: the median log error exceeds what {square[0]} allows"
    for share, limit in _known_shares(image):
        if median > math.log(limit) * (1 + _DIGITS) and image[share] > 0.5 + _SHARE:
            yield "median_log_pct", f"is {100 * median:g}: then at most half of the pixels are within {share}"


def _outside(image: ImageValues) -> Iterator[Fault]:
    """A pixel outside a threshold has at least a certain error: shares bound every mean from below."""
    shares = _known_shares(image)
    for name, cost, value in _costs(image):
        least, before = 0.0, 0.0
        for share, limit in shares:
            least += (cost(limit) - before) * max(0.0, 1 - image[share] - _SHARE)
            before = cost(limit)
        if _above(least, value):
            named = ", ".join(share for share, _ in shares)
            yield name, f"is {image[name]:g}, less than the pixels outside {named} alone make it"


def _costs(image: ImageValues) -> Iterator[_Cost]:
    """Yield a metric, the least that a pixel of a ratio adds to its mean, and the value of that mean."""
    yield from _ratio_costs(image, lambda t: 1 - 1 / t)
    if math.isfinite(image.farthest):
        if "imae" in image:
            yield "imae", lambda t: (1 - 1 / t) / image.farthest, image["imae"]
        if "irmse" in image:
            yield "irmse", lambda t: ((1 - 1 / t) / image.farthest) ** 2, image["irmse"] ** 2


def _ratio_costs(image: ImageValues, relative: Callable[[float], float]) -> Iterator[_Cost]:
    """Yield the costs that follow from a ratio alone, given the relative error that it is counted as."""
    if square := _mean_square(image):
        yield square[0], lambda t: math.log(t) ** 2, square[1]
    if "log10" in image:
        yield "log10", math.log, image["log10"] * _LN10
    if "abs_rel" in image:
        yield "abs_rel", relative, image["abs_rel"]
    if "sq_rel_g2_pct" in image:
        yield "sq_rel_g2_pct", lambda t: relative(t) ** 2, image["sq_rel_g2_pct"] / 100


def _within(image: ImageValues) -> Iterator[Fault]:
    """Where no pixel is outside a threshold, the shares within bound every mean from above."""
    shares = _known_shares(image)
    inside = next((place for place, (name, _) in enumerate(shares) if image[name] >= 1), None)
    if inside is None or not 0 < image.counts.get("pixels", 0) < _EXACT_BELOW:
        return
    known = shares[: inside + 1]
    for name, cost, value in _ratio_costs(image, lambda t: t - 1):  # the most that a pixel of a ratio adds
        most, before = 0.0, 0.0
        for share, limit in known:
            most += cost(limit) * max(0.0, image[share] - before)
            before = image[share]
        if _above(value, most, 2 * _SHARE * cost(known[-1][1])):
            yield name, f"is {image[name]:g}, more than it can be where every pixel is within {known[-1][0]}"


_AUC_END, _AUC_STEP = 5.0, (5.0 - 0.01) / 99


def _auc(image: ImageValues) -> Iterator[Fault]:
    """The area under shares that rise with the exponent, from what is known of three of them; a step is the slack."""
    known = [(exponent, image[f"delta{exponent}"]) for exponent in (1, 2, 3) if f"delta{exponent}" in image]
    if "delta_auc" not in image or not known:
        return
    ends = [exponent for exponent, _ in known[1:]] + [_AUC_END]
    least = sum(share * (end - exponent) for (exponent, share), end in zip(known, ends, strict=True))
    begins = [0.0] + [float(exponent) for exponent, _ in known[:-1]]
    most = sum(share * (exponent - begin) for (exponent, share), begin in zip(known, begins, strict=True))
    most += _AUC_END - known[-1][0]
    if not (least - 2 * _AUC_STEP) / _AUC_END <= image["delta_auc"] <= (most + 2 * _AUC_STEP) / _AUC_END:
        named = ", ".join(f"delta{exponent}" for exponent, _ in known)
        yield "delta_auc", f"is {image['delta_auc']:g}, which {named} exclude"


_CHECKS: tuple[Callable[[ImageValues], Iterator[Fault]], ...] = (
    *(_order_of_shares, _whole_numbers, _orders, _equalities),
    *(_spread_of_logs, _mean_of_logs, _median_of_logs, _outside, _within, _auc),
)
