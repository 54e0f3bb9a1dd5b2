"""Peers in packages of their own: what is missing is a sentence, and stand-ins prove what goes in and comes out."""

import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from runners.models import describe, load, models
from runners.models.base import Image, ModelError
from runners.models.hub import HubWeights
from runners.models.plugins import packages
from runners.models.registry import ModelOptions
from tests.runners.models import stand_ins

Place = Callable[[str], None]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Puts a stand-in where it can be imported, and takes it away again."""
    placed: list[str] = []

    def put(package: str) -> None:
        placed.append(package)
        monkeypatch.syspath_prepend(stand_ins.write(tmp_path / "site", package))

    yield put
    for name in [name for name in sys.modules if name.partition(".")[0] in placed]:
        del sys.modules[name]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A weights cache with a file of one tensor for every peer."""
    for model_id in packages.PACKAGES:
        weights = describe(model_id).weights
        assert isinstance(weights, HubWeights)
        folder = tmp_path / "weights" / weights.repo
        folder.mkdir(parents=True)
        if weights.weight_files == "model.pt":
            torch.save({"model": torch.ones(1)}, folder / "model.pt")
        else:
            save_file({"model": torch.ones(1)}, folder / "model.safetensors")
    return tmp_path / "weights"


def picture() -> Image:
    """A small image whose red channel counts from 0 to 23."""
    image = np.zeros((4, 6, 3), dtype=np.uint8)
    image[..., 0] = np.arange(24).reshape(4, 6)
    return image


RED = torch.arange(24, dtype=torch.float32).reshape(4, 6)


def test_rows_and_entries_belong_together() -> None:
    """Every peer has a row and says what it needs; the precisions are those of its own code."""
    entries = {entry.id: entry for entry in models().values() if entry.module == packages.__name__}
    assert entries.keys() == packages.PACKAGES.keys()
    for model_id, package in packages.PACKAGES.items():
        assert len(entries[model_id].requires) == 1
        assert set(entries[model_id].dtypes) == {dtype for some in package.precisions.values() for dtype in some}
        assert entries[model_id].settings.keys() == package.settings.keys() >= package.defaults.keys()


@pytest.mark.parametrize(
    ("model_id", "line"),
    [
        ("moge-2-vit-l", r"pip install 'moge @ git\+https://github\.com/microsoft/MoGe\.git@637e23e\w+'"),
        ("unidepth-v2-small", r"pip install 'unidepth @ git\+https://github\.com/lpiccinelli-eth/UniDepth\.git@\w+'"),
    ],
)
def test_a_missing_package_is_a_sentence_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, model_id: str, line: str
) -> None:
    """Before anything is fetched or imported."""
    monkeypatch.setattr("runners.models.requirements.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=f"model '{model_id}' needs more than is installed; run: {line}$"):
        load(model_id)


def test_another_version_of_a_package_is_a_sentence(place: Place, cache: Path, tmp_path: Path) -> None:
    """A package without the class that the adapter was written for says so."""
    place("moge")
    (tmp_path / "site" / "moge" / "model" / "v2.py").write_text("", encoding="utf-8")
    with pytest.raises(ModelError, match=r"moge\.model\.v2\.MoGeModel cannot be imported .*written for moge @ git"):
        load("moge-2-vit-s-normal", weights_dir=cache)


@pytest.mark.parametrize("model_id", ["moge-1-vit-l", "moge-2-vit-l"])
def test_moge_gives_depth_everywhere_as_its_authors_evaluate(place: Place, cache: Path, model_id: str) -> None:
    """The image goes in as 0..1; the mask is not applied; the focal length that it took is kept."""
    place("moge")
    model = load(model_id, weights_dir=cache)
    (found,) = model.predict([picture()])
    assert found.kind == describe(model_id).kind
    torch.testing.assert_close(found.map, RED)
    assert found.details == {"focal_px": 4.5}
    assert model.settings["mask"] == "none"
    assert model.settings["package"] == "moge, not installed but on the path"


def test_the_record_names_the_package_that_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork under another name is not taken for the authors' own; an installation from git has its commit."""
    stand_ins.write(tmp_path, "moge")
    record = tmp_path / "dlr_moge-2.0.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: dlr-moge\nVersion: 2.0.0\n")
    (record / "top_level.txt").write_text("moge\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert packages._origin("moge.model.v2") == "dlr-moge 2.0.0"
    (record / "direct_url.json").write_text('{"url": "https://x", "vcs_info": {"vcs": "git", "commit_id": "637e23e"}}')
    assert packages._origin("moge.model.v2") == "dlr-moge 2.0.0 at 637e23e"


def test_moges_mask_becomes_nan(place: Place, cache: Path) -> None:
    """Where the model says that there is no depth, there is no number: named by the scorer, never dropped."""
    place("moge")
    (found,) = load("moge-2-vit-l", weights_dir=cache, settings={"mask": "nan"}).predict([picture()])
    assert torch.equal(found.map.isnan(), RED < 10)
    torch.testing.assert_close(found.map[RED >= 10], RED[RED >= 10])
    with pytest.raises(ModelError, match="setting mask is one of none, nan, not 'sky'"):
        load("moge-2-vit-l", weights_dir=cache, settings={"mask": "sky"})


def test_no_code_in_weights_is_run(place: Place, cache: Path, tmp_path: Path) -> None:
    """The stand-in reads its file without weights_only; a pickle that would write a file is refused all the same."""
    place("moge")
    harm = tmp_path / "harm"

    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"open({str(harm)!r}, 'w').close()",)

    (cache / "Ruicheng" / "moge-2-vitl" / "model.pt").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(ModelError, match="moge-2-vitl: cannot be loaded"):
        load("moge-2-vit-l", weights_dir=cache)
    assert not harm.exists()


def test_unidepth_gives_depth_and_its_own_camera(place: Place, cache: Path) -> None:
    """Whole numbers go in; depth and focal length come out."""
    place("unidepth")
    (found,) = load("unidepth-v2-base", weights_dir=cache).predict([picture()])
    torch.testing.assert_close(found.map, RED)
    assert found.details == {"focal_px": 321.5}


def test_depth_anything_3_gets_one_image_and_the_same_noise(place: Place, cache: Path) -> None:
    """Two images are two calls, not two views; its random choice is the same at every call and leaves no trace."""
    place("depth_anything_3")
    entry = describe("da3mono-large")
    with pytest.raises(ModelError, match="its own code runs on cuda only"):
        load("da3mono-large", dtype="bfloat16", weights_dir=cache)
    package = packages.PACKAGES[entry.id]
    network = packages._class(entry, package).from_pretrained("")
    before = torch.random.get_rng_state()
    (first, _), (second, _) = (package.predict(network, picture(), {}) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (2, 3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_depth_anything_3_gives_metres_with_the_focal_length_of_its_own_input(
    place: Place, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The map is 2x3 for an image of 4x6: fx 600 and fy 900 are 300 and 450 there, and metres 375/300 of the map."""
    place("depth_anything_3")
    package = packages.PACKAGES["da3metric-large"]
    monkeypatch.setitem(packages.PACKAGES, "da3metric-large", replace(package, precisions={"cpu": ("bfloat16",)}))
    model = packages.build(describe("da3metric-large"), ModelOptions("cpu", "bfloat16", cache))
    (found,) = model.predict([picture()], [(600.0, 900.0, 2.5, 1.5)])
    raw, _ = packages.PACKAGES["da3mono-large"].predict(model._network, picture(), {})
    torch.testing.assert_close(found.map, raw * 1.25)
    assert found.map.shape == (2, 3)
    assert found.details == {"focal_px": 375.0}
    with pytest.raises(ModelError, match="model 'da3metric-large' needs the intrinsics of every image"):
        model.predict([picture()])


def test_precisions_are_those_of_the_packages_own_code() -> None:
    """UniDepth computes in float32 on a CPU and half on a GPU, whatever it is told."""
    entry = describe("unidepth-v2-large")
    with pytest.raises(ModelError, match="its own code runs in float32 on cpu"):
        packages.build(entry, ModelOptions("cpu", "float16"))
    with pytest.raises(ModelError, match="its own code runs in float16 on cuda"):
        packages.build(entry, ModelOptions("cuda", "float32"))


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch that forbids code in weights is on only while a package loads."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    monkeypatch.setenv(name, "0")
    with packages._no_code_from_weights():
        pass
    assert packages.os.environ[name] == "0"
    monkeypatch.delenv(name)
    with packages._no_code_from_weights():
        assert packages.os.environ[name] == "1"
    assert name not in packages.os.environ
