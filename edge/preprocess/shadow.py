"""Cast shadows: what is darker than the ground, of its hue, and repeats a thing's outline."""

from __future__ import annotations

import numpy as np

from edge.preprocess.foreground import otsu
from edge.preprocess.ground import DEEPEST, Ground
from edge.preprocess.spread import Mask

COARSE = 56
"""Pixels of a thing's longer side at which shifts are tried."""
FAR = (0.02, 0.035, 0.05, 0.075, 0.1, 0.14)
"""Of the longer side: how far a shadow may be shifted."""
TURNS = (-0.8, -0.4, 0.0, 0.4, 0.8)
"""Radians to either side of where the shadow's middle lies."""
MIN_MATCH = 0.5
"""Of shadow and shifted thing together, the part that both cover."""
SOFT = 0.35
"""Of a shadow's depth: how far its brightness rises within two pixels to either side, at most."""


def without_shadow(thing: Mask, ground: Ground) -> Mask:
    """A thing without the shadow that it casts, if it does; nothing else of it is taken away.

    thing: bool (H, W), all that differs from the ground in one place.
    """
    brightness = ground.residual[0]
    may_be = thing & ground.same_hue & (brightness < 0) & (brightness > -DEEPEST)
    own = brightness[thing]
    if np.mean(own > ground.tolerance[0]) > 0.5:
        return thing & ~may_be  # a light thing: what is darker than the ground is no part of it
    if _has_hue(thing, ground):
        shadow = may_be
    else:
        deepest = max(float(np.percentile(-own, 75)), 1e-3)
        cut = otsu(np.clip(-own / deepest, 0, 1)) * deepest
        shadow = may_be & (brightness > -cut)
    rest = thing & ~shadow
    if not 0.01 * rest.sum() <= shadow.sum() <= 0.6 * rest.sum():
        return thing
    return rest if _match(shadow, rest) > MIN_MATCH else thing


def is_shadow(thing: Mask, ground: Ground) -> bool:
    """Whether all of it is a shadow: the ground's hue, darker, soft all over.

    What reaches from side to side is a picture's whole content, however blurred.
    """
    if (thing[0].any() and thing[-1].any()) or (thing[:, 0].any() and thing[:, -1].any()):
        return False
    brightness = ground.residual[0]
    depth = -float(np.percentile(brightness[thing], 10))
    hue = np.abs(ground.residual[1:]).max(axis=0)[thing]
    if not 0 < depth < DEEPEST or np.mean(hue < 1.5 * ground.tolerance[1]) < 0.9:
        return False
    padded = np.pad(brightness, 2, mode="edge")
    rise = np.maximum(
        np.abs(padded[4:, 2:-2] - padded[:-4, 2:-2]), np.abs(padded[2:-2, 4:] - padded[2:-2, :-4])
    )
    return float(np.percentile(rise[thing], 90)) < SOFT * depth


def _has_hue(thing: Mask, ground: Ground) -> bool:
    hue = np.abs(ground.residual[1:]).max(axis=0)
    return float(np.median(hue[thing])) > 3 * ground.tolerance[1]


def _match(shadow: Mask, rest: Mask) -> float:
    """How well the shadow is what the rest would cast, at the best shift: 0 to 1.

    So a pale sleeve or the light toe of a shoe is none: the whole outline must be repeated.
    """
    rows, columns = (np.flatnonzero((shadow | rest).any(axis=axis)) for axis in (1, 0))
    area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = max(np.ptp(rows), np.ptp(columns)) + 1
    every = max(1, round(side / COARSE))
    cast, thing = (np.pad(one[area][::every, ::every], 1) for one in (shadow, rest))
    (y, x), (own_y, own_x) = (np.argwhere(one).mean(axis=0) for one in (shadow, rest))
    direction = np.arctan2(y - own_y, x - own_x)
    angles = direction + np.array(TURNS)[:, np.newaxis]
    far = np.array(FAR) * side / every
    shifts = np.rint(np.stack([far * np.sin(angles), far * np.cos(angles)], -1)).astype(int)
    tried = {(int(down), int(right)) for down, right in shifts.reshape(-1, 2)} - {(0, 0)}
    best = 0.0
    for down, right in tried:
        beside = _shift(thing, down, right) & ~thing
        both = np.count_nonzero(beside & cast)
        best = max(best, both / max(1, np.count_nonzero(beside | cast)))
    return best


def _shift(mask: Mask, down: int, right: int) -> Mask:
    shifted = np.zeros_like(mask)
    height, width = mask.shape
    shifted[max(down, 0) : height + down, max(right, 0) : width + right] = mask[
        max(-down, 0) : height - down, max(-right, 0) : width - right
    ]
    return shifted
