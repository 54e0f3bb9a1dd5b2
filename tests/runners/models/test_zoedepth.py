"""ZoeDepth: padding, sizes and flips of both modes, the range of K's head, the router of NK."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import ZoeDepthImageProcessor

from runners.models import load, tiny
from runners.models.errors import ModelError
from runners.models.zoedepth import ZoeDepth, ZoeDepthNK, input_size, padding
from tests.runners.models.test_pretrained import agree, image

N, K, NK = "zoed-m12-n", "zoed-m12-k", "zoed-m12-nk"


def adapter(cache: Path, name: str = N, **settings: str) -> ZoeDepth:
    """A loaded adapter."""
    model = load(name, weights_dir=cache, settings=settings)
    assert isinstance(model, ZoeDepth)
    return model


def test_padding_and_sizes_of_the_reference() -> None:
    """46 rows and 53 columns at NYU's size; the network's input for NYU, and for KITTI with either target."""
    assert padding(480, 640) == (46, 53)
    assert input_size(480 + 92, 640 + 106, (384, 512)) == (384, 512)
    assert padding(375, 1242) == (41, 74)
    assert input_size(375 + 82, 1242 + 148, (384, 512)) == (384, 1152)
    assert input_size(375 + 82, 1242 + 148, (384, 768)) == (384, 1152)
    assert input_size(200, 300, (384, 512)) != input_size(200, 300, (384, 768))


class Spy:
    """Stands in for the network: remembers what it got and answers with a function of it."""

    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        self.answer, self.seen = answer, list[Tensor]()

    def __call__(self, pixel_values: Tensor) -> Any:
        """Keep the pixels and answer."""
        self.seen.append(pixel_values)
        return SimpleNamespace(predicted_depth=self.answer(pixel_values), domain_logits=None)


def first_channel(pixels: Tensor) -> Tensor:
    """Red in 0..1, as if it were depth."""
    return pixels[:, 0] * 0.5 + 0.5


def test_infer_step_by_step(cache: Path) -> None:
    """Reflect, resize with corners aligned, normalise; bicubic back and crop; the mean with the mirror image's map."""
    model, rgb = adapter(cache), image(60, 90)
    spy = model.net = Spy(lambda pixels: first_channel(pixels) ** 2)
    (found,) = model.predict([rgb])
    down, across = padding(60, 90)
    maps = []
    for one in (rgb, rgb[:, ::-1]):
        wide = np.pad(one, ((down, down), (across, across), (0, 0)), mode="reflect")
        colours = torch.from_numpy(wide.copy()).permute(2, 0, 1)[None].float() / 255
        small = F.interpolate(colours, (352, 512), mode="bilinear", align_corners=True)
        assert torch.allclose(spy.seen[len(maps)], 2 * small - 1, atol=1e-5)
        depth = F.interpolate(small[:, :1] ** 2, wide.shape[:2], mode="bicubic", align_corners=False)
        maps.append(depth[0, 0, down : down + 60, across : across + 90])
    assert torch.allclose(found.map, (maps[0] + maps[1].flip(-1)) / 2, atol=1e-5)
    assert len(spy.seen) == 2


def test_a_picture_comes_back_as_it_was(cache: Path) -> None:
    """If depth were the picture itself, padding, resizing and cropping would return it in place."""
    model = adapter(cache)
    model.net = Spy(first_channel)
    ramp = np.broadcast_to(np.linspace(20, 220, 120), (80, 120))
    (found,) = model.predict([np.stack([ramp] * 3, axis=-1).astype(np.uint8)])
    assert found.map.shape == (80, 120)
    # The input's resize keeps corners in place and the output's does not, as in the reference: half a pixel.
    assert float((found.map - torch.from_numpy(ramp / 255).float()).abs()[:, 5:-5].max()) < 0.02


@pytest.mark.parametrize("name", [N, NK])
def test_infer_is_as_transformers(cache: Path, name: str) -> None:
    """The published processor with its post-processing, flip included, gives the same map."""
    pytest.importorskip("torchvision")
    model, rgb = adapter(cache, name), image(60, 90)
    half = [0.5, 0.5, 0.5]
    theirs = ZoeDepthImageProcessor(
        size={"height": 384, "width": 512}, ensure_multiple_of=32, image_mean=half, image_std=half
    )
    with torch.inference_mode():
        pixels = theirs(images=[rgb], return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        straight, flipped = model.net(pixels), model.net(pixels.flip(-1))
    (expected,) = theirs.post_process_depth_estimation(straight, source_sizes=[(60, 90)], outputs_flipped=flipped)
    assert agree(model.predict([rgb])[0].map, expected["predicted_depth"], 1e-4)


@pytest.mark.parametrize("name", [N, K, NK])
def test_infer_of_the_mirror_image_is_the_mirrored_map(cache: Path, name: str) -> None:
    """Averaging over the flip makes the model indifferent to it."""
    model, rgb = adapter(cache, name), image(60, 90)
    straight, mirrored = model.predict([rgb, np.ascontiguousarray(rgb[:, ::-1])])
    assert agree(mirrored.map.flip(-1), straight.map, 1e-4)


def test_infer_sees_the_image_through_its_padding(cache: Path) -> None:
    """The reference's outer rows are context only: what is predicted there is cut off."""
    model = adapter(cache)
    down, across = padding(60, 90)

    def border(pixels: Tensor) -> Tensor:
        depth = torch.full(pixels.shape[:1] + pixels.shape[2:], 5.0)
        depth[:, :8], depth[:, -8:], depth[:, :, :8], depth[:, :, -8:] = (99.0,) * 4
        return depth

    model.net = Spy(border)
    (found,) = model.predict([image(60, 90)])
    assert min(down, across) > 8 * 90 / 384
    assert torch.allclose(found.map, torch.full((60, 90), 5.0), atol=1e-3)


@pytest.mark.parametrize(("name", "size"), [(N, (384, 512)), (NK, (384, 512)), (K, (384, 768))])
def test_eval_squeezes_and_leaves_the_rest_to_the_protocol(cache: Path, name: str, size: tuple[int, int]) -> None:
    """One pass at the training size, no padding, no flip, the network's own map."""
    model, rgb = adapter(cache, name, mode="eval"), image(60, 90)
    (found,) = model.predict([rgb])
    colours = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        expected = model.net(2 * F.interpolate(colours, size, mode="bilinear", align_corners=True) - 1)
    assert found.map.shape == size
    assert agree(found.map, expected.predicted_depth[0], 1e-4)
    assert {"mode": "eval", "padding": "none"}.items() <= model.settings.items()


def test_eval_leaves_an_image_of_its_size_alone(cache: Path) -> None:
    """A protocol that has squeezed the image already gets no second resize."""
    model, rgb = adapter(cache, mode="eval"), image(384, 512)
    spy = model.net = Spy(first_channel)
    model.predict([rgb])
    assert torch.allclose(spy.seen[0], torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 127.5 - 1, atol=1e-6)


def test_the_modes_say_which_protocol_they_are_for(cache: Path) -> None:
    """``infer`` is the default and averages by itself."""
    assert adapter(cache).settings["mode"] == "infer"
    assert adapter(cache).settings["flip"] == "mean with the mirror image, by the model"
    assert "flip_average" in str(adapter(cache, mode="eval").settings["flip"])


def heads(*ranges: tuple[str, float]) -> dict[str, Any]:
    """The configuration of heads."""
    return {"bin_configurations": [{"name": n, "n_bins": 8, "min_depth": 1e-3, "max_depth": m} for n, m in ranges]}


def test_the_range_of_k_is_corrected(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The published configuration ends at 10 m: with the notice, the map is that of the right one."""
    tiny.write(K, tmp_path, **heads(("nyu", 10.0)))
    capsys.readouterr()
    model = adapter(tmp_path, K)
    said = "max_depth of the published configuration, 10 m, replaced by the 80 m of the reference"
    assert capsys.readouterr().err == f"model '{K}': {said}\n"
    assert model.settings["correction"] == said
    right = adapter(cache, K)
    assert "correction" not in right.settings
    assert agree(model.predict([image()])[0].map, right.predict([image()])[0].map, 1e-5)


def test_uncorrected_k_would_be_eight_times_too_near(cache: Path) -> None:
    """Why the correction matters: the same weights in the range of 10 m."""
    pixels = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        far = tiny.network(K)(pixels).predicted_depth
        near = tiny.network(K, **heads(("nyu", 10.0)))(pixels).predicted_depth
    assert float((far / near).mean()) == pytest.approx(8, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        (K, heads(("kitti", 40.0)), "a head that ends at 40.0 m; the id promises 80 m"),
        (K, {"bin_centers_type": "softplus"}, "1 heads whose bin centres are 'softplus'; the id promises 1, 'normed'"),
        (N, {"bin_centers_type": "normed"}, "the id promises 1, 'softplus'"),
        (NK, heads(("nyu", 10.0)), "1 heads whose bin centres are 'softplus'; the id promises 2"),
        (NK, heads(("kitti", 80.0), ("nyu", 10.0)), r"heads \['kitti', 'nyu'\]; the id promises \['nyu', 'kitti'\]"),
    ],
)
def test_other_heads_are_refused(tmp_path: Path, name: str, changes: dict[str, Any], sentence: str) -> None:
    """A repository under the wrong name."""
    tiny.write(name, tmp_path, **changes)
    with pytest.raises(ModelError, match=sentence):
        load(name, weights_dir=tmp_path)


def routed(cache: Path, head: int, **settings: str) -> ZoeDepth:
    """NK whose router always takes one head."""
    model = adapter(cache, NK, **settings)
    last = model.net.metric_head.mlp_classifier.linear2
    last.weight.data.zero_()
    last.bias.data.copy_(torch.tensor([1.0, 0.0] if head == 0 else [0.0, 1.0]))
    return model


def test_the_head_of_nk_is_recorded(cache: Path) -> None:
    """Which head it was, with both logits, for both passes of ``infer`` and the one of ``eval``."""
    once = {"head": "kitti", "logit_nyu": 0.0, "logit_kitti": 1.0}
    both = once | {"head_mirrored": "kitti", "logit_nyu_mirrored": 0.0, "logit_kitti_mirrored": 1.0}
    assert routed(cache, 1).predict([image()])[0].details == both
    assert routed(cache, 1, mode="eval").predict([image()])[0].details == once
    assert routed(cache, 0).predict([image()])[0].details["head"] == "nyu"
    assert adapter(cache, N).predict([image()])[0].details == {}


def test_heads_of_nk_differ(cache: Path) -> None:
    """The record tells maps apart that are not the same."""
    near, far = (routed(cache, head).predict([image()])[0].map for head in (0, 1))
    assert not agree(near, far, 1e-3)


def test_nk_takes_one_image_at_a_time(cache: Path) -> None:
    """One image's router must not choose for another; the single-headed networks take batches."""
    model = adapter(cache, NK)
    sizes: list[int] = []
    net = model.net
    model.net = lambda pixel_values: sizes.append(len(pixel_values)) or net(pixel_values=pixel_values)
    model.predict([image(seed=1), image(seed=2), image(seed=3)])
    assert sizes == [1] * 6
    assert (ZoeDepthNK.largest_batch, ZoeDepth.largest_batch) == (1, None)


def test_images_that_cannot_be_padded_are_a_sentence(cache: Path) -> None:
    """Reflection needs more pixels than it adds."""
    with pytest.raises(ModelError, match="an image of 4x50 is too small to be padded by reflection"):
        adapter(cache).predict([image(4, 50)])
    assert adapter(cache).predict([image(5, 7)])[0].map.shape == (5, 7)
    with pytest.raises(ModelError, match="an image of 5x2000 is too narrow for the network"):
        adapter(cache).predict([image(5, 2000)])
