"""The address that opens an issue: filled in with what the form asks for, and harmless whatever a number holds."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from sitegen import report
from sitegen.build import repository
from tests.sitegen import toy_store as toy

HOME = "https://github.com/owner/fathom"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Read the configuration anew for each test, and leave nothing of it."""
    yield
    report._home.cache_clear()
    report._site.cache_clear()


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository and a site's address."""
    monkeypatch.setenv("FATHOM_REPOSITORY", f"{HOME}/")
    monkeypatch.setenv("FATHOM_SITE_URL", "https://example.org/fathom")
    report._home.cache_clear()
    report._site.cache_clear()


def fields(address: str) -> dict[str, str]:
    """The fields that an address fills in."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.usefixtures("configured")
def test_a_run() -> None:
    """The page, the row, the value with its metric, and the whole digest."""
    run = toy.run("toy-a", [0.1, 0.2])
    address = report.run_report(run, "toy-rooms/measured-house")
    assert address.startswith(f"{HOME}/issues/new?template=wrong-number.yml&")
    assert fields(address) == {
        "template": "wrong-number.yml",
        "page": f"https://example.org/fathom/models/toy-a.html#run-{run.sha256[:12]}",
        "row": "toy-rooms/measured-house/toy-a",
        "value": "AbsRel 0.15",
        "digest": run.sha256,
    }


@pytest.mark.usefixtures("configured")
def test_a_number() -> None:
    """Source and stable id, the value as printed, and the digest of the whole row."""
    number = toy.number(value_as_printed="5.10 %")
    found = fields(report.number_report(number))
    assert found["row"] == f"toy-paper/{number.id}"
    assert found["value"] == "AbsRel 5.10 % (toy-a, toy-rooms)"
    assert found["digest"] == number.sha256
    assert found["page"].endswith("models/toy-a.html#numbers-toy-rooms")


@pytest.mark.usefixtures("configured")
def test_hostile_values_stay_in_their_field() -> None:
    """What a number holds adds no field, ends no attribute and makes no endless address."""
    number = toy.number(value_as_printed="1&template=evil.yml#x \"'> \n" + "x" * 3000)
    address = report.number_report(number)
    assert not set("\"'<> \n") & set(address)
    assert fields(address)["template"] == "wrong-number.yml"
    assert fields(address)["value"].startswith("AbsRel 1&template=evil.yml#x")
    assert len(address) < 2000


@pytest.mark.usefixtures("configured")
def test_the_form_has_these_fields(repo: Path) -> None:
    """Every field that is filled in is one of the form's."""
    form = yaml.safe_load((repo / ".github/ISSUE_TEMPLATE" / report.FORM).read_text())
    known = {part["id"] for part in form["body"] if "id" in part}
    assert set(fields(report.number_report(toy.number()))) - {"template"} <= known


def test_without_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no repository is configured, or something else than one, there is no link."""
    for value in ("", "javascript:alert(1)//a/b/c", "https://github.com/owner", "http://github.com/owner/fathom"):
        monkeypatch.setenv("FATHOM_REPOSITORY", value)
        report._home.cache_clear()
        assert repository() == ""
        assert report.number_report(toy.number()) == ""
        assert report.run_report(toy.run("toy-a", [0.1]), "x") == ""
        assert report.history_href("results/x.json") == ""
