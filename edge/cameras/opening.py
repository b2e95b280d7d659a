"""One opening of a camera: its frames, until it ends, fails, stalls or freezes."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import process
from edge.cameras.camera import Spec
from edge.cameras.capture import Capture
from edge.cameras.limits import SLICE_S, Limits
from edge.cameras.status import Bad, Item, Seen, State, Status
from edge.errors import FrameError
from edge.handoff import Gone
from edge.sources.frame import Frame

SAMPLED_ROWS = 16
"""Every so many rows are compared: a sensor's noise is in all of them."""
MOST_BAD = 3
"""Damaged frames in a row: below, a slow camera may have had bad luck."""


@dataclass(frozen=True)
class End:
    """Why an opening is over."""

    state: State
    message: str
    is_final: bool = False
    """Opening it again cannot help."""


class Opening:
    """Asks a camera's process for frames, and watches that they come."""

    def __init__(
        self,
        spec: Spec,
        capture: Capture,
        limits: Limits,
        *,
        first_index: int,
        period_s: float,
        clock: Callable[[], float],
    ) -> None:
        """
        first_index: of its first frame in the whole run.
        period_s: between two frames at least; what comes in between is passed over.
        """
        self.given = 0
        """The number of the last frame that was given, from 1."""
        self._spec, self._capture, self._limits = spec, capture, limits
        self._first_index, self._period_s, self._clock = first_index, period_s, clock
        self._patience_s = limits.stall_s if spec.is_live else limits.replay_stall_s
        self._is_open, self._bad_in_a_row, self._good_s = False, 0, clock()
        self._what: str | None = None  # until the first frame: what the camera turned out to be
        self._is_asked, self._due_s = False, clock()
        self._pulse = Pulse(clock())
        self._likeness = Likeness(limits.frozen_s if spec.is_live else 0.0)

    def items(self) -> Generator[Item | None, None, End]:
        """Frames, and none where none came for a moment; returns why it is over."""
        while True:
            try:
                found = self._understand(self._hear())
            except Gone as gone:
                cause = self._cause_of_death() or gone
                return End("failed", f"{self._spec.name}: its process {cause}")
            except (KeyError, TypeError, ValueError):
                return End("failed", f"{self._spec.name}: its process makes no sense")
            if isinstance(found, End):
                return found
            yield from found
            if trouble := self._trouble(self._clock()):
                return trouble

    def _hear(self) -> dict[str, Any] | None:
        """Asks for a frame when it is time to, and waits a moment for what the process says."""
        if not self._is_asked and self._clock() >= self._due_s:
            self._is_asked = True
            self._capture.ask()
        message = self._capture.receive(self._wait_s())
        self._pulse.feel(self._capture.captured, self._clock())
        return message

    def _wait_s(self) -> float:
        """Not beyond what has to be done next."""
        until_s = self._pulse.last_s + (self._patience_s if self._is_open else self._limits.open_s)
        if not self._is_asked:
            until_s = min(until_s, self._due_s)
        return min(SLICE_S, max(0.0, until_s - self._clock()))

    def _understand(self, message: dict[str, Any] | None) -> list[Item | None] | End:
        """
        Raises:
            KeyError, TypeError, ValueError: the message makes no sense.
        """
        if message is None:
            return [None]
        now_s = self._clock()
        if message["kind"] == "open":
            self._is_open, self._what, self._good_s = True, str(message["what"]), now_s
            self._pulse.beat(now_s)
            self._due_s = now_s
            return [None]
        if message["kind"] in ("frame", "bad"):
            self._is_asked = False
            # What came late is made up for in part: two are never closer than half a period.
            self._due_s = max(self._due_s + self._period_s, now_s + self._period_s / 2)
            what, self._what = self._what, None
            running = Status("running", f"{self._spec.name}: {what}")
            given = self._given(message)
            return [given] if what is None else [running, given]
        if message["kind"] == "end":
            return End("ended", f"{self._spec.name}: gives no more frames")
        return End("failed", str(message["message"]), bool(message["is_final"]))

    def _trouble(self, now_s: float) -> End | None:
        """No frames come, or they are of no use."""
        self._pulse.feel(self._capture.captured, now_s)  # an answer may have taken long
        name, silent_s = self._spec.name, now_s - self._pulse.last_s
        if not self._is_open:
            is_late = silent_s >= self._limits.open_s
            message = f"{name}: not open after {self._limits.open_s:g} s"
            return End("stalled", message) if is_late else None
        if silent_s >= self._patience_s:
            return End("stalled", f"{name}: no frame for {silent_s:.1f} s")
        if self._likeness.is_frozen:
            return End("frozen", f"{name}: the same picture for {self._limits.frozen_s:g} s")
        bad_s = now_s - self._good_s
        if self._spec.is_live and self._bad_in_a_row >= MOST_BAD and bad_s >= self._patience_s:
            return End("failed", f"{name}: only damaged frames for {bad_s:.1f} s")
        return None

    def _given(self, message: dict[str, Any]) -> Seen | Bad:
        number = message["number"]
        dropped, self.given = number - self.given - 1, number
        index, source = self._first_index + number - 1, self._spec.name + message["place"]
        if message["kind"] == "bad":
            self._bad_in_a_row += 1
            error = FrameError(message["error"], message["message"])
            return Bad(index, source, error, dropped)
        pixels = self._capture.pixels(message)
        self._good_s = now_s = self._clock()
        self._bad_in_a_row = 0
        self._likeness.look(pixels, now_s)
        age_s = now_s - message["taken_s"]
        frame = Frame(index, source, time.time() - age_s, pixels, message["shrunk"])
        return Seen(frame, message["taken_s"], dropped, message.get("shown_s"))

    def _cause_of_death(self) -> str | None:
        self._capture.is_dead(0.5)  # the socket closes a moment before the process is gone
        code = self._capture.exit_code()
        return None if code is None else process.ending(code)


class Pulse:
    """When the camera last gave a frame, whether or not it was taken."""

    def __init__(self, now_s: float) -> None:
        self.last_s = now_s
        self._count = 0

    def feel(self, count: int, now_s: float) -> None:
        """count: frames that it gave so far."""
        if count != self._count:
            self._count = count
            self.beat(now_s)

    def beat(self, now_s: float) -> None:
        """It is alive at this moment."""
        self.last_s = now_s


class Likeness:
    """Whether a camera gives the same picture again and again: its driver is stuck."""

    def __init__(self, limit_s: float) -> None:
        """limit_s: so long; 0: never."""
        self.is_frozen = False
        self._limit_s = limit_s
        self._digest: int | None = None
        self._since_s = 0.0

    def look(self, pixels: NDArray[np.uint8], now_s: float) -> None:
        """The next frame."""
        if not self._limit_s:
            return
        digest = zlib.crc32(np.ascontiguousarray(pixels[::SAMPLED_ROWS]).data)
        if digest != self._digest:
            self._digest, self._since_s = digest, now_s
        self.is_frozen = now_s - self._since_s >= self._limit_s
