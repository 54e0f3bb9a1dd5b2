"""Fetching files: aside, taken up again after a break, checked against what is known of them, then put in place."""

from __future__ import annotations

import hashlib
import http.client
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["Download", "DownloadError", "fetch", "fetch_into", "file_digest", "human_size"]

_TIMEOUT_S = 60
_CHUNK = 1 << 20


class DownloadError(Exception):
    """A file cannot be fetched, or another one came; the message says which and why."""


@dataclass(frozen=True)
class Download:
    """A file that may be fetched without a login.

    Attributes:
        url: Where it is. Plain http is taken only where a hash is known.
        name: Path below the data set's folder.
        size: In bytes, where known; a download that goes on beyond it is broken off.
        sha256: In hexadecimal digits, where known.
        md5: Likewise, where only that is known.
        sha512: Likewise.
        then: What to do with it, such as how to unpack it; empty if nothing.
    """

    url: str
    name: str
    size: int | None = None
    sha256: str = ""
    md5: str = ""
    sha512: str = ""
    then: str = ""


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hash of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def human_size(size: int | None) -> str:
    """Return a number of bytes for people."""
    if size is None:
        return "size not known"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def fetch_into(root: Path, download: Download) -> tuple[Path, bool]:
    """Return the checked file below a folder, and whether it had to be fetched.

    Raises:
        DownloadError: If it can neither be found nor fetched, or is another file than the one that is known.
    """
    path = root / download.name
    if path.is_file():
        _check(path, download)
        return path, False
    secured = bool(download.sha256 or download.md5 or download.sha512)
    return fetch(download.url, path, download.size, lambda part: _check(part, download), secured=secured), True


def fetch(url: str, path: Path, size: int | None, check: Callable[[Path], object], *, secured: bool = False) -> Path:
    """Return the path of a file once it has been fetched aside, checked and put there.

    Args:
        url: Where it is.
        path: Where it is to be; folders on the way are made.
        size: In bytes, where known.
        check: Raises whatever it likes if the file is not the one that is meant; the file is then not kept.
        secured: Whether the check holds a hash, so that a channel that anybody could change does no harm.

    Raises:
        DownloadError: If it cannot be fetched.
    """
    if not url.startswith("https://") and not (secured and url.startswith("http://")):
        raise DownloadError(f"{url}: files are fetched over https only, unless their hash is known")
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part, size)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"cannot be fetched from {url} ({error})") from error
    try:
        check(part)
    except Exception:
        part.unlink()  # a wrong file would be taken up again for ever
        raise
    return part.replace(path)


def _check(path: Path, download: Download) -> None:
    known = {"sha256": download.sha256, "md5": download.md5, "sha512": download.sha512}
    for algorithm, expected in known.items():
        if expected and (found := file_digest(path, algorithm)) != expected:
            raise DownloadError(
                f"{path}: {algorithm} is {found}, not {expected}; this is another file than the one that is meant. "
                f"Remove it, and get it again from {download.url}"
            )
    if download.size is not None and path.stat().st_size != download.size:
        raise DownloadError(f"{path}: has {path.stat().st_size} bytes, not {download.size}; get it again from its page")


def _download(url: str, part: Path, size: int | None) -> None:
    """Fetch a file, going on where an earlier download stopped if the origin can."""
    start = part.stat().st_size if part.is_file() else 0
    if size is not None and start == size:
        return  # whole already: asking for what lies beyond its end is an error
    if size is not None and start > size:
        start = 0
    with _opened(url, start) as answer:
        resumed = start > 0 and answer.status == http.HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if resumed else "wb") as file:
            _copy(answer, file, start if resumed else 0, size)


def _opened(url: str, start: int) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310
    answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310 - checked above
    return answer


def _copy(source: IO[bytes] | http.client.HTTPResponse, target: IO[bytes], done: int, size: int | None) -> None:
    """Copy to the end, with a bar on a terminal; stop where more comes than there should be."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=size, completed=done)
        while chunk := source.read(_CHUNK):
            target.write(chunk)
            done += len(chunk)
            bar.update(task, completed=done)
            if size is not None and done > size:
                raise OSError(f"more than the {size} bytes that the file has came")
