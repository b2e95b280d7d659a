"""How many a second: over the last seconds, in memory that does not grow."""

from __future__ import annotations

from collections import deque

WINDOW_S = 5.0
STEP_S = 0.25
"""Between two points: counts of 5 seconds are 20 numbers."""


class Rate:
    """Of a count that grows."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def update(self, count: int, now_s: float) -> float:
        """count: so far, at this moment. Returns how many a second."""
        points = self._points
        if not points or now_s - points[-1][0] >= STEP_S:
            points.append((now_s, count))
        while len(points) > 1 and now_s - points[1][0] >= WINDOW_S:
            points.popleft()
        since_s, before = points[0]
        return (count - before) / (now_s - since_s) if now_s > since_s else 0.0
