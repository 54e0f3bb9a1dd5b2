"""iBims-1 from .mat and PNG: masks, planes, edges, the transposed camera matrix, the scale."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runners.datasets import DatasetError
from runners.datasets.ibims import check_ibims, open_ibims
from runners.planes import planarity_errors
from tests.runners.datasets import files

SIZE = (480, 640)
CAMERA = (550.0, 551.0, 320.5, 240.5)


def parts() -> dict[str, files.Array]:
    """A wall at 3 m and a floor at 6 m; the first rows are invalid, the first columns glass, one has no depth."""
    depth = np.full(SIZE, 3.0)
    depth[240:] = 6
    depth[100, 100] = 0
    invalid, transparent, edges = np.ones((3, *SIZE), np.uint8)
    invalid[:10], transparent[:, :20], edges[:240], edges[241:] = 0, 0, 0, 0
    wall, floor = np.zeros((2, *SIZE), np.uint8)
    wall[:200, :300], wall[:200, 300:], floor[250:] = 1, 2, 1
    fx, fy, cx, cy = CAMERA
    return {
        "rgb": np.full((*SIZE, 3), 77, np.uint8),
        "depth": depth,
        "edges": edges,
        "calib": np.array([[fx, 0, 0], [0, fy, 0], [cx, cy, 1.0]]),
        "mask_invalid": invalid,
        "mask_transp": transparent,
        "mask_wall": wall,
        "mask_wall_paras": np.array([[0, 1, 0, -3, 0, 1.0, 0, 0], [0, 1, 0, -3, 0.6, 0.8, 0, 0]]),
        "mask_table": np.zeros(SIZE, np.uint8),
        "mask_table_paras": np.zeros((0, 0)),
        "mask_floor": floor,
        "mask_floor_paras": np.array([[0, 0, 1, 1, 0, 0, 1.0, 0]]),
    }


def mat(root: Path, **other: files.Array) -> Path:
    """The .mat layout."""
    files.put_mat5(root / "ibims1_core_mat" / "corridor_01.mat", data={**parts(), **other})
    files.put_lines(root / "imagelist.txt", "corridor_01")
    return root


def png(root: Path, stored: files.Array | None = None) -> Path:
    """The PNG layout, with depth as value * 50 / 65535; one pixel is saturated."""
    folder, data = root / "ibims1_core_raw", parts()
    codes = np.rint(data["depth"] * 65535 / 50)
    codes[300, 300] = 65535
    files.put_uint16(folder / "depth" / "corridor_01.png", codes if stored is None else stored)
    files.put_rgb(folder / "rgb" / "corridor_01.png", data["rgb"])
    for kind in ("edges", "mask_invalid", "mask_transp", "mask_wall", "mask_floor"):
        files.put_rgb(folder / kind / "corridor_01.png", data[kind])
    files.put_lines(folder / "calib" / "corridor_01.txt", ",".join(map(str, CAMERA)))
    files.put_lines(folder / "imagelist.txt", "corridor_01")
    return root


def valid() -> files.Array:
    """Both masks and a depth above 0."""
    data = parts()
    return (data["mask_invalid"] > 0) & (data["mask_transp"] > 0) & (data["depth"] > 0)


def test_mat_files(tmp_path: Path) -> None:
    """All annotations come along; what is masked keeps its depth; the matrix is turned back."""
    dataset = open_ibims(mat(tmp_path))
    sample = dataset.read("corridor_01")
    assert (sample.group, dataset.ids) == ("corridor", ("corridor_01",))
    assert np.array_equal(sample.mask, valid())
    assert (sample.truth[0, 0], sample.truth[100, 100], sample.truth[400, 400]) == (3, 0, 6)
    assert sample.intrinsics == CAMERA
    edges, planes = sample.annotations.edges, sample.annotations.planes
    assert edges is not None
    assert planes is not None
    assert (edges.sum(), edges[240].all()) == (640, True)
    assert [planes.labels[0, 0], planes.labels[0, 639], planes.labels[479, 0], planes.labels[230, 0]] == [1, 2, 3, 0]
    assert planes.normals.tolist() == [[0, 1, 0], [0.6, 0.8, 0], [0, 0, 1]]


def test_png_files(tmp_path: Path) -> None:
    """Metres are the value * 50 / 65535, 65535 is none; there are edges but no normals."""
    sample = open_ibims(png(tmp_path)).read("corridor_01")
    assert sample.truth[50, 50] == pytest.approx(3, abs=50 / 65535)
    assert (sample.truth[300, 300], sample.mask[300, 300], sample.mask.sum()) == (0, False, valid().sum() - 1)
    assert (sample.intrinsics, sample.annotations.planes) == (CAMERA, None)
    assert sample.annotations.edges is not None


@pytest.mark.parametrize("build", [mat, png])
def test_only_the_count_is_wrong(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    """A good folder passes but for the number of images."""
    assert ["100 were expected" in problem.message for problem in check_ibims(build(tmp_path))] == [True]


def test_planes_go_into_the_metric(tmp_path: Path) -> None:
    """The truth itself is flat; its walls face the camera, which only the first plane's normal says (0, 36.9, 90)."""
    sample = open_ibims(mat(tmp_path)).read("corridor_01")
    planes, camera = sample.annotations.planes, sample.truth_intrinsics
    assert planes is not None
    assert camera is not None
    errors = planarity_errors(sample.truth, sample.truth, planes.labels, planes.normals, camera)
    assert errors["pe_fla"] == pytest.approx(0, abs=1e-6)
    assert errors["pe_ori"] == pytest.approx([0, 36.869898, 90], abs=1e-4)


def test_faults_are_told(tmp_path: Path) -> None:
    """No list, no files, masks the other way round, planes without parameters, another scale, broken files."""
    with pytest.raises(DatasetError, match=r"there is no imagelist\.txt"):
        open_ibims(tmp_path)
    files.put_lines(tmp_path / "imagelist.txt", "corridor_01")
    with pytest.raises(DatasetError, match="neither ibims1_core_mat"):
        open_ibims(tmp_path)
    mat(tmp_path, mask_transp=1 - parts()["mask_transp"])
    assert "in both files 1 means valid" in check_ibims(tmp_path)[1].message
    mat(tmp_path, mask_wall_paras=np.zeros((1, 8)))
    assert "mask_wall and mask_wall_paras do not belong together" in check_ibims(tmp_path)[1].message
    mat(tmp_path, mask_transp=np.ones((4, 4)))
    assert "do not fit the depth" in check_ibims(tmp_path)[1].message
    mat(tmp_path, calib=np.zeros((3, 3)))
    assert "fx, fy, cx and cy were expected" in check_ibims(tmp_path)[1].message
    path = tmp_path / "ibims1_core_mat" / "corridor_01.mat"
    files.put_mat5(path, data={"depth": np.ones(SIZE)})
    assert "has no field 'mask_invalid'" in check_ibims(tmp_path)[1].message
    files.put_mat5(path, other=1)
    assert "has no struct 'data'" in check_ibims(tmp_path)[1].message
    path.write_bytes(mat(tmp_path / "whole").joinpath("ibims1_core_mat", "corridor_01.mat").read_bytes()[:5000])
    assert "corridor_01.mat: cannot be read" in check_ibims(tmp_path)[1].message
    png(tmp_path / "png", np.full(SIZE, 300))
    assert "value * 50 / 65535" in check_ibims(tmp_path / "png")[1].message
