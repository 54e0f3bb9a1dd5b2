"""Manifests: every encoding on real files, and every fault of a list or a file said in words."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners.datasets import DatasetError, Sample, open_manifest
from runners.datasets.manifest import ENCODINGS, read_entries, select
from tests.runners import factories as make

DEPTH = np.full((4, 6), 2000)


@pytest.fixture(scope="module")
def real(shared: Path) -> dict[str, Sample]:
    """Every usable sample of the real manifest by id."""
    return {sample.id: sample for sample in open_manifest(shared / "data" / "samples.json", "samples")}


@pytest.mark.shared
def test_every_encoding_is_in_the_real_manifest(shared: Path) -> None:
    """The real samples exercise each reader that there is."""
    assert {entry.encoding for entry in read_entries(shared / "data" / "samples.json")} == set(ENCODINGS)


@pytest.mark.shared
def test_what_cannot_be_scored_is_skipped_with_its_reason(shared: Path) -> None:
    """Unregistered and non-metric entries are listed, not scored, and say why."""
    dataset = open_manifest(shared / "data" / "samples.json", "samples")
    assert len(list(dataset)) == 36
    reasons = {skip.id: skip.reason for skip in dataset.skipped}
    assert reasons["nyu-v2-raw"] == "the depth map is not registered to the image"
    assert "not metric" in reasons["middlebury-v2/cones"]
    assert "not metric" in reasons["middlebury-v2/tsukuba"]
    assert len(reasons) == 3


@pytest.mark.shared
@pytest.mark.parametrize(
    ("sample_id", "near", "far", "valid"),
    [
        ("nyu-v2-test/0", 1.798, 3.615, 1.0),
        ("nyu-v2-sync/00000", 1.39, 6.625, 0.733),
        ("kitti-depth/0000000005", 5.33, 84.89, 0.195),
        ("sun-rgbd", 1.057, 9.87, 0.818),
        ("middlebury-2014-motorcycle-q", 2.11, 5.02, 0.927),
        ("arkit-promptda", 1.566, 3.512, 1.0),
        ("icl-nuim/1", 1.643, 3.432, 1.0),
        ("kinect-slambook/1", 0.946, 9.823, 0.681),
        ("kitti-object/000001", 4.77, 76.73, 0.040),
        ("nuscenes/CAM_FRONT", 4.526, 98.12, 0.0021),
        ("ddad-dgp/CAMERA_01/15569195938415230", 5.06, 226.1, 0.0020),
        ("hololens/00003", 0.815, 6.509, 0.783),
        ("nyu-v2-fastdepth224", 0.720, 5.875, 1.0),
    ],
)
def test_depth_is_in_metres(real: dict[str, Sample], sample_id: str, near: float, far: float, valid: float) -> None:
    """Range and share of valid pixels: a wrong scale, byte order, rotation or projection would show here."""
    sample = real[sample_id]
    depth = sample.truth[sample.mask]
    assert depth.min() == pytest.approx(near, rel=2e-3)
    assert depth.max() == pytest.approx(far, rel=2e-3)
    assert sample.mask.mean() == pytest.approx(valid, rel=0.03)
    assert sample.image.dtype == np.uint8
    assert sample.image.shape[2] == 3


@pytest.mark.shared
def test_published_prediction_scores_as_its_readme_says(shared: Path, real: dict[str, Sample]) -> None:
    """FastDepth's own prediction on its own sample: AbsRel 0.1405, RMSE 0.618 m, delta1 0.777."""
    import torch

    from runners.score import score

    sample = real["nyu-v2-fastdepth224"]
    prediction = torch.from_numpy(np.load(shared / "data" / "nyu-v2-fastdepth224" / "pred.npy")[0])
    truth, mask = torch.from_numpy(sample.truth)[None], torch.from_numpy(sample.mask)[None]
    values = score(prediction, "metric-depth", truth, mask, make.protocol()).metrics
    assert values["abs_rel"].item() == pytest.approx(0.1405, abs=5e-5)
    assert values["rmse"].item() == pytest.approx(0.618, abs=5e-4)
    assert values["delta1"].item() == pytest.approx(0.777, abs=5e-4)


@pytest.mark.shared
def test_other_facts_of_the_real_samples(real: dict[str, Sample]) -> None:
    """Depth of another size, cameras from calibration files, groups, and the region that an entry asks for."""
    assert real["arkit-promptda"].truth.shape == (192, 256)
    assert real["arkit-promptda"].image.shape == (1440, 1920, 3)
    assert real["kitti-object/000000"].intrinsics == pytest.approx((707.0493, 707.0493, 604.0814, 180.5066))
    assert real["ddad-dgp/CAMERA_05/15569195938415230"].group == "ddad-dgp"
    assert real["nyu-v2-test/3"].group == "nyu-v2-test"
    region = real["nyu-v2-test/0"].region
    assert region is not None
    assert region.sum() == 426 * 560
    assert real["hololens/00003"].region is None


def test_ids_are_sorted_and_hashed(tmp_path: Path) -> None:
    """The list's hash is over the sorted ids, whatever their order in the file; a cut list has another one."""
    entries = [make.write_pair(tmp_path, name, DEPTH) for name in ("b", "a")]
    dataset = open_manifest(make.write_manifest(tmp_path, entries), "toy")
    assert dataset.ids == ("a", "b")
    assert dataset.list_sha256 == hashlib.sha256(b"a\nb\n").hexdigest()
    assert dataset.limited(1).ids == ("a",)
    assert dataset.limited(1).list_sha256 != dataset.list_sha256


def test_zero_and_the_top_code_are_no_measurement(tmp_path: Path) -> None:
    """0 and 65535 are masked out; everything else is metres."""
    stored = DEPTH.copy()
    stored[0, :2] = 0, 65535
    dataset = open_manifest(make.write_manifest(tmp_path, [make.write_pair(tmp_path, "a", stored)]), "toy")
    (sample,) = dataset
    assert sample.mask.sum() == 22
    assert sample.truth.max() == 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoding": "png32"}, "encoding: "),
        ({"scale": "big"}, "scale: "),
        ({"scale": -1}, "scale: "),
        ({"scale": "0.001"}, "scale: "),
        ({"scale": None}, "scale: needed for encoding 'png16'"),
        ({"K": [1, 2, 3]}, "K: "),
        ({"colour": "x"}, "colour: is no field"),
        ({"id": "../up"}, "id: "),
        ({"rgb": "missing.png"}, "rgb: there is no file 'missing.png'"),
        ({"depth": "../outside.png"}, "depth: '../outside.png' leads out of the manifest's folder"),
        ({"depth": "/etc/hostname"}, "depth: '/etc/hostname' leads out"),
        ({"encoding": "kitti_velodyne"}, "calib: needed for encoding 'kitti_velodyne'"),
        ({"encoding": "dgp_scene"}, "scene: needed for encoding 'dgp_scene'"),
    ],
)
def test_faults_of_an_entry_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """File, entry and field stand in the sentence."""
    entry = {**make.write_pair(tmp_path, "a", DEPTH), **change}
    with pytest.raises(DatasetError, match=r"samples\.json: samples/0") as error:
        open_manifest(make.write_manifest(tmp_path, [entry]), "toy")
    assert message in str(error.value)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    """A reader mends everything in one go."""
    good = make.write_pair(tmp_path, "a", DEPTH)
    entries = [good, good, {**good, "id": "b", "rgb": "no.png", "depth": "no.png"}, {"id": "c"}, 7]
    with pytest.raises(DatasetError) as error:
        open_manifest(make.write_manifest(tmp_path, entries), "toy")
    lines = str(error.value).splitlines()
    assert [line for line in lines if "(b)" in line and "no.png" in line] != []
    assert any("'a' is given more than once" in line for line in lines)
    assert any("samples/3 (c): encoding" in line for line in lines)
    assert any("samples/4" in line for line in lines)
    assert len(lines) == 5


def test_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A link is followed before the path is judged."""
    entry = make.write_pair(tmp_path / "in", "a", DEPTH)
    outside = tmp_path / "secret.png"
    shutil.copy(tmp_path / "in" / "a-depth.png", outside)
    (tmp_path / "in" / "link.png").symlink_to(outside)
    with pytest.raises(DatasetError, match="leads out"):
        open_manifest(make.write_manifest(tmp_path / "in", [{**entry, "depth": "link.png"}]), "toy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"samples": [', "is not valid JSON"),
        ("[" * 100_000, "nested more than 32 deep"),
        ('{"samples": [{"scale": NaN}]}', "NaN is not allowed"),
        ('{"samples": [], "samples": []}', "stands twice"),
        (json.dumps({"samples": [{"rgb": "a\0b"}]}), "/samples/0/rgb: holds U+0000"),
        ("[]", "an object with a list 'samples'"),
        ('{"samples": {}}', "an object with a list 'samples'"),
        ('{"samples": [], "extra": 1}', "unknown field extra"),
        ('{"samples": []}', "lists no sample"),
        ("\ufeff{}", "byte order mark"),
    ],
)
def test_broken_manifests_are_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    """Truncated, nested, doubled and misshapen JSON each give a sentence and no traceback."""
    path = tmp_path / "samples.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=r"samples\.json") as error:
        open_manifest(path, "toy")
    assert message in str(error.value)


def test_missing_manifest_is_named(tmp_path: Path) -> None:
    """A path that does not exist is said, with what is wrong."""
    with pytest.raises(DatasetError, match=r"none\.json: cannot be read"):
        open_manifest(tmp_path / "none.json", "toy")


def spoilt(tmp_path: Path, name: str, content: bytes, **change: Any) -> str:
    """Return why a sample is skipped after one of its files was overwritten."""
    entry = {**make.write_pair(tmp_path, "a", DEPTH), **change}
    (tmp_path / name).write_bytes(content)
    dataset = open_manifest(make.write_manifest(tmp_path, [entry]), "toy")
    assert list(dataset) == []
    return dataset.skipped[0].reason


def test_corrupt_files_are_skipped_with_a_reason(tmp_path: Path) -> None:
    """Cut, empty and wrong files lose their sample, not the run."""
    make.write_pair(tmp_path, "whole", np.arange(40_000).reshape(200, 200))
    whole = (tmp_path / "whole-depth.png").read_bytes()
    assert "a-depth.png: cannot be read" in spoilt(tmp_path, "a-depth.png", whole[: len(whole) // 2])
    assert "a-depth.png: cannot be read" in spoilt(tmp_path, "a-depth.png", b"")
    assert "a.png: cannot be read" in spoilt(tmp_path, "a.png", b"not an image")
    assert "not 6x4" in spoilt(tmp_path, "a-depth.png", whole)
    assert "16-bit depth map was expected" in spoilt(tmp_path, "a-depth.png", (tmp_path / "whole.png").read_bytes())


def test_corrupt_arrays_and_point_clouds_are_skipped(tmp_path: Path) -> None:
    """A pickle is never run, half a row of floats is no point cloud, a calibration needs its matrices."""
    np.save(tmp_path / "pickle.npy", np.array([{"a": 1}], dtype=object))
    pickle = (tmp_path / "pickle.npy").read_bytes()
    assert "a.npy: cannot be read" in spoilt(tmp_path, "a.npy", pickle, encoding="npy_m", depth="a.npy")
    np.save(tmp_path / "line.npy", np.ones(5))
    line = (tmp_path / "line.npy").read_bytes()
    assert "a plane of numbers" in spoilt(tmp_path, "a.npy", line, encoding="npy_m", depth="a.npy")
    (tmp_path / "calib.txt").write_text("P2: 1 2 3\n", encoding="utf-8")
    velodyne = {"encoding": "kitti_velodyne", "depth": "a.bin", "calib": "calib.txt"}
    assert "P2, R0_rect and Tr_velo_to_cam" in spoilt(tmp_path, "a.bin", bytes(32), **velodyne)
    (tmp_path / "calib.txt").write_text(
        "P2: 1 0 0 0 0 1 0 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 1 0 0 0 0 1 0 0 0 0 1 0\n",
        encoding="utf-8",
    )
    assert "not whole rows of 4" in spoilt(tmp_path, "a.bin", bytes(30), **velodyne)
    (tmp_path / "calib.json").write_text("{}", encoding="utf-8")
    lidar = {"encoding": "nuscenes_lidar", "depth": "a.bin", "calib": "calib.json", "camera": "FRONT"}
    assert "camera 'FRONT'" in spoilt(tmp_path, "a.bin", bytes(40), **lidar)


def test_scene_that_leads_out_of_the_folder_is_skipped(tmp_path: Path) -> None:
    """File names inside a DGP scene are held to the manifest's folder too."""
    pose = {"rotation": {"qw": 1, "qx": 0, "qy": 0, "qz": 0}, "translation": {"x": 0, "y": 0, "z": 0}}
    image = {"key": "i", "id": {"name": "CAM"}, "datum": {"image": {"filename": "../../x.jpg", "pose": pose}}}
    cloud = {"key": "c", "id": {"name": "LIDAR"}, "datum": {"point_cloud": {"filename": "p.npz", "pose": pose}}}
    scene = {"data": [image, cloud], "samples": [{"calibration_key": "k", "datum_keys": ["i", "c"]}]}
    camera = {"fx": 1, "fy": 1, "cx": 0, "cy": 0, "skew": 0}
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "k.json").write_text(json.dumps({"names": ["CAM"], "intrinsics": [camera]}))
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    manifest = make.write_manifest(tmp_path, [{"id": "s", "encoding": "dgp_scene", "scene": "scene.json"}])
    dataset = open_manifest(manifest, "toy")
    assert list(dataset) == []
    assert "leads out of the manifest's folder" in dataset.skipped[0].reason
    scene["samples"][0]["calibration_key"] = "../k"  # type: ignore[index]
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    dataset = open_manifest(manifest, "toy")
    assert list(dataset) == []
    assert "is a path" in dataset.skipped[0].reason


def test_disparity_without_a_camera_is_skipped(tmp_path: Path) -> None:
    """Without focal length and baseline there are no metres to be had."""
    entry = {**make.write_pair(tmp_path, "a", DEPTH), "encoding": "disparity_png8"}
    dataset = open_manifest(make.write_manifest(tmp_path, [entry]), "toy")
    assert list(dataset) == []
    assert "without focal_px and baseline_m" in dataset.skipped[0].reason


def test_the_guide_names_every_field_and_encoding(repo: Path) -> None:
    """The page about manifests lists every encoding that is read."""
    guide = (repo / "docs/en/manifest.md").read_text("utf-8")
    assert [name for name in ENCODINGS if f"`{name}`" not in guide] == []


def test_samples_are_selected_by_their_ids(tmp_path: Path) -> None:
    """Patterns over whole ids, slashes included; the split says from where and how many; case counts."""
    entries = [
        {**make.write_pair(tmp_path, str(i), DEPTH), "id": name} for i, name in enumerate(["a/1", "a/2", "A/3", "b"])
    ]
    path = make.write_manifest(tmp_path, entries)
    chosen = select(path, "toy", ["a/*"])
    assert (chosen.id, chosen.ids, chosen.split) == ("toy", ("a/1", "a/2"), "samples.json, 2 images of a/*")
    assert select(path, "toy", ["b", "*/1"]).ids == ("a/1", "b")
    assert select(path, "toy", ["b"]).split == "samples.json, 1 image of b"
    assert select(path, "toy").split == "samples.json, 4 images"
    with pytest.raises(DatasetError) as error:
        select(path, "toy", ["x", "a/*", "B"])
    lines = [f"{path}: no sample has an id like '{name}' (--only)" for name in ("x", "B")]
    assert str(error.value).splitlines() == lines


@pytest.mark.shared
def test_frames_of_a_scene_are_selected_one_by_one(shared: Path) -> None:
    """A DGP entry lists several samples; patterns are about these, not about the entry."""
    path = shared / "data" / "samples.json"
    names = [name for name in open_manifest(path, "samples").ids if name.startswith("ddad-dgp/")]
    assert len(names) > 1
    assert select(path, "ddad", [names[0]]).ids == (names[0],)
