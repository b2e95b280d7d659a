"""Whether a name stands for another bundle than a moment ago: what a running camera looks at."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from edge.store.place import state_files

LOOK_EVERY_S = 2.0
"""A stat each: nothing beside a frame."""

Mark = tuple[tuple[int, int, int], ...]


class Switch:
    """Says so once for each change of an installed model.

    switch = Switch("digits")   # before the model is read: what changes after that is seen
    if switch():
        ...                     # read it again
    """

    def __init__(self, model: str, clock: Callable[[], float] = time.monotonic) -> None:
        """model: a name; of a path nothing is ever told."""
        self._paths, self._clock = state_files(model), clock
        self._mark, self._next_s = self._look(), clock() + LOOK_EVERY_S

    def __call__(self) -> bool:
        """Whether a state file was exchanged, made or taken away since it was looked at last."""
        now_s = self._clock()
        if not self._paths or now_s < self._next_s:
            return False
        self._next_s = now_s + LOOK_EVERY_S
        before, self._mark = self._mark, self._look()
        return self._mark != before

    def _look(self) -> Mark:
        """Of each state file what is never the same for two of them; zeros where there is none."""
        found = []
        for path in self._paths:
            try:
                status = os.stat(path)
                found.append((status.st_ino, status.st_mtime_ns, status.st_size))
            except OSError:
                found.append((0, 0, 0))
        return tuple(found)
