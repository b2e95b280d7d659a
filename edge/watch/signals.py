"""What the system asks of a service: to end, or to read its model again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Requests:
    """What was asked so far. Looked at between frames: nothing is broken off halfway."""

    end: bool = False
    reload: bool = False


@contextmanager
def listen() -> Iterator[Requests]:
    """SIGTERM and Ctrl-C ask for the end, SIGHUP for the model to be read again.

    To be entered in the main thread.
    """
    requests = Requests()

    def note(number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            requests.reload = True
        else:
            requests.end = True

    numbers = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
