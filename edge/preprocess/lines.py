"""Ruled paper: long thin straight lines, found by Hough's vote and taken out of a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_LENGTH = 0.3
"""Of the frame's side: no stroke of a digit is so long and so thin."""
SLOPES = np.tan(np.radians(np.linspace(-20, 20, 81)))
"""A page lies nearly straight; half a degree is a line's thickness over its least length."""


def erase_lines(mask: NDArray[np.bool_], thickness: int) -> NDArray[np.bool_]:
    """A bool (H, W) mask without ruled lines; what crosses them stays.

    A line is taken out run by run across it, and only where the run is as thin as a line.

    thickness: pixels; a printed line is no thicker.
    """
    kept = _erase_level(mask, thickness)
    return _erase_level(kept.T, thickness).T


def _erase_level(mask: NDArray[np.bool_], thickness: int) -> NDArray[np.bool_]:
    """Without the lines that run from left to right."""
    width = mask.shape[1]
    columns, tops, bottoms = _thin_runs(mask, thickness)
    least = MIN_LENGTH * width
    if len(columns) < least:
        return mask
    kept = mask.copy()
    middles = (tops + bottoms) / 2
    for slope, start in _vote(columns, middles, mask.shape, least):
        on_line = np.abs(middles - start - slope * columns) <= 2
        typical = float(np.median((bottoms - tops)[on_line]))
        thin = on_line & (bottoms - tops <= typical + 2)
        for column, top, bottom in zip(columns[thin], tops[thin], bottoms[thin], strict=True):
            kept[top:bottom, column] = False
    return kept


def _thin_runs(
    mask: NDArray[np.bool_], thickness: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Column, top and bottom (behind the last pixel) of each vertical run thin as a line."""
    height, width = mask.shape
    padded = np.zeros((width, height + 2), np.bool_)
    padded[:, 1:-1] = mask.T
    steps = np.flatnonzero(padded[:, 1:] != padded[:, :-1])  # a top, a bottom, a top...
    columns = steps[::2] // (height + 1)
    tops, bottoms = steps[::2] - columns * (height + 1), steps[1::2] - columns * (height + 1)
    thin = bottoms - tops <= thickness
    return columns[thin], tops[thin], bottoms[thin]


def _vote(
    columns: NDArray[np.int64],
    middles: NDArray[np.float64],
    shape: tuple[int, ...],
    least: float,
) -> list[tuple[float, float]]:
    """(slope, row at column 0) of each line that at least so many runs lie on."""
    found: list[tuple[float, float]] = []
    height, width = shape
    reach = int(np.ceil(np.abs(SLOPES).max() * width)) + 2
    votes = np.stack(
        [
            np.bincount(
                np.rint(middles - slope * columns).astype(np.int64) + reach,
                minlength=height + 2 * reach,
            )
            for slope in SLOPES
        ]
    )
    votes = votes[:, :-1] + votes[:, 1:]  # a line between two rows votes for both
    while True:
        best = int(votes.argmax())
        slope, row = divmod(best, votes.shape[1])
        if votes[slope, row] < least:
            return found
        found.append((float(SLOPES[slope]), row + 0.5 - reach))
        # Its neighbours are the same line seen a little askew.
        for other in range(max(0, slope - 12), min(len(SLOPES), slope + 13)):
            drift = int(abs(SLOPES[other] - SLOPES[slope]) * width) + 4
            votes[other, max(0, row - drift) : row + drift + 1] = 0
