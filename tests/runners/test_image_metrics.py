"""Metrics of whole images under a protocol: boundaries, planes, clouds and point pairs, and what they need."""

from typing import Any

import numpy as np
import pytest
import torch

from runners.datasets.base import Annotations, Planes, PointPairs, Sample
from runners.image_metrics import IMAGE_METRICS, needs
from runners.metrics import DEPTH_METRICS
from runners.prediction import KindError
from runners.score import ProtocolError, Scores, score, unsupported
from sitegen.metrics import METRICS
from sitegen.records import Protocol
from tests.runners import factories as make

ORDER = {"ordinal": make.NO_ALIGNMENT}
CAMERA = (500.0, 500.0, 320.0, 240.0)


def rules(*metrics: str, **changes: Any) -> Protocol:
    """A protocol for metric depth that measures these."""
    fields = {"alignment": {"metric-depth": make.NO_ALIGNMENT}, **changes}
    return make.protocol(metrics=list(metrics), primary_metric=metrics[0], **fields)


def pairs(*rows: tuple[tuple[int, int], tuple[int, int], bool]) -> Annotations:
    """Pairs of (row, column), (row, column) and whether the first is farther."""
    first, second = (np.array([row[part] for row in rows], dtype=np.int64).reshape(-1, 2) for part in (0, 1))
    return Annotations(pairs=PointPairs(first, second, np.array([row[2] for row in rows], dtype=bool)))


def ordinal(prediction: torch.Tensor, kind: Any, *annotations: Annotations) -> Scores:
    """Score point pairs; ordinal sets have no depth, so nothing is valid."""
    nothing = torch.zeros(prediction.shape)
    order = rules("whdr", "pair_acc", "pair_tie_share", alignment=ORDER)
    return score(prediction, kind, nothing, nothing > 0, order, annotations=annotations)


def test_every_metric_of_an_image_is_registered_and_of_one_kind() -> None:
    """Ids are those of the registry, and none is a depth metric as well."""
    assert set(IMAGE_METRICS) <= set(METRICS)
    assert not set(IMAGE_METRICS) & set(DEPTH_METRICS)


def test_pairs_are_compared_as_depth_or_as_disparity() -> None:
    """A disparity is nearer where it is larger; a depth, metric or not, is farther; the same map scores the reverse."""
    values = make.plane([[1, 2], [3, 3]])
    marked = pairs(((0, 1), (0, 0), True), ((0, 0), (1, 0), False), ((1, 0), (1, 1), True))
    as_depth = ordinal(values, "metric-depth", marked)
    as_disparity = ordinal(values, "affine-invariant-disparity", marked)
    assert as_depth.metrics["pair_acc"].item() == pytest.approx(2 / 3)
    assert as_depth.metrics["whdr"].item() == pytest.approx(1 / 3)
    assert as_disparity.metrics["pair_acc"].item() == 0
    assert as_depth.metrics["pair_tie_share"].item() == as_disparity.metrics["pair_tie_share"].item()


def test_an_ordinal_image_counts_its_pairs() -> None:
    """Nothing is fitted, clamped or valid; what counted are pairs, each image with its own number."""
    scores = ordinal(torch.rand(2, 3, 4), "ordinal", pairs(((0, 0), (1, 1), True)), pairs())
    assert scores.scored_as == "ordinal"
    assert scores.counts["pairs"].tolist() == scores.counted.tolist() == [1, 0]
    assert scores.metrics["pair_acc"][1].isnan()
    assert not scores.degenerate.any()
    assert scores.clamped_share.tolist() == [0, 0]


def test_an_order_is_not_scored_as_depth() -> None:
    """An ordinal prediction under a protocol for depth is refused."""
    g = torch.ones(1, 2, 2)
    with pytest.raises(KindError, match="'ordinal' is weaker"):
        score(g, "ordinal", g, g > 0, rules("abs_rel"))


def test_boundaries_without_a_mask_count_holes_of_the_truth_as_edges() -> None:
    """Vector T8: Depth Pro takes every pixel, so a hole makes edges (0.857); with the mask it makes none."""
    g = torch.full((1, 5, 5), 2.0)
    g[:, 1:4, 1:4] = 1.0
    hole = g.clone()
    hole[:, 2, 2] = 0
    none = score(g, "metric-depth", hole, hole > 0, rules("si_boundary_f1", mask="none"))
    masked = score(g, "metric-depth", hole, hole > 0, rules("si_boundary_f1", "boundary_f1_r1"))
    assert none.metrics["si_boundary_f1"].item() == pytest.approx(0.857143, abs=1e-6)
    assert masked.metrics["si_boundary_f1"].item() == 1
    assert masked.metrics["boundary_f1_r1"].item() == 1


def test_outline_of_a_matte() -> None:
    """Vector T8: a foreground square found where one of its four sides lies, without any true depth."""
    p = torch.full((1, 5, 5), 2.2)
    p[:, 1:4, 2:5] = 1.0
    square = np.zeros((5, 5), dtype=np.float32)
    square[1:4, 1:4] = 1
    nothing = torch.zeros(1, 5, 5)
    recall = rules("matting_recall", mask="none")
    scores = score(p, "metric-depth", nothing, nothing > 0, recall, annotations=[Annotations(matte=square)])
    assert scores.metrics["matting_recall"].item() == pytest.approx(1 / 3, abs=1e-6)


def test_planes_and_edges_of_ibims() -> None:
    """Vector T12 through a protocol: values of each image, and the planes that they are over."""
    truth = torch.full((1, 480, 640), 3.0, dtype=torch.float64)
    bent = truth + torch.linspace(-0.1, 0.1, 640, dtype=torch.float64)
    walls = Planes(np.ones((480, 640), dtype=np.int64), np.array([[0.0, 1.0, 0.0]]))
    marked = Annotations(edges=np.zeros((480, 640), dtype=bool), planes=walls)
    official = rules("abs_rel", "pe_fla", "pe_ori", "dbe_acc", "dde_0")
    scores = score(bent, "metric-depth", truth, truth > 0, official, annotations=[marked], intrinsics=[CAMERA])
    assert scores.metrics["pe_fla"].item() == pytest.approx(0.099536, abs=1e-6)
    assert scores.metrics["pe_ori"].item() == pytest.approx(2.985080, abs=1e-6)
    assert scores.metrics["dbe_acc"].isnan()
    assert scores.metrics["dde_0"].item() == pytest.approx(0.5)
    assert scores.counts["planes"].tolist() == [1]
    assert list(scores.metrics) == list(official.metrics)


def test_masked_pixels_of_a_plane_do_not_matter() -> None:
    """Whatever stands at pixels that do not count, the plane is the same."""
    truth = torch.full((1, 480, 640), 3.0, dtype=torch.float64)
    mask = torch.ones_like(truth, dtype=torch.bool)
    mask[:, :100] = False
    walls = Annotations(planes=Planes(np.ones((480, 640), dtype=np.int64), np.array([[0.0, 1.0, 0.0]])))
    found = []
    for rubbish in (3.0, 1e6, torch.nan):
        prediction = torch.where(mask, truth, rubbish)
        scores = score(
            prediction, "metric-depth", truth, mask, rules("pe_fla"), annotations=[walls], intrinsics=[CAMERA]
        )
        found.append(scores.metrics["pe_fla"].item())
    assert found == pytest.approx([0, 0, 0], abs=1e-9)


def test_point_clouds_take_the_camera() -> None:
    """Vector T9 through a protocol: Chamfer distance, F-score and IoU."""
    g, p = make.plane([[1, 1], [2, 2]]), make.plane([[1.05, 1], [2.3, 2]])
    scores = score(p, "metric-depth", g, g > 0, rules("chamfer", "f_score", "iou"), intrinsics=[(2.0, 2.0, 0.5, 0.5)])
    assert scores.metrics["chamfer"].item() == pytest.approx(0.185616, abs=1e-6)
    assert (scores.metrics["f_score"].item(), scores.metrics["iou"].item()) == pytest.approx((75, 60))


@pytest.mark.parametrize(
    ("metric", "what"),
    [("edge_acc", "edges"), ("dbe_com", "edges"), ("pe_ori", "planes and no intrinsics"), ("chamfer", "intrinsics")],
)
def test_what_a_sample_lacks_is_named(metric: str, what: str) -> None:
    """A metric that needs something of the sample says what; nothing is scored as if it were there."""
    g = torch.ones(1, 4, 4)
    with pytest.raises(ProtocolError, match=f"{metric}.*: the sample has no {what}"):
        score(g, "metric-depth", g, g > 0, rules(metric))
    assert needs(metric)
    assert not needs("abs_rel")


def test_pairs_of_an_image_without_any_mark_are_refused() -> None:
    """Where nobody marked pairs there is no accuracy of them."""
    with pytest.raises(ProtocolError, match="whdr, pair_acc, pair_tie_share: the sample has no pairs"):
        ordinal(torch.ones(1, 2, 2), "ordinal", Annotations())


def test_intrinsics_follow_the_size_of_the_truth() -> None:
    """A truth of half the image's size has half the focal length; its middle stays the middle."""
    image, truth = np.zeros((8, 12, 3), dtype=np.uint8), np.ones((4, 6), dtype=np.float32)
    sample = Sample("a", "a", image, truth, truth > 0, intrinsics=(10.0, 12.0, 5.5, 3.5))
    assert sample.truth_intrinsics == pytest.approx((5.0, 6.0, 2.5, 1.5))
    assert Sample("a", "a", image, truth, truth > 0).truth_intrinsics is None


def test_ordinal_protocols_can_be_carried_out() -> None:
    """Pairs alone under the kind 'ordinal' are understood."""
    assert unsupported(rules("whdr", alignment=ORDER)) == []
