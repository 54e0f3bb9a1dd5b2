"""The files of a new model: a package of its own for use outside, or an adapter with card and test in here.

Nothing that is there is overwritten. All files are written aside before the first is renamed into its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from runners.models.errors import ModelError
from runners.models.registry import models
from sitegen.records import PredictionKind
from sitegen.store import load_model_cards

__all__ = ["Plan", "carry_out", "plan_here", "plan_package"]

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MEANINGS: dict[PredictionKind, tuple[str, str]] = {
    "metric-depth": ("depth in metres", "1 + 9 * brightness"),
    "scale-invariant-depth": ("depth in any unit", "1 + brightness"),
    "affine-invariant-depth": ("depth up to scale and shift", "brightness"),
    "affine-invariant-disparity": ("inverse depth up to scale and shift, larger is nearer", "brightness"),
    "ordinal": ("a map whose order is that of depth, larger is farther", "brightness"),
}
"""Kind to what a map of it holds and what stands there until there is a network."""
_CATALOGUE = Path("runners/models/catalogue.py")
_ENTRIES = re.compile(r"^ENTRIES: tuple\[ModelEntry, \.\.\.\] = \((.*?)\)$", re.MULTILINE | re.DOTALL)
_WIDTH = 120


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        new: Texts of files that must not be there yet, by path.
        changed: Texts of files that are there and get a line more.
        after: What to do next, one sentence or command each.
    """

    new: dict[Path, str]
    changed: dict[Path, str] = field(default_factory=dict)
    after: list[str] = field(default_factory=list)


def plan_package(model_id: str, kind: PredictionKind, folder: Path) -> Plan:
    """Return the plan of a package that plugs a model in from outside.

    Args:
        model_id: Kebab-case; no known model may have it.
        kind: What its predictions are invariant to.
        folder: Where the package's folder, ``fathom-<id>``, goes.

    Raises:
        ModelError: If the id is none, or taken.
    """
    distribution = f"fathom-{model_id}"
    package = distribution.replace("-", "_")
    names = {**_names(model_id, kind), "package": package, "distribution": distribution, "gap": ""}
    root = folder / distribution
    new = {
        root / "pyproject.toml": _text("package/pyproject.toml", names),
        root / "README.md": _text("package/README.md", names),
        root / package / "__init__.py": _text("package/__init__.py", names),
        root / package / "model.py": _text("package/model.py", names),
        root / "tests" / f"test_{package}.py": _text("package/test_model.py", names),
    }
    after = [
        f"put your network into {root / package / 'model.py'}",
        f"pip install -e {root}",
        "runners list models",
        f"python -m pytest {root}",
        f"runners evaluate --model {model_id} --dataset procedural-indoor --limit 2 --out runs",
    ]
    return Plan(new, after=after)


def plan_here(model_id: str, kind: PredictionKind, root: Path) -> Plan:
    """Return the plan of an adapter in this repository: module, card, test and a line in the catalogue.

    Args:
        model_id: Kebab-case; no known model may have it. Where it has a card already, the card stays.
        kind: What its predictions are invariant to.
        root: The repository.

    Raises:
        ModelError: If the id is none, or taken, its card says another kind, or ``root`` is no clone of Fathom.
    """
    if not (root / _CATALOGUE).is_file():
        raise ModelError(f"{root}: no clone of Fathom, there is no {_CATALOGUE}; without --here a package is written")
    name = _module(model_id)
    # First-party imports stand apart from others.
    names = {**_names(model_id, kind), "module": name, "constant": f"_{name.upper()}", "gap": "\n"}
    module = root / "runners/models" / f"{name}.py"
    new = {
        module: _text("here/model.py", names),
        root / "tests/runners/models" / f"test_{name}.py": _text("here/test_model.py", names),
    }
    card = root / "results/models" / f"{model_id}.yaml"
    if not card.exists():
        new[card] = _text("here/card.yaml", names)
    elif (stated := _card_kind(root, model_id)) != kind:
        raise ModelError(f"{card}: says {stated or 'nothing that can be read'}, not {kind}")
    after = [
        f"put your network into {module}",
        f"say in {_CATALOGUE} where its weights come from, in which precisions it runs and which settings it has",
        f"say in {card} what was read about it, and where",
        f"python -m pytest tests/runners/models/test_{name}.py tests/runners/models/test_registry.py",
        "make lint",
    ]
    return Plan(new, {root / _CATALOGUE: _catalogued(root / _CATALOGUE, names)}, after)


def carry_out(plan: Plan) -> list[Path]:
    """Write a plan's files and return their paths.

    Raises:
        ModelError: If a file that is to be new is there already: all of them, and nothing is written.
    """
    if there := [str(path) for path in plan.new if path.exists()]:
        raise ModelError(f"already there, and nothing is overwritten: {', '.join(there)}")
    asides = {}
    for path, text in {**plan.new, **plan.changed}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        asides[path] = path.with_name(f".{path.name}.part")
        asides[path].write_text(text, encoding="utf-8")
    return [aside.replace(path) for path, aside in asides.items()]


def _names(model_id: str, kind: PredictionKind) -> dict[str, str]:
    if not _ID.fullmatch(model_id):
        raise ModelError(f"'{model_id}' is no model id: at most 64 of a-z, 0-9 and hyphens, no hyphen first")
    if model_id in models():
        raise ModelError(f"the model id '{model_id}' is in use already")
    meaning, placeholder = _MEANINGS[kind]
    return {"id": model_id, "kind": kind, "meaning": meaning, "placeholder": placeholder}


def _module(model_id: str) -> str:
    """Return an id as a module's name; one that starts with a digit gets a word in front."""
    name = model_id.replace("-", "_")
    return f"model_{name}" if name[0].isdigit() else name


def _text(template: str, names: dict[str, str]) -> str:
    environment = Environment(  # noqa: S701 - no HTML; the id is checked and the rest is ours
        loader=PackageLoader("runners"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(f"{template}.j2").render(names).rstrip("\n") + "\n"


def _card_kind(root: Path, model_id: str) -> str | None:
    card = load_model_cards(root / "results", [model_id])[0].get(model_id)
    return card.output_kind if card else None


def _catalogued(path: Path, names: dict[str, str]) -> str:
    """Return the catalogue's text with an entry more, in the form that ruff gives it."""
    text = path.read_text(encoding="utf-8")
    found = _ENTRIES.search(text)
    if found is None:
        raise ModelError(f"{path}: there is no line 'ENTRIES: tuple[ModelEntry, ...] = (...)' to add the model to")
    groups = [part.strip() for part in found[1].split(",") if part.strip()] + [f"*{names['constant']}"]
    line = f"ENTRIES: tuple[ModelEntry, ...] = ({', '.join(groups)})"
    if len(line) > _WIDTH:
        line = "ENTRIES: tuple[ModelEntry, ...] = (\n" + "".join(f"    {group},\n" for group in groups) + ")"
    return f"{text[: found.start()]}{_text('here/entry.py', names)}\n{line}{text[found.end() :]}"
