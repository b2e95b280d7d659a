"""The things that lie on a ground: which of what differs from it belongs together, best first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.components import Components, find_components
from edge.preprocess.ground import Ground
from edge.preprocess.shadow import is_shadow, without_shadow
from edge.preprocess.spread import Mask, extremes

MIN_SIDE = 0.04
"""Of the picture's longer side, and at least 5 pixels: what is smaller is a speck."""
MIN_STRENGTH = 0.08
"""Mean difference from the ground, in logarithms of light."""
ALIKE = 0.35
"""Of a thing's strength: what differs less from the ground is no piece of it."""
FAINTEST = 0.08
"""Of the best thing's strength: what differs less is none beside it; white cloth lies by black."""
CUT_OFF = 0.3
"""Of its longer side: what runs along the border for longer is only part of a thing."""
SMALLEST = (0.2, 0.03)
"""Longer side and area, of the largest thing's: what is smaller is left out beside it."""
EDGE_PART = 0.5
BLUR = 1
"""Pixels that an outline is blurred by, to either side."""
BORDER = 0.1
"""What reaches in from outside counts this much; it is meant where nothing lies free."""


def find_things(ground: Ground, many: bool) -> list[Mask]:
    """Masks bool (H, W), without shadows: the best one, or all, best first.

    Empty when nothing lies on the ground.
    """
    found: list[Mask] = []
    for thing in _groups(ground):
        if is_shadow(thing, ground):
            continue
        bare = _sharp(_largest_pieces(without_shadow(thing, ground)), ground)
        if found and not _counts_beside(bare, found[0], ground):
            continue
        found.append(bare)
        if not many:
            break
    return found


def _groups(ground: Ground) -> Iterator[Mask]:
    """Pieces that belong together, the largest and strongest first."""
    found = find_components(ground.differs)
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    strength = _strength_of(found, ground)
    touches = (found.boxes[:, :2] == 0).any(axis=1)
    touches |= (found.boxes[:, 2:] == found.shape[::-1]).any(axis=1)
    weight = found.areas * strength * np.where(touches, BORDER, 1.0)
    least = max(5.0, MIN_SIDE * max(found.shape))
    free = np.ones(len(weight), bool)
    for seed in np.argsort(-weight, kind="stable").tolist():
        if not free[seed] or sides[seed] < least or strength[seed] < MIN_STRENGTH:
            continue
        members = _belongs(found, seed, strength) & free & (touches == touches[seed])
        members[seed] = True
        free &= ~members
        yield found.mask(members)


def _strength_of(found: Components, ground: Ground) -> NDArray[np.float64]:
    """(n,) mean difference of each component from the ground."""
    labels = np.repeat(found.labels, found.ends - found.starts)
    values = ground.strength[ground.differs]
    total = np.bincount(labels, weights=values, minlength=len(found.areas))
    return np.asarray(total / np.maximum(found.areas, 1))


def _belongs(found: Components, seed: int, strength: NDArray[np.float64]) -> Mask:
    """bool (n,): what hangs together with the seed though the ground shows between them.

    A strap, a sole below a white edge, a print: within its box, or smaller and close by. What
    stands beside it and is as large is another thing.
    """
    left, top, right, bottom = found.boxes.T
    side = max(right[seed] - left[seed], bottom[seed] - top[seed])
    over_x = np.minimum(right, right[seed]) - np.maximum(left, left[seed])
    over_y = np.minimum(bottom, bottom[seed]) - np.maximum(top, top[seed])
    inside = np.maximum(over_x, 0) * np.maximum(over_y, 0) > 0.5 * (right - left) * (bottom - top)
    gap = np.maximum(np.maximum(-over_x, -over_y), 0)
    smaller = found.areas < 0.4 * found.areas[seed]
    stacked = (over_x > 0.5 * (right - left)) & (gap < 0.2 * side) & smaller
    close = gap < np.where(smaller, 0.08, 0.03) * side
    alike = (strength >= ALIKE * strength[seed]) & (found.areas >= 0.01 * found.areas[seed])
    return np.asarray((inside | stacked | close) & alike)


def _largest_pieces(mask: Mask) -> Mask:
    """Without the crumbs that a shadow leaves when it is taken away."""
    found = find_components(mask)
    return found.mask(found.areas >= 0.01 * found.areas.max(initial=0))


def _sharp(mask: Mask, ground: Ground) -> Mask:
    """The mask with its outline where half of what stands within it is left of the difference.

    Outside of that lies its blur; what is paler further in stays.
    """
    strength = ground.strength
    _, strongest = extremes(strength, mask, BLUR)
    outside, _ = extremes(np.where(mask, np.float32(1), np.float32(0)), np.ones_like(mask), BLUR)
    return np.asarray(mask & ((strength >= EDGE_PART * strongest) | (outside == 1)))


def _counts_beside(thing: Mask, best: Mask, ground: Ground) -> bool:
    """Whether it is a thing by itself: no speck beside the best one, and not cut off."""
    (side, area), (best_side, best_area) = _extent(thing), _extent(best)
    strength, best_strength = (float(ground.strength[one].mean()) for one in (thing, best))
    cut = max(thing[0].sum(), thing[-1].sum(), thing[:, 0].sum(), thing[:, -1].sum())
    return bool(
        cut <= CUT_OFF * side
        and side >= SMALLEST[0] * best_side
        and area >= SMALLEST[1] * best_area
        and strength >= FAINTEST * best_strength
    )


def _extent(mask: Mask) -> tuple[int, int]:
    """Longer side and area in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(max(np.ptp(rows), np.ptp(columns))) + 1, int(mask.sum())
