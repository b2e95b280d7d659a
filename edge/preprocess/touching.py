"""Marks that may be several digits which touch: where they can be cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.strokes import Mark

WIDE = 0.9
"""Width over height from which a mark may be two digits; single ones are narrower, most of them."""
CUTS = 3
"""The best so many are offered."""
SLANTS = (-0.4, -0.2, 0.0, 0.2, 0.4)
"""Columns to the right for each row down."""
MIDDLE = (0.25, 0.75)
"""Of the width: where a cut may be, half way up."""


def cut(mark: Mark) -> list[tuple[Mark, ...]]:
    """The mark in two and in three, by straight lines that cross little ink; from left to right.

    Parts that are themselves as wide as two digits are offered in no reading.
    """
    pairs = _halves(mark)
    triples = [(*first, right) for left, right in pairs for first in _halves(left)]
    triples += [(left, *second) for left, right in pairs for second in _halves(right)]
    readings: list[tuple[Mark, ...]] = [*pairs, *triples]
    return [parts for parts in readings if all(part.width < WIDE * part.height for part in parts)]


def _halves(mark: Mark) -> list[tuple[Mark, Mark]]:
    """The mark cut in two where a line crosses least ink; empty for a narrow one."""
    if mark.width < WIDE * mark.height:
        return []
    rows, columns = mark.mask.shape
    middle = np.arange(rows) - rows / 2
    found: list[tuple[float, int, NDArray[np.bool_]]] = []
    for slant in SLANTS:
        shift = np.rint(slant * middle).astype(np.int64)
        for column in range(int(MIDDLE[0] * columns), int(MIDDLE[1] * columns) + 1):
            line = np.clip(column + shift, 0, columns - 1)
            crossed = int(mark.mask[np.arange(rows), line].sum())
            # Among equals the one nearest to the middle.
            cost = crossed + abs(column - columns / 2) / columns + abs(slant)
            found.append((cost, column, np.arange(columns) < line[:, np.newaxis]))
    found.sort(key=lambda item: item[0])
    chosen: list[tuple[int, NDArray[np.bool_]]] = []
    for _, column, left in found:
        if all(abs(column - other) > 0.08 * columns for other, _ in chosen):
            chosen.append((column, left))
        if len(chosen) == CUTS:
            break
    halves = [(_part(mark, left), _part(mark, ~left)) for _, left in chosen]
    return [(one, other) for one, other in halves if one is not None and other is not None]


def _part(mark: Mark, side: NDArray[np.bool_]) -> Mark | None:
    """The mark's ink on one side of a cut, none if that is hardly any."""
    mask = mark.mask & side
    if mask.sum() < 0.1 * mark.mask.sum():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    x, y, scale = mark.box[0], mark.box[1], mark.scale
    box = (x + left * scale, y + top * scale, x + right * scale, y + bottom * scale)
    thickness = mark.thickness * mark.side / (max(bottom - top, right - left) * scale)
    return replace(mark, box=box, mask=mask[top:bottom, left:right], thickness=float(thickness))
