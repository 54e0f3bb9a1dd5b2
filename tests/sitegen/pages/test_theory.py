"""Theory pages: read from a folder, filled in, and refused with every fault of every page."""

from pathlib import Path

import pytest

from sitegen.pages.theory import TheoryError, pages
from sitegen.store import Store, load
from tests.sitegen import factories as make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A small valid store."""
    return load(make.write_results(tmp_path / "results"))


def write(folder: Path, name: str, text: str) -> None:
    """Write a page."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"---\ntitle: T\ndescription: D.\n---\n\n{text}\n", encoding="utf-8")


def test_pages_of_a_folder(store: Store, tmp_path: Path) -> None:
    """Path, title and description; formulas filled in; no folder, no page."""
    write(tmp_path / "theory", "why.md", "# T\n\nSo $x$.")
    (page,) = pages(store, tmp_path / "theory")
    assert (page.path, page.title, page.description) == ("theory/why.md", "T", "D.")
    assert page.body.startswith("# T\n\nSo <span><math")
    assert list(pages(store, tmp_path / "nothing")) == []


def test_faults_of_all_pages(store: Store, tmp_path: Path) -> None:
    """Each with its file."""
    write(tmp_path / "theory", "a.md", "[@nobody]")
    write(tmp_path / "theory", "b.md", '{{ figure("none") }}\n\n{{ references() }}')
    with pytest.raises(TheoryError) as caught:
        list(pages(store, tmp_path / "theory"))
    first, second = str(caught.value).splitlines()
    assert first.endswith("a.md: no work 'nobody' in references.bib")
    assert "b.md: there is no figure 'none'" in second
