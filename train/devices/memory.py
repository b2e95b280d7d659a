"""How the C library keeps the memory that a training step frees."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Of glibc's mallopt(3)."""
LARGEST_KEPT = 32 * 1024 * 1024
"""Bytes; the most that glibc takes as M_MMAP_THRESHOLD."""


def keep_freed_memory() -> None:
    """Lets glibc reuse large buffers rather than give them back to the kernel after each step.

    On a CPU, TensorFlow asks malloc anew for each gradient. By itself glibc maps and unmaps them,
    and the kernel clears their pages each time: about half of a dense network's CPU time
    (measured: docs/LOG.md). Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for setting, value in (
        (M_MMAP_THRESHOLD, LARGEST_KEPT),
        (M_TRIM_THRESHOLD, 2**31 - 1),
        (M_TOP_PAD, 2 * LARGEST_KEPT),
    ):
        mallopt(ctypes.c_int(setting), ctypes.c_int(value))
