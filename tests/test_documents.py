"""The documents: every command, option and link in them is one that exists."""

import os
import re
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
GUIDES = (
    "docs/en/contribute.md",
    "docs/en/security.md",
    "docs/en/add-a-model.md",
    "docs/en/manifest.md",
    "docs/en/measure-everything.md",
)


def commands(document: Path, program: str) -> list[list[str]]:
    """Every command line of a program in a document's code blocks and inline code, as words."""
    text = document.read_text().replace("\\\n", " ")
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    lines = [line for block in blocks for line in block.splitlines()] + inline
    words = [line.partition("#")[0].removeprefix(".venv/bin/").split() for line in lines]
    return [found for found in words if found[:1] == [program] and len(found) > 1]


def cli(program: str) -> click.Group:
    """The Click group behind a console script."""
    (script,) = entry_points(group="console_scripts", name=program)
    group = script.load()
    assert isinstance(group, click.Group)
    return group


def test_help_names_every_target_that_documents_name(repo: Path) -> None:
    """`make help` is the list of targets; what README and CONTRIBUTING name is on it."""
    shown = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=repo).stdout
    targets = set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE))
    named = {words[1] for document in DOCUMENTS for words in commands(repo / document, "make")}
    assert named
    assert named <= targets, named - targets


def test_ci_runs_what_the_readme_says(repo: Path) -> None:
    """.ci/run can be run, and runs the two check commands that the README gives."""
    script = repo / ".ci/run"
    assert os.access(script, os.X_OK)
    run = set(re.findall(r"^make ([a-z-]+)", script.read_text(), re.MULTILINE))
    assert run == {"lint", "test"}
    assert run <= {words[1] for words in commands(repo / "README.md", "make")}


@pytest.mark.parametrize("document", [*DOCUMENTS, *GUIDES])
@pytest.mark.parametrize("program", ["sitegen", "runners"])
def test_documents_name_only_commands_and_options_that_exist(program: str, document: str, repo: Path) -> None:
    """Every command line in README, CONTRIBUTING and the guides is one that `--help` knows, options included."""
    for words in commands(repo / document, program):
        command: click.Command = cli(program)
        for word in words[1:]:
            if isinstance(command, click.Group) and not word.startswith("-"):
                assert word in command.commands, f"{' '.join(words)}: there is no {word}"
                command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        used = {word for word in words if word.startswith("-")}
        assert used <= known, f"{' '.join(words)}: there is no {used - known}"


def test_each_way_to_contribute_has_at_most_five_steps(repo: Path) -> None:
    """Three ways in, each short enough to be read to its end."""
    sections = re.split(r"^## ", (repo / "docs/en/contribute.md").read_text(), flags=re.MULTILINE)
    ways = ("Add a measured run", "Add published numbers", "Add a model")
    steps = {section.splitlines()[0]: len(re.findall(r"^\d+\. ", section, re.MULTILINE)) for section in sections}
    assert all(1 < steps[way] <= 5 for way in ways), steps


def test_every_workflow_is_explained(repo: Path) -> None:
    """CONTRIBUTING says when each runs and what it does."""
    text = (repo / "CONTRIBUTING.md").read_text()
    assert {path.name for path in (repo / ".github/workflows").iterdir()} == set(
        re.findall(r"^\| `(\S+\.yml)`", text, re.M)
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_link_only_to_files_that_exist(document: str, repo: Path) -> None:
    """No dead relative link or picture."""
    links = re.findall(r"\]\(([^)#\s]+)", (repo / document).read_text())
    local = [link for link in links if not link.startswith(("http://", "https://", "mailto:"))]
    assert local
    assert [link for link in local if not (repo / link).exists()] == []


def test_every_decision_record_is_listed(repo: Path) -> None:
    """docs/adr/README.md is the index of all numbered records."""
    index = (repo / "docs/adr/README.md").read_text()
    records = [path.name for path in (repo / "docs/adr").glob("[0-9]*.md")]
    assert records
    assert [name for name in records if name not in index] == []
