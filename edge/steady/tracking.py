"""Things keep their identity from frame to frame: each has a number and an answer of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import UNKNOWN
from edge.steady.assignment import assign
from edge.steady.smoothing import Exponential, Smoother, Stable

if TYPE_CHECKING:
    from edge.classifier import Result
    from edge.preprocess.region import Box

LOST_S = 1.0
"""How long a thing that is not found is waited for: a hand passes, two digits touch."""

GAP_S = 30.0
"""How long without any frame things are waited for where they were: a camera that starts anew takes
seconds, and frames in which nothing moves may be left out for 10."""

# These six came out best of some 35 settings in simulations of 2 to 12 digits that cross, jitter,
# hide each other, go missing and are misread, at 5 to 30 frames a second: numbers are switched a
# fifth as often as where a thing is looked for at its last place alone.
GATE = 1.3
"""Distance, in sizes, to where a thing is expected, from which on it is another one."""

GATE_GROWTH = 1.5
"""Sizes a second by which the gate widens since the thing was found, up to `LOST_S`."""

VELOCITY_S = 0.15
"""Time constant of the smoothed velocity."""

COAST_S = 0.7
"""Time constant with which a thing that is not found is taken to slow down."""

OTHER_LABEL = 0.4
"""Cost of another label; that of a distance is 1 at the gate, and goes with its square."""

OTHER_SIZE = 0.5
"""Cost of twice the size, or half."""

MOST_TRACKS = 64
"""Above, those that were lost longest are given up: frames of noise may hold dozens."""

NOWHERE: Box = (-(10**9), -(10**9), 1, 1)
"""Where the whole frame is, as a thing: far from all but itself."""


@dataclass(frozen=True)
class Tracked:
    """One thing in one frame."""

    track: int
    """Its number: 1, 2, ..., in the order of first sight; never given twice by one tracker."""
    result: Result
    """The answer to this frame."""
    stable: Stable
    """The answer over time."""
    is_new: bool
    """Whether it was found for the first time."""
    first_s: float
    """When it was, on the clock that `update` is given."""


@dataclass(frozen=True)
class Place:
    """Where a thing was found last, and how it moves."""

    x: float
    y: float
    """Its middle, in the frame's pixels."""
    size_px: float
    """Its longer side: a 1 has one as well."""
    at_s: float
    vx: float = 0.0
    vy: float = 0.0
    """Pixels a second, smoothed."""
    found: int = 1
    """In how many frames."""

    def moved(self, to: Place) -> Place:
        """The same thing, found at another place later."""
        passed_s = to.at_s - self.at_s
        if passed_s <= 0:
            return to
        weight = max(-math.expm1(-passed_s / VELOCITY_S), 1 / self.found)
        vx = self.vx + weight * ((to.x - self.x) / passed_s - self.vx)
        vy = self.vy + weight * ((to.y - self.y) / passed_s - self.vy)
        return Place(to.x, to.y, to.size_px, to.at_s, vx, vy, self.found + 1)

    def expected(self, now_s: float) -> tuple[float, float, float, float]:
        """x and y where it should be by now, its size, and how far around it may be; pixels."""
        passed_s = now_s - self.at_s
        coast_s = -COAST_S * math.expm1(-passed_s / COAST_S)
        gate = GATE + GATE_GROWTH * min(passed_s, LOST_S)
        x, y = self.x + self.vx * coast_s, self.y + self.vy * coast_s
        return x, y, self.size_px, gate * self.size_px


@dataclass
class _Track:
    """A thing that is followed."""

    number: int
    smoother: Smoother
    first_s: float
    place: Place
    label: str
    """Its stable answer."""


class Tracker:
    """Follows the things in a camera's frames.

    A thing is found again by where it is expected, and by label and size where that leaves a
    choice; each is one thing's, at the least cost in all. What is not found keeps its number for a
    second.
    """

    def __init__(
        self, smoother: Callable[[], Smoother] = Exponential, *, many: bool = True
    ) -> None:
        """
        smoother: makes one for each thing; `edge.steady.smoothing.parse_smooth` gives such.
        many: whether each result is a thing by itself; otherwise a frame's one answer is track 1
            for ever, wherever its box lies.
        """
        self._smoother, self._many = smoother, many
        self._tracks: list[_Track] = []
        self._given = 0
        self._updated_s = -math.inf

    def update(self, results: Sequence[Result], now_s: float) -> list[Tracked]:
        """One for each result of one frame, in the same order.

        now_s: of a monotonic clock, in seconds.
        """
        places = [place_of(result.box if self._many else None, now_s) for result in results]
        self._give_up(now_s)
        labels = [result.label for result in results]
        columns = assign(self._costs(places, labels, now_s), alone=1.0)
        tracks = [None if column is None else self._tracks[column] for column in columns]
        tracked = [
            self._follow(track, result, place)
            for track, result, place in zip(tracks, results, places, strict=True)
        ]
        self._updated_s = now_s
        return tracked

    def _follow(self, track: _Track | None, result: Result, place: Place) -> Tracked:
        is_new = track is None
        if track is None:
            self._given += 1
            track = _Track(self._given, self._smoother(), place.at_s, place, result.label)
            self._tracks.append(track)
        else:
            track.place = track.place.moved(place)
        stable = track.smoother.update(result, place.at_s)
        track.label = stable.label
        return Tracked(track.number, result, stable, is_new, track.first_s)

    def _give_up(self, now_s: float) -> None:
        """Forgets what is lost for too long; those of the last frame are not lost yet."""
        if not self._many:
            return
        last = [track for track in self._tracks if track.place.at_s >= self._updated_s]
        lost = [track for track in self._tracks if track.place.at_s < self._updated_s]
        lost = [track for track in lost if now_s - track.place.at_s <= LOST_S]
        lost.sort(key=lambda track: track.place.at_s, reverse=True)
        if now_s - self._updated_s > GAP_S:
            last = []
        self._tracks = last + lost[: max(0, MOST_TRACKS - len(last))]

    def _costs(
        self, places: Sequence[Place], labels: Sequence[str], now_s: float
    ) -> NDArray[np.float64]:
        """float64 (results, tracks), 0 to 2; from 1 on they are not the same thing."""
        expected = np.array([track.place.expected(now_s) for track in self._tracks]).reshape(-1, 4)
        came = np.array([(place.x, place.y, place.size_px) for place in places]).reshape(-1, 1, 3)
        away = np.hypot(came[..., 0] - expected[:, 0], came[..., 1] - expected[:, 1])
        size = np.log2(came[..., 2] / expected[:, 2])
        known = np.array([track.label for track in self._tracks], dtype=object)
        names = np.array(labels, dtype=object).reshape(-1, 1)
        other = (names != known) & (names != UNKNOWN) & (known != UNKNOWN)
        costs = (away / expected[:, 3]) ** 2 + OTHER_SIZE * size**2 + OTHER_LABEL * other
        return np.minimum(costs, 2.0)


def place_of(box: Box | None, now_s: float) -> Place:
    """Where a box is. None: the whole frame."""
    x, y, width, height = box or NOWHERE
    return Place(x + width / 2, y + height / 2, max(width, height, 1), now_s)
