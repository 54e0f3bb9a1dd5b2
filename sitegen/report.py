"""The address that opens an issue about one number, with what it is filled in."""

from __future__ import annotations

from functools import cache
from urllib.parse import urlencode

from sitegen.build import repository, site_address
from sitegen.ladder import run_href
from sitegen.metrics import METRICS
from sitegen.records import Run
from sitegen.store import StoredNumber

__all__ = ["history_href", "number_report", "run_report"]

FORM = "wrong-number.yml"
_LONGEST = 200
"""Characters of a field: GitHub refuses addresses of more than about 8,000."""


def number_report(number: StoredNumber) -> str:
    """Return where a published number can be reported; empty where no repository is configured."""
    row = number.row
    value = f"{METRICS[row.metric].symbol} {row.value_as_printed} ({row.model}, {row.dataset})"
    return _address(
        f"models/{row.model}.html#numbers-{row.dataset}", f"{number.source}/{number.id}", value, number.sha256
    )


def run_report(run: Run, board: str) -> str:
    """Return where a measured run can be reported; empty where no repository is configured.

    Args:
        run: The run.
        board: Name of its board ("kitti/measured-house").
    """
    primary = run.protocol.block.get("primary_metric", "")
    value = f"{METRICS[primary].symbol} {run.summary.get(primary)}" if primary in METRICS else "all"
    return _address(run_href(run), f"{board}/{run.model.id}", value, run.sha256)


def history_href(path: str) -> str:
    """Return where the history of a file of the repository is shown; empty where no repository is configured."""
    home = _home()
    return f"{home}/commits/HEAD/{path}" if home else ""


def _address(page: str, row: str, value: str, digest: str) -> str:
    home = _home()
    if not home:
        return ""
    fields = {"page": f"{_site()}{page}", "row": row, "value": value, "digest": digest}
    return (
        f"{home}/issues/new?{urlencode({'template': FORM} | {name: text[:_LONGEST] for name, text in fields.items()})}"
    )


@cache
def _home() -> str:
    return repository()


@cache
def _site() -> str:
    return site_address()
