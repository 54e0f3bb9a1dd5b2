"""DDAD: DGP's JSON, the projection through the world, and broken trees."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runners.datasets import DatasetError, SampleError
from runners.datasets.ddad import check_ddad, open_ddad
from tests.runners.datasets.files import put_image

STILL = {"rotation": {"qw": 1, "qx": 0, "qy": 0, "qz": 0}, "translation": {"x": 0, "y": 0, "z": 0}}
KEY = "c0e1a6f1"
NAME = "000150/CAMERA_01/15616458249936530"


def datum(key: str, name: str, **what: Any) -> dict[str, Any]:
    """An entry of a scene's data."""
    return {"key": key, "id": {"name": name, "index": "0"}, "datum": what}


def put_scene(root: Path, scene: str = "000150", size: tuple[int, int] = (1216, 1936)) -> Path:
    """Write a scene of one moment: two cameras and a scanner that was 2 m behind when it scanned."""
    folder = root / scene
    moved = {**STILL, "translation": {"x": 0, "y": 0, "z": -2}}
    data = [datum("s", "LIDAR", point_cloud={"filename": "point_cloud/LIDAR/1.npz", "pose": moved})]
    for camera in ("CAMERA_01", "CAMERA_05"):
        image = put_image(folder / f"rgb/{camera}/15616458249936530.png", size)
        data.append(datum(camera, camera, image={"filename": str(image.relative_to(folder)), "pose": STILL}))
    sample = {"calibration_key": KEY, "datum_keys": [item["key"] for item in data]}
    lens = {"fx": 100.0, "fy": 100.0, "cx": 40.0, "cy": 30.0, "skew": 0.0}
    names = ["LIDAR", "CAMERA_01", "CAMERA_05"]
    put_json(folder / f"calibration/{KEY}.json", {"names": names, "intrinsics": [lens] * 3})
    (folder / "point_cloud/LIDAR").mkdir(parents=True)
    points = np.array([[1, 0.5, 12, 0], [0.5, 0, 7, 0], [1, 0, 12, 0], [0, 0, 1, 0]], dtype=float)
    np.savez(folder / "point_cloud/LIDAR/1.npz", data=points)
    return put_json(folder / "scene_a8dc.json", {"samples": [sample], "data": data})


def put_json(path: Path, content: Any) -> Path:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
    return path


def put_index(root: Path, *scenes: str) -> None:
    """Write ``ddad.json`` with these validation scenes and one for training that is not there."""
    splits = {"0": {"filenames": ["000000/scene_none.json"]}, "1": {"filenames": list(scenes)}}
    put_json(root / "ddad.json", {"metadata": {"name": "DDAD"}, "scene_splits": splits})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A validation scene."""
    put_scene(tmp_path)
    put_index(tmp_path, "000150/scene_a8dc.json")
    return tmp_path


def test_points_go_through_the_world(root: Path) -> None:
    """The scanner's way until the picture is taken out; the nearest of two points on a pixel wins."""
    dataset = open_ddad(root)
    assert dataset.ids == (NAME,)
    sample = dataset.read(NAME)
    assert (sample.group, sample.intrinsics) == ("000150", (100, 100, 40, 30))
    # (1, .5, 12) is 10 m before the camera: column 40 + 100 / 10, row 30 + 50 / 10
    assert sample.truth[35, 50] == 10
    assert sample.truth[30, 50] == 5
    assert sample.mask.sum() == 2


def test_index_may_lie_in_its_archives_folder(root: Path) -> None:
    """``ddad_train_val/ddad.json``, as the archive unpacks."""
    (root / "above").mkdir()
    (root / "above/ddad_train_val").symlink_to(root, target_is_directory=True)
    assert open_ddad(root / "above").ids == (NAME,)


def test_broken_trees_are_told_in_sentences(root: Path, tmp_path: Path) -> None:
    """No index, no validation scenes, scenes that are missing or no DGP: all at once."""
    with pytest.raises(DatasetError, match=r"no ddad.json.*DDAD.tar"):
        open_ddad(root / "000150")
    put_index(root, "000150/scene_a8dc.json", "000151/scene_gone.json", "../out.json")
    with pytest.raises(DatasetError, match=r"(?s)scene_gone.*No such file.*leads out of"):
        open_ddad(root)
    put_json(root / "ddad.json", {"scene_splits": {}})
    with pytest.raises(DatasetError, match="lists no validation scenes"):
        open_ddad(root)
    assert "lists no validation scenes" in check_ddad(root)[0].message


def test_broken_points_are_a_skip(root: Path) -> None:
    """Cut off, or without the array."""
    points = root / "000150/point_cloud/LIDAR/1.npz"
    points.write_bytes(points.read_bytes()[:50])
    with pytest.raises(SampleError, match=r"1.npz: cannot be read"):
        open_ddad(root).read(NAME)
    np.savez(points, other=np.zeros((3, 4)))
    with pytest.raises(SampleError, match=r"1.npz: cannot be read"):
        open_ddad(root).read(NAME)


def test_check(root: Path) -> None:
    """Counts; images of another size."""
    text = " ".join(problem.message for problem in check_ddad(root))
    assert "1 validation images of CAMERA_01 are here and 3950 were expected" in text
    assert "1 scenes are here and 50 were expected" in text
    assert "not 1216x1936" not in text
    put_image(root / "000150/rgb/CAMERA_01/15616458249936530.png", (352, 1216))
    assert "352 rows and 1216 columns, not 1216x1936" in " ".join(problem.message for problem in check_ddad(root))


@pytest.mark.shared
def test_real_scene(shared: Path, tmp_path: Path) -> None:
    """A scene of the publisher's tests, in DDAD's place: density and reach as its README says."""
    source = shared / "data/ddad-dgp/scene_01"
    (tmp_path / "000150").symlink_to(source, target_is_directory=True)
    (scene,) = source.glob("scene_*.json")
    put_index(tmp_path, f"000150/{scene.name}")
    # a link out of the root is refused as any path out of it is
    with pytest.raises(DatasetError, match="leads out"):
        open_ddad(tmp_path)
    (tmp_path / "000150").unlink()
    shutil.copytree(source, tmp_path / "000150")
    dataset = open_ddad(tmp_path)
    assert len(dataset) == 3
    for sample in dataset:
        assert sample.truth.shape == sample.image.shape[:2] == (1216, 1936)
        assert 0.001 < sample.mask.mean() < 0.006
        assert 1 < sample.truth[sample.mask].min() < 30 < sample.truth.max() < 230
    assert all("were expected" in problem.message for problem in check_ddad(tmp_path))
    with Image.open(source / "rgb/CAMERA_01/15569195938415230.jpg") as image:
        np.testing.assert_array_equal(np.asarray(image), dataset.read(dataset.ids[0]).image)
