"""A first look at a frame: one clear mark on plain paper is found in a fiftieth of the work.

`find_ink` looks in five views, for what is faint, small, thick, crossed by lines or beside others.
Here one coarse view tells where the only thing stands that is darker (or lighter) than its paper,
and the mark is cut out there. Whatever is not clear at once is left to `find_ink`: anything else
that stands out, even faintly, a border that is reached, pieces, a pen too thin or too thick.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.components import Components, find_components
from edge.preprocess.ink import finish
from edge.preprocess.region import Region, to_box
from edge.preprocess.relief import MIN_BRIGHTNESS, surface_of
from edge.preprocess.strokes import MAX_THICKNESS, belongs

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]

SIDE = 160
"""Longer side in pixels of the coarse view, about: whole steps of the frame's pixels make one."""
ROWS = 2
"""Of a frame in colour so many rows are looked at for one of the coarse view: to convert it all
takes longer than to look at it."""
RENDER_SIDE = 80
"""Longer side in pixels at which a mark is cut out: four for each of the 20 that are left."""
DETAIL = 32
"""Pixels of the frame that a mark's longer side has at least, for the 20 that are left."""
WINDOW = 33
"""Side in pixels of what is still a stroke in it."""
SIDES = (9, 0.8)
"""A mark's longer side, at least in its pixels, at most of its shorter side: others are looked at
more closely, or through a wider window."""
OUTER = (0.002, 0.5, 0.998)
"""Parts of all pixels that are darker than ink, paper, or chalk: which of them is farther off."""
LEAST_STRENGTH = 0.3
"""Part of the light that ink takes; pencil and faint ink are looked at more closely."""
CORE = 0.5
"""Of the mark's strength: what is stronger is part of it."""
FAINT = 0.3
"""Of the mark's strength: anything so strong elsewhere makes it unclear."""
AROUND, UNLIKE = 0.9, 0.6
"""How far around it, of its longer side, all must differ from it by so much of its strength."""
RIM = 2
"""Pixels around it in the coarse view that its own blur may reach."""
MARGIN = 0.1
"""Of its longer side: what is cut out around it beside the rim, to see that it ends there."""
PEN = (0.03, 0.36)
"""Of its longer side: the strokes' width."""
CRUMB = 0.02
"""Of its area: smaller pieces are no part of it, and larger ones make it unclear."""


@dataclass(frozen=True)
class Spot:
    """Where the mark is in the coarse view, in its pixels."""

    left: int
    top: int
    right: int
    bottom: int
    seen: Pixels
    """uint8 (h, w): the coarse view."""
    surface: Pixels
    """uint8 (h, w): its paper, without the ink."""
    strength: NDArray[np.float32]
    """float32 (h, w): the part of the light that the darker one of ink and paper lacks."""
    typical: float
    """Strength of the mark."""
    is_light: bool
    """Lighter than its paper."""
    step: int
    """The frame's pixels a side that one of these stands for."""

    @property
    def side(self) -> int:
        """The longer one."""
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def zoom(self) -> float:
        """Pixels of what is cut out for one of the frame."""
        return RENDER_SIDE / (self.side * self.step)


def glance_at(frame: Pixels, height: int, width: int) -> Region | None:
    """The one mark of a frame, much as `find_ink` brings it; none where it is not clear.

    frame: uint8 (H, W, 3) RGB or (H, W) gray.

    Returns:
        Pixels uint8 (height, width, 1), light ink on black, and its box in the frame.
    """
    spot = find_spot(frame)
    if spot is None:
        return None
    strength, (left, top) = cut_out(frame, spot)
    found = _digit(strength)
    if found is None or found[2] * spot.side > MAX_THICKNESS * WINDOW * RENDER_SIDE:
        return None
    (first_row, last_row, first_column, last_column), typical, thickness = found
    rows, columns = max(0, first_row - 2), max(0, first_column - 2)
    own = strength[rows : last_row + 3, columns : last_column + 3]
    pixels = finish(own > CORE * typical, own, typical, thickness, height, width)
    box = to_box(
        left + first_column / spot.zoom,
        top + first_row / spot.zoom,
        left + (last_column + 1) / spot.zoom,
        top + (last_row + 1) / spot.zoom,
    )
    return Region(pixels[:, :, np.newaxis], box)


def find_spot(frame: Pixels) -> Spot | None:
    """The only thing that stands out of a coarse view of the frame, if it is clear."""
    step = max(1, round(max(frame.shape[:2]) / SIDE))
    skip = step // ROWS if frame.ndim == 3 and step % ROWS == 0 else 1
    view = _gray(frame[::skip])
    if step > 1:
        view = view.reduce((step, step // skip))
    below = list(accumulate(view.histogram()))
    low, middle, high = (bisect_left(below, part * below[-1]) for part in OUTER)
    is_light = high - middle > middle - low
    seen = np.asarray(view)
    surface = surface_of(seen, WINDOW, is_light)
    strength = _strength(seen, surface, is_light)
    down, across = strength.max(axis=1), strength.max(axis=0)
    most = float(down.max())
    if most < LEAST_STRENGTH:
        return None
    typical = _typical(strength[strength > CORE * most])
    rows, columns = np.flatnonzero(down > CORE * typical), np.flatnonzero(across > CORE * typical)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    spot = Spot(left, top, right, bottom, seen, surface, strength, typical, is_light, step)
    is_clear = (
        typical >= LEAST_STRENGTH
        and max(DETAIL / step, SIDES[0]) <= spot.side <= SIDES[1] * min(seen.shape)
        and _is_only(spot)
        and _is_free(spot)
    )
    return spot if is_clear else None


def cut_out(frame: Pixels, spot: Spot) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The strength of the mark and a little around it, enlarged; and the frame's pixel there.

    Returns:
        float32 (h, w), `spot.zoom` pixels for one of the frame; left and top.
    """
    from PIL import Image

    (rows, columns), step, zoom = frame.shape[:2], spot.step, spot.zoom
    air = RIM + MARGIN * spot.side
    # The view's last row and column may stand for fewer of the frame's pixels than the others.
    left, top = max(0, int((spot.left - air) * step)), max(0, int((spot.top - air) * step))
    right = min(columns, int((spot.right + air) * step))
    bottom = min(rows, int((spot.bottom + air) * step))
    size = (round((right - left) * zoom), round((bottom - top) * zoom))
    # Of a large mark not every row is needed: two for each that is cut out.
    skip = max(1, int(1 / (ROWS * zoom))) if frame.ndim == 3 else 1
    part = _gray(frame[top:bottom:skip, left:right])
    how = Image.Resampling.BICUBIC if zoom > 1 else Image.Resampling.BILINEAR
    gray = part.resize(size, how, (0, 0, right - left, min(part.height, (bottom - top) / skip)))
    coarse = (left / step, top / step, right / step, bottom / step)
    paper = Image.fromarray(spot.surface).resize(size, Image.Resampling.BILINEAR, coarse)
    return _strength(np.asarray(gray), np.asarray(paper), spot.is_light), (left, top)


def _gray(frame: Pixels) -> Image:
    """A gray picture of a frame; of one that is gray already, without a copy."""
    from PIL import Image

    if frame.ndim == 3:
        return Image.fromarray(np.ascontiguousarray(frame)).convert("L")
    rows, columns = frame.shape
    return Image.frombuffer("L", (columns, rows), np.ascontiguousarray(frame), "raw", "L", 0, 1)


def _strength(gray: Pixels, surface: Pixels, is_light: bool) -> NDArray[np.float32]:
    """float32: the part of the light that the darker one of ink and paper lacks."""
    brighter = np.maximum(gray, surface)
    difference = brighter - (surface if is_light else gray)
    light = np.maximum(brighter, np.uint8(MIN_BRIGHTNESS))
    return np.divide(difference, light, dtype=np.float32)


def _typical(strong: NDArray[np.float32]) -> float:
    """Mean of a mark's strength, weighted by its cube: that of its strokes, not of their rim."""
    cubes = strong * strong * strong
    return float((cubes * strong).sum()) / float(cubes.sum())


def _strips(pixels: NDArray[np.generic], spot: Spot, reach: int) -> list[NDArray[np.generic]]:
    """What lies above, below, to the left and to the right of a mark and its rim, so far off."""
    top, left = max(0, spot.top - RIM), max(0, spot.left - RIM)
    bottom, right = spot.bottom + RIM, spot.right + RIM
    rows = slice(max(0, top - reach), bottom + reach)
    columns = slice(max(0, left - reach), right + reach)
    return [
        pixels[rows.start : top, columns],
        pixels[bottom : rows.stop, columns],
        pixels[top:bottom, columns.start : left],
        pixels[top:bottom, right : columns.stop],
    ]


def _is_only(spot: Spot) -> bool:
    """Whether it is off the frame's border, and nothing else is nearly so strong."""
    rows, columns = spot.seen.shape
    if min(spot.top, spot.left, rows - spot.bottom, columns - spot.right) < 1:
        return False
    strips = _strips(spot.strength, spot, max(rows, columns))
    return all(strip.max(initial=0) < FAINT * spot.typical for strip in strips)


def _is_free(spot: Spot) -> bool:
    """Whether all around it differs from it as its paper does: no shadow, table or page's edge."""
    part = slice(spot.top, spot.bottom), slice(spot.left, spot.right)
    own = float(spot.seen[part][spot.strength[part] > CORE * spot.typical].mean())
    strips = _strips(spot.seen, spot, max(RIM, round(AROUND * spot.side)))
    left = 1 - UNLIKE * spot.typical  # of the light
    if spot.is_light:
        return all(strip.max(initial=0) <= own * left for strip in strips)
    return all(strip.min(initial=255) * left >= own for strip in strips)


def _digit(
    strength: NDArray[np.float32],
) -> tuple[tuple[int, int, int, int], float, float] | None:
    """Where the strokes of what was cut out are, how strong, and their width in pixels.

    Rows and columns, first and last. None where it is not in one piece, or not of a pen.
    """
    most = float(strength.max())
    typical = _typical(strength[strength > CORE * most])
    mask = strength > CORE * typical
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    if min(top, left, mask.shape[0] - 1 - bottom, mask.shape[1] - 1 - right) < 1:
        return None
    if not _is_one(find_components(mask[top : bottom + 1 : 2, left : right + 1 : 2])):
        return None
    area = np.count_nonzero(mask)
    across = area / np.count_nonzero(mask[:, 1:] > mask[:, :-1])
    along = area / np.count_nonzero(mask[1:] > mask[:-1])
    thickness = float(1 / (1 / across**2 + 1 / along**2) ** 0.5)
    if not PEN[0] * RENDER_SIDE <= thickness <= PEN[1] * RENDER_SIDE:
        return None
    return (top, bottom, left, right), typical, thickness


def _is_one(found: Components) -> bool:
    """Whether what was cut out is in one piece, but for crumbs and what broke off."""
    largest = int(found.areas.argmax()) if len(found.areas) else 0
    pieces = found.areas >= CRUMB * found.areas.max(initial=1)
    if np.count_nonzero(pieces) < 2:
        return bool(pieces.any())
    return bool((belongs(found, largest, np.ones(len(pieces))) | ~pieces)[pieces].all())
