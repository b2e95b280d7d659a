"""What a watched camera gives: frames, bad frames, and changes of its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.errors import FrameError
from edge.sources.frame import Frame

State = Literal["starting", "running", "stalled", "frozen", "failed", "waiting", "wedged", "ended"]


@dataclass(frozen=True)
class Status:
    """A change of the camera's state."""

    state: State
    """`starting`: it is opened; `running`: its first frame came; `stalled`: no frame for a while;
    `frozen`: the same frame again and again; `failed`: it said why it cannot go on, or its process
    died; `waiting`: its device is not plugged in; `wedged`: its process cannot be killed; `ended`:
    a stream that should not end did, or a film came to its end."""
    message: str
    """What happened and what is done about it."""
    dropped: int = 0
    """Frames that were captured and lost since the last one that was given."""


@dataclass(frozen=True)
class Seen:
    """A frame that is to be classified."""

    frame: Frame
    taken_s: float
    """When it was captured, by `time.monotonic`."""
    dropped: int
    """Frames that were passed over for this one."""
    shown_s: float | None = None
    """Seconds of a film that goes faster or slower than it was taken; none: it is seen as it goes.
    What is said over time then hangs on the film, and not on the machine."""


@dataclass(frozen=True)
class Bad:
    """A frame that could not be decoded."""

    index: int
    source: str
    error: FrameError
    dropped: int


Item = Seen | Bad | Status
