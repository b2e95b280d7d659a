"""What one picture may cost a process: time, and memory beyond what the process has."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

PICTURE_S = 30
"""For reading, decoding and classifying one picture; waiting for its turn does not count. The
worst that the bounds of memory let through takes about a second on a desktop, and a Pi Zero 2 W is
some ten times slower; what takes longer is made to."""
TIMED_OUT = -signal.SIGALRM
"""The exit code of a process that took longer."""
GROWTH_BYTES = 320 * 1024 * 1024
"""Of address space on top of what there is. The bounds checked before decoding are lower; this is
for what they do not know, and makes a `MemoryError` of it."""


class Clock:
    """Ends this process when a picture takes longer than `PICTURE_S`, whatever it is doing."""

    def __init__(self) -> None:
        self._began_s: float | None = None

    def start(self) -> None:
        """From here on there is that time again, less up to a second: a small picture takes less
        than the system's clock does to be set."""
        now_s = time.monotonic()
        if self._began_s is None or now_s - self._began_s > 1:
            signal.alarm(PICTURE_S)
            self._began_s = now_s

    def stop(self) -> None:
        signal.alarm(0)
        self._began_s = None


def return_memory() -> None:
    """What the C library keeps of a large picture's memory, tens of megabytes, to the system."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc
        libc.malloc_trim(0)


def limit_memory() -> None:
    """For the rest of this process's life."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    _set(hard)


@contextmanager
def limited_memory() -> Iterator[None]:
    """For a while."""
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    _set(hard)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def _set(hard: int) -> None:
    try:
        with open("/proc/self/statm") as file:
            size_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # not Linux
        return
    wanted = size_bytes + GROWTH_BYTES
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    for there in (soft, hard):
        wanted = wanted if there == resource.RLIM_INFINITY else min(wanted, there)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
