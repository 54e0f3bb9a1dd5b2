"""Where files are looked for, and what lists are."""

from pathlib import Path

import numpy as np
import pytest

from runners.datasets import DatasetError, SampleError
from runners.datasets.layout import base_of, find_file, needed, read_lines
from runners.datasets.matlab import hdf5, read_mat
from tests.runners.datasets import files


def test_folder_has_to_be_named_and_there(tmp_path: Path) -> None:
    """The sentence says where to get the data set."""
    assert needed(tmp_path, "toy", "Get it.") == tmp_path
    with pytest.raises(DatasetError, match=r"'toy' does not come with Fathom; name its folder with --root\. Get it\."):
        needed(None, "toy", "Get it.")
    with pytest.raises(DatasetError, match=r"there is no such folder\. Get it\."):
        needed(tmp_path / "a", "toy", "Get it.")


def test_lists(tmp_path: Path) -> None:
    """Words of each line; comments and empty lines are none; a list of nothing or no text is refused."""
    assert read_lines(files.put_lines(tmp_path / "a", "# x", "", "one two", " three ")) == [["one", "two"], ["three"]]
    for content, message in ((b"# x\n", "lists nothing"), (b"\xff\xfe", "cannot be read as a list")):
        (tmp_path / "b").write_bytes(content)
        with pytest.raises(DatasetError, match=message):
            read_lines(tmp_path / "b")


def test_first_place_that_has_the_file(tmp_path: Path) -> None:
    """Places are tried in their order; without any the first folder is blamed."""
    files.put_lines(tmp_path / "sub" / "a", "x")
    assert find_file(tmp_path, ("a", "sub/a")) == tmp_path / "sub" / "a"
    assert find_file(tmp_path, ("a",)) is None
    assert base_of(tmp_path, ("", "sub"), "a") == tmp_path / "sub"
    assert base_of(tmp_path, ("", "sub"), "b") == tmp_path


@pytest.mark.parametrize("length", [0, 60, 200, 400, 700])
def test_cut_matlab_files_are_sample_errors(tmp_path: Path, length: int) -> None:
    """However a file was cut off, the error names it."""
    whole = files.put_mat5(tmp_path / "a.mat", data={"depth": files.holed((20, 30))}).read_bytes()
    (tmp_path / "b.mat").write_bytes(whole[:length])
    with pytest.raises(SampleError, match=r"b\.mat: cannot be read"):
        read_mat(tmp_path / "b.mat")


def test_nonsense_in_hdf5_is_a_sample_error(tmp_path: Path) -> None:
    """What h5py cannot turn into numbers, as a damaged header leads to, names the file."""
    path = files.put_hdf5(tmp_path / "a.h5", depth=files.holed((8, 8)))
    with pytest.raises(SampleError, match=r"a\.h5: cannot be read"), hdf5(path) as file:
        np.asarray(file["depth"].dtype, dtype=np.float32)
