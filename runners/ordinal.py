"""Ordinal metrics: which of two points is nearer?

WHDR of Depth in the Wild (Chen et al., NIPS 2016, arXiv 1604.03901) and the pair accuracy of DA-2K (``DepthAnything/
Depth-Anything-V2`` a561b84, ``DA-2K.md``, which ships no scorer; arXiv 2406.09414). Both count pairs over the whole
data set, every pair alike, so the counts of images are added and only then divided. A tie is wrong and is reported: a
disparity cut at zero puts the whole background at one depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["DA2K_SCENES", "PairCounts", "by_scene", "count_pairs", "da2k_scene", "to_map"]

DA2K_SCENES = (
    *("adverse_style", "aerial", "indoor", "non_real", "object", "outdoor", "transparent_reflective", "underwater"),
)
"""Scene types of DA-2K, as its image paths name them."""


@dataclass(frozen=True)
class PairCounts:
    """Outcome of the point pairs of an image, a scene type or a data set; add them to pool them.

    Attributes:
        pairs: Number of pairs.
        correct: Pairs in the annotated order.
        ties: Pairs with the very same value; wrong.
        invalid: Pairs with a value that is not finite; wrong.
    """

    pairs: int = 0
    correct: int = 0
    ties: int = 0
    invalid: int = 0

    def __add__(self, other: PairCounts) -> PairCounts:
        """Return the counts of both together."""
        return PairCounts(
            self.pairs + other.pairs,
            self.correct + other.correct,
            self.ties + other.ties,
            self.invalid + other.invalid,
        )

    @property
    def pair_acc(self) -> float:
        """Share of pairs in the annotated order, 0 to 1; NaN without any pair."""
        return self._share(self.correct)

    @property
    def whdr(self) -> float:
        """Share of pairs that disagree with the annotation, all weights 1, 0 to 1; NaN without any pair."""
        return self._share(self.pairs - self.correct)

    @property
    def tie_share(self) -> float:
        """Share of ties, 0 to 1; NaN without any pair."""
        return self._share(self.ties)

    def _share(self, count: int) -> float:
        return count / self.pairs if self.pairs else float("nan")


def count_pairs(
    prediction: Tensor, first: Tensor, second: Tensor, first_is_farther: Tensor, *, disparity: bool = False
) -> PairCounts:
    """Compare the annotated pairs of one image with its prediction.

    Args:
        prediction: Float (H, W), depth or disparity at any scale, already resized to the image of the points.
        first: Integer (K, 2), row and column of the first points, 0-based. (DIW's file is 1-based: subtract 1.)
        second: Integer (K, 2), likewise.
        first_is_farther: Bool (K,): DIW's ``>``. In DA-2K the first point is always the nearer one.
        disparity: Whether larger values are nearer.

    Returns:
        The counts; never a crash for an image without pairs.

    Raises:
        ValueError: If shapes disagree or a point lies outside the map.
    """
    _check(prediction, first, second, first_is_farther)
    a, b = (prediction[points[:, 0].long(), points[:, 1].long()] for points in (first, second))
    farther = first_is_farther ^ disparity
    valid = a.isfinite() & b.isfinite()
    correct = torch.where(farther, a > b, a < b) & valid
    tie = (a == b) & valid
    return PairCounts(len(a), int(correct.sum()), int(tie.sum()), int((~valid).sum()))


def by_scene(counts: Iterable[tuple[str, PairCounts]]) -> dict[str, PairCounts]:
    """Return the pooled counts of each scene type, sorted by name; their sum is the data set's."""
    pooled: dict[str, PairCounts] = {}
    for scene, count in counts:
        pooled[scene] = pooled.get(scene, PairCounts()) + count
    return dict(sorted(pooled.items()))


def da2k_scene(path: str) -> str:
    """Return the scene type that an image path of DA-2K names.

    Raises:
        ValueError: If the path names none, or several.
    """
    scenes = [part for part in re.split(r"[/\\]", path)[:-1] if part in DA2K_SCENES]
    if len(scenes) != 1:
        raise ValueError(f"'{path}' must name one scene type of DA-2K in its folders: {', '.join(DA2K_SCENES)}")
    return scenes[0]


def to_map(points: Tensor, image_size: tuple[int, int], map_size: tuple[int, int]) -> Tensor:
    """Move points from an image to the nearest pixels of a map of another size.

    Resizing the prediction to the image first is the safe choice; this is for maps too large or too many for that.

    Args:
        points: Integer (K, 2), row and column in the image, 0-based.
        image_size: Height and width of the image in pixels.
        map_size: Height and width of the map in pixels.

    Returns:
        Int64 (K, 2), row and column in the map.
    """
    scale = torch.tensor(map_size, dtype=torch.float64) / torch.tensor(image_size, dtype=torch.float64)
    return ((points.double().cpu() + 0.5) * scale).floor().long().to(points.device)


def _check(prediction: Tensor, first: Tensor, second: Tensor, first_is_farther: Tensor) -> None:
    if prediction.dim() != 2:
        raise ValueError(f"the prediction must be one (H, W) map, not {tuple(prediction.shape)}")
    count = len(first_is_farther)
    if first.shape != (count, 2) or second.shape != (count, 2) or first_is_farther.dtype != torch.bool:
        shapes = ", ".join(f"{tuple(x.shape)} {x.dtype}" for x in (first, second, first_is_farther))
        raise ValueError(f"the points must be (K, 2) and the relation bool (K,); got {shapes}")
    size = torch.tensor(prediction.shape, device=first.device)
    if outside := int(sum(((points < 0) | (points >= size)).any(dim=1).sum() for points in (first, second))):
        raise ValueError(f"{outside} points lie outside the map of {prediction.shape[0]}x{prediction.shape[1]} pixels")
