"""What a change does to the boards: every row, rank, number and record that differs, and nothing else."""

from dataclasses import replace
from typing import Any

from sitegen.diff import BoardChange, compare
from sitegen.findings import Finding
from sitegen.records import Protocol
from sitegen.store import Store
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

PROTOCOL = Protocol.model_validate(make.PROTOCOL)


def measured(**values: list[float]) -> Store:
    """A store of runs, each of the values image by image, under the toy protocol."""
    runs = [toy.run(f"toy-{name}", column) for name, column in values.items()]
    return toy.store(runs=runs, protocols=[PROTOCOL])


def published(**values: float) -> Store:
    """A store of one number a model."""
    lines = enumerate(values.items(), start=2)
    return toy.store(toy.number(f"toy-{name}", line=line, value=value) for line, (name, value) in lines)


def kinds(change: BoardChange) -> dict[str, Any]:
    """The kind of each row of a board, by model, in order."""
    return {row.row.model: row.kind for row in change.rows}


def test_nothing() -> None:
    """The same records differ in nothing."""
    found = compare(measured(a=[0.1, 0.2]), measured(a=[0.1, 0.2]))
    assert (found.boards, found.numbers, found.records, found.findings) == ((), (), (), ())


def test_a_new_run_moves_others() -> None:
    """The new row, its neighbours, and every row whose rank it changes; ranks before and after."""
    before = measured(a=[0.1, 0.1], b=[0.3, 0.3], c=[0.4, 0.4])
    found = compare(before, measured(a=[0.1, 0.1], b=[0.3, 0.3], c=[0.4, 0.4], d=[0.2, 0.2]))
    (change,) = found.boards
    assert kinds(change) == {"toy-a": "beside", "toy-d": "new", "toy-b": "moved", "toy-c": "moved"}
    ranks = [(row.before and row.before.rank, row.now and row.now.rank) for row in change.rows]
    assert ranks == [(1, 1), (None, 2), (2, 3), (3, 4)]
    assert [(record.kind, record.record, record.name) for record in found.records] == [
        ("new", "model", "toy-d"),
        ("new", "run", "toy-rooms/house/toy-d"),
    ]


def test_a_changed_run_of_the_same_mean_is_a_change() -> None:
    """Other values image by image are another run, even if no number on the board moves."""
    found = compare(measured(a=[0.1, 0.3]), measured(a=[0.2, 0.2]))
    assert [kinds(change) for change in found.boards] == [{"toy-a": "changed"}]


def test_what_is_gone_comes_last() -> None:
    """A row that is gone is shown with what it was; a board without rows is gone too."""
    (change,) = compare(measured(a=[0.1], b=[0.2]), measured(b=[0.2])).boards
    assert kinds(change) == {"toy-b": "moved", "toy-a": "gone"}
    (gone,) = compare(measured(a=[0.1]), toy.store(datasets=[toy.dataset()])).boards
    assert gone.now is None
    assert gone.board.name == "toy-rooms/measured-house"


def test_published_numbers() -> None:
    """A corrected number keeps its id, whatever its line; new and gone ones are told apart."""
    found = compare(published(a=0.1, b=0.2), published(z=0.5, a=0.15))
    told = {change.number.row.model: change.kind for change in found.numbers}
    assert told == {"toy-z": "new", "toy-a": "changed", "toy-b": "gone"}
    changed = next(change for change in found.numbers if change.kind == "changed")
    assert changed.before
    assert changed.now
    assert (changed.before.row.value, changed.now.row.value) == (0.1, 0.15)


def test_a_moved_line_is_no_change() -> None:
    """Rows may be sorted anew without a word."""
    found = compare(published(a=0.1, b=0.2), published(b=0.2, a=0.1))
    assert (found.boards, found.numbers) == ((), ())


def test_other_words_of_a_number_are_a_change() -> None:
    """A number that is called zero-shot now differs although its value does not."""
    before = toy.store([toy.number()])
    found = compare(before, toy.store([toy.number(zero_shot="no")]))
    assert [change.kind for change in found.numbers] == ["changed"]


def test_verification_and_disputes_show_on_the_board() -> None:
    """A row that was verified or withdrawn is changed, and so is the record about it."""
    before = measured(a=[0.1, 0.1], b=[0.2, 0.2])
    run = before.runs[0]
    verified = compare(before, replace(before, verified=(toy.verification(run),)))
    assert [kinds(change) for change in verified.boards] == [{"toy-a": "changed", "toy-b": "beside"}]
    assert [(record.kind, record.record) for record in verified.records] == [("new", "verification")]
    withdrawn = compare(before, replace(before, disputes=toy.dispute(run)))
    (change,) = withdrawn.boards
    assert kinds(change) == {"toy-b": "moved", "toy-a": "changed"}
    assert change.rows[1].now
    assert change.rows[1].now.rank is None


def test_findings_that_the_change_brings() -> None:
    """What was wrong before is counted, what is new is named."""
    old, new = (Finding("warning", "x.yaml", "/", text) for text in ("old", "new"))
    before = measured(a=[0.1])
    found = compare(replace(before, findings=(old,)), replace(before, findings=(old, new)))
    assert (found.findings, found.known) == ((new,), 1)


def test_records_without_their_cards_are_left_out() -> None:
    """A broken submission is compared as far as it can be placed."""
    before, after = measured(a=[0.1]), measured(a=[0.1], b=[0.2])
    found = compare(before, replace(after, models=before.models))
    assert found.boards == ()
    number = toy.number("toy-x")
    orphan = replace(toy.store([number]), sources={})
    assert compare(toy.store(datasets=[toy.dataset()]), orphan).boards == ()
