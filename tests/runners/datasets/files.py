"""Small files in the formats that data sets are published in."""

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.io import savemat

Array = npt.NDArray[np.generic]


def put_image(path: Path, size: tuple[int, int] = (480, 640), value: int = 120) -> Path:
    """Write a grey image; the suffix says whether PNG or JPEG."""
    return put_rgb(path, np.full((*size, 3), value, np.uint8))


def put_rgb(path: Path, image: Array) -> Path:
    """Write an image of these values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path


def put_uint16(path: Path, values: Array) -> Path:
    """Write a 16-bit PNG of these values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint16)).save(path)
    return path


def put_lines(path: Path, *lines: str) -> Path:
    """Write a list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def holed(size: tuple[int, int] = (480, 640), value: float = 2000) -> npt.NDArray[np.float64]:
    """A flat wall of this stored depth with a hole in the corner and a nearer pixel at row 5, column 7."""
    depth = np.full(size, float(value))
    depth[:4, :4] = 0
    depth[5, 7] = value / 2
    return depth


def put_hdf5(path: Path, **arrays: Array) -> Path:
    """Write arrays under their names; ``__`` stands for a slash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values
    return path


def put_mat73(path: Path, texts: dict[str, list[str]], **arrays: Array) -> Path:
    """Write a file of MATLAB 7.3: arrays with their axes reversed, cell arrays of strings as references."""
    put_hdf5(path, **{name: values.T for name, values in arrays.items()})
    with h5py.File(path, "a") as file:
        for name, words in texts.items():
            cells = file.create_dataset(name, (1, len(words)), h5py.ref_dtype)
            for i, word in enumerate(words):
                place = file.create_dataset(f"#refs#/{name}{i}", data=np.array([[ord(c)] for c in word], np.uint16))
                cells[0, i] = place.ref
    return path


def put_mat5(path: Path, **variables: object) -> Path:
    """Write a file of MATLAB 5: dictionaries become 1x1 structs, lists of strings cell arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {name: _cells(value) if isinstance(value, list) else value for name, value in variables.items()})
    return path


def _cells(words: list[str]) -> Array:
    cells = np.empty((1, len(words)), dtype=object)
    for i, word in enumerate(words):
        cells[0, i] = word
    return cells
