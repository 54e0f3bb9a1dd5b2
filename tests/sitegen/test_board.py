"""Boards hold what may be compared, show the right one of several values, and rank without bias."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitegen.board import (
    BoardNotFoundError,
    BoardRow,
    boards,
    find_board,
    headline_boards,
    model_numbers,
    preferred,
    size_and_speed,
    source_numbers,
)
from sitegen.records import Protocol
from sitegen.store import Store
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy


def tables(*places: str) -> list[dict[str, Any]]:
    """Return a source card's tables of these places, in order."""
    return [{**make.SOURCE["tables"][0], "place": place} for place in places]


def rows(store: Store, name: str = "toy-rooms/metric") -> list[BoardRow]:
    """The rows of a board."""
    return list(find_board(store, name).rows)


def ranks(store: Store, name: str = "toy-rooms/metric") -> dict[str, int | None]:
    """The rank of each model."""
    return {row.model: row.rank for row in rows(store, name)}


def cell(store: Store, model: str = "toy-a", metric: str = "abs_rel", name: str = "toy-rooms/metric") -> Any:
    """One cell of a board."""
    return next(row for row in rows(store, name) if row.model == model).cells[metric]


def protocol(**changes: Any) -> Protocol:
    """The toy house protocol, changed."""
    return Protocol.model_validate({**make.PROTOCOL, **changes})


# ---- what shares a board ---------------------------------------------------------------------------------------------


def test_families_never_mix() -> None:
    """Each data set and family has a board of its own; published families come in the records' order, then measured."""
    numbers = [toy.number(line=index, family=family) for index, family in enumerate(["affine-disparity", "metric"])]
    store = toy.store([*numbers, toy.number(dataset="toy-yard")], runs=[toy.run("toy-a", [0.1])])
    assert [board.name for board in boards(store)] == [
        "toy-rooms/metric",
        "toy-rooms/affine-disparity",
        f"toy-rooms/measured-house-{store.runs[0].protocol.sha256[:8]}",
        "toy-yard/metric",
    ]


def test_measured_and_published_never_mix() -> None:
    """A run does not enter the ranking of published numbers, nor they its own."""
    store = toy.store([toy.number("toy-a")], runs=[toy.run("toy-b", [0.01])], protocols=[protocol()])
    assert ranks(store) == {"toy-a": 1}
    assert ranks(store, "toy-rooms/measured-house") == {"toy-b": 1}


@pytest.mark.parametrize("family", ["affine-unspecified", "unplaced", "size", "rank", "speed"])
def test_families_without_a_known_fit_are_not_ranked(family: str) -> None:
    """Where it is not known how predictions were fitted, or hardware differs, there is no rank and no best value."""
    numbers = [toy.number("toy-b", value=0.1, family=family), toy.number("toy-a", value=0.2, family=family)]
    board = find_board(toy.store(numbers), f"toy-rooms/{family}")
    assert not board.ranked
    assert {row.rank for row in board.rows} == {None}
    assert {cell.emphasis for row in board.rows for cell in row.cells.values()} == {""}


def test_unranked_boards_do_not_suggest_a_ranking() -> None:
    """Rows whose fit is not known stand by name, not by value."""
    numbers = [toy.number("toy-b", value=0.1, family="unplaced"), toy.number("toy-a", value=0.2, family="unplaced")]
    assert [row.model for row in rows(toy.store(numbers), "toy-rooms/unplaced")] == ["toy-a", "toy-b"]


def test_averages_stay_within_their_source() -> None:
    """Two sources' averages are two groups of rows, even for one model; nothing is ranked."""
    numbers = [
        toy.number(dataset="toy-average", metric="avg_rank", value=1.5, family="rank", source=name)
        for name in ("toy-paper", "toy-readme")
    ]
    store = toy.store(numbers, datasets=[toy.dataset("toy-average", kind="average")])
    board = find_board(store, "toy-average/rank")
    assert board.grouped
    assert [len(row.cells) for row in board.rows] == [1, 1]
    assert not board.ranked


def test_speed_stays_on_its_hardware() -> None:
    """Speeds are grouped by the hardware that the note names, fastest first within it."""
    speed = {"dataset": "none", "metric": "latency_ms", "family": "speed", "zero_shot": "unknown"}
    numbers = [
        toy.number("toy-a", value=9.0, protocol_note="GPU A", **speed),
        toy.number("toy-b", value=5.0, protocol_note="GPU A", **speed),
        toy.number("toy-c", value=1.0, protocol_note="batch 1", measured_on="Phone B", **speed),
        toy.number("toy-a", value=30.0, protocol_note="batch 1", measured_on="Phone B", **speed),
    ]
    store = toy.store(numbers, datasets=[toy.dataset("none", kind="none")])
    board = find_board(store, "none/speed")
    assert [(row.group, row.model) for row in board.rows] == [
        ("GPU A", "toy-b"),
        ("GPU A", "toy-a"),
        ("Phone B; batch 1", "toy-c"),
        ("Phone B; batch 1", "toy-a"),
    ]
    assert size_and_speed(store) == (board,)


# ---- which value is shown --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"kind": "unclear"}, {"kind": "reported", "flag": "suspect", "flag_reason": "x"}),
        ({"kind": "unclear"}, {"kind": "reported", "split": "ten images"}),
        ({"kind": "reported"}, {"kind": "re-run"}),
        ({"kind": "re-run"}, {"kind": "copied"}),
        ({"kind": "copied"}, {"kind": "unclear"}),
        ({"source": "toy-old"}, {"source": "toy-own", "flag": "secondary", "flag_reason": "x"}),
        ({"source": "toy-own"}, {"source": "toy-new"}),
        ({"source": "toy-new"}, {"source": "toy-ancient"}),
        ({"source": "toy-new"}, {"source": "toy-undated"}),
        ({"source": "toy-new", "line": 9}, {"source": "toy-newer-name", "line": 2}),
        ({"kind": "unclear"}, {"kind": "reported", "protocol_note": "robust fit"}),
        ({"place": "Table 10"}, {"place": "Table 2"}),
        ({"line": 9}, {"line": 10}),
    ],
)
def test_headline(better: dict[str, Any], worse: dict[str, Any]) -> None:
    """Of two values the one that the documented rule prefers is shown, whatever their order and size."""
    sources = [
        toy.source("toy-own", year=2020, bibtex=["own2020"]),
        toy.source("toy-new", year=2024),
        toy.source("toy-newer-name", year=2024),
        toy.source("toy-old", year=2021, unranked_fits=["robust fit"], tables=tables("Table 10", "Table 2")),
        toy.source("toy-ancient", year=2001),
        toy.source("toy-undated"),
    ]
    usual: dict[str, Any] = {"source": "toy-old", "kind": "reported"}
    good, bad = toy.number(**{**usual, **better}), toy.number(**{**usual, **worse})
    cards = {
        "sources": sources,
        "models": [toy.model("toy-a", bibtex=["own2020"])],
        "datasets": [toy.dataset(unranked_splits=["ten images"])],
    }
    for numbers in ([good, bad], [bad, good]):
        store = toy.store(numbers, **cards)
        assert cell(store).headline == good
        assert preferred(store, numbers)[0] == good


def test_main_variant_is_shown() -> None:
    """Of several values of the authors' own table the card's main variant is shown, wherever it stands."""
    numbers = [
        toy.number(line=2, variant="one step", value=0.06, value_as_printed="0.06"),
        toy.number(line=3, variant="ensemble", value=0.05, value_as_printed="0.05"),
    ]
    assert cell(toy.store(numbers)).shown == "0.06"
    store = toy.store(numbers, models=[toy.model("toy-a", main_variants=["ensemble"])])
    assert cell(store).shown == "0.05"


def test_a_row_hangs_together() -> None:
    """Beside its primary metric a row shows values of the same table and variant, not a newer table's."""
    numbers = [
        toy.number(line=2, variant="small"),
        toy.number(line=3, variant="large", metric="delta1", value=0.9, value_as_printed="0.90"),
        toy.number(line=4, variant="small", metric="delta1", value=0.8, value_as_printed="0.80"),
    ]
    assert cell(toy.store(numbers), metric="delta1").shown == "0.80"


def test_a_run_may_fill_several_tables() -> None:
    """Where a run's metrics stand in tables of their own, the row still shows one run."""
    numbers = [
        toy.number(line=2, place="Errors", protocol_note="own crop"),
        toy.number(line=3, place="Accuracies", protocol_note="no crop", metric="delta1", value=0.9),
        toy.number(line=4, place="Accuracies", protocol_note="own crop", metric="delta1", value=0.8),
    ]
    assert cell(toy.store(numbers), metric="delta1").shown == "0.8"


def test_range() -> None:
    """The range leaves out suspect values and those on other images; a copy of the same value does not widen it."""
    numbers = [
        toy.number(line=2, value=0.05),
        toy.number(line=3, value=0.05, kind="copied"),
        toy.number(line=4, value=0.06, kind="re-run"),
        toy.number(line=5, value=0.01, flag="suspect", flag_reason="x"),
        toy.number(line=6, value=0.09, split="ten images"),
    ]
    store = toy.store(numbers, datasets=[toy.dataset(unranked_splits=["ten images"])])
    found = cell(store)
    assert (found.low, found.high) == (numbers[0], numbers[2])
    assert len(found.numbers) == 5
    assert cell(toy.store(numbers[:2])).low is None


def test_only_suspect_values() -> None:
    """A cell of suspect values alone is kept, marked, and gets no rank, however good it looks."""
    numbers = [toy.number("toy-a", value=0.001, flag="suspect", flag_reason="x"), toy.number("toy-b", value=0.9)]
    store = toy.store(numbers)
    assert cell(store).suspect
    assert ranks(store) == {"toy-b": 1, "toy-a": None}


def test_a_withdrawn_value_is_never_ranked_nor_preferred() -> None:
    """It is no headline as long as there is another value, is in no range, and has no rank of its own."""
    own, copy = toy.number(value=0.03), toy.number(source="toy-bench", value=0.06, kind="copied")
    other = toy.number("toy-b", line=3, value=0.05)
    found = cell(toy.store([own, copy, other], disputes=toy.dispute(own)))
    assert (found.value, found.low, found.withdrawn, found.rankable) == (0.06, None, False, True)
    alone = toy.store([own, other], disputes=toy.dispute(own))
    assert ranks(alone) == {"toy-b": 1, "toy-a": None}
    assert cell(alone).withdrawn


def test_a_disputed_value_keeps_its_rank() -> None:
    """That somebody doubts a value changes no order."""
    own, other = toy.number(value=0.03), toy.number("toy-b", line=3, value=0.05)
    store = toy.store([own, other], disputes=toy.dispute(own, "disputed"))
    assert ranks(store) == {"toy-a": 1, "toy-b": 2}
    assert cell(store).dispute.reason == "the wrong weights"


def test_only_values_of_a_kinder_fit() -> None:
    """A value whose fit the source's card names as kinder than the others is listed, without rank and range."""
    numbers = [
        toy.number("toy-a", value=0.001, protocol_note="robust fit"),
        toy.number("toy-b", value=0.9),
        toy.number("toy-b", value=0.5, protocol_note="robust fit"),
    ]
    store = toy.store(numbers, sources=[toy.source("toy-paper", unranked_fits=["robust fit"])])
    assert cell(store).apart == "fit"
    assert ranks(store) == {"toy-b": 1, "toy-a": None}
    assert cell(store, "toy-b").low is None


def test_only_values_on_other_images() -> None:
    """A value on a part of the test set is shown, is not suspect, and gets no rank."""
    numbers = [toy.number("toy-a", value=0.001, split="ten images"), toy.number("toy-b", value=0.9)]
    store = toy.store(numbers, datasets=[toy.dataset(unranked_splits=["ten images"])])
    assert cell(store).apart == "images"
    assert not cell(store).suspect
    assert ranks(store) == {"toy-b": 1, "toy-a": None}


@pytest.mark.parametrize("relation", ["trained_on", "fine_tuned_on", "pretrained_on", "same_source"])
def test_zero_shot_mark(relation: str) -> None:
    """A model that saw the data set is not zero-shot there, whatever the source says; elsewhere the source counts."""
    exposure = [{"dataset": "toy-rooms", "relation": relation, "evidence": "x"}]
    numbers = [toy.number(zero_shot="yes"), toy.number(zero_shot="yes", dataset="toy-yard")]
    store = toy.store(numbers, models=[toy.model("toy-a", exposure=exposure)])
    assert cell(store).zero_shot == "no"
    assert cell(store, name="toy-yard/metric").zero_shot == "yes"


def test_shown_digits() -> None:
    """A cell shows the digits of its source, in the stored unit."""
    assert cell(toy.store([toy.number(value=0.051, value_as_printed="5.10")])).shown == "0.0510"


# ---- ranks -----------------------------------------------------------------------------------------------------------


def test_ties_share_a_rank() -> None:
    """Equal values share a rank and the next one counts on: 1, 2, 2, 4; digits printed make no difference."""
    printed = [("toy-a", 0.05, "0.05"), ("toy-b", 0.06, "0.06"), ("toy-c", 0.06, "0.060"), ("toy-d", 0.07, "7.0")]
    numbers = [toy.number(model, value=value, value_as_printed=text) for model, value, text in printed]
    found = rows(toy.store(numbers))
    assert [(row.model, row.rank, row.tied) for row in found] == [
        ("toy-a", 1, False),
        ("toy-b", 2, True),
        ("toy-c", 2, True),
        ("toy-d", 4, False),
    ]


def test_direction() -> None:
    """Where higher is better the highest value ranks first and is marked best."""
    numbers = [toy.number(m, metric="delta1", value=v) for m, v in [("toy-a", 0.8), ("toy-b", 0.9), ("toy-c", 0.7)]]
    found = rows(toy.store(numbers))
    assert [(row.model, row.cells["delta1"].emphasis) for row in found] == [
        ("toy-b", "best"),
        ("toy-a", "second"),
        ("toy-c", ""),
    ]


def test_rows_without_the_primary_metric() -> None:
    """They stand after the ranked ones, unranked, and win no column."""
    numbers = [
        toy.number("toy-a", metric="delta1", value=0.99),
        toy.number("toy-b", value=0.2),
        toy.number("toy-b", metric="delta1", value=0.5),
        toy.number("toy-c", value=0.3),
        toy.number("toy-c", metric="delta1", value=0.4),
    ]
    store = toy.store(numbers)
    assert ranks(store) == {"toy-b": 1, "toy-c": 2, "toy-a": None}
    assert cell(store, "toy-a", "delta1").emphasis == ""
    assert cell(store, "toy-b", "delta1").emphasis == "best"


def test_primary_metric() -> None:
    """It is the data set card's, else abs_rel, else the most frequent one; it leads the columns."""
    numbers = [toy.number(value=0.1), toy.number(metric="rmse", value=0.3), toy.number("toy-b", metric="rmse", value=1)]
    card = toy.dataset(primary_metrics={"metric": "rmse"})
    assert find_board(toy.store(numbers), "toy-rooms/metric").metrics == ("abs_rel", "rmse")
    assert find_board(toy.store(numbers, datasets=[card]), "toy-rooms/metric").metrics == ("rmse", "abs_rel")
    others = [toy.number(metric="delta1", value=0.1), *numbers[1:]]
    assert find_board(toy.store(others), "toy-rooms/metric").primary == "rmse"


def test_one_value_is_no_best_value() -> None:
    """With nothing to compare there is no best mark."""
    assert cell(toy.store([toy.number()])).emphasis == ""


def test_metrics_of_several_definitions() -> None:
    """A best SILog is marked within one source only; across sources the definitions differ."""
    numbers = [toy.number(m, value=v) for m, v in [("toy-a", 0.1), ("toy-b", 0.2)]]
    silog = [toy.number(m, metric="silog", value=v) for m, v in [("toy-a", 9.0), ("toy-b", 8.0)]]
    other = toy.number("toy-b", source="toy-readme", metric="silog", value=8.0)
    assert cell(toy.store(numbers + silog), "toy-b", "silog").emphasis == "best"
    assert cell(toy.store([*numbers, silog[0], other]), "toy-b", "silog").emphasis == ""


entries = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from(["abs_rel", "delta1"]),
        st.sampled_from([0.1, 0.2, 0.3, 0.4]),
        st.sampled_from(["reported", "re-run", "copied", "unclear"]),
        st.sampled_from([None, "suspect", "caution"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(entries, st.randoms(use_true_random=False))
def test_order_of_files_is_no_matter(drawn: list[Any], random: Any) -> None:
    """Boards are the same in whatever order numbers are read."""
    numbers = [
        toy.number(f"toy-{m}", line=i, metric=k, value=v, kind=w, flag=f, flag_reason="x" if f else "")
        for i, (m, k, v, w, f) in enumerate(drawn)
    ]
    shuffled = random.sample(numbers, len(numbers))
    assert boards(toy.store(numbers)) == boards(toy.store(shuffled))


@settings(max_examples=60, deadline=None)
@given(entries)
def test_ranks_are_competition_ranks(drawn: list[Any]) -> None:
    """A rank is one more than the number of strictly better ranked rows; suspect and missing values have none."""
    numbers = [
        toy.number(f"toy-{m}", line=i, metric=k, value=v, kind=w, flag=f, flag_reason="x" if f else "")
        for i, (m, k, v, w, f) in enumerate(drawn)
    ]
    board = boards(toy.store(numbers))[0]
    sign = 1 if board.primary == "abs_rel" else -1
    ranked = [row for row in board.rows if row.rank is not None]
    values = [sign * row.cells[board.primary].value for row in ranked]
    assert [row.rank for row in ranked] == [1 + sum(other < value for other in values) for value in values]
    assert values == sorted(values)
    assert board.rows[: len(ranked)] == tuple(ranked)
    for row in board.rows[len(ranked) :]:
        assert board.primary not in row.cells or row.cells[board.primary].suspect


@settings(max_examples=60, deadline=None)
@given(entries)
def test_no_number_is_lost(drawn: list[Any]) -> None:
    """Every number is in exactly one cell of exactly one board."""
    numbers = [toy.number(f"toy-{m}", line=i, metric=k, value=v, kind=w) for i, (m, k, v, w, _f) in enumerate(drawn)]
    found = [n for b in boards(toy.store(numbers)) for row in b.rows for c in row.cells.values() for n in c.numbers]
    assert sorted(n.line for n in found) == [n.line for n in numbers]


# ---- measured --------------------------------------------------------------------------------------------------------


def test_measured_board() -> None:
    """Runs of one protocol are ranked by their means, with the delta to the published headline of the same model."""
    store = toy.store(
        [
            toy.number("toy-a", value=0.1),
            toy.number("toy-a", value=0.01, flag="suspect", flag_reason="x", line=3),
            toy.number("toy-b", value=0.01, flag="suspect", flag_reason="x", line=4),
        ],
        runs=[toy.run("toy-a", [0.1, 0.2]), toy.run("toy-b", [0.05, 0.05])],
        protocols=[protocol()],
    )
    board = find_board(store, "toy-rooms/measured-house")
    assert ranks(store, board.name) == {"toy-b": 1, "toy-a": 2}
    found = cell(store, name=board.name)
    assert (found.shown, found.kind) == ("0.1500", "measured")
    assert found.delta == pytest.approx(0.05)
    assert cell(store, "toy-b", name=board.name).delta is None
    assert board.protocol == store.protocols["toy-rooms", "house"]


def test_incomplete_runs_are_not_ranked() -> None:
    """A run that skipped images, or has no value on some that could be scored, is listed without a rank."""
    skipped = toy.run("toy-a", [0.001])
    data = skipped.model_dump(mode="json")
    data["dataset"] |= {"listed": 2, "skipped": [{"id": "image-9", "reason": "unreadable"}]}
    runs = [type(skipped).sealed(data), toy.run("toy-b", [0.001, None]), toy.run("toy-c", [0.5, 0.5])]
    store = toy.store(runs=runs, protocols=[protocol()])
    assert ranks(store, "toy-rooms/measured-house") == {"toy-c": 1, "toy-a": None, "toy-b": None}
    assert [row.unscored for row in rows(store, "toy-rooms/measured-house")] == [0, 1, 1]


def test_a_run_of_a_part_of_the_images_is_not_ranked() -> None:
    """Cut with --limit under a protocol that pins no list: the longest run says how many images there are."""
    anything = protocol(sample_list={"name": "all", "count": None})
    values = {"toy-a": [0.001], "toy-b": [0.5, 0.5], "toy-c": [0.6, 0.6]}
    store = toy.store(runs=[toy.run(name, column, anything) for name, column in values.items()], protocols=[anything])
    assert ranks(store, "toy-rooms/measured-house") == {"toy-b": 1, "toy-c": 2, "toy-a": None}
    assert [(row.unscored, row.listed) for row in rows(store, "toy-rooms/measured-house")] == [(0, 2), (0, 2), (1, 2)]


def test_runs_that_deviate_from_the_protocol_are_not_ranked() -> None:
    """Such a run is listed last: no rank, no best mark, and no difference to a published value."""
    made = [toy.run("toy-a", [0.1]), toy.run("toy-b", [0.2]), toy.run("toy-c", [0.001], deviations=["no flip"])]
    store = toy.store([toy.number("toy-c")], runs=made, protocols=[protocol()])
    assert ranks(store, "toy-rooms/measured-house") == {"toy-a": 1, "toy-b": 2, "toy-c": None}
    cells = {row.model: row.cells["abs_rel"] for row in rows(store, "toy-rooms/measured-house")}
    assert [cell.emphasis for cell in cells.values()] == ["best", "second", ""]
    assert cells["toy-c"].apart == "predictions"
    assert cells["toy-c"].delta is None


def test_images_without_truth_do_not_count_against_a_model() -> None:
    """An image with too few valid pixels has no value for any model; the run is complete."""
    run = toy.run("toy-a", [0.1, None])
    data = run.model_dump(mode="json")
    data["samples"]["valid_pixels"] = [10, 0]
    store = toy.store(runs=[type(run).sealed(data)], protocols=[protocol()])
    assert ranks(store, "toy-rooms/measured-house") == {"toy-a": 1}


def test_fits_are_not_mixed_on_a_measured_board() -> None:
    """A protocol that fits each kind of prediction in its own way has a board for each way."""
    fitted = {"space": "disparity", "solver": "scale-shift", "estimator": "least squares"}
    made = protocol(alignment={**make.PROTOCOL["alignment"], "affine-invariant-disparity": fitted})
    runs = [
        toy.run("toy-a", [0.2], made),
        toy.run("toy-b", [0.1], made, prediction_kind="affine-invariant-disparity"),
    ]
    store = toy.store([toy.number("toy-b", value=0.3, family="affine-disparity")], runs=runs, protocols=[made])
    assert ranks(store, "toy-rooms/measured-house-metric-depth") == {"toy-a": 1}
    name = "toy-rooms/measured-house-affine-invariant-disparity"
    assert ranks(store, name) == {"toy-b": 1}
    assert cell(store, "toy-b", name=name).delta == pytest.approx(-0.2)


def test_protocol_digest_decides() -> None:
    """A run under an older version of a protocol is not on the board of the present one."""
    old = toy.run("toy-a", [0.1], protocol(minimum_valid_pixels=5))
    store = toy.store(runs=[old, toy.run("toy-b", [0.2])], protocols=[protocol()])
    assert ranks(store, "toy-rooms/measured-house") == {"toy-b": 1}
    assert ranks(store, f"toy-rooms/measured-house-{old.protocol.sha256[:8]}") == {"toy-a": 1}


@pytest.mark.parametrize(("relation", "mark"), [("zero_shot", "yes"), ("trained_on", "no"), (None, "unknown")])
def test_zero_shot_of_a_run(relation: str | None, mark: str) -> None:
    """A run is zero-shot only where the model's card says so."""
    exposure = [{"dataset": "toy-rooms", "relation": relation, "evidence": "x"}] if relation else []
    store = toy.store(
        runs=[toy.run("toy-a", [0.1])], protocols=[protocol()], models=[toy.model("toy-a", exposure=exposure)]
    )
    assert cell(store, name="toy-rooms/measured-house").zero_shot == mark


# ---- finding ---------------------------------------------------------------------------------------------------------


def test_unknown_board() -> None:
    """A wrong name is answered with the nearest boards."""
    store = toy.store([toy.number(), toy.number(dataset="toy-yard")])
    with pytest.raises(BoardNotFoundError, match="perhaps toy-rooms/metric"):
        find_board(store, "toy-rooms/metrc")
    with pytest.raises(BoardNotFoundError, match="toy-yard/metric"):
        find_board(store, "toy-yrad/metric")
    with pytest.raises(BoardNotFoundError, match="no board 'x'"):
        find_board(toy.store(), "x")


def test_headline_boards_that_exist() -> None:
    """The home page shows those of its boards that there are, in their order."""
    numbers = [toy.number(dataset=name) for name in ("kitti", "nyu-depth-v2")]
    assert [board.name for board in headline_boards(toy.store(numbers))] == ["nyu-depth-v2/metric", "kitti/metric"]


def test_numbers_of_a_model_and_a_source() -> None:
    """A model's numbers come by data set, family, metric and headline; a source's by its tables and lines."""
    numbers = [
        toy.number(line=2, place="Table 1", metric="delta1"),
        toy.number(line=3, place="Table 2", kind="re-run"),
        toy.number(line=4, place="Table 2"),
        toy.number("toy-b", line=5, place="Table 2"),
    ]
    store = toy.store(numbers, sources=[toy.source("toy-paper", tables=tables("Table 2", "Table 1"))])
    assert [number.line for number in model_numbers(store, "toy-a")] == [4, 3, 2]
    assert [number.line for number in source_numbers(store, "toy-paper")] == [3, 4, 5, 2]
