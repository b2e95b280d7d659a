"""Large pictures one after the other, however many processes there are: each takes its memory."""

from __future__ import annotations

import fcntl
import os

from edge.bulk.limits import return_memory

LARGE_BYTES = 16 * 1024 * 1024
"""Of memory for file, picture and frame. Colour of full HD is below."""


class Turns:
    """A lock for forks of one process; the system takes it from one that dies."""

    def __init__(self) -> None:
        self._file = os.memfd_create("edgeproof-turns")
        self._is_ours = False

    def is_needed(self, needed_bytes: int) -> bool:
        """Whether so much needs a turn, and this process does not have it."""
        return needed_bytes > LARGE_BYTES and not self._is_ours

    def take(self, needed_bytes: int) -> None:
        """Waits until no other process holds a large picture, if this one is large."""
        if self.is_needed(needed_bytes):
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            self._is_ours = True

    def give(self) -> None:
        """The picture is done with."""
        if self._is_ours:
            return_memory()
            fcntl.lockf(self._file, fcntl.LOCK_UN)
            self._is_ours = False

    def close(self) -> None:
        os.close(self._file)
