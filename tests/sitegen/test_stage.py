"""The stage: exactly the files it was given, safely named, written only when they changed."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sitegen.pages.base import DataFile, Page
from sitegen.stage import StageError, front_matter, stage, vega_bundle

PAGES = (
    Page("index.md", "Home", "# Home\n"),
    Page("datasets/kitti.md", "KITTI", "# KITTI\n", files=(DataFile("data/kitti.csv", "a,b\r\n"),)),
)
OWN = {"cloud.js", "fathom.css", "fathom.js", "favicon.svg", "logo.svg"}
ASSETS = {f"assets/{name}" for name in OWN | {"three.js", "vega.js"}}


def files(folder: Path) -> dict[str, bytes]:
    """Return path -> content of all files of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_writes_pages_data_and_assets_and_nothing_else(tmp_path: Path) -> None:
    """The stage holds the pages, their data files, other data files, hand-written pages and the assets."""
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "guide.md").write_text("# Guide\n")
    staged = stage(PAGES, tmp_path / "out", files=[DataFile("data/x.json", b"{}")], docs=tmp_path / "en")
    names = {"index.md", "datasets/kitti.md", "data/kitti.csv", "data/x.json", "guide.md"} | ASSETS
    assert set(files(tmp_path / "out")) == names
    assert set(staged.written) == names
    assert (tmp_path / "out" / "data" / "kitti.csv").read_bytes() == b"a,b\r\n"


def test_second_stage_touches_nothing(tmp_path: Path) -> None:
    """Staging the same again writes and removes nothing: modification times stand."""
    stage(PAGES, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    staged = stage(PAGES, tmp_path)
    assert (staged.written, staged.removed) == ((), ())
    assert len(staged.unchanged) == len(ASSETS) + 3
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_changed_is_rewritten_and_stale_is_removed(tmp_path: Path) -> None:
    """Only the changed page is written; a page that is gone is removed with its folder."""
    stage(PAGES, tmp_path)
    staged = stage([Page("index.md", "Home", "# Changed\n")], tmp_path)
    assert staged.written == ("index.md",)
    assert staged.removed == ("data/kitti.csv", "datasets/kitti.md")
    assert not (tmp_path / "datasets").exists()


@pytest.mark.parametrize(
    "path", ["../up.md", "/etc/passwd", "a//b.md", "a/../../b.md", "", ".", "a\\b.md", "C:/x.md", ".hidden", "a\n.md"]
)
def test_paths_that_leave_the_stage_are_refused(tmp_path: Path, path: str) -> None:
    """A path that is not plain and relative is an error that names it, and nothing is written."""
    with pytest.raises(StageError, match="not a plain relative path"):
        stage([Page(path, "Evil", "x")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_collisions_are_named_at_once(tmp_path: Path) -> None:
    """Two pages on one path, and two that differ in case only, are one error with both in it."""
    pages = [*PAGES, Page("index.md", "Other", "# Other"), Page("Datasets/kitti.md", "Shout", "# KITTI")]
    with pytest.raises(StageError) as caught:
        stage(pages, tmp_path)
    assert "index.md: written by page 'Home'" in str(caught.value)
    assert "Datasets/kitti.md: written by page 'KITTI' (as datasets/kitti.md) and by page 'Shout'" in str(caught.value)


BODY = """<a href="../data/kitti.csv">CSV</a> <a href="https://example.org/data/kitti.csv">x</a>
<img src="../gallery/a.webp"> <button data-record="../data/kitti.csv"></button> <a href="../index.html#top">home</a>
<figure data-spec="../data/kitti.chart.json"></figure> <a href="../data/other.json">of another page</a>
"""


def test_another_language_links_to_files_that_stand_once(tmp_path: Path) -> None:
    """Data and pictures of any page are linked where they stand; a chart's words stay with the page."""
    files = [DataFile(path, "x") for path in ("data/kitti.csv", "gallery/a.webp", "data/kitti.chart.json")]
    pages = [
        Page("datasets/kitti.md", "KITTI", BODY, files=tuple(files)),
        Page("index.md", "Home", "# Home", files=(DataFile("data/other.json", "{}"),)),
    ]
    staged = stage(pages, tmp_path, source=False)
    own = {"assets/fathom.css", "assets/fathom.js", "assets/favicon.svg", "assets/logo.svg"}
    assert set(staged.written) == {"datasets/kitti.md", "index.md", "data/kitti.chart.json"} | own
    body = (tmp_path / "datasets/kitti.md").read_text("utf-8")
    assert 'href="../../data/kitti.csv"' in body
    assert 'src="../../gallery/a.webp"' in body
    assert 'data-record="../../data/kitti.csv"' in body
    assert 'href="../../data/other.json"' in body
    assert 'href="../index.html#top"' in body
    assert 'data-spec="../data/kitti.chart.json"' in body
    assert 'href="https://example.org/data/kitti.csv"' in body


def test_two_pages_may_publish_the_same_data(tmp_path: Path) -> None:
    """The same content on the same path from two pages is no collision."""
    shared = (DataFile("data/a.bib", "@misc{a}"),)
    assert (
        "data/a.bib"
        in stage([Page("a.md", "A", "", files=shared), Page("b.md", "B", "", files=shared)], tmp_path).written
    )


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_any_title_survives_as_one_yaml_value(title: str) -> None:
    """Whatever text a title has, the front matter is one YAML block that gives it back, escaped for HTML."""
    text = front_matter(Page("a.md", title, "", description=title))
    assert text.startswith("---\n")
    assert text.count("\n---\n") == 1
    meta = (
        yaml.safe_load(text.split("---\n")[1])
        if "---" not in title
        else yaml.safe_load(text[4 : text.rindex("\n---\n")])
    )
    assert meta["hide"] == ["navigation"]
    assert not set('<>"') & set(meta["title"])


def test_front_matter_weighs_pages_that_explain_terms() -> None:
    """A page's weight in search is written where it differs from the usual one only."""
    assert "boost" not in front_matter(Page("a.md", "A", ""))
    assert "search:\n  boost: 4\n" in front_matter(Page("a.md", "A", "", boost=4))


def test_title_is_escaped_because_the_theme_does_not() -> None:
    """Markup in a title and a description reaches the page's head as text."""
    text = front_matter(Page("a.md", '"><script>alert(1)</script>', "", description="a: b # c\n---\nx: {}"))
    meta = yaml.safe_load(text[4 : text.rindex("\n---\n")])
    assert meta["title"] == "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    assert meta["description"] == "a: b # c\n---\nx: {}"


def test_vega_bundle_is_kept(tmp_path: Path) -> None:
    """The bundle is written to the cache once, names its licence and hands Vega-Embed over."""
    first = vega_bundle(tmp_path)
    (kept,) = tmp_path.iterdir()
    assert first.startswith(b"/*! Vega ")
    assert b"BSD-3-Clause" in first[:300]
    assert b"globalThis.fathomVega=" in first
    kept.write_bytes(b"kept")
    assert vega_bundle(tmp_path) == b"kept"


def test_three_comes_with_its_licence(tmp_path: Path) -> None:
    """three.js is the package's own script, names its licence, brings the controls, and is of the promised weight."""
    stage([], tmp_path / "out", cache_dir=tmp_path / "cache")
    script = (tmp_path / "out/assets/three.js").read_bytes()
    assert b"SPDX-License-Identifier: MIT" in script[:200]
    assert b".THREE={}" in script
    assert b".OrbitControls=" in script
    assert len(script) < 7e5
