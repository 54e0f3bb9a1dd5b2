"""Triangle meshes of the procedural scenes: a few primitives, in metres, z up, and how they are placed.

Texture coordinates are in metres along the surface, so that a material decides its own scale.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles: vertices (n, 3) in metres, faces (m, 3) of vertex numbers, uv (n, 2) in metres."""

    vertices: Array
    faces: Faces
    uv: Array

    def at(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> Mesh:
        """The mesh turned by `yaw` degrees about z (counter-clockwise from above), then shifted."""
        cos, sin = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        return dataclasses.replace(self, vertices=self.vertices @ turn.T + np.array([x, y, z]))

    def tilted(self, degrees: float, axis: int = 0) -> Mesh:
        """The mesh turned about the x (0) or y (1) axis through the origin."""
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        first, second = ((1, 2), (2, 0))[axis]
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = cos
        turn[first, second], turn[second, first] = -sin, sin
        return dataclasses.replace(self, vertices=self.vertices @ turn.T)

    def stretched(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Mesh:
        """The mesh scaled along its axes (positive factors; texture coordinates stay)."""
        return dataclasses.replace(self, vertices=self.vertices * np.array([x, y, z]))

    def tinted(self, u: float, v: float) -> Mesh:
        """The mesh with one texture coordinate everywhere: one colour out of a palette texture."""
        return dataclasses.replace(self, uv=np.tile([[u, v]], (len(self.uv), 1)))

    def draped(self) -> Mesh:
        """The mesh with its pattern laid on from above, as a cloth over it."""
        return dataclasses.replace(self, uv=self.vertices[:, :2].copy())

    def rough(self, amount: float, seed: int, frequency: float = 2.0) -> Mesh:
        """The mesh with vertices pushed by a smooth pseudo-random field of up to about `amount` metres."""
        rng = np.random.default_rng(seed)
        offset = np.zeros_like(self.vertices)
        for octave in range(3):
            waves = (rng.random((3, 3)) - 0.5) * 2 * frequency * 2**octave
            phase = rng.random(3) * 2 * math.pi
            offset += np.sin(self.vertices @ waves.T + phase) * amount / 2**octave / 2
        return dataclasses.replace(self, vertices=self.vertices + offset)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.uv for mesh in meshes]),
    )


def quad(corners: Sequence[Sequence[float]], unit: bool = False) -> Mesh:
    """A flat quadrilateral; corners counter-clockwise seen from its front, uv in metres or 0..1 (`unit`)."""
    vertices = np.array(corners, dtype=float)
    width = 1.0 if unit else float(np.linalg.norm(vertices[1] - vertices[0]))
    height = 1.0 if unit else float(np.linalg.norm(vertices[3] - vertices[0]))
    uv = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
    return Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]]), uv)


def floor(x0: float, x1: float, y0: float, y1: float, z: float = 0.0, unit: bool = False) -> Mesh:
    """A horizontal rectangle that looks up; uv are world x and y, so that neighbours fit together."""
    mesh = quad([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], unit)
    return mesh if unit else dataclasses.replace(mesh, uv=mesh.vertices[:, :2].copy())


def panel(width: float, height: float, unit: bool = True) -> Mesh:
    """An upright rectangle centred on x, standing on z = 0, that looks towards -y."""
    half = width / 2
    return quad([(-half, 0, 0), (half, 0, 0), (half, 0, height), (-half, 0, height)], unit)


def box(width: float, depth: float, height: float) -> Mesh:
    """A box centred on x and y, standing on z = 0."""
    x, y = width / 2, depth / 2
    sides: list[list[tuple[float, float, float]]] = [
        [(-x, -y, 0), (x, -y, 0), (x, -y, height), (-x, -y, height)],
        [(x, y, 0), (-x, y, 0), (-x, y, height), (x, y, height)],
        [(x, -y, 0), (x, y, 0), (x, y, height), (x, -y, height)],
        [(-x, y, 0), (-x, -y, 0), (-x, -y, height), (-x, y, height)],
        [(-x, -y, height), (x, -y, height), (x, y, height), (-x, y, height)],
        [(-x, y, 0), (x, y, 0), (x, -y, 0), (-x, -y, 0)],
    ]
    return join([quad(side) for side in sides])


def surface(function: Callable[[Array, Array], Sequence[Array]], across: int, along: int) -> Mesh:
    """A grid of quads over u, v in 0..1: `function(u, v)` gives x, y, z and the two texture coordinates."""
    u, v = np.meshgrid(np.linspace(0, 1, across + 1), np.linspace(0, 1, along + 1))
    x, y, z, s, t = (np.broadcast_to(part, u.shape).ravel() for part in function(u, v))
    corner = (np.arange(along)[:, None] * (across + 1) + np.arange(across)).ravel()
    a, b, c, d = corner, corner + 1, corner + across + 2, corner + across + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return Mesh(np.stack([x, y, z], 1), faces, np.stack([s, t], 1))


def lathe(profile: Sequence[tuple[float, float]], segments: int = 24) -> Mesh:
    """A body of revolution about z; each piece of the (radius, z) profile is shaded on its own."""
    parts = []
    for (r0, z0), (r1, z1) in pairwise(profile):
        parts.append(_cone(r0, z0, r1, z1, segments))
    return join(parts)


def _cone(r0: float, z0: float, r1: float, z1: float, segments: int) -> Mesh:
    length = math.hypot(r1 - r0, z1 - z0)
    girth = math.tau * max(r0, r1)

    def shape(u: Array, v: Array) -> Sequence[Array]:
        radius, angle = r0 + (r1 - r0) * v, math.tau * u
        return radius * np.cos(angle), radius * np.sin(angle), z0 + (z1 - z0) * v, u * girth, z0 + v * length

    return surface(shape, segments, 1)


def cylinder(radius: float, height: float, top: float | None = None, segments: int = 20) -> Mesh:
    """A closed upright cylinder, or a cone frustum with the radius `top` above."""
    end = radius if top is None else top
    return lathe([(0.0, 0.0), (radius, 0.0), (end, height), (0.0, height)], segments)


def rod(start: Sequence[float], end: Sequence[float], radius: float, segments: int = 8) -> Mesh:
    """A thin cylinder between two points."""
    a, b = np.array(start, dtype=float), np.array(end, dtype=float)
    length = float(np.linalg.norm(b - a))
    axis = (b - a) / length
    side = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    turn = np.stack([side, np.cross(axis, side), axis])
    mesh = cylinder(radius, length, segments=segments)
    return dataclasses.replace(mesh, vertices=mesh.vertices @ turn + a)


def cushion(width: float, depth: float, height: float, power: float = 0.3, detail: int = 16) -> Mesh:
    """A superellipsoid standing on z = 0: a ball at power 1, a box with soft edges near 0."""

    def signed(value: Array) -> Array:
        return np.sign(value) * np.abs(value) ** power

    def shape(u: Array, v: Array) -> Sequence[Array]:
        angle, lift = math.tau * u, math.pi * (v - 0.5)
        ring = signed(np.cos(lift))
        x, y = ring * signed(np.cos(angle)) * width / 2, ring * signed(np.sin(angle)) * depth / 2
        z = (signed(np.sin(lift)) + 1) * height / 2
        return x, y, z, u * 2 * (width + depth), v * 2 * height

    return surface(shape, detail * 2, detail)


def ball(radius: float, detail: int = 12) -> Mesh:
    """A sphere that stands on z = 0."""
    return cushion(2 * radius, 2 * radius, 2 * radius, 1.0, detail)


def prism(outline: Sequence[tuple[float, float]], width: float, inset: Sequence[float] | None = None) -> Mesh:
    """A convex outline in (y, z), counter-clockwise seen from +x, drawn out along x and centred on it.

    Args:
        outline: the corners.
        width: extent along x in metres.
        inset: for each corner, by how much each end is drawn in (a roof narrower than its body).
    """
    drawn = inset or [0.0] * len(outline)
    right = [(width / 2 - d, y, z) for (y, z), d in zip(outline, drawn, strict=True)]
    left = [(-width / 2 + d, y, z) for (y, z), d in zip(outline, drawn, strict=True)]
    count = len(outline)
    sides = [quad([right[i], left[i], left[(i + 1) % count], right[(i + 1) % count]]) for i in range(count)]
    fan = np.array([[0, i, i + 1] for i in range(1, count - 1)])
    flat = np.array(outline, dtype=float)
    caps = [Mesh(np.array(right), fan, flat), Mesh(np.array(left), fan[:, ::-1].copy(), flat)]
    return join(sides + caps)


def wall(length: float, height: float, holes: Sequence[tuple[float, float, float, float]] = ()) -> Mesh:
    """An upright wall along x from 0 to `length`, looking towards -y, with holes (x0, x1, z0, z1)."""
    xs = sorted({0.0, length, *(edge for hole in holes for edge in hole[:2])})
    zs = sorted({0.0, height, *(edge for hole in holes for edge in hole[2:])})
    parts = []
    for x0, x1 in pairwise(xs):
        for z0, z1 in pairwise(zs):
            x, z = (x0 + x1) / 2, (z0 + z1) / 2
            if not any(h[0] < x < h[1] and h[2] < z < h[3] for h in holes):
                part = quad([(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)])
                parts.append(dataclasses.replace(part, uv=part.vertices[:, ::2].copy()))
    return join(parts)


def relief(x0: float, x1: float, y0: float, y1: float, height: Callable[[Array, Array], Array], cells: int) -> Mesh:
    """A height field over a rectangle: `height(x, y)` in metres on a grid of `cells` by `cells`."""

    def shape(u: Array, v: Array) -> Sequence[Array]:
        x, y = x0 + (x1 - x0) * u, y0 + (y1 - y0) * v
        return x, y, height(x, y), x, y

    return surface(shape, cells, cells)


def leaves(points: Array, size: float, seed: int) -> Mesh:
    """A small randomly turned triangle at each point: the ragged edge of a crown, hedge or lawn."""
    rng = np.random.default_rng(seed)
    corners = points[:, None, :] + (rng.random((len(points), 3, 3)) - 0.5) * 2 * size
    uv = np.repeat(rng.random((len(points), 2)) * 3, 3, axis=0)
    return Mesh(corners.reshape(-1, 3), np.arange(3 * len(points)).reshape(-1, 3), uv)


def normals(mesh: Mesh) -> Array:
    """Area-weighted vertex normals (n, 3): smooth where faces share vertices, flat where they do not."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    total = np.zeros_like(mesh.vertices)
    for i in range(3):
        np.add.at(total, mesh.faces[:, i], face)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0, total / np.maximum(length, 1e-30), [0.0, 0.0, 1.0])
