"""Surfaces, spots and noise: what a camera shows where nobody has written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, label

from train.outliers.looks import CANVAS

Surface = NDArray[np.float64]
"""float64 (CANVAS, CANVAS), 0 to 1."""


def draw_surface(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), one of SURFACES over all of it, hard or soft."""
    surface = SURFACES[rng.integers(len(SURFACES))](rng)
    if rng.random() < 0.5:
        surface = (surface > np.quantile(surface, rng.uniform(0.3, 0.8))).astype(np.float64)
    return np.asarray(np.round(255 * surface), np.uint8)


def draw_patch(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), a surface within a box, an ellipse or a spot, black around it."""
    kind = rng.integers(3)
    if kind < 2:
        mask = np.asarray(_shape(rng, "box" if kind else "ellipse"), np.float64) / 255
    else:
        mask = _spots(rng)
    return np.asarray(draw_surface(rng) * mask, np.uint8)


def draw_solid(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), one to three filled boxes, ellipses or polygons; none is narrow."""
    kinds = ("box", "ellipse", "polygon")
    shapes = [_shape(rng, kinds[rng.integers(3)]) for _ in range(rng.integers(1, 4))]
    return np.asarray(np.maximum.reduce([np.asarray(one) for one in shapes]), np.uint8)


def draw_fragment(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), one connected piece of a surface, as is cut out of a photo."""
    surface = SURFACES[rng.integers(len(SURFACES))](rng)
    pieces, count = label(surface >= np.quantile(surface, rng.uniform(0.5, 0.9)))
    largest = np.argsort(np.bincount(pieces.ravel(), minlength=count + 1)[1:])[::-1] + 1
    chosen = pieces == largest[rng.integers(min(3, count))]
    return np.asarray(np.where(chosen, 255, 0), np.uint8)


def draw_noise(rng: np.random.Generator, side: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (height, width), noise over the whole field: uniform, normal, or salt and pepper."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(0, rng.integers(64, 257), side, dtype=np.uint8)
    if kind == 1:
        values = rng.normal(rng.uniform(0, 160), rng.uniform(20, 100), side)
        return np.clip(values, 0, 255).astype(np.uint8)
    return np.where(rng.random(side) < rng.uniform(0.02, 0.5), 255, 0).astype(np.uint8)


def _shape(rng: np.random.Generator, kind: str) -> Image.Image:
    picture = Image.new("L", (CANVAS, CANVAS))
    brush = ImageDraw.Draw(picture)
    size = rng.uniform(0.45, 0.9, 2) * CANVAS
    corner = rng.uniform(0, 1, 2) * (CANVAS - size)
    box = (*corner.tolist(), *(corner + size).tolist())
    if kind == "box":
        brush.rectangle(box, fill=255)
    elif kind == "ellipse":
        brush.ellipse(box, fill=255)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
        reach = rng.uniform(0.25, 0.5, len(angles)) * CANVAS
        x, y = reach * np.cos(angles), reach * np.sin(angles)
        points = np.stack([x, y], axis=1) + CANVAS / 2
        brush.polygon([(float(a), float(b)) for a, b in points], fill=255)
    return picture


def _stretched(values: Surface) -> Surface:
    low, high = values.min(), values.max()
    return (values - low) / max(1e-9, high - low)


def _clouds(rng: np.random.Generator) -> Surface:
    """Noise whose power falls with the frequency, as that of most things in a photo does."""
    rate = np.hypot(np.fft.fftfreq(CANVAS)[:, None], np.fft.rfftfreq(CANVAS)[None])
    rate[0, 0] = 1
    spectrum = np.fft.rfft2(rng.normal(size=(CANVAS, CANVAS))) / rate ** rng.uniform(0.5, 2)
    spectrum[0, 0] = 0
    return _stretched(np.fft.irfft2(spectrum, (CANVAS, CANVAS)))


def _waves(rng: np.random.Generator) -> Surface:
    """Stripes in one direction, or a grid of them in two."""
    down, right = np.mgrid[:CANVAS, :CANVAS] / CANVAS
    angle = rng.uniform(0, np.pi)
    across = np.cos(angle) * right + np.sin(angle) * down
    along = np.cos(angle) * down - np.sin(angle) * right
    turn = 2 * np.pi * rng.uniform(2.5, 9, 2)
    first = np.sin(turn[0] * across + rng.uniform(0, 6))
    second = np.sin(turn[1] * along + rng.uniform(0, 6))
    kind = rng.integers(3)
    return _stretched(first if kind == 0 else first * second if kind == 1 else first + second)


def _spots(rng: np.random.Generator) -> Surface:
    """Blotches: smoothed noise, cut at a height."""
    smooth = gaussian_filter(rng.normal(size=(CANVAS, CANVAS)), rng.uniform(2, 9))
    return (smooth > np.quantile(smooth, rng.uniform(0.5, 0.85))).astype(np.float64)


def _dots(rng: np.random.Generator) -> Surface:
    picture = Image.new("L", (CANVAS, CANVAS))
    brush = ImageDraw.Draw(picture)
    for x, y, radius in rng.uniform((0, 0, 1), (CANVAS, CANVAS, 7), (rng.integers(4, 40), 3)):
        brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(picture) / 255


def _slope(rng: np.random.Generator) -> Surface:
    """A gradient, straight or about a point."""
    down, right = np.mgrid[:CANVAS, :CANVAS] / CANVAS
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        return _stretched(np.cos(angle) * right + np.sin(angle) * down)
    x, y = rng.uniform(0, 1, 2)
    return 1 - _stretched(np.hypot(right - x, down - y))


SURFACES: tuple[Callable[[np.random.Generator], Surface], ...] = (
    _clouds,
    _clouds,
    _waves,
    _spots,
    _dots,
    _slope,
)
