"""The bundled data set: its files are those that were made, and its depth is that of the scenes it describes."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image

from runners.datasets import bundled
from runners.datasets.manifest import read_entries
from runners.datasets.procedural import DATA, INDEX, SCENES, generate, render
from runners.datasets.procedural.generate import describe
from runners.datasets.procedural.scene import Scene

Array = npt.NDArray[np.float64]
ENTRIES = {entry.id: entry for entry in read_entries(INDEX)}
ORIGINS: dict[str, Any] = {one["id"]: one for one in json.loads(SCENES.read_text())["images"]}
RECAST = [name for name in ENTRIES if name.endswith("-1")]
"""One image of each kind of scene: what the slower checks look at."""
NEARBY = ((0.0, 0.0), (0.02, 0.0), (-0.02, 0.0), (0.0, 0.02), (0.0, -0.02))


@functools.cache
def scene(name: str) -> Scene:
    """The description of an image's scene."""
    return describe(name)


@functools.cache
def depth(name: str) -> Array:
    """Depth of an image in metres, 0 where invalid."""
    entry = ENTRIES[name]
    assert entry.depth is not None
    assert entry.scale is not None
    return np.asarray(Image.open(DATA / entry.depth), dtype=float) * entry.scale


def grid(name: str) -> tuple[Array, Array]:
    """Pixel coordinates u, v (h, w) of an image."""
    width, height = ORIGINS[name]["camera"]["size"]
    v, u = np.mgrid[0:height, 0:width].astype(float)
    return u, v


def ground_depth(name: str) -> Array:
    """Planar depth of the plane z = 0 at each pixel, from the recorded camera alone; infinite above the horizon."""
    camera, (fx, fy, cx, cy) = ORIGINS[name]["camera"], ENTRIES[name].K or (0, 0, 0, 0)
    u, v = grid(name)
    pitch, roll = math.radians(camera["pitch_deg"]), math.radians(camera["roll_deg"])
    down = (math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), math.sin(pitch))
    fall = down[0] * (u - cx) / fx + down[1] * (v - cy) / fy + down[2]
    return np.where(fall > 1e-6, camera["height_m"] / np.maximum(fall, 1e-6), np.inf)


class Caster:
    """An own ray caster, independent of the renderer: exact ray-triangle tests in float64."""

    def __init__(self, described: Scene) -> None:
        self.camera = described.camera
        meshes = described.meshes()
        self.triangles = np.concatenate([mesh.vertices[mesh.faces] for _, mesh in meshes])
        kinds = [np.full(len(mesh.faces), material.kind != "surface") for material, mesh in meshes]
        self.refused = np.concatenate(kinds)
        local = (self.triangles - np.array(self.camera.position)) @ self.camera.axes.T
        fx, fy, cx, cy = self.camera.intrinsics
        front = local[..., 2] > 1e-3
        near = np.where(front, local[..., 2], 1.0)
        u, v = local[..., 0] / near * fx + cx, local[..., 1] / near * fy + cy
        self.whole, self.behind = front.all(axis=1), ~front.any(axis=1)
        self.low, self.high = np.stack([u.min(1), v.min(1)], 1) - 1, np.stack([u.max(1), v.max(1)], 1) + 1

    def cast(self, u: float, v: float) -> tuple[float, bool]:
        """Planar depth of the first hit (infinite if none), and whether it is a mirror or pane."""
        point = np.array([u, v])
        inside = ((self.low <= point) & (point <= self.high)).all(axis=1)
        chosen = np.flatnonzero((inside & self.whole) | (~self.whole & ~self.behind))
        ray = self.camera.rays(np.array(u), np.array(v))
        a, b, c = (self.triangles[chosen, i] for i in range(3))
        ab, ac, to = b - a, c - a, np.array(self.camera.position) - a
        p = np.cross(ray, ac)
        area = (ab * p).sum(1)
        safe = np.where(np.abs(area) > 1e-14, area, np.nan)
        q = np.cross(to, ab)
        s, t, distance = (to * p).sum(1) / safe, q @ ray / safe, (ac * q).sum(1) / safe
        hit = (s >= 0) & (t >= 0) & (s + t <= 1) & (distance > 1e-4)
        if not hit.any():
            return math.inf, False
        first = int(np.flatnonzero(hit)[distance[hit].argmin()])
        return float(distance[first]), bool(self.refused[chosen[first]])


def agrees(caster: Caster, u: int, v: int, value: float, most: float, step: float) -> bool:
    """Whether a stored depth is that of the ray through the pixel centre (or, on an outline, of one beside it)."""
    for du, dv in NEARBY:
        truth, refused = caster.cast(u + du, v + dv)
        expected = 0.0 if refused or truth > most else truth
        if abs(value - expected) <= 0.51 * step + 2e-5 * expected or (value == 0 and abs(truth - most) < 1e-3):
            return True
    return False


def test_the_splits_hold_what_the_plan_says() -> None:
    """24 test and 4 train images of each setting, every one a scene and a group of its own."""
    for dataset in (bundled.indoor(), bundled.outdoor()):
        assert dataset.train is not None
        assert (len(dataset), len(dataset.train)) == (24, 4)
    assert {name: entry.split for name, entry in ENTRIES.items()} == generate.plan()
    assert len({entry.group for entry in ENTRIES.values()}) == len(ENTRIES) == 56
    assert list(ORIGINS) == list(ENTRIES)


def test_the_index_is_what_the_generator_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody edited an entry by hand: K, scale, range and paths follow from the plan."""
    monkeypatch.setattr(generate, "describe", scene)
    for listed in json.loads(INDEX.read_text())["samples"]:
        assert listed == generate.entry(listed["id"], generate.plan()[listed["id"]])


def test_files_are_the_recorded_ones_and_small() -> None:
    """Each hash matches, no stray file lies there, and everything together stays within 10 MiB."""
    expected = {INDEX, SCENES}
    for name, origin in ORIGINS.items():
        for kind, path in generate.files(name).items():
            expected.add(DATA / path)
            assert hashlib.sha256((DATA / path).read_bytes()).hexdigest() == origin["sha256"][kind], path
    present = {path for path in DATA.rglob("*") if path.is_file()}
    assert present - expected == set()
    assert sum(path.stat().st_size for path in present) <= 10 * 2**20


@pytest.mark.parametrize("name", ENTRIES)
def test_images_have_depth_in_range(name: str) -> None:
    """16-bit depth of the picture's size, within the stated range, mostly valid; the picture is not flat."""
    entry = ENTRIES[name]
    assert entry.rgb is not None
    assert entry.depth is not None
    with Image.open(DATA / entry.rgb) as rgb, Image.open(DATA / entry.depth) as stored:
        assert (rgb.mode, stored.mode) == ("RGB", "I;16")
        assert list(rgb.size) == list(stored.size) == ORIGINS[name]["camera"]["size"]
        assert np.asarray(rgb).std() > 20
    values = depth(name)
    assert values.max() <= (entry.max_m or 0)
    assert values[values > 0].min() > 0.5
    assert (values > 0).mean() > 0.5


@pytest.mark.parametrize("name", ENTRIES)
def test_intrinsics_follow_from_field_of_view_and_size(name: str) -> None:
    """Focal lengths: fx = fy = w / (2 tan(hfov / 2)); the principal point is the image centre plus the shift."""
    camera, (fx, fy, cx, cy) = ORIGINS[name]["camera"], ENTRIES[name].K or (0, 0, 0, 0)
    width, height = camera["size"]
    focal = width / (2 * math.tan(math.radians(camera["hfov_deg"]) / 2))
    shift = camera["principal_point_shift_px"]
    assert (fx, fy) == pytest.approx((focal, focal), abs=1e-5)
    assert (cx, cy) == pytest.approx(((width - 1) / 2 + shift[0], (height - 1) / 2 + shift[1]), abs=1e-5)


@pytest.mark.parametrize("name", ENTRIES)
def test_ground_lies_at_its_analytic_planar_depth(name: str) -> None:
    """Floor pixels have the depth of the plane z = 0 of the recorded camera, along the axis and not along the ray."""
    entry, values, plane = ENTRIES[name], depth(name), ground_depth(name)
    step = entry.scale or 0
    near = (plane < 0.5 * (entry.max_m or 0)) & (values > 0)
    assert (values[near] <= plane[near] * (1 + 1e-4) + step).all(), "something lies below the ground"
    u, v = grid(name)
    fx, fy, cx, cy = entry.K or (1, 1, 0, 0)
    length = np.sqrt(1 + ((u - cx) / fx) ** 2 + ((v - cy) / fy) ** 2)
    oblique = near & (length > 1.03)
    tolerance = 0.51 * step + 2e-5 * plane
    planar = (np.abs(values - plane) <= tolerance)[oblique].sum()
    along_ray = (np.abs(values - plane * length) <= tolerance)[oblique].sum()
    assert planar >= 100
    assert along_ray < 0.05 * planar


@pytest.mark.parametrize("name", RECAST)
def test_depth_is_that_of_an_independent_ray_caster(name: str) -> None:
    """At random pixels the stored depth, and its validity, are those of exact ray-triangle tests on the scene."""
    entry, values, caster = ENTRIES[name], depth(name), Caster(scene(name))
    rng = np.random.default_rng(5)
    rows, columns = (rng.integers(0, size, 40) for size in values.shape)
    wrong = [
        (int(u), int(v))
        for u, v in zip(columns, rows, strict=True)
        if not agrees(caster, int(u), int(v), float(values[v, u]), entry.max_m or 0, entry.scale or 0)
    ]
    assert wrong == []


def test_sky_panes_and_mirrors_are_invalid() -> None:
    """Where a ray meets nothing, a window pane or a mirror, the depth is 0, and all of these occur."""
    seen = {"sky": 0, "refused": 0}
    for name in RECAST:
        values, caster = depth(name), Caster(scene(name))
        holes = np.argwhere(values == 0)[::97][:12]
        for v, u in holes:
            truth, refused = caster.cast(float(u), float(v))
            seen["sky"] += truth == math.inf
            seen["refused"] += refused
    assert seen["sky"] > 20
    assert seen["refused"] > 10
    assert (depth("outdoor/town-1")[0] == 0).any()


@pytest.mark.parametrize("name", RECAST)
def test_descriptions_are_deterministic(name: str) -> None:
    """The same id gives the scene that was rendered, without the renderer; another id gives another one."""
    assert describe(name).fingerprint() == ORIGINS[name]["scene_sha256"]
    assert ORIGINS[name]["scene_sha256"] != ORIGINS[name[:-1] + "2"]["scene_sha256"]


def test_every_scene_is_another_one() -> None:
    """No two images show the same scene, and none of train is in test."""
    assert len({origin["scene_sha256"] for origin in ORIGINS.values()}) == 56
    assert len({origin["sha256"]["rgb"] for origin in ORIGINS.values()}) == 56


def test_stored_depth_marks_what_is_invalid() -> None:
    """Sky, refused surfaces and depths beyond the range become 0; the rest is rounded to the scale."""
    metres = np.array([[0.0, 1.2344, 10.0, 10.01, 3.0]])
    refused = np.array([[False, False, False, False, True]])
    assert generate.stored(metres, refused, "indoor").tolist() == [[0, 1234, 10000, 0, 0]]


def test_unknown_image_is_refused(tmp_path: Path) -> None:
    """`--only` with an id out of the plan ends with a sentence, nothing written."""
    result = CliRunner().invoke(generate.main, ["--out", str(tmp_path / "out"), "--only", "indoor/cellar-1"])
    assert result.exit_code == 2
    assert "no such image: indoor/cellar-1" in result.output
    assert not (tmp_path / "out").exists()


def test_index_needs_every_image(tmp_path: Path) -> None:
    """An index is not written over an incomplete folder; all missing files are named."""
    with pytest.raises(generate.click.ClickException) as caught:
        generate.write_index(tmp_path)
    assert "indoor/living-1.png" in caught.value.message
    assert "outdoor/square-4-depth.png" in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_missing_renderer_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Mitsuba the command says what to install."""
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    result = CliRunner().invoke(generate.main, ["--out", str(tmp_path), "--only", "indoor/corridor-1"])
    assert result.exit_code == 1
    assert "pip install 'fathom-depth[scenes]'" in result.output


def test_exposure_is_monotonous_and_bounded() -> None:
    """The exposure keeps values in 0..1 and in order, whatever the light."""
    light = np.linspace(0, 1e4, 300).reshape(10, 10, 3)
    shown = render._expose(light)
    assert (shown >= 0).all()
    assert (shown <= 1).all()
    assert (np.diff(shown.ravel()) >= 0).all()


def test_rendering_gives_the_committed_depth(tmp_path: Path) -> None:
    """Where the renderer is installed, rendering a scene again gives its depth, to one step at all but outlines."""
    if not all(map(importlib.util.find_spec, ("mitsuba", "oidn"))):
        pytest.skip("the renderer is not installed (extra `scenes`)")
    code = (
        "from runners.datasets.procedural import generate as g; from runners.datasets.procedural.render import render;"
        "from PIL import Image; import pathlib; s = g.describe('indoor/corridor-1'); f = render(s, 1);"
        f"g.save(Image.fromarray(g.stored(f.depth, f.refused, 'indoor')), pathlib.Path({str(tmp_path / 'd.png')!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    again = np.asarray(Image.open(tmp_path / "d.png"), dtype=int)
    committed = np.asarray(Image.open(DATA / "indoor/corridor-1-depth.png"), dtype=int)
    assert (np.abs(again - committed) <= 1).mean() > 0.999
