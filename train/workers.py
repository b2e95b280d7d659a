"""Several processes for one search: a chief that hands out trials, and workers that fit them.

The transport is KerasTuner's own; three environment variables tell a process what it is.
"""

from __future__ import annotations

import ctypes
import enum
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from edge.errors import EnvironmentFault, UsageError

NAME = "KERASTUNER_TUNER_ID"
ADDRESS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
PR_SET_PDEATHSIG = 1
"""Of Linux: a signal for when the parent has gone, however it went."""
END_S = 10
"""What a process is given to end by itself before it is killed."""


class Role(enum.Enum):
    """What this process is in a search."""

    ALONE = enum.auto()
    CHIEF = enum.auto()
    WORKER = enum.auto()


def own_role(workers: int | None) -> Role:
    """The role that the environment gives.

    workers: how many the user asked for; they need no environment.

    Raises:
        UsageError: the three variables are not set together, or beside `workers`.
    """
    names = (NAME, *ADDRESS)
    given = [name for name in names if os.environ.get(name)]
    if given and workers:
        raise UsageError(f"--workers starts its own chief: expected {given[0]} not to be set")
    if len(given) not in (0, len(names)):
        raise UsageError(f"expected {', '.join(names)} together, got {', '.join(given)} alone")
    if not given:
        return Role.ALONE
    return Role.CHIEF if "chief" in os.environ[NAME] else Role.WORKER


def search_in_parallel(arguments: Sequence[str], workers: int) -> None:
    """Runs `edgeproof ARGUMENTS` as a chief and as its workers, until the chief is done.

    Raises:
        EnvironmentFault: one of them ended early; the others are ended then.
    """
    address = dict(zip(ADDRESS, ("127.0.0.1", str(_free_port())), strict=True))
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for index in range(workers + 1):
            name = f"worker {index}" if index else "chief"
            # Each worker its own GPU; the chief fits nothing.
            device = {"CUDA_VISIBLE_DEVICES": str(index - 1) if index else ""}
            children[name] = subprocess.Popen(
                [sys.executable, "-m", "edge", *arguments],
                env={**os.environ, **address, **device, NAME: name},
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C comes here alone, and from here to them
                preexec_fn=end_with_parent,
            )
        while children["chief"].poll() is None:
            _check(children)
            time.sleep(0.1)
        _check(children)
    finally:
        _end([*children.values()])


def _check(children: dict[str, subprocess.Popen[bytes]]) -> None:
    """Raises for a child that failed."""
    for name, child in children.items():
        if child.poll():
            how = f"signal {-child.returncode}" if child.returncode < 0 else child.returncode
            raise EnvironmentFault(
                f"the search's {name} ended with {how}, so the others were ended; "
                "--resume goes on with the trials that are done"
            )


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent() -> None:
    """In a child: it is killed when its parent has gone, however that went."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
