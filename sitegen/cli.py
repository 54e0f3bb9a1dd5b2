"""The ``sitegen`` command: thin; each command reads its options, calls one function and reports."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from sitegen.findings import Finding, errors, format_findings
from sitegen.records import RECORD_TYPES
from sitegen.store import DEFAULT_RESULTS, Store, load

__all__ = ["main"]

LANGUAGES = ("en",)
"""Languages that the site is written in today."""
STAGE = Path("build")
DOCS = Path("docs")

_results = click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_RESULTS,
    show_default=True,
    help="Folder of the records.",
)

_site = click.option(
    "--site",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("site"),
    show_default=True,
    help="Folder of the built site.",
)


class Failure(click.ClickException):
    """The input is at fault: a sentence, exit code 1, no traceback."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        """Print the sentence to standard error."""
        click.echo(self.message, err=True, file=file)


def _languages(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    languages = tuple(dict.fromkeys(value.split(",")))
    if unknown := [language for language in languages if language not in LANGUAGES]:
        raise click.BadParameter(
            f"no pages in '{', '.join(unknown)}' yet; the site is written in {', '.join(LANGUAGES)}"
        )
    return languages


_language = click.option(
    "--lang",
    "languages",
    default=",".join(LANGUAGES),
    show_default=True,
    callback=_languages,
    help="Languages, by comma.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fathom-depth")
def main() -> None:
    """Turn the records in results/ into the Fathom site."""


@main.command()
@_results
@_site
@_language
@click.option(
    "--builder",
    type=click.Choice(["mkdocs", "zensical"]),
    default="mkdocs",
    show_default=True,
    help="What turns the staged sources into pages.",
)
@click.option("--strict", is_flag=True, help="Let warnings, such as a broken link, stop the build.")
def build(results: Path, site: Path, languages: tuple[str, ...], builder: Any, strict: bool) -> None:
    """Build the whole site."""
    started = time.monotonic()
    pages = _build_site(results, site, languages, builder, strict)
    click.echo(f"{pages} pages in {time.monotonic() - started:.1f} s. Open {(site / 'index.html').resolve().as_uri()}")


@main.command()
@_results
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to fill.")
@_language
def render(results: Path, out: Path, languages: tuple[str, ...]) -> None:
    """Write the staged Markdown and data files, without building pages of them."""
    for language in languages:
        staged = _stage(_valid(results), out / language)
        click.echo(
            f"{out / language}: {len(staged.written)} files written, {len(staged.unchanged)} unchanged, "
            f"{len(staged.removed)} removed"
        )


@main.command()
@_results
@_site
@_language
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
def serve(results: Path, site: Path, languages: tuple[str, ...], port: int) -> None:
    """Build the site, show it at http://127.0.0.1, and build again whenever a record or a page changes."""
    from sitegen.build import CONFIG
    from sitegen.build import serve as serve_site

    def again() -> None:
        try:
            _build_site(results, site, languages, "mkdocs", strict=False)
        except Failure as failure:
            failure.show()

    _build_site(results, site, languages, "mkdocs", strict=False)
    serve_site(site, again, [results, DOCS, CONFIG, Path(__file__).parent], port=port, ready=click.echo)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@_results
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@click.option(
    "--against", metavar="GIT_REF", help="Judge what changed since this commit, and that nothing changed silently."
)
def validate(paths: tuple[Path, ...], results: Path, style: str, against: str | None) -> None:
    """Check records: all of them, or only the PATHS (files or folders) that are named.

    All findings are printed at once, each with its file, the place in it, what was found, what was expected and how to
    mend it; the exit code is 1 if one of them is an error. Warnings are for a person to answer. With --against, which
    is what CI runs, nothing that was published may be removed or changed without an entry in corrections.yaml.
    """
    store = load(results)
    findings = list(store.findings) if against is None else _submission(results, against, store)
    if paths:
        findings = [finding for finding in findings if _concerns(results / finding.path, paths)]
    _print_findings(findings, style, results)
    if errors(findings):
        sys.exit(1)


@main.command()
@click.argument("name", type=click.Choice(list(RECORD_TYPES)))
def schema(name: str) -> None:
    """Print the JSON Schema of a record type."""
    click.echo(json.dumps(RECORD_TYPES[name].model_json_schema(), indent=2, ensure_ascii=False))


@main.command()
@click.argument("board")
@_results
@click.option(
    "--format",
    "style",
    type=click.Choice(["html", "markdown", "csv", "json", "latex"]),
    default="markdown",
    show_default=True,
    help="What to print.",
)
def table(board: str, results: Path, style: str) -> None:
    """Print one board, named DATASET/BOARD, such as nyu-depth-v2/metric."""
    from sitegen.board import BoardNotFoundError, find_board
    from sitegen.board_table import board_table

    store = _valid(results)
    try:
        found = board_table(store, find_board(store, board))
    except BoardNotFoundError as error:
        raise Failure(str(error)) from None
    printers: dict[str, Callable[[], str]] = {
        "html": found.to_html,
        "markdown": found.to_markdown,
        "csv": found.to_csv,
        "json": found.to_json,
        "latex": found.to_latex,
    }
    click.echo(printers[style](), nl=False)


def _valid(results: Path) -> Store:
    with _step("Reading records"):
        store = load(results)
    if store.errors:
        raise Failure(f"{format_findings(store.errors)}\n{len(store.errors)} errors in {results}; nothing was built.")
    return store


def _stage(store: Store, out: Path, language: str = "en") -> Any:
    from sitegen.charts import use_cache
    from sitegen.pages import site_pages
    from sitegen.stage import stage
    from sitegen.theory.markup import TheoryError

    use_cache(STAGE / "cache" / "charts")
    docs = DOCS / language
    try:
        with _step("Rendering pages and charts"):
            return stage(site_pages(store, docs), out, docs=docs, cache_dir=STAGE / "cache")
    except TheoryError as error:
        raise Failure(str(error)) from None


def _build_site(results: Path, site: Path, languages: Sequence[str], builder: Any, strict: bool) -> int:
    """Stage and build, show what was found, and return the number of pages.

    Raises:
        Failure: If the records or the built site have errors.
    """
    from sitegen.build import BuildError
    from sitegen.build import build as build_site

    store = _valid(results)
    stages = {language: STAGE / language / "docs" for language in languages}
    for language, folder in stages.items():
        _stage(store, folder, language)
    try:
        with _step("Building the site"):
            findings = build_site(stages, site, builder=builder, strict=strict)
    except BuildError as error:
        raise Failure(str(error)) from None
    _print_findings(findings, "text")
    if errors(findings):
        raise Failure("The site has errors; the one built before was left as it is.")
    return sum(1 for _ in site.rglob("*.html"))


@contextmanager
def _step(label: str) -> Iterator[None]:
    """Show a spinner on a terminal while a step runs, and nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(label):
        yield


def _print_findings(findings: list[Finding], style: str, folder: Path | None = None) -> None:
    if style == "json":
        click.echo(json.dumps([finding.to_dict() for finding in findings], indent=2, ensure_ascii=False))
    elif style == "github":
        for finding in findings:
            click.echo(finding.to_github(folder.as_posix() if folder and not folder.is_absolute() else ""))
    elif findings:
        click.echo(format_findings(findings))


def _concerns(file: Path, paths: tuple[Path, ...]) -> bool:
    resolved = file.resolve()
    return any(resolved.is_relative_to(path.resolve()) for path in paths)


def _submission(results: Path, reference: str, store: Store) -> list[Finding]:
    from sitegen.submission import GitError, submission_findings

    try:
        return submission_findings(results, reference, store)
    except GitError as error:
        raise Failure(str(error)) from None
