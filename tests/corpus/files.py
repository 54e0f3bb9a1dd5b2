"""Encoding, sizes, names, and what formats allow that records must not use."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from pathlib import Path

from tests.corpus.base import GALLERY, RUN, chunk, riff, webp
from tests.corpus.changes import Case, link, picture, put, set_json, set_row, set_yaml, write

MODEL, CSV, BIB = "models/toy-net.yaml", "sources/toy-paper.csv", "references.bib"
NEW, NEW_RUN = "models/new.yaml", "runs/toy-rooms/house/new.json"
PICTURE, INDEX = f"{GALLERY}/image.webp", f"{GALLERY}/index.json"
HEADER_AND_ROW = 2


def yaml_case(name: str, hope: str, text: str | bytes, says: str, pointer: str = "/") -> Case:
    """A card of that text."""
    return Case(name, hope, write(NEW, text), NEW, says, pointer)


def json_case(name: str, hope: str, text: str | bytes, says: str, pointer: str = "/") -> Case:
    """A run of that text."""
    return Case(name, hope, write(NEW_RUN, text), NEW_RUN, says, pointer)


def bib_case(name: str, hope: str, text: str, says: str) -> Case:
    """References of that text."""
    return Case(name, hope, write(BIB, text), BIB, says)


def csv_case(name: str, hope: str, lines: str | bytes, says: str, pointer: str = "/") -> Case:
    """Lines behind the honest ones."""

    def change(root: Path) -> None:
        path = root / CSV
        path.write_bytes(path.read_bytes() + (lines if isinstance(lines, bytes) else lines.encode()))

    return Case(name, hope, change, CSV, says, pointer)


def webp_case(name: str, hope: str, content: bytes, says: str) -> Case:
    """A gallery picture of those bytes, its digest renewed."""
    return Case(name, hope, picture(content), PICTURE, says)


def large(path: str, size: int) -> Case:
    """A file of that many bytes, which takes no room."""

    def change(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("wb") as stream:
            stream.truncate(size)

    return Case(f"{Path(path).suffix} of {size:,} bytes", "fills disk and memory", change, path, f"has {size:,} bytes")


def executable(root: Path) -> None:
    """Let a record be run."""
    (root / MODEL).chmod((root / MODEL).stat().st_mode | stat.S_IXUSR)


def pipe(root: Path) -> None:
    """Put a pipe there: whoever reads it waits for ever."""
    os.mkfifo(root / NEW)


def folder(root: Path) -> None:
    """Put a folder where a file is expected."""
    (root / NEW).mkdir()


def archive() -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as files:
        files.writestr("../../evil.py", "print(1)")
    return buffer.getvalue()


def nested(opening: str, closing: str, depth: int) -> str:
    """That many brackets, one in the other."""
    return opening * depth + closing * depth


LAUGHS = "a: &a [lol,lol]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
LOSSY = b"\x00\x00\x00\x9d\x01\x2a"
CANVAS = chunk(b"VP8X", bytes([0x10, 0, 0, 0]) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"))
STILL = webp(640, 480)
BODY = STILL[12:]

ENCODING = [
    yaml_case("Latin 1", "saved by an old editor", b"name: J\xe9r\xf4me\n", "is not UTF-8: byte 7 is 0xe9"),
    yaml_case("UTF-16", "saved by Notepad", "name: x\n".encode("utf-16"), "is not UTF-8"),
    yaml_case("byte order mark", "saved by Notepad", "\ufeffname: x\n", "byte order mark"),
    yaml_case("overlong UTF-8", "a slash that checks do not see", b"name: \xc0\xaf\n", "is not UTF-8"),
    yaml_case("surrogate bytes", "half a character", b"name: \xed\xa0\x80\n", "is not UTF-8"),
    yaml_case("NUL", "what follows is not seen by C", "name: x\0y\n", "U+0000"),
    yaml_case("escape", "colours or commands on the reviewer's terminal", "name: \x1b[2J\n", "U+001B"),
    yaml_case("carriage return", "the end of a line covers its beginning", "name: bad\rname: good\n", "U+000D"),
    yaml_case("bidi override", "text that reads otherwise than it is", "name: a\u202eb\n", "RIGHT-TO-LEFT OVERRIDE"),
    yaml_case("bidi isolate", "likewise", "name: a\u2066b\n", "LEFT-TO-RIGHT ISOLATE"),
    yaml_case("zero width", "two names that look alike", "name: a\u200bb\n", "ZERO WIDTH SPACE"),
    yaml_case("joiner", "likewise", "name: a\u200db\n", "ZERO WIDTH JOINER"),
    yaml_case("soft hyphen", "a word that no search finds", "name: a\u00adb\n", "SOFT HYPHEN"),
    yaml_case("line separator", "a line break that JavaScript sees", "name: a\u2028b\n", "LINE SEPARATOR"),
    yaml_case("tags", "an invisible message to a language model", "name: a\U000e0041b\n", "TAG LATIN CAPITAL LETTER A"),
    yaml_case("private use", "a character of one's own font", "name: a\ue000b\n", "U+E000"),
    yaml_case(
        "escaped control",
        "the text shows an escape, the data has none",
        'name: "a\\u202eb"\n',
        "RIGHT-TO-LEFT OVERRIDE",
        "/name",
    ),
    json_case(
        "escaped control in JSON", "likewise", '{"submitter": "a\\u202eb"}', "RIGHT-TO-LEFT OVERRIDE", "/submitter"
    ),
    json_case("lone surrogate", "text that cannot be written", '{"submitter": "\\ud800"}', "U+D800", "/submitter"),
    json_case("lone surrogate as a key", "likewise", '{"\\udfff": 1}', "a name in it holds U+DFFF"),
    json_case("surrogates the wrong way round", "likewise", '{"a": "\\udc00\\ud83d"}', "U+DC00", "/a"),
    csv_case("NUL in CSV", "a cell that ends early", b"a\x00b,c\n", "U+0000"),
    bib_case(
        "bidi in BibTeX", "an author reads as another", "@misc{a,\n title = {x\u202ey},\n}\n", "RIGHT-TO-LEFT OVERRIDE"
    ),
]

SIZE = [
    large(NEW_RUN, 9 * 2**20),
    large(NEW, 300 * 2**10),
    large("sources/big.csv", 2 * 2**20),
    large(f"{GALLERY}/big.webp", 300 * 2**10),
    large(BIB, 50 * 2**20),
    json_case(
        "million values",
        "a column without end",
        json.dumps({"samples": {"rmse": [0] * 150_000}}),
        "at most 100,000 are allowed",
        "/samples/rmse",
    ),
    json_case(
        "thousands of deviations",
        "each wrong item gives a finding",
        json.dumps({"deviations": [1] * 5000}),
        "at most 2,000 are allowed",
        "/deviations",
    ),
    Case(
        "text without end",
        "breaks the layout",
        set_yaml(MODEL, architecture="x" * 5000),
        MODEL,
        "at most 4000 characters",
        "/architecture",
    ),
    Case(
        "thousand findings",
        "the check's own output fills the log",
        write("sources/toy-paper.csv", b""),
        CSV,
        "the header must be",
    ),
    csv_case(
        "ten thousand bad rows",
        "the check's own output fills the log",
        "x,y\n" * 10_000,
        "more faults than are listed here",
    ),
]

NAMES = [
    Case(
        "zip among cards",
        "an archive for whoever unpacks it",
        write("models/cards.zip", archive()),
        "models/cards.zip",
        "is no file of this folder's layout",
    ),
    Case("zip called a card", "an archive under a card's name", write(NEW, archive()), NEW, "is not UTF-8"),
    Case(
        "program among records",
        "code that somebody imports",
        write("models/evil.py", "import os\n"),
        "models/evil.py",
        "is no file of this folder's layout",
    ),
    Case(
        "git's own file",
        "rules for git",
        write(".gitattributes", "* filter=evil\n"),
        ".gitattributes",
        "is no plain name",
    ),
    Case(
        "editor's file",
        "settings that an editor obeys",
        write(".vscode/settings.json", "{}"),
        ".vscode",
        "is no plain name",
    ),
    Case(
        "page among records",
        "a page of one's own on the site",
        write("models/evil.html", "<script>"),
        "models/evil.html",
        "layout",
    ),
    Case(
        "folder misspelt",
        "a run that nobody sees",
        write("run/toy-rooms/house/x.json", "{}"),
        "run/toy-rooms/house/x.json",
        "is no file of this folder's layout",
    ),
    Case("too deep", "a run one folder too deep", write("runs/a/b/c/d.json", "{}"), "runs/a/b/c/d.json", "layout"),
    Case(
        "space in a name", "breaks scripts", write("models/my net.yaml", ""), "models/my net.yaml", "is no plain name"
    ),
    Case(
        "line break in a name",
        "a second line in a log: ::error::",
        write("models/a\n::error::b.yaml", ""),
        "models/a\\n::error::b.yaml",
        "is no plain name",
    ),
    Case(
        "terminal escape in a name",
        "acts on the reviewer's terminal",
        write("models/\x1b[31mred.yaml", ""),
        "models/\\x1b[31mred.yaml",
        "is no plain name",
    ),
    Case(
        "option as a name",
        "rm reads it as an option",
        write("models/-rf.yaml", ""),
        "models/-rf.yaml",
        "is no plain name",
    ),
    Case(
        "shell in a name",
        "runs when a script forgets quotes",
        write("models/$(id).yaml", ""),
        "models/$(id).yaml",
        "is no plain name",
    ),
    Case(
        "markup in a name",
        "runs in a page that lists files",
        write("models/<img src=x onerror=alert(1)>.yaml", ""),
        "models/<img src=x onerror=alert(1)>.yaml",
        "is no plain name",
    ),
    Case(
        "backslash in a name",
        "leads elsewhere on Windows",
        write("models/..\\evil.yaml", ""),
        "models/..\\evil.yaml",
        "its path leads elsewhere",
    ),
    Case(
        "reserved by Windows",
        "a clone on Windows fails",
        write("models/con.yaml", ""),
        "models/con.yaml",
        "Windows keeps for a device",
    ),
    Case("reserved folder", "likewise", write("runs/aux/house/x.json", "{}"), "runs/aux", "Windows keeps for a device"),
    Case(
        "reserved with a number",
        "likewise",
        write("models/COM1.yaml", ""),
        "models/COM1.yaml",
        "Windows keeps for a device",
    ),
    Case(
        "stream of Windows",
        "a hidden stream",
        write("models/toy-net.yaml:x", ""),
        "models/toy-net.yaml:x",
        "is no plain name",
    ),
    Case(
        "letters beyond ASCII",
        "two forms of one name",
        write("models/caf\u00e9.yaml", ""),
        "models/caf\u00e9.yaml",
        "is no plain name",
    ),
    Case(
        "bidi in a name",
        "exe.yaml shown as lmay.exe",
        write("models/a\u202elmay.yaml", ""),
        "models/a\\u202elmay.yaml",
        "is no plain name",
    ),
    Case(
        "case collision",
        "one file overwrites another on a Mac",
        write("models/Toy-Net.yaml", ""),
        "models/toy-net.yaml",
        "in case alone",
    ),
    Case("case collision of folders", "likewise", write("Models/other.yaml", ""), "models", "in case alone"),
    Case(
        "name too long",
        "fails on some systems",
        write(f"models/{'x' * 200}.yaml", ""),
        f"models/{'x' * 200}.yaml",
        "at most 200",
    ),
    Case(
        "link out of the folder",
        "a page shows the reviewer's files",
        link("models/x.yaml", "../../../../etc/passwd"),
        "models/x.yaml",
        "is a link",
    ),
    Case(
        "link in the folder",
        "two names of one card",
        link("models/x.yaml", "toy-net.yaml"),
        "models/x.yaml",
        "is a link",
    ),
    Case("link to nothing", "a check that fails", link("models/x.yaml", "nowhere"), "models/x.yaml", "is a link"),
    Case(
        "folder that is a link",
        "everything below is somewhere else",
        link("disagreements2", "models"),
        "disagreements2",
        "is a link",
    ),
    Case(
        "picture that is a link",
        "a picture of the reviewer's files",
        link(PICTURE, "/etc/hostname"),
        PICTURE,
        "is a link",
    ),
    Case("executable record", "runs by a double click", executable, MODEL, "may be executed"),
    Case("pipe", "the check waits for ever", pipe, NEW, "is no plain file"),
    Case("folder called a file", "the check stumbles", folder, NEW, "is no plain file"),
    Case(
        "part of a write",
        "a half-written file",
        write("models/.toy-net.yaml.part", ""),
        "models/.toy-net.yaml.part",
        "is no plain name",
    ),
    Case(
        "picture without an index",
        "a picture that nobody declared",
        write("gallery/toy-rooms/two/x.webp", STILL),
        "gallery/toy-rooms/two/x.webp",
        "is no picture of an index.json",
    ),
    Case(
        "picture that no index names",
        "a picture beside the declared ones",
        write(f"{GALLERY}/extra.webp", STILL),
        f"{GALLERY}/extra.webp",
        "is no picture of the index.json beside it",
    ),
]

YAML = [
    yaml_case("billion laughs", "ten lines become gigabytes", LAUGHS, "anchors and aliases are not allowed"),
    yaml_case("anchor alone", "a part that is used later", "a: &x 1\n", "anchors and aliases are not allowed"),
    yaml_case("itself", "a list that holds itself", "a: &a [*a]\n", "anchors and aliases are not allowed"),
    yaml_case("merge", "fields that are not to be seen", "<<: {id: x}\n", "is no field of this record", "/<<"),
    yaml_case("Python object", "runs a command", "!!python/object/apply:os.system [id]\n", "tags such as"),
    yaml_case("Python name", "likewise", "a: !!python/name:os.system\n", "tags such as"),
    yaml_case("binary", "a file in a card", "a: !!binary aGVsbG8=\n", "tags such as"),
    yaml_case(
        "tag of one's own",
        "a constructor that somebody registers",
        "%TAG ! tag:evil,2000:\n---\na: !x 1\n",
        "tags such as",
    ),
    yaml_case("deep lists", "the parser's stack overflows", nested("[", "]", 5000), "nested more than 32 deep"),
    yaml_case("deep maps", "likewise", nested("{a: ", "}", 100), "nested more than 32 deep"),
    yaml_case("huge integer", "a second of arithmetic a digit", f"a: {'9' * 200_000}\n", "Exceeds the limit"),
    yaml_case("large integer", "overflows a float", f"a: {'9' * 400}\n", "whole number beyond", "/a"),
    yaml_case("hexadecimal", "a number that reads otherwise", "a: 0xffffffffffffffffff\n", "whole number beyond", "/a"),
    yaml_case("1e308", "overflows sums", "params_m: 1.0e+308\n", "no measured value is beyond", "/params_m"),
    yaml_case("infinity", "sorts first", "params_m: .inf\n", "is inf: no number", "/params_m"),
    yaml_case("not a number", "compares as neither", "params_m: .nan\n", "is nan: no number", "/params_m"),
    yaml_case("two documents", "the second is what is shown", "id: a\n---\nid: b\n", "several documents"),
    yaml_case("key twice", "reviewer and parser read another one", "id: a\nid: b\n", "key 'id' stands twice"),
    yaml_case("key twice, quoted", "likewise", "id: a\n'id': b\n", "key 'id' stands twice"),
    yaml_case("key that is a list", "cannot be a key", "[a, b]: 1\n", "is not valid YAML"),
    yaml_case("tab", "an indentation that is none", "a:\n\tb: 1\n", "is not valid YAML"),
    yaml_case("not closed", "half a file", "a: [1, 2\n", "is not valid YAML"),
    yaml_case(
        "key with commands",
        "a line of its own in the log",
        '"a\\n::error::x": 1\n"a\\n::error::x": 2\n',
        "stands twice",
    ),
]

JSON = [
    json_case("key twice", "reviewer and parser read another one", '{"a": 1, "a": 2}', "key 'a' stands twice"),
    json_case("key twice by escapes", "two spellings of one key", '{"a": 1, "\\u0061": 2}', "key 'a' stands twice"),
    json_case("NaN", "compares as neither", '{"a": NaN}', "NaN is not allowed"),
    json_case("Infinity", "sorts first", '{"a": -Infinity}', "-Infinity is not allowed"),
    json_case("overflow", "becomes infinity", '{"a": 1e999}', "is inf: no number", "/a"),
    json_case("1e308", "overflows sums", '{"a": 1e308}', "no measured value is beyond", "/a"),
    json_case("huge integer", "a second of arithmetic a digit", f'{{"a": {"9" * 100_000}}}', "Exceeds the limit"),
    json_case("large integer", "overflows a float", f'{{"a": -{"9" * 400}}}', "whole number beyond", "/a"),
    json_case("deep lists", "the parser's stack overflows", nested("[", "]", 100_000), "nested more than 32 deep"),
    json_case(
        "deep objects",
        "the stack of the next step overflows",
        nested('{"a":', "}", 400).replace(":}", ":1}", 1),
        "nested more than 32 deep",
    ),
    json_case("comment", "JSON of an editor", '{"a": 1} // x', "is not valid JSON"),
    json_case("trailing comma", "likewise", '{"a": 1,}', "is not valid JSON"),
    json_case("two values", "the second is what is shown", '{"a": 1}{"b": 2}', "is not valid JSON"),
    json_case("single quotes", "printed by Python", "{'a': 1}", "is not valid JSON"),
    json_case("truncated", "half a file", '{"a": ', "is not valid JSON"),
    json_case("null", "nothing passes for a record", "null", "is empty"),
    json_case("text for a record", "likewise", '"run"', "valid dictionary"),
    Case(
        "prototype",
        "pollutes objects of the page's script",
        set_json(RUN, {"/__proto__": {"admin": True}}),
        RUN,
        "is no field of this record",
        "/__proto__",
    ),
    Case(
        "setting with markup",
        "settings are shown on pages",
        set_json(RUN, {"/model/settings": {"a": "<script>alert(1)</script>"}}),
        RUN,
        "markup or a script address",
        "/model/settings/a",
    ),
    Case(
        "name of a setting",
        "so are their names",
        set_json(RUN, {"/model/settings": {"<img src=x>": 1}}),
        RUN,
        "markup or a script address",
        "/model/settings",
    ),
]

CSV_CASES = [
    Case(
        "formula",
        "runs in a spreadsheet",
        set_row(variant='=HYPERLINK("http://evil","x")'),
        CSV,
        "run as a formula",
        "/2/variant",
    ),
    Case("formula with plus", "likewise", set_row(variant="+1+cmd|'/c calc'!A1"), CSV, "run as a formula"),
    Case("formula with minus", "likewise", set_row(variant="-cmd|'/c calc'!A1"), CSV, "run as a formula"),
    Case("formula with at", "likewise", set_row(variant="@SUM(A1)"), CSV, "run as a formula"),
    Case("formula behind a tab", "likewise", set_row(variant="\t=1+1"), CSV, "run as a formula"),
    Case("not a number", "compares as neither", set_row(value="nan"), CSV, "valid number", "/2/value"),
    Case("hexadecimal", "a number that reads otherwise", set_row(value="0x1p-3"), CSV, "valid number", "/2/value"),
    Case("underscores", "Python reads 0_1 as 1", set_row(value="0_1"), CSV, "valid number", "/2/value"),
    Case(
        "digits of another script",
        "Python reads them as digits",
        set_row(value="\u0660.\u0661"),
        CSV,
        "valid number",
        "/2/value",
    ),
    Case("infinite number", "sorts last", set_row(value="1e999"), CSV, "finite number", "/2/value"),
    csv_case("short row", "cells move to the left", "a,b,c\n", "has 3 cells", f"/{HEADER_AND_ROW + 4}"),
    csv_case("million cells", "a row without end", "," * 1_000_000 + "\n", "cells, the header has"),
    csv_case("quote not closed", "the rest of the file is one cell", '"abc,def\n', "is not valid CSV"),
    csv_case("quote within", "parsers differ", 'a"b"c,"d"e\n', "is not valid CSV"),
    Case(
        "columns exchanged",
        "compared_value for value",
        write(CSV, "value,model\n1,x\n"),
        CSV,
        "the header must be",
        "/1",
    ),
    Case(
        "million columns",
        "the message repeats the header",
        write(CSV, "a," * 400_000 + "\n"),
        CSV,
        "the header must be",
        "/1",
    ),
    Case(
        "semicolons", "a spreadsheet of another country", write(CSV, "model;value\n"), CSV, "the header must be", "/1"
    ),
]

BIBTEX = [
    bib_case(
        "runs a command",
        "LaTeX with shell escape",
        "@misc{a,\n title = {\\write18{id}},\n}\n",
        "is a command that acts",
    ),
    bib_case(
        "reads a file",
        "the reader's own files in a paper",
        "@misc{a,\n note = {\\input{/etc/passwd}},\n}\n",
        "is a command that acts",
    ),
    bib_case(
        "redefines",
        "every later reference reads otherwise",
        "@misc{a,\n title = {\\def\\emph{x}},\n}\n",
        "is a command that acts",
    ),
    bib_case(
        "changes categories",
        "the next character ends the document",
        "@misc{a,\n title = {\\catcode`\\%=12},\n}\n",
        "is a command that acts",
    ),
    bib_case("preamble", "code before the first reference", '@preamble{"\\write18{id}"}\n', "is no entry"),
    bib_case("abbreviation", "a string that is used elsewhere", '@string{nips = "x"}\n', "is no entry"),
    bib_case(
        "key twice",
        "a citation of another work",
        "@misc{a,\n title = {x},\n}\n@misc{a,\n title = {y},\n}\n",
        "is not valid BibTeX",
    ),
    bib_case("field twice", "parsers differ", "@misc{a,\n title = {x},\n title = {y},\n}\n", "is not valid BibTeX"),
    bib_case("not closed", "half a file", "@misc{a,\n title = {x\n", "is not valid BibTeX"),
    bib_case(
        "deep braces",
        "the parser's stack overflows",
        "@misc{a, title = " + nested("{", "}", 20_000) + "}",
        "nested more than 32 deep",
    ),
    bib_case(
        "accents without end",
        "each takes time to decode",
        "@misc{a, title = {" + "\\'{e}" * 12_000 + "}}",
        "at most 10,000",
    ),
    bib_case(
        "script address",
        "a link that runs",
        "@misc{a,\n url = {javascript:alert(1)},\n}\n",
        "markup or a script address",
    ),
    bib_case(
        "no address",
        "a link to the reader's own files",
        "@misc{a,\n url = {file:///etc/passwd},\n}\n",
        "must begin with http",
    ),
    bib_case(
        "markup", "runs in a page", "@misc{a,\n title = {<script>alert(1)</script>},\n}\n", "markup or a script address"
    ),
    bib_case(
        "markup by LaTeX",
        "markup once LaTeX is decoded",
        "@misc{a,\n title = {{<}script{>}alert(1)},\n}\n",
        "markup or a script address",
    ),
    bib_case("key with markup", "keys are shown as well", "@misc{<b>,\n title = {x},\n}\n", "a key must be of letters"),
    bib_case(
        "type of one's own", "a style file that obeys it", "@evil{a,\n title = {x},\n}\n", "is no type of reference"
    ),
]

WEBP = [
    webp_case(
        "not a picture",
        "a page under a picture's name",
        b"<html><script>alert(1)</script></html>",
        "is no WebP picture",
    ),
    webp_case("PNG", "another format", b"\x89PNG\r\n\x1a\n" + bytes(40), "is no WebP picture"),
    webp_case(
        "SVG",
        "a picture that runs",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "is no WebP picture",
    ),
    webp_case("another RIFF", "a sound", STILL.replace(b"WEBP", b"WAVE"), "is no WebP picture"),
    webp_case("empty", "nothing", b"", "is no WebP picture"),
    webp_case(
        "archive behind",
        "a picture that is an archive as well",
        STILL + archive(),
        "there is something else in the file",
    ),
    webp_case(
        "page behind",
        "a picture that is a page as well",
        STILL + b"<script>alert(1)</script>",
        "there is something else in the file",
    ),
    webp_case(
        "archive in a chunk",
        "likewise, within the picture's length",
        riff(BODY, chunk(b"JUNK", archive())),
        "holds a chunk b'JUNK'",
    ),
    webp_case("truncated", "a decoder reads beyond the end", STILL[:-8], "there is something else in the file"),
    webp_case("chunk too long", "likewise", riff(b"VP8L\xff\xff\xff\x7f" + bytes(20)), "its chunks do not fill it"),
    webp_case("animated", "a picture that moves", riff(CANVAS, chunk(b"ANIM", bytes(6)), BODY), "holds an animation"),
    webp_case(
        "where it was taken",
        "somebody's coordinates",
        riff(CANVAS, BODY, chunk(b"EXIF", b"GPS")),
        "holds metadata (EXIF)",
    ),
    webp_case(
        "XMP", "scripts in metadata", riff(CANVAS, BODY, chunk(b"XMP ", b"<x:xmpmeta/>")), "holds metadata (XMP)"
    ),
    webp_case(
        "colour profile", "a parser of its own", riff(CANVAS, chunk(b"ICCP", bytes(20)), BODY), "holds a colour profile"
    ),
    webp_case(
        "two pictures", "checks see one, browsers the other", riff(BODY, BODY), "does not hold exactly one picture"
    ),
    webp_case("no picture", "a header alone", riff(CANVAS), "does not hold exactly one picture"),
    webp_case(
        "canvas of another size",
        "two sizes in one file",
        riff(CANVAS, webp(320, 240)[12:]),
        "does not say how large it is",
    ),
    webp_case("huge", "gigabytes when decoded", webp(16_000, 16_000), "16,000 x 16,000 pixels"),
    webp_case(
        "huge, lossy",
        "likewise",
        riff(chunk(b"VP8 ", LOSSY + b"\xff\x3f\xff\x3f" + bytes(20))),
        "16,383 x 16,383 pixels",
    ),
    webp_case("broken header", "a decoder guesses", riff(chunk(b"VP8L", bytes(30))), "does not say how large it is"),
    Case(
        "another size than its index",
        "a layout that breaks",
        picture(webp(320, 240)),
        INDEX,
        "is 640 x 480",
        "/images/0/width",
    ),
    Case(
        "wider than allowed",
        "a layout that breaks",
        picture(webp(2000, 500), width=2000, height=500),
        INDEX,
        "less than or equal to 640",
        "/images/0/width",
    ),
    Case(
        "picture elsewhere",
        "reads a file outside the folder",
        set_json(INDEX, {"/images/0/file": "../../../secret.webp"}),
        INDEX,
        "a plain file name",
        "/images/0/file",
    ),
    Case(
        "pictures forbidden",
        "images whose licence forbids it",
        set_yaml("datasets/toy-rooms.yaml", images_republishable="no"),
        INDEX,
        "may not be shown",
        "/images",
    ),
    Case(
        "alt text missing",
        "a picture that readers of text do not see",
        set_json(INDEX, {"/images/0/alt": put}),
        INDEX,
        "is missing",
        "/images/0/alt",
    ),
]

CASES = {
    "encoding": ENCODING,
    "size": SIZE,
    "names": NAMES,
    "YAML": YAML,
    "JSON": JSON,
    "CSV": CSV_CASES,
    "BibTeX": BIBTEX,
    "WebP": WEBP,
}
