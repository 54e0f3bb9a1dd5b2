"""Words for the controlled values of the records, in the active language."""

from __future__ import annotations

from sitegen.text import _

__all__ = [
    "alignment_of",
    "architecture",
    "commercial",
    "counted",
    "depth_of",
    "dispute",
    "download",
    "family",
    "family_rule",
    "flag",
    "frame",
    "gallery_choice",
    "gallery_view",
    "ground_truth",
    "kind",
    "origin",
    "output_kind",
    "proof_check",
    "proof_meaning",
    "proof_outcome",
    "quantity",
    "relation",
    "role",
    "scene",
    "status",
    "step",
    "step_meaning",
    "text_kind",
    "timed",
    "truth_variant",
    "window",
    "yes_no",
    "zero_shot",
]


def family(name: str) -> str:
    """Return the short name of a family of numbers."""
    return {
        "metric": _("metric"),
        "scale": _("scale"),
        "affine-depth": _("affine, in depth"),
        "affine-disparity": _("affine, in disparity"),
        "affine-unspecified": _("affine, space not stated"),
        "ordinal": _("ordinal"),
        "speed": _("speed"),
        "size": _("size"),
        "rank": _("rank"),
        "unplaced": _("unplaced"),
    }[name]


def depth_of(name: str) -> str:
    """Return what kind of depth the numbers of a family judge, as a heading."""
    return {
        "metric": _("Metric depth"),
        "scale": _("Depth up to scale"),
        "affine-depth": _("Relative depth, fitted in depth"),
        "affine-disparity": _("Relative depth, fitted in disparity"),
        "affine-unspecified": _("Relative depth, fit not stated"),
        "ordinal": _("Order of points"),
    }.get(name, family(name))


def family_rule(name: str) -> str:
    """Return how a prediction of this family was fitted before it was scored, as half a sentence."""
    return {
        "metric": _("no fit: metres against metres"),
        "scale": _("one factor per image, no shift"),
        "affine-depth": _("scale and shift per image, fitted in depth"),
        "affine-disparity": _("scale and shift per image, fitted in inverse depth"),
        "affine-unspecified": _("scale and shift per image; the source does not say in which space"),
        "ordinal": _("order of point pairs, no fit"),
        "speed": _("time on the hardware that is named"),
        "size": _("size of the network"),
        "rank": _("average rank inside one table"),
        "unplaced": _("the source does not say how predictions were fitted"),
    }[name]


def flag(name: str) -> str:
    """Return a flag in words."""
    return {
        "suspect": _("suspect: conflicts with its own original"),
        "caution": _("caution: no public re-run reaches it"),
        "secondary": _("second hand: read in notes, not in the paper"),
    }[name]


def kind(name: str) -> str:
    """Return the provenance of a number in words, in the active language."""
    return {
        "measured": _("measured here"),
        "re-run": _("re-run by a third party"),
        "reported": _("published by the model's authors"),
        "copied": _("copied from another paper"),
        "unclear": _("who ran it cannot be told"),
    }[name]


def output_kind(name: str) -> str:
    """Return what a model predicts."""
    return {
        "metric-depth": _("metric depth"),
        "scale-invariant-depth": _("depth up to scale"),
        "affine-invariant-depth": _("depth up to scale and shift"),
        "affine-invariant-disparity": _("disparity up to scale and shift"),
        "ordinal": _("order only"),
        "unknown": _("not stated"),
    }[name]


def alignment_of(name: str) -> str:
    """Return how a prediction of this kind has to be fitted before it is scored in metres."""
    return {
        "metric-depth": _("None needed: the output is in metres."),
        "scale-invariant-depth": _("One factor per image."),
        "affine-invariant-depth": _("Scale and shift per image, fitted in depth."),
        "affine-invariant-disparity": _("Scale and shift per image, fitted in inverse depth; then inverted."),
        "ordinal": _("None possible: only the order of points can be scored."),
        "unknown": _("Not stated in what was read."),
    }[name]


def architecture(name: str | None) -> str:
    """Return a class of architecture; empty when it is not known."""
    return {
        None: "",
        "cnn": _("CNN"),
        "transformer": _("transformer"),
        "hybrid": _("hybrid (CNN and transformer)"),
        "diffusion": _("diffusion"),
        "classical": _("classical, not learned"),
    }[name]


def ground_truth(name: str | None) -> str:
    """Return a kind of ground truth; empty when it is not known."""
    return {
        None: "",
        "dense": _("dense"),
        "semi-dense": _("semi-dense"),
        "sparse": _("sparse"),
        "disparity": _("disparity"),
        "ordinal": _("ordinal"),
    }[name]


def relation(name: str) -> str:
    """Return what a model saw of a data set."""
    return {
        "zero_shot": _("never seen"),
        "trained_on": _("trained on it"),
        "fine_tuned_on": _("fine-tuned on it"),
        "pretrained_on": _("pre-trained on it"),
        "same_source": _("trained on data of the same origin"),
    }[name]


def text_kind(name: str) -> str:
    """Return what kind of text a source is."""
    return {
        "paper": _("paper"),
        "readme": _("repository README"),
        "documentation": _("documentation"),
        "notes": _("notes"),
        "issue-thread": _("issue thread"),
        "third-party-benchmark": _("third-party benchmark"),
    }[name]


def scene(name: str | None) -> str:
    """Return a kind of scene; empty when it is not known."""
    return {
        None: "",
        "indoor": _("indoor"),
        "outdoor": _("outdoor"),
        "mixed": _("mixed"),
        "objects": _("objects"),
    }[name]


def origin(name: str | None) -> str:
    """Return where images come from; empty when it is not known."""
    return {None: "", "real": _("real"), "synthetic": _("synthetic")}[name]


def download(name: str) -> str:
    """Return what a download asks for."""
    return {
        "none": _("open"),
        "login": _("needs an account"),
        "form": _("needs a signed form"),
        "unknown": _("not stated"),
    }[name]


def role(name: str) -> str:
    """Return what a data set is used for."""
    return {
        "evaluation": _("evaluation"),
        "training": _("training"),
        "both": _("training and evaluation"),
    }[name]


def yes_no(name: str) -> str:
    """Return yes, no or unknown."""
    return {"yes": _("yes"), "no": _("no"), "unknown": _("unknown")}[name]


def status(name: str) -> str:
    """Return what a source says of its own number beside the one it compares with."""
    return {
        "match": _("called a match"),
        "off": _("called off"),
        "informational": _("for information"),
        "blocked": _("called blocked"),
    }[name]


def commercial(name: str) -> str:
    """Return whether the licence of the weights allows commercial use, in words."""
    return {"yes": _("allowed"), "no": _("not allowed"), "unknown": _("not settled by the texts read")}[name]


def truth_variant(name: str) -> str:
    """Return a variant of ground truth in words; one that has none stands as its record writes it."""
    return {
        "raw-sensor": _("raw sensor depth"),
        "annotated-lidar": _("annotated LiDAR"),
        "raw-lidar": _("raw LiDAR"),
        "projected-lidar": _("projected LiDAR"),
        "laser-scan": _("laser scan"),
        "laser-scan-distorted": _("laser scan, distorted images"),
        "rendered": _("rendered"),
        "rendered-planar": _("rendered, made planar"),
        "point-pairs": _("point pairs"),
        "moge-bundle": _("bundle of MoGe"),
        "not-stated": _("not stated"),
    }.get(name, name)


def counted(name: str) -> str:
    """Return what a metric is counted in, and what the value of a data set is the mean of."""
    return {
        "pixels": _("the valid pixels of an image; a data set's value is the mean of its images"),
        "pairs": _("point pairs; a data set's value is the mean over all its pairs, not of its images"),
        "planes": _("planes; a data set's value is the mean over all its planes, not of its images"),
    }[name]


def frame(name: str) -> str:
    """Return a frame in words: the image, or what it is cut to."""
    return {"full-image": _("full image"), "kb-crop-352x1216": _("KITTI benchmark crop, 352 × 1216")}[name]


def window(name: str) -> str:
    """Return what a window of scored pixels is called."""
    return {
        "none": _("no window"),
        "eigen-nyu": _("Eigen (NYU)"),
        "eigen-kitti": _("Eigen (KITTI)"),
        "garg-kitti": _("Garg"),
        "custom": _("a window of its own"),
    }[name]


def quantity(name: str) -> str:
    """Return what is resized, in words."""
    return {
        "colour": _("colour"),
        "depth": _("depth"),
        "disparity": _("disparity"),
        "network-output": _("network output"),
    }[name]


def zero_shot(name: str) -> str:
    """Return whether the model saw the data set (or data of its domain, as the source says) in training."""
    return {"yes": _("zero-shot"), "no": _("in-domain"), "unknown": _("not stated")}[name]


def timed(name: str) -> str:
    """Return what a measured time is the time of."""
    return {"network": _("network alone"), "predict": _("whole predict()")}[name]


def proof_check(name: str) -> str:
    """Return the short name of a check of an adapter."""
    return {
        "parameters": _("Parameters"),
        "tiny-checkpoint": _("Loading path"),
        "kind": _("Kind"),
        "batch-equals-single": _("Batch"),
        "mixed-sizes": _("Mixed sizes"),
        "precisions": _("Precisions"),
        "real-weights": _("Real weights"),
    }[name]


def proof_meaning(name: str) -> str:
    """Return what a check of an adapter proves."""
    return {
        "parameters": _(
            "The full-size network was built without memory for its values, and its parameters were counted: as many "
            "as the model's card says, to 1 %."
        ),
        "tiny-checkpoint": _(
            "A tiny checkpoint of random weights was written to disk, loaded as the real one is, and gave a finite map."
        ),
        "kind": _("The prediction is of the kind that registry, adapter and card say. It was not proven to be right."),
        "batch-equals-single": _("Images of one size give the same maps together as alone, to 1/10,000."),
        "mixed-sizes": _("Images of different sizes come back in the order given, with the maps they have alone."),
        "precisions": _("Every precision that the registry allows gives finite maps on a processor."),
        "real-weights": _("A recorded run names the real weights that it was made with."),
    }[name]


def proof_outcome(name: str) -> str:
    """Return how a check came out."""
    return {"passed": _("passed"), "failed": _("failed"), "not-run": _("not run")}[name]


def step(name: str) -> str:
    """Return a step of verification."""
    return {
        "submitted": _("submitted"),
        "checked": _("checked"),
        "re-run": _("re-run by maintainers"),
        "reproduced": _("reproduced by a second party"),
    }[name]


def step_meaning(name: str) -> str:
    """Return what a step of verification shows, in a sentence."""
    return {
        "submitted": _("The record was sent in, with a value for every image."),
        "checked": _("Digests, references, images and means agree, by the checks that every change runs through."),
        "re-run": _("A maintainer ran the same command and got the same."),
        "reproduced": _("Somebody else, neither the submitter nor a maintainer, got the same."),
    }[name]


def dispute(status: str) -> str:
    """Return that a result was withdrawn, or is disputed."""
    return {"withdrawn": _("withdrawn"), "disputed": _("disputed")}[status]


def gallery_view(kind: str, model: str) -> str:
    """Return what a picture of the gallery shows; ``model`` is the name of the model whose it is, if any."""
    return {
        "image": _("Image"),
        "ground-truth": _("True depth"),
        "prediction": _("{model}: prediction"),
        "error": _("{model}: error"),
    }[kind].format(model=model)


def gallery_choice(name: str) -> str:
    """Return why an image is in the gallery."""
    return {
        "pick": _("spread over the list"),
        "worst": _("worst"),
        "best": _("best"),
        "disagreeing": _("most disagreed on"),
    }[name]
