"""Keeps a camera running: what stalls, freezes, fails or is unplugged is opened again, for ever."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Generator, Iterator

from edge.cameras.camera import Spec
from edge.cameras.capture import Capture
from edge.cameras.limits import SLICE_S, Limits
from edge.cameras.opening import End, Opening
from edge.cameras.status import Item, Status
from edge.errors import CameraError

STANDARD = Limits()


class Supervisor:
    """A camera's frames and states, one after the other, for ever or to a film's end.

    with Supervisor(spec) as camera:
        for item in camera:
            ...     # Seen, Bad, Status; none where nothing happened for a moment

    A frame's pixels are good until the next item is asked for.

    Raises, while iterating:
        CameraError: opening it again cannot help, such as for a file that is no film.
    """

    def __init__(
        self,
        spec: Spec,
        limits: Limits = STANDARD,
        *,
        fps: float | None = None,
        open_capture: Callable[[Spec], Capture] = Capture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        fps: so many frames a second are taken at most; none takes all that can be answered.
        open_capture: starts a camera's process.
        """
        self.spec, self.limits = spec, limits
        self.steps = 0
        """Grows with each thing that is done: an opening, a look. Stands still while a camera is
        wedged."""
        self._period_s = 1 / fps if fps else 0.0
        self._open_capture, self._clock = open_capture, clock
        self._capture: Capture | None = None
        self._next_index = self._failures = self._lost = 0

    def __iter__(self) -> Iterator[Item | None]:
        while True:
            yield from self._wait_for_device()
            end, wait_s = yield from self._open_once()
            if end.is_final:
                raise CameraError(end.message, is_final=True)
            if self._is_over(end):
                yield Status("ended", end.message, self._take_lost())
                return
            self.steps += 1
            yield from self._pause(wait_s)

    def _open_once(self) -> Generator[Item | None, None, tuple[End, float]]:
        """One opening from start to kill; returns why it is over, and how long to wait now."""
        self.steps += 1
        yield Status("starting", f"{self.spec.name}: opening", self._take_lost())
        began_s = self._clock()
        self._capture = capture = self._open_capture(self.spec)
        opening = Opening(
            self.spec,
            capture,
            self.limits,
            first_index=self._next_index,
            period_s=self._period_s,
            clock=self._clock,
        )
        end = yield from opening.items()
        was_healthy = self._clock() - began_s >= self.limits.healthy_s
        self._failures = 0 if was_healthy and end.state != "frozen" else self._failures + 1
        wait_s = self._backoff_s()
        told = 0
        if not end.is_final and not self._is_over(end):
            # Before the kill: of a driver that does not let go, this is all that is heard at first.
            told = capture.captured - opening.given
            yield Status(end.state, f"{end.message}; opening it again in {wait_s:.1f} s", told)
        yield from self._kill(capture)
        captured = capture.captured
        self._lost += captured - opening.given - told
        self._next_index += captured
        self._capture = None
        capture.close()
        return end, wait_s

    def _is_over(self, end: End) -> bool:
        """A film or a folder has come to its end."""
        return end.state == "ended" and not self.spec.is_live

    def _take_lost(self) -> int:
        """Frames that were captured between the word of trouble and the kill, to be told next."""
        lost, self._lost = self._lost, 0
        return lost

    def _kill(self, capture: Capture) -> Iterator[Item | None]:
        """Until the process is gone: a camera cannot be opened while another one holds it."""
        capture.child.kill()
        until_s = self._clock() + self.limits.kill_s
        is_told = False
        while not capture.is_dead(SLICE_S):
            if not is_told and self._clock() >= until_s:
                is_told = True
                yield Status(
                    "wedged",
                    f"{self.spec.name}: its process does not die, so its driver is stuck; "
                    "unplug the camera, or restart the machine",
                )
            yield None

    def _wait_for_device(self) -> Iterator[Item | None]:
        """Starts no process for a device that is not plugged in."""
        path = self.spec.address
        if self.spec.kind != "v4l2" or os.path.exists(path):
            return
        yield Status("waiting", f"{self.spec.name}: not plugged in; waiting for it")
        while not os.path.exists(path):
            self.steps += 1
            yield from self._pause(self.limits.look_s)

    def _backoff_s(self) -> float:
        """Ever longer, and never the same for two cameras that failed together."""
        doubled = self.limits.first_wait_s * 2.0 ** min(self._failures, 16)
        return min(self.limits.longest_wait_s, doubled) * random.uniform(0.5, 1.0)

    def _pause(self, seconds: float) -> Iterator[None]:
        until_s = self._clock() + seconds
        while (left_s := until_s - self._clock()) > 0:
            yield None
            time.sleep(min(SLICE_S, left_s))

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        if self._capture is not None:
            self._capture.kill(0.3)
            self._capture.close()
            self._capture = None
