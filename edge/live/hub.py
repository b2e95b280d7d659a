"""All that the page's process knows of the camera, and who waits for more of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from edge.device import Health
from edge.live.history import History
from edge.live.message import Json, unpack
from edge.live.snapshot import Snapshot


@dataclass(frozen=True)
class Picture:
    """One frame, encoded once for all who watch."""

    serial: int
    jpeg: bytes


class Bell:
    """Wakes all who wait for the next of something."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Something new is there."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_s: float) -> bool:
        """Whether it rang in time."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


class Hub:
    """Lives in one thread, the event loop's; everything in it is replaced as a whole."""

    def __init__(
        self, model: Json, healthy_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.model, self.healthy_s, self.clock = model, healthy_s, clock
        self.model_serial = 0
        self.snapshot: Snapshot | None = None
        self.labels: dict[str, int] = {}
        """How often each was answered."""
        self.health = Health(None, (), (), None)
        self.history = History()
        self.picture: Picture | None = None
        self.news, self.pictures = Bell(), Bell()
        self.streams = self.events = 0
        """Connections that are open."""
        self.waiting = 0
        """Requests for one picture."""
        self._record: Json = {}
        self._serial, self._text = 0, ""
        self._answered_s: float | None = None
        self._heard_s = self._began_s = clock()

    @property
    def serial(self) -> int:
        """Of the newest snapshot."""
        return self._serial

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants a picture."""
        return self.streams + self.waiting > 0

    def take(self, record: Json) -> Snapshot:
        """A snapshot has come, as `edge.live.message.pack` made it."""
        now_s = self.clock()
        self.snapshot, self._record = unpack(record), record
        self._heard_s, self._serial = now_s, self._serial + 1
        if self.snapshot.index is not None and self.snapshot.age_ms is not None:
            self._answered_s = now_s - self.snapshot.age_ms / 1000
        self.history.add(self.snapshot, now_s)
        self.news.ring()
        return self.snapshot

    def take_model(self, model: Json) -> None:
        """Another model answers from now on."""
        self.model, self.model_serial = model, self.model_serial + 1
        self.news.ring()

    def show(self, jpeg: bytes) -> None:
        """A picture has been encoded."""
        self.picture = Picture(self.picture.serial + 1 if self.picture else 1, jpeg)
        self.pictures.ring()

    @property
    def frame_age_s(self) -> float | None:
        """Since the newest answered frame was captured."""
        return None if self._answered_s is None else max(0.0, self.clock() - self._answered_s)

    def ailment(self) -> str | None:
        """Why this service is not healthy; none: answers come."""
        if self.snapshot is None:
            return "nothing has come from the camera's loop yet"
        if self.snapshot.camera != "running":
            message = self.snapshot.message
            return f"the camera is {self.snapshot.camera}" + (f": {message}" if message else "")
        age_s = self.frame_age_s
        if age_s is None:
            return "no frame has been answered yet"
        if age_s > self.healthy_s:
            return f"the newest answered frame is {age_s:.1f} s old, expected {self.healthy_s:g} s"
        return None

    def state(self) -> Json:
        """What `/state.json` says, and each event of `/events`."""
        ailment, age_s, now_s = self.ailment(), self.frame_age_s, self.clock()
        return {
            "snapshot": self._record or None,
            "serial": self._serial,
            "silent_s": round(now_s - self._heard_s, 2),
            "frame_age_s": None if age_s is None else round(age_s, 3),
            "healthy": ailment is None,
            "ailment": ailment,
            "board": asdict(self.health),
            "page": {
                "streams": self.streams,
                "events": self.events,
                "picture": self.picture.serial if self.picture else 0,
                "uptime_s": round(now_s - self._began_s, 1),
            },
        }

    def past(self, serial: int) -> Json:
        """What the timeline does not have yet, its times in seconds before now."""
        now_s = self.clock()
        points, marks = self.history.since(serial, now_s)
        return {
            "points": [
                [round(now_s - p.at_s, 2), p.label, p.score, p.answers_per_s, p.age_ms, p.camera]
                for p in points
            ],
            "marks": [[round(now_s - m.at_s, 2), m.kind, m.text] for m in marks],
        }

    def tick(self) -> None:
        """Called each second: the timeline goes on while nothing comes."""
        if self.snapshot is not None:
            self.history.add(self.snapshot, self.clock())


def to_text(value: Any) -> str:
    """JSON in one line, without spaces."""
    return json.dumps(value, separators=(",", ":"))
