"""Textures of the procedural scenes, painted with numpy alone: no picture of anybody else is in them."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Painter = Callable[[int, np.random.Generator, Sequence[Array]], Array]
PAINTERS: dict[str, Painter] = {}


def painter(function: Painter) -> Painter:
    """Register a pattern under its function's name."""
    PAINTERS[function.__name__] = function
    return function


def seed_of(*parts: object) -> int:
    """A seed that depends only on the text of `parts`."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:8], "big")


def colour(code: str) -> Array:
    """An sRGB colour (3,) in 0..1 of a code such as `c0ffee`."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], dtype=float) / 255


def paint(pattern: str, colours: Sequence[str], seed: int, size: int = 512) -> npt.NDArray[np.uint8]:
    """A texture (size, size, 3), sRGB, row 0 at the top; most patterns repeat without a seam."""
    rng = np.random.default_rng(seed_of(pattern, *colours, seed))
    image = PAINTERS[pattern](size, rng, [colour(code) for code in colours])
    return np.asarray(np.clip(image * 255 + 0.5, 0, 255), dtype=np.uint8)


def noise(size: int, rng: np.random.Generator, slope: float = 1.5, stretch: float = 1.0, low: float = 1.0) -> Array:
    """Seamless noise (size, size) in 0..1 with spectrum f^-slope; `stretch` > 1 draws it out along x."""
    fx = np.fft.fftfreq(size)[None, :] * size * stretch
    fy = np.fft.fftfreq(size)[:, None] * size
    frequency = np.hypot(fx, fy)
    gain = np.where(frequency >= low, np.maximum(frequency, low) ** -slope, 0.0)
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) * gain).real
    return np.asarray(np.clip(0.5 + 0.2 * (field - field.mean()) / field.std(), 0, 1))


def mix(first: Array, second: Array, share: Array) -> Array:
    """Colours between `first` and `second` by `share` (h, w)."""
    return np.asarray(first + (second - first) * share[..., None])


def grid(size: int) -> tuple[Array, Array]:
    """Coordinates x to the right and y downwards, each (size, size) in 0..1."""
    axis = (np.arange(size) + 0.5) / size
    return np.broadcast_to(axis[None, :], (size, size)), np.broadcast_to(axis[:, None], (size, size))


def _per_cell(rng: np.random.Generator, rows: Array, columns: Array, count: int = 64) -> Array:
    tones = rng.random((count, count))
    return np.asarray(tones[rows.astype(int) % count, columns.astype(int) % count])


@painter
def plaster(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A painted wall: one colour, faint blotches, fine grain."""
    return c[0] * (0.93 + 0.09 * noise(size, rng, 1.6) + 0.05 * noise(size, rng, 0.3))[..., None]


@painter
def concrete(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Stained concrete with pits."""
    stained = c[0] * (0.72 + 0.38 * noise(size, rng, 1.7) + 0.12 * noise(size, rng, 0.5))[..., None]
    pits = (noise(size, rng, 0.6, low=30) > 0.93)[..., None]
    return np.where(pits, stained * 0.75, stained)


def _brickwork(size: int, rows: int, columns: int, gap: float) -> tuple[Array, Array, Array, Array]:
    x, y = grid(size)
    row = np.floor(y * rows)
    shifted = x * columns + 0.5 * (row % 2)
    column = np.floor(shifted) % columns
    inside = np.minimum(
        np.minimum(shifted % 1, 1 - shifted % 1) / columns, np.minimum(y * rows % 1, 1 - y * rows % 1) / rows
    )
    return row, column, (inside < gap).astype(float), y * rows % 1


@painter
def brick(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A running bond of bricks (two colours) in mortar (third)."""
    row, column, joint, _ = _brickwork(size, 16, 5, 0.005)
    stone = mix(c[0], c[1], _per_cell(rng, row, column)) * (0.75 + 0.45 * noise(size, rng, 0.7))[..., None]
    return mix(stone, c[2] * (0.8 + 0.3 * noise(size, rng, 0.5))[..., None], joint)


@painter
def shingles(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Roof tiles in rows, each row darker under the edge of the one above."""
    row, column, joint, fall = _brickwork(size, 10, 12, 0.003)
    tile = mix(c[0], c[1], _per_cell(rng, row, column)) * (0.6 + 0.5 * fall)[..., None]
    return tile * (1 - 0.45 * joint)[..., None] * (0.85 + 0.3 * noise(size, rng, 0.8))[..., None]


@painter
def planks(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Floor boards along x with grain, tone by board and dark joints."""
    x, y = grid(size)
    rows = 8
    row = np.floor(y * rows)
    along = (x + rng.random(rows)[row.astype(int)]) * 2
    tone = _per_cell(rng, row, np.floor(along) % 2)
    grain = noise(size, rng, 1.0, stretch=0.06)
    joint = (np.minimum(y * rows % 1, 1 - y * rows % 1) < 0.025) | (along % 1 < 0.006)
    board = mix(c[0], c[1], np.clip(0.55 * tone + 0.9 * (grain - 0.25), 0, 1))
    return np.where(joint[..., None], board * 0.45, board)


@painter
def wood(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """One piece of wood: rings drawn out along x."""
    warp = noise(size, rng, 1.8, stretch=0.12)
    rings = 0.5 + 0.5 * np.sin(math.tau * 7 * warp)
    return mix(c[0], c[1], np.clip(0.5 * rings + 0.6 * noise(size, rng, 0.8, stretch=0.05) - 0.1, 0, 1))


@painter
def herringbone(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Parquet squares of strips, turned by turns."""
    x, y = grid(size)
    cells = 6
    row, column = np.floor(y * cells), np.floor(x * cells)
    turned = (row + column) % 2 == 0
    strip = np.where(turned, x, y) * cells * 5
    tone = _per_cell(rng, row * 5 + np.floor(strip), column * 7 + np.floor(strip))
    grain = np.where(turned, noise(size, rng, 1, stretch=0.1).T, noise(size, rng, 1, stretch=0.1))
    joint = np.minimum(strip % 1, 1 - strip % 1) < 0.05
    board = mix(c[0], c[1], np.clip(0.6 * tone + 0.7 * (grain - 0.2), 0, 1))
    return np.where(joint[..., None], board * 0.6, board)


@painter
def tiles(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Square tiles (first colour, blotched towards the second) with grout (third)."""
    x, y = grid(size)
    cells = 4
    edge = np.minimum(np.minimum(x * cells % 1, 1 - x * cells % 1), np.minimum(y * cells % 1, 1 - y * cells % 1))
    tone = _per_cell(rng, np.floor(y * cells), np.floor(x * cells))
    tile = mix(c[0], c[1], np.clip(0.5 * tone + 0.8 * (noise(size, rng, 1.6) - 0.3), 0, 1))
    return np.where((edge < 0.022)[..., None], c[2], tile)


@painter
def checker(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Squares in two colours, slightly worn."""
    x, y = grid(size)
    odd = (np.floor(x * 4) + np.floor(y * 4)) % 2
    return mix(c[0], c[1], odd) * (0.85 + 0.25 * noise(size, rng, 1.4))[..., None]


@painter
def pavers(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Paving stones in rows."""
    row, column, joint, _ = _brickwork(size, 6, 3, 0.006)
    stone = mix(c[0], c[1], _per_cell(rng, row, column)) * (0.75 + 0.4 * noise(size, rng, 0.9))[..., None]
    return stone * (1 - 0.5 * joint)[..., None]


@painter
def stripes(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Upright stripes in two colours: wallpaper, awnings, curtains."""
    x, _ = grid(size)
    return mix(c[0], c[1], (np.floor(x * 8) % 2)) * (0.92 + 0.12 * noise(size, rng, 0.8))[..., None]


@painter
def damask(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Wallpaper with a repeated leaf ornament."""
    x, y = grid(size)
    row = np.floor(y * 4)
    u, v = (x * 4 + 0.5 * (row % 2)) % 1 - 0.5, y * 4 % 1 - 0.5
    radius, angle = np.hypot(u * 1.4, v), np.arctan2(v, u)
    petal = (radius < 0.28 + 0.12 * np.cos(6 * angle)) & (radius > 0.07)
    return mix(c[0], c[1], petal.astype(float)) * (0.93 + 0.1 * noise(size, rng, 0.7))[..., None]


@painter
def fabric(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Woven cloth."""
    x, y = grid(size)
    weave = 0.5 + 0.25 * (np.sin(math.tau * 80 * x) + np.sin(math.tau * 80 * y))
    return c[0] * (0.7 + 0.2 * weave + 0.25 * noise(size, rng, 0.8))[..., None]


@painter
def carpet(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Short pile in two tones."""
    return mix(c[0], c[1], np.clip(0.7 * noise(size, rng, 0.2) + 0.5 * noise(size, rng, 1.5) - 0.1, 0, 1))


@painter
def rug(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A rug over 0..1: borders, then diamonds, in three colours."""
    x, y = grid(size)
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    diamond = (np.abs(x * 6 % 1 - 0.5) + np.abs(y * 4 % 1 - 0.5)) * 2
    image = mix(c[0], c[1], (diamond < 0.75).astype(float))
    image = np.where((diamond < 0.35)[..., None], c[2], image)
    image = np.where((edge < 0.11)[..., None], c[1], image)
    image = np.where(((edge < 0.08) & (edge > 0.05))[..., None], c[2], image)
    return image * (0.75 + 0.4 * noise(size, rng, 0.4))[..., None]


@painter
def marble(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Veined stone."""
    vein = np.abs(np.sin(math.tau * (3 * noise(size, rng, 1.6) + noise(size, rng, 1.3))))
    return mix(c[1], c[0], vein**0.35)


@painter
def asphalt(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Road surface: speckle, stains and a few cracks."""
    stone = c[0] * (0.6 + 0.3 * noise(size, rng, 1.6) + 0.5 * noise(size, rng, 0.1))[..., None]
    crack = np.abs(noise(size, rng, 1.5) - 0.5) < 0.004
    return np.where(crack[..., None], stone * 0.5, stone)


@painter
def road(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A two-lane road over 0..1 across: asphalt, wheel tracks, edge lines, a dashed centre line (second colour)."""
    x, y = grid(size)
    image = asphalt(size, rng, c)
    tracks = sum(np.exp(-(((x - t) / 0.035) ** 2)) for t in (0.17, 0.36, 0.64, 0.83))
    image *= (1 - 0.22 * np.asarray(tracks))[..., None]
    line = (np.abs(x - 0.04) < 0.008) | (np.abs(x - 0.96) < 0.008) | ((np.abs(x - 0.5) < 0.008) & (y < 0.45))
    worn = line & (noise(size, rng, 0.8) < 0.72)
    return np.where(worn[..., None], c[1] * (0.85 + 0.2 * noise(size, rng, 0.6))[..., None], image)


@painter
def crossing(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A zebra crossing over 0..1."""
    x, _ = grid(size)
    bar = ((x * 9 % 1) < 0.5) & (noise(size, rng, 0.8) < 0.74)
    return np.where(bar[..., None], c[1] * (0.85 + 0.2 * noise(size, rng, 0.6))[..., None], asphalt(size, rng, c))


@painter
def grass(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A lawn: two greens in patches with fine blades and dry spots (third colour)."""
    patches = mix(c[0], c[1], np.clip(1.4 * noise(size, rng, 1.3) - 0.2, 0, 1))
    dry = np.clip(3 * (noise(size, rng, 1.2) - 0.6), 0, 0.7)
    return mix(patches, c[2], dry) * (0.4 + 1.1 * noise(size, rng, 0.25))[..., None]


@painter
def soil(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Earth or gravel: grains in two colours."""
    return mix(c[0], c[1], noise(size, rng, 0.4, low=8)) * (0.65 + 0.6 * noise(size, rng, 1.4))[..., None]


@painter
def furrows(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A field in rows along y: crop (first) between soil (second)."""
    x, _ = grid(size)
    ridge = 0.5 + 0.5 * np.sin(math.tau * 8 * (x + 0.02 * noise(size, rng, 1.4)))
    share = np.clip(ridge * 1.5 - 0.5 + 0.8 * (noise(size, rng, 0.6) - 0.5), 0, 1)
    return mix(c[1], c[0], share) * (0.6 + 0.7 * noise(size, rng, 0.3))[..., None]


@painter
def bark(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Upright cracks."""
    return c[0] * (0.35 + 1.1 * noise(size, rng, 0.9, stretch=0.15).T)[..., None]


@painter
def foliage(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Leaves: two greens over dark gaps."""
    leaf = mix(c[0], c[1], noise(size, rng, 0.5, low=10))
    return leaf * (0.25 + 1.3 * np.clip(noise(size, rng, 0.7, low=6), 0.1, 1))[..., None]


@painter
def metal(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Brushed or painted metal."""
    return c[0] * (0.85 + 0.25 * noise(size, rng, 0.8, stretch=0.1))[..., None]


@painter
def corrugated(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Corrugated sheet with rust (second colour)."""
    x, _ = grid(size)
    wave = 0.72 + 0.28 * np.clip(1.6 * np.sin(math.tau * 8 * x), -1, 1)
    rust = np.clip(6 * (noise(size, rng, 1.2) - 0.72), 0, 0.9)
    return mix(c[0], c[1], rust) * wave[..., None]


@painter
def siding(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """Overlapping boards on a house."""
    _, y = grid(size)
    shade = 0.72 + 0.28 * np.clip((y * 10 % 1) * 4, 0, 1)
    return c[0] * (shade * (0.88 + 0.2 * noise(size, rng, 0.9, stretch=0.1)))[..., None]


@painter
def palette(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """8 by 8 fields of colours near the given ones: books, cushions, flowers, boxes."""
    cells = np.stack([c[i % len(c)] for i in range(64)]) * (0.7 + 0.5 * rng.random((64, 1)))
    x, y = grid(size)
    return np.asarray(cells[(np.floor(y * 8) * 8 + np.floor(x * 8)).astype(int)])


@painter
def picture(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A painting over 0..1: hills under a sky, or discs and bars."""
    x, y = grid(size)
    image = mix(c[0], c[1], y)
    if rng.random() < 0.5:
        for i, level in enumerate((0.45, 0.6, 0.75)):
            phase, waves = rng.random() * math.tau, 1 + 2 * rng.random()
            hill = y > level + 0.08 * np.sin(math.tau * waves * x + phase)
            image = np.where(hill[..., None], c[(2 + i) % len(c)] * (1 - 0.15 * i), image)
    else:
        for i in range(9):
            u, v, r = rng.random(3)
            disc = np.hypot(x - u, y - v) < 0.06 + 0.16 * r
            bar = (np.abs(x - u) < 0.03 + 0.05 * r) & (np.abs(y - v) < 0.3)
            image = np.where((disc if i % 2 else bar)[..., None], c[i % len(c)], image)
    return image * (0.85 + 0.25 * noise(size, rng, 0.8))[..., None]


@painter
def screen(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A display over 0..1: windows with lines of text."""
    x, y = grid(size)
    image = mix(c[0], c[1], y)
    for left, top in ((0.06, 0.1), (0.52, 0.16)):
        inside = (x > left) & (x < left + 0.4) & (y > top) & (y < top + 0.66)
        image = np.where(inside[..., None], 0.92, image)
        lengths = rng.random(64)[np.floor(y * 32).astype(int)]
        text = inside & (y * 32 % 1 < 0.4) & (x - left > 0.03) & (x - left < 0.05 + 0.3 * lengths)
        image = np.where(text[..., None], 0.25, image)
    return image


@painter
def board(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """A blackboard over 0..1 with chalk marks (second colour)."""
    x, y = grid(size)
    image = c[0] * (0.8 + 0.5 * noise(size, rng, 1.5))[..., None]
    marks = np.zeros((size, size), dtype=bool)
    for i in range(6):
        wave = 0.015 * np.sin(math.tau * (18 + 9 * i) * x + 5 * noise(size, rng, 1.6))
        marks |= (np.abs(y - 0.15 - 0.12 * i - wave) < 0.004) & (x > 0.08) & (x < 0.3 + 0.5 * rng.random())
    return np.where(marks[..., None], c[1] * 0.9, image)


@painter
def view(size: int, rng: np.random.Generator, c: Sequence[Array]) -> Array:
    """What is seen out of a window over 0..1: sky, far houses or trees, a lawn."""
    _, y = grid(size)
    image = mix(c[0], np.ones(3), np.clip(y * 1.3, 0, 1) ** 2 * 0.7)
    cloud = np.clip(2.5 * (noise(size, rng, 1.7, stretch=0.6) - 0.55), 0, 1)
    image = mix(image, np.ones(3), cloud)
    ridge = 0.62 + 0.35 * (noise(size, rng, 1.5)[0] - 0.5)
    trees = y > ridge[None, :]
    image = np.where(trees[..., None], c[1] * (0.5 + 0.8 * noise(size, rng, 0.7))[..., None], image)
    return np.where((y > 0.84)[..., None], c[2] * (0.7 + 0.5 * noise(size, rng, 0.5))[..., None], image)


@functools.cache
def clouds(width: int, height: int, seed: int) -> Array:
    """Cloud density (height, width) in 0..1 on a latitude-longitude map, seamless in longitude."""
    rng = np.random.default_rng(seed_of("clouds", seed))
    field = noise(width, rng, 1.75, low=3)
    elevation = np.linspace(math.pi / 2, -math.pi / 2, height)
    # A flat layer of clouds: rows crowd towards the horizon.
    rows = (width / 14 / np.tan(np.maximum(elevation, 0.02))).astype(int) % width
    return np.asarray(field[rows])
