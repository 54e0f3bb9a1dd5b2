"""Marigold through the real loading path with tiny random weights; the full architecture without any."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image as PilImage
from safetensors.torch import load_file, save_file

from runners.models import describe, load, marigold
from runners.models import tiny_marigold as tiny
from runners.models.base import Image, Model, ModelError
from runners.models.hub import HubWeights
from runners.prediction import Prediction
from sitegen.store import load_model_cards

Weights = dict[str, torch.Tensor]

IDS = tuple(marigold.PRESETS)
V1_0, V1_1, LCM = IDS
FAST = {"preset": "fast", "steps": "2"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights cache that holds a tiny snapshot of every release."""
    folder = tmp_path_factory.mktemp("weights")
    for model_id in IDS:
        tiny.write(model_id, folder)
    return folder


def loaded(weights: Path, model_id: str = V1_1, dtype: str = "float32", **settings: str) -> Model:
    """A tiny model, by default fast."""
    return load(model_id, dtype=dtype, weights_dir=weights, settings={**FAST, **settings})


def picture(height: int = 30, width: int = 50, seed: int = 0) -> Image:
    """A random image."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def one(model: Model, image: Image) -> Prediction:
    """The prediction of one image."""
    (prediction,) = model.predict([image])
    return prediction


@pytest.mark.parametrize("model_id", IDS)
def test_depth_has_the_images_size_and_lies_within_0_and_1(weights: Path, model_id: str) -> None:
    """Every release loads from its snapshot and predicts affine-invariant depth, the same at every call."""
    model = loaded(weights, model_id)
    found = one(model, picture())
    assert found.kind == model.kind == describe(model_id).kind
    assert found.map.shape == (30, 50)
    assert found.map.dtype == torch.float32
    assert 0 <= found.map.min() < found.map.max() <= 1
    assert found.uncertainty is None
    assert torch.equal(found.map, one(model, picture()).map)
    assert model.revision == f"prs-eth/{model_id}, a local folder"
    assert model.weights_sha256 is not None


@pytest.mark.parametrize("model_id", [V1_1, LCM])
def test_batching_and_company_change_nothing(weights: Path, model_id: str) -> None:
    """Each image starts from the same seed, whatever was predicted before it and at whatever size."""
    model = loaded(weights, model_id)
    images = [picture(seed=1), picture(24, 16, seed=2), picture(seed=3)]
    together = model.predict(images)
    for image, prediction in zip(images, together, strict=True):
        assert torch.equal(prediction.map, one(model, image).map)
        assert prediction.map.shape == image.shape[:2]


def test_another_seed_is_another_map(weights: Path) -> None:
    """The noise comes from the seed and from nothing else."""
    assert not torch.equal(one(loaded(weights), picture()).map, one(loaded(weights, seed="1"), picture()).map)


@pytest.mark.parametrize("resolution", [0, 24, 48, 64])
def test_the_chain_is_that_of_the_pipeline(weights: Path, resolution: int) -> None:
    """Our own resizes, in float32, give what diffusers gives when it resizes itself; padding included."""
    pipeline = tiny.pipeline(V1_1)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        PilImage.fromarray(picture()),
        num_inference_steps=2,
        processing_resolution=resolution,
        generator=torch.Generator().manual_seed(1234),
        output_type="pt",
    ).prediction[0, 0]
    found = one(loaded(weights, processing_resolution=str(resolution)), picture()).map
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_the_chain_by_hand(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 x 50 at 24 is 14 x 24, padded to 16 x 24 and cut again; what the VAE decodes is resized back."""
    model = loaded(weights, processing_resolution="24")
    assert isinstance(model, marigold.Marigold)
    seen: list[torch.Tensor] = []
    encode = model._pipeline.vae.encode
    monkeypatch.setattr(model._pipeline.vae, "encode", lambda image: (seen.append(image), encode(image))[1])
    decoded = torch.linspace(-1.2, 1.2, 16 * 24).reshape(1, 1, 16, 24).expand(1, 3, 16, 24)
    monkeypatch.setattr(model._pipeline.vae, "decode", lambda latent, return_dict: (decoded,))
    found = one(model, picture()).map

    planes = torch.from_numpy(picture()).permute(2, 0, 1)[None] / 255
    resized = F.interpolate(planes, (14, 24), mode="bilinear", antialias=True)
    torch.testing.assert_close(seen[0], F.pad(resized * 2 - 1, (0, 0, 0, 2), mode="replicate"))
    inside = (decoded[:, :1, :14].clamp(-1, 1) + 1) / 2
    torch.testing.assert_close(found, F.interpolate(inside, (30, 50), mode="bilinear")[0, 0])
    assert (float(found.min()), float(found.max())) == (0, pytest.approx(1, abs=0.1))


def test_an_ensemble_gives_uncertainty(weights: Path) -> None:
    """The members' median absolute deviation, at the map's size; one alone has none."""
    model = loaded(weights, ensemble="3", processing_resolution="0")
    found = one(model, picture(32, 48))
    assert found.uncertainty is not None
    assert found.uncertainty.shape == (32, 48)
    assert found.uncertainty.min() >= 0 < found.uncertainty.max()
    # Stretched, and nothing is resized here.
    assert (float(found.map.min()), float(found.map.max())) == (0, 1)


@pytest.mark.parametrize(("dtype", "error"), [("float16", 0.01), ("bfloat16", 0.06)])
def test_half_precision_runs_on_the_cpu_too(weights: Path, dtype: str, error: float) -> None:
    """The resizes are not the network's, so nothing antialiases a half tensor; the map stays near that of float32."""
    found = one(loaded(weights, dtype=dtype), picture()).map
    assert found.dtype == torch.float32
    assert (found - one(loaded(weights), picture()).map).abs().max() < error


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (9, 7)])
def test_tiny_and_long_images(weights: Path, size: tuple[int, int]) -> None:
    """No image is too small or too narrow."""
    assert one(loaded(weights), picture(*size)).map.shape == size


def test_grey_and_rgba_are_taken_as_rgb(weights: Path) -> None:
    """A grey image is one with three equal channels; opacity is left out."""
    model, rgb = loaded(weights), picture()
    grey = rgb[..., :1]
    opaque = np.concatenate([rgb, np.full((30, 50, 1), 9, dtype=np.uint8)], axis=2)
    assert torch.equal(one(model, grey[..., 0]).map, one(model, np.repeat(grey, 3, axis=2)).map)
    assert torch.equal(one(model, opaque).map, one(model, rgb).map)


def test_presets_and_defaults_are_resolved_in_the_record(weights: Path) -> None:
    """The record names every value that was used, not the wish for a default."""
    assert load(V1_0, weights_dir=weights).settings == {
        "preset": "paper",
        "steps": 50,
        "ensemble": 10,
        "ensemble_alignment": "BFGS, 2 iterations, tolerance 0.001",
        "processing_resolution": 48,
        "seed": 1234,
        "noise": "generator on the CPU, anew for each image",
        "resize": "float32, bilinear; image with antialiasing, map without",
        "scheduler": "DDIMScheduler, leading, v_prediction",
    }
    v1_1 = load(V1_1, weights_dir=weights).settings
    assert (v1_1["steps"], v1_1["ensemble"]) == (1, 10)
    assert v1_1["ensemble_alignment"] == "BFGS, 50 iterations, tolerance 1e-06"
    assert v1_1["scheduler"] == "DDIMScheduler, trailing, v_prediction, zero terminal SNR"
    lcm = load(LCM, weights_dir=weights, settings={"preset": "fast"}).settings
    assert (lcm["preset"], lcm["steps"], lcm["ensemble"]) == ("fast", 1, 1)


def test_a_preset_that_was_changed_says_so(weights: Path) -> None:
    """Only what differs is named; a value that is the preset's own is no change."""
    settings = loaded(weights, V1_1, steps="1", seed="7", processing_resolution="0").settings
    assert settings["preset"] == "fast, but other processing_resolution, seed"
    assert (settings["processing_resolution"], settings["seed"]) == (0, 7)


def test_a_snapshot_without_a_resolution_is_seen_at_768(weights: Path, tmp_path: Path) -> None:
    """As the authors' README says."""
    edit_index(tiny.write(V1_1, tmp_path), default_processing_resolution=None)
    assert loaded(tmp_path).settings["processing_resolution"] == 768


def test_all_faults_of_settings_are_named(weights: Path) -> None:
    """One call tells everything that is wrong."""
    wrong = {"preset": "best", "steps": "0", "ensemble": "some", "processing_resolution": "-8", "seed": "1.5"}
    with pytest.raises(ModelError) as caught:
        load(V1_0, weights_dir=weights, settings=wrong)
    for sentence in (
        "setting preset is one of paper, fast, not 'best'",
        "setting steps is a whole number from 1 to 1000, not '0'",
        "setting ensemble is a whole number from 1 to 100, not 'some'",
        "setting processing_resolution is a whole number from 0 to 8192, not '-8'",
        f"model '{V1_0}': setting seed is a whole number",
    ):
        assert sentence in str(caught.value)


def test_compiling_is_recorded(weights: Path) -> None:
    """The U-Net is what is compiled, at its first use."""
    model = load(V1_1, weights_dir=weights, compile=True, settings=FAST)
    assert isinstance(model, marigold.Marigold)
    assert model.settings["compiled"] == "U-Net"
    assert model._pipeline.unet._compiled_call_impl is not None


def edit_index(folder: Path, **changes: object) -> None:
    """Change fields of a snapshot's model_index.json."""
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_snapshots_of_the_old_pipeline_class_load(weights: Path, tmp_path: Path) -> None:
    """Stored copies name a class that diffusers does not have."""
    edit_index(tiny.write(LCM, tmp_path), _class_name="MarigoldPipeline")
    assert torch.equal(one(loaded(tmp_path, LCM), picture()).map, one(loaded(weights, LCM), picture()).map)


def test_half_precision_files_alone_serve_half_precision_alone(tmp_path: Path) -> None:
    """Where the full files are missing, the half ones are read, and never passed off as more."""
    tiny.write(V1_1, tmp_path, variant="fp16")
    assert one(loaded(tmp_path, dtype="float16"), picture()).map.isfinite().all()
    with pytest.raises(ModelError, match="holds only weights in half precision; ask for --dtype float16"):
        loaded(tmp_path)


def test_other_models_are_refused(tmp_path: Path) -> None:
    """Everything that makes a pipeline another thing than affine-invariant depth is named."""
    folder = tiny.write(V1_1, tmp_path)
    tiny.pipeline(V1_1, in_channels=4).unet.save_pretrained(folder / "unet")
    edit_index(folder, prediction_type="disparity", shift_invariant=False)
    with pytest.raises(ModelError) as caught:
        loaded(tmp_path)
    for part in ("takes 4 channels", "predicts disparity, not depth", "is not affine-invariant"):
        assert part in str(caught.value)


def test_a_broken_snapshot_is_a_sentence(tmp_path: Path) -> None:
    """What diffusers says of it, on one line, with the folder."""
    folder = tiny.write(V1_1, tmp_path)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=f"{V1_1}: holds no Marigold pipeline \\(.+\\)$"):
        loaded(tmp_path)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_an_incomplete_snapshot_is_refused(tmp_path: Path, part: str) -> None:
    """Where a weight is missing the libraries would go on with random numbers."""
    change(tiny.write(V1_1, tmp_path), part, lambda weights: dict(list(weights.items())[1:]))
    with pytest.raises(ModelError, match=f"{part}: 1 weights are missing or of another shape, such as "):
        loaded(tmp_path)


def test_snapshots_with_the_names_of_older_libraries_are_complete(weights: Path, tmp_path: Path) -> None:
    """Releases of 2023 may call the VAE's attention and the text encoder's weights otherwise; nothing is lost."""
    folder, older = (
        tiny.write(V1_1, tmp_path),
        {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"},
    )

    def vae(name: str) -> str:
        for now, before in older.items():
            name = name.replace(f".{now}.", f".{before}.")
        return name

    change(folder, "vae", lambda found: {vae(name): value for name, value in found.items()})
    places = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    change(folder, "text_encoder", lambda found: {**{f"text_model.{n}": value for n, value in found.items()}, **places})
    assert torch.equal(one(loaded(tmp_path), picture()).map, one(loaded(weights), picture()).map)


def change(folder: Path, part: str, edit: Callable[[Weights], Weights]) -> None:
    """Rewrite the weight file of one part of a snapshot."""
    (path,) = (folder / part).glob("*.safetensors")
    save_file(edit(load_file(path)), path, metadata={"format": "pt"})


def test_without_a_network_the_sentence_says_where_a_copy_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline and in no cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError, match=f"put a copy of the repository into <cache>/prs-eth/{V1_0}"):
        load(V1_0, weights_dir=tmp_path / "weights")


def test_full_files_are_fetched_and_half_ones_are_not() -> None:
    """Half of the download would be a copy of the other half."""
    from fnmatch import fnmatch

    weights = describe(V1_0).weights
    assert isinstance(weights, HubWeights)
    wanted = ["model_index.json", "tokenizer/merges.txt", "unet/diffusion_pytorch_model.safetensors"]
    wanted += ["vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"]
    for name in wanted:
        assert any(fnmatch(name, pattern) for pattern in weights.patterns)
    for name in ("unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin"):
        assert not any(fnmatch(name, pattern) for pattern in weights.patterns)


def test_architecture_has_the_cards_parameters(repo: Path) -> None:
    """U-Net and VAE on the meta device: 949.6 million, as the cards say; the hub's badge has the U-Net alone."""
    with torch.device("meta"):
        network = marigold.architecture(describe(V1_0))
        example = marigold.example_input(describe(V1_0), 1, 480, 640)
    assert isinstance(network, marigold.OneStep)
    assert _parameters(network) == 949_576_107
    cards = load_model_cards(repo / "results", IDS)[0]
    assert [cards[model_id].params_m for model_id in IDS] == pytest.approx([949.576] * len(IDS), rel=0.01)
    assert round(_parameters(network.unet) / 1e9, 1) == 0.9
    with torch.inference_mode():
        assert network(example).shape == (1, 480, 640)


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_only_marigold_has_this_architecture() -> None:
    """Another entry is refused with a sentence."""
    with pytest.raises(ModelError, match="is no Marigold model"):
        marigold.architecture(replace(describe(V1_0), id="other"))


def test_one_step_takes_its_example_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that is measured runs, here with tiny parts: a map for each image, sides raised to multiples of 8."""
    parts = tiny.pipeline(V1_0)
    monkeypatch.setitem(marigold._NETWORKS, "unet", lambda **_: parts.unet)
    monkeypatch.setitem(marigold._NETWORKS, "vae", lambda **_: parts.vae)
    monkeypatch.setattr(marigold, "_PROMPT", (2, 16))
    example = marigold.example_input(describe(V1_0), 2, 30, 33)
    assert example.shape == (2, 3, 32, 40)
    assert -1 <= example.min() < example.max() <= 1
    with torch.inference_mode():
        assert marigold.architecture(describe(V1_0))(example).shape == (2, 32, 40)
