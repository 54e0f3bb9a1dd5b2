"""Depth Pro: metres by the image's own width, and what it decided."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.models import load, tiny
from runners.models.depth_pro import DepthPro, metres
from runners.models.errors import ModelError
from tests.runners.models.test_pretrained import agree, image


@pytest.fixture(scope="module")
def model(cache: Path) -> DepthPro:
    """The loaded adapter."""
    found = load("depth-pro", weights_dir=cache)
    assert isinstance(found, DepthPro)
    return found


def test_metres_by_hand() -> None:
    """Depth is focal length over width, over the canonical inverse depth; what is almost infinite stops at 10 km."""
    canonical, focal = torch.tensor([[[0.5]], [[0.5]], [[0.0]]]), torch.tensor([640.0, 320.0, 640.0])
    found = metres(canonical, focal, (2, 640))
    assert found.shape == (3, 2, 640)
    assert torch.allclose(found[:, 0, 0], torch.tensor([2.0, 1.0, 1e4]))


def test_inverse_depth_is_resized_not_depth() -> None:
    """Half way between 1 m and 3 m lies 1.5 m."""
    found = metres(torch.tensor([[[1.0, 1 / 3]]]), torch.tensor([3.0]), (1, 3))
    assert found[0, 0].tolist() == pytest.approx([1, 1.5, 3])


def test_details_are_the_camera(model: DepthPro) -> None:
    """The angle in degrees, the focal length that follows from it in pixels of the image."""
    (found,) = model.predict([image(40, 60)])
    angle, focal = found.details["field_of_view"], found.details["focal_length"]
    assert isinstance(angle, float)
    assert 20 < angle < 80
    assert focal == pytest.approx(30 / math.tan(math.radians(angle) / 2), rel=1e-5)
    assert found.map.shape == (40, 60)


def test_as_transformers(model: DepthPro) -> None:
    """The published processor, which needs torchvision, gives the same pixels and the same metres."""
    processors = pytest.importorskip("transformers.models.depth_pro.image_processing_depth_pro")
    half, rgb = [0.5, 0.5, 0.5], image(40, 60)
    theirs = processors.DepthProImageProcessor(size={"height": 256, "width": 256}, image_mean=half, image_std=half)
    pixels = theirs(images=[rgb], return_tensors="pt", input_data_format="channels_last")["pixel_values"]
    assert torch.allclose(model.squares(model.prepare([rgb])), pixels, atol=1e-5)
    with torch.inference_mode():
        (expected,) = theirs.post_process_depth_estimation(model.net(pixels), target_sizes=[(40, 60)])
    (found,) = model.predict([rgb])
    assert agree(found.map, expected["predicted_depth"], 1e-4)
    assert found.details["focal_length"] == pytest.approx(float(expected["focal_length"]), rel=1e-5)


def test_metres_do_not_depend_on_the_image_s_size(model: DepthPro) -> None:
    """The same picture with every pixel doubled is as far away, and its focal length is twice as long."""
    rgb = np.full((256, 256, 3), 120, dtype=np.uint8)
    small, large = model.predict([rgb, np.kron(rgb, np.ones((2, 2, 1), dtype=np.uint8))])
    # Inverse depth is what is interpolated, so its mean stays; that of depth need not.
    assert float((1 / small.map).mean()) == pytest.approx(float((1 / large.map).mean()), rel=1e-2)
    assert large.details["focal_length"] == pytest.approx(2 * float(str(small.details["focal_length"])), rel=1e-4)


def test_a_network_without_field_of_view_is_refused(tmp_path: Path) -> None:
    """Its depth would have no scale."""
    tiny.write("depth-pro", tmp_path, use_fov_model=False)
    with pytest.raises(ModelError, match="estimates no field of view; without it depth is not metric"):
        load("depth-pro", weights_dir=tmp_path)
