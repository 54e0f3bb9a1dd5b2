"""Text that would be more than text: in every kind of record that holds any."""

from __future__ import annotations

from tests.corpus.base import RUN
from tests.corpus.changes import Case, forge, set_row, set_yaml

MODEL, DATASET, SOURCE, CSV = (
    "models/toy-net.yaml",
    "datasets/toy-rooms.yaml",
    "sources/toy-paper.yaml",
    "sources/toy-paper.csv",
)
MARKUP, UNSEEN = "markup or a script address", "which shows nothing"

HOSTILE = {
    "script": ("runs in a page", "<script>alert(1)</script>"),
    "image": ("runs when it does not load", "a <img src=x onerror=alert(1)>"),
    "SVG": ("runs when it is drawn", "<svg/onload=alert(1)>"),
    "tag with a space": ("a filter that looks for no space", "< script>alert(1)</ script>"),
    "comment": ("hides the rest of a page", "<!-- everything"),
    "end of a cell": ("breaks a table", "</td></tr></table>"),
    "processing instruction": ("PHP on a mirror", "<?php system('id') ?>"),
    "script address": ("a link that runs", "javascript:alert(1)"),
    "script address in capitals": ("a filter that looks for small letters", "JaVaScRiPt : alert(1)"),
    "data address": ("a page in a link", "data:text/html,<b>x</b>"),
    "Markdown link": ("a link that looks like another", "[paper](https://evil.example)"),
    "Markdown image": ("asks a stranger's server who reads", "![x](https://evil.example/pixel.png)"),
    "Markdown script": ("a link that runs", "[x](javascript:alert(1))"),
    "Jinja expression": ("runs when the site is built", "{{ 7*7 }}"),
    "Jinja statement": ("likewise", "{% include '/etc/passwd' %}"),
    "Jinja comment": ("hides the rest of a template", "{# hidden"),
    "mustache, unescaped": ("markup by the page's script", "{{{html}}}"),
    "expression of an action": ("runs in a workflow", "${{ github.token }}"),
    "template of JavaScript": ("runs in a script", "${alert(1)}"),
    "Ruby template": ("runs on a mirror", "<%= `id` %>"),
    "LaTeX that runs": ("runs when the table is typeset", "\\write18{id}"),
    "LaTeX that reads": ("the reader's own files in a paper", "\\input{/etc/passwd}"),
    "LaTeX that redefines": ("the paper reads otherwise", "\\def\\x{y}"),
    "bell": ("acts on a terminal", "a\u0007b"),
    "bidi override": ("reads otherwise than it is", "left\u202eright"),
    "zero width": ("two names that look alike", "Toy\u200bNet"),
    "white space around": ("two names that look alike", " Toy Net"),
}
"""What free text must not be: what was hoped for, and the text."""


def says(name: str) -> str:
    """What the finding says of a hostile text."""
    if name in ("bell", "bidi override", "zero width"):
        return UNSEEN
    return "white space" if name == "white space around" else MARKUP


IN_CARDS = [
    Case(
        f"{name} in a card",
        hope,
        set_yaml(MODEL, name=text),
        MODEL,
        says(name),
        "/" if says(name) == UNSEEN else "/name",
    )
    for name, (hope, text) in HOSTILE.items()
]
ELSEWHERE = [
    Case(
        "script in a data set's note",
        "runs in a page",
        set_yaml(DATASET, notes=["<script>"]),
        DATASET,
        MARKUP,
        "/notes/0",
    ),
    Case(
        "script in a source's title",
        "runs in a page",
        set_yaml(SOURCE, title="<b onclick=x>"),
        SOURCE,
        MARKUP,
        "/title",
    ),
    Case("script in a variant", "runs in a table", set_row(variant="<b>bold</b>"), CSV, MARKUP, "/2/variant"),
    Case(
        "template in a submitter",
        "runs in the job summary",
        forge({"/submitter": "${{ secrets.TOKEN }}"}),
        RUN,
        MARKUP,
        "/submitter",
    ),
    Case("script in a command", "shown as code", forge({"/command": "runners <script>"}), RUN, MARKUP, "/command"),
    Case(
        "script in an image's id",
        "shown in a chart",
        forge({"/samples/id/0": "<svg onload=x>"}),
        RUN,
        MARKUP,
        "/samples/id",
    ),
    Case(
        "address that runs",
        "a link that runs",
        set_yaml(MODEL, code_url="javascript:alert(1)"),
        MODEL,
        "must be an address",
        "/code_url",
    ),
    Case(
        "address of a file",
        "the reader's own files",
        set_yaml(MODEL, code_url="file:///etc/passwd"),
        MODEL,
        "must be an address",
        "/code_url",
    ),
    Case(
        "address with a name",
        "looks like GitHub, is another host",
        set_yaml(MODEL, code_url="https://github.com@evil.example/x"),
        MODEL,
        "must be an address",
        "/code_url",
    ),
    Case(
        "address in other letters",
        "a Cyrillic host name",
        set_yaml(MODEL, code_url="https://g\u0456thub.com/x"),
        MODEL,
        "must be an address",
        "/code_url",
    ),
    Case(
        "address with a quote",
        "ends the attribute",
        set_yaml(MODEL, code_url='https://x.example/" onclick="x'),
        MODEL,
        "must be an address",
        "/code_url",
    ),
    Case(
        "address without a protocol",
        "loads from wherever the page is",
        set_yaml(MODEL, code_url="//evil.example/x"),
        MODEL,
        "must be an address",
        "/code_url",
    ),
    Case(
        "address with a space",
        "two addresses in one",
        set_yaml(MODEL, code_url="https://x.example/a b"),
        MODEL,
        "must be an address",
        "/code_url",
    ),
    Case(
        "address with a backslash",
        "browsers read it as a slash",
        set_yaml(MODEL, code_url="https://x.example\\@evil"),
        MODEL,
        "must be an address",
        "/code_url",
    ),
]

CASES = {"text": [*IN_CARDS, *ELSEWHERE]}
