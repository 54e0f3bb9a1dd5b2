"""nuScenes: the tables, the publisher's way from scanner to camera, and a real sweep."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from runners.datasets import DatasetError, SampleError, lidar, nuscenes
from runners.datasets.nuscenes import VALIDATION, check_nuscenes, open_nuscenes
from tests.runners.datasets.files import put_image

IMAGE = "samples/CAM_FRONT/n015-2018-07-24-11-22-45+0800__CAM_FRONT__1532402927612460.jpg"
SWEEP = "samples/LIDAR_TOP/n015-2018-07-24-11-22-45+0800__LIDAR_TOP__1532402927647951.pcd.bin"
NAME = f"scene-0103/{Path(IMAGE).stem}"
NOWHERE = {"rotation": [1.0, 0.0, 0.0, 0.0], "translation": [0.0, 0.0, 0.0]}
K = [[100.0, 0.0, 40.0], [0.0, 100.0, 30.0], [0.0, 0.0, 1.0]]


def put_tables(
    root: Path,
    camera: dict[str, Any] = NOWHERE,
    k: Any = K,
    scanned: dict[str, Any] = NOWHERE,
    version: str = "v1.0-mini",
) -> Path:
    """Write the tables of two scenes, one of them for training, with a key frame and a sweep between each."""
    sensors = [{"token": name, "channel": name} for name in ("CAM_FRONT", "CAM_BACK", "LIDAR_TOP")]
    calibrated = [
        {"token": "c-front", "sensor_token": "CAM_FRONT", "camera_intrinsic": k, **camera},
        {"token": "c-back", "sensor_token": "CAM_BACK", "camera_intrinsic": k, **NOWHERE},
        {"token": "c-top", "sensor_token": "LIDAR_TOP", "camera_intrinsic": [], **NOWHERE},
    ]
    scenes = [{"token": f"s{number}", "name": f"scene-{number}"} for number in ("0103", "0061")]
    samples = [{"token": f"k{number}", "scene_token": f"s{number}"} for number in ("0103", "0061")]
    data = [
        shot(sample["token"], sensor, key, f"{sensor}{'' if key else ' between'}")
        for sample in samples
        for key in (True, False)
        for sensor in ("front", "back", "top")
    ]
    poses = [{"token": "then", **NOWHERE}, {"token": "scanned", **scanned}]
    tables = {"sensor": sensors, "calibrated_sensor": calibrated, "scene": scenes, "sample": samples}
    for name, rows in {**tables, "sample_data": data, "ego_pose": poses}.items():
        (root / version).mkdir(parents=True, exist_ok=True)
        (root / version / f"{name}.json").write_text(json.dumps(rows, indent=0), "utf-8")
    return root / version


def shot(sample: str, sensor: str, key: bool, token: str) -> dict[str, Any]:
    """A row of ``sample_data``."""
    return {
        "token": f"{sample} {token}",
        "sample_token": sample,
        "ego_pose_token": "scanned" if sensor == "top" else "then",
        "calibrated_sensor_token": f"c-{sensor}",
        "is_key_frame": key,
        "filename": {"front": IMAGE, "top": SWEEP}.get(sensor, "samples/CAM_BACK/a.jpg") if key else "sweeps/none",
    }


def put_points(root: Path, *points: tuple[float, float, float]) -> None:
    """Write a sweep of five columns."""
    path = root / SWEEP
    path.parent.mkdir(parents=True, exist_ok=True)
    np.array([[*point, 0.5, 7] for point in points], dtype="<f4").tofile(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A key frame whose scanner was 1 m behind the place of the picture when it scanned."""
    put_tables(tmp_path, scanned={**NOWHERE, "translation": [0.0, 0.0, -1.0]})
    put_image(tmp_path / IMAGE, (900, 1600))
    put_points(tmp_path, (1, 0.5, 11), (0, 0, 2), (1, 0.5, 1.2), (0, 0, -9))
    return tmp_path


def test_points_go_through_both_places_of_the_vehicle(root: Path) -> None:
    """What is up to 1 m before the camera is left out, as the publisher does."""
    dataset = open_nuscenes(root)
    assert (dataset.ids, dataset.split) == ((NAME,), "v1.0-mini validation, CAM_FRONT")
    sample = dataset.read(NAME)
    assert (sample.group, sample.intrinsics) == ("scene-0103", (100, 100, 40, 30))
    assert (sample.truth[35, 50], sample.mask.sum()) == (10, 1)


def test_validation_scenes() -> None:
    """150, and none of the training scenes beside them."""
    assert len(VALIDATION) == 150
    assert {"scene-0003", "scene-0110", "scene-0221", "scene-1073"} <= VALIDATION
    assert not {"scene-0061", "scene-0628", "scene-0801", "scene-0918", "scene-0970"} & VALIDATION


def test_full_tables_win_over_mini(root: Path) -> None:
    """Where both are unpacked, the list is that of v1.0-trainval."""
    put_tables(root, version="v1.0-trainval")
    assert open_nuscenes(root).split == "v1.0-trainval validation, CAM_FRONT"


def test_long_table_is_read_in_pieces(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a piece ends, within words and numbers as between rows."""
    whole = list(nuscenes._rows(root / "v1.0-mini/sample_data.json"))
    assert len(whole) == 12
    for size in (1, 7, 100):
        monkeypatch.setattr(nuscenes, "_CHUNK", size)
        assert list(nuscenes._rows(root / "v1.0-mini/sample_data.json")) == whole


def test_broken_trees_are_told_in_sentences(root: Path, tmp_path: Path) -> None:
    """No tables, a table cut off, a table gone, a list of nothing."""
    with pytest.raises(DatasetError, match=r"no v1.0-trainval.*nuscenes.org"):
        open_nuscenes(tmp_path / "samples")
    table = root / "v1.0-mini/sample_data.json"
    table.write_text(table.read_text()[:-20])
    with pytest.raises(DatasetError, match=r"sample_data.json is cut off, broken"):
        open_nuscenes(root)
    table.write_text("[{]" + "{}," * 9_000_000)
    with pytest.raises(DatasetError, match=r"sample_data.json is cut off, broken"):
        open_nuscenes(root)
    table.write_text("{}")
    with pytest.raises(DatasetError, match="tables cannot be read"):
        open_nuscenes(root)
    table.unlink()
    with pytest.raises(DatasetError, match="tables cannot be read"):
        open_nuscenes(root)
    table.write_text("[]")
    assert "holds no sample" in check_nuscenes(root)[0].message


def test_sweep_of_four_columns_is_a_skip(root: Path) -> None:
    """KITTI's points have four columns, these five."""
    np.zeros((3, 4), dtype="<f4").tofile(root / SWEEP)
    with pytest.raises(SampleError, match="rows of 5 float32"):
        open_nuscenes(root).read(NAME)


def test_check(root: Path) -> None:
    """The count; a size; no point in view."""
    text = " ".join(problem.message for problem in check_nuscenes(root))
    assert "1 validation key frames of CAM_FRONT are here and 81 were expected" in text
    put_image(root / IMAGE, (450, 800))
    put_points(root, (0, 0, -5))
    text = " ".join(problem.message for problem in check_nuscenes(root))
    assert "not 900x1600" in text
    assert "no pixel of the depth map is valid" in text


@pytest.mark.shared
def test_real_sweep(shared: Path, tmp_path: Path) -> None:
    """A real sweep and its picture through tables that say what its own calibration says: the same depth map."""
    source = shared / "data/nuscenes"
    entry = json.loads((source / "calib.json").read_text())["CAM_FRONT"]
    to_vehicle = np.linalg.inv(np.array(entry["lidar2cam"]))  # the scanner's frame stands for the vehicle's
    x, y, z, w = Rotation.from_matrix(to_vehicle[:3, :3]).as_quat()
    pose = {"rotation": [w, x, y, z], "translation": to_vehicle[:3, 3].tolist()}
    put_tables(tmp_path, pose, entry["cam2img"])
    for name in (IMAGE, SWEEP):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(source / Path(name).name, tmp_path / name)
    sample = open_nuscenes(tmp_path).read(NAME)
    projection, _ = lidar.nuscenes_calibration(source / "calib.json", "CAM_FRONT")
    expected = lidar.project(lidar.read_floats(tmp_path / SWEEP, 5)[:, :3], projection, (900, 1600))
    same = (sample.truth > 0) == (expected > 0)
    assert same.mean() > 0.99999
    assert (np.abs(sample.truth - expected)[sample.mask & (expected > 0)] < 0.001).mean() > 0.999
    assert 0.0015 < sample.mask.mean() < 0.0035
    assert 1 < sample.truth[sample.mask].min() < sample.truth.max() < 110
    assert [p for p in check_nuscenes(tmp_path) if "were expected" not in p.message] == []
