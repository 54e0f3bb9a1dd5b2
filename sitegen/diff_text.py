"""A diff as Markdown for a reviewer on GitHub, in a job's summary.

Everything contributed is data: it stands escaped in tables, or in a code block. The picture of a board is text in such
a block, since a summary shows no SVG and its addresses would lead outside. The whole stays below the size that GitHub
takes, and says what was left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from sitegen.board import BoardCell, BoardRow
from sitegen.board_table import board_title, dispute_note, value_of
from sitegen.diff import BoardChange, Diff, NumberChange, RecordChange, RowChange
from sitegen.escaping import fenced, github, one_line
from sitegen.findings import Finding
from sitegen.ladder import standing
from sitegen.metrics import METRICS
from sitegen.records import Run
from sitegen.stats import interval
from sitegen.store import Store
from sitegen.words import step

__all__ = ["MAX_BYTES", "summary"]


MAX_BYTES = 900_000
"""GitHub takes 1 MiB of a step's summary and shows nothing of a longer one."""
_MOST = 60
"""Rows of a table."""
_DRAWN = 20
"""Rows of a picture."""
_WIDTH, _LABEL = 48, 30
_NONE = "–"
_SIGNS = {"new": "+", "changed": "~", "gone": "−", "moved": "↕", "beside": ""}
_WORDS = {"new": "new", "changed": "changed", "gone": "gone", "moved": "rank", "beside": ""}


def summary(diff: Diff, base: str, head: str) -> str:
    """Return the diff in Markdown, at most ``MAX_BYTES`` bytes long; the same records give the same text.

    Args:
        diff: What differs.
        base: What the base is called, such as a commit's short name.
        head: What the head is called.
    """
    if not (diff.boards or diff.numbers or diff.records or diff.findings):
        return f"## What this changes\n\nFrom {_code(base)} to {_code(head)} no record differs.\n"
    parts = [*_head(diff, base, head), *_findings(diff)]
    for change in diff.boards:
        parts += _board(diff, change)
    parts += [*_numbers(diff), *_records(diff)]
    return _within(parts, MAX_BYTES)


def _within(parts: Sequence[str], most: int) -> str:
    """Return as many parts as fit, and how many do not."""
    kept, size = [], 0
    for index, part in enumerate(parts):
        size += len(part.encode()) + 2
        if size > most - 200:
            kept.append(f"*The summary would be too long: {len(parts) - index} more parts are left out.*")
            break
        kept.append(part)
    return "\n\n".join(kept) + "\n"


def _head(diff: Diff, base: str, head: str) -> Iterator[str]:
    yield "## What this changes"
    yield f"From {_code(base)} to {_code(head)}."
    counts = Counter((change.record, change.kind) for change in diff.records)
    counts.update(("published number", change.kind) for change in diff.numbers)
    kinds = sorted({record for record, _ in counts})
    rows = [[kind, *(str(counts[kind, what] or "") for what in ("new", "changed", "gone"))] for kind in kinds]
    if rows:
        yield _table(["records", "new", "changed", "gone"], rows)
    if any(kind != "new" for _, kind in counts):
        yield "**What was published changes or goes.** Each such number wants its reason."


def _findings(diff: Diff) -> Iterator[str]:
    if diff.findings:
        found = sorted(diff.findings, key=lambda f: (f.severity != "error", f.severity, f.path, f.pointer, f.message))
        yield "### Findings of the check"
        yield _table(["", "file", "place", "finding"], map(_finding_row, found[:_MOST]))
        yield from _left(found, _MOST, "findings")
    if any(finding.severity == "error" for finding in diff.findings):
        yield "A record with an error may be missing below."
    if diff.known:
        yield f"{diff.known} more findings are as they were at the base."


def _finding_row(finding: Finding) -> list[str]:
    return [finding.severity, github(finding.path), github(finding.pointer), github(finding.message, 500)]


# ---------------------------------------------------------------------------------------------------------------------
# Boards


def _board(diff: Diff, change: BoardChange) -> Iterator[str]:
    board, store = change.board, diff.head if change.now else diff.base
    yield f"### {github(board_title(store, board))}"
    yield from _remarks(change)
    head = ["", "rank", "model", METRICS[board.primary].symbol + METRICS[board.primary].arrow]
    head += ["95 % interval", "published", "difference", "verification"] if board.measured else ["all values", "source"]
    say = _measured_row if board.measured else _published_row
    shown = _most_telling(change.rows)
    yield _table(head, (say(diff, change, row) for row in shown))
    yield from _left(change.rows, _MOST, "rows")
    if picture := _picture(diff, change):
        yield picture
    if board.measured:
        yield from _runs(change)
    notes = [dispute_note(cell.dispute) for row in shown if (cell := _lead(change, row.now)) and cell.dispute]
    yield from (f"- {github(note, 500)}" for note in dict.fromkeys(notes))


def _remarks(change: BoardChange) -> Iterator[str]:
    board, remarks = change.board, []
    remarks += ["A new board."] if change.before is None else ["The board is gone."] if change.now is None else []
    remarks += [] if board.citable else ["A smoke board, not to be cited."]
    remarks += [] if board.ranked else ["Listed, not ranked."]
    if remarks:
        yield " ".join(remarks)


def _most_telling(rows: Sequence[RowChange]) -> list[RowChange]:
    """Return the rows that are shown, in order; where they are too many, changes before moves, moves before others."""
    order = list(_SIGNS)
    kept = sorted(range(len(rows)), key=lambda index: (order.index(rows[index].kind), index))[:_MOST]
    return [rows[index] for index in sorted(kept)]


def _measured_row(diff: Diff, change: BoardChange, row: RowChange) -> list[str]:
    cell, run = _lead(change, row.now), row.now.run if row.now else None
    found = interval(run, cell.metric) if cell and run else None
    paper = cell.headline if cell else None
    shown = [
        f"{_digits(found.low, cell)}–{_digits(found.high, cell)} ({found.units} {found.drawn})"
        if found and cell
        else "",
        f"{value_of(paper)}, {github(paper.source)}" if paper else "",
        f"{cell.delta:+.4g}" if cell and cell.delta is not None else "",
        step(standing(diff.head, run).name) if run else "",
    ]
    return [*_common(diff, change, row), *(text or _NONE for text in shown)]


def _published_row(diff: Diff, change: BoardChange, row: RowChange) -> list[str]:
    cell = _lead(change, row.now)
    ends = f"{value_of(cell.low)}–{value_of(cell.high)}" if cell and cell.low and cell.high else _NONE
    number = cell.headline if cell else None
    source = f"{github(number.source)}, {github(number.row.place, 60)}, {number.row.kind}" if number else _NONE
    return [*_common(diff, change, row), ends, source]


def _common(diff: Diff, change: BoardChange, row: RowChange) -> list[str]:
    before, now = (_lead(change, side) for side in (row.before, row.now))
    name = github(_name(diff, row.row), 90)
    values = [_struck(cell) if cell else _NONE for cell in (before, now)]
    ranks = [str(side.rank) if side and side.rank else _NONE for side in (row.before, row.now)]
    bold = f"**{name}**" if row.kind in {"new", "changed", "gone"} else name
    return [_WORDS[row.kind], _arrow(ranks), bold, _arrow(values)]


def _lead(change: BoardChange, row: BoardRow | None) -> BoardCell | None:
    return row.cells.get(change.board.primary) if row else None


def _struck(cell: BoardCell) -> str:
    return f"~~{cell.shown}~~" if cell.suspect or cell.dispute else cell.shown


def _arrow(sides: Sequence[str]) -> str:
    """Return "before → now", or the one text where they are the same."""
    return sides[0] if sides[0] == sides[1] else " → ".join(sides)


def _name(diff: Diff, row: BoardRow) -> str:
    store = diff.head if row.model in diff.head.models else diff.base
    name = store.models[row.model].name
    return f"{name} ({row.group})" if row.group else name


def _digits(value: float, like: BoardCell) -> str:
    return f"{value:.{len(like.shown.partition('.')[2])}f}"


def _runs(change: BoardChange) -> Iterator[str]:
    """Yield what new and changed runs are of, and all their metrics before and after."""
    changed = [row for row in change.rows if row.kind in {"new", "changed"} and row.now and row.now.run]
    runs = [row.now.run for row in changed if row.now and row.now.run]
    if not runs:
        return
    yield _table(["run", "images", "weights", "ran on", "code", "submitted by", "sha256"], map(_run_row, runs[:_MOST]))
    yield from _left(runs, _MOST, "runs")
    lines = [line for row in changed[:_MOST] for line in _metric_rows(row)]
    yield _table(["model", "metric", "value", "published", "difference"], lines[: 4 * _MOST])
    yield from _left(lines, 4 * _MOST, "values")


def _run_row(run: Run) -> list[str]:
    machine, weights = run.environment, run.model.weights_sha256
    code = (
        f"{_code(machine.git_commit[:12]) if machine.git_commit else 'unknown'}{' (changed)' if machine.dirty else ''}"
    )
    images = f"{run.dataset.evaluated} of {run.dataset.listed}"
    images += f"; {github('; '.join(run.deviations))}" if run.deviations else ""
    return [
        github(run.model.id),
        images,
        _code(weights[:12]) if weights else _NONE,
        github(f"{machine.device}, {run.model.dtype}"),
        code,
        github(run.submitter),
        _code(run.sha256[:12]),
    ]


def _metric_rows(row: RowChange) -> Iterator[list[str]]:
    now = row.now
    for metric, cell in now.cells.items() if now else ():
        before = row.before.cells.get(metric) if row.before else None
        values = [before.shown if before else _NONE, cell.shown]
        paper = f"{value_of(cell.headline)}, {github(cell.headline.source)}" if cell.headline else _NONE
        delta = f"{cell.delta:+.4g}" if cell.delta is not None else _NONE
        shown = _arrow(values) if row.kind == "changed" else cell.shown
        yield [github(row.row.model), github(METRICS[metric].symbol), shown, paper, delta]


# ---------------------------------------------------------------------------------------------------------------------
# The picture of a board


def _picture(diff: Diff, change: BoardChange) -> str:
    """Return the rows as dots on a line, with their interval or the range of published values; empty without any."""
    drawn = [row for row in _most_telling(change.rows) if _lead(change, row.now) or _lead(change, row.before)][:_DRAWN]
    spans = [_span(change, row) for row in drawn]
    points = [value for span in spans for value in span if value is not None]
    if not points:
        return ""
    low, high = min(points), max(points)

    def place(value: float) -> int:
        return round((value - low) / (high - low) * (_WIDTH - 1)) if high > low else _WIDTH // 2

    metric = METRICS[change.board.primary]
    ends = f"{low:.4g}".ljust(_WIDTH - len(f"{high:.4g}")) + f"{high:.4g}"
    lines = [f"{f'{metric.symbol} {metric.arrow}':<{_LABEL + 5}}{ends}"]
    lines += [f"{_label(diff, row)} {_line(row, span, place)}" for row, span in zip(drawn, spans, strict=True)]
    lines += ["", "● new or changed   ○ before   • other   ├─┤ interval or range of all values"]
    return fenced(lines)


Span = tuple[float | None, float | None, float | None, float | None]
"""Value before, value now, lower and upper end."""


def _span(change: BoardChange, row: RowChange) -> Span:
    before, now = _lead(change, row.before), _lead(change, row.now)
    was = before.value if before and (now is None or before.value != now.value) else None
    if now is None:
        return was, None, None, None
    found = interval(now.run, now.metric) if now.run else None
    if found:
        return was, now.value, found.low, found.high
    low, high = (end.row.value if end else None for end in (now.low, now.high))
    return was, now.value, low, high


def _label(diff: Diff, row: RowChange) -> str:
    rank = str(row.now.rank) if row.now and row.now.rank else ""
    name = one_line(_name(diff, row.row))
    name = name if len(name) <= _LABEL - 4 else name[: _LABEL - 5] + "…"
    return f"{_SIGNS[row.kind] or ' '} {rank:>3} {name:<{_LABEL - 2}}"[: _LABEL + 4].ljust(_LABEL + 4)


def _line(row: RowChange, span: Span, place: Callable[[float], int]) -> str:
    before, now, low, high = span
    line = [" "] * _WIDTH
    if low is not None and high is not None:
        line[place(low) : place(high) + 1] = "─" * (place(high) - place(low) + 1)
        line[place(low)], line[place(high)] = "├", "┤"
    if before is not None:
        line[place(before)] = "○"
    if now is not None:
        line[place(now)] = "●" if row.kind in {"new", "changed"} else "•"
    return "".join(line).rstrip()


# ---------------------------------------------------------------------------------------------------------------------
# Numbers and records


def _numbers(diff: Diff) -> Iterator[str]:
    if not diff.numbers:
        return
    yield "### Published numbers"
    head = ["", "model", "data set", "metric", "value", "as printed", "fit", "who ran it", "source", "place", "id"]
    yield _table(head, map(_number_row, diff.numbers[:_MOST]))
    yield from _left(diff.numbers, _MOST, "numbers")


def _number_row(change: NumberChange) -> list[str]:
    sides = [side.row for side in (change.before, change.now) if side]

    def both(read: Callable[[int], str]) -> str:
        return " → ".join(dict.fromkeys(read(index) for index in range(len(sides))))

    row, number = sides[-1], change.number
    return [
        change.kind,
        github(row.model),
        github(row.dataset),
        github(METRICS[row.metric].symbol),
        both(lambda index: f"{sides[index].value:g}"),
        both(lambda index: github(sides[index].value_as_printed, 40)),
        both(lambda index: sides[index].family),
        both(lambda index: ", ".join(filter(None, (sides[index].kind, sides[index].flag)))),
        github(number.source),
        github(row.place, 60),
        _code(number.id),
    ]


def _records(diff: Diff) -> Iterator[str]:
    if not diff.records:
        return
    yield "### Records"
    yield _table(["", "record", "name", ""], (_record_row(diff, change) for change in diff.records[:_MOST]))
    yield from _left(diff.records, _MOST, "records")


def _record_row(diff: Diff, change: RecordChange) -> list[str]:
    return [change.kind, change.record, github(change.name), github(_about(diff.head, change), 300)]


def _about(store: Store, change: RecordChange) -> str:
    """Return what a reviewer should read of a record without opening it."""
    if change.record == "dispute" and (entry := store.disputes.get(change.name)):
        return dispute_note(entry)
    for found in store.verified if change.record == "verification" else ():
        if change.name == f"{found.sha256[:12]} {found.relation} {found.verified_by}":
            return f"{found.date}, {found.device}, {found.command}, {found.evidence}"
    return ""


# ---------------------------------------------------------------------------------------------------------------------
# Markdown


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _left(items: Sequence[object], shown: int, what: str) -> Iterator[str]:
    if len(items) > shown:
        yield f"*{len(items) - shown} more {what} are not shown.*"


def _code(text: str) -> str:
    """Return a name that holds no contributed text, such as a digest, as code."""
    return f"`{''.join(char for char in text if char.isalnum() or char in ' ._-/')}`"
