"""New cards from answers: what ``sitegen new`` asks, how an answer is judged, and the files that come of it.

Nothing that is there is overwritten, and no file is written before all answers are sound.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError

from sitegen.files import write_aside
from sitegen.records import ModelCard, Record, Source, SourceTable
from sitegen.store import NUMBER_COLUMNS, explain

__all__ = ["FORMS", "Form", "Question", "ScaffoldError", "assemble", "faults", "likeness", "write"]


class ScaffoldError(ValueError):
    """A card cannot be made; the message says why, one reason a line."""


@dataclass(frozen=True)
class Question:
    """One answer that a card needs.

    Attributes:
        name: The record's field; its option is ``--name`` with hyphens.
        words: What is asked.
        record: The record that has the field.
        default: Taken where nothing is answered; None if an answer is needed, "" to leave the field out.
        read: Turns the answer's text into the field's value; raises ValueError if it cannot.
    """

    name: str
    words: str
    record: type[Record]
    default: str | None = ""
    read: Callable[[str], Any] = str

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the words that the record allows, in its order; none for free text."""
        return _literals(self.record.model_fields[self.name].annotation)

    def value(self, text: str) -> Any:
        """Return the field's value; a text that cannot be read stays a text, which the record then refuses."""
        try:
            return self.read(text)
        except ValueError:
            return text


@dataclass(frozen=True)
class Form:
    """All that is asked for one kind of card.

    Attributes:
        folder: Of the cards, below the results folder.
        questions: In the order of asking.
        build: Makes the record's fields of the answered ones.
        more: Texts of further files, by suffix, that stand beside the card.
        after: What to do next, one sentence or command each; ``{path}``, ``{id}`` and ``{results}`` are filled in.
    """

    folder: str
    record: type[Record]
    questions: tuple[Question, ...]
    after: tuple[str, ...]
    build: Callable[[dict[str, Any]], dict[str, Any]] = dict
    more: Mapping[str, str] = field(default_factory=dict)

    def paths(self, results: Path, card_id: str) -> dict[Path, str]:
        """Return the card's path and those beside it, with the texts of the latter."""
        stem = results / self.folder / card_id
        return {Path(f"{stem}.yaml"): ""} | {Path(f"{stem}{suffix}"): text for suffix, text in self.more.items()}


def faults(form: Form, question: Question, text: str, results: Path) -> list[str]:
    """Return what is wrong with one answer; nothing if it can stand.

    Args:
        form: What the answer is for.
        question: What was asked.
        text: The answer.
        results: Folder of the records: an id that has a card there is refused.
    """
    if text == "":
        return [] if question.default == "" else ["an answer is needed"]
    value = question.value(text)
    words = value if isinstance(value, list) else [value]
    if unknown := [word for word in words if question.choices and word not in question.choices]:
        return [_not_among(str(word), question.choices) for word in unknown]
    found = list(_field_faults(question, value))
    if question.name == "id" and not found:
        found += [f"{path} is there already, and nothing is overwritten" for path in _there(form, results, text)]
    return found


def likeness(form: Form, question: Question, text: str, results: Path) -> str | None:
    """Return a sentence on a card whose id, or family of models, is nearly this one; None without."""
    stems = sorted(path.stem for path in (results / form.folder).glob("*.yaml"))
    known = {"id": stems, "family": _families(results) if question.name == "family" else []}.get(question.name, [])
    near = [] if text in known else difflib.get_close_matches(text, known, n=3, cutoff=0.8)
    return f"there is {', '.join(near)} already; go on only if '{text}' is another one" if near else None


def assemble(form: Form, answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the card's fields, in the record's order; what was left empty is left out.

    Raises:
        ScaffoldError: If the answers make no valid record.
    """
    values = {question.name: question.value(answers[question.name]) for question in form.questions}
    data = {"schema_version": 1, **form.build({name: value for name, value in values.items() if value != ""})}
    try:
        form.record.model_validate(data)
    except ValidationError as error:
        raise ScaffoldError("\n".join(f"{pointer}: {message}" for pointer, message in explain(error))) from None
    return {name: data[name] for name in form.record.model_fields if name in data}


def write(form: Form, data: Mapping[str, Any], results: Path) -> list[Path]:
    """Write the card, and what stands beside it, and return the paths.

    Raises:
        ScaffoldError: If one of the files is there already.
    """
    if there := _there(form, results, data["id"]):
        raise ScaffoldError("\n".join(f"{path} is there already, and nothing is overwritten" for path in there))
    texts = form.paths(results, data["id"])
    for path, text in texts.items():
        write_aside(path, (text or _card(form, data)).encode("utf-8"))
    return list(texts)


def _card(form: Form, data: Mapping[str, Any]) -> str:
    left = [name for name in form.record.model_fields if name not in data]
    dumped = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=120)
    return f"{dumped}# Fields that are left out, for what you read: {', '.join(left)}\n"


def _there(form: Form, results: Path, card_id: str) -> list[Path]:
    return [path for path in form.paths(results, card_id) if path.exists() or path.is_symlink()]


def _field_faults(question: Question, value: Any) -> Iterator[str]:
    """Yield what the record says of one field; the others, which are missing, do not count here."""
    try:
        question.record.model_validate({question.name: value})
    except ValidationError as error:
        for pointer, message in explain(error):
            if pointer.split("/")[1] == question.name:
                yield message


def _not_among(word: str, choices: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"'{word}' is none of {', '.join(choices)}{hint}"


def _families(results: Path) -> list[str]:
    lines = (line for path in (results / "models").glob("*.yaml") for line in path.read_text("utf-8").splitlines())
    return sorted({line.removeprefix("family:").strip() for line in lines if line.startswith("family:")})


def _literals(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(word for word in get_args(annotation) if isinstance(word, str))
    return tuple(word for part in get_args(annotation) for word in _literals(part))


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _with_table(answers: dict[str, Any]) -> dict[str, Any]:
    """Return a source's fields: those of its first table stand in a block of their own."""
    table = {name: answers.pop(name) for name in SourceTable.model_fields if name in answers}
    return {**answers, "tables": [table]}


def _csv_header() -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(NUMBER_COLUMNS)
    return text.getvalue()


_MODEL = Form(
    "models",
    ModelCard,
    (
        Question("id", "id, such as my-net-large (it is the file's name)", ModelCard, None),
        Question("name", "name, as its authors write it", ModelCard, None),
        Question("family", "family: the id that all its variants share", ModelCard, None),
        Question("output_kind", "what its output is, as its authors say", ModelCard, None),
        Question("year", "year of the text that describes it", ModelCard, read=int),
        Question("venue", "where it was published", ModelCard),
        Question("paper_title", "title of the paper", ModelCard),
        Question("arxiv", "arXiv id", ModelCard),
        Question("authors", "authors", ModelCard),
        Question("code_url", "address of its code", ModelCard),
        Question("licence_code", "licence of the code, as its file says", ModelCard),
        Question("licence_weights", "licence of the weights, as their page says", ModelCard),
        Question("commercial_use", "whether that licence allows commercial use", ModelCard, "unknown"),
        Question("architecture_class", "class of its network", ModelCard),
        Question("params_m", "parameters, in millions", ModelCard, read=float),
        Question("seen_at", "where you read all this", ModelCard, None),
    ),
    after=(
        "add to {path} what else you read: exposure to data sets, checkpoints, notes (sitegen schema model)",
        "sitegen validate {path} --results {results}",
        "git switch -c {id} && git add {path} && git commit -m 'Add the model {id}'",
        "git push -u origin {id}, and open a pull request that names where the facts can be read",
    ),
)
_SOURCE = Form(
    "sources",
    Source,
    (
        Question("id", "id, such as smith2026-paper (it is the files' name)", Source, None),
        Question("title", "title", Source, None),
        Question("kind_of_text", "kind of text", Source, None),
        Question("authors", "authors", Source),
        Question("year", "year", Source, read=int),
        Question("venue", "where it was published", Source),
        Question("url", "address", Source),
        Question("seen_at", "which copy you read: address and date, or repository:path@commit", Source, None),
        Question("place", "first table: its place, such as Table 2", SourceTable, None),
        Question("families", "how its predictions were fitted (several by comma)", SourceTable, None, read=_listed),
        Question("kinds", "who measured its numbers (several by comma)", SourceTable, None, read=_listed),
        Question("family_rule", "which cells are fitted in which way", SourceTable, None),
        Question("kind_rule", "which cells were measured by whom", SourceTable, None),
        Question("why", "the words of the text that say so", SourceTable, None),
    ),
    after=(
        "write one number a row into {csv}, digits as printed (sitegen schema number); further tables go into {path}",
        "sitegen validate {path} {csv} --results {results}",
        "git switch -c {id} && git add {path} {csv} && git commit -m 'Add the numbers of {id}'",
        "git push -u origin {id}, and open a pull request that names the page where the numbers stand",
    ),
    build=_with_table,
    more={".csv": _csv_header()},
)
FORMS: dict[str, Form] = {"model": _MODEL, "source": _SOURCE}
"""What ``sitegen new KIND`` asks, by kind."""
