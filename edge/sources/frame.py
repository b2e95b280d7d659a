"""What every source gives: a frame, or what went wrong in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError


@dataclass(frozen=True)
class Frame:
    """One picture on its way to a label."""

    index: int
    """Position in the run, from 0; failures count too."""
    source: str
    """Where it is from, as the user would type it; a video's frame has its time behind it."""
    timestamp_s: float
    """When it was read, seconds since the Unix epoch."""
    rgb: NDArray[np.uint8]
    """uint8 (H, W, 3) RGB, or (H, W) gray."""
    shrunk: int = 1
    """The file's pixels a side that one of these pixels stands for."""
    note: str | None = None
    """What the user should be told of it, such as `animated: the first of 12 frames`."""
    more: Callable[[], Frame] | None = None
    """Reads the same again in full: this is a draft, gray and small. Raises FrameError."""


@dataclass(frozen=True)
class Failure:
    """An input that gave no frame, in the place where its frame would stand."""

    index: int
    source: str
    error: FrameError
