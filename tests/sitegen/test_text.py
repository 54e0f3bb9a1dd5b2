"""The language in force: its messages, plural forms, numbers and dates, and what falls back to English."""

import pytest

from sitegen import text
from sitegen.text import LANGUAGES, date, language, local, name_of, ngettext, number_locale, numeral, speaking


def test_a_language_holds_inside_its_block_only() -> None:
    """English is in force before, after and inside a block of its own, whatever goes wrong."""
    assert language() == "en"
    with speaking("el"), speaking("en"):
        assert language() == "en"
    with pytest.raises(RuntimeError), speaking("el"):
        raise RuntimeError
    assert language() == "en"


def test_a_language_without_pages_is_refused() -> None:
    """The message names what there is."""
    with pytest.raises(ValueError, match="not written in 'xx', but in en, el"), speaking("xx"):
        pass


def test_messages() -> None:
    """A translated message is spoken, one without a translation stands in English."""
    with speaking("el"):
        assert text._("Models") == "Μοντέλα"
        assert text._("never seen in any catalogue") == "never seen in any catalogue"
    assert text._("Models") == "Models"


@pytest.mark.parametrize(("count", "spoken"), [(0, "%(num)d μοντέλα"), (1, "%(num)d μοντέλο"), (2, "%(num)d μοντέλα")])
def test_plural_forms_of_greek(count: int, spoken: str) -> None:
    """One has the singular, all else the plural, nothing too."""
    with speaking("el"):
        assert ngettext("%(num)d model", "%(num)d models", count) == spoken


@pytest.mark.parametrize(
    ("value", "form", "english", "greek"),
    [
        ("0.0510", "", "0.0510", "0,0510"),
        ("~0.05", "", "~0.05", "~0,05"),
        (".05", "", ".05", ",05"),
        ("about 0.05, or 1,234.5", "", "about 0.05, or 1,234.5", "about 0,05, or 1.234,5"),
        (12345.678, ",.2f", "12,345.68", "12.345,68"),
        (4135, ",", "4,135", "4.135"),
        (2024, "", "2024", "2024"),
    ],
)
def test_numbers_keep_their_digits(value: float | str, form: str, english: str, greek: str) -> None:
    """Only the marks change, in numbers and in text with numbers."""
    assert numeral(value, form) == english
    with speaking("el"):
        assert numeral(value, form) == greek


@pytest.mark.parametrize(
    ("cell", "greek"),
    [
        ("2026-11-05", "5 Νοε 2026"),
        ("0.043–0.066", "0,043–0,066"),
        ("−0.003", "−0,003"),
        ("1.37×", "1,37×"),
        ("2.5 × 3", "2,5 × 3"),
        ("0.1, 0.9", "0,1; 0,9"),
        ("Metric3D v2.1", "Metric3D v2.1"),
        ("torch 2.14", "torch 2.14"),
        ("", ""),
    ],
)
def test_cells_are_spoken_where_they_are_dates_or_numbers(cell: str, greek: str) -> None:
    """Names and versions stay; English stays as it is."""
    assert local(cell) == cell
    with speaking("el"):
        assert local(cell) == greek


def test_dates() -> None:
    """English dates are ISO's, Greek ones name the month; what is no date stays as it is."""
    assert date("2026-11-05") == "2026-11-05"
    with speaking("el"):
        assert date("2026-11-05") == "5 Νοε 2026"
        assert [date(text) for text in ("", "2026-13-45", "</script>")] == ["", "2026-13-45", "</script>"]
        assert local("2026-13-45") == "2026-13-45"


def test_charts_have_the_marks_too() -> None:
    """Vega's own marks are the English ones."""
    assert number_locale() is None
    with speaking("el"):
        assert (number_locale() or {}).items() >= {"decimal": ",", "thousands": "."}.items()


def test_names_of_languages() -> None:
    """Each in itself."""
    assert [name_of(code) for code in LANGUAGES] == ["English", "Ελληνικά"]
