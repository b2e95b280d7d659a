"""A small picture of a character -> a smooth shape that can be drawn at any size, with any pen.

The shape is a signed distance field: how deep inside the stroke a point lies. Its zero line is the
stroke's edge, so one field gives a sharp edge at ten pixels and at a thousand, and moving the line
outwards or inwards is a thicker or a thinner pen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

FINE = 4
"""Points of the field for each pixel of a 28x28 picture."""
MARGIN = 6
"""Pixels of a 28x28 picture that are kept around the ink."""
REACH = 26
"""Points as far as which distances are known; beyond they stay at this."""
HALF = 112
"""What is lighter belongs to a stroke."""
LEAST_HOLE = 0.5
"""A hole whose radius is below this, in pixels of 28x28, was closed by the writer already."""


@dataclass(frozen=True)
class Glyph:
    """One character's shape, cut to its ink and a margin."""

    field: NDArray[np.float32]
    """(rows, columns), in points: positive within the stroke, negative outside."""
    box: tuple[float, float, float, float]
    """Left, top, width and height of the ink in points of the field."""

    @property
    def longest(self) -> float:
        """The longer side of the ink's box, in points."""
        return max(self.box[2:])


def make_glyph(picture: NDArray[np.uint8], pen: float | None = None) -> Glyph:
    """The shape of one character.

    picture: uint8 (S, S), light strokes on black; 28x28 as in MNIST, or larger.
    pen: the stroke's width, in longer sides of the character's box; none: as it was drawn.
    """
    ink = enlarge_light(picture, HALF) > HALF
    if not ink.any():
        raise ValueError(
            f"expected light strokes on black, got a picture of at most {picture.max()}"
        )
    field = make_field(ink)
    if pen is not None:
        field = _change_pen(field, ink, pen * max(ink_box(field)[2:]))
    return Glyph(field, ink_box(field))


def enlarge_light(picture: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """The picture at FINE points a pixel of 28x28, cut to what is lighter than `least`."""
    side = 28 * FINE
    large = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    margin = MARGIN * FINE
    padded = np.pad(np.asarray(large), margin)
    rows, columns = (np.flatnonzero((padded > least).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return padded
    return padded[rows[0] - margin : rows[-1] + margin, columns[0] - margin : columns[-1] + margin]


def make_field(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32 (rows, columns): how deep each point lies, in points; negative outside."""
    return _smooth(_smooth(_distance(~inside) - _distance(inside)))


def _distance(there: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32 (rows, columns): Euclidean distance to the nearest point that is there."""
    straight = np.where(there, 0, REACH).astype(np.float32)
    for row in range(1, len(straight)):
        np.minimum(straight[row], straight[row - 1] + 1, out=straight[row])
    for row in range(len(straight) - 2, -1, -1):
        np.minimum(straight[row], straight[row + 1] + 1, out=straight[row])
    squares = np.pad(straight**2, ((0, 0), (REACH, REACH)), constant_values=REACH**2)
    nearest = np.full_like(straight, REACH**2)
    width = straight.shape[1]
    for shift in range(-REACH, REACH + 1):
        from_there = squares[:, REACH + shift : REACH + shift + width] + np.float32(shift**2)
        np.minimum(nearest, from_there, out=nearest)
    return np.sqrt(nearest)


def _smooth(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the staircase of the points: a Gaussian of about one point along both axes."""
    weights = (0.061, 0.242, 0.394, 0.242, 0.061)
    for axis in (0, 1):
        padding = [(2, 2) if one == axis else (0, 0) for one in (0, 1)]
        padded = np.pad(field, padding, mode="edge")
        length = field.shape[axis]
        parts = (padded.take(range(at, at + length), axis) * w for at, w in enumerate(weights))
        field = np.sum(list(parts), axis=0, dtype=np.float32)
    return field


def _change_pen(
    field: NDArray[np.float32], ink: NDArray[np.bool_], width: float
) -> NDArray[np.float32]:
    """The field of the same strokes, `width` points wide; loops stay open, thin lines whole."""
    middle = _middle_line(ink)
    # Of the line's two points' width one at least lies on the ridge.
    depth = _distance(~ink)
    ridge = np.maximum(depth, np.maximum(np.roll(depth, 1, 0), np.roll(depth, 1, 1)))
    drawn = 2 * float(np.median(ridge[middle])) - 0.5
    change = (width - drawn) / 2
    if change > 0:
        return field + min(change, _room(field, ink))
    # The line is two points wide already.
    thin = np.float32(width / 2 - 0.5) - _distance(middle)
    return _smooth(np.maximum(field + change, thin))


def _room(field: NDArray[np.float32], ink: NDArray[np.bool_]) -> float:
    """How far the stroke may grow until a loop is nearly closed, in points."""
    outside = -field[::2, ::2]
    # Drawn on, so no view of the array. At half the resolution, because filling is slow.
    picture = Image.fromarray(ink[::2, ::2].astype(np.uint8)).copy()
    ImageDraw.floodfill(picture, (0, 0), 2)
    room = float(REACH)
    while len(empty := np.argwhere(np.asarray(picture) == 0)):
        before = np.asarray(picture) == 0
        ImageDraw.floodfill(picture, (int(empty[0][1]), int(empty[0][0])), 2)
        radius = float(outside[before & (np.asarray(picture) == 2)].max())
        if radius > LEAST_HOLE * FINE:
            room = min(room, 0.7 * radius)
    return room


def _middle_line(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One point wide, by Zhang and Suen's thinning (1984), at half the resolution."""
    half = np.pad(ink[::2, ::2].astype(np.uint8), 1)
    while True:
        before = int(half.sum())
        for step in (0, 1):
            around = [
                np.roll(half, shift, (0, 1))
                for shift in ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
            ]
            north, _, east, _, south, _, west, _ = around
            neighbours = sum(around, np.zeros_like(half))
            turns = sum(
                (
                    (1 - one) * after
                    for one, after in zip(around, [*around[1:], north], strict=True)
                ),
                np.zeros_like(half),
            )
            if step == 0:
                open_side = (north * east * south == 0) & (east * south * west == 0)
            else:
                open_side = (north * east * west == 0) & (north * south * west == 0)
            gone = (half == 1) & (neighbours >= 2) & (neighbours <= 6) & (turns == 1) & open_side
            half[gone] = 0
        if half.sum() == before:
            break
    whole = half[1:-1, 1:-1].repeat(2, 0).repeat(2, 1)[: ink.shape[0], : ink.shape[1]]
    return (whole > 0) & ink


def ink_box(field: NDArray[np.float32]) -> tuple[float, float, float, float]:
    rows, columns = (np.flatnonzero((field > 0).any(axis=axis)) for axis in (1, 0))
    return (
        float(columns[0]),
        float(rows[0]),
        float(columns[-1] + 1 - columns[0]),
        float(rows[-1] + 1 - rows[0]),
    )
