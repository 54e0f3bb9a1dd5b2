"""Repositories of a hub: a local folder first, a clear sentence without a network, never a pickle."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from runners.models.errors import ModelError
from runners.models.hub import HubWeights, find_snapshot

TOY = HubWeights("toy/depth", "MIT", "0" * 40)


def write(folder: Path, **files: bytes) -> Path:
    """Write files; an underscore in a name stands for a dot, two for a slash."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_local_folder_is_taken_first(tmp_path: Path) -> None:
    """Nothing is asked of a network; the record says that it was a local folder, and which weights."""
    folder = write(tmp_path / "toy" / "depth", config_json=b"{}", model_safetensors=b"weights")
    snapshot = find_snapshot(TOY, tmp_path)
    assert snapshot.folder == folder
    assert snapshot.revision == "toy/depth, a local folder"
    assert snapshot.sha256 == hashlib.sha256(b"weights").hexdigest()


def test_several_weight_files_have_one_digest(tmp_path: Path) -> None:
    """The digest covers every file with its place, so that a swap shows."""
    write(tmp_path / "toy" / "depth", unet__model_safetensors=b"u", vae__model_safetensors=b"v")
    first = find_snapshot(TOY, tmp_path).sha256
    write(tmp_path / "toy" / "depth", unet__model_safetensors=b"v", vae__model_safetensors=b"u")
    assert find_snapshot(TOY, tmp_path).sha256 != first


def test_pickles_are_refused(tmp_path: Path) -> None:
    """A repository that holds only a pickle has no weights that could be used."""
    write(tmp_path / "toy" / "depth", config_json=b"{}", pytorch_bin=b"pickle")
    with pytest.raises(ModelError, match=r"no \.safetensors file of toy/depth; other formats may run code"):
        find_snapshot(TOY, tmp_path)


def test_an_entry_may_name_the_file_that_its_package_reads(tmp_path: Path) -> None:
    """Only that file counts and is hashed; where it is missing the sentence names it."""
    weights = replace(TOY, weight_files="model.pt")
    folder = write(tmp_path / "toy" / "depth", model_safetensors=b"other")
    with pytest.raises(ModelError, match=r"no model\.pt file of toy/depth"):
        find_snapshot(weights, tmp_path)
    write(folder, model_pt=b"weights")
    assert find_snapshot(weights, tmp_path).sha256 == hashlib.sha256(b"weights").hexdigest()


def test_without_a_network_the_sentence_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offline and not in any cache: where to put a copy; the licence was shown before anything was fetched."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError, match=r"cannot be fetched .*put a copy of the repository into <cache>/toy/depth"):
        find_snapshot(TOY, tmp_path / "weights")
    assert "Licence: MIT" in capsys.readouterr().err
