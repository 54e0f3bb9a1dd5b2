"""Peers whose code comes in a package of their own: one small adapter, and a row for what differs between them.

A row names the class, what its ``from_pretrained`` is given, in which precisions its own code computes, and how one
image becomes a map. The interfaces were read in the packages' source, at the revisions that the entries name, and none
of them was ever run here with its real weights: the tests put stand-ins in their place.

Not here, and why: Metric3D v2 is a repository, not a package (``metric3d.py``). Lotus and GeoWizard are scripts beside
their own copies of diffusers' parts, with modules called ``pipeline``, ``utils`` and ``models``; so they belong into a
plug-in with an environment of its own (docs/en/add-a-model.md, which has one for Lotus).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from runners.datasets.base import resized_intrinsics
from runners.models.base import BatchedNetwork, CameraNetwork, Image, Intrinsics, ModelError, Network
from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights, find_snapshot
from runners.models.registry import ModelOptions
from runners.models.settings import Reader, one_of, read_settings
from runners.prediction import Prediction
from sitegen.records import Detail

__all__ = ["PACKAGES", "Package", "PackagedCameraModel", "PackagedModel", "build"]

Output = tuple[Tensor, dict[str, Detail]]
"""A map (h, w) and what the model decided for the image."""


@dataclass(frozen=True)
class Package:
    """How a package's network is loaded and asked.

    Attributes:
        module: Where the class is.
        network: Name of the class; it has ``from_pretrained``.
        predict: Gives the output for one image (h, w, 3); is given the network, the image and the settings, among them
            ``dtype`` and, for a model that needs the camera, ``intrinsics``.
        precisions: Device type to what the package's own code computes in there.
        weights: The file in the snapshot that is loaded; none for the whole folder.
        settings: What reads each setting.
        defaults: The settings where nothing is said.
    """

    module: str
    network: str
    predict: Callable[[Any, Image, Mapping[str, Any]], Output]
    precisions: Mapping[str, tuple[str, ...]]
    weights: str = ""
    settings: Mapping[str, Reader] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


def _moge(network: Any, image: Image, settings: Mapping[str, Any]) -> Output:
    """MoGe: depth everywhere, or NaN where the model says that there is none (sky, say)."""
    output = network.infer(
        _planes(image) / 255, apply_mask=settings["mask"] == "nan", use_fp16=settings["dtype"] == "float16"
    )
    depth = output["depth"]
    return torch.where(depth.isfinite(), depth, torch.nan), _focal(float(output["intrinsics"][0, 0]) * image.shape[1])


def _unidepth(network: Any, image: Image, _: Mapping[str, Any]) -> Output:
    """UniDepth V2: depth along the optical axis, with the camera that it estimates itself."""
    output = network.infer(_planes(image))
    return output["depth"][0, 0], _focal(float(output["intrinsics"][0, 0, 0]))


def _da3(network: Any, image: Image, _: Mapping[str, Any]) -> Output:
    """Depth Anything 3: a list of one, since it takes several images for views of one scene.

    Seeded, since it takes the depth of the sky from a random part of the pixels.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        depth = np.asarray(network.inference([image]).depth)
    return torch.from_numpy(depth)[0], {}


def _da3_metric(network: Any, image: Image, settings: Mapping[str, Any]) -> Output:
    """Depth Anything 3, metric: what it gives is depth for a focal length of 300 pixels of the network's own input.

    That the focal length is that of the input and not of the image was read in ``model/da3.py`` (837b60c), where the
    nested model takes the one that it estimates for the input; that it is the mean of fx and fy, in the README. The
    package resizes without cutting, each side for itself, and gives its map at the input's size.
    """
    depth, _ = _da3(network, image, settings)
    fx, fy, _, _ = resized_intrinsics(settings["intrinsics"], _size(image), _size(depth))
    return depth * ((fx + fy) / 2 / 300), _focal((fx + fy) / 2)


def _size(plane: Image | Tensor) -> tuple[int, int]:
    return plane.shape[0], plane.shape[1]


def _planes(image: Image) -> Tensor:
    return torch.tensor(image).permute(2, 0, 1)


def _focal(pixels: float) -> dict[str, Detail]:
    return {"focal_px": float(f"{pixels:.6g}")}


def _moge_version(version: str) -> Package:
    return Package(
        f"moge.model.{version}",
        "MoGeModel",
        _moge,
        {"cpu": ("float32",), "cuda": ("float32", "float16")},
        weights="model.pt",
        settings={"mask": one_of("none", "nan")},
        defaults={"mask": "none"},
    )


_UNIDEPTH_V2 = Package("unidepth.models", "UniDepthV2", _unidepth, {"cpu": ("float32",), "cuda": ("float16",)})
_DA3 = Package("depth_anything_3.api", "DepthAnything3", _da3, {"cuda": ("bfloat16",)})
_DA3_METRIC = replace(_DA3, predict=_da3_metric)

PACKAGES: dict[str, Package] = {
    "moge-1-vit-l": _moge_version("v1"),
    "moge-2-vit-l": _moge_version("v2"),
    "moge-2-vit-l-normal": _moge_version("v2"),
    "moge-2-vit-b-normal": _moge_version("v2"),
    "moge-2-vit-s-normal": _moge_version("v2"),
    "unidepth-v2-small": _UNIDEPTH_V2,
    "unidepth-v2-base": _UNIDEPTH_V2,
    "unidepth-v2-large": _UNIDEPTH_V2,
    "da3mono-large": _DA3,
    "da3metric-large": _DA3_METRIC,
}
"""Model id to its row."""


class _Packaged(BatchedNetwork):
    """One image at a time goes through the package's own preparation, network and post-processing."""

    largest_batch = 1

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        self.id, self.kind, self.dtype = entry.id, entry.kind, options.dtype
        self._package = package = PACKAGES[entry.id]
        _check_precision(entry, package, options)
        self.settings = {**package.defaults, **read_settings(entry.id, options.settings, package.settings)}
        snapshot = find_snapshot(cast(HubWeights, entry.weights), options.weights_dir)
        self.revision, self.weights_sha256 = snapshot.revision, snapshot.sha256
        self._network = _network(entry, package, snapshot.folder).to(options.device).eval()
        self.settings["package"] = _origin(package.module)

    def _one(self, image: Image, **told: Any) -> Prediction:
        found, details = self._package.predict(self._network, image, {**self.settings, "dtype": self.dtype, **told})
        return Prediction(self.kind, found.cpu().float(), details=details)


class PackagedModel(_Packaged, Network):
    """The adapter of a model that sees the image alone."""

    def infer(self, images: Sequence[Image]) -> list[Prediction]:
        """Return the map of each image, float32, with the focal length in pixels that the model took, if it says it."""
        return [self._one(image) for image in images]


class PackagedCameraModel(_Packaged, CameraNetwork):
    """The adapter of a model that has to be told the camera."""

    def infer(self, images: Sequence[Image], intrinsics: Sequence[Intrinsics]) -> list[Prediction]:
        """Return the map of each image, float32, with the focal length in pixels that it was made with."""
        return [self._one(image, intrinsics=camera) for image, camera in zip(images, intrinsics, strict=True)]


def build(entry: ModelEntry, options: ModelOptions) -> PackagedModel | PackagedCameraModel:
    """Return the adapter of a peer with its network loaded."""
    return (PackagedCameraModel if entry.needs_intrinsics else PackagedModel)(entry, options)


def _check_precision(entry: ModelEntry, package: Package, options: ModelOptions) -> None:
    """Refuse a device or a precision that the package's own code does not have, whatever it is told."""
    device = torch.device(options.device).type
    possible = package.precisions.get(device)
    if possible is None:
        raise ModelError(f"model '{entry.id}': its own code runs on {', '.join(package.precisions)} only")
    if options.dtype not in possible:
        raise ModelError(f"model '{entry.id}': its own code runs in {' or '.join(possible)} on {device}")


def _network(entry: ModelEntry, package: Package, folder: Path) -> Any:
    network = _class(entry, package)
    try:
        with _no_code_from_weights():
            return network.from_pretrained(str(folder / package.weights))
    except Exception as error:  # whatever a package makes of files that are not what they should be
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise ModelError(f"{folder}: cannot be loaded ({type(error).__name__}: {reason})") from error


def _class(entry: ModelEntry, package: Package) -> Any:
    try:
        return getattr(import_module(package.module), package.network)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"model '{entry.id}': {package.module}.{package.network} cannot be imported ({error}); the adapter was "
            f"written for {', '.join(entry.requires)}"
        ) from error


def _origin(module: str) -> str:
    """Return which package a module is of, with its version and the commit that it was installed at, for the record."""
    top = module.partition(".")[0]
    names = packages_distributions().get(top)
    if not names:
        return f"{top}, not installed but on the path"
    found = distribution(names[0])
    commit = json.loads(found.read_text("direct_url.json") or "{}").get("vcs_info", {}).get("commit_id")
    return f"{found.name} {found.version}" + (f" at {commit}" if commit else "")


@contextmanager
def _no_code_from_weights() -> Iterator[None]:
    """Make every torch.load read plain tensors only, whatever a package asks for: a pickle could run code."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
