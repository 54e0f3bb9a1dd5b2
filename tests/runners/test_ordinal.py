"""Ordinal metrics: pairs counted right, ties and broken values wrong and reported."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runners.ordinal import DA2K_SCENES, PairCounts, by_scene, count_pairs, da2k_scene, to_map

DEPTH = torch.tensor([[1.0, 2.0], [3.0, torch.nan], [1.0, 5.0]])


def points(*places: tuple[int, int]) -> torch.Tensor:
    """Rows and columns."""
    return torch.tensor(places).reshape(-1, 2)


def test_pairs_of_depth() -> None:
    """By hand: one right, one wrong, one tie, one NaN; ties and NaN are wrong and counted by name."""
    first, second = points((0, 1), (1, 0), (0, 0), (0, 0)), points((0, 0), (2, 1), (2, 0), (1, 1))
    counts = count_pairs(DEPTH, first, second, torch.tensor([True, True, False, False]))
    assert counts == PairCounts(pairs=4, correct=1, ties=1, invalid=1)
    assert (counts.pair_acc, counts.whdr, counts.tie_share) == (0.25, 0.75, 0.25)


def test_disparity_is_the_other_way_round() -> None:
    """The larger disparity is the nearer point, as DA-2K's first point always is."""
    nearer, farther = points((2, 1), (1, 0)), points((0, 0), (0, 1))
    relation = torch.zeros(2, dtype=torch.bool)
    assert count_pairs(DEPTH, nearer, farther, relation, disparity=True).pair_acc == 1
    assert count_pairs(DEPTH, nearer, farther, relation).pair_acc == 0


def test_clipped_disparity_gives_ties() -> None:
    """A disparity cut at zero answers no question about the background, which the tie share tells."""
    flat = torch.zeros(2, 2)
    counts = count_pairs(flat, points((0, 0)), points((1, 1)), torch.tensor([True]), disparity=True)
    assert (counts.pair_acc, counts.tie_share) == (0, 1)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=12), st.floats(0.1, 10))
def test_only_the_order_matters(values: list[int], scale: float) -> None:
    """Any growing function of depth scores the same; swapping the points and the relation does as well."""
    depth = torch.tensor([values], dtype=torch.float64)
    first = torch.tensor([[0, k] for k in range(len(values) - 1)])
    second = first + torch.tensor([0, 1])
    farther = torch.arange(len(first)) % 2 == 0
    counts = count_pairs(depth, first, second, farther)
    assert count_pairs(scale * depth**3, first, second, farther) == counts
    assert count_pairs(depth, second, first, ~farther) == counts
    assert count_pairs(-depth, first, second, farther, disparity=True) == counts


def test_perfect_order() -> None:
    """A prediction in the true order is right in every pair."""
    depth = torch.arange(6.0).reshape(2, 3)
    counts = count_pairs(depth, points((1, 2), (0, 0)), points((0, 1), (0, 2)), torch.tensor([True, False]))
    assert (counts.whdr, counts.pair_acc) == (0, 1)


def test_counts_are_pooled_by_scene() -> None:
    """Pairs are pooled, not the shares of images, and the scenes add up to the data set."""
    images = [("indoor", PairCounts(3, 3)), ("aerial", PairCounts(2, 1, 1)), ("indoor", PairCounts(1, 0))]
    scenes = by_scene(images)
    assert scenes == {"aerial": PairCounts(2, 1, 1), "indoor": PairCounts(4, 3)}
    assert scenes["indoor"].pair_acc == 0.75
    assert sum(scenes.values(), PairCounts()) == PairCounts(6, 4, 1)


def test_no_pairs_give_nan() -> None:
    """Without a pair there is no share, never 0."""
    empty = count_pairs(DEPTH, points(), points(), torch.zeros(0, dtype=torch.bool))
    assert all(math.isnan(value) for value in (empty.pair_acc, empty.whdr, empty.tie_share))


def test_scene_types_of_da2k() -> None:
    """The folder names the scene type; a path without one is refused with the known ones."""
    assert da2k_scene("images/transparent_reflective/a.jpg") == "transparent_reflective"
    assert len(DA2K_SCENES) == 8
    with pytest.raises(ValueError, match=r"'images/indoor\.jpg' must name one scene type .*underwater"):
        da2k_scene("images/indoor.jpg")


def test_points_move_to_the_nearest_pixel() -> None:
    """The centre of a pixel falls into the pixel of the smaller map that covers it; the last stays the last."""
    moved = to_map(points((0, 0), (3, 5), (1, 2)), (4, 6), (2, 3))
    assert moved.tolist() == [[0, 0], [1, 2], [0, 1]]
    assert to_map(points((3, 5)), (4, 6), (4, 6)).tolist() == [[3, 5]]


def test_bad_input_is_refused() -> None:
    """Points outside the map (1-based ones, for example) and shapes that do not fit are named."""
    one = torch.tensor([True])
    with pytest.raises(ValueError, match="1 points lie outside the map of 3x2 pixels"):
        count_pairs(DEPTH, points((3, 1)), points((0, 0)), one)
    with pytest.raises(ValueError, match=r"the points must be \(K, 2\)"):
        count_pairs(DEPTH, points((0, 1), (0, 0)), points((0, 0)), one)
    with pytest.raises(ValueError, match=r"one \(H, W\) map"):
        count_pairs(DEPTH[None], points((0, 1)), points((0, 0)), one)
