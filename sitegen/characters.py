"""Characters that nobody sees: they have no place in a record, in a file's name or on a reader's terminal."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["character_name", "hidden_character", "visible"]

_LINE_BREAKS_AND_TABS = "\n\t"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control, format (bidi overrides, zero widths), surrogate, private, unassigned; separators of lines and paragraphs."""
_PLAIN = re.compile(r"[\x20-\x7e]*")


def hidden_character(text: str, allowed: str = _LINE_BREAKS_AND_TABS) -> str | None:
    """Return the first character that shows nothing, or None; ``allowed`` are those that may stand nevertheless."""
    if _PLAIN.fullmatch(text):
        return None
    found = {char for char in set(text) - set(allowed) if unicodedata.category(char) in _HIDDEN}
    return min(found, key=text.index, default=None)


def character_name(char: str) -> str:
    """Return how a message calls a character that cannot be shown."""
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()


def visible(text: str, allowed: str = "") -> str:
    """Return a text in which whatever shows nothing stands as an escape, so that it cannot act on a terminal."""
    if hidden_character(text, allowed) is None:
        return text
    return "".join(_escaped(char) if hidden_character(char, allowed) else char for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
