"""MiDaS networks: the released files load as they are, and what comes out is what the reference computes.

The numbers were computed once with the authors' code (isl-org/MiDaS at commit 4545977 and tag v1; its encoders from
torchvision, geffnet 1.0.2, timm 0.6.12 and bytedance/Next-ViT), with the weights and the picture of ``midas_files``.
"""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from runners.models.base import ModelError
from runners.models.midas_encoders import SwinEncoder
from runners.models.midas_networks import MIDAS_NETWORKS, MidasNetwork, build_midas, dpt_decoder, load_midas_state
from tests.runners.models.midas_files import Shapes, files, filled, head, picture, scratch, swin

FILES = files()
TABLES = ("relative_position_index", "attn_mask", "attention_bias_idxs")

# Gain of the weights; size of the picture; mean and standard deviation of the map; values along its middle row.
REFERENCE = {
    "midas-v1": (1.0, (64, 96), -3.48044, 2.47749, [-5.543529, -2.913037, -2.714938, -2.930374, -4.107039, -4.374744]),
    "midas-v2-1-large-384": (
        0.8,
        (64, 96),
        4.2763,
        0.378991,
        [3.615262, 4.268424, 4.65489, 4.600893, 4.575539, 4.579432],
    ),
    "midas-v2-1-small-256": (
        1.2,
        (64, 96),
        29.9554,
        10.282,
        [19.31063, 16.8273, 37.47554, 43.67742, 38.18325, 34.54261],
    ),
    "midas-v3-1-next-vit-l-384": (
        0.7,
        (64, 96),
        4.26216,
        0.283368,
        [3.497038, 4.328507, 4.527351, 4.551057, 4.478612, 4.367002],
    ),
    "midas-v3-1-levit-224": (
        1.0,
        (224, 224),
        5.85954,
        1.42034,
        [4.669936, 3.928989, 5.482637, 5.946548, 6.189682, 5.859368, 4.249215],
    ),
}
SMALL = "midas-v2-1-small-256"
TINY_SWIN_GAIN = 1.5


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def loaded(name: str, gain: float) -> MidasNetwork:
    """A network with the weights of its file, which depend on the gain alone."""
    return load_midas_state(build_midas(name), filled(FILES[name], gain))


@pytest.fixture(scope="module")
def small() -> MidasNetwork:
    """The small network with the weights of the reference numbers; it is not changed by any test."""
    return loaded(SMALL, REFERENCE[SMALL][0])


def tiny_swin() -> tuple[MidasNetwork, Shapes]:
    """A Swin of the same build as the released one and a hundredth of its size, and its file's entries."""
    depths, heads, channels = (2, 2, 2, 2), (1, 2, 4, 8), (12, 24, 48, 96)
    encoder = SwinEncoder(img_size=96, window_size=3, embed_dim=12, depths=depths, num_heads=heads)
    shapes = swin(12, depths, heads, 3, 96) | scratch(channels, (16,) * 4, (16,) * 4) | head(16, 8, 32)
    return MidasNetwork(encoder, dpt_decoder(channels, width=16), side=96).eval(), shapes


def along_the_middle(disparity: Tensor) -> list[float]:
    """Six or seven values of a map."""
    height, width = disparity.shape
    return disparity[height // 2, :: width // 6].tolist()


@pytest.mark.parametrize(
    ("name", "entries", "million"),
    [
        ("midas-v1", 338, 37.37),
        ("midas-v2-large", 666, 105.36),
        ("midas-v2-1-large-384", 666, 105.36),
        ("midas-v2-1-small-256", 482, 21.32),
        ("midas-v3-1-swin-l-384", 414, 213.41),
        ("midas-v3-1-next-vit-l-384", 962, 72.26),
        ("midas-v3-1-levit-224", 465, 50.63),
    ],
)
def test_every_entry_of_the_file_has_its_place(name: str, entries: int, million: float) -> None:
    """Names and shapes are those of the file, one for one, and the parameters are as many as the authors count."""
    with torch.device("meta"):
        network = build_midas(name)
    own = dict(network.state_dict()) | dict(network.named_buffers())
    theirs = network.file_names(own)
    assert {theirs[entry]: tuple(value.shape) for entry, value in own.items()} == FILES[name]
    assert len(FILES[name]) == entries
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(million, abs=0.005)


@pytest.mark.parametrize("name", ["midas-v1", "midas-v2-large", "midas-v2-1-large-384", "midas-v2-1-small-256"])
def test_convolutional_networks_bear_the_file_s_own_names(name: str) -> None:
    """For them ``load_state_dict`` alone, strict, takes the file as it is."""
    with torch.device("meta"):
        assert set(build_midas(name).state_dict()) == set(FILES[name])


@pytest.mark.parametrize("name", REFERENCE)
def test_output_is_the_reference_s(name: str) -> None:
    """With the same weights and picture the map is that of the authors' code."""
    gain, size, mean, deviation, middle = REFERENCE[name]
    network = loaded(name, gain)
    disparity = network(picture(*size))
    assert disparity.shape == (1, *size)
    assert disparity.dtype == torch.float32
    assert not network.training
    assert float(disparity.mean()) == pytest.approx(mean, rel=1e-4)
    assert float(disparity.std()) == pytest.approx(deviation, rel=1e-3)
    assert along_the_middle(disparity[0]) == pytest.approx(middle, abs=1e-4 * deviation, rel=1e-5)


def test_swin_output_is_the_reference_s() -> None:
    """A small Swin, which has all kinds of blocks that the large one has, with windows that are shifted and not."""
    network, shapes = tiny_swin()
    disparity = load_midas_state(network, filled(shapes, TINY_SWIN_GAIN))(picture(96, 96))[0]
    assert float(disparity.mean()) == pytest.approx(63.7386, rel=1e-4)
    assert float(disparity.std()) == pytest.approx(50.2422, rel=1e-4)
    expected = [187.1722, 42.40471, 96.92953, 33.25327, 87.94056, 35.56031]
    assert along_the_middle(disparity) == pytest.approx(expected, rel=1e-4)


def test_tables_of_the_file_are_those_that_are_computed() -> None:
    """A file with its tables of positions and masks gives the same map as one without; a wrong one is refused."""
    network, shapes = tiny_swin()
    state = filled(shapes, TINY_SWIN_GAIN)
    expected = load_midas_state(network, state)(picture(96, 96))
    tables = {name: value for name, value in network.named_buffers() if name.endswith(TABLES)}
    assert set(tables) == {name for name in shapes if name.endswith(TABLES)}
    state |= {name: value.clone() for name, value in tables.items()}
    assert torch.equal(load_midas_state(tiny_swin()[0], state)(picture(96, 96)), expected)
    mask = "pretrained.model.layers.0.blocks.1.attn_mask"
    state[mask] = state[mask][:1]
    with pytest.raises(ModelError, match=rf"of another shape: '{mask}' \(\(1, 9, 9\), not \(64, 9, 9\)\)"):
        load_midas_state(network, state)


def test_levit_forgets_what_it_computed_from_earlier_weights() -> None:
    """Loading into a network that has run already gives what a fresh one gives."""
    name = "midas-v3-1-levit-224"
    state = filled(FILES[name])
    network = build_midas(name)
    network.pretrained(picture(224, 224))
    load_midas_state(network, state)
    fresh = load_midas_state(build_midas(name), state)
    for used, new in zip(network.pretrained(picture(224, 224)), fresh.pretrained(picture(224, 224)), strict=True):
        assert torch.equal(used, new)


def test_v1_may_be_negative_and_later_ones_never_are(small: MidasNetwork) -> None:
    """v1 ends without a rectification (its reference values are negative); a later network cuts at zero."""
    assert max(REFERENCE["midas-v1"][4]) < 0
    state = filled(FILES[SMALL])
    state["scratch.output_conv.4.bias"] = torch.tensor([-1e6])
    assert not load_midas_state(build_midas(SMALL), state)(picture(32, 32)).any()
    assert (small(picture(32, 32)) >= 0).all()


def test_same_images_give_the_same_map_alone_and_in_a_batch(small: MidasNetwork) -> None:
    """Two passes are equal bit by bit, and an image does not depend on its company."""
    images = picture(64, 96, batch=2)
    together = small(images)
    assert torch.equal(together, small(images))
    assert images.equal(picture(64, 96, batch=2))
    for image, disparity in zip(images, together, strict=True):
        assert torch.allclose(small(image[None])[0], disparity, rtol=1e-4, atol=1e-4)


def test_checkpoint_with_its_optimiser_is_taken(small: MidasNetwork) -> None:
    """Some released files hold the state of the training too."""
    state = {"model": filled(FILES[SMALL], REFERENCE[SMALL][0]), "optimizer": {"state": {}, "param_groups": []}}
    network = load_midas_state(build_midas(SMALL), state)
    assert torch.equal(network(picture(32, 32)), small(picture(32, 32)))


def test_checkpoint_that_does_not_fit_is_refused_by_name() -> None:
    """Missing, unknown and misshapen entries are named together, as the file calls them, and nothing is loaded."""
    with torch.device("meta"):
        levit = build_midas("midas-v3-1-levit-224")
    state = {name: torch.zeros(shape) for name, shape in FILES["midas-v3-1-levit-224"].items()}
    del state["pretrained.model.blocks.9.m.0.c.weight"]
    state["pretrained.model.blocks.99.m.0.c.weight"] = torch.zeros(1)
    state["scratch.layer1_rn.weight"] = torch.zeros(256, 384, 1, 1)
    with pytest.raises(ModelError) as error:
        load_midas_state(levit, state)
    assert str(error.value) == (
        "the checkpoint does not fit the network: missing: 'pretrained.model.blocks.9.m.0.c.weight'; "
        "unknown: 'pretrained.model.blocks.99.m.0.c.weight'; "
        "of another shape: 'scratch.layer1_rn.weight' ((256, 384, 1, 1), not (256, 384, 3, 3))"
    )


def test_checkpoint_of_another_network_is_refused_briefly() -> None:
    """Hundreds of names that do not fit make one readable sentence; so does a file that holds no weights at all."""
    with torch.device("meta"):
        network = build_midas(SMALL)
    with pytest.raises(ModelError, match=r"missing: ('[\w.]+', ){4}'[\w.]+' and 477 more"):
        load_midas_state(network, {})
    with pytest.raises(ModelError, match="not a state dict; no tensors: 'epoch'"):
        load_midas_state(network, {"epoch": 3})


def test_sizes_that_do_not_fit_are_refused() -> None:
    """The convolutional networks take multiples of 32, the others their one size."""
    with torch.device("meta"):
        network, swin_network = build_midas(SMALL), build_midas("midas-v3-1-swin-l-384")
    with pytest.raises(ValueError, match="multiples of 32, not 64x90"):
        network(torch.empty(1, 3, 64, 90))
    with pytest.raises(ValueError, match="images of 384x384, not 384x512"):
        swin_network(torch.empty(1, 3, 384, 512))


def test_unknown_network_is_refused_by_name() -> None:
    """The sentence names all that there are."""
    with pytest.raises(ModelError, match="unknown MiDaS network 'midas'; known: midas-v1, "):
        build_midas("midas")
    assert set(MIDAS_NETWORKS) == set(FILES)
    assert all(math.prod(shape) for shapes in FILES.values() for shape in shapes.values())
