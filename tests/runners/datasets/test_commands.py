"""The commands list datasets, check and fetch: facts of entry and card, sentences, exit codes, downloads by a stub."""

import io
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from runners import download
from runners.cli import main
from runners.datasets import DATASETS
from runners.download import Download
from tests.runners.datasets import files
from tests.runners.datasets.test_tum import sequence

NEW = ("nyu-depth-v2", "scannet", "tum-rgbd", "sun-rgbd", "ibims-1")


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_list_says_what_is_known(repo: Path, tmp_path: Path) -> None:
    """Images, licence and split come from the cards, the rest from the entries; without cards it is said."""
    output = call("list", "datasets", "--results", repo / "results").output
    for word in ("654; official test split", "CC BY 4.0", "3.0 GB", "raw-sensor, filled-sensor", "signed form"):
        assert word in output
    assert "no real file was read" in output
    output = call("list", "datasets", "--results", tmp_path).output
    assert "name the folder of records with --results" in output


@pytest.mark.parametrize("dataset_id", NEW)
def test_entries_say_how_to_get_their_data_set(dataset_id: str, repo: Path) -> None:
    """Each has a card, a layout, a source, a check; the usual truth comes first and is in a protocol."""
    entry = DATASETS[dataset_id]
    assert (repo / "results" / "datasets" / f"{dataset_id}.yaml").is_file()
    assert entry.layout
    assert entry.source
    assert entry.check is not None
    assert f"variant: {entry.variants[0]}" in "".join(
        path.read_text("utf-8") for path in (repo / "results" / "protocols" / dataset_id).glob("*.yaml")
    )


@pytest.mark.parametrize("dataset_id", NEW)
def test_empty_folder_is_refused_with_a_way_out(dataset_id: str, tmp_path: Path) -> None:
    """What is missing and where to get it; exit code 1, no traceback."""
    result = call("check", dataset_id, "--root", tmp_path)
    assert result.exit_code == 1
    assert "http" in result.output
    assert result.output.count("\n") == 1
    result = call("check", dataset_id, "--root", tmp_path / "nowhere")
    assert (result.exit_code, "there is no such folder" in result.output) == (1, True)


def test_good_folder_is_told(tmp_path: Path) -> None:
    """Which ground truths are there, and how much was read."""
    result = call("check", "tum-rgbd", "--root", sequence(tmp_path))
    assert result.exit_code == 0, result.output
    assert "tum-rgbd: 2 images with ground truth 'raw-sensor' (all pairs of rgbd_dataset" in result.output
    assert "nothing wrong found" in result.output


def test_missing_truth_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packing without the filled depth is fine, and said."""
    entry = replace(DATASETS["nyu-depth-v2"], check=lambda root: [])
    monkeypatch.setitem(DATASETS, "nyu-depth-v2", entry)
    files.put_lines(tmp_path / "filename_list_test.txt", "test/a/rgb_0001.png test/a/depth_0001.png")
    output = call("check", "nyu-depth-v2", "--root", tmp_path).output
    assert "nyu-depth-v2: 1 images with ground truth 'raw-sensor'" in output
    assert "nyu-depth-v2: ground truth 'filled-sensor' is not here" in output


def test_check_of_what_is_not_there() -> None:
    """Unknown data sets and those that come with Fathom."""
    assert "unknown data set 'nowhere'" in call("check", "nowhere", "--root", ".").output
    assert "comes with Fathom" in call("check", "procedural-indoor", "--root", ".").output
    assert call("check", "tum-rgbd").exit_code == 2


class Answer(io.BytesIO):
    """What an origin sends."""

    status = HTTPStatus.OK


def test_fetch_downloads_what_needs_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: Path) -> None:
    """Licence and size are said first; files land in the folder with what to do next; a second call fetches nothing."""
    monkeypatch.setattr(download, "_opened", lambda url, start: Answer(b"archive"))
    entry = DATASETS["sun-rgbd"]
    wanted = (Download("https://origin.invalid/a.zip", "a.zip", 7, then="Unpack it with: unzip a.zip"),)
    monkeypatch.setitem(DATASETS, "sun-rgbd", replace(entry, fetch=wanted))
    arguments = ("fetch", "sun-rgbd", "--root", tmp_path / "sun", "--results", repo / "results")
    output = call(*arguments).output
    assert output.index("licence") < output.index("https://origin.invalid/a.zip (0.0 MB)") < output.index("fetched")
    assert "a.zip: fetched. Unpack it with: unzip a.zip" in output
    assert (tmp_path / "sun" / "a.zip").read_bytes() == b"archive"
    assert "was here already" in call(*arguments).output
    (tmp_path / "sun" / "a.zip").write_bytes(b"other!")
    result = call(*arguments)
    assert (result.exit_code, "has 6 bytes, not 7" in result.output) == (1, True)
    assert "with --root" in call("fetch", "sun-rgbd").output


def test_fetch_tells_the_steps_otherwise(repo: Path) -> None:
    """What needs an account or is spread over pages is described, and that is no failure."""
    result = call("fetch", "scannet", "--results", repo / "results")
    assert result.exit_code == 0
    assert "ScanNet's terms need a signed agreement" in result.output


def test_no_network_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address and the reason, exit code 1."""

    def unreachable(url: str, start: int) -> Answer:
        raise OSError("no route to host")

    monkeypatch.setattr(download, "_opened", unreachable)
    result = call("fetch", "nyu-depth-v2", "--root", tmp_path)
    assert result.exit_code == 1
    assert "nyu_depth_v2_labeled.mat (no route to host)" in result.output
