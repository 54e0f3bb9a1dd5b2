"""Times `sitegen build` beside a plain `mkdocs build` of equivalent hand-written pages, at 1x and 10x content.

The plain site is what a person would maintain by hand: the same number of pages with the same tables, written as
Markdown pipe tables, under the same theme, short navigation and extensions, without charts, filters, downloads and
checks. A third line builds the staged sources with MkDocs alone, so that the share of our own work can be read off.

Run it from the repository's root: ``python benchmarks/site.py --scale 1 --scale 10``.
"""

from __future__ import annotations

import csv
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from sitegen.board import boards
from sitegen.board_table import board_table
from sitegen.build import CONFIG, derive_config
from sitegen.store import NUMBER_COLUMNS, Store, load_valid

CARD_FOLDERS = ("datasets", "models", "sources")
REFERENCES = {"dataset", "model", "models", "source", "sources", "parts"}


@dataclass(frozen=True)
class Timing:
    """One build: wall and CPU seconds (user and system, children included), and pages built."""

    wall: float
    cpu: float
    pages: int


def timed(command: list[str], folder: Path, site: Path) -> Timing:
    """Run a command to its end and return what it took.

    Raises:
        click.ClickException: If it fails; its last lines are shown.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, capture_output=True, text=True, env=environment, check=False
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise click.ClickException(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(wall, cpu, sum(1 for _ in site.rglob("*.html")))


def multiplied(results: Path, out: Path, scale: int) -> Path:
    """Copy the records `scale` times, each copy under ids of its own, so that content grows and links still hold."""
    shutil.copytree(results, out)
    for copy in range(1, scale):
        ids = {path.stem for kind in CARD_FOLDERS for path in (results / kind).glob("*.yaml")}
        ids = {name for name in ids if len(name) < 60}
        for kind in (*CARD_FOLDERS, "disagreements"):
            for path in (results / kind).glob("*.yaml"):
                write_copy(path, out / kind, copy, ids)
        for path in (results / "sources").glob("*.csv"):
            write_numbers(path, out / "sources" / f"{path.stem}-x{copy}.csv", copy, ids)
    return out


def write_copy(path: Path, folder: Path, copy: int, ids: set[str]) -> None:
    """Write one card under a new id, with the ids it names renamed alike."""
    card = renamed(yaml.safe_load(path.read_text("utf-8")), copy, ids)
    card["id"] = f"{path.stem}-x{copy}"
    if folder.name == "disagreements":
        card["number"] += 1000 * copy
    (folder / f"{card['id']}.yaml").write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True), "utf-8")


def renamed(value: Any, copy: int, ids: set[str], *, reference: bool = False) -> Any:
    """Return the value with every id that was copied renamed to its copy, in the fields that name other records."""
    if isinstance(value, dict):
        return {key: renamed(item, copy, ids, reference=key in REFERENCES) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, copy, ids, reference=reference) for item in value]
    return f"{value}-x{copy}" if reference and isinstance(value, str) and value in ids else value


def write_numbers(path: Path, target: Path, copy: int, ids: set[str]) -> None:
    """Write a source's numbers with models, data sets and sources renamed."""
    with path.open(encoding="utf-8", newline="") as stream, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, NUMBER_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in csv.DictReader(stream):
            for column in ("model", "dataset", "compared_source"):
                row[column] = renamed(row[column], copy, ids, reference=True)
            row["protocol"] = ""
            writer.writerow(row)


def hand_written(store: Store, pages: list[str], folder: Path) -> Path:
    """Write the pages of the plain site: each page of ours as Markdown with pipe tables of the same numbers."""
    tables = dict(plain_tables(store))
    for page in pages:
        path = folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        title = path.stem.replace("-", " ")
        path.write_text(f"# {title}\n\nAll numbers that we know of.\n\n{tables.get(page, '')}\n", "utf-8")
    return folder


def plain_tables(store: Store) -> Iterator[tuple[str, str]]:
    """Yield (page, Markdown tables): boards for data sets, lists of numbers for models and sources."""
    by_dataset: dict[str, list[str]] = defaultdict(list)
    for board in boards(store):
        by_dataset[board.dataset].append(board_table(store, board).to_markdown())
    yield from ((f"datasets/{dataset}.md", "\n\n".join(parts)) for dataset, parts in by_dataset.items())
    for kind, key in (("models", lambda n: n.row.model), ("sources", lambda n: n.source)):
        lists: dict[str, list[Any]] = defaultdict(list)
        for number in store.numbers:
            lists[key(number)].append(number)
        yield from ((f"{kind}/{name}.md", pipe_table(numbers)) for name, numbers in lists.items())


def pipe_table(numbers: list[Any]) -> str:
    """Return published numbers as a Markdown table."""
    head = "| model | dataset | metric | value | family | source | place | note |\n|---|---|---|---|---|---|---|---|\n"
    rows = (
        (
            n.row.model,
            n.row.dataset,
            n.row.metric,
            n.row.value_as_printed,
            n.row.family,
            n.source,
            n.row.place,
            n.row.protocol_note,
        )
        for n in numbers
    )
    return head + "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows)


def plain_config(docs: Path, site: Path, path: Path) -> Path:
    """Write the plain site's mkdocs.yml: our theme, navigation and extensions without our assets."""
    config = derive_config(CONFIG, "en") | {"docs_dir": str(docs), "site_dir": str(site)}
    config["theme"].pop("custom_dir", None)
    config["theme"].pop("logo", None)
    config["theme"].pop("favicon", None)
    for key in ("extra_css", "extra_javascript", "extra"):
        config.pop(key, None)
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def measure(results: Path, work: Path) -> dict[str, Timing]:
    """Build the three sites over one results folder and return their timings."""
    (work / "docs").symlink_to(Path("docs").resolve())
    site = work / "site"
    ours = timed([sys.executable, "-m", "sitegen", "build", "--results", str(results), "--site", str(site)], work, site)
    staged = work / "build" / "en"
    alone = work / "alone"
    config = yaml.safe_load((staged / "mkdocs.yml").read_text("utf-8")) | {"site_dir": str(alone)}
    (staged / "alone.yml").write_text(yaml.safe_dump(config), "utf-8")
    mkdocs = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file"]
    mkdocs_alone = timed([*mkdocs, str(staged / "alone.yml")], staged, alone)
    pages = [path.relative_to(staged / "docs").as_posix() for path in (staged / "docs").rglob("*.md")]
    docs, plain = hand_written(load_valid(results), pages, work / "plain-docs"), work / "plain"
    plain_timing = timed([*mkdocs, str(plain_config(docs, plain, work / "plain.yml"))], work, plain)
    return {"sitegen build": ours, "mkdocs on our sources": mkdocs_alone, "plain mkdocs": plain_timing}


@click.command(help=__doc__)
@click.option("--scale", "scales", type=click.IntRange(1, 50), multiple=True, default=(1, 10), show_default=True)
@click.option("--results", type=click.Path(path_type=Path, exists=True), default=Path("results"), show_default=True)
def main(scales: tuple[int, ...], results: Path) -> None:
    """Print one line a build: pages, wall and CPU seconds, pages a second, ratio to the plain site's wall time."""
    click.echo(f"{'content':>8} {'build':<24}{'pages':>7}{'wall s':>9}{'cpu s':>9}{'pages/s':>9}{'ratio':>8}")
    for scale in scales:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            timings = measure(multiplied(results.resolve(), work / "results", scale), work)
        plain = timings["plain mkdocs"]
        for name, timing in timings.items():
            click.echo(
                f"{scale:>7}x {name:<24}{timing.pages:>7}{timing.wall:>9.1f}{timing.cpu:>9.1f}"
                f"{timing.pages / timing.wall:>9.1f}{timing.wall / plain.wall:>8.2f}"
            )


if __name__ == "__main__":
    main()
