"""The gallery: what is shown and why, the same bytes every time, and no pixel of what may not be shown."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

from runners.datasets.decode import read_image
from runners.gallery import Wanted, choose
from sitegen.metrics import METRICS
from sitegen.records import GalleryIndex
from sitegen.store import load
from tests.runners import factories as make
from tests.runners.factories import run

MODELS = ("baseline-dark-channel", "baseline-mean-depth")


@pytest.fixture
def results(repo: Path, tmp_path: Path) -> Path:
    """A results folder with the card of the toy set, which may be shown, and the baselines' cards."""
    root = tmp_path / "results"
    for model in MODELS:
        card = repo / f"results/models/{model}.yaml"
        (root / "models").mkdir(parents=True, exist_ok=True)
        (root / "models" / card.name).write_bytes(card.read_bytes())
    allow(root, "yes")
    path = root / "protocols/toy/house.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(make.protocol(id="house", house=True).model_dump_json(), encoding="utf-8")
    return root


def allow(results: Path, word: str) -> None:
    """Let the card of the toy set say whether its images may be shown."""
    card = {"schema_version": 1, "id": "toy", "name": "Toy Set", "role": "evaluation", "licence": "CC BY 4.0"}
    path = results / "datasets/toy.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**card, "images_republishable": word}), encoding="utf-8")


@pytest.fixture
def saved(tmp_path: Path, results: Path) -> list[Path]:
    """Predictions of a baseline for four planes with intrinsics, and the same again under another model's name."""
    manifest = make.write_toy(tmp_path / "toy")
    listed = json.loads(manifest.read_text(encoding="utf-8"))
    cameras = [{**entry, "K": [30, 30, 15.5, 11.5]} for entry in listed["samples"]]
    manifest.write_text(json.dumps({"samples": cameras}), encoding="utf-8")
    folders = [tmp_path / "predictions" / model for model in MODELS]
    where = ("--manifest", manifest, "--name", "toy", "--results", results, "--out", tmp_path / "runs")
    how = ("--model", MODELS[0], "--protocol", "house", "--save-predictions", folders[0])
    code, output = run("evaluate", *where, *how)
    assert code == 0, output
    shutil.copytree(*folders)
    index = folders[1] / "index.json"
    index.write_text(index.read_text(encoding="utf-8").replace(*MODELS), encoding="utf-8")
    return folders


def entries(results: Path) -> list[GalleryIndex]:
    """The entries of the toy set's gallery, in the order of their folders."""
    paths = sorted((results / "gallery/toy").glob("*/index.json"))
    return [GalleryIndex.model_validate_json(path.read_text(encoding="utf-8")) for path in paths]


def faults(results: Path) -> list[str]:
    """What the store has to say against the gallery."""
    return [finding.message for finding in load(results).errors if finding.path.startswith("gallery/")]


def draw(results: Path, saved: list[Path], *options: str) -> tuple[int, str]:
    """Write the gallery of these predictions under the house protocol."""
    return run("gallery", *saved, "--protocol", "house", "--results", results, *options)


def test_entries_hold_pictures_and_values(results: Path, saved: list[Path]) -> None:
    """Six pictures an image with small copies, and three depth maps: sizes, digests, words, and no fault found."""
    assert draw(results, saved, "--picks", "4")[0] == 0
    found = entries(results)
    assert [entry.title for entry in found] == [f"indoor-{index}" for index in range(4)]
    entry, folder = found[0], results / "gallery/toy/indoor-0"
    assert [image.view for image in entry.images] == [
        "image",
        "ground-truth",
        *(f"{kind}.{model}" for model in MODELS for kind in ("prediction", "error")),
    ]
    assert {path.name for path in folder.iterdir()} == {"index.json", *(file.file for file in entry.files.values())}
    for file in entry.files.values():
        content = (folder / file.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert read_image(folder / file.file).shape == (file.height, file.width, 3)
    assert entry.cloud is not None
    assert (entry.cloud.fx, entry.cloud.cx, entry.cloud.cy) == (30, 15.5, 11.5)
    assert [depth.model for depth in entry.cloud.maps] == [None, *MODELS]
    assert entry.depth_scale is not None
    assert entry.depth_scale.low < entry.depth_scale.middle < entry.depth_scale.high
    assert all(model.metrics["abs_rel"] is not None and model.environment.runner_version for model in entry.models)
    assert not faults(results)


def test_what_is_not_in_metres_is_no_cloud(results: Path, saved: list[Path]) -> None:
    """Where depth without a unit is compared as it is, only the truth can be seen as points."""
    rule = {"space": "none", "solver": "none", "estimator": "none"}
    raw = make.protocol(id="raw", alignment={"affine-invariant-depth": rule})
    (results / "protocols/toy/raw.yaml").write_text(raw.model_dump_json(), encoding="utf-8")
    code, output = run("gallery", *saved, "--protocol", "raw", "--results", results)
    assert code == 0, output
    clouds = [entry.cloud for entry in entries(results)]
    assert all(cloud and [depth.model for depth in cloud.maps] == [None] for cloud in clouds)


@pytest.mark.parametrize("word", ["no", "unknown"])
def test_what_may_not_be_shown_is_replaced(results: Path, saved: list[Path], word: str) -> None:
    """Unless the card says yes there is no picture of any kind, but the values and the reason; old pictures go."""
    assert draw(results, saved)[0] == 0
    assert list((results / "gallery").rglob("*.webp"))
    allow(results, word)
    assert any("may not be shown" in finding.message for finding in load(results).errors)
    assert draw(results, saved)[0] == 0
    assert not list((results / "gallery").rglob("*.webp"))
    assert all(entry.withheld and not entry.images and entry.models for entry in entries(results))
    assert not faults(results)


def test_equal_predictions_give_equal_bytes(results: Path, saved: list[Path], tmp_path: Path) -> None:
    """Twice the same, in any order of the folders; nothing is left beside it."""
    for name, folders in (("one", saved), ("two", saved[::-1])):
        assert draw(results, folders, "--out", str(tmp_path / name))[0] == 0
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["toy"]


def test_a_gallery_replaces_the_old_one_whole(results: Path, saved: list[Path]) -> None:
    """What the new one does not show is gone, and so is what a killed call left."""
    assert draw(results, saved, "--picks", "4")[0] == 0
    (results / "gallery/.toy.part/left").mkdir(parents=True)
    assert draw(results, saved, "--picks", "1", "--worst", "0", "--best", "0", "--disagreeing", "0")[0] == 0
    assert [entry.title for entry in entries(results)] == ["indoor-0"]
    assert [path.name for path in (results / "gallery").iterdir()] == ["toy"]


def test_bad_input_is_a_sentence(results: Path, saved: list[Path], tmp_path: Path) -> None:
    """One model twice, nothing to show, no card, no predictions, a folder of something else: exit code 1 and why."""
    assert draw(results, [saved[0], saved[0]]) == (
        1,
        "a gallery shows a model once; several folders are of baseline-dark-channel\n",
    )
    none = [word for name in ("picks", "worst", "best", "disagreeing") for word in (f"--{name}", "0")]
    assert "no image is to be shown" in draw(results, saved, *none)[1]
    assert "holds no index.json" in draw(results, [tmp_path])[1]
    (results / "gallery/toy").mkdir(parents=True)
    (results / "gallery/toy/thesis.txt").write_text("mine", encoding="utf-8")
    code, output = draw(results, saved)
    assert (code, "thesis.txt is no file of a gallery" in output) == (1, True)
    assert (results / "gallery/toy/thesis.txt").exists()
    (results / "datasets/toy.yaml").unlink()
    assert "whether images may be shown is unknown" in draw(results, saved)[1]


def test_other_lists_do_not_share_a_gallery(results: Path, saved: list[Path], tmp_path: Path) -> None:
    """Predictions of other images are refused with all faults at once."""
    manifest = make.write_toy(tmp_path / "other", count=2)
    where = ("--manifest", manifest, "--name", "toy", "--results", results, "--out", tmp_path / "runs")
    folder = tmp_path / "fewer"
    run("evaluate", "--model", MODELS[0], *where, "--protocol", "house", "--save-predictions", folder)
    code, output = draw(results, [saved[0], folder])
    assert code == 1
    assert "different lists of images" in output
    assert "shows a model once" in output


VALUES: dict[str, list[float | None]] = {
    "a": [0.1, 0.1],
    "b": [0.3, 0.9],
    "c": [0.8, 0.8],
    "d": [0.2, 0.3],
    "e": [None, 5.0],
}


def test_images_are_chosen_by_what_all_models_do() -> None:
    """Worst and best by the mean, disagreeing by the spread; an image without a value is none of these."""
    chosen = choose(VALUES, Wanted(picks=0), METRICS["abs_rel"])
    assert chosen == {"a": ["best"], "b": ["disagreeing"], "c": ["worst"]}
    turned = choose(VALUES, Wanted(picks=0, disagreeing=0), METRICS["delta1"])
    assert turned == {"a": ["worst"], "c": ["best"]}
    picked = choose(VALUES, Wanted(picks=2, worst=0, best=1, disagreeing=0), METRICS["abs_rel"])
    assert picked == {"a": ["pick", "best"], "c": ["pick"]}
    assert len(choose(VALUES, Wanted(picks=99), METRICS["abs_rel"])) == len(VALUES)


def test_an_index_must_hang_together(results: Path, saved: list[Path]) -> None:
    """Pictures of nobody, a missing one, a scale that falls, pictures that are said to be withheld: all refused."""
    assert draw(results, saved)[0] == 0
    path = results / "gallery/toy/indoor-0/index.json"
    good = path.read_text(encoding="utf-8")
    cloud = json.loads(good)["cloud"]
    wide, nobody = {**cloud["maps"][1], "width": 31}, {**cloud["maps"][1], "model": "nobody"}
    spoiled = {
        "maps must be the truth": {"cloud": {**cloud, "maps": cloud["maps"][::-1]}},
        "maps must be of one size": {"cloud": {**cloud, "maps": [cloud["maps"][0], wide]}},
        "whose values are not here": {"cloud": {**cloud, "maps": [cloud["maps"][0], nobody]}},
        "a cloud needs pictures": {"images": [], "withheld": "because"},
        "name the same file": {"cloud": {**cloud, "maps": [{**cloud["maps"][0], "file": "small.image.webp"}]}},
        "pictures must be, in this order": {"images": json.loads(good)["images"][1:]},
        "either pictures or a reason": {"withheld": "because"},
        "low must be below high": {"depth_scale": {"low": 2, "high": 1, "unit": "m", "steps": "ratio"}},
        "models must be sorted": {"models": json.loads(good)["models"][::-1]},
        "the data set's other entries": {"protocol": {**json.loads(good)["protocol"], "sha256": "0" * 64}},
    }
    for message, change in spoiled.items():
        path.write_text(json.dumps({**json.loads(good), **change}), encoding="utf-8")
        assert any(message in finding.message for finding in load(results).errors), message
    path.write_text(good, encoding="utf-8")
    for name in ("image.webp", "small.image.webp", "depth.ground-truth.webp", "stray.webp"):
        (path.parent / name).write_bytes(b"another")
    (path.parent / "small.ground-truth.webp").unlink()
    said = [finding.message for finding in load(results).errors]
    for name in ("image.webp", "small.image.webp", "depth.ground-truth.webp"):
        assert any(f"the sha256 of '{name}' is" in message for message in said)
    assert "no file 'small.ground-truth.webp' beside it" in said
    assert "is no picture of the index.json beside it" in said
