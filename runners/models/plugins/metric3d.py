"""Metric3D v2: the network is the authors' repository's, through torch.hub; what goes in and comes out is made here.

The image is fitted into 616x1064 with a border of the mean colour. The network answers as a camera with a focal length
of 1000 pixels would see it, so its depth is multiplied by the focal length of the fitted image / 1000: without the true
camera there are no metres, and none is assumed.

Read at YvanYin/Metric3D: ``hubconf.py`` (the example at its end), ``mono/utils/do_test.py`` and
``mono/model/decode_heads/RAFTDepthNormalDPTDecoder5.py`` in stored copies, README at the commit pinned below. The
example takes fx; ``do_test.py``, which takes the mean of fx and fy, differs where pixels are not square. Neither the
code nor the weights could be had where this was written: the network itself has never been run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from runners.models.base import CameraNetwork, Image, Intrinsics, ModelError
from runners.models.checkpoints import read_checkpoint
from runners.models.clones import open_clone
from runners.models.entry import ModelEntry
from runners.models.errors import as_note
from runners.models.registry import ModelOptions
from runners.models.settings import read_settings
from runners.models.weights import WeightFile, find_weights
from runners.prediction import Prediction

__all__ = ["Letterbox", "Metric3d", "build", "letterbox", "metres", "prepare"]

REPO, COMMIT = "YvanYin/Metric3D", "eb5b6fac0dc155e4e52f576e304fbf11655ff339"
_FUNCTIONS = {
    "metric3d-v2-vit-s": "metric3d_vit_small",
    "metric3d-v2-vit-l": "metric3d_vit_large",
    "metric3d-v2-vit-g": "metric3d_vit_giant2",
}
"""Model id to the function of ``hubconf.py``."""
_DEVICES = ("cuda",)
"""The authors' decoder makes its depth bins on "cuda", wherever its weights are."""

_ROWS, _COLUMNS = 616, 1064
_MEAN, _DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_BORDER = (124.0, 116.0, 104.0)
"""The mean in whole grey levels, as OpenCV puts it around an image of 8 bits."""
_FOCAL, _FARTHEST = 1000.0, 300.0


@dataclass(frozen=True)
class Letterbox:
    """Where an image lies in the network's input.

    Attributes:
        scale: Of the image; the focal length goes with it.
        rows: Of the input that the image takes.
        columns: Of the input that the image takes.
    """

    scale: float
    rows: slice
    columns: slice

    @property
    def size(self) -> tuple[int, int]:
        """Return the rows and columns of the fitted image."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def letterbox(height: int, width: int) -> Letterbox:
    """Return how an image is fitted into the network's input, its aspect kept, in the middle.

    Raises:
        ModelError: If nothing is left of so long an image.
    """
    scale = min(_ROWS / height, _COLUMNS / width)
    # Cut off as the authors do it: rounding errors make 1063 columns of some images that would fill 1064.
    rows, columns = int(height * scale), int(width * scale)
    if not rows or not columns:
        raise ModelError(f"an image of {width}x{height} leaves nothing in an input of {_COLUMNS}x{_ROWS}")
    top, left = (_ROWS - rows) // 2, (_COLUMNS - columns) // 2
    return Letterbox(scale, slice(top, top + rows), slice(left, left + columns))


def prepare(image: Image, box: Letterbox) -> Tensor:
    """Return the network's input (3, 616, 1064) for an image: fitted to whole grey levels, bordered, normalised."""
    mean, deviation, border = (torch.tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION, _BORDER))
    planes = torch.tensor(image).movedim(-1, 0).float()
    fitted = F.interpolate(planes[None], size=box.size, mode="bilinear", align_corners=False)[0].round()
    whole = border.repeat(1, _ROWS, _COLUMNS)
    whole[:, box.rows, box.columns] = fitted
    return (whole - mean) / deviation


def metres(canonical: Tensor, box: Letterbox, size: tuple[int, int], focal: float) -> Tensor:
    """Return depth in metres at the image's size.

    Args:
        canonical: What the network says (616, 1064).
        box: Where the image lies in it.
        size: Rows and columns of the image.
        focal: The image's fx in pixels.
    """
    inside = canonical[box.rows, box.columns].float()
    whole = F.interpolate(inside[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
    return (whole * (focal * box.scale / _FOCAL)).clamp(0, _FARTHEST)


class Metric3d(CameraNetwork):
    """The adapter; one image at a time, since the authors' decoder keeps what it made for its first batch."""

    largest_batch = 1

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        self.id, self.kind, self.dtype = entry.id, entry.kind, options.dtype
        self.device = torch.device(options.device)
        if self.device.type not in _DEVICES:
            raise ModelError(f"model '{entry.id}': its own code runs on {', '.join(_DEVICES)} only")
        settings = read_settings(entry.id, options.settings, {"repository": str})
        found = find_weights(cast(WeightFile, entry.weights), options.weights_dir)
        network, self.revision = _network(entry.id, settings.get("repository"))
        _fill(network, found.path.name, read_checkpoint(found.path))
        self._network, self.weights_sha256 = network.to(self.device).eval(), found.sha256
        self.settings = {
            "code": self.revision,
            "input": f"fitted into {_COLUMNS}x{_ROWS}, bilinear, border of the mean colour",
            "output": "metres at image size, canonical depth * fx of the fitted image / 1000, within 0..300",
        }

    def infer(self, images: Sequence[Image], intrinsics: Sequence[Intrinsics]) -> list[Prediction]:
        """Return metres at each image's size, with the focal length that they were made with."""
        return [self._one(image, camera) for image, camera in zip(images, intrinsics, strict=True)]

    def _one(self, image: Image, camera: Intrinsics) -> Prediction:
        height, width = image.shape[:2]
        box = letterbox(height, width)
        canonical = self._network.inference({"input": prepare(image, box)[None].to(self.device)})[0].squeeze()
        if canonical.shape != (_ROWS, _COLUMNS):
            raise ModelError(f"model '{self.id}': its network gave {tuple(canonical.shape)}, not ({_ROWS}, {_COLUMNS})")
        depth = metres(canonical, box, (height, width), camera[0])
        return Prediction(self.kind, depth.cpu(), details={"focal_px": float(f"{camera[0]:.6g}")})


def build(entry: ModelEntry, options: ModelOptions) -> Metric3d:
    """Return a Metric3D v2 adapter with its checkpoint loaded."""
    return Metric3d(entry, options)


def _network(model_id: str, repository: str | None) -> tuple[Any, str]:
    """Return the authors' network without weights and which code it is: a local clone's, else that of the pin."""
    if repository is None:
        source, place, origin = "github", f"{REPO}:{COMMIT}", f"{REPO} at {COMMIT}"
    else:
        clone = open_clone(model_id, REPO, repository, "hubconf.py")
        source, place, origin = "local", str(clone.folder), clone.origin
    load: Any = torch.hub.load
    try:
        # Validation knows heads of branches and tags only; a full commit names its content by itself.
        network = load(
            place, _FUNCTIONS[model_id], source=source, trust_repo=True, skip_validation=True, verbose=False,
            pretrain=False,
        )  # fmt: skip
    except Exception as error:  # whatever a network, or code that was never run here, raises
        raise ModelError(
            f"model '{model_id}': the code of {origin} cannot be loaded ({as_note(error)}). Without a network, clone "
            f"https://github.com/{REPO} and name the folder: --setting repository=FOLDER"
        ) from error
    return network, origin


def _fill(network: Any, name: str, checkpoint: dict[str, object]) -> None:
    """Load a checkpoint; what it holds beyond the network is left, as the authors leave it, what it lacks is not."""
    state = checkpoint.get("model_state_dict")
    if not isinstance(state, dict):
        raise ModelError(f"{name}: holds no 'model_state_dict'")
    try:
        lacking = network.load_state_dict(state, strict=False).missing_keys
    except RuntimeError as error:
        raise ModelError(f"{name}: does not fit the network ({as_note(error)})") from error
    if lacking:
        raise ModelError(f"{name}: lacks {len(lacking)} of the network's tensors, which would be random: {lacking[0]}")
