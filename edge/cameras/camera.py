"""What every camera is: something that gives one frame after the other while it is held open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Kind = Literal["pi", "v4l2", "stream", "http", "film", "folder"]
Size = tuple[int, int]
"""Width and height in pixels."""

Loaded = tuple[NDArray[np.uint8], int]
"""A frame, uint8 (H, W, 3) RGB or (H, W) gray, and the camera's pixels a side that one of its
pixels stands for: 1, 2, 4 or 8."""
Load = Callable[[], Loaded]
"""Decodes a frame. Raises FrameError."""


@dataclass(frozen=True)
class Spec:
    """Which camera, and how it is to be read."""

    kind: Kind
    address: str
    """A number (`pi`), a device, a web address with its password, or a path."""
    name: str
    """As the user typed it, without a password: for results and messages."""
    size: Size | None = None
    """What a camera is asked for; it may give another. None: 1280x720."""
    rate: float | None = None
    """Frames a second at which a folder is replayed; none: 10."""
    side: int | None = None
    """How many pixels the longer side needs at least: larger JPEGs are decoded at a part."""
    all_frames: bool = False
    """`film` and `folder`: as fast as they are taken, and none is passed over."""
    loop: bool = False
    """`film` and `folder`: from the start again at the end."""

    @property
    def is_live(self) -> bool:
        """Whether it goes on for ever, and its end is a fault."""
        return self.kind not in ("film", "folder")


@dataclass(frozen=True)
class Grabbed:
    """A frame that a camera gave, decoded or not yet."""

    taken_s: float
    """When, by `time.monotonic`, which on Linux is one clock for all processes."""
    load: Load
    """Called for the frames that are taken, so that no other is decoded."""
    place: str = ""
    """Where in a film or folder, to stand behind the source's name."""
    shown_s: float | None = None
    """When it would be shown, in seconds of the film, where that is not now: with `all_frames`."""


class Camera(Protocol):
    """Something that is held open and gives frames."""

    description: str
    """What it turned out to be, for people: `1280x720, 30 frames a second`."""

    def read(self) -> Grabbed | None:
        """Waits for the next frame; none: it has ended.

        Raises:
            CameraError: it gives no more.
        """

    def close(self) -> None:
        """Lets go of it."""
