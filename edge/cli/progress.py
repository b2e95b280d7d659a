"""How far a long run is, on stderr: count, rate and time left; silent where it would disturb."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TextIO

from edge.terminal import ERASE

FIRST_S = 1.0
"""On a terminal: a run that is over sooner shows nothing."""
REFRESH_S = 0.2
LINE_S = 30.0
"""Not on a terminal: between lines, and before the first."""


class Progress:
    """Shows the progress of a run; call `step` behind each input.

    with Progress(sources) as progress:
        for item in read_frames(sources):
            ...
            progress.step()

    On a terminal it is one line that is rewritten, and erased at the end; elsewhere a line each
    30 seconds. When stdout is a terminal too, the results themselves show it, and this is silent.
    """

    def __init__(
        self,
        sources: Sequence[str],
        *,
        out: TextIO | None = None,
        results: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        sources: what is counted, in the background, to know how much is left.
        out, results: where to show it and where the results go; stderr and stdout.
        """
        self._out, self._clock = out or sys.stderr, clock
        self._is_terminal = self._out.isatty()
        self._is_silent = self._is_terminal and (results or sys.stdout).isatty()
        self._counter = Counter(sources)
        self._done, self._is_shown = 0, False
        self._began_s = clock()
        self._next_s = self._began_s + (FIRST_S if self._is_terminal else LINE_S)
        self._count_s = self._began_s + FIRST_S

    def step(self) -> None:
        """One more input is done."""
        self._done += 1
        now_s = self._clock()
        if self._is_silent or now_s < self._count_s:
            return
        self._counter.start()
        if now_s < self._next_s:
            return
        self._next_s = now_s + (REFRESH_S if self._is_terminal else LINE_S)
        line = describe(self._done, self._counter.total, now_s - self._began_s)
        text = f"{ERASE}{line}" if self._is_terminal else f"edgeproof: {line}\n"
        self._is_shown = self._is_terminal
        self._out.write(text)
        self._out.flush()

    def erase(self) -> None:
        """Clears the line, so that another one can be written to stderr."""
        if self._is_shown:
            self._out.write(ERASE)
            self._out.flush()
            self._is_shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._counter.stop()
        self.erase()


class Counter:
    """Counts the inputs in the background: 10,000,000 files take longer than the first answers."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.total: int | None = None
        """None as long as it is not known, and for streams."""
        self._sources, self._goes_on = tuple(sources), True
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to count, if it has not begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._count, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Gives up."""
        self._goes_on = False
        if self._thread is not None:
            self._thread.join(timeout=1)

    def _count(self) -> None:
        from edge.sources.files import count_frames

        try:
            self.total = count_frames(self._sources, lambda: self._goes_on)
        except OSError:  # reading the same will say what is wrong
            return


def describe(done: int, total: int | None, elapsed_s: float) -> str:
    """`1,200 of 4,800, 95.0/s, 38 s left`, or as much of it as is known."""
    rate = done / max(elapsed_s, 1e-9)
    speed = f"{rate:.0f}/s" if rate >= 100 else f"{rate:.1f}/s"
    if total is None or total < done:
        return f"{done:,} done, {speed}"
    return f"{done:,} of {total:,}, {speed}, {_duration((total - done) / max(rate, 1e-9))} left"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
