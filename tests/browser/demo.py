"""A small site with invented models and numbers, so that the front is tested without any real record.

Every name says that it is a fake; nothing of this is published.
"""

# ruff: noqa: E501 - a line of HTML is easier to read whole

from functools import cache

import pandas as pd

from sitegen import charts, words
from sitegen.pages.base import DataFile, Page
from sitegen.text import language

METRICS = (
    ("AbsRel", "↓", "asc"),
    ("SqRel", "↓", "asc"),
    ("RMSE", "↓", "asc"),
    ("log10", "↓", "asc"),
    ("δ<sub>1</sub>", "↑", "desc"),
)
KINDS = ("reported", "copied", "re-run", "unclear")
ROWS = 30
EMPTY = ("disagreements.md", "about.md", "metrics.md", "contribute.md", "data.md", "speed.md")
SECTIONS = ("models", "sources", "protocols", "gallery", "theory")


def demo_pages() -> list[Page]:
    """Return the pages of the demo site: every page that the navigation names, one board, charts of every kind."""
    return [
        Page("index.md", "Fathom", _home()),
        Page("datasets/index.md", "Datasets", "# Datasets\n\n" + _cards()),
        _board_page(),
        *(Page(f"{name}/index.md", name.title(), f"# {name.title()}\n\n" + _nothing()) for name in SECTIONS),
        *(Page(name, name[:-3].title(), f"# {name[:-3].title()}\n\n" + _nothing()) for name in EMPTY),
    ]


def board_frame() -> pd.DataFrame:
    """Return the rows of a board as ``charts.ranked_dots`` takes them."""
    values = [0.041 + 0.0043 * index for index in range(ROWS)]
    return pd.DataFrame(
        {
            "label": [_model(index) for index in range(ROWS)],
            "value": values,
            "low": [value - 0.002 * (index % 3) for index, value in enumerate(values)],
            "high": [value + 0.006 * (index % 4) for index, value in enumerate(values)],
            "kind": [KINDS[index % 4] for index in range(ROWS)],
            "zero_shot": [("yes", "no", "unknown")[index % 3] for index in range(ROWS)],
            "suspect": [index == 4 for index in range(ROWS)],
            "text": [f"{value:.3f}" for value in values],
        }
    )


def demo_charts() -> dict[str, charts.Chart]:
    """Return a chart of every kind, in the language in force."""
    return _drawn(language())


@cache
def _drawn(_language: str) -> dict[str, charts.Chart]:
    """Return a chart of every kind, by name."""
    frame = board_frame()
    words = {"alt_text": "Fake models in the order of their fake error, for trying the page out."}
    case = pd.DataFrame(
        {
            "label": ["the fake authors", "fake table A", "fake table B"],
            "value": [0.066, 0.214, 0.117],
            "kind": ["reported", "re-run", "copied"],
            "text": ["0.066", "0.214", "0.117"],
        }
    )
    overview = pd.DataFrame(
        {"label": [f"fake case {n}" for n in range(1, 7)], "ratio": [3.24, 2.4, 1.9, 1.4, 1.2, 1.05]}
    )
    numbers = pd.DataFrame(
        [(f"fake board {board}", 0.05 + 0.03 * board + 0.004 * n, kind, "0.1", f"fake source {n}")
         for board in range(4) for n, kind in enumerate(charts.KINDS)],
        columns=["board", "value", "kind", "text", "source"],
    )  # fmt: skip
    cloud = frame.assign(
        x=[2.0 * 1.25**index for index in range(ROWS)][::-1], y=frame["value"] + 0.01 * (frame.index % 4)
    )
    years = frame.assign(x=2018 + frame.index % 8, y=frame["value"][::-1].to_list())
    metric = "AbsRel ↓"
    return {
        "ranked": charts.ranked_dots(frame, metric=metric, title="The fake top ten lie within 0.04", **words),
        "dumbbell": charts.dumbbell(case, metric=metric, title="One fake checkpoint, three numbers", **words),
        "overview": charts.disagreement_overview(overview, title="Up to three times apart", **words),
        "range": charts.range_vs_reruns(numbers, metric=metric, title="Fake re-runs are higher", **words),
        "pareto": charts.pareto(
            cloud, x_label="parameters (millions)", y_label=metric, title="Small is close to large", **words
        ),
        "trend": charts.year_trend(years, y_label=metric, title="The fake error halves in four years", **words),
    }


def _model(index: int) -> str:
    return f"FakeNet-{'SBLG'[index % 4]} v{index // 4 + 1}" + (" with a rather long variant name" if index == 7 else "")


def _home() -> str:
    return (
        '# Fake numbers to try the page out\n\n<p class="lede">Everything here is invented: it shows what a page looks like and is '
        "published nowhere.</p>\n\n" + _facts() + '\n## Indoor {#indoor}\n\n<p>A <a href="datasets/fake.html">fake board</a>.</p>\n\n'
        + _table(5, "board-plain", "home-board", "datasets/") + "\n## Drawn {#drawn}\n\n" + charts.figure(demo_charts()["pareto"], "data/charts/pareto.json")
        + "\n" + charts.figure(demo_charts()["trend"], "data/charts/trend.json")
    )  # fmt: skip


def _facts() -> str:
    pairs = (
        ("Protocol", "fake-1, all fields on one page"),
        ("Models", str(ROWS)),
        ("Primary metric", "AbsRel ↓"),
        ("Last changed", "2026-11-22"),
    )
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="facts facts-head">{rows}</dl>\n'


def _cards() -> str:
    card = '<li class="card" data-facet-scene="{scene}"><p class="card-title"><a href="fake.html">Fake set {n}</a></p><p>An invented {scene} set.</p><dl class="facts"><div><dt>Images</dt><dd>{n}00</dd></div></dl></li>'
    cards = "".join(card.format(n=n, scene="indoor" if n % 2 else "outdoor") for n in range(1, 8))
    return (
        '<div class="filters" data-for="sets" hidden><label>Filter <input type="search"></label>'
        '<label>Scene <select data-facet="scene"><option value="">all</option><option>indoor</option><option>outdoor</option></select></label>'
        f'<output data-template="{{shown}} of {{total}}"></output></div>\n<ul class="cards" id="sets">{cards}</ul>\n'
    )


def _nothing() -> str:
    return '<p class="nothing">Nothing here yet. Run <code>runners evaluate</code> to fill it.</p>\n'


def _board_page() -> Page:
    drawn = demo_charts()
    files = tuple(DataFile(f"data/charts/{name}.json", chart.json) for name, chart in drawn.items())
    figures = "".join(
        charts.figure(drawn[name], f"../data/charts/{name}.json") + "\n"
        for name in ("ranked", "dumbbell", "overview", "range")
    )
    filters = (
        '<div class="filters" data-for="fake-board" hidden><label>Filter <input type="search"></label>'
        '<label>Zero-shot <select data-facet="zs"><option value="">all</option><option value="yes">yes</option><option value="no">no</option></select></label>'
        '<label><input type="checkbox" data-facet="kind" value="reported"> the authors\' own only</label>'
        '<fieldset class="columns"><legend>Columns</legend></fieldset><output data-template="{shown} of {total} rows"></output></div>\n'
    )
    legend = "".join(f'<li><span class="mark mark-{kind}"></span>{words.kind(kind)}</li>' for kind in charts.KINDS)
    body = (
        '<p class="crumbs"><a href="index.html">Datasets</a></p>\n\n# Fake set\n\n<p class="lede">Two hundred invented images of rooms that do not exist.</p>\n\n'
        + _facts() + "\n## Affine-invariant depth {#affine}\n\n<p>All numbers are fakes; see <a href=\"#fake-1\">the note</a>.</p>\n\n" + filters
        + _table(ROWS, "", "fake-board", "") + f'<ul class="legend">{legend}</ul>\n<ol class="footnotes"><li id="fake-1">Printed ten times too large, we believe; it is not ranked.</li></ol>\n'
        + '<ul class="downloads"><li><a href="../data/fake.csv" download>CSV</a></li><li><a href="../data/fake.md.txt">Markdown</a></li></ul>\n\n## Drawn {#drawn}\n\n'
        + figures + "\n## Protocol {#protocol}\n\n" + _diff() + "\n## Cite {#cite}\n\n```bibtex\n@misc{fake, title={Fake}}\n```\n\n"
        + '<aside class="note note-warn"><p>A smoke board: <span class="badge badge-smoke">not to be cited</span></p></aside>\n<p id="words">fake words</p>\n<p><button class="copy" type="button" data-copy="words" data-done="Copied" hidden>Copy the fake</button></p>\n'
    )  # fmt: skip
    files += (DataFile("data/fake.csv", "model,abs_rel\nFake,0.1\n"), DataFile("data/fake.md.txt", "| a |\n|---|\n"))
    return Page("datasets/fake.md", "Fake set", body, "Fake numbers to try the page out.", files)


def _diff() -> str:
    rows = (
        ("same", "metres", "0.001 to 10", "0.001 to 10"),
        ("differs", "crop", "Eigen", "none"),
        ("differs", "mask", "depth &gt; 0", "depth &gt; 0.001"),
    )
    body = "".join(
        f'<tr class="{state}"><th scope="row">{name}</th><td class="was">{was}</td><td class="now">{now}</td></tr>'
        for state, name, was, now in rows
    )
    return f'<div class="board-scroll"><table class="diff"><thead><tr><th scope="col">Field</th><th scope="col">fake-1</th><th scope="col">fake-2</th></tr></thead><tbody>{body}</tbody></table></div>\n'


def _table(rows: int, extra: str, name: str, folder: str) -> str:
    heads = "".join(
        f'<th scope="col" class="metric" data-sort="number" data-first="{first}"{" data-optional" if text == "log10" else ""}>{text} <span class="dir">{arrow}</span></th>'
        for text, arrow, first in METRICS
    )
    body = "".join(_row(index, name, folder) for index in range(rows))
    return (
        f'<div class="board-scroll" role="region" aria-labelledby="{name}-caption" tabindex="0"><table class="board {extra}" id="{name}">'
        f'<caption id="{name}-caption">Fake models, affine-invariant depth, published numbers</caption><thead><tr>'
        f'<th scope="col" class="rank" data-sort="number">#</th><th scope="col" class="model" data-sort="text">Model</th>{heads}'
        f'<th scope="col" data-sort="text">Source</th></tr></thead><tbody>{body}</tbody></table></div>\n'
    )


def _row(index: int, name: str, folder: str) -> str:
    zero_shot = ("yes", "no", "unknown")[index % 3]
    kind = KINDS[index % 4]
    words = {"yes": "zero-shot", "no": "trained on it", "unknown": "not stated"}[zero_shot]
    cells = "".join(_cell(index, column, kind, folder) for column in range(len(METRICS)))
    tie = " tie" if index in (2, 3) else ""
    return (
        f'<tr id="{name}-row-{index}" data-facet-zs="{zero_shot}" data-facet-kind="{kind}"><td class="rank num{tie}" data-value="{index + 1}">{index + 1}</td>'
        f'<th scope="row" class="model" data-value="{_model(index)}"><a href="{folder}fake.html">{_model(index)}</a> <span class="zs zs-{zero_shot}">{words}</span></th>'
        f'{cells}<td class="src">Fake et al., table 3</td></tr>'
    )


def _cell(index: int, column: int, kind: str, folder: str) -> str:
    if (index + column) % 7 == 6:
        return '<td class="num empty">–</td>'
    value = (0.041 + 0.0043 * index) * (column + 1) if column < 4 else 0.99 - 0.004 * index
    style = ("num best", "num second")[index] if index < 2 else "num suspect" if (index, column) == (4, 0) else "num"
    here = f"{folder}fake.html" if folder else ""
    note = f'<sup class="footnote"><a href="{here}#fake-1">a</a></sup>' if style == "num suspect" else ""
    spread = (
        f' <span class="range">{value - 0.002:.3f}–{value + 0.01:.3f}</span>' if column == 0 and index % 3 == 0 else ""
    )
    mark = f'<span class="mark mark-{kind}" role="img" aria-label="{kind}" title="{kind}"></span>'
    return f'<td class="{style}" data-value="{value:.4f}"><a href="{here}#protocol">{value:.3f}</a>{mark}{note}{spread}</td>'
