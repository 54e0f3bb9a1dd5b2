"""The catalogues are whole; hand-written pages are compared by tests/test_languages.py."""

import pytest

from sitegen.findings import format_findings
from sitegen.translations import check, translated


@pytest.mark.parametrize("code", translated())
def test_every_message_is_translated(code: str) -> None:
    """Nothing is missing, unused, fuzzy or at fault in the catalogue."""
    assert not (findings := check(code)), format_findings(findings)
