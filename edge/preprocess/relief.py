"""What stands out of a surface, dark or light, whatever light falls on it: the top-hat transform.

A closing gives the surface as it would be without anything dark that is narrower than its window
(Serra, "Image Analysis and Mathematical Morphology", 1982). A slow change of light is left as it
is, and so is the edge of a shadow or of a page, which a blurred or median background would turn
into ink. What is compared is reflectance, so a shadow over half of a digit changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_BRIGHTNESS = 48
"""Of 255; where a surface is darker than this, noise would pass for contrast."""

MIN_STRENGTH = 0.1
"""Least part of the light that ink takes away; the palest pencil takes a fifth."""
NEAR = 9
"""Pixels: the edge of a stroke is no wider, so its core is within this window."""
NOISE_SIGMAS = 7
"""A closing lies two sigmas above its surface, and a frame has a million chances to go beyond."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Relief:
    """How far each pixel departs from the surface around it."""

    strength: NDArray[np.float32]
    """float32 (H, W), 0 (surface) to 1: the part of the light that the darker of the two lacks."""
    floor: NDArray[np.float32]
    """float32 (H, W): what the surface's own noise hardly reaches there."""
    smooth: Pixels
    """uint8 (H, W): the picture that it is the relief of, with less noise."""
    is_light: bool
    """Lighter than the surface was looked for."""


@dataclass(frozen=True)
class Smooth:
    """A picture with less noise, and how much is left; the same for all its reliefs."""

    pixels: Pixels
    """uint8 (H, W)."""
    noise: float
    """Standard deviation of its surface's grain."""


def smoothed(gray: Pixels) -> Smooth:
    """uint8 (H, W), made ready for `relief_of`."""
    pixels = _smooth(gray)
    return Smooth(pixels, _noise(pixels))


def relief(gray: Pixels, window: int, is_light: bool) -> Relief:
    """Relief of uint8 (H, W); as `relief_of`."""
    return relief_of(smoothed(gray), window, is_light)


def relief_of(picture: Smooth, window: int, is_light: bool) -> Relief:
    """What stands out of a picture.

    window: side in pixels; what is wider is surface itself.
    is_light: look for what is lighter than the surface, not darker.
    """
    smooth = picture.pixels
    if is_light:
        # By the brightest near by, not by the pixel's own light: so a soft edge rises evenly.
        surface, brighter = _open(smooth, window), widen(smooth, NEAR)
        difference = smooth - surface
    else:
        surface = brighter = _close(smooth, window)
        difference = surface - smooth
    light = np.maximum(brighter, MIN_BRIGHTNESS).astype(np.float32)
    floor = np.maximum(NOISE_SIGMAS * picture.noise / light, MIN_STRENGTH)
    return Relief(difference / light, floor, smooth, is_light)


def _noise(smooth: Pixels) -> float:
    """Standard deviation of the surface's grain in uint8 (H, W): what a blur takes away.

    By the median, for most pixels are surface, and the edges of what is written are few.
    """
    from PIL import Image, ImageFilter

    blurred = np.asarray(Image.fromarray(smooth).filter(ImageFilter.BoxBlur(3)))
    grain = np.abs(smooth[::2, ::2].astype(np.int16) - blurred[::2, ::2])
    # Steps are whole numbers: the median is sought between them, or faint noise would be none.
    counts = np.cumsum(np.bincount(grain.ravel(), minlength=2))
    half = counts[-1] / 2
    step = int(np.searchsorted(counts, half))
    before = counts[step - 1] if step else 0
    return 1.4826 * float(step - 0.5 + (half - before) / max(counts[step] - before, 1))


def surface_of(smooth: Pixels, window: int, is_light: bool) -> Pixels:
    """The surface alone, uint8 (H, W): without what is darker, or lighter, and narrower."""
    return _open(smooth, window) if is_light else _close(smooth, window)


def widen(gray: Pixels, window: int) -> Pixels:
    """Dilation: the brightest of the window around each pixel of uint8 (H, W)."""
    return _slide(_padded(gray, window // 2), window, np.maximum)


def _smooth(gray: Pixels) -> Pixels:
    """Weights 1 2 1 both ways: three eighths of a sensor's noise are left."""
    padded = _padded(gray, 1).astype(np.uint16)
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return ((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:] + 8) >> 4).astype(np.uint8)


def _close(gray: Pixels, window: int) -> Pixels:
    # Padded once for both, so that the border too is as if the surface went on beyond it.
    padded = _padded(gray, window // 2 * 2)
    return _slide(_slide(padded, window, np.maximum), window, np.minimum)


def _open(gray: Pixels, window: int) -> Pixels:
    padded = _padded(gray, window // 2 * 2)
    return _slide(_slide(padded, window, np.minimum), window, np.maximum)


def _slide(padded: Pixels, window: int, extreme: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
    """The extreme of each window (of odd side) that lies within, by doubling: log2 passes."""
    side = window // 2 * 2 + 1
    covered = 1
    while covered < side:
        step = min(covered, side - covered)
        padded = extreme(padded[:, :-step], padded[:, step:])
        covered += step
    covered = 1
    while covered < side:
        step = min(covered, side - covered)
        padded = extreme(padded[:-step], padded[step:])
        covered += step
    return padded


def _padded(gray: Pixels, margin: int) -> Pixels:
    """As if the surface went on beyond the border; np.pad takes several times as long."""
    rows, columns = gray.shape
    padded = np.empty((rows + 2 * margin, columns + 2 * margin), np.uint8)
    inner = padded[margin : margin + rows]
    inner[:, margin : margin + columns] = gray
    inner[:, :margin] = gray[:, :1]
    inner[:, margin + columns :] = gray[:, -1:]
    padded[:margin] = inner[0]
    padded[margin + rows :] = inner[-1]
    return padded
