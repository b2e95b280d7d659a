"""The last minutes of a camera, in memory that does not grow: a point a second and each change."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge.live.snapshot import Snapshot

WINDOW_S = 600.0
STEP_S = 1.0
"""Between points: a change of the answer between two of them is kept as a mark."""
MAX_MARKS = 300
"""A camera that comes and goes makes many; the oldest are left out then."""
TROUBLE = frozenset({"stalled", "frozen", "failed", "waiting", "wedged"})
"""States of the camera in which it gives no answers though it should."""


@dataclass(frozen=True)
class Point:
    """One second."""

    serial: int
    """Counts points and marks together, from 1."""
    at_s: float
    """On the monotonic clock."""
    label: str
    """The stable answer; empty without one."""
    score: float
    answers_per_s: float
    age_ms: float | None
    camera: str


@dataclass(frozen=True)
class Mark:
    """One change."""

    serial: int
    at_s: float
    kind: str
    """label or camera."""
    text: str
    """The new label, or the camera's new state."""


class History:
    """What the timeline of the page is drawn from."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=int(WINDOW_S / STEP_S))
        self._marks: deque[Mark] = deque(maxlen=MAX_MARKS)
        self._serial = 0
        self._label: str | None = None
        self._camera: str | None = None

    def add(self, snapshot: Snapshot, now_s: float) -> None:
        """A snapshot has come, or the last one is still all that is known."""
        self._mark_changes(snapshot, now_s)
        last = self._points[-1] if self._points else None
        if last and last.camera == snapshot.camera and now_s - last.at_s < STEP_S:
            return
        is_answer = snapshot.camera not in TROUBLE
        self._points.append(
            Point(
                serial=self._next(),
                at_s=now_s,
                label=snapshot.reading if is_answer else "",
                score=snapshot.reading_score if is_answer else 0.0,
                answers_per_s=snapshot.answers_per_s,
                age_ms=snapshot.age_ms,
                camera=snapshot.camera,
            )
        )

    def _mark_changes(self, snapshot: Snapshot, now_s: float) -> None:
        if snapshot.camera != self._camera:
            self._camera = snapshot.camera
            self._marks.append(Mark(self._next(), now_s, "camera", snapshot.camera))
        if snapshot.index is not None and snapshot.reading != self._label:
            self._label = snapshot.reading
            self._marks.append(Mark(self._next(), now_s, "label", snapshot.reading))

    def since(self, serial: int, now_s: float) -> tuple[list[Point], list[Mark]]:
        """What came after a serial number and is not older than the window."""
        oldest_s = now_s - WINDOW_S
        return (
            [one for one in self._points if one.serial > serial and one.at_s >= oldest_s],
            [one for one in self._marks if one.serial > serial and one.at_s >= oldest_s],
        )

    @property
    def serial(self) -> int:
        """Of the newest entry."""
        return self._serial

    def _next(self) -> int:
        self._serial += 1
        return self._serial
