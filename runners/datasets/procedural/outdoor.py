"""Outdoor scenes: one function for each kind of place, varied by its dice. The ground is z = 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runners.datasets.procedural import geometry as g
from runners.datasets.procedural import street as s
from runners.datasets.procedural.furniture import BRIGHT, WHITE, Place, put
from runners.datasets.procedural.scene import Camera, Dice, Material, Scene, Sun

WIDTH, HEIGHT = 416, 160
FAR = 320.0


def _camera(dice: Dice, x: float, height: float = 1.65, yaw: float = 0.0, pitch: float = 0.5) -> Camera:
    return Camera(
        WIDTH,
        HEIGHT,
        round(dice.between(66, 90), 2),
        (x, 0.0, height + dice.between(-0.15, 0.2)),
        yaw + dice.between(-4, 4),
        pitch + dice.between(-1.5, 3.0),
        dice.between(-1.0, 1.0),
        (round(dice.between(-8, 8), 1), round(dice.between(-6, 6), 1)),
    )


def _sun(dice: Dice) -> Sun:
    side = dice.pick((-1, 1))
    kind = dice.pick(("clear", "clear", "fair", "fair", "low", "overcast", "hazy"))
    azimuth = side * dice.between(60, 160)
    return {
        "clear": Sun(azimuth, dice.between(32, 58), 3.5, 0.15, 2.5, 8000.0),
        "fair": Sun(azimuth, dice.between(28, 55), 2.8, 0.5, 3.0, 5000.0),
        "low": Sun(azimuth, dice.between(14, 22), 2.4, 0.35, 4.0, 2500.0),
        "overcast": Sun(azimuth, dice.between(35, 50), 0.0, 1.0, 5.0, 1500.0),
        "hazy": Sun(azimuth, dice.between(25, 45), 1.2, 0.6, 7.0, dice.between(500, 900)),
    }[kind]


def _start(name: str, dice: Dice, camera: Camera) -> Scene:
    return Scene(name, "outdoor", camera, _sun(dice))


def _verge(scene: Scene, dice: Dice, x0: float, x1: float) -> None:
    """Flat grass beside a road or square, with blades near the camera."""
    grass = s.lawn(dice)
    scene.add(grass, g.floor(x0, x1, -40, FAR))
    near = (max(x0, -9.0), min(x1, 9.0), 1.5, 16.0)
    if near[0] < near[1]:
        s.tufts(scene, dice, grass, near, 1500)


def town(name: str, dice: Dice) -> Scene:
    """A street between town buildings with parked cars, lamps, a crossing."""
    scene = _start(name, dice, _camera(dice, dice.between(-1.5, 1.8)))
    width = dice.between(6.5, 8.0)
    edge, walk = width / 2, dice.between(2.5, 4.0)
    start = dice.between(12, 24)
    s.road(scene, width, 0, -40, start)
    s.zebra(scene, width, 0, start, start + 4)
    s.road(scene, width, 0, start + 4, FAR)
    for side in (-1, 1):
        x0, x1 = sorted((side * edge, side * (edge + walk)))
        s.pavement(scene, x0, x1, -40, FAR)
        x0, x1 = sorted((side * (edge + walk), side * 60))
        scene.add(s.PAVING, g.floor(x0, x1, -40, FAR))
        _terrace(scene, dice, side, edge + walk)
        for y in np.arange(dice.between(4, 9), 90, 17):
            s.street_lamp(scene, 6.5, (side * (edge + 0.5), float(y), -90.0 * side))
            if dice.chance(0.6):
                s.tree(scene, dice, dice.between(5, 8), (side * (edge + 0.9), float(y) + 8, 0))
        _parked(scene, dice, side, edge - 1.05, start)
    _traffic(scene, dice, width / 4)
    for side in (-1, 1):
        s.sign(scene, dice, (side * (edge + 0.4), start - 0.6, dice.between(-15, 15)))
    s.bin_(scene, dice, (edge + 0.7, dice.between(6, 12), 0))
    s.bollards(scene, 6, 1.6, (-edge - 0.35, dice.between(6, 12), 90))
    s.block(scene, dice, (46, 12, 5), (0, 190, 0))
    return scene


def _terrace(scene: Scene, dice: Dice, side: int, x: float) -> None:
    y = -12.0
    while y < 130:
        front, deep = dice.between(9, 17), dice.between(9, 13)
        s.block(
            scene, dice, (front, deep, dice.count(2, 5)), (side * (x + deep / 2), y + front / 2, -90.0 * side + 0.0)
        )
        y += front + (dice.between(3, 6) if dice.chance(0.2) else 0.05)


def _parked(scene: Scene, dice: Dice, side: int, x: float, gap: float) -> None:
    for y in np.arange(dice.between(5, 9), 80, 5.6):
        if abs(y - gap - 2) > 5 and dice.chance(0.62):
            place = (side * x, float(y), (180.0 if side > 0 else 0.0) + dice.between(-2, 2))
            (s.van if dice.chance(0.1) else s.car)(scene, dice, place)


def _traffic(scene: Scene, dice: Dice, lane: float) -> None:
    s.car(scene, dice, (lane * 0.6, dice.between(26, 45), 180))
    s.car(scene, dice, (-lane * 0.6, dice.between(18, 36), 0))
    s.van(scene, dice, (-lane * 0.6, dice.between(48, 65), 0))


def country(name: str, dice: Dice) -> Scene:
    """A country road between fields and trees, hills behind."""
    scene = _start(name, dice, _camera(dice, dice.between(0.8, 2.0)))
    width = dice.between(6.0, 7.2)
    s.road(scene, width, 0, -40, FAR)
    for side in (-1, 1):
        x0, x1 = sorted((side * width / 2, side * 11))
        _verge(scene, dice, x0, x1)
        crop = dice.pick(
            (
                Material("furrows", ("7f9a3c", "7a5c3a"), 4.0, 1.0),
                Material("furrows", ("c9ab52", "94743c"), 3.0, 1.0),
                s.lawn(dice),
            )
        )
        x0, x1 = sorted((side * 11, side * 260))
        scene.add(crop, g.floor(x0, x1, -40, FAR))
        for y in np.arange(dice.between(5, 12), 120, dice.between(9, 15)):
            planter = s.conifer if dice.chance(0.25) else s.tree
            planter(scene, dice, dice.between(6, 11), (side * dice.between(7, 10.5), float(y), dice.between(0, 360)))
        for y in np.arange(4, 70, 8):
            put(scene, WHITE, [g.cylinder(0.06, 0.95)], (side * (width / 2 + 0.6), float(y), 0))
    s.car(scene, dice, (-width / 4, dice.between(16, 30), 0))
    s.car(scene, dice, (width / 4, dice.between(32, 55), 180))
    s.sign(scene, dice, (width / 2 + 1.2, dice.between(10, 18), 5))
    s.house(scene, dice, (9, 11, 5.2), (dice.pick((-1, 1)) * 24, dice.between(38, 60), dice.between(-40, 40)))
    s.hills(scene, dice, 110, dice.between(25, 60))
    return scene


def suburb(name: str, dice: Dice) -> Scene:
    """Houses with gardens, fences and hedges along a quiet road."""
    scene = _start(name, dice, _camera(dice, dice.between(-1.2, 1.8), yaw=dice.between(-14, 14)))
    width = 6.0
    s.road(scene, width, 0, -40, FAR)
    for side in (-1, 1):
        x0, x1 = sorted((side * 3, side * 4.8))
        s.pavement(scene, x0, x1, -40, FAR)
        x0, x1 = sorted((side * 4.8, side * 200))
        _verge(scene, dice, x0, x1)
        y = dice.between(2, 8)
        while y < 110:
            front = dice.between(8, 11)
            s.house(
                scene,
                dice,
                (front, dice.between(8, 10), dice.pick((3.0, 5.4, 5.6))),
                (side * dice.between(13.5, 15), y + front / 2, -90.0 * side),
            )
            _garden(scene, dice, side, y, front)
            y += front + dice.between(4, 7)
    s.car(scene, dice, (1.9, dice.between(9, 16), 180))
    s.car(scene, dice, (-1.9, dice.between(16, 34), 0))
    for y in (10, 34, 58):
        s.street_lamp(scene, 5.5, (-3.4, y + dice.between(-3, 3), 90))
    s.hills(scene, dice, 130, dice.between(20, 40))
    return scene


def _garden(scene: Scene, dice: Dice, side: int, y: float, front: float) -> None:
    x, middle = side * 5.4, y + front / 2
    kind = dice.pick(("fence", "hedge", "open"))
    if kind == "fence":
        s.fence(
            scene, dice.pick((WHITE, Material("wood", ("8a6a48", "65492e"), 0.9, 0.8))), front, 1.0, (x, middle, 90)
        )
    if kind == "hedge":
        s.hedge(scene, dice, front, dice.between(0.9, 1.4), (x, middle, 90))
    s.tree(scene, dice, dice.between(4.5, 7.5), (side * dice.between(6.8, 8.2), y + dice.between(0, 2), 0))
    for _ in range(3):
        s.bush(scene, dice, dice.between(0.35, 0.8), (side * dice.between(6.2, 9), y + dice.between(1, front), 0))
    if dice.chance(0.5):
        s.car(scene, dice, (side * 7.6, y + front - 1.4, 90.0 * side))


def park(name: str, dice: Dice) -> Scene:
    """A gravel path through lawns with trees, benches and flower beds."""
    scene = _start(name, dice, _camera(dice, dice.between(-0.4, 0.4), yaw=dice.between(-8, 8)))
    half = dice.between(1.3, 2.2)
    gravel = Material("soil", dice.pick((("c2ac86", "9c8765"), ("b9b3a8", "8f8a80"))), 1.6, 1.0)
    scene.add(gravel, g.floor(-half, half, -40, FAR))
    for side in (-1, 1):
        x0, x1 = sorted((side * half, side * 250))
        _verge(scene, dice, x0, x1)
        put(scene, s.KERB, [g.box(0.1, 200, 0.06)], (side * half, 60, 0))
        for y in np.arange(dice.between(5, 10), 70, dice.between(7, 10)):
            s.tree(
                scene,
                dice,
                dice.between(6, 12),
                (side * dice.between(half + 1.8, half + 4), float(y), dice.between(0, 360)),
            )
        for y in np.arange(7, 40, 11):
            s.bench(scene, (side * (half + 0.7), float(y) + dice.between(-2, 2), -90.0 * side))
            s.street_lamp(scene, 3.6, (side * (half + 0.6), float(y) + 4, -90.0 * side))
        for _ in range(10):
            planter = s.conifer if dice.chance(0.3) else s.tree
            planter(scene, dice, dice.between(7, 13), (side * dice.between(10, 40), dice.between(14, 90), 0))
        for _ in range(7):
            s.bush(scene, dice, dice.between(0.4, 1.0), (side * dice.between(half + 1.2, 9), dice.between(4, 28), 0))
        _flowers(scene, dice, side * (half + 2.6), dice.between(4, 9))
    s.bin_(scene, dice, (half + 0.5, 6.0, 0))
    s.hills(scene, dice, 120, dice.between(15, 30))
    return scene


def _flowers(scene: Scene, dice: Dice, x: float, y: float) -> None:
    points = dice.points(500) * np.array([1.6, 4.0, 0.25]) + np.array([x - 0.8, y, 0.12])
    petals = g.leaves(points, 0.06, dice.count(0, 10**6))
    petals.vertices[:, 2] = np.abs(petals.vertices[:, 2])
    scene.add(Material("palette", tuple(dice.pick(BRIGHT) for _ in range(3)), 3.0, 0.9), petals)
    put(scene, Material("soil", ("5c4331", "3f2d20"), 1.5, 1.0), [g.cushion(1.9, 4.4, 0.24, 0.4)], (x, y + 2, 0), -0.08)


def parking(name: str, dice: Dice) -> Scene:
    """A car park before a hall, rows of cars, lamps and small trees."""
    scene = _start(name, dice, _camera(dice, dice.between(-2, 2), yaw=dice.between(-16, 16)))
    tarmac = Material("asphalt", ("6a6a6c",), 6.0, 0.9)
    scene.add(tarmac, g.floor(-60, 60, -40, 75))
    line = Material("plaster", ("dedbd2",), 1.0, 0.9)
    for row in (-13.5, -8.0, 8.0, 13.5):
        for y in np.arange(3.0, 62, 2.7):
            put(scene, line, [g.box(5.0, 0.1, 0.004)], (row, float(y) - 1.35, 0))
            if dice.chance(0.6):
                turn = 90.0 * dice.pick((-1, 1)) + dice.between(-3, 3)
                (s.van if dice.chance(0.08) else s.car)(scene, dice, (row + dice.between(-0.3, 0.3), float(y), turn))
    for x in (-10.75, 10.75):
        for y in np.arange(6, 62, 16):
            s.street_lamp(scene, 7.5, (x, float(y), 0))
            s.tree(scene, dice, dice.between(4, 6), (x, float(y) + 8, 0))
    s.car(scene, dice, (-2.0, dice.between(14, 26), 0))
    s.sign(scene, dice, (3.9, 10, 0))
    put(
        scene,
        dice.pick((s.WALLS[6], Material("corrugated", ("b9c0c4", "8a7a6a"), 3.0, 0.6))),
        [g.box(70, 26, 9)],
        (0, 82, 0),
    )
    put(scene, s.GLASS, [g.box(14, 0.3, 4.2)], (dice.between(-8, 8), 68.9, 0), 0.2)
    put(scene, Material("plaster", (dice.pick(BRIGHT),), 2.0, 0.6), [g.box(70.4, 0.4, 1.4)], (0, 68.9, 0), 6.6)
    _verge(scene, dice, 60, 200)
    _verge(scene, dice, -200, -60)
    s.hills(scene, dice, 140, 30)
    return scene


def square(name: str, dice: Dice) -> Scene:
    """A paved square with a colonnade, a monument or fountain, benches and buildings around."""
    scene = _start(name, dice, _camera(dice, dice.between(-3, 3), yaw=dice.between(-15, 15)))
    paving = dice.pick(
        (
            Material("pavers", ("b7a98f", "9c8f78"), 2.6, 0.8),
            Material("tiles", ("b9b4aa", "a09a8f", "7d786f"), 3.6, 0.7),
            Material("checker", ("c4bba8", "978d7c"), 6.0, 0.7),
        )
    )
    scene.add(paving, g.floor(-90, 90, -40, 90))
    stone = Material("concrete", (dice.pick(("cfc7b4", "c2b49a", "b8b5ae")),), 3.0, 0.9)
    depth = dice.between(34, 46)
    for x in np.arange(-26, 27, 17.3):
        s.block(scene, dice, (17, 12, dice.count(3, 5)), (float(x), depth + 9, 0))
    for side in (-1, 1):
        for y in np.arange(0, depth, 15):
            s.block(scene, dice, (14.8, 11, dice.count(2, 4)), (side * 27, float(y) + 4, -90.0 * side))
    column = g.lathe([(0.55, 0), (0.55, 0.25), (0.36, 0.35), (0.3, 4.6), (0.5, 4.8), (0.5, 5.1), (0, 5.1)])
    row = dice.pick((-1, 1)) * 9.0
    put(scene, stone, [column.at(row, float(y)) for y in np.arange(4, depth - 2, 3.6)], (0, 0, 0))
    put(scene, stone, [g.box(1.3, depth - 2, 0.8).at(row, depth / 2, 5.1)], (0, 0, 0))
    (_fountain if dice.chance(0.5) else _monument)(scene, stone, (-row * 0.3, dice.between(13, 19), 0))
    for _ in range(4):
        s.bench(scene, (-row * dice.between(0.3, 1.1), dice.between(7, 24), dice.between(0, 360)))
    for _ in range(5):
        s.tree(scene, dice, dice.between(5, 8), (-row * dice.between(1.0, 1.9), dice.between(8, depth - 4), 0))
    for y in np.arange(5, depth, 9):
        s.street_lamp(scene, 4.2, (-row * 0.75, float(y), 0))
    s.bollards(scene, 9, 1.5, (-6, dice.between(9, 12), 0))
    return scene


def _fountain(scene: Scene, stone: Material, place: Place) -> None:
    basin = g.lathe([(3.2, 0), (3.2, 0.55), (2.9, 0.55), (2.9, 0.35)], 40)
    bowl = g.lathe([(0.3, 0.3), (0.25, 1.5), (1.3, 1.9), (1.2, 1.9), (0.2, 1.7), (0.15, 2.6), (0.4, 2.8), (0, 2.8)], 32)
    put(scene, stone, [basin, bowl], place)
    put(scene, Material("metal", ("3f5f68",), 1.0, 0.1), [g.cylinder(2.9, 0.4, segments=40)], place)


def _monument(scene: Scene, stone: Material, place: Place) -> None:
    steps = [g.box(4.4 - 0.8 * i, 4.4 - 0.8 * i, 0.22).at(z=0.22 * i) for i in range(3)]
    shaft = g.lathe([(0.75, 1.9), (0.42, 7.2), (0.0, 8.0)], 4).at(yaw=45)
    put(scene, stone, [*steps, g.box(1.6, 1.6, 1.3).at(z=0.62), shaft], place)


def yard(name: str, dice: Dice) -> Scene:
    """A freight yard: stacks of containers, a hall, lorries."""
    scene = _start(name, dice, _camera(dice, dice.between(-1.5, 1.5), yaw=dice.between(-8, 8)))
    scene.add(Material("concrete", ("96938c",), 7.0, 0.9), g.floor(-120, 120, -40, 130))
    for side in (-1, 1):
        for y in np.arange(5, 75, 7.2):
            for lane in range(2):
                for level in range(dice.count(0, 3)):
                    turn = (180.0 if dice.chance(0.5) else 0.0) + dice.between(-1, 1)
                    place = (side * (6.2 + 3.0 * lane + dice.between(-0.15, 0.15)), float(y), turn)
                    s.container(scene, dice, place, 2.59 * level)
    hall = Material("corrugated", (dice.pick(("9aa5a8", "7f8f9f", "a89a82")), "7a5a3a"), 3.0, 0.6)
    put(scene, hall, [g.box(60, 20, 10)], (0, 96, 0))
    put(scene, WHITE, [g.box(4.5, 0.2, 5).at(x) for x in (-12, -4, 4, 12)], (0, 85.95, 0))
    s.van(scene, dice, (dice.between(-2.5, -1.2), dice.between(20, 38), 0))
    s.van(scene, dice, (dice.between(1.5, 2.8), dice.between(40, 55), 180))
    s.car(scene, dice, (dice.between(1.6, 2.6), dice.between(11, 17), 180))
    for _ in range(5):
        size = dice.between(0.9, 1.3)
        place = (dice.pick((-1, 1)) * dice.between(2.6, 4.2), dice.between(5, 20), dice.between(0, 90))
        put(scene, Material("wood", ("b98f5c", "8a6538"), 1.0, 0.8), [g.box(size, 1.0, size * 0.8)], place)
    cone = g.lathe([(0.26, 0), (0.26, 0.03), (0.14, 0.03), (0.03, 0.7), (0, 0.7)])
    for i in range(5):
        put(scene, Material("plaster", ("e0592a",), 1.0, 0.6), [cone], (-3.2 + 0.2 * i, 6.0 + 2.5 * i, 0))
    for x in (-4.3, 4.3):
        s.street_lamp(scene, 9, (x, 32, 0))
    return scene


def forest(name: str, dice: Dice) -> Scene:
    """A track through a forest of firs and broad-leaved trees."""
    scene = _start(name, dice, _camera(dice, dice.between(-0.4, 0.4), yaw=dice.between(-8, 8)))
    half = dice.between(1.2, 1.8)
    scene.add(
        Material("soil", dice.pick((("8a6f50", "5f4a34"), ("9a8a70", "6f6048"))), 2.2, 1.0),
        g.floor(-half, half, -40, FAR),
    )
    kind = dice.between(0.2, 0.8)
    for side in (-1, 1):
        x0, x1 = sorted((side * half, side * 250))
        _verge(scene, dice, x0, x1)
        for _ in range(34):
            planter = s.conifer if dice.chance(kind) else s.tree
            far = dice.between(0, 1) ** 1.6
            planter(
                scene,
                dice,
                dice.between(8, 17),
                (side * dice.between(half + 2.6, 6 + 26 * far), 5 + 75 * far, dice.between(0, 360)),
            )
        for _ in range(9):
            s.bush(scene, dice, dice.between(0.3, 0.9), (side * dice.between(half + 0.6, 7), dice.between(4, 26), 0))
    trunk = [
        g.rod((x, 0, 0.28 + z), (x, 3.2, 0.28 + z), 0.26, 14)
        for x, z in ((0, 0), (0.54, 0), (1.08, 0), (0.27, 0.46), (0.81, 0.46))
    ]
    put(scene, s.BARK, trunk, (half + 0.8, dice.between(6, 10), dice.between(-30, 30)))
    for _ in range(6):
        size = dice.between(0.25, 0.8)
        rock = g.ball(size, 9).stretched(z=0.7).rough(size * 0.25, dice.count(0, 10**6), 2 / size)
        put(
            scene,
            Material("concrete", ("8d8a84",), 2.0, 0.95),
            [rock],
            (dice.pick((-1, 1)) * dice.between(half + 0.5, 6), dice.between(4, 25), 0),
            -0.1,
        )
    return scene


RECIPES: dict[str, Callable[[str, Dice], Scene]] = {
    function.__name__: function for function in (town, country, suburb, park, parking, square, yard, forest)
}
