"""Judging a folder of a data set before a day of computing is spent on it.

How to use it: a data set's module has ``check_<name>(root) -> list[Problem]``, which adds up what these helpers
return; an empty list means that nothing is wrong. Each message is a sentence or two that say what is wrong *and* where
the right file is to be had. The usual shape::

    def check_toy(root: Path) -> list[Problem]:
        if problems := missing(root, ["test.txt", "depth"], _SOURCE):   # the layout; nothing else can be told then
            return problems
        problems, dataset = opened(lambda: open_toy(root, "raw-sensor"))  # what the loader itself refuses
        if dataset is None:
            return problems
        judges = [sizes({(480, 640)}, _SOURCE), medians(0.3, 10, "Is the depth in millimetres? " + _SOURCE)]
        return [*counted(root, len(dataset), 654, "images", _SOURCE), *samples(dataset, judges)]

A judge looks at one sample and returns the sentence, or nothing. Traps that the loader hides (65535, bits that are
not rotated) need judges of the files themselves: ``each(spread(paths), judge)``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from runners.datasets.base import Dataset, DatasetError, Sample, SampleError

__all__ = ["SAMPLED", "Judge", "Problem", "counted", "each", "hashed", "invalid_share", "medians", "missing", "opened"]
__all__ += ["present", "samples", "sizes", "spread"]

SAMPLED = 12
"""How many samples of a data set are read, evenly over its list."""

T = TypeVar("T")

Judge = Callable[[Sample], str]
"""Says in a sentence or two what is wrong with a sample and where to get the right file; empty if nothing is."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a data set's files.

    Attributes:
        where: The file, folder or sample.
        message: What is wrong, and where the right file is to be had.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def missing(root: Path, names: Iterable[str], advice: str) -> list[Problem]:
    """Return a problem for each file or folder (or shell pattern) that should be below the root and is not."""
    absent = [name for name in names if next(root.glob(name), None) is None]
    return [Problem(str(root), f"there is no '{name}' here. {advice}") for name in absent]


def opened(opener: Callable[[], Dataset]) -> tuple[list[Problem], Dataset | None]:
    """Return the data set, or a problem for each line that its loader refuses it with."""
    try:
        return [], opener()
    except DatasetError as error:
        return [Problem("data set", line) for line in str(error).splitlines()], None


def present(dataset: Dataset, advice: str) -> list[Problem]:
    """Return a problem if files that samples are read from (:attr:`Item.files`) are not there, all in one sentence."""
    absent = [path for paths in dataset.files.values() for path in paths if not path.exists()]
    if not absent:
        return []
    total = sum(map(len, dataset.files.values()))
    return [Problem(str(absent[0]), f"is not there, in all {len(absent)} of {total} files that are listed. {advice}")]


def counted(where: Path, found: int, expected: int, what: str, advice: str) -> list[Problem]:
    """Return a problem if there are more or fewer than there should be."""
    if found == expected:
        return []
    return [Problem(str(where), f"{found} {what} are here and {expected} were expected. {advice}")]


def hashed(path: Path, expected: str, advice: str, algorithm: str = "sha256") -> list[Problem]:
    """Return a problem if a file's hash does not begin with the expected digits."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found.startswith(expected):
        return []
    return [Problem(str(path), f"its {algorithm} is {found}, not {expected}: another file than the official. {advice}")]


def spread(found: Sequence[T], count: int = SAMPLED) -> list[T]:
    """Return so many evenly spread over a sequence, the first and the last among them; all if there are fewer."""
    if len(found) <= count:
        return list(found)
    return [found[round(place)] for place in np.linspace(0, len(found) - 1, count)]


def each(found: Iterable[tuple[str, T]], judge: Callable[[T], str]) -> list[Problem]:
    """Return what is wrong with things, given with their names; what is wrong with several is said once.

    A :class:`SampleError` that the judge raises is a problem, too.
    """
    wrong: dict[str, list[str]] = {}
    for name, thing in found:
        try:
            message = judge(thing)
        except SampleError as error:
            message = str(error)
        if message:
            wrong.setdefault(message, []).append(name)
    return [Problem(_among(names), message) for message, names in wrong.items()]


def samples(dataset: Dataset, judges: Sequence[Judge], count: int = SAMPLED) -> list[Problem]:
    """Return what judges find in samples spread evenly over a data set, and which of those cannot be read."""
    problems: list[Problem] = []
    for sample_id in spread(dataset.ids, count):  # one at a time: a sample may be large
        try:
            sample = dataset.read(sample_id)
        except SampleError as error:
            problems.append(Problem(sample_id, str(error)))
        else:
            problems += [Problem(sample_id, message) for judge in judges if (message := judge(sample))]
    return each(((problem.where, problem) for problem in problems), lambda problem: problem.message)


def sizes(expected: set[tuple[int, int]], advice: str, image: set[tuple[int, int]] | None = None) -> Judge:
    """Judge the size of the truth, (rows, columns), and of the image where that is another."""
    wanted = {"depth map": expected, "image": expected if image is None else image}

    def judge(sample: Sample) -> str:
        found = {"depth map": sample.truth.shape, "image": sample.image.shape[:2]}
        faults = [
            f"the {what} has {found[what][0]} rows and {found[what][1]} columns, not {_alternatives(sizes)}"
            for what, sizes in wanted.items()
            if found[what] not in sizes
        ]
        return f"{'; '.join(faults)}. {advice}" if faults else ""

    return judge


def medians(low_m: float, high_m: float, advice: str) -> Judge:
    """Judge the median of the valid depth, which tells a wrong unit (x5000, x256, x8), and whether any is valid."""

    def judge(sample: Sample) -> str:
        if not sample.mask.any():
            return f"no pixel of the depth map is valid. {advice}"
        median = float(np.median(sample.truth[sample.mask]))
        if low_m <= median <= high_m:
            return ""
        return f"the middle depth is not between {low_m:g} and {high_m:g} m. {advice}"

    return judge


def invalid_share(low: float, high: float, advice: str) -> Judge:
    """Judge the share of pixels without depth: none means that holes were filled in, nearly all a sparse sensor."""

    def judge(sample: Sample) -> str:
        share = 1 - float(sample.mask.mean())
        if low <= share <= high:
            return ""
        return f"the share of pixels without depth is not between {low:.1%} and {high:.1%}. {advice}"

    return judge


def _alternatives(expected: set[tuple[int, int]]) -> str:
    return " or ".join(f"{rows}x{columns}" for rows, columns in sorted(expected))


def _among(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
