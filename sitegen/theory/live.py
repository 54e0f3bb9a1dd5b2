"""Figures that a reader can operate: Vega-Lite charts with parameters over data of real runs.

Every number that a figure shows is computed in the reader's browser, by Vega, from the data and the parameters.
"""

from __future__ import annotations

from collections.abc import Callable

from sitegen.records import Lesson
from sitegen.store import Store
from sitegen.theory import live_fits, live_networks, live_scenes, live_scores
from sitegen.theory.figures import Draw, Illustration
from sitegen.theory.operable import Operable, absent, illustration

__all__ = ["DRAWINGS"]

_PIXELS = "runners lessons pixels"
_INDOOR, _OUTDOOR = "pixels-procedural-indoor", "pixels-procedural-outdoor"
_NYU, _KITTI = "crop-cap-nyu-depth-v2", "crop-cap-kitti"
_ENSEMBLE = "ensemble-procedural-indoor"


def _from(names: tuple[str, ...], command: str, draw: Callable[..., Operable]) -> Callable[[str], Draw]:
    """Return, for a figure's name, what draws it from lessons; where one is absent, the command that makes it."""

    def named(name: str) -> Draw:
        def drawn(store: Store) -> Illustration:
            found: list[Lesson] = [store.lessons[each] for each in names if each in store.lessons]
            if len(found) < len(names):
                return absent(command)
            return illustration(store, name, draw(store, *found))

        return drawn

    return named


_MAKERS: dict[str, Callable[[str], Draw]] = {
    "many-scenes": _from((_INDOOR,), _PIXELS, live_scenes.many_scenes),
    "scale-shift": _from((_INDOOR,), _PIXELS, live_fits.scale_shift),
    "depth-or-disparity": _from((_INDOOR, _OUTDOOR), _PIXELS, live_fits.depth_or_disparity),
    "trimming": _from((_INDOOR,), _PIXELS, live_fits.trimming),
    "attractors": _from((), "", live_networks.attractors),
    "ensemble": _from((_ENSEMBLE,), "runners lessons ensemble", live_networks.ensemble),
    "crop-cap": _from((_NYU, _KITTI), "runners lessons crops", live_scores.crop_cap),
}
DRAWINGS: dict[str, Draw] = {name: make(name) for name, make in _MAKERS.items()}
