"""Home, data set, model and source pages on a small made-up store: complete, linked, and closed to hostile text."""

import html as html_module
import re
from collections.abc import Callable, Iterator
from typing import Any

import markdown
import pytest
from pydantic import BaseModel

from sitegen.pages import datasets, home, models, sources
from sitegen.pages.base import Page
from sitegen.store import Store, StoredNumber
from tests.sitegen import toy_store as toy

EXTENSIONS = (
    "abbr admonition attr_list footnotes md_in_html tables toc "
    "pymdownx.highlight pymdownx.inlinehilite pymdownx.superfences"
)
HOSTILE = (
    '"><script>alert(1)</script><img src=x onerror=alert(2)>\n```\n{: onclick=alert(3)} [x](javascript:alert(4)) =1+1'
)
KINDS = (home, datasets, models, sources)


@pytest.fixture(scope="module")
def made(small: Store) -> dict[str, Page]:
    """The pages of the small store by path."""
    return pages_of(small)


def pages_of(store: Store) -> dict[str, Page]:
    """Return the pages of this module's kinds by path."""
    return {page.path: page for kind in KINDS for page in kind.pages(store)}


def test_there_is_a_page_for_every_record_and_an_index_for_every_kind(small: Store, made: dict[str, Page]) -> None:
    """Home, three indexes, and one page for each data set, model and source."""
    cards = {"datasets": small.datasets, "models": small.models, "sources": small.sources}
    expected = {f"{kind}/{name}.md" for kind, found in cards.items() for name in [*found, "index"]}
    assert set(made) == {"index.md"} | expected


@pytest.mark.parametrize(
    "path", ["index.md", "datasets/toy-rooms.md", "models/toy-a.md", "sources/toy-paper.md", "models/index.md"]
)
def test_pages_are_as_they_were_looked_at(golden: Callable[[Page], None], path: str, made: dict[str, Page]) -> None:
    """One page of each kind equals its golden file (drawings left out)."""
    golden(made[path])


def test_every_number_stands_on_its_source_page_with_its_digits(small: Store, made: dict[str, Page]) -> None:
    """Each number has its own anchor and its printed digits there; a percentage shows what is stored too."""
    for number in small.numbers:
        body = made[f"sources/{number.source}.md"].body
        cell = re.search(rf'<td class="num"[^>]* id="n{number.line}">(.*?)</td>', body)
        assert cell is not None
        assert f">{number.row.value_as_printed}</span>" in cell.group(1)
    assert '<span class="range">0.050</span>' in made["sources/toy-paper.md"].body


def test_every_link_between_the_pages_and_their_files_resolves(made: dict[str, Page]) -> None:
    """Whatever one of these pages links to beside it exists: pages, files and anchors (others' pages aside)."""
    files = {file.path for page in made.values() for file in page.files}
    html = {path.removesuffix(".md") + ".html": through_markdown(page.body) for path, page in made.items()}
    elsewhere = (
        "disagreements", "protocols/", "metrics", "contribute", "about", "data/index", "speed", "models/adapters",
    )  # fmt: skip
    for path, text in html.items():
        for href in re.findall(r'href="([^"]*)"', text):
            target, anchor = resolve(path, href)
            if "://" in href or target.startswith(elsewhere):
                continue
            assert target in html or target in files, f"{path} links to {href}"
            assert not anchor or f'id="{anchor}"' in html[target], f"{path} links to {href}"


def test_a_suspect_value_is_struck_through_and_explained(made: dict[str, Page]) -> None:
    """A suspect number is marked on its source's page with the reason, and sorts last."""
    body = made["sources/toy-paper.md"].body
    assert '<td class="num" data-value="" id="n5"><span class="suspect">0.9</span>' in body
    assert "a slip of the pen" in body


def test_what_cannot_be_placed_is_listed_apart(made: dict[str, Page]) -> None:
    """An unplaced board stands under its own heading, below the ranked ones, without a rank column."""
    body = made["datasets/toy-rooms.md"].body
    apart = body.index("## Listed&#44; not ranked")
    assert body.index("{#metric}") < apart < body.index("{#unplaced}")
    assert 'class="rank' not in body[apart:]


def test_protocol_descriptions_are_counted(made: dict[str, Page]) -> None:
    """The fold under a board names each distinct protocol note with its number of values."""
    body = made["datasets/toy-rooms.md"].body
    assert "3 protocol descriptions stand behind this board" in body
    assert '<th scope="row">crop; cap 10 m</th><td>2</td>' in body
    assert '<th scope="row">nothing stated</th><td>1</td>' in body


def test_a_board_comes_with_all_its_downloads(made: dict[str, Page]) -> None:
    """CSV, JSON, Markdown, LaTeX and BibTeX of every board are published with the page."""
    files = {file.path for file in made["datasets/toy-rooms.md"].files}
    for board in ("metric", "affine-depth", "unplaced"):
        assert {
            f"data/boards/toy-rooms/{board}.{ending}" for ending in ("csv", "json", "md.txt", "tex", "bib")
        } <= files


def test_a_measured_speed_stands_on_the_model_page() -> None:
    """A speed record shows its device, input, latencies and that the weights were random, and leads to all speeds."""
    store = toy.store(models=[toy.model("toy-a"), toy.model("toy-b")], speeds=(toy.speed("toy-a"),))
    made = pages_of(store)
    body = made["models/toy-a.md"].body
    for shown in ("Toy Gpu", "1.5–3.5", "1 × 480 × 640", "architecture with random weights", "../speed.html"):
        assert shown in body
    assert "../data/speed/toy-gpu/toy-a.json" in body
    assert "Measured speed" not in made["models/toy-b.md"].body


def test_a_loss_stands_on_the_model_page_with_its_evidence() -> None:
    """What a model was trained to minimise, and where that was read; nothing where the card does not say."""
    loss = {"text": "squared error", "evidence": "toy paper, section 3"}
    store = toy.store(models=[toy.model("toy-a", training_loss=loss), toy.model("toy-b")])
    made = pages_of(store)
    assert "<dd>squared error</dd>" in made["models/toy-a.md"].body
    assert "<dd>toy paper, section 3</dd>" in made["models/toy-a.md"].body
    assert "Trained to minimise" not in made["models/toy-b.md"].body


def test_a_model_whose_adapter_was_checked_leads_there() -> None:
    """The link stands only where there is something to see."""
    store = toy.store(models=[toy.model("toy-a"), toy.model("toy-b")], adapters=toy.proofs("toy-a"))
    made = pages_of(store)
    assert "../models/adapters.html#adapters-toy-a" in made["models/toy-a.md"].body
    assert "adapters.html" not in made["models/toy-b.md"].body


def test_measured_boards_come_first_and_a_smoke_board_says_so() -> None:
    """A run's board stands above published ones; on a data set that is not citable every board warns."""
    store = toy.store(
        [toy.number("toy-a")],
        runs=[toy.run("toy-a", [0.1, 0.2])],
        datasets=[toy.dataset(citable=False)],
    )
    page, model = (pages_of(store)[path].body for path in ("datasets/toy-rooms.md", "models/toy-a.md"))
    assert "data/runs/toy-rooms/house/toy-a.json" in model
    assert page.index("Measured here") < page.index("{#metric}")
    assert page.count("smoke board, not to be cited") == 2
    assert "badge-smoke" in pages_of(store)["index.md"].body


def test_a_deviation_is_told_beside_the_run() -> None:
    """The model's page and the protocol's page mark a run whose predictions were made otherwise."""
    store = toy.store(runs=[toy.run("toy-a", [0.1], deviations=["no flip & no crop"])])
    body = pages_of(store)["models/toy-a.md"].body
    assert "Predictions made otherwise than the protocol says: no flip &amp; no crop" in body


def test_boards_without_a_rank_are_not_drawn() -> None:
    """Where every run deviates nobody leads: there is a table and no chart."""
    made = [toy.run(f"toy-{name}", [0.1], deviations=["no flip"]) for name in "abcd"]
    assert "<figure" not in pages_of(toy.store(runs=made))["datasets/toy-rooms.md"].body
    plain = [toy.run(f"toy-{name}", [0.1]) for name in "abcd"]
    assert "<figure" in pages_of(toy.store(runs=plain))["datasets/toy-rooms.md"].body


def test_empty_states_say_how_to_fill_them() -> None:
    """With no number, run, model or source each page says what to do."""
    store = toy.store(datasets=[toy.dataset()], models=[toy.model("toy-a")])
    made = pages_of(store)
    for path in ("index.md", "datasets/toy-rooms.md", "models/toy-a.md"):
        assert '<p class="nothing">' in made[path].body
    empty = pages_of(toy.store())
    for path in ("index.md", "datasets/index.md", "models/index.md", "sources/index.md"):
        assert '<p class="nothing">' in empty[path].body


@pytest.mark.parametrize(("kind", "role"), [("average", "evaluation"), ("none", "evaluation"), ("dataset", "training")])
def test_averages_and_training_sets_have_fitting_pages(kind: Any, role: Any) -> None:
    """An average names its members, a training set names the models trained on it; none of them asks for runs."""
    card = toy.dataset(
        "toy-other", kind=kind, role=role, members=["toy-rooms", "elsewhere"] if kind == "average" else []
    )
    store = toy.store(models=[toy.model("toy-a", trained_on=["toy-other"])], datasets=[card, toy.dataset()])
    body = pages_of(store)["datasets/toy-other.md"].body
    assert ("Averages over" in body) == (kind == "average")
    assert "../models/toy-a.html" in body
    assert ("No number stands on this data set" in body) == (role != "training")


def test_hostile_text_in_every_field_stays_text(small: Store, made: dict[str, Page]) -> None:
    """Text that a record's checks would refuse is still only text on every page, heading, attribute and download."""
    hostile = pages_of(spoiled(small))
    assert len(hostile) == len(made)
    assert all("alert(1)" in html_module.unescape(hostile[path].body) for path in hostile if path.count("/"))
    for page in hostile.values():
        html = through_markdown(page.body)
        assert "<script" not in html
        assert "<img" not in html
        assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', html))
        assert not re.search(r'(href|src)="\s*(javascript|data):', html)
        for file in page.files:
            if file.path.endswith(".csv"):
                assert not re.search(r'(^|,)"?[=+@]', str(file.content), re.MULTILINE)


def test_pages_are_the_same_every_time(small: Store, made: dict[str, Page]) -> None:
    """Two runs over one store give the same pages and files."""
    assert pages_of(small) == made


def through_markdown(body: str) -> str:
    """Return what the site's Markdown makes of a page."""
    return markdown.markdown(body, extensions=EXTENSIONS.split())


def resolve(path: str, href: str) -> tuple[str, str]:
    """Return (path from the root, anchor) of a link on a page."""
    target, _, anchor = href.partition("#")
    if not target:
        return path, anchor
    folder = path.split("/")[:-1]
    for part in target.split("/"):
        folder = folder[:-1] if part == ".." else [*folder, part]
    return "/".join(folder), anchor


def spoiled(store: Store) -> Store:
    """Return the store with hostile text in every free text field of every card and number, past all checks."""
    return Store(
        root=store.root,
        datasets={name: _spoil(card) for name, card in store.datasets.items()},
        models={name: _spoil(card) for name, card in store.models.items()},
        sources={name: _spoil(card) for name, card in store.sources.items()},
        numbers=tuple(StoredNumber(n.source, n.line, _spoil(n.row)) for n in store.numbers),
        references=store.references,
    )


def _spoil(record: Any) -> Any:
    return record.model_copy(update=dict(_changes(record)))


KEPT = {"id", "model", "dataset", "metric", "family", "place", "kind", "flag", "depth_range_m"}


def _changes(record: BaseModel) -> Iterator[tuple[str, Any]]:
    """Yield hostile values for text fields (ids, controlled values and table names are kept)."""
    for name, info in type(record).model_fields.items():
        shape = str(info.annotation)
        if name in KEPT or "Literal" in shape or name in {"bibtex", "parts", "trained_on", "pretrained_on"}:
            continue
        value = getattr(record, name)
        if isinstance(value, str) or name in {"url", "homepage", "code_url"}:
            yield name, HOSTILE
        elif isinstance(value, list) and "str" in shape:
            yield name, [HOSTILE]
        elif name == "tables":
            yield name, [table.model_copy(update={"family_rule": HOSTILE, "why": HOSTILE}) for table in value]


def run_page(store: Store, monkeypatch: pytest.MonkeyPatch, home: str = "") -> str:
    """The page of the model whose run a store has, with the repository at an address."""
    monkeypatch.setattr("sitegen.report._home", lambda: home)
    pages = {page.path: page.body for page in models.pages(store)}
    return pages[f"models/{store.runs[0].model.id}.md"]


def test_every_step_of_a_run_links_its_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The four steps stand below each other in words and shapes; those taken link the record, the checks, the log."""
    run = toy.run("toy-a", [0.1, 0.2])
    store = toy.store(runs=[run], verified=(toy.verification(run),))
    body = run_page(store, monkeypatch, "https://github.com/owner/fathom")
    assert f'id="run-{run.sha256[:12]}"' in body
    steps = re.findall(r"<li[^>]*>.*?</li>", body.split('<ol class="ladder">')[1].split("</ol>")[0], re.DOTALL)
    links = [re.findall(r'href="([^"]*)"', step) for step in steps]
    assert links[0] == ["../data/runs/toy-rooms/house/toy-a.json"]
    history = "https://github.com/owner/fathom/commits/HEAD/results/runs/toy-rooms/house/toy-a.json"
    assert links[1:] == [["../about.html#verification", history], ["https://example.org/log"], []]
    assert [step.count("●") for step in steps] == [1, 1, 1, 0]
    assert "not yet: reproduced by a second party" in steps[3]
    assert "A. Maintainer, 2026-11-25, another GPU, <code>runners reproduce</code>" in steps[2]


def test_a_number_is_reported_where_a_repository_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and published numbers each have their link, with their own digest; without a repository there is none."""
    run, number = toy.run("toy-a", [0.1, 0.2]), toy.number("toy-a")
    store = toy.store([number], runs=[run])
    assert "Report this number" not in run_page(store, monkeypatch)
    links = re.findall(r'<a class="report" href="([^"]*)" rel="noopener', run_page(store, monkeypatch, "https://x/o/r"))
    assert [f"digest={digest}" in link for digest, link in zip((run.sha256, number.sha256), links, strict=True)] == [
        True,
        True,
    ]


def test_withdrawn_and_disputed_results_stay_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the pages of model and source both are struck out, with the reason and where it can be read."""
    run, number = toy.run("toy-a", [0.1, 0.2]), toy.number("toy-a")
    store = toy.store([number], runs=[run], disputes=toy.dispute(run, "disputed") | toy.dispute(number))
    body = run_page(store, monkeypatch)
    for status in ("Disputed, 2026-11-25:", "Withdrawn, 2026-11-25:"):
        assert f"<strong>{status}</strong> the wrong weights" in body
    source = {page.path: page.body for page in sources.pages(store)}["sources/toy-paper.md"]
    for page in (body, source):
        assert '<td class="num" data-value=""' in page
        assert '<span class="suspect">5.10</span>' in page or '<span class="suspect">0.0510</span>' in page
        assert 'href="https://example.org/why"' in page
