"""What is said of models before one is loaded, and what of their needs is met."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runners.models import ModelEntry
from runners.models.hub import HubWeights
from runners.models.inventory import model_rows, need_rows, weights_place
from runners.models.requirements import install_line, missing
from runners.models.weights import WeightFile
from sitegen.records import ModelCard

CARD = ModelCard.model_validate(
    {
        "schema_version": 1,
        "id": "toy",
        "name": "Toy",
        "family": "toys",
        "output_kind": "metric-depth",
        "params_m": 1024.0,
        "licence_weights": "MIT",
    }
)
TOY = ModelEntry(
    "toy",
    "metric-depth",
    "A toy",
    "nowhere",
    family="toys",
    weights=HubWeights("toys/depth", "of the entry"),
    dtypes=("float32", "float16", "bfloat16"),
    requires=("no-such-package==1", "torch"),
)


def test_rows_show_card_and_entry() -> None:
    """Parameters and licence are the card's where there is one."""
    assert model_rows([TOY], {"toy": CARD})[1] == (
        "toy", "metric-depth", "toys", "1024 M", "no-such-package==1, torch", "MIT",
    )  # fmt: skip
    assert model_rows([replace(TOY, needs_intrinsics=True)], {})[1][4] == "the camera, no-such-package==1, torch"
    assert model_rows([TOY], {})[1][3:] == ("", "no-such-package==1, torch", "of the entry")


def test_needs_show_what_lacks_and_what_the_weights_weigh(tmp_path: Path) -> None:
    """Parameters times bytes; weights that stay in float32 are counted so."""
    row = need_rows([TOY], {"toy": CARD}, tmp_path)[1]
    assert row[:3] == ("toy", "missing: no-such-package==1", "3.81 GiB float32, 1.91 GiB float16/bfloat16")
    always = ModelEntry("toy", "metric-depth", "", "nowhere", dtypes=("float16",), keeps_float32=True)
    assert need_rows([always], {"toy": CARD})[1] == ("toy", "", "3.81 GiB float32", "none")


def test_weights_are_looked_for_where_they_would_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache first, then the hub's own; nothing is asked of a network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert weights_place(TOY, tmp_path) == f"not here yet: {tmp_path / 'toys' / 'depth'}"
    (tmp_path / "hub" / "models--toys--depth").mkdir(parents=True)
    assert weights_place(TOY, tmp_path) == str(tmp_path / "hub" / "models--toys--depth")
    file = ModelEntry("f", "metric-depth", "", "x", weights=WeightFile("toys", "a.bin", "https://x", "0", 1, "MIT"))
    assert weights_place(file, tmp_path) == f"not here yet: {tmp_path / 'toys' / 'a.bin'}"


def test_without_the_hubs_client_the_cache_is_what_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The light core can say what is missing."""
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", None)
    assert weights_place(TOY, tmp_path) == f"not here yet: {tmp_path / 'toys' / 'depth'}"


def test_requirements_are_met_by_name_or_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package, or a module on the path under the package's name."""
    assert missing(["torch", "numpy>=1"]) == []
    wanted = ["only-a-module @ git+https://example.org/x.git@0", "absent"]
    assert missing(wanted) == wanted
    (tmp_path / "only_a_module.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert missing(wanted) == ["absent"]
    assert install_line(wanted) == "pip install 'only-a-module @ git+https://example.org/x.git@0' absent"


@pytest.mark.parametrize(
    "words",
    [["list", "models"], ["list", "datasets"], ["check", "unknown", "--root", "."], ["fetch", "unknown"]],
)
def test_listing_imports_no_torch(words: list[str]) -> None:
    """The tables are quick, and so is what is said of a data set, a fault included."""
    program = (
        "import contextlib, sys; from runners.cli import main\n"
        f"with contextlib.suppress(Exception): main({words!r}, standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 0
