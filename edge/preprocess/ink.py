"""`ink`: handwriting on paper, as a camera sees it, brought to the MNIST convention.

The convention (LeCun, Cortes, Burges, "The MNIST database of handwritten digits"): light ink on
black, aspect kept, the digit's longer side 20 pixels, its centre of mass at the centre of 28x28.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.errors import NothingFound
from edge.preprocess.broken import extended, mend
from edge.preprocess.choice import choose, choose_all
from edge.preprocess.photo import resize, to_gray
from edge.preprocess.pieces import find_pieces
from edge.preprocess.region import Region, to_box
from edge.preprocess.relief import relief, widen
from edge.preprocess.strokes import Mark, find_marks
from edge.preprocess.touching import cut

RENDER_SIDE = 80
"""Longer side in pixels at which a mark is cut out: four for each of the 20 that are left."""
MARGIN = 0.35
"""Of the longer side: what is cut out around a mark, to see its paper."""
STROKES = (2.1, 3.7)
"""Stroke width in pixels of the 20 that the longer side has; 5 to 95 % of MNIST's training digits
lie within 1.8 and 4.2 (measured as `thickness` is)."""


def find_ink(frame: NDArray[np.uint8], height: int, width: int, many: bool = False) -> list[Region]:
    """uint8 (H, W, 3) or (H, W) -> regions of uint8 (height, width, 1), light ink on black.

    many: all that is written, in no order, and cuts of what may be two that touch; otherwise the
        one mark that is meant.

    Raises:
        NothingFound: nothing stands out of the paper.
    """
    gray = to_gray(frame)
    marks = find_marks(gray)
    if not many:
        return [_with_readings(gray, choose(marks, gray.shape), marks, height, width)]
    chosen = mend(choose_all(marks, gray.shape), marks)
    regions = []
    for mark in chosen:
        with suppress(NothingFound):
            splits = [
                tuple(_region(gray, part, height, width) for part in parts) for parts in cut(mark)
            ]
            regions.append(replace(_region(gray, mark, height, width), splits=tuple(splits)))
    if not regions:
        raise NothingFound("expected ink, got too little to see at the model's size")
    return regions


def _with_readings(
    gray: NDArray[np.uint8], mark: Mark, marks: list[Mark], height: int, width: int
) -> Region:
    """The region of the mark that is meant, and what it is with the pieces around it."""
    wholes = []
    for more in extended(mark, marks):
        with suppress(NothingFound):
            wholes.append(_region(gray, more, height, width))
    return replace(_region(gray, mark, height, width), wholes=tuple(wholes))


def _region(gray: NDArray[np.uint8], mark: Mark, height: int, width: int) -> Region:
    return Region(render(gray, mark, height, width)[:, :, np.newaxis], to_box(*mark.box))


def render(gray: NDArray[np.uint8], mark: Mark, height: int, width: int) -> NDArray[np.uint8]:
    """One mark of uint8 (H, W) in the look of MNIST: uint8 (height, width).

    Raises:
        NothingFound: too little is left at this size.
    """
    zoom = RENDER_SIDE / mark.side
    around, corner = _cut(gray, mark, zoom)
    window = max(15, int(3 * mark.thickness * RENDER_SIDE)) | 1
    ground = relief(around, window, mark.is_light)
    strength = ground.strength * _where(mark, around.shape, corner, zoom)
    pieces = find_pieces(replace(ground, strength=strength))
    found = pieces.components
    chosen = found.areas >= 0.02 * found.areas.max(initial=0)
    if not chosen.any():
        raise NothingFound("expected ink, got too little to see at the model's size")
    mask = found.mask(chosen)
    typical = float(np.average(pieces.strength[chosen], weights=found.areas[chosen]))
    thickness = float(np.average(pieces.thickness[chosen], weights=found.areas[chosen]))
    return finish(mask, strength, typical, thickness, height, width)


def finish(
    mask: NDArray[np.bool_],
    strength: NDArray[np.float32],
    typical: float,
    thickness: float,
    height: int,
    width: int,
) -> NDArray[np.uint8]:
    """Strokes that were cut out, in the look of MNIST: uint8 (height, width).

    mask: bool (h, w), where they are.
    strength: float32 (h, w), as of a relief; typical: theirs.
    thickness: their width in pixels.

    Raises:
        NothingFound: too little is left at this size.
    """
    soft = (strength / typical - 0.3) / 0.4
    np.minimum(np.maximum(soft, 0, out=soft), 1, out=soft)  # np.clip takes several times as long
    soft *= widen(mask.view(np.uint8), 3)
    soft *= 255
    drawn = np.rint(soft, out=soft).astype(np.uint8)
    place = _inked(drawn)
    if place is not None:
        widened = _with_stroke(drawn, thickness, place)
        # To widen it moves it as well, and to narrow it may leave nothing.
        drawn, place = widened, place if widened is drawn else _inked(widened)
    if place is None:
        raise NothingFound("expected ink, got too little to see at the model's size")
    return place_by_mass(drawn[place], height, width)


def _inked(drawn: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """Rows and columns of uint8 (H, W) that hold ink; none where there is none."""
    rows, columns = np.flatnonzero(drawn.max(axis=1) > 127), np.flatnonzero(drawn.max(axis=0) > 127)
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _cut(
    gray: NDArray[np.uint8], mark: Mark, zoom: float
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """The frame around a mark, `zoom` pixels for one; and the frame's pixel at its corner."""
    from PIL import Image

    margin = MARGIN * mark.side
    rows, columns = gray.shape
    left, top = max(0, int(mark.box[0] - margin)), max(0, int(mark.box[1] - margin))
    right = min(columns, int(np.ceil(mark.box[2] + margin)))
    bottom = min(rows, int(np.ceil(mark.box[3] + margin)))
    size = (max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom)))
    picture = Image.fromarray(np.ascontiguousarray(gray[top:bottom, left:right]))
    how = Image.Resampling.BICUBIC if zoom > 1 else Image.Resampling.BILINEAR
    return np.asarray(picture.resize(size, how)), (float(left), float(top))


def _where(
    mark: Mark, shape: tuple[int, ...], corner: tuple[float, float], zoom: float
) -> NDArray[np.bool_]:
    """bool (h, w): where in the cut-out the mark's pieces were found, and a little around them."""
    side = (round(mark.height * zoom), round(mark.width * zoom))
    large = resize(np.where(mark.mask, 255, 0).astype(np.uint8), *side) > 64
    top, left = round((mark.box[1] - corner[1]) * zoom), round((mark.box[0] - corner[0]) * zoom)
    where = np.zeros(shape, np.uint8)
    part = where[max(0, top) : top + large.shape[0], max(0, left) : left + large.shape[1]]
    part[:] = large[: part.shape[0], : part.shape[1]]
    return widen(where, 2 * round(max(2, 1.2 * zoom * mark.scale)) + 1) > 0


def _with_stroke(
    drawn: NDArray[np.uint8], thickness: float, place: tuple[slice, slice]
) -> NDArray[np.uint8]:
    """Strokes widened or narrowed until a network that learnt MNIST has seen their like.

    place: rows and columns of the ink.
    """
    side = max(part.stop - part.start for part in place)
    wanted = min(max(thickness, STROKES[0] / 20 * side), STROKES[1] / 20 * side)
    change = round((wanted - thickness) / 2)
    if not change:
        return drawn
    padded = np.pad(drawn, abs(change) + 1)
    if change > 0:
        return widen(padded, 2 * change + 1)
    return np.invert(widen(np.invert(padded), -2 * change + 1))


def place_by_mass(digit: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Fits a cropped light-on-black picture into 20/28 of the field, centre of mass centred.

    digit: uint8 (H, W), cropped to its ink.

    Returns:
        uint8 (height, width).
    """
    rows, columns = digit.shape
    scale = min(height, width) * 20 / 28 / max(rows, columns)
    small = resize(digit, round(rows * scale), round(columns * scale))
    mass = small.astype(np.float64)
    total = max(mass.sum(), 1.0)
    center_row = float(mass.sum(axis=1) @ (np.arange(small.shape[0]) + 0.5)) / total
    center_column = float(mass.sum(axis=0) @ (np.arange(small.shape[1]) + 0.5)) / total
    top = _clamp(round(height / 2 - center_row), height - small.shape[0])
    left = _clamp(round(width / 2 - center_column), width - small.shape[1])
    field = np.zeros((height, width), np.uint8)
    field[top : top + small.shape[0], left : left + small.shape[1]] = small
    return field


def _clamp(value: int, most: int) -> int:
    return max(0, min(value, most))
