"""One change of a store at a time. The lock is the kernel's: it ends with its holder's process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import EnvironmentFault
from edge.store.folder import told

WAIT_S = 60.0
"""A model's self-test takes a second on a slow board."""
TURN_S = 0.05


@contextmanager
def locked(store: Path, err: Callable[[str], None], wait_s: float = WAIT_S) -> Iterator[None]:
    """Holds a store, made where it is missing, for one change. Who only reads does not ask.

    err: is told when another one has to be waited for.

    Raises:
        EnvironmentFault: the other one did not come to its end, or nothing can be written there.
    """
    import fcntl

    try:
        store.mkdir(parents=True, exist_ok=True)
        handle = os.open(store / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EnvironmentFault(f"{told(error, store)}; nothing was changed") from None
    try:
        until_s, is_told = time.monotonic() + wait_s, False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until_s:
                    raise EnvironmentFault(
                        f"{store}: another install or rollback has been at work for {wait_s:g} s; "
                        "nothing was changed"
                    ) from None
            if not is_told:
                is_told = True
                err(f"{store}: another install or rollback is at work; waiting for it")
            time.sleep(TURN_S)
        yield
    finally:
        os.close(handle)
