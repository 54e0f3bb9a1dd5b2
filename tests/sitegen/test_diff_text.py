"""The reviewer's summary: complete, the same every time, within GitHub's limit, and nothing in it acts."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from sitegen.diff import compare
from sitegen.diff_text import MAX_BYTES, summary
from sitegen.findings import Finding
from sitegen.records import Protocol
from sitegen.store import Store
from tests.sitegen import factories as make
from tests.sitegen import toy_store as toy

GOLDEN = Path(__file__).parents[1] / "golden/diff.md"
PROTOCOL = Protocol.model_validate(make.PROTOCOL)
HOSTILE = (
    "@someone #1 GH-2 <img src=x onerror=alert(1)> [a](javascript:alert(1)) ![i](https://evil.example/i.png) | x |"
    " `code` ``` *b* ~~s~~ $m$ www.evil.example :tada: &#64;x \u202ereversed"
)


def grouped(model: str, values: list[float], **changes: Any) -> Any:
    """A run whose images are of three scenes."""
    run = toy.run(model, values, PROTOCOL)
    samples = {
        **run.samples.model_dump(mode="json", exclude_none=True),
        "group": [f"s{i % 3}" for i in range(len(values))],
    }
    return type(run).sealed(run.model_dump(mode="json") | {"samples": samples} | changes)


def before_and_after() -> tuple[Store, Store]:
    """A run is measured again, one is new, one is gone; a number is corrected, one is withdrawn, one is new."""
    runs = [
        grouped(f"toy-{name}", [v, v + 0.02, v + 0.05]) for name, v in zip("abcd", (0.1, 0.2, 0.3, 0.4), strict=True)
    ]
    again = grouped("toy-b", [0.34, 0.36, 0.41], submitter="A new submitter")
    new = grouped("toy-n", [0.15, 0.2, 0.22], deviations=["no flip"])
    numbers = [
        toy.number(f"toy-{n}", line=i + 2, value=v)
        for i, (n, v) in enumerate(zip("abc", (0.11, 0.2, 0.3), strict=True))
    ]
    corrected = toy.number("toy-a", line=2, value=0.12)
    added = toy.number("toy-n", "toy-bench", value=0.25, kind="copied")
    base = toy.store(numbers, runs=runs, protocols=[PROTOCOL])
    head = toy.store(
        [corrected, *numbers[1:], added],
        runs=[runs[0], again, runs[2], new],
        protocols=[PROTOCOL],
        models=[toy.model("toy-d")],
        sources=[toy.source("toy-bench")],
        disputes=toy.dispute(numbers[1]),
        verified=(toy.verification(runs[0]),),
        findings=(Finding("warning", "runs/toy-rooms/house/toy-n.json", "/samples/abs_rel", "is too good"),),
    )
    return base, head


def test_golden() -> None:
    """The whole summary, as it was looked at and kept; made twice it is the same."""
    base, head = before_and_after()
    text = summary(compare(base, head), "aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert text == summary(compare(*before_and_after()), "aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert text == GOLDEN.read_text("utf-8")


def test_nothing_differs() -> None:
    """A change of no record says so."""
    base, _ = before_and_after()
    assert summary(compare(base, base), "a", "the work tree").endswith(
        "From `a` to `the work tree` no record differs.\n"
    )


def hostile() -> Store:
    """A store whose every free text acts on a page that reads it as Markdown or HTML."""
    number = toy.number("toy-a")
    row = number.row.model_copy(update={"value_as_printed": HOSTILE, "place": HOSTILE, "variant": HOSTILE})
    run = grouped("toy-a", [0.1, 0.2, 0.3])
    spoiled = run.model_copy(
        update={
            "submitter": HOSTILE,
            "deviations": [HOSTILE],
            "environment": run.environment.model_copy(update={"device": HOSTILE}),
        }
    )
    (key, entry), *_ = toy.dispute(spoiled, "disputed").items()
    return toy.store(
        [type(number)(number.source, number.line, row)],
        runs=[spoiled],
        protocols=[PROTOCOL.model_copy(update={"title": HOSTILE})],
        models=[toy.model("toy-a").model_copy(update={"name": HOSTILE})],
        datasets=[toy.dataset().model_copy(update={"name": HOSTILE})],
        disputes={key: entry.model_copy(update={"reason": HOSTILE})},
        verified=(toy.verification(spoiled).model_copy(update={"verified_by": HOSTILE, "device": HOSTILE}),),
        findings=(Finding("error", HOSTILE, HOSTILE, HOSTILE + "\n::error::x"),),
    )


def test_hostile_text_is_text() -> None:
    """No markup, link, image, mention, reference, address or reversed character of contributed text is left."""
    text = summary(compare(toy.store(), hostile()), "a", "b")
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [child for token in tokens for child in token.children or []]
    allowed = {"text", "strong_open", "strong_close", "em_open", "em_close", "code_inline", "s_open", "s_close"}
    assert {child.type for child in inline} <= allowed | {"text_special", "softbreak"}
    assert not any(token.type.startswith("html") for token in tokens)
    shown = "\n".join(child.content for child in inline if child.type.startswith("text"))
    assert "onerror=alert" in shown
    assert not re.search(r"[@#]\w|://|:tada:|www\.|GH-2", shown)
    assert "\u202e" not in text
    # Code blocks are shown as they stand; each is closed, so that what follows a name in a picture is no code.
    assert text.count("### Records") == 1
    assert any(token.type == "heading_open" and token.tag == "h3" for token in tokens)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert cells <= {5, 6, 7, 8, 9, 12}


@pytest.mark.parametrize("count", [61, 3000])
def test_long_lists_say_how_many_are_left(count: int) -> None:
    """Lists end with how many are not shown, and the whole stays below what GitHub takes."""
    numbers = [toy.number(f"toy-{index}", line=index + 2, value=0.1 + index / 1e5) for index in range(count)]
    text = summary(compare(toy.store(), toy.store(numbers)), "a", "b")
    assert f"*{count - 60} more numbers are not shown.*" in text
    assert f"*{count - 60} more rows are not shown.*" in text
    assert len(text.encode()) < MAX_BYTES


def test_a_summary_that_is_too_long_is_cut_between_parts() -> None:
    """Many boards of long names do not break GitHub's limit: whole parts are left out, and counted."""
    numbers = [
        toy.number("toy-a", line=line, dataset=f"toy-{line}", place="<" * 3000, value_as_printed="*" * 3000)
        for line in range(2, 1200)
    ]
    datasets = [toy.dataset(f"toy-{line}", name="&" * 3000) for line in range(2, 1200)]
    text = summary(compare(toy.store(), toy.store(numbers, datasets=datasets)), "a", "b")
    assert len(text.encode()) < MAX_BYTES
    assert re.search(r"\*The summary would be too long: \d+ more parts are left out\.\*\n$", text)


def test_the_picture_places_dots_in_order() -> None:
    """The best value of an error stands leftmost, the old value of a changed row is a ring, no line is too long."""
    base, head = before_and_after()
    text = summary(compare(base, head), "a", "b")
    measured = text.split("```text")[2].split("```")[0].splitlines()
    dots = {line.split()[1 if line[0] == " " else 2]: line for line in measured if "●" in line or "•" in line}
    assert dots["Toy-A"].index("●") < dots["Toy-C"].index("●" if "●" in dots["Toy-C"] else "•")
    changed = next(line for line in measured if line.startswith("~") and "Toy-B" in line)
    assert changed.index("○") < changed.index("●")
    assert max(map(len, measured)) < 100


def test_verified_and_withdrawn_are_said() -> None:
    """Who verified a run and why a number was withdrawn stands in the summary, with the evidence."""
    base, head = before_and_after()
    text = summary(compare(base, replace(head, findings=())), "a", "b").replace("&#8203;", "").replace("\\", "")
    assert "re-run by maintainers" in text
    assert "https://example.org/log" in text
    assert "Withdrawn on 2026-11-25, not ranked: the wrong weights (https://example.org/why)" in text
