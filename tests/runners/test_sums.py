"""Sums over pixels: compiled loops and torch take the same, whatever the type, the company and the masked values."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from runners import kernels
from runners.metrics import DEPTH_METRICS, depth_metrics
from runners.sums import GROUPS, error_sums, moments, tiles, valid_pixels

VALUES = st.floats(0.125, 100, width=32)
MAPS = arrays(np.float64, (2, 5, 7), elements=VALUES)
MASKS = arrays(np.bool_, (2, 5, 7))
TYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16])
JUNK = st.sampled_from([torch.nan, torch.inf, -torch.inf, 0.0, -3.0])


def in_disparity(p: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A space that changes the truth and its type."""
    return p, 1 / g.double()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Hold two sets of sums against each other."""
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert torch.allclose(values, other[name], rtol=1e-9, atol=1e-9, equal_nan=True), name


@settings(max_examples=40, deadline=None)
@given(MAPS, MAPS, MASKS, TYPES, TYPES)
def test_loops_and_torch_take_the_same_sums(
    prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray, first: torch.dtype, second: torch.dtype
) -> None:
    """Property: both ways agree on any maps of any types, empty masks included."""
    p, g, m = torch.from_numpy(prediction).to(first), torch.from_numpy(truth).to(second), torch.from_numpy(mask)
    same(error_sums(p, g, m, fused=True), error_sums(p, g, m, fused=False))
    for space in ({}, {"space": in_disparity}):
        same(vars(moments(p, g, m, fused=True, **space)), vars(moments(p, g, m, fused=False, **space)))


@settings(max_examples=30, deadline=None)
@given(MAPS, MAPS, MASKS, JUNK, st.booleans())
def test_masked_values_never_reach_a_sum(
    prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray, junk: float, fused: bool
) -> None:
    """Property: NaN, infinity, zero and negative values outside the mask change no digit of any sum."""
    p, g, m = torch.from_numpy(prediction), torch.from_numpy(truth), torch.from_numpy(mask)
    m[:, 0, 0] = True  # the shift of an image without a valid pixel is that of some pixel, and never used
    dirty_p, dirty_g = (torch.where(m, values, junk) for values in (p, g))
    clean, dirty = error_sums(p, g, m, fused=fused), error_sums(dirty_p, dirty_g, m, fused=fused)
    assert all(torch.equal(values, dirty[name]) for name, values in clean.items())
    one, other = moments(p, g, m, fused=fused), moments(dirty_p, dirty_g, m, fused=fused)
    assert all(torch.equal(values, vars(other)[name]) for name, values in vars(one).items())


@settings(max_examples=30, deadline=None)
@given(MAPS, MAPS, MASKS, st.permutations(range(35)))
def test_order_and_company_change_nothing(
    prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray, order: list[int]
) -> None:
    """Property: each image alone has exactly the sums that it has in a batch, and shuffled pixels have them as well."""
    p, g, m = torch.from_numpy(prediction), torch.from_numpy(truth), torch.from_numpy(mask)
    whole = error_sums(p, g, m)
    alone = [error_sums(p[i : i + 1], g[i : i + 1], m[i : i + 1]) for i in range(2)]
    for name, values in whole.items():
        assert torch.equal(torch.cat([one[name] for one in alone]), values), name
    p, g, m = (values.flatten(1)[:, None, order] for values in (p, g, m))
    shuffled, original = (
        depth_metrics(p, g, m),
        depth_metrics(*(torch.from_numpy(x) for x in (prediction, truth, mask))),
    )
    for name, values in original.items():
        assert torch.allclose(shuffled[name], values, rtol=1e-7, atol=1e-7, equal_nan=True), name


@pytest.mark.parametrize("fused", [True, False], ids=["loops", "torch"])
def test_maps_larger_than_a_tile_are_the_sum_of_their_parts(fused: bool) -> None:
    """A map of several tiles, part of it without a valid pixel, has the sums of one pass over all its pixels."""
    generator = torch.Generator().manual_seed(7)
    p, g = (torch.rand(2, 300, 401, generator=generator) * 9 + 0.5 for _ in range(2))
    mask = torch.rand(2, 300, 401, generator=generator) > 0.5
    mask[0, :150] = False
    sums = error_sums(p, g, mask, fused=fused)
    for i in range(2):
        x, y = (values.double() for values in valid_pixels(p[i], g[i], mask[i]))
        d = (x / y).log()
        expected = {
            "count": len(x),
            "square_relative": ((x - y) ** 2 / y).sum(),
            "log_square": (d**2).sum(),
            "log_shift": d[0],
            "log_shifted": (d - d[0]).sum(),
            "below_1.953125": (torch.maximum(x / y, y / x) < 1.25**3).sum(),
            "inverse_absolute": (1 / x - 1 / y).abs().sum(),
        }
        for name, value in expected.items():
            assert sums[name][i].item() == pytest.approx(float(value), rel=1e-10), name


def test_large_offset_costs_no_digits() -> None:
    """The spread of a slope of 1e-3 on an offset of a million is that of the slope, both ways."""
    p = (torch.linspace(0, 1e-3, 70_000, dtype=torch.float64) + 1e6).reshape(1, 100, 700)
    expected = ((p - p.mean()) ** 2).sum().item()
    for fused in (True, False):
        found = moments(p, p, torch.ones_like(p, dtype=torch.bool), fused=fused).spread_p.item()
        assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("fused", [True, False], ids=["loops", "torch"])
def test_infinite_first_pixel_leaves_the_means_infinite(fused: bool) -> None:
    """A first prediction of 0 has an infinite logarithm, which the errors keep and do not turn into NaN."""
    p, g = torch.tensor([[[0.0, 1, 2]]]), torch.ones(1, 1, 3)
    sums = error_sums(p, g, g > 0, ["logs"], fused=fused)
    assert (sums["log_absolute"].item(), sums["log_square"].item()) == (torch.inf, torch.inf)
    assert moments(g / p, g, g > 0, fused=fused).mean_p.item() == torch.inf


def test_only_groups_asked_for_are_summed() -> None:
    """What no metric needs is not taken; the number of pixels always is."""
    g = torch.ones(1, 2, 2)
    for group in GROUPS:
        assert set(error_sums(g, g, g > 0, [group], fused=True)) == set(error_sums(g, g, g > 0, [group], fused=False))
    assert set(error_sums(g, g, g > 0, [])) == {"count", "log_shift"}


def test_maps_without_pixels_or_images_have_no_values() -> None:
    """An image of no rows gives NaN, a batch of no images nothing."""
    none = torch.ones(1, 0, 3)
    assert all(values.isnan().all() for values in depth_metrics(none, none, none > 0).values())
    empty = torch.ones(0, 2, 2)
    assert all(values.shape == (0,) for values in depth_metrics(empty, empty, empty > 0).values())


def test_tiles_cover_every_pixel_once() -> None:
    """Tiles follow one another without gap, and a batch of many images has shorter ones."""
    cpu = torch.device("cpu")
    parts = list(tiles(100_001, 1, cpu))
    assert (parts[0].start, parts[-1].stop) == (0, 100_001)
    assert all(one.stop == other.start for one, other in pairwise(parts))
    assert len(list(tiles(100_001, 8, cpu))) > len(parts)
    assert len(list(tiles(3, 10**6, cpu))) == 3


def test_loops_work_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder for machine code (a read-only installation) a loop is compiled in memory."""
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])

    def add(values: np.ndarray, total: np.ndarray) -> None:
        for i in range(values.size):
            total[0] += values[i]

    with pytest.raises(RuntimeError, match="cannot cache"):
        njit(add).enable_caching()
    total = np.zeros(1)
    kernels._compiled(add)(np.ones(3), total)
    assert total[0] == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_takes_the_same_sums() -> None:
    """A batch on the device has the sums of the compiled loops on the host."""
    generator = torch.Generator().manual_seed(8)
    p, g = (torch.rand(3, 200, 300, generator=generator) * 9 + 1 for _ in range(2))
    mask = torch.rand(3, 200, 300, generator=generator) > 0.3
    there = error_sums(p.cuda(), g.cuda(), mask.cuda())
    same({name: values.cpu() for name, values in there.items()}, error_sums(p, g, mask))
    assert set(depth_metrics(p.cuda(), g.cuda(), mask.cuda())) == set(DEPTH_METRICS)
