"""Scoring: each field of a protocol does what it says, and what cannot be done is refused by name."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runners.prediction import KindError
from runners.score import ProtocolError, refusals, score, scored_kind, unsupported
from tests.runners import factories as make

IMAGE_STEP = {**make.RESIZE, "what": "image", "quantity": "colour", "to": "4x6"}


def test_masked_and_clamped_as_the_references_do() -> None:
    """Vector T2 through a protocol: range strictly inside the caps, predictions clamped to them."""
    g = make.plane([[2, 0, 4], [80.5, torch.inf, 1]])
    p = make.plane([[2.2, 5, -1], [3, 9, 1]])
    rules = make.capped(80.0, metrics=["abs_rel", "silog"])
    scores = score(p, "metric-depth", g, torch.ones_like(g, dtype=torch.bool), rules)
    assert scores.valid_pixels.tolist() == [3]
    assert scores.metrics["abs_rel"].item() == pytest.approx(0.366583, abs=1e-6)
    assert scores.metrics["silog"].item() == pytest.approx(393.250982, abs=1e-6)
    assert scores.clamped_share.item() == pytest.approx(1 / 3)


def test_disparity_is_fitted_in_disparity() -> None:
    """Vector T4 through a protocol: floor 1/1000 m, clamp to 80 m."""
    g, p = make.plane([[1, 2, 4], [5, 10, 0]]), make.plane([[10, 6, 3], [1, 0.5, 4]])
    rule = {**make.AFFINE_DISPARITY, "floor_m": 1000.0}
    rules = make.capped(80.0, alignment={"affine-invariant-disparity": rule})
    scores = score(p, "affine-invariant-disparity", g, g > 0, rules)
    assert scores.metrics["abs_rel"].item() == pytest.approx(0.216801, abs=1e-6)
    assert scores.scale.item() == pytest.approx(0.089952, abs=1e-6)


@pytest.mark.parametrize(
    ("corners", "row"), [(True, [1, 4 / 3, 5 / 3, 2]), (False, [1, 1.25, 1.75, 2])], ids=["corners", "centres"]
)
def test_resize_is_the_one_that_the_protocol_names(corners: bool, row: list[float]) -> None:
    """Vector T11: both ways to place pixels; the other one would show as an error."""
    truth = make.plane([row, [1, 1, 1, 1]])
    only_first_row = torch.tensor([[True] * 4, [False] * 4])[None]
    rules = make.protocol(
        resize=[{**make.RESIZE, "align_corners": corners}], metrics=["abs_rel"], primary_metric="abs_rel"
    )
    scores = score(make.plane([[1, 2], [3, 5]]), "metric-depth", truth, only_first_row, rules)
    assert scores.metrics["abs_rel"].item() == pytest.approx(0, abs=1e-9)


def test_window_decides_which_pixels_count() -> None:
    """A prediction that is wrong only outside the window scores perfectly."""
    g = torch.full((1, 480, 640), 2.0)
    p = torch.full((1, 480, 640), 9.0)
    p[:, 45:471, 41:601] = 2.0
    scores = score(p, "metric-depth", g, g > 0, make.protocol(crop=make.EIGEN_NYU))
    assert scores.valid_pixels.item() == 426 * 560
    assert scores.metrics["abs_rel"].item() == 0


def test_input_crop_cuts_the_truth_as_well() -> None:
    """Where the model saw only the KITTI benchmark crop, its map is compared with that part of the truth."""
    g = torch.full((1, 375, 1242), 5.0)
    g[:, 23:, 13:1229] = 7.0
    rules = make.protocol(input_crop="kb-crop-352x1216", crop={**make.GARG, "frame": "kb-crop-352x1216"})
    scores = score(torch.full((1, 88, 304), 7.0), "metric-depth", g, g > 0, rules)
    assert scores.valid_pixels.item() == 232574
    assert scores.metrics["abs_rel"].item() == 0


@pytest.mark.parametrize(
    ("floor_m", "clamp", "share"),
    [
        (10.0, None, 0.25),  # the floor alone
        (80.0, {"min_m": None, "max_m": 10.0}, 0.25),  # floored beyond the clamp, which then cuts it: once
        (10.0, {"min_m": 1.2, "max_m": 50.0}, 0.5),  # one at the floor, another below the clamp
    ],
)
def test_share_of_pixels_that_floor_or_clamp_changed(floor_m: float, clamp: Any, share: float) -> None:
    """Each pixel that the floor of the fit or the clamp changed counts once."""
    g, p = make.plane([[1, 2, 4, 10]]), make.plane([[1.0, 0.5, 0.25, 0.01]])
    rule = {**make.AFFINE_DISPARITY, "floor_m": floor_m}
    rules = make.protocol(alignment={"affine-invariant-disparity": rule}, clamp=clamp)
    scores = score(p, "affine-invariant-disparity", g, g > 0, rules)
    assert scores.clamped_share.item() == pytest.approx(share)


def test_a_protocol_may_look_away_from_the_mask() -> None:
    """ZoeDepth on DIODE: every depth within the range counts, whatever the mask file says of it."""
    g, p = make.plane([[2, 4, 90]]), make.plane([[2, 5, 1]])
    marked = torch.tensor([[[True, False, True]]])
    for mask, count, error in (("sample-mask", 1, 0), ("none", 2, 0.125)):
        scores = score(p, "metric-depth", g, marked, make.capped(80.0, mask=mask))
        assert scores.valid_pixels.item() == count
        assert scores.metrics["abs_rel"].item() == pytest.approx(error)


def test_prediction_of_the_full_image_is_resized_there_and_then_cut() -> None:
    """Under a protocol that cuts the image a map of the whole of it is enlarged first; a cut one stays as it is."""
    rows = torch.linspace(1, 5, 375)[:, None].expand(375, 1242)
    g = rows[None].contiguous()
    rules = make.protocol(input_crop="kb-crop-352x1216", resize=[{**make.RESIZE, "align_corners": True}])
    whole = F.interpolate(g[None], size=(5, 7), mode="bilinear", align_corners=True)[0]
    scores = score(whole, "metric-depth", g, g > 0, rules, covers="full-image")
    assert scores.metrics["abs_rel"].item() == pytest.approx(0, abs=1e-6)
    assert scores.valid_pixels.item() == 352 * 1216
    assert score(whole, "metric-depth", g, g > 0, rules).metrics["abs_rel"].item() > 0.01
    full = make.protocol()
    with pytest.raises(ProtocolError, match="has no values for all of 'full-image'"):
        score(whole, "metric-depth", g, g > 0, full, covers="kb-crop-352x1216")


@pytest.mark.parametrize(("inclusive", "count"), [(True, 3), (False, 1)])
def test_range_is_strict_or_not_as_said(inclusive: bool, count: int) -> None:
    """Depth exactly at a limit counts only where the limit is inclusive."""
    g = make.plane([[1, 2, 10]])
    limits = {"min_m": 1.0, "max_m": 10.0, "min_inclusive": inclusive, "max_inclusive": inclusive}
    assert score(g, "metric-depth", g, g > 0, make.protocol(valid_range=limits)).valid_pixels.item() == count


def test_kind_without_own_alignment_is_scored_as_the_nearest_weaker_one() -> None:
    """Metric depth under a protocol for disparity is inverted and fitted there."""
    rules = make.protocol(alignment={"affine-invariant-disparity": make.AFFINE_DISPARITY})
    g = torch.rand(1, 4, 5, generator=torch.Generator().manual_seed(0)) + 1
    scores = score(g, "metric-depth", g, g > 0, rules)
    assert scores.scored_as == "affine-invariant-disparity"
    assert scores.metrics["abs_rel"].item() == pytest.approx(0, abs=1e-6)


def test_kind_is_never_scored_under_a_stronger_one() -> None:
    """A relative prediction under a metric protocol is refused with both kinds named."""
    rules = make.protocol(alignment={"metric-depth": make.NO_ALIGNMENT})
    g = torch.ones(1, 2, 2)
    with pytest.raises(
        KindError, match=r"'toy/test' scores metric-depth; a prediction of kind 'affine-invariant-depth'"
    ):
        score(g, "affine-invariant-depth", g, g > 0, rules)
    with pytest.raises(KindError, match="ordinal"):
        scored_kind("ordinal", make.protocol())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"aggregation": "pooled-pixels", "metrics": ["silog", "rmse"], "primary_metric": "rmse"},
            "metrics: 'silog' cannot be pooled from images",
        ),
        ({"metrics": ["abs_rel", "point_f1"]}, "metrics: 'point_f1' is not computed here"),
        ({"metrics": ["abs_rel", "whdr"]}, "metrics: whdr stand alone, under the kind 'ordinal'"),
        ({"alignment": {"ordinal": make.NO_ALIGNMENT}}, "alignment/ordinal: an order has no depth"),
        (
            {"input_crop": "kb-crop-352x1216", "metrics": ["abs_rel", "dbe_acc"]},
            "metrics: 'dbe_acc' is marked on the whole image, and the protocol cuts it",
        ),
        ({"clamp": {"min_m": None, "max_m": 80.0, "note": "NaN becomes 0"}}, "clamp/note"),
        ({"resize": [{**make.RESIZE, "mode": "lanczos"}]}, "resize/0: mode 'lanczos'"),
        ({"resize": [{**make.RESIZE, "quantity": "colour"}]}, "resize/0: quantity 'colour'"),
        ({"resize": [make.RESIZE, {**IMAGE_STEP, "to": "input-image"}]}, "resize/1: an image is brought to rows x"),
        ({"resize": [{**IMAGE_STEP, "keep_within": [0.0, 1.0]}]}, "resize/0: keep_within is for predictions"),
        ({"resize": [{**make.RESIZE, "what": "ground-truth"}]}, "resize/0: ground truth has a size of its own"),
        ({"resize": [{**make.RESIZE, "align_corners": None}]}, "resize/0: align_corners and antialias"),
        (
            {"alignment": {"metric-depth": {**make.AFFINE_DISPARITY, "estimator": "weighted L1"}}},
            "alignment/metric-depth: space 'disparity', solver 'scale-shift', estimator 'weighted L1'",
        ),
        (
            {"alignment": {"affine-invariant-disparity": {**make.AFFINE_DISPARITY, "floor": "1/max(g)"}}},
            "floor '1/max(g)' is a rule in words",
        ),
        ({"alignment": {"metric-depth": {**make.NO_ALIGNMENT, "floor_m": 1.0}}}, "are for fits in disparity"),
        (
            {"alignment": {"ordinal": {**make.AFFINE_DISPARITY, "floor_m": 1.0, "floor_rule": "largest-depth"}}},
            "floor_m and floor_rule exclude each other",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    """No field of a protocol is left out silently: the engine says which one it cannot carry out."""
    rules = make.protocol(**changes)
    assert any(named in fault for fault in unsupported(rules)), unsupported(rules)
    g = torch.ones(1, 2, 2)
    with pytest.raises(ProtocolError, match="'toy/test' cannot be run"):
        score(g, "metric-depth", g, g > 0, rules)


def test_refusals_are_all_named_at_once() -> None:
    """A protocol that cannot be run and a kind that it does not score give two sentences, a good pair none."""
    rules = make.protocol(metrics=["fps"], primary_metric="fps", alignment={"metric-depth": make.NO_ALIGNMENT})
    assert len(refusals("ordinal", rules)) == 2
    assert refusals("metric-depth", make.protocol()) == []


def test_sizes_that_do_not_fit_are_refused() -> None:
    """A protocol that resizes nothing needs maps of one size, and a window must lie in the image."""
    g = torch.ones(1, 4, 4)
    with pytest.raises(ProtocolError, match="resizes nothing"):
        score(torch.ones(1, 2, 2), "metric-depth", g, g > 0, make.protocol(resize=[]))
    with pytest.raises(ProtocolError, match="crop: window rows 45:471"):
        score(g, "metric-depth", g, g > 0, make.protocol(crop=make.EIGEN_NYU))
    with pytest.raises(ProtocolError, match="input_crop: an image of 4x4"):
        score(g, "metric-depth", g, g > 0, make.protocol(input_crop="kb-crop-352x1216"))
    small = make.protocol(resize=[{"what": "ground-truth", "quantity": "depth", "to": "2x2", "mode": "masked-nearest"}])
    with pytest.raises(ProtocolError, match=r"the ground truth is \(4, 4\), the protocol is for data of \(2, 2\)"):
        score(g, "metric-depth", g, g > 0, small)


def test_resize_runs_step_after_step() -> None:
    """Up to the image, then down to the truth, is another map than straight to the truth; each is the named one."""
    p = torch.rand(1, 3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 1
    first, second = {**make.RESIZE, "to": "input-image", "mode": "bicubic"}, {**make.RESIZE, "antialias": True}
    image = F.interpolate(p[None], size=(12, 16), mode="bicubic", align_corners=False)
    g = F.interpolate(image, size=(6, 7), mode="bilinear", align_corners=False, antialias=True)[0]
    rules = make.protocol(resize=[first, second])
    scores = score(p, "metric-depth", g, g > 0, rules, image_size=(12, 16))
    assert scores.metrics["abs_rel"].item() == pytest.approx(0, abs=1e-12)
    assert score(p, "metric-depth", g, g > 0, make.protocol()).metrics["abs_rel"].item() > 1e-3


def test_resize_of_disparity_and_of_depth_differ() -> None:
    """Monodepth2 enlarges disparity: between 1 m and 3 m lies 1.5 m then, not 2 m."""
    g, both = make.plane([[1, 1.2, 2, 3]]), torch.ones(1, 1, 4, dtype=torch.bool)
    rules = make.protocol(resize=[{**make.RESIZE, "quantity": "disparity"}])
    assert score(make.plane([[1, 3]]), "metric-depth", g, both, rules).metrics["abs_rel"].item() == pytest.approx(0)
    only_depth = make.protocol(resize=[{**make.RESIZE, "quantity": "depth"}])
    with pytest.raises(ProtocolError, match="resize: a disparity known up to scale and shift has no depth"):
        score(make.plane([[1, 3]]), "affine-invariant-disparity", g, both, only_depth)


def test_values_outside_are_dropped_after_a_step() -> None:
    """Metric3D's rule: after the step to the image a value of 300 m or more becomes 0, before the next step."""
    step = {**make.RESIZE, "to": "input-image", "keep_within": [0.0, 300.0]}
    g = make.plane([[5, 5, 0.001]])
    rules = make.protocol(resize=[step], valid_range={**make.capped(10.0).valid_range.model_dump(), "min_m": 0.0})
    scores = score(make.plane([[5, 5, 300]]), "metric-depth", g, g > 0, rules)
    assert scores.metrics["abs_rel"].item() == pytest.approx(1 / 3)


def test_floor_of_the_largest_depth_is_that_of_each_image() -> None:
    """Vector T4 with MoGe's floor: 1 over the largest valid depth, 10 m, so that the last pixel becomes exact."""
    g, p = make.plane([[1, 2, 4], [5, 10, 0]]), make.plane([[10, 6, 3], [1, 0.5, 4]])
    rule = {**make.AFFINE_DISPARITY, "floor_rule": "largest-depth"}
    rules = make.protocol(alignment={"affine-invariant-disparity": rule})
    scores = score(p, "affine-invariant-disparity", g, g > 0, rules)
    assert scores.metrics["abs_rel"].item() == pytest.approx(0.184711, abs=1e-6)
    assert scores.metrics["rmse"].item() == pytest.approx(1.231908, abs=1e-6)


def test_clamp_may_say_what_becomes_of_nan() -> None:
    """ZoeDepth makes NaN the smallest and infinity the largest depth; both count as clamped and as not finite."""
    g = make.plane([[2, 2, 2, 2]])
    p = make.plane([[2, torch.nan, torch.inf, 2]])
    rules = make.protocol(clamp={"min_m": 0.001, "max_m": 10.0, "nan_m": 0.001})
    scores = score(p, "metric-depth", g, g > 0, rules)
    assert scores.metrics["abs_rel"].item() == pytest.approx((0.9995 + 4) / 4)
    assert (scores.clamped_share.item(), scores.not_finite.item()) == (0.5, 2)
    without = score(p, "metric-depth", g, g > 0, make.protocol())
    assert without.metrics["abs_rel"].isnan()
    assert without.clamped_share.item() == 0


def test_slices_score_parts_under_the_same_fit() -> None:
    """Depth ranges split the pixels among them, boundary and inside too, and sky can be left out."""
    g = torch.ones(1, 12, 12, dtype=torch.float64)
    g[:, :, 6:] = 3.0
    g[:, :, 10:] = 9.0
    p = torch.where(g == 9, 18.0, g)
    sky = g == 9
    names = ("near", "middle", "far", "boundary", "inside", "no-sky")
    rules = make.protocol(valid_range={"min_m": 0.0, "max_m": 10.0, "min_inclusive": False, "max_inclusive": False})
    scores = score(p, "metric-depth", g, g > 0, rules, slices=names, sky=sky)
    counts = {name: part.valid_pixels.item() for name, part in scores.slices.items()}
    assert counts == {"near": 72, "middle": 48, "far": 24, "boundary": 120, "inside": 24, "no-sky": 120}
    values = {name: part.metrics["abs_rel"].item() for name, part in scores.slices.items()}
    assert values == {"near": 0, "middle": 0, "far": 1, "boundary": 0.2, "inside": 0, "no-sky": 0}
    with pytest.raises(ProtocolError, match="needs a sky mask"):
        score(p, "metric-depth", g, g > 0, make.capped(10.0), slices=("no-sky",))
    with pytest.raises(ProtocolError, match="no farthest depth"):
        score(p, "metric-depth", g, g > 0, make.protocol(), slices=("far",))


IMAGES = arrays(np.float64, (3, 4, 5), elements=st.floats(0.5, 9.5, width=32))


@settings(max_examples=25, deadline=None)
@given(IMAGES, IMAGES, st.permutations(range(3)))
def test_order_of_images_and_company_change_nothing(
    truth: np.ndarray, prediction: np.ndarray, order: list[int]
) -> None:
    """Property: each image of a shuffled batch, and each alone, has the values that it has in the batch."""
    g, p = torch.from_numpy(truth), torch.from_numpy(prediction)
    rules = make.capped(9.0, alignment={"affine-invariant-depth": make.AFFINE_DEPTH})
    whole = score(p, "affine-invariant-depth", g, g > 1, rules)
    shuffled = score(p[order], "affine-invariant-depth", g[order], g[order] > 1, rules)
    alone = [score(p[i : i + 1], "affine-invariant-depth", g[i : i + 1], g[i : i + 1] > 1, rules) for i in range(3)]
    for name, values in whole.metrics.items():
        assert torch.equal(shuffled.metrics[name].nan_to_num(-1), values[order].nan_to_num(-1)), name
        assert torch.equal(torch.cat([one.metrics[name] for one in alone]).nan_to_num(-1), values.nan_to_num(-1)), name


@settings(max_examples=25, deadline=None)
@given(IMAGES, IMAGES, st.sampled_from([torch.nan, torch.inf, -torch.inf, 0.0, -3.0]))
def test_masked_pixels_never_matter(truth: np.ndarray, prediction: np.ndarray, junk: float) -> None:
    """Property: whatever stands outside the mask, in prediction or truth, no value and no flag changes."""
    g, p = torch.from_numpy(truth), torch.from_numpy(prediction)
    mask = (torch.arange(20).reshape(4, 5) % 3 > 0).expand(3, 4, 5)
    spoilt = [torch.where(mask, values, junk) for values in (p, g)]
    rules = make.capped(9.0)
    for kind in ("metric-depth", "affine-invariant-depth", "affine-invariant-disparity"):
        clean, dirty = score(p, kind, g, mask, rules), score(spoilt[0], kind, spoilt[1], mask, rules)
        assert torch.equal(clean.valid_pixels, dirty.valid_pixels)
        assert torch.equal(clean.degenerate, dirty.degenerate)
        for name, values in clean.metrics.items():
            assert torch.equal(dirty.metrics[name].nan_to_num(-1), values.nan_to_num(-1)), (kind, name)


@settings(max_examples=25, deadline=None)
@given(IMAGES, st.floats(0.1, 10), st.floats(-2, 2))
def test_perfect_shape_is_perfect_under_its_own_alignment(truth: np.ndarray, scale: float, shift: float) -> None:
    """Property: truth up to what a kind leaves open scores as if it were the truth."""
    if min(np.ptp(image) for image in truth) < 0.5:
        return
    g = torch.from_numpy(truth)
    rule = {"space": "depth", "solver": "scale", "estimator": "least squares"}
    rules = make.protocol(alignment={**make.protocol().model_dump()["alignment"], "scale-invariant-depth": rule})
    for kind, p in {
        "metric-depth": g,
        "scale-invariant-depth": g * scale,
        "affine-invariant-depth": g * scale + shift,
        "affine-invariant-disparity": scale / g + shift,
    }.items():
        scores = score(p, kind, g, g > 0, rules)
        assert scores.scored_as == kind
        assert torch.allclose(scores.metrics["abs_rel"], torch.zeros(3, dtype=torch.float64), atol=1e-6), kind
        assert scores.metrics["delta1"].tolist() == [1, 1, 1], kind
