"""Makes the bundled data set: `python -m runners.datasets.procedural.generate --out DIR`.

The scenes follow from `SEED` alone; rendering needs the extra `scenes` (Mitsuba 3, Open Image Denoise).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from runners.datasets.procedural import indoor, outdoor
from runners.datasets.procedural.render import VARIANT, render
from runners.datasets.procedural.scene import Dice, Scene
from sitegen.files import write_aside

VERSION = 1
SEED = 20261122
SAMPLES = 20
SCALE = {"indoor": 0.001, "outdoor": 1 / 256}
MAX_M = {"indoor": 10.0, "outdoor": 80.0}
COUNTS = {
    "test": {
        "indoor": {name: 3 if name in ("living", "bedroom", "kitchen", "dining") else 2 for name in indoor.RECIPES},
        "outdoor": dict.fromkeys(outdoor.RECIPES, 3),
    },
    "train": {
        "indoor": dict.fromkeys(("living", "office", "library", "storeroom"), 1),
        "outdoor": dict.fromkeys(("town", "country", "park", "square"), 1),
    },
}


def plan() -> dict[str, str]:
    """Split of every image by its id, such as `indoor/kitchen-2`; train scenes are numbered after the test scenes."""
    splits: dict[str, str] = {}
    used: dict[str, int] = {}
    for split, settings in COUNTS.items():
        for setting, recipes in settings.items():
            for recipe, count in recipes.items():
                for _ in range(count):
                    used[recipe] = used.get(recipe, 0) + 1
                    splits[f"{setting}/{recipe}-{used[recipe]}"] = split
    return splits


def describe(image_id: str) -> Scene:
    """The scene of an image; the same for the same id, on every machine and without the renderer."""
    setting, _, name = image_id.partition("/")
    recipe = name.rpartition("-")[0]
    recipes = indoor.RECIPES if setting == "indoor" else outdoor.RECIPES
    return recipes[recipe](image_id, Dice(SEED, image_id))


def stored(depth: npt.NDArray[np.float64], refused: npt.NDArray[np.bool_], setting: str) -> npt.NDArray[np.uint16]:
    """Depth in metres as stored: multiples of the scale; 0 for sky, mirrors, panes and beyond the range."""
    valid = (depth > 0) & (depth <= MAX_M[setting]) & ~refused
    return np.asarray(np.where(valid, np.round(depth / SCALE[setting]), 0), dtype=np.uint16)


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG aside, then put it in place."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    write_aside(path, buffer.getvalue())


def files(image_id: str) -> dict[str, str]:
    """Paths of an image and of its depth, relative to the index."""
    return {"rgb": f"{image_id}.png", "depth": f"{image_id}-depth.png"}


def entry(image_id: str, split: str) -> dict[str, Any]:
    """What the manifest says of one image."""
    setting = image_id.partition("/")[0]
    return {
        "id": image_id,
        "group": image_id,
        "split": split,
        **files(image_id),
        "encoding": "png16",
        "scale": SCALE[setting],
        "K": [round(value, 6) for value in describe(image_id).camera.intrinsics],
        "max_m": MAX_M[setting],
        "synthetic": True,
    }


def origin(image_id: str, out: Path) -> dict[str, Any]:
    """Where one image comes from: hashes of its files, print of its scene, its camera."""
    scene = describe(image_id)
    camera = scene.camera
    hashes = {name: hashlib.sha256((out / path).read_bytes()).hexdigest() for name, path in files(image_id).items()}
    return {
        "id": image_id,
        "sha256": hashes,
        "scene_sha256": scene.fingerprint(),
        "camera": {
            "size": [camera.width, camera.height],
            "hfov_deg": camera.hfov_deg,
            "height_m": round(camera.position[2], 6),
            "pitch_deg": round(camera.pitch_deg, 6),
            "roll_deg": round(camera.roll_deg, 6),
            "principal_point_shift_px": list(camera.shift_px),
        },
    }


def write_index(out: Path) -> None:
    """Write `index.json` (the manifest) and `scenes.json` (provenance) for the images that lie in `out`.

    Raises:
        click.ClickException: an image of the plan is missing.
    """
    splits = plan()
    missing = [path for image_id in splits for path in files(image_id).values() if not (out / path).is_file()]
    if missing:
        raise click.ClickException(f"{out}: not rendered yet: {', '.join(missing)}")
    note = (
        "paths relative to this file; metres = stored value * scale, along the optical axis; 0 = invalid "
        "(sky, beyond max_m, mirrors, window panes); K = [fx,fy,cx,cy], pixel centres at whole numbers"
    )
    index = {"note": note, "samples": [entry(image_id, split) for image_id, split in splits.items()]}
    generator = {
        "version": VERSION,
        "seed": SEED,
        "samples_per_pixel": SAMPLES,
        "variant": VARIANT,
        "renderer": f"mitsuba {importlib.metadata.version('mitsuba')}",
        "denoiser": f"oidn {importlib.metadata.version('oidn')} (Open Image Denoise 1.4.3)",
        "numpy": np.__version__,
    }
    scenes = {"generator": generator, "images": [origin(image_id, out) for image_id in splits]}
    for name, content in (("index.json", index), ("scenes.json", scenes)):
        write_aside(out / name, (json.dumps(content, indent=1) + "\n").encode())


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@click.option("--only", multiple=True, help="Render this id alone (repeatable); the others must be there already.")
def main(out: Path, only: tuple[str, ...]) -> None:
    """Render the procedural data set."""
    unknown = sorted(set(only) - set(plan()))
    if unknown:
        raise click.BadParameter(f"no such image: {', '.join(unknown)}", param_hint="--only")
    for image_id in only or plan():
        scene = describe(image_id)
        try:
            frame = render(scene, SAMPLES)
        except RuntimeError as error:
            raise click.ClickException(f"{image_id}: {error}") from error
        paths = files(image_id)
        save(Image.fromarray(frame.rgb), out / paths["rgb"])
        save(Image.fromarray(stored(frame.depth, frame.refused, scene.setting)), out / paths["depth"])
        click.echo(f"{image_id}: depth {frame.depth[frame.depth > 0].min():.2f} m and up")
    write_index(out)


if __name__ == "__main__":
    main()
