"""Translation of every string that a visitor of the site can read.

English is the source language: a message is its own key. Other languages come as Babel catalogues; until one is
activated the messages stand as written.
"""

from __future__ import annotations

import gettext as _gettext
from contextvars import ContextVar

__all__ = ["_", "activate", "translations"]

_current: ContextVar[_gettext.NullTranslations] = ContextVar("translations")
_ENGLISH = _gettext.NullTranslations()


def translations() -> _gettext.NullTranslations:
    """Return the translations in force; English when none was activated."""
    return _current.get(_ENGLISH)


def activate(catalogue: _gettext.NullTranslations) -> None:
    """Use a catalogue for all later messages of this context."""
    _current.set(catalogue)


def _(message: str) -> str:
    """Return the message in the active language."""
    return translations().gettext(message)
