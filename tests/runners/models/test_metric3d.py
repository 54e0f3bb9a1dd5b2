"""Metric3D v2: what goes into the network and what becomes of its answer, by hand; the network is a stand-in.

Nothing here says anything about the network of the authors, which was never run.
"""

import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.datasets import open_manifest
from runners.evaluate import evaluate
from runners.models import describe, load, models
from runners.models.base import CameraNetwork, Image, Model, ModelError
from runners.models.clones import open_clone
from runners.models.plugins import metric3d
from runners.models.plugins.metric3d import letterbox, metres, prepare
from runners.models.registry import ModelOptions, build
from runners.models.weights import WeightFile
from sitegen.store import load_model_cards
from tests.runners import factories as make

IDS = ("metric3d-v2-vit-s", "metric3d-v2-vit-l", "metric3d-v2-vit-g")

HUBCONF = '''
"""A stand-in for the authors' hubconf.py: the answer is the column, times a weight."""
import torch

class Network(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.zeros(1))
        self.size = size

    def inference(self, data):
        rgb = data["input"]
        assert rgb.shape == (1, 3, 616, 1064) and rgb.dtype == torch.float32
        self.seen = rgb
        depth = torch.arange(1064.0).expand(1, 1, *self.size)[..., : self.size[1]]
        return depth * self.factor, None, {}

def metric3d_vit_small(pretrain=False):
    assert not pretrain
    return Network((616, 1064))

def metric3d_vit_large(pretrain=False):
    return Network((10, 1064))
'''


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit."""
    return make.write_clone(tmp_path / "clone", "hubconf.py", HUBCONF)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A weights cache with checkpoints in which the one tensor is 0.5."""
    folder = tmp_path / "weights"
    for model_id in IDS:
        write(folder, model_id, {"model_state_dict": {"factor": torch.tensor([0.5]), "left.over": torch.ones(3)}})
    return folder


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in runs anywhere; its modules are taken away again."""
    monkeypatch.setattr(metric3d, "_DEVICES", ("cpu",))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name == "hubconf":
            del sys.modules[name]


def write(folder: Path, model_id: str, content: object) -> None:
    """Write a checkpoint where the adapter looks for it."""
    weights = describe(model_id).weights
    assert isinstance(weights, WeightFile)
    path = folder / weights.family / weights.name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)


def made(model_id: str, cache: Path, clone: Path) -> Model:
    """The adapter with the stand-in, past the check for mmengine, which the stand-in needs not."""
    options = ModelOptions("cpu", "float32", cache, settings={"repository": str(clone)})
    return build(describe(model_id), options)


def grey(height: int, width: int, value: int = 100) -> Image:
    """An image of one grey."""
    return np.full((height, width, 3), value, dtype=np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "scale", "inside"),
    [
        # NYU: 616/480 = 1.28333 is the smaller factor; 640 * 1.28333 = 821.33; (1064 - 821) / 2 = 121.5
        (480, 640, 616 / 480, (0, 616, 121, 942)),
        # KITTI: 1064/1242 = 0.85668; 375 * 0.85668 = 321.25; (616 - 321) / 2 = 147.5
        (375, 1242, 1064 / 1242, (147, 468, 0, 1064)),
        (616, 1064, 1.0, (0, 616, 0, 1064)),
        (308, 532, 2.0, (0, 616, 0, 1064)),
    ],
)
def test_the_letterbox_is_that_of_a_hand_computation(
    height: int, width: int, scale: float, inside: tuple[int, int, int, int]
) -> None:
    """The smaller factor, sides cut off to whole pixels, the odd pixel of border at the end."""
    box = letterbox(height, width)
    assert box.scale == scale
    assert (box.rows.start, box.rows.stop, box.columns.start, box.columns.stop) == inside
    assert box.size == (inside[1] - inside[0], inside[3] - inside[2])


def test_sides_are_cut_off_as_the_authors_cut_them() -> None:
    """Where width * (1064 / width) comes out below 1064 in floating point, a column is lost there, and so here."""
    lost = next(width for width in range(1, 5000) if int(width * (1064 / width)) == 1063)
    assert letterbox(lost // 2, lost).columns == slice(0, 1063)


def test_an_image_too_long_is_refused() -> None:
    """Bad input: less than a row would be left."""
    with pytest.raises(ModelError, match="an image of 1065x1 leaves nothing in an input of 1064x616"):
        letterbox(1, 1065)


def test_the_input_is_normalised_and_bordered_by_the_mean() -> None:
    """An image of half the size: grey 100 in the middle, the mean in whole grey levels around it."""
    image = grey(308, 266, 100)
    seen = prepare(image, letterbox(308, 266))
    assert seen.shape == (3, 616, 1064)
    inside = torch.tensor([(100 - 123.675) / 58.395, (100 - 116.28) / 57.12, (100 - 103.53) / 57.375])
    around = torch.tensor([(124 - 123.675) / 58.395, (116 - 116.28) / 57.12, (104 - 103.53) / 57.375])
    columns = torch.arange(1064)
    within = (columns >= 266) & (columns < 798)
    expected = torch.where(within, inside[:, None], around[:, None])[:, None].expand(3, 616, 1064)
    torch.testing.assert_close(seen, expected, atol=1e-6, rtol=0)


def test_colours_between_pixels_are_whole_grey_levels() -> None:
    """Enlarged twice, a step from 0 to 255 has 64 (63.75) and 191 (191.25) between: as pictures of 8 bits have."""
    image = grey(308, 532, 0)
    image[:, 266:] = 255
    seen = prepare(image, letterbox(308, 532))
    levels = seen[0, 300, 529:535] * 58.395 + 123.675
    torch.testing.assert_close(levels, torch.tensor([0.0, 0, 64, 191, 255, 255]), atol=1e-4, rtol=0)


def test_metres_are_those_of_a_hand_computation() -> None:
    """Half the size, fx 400: 2 * 400 / 1000 = 0.8 metres a unit; the border is dropped, the rest brought to size."""
    box = letterbox(308, 266)
    canonical = torch.full((616, 1064), 777.0)
    canonical[box.rows, box.columns] = torch.arange(532.0)
    found = metres(canonical, box, (308, 266), 400)
    # Bilinear from 532 to 266 columns: the middle of each pair.
    expected = (0.8 * (2 * torch.arange(266.0) + 0.5)).clamp(0, 300).expand(308, 266)
    torch.testing.assert_close(found, expected)
    assert found.max() == 300
    assert metres(-canonical, box, (308, 266), 400).max() == 0


@pytest.mark.usefixtures("on_cpu")
def test_the_adapter_gives_metres_with_the_camera_it_was_told(cache: Path, clone: Path) -> None:
    """The stand-in's answer, half a column, through the letterbox and fx 500; twice fx is twice the depth."""
    model = made("metric3d-v2-vit-s", cache, clone)
    near, far = model.predict([grey(616, 1064)] * 2, [(500.0, 1.0, 0.0, 0.0), (1000.0, 1.0, 0.0, 0.0)])
    torch.testing.assert_close(near.map, (0.25 * torch.arange(1064.0)).expand(616, 1064))
    torch.testing.assert_close(far.map, (0.5 * torch.arange(1064.0)).clamp(0, 300).expand(616, 1064))
    assert (near.kind, near.details, far.details) == ("metric-depth", {"focal_px": 500.0}, {"focal_px": 1000.0})


@pytest.mark.usefixtures("on_cpu")
def test_the_camera_of_a_resized_image_gives_the_same_metres(cache: Path, clone: Path) -> None:
    """Focal length and image go together: half the image with half the focal length says the same, at half the size."""
    model = made("metric3d-v2-vit-s", cache, clone)
    whole, half = model.predict([grey(616, 1064), grey(308, 532)], [(500.0, 1, 0, 0), (250.0, 1, 0, 0)])
    torch.testing.assert_close(half.map[0], whole.map[0].reshape(532, 2).mean(dim=1))


@pytest.mark.usefixtures("on_cpu")
def test_the_record_names_the_code_that_ran(cache: Path, clone: Path) -> None:
    """The clone's commit, and that it was changed."""
    commit = subprocess.run(
        ["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert made("metric3d-v2-vit-s", cache, clone).revision == f"YvanYin/Metric3D at {commit}"
    (clone / "hubconf.py").write_text(HUBCONF + "\n# changed\n", encoding="utf-8")
    model = made("metric3d-v2-vit-s", cache, clone)
    assert model.settings["code"] == model.revision == f"YvanYin/Metric3D at {commit}, with changes"


@pytest.mark.usefixtures("on_cpu")
def test_without_a_clone_the_pinned_commit_is_asked_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch gets the whole commit, no branch, and is told to fetch no weights; no network is a sentence."""
    asked: list[tuple[object, ...]] = []

    def nowhere(*words: object, **options: object) -> None:
        asked.append((*words, options["source"], options["pretrain"]))
        raise OSError("no route to github.com")

    monkeypatch.setattr(torch.hub, "load", nowhere)
    with pytest.raises(ModelError, match=r"no route to github\.com.*--setting repository=FOLDER"):
        build(describe("metric3d-v2-vit-g"), ModelOptions("cpu", "float32", cache))
    place = "YvanYin/Metric3D:eb5b6fac0dc155e4e52f576e304fbf11655ff339"
    assert asked == [(place, "metric3d_vit_giant2", "github", False)]


@pytest.mark.usefixtures("on_cpu")
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"model_state_dict": {}}, "lacks 1 of the network's tensors, which would be random: factor"),
        ({"model_state_dict": {"factor": torch.ones(2)}}, "does not fit the network"),
        ({"factor": torch.ones(1)}, "holds no 'model_state_dict'"),
    ],
)
def test_a_checkpoint_that_does_not_fill_the_network_is_refused(
    cache: Path, clone: Path, content: object, sentence: str
) -> None:
    """Bad input: nothing of the network stays random."""
    write(cache, "metric3d-v2-vit-s", content)
    with pytest.raises(ModelError, match=sentence):
        made("metric3d-v2-vit-s", cache, clone)


@pytest.mark.usefixtures("on_cpu")
def test_no_code_in_a_checkpoint_is_run(cache: Path, clone: Path, tmp_path: Path) -> None:
    """A pickle that would write a file is refused."""

    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"open({str(tmp_path / 'harm')!r}, 'w').close()",)

    (cache / "metric3d" / "metric_depth_vit_small_800k.pth").write_bytes(pickle.dumps(Harmful(), protocol=2))
    with pytest.raises(ModelError, match="is no checkpoint that can be read safely"):
        made("metric3d-v2-vit-s", cache, clone)
    assert not (tmp_path / "harm").exists()


@pytest.mark.usefixtures("on_cpu")
def test_a_map_of_another_size_and_a_missing_camera_are_refused(cache: Path, clone: Path) -> None:
    """Bad input: cutting the border off would cut something else."""
    with pytest.raises(ModelError, match=r"its network gave \(10, 1064\), not \(616, 1064\)"):
        made("metric3d-v2-vit-l", cache, clone).predict([grey(4, 4)], [(1.0, 1.0, 0.0, 0.0)])
    with pytest.raises(ModelError, match="needs the intrinsics of every image"):
        made("metric3d-v2-vit-s", cache, clone).predict([grey(4, 4)])


@pytest.mark.usefixtures("on_cpu")
def test_a_run_scores_the_metres_of_the_image_as_the_protocol_cuts_and_resizes_it(
    cache: Path, clone: Path, tmp_path: Path
) -> None:
    """Through the evaluation: brought to 616x1064, an image of 24x32 with fx 32 has 1064 pixels of focal length."""
    index = make.write_toy(tmp_path / "toy", count=2)
    content = json.loads(index.read_text(encoding="utf-8"))
    for entry in content["samples"]:
        entry["K"] = [32.0, 24.0, 15.5, 11.5]
    index.write_text(json.dumps(content), encoding="utf-8")
    step = {**make.RESIZE, "what": "image", "quantity": "colour", "to": "616x1064"}
    protocol = make.protocol(resize=[step, make.RESIZE])
    run = evaluate(open_manifest(index, "toy"), made("metric3d-v2-vit-s", cache, clone), protocol)
    assert run.samples.details == [{"focal_px": 1064.0}] * 2
    assert run.model.settings["intrinsics"] == "the camera of each image, as the data set states it"


def test_a_processor_is_refused(cache: Path, clone: Path) -> None:
    """The authors' decoder names the GPU itself."""
    with pytest.raises(ModelError, match="its own code runs on cuda only"):
        made("metric3d-v2-vit-s", cache, clone)


@pytest.mark.parametrize("what", ["missing", "plain", "no commit"])
def test_a_folder_that_is_no_clone_is_refused(tmp_path: Path, what: str) -> None:
    """Bad input: a folder without the code, and code whose commit nobody can tell, even inside another checkout."""
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(folder if what == "no commit" else folder.parent)], check=True)
    if what != "missing":
        (folder / "hubconf.py").touch()
    sentence = "is no clone of a/b" if what == "missing" else "commit of .* cannot be told"
    with pytest.raises(ModelError, match=f"model 'm': .*{sentence}.*git clone https://github.com/a/b"):
        open_clone("m", "a/b", str(folder), "hubconf.py")


def test_what_needs_the_camera_says_so_before_it_is_loaded(repo: Path) -> None:
    """Entries and cards agree, and what is missing is a sentence."""
    needy = {entry.id for entry in models().values() if entry.needs_intrinsics}
    assert needy == {*IDS, "da3metric-large"}
    cards, _ = load_model_cards(repo / "results", needy)
    for model_id in needy:
        assert cards[model_id].output_kind == describe(model_id).kind == "metric-depth"
    assert metric3d.Metric3d.needs_intrinsics
    assert issubclass(metric3d.Metric3d, CameraNetwork)


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is fetched."""
    monkeypatch.setattr("runners.models.requirements.find_spec", lambda _: None)
    with pytest.raises(ModelError, match="'metric3d-v2-vit-l' needs more than is installed; run: pip install mmengine"):
        load("metric3d-v2-vit-l")
