"""The metric registry: one entry for every quantity a table, chart or record may carry.

Notation of the formulas: p is the aligned prediction and g the ground truth in metres, N the number of valid pixels of
one image; the value of a data set is the mean over its images. Sources and variants: docs, "Metrics".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["METRICS", "Direction", "Group", "Metric", "get"]

Direction = Literal["lower", "higher"]
Group = Literal["error", "accuracy", "ordinal", "boundary", "size", "speed", "rank"]


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    Attributes:
        id: The field's standard term, used in files and addresses.
        name: Full English name.
        symbol: What a table header shows.
        unit: Unit of a stored value; empty for a plain ratio.
        direction: Whether a lower or a higher value is better.
        group: What kind of quantity it is.
        latex: Its definition.
        low: Smallest value that is possible.
        high: Largest value that is possible, or None.
        meaning: One line for a reader who sees it for the first time.
        hides: What it does not show.
    """

    id: str
    name: str
    symbol: str
    unit: str
    direction: Direction
    group: Group
    latex: str
    low: float
    high: float | None
    meaning: str
    hides: str = ""

    @property
    def arrow(self) -> str:
        """Return the arrow that a table header shows beside the symbol."""
        return "↓" if self.direction == "lower" else "↑"

    def is_better(self, first: float, second: float) -> bool:
        """Return whether ``first`` is strictly better than ``second``."""
        return first < second if self.direction == "lower" else first > second


def _delta(order: int) -> Metric:
    threshold = "1.25" if order == 1 else f"1.25^{order}"
    written = f"1.25{' ²³'[order - 1].strip()}"
    return Metric(
        f"delta{order}",
        f"Threshold accuracy, {written}",
        f"δ{'₁₂₃'[order - 1]}",
        "",
        "higher",
        "accuracy",
        rf"\delta_{order} = \frac{{1}}{{N}} \sum_i \left[ \max\left(\frac{{p_i}}{{g_i}}, \frac{{g_i}}{{p_i}}\right) < {threshold} \right]",
        0.0,
        1.0,
        f"Share of pixels whose depth is within a factor of {written} of the truth; the inequality is strict.",
        "How far off the remaining pixels are.",
    )


_ALL = (
    Metric(
        "abs_rel",
        "Absolute relative error",
        "AbsRel",
        "",
        "lower",
        "error",
        r"\mathrm{AbsRel} = \frac{1}{N} \sum_i \frac{|p_i - g_i|}{g_i}",
        0.0,
        None,
        "Mean error as a share of the true depth: 0.05 means 5 percent off on average.",
        "Near pixels weigh as much as far ones, though a metre matters more up close; a few tiny true depths can rule it.",
    ),
    Metric(
        "sq_rel",
        "Squared relative error",
        "SqRel",
        "m",
        "lower",
        "error",
        r"\mathrm{SqRel} = \frac{1}{N} \sum_i \frac{(p_i - g_i)^2}{g_i}",
        0.0,
        None,
        "Squared error divided by the true depth; punishes large errors. The KITTI benchmark divides by the squared depth instead.",
        "Two definitions are in use: compare only within one source.",
    ),
    Metric(
        "rmse",
        "Root mean squared error",
        "RMSE",
        "m",
        "lower",
        "error",
        r"\mathrm{RMSE} = \sqrt{\frac{1}{N} \sum_i (p_i - g_i)^2}",
        0.0,
        None,
        "Typical error in metres, large errors counted most; taken per image, then averaged.",
        "Dominated by far pixels, so it depends on the depth cap.",
    ),
    Metric(
        "rmse_log",
        "Root mean squared error of log depth",
        "RMSElog",
        "",
        "lower",
        "error",
        r"\mathrm{RMSE}_{\log} = \sqrt{\frac{1}{N} \sum_i (\ln p_i - \ln g_i)^2}",
        0.0,
        None,
        "Error of the logarithm of depth: equal factors count equally, near or far.",
        "Some sources take log10: values then differ by a factor of 2.303.",
    ),
    Metric(
        "log10",
        "Mean absolute log10 error",
        "log10",
        "",
        "lower",
        "error",
        r"\mathrm{log10} = \frac{1}{N} \sum_i |\log_{10} p_i - \log_{10} g_i|",
        0.0,
        None,
        "Mean error in powers of ten; 0.04 is about 10 percent.",
    ),
    Metric(
        "silog",
        "Scale-invariant log error, times 100",
        "SILog",
        "×100",
        "lower",
        "error",
        r"\mathrm{SILog} = 100 \sqrt{\frac{1}{N} \sum_i d_i^2 - \left(\frac{1}{N} \sum_i d_i\right)^2}, \quad d_i = \ln p_i - \ln g_i",
        0.0,
        None,
        "Spread of the log error: a wrong overall scale costs nothing.",
        "At least five definitions are in use; this is the one of the KITTI benchmark.",
    ),
    _delta(1),
    _delta(2),
    _delta(3),
    Metric(
        "one_minus_delta1_pct",
        "Pixels outside a factor of 1.25, percent",
        "1−δ₁",
        "%",
        "lower",
        "error",
        r"100 \, (1 - \delta_1)",
        0.0,
        100.0,
        "Percent of pixels more than a factor of 1.25 off, as the MiDaS tables print it.",
        "How far off those pixels are.",
    ),
    Metric(
        "mae",
        "Mean absolute error",
        "MAE",
        "m",
        "lower",
        "error",
        r"\mathrm{MAE} = \frac{1}{N} \sum_i |p_i - g_i|",
        0.0,
        None,
        "Mean error in metres.",
        "Dominated by far pixels.",
    ),
    Metric(
        "irmse",
        "Root mean squared error of inverse depth",
        "iRMSE",
        "1/m",
        "lower",
        "error",
        r"\mathrm{iRMSE} = \sqrt{\frac{1}{N} \sum_i \left(\frac{1}{p_i} - \frac{1}{g_i}\right)^2}",
        0.0,
        None,
        "Error of inverse depth: near pixels count most. KITTI prints it per kilometre (times 1000).",
        "Far pixels hardly count.",
    ),
    Metric(
        "imae",
        "Mean absolute error of inverse depth",
        "iMAE",
        "1/m",
        "lower",
        "error",
        r"\mathrm{iMAE} = \frac{1}{N} \sum_i \left|\frac{1}{p_i} - \frac{1}{g_i}\right|",
        0.0,
        None,
        "Mean error of inverse depth.",
        "Far pixels hardly count.",
    ),
    Metric(
        "whdr",
        "Weighted human disagreement rate",
        "WHDR",
        "",
        "lower",
        "ordinal",
        r"\mathrm{WHDR} = \frac{\sum_k w_k \, [\hat{o}_k \neq o_k]}{\sum_k w_k}",
        0.0,
        1.0,
        "Share of point pairs whose order (which is nearer) is predicted against human judgement; all weights are 1 on DIW.",
        "By how much the depths differ.",
    ),
    Metric(
        "pair_acc",
        "Ordinal pair accuracy",
        "Pair accuracy",
        "",
        "higher",
        "ordinal",
        r"\frac{1}{K} \sum_k [\hat{o}_k = o_k]",
        0.0,
        1.0,
        "Share of point pairs whose nearer point is named correctly (DA-2K).",
        "By how much the depths differ.",
    ),
    Metric(
        "boundary_f1",
        "Boundary F1 score",
        "F1 edge",
        "",
        "higher",
        "boundary",
        r"F_1 = \frac{2 P R}{P + R}",
        0.0,
        1.0,
        "How well occlusion edges of the prediction meet those of the truth.",
        "Depth away from edges; definitions differ between Depth Pro and MoGe.",
    ),
    Metric(
        "params_m",
        "Parameters",
        "Params",
        "M",
        "lower",
        "size",
        r"\text{number of parameters} / 10^6",
        0.0,
        None,
        "Size of the network in millions of parameters.",
        "Cost at run time, which depends on the input size as well.",
    ),
    Metric(
        "latency_ms",
        "Latency",
        "Latency",
        "ms",
        "lower",
        "speed",
        r"\text{time for one image}",
        0.0,
        None,
        "Time for one image, in milliseconds, on the hardware that is named beside it.",
        "Times on different hardware or input sizes do not compare.",
    ),
    Metric(
        "fps",
        "Frames per second",
        "FPS",
        "1/s",
        "higher",
        "speed",
        r"1 / \text{latency}",
        0.0,
        None,
        "Images per second, on the hardware that is named beside it.",
        "Rates on different hardware or input sizes do not compare.",
    ),
    Metric(
        "peak_memory_mb",
        "Peak memory",
        "Memory",
        "MB",
        "lower",
        "speed",
        r"\max_t \text{allocated}(t)",
        0.0,
        None,
        "Largest amount of device memory in use during one prediction, in 10^6 bytes.",
    ),
    Metric(
        "avg_rank",
        "Average rank inside one table",
        "Avg. rank",
        "",
        "lower",
        "rank",
        r"\frac{1}{D} \sum_d \mathrm{rank}_d",
        1.0,
        None,
        "Mean of a model's ranks in one table of one source.",
        "Depends on which models the table holds; never comparable between sources.",
    ),
)

METRICS: dict[str, Metric] = {metric.id: metric for metric in _ALL}
"""Every metric by id, in the order in which tables show them."""


def get(metric_id: str) -> Metric:
    """Return a metric by id.

    Raises:
        KeyError: If the id is unknown; the message lists the known ids.
    """
    try:
        return METRICS[metric_id]
    except KeyError:
        raise KeyError(f"unknown metric '{metric_id}'; known: {', '.join(METRICS)}") from None
