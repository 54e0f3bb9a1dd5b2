"""The links that lead out of the site: asked politely, judged by what the host says."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from sitegen import outside
from sitegen.cli import main
from sitegen.links import external_links
from sitegen.outside import check_outside

STATUS = {"/gone": 404, "/was": 410, "/people-only": 403, "/broken": 500, "/é": 404}


class _Host(BaseHTTPRequestHandler):
    """Answers as its paths say; notes what it was asked."""

    asked: list[tuple[str, str]]

    def _answer(self) -> None:
        self.asked.append((self.command, self.path))
        if self.path in {"/moved", "/to-a-file"}:
            self.send_response(302)
            self.send_header("Location", "/gone" if self.path == "/moved" else "file:///etc/passwd")
        elif self.path == "/no-head" and self.command == "HEAD":
            self.send_response(405)
        else:
            self.send_response(STATUS.get(self.path, 200))
        self.end_headers()

    do_HEAD = do_GET = _answer  # noqa: N815 - names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    """A host on this machine, as the beginning of an address."""
    _Host.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_hosts_are_asked_once_for_each_address(host: str) -> None:
    """An anchor makes no second question; GET comes only after a refused HEAD."""
    links = {f"{host}/a#one": "x.html", f"{host}/a#two": "y.html", f"{host}/no-head": "x.html"}
    assert check_outside(links, pause_s=0) == []
    assert sorted(_Host.asked) == [("GET", "/no-head"), ("HEAD", "/a"), ("HEAD", "/no-head")]


@pytest.mark.parametrize(
    ("path", "severity", "sentence"),
    [
        ("/gone", "error", "is gone: its host answers 404"),
        ("/was", "error", "is gone: its host answers 410"),
        ("/moved", "error", "is gone: its host answers 404"),
        ("/people-only", "warning", "its host answers 403"),
        ("/broken", "warning", "its host answers 500"),
        ("/to-a-file", "warning", "its host answers 302"),
    ],
)
def test_answers_are_judged(path: str, severity: str, sentence: str, host: str) -> None:
    """Gone is an error; a host that is in trouble or wants people may be right again next week."""
    (finding,) = check_outside({host + path: "page.html"}, pause_s=0)
    assert (finding.severity, finding.path, finding.pointer) == (severity, "page.html", host + path)
    assert sentence in finding.message


def test_no_answer_is_a_warning(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port, a name that does not exist and a port that is none stop nothing."""
    monkeypatch.setattr(outside, "_TIMEOUT_S", 2)
    links = dict.fromkeys(["http://127.0.0.1:9/", "http://name.invalid/", "http://127.0.0.1:99999/"], "x")
    found = check_outside(links, pause_s=0)
    assert [finding.severity for finding in found] == ["warning"] * 3


def test_command_over_a_site(tmp_path: Path, host: str) -> None:
    """Links inside are checked always, those outside only when asked; the exit code says whether one is broken."""
    page = f'<a href="{host}/gone">a</a> <a href="{host}/fine">b</a> <a href="mailto:x@example.org">c</a>'
    (tmp_path / "index.html").write_text(page)
    assert set(external_links(tmp_path)) == {f"{host}/gone", f"{host}/fine"}
    inside = CliRunner().invoke(main, ["links", "--site", str(tmp_path)])
    assert (inside.exit_code, _Host.asked) == (0, [])
    done = CliRunner().invoke(main, ["links", "--site", str(tmp_path), "--external"])
    assert done.exit_code == 1
    assert f"error: index.html: {host}/gone: is gone" in done.stdout
    assert "2 addresses outside the site were asked" in done.stderr
    assert CliRunner().invoke(main, ["links", "--site", str(tmp_path / "none")]).exit_code == 1
