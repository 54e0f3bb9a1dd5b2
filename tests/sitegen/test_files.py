"""Files and folders that are there whole or not at all."""

from pathlib import Path

import pytest

from sitegen.files import replace_folder, write_aside
from tests.full_disk import full_beyond


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    """And replaces another one; nothing is left beside it."""
    path = tmp_path / "a" / "b.json"
    for content in (b"one", b"two"):
        write_aside(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_file_for_which_there_is_no_room_leaves_the_old_one(tmp_path: Path) -> None:
    """The error names the file; no part of the new one is left."""
    path = tmp_path / "b.json"
    write_aside(path, b"old")
    with full_beyond(1000), pytest.raises(OSError, match="File too large") as caught:
        write_aside(path, bytes(2000))
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, "old"])
def test_a_folder_takes_the_place_of_another(tmp_path: Path, before: str | None) -> None:
    """With nothing of the old one in it, whether there was one or what an interrupted call has left."""
    folder, aside = tmp_path / "site", tmp_path / "site.tmp"
    if before:
        for place in (folder, tmp_path / ".site.old"):
            place.mkdir()
            (place / before).touch()
    aside.mkdir()
    (aside / "new").touch()
    replace_folder(aside, folder)
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]
