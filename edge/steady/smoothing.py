"""One steady answer from the answers to many frames: a label changes when the evidence does."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge.classifier import UNKNOWN
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.classifier import Result

MARGIN = 0.3
"""How far a challenger's smoothed score must lead. Simulated, every fourth frame wrong by itself,
at 5 and 30 frames a second: no false change in 15 minutes, where 0.2 gave some; a true one takes
0.6 s and up to 1.5, with 0.5 about 1 s and up to 2.5."""

SHARE = 0.6
"""Least share of a window's votes that changes the answer. In the same simulation, 0.51 to 0.8: no
false change; a true one takes 0.8 s, up to 1.3, and with 0.7 up to 3.8."""

GAP = 5
"""Time constants, or windows, without a frame after which nothing before them counts: exp(-5)."""

LEAST_VOTES = 3
"""Frames that a majority is taken of where they come more slowly than the window is long: of two,
neither could be outvoted, and of one a label would never change."""

MOST_VOTES = 4096
"""Frames that a window holds: 60 seconds of 60 a second, and some. Above, the oldest go earlier."""

MOST_S = 60.0
"""Longest window or time constant: an answer that is a minute late helps nobody."""

FADED = 1e-6
"""A smoothed score below this is forgotten: the labels of a model that was exchanged go."""

MICRO = 1_000_000
"""Scores are added up in whole millionths: sums of floats would drift over months."""

EXPECTED = f"off, exponential[:SECONDS] or majority[:SECONDS], with at most {MOST_S:.0f} seconds"


@dataclass(frozen=True)
class Stable:
    """The answer that holds, as of one frame."""

    label: str
    """A label of the model, or `unknown`."""
    score: float
    """Smoothed, 0 to 1; of `unknown`, how much of the evidence is for it."""
    since_s: float
    """When it became the answer, on the clock that `update` is given; a gap does not renew it."""
    changed_from: str | None = None
    """The label that it replaced with this very frame; none: it did not change, or is the first."""


class Smoother(Protocol):
    """Takes the answers to one thing's frames in turn."""

    def update(self, result: Result, now_s: float) -> Stable:
        """now_s: of a monotonic clock, in seconds."""


class Off:
    """Each frame's own answer, as it is."""

    def __init__(self) -> None:
        self._held = _Held()

    def update(self, result: Result, now_s: float) -> Stable:
        """As `Smoother.update`."""
        return self._held.answer(result.label, result.score, now_s)


class Exponential:
    """Scores that fade with time; the label changes to one that leads by a margin.

    A frame weighs 1 - exp(-dt / time constant), dt being the time since the frame before: so the
    answer is as quick, and as calm, at 5 frames a second as at 60. The first frame's answer is
    taken at once, and so is the first after a gap.
    """

    def __init__(self, time_constant_s: float = 0.5, margin: float = MARGIN) -> None:
        """
        time_constant_s: a sure label replaces another after about that long.
        margin: lead that changes the label, 0 to 1.
        """
        self._constant_s, self._margin = time_constant_s, margin
        self._scores: dict[str, float] = {}
        self._last_s, self._held = -math.inf, _Held()

    def update(self, result: Result, now_s: float) -> Stable:
        """As `Smoother.update`."""
        constants = max(0.0, now_s - self._last_s) / self._constant_s
        self._last_s = now_s
        if constants > GAP:
            self._scores = evidence(result)
            return self._held.answer(result.label, self._scores[result.label], now_s)
        self._blend(evidence(result), -math.expm1(-constants))
        best = max(self._scores, key=self._scores.__getitem__)
        held = self._held.label
        leads = self._scores[best] - self._scores.get(held, 0.0) >= self._margin
        label = best if leads else held
        return self._held.answer(label, self._scores.get(label, 0.0), now_s)

    def _blend(self, now: dict[str, float], weight: float) -> None:
        blended = {
            label: (1 - weight) * self._scores.get(label, 0.0) + weight * now.get(label, 0.0)
            for label in {**self._scores, **now}  # a set would put equals in any order
        }
        self._scores = {label: score for label, score in blended.items() if score >= FADED}


class Majority:
    """A vote a frame; the label changes to one with enough of the last window's votes.

    More than half of at least two votes is never one frame's alone. But the first frame's answer is
    taken at once, and so is the first after a gap.
    """

    def __init__(self, window_s: float = 1.0, share: float = SHARE) -> None:
        """
        window_s: how long a vote counts; longer where it is one of the last three.
        share: of the votes, above 0.5, so that only one label can have it.
        """
        self._window_s, self._share = window_s, share
        self._votes: deque[tuple[float, str, int]] = deque()
        self._counts: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._held = _Held()

    def update(self, result: Result, now_s: float) -> Stable:
        """As `Smoother.update`."""
        is_first = not self._votes or now_s - self._votes[-1][0] > GAP * self._window_s
        if is_first:
            self._votes.clear()
            self._counts.clear()
            self._sums.clear()
        vote = (now_s, result.label, round(MICRO * evidence(result)[result.label]))
        self._votes.append(vote)
        self._counts[vote[1]] += 1
        self._sums[vote[1]] += vote[2]
        self._forget(now_s)
        label, count = max(self._counts.items(), key=lambda item: item[1])
        if not is_first and count < self._share * len(self._votes):
            label = self._held.label
        score = self._sums[label] / len(self._votes) / MICRO
        return self._held.answer(label, score, now_s)

    def _forget(self, now_s: float) -> None:
        """Drops the votes that are too old, and their labels where none is left."""
        while len(self._votes) > LEAST_VOTES and (
            now_s - self._votes[0][0] > self._window_s or len(self._votes) > MOST_VOTES
        ):
            _, label, micro = self._votes.popleft()
            self._counts[label] -= 1
            self._sums[label] -= micro
            if not self._counts[label]:
                del self._counts[label], self._sums[label]


class _Held:
    """The label that holds, since when; before the first answer, the empty one."""

    def __init__(self) -> None:
        self.label, self._since_s = "", 0.0

    def answer(self, label: str, score: float, now_s: float) -> Stable:
        """The answer with this frame's label, changed or not."""
        before = self.label
        if label == before:
            return Stable(label, score, self._since_s)
        self.label, self._since_s = label, now_s
        return Stable(label, score, now_s, before or None)


def evidence(result: Result) -> dict[str, float]:
    """Scores, 0 to 1, by label: those of the top labels, or all for `unknown` where that is it."""
    if result.label == UNKNOWN:
        return {UNKNOWN: 1.0}
    return {one.label: one.score for one in result.top} | {result.label: result.score}


def parse_smooth(text: str) -> Callable[[], Smoother]:
    """What makes smoothers of the kind that a text names, one for each thing that is followed.

    text: `off`, `exponential`, `majority`, or the latter two with seconds: `exponential:0.8`.

    Raises:
        UsageError: anything else.
    """
    kind, colon, number = text.partition(":")
    kinds: dict[str, Callable[..., Smoother]] = {"exponential": Exponential, "majority": Majority}
    if text == "off":
        return Off
    if kind not in kinds:
        raise _unusable(text)
    if not colon:
        return kinds[kind]
    try:
        seconds = float(number)
    except ValueError:
        raise _unusable(text) from None
    if not 0 < seconds <= MOST_S:
        raise _unusable(text)
    return lambda: kinds[kind](seconds)


def make_smoother(kind: str) -> Smoother:
    """One smoother, of a text as `parse_smooth` takes it.

    Raises:
        UsageError: as `parse_smooth`.
    """
    return parse_smooth(kind)()


def _unusable(text: str) -> UsageError:
    return UsageError(f"--smooth: expected {EXPECTED}, got {text!r}")
