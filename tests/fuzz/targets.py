"""What is fuzzed: an honest results folder with one file of any bytes, read and judged as `sitegen validate` does."""

from __future__ import annotations

import json
import random
from pathlib import Path

from sitegen.findings import format_findings
from sitegen.store import load
from tests.corpus import files, texts
from tests.corpus.base import GALLERY, RUN

TARGETS = (
    "models/toy-net.yaml",
    "protocols/toy-rooms/house.yaml",
    "sources/toy-paper.csv",
    "sources/toy-paper.yaml",
    RUN,
    "speed/nvidia-t4/toy-net.json",
    f"{GALLERY}/index.json",
    f"{GALLERY}/image.webp",
    "references.bib",
    "corrections.yaml",
    "verified.yaml",
    "disagreements/toy-case.yaml",
)
"""Files of every format and of every kind of record."""

_TOKENS = [
    *(text.encode("utf-8", "surrogatepass") for _, text in texts.HOSTILE.values()),
    *(files.LAUGHS.encode(), b"[" * 4000, b"{a: " * 4000, b'{"a":' * 4000, b"9" * 5000, b"1e308", b"1e999", b"NaN"),
    *(b"\\ud800", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\r", b"&a [*a]", b"!!python/object:os.system", b"---\n"),
    *(b"@preamble{", b"\\write18{id}", b"{" * 3000, b"@string{a = ", b'"' * 3, b"," * 5000, b"=1+1", b"-1", b"null"),
    *(b"true", b"[]", b"{}", b"0", b"-0.0", b"1e-320", b"9007199254740993", b"RIFF", b"VP8X", b"ANMF", b"EXIF"),
]
"""What the corpus has found to matter."""


def judge(root: Path, target: str, content: bytes) -> int:
    """Write a file into a folder, judge the folder, print the findings to nobody, and return how many there are."""
    (root / target).write_bytes(content)
    findings = load(root).findings
    format_findings(findings).encode("utf-8")
    "".join(finding.to_github("results") for finding in findings).encode("utf-8")
    json.dumps([finding.to_dict() for finding in findings]).encode("utf-8")
    return len(findings)


def mutated(honest: bytes, seed: random.Random) -> bytes:
    """Return an honest file with some of what the corpus has found to matter in some places of it."""
    content = bytearray(honest)
    for _ in range(seed.choice((1, 1, 2, 4, 16))):
        place, length = seed.randrange(len(content) + 1), seed.choice((0, 1, 4, 40, 400))
        kind = seed.randrange(6)
        if kind == 0:
            content[place : place + length] = seed.choice(_TOKENS)
        elif kind == 1:
            content[place : place + length] = seed.randbytes(seed.choice((1, 2, 8)))
        elif kind == 2:
            del content[place : place + length]
        elif kind == 3:
            content[place:place] = content[place : place + length] * seed.choice((1, 2, 50))
        elif kind == 4:
            _replace_a_number(content, seed)
        else:
            other = seed.randrange(len(content) + 1)
            content[place:place] = content[other : other + length]
    return bytes(content)


def _replace_a_number(content: bytearray, seed: random.Random) -> None:
    """Put another number in the place of one, which keeps the file's form: it reaches the checks of values."""
    digits = [place for place, byte in enumerate(content) if 0x30 <= byte <= 0x39]
    if digits:
        place = seed.choice(digits)
        numbers = (b"0", b"-1", b"1e99", b"1e-300", b"4000000", b"0.5", b"1", b"null", b"true", b'""', b"1e101", b"2")
        content[place : place + seed.choice((1, 2, 6))] = seed.choice(numbers)
