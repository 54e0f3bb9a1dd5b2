"""What shows nothing is found, named and made visible; everything else stays as it is."""

import pytest

from sitegen.characters import character_name, hidden_character, visible

SHOWN = ("plain", "Jérôme", "δ₁ < 1.25²", "μέτρο", "深度", "a\nb\tc", "🙂")
HIDDEN = {
    "\x00": "U+0000",
    "\x1b": "U+001B",
    "\u202e": "U+202E RIGHT-TO-LEFT OVERRIDE",
    "\u200b": "U+200B ZERO WIDTH SPACE",
    "\ufeff": "U+FEFF ZERO WIDTH NO-BREAK SPACE",
    "\ud800": "U+D800",
    "\U000e0041": "U+E0041 TAG LATIN CAPITAL LETTER A",
}


@pytest.mark.parametrize("text", SHOWN)
def test_letters_of_all_scripts_are_shown(text: str) -> None:
    """Accents, Greek, Chinese, symbols, line breaks and tabs are no fault and are not changed."""
    assert hidden_character(text) is None
    assert visible(text, "\n\t") == text


@pytest.mark.parametrize(("char", "name"), HIDDEN.items())
def test_what_shows_nothing_is_named(char: str, name: str) -> None:
    """A hidden character is found, called by its code, and becomes an escape that any terminal can print."""
    assert hidden_character(f"a{char}b") == char
    assert character_name(char).startswith(name)
    shown = visible(f"a{char}b")
    assert shown.isascii()
    assert shown.startswith("a\\")
