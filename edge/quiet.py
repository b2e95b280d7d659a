"""Keeps the chatter of C++ libraries off the user's terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def quiet(keep: Callable[[str], bool] | None = None) -> Iterator[None]:
    """Holds back what is written to file descriptors 1 and 2 while the block runs.

    C++ code writes past `sys.stderr`, so `contextlib.redirect_stderr` does not catch it.
    keep: which of the lines to pass on to stderr afterwards; none passes on nothing.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with _unnamed_file() as log:
        try:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for kept, number in zip(saved, (1, 2), strict=True):
                os.dup2(kept, number)
                os.close(kept)
        log.seek(0)
        sys.stderr.writelines(filter(keep, log) if keep else ())


def _unnamed_file() -> IO[str]:
    if hasattr(os, "memfd_create"):  # Linux; and it spares the start of `tempfile`
        return open(os.memfd_create("edgeproof-quiet"), "w+", errors="replace")
    import tempfile

    return tempfile.TemporaryFile("w+", errors="replace")
