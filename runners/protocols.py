"""Finding the protocol that a run is asked for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from runners.datasets.base import Dataset
from sitegen.records import (
    Alignment,
    CropWindow,
    GroundTruth,
    PredictionKind,
    Protocol,
    Reference,
    ResizeStep,
    SampleList,
    ValidRange,
)
from sitegen.store import load_protocols

__all__ = [
    "ProtocolLookupError",
    "Protocols",
    "check_list",
    "choose",
    "is_pattern",
    "manifest_protocol",
    "matching",
    "read_protocols",
]

Protocols = dict[tuple[str, str], Protocol]


class ProtocolLookupError(Exception):
    """A protocol cannot be found or read; the message says what there is."""


def read_protocols(results: Path) -> Protocols:
    """Return every protocol of a results folder by (data set, id).

    Raises:
        ProtocolLookupError: If there is no such folder or a file is at fault: all findings, one a line.
    """
    if not results.is_dir():
        raise ProtocolLookupError(f"{results}: no folder of records; work in the repository or name it with --results")
    protocols, findings = load_protocols(results)
    if findings:
        raise ProtocolLookupError("\n".join(str(finding) for finding in findings))
    return protocols


def choose(protocols: Protocols, dataset_id: str, names: tuple[str, ...]) -> list[Protocol]:
    """Return the protocols of these names, ``id`` or ``dataset/id``; without names, the data set's house protocols.

    Raises:
        ProtocolLookupError: If a name is unknown or the data set has no house protocol.
    """
    if not names:
        house = [protocol for key, protocol in sorted(protocols.items()) if key[0] == dataset_id and protocol.house]
        if not house:
            raise ProtocolLookupError(f"data set '{dataset_id}' has no house protocol; name one with --protocol")
        return house
    found = {
        (protocol.dataset, protocol.id): protocol
        for name in names
        for protocol in [_named(protocols, dataset_id, name)]
    }
    return list(found.values())


def is_pattern(name: str) -> bool:
    """Return whether a name stands for any number of protocols: ``all``, or one with ``*``, ``?`` or ``[``."""
    return name == "all" or any(char in name for char in "*?[")


def matching(protocols: Protocols, dataset_id: str, patterns: tuple[str, ...]) -> list[Protocol]:
    """Return the protocols that match any of these patterns, sorted by data set and id.

    Raises:
        ProtocolLookupError: For each pattern that matches nothing.
    """
    globs = {name: _glob(dataset_id, name) for name in patterns}
    names = {f"{dataset}/{protocol_id}": protocol for (dataset, protocol_id), protocol in sorted(protocols.items())}
    if idle := [name for name, glob in globs.items() if not any(fnmatchcase(known, glob) for known in names)]:
        known = ", ".join(names) or "none"
        raise ProtocolLookupError("\n".join(f"no protocol matches '{name}'; known: {known}" for name in idle))
    return [found for name, found in names.items() if any(fnmatchcase(name, glob) for glob in globs.values())]


def _glob(dataset_id: str, pattern: str) -> str:
    return f"{dataset_id}/*" if pattern == "all" else pattern if "/" in pattern else f"{dataset_id}/{pattern}"


def check_list(protocol: Protocol, dataset: Dataset) -> None:
    """Refuse to score another list of images than the protocol's.

    Raises:
        ProtocolLookupError: If the protocol pins a list and the data set here is another one.
    """
    expected = protocol.sample_list
    if expected.sha256 not in (None, dataset.list_sha256) or expected.count not in (None, len(dataset)):
        raise ProtocolLookupError(
            f"protocol '{protocol.dataset}/{protocol.id}' is for the list '{expected.name}' of {expected.count} images "
            f"(sha256 {expected.sha256}); '{dataset.id}' here lists {len(dataset)} (sha256 {dataset.list_sha256})"
        )


def manifest_protocol(dataset: Dataset) -> Protocol:
    """Return how a manifest is scored unless another protocol is named.

    The manifest's own crop and farthest depth rule; predictions are brought to the size of the truth and fitted as
    their kind needs, and nothing is clamped.
    """
    return Protocol(
        schema_version=1,
        id="manifest",
        version=1,
        title="As the manifest says",
        dataset=dataset.id,
        sample_list=SampleList(name=dataset.split, count=len(dataset), sha256=dataset.list_sha256),
        ground_truth=GroundTruth(variant="as the manifest says"),
        valid_range=ValidRange(min_m=0.001, max_m=None, min_inclusive=False, max_inclusive=False),
        mask="sample-mask-and-region",
        crop=CropWindow(name="none", frame="full-image"),
        resize=[_to_truth()],
        alignment=_alignment(),
        clamp=None,
        flip_average=False,
        aggregation="mean-of-images",
        metrics=["abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3", "mae"],
        primary_metric="abs_rel",
        reference=Reference(),
    )


def _named(protocols: Protocols, dataset_id: str, name: str) -> Protocol:
    owner, _, protocol_id = name.rpartition("/")
    found = protocols.get((owner or dataset_id, protocol_id))
    if found is None:
        known = ", ".join(f"{dataset}/{protocol}" for dataset, protocol in sorted(protocols)) or "none"
        raise ProtocolLookupError(f"no protocol '{owner or dataset_id}/{protocol_id}'; known: {known}")
    return found


def _to_truth() -> ResizeStep:
    return ResizeStep(
        what="prediction",
        quantity="network-output",
        to="ground-truth",
        mode="bilinear",
        align_corners=False,
        antialias=False,
    )


def _alignment() -> dict[PredictionKind, Alignment]:
    return {
        "metric-depth": Alignment(space="none", solver="none", estimator="none"),
        "scale-invariant-depth": Alignment(space="depth", solver="scale", estimator="least squares"),
        "affine-invariant-depth": Alignment(space="depth", solver="scale-shift", estimator="least squares"),
        "affine-invariant-disparity": Alignment(
            space="disparity", solver="scale-shift", estimator="least squares", floor="1/1000 m", floor_m=1000.0
        ),
    }
