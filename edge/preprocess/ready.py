"""Pictures of the model's own size: as its data set has them, or so but for their light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import NothingFound
from edge.preprocess.foreground import MIN_CONTRAST
from edge.preprocess.photo import to_gray

DARK = 60
"""Brightest median of a garment's corners: at most 52 in Fashion-MNIST (measured)."""
LIFTED = 8
"""Background up to which a picture is as it should be: of all of MNIST's and Fashion-MNIST's the
darkest pixel is 0, and of MNIST's nine tenths of the border are (measured)."""
LIGHT = 128
"""Corners from which on a picture is a negative."""
LONGER_SIDE = 20 / 28
"""Of the field: a digit's longer side, within a pixel in 999 of 1,000 of MNIST's (measured)."""


def as_ready(frame: NDArray[np.uint8], kind: str) -> NDArray[np.uint8] | None:
    """A picture of the model's own size as the data set would have it.

    frame: uint8 (H, W, 3) or (H, W).
    kind: `ink` or `object`.

    Returns:
        uint8 (H, W), light on black; the same pixels, where they were so. None: a negative of ink
        that does not stand as the convention says, a small scan perhaps, that must be looked for.

    Raises:
        NothingFound: an object's picture that is of one tone.
    """
    gray = to_gray(frame)
    contrast = int(gray.max()) - int(gray.min())
    if kind == "ink":
        return _ink(gray) if contrast >= MIN_CONTRAST else None
    if contrast < MIN_CONTRAST:
        raise NothingFound(
            f"expected something that differs from its background by at least {MIN_CONTRAST} "
            f"of 255 steps, got {contrast}"
        )
    ground = _corners(gray)
    if ground <= DARK and int(gray.min()) <= LIFTED:
        return gray
    light = np.invert(gray) if ground >= LIGHT else gray
    return light - np.minimum(light, np.uint8(_corners(light)))


def _ink(gray: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """A digit without the light, and most of the noise, of its paper."""
    is_negative = _corners(gray) >= LIGHT
    light = np.invert(gray) if is_negative else gray
    # The border holds no ink: all but its brightest tenth tells what is paper.
    border = np.concatenate(
        [light[:2], light[-2:], light[2:-2, :2].T, light[2:-2, -2:].T], axis=None
    )
    rank = int(0.9 * len(border))
    paper = float(np.partition(border, rank)[rank])
    if paper <= LIFTED and not is_negative:
        return gray
    ink = np.clip((light - paper) / max(1.0, float(light.max()) - paper), 0, 1)
    digit = np.rint(255 * ink).astype(np.uint8)
    return digit if _is_placed(digit) else None


def _corners(gray: NDArray[np.uint8]) -> int:
    """Median of the corners; np.median costs ten times this."""
    rows, columns = gray.shape
    corners = sorted(gray[:: max(1, rows - 1), :: max(1, columns - 1)].ravel().tolist())
    middle = len(corners) // 2
    return int(corners[middle - 1] + corners[middle]) // 2


def _is_placed(digit: NDArray[np.uint8]) -> bool:
    """Whether a digit has the convention's size, and its centre of mass in the middle."""
    ink = np.where(digit > 100, digit, 0).astype(np.float64)
    if not ink.any():
        return False
    down, across = ink.sum(axis=1), ink.sum(axis=0)
    side = max(np.ptp(np.flatnonzero(down)), np.ptp(np.flatnonzero(across))) + 1
    off = [
        float(line @ np.arange(len(line)) / line.sum()) - (len(line) - 1) / 2
        for line in (down, across)
    ]
    return bool(abs(side - LONGER_SIDE * min(digit.shape)) <= 1.5) and max(map(abs, off)) <= 1
