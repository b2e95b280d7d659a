"""What a sheet shows of the way before the model, whatever the preprocessing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.drawing.canvas import KNOWN
from edge.drawing.panels import PALE, Panel
from edge.preprocess.region import Box

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Candidate:
    """Something that could have been meant."""

    number: int
    box: Box
    merit: float


@dataclass(frozen=True)
class Steps:
    """How a frame was searched."""

    candidates: tuple[Candidate, ...] = ()
    """What was chosen, then the best others."""
    panels: tuple[Panel, ...] = ()
    nothing: str | None = None
    """Why there was nothing to choose from, if that is so: one sentence."""


def merit_of(parts: dict[str, float]) -> float:
    """The merit that its parts make."""
    return prod(parts.values())


def title_of_taken(title: str, chosen: Sequence[Box]) -> str:
    """With the meaning of the blue, where there is some."""
    return f"{title}; blue: what was taken" if chosen else title


def draw_taken(mask: NDArray[np.bool_], scale: float, chosen: Sequence[Box]) -> Image:
    """What stands out, gray on white, and within chosen boxes in the colour of an answer.

    mask: bool (h, w). scale: pixels of the frame for one of the mask.
    """
    from PIL import Image

    taken = np.zeros(mask.shape, bool)
    for x, y, width, height in chosen:
        rows = slice(int(y / scale), int(np.ceil((y + height) / scale)))
        taken[rows, int(x / scale) : int(np.ceil((x + width) / scale))] = True
    drawn = np.full((*mask.shape, 3), 255, np.uint8)
    drawn[mask & ~taken] = PALE
    drawn[mask & taken] = KNOWN.color
    return Image.fromarray(drawn)
