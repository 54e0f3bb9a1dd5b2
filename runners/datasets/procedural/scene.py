"""What a scene is: materials on triangle meshes, a camera, light. Nothing here needs the renderer."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np

from runners.datasets.procedural.geometry import Array, Mesh, join
from runners.datasets.procedural.textures import seed_of

Item = TypeVar("Item")


class Dice:
    """Choices that depend on the seed alone (only `Generator.random` is used: its stream is stable)."""

    def __init__(self, *seed: object) -> None:
        self._rng = np.random.default_rng(seed_of(*seed))

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * float(self._rng.random())

    def count(self, low: int, high: int) -> int:
        """A whole number in low..high, both included."""
        return low + int(self._rng.random() * (high - low + 1))

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[int(self._rng.random() * len(items))]

    def chance(self, share: float) -> bool:
        """True in `share` of the cases."""
        return bool(self._rng.random() < share)

    def points(self, count: int) -> Array:
        """Points (count, 3), each coordinate in [0, 1)."""
        return np.asarray(self._rng.random((count, 3)))


@dataclasses.dataclass(frozen=True)
class Material:
    """How a surface looks.

    Attributes:
        pattern: a painter of `textures`.
        colours: sRGB codes the painter uses.
        period: metres that one texture covers (1 where the mesh has uv in 0..1).
        roughness: 0 (mirror-like) to 1 (matt).
        glow: emitted radiance; 0 for ordinary surfaces.
        kind: `surface`; `mirror` (perfect, its depth is invalid); `pane` (a window that shows the outside as
            an image, its depth is invalid).
        seed: of the texture.
    """

    pattern: str
    colours: tuple[str, ...]
    period: float = 1.0
    roughness: float = 0.9
    glow: float = 0.0
    kind: Literal["surface", "mirror", "pane"] = "surface"
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion; pixel centres lie at whole numbers, so K is in index coordinates.

    Attributes:
        width: pixels.
        height: pixels.
        hfov_deg: horizontal field of view.
        position: of the centre of projection, metres, z up; the ground or floor is z = 0.
        yaw_deg: heading, 0 along +y, positive towards +x.
        pitch_deg: positive looks down.
        roll_deg: turn about the optical axis.
        shift_px: offset of the principal point from the image centre.
    """

    width: int
    height: int
    hfov_deg: float
    position: tuple[float, float, float]
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)

    @property
    def intrinsics(self) -> tuple[float, float, float, float]:
        """fx, fy, cx, cy in pixels."""
        focal = self.width / 2 / math.tan(math.radians(self.hfov_deg) / 2)
        return focal, focal, (self.width - 1) / 2 + self.shift_px[0], (self.height - 1) / 2 + self.shift_px[1]

    @property
    def axes(self) -> Array:
        """Rows: right, down and forward of the camera in world coordinates."""
        yaw, pitch, roll = (math.radians(a) for a in (self.yaw_deg, self.pitch_deg, self.roll_deg))
        cos = math.cos(pitch)
        forward = np.array([math.sin(yaw) * cos, math.cos(yaw) * cos, -math.sin(pitch)])
        level = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
        down = np.cross(forward, level)
        right = math.cos(roll) * level + math.sin(roll) * down
        return np.stack([right, np.cross(forward, right), forward])

    def rays(self, u: Array, v: Array) -> Array:
        """World directions (n, 3) through pixel coordinates, of length 1 *along the optical axis*.

        Distance along such a ray is therefore planar depth.
        """
        fx, fy, cx, cy = self.intrinsics
        return np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], axis=-1) @ self.axes


@dataclasses.dataclass(frozen=True)
class Sun:
    """Daylight.

    Attributes:
        azimuth_deg: where the sun stands, 0 along +y, positive towards +x.
        elevation_deg: above the horizon.
        strength: direct over diffuse irradiance on a horizontal plane; 0 for an overcast sky.
        clouds: cloud cover, 0 to 1.
        turbidity: of the sky model (2 very clear to 10 hazy).
        visibility_m: meteorological range, extinction = 3.912 / range (Koschmieder); None for clear air.
    """

    azimuth_deg: float
    elevation_deg: float
    strength: float = 3.0
    clouds: float = 0.3
    turbidity: float = 3.0
    visibility_m: float | None = None

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector towards the sun."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        flat = math.cos(elevation)
        return flat * math.sin(azimuth), flat * math.cos(azimuth), math.sin(elevation)


@dataclasses.dataclass
class Scene:
    """One scene: meshes by material, camera and light; `add` collects the meshes."""

    name: str
    setting: Literal["indoor", "outdoor"]
    camera: Camera
    sun: Sun | None = None
    parts: dict[Material, list[Mesh]] = dataclasses.field(default_factory=dict)

    def add(self, material: Material, *meshes: Mesh) -> None:
        """Put meshes of one material into the scene."""
        self.parts.setdefault(material, []).extend(meshes)

    def meshes(self) -> list[tuple[Material, Mesh]]:
        """One mesh for each material, in a fixed order."""
        return [(material, join(meshes)) for material, meshes in self.parts.items()]

    def fingerprint(self) -> str:
        """sha256 over camera, light, materials and all vertices to 0.1 mm: equal scenes have equal prints."""
        digest = hashlib.sha256(repr((self.name, self.setting, self.camera, self.sun)).encode())
        for material, mesh in self.meshes():
            digest.update(repr(material).encode())
            digest.update(np.round(mesh.vertices * 1e4).astype("<i8").tobytes())
            digest.update(mesh.faces.astype("<i8").tobytes())
        return digest.hexdigest()
