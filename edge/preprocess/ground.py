"""The ground that things lie on: how light it is in each place, and what differs from it.

All is compared as logarithms of light, so that a lamp's slope is a smooth plane, a shadow is a
step of brightness that leaves the hue alone, and both are as high on dark ground as on light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.spread import Mask, Planes, extremes, interpolate, spread

OFFSET = 16.0
"""Added to the 255 steps before the logarithm, or noise in the dark would pass for contrast."""
STEP_SIGMAS = 3.0
MIN_STEP = 0.006
"""A larger step from pixel to pixel is no slope of light; in logarithms, as all that follows."""
RANGE = (0.08, 0.05)
"""How far ground may lie outside the range of the frame's border: brightness, hue."""
DEEPEST = 0.6
"""A shadow that leaves a quarter of the light is this deep, in sRGB's steps."""
FURTHER = 0.1
NEAR = 12
ROUNDS = 8
"""How far ground may lie from the range of the ground that was found within so many pixels, and
how often that is looked for anew."""
DIFFERENT = (0.06, 0.042)
NOISE_SIGMAS = 5.0
"""What differs by more than both, in brightness or in hue, is no ground."""
EDGE = 10
EDGE_ROUNDS = 2
"""Pixels on either side of a shadow's edge within which it is one."""


@dataclass(frozen=True)
class Ground:
    """A picture with its ground known."""

    surface: Planes
    """float32 (3, H, W): logarithms of the ground's light, also beneath what lies on it."""
    residual: Planes
    """float32 (3, H, W): the picture's less the ground's: brightness, red and blue over it."""
    differs: Mask
    """bool (H, W): what is no ground; shadows that lie free of the border may be among it."""
    tolerance: tuple[float, float]
    """What differs by less may be ground: brightness, hue."""

    @property
    def strength(self) -> NDArray[np.float32]:
        """float32 (H, W): how far each pixel is from the ground."""
        return np.asarray(np.abs(self.residual).max(axis=0))

    @property
    def same_hue(self) -> Mask:
        """bool (H, W): what may be ground in a shadow, by its hue."""
        brightness, red, blue = np.abs(self.residual)
        # A deep shadow is lit from elsewhere, and OFFSET weighs most in the darkest channel.
        return np.asarray(np.maximum(red, blue) < 1.5 * self.tolerance[1] + 0.15 * brightness)

    @property
    def luma(self) -> NDArray[np.float32]:
        """float32 (H, W), 4 to 255: the ground as a gray picture would show it."""
        brightness, red, blue = self.surface
        weighted = (0.299, red), (0.587, -red - blue), (0.114, blue)
        light = sum(weight * np.exp(brightness + hue) for weight, hue in weighted)
        return np.clip(np.asarray(light, np.float32) - OFFSET, 4, 255)


def find_ground(rgb: NDArray[np.uint8]) -> Ground:
    """The ground of uint8 (H, W, 3), of at least 8x8 pixels; its border is ground, most of it.

    Ground is what can be reached from the border without a step and stays within the border's
    range of light; then the same again, within the range of the ground that was found near by.
    """
    planes = _planes(rgb)
    height = planes.shape[1]
    across, down = (np.abs(np.diff(planes, axis=axis)) for axis in (2, 1))
    noise = np.percentile(_border(across, max(3, height // 16)), 68, axis=1).astype(np.float32)
    steps = np.maximum(STEP_SIGMAS * noise, MIN_STEP)
    steps[1:] = steps[1:].max()
    walls = [(one > steps[:, np.newaxis, np.newaxis]).any(axis=0) for one in (across, down)]
    flat = planes - _border_surface(planes)
    seeds = _free_border(flat, noise)
    lowest, highest = _range(flat[:, seeds], noise)
    may_be = ((flat > lowest) & (flat < highest)).all(axis=0)
    reached = spread(seeds & may_be, *_walls(walls, may_be))
    for _ in range(ROUNDS):
        further = _near_alike(planes, reached, noise)
        before, reached = reached, spread(reached, *_walls(walls, further))
        if reached.sum() - before.sum() < 0.002 * reached.size:
            break
    surface = interpolate(planes, reached)
    return _ground(planes, surface, reached, noise)


def _near_alike(planes: Planes, reached: Mask, noise: NDArray[np.float32]) -> Mask:
    """bool (H, W): what is about as light as some ground near by, and of its hue."""
    light, hue = np.maximum((FURTHER, RANGE[1]), 3 * noise[:2])
    darkest, lightest = extremes(planes[0], reached, NEAR)
    may_be = (planes[0] > darkest - light) & (planes[0] < lightest + light)
    off = np.abs(planes[1:] - interpolate(planes[1:], reached)).max(axis=0)
    return np.asarray((may_be & (off < max(hue, 3 * noise[2]))) | reached)


def _ground(planes: Planes, surface: Planes, reached: Mask, noise: NDArray[np.float32]) -> Ground:
    residual = planes - surface
    least = max(DIFFERENT[0], NOISE_SIGMAS * float(noise[0]))
    least_hue = max(DIFFERENT[1], NOISE_SIGMAS * float(noise[1:].max()))
    other_hue = np.abs(residual[1:]).max(axis=0) > least_hue
    # The edge of a shadow lies between the ground on its two sides: so do its sides, once its
    # middle is known.
    known, near = reached, 0.3 * least
    for _ in range(EDGE_ROUNDS):
        darkest, lightest = extremes(planes[0], known, EDGE)
        between = (planes[0] > darkest - near) & (planes[0] < lightest + near) & ~other_hue
        known, near = known | between, 0.0
    differs = ((np.abs(residual[0]) > least) | other_hue) & ~known
    return Ground(surface, residual, differs, (least, least_hue))


def _planes(rgb: NDArray[np.uint8]) -> Planes:
    """float32 (3, H, W): brightness, and red and blue over it; a little smoothed."""
    table = np.log(np.arange(256, dtype=np.float32) + np.float32(OFFSET))
    light = np.pad(table[rgb.transpose(2, 0, 1)], ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = light[:, :-2] + 2 * light[:, 1:-1] + light[:, 2:]
    red, green, blue = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16
    brightness = (red + green + blue) / 3
    return np.stack([brightness, red - brightness, blue - brightness])


def _border(planes: Planes, width: int) -> Planes:
    """float32 (P, n): every other pixel of the outermost `width`."""
    top, bottom = planes[:, :width, ::2], planes[:, -width:, ::2]
    left, right = planes[:, ::2, :width], planes[:, ::2, -width:]
    return np.concatenate([part.reshape(len(planes), -1) for part in (top, bottom, left, right)], 1)


def _border_surface(planes: Planes) -> Planes:
    """float32 (P, H, W): the smooth surface, of second order, that the border lies on."""
    height, width = planes.shape[1:]
    y, x = np.meshgrid(
        np.linspace(-1, 1, height, dtype=np.float32),
        np.linspace(-1, 1, width, dtype=np.float32),
        indexing="ij",
    )
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    band = max(2, height // 40)
    known = _border(terms, band)
    fitted = np.stack([_fit(known, values) for values in _border(planes, band)])
    return np.tensordot(fitted, terms, 1)


def _fit(terms: Planes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (T,) of terms (T, n): least squares, in which what is far off counts little."""
    fitted = np.zeros(len(terms), np.float32)
    fitted[0] = np.median(values)  # not least squares, which half a shadow would bend
    for _ in range(6):
        off = np.abs(values - fitted @ terms)
        weighted = terms / (1 + (off / (1.5 * np.median(off) + 1e-3)) ** 2)
        ridge = 1e-4 * np.eye(len(terms), dtype=np.float32)
        fitted = np.linalg.solve(weighted @ terms.T + ridge, weighted @ values)
    return fitted


def _free_border(flat: Planes, noise: NDArray[np.float32]) -> Mask:
    """bool (H, W): the frame's outermost pixels but for things that reach in from outside.

    A thing leaves the corners free; so may a shadow, but only what was cut tightly out of a larger
    picture reaches from side to side.
    """
    height, width = flat.shape[1:]
    across, down = np.arange(width - 1), np.arange(height - 1)
    rows = np.concatenate([0 * across, down, 0 * across + height - 1, height - 1 - down])
    columns = np.concatenate([across, 0 * down + width - 1, width - 1 - across, 0 * down])
    brightness, red, blue = flat[:, rows, columns]
    light, hue, _ = _allowed(noise)
    other_hue = np.maximum(np.abs(red), np.abs(blue)) > hue
    other = (np.abs(brightness) > light) | other_hue
    corners = np.cumsum([0, width - 1, height - 1, width - 1])
    # Numbers of the stretches of one kind; the first and the last are one, across the corner.
    stretch = np.concatenate([[0], np.cumsum(other[1:] != other[:-1])])
    at_corner = np.isin(stretch, stretch[corners])
    if other[-1] == other[0]:
        at_corner |= stretch == stretch[-1]
    foreign = other & ~at_corner
    top, right, bottom, left = (part.any() for part in np.split(foreign, corners[1:]))
    if not (top and bottom) and not (left and right):
        foreign &= other_hue | (brightness > 0) | (brightness < -DEEPEST)
    free = ~foreign
    seeds = np.zeros((height, width), bool)
    seeds[rows[free], columns[free]] = True
    return seeds


def _range(border: Planes, noise: NDArray[np.float32]) -> tuple[Planes, Planes]:
    """float32 (3, 1, 1) each: least and largest that ground may be; border: (3, n)."""
    lowest, highest = np.percentile(border, [2, 98], axis=1).astype(np.float32)
    lowest[0] = max(lowest[0], -DEEPEST)
    highest[0] = min(highest[0], DEEPEST)
    allowed = _allowed(noise)
    return (lowest - allowed)[:, np.newaxis, np.newaxis], (highest + allowed)[
        :, np.newaxis, np.newaxis
    ]


def _allowed(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (3,): how far ground may be from where it is expected."""
    return np.maximum(np.array((RANGE[0], RANGE[1], RANGE[1]), np.float32), 3 * noise)


def _walls(steps: list[Mask], may_be: Mask) -> tuple[Mask, Mask]:
    """Between pixels: a step, or one of the two is none that may be ground."""
    across = steps[0] | ~(may_be[:, 1:] & may_be[:, :-1])
    return across, steps[1] | ~(may_be[1:] & may_be[:-1])
