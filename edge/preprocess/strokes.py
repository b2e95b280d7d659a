"""What is written in a frame: strokes darker or lighter than their surface, grouped into marks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.components import Components, find_components
from edge.preprocess.foreground import otsu, shrink
from edge.preprocess.lines import MIN_LENGTH, erase_lines
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
EDGE = 3
"""Pixels outside of a stroke at which its surface is looked for."""
CUTOFF = (0.45, 0.62)
"""Of a stroke's own strength: what is fainter is no part of it. Between the two by Otsu."""
LARGEST = 16
"""Components that may be more than one stroke; the others are cut at the lower."""
MIN_SIDE = 7
"""Pixels: a smaller mark is a speck."""
MAX_RUNS = 12_000
"""More runs than any writing has: noise, which is cut off higher up."""


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


@dataclass(frozen=True)
class Pieces:
    """Connected pieces of strokes at one level, and what is known of each: arrays of (n,)."""

    components: Components
    strength: NDArray[np.float64]
    thickness: NDArray[np.float64]
    """Pixels of the level."""
    edged: NDArray[np.float64]
    """Part of the outline across which the picture really changes, 0 to 1."""


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


def find_pieces(ground: Relief, line_px: int = 0) -> Pieces:
    """Connected strokes of a relief, each cut off at half of its own strength.

    So what is fainter than a stroke and touches it, a ruled line or a shadow, falls off.

    line_px: the thickest that a printed line can be; 0: lines are not looked for.
    """
    strength, floor = ground.strength, ground.floor
    mask = strength > floor
    found = find_components(mask)
    while len(found.rows) > MAX_RUNS:
        floor = floor * 1.5
        mask = strength > floor
        found = find_components(mask)
    if line_px and _spans(found):
        mask = erase_lines(mask, line_px)
        found = find_components(mask)
    # From here on only the pixels of strokes are looked at, by their place in the raveled frame.
    flat = np.ascontiguousarray(strength).ravel()
    places, labels = found.pixels()
    values = flat[places]
    stronger = values > _cutoffs(found, values, labels).astype(np.float32)[labels]
    refined = np.zeros(strength.shape, np.bool_)
    refined.ravel()[places[stronger]] = True
    found = find_components(refined)
    places, labels = found.pixels()
    typical = _strength_of(found, flat[places], labels)
    tops, bottoms = _ends(refined, places)
    return Pieces(
        found,
        typical,
        _thickness_of(found, labels[tops]),
        _edged(found, places, labels, tops, bottoms, ground, typical),
    )


def _ends(
    mask: NDArray[np.bool_], places: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels, of those at `places`, are the first and the last of a vertical run."""
    width = mask.shape[1]
    padded = np.zeros((mask.shape[0] + 2, width), np.bool_)
    padded[1:-1] = mask
    flat = padded.ravel()
    return ~flat[places], ~flat[places + 2 * width]


def _edged(
    found: Components,
    places: NDArray[np.int64],
    labels: NDArray[np.int64],
    tops: NDArray[np.bool_],
    bottoms: NDArray[np.bool_],
    ground: Relief,
    typical: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n,) part of each outline that is an edge in the picture.

    Where a gap between strokes, or between a stroke and a page's edge, widens beyond the window,
    it ends without one; so does a shadow, and a stroke that is too thick for the window.

    places, labels: of each pixel; tops, bottoms: which of them end a vertical run.
    """
    height, width = found.shape
    smooth = ground.smooth.ravel()
    base, left, right = found.rows * width, found.starts, found.ends - 1
    top, bottom = places[tops], places[bottoms]
    last = (height - 1) * width
    outline = [
        (found.labels, base + left, base + np.maximum(left - EDGE, 0)),
        (found.labels, base + right, base + np.minimum(right + EDGE, width - 1)),
        (labels[tops], top, np.where(top >= EDGE * width, top - EDGE * width, top % width)),
        (
            labels[bottoms],
            bottom,
            np.where(
                bottom + EDGE * width < last + width, bottom + EDGE * width, last + bottom % width
            ),
        ),
    ]
    count = len(found.areas)
    edges, all_of = np.zeros(count), np.zeros(count)
    for label, at, outside_at in outline:
        inside = smooth[at].astype(np.float32)
        outside = smooth[outside_at].astype(np.float32)
        step = inside - outside if ground.is_light else outside - inside
        light = np.maximum(np.maximum(inside, outside), MIN_BRIGHTNESS)
        edges += np.bincount(label, step / light > 0.2 * typical[label], minlength=count)
        all_of += np.bincount(label, minlength=count)
    return edges / np.maximum(all_of, 1)


def _spans(found: Components) -> bool:
    """Whether anything is so long that it may be a line."""
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    return bool((sides >= MIN_LENGTH / 2 * np.array(found.shape[::-1])).any())


def _cutoffs(
    found: Components, values: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) strength that parts each component's strokes from what is fainter and touches them.

    values, labels: of each pixel.
    """
    typical = _strength_of(found, values, labels)
    cutoffs = CUTOFF[0] * typical
    for component in np.argsort(-found.areas, kind="stable")[:LARGEST]:
        own = values[labels == component]
        most = CUTOFF[1] * typical[component]
        cutoffs[component] = min(max(cutoffs[component], otsu(own)), most)
    return cutoffs


def _strength_of(
    found: Components, values: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) mean strength, weighted by its cube: that of the strokes, not of what touches them."""
    count = len(found.areas)
    cubes = values.astype(np.float64) ** 3
    total = np.bincount(labels, weights=cubes, minlength=count)
    return np.bincount(labels, weights=cubes * values, minlength=count) / np.maximum(total, 1e-12)


def _thickness_of(found: Components, tops: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) stroke width in pixels, from the mean lengths of horizontal and of vertical runs.

    tops: component of each vertical run.
    """
    count = len(found.areas)
    across = found.areas / np.maximum(np.bincount(found.labels, minlength=count), 1)
    along = found.areas / np.maximum(np.bincount(tops, minlength=count), 1)
    return np.asarray(1 / np.sqrt(1 / across**2 + 1 / along**2))


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
