"""A small rendered data set with exact depth, and the generator that made it.

The images lie in `data`; `index.json` there is a manifest that `runners.datasets.bundled` opens.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["DATA", "INDEX", "SCENES"]

DATA = Path(__file__).parent / "data"
"""Folder of the images."""
INDEX = DATA / "index.json"
"""The manifest."""
SCENES = DATA / "scenes.json"
"""Provenance: hash of each file, print of each scene, cameras, generator and renderer."""
