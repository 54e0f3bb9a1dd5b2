"""The build: same bytes every time, whole or not at all, findings in sentences, nothing from outside."""

import gzip
import re
import subprocess
import threading
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from sitegen import build as module
from sitegen.build import CONFIG, BuildError, build, content_epoch, derive_config, serve
from sitegen.pages.base import DataFile, Page
from sitegen.stage import stage

NAMED = (
    "datasets/index",
    "models/index",
    "sources/index",
    "theory/index",
    "disagreements",
    "protocols/index",
    "about",
    "metrics",
    "contribute",
    "speed",
    "gallery/index",
    "data",
)
DATA = {
    "data/b.csv": b"a,b\r\n'=1,2\r\n",
    "data/b.json": b"{}\n",
    "data/b.md.txt": b"# no page\n",
    "data/b.tex": b"\\x",
    "data/b.bib": b"@x",
}


def pages(body: str = "# Home\n") -> list[Page]:
    """Return a page for each name in the navigation, the first with the body and data files."""
    files = tuple(DataFile(path, content) for path, content in DATA.items())
    rest = [Page(f"{name}.md", name, f"# {name}\n\n## Part {{#part}}\n") for name in NAMED]
    return [Page("index.md", "Home", body, "What it is.", files), *rest]


def built(root: Path, body: str = "# Home\n", **options: bool) -> list[module.Finding]:
    """Stage the pages and build them under a folder; return the findings."""
    stage(pages(body), root / "docs", cache_dir=CONFIG.parent / "build" / "cache")
    return build({"en": root / "docs"}, root / "site", **options)


def contents(folder: Path) -> dict[str, bytes]:
    """Return path -> content of all files of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build, for the tests that only look at it."""
    root = tmp_path_factory.mktemp("once")
    assert built(root, strict=True) == []
    return root / "site"


def test_two_builds_are_byte_identical(once: Path, tmp_path: Path) -> None:
    """A second build in another folder, at another time, gives the same bytes in every file, archives too."""
    time.sleep(1.1)  # so that a date of now would show
    built(tmp_path / "elsewhere" / "deeper")
    first, second = contents(once), contents(tmp_path / "elsewhere" / "deeper" / "site")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert {"sitemap.xml.gz", "search/search_index.json", "404.html"} <= first.keys()


def test_dates_come_from_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an address the sitemap lists the pages with the content's date, not today's."""
    monkeypatch.setenv("FATHOM_SITE_URL", "https://example.org/fathom/")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    assert built(tmp_path) == []
    sitemap = gzip.decompress((tmp_path / "site" / "sitemap.xml.gz").read_bytes()).decode()
    assert "<loc>https://example.org/fathom/datasets/index.html</loc>" in sitemap
    assert set(re.findall(r"<lastmod>(.*?)</lastmod>", sitemap)) == {"2020-09-13"}


def test_data_files_pass_untouched(once: Path) -> None:
    """CSV, JSON, Markdown text, LaTeX and BibTeX arrive byte for byte and become no page."""
    assert {path: (once / path).read_bytes() for path in DATA} == DATA
    assert not (once / "data" / "b.md.html").exists()


def test_page_head_is_ours(once: Path) -> None:
    """The description is there, the theme's advertisement, outside fonts and social links are not."""
    html = (once / "index.html").read_text("utf-8")
    assert '<meta name="description" content="What it is.">' in html
    assert "fonts.g" not in html
    assert "Made with" not in html
    assert 'href="contribute.html"' in html


def test_broken_link_is_a_warning_and_under_strict_stops_the_build(tmp_path: Path) -> None:
    """A broken raw link is named with its page; strict refuses the site and leaves the old one standing."""
    (warning,) = built(tmp_path, '# Home\n\n<p><a href="gone.html">x</a> <a href="about.html#part">x</a></p>\n')
    assert (warning.severity, warning.path, warning.pointer) == ("warning", "index.html", "gone.html")
    before = contents(tmp_path / "site")
    (error,) = built(tmp_path, '# Other\n\n<p><a href="gone.html">x</a></p>\n', strict=True)
    assert error.severity == "error"
    assert contents(tmp_path / "site") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "mkdocs.yml", "site"]


def test_builders_warning_is_a_finding(tmp_path: Path) -> None:
    """What MkDocs warns of (a Markdown link to nowhere) is a finding with the page in it."""
    findings = built(tmp_path, "# Home\n\n[nowhere](nowhere.md)\n")
    assert ("warning", "index.md") in {(finding.severity, finding.path) for finding in findings}


def test_outside_request_is_an_error(tmp_path: Path) -> None:
    """A page that would fetch a picture from elsewhere is refused, strict or not."""
    (error,) = built(tmp_path, '# Home\n\n<p><img src="https://example.org/x.png" alt=""></p>\n')
    assert error.severity == "error"
    assert not (tmp_path / "site").exists()


def test_builder_that_fails_is_a_finding(tmp_path: Path) -> None:
    """A configuration that the builder refuses ends in findings, not in a traceback, and no site."""
    config = tmp_path / "mkdocs.yml"
    config.write_text("site_name: x\ntheme: {name: material}\nplugins: [no-such-plugin]\n")
    (tmp_path / "docs").mkdir()
    findings = build({"en": tmp_path / "docs"}, tmp_path / "site", config=config)
    assert any("no-such-plugin" in finding.message for finding in findings)
    assert not (tmp_path / "site").exists()


def test_missing_builder_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A builder that is not installed is named, with how to get it."""
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(BuildError, match=r"zensical is not installed; try: pip install zensical"):
        build({"en": tmp_path}, tmp_path / "site", builder="zensical")


def test_zensical_builds_the_same_sources(tmp_path: Path) -> None:
    """Material's successor turns the same staged sources into the same pages; skipped where it is not installed."""
    if find_spec("zensical") is None:
        pytest.skip("zensical is not installed here")
    stage(pages(), tmp_path / "docs", cache_dir=CONFIG.parent / "build" / "cache")
    findings = build({"en": tmp_path / "docs"}, tmp_path / "site", builder="zensical")
    assert not [finding for finding in findings if finding.severity == "error"]
    assert {f"{name}.html" for name in NAMED} <= contents(tmp_path / "site").keys()


def both(root: Path, *english_only: Page, **options: str) -> list[module.Finding]:
    """Stage the pages in both languages and build them; return the findings."""
    cache = CONFIG.parent / "build" / "cache"
    stage([*pages(), *english_only], root / "en" / "docs", cache_dir=cache)
    stage(pages(), root / "el" / "docs", source=False)
    return build({language: root / language / "docs" for language in ("el", "en")}, root / "site", **options)


def links(site: Path, page: str) -> tuple[dict[str, str], list[str]]:
    """Return the addresses of a page in each language as its head has them, and those of the header's switch."""
    head, _, body = (site / page).read_text("utf-8").partition("<body")
    alternate = re.findall(r'<link rel="alternate " hreflang="([a-z-]+)" href="([^"]+)">', head)
    return dict(alternate), re.findall(r'class="md-header__button language" href="([^"]+)"', body)


@pytest.fixture(scope="module", params=["mkdocs", "zensical"])
def bilingual(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site in both languages from each builder; a guide stands in English only."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed here")
    root = tmp_path_factory.mktemp(request.param)
    (lacking,) = both(root, Page("guides/one.md", "Guide", "# Guide\n"), builder=request.param)
    assert (lacking.severity, lacking.path) == ("warning", "guides/one.md")
    assert lacking.message == "exists in en only; a page stands in every language"
    return root / "site"


def test_second_language_stands_in_its_folder(bilingual: Path) -> None:
    """English is at the root, another language in the folder of its code, with its own words throughout."""
    english, greek = ((bilingual / folder / "index.html").read_text("utf-8") for folder in ("", "el"))
    assert '<html lang="en"' in english
    assert '<html lang="el"' in greek
    assert "Leaderboard" in english
    assert "Πίνακας κατάταξης" in greek
    assert "Σκούρα εμφάνιση" in greek


def test_each_page_leads_to_itself_in_the_other_language(bilingual: Path) -> None:
    """In the head for machines and in the header for readers, without any script; from any depth, and back."""
    assert links(bilingual, "index.html")[1] == ["./el/index.html"]
    alternate, (switch,) = links(bilingual, "datasets/index.html")
    assert alternate == {
        "en": "../datasets/index.html",
        "x-default": "../datasets/index.html",
        "el": "../el/datasets/index.html",
    }
    assert switch == alternate["el"]
    alternate, (switch,) = links(bilingual, "el/datasets/index.html")
    assert (switch, alternate["el"]) == ("../../datasets/index.html", "../../el/datasets/index.html")


def test_a_page_of_one_language_leads_to_the_others_home(bilingual: Path) -> None:
    """It names no page that does not exist."""
    alternate, switch = links(bilingual, "guides/one.html")
    assert alternate.keys() == {"en", "x-default"}
    assert switch == ["../el/index.html"]
    assert not (bilingual / "el" / "404.html").exists()
    assert links(bilingual, "404.html") == ({}, ["/el/index.html"])


def test_addresses_are_absolute_where_the_site_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an address the head has it in full, the canonical link and the sitemap are those of the language."""
    monkeypatch.setenv("FATHOM_SITE_URL", "https://example.org/fathom/")
    assert both(tmp_path) == []
    alternate, switch = links(tmp_path / "site", "el/speed.html")
    assert alternate["el"] == "https://example.org/fathom/el/speed.html"
    assert alternate["x-default"] == "https://example.org/fathom/speed.html"
    assert switch == ["./../speed.html"]
    page = (tmp_path / "site/el/speed.html").read_text("utf-8")
    assert '<link rel="canonical" href="https://example.org/fathom/el/speed.html">' in page
    assert "/fathom/el/speed.html" in (tmp_path / "site/el/sitemap.xml").read_text("utf-8")


def test_shared_files_stand_once(bilingual: Path) -> None:
    """Data and the scripts that are loaded on demand are at the root alone, and each page says where that is."""
    assert (bilingual / "data/b.csv").is_file()
    assert not (bilingual / "el/data").exists()
    assert not list((bilingual / "el").rglob("vega.js"))
    assert '<meta name="fathom-home" content="../../">' in (bilingual / "el/datasets/index.html").read_text("utf-8")


def test_one_language_has_no_switch(once: Path) -> None:
    """Where there is nothing to choose nothing is offered."""
    assert links(once, "index.html") == ({}, [])


def test_date_of_the_last_change_is_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As each language writes it; outside of a repository nothing is said."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    assert derive_config(CONFIG, "en")["extra"]["last_changed"] == "Last changed 2020-09-13."
    assert derive_config(CONFIG, "el")["extra"]["last_changed"] == "Τελευταία αλλαγή: 13 Σεπ 2020."
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "315532800")
    assert derive_config(CONFIG, "el")["extra"]["last_changed"] == ""


def test_configuration_keeps_to_what_zensical_knows() -> None:
    """No hook, no plugin but search, at most seven entries of navigation, no outside font, no Git host asked."""
    config = derive_config(CONFIG, "en")
    assert list(config["plugins"][0]) == ["search"]
    assert len(config["plugins"]) == 1
    assert len(config["nav"]) <= 7
    assert "hooks" not in config
    assert "repo_url" not in config
    assert config["theme"]["font"] is False
    yaml.safe_dump(config)


def test_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The date is SOURCE_DATE_EPOCH, else the newest commit on the sources, else 1980."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert content_epoch(tmp_path) == 315_532_800
    for name, seconds in (("mkdocs.yml", 1_700_000_000), ("README.md", 1_800_000_000)):
        (tmp_path / name).write_text("x")
        _git(tmp_path, "init", "-q")
        _git(tmp_path, "add", name)
        _git(tmp_path, "commit", "-q", "-m", "x", date=seconds)
    assert content_epoch(tmp_path) == 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    assert content_epoch(tmp_path) == 1_600_000_000


def _git(folder: Path, *arguments: str, date: int = 0) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    stamp = {"GIT_AUTHOR_DATE": f"{date} +0000", "GIT_COMMITTER_DATE": f"{date} +0000", "PATH": "/usr/bin:/bin"}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=stamp, check=True)


def test_serve_rebuilds_on_change(tmp_path: Path) -> None:
    """The server answers on 127.0.0.1 only and a changed file calls for one rebuild."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("hello")
    watched = tmp_path / "watched.yaml"
    watched.write_text("1")
    address: list[str] = []
    rebuilt, ready = threading.Event(), threading.Event()

    def stop() -> None:
        rebuilt.set()
        raise KeyboardInterrupt

    def told(url: str) -> None:
        address.append(url)
        ready.set()

    options = {"port": 0, "interval": 0.05, "ready": told}
    thread = threading.Thread(target=serve, args=(tmp_path / "site", stop, [watched]), kwargs=options)
    thread.start()
    assert ready.wait(5)
    assert address[0].startswith("http://127.0.0.1:")
    assert urllib.request.urlopen(address[0]).read() == b"hello"  # noqa: S310 - our own server
    time.sleep(0.2)
    watched.write_text("22")
    assert rebuilt.wait(5)
    thread.join(5)
    assert not thread.is_alive()
