"""Where words and insets hide least of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge.drawing.canvas import Corners

if TYPE_CHECKING:
    from PIL.Image import Image

LEVELS = 4
"""Distances from its box that a plate may have, where other plates are in its way."""


def place_plate(
    box: Corners,
    plate: tuple[int, int],
    size: tuple[int, int],
    gap: int,
    boxes: Sequence[Corners],
    plates: Sequence[Corners],
) -> Corners:
    """Where the words to a box stand best.

    plate: width and height of what is placed. size: the picture's. gap: to the box, in pixels.
    boxes, plates: what is on the picture already.
    """
    width, height = plate

    def cost(at: tuple[int, int]) -> float:
        place = (*at, at[0] + width, at[1] + height)
        away = max(0, box[1] - place[3], place[1] - box[3])
        # A plate far from its box is as bad as something hidden.
        return 8 * _shared(place, plates) + 2 * _shared(place, boxes) + 0.1 * away * width

    left, top = min(_places(box, plate, size, gap), key=cost)
    return left, top, left + width, top + height


def _places(
    box: Corners, plate: tuple[int, int], size: tuple[int, int], gap: int
) -> list[tuple[int, int]]:
    """Left and top of a plate: above or below its box, nearer ones first, at last within it."""
    width, height = plate
    most_left, most_top = max(0, size[0] - width), max(0, size[1] - height)
    places = []
    for level in range(LEVELS):
        away = gap + level * (height + gap // 2)
        for top in (box[1] - away - height, box[3] + away):
            for left in (box[0], box[2] - width):
                if 0 <= top <= most_top:
                    places.append((min(max(0, left), most_left), top))
    inside = (min(max(0, box[0] + gap), most_left), min(max(0, box[1] + gap), most_top))
    return [*places, inside]


def calmest_corner(
    picture: Image, size: tuple[int, int], boxes: Sequence[Corners], plates: Sequence[Corners]
) -> tuple[int, int]:
    """The corner in which something of that size hides least."""
    width, height = size
    right, bottom = max(0, picture.width - width), max(0, picture.height - height)

    def hides(at: tuple[int, int]) -> float:
        place = (*at, at[0] + width, at[1] + height)
        unrest = float(np.asarray(picture.crop(place).convert("L"), np.float32).std()) / 255
        hidden = 4 * _shared(place, plates) + 2 * _shared(place, boxes)
        return hidden + unrest * width * height

    return min([(right, bottom), (right, 0), (0, bottom), (0, 0)], key=hides)


def _shared(one: Corners, others: Iterable[Corners]) -> int:
    """Pixels that one rectangle shares with others."""
    total = 0
    for other in others:
        wide = min(one[2], other[2]) - max(one[0], other[0])
        high = min(one[3], other[3]) - max(one[1], other[1])
        total += max(0, wide) * max(0, high)
    return total
