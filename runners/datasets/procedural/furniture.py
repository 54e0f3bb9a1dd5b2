"""Things that stand in rooms. Each function puts one thing into a scene; `place` is x, y and yaw in degrees."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from runners.datasets.procedural import geometry as g
from runners.datasets.procedural.scene import Dice, Material, Scene

Place = tuple[float, float, float]

WOODS = (("8a5a33", "5c3820"), ("c49a6c", "9a6f45"), ("6b4226", "3f2614"), ("d9bd94", "b8926a"), ("7d6a58", "54463a"))
CLOTHS = ("37577c", "7a3b3b", "57704f", "8d8478", "c2a25a", "4b4b55", "a0627a", "2f6f6f", "b86b3c")
BRIGHT = ("b5402f", "2f6fb5", "e0a52b", "3e8a4d", "7b4a91", "e7e0cf", "1f2f3f", "d77a8a")
CHROME = Material("metal", ("b9bcc0",), 0.5, 0.25)
BLACK = Material("metal", ("26272b",), 0.5, 0.4)
WHITE = Material("metal", ("e8e6e0",), 0.5, 0.35)
CERAMIC = Material("plaster", ("f1f0ec",), 1.0, 0.15)
BOOKS = Material("palette", ("7a2e25", "28476b", "c9b37e", "35553b", "5b3a5e", "d8d2c0", "20252b", "b5702f"), 1.0, 0.7)
GREENS = Material("foliage", ("3f7a35", "79a850"), 0.3, 0.7)


def timber(dice: Dice, roughness: float = 0.45) -> Material:
    """Some wood."""
    return Material("wood", dice.pick(WOODS), 0.9, roughness, seed=dice.count(0, 3))


def cloth(dice: Dice) -> Material:
    """Some woven cloth."""
    return Material("fabric", (dice.pick(CLOTHS),), 0.35, 1.0, seed=dice.count(0, 3))


def put(scene: Scene, material: Material, parts: Sequence[g.Mesh], place: Place, z: float = 0.0) -> None:
    """Add parts given in a thing's own frame at its place."""
    scene.add(material, g.join(parts).at(place[0], place[1], z, place[2]))


def table(scene: Scene, material: Material, size: tuple[float, float, float], place: Place) -> None:
    """A table of width, depth, height on four legs."""
    width, depth, height = size
    x, y = width / 2 - 0.06, depth / 2 - 0.06
    legs = [g.box(0.06, 0.06, height - 0.04).at(sx * x, sy * y) for sx in (-1, 1) for sy in (-1, 1)]
    rails = [g.box(2 * x, 0.025, 0.08).at(0, sy * y, height - 0.12) for sy in (-1, 1)]
    put(scene, material, [g.box(width, depth, 0.04).at(z=height - 0.04), *legs, *rails], place)


def round_table(scene: Scene, material: Material, radius: float, height: float, place: Place) -> None:
    """A round table on one foot."""
    foot = g.lathe([(0, 0.03), (radius * 0.5, 0.0), (0.06, 0.06), (0.045, height - 0.04)])
    put(scene, material, [foot, g.cylinder(radius, 0.035, segments=40).at(z=height - 0.035)], place)


def chair(scene: Scene, material: Material, seat: Material, place: Place) -> None:
    """A chair with a slatted back; it looks towards -y."""
    legs = [g.box(0.04, 0.04, 0.44).at(x, -0.19) for x in (-0.19, 0.19)]
    posts = [g.box(0.04, 0.035, 0.92).at(x, 0.2) for x in (-0.19, 0.19)]
    slats = [g.box(0.36, 0.02, 0.07).at(0, 0.2, z) for z in (0.56, 0.69, 0.82)]
    put(scene, material, [*legs, *posts, *slats, g.box(0.43, 0.43, 0.03).at(z=0.43)], place)
    put(scene, seat, [g.cushion(0.42, 0.42, 0.05, 0.3, 8).at(z=0.455)], place)


def office_chair(scene: Scene, seat: Material, place: Place) -> None:
    """A swivel chair on five feet; it looks towards -y."""
    feet = [
        g.rod((0, 0, 0.1), (0.3 * math.cos(a), 0.3 * math.sin(a), 0.05), 0.022) for a in np.arange(5) * math.tau / 5
    ]
    put(scene, BLACK, [*feet, g.cylinder(0.03, 0.36).at(z=0.08), g.box(0.05, 0.03, 0.3).at(0, 0.24, 0.42)], place)
    back = g.cushion(0.46, 0.09, 0.55, 0.4, 10).tilted(-8).at(0, 0.25, 0.55)
    put(scene, seat, [g.cushion(0.5, 0.5, 0.1, 0.35, 10).at(z=0.43), back], place)


def stool(scene: Scene, material: Material, height: float, place: Place) -> None:
    """A round stool."""
    feet = [
        g.rod((0.1 * c, 0.1 * s, height - 0.03), (0.19 * c, 0.19 * s, 0), 0.018)
        for c, s in ((1, 1), (1, -1), (-1, 1), (-1, -1))
    ]
    put(scene, material, [*feet, g.cylinder(0.18, 0.04).at(z=height - 0.04)], place)


def sofa(scene: Scene, dice: Dice, material: Material, width: float, place: Place) -> None:
    """A sofa or armchair with cushions; it looks towards -y."""
    seats = max(1, round(width / 0.75))
    inner = width - 0.36
    parts = [g.cushion(width, 0.88, 0.36, 0.12).at(z=0.06), g.cushion(width, 0.24, 0.84, 0.2).at(0, 0.34)]
    parts += [g.cushion(0.2, 0.9, 0.6, 0.25).at(sx * (width / 2 - 0.1)) for sx in (-1, 1)]
    each = inner / seats
    for i in range(seats):
        x = -inner / 2 + each * (i + 0.5)
        parts += [g.cushion(each, 0.66, 0.17, 0.25).at(x, -0.1, 0.38)]
        parts += [g.cushion(each * 0.96, 0.2, 0.46, 0.35).tilted(-10).at(x, 0.14, 0.5)]
    put(scene, material, parts, place)
    for _ in range(seats):
        x = dice.between(-inner / 2 + 0.15, inner / 2 - 0.15)
        pillow = g.cushion(0.4, 0.15, 0.4, 0.55, 10).tilted(-20).at(x, -0.02, 0.53, dice.between(-15, 15))
        put(scene, cloth(dice), [pillow], place)


def bed(scene: Scene, dice: Dice, material: Material, width: float, place: Place) -> None:
    """A bed; its head is at +y."""
    frame = [g.box(width + 0.08, 2.08, 0.22).at(z=0.1), g.box(width + 0.1, 0.06, 1.05).at(0, 1.05)]
    frame += [g.box(0.08, 0.08, 0.12).at(sx * width / 2, sy) for sx in (-1, 1) for sy in (-0.95, 0.95)]
    put(scene, material, frame, place)
    linen = Material("fabric", ("e9e6df",), 0.4, 1.0)
    put(scene, linen, [g.cushion(width, 2.0, 0.24, 0.15).at(z=0.3)], place)
    cover = g.cushion(width + 0.14, 1.45, 0.3, 0.2, 28).at(0, -0.3, 0.3).rough(0.022, dice.count(0, 99), 5.0).draped()
    put(scene, Material(*dice.pick(PRINTS), 0.8, 1.0), [cover], place)
    pillows = [g.cushion(0.62, 0.4, 0.2, 0.5, 12).tilted(18).at(x, 0.75, 0.5) for x in _spread(width, 2)]
    put(scene, linen, pillows, place)


PRINTS = (
    ("stripes", ("7d92ad", "e3e2dc")),
    ("checker", ("a44a3f", "e8ddc8")),
    ("damask", ("3e5c55", "88a397")),
    ("fabric", ("b0895a",)),
    ("fabric", ("586a8c",)),
)


def _spread(width: float, count: int) -> list[float]:
    return [width * ((i + 0.5) / count - 0.5) for i in range(count)]


def bookcase(scene: Scene, dice: Dice, material: Material, size: tuple[float, float, int], place: Place) -> None:
    """Shelves of width, height and number of boards, full of books and things; it looks towards -y."""
    width, height, boards = size
    depth, step = 0.3, (height - 0.1) / boards
    parts = [g.box(0.025, depth, height).at(sx * (width / 2 - 0.012)) for sx in (-1, 1)]
    parts += [g.box(width, depth, 0.025).at(z=0.06 + step * i) for i in range(boards + 1)]
    put(scene, material, [*parts, g.box(width, 0.012, height).at(0, depth / 2)], place)
    for i in range(boards):
        _books(scene, dice, width - 0.08, step - 0.05, 0.085 + step * i, place)


def _books(scene: Scene, dice: Dice, width: float, room: float, z: float, place: Place) -> None:
    books, x = [], -width / 2
    while x < width / 2 - 0.06:
        thick, tall = dice.between(0.018, 0.055), room * dice.between(0.62, 0.95)
        if dice.chance(0.05):
            x += dice.between(0.08, 0.25)
            continue
        book = g.box(thick, 0.2, tall).tinted((dice.count(0, 7) + 0.5) / 8, (dice.count(0, 7) + 0.5) / 8)
        books.append(book.at(x + thick / 2, dice.between(-0.03, 0.01), z))
        x += thick + 0.002
    put(scene, BOOKS, books, place)


def cabinet(
    scene: Scene,
    material: Material,
    size: tuple[float, float, float],
    doors: tuple[int, int],
    place: Place,
    z: float = 0.0,
) -> None:
    """A cupboard of width, depth, height with columns x rows of fronts; it looks towards -y."""
    width, depth, height = size
    columns, rows = doors
    each, tall = width / columns, height / rows
    fronts, knobs = [], []
    for i in range(columns):
        for j in range(rows):
            x, low = -width / 2 + each * (i + 0.5), tall * j
            fronts.append(g.box(each - 0.012, 0.02, tall - 0.012).at(x, -depth / 2 - 0.01, low + 0.006))
            knobs.append(g.box(min(0.14, each / 2), 0.025, 0.014).at(x, -depth / 2 - 0.035, low + tall * 0.8))
    put(scene, material, [g.box(width, depth, height), *fronts], place, z)
    put(scene, CHROME, knobs, place, z)


def lamp(scene: Scene, dice: Dice, height: float, place: Place, z: float = 0.0) -> None:
    """A lamp with a glowing shade: on the floor or (small `height`) on a table."""
    scale = 1.0 if height > 1 else 0.6
    stand = [g.cylinder(0.14 * scale, 0.02), g.cylinder(0.014, height)]
    put(scene, dice.pick((BLACK, CHROME)), stand, place, z)
    shade = g.lathe([(0.22 * scale, height - 0.28 * scale), (0.14 * scale, height + 0.02)], 28)
    put(scene, Material("fabric", ("ffe2b0",), 0.5, 1.0, glow=3.0), [shade], place, z)


def pendant(scene: Scene, ceiling: float, drop: float, place: Place, glow: float = 14.0) -> None:
    """A lamp that hangs from the ceiling."""
    z = ceiling - drop
    put(
        scene,
        BLACK,
        [g.cylinder(0.006, drop).at(z=z), g.lathe([(0.25, z - 0.02), (0.16, z + 0.1), (0.02, z + 0.14)], 28)],
        place,
    )
    put(scene, Material("plaster", ("ffe9c8",), 1.0, 1.0, glow=glow), [g.ball(0.1).at(z=z - 0.13)], place)


def panel_light(scene: Scene, ceiling: float, size: tuple[float, float], place: Place, glow: float = 7.0) -> None:
    """A flat light under the ceiling."""
    width, depth = size
    put(scene, WHITE, [g.box(width + 0.06, depth + 0.06, 0.05).at(z=ceiling - 0.05)], place)
    face = g.floor(-width / 2, width / 2, -depth / 2, depth / 2)
    down = g.Mesh(face.vertices, face.faces[:, ::-1].copy(), face.uv)
    put(scene, Material("plaster", ("fff6e8",), 1.0, 1.0, glow=glow), [down.at(z=ceiling - 0.055)], place)


def plant(scene: Scene, dice: Dice, height: float, place: Place, z: float = 0.0) -> None:
    """A plant in a pot."""
    radius = 0.12 + 0.06 * height
    pot = g.lathe([(radius * 0.65, 0), (radius, radius * 1.7), (radius * 0.85, radius * 1.7), (0, radius * 1.5)])
    put(scene, Material("concrete", (dice.pick(("a5603c", "d9d4c8", "4c5660")),), 0.5, 0.6), [pot], place, z)
    blades = []
    for i in range(26):
        angle, reach, rise = 360 * i / 26 + dice.between(-9, 9), dice.between(0.25, 0.6), dice.between(0.5, 1.0)
        blades.append(_blade(height * reach, height * rise, 0.03 + 0.035 * height).at(yaw=angle))
    put(scene, GREENS, blades, place, z + radius * 1.5)


def _blade(reach: float, rise: float, width: float) -> g.Mesh:
    def shape(u: g.Array, v: g.Array) -> Sequence[g.Array]:
        x = reach * v**1.5
        half = width * np.sin(np.pi * np.clip(v * 0.95 + 0.05, 0, 1))
        return x, (u - 0.5) * 2 * half, rise * (v - 0.45 * v**3), u * 0.1, v * 0.5

    return g.surface(shape, 2, 8)


def framed(scene: Scene, dice: Dice, size: tuple[float, float], place: Place, z: float) -> None:
    """A picture in a frame on a wall behind it (+y)."""
    width, height = size
    bars = [g.box(width + 0.08, 0.03, 0.04).at(z=s) for s in (-0.04, height)]
    bars += [g.box(0.04, 0.03, height).at(s * (width / 2 + 0.02)) for s in (-1, 1)]
    put(scene, dice.pick((BLACK, timber(dice), WHITE)), bars, place, z)
    colours = tuple(dice.pick((*BRIGHT, "a9c6d9", "f0d9a8", "6b8e5a")) for _ in range(5))
    art = Material("picture", colours, 1.0, 0.6, seed=dice.count(0, 999))
    put(scene, art, [g.panel(width, height)], place, z)


def mirror(scene: Scene, dice: Dice, size: tuple[float, float], place: Place, z: float) -> None:
    """A mirror in a frame; its depth is invalid."""
    width, height = size
    bars = [g.box(width + 0.08, 0.03, 0.04).at(z=s) for s in (-0.04, height)]
    bars += [g.box(0.04, 0.03, height).at(s * (width / 2 + 0.02)) for s in (-1, 1)]
    put(scene, timber(dice), bars, place, z)
    put(scene, Material("metal", ("f4f4f4",), 1.0, 0.0, kind="mirror"), [g.panel(width, height)], place, z)


def monitor(scene: Scene, dice: Dice, width: float, place: Place, z: float) -> None:
    """A display on a foot; it looks towards -y."""
    height = width * 0.58
    foot = [g.box(0.24, 0.18, 0.012), g.box(0.05, 0.03, 0.2).at(0, 0.04), g.box(width, 0.035, height).at(0, 0.02, 0.12)]
    put(scene, BLACK, foot, place, z)
    glow = Material(
        "screen", (dice.pick(("28507a", "3b2f5c", "1f5a4a")), "0f1722"), 1.0, 0.3, glow=0.9, seed=dice.count(0, 99)
    )
    put(scene, glow, [g.panel(width - 0.03, height - 0.03).at(0, -0.001, 0.135)], place, z)


def television(scene: Scene, width: float, place: Place, z: float) -> None:
    """A dark flat screen on a wall or board."""
    put(scene, BLACK, [g.box(width, 0.05, width * 0.57)], place, z)
    put(
        scene,
        Material("metal", ("08090b",), 1.0, 0.08),
        [g.panel(width - 0.04, width * 0.57 - 0.04).at(0, -0.027, 0.02)],
        place,
        z,
    )


def clutter(scene: Scene, dice: Dice, area: tuple[float, float], count: int, place: Place, z: float) -> None:
    """Cups, bowls, books and boxes on a table top of the given width and depth."""
    for _ in range(count):
        x, y = dice.between(-0.45, 0.45) * area[0], dice.between(-0.42, 0.42) * area[1]
        colour = dice.pick(BRIGHT)
        thing = dice.pick((_cup, _bowl, _vase, _stack))(dice).at(x, y, 0, dice.between(0, 360))
        put(scene, Material("plaster", (colour,), 0.5, 0.3), [thing], place, z)


def _cup(dice: Dice) -> g.Mesh:
    return g.lathe([(0, 0), (0.032, 0), (0.042, 0.1), (0.037, 0.1), (0.03, 0.01), (0, 0.01)])


def _bowl(dice: Dice) -> g.Mesh:
    return g.lathe([(0, 0), (0.06, 0), (0.13, 0.08), (0.12, 0.08), (0.05, 0.015), (0, 0.01)])


def _vase(dice: Dice) -> g.Mesh:
    tall = dice.between(0.18, 0.34)
    return g.lathe(
        [(0.05, 0), (0.08, tall * 0.4), (0.03, tall * 0.8), (0.045, tall), (0.03, tall * 0.95), (0, tall * 0.5)]
    )


def _stack(dice: Dice) -> g.Mesh:
    return g.join(
        [g.box(0.24 - 0.02 * i, 0.17, 0.03).at(z=0.03 * i, yaw=dice.between(-12, 12)) for i in range(dice.count(1, 4))]
    )


def carton(scene: Scene, dice: Dice, size: tuple[float, float, float], place: Place, z: float = 0.0) -> None:
    """A cardboard box with tape."""
    put(scene, Material("concrete", (dice.pick(("b08a5b", "a37c4c", "c29d6d")),), 0.8, 0.9), [g.box(*size)], place, z)
    tape = g.box(0.06, size[1] + 0.004, size[2] + 0.002)
    put(scene, Material("plaster", ("d3bd91",), 0.5, 0.4), [tape], place, z)
