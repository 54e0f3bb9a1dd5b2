"""The page of saved predictions: every image with its value, all its pictures, and the values known from elsewhere."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from runners.cli import main
from runners.datasets.decode import read_image
from runners.pictures import Part, ReportError
from runners.report import write_report
from tests.runners import factories as make

METER = {
    "nyu-v2-test/0": 0.083,
    "nyu-v2-test/1": 0.246,
    "nyu-v2-test/2": 0.331,
    "nyu-v2-test/3": 0.116,
    "nyu-v2-test/4": 0.135,
    "nyu-v2-sync/00000": 0.053,
    "nyu-v2-sync/00050": 0.070,
    "tum-rgbd/1": 0.249,
    "tum-rgbd/2": 0.237,
    "7scenes/000000": 0.526,
    "kitti-depth/0000000005": 0.099,
    "kitti-depth/0000000050": 0.069,
    "kitti-object/000000": 0.381,
    "kitti-object/000001": 0.217,
}
"""AbsRel of METER-XXS on the real samples, as the README beside its weights has them."""

_ROW = re.compile(r'<h2>([^<]+)</h2><span class="value">AbsRel ([\d.]+)</span><span class="soft">([^<]+)<')


def run(*command: str | Path) -> str:
    """Run a command that must succeed."""
    found = CliRunner().invoke(main, [str(word) for word in command])
    assert found.exit_code == 0, found.output
    return found.output


def predict(tmp_path: Path, manifest: Path, *options: str | Path) -> Path:
    """Predict a manifest and keep it; return the folder."""
    folder = tmp_path / f"predictions-{len(list(tmp_path.iterdir()))}"
    run("evaluate", "--manifest", manifest, "--save-predictions", folder, "--out", tmp_path / "runs", *options)
    return folder


@pytest.fixture
def dark(tmp_path: Path) -> Path:
    """Predictions of the dark channel for four slanted planes, one of them sparse."""
    manifest = make.write_toy(tmp_path / "toy")
    depth = np.zeros((24, 32), dtype=np.uint16)
    depth[::6, ::6] = np.linspace(1000, 4000, 4)[:, None]
    Image.fromarray(depth).save(tmp_path / "toy" / "indoor-3-depth.png")
    return predict(tmp_path, manifest, "--model", "baseline-dark-channel")


def test_each_image_has_its_pictures(dark: Path, tmp_path: Path) -> None:
    """Four pictures an image, all there; nothing comes from elsewhere; a folder that no commit takes."""
    assert "4 images" in run("report", dark, "--out", tmp_path / "page")
    page = (tmp_path / "page/index.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 16
    assert {read_image(tmp_path / "page" / source).shape for source in sources} == {(24, 32, 3)}
    assert "http" not in page
    assert [sample for sample, *_ in _ROW.findall(page)] == [f"indoor-{index}" for index in range(4)]
    assert "scale" in page
    assert page.count("points drawn larger than they are") == 1
    assert (tmp_path / "page/.gitignore").read_text(encoding="utf-8").endswith("*\n")


def test_truth_and_prediction_share_one_scale(tmp_path: Path, dark: Path) -> None:
    """The legend of both says the same metres, from the nearest to the farthest."""
    run("report", dark, "--out", tmp_path / "page")
    page = (tmp_path / "page/index.html").read_text(encoding="utf-8")
    scales = re.findall(r"<span>([\d.]+) m</span><span>([\d.]+) m</span><span>([\d.]+) m</span>", page)
    assert scales[0::2] == scales[1::2]
    assert all(float(near) < float(middle) < float(far) for near, middle, far in scales)


def test_ids_are_text(tmp_path: Path, dark: Path) -> None:
    """What a skip says, whatever it holds, cannot become markup."""
    manifest = tmp_path / "toy/index.json"
    text = manifest.read_text(encoding="utf-8")
    (tmp_path / "toy" / "indoor-0-depth.png").write_bytes(b"<b>")
    manifest.write_text(text, encoding="utf-8")
    run("report", dark, "--out", tmp_path / "page")
    page = (tmp_path / "page/index.html").read_text(encoding="utf-8")
    assert "Left out" in page
    assert "<b>" not in page


def test_an_order_cannot_be_drawn(tmp_path: Path, dark: Path, repo: Path) -> None:
    """A protocol of point pairs is refused in a sentence, and so is a folder without predictions."""
    command = ["report", str(dark), "--protocol", "da-2k/house", "--results", str(repo / "results")]
    found = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "page")])
    assert found.exit_code == 1
    assert "Traceback" not in found.output
    found = CliRunner().invoke(main, ["report", str(tmp_path), "--out", str(tmp_path / "page")])
    assert (found.exit_code, "holds no index.json" in found.output) == (1, True)


def test_a_page_shows_one_metric_of_depth(tmp_path: Path) -> None:
    """Protocols that rank by different metrics, or by the order of points, do not share a page."""
    pairs = {"metrics": ["whdr"], "primary_metric": "whdr", "alignment": {"ordinal": make.NO_ALIGNMENT}}
    protocols = make.protocol(), make.protocol(primary_metric="rmse"), make.protocol(**pairs)
    one, other, order = (Part(None, None, protocol, None) for protocol in protocols)
    with pytest.raises(ReportError, match="primary ones are abs_rel, rmse"):
        write_report([one, other], tmp_path)
    with pytest.raises(ReportError, match="no depth that could be drawn"):
        write_report([order], tmp_path)


@pytest.mark.shared
def test_meter_has_the_values_of_its_readme(shared: Path, tmp_path: Path) -> None:
    """METER-XXS on the real images of the README, two models on one page, each AbsRel to three digits."""
    manifest = shared / "data/samples.json"
    weights = ("--weights-dir", shared / "weights")
    only = {
        name: [word for sample in METER if (sample[:5] == "kitti") == (name == "kitti") for word in ("--only", sample)]
        for name in ("nyu", "kitti")
    }
    kept = [predict(tmp_path, manifest, "--model", f"meter-xxs-{name}", *weights, *only[name]) for name in only]
    run("report", *kept, "--out", tmp_path / "page")
    rows = _ROW.findall((tmp_path / "page/index.html").read_text(encoding="utf-8"))
    assert {sample: float(value) for sample, value, _ in rows} == pytest.approx(METER, abs=5.1e-4)
    assert {model for *_, model in rows} == {"meter-xxs-nyu", "meter-xxs-kitti"}
