"""Should hostile text ever get past the checks of the records, pages still show it as text: nothing runs or loads."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page
from pydantic import BaseModel
from pydantic.functional_validators import AfterValidator

from sitegen.build import build
from sitegen.findings import format_findings
from sitegen.pages import site_pages
from sitegen.records import Disagreement
from sitegen.stage import stage
from sitegen.store import Store, load_valid
from tests.browser.conftest import serving
from tests.corpus import texts
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

pytestmark = pytest.mark.browser

CORPUS = " ".join(text.replace("alert(1)", "window.ran=1") for _hope, text in texts.HOSTILE.values())
HOSTILE = (
    "</script></td><script>window.ran=1</script><img src=x onerror=window.ran=1><svg onload=window.ran=1>"
    "[click](javascript:window.ran=1) ![x](https://example.org/x.png) `</code>` \"' onmouseover=window.ran=1 "
    f"{{{{ 7*7 }}}} {{: onclick=window.ran=1 }} {CORPUS}"
)
"""Every hostile text of the corpus at once, after what only a built page could be harmed by."""
FORM = "https://github.com/owner/fathom/issues/new?template=wrong-number.yml&page="

PAGES = (
    *("index.html", "datasets/index.html", "datasets/toy-rooms.html", "models/index.html", "models/toy-net.html"),
    *("sources/index.html", "sources/toy-paper.html", "disagreements.html", "metrics.html", "data.html", "about.html"),
    *("protocols/index.html", "protocols/table.html", "protocols/toy-rooms/house.html"),
    *("protocols/toy-rooms/compare.html", "protocols/toy-rooms/sensitivity.html"),
    *("gallery/index.html", "gallery/toy-rooms.html"),
)


def is_free_text(annotation: Any) -> bool:
    """Whether a field's type holds the check of free text."""
    metadata = getattr(annotation, "metadata", None) or getattr(annotation, "__metadata__", ())
    plain = any(isinstance(item, AfterValidator) and item.func.__name__ == "_plain_text" for item in metadata)
    patterned = any(getattr(item, "pattern", None) for item in metadata)
    return plain and not patterned


def spoiled(value: Any) -> Any:
    """A record with every free text replaced by hostile text, without validation."""
    if not isinstance(value, BaseModel):
        return [spoiled(item) for item in value] if isinstance(value, list) else value
    changes: dict[str, Any] = {}
    for name, info in type(value).model_fields.items():
        now = getattr(value, name)
        if is_free_text(info) and isinstance(now, str):
            changes[name] = HOSTILE
        elif isinstance(now, BaseModel | list):
            changes[name] = [HOSTILE] if (now and "Text" in str(info.annotation)) or name == "notes" else spoiled(now)
    return value.model_copy(update=changes)


def webp(kind: str) -> bytes:
    """A small grey picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (len(kind),) * 3).save(buffer, "WEBP")
    return buffer.getvalue()


def hostile_store(folder: Path) -> Store:
    """A small store in which every card, number and case is hostile; tables keep their places, so that links hold."""
    make.write_sensitivity(folder, with_run=True)
    make.write_yaml(folder / "disagreements/toy-case.yaml", make.DISAGREEMENT)
    store = load_valid(folder)
    parts: dict[str, Any] = {name: getattr(store, name) for name in Store.__dataclass_fields__}
    for name in ("datasets", "models", "sources", "disagreements", "protocols"):
        parts[name] = {key: spoiled(card) for key, card in parts[name].items()}
    numbers = [number.row for number in store.numbers]
    parts["numbers"] = tuple(
        type(n)(n.source, n.line, spoiled(row)) for n, row in zip(store.numbers, numbers, strict=True)
    )
    run, number = store.runs[0], store.numbers[0]
    parts["verified"] = tuple(spoiled(toy.verification(run, relation)) for relation in ("maintainer", "second-party"))
    disputes = toy.dispute(run, "disputed") | toy.dispute(number)
    parts["disputes"] = {key: spoiled(entry) for key, entry in disputes.items()}
    for name in ("runs", "sensitivity"):
        parts[name] = tuple(spoiled(run).model_copy(update={"deviations": [HOSTILE]}) for run in parts[name])
    shown, withheld = (spoiled(toy.gallery(folder, sample, {"toy-net": 0.1}, webp)) for sample in ("one", "two"))
    parts["galleries"] = (shown.model_copy(update={"withheld": ""}), withheld.model_copy(update={"images": []}))
    assert isinstance(parts["disagreements"]["toy-case"], Disagreement)
    assert HOSTILE in parts["models"]["toy-net"].name
    return Store(**parts)


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory, repo: Path) -> Iterator[Path]:
    """A site built from hostile records, with links that report a number."""
    root = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sitegen.report._home", lambda: "https://github.com/owner/fathom")
        yield _built(root, repo)


def _built(root: Path, repo: Path) -> Path:
    store = hostile_store(root / "results")
    written = make.write_theory(root / "written")
    stage(site_pages(store, written), root / "docs", docs=repo / "docs/en", cache_dir=repo / "build/cache")
    findings = build({"en": root / "docs"}, root / "site")
    assert (root / "site").is_dir(), format_findings(findings)
    return root / "site"


def test_nothing_runs_and_nothing_is_asked_for(new_page: Callable[..., Page], hostile_site: Path) -> None:
    """On every page kind no script of the text runs, no link has a script address, and no request leaves the site."""
    page = new_page()
    with serving(hostile_site) as address:
        for path in PAGES:
            page.goto(f"{address}/{path}")
            assert page.evaluate("window.ran") is None, path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
            assert page.locator("[onerror], [onload], [onclick], [onmouseover]").count() == 0, path
            assert page.locator("a[href^='javascript']").count() == 0, path
            assert page.locator('article img:not([src$=".webp"])').count() == 0, path
            for link in page.locator("a.report").all():
                assert (link.get_attribute("href") or "").startswith(FORM), path
        page.goto(f"{address}/models/toy-net.html")
        assert "onerror=window.ran=1" in page.inner_text("h1")
        assert "onerror=window.ran=1" in page.inner_text("ol.ladder")
        for shown in ("{{ 7*7 }}", "{% include '/etc/passwd' %}", "<!-- everything", "${{ github.token }}"):
            assert shown in page.inner_text("h1")
        assert page.locator("a.report").count() == 2
