"""Lines to a file descriptor, each whole or not at all, and none that holds up the end."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

SLICE_MS = 100
"""Between looks whether the run is to end, while the reader does not read."""


class WholeLines:
    """Writes lines. Of a reader that has stopped reading, the end of the run does not wait.

    A pipe that can be written to has room for PIPE_BUF bytes (4,096 on Linux), and takes so many at
    once; so a line up to that long is whole even when the process is killed.
    """

    def __init__(self, descriptor: int, is_ending: Callable[[], bool]) -> None:
        self.lost = 0
        """Lines that nobody took before the end."""
        self._descriptor, self._is_ending = descriptor, is_ending
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, line: str) -> None:
        """
        Raises:
            BrokenPipeError: the reader has gone.
            OSError: the disk is full, or fails.
        """
        data = memoryview((line + "\n").encode("utf-8", "backslashreplace"))
        while not self._poll.poll(0 if self._is_ending() else SLICE_MS):
            if self._is_ending():
                self.lost += 1
                return
        while data:
            data = data[os.write(self._descriptor, data) :]
