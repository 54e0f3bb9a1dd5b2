"""Diagrams of the model families, drawn as SVG in the colours of the page.

Shapes read "channels @ scale": "256 @ 1/4" are 256 channels at a quarter of the input's width and height. Facts are those
of the papers, of the authors' released code and of the networks that :mod:`runners.models` builds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sitegen.rendering import plain
from sitegen.store import Store
from sitegen.text import _
from sitegen.theory.drawing import Drawing, Edge, Group, Kind, Node
from sitegen.theory.figures import Draw, Illustration
from sitegen.theory.svg import svg, swatch

__all__ = ["DIAGRAMS", "DRAWINGS", "Diagram"]

_SCALES = ("1/4", "1/8", "1/16", "1/32")
_LEVELS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Diagram:
    """A drawing with what is said beside it.

    Attributes:
        drawing: The drawing; its title and description are read to those who do not see it.
        caption: What to see.
        steps: The drawing in words, in order.
    """

    drawing: Drawing
    caption: str
    steps: tuple[str, ...]


def _illustration(diagram: Diagram) -> Illustration:
    """Return the figure: drawing, title, caption, legend and the drawing in words."""
    drawing = diagram.drawing
    title = plain(drawing.title)
    steps = "".join(f"<li>{plain(step)}</li>" for step in diagram.steps)
    return Illustration(
        '<figure class="diagram">\n'
        f'<div class="diagram-canvas" role="group" aria-label="{title}" tabindex="0">{svg(drawing)}</div>\n'
        f'<figcaption><p class="chart-title">{title}</p>\n<p>{plain(diagram.caption)}</p>\n{_legend(drawing)}\n'
        f'<details class="fold"><summary>{plain(_("In words"))}</summary><ol>{steps}</ol></details></figcaption>\n'
        "</figure>\n"
    )


def _legend(drawing: Drawing) -> str:
    """Return what the forms that occur mean."""
    names: dict[Kind, str] = {
        "image": _("image or depth map"),
        "data": _("training data"),
        "trained": _("trained part"),
        "frozen": _("frozen part"),
        "step": _("step without weights"),
        "tensor": _("feature maps or latents"),
        "loss": _("loss"),
    }
    present = {node.kind for node in drawing.nodes}
    items = [f"<li>{swatch(kind)}{plain(name)}</li>" for kind, name in names.items() if kind in present]
    if any(edge.signal for edge in drawing.edges):
        items.append(f"<li>{swatch('signal')}{plain(_('no data: a loss, a choice or weights'))}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def _scale_note() -> str:
    return _("“256 @ 1/4” reads: 256 channels at a quarter of the input's width and height.")


def _decoder(output: str) -> tuple[list[Node], list[Edge]]:
    """Return the fusing decoder that MiDaS and DPT share: column 2, from the fourth level up to the depth map."""
    scales = ("1/2", *_SCALES[:3])
    nodes = [
        Node("output", "image", 0, 2, output, shape="1 @ 1/1"),
        Node("head", "trained", 1, 2, _("Head"), _("three convolutions, ×2"), "1 @ 1/1"),
    ]
    nodes += [
        Node(f"fusion{n}", "trained", 1 + n, 2, _("Fusion {n}").format(n=n), _("add, refine, ×2"), f"256 @ {scale}")
        for n, scale in zip(_LEVELS, scales, strict=True)
    ]
    names = ["fusion4", "fusion3", "fusion2", "fusion1", "head", "output"]
    return nodes, _chain(names)


def _chain(names: Sequence[str]) -> list[Edge]:
    return [Edge(one, other) for one, other in pairwise(names)]


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def _midas_cnn() -> Diagram:
    nodes, edges = _decoder(_("Relative inverse depth"))
    channels = (256, 512, 1024, 2048)
    nodes += [
        Node("image", "image", 0, 0, _("Image"), shape="3 @ 1/1"),
        Node("stem", "trained", 1, 0, _("Stem"), _("7×7 convolution, pooling"), "64 @ 1/4"),
    ]
    for n, channel, scale in zip(_LEVELS, channels, _SCALES, strict=True):
        stage = _("Stage {n}").format(n=n)
        nodes.append(Node(f"stage{n}", "trained", 1 + n, 0, stage, shape=f"{channel} @ {scale}"))
        nodes.append(Node(f"skip{n}", "trained", 1 + n, 1, _("3×3 convolution"), shape=f"256 @ {scale}"))
        edges += _chain([f"stage{n}", f"skip{n}", f"fusion{n}"])
    edges += _chain(["image", "stem", "stage1", "stage2", "stage3", "stage4"])
    return Diagram(
        Drawing(
            "midas-cnn",
            _("MiDaS v2: a convolutional encoder and a decoder that fuses four scales"),
            _(
                "The image runs down through the four stages of a ResNeXt-101, each at half the resolution of the one before. "
                "A convolution brings the features of each stage to 256 channels. Four fusion blocks run back up: each takes "
                "the result from below, adds the features of its scale and doubles the resolution. A head of three "
                "convolutions gives relative inverse depth at the size of the input."
            ),
            tuple(nodes),
            tuple(edges),
            (
                Group("encoder", _("Encoder: ResNeXt-101"), (1, 5), (0, 0), "foot"),
                Group("decoder", _("Decoder"), (1, 5), (2, 2), "foot"),
            ),
        ),
        _("Detail comes back through the skip connections, one a scale. Version 1 has a ResNet-50 as its encoder.")
        + " "
        + _scale_note(),
        (
            _("A 7×7 convolution and pooling bring the image to a quarter of its size."),
            _("Four residual stages (ResNeXt-101, pre-trained with weak supervision, WSL) give 256, 512, 1024 and 2048 channels at 1/4, 1/8, 1/16 and 1/32 of the input."),
            _("A 3×3 convolution brings each of the four to 256 channels."),
            _("From the coarsest up, a fusion block adds the features of its scale to what comes from below, refines the sum in residual units and doubles its resolution."),
            _("The head convolves, doubles the resolution once more and ends in one channel: inverse depth up to an unknown scale and shift."),
        ),
    )  # fmt: skip


def _dpt() -> Diagram:
    nodes, edges = _decoder(_("Relative inverse depth"))
    nodes += [
        Node("image", "image", 0, 0, _("Image"), shape="3 @ 1/1"),
        Node("patches", "trained", 1, 0, _("Patches to tokens"), _("16 × 16 pixels each, and a class token"), "1024 @ 1/16"),
    ]  # fmt: skip
    channels, factors = (256, 512, 1024, 1024), ("4", "2", "1", "1/2")
    for n, channel, factor, scale in zip(_LEVELS, channels, factors, _SCALES, strict=True):
        layers = _unbroken(_("Layers {first}–{last}").format(first=6 * n - 6, last=6 * n - 1))
        nodes.append(Node(f"layers{n}", "trained", 1 + n, 0, layers, shape="1024 @ 1/16"))
        reassemble = _("Reassemble ×{factor}").format(factor=factor)
        nodes.append(Node(f"reassemble{n}", "trained", 1 + n, 1, reassemble, shape=f"{channel} @ {scale}"))
        edges += _chain([f"layers{n}", f"reassemble{n}", f"fusion{n}"])
    edges += _chain(["image", "patches", "layers1", "layers2", "layers3", "layers4"])
    return Diagram(
        Drawing(
            "dpt",
            _("DPT: a vision transformer whose tokens become maps of four scales"),
            _(
                "The image is cut into patches of 16 by 16 pixels, which run as tokens through the 24 layers of a ViT-L at one "
                "resolution. After layers 5, 11, 17 and 23, counted from 0, the tokens are reassembled into maps and resampled "
                "by 4, 2, 1 and 1/2. The decoder fuses the four maps from the coarsest to the finest, as that of MiDaS does."
            ),
            tuple(nodes),
            tuple(edges),
            (
                Group("encoder", _("Encoder: ViT-L"), (1, 5), (0, 0), "foot"),
                Group("decoder", _("Decoder"), (1, 5), (2, 2), "foot"),
            ),
        ),
        _(
            "The decoder is that of MiDaS; the encoder keeps one resolution, and every layer sees the whole image. DPT-Large is "
            "shown; a 3×3 convolution brings each reassembled map to 256 channels."
        )
        + " "
        + _scale_note(),
        (
            _("The image is cut into patches of 16 × 16 pixels; each becomes a token of 1024 numbers, and a class token is added."),
            _("24 transformer layers keep the tokens' number; each token attends to all others in each layer."),
            _("The tokens after layers 5, 11, 17 and 23 (counted from 0) are taken out."),
            _("Reassembling joins the class token to each token, lays the tokens out as a map, projects them by a 1×1 convolution and resamples the map by 4, 2, 1 or 1/2."),
            _("A 3×3 convolution brings each map to 256 channels; four fusion blocks join them from the coarsest to the finest, doubling the resolution each time."),
            _("The head gives relative inverse depth at the size of the input."),
        ),
    )  # fmt: skip


def _zoedepth() -> Diagram:
    scales = ("1/16", "1/8", "1/4", "1/2")
    nodes = [
        Node("image", "image", 0, 0, _("Image"), shape="3 @ 1/1"),
        Node("encoder", "trained", 1, 0, _("Encoder"), _("reassembled to four scales"), "BEiT-L"),
        Node("bottleneck", "tensor", 2, 0, _("Bottleneck"), shape="256 @ 1/32"),
        Node("router", "trained", 2, 1, _("Router"), _("patch transformer and MLP: which domain?")),
        Node("seed", "trained", 3, 1, _("Seed"), _("bin centres"), "64 @ 1/32"),
    ]
    for level, (attractors, scale) in enumerate(zip((16, 8, 4, 1), scales, strict=True)):
        n, row = 4 - level, 4 + level
        nodes.append(Node(f"fusion{n}", "trained", row, 0, _("Fusion {n}").format(n=n), shape=f"256 @ {scale}"))
        name = _("1 attractor") if attractors == 1 else _("{n} attractors").format(n=attractors)
        nodes.append(Node(f"attractors{n}", "trained", row, 1, name, shape=f"64 @ {scale}"))
    nodes += [
        Node("relative", "trained", 8, 0, _("Relative head"), _("its last features"), "32 @ 1/1"),
        Node("binomial", "trained", 8, 1, _("Log-binomial"), _("probabilities"), "64 @ 1/1"),
        Node("sum", "step", 9, 1, _("Weighted sum"), shape="Σ p(k) · c(k)"),
        Node("output", "image", 10, 1, _("Depth in metres"), shape="1 @ 1/1"),
    ]
    column = ["image", "encoder", "bottleneck", "fusion4", "fusion3", "fusion2", "fusion1", "relative", "binomial"]
    head = ["seed", "attractors4", "attractors3", "attractors2", "attractors1", "binomial", "sum", "output"]
    edges = [
        *_chain(column),
        *_chain(head),
        Edge("bottleneck", "router"),
        Edge("bottleneck", "seed", route="down-across"),
        *(Edge(f"fusion{n}", f"attractors{n}") for n in _LEVELS),
        Edge("router", "metric", _("chooses"), signal=True),
        Edge("attractors1", "sum", route="right"),
    ]
    return Diagram(
        Drawing(
            "zoedepth",
            _("ZoeDepth: metric bins beside the decoder of a relative network"),
            _(
                "A MiDaS network on BEiT-L gives features at a bottleneck and at four decoder levels. Beside it a metric head "
                "starts from 64 bin centres for each pixel, moves them at each level towards 16, 8, 4 and 1 attractor points, and "
                "weighs them by a log-binomial distribution; the weighted sum is depth in metres. A router on the bottleneck "
                "chooses between one head for indoor and one for outdoor scenes."
            ),
            tuple(nodes),
            tuple(edges),
            (
                Group("network", _("Relative network"), (1, 8), (0, 0), "beside"),
                Group("metric", _("Metric head, one a domain: NYU to 10 m, KITTI to 80 m"), (3, 9), (1, 1), lane=True, copies=True),
            ),
            150,
        ),
        _(
            "The left column learns relative depth on 12 data sets first; the right one is added to turn its features into metres. "
            "The lane at the right carries the 64 centres past the probabilities. Skip connections of the left column are those of DPT."
        )
        + " "
        + _scale_note(),
        (
            _("A BEiT-L encoder and a DPT decoder, pre-trained for relative depth, give a bottleneck at 1/32 and features at 1/16, 1/8, 1/4 and 1/2 of the input."),
            _("In the model for both domains a router, a small transformer with an MLP on the bottleneck, chooses the head: NYU (indoors) or KITTI (outdoors)."),
            _("The seed gives 64 bin centres for each pixel of the bottleneck."),
            _("At each of the four decoder levels, attractor points (16, 8, 4, then 1) that are predicted for each pixel pull the centres towards themselves."),
            _("From the last features of the relative head and those of the last level, a log-binomial distribution gives each centre a probability."),
            _("Depth in metres is the sum of the centres, each weighted by its probability."),
        ),
    )  # fmt: skip


def _depth_anything_v2() -> Diagram:
    nodes = [
        Node("synthetic", "data", 0, 0, _("Synthetic images with exact depth"), shape="595 K", span=2),
        Node("teacher", "trained", 1, 0, _("Teacher"), shape="DINOv2-G + DPT"),
        Node("teacher-loss", "loss", 1, 1, _("Scale- and shift-invariant loss"), _("and gradient matching")),
        Node("labeller", "frozen", 2, 0, _("Teacher"), shape="DINOv2-G + DPT"),
        Node("real", "data", 2, 1, _("Real images without labels"), shape="62 M"),
        Node("pseudo", "tensor", 3, 0, _("Pseudo labels"), _("relative inverse depth"), "62 M"),
        Node("student-loss", "loss", 4, 0, _("Scale- and shift-invariant loss"), _("and gradient matching")),
        Node("students", "trained", 4, 1, _("Students"), _("DINOv2 and DPT, in four sizes"), "S · B · L · G"),
    ]
    edges = [
        Edge("synthetic", "teacher", _("images")),
        Edge("synthetic", "teacher-loss", _("depth")),
        Edge("teacher", "teacher-loss", signal=True),
        Edge("teacher", "labeller", _("weights"), signal=True),
        Edge("real", "labeller"),
        Edge("labeller", "pseudo"),
        Edge("pseudo", "student-loss"),
        Edge("real", "students"),
        Edge("students", "student-loss", signal=True),
    ]
    return Diagram(
        Drawing(
            "depth-anything-v2",
            _("Depth Anything V2: the teacher sees synthetic images, the students real ones"),
            _(
                "Three steps. A teacher, DINOv2-G with a DPT head, is trained on 595 thousand synthetic images with exact depth. "
                "Frozen, it labels 62 million real images. Students of four sizes are trained on these images and pseudo labels only."
            ),
            tuple(nodes),
            tuple(edges),
            (
                Group("one", _("1. Train the teacher"), (0, 1), (0, 1)),
                Group("two", _("2. Label images"), (2, 3), (0, 1), "beside"),
                Group("three", _("3. Train students"), (4, 4), (0, 1), "beside"),
            ),
            150,
        ),
        _(
            "Exact depth comes from rendering, coverage of the real world from images that nobody labelled. "
            "The students never see a synthetic image."
        ),
        (
            _("The teacher (DINOv2-G with a DPT head) is trained on 595 K synthetic images, whose depth is exact also on glass and thin parts."),
            _("The frozen teacher predicts relative inverse depth for 62 M real images: the pseudo labels."),
            _("Students with DINOv2 encoders of sizes S, B, L and G and DPT heads are trained on the real images with the pseudo labels."),
            _("Both trainings use a scale- and shift-invariant loss with gradient matching."),
        ),
    )  # fmt: skip


def _marigold_training() -> Diagram:
    nodes = [
        Node("data", "data", 0, 0, _("Synthetic images with depth"), shape="Hypersim 90 % · Virtual KITTI 2 10 %", span=2),
        Node("image", "image", 1, 0, _("Image")),
        Node("depth", "image", 1, 1, _("Depth map")),
        Node("normalise", "step", 2, 1, _("Normalise"), _("2 % and 98 % quantiles to −1 and 1, three equal channels")),
        Node("vae", "frozen", 3, 0, _("VAE encoder"), shape="Stable Diffusion 2", span=2),
        Node("image-latent", "tensor", 4, 0, _("Image latent"), shape="4 @ 1/8"),
        Node("depth-latent", "tensor", 4, 1, _("Depth latent"), shape="z · 4 @ 1/8"),
        Node("noise", "tensor", 4, 2, _("Noise"), _("multi-resolution"), "ε · 4 @ 1/8"),
        Node("diffuse", "step", 5, 1, _("Mix at a random step t"), span=2),
        Node("noisy", "tensor", 6, 1, _("Noisy latent"), shape="αz + σε"),
        Node("target", "tensor", 6, 2, _("Target"), shape="v = αε − σz"),
        Node("join", "step", 7, 0, _("Concatenate"), shape="8 @ 1/8", span=2),
        Node("unet", "trained", 8, 0, _("UNet"), _("first convolution widened from 4 to 8 channels"), "Stable Diffusion 2", 2),
        Node("loss", "loss", 8, 2, _("Squared error"), shape="‖v − v̂‖²"),
    ]  # fmt: skip
    edges = [
        Edge("data", "image"),
        Edge("data", "depth"),
        Edge("image", "vae"),
        *_chain(["depth", "normalise", "vae"]),
        Edge("vae", "image-latent"),
        Edge("vae", "depth-latent"),
        Edge("image-latent", "join"),
        Edge("depth-latent", "diffuse"),
        Edge("noise", "diffuse"),
        Edge("diffuse", "noisy"),
        Edge("diffuse", "target"),
        Edge("noisy", "join"),
        Edge("join", "unet"),
        Edge("unet", "loss", signal=True),
        Edge("target", "loss", signal=True),
    ]
    return Diagram(
        Drawing(
            "marigold-training",
            _("Marigold in training: only the UNet of Stable Diffusion learns"),
            _(
                "Image and normalised depth map both pass the frozen VAE encoder of Stable Diffusion 2. The depth latent is mixed with "
                "noise and concatenated with the image latent to eight channels. The UNet, the only part that is trained, predicts v, "
                "and the loss is its squared error."
            ),
            tuple(nodes),
            tuple(edges),
        ),
        _(
            "Depth is treated as an image, so that the VAE can stay as it is; α and σ are the shares of signal and noise at step t. "
            "“4 @ 1/8” reads: four channels at an eighth of the input's width and height."
        ),
        (
            _("Batches mix Hypersim and Virtual KITTI 2 at 90 % to 10 %; both are synthetic."),
            _("The depth map is scaled so that its 2 % quantile is −1 and its 98 % quantile 1, and copied to three channels."),
            _("The frozen VAE encoder turns image and depth map into latents of four channels at 1/8 of the size."),
            _("At a random step t the depth latent z and annealed multi-resolution noise ε are mixed."),
            _("Image latent and noisy depth latent are concatenated; the UNet's first convolution takes these 8 channels, its weights repeated and halved."),
            _("The UNet predicts v = αε − σz; the loss is the mean squared error, and only the UNet is changed."),
        ),
    )  # fmt: skip


def _marigold_inference() -> Diagram:
    nodes = [
        Node("image", "image", 0, 0, _("Image"), shape="3 @ 1/1"),
        Node("vae", "frozen", 1, 0, _("VAE encoder")),
        Node("image-latent", "tensor", 2, 0, _("Image latent"), shape="4 @ 1/8"),
        Node("noise", "tensor", 2, 1, _("Noise"), _("new for each member"), "4 @ 1/8"),
        Node("latent", "tensor", 3, 1, _("Depth latent"), _("at step t"), "4 @ 1/8"),
        Node("join", "step", 4, 0, _("Concatenate"), shape="8 @ 1/8", span=2),
        Node("unet", "trained", 5, 0, _("UNet, fine-tuned for depth"), _("predicts v"), span=2),
        Node("scheduler", "step", 6, 0, _("One step less noise"), _("1 to 50 times"), "DDIM · LCM", span=2),
        Node("decoder", "frozen", 7, 0, _("VAE decoder"), span=2),
        Node("member", "image", 8, 0, _("Relative depth of one member"), _("mean of three channels, 0 to 1"), span=2),
        Node("align", "step", 9, 0, _("Align the members by scale and shift"), span=2),
        Node("median", "image", 10, 0, _("Relative depth"), _("median of the members")),
        Node("spread", "image", 10, 1, _("Uncertainty"), _("median absolute deviation")),
    ]
    edges = [
        *_chain(["image", "vae", "image-latent", "join", "unet", "scheduler", "decoder", "member", "align"]),
        *_chain(["noise", "latent", "join"]),
        Edge("scheduler", "latent", route="right"),
        Edge("align", "median"),
        Edge("align", "spread"),
    ]
    return Diagram(
        Drawing(
            "marigold-inference",
            _("Marigold in use: from noise to depth, once for each member of an ensemble"),
            _(
                "The frozen VAE encoder turns the image into a latent. Beside it a depth latent starts as noise; both are concatenated, "
                "the UNet predicts v and a scheduler takes one step to less noise, again and again. The VAE decoder turns the last depth latent into a "
                "depth map. Several such members, each from other noise, are aligned; their median is the result and their spread its uncertainty."
            ),
            tuple(nodes),
            tuple(edges),
            (Group("once", _("One member"), (2, 8), (0, 1), "beside", lane=True),),
            150,
        ),
        _(
            "The lane at the right is the loop of denoising steps. The depth is relative: its scale and shift are unknown, and members must be aligned "
            "before they are merged."
        ),
        (
            _("The frozen VAE encoder turns the image into a latent of four channels at 1/8 of its size."),
            _("The depth latent starts as random noise of the same shape."),
            _("Image latent and depth latent are concatenated to 8 channels; the UNet, whose text prompt is empty, predicts v, and the scheduler (DDIM, or that of the LCM variant) makes the depth latent one step less noisy. This runs once to 50 times."),
            _("The frozen VAE decoder gives three channels; their mean, clipped and scaled to 0 to 1, is the relative depth of one member (0 near, 1 far)."),
            _("Members of an ensemble start from other noise. Each gets a scale and a shift so that they agree as well as they can."),
            _("The median of the aligned members is the depth; their median absolute deviation is the uncertainty."),
        ),
    )  # fmt: skip


def _draw(make: Callable[[], Diagram]) -> Draw:
    def draw(_store: Store) -> Illustration:
        return _illustration(make())

    return draw


DIAGRAMS: dict[str, Callable[[], Diagram]] = {
    "midas-cnn": _midas_cnn,
    "dpt": _dpt,
    "zoedepth": _zoedepth,
    "depth-anything-v2": _depth_anything_v2,
    "marigold-training": _marigold_training,
    "marigold-inference": _marigold_inference,
}
DRAWINGS: dict[str, Draw] = {name: _draw(make) for name, make in DIAGRAMS.items()}
