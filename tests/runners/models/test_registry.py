"""The registry: what is listed, what is refused before loading, and plug-ins from installed packages."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from runners.models import ModelEntry, describe, load, models
from runners.models import registry as module
from runners.models.errors import ModelError
from sitegen.store import load as load_store

PLUGGED = ModelEntry("outside-model", "metric-depth", "From outside", "outside.adapter")


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Stands in for installed packages; what their entry point gives is the list's only item."""
    given: list[object] = [PLUGGED]

    class Point(EntryPoint):
        def load(self) -> object:
            if isinstance(given[0], Exception):
                raise given[0]
            return given[0]

    monkeypatch.setattr(module, "entry_points", lambda group: [Point("toy", "outside:entry", group)])
    models.cache_clear()
    yield given
    models.cache_clear()


def test_every_model_has_a_card(repo: Path) -> None:
    """What can be loaded is on the site, with the same kind."""
    cards = load_store(repo / "results").models
    assert {entry.id: entry.kind for entry in models().values()} == {
        entry.id: cards[entry.id].output_kind for entry in models().values()
    }


def test_listing_imports_no_torch() -> None:
    """The command line shows models without loading a model stack."""
    program = "import sys; from runners.models import models; models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_unknown_ids_settings_and_precisions_are_named_at_once() -> None:
    """A wish that cannot be met is refused with everything that is wrong with it."""
    with pytest.raises(ModelError, match="unknown model 'nothing'; known: baseline-mean-depth"):
        describe("nothing")
    with pytest.raises(ModelError) as caught:
        load("baseline-row-prior", dtype="float16", compile=True, settings={"steps": "4"})
    for part in ("no setting 'steps'; known: none", "runs in float32, not float16", "cannot be compiled"):
        assert part in str(caught.value)


def test_plug_ins_are_models_like_others(plugged: list[object]) -> None:
    """An installed package adds a model, alone or in a sequence."""
    assert describe("outside-model") is PLUGGED
    models.cache_clear()
    plugged[0] = (PLUGGED,)
    assert describe("outside-model") is PLUGGED


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (ImportError("no module 'outside'"), "plug-in 'toy' cannot be imported .*no module 'outside'"),
        ("something", "plug-in 'toy' gives no ModelEntry"),
        ([], "plug-in 'toy' gives no ModelEntry"),
        (ModelEntry("meter-xxs-nyu", "metric-depth", "", "x"), "the model id 'meter-xxs-nyu' is in use already"),
    ],
)
def test_a_broken_plug_in_is_named(plugged: list[object], given: object, sentence: str) -> None:
    """The sentence says which plug-in is at fault and how."""
    plugged[0] = given
    with pytest.raises(ModelError, match=sentence):
        models()
