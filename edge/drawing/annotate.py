"""`--annotate`: a frame with what was found in it, what it is called, and what the model saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import UNKNOWN, Result
from edge.drawing.canvas import (
    WHITE,
    Corners,
    draw_box,
    draw_plate,
    drawable,
    look_of,
    plate_size,
    shorten,
)
from edge.drawing.canvas import font as typeface
from edge.drawing.places import calmest_corner, place_plate
from edge.preprocess.photo import resize, to_rgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

SIDES = (480, 1600)
"""Least and most pixels of the longer side: a 28x28 picture is enlarged, to have room for words."""
LEAST_SIDE = 200
"""Pixels of the shorter one; a narrow strip gets a margin."""
MARGIN_GRAY = 128
INSET = 0.24
"""Of the shorter side: an inset's longer one at most."""
INSET_ROWS = 2
"""So many rows of insets at most; more would hide the frame."""
MANY = 8
"""From so many results on, words are smaller and insets stand in two rows."""
SMALLER = 0.75


@dataclass(frozen=True)
class Scale:
    """Where a frame's pixels lie on the picture, and how large things are drawn on it."""

    zoom: float
    """Pixels of the picture for one of the frame."""
    left: int
    top: int
    line: int
    """Width of lines in pixels."""
    words: int
    """Height of the typeface in pixels."""

    def corners(self, result: Result) -> Corners | None:
        """Of a result's box on the picture."""
        if result.box is None:
            return None
        x, y, width, height = result.box
        left, top = self.left + x * self.zoom, self.top + y * self.zoom
        return (
            round(left),
            round(top),
            round(left + width * self.zoom),
            round(top + height * self.zoom),
        )


def annotate(frame: NDArray[np.uint8], results: Sequence[Result]) -> Image:
    """The frame with each result's box, label and score, and insets of what the model saw.

    frame: uint8 (H, W, 3) RGB or (H, W) gray.
    results: in reading order; none: nothing was found.

    Returns:
        RGB, its longer side within SIDES.
    """
    from PIL import ImageDraw

    picture, scale = _picture(frame)
    if len(results) >= MANY:
        scale = replace(scale, words=max(12, round(SMALLER * scale.words)))
    pen = ImageDraw.Draw(picture)
    boxes = [corners for one in results if (corners := scale.corners(one)) is not None]
    for result in results:
        corners = scale.corners(result)
        if corners is not None:
            draw_box(pen, picture.size, corners, look_of(result), scale.line)
    shown = results or [Result(UNKNOWN, 0.0, (), 0.0)]
    plates: list[Corners] = []
    for result in shown:
        plates.append(_draw_label(pen, picture.size, result, scale, boxes, plates, len(shown) > 1))
    strip = _strip(results, picture.size, scale)
    if strip is not None:
        picture.paste(strip, calmest_corner(picture, strip.size, boxes, plates))
    return picture


def _picture(frame: NDArray[np.uint8]) -> tuple[Image, Scale]:
    """The frame at a size that has room for words, on gray where it is too narrow for them."""
    from PIL import Image

    rows, columns = frame.shape[:2]
    longer = max(rows, columns)
    if longer < SIDES[0]:
        zoom = float(-(-SIDES[0] // longer))
        shown = np.repeat(np.repeat(to_rgb(frame), int(zoom), axis=0), int(zoom), axis=1)
    else:
        zoom = min(1.0, SIDES[1] / longer)
        shown = resize(to_rgb(frame), round(rows * zoom), round(columns * zoom))
    height, width = max(LEAST_SIDE, shown.shape[0]), max(LEAST_SIDE, shown.shape[1])
    top, left = (height - shown.shape[0]) // 2, (width - shown.shape[1]) // 2
    picture = Image.new("RGB", (width, height), (MARGIN_GRAY,) * 3)
    picture.paste(Image.fromarray(np.ascontiguousarray(shown)), (left, top))
    longer = max(width, height)
    line, words = max(2, round(longer / 320)), max(15, round(longer / 38))
    return picture, Scale(zoom, left, top, line, words)


def say(result: Result, among_others: bool = False) -> str:
    """What is written at a box: `7 0.98`, or `unknown (7 0.41)`."""
    score = f"{result.score:.2f}"
    if result.label != UNKNOWN:
        return drawable(f"{result.label} {score}")
    if not result.top:
        return "unknown: nothing found"
    return drawable(f"{'?' if among_others else UNKNOWN} ({result.top[0].label} {score})")


def _draw_label(
    pen: ImageDraw,
    size: tuple[int, int],
    result: Result,
    scale: Scale,
    boxes: Sequence[Corners],
    plates: Sequence[Corners],
    among_others: bool,
) -> Corners:
    """Draws the plate of one result where it hides least, and says where that is."""
    look, corners = look_of(result), scale.corners(result)
    text = shorten(say(result, among_others), typeface(scale.words), size[0] - 2 * scale.words)
    width, height = plate_size(text, scale.words)
    if corners is None:
        left, top = scale.left + scale.line, scale.top + scale.line
        plate = (left, top, left + width, top + height)
    else:
        plate = place_plate(corners, (width, height), size, 3 * scale.line, boxes, plates)
    _draw_leader(pen, corners, plate, look.color, scale.line)
    draw_plate(pen, plate[:2], text, scale.words, look.color, look.words)
    return plate


def _draw_leader(
    pen: ImageDraw, own: Corners | None, plate: Corners, color: tuple[int, int, int], line: int
) -> None:
    """A line from a plate to its box, where they are far apart."""
    if own is None or max(own[1] - plate[3], plate[1] - own[3]) <= 3 * line:
        return
    x = min(max((own[0] + own[2]) // 2, plate[0] + line), plate[2] - line)
    if plate[3] < own[1]:
        pen.line((x, plate[3], x, own[1] - line), fill=color, width=line)
    elif plate[1] > own[3]:
        pen.line((x, own[3] + line, x, plate[1]), fill=color, width=line)


def _strip(results: Sequence[Result], size: tuple[int, int], scale: Scale) -> Image | None:
    """What the model saw of each result, side by side in their order, each in a thin frame."""
    from PIL import Image

    seen = [(one, one.seen) for one in results if one.seen is not None]
    if not seen:
        return None
    gap = max(2, scale.line)
    most = INSET * min(size)
    rows = INSET_ROWS if len(seen) >= MANY else 1
    side = int(min(most, max(INSET * LEAST_SIDE / 2, size[0] * rows / len(seen) - 2 * gap)))
    insets = [(one, enlarge(pixels, side)) for one, pixels in seen]
    cell = max(max(inset.size) for _, inset in insets) + 2 * gap
    columns = min(len(insets), max(1, size[0] // cell))
    insets = insets[: INSET_ROWS * columns]
    strip = Image.new("RGB", (columns * cell, -(-len(insets) // columns) * cell), WHITE)
    for number, (one, inset) in enumerate(insets):
        left, top = number % columns * cell, number // columns * cell
        framed = Image.new("RGB", (inset.width + gap, inset.height + gap), look_of(one).color)
        framed.paste(inset, (gap // 2, gap // 2))
        strip.paste(framed, (left + gap // 2, top + gap // 2))
    return strip


def enlarge(pixels: NDArray[np.uint8], side: int) -> Image:
    """The model's input as large as `side` allows, each of its pixels a square of one colour.

    pixels: uint8 (h, w, 1) or (h, w, 3).
    """
    from PIL import Image

    plain = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    longer = max(plain.shape[:2])
    if longer > side:
        rows, columns = plain.shape[:2]
        plain = resize(plain, round(rows * side / longer), round(columns * side / longer))
    times = max(1, side // longer)
    squares = np.repeat(np.repeat(plain, times, axis=0), times, axis=1)
    return Image.fromarray(np.ascontiguousarray(to_rgb(squares)))
