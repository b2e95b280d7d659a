"""What is told to people and services: not each attempt to open a camera, nor each bad frame."""

from __future__ import annotations

from edge.cameras.status import State, Status

AGAIN_S = 60.0
"""Until the same trouble is told again: a camera that stays away for a week is tried 300,000
times."""


class News:
    """Remembers what was told last."""

    def __init__(self) -> None:
        self._told: State | None = None
        self._told_s = 0.0

    def is_news(self, status: Status, now_s: float) -> bool:
        """Whether to tell it: another state than the last one told, or the same trouble after a
        while. That a camera is opened is told of the first time alone."""
        if status.state == "starting":
            is_new = self._told is None
        else:
            is_new = status.state != self._told or now_s - self._told_s >= AGAIN_S
        if is_new:
            self._told, self._told_s = status.state, now_s
        return is_new


class Repeats:
    """Bad frames of a camera: thirty a second say the same."""

    def __init__(self) -> None:
        self._told, self._told_s = "", 0.0

    def is_news(self, message: str, now_s: float) -> bool:
        """Whether to tell it: another message than the last one told, or the same after a while."""
        if message == self._told and now_s - self._told_s < AGAIN_S:
            return False
        self._told, self._told_s = message, now_s
        return True
