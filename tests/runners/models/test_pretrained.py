"""Networks of transformers: what they share, proven with tiny random checkpoints through the real loading path."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from runners.models import describe, load, tiny
from runners.models.base import Image, Model
from runners.models.errors import ModelError
from runners.prediction import Prediction

KINDS = (
    "midas-v3-0-dpt-large-384",
    "midas-v3-0-dpt-hybrid-384",
    "midas-v3-1-beit-b-384",
    "midas-v3-1-swinv2-t-256",
    "depth-anything-v1-small",
    "depth-anything-v2-small-metric-outdoor",
    "zoed-m12-n",
    "zoed-m12-k",
    "zoed-m12-nk",
    "depth-pro",
)
"""One model of each way to predict."""


def image(height: int = 40, width: int = 60, seed: int = 0) -> Image:
    """A random image with some large shapes in it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.resize(np.kron(coarse, np.ones((10, 10, 1), dtype=np.uint8)), (height, width, 3)))


def values(found: list[Prediction]) -> list[torch.Tensor]:
    """The maps."""
    return [one.map for one in found]


def agree(one: torch.Tensor, other: torch.Tensor, share: float) -> bool:
    """Whether two maps differ by at most a share of the largest value."""
    return one.shape == other.shape and float((one - other).abs().max()) <= share * float(other.abs().max())


@pytest.mark.parametrize("name", tiny.ids())
def test_every_model_loads_and_predicts(cache: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The prediction is of the entry's kind, one finite float32 plane with content; nothing is said on the way."""
    model, entry = load(name, weights_dir=cache), describe(name)
    (found,) = model.predict([image()])
    assert (model.id, model.kind, found.kind) == (name, entry.kind, entry.kind)
    assert found.map.dtype == torch.float32
    assert torch.isfinite(found.map).all()
    assert found.map.min() >= 0
    assert found.map.std() > 1e-3
    assert model.revision == f"{entry.weights.repo}, a local folder"  # type: ignore[union-attr]
    assert len(model.weights_sha256 or "") == 64
    assert {"output", "resize", "normalisation", "preparation"} <= set(model.settings)
    assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def loaded(cache: Path) -> dict[str, Model]:
    """One model of each way to predict, in float32."""
    return {name: load(name, weights_dir=cache) for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_of_mixed_sizes_is_as_one_by_one(loaded: dict[str, Model], name: str) -> None:
    """Order is kept, and no image sees another."""
    images = [image(40, 60, 1), image(60, 40, 2), image(40, 60, 3)]
    together, alone = loaded[name].predict(images), [loaded[name].predict([one])[0] for one in images]
    for one, other in zip(together, alone, strict=True):
        assert agree(one.map, other.map, 1e-4)
    assert not agree(together[0].map, together[2].map, 1e-2)


@pytest.mark.parametrize("name", KINDS)
def test_what_was_prepared_ahead_gives_the_same_maps(loaded: dict[str, Model], name: str) -> None:
    """To the last bit, and with the same details."""
    images = [image(40, 60, 1), image(60, 40, 2), image(40, 60, 3)]
    ahead, straight = loaded[name].predict(loaded[name].prepared(images)), loaded[name].predict(images)
    assert all(torch.equal(a.map, b.map) and a.details == b.details for a, b in zip(ahead, straight, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_grey_and_transparent_images_are_their_colours(loaded: dict[str, Model], name: str) -> None:
    """Grey is three equal colours; opacity is left out."""
    rgb = image()
    grey, rgba = rgb[..., 0], np.dstack([rgb, rgb[..., :1]])
    found = loaded[name].predict([grey, np.dstack([grey] * 3), rgba, rgb])
    assert torch.equal(found[0].map, found[1].map)
    assert torch.equal(found[2].map, found[3].map)


@pytest.mark.parametrize("name", KINDS)
def test_bfloat16_runs_and_stays_near(cache: Path, loaded: dict[str, Model], name: str) -> None:
    """The network's weights are in the type asked for; maps come back in float32, on average within a tenth."""
    half = load(name, dtype="bfloat16", weights_dir=cache)
    assert {p.dtype for p in half.net.parameters()} == {torch.bfloat16}  # type: ignore[attr-defined]
    assert half.dtype == "bfloat16"
    (found,), (expected,) = values(half.predict([image()])), values(loaded[name].predict([image()]))
    assert found.dtype == torch.float32
    assert float((found - expected).abs().mean()) < 0.1 * float(expected.abs().mean())


@pytest.mark.parametrize("name", KINDS)
def test_safe_precision_comes_first(name: str) -> None:
    """Float32 is the default; SwinV2 and ZoeDepth are refused in half precision."""
    entry = describe(name)
    assert entry.dtypes[0] == "float32"
    assert ("float16" in entry.dtypes) == ("swinv2" not in name and "zoed" not in name)


def test_compiling_is_asked_of_torch_and_recorded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network as it is run goes to torch.compile, once."""
    asked: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda net: asked.append(net) or net)
    model = load("midas-v3-1-swinv2-t-256", weights_dir=cache, compile=True)
    assert asked == [model.net]  # type: ignore[attr-defined]
    assert model.settings["compiled"] is True


def test_unknown_values_of_settings_are_refused(cache: Path) -> None:
    """The sentence says what may stand there."""
    with pytest.raises(
        ModelError, match="'depth-anything-v2-small': setting input is one of reference, hub, not 'own'"
    ):
        load("depth-anything-v2-small", weights_dir=cache, settings={"input": "own"})
    with pytest.raises(ModelError, match="'zoed-m12-n': setting mode is one of infer, eval, not 'paper'"):
        load("zoed-m12-n", weights_dir=cache, settings={"mode": "paper"})


@pytest.fixture
def copied(cache: Path, tmp_path: Path) -> Path:
    """A cache with a copy of DPT-Large's tiny repository, to spoil."""
    name = "midas-v3-0-dpt-large-384"
    shutil.copytree(tiny.folder_of(name, cache), tiny.folder_of(name, tmp_path))
    return tmp_path


def drop(folder: Path, start: str) -> None:
    """Take tensors out of a checkpoint."""
    file = folder / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(file).items() if not name.startswith(start)}
    save_file(kept, file, {"format": "pt"})


def test_weights_that_do_not_fill_the_network_are_refused(copied: Path) -> None:
    """Left to itself, transformers would go on with random numbers."""
    drop(tiny.folder_of("midas-v3-0-dpt-large-384", copied), "head.head.2.")
    with pytest.raises(ModelError, match=r"lacks 2 tensors of the network, head\.head\.2\.bias among them"):
        load("midas-v3-0-dpt-large-384", weights_dir=copied)


def test_what_is_never_run_may_be_missing(cache: Path, copied: Path, loaded: dict[str, Model]) -> None:
    """Published DPT checkpoints lack the first fusion block's first unit; predictions do not change."""
    drop(tiny.folder_of("midas-v3-0-dpt-large-384", copied), "neck.fusion_stage.layers.0.residual_layer1.")
    model = load("midas-v3-0-dpt-large-384", weights_dir=copied)
    expected = loaded["midas-v3-0-dpt-large-384"].predict([image()])[0].map
    assert torch.equal(model.predict([image()])[0].map, expected)


def test_another_kind_of_network_is_refused(cache: Path, tmp_path: Path) -> None:
    """A repository under the wrong name is told by its configuration."""
    shutil.copytree(tiny.folder_of("depth-pro", cache), tiny.folder_of("zoed-m12-n", tmp_path))
    with pytest.raises(ModelError, match="holds a network of type 'depth_pro', not 'zoedepth'"):
        load("zoed-m12-n", weights_dir=tmp_path)


def test_a_repository_without_configuration_is_refused(copied: Path) -> None:
    """Weights alone say nothing."""
    (tiny.folder_of("midas-v3-0-dpt-large-384", copied) / "config.json").unlink()
    with pytest.raises(ModelError, match="has no configuration to load"):
        load("midas-v3-0-dpt-large-384", weights_dir=copied)


def test_spoilt_weights_are_a_sentence(copied: Path) -> None:
    """A file that was cut off is refused with its folder."""
    file = tiny.folder_of("midas-v3-0-dpt-large-384", copied) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"dpt-large cannot be loaded"):
        load("midas-v3-0-dpt-large-384", weights_dir=copied)


def test_a_missing_processor_matters_to_hub_only(copied: Path) -> None:
    """``reference`` reads no image processor."""
    (tiny.folder_of("midas-v3-0-dpt-large-384", copied) / "preprocessor_config.json").unlink()
    load("midas-v3-0-dpt-large-384", weights_dir=copied)
    with pytest.raises(ModelError, match="no image processor can be read"):
        load("midas-v3-0-dpt-large-384", weights_dir=copied, settings={"input": "hub"})


def test_old_processor_files_are_read(copied: Path) -> None:
    """The form of 2022: a feature extractor with one number for the size."""
    file = tiny.folder_of("midas-v3-0-dpt-large-384", copied) / "preprocessor_config.json"
    old = {"feature_extractor_type": "DPTFeatureExtractor", "size": 384, "resample": 2, "do_resize": True,
           "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}  # fmt: skip
    file.write_text(json.dumps(old), encoding="utf-8")
    model = load("midas-v3-0-dpt-large-384", weights_dir=copied, settings={"input": "hub"})
    assert model.settings["resize"] == "384x384, multiple of 1, aspect not kept, Pillow's filter 2"


def test_without_a_network_the_sentence_says_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here and no hub: where to put a copy."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError, match=r"put a copy of the repository into <cache>/apple/DepthPro-hf"):
        load("depth-pro", weights_dir=tmp_path)
