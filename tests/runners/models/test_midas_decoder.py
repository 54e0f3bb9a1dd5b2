"""The decoder's parts on numbers that can be followed by hand."""

import pytest
import torch
from torch import Tensor, nn

from runners.models.midas_decoder import Decoder, Double, Fusion, ResidualUnit, SharedFusion, depth_head, linear_head


def set_centre(conv: nn.Module, weight: float, bias: float | None = None) -> None:
    """Make a 1-channel 3x3 convolution multiply by a number and add another."""
    assert isinstance(conv, nn.Conv2d)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1] = weight
        if conv.bias is not None:
            conv.bias.fill_(bias or 0.0)


def unit(rectified_skip: bool) -> ResidualUnit:
    """Residual 3 * relu(2 * relu(x) - 1) + 0.5 of one channel."""
    made = ResidualUnit(1, rectified_skip=rectified_skip)
    set_centre(made.conv1, 2.0, -1.0)
    set_centre(made.conv2, 3.0, 0.5)
    return made


def column(*values: float) -> Tensor:
    """One channel, one value a row."""
    return torch.tensor(values).reshape(1, 1, -1, 1)


@pytest.mark.parametrize(
    ("rectified_skip", "expected"),
    [
        # x = -2: residual 3 * relu(-1) + 0.5 = 0.5; x = 0.25: 0.5; x = 1: 3 * 1 + 0.5 = 3.5
        (True, (0.5, 0.75, 4.5)),
        (False, (-1.5, 0.75, 4.5)),
    ],
)
def test_skip_adds_the_rectified_input_where_the_reference_rectifies_in_place(
    rectified_skip: bool, expected: tuple[float, ...]
) -> None:
    """The two kinds differ by the negative part of the input, and neither changes the tensor it was given."""
    features = column(-2.0, 0.25, 1.0)
    refined = unit(rectified_skip)(features)
    assert refined.flatten().tolist() == list(expected)
    assert features.flatten().tolist() == [-2.0, 0.25, 1.0]


def test_skip_equals_a_rectification_in_place() -> None:
    """The claim itself: with an in-place ReLU the tensor that the skip adds has been overwritten."""
    made, rectify = unit(True), nn.ReLU(inplace=True)
    given = column(-2.0, 0.25, 1.0)
    features = given.clone()
    with torch.no_grad():
        in_place = made.conv2(rectify(made.conv1(rectify(features)))) + features
        assert torch.equal(made(given), in_place)
        assert not torch.equal(unit(False)(given), in_place)


def test_coarsest_fusion_leaves_its_first_unit_alone() -> None:
    """Without a path only the second unit runs, whatever the weights of the first."""
    fusion = Fusion(1, rectified_skip=False)
    fusion.resConfUnit1, fusion.resConfUnit2 = ResidualUnit(1, rectified_skip=False), unit(False)
    set_centre(fusion.resConfUnit1.conv1, torch.nan)
    assert fusion(None, column(-2.0, 1.0), (2, 1)).flatten().tolist() == [-1.5, 4.5]


def test_fusion_adds_the_refined_features_to_the_path() -> None:
    """The path plus unit(features), then the second unit, then corners stay corners, then the 1x1 convolution."""
    fusion = Fusion(1, rectified_skip=False, out_channels=2)
    fusion.resConfUnit1, fusion.resConfUnit2 = unit(False), unit(False)
    assert isinstance(fusion.out_conv, nn.Conv2d)
    with torch.no_grad():
        fusion.out_conv.weight.copy_(torch.tensor([1.0, 10.0]).reshape(2, 1, 1, 1))
        fusion.out_conv.bias.zero_()  # type: ignore[union-attr]
    # sums: -1.5 + 0.5 = -1 and 4.5 - 4 = 0.5; refined: -1 + 0.5 and 0.5 + 0.5
    fused = fusion(column(0.5, -4.0), column(-2.0, 1.0), (3, 1))
    assert fused[0, 0].flatten().tolist() == pytest.approx([-0.5, 0.25, 1.0])
    assert fused[0, 1].flatten().tolist() == pytest.approx([-5.0, 2.5, 10.0])


def test_v1_uses_one_unit_twice() -> None:
    """relu(-2) = 0 and 1 give 0 and 4 (no bias at the end); plus the path 0 and -3.5; the same unit once more."""
    fusion = SharedFusion(1)
    set_centre(fusion.resConfUnit.conv1, 2.0, -1.0)
    set_centre(fusion.resConfUnit.conv2, 3.0)
    assert fusion.resConfUnit.conv2.bias is None
    assert fusion(column(0.0, -3.5), column(-2.0, 1.0), (2, 1)).flatten().tolist() == [0.0, 0.5]


@pytest.mark.parametrize(("align_corners", "expected"), [(False, [0, 0.25, 0.75, 1]), (True, [0, 1 / 3, 2 / 3, 1])])
def test_doubling_knows_both_conventions(align_corners: bool, expected: list[float]) -> None:
    """The heads of the convolutional networks keep pixel areas, those of every DPT keep corners."""
    doubled = Double(align_corners=align_corners)(column(0.0, 1.0))
    assert doubled.shape == (1, 1, 4, 2)
    assert doubled[0, 0, :, 0].tolist() == pytest.approx(expected)


def test_heads_double_and_only_the_later_one_rectifies() -> None:
    """(B, c, h, w) becomes (B, 1, 2h, 2w); with a strongly negative last bias one is zero and the other negative."""
    later, first = depth_head(4, 2, 3, align_corners=True), linear_head(4, 2)
    for conv in (later[4], first[1]):
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        nn.init.constant_(conv.bias, -100.0)
    features = torch.rand(2, 4, 3, 5)
    with torch.no_grad():
        assert later(features).shape == first(features).shape == (2, 1, 6, 10)
        assert not later(features).any()
        assert (first(features) < 0).all()


def test_decoder_follows_the_sizes_of_the_maps() -> None:
    """Each fusion meets the next finer map, also where that is not twice as large (LeViT: 4, 7, 14)."""
    fusions = [Fusion(2, rectified_skip=False, out_channels=2) for _ in range(3)]
    decoder = Decoder((3, 4, 5), (2, 2, 2), fusions, depth_head(2, 2, 2, align_corners=True))
    maps = [torch.rand(1, channels, side, side) for channels, side in ((3, 14), (4, 7), (5, 4))]
    with torch.no_grad():
        assert decoder(maps).shape == (1, 1, 56, 56)
    names = {name.split(".")[0] for name in decoder.state_dict()}
    assert names == {
        f"{part}{level}{end}" for level in (1, 2, 3) for part, end in (("layer", "_rn"), ("refinenet", ""))
    } | {"output_conv"}
