"""A camera's stdout: a full disk, or a reader that does not read, costs lines and not the run."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Callable

from edge.lines import STDOUT, Lines

SLICE_MS = 100
"""Between looks whether the run is to end while the reader does not read; where others wait for
answers, also the time that a line waits at most. A pipe holds a hundred lines or more, so a reader
that is slow for a moment has been waited for by then."""
CALM_S = 1.0
"""Without a lost line, until it is over: a reader just too slow is no news for each line."""
GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF)
"""Nobody will ever read it again: a reader that ended, and a stdout that was closed."""


class Stdout:
    """Writes a run's lines; those that are lost are counted, and told of once."""

    def __init__(
        self,
        descriptor: int,
        is_ending: Callable[[], bool],
        err: Callable[[str], None],
        *,
        is_only: bool,
        waits: bool,
        waiting: Callable[[], None],
    ) -> None:
        """
        err: takes one line.
        is_only: nobody else hears of the answers, so the run ends with the last reader.
        waits: for a reader that does not read, instead of losing lines.
        waiting: called each moment of such a wait.
        """
        self.lost = 0
        """Lines that were not written, or not all of them."""
        self.is_short = False
        """Whether some were lost before the end was asked for."""
        self.is_well = True
        """Whether the last line was written."""
        self._lines = Lines(descriptor, has_room=self._has_room)
        self._is_ending, self._err, self._waiting = is_ending, err, waiting
        self._is_only, self._waits = is_only, waits
        self._is_character = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._is_gone, self._reason = False, ""
        self._lost_now, self._lost_s = 0, 0.0

    @property
    def written(self) -> int:
        """Lines."""
        return self._lines.written

    def write(self, line: str) -> None:
        """Writes a line, or loses it.

        Raises:
            OSError: the reader has gone, and nobody else hears of the answers.
        """
        if self._is_gone:
            self._lose()
            return
        try:
            self._lines.write(line)
            self._lines.flush()
        except OSError as error:
            # A terminal that was closed gives EIO: its reader has gone, and comes not back.
            is_hung_up = error.errno == errno.EIO and self._is_character
            self._is_gone = error.errno in GONE or is_hung_up
            if self._is_gone and self._is_only:
                raise
            self._reason = error.strerror or str(error)
            self._lose()
        else:
            self.is_well = True
            if self._lost_now and time.monotonic() - self._lost_s >= CALM_S:
                self._err(f"{STDOUT}: lines get through again; {_were_lost(self._lost_now)}")
                self._lost_now = 0

    def last_words(self) -> str:
        """How many lines were lost in all and why, or nothing. Call it once, at the end."""
        self.lost += self._lines.is_in_part
        return f"{STDOUT}: {_were_lost(self.lost)}: {self._reason}" if self.lost else ""

    def _has_room(self) -> bool:
        """Waits for the reader, but not for long; a pipe that has room has PIPE_BUF bytes."""
        is_late = self._is_ending() or (not self.is_well and not self._waits)
        while not self._poll.poll(0 if is_late else SLICE_MS):
            if not self._waits or self._is_ending():
                return False
            self._waiting()
        return True

    def _lose(self) -> None:
        self.lost += 1
        self.is_well = False
        if self._is_ending():
            return
        self.is_short = True
        self._lost_s = time.monotonic()
        self._lost_now += 1
        if self._lost_now == 1:
            more = "nobody reads it any more" if self._is_gone else "lines are lost"
            self._err(f"{STDOUT}: {self._reason}; {more}, and the camera goes on")


def _were_lost(count: int) -> str:
    return f"{count:,} lines were lost" if count != 1 else "1 line was lost"
