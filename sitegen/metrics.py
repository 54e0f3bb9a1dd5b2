"""The metric registry: one entry for every quantity a table, chart or record may carry.

Notation of the formulas: p is the aligned prediction and g the ground truth in metres, N the number of valid pixels of
one image; the value of a data set is the mean over its images (over its point pairs or planes where a metric is counted
in them). Sources and variants: docs, "Metrics".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MAY_BE_MISSING", "METRICS", "POOLED", "Counted", "Direction", "Group", "Metric", "get"]

Direction = Literal["lower", "higher"]
Counted = Literal["pixels", "pairs", "planes"]
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
        counted: What each image is made of: the value of a data set is the mean over its images for ``pixels``, and the
            mean over all its ``pairs`` or ``planes`` otherwise.
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
    counted: Counted = "pixels"

    @property
    def arrow(self) -> str:
        """Return the arrow that a table header shows beside the symbol."""
        return "↓" if self.direction == "lower" else "↑"

    def badness(self, value: float) -> float:
        """Return a number that is the smaller the better the value is."""
        return value if self.direction == "lower" else -value


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


def _window_f1(radius: int) -> Metric:
    return Metric(
        f"boundary_f1_r{radius}",
        f"Boundary F1, radius {radius} (MoGe)",
        f"F1 r={radius}",
        "",
        "higher",
        "boundary",
        r"\frac{\sum_t t \, F_1(t)}{\sum_t t}, \quad \text{edge: } d_j / d_i > 1 + t, \quad t = 0.05, \ldots, 0.25",
        0.0,
        1.0,
        f"Whether pixels up to {radius} apart differ in depth by more than a factor 1+t where the truth does; all directions pooled.",
        "Depth away from edges; not comparable with Depth Pro's score or another radius.",
    )


def _cloud_share(name: str, centimetres: int) -> Metric:
    formula = {"f_score": r"100 \, \frac{2 P R}{P + R}", "iou": r"100 \, \frac{P R}{P + R - P R}"}[name]
    title = {"f_score": "F-score", "iou": "Intersection over union"}[name]
    return Metric(
        name if centimetres == 10 else f"{name}_{centimetres}",
        f"{title} of point clouds at {centimetres} cm (MDEC)",
        {"f_score": "F", "iou": "IoU"}[name] + f" {centimetres} cm",
        "%",
        "higher",
        "accuracy",
        formula,
        0.0,
        100.0,
        f"Agreement of two clouds: P and R are the shares of points with one of the other cloud closer than {centimetres} cm.",
        "How far off the remaining points are; the threshold is absolute, so far points fail first.",
    )


def _narrow(metric_id: str, threshold: str, written: str, symbol: str) -> Metric:
    return Metric(
        metric_id,
        f"Threshold accuracy, {written}",
        symbol,
        "",
        "higher",
        "accuracy",
        rf"\frac{{1}}{{N}} \sum_i \left[ \max\left(\frac{{p_i}}{{g_i}}, \frac{{g_i}}{{p_i}}\right) < {threshold} \right]",
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
        "sq_rel_g2_pct",
        "Squared relative error over the squared depth, percent",
        "SqRel (g²)",
        "%",
        "lower",
        "error",
        r"100 \, \frac{1}{N} \sum_i \frac{(p_i - g_i)^2}{g_i^2}",
        0.0,
        None,
        "Squared error divided by the squared true depth, in percent, as the KITTI benchmark prints sqErrorRel.",
        "Not the SqRel of most tables, which divides by the depth itself.",
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
        "rmse_log10",
        "Root mean squared error of log10 depth",
        "RMSElog₁₀",
        "",
        "lower",
        "error",
        r"\sqrt{\frac{1}{N} \sum_i (\log_{10} p_i - \log_{10} g_i)^2}",
        0.0,
        None,
        "RMSElog with the logarithm to base 10, as Metric3D computes it: the usual value divided by 2.303.",
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
        "median_log_pct",
        "Median log error, times 100",
        "Median log",
        "×100",
        "lower",
        "error",
        r"100 \, \left| \mathrm{median}_i \, d_i \right|, \quad d_i = \ln p_i - \ln g_i",
        0.0,
        None,
        "How far off the overall scale is, in percent for small values; the lower median of an even count (UniDepth).",
        "Any error but that of the overall scale.",
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
        "At least five definitions are in use; this is the one of the KITTI benchmark, Marigold, ZoeDepth and BTS.",
    ),
    Metric(
        "silog_unbiased",
        "Scale-invariant log error with N - 1, times 100",
        "SILog (N−1)",
        "×100",
        "lower",
        "error",
        r"100 \sqrt{\frac{1}{N-1} \sum_i (d_i - \bar{d})^2}, \quad d_i = \ln p_i - \ln g_i",
        0.0,
        None,
        "SILog as UniDepth computes it: the sample standard deviation of the log error. One pixel has no value.",
        "On full images the same as SILog to the digits printed.",
    ),
    Metric(
        "silog_half_root",
        "Scale-invariant log error with λ = 0.5, root",
        "SILog (√, λ=½)",
        "",
        "lower",
        "error",
        r"\sqrt{\frac{1}{N} \sum_i d_i^2 - \frac{1}{2} \left(\frac{1}{N} \sum_i d_i\right)^2}, \quad d_i = \ln p_i - \ln g_i",
        0.0,
        None,
        "SILog as the metric part of Depth Anything V2 computes it: a wrong overall scale costs half, and nothing times 100.",
        "It is not scale-invariant, whatever its name says.",
    ),
    Metric(
        "silog_log10",
        "Scale-invariant log10 error",
        "SILog₁₀",
        "",
        "lower",
        "error",
        r"\sqrt{\frac{1}{N} \sum_i d_i^2 - \left(\frac{1}{N} \sum_i d_i\right)^2}, \quad d_i = \log_{10} p_i - \log_{10} g_i",
        0.0,
        None,
        "SILog as Metric3D computes it: base 10 and no factor, so SILog divided by 230.3.",
    ),
    Metric(
        "silog_eigen_half",
        "Scale-invariant error of Eigen et al., λ = 0.5",
        "SI-MSE (λ=½)",
        "",
        "lower",
        "error",
        r"\frac{1}{N} \sum_i d_i^2 - \frac{1}{2} \left(\frac{1}{N} \sum_i d_i\right)^2, \quad d_i = \ln p_i - \ln g_i",
        0.0,
        None,
        "The training loss of Eigen et al. (2014): no root, and a wrong overall scale costs half.",
    ),
    Metric(
        "silog_eigen",
        "Scale-invariant error of Eigen et al., λ = 1",
        "SI-MSE",
        "",
        "lower",
        "error",
        r"\frac{1}{N} \sum_i d_i^2 - \left(\frac{1}{N} \sum_i d_i\right)^2, \quad d_i = \ln p_i - \ln g_i",
        0.0,
        None,
        "The variance of the log error, as Eigen et al. (2014) first defined the scale-invariant error: no root.",
    ),
    _delta(1),
    _delta(2),
    _delta(3),
    _narrow("delta_half", "1.25^{1/2}", "1.25 to the power 1/2 (about 1.118)", "δ₀.₅"),
    _narrow("delta_quarter", "1.25^{1/4}", "1.25 to the power 1/4 (about 1.057)", "δ₀.₂₅"),
    _narrow("tau", "1.03", "1.03 (UniDepth)", "τ"),
    Metric(
        "delta_auc",
        "Area under the threshold accuracies",
        "δ AUC",
        "",
        "higher",
        "accuracy",
        r"\frac{1}{5} \int_{0.01}^{5} \frac{1}{N} \sum_i \left[ \max\left(\frac{p_i}{g_i}, \frac{g_i}{p_i}\right) < 1.25^x \right] dx",
        0.0,
        1.0,
        "All threshold accuracies from 1.25^0.01 to 1.25^5 in one number, by 100 trapezoid points (UniDepth).",
        "A perfect prediction gets 0.998, since the integral starts at 0.01 and is divided by 5.",
    ),
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
        counted="pairs",
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
        counted="pairs",
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
        "pair_tie_share",
        "Ties among ordinal pairs",
        "Ties",
        "",
        "lower",
        "ordinal",
        r"\frac{1}{K} \sum_k [p_{k,1} = p_{k,2}]",
        0.0,
        1.0,
        "Share of point pairs to which the prediction gives the very same depth; pair accuracy and WHDR count them as wrong.",
        "Whether the other pairs are right.",
        counted="pairs",
    ),
    Metric(
        "si_boundary_f1",
        "Scale-invariant boundary F1 (Depth Pro)",
        "SI F1",
        "",
        "higher",
        "boundary",
        r"\frac{\sum_t t \, F_1(t)}{\sum_t t}, \quad F_1(t) = \frac{2 P(t) R(t)}{P(t) + R(t)}, \quad t = 1.05, \ldots, 1.25",
        0.0,
        1.0,
        "Whether neighbouring pixels jump in depth by more than a factor t where the truth does; averaged over four directions and ten factors.",
        "A direction without any true edge counts as zero, so even a perfect prediction of a simple scene stays below 1.",
    ),
    Metric(
        "matting_recall",
        "Scale-invariant boundary recall on mattes (Depth Pro)",
        "SI recall",
        "",
        "higher",
        "boundary",
        r"\frac{\sum_t t \, R(t)}{\sum_t t}, \quad t = 1.05, \ldots, 1.25",
        0.0,
        1.0,
        "Share of the outline of a foreground matte at which the prediction has its sharpest depth jump.",
        "False edges elsewhere cost nothing; only the outline of one object is asked for.",
    ),
    *(_window_f1(radius) for radius in (1, 2, 3)),
    Metric(
        "edge_acc",
        "Edge accuracy (MDEC)",
        "EdgeAcc",
        "px",
        "lower",
        "boundary",
        r"\frac{1}{|E_p'|} \sum_{i \in E_p'} D_g(i), \quad E_p' = \{ i \in E_p : D_g(i) < 10 \}",
        0.0,
        10.0,
        "Mean distance of predicted edges (Canny on log depth) to the nearest true edge, of those closer than 10 pixels.",
        "Predicted edges farther off than 10 pixels, and true edges that were missed.",
    ),
    Metric(
        "edge_comp",
        "Edge completeness (MDEC)",
        "EdgeComp",
        "px",
        "lower",
        "boundary",
        r"\frac{1}{|E_g|} \sum_{i \in E_g} D_p(i)",
        0.0,
        None,
        "Mean distance of true edges to the nearest predicted edge; 10 where no predicted edge is near a true one.",
        "Predicted edges where there is none: a map full of edges scores well.",
    ),
    Metric(
        "dbe_acc",
        "Depth boundary error, accuracy (iBims-1)",
        "DBE acc",
        "px",
        "lower",
        "boundary",
        r"\frac{1}{|E_p'|} \sum_{i \in E_p'} D_g(i), \quad E_p' = \{ i \in E_p : D_g(i) < 10 \}",
        0.0,
        10.0,
        "Mean distance of predicted edges (Canny on normalised depth) to the nearest annotated edge, of those closer than 10 pixels.",
        "Missed edges; maps saved with 8 bits lose their edges before they are scored.",
    ),
    Metric(
        "dbe_com",
        "Depth boundary error, completeness (iBims-1)",
        "DBE com",
        "px",
        "lower",
        "boundary",
        r"\frac{\sum_{i \in E_p} \min(D_g(i), 10) + \sum_{i \in E_g} \min(D_p(i), 10)}{|E_p| + |E_g|}",
        0.0,
        10.0,
        "Distance between predicted and annotated edges taken both ways, cut at 10 pixels.",
        "Some ports take the second sum alone: compare only within one source.",
    ),
    Metric(
        "pe_fla",
        "Planarity error, flatness (iBims-1)",
        "PE flat",
        "cm",
        "lower",
        "error",
        r"100 \, \mathrm{std}_i (n \cdot x_i)",
        0.0,
        None,
        "How far the predicted points of an annotated plane stray from the plane fitted to them, after median scaling on that plane.",
        "A tilted but flat wall scores well; so does a wall at a wrong distance.",
        counted="planes",
    ),
    Metric(
        "pe_ori",
        "Planarity error, orientation (iBims-1)",
        "PE orient",
        "°",
        "lower",
        "error",
        r"\angle (n, n^{*})",
        0.0,
        90.0,
        "Angle between the plane fitted to the predicted points and the annotated plane.",
        "Bumps on the plane.",
        counted="planes",
    ),
    Metric(
        "dde_0",
        "Directed depth error, right side (iBims-1)",
        "DDE 0",
        "",
        "higher",
        "accuracy",
        r"\frac{1}{N} \sum_i \left[ [p_i \le z] = [g_i \le z] \right]",
        0.0,
        1.0,
        "Share of pixels on the right side of a plane at depth z, 3 m on iBims-1.",
        "Errors that do not cross the plane, however large.",
    ),
    Metric(
        "dde_m",
        "Directed depth error, too near (iBims-1)",
        "DDE −",
        "",
        "lower",
        "error",
        r"\frac{1}{N} \sum_i [p_i \le z] \, [g_i > z]",
        0.0,
        1.0,
        "Share of pixels predicted in front of the plane that lie behind it.",
        "Errors that do not cross the plane, however large.",
    ),
    Metric(
        "dde_p",
        "Directed depth error, too far (iBims-1)",
        "DDE +",
        "",
        "lower",
        "error",
        r"\frac{1}{N} \sum_i [p_i > z] \, [g_i \le z]",
        0.0,
        1.0,
        "Share of pixels predicted behind the plane that lie in front of it.",
        "Errors that do not cross the plane, however large.",
    ),
    Metric(
        "chamfer",
        "Chamfer distance of point clouds (MDEC)",
        "Chamfer",
        "m",
        "lower",
        "error",
        r"\frac{1}{|P|} \sum_{x \in P} \min_{y \in G} \|x - y\| + \frac{1}{|G|} \sum_{y \in G} \min_{x \in P} \|x - y\|",
        0.0,
        None,
        "Mean distance to the nearest point of the other cloud, the two directions added; not squared.",
        "Which point belongs to which: a shift along a wall costs nothing.",
    ),
    *(_cloud_share(name, centimetres) for name in ("f_score", "iou") for centimetres in (10, 20)),
    Metric(
        "point_f1",
        "F1 of point clouds over thresholds (UniDepth)",
        "F1 3D",
        "",
        "higher",
        "accuracy",
        r"\frac{1}{n} \int F_1(\tau_k) \, dk, \quad F_1(\tau) \text{ from } d^2 < \tau",
        0.0,
        1.0,
        "F1 of points that have a neighbour in the other cloud, over many thresholds.",
        "Squared distances meet the thresholds, and with n thresholds a perfect cloud scores (n−1)/n, not 1.",
    ),
    Metric(
        "rel_point",
        "Relative point error (MoGe)",
        "Rel point",
        "",
        "lower",
        "error",
        r"\frac{1}{N} \sum_i \frac{\|p_i - g_i\|}{\|g_i\|}, \quad p_i, g_i \in \mathbb{R}^3",
        0.0,
        None,
        "Distance between predicted and true point as a share of the true point's distance from the camera.",
        "Whether rays or depths are wrong.",
    ),
    Metric(
        "delta_point",
        "Point accuracy within a quarter (MoGe)",
        "δ point",
        "",
        "higher",
        "accuracy",
        r"\frac{1}{N} \sum_i \left[ \|p_i - g_i\| < 0.25 \min(\|g_i\|, \|p_i\|) \right]",
        0.0,
        1.0,
        "Share of points off by less than a quarter of their distance from the camera.",
        "How far off the remaining points are.",
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

MAY_BE_MISSING = frozenset(
    metric.id for metric in METRICS.values() if metric.group in ("boundary", "ordinal") or metric.counted != "pixels"
)
"""Metrics that an image may honestly have no value of: it has no edge, no plane, no pair of points."""


_MEANS = (
    *("abs_rel", "sq_rel", "sq_rel_g2_pct", "log10", "mae", "imae", "one_minus_delta1_pct"),
    *("delta1", "delta2", "delta3", "delta_half", "delta_quarter", "tau", "delta_auc"),
)
_ROOTS_OF_MEAN_SQUARES = ("rmse", "rmse_log", "rmse_log10", "irmse")
POOLED: dict[str, int] = {**dict.fromkeys(_MEANS, 1), **dict.fromkeys(_ROOTS_OF_MEAN_SQUARES, 2)}
"""Metrics whose value over the pixels of many images follows from theirs: the power whose mean is taken."""


def get(metric_id: str) -> Metric:
    """Return a metric by id.

    Raises:
        KeyError: If the id is unknown; the message lists the known ids.
    """
    try:
        return METRICS[metric_id]
    except KeyError:
        raise KeyError(f"unknown metric '{metric_id}'; known: {', '.join(METRICS)}") from None
