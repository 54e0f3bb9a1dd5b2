"""A real network over real images in the layouts of their publishers gives the values that were measured without us."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from runners.cli import main
from runners.datasets.nyu import BTS_LIST, MARIGOLD_LIST
from sitegen.records import Run
from tests.runners import factories as make
from tests.runners.datasets import files

EIGEN = {"name": "eigen-nyu", "frame": "full-image", "rows": [45, 471], "columns": [41, 601], "unit": "pixels"}
WHOLE = {"name": "none", "frame": "full-image"}


def marigold(root: Path, data: Path) -> None:
    """The first five test images, as in Marigold's packing."""
    for i in range(5):
        for kind, name in (("image", "rgb"), ("depth", "depth")):
            (root / "test" / "room").mkdir(parents=True, exist_ok=True)
            shutil.copy(data / "nyu-v2-test" / f"{kind}_{i}.png", root / "test" / "room" / f"{name}_{i + 1:04d}.png")
    lines = [f"test/room/rgb_{i:04d}.png test/room/depth_{i:04d}.png" for i in range(1, 6)]
    files.put_lines(root / MARIGOLD_LIST, *lines)


def bts(root: Path, data: Path) -> None:
    """Two frames of BTS's training archive."""
    name = "basement_0001a"
    (root / name).symlink_to(data / "nyu-v2-sync" / name)
    lines = [f"{name}/rgb_{i:05d}.jpg {name}/sync_depth_{i:05d}.png 518.8579" for i in (0, 50)]
    files.put_lines(root / BTS_LIST, *lines)


def tum(root: Path, data: Path) -> None:
    """Two frames of a sequence, with time stamps that they lost."""
    folder = root / "rgbd_dataset_freiburg2_desk"
    folder.mkdir()
    for kind in ("rgb", "depth"):
        (folder / kind).symlink_to(data / "tum-rgbd" / kind)
        files.put_lines(folder / f"{kind}.txt", f"1.0 {kind}/1.png", f"2.0 {kind}/2.png")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("dataset_id", "build", "crop", "expected"),
    [
        ("nyu-depth-v2", marigold, EIGEN, [0.083, 0.246, 0.331, 0.116, 0.135]),
        ("nyu-depth-v2", bts, EIGEN, [0.053, 0.070]),
        ("tum-rgbd", tum, WHOLE, [0.249, 0.237]),
    ],
)
def test_abs_rel_is_that_of_the_notes(
    tmp_path: Path,
    shared: Path,
    dataset_id: str,
    build: Callable[[Path, Path], None],
    crop: dict[str, object],
    expected: list[float],
) -> None:
    """AbsRel of METER-XXS, image by image, as ../shared/weights/meter-xxs/README.md has it."""
    (tmp_path / "data").mkdir()
    build(tmp_path / "data", shared / "data")
    truth = {"variant": "raw-sensor"}
    protocol = make.capped(10.0, id="notes", dataset=dataset_id, crop=crop, ground_truth=truth)
    path = tmp_path / "results" / "protocols" / dataset_id / "notes.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(protocol.model_dump(mode="json")), encoding="utf-8")
    words = ["evaluate", "--model", "meter-xxs-nyu", "--weights-dir", shared / "weights", "--dataset", dataset_id]
    words += ["--root", tmp_path / "data", "--protocol", "notes", "--results", tmp_path / "results"]
    result = CliRunner().invoke(main, [*map(str, words), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    [path] = (tmp_path / "out").rglob("*.json")
    run = Run.model_validate_json(path.read_text("utf-8"))
    assert run.samples.model_dump()["abs_rel"] == pytest.approx(expected, abs=6e-4)
