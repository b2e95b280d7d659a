"""From what is known of a picture to the rest: reached without a step, or filled in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Planes = NDArray[np.float32]

MAX_ROUNDS = 40
"""A spiral would need more; nothing that lies on a ground is one."""
SETTLED = 0.0005
"""Part of the picture: a round that reaches less than this is the last."""


def spread(seeds: Mask, walls_across: Mask, walls_down: Mask) -> Mask:
    """All that can be reached from the seeds along rows and columns, no wall crossed.

    seeds: bool (H, W).
    walls_across: bool (H, W - 1), between each pixel and the one right of it.
    walls_down: bool (H - 1, W), between each pixel and the one below.
    """
    rows = _stretches(walls_across)
    columns = np.ascontiguousarray(_stretches(walls_down.T).T)
    reached, before = seeds, int(seeds.sum())
    for _ in range(MAX_ROUNDS):
        for stretch in (rows, columns):
            hit = np.zeros(int(stretch[-1, -1]) + 1, bool)
            hit[stretch[reached]] = True
            reached = hit[stretch]
        count = int(reached.sum())
        if count - before <= SETTLED * reached.size:
            break
        before = count
    return reached


def _stretches(walls: Mask) -> NDArray[np.int32]:
    """int32 (H, W): number of the stretch between two walls that each pixel of a row lies in."""
    height, width = walls.shape[0], walls.shape[1] + 1
    starts = np.ones((height, width), bool)
    starts[:, 1:] = walls
    return (np.cumsum(starts.ravel(), dtype=np.int32) - 1).reshape(height, width)


def interpolate(planes: Planes, known: Mask) -> Planes:
    """float32 (P, H, W) as it is where it is known, and smooth in between.

    By a pyramid: means of what is known, ever coarser, fill what is not (Gortler et al., "The
    Lumigraph", 1996, section 3.4, pull and push).
    """
    weight = known.astype(np.float32)[np.newaxis]
    level = planes * weight
    levels = []
    while max(weight.shape[1:]) > 1:
        levels.append((level, weight))
        level, total = _halve(level), _halve(weight)
        weight = np.minimum(total, 1)
        level *= weight / np.maximum(total, 1e-6)
    filled = level / np.maximum(weight, 1e-6)
    for level, weight in reversed(levels):
        filled = level + (1 - weight) * _double(filled, level.shape[1], level.shape[2])
    return filled


def _halve(planes: Planes) -> Planes:
    """Sums of two by two pixels; what lies beyond an odd border is 0."""
    _, height, width = planes.shape
    if height % 2 or width % 2:
        planes = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)))
    rows = planes[:, ::2] + planes[:, 1::2]
    return np.asarray(rows[:, :, ::2] + rows[:, :, 1::2])


def _double(planes: Planes, height: int, width: int) -> Planes:
    """Twice as large, bilinear, cut to the size."""
    for axis, size in ((1, height), (2, width)):
        length = planes.shape[axis]
        before = planes.take(np.maximum(np.arange(length) - 1, 0), axis)
        behind = planes.take(np.minimum(np.arange(length) + 1, length - 1), axis)
        middle = 0.75 * planes
        pairs = np.stack([middle + 0.25 * before, middle + 0.25 * behind], axis + 1)
        shape = list(planes.shape)
        shape[axis] *= 2
        planes = pairs.reshape(shape)
        planes = planes[:, :size] if axis == 1 else planes[:, :, :size]
    return planes


def extremes(plane: Planes, known: Mask, reach: int) -> tuple[Planes, Planes]:
    """Least and largest of what is known within `reach` pixels of each pixel of float32 (H, W).

    Where nothing is: infinity, and minus infinity.
    """
    least = np.where(known, plane, np.float32(np.inf))
    largest = np.where(known, plane, np.float32(-np.inf))
    return -_largest(-least, reach), _largest(largest, reach)


def _largest(plane: Planes, reach: int) -> Planes:
    """By doubling, so that a window takes as many passes as its side has binary digits."""
    padded = np.pad(plane, reach, constant_values=-np.inf)
    for _ in range(2):
        covered, side = 1, 2 * reach + 1
        while covered < side:
            step = min(covered, side - covered)
            padded = np.maximum(padded[:-step], padded[step:])
            covered += step
        padded = padded.T
    return padded
