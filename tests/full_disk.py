"""A disk that is full, as far as a process can tell: a part of what is written is taken, the rest refused."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["full_beyond"]


@contextmanager
def full_beyond(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes; writing raises "File too large" instead of "No space left on device"."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
