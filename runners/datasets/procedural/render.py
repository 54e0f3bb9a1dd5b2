"""Renders a scene with Mitsuba 3: an anti-aliased picture, and exact depth from one ray through each pixel centre.

Only this module needs Mitsuba and Open Image Denoise (extra `scenes`), and loads them when it renders. The
renderer compiles with LLVM: it looks for a shared library of LLVM 15 or later, or takes `DRJIT_LIBLLVM_PATH`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import importlib
import importlib.util
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runners.datasets.procedural import geometry, textures
from runners.datasets.procedural.scene import Camera, Material, Scene, Sun

Array = npt.NDArray[np.float64]
VARIANT = "llvm_ad_rgb"
SKY_WIDTH, SKY_HEIGHT = 1024, 512
BOUNCES = {"indoor": 6, "outdoor": 4}
FLOAT3 = 3  # OIDN_FORMAT_FLOAT3
RAYS_TOLERANCE = 2e-5
MATT = 0.8  # from this roughness on a surface is rendered as purely diffuse


@dataclasses.dataclass(frozen=True)
class Frame:
    """What one camera saw.

    Attributes:
        rgb: (h, w, 3) sRGB.
        depth: (h, w) planar depth in metres, 0 where there is none (sky).
        refused: (h, w) true where a mirror or window pane shows something that is not at its own depth.
    """

    rgb: npt.NDArray[np.uint8]
    depth: Array
    refused: npt.NDArray[np.bool_]


def load_mitsuba() -> Any:
    """Mitsuba with its variant chosen; a sentence instead of a traceback where it is not installed."""
    try:
        import mitsuba
    except ImportError as error:
        raise RuntimeError("Mitsuba is not installed: pip install 'fathom-depth[scenes]'") from error
    mitsuba.set_variant(VARIANT)
    return mitsuba


def render(scene: Scene, samples: int) -> Frame:
    """Picture and depth of a scene.

    Args:
        scene: what to render.
        samples: rays for each pixel of the picture (the depth always takes one).

    Raises:
        RuntimeError: Mitsuba is missing, or its rays are not those of the camera's K.
    """
    mi = load_mitsuba()
    with tempfile.TemporaryDirectory() as folder:
        shapes = _shapes(mi, scene, Path(folder))
        lights = _daylight(mi, scene.sun) if scene.sun else {}
        world = mi.load_dict({"type": "scene", "sensor": _sensor(scene.camera), **shapes, **lights})
    _check_rays(mi, world.sensors()[0], scene.camera)
    depth, refused = _depth(mi, world, scene)
    light, albedo, normal = _trace(mi, world, BOUNCES[scene.setting], samples)
    if scene.sun and scene.sun.visibility_m:
        light = _hazy(mi, world, scene.camera, scene.sun, light)
    return Frame(_encode(_denoise(_expose(light), albedo, normal)), depth, refused)


def _trace(mi: Any, world: Any, bounces: int, samples: int) -> tuple[Array, Array, Array]:
    """Radiance, albedo and shading normal, each (h, w, 3)."""
    path = {"type": "path", "max_depth": bounces}
    integrator = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal", "image": path})
    layers = np.array(mi.render(world, sensor=0, integrator=integrator, spp=samples, seed=1), dtype=float)
    colours = layers.shape[2] - 6
    return layers[..., :3], layers[..., colours : colours + 3], layers[..., colours + 3 :]


def _shapes(mi: Any, scene: Scene, folder: Path) -> dict[str, Any]:
    shapes = {}
    for index, (material, mesh) in enumerate(scene.meshes()):
        path = folder / f"{index}.ply"
        _write_ply(mi, mesh, path)
        shapes[f"shape{index}"] = {"type": "ply", "filename": str(path), "id": f"shape{index}", **_look(mi, material)}
    return shapes


def _write_ply(mi: Any, mesh: geometry.Mesh, path: Path) -> None:
    count, faces = len(mesh.vertices), len(mesh.faces)
    shape = mi.Mesh(path.stem, count, faces, has_vertex_normals=True, has_vertex_texcoords=True)
    params = mi.traverse(shape)
    params["vertex_positions"] = mesh.vertices.ravel().astype(np.float32)
    params["vertex_normals"] = geometry.normals(mesh).ravel().astype(np.float32)
    params["vertex_texcoords"] = mesh.uv.ravel().astype(np.float32)
    params["faces"] = mesh.faces.ravel().astype(np.uint32)
    params.update()
    shape.write_ply(str(path))


def _look(mi: Any, material: Material) -> dict[str, Any]:
    if material.kind == "mirror":
        return {"bsdf": {"type": "twosided", "nested": {"type": "conductor", "material": "Ag"}}}
    image = _texture(mi, material)
    surface: dict[str, Any] = {"type": "diffuse", "reflectance": image}
    if material.roughness < MATT:
        surface = {"type": "principled", "base_color": image, "roughness": material.roughness, "specular": 0.5}
    look: dict[str, Any] = {"bsdf": {"type": "twosided", "nested": surface}}
    if material.glow:
        look["emitter"] = {"type": "area", "radiance": _texture(mi, material, material.glow)}
    return look


def _texture(mi: Any, material: Material, gain: float | None = None) -> dict[str, Any]:
    # Row 0 of a bitmap is at v = 0, which is the lower edge of our surfaces.
    pixels = textures.paint(material.pattern, material.colours, material.seed)[::-1].copy()
    scale = mi.ScalarTransform3f().scale([1 / material.period, 1 / material.period])
    image: dict[str, Any] = {"type": "bitmap", "to_uv": scale}
    if gain is None:
        return {**image, "bitmap": mi.Bitmap(pixels)}
    return {**image, "bitmap": mi.Bitmap((_linear(pixels) * gain).astype(np.float32)), "raw": True}


def _linear(pixels: npt.NDArray[np.uint8]) -> Array:
    value = pixels.astype(float) / 255
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4))


def _sensor(camera: Camera) -> dict[str, Any]:
    import mitsuba as mi

    _, down, forward = camera.axes
    origin = np.array(camera.position)
    place = mi.ScalarTransform4f().look_at(list(origin), list(origin + forward), list(-down))
    return {
        "type": "perspective",
        "fov": camera.hfov_deg,
        "fov_axis": "x",
        "principal_point_offset_x": -camera.shift_px[0] / camera.width,
        "principal_point_offset_y": -camera.shift_px[1] / camera.height,
        "near_clip": 0.01,
        "far_clip": 10000.0,
        "to_world": place,
        "film": {
            "type": "hdrfilm",
            "width": camera.width,
            "height": camera.height,
            "rfilter": {"type": "box"},  # others correlate the noise of neighbours, which the denoiser keeps
        },
    }


def _centres(camera: Camera) -> tuple[Array, Array]:
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    return u.ravel().astype(float), v.ravel().astype(float)


def _check_rays(mi: Any, sensor: Any, camera: Camera) -> None:
    """The picture's camera and K must be one and the same: compare their rays at all pixel centres."""
    u, v = _centres(camera)
    film = mi.Point2f((u + 0.5) / camera.width, (v + 0.5) / camera.height)
    ray, _ = sensor.sample_ray(0.0, 0.5, film, mi.Point2f(0.5))
    theirs = np.array(ray.d, dtype=float).reshape(3, -1).T
    ours = camera.rays(u, v)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    worst = float(np.abs(theirs - ours).max())
    if worst > RAYS_TOLERANCE:
        raise RuntimeError(f"{camera}: the renderer's rays differ from those of K by up to {worst:.2e}")


def _depth_at(mi: Any, world: Any, camera: Camera, u: Array, v: Array) -> tuple[Array, Any]:
    rays = camera.rays(u, v)
    length = np.linalg.norm(rays, axis=1)
    direction = mi.Vector3f(*(rays / length[:, None]).T.astype(np.float32))
    origin = mi.Point3f(*(float(part) for part in camera.position))
    hit = world.ray_intersect(mi.Ray3f(origin, direction))
    # A ray of length 1 along the axis measures planar depth, so the ray distance is divided by its length.
    distance = np.array(hit.t, dtype=float)
    return np.where(np.isfinite(distance), distance / length, 0.0), hit


def _depth(mi: Any, world: Any, scene: Scene) -> tuple[Array, npt.NDArray[np.bool_]]:
    size = (scene.camera.height, scene.camera.width)
    depth, hit = _depth_at(mi, world, scene.camera, *_centres(scene.camera))
    refused = np.zeros(depth.shape, dtype=bool)
    shapes = {shape.id(): shape for shape in world.shapes()}
    for index, (material, _) in enumerate(scene.meshes()):
        if material.kind != "surface":
            refused |= np.array(hit.shape == mi.ShapePtr(shapes[f"shape{index}"]), dtype=bool)
    return depth.reshape(size), refused.reshape(size)


def _sky(mi: Any, sun: Sun) -> tuple[Array, Array]:
    """Radiance (h, w, 3) of the sky model with clouds laid over it, and the directions of its pixels."""
    elevation = (0.5 - (np.arange(SKY_HEIGHT) + 0.5) / SKY_HEIGHT) * math.pi
    azimuth = ((np.arange(SKY_WIDTH) + 0.5) / SKY_WIDTH) * math.tau
    phi, theta = np.meshgrid(azimuth, elevation)
    ways = np.stack([np.cos(theta) * np.sin(phi), np.cos(theta) * np.cos(phi), np.sin(theta)], axis=-1)
    model = mi.load_dict(
        {"type": "sunsky", "turbidity": sun.turbidity, "sun_direction": list(sun.direction), "sun_scale": 0.0}
    )
    above = ways.copy()
    above[..., 2] = np.maximum(above[..., 2], 0.01)
    above /= np.linalg.norm(above, axis=-1, keepdims=True)
    query = _empty_interaction(mi, above.reshape(-1, 3))
    clear = np.array(model.eval(query), dtype=float).reshape(3, -1).T.reshape(ways.shape)
    return _cloudy(clear, sun), ways


def _empty_interaction(mi: Any, ways: Array) -> Any:
    import drjit

    query = drjit.zeros(mi.SurfaceInteraction3f, len(ways))
    query.wi = mi.Vector3f(*(-ways.T).astype(np.float32))
    return query


def _cloudy(clear: Array, sun: Sun) -> Array:
    density = textures.clouds(SKY_WIDTH, SKY_HEIGHT, int(sun.azimuth_deg * 10))
    edge = 0.80 - 0.62 * sun.clouds
    share = np.clip((density - edge) / 0.22, 0, 1) * (0.95 if sun.clouds else 0)
    grey = float(clear[: SKY_HEIGHT // 2].mean())
    bright = grey * (1.1 + 1.2 * min(sun.strength, 3) / 3)
    lit = bright * (1.25 - 0.75 * np.clip((density - edge) / 0.6, 0, 1))[..., None] * np.array([1.0, 0.99, 0.97])
    return np.asarray(clear + (lit - clear) * share[..., None])


def _daylight(mi: Any, sun: Sun) -> dict[str, Any]:
    sky, ways = _sky(mi, sun)
    solid = (math.tau / SKY_WIDTH) * (math.pi / SKY_HEIGHT) * np.sqrt(1 - ways[..., 2] ** 2)
    diffuse = float((sky.mean(axis=2) * np.maximum(ways[..., 2], 0) * solid).sum())
    lights: dict[str, Any] = {"sky": _envmap(mi, sky)}
    if sun.strength:
        direct = diffuse * sun.strength / max(sun.direction[2], 0.15)
        warmth = np.clip(1.2 - sun.elevation_deg / 60, 0, 1)
        tint = np.array([1.0, 0.97 - 0.14 * warmth, 0.92 - 0.36 * warmth])
        way = [-part for part in sun.direction]
        colour = {"type": "rgb", "value": list(direct * tint)}
        lights["sun"] = {"type": "directional", "direction": way, "irradiance": colour}
    return lights


def _envmap(mi: Any, sky: Array) -> dict[str, Any]:
    # Mitsuba's map: y up, u = 0 at +z, growing towards -x. Ours: z up, azimuth 0 at +y, growing towards +x.
    turn = mi.ScalarTransform4f(
        [[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    )
    return {"type": "envmap", "bitmap": mi.Bitmap(sky.astype(np.float32)), "to_world": turn}


def _hazy(mi: Any, world: Any, camera: Camera, sun: Sun, light: Array) -> Array:
    """Single-scattering haze over the picture: light * T + airlight * (1 - T), T averaged over 16 rays a pixel."""
    extinction = 3.912 / (sun.visibility_m or math.inf)
    u, v = _centres(camera)
    clear = np.zeros(len(u))
    for i in range(16):
        depth, hit = _depth_at(mi, world, camera, u + (i % 4 + 0.5) / 4 - 0.5, v + (i // 4 + 0.5) / 4 - 0.5)
        distance = np.array(hit.t, dtype=float)
        clear += np.exp(-extinction * np.where(depth > 0, distance, 0.0)) / 16
    sky, ways = _sky(mi, sun)
    horizon = sky[np.abs(ways[..., 2]) < 0.06].mean(axis=0)
    share = clear.reshape(light.shape[:2])[..., None]
    return np.asarray(light * share + horizon * (1 - share))


def _expose(light: Array) -> Array:
    """Linear values in 0..1: exposure by the picture's own brightness, then a soft shoulder."""
    grey = light.mean(axis=2)
    middle = float(np.exp(np.log(np.maximum(grey, 1e-6)).mean()))
    value = light * 0.26 / max(middle**0.7 * float(np.percentile(grey, 90)) ** 0.3, 1e-6)
    return np.asarray(np.clip(1.12 * value * (1 + value / 6.0) / (1 + value), 0, 1))


def _denoise(value: Array, albedo: Array, normal: Array) -> Array:
    """The picture without the noise of path tracing: Intel Open Image Denoise, guided by albedo and normals."""
    capi = _load_denoiser()
    height, width = value.shape[:2]
    result = np.zeros((height, width, 3), dtype=np.float32)
    layers = {"color": value, "albedo": np.clip(albedo, 0, 1), "normal": normal}
    images = {name: np.ascontiguousarray(layer, dtype=np.float32) for name, layer in layers.items()}
    device = capi.NewDevice()
    capi.CommitDevice(device)
    task = capi.NewFilter(device, "RT")
    for name, image in {**images, "output": result}.items():
        capi.SetSharedFilterImage(task, name, image, FLOAT3, width, height)
    capi.CommitFilter(task)
    capi.ExecuteFilter(task)
    capi.ReleaseFilter(task)
    capi.ReleaseDevice(device)
    return result.astype(float)


def _load_denoiser() -> Any:
    """The C interface of Open Image Denoise. Its Linux wheel looks for TBB by a name that it does not ship."""
    spec = importlib.util.find_spec("oidn")
    if spec is None or spec.origin is None:
        raise RuntimeError("Open Image Denoise is not installed: pip install 'fathom-depth[scenes]'")
    for library in Path(spec.origin).parent.glob("lib.linux.x64/libtbb.so.*"):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    return importlib.import_module("oidn.capi")


def _encode(value: Array) -> npt.NDArray[np.uint8]:
    srgb = np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(srgb * 255 + 0.5, 0, 255), dtype=np.uint8)
