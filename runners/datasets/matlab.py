"""Reading files of MATLAB: up to version 7 with scipy, version 7.3 (which is HDF5) with h5py.

HDF5 keeps MATLAB's arrays with the axes in reverse order: what is (480, 640, N) there is (N, 640, 480) here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from runners.datasets.base import DatasetError, SampleError
from runners.datasets.decode import reading

__all__ = ["hdf5", "matlab_strings", "read_mat", "struct_field", "variable"]


@contextmanager
def hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading; whatever goes wrong with it is a :class:`SampleError` that names the file.

    The file is closed afterwards: handles must not be carried into worker processes. It is not locked, since shared
    folders that may only be read often cannot be.
    """
    import h5py

    with reading(path):
        try:
            with h5py.File(path, "r", locking=False) as file:
                yield file
        except (RuntimeError, TypeError) as error:  # h5py's, where a header says nonsense
            raise ValueError(str(error)) from error


def matlab_strings(file: Any, name: str) -> list[str]:
    """Return a cell array of strings from an open v7.3 file, whose cells are references to arrays of characters."""
    return ["".join(map(chr, np.asarray(file[cell]).ravel())) for cell in np.asarray(file[name]).ravel()]


def read_mat(path: Path) -> dict[str, Any]:
    """Return the variables of a file of MATLAB up to version 7.

    Raises:
        SampleError: If the file is broken.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    with reading(path):
        try:
            return dict(loadmat(path))
        except (MatReadError, NotImplementedError, TypeError) as error:  # the last for files cut off in the middle
            raise ValueError(str(error)) from error


def struct_field(struct: Any, name: str, path: Path) -> Any:
    """Return a field of a 1x1 struct array as scipy reads it.

    Raises:
        SampleError: If there is no such field.
    """
    if struct.dtype.names is None or name not in struct.dtype.names:
        raise SampleError(f"{path.name}: the struct has no field '{name}'")
    return struct[name][0, 0]


def variable(path: Path, name: str) -> Any:
    """Return one variable of a list file of MATLAB up to version 7.

    Raises:
        DatasetError: If the file is broken or has no such variable.
    """
    try:
        content = read_mat(path)
    except SampleError as error:
        raise DatasetError(f"{path}: {error}") from error
    if name not in content:
        raise DatasetError(f"{path}: has no variable '{name}'")
    return content[name]
