"""Indoor scenes: one function for each kind of room, varied by its dice."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from runners.datasets.procedural import furniture as f
from runners.datasets.procedural import geometry as g
from runners.datasets.procedural.scene import Camera, Dice, Material, Scene

WIDTH, HEIGHT = 320, 240

PAINTS = ("e6dfd0", "c9d6d3", "d8c3a5", "b8c4d6", "e8d8d8", "a9b8a0", "d9d9d4", "c7a58f", "8fa3b0")
WALLPAPERS = (
    ("damask", ("c8b99a", "a8946e")),
    ("stripes", ("d9d3c3", "b9c2bd")),
    ("damask", ("94a7b3", "b7c5cc")),
    ("stripes", ("dccbb5", "c79f86")),
)
BOARDS = Material("planks", ("b98a5a", "8f6238"), 1.6, 0.35)
FLOORS = (
    BOARDS,
    Material("planks", ("8c6a4f", "5e4330"), 1.6, 0.4),
    Material("planks", ("d3b48c", "b8956a"), 1.6, 0.4),
    Material("herringbone", ("b7824e", "8a5a31"), 1.5, 0.35),
    Material("carpet", ("8f8a80", "6b665e"), 1.2, 1.0),
    Material("carpet", ("5d6b7c", "465263"), 1.2, 1.0),
)
TILED = (
    Material("tiles", ("d8d4c8", "c2bcae", "8b867c"), 1.6, 0.25),
    Material("checker", ("e6e2d8", "2c2f33"), 1.6, 0.2),
    Material("tiles", ("a86f4f", "8f5a3e", "c9bba8"), 1.4, 0.4),
    Material("marble", ("e4e1da", "8f8c86"), 2.4, 0.15),
)
SKIRTING = Material("plaster", ("efece6",), 1.0, 0.5)
CEILING = Material("plaster", ("f4f2ec",), 2.0, 0.95)


@dataclasses.dataclass(frozen=True)
class Room:
    """Inner size in metres: x from -width/2 to width/2, y from 0 to depth, z from 0 to height."""

    width: float
    depth: float
    height: float

    def side(self, name: str) -> tuple[float, float, float, float]:
        """Start x, y, yaw and length of a wall; along it runs its own x, and it looks into the room at -y."""
        half = self.width / 2
        return {
            "far": (-half, self.depth, 0.0, self.width),
            "left": (-half, 0.0, 90.0, self.depth),
            "right": (half, self.depth, -90.0, self.depth),
            "near": (half, 0.0, 180.0, self.width),
        }[name]

    def along(self, name: str, distance: float, off: float = 0.0) -> f.Place:
        """The place at `distance` along a wall and `off` metres in front of it, looking into the room."""
        x, y, yaw, _ = self.side(name)
        cos, sin = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
        return x + distance * cos + off * sin, y + distance * sin - off * cos, yaw


@dataclasses.dataclass(frozen=True)
class Window:
    """An opening in a wall: centre along it, width, sill and head in metres."""

    side: str
    centre: float
    width: float = 1.4
    sill: float = 0.85
    head: float = 2.1
    glow: float = 7.0
    curtains: bool = True


def shell(
    scene: Scene,
    dice: Dice,
    room: Room,
    wall: Material,
    ground: Material,
    windows: Sequence[Window],
    doors: Sequence[tuple[str, float]] = (),
) -> None:
    """Floor, ceiling, walls with their openings, skirting boards."""
    half = room.width / 2
    scene.add(ground, g.floor(-half, half, 0, room.depth))
    top = g.floor(-half, half, 0, room.depth, room.height)
    scene.add(CEILING, g.Mesh(top.vertices, top.faces[:, ::-1].copy(), top.uv))
    for name in ("far", "left", "right", "near"):
        x, y, yaw, length = room.side(name)
        here = [w for w in windows if w.side == name]
        holes = [(w.centre - w.width / 2, w.centre + w.width / 2, w.sill, w.head) for w in here]
        scene.add(wall, g.wall(length, room.height, holes).at(x, y, 0, yaw))
        scene.add(SKIRTING, g.box(length, 0.02, 0.1).at(length / 2, -0.01).at(x, y, 0, yaw))
        scene.add(SKIRTING, g.box(length, 0.05, 0.06).at(length / 2, -0.025, room.height - 0.06).at(x, y, 0, yaw))
    for window in windows:
        _window(scene, dice, room, window)
    for side, distance in doors:
        _door(scene, dice, room.along(side, distance))


def _window(scene: Scene, dice: Dice, room: Room, window: Window) -> None:
    place = room.along(window.side, window.centre)
    width, tall, deep = window.width, window.head - window.sill, 0.22
    reveal = [g.box(width, deep, 0.02).at(0, deep / 2, z) for z in (-0.02, tall)]
    reveal += [g.box(0.02, deep, tall).at(s * (width / 2 + 0.01), deep / 2) for s in (-1, 1)]
    bars = [g.box(0.05, 0.05, tall).at(x, deep - 0.06) for x in (-width / 2 + 0.025, 0, width / 2 - 0.025)]
    bars += [g.box(width, 0.05, 0.05).at(0, deep - 0.06, z) for z in (0, tall * 0.62, tall - 0.05)]
    sill = g.box(width + 0.16, 0.2, 0.03).at(0, -0.06, -0.03)
    f.put(scene, SKIRTING, [*reveal, *bars, sill], place, window.sill)
    outside = Material(
        "view", ("7fb2e0", "4d6b3c", "7fa05a"), 1.0, 1.0, 0.7 * window.glow, "pane", seed=dice.count(0, 99)
    )
    f.put(scene, outside, [g.panel(width, tall).at(0, deep - 0.02)], place, window.sill)
    if window.curtains:
        _curtains(scene, dice, window, place)


def _curtains(scene: Scene, dice: Dice, window: Window, place: f.Place) -> None:
    low, high = (0.05, window.head + 0.18) if dice.chance(0.6) else (window.sill - 0.15, window.head + 0.18)
    material = f.cloth(dice)
    for side in (-1, 1):
        f.put(scene, material, [_folds(0.42, high - low).at(side * (window.width / 2 + 0.12), -0.09, low)], place)
    f.put(
        scene,
        f.BLACK,
        [g.rod((-window.width / 2 - 0.45, -0.09, high), (window.width / 2 + 0.45, -0.09, high), 0.014)],
        place,
    )


def _folds(width: float, height: float) -> g.Mesh:
    def shape(u: g.Array, v: g.Array) -> Sequence[g.Array]:
        return (u - 0.5) * width, 0.035 * np.sin(u * math.tau * 5), v * height, u * width * 2, v * height

    return g.surface(shape, 60, 1)


def _door(scene: Scene, dice: Dice, place: f.Place) -> None:
    material = dice.pick((f.timber(dice), SKIRTING, SKIRTING))
    fields = [g.box(0.6, 0.02, tall).at(0, -0.045, z) for z, tall in ((0.2, 0.7), (1.05, 0.8))]
    f.put(scene, material, [g.box(0.86, 0.04, 2.02).at(0, -0.02), *fields], place)
    frame = [g.box(0.1, 0.07, 2.12).at(s * 0.48, -0.03) for s in (-1, 1)]
    f.put(scene, SKIRTING, [*frame, g.box(1.06, 0.07, 0.1).at(0, -0.03, 2.02)], place)
    f.put(
        scene,
        f.CHROME,
        [g.rod((0.33, -0.1, 1.03), (0.2, -0.1, 1.03), 0.012), g.box(0.05, 0.06, 0.05).at(0.34, -0.07, 1.0)],
        place,
    )


def _camera(dice: Dice, room: Room, x: float, y: float, yaw: float, height: float = 1.45, pitch: float = 8.0) -> Camera:
    position = (x + dice.between(-0.12, 0.12), y + dice.between(0, 0.1), height + dice.between(-0.15, 0.15))
    return Camera(
        WIDTH,
        HEIGHT,
        round(dice.between(58, 76), 2),
        position,
        yaw + dice.between(-4, 4),
        pitch + dice.between(-4, 5),
        dice.between(-1.2, 1.2),
        (round(dice.between(-6, 6), 1), round(dice.between(-5, 5), 1)),
    )


def _start(name: str, dice: Dice, camera: Camera) -> Scene:
    return Scene(name, "indoor", camera)


def _wallpaper(dice: Dice) -> Material:
    if dice.chance(0.45):
        pattern, colours = dice.pick(WALLPAPERS)
        return Material(pattern, colours, 1.3, 0.9)
    return Material("plaster", (dice.pick(PAINTS),), 2.0, 0.9)


def _rug(scene: Scene, dice: Dice, size: tuple[float, float], place: f.Place) -> None:
    colours = tuple(dice.pick(f.CLOTHS) for _ in range(3))
    rug = g.floor(-size[0] / 2, size[0] / 2, -size[1] / 2, size[1] / 2, 0.008, unit=True)
    f.put(scene, Material("rug", colours, 1.0, 1.0, seed=dice.count(0, 99)), [rug], place)


def living(name: str, dice: Dice) -> Scene:
    """A living room: sofa, low table, bookcase, television board."""
    room = Room(dice.between(4.2, 5.4), dice.between(4.8, 6.2), dice.between(2.5, 2.9))
    side, other = ("left", "right") if dice.chance(0.5) else ("right", "left")
    sign = -1 if side == "left" else 1
    scene = _start(name, dice, _camera(dice, room, -sign * 0.9, 0.35, sign * 10.0))
    windows = [Window("far", room.width * dice.between(0.4, 0.6), dice.between(1.4, 2.1), 0.8)]
    windows += [Window(other, room.depth * 0.3, 1.3, glow=10.0)]
    shell(
        scene,
        dice,
        room,
        _wallpaper(dice),
        dice.pick(FLOORS),
        windows,
        [(other, room.depth * (0.8 if other == "left" else 0.2))],
    )
    middle = room.depth * 0.55
    at = middle if side == "left" else room.depth - middle
    f.sofa(scene, dice, f.cloth(dice), dice.between(1.9, 2.4), room.along(side, at, 0.5))
    x = sign * (room.width / 2 - 1.55)
    _rug(scene, dice, (1.7, 2.4), (x, middle, 0))
    wood = f.timber(dice)
    f.table(scene, wood, (0.6, 1.1, 0.42), (x, middle, 0))
    f.clutter(scene, dice, (0.6, 1.1), 5, (x, middle, 0), 0.42)
    f.bookcase(scene, dice, wood, (0.9, 1.95, 5), (sign * (room.width / 2 - 0.55), room.depth - 0.17, 0))
    f.cabinet(scene, wood, (1.5, 0.42, 0.45), (3, 1), room.along(other, room.depth * 0.55, 0.22))
    f.television(scene, 1.15, room.along(other, room.depth * 0.55, 0.2), 0.5)
    f.lamp(scene, dice, 1.5, (sign * (room.width / 2 - 0.4), middle - 1.6, 0))
    f.plant(scene, dice, dice.between(0.7, 1.1), (-sign * (room.width / 2 - 0.45), room.depth - 0.45, 0))
    for offset in (-0.55, 0.55):
        f.framed(scene, dice, (0.5, dice.between(0.4, 0.7)), room.along(side, at + offset, 0.02), 1.35)
    f.sofa(scene, dice, f.cloth(dice), 0.95, (x - sign * 1.35, middle + 0.9, -sign * 50.0 + 0.0))
    f.pendant(scene, room.height, 0.55, (0, room.depth * 0.5, 0))
    return scene


def bedroom(name: str, dice: Dice) -> Scene:
    """A bedroom: bed, bedside tables with lamps, wardrobe, mirror."""
    room = Room(dice.between(3.6, 4.6), dice.between(4.2, 5.0), dice.between(2.4, 2.7))
    sign = 1 if dice.chance(0.5) else -1
    scene = _start(name, dice, _camera(dice, room, -sign * 0.8, 0.3, sign * 8.0, 1.5, 12.0))
    light, dark = ("left", "right") if sign > 0 else ("right", "left")
    windows = [Window(light, room.depth * 0.5, dice.between(1.3, 1.9), 0.7, 2.1, 11.0)]
    shell(scene, dice, room, _wallpaper(dice), dice.pick(FLOORS), windows)
    wood, x = f.timber(dice), sign * 0.25
    f.bed(scene, dice, wood, dice.between(1.4, 1.7), (x, room.depth - 1.15, 0))
    for side in (-1, 1):
        f.cabinet(scene, wood, (0.45, 0.38, 0.5), (1, 2), (x + side * 1.2, room.depth - 0.22, 0))
        f.lamp(scene, dice, 0.42, (x + side * 1.2, room.depth - 0.22, 0), 0.5)
        f.framed(scene, dice, (0.55, 0.42), (x + side * 0.45, room.depth - 0.02, 0), 1.45)
    depth = 0.58
    f.cabinet(
        scene, dice.pick((wood, f.WHITE)), (1.5, depth, 2.05), (3, 1), room.along(dark, room.depth * 0.42, depth / 2)
    )
    _rug(scene, dice, (2.2, 1.5), (x - sign * 0.2, room.depth - 2.6, 0))
    if dice.chance(0.7):
        f.mirror(
            scene, dice, (0.5, 1.5), room.along(light, room.depth * (0.86 if light == "left" else 0.14), 0.02), 0.3
        )
    f.chair(scene, wood, f.cloth(dice), (-sign * (room.width / 2 - 0.4), 2.0, sign * 75.0))
    f.pendant(scene, room.height, 0.4, (0, room.depth * 0.45, 0), 10.0)
    return scene


def kitchen(name: str, dice: Dice) -> Scene:
    """A kitchen: a row of cupboards with a worktop, wall cupboards, a hood, a table with chairs."""
    room = Room(dice.between(3.4, 4.4), dice.between(4.0, 5.2), dice.between(2.45, 2.7))
    sign = 1 if dice.chance(0.5) else -1
    scene = _start(name, dice, _camera(dice, room, -sign * 0.7, 0.3, sign * 6.0, 1.5, 9.0))
    window_side = "left" if sign > 0 else "right"
    windows = [Window("far", room.width * (0.34 if sign > 0 else 0.66), 1.2, 1.1, 2.0, 8.0, False)]
    windows += [Window(window_side, room.depth * 0.45, 1.4, glow=9.0)]
    shell(scene, dice, room, Material("plaster", (dice.pick(PAINTS),), 2.0, 0.8), dice.pick(TILED), windows)
    front = dice.pick(
        (f.WHITE, f.timber(dice), Material("metal", (dice.pick(("6f8f8a", "34506b", "a8b59a")),), 1.0, 0.4))
    )
    side = "right" if sign > 0 else "left"
    length = room.depth - 0.9
    at = (length / 2 + 0.05) if side == "right" else room.depth - length / 2 - 0.05
    row = room.along(side, at, 0.31)
    f.cabinet(scene, front, (length, 0.58, 0.86), (round(length / 0.6), 1), row)
    f.put(scene, Material("marble", ("55524d", "26262a"), 1.2, 0.15), [g.box(length + 0.02, 0.62, 0.04)], row, 0.86)
    splash = Material("tiles", ("dfe6e4", "c3d0cd", "a3aaa8"), 0.6, 0.15)
    f.put(scene, splash, [g.panel(length, 0.55, unit=False)], room.along(side, at, 0.012), 0.9)
    for shift, columns in ((-length * 0.3, 3), (length * 0.32, 2)):
        x, y, yaw = room.along(side, at + shift, 0.18)
        f.cabinet(scene, front, (columns * 0.5, 0.34, 0.7), (columns, 1), (x, y, yaw), 1.45)
    _hob(scene, room.along(side, at, 0.31))
    f.cabinet(
        scene, f.CHROME, (0.7, 0.64, 1.85), (1, 2), (sign * (room.width / 2 - 0.4) - sign * 0.75, room.depth - 0.34, 0)
    )
    f.clutter(scene, dice, (length, 0.4), 9, row, 0.9)
    x, y, wood = -sign * (room.width / 2 - 1.0), room.depth * 0.58, f.timber(dice)
    f.table(scene, wood, (0.8, 1.3, 0.74), (x, y, 0))
    f.clutter(scene, dice, (0.8, 1.3), 5, (x, y, 0), 0.74)
    for cx, cy, yaw in (
        (x + sign * 0.62, y - 0.3, 90),
        (x + sign * 0.66, y + 0.35, 80),
        (x, y + 0.9, 0),
        (x, y - 0.9, 180),
    ):
        f.chair(scene, wood, f.cloth(dice), (cx, cy, yaw * sign))
    f.pendant(scene, room.height, 0.75, (x, y, 0), 16.0)
    f.panel_light(scene, room.height, (0.5, 0.5), (sign * 0.5, room.depth * 0.5, 0), 6.0)
    return scene


def _hob(scene: Scene, place: f.Place) -> None:
    rings = [g.cylinder(0.09, 0.004).at(x, y, 0.006) for x in (-0.14, 0.14) for y in (-0.12, 0.12)]
    f.put(scene, f.BLACK, [g.box(0.56, 0.5, 0.006), *rings], place, 0.9)
    hood = g.lathe([(0.36, 1.62), (0.36, 1.68), (0.12, 1.9), (0.12, 2.6)], 4).at(0, 0.05, 0, 45)
    f.put(scene, f.CHROME, [hood], place)
    pot = g.lathe([(0, 0), (0.1, 0), (0.1, 0.13), (0.095, 0.13), (0, 0.12)])
    f.put(scene, Material("metal", ("b4412e",), 0.5, 0.3), [pot.at(-0.14, 0.12, 0.01)], place, 0.9)


def office(name: str, dice: Dice) -> Scene:
    """An office: rows of desks with displays, swivel chairs, cabinets, light panels."""
    room = Room(dice.between(5.0, 6.6), dice.between(6.0, 8.0), dice.between(2.7, 3.0))
    scene = _start(name, dice, _camera(dice, room, dice.between(-0.8, 0.8), 0.4, 0, 1.55, 8.0))
    windows = [Window("left", room.depth * share, 1.5, 0.9, 2.3, 8.0, False) for share in (0.25, 0.5, 0.75)]
    ground = dice.pick((*FLOORS[4:], TILED[0]))
    shell(
        scene,
        dice,
        room,
        Material("plaster", (dice.pick(PAINTS),), 2.0, 0.9),
        ground,
        windows,
        [("far", room.width * 0.8)],
    )
    wood, seat = f.timber(dice), f.cloth(dice)
    for column in (-1, 1):
        for y in np.arange(2.1, room.depth - 0.9, 1.75):
            _desk(scene, dice, wood, seat, (column * (room.width / 2 - 1.2), float(y), -90.0 * column))
    for i in range(3):
        f.cabinet(scene, f.WHITE, (0.8, 0.4, 1.3), (1, 4), (-room.width / 2 + 0.6 + 0.82 * i, room.depth - 0.22, 0))
    f.clutter(scene, dice, (2.2, 0.3), 7, (-room.width / 2 + 1.4, room.depth - 0.22, 0), 1.3)
    f.framed(scene, dice, (1.1, 0.7), (0.3, room.depth - 0.02, 0), 1.5)
    f.plant(scene, dice, 1.1, (room.width / 2 - 0.35, room.depth - 0.4, 0))
    for y in np.arange(1.5, room.depth, 2.4):
        f.panel_light(scene, room.height, (0.3, 1.4), (-1.1, float(y), 0), 9.0)
        f.panel_light(scene, room.height, (0.3, 1.4), (1.1, float(y), 0), 9.0)
    return scene


def _desk(scene: Scene, dice: Dice, wood: Material, seat: Material, place: f.Place) -> None:
    cos, sin = math.cos(math.radians(place[2])), math.sin(math.radians(place[2]))

    def near(x: float, y: float, turn: float = 0.0) -> f.Place:
        return place[0] + x * cos - y * sin, place[1] + x * sin + y * cos, place[2] + turn

    f.table(scene, wood, (1.5, 0.75, 0.73), place)
    f.monitor(scene, dice, 0.56, near(dice.between(-0.2, 0.3), 0.16, dice.between(-15, 15)), 0.73)
    f.put(scene, f.BLACK, [g.box(0.42, 0.14, 0.02).at(0, -0.15)], place, 0.73)
    f.clutter(scene, dice, (1.5, 0.6), 3, place, 0.73)
    f.cabinet(scene, f.WHITE, (0.4, 0.55, 0.6), (1, 3), near(0.5, 0))
    f.office_chair(scene, seat, near(dice.between(-0.2, 0.2), -0.75, dice.between(140, 220)))


def corridor(name: str, dice: Dice) -> Scene:
    """A long corridor with doors on both sides."""
    room = Room(dice.between(1.9, 2.6), dice.between(9.0, 13.0), dice.between(2.5, 2.9))
    scene = _start(name, dice, _camera(dice, room, dice.between(-0.3, 0.3), 0.3, 0, 1.5, 4.0))
    doors = [
        (side, float(d))
        for side, start in (("left", 2.0), ("right", 1.2))
        for d in np.arange(start, room.depth - 0.8, 2.6)
    ]
    shell(
        scene,
        dice,
        room,
        _wallpaper(dice),
        dice.pick(FLOORS + TILED),
        [Window("far", room.width / 2, 1.1, 0.5, 2.2, 6.0, False)],
        doors,
    )
    dado = Material("wood", dice.pick(f.WOODS), 1.2, 0.5)
    for side in ("left", "right"):
        f.put(scene, dado, [g.box(room.depth, 0.03, 0.08)], room.along(side, room.depth / 2, 0.01), 0.95)
    for y in np.arange(1.6, room.depth, 2.6):
        f.panel_light(scene, room.height, (0.6, 0.3), (0, float(y), 0), 12.0)
        f.framed(scene, dice, (0.5, 0.6), room.along("left", float(y) + 1.7, 0.02), 1.3)
        f.framed(scene, dice, (0.6, 0.45), room.along("right", float(y) + 0.9, 0.02), 1.35)
    f.plant(scene, dice, 0.9, (room.width / 2 - 0.3, room.depth * 0.45, 0))
    f.chair(scene, f.timber(dice), f.cloth(dice), (-room.width / 2 + 0.3, room.depth * 0.36, 90))
    f.chair(scene, f.timber(dice), f.cloth(dice), (-room.width / 2 + 0.3, room.depth * 0.36 + 0.6, 90))
    return scene


def classroom(name: str, dice: Dice) -> Scene:
    """A classroom: rows of tables, a board, windows on one side."""
    room = Room(dice.between(6.0, 7.2), dice.between(7.0, 8.6), dice.between(2.9, 3.2))
    scene = _start(name, dice, _camera(dice, room, dice.between(-1.6, 1.6), 0.4, 0, 1.65, 10.0))
    windows = [Window("right", room.depth * share, 1.6, 0.9, 2.5, 8.0, False) for share in (0.2, 0.45, 0.7)]
    shell(
        scene,
        dice,
        room,
        Material("plaster", (dice.pick(PAINTS),), 2.0, 0.9),
        dice.pick(FLOORS[:3] + TILED[:1]),
        windows,
        [("left", 1.2)],
    )
    wood, frame = f.timber(dice), f.timber(dice)
    for x in (-2.0, 0.0, 2.0):
        for y in np.arange(1.9, room.depth - 2.0, 1.35):
            place = (x + dice.between(-0.08, 0.08), float(y), dice.between(-4, 4))
            f.table(scene, wood, (1.2, 0.55, 0.72), place)
            for shift in (-0.3, 0.3):
                f.chair(scene, frame, frame, (place[0] + shift, place[1] - 0.45, 180 + dice.between(-25, 25)))
            f.clutter(scene, dice, (1.2, 0.5), dice.count(0, 3), place, 0.72)
    chalk = Material("board", (dice.pick(("24443a", "2b2f36")), "e8e8e0"), 1.0, 0.8, seed=dice.count(0, 9))
    f.put(scene, chalk, [g.panel(3.2, 1.2)], (0, room.depth - 0.03, 0), 0.95)
    edges = [g.box(3.3, 0.05, 0.05).at(z=z) for z in (0.9, 2.15)] + [
        g.box(0.05, 0.05, 1.3).at(s * 1.63, 0, 0.9) for s in (-1, 1)
    ]
    f.put(scene, frame, edges, (0, room.depth - 0.03, 0))
    f.table(scene, wood, (1.5, 0.7, 0.76), (-1.2, room.depth - 1.2, 0))
    f.bookcase(scene, dice, frame, (1.0, 1.2, 3), (room.width / 2 - 0.6, room.depth - 0.17, 0))
    for y in np.arange(1.5, room.depth, 2.2):
        for x in (-1.6, 1.6):
            f.panel_light(scene, room.height, (1.3, 0.25), (x, float(y), 0), 8.0)
    for i in range(3):
        f.framed(scene, dice, (0.6, 0.8), room.along("left", 2.6 + 1.5 * i, 0.02), 1.3)
    return scene


def library(name: str, dice: Dice) -> Scene:
    """A library: rows of bookcases, reading tables."""
    room = Room(dice.between(5.0, 6.4), dice.between(7.0, 9.0), dice.between(2.9, 3.3))
    scene = _start(name, dice, _camera(dice, room, dice.between(-0.4, 0.4), 0.4, dice.between(-6, 6), 1.55, 6.0))
    windows = [Window("far", room.width / 2, 1.5, 0.9, 2.5, 8.0, dice.chance(0.5))]
    shell(scene, dice, room, _wallpaper(dice), dice.pick(FLOORS), windows)
    wood = f.timber(dice)
    for side in ("left", "right"):
        for d in np.arange(0.65, room.depth - 0.4, 1.05):
            f.bookcase(scene, dice, wood, (1.02, 2.25, 6), room.along(side, float(d), 0.17))
    for y in np.arange(2.6, room.depth - 1.0, 2.2):
        f.table(scene, wood, (1.5, 0.8, 0.75), (0, float(y), 0))
        f.lamp(scene, dice, 0.4, (dice.between(-0.4, 0.4), float(y), 0), 0.75)
        f.clutter(scene, dice, (1.5, 0.8), 4, (0, float(y), 0), 0.75)
        for x in (-0.4, 0.4):
            f.chair(scene, wood, f.cloth(dice), (x, float(y) - 0.62, 180 + dice.between(-20, 20)))
        f.pendant(scene, room.height, 0.8, (0, float(y), 0), 15.0)
    return scene


def bathroom(name: str, dice: Dice) -> Scene:
    """A bathroom: tub, basin under a mirror, toilet."""
    room = Room(dice.between(2.6, 3.2), dice.between(3.2, 4.0), dice.between(2.4, 2.6))
    sign = 1 if dice.chance(0.5) else -1
    scene = _start(name, dice, _camera(dice, room, sign * 0.5, 0.15, -sign * 15.0, 1.5, 13.0))
    wall = Material(
        "tiles",
        dice.pick((("cfe0e3", "b5cdd2", "f0f0ec"), ("e3ded2", "cdc5b4", "a79f90"), ("a9c2a9", "8fae92", "e8e8e0"))),
        0.8,
        0.2,
    )
    windows = [Window("far", room.width * (0.3 if sign > 0 else 0.7), 0.8, 1.2, 2.0, 9.0, False)]
    shell(scene, dice, room, wall, dice.pick(TILED), windows)
    side, other = ("right", "left") if sign > 0 else ("left", "right")
    tub = [g.box(0.75, 1.65, 0.08), g.cushion(0.75, 1.65, 0.58, 0.12)]
    f.put(scene, f.CERAMIC, tub, (sign * (room.width / 2 - 0.4), room.depth - 0.88, 0))
    water = g.cushion(0.6, 1.45, 0.02, 0.2).at(z=0.572)
    f.put(
        scene,
        Material("plaster", ("b9cdd4",), 1.0, 0.1),
        [water],
        (sign * (room.width / 2 - 0.4), room.depth - 0.88, 0),
    )
    at = room.depth * 0.5
    basin = room.along(other, at, 0.25)
    f.cabinet(scene, f.timber(dice), (0.9, 0.45, 0.7), (2, 1), basin)
    bowl = g.lathe([(0.1, 0), (0.22, 0.13), (0.2, 0.13), (0.08, 0.03), (0, 0.02)], 32)
    f.put(scene, f.CERAMIC, [g.box(0.94, 0.48, 0.04), bowl.at(z=0.04)], basin, 0.7)
    f.put(
        scene,
        f.CHROME,
        [g.rod((0, 0.18, 0.74), (0, 0.18, 1.0), 0.014), g.rod((0, 0.18, 1.0), (0, 0.05, 0.98), 0.012)],
        basin,
    )
    f.mirror(scene, dice, (0.85, 0.9), room.along(other, at, 0.02), 1.1)
    x = -sign * (room.width / 2 - 0.55)
    seat = [
        g.cushion(0.38, 0.54, 0.4, 0.5),
        g.cushion(0.4, 0.56, 0.05, 0.6).at(z=0.39),
        g.box(0.4, 0.18, 0.42).at(0, 0.3, 0.38),
    ]
    f.put(scene, f.CERAMIC, seat, (x, room.depth - 0.42, 0))
    _rug(scene, dice, (0.8, 1.1), (0, room.depth * 0.55, 0))
    towels = [g.cushion(0.45, 0.06, 0.7, 0.3, 10)]
    f.put(scene, f.cloth(dice), towels, room.along(side, room.depth * 0.3, 0.05), 0.9)
    f.plant(scene, dice, 0.4, (sign * (room.width / 2 - 0.25), room.depth - 1.9, 0), 0.0)
    f.panel_light(scene, room.height, (0.5, 0.5), (0, room.depth * 0.5, 0), 10.0)
    return scene


def dining(name: str, dice: Dice) -> Scene:
    """A dining room: a round or long table, chairs, a sideboard, pictures."""
    room = Room(dice.between(4.0, 5.0), dice.between(4.8, 6.0), dice.between(2.6, 3.0))
    scene = _start(name, dice, _camera(dice, room, dice.between(-1, 1), 0.35, 0, 1.5, 10.0))
    windows = [Window("left", room.depth * 0.55, 1.6, 0.6, 2.2, 9.0)]
    if dice.chance(0.5):
        windows.append(Window("far", room.width * 0.25, 1.0, 0.6, 2.2))
    shell(scene, dice, room, _wallpaper(dice), dice.pick(FLOORS), windows, [("right", room.depth * 0.75)])
    wood, seat, y = f.timber(dice), f.cloth(dice), room.depth * 0.55
    _rug(scene, dice, (2.6, 2.2), (0, y, dice.between(-3, 3)))
    if dice.chance(0.5):
        f.round_table(scene, wood, 0.7, 0.75, (0, y, 0))
        spots = [
            (1.0 * math.sin(a), y - 1.0 * math.cos(a), 180 + math.degrees(a)) for a in np.arange(5) * math.tau / 5 + 0.5
        ]
        f.clutter(scene, dice, (0.9, 0.9), 7, (0, y, 0), 0.75)
    else:
        f.table(scene, wood, (1.8, 0.9, 0.75), (0, y, 0))
        spots = [(x, y + 0.7 * s, 0.0 if s > 0 else 180.0) for x in (-0.5, 0.5) for s in (-1, 1)]
        spots += [(-1.2, y, 90.0), (1.2, y, -90.0)]
        f.clutter(scene, dice, (1.7, 0.8), 9, (0, y, 0), 0.75)
    for x, cy, yaw in spots:
        f.chair(scene, wood, seat, (x, cy, yaw + dice.between(-8, 8)))
    f.cabinet(scene, wood, (1.6, 0.45, 0.9), (3, 2), (room.width * 0.12, room.depth - 0.24, 0))
    f.clutter(scene, dice, (1.5, 0.35), 5, (room.width * 0.12, room.depth - 0.24, 0), 0.9)
    f.framed(scene, dice, (1.1, 0.75), (room.width * 0.12, room.depth - 0.02, 0), 1.35)
    for d in (0.3, 0.5):
        f.framed(scene, dice, (0.5, 0.65), room.along("right", room.depth * d, 0.02), 1.25)
    f.plant(scene, dice, 1.0, (room.width / 2 - 0.4, room.depth - 0.4, 0))
    f.pendant(scene, room.height, 0.95, (0, y, 0), 18.0)
    return scene


def storeroom(name: str, dice: Dice) -> Scene:
    """A storeroom or workshop: racks with cartons, a workbench, barrels."""
    room = Room(dice.between(5.0, 6.5), dice.between(7.0, 9.2), dice.between(3.2, 3.8))
    scene = _start(name, dice, _camera(dice, room, dice.between(-0.5, 0.5), 0.4, dice.between(-8, 8), 1.6, 7.0))
    wall = dice.pick(
        (
            Material("brick", ("a4553c", "7f3d2c", "bdb4a6"), 1.3, 0.9),
            Material("concrete", ("a9a7a1",), 2.5, 0.9),
            Material("brick", ("d6d2c8", "c4bfb3", "9f9a90"), 1.6, 0.9),
        )
    )
    windows = [
        Window("right", room.depth * 0.7, 1.6, 1.7, 2.6, 9.0, False),
        Window("far", room.width * 0.7, 1.2, 1.5, 2.5, 8.0, False),
    ]
    shell(scene, dice, room, wall, Material("concrete", ("8f8d88",), 3.0, 0.5), windows, [("far", room.width * 0.3)])
    metal = Material("metal", (dice.pick(("2f5f9a", "c9542b", "5b6166")),), 1.0, 0.4)
    for side in ("left", "right"):
        for d in np.arange(1.6, room.depth - 1.2, 2.0):
            if side == "left" or d > room.depth * 0.35:
                _rack(scene, dice, metal, room.along(side, float(d) if side == "left" else room.depth - float(d), 0.35))
    f.table(scene, f.timber(dice), (0.7, 1.6, 0.9), (room.width / 2 - 0.45, 2.2, 0))
    f.clutter(scene, dice, (0.7, 1.5), 8, (room.width / 2 - 0.45, 2.2, 0), 0.9)
    barrel = g.lathe(
        [
            (0, 0),
            (0.29, 0),
            (0.29, 0.3),
            (0.305, 0.31),
            (0.29, 0.32),
            (0.29, 0.6),
            (0.305, 0.61),
            (0.29, 0.62),
            (0.29, 0.88),
            (0, 0.86),
        ]
    )
    for _ in range(4):
        place = (dice.between(-0.9, 1.3), dice.between(room.depth * 0.6, room.depth - 0.6), 0.0)
        f.put(scene, Material("metal", (dice.pick(f.BRIGHT),), 1.0, 0.4), [barrel], place)
    for _ in range(6):
        size = (dice.between(0.3, 0.6), dice.between(0.3, 0.5), dice.between(0.25, 0.5))
        f.carton(
            scene, dice, size, (dice.between(-0.9, 0.9), dice.between(3.0, room.depth * 0.58), dice.between(0, 90))
        )
    f.stool(scene, f.timber(dice), 0.6, (room.width / 2 - 1.2, 2.4, 0))
    for y in np.arange(1.5, room.depth, 2.5):
        f.panel_light(scene, room.height, (1.4, 0.2), (0, float(y), 0), 22.0)
    return scene


def _rack(scene: Scene, dice: Dice, metal: Material, place: f.Place) -> None:
    posts = [g.box(0.05, 0.05, 2.3).at(x, y) for x in (-0.93, 0.93) for y in (-0.27, 0.27)]
    levels = (0.15, 0.8, 1.45, 2.1)
    f.put(scene, metal, [*posts, *(g.box(1.9, 0.6, 0.04).at(z=z) for z in levels)], place)
    for level in levels:
        x = -0.85
        while x < 0.55:
            size = (dice.between(0.25, 0.5), dice.between(0.3, 0.5), dice.between(0.2, 0.5))
            if dice.chance(0.8):
                cos, sin = math.cos(math.radians(place[2])), math.sin(math.radians(place[2]))
                along = x + size[0] / 2
                f.carton(scene, dice, size, (place[0] + along * cos, place[1] + along * sin, place[2]), level + 0.04)
            x += size[0] + dice.between(0.02, 0.15)


RECIPES: dict[str, Callable[[str, Dice], Scene]] = {
    function.__name__: function
    for function in (living, bedroom, kitchen, office, corridor, classroom, library, bathroom, dining, storeroom)
}
