"""The helpers that data sets' checks are made of."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from runners.datasets.base import Dataset, DatasetError, Item, Sample, SampleError
from runners.datasets.checking import (
    Problem,
    counted,
    each,
    hashed,
    invalid_share,
    medians,
    missing,
    opened,
    present,
    samples,
    sizes,
    spread,
)


def sample(name: str, depth: float, size: tuple[int, int] = (4, 6)) -> Sample:
    """A flat wall with one pixel missing."""
    truth = np.full(size, depth, np.float32)
    truth[0, 0] = 0
    return Sample(name, "room", np.zeros((*size, 3), np.uint8), truth, truth > 0)


def dataset(*depths: float) -> Dataset:
    """Samples of these depths; a negative one cannot be read."""

    def reader(name: str, depth: float) -> Callable[[], Sample]:
        def read() -> Sample:
            if depth < 0:
                raise SampleError("a.png: cannot be read")
            return sample(name, depth)

        return read

    return Dataset("toy", "test", [Item(f"{i}", "room", reader(f"{i}", depth)) for i, depth in enumerate(depths)])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """Each missing file, folder or pattern is a problem of its own."""
    (tmp_path / "rgb").mkdir()
    (tmp_path / "rgb" / "a.png").touch()
    found = missing(tmp_path, ["rgb", "rgb/*.png", "depth", "*.txt"], "Get it at example.org.")
    assert [problem.message for problem in found] == [
        "there is no 'depth' here. Get it at example.org.",
        "there is no '*.txt' here. Get it at example.org.",
    ]
    assert str(found[0]) == f"{tmp_path}: there is no 'depth' here. Get it at example.org."


def test_a_refused_data_set_is_a_problem_a_line() -> None:
    """What the loader says is passed on."""

    def refuse() -> Dataset:
        raise DatasetError("one\ntwo")

    assert opened(refuse) == ([Problem("data set", "one"), Problem("data set", "two")], None)
    problems, found = opened(lambda: dataset(1))
    assert problems == []
    assert found is not None


def test_counts_and_hashes(tmp_path: Path) -> None:
    """Both are compared and both say what was found."""
    path = tmp_path / "a"
    path.write_bytes(b"weights")
    assert counted(path, 3, 3, "images", "x") == []
    assert counted(path, 2, 3, "images", "Get it.")[0].message == "2 images are here and 3 were expected. Get it."
    assert hashed(path, "9a129038", "x") == hashed(path, "", "x", "md5") == []
    assert "not 00: another file than the official. Get it." in hashed(path, "00", "Get it.")[0].message


def test_listed_files_that_are_not_there_are_counted(tmp_path: Path) -> None:
    """One sentence for all of them; a sample that says nothing of its files is not judged by them."""
    (tmp_path / "a").touch()
    names = {"1": ("a", "b"), "2": ("c",), "3": ()}
    read = partial(sample, "x", 2)
    items = [Item(name, "room", read, files=tuple(tmp_path / file for file in files)) for name, files in names.items()]
    assert present(Dataset("toy", "test", items), "Get it.") == [
        Problem(str(tmp_path / "b"), "is not there, in all 2 of 3 files that are listed. Get it.")
    ]
    assert present(Dataset("toy", "test", items[2:]), "Get it.") == []


def test_spread_takes_both_ends() -> None:
    """The first and the last are among the chosen, and few are all taken."""
    assert spread(range(100), 4) == [0, 33, 66, 99]
    assert spread("abc", 4) == ["a", "b", "c"]


def test_the_same_problem_is_said_once() -> None:
    """A hundred wrong files give one line."""
    found = each([("a", 1), ("b", 2), ("c", 3)], lambda number: "odd" if number % 2 else "")
    assert found == [Problem("a and 1 more", "odd")]


@pytest.mark.parametrize(
    ("depths", "expected"),
    [
        ((2, 3), []),
        ((2, 3000, 4000), ["1 and 1 more: the middle depth is not between 0.5 and 10 m. Millimetres?"]),
        ((2, -1), ["1: a.png: cannot be read"]),
        ((0, 2), ["0: no pixel of the depth map is valid. Millimetres?"]),
    ],
)
def test_samples_are_judged(depths: tuple[float, ...], expected: list[str]) -> None:
    """Wrong units, unreadable files and empty truths are told."""
    assert [str(problem) for problem in samples(dataset(*depths), [medians(0.5, 10, "Millimetres?")])] == expected


def test_size_and_share_are_judged() -> None:
    """The sentence says what was found and what is right."""
    wall = sample("a", 2)
    assert sizes({(4, 6)}, "x")(wall) == ""
    assert sizes({(4, 8), (2, 3)}, "Get it.", {(4, 6)})(wall) == (
        "the depth map has 4 rows and 6 columns, not 2x3 or 4x8. Get it."
    )
    assert invalid_share(0.01, 0.5, "x")(wall) == ""
    assert invalid_share(0.1, 0.5, "Filled?")(wall) == (
        "the share of pixels without depth is not between 10.0% and 50.0%. Filled?"
    )
