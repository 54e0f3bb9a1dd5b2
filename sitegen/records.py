"""The contract between runners and site: one pydantic model for every kind of file under ``results/``.

Records are strict: wrong types, unknown fields, NaN, Infinity, markup and control characters are refused, so that a
page may trust what it is given. Checks across files (does the model exist, does the hash agree) are the store's.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from sitegen.characters import character_name, hidden_character
from sitegen.metrics import METRICS, POOLED

__all__ = [
    "FAMILIES",
    "PARAMETER_TOLERANCE",
    "PATTERN_MEANINGS",
    "PREDICTION_KINDS",
    "PROOF_CHECKS",
    "RECORD_TYPES",
    "UNDISTURBED",
    "WEAKER_KINDS",
    "AdapterProofs",
    "Alignment",
    "Checker",
    "Checkpoint",
    "Correction",
    "Corrections",
    "DatasetCard",
    "Detail",
    "Disagreement",
    "DisagreementValue",
    "Dispute",
    "Disputes",
    "Environment",
    "Estimator",
    "Exposure",
    "Family",
    "GalleryChoice",
    "GalleryCloud",
    "GalleryDepth",
    "GalleryFile",
    "GalleryImage",
    "GalleryIndex",
    "GalleryModel",
    "GalleryProtocol",
    "GalleryScale",
    "GallerySmall",
    "Lesson",
    "LessonCrops",
    "LessonEnsemble",
    "LessonFit",
    "LessonPixels",
    "ModelCard",
    "ModelProofs",
    "NumberKind",
    "PictureKind",
    "PredictionKind",
    "Proof",
    "ProofCheck",
    "Protocol",
    "PublishedNumber",
    "Record",
    "Run",
    "Samples",
    "Source",
    "SourceTable",
    "Speed",
    "SpeedCase",
    "SpeedStatistics",
    "TrainingLoss",
    "Verification",
    "Verified",
    "canonical_json",
    "mean_and_spread",
    "nearest_kind",
    "parameter_fault",
    "record_text",
    "round_significant",
    "sha256_of",
    "summarise",
    "weighing",
]

# ---------------------------------------------------------------------------------------------------------------------
# Field types

_MARKUP = re.compile(
    r"<\s*[A-Za-z/!?]|\b(?:javascript|vbscript)\s*:|\bdata:[a-z]+/|\{\{|\}\}|\{[%#]|[$#]\{|<%|\]\(|"
    r"\\(?:write|input|include|openin|openout|catcode|def|csname|usepackage|immediate|href|url)(?![a-z])",
    re.IGNORECASE,
)
"""HTML, addresses that are code, templates of Jinja, Liquid or mustache, links of Markdown, LaTeX that acts."""


def _plain_text(value: str) -> str:
    """Refuse what could be more than text: markup, script addresses, and characters that show nothing."""
    if found := _MARKUP.search(value):
        raise ValueError(f"markup or a script address is not allowed in text: '{found.group(0)}'")
    if (char := hidden_character(value, "\n")) is not None:
        raise ValueError(f"control character {character_name(char)} is not allowed in text")
    if value != value.strip():
        raise ValueError("text must not begin or end with white space")
    return value


def _known_metric(value: str) -> str:
    if value not in METRICS:
        raise ValueError(f"unknown metric '{value}'; known: {', '.join(METRICS)}")
    return value


def _real_date(value: str) -> str:
    datetime.date.fromisoformat(value)  # its message names the part that is out of range
    return value


_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
_URL = r"^https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][^\s<>\"'`\\]*)?$"
_SHA256 = r"^[0-9a-f]{64}$"
_COMMIT = r"^[0-9a-f]{7,40}$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_BIB_KEY = r"^[A-Za-z0-9][A-Za-z0-9:_-]{0,79}$"
_COLOUR = r"^#[0-9a-f]{6}$"
_FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_NUMBER_ID = r"^[0-9a-f]{12}$"
_RESIZE_TARGET = r"^(?:ground-truth|input-image|[1-9][0-9]*x[1-9][0-9]*)$"
PATTERN_MEANINGS = {
    _ID: "an id: lower-case letters, digits and hyphens, at most 64",
    _URL: "an address that begins with http:// or https:// and a plain host name",
    _SHA256: "a sha256: 64 lower-case hexadecimal digits",
    _COMMIT: "a git commit: 7 to 40 lower-case hexadecimal digits",
    _DATE: "a date such as 2026-11-22",
    _BIB_KEY: "a BibTeX key: letters, digits, colons, underscores and hyphens",
    _COLOUR: "a colour such as #0b5b62",
    _FILE_NAME: "a plain file name: letters, digits, dots, underscores and hyphens",
    _NUMBER_ID: "the id of a published number: 12 lower-case hexadecimal digits",
    _RESIZE_TARGET: "ground-truth, input-image, or rows x columns such as 352x1216",
}
"""What each pattern asks for, in words; findings use them."""

Id = Annotated[str, StringConstraints(pattern=_ID)]
"""Kebab-case identifier; equals the stem of the record's file."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_plain_text)]
OptionalText = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_plain_text)]
Url = Annotated[str, StringConstraints(pattern=_URL, max_length=500), AfterValidator(_plain_text)]
Sha256 = Annotated[str, StringConstraints(pattern=_SHA256)]
GitCommit = Annotated[str, StringConstraints(pattern=_COMMIT)]
Date = Annotated[str, StringConstraints(pattern=_DATE), AfterValidator(_real_date)]
BibKey = Annotated[str, StringConstraints(pattern=_BIB_KEY)]
MetricId = Annotated[str, AfterValidator(_known_metric)]
Year = Annotated[int, Field(ge=1900, le=2100)]
FileName = Annotated[str, StringConstraints(pattern=_FILE_NAME)]


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):  # true equals 1
        raise ValueError("input should be 1")
    return value


SchemaVersion = Annotated[Literal[1], BeforeValidator(_no_truth_value)]


class _FirstFault(FailFast):
    """Of a list with a hundred thousand faults only the first is told."""

    __hash__ = object.__hash__  # unions of annotated types are looked up by hash


Detail = OptionalText | int | float | bool
"""What a model was told, or decided for an image."""
ImageColumn = Annotated[list[float | None], _FirstFault()]
"""A number for each image, in the order of the ids."""
ImageCounts = Annotated[list[Annotated[int, Field(ge=0)]], _FirstFault()]

PredictionKind = Literal[
    "metric-depth", "scale-invariant-depth", "affine-invariant-depth", "affine-invariant-disparity", "ordinal"
]
"""What a prediction is invariant to; ``metric-depth`` is the strongest."""
PREDICTION_KINDS: tuple[PredictionKind, ...] = get_args(PredictionKind)
WEAKER_KINDS: dict[PredictionKind, tuple[PredictionKind, ...]] = {
    "metric-depth": PREDICTION_KINDS,
    "scale-invariant-depth": PREDICTION_KINDS[1:],
    "affine-invariant-depth": ("affine-invariant-depth", "ordinal"),
    "affine-invariant-disparity": ("affine-invariant-disparity", "ordinal"),
    "ordinal": ("ordinal",),
}
"""What a prediction of a kind may be scored as: itself first, then every weaker kind."""


def nearest_kind(kind: PredictionKind, known: Container[str]) -> PredictionKind | None:
    """Return what a prediction is scored as: its own kind, else the nearest weaker one that is known; None without."""
    return next((candidate for candidate in WEAKER_KINDS[kind] if candidate in known), None)


Family = Literal[
    "metric",
    "scale",
    "affine-depth",
    "affine-disparity",
    "affine-unspecified",
    "ordinal",
    "speed",
    "size",
    "rank",
    "unplaced",
]
"""How a published number's prediction was fitted to the ground truth, or what else the number is."""
FAMILIES: tuple[Family, ...] = get_args(Family)

NumberKind = Literal["reported", "copied", "re-run", "unclear"]
"""Who measured a published number: the model's authors, an older source that is quoted, somebody else, not settled."""
NumberFlag = Literal["suspect", "caution", "secondary"]
ZeroShot = Literal["yes", "no", "unknown"]
Relation = Literal["zero_shot", "trained_on", "fine_tuned_on", "pretrained_on", "same_source"]


class Record(BaseModel):
    """Base of all records: strict, closed, immutable, no NaN or Infinity."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


# ---------------------------------------------------------------------------------------------------------------------
# Cards


class DatasetCard(Record):
    """A data set (``results/datasets/<id>.yaml``), an average over several, or the place of numbers without one."""

    schema_version: SchemaVersion
    id: Id
    name: Text
    kind: Literal["dataset", "average", "none"] = "dataset"
    citable: bool = True
    """False for smoke boards: shown with a mark, never to be cited."""
    role: Literal["evaluation", "training", "both"]
    year: Year | None = None
    summary: OptionalText = ""
    paper_title: OptionalText = ""
    arxiv_or_doi: OptionalText = ""
    bibtex: list[BibKey] = []
    homepage: Url | None = None
    scene: Literal["indoor", "outdoor", "mixed", "objects"] | None = None
    real_or_synthetic: Literal["real", "synthetic"] | None = None
    sensor: OptionalText = ""
    resolution: OptionalText = ""
    images_eval: OptionalText = ""
    split_name: OptionalText = ""
    unranked_splits: list[Text] = []
    """What ``split`` says of numbers on a part of the usual test images or on others: listed, never ranked."""
    depth_range_m: OptionalText = ""
    ground_truth_kind: Literal["dense", "semi-dense", "sparse", "disparity", "ordinal"] | None = None
    units: OptionalText = ""
    """How depth is stored on disk and how it becomes metres."""
    licence: OptionalText = ""
    images_republishable: Literal["yes", "no", "unknown"] = "unknown"
    download_requires: Literal["none", "login", "form", "unknown"] = "unknown"
    layout: OptionalText = ""
    """What a folder with the files looks like, where a loader reads them; names in capitals stand for any."""
    how_to_get: OptionalText = ""
    """Where those files are, in sentences; empty where they come with Fathom."""
    parts: list[Id] = []
    """Ids of data sets that are parts of this one (DIODE indoor, outdoor)."""
    members: list[Text] = []
    """For an average: what it averages over, as the source says."""
    primary_metrics: dict[Family, MetricId] = {}
    """The metric by which a board of a family is sorted, where it is not the usual one."""
    traps: list[Text] = []
    """What goes wrong when this data set is used; shown beside its boards."""
    notes: list[Text] = []
    seen_at: OptionalText = ""
    """Where the facts of this card were read."""


class Exposure(Record):
    """What a model saw of a data set before being tested on it, and how that is known."""

    dataset: Id
    relation: Relation
    evidence: Text


class Checkpoint(Record):
    """One released weight file or hub repository."""

    url: OptionalText = ""
    revision: OptionalText = ""
    sha256: Sha256 | None = None
    loader: OptionalText = ""


class TrainingLoss(Record):
    """What a model was trained to minimise, in a sentence, and where that was read."""

    text: Text
    evidence: Text


class ModelCard(Record):
    """A released or described model (``results/models/<id>.yaml``)."""

    schema_version: SchemaVersion
    id: Id
    name: Text
    family: Id
    variant: OptionalText = ""
    baseline: bool = False
    """True for a reference point that is no learned model (mean depth, row prior, dark channel)."""
    year: Year | None = None
    venue: OptionalText = ""
    paper_title: OptionalText = ""
    arxiv: OptionalText = ""
    authors: OptionalText = ""
    bibtex: list[BibKey] = []
    code_url: Url | None = None
    licence_code: OptionalText = ""
    licence_weights: OptionalText = ""
    commercial_use: Literal["yes", "no", "unknown"] = "unknown"
    """Whether the licence of the weights, as read, allows commercial use; ``unknown`` unless a text settles it."""
    output_kind: Literal[PredictionKind, "unknown"]
    architecture_class: Literal["cnn", "transformer", "hybrid", "diffusion", "classical"] | None = None
    backbone: OptionalText = ""
    architecture: OptionalText = ""
    """How the network is built, in a few sentences."""
    training_loss: TrainingLoss | None = None
    params_m: Annotated[float, Field(gt=0)] | None = None
    input_rule: OptionalText = ""
    """How an image becomes the network's input: size, multiple, aspect, normalisation."""
    alignment: OptionalText = ""
    """How its output has to be fitted before it is scored."""
    trained_on: list[Id] = []
    pretrained_on: list[Id] = []
    exposure: list[Exposure] = []
    checkpoints: list[Checkpoint] = []
    main_variants: list[Text] = []
    """Variants, as the numbers' ``variant`` column has them, that the authors present as the model's main setting."""
    how_to_run: OptionalText = ""
    """A shell command or Python lines that run the model; shown as code."""
    notes: list[Text] = []
    seen_at: OptionalText = ""


# ---------------------------------------------------------------------------------------------------------------------
# Sources and published numbers


class SourceTable(Record):
    """One table of a source: which families and kinds its cells hold and why."""

    place: Text
    families: Annotated[list[Family], Field(min_length=1)]
    kinds: Annotated[list[NumberKind], Field(min_length=1)]
    family_rule: Text
    kind_rule: Text
    why: Text


class Source(Record):
    """A text that numbers were read in (``results/sources/<id>.yaml``, numbers in ``<id>.csv`` beside it)."""

    schema_version: SchemaVersion
    id: Id
    title: Text
    authors: OptionalText = ""
    year: Year | None = None
    venue: OptionalText = ""
    url: Url | None = None
    seen_at: Text
    """repository:path@commit, the address of a stored page, or the text index and file id."""
    bibtex: list[BibKey] = []
    kind_of_text: Literal["paper", "readme", "documentation", "notes", "issue-thread", "third-party-benchmark"]
    compared: OptionalText = ""
    """What the source compares, in a sentence."""
    caveats: list[Text] = []
    unranked_fits: list[Text] = []
    """What ``protocol_note`` says of numbers fitted more kindly than the family's others: listed, never ranked."""
    tables: Annotated[list[SourceTable], Field(min_length=1)]


class PublishedNumber(Record):
    """One row of ``results/sources/<source>.csv``: one number as a source printed it."""

    model: Id
    model_as_printed: Text
    variant: OptionalText = ""
    dataset: Id
    split: OptionalText = ""
    protocol_note: OptionalText = ""
    metric: MetricId
    value: float
    value_as_printed: Text
    zero_shot: ZeroShot
    place: Text
    family: Family
    family_evidence: Text
    kind: NumberKind
    flag: NumberFlag | None = None
    flag_reason: OptionalText = ""
    protocol: Id | None = None
    """Protocol id, only where the source's protocol is exactly known."""
    compared_value: float | None = None
    compared_source: Id | None = None
    status_as_stated: Literal["match", "off", "informational", "blocked"] | None = None
    measured_on: OptionalText = ""
    measured_date: OptionalText = ""
    seen_at: OptionalText = ""

    @model_validator(mode="after")
    def _flag_has_reason(self) -> PublishedNumber:
        if (self.flag is None) != (self.flag_reason == ""):
            raise ValueError("flag and flag_reason go together: a flag needs its reason")
        return self

    @model_validator(mode="after")
    def _value_in_range(self) -> PublishedNumber:
        metric = METRICS[self.metric]
        if self.value < metric.low or (metric.high is not None and self.value > metric.high):
            high = "infinity" if metric.high is None else f"{metric.high:g}"
            raise ValueError(f"{self.metric} of {self.value} is outside {metric.low:g}..{high}")
        return self


# ---------------------------------------------------------------------------------------------------------------------
# Disagreements


class DisagreementValue(Record):
    """One of the values of a documented disagreement."""

    label: Text
    """What was different for this value."""
    value: float
    value_as_printed: Text
    approximate: bool = False
    role: Literal["paper", "re-run"]
    """What the model's own authors print, or what anybody else measured (in a paper or not)."""
    dataset: Id | None = None
    """Where it is another data set than the case's."""
    metric: MetricId | None = None
    source: Id | None = None
    place: OptionalText = ""
    """Where the source says it, only for a value that is not among the source's numbers."""
    model: Id | None = None
    """Where it is another model than the first of the case."""
    setting: OptionalText = ""
    """Groups values that belong to one comparison when a case holds several."""


class Disagreement(Record):
    """The same checkpoint with different numbers (``results/disagreements/<id>.yaml``)."""

    schema_version: SchemaVersion
    id: Id
    number: Annotated[int, Field(ge=1)]
    title: Text
    theme: Literal["ground-truth", "crop-and-resolution", "alignment", "checkpoint-and-sampling", "unexplained"]
    models: Annotated[list[Id], Field(min_length=1)]
    dataset: Id
    metric: MetricId
    values: list[DisagreementValue]
    differs: Text
    """What differs between the values."""
    explained: bool = True
    sources: list[Id] = []
    references: list[Text] = []
    """Further places, as issue threads or documents, in words or as addresses."""
    notes: list[Text] = []


# ---------------------------------------------------------------------------------------------------------------------
# Protocols. The words that they use are explained in docs/adr/0003-house-protocols.md.

Frame = Literal["full-image", "kb-crop-352x1216"]
"""An image as it is, or the KITTI benchmark cut of it: the lowest 352 rows and the middle 1216 columns."""
MaskSource = Literal["sample-mask", "sample-mask-and-region", "none"]
"""The valid pixels that a sample declares, or those within the region that the sample declares as well. ``none``: the
sample's mask is not looked at; valid is every depth within the range (ZoeDepth on DIODE), and a metric of whole maps
takes every pixel (Depth Pro's boundary F1)."""
ResizeMode = Literal["nearest", "masked-nearest", "bilinear", "bicubic", "lanczos"]
ResizeTarget = Annotated[str, StringConstraints(pattern=_RESIZE_TARGET)]
"""The size of the ground truth, of the image as the model got it, or rows x columns."""
Estimator = Literal[
    "none",
    "least squares",
    "least squares over positive predictions",
    "least squares else zero",
    "least squares else lower median",
    "ridge least squares",
    "trimmed least squares",
    "median and mean deviation",
    "least absolute deviations",
    "numpy median",
    "lower median",
    "weighted L1",
]
"""How a solver estimates; docs/adr/0006-protocol-engine.md defines each. ``numpy median`` is the mean of the two
middle values of an even count, ``lower median`` the smaller (torch); ``weighted L1`` weighs by inverse ground truth."""


def _later() -> Any:
    """Return the field of a word that protocols did not have from the start: absent from blocks that do not use it.

    A run keeps the digest of its protocol's block, which must not change because others can say more.
    """
    return Field(default=None, exclude_if=lambda value: value is None)


class Reference(Record):
    """Where a protocol is defined."""

    paper: OptionalText = ""
    repository: OptionalText = ""
    commit: GitCommit | None = None
    place: OptionalText = ""


class SampleList(Record):
    """The images of an evaluation, in the order of their sorted ids."""

    name: Text
    count: Annotated[int, Field(ge=1)] | None
    sha256: Sha256 | None = None
    """Of the sorted ids, one a line with a newline after each; None while the list could not be had."""


class GroundTruth(Record):
    """Which ground truth is compared with."""

    variant: Text
    storage: OptionalText = ""


class ValidRange(Record):
    """Which ground-truth depths count, in metres; None means no limit on that side."""

    min_m: float | None
    max_m: float | None
    min_inclusive: bool
    max_inclusive: bool


class CropWindow(Record):
    """Which pixels count, and in which frame the window is taken; half-open rows and columns."""

    name: Literal["none", "eigen-nyu", "eigen-kitti", "garg-kitti", "custom"]
    frame: Frame
    """What the ground truth is cut to before the window is taken."""
    rows: list[float] | None = None
    columns: list[float] | None = None
    unit: Literal["pixels", "fraction"] | None = None

    @model_validator(mode="after")
    def _window_is_given(self) -> CropWindow:
        if (self.name == "none") != (self.rows is None and self.columns is None and self.unit is None):
            raise ValueError("rows, columns and unit are given exactly when a window is named")
        for name, bounds in (("rows", self.rows), ("columns", self.columns)):
            if bounds is not None and (len(bounds) != 2 or bounds[0] >= bounds[1]):
                raise ValueError(f"{name} must be [first, end) with first below end")
        return self


class ResizeStep(Record):
    """One step of the resize chain. No step for the image means that the model's own rule decides its input."""

    what: Literal["image", "prediction", "ground-truth"]
    quantity: Literal["colour", "depth", "disparity", "network-output"]
    to: ResizeTarget
    mode: ResizeMode
    align_corners: bool | None = None
    antialias: bool | None = None
    keep_within: Annotated[list[float], Field(min_length=2, max_length=2)] | None = _later()
    """After this step a value that does not lie strictly between these two becomes 0."""


class Alignment(Record):
    """How a prediction of one kind is fitted before it is scored."""

    space: Literal["none", "depth", "disparity", "log-depth"]
    solver: Literal["none", "median", "scale", "scale-shift"]
    estimator: Estimator
    floor: OptionalText = ""
    """What an aligned disparity is floored at before it is inverted."""
    floor_m: float | None = None
    """The same as a depth in metres where it is a fixed number: disparity is floored at 1/floor_m."""
    floor_rule: Literal["largest-depth"] | None = _later()
    """The same where each image has its own: ``largest-depth`` floors disparity at 1 / the largest scored depth."""
    fit_max_res: Annotated[int, Field(ge=1)] | None = _later()
    """Where a side is longer than this many pixels, the fit sees the nearest columns of a map narrowed by the factor
    that the longer side is too long; all rows stay, the whole map is scored (Marigold's ``alignment_max_res``)."""


class Clamp(Record):
    """Limits of the aligned prediction in metres."""

    min_m: float | None
    max_m: float | None
    note: OptionalText = ""
    nan_m: float | None = _later()
    """What a prediction that is not a number becomes."""


class Protocol(Record):
    """How a data set is evaluated (``results/protocols/<dataset>/<id>.yaml``)."""

    schema_version: SchemaVersion
    id: Id
    version: Annotated[int, Field(ge=1)]
    title: Text
    house: bool = False
    dataset: Id
    sample_list: SampleList
    ground_truth: GroundTruth
    valid_range: ValidRange
    mask: MaskSource
    mask_rule: OptionalText = ""
    """Which pixels the sample's mask leaves, beyond ground truth that is finite and above zero."""
    input_crop: Frame = "full-image"
    """What the image is cut to before the model sees it."""
    crop: CropWindow
    resize: list[ResizeStep]
    alignment: Annotated[dict[PredictionKind, Alignment], Field(min_length=1)]
    clamp: Clamp | None
    flip_average: bool
    aggregation: Literal["mean-of-images", "pooled-pixels"]
    metrics: Annotated[list[MetricId], Field(min_length=1)]
    primary_metric: MetricId
    minimum_valid_pixels: Annotated[int, Field(ge=1)] = 1
    reference: Reference
    notes: list[Text] = []

    @model_validator(mode="after")
    def _primary_is_measured(self) -> Protocol:
        if self.primary_metric not in self.metrics:
            raise ValueError(f"primary_metric '{self.primary_metric}' is not among metrics")
        return self

    def block(self) -> dict[str, Any]:
        """Return what defines the protocol: everything but titles, notes, references and the house mark."""
        return self.model_dump(mode="json", exclude={"title", "notes", "reference", "house", "schema_version"})

    def digest(self) -> str:
        """Return the sha256 of the canonical block: two protocols with the same digest measure the same thing."""
        return sha256_of(self.block())


# ---------------------------------------------------------------------------------------------------------------------
# Measurements


class RunModel(Record):
    """Which weights were run and how."""

    id: Id
    revision: OptionalText = ""
    weights_sha256: Sha256 | None = None
    dtype: Literal["float32", "float16", "bfloat16", "float64"]
    settings: dict[Text, Detail | None] = {}


class Skip(Record):
    """An image that was listed and not scored."""

    id: Text
    reason: Text


class RunDataset(Record):
    """Which images were scored."""

    id: Id
    split: Text
    list_sha256: Sha256
    listed: Annotated[int, Field(ge=0)]
    evaluated: Annotated[int, Field(ge=0)]
    skipped: list[Skip] = []


class RunProtocol(Record):
    """Which protocol was run: its id, its digest and the whole block."""

    id: Id
    sha256: Sha256
    block: dict[str, Any]

    @model_validator(mode="after")
    def _digest_agrees(self) -> RunProtocol:
        if sha256_of(self.block) != self.sha256:
            raise ValueError("sha256 is not that of the block")
        return self


class Samples(BaseModel):
    """Columnar per-image values: the fixed columns and one column a metric (None: no value for that image)."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, ImageColumn]

    id: Annotated[list[Text], Field(min_length=1), _FirstFault()]
    group: Annotated[list[Text], _FirstFault()]
    valid_pixels: ImageCounts
    scale: ImageColumn
    shift: ImageColumn
    degenerate: Annotated[list[bool], _FirstFault()]
    """Whether the fit should not be trusted: constant prediction, scale not above 0, or fewer than 10 valid pixels."""
    clamped_share: ImageColumn
    """Share of the valid pixels that the floor of the fit or the clamp after it changed."""
    pairs: ImageCounts | None = _later()
    """Point pairs of each image; only with metrics that are counted in pairs."""
    planes: ImageCounts | None = _later()
    """Scored planes of each image; only with metrics that are counted in planes."""
    details: Annotated[list[dict[Text, Detail]], _FirstFault()] | None = _later()
    """What the model decided for each image (which head, which focal length), where it says so."""

    @property
    def counts(self) -> dict[str, list[int]]:
        """Return how many pairs and planes each image has, where metrics are counted in them."""
        return {unit: counts for unit in ("pairs", "planes") if (counts := getattr(self, unit)) is not None}

    @property
    def metrics(self) -> dict[str, list[float | None]]:
        """Return the metric columns."""
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _columns_agree(self) -> Samples:
        for name in self.__pydantic_extra__:
            _known_metric(name)
        lengths = {name: len(column) for name, column in self.model_dump().items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns differ in length: {lengths}")
        for unit in {METRICS[name].counted for name in self.__pydantic_extra__} - {"pixels", *self.counts}:
            raise ValueError(f"a metric is counted in {unit}, and there is no column '{unit}'")
        if self.id != sorted(set(self.id)):
            raise ValueError("ids must be sorted and unique")
        return self


class Environment(Record):
    """What a measurement ran on; fields that do not apply are None."""

    python: Text
    torch: OptionalText | None = None
    torchvision: OptionalText | None = None
    transformers: OptionalText | None = None
    diffusers: OptionalText | None = None
    timm: OptionalText | None = None
    numpy: OptionalText | None = None
    pillow: OptionalText | None = None
    cuda: OptionalText | None = None
    driver: OptionalText | None = None
    device: Text
    cpu: OptionalText | None = None
    platform: OptionalText | None = None
    runner_version: Text
    git_commit: GitCommit | None = None
    dirty: bool | None = None
    tf32: bool | None = _later()
    """Whether the GPU may round float32 products to TF32."""
    deterministic: bool | None = _later()
    """Whether torch was told to use algorithms that give the same bits every time, and none else."""
    threads: Annotated[int, Field(ge=1)] | None = _later()
    """How many threads torch computes with; on a CPU only."""


class Timings(Record):
    """When and how long; not part of a run's digest."""

    started: Text
    seconds_total: Annotated[float, Field(ge=0)]
    seconds_predict: Annotated[float, Field(ge=0)] | None = None


D = TypeVar("D", "Run", "Lesson")


def _digest_checked(record: D, info: ValidationInfo) -> D:
    """Return a record whose digest is that of its content; one that is just being sealed has none yet."""
    sealing = isinstance(info.context, dict) and info.context.get("sealing")
    if not sealing and record.digest() != record.sha256:
        raise ValueError(f"sha256 does not agree with the record, whose digest is {record.digest()}")
    return record


def _sealed(record_type: type[D], data: Mapping[str, Any]) -> D:
    """Return the record of these fields with its digest filled in."""
    draft = record_type.model_validate({**data, "sha256": "0" * 64}, context={"sealing": True})
    return draft.model_copy(update={"sha256": draft.digest()})


class Run(Record):
    """A measured result (``results/runs/<dataset>/<protocol>/<model>.json``)."""

    schema_version: SchemaVersion
    model: RunModel
    dataset: RunDataset
    protocol: RunProtocol
    prediction_kind: PredictionKind
    deviations: list[Text] = Field(default=[], exclude_if=lambda value: not value)
    """In what the predictions were made otherwise than the protocol says (another cut, no flip). Such a run measures
    something else than the protocol's table: it is shown with these words and never ranked."""
    command: Text
    samples: Samples
    summary: dict[MetricId, float | None]
    environment: Environment
    timings: Timings
    submitter: Text
    sha256: Sha256

    @model_validator(mode="after")
    def _counts_agree(self) -> Run:
        if self.dataset.evaluated != len(self.samples.id):
            raise ValueError(f"dataset.evaluated is {self.dataset.evaluated}, samples hold {len(self.samples.id)}")
        if self.dataset.listed != self.dataset.evaluated + len(self.dataset.skipped):
            raise ValueError("dataset.listed must be evaluated plus skipped")
        return self

    @model_validator(mode="after")
    def _summary_is_derived(self) -> Run:
        if expected := self._summary_faults():
            raise ValueError("summary does not follow from samples: " + "; ".join(expected))
        return self

    @model_validator(mode="after")
    def _digest_agrees(self, info: ValidationInfo) -> Run:
        return _digest_checked(self, info)

    @classmethod
    def sealed(cls, data: Mapping[str, Any]) -> Run:
        """Return the run of these fields with its ``sha256`` filled in; how a runner makes a record.

        Raises:
            pydantic.ValidationError: If the fields are not those of a valid run.
        """
        return _sealed(cls, data)

    @property
    def place(self) -> str:
        """Return where its file belongs below a folder of runs: data set, protocol, model."""
        return f"{self.dataset.id}/{self.protocol.id}/{self.model.id}.json"

    @property
    def scored_as(self) -> PredictionKind:
        """Return the kind that the prediction was scored as: its own, else the nearest weaker one of the protocol."""
        return nearest_kind(self.prediction_kind, self.protocol.block.get("alignment", {})) or self.prediction_kind

    @property
    def complete(self) -> bool:
        """Return whether every image of the protocol's list was scored, as far as the protocol pins one."""
        pinned = self.protocol.block.get("sample_list", {})
        whole = pinned.get("count") in (None, self.dataset.listed)
        same = pinned.get("sha256") in (None, self.dataset.list_sha256)
        return whole and same and self.dataset.evaluated == self.dataset.listed and not self.dataset.skipped

    @property
    def pooled_pixels(self) -> list[int] | None:
        """Return the valid pixels of each image where the protocol pools those of all images, else None."""
        return self.samples.valid_pixels if self.protocol.block.get("aggregation") == "pooled-pixels" else None

    def digest(self) -> str:
        """Return the sha256 over the record without its own digest and the timings."""
        return sha256_of(self.model_dump(mode="json", exclude={"sha256", "timings"}))

    def _summary_faults(self) -> list[str]:
        derived = summarise(self.samples.metrics, self.pooled_pixels, self.samples.counts)
        faults = [f"{name} is missing" for name in derived if name not in self.summary]
        faults += [f"{name} has no column" for name in self.summary if name not in derived]
        for name, value in derived.items():
            if name in self.summary and not _close(value, self.summary[name]):
                faults.append(f"{name} is {self.summary[name]}, the mean of the samples is {value}")
        return faults


class SpeedStatistics(Record):
    """Milliseconds an image over the timed repeats: the time of a batch over its images."""

    p10_ms: Annotated[float, Field(gt=0)]
    median_ms: Annotated[float, Field(gt=0)]
    p90_ms: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _in_order(self) -> SpeedStatistics:
        if not self.p10_ms <= self.median_ms <= self.p90_ms:
            raise ValueError(f"p10, median and p90 must rise: {self.p10_ms}, {self.median_ms}, {self.p90_ms}")
        return self


UNDISTURBED = 0.95
"""The least ``cpu_share`` of a measurement on a CPU that nothing disturbed."""


class SpeedCase(Record):
    """One way of running a model on a device, timed."""

    timed: Literal["network", "predict"]
    """``network``: the forward pass alone, its input on the device already. ``predict``: all that an image goes
    through, from RGB values to the map: pre-processing, copies to and from the device, forward pass and all after."""
    random_weights: bool
    """Whether only the architecture was there: random weights cost what the trained ones do."""
    dtype: Literal["float32", "float16", "bfloat16", "float64"]
    compiled: bool
    batch: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    """Rows of the image; the model's own rule makes the network's input of it."""
    width: Annotated[int, Field(ge=1)]
    """Columns of the image."""
    network_input: OptionalText = ""
    """Shape of what the network gets, batch first, where it is known: ``1x3x384x512``."""
    warmup: Annotated[int, Field(ge=0)]
    """Untimed repeats before the timed ones."""
    repeats: Annotated[int, Field(ge=2)]
    latency: SpeedStatistics
    cpu_share: Annotated[float, Field(gt=0)] | None = None
    """Processor time of the process over the time of the repeats, on a CPU only: with nobody else on the machine at
    least 1 (more with several threads); half of it means that the times are about twice too long."""
    peak_memory_mb: Annotated[float, Field(gt=0)] | None = None
    """In 10^6 bytes; ``memory_note`` says of what, or why there is none."""
    memory_note: Text
    mean_power_w: Annotated[float, Field(gt=0)] | None = _later()
    """Watts that the whole GPU drew while the repeats were timed, the first second left out; as NVML tells it."""
    peak_power_w: Annotated[float, Field(gt=0)] | None = _later()
    """The largest sample of it, in watts."""
    energy_j: Annotated[float, Field(gt=0)] | None = _later()
    """Joules an image: the mean power for the mean time of an image."""
    gflops: Annotated[float, Field(gt=0)] | None = None
    """10^9 floating-point operations an image of the network's convolutions, matrix products and attention; a
    multiplication with its addition counts as two."""
    params_m: Annotated[float, Field(gt=0)] | None = None
    """Parameters as counted, in millions."""
    classifier_params_m: Annotated[float, Field(gt=0)] | None = _later()
    """Further millions in published numbers: of the encoder's classifier, without which the network is built."""
    counting_note: OptionalText = ""
    """Why operations or parameters could not be counted."""
    revision: OptionalText = ""
    weights_sha256: Sha256 | None = None
    settings: dict[Text, Detail | None] = {}
    note: OptionalText = ""
    """What a reader has to know of the circumstances: that others used the machine too."""
    command: Text
    environment: Environment
    date: Date
    submitter: Text

    @property
    def identity(self) -> tuple[str | int | bool, ...]:
        """Return what tells a case from the others of its model and device; cases stand in the order of this."""
        how = (self.dtype, self.compiled, self.environment.tf32 or False, self.environment.threads or 0)
        return (self.timed, self.random_weights, self.height, self.width, *how, self.batch)

    @property
    def disturbed(self) -> bool:
        """Return whether something else used the processor during the repeats, so that the times are too long."""
        return self.cpu_share is not None and self.cpu_share < UNDISTURBED

    @property
    def images_per_second(self) -> float:
        """Return the throughput that the median time stands for."""
        return 1000 / self.latency.median_ms

    @model_validator(mode="after")
    def _random_weights_are_no_weights(self) -> SpeedCase:
        if self.random_weights and (self.timed != "network" or self.weights_sha256 is not None):
            raise ValueError("random weights have no sha256, and only the network is timed with them")
        return self

    @model_validator(mode="after")
    def _power_is_whole(self) -> SpeedCase:
        mean, peak = self.mean_power_w, self.peak_power_w
        if len({value is None for value in (mean, peak, self.energy_j)}) > 1:
            raise ValueError("mean_power_w, peak_power_w and energy_j are there together or not at all")
        if mean is not None and peak is not None and mean > peak:
            raise ValueError("mean_power_w is larger than peak_power_w")
        return self


class Speed(Record):
    """All measured speeds of a model on a device (``results/speed/<device>/<model>.json``)."""

    schema_version: SchemaVersion
    model: Id
    device: Id
    device_name: Text
    """The device as its driver or the system calls it."""
    cases: Annotated[list[SpeedCase], Field(min_length=1)]

    @model_validator(mode="after")
    def _cases_are_sorted(self) -> Speed:
        found = [case.identity for case in self.cases]
        if found != sorted(set(found)):
            raise ValueError("cases must be sorted by what tells them apart, and none may stand twice")
        return self


PARAMETER_TOLERANCE = 0.01
"""By how much of the card's ``params_m`` a counted number of parameters may differ."""


def parameter_fault(counted_m: float | None, card_m: float | None, left_out_m: float | None = None) -> str | None:
    """Return what is wrong with a counted number of parameters beside the card's, in millions; None if nothing.

    Args:
        counted_m: Of the network; None where it was not counted, which is no fault.
        card_m: On the model's card; None where it says none, which is no fault.
        left_out_m: Those of a classifier that the published number may have and the network is built without.
    """
    if counted_m is None or card_m is None:
        return None
    counts = [counted_m, counted_m + (left_out_m or 0)]
    if any(abs(count - card_m) <= PARAMETER_TOLERANCE * card_m for count in counts):
        return None
    classifier = f" ({counts[1]:.6g} M with its classifier)" if left_out_m else ""
    off = 100 * (counts[1] - card_m) / card_m
    counted = f"{counted_m:.6g} M parameters were counted{classifier}"
    return f"{counted}; the card says {card_m:.6g} M, which is {off:+.1f} % off"


# ---------------------------------------------------------------------------------------------------------------------
# What was proven for the adapters

ProofCheck = Literal[
    "parameters", "tiny-checkpoint", "kind", "batch-equals-single", "mixed-sizes", "precisions", "real-weights"
]
"""What the runners check of every model's adapter; all but the last need no weights."""
PROOF_CHECKS: tuple[ProofCheck, ...] = get_args(ProofCheck)


class Proof(Record):
    """How one check of an adapter came out."""

    check: ProofCheck
    outcome: Literal["passed", "failed", "not-run"]
    note: OptionalText = ""
    """What was found; why it failed or was not run."""

    @model_validator(mode="after")
    def _says_why(self) -> Proof:
        if self.outcome != "passed" and not self.note:
            raise ValueError("what failed or was not run needs a note that says why")
        return self


class ModelProofs(Record):
    """All checks of one model's adapter, each once."""

    model: Id
    family: Id
    proofs: list[Proof]

    @model_validator(mode="after")
    def _every_check_once(self) -> ModelProofs:
        if [proof.check for proof in self.proofs] != list(PROOF_CHECKS):
            raise ValueError(f"every check stands once and in order: {', '.join(PROOF_CHECKS)}")
        return self


class AdapterProofs(Record):
    """What was proven for every adapter, and what was not (``results/adapters.json``)."""

    schema_version: SchemaVersion
    date: Date
    command: Text
    environment: Environment
    models: Annotated[list[ModelProofs], Field(min_length=1)]

    @model_validator(mode="after")
    def _models_are_unique(self) -> AdapterProofs:
        names = [entry.model for entry in self.models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"models stand twice: {', '.join(twice)}")
        return self


# ---------------------------------------------------------------------------------------------------------------------
# Gallery and verification


PictureKind = Literal["image", "ground-truth", "prediction", "error"]


class GalleryFile(Record):
    """A WebP file beside the index; width and height in pixels."""

    file: FileName
    width: Annotated[int, Field(ge=1, le=640)]
    height: Annotated[int, Field(ge=1)]
    sha256: Sha256


class GallerySmall(GalleryFile):
    """The small copy of a picture, for lists of pictures."""

    width: Annotated[int, Field(ge=1, le=160)]


class GalleryImage(GalleryFile):
    """One picture of a gallery entry."""

    kind: PictureKind
    model: Id | None = None
    """Whose prediction or error it is; None for the image and its truth."""
    small: GallerySmall
    alt: Text

    @property
    def view(self) -> str:
        """Return what tells a picture from the others of its entry, as it stands in addresses."""
        return f"{self.kind}.{self.model}" if self.model else self.kind

    @model_validator(mode="after")
    def _belongs_to_a_model(self) -> GalleryImage:
        if (self.model is not None) != (self.kind in ("prediction", "error")):
            raise ValueError("a prediction or error names its model, an image or its truth names none")
        return self


class GalleryScale(Record):
    """What the colours of an entry's maps stand for, from the darkest to the brightest."""

    low: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(gt=0)]
    unit: Literal["m", "relative"]
    """Metres, or parts of the true depth."""
    steps: Literal["ratio", "difference"]
    """What equal steps of colour are: equal ratios or equal differences."""

    @property
    def middle(self) -> float:
        """Return the value of the colour half-way."""
        return (self.low * self.high) ** 0.5 if self.steps == "ratio" else (self.low + self.high) / 2

    @model_validator(mode="after")
    def _rises(self) -> GalleryScale:
        if self.low >= self.high or (self.steps == "ratio" and self.low <= 0):
            raise ValueError("low must be below high, and above 0 where steps are ratios")
        return self


class GalleryDepth(GalleryFile):
    """Depth of the whole image as a lossless WebP: the code of a pixel is 256 times its red plus its green value."""

    model: Id | None = None
    """Whose prediction, as it was scored; None for the truth where it counted."""
    width: Annotated[int, Field(ge=1, le=320)]


class GalleryCloud(Record):
    """Depth along the optical axis of a pinhole camera, to be seen as points in space.

    Code 0 is no depth; code c from 1 to 65535 is ``first_m * ratio ** (c - 1)`` metres, and what is beyond either end
    has its code. The pixel in column x and row y (centres at whole numbers from 0) of depth z lies at
    ``((x - cx) / fx * z, (y - cy) / fy * z, z)`` metres to the right, down and forward.
    """

    fx: Annotated[float, Field(gt=0)]
    fy: Annotated[float, Field(gt=0)]
    cx: float
    cy: float
    """Focal lengths and principal point in pixels of the maps, which are all of one size."""
    first_m: Annotated[float, Field(gt=0)]
    """Depth of code 1, metres."""
    ratio: Annotated[float, Field(gt=1)]
    """Depth of a code divided by that of the code before."""
    maps: Annotated[list[GalleryDepth], Field(min_length=1)]
    """The truth, then the predictions that are in metres after the protocol's alignment, sorted by model."""

    @model_validator(mode="after")
    def _begins_with_the_truth(self) -> GalleryCloud:
        first, *models = (depth.model for depth in self.maps)
        if first is not None or None in models or models != sorted(set(models), key=str):
            raise ValueError("maps must be the truth, then predictions sorted by model, each once")
        if len({(depth.width, depth.height) for depth in self.maps}) > 1:
            raise ValueError("maps must be of one size")
        return self


class GalleryProtocol(Record):
    """How the predictions of an entry were scored."""

    id: Id
    sha256: Sha256
    primary_metric: MetricId


class GalleryModel(Record):
    """One model's prediction of the entry's image, in numbers."""

    model: RunModel
    metrics: dict[MetricId, float | None]
    scale: float | None = None
    shift: float | None = None
    deviations: list[Text] = []
    """In what the prediction was made otherwise than the protocol says."""
    environment: Environment
    """What the prediction was made on, and the Fathom that scored it."""
    command: Text


GalleryChoice = Literal["pick", "worst", "best", "disagreeing"]


class GalleryIndex(Record):
    """A gallery entry (``results/gallery/<dataset>/<sample>/index.json``)."""

    schema_version: SchemaVersion
    dataset: Id
    sample: Id
    title: Text
    """The sample's own id in its data set."""
    licence: Text
    protocol: GalleryProtocol
    chosen: Annotated[list[GalleryChoice], Field(min_length=1)]
    """Why this image is shown."""
    models: Annotated[list[GalleryModel], Field(min_length=1)]
    depth_scale: GalleryScale | None = None
    """Of the truth and of all predictions alike."""
    error_scale: GalleryScale | None = None
    images: list[GalleryImage] = []
    cloud: GalleryCloud | None = None
    """Absent where the data set states no intrinsics."""
    withheld: OptionalText = ""
    """Why there are no pictures: the data set's licence."""

    @property
    def files(self) -> dict[str, GalleryFile]:
        """Return every file beside the index, by the JSON pointer to what describes it."""
        pictures = {f"/images/{place}": image for place, image in enumerate(self.images)}
        small = {f"{pointer}/small": image.small for pointer, image in pictures.items()}
        maps = self.cloud.maps if self.cloud else []
        return {**pictures, **small, **{f"/cloud/maps/{place}": depth for place, depth in enumerate(maps)}}

    @property
    def values(self) -> list[float | None]:
        """Return the primary metric of each model, in their order."""
        return [entry.metrics[self.protocol.primary_metric] for entry in self.models]

    @model_validator(mode="after")
    def _hangs_together(self) -> GalleryIndex:
        faults = [*self._model_faults(), *self._picture_faults(), *self._cloud_faults()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _model_faults(self) -> Iterator[str]:
        ids = [entry.model.id for entry in self.models]
        if ids != sorted(set(ids)):
            yield "models must be sorted by id, each once"
        primary = self.protocol.primary_metric
        yield from (f"'{e.model.id}' has no {primary}" for e in self.models if primary not in e.metrics)

    def _picture_faults(self) -> Iterator[str]:
        if bool(self.images) == bool(self.withheld):
            yield "an entry has either pictures or a reason why they are withheld"
        if self.images and not (self.depth_scale and self.error_scale):
            yield "pictures need depth_scale and error_scale"
        models = [entry.model.id for entry in self.models]
        wanted = ["image", "ground-truth", *(f"{kind}.{m}" for m in models for kind in ("prediction", "error"))]
        if self.images and [image.view for image in self.images] != wanted:
            yield f"pictures must be, in this order: {', '.join(wanted)}"
        if len({file.file for file in self.files.values()}) != len(self.files):
            yield "two pictures name the same file"

    def _cloud_faults(self) -> Iterator[str]:
        if self.cloud is None:
            return
        if not self.images:
            yield "a cloud needs pictures"
        models = {entry.model.id for entry in self.models}
        strangers = [depth.model for depth in self.cloud.maps[1:] if depth.model not in models]
        yield from (f"the cloud has a map of '{model}', whose values are not here" for model in strangers)


def mean_and_spread(values: Iterable[float | None]) -> tuple[float, float] | None:
    """Return how good all models are on one image together, and how far apart; None unless each has a value."""
    found = list(values)
    known = [value for value in found if value is not None]
    if not known or len(known) != len(found):
        return None
    return sum(known) / len(known), max(known) - min(known)


class Correction(Record):
    """One value that was published here and is another now, or is no more."""

    id: Id
    date: Date
    path: Text
    """The file below ``results/``."""
    row: OptionalText = ""
    """Which value of the file, as ``sitegen validate`` names it; empty for the record as a whole."""
    old: Text
    new: Text | None
    """None where it was withdrawn."""
    reason: Text
    source: Text
    """Where the reason can be checked: an address, a table of a paper, an issue."""


class Corrections(Record):
    """Everything that was ever changed after it was published (``results/corrections.yaml``); only added to."""

    schema_version: SchemaVersion
    corrections: list[Correction] = []

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Corrections:
        ids = [entry.id for entry in self.corrections]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"corrections stand twice: {', '.join(twice)}")
        return self


# ---------------------------------------------------------------------------------------------------------------------
# What the theory's figures show


class LessonFit(Record):
    """The least squares fit of a prediction to the truth over the pixels of a lesson, and what it leaves."""

    space: Literal["depth", "disparity"]
    scale: float
    shift: float
    """In metres, or in 1/m for a fit in disparity."""
    floor: Annotated[float, Field(gt=0)] | None = None
    """Smallest aligned disparity in 1/m; None in depth."""
    abs_rel: Annotated[float, Field(ge=0)]
    delta1: Annotated[float, Field(ge=0, le=1)]

    def depth(self, prediction: float) -> float:
        """Return an aligned depth in metres."""
        if self.space == "depth":
            return self.scale * prediction + self.shift
        disparity = max(self.scale / prediction + self.shift, self.floor or 0)
        return 1 / disparity if disparity > 0 else float("inf")


class LessonPixels(Record):
    """True and predicted depth at some pixels of one image, on a fixed grid."""

    kind: Literal["pixels"]
    image: Text
    """The sample's own id in its data set."""
    height: Annotated[int, Field(ge=1)]
    """Rows of the image's truth."""
    width: Annotated[int, Field(ge=1)]
    """Columns of it."""
    step: Annotated[int, Field(ge=1)]
    """Pixels from one point of the grid to the next; pixels that the protocol does not score are left out."""
    intrinsics: Annotated[list[float], Field(min_length=4, max_length=4)]
    """fx, fy, cx, cy in pixels of the truth."""
    rows: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=10)]
    columns: list[Annotated[int, Field(ge=0)]]
    truth: list[Annotated[float, Field(gt=0)]]
    """In metres."""
    prediction: list[Annotated[float, Field(gt=0)]]
    """In metres, as the protocol scores metric depth: without a fit."""
    colours: list[Annotated[str, StringConstraints(pattern=_COLOUR)]] = []
    """Of the image, sRGB; empty where the data set's card does not allow to show it."""
    fits: Annotated[list[LessonFit], Field(min_length=2, max_length=2)]
    """In depth, then in disparity."""

    @model_validator(mode="after")
    def _hangs_together(self) -> LessonPixels:
        if faults := list(self._faults()):
            raise ValueError("; ".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        lengths = {name: len(getattr(self, name)) for name in ("rows", "columns", "truth", "prediction")}
        lengths |= {"colours": len(self.colours)} if self.colours else {}
        if len(set(lengths.values())) != 1:
            yield f"columns differ in length: {lengths}"
            return
        if max(self.rows) >= self.height or max(self.columns) >= self.width:
            yield f"a pixel lies outside the {self.height} rows and {self.width} columns"
        if [fit.space for fit in self.fits] != ["depth", "disparity"]:
            yield "fits must be one in depth and one in disparity"
        for fit in self.fits:
            errors = [abs(fit.depth(p) - t) / t for p, t in zip(self.prediction, self.truth, strict=True)]
            if not _close(fit.abs_rel, round_significant(sum(errors) / len(errors))):
                yield f"abs_rel of the fit in {fit.space} does not follow from the pixels"


class LessonCrops(Record):
    """AbsRel of the same predictions over other windows and up to other depths; the means are over images."""

    kind: Literal["crop-cap"]
    images: Annotated[list[Text], Field(min_length=1)]
    crops: Annotated[list[CropWindow], Field(min_length=1)]
    caps: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2)]
    """The largest true depth that counts, in metres, rising in equal steps."""
    abs_rel: list[list[Annotated[float, Field(ge=0)]]]
    """A row a crop, a value a cap."""
    evaluated: list[list[Annotated[int, Field(ge=1)]]]
    """Over how many images each mean is: those with enough valid pixels for the protocol."""
    valid_pixels: list[list[Annotated[int, Field(ge=1)]]]
    """Of all images together."""

    @model_validator(mode="after")
    def _is_a_table(self) -> LessonCrops:
        shape = [len(self.caps)] * len(self.crops)
        for name in ("abs_rel", "evaluated", "valid_pixels"):
            if [len(row) for row in getattr(self, name)] != shape:
                raise ValueError(f"{name} must have a row for each crop and a value for each cap")
        steps = {round_significant(after - before) for before, after in pairwise(self.caps)}
        if len(steps) != 1 or min(steps) <= 0:
            raise ValueError("caps must rise in equal steps")
        return self


class LessonEnsemble(Record):
    """What Marigold's merging makes of 1, 2, ... members, several times over."""

    kind: Literal["ensemble"]
    image: Text
    """The sample's own id in its data set."""
    noise: Annotated[float, Field(gt=0)]
    """Standard deviation of the noise on the image that makes the members differ, in grey levels of 255."""
    seed: Annotated[int, Field(ge=0)]
    merging: Text
    """Whose code merges, and with which settings."""
    abs_rel: Annotated[list[list[float]], Field(min_length=2)]
    """A row a number of members, from 1; a value a draw, scored as affine-invariant depth."""
    uncertainty: list[list[float]]
    """Likewise, from 2 members: the mean over the map of the uncertainty that the merging returns."""
    between_draws: list[Annotated[float, Field(ge=0)]]
    """By number of members, from 1: the standard deviation between the draws' merged maps, mean over the map."""
    row: Annotated[int, Field(ge=0)]
    """Of the merged map, which the profiles are along."""
    merged: list[list[float]]
    """A row a number of members, from 1: the first draw's merged map, 0 near to 1 far, along that row."""
    spread: list[list[Annotated[float, Field(ge=0)]]]
    """Likewise, from 2 members: its uncertainty."""

    @model_validator(mode="after")
    def _rows_agree(self) -> LessonEnsemble:
        most = len(self.abs_rel)
        rows = {"uncertainty": most - 1, "between_draws": most, "merged": most, "spread": most - 1}
        faults = [f"{name} must have {count} rows" for name, count in rows.items() if len(getattr(self, name)) != count]
        for name, tables in (("draws", (self.abs_rel, self.uncertainty)), ("columns", (self.merged, self.spread))):
            if len({len(values) for table in tables for values in table}) != 1:
                faults.append(f"rows differ in their number of {name}")
        if faults:
            raise ValueError("; ".join(faults))
        return self


class Lesson(Record):
    """Numbers of real runs behind figures of the theory pages (``results/lessons/<id>.json``)."""

    schema_version: SchemaVersion
    id: Id
    model: RunModel
    dataset: Id
    protocol: RunProtocol
    """How the predictions were scored; ``crop-cap`` changes its crop and its largest depth."""
    content: Annotated[LessonPixels | LessonCrops | LessonEnsemble, Field(discriminator="kind")]
    command: Text
    environment: Environment
    date: Date
    """Not part of the digest."""
    submitter: Text
    sha256: Sha256

    @model_validator(mode="after")
    def _digest_agrees(self, info: ValidationInfo) -> Lesson:
        return _digest_checked(self, info)

    @model_validator(mode="after")
    def _named_by_content(self) -> Lesson:
        if self.id != (expected := f"{self.content.kind}-{self.dataset}"):
            raise ValueError(f"id must be '{expected}', by the content's kind and the data set")
        return self

    @classmethod
    def sealed(cls, data: Mapping[str, Any]) -> Lesson:
        """Return the lesson of these fields with its ``sha256`` filled in.

        Raises:
            pydantic.ValidationError: If the fields are not those of a valid lesson.
        """
        return _sealed(cls, data)

    def digest(self) -> str:
        """Return the sha256 over the record without its own digest and the date."""
        return sha256_of(self.model_dump(mode="json", exclude={"sha256", "date"}))


Checker = Literal["maintainer", "second-party"]
"""Who ran a record again: a maintainer of this project, or somebody who belongs neither to it nor to the submitter."""


class Verification(Record):
    """That somebody else ran a record again and got the same."""

    sha256: Sha256
    """Digest of the run."""
    relation: Checker
    verified_by: Text
    """Who ran it again; never who submitted it."""
    date: Date
    device: Text
    """What it was run on."""
    command: Text
    evidence: Url
    """Where the log or the second record can be read."""


class Verified(Record):
    """Every time a run was run again (``results/verified.yaml``)."""

    schema_version: SchemaVersion
    digests: list[Verification] = []


class Dispute(Record):
    """A result that was withdrawn, or that somebody has good reason to doubt: it stays, struck out."""

    run: Sha256 | None = None
    """Digest of a measured run."""
    number: Annotated[str, StringConstraints(pattern=_NUMBER_ID)] | None = None
    """Id of a published number, as its page and ``sitegen diff`` name it."""
    status: Literal["withdrawn", "disputed"]
    """A withdrawn result is never ranked; a disputed one keeps its rank until that is settled."""
    reason: Text
    date: Date
    source: Url
    """Where the reason can be read."""

    @property
    def of(self) -> str:
        """Return the digest or id of what it is about."""
        return self.run or self.number or ""

    @model_validator(mode="after")
    def _is_of_one(self) -> Dispute:
        if (self.run is None) == (self.number is None):
            raise ValueError("name a run or a number, and not both")
        return self


class Disputes(Record):
    """Every withdrawn or disputed result (``results/disputes.yaml``)."""

    schema_version: SchemaVersion
    disputes: list[Dispute] = []


RECORD_TYPES: dict[str, type[BaseModel]] = {
    "dataset": DatasetCard,
    "protocol": Protocol,
    "model": ModelCard,
    "source": Source,
    "number": PublishedNumber,
    "disagreement": Disagreement,
    "run": Run,
    "speed": Speed,
    "adapters": AdapterProofs,
    "gallery": GalleryIndex,
    "lesson": Lesson,
    "verified": Verified,
    "corrections": Corrections,
    "disputes": Disputes,
}
"""Record types by the name that ``sitegen schema NAME`` takes."""


# ---------------------------------------------------------------------------------------------------------------------
# Canonical form


def round_significant(value: float, digits: int = 6) -> float:
    """Return a float with that many significant digits, the precision of every stored float."""
    return float(f"{value:.{digits}g}")


def record_text(record: Record) -> str:
    """Return the text of a record as JSON for people: sorted keys, indented, one newline at the end."""
    return json.dumps(record.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no white space, no NaN.

    Raises:
        ValueError: If the value holds NaN or Infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(value: Any) -> str:
    """Return the sha256 of a value's canonical JSON in UTF-8.

    Numbers that are equal have one form (80 and 80.0 give the same digest).
    """
    return hashlib.sha256(canonical_json(_normal_numbers(value)).encode()).hexdigest()


def summarise(
    columns: Mapping[str, Iterable[float | None]],
    weights: Iterable[float] | None = None,
    counts: Mapping[str, Iterable[float]] | None = None,
) -> dict[str, float | None]:
    """Return the mean of each column over the images that have a value, to 6 significant digits; None without any.

    Args:
        columns: Metric to its value for each image.
        weights: The valid pixels of each image: the value is then that over the pixels of all images together, the
            weighted mean, of squares where the metric is a root of a mean. A metric without such a form (not in
            ``POOLED``) gives None.
        counts: Point pairs and planes of each image, by ``Metric.counted``: metrics that are counted in them are means
            over all pairs or planes, with or without ``weights``.
    """
    pixels = None if weights is None else list(weights)
    units = {unit: list(values) for unit, values in (counts or {}).items()}
    return {name: _summary(list(column), *weighing(name, pixels, units)) for name, column in columns.items()}


def weighing(
    name: str, pixels: list[float] | None, units: Mapping[str, list[float]]
) -> tuple[list[float] | None, int | None]:
    """Return by what the images of a column are weighed, and the power whose mean is taken.

    Args:
        name: Metric of the column.
        pixels: The valid pixels of each image if those of all images are pooled, else None.
        units: Point pairs and planes of each image, by ``Metric.counted``.

    Returns:
        Weights, None where every image counts the same; and the power, None where the metric cannot be pooled.
    """
    unit = METRICS[name].counted
    return (pixels, POOLED.get(name)) if unit == "pixels" else (units[unit], 1)


def _summary(column: list[float | None], weights: list[float] | None, power: int | None) -> float | None:
    if weights is None:
        weights, power = [1.0] * len(column), 1
    known = [(value, weight) for value, weight in zip(column, weights, strict=True) if value is not None]
    total = sum(weight for _, weight in known)
    if power is None or not total:
        return None
    mean = sum(value**power * weight for value, weight in known) / total
    return round_significant(mean ** (1 / power))


def _normal_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _normal_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal_numbers(item) for item in value]
    return value


def _close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= 1e-6 * max(1.0, abs(first))
