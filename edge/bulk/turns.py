"""Large pictures one after the other, however many processes there are: each takes its memory."""

from __future__ import annotations

import fcntl
import os

LARGE_PIXELS = 4_000_000
"""Decoded, with its copies on the way to a frame, that is some 40 MB."""


class Turns:
    """A lock for forks of one process; the system takes it from one that dies."""

    def __init__(self) -> None:
        self._file = os.memfd_create("edgeproof-turns")
        self._is_ours = False

    def take(self, pixels: int) -> None:
        """Waits until no other process holds a large picture, if this one is large."""
        if pixels > LARGE_PIXELS and not self._is_ours:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            self._is_ours = True

    def give(self) -> None:
        """The picture is done with."""
        if self._is_ours:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
            self._is_ours = False

    def close(self) -> None:
        os.close(self._file)
