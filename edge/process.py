"""Python processes of ours beside this one."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""
ELSEWHERE = "/"
"""Where they start: in the user's folder any file could pass for a module of ours."""


def command(module: str, *arguments: str) -> list[str]:
    """What runs a module of ours in this very interpreter; with `cwd=ELSEWHERE`."""
    return [sys.executable, "-m", module, *arguments]


def environment(**settings: str) -> dict[str, str]:
    """This process's environment, in which a child finds our packages from anywhere.

    The children compute little: one thread each, for every further one reserves memory.
    """
    ours = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    path = {"PYTHONPATH": os.pathsep.join(filter(None, ours))}
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **threads, **path, **settings}


def ending(code: int) -> str:
    """How a process ended, by its exit code: `died of SIGSEGV`, or `ended with 3`."""
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def last_words(code: int, stderr: str) -> str:
    """Why a process ended that measures a model: what killed it, or the last line it wrote."""
    if code < 0:
        return f"the runtime {ending(code)}"
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"the measuring process {ending(code)}"


def belong_to_parent() -> None:
    """Called in a child: it is killed when its parent dies, and its end is the parent's affair.

    Ctrl-C in a terminal, and some service managers, ask all processes of a group to end.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):  # Linux
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
