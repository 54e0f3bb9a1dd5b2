"""Catalogues: every message is found where it stands, merging loses no translation, and every fault is listed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sitegen import translations
from sitegen.cli import main
from sitegen.text import catalogue_path
from sitegen.translations import check, extract, translated, update

CATALOGUE = """msgid ""
msgstr ""
"Language: el\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"Content-Type: text/plain; charset=utf-8\\n"

# a translator's note
msgid "Models"
msgstr "Μοντέλα"

msgid "{model}: error"
msgstr "{modell}: σφάλμα"

msgid "%(num)d table"
msgid_plural "%(num)d tables"
msgstr[0] "%(num)d πίνακας"
msgstr[1] "πίνακες"

msgid "What nobody says any more"
msgstr "Κάτι"

#, fuzzy
msgid "Sources"
msgstr "Πηγές"

msgid "Numbers"
msgstr ""
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small catalogue with every kind of fault."""
    file = tmp_path / "locale/el/messages.po"
    file.parent.mkdir(parents=True)
    file.write_text(CATALOGUE, encoding="utf-8")
    monkeypatch.setattr(translations, "catalogue_path", lambda _code: file)
    return file


@pytest.fixture
def faults(written: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is said of the small catalogue, by message."""
    wanted = translations.Catalog()
    for message in ("Models", "{model}: error", ("%(num)d table", "%(num)d tables"), "Sources", "Numbers", "Fresh"):
        wanted.add(message)
    monkeypatch.setattr(translations, "extract", lambda: wanted)
    return {finding.pointer: finding.message for finding in check("el")}


def test_all_faults_at_once(faults: dict[str, str]) -> None:
    """Missing, not translated, fuzzy, unused, and placeholders that differ, in singular and plural."""
    assert faults == {
        "“Fresh”": "is not in the catalogue",
        "“Numbers”": "is not translated",
        "“Sources”": "is marked as fuzzy: look at its translation and take out the mark",
        "“What nobody says any more”": "is not used any more",
        "“{model}: error”": "its translation lacks {model} and has {modell}",
        "“%(num)d table”": "its translation lacks %(num)d",
    }


@pytest.mark.parametrize(
    ("message", "translation", "fault"),
    [
        ("95 %% of it", "95 % αυτού", "its translation lacks %% and has %"),
        ('<a href="x.html">it</a>', "<a>αυτό</a>", 'its translation lacks <a href="x.html"> and has <a>'),
        ("{count} of {all}", "{all} από {count}", None),
    ],
)
def test_what_a_translation_must_take_over(message: str, translation: str, fault: str | None) -> None:
    """Per cent signs of formats, markup and names, in any order."""
    found = list(translations._faults(translations.Message(message, translation), used=True))
    assert found == ([fault] if fault else [])


def test_every_kind_of_place_is_read() -> None:
    """Python, templates, plural forms, mkdocs.yml and the metric registry."""
    catalogue = extract()
    for message in (
        "Loading path",
        "Where to begin",
        "%(count)s field differs",
        "Leaderboard",
        "Mean error in metres.",
    ):
        assert message in catalogue, message


def test_no_message_escapes_the_extraction() -> None:
    """Every constant that the code translates is found; what is no constant is the registry's, which is read whole."""
    catalogue, sources = extract(), Path("sitegen").rglob("*.py")
    calls = [call for source in sources for call in _calls(source)]
    assert len(calls) > 500
    assert [call.value for call in calls if isinstance(call, ast.Constant) and call.value not in catalogue] == []
    computed = {ast.unparse(call) for call in calls if not isinstance(call, ast.Constant)}
    assert computed == {"metric.meaning"}


def _calls(source: Path) -> Iterator[ast.expr]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "ngettext"}:
            yield node.args[0]


def test_nothing_is_translated_at_import() -> None:
    """A message outside of any function would be fixed in the language of the import."""
    early = []
    for source in Path("sitegen").rglob("*.py"):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        inside = {id(node) for scope in ast.walk(tree) if isinstance(scope, _SCOPES) for node in ast.walk(scope)}
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in inside)
        early += [f"{source}:{call.lineno}" for call in calls if ast.unparse(call.func) in {"_", "ngettext"}]
    assert early == []


_SCOPES = (ast.FunctionDef, ast.Lambda)


def test_update_keeps_translations_and_drops_what_is_unused(written: Path) -> None:
    """Translations and a translator's notes stay, new messages come in, old ones go; twice is as once."""
    update("el")
    first = written.read_text("utf-8")
    assert 'msgid "Models"\nmsgstr "Μοντέλα"' in first
    assert "# a translator's note" in first
    assert "What nobody says any more" not in first
    assert 'msgid "Where to begin"\nmsgstr ""' in first
    assert "Date" not in first.split("\n\n", 1)[0]
    update("el")
    assert written.read_text("utf-8") == first


@pytest.mark.parametrize("code", translated())
def test_committed_catalogues_are_up_to_date(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sitegen translations update` would change nothing: no message is missing in the file, none is unused."""
    committed = catalogue_path(code).read_bytes()
    copy = tmp_path / "messages.po"
    copy.write_bytes(committed)
    monkeypatch.setattr(translations, "catalogue_path", lambda _code: copy)
    update(code)
    assert copy.read_bytes() == committed


@pytest.mark.parametrize("code", translated())
def test_committed_translations_fit_their_messages(code: str) -> None:
    """Whatever is translated takes over names, formats and markup."""
    wrong = [finding for finding in check(code) if finding.message != "is not translated"]
    assert wrong == []


def test_command_says_all_and_fails(written: Path) -> None:
    """Exit code 1 with every fault; update mends what it can."""
    done = CliRunner().invoke(main, ["translations", "check"])
    assert done.exit_code == 1
    assert "“{model}: error”: its translation lacks {model} and has {modell}" in done.output
    assert "“Sources”: is marked as fuzzy" in done.output
    assert CliRunner().invoke(main, ["translations", "update"]).output == f"{written}\n"
    assert "is not in the catalogue" not in CliRunner().invoke(main, ["translations", "check"]).output
