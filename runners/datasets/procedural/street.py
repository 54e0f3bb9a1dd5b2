"""Things that stand outdoors. Each function puts one thing into a scene; `place` is x, y and yaw in degrees."""

from __future__ import annotations

import math

import numpy as np

from runners.datasets.procedural import geometry as g
from runners.datasets.procedural.furniture import BLACK, BRIGHT, CHROME, WHITE, Place, put
from runners.datasets.procedural.scene import Dice, Material, Scene

GLASS = Material("metal", ("1d2a33",), 1.0, 0.06)
RUBBER = Material("concrete", ("1c1c1e",), 0.5, 0.9)
KERB = Material("concrete", ("a8a6a0",), 1.5, 0.9)
PAVING = Material("pavers", ("a39d93", "8d877d"), 1.8, 0.9)
TARMAC = Material("road", ("5a5a5c", "e9e7df"), 1.0, 0.85)
ZEBRA = Material("crossing", ("58585a", "ecebe5"), 1.0, 0.85)
LAWNS = (("55802f", "74993f", "a39a52"), ("466f2b", "5f8a38", "8d9148"), ("6f8a3c", "8a9c4a", "b5a465"))
BARK = Material("bark", ("7b6653",), 0.8, 1.0)
BIRCH = Material("bark", ("d5d0c6",), 0.7, 1.0)
CROWNS = (("2f5f22", "6f9a3a"), ("3d6b2a", "8aa84a"), ("5a7a2e", "a3b052"), ("8f5a22", "c9942f"), ("244f2b", "4f7f45"))
CAR_PAINTS = ("b3262c", "1f4e8c", "e4e4e2", "2b2d30", "7f868c", "d9a521", "2f6b4a", "8a3b1f")
WALLS = (
    Material("brick", ("a4553c", "8a4230", "c1b8aa"), 1.3, 0.9),
    Material("brick", ("c9a27a", "b38a60", "d8d0c2"), 1.3, 0.9),
    Material("plaster", ("dccfb4",), 3.0, 0.9),
    Material("plaster", ("c98f6b",), 3.0, 0.9),
    Material("plaster", ("b9c4c6",), 3.0, 0.9),
    Material("plaster", ("d9c06a",), 3.0, 0.9),
    Material("concrete", ("b5b2ab",), 4.0, 0.9),
    Material("siding", ("e3e0d6",), 2.0, 0.8),
    Material("siding", ("8fa6b3",), 2.0, 0.8),
    Material("siding", ("9a4a3a",), 2.0, 0.8),
)
ROOFS = (
    Material("shingles", ("a2523a", "84402c"), 2.2, 0.8),
    Material("shingles", ("565a60", "43464b"), 2.2, 0.7),
    Material("shingles", ("7a6350", "5f4c3d"), 2.2, 0.8),
)


def road(scene: Scene, width: float, x: float, y0: float, y1: float) -> None:
    """A marked road along y; one texture covers 9 m of it."""
    strip = g.quad([(x - width / 2, y0, 0), (x + width / 2, y0, 0), (x + width / 2, y1, 0), (x - width / 2, y1, 0)])
    scene.add(TARMAC, g.Mesh(strip.vertices, strip.faces, strip.uv / np.array([width, 9.0])))


def zebra(scene: Scene, width: float, x: float, y0: float, y1: float) -> None:
    """A zebra crossing over a road along y."""
    scene.add(ZEBRA, g.floor(x - width / 2, x + width / 2, y0, y1, unit=True))


def pavement(scene: Scene, x0: float, x1: float, y0: float, y1: float, kerb: float = 0.12) -> None:
    """A raised pavement with its kerb stones."""
    scene.add(PAVING, g.floor(x0, x1, y0, y1, kerb))
    for x in (x0, x1):
        scene.add(KERB, g.box(0.16, y1 - y0, kerb + 0.005).at(x, (y0 + y1) / 2))


def lawn(dice: Dice) -> Material:
    """Some grass."""
    return Material("grass", dice.pick(LAWNS), 5.0, 1.0, seed=dice.count(0, 3))


def tufts(scene: Scene, dice: Dice, material: Material, area: tuple[float, float, float, float], count: int) -> None:
    """Blades of grass over x0, x1, y0, y1, denser towards the camera side y0."""
    points = dice.points(count)
    x0, x1, y0, y1 = area
    points[:, 0] = x0 + (x1 - x0) * points[:, 0]
    points[:, 1] = y0 + (y1 - y0) * points[:, 1] ** 2
    points[:, 2] = 0.05
    blades = g.leaves(points, 0.07, dice.count(0, 10**6))
    blades.vertices[:, 2] = np.abs(blades.vertices[:, 2])
    scene.add(material, blades)


def tree(scene: Scene, dice: Dice, height: float, place: Place) -> None:
    """A broad-leaved tree: trunk, boughs, a crown of lumps with loose leaves."""
    trunk, radius = height * dice.between(0.28, 0.4), height * dice.between(0.24, 0.32)
    put(
        scene,
        dice.pick((BARK, BARK, BIRCH)),
        [g.cylinder(height * 0.028, height * 0.7, height * 0.012), *_boughs(dice, trunk, radius, height)],
        place,
    )
    crown = Material("foliage", dice.pick(CROWNS), 1.6, 0.95)
    lumps = []
    for i in range(9):
        angle, size = i * 2.4 + dice.between(0, 0.8), radius * dice.between(0.5, 0.72)
        reach = radius * 0.62 if i else 0.0
        rise = trunk + (height - trunk) * dice.between(0.1, 0.72)
        spot = (reach * math.cos(angle), reach * math.sin(angle), rise - size * 0.4)
        lump = g.ball(size, 9).stretched(z=0.85).rough(size * 0.3, dice.count(0, 10**6), 2.2 / size)
        lumps.append(lump.at(*spot))
    put(scene, crown, lumps, place)
    put(scene, crown, [_loose(dice, lumps, radius * 0.055, 2000)], place)


def _boughs(dice: Dice, trunk: float, radius: float, height: float) -> list[g.Mesh]:
    ends = [
        (radius * 0.6 * math.cos(a), radius * 0.6 * math.sin(a), height * dice.between(0.55, 0.75))
        for a in (0.4, 2.3, 4.4)
    ]
    return [g.rod((0, 0, trunk * 0.85), end, height * 0.011) for end in ends]


def _loose(dice: Dice, lumps: list[g.Mesh], size: float, count: int) -> g.Mesh:
    skin = np.concatenate([lump.vertices for lump in lumps])
    chosen = skin[(dice.points(count)[:, 0] * len(skin)).astype(int)]
    return g.leaves(chosen + (dice.points(count) - 0.5) * size * 2, size, dice.count(0, 10**6))


def conifer(scene: Scene, dice: Dice, height: float, place: Place) -> None:
    """A fir: tiers of ragged cones."""
    put(scene, BARK, [g.cylinder(height * 0.02, height * 0.9, 0.02)], place)
    green = Material("foliage", ("1f4023", "3f6b38"), 0.7, 0.95)
    tiers = []
    for i in range(7):
        radius, low = height * 0.16 * (1 - i / 7.6), height * (0.12 + 0.125 * i)
        cone = g.lathe([(radius, low), (radius * 0.35, low + height * 0.13), (0.02, low + height * 0.2)], 24)
        tiers.append(cone.rough(radius * 0.16, dice.count(0, 10**6), 5.0 / radius))
    put(scene, green, tiers, place)
    put(scene, green, [_loose(dice, tiers, 0.05 + height * 0.008, 2200)], place)


def hedge(scene: Scene, dice: Dice, length: float, height: float, place: Place) -> None:
    """A clipped hedge along its own x."""
    body = g.cushion(length, 0.8, height, 0.15, 24).rough(0.06, dice.count(0, 10**6), 4.0)
    material = Material("foliage", dice.pick(CROWNS[:3]), 0.7, 0.95)
    put(scene, material, [body, _loose(dice, [body], 0.07, int(220 * length))], place)


def bush(scene: Scene, dice: Dice, radius: float, place: Place) -> None:
    """A round bush."""
    body = g.ball(radius, 9).stretched(z=0.8).rough(radius * 0.25, dice.count(0, 10**6), 2.5 / radius)
    material = Material("foliage", dice.pick(CROWNS), 0.7, 0.95)
    put(scene, material, [body, _loose(dice, [body], radius * 0.12, 260)], place)


def car(scene: Scene, dice: Dice, place: Place) -> None:
    """A car of about 4.2 m; its nose points to its own -y."""
    paint = Material("metal", (dice.pick(CAR_PAINTS),), 3.0, 0.18)
    stretch, tall = dice.between(0.92, 1.12), dice.between(0.95, 1.15)
    low = [(-2.1, 0.3), (2.05, 0.3), (2.1, 0.55), (2.05, 0.88), (1.2, 0.95), (-0.9, 0.92), (-1.95, 0.76), (-2.12, 0.55)]
    low = [(y * stretch, z) for y, z in low]
    cabin = [(-0.95, 0.9), (1.9, 0.9), (1.45, 1.36), (0.95, 1.44), (0.0, 1.44), (-0.3, 1.36)]
    cabin = [(y * stretch, 0.9 + (z - 0.9) * tall) for y, z in cabin]
    put(scene, paint, [g.prism(low, 1.72, [0.06, 0.06, 0.03, 0.06, 0.0, 0.0, 0.06, 0.05])], place)
    put(scene, GLASS, [g.prism(cabin, 1.6, [0.02, 0.02, 0.16, 0.2, 0.2, 0.16])], place)
    top = [(y, z + 0.012) for y, z in cabin[2:]]
    roof = [g.prism(top, 1.62, [0.15, 0.19, 0.19, 0.15])]
    roof += [
        g.rod((s * 0.79, cabin[i][0], 0.9), (s * 0.66, cabin[j][0], cabin[j][1]), 0.035)
        for s in (-1, 1)
        for i, j in ((0, 5), (1, 2))
    ]
    roof += [g.rod((s * 0.81, 0.45 * stretch, 0.9), (s * 0.64, 0.45 * stretch, cabin[4][1]), 0.035) for s in (-1, 1)]
    put(scene, paint, roof, place)
    _wheels(scene, stretch, place)
    lights = [g.box(0.34, 0.05, 0.13).at(s * 0.62, -2.07 * stretch, 0.6) for s in (-1, 1)]
    put(scene, WHITE, [*lights, g.box(0.5, 0.03, 0.11).at(0, 2.1 * stretch, 0.52)], place)
    put(
        scene,
        Material("metal", ("a3161b",), 1.0, 0.3),
        [g.box(0.3, 0.05, 0.14).at(s * 0.66, 2.05 * stretch, 0.7) for s in (-1, 1)],
        place,
    )


def _wheels(scene: Scene, stretch: float, place: Place) -> None:
    spots = [(s * 0.82, y * stretch, 0.31) for s in (-1, 1) for y in (-1.3, 1.3)]
    put(scene, RUBBER, [g.rod((x - 0.11, y, z), (x + 0.11, y, z), 0.31, 20) for x, y, z in spots], place)
    put(scene, CHROME, [g.rod((x - 0.12, y, z), (x + 0.12, y, z), 0.18, 14) for x, y, z in spots], place)


def van(scene: Scene, dice: Dice, place: Place) -> None:
    """A delivery van or lorry; its nose points to its own -y."""
    paint = Material("metal", (dice.pick(("e6e5e0", "d6a92c", "3a5f8f", "b84a32")),), 3.0, 0.3)
    cab = [(-2.7, 0.4), (-1.0, 0.4), (-1.0, 2.0), (-1.75, 2.0), (-2.35, 1.2), (-2.7, 1.05)]
    put(scene, paint, [g.prism(cab, 1.95), g.box(2.05, 3.7, 2.1).at(0, 0.9, 0.45)], place)
    put(scene, GLASS, [g.box(1.7, 0.02, 0.72).tilted(-36).at(0, -2.13, 1.28)], place)
    put(scene, GLASS, [g.box(1.98, 0.6, 0.5).at(0, -1.4, 1.3)], place)
    spots = [(s * 0.9, y, 0.38) for s in (-1, 1) for y in (-1.8, 1.7)]
    put(scene, RUBBER, [g.rod((x - 0.12, y, z), (x + 0.12, y, z), 0.38, 20) for x, y, z in spots], place)


def street_lamp(scene: Scene, height: float, place: Place) -> None:
    """A lamp post with an arm towards its own -y."""
    post = [g.cylinder(0.09, height, 0.05), g.rod((0, 0, height - 0.05), (0, -1.3, height + 0.15), 0.035)]
    put(
        scene, Material("metal", ("6a6f73",), 1.0, 0.5), [*post, g.box(0.2, 0.55, 0.1).at(0, -1.4, height + 0.1)], place
    )


def sign(scene: Scene, dice: Dice, place: Place) -> None:
    """A traffic sign that looks to its own -y."""
    put(scene, CHROME, [g.cylinder(0.035, 2.7)], place)
    rim, face = dice.pick((("c41f26", "f1f0ec"), ("1f5fae", "f1f0ec"), ("e0b51f", "2a2a2a")))
    disc = [g.rod((0, -0.04, 2.4), (0, -0.06, 2.4), 0.34, dice.pick((28, 28, 8, 3)))]
    put(scene, Material("metal", (rim,), 1.0, 0.5), disc, place)
    put(scene, Material("metal", (face,), 1.0, 0.5), [g.box(0.36, 0.012, 0.12).at(0, -0.067, 2.34)], place)


def fence(scene: Scene, material: Material, length: float, height: float, place: Place) -> None:
    """A picket fence along its own x."""
    count = int(length / 0.18)
    pickets = [g.box(0.09, 0.025, height).at(-length / 2 + 0.18 * (i + 0.5)) for i in range(count)]
    put(scene, material, [*pickets, *(g.box(length, 0.04, 0.07).at(0, 0.03, height * z) for z in (0.25, 0.75))], place)


def bench(scene: Scene, place: Place) -> None:
    """A park bench that looks to its own -y."""
    slats = [g.box(1.7, 0.1, 0.035).at(0, y, 0.44) for y in (-0.2, -0.07, 0.06)]
    slats += [g.box(1.7, 0.03, 0.1).at(0, 0.2 + z * 0.1, z) for z in (0.58, 0.74)]
    put(scene, Material("wood", ("9a6b3f", "6b4526"), 0.9, 0.6), slats, place)
    put(
        scene,
        BLACK,
        [g.box(0.06, 0.5, 0.44).at(s * 0.7) for s in (-1, 1)]
        + [g.box(0.05, 0.05, 0.45).at(s * 0.7, 0.26, 0.42) for s in (-1, 1)],
        place,
    )


def bin_(scene: Scene, dice: Dice, place: Place) -> None:
    """A litter bin."""
    put(
        scene,
        Material("metal", (dice.pick(("3d5a45", "55585c", "7a3b2f")),), 0.5, 0.5),
        [g.cylinder(0.24, 0.85, 0.28)],
        place,
    )


def bollards(scene: Scene, count: int, gap: float, place: Place) -> None:
    """A row of bollards along its own x."""
    put(
        scene,
        BLACK,
        [g.lathe([(0.09, 0), (0.09, 0.7), (0.11, 0.74), (0.06, 0.86), (0, 0.88)]).at(gap * i) for i in range(count)],
        place,
    )


def container(scene: Scene, dice: Dice, place: Place, z: float = 0.0) -> None:
    """A 6 m freight container, long along its own y."""
    steel = Material(
        "corrugated",
        (dice.pick(("b5452c", "2f5f8f", "3f7a55", "c9872c", "8a8f94")), "6b3f22"),
        2.0,
        0.6,
        seed=dice.count(0, 5),
    )
    put(scene, steel, [g.box(2.44, 6.06, 2.59)], place, z)
    bars = [g.rod((x, -3.06, 0.1), (x, -3.06, 2.5), 0.03) for x in (-0.8, -0.35, 0.35, 0.8)]
    frame = [g.box(0.14, 0.14, 2.6).at(sx * 1.17, sy * 2.98) for sx in (-1, 1) for sy in (-1, 1)]
    put(scene, Material("metal", ("3c3f42",), 1.0, 0.5), [*bars, *frame], place, z)


def house(scene: Scene, dice: Dice, size: tuple[float, float, float], place: Place) -> None:
    """A house with a gable roof; its front looks to its own -y. Size: width, depth, height of the eaves."""
    width, depth, eaves = size
    wall = dice.pick(WALLS[:6] + WALLS[7:])
    put(scene, wall, [g.box(width, depth, eaves)], place)
    rise = width * dice.between(0.22, 0.34)
    _roof(scene, dice, wall, (width, depth, eaves, rise), place)
    floors = max(1, round(eaves / 2.8))
    _facade(scene, dice, (width, depth, eaves), floors, place, door=True)


def _roof(scene: Scene, dice: Dice, wall: Material, size: tuple[float, float, float, float], place: Place) -> None:
    width, depth, eaves, rise = size
    x, y, z0, z1 = width / 2 + 0.4, depth / 2 + 0.45, eaves - 0.1, eaves + rise
    gables = g.prism([(-width / 2, eaves), (width / 2, eaves), (0, eaves + rise * 0.98)], depth).at(yaw=90)
    put(scene, wall, [gables], place)
    slopes = [
        g.quad([(-x, -y, z0), (0, -y, z1), (0, y, z1), (-x, y, z0)]),
        g.quad([(x, y, z0), (0, y, z1), (0, -y, z1), (x, -y, z0)]),
    ]
    lifted = [slope.at(z=0.12) for slope in slopes]
    turned = [g.Mesh(m.vertices, m.faces, m.uv[:, ::-1].copy()) for m in slopes + lifted]
    put(scene, dice.pick(ROOFS), turned, place)
    put(scene, WALLS[0], [g.box(0.6, 0.6, rise * 0.7 + 0.8).at(width * 0.2, depth * 0.15, eaves + rise * 0.4)], place)


def _facade(scene: Scene, dice: Dice, size: tuple[float, float, float], floors: int, place: Place, door: bool) -> None:
    width, depth, height = size
    panes, frames, storey = [], [], height / floors
    tall = min(1.5, storey * 0.55)
    for turn, length, off in (
        (0, width, depth / 2),
        (180, width, depth / 2),
        (90, depth, width / 2),
        (-90, depth, width / 2),
    ):
        columns = max(1, int(length / dice.between(2.0, 2.7)))
        for i in range(columns):
            for level in range(floors):
                if door and turn == 0 and level == 0 and i == columns // 2:
                    continue
                spot = (length * ((i + 0.5) / columns - 0.5), -off, storey * level + storey * 0.32)
                panes.append(g.box(0.95, 0.03, tall).at(*spot).at(yaw=turn))
                frames += [part.at(*spot).at(yaw=turn) for part in _casement(0.95, tall)]
        if door and turn == 0:
            x = length * ((columns // 2 + 0.5) / columns - 0.5)
            leaf = Material(
                "wood", dice.pick((("7a2f25", "5c2019"), ("2f4f6b", "203a52"), ("6b4a2b", "4f3520"))), 1.0, 0.5
            )
            put(scene, leaf, [g.box(1.0, 0.08, 2.1).at(x, -off, 0.1)], place)
            frames += [g.box(1.5, 0.9, 0.12).at(x, -off - 0.4), g.box(1.6, 0.8, 0.1).at(x, -off - 0.4, 2.45)]
    put(scene, GLASS, panes, place)
    put(scene, WHITE, frames, place)


def _casement(width: float, tall: float) -> list[g.Mesh]:
    bars = [g.box(0.08, 0.09, tall).at(x) for x in (-width / 2, width / 2)] + [g.box(0.045, 0.06, tall)]
    bars += [g.box(width + 0.08, 0.09, 0.08).at(z=z) for z in (tall - 0.04,)]
    return [*bars, g.box(width + 0.3, 0.26, 0.07).at(z=-0.05), g.box(width, 0.06, 0.045).at(z=tall * 0.6)]


def block(scene: Scene, dice: Dice, size: tuple[float, float, int], place: Place) -> None:
    """A town building with shops; its front looks to its own -y. Size: width, depth, storeys."""
    width, depth, storeys = size
    height = 3.1 * storeys + 0.6
    put(scene, dice.pick(WALLS[:7]), [g.box(width, depth, height)], place)
    _facade(scene, dice, (width, depth, height), storeys, place, door=False)
    trim = [g.box(width + 0.5, depth + 0.5, 0.3).at(z=height - 0.1), g.box(width + 0.2, depth + 0.2, 0.22).at(z=3.1)]
    put(scene, KERB, trim, place)
    shops = max(1, int(width / 4.2))
    for i in range(shops):
        _shop(scene, dice, width / shops, (width * ((i + 0.5) / shops - 0.5), -depth / 2), place)
    if dice.chance(0.5):
        _balconies(scene, width, depth, storeys, place)


def _shop(scene: Scene, dice: Dice, width: float, spot: tuple[float, float], place: Place) -> None:
    x, y = spot
    put(
        scene,
        Material("wood", dice.pick((("2f4a3a", "22382b"), ("5c2a2a", "451e1e"), ("3a3f4f", "2a2e3b"))), 1.0, 0.5),
        [g.box(width * 0.92, 0.14, 2.9).at(x, y)],
        place,
    )
    panes = [g.box(width * 0.36, 0.05, 1.8).at(x + s * width * 0.22, y - 0.08, 0.55) for s in (-1, 1)]
    put(scene, GLASS, panes, place)
    cloth = Material("stripes", (dice.pick(BRIGHT), "eeeae0"), 1.2, 0.9)
    if dice.chance(0.6):
        put(
            scene,
            cloth,
            [
                g.quad(
                    [
                        (x - width * 0.44, y - 1.1, 2.35),
                        (x + width * 0.44, y - 1.1, 2.35),
                        (x + width * 0.44, y - 0.05, 2.95),
                        (x - width * 0.44, y - 0.05, 2.95),
                    ]
                )
            ],
            place,
        )
    else:
        put(
            scene,
            Material("plaster", (dice.pick(BRIGHT),), 2.0, 0.6),
            [g.box(width * 0.8, 0.12, 0.5).at(x, y - 0.08, 2.45)],
            place,
        )


def _balconies(scene: Scene, width: float, depth: float, storeys: int, place: Place) -> None:
    for level in range(1, storeys):
        x, z = width * 0.25, 3.2 * level
        rails = [g.box(0.03, 0.03, 0.95).at(x + 0.14 * i - 1.2, -depth / 2 - 1.0, z) for i in range(18)]
        put(scene, BLACK, [*rails, g.box(2.5, 0.05, 0.05).at(x, -depth / 2 - 1.0, z + 0.95)], place)
        put(scene, KERB, [g.box(2.5, 1.05, 0.14).at(x, -depth / 2 - 0.52, z - 0.1)], place)


def hills(scene: Scene, dice: Dice, near: float, top: float) -> None:
    """Hills all around beyond `near` metres, up to `top` metres high; flat ground stays flat before them."""
    phases, waves = dice.points(6) * math.tau, dice.points(6) * 0.028 + 0.006

    def height(x: g.Array, y: g.Array) -> g.Array:
        rolling = sum(np.sin(w[0] * x + p[0]) * np.sin(w[1] * y + p[1]) for p, w in zip(phases, waves, strict=True))
        distance = np.hypot(x, y)
        slope = np.clip((distance - near) / (2.5 * near), 0, 1)
        return slope * top * (0.65 + 0.22 * np.asarray(rolling)) - 0.6 * np.exp(-((distance / near) ** 8))

    meadow = Material("grass", ("4d6f35", "6a8544", "8b8a55"), 60.0, 1.0)
    scene.add(meadow, g.relief(-600, 600, -600, 600, height, 130))
    for _ in range(60):
        angle, reach = dice.between(-0.9, 0.9), dice.between(near * 1.3, near * 3.2)
        x, y = reach * math.sin(angle), reach * math.cos(angle)
        z = float(height(np.array(x), np.array(y)))
        lump = g.ball(dice.between(3, 6), 6).rough(1.2, dice.count(0, 10**6), 0.5)
        put(scene, Material("foliage", CROWNS[4], 6.0, 0.95), [lump], (x, y, 0), z - 1.5)
