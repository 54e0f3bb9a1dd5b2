"""What the released MiDaS checkpoints hold, written down from their layout and not from our modules.

Every table maps the name of an entry to its shape. :func:`filled` makes a state dict of one, with values that depend on
nothing but the names, so that values computed with them once can be kept.
"""

import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

Shape = tuple[int, ...]
Shapes = dict[str, Shape]


def conv(name: str, out: int, into: int, size: int, *, bias: bool = False) -> Shapes:
    """Entries of a convolution."""
    return {f"{name}.weight": (out, into, size, size)} | ({f"{name}.bias": (out,)} if bias else {})


def linear(name: str, out: int, into: int, *, bias: bool = True) -> Shapes:
    """Entries of a linear map."""
    return {f"{name}.weight": (out, into)} | ({f"{name}.bias": (out,)} if bias else {})


def layer_norm(name: str, width: int) -> Shapes:
    """Entries of a layer normalisation."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def batch_norm(name: str, width: int) -> Shapes:
    """Entries of a batch normalisation."""
    running = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return layer_norm(name, width) | running | {f"{name}.num_batches_tracked": ()}


def resnet(depths: tuple[int, ...], groups: int, group_width: int) -> Shapes:
    """The encoder of v1 (ResNet-50) and of large (ResNeXt-101 32x8d)."""
    shapes = conv("pretrained.layer1.0", 64, 3, 7) | batch_norm("pretrained.layer1.1", 64)
    into = 64
    for stage, depth in enumerate(depths):
        width, out = groups * group_width * 2**stage, 256 * 2**stage
        for block in range(depth):
            name = f"pretrained.layer{stage + 1}.{'4.' if stage == 0 else ''}{block}"
            shapes |= conv(f"{name}.conv1", width, into, 1) | batch_norm(f"{name}.bn1", width)
            shapes |= conv(f"{name}.conv2", width, width // groups, 3) | batch_norm(f"{name}.bn2", width)
            shapes |= conv(f"{name}.conv3", out, width, 1) | batch_norm(f"{name}.bn3", out)
            if block == 0:
                shapes |= conv(f"{name}.downsample.0", out, into, 1) | batch_norm(f"{name}.downsample.1", out)
            into = out
    return shapes


# Where a stage of EfficientNet-Lite3 lies in the file, its blocks, channels and kernel; all but the first expand by 6.
LITE3 = (
    ("layer1.3", 1, 24, 3),
    ("layer1.4", 3, 32, 3),
    ("layer2.0", 3, 48, 5),
    ("layer3.0", 5, 96, 3),
    ("layer3.1", 5, 136, 5),
    ("layer4.0", 6, 232, 5),
    ("layer4.1", 1, 384, 3),
)


def lite3() -> Shapes:
    """The encoder of small."""
    shapes = conv("pretrained.layer1.0", 32, 3, 3) | batch_norm("pretrained.layer1.1", 32)
    into = 32
    for place, depth, out, size in LITE3:
        for block in range(depth):
            name = f"pretrained.{place}.{block}"
            wide = into if place == "layer1.3" else 6 * into
            steps = ["conv_dw", "conv_pw"] if place == "layer1.3" else ["conv_pw", "conv_dw", "conv_pwl"]
            for number, step in enumerate(steps, start=1):
                last, first = number == len(steps), number == 1
                channels = out if last else wide
                inputs = 1 if step == "conv_dw" else into if first else wide
                shapes |= conv(f"{name}.{step}", channels, inputs, size if step == "conv_dw" else 1)
                shapes |= batch_norm(f"{name}.bn{number}", channels)
            into = out
    return shapes


def scratch(channels: tuple[int, ...], widths: tuple[int, ...], outs: tuple[int, ...] = ()) -> Shapes:
    """Reductions and fusions of v2 and later; ``outs`` are those of the 1x1 convolutions, where there are any."""
    shapes: Shapes = {}
    for level, (into, width) in enumerate(zip(channels, widths, strict=True), start=1):
        shapes |= conv(f"scratch.layer{level}_rn", width, into, 3)
        for unit in ("resConfUnit1", "resConfUnit2"):
            for step in ("conv1", "conv2"):
                shapes |= conv(f"scratch.refinenet{level}.{unit}.{step}", width, width, 3, bias=True)
        if outs:
            shapes |= conv(f"scratch.refinenet{level}.out_conv", outs[level - 1], width, 1, bias=True)
    return shapes


def scratch_v1() -> Shapes:
    """Reductions, fusions and head of v1: one unit a fusion, its second convolution without bias."""
    shapes: Shapes = {}
    for level, into in enumerate((256, 512, 1024, 2048), start=1):
        shapes |= conv(f"scratch.layer{level}_rn", 256, into, 3)
        shapes |= conv(f"scratch.refinenet{level}.resConfUnit.conv1", 256, 256, 3, bias=True)
        shapes |= conv(f"scratch.refinenet{level}.resConfUnit.conv2", 256, 256, 3)
    head = conv("scratch.output_conv.0", 128, 256, 3, bias=True) | conv("scratch.output_conv.1", 1, 128, 3, bias=True)
    return shapes | head


def head(into: int, middle: int, last: int) -> Shapes:
    """The head of v2 and later."""
    shapes = conv("scratch.output_conv.0", middle, into, 3, bias=True)
    shapes |= conv("scratch.output_conv.2", last, middle, 3, bias=True)
    return shapes | conv("scratch.output_conv.4", 1, last, 1, bias=True)


def swin(width: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int, side: int) -> Shapes:
    """Swin as timm 0.6.12 wrote it, with its tables of relative positions and masks, and with the classifier."""
    model, area = "pretrained.model", window**2
    shapes = conv(f"{model}.patch_embed.proj", width, 3, 4, bias=True) | layer_norm(f"{model}.patch_embed.norm", width)
    for stage, depth in enumerate(depths):
        channels, grid = width * 2**stage, side // 4 // 2**stage
        for block in range(depth):
            name = f"{model}.layers.{stage}.blocks.{block}"
            shapes |= layer_norm(f"{name}.norm1", channels) | layer_norm(f"{name}.norm2", channels)
            shapes |= {f"{name}.attn.relative_position_bias_table": ((2 * window - 1) ** 2, heads[stage])}
            shapes |= {f"{name}.attn.relative_position_index": (area, area)}
            shapes |= linear(f"{name}.attn.qkv", 3 * channels, channels)
            shapes |= linear(f"{name}.attn.proj", channels, channels)
            shapes |= linear(f"{name}.mlp.fc1", 4 * channels, channels)
            shapes |= linear(f"{name}.mlp.fc2", channels, 4 * channels)
            if block % 2 and grid > window:
                shapes |= {f"{name}.attn_mask": ((grid // window) ** 2, area, area)}
        if stage < len(depths) - 1:
            merging = f"{model}.layers.{stage}.downsample"
            shapes |= layer_norm(f"{merging}.norm", 4 * channels)
            shapes |= linear(f"{merging}.reduction", 2 * channels, 4 * channels, bias=False)
    last = width * 2 ** (len(depths) - 1)
    return shapes | layer_norm(f"{model}.norm", last) | linear(f"{model}.head", 1000, last)


def _attention_heavy(name: str, out: int, reduced: bool) -> Shapes:
    """The last block of a stage or group; it takes in three quarters of what it gives out, so it embeds nothing."""
    local, mixed = out // 4, out - out // 4
    shapes = batch_norm(f"{name}.norm1", mixed)
    for part in ("q", "k", "v", "proj"):
        shapes |= linear(f"{name}.e_mhsa.{part}", mixed, mixed)
    shapes |= batch_norm(f"{name}.e_mhsa.norm", mixed) if reduced else {}
    shapes |= conv(f"{name}.projection.conv", local, mixed, 1) | batch_norm(f"{name}.projection.norm", local)
    return shapes | _next_tail(name, local, "norm2", out, 2)


def _next_tail(name: str, local: int, norm: str, out: int, expansion: int) -> Shapes:
    shapes = conv(f"{name}.mhca.group_conv3x3", local, 32, 3) | batch_norm(f"{name}.mhca.norm", local)
    shapes |= conv(f"{name}.mhca.projection", local, local, 1) | batch_norm(f"{name}.{norm}", out)
    shapes |= conv(f"{name}.mlp.conv1", expansion * out, out, 1, bias=True)
    return shapes | conv(f"{name}.mlp.conv2", out, expansion * out, 1, bias=True)


def next_vit(depths: tuple[int, ...] = (3, 4, 30, 3)) -> Shapes:
    """Next-ViT-L as its authors wrote it: all blocks in one row, the classifier at the end."""
    model = "pretrained.model"
    blocks = [(96, False)] * depths[0] + [(192, False)] * (depths[1] - 1) + [(256, True)]
    blocks += ([(384, False)] * 4 + [(512, True)]) * (depths[2] // 5)
    blocks += [(768, False)] * (depths[3] - 1) + [(1024, True)]
    starts, into = {sum(depths[:stage]) for stage in (1, 2, 3)}, 3
    shapes: Shapes = {}
    for step, out in enumerate((64, 32, 64, 64)):
        shapes |= conv(f"{model}.stem.{step}.conv", out, into, 3) | batch_norm(f"{model}.stem.{step}.norm", out)
        into = out
    for number, (out, attentive) in enumerate(blocks):
        name = f"{model}.features.{number}"
        if attentive:
            shapes |= _attention_heavy(name, out, reduced=out != 1024)
        else:
            if into != out or number in starts:
                shapes |= conv(f"{name}.patch_embed.conv", out, into, 1) | batch_norm(f"{name}.patch_embed.norm", out)
            shapes |= _next_tail(name, out, "norm", out, 3)
        into = out
    return shapes | batch_norm(f"{model}.norm", 1024) | linear(f"{model}.proj_head.0", 1000, 1024)


def _normed(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.c.weight": (out, into)} | batch_norm(f"{name}.bn", out)


def _biases(name: str, heads: int, queries: int, keys: int) -> Shapes:
    return {f"{name}.attention_biases": (heads, keys), f"{name}.attention_bias_idxs": (queries, keys)}


def levit() -> Shapes:
    """LeViT-384 as timm 0.6.12 wrote it: each attention and each MLP is a block of one row."""
    model, shapes, into, number = "pretrained.model", dict[str, Shape](), 3, 0
    for step, out in enumerate((48, 96, 192, 384)):
        name = f"{model}.patch_embed.{2 * step}"
        shapes |= conv(f"{name}.c", out, into, 3) | batch_norm(f"{name}.bn", out)
        into = out
    for width, heads, side, onward in ((384, 6, 14, 512), (512, 9, 7, 768), (768, 12, 4, None)):
        for _ in range(4):
            name = f"{model}.blocks.{number}.m"
            shapes |= _normed(f"{name}.qkv", heads * 32 * 4, width) | _normed(f"{name}.proj.1", width, heads * 64)
            shapes |= _biases(name, heads, side**2, side**2)
            shapes |= _levit_mlp(f"{model}.blocks.{number + 1}.m", width)
            number += 2
        if onward:
            name, many = f"{model}.blocks.{number}", width // 32
            shapes |= _normed(f"{name}.kv", many * 32 * 5, width) | _normed(f"{name}.q.1", many * 32, width)
            shapes |= _normed(f"{name}.proj.1", onward, many * 128)
            shapes |= _biases(name, many, ((side + 1) // 2) ** 2, side**2)
            shapes |= _levit_mlp(f"{model}.blocks.{number + 1}.m", onward)
            number += 2
    for classifier in ("head", "head_dist"):
        shapes |= batch_norm(f"{model}.{classifier}.bn", 768) | linear(f"{model}.{classifier}.l", 1000, 768)
    return shapes


def _levit_mlp(name: str, width: int) -> Shapes:
    return _normed(f"{name}.0", 2 * width, width) | _normed(f"{name}.2", width, 2 * width)


def _levit_stem_reversed() -> Shapes:
    shapes: Shapes = {}
    for step, (into, out) in enumerate(((256, 128), (128, 64))):
        name = f"scratch.stem_transpose.{2 * step}"
        shapes |= {f"{name}.c.weight": (into, out, 3, 3)} | batch_norm(f"{name}.bn", out)
    return shapes


RESNET_CHANNELS = (256, 512, 1024, 2048)


def files() -> dict[str, Shapes]:
    """The entries of each network's released file, by model id."""
    large = resnet((3, 4, 23, 3), 32, 8) | scratch(RESNET_CHANNELS, (256,) * 4) | head(256, 128, 32)
    small = lite3() | scratch((32, 48, 136, 384), (64, 128, 256, 512), (64, 64, 128, 256)) | head(64, 32, 32)
    dpt = {"widths": (256,) * 4, "outs": (256,) * 4}
    return {
        "midas-v1": resnet((3, 4, 6, 3), 1, 64) | scratch_v1(),
        "midas-v2-large": large,
        "midas-v2-1-large-384": large,
        "midas-v2-1-small-256": small,
        "midas-v3-1-swin-l-384": swin(192, (2, 2, 18, 2), (6, 12, 24, 48), 12, 384)
        | scratch((192, 384, 768, 1536), **dpt)
        | head(256, 128, 32),
        "midas-v3-1-next-vit-l-384": next_vit() | scratch((96, 256, 512, 1024), **dpt) | head(256, 128, 32),
        "midas-v3-1-levit-224": levit()
        | scratch((384, 512, 768), (256,) * 3, (256,) * 3)
        | _levit_stem_reversed()
        | head(64, 32, 8),
    }


def filled(shapes: Mapping[str, Shape], gain: float = 1.0) -> dict[str, Tensor]:
    """Return a state dict with these entries, without the tables that follow from the architecture.

    Args:
        shapes: Of the entries.
        gain: Factor on the weights: chosen so that a map is neither constant nor beyond float32.
    """
    tables = ("relative_position_index", "attn_mask", "attention_bias_idxs")
    return {name: _value(name, shape, gain) for name, shape in shapes.items() if not name.endswith(tables)}


def _value(name: str, shape: Shape, gain: float) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    # RandomState's streams are frozen: the same numbers in every version of numpy.
    uniform = np.random.RandomState(zlib.crc32(name.encode())).uniform(-1, 1, shape).astype(np.float32)
    value = torch.from_numpy(np.asarray(uniform))
    if name.endswith("running_var"):
        return 1 + value / 2
    if name == "scratch.output_conv.4.bias":
        return value * 0 + 3
    if len(shape) >= 2 and "bias" not in name:
        return value * gain * (3 / np.prod(shape[1:])) ** 0.5
    return 1 + value / 4 if name.endswith("weight") else value / 4


def picture(height: int, width: int, batch: int = 1) -> Tensor:
    """Return prepared images (batch, 3, height, width), always the same."""
    pixels = np.random.RandomState(1).standard_normal((batch, 3, height, width))
    return torch.from_numpy(pixels.astype(np.float32))
