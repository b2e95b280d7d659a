"""What one picture may cost a process: time, and memory beyond what the process has."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
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


def start_clock() -> None:
    """From here on this process has `PICTURE_S`, else the system ends it, whatever it is doing."""
    signal.alarm(PICTURE_S)


def stop_clock() -> None:
    signal.alarm(0)


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
