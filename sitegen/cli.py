"""The ``sitegen`` command: thin; each command reads its options, calls one function and reports."""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from sitegen.files import write_aside
from sitegen.findings import Finding, errors, format_findings
from sitegen.records import RECORD_TYPES
from sitegen.scaffold import FORMS, Form, Question, ScaffoldError, assemble, faults, likeness, write
from sitegen.store import DEFAULT_RESULTS, Store, load
from sitegen.text import LANGUAGES, SOURCE_LANGUAGE, speaking

__all__ = ["main"]

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
        raise click.BadParameter(f"no pages in '{', '.join(unknown)}'; the site is written in {', '.join(LANGUAGES)}")
    if SOURCE_LANGUAGE not in languages:
        raise click.BadParameter(f"'{SOURCE_LANGUAGE}' must be among them: the others link to its data")
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
    folders = {language: out / language for language in languages}
    for language, staged in _stages(_valid(results), folders).items():
        click.echo(
            f"{folders[language]}: {len(staged.written)} files written, {len(staged.unchanged)} unchanged, "
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
@click.option(
    "--verdict",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --against: write the numbers of findings and files there, for 'sitegen comment'.",
)
def validate(paths: tuple[Path, ...], results: Path, style: str, against: str | None, verdict: Path | None) -> None:
    """Check records: all of them, or only the PATHS (files or folders) that are named.

    All findings are printed at once, each with its file, the place in it, what was found, what was expected and how to
    mend it; the exit code is 1 if one of them is an error. Warnings are for a person to answer. With --against, which
    is what CI runs, nothing that was published may be removed or changed without an entry in corrections.yaml.
    """
    if verdict and against is None:
        raise click.UsageError("--verdict counts what differs from a commit: name one with --against")
    store = load(results)
    findings = list(store.findings) if against is None else _submission(results, against, store)
    if paths:
        findings = [finding for finding in findings if _concerns(results / finding.path, paths)]
    _print_findings(findings, style, results)
    if verdict and against is not None:
        _write_verdict(verdict, findings, results, against)
    if errors(findings):
        sys.exit(1)


@main.command()
@click.argument("base")
@click.argument("head", default=".")
@_results
def diff(base: str, head: str, results: Path) -> None:
    """Say in Markdown what changes on the boards from commit BASE to commit HEAD.

    HEAD "." or none: the files as they lie in the folder.

    Rows, ranks before and after, neighbours with their intervals, differences to published values, findings, and a
    picture in text. Both are read from git and none of their code runs. What only BASE gained since the two parted is
    no difference. The exit code is 0 whatever differs; 'sitegen validate' is the check.
    """
    from sitegen.diff import compare
    from sitegen.diff_text import summary
    from sitegen.history import GitError, common_ancestor, read_revision, resolve

    try:
        first, second = resolve(results, base), resolve(results, head)
        start = common_ancestor(results, first, second) if first else ""
        with _step("Reading records before and after"):
            before, after = read_revision(results, start), read_revision(results, second)
    except GitError as error:
        raise Failure(str(error)) from None
    names = [side.commit[:12] or "the work tree" for side in (before, after)]
    click.echo(summary(compare(before.store, after.store), *names), nl=False)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--commit", metavar="SHA", required=True, help="The commit that was checked.")
@click.option(
    "--outside",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="How many files outside of results/ the submission touches.",
)
def comment(file: Path, commit: str, outside: int) -> None:
    """Print a comment on a pull request, made of the numbers in FILE (of 'validate --verdict') and of nothing else."""
    from sitegen.verdict import VerdictError, read_verdict
    from sitegen.verdict import comment as text

    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise click.UsageError("--commit takes 7 to 64 lower-case hexadecimal digits")
    try:
        click.echo(text(read_verdict(file), commit=commit, outside=outside))
    except VerdictError as error:
        raise Failure(str(error)) from None


@main.command()
@_site
@click.option("--external", is_flag=True, help="Ask addresses outside the site, too, whether they still answer.")
def links(site: Path, external: bool) -> None:
    """Check the links of the built site; the exit code is 1 if one of them is broken."""
    from sitegen.build import base_path
    from sitegen.links import check_site, external_links
    from sitegen.outside import check_outside

    if not (site / "index.html").is_file():
        raise Failure(f"{site}: no built site; run 'sitegen build' first")
    with _step("Reading pages"):
        findings = check_site(site, base_path())
        outside = external_links(site) if external else {}
    with _step(f"Asking {len(outside)} addresses"):
        findings += check_outside(outside)
    _print_findings(findings, "text")
    click.echo(f"{len(outside)} addresses outside the site were asked", err=True)
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


@main.group()
def translations() -> None:
    """Keep the catalogues of messages, in sitegen/locale, in step with the pages."""


@translations.command()
def update() -> None:
    """Bring every catalogue up to date: new messages come in empty, unused ones go."""
    from sitegen.translations import translated
    from sitegen.translations import update as update_catalogue

    for code in translated():
        click.echo(update_catalogue(code))


@translations.command()
def check() -> None:
    """List what is missing, unused or at fault in the catalogues, all at once; exit code 1 if there is anything."""
    from sitegen.translations import check as check_catalogue
    from sitegen.translations import translated

    findings = [finding for code in translated() for finding in check_catalogue(code)]
    _print_findings(findings, "text")
    if findings:
        raise Failure(f"{len(findings)} messages to look at; sitegen translations update brings in new ones.")


@main.group()
def new() -> None:
    """Begin a card by answering questions; what an option answers is not asked."""


def _add_form(kind: str, form: Form) -> None:
    """Add ``sitegen new KIND``, with an option for each question."""

    def command(results: Path, no_input: bool, **given: str | None) -> None:
        card = _answered(form, {name: text for name, text in given.items() if text is not None}, results, no_input)
        try:
            paths = write(form, assemble(form, card), results)
        except ScaffoldError as error:
            raise Failure(str(error)) from None
        for path in paths:
            click.echo(f"{path}: written")
        click.echo("Next:")
        words = {"path": paths[0], "csv": paths[-1], "id": card["id"], "results": results}
        named = {name: shlex.quote(str(word)) for name, word in words.items()}
        for number, step in enumerate(form.after, start=1):
            click.echo(f"  {number}. {step.format(**named)}")

    for question in reversed(form.questions):
        choices = f" One of {', '.join(question.choices)}." if question.choices else ""
        text = f"{question.words[0].upper()}{question.words[1:]}.{choices}"
        command = click.option(f"--{question.name.replace('_', '-')}", question.name, metavar="TEXT", help=text)(
            command
        )
    command = click.option("--no-input", is_flag=True, help="Ask nothing: what no option answers is left out.")(command)
    new.command(kind, help=f"Begin the card of a {kind}; nothing that is there is overwritten.")(_results(command))


def _answered(form: Form, given: dict[str, str], results: Path, no_input: bool) -> dict[str, str]:
    """Return an answer to every question: from the options, else by asking.

    Raises:
        Failure: If an option's answer cannot stand, or one is missing and none may be asked for: all of them.
    """
    if not results.is_dir():
        raise Failure(f"{results}: no folder of records; work in the repository or name it with --results")
    if no_input:
        given = {question.name: given.get(question.name, question.default or "") for question in form.questions}
    asked = {question.name: question for question in form.questions}
    found = [
        f"--{name.replace('_', '-')}: {fault}"
        for name, text in given.items()
        for fault in faults(form, asked[name], text, results)
    ]
    if found:
        raise Failure("\n".join(found))
    return {name: given[name] if name in given else _ask(form, asked[name], results) for name in asked}


def _ask(form: Form, question: Question, results: Path) -> str:
    """Ask until the answer can stand; what is wrong is said at once."""

    def judged(text: str) -> str:
        if found := faults(form, question, text, results):
            raise click.UsageError("; ".join(found))
        return text

    if question.choices:
        click.echo(f"  ({', '.join(question.choices)})")
    label = question.words if question.default is None else f"{question.words} (optional)"
    answer: str = click.prompt(label, default=question.default, show_default=bool(question.default), value_proc=judged)
    if near := likeness(form, question, answer, results):
        click.echo(f"  Note: {near}.")
    return answer


for _kind, _form in FORMS.items():
    _add_form(_kind, _form)


def _valid(results: Path) -> Store:
    with _step("Reading records"):
        store = load(results)
    if store.errors:
        raise Failure(f"{format_findings(store.errors)}\n{len(store.errors)} errors in {results}; nothing was built.")
    return store


def _stages(store: Store, folders: Mapping[str, Path]) -> dict[str, Any]:
    """Stage every language into its folder, each in a process of its own, and return what each stage did.

    Raises:
        Failure: If a hand-written page cannot be made.
    """
    from sitegen.theory.markup import TheoryError

    # Spawned, not forked: the spinner is a thread, and so is the engine that draws charts.
    workers = ProcessPoolExecutor(len(folders), mp_context=get_context("spawn"))
    try:
        with _step("Rendering pages and charts"), workers as pool:
            done = pool.map(_stage, repeat(store), folders.values(), folders)
            return dict(zip(folders, done, strict=True))
    except TheoryError as error:
        raise Failure(str(error)) from None


def _stage(store: Store, out: Path, language: str) -> Any:
    from sitegen.charts import use_cache
    from sitegen.pages import site_pages
    from sitegen.stage import stage

    use_cache(STAGE / "cache" / "charts")
    docs, source = DOCS / language, language == SOURCE_LANGUAGE
    with speaking(language):
        return stage(site_pages(store, docs), out, docs=docs, cache_dir=STAGE / "cache", source=source)


def _build_site(results: Path, site: Path, languages: Sequence[str], builder: Any, strict: bool) -> int:
    """Stage and build, show what was found, and return the number of pages.

    Raises:
        Failure: If the records or the built site have errors.
    """
    from sitegen.build import BuildError
    from sitegen.build import build as build_site

    store = _valid(results)
    stages = {language: STAGE / language / "docs" for language in languages}
    _stages(store, stages)
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


def _write_verdict(path: Path, findings: list[Finding], results: Path, reference: str) -> None:
    from sitegen.history import GitError
    from sitegen.verdict import changes, count

    try:
        numbers = count(findings, changes(results, reference))
    except GitError as error:
        raise Failure(str(error)) from None
    write_aside(path, f"{numbers.model_dump_json()}\n".encode())


def _concerns(file: Path, paths: tuple[Path, ...]) -> bool:
    resolved = file.resolve()
    return any(resolved.is_relative_to(path.resolve()) for path in paths)


def _submission(results: Path, reference: str, store: Store) -> list[Finding]:
    from sitegen.submission import GitError, submission_findings

    try:
        return submission_findings(results, reference, store)
    except GitError as error:
        raise Failure(str(error)) from None
