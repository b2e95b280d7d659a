"""What is written in a frame: strokes darker or lighter than their surface, grouped into marks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.components import Components
from edge.preprocess.foreground import shrink
from edge.preprocess.pieces import Pieces, find_pieces
from edge.preprocess.relief import MIN_BRIGHTNESS, Relief, Smooth, relief_of, smoothed


@dataclass(frozen=True)
class View:
    """One look at a frame: how finely, and for how thick a stroke."""

    side: int
    """Longer side in pixels that the frame is brought down to."""
    window: int
    """Side in pixels of what is still a stroke and no surface."""
    line_px: int
    """Thickness of a printed line at most; 0: too few pixels to tell one."""

    @property
    def most_px(self) -> float:
        """Mean thickness of strokes that surely are whole in this view."""
        return MAX_THICKNESS * self.window


MAX_THICKNESS = 0.6
VIEWS = (
    View(640, 17, 10),
    View(320, 17, 5),
    View(320, 33, 5),
    View(160, 33, 3),
    View(160, 49, 3),
)
"""Finest first: a digit of a twentieth of a 4:3 frame's height has 24 pixels in the first; in the
last there is room for the thickest pen in a digit as high as the frame."""
FURTHER = (0.3, 0.6, 0.9)
"""Of a mark's longer side: how far around it its surroundings are looked at."""
MIN_SIDE = 7
"""Pixels: a smaller mark is a speck."""


@dataclass(frozen=True, eq=False)
class Mark:
    """One thing that is written, broken pieces included."""

    box: tuple[float, float, float, float]
    """left, top, right, bottom in the frame's pixels, the last two behind the last pixel."""
    mask: NDArray[np.bool_]
    """bool (h, w), the pieces within the box, at the level where they were found."""
    is_light: bool
    """Lighter than its surface."""
    strength: float
    """Part of the light that it takes away, 0 to 1."""
    thickness: float
    """Mean width of its strokes, as a part of its longer side."""
    edged: float
    """Part of its outline that is an edge in the picture, 0 to 1."""
    alone: float
    """Part of the wider surroundings that it differs from as it does from its surface, 0 to 1: a
    gap between strokes is bright as the paper beyond them."""
    touches: int
    """How many of the frame's four borders it reaches."""
    is_whole: bool
    """Its strokes are thin enough for the window that it was found with."""
    scale: float
    """Pixels of the frame for one of the mask."""
    level: int
    """Which of VIEWS it was found in."""

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        """Of its strokes, in the frame's pixels."""
        return float(np.count_nonzero(self.mask)) * self.scale**2

    @property
    def extent(self) -> float:
        """Mean of width and height, in the frame's pixels."""
        return (self.width + self.height) / 2

    @property
    def stroke(self) -> float:
        """Mean width of its strokes, in the frame's pixels."""
        return self.thickness * self.side

    @property
    def side(self) -> float:
        """The longer one, in the frame's pixels."""
        return max(self.width, self.height)


def find_marks(gray: NDArray[np.uint8]) -> list[Mark]:
    """All that may be written in uint8 (H, W), of every size, in no order."""
    marks: list[Mark] = []
    looks = set()
    pictures: dict[int, Smooth] = {}  # by side: several views are of one
    for level, view in enumerate(VIEWS):
        if view.side not in pictures:
            pictures[view.side] = smoothed(shrink(gray, view.side))
        seen = pictures[view.side]
        look = (seen.pixels.shape, view.window)
        if look in looks:  # a small frame is the same in several views
            continue
        looks.add(look)
        for is_light in (False, True):
            scale = gray.shape[1] / seen.pixels.shape[1]
            marks += _marks_in(seen, scale, level, is_light)
    return marks


def _marks_in(seen: Smooth, scale: float, level: int, is_light: bool) -> list[Mark]:
    ground, pieces = _look_at(seen, level, is_light)
    return [
        _mark(pieces, group, scale, level, ground)
        for group in _groups(pieces.components, pieces.strength)
    ]


def look_at(seen: NDArray[np.uint8], level: int, is_light: bool) -> tuple[Relief, Pieces]:
    """What one view sees of uint8 (H, W), a frame brought down to its side, and its strokes."""
    return _look_at(smoothed(seen), level, is_light)


def _look_at(seen: Smooth, level: int, is_light: bool) -> tuple[Relief, Pieces]:
    view = VIEWS[level]
    ground = relief_of(seen, view.window, is_light)
    # A smaller frame shows a line in fewer pixels; strokes of a small scan are no lines.
    line_px = round(view.line_px * max(seen.pixels.shape) / view.side)
    return ground, find_pieces(ground, line_px)


def _groups(found: Components, strength: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Which pieces are one mark: the larger ones, each with its broken-off pieces."""
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1) if len(found.areas) else []
    order = np.argsort(-np.asarray(sides), kind="stable")
    free = np.ones(len(found.areas), bool)
    # What reaches in from outside is no piece of a mark, and has none.
    touches = (found.boxes[:, :2] == 0).any(axis=1)
    touches |= (found.boxes[:, 2:] == found.shape[::-1]).any(axis=1)
    groups = []
    for seed in order:
        if sides[seed] < MIN_SIDE:
            break
        if not free[seed]:
            continue
        members = belongs(found, int(seed), strength) & free & ~touches
        members &= not touches[seed]
        members[seed] = True
        free &= ~members
        groups.append(np.flatnonzero(members))
    return groups


def belongs(found: Components, seed: int, strength: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (n,): pieces that broke off the seed: above or below it, or nearly touching it.

    What stands beside it, as high as it is, is another digit.
    """
    left, top, right, bottom = found.boxes.T
    width, height = right - left, bottom - top
    sides = np.maximum(width, height)
    side = sides[seed]
    beside = np.minimum(right, right[seed]) - np.maximum(left, left[seed])
    above = np.minimum(bottom, bottom[seed]) - np.maximum(top, top[seed])
    gap_x, gap_y = np.maximum(-beside, 0), np.maximum(-above, 0)
    reach = np.where(sides <= 0.65 * side, 0.2, 0.1) * side
    is_aligned = (beside >= 0.5 * width) & (gap_y <= reach)
    is_further_down = above <= 0.2 * np.minimum(height, height[seed])
    is_stacked = is_further_down & (np.maximum(gap_x, gap_y) <= 0.1 * side)
    is_close = (np.maximum(gap_x, gap_y) <= 0.06 * side) & (sides <= 0.5 * side)
    is_alike = (strength >= 0.4 * strength[seed]) & (found.areas >= 0.015 * found.areas[seed])
    return (is_aligned | is_stacked | is_close) & is_alike


def _mark(
    pieces: Pieces, group: NDArray[np.int64], scale: float, level: int, ground: Relief
) -> Mark:
    found, view = pieces.components, VIEWS[level]
    left, top = found.boxes[group, :2].min(axis=0).tolist()
    right, bottom = found.boxes[group, 2:].max(axis=0).tolist()
    chosen = np.zeros(len(found.areas), bool)
    chosen[group] = True
    height, width = found.shape
    areas = found.areas[group]
    total = int(areas.sum())

    def mean(values: NDArray[np.float64]) -> float:
        return float((values[group] * areas).sum() / total)

    mask = found.cut(chosen, (left, top, right, bottom))
    strength, thickness = mean(pieces.strength), mean(pieces.thickness)
    return Mark(
        (float(left * scale), float(top * scale), float(right * scale), float(bottom * scale)),
        mask,
        ground.is_light,
        strength=strength,
        thickness=thickness / float(max(right - left, bottom - top)),
        edged=mean(pieces.edged),
        alone=_alone(mask, (left, top), strength, ground),
        touches=int(left == 0) + int(top == 0) + int(right == width) + int(bottom == height),
        is_whole=thickness <= view.most_px or view is VIEWS[-1],
        scale=scale,
        level=level,
    )


STEPS = np.linspace(-0.5, 0.5, 13)
"""Places along a side that its surroundings are looked at."""


def _alone(
    mask: NDArray[np.bool_], corner: tuple[int, int], strength: float, ground: Relief
) -> float:
    """Samples the picture on rectangles around a mark, and counts where it differs from it."""
    smooth, (rows, columns) = ground.smooth, mask.shape
    left, top = corner
    own = float(smooth[top : top + rows, left : left + columns][mask].mean())
    reach = np.array(FURTHER)[:, np.newaxis] * max(rows, columns)
    y = top + rows / 2 + STEPS * (rows + 2 * reach)
    x = left + columns / 2 + STEPS * (columns + 2 * reach)
    # Left and right sides, then top and bottom ones: row and column of each place.
    side = len(STEPS)
    at = np.empty((2, len(FURTHER), 4 * side))
    at[0, :, :side] = at[0, :, side : 2 * side] = y
    at[0, :, 2 * side : 3 * side], at[0, :, 3 * side :] = top - reach, top + rows + reach
    at[1, :, :side], at[1, :, side : 2 * side] = left - reach, left + columns + reach
    at[1, :, 2 * side : 3 * side] = at[1, :, 3 * side :] = x
    np.maximum(at, 0, out=at)
    np.minimum(at[0], smooth.shape[0] - 1, out=at[0])
    np.minimum(at[1], smooth.shape[1] - 1, out=at[1])
    in_y, in_x = at.astype(np.int64)
    around = smooth[in_y, in_x].astype(np.float64)
    difference = own - around if ground.is_light else around - own
    light = np.maximum(np.maximum(around, own), MIN_BRIGHTNESS)
    return float(np.mean(difference / light > 0.4 * strength))
