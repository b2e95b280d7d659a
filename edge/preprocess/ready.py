"""Pictures of the model's own size: as its data set has them, or so but for their light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import NothingFound
from edge.preprocess.foreground import MIN_CONTRAST
from edge.preprocess.photo import to_gray

DARK = {"ink": 16, "object": 60}
"""Brightest median of the corners that a picture of the convention has: it is 0 in all 70,000
pictures of MNIST and at most 52 in Fashion-MNIST (measured)."""
LIFTED = 8
"""Darkest pixel from which on a garment's light was lifted: it is 0 in all of Fashion-MNIST
(measured)."""
LONGER_SIDE = 20 / 28
"""Of the field: a digit's longer side, within a pixel in 999 of 1,000 of MNIST's (measured)."""


def as_ready(frame: NDArray[np.uint8], kind: str) -> NDArray[np.uint8] | None:
    """A picture of the model's own size as the data set would have it.

    A negative and lifted light are taken back; handwriting must stand as the convention says, for
    a small scan may be of that size too, and is looked for.

    frame: uint8 (H, W, 3) or (H, W).
    kind: `ink` or `object`.

    Returns:
        uint8 (H, W), light on black; none: it must be looked for.

    Raises:
        NothingFound: an object's picture that is of one tone.
    """
    gray = to_gray(frame)
    contrast = int(gray.max()) - int(gray.min())
    if contrast < MIN_CONTRAST:
        if kind == "ink":
            return None
        raise NothingFound(
            f"expected something that differs from its background by at least {MIN_CONTRAST} "
            f"of 255 steps, got {contrast}"
        )
    ground = _ground(gray)
    is_lifted = kind == "object" and int(gray.min()) > LIFTED
    if ground <= DARK[kind] and not is_lifted:
        return gray
    light = np.invert(gray) if ground >= 128 else gray
    if kind == "object":
        return light - np.minimum(light, np.uint8(_ground(light)))
    # The border holds no ink, so all but its brightest tenth tells paper and noise from it.
    is_border = np.ones(light.shape, bool)
    is_border[2:-2, 2:-2] = False
    paper = float(np.quantile(light[is_border], 0.9))
    ink = np.clip((light - paper) / max(1.0, float(light.max()) - paper), 0, 1)
    digit = np.rint(255 * ink).astype(np.uint8)
    return digit if _is_placed(digit) else None


def _ground(gray: NDArray[np.uint8]) -> int:
    """Median of the corners; np.median costs ten times this."""
    rows, columns = gray.shape
    corners = sorted(gray[:: max(1, rows - 1), :: max(1, columns - 1)].ravel().tolist())
    middle = len(corners) // 2
    return int(corners[middle - 1] + corners[middle]) // 2


def _is_placed(digit: NDArray[np.uint8]) -> bool:
    """Whether a digit has the convention's size, and its centre of mass in the middle."""
    ink = np.where(digit > 100, digit, 0).astype(np.float64)
    down, across = ink.sum(axis=1), ink.sum(axis=0)
    side = max(np.ptp(np.flatnonzero(down)), np.ptp(np.flatnonzero(across))) + 1
    off = [
        float(line @ np.arange(len(line)) / line.sum()) - (len(line) - 1) / 2
        for line in (down, across)
    ]
    return bool(abs(side - LONGER_SIDE * min(digit.shape)) <= 1.5) and max(map(abs, off)) <= 1
