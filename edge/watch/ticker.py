"""One line on a terminal that is written again and again: what is seen at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from edge.tally import Tally
from edge.terminal import ERASE
from edge.watch.answers import Answer
from edge.watch.rates import Rate

REFRESH_S = 0.25


class Ticker:
    """For somebody who points a camera: between changes of the answer nothing else is shown."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._rate = out, Rate()
        self._next_s, self._is_shown = 0.0, False

    def show(self, answer: Answer, tally: Tally) -> None:
        """Shows an answer; not more often than eyes follow."""
        now_s = time.monotonic()
        rate = self._rate.update(tally.results, now_s)
        if now_s < self._next_s:
            return
        self._next_s, self._is_shown = now_s + REFRESH_S, True
        line = describe(answer, rate, tally)
        self._out.write(f"{ERASE}{line}")
        self._out.flush()

    def before(self, write: Callable[[str], None]) -> Callable[[str], None]:
        """The same as `write`, on a line that is clear."""

        def write_clear(line: str) -> None:
            self.erase()
            write(line)

        return write_clear

    def erase(self) -> None:
        """Clears the line, so that another one can be written."""
        if self._is_shown:
            self._is_shown = False
            self._out.write(ERASE)
            self._out.flush()


def describe(answer: Answer, rate: float, tally: Tally) -> str:
    """`7 0.998, now 7 0.991; 14.9 answers/s, 21 ms old, 3 of 1,204 frames dropped`"""
    now = " ".join(f"{thing.result.label} {thing.result.score:.3f}" for thing in answer.things)
    steady = f"{answer.reading} {answer.reading_score:.3f}"
    dropped = f"{tally.drops:,} of {tally.frames:,} frames dropped"
    return f"{steady}, now {now}; {rate:.1f} answers/s, {answer.age_ms:.0f} ms old, {dropped}"
