"""A part of a frame that is classified by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""x, y, width, height in the frame's pixels."""


@dataclass(frozen=True)
class Region:
    """What was found in one place, as the model takes it."""

    pixels: NDArray[np.uint8]
    """uint8 (height, width, channels) of the model's input."""
    box: Box | None = None
    """Where it was found; none: it is the whole frame."""
    wholes: tuple[Region, ...] = ()
    """Other readings: with pieces near by that may belong to it, ever more of them."""
    splits: tuple[tuple[Region, ...], ...] = ()
    """Other readings: the region cut up, for what is as wide as several things that touch."""


def to_box(left: float, top: float, right: float, bottom: float) -> Box:
    """The whole pixels that corners in a frame's pixels cover."""
    x, y = int(left), int(top)
    return x, y, max(1, int(np.ceil(right)) - x), max(1, int(np.ceil(bottom)) - y)
