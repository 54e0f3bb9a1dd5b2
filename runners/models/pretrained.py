"""What all networks of transformers have in common here: where they come from, how they are loaded and kept quiet.

Nothing is fetched at this point and no pickle is opened: a snapshot is on this machine already
(:func:`runners.models.hub.find_snapshot`), and only its safetensors are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from runners.models.base import DTYPES, Image, ModelError, PreparedNetwork
from runners.models.entry import ModelEntry
from runners.models.hub import HubWeights, Snapshot, find_snapshot
from runners.models.registry import ModelOptions
from runners.models.settings import one_of, read_settings

__all__ = ["PretrainedNetwork", "chosen", "on_default_device"]

_UNUSED = "neck.fusion_stage.layers.0.residual_layer1."
"""The first fusion block gets no skip, so that its first unit is never run; converters left its weights out of
checkpoints of DPT (transformers issue 28292). Anything else that a checkpoint lacks would be random numbers."""


def chosen(entry: ModelEntry, options: ModelOptions, name: str, choices: Sequence[str]) -> str:
    """Return what a setting is; the first of the choices where nothing was said.

    Raises:
        ModelError: If it is none of the choices.
    """
    value: str = read_settings(entry.id, options.settings, {name: one_of(*choices)}).get(name, choices[0])
    return value


def on_default_device(batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return random pixels of a network's input size, on torch's default device, by the name of its argument."""
    return {"pixel_values": torch.rand(batch, 3, height, width)}


class PretrainedNetwork(PreparedNetwork):
    """An adapter around a network of transformers that is loaded from a snapshot.

    A subclass names the network's class, looks at the configuration (:meth:`check`) and predicts (:meth:`forward`).

    Attributes:
        architecture: Class of the network.
        net: The network, ready to run; compiled where that was asked for.
        snapshot: The files that it came from.
    """

    architecture: ClassVar[Any]

    def __init__(self, entry: ModelEntry, options: ModelOptions) -> None:
        self.id, self.kind, self.dtype, self.settings = entry.id, entry.kind, options.dtype, {}
        self.device = torch.device(options.device)
        self.snapshot = find_snapshot(cast(HubWeights, entry.weights), options.weights_dir)
        self.revision, self.weights_sha256 = self.snapshot.revision, self.snapshot.sha256
        config = _config(entry, self.snapshot, self.architecture)
        self.check(config)
        with _quiet():
            net = _load(entry, self.snapshot, self.architecture, config, DTYPES[options.dtype])
        self.net: Any = self.adapted(net.to(self.device).eval())
        if options.compile:
            self.net = torch.compile(self.net)
            self.settings["compiled"] = True

    def check(self, config: Any) -> None:
        """Refuse, or correct in place, a configuration that is not what the model's id promises.

        Raises:
            ModelError: If the snapshot is of another model.
        """

    def adapted(self, net: nn.Module) -> nn.Module:
        """Return the network as it is run, before it is compiled."""
        return net

    def run(self, pixels: Tensor) -> Any:
        """Return the network's output for prepared pixels (B, 3, h, w), which are brought to its device and type."""
        return self.net(pixel_values=pixels.to(self.device, DTYPES[self.dtype]))

    def prepare(self, images: Sequence[Image]) -> Tensor:
        """Return images of one size as they are, uint8 (B, h, w, 3): :meth:`colours` does the rest on the device."""
        return torch.stack([torch.from_numpy(image) for image in images])

    def colours(self, planes: Tensor) -> Tensor:
        """Return what :meth:`prepare` made as float32 (B, 3, h, w) in 0..1."""
        return planes.movedim(-1, 1).float() / 255

    def refuse(self, reason: str) -> ModelError:
        """Return the error that names this model and its files."""
        return ModelError(f"model '{self.id}': {self.snapshot.folder} {reason}")


def _config(entry: ModelEntry, snapshot: Snapshot, architecture: Any) -> Any:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(snapshot.folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"model '{entry.id}': {snapshot.folder} has no configuration to load ({error})") from error
    wanted = architecture.config_class
    if not isinstance(config, wanted):
        raise ModelError(
            f"model '{entry.id}': {snapshot.folder} holds a network of type '{config.model_type}', not "
            f"'{wanted.model_type}'"
        )
    return config


def _load(entry: ModelEntry, snapshot: Snapshot, architecture: Any, config: Any, dtype: torch.dtype) -> nn.Module:
    try:
        net, report = architecture.from_pretrained(
            snapshot.folder,
            config=config,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(f"model '{entry.id}': {snapshot.folder} cannot be loaded ({_first_line(error)})") from error
    _complete(entry, snapshot, report)
    return cast(nn.Module, net)


def _complete(entry: ModelEntry, snapshot: Snapshot, report: Mapping[str, Any]) -> None:
    """Refuse weights that do not fill the network: transformers would go on with random numbers."""
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(_UNUSED))
    if missing:
        what = f"lacks {len(missing)} tensors of the network, {missing[0]} among them"
        raise ModelError(f"model '{entry.id}': {snapshot.folder} {what}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing a progress bar and a table of unexpected tensors; faults are raised here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
