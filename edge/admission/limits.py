"""What a process may take that runs a model nobody knows."""

from __future__ import annotations

import sys
from contextlib import suppress

CPU_S = 120
ADDRESS_BYTES, ADDRESS_BY_SIZE = 2 * 1024**3, 6
"""Of address space, and so many times the model's own size: it is there as a file, as bytes and as
the kernels' own copy. A damaged size asks for far more."""
FILE_BYTES = 64 * 1024
"""Of a file that it writes: what a runtime says on its way goes into one in memory."""
FILES = 64


def limit(size_bytes: int) -> int:
    """Limits this process for good; what a system does not limit stays as it is.

    size_bytes: of the model.

    Returns:
        The address space in bytes that it may take.
    """
    address_bytes = ADDRESS_BYTES + ADDRESS_BY_SIZE * size_bytes
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # when all memory is taken, this process goes and no other
    try:
        import resource
    except ImportError:  # Windows
        return address_bytes
    wanted = {
        "RLIMIT_AS": address_bytes,
        "RLIMIT_CPU": CPU_S,
        "RLIMIT_FSIZE": FILE_BYTES,
        "RLIMIT_NOFILE": FILES,
        "RLIMIT_CORE": 0,
    }
    for name, most in wanted.items():
        with suppress(AttributeError, ValueError, OSError):  # macOS refuses some
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            below = most if hard == resource.RLIM_INFINITY else min(most, hard)
            below = min(below, sys.maxsize)
            resource.setrlimit(kind, (below, below))
    return address_bytes
