"""Asks whether addresses outside the site still answer. Only headers are asked for; what a page says is not read."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from urllib.parse import quote, urldefrag, urlsplit

from sitegen.findings import Finding, Severity

__all__ = ["check_outside"]

_TIMEOUT_S = 20.0
_HOSTS_AT_ONCE = 8
_HEADERS = {"User-Agent": "fathom-depth link check", "Accept": "*/*"}
_GONE = {404, 410}
_NO_HEAD = {400, 403, 405, 501}
"""Answers of servers that know no HEAD; they are asked again by GET."""


def check_outside(
    links: Mapping[str, str], *, pause_s: float = 1.0, advance: Callable[[], object] = int
) -> list[Finding]:
    """Return what is wrong with addresses; each is asked once, those of one host one after another.

    Args:
        links: Address -> a page that links to it, as :func:`sitegen.links.external_links` gives them.
        pause_s: Seconds between two questions to one host.
        advance: Called after each address.

    Returns:
        An error for an address that its host does not know any more, or a host that does not exist; a warning for
        one that gave no answer this time, or that answers only to people.
    """
    hosts: dict[str, list[str]] = {}
    for url in sorted({urldefrag(url).url for url in links}):
        hosts.setdefault(urlsplit(url).netloc, []).append(url)
    first = {urldefrag(url).url: page for url, page in sorted(links.items(), reverse=True)}

    def of_host(urls: Iterable[str]) -> list[Finding]:
        found = []
        for url in urls:
            if fault := _fault(url):
                found.append(Finding(fault[0], first[url], url, fault[1]))
            advance()
            time.sleep(pause_s)
        return found

    with ThreadPoolExecutor(_HOSTS_AT_ONCE) as pool:
        return list(chain.from_iterable(pool.map(of_host, hosts.values())))


def _fault(url: str) -> tuple[Severity, str] | None:
    """Return severity and sentence of what is wrong with an address, or None."""
    try:
        status = _status(url, "HEAD")
        status = _status(url, "GET") if status in _NO_HEAD else status
    except urllib.error.URLError as error:
        return "warning", f"gave no answer: {error.reason}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return "warning", f"gave no answer: {error}"
    if status in _GONE:
        return "error", f"is gone: its host answers {status}"
    return ("warning", f"its host answers {status}") if status >= 300 else None


def _status(url: str, method: str) -> int:
    # An address may hold letters that HTTP does not; what is escaped already stays as it is.
    request = urllib.request.Request(quote(url, safe="%/:=&?~#+!$,;'@()*[]"), headers=_HEADERS, method=method)  # noqa: S310
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):  # neither files nor ftp, also not after a redirection
        opener.add_handler(handler())
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
