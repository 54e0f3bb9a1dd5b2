"""Classical baselines: reference points that no learned model should lose against.

None of them is a depth network. Two know only the training images' depth, one only a haze model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from runners.datasets.base import Sample
from runners.models.base import Cameras, Image, Model, ModelError
from runners.models.entry import ModelEntry
from runners.models.registry import ModelOptions
from runners.prediction import Prediction

__all__ = ["DarkChannel", "MeanDepth", "RowPrior", "build"]

Profile = npt.NDArray[np.float64]


class _Fitted(Model):
    """A baseline that is a depth profile over the image's height, learned from training images."""

    kind = "metric-depth"
    revision = "1"
    needs_training: ClassVar[bool] = True
    rows: ClassVar[int]

    def __init__(self, model_id: str) -> None:
        self.id = model_id
        self.settings = {"rows": self.rows}
        self._profile: Profile | None = None

    def fit(self, samples: Iterable[Sample], source: str) -> None:
        """Learn the profile: in each horizontal band the mean, over the images, of the image's mean depth there.

        Only valid pixels count, and within the region that a sample declares. A band without any takes the value
        between its neighbours.
        """
        profiles = [_profile(sample, self.rows) for sample in samples]
        if not profiles or np.isnan(profiles).all():
            raise ModelError(f"model '{self.id}': the training images hold no valid depth ({source})")
        self._profile = _filled(_column_means(np.stack(profiles)))
        self.settings = {"rows": self.rows, "fitted_on": source, "fitted_images": len(profiles)}
        self.settings["fitted_mean_m"] = float(f"{self._profile.mean():.6g}")

    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return the same metric depth for every image, float32 (h, w), the profile interpolated along the height."""
        if self._profile is None:
            raise ModelError(f"model '{self.id}' has not been fitted")
        return [Prediction(self.kind, _spread(self._profile, *image.shape[:2])) for image in images]


class MeanDepth(_Fitted):
    """One constant: the mean, over the training images, of an image's mean depth in metres."""

    rows = 1


class RowPrior(_Fitted):
    """One depth a row: the mean depth of the training images at the same relative height, in 64 bands.

    Outdoors this is close to a flat ground under an upright camera; it knows nothing of the image itself.
    """

    rows = 64


class DarkChannel(Model):
    """Depth from the dark channel prior of He, Sun and Tang, "Single image haze removal", TPAMI 2011.

    Haze gives I = J t + A (1 - t) with t = exp(-beta d). Where some colour of a patch of J is dark, t is 1 less the
    dark channel of I / A, and so depth is -ln(t) / beta. beta is unknown, a free scale; and since the dark channel of
    J is not zero but some positive number, -ln(t) is too large by an unknown amount, which we take for a free shift:
    the kind is ``affine-invariant-depth``. No refinement of the map (soft matting, guided filter) is done.
    """

    kind = "affine-invariant-depth"
    revision = "1"
    patch, omega, brightest = 15, 0.95, 0.001

    def __init__(self, model_id: str) -> None:
        self.id = model_id
        self.settings = {"patch_px": self.patch, "omega": self.omega, "brightest_share": self.brightest}
        self.settings["refinement"] = "none"

    def predict(self, images: Sequence[Image], intrinsics: Cameras | None = None) -> list[Prediction]:
        """Return -ln of the transmission, float32 (h, w), for each image at its own size."""
        return [Prediction(self.kind, self._depth(image)) for image in images]

    def _depth(self, image: Image) -> Tensor:
        colours = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        light = self._atmospheric_light(colours).clamp(min=1 / 255)
        haze = self._dark_channel(colours / light[:, None, None]).clamp(max=1)
        return -torch.log(1 - self.omega * haze)

    def _dark_channel(self, colours: Tensor) -> Tensor:
        darkest = colours.amin(dim=0, keepdim=True)
        return -F.max_pool2d(-darkest, self.patch, stride=1, padding=self.patch // 2)[0]

    def _atmospheric_light(self, colours: Tensor) -> Tensor:
        """Return the brightest colour among the pixels whose dark channel is largest."""
        dark = self._dark_channel(colours).flatten()
        count = max(1, int(dark.numel() * self.brightest))
        candidates = colours.flatten(1)[:, dark.topk(count).indices]
        return candidates[:, candidates.sum(dim=0).argmax()]


def _profile(sample: Sample, rows: int) -> Profile:
    """Return the mean valid depth of each of ``rows`` horizontal bands of a sample; NaN where there is none."""
    mask = sample.mask if sample.region is None else sample.mask & sample.region
    band = np.arange(sample.truth.shape[0]) * rows // sample.truth.shape[0]
    depth = np.bincount(band, np.where(mask, sample.truth, 0.0).sum(axis=1, dtype=np.float64), minlength=rows)
    count = np.bincount(band, mask.sum(axis=1), minlength=rows)
    return np.where(count > 0, depth / np.maximum(count, 1), np.nan)


def _column_means(profiles: Profile) -> Profile:
    known = ~np.isnan(profiles)
    means: Profile = np.where(known, profiles, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known.any(axis=0), means, np.nan)


def _filled(profile: Profile) -> Profile:
    known = np.flatnonzero(~np.isnan(profile))
    return np.interp(np.arange(len(profile)), known, profile[known])


def _spread(profile: Profile, height: int, width: int) -> Tensor:
    """Return the profile as a map; bands and rows are placed by their centres."""
    rows, bands = (np.arange(height) + 0.5) / height, (np.arange(len(profile)) + 0.5) / len(profile)
    column = torch.from_numpy(np.interp(rows, bands, profile).astype(np.float32))
    return column[:, None].expand(height, width).contiguous()


_TYPES: dict[str, type[MeanDepth | RowPrior | DarkChannel]] = {
    "baseline-mean-depth": MeanDepth,
    "baseline-row-prior": RowPrior,
    "baseline-dark-channel": DarkChannel,
}


def build(entry: ModelEntry, options: ModelOptions) -> Model:
    """Return a baseline; all run on the CPU in float32, whatever the options say."""
    return _TYPES[entry.id](entry.id)
