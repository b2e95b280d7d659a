"""`object`: one thing on a plain ground, brought to the Fashion-MNIST convention.

Found at a small size, by what differs from the ground; cut out of the frame as it is.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from edge.errors import NothingFound
from edge.preprocess.foreground import shrink
from edge.preprocess.ground import find_ground
from edge.preprocess.look import render, trim
from edge.preprocess.photo import to_rgb
from edge.preprocess.region import Region, to_box
from edge.preprocess.things import find_things

WORK_SIDE = 192
"""Longer side in pixels at which things are looked for."""
LEAST_SIDE = 8
"""Pixels of the shorter side below which there is no ground to be seen."""


def find_objects(
    frame: NDArray[np.uint8], height: int, width: int, many: bool = False
) -> list[Region]:
    """uint8 (H, W, 3) or (H, W) -> regions of uint8 (height, width, 1), objects light on black.

    many: all things on the ground, in no order; otherwise the one that is meant.

    Raises:
        NothingFound: nothing stands out of the ground.
    """
    seen = to_rgb(shrink(frame, WORK_SIDE))
    if min(seen.shape[:2]) < LEAST_SIDE:
        raise NothingFound(
            f"expected a frame of at least {LEAST_SIDE} pixels a side, got {frame.shape[:2]}"
        )
    ground = find_ground(seen)
    luma, scale = ground.luma, frame.shape[1] / seen.shape[1]
    regions = []
    for thing in find_things(ground, many):
        with suppress(NothingFound):
            pixels = render(frame, thing, luma, height, width)[:, :, np.newaxis]
            regions.append(Region(pixels, to_box(*(scale * edge for edge in trim(thing)))))
    if not regions:
        raise NothingFound("expected a thing that stands out of its ground, got none")
    return regions
