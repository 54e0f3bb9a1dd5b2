"""DPT: any shape of image, the reference's input and the published processor's, no change of what the network gives."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import DPTForDepthEstimation

from runners.models import load, tiny
from runners.models.dpt import Dpt, DptNetwork
from runners.models.errors import ModelError
from tests.runners.models.test_pretrained import image

LARGE, HYBRID = "midas-v3-0-dpt-large-384", "midas-v3-0-dpt-hybrid-384"
DPT = tiny.ids("dpt")


def adapter(cache: Path, name: str, **settings: str) -> Dpt:
    """A loaded adapter."""
    model = load(name, weights_dir=cache, settings=settings)
    assert isinstance(model, Dpt)
    return model


def rectangular(name: str, **changes: Any) -> Any:
    """The tiny network in the class that takes any shape."""
    net = tiny.network(name, **changes)
    ours = DptNetwork(net.config).eval()
    ours.load_state_dict(net.state_dict())
    return ours


@pytest.mark.parametrize("name", DPT)
@torch.inference_mode()
def test_squares_are_as_in_transformers(name: str) -> None:
    """The class for any shape gives what the inherited one gives where that runs."""
    pixels = torch.rand(2, 3, 384, 384) if "256" not in name else torch.rand(2, 3, 256, 256)
    theirs: DPTForDepthEstimation = tiny.network(name)
    expected = theirs(pixels).predicted_depth
    assert torch.allclose(rectangular(name)(pixels).predicted_depth, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [LARGE, HYBRID])
def test_transformers_itself_takes_squares_only(name: str) -> None:
    """If this no longer fails, the class for any shape may go."""
    with pytest.raises((ValueError, RuntimeError)):
        tiny.network(name)(torch.rand(1, 3, 384, 512))


def transposed(net: Any) -> Any:
    """Turn a network so that it does to a transposed image what it did to the image."""
    for name, parameter in net.named_parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.mT.contiguous()
        if name.endswith("position_embeddings"):
            side = int((parameter.shape[1] - 1) ** 0.5)
            grid = parameter.data[:, 1:].reshape(1, side, side, -1).transpose(1, 2)
            parameter.data = torch.cat([parameter.data[:, :1], grid.flatten(1, 2)], dim=1)
    return net


@pytest.mark.parametrize("name", [LARGE, HYBRID])
@torch.inference_mode()
def test_rows_and_columns_are_not_confused(name: str) -> None:
    """The transposed network on the transposed image gives the transposed map: grid and embeddings lie as the image."""
    pixels = torch.rand(1, 3, 96, 160)
    straight = rectangular(name)(pixels).predicted_depth
    turned = transposed(rectangular(name))(pixels.mT).predicted_depth
    assert straight.shape == (1, 96, 160)
    assert torch.allclose(turned.mT, straight, rtol=1e-3, atol=1e-3 * float(straight.max()))


@pytest.mark.parametrize("name", [LARGE, HYBRID])
@torch.inference_mode()
def test_position_embeddings_are_resized_bilinearly(name: str) -> None:
    """What the encoder gets on top of the tokens is the table as the reference resizes it."""
    with_table, without = rectangular(name), rectangular(name)
    table = with_table.dpt.embeddings.position_embeddings
    without.dpt.embeddings.position_embeddings.data.zero_()
    pixels = torch.rand(1, 3, 64, 96)
    added = with_table._stem(pixels)[1] - without._stem(pixels)[1]
    grid = table[:, 1:].reshape(1, 24, 24, -1).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(grid, size=(4, 6), mode="bilinear", align_corners=False)
    assert torch.allclose(added[:, 1:], expected.flatten(2).mT, atol=1e-5)
    assert torch.allclose(added[:, :1], table[:, :1], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "nyu", "kitti"),
    [
        (LARGE, (384, 512), (384, 1280)),
        (HYBRID, (384, 512), (384, 1280)),
        ("midas-v3-1-beit-l-384", (384, 512), (384, 1280)),
        ("midas-v3-1-beit-l-512", (512, 672), (512, 1696)),
        ("midas-v3-1-swinv2-b-384", (384, 384), (384, 384)),
        ("midas-v3-1-swinv2-t-256", (256, 256), (256, 256)),
    ],
)
def test_reference_keeps_the_aspect_where_the_reference_does(
    cache: Path, name: str, nyu: tuple[int, int], kitti: tuple[int, int]
) -> None:
    """Sizes of the network's input for the images of NYU and KITTI; the mode is in the record."""
    model = adapter(cache, name)
    assert model.input.prepare([image(480, 640)]).shape == (1, 3, *nyu)
    assert model.input.prepare([image(375, 1242)]).shape == (1, 3, *kitti)
    assert model.settings["input"] == "reference"
    assert ("aspect kept" in str(model.settings["resize"])) == ("swinv2" not in name)


@pytest.mark.parametrize("name", DPT)
def test_the_map_is_what_the_network_gives(cache: Path, name: str) -> None:
    """Not resized, not clamped, not inverted: larger is nearer, as in the network."""
    model = adapter(cache, name)
    (found,) = model.predict([image()])
    with torch.inference_mode():
        expected = model.net(model.input.prepare([image()])).predicted_depth[0]
    assert torch.equal(found.map, expected)
    assert found.kind == "affine-invariant-disparity"


@pytest.mark.parametrize("name", [LARGE, HYBRID, "midas-v3-1-beit-b-384", "midas-v3-1-swinv2-t-256"])
def test_hub_squashes_as_published(cache: Path, name: str) -> None:
    """A square whatever the image is, with Pillow; the record says so."""
    model, side = adapter(cache, name, input="hub"), int(name.rpartition("-")[2])
    assert model.predict([image(40, 90)])[0].map.shape == (side, side)
    assert model.settings["input"] == "hub"
    assert model.settings["resize"] == f"{side}x{side}, multiple of 1, aspect not kept, Pillow's filter 2"
    assert "DPTImageProcessorPil" in str(model.settings["preparation"])


def test_pixels_of_both_inputs_by_hand(cache: Path) -> None:
    """An image of one colour is (colour / 255 - 0.5) / 0.5 everywhere."""
    plain = np.full((30, 50, 3), (0, 51, 255), dtype=np.uint8)
    for mode in ("reference", "hub"):
        pixels = adapter(cache, LARGE, input=mode).input.prepare([plain])
        expected = torch.tensor([-1.0, -0.6, 1.0])[None, :, None, None].expand_as(pixels)
        assert torch.allclose(pixels, expected, atol=1e-5)


def test_another_encoder_is_refused(cache: Path, tmp_path: Path) -> None:
    """A DPT on BEiT under the name of one on SwinV2."""
    shutil.copytree(tiny.folder_of("midas-v3-1-beit-b-384", cache), tiny.folder_of("midas-v3-1-swinv2-t-256", tmp_path))
    with pytest.raises(ModelError, match="holds a DPT on 'beit', and the id promises 'swinv2'"):
        load("midas-v3-1-swinv2-t-256", weights_dir=tmp_path)


def test_an_image_that_vanishes_is_a_sentence(cache: Path) -> None:
    """A strip of one row has no row left at the network's size."""
    with pytest.raises(ModelError, match="an image of 1x400 cannot be brought to 384 pixels"):
        adapter(cache, LARGE).predict([image(1, 400)])
